"""p-bits that no clock moves one after another: each decides by itself when to fire or to flip.

Two disciplines are emulated event by event: "poisson", where p-bit i fires at the events of a Poisson process of rate
ν_i/τ_N and draws s_i = +1 with probability σ(2βI_i), I_i as its synapses hear the others; and "discrete", where every
Δt each p-bit flips with probability 1 − exp(−ν_i(Δt/τ_N) e^(−βs_iI_i)). The second is after B. Sutton et al.,
"Autonomous probabilistic coprocessing with petaflips per second", IEEE Access 8 (2020), cited from memory.

States are looked at when steps end, at fixed device times. A run counts updates (firings, or flips tried), the weights
that each of them reads, toggles, 32 random bits a decision (the moments of firing are the p-bits' own noise, and cost
none), cells read out and cells written. The machine is active while it runs, and idle while it is programmed, written
and read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hardware_models.clocked import ClockedProgram, Timing, as_network
from hardware_models.effects import Effect
from hardware_models.pbit.disciplines import AUTONOMOUS, Discipline
from hardware_models.traffic import traffic
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.kernels.events import (
    Clocks,
    Filtered,
    Line,
    Network,
    Progress,
    fire_delayed,
    fire_filtered,
    flip_together,
)
from pbits.models import EnergyModel, IsingModel
from pbits.parameters import Figure
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Execution, Law, Observer, Placement
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, Tally, initial_states

# Handing work to a thread costs as much as some thousand firings.
WORTH_A_THREAD = 5_000
# Flips that a line has room for at first, at most; it is made longer when it is full.
_MOST_ROOM = 1 << 16

Words = tuple[np.uint32, np.uint32]


class AutonomousProgram(ClockedProgram):
    """A model on an array of p-bits without a clock, or of p-bits that all may flip at each.

    A step is τ_N for "poisson", in which a p-bit fires once on average, and Δt for "discrete".

    Parameters
    ----------
    discipline : Discipline
        Of "poisson" or "discrete". Rates are those of the model's p-bits.
    timing : Timing
        Its `phase_s` is the Δt of "discrete"; "poisson" has no clock phase.
    neuron_s : Figure or float, optional
        τ_N of "poisson"; None where it is not stated.
    effects, stores_beta, copies : as of a `ClockedProgram`

    Raises
    ------
    ValueError
        For another discipline, rates of another number of p-bits than the model has, or a τ_N below 0 or not finite.
    """

    def __init__(
        self,
        model: EnergyModel,
        placement: Placement,
        *,
        discipline: Discipline,
        timing: Timing,
        neuron_s: Figure | float | None = None,
        effects: tuple[Effect, ...] = (),
        stores_beta: bool = False,
        copies: int = 1,
    ):
        if discipline.update not in AUTONOMOUS:
            raise ValueError(f"update is {discipline.update!r}; p-bits without a clock are {' or '.join(AUTONOMOUS)}")
        rates = np.ones(model.n) if discipline.rates is None else np.array(discipline.rates, dtype=np.float64)
        if rates.shape != (model.n,) or not (np.isfinite(rates) & (rates > 0)).all():
            raise ValueError(f"rates must be {model.n} positive, finite numbers, one for each p-bit of the model")
        tau = Figure.of(neuron_s)
        if tau.value is not None and not (math.isfinite(tau.value) and tau.value >= 0):
            raise ValueError(
                f"neuron_s is {tau.value}; it must be a finite number of seconds, at least 0, or None where it is "
                "not stated"
            )
        # Firings with ideal synapses are updates of p-bits drawn at random.
        super().__init__(
            model,
            placement,
            update="random",
            timing=timing,
            effects=effects,
            stores_beta=stores_beta,
            copies=copies,
        )
        if self._wandering:
            raise ValueError(
                f"{type(self._wandering[0][1]).__name__} moves what is held during a run, which is emulated for "
                "clocked p-bits alone; leave it out, or take update='random', the clock that fires like 'poisson'"
            )
        self._discipline = discipline
        self._step_s = tau if discipline.update == "poisson" else Figure.of(timing.phase_s)
        self._rates = rates
        self._free = np.setdiff1d(np.arange(model.n), list(placement.clamp)).astype(np.int64)

    def law(self, beta: float) -> Law:
        held, discipline = self.realised(beta), self._discipline
        boltzmann = discipline.samples_boltzmann and isinstance(held, IsingModel)
        if discipline.rates is not None:
            discipline = replace(discipline, rates=self._rates[self._free].tolist())
        return Law(
            kind="boltzmann" if boltzmann else "stationary",
            model=held,
            beta=beta,
            rule={} if boltzmann else discipline.rule(held),
            clamp=self._placement.clamp,
            misread=self._misread,
        )

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        for name, idle in (("layout", "auto"), ("threshold_bits", None)):
            if (given := getattr(observe, name, idle)) != idle:
                raise ValueError(f"{name} is {given!r}; p-bits without a clock fire one by one: leave {name} out")
        tally, reads = self._run(schedule, streams, initial, self._reading(observe, streams))
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
        )
        batches = moved.batches
        timeline = timing.play(schedule, tally.steps, moved, step_s=self._step_s, steered=tally.steered is not None)
        n, chains = len(self._placement.seated), schedule.chains
        return Execution(
            counts={
                "update": tally.updates,
                "weight_read": reads,
                "toggle": tally.toggles,
                "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE,
                "read": moved.read_frames * n * chains,
                "write": n * (moved.copies_programmed + moved.states_written) + moved.words_told,
            },
            seconds={"active": timeline.active, "idle": timeline.idle},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes={
                **self._describe(),
                "programmings": moved.settings,
                "copies_side_by_side": min(self._copies, chains),
                "batches": batches,
                "start_states_written": 0 if initial is None else chains,
                **self._realise(float(schedule.beta))[1],
            },
            # Other chains of like work would fill the copies that this run left empty.
            full_batch_s=timeline.device_time * (chains / (batches * self._copies)),
            programming=moved.programming(n, Figure.of(timing.program_s)),
        )

    def _describe(self) -> dict[str, Any]:
        discipline = self._discipline
        own: dict[str, Any] = {"time_step": discipline.time_step}
        if discipline.update == "poisson":
            own = {"synapse": discipline.synapse, "s": discipline.s}
        return {"update": discipline.update, **own, "relative_rate_spread": float(self._rates.std())}

    def _run(
        self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer
    ) -> tuple[Tally, int]:
        """Run all chains as the schedule says; what they did, and the weights they read."""
        betas = schedule.betas()
        workers = threads() if len(self._free) * schedule.chains * len(betas) >= WORTH_A_THREAD else 1
        # Chains are independent and split evenly; by fours, of which the discrete rule takes one counter's words.
        blocks = chain_blocks(schedule.chains, 4 * -(-schedule.chains // (4 * workers)))
        done = 0
        with Pool(min(workers, len(blocks))) as pool:
            chains = pool.map(lambda k: self._start(blocks[k], streams, initial), len(blocks))
            held = network = None
            for step in schedule.observed_steps().tolist():
                # An anneal is looked at after every step, so one β lies between two looks.
                model = self.realised(float(betas[done]))
                if network is None or model is not held:
                    held, network = model, _network(model)
                pool.map(_advance(chains, network, betas[done:step], done), len(blocks))
                done = step
                if observe(done, np.concatenate([block.states() for block in chains])):
                    break
        updates, toggles, reads = (sum(counted) for counted in zip(*(block.counted() for block in chains)))
        return Tally(steps=done, updates=updates, toggles=toggles, layout="events"), reads

    def _start(self, block: slice, streams: Streams, initial: NDArray | None) -> _Chains:
        spins = initial_states(self._model, block, streams, initial, self._placement.clamp)
        kind = _Firing if self._discipline.update == "poisson" else _Flipping
        return kind(self._discipline, spins, self._free, self._rates, streams.key(Stream.THERMAL), block.start)


class _Chains(Protocol):
    """A block of chains."""

    def advance(self, network: Network, betas: NDArray[np.float64], step0: int) -> None:
        """One step per β, from step `step0` on."""
        ...

    def states(self) -> NDArray[np.int8]:
        """(chains, n); no copy."""
        ...

    def counted(self) -> tuple[int, int, int]:
        """Updates, toggles and weights read so far."""
        ...


class _Firing:
    """Chains of p-bits that fire."""

    def __init__(
        self,
        discipline: Discipline,
        spins: NDArray[np.int8],
        free: NDArray[np.int64],
        rates: NDArray[np.float64],
        key: Words,
        chain0: int,
    ):
        self._spins = np.ascontiguousarray(spins.T)
        self._key = key
        self._chain0 = chain0
        self._progress = Progress.start(len(self._spins))
        self._clocks = Clocks.of(free, rates[free]) if len(free) else None
        self._s = discipline.s
        self._filtered = Filtered.settled(self._spins) if discipline.synapse == "rc" and self._s else None
        # As many flips as are under way if all firings flip, but no more than a line is given at first.
        room = int(min(rates[free].sum() * self._s, _MOST_ROOM)) if self._filtered is None else 0
        self._line = Line.quiet(self._spins, 1 << room.bit_length())

    def advance(self, network: Network, betas: NDArray[np.float64], step0: int) -> None:
        if self._clocks is None:
            return
        rest = network, self._clocks, self._progress, betas, step0, *self._key, self._chain0
        if self._filtered is not None:
            fire_filtered(self._spins, self._filtered, self._s, *rest)
            return
        while not fire_delayed(self._spins, self._line, self._s, *rest):
            self._line = self._line.longer()

    def states(self) -> NDArray[np.int8]:
        return self._spins

    def counted(self) -> tuple[int, int, int]:
        done = self._progress
        return int(done.fired.sum()), int(done.toggles.sum()), int(done.reads.sum())


class _Flipping:
    """Chains of p-bits that may all flip at each step."""

    def __init__(
        self,
        discipline: Discipline,
        spins: NDArray[np.int8],
        free: NDArray[np.int64],
        rates: NDArray[np.float64],
        key: Words,
        chain0: int,
    ):
        assert discipline.time_step is not None
        self._spins = spins
        self._free = free.astype(np.uint32)
        self._offers = discipline.time_step * rates[free]
        self._key = key
        self._chain0 = chain0
        self._updates = self._toggles = self._reads = 0

    def advance(self, network: Network, betas: NDArray[np.float64], step0: int) -> None:
        self._toggles += flip_together(
            self._spins, network, self._free, self._offers, betas, step0, *self._key, self._chain0
        )
        tries = len(betas) * self._spins.shape[1]
        self._updates += tries * len(self._free)
        self._reads += tries * int(np.diff(network.indptr)[self._free].sum())

    def states(self) -> NDArray[np.int8]:
        return self._spins.T

    def counted(self) -> tuple[int, int, int]:
        return self._updates, self._toggles, self._reads


def _advance(chains: list[_Chains], network: Network, betas: NDArray[np.float64], step0: int) -> Callable[[int], None]:
    return lambda k: chains[k].advance(network, betas, step0)


def _network(model: EnergyModel) -> Network:
    network = as_network(model)
    return Network.of(network.csr, network.h)
