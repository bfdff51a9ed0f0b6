"""Clocked arrays of two-state cells: the common part of FPGA p-bits and parallel Gibbs blocks.

A sweep is a sequence of clock phases; in a phase a group of cells sees the state before it and moves. What a
run counts: updates, weights read (`weights_per_update`; for a random scan their expected number), toggles, random
bits, cells read out, and cells written when the machine is programmed or given a start state. Writing start states
is taken to last as long as a read-out, which moves as many bits. The machine is active while it sweeps, and idle
for the rest of its device time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from hardware_models.effects import Effect, ReadoutFlips, Wandering
from hardware_models.timeline import Cycle, Mix, Plan, Timeline, Work, course, play
from hardware_models.traffic import Traffic, traffic
from pbits.mapping import colour_classes
from pbits.models import CategoricalModel, DirectedModel, EnergyModel, GaussianModel, IsingModel, PolynomialModel
from pbits.parameters import Evidence, Figure
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Execution, Law, Observer, Placement, Program, without
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, Scan, Watch, heat_bath
from pbits.sweeps.chains import Wander

# A run that counts by state looks at it this often, and at chains of this many spins together.
_LOOKS = 64
_LOOK_SPINS = 1 << 16

UPDATES = ("sequential", "random", "chromatic", "synchronous")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Device seconds of each piece of work; None where it is not stated.

    Attributes
    ----------
    phase_s : one clock phase
    program_s : one programming of all cells
    read_s : one read-out of the whole array
    transfer_s : one frame over the link to the host; 0 where no link is told of
    buffers : 1 where the cells stand still until their frame has reached the host; 2 where the read-out and the link
        each hold a frame of their own, so that the cells go on meanwhile
    """

    phase_s: Figure | float | None = None
    program_s: Figure | float | None = None
    read_s: Figure | float | None = None
    transfer_s: Figure | float | None = 0.0
    buffers: int = 1

    @property
    def start_s(self) -> Figure:
        """Writing one frame of start states: nobody states it, so it is assumed to last as long as fetching one."""
        fetched = Figure.of(self.read_s)
        if self.transfer_s != 0:
            fetched += Figure.of(self.transfer_s)
        return replace(fetched, evidence=Evidence.ASSUMED)

    def play(
        self,
        schedule: Schedule,
        steps: int,
        moved: Traffic,
        *,
        step_s: Figure | float | None,
        phases: int = 1,
        steered: bool = False,
    ) -> Timeline:
        """When what is done, and when all is.

        Chains that find no copy free run after the others. Nothing overlaps of a run that is steered or stops at an
        energy, since the host decides on what it has read before the cells go on; when it writes to a steered run, or
        programs it, is not told.

        Parameters
        ----------
        steps : int
            Sweeps that a chain made.
        step_s : Figure or float, optional
            Seconds of one of the `phases` of a sweep.
        """
        sweep = Work(phase="sweeping", seconds=step_s, repeat=phases)
        change = Work(phase="programming", seconds=self.program_s)
        start = Work(phase="start states", seconds=self.start_s)
        frame = [Work(phase="read-out", seconds=self.read_s)]
        if self.transfer_s != 0:
            frame.append(Work(phase="transfer", seconds=self.transfer_s))
        batches, frames = moved.batches, moved.read_frames * moved.batches
        if steered:
            works = [
                replace(change, repeat=moved.programmings),
                replace(start, repeat=moved.written_frames),
                replace(sweep, repeat=phases * steps * batches),
                *(replace(work, repeat=frames) for work in frame),
            ]
            return play([Mix(works=works)])
        anew = moved.programmings == moved.settings * batches
        betas = schedule.betas()[:steps]
        batch: Plan = [
            *([change] if anew else []),
            replace(start, repeat=moved.written_frames // batches),
            *course(
                steps=steps,
                looks=schedule.looks(steps),
                changes=np.flatnonzero(np.diff(betas)) + 1 if moved.settings > 1 else np.array([], dtype=np.int64),
                warmup=schedule.n_warmup,
                sweep=sweep,
                warm=replace(sweep, shown_as="warm-up"),
                change=change,
                frame=frame,
            ),
        ]
        # Whether to stop, the host too decides on what it has read.
        buffers = self.buffers if schedule.stop_at is None else 1
        return play([*([] if anew else [change]), Cycle(works=batch, repeat=batches)], buffers=buffers)

    def __post_init__(self) -> None:
        if self.buffers not in (1, 2) or isinstance(self.buffers, bool):
            raise ValueError(
                f"buffers is {self.buffers!r}; it must be 1, where the cells wait for the read-out, or 2, where they "
                "go on meanwhile"
            )
        for name, given in vars(self).items():
            seconds = Figure.of(given).value
            if seconds is not None and not (np.isfinite(seconds) and seconds >= 0):
                raise ValueError(
                    f"{name} is {seconds}; it must be a finite number of seconds, at least 0, or None where "
                    "it is not stated"
                )


def scan_of(
    update: str,
    model: EnergyModel,
    persistence: NDArray[np.float64] | float = 0.0,
    *,
    memory: float = 0.0,
    phases: Sequence[NDArray[np.int64]] | None = None,
) -> Scan:
    """The order in which an update discipline moves the sites.

    "sequential": site 0 to n − 1, one at a time, or parents before children in a network without cycles. "random": one
    site at a time, drawn uniformly. "chromatic": colour class by colour class, those of the model or the given phases.
    "synchronous": all sites at once, which does not sample the Boltzmann law. The reals of a Gaussian model are drawn
    together.
    """
    if isinstance(model, GaussianModel):
        return Scan.of([np.arange(model.n)])
    cells = {"persistence": persistence, "memory": memory}
    if update == "random":
        return Scan.random(model.n, **cells)
    if update == "sequential":
        if isinstance(model, DirectedModel):
            return Scan.of(list(model.order[:, None]), **cells)
        return Scan.sequential(model.n, **cells)
    if update == "synchronous":
        return Scan.of([np.arange(model.n)], independent=False, **cells)
    if phases is not None:
        return Scan.of(phases, independent=not couplings_inside(model, phases), **cells)
    if np.any(persistence) or memory:
        return Scan.of(colour_classes(model), **cells)
    if model not in _chromatic:
        _chromatic[model] = Scan.of(colour_classes(model))
    return _chromatic[model]


# One scan for all runs of a model, so that what layouts prepare for it serves them all.
_chromatic: WeakKeyDictionary[EnergyModel, Scan] = WeakKeyDictionary()


def couplings_inside(model: EnergyModel, phases: Sequence[NDArray[np.int64]]) -> int:
    """How many couplings join sites of one phase, where both are named in it; each direction of a directed one."""
    assert isinstance(model, IsingModel | DirectedModel), "only networks of spins have phases of their machine's own"
    phase = np.full(model.n, -1)
    for number, sites in enumerate(phases):
        phase[sites] = number
    rows = np.repeat(phase, np.diff(model.csr.indptr))
    found = int(np.count_nonzero((rows == phase[model.csr.indices]) & (rows >= 0)))
    return found // 2 if isinstance(model, IsingModel) else found


def weights_per_update(model: EnergyModel) -> NDArray[np.int64]:
    """Weights that an update of each site reads, (n,); fields and unary tables belong to the site and cost no reading.

    Of an `IsingModel` one coupling per neighbour, of a `DirectedModel` one for each p-bit that is read. Of a
    `PolynomialModel` one weight for each term that holds the site and another. Of a `CategoricalModel` a row of a table
    per neighbour, one energy for each category of the site. Of a `GaussianModel` a row of a triangle of its factor.
    """
    if isinstance(model, GaussianModel):
        return np.arange(1, model.n + 1)
    if isinstance(model, IsingModel | DirectedModel):
        return model.degrees
    if isinstance(model, PolynomialModel):
        sizes = np.diff(model.starts)
        return np.bincount(model.sites[np.repeat(sizes, sizes) > 1], minlength=model.n)
    assert isinstance(model, CategoricalModel), "limits() lets through only models that have kernels"
    return np.bincount(model.pairs.ravel(), minlength=model.n) * model.n_states


class ClockedProgram(Program):
    """A model on a clocked array.

    Parameters
    ----------
    update : {"sequential", "random", "chromatic", "synchronous"}
    effects : what the chip makes of a network of spins, applied in order at each β
    stores_beta : whether each change of β is a programming
    copies : copies of the model that run side by side, all with the mismatch of the first
    persistence : ρ = e^(−Δt/τ) of a lazy cell, or (n,) of them
    memory : m = e^(−Δt/τ_bias) of inputs that settle
    phases : sites that the machine moves together, of "chromatic"; the model's colour classes when absent
    least_phases : phases that the clock has whatever the model
    by_state : what each phase counts that depends on the state, by name: f(model held, β, states (k, n)) is the number
        of one phase, the mean over the states. A run looks at its states now and then, and the record says how often.
    """

    def __init__(
        self,
        model: EnergyModel,
        placement: Placement,
        *,
        update: str,
        timing: Timing,
        effects: tuple[Effect, ...] = (),
        stores_beta: bool = False,
        copies: int = 1,
        persistence: NDArray[np.float64] | float = 0.0,
        memory: float = 0.0,
        phases: Sequence[NDArray[np.int64]] | None = None,
        least_phases: int = 0,
        by_state: Mapping[str, Callable[[EnergyModel, float, NDArray], float]] | None = None,
    ):
        self._model = model
        self._by_state = dict(by_state or {})
        self._placement = placement
        self._may_program = True
        self._update = update
        self._timing = timing
        self._effects = effects
        self._wandering = [(e.every, e) for e in effects if isinstance(e, Wandering) and e.every is not None]
        self._flips = [e for e in effects if isinstance(e, ReadoutFlips) and e.rate]
        if len(self._flips) > 1:
            raise ValueError(
                "there are two ReadoutFlips among the effects; spins are read once: give one, of both rates"
            )
        self._stores_beta = stores_beta
        self._copies = copies
        self._chip = Streams(seed=0, chip_seed=placement.chip_seed)
        biases = placement.biases
        self._seated = without(model, biases) if len(biases) else model
        if len(biases) and update == "chromatic" and phases is None:
            phases = [placement.seated[part] for part in colour_classes(self._seated)]
        self._scan = scan_of(update, model, persistence, memory=memory, phases=phases).without(biases)
        held = list(placement.clamp)
        free = [np.setdiff1d(phase, held) for phase in phases or ()]
        self._inside = couplings_inside(model, free) if free else 0
        # The clock runs through all its phases, also those whose sites are clamped or absent.
        self._phases = max(least_phases, len(self._scan.sizes))
        self._held: tuple[float, EnergyModel, dict[str, Any]] | None = None

    def _realise(self, beta: float) -> tuple[EnergyModel, dict[str, Any]]:
        if self._held is None or (self._effects and self._held[0] != beta):
            self._held = (beta, *self._made_of(self._model, beta))
        return self._held[1], self._held[2]

    def _made_of(self, model: EnergyModel, beta: float) -> tuple[EnergyModel, dict[str, Any]]:
        """What the chip makes of a model at β, and notes."""
        notes: dict[str, Any] = {}
        harms: list[str] = []
        if self._inside:
            joined = "1 coupling joins" if self._inside == 1 else f"{self._inside:,} couplings join"
            harms.append(f"{joined} cells of one colour, which move at once")
        for effect in self._effects:
            model, found = effect.realise(as_network(model), beta, self._placement.cells, self._chip)
            notes |= found
            harms += found.get("harms", [])
        return model, notes | ({"harms": harms} if harms else {})

    def _wander(self, streams: Streams) -> Wander | None:
        """What moves on during a run, after all that stands still."""
        if not self._wandering:
            return None

        def start(chain: int) -> Callable[[EnergyModel, float, int], EnergyModel]:
            movers = [effect.wander(streams, chain) for _, effect in self._wandering]

            def held(model: EnergyModel, beta: float, step: int) -> EnergyModel:
                for move in movers:
                    model = move(as_network(model), beta, step)
                return model

            return held

        return Wander(
            every=math.gcd(*(every for every, _ in self._wandering)),
            start=start,
            alike=all(effect.alike for _, effect in self._wandering),
        )

    @property
    def _weights(self) -> int:
        """Weights that a sweep reads; what a bias does to its neighbours is a field of theirs."""
        moving = ~np.isin(self._placement.seated, list(self._placement.clamp))
        return int(weights_per_update(self._seated)[moving].sum())

    @property
    def _misread(self) -> float:
        """Chance that a spin is read wrong."""
        return 0.0 if not self._flips else self._flips[0].rate

    def _reading(self, observe: Observer, streams: Streams) -> Observer:
        """The observer of what is read."""
        return observe if not self._flips else self._flips[0].reading(observe, streams, list(self._placement.clamp))

    def realised(self, beta: float) -> EnergyModel:
        return self._realise(beta)[0]

    def law(self, beta: float) -> Law:
        held = self.realised(beta)
        if self._wandering:
            moving = " and ".join(type(effect).__name__ for _, effect in self._wandering)
            note = f"{moving}: what is held moves while it is sampled"
            clamp, misread = self._placement.clamp, self._misread
            return Law(kind="unknown", model=held, beta=beta, clamp=clamp, misread=misread, note=note)
        in_turn = self._update != "synchronous" and not self._inside
        boltzmann = in_turn and not self._scan.memory and not isinstance(held, DirectedModel)
        return Law(
            kind="boltzmann" if boltzmann else "stationary",
            model=held,
            beta=beta,
            rule={} if boltzmann else self._rule(),
            clamp=self._placement.clamp,
            misread=self._misread,
        )

    def _rule(self) -> dict[str, Any]:
        """The order of updates as `pbits.reference.stationary_of` takes it, over the free sites."""
        if self._update == "random":
            return {"rule": "random"}
        free = np.setdiff1d(np.arange(self._model.n), list(self._placement.clamp))
        scan = self._scan.without(np.array(sorted(self._placement.clamp), dtype=np.int64))
        assert scan.ends is not None
        phases = np.split(np.searchsorted(free, scan.sites), scan.ends[1:-1])
        persistence = scan.persistence if np.ndim(scan.persistence) == 0 else np.array(scan.persistence)[free].tolist()
        rule = {"phases": [phase.tolist() for phase in phases], "persistence": persistence}
        return {"rule": "unsettled", "memory": scan.memory, **rule} if scan.memory else {"rule": "phases", **rule}

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        meter = _Meter(self.realised, self._by_state, schedule) if self._by_state else None
        tally = heat_bath(
            self.realised, self._scan, schedule, streams, initial, self._reading(observe, streams),
            self._placement.clamp,
            reprogram=lambda model: lambda beta: self._made_of(model, beta)[0], wander=self._wander(streams),
            watch=None if meter is None else meter.watch,
        )  # fmt: skip
        clamped = list(self._placement.clamp)
        free = self._model.n - len(clamped)
        moves = self._phases or free
        timing = self._timing
        moved = traffic(
            schedule,
            tally,
            copies=self._copies,
            stores_beta=self._stores_beta,
            preset=initial is not None,
            program_s=Figure.of(timing.program_s),
            start_s=timing.start_s,
            told=self._placement.told(self._model),
            may_program=self._may_program,
        )
        batches = moved.batches
        timeline = timing.play(
            schedule, tally.steps, moved, step_s=timing.phase_s, phases=moves, steered=tally.steered is not None
        )
        n, chains = len(self._placement.seated), schedule.chains
        counts = {
            "update": tally.updates,
            "weight_read": tally.steps * chains * self._weights,
            "toggle": tally.toggles,
            "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE * (2 if self._scan.ends is None else 1),
            "read": moved.read_frames * n * chains,
            "write": n * (moved.copies_programmed + moved.states_written) + moved.words_told,
        }
        if meter is not None:
            counts |= {name: total * moves * chains for name, total in meter.per_phase.items()}
        notes: dict[str, Any] = {
            "update": self._update,
            "phases_per_sweep": moves,
            "programmings": moved.settings,
            "copies_side_by_side": min(self._copies, chains),
            "batches": batches,
            "start_states_written": 0 if initial is None else chains,
            **_cells_told(self._scan),
            **self._realise(float(schedule.beta))[1],
            **moved.notes,
            **({} if meter is None else {"counted_by_state": meter.notes}),
        }
        return Execution(
            counts=counts,
            seconds={"active": timeline.active, "idle": timeline.idle},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes=notes,
            # Other chains of like work would fill the copies that this run left empty.
            full_batch_s=timeline.device_time * (chains / (batches * self._copies)),
            programming=moved.programming(n, Figure.of(timing.program_s)),
        )


def _cells_told(scan: Scan) -> dict[str, Any]:
    """How far cells and their inputs get in a phase, for the record."""
    told: dict[str, Any] = {"persistence": float(np.mean(scan.persistence))}
    if np.ndim(scan.persistence):
        told["persistence_of_cells"] = {
            "lowest": float(np.min(scan.persistence)),
            "highest": float(np.max(scan.persistence)),
        }
    return told | ({"memory": scan.memory} if scan.memory else {})


class _Meter:
    """Counts what depends on the state, from looks at a few chains on the way."""

    def __init__(
        self,
        realised: Callable[[float], EnergyModel],
        by_state: Mapping[str, Callable[[EnergyModel, float, NDArray], float]],
        schedule: Schedule,
    ):
        self._realised = realised
        self._by_state = by_state
        self._betas = schedule.betas()
        self._factors = schedule.chain_betas(1.0)
        self._looks = 0
        self._chains = 0
        self.per_phase = dict.fromkeys(by_state, 0.0)
        """Over the phases of one chain, if a step had one."""
        self.watch = Watch(every=max(1, schedule.total_steps // _LOOKS), see=self._see)

    def _see(self, first: int, last: int, states: NDArray) -> None:
        beta = float(self._betas[last - 1])
        few = np.unique(np.linspace(0, len(states) - 1, max(1, _LOOK_SPINS // states.shape[1])).astype(int))
        alike = len(set(self._factors[few])) == 1
        for name, count in self._by_state.items():
            groups = [few] if alike else [[chain] for chain in few]
            found = [
                count(self._realised(factor), factor, states[group])
                for group in groups
                for factor in [beta * float(self._factors[group[0]])]
            ]
            self.per_phase[name] += (last - first) * float(np.mean(found))
        self._looks += 1
        self._chains = len(few)

    @property
    def notes(self) -> dict[str, Any]:
        return {"names": sorted(self.per_phase), "looks": self._looks, "chains_looked_at": self._chains}


def as_network(model: EnergyModel) -> IsingModel | DirectedModel:
    assert isinstance(model, IsingModel | DirectedModel), "limits() lets through only networks of spins"
    return model


def as_ising(model: EnergyModel) -> IsingModel:
    assert isinstance(model, IsingModel), "limits() lets through only Ising models"
    return model
