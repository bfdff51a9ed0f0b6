"""Colour classes: groups of sites that may be updated at once because no two of them are coupled."""

from __future__ import annotations

import itertools
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pbits.models import CategoricalModel, DirectedModel, EnergyModel, IsingModel, PolynomialModel
from pbits.models.base import read_only


def colour_classes(model: EnergyModel) -> list[NDArray[np.int64]]:
    """A proper colouring of the interaction graph, as lists of sites per colour, largest class first.

    Bipartite graphs (grids, trees, even cycles) get two colours by breadth-first search. Other graphs are coloured
    greedily, in order of falling degree, with the smallest degree last, and as the sites are numbered; the first
    colouring with the fewest colours is taken. They are at most d + 1, where every subgraph has a site of d neighbours
    or fewer; and at most k where sites are numbered colour after colour of some colouring with k, so that whoever knows
    a good one can say so. All take linear time, and a graph has the same colours always.

    Parameters
    ----------
    model : IsingModel, CategoricalModel or PolynomialModel

    Raises
    ------
    TypeError
        For a model of another kind.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0)
    >>> [colour.tolist() for colour in colour_classes(ring)]
    [[0, 2], [1, 3]]
    >>> [colour.tolist() for colour in colour_classes(pbits.PolynomialModel(4, {(0, 1, 2): 1.0, (2, 3): 1.0}))]
    [[0, 3], [1], [2]]
    """
    if model not in _known:
        _known[model] = _colour(model)
    return list(_known[model])


# Models never change, and runs of one model share its colours.
_known: WeakKeyDictionary[EnergyModel, list[NDArray[np.int64]]] = WeakKeyDictionary()


def _colour(model: EnergyModel) -> list[NDArray[np.int64]]:
    if isinstance(model, DirectedModel) and model.acyclic:
        return _generations(model)
    from pbits.kernels import graph  # here, since it loads the compiler

    indptr, indices = interaction_graph(model)
    colour = graph.two_colours(indptr, indices)
    if not len(colour):
        degrees = np.diff(indptr)
        rising, _ = graph.sorted_by(degrees.max() - degrees, int(degrees.max()) + 1)
        orders = rising, graph.smallest_last(indptr, indices), np.arange(len(degrees))
        colour = min((graph.greedy_colours(indptr, indices, order) for order in orders), key=np.max)
    sites, ends = graph.sorted_by(colour, int(colour.max()) + 1)
    read_only(sites)
    classes = [sites[begin:end] for begin, end in itertools.pairwise(ends.tolist())]
    return sorted(classes, key=lambda members: (-len(members), int(members[0])))


def _generations(model: DirectedModel) -> list[NDArray[np.int64]]:
    """Sites by the longest way from one without parents: parents move first, and none of a generation sees another."""
    generation = np.zeros(model.n, dtype=np.int64)
    for site in model.order.tolist():
        parents = model.csr.indices[model.csr.indptr[site] : model.csr.indptr[site + 1]]
        if len(parents):
            generation[site] = generation[parents].max() + 1
    return [read_only(np.flatnonzero(generation == k)) for k in range(int(generation.max()) + 1)]


def interaction_graph(model: EnergyModel) -> tuple[NDArray, NDArray]:
    """Which sites an update of each site looks at, as CSR rows without weights: (indptr, indices).

    Two sites see one another when a coupling, a table or a term holds both.
    """
    if isinstance(model, IsingModel):
        return model.csr.indptr, model.csr.indices
    if isinstance(model, DirectedModel):
        return interaction_graph(model.wiring)
    if isinstance(model, CategoricalModel):
        members, starts = model.pairs.ravel(), 2 * np.arange(len(model.pairs) + 1)
    elif isinstance(model, PolynomialModel):
        members, starts = model.sites, model.starts
    else:
        raise TypeError(f"a {type(model).__name__} has no interaction graph to colour")
    groups = sp.csr_array((np.ones(len(members), dtype=bool), members, starts), shape=(len(starts) - 1, model.n))
    seen: Any = groups.T @ groups
    seen.setdiag(False)
    seen.eliminate_zeros()
    return seen.indptr, seen.indices
