"""Arrays of p-bits: ideal, or clocked and digital in the manner of FPGA machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hardware_models import topologies
from hardware_models.clocked import ClockedProgram, Timing
from hardware_models.effects import Effect, FixedPointCouplings, OffsetMismatch, SlopeMismatch, misreads
from hardware_models.pbit.autonomous import AutonomousProgram
from hardware_models.pbit.characterisation import Characterisation, Estimate
from hardware_models.pbit.disciplines import AUTONOMOUS, SYNAPSES, UPDATES, Discipline
from hardware_models.pbit.permutations import PermutationProgram
from pbits.mapping import FixedPoint, Topology
from pbits.models import (
    CategoricalModel,
    DirectedModel,
    EnergyModel,
    GaussianModel,
    IsingModel,
    PermutationModel,
    PolynomialModel,
)
from pbits.parameters import CatalogueError, Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Placement, Program, Substrate
from pbits.sweeps.permutation import refused_moves


class Array(Substrate):
    """p-bits s_i = sgn(tanh(βI_i) − r), I_i = Σ_j J_ij s_j + h_i, r uniform on (−1, 1).

    An ideal array, of any wiring, with exact numbers and no mismatch, also holds a `PolynomialModel`, whose p-bits
    have the input I_i = Σ_{t∋i} w_t Π_{j∈t, j≠i} s_j, and a `CategoricalModel`, whose p-dits draw a category a with
    probability ∝ exp(−βΔ_a). Without a clock it is no hardware, holds a `PermutationModel` too, whose p-bits decide on
    moves (`Permutations` is a machine for them), and anneals by the Metropolis rule where that is asked for.

    Any array holds a `DirectedModel`, whose couplings need not be mutual.

    Parameters
    ----------
    update : str
        When p-bits move: "chromatic", "sequential", "random", "synchronous", "partial", "discrete" or "poisson"; see
        `Discipline`. The first three, and "poisson" with instant synapses, sample the Boltzmann law of what is held.
        A step of a schedule is one sweep; for "partial" and "discrete" it is one clock, and for "poisson" the time
        τ_N, in which each p-bit fires once on average.
    q, time_step, synapse, s
        Parameters of the discipline; see `Discipline`.
    topology : Topology, optional
        Wiring; unrestricted when absent.
    number : FixedPoint, optional
        How βJ and βh are stored; exact when absent. A machine with fixed point is programmed anew at each β.
    offset_sigma_d2d : float
        Device-to-device spread of each p-bit's input offset, in units of βI; drawn from `chip_seed`.
    rate_sigma_d2d : float
        Of "discrete" and "poisson": spread of ln ν_i, where ν_i/τ_N is the rate of p-bit i; drawn from `chip_seed`,
        mean ν = 1 over the p-bits in use.
    effects : sequence of Effect
        Further non-idealities, applied in order after those above; see `hardware_models.effects`.
    device : Characterisation, optional
        What `characterise` learned of the devices that p-bits are made of: spreads of slopes and input offsets become
        effects of a fresh chip (drawn from `chip_seed`; a single device has no spread), and so do those of rates where
        the update knows rates; of "poisson" τ_N is the fitted one, unless `neuron_s` says otherwise.
    neuron_s : Figure or float, optional
        τ_N of "poisson"; of "discrete" the clock is `phase_s`.
    phase_s, program_s, read_s : Figure or float, optional
        Device seconds of a clock phase, of a programming, of a read-out; None where not stated.
    unchecked : sequence of str
        Limits of the machine that are not checked here, for the record.
    prices : PriceTable, optional
    name : str

    Raises
    ------
    ValueError
        For an unknown update discipline, a spread below 0, or a time that is negative or not finite.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import pbit
    >>> model = pbits.IsingModel([[0, 1], [1, 0]])
    >>> schedule = pbits.Schedule(n_samples=10, chains=2)
    >>> pbits.run(model, pbit.Array(update="random"), schedule, seed=1).states.shape
    (2, 10, 2)
    """

    def __init__(
        self,
        *,
        update: str = "chromatic",
        q: float | None = None,
        time_step: float | None = None,
        synapse: str = "instant",
        s: float = 0.0,
        topology: Topology | None = None,
        number: FixedPoint | None = None,
        offset_sigma_d2d: float = 0.0,
        rate_sigma_d2d: float = 0.0,
        effects: Sequence[Effect] = (),
        device: Characterisation | None = None,
        neuron_s: Figure | float | None = None,
        phase_s: Figure | float | None = None,
        program_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        unchecked: Sequence[str] = (),
        prices: PriceTable | None = None,
        name: str = "p-bit array",
        spec: MachineSpec | None = None,
    ):
        self.name = name
        self.prices = prices
        self.spec = spec
        self.discipline = Discipline(update=update, q=q, time_step=time_step, synapse=synapse, s=s)
        self._timing = Timing(phase_s=phase_s, program_s=program_s, read_s=read_s)
        # Numbers are rounded where they are stored; the offset sits behind them, at the input of the p-bit.
        built_in: list[Effect] = []
        if number is not None:
            built_in.append(FixedPointCouplings(number=number))
        if offset_sigma_d2d:
            built_in.append(OffsetMismatch(sigma_d2d=offset_sigma_d2d))
        if device is not None:
            built_in += spreads_of(device)
            if self.discipline.update in AUTONOMOUS:
                rate_sigma_d2d = rate_sigma_d2d or _sigma(device.log_rate_sigma_d2d)
                if self.discipline.update == "poisson" and neuron_s is None:
                    neuron_s = device.tau_s.value
        self._effects = (*built_in, *effects)
        self._check_times(phase_s, neuron_s)
        self._rate_sigma = _spread(rate_sigma_d2d, self.discipline)
        self._neuron_s = neuron_s
        one_at_a_time = self.discipline.update in ("sequential", "random", "chromatic")
        ideal = topology is None and not self._effects and one_at_a_time
        clockless = Figure.of(phase_s).value is None
        # What does not exist may as well hold reals; a p-bit with a clock does not.
        reals = ideal and clockless and update == "chromatic"
        self.capabilities = Capabilities(
            domains=frozenset({"spin", *(["category"] if ideal else []), *(["real", "permutation"] if reals else [])}),
            models=(
                IsingModel,
                DirectedModel,
                *((PolynomialModel, CategoricalModel) if ideal else ()),
                *((GaussianModel, PermutationModel) if reals else ()),
            ),
            topology=topology,
            stores_beta=number is not None,
            # A policy goes by energies, and those of misread states are not the machine's.
            steers=self.discipline.update not in AUTONOMOUS and not misreads(self._effects),
            rules=frozenset({"heat-bath", "metropolis"} if ideal and clockless else {"heat-bath"}),
            unchecked=tuple(unchecked),
        )

    def _check_times(self, phase_s: Figure | float | None, neuron_s: Figure | float | None) -> None:
        clockless = self.discipline.update == "poisson"
        for name, given, idle in (("phase_s", phase_s, clockless), ("neuron_s", neuron_s, not clockless)):
            if idle and Figure.of(given).value is not None:
                other = (
                    "neuron_s, the mean time between updates of a p-bit" if clockless else "phase_s, a clock's period"
                )
                raise ValueError(f"{name} means nothing to update={self.discipline.update!r}; give {other}")

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if not reasons and schedule is not None and isinstance(model, GaussianModel) and schedule.betas().min() == 0:
            reasons.append("β = 0 has no law over the reals; take every β above 0")
        if schedule is not None and isinstance(model, GaussianModel):
            for name in ("step_s", "step_tau"):
                if getattr(schedule, name) is not None:
                    reasons.append(f"its draws of reals have no time between them; leave {name} out")
        if not reasons and schedule is not None and isinstance(model, PermutationModel):
            reasons = refused_moves(model, schedule.moves)
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        if isinstance(model, PermutationModel):
            return PermutationProgram(model, self._timing, dict.fromkeys(("decision", "read", "rewrite")))
        topology = self.capabilities.topology
        copies = 1 if topology is None else topology.copies(placement.cells)
        discipline = self.discipline
        if discipline.update in AUTONOMOUS:
            return AutonomousProgram(
                model,
                placement,
                discipline=replace(discipline, rates=rates_on_chip(self._rate_sigma, placement)),
                timing=self._timing,
                neuron_s=self._neuron_s,
                effects=self._effects,
                stores_beta=self.capabilities.stores_beta,
                copies=copies,
            )
        partial = discipline.update == "partial"
        return ClockedProgram(
            model,
            placement,
            update="synchronous" if partial else discipline.update,
            timing=self._timing,
            effects=self._effects,
            stores_beta=self.capabilities.stores_beta,
            copies=copies,
            persistence=1 - discipline.q if partial and discipline.q is not None else 0.0,
        )


def spreads_of(device: Characterisation) -> list[Effect]:
    """How p-bits made of such devices differ: P = ½[1 + tanh a_i(βI_i + δ_i)], offsets inside slopes."""
    if not np.isfinite(device.slope.value):
        raise ValueError(
            "the device was characterised without a slope: give `characterise` two or more drives, about the one where "
            "P(+) is ½"
        )
    found: list[Effect] = []
    if device.input_offset_sigma_d2d:
        found.append(OffsetMismatch(sigma_d2d=device.input_offset_sigma_d2d))
    if device.relative_slope_sigma_d2d:
        found.append(SlopeMismatch(sigma_d2d=device.relative_slope_sigma_d2d))
    return found


def _sigma(estimate: Estimate | None) -> float:
    """A spread, where one was seen."""
    return 0.0 if estimate is None or not np.isfinite(estimate.value) else estimate.value


def _spread(sigma: float, discipline: Discipline) -> float:
    if not (np.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"rate_sigma_d2d is {sigma}; a spread must be finite and at least 0")
    if sigma and discipline.update not in AUTONOMOUS:
        raise ValueError(f"rate_sigma_d2d belongs to {' and '.join(AUTONOMOUS)}; a clock moves all p-bits alike")
    return sigma


def rates_on_chip(sigma_d2d: float, placement: Placement) -> tuple[float, ...] | None:
    """ν_i = exp(σ z_i) over its mean, with z_i a standard normal number of each cell of a chip; None without spread."""
    if not sigma_d2d:
        return None
    of_chip = Streams(seed=0, chip_seed=placement.chip_seed).generator(Stream.CHIP, "RateSpread")
    rates = np.exp(sigma_d2d * of_chip.standard_normal(int(placement.cells.max()) + 1)[placement.cells])
    return tuple((rates / rates.mean()).tolist())


_KEYS = (
    "update", "q", "time_step", "synapse", "neuron_time", "synapse_time", *topologies.KEYS, "total_bits",
    "fraction_bits", "offset_sigma_d2d", "rate_sigma_d2d", "clock", "cycles_per_phase", "program_time", "read_time",
    "unchecked",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Array:
    """A p-bit array from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    number = None
    if spec.has("fraction_bits") or spec.has("total_bits"):
        number = FixedPoint(
            total_bits=spec.integer("total_bits", default=None), fraction_bits=spec.integer("fraction_bits")
        )
    update = spec.text("update", choices=UPDATES)
    neuron_s = spec.figure("neuron_time", "s")
    synapse = spec.text("synapse", choices=SYNAPSES, default="instant")
    s = 0.0
    if synapse != "instant":
        ratio = (spec.figure("synapse_time", "s") / neuron_s).value
        if ratio is None:
            raise CatalogueError(
                f"{spec.path}: the synapse is {synapse!r}, and its law needs neuron_time and synapse_time"
            )
        s = ratio
    return Array(
        update=update,
        q=spec.number("q", "1", default=None),
        time_step=spec.number("time_step", "1", default=None),
        synapse=synapse,
        s=s,
        neuron_s=neuron_s,
        topology=topologies.topology_of(spec),
        number=number,
        offset_sigma_d2d=spec.number("offset_sigma_d2d", "1", default=None) or 0.0,
        rate_sigma_d2d=spec.number("rate_sigma_d2d", "1", default=None) or 0.0,
        phase_s=spec.figure("cycles_per_phase", "1") / spec.figure("clock", "Hz"),
        program_s=spec.figure("program_time", "s"),
        read_s=spec.figure("read_time", "s"),
        unchecked=(spec.text("unchecked"),) if "unchecked" in spec.parameters else (),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
