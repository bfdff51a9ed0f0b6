"""The polynomial model: p-bits with many-body inputs, as higher-order problems need them."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import EnergyModel, finite_number, read_only, site_states

# Products held at once while energies are computed, one byte each.
_BLOCK = 1 << 24


class PolynomialModel(EnergyModel):
    """E(s) = offset − Σ_t w_t Π_{i∈t} s_i over spins s ∈ {−1, +1}ⁿ.

    Parameters
    ----------
    n : int
        Number of sites.
    terms : mapping {(i,): w, (i, j): w, (i, j, k): w, …}
        The weight of each set of sites; a positive weight favours a product of +1. The order of the sites
        does not matter: the same set written twice adds up, and terms that cancel are dropped.
    offset : float
        Constant added to every energy.

    Attributes
    ----------
    sites : (L,) int64 array
        The sites of all terms, one term after another: shorter terms first, then in the order of their sites.
    starts : (m + 1,) int64 array
        Term t holds ``sites[starts[t]:starts[t + 1]]``, in rising order.
    weights : (m,) float64 array
        w_t.

    Raises
    ------
    ValueError
        For a term that is empty, repeats a site, names a site outside 0 … n−1, or has a weight that is not
        finite or above 1e150 in magnitude.
    TypeError
        For sites that are no whole numbers, or weights that are no real numbers.

    Notes
    -----
    The input of p-bit i is I_i = Σ_{t∋i} w_t Π_{j∈t, j≠i} s_j, and a heat-bath update sets s_i = +1 with
    probability σ(2βI_i), as for an `IsingModel`, which is the case of terms of one and two sites.

    Examples
    --------
    >>> import pbits
    >>> parity = pbits.PolynomialModel(3, {(0, 1, 2): 1.0})
    >>> parity.energy([[1, 1, 1], [-1, 1, 1]])
    array([-1.,  1.])
    """

    domain = "spin"

    def __init__(self, n: int, terms: Mapping[tuple[int, ...], float], offset: float = 0.0):
        self.n = operator.index(n)
        if self.n < 1:
            raise ValueError(f"n is {n}; a model needs at least one site")
        merged: dict[tuple[int, ...], float] = {}
        for sites, weight in terms.items():
            key = _sorted_sites(sites, self.n)
            merged[key] = merged.get(key, 0.0) + finite_number(weight, f"the weight of term {key}")
        kept = sorted((key for key, weight in merged.items() if weight), key=lambda key: (len(key), key))
        sizes = np.array([len(key) for key in kept], dtype=np.int64)
        self.sites = read_only(np.array([site for key in kept for site in key], dtype=np.int64))
        self.starts = read_only(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
        self.weights = read_only(np.array([merged[key] for key in kept], dtype=np.float64))
        self.offset = finite_number(offset, "offset")

    def __repr__(self) -> str:
        return f"PolynomialModel(n={self.n}, terms={len(self.weights)}, order={self.order})"

    @property
    def order(self) -> int:
        """Number of sites in the largest term; 0 without terms."""
        return int(np.diff(self.starts).max(initial=0))

    @property
    def terms(self) -> dict[tuple[int, ...], float]:
        """{sites: weight}, each set of sites once and in rising order."""
        groups = np.split(self.sites, self.starts[1:-1])
        return {tuple(group.tolist()): float(weight) for group, weight in zip(groups, self.weights)}

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(s) = offset − Σ w Π s of spins of shape (..., n); the result has shape (...)."""
        spins = site_states(states, self.n)
        if not (np.abs(spins) == 1).all():
            raise ValueError("spins must be −1 or +1; turn bits x into spins with 2*x − 1")
        flat = spins.reshape(-1, self.n).T.astype(np.int8)
        energies = np.full(flat.shape[1], self.offset)
        width = max(1, _BLOCK // max(1, len(self.weights)))
        for begin in range(0, flat.shape[1], width):
            block = flat[:, begin : begin + width]
            for sites, weights in self._by_order():
                products = np.multiply.reduce(block[sites], axis=1, dtype=np.int8)
                energies[begin : begin + width] -= np.einsum("t,tk->k", weights, products)
        return energies.reshape(spins.shape[:-1])

    def values(self, site: int) -> NDArray[np.int8]:
        return np.array([-1, 1], dtype=np.int8)

    def arrays(self) -> dict[str, NDArray]:
        return {
            "n": np.array(self.n),
            "sites": self.sites,
            "starts": self.starts,
            "weights": self.weights,
            "offset": np.array(self.offset),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> PolynomialModel:
        groups = np.split(arrays["sites"], arrays["starts"][1:-1])
        terms = {tuple(group.tolist()): float(w) for group, w in zip(groups, arrays["weights"])}
        return cls(int(arrays["n"]), terms, float(arrays["offset"]))

    def _by_order(self) -> Iterable[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Terms of one size at a time: sites (m, size) and weights (m,)."""
        sizes = np.diff(self.starts)
        for size in np.unique(sizes):
            chosen = np.flatnonzero(sizes == size)
            first, last = self.starts[chosen[0]], self.starts[chosen[-1] + 1]
            yield self.sites[first:last].reshape(-1, size), self.weights[chosen]


def _sorted_sites(sites: tuple[int, ...], n: int) -> tuple[int, ...]:
    try:
        key = tuple(sorted(operator.index(site) for site in sites))
    except TypeError:
        raise TypeError(f"term {sites!r} must be a tuple of sites, such as (0,) or (0, 1, 2)") from None
    if not key:
        raise ValueError("the empty term () is a constant; subtract its weight from offset")
    if key[0] < 0 or key[-1] >= n:
        raise ValueError(f"term {key} names a site outside 0 to {n - 1}")
    for site, following in itertools.pairwise(key):
        if site == following:
            raise ValueError(
                f"term {key} repeats site {site}; s² = 1, so strike site {site} out in pairs "
                "(a term with nothing left is a constant: subtract its weight from offset)"
            )
    return key
