"""Knapsack: the items of most value that fit."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.models.base import check_finite, read_only, real_array
from pbits.problems._files import LARGEST, number, read_lines, whole_number
from pbits.problems.base import Problem, spins_of

EXCESS = "weight above the capacity"


class Knapsack(Problem):
    """The items of most value whose weights sum to at most the capacity C, on one p-bit an item and about log₂ C more.

        E = −Σ v_i x_i + A (C − Σ w_i x_i − Σ_k c_k y_k)²,

    with slack bits y of the sizes c = 1, 2, 4, …, C + 1 − 2^⌊log₂ C⌋, which together take every value from 0 to C.
    Where items and slack fill the capacity exactly, E is minus the value.

    Parameters
    ----------
    values : (n,) array
        Positive.
    weights : (n,) array
        Positive whole numbers.
    capacity : int
        C, at least 1.
    penalty : "safe", "tight", "auto" or float
        A. "safe" is 1.125 · the largest value, above which every ground state fits. "tight" is ρ/4, where ρ is the
        value per weight of the first item that no longer fits, when they are taken by falling value per weight. Ground
        states may then be too heavy, but gain little by it, and p-bits find better answers that fit: see Notes.
    optimum : float, optional
        The best value known.

    Raises
    ------
    ValueError
        For arrays of other shapes, values or weights that are not positive, weights or a capacity that are not whole,
        and where no item fits.

    Notes
    -----
    Why more than the largest value v suffices: a state that is δ ≥ 1 too heavy pays at least Aδ². Taking items out one
    by one until the rest fits takes at most δ of them, as each weighs at least 1, and loses at most δv < Aδ². With the
    slack set right, the result pays no penalty, so every ground state fits.

    With fractions of items allowed, filling up by falling value per weight is best, and a capacity larger by δ is worth
    at most ρδ more (Dantzig 1957). So a state that is δ too heavy has E ≥ −L − ρδ + Aδ², L being the best value with
    fractions, which is at least −L − ρ²/(4A), and −L − ρ for A = ρ/4. Under a large A p-bits freeze before values
    matter: exchanging two items passes through states of another weight.

    States that fit but leave the slack wrong are answers too, and are counted as such; their energy is above minus
    their value. Dynamic programming takes n·C steps, and is the better way for all but huge capacities.

    Examples
    --------
    >>> from pbits.problems import Knapsack
    >>> bag = Knapsack(values=[6, 5, 4], weights=[3, 2, 2], capacity=4)
    >>> bag.to_model().n
    6
    >>> state = bag.encode((1, 2))
    >>> bag.decode(state), bag.score((1, 2)), float(bag.to_model().energy(state))
    ((1, 2), 9.0, -9.0)
    """

    sense = "max"
    unit = "value"

    def __init__(
        self,
        values: ArrayLike,
        weights: ArrayLike,
        capacity: int,
        penalty: Literal["safe", "tight", "auto"] | float = "auto",
        optimum: float | None = None,
        name: str | None = None,
    ):
        self.values = read_only(real_array(values, "values"))
        self.weights = read_only(real_array(weights, "weights"))
        self.capacity = whole_number(str(capacity), "capacity", 1, "what fits")
        if self.values.ndim != 1 or not len(self.values) or self.weights.shape != self.values.shape:
            raise ValueError(
                f"values have shape {self.values.shape} and weights {self.weights.shape}; expected one of each per item"
            )
        check_finite(self.values, "values")
        if (self.values <= 0).any():
            k = int(np.flatnonzero(self.values <= 0)[0])
            raise ValueError(f"values[{k}] is {self.values[k]:g}; an item without value is left at home: strike it out")
        whole = (self.weights >= 1) & (self.weights <= LARGEST) & (self.weights == np.floor(self.weights))
        if not whole.all():
            k = int(np.flatnonzero(~whole)[0])
            raise ValueError(
                f"weights[{k}] is {self.weights[k]:g}; weights are whole numbers of at least 1: multiply weights and "
                "capacity by a common factor, and take items without weight along"
            )
        if self.weights.min() > self.capacity:
            raise ValueError(
                f"no item fits: the lightest weighs {self.weights.min():g}, the capacity is {self.capacity}"
            )
        low = self.capacity.bit_length() - 1
        self.slack = read_only(np.array([2**k for k in range(low)] + [self.capacity + 1 - 2**low], dtype=np.float64))
        self.optimum = optimum
        self.name = name or f"knapsack, {len(self.values)} items, capacity {self.capacity}"
        self.penalty = 1.0
        posed = self.penalised(penalty)
        self.penalty, self.penalty_rule = posed.penalty, posed.penalty_rule

    @classmethod
    def from_file(cls, path: str | PathLike[str], **options: Any) -> Knapsack:
        """From a text file of numbers: n, the capacity, then n pairs of value and weight; line breaks do not matter.

        Raises
        ------
        ValueError
            For anything malformed or truncated, with file, line and what was expected.
        """
        file, expected = Path(path).name, "n, the capacity, then n pairs 'value weight'"
        tokens = [
            (f"{file}, line {count}", token)
            for count, line in enumerate(read_lines(path, expected), start=1)
            for token in line.split()
        ]
        if len(tokens) < 2:
            raise ValueError(f"{file}: found {len(tokens)} numbers, expected {expected}")
        n = whole_number(tokens[0][1], tokens[0][0], 1, "the number of items")
        capacity = whole_number(tokens[1][1], tokens[1][0], 1, "the capacity")
        if len(tokens) != 2 + 2 * n:
            raise ValueError(f"{tokens[-1][0]}: found {len(tokens) - 2} numbers after n = {n}, expected {2 * n}")
        values = [number(token, where) for where, token in tokens[2::2]]
        weights = [whole_number(token, where, 1, "a weight") for where, token in tokens[3::2]]
        options.setdefault("name", Path(path).stem)
        return cls(values, weights, capacity, **options)

    def penalty_by(self, rule: str) -> float:
        if rule == "safe":
            return 1.125 * float(self.values.max())
        if rule in ("tight", "auto"):
            density = self.values / self.weights
            order = np.argsort(-density, kind="stable")
            fitting = np.searchsorted(self.weights[order].cumsum(), self.capacity, side="right")
            return float(density[order[min(fitting, len(order) - 1)]]) / 4
        raise ValueError(f"penalty is {rule!r}; expected 'safe', 'tight', 'auto' or a positive number")

    def parts(self) -> tuple[IsingModel, IsingModel]:
        sizes = np.concatenate([self.weights, self.slack])
        worth = np.concatenate([self.values, np.zeros(len(self.slack))])
        C = float(self.capacity)
        filled = IsingModel.from_qubo(np.outer(sizes, sizes) - np.diag(2 * C * sizes), offset=C * C)
        return IsingModel.from_qubo(np.diag(-worth)), filled

    def build_model(self) -> IsingModel:
        value, filled = self.parts()
        assert self.penalty is not None
        A = self.penalty
        return IsingModel(A * filled.J, value.h + A * filled.h, value.offset + A * filled.offset)

    def _taken(self, state: ArrayLike) -> NDArray[np.bool_]:
        return spins_of(state, len(self.values) + len(self.slack))[: len(self.values)] > 0

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, ...] | None:
        """The items that are taken; None where they do not fit."""
        taken = self._taken(self.repaired(state) if repair else state)
        return None if self.weights[taken].sum() > self.capacity else tuple(np.flatnonzero(taken).tolist())

    def encode(self, answer: Sequence[int]) -> NDArray[np.int8]:
        """The state of this choice of items, with the slack that is left.

        Raises
        ------
        ValueError
            For items that do not fit, or do not exist.
        """
        taken = self._chosen(answer)
        rest = int(self.capacity - self.weights[taken].sum())
        if rest < 0:
            raise ValueError(f"the items weigh {self.capacity - rest}, above the capacity of {self.capacity}")
        # The last slack bit is no power of two: it is on where the others alone cannot fill what is left.
        full = 2 ** (len(self.slack) - 1) - 1
        last = rest > full
        rest -= int(self.slack[-1]) if last else 0
        bits = [rest >> k & 1 for k in range(len(self.slack) - 1)]
        return (2 * np.array([*taken, *bits, last], dtype=np.int8) - 1).astype(np.int8)

    def _chosen(self, answer: Sequence[int]) -> NDArray[np.bool_]:
        items = np.asarray(answer, dtype=np.int64)
        if items.size and (items.min() < 0 or items.max() >= len(self.values)):
            raise ValueError(f"items are 0 to {len(self.values) - 1}; the answer names {items.min()} to {items.max()}")
        taken = np.zeros(len(self.values), dtype=bool)
        taken[items] = True
        return taken

    def score(self, answer: Sequence[int]) -> float:
        """The value of the items."""
        return float(self.values[self._chosen(answer)].sum())

    def violations(self, state: ArrayLike) -> dict[str, int]:
        return {EXCESS: max(0, int(self.weights[self._taken(state)].sum() - self.capacity))}

    def repaired(self, state: ArrayLike) -> NDArray[np.int8]:
        """Items of least value per weight are taken out until the rest fits, and the slack is set to what is left."""
        taken = self._taken(state).copy()
        weight = self.weights[taken].sum()
        for item in np.argsort(self.values / self.weights, kind="stable"):
            if weight <= self.capacity:
                break
            if taken[item]:
                taken[item] = False
                weight -= self.weights[item]
        return self.encode(np.flatnonzero(taken).tolist())

    def beta_range(self) -> tuple[float, float]:
        """β from 0.3/r to 30/v̄: r the root mean square input of a p-bit at random spins, v̄ the mean value."""
        model: Any = self.to_model()
        rms = float(np.sqrt((model.csr.data**2).sum() / model.n))
        return 0.3 / rms, 30.0 / float(self.values.mean())
