"""Clocked arrays of two-state cells: the common part of FPGA p-bits and parallel Gibbs blocks.

A sweep is a sequence of clock phases; in a phase a group of cells sees the state before it and moves. What a
run counts: updates, weights read (`weights_per_update`; for a random scan their expected number), toggles, random
bits, cells read out, and cells written when the machine is programmed or given a start state. Writing start states
is taken to last as long as a read-out, which moves as many bits. The machine is active while it sweeps, and idle
while it is programmed, written and read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.effects import Effect
from hardware_models.timeline import Work, play
from pbits.mapping import colour_classes
from pbits.models import CategoricalModel, EnergyModel, IsingModel, PolynomialModel
from pbits.parameters import Evidence, Figure
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Execution, Law, Observer, Placement, Program
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, Scan, heat_bath

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

    "sequential": site 0 to n − 1, one at a time. "random": one site at a time, drawn uniformly. "chromatic":
    colour class by colour class. "synchronous": all sites at once, which does not sample the Boltzmann law.
    """
    if update == "random":
        return Scan.random(model.n, persistence=persistence)
    if update == "sequential":
        return Scan.sequential(model.n, persistence=persistence)
    if update == "synchronous":
        return Scan.of([np.arange(model.n)], independent=False, persistence=persistence)
    return Scan.of(colour_classes(model), persistence=persistence)


def weights_per_update(model: EnergyModel) -> NDArray[np.int64]:
    """Weights that an update of each site reads, (n,); fields and unary tables belong to the site and cost no reading.

    Of an `IsingModel` one coupling per neighbour. Of a `PolynomialModel` one weight for each term that holds the site
    and another. Of a `CategoricalModel` a row of a table per neighbour, one energy for each category of the site.
    """
    if isinstance(model, IsingModel):
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
    effects : what the chip makes of an `IsingModel`, applied in order at each β
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
        self._stores_beta = stores_beta
        self._copies = copies
        self._chip = Streams(seed=0, chip_seed=placement.chip_seed)
        self._scan = scan_of(update, model, persistence)
        # The clock runs through all its phases, also those whose sites are clamped or absent.
        self._phases = max(least_phases, len(self._scan.sizes))
        self._held: tuple[float, EnergyModel, dict[str, Any]] | None = None

    def _realise(self, beta: float) -> tuple[EnergyModel, dict[str, Any]]:
        if self._held is None or (self._effects and self._held[0] != beta):
            model, notes = self._model, {}
            for effect in self._effects:
                model, found = effect.realise(as_ising(model), beta, self._placement.cells, self._chip)
                notes |= found
            self._held = (beta, model, notes)
        return self._held[1], self._held[2]

    def realised(self, beta: float) -> EnergyModel:
        return self._realise(beta)[0]

    def law(self, beta: float) -> Law:
        boltzmann = self._update != "synchronous"
        return Law(
            kind="boltzmann" if boltzmann else "stationary",
            model=self.realised(beta),
            beta=beta,
            rule={} if boltzmann else {"rule": "synchronous", "persistence": self._scan.persistence},
            clamp=self._placement.clamp,
        )

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        tally = heat_bath(self.realised, self._scan, schedule, streams, initial, observe, self._placement.clamp)
        clamped = list(self._placement.clamp)
        free = self._model.n - len(clamped)
        programmings = self._programmings(schedule, tally.steps)
        batches = -(-schedule.chains // self._copies)
        frames = schedule.frames(tally.steps)
        # A machine that was programmed once serves every batch; one that stores βJ starts each batch over.
        rewrites = programmings > 1
        moves = self._phases or free
        timing = self._timing
        timeline = play(
            [
                Work(
                    phase="programming",
                    seconds=timing.program_s,
                    repeat=programmings * (batches if rewrites else 1),
                ),
                Work(phase="start states", seconds=timing.start_s, repeat=0 if initial is None else batches),
                Work(phase="sweeping", seconds=timing.phase_s, repeat=tally.steps * moves * batches),
                Work(phase="read-out", seconds=timing.read_s, repeat=frames * batches),
            ]
        )
        n, chains = self._model.n, schedule.chains
        copies_used = min(self._copies, chains)
        starts = 0 if initial is None else n * chains
        counts = {
            "update": tally.updates,
            "weight_read": tally.steps * chains * int(np.delete(weights_per_update(self._model), clamped).sum()),
            "toggle": tally.toggles,
            "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE * (2 if self._scan.ends is None else 1),
            "read": frames * n * chains,
            "write": n * programmings * (chains if rewrites else copies_used) + starts,
        }
        notes: dict[str, Any] = {
            "update": self._update,
            "phases_per_sweep": moves,
            "programmings": programmings,
            "copies_side_by_side": copies_used,
            "batches": batches,
            "start_states_written": 0 if initial is None else chains,
            "persistence": self._scan.persistence,
            **self._realise(float(schedule.beta))[1],
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

    def _programmings(self, schedule: Schedule, steps: int) -> int:
        """One, and one more for every change of β where βJ is what is stored."""
        if not self._stores_beta:
            return 1
        return 1 + int(np.count_nonzero(np.diff(schedule.betas()[:steps])))


def as_ising(model: EnergyModel) -> IsingModel:
    assert isinstance(model, IsingModel), "limits() lets through only spin models"
    return model
