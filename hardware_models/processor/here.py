"""This computer as a baseline: the same sweeps by several programs, timed on the spot, and the strongest one quoted.

A comparison with a processor is as honest as its program is strong. The programs are tiers with names: T0, vectorised
NumPy; T1, this project's kernels; T2, its CUDA kernels, where there is a GPU; T4, thrml, where it is installed. (T3,
multi-spin code on a GPU, is published throughput: see `processor`.) Each tier that applies sweeps the run's own model
at the run's own β for a moment; the device seconds are those of so many sweeps, with the range that the repeats show.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.clocked import scan_of
from hardware_models.timeline import Work, play
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.mapping import colour_classes
from pbits.metering import Meter, MeterError, meter
from pbits.models import EnergyModel, IsingModel
from pbits.parameters import Evidence, Figure, Included, Parameter, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, Key, Options, choose, heat_bath, initial_states
from pbits.sweeps import Work as Swept

#: Repeats of a timing, and seconds that each takes at least, after one that is not counted.
REPEATS, TIMED_S = 5, 0.02
#: Chains of a full batch: those that fill the words of the bit-parallel kernels.
FULL_BATCH = 512

_MOST_BLOCKS = 100

TIERS = {
    "numpy": "T0 NumPy, measured here",
    "kernels": "T1 kernels of this project, measured here",
    "cuda": "T2 CUDA kernels of this project, measured here",
    "thrml": "T4 thrml, measured here",
}

NOT_CHARGED = (
    "compiling and the first calls",
    "making start states, noting energies and handing over draws",
)

_INCLUDED = ("update", "weight_read", "toggle", "random_bit", "read")


class Sweeper(ABC):
    """One tier, ready to sweep a model."""

    @abstractmethod
    def sweep(self, sweeps: int) -> None:
        """Make so many sweeps of all chains, and wait until they are made."""


class Unavailable(Exception):
    """Why a tier does not run here, or not this model."""


class NumpySweeps(Sweeper):
    """T0: chromatic heat bath with one sparse product a colour, chains side by side.

    s_i = +1 where u < σ(2βI_i), I = Js + h, for all sites of a colour class and all chains at once.

    Parameters
    ----------
    model : IsingModel
    beta : float
    chains, seed : int

    Attributes
    ----------
    states : (n, chains) float64
    """

    def __init__(self, model: IsingModel, beta: float, chains: int, seed: int = 0):
        self._rng = np.random.default_rng(seed)
        self._classes = [(sites, model.csr[sites], model.h[sites, None]) for sites in colour_classes(model)]
        self._beta = beta
        self.states = self._rng.choice([-1.0, 1.0], size=(model.n, chains))

    def sweep(self, sweeps: int) -> None:
        for _ in range(sweeps):
            for sites, couplings, fields in self._classes:
                inputs = couplings @ self.states + fields
                threshold = 1 / (1 + np.exp(-2 * self._beta * inputs))
                self.states[sites] = np.where(self._rng.random(threshold.shape) < threshold, 1.0, -1.0)


class KernelSweeps(Sweeper):
    """T1 and T2: the layouts of `pbits.sweeps` and all threads, with nothing noted on the way.

    Start states and what layouts prepare are made once: they take longer than many sweeps do. Of several β, as an
    anneal has, a call spreads its sweeps over all: where few spins flip, some layouts are several times as fast.
    """

    def __init__(self, model: IsingModel, beta: NDArray[np.float64] | float, chains: int, layout: str = "auto"):
        scan, options, streams = scan_of("chromatic", model), Options(), Streams(seed=0)
        work = Swept(model=model, scan=scan, options=options, chains=chains, beta=float(np.max(beta)))
        try:
            engine = choose(work, layout).engine
        except ValueError as error:
            raise Unavailable(str(error)) from None
        key = Key(thermal=streams.key(Stream.THERMAL), site=streams.key(Stream.SITE))
        self._engines = [
            engine(model, scan, initial_states(model, block, streams, None, {}), key, block.start, options)
            for block in chain_blocks(chains, engine.BLOCK)
        ]
        for one in self._engines:
            one.threads = max(1, threads() // len(self._engines))
        self._betas, self._done = np.atleast_1d(beta), 0

    def sweep(self, sweeps: int) -> None:
        betas = self._betas[((np.arange(sweeps) + 0.5) * len(self._betas) / sweeps).astype(int)]
        with Pool(min(threads(), len(self._engines))) as pool:
            pool.map(lambda k: self._engines[k].advance(betas, self._done), len(self._engines))
        self._done += sweeps


class ThrmlSweeps(Sweeper):
    """T4: Extropic's thrml, blocks by colours, compiled once for each number of sweeps."""

    def __init__(self, model: IsingModel, beta: float, chains: int):
        try:
            import jax  # pyright: ignore[reportMissingImports]
            from thrml import Block, SamplingSchedule, sample_states  # pyright: ignore[reportMissingImports]
            from thrml.models import IsingSamplingProgram  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise Unavailable("thrml is not installed; pip install 'pbits[thrml]'") from None
        if len(colour_classes(model)) > _MOST_BLOCKS:
            raise Unavailable(
                f"{len(colour_classes(model)):,} colours are as many blocks, which take minutes to compile"
            )
        ebm = model.to_thrml(beta)
        blocks = [Block([ebm.nodes[site] for site in sites.tolist()]) for sites in colour_classes(model)]
        program = IsingSamplingProgram(ebm, blocks, clamped_blocks=[])
        compiled: dict[int, Callable] = {}

        def of(sweeps: int) -> Callable:
            if sweeps not in compiled:
                plan = SamplingSchedule(n_warmup=sweeps, n_samples=1, steps_per_sample=1)

                def chain(key: Any) -> Any:
                    first, rest = jax.random.split(key)
                    keys = jax.random.split(first, len(blocks))
                    start = [jax.random.bernoulli(k, shape=(len(block.nodes),)) for k, block in zip(keys, blocks)]
                    return sample_states(rest, program, plan, start, [], blocks)

                compiled[sweeps] = jax.jit(jax.vmap(chain))
                jax.block_until_ready(compiled[sweeps](jax.random.split(jax.random.key(0), chains)))
            return compiled[sweeps]

        self._keys = jax.random.split(jax.random.key(1), chains)
        self._of, self._wait = of, jax.block_until_ready

    def sweep(self, sweeps: int) -> None:
        self._wait(self._of(sweeps)(self._keys))


