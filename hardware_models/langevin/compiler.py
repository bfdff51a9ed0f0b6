"""From a matrix to components: what a circuit of n cells must be made of so that its voltages sample a model.

Two matrices of a circuit can stand for A, and cells are equal in all else. In a conductance mapping G = g₀A:
C dV = −GV dt + I dt + noise, which settles to N(G⁻¹I, σ²G⁻¹/2C). In a capacitance mapping the Maxwell matrix is c₀A,
C_M dV = −V/R dt + noise, which settles to N(0, σ²R C_M⁻¹/2). An inductor from each cell to ground changes the way and
not the goal: the law of the voltages is the same about a mean of 0.

Components without supply make only matrices whose entries off the diagonal are ≤ 0 and whose rows do not sum to less
than 0. What else can hold an A is chosen in `Design`, and `Plan.report` says what was chosen and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_continuous_lyapunov, solve_triangular
from scipy.optimize import brentq

from hardware_models.langevin.effects import Rounding
from hardware_models.langevin.effects.base import check_whole
from hardware_models.langevin.noise import Spectrum, White
from hardware_models.langevin.parts import Parts, to_ground
from hardware_models.langevin.report import Advice, Report
from pbits.langevin import OrnsteinUhlenbeck, laws
from pbits.models import DiffusionModel, EnergyModel, GaussianModel
from pbits.models.base import is_symmetric, read_only
from pbits.parameters import Figure
from pbits.streams import Streams
from pbits.substrate import Moments, NotMappable

Mapping = Literal["conductance", "capacitance"]
Coupling = Literal["passive", "differential", "active"]
Cell = Literal["rc", "rlc"]
Transform = Literal["none", "scaling", "congruence"]
Mean = Literal["drive", "digital"]
Way = tuple[Coupling, Transform]

_WHITE = White()
# Entries and row sums so far on the wrong side of 0, relative to the largest entry, are rounding.
_SLACK = 1e-12


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a circuit is made of, and what digital work is done around it.

    Parameters
    ----------
    mapping : {"auto", "conductance", "capacitance"}
        Which matrix of the circuit holds A. "auto": capacitors for RLC cells, conductances for RC cells.
    coupling : {"auto", "passive", "differential", "active"}
        "passive": resistors or capacitors between the cells. "differential": the same between 2n cells, two for each
        site, whose difference is read; a coupling of the other sign leads to the other cell of the pair
        ([[B, −C], [−C, B]] for A = B + C with C the couplings above 0). "active": transconductors, which hold any
        stable A. "auto": the first of these that can.
    cell : {"rc", "rlc"}
    transform : {"none", "scaling", "congruence"}
        The most that a computer may do to what is read: nothing; one product a number, x = Sv with diagonal S, which
        can make a matrix diagonally dominant; or a product with a matrix, x = L⁻ᵀv with A = LLᵀ, which leaves cells
        that are not coupled, and the computer the work.
    mean : {"drive", "digital"}
        Who makes the mean A⁻¹b: drive currents, or a computer, which solves for it and adds it to what is read.
    resistance_ohm : float, optional
        R: of the largest programmable conductance; of every cell in a capacitance mapping.
    capacitance_f : float, optional
        C: of every cell; the largest programmable capacitor in a capacitance mapping.
    inductance_h, quality : float, optional
        Of RLC cells: L, or Q = R√(C/L) of a cell of R and C alone. One of the two.
    noise_voltage_rms_v : float, optional
        Root mean square over the cells of the noise on their voltages, at the β compiled for, that white noise of the
        same density at low frequency makes.
    swing_v : float, optional
        Voltages lie within ±swing_v.
    component_bits : int, optional
        Resolution of the programmable components; exact when absent.
    spectrum : Spectrum
        Of the injected noise.
    temperature_k : float
        Of the resistors; 0 for silent ones.

    Raises
    ------
    ValueError
        For an unknown choice, a component that is not positive and finite, or choices that exclude each other.
    TypeError
        For a component that is no number.

    Notes
    -----
    `coupling` is "auto" here, where components are chosen for a model, and "active" by default in
    `hardware_models.langevin.Circuit`, a machine that is there before its models.
    """

    mapping: Mapping | Literal["auto"] = "auto"
    coupling: Coupling | Literal["auto"] = "auto"
    cell: Cell = "rc"
    transform: Transform = "none"
    mean: Mean = "drive"
    resistance_ohm: Figure | float | None = None
    capacitance_f: Figure | float | None = None
    inductance_h: Figure | float | None = None
    quality: float | None = None
    noise_voltage_rms_v: float | None = None
    swing_v: float | None = None
    component_bits: int | None = None
    spectrum: Spectrum = _WHITE
    temperature_k: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}")
        for name in _POSITIVE:
            check_stated(name, getattr(self, name))
        if not (math.isfinite(self.temperature_k) and self.temperature_k >= 0):
            raise ValueError(f"temperature_k is {self.temperature_k}; it must be at least 0 K and finite")
        if self.component_bits is not None:
            check_whole("component_bits", self.component_bits, 2, 32, ", or None for exact")
        coils = [name for name in ("inductance_h", "quality") if Figure.of(getattr(self, name)).value is not None]
        if len(coils) != (self.cell == "rlc"):
            raise ValueError(
                f"the cells are {self.cell} and {' and '.join(coils) or 'neither inductance_h nor quality'} is given; "
                "RLC cells need one of inductance_h and quality, RC cells have no inductors"
            )
        if self.swing_v is not None and self.noise_voltage_rms_v is None:
            raise ValueError("swing_v tells nothing while the voltages are unknown; give noise_voltage_rms_v too")
        unstated = [
            name for name in ("resistance_ohm", "capacitance_f") if Figure.of(getattr(self, name)).value is None
        ]
        if unstated:
            needing = [
                name
                for name, given in (
                    ("inductance_h", "inductance_h" in coils),
                    ("spectrum", not isinstance(self.spectrum, White)),
                    ("temperature_k", self.temperature_k > 0),
                )
                if given
            ]
            if needing:
                raise ValueError(
                    f"{needing[0]} says something in seconds or volts while {unstated[0]} is not stated; give both "
                    "resistance_ohm and capacitance_f"
                )
        if self.temperature_k and self.noise_voltage_rms_v is None:
            raise ValueError("temperature_k adds volts of noise to unknown ones; give noise_voltage_rms_v too")

    @property
    def stated(self) -> bool:
        """Whether R and C are, without which nothing is known in seconds."""
        return self.rc.value is not None

    @property
    def rc(self) -> Figure:
        """RC, seconds."""
        return Figure.of(self.resistance_ohm) * Figure.of(self.capacitance_f)

    @property
    def mapped(self) -> Mapping:
        """The mapping that "auto" stands for."""
        if self.mapping != "auto":
            return self.mapping
        return "conductance" if self.cell == "rc" else "capacitance"

    @property
    def rounding(self) -> Rounding | None:
        """What the banks that hold A do to components; None for exact ones."""
        if self.component_bits is None:
            return None
        conducting = self.mapped == "conductance"
        return Rounding(
            bits=self.component_bits, resistors=conducting, transconductors=conducting, capacitors=not conducting
        )

    def ways(self) -> list[Way]:
        """Ways to hold a matrix, in the order in which they are tried: the less they take, the earlier."""
        most = get_args(Transform).index(self.transform)
        return [
            (coupling, transform)
            for coupling, transform in _WAYS
            if self.coupling in ("auto", coupling)
            and get_args(Transform).index(transform) <= most
            and (coupling != "active" or self.mapped == "conductance")
        ]

    def compile(self, model: GaussianModel | DiffusionModel, beta: float = 1.0) -> Plan:
        """Components for a model; see `compile_model`."""
        if not (math.isfinite(beta) and beta > 0):
            raise ValueError(f"beta is {beta}; the noise of a circuit is set for a finite β above 0")
        failed: list[tuple[Way, str]] = []
        reasons = self._refused(model)
        if not reasons:
            for way in self.ways():
                failing = _failings(model, *way)
                if not failing:
                    findings = tuple(f"{_called(*before)}: {reason}" for before, reason in failed)
                    return _planned(self, model, beta, *way, findings)
                failed += [(way, reason) for reason in failing]
            # What was asked for by name need not be named again.
            asked = (self.coupling, "none")
            reasons = [reason if way == asked else f"{_called(*way)}: {reason}" for way, reason in failed]
            reasons += self._remedies(model)
        raise NotMappable(f"a circuit of {self.cell.upper()} cells", reasons)

    def _refused(self, model: EnergyModel) -> list[str]:
        """What no way of coupling mends."""
        if not isinstance(model, GaussianModel | DiffusionModel):
            return [
                f"its drift is linear, so it holds a GaussianModel or DiffusionModel; this is a {type(model).__name__}"
            ]
        reasons = []
        if self.coupling == "active" and self.mapped == "capacitance":
            reasons.append(
                "capacitors are passive; take mapping='conductance' for active couplings, or coupling='passive' or "
                "'differential'"
            )
        moving = self.mapped == "conductance" and self.cell == "rc" and self.coupling in ("auto", "active")
        if isinstance(model, DiffusionModel) and not moving:
            reasons.append(
                "a DiffusionModel says how x moves, and only RC cells with active couplings of a conductance mapping "
                "move so: take mapping='conductance', cell='rc', coupling='active'; its `stationary` model "
                "fits the other circuits, and answers for the law alone: "
                "pbits.problems.GaussianSampling(model.stationary)"
            )
        if self.mean == "drive" and model.b.any():
            if self.cell == "rlc":
                reasons.append(
                    "an inductor to ground takes all of a constant current, so every voltage has the mean 0, and b is "
                    "not 0; mean='digital' computes A⁻¹b and adds it to what is read"
                )
            elif self.mapped == "capacitance":
                reasons.append(
                    "behind capacitive couplings the mean voltage is R times the drive current, whatever A is, so that "
                    "A⁻¹b would have to be driven itself, and b is not 0; mean='digital' computes A⁻¹b and adds it to "
                    "what is read"
                )
        return reasons

    def _remedies(self, model: GaussianModel | DiffusionModel) -> list[str]:
        remedies = []
        for coupling in ("passive", "differential"):
            fitting: list[Way] = [
                way for way in _WAYS[:4] if way[0] == coupling and way not in self.ways() and not _failings(model, *way)
            ]
            remedies += [f"{_called(*way)} would hold it" for way in fitting[:1]]
        if self.mapped == "conductance":
            remedies.append("a circuit with coupling='active' holds any symmetric, positive definite A")
        elif self.transform != "congruence":
            remedies.append("transform='congruence' leaves uncoupled cells and n² products a read-out to a computer")
        return remedies


