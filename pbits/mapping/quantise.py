"""Fixed-point numbers: what a digital machine makes of a coupling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """What rounding did: how many of `total` numbers saturated, vanished, and the largest error."""

    total: int
    saturated: int
    vanished: int
    largest_error: float

    def __add__(self, other: Rounding) -> Rounding:
        return Rounding(
            total=self.total + other.total,
            saturated=self.saturated + other.saturated,
            vanished=self.vanished + other.vanished,
            largest_error=max(self.largest_error, other.largest_error),
        )


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """Two's-complement numbers of `total_bits`, `fraction_bits` of them behind the point.

    The values are k·2^(−fraction_bits) for k = −2^(total_bits−1) … 2^(total_bits−1) − 1; rounding is to the
    nearest, ties away from zero, and what lies outside saturates. Without `total_bits` (not stated) nothing
    saturates.

    Examples
    --------
    >>> FixedPoint(total_bits=4, fraction_bits=1).round([0.3, 0.8, 9.0])[0]
    array([0.5, 1. , 3.5])
    """

    total_bits: int | None = None
    fraction_bits: int

    def __post_init__(self) -> None:
        if not 1 <= (self.total_bits or 1) <= 52 or self.total_bits == 0 or not 0 <= self.fraction_bits < 52:
            raise ValueError(
                f"a fixed point of {self.total_bits} bits with {self.fraction_bits} behind the point is not "
                "possible; total_bits lies in 1 … 52 and fraction_bits in 0 … 51"
            )

    @property
    def step(self) -> float:
        """The distance between neighbouring values."""
        return 2.0**-self.fraction_bits

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        if self.total_bits is None:
            return -np.inf, np.inf
        half = 2 ** (self.total_bits - 1)
        return -half * self.step, (half - 1) * self.step

    def round(self, values: ArrayLike) -> tuple[NDArray[np.float64], Rounding]:
        """The nearest values, and what that did to the given ones."""
        exact = np.asarray(values, dtype=np.float64)
        scaled = exact / self.step
        nearest = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) * self.step
        low, high = self.limits
        rounded = np.clip(nearest, low, high)
        report = Rounding(
            total=int(exact.size),
            saturated=int((nearest != rounded).sum()),
            vanished=int(((rounded == 0) & (exact != 0)).sum()),
            largest_error=float(np.abs(rounded - exact).max(initial=0.0)),
        )
        return rounded, report