def sweeper(tier: str, model: IsingModel, beta: NDArray[np.float64] | float, chains: int) -> Sweeper:
    """A tier for a model, at one β or at those of all sweeps of a run.

    Raises
    ------
    Unavailable
        With the reason.
    """
    if tier == "numpy":
        return NumpySweeps(model, float(np.max(beta)), chains)
    if tier == "kernels":
        return KernelSweeps(model, beta, chains)
    if tier == "cuda":
        return KernelSweeps(model, beta, chains, layout="cuda")
    return ThrmlSweeps(model, float(np.max(beta)), chains)


def timed(tier: Sweeper, clock: Callable[[], float] = time.perf_counter) -> Figure:
    """Seconds of one sweep of all chains: the median of the repeats, and their ends."""
    sweeps = 1
    while True:
        tier.sweep(sweeps)
        start = clock()
        tier.sweep(sweeps)
        spent = clock() - start
        if spent >= TIMED_S:
            break
        sweeps = max(2 * sweeps, int(1.2 * sweeps * TIMED_S / max(spent, 1e-7)))
    each = []
    for _ in range(REPEATS):
        start = clock()
        tier.sweep(sweeps)
        each.append((clock() - start) / sweeps)
    return Figure(median(each), min(each), max(each), Evidence.MEASURED)


class Here(Substrate):
    """This computer, timed while it sweeps.

    Parameters
    ----------
    tier : {"best", "numpy", "kernels", "cuda", "thrml"}
        "best": every tier of the processor that runs here is timed and the fastest quoted. A GPU is another machine, at
        another boundary: ask for "cuda".
    watts : Parameter or float, optional
        What the computer draws while it sweeps. A number counts as assumed, good to a factor of two; a `Parameter`,
        such as `metered_watts` gives, brings its own evidence. Without it no joules are stated: no design power is put
        in its place.
    name : str

    Raises
    ------
    ValueError
        For an unknown tier, or watts in another unit.

    Notes
    -----
    Draws are those of this project's kernels, whatever is timed, so that they depend on the seed alone. Seconds are
    measured, and differ from run to run.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models.processor import Here
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> run = pbits.run(pair, Here(tier="numpy", watts=30), pbits.Schedule(n_samples=100, chains=4), seed=1)
    >>> run.record["notes"]["tier"], run.device_time.evidence.value
    ('T0 NumPy, measured here', 'measured')
    >>> pbits.price(run).joules == 30 * run.device_time_s
    True
    """

    def __init__(self, tier: str = "best", *, watts: Parameter | float | None = None, name: str | None = None):
        if tier != "best" and tier not in TIERS:
            raise ValueError(f"tier is {tier!r}; choose best or one of {', '.join(TIERS)}")
        self._tier = tier
        self.name = name or ("cpu-here" if tier == "best" else f"{tier}-here")
        self.capabilities = Capabilities(domains=frozenset({"spin"}), models=(IsingModel,))
        self.prices = PriceTable(
            boundary="board" if tier == "cuda" else "chip",
            operations={item: Included(in_="power.active") for item in _INCLUDED},
            power={"active": _watts(watts)},
        )

    def describe(self) -> dict[str, Any]:
        about = super().describe()
        what = "the fastest program that runs here" if self._tier == "best" else TIERS[self._tier]
        return about | {"title": f"This computer, {what}", "physics": "processor"}

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, IsingModel), "limits() lets through only what is held"
        return HereProgram(model, placement.clamp, self._tier)