# The less a way takes, the earlier it is tried; active cells need no transform, and uncoupled ones no pairs.
_WAYS: tuple[Way, ...] = (
    ("passive", "none"),
    ("passive", "scaling"),
    ("differential", "none"),
    ("differential", "scaling"),
    ("active", "none"),
    ("passive", "congruence"),
)
_CHOICES: dict[str, tuple[str, ...]] = {
    "mapping": ("auto", *get_args(Mapping)),
    "coupling": ("auto", *get_args(Coupling)),
    "cell": get_args(Cell),
    "transform": get_args(Transform),
    "mean": get_args(Mean),
}
_POSITIVE = ("resistance_ohm", "capacitance_f", "inductance_h", "quality", "noise_voltage_rms_v", "swing_v")


def compile_model(model: GaussianModel | DiffusionModel, *, beta: float = 1.0, **design: Any) -> Plan:
    """Components that make voltages sample a model.

    Parameters
    ----------
    model : GaussianModel or DiffusionModel
    beta : float
        That the noise is set for.
    **design
        Parameters of `Design`; `coupling` is "auto" by default, and not "active" as in `Circuit`.

    Returns
    -------
    Plan

    Raises
    ------
    NotMappable
        With every reason why no allowed circuit holds the model, and what would.
    ValueError
        For a design that is none, or β that is not positive.

    Examples
    --------
    >>> import pbits
    >>> model = pbits.GaussianModel([[2.0, 0.5], [0.5, 1.0]])
    >>> plan = compile_model(model, resistance_ohm=1e3, capacitance_f=1e-9)
    >>> plan.coupling, plan.parts.n, plan.tau_s
    ('differential', 4, 1.5e-06)
    """
    return Design(**design).compile(model, beta)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A model as components: x = readout V/volts + shift, V the voltages of the cells.

    Attributes
    ----------
    model : GaussianModel or DiffusionModel
        As posed.
    design : Design
    beta : float
        That the noise is set for.
    coupling, transform : str
        The way that was taken.
    findings : tuple of str
        Why the ways before it could not be.
    parts : Parts
        Exact components. Where R or C is not stated, R = 1 ohm or C = 1 F, and nothing in seconds is told; where the
        noise voltage is not, a unit of x is some volts that no one knows.
    wires : (n, cells) array
        What is converted is wires V: the voltages of cells, or their differences.
    lift : (n, n) array, optional
        T of x = T wires V/volts + shift, the work of a computer.
    shift : (n,) array
        Added by a computer: A⁻¹b, or 0.
    volts : float
        Per unit of what T is applied to.
    siemens, farads : float
        Of every cell, or, of what holds A, per unit of A.
    full_scale : float
        The largest component in units of A.
    """

    model: GaussianModel | DiffusionModel
    design: Design
    beta: float
    coupling: Coupling
    transform: Transform
    findings: tuple[str, ...]
    parts: Parts
    wires: NDArray[np.float64]
    lift: NDArray[np.float64] | None
    shift: NDArray[np.float64]
    volts: float
    siemens: float
    farads: float
    full_scale: float

    @property
    def readout(self) -> NDArray[np.float64]:
        """(n, cells)"""
        return self.wires if self.lift is None else self.lift @ self.wires

    @property
    def time_s(self) -> float:
        """The unit of time of the circuit's rates: RC times `full_scale`, or over it in a capacitance mapping."""
        return self.farads / self.siemens

    @property
    def scale_stated(self) -> bool:
        """Whether `scale` is what it is, and not a stand-in."""
        conducting = self.design.mapped == "conductance"
        return Figure.of(self.design.resistance_ohm if conducting else self.design.capacitance_f).value is not None

    @property
    def keeps_time(self) -> bool:
        """Whether x moves as dx = −(Ax − b) dt/τ + √(2/βτ) dW, and not only settles where that would."""
        return self.design.mapped == "conductance" and self.design.cell == "rc" and self.lift is None

    @property
    def tau_s(self) -> float | None:
        """τ; None where R or C is not stated, or the circuit takes another way."""
        return self.time_s if self.design.stated and self.keeps_time else None

    @property
    def scale(self) -> float:
        """Siemens, or farads, per unit of A."""
        return self.siemens if self.design.mapped == "conductance" else self.farads

    def matrix(self, parts: Parts) -> NDArray[np.float64]:
        """What stands for A in given components, (cells, cells), in units of A."""
        if self.design.mapped == "capacitance":
            return to_ground(parts.capacitance_f) / self.scale
        conducting = to_ground(parts.conductance_s)
        return (conducting if parts.transconductance_s is None else conducting + parts.transconductance_s) / self.scale

    def held(self, parts: Parts) -> GaussianModel | DiffusionModel:
        """The model that given components hold, in posed coordinates, apart from what their noise is.

        A `GaussianModel`, or a `DiffusionModel` where one was posed or the couplings are not mutual.

        Raises
        ------
        ValueError
            Where the voltages would run away or drift without bound.
        """
        if parts is self.parts:
            return self.model
        K = self.matrix(parts)
        # Coils to ground take every constant current.
        felt = self.design.mapped == "conductance" and parts.inductance_h is None
        driven = parts.drive_a / (self.scale * self.volts) if felt else np.zeros(parts.n)
        if reason := unstable(K):
            raise ValueError(reason)
        mutual = is_symmetric(float(np.abs(K - K.T).max()), float(np.abs(K).max()))
        if isinstance(self.model, DiffusionModel) or not mutual:
            D = self.model.D if isinstance(self.model, DiffusionModel) else None
            return DiffusionModel(K, K @ self.shift + driven, D, self.model.offset)
        if self.lift is None and len(self.wires) == parts.n:
            return GaussianModel(K, K @ self.shift + driven, self.model.offset)
        readout = self.readout
        covariance = readout @ np.linalg.solve(K, readout.T) / self.pairs
        precision = np.linalg.inv((covariance + covariance.T) / 2)
        precision = (precision + precision.T) / 2
        mean = readout @ np.linalg.solve(K, driven) + self.shift
        return GaussianModel(precision, precision @ mean, self.model.offset)

    def headroom(self, swing_v: float) -> float:
        """By how many standard deviations the tightest cell's mean stays away from ±swing_v."""
        cells = self.parts.n
        mean = self.volts * self.process.mean[:cells]
        deviation = self.volts * np.sqrt(np.diag(self.process.covariance)[:cells] / self.beta)
        return float(((swing_v - np.abs(mean)) / deviation).min())

    @property
    def words(self) -> int:
        """To be written for a program: components that hold A, and drive currents.

        Transconductors from i to j and from j to i are two; passive components are shared. Of the four components
        between two pairs of cells two are set, the straight or the crossed ones.
        """
        n = self.model.n
        components = n**2 if self.coupling == "active" else self.pairs * n * (n + 1) // 2
        driven = self.design.mapped == "conductance" and self.design.mean == "drive"
        return components + (self.parts.n if driven else 0)

    @property
    def amplifiers(self) -> int:
        """Transconductors that are not 0."""
        active = self.parts.transconductance_s
        return 0 if active is None else int(np.count_nonzero(active))

    @property
    def component_step(self) -> float:
        """Distance of programmable components, in units of A; 0 for exact ones."""
        bits = self.design.component_bits
        if bits is None:
            return 0.0
        return self.full_scale / (2 ** (bits - 1) - 1 if self.coupling == "active" else 2**bits - 1)

    def largest_error(self, parts: Parts) -> float:
        """Of the components that hold A, in units of A."""
        names = ("capacitance_f",) if self.design.mapped == "capacitance" else ("conductance_s", "transconductance_s")
        errors = [
            float(np.abs(getattr(parts, name) - getattr(self.parts, name)).max())
            for name in names
            if getattr(self.parts, name) is not None
        ]
        return max(errors) / self.scale

    @property
    def digital_work(self) -> str:
        """What is left to a computer."""
        n, work = self.model.n, []
        if self.transform == "scaling":
            work.append(f"a solve with A ({n**3 / 3:,.0f} products) for the scale, and {n:,} products a read-out")
        elif self.transform == "congruence":
            work.append(
                f"a Cholesky factor of A ({n**3 / 6:,.0f} products), after which A⁻¹ is {n**3 / 3:,.0f} away, and "
                f"{n * (n + 1) // 2:,} products a read-out: the circuit is a source of independent noise and no more"
            )
        if self.shift.any():
            work.append(f"the mean A⁻¹b (a solve with A, {n**3 / 6:,.0f} products), added to every read-out")
        return "; ".join(work) or "nothing"

    def host_products(self, frames: int) -> int:
        """Products of numbers that are left to a computer: for the program, and for each of `frames` read-outs."""
        n = self.model.n
        of = {"none": (0, 0), "scaling": (n**3 / 3, n), "congruence": (n**3 / 6, n * (n + 1) / 2)}
        once, each = of[self.transform]
        if self.shift.any():
            once += n**3 / 6 + n**2
        return round(once + each * frames)

    @property
    def pairs(self) -> int:
        """Cells for each site."""
        return len(self.wires.T) // len(self.wires)

    @cached_property
    def process(self) -> OrnsteinUhlenbeck:
        """What exact components do: voltages over `volts`, then currents of inductors, in units of `time_s`."""
        K, cells = self.matrix(self.parts), self.parts.n
        D = self.model.D if isinstance(self.model, DiffusionModel) else np.eye(cells) / self.pairs
        mean = np.linalg.solve(K, self.parts.drive_a / (self.scale * self.volts)) if self.parts.drive_a.any() else None
        stores = np.linalg.inv(K) if self.design.mapped == "capacitance" else None
        rates = K if stores is None else stores
        D = D if stores is None else stores @ D @ stores
        if self.parts.inductance_h is None:
            return OrnsteinUhlenbeck(rates, D, mean)
        zero, one = np.zeros((cells, cells)), np.eye(cells)
        swing = self.time_s**2 / (self.farads * self.parts.inductance_h[0])
        rates = np.block([[rates, one if stores is None else stores], [-swing * one, zero]])
        return OrnsteinUhlenbeck(rates, np.block([[D, zero], [zero, zero]]))

    def advice(self, accuracy: float) -> Advice:
        """How to read out for a relative error of the covariance (root mean square, Frobenius).

        Raises
        ------
        ValueError
            For an accuracy that does not lie between 0 and 1.
        """
        if not 0 < accuracy < 1:
            raise ValueError(f"accuracy is {accuracy}; it must lie between 0 and 1")
        process, cells = self.process, self.parts.n
        output = np.hstack([self.readout, np.zeros((len(self.readout), process.n - cells))])
        interval = _read_out_interval(process, output)
        draws = laws.draws_for(process, interval, accuracy, output=output)
        settle = laws.burn_in(process, accuracy, output=output)
        unit_s = self.time_s if self.design.stated else None
        return Advice(
            accuracy=accuracy,
            interval=interval * float(process.rates[0]),
            draws=draws,
            burn_in=settle * float(process.rates[0]),
            interval_s=None if unit_s is None else interval * unit_s,
            seconds=None if unit_s is None else (settle + draws * interval) * unit_s,
        )

    @cached_property
    def report(self) -> Report:
        """What was chosen and why, and how good it is."""
        return _reported(self)


