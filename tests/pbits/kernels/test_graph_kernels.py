"""Colourings of random graphs against networkx, and the counting sort against NumPy's."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from pbits.kernels import graph


def rows(n, edges):
    """CSR rows of an edge list, both ways."""
    edges = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    both = np.concatenate([edges, edges[:, ::-1]])
    matrix = sp.coo_array((np.ones(len(both)), both.T), shape=(n, n)).tocsr()
    return matrix.indptr, matrix.indices


def random_graph(n, density, seed):
    return nx.gnp_random_graph(n, density, seed=seed)


def proper(colour, edges):
    return all(colour[i] != colour[j] for i, j in edges)


@given(n=st.integers(1, 40), density=st.floats(0, 0.3), seed=st.integers(0, 1000))
def test_two_colours_where_there_are_two_and_only_there(n, density, seed):
    drawn = random_graph(n, density, seed)
    colour = graph.two_colours(*rows(n, drawn.edges))
    if not nx.is_bipartite(drawn):
        assert len(colour) == 0
        return
    assert proper(colour, drawn.edges)
    assert set(colour.tolist()) <= {0, 1}
    assert all(colour[min(part)] == 0 for part in nx.connected_components(drawn))


@given(n=st.integers(1, 40), density=st.floats(0, 1), seed=st.integers(0, 1000))
def test_greedy_colours_are_the_least_free_ones_in_order(n, density, seed):
    drawn = random_graph(n, density, seed)
    order = np.random.default_rng(seed).permutation(n)
    colour = graph.greedy_colours(*rows(n, drawn.edges), order)
    expected = nx.greedy_color(drawn, strategy=lambda *_: order.tolist())
    assert colour.tolist() == [expected[site] for site in range(n)]


@given(n=st.integers(1, 40), density=st.floats(0, 1), seed=st.integers(0, 1000))
def test_the_smallest_degree_comes_last(n, density, seed):
    drawn = random_graph(n, density, seed)
    order = graph.smallest_last(*rows(n, drawn.edges)).tolist()
    assert sorted(order) == list(range(n))
    for site in reversed(order):
        assert drawn.degree[site] == min(dict(drawn.degree).values())
        drawn.remove_node(site)


@given(st.lists(st.integers(0, 6), max_size=50))
def test_sites_are_sorted_by_key_and_stable(keys):
    keys = np.array(keys, dtype=np.int32)
    sites, ends = graph.sorted_by(keys, 7)
    assert sites.tolist() == np.argsort(keys, kind="stable").tolist()
    assert np.diff(ends).tolist() == np.bincount(keys, minlength=7).tolist()


@pytest.mark.parametrize("n", [2, 7, 8])
def test_rings_and_cliques(n):
    ring = [(i, (i + 1) % n) for i in range(n)]
    assert len(graph.two_colours(*rows(n, ring))) == (n if n % 2 == 0 else 0)
    clique = [(i, j) for i in range(n) for j in range(i)]
    assert graph.greedy_colours(*rows(n, clique), np.arange(n)).tolist() == list(range(n))


def test_a_neighbour_named_twice_changes_nothing():
    indptr, indices = np.array([0, 2, 4]), np.array([1, 1, 0, 0])
    assert graph.two_colours(indptr, indices).tolist() == [0, 1]
    assert graph.greedy_colours(indptr, indices, np.array([1, 0])).tolist() == [1, 0]
    assert sorted(graph.smallest_last(indptr, indices).tolist()) == [0, 1]
