"""Fixed-point numbers: what a digital machine makes of a coupling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel

ENUMERATED = 18
"""The most spins of which all states are looked at."""


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


@dataclass(frozen=True, kw_only=True)
class RoundingEffect:
    """What fixed-point numbers make of a model that is held as βJ and βh.

    Attributes
    ----------
    model : IsingModel
        As held, divided by β again.
    rounding : Rounding
    largest_error, rms_error : float
        Of the numbers held, βJ of each pair and βh of each site.
    energy_error : float
        No β-scaled energy is off by more than this, Σ |errors|, and no difference of two by more than twice that.
    excess_energy : float or None
        How far the ground states of the rounded model lie above those of the model as posed, in its own energies: the
        worst of them. None beyond `ENUMERATED` spins.
    """

    model: IsingModel
    rounding: Rounding
    largest_error: float
    rms_error: float
    energy_error: float
    excess_energy: float | None

    @property
    def ground_states_kept(self) -> bool | None:
        """Whether every ground state of the rounded model is one of the model as posed."""
        return None if self.excess_energy is None else self.excess_energy == 0.0


def rounding_effect(model: IsingModel, numbers: FixedPoint, beta: float = 1.0) -> RoundingEffect:
    """What rounding does to a model: errors of its numbers, a bound on its energies, and the fate of ground states.

    Parameters
    ----------
    model : IsingModel
    numbers : FixedPoint
        In which βJ and βh are held.
    beta : float
        The inverse temperature above 0; digital machines hold the products.

    Raises
    ------
    ValueError
        For a β that is not positive and finite.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 0.4], [0.4, 0]], h=[0.1, 0])
    >>> effect = rounding_effect(pair, FixedPoint(total_bits=6, fraction_bits=1))
    >>> effect.largest_error, effect.ground_states_kept  # h is rounded to 0: two ground states where there was one
    (0.1, False)
    """
    if not (math.isfinite(beta) and beta > 0):
        raise ValueError(f"beta is {beta}; it must be positive and finite")
    i, j, couplings = model.edges()
    exact = beta * np.concatenate([couplings, model.h])
    held, rounding = numbers.round(exact)
    errors = np.abs(held - exact)
    pairs, fields = np.split(held / beta, [len(couplings)])
    rounded = IsingModel.from_edges(model.n, np.column_stack([i, j]), pairs, fields, model.offset)
    return RoundingEffect(
        model=rounded,
        rounding=rounding,
        largest_error=float(errors.max(initial=0.0)),
        rms_error=float(np.sqrt((errors**2).mean())),
        energy_error=float(errors.sum()),
        excess_energy=_excess(model, rounded) if model.n <= ENUMERATED else None,
    )


def _excess(model: IsingModel, rounded: IsingModel) -> float:
    states = (2 * (np.arange(2**model.n)[:, None] >> np.arange(model.n) & 1) - 1).astype(np.int8)
    posed, held = model.energy(states), rounded.energy(states)
    # Sums of many terms are equal up to their rounding.
    slack = 1e-12 * max(np.abs(posed).max(), np.abs(held).max(), 1.0)
    excess = posed[held <= held.min() + slack].max() - posed.min()
    return float(excess) if excess > slack else 0.0


def fixed_point_for(model: IsingModel, accuracy: float, beta: float = 1.0) -> FixedPoint:
    """The shortest numbers that hold βJ and βh with errors of at most `accuracy`, and saturate nowhere.

    Raises
    ------
    ValueError
        For an accuracy or a β that is not positive and finite, or that more than 52 bits would be needed for.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 0.4], [0.4, 0]], h=[3.0, 0])
    >>> fixed_point_for(pair, accuracy=0.01, beta=2.0)
    FixedPoint(total_bits=10, fraction_bits=6)
    """
    for name, value in (("accuracy", accuracy), ("beta", beta)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; it must be positive and finite")
    held = beta * np.concatenate([model.edges()[2], model.h])
    # Errors are up to half a step.
    fraction = max(0, math.ceil(-math.log2(2 * accuracy)))
    for total in range(1, 53):
        if fraction < 52:
            numbers = FixedPoint(total_bits=total, fraction_bits=fraction)
            if np.abs(numbers.round(held)[0] - held).max() <= accuracy:
                return numbers
    largest = float(np.abs(held).max())
    raise ValueError(f"{largest:.3g} to within {accuracy:.3g} takes more than 52 bits; allow a larger error")
