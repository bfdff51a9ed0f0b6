"""Minor embedding: one logical spin becomes a chain of strongly coupled cells.

The built-in embedding lays a crossbar on the cells: site i of the model is a horizontal wire and a vertical wire,
which meet on the diagonal. Wires i and j cross at one pair of linked cells, and that link carries J_ij. Wires are cut
where no crossing is needed. Where the crossings lie is for each wiring to say (`Topology.crossings`).
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from pbits.mapping.chains import Embedding
from pbits.mapping.sparsify import sparsify
from pbits.mapping.topology import Complete, Fabric, Grid, Sparse, Topology
from pbits.models import IsingModel
from pbits.models.base import read_only


def clique_embedding(model: IsingModel, topology: Topology) -> Embedding:
    """The crossbar embedding of any model on a wiring that has room for one: grids, king's graph, Chimera, Pegasus.

    Raises
    ------
    ValueError
        When the wiring has no crossbar (see `Topology.crossings`), or the crossbar is larger than the machine; the
        message says how many sites would fit.
    """
    i, j, _ = model.edges()
    n, sites = model.n, np.arange(model.n)
    # The row of a site runs right from the diagonal to the last column it must meet, and its column up from the
    # diagonal to the first row.
    right, top = sites.copy(), sites.copy()
    np.maximum.at(right, i, j)
    np.minimum.at(top, j, i)
    across, up = right - sites + 1, sites - top + 1
    rows = np.concatenate([np.repeat(sites, across), _runs(top, up)])
    columns = np.concatenate([_runs(sites, across), np.repeat(sites, up)])
    vertical = np.repeat([False, True], [across.sum(), up.sum()])
    cells = topology.crossings(rows, columns, vertical)
    ends = np.cumsum(np.concatenate([across, up]))[:-1]
    # A cell may lie under several crossings of its wire.
    wires = [wire[np.diff(wire, prepend=-1) != 0] for wire in np.split(cells, ends)]
    chains, bonds = [], []
    for row, column in zip(wires[:n], wires[n:]):
        chains.append(read_only(np.concatenate([row, column])))
        bonds.append(np.column_stack([row[:-1], row[1:]]))
        bonds.append(np.column_stack([column[:-1], column[1:]]))
        bonds.append(np.array([[row[0], column[-1]]]))
    begin = np.concatenate([[0], ends])
    links = np.column_stack([cells[begin[i] + j - i], cells[begin[n + j] + i - top[j]]])
    return Embedding(
        chains=tuple(chains),
        links=read_only(links),
        bonds=read_only(np.concatenate(bonds)),
        method="crossbar clique embedding",
    )


def _runs(first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """first_k, first_k + 1, … for each k, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(first - before, lengths)