def check_stated(name: str, given: Figure | float | None) -> None:
    """Refuse what is neither absent nor a positive, finite number."""
    value = Figure.of(given).value
    if value is None:
        return
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(
            f"{name} is {value!r}; give a number in SI units, 1e3 for 1 kΩ or 1e-6 for 1 µs, or None if not stated"
        )
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}; it must be positive and finite, or None if not stated")


def unstable(K: NDArray[np.float64]) -> str | None:
    """Why voltages would run away or drift without bound; None where they do not."""
    largest = float(np.abs(K).max())
    if is_symmetric(float(np.abs(K - K.T).max()), largest):
        rates = np.linalg.eigvalsh(K)
        if rates[0] > len(K) * np.finfo(float).eps * rates[-1]:
            return None
        what = f"is not positive definite (eigenvalues {rates[0]:.3g} to {rates[-1]:.3g})"
    else:
        slowest = float(np.linalg.eigvals(K).real.min())
        if slowest > len(K) * np.finfo(float).eps * largest:
            return None
        what = f"is not stable (an eigenvalue has the real part {slowest:.3g})"
    return f"A {what}; use finer components, or add to the diagonal of A"


def _called(coupling: Coupling, transform: Transform) -> str:
    name = f"coupling={coupling!r}"
    return name if transform == "none" else f"{name} with transform={transform!r}"


