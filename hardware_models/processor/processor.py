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

- An update costs 2 operations per neighbour for its field, `DECISION_FLOPS` for the sigmoid and the comparison (of
  categories and many-body terms see `sweep_work`), and `RNG_FLOPS` for 32 random bits by Philox: integer operations,
  counted at the floating-point rate. Cheaper generators, fewer random bits, fields kept up to date at each flip,
  tensor cores and half precision are credited nowhere.
- Many chains in the bits of a word, much faster where couplings take few values, are credited only through a
  published rate.
- A weight is 4 bytes and its index 4 more, in dense models too; a spin is one byte. On the whole processor a
  phase reads, of each chain, every spin of the other phases and writes its own: nothing stays in a cache between
  phases. A model too large for a unit that a larger cache would hold is charged the memory's bandwidth.

A Gaussian model is factorised once (n³/3 operations), its mean takes two triangular solves (2n²), and each draw
one triangular solve (n²) and n normals, `NORMAL_FLOPS` and 32 random bits each: Box–Muller makes two normals of
two words. The matrix is read once, its factor written once and read once for all draws together, 4 bytes a
number.

A `DiffusionModel` takes exact steps of an Ornstein–Uhlenbeck process, each a product with a matrix and with a triangle
(3n²), which are prepared once; the draws are then dependent. A `QuarticModel` or `PotentialModel` is integrated, in
steps whose error of the mean energy is at most 2 % of ½kT a site: a gradient, and 4 operations and a normal a site. A
potential that is a function is charged the operations that it states, and takes an unknown time where it states none;
what it reads is a number for every two of them.

A few chains leave a large processor idle, and special hardware is flattered by that. So a run states besides its
own time its share of a full batch: of as many chains of the same model as fill the processor. There the waiting
of one chain is hidden behind the work of others, and reading the weights of a sweep is shared by so many that it
vanishes; what a run does once whatever its chains, factorising, it pays in full. Whether so many chains fit the
memory is not asked, which favours the processor once more.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from hardware_models.clocked import scan_of
from hardware_models.processor.decisions import DecisionProgram, held_bytes
from hardware_models.processor.paths import DiffusionProgram, PotentialProgram
from hardware_models.processor.tiers import (
    NORMAL_FLOPS,
    NUMBER_BYTES,
    RANDOM_BITS_PER_NORMAL,
    RNG_FLOPS,
    Chains,
    Published,
    Roofline,
    Tier,
    Units,
    execution,
)
from hardware_models.processor.work import steering_notes, sweep_work
from pbits.kernels.philox import normals
from pbits.models import (
    CategoricalModel,
    DiffusionModel,
    EnergyModel,
    GaussianModel,
    IsingModel,
    PermutationModel,
    PolynomialModel,
    PotentialModel,
    QuarticModel,
)
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, NotMappable, Observer, Placement, Program, Substrate
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, heat_bath
from pbits.sweeps.permutation import refused_moves

KINDS = ("gpu", "cpu")
# Models that are swept site by site.
_SWEPT = IsingModel, CategoricalModel, PolynomialModel

NOT_CHARGED = (
    "moving the model to the processor and the draws to its host",
    "compiling, launching and writing start states",
)


