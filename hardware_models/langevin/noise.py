"""Spectra of injected noise. All are told by one two-sided density σ², A²/Hz, at low frequency.

What a spectrum does to a cell is told beside white noise of the same σ², which leaves a variance of σ²R/2C on a cell of
resistance R and capacitance C. A clock of its own makes the variance depend on when in a period of h the cell is looked
at: phase 0 is where values change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Exact, by the definition of the kelvin.
BOLTZMANN_J_PER_K = 1.380649e-23

Phase = float | Literal["mean"]


class _Spectrum:
    def __post_init__(self) -> None:
        for field in fields(self):  # pyright: ignore[reportArgumentType]
            value = getattr(self, field.name)
            if field.name.endswith("_s") and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field.name} is {value}; it must be positive and finite, in seconds")


@dataclass(frozen=True, kw_only=True)
class White(_Spectrum):
    """Noise of one density at all frequencies: ⟨i(t)i(t')⟩ = σ² δ(t − t')."""

    def relative_density(self, frequency_hz: ArrayLike) -> NDArray[np.float64]:
        """Density at a frequency over that at low frequency: 1."""
        return np.ones_like(np.asarray(frequency_hz, dtype=np.float64))

    def variance_factor(self, time_constant_s: float, phase: Phase = "mean") -> float:
        """Variance of a cell over that under white noise: 1."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Filtered(_Spectrum):
    """White noise behind one pole: ⟨i(t)i(t')⟩ = σ²/(2τ_c) e^(−|t − t'|/τ_c), an Ornstein–Uhlenbeck process.

    Parameters
    ----------
    correlation_s : float
        τ_c; the corner lies at 1/(2πτ_c).
    """

    correlation_s: float

    def relative_density(self, frequency_hz: ArrayLike) -> NDArray[np.float64]:
        """1/(1 + (2πfτ_c)²)."""
        return 1 / (1 + (2 * np.pi * self.correlation_s * np.asarray(frequency_hz, dtype=np.float64)) ** 2)

    def variance_factor(self, time_constant_s: float, phase: Phase = "mean") -> float:
        """1/(1 + τ_c/RC)."""
        return 1 / (1 + self.correlation_s / time_constant_s)


@dataclass(frozen=True, kw_only=True)
class Held(_Spectrum):
    """Independent values of variance σ²/h, each held for h seconds: a DAC, or a shift register.

    Parameters
    ----------
    step_s : float
        h.
    values : {"normal", "binary"}
        What a value is: normal, or ±σ/√h as a shift register gives it.
    """

    step_s: float
    values: Literal["normal", "binary"] = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.values not in ("normal", "binary"):
            raise ValueError(f"values is {self.values!r}; it must be 'normal' or 'binary'")

    def relative_density(self, frequency_hz: ArrayLike) -> NDArray[np.float64]:
        """(sin πfh/πfh)²."""
        return np.sinc(self.step_s * np.asarray(frequency_hz, dtype=np.float64)) ** 2

    def variance_factor(self, time_constant_s: float, phase: Phase = "mean") -> float:
        """With a = h/RC, E = e^(−a) and F = e^(−aφ): F²·(2/a)tanh(a/2) + (1 − F)²·2/a; mean 2(a − 1 + E)/a²."""
        a = self.step_s / time_constant_s
        if phase == "mean":
            return _mean(a, _TRIANGLE, lambda a: 2 * (a - 1 + math.exp(-a)) / a**2)
        left = math.exp(-a * share(phase))
        return (left**2 * math.tanh(a / 2) + (1 - left) ** 2) * 2 / a

    def excess_kurtosis(self, time_constant_s: float) -> float:
        """Of a cell's voltage where values change: −2 tanh(h/RC) of binary values, 0 of normal ones.

        The voltage is Σ_j E^j b_j of the bits b_j, E = e^(−h/RC), so it is −2 Σ E^4j/(Σ E^2j)².
        """
        return -2 * math.tanh(self.step_s / time_constant_s) if self.values == "binary" else 0.0


@dataclass(frozen=True, kw_only=True)
class Interpolated(_Spectrum):
    """Independent normal values of variance σ²/h every h seconds, joined by straight lines, as ngspice's trnoise.

    Parameters
    ----------
    step_s : float
        h.
    """

    step_s: float

    def relative_density(self, frequency_hz: ArrayLike) -> NDArray[np.float64]:
        """(sin πfh/πfh)⁴."""
        return np.sinc(self.step_s * np.asarray(frequency_hz, dtype=np.float64)) ** 4

    def variance_factor(self, time_constant_s: float, phase: Phase = "mean") -> float:
        """With a = h/RC, E = e^(−a): 4/3a − 4/a³ + (6 − 8E + 2E²)/a⁴ on average over the period.

        At phase 0, with p = 1 − (1 − E)/a and q = (1 − E) − p: 2(p² + q² + 2Epq)/(a(1 − E²)).
        """
        a = self.step_s / time_constant_s
        if phase == "mean":
            return _mean(
                a,
                _SPLINE,
                lambda a: 4 / (3 * a) - 4 / a**3 + (6 - 8 * math.exp(-a) + 2 * math.exp(-2 * a)) / a**4,
            )
        # Between two values the voltage owes ramp(φ) to the one ahead, and the rest of what is held to the one behind.
        ahead, behind = _ramp(a, 1.0), -math.expm1(-a) - _ramp(a, 1.0)
        kept = math.exp(-a)
        at_change = (ahead**2 + behind**2 + 2 * kept * ahead * behind) / -math.expm1(-2 * a)
        part = share(phase)
        ahead_now, behind_now = _ramp(a, part), -math.expm1(-a * part) - _ramp(a, part)
        left = math.exp(-a * part)
        return 2 / a * (left**2 * at_change + 2 * left * behind_now * ahead + behind_now**2 + ahead_now**2)


Spectrum = White | Filtered | Held | Interpolated

# Moments ∫|t|ⁿR(t)dt of the correlation R of held values, a triangle, and of joined ones, a cubic spline; in periods.
_TRIANGLE = [2 / ((n + 1) * (n + 2)) for n in range(24)]
_SPLINE = [(2.0 ** (n + 5) - 8) / ((n + 1) * (n + 2) * (n + 3) * (n + 4)) for n in range(24)]


def _mean(a: float, moments: list[float], closed: Callable[[float], float]) -> float:
    """∫R(t)e^(−a|t|)dt: by its power series where the closed form would cancel."""
    if a > 1:
        return closed(a)
    return sum(moment * (-a) ** n / math.factorial(n) for n, moment in enumerate(moments))


def _ramp(a: float, part: float) -> float:
    """Voltage of a cell after a share of the period in which its input rose from 0 at 1 a period."""
    return part + math.expm1(-a * part) / a


def share(phase: Phase) -> float:
    """A phase that is a number, checked."""
    if isinstance(phase, str) or not 0 <= phase <= 1:
        raise ValueError(f"phase is {phase!r}; it must be a share of the period from 0 to 1, or 'mean'")
    return float(phase)