def _failings(model: GaussianModel | DiffusionModel, coupling: Coupling, transform: Transform) -> list[str]:
    """Why cells coupled like that do not hold a model; empty where they do."""
    if coupling == "active":
        return []
    if isinstance(model, DiffusionModel):
        return ["its couplings need not be mutual, nor its noise equal; those of passive components are"]
    if transform == "congruence":
        return []
    if transform == "scaling":
        return _never_dominant(model.A, coupling)
    return _not_dominant(model.A, coupling)


def _not_dominant(A: NDArray[np.float64], coupling: Coupling) -> list[str]:
    reasons = []
    slack = _SLACK * np.abs(A).max()
    off_diagonal = A - np.diag(np.diag(A))
    positive = int((np.triu(off_diagonal) > slack).sum())
    if positive and coupling == "passive":
        reasons.append(
            f"{positive} of its couplings A_ij are positive, up to {off_diagonal.max():.3g}; a component "
            "between two cells makes A_ij ≤ 0"
        )
    sums = A.sum(axis=1) if coupling == "passive" else comparison(A).sum(axis=1)
    negative = int((sums < -slack).sum())
    if negative and coupling == "passive":
        reasons.append(
            f"{negative} of its rows have a negative sum, down to {sums.min():.3g}; a component to ground "
            "makes Σ_j A_ij ≥ 0"
        )
    elif negative:
        reasons.append(
            f"{negative} of its rows are not diagonally dominant, A_ii − Σ_j≠i |A_ij| being down to {sums.min():.3g}; "
            "components to ground make it ≥ 0"
        )
    elif coupling == "differential" and unstable(comparison(A)):
        reasons.append(
            "its rows are diagonally dominant without any excess, so that nothing leads to ground, and what the two "
            "cells of a pair have in common would drift without bound; add to the diagonal of A"
        )
    return reasons


