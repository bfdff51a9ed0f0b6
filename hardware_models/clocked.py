"""Clocked arrays of two-state cells: the common part of FPGA p-bits and parallel Gibbs blocks.

A sweep is a sequence of clock phases; in a phase a group of cells sees the state before it and moves. What a
run counts: updates, weights read (`weights_per_update`; for a random scan their expected number), toggles, random
bits, cells read out, and cells written when the machine is programmed or given a start state. Writing start states
is taken to last as long as a read-out, which moves as many bits. The machine is active while it sweeps, and idle
while it is programmed, written and read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from hardware_models.effects import Effect, ReadoutFlips, Wandering
from hardware_models.timeline import Work, play
from hardware_models.traffic import traffic
from pbits.mapping import colour_classes
from pbits.models import CategoricalModel, DirectedModel, EnergyModel, IsingModel, PolynomialModel
from pbits.parameters import Evidence, Figure
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Execution, Law, Observer, Placement, Program
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, Scan, heat_bath
from pbits.sweeps.chains import Wander

UPDATES = ("sequential", "random", "chromatic", "synchronous")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Device seconds of each piece of work; None where it is not stated.

    Attributes
    ----------
    phase_s : one clock phase
    program_s : one programming of all cells
    read_s : one read-out of the whole array
    """

    phase_s: Figure | float | None = None
    program_s: Figure | float | None = None
    read_s: Figure | float | None = None

    @property
    def start_s(self) -> Figure:
        """Writing one frame of start states: nobody states it, so it is assumed to last as long as reading one."""
        return replace(Figure.of(self.read_s), evidence=Evidence.ASSUMED)

    def __post_init__(self) -> None:
        for name, given in vars(self).items():
            seconds = Figure.of(given).value
            if seconds is not None and not (np.isfinite(seconds) and seconds >= 0):
                raise ValueError(
                    f"{name} is {seconds}; it must be a finite number of seconds, at least 0, or None where "
                    "it is not stated"
                )


def scan_of(update: str, model: EnergyModel, persistence: float = 0.0) -> Scan:
    """The order in which an update discipline moves the sites.

    "sequential": site 0 to n − 1, one at a time, or parents before children in a network without cycles. "random": one
    site at a time, drawn uniformly. "chromatic": colour class by colour class. "synchronous": all sites at once, which
    does not sample the Boltzmann law.
    """
    if update == "random":
        return Scan.random(model.n, persistence=persistence)
    if update == "sequential":
        if isinstance(model, DirectedModel):
            return Scan.of(list(model.order[:, None]), persistence=persistence)
        return Scan.sequential(model.n, persistence=persistence)
    if update == "synchronous":
        return Scan.of([np.arange(model.n)], independent=False, persistence=persistence)
    if persistence:
        return Scan.of(colour_classes(model), persistence=persistence)
    if model not in _chromatic:
        _chromatic[model] = Scan.of(colour_classes(model))
    return _chromatic[model]


# One scan for all runs of a model, so that what layouts prepare for it serves them all.
_chromatic: WeakKeyDictionary[EnergyModel, Scan] = WeakKeyDictionary()


def weights_per_update(model: EnergyModel) -> NDArray[np.int64]:
    """Weights that an update of each site reads, (n,); fields and unary tables belong to the site and cost no reading.

    Of an `IsingModel` one coupling per neighbour, of a `DirectedModel` one for each p-bit that is read. Of a
    `PolynomialModel` one weight for each term that holds the site and another. Of a `CategoricalModel` a row of a table
    per neighbour, one energy for each category of the site.
    """
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
    persistence : ρ = e^(−Δt/τ) of a lazy cell
    least_phases : phases that the clock has whatever the model
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
        persistence: float = 0.0,
        least_phases: int = 0,
    ):
        self._model = model
        self._placement = placement
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
        self._scan = scan_of(update, model, persistence)
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
            return Law(kind="unknown", model=held, beta=beta, note=f"{moving}: what is held moves while it is sampled")
        boltzmann = self._update != "synchronous" and not isinstance(held, DirectedModel)
        return Law(
            kind="boltzmann" if boltzmann else "stationary",
            model=held,
            beta=beta,
            rule={} if boltzmann else self._rule(),
            clamp=self._placement.clamp,
            misread=self._misread,
        )

    def _rule(self) -> dict[str, Any]:
        """The order of updates as `pbits.reference.transition` takes it, over the free sites."""
        if self._update == "random":
            return {"rule": "random"}
        free = np.setdiff1d(np.arange(self._model.n), list(self._placement.clamp))
        scan = self._scan.without(np.array(sorted(self._placement.clamp), dtype=np.int64))
        assert scan.ends is not None
        phases = np.split(np.searchsorted(free, scan.sites), scan.ends[1:-1])
        return {
            "rule": "phases",
            "phases": [phase.tolist() for phase in phases],
            "persistence": self._scan.persistence,
        }

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        tally = heat_bath(
            self.realised, self._scan, schedule, streams, initial, self._reading(observe, streams),
            self._placement.clamp,
            reprogram=lambda model: lambda beta: self._made_of(model, beta)[0], wander=self._wander(streams),
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
        )
        batches = moved.batches
        timeline = play(
            [
                Work(phase="programming", seconds=timing.program_s, repeat=moved.programmings),
                Work(phase="start states", seconds=timing.start_s, repeat=moved.written_frames),
                Work(phase="sweeping", seconds=timing.phase_s, repeat=tally.steps * moves * batches),
                Work(phase="read-out", seconds=timing.read_s, repeat=moved.read_frames * batches),
            ]
        )
        n, chains = self._model.n, schedule.chains
        counts = {
            "update": tally.updates,
            "weight_read": tally.steps * chains * int(np.delete(weights_per_update(self._model), clamped).sum()),
            "toggle": tally.toggles,
            "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE * (2 if self._scan.ends is None else 1),
            "read": moved.read_frames * (n - self._placement.biases) * chains,
            "write": n * (moved.copies_programmed + moved.states_written) + self._placement.by_chain * chains,
        }
        notes: dict[str, Any] = {
            "update": self._update,
            "phases_per_sweep": moves,
            "programmings": moved.settings,
            "copies_side_by_side": min(self._copies, chains),
            "batches": batches,
            "start_states_written": 0 if initial is None else chains,
            "persistence": self._scan.persistence,
            **self._realise(float(schedule.beta))[1],
            **moved.notes,
        }
        return Execution(
            counts=counts,
            seconds={
                "active": timeline.spent.get("sweeping", Figure.of(0.0)),
                "idle": timeline.rest("sweeping"),
            },
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            notes=notes,
            # Other chains of like work would fill the copies that this run left empty.
            full_batch_s=timeline.device_time * (chains / (batches * self._copies)),
        )


def as_network(model: EnergyModel) -> IsingModel | DirectedModel:
    assert isinstance(model, IsingModel | DirectedModel), "limits() lets through only networks of spins"
    return model


def as_ising(model: EnergyModel) -> IsingModel:
    assert isinstance(model, IsingModel), "limits() lets through only Ising models"
    return model
