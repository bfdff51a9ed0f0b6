"""GPU and CPU baselines: exact algorithms, timed by a roofline or by a published throughput.

The states come from emulating the algorithm here, in double precision; the time is that of the processor,
from the work that a good single-precision program would do. Where an assumption is needed it favours the
processor, since a comparison is only as honest as its baseline is strong:

- All chains run side by side, and a phase of one sweep is one synchronisation of the whole processor.
- An update costs 2 operations per neighbour for its field, `DECISION_FLOPS` for the sigmoid and the
  comparison, and `RNG_FLOPS` for 32 random bits: integer operations, counted at the floating-point rate.
- Weights (4 bytes and a 4-byte index per neighbour) are read once per sweep for all chains together; of each
  chain, a phase reads every spin of the other phases once and writes its own, one byte a spin. Nothing is
  taken to stay in a cache between phases, for want of a stated cache size: the one assumption that works
  against the processor.
- A Gaussian model is factorised once (n³/3 operations), its mean takes two triangular solves (2n²), and each
  draw one triangular solve (n²) and n normals, `NORMAL_FLOPS` and 32 random bits each: Box–Muller makes two
  normals of two words. The matrix is read once, its factor written once and read once for all draws together,
  4 bytes a number.
- Moving the model to the processor and the draws to its host is not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from hardware_models.clocked import scan_of
from hardware_models.timeline import Work, play
from pbits.kernels.philox import normals
from pbits.models import EnergyModel, GaussianModel, IsingModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, heat_bath

KINDS = ("gpu", "cpu")

RNG_FLOPS = 24.5
"""Philox4x32-10: 98 integer operations for four 32-bit words (counted from the algorithm)."""
DECISION_FLOPS = 10.0
"""Exponential, reciprocal, comparison and store of one update (assumed)."""
NORMAL_FLOPS = 10.0
"""Logarithm, root, sine or cosine, scale and shift of one normal (assumed)."""
WEIGHT_BYTES = 8
NUMBER_BYTES = 4
RANDOM_BITS_PER_NORMAL = 32


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published rate of attempted updates, and the work it was published for.

    Attributes
    ----------
    updates_per_s : float
    degree : int
        Neighbours of a site.
    coupling_bits : int
        Bits of a coupling, sign included: 1 stands for ±J.
    """

    updates_per_s: Figure | float
    degree: int
    coupling_bits: int

    def __post_init__(self) -> None:
        rate = Figure.of(self.updates_per_s).value
        if rate is None or not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"updates_per_s is {rate}; it must be positive and finite")
        if self.degree < 1 or self.coupling_bits < 1:
            raise ValueError("degree and coupling_bits must be at least 1")

    def refusals(self, model: IsingModel, clamped: int) -> list[str]:
        """Why a model is not work like that which the rate was published for; empty when it is."""
        reasons = []
        magnitudes = len(np.unique(np.abs(model.csr.data)))
        if magnitudes > 2 ** (self.coupling_bits - 1):
            reasons.append(
                f"its couplings have {magnitudes} magnitudes; the published program holds "
                f"{2 ** (self.coupling_bits - 1)}"
            )
        degree = int(model.degrees.max())
        if degree > self.degree:
            reasons.append(f"a site has {degree} neighbours; the published lattice has {self.degree}")
        if np.ptp(model.h) > 0:
            reasons.append("its fields differ from site to site")
        if clamped:
            reasons.append(f"{clamped} sites are held fixed")
        return reasons


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """seconds = max(flops/peak, bytes/bandwidth) + phases × phase_s; None where one is not stated."""

    flop_per_s: Figure | float | None = None
    byte_per_s: Figure | float | None = None
    phase_s: Figure | float | None = None

    def __post_init__(self) -> None:
        for name in ("flop_per_s", "byte_per_s", "phase_s"):
            value = Figure.of(getattr(self, name)).value
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be positive and finite, or None if not stated")

    def seconds(self, flops: float, moved_bytes: float, phases: int) -> Figure:
        computing = flops / Figure.of(self.flop_per_s)
        moving = moved_bytes / Figure.of(self.byte_per_s)
        return computing.at_least(moving) + self.waiting(phases)

    def waiting(self, phases: int) -> Figure:
        """Seconds of `phases` synchronisations."""
        return phases * Figure.of(self.phase_s)


