"""Machines whose p-bits decide on moves of permutations: the tours and assignments of `PermutationModel`.

A decision reads the distances that a move changes, adds them up and lets one p-bit accept it with probability
σ(−βΔE). An accepted reversal or insertion rewrites the slots between its ends, one after another; a swap rewrites two.
What a run counts: decisions ("update"), distances and flows read ("weight_read"), slots rewritten ("reversal_step"),
accepted moves ("toggle"), 128 random bits a decision, words read out and written.

With tiles (`Moves.tile`), decisions in different tiles are made at once: the emulation makes them one after another,
which is the same, since no two tiles touch or read what the other moves. The tiles are taken to be equally busy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.clocked import Timing
from hardware_models.traffic import traffic
from pbits.models import EnergyModel, PermutationModel
from pbits.moves import KINDS
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate
from pbits.sweeps import Scan, heat_bath
from pbits.sweeps.permutation import refused_moves

RANDOM_BITS_PER_DECISION = 128
"""Four words: a place, how far, the decision, and which kind of move."""


class Permutations(Substrate):
    """A memory of slots, a memory of distances, and a p-bit that accepts or rejects moves.

    Parameters
    ----------
    slots : int, optional
        Most items of a permutation; any number when absent.
    matrix_words, coordinate_places : int, optional
        What the memory of distances holds: so many numbers of a matrix (and of flows and costs of an assignment), or so
        many places with coordinates, whose distances are computed. Any number when absent.
    kinds : sequence of {"swap", "reverse", "insert"}
        Moves it is wired for.
    reach : int, optional
        Its longest wire, in slots: schedules must ask for moves of at most this reach. None: any.
    tiles : int
        Most tiles that decide at once; more than one needs `Moves.tile`.
    decision_s, read_s, rewrite_s : Figure or float, optional
        Seconds of a decision beside its reads, of reading one distance, and of rewriting one slot; None where not
        stated.
    frame_s, program_s : Figure or float, optional
        Seconds of reading a permutation out, and of writing the distances in.
    prices : PriceTable, optional
    name : str

    Raises
    ------
    ValueError
        For unknown kinds, or numbers that are not positive.

    Notes
    -----
    Every slot is wired to those within reach on both sides, so a machine of n slots has n · reach wires, and each
    reads from one memory of distances.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import pbit
    >>> tour = pbits.PermutationModel(pbits.models.Distances(coordinates=[[0, 0], [0, 1], [1, 1], [1, 0]]))
    >>> machine = pbit.Permutations(decision_s=5e-9, read_s=1e-9, rewrite_s=1e-9, frame_s=0, program_s=0)
    >>> run = pbits.run(tour, machine, pbits.Schedule(n_samples=100, chains=1), seed=1)
    >>> run.counts["update"], run.device_time_s > 200 * 4 * 5e-9
    (800.0, True)
    """

    def __init__(
        self,
        *,
        slots: int | None = None,
        matrix_words: int | None = None,
        coordinate_places: int | None = None,
        kinds: tuple[str, ...] = KINDS,
        reach: int | None = None,
        tiles: int = 1,
        decision_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        rewrite_s: Figure | float | None = None,
        frame_s: Figure | float | None = None,
        program_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "permutation machine",
        spec: MachineSpec | None = None,
    ):
        unknown = set(kinds) - set(KINDS)
        if unknown or not kinds:
            raise ValueError(f"kinds is {kinds!r}; it must name some of {', '.join(KINDS)}")
        whole = {"slots": slots, "matrix_words": matrix_words, "coordinate_places": coordinate_places, "reach": reach}
        for label, number in (whole | {"tiles": tiles}).items():
            if number is not None and (number < 1 or number != int(number)):
                raise ValueError(f"{label} is {number}; it must be a whole number of at least 1")
        self.name = name
        self.prices = prices
        self.spec = spec
        self._slots = slots
        self._matrix_words = matrix_words
        self._coordinate_places = coordinate_places
        self._kinds = tuple(kind for kind in KINDS if kind in kinds)
        self._reach = reach
        self._tiles = tiles
        self._seconds = {"decision": decision_s, "read": read_s, "rewrite": rewrite_s}
        self._timing = Timing(read_s=frame_s, program_s=program_s)
        Timing(phase_s=decision_s)
        Timing(phase_s=read_s)
        Timing(phase_s=rewrite_s)
        self.capabilities = Capabilities(
            domains=frozenset({"permutation"}),
            models=(PermutationModel,),
            clamp=False,
            rules=frozenset({"heat-bath"}),
            reach=reach,
        )

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons or not isinstance(model, PermutationModel):
            return reasons
        if self._slots is not None and model.n > self._slots:
            reasons.append(f"the permutation has {model.n:,} items and the machine {self._slots:,} slots")
        words, places = _held(model)
        if words and self._matrix_words is not None and words > self._matrix_words:
            reasons.append(f"the model has {words:,} numbers and its memory holds {self._matrix_words:,}")
        if places and self._coordinate_places is not None and places > self._coordinate_places:
            reasons.append(f"the model has {places:,} places and its memory holds {self._coordinate_places:,}")
        return reasons if schedule is None else reasons + self._refused_moves(model, schedule)

    def _refused_moves(self, model: PermutationModel, schedule: Schedule) -> list[str]:
        moves = schedule.moves
        reasons = refused_moves(model, moves)
        usual = ("swap",) if model.kind == "assignment" else ("reverse", "insert")
        missing = set((moves.kinds if moves else None) or usual) - set(self._kinds)
        if missing:
            reasons.append(f"it is wired for {', '.join(self._kinds)}, and not for {', '.join(sorted(missing))}")
        reach = moves.reach if moves else None
        if self._reach is not None and (reach or math.inf) > self._reach and model.n // 2 > self._reach:
            reasons.append(
                f"its longest wire spans {self._reach} slots and moves may reach {reach or 'any number'}; give the "
                f"schedule moves=pbits.Moves(reach={self._reach})"
            )
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, PermutationModel), "limits() lets through only permutations"
        return PermutationProgram(model, self._timing, self._seconds, self._tiles)


class PermutationProgram(Program):
    """A permutation model on a machine that decides on moves.

    Parameters
    ----------
    timing : of read-outs and programming
    seconds : {"decision", "read", "rewrite"} → seconds of each, None where not stated
    tiles : most tiles that decide at once
    """

    def __init__(
        self, model: PermutationModel, timing: Timing, seconds: dict[str, Figure | float | None], tiles: int = 1
    ):
        self._model = model
        self._timing = timing
        self._seconds = seconds
        self._tiles = tiles

    def realised(self, beta: float) -> PermutationModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        model, n, chains = self._model, self._model.n, schedule.chains
        tally = heat_bath(self.realised, Scan.random(n), schedule, streams, initial, observe, {})
        moves = schedule.moves
        tiles = 1 if moves is None or moves.tile is None else min(self._tiles, n // moves.tile)
        timing = self._timing
        moved = traffic(
            schedule,
            tally,
            copies=1,
            stores_beta=False,
            preset=initial is not None,
            program_s=Figure.of(timing.program_s),
            start_s=timing.start_s,
        )
        words, places = _held(model)
        counts = {
            "update": tally.updates,
            "weight_read": tally.counted["weight_read"],
            "reversal_step": tally.counted["reversal_step"],
            "toggle": tally.toggles,
            "random_bit": RANDOM_BITS_PER_DECISION * tally.updates,
            "read": moved.read_frames * n * chains,
            "write": words + 2 * places + n * moved.states_written,
        }
        work = {"decision": "update", "read": "weight_read", "rewrite": "reversal_step"}
        spent = sum((counts[work[part]] * Figure.of(s) for part, s in self._seconds.items()), Figure.of(0.0))
        # One machine runs the chains one after another, so a step is the mean over all of them.
        step_s = spent / max(1, tally.steps * chains * tiles)
        timeline = timing.play(schedule, tally.steps, moved, step_s=step_s, steered=tally.steered is not None)
        longest = min((moves.reach if moves else None) or n, n // 2)
        notes: dict[str, Any] = {
            "decisions_per_step": n,
            "tiles_at_once": tiles,
            "longest_wire": longest,
            "wires": n * longest,
            "batches": moved.batches,
            **moved.notes,
        }
        return Execution(
            counts=counts,
            seconds={"active": timeline.active, "idle": timeline.idle},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes=notes,
            programming=moved.programming(words + 2 * places, Figure.of(timing.program_s)),
        )


def _held(model: PermutationModel) -> tuple[int, int]:
    """Numbers of matrices, and places with coordinates, that a model has."""
    assigned = 0 if model.kind == "tour" else 2 * model.n**2
    return (model.n**2 + assigned, 0) if model.distances.matrix is not None else (assigned, model.n)


_KEYS = (
    "machine", "slots", "matrix_words", "coordinate_places", "moves", "reach", "tiles", "decision_time", "read_time",
    "rewrite_time", "frame_time", "program_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Permutations:
    """A permutation machine from a catalogue entry: one whose `machine` is "permutations"."""
    spec.reject_unknown(_KEYS)
    moves = spec.text("moves", default=",".join(KINDS))
    return Permutations(
        slots=spec.integer("slots", default=None),
        matrix_words=spec.integer("matrix_words", default=None),
        coordinate_places=spec.integer("coordinate_places", default=None),
        kinds=tuple(part.strip() for part in moves.split(",")),
        reach=spec.integer("reach", default=None),
        tiles=spec.integer("tiles", default=1) or 1,
        decision_s=spec.figure("decision_time", "s"),
        read_s=spec.figure("read_time", "s"),
        rewrite_s=spec.figure("rewrite_time", "s"),
        frame_s=spec.figure("frame_time", "s"),
        program_s=spec.figure("program_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
