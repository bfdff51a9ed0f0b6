"""Colour classes: groups of sites that may be updated at once because no two of them are coupled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel


def colour_classes(model: IsingModel) -> list[NDArray[np.int64]]:
    """A proper colouring of the coupling graph, as lists of sites per colour, largest class first.

    Bipartite graphs (grids, trees, even cycles) get two colours by breadth-first search; other graphs a greedy
    colouring in order of falling degree, which uses at most the largest degree + 1 colours. Isolated sites join
    the first class.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0)
    >>> [colour.tolist() for colour in colour_classes(ring)]
    [[0, 2], [1, 3]]
    """
    colour = _two_colours(model)
    if colour is None:
        colour = _greedy(model)
    classes = [np.flatnonzero(colour == c) for c in range(int(colour.max()) + 1)]
    return sorted(classes, key=lambda sites: (-len(sites), int(sites[0])))


def _two_colours(model: IsingModel) -> NDArray[np.int64] | None:
    indptr, indices = model.csr.indptr, model.csr.indices
    colour = np.full(model.n, -1, dtype=np.int64)
    for root in range(model.n):
        if colour[root] >= 0:
            continue
        colour[root] = 0
        queue = [root]
        for site in queue:
            neighbours = indices[indptr[site] : indptr[site + 1]]
            if (colour[neighbours] == colour[site]).any():
                return None
            new = neighbours[colour[neighbours] < 0]
            colour[new] = 1 - colour[site]
            queue.extend(new.tolist())
    return colour


def _greedy(model: IsingModel) -> NDArray[np.int64]:
    indptr, indices = model.csr.indptr, model.csr.indices
    colour = np.full(model.n, -1, dtype=np.int64)
    for site in np.argsort(-model.degrees, kind="stable"):
        taken = set(colour[indices[indptr[site] : indptr[site + 1]]].tolist())
        colour[site] = next(c for c in range(len(taken) + 1) if c not in taken)
    return colour
