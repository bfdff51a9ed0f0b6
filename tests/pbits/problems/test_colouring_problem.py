"""Graph colouring: ground states against enumeration and the chromatic polynomial, files, and what is refused."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.problems import GraphColouring, read


def proper_colourings(graph: nx.Graph, q: int) -> int:
    """The chromatic polynomial at q, by deletion and contraction."""
    if not graph.number_of_edges():
        return q ** graph.number_of_nodes()
    u, v = next(iter(graph.edges))
    without = graph.copy()
    without.remove_edge(u, v)
    merged = nx.Graph(nx.contracted_nodes(without, u, v, self_loops=False))
    return proper_colourings(without, q) - proper_colourings(merged, q)


@pytest.mark.parametrize(
    ("graph", "q", "count"),
    [
        (nx.cycle_graph(7), 3, 2**7 - 2),
        (nx.complete_graph(4), 4, 24),
        (nx.path_graph(6), 3, 3 * 2**5),
        (nx.petersen_graph(), 3, 120),
    ],
)
def test_ground_states_are_counted_by_the_chromatic_polynomial(graph, q, count):
    assert proper_colourings(graph, q) == count
    energies = pbits.exact(GraphColouring.from_graph(graph, q).to_model()).energies
    assert (energies == 0).sum() == count


@st.composite
def graphs(draw):
    n = draw(st.integers(3, 5))
    pairs = [(u, v) for u in range(n) for v in range(u)]
    edges = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    q = draw(st.integers(2, 3))
    return n, edges, q


@settings(max_examples=40, deadline=None)
@given(graphs(), st.sampled_from(["p-dits", "one-hot"]))
def test_ground_states_of_each_encoding_are_the_best_colourings(case, encoding):
    n, edges, q = case
    conflicts = {colours: sum(colours[u] == colours[v] for u, v in edges) for colours in product(range(q), repeat=n)}
    fewest = min(conflicts.values())
    best = {colours for colours, count in conflicts.items() if count == fewest}
    posed = GraphColouring(n, edges, q, penalty="safe").encoded(encoding)
    model = posed.to_model()
    states = np.array(list(product(*(model.values(site) for site in range(model.n)))))
    energies = model.energy(states)
    ground = states[energies < energies.min() + 1e-9]
    assert energies.min() == pytest.approx(fewest)
    assert {posed.decode(state) for state in ground} == best
    for state in ground:
        assert sum(posed.violations(state).values()) == fewest
        np.testing.assert_array_equal(posed.encode(posed.decode(state)), state)
    if fewest == 0:
        tight = GraphColouring(n, edges, q, penalty="tight").encoded("one-hot")
        bits = np.array(list(product([-1, 1], repeat=tight.to_model().n)), dtype=np.int8)
        low = bits[tight.to_model().energy(bits) < 1e-9]
        assert {tight.decode(state) for state in low} == best


def test_the_safe_penalty_is_the_pigeonhole_and_no_less_would_do():
    # Four vertices that all see each other, two colours: an uncoloured vertex saves one conflict.
    complete = GraphColouring.from_graph(nx.complete_graph(4), 2, penalty="safe").encoded("one-hot")
    assert complete.penalty == 1.5
    weak = complete.penalised(0.9)
    states = np.array(list(product([-1, 1], repeat=8)), dtype=np.int8)
    ground = states[weak.to_model().energy(states).argmin()]
    assert weak.decode(ground) is None
    assert weak.violations(ground)["vertices holding other than one colour"] > 0
    assert weak.decode(ground, repair=True) is not None


def test_a_graph_is_coloured_and_one_that_cannot_be_names_its_conflicts():
    ring = GraphColouring.from_graph(nx.petersen_graph(), 3)
    run = pbits.run(ring, "ideal", seed=1, judge=False)
    assert run.solution.feasible
    assert str(run.solution).startswith("0 conflicts")
    complete = GraphColouring.from_graph(nx.complete_graph(5), 4)
    run = pbits.run(complete, "ideal", seed=1, judge=False)
    assert not run.solution.feasible
    assert run.best_energy == 1
    assert run.solution.violations == {"edges within one colour": 1}
    assert len(complete.conflicts(run.solution.value)) == 1
    assert "edges within one colour: 1" in str(run.solution)


def test_a_dimacs_file(tmp_path):
    # A wheel of five spokes, each edge twice as such files often have them: it takes four colours.
    wheel = nx.wheel_graph(6)
    lines = [f"e {u + 1} {v + 1}\ne {v + 1} {u + 1}" for u, v in wheel.edges]
    (tmp_path / "wheel.col").write_text("c a wheel\np edge 6 20\n" + "\n".join(lines) + "\n")
    posed = GraphColouring.from_dimacs(tmp_path / "wheel.col", colours=4)
    assert (posed.n, len(posed.edges), posed.colours) == (6, 10, 4)
    assert (pbits.exact(posed.to_model()).energies == 0).sum() == proper_colourings(wheel, 4)
    found = read(tmp_path / "wheel.col")
    assert isinstance(found, GraphColouring)
    assert found.colours == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p edge 3\ne 1 2\n", "line 1: found 'p edge 3', expected one line 'p edge n m'"),
        ("p edge 3 1\np edge 3 1\n", "line 2: found 'p edge 3 1', expected one line"),
        ("e 1 2\np edge 3 1\n", "line 1: found 'e 1 2', expected 'p edge n m' before the first edge"),
        ("p edge 3 1\ne 1 2 3\n", "line 2: found 'e 1 2 3', expected 'e u v'"),
        ("p edge 3 1\ne 1 4\n", "line 2: found vertex 4, expected 1 to 3"),
        ("p edge 3 1\ne 0 1\n", "line 2: found '0', expected a vertex, a whole number of at least 1"),
        ("p edge 3 1\ne 2 2\n", "line 2: edge 2 2 joins a vertex to itself"),
        ("p edge 3 1\nq 2 2\n", "line 2: found 'q 2 2', expected a DIMACS graph"),
        ("p edge 3 1\n", "bad.col holds no edges"),
        ("c only\n", "bad.col holds no line beginning with p"),
    ],
)
def test_a_malformed_file_names_the_line(tmp_path, text, message):
    (tmp_path / "bad.col").write_text(text)
    with pytest.raises(ValueError, match=message):
        GraphColouring.from_dimacs(tmp_path / "bad.col", colours=3)


@pytest.mark.parametrize(
    ("n", "edges", "q", "message"),
    [
        (3, [], 2, "the graph has no edges"),
        (3, [(0, 3)], 2, "vertex 3 in edges is outside 0 to 2"),
        (3, [(1, 1)], 2, r"edge \(1, 1\) is a loop; no colour of vertex 1 differs from itself"),
        (3, [(0, 1)], 1, "colours is 1; a graph with edges needs at least 2"),
    ],
)
def test_malformed_graphs_are_refused(n, edges, q, message):
    with pytest.raises(ValueError, match=message):
        GraphColouring(n, edges, q)


def test_other_malformed_input_is_refused():
    posed = GraphColouring(3, [(0, 1), (1, 2)], 2)
    with pytest.raises(ValueError, match=r"the answer has shape \(2,\); expected \(3,\)"):
        posed.score([0, 1])
    with pytest.raises(ValueError, match="the answer holds 0 to 2; colours are 0 to 1"):
        posed.encode([0, 1, 2])
    with pytest.raises(ValueError, match="encoding is 'binary'"):
        posed.encoded("binary")
    with pytest.raises(ValueError, match="site 1 holds 2; its categories are 0 to 1"):
        posed.decode([0, 2, 0])


def test_an_edge_counts_once_however_often_it_is_named():
    assert GraphColouring(2, [(0, 1), (1, 0), (0, 1)], 2).to_model().energy([1, 1]) == 1


@pytest.mark.parametrize(
    ("m", "lines", "whole"), [(2, 2, True), (4, 2, True), (2, 4, True), (5, 2, False), (1, 2, False)]
)
def test_a_graph_that_is_cut_short_is_refused(tmp_path, m, lines, whole):
    file = tmp_path / "graph.col"
    rows = ["e 1 2", "e 2 3", "e 2 1", "e 3 2"][:lines]
    file.write_text("\n".join([f"p edge 3 {m}", *rows]))
    if whole:
        assert len(GraphColouring.from_dimacs(file).edges) == 2
        return
    with pytest.raises(ValueError, match=rf"found 2 edges, expected {m} \(its p-line\)"):
        GraphColouring.from_dimacs(file)
