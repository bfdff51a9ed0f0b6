"""Partitions: which p-bits lie on which of several chips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import reverse_cuthill_mckee

from pbits.mapping.lattices import lattice_shape
from pbits.models import IsingModel
from pbits.models.base import read_only

METHODS = ("auto", "metis", "bands")


@dataclass(frozen=True, kw_only=True, eq=False)
class Partition:
    """A model cut into parts.

    Attributes
    ----------
    assignment : (n,) int64
        The part of each site, 0 … parts − 1.
    sizes : (parts,) int64
        Sites of each part.
    boundary : (parts, parts) int64
        At row a, column b: how many sites of a are coupled to sites of b, so that b must know them. It need not be
        symmetric, and a site that is coupled to several others of b counts once.
    cut_edges : int
        Couplings between parts.
    method : str
        "metis" or "bands".
    """

    assignment: NDArray[np.int64]
    sizes: NDArray[np.int64]
    boundary: NDArray[np.int64]
    cut_edges: int
    method: str

    @property
    def parts(self) -> int:
        return len(self.sizes)

    @property
    def balance(self) -> float:
        """The largest part over the mean part; 1 is even."""
        return float(self.sizes.max() / self.sizes.mean())

    def __repr__(self) -> str:
        return f"Partition(parts={self.parts}, cut_edges={self.cut_edges}, balance={self.balance:.3f}, {self.method})"


def partition(model: IsingModel, parts: int, method: str = "auto") -> Partition:
    """Cut a model into parts of nearly equal size with few couplings between them.

    Parameters
    ----------
    model : IsingModel
    parts : int
        At least 1 and at most one for each site.
    method : {"auto", "metis", "bands"}
        * ``metis``: G. Karypis, V. Kumar, METIS 5, through the package pymetis (``pip install 'pbits[chips]'``); parts
          that share many couplings have near numbers;
        * ``bands``: sites in an order in which neighbours are near, cut into equal lengths. That order is a periodic
          lattice's own, whose bands are then slabs, and otherwise that of Cuthill and McKee. Sizes differ by 1 at most;
        * ``auto``: bands of a periodic lattice, and METIS for every other model.

    Raises
    ------
    ValueError
        For an unknown method, or parts that are no whole number from 1 to the number of sites.
    ImportError
        Where METIS is asked for and not installed.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(6, [(i, (i + 1) % 6) for i in range(6)], 1.0)
    >>> halves = partition(ring, 2)
    >>> halves.assignment.tolist(), halves.cut_edges, halves.boundary.tolist()
    ([0, 0, 0, 1, 1, 1], 2, [[0, 2], [2, 0]])
    """
    if not isinstance(parts, int | np.integer) or isinstance(parts, bool) or not 1 <= parts <= model.n:
        raise ValueError(f"parts is {parts!r}; {model.n:,} sites can be cut into 1 to {model.n:,} parts")
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    lattice = lattice_shape(model)
    if method == "auto":
        method = "bands" if lattice or parts == 1 else "metis"
    if method == "metis":
        assignment = _in_line(model, _metis(model, parts), parts)
    else:
        order = np.arange(model.n) if lattice else reverse_cuthill_mckee(model.csr, symmetric_mode=True)
        assignment = np.empty(model.n, dtype=np.int64)
        assignment[order] = np.arange(model.n) * parts // model.n
    boundary, cut_edges = _cut(model, assignment, parts)
    return Partition(
        assignment=read_only(assignment),
        sizes=read_only(np.bincount(assignment, minlength=parts)),
        boundary=read_only(boundary),
        cut_edges=cut_edges,
        method=method,
    )


def _metis(model: IsingModel, parts: int) -> NDArray[np.int64]:
    try:
        import pymetis
    except ImportError as error:
        raise ImportError(
            "partitions of models that are no periodic lattice are made by METIS: pip install 'pbits[chips]', or ask "
            "for the built-in method 'bands'"
        ) from error
    csr = model.csr
    _, found = pymetis.part_graph(parts, pymetis.CSRAdjacency(csr.indptr, csr.indices))
    assignment = np.array(found, dtype=np.int64)
    # Of a few sites METIS may leave parts empty.
    for part in np.setdiff1d(np.arange(parts), assignment):
        largest = np.bincount(assignment).argmax()
        assignment[np.flatnonzero(assignment == largest)[0]] = part
    return assignment


def _in_line(model: IsingModel, assignment: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Parts numbered along the slowest mode of their graph, so that chips in a line or a ring have short ways."""
    shared, _ = _cut(model, assignment, parts)
    weights = (shared + shared.T).astype(float)
    _, modes = np.linalg.eigh(np.diag(weights.sum(axis=0)) - weights)
    slowest = modes[:, min(1, parts - 1)]
    # Its sign is a matter of the library.
    slowest = slowest * np.sign(slowest[np.abs(slowest).argmax()])
    number = np.empty(parts, dtype=np.int64)
    number[np.argsort(np.round(slowest, 9), kind="stable")] = np.arange(parts)
    return number[assignment]


def _cut(model: IsingModel, assignment: NDArray[np.int64], parts: int) -> tuple[NDArray[np.int64], int]:
    """Boundary sites of each pair of parts, and couplings between parts."""
    csr = model.csr
    rows = np.repeat(np.arange(model.n), np.diff(csr.indptr))
    theirs = assignment[csr.indices]
    across = assignment[rows] != theirs
    pairs = np.unique(rows[across] * parts + theirs[across])
    boundary = np.zeros((parts, parts), dtype=np.int64)
    np.add.at(boundary, (assignment[pairs // parts], pairs % parts), 1)
    return boundary, int(across.sum()) // 2
