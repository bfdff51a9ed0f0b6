"""Number partition: two groups of numbers whose sums are as equal as can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pbits.models import IsingModel
from pbits.models.base import check_finite, read_only, real_array
from pbits.problems.base import Problem, spins_of

# Whole numbers that float64 holds.
_EXACT = 2.0**53


class NumberPartition(Problem):
    """Two groups of positive numbers with the least difference of their sums, on one p-bit a number.

        E = (Σ a_i s_i)² = Σ a_i² + 2 Σ_{i<j} a_i a_j s_i s_j,

    so that J_ij = −2 a_i a_j: the energy is the square of the difference, which is the objective.

    Parameters
    ----------
    numbers : (n,) array
        Positive, at least two.
    optimum : float, optional
        The least difference known.

    Raises
    ------
    ValueError
        For fewer than two numbers, one that is not positive or not finite, or a sum above 2⁵³.
    TypeError
        For what is no real number.

    Notes
    -----
    Of whole numbers with an even sum no difference is below 0, and of an odd one none below 1: the goal. It can be
    reached with near certainty where the numbers have fewer bits than there are numbers (Mertens 1998), and is then one
    of many.

    Couplings are dense and span the square of the range of the numbers, which is what a machine with few bits a weight
    cannot hold; differencing (Karmarkar and Karp 1982) and dynamic programming need neither.

    Examples
    --------
    >>> from pbits.problems import NumberPartition
    >>> five = NumberPartition([4, 5, 6, 7, 8])
    >>> five.decode([1, 1, 1, -1, -1])
    ((0, 1, 2), (3, 4))
    >>> five.score(((0, 1, 2), (3, 4))), five.goal, float(five.to_model().energy([1, 1, -1, 1, -1]))
    (0.0, 0.0, 4.0)
    """

    unit = "difference"

    def __init__(self, numbers: ArrayLike, optimum: float | None = None, name: str | None = None):
        self.numbers = read_only(real_array(numbers, "numbers"))
        if self.numbers.ndim != 1 or len(self.numbers) < 2:
            raise ValueError(f"numbers have shape {self.numbers.shape}; expected (n,) with n of at least 2")
        check_finite(self.numbers, "numbers")
        if (self.numbers <= 0).any():
            k = int(np.flatnonzero(self.numbers <= 0)[0])
            raise ValueError(f"numbers[{k}] is {self.numbers[k]:g}; numbers to share out are positive")
        total = float(self.numbers.sum())
        if total > _EXACT:
            raise ValueError(
                f"numbers add up to {total:g}; sums are exact up to 2⁵³ = {_EXACT:g}: divide all of them by a common "
                "factor, or round them"
            )
        self.optimum = optimum
        if (self.numbers == np.floor(self.numbers)).all():
            self.goal = float(sum(map(int, self.numbers)) % 2)
        self.name = name or f"partition of {len(self.numbers)} numbers"

    def build_model(self) -> IsingModel:
        J = -2 * np.outer(self.numbers, self.numbers)
        np.fill_diagonal(J, 0.0)
        return IsingModel(J, offset=float((self.numbers**2).sum()))

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which numbers lie in the group of number 0, and which in the other."""
        spins = spins_of(state, len(self.numbers))
        with_first = spins == spins[0]
        return tuple(np.flatnonzero(with_first).tolist()), tuple(np.flatnonzero(~with_first).tolist())

    def score(self, answer: Sequence[Sequence[int]]) -> float:
        """The difference of the two sums."""
        first, second = (list(group) for group in answer)
        if sorted([*first, *second]) != list(range(len(self.numbers))):
            raise ValueError(f"the two groups must hold each of the numbers 0 to {len(self.numbers) - 1} once")
        return abs(float(self.numbers[first].sum() - self.numbers[second].sum()))

    def beta_range(self) -> tuple[float, float]:
        """β from 0.1/(2Σa²) to 6/a², a the least number: from a random sum's energy to what the least number moves."""
        return 0.05 / float((self.numbers**2).sum()), 6.0 / float(self.numbers.min() ** 2)

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        goal = None if self.goal is None else self.goal**2
        return {} if goal is None else {"stop_at": goal, "stop": "any"}
