"""How a junction's resistance becomes a bit: three transistors and one magnetic tunnel junction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.pbit.macrospin import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C, deck, stated
from hardware_models.pbit.trace import Trace
from pbits.parameters import Evidence, Parameter


def _guess(value: float, unit: str, note: str) -> Parameter:
    return Parameter(value=value, unit=unit, evidence=Evidence.ASSUMED, note=note)


#: The numbers that stand where a read-out is not told otherwise.
CONSTANTS: Mapping[str, Parameter] = MappingProxyType(
    {
        "polarisation": deck(0.9, "1", "P_mgo = 0.90"),
        "resistance_area_ohm_m2": deck(1e-12, "ohm m²", "RA_MgO = 1 Ω µm², of the mean conductance G0"),
        "area_m2": deck(math.pi / 4 * 10e-9**2, "m²", "a disc of 10 nm diameter"),
        "temperature_k": deck(300.0, "K", "TT = 300"),
        "supply_v": _guess(0.8, "V", "usual for 14 nm; the deck leaves it to its FinFET library"),
        "threshold_v": _guess(0.2, "V", "from memory of 14 nm high-performance devices; not fitted to the library"),
        "slope_factor": _guess(1.1, "1", "a fin is nearly fully depleted, and 1 would be ideal; no source"),
    }
)

# Halvings of the supply after which a voltage is known to its last digit.
_HALVINGS = 60


@dataclass(frozen=True, kw_only=True)
class ThreeTransistor:
    """A junction from the supply to the drain of an NMOS transistor, and an inverter that reads the drain.

    The junction conducts G = G₀[1 + m TMR/(2 + TMR)], TMR = 2P²/(1 − P²) (Jullière's), so TMR/(2 + TMR) = P²; m is the
    magnet's component along its fixed layer. The transistor's source lies at ground, and its current is the
    interpolation of Enz, Krummenacher and Vittoz (Analog Integr. Circ. Sig. Process. 8, 83 (1995), from memory),
    smooth from weak to strong inversion::

        I = I_spec [F(v_p/φ) − F((v_p − V_D)/φ)],  F(v) = ln²(1 + e^(v/2)),  v_p = (V_in − V_T)/n,  φ = kT/e

    The inverter is a comparator: the output is +1 where the drain lies below `switching_v`. So a higher V_in, and a
    lower m, make it +1. The drain crosses that voltage at m = `critical(V_in)`, in closed form.

    Parameters
    ----------
    polarisation : float
        P, between 0 and 1.
    resistance_area_ohm_m2, area_m2 : float
        G₀ = area/RA.
    supply_v, threshold_v, slope_factor, temperature_k : float
        V_DD, V_T, n and T.
    specific_current_a : float, optional
        I_spec; when absent the transistor is sized so that it carries half the supply's worth of G₀ at
        V_in = V_DD/2, which puts the middle of the sigmoid there.
    switching_v : float, optional
        Of the inverter; V_DD/2 when absent.

    Raises
    ------
    ValueError
        For a number out of its range.

    Notes
    -----
    Defaults and where they are from are in `CONSTANTS`. Left out: the speed of the inverter, its gain, and the spin
    torque of the read current, whose size `Macrospin.torque_of` tells.

    Examples
    --------
    >>> readout = ThreeTransistor()
    >>> round(readout.tmr, 2), abs(float(readout.critical(0.4))) < 1e-12
    (8.53, True)
    >>> readout.output([-0.5, 0.5], 0.4)
    array([ 1, -1], dtype=int8)
    """

    polarisation: float = stated(CONSTANTS["polarisation"])
    resistance_area_ohm_m2: float = stated(CONSTANTS["resistance_area_ohm_m2"])
    area_m2: float = stated(CONSTANTS["area_m2"])
    supply_v: float = stated(CONSTANTS["supply_v"])
    threshold_v: float = stated(CONSTANTS["threshold_v"])
    slope_factor: float = stated(CONSTANTS["slope_factor"])
    temperature_k: float = stated(CONSTANTS["temperature_k"])
    specific_current_a: float | None = None
    switching_v: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.polarisation < 1:
            raise ValueError(f"polarisation is {self.polarisation}; it must lie between 0 and 1")
        for name in ("resistance_area_ohm_m2", "area_m2", "supply_v", "temperature_k"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive and finite")
        if not (math.isfinite(self.slope_factor) and self.slope_factor >= 1):
            raise ValueError(f"slope_factor is {self.slope_factor}; it must be at least 1")
        if not math.isfinite(self.threshold_v):
            raise ValueError(f"threshold_v is {self.threshold_v}; it must be finite")
        if self.switching_v is None:
            object.__setattr__(self, "switching_v", self.supply_v / 2)
        if not 0 < self._switching < self.supply_v:
            raise ValueError(f"switching_v is {self.switching_v}; it must lie between 0 and supply_v, {self.supply_v}")
        if self.specific_current_a is None:
            half = self.supply_v / 2
            sized = self.conductance_s(0.0) * half / self._channel(half, half)
            object.__setattr__(self, "specific_current_a", float(sized))
        if not (math.isfinite(self._specific) and self._specific > 0):
            raise ValueError(f"specific_current_a is {self.specific_current_a}; it must be positive and finite")

    @property
    def _switching(self) -> float:
        assert self.switching_v is not None, "set when the read-out is made"
        return self.switching_v

    @property
    def _specific(self) -> float:
        assert self.specific_current_a is not None, "set when the read-out is made"
        return self.specific_current_a

    @property
    def tmr(self) -> float:
        """The tunnel magnetoresistance R_AP/R_P − 1."""
        return 2 * self.polarisation**2 / (1 - self.polarisation**2)

    def conductance_s(self, m: ArrayLike) -> NDArray[np.float64]:
        """G of the junction, siemens."""
        share = self.tmr / (2 + self.tmr)
        return self.area_m2 / self.resistance_area_ohm_m2 * (1 + share * np.asarray(m, dtype=np.float64))

    def _channel(self, input_v: ArrayLike, drain_v: ArrayLike) -> NDArray[np.float64]:
        """I/I_spec of the transistor."""
        phi = BOLTZMANN_J_PER_K * self.temperature_k / ELEMENTARY_CHARGE_C
        pinch_off = (np.asarray(input_v, dtype=np.float64) - self.threshold_v) / self.slope_factor
        forward, reverse = (
            np.logaddexp(0.0, v / (2 * phi)) ** 2 for v in (pinch_off, pinch_off - np.asarray(drain_v))
        )  # fmt: skip
        return forward - reverse

    def current_a(self, input_v: ArrayLike, drain_v: ArrayLike) -> NDArray[np.float64]:
        """I of the transistor at gate and drain voltages, amperes."""
        return self._specific * self._channel(input_v, drain_v)

    def drain_v(self, m: ArrayLike, input_v: ArrayLike) -> NDArray[np.float64]:
        """The voltage at which junction and transistor carry one current, by bisection."""
        conductance = self.conductance_s(m)
        low = np.zeros(np.broadcast_shapes(np.shape(conductance), np.shape(input_v)))
        high = low + self.supply_v
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            rises = conductance * (self.supply_v - middle) > self.current_a(input_v, middle)
            low, high = np.where(rises, middle, low), np.where(rises, high, middle)
        return (low + high) / 2

    def power_w(self, m: ArrayLike, input_v: ArrayLike) -> NDArray[np.float64]:
        """What junction and transistor draw from the supply; the inverter is not in it."""
        return self.supply_v * self.conductance_s(m) * (self.supply_v - self.drain_v(m, input_v))

    def critical(self, input_v: ArrayLike) -> NDArray[np.float64]:
        """The m at which the drain lies at the switching voltage; beyond ±1 where no m brings it there."""
        needed = self.current_a(input_v, self._switching) / (self.supply_v - self._switching)
        return (needed / self.conductance_s(0.0) - 1) * (2 + self.tmr) / self.tmr

    def output(self, m: ArrayLike, input_v: ArrayLike) -> NDArray[np.int8]:
        """The bit, ±1: +1 where m lies below `critical`."""
        return np.where(np.asarray(m) < self.critical(input_v), 1, -1).astype(np.int8)

    def read(self, trace: Trace, input_v: ArrayLike) -> Trace:
        """The output for a trace of m, driven by V_in: volts, one number or (samples,)."""
        return Trace(dt_s=trace.dt_s, values=self.output(np.asarray(trace.values), input_v), drive=input_v)

    def sigmoid(self, m: ArrayLike, input_v: ArrayLike) -> NDArray[np.float64]:
        """⟨output⟩ at each V_in, for draws of m from its law, which the read-out is taken not to change."""
        ordered = np.sort(np.ravel(m))
        return 2 * np.searchsorted(ordered, self.critical(input_v), side="left") / len(ordered) - 1

    def input_scale_v(self, m: ArrayLike, points: int = 201) -> tuple[float, float]:
        """V₀ and V_mid of the tanh((V_in − V_mid)/V₀) that lies nearest the sigmoid, by least squares.

        Of `points` inputs, evenly spaced where the output is not certain.

        Raises
        ------
        ValueError
            If every input from 0 to V_DD gives one output for certain.
        """
        from scipy.optimize import curve_fit

        grid = np.linspace(0, self.supply_v, 4001)
        uncertain = grid[np.abs(self.sigmoid(m, grid)) < 1]
        if not len(uncertain):
            raise ValueError("the output is certain at every input from 0 to supply_v: these m have no sigmoid")
        inputs = np.linspace(uncertain[0], uncertain[-1], points)
        (scale, middle), _ = curve_fit(
            lambda v, scale, middle: np.tanh((v - middle) / scale),
            inputs,
            self.sigmoid(m, inputs),
            p0=(np.ptp(uncertain) / 4 or self.supply_v / 1000, uncertain.mean()),
        )
        return float(scale), float(middle)