def _never_dominant(A: NDArray[np.float64], coupling: Coupling) -> list[str]:
    """Why no diagonal scaling makes a matrix dominant."""
    reasons = []
    positive = int((np.triu(A, 1) > _SLACK * np.abs(A).max()).sum())
    if positive and coupling == "passive":
        reasons.append(f"scaling does not change signs, and {positive} of its couplings A_ij are positive")
    if unstable(comparison(A)):
        reasons.append(
            "no diagonal scaling makes it diagonally dominant, as its comparison matrix (|A_ii| on the diagonal, "
            "−|A_ij| off it) is not positive definite"
        )
    return reasons


def comparison(A: NDArray[np.float64]) -> NDArray[np.float64]:
    """|A_ii| on the diagonal and −|A_ij| off it."""
    M = -np.abs(A)
    np.fill_diagonal(M, np.abs(np.diag(A)))
    return M


def dominating_scale(A: NDArray[np.float64]) -> NDArray[np.float64]:
    """s (n,) of geometric mean 1 for which diag(s) A diag(s) is strictly diagonally dominant.

    Its comparison matrix M, scaled to a diagonal of 1, must be positive definite: then its inverse has no entry below
    0, ŝ = M̂⁻¹1 is at least 1 everywhere, and the rows of M̂ diag(ŝ) sum to 1.
    """
    root = np.sqrt(np.diag(A))
    scale = np.linalg.solve(comparison(A / np.outer(root, root)), np.ones(len(A))) / root
    return scale / np.exp(np.log(scale).mean())