class Processor(Substrate):
    """A GPU or a CPU that samples Ising models by chromatic Gibbs sweeps and Gaussian models by Cholesky.

    Parameters
    ----------
    kind : {"gpu", "cpu"}
    flop_per_s, byte_per_s : Figure or float, optional
        Peak single-precision operations and bytes of memory traffic per second.
    phase_s : Figure or float, optional
        Seconds to synchronise the whole processor between two dependent steps: the colour phases of a sweep,
        or factorising and drawing.
    memory_bytes : float, optional
        Unlimited when absent.
    published : Published, optional
        Used for like work only, where it is faster than the roofline; never below the synchronisations.
    tdp_w : float, optional
        Thermal design power, for the record.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    `notes["tiers"]` of a run's record holds both times, and why the published one does not apply where it
    does not; the device time is the shorter of those that apply, and `notes["tier"]` names it.

    Draws of a Gaussian model are independent: warm-up steps, thinning and start states change nothing and
    cost nothing.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import processor
    >>> gpu = processor.Processor(flop_per_s=20e12, byte_per_s=2e12, phase_s=1e-6)
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> run = pbits.run(pair, gpu, pbits.Schedule(n_samples=10, n_warmup=0, chains=4), seed=1)
    >>> run.record["notes"]["tier"], round(run.device_time_s, 9)
    ('roofline', 2e-05)
    """

    def __init__(
        self,
        *,
        kind: str = "gpu",
        flop_per_s: Figure | float | None = None,
        byte_per_s: Figure | float | None = None,
        phase_s: Figure | float | None = None,
        memory_bytes: float | None = None,
        published: Published | None = None,
        tdp_w: float | None = None,
        prices: PriceTable | None = None,
        name: str | None = None,
        spec: MachineSpec | None = None,
    ):
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
        self.name = name or kind
        self.prices = prices
        self.spec = spec
        self._kind = kind
        self._roofline = Roofline(flop_per_s=flop_per_s, byte_per_s=byte_per_s, phase_s=phase_s)
        self._memory_bytes = memory_bytes
        self._published = published
        self._tdp_w = tdp_w
        self.capabilities = Capabilities(
            domains=frozenset({"spin", "real"}),
            unchecked=() if memory_bytes is not None else ("memory: not stated",),
        )

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons:
            return reasons
        chains = 1 if schedule is None else schedule.chains
        if isinstance(model, IsingModel):
            needed = WEIGHT_BYTES * (model.csr.nnz + model.n) + model.n * chains
        elif isinstance(model, GaussianModel):
            needed = NUMBER_BYTES * (model.n**2 + model.n * chains)
            if schedule is not None and schedule.betas().min() == 0:
                reasons.append("β = 0 has no law over the reals; take every β above 0")
        else:
            return [f"it runs an IsingModel or a GaussianModel; this is a {type(model).__name__}"]
        if self._memory_bytes is not None and needed > self._memory_bytes:
            reasons.append(
                f"the model and {chains:,} chains need {needed:.3g} bytes and its memory holds "
                f"{self._memory_bytes:.3g}; take a smaller model or fewer chains"
            )
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        notes = {"kind": self._kind, "tdp_w": self._tdp_w, "emulated_in": "float64", "timed_as": "float32"}
        if isinstance(model, IsingModel):
            return GibbsProgram(model, placement.clamp, self._roofline, self._published, notes)
        assert isinstance(model, GaussianModel), "limits() lets through only Ising and Gaussian models"
        return CholeskyProgram(model, placement.clamp, self._roofline, notes)


class GibbsProgram(Program):
    """Heat-bath sweeps, colour class by colour class, all chains side by side."""

    def __init__(
        self,
        model: IsingModel,
        clamp: dict[int, float],
        roofline: Roofline,
        published: Published | None,
        notes: dict[str, Any],
    ):
        self._model = model
        self._clamp = clamp
        self._roofline = roofline
        self._published = published
        self._notes = notes
        self._scan = scan_of("chromatic", model)

    def realised(self, beta: float) -> IsingModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta, clamp=self._clamp)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        tally = heat_bath(self.realised, self._scan, schedule, streams, initial, observe, self._clamp)
        n, chains = self._model.n, schedule.chains
        clamped = np.array(sorted(self._clamp), dtype=np.int64)
        classes = self._scan.without(clamped).phases or []
        free = n - len(clamped)
        neighbours = int(np.delete(self._model.degrees, clamped).sum())
        frames = schedule.frames(tally.steps)
        weights = tally.steps * chains * neighbours
        flops = 2 * weights + (DECISION_FLOPS + RNG_FLOPS) * tally.updates
        spins_moved = sum(n - len(group) for group in classes) + free
        moved = tally.steps * (WEIGHT_BYTES * neighbours + chains * spins_moved) + frames * n * chains
        phases = tally.steps * len(classes)
        tiers = {
            "roofline": self._roofline.seconds(flops, moved, phases),
            **self._published_tier(tally.updates, phases),
        }
        counts = {
            "update": tally.updates,
            "weight_read": weights,
            "toggle": tally.toggles,
            "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE,
            "read": frames * n * chains,
            "flop": flops,
            "byte": moved,
        }
        notes = {"algorithm": "chromatic Gibbs", "kernel": tally.layout, "phases_per_sweep": len(classes)}
        return _execution(counts, tiers, self._notes | notes)

    def _published_tier(self, updates: int, phases: int) -> dict[str, Any]:
        """Seconds at the published rate, never less than the phases take, or why the rate does not apply."""
        published = self._published
        if published is None:
            return {"published": None, "published_refused": ["no published rate is stated"]}
        refused = published.refusals(self._model, len(self._clamp))
        if refused:
            return {"published": None, "published_refused": refused}
        rate = updates / Figure.of(published.updates_per_s)
        least = self._roofline.waiting(phases)
        time = rate if least.value is None else rate.at_least(least)
        return {"published": time, "published_refused": []}


