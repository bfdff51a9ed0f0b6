"""Connection graphs: published counts, placement, copies."""

import numpy as np
import pytest

import pbits
from pbits.mapping import GRID_RULES, Complete, Grid

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


def test_malformed_grids_are_refused():
    with pytest.raises(ValueError, match="empty"):
        Grid(0, 4, ((0, 1),))
    with pytest.raises(ValueError, match=r"\(0, 0\)"):
        Grid(4, 4, ((0, 0),))
    with pytest.raises(ValueError, match="known: G4, G8"):
        Grid.named("G9", 4, 4)
