"""GPU and CPU baselines: exact algorithms, timed by the fastest of three programs.

The states come from emulating the algorithm here, in double precision; the time is that of the processor, from
the work that a good single-precision program would do. Such a program is one of three tiers:

- "roofline": all chains side by side on the whole processor, max(flops/peak, bytes/bandwidth), and one
  synchronisation of the whole processor after each colour phase.
- "apart": where the model and a chain fit one unit (a core of a CPU, a multiprocessor of a GPU), each unit runs
  its own chains and waits for no other: one dependent step per colour phase on a GPU and per update on a CPU,
  for as many chains at once as a unit holds, and never faster than the unit's part of the peak.
- "published": a rate that somebody measured, for work like that which it was measured on.

A comparison is only as honest as its baseline is strong. These assumptions favour the processor:

- Peak and bandwidth are reached in full (their ranges say how much less is usual), and arithmetic and memory
  traffic overlap; in the units dependent steps overlap with both.
- Moving the model to the processor and the draws to its host, compiling and launching cost nothing.
- Weights are read from memory once for all chains: each sweep on the whole processor, once a run in the units.
- Loads are free in the units, and the chains of a unit share one copy of the model.
- A dependent step in a unit takes one time however many sites and chains it moves, as far as the peak allows.
- A published rate is taken for every two-coloured graph of the published degree, whether or not it is a lattice.

These do not:

- An update costs 2 operations per neighbour for its field, `DECISION_FLOPS` for the sigmoid and the comparison,
  and `RNG_FLOPS` for 32 random bits by Philox: integer operations, counted at the floating-point rate. Cheaper
  generators, fewer random bits, fields kept up to date at each flip, tensor cores and half precision are
  credited nowhere.
- Many chains in the bits of a word, much faster where couplings take few values, are credited only through a
  published rate.
- A weight is 4 bytes and its index 4 more, in dense models too; a spin is one byte. On the whole processor a
  phase reads, of each chain, every spin of the other phases and writes its own: nothing stays in a cache between
  phases. A model too large for a unit that a larger cache would hold is charged the memory's bandwidth.

A Gaussian model is factorised once (n³/3 operations), its mean takes two triangular solves (2n²), and each draw
one triangular solve (n²) and n normals, `NORMAL_FLOPS` and 32 random bits each: Box–Muller makes two normals of
two words. The matrix is read once, its factor written once and read once for all draws together, 4 bytes a
number.

A few chains leave a large processor idle, and special hardware is flattered by that. So a run states besides its
own time its share of a full batch: of as many chains of the same model as fill the processor. There the waiting
of one chain is hidden behind the work of others, and reading the weights of a sweep is shared by so many that it
vanishes; what a run does once whatever its chains, factorising, it pays in full. Whether so many chains fit the
memory is not asked, which favours the processor once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from hardware_models.clocked import scan_of
from hardware_models.timeline import Work, play
from pbits.kernels.philox import normals
from pbits.models import EnergyModel, GaussianModel, IsingModel
from pbits.parameters import Evidence, Figure, MachineSpec, PriceTable
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


UNKNOWN = Figure.of(None)
NOT_CHARGED = (
    "moving the model to the processor and the draws to its host",
    "compiling, launching and writing start states",
)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published rate of attempted updates of a lattice with one coupling for all bonds and no fields.

    Attributes
    ----------
    updates_per_s : float
    degree : int
        Neighbours of a site.
    """

    updates_per_s: Figure | float
    degree: int

    def __post_init__(self) -> None:
        rate = Figure.of(self.updates_per_s).value
        if rate is None or not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"updates_per_s is {rate}; it must be positive and finite")
        if self.degree < 1:
            raise ValueError(f"degree is {self.degree}; it must be at least 1")

    def refusals(self, model: IsingModel, colours: int, clamped: int) -> list[str]:
        """Why a model is not work like that which the rate was published for; empty when it is."""
        reasons = []
        couplings = len(np.unique(model.csr.data))
        if couplings > 1:
            reasons.append(f"its couplings take {couplings} values; the published program holds one")
        if not (model.degrees == self.degree).all():
            found = " to ".join(str(degree) for degree in sorted({model.degrees.min(), model.degrees.max()}))
            reasons.append(f"its sites have {found} neighbours; those of the published lattice have {self.degree}")
        if colours > 2:
            reasons.append(f"it takes {colours} colours; the published lattice takes 2")
        if model.h.any():
            reasons.append("it has fields; the published program has none")
        if clamped:
            reasons.append(f"{clamped} sites are held fixed")
        return reasons


@dataclass(frozen=True, kw_only=True)
class Tier:
    """What one program takes: this run alone, and its share of a full batch; or why it does not apply."""

    seconds: Figure = UNKNOWN
    full_batch: Figure = UNKNOWN
    refused: tuple[str, ...] = ()

    def note(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds.value,
            "full_batch_s": self.full_batch.value,
            "refused": list(self.refused),
        }


