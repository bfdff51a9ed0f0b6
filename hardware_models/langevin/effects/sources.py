"""Noise that is not what it should be: slow, unequal, or of the resistors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.effects.balance import Balance, Change, solved
from hardware_models.langevin.effects.base import NO_UNITS, SECONDS, VOLTS, Built, Units, check_positive, check_spread
from hardware_models.langevin.noise import Filtered, White
from hardware_models.langevin.parts import Parts
from pbits.streams import Stream, Streams

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NoiseBandwidth:
    """The injected noise forgets with a correlation time τ_c; its density at low frequency stays.

    One cell of time constant τ keeps 1/(1 + τ_c/τ) of its variance. With A = M⁻¹K and the noise N = M⁻¹SM⁻ᵀ of the
    voltages, the covariance of any circuit is exactly that of AΣ + ΣAᵀ = ½[(1 + τ_cA)⁻¹N + N(1 + τ_cAᵀ)⁻¹].

    Parameters
    ----------
    correlation_s : float
        τ_c; the corner lies at 1/(2πτ_c).

    Raises
    ------
    ValueError
        For a time that is not positive; for noise that is coloured already.
    """

    correlation_s: float
    needs: ClassVar[Units] = SECONDS

    def __post_init__(self) -> None:
        check_positive("correlation_s", self.correlation_s, "a correlation time")

    def build(self, parts: Parts, chip: Streams) -> Built:
        if not isinstance(parts.spectrum, White):
            raise ValueError(
                f"the noise is {type(parts.spectrum).__name__} already; leave out NoiseBandwidth, or the spectrum"
            )
        return replace(parts, spectrum=Filtered(correlation_s=self.correlation_s)), {
            "noise_bandwidth": {"correlation_s": self.correlation_s}
        }

    def predict(self, parts: Parts) -> Change:
        """Exact."""
        balance = Balance(parts)
        silent = Balance(replace(parts, temperature_k=0.0))
        # P = ⟨u ξᵀ⟩ of the noise currents ξ, from (K + M/τ_c)P = S/2τ_c.
        shared = balance.M @ solved(balance.M + self.correlation_s * balance.K, silent.S / 2)
        filtered = silent.settled(shared + shared.T)
        return balance.change(covariance=filtered - silent.covariance)


@dataclass(frozen=True, kw_only=True)
class NoiseMismatch:
    """Noise sources are not equal: each current is multiplied by max(1 + σz, 0), z normal, drawn once for a chip.

    Unequal noise in cells that are coupled has no Boltzmann law: heat flows from cell to cell, and AΣ − D, D half the
    noise, is no longer symmetric. The law is linear in the noise: with Σ⁽ⁱʲ⁾ that of S_ij alone, the mean over chips
    is exactly Σ + σ²Σ_i Σ⁽ⁱⁱ⁾, and for independent sources the variance from chip to chip (4σ² + 2σ⁴)Σ_i(Σ⁽ⁱⁱ⁾)²
    entry by entry.

    Parameters
    ----------
    sigma : float
        Relative standard deviation of a source's amplitude; densities vary by 2σ.

    Raises
    ------
    ValueError
        For a spread below 0 or not finite.
    """

    sigma: float
    needs: ClassVar[Units] = NO_UNITS

    def __post_init__(self) -> None:
        check_spread("sigma", self.sigma)

    def build(self, parts: Parts, chip: Streams) -> Built:
        draws = chip.generator(Stream.CHIP, "NoiseMismatch").standard_normal(parts.n)
        factors = np.maximum(1 + self.sigma * draws, 0)
        return replace(parts, noise_a2_per_hz=np.outer(factors, factors) * parts.noise_a2_per_hz), {
            "noise_mismatch": {"smallest": float(factors.min()), "largest": float(factors.max())}
        }

    def predict(self, parts: Parts) -> Change:
        """Mean exact; spread exact for independent sources, else to first order."""
        balance, S = Balance(parts), parts.noise_a2_per_hz
        own = np.diag(np.diag(S))
        variance = np.zeros_like(balance.K)
        for cell in range(parts.n):
            louder = np.zeros_like(S)
            louder[cell] = S[cell] / 2
            louder = louder + louder.T
            squares = 4 * self.sigma**2 * balance.along(noise_a2_per_hz=louder).covariance ** 2
            louder[:] = own * (np.arange(parts.n) == cell)
            squares += 2 * self.sigma**4 * balance.along(noise_a2_per_hz=louder).covariance ** 2
            variance += squares
        return balance.change(
            covariance=self.sigma**2 * balance.along(noise_a2_per_hz=own).covariance, covariance_variance=variance
        )


@dataclass(frozen=True, kw_only=True)
class JohnsonNoise:
    """Resistors are at a temperature T, and each adds noise of density 2kT/R (two-sided) to what is injected.

    Passive cells gain exactly kT C⁻¹, whatever their resistors are; injected noise of density σ² stands for the
    temperature σ²R/2k. Transconductors have no noise of their own here.

    Parameters
    ----------
    temperature_k : float
        T.

    Raises
    ------
    ValueError
        For a temperature that is not positive; for parts that are at a temperature already, or have no resistors.
    """

    temperature_k: float
    needs: ClassVar[Units] = VOLTS

    def __post_init__(self) -> None:
        check_positive("temperature_k", self.temperature_k, "a temperature in kelvin")

    def build(self, parts: Parts, chip: Streams) -> Built:
        return self._warm(parts), {"johnson_noise": {"temperature_k": self.temperature_k}}

    def predict(self, parts: Parts) -> Change:
        """Exact."""
        alone = Balance(replace(self._warm(parts), noise_a2_per_hz=np.zeros((parts.n, parts.n))))
        return alone.change(covariance=alone.covariance)

    def _warm(self, parts: Parts) -> Parts:
        if parts.temperature_k:
            raise ValueError(
                f"the parts are at {parts.temperature_k:g} K already; leave out JohnsonNoise, or temperature_k"
            )
        if not parts.conductance_s.any() and not np.any(parts.inductor_ohm):
            raise ValueError("the circuit has no resistors to be noisy; leave JohnsonNoise out")
        return replace(parts, temperature_k=self.temperature_k)
