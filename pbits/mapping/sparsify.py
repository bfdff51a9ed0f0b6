"""Sparsification: spins of high degree become chains of copies, so that a network of few wires per cell holds them."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pbits.mapping.chains import Embedding
from pbits.models import IsingModel
from pbits.models.base import read_only

_MARGIN = 1.1


@dataclass(frozen=True, kw_only=True)
class Sparsified(Embedding):
    """Which copies stand for which spin. `vote` reads copies by majority and tells broken chains; `spread` fills them.

    Attributes
    ----------
    max_degree : int
    strength : float
        The coupling between neighbouring copies.
    """

    max_degree: int
    strength: float


def sparsify(
    model: IsingModel, max_degree: int, strength: float | Literal["auto"] = "auto"
) -> tuple[IsingModel, Sparsified]:
    """The model with copies of its spins, none of which has more than `max_degree` neighbours.

    Parameters
    ----------
    model : IsingModel
    max_degree : int
        d ≥ 3. A spin of k > d neighbours becomes a chain of ⌈(k − 2)/(d − 2)⌉ copies; its couplings are dealt out along
        the chain in the order of its neighbours, and its field is shared evenly.
    strength : float or "auto"
        J_c between copies. "auto" is 1.1 times the most that can pull at one (see `Embedding.pull`), 1 where nothing
        pulls.

    Returns
    -------
    IsingModel
        Its energies at unbroken chains are those of the model as posed.
    Sparsified

    Raises
    ------
    ValueError
        For a degree below 3, at which chains cannot branch off, or a strength that is not positive and finite.

    Notes
    -----
    With "auto" the ground states are those of the model, each copy alike; this is proven at `Embedding.pull`. The
    safe strength bounds max |h_eff| on the weaker half of a chain from above; as it holds at any β, it is stronger than
    sampling needs, and strong chains flip slowly. N. A. Aadit et al., Nature Electronics 5, 460 (2022), arXiv
    2110.02481, sparsify in this way.

    Examples
    --------
    >>> import numpy as np
    >>> import pbits
    >>> star = pbits.IsingModel.from_edges(7, [(0, k) for k in range(1, 7)], 1.0)
    >>> sparse, copies = sparsify(star, 4)
    >>> sparse.n, sparse.degrees.max(), copies.strength
    (8, np.int64(4), 3.3000000000000003)
    >>> spins, broken = copies.vote(np.array([1, -1, 1, 1, 1, 1, 1, 1]))
    >>> spins[0], broken[0]
    (np.int8(1), np.True_)
    """
    degree = operator.index(max_degree)
    if degree < 3:
        raise ValueError(f"max_degree is {degree}; copies need at least 3: two for their chain and one beyond")
    if strength != "auto" and not (isinstance(strength, int | float) and math.isfinite(strength) and strength > 0):
        raise ValueError(f"strength is {strength!r}; give a positive number, or 'auto'")
    neighbours = model.degrees
    copies = np.where(neighbours > degree, -(-(neighbours - 2) // (degree - 2)), 1)
    ends = np.cumsum(copies)
    first = ends - copies
    # Wire k of a site goes to the copy whose free wires hold it: the first has one more, for it has one neighbour less.
    rank = np.arange(model.csr.nnz) - np.repeat(model.csr.indptr[:-1], neighbours)
    last = np.repeat(copies - 1, neighbours)
    wire_cells = np.repeat(first, neighbours) + np.clip((rank - 1) // (degree - 2), 0, last)
    # Rows are sorted by column, and the mirror image of entry (i, j) is where (j, i) stands.
    row = np.repeat(np.arange(model.n), neighbours)
    column = model.csr.indices
    upper = row < column
    mirror = np.searchsorted(row * model.n + column, column[upper].astype(np.int64) * model.n + row[upper])
    inner = np.setdiff1d(np.arange(int(ends[-1])), ends - 1)
    placed = Sparsified(
        chains=tuple(read_only(chain) for chain in np.split(np.arange(int(ends[-1])), ends[:-1])),
        links=read_only(np.column_stack([wire_cells[upper], wire_cells[mirror]])),
        bonds=read_only(np.column_stack([inner, inner + 1])),
        method="copies of spins",
        max_degree=degree,
        strength=1.0,
    )
    held = float(_MARGIN * placed.pull(model) or 1.0) if strength == "auto" else float(strength)
    placed = replace(placed, strength=held)
    return placed.physical_model(model, held), placed
