"""The categorical model: p-dits, whose sites hold one of several categories."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import (
    MAX_MAGNITUDE,
    EnergyModel,
    finite_number,
    read_only,
    real_array,
    site_states,
)
from pbits.models.ising import IsingModel

# States are int16.
_MAX_CATEGORIES = 1 << 15

# Table look-ups held at once while energies are computed, eight bytes each.
_BLOCK = 1 << 22


class CategoricalModel(EnergyModel):
    """E(s) = offset + Σ_i u_i[s_i] + Σ_(i,j) T_ij[s_i, s_j] over categories s_i ∈ {0, …, q_i − 1}.

    The tables are energies: the *lowest* entries are the most likely, P(s) ∝ exp(−βE). For a table of
    probabilities pass −ln p.

    Parameters
    ----------
    n_states : (n,) integers, or int
        q_i, at least 2 each. One integer gives every site that many categories; n is then the length of
        `unary`.
    unary : sequence of n vectors, optional
        u_i, of length q_i; zero when absent.
    pairwise : mapping {(i, j): table}, optional
        T_ij of shape (q_i, q_j), rows for the site named first. The table of (j, i) is transposed and added
        to that of (i, j).
    offset : float
        Constant added to every energy.

    Attributes
    ----------
    n_states : (n,) int64 array
    unary : tuple of n arrays
        u_i, of length q_i: views of `unary_flat`, where u_i begins at ``unary_starts[i]``.
    pairs : (m, 2) int64 array
        Sites i < j of each table, in rising order.
    tables : tuple of m arrays
        T_ij, of shape (q_i, q_j): views of `tables_flat`, where table e begins at ``table_starts[e]``, row by
        row.

    Raises
    ------
    ValueError
        For fewer than 2 categories, an array of another shape or with an entry that is not finite or above
        1e150 in magnitude, a pair that couples a site to itself, or a site outside 0 … n−1.
    TypeError
        For entries that are no real numbers, or a key that is no pair of whole numbers.

    Notes
    -----
    A heat-bath update draws s_i = a with probability ∝ exp(−βΔ_a), where
    Δ_a = u_i[a] + Σ_j T_ij[a, s_j].

    Examples
    --------
    Two sites with three categories each, which prefer to differ:

    >>> import numpy as np
    >>> import pbits
    >>> colours = pbits.CategoricalModel([3, 3], pairwise={(0, 1): np.eye(3)})
    >>> colours.energy([[0, 0], [0, 2]])
    array([1., 0.])
    """

    domain = "category"

    def __init__(
        self,
        n_states: ArrayLike | int,
        unary: Sequence[ArrayLike] | None = None,
        pairwise: Mapping[tuple[int, int], ArrayLike] | None = None,
        offset: float = 0.0,
    ):
        self.n_states = read_only(_categories(n_states, unary))
        self.n = len(self.n_states)
        self.offset = finite_number(offset, "offset")
        self.unary_starts = read_only(np.concatenate([[0], np.cumsum(self.n_states)]))
        self.unary_flat = read_only(self._unary(unary))
        merged: dict[tuple[int, int], NDArray[np.float64]] = {}
        for pair, table in (pairwise or {}).items():
            i, j = self._pair(pair)
            energies = _finite(table, (self.n_states[i], self.n_states[j]), f"pairwise[{i}, {j}]")
            key, energies = ((i, j), energies) if i < j else ((j, i), energies.T)
            merged[key] = merged[key] + energies if key in merged else energies
        pairs = sorted(merged)
        self.pairs = read_only(np.array(pairs, dtype=np.int64).reshape(-1, 2))
        sizes = self.n_states[self.pairs].prod(axis=1)
        self.table_starts = read_only(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
        self.tables_flat = read_only(np.concatenate([np.zeros(0), *(merged[pair].ravel() for pair in pairs)]))

    @classmethod
    def from_ising(cls, model: IsingModel) -> CategoricalModel:
        """The same energies over sites of two categories: 0 is spin −1, and 1 is spin +1.

        Examples
        --------
        >>> import pbits
        >>> pbits.CategoricalModel.from_ising(pbits.IsingModel([[0, 2], [2, 0]])).energy([[0, 0], [0, 1]])
        array([-2.,  2.])
        """
        alike = np.array([[1.0, -1.0], [-1.0, 1.0]])
        pairwise = {(int(i), int(j)): -weight * alike for i, j, weight in zip(*model.edges())}
        return cls(2, [[field, -field] for field in model.h], pairwise, model.offset)

    def __repr__(self) -> str:
        low, high = self.n_states.min(), self.n_states.max()
        categories = f"{low}" if low == high else f"{low}..{high}"
        return f"CategoricalModel(n={self.n}, categories={categories}, tables={len(self.pairs)})"

    @property
    def unary(self) -> tuple[NDArray[np.float64], ...]:
        return tuple(np.split(self.unary_flat, self.unary_starts[1:-1]))

    @property
    def tables(self) -> tuple[NDArray[np.float64], ...]:
        return tuple(
            self.tables_flat[begin:end].reshape(self.n_states[i], self.n_states[j])
            for (i, j), begin, end in zip(self.pairs, self.table_starts[:-1], self.table_starts[1:])
        )

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(s) of categories of shape (..., n); the result has shape (...)."""
        categories = site_states(states, self.n)
        flat = categories.reshape(-1, self.n)
        wrong = (flat < 0) | (flat >= self.n_states) | (flat != np.floor(flat))
        if wrong.any():
            row, site = np.argwhere(wrong)[0]
            raise ValueError(f"site {site} holds {flat[row, site]}; its categories are 0 to {self.n_states[site] - 1}")
        flat = flat.astype(np.int64)
        first, second = self.pairs.T
        energies = np.full(len(flat), self.offset)
        height = max(1, _BLOCK // (self.n + len(self.pairs)))
        for begin in range(0, len(flat), height):
            block = flat[begin : begin + height]
            entries = self.table_starts[:-1] + block[:, first] * self.n_states[second] + block[:, second]
            energies[begin : begin + height] += self.unary_flat[self.unary_starts[:-1] + block].sum(axis=1)
            energies[begin : begin + height] += self.tables_flat[entries].sum(axis=1)
        return energies.reshape(categories.shape[:-1])

    def values(self, site: int) -> NDArray[np.int16]:
        return np.arange(self.n_states[site], dtype=np.int16)

    def arrays(self) -> dict[str, NDArray]:
        return {
            "n_states": self.n_states,
            "unary": self.unary_flat,
            "pairs": self.pairs,
            "tables": self.tables_flat,
            "offset": np.array(self.offset),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> CategoricalModel:
        q, pairs = arrays["n_states"], arrays["pairs"]
        tables = np.split(arrays["tables"], np.cumsum(q[pairs].prod(axis=1)))[:-1]
        pairwise = {(int(i), int(j)): table.reshape(q[i], q[j]) for (i, j), table in zip(pairs, tables)}
        return cls(q, np.split(arrays["unary"], np.cumsum(q)[:-1]), pairwise, float(arrays["offset"]))

    def _unary(self, unary: Sequence[ArrayLike] | None) -> NDArray[np.float64]:
        if unary is None:
            return np.zeros(self.n_states.sum())
        if len(unary) != self.n:
            raise ValueError(f"unary has {len(unary)} vectors; expected {self.n}, one per site")
        return np.concatenate(
            [_finite(vector, (q,), f"unary[{i}]") for i, (vector, q) in enumerate(zip(unary, self.n_states))]
        )

    def _pair(self, pair: tuple[int, int]) -> tuple[int, int]:
        try:
            i, j = (operator.index(site) for site in pair)
        except (TypeError, ValueError):
            raise TypeError(f"pairwise is keyed by pairs of sites (i, j), not by {pair!r}") from None
        if not (0 <= i < self.n and 0 <= j < self.n):
            raise ValueError(f"pairwise[{i}, {j}] names a site outside 0 to {self.n - 1}")
        if i == j:
            raise ValueError(
                f"pairwise[{i}, {i}] couples a site to itself; add the diagonal of its table to unary[{i}]"
            )
        return i, j


def _categories(n_states: ArrayLike | int, unary: Sequence[ArrayLike] | None) -> NDArray[np.int64]:
    given = np.asarray(n_states)
    if given.dtype.kind not in "iu":
        raise ValueError(f"n_states holds {given.dtype.name} values; numbers of categories are integers")
    if given.ndim == 0:
        if unary is None:
            raise ValueError(f"n_states is {n_states} for how many sites? Give [{n_states}] * n, or unary")
        given = np.full(len(unary), given)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"n_states has shape {given.shape}; expected (n,), one number per site")
    wrong = (given < 2) | (given > _MAX_CATEGORIES)
    if wrong.any():
        site = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"site {site} has {given[site]} categories; allowed are 2 to {_MAX_CATEGORIES}"
            + (" (leave a site with one category out, and put its energies into the others)")
        )
    return given.astype(np.int64)


def _finite(values: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    array = real_array(values, name, "energies")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {tuple(int(k) for k in shape)}")
    if not (np.abs(array) <= MAX_MAGNITUDE).all():
        raise ValueError(
            f"{name} has an entry that is not finite or above {MAX_MAGNITUDE:g} in magnitude; forbid a state with "
            "a large finite energy"
        )
    return array
