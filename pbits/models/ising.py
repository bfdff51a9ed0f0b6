"""The Ising model: what p-bits, Gibbs arrays and FPGA samplers hold."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import (
    EnergyModel,
    check_finite,
    finite_number,
    finite_vector,
    is_symmetric,
    read_only,
    real_array,
    site_pairs,
    site_states,
)
from pbits.models.coo import read_coo, write_coo
from pbits.models.ebm import ebm_of, edges_of

if TYPE_CHECKING:
    import networkx as nx


# Spins held at once as floats while energies are computed, and states at most: what a processor's own cache holds.
_NUMBERS, _STATES = 1 << 20, 64


class IsingModel(EnergyModel):
    """E(s) = offset − ½ sᵀJs − hᵀs over spins s ∈ {−1, +1}ⁿ.

    Parameters
    ----------
    J : (n, n) array or scipy sparse array
        Symmetric couplings with a zero diagonal. Positive couplings align spins. Asymmetry up to 1e-12 of the
        largest coupling is rounding, and is averaged out.
    h : (n,) array, optional
        Fields; zero when absent.
    offset : float
        Constant added to every energy.

    Attributes
    ----------
    J : (n, n) read-only array, or CSR array when the model was built from sparse couplings or edges
    csr : (n, n) CSR array
        The couplings in the form the kernels use.

    Raises
    ------
    ValueError
        When J is empty, not square, not symmetric or has a non-zero diagonal; when h has another shape; when
        a number is not finite or above 1e150 in magnitude. The message says which entry and what to do.
    TypeError
        For couplings or fields that are no real numbers.

    Notes
    -----
    The input of p-bit i is I_i = Σ_j J_ij s_j + h_i, and a heat-bath update sets s_i = +1 with
    probability σ(2βI_i).

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> pair.energy([[1, 1], [1, -1]])
    array([-1.,  1.])
    """

    domain = "spin"

    def __init__(self, J: ArrayLike | sp.sparray, h: ArrayLike | None = None, offset: float = 0.0):
        # scipy's sparse arrays come without types.
        csr: Any
        if sp.issparse(J):
            csr = sp.csr_array(J, copy=True)
            csr.data = real_array(csr.data, "J", "couplings")
            dense = None
        else:
            dense = real_array(J, "J", "couplings")
            if dense.ndim != 2:
                raise ValueError(f"J has shape {dense.shape}; expected a square matrix (n, n)")
            csr = sp.csr_array(dense)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        csr.sort_indices()
        if not _check_couplings(csr):
            csr = sp.csr_array((csr + csr.T) / 2)
            csr.eliminate_zeros()
            csr.sort_indices()
            dense = None if dense is None else (dense + dense.T) / 2
        self._take(csr, dense, h, offset)

    def _take(self, csr: Any, dense: NDArray[np.float64] | None, h: ArrayLike | None, offset: float) -> None:
        """Own couplings that are known to be right."""
        for array in (csr.data, csr.indices, csr.indptr):
            read_only(array)
        self.n = csr.shape[0]
        self.csr: Any = csr
        self.J: Any = csr if dense is None else read_only(dense)
        self.h = finite_vector(h, self.n, "h", "fields")
        self.offset = finite_number(offset, "offset")

    def __repr__(self) -> str:
        return f"IsingModel(n={self.n}, couplings={self.n_couplings}, offset={self.offset:g})"

    @property
    def n_couplings(self) -> int:
        """Number of pairs i < j with J_ij ≠ 0."""
        return self.csr.nnz // 2

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of neighbours of each site, shape (n,)."""
        return np.diff(self.csr.indptr).astype(np.int64)

    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Pairs i < j and their couplings, each of shape (n_couplings,), in row order."""
        rows = np.repeat(np.arange(self.n), np.diff(self.csr.indptr))
        upper = rows < self.csr.indices
        return rows[upper], self.csr.indices[upper].astype(np.int64), self.csr.data[upper]

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(s) = offset − ½ sᵀJs − hᵀs of spins of shape (..., n); the result has shape (...)."""
        spins = site_states(states, self.n)
        rows = spins.reshape(-1, self.n)
        energies = np.empty(len(rows))
        width = max(1, min(_STATES, _NUMBERS // self.n))
        for begin in range(0, len(rows), width):
            block = rows[begin : begin + width].T
            if not ((block == 1) | (block == -1)).all():
                raise ValueError("spins must be −1 or +1; turn bits x into spins with 2*x − 1")
            flat = block.astype(np.float64)
            pair = np.einsum("ik,ik->k", flat, self.csr @ flat)
            energies[begin : begin + width] = self.offset - 0.5 * pair - self.h @ flat
        return energies.reshape(spins.shape[:-1])

    def values(self, site: int) -> NDArray[np.int8]:
        return np.array([-1, 1], dtype=np.int8)

    def _identity(self) -> dict[str, NDArray]:
        csr = self.csr
        index = _index_type(self.n, csr.nnz)
        places = {name: getattr(csr, name).astype(index, copy=False) for name in ("indptr", "indices")}
        return places | {"couplings": csr.data, "h": self.h, "offset": np.array(self.offset)}

    def arrays(self) -> dict[str, NDArray]:
        i, j, w = self.edges()
        edges = np.column_stack([i, j]).astype(_index_type(self.n, self.csr.nnz))
        return {"edges": edges, "weights": w, "h": self.h, "offset": np.array(self.offset)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> IsingModel:
        h = arrays["h"]
        return cls.from_edges(len(h), arrays["edges"], arrays["weights"], h, float(arrays["offset"]))

    @classmethod
    def from_edges(
        cls,
        n: int,
        edges: ArrayLike,
        weights: ArrayLike,
        fields: ArrayLike | None = None,
        offset: float = 0.0,
    ) -> IsingModel:
        """A model from an edge list; duplicate edges add up.

        Parameters
        ----------
        n : int
            Number of sites.
        edges : (m, 2) integers
            Pairs of sites, 0-based, in either order.
        weights : (m,) array or float
            The coupling of each edge.
        fields : (n,) array, optional
            h.
        offset : float
            Constant added to every energy.

        Raises
        ------
        ValueError
            For a self-loop, a site outside 0 … n−1 or one that is no whole number, or another number of weights
            than of edges.
        """
        n = operator.index(n)
        pairs = site_pairs(edges, "edges")
        coupling = real_array(weights, "weights", "couplings")
        if coupling.shape not in ((), (len(pairs),)):
            raise ValueError(
                f"weights has shape {coupling.shape}; expected ({len(pairs)},), one per edge, or one number"
            )
        if n < 1:
            raise ValueError(f"n is {n}; a model needs at least one site")
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= n):
            outside = (pairs < 0) | (pairs >= n)
            bad = tuple(pairs[outside.any(axis=1)][0].tolist())
            raise ValueError(f"edge {bad} names a site outside 0 to {n - 1}")
        loops = pairs[:, 0] == pairs[:, 1]
        if loops.any():
            site = int(pairs[loops][0, 0])
            raise ValueError(f"edge ({site}, {site}) couples a site to itself; s² = 1, so add its weight to the offset")
        check_finite(coupling, "weights")
        index = _index_type(n, 2 * len(pairs))
        ends = (pairs[:, 0].astype(index), pairs[:, 1].astype(index))
        # One order and its mirror image, added: symmetric to the last digit, so nothing is left to check.
        half = sp.coo_array((np.broadcast_to(coupling, (len(pairs),)), ends), shape=(n, n)).tocsr()
        del ends, loops
        csr: Any = sp.csr_array(half + half.T.tocsr())
        del half
        csr.eliminate_zeros()
        model = cls.__new__(cls)
        model._take(csr, None, fields, offset)
        return model

    @classmethod
    def from_qubo(cls, Q: ArrayLike | sp.sparray | Mapping[tuple[int, int], float], offset: float = 0.0) -> IsingModel:
        """The model whose energies are xᵀQx + offset with bits x = (1 + s)/2.

        Parameters
        ----------
        Q : (n, n) array, scipy sparse array, or mapping {(i, j): value}
            To be minimised. Q_ij and Q_ji add up; the diagonal holds the linear terms.
        offset : float
            Constant added to xᵀQx.

        Raises
        ------
        ValueError
            When Q is empty or not square, names a negative site, or holds a number that is not finite or above
            1e150 in magnitude.
        TypeError
            For keys that are no pairs of whole numbers, or entries that are no real numbers.

        Notes
        -----
        J_ij = −Q_ij/4 and h_i = −(Q_ii/2 + ¼ Σ_{j≠i} Q_ij), with Q_ij the sum over both orders.
        """
        square: Any
        if isinstance(Q, Mapping):
            if not Q:
                raise ValueError("Q is empty; a model needs at least one site")
            keys = np.array([_bit_pair(key) for key in Q], dtype=np.int64)
            n = int(keys.max()) + 1
            square = sp.coo_array((real_array(list(Q.values()), "Q"), keys.T), shape=(n, n))
        else:
            square = sp.coo_array(Q if sp.issparse(Q) else real_array(Q, "Q"))
            square.data = real_array(square.data, "Q")
            if square.ndim != 2 or square.shape[0] != square.shape[1]:
                raise ValueError(f"Q has shape {square.shape}; expected a square matrix (n, n)")
        check_finite(square.data, "Q", np.stack(square.coords, axis=1))
        square = sp.csr_array(square)
        both = sp.csr_array(square + square.T)
        linear = both.diagonal() / 2
        pair = sp.csr_array(both - sp.diags_array(both.diagonal()))
        couple = np.asarray(pair.sum(axis=1)).ravel()
        h = -(linear / 2 + couple / 4)
        constant = offset + linear.sum() / 2 + couple.sum() / 8
        J = -pair / 4
        return cls(J if isinstance(Q, Mapping) or sp.issparse(Q) else J.toarray(), h, float(constant))

    @classmethod
    def from_ising_dimod(
        cls,
        h: Mapping[Hashable, float] | Sequence[float],
        J: Mapping[tuple[Hashable, Hashable], float],
        offset: float = 0.0,
    ) -> IsingModel:
        """A model from dimod's (h, J), whose energies are Σ h_i s_i + Σ J_ij s_i s_j + offset.

        Labels are numbered in the order in which h, then J, name them. Signs are turned around.
        """
        fields = dict(h) if isinstance(h, Mapping) else dict(enumerate(h))
        labels: dict[Any, int] = {}
        for label in (*fields, *(end for pair in J for end in pair)):
            labels.setdefault(label, len(labels))
        vector = np.zeros(len(labels))
        for label, value in fields.items():
            vector[labels[label]] = -finite_number(value, f"h[{label!r}]")
        pairs = [(labels[u], labels[v]) for u, v in J]
        return cls.from_edges(len(labels), pairs, -real_array(list(J.values()), "J", "couplings"), vector, offset)

    @classmethod
    def from_bqm(cls, bqm: Any) -> IsingModel:
        """A model from a dimod binary quadratic model; sites follow `bqm.variables`."""
        fields, pairs, offset = bqm.to_ising()
        order = {label: fields.get(label, 0.0) for label in bqm.variables}
        return cls.from_ising_dimod(order, pairs, float(offset))

    def to_bqm(self) -> Any:
        """The dimod binary quadratic model with the same energies, variables 0 … n−1 (needs dimod)."""
        try:
            import dimod
        except ImportError as error:
            raise ImportError("to_bqm needs dimod: pip install 'pbits[dimod]'") from error
        i, j, w = self.edges()
        pairs = {(int(a), int(b)): -float(c) for a, b, c in zip(i, j, w)}
        return dimod.BinaryQuadraticModel.from_ising(
            {site: -float(value) for site, value in enumerate(self.h)}, pairs, self.offset
        )

    @classmethod
    def from_coo(cls, path: str | PathLike[str]) -> IsingModel:
        """A model from a text file of lines "i j w", to be minimised, as dimod's COO format has it.

        A line "# vartype=SPIN" or "# vartype=BINARY" says what the variables are: E = Σ w s_i s_j, linear where i = j,
        or the same with bits x = (1 + s)/2. A line "# offset=1.5", which dimod takes for a comment, adds a constant.
        Terms that are named twice add up. Variables are numbered from 0, and signs are turned around.

        Raises
        ------
        ValueError
            For a line that is none of these, with its number; for a file that does not say what its variables are.
        """
        kind, terms, offset = read_coo(path)
        if kind == "BINARY":
            return cls.from_qubo(terms, offset)
        n = 1 + max(map(max, terms))
        fields = [terms.get((site, site), 0.0) for site in range(n)]
        return cls.from_ising_dimod(fields, {pair: w for pair, w in terms.items() if pair[0] != pair[1]}, offset)

    def to_coo(self, path: str | PathLike[str]) -> None:
        """Write a file that `from_coo` and dimod read; dimod's format has no offset, and there it is lost."""
        write_coo(self, path)

    @classmethod
    def from_thrml(cls, ebm: Any) -> IsingModel:
        """A model from thrml's `IsingEBM`; sites follow `ebm.nodes`.

        Its inverse temperature γ is folded in, J = γw and h = γb: what thrml samples is this model's law at the
        schedule's default β = 1, and another β of a schedule is a factor on γ.

        Parameters
        ----------
        ebm : IsingEBM
            Or anything with its nodes, edges, biases, weights and beta; thrml need not be installed. Edges that are
            named twice add up.

        Raises
        ------
        TypeError
            For what has no such parts, or nodes that hold categories; the message says which model to make.
        ValueError
            For an edge that names an unknown node, one node twice or more than two, a node that is named twice, as
            many biases or weights as there are no nodes or edges for, or a number that is not finite.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> ebm = SimpleNamespace(nodes=["a", "b"], edges=[("a", "b")], biases=[0.0, 1.0], weights=[0.5], beta=2.0)
        >>> model = IsingModel.from_thrml(ebm)
        >>> model.h, model.edges()[2]
        (array([0., 2.]), array([1.]))
        """
        return cls.from_edges(*edges_of(ebm))

    def to_thrml(self, beta: float = 1.0) -> Any:
        """The `IsingEBM` whose law is this model's at β (needs thrml): biases h, weights J, and γ = β.

        Site i is ``nodes[i]``; edges are in the order of `edges`. jax rounds to float32 unless told otherwise, and
        the offset, which no law knows, is left out.
        """
        return ebm_of(self, beta)

    @classmethod
    def from_networkx(cls, graph: nx.Graph, weight: str = "weight") -> IsingModel:
        """A model whose couplings are the edge weights as given (1 where an edge has none).

        Sites follow the order of `graph.nodes`.
        """
        if graph.is_directed():
            raise ValueError("the graph is directed; an Ising model needs an undirected graph")
        order = {node: site for site, node in enumerate(graph.nodes)}
        links: Iterable[Any] = graph.edges(data=True)
        edges, weights = [], []
        for u, v, data in links:
            edges.append((order[u], order[v]))
            weights.append(float(data.get(weight, 1.0)))
        return cls.from_edges(len(order), edges, weights)


def _bit_pair(key: tuple[int, int]) -> tuple[int, int]:
    try:
        i, j = (operator.index(site) for site in key)
    except (TypeError, ValueError):
        raise TypeError(f"Q is keyed by pairs of whole numbers (i, j), not by {key!r}; number the variables") from None
    if min(i, j) < 0:
        raise ValueError(f"Q[{i}, {j}] names a negative site; sites are numbered from 0")
    return i, j


def _index_type(n: int, entries: int) -> type[np.int32] | type[np.int64]:
    return np.int32 if max(n, entries) <= np.iinfo(np.int32).max else np.int64


def _check_couplings(csr: Any) -> bool:
    """Whether J is symmetric to the last digit; an error where it is no J at all."""
    rows, cols = csr.shape
    if rows != cols:
        raise ValueError(f"J has shape {csr.shape}; expected a square matrix (n, n)")
    if rows == 0:
        raise ValueError("J is empty; a model needs at least one site")
    coo = csr.tocoo()
    check_finite(coo.data, "J", np.stack(coo.coords, axis=1))
    diagonal = csr.diagonal()
    if diagonal.any():
        site = int(np.flatnonzero(diagonal)[0])
        raise ValueError(
            f"J[{site}, {site}] is {diagonal[site]:g}; the diagonal must be zero. Since s² = 1 a diagonal d "
            "only adds −½ Σ d_i to every energy: put that into offset"
        )
    difference = abs(csr - csr.T)
    if not difference.nnz:
        return True
    if not is_symmetric(difference.max(), abs(csr).max()):
        i, j = (int(k) for k in np.unravel_index(int(difference.argmax()), csr.shape))
        raise ValueError(
            f"J is not symmetric: J[{i}, {j}] = {csr[i, j]} but J[{j}, {i}] = {csr[j, i]}. "
            "An energy needs a symmetric J; (J + Jᵀ)/2 has the same energies"
        )
    return difference.max() == 0