def _planned(
    design: Design,
    model: GaussianModel | DiffusionModel,
    beta: float,
    coupling: Coupling,
    transform: Transform,
    findings: tuple[str, ...],
) -> Plan:
    n, A, b = model.n, model.A, model.b
    lift = shift = None
    if design.mean == "digital":
        shift, b = model.mean, np.zeros(n)
    if transform == "scaling":
        scale = dominating_scale(A)
        lift, A, b = np.diag(scale), A * np.outer(scale, scale), scale * b
    elif transform == "congruence":
        lower = np.linalg.cholesky(A)
        lift, A, b = solve_triangular(lower, np.eye(n), lower=True).T, np.eye(n), solve_triangular(lower, b, lower=True)
    wires = np.eye(n)
    if coupling == "differential":
        wires = np.hstack([wires, -wires])
        crossed = np.maximum(A, 0)
        np.fill_diagonal(crossed, 0)
        A = np.block([[A - crossed, -crossed], [-crossed, A - crossed]])
    cells = len(A)
    components = A if coupling == "active" else _components(A)
    full_scale = float(np.abs(components).max())
    ohm, farad = (
        1.0 if value is None else value
        for value in (Figure.of(design.resistance_ohm).value, Figure.of(design.capacitance_f).value)
    )
    largest, rest = components / full_scale, np.eye(cells)
    if design.mapped == "conductance":
        siemens, farads = 1 / ohm / full_scale, farad
        stores, conducts = farad * rest, largest / ohm
    else:
        siemens, farads = 1 / ohm, farad / full_scale
        stores, conducts = farad * largest, rest / ohm
    pairs = cells // n
    # Noise of two-sided density 2 c g s/β on all cells makes covariances s A⁻¹/β.
    spread = 1.0 if design.noise_voltage_rms_v is None else _square_volts(design.noise_voltage_rms_v, model, A, beta)
    volts = math.sqrt(pairs * spread)
    noise = 2 * farads * siemens * spread / beta * (model.D if isinstance(model, DiffusionModel) else rest)
    parts = Parts(
        capacitance_f=stores,
        conductance_s=np.zeros((cells, cells)) if coupling == "active" else conducts,
        transconductance_s=conducts if coupling == "active" else None,
        inductance_h=None if design.cell == "rc" else np.full(cells, _inductance(design, ohm, farad)),
        drive_a=siemens * volts / pairs * (b @ wires),
        noise_a2_per_hz=noise,
        spectrum=design.spectrum,
        temperature_k=design.temperature_k,
    )
    return Plan(
        model=model,
        design=design,
        beta=beta,
        coupling=coupling,
        transform=transform,
        findings=findings,
        parts=parts,
        wires=read_only(wires),
        lift=None if lift is None else read_only(lift),
        shift=read_only(np.zeros(n) if shift is None else shift),
        volts=volts,
        siemens=siemens,
        farads=farads,
        full_scale=full_scale,
    )


