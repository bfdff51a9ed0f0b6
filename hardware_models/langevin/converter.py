"""Analog-to-digital converters: what they read, and how many bits an accuracy needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.reading import read_moments

MOST_BITS = 32


@dataclass(frozen=True, kw_only=True)
class Converter:
    """An ADC of 2^bits equal steps over ±full_scale; a reading is the middle of its step.

    Rounding adds step²/12 to a variance as long as the step is below about 1.25 standard deviations.
    """

    bits: int
    full_scale: float

    @property
    def step(self) -> float:
        return 2 * self.full_scale / 2**self.bits

    def read(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        """Readings, and how many values lay outside the full scale."""
        half = 2 ** (self.bits - 1)
        codes = np.floor(values / self.step)
        inside = np.clip(codes, -half, half - 1)
        return (inside + 0.5) * self.step, int((codes != inside).sum())

    def error(self, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
        """How far the covariance of readings of normal values is off, relative, in the Frobenius norm."""
        _, read = read_moments(mean, covariance, self.full_scale, self.bits)
        return float(np.linalg.norm(read - covariance) / np.linalg.norm(covariance))

    def bits_for(self, accuracy: float, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> int | None:
        """The fewest bits at this full scale whose `error` is at most `accuracy`; None where clipping forbids it."""
        for bits in range(1, MOST_BITS + 1):
            if Converter(bits=bits, full_scale=self.full_scale).error(mean, covariance) <= accuracy:
                return bits
        return None