class CholeskyProgram(Program):
    """Independent draws x = m + L⁻ᵀξ/√β with A = LLᵀ and ξ standard normal."""

    def __init__(self, model: GaussianModel, clamp: dict[int, float], roofline: Roofline, notes: dict[str, Any]):
        self._model = model
        self._clamp = clamp
        self._roofline = roofline
        self._notes = notes

    def realised(self, beta: float) -> GaussianModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta, clamp=self._clamp)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        model, chains = self._model, schedule.chains
        held = np.array(sorted(self._clamp), dtype=np.int64)
        free = np.setdiff1d(np.arange(model.n), held)
        values = np.array([self._clamp[int(site)] for site in held])
        drive = model.b[free] - model.A[np.ix_(free, held)] @ values
        factor = np.linalg.cholesky(model.A[np.ix_(free, free)])
        forward = solve_triangular(factor, drive, lower=True)
        mean = solve_triangular(factor.T, forward)
        betas = schedule.betas()
        key = streams.key(Stream.THERMAL)
        noise = np.empty((len(free), chains))
        states = np.empty((chains, model.n))
        states[:, held] = values
        done = frames = 0
        for step in schedule.observed_steps():
            done = int(step)
            normals(noise, *key, 0, done - 1, 0)
            spread = solve_triangular(factor.T, noise) / math.sqrt(betas[done - 1])
            states[:, free] = mean + spread.T
            frames += 1
            if observe(done, states):
                break
        n, draws = len(free), frames * chains
        flops = n**3 / 3 + 2 * n**2 + draws * (n**2 + n * (RNG_FLOPS + NORMAL_FLOPS))
        moved = NUMBER_BYTES * (2 * n**2 + n * draws)
        counts = {
            "random_bit": draws * n * RANDOM_BITS_PER_NORMAL,
            "read": schedule.frames(done) * model.n * chains,
            "flop": flops,
            "byte": moved,
        }
        tiers = {"roofline": self._roofline.seconds(flops, moved, phases=2)}
        return _execution(counts, tiers, self._notes | {"algorithm": "Cholesky, independent draws"})


def _execution(counts: dict[str, float], tiers: dict[str, Any], notes: dict[str, Any]) -> Execution:
    """The account of a run, timed by the fastest tier that applies."""
    times = {name: Figure.of(tiers.get(name)) for name in ("roofline", "published")}
    known = {name: time.value for name, time in times.items() if time.value is not None}
    tier = min(known, key=lambda name: known[name], default=None)
    timeline = play([Work(phase="sampling", seconds=None if tier is None else times[tier])])
    return Execution(
        counts=counts,
        seconds={"active": timeline.device_time},
        device_time_s=timeline.device_time,
        phases=timeline.phases,
        notes=notes | {"tiers": tiers | {name: times[name].value for name in times if name in tiers}, "tier": tier},
    )


_KEYS = (
    "kind", "peak_flops", "memory_bandwidth", "memory_bytes", "phase_time", "published_updates_per_s",
    "published_degree", "published_coupling_bits", "tdp",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Processor:
    """A processor from a catalogue entry; a published rate counts only with the work it was published for."""
    spec.reject_unknown(_KEYS)
    rate = spec.figure("published_updates_per_s", "1/s")
    degree = spec.integer("published_degree", default=None)
    bits = spec.integer("published_coupling_bits", default=None)
    published = None
    if rate.value is not None and degree is not None and bits is not None:
        published = Published(updates_per_s=rate, degree=degree, coupling_bits=bits)
    return Processor(
        kind=spec.text("kind", choices=KINDS),
        flop_per_s=spec.figure("peak_flops", "FLOP/s"),
        byte_per_s=spec.figure("memory_bandwidth", "B/s"),
        phase_s=spec.figure("phase_time", "s"),
        memory_bytes=spec.number("memory_bytes", "B", default=None),
        published=published,
        tdp_w=spec.number("tdp", "W", default=None),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
