"""Connection graphs: published counts, placement, copies."""

import warnings
import zlib

import numpy as np
import pytest

import pbits
from pbits.mapping import GRID_RULES, Chimera, Complete, Grid, Pegasus, Sparse

# Edges of a 70 × 70 grid, open and torus, from the published connection rules.
EDGES = {
    "G8": (18_768, 19_600),
    "G12": (26_088, 29_400),
    "G16": (33_412, 39_200),
    "G20": (41_988, 49_000),
    "G24": (51_372, 58_800),
    "Z1": (37_264, 39_200),
}


@pytest.mark.parametrize("rules", EDGES)
def test_edge_counts_of_the_named_rules(rules):
    grids = [Grid.named(rules, 70, 70, torus) for torus in (False, True)]
    assert tuple(len(grid.edges()) for grid in grids) == EDGES[rules]
    assert grids[0].two_coloured
    assert grids[1].two_coloured


def test_an_odd_torus_is_not_two_coloured():
    assert not Grid.named("G8", 5, 5, torus=True).two_coloured
    assert not Grid(6, 6, ((1, 1),)).two_coloured


@pytest.mark.parametrize("rules", GRID_RULES)
@pytest.mark.parametrize("n", [1, 10, 37])
def test_a_piece_is_placed_on_wires(rules, n):
    grid = Grid.named(rules, 40, 60)
    edges = grid.piece(n)
    model = pbits.IsingModel.from_edges(n, edges, 1.0)
    cells = grid.place(model)
    assert cells is not None
    assert len(set(cells.tolist())) == n
    assert grid.wired(cells[edges[:, 0]], cells[edges[:, 1]]).all()


def test_edges_and_wired_agree():
    grid = Grid.named("Z1", 9, 8, torus=True)
    a, b = np.triu_indices(grid.n_sites, 1)
    wired = {(int(i), int(j)) for i, j in zip(a, b) if grid.wired(np.array([i]), np.array([j]))[0]}
    assert wired == {tuple(edge) for edge in grid.edges().tolist()}


def test_a_triangle_has_no_place_on_a_two_coloured_grid():
    triangle = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2), (0, 2)], 1.0)
    assert Grid.named("Z1", 20, 20).place(triangle) is None


def test_copies_fit_side_by_side():
    grid = Grid.named("G4", 10, 12)
    window = np.array([r * 12 + c for r in range(3) for c in range(4)])
    assert grid.copies(window) == 3 * 3
    assert Complete(100).copies(np.arange(30)) == 3
    # Sites without a cell take no room.
    absent = np.full(20, -1)
    assert Complete(100).copies(np.concatenate([absent, np.arange(30)])) == 3
    assert grid.copies(np.concatenate([window, absent])) == 3 * 3


# Sites and wires, from the published definitions.
FABRICS = {
    Chimera(16, 16): (2048, 6016, 6),
    Chimera(1, 1, 3): (6, 9, 3),
    Pegasus(2): (40, 164, 13),
    Pegasus(3): (128, 704, 14),
    Pegasus(4): (264, 1604, 15),
    Pegasus(16): (5640, 40_484, 15),
}


@pytest.mark.parametrize("fabric", FABRICS, ids=lambda fabric: fabric.describe())
def test_counts_of_the_published_fabrics(fabric):
    edges = fabric.edges()
    degrees = np.bincount(edges.ravel(), minlength=fabric.n_sites)
    assert (fabric.n_sites, len(edges), degrees.max()) == FABRICS[fabric]
    assert fabric.max_degree == degrees.max()
    assert degrees.min() > 0
    assert (edges[:, 0] < edges[:, 1]).all()
    assert len(np.unique(edges, axis=0)) == len(edges)


@pytest.mark.parametrize("fabric", [Chimera(2, 3, 2), Pegasus(2), Sparse(30, 4)], ids=lambda fabric: fabric.describe())
def test_pieces_of_fabrics_are_placed_on_wires(fabric):
    for n in (1, 2, 11):
        edges = fabric.piece(n)
        cells = fabric.place(pbits.IsingModel.from_edges(n, edges, 1.0))
        assert cells.tolist() == list(range(n))
        assert fabric.wired(*edges.T).all()


@pytest.mark.parametrize("fabric", [Chimera(2, 3, 2), Pegasus(2)], ids=lambda fabric: fabric.describe())
def test_wires_of_fabrics_are_those_listed(fabric):
    a, b = np.indices((fabric.n_sites, fabric.n_sites)).reshape(2, -1)
    matrix = fabric.wired(a, b).reshape(fabric.n_sites, -1)
    assert (matrix == matrix.T).all()
    assert np.argwhere(np.triu(matrix)).tolist() == fabric.edges().tolist()


def test_the_wires_of_pegasus_are_those_that_dwave_networkx_listed():
    """Checksum of its 704 wires, taken when they were equal, for where it is not installed."""
    assert zlib.crc32(Pegasus(3).edges().astype("<i8").tobytes()) == 1943142973


@pytest.mark.parametrize("size", [2, 3, 4])
def test_pegasus_is_that_of_dwave_networkx(size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces that it will be renamed
        dnx = pytest.importorskip("dwave_networkx")
    graph = dnx.pegasus_graph(size)
    number = {site: cell for cell, site in enumerate(sorted(graph.nodes))}
    theirs = sorted(sorted((number[a], number[b])) for a, b in graph.edges)
    assert Pegasus(size).edges().tolist() == theirs


def test_wires_at_will_are_limited_by_their_degree():
    star = pbits.IsingModel.from_edges(6, [(0, k) for k in range(1, 6)], 1.0)
    assert Sparse(6, 4).place(star) is None
    assert Sparse(5, 5).place(star) is None
    assert Sparse(6, 5).place(star).tolist() == list(range(6))


def test_malformed_fabrics_are_refused():
    for build, message in (
        (lambda: Chimera(0, 3), "is empty"),
        (lambda: Pegasus(1), "its size is at least 2"),
        (lambda: Sparse(4, 0), "both must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            build()


def test_malformed_grids_are_refused():
    with pytest.raises(ValueError, match="empty"):
        Grid(0, 4, ((0, 1),))
    with pytest.raises(ValueError, match=r"\(0, 0\)"):
        Grid(4, 4, ((0, 0),))
    with pytest.raises(ValueError, match="known: G4, G8"):
        Grid.named("G9", 4, 4)