@dataclass(frozen=True, kw_only=True)
class Chains:
    """The work of chains of one model.

    Attributes
    ----------
    count : int
    steps : int
        Dependent steps of one chain in a unit.
    flops : float
        Of all chains together.
    read_out_bytes : float
        Of all chains together.
    model_bytes, chain_bytes : float
        Memory that the model takes, and each chain besides.
    """

    count: int
    steps: int
    flops: float
    read_out_bytes: float
    model_bytes: float
    chain_bytes: float


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """seconds = max(flops/peak, bytes/bandwidth) + phases × phase_s; unknown where one that counts is not stated."""

    flop_per_s: Figure | float | None = None
    byte_per_s: Figure | float | None = None
    phase_s: Figure | float | None = None

    def __post_init__(self) -> None:
        _check_positive(vars(self))

    def seconds(self, flops: float, moved_bytes: float, phases: int = 0) -> Figure:
        computing = flops / Figure.of(self.flop_per_s)
        moving = moved_bytes / Figure.of(self.byte_per_s)
        return computing.at_least(moving) + self.waiting(phases)

    def waiting(self, phases: int) -> Figure:
        """Seconds of `phases` synchronisations."""
        return phases * Figure.of(self.phase_s) if phases else Figure.of(0.0)

    def tier(self, flops: float, moved_bytes: float, phases: int, shared_bytes: float = 0.0) -> Tier:
        """The whole processor on one program; `shared_bytes` of those moved vanish in a full batch."""
        seconds = self.seconds(flops, moved_bytes, phases)
        return Tier(
            seconds=seconds,
            full_batch=self.seconds(flops, moved_bytes - shared_bytes),
            refused=_unstated(vars(self)) if seconds.value is None else (),
        )