def _read_out_interval(process: OrnsteinUhlenbeck, output: NDArray[np.float64]) -> float:
    """The interval at which a covariance takes a tenth more time than if it were watched all the time.

    The slowest mode alone does not tell: behind capacitors it is the one that varies least.
    """
    long = 1e6 / float(process.rates[0])
    fastest = float(np.abs(np.linalg.eigvals(process.A)).max())

    def variance(logarithm: float) -> float:
        interval = math.exp(logarithm)
        return laws.inverse_error(process, interval, math.ceil(long / interval), output=output) ** 2

    low = math.log(1e-3 / fastest)
    high, most = low, 1.1 * variance(low)
    while variance(high) < most:
        low, high = high, high + 1
    crossing: Any = brentq(lambda logarithm: variance(logarithm) - most, low, high, xtol=1e-6)
    return math.exp(crossing)


def _components(A: NDArray[np.float64]) -> NDArray[np.float64]:
    """What lies between two cells, and on the diagonal between a cell and ground; the inverse of `to_ground`."""
    values = np.maximum(-A, 0)
    np.fill_diagonal(values, np.maximum(A.sum(axis=1), 0))
    return values


def _square_volts(rms_v: float, model: GaussianModel | DiffusionModel, A: NDArray[np.float64], beta: float) -> float:
    """The s of covariances sA⁻¹/β whose mean variance is the square of the noise voltage."""
    variances = np.diag(model.covariance if isinstance(model, DiffusionModel) else np.linalg.inv(A))
    return rms_v**2 * beta / float(variances.mean())


