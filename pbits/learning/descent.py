"""Stochastic descent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam, with a rate that falls from `rate` to `last_rate` along half a cosine.

    Attributes
    ----------
    rate, last_rate : float
    decays : (float, float)
        Of the running means of slopes and of their squares.

    Notes
    -----
    Kingma and Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980; the formula from memory.
    """

    rate: float = 0.02
    last_rate: float = 0.0004
    decays: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0 and 0 <= self.last_rate <= self.rate):
            raise ValueError(f"rates are {self.rate} to {self.last_rate}; they must be positive and must not rise")
        if not all(0 <= decay < 1 for decay in self.decays):
            raise ValueError(f"decays are {self.decays}; each must be from 0 to below 1")

    def step(
        self, values: NDArray[np.float64], memory: NDArray[np.float64], slope: NDArray[np.float64], k: int, steps: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The values after step k of `steps`, k from 0, and the memory (2, …), which starts from zeros.

        Examples
        --------
        >>> adam, x, memory = Adam(rate=0.1, last_rate=0.0), np.array([1.0]), np.zeros((2, 1))
        >>> for k in range(200):
        ...     x, memory = adam.step(x, memory, 2 * x, k, 200)
        >>> abs(x[0]) < 1e-3
        np.True_
        """
        first, second = self.decays
        mean = first * memory[0] + (1 - first) * slope
        square = second * memory[1] + (1 - second) * slope**2
        rate = self.last_rate + (self.rate - self.last_rate) * (1 + math.cos(math.pi * k / steps)) / 2
        change = mean / (1 - first ** (k + 1)) / (np.sqrt(square / (1 - second ** (k + 1))) + 1e-8)
        return values - rate * change, np.stack([mean, square])
