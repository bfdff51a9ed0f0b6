"""Max-Cut: the energy is minus the cut, on every state and on published graphs."""

import os
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbits.problems import MaxCut

GSET = Path(os.environ.get("PBITS_DATA", "data")) / "gset"


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_the_energy_is_minus_the_cut(n, seed):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, n, 9)
    edges = np.column_stack([start, (start + rng.integers(1, n, 9)) % n])
    problem = MaxCut(n, edges, rng.normal(size=9))
    states = 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1
    cuts = [sum(w for (i, j), w in zip(problem.edges, problem.weights) if s[i] != s[j]) for s in states]
    np.testing.assert_allclose(problem.to_model().energy(states), np.negative(cuts), rtol=0, atol=1e-12)
    np.testing.assert_allclose([problem.score(problem.decode(s)) for s in states], cuts, rtol=0, atol=1e-12)


def test_a_cut_and_its_complement_are_one_answer():
    square = MaxCut(4, [(0, 1), (1, 2), (2, 3), (3, 0)], optimum=4)
    assert square.decode([1, -1, 1, -1]) == square.decode([-1, 1, -1, 1]) == (False, True, False, True)
    found = square.solution([[1, 1, -1, -1], [1, -1, 1, -1]], [-2.0, -4.0])
    assert (found.objective, found.gap, found.valid_fraction) == (4.0, 0.0, 1.0)
    assert str(found) == "4 (+0.00 % from the best known)"
    assert square.solution([[1, 1, -1, -1]], [-2.0]).gap == 0.5


def test_from_graph_takes_weights_in_node_order():
    graph = nx.Graph()
    graph.add_edge("b", "a", weight=2.5)
    graph.add_edge("a", "c")
    problem = MaxCut.from_graph(graph)
    assert problem.score((False, True, False)) == 3.5
    with pytest.raises(ValueError, match="to_undirected"):
        MaxCut.from_graph(nx.DiGraph([(0, 1)]))


def test_rudy_files(tmp_path):
    path = tmp_path / "toy.rud"
    path.write_text("3 3\n1 2 5\n2 3 -1.5\n\n1 3\n")
    problem = MaxCut.from_rudy(path)
    assert (problem.n, problem.edges.tolist()) == (3, [[0, 1], [1, 2], [0, 2]])
    assert problem.weights.tolist() == [5, -1.5, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "toy.rud is empty"),
        ("\0", "not a text file"),
        ("3\n1 2 1\n", "line 1: found '3', expected 'n m'"),
        ("3 x\n1 2 1\n", "line 1: found 'x'"),
        ("3 2\n1 2 1\n", "line 2: found 1 edges, expected 2"),
        ("3 1\n1 2 1\n2 3 1\n", "line 3: found 2 edges, expected 1"),
        ("3 1\n1 2 1 1\n", "line 2: found '1 2 1 1', expected 'i j w'"),
        ("3 1\n1 4 1\n", "line 2: found vertex 4, expected 1 to 3"),
        ("3 1\n0 1 1\n", "line 2: found '0', expected a vertex"),
        ("3 1\n1 2 nan\n", "line 2: found 'nan'"),
        ("3 1\n2 2 1\n", "line 2: edge 2 2 joins"),
    ],
)
def test_broken_rudy_files_are_refused_by_line(tmp_path, text, message):
    path = tmp_path / "toy.rud"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        MaxCut.from_rudy(path)


@pytest.mark.parametrize(
    ("edges", "weights", "message"),
    [
        ([], 1.0, "no edges"),
        ([(0, 0)], 1.0, r"edge \(0, 0\) is a loop"),
        ([(0, 3)], 1.0, "vertex 3 in edges is outside 0 to 2"),
        ([(0, 1)], np.nan, r"weights\[0\] is nan; it must be finite"),
        ([(0, 1)], [1.0, 2.0], r"weights has shape \(2,\); expected \(1,\), one number per edge"),
        ([(0, 0.5)], 1.0, "sites are whole numbers"),
    ],
)
def test_graphs_that_are_none_are_refused(edges, weights, message):
    with pytest.raises(ValueError, match=message):
        MaxCut(3, edges, weights)


def test_an_answer_must_fit():
    with pytest.raises(ValueError, match=r"expected \(3,\)"):
        MaxCut(3, [(0, 1)]).score((True, False))


@pytest.mark.data
@pytest.mark.skipif(not GSET.is_dir(), reason="PBITS_DATA has no gset folder")
@pytest.mark.parametrize(("name", "n", "m"), [("G1", 800, 19176), ("G11", 800, 1600)])
def test_published_graphs(name, n, m):
    problem = MaxCut.from_rudy(GSET / name)
    assert (problem.n, len(problem.edges), problem.to_model().n_couplings) == (n, m, m)
    spins = np.random.default_rng(1).choice([-1, 1], n)
    assert problem.score(problem.decode(spins)) == -float(problem.to_model().energy(spins))


def test_the_beta_range_scales_inversely_with_the_weights():
    edges = [(0, 1), (1, 2)]
    one, ten = MaxCut(3, edges).beta_range(), MaxCut(3, edges, 10.0).beta_range()
    assert one == pytest.approx((10 * ten[0], 10 * ten[1]))
    assert one[0] < one[1]
    assert MaxCut(2, [(0, 1), (0, 1)], [1.0, -1.0]).beta_range() is None