def _inductance(design: Design, ohm: float, farad: float) -> float:
    given = Figure.of(design.inductance_h).value
    return ohm**2 * farad / design.quality**2 if design.quality is not None else float(given or 0.0)


def _reported(plan: Plan) -> Report:
    design, model = plan.design, plan.model
    mean, covariance = moments_of(model)
    error = off = first_order = moved = 0.0
    if design.rounding is not None:
        rounded, _ = design.rounding.build(plan.parts, Streams(seed=0))
        error = plan.largest_error(rounded)
        off, first_order, moved = _rounding_errors(plan, rounded, mean, covariance)
    rates = plan.process.rates
    relaxation = 1 / float(rates[0]), 1 / float(rates[-1])
    return Report(
        mapping=design.mapped,
        coupling=plan.coupling,
        cell=design.cell,
        transform=plan.transform,
        mean=design.mean,
        sites=model.n,
        cells=plan.parts.n,
        findings=plan.findings,
        digital_work=plan.digital_work,
        scale=plan.scale if plan.scale_stated else None,
        volts=None if design.noise_voltage_rms_v is None else plan.volts,
        headroom_sd=None if design.swing_v is None else plan.headroom(design.swing_v),
        component_step=plan.component_step,
        component_error=error,
        covariance_error=off,
        covariance_error_first_order=first_order,
        mean_error=moved,
        relaxation=relaxation,
        relaxation_s=(relaxation[0] * plan.time_s, relaxation[1] * plan.time_s) if design.stated else None,
        condition=float(np.linalg.cond(model.A)),
    )


def moments_of(model: GaussianModel | DiffusionModel, beta: float = 1.0) -> Moments:
    """Mean and covariance of its law at β."""
    covariance = np.linalg.inv(model.A) if isinstance(model, GaussianModel) else model.covariance
    return model.mean, covariance / beta


def _rounding_errors(
    plan: Plan, rounded: Parts, mean: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[float, float, float]:
    try:
        held = plan.held(rounded)
    except ValueError:
        return math.inf, math.inf, math.inf
    held_mean, held_covariance = moments_of(held)
    size, length = float(np.linalg.norm(covariance)), float(np.linalg.norm(mean)) or 1.0
    if isinstance(plan.model, GaussianModel):
        change = covariance @ (held.A - plan.model.A) @ covariance
    else:
        # AδΣ + δΣAᵀ = −(δAΣ + ΣδAᵀ)
        moving = (held.A - plan.model.A) @ covariance
        change = solve_continuous_lyapunov(plan.model.A, moving + moving.T)
    return (
        float(np.linalg.norm(held_covariance - covariance)) / size,
        float(np.linalg.norm(change)) / size,
        float(np.linalg.norm(held_mean - mean)) / length,
    )
