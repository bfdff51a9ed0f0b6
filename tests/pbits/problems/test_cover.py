"""Independent sets and vertex covers: ground states by brute force, counts, repairs, and what is refused."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.problems import IndependentSet, VertexCover, read


def states(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


def ground(problem, every):
    """The distinct answers of the states of least energy, and that energy."""
    energies = problem.to_model().energy(every)
    lowest = every[energies < energies.min() + 1e-9]
    return {problem.decode(state) for state in lowest}, energies.min()


@st.composite
def graphs(draw):
    n = draw(st.integers(2, 7))
    pairs = [(u, v) for u in range(n) for v in range(u)]
    edges = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    return n, edges, draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_ground_states_are_the_best_sets(case):
    n, edges, weights = case
    sets = [set(items) for size in range(n + 1) for items in itertools.combinations(range(n), size)]
    weight = {tuple(sorted(s)): sum(weights[v] for v in s) for s in sets}
    independent = {s: w for s, w in weight.items() if not any(u in s and v in s for u, v in edges)}
    covering = {s: w for s, w in weight.items() if all(u in s or v in s for u, v in edges)}
    for kind, allowed, pick, sign in ((IndependentSet, independent, max, -1), (VertexCover, covering, min, 1)):
        best = pick(allowed.values())
        problem = kind(n, edges, weights)
        answers, energy = ground(problem, states(n))
        assert answers == {s for s, w in allowed.items() if w == best}
        assert energy == pytest.approx(sign * best)
        tight, energy = ground(kind(n, edges, weights, penalty="tight"), states(n))
        assert {s for s, w in allowed.items() if w == best} <= tight
        assert energy == pytest.approx(sign * best)
        for state in states(n):
            fixed = problem.repaired(state)
            assert problem.decode(fixed) in allowed
            assert (problem.decode(state) is None) == any(problem.violations(state).values())
            assert problem.decode(state) in (None, problem.decode(fixed))


def test_maximum_independent_sets_are_counted():
    # Of a cycle of 2k + 1 vertices 2k + 1, of a path of 2k vertices k + 1, of the Petersen graph 5 of size 4.
    for graph, size, count in ((nx.cycle_graph(9), 4, 9), (nx.path_graph(8), 4, 5), (nx.petersen_graph(), 4, 5)):
        problem = IndependentSet.from_graph(graph)
        energies = pbits.exact(problem.to_model()).energies
        assert (energies < -size + 1e-9).sum() == count
        assert energies.min() == pytest.approx(-size)


def test_parts_of_a_cover():
    problem = VertexCover(3, [(0, 1), (1, 2)], [1, 2, 3], penalty=4.0)
    weighing, uncovered = problem.parts()
    every = states(3)
    np.testing.assert_allclose(
        weighing.energy(every) + 4 * uncovered.energy(every), problem.to_model().energy(every), atol=1e-12
    )
    np.testing.assert_allclose(
        uncovered.energy(every), [problem.violations(state)["edges uncovered"] for state in every], atol=1e-12
    )
    assert (problem.penalty_rule, problem.penalised("auto").penalty) == ("given", 2.0)


def test_graph_files_and_weights(tmp_path):
    path = tmp_path / "path.mis"
    path.write_text("p edge 3 2\ne 1 2\ne 2 3\n")
    assert read(path).edges.tolist() == [[0, 1], [1, 2]]
    graph = nx.Graph()
    graph.add_node("a", weight=3.0)
    graph.add_edge("a", "b")
    assert IndependentSet.from_graph(graph).weights.tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, []), "no edges"),
        ((3, [(1, 1)]), "is a loop"),
        ((3, [(0, 3)]), "vertex 3 in edges is outside"),
        ((2, [(0, 1)], [1, 0]), "the weight of vertex 1 is 0"),
        ((2, [(0, 1)], 1.0, "loose"), "expected 'safe'"),
    ],
)
def test_bad_graphs_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        IndependentSet(*arguments)