@dataclass(frozen=True, kw_only=True)
class Units:
    """Cores or multiprocessors that run whole chains without waiting for each other.

    Attributes
    ----------
    units : int
    unit_bytes : float
        What a unit holds next to its arithmetic: one copy of the model, and its chains.
    unit_chains : Figure or float
        Chains that a unit advances at once.
    unit_step_s : Figure or float
        Seconds of one dependent step of the chains that a unit advances at once.
    """

    units: int | None = None
    unit_bytes: float | None = None
    unit_chains: Figure | float = 1
    unit_step_s: Figure | float | None = None

    def __post_init__(self) -> None:
        _check_positive(vars(self))

    def tier(self, chains: Chains, roofline: Roofline) -> Tier:
        """Seconds of the busiest unit: max(its flops / its part of the peak, rounds × steps × unit_step_s).

        A unit takes its chains in rounds of as many as it advances at once. In a full batch every round is full.
        """
        unstated = _unstated(vars(self) | {"flop_per_s": roofline.flop_per_s, "byte_per_s": roofline.byte_per_s})
        if self.units is None or self.unit_bytes is None:
            return Tier(refused=unstated)
        room = (self.unit_bytes - chains.model_bytes) // chains.chain_bytes
        if room < 1:
            needed = chains.model_bytes + chains.chain_bytes
            return Tier(
                refused=(f"the model and one chain take {needed:.3g} bytes; a unit holds {self.unit_bytes:.3g}",)
            )
        at_once = _each(Figure.of(self.unit_chains), lambda held: min(held, room))
        busiest = -(-chains.count // self.units)
        rounds = _each(busiest / at_once, math.ceil)
        whole = chains.flops * busiest * self.units / chains.count
        step = chains.steps * Figure.of(self.unit_step_s)
        moved = chains.model_bytes + chains.read_out_bytes
        return Tier(
            seconds=roofline.seconds(whole, moved).at_least(rounds * step),
            full_batch=roofline.seconds(chains.flops, chains.read_out_bytes).at_least(
                chains.count / (self.units * at_once) * step
            ),
            refused=unstated,
        )


def _each(figure: Figure, function: Callable[[float], float]) -> Figure:
    """A rising function of a figure, end by end."""
    value, low, high = (None if end is None else function(end) for end in (figure.value, figure.low, figure.high))
    return Figure(value, low, high, figure.evidence)


def _check_positive(numbers: Mapping[str, Figure | float | None]) -> None:
    for name, given in numbers.items():
        value = Figure.of(given).value
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; it must be positive and finite, or None if not stated")


def _unstated(numbers: Mapping[str, Figure | float | None]) -> tuple[str, ...]:
    return tuple(f"{name} is not stated" for name, given in numbers.items() if Figure.of(given).value is None)


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
    units : int, optional
        Cores of a CPU, or multiprocessors of a GPU.
    unit_bytes : float, optional
        What one unit holds next to its arithmetic: the model and the chains it runs.
    unit_chains : Figure or float
        Chains that a unit advances at once: the lanes of a core, the threads of a multiprocessor.
    unit_step_s : Figure or float, optional
        Seconds of one dependent step in a unit: a colour phase on a GPU, an update on a CPU.
    memory_bytes : float, optional
        Unlimited when absent.
    published : Published, optional
        Used for like work only; never below the synchronisations of the whole processor.
    tdp_w : float, optional
        Thermal design power, for the record.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    The device time is that of the fastest tier that applies, and `notes["tier"]` names it. `notes["tiers"]` holds
    for each tier its seconds, its share of a full batch and why it does not apply; `Run.full_batch_time` is the
    smallest such share. Both ranges are taken end by end over the tiers that apply: at each end the fastest runs.
    The counted operations and bytes are those of the "roofline" tier, whichever is the fastest.

    Draws of a Gaussian model are independent: warm-up steps, thinning and start states change nothing and
    cost nothing.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import processor
    >>> gpu = processor.Processor(
    ...     flop_per_s=20e12, byte_per_s=2e12, phase_s=1e-6, units=100, unit_bytes=100e3, unit_step_s=2e-7
    ... )
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> run = pbits.run(pair, gpu, pbits.Schedule(n_samples=10, n_warmup=0, chains=4), seed=1)
    >>> run.record["notes"]["tier"], round(run.device_time_s, 9)
    ('apart', 4e-06)
    >>> f"{run.full_batch_time.value:.1e}"
    '1.5e-10'
    """

    def __init__(
        self,
        *,
        kind: str = "gpu",
        flop_per_s: Figure | float | None = None,
        byte_per_s: Figure | float | None = None,
        phase_s: Figure | float | None = None,
        units: int | None = None,
        unit_bytes: float | None = None,
        unit_chains: Figure | float = 1,
        unit_step_s: Figure | float | None = None,
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
        self._units = Units(units=units, unit_bytes=unit_bytes, unit_chains=unit_chains, unit_step_s=unit_step_s)
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
            needed = _held_bytes(model) + model.n * chains
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
        notes = {
            "kind": self._kind,
            "tdp_w": self._tdp_w,
            "timed_as": "float32",
            "not_charged": list(NOT_CHARGED),
        }
        if isinstance(model, IsingModel):
            return GibbsProgram(
                model,
                placement.clamp,
                self._roofline,
                self._units,
                self._published,
                steps_in_a_unit="phases" if self._kind == "gpu" else "updates",
                notes=notes,
            )
        assert isinstance(model, GaussianModel), "limits() lets through only Ising and Gaussian models"
        return CholeskyProgram(model, placement.clamp, self._roofline, notes)


class GibbsProgram(Program):
    """Heat-bath sweeps, colour class by colour class."""

    def __init__(
        self,
        model: IsingModel,
        clamp: dict[int, float],
        roofline: Roofline,
        units: Units,
        published: Published | None,
        *,
        steps_in_a_unit: Literal["phases", "updates"],
        notes: dict[str, Any],
    ):
        self._model = model
        self._clamp = clamp
        self._roofline = roofline
        self._units = units
        self._published = published
        self._steps_in_a_unit = steps_in_a_unit
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
        classes = self._scan.without(clamped).sizes
        free = n - len(clamped)
        neighbours = int(np.delete(self._model.degrees, clamped).sum())
        frames = schedule.frames(tally.steps)
        weights = tally.steps * chains * neighbours
        steered = tally.steered
        # Of a policy that goes by energies: all of them, in every round. What it computes itself is not counted.
        rounds = steered.rounds if steered is not None and steered.looks else 0
        flops = 2 * weights + (DECISION_FLOPS + RNG_FLOPS) * tally.updates
        flops += rounds * chains * (self._model.csr.nnz + 2 * n)
        spins_moved = sum(n - int(size) for size in classes) + free
        read_out = frames * n * chains
        weights_moved = tally.steps * WEIGHT_BYTES * neighbours
        moved = weights_moved + tally.steps * chains * spins_moved + read_out
        moved += rounds * (WEIGHT_BYTES * self._model.n_couplings + chains * n)
        if steered is not None:
            moved += n * steered.written
        # Energies wait for the sweep and the next sweep for them: a dependent step each.
        phases = tally.steps * len(classes) + rounds
        in_units = Chains(
            count=chains,
            steps=phases if self._steps_in_a_unit == "phases" else tally.steps * free,
            flops=flops,
            read_out_bytes=read_out,
            model_bytes=_held_bytes(self._model),
            chain_bytes=n,
        )
        tiers = {
            "roofline": self._roofline.tier(flops, moved, phases, shared_bytes=weights_moved),
            "apart": self._units.tier(in_units, self._roofline),
            "published": self._published_tier(tally.updates, phases, len(classes)),
        }
        counts = {
            "update": tally.updates,
            "weight_read": weights,
            "toggle": tally.toggles,
            "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE,
            "read": read_out,
            "flop": flops,
            "byte": moved,
        }
        notes: dict[str, Any] = {"algorithm": "chromatic Gibbs", "phases_per_sweep": len(classes)}
        if steered is not None:
            notes["steering"] = {
                "rounds": steered.rounds,
                "chains_swapped": steered.moved,
                "states_replaced": steered.written,
                "models_programmed": steered.programmings,
                "swaps": "chains are renamed",
                "energies": "by the processor, and counted; the policy's own work is not",
            }
        return _execution(counts, tiers, self._notes | notes)

    def _published_tier(self, updates: int, phases: int, colours: int) -> Tier:
        """Alone never faster than its phases; in a full batch at the published rate."""
        published = self._published
        if published is None:
            return Tier(refused=("no published rate is stated",))
        refused = published.refusals(self._model, colours, len(self._clamp))
        if refused:
            return Tier(refused=tuple(refused))
        rate = updates / Figure.of(published.updates_per_s)
        least = self._roofline.waiting(phases)
        return Tier(seconds=rate if least.value is None else rate.at_least(least), full_batch=rate)


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
        tiers = {
            "roofline": self._roofline.tier(flops, moved, phases=2),
            "apart": Tier(refused=("all draws of a Gaussian model share one factorisation",)),
            "published": Tier(refused=("published rates are of spin updates",)),
        }
        return _execution(counts, tiers, self._notes | {"algorithm": "Cholesky, independent draws"})


def _held_bytes(model: IsingModel) -> int:
    """Weights and fields."""
    return WEIGHT_BYTES * (model.csr.nnz + model.n)


def _fastest(times: Iterable[Figure]) -> Figure:
    """The smallest figure, end by end, of those that are known."""
    known = [time for time in times if time.value is not None]
    if not known:
        return Figure.of(None)
    value, low, high = (min(ends) for ends in zip(*((time.value, time.low, time.high) for time in known)))
    return Figure(value, low, high, Evidence.weakest(time.evidence for time in known if time.evidence is not None))


def _execution(counts: dict[str, float], tiers: dict[str, Tier], notes: dict[str, Any]) -> Execution:
    """The account of a run, timed by the fastest tier that applies."""
    known = {name: tier.seconds.value for name, tier in tiers.items() if tier.seconds.value is not None}
    full_batch = _fastest(tier.full_batch for tier in tiers.values())
    timeline = play([Work(phase="sampling", seconds=_fastest(tier.seconds for tier in tiers.values()))])
    return Execution(
        counts=counts,
        seconds={"active": timeline.device_time},
        device_time_s=timeline.device_time,
        phases=timeline.phases,
        timeline=timeline.to_dict(),
        notes=notes
        | {
            "tier": min(known, key=lambda name: known[name], default=None),
            "tiers": {name: tier.note() for name, tier in tiers.items()},
            "full_batch_s": full_batch.value,
        },
        full_batch_s=full_batch,
    )


_KEYS = (
    "kind", "peak_flops", "memory_bandwidth", "memory_bytes", "phase_time", "units", "unit_bytes", "unit_chains",
    "published_updates_per_s", "published_degree", "tdp",
)  # fmt: skip
_STEP_KEYS = {"gpu": "local_phase_time", "cpu": "update_time"}


def from_spec(spec: MachineSpec) -> Processor:
    """A processor from a catalogue entry; a published rate counts only with the degree it was published for."""
    kind = spec.text("kind", choices=KINDS)
    spec.reject_unknown((*_KEYS, _STEP_KEYS[kind]))
    rate = spec.figure("published_updates_per_s", "1/s")
    degree = spec.integer("published_degree", default=None)
    published = None
    if rate.value is not None and degree is not None:
        published = Published(updates_per_s=rate, degree=degree)
    return Processor(
        kind=kind,
        flop_per_s=spec.figure("peak_flops", "FLOP/s"),
        byte_per_s=spec.figure("memory_bandwidth", "B/s"),
        phase_s=spec.figure("phase_time", "s"),
        units=spec.integer("units", default=None),
        unit_bytes=spec.number("unit_bytes", "B", default=None),
        unit_chains=spec.figure("unit_chains", "1") if spec.has("unit_chains") else 1,
        unit_step_s=spec.figure(_STEP_KEYS[kind], "s"),
        memory_bytes=spec.number("memory_bytes", "B", default=None),
        published=published,
        tdp_w=spec.number("tdp", "W", default=None),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