def minor_embedding(model: IsingModel, topology: Topology, seed: int = 0) -> Embedding:
    """An embedding searched for by minorminer, on any wiring; needs ``pip install 'pbits[embed]'``.

    Raises
    ------
    ImportError
        Without minorminer.
    ValueError
        When none was found, which does not say that there is none; or when the wiring has no list of wires.
    """
    if not isinstance(topology, Grid | Fabric):
        raise ValueError(f"the {topology.describe()} has no list of wires to search; see mapping.find_embedding")
    try:
        import minorminer
    except ImportError as error:
        raise ImportError(
            "minor embeddings are searched for by minorminer: pip install 'pbits[embed]'; the clique embedding of "
            "grids with two rules, king's graph, Chimera and Pegasus is built in (method='clique')"
        ) from error
    i, j, _ = model.edges()
    wires = topology.edges()
    if model.n > topology.n_sites or len(i) > len(wires):
        raise ValueError(
            f"{model.n:,} sites and {len(i):,} couplings are more than the {topology.describe()} has cells or wires"
        )
    couplings = [*zip(i.tolist(), j.tolist())]
    # A loop makes the search place a site that has no coupling.
    alone = [(site, site) for site in np.flatnonzero(model.degrees == 0).tolist()]
    found = minorminer.find_embedding([*couplings, *alone], wires.tolist(), random_seed=seed, threads=1)
    if not found:
        raise ValueError(
            f"minorminer found no embedding of {model.n} sites and {len(i)} couplings in the {topology.describe()}; "
            "another seed may, or a larger machine"
        )
    owner = np.full(topology.n_sites, -1)
    for site in range(model.n):
        owner[found[site]] = site
    first, second = owner[wires].T
    bonds = _spanning_forest(wires[(first == second) & (first >= 0)], topology.n_sites)
    # Of the wires between two chains the first carries the coupling.
    between = (first != second) & (first >= 0) & (second >= 0)
    ends = np.sort(np.column_stack([first, second])[between], axis=1)
    codes, where = np.unique(ends[:, 0] * model.n + ends[:, 1], return_index=True)
    links = wires[between][where[np.searchsorted(codes, i * model.n + j)]]
    chains = tuple(read_only(np.sort(np.array(found[site], dtype=np.int64))) for site in range(model.n))
    return Embedding(chains=chains, links=read_only(links), bonds=read_only(bonds), method="minorminer")


def _spanning_forest(wires: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    graph = sp.csr_array((np.ones(len(wires)), wires.T), shape=(n, n))
    return np.column_stack(minimum_spanning_tree(graph).nonzero()).astype(np.int64)


METHODS = ("auto", "clique", "minorminer", "sparsify")


def find_embedding(model: IsingModel, topology: Topology, method: str = "auto", seed: int = 0) -> Embedding:
    """Chains of cells that carry a model on a machine's wiring.

    Parameters
    ----------
    model : IsingModel
    topology : Topology
    method : {"auto", "clique", "minorminer", "sparsify"}
        "clique": the built-in crossbar, the same for every model of n sites up to where its wires end; long chains, no
        search. "minorminer": a heuristic search, with shorter chains for sparse models; an optional extra. "sparsify":
        copies of spins, where cells are wired at will up to a degree. "auto": the only one there is, or the crossbar
        where it fits and else the search.
    seed : int
        Of the search.

    Raises
    ------
    ValueError
        Where a method does not suit the wiring, or the model does not fit; the message says what would.
    ImportError
        Where the search is needed and minorminer is not installed.
    TypeError
        For a model that is not an IsingModel.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.mapping import Chimera
    >>> import pbits
    >>> everyone = pbits.IsingModel(np.ones((8, 8)) - np.eye(8))
    >>> embedding = find_embedding(everyone, Chimera(2, 2))
    >>> len(embedding.cells), embedding.longest_chain
    (24, 3)
    """
    if not isinstance(model, IsingModel):
        raise TypeError(
            f"chains of cells carry an IsingModel, not a {type(model).__name__}: categories go through "
            "mapping.one_hot first, higher orders through mapping.quadratise"
        )
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    at_will = isinstance(topology, Sparse | Complete)
    if at_will != (method == "sparsify") and method != "auto":
        suits = "'sparsify'" if at_will else "'clique' or 'minorminer'"
        raise ValueError(f"the method for a {topology.describe()} is {suits}, not {method!r}")
    if at_will:
        _, copies = sparsify(model, topology.degree if isinstance(topology, Sparse) else max(3, topology.max_degree))
        if len(copies.cells) > topology.n_sites:
            raise ValueError(
                f"{model.n:,} sites need {len(copies.cells):,} copies; the machine is a {topology.describe()}"
            )
        return copies
    if method == "minorminer":
        return minor_embedding(model, topology, seed)
    try:
        return clique_embedding(model, topology)
    except ValueError as error:
        if method == "clique" or not find_spec("minorminer"):
            raise
        try:
            return minor_embedding(model, topology, seed)
        except ValueError as second:
            raise ValueError(f"{error}; {second}") from None
