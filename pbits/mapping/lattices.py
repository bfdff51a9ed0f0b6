"""Periodic lattices, recognised from their couplings alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel

_CHUNK = 1 << 16


def lattice_shape(model: IsingModel) -> tuple[int, ...] | None:
    """The sides of the periodic hyper-cubic lattice whose graph a model has; None for any other graph.

    Sites are numbered row by row, the last axis fastest: site x of a lattice of sides L has number
    Σ_a x_a Π_{b>a} L_b. Every site is coupled to its two neighbours along each axis, whatever the weights. Sides
    are at least 3: around a side of 2 both neighbours are one site, so the graph is another one. The memory taken
    does not grow with the model.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0)
    >>> lattice_shape(ring)
    (4,)
    >>> chain = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3)], 1.0)
    >>> lattice_shape(chain) is None
    True
    """
    indices = model.csr.indices
    # In rising order site 0 is coupled to 1, L − 1 (last axis), L, (L' − 1)L (the one before), LL', …
    first = indices[: model.csr.indptr[1]].astype(np.int64)
    degree = len(first)
    if degree == 0 or degree % 2 or len(indices) != degree * model.n:
        return None
    strides, backs = first[::2], first[1::2]
    sides = backs // strides + 1
    if not np.array_equal(np.append(strides, model.n), np.append(1, strides * sides)):
        return None
    # Where every site is named `degree` times, all rows have that length, since J is symmetric.
    for start in range(0, model.n, _CHUNK):
        stop = min(start + _CHUNK, model.n)
        found = indices[degree * start : degree * stop].reshape(-1, degree)
        if not np.array_equal(found, _neighbours(np.arange(start, stop), strides, sides)):
            return None
    return tuple(int(side) for side in sides[::-1])


def _neighbours(sites: NDArray[np.int64], strides: NDArray[np.int64], sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """The neighbours of sites in rising order, (sites, 2 × axes)."""
    around = []
    for stride, side in zip(strides, sides):
        x = sites // stride % side
        around.append(sites + np.where(x == side - 1, 1 - side, 1) * stride)
        around.append(sites - np.where(x == 0, 1 - side, 1) * stride)
    return np.sort(np.column_stack(around), axis=1)
