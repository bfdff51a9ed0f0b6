"""What couples cells actively: amplifiers that are slow, weak, or off zero."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.effects.balance import Balance, Change, solved
from hardware_models.langevin.effects.base import NO_UNITS, SECONDS, VOLTS, Built, Units, check_positive
from hardware_models.langevin.effects.components import to_second_order
from hardware_models.langevin.parts import Parts
from pbits.streams import Stream, Streams

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GainBandwidth:
    """The amplifiers of active couplings follow the voltages with a delay τ_a = 1/(2π·pole), one pole.

    One cell with a transconductor g, a resistor of conductance p and a capacitor C has exactly

        1 + (g/C)/(p/C + 1/τ_a)

    times its variance: 1 + τ_a/τ without the resistor. To first order in τ_a a circuit's M becomes M − τ_aG_m, G_m its
    transconductances. The mean stays.

    Parameters
    ----------
    pole_hz : float
        For an integrator made of an amplifier, its gain-bandwidth product times the feedback's share.

    Raises
    ------
    ValueError
        For a pole that is not positive, a circuit without transconductors, or one whose amplifiers have a pole.
    """

    pole_hz: float
    needs: ClassVar[Units] = SECONDS

    def __post_init__(self) -> None:
        check_positive("pole_hz", self.pole_hz, "a frequency")

    def build(self, parts: Parts, chip: Streams) -> Built:
        active(parts, "GainBandwidth")
        if parts.amplifier_pole_hz is not None:
            raise ValueError(f"the amplifiers have a pole at {parts.amplifier_pole_hz:g} Hz already; leave one out")
        return replace(parts, amplifier_pole_hz=self.pole_hz), {"gain_bandwidth": {"pole_hz": self.pole_hz}}

    def predict(self, parts: Parts) -> Change:
        """To first order; exact for a single cell without an inductor."""
        balance, delay = Balance(parts), 1 / (2 * math.pi * self.pole_hz)
        own = active(parts, "GainBandwidth")
        if len(balance.K) == 1:
            rate, leak = own / balance.M, (balance.K - own) / balance.M
            return balance.change(covariance=balance.covariance * rate / (leak + 1 / delay))
        slower, none = np.zeros_like(balance.K), np.zeros_like(balance.K)
        slower[: parts.n, : parts.n] = -delay * own
        return balance.change(covariance=balance.moved(slower, none, none, 0 * balance.I).covariance)


@dataclass(frozen=True, kw_only=True)
class FiniteGain:
    """Integrators have amplifiers of a finite gain A₀ at low frequency, so their charge leaks away.

    Of an amplifier that holds its input at −V/A₀, with a capacitor C around it and transconductances g_ij into it, the
    voltage obeys (1 + 1/A₀)C_i dV_i/dt = −Σ_j g_ij V_j − (Σ_j |g_ij|/A₀)V_i + …: every capacitor is larger by 1/A₀,
    and every cell has a leak. One cell keeps 1/(1 + 1/A₀)² of its variance and 1/(1 + 1/A₀) of its mean.

    Parameters
    ----------
    dc_gain : float
        A₀.

    Raises
    ------
    ValueError
        For a gain of 1 or less; for a circuit without transconductors.
    """

    dc_gain: float
    needs: ClassVar[Units] = NO_UNITS

    def __post_init__(self) -> None:
        if not (math.isfinite(self.dc_gain) and self.dc_gain > 1):
            raise ValueError(f"dc_gain is {self.dc_gain}; an amplifier's gain is finite and above 1")

    def build(self, parts: Parts, chip: Streams) -> Built:
        changes = self._changes(parts)
        return replace(parts, **{name: getattr(parts, name) + change for name, change in changes.items()}), {
            "finite_gain": {"dc_gain": self.dc_gain}
        }

    def predict(self, parts: Parts) -> Change:
        """To second order."""
        return to_second_order(parts, self._changes(parts))

    def _changes(self, parts: Parts) -> dict[str, Array]:
        leaks = np.diag(np.abs(active(parts, "FiniteGain")).sum(axis=1))
        # A leak that is no resistor has no noise of its own.
        return {"transconductance_s": leaks / self.dc_gain, "capacitance_f": parts.capacitance_f / self.dc_gain}


@dataclass(frozen=True, kw_only=True)
class Offset:
    """Every drive current has an error, normal and drawn once for a chip: I → I + b, b ~ N(0, σ²).

    The mean moves by exactly K⁻¹b, and Σ stays. Where readings are compared with a mean that is taken for granted,
    their second moments are off by the matrix of rank one (K⁻¹b)(K⁻¹b)ᵀ, on average σ²K⁻¹K⁻ᵀ, see `bias`.

    Parameters
    ----------
    sigma_a : float
        σ in amperes: of an amplifier of offset voltage V into whose input conductances g_j lead, V·Σ|g_j|.

    Raises
    ------
    ValueError
        For a spread below 0 or not finite.
    """

    sigma_a: float
    needs: ClassVar[Units] = VOLTS

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma_a) and self.sigma_a >= 0):
            raise ValueError(f"sigma_a is {self.sigma_a}; a spread of currents is finite and at least 0")

    def build(self, parts: Parts, chip: Streams) -> Built:
        draws = self.sigma_a * chip.generator(Stream.CHIP, "Offset").standard_normal(parts.n)
        return replace(parts, drive_a=parts.drive_a + draws), {"offset": {"largest_a": float(np.abs(draws).max())}}

    def predict(self, parts: Parts) -> Change:
        """Exact."""
        n = parts.n
        return Change(
            mean=np.zeros(n),
            covariance=np.zeros((n, n)),
            mean_spread=np.sqrt(np.diag(self.bias(parts))),
            covariance_spread=np.zeros((n, n)),
        )

    def bias(self, parts: Parts) -> Array:
        """σ²K⁻¹K⁻ᵀ of the cells, (n, n): what second moments about the nominal mean have too much, on average."""
        balance = Balance(parts)
        into = solved(balance.K, np.eye(len(balance.K), parts.n))[: parts.n]
        return self.sigma_a**2 * into @ into.T


def active(parts: Parts, effect: str) -> Array:
    """The transconductances that an effect is about."""
    if parts.transconductance_s is None or not parts.transconductance_s.any():
        raise ValueError(f"the circuit has no amplifiers: its couplings are passive; leave {effect} out")
    return parts.transconductance_s
