"""The permutation model: tours and assignments, whose states are permutations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import EnergyModel, check_finite, finite_number, read_only, real_array, site_states
from pbits.models.distances import Distances

# Distances held at once while energies are computed.
_BLOCK = 1 << 22


class PermutationModel(EnergyModel):
    """E(π) over permutations π: slot t holds item π_t, and every item 0 … n−1 is held once.

    Of a tour, which is what distances alone make, E = offset + Σ_t d(π_t, π_{t+1}), with slot n being slot 0 again.
    With flows or costs it is an assignment,

        E = offset + Σ_{t,u} F_tu d(π_t, π_u) + Σ_t C_t[π_t].

    Parameters
    ----------
    distances : (n, n) array or Distances
        At least 0; of a tour symmetric.
    flows : (n, n) array, optional
        F; the diagonal is not used, since d(i, i) = 0.
    costs : (n, n) array, optional
        C, one row for each slot.
    offset : float

    Attributes
    ----------
    kind : {"tour", "assignment"}
    distances : Distances
    flows, costs : (n, n) float64 arrays, or None for a tour

    Raises
    ------
    ValueError
        For fewer than 3 places of a tour, or 2 of an assignment; distances of a tour that are not symmetric, with the
        remedy; arrays of other shapes, and numbers that are not finite.
    TypeError
        For entries that are no real numbers.

    Notes
    -----
    The n rotations of a tour, each in two directions, are 2n states of one energy. A machine does not flip single sites
    of this model: see `pbits.moves.Moves`.

    Examples
    --------
    >>> import pbits
    >>> square = pbits.PermutationModel(pbits.models.Distances(coordinates=[[0, 0], [0, 1], [1, 1], [1, 0]]))
    >>> square.energy([[0, 1, 2, 3], [0, 2, 1, 3]]).round(3)
    array([4.   , 4.828])
    """

    domain = "permutation"

    def __init__(
        self,
        distances: ArrayLike | Distances,
        flows: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        offset: float = 0.0,
    ):
        self.distances = distances if isinstance(distances, Distances) else Distances(distances)
        self.n = self.distances.n
        self.kind: Literal["tour", "assignment"] = "tour" if flows is None and costs is None else "assignment"
        least, what = (3, "a tour") if self.kind == "tour" else (2, "an assignment")
        if self.n < least:
            raise ValueError(f"there are {self.n} places; {what} needs at least {least}")
        if self.kind == "tour" and not self.distances.symmetric:
            assert self.distances.matrix is not None
            gap = np.abs(self.distances.matrix - self.distances.matrix.T)
            i, j = np.unravel_index(gap.argmax(), gap.shape)
            raise ValueError(
                f"distances are not symmetric: [{i}, {j}] is {self.distances.matrix[i, j]} but [{j}, {i}] is "
                f"{self.distances.matrix[j, i]}; (D + Dᵀ)/2 is symmetric, and an instance with one-way distances must "
                "first be doubled"
            )
        self.flows = self.costs = None
        if self.kind == "assignment":
            F, C = self._square(flows, "flows"), self._square(costs, "costs")
            np.fill_diagonal(F, 0.0)
            self.flows, self.costs = read_only(F), read_only(C)
        self.offset = finite_number(offset, "offset")

    def _square(self, given: ArrayLike | None, name: str) -> NDArray[np.float64]:
        matrix = np.zeros((self.n, self.n)) if given is None else real_array(given, name)
        if matrix.shape != (self.n, self.n):
            raise ValueError(f"{name} have shape {matrix.shape}; expected ({self.n}, {self.n}), as the distances")
        check_finite(matrix, name)
        return matrix

    def __repr__(self) -> str:
        return f"PermutationModel({self.kind}, n={self.n})"

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(π) of permutations of shape (..., n); the result has shape (...)."""
        given = site_states(states, self.n)
        flat = given.reshape(-1, self.n)
        wrong = np.flatnonzero((np.sort(flat, axis=1) != np.arange(self.n)).any(axis=1))
        if len(wrong):
            row = flat[wrong[0]].tolist()
            shown = f"{row[:12]}" if len(row) <= 12 else f"{row[:12]} …"
            raise ValueError(f"{shown} is no permutation: every item 0 to {self.n - 1} must be held once")
        whole = flat.astype(np.int64)
        measured = self.distances.length if self.kind == "tour" else self._assigned
        each = self.n if self.kind == "tour" else self.n**2
        height = max(1, _BLOCK // each)
        energies = np.empty(len(whole))
        for begin in range(0, len(whole), height):
            energies[begin : begin + height] = measured(whole[begin : begin + height])
        return (energies + self.offset).reshape(given.shape[:-1])

    def _assigned(self, flat: NDArray[np.int64]) -> NDArray[np.float64]:
        D = self.distances.to_matrix()
        assert self.flows is not None, "an assignment has flows"
        assert self.costs is not None, "and costs"
        placed = D[flat[:, :, None], flat[:, None, :]]
        return np.einsum("tu,ktu->k", self.flows, placed) + self.costs[np.arange(self.n), flat].sum(axis=1)

    def values(self, site: int) -> NDArray[np.int32]:
        return np.arange(self.n, dtype=np.int32)

    def arrays(self) -> dict[str, NDArray]:
        held = {"offset": np.array(self.offset), **self.distances.arrays()}
        if self.flows is not None and self.costs is not None:
            held |= {"flows": self.flows, "costs": self.costs}
        return held

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> PermutationModel:
        return cls(Distances.from_arrays(arrays), arrays.get("flows"), arrays.get("costs"), float(arrays["offset"]))
