"""Networks of p-bits whose couplings are not mutual: Bayesian nets, and arrays with unequal p-bits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from pbits.models.base import (
    EnergyModel,
    check_finite,
    finite_number,
    finite_vector,
    is_symmetric,
    read_only,
    real_array,
    site_states,
)
from pbits.models.ising import IsingModel


class DirectedModel(EnergyModel):
    """p-bits that read I_i = Σ_j J_ij s_j + h_i, with J_ij ≠ J_ji allowed: row i is what p-bit i reads.

    Such a network has no energy that it would sample: its law is that of its clock. A network without cycles is a
    Bayesian net: updated parents first it samples Π_i σ(2βs_i I_i), where I_i holds the parents of i, afresh at
    each sweep. One with cycles has the stationary law of its update discipline
    (`hardware_models.pbit.stationary_law`).

    Parameters
    ----------
    J : (n, n) array or scipy sparse array
        With a zero diagonal.
    h : (n,) array, optional
    offset : float
        Added to `energy`.

    Attributes
    ----------
    csr : (n, n) CSR array

    Raises
    ------
    ValueError, TypeError
        As `IsingModel`, but for the symmetry.

    Examples
    --------
    >>> import pbits
    >>> net = pbits.DirectedModel([[0, 0], [2, 0]])  # p-bit 1 copies p-bit 0
    >>> net.inputs([[1, -1], [-1, -1]])
    array([[ 0.,  2.],
           [ 0., -2.]])
    """

    domain = "spin"

    def __init__(self, J: ArrayLike | sp.sparray, h: ArrayLike | None = None, offset: float = 0.0):
        csr: Any = sp.csr_array(J, copy=True) if sp.issparse(J) else sp.csr_array(real_array(J, "J", "couplings"))
        if csr.ndim != 2 or csr.shape[0] != csr.shape[1]:
            raise ValueError(f"J has shape {csr.shape}; expected a square matrix (n, n)")
        if csr.shape[0] == 0:
            raise ValueError("J is empty; a model needs at least one site")
        csr.data = real_array(csr.data, "J", "couplings")
        csr.sum_duplicates()
        csr.eliminate_zeros()
        csr.sort_indices()
        coo = csr.tocoo()
        check_finite(coo.data, "J", np.stack(coo.coords, axis=1))
        if csr.diagonal().any():
            site = int(np.flatnonzero(csr.diagonal())[0])
            raise ValueError(f"J[{site}, {site}] is {csr[site, site]:g}; a p-bit that reads itself is not modelled")
        for array in (csr.data, csr.indices, csr.indptr):
            read_only(array)
        self.n = csr.shape[0]
        self.csr = csr
        self.h = finite_vector(h, self.n, "h", "fields")
        self.offset = finite_number(offset, "offset")

    def __repr__(self) -> str:
        return f"DirectedModel(n={self.n}, couplings={self.csr.nnz}, offset={self.offset:g})"

    @cached_property
    def acyclic(self) -> bool:
        """Whether no p-bit reads itself by way of others: a Bayesian net."""
        return connected_components(self.csr, directed=True, connection="strong")[0] == self.n

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Sites, parents before children, where there are no cycles; else 0 … n − 1. Shape (n,)."""
        if not self.acyclic:
            return read_only(np.arange(self.n))
        parents = np.split(self.csr.indices, self.csr.indptr[1:-1])
        sorter = TopologicalSorter({site: read.tolist() for site, read in enumerate(parents)})
        return read_only(np.fromiter(sorter.static_order(), dtype=np.int64, count=self.n))

    @property
    def degrees(self) -> NDArray[np.int64]:
        """How many others each p-bit reads, shape (n,)."""
        return np.diff(self.csr.indptr).astype(np.int64)

    @property
    def symmetric_part(self) -> IsingModel:
        """The model of (J + Jᵀ)/2, h and offset."""
        return IsingModel((self.csr + self.csr.T) / 2, self.h, self.offset)

    @property
    def wiring(self) -> IsingModel:
        """A coupling of 1 between any two p-bits of which one reads the other: what may not move at once."""
        pattern = abs(self.csr) > 0
        return IsingModel(((pattern + pattern.T) > 0).astype(np.float64))

    def mutual(self) -> IsingModel | None:
        """The Ising model with these inputs, where J is symmetric up to rounding, else None."""
        gap = abs(self.csr - self.csr.T)
        largest = abs(self.csr).max() if self.csr.nnz else 0.0
        return self.symmetric_part if is_symmetric(gap.max() if gap.nnz else 0.0, largest) else None

    def inputs(self, states: ArrayLike) -> NDArray[np.float64]:
        """I_i = Σ_j J_ij s_j + h_i for states of shape (..., n); the result has that shape."""
        spins = site_states(states, self.n)
        flat = spins.reshape(-1, self.n).astype(np.float64)
        return ((self.csr @ flat.T).T + self.h).reshape(spins.shape)

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """offset − ½ sᵀJs − hᵀs, the energy of the symmetric part: a figure to follow, and not −log P / β."""
        return self.symmetric_part.energy(states)

    def values(self, site: int) -> NDArray[np.int8]:
        return np.array([-1, 1], dtype=np.int8)

    def arrays(self) -> dict[str, NDArray]:
        coo = self.csr.tocoo()
        return {
            "reads": np.stack(coo.coords, axis=1).astype(np.int64),
            "weights": coo.data,
            "h": self.h,
            "offset": np.array(self.offset),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> DirectedModel:
        h = arrays["h"]
        J = sp.coo_array((arrays["weights"], tuple(arrays["reads"].T)), shape=(len(h), len(h)))
        return cls(J, h, float(arrays["offset"]))