class HereProgram(Program):
    """Sweeps of this project's kernels, timed as a tier."""

    def __init__(self, model: IsingModel, clamp: dict[int, Any], tier: str):
        self._model, self._clamp, self._tier = model, clamp, tier
        self._scan = scan_of("chromatic", model)

    def realised(self, beta: float) -> IsingModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta, clamp=self._clamp)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        tally = heat_bath(self.realised, self._scan, schedule, streams, initial, observe, self._clamp)
        betas, chains = schedule.betas()[: tally.steps], schedule.chains
        alone, refused = self._timed(betas, chains)
        quoted = min(alone, key=lambda tier: alone[tier].value or 0.0, default=None)
        seconds = share = Figure.of(None)
        if quoted is not None:
            seconds = share = alone[quoted] * tally.steps
            if chains < FULL_BATCH:
                batch = timed(sweeper(quoted, self._model, betas, FULL_BATCH)) * (tally.steps * chains / FULL_BATCH)
                share = min(seconds, batch, key=lambda one: one.value or 0.0)
        timeline = play([Work(phase="sampling", seconds=seconds)])
        n = self._model.n - len(self._clamp)
        counts = {
            "update": tally.updates,
            "weight_read": tally.steps * chains * float(np.delete(self._model.degrees, list(self._clamp)).sum()),
            "toggle": tally.toggles,
            "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE,
            "read": schedule.frames(tally.steps) * self._model.n * chains,
        }
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes={
                "tier": None if quoted is None else TIERS[quoted],
                "tiers": {
                    TIERS[tier]: {"seconds_per_sweep": one.value, "updates_per_ns": n * chains / one.value / 1e9}
                    for tier, one in alone.items()
                    if one.value
                },
                "tiers_that_did_not_run": {TIERS[tier]: why for tier, why in refused.items()},
                "full_batch_chains": max(chains, FULL_BATCH),
                "not_charged": list(NOT_CHARGED),
            },
            full_batch_s=share,
        )

    def _timed(self, betas: NDArray[np.float64], chains: int) -> tuple[dict[str, Figure], dict[str, str]]:
        """Seconds of a sweep by tier, and why others did not run."""
        found, refused = {}, {}
        for tier in TIERS if self._tier == "best" else (self._tier,):
            if tier != self._tier and tier == "cuda":
                refused[tier] = "a GPU is another machine than the processor, at another boundary: ask for Here('cuda')"
                continue
            try:
                found[tier] = timed(sweeper(tier, self._model, betas, chains))
            except Unavailable as reason:
                refused[tier] = str(reason)
        return found, refused


def metered_watts(
    model: IsingModel,
    *,
    beta: float = 1.0,
    chains: int = FULL_BATCH,
    seconds: float = 10.0,
    with_meter: Meter | None = None,
) -> Parameter:
    """What the processor draws while this project's kernels sweep a model, by the meter of this computer.

    Parameters
    ----------
    model : IsingModel
    beta : float
    chains : int
    seconds : float
        Of the window.
    with_meter : Meter, optional
        By default `pbits.meter()`.

    Returns
    -------
    Parameter
        Watts, measured.

    Raises
    ------
    pbits.metering.MeterError
        Where nothing meters the processor, with every reason.
    """
    one = meter() if with_meter is None else with_meter
    tier = KernelSweeps(model, beta, chains)
    each = timed(tier).value
    assert each is not None
    with one:
        tier.sweep(max(1, int(seconds / each)))
    assert one.reading is not None
    if one.reading.at("chip") is None:
        raise MeterError(one.reading.refusals)
    return one.reading.only("chip").parameter("W")


def _watts(given: Parameter | float | None) -> Parameter:
    if given is None:
        return Parameter(
            value=None, unit="W", note="Nobody metered this computer: give Here(watts=…), or metered_watts(model)."
        )
    if isinstance(given, Parameter):
        if given.unit != "W":
            raise ValueError(f"watts is in {given.unit}; it must be in W")
        return given
    return Parameter(
        value=float(given), unit="W", low=given / 2, high=2 * given, evidence=Evidence.ASSUMED, note="given by the user"
    )


def machines() -> dict[str, Callable[[], Here]]:
    """The baselines of this computer, by name."""
    return {"cpu-here": Here, "numpy-here": lambda: Here("numpy")}