class Processor(Substrate):
    """A GPU or a CPU: chromatic Gibbs sweeps, permutation moves, Gaussian models by Cholesky, Langevin paths.

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
    cost nothing. Those of a `DiffusionModel` and of potentials are `step_tau` apart, as on a circuit.

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
            domains=frozenset({"spin", "category", "permutation", "real"}),
            models=(*_SWEPT, PermutationModel, GaussianModel, DiffusionModel, QuarticModel, PotentialModel),
            unchecked=() if memory_bytes is not None else ("memory: not stated",),
        )

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons:
            return reasons
        chains = 1 if schedule is None else schedule.chains
        if isinstance(model, _SWEPT):
            work = sweep_work(model)
            needed = work.held_bytes + work.site_bytes * model.n * chains
        elif isinstance(model, PermutationModel):
            needed = held_bytes(model) + 2 * NUMBER_BYTES * model.n * chains
            reasons += refused_moves(model, None if schedule is None else schedule.moves)
        else:
            needed = NUMBER_BYTES * (model.n**2 + model.n * chains)
            if schedule is not None and schedule.betas().min() == 0:
                reasons.append("β = 0 has no law over the reals; take every β above 0")
            if schedule is not None and schedule.step_s is not None and not isinstance(model, GaussianModel):
                reasons.append("step_s is the step of a circuit; the time between draws of this model is step_tau")
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
        if isinstance(model, _SWEPT):
            return GibbsProgram(
                model,
                placement.clamp,
                self._roofline,
                self._units,
                self._published,
                steps_in_a_unit="phases" if self._kind == "gpu" else "updates",
                notes=notes,
            )
        if isinstance(model, PermutationModel):
            return DecisionProgram(model, self._roofline, self._units, notes)
        if isinstance(model, GaussianModel):
            return CholeskyProgram(model, placement.clamp, self._roofline, notes)
        if placement.clamp:
            raise NotMappable(
                self.name, [f"sites of a {type(model).__name__} cannot be held fixed here; leave them free"]
            )
        if isinstance(model, DiffusionModel):
            return DiffusionProgram(model, self._roofline, self._units, notes)
        assert isinstance(model, QuarticModel | PotentialModel), "limits() lets through only what is held"
        return PotentialProgram(model, self._roofline, self._units, notes)


class GibbsProgram(Program):
    """Heat-bath sweeps, colour class by colour class."""

    def __init__(
        self,
        model: EnergyModel,
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
        self._work = sweep_work(model)

    def realised(self, beta: float) -> EnergyModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta, clamp=self._clamp)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        tally = heat_bath(self.realised, self._scan, schedule, streams, initial, observe, self._clamp)
        n, chains = self._model.n, schedule.chains
        clamped = np.array(sorted(self._clamp), dtype=np.int64)
        classes = self._scan.without(clamped).sizes
        free = n - len(clamped)
        work = self._work

        def of_free(each: NDArray) -> float:
            return np.delete(each, clamped).sum().item()

        frames = schedule.frames(tally.steps)
        weights = tally.steps * chains * of_free(work.reads)
        steered = tally.steered
        # Of a policy that goes by energies: all of them, in every round. What it computes itself is not counted.
        rounds = steered.rounds if steered is not None and steered.looks else 0
        flops = tally.steps * chains * of_free(work.flops) + RNG_FLOPS * tally.updates
        flops += rounds * chains * work.energy_flops
        sites_moved = sum(n - int(size) for size in classes) + free
        read_out = frames * n * chains
        weights_moved = tally.steps * of_free(work.weight_bytes)
        moved = weights_moved + work.site_bytes * (tally.steps * chains * sites_moved + read_out)
        moved += rounds * (work.energy_bytes + work.site_bytes * chains * n)
        if steered is not None:
            moved += work.site_bytes * n * steered.written
        # Energies wait for the sweep and the next sweep for them: a dependent step each.
        phases = tally.steps * len(classes) + rounds
        in_units = Chains(
            count=chains,
            steps=phases if self._steps_in_a_unit == "phases" else tally.steps * free,
            flops=flops,
            read_out_bytes=work.site_bytes * read_out,
            model_bytes=work.held_bytes,
            chain_bytes=work.site_bytes * n,
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
            notes["steering"] = steering_notes(steered, "by the processor, and counted")
        return execution(counts, tiers, self._notes | notes)

    def _published_tier(self, updates: int, phases: int, colours: int) -> Tier:
        """Alone never faster than its phases; in a full batch at the published rate."""
        published = self._published
        if published is None:
            return Tier(refused=("no published rate is stated",))
        if not isinstance(self._model, IsingModel):
            return Tier(refused=("published rates are of spins with pairwise couplings",))
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
        return execution(counts, tiers, self._notes | {"algorithm": "Cholesky, independent draws"})


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
