"""One sampling cell: resistors that sum, transistors whose noise decides, and the wires that tell the others.

A resistor for each neighbour, a leg, pulls the bias node to V_dd or to ground, as the neighbour's bit x_j and the sign
of the coupling say. The node settles at V_b = γV_dd, and a random bit is drawn with P(x = 1) = σ(θ), θ = V_b/V_s − φ,
where φ = V_dd/2V_s makes γ = ½ a fair coin. Joules of an update follow from geometry, voltages and what the cell does.

The equations are those of Jelinčič et al., arXiv:2510.23972, as far as citing texts restate them; what was derived anew
says so. `CONSTANTS` tells of each number how it is known, and `Cell.fitted_to` which were chosen so that a quoted
figure comes out: where that figure comes out, nothing is confirmed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import Boltzmann, elementary_charge
from scipy.sparse import csr_array
from scipy.special import expit

from hardware_models import CATALOGUE
from pbits.mapping import Grid
from pbits.models import DirectedModel, IsingModel
from pbits.parameters import Evidence, Figure, Included, Parameter, PriceTable, read_machine

Quantity = Parameter | Figure | float
#: Connection rules by name or as steps, of a cell with all its neighbours; or a grid, whose mean cell is meant.
Wiring = str | Sequence[Sequence[int]] | Grid

# The legs beside those of the neighbours: one to the supply and one to ground set the field.
_SPARE_LEGS = 2
# Rounding of a sum of legs.
_TOLERANCE = 1e-12

_PAPER, _CODON = "jelincic2025dtm", "extropic2026codon"
_THERMAL_V = Boltzmann * 300 / elementary_charge


def _guess(value: float, unit: str, low: float, high: float, source: str, note: str) -> Parameter:
    return Parameter(value=value, unit=unit, low=low, high=high, evidence=Evidence.ASSUMED, source=source, note=note)


def _remembered(multiple: int, name: str) -> Parameter:
    volts = multiple * _THERMAL_V
    note = f"{name} = {multiple} kT/e at 300 K, from memory of the paper and not seen in any text; the range is a guess"
    return _guess(volts, "V", volts / 2, volts * 2, _PAPER, note)


#: The numbers of `Cell.published`.
CONSTANTS: Mapping[str, Parameter] = MappingProxyType(
    {
        "supply_v": _remembered(4, "V_dd"),
        "signal_v": _remembered(4, "V_sig"),
        "clock_v": _remembered(5, "V_clk"),
        "slope_v": _guess(
            _THERMAL_V, "V", _THERMAL_V, 2 * _THERMAL_V, "",
            "V_s is stated nowhere; kT/e at 300 K is the steepest that a transistor below threshold can be, and the "
            "range up to twice that a guess. No joule depends on it.",
        ),
        "pitch_m": _guess(
            6e-6, "m", 3e-6, 12e-6, _PAPER,
            "seen only in a withdrawn transcript of the paper, and so remembered; the random bit alone is about 3 µm "
            "wide, the low end, and the high end is a guess",
        ),
        "wire_f_per_m": Parameter(
            value=350e-18 / 1e-6, unit="F/m", evidence=Evidence.VENDOR_CLAIM, source=_CODON, locator="supplement",
            note="η = 350 aF/µm",
        ),
        "leg_capacitance_f": _guess(
            500e-18, "F", 250e-18, 1e-15, _CODON,
            "fitted to 1.3 fJ; the supplement states 500 aF for an input of another cell, the p-dit. The range is a "
            "guess",
        ),
        "tau_bias_s": _guess(
            20e-9, "s", 5e-9, 100e-9, "",
            "fitted to 1.3 fJ: a fifth of the relaxation time of the random bit. The range is a guess",
        ),
        "tau_rng_s": Parameter(
            value=100e-9, unit="s", evidence=Evidence.MEASURED, source=_PAPER, locator="App. J",
            note="stated as about 100 ns; measured on silicon",
        ),
        "random_bit_joules": Parameter(
            value=350e-18, unit="J", evidence=Evidence.MEASURED, source=_PAPER, locator="App. J",
            note="stated as about 350 aJ at about 10 MHz; measured on silicon",
        ),
    }
)  # fmt: skip

_UNITS = {name: parameter.unit for name, parameter in CONSTANTS.items()}


def check_quantity(name: str, given: Quantity, unit: str, *, zero: bool = False) -> None:
    """Refuse a quantity in another unit, or that is not positive and finite; `zero` allows 0, and None is not stated.

    Raises
    ------
    ValueError
    """
    if isinstance(given, Parameter) and given.unit != unit:
        raise ValueError(f"{name} is in {given.unit}; it must be in {unit}")
    value = Figure.of(given).value
    if value is not None and not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise ValueError(f"{name} is {value}; it must be {'at least 0' if zero else 'positive'} and finite")


@dataclass(frozen=True, kw_only=True)
class UpdateJoules:
    """The joules of one update of one cell, by what takes them.

    Attributes
    ----------
    rng, bias, clock, wires : Figure
    """

    rng: Figure
    bias: Figure
    clock: Figure
    wires: Figure

    @property
    def total(self) -> Figure:
        return self.rng + self.bias + self.clock + self.wires


@dataclass(frozen=True, kw_only=True)
class Legs:
    """The conductances of the legs of each site, as shares of its G_Σ; the shares of a site sum to 1.

    γ = up + straight·x + inverted·(1 − x), x = (1 + s)/2.

    Attributes
    ----------
    straight, inverted : (n, n) sparse arrays
        Legs that follow x_j, of couplings above 0, and those whose sign bit inverts it, of couplings below 0.
    up, down : (n,) arrays
        The spare legs, to the supply and to ground.
    """

    straight: csr_array
    inverted: csr_array
    up: NDArray[np.float64]
    down: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.straight.data, self.inverted.data, self.up, self.down):
            array.flags.writeable = False

    def gamma(self, states: ArrayLike) -> NDArray[np.float64]:
        """V_b/V_dd of settled bias nodes, (..., n), for spins (..., n)."""
        spins = np.asarray(states)
        bits = (1 + spins.reshape(-1, spins.shape[-1])) / 2
        pulled = self.straight @ bits.T + self.inverted @ (1 - bits.T)
        return (self.up + pulled.T).reshape(spins.shape)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A sampling cell, from its constants.

    Each is a number, a `Parameter` or a `Figure`; joules come out with the ranges and the weakest evidence of what they
    are made of.

    Attributes
    ----------
    supply_v, signal_v, clock_v : Quantity
        V_dd of the bias network, and the swings V_sig and V_clk of the wires between cells and of the clock.
    slope_v : Quantity
        V_s, the scale of the sigmoid.
    pitch_m : Quantity
        ℓ, from cell to cell.
    wire_f_per_m : Quantity
        η, of a wire.
    leg_capacitance_f : Quantity
        Of the bias node, for each leg; a cell of n neighbours has n + 2 legs.
    tau_bias_s, tau_rng_s : Quantity
        Relaxation times of the bias node, C/G_Σ, and of the random bit.
    random_bit_joules : Quantity
        E_rng, of a random bit.
    fitted_to : mapping {constant: machine}
        Constants chosen so that the price of that machine's update comes out.

    Raises
    ------
    ValueError
        For a constant that is not positive and finite, in another unit, or a fit of something else.

    Examples
    --------
    >>> cell = Cell.published()
    >>> for toggle in (1.0, 0.5):
    ...     joules = cell.update_joules("G12", toggle=toggle).total
    ...     print(f"{joules.value * 1e18:.0f} aJ, {joules.evidence.value}")
    1295 aJ, assumed
    878 aJ, assumed
    """

    supply_v: Quantity
    signal_v: Quantity
    clock_v: Quantity
    slope_v: Quantity
    pitch_m: Quantity
    wire_f_per_m: Quantity
    leg_capacitance_f: Quantity
    tau_bias_s: Quantity
    tau_rng_s: Quantity
    random_bit_joules: Quantity
    fitted_to: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, unit in _UNITS.items():
            check_quantity(name, getattr(self, name), unit)
        if wrong := self.fitted_to.keys() - _UNITS.keys():
            raise ValueError(f"{min(wrong)!r} is no constant of a cell; fitted_to names some of {', '.join(_UNITS)}")
        object.__setattr__(self, "fitted_to", MappingProxyType(dict(self.fitted_to)))

    @classmethod
    def published(cls) -> Cell:
        """The cell of arXiv:2510.23972 as far as its numbers are known.

        Two of `CONSTANTS` were measured and one is stated; the others are remembered, guessed or fitted to 1.3 fJ.
        """
        fit = "extropic-dtca-g12"
        return cls(**CONSTANTS, fitted_to={"leg_capacitance_f": fit, "tau_bias_s": fit})

    # ---- voltages and probabilities ----

    @property
    def swing(self) -> float:
        """V_dd/V_s: θ reaches from −swing/2 to +swing/2."""
        return self._number("supply_v") / self._number("slope_v")

    def loads(self, model: IsingModel | DirectedModel, beta: float) -> NDArray[np.float64]:
        """Σ_j 4β|J_ij| + 4β|h_i| of each site, (n,): what its legs ask for; no more than `swing` can be had.

        A leg of share G_j/G_Σ moves θ by V_dd/V_s of that share, and must move it by 4β|J_ij| (derived from
        P(x = 1) = σ(2βI)); shares sum to 1.

        Raises
        ------
        ValueError
            For a β that is negative or not finite; so do all that ask for the loads.
        """
        if not (math.isfinite(beta) and beta >= 0):
            raise ValueError(
                f"beta is {beta}; it must be finite and at least 0 (for the other sign, change that of the model)"
            )
        return 4 * beta * (np.asarray(abs(model.csr).sum(axis=1)).ravel() + abs(model.h))

    def overloaded(self, model: IsingModel | DirectedModel, beta: float) -> NDArray[np.int64]:
        """The sites whose legs ask for more than `swing`; empty where the model fits."""
        return np.flatnonzero(self.loads(model, beta) > self.swing * (1 + _TOLERANCE))

    def largest_beta(self, model: IsingModel | DirectedModel) -> float:
        """The largest β at which the model fits, swing/max_i(Σ_j 4|J_ij| + 4|h_i|); infinite where that is ÷ 0."""
        largest = self.loads(model, 1.0).max(initial=0.0)
        return math.inf if largest == 0 else self.swing / float(largest)

    def legs(self, model: IsingModel | DirectedModel, beta: float) -> Legs:
        """The legs that make each site a p-bit of the model at β: G_ij/G_Σ = 4β|J_ij|/swing.

        What the couplings leave of G_Σ, r_i, goes to the spare legs: (r_i ± 4βh_i/swing)/2 to the supply and to ground.

        Raises
        ------
        ValueError
            For a model that asks for more than there is, with the largest β that fits; for a β that is negative or
            not finite.
        """
        over = self.overloaded(model, beta)
        if len(over):
            loads = self.loads(model, beta)
            raise ValueError(
                f"Σ 4β|J| + 4β|h| of {len(over)} of {model.n} sites is above V_dd/V_s = {self.swing:.4g}, of site "
                f"{int(np.argmax(loads))} {loads.max():.4g}; β may be at most {self.largest_beta(model):.4g}"
            )
        shares = csr_array(model.csr * (4 * beta / self.swing))
        left = 1 - np.asarray(abs(shares).sum(axis=1)).ravel()
        lean = 4 * beta * model.h / self.swing
        return Legs(
            straight=csr_array(shares.maximum(0)),
            inverted=csr_array((-shares).maximum(0)),
            up=np.maximum(0, (left + lean) / 2),
            down=np.maximum(0, (left - lean) / 2),
        )

    def settled_v(self, gamma: ArrayLike) -> NDArray[np.float64]:
        """V_b = γV_dd, at which a bias node comes to rest."""
        return np.asarray(gamma) * self._number("supply_v")

    def settle(self, bias_v: ArrayLike, gamma: ArrayLike, seconds: float) -> NDArray[np.float64]:
        """V_b some seconds later: γV_dd + (V_b − γV_dd) e^(−t/τ_bias).

        Raises
        ------
        ValueError
            For seconds below 0; they may be infinite.
        """
        _check_later(seconds)
        rest = self.settled_v(gamma)
        return rest + (np.asarray(bias_v) - rest) * math.exp(-seconds / self._number("tau_bias_s"))

    def static_w(self, gamma: ArrayLike, wiring: Wiring) -> NDArray[np.float64]:
        """Watts through the legs of a settled cell: (C/τ_bias) V_dd² γ(1 − γ), the most at γ = ½."""
        conductance = self.node_capacitance(wiring) / Figure.of(self.tau_bias_s)
        if conductance.value is None:
            raise ValueError("leg_capacitance_f or tau_bias_s is not stated, so no current is known; give both")
        gamma = np.asarray(gamma)
        return conductance.value * self._number("supply_v") ** 2 * gamma * (1 - gamma)

    def drive(self, bias_v: ArrayLike) -> NDArray[np.float64]:
        """θ = V_b/V_s − φ, φ = V_dd/2V_s. Of a settled cell with the `legs` of a model it is 2βI."""
        return np.asarray(bias_v) / self._number("slope_v") - self.swing / 2

    def response(self, theta: ArrayLike) -> NDArray[np.float64]:
        """P(x = 1) = σ(θ) of a random bit that was left alone for long."""
        return expit(np.asarray(theta, dtype=np.float64))

    def rates_per_s(self, theta: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The rates at which the random bit goes from 0 to 1 and back: σ(θ)/τ_rng and σ(−θ)/τ_rng.

        The simplest process with the stated response and memory; that silicon is one is assumed.
        """
        tau_s = self._number("tau_rng_s")
        return self.response(theta) / tau_s, self.response(-np.asarray(theta)) / tau_s

    def relax(self, up: ArrayLike, theta: ArrayLike, seconds: float) -> NDArray[np.float64]:
        """P(x = 1) some seconds later, θ standing still: p + (up − p) e^(−t/τ_rng), p = σ(θ).

        Raises
        ------
        ValueError
            For seconds below 0; they may be infinite.
        """
        _check_later(seconds)
        p = self.response(theta)
        return p + (np.asarray(up) - p) * math.exp(-seconds / self._number("tau_rng_s"))

    def bias_load(self, theta: ArrayLike) -> NDArray[np.float64]:
        """4γ(1 − γ) = 1 − (2θ/swing)² of a settled cell: its static power as a share of the most it can be."""
        return 1 - (2 * np.asarray(theta) / self.swing) ** 2

    # ---- wires and joules ----

    def node_capacitance(self, wiring: Wiring) -> Figure:
        """C of the bias node, farads: n + 2 legs."""
        return Figure.of(self.leg_capacitance_f) * (_grid(wiring).max_degree + _SPARE_LEGS)

    def wire_capacitance(self, wiring: Wiring) -> Figure:
        """C_n = ηℓ Σ √(a² + b²), farads, over the wires from a cell to its neighbours: the four rotations of each rule.

        Of a `Grid` the mean over its cells, of which those at an open border have fewer.
        """
        if isinstance(wiring, Grid):
            return self._pitch_farads() * float(wire_pitches(wiring).mean())
        return self._pitch_farads() * math.fsum(math.hypot(a, b) for a, b in _grid(wiring).steps)

    def update_joules(
        self, wiring: Wiring, *, toggle: float = 1.0, gamma: float = 0.5, bias_s: Quantity | None = None
    ) -> UpdateJoules:
        """E_rng + (C/τ_bias) V_dd² γ(1 − γ)Δt + ½ηℓV_clk² + toggle·½C_nV_sig², of one update of one cell.

        Parameters
        ----------
        wiring : str, sequence of (int, int), or Grid
        toggle : float
            How often an update changes the bit. A wire is charged once in two toggles, at C_nV_sig² from its supply.
            The published sum has 1; a bit that ignores its neighbours and is drawn afresh has ½.
        gamma : float
            V_b/V_dd; ½, where the most current flows, as in the published sum.
        bias_s : Quantity, optional
            Δt, for how long the legs conduct for an update; τ_rng as in the published sum. Legs that are never switched
            off conduct in both phases of a sweep.

        Raises
        ------
        ValueError
            For a share outside [0, 1], or seconds below 0.
        """
        for name, share in (("toggle", toggle), ("gamma", gamma)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}; it must lie between 0 and 1")
        return UpdateJoules(
            rng=Figure.of(self.random_bit_joules),
            bias=self._bias_load_joules(wiring, bias_s) * (4 * gamma * (1 - gamma)),
            clock=0.5 * self._pitch_farads() * _square(self.clock_v),
            wires=self._toggle_joules(wiring) * toggle,
        )

    def line_joules(self, side: int) -> Figure:
        """½ηLℓV_sig²: a bit over a wire along a side of L cells.

        The published price of starting a cell, and of reading one, seen only in a withdrawn transcript of the paper.
        """
        return 0.5 * side * self._pitch_farads() * _square(self.signal_v)

    def prices(self, wiring: Wiring, *, phase_s: Quantity | None = None) -> PriceTable:
        """What an array of these cells counts, priced, at the boundary "core".

        "update" is the random bit and the clock; "toggle" the wires of a cell; "bias_load" a cell at γ = ½ for a phase,
        so that a run counts Σ 4γ(1 − γ) over cells and phases. Nobody states what reading, writing and waiting cost.

        Parameters
        ----------
        wiring : str, sequence of (int, int), or Grid
        phase_s : Quantity, optional
            Δt of a phase; τ_rng when absent.
        """
        unknown = "no text that was read states it"
        lasts = ["tau_rng_s"] if phase_s is None else []
        update = self.update_joules(wiring)
        operations: dict[str, Parameter | Included] = {
            "update": self._price(
                update.rng + update.clock, "E_rng + ½ηℓV_clk²",
                "random_bit_joules", "wire_f_per_m", "pitch_m", "clock_v",
            ),
            "toggle": self._price(update.wires, "½C_nV_sig²", "wire_f_per_m", "pitch_m", "signal_v"),
            "bias_load": self._price(
                self._bias_load_joules(wiring, phase_s), "(C/τ_bias)V_dd²Δt/4",
                "leg_capacitance_f", "tau_bias_s", "supply_v", *lasts,
            ),
            "random_bit": Included(in_="update"),
            "weight_read": Included(in_="update"),
            "read": Parameter(value=None, unit="J", note=unknown),
            "write": Parameter(value=None, unit="J", note=unknown),
        }  # fmt: skip
        power: dict[str, Parameter | Included] = {
            "active": Included(in_="update"),
            "idle": Parameter(value=None, unit="W", note=unknown),
        }
        return PriceTable(boundary="core", operations=operations, power=power)

    def _bias_load_joules(self, wiring: Wiring, seconds: Quantity | None) -> Figure:
        seconds = self.tau_rng_s if seconds is None else seconds
        check_quantity("the time for which legs conduct", seconds, "s", zero=True)
        conductance = self.node_capacitance(wiring) / Figure.of(self.tau_bias_s)
        return 0.25 * conductance * _square(self.supply_v) * Figure.of(seconds)

    def _toggle_joules(self, wiring: Wiring) -> Figure:
        return 0.5 * self.wire_capacitance(wiring) * _square(self.signal_v)

    def _pitch_farads(self) -> Figure:
        """ηℓ: of a wire from one cell to the next, and of the piece of a row wire that passes one cell."""
        return Figure.of(self.wire_f_per_m) * Figure.of(self.pitch_m)

    def _price(self, joules: Figure, formula: str, *constants: str) -> Parameter:
        """A price made of constants: derived at best, and no better than the weakest of them, whose source it names."""
        if joules.value is None:
            return Parameter(value=None, unit="J", note=f"{formula}, of which something is not stated")
        made_of = [given for name in constants if isinstance(given := getattr(self, name), Parameter)]
        source = next((given.source for given in made_of if given.evidence is joules.evidence), "")
        grades = [grade for grade in (Evidence.DERIVED, joules.evidence) if grade is not None]
        evidence = Evidence.weakest(grades) if source else Evidence.ASSUMED
        fitted = [f"{name} fitted to {self.fitted_to[name]}" for name in constants if name in self.fitted_to]
        note = "; ".join([f"{formula}, of {', '.join(constants)}", *fitted])
        return Parameter(
            value=joules.value, unit="J", low=joules.low, high=joules.high, evidence=evidence, source=source, note=note
        )

    def _number(self, name: str) -> float:
        value = Figure.of(getattr(self, name)).value
        if value is None:
            raise ValueError(f"{name} of this cell is not stated; give it one with dataclasses.replace")
        return value


def wire_pitches(grid: Grid) -> NDArray[np.float64]:
    """Length of the wires from each cell of a grid to its neighbours, in pitches, (n,).

    On a torus the shorter way round counts, as if it were laid on one.
    """
    first, second = grid.edges().T
    away = []
    for of_first, of_second, around in (
        (first // grid.columns, second // grid.columns, grid.rows),
        (first % grid.columns, second % grid.columns, grid.columns),
    ):
        straight = abs(of_first - of_second)
        away.append(np.minimum(straight, around - straight) if grid.torus else straight)
    lengths = np.zeros(grid.n_sites)
    for ends in (first, second):
        np.add.at(lengths, ends, np.hypot(*away))
    return lengths


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """A computed update beside a quoted one.

    Attributes
    ----------
    rules : str
    machine : str
        Whose price is quoted; empty where none is.
    computed : UpdateJoules
    quoted : Parameter or None
    fitted : bool
        Whether a constant of the cell was chosen so that the quoted figure comes out: agreement is no evidence.
    """

    rules: str
    machine: str
    computed: UpdateJoules
    quoted: Parameter | None
    fitted: bool

    @property
    def ratio(self) -> Figure | None:
        """Computed over quoted."""
        return None if self.quoted is None else self.computed.total / Figure.of(self.quoted)


#: Connection rules, and the machine of the catalogue that quotes joules for them.
_QUOTES = (
    ("G8", ""), ("G12", "extropic-dtca-g12"), ("G12", "extropic-dtca-g12-2fj"), ("G16", ""), ("G20", ""), ("G24", ""),
    ("Z1", "extropic-z1"),
)  # fmt: skip


def against_quoted(cell: Cell, *, toggle: float = 1.0) -> tuple[Quoted, ...]:
    """What an update costs by the cell's physics, and what the catalogue quotes, rule by rule.

    At toggle = 1 and γ = ½, as the published sum has it.
    """
    rows = []
    for rules, machine in _QUOTES:
        prices = read_machine(CATALOGUE / f"{machine}.toml").prices if machine else None
        quoted = None if prices is None else prices.operations["update"]
        assert not isinstance(quoted, Included), "the catalogue prices an update of these machines by itself"
        rows.append(
            Quoted(
                rules=rules,
                machine=machine,
                computed=cell.update_joules(rules, toggle=toggle),
                quoted=quoted,
                fitted=machine in cell.fitted_to.values(),
            )
        )
    return tuple(rows)


def _grid(wiring: Wiring) -> Grid:
    return wiring if isinstance(wiring, Grid) else Grid.named(wiring, 1, 1)


def _check_later(seconds: float) -> None:
    if not seconds >= 0:
        raise ValueError(f"seconds is {seconds}; it must be at least 0, since only what comes later is known")


def _square(volts: Quantity) -> Figure:
    return Figure.of(volts) * Figure.of(volts)
