"""Partitions: every site on one part, counts that a plain loop confirms, few couplings cut."""

import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from pbits.mapping.partition import partition


def random_model(n, density, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < density), 1)
    return pbits.IsingModel(J + J.T)


def cubic(side):
    sites = np.arange(side**3).reshape(side, side, side)
    edges = np.concatenate([np.column_stack([sites.ravel(), np.roll(sites, -1, axis).ravel()]) for axis in range(3)])
    return pbits.IsingModel.from_edges(side**3, edges, 1.0)


def counted(model, assignment, parts):
    """Boundary sites of each pair of parts, and couplings between parts."""
    J, boundary = model.csr.toarray(), np.zeros((parts, parts), dtype=int)
    for site in range(model.n):
        for other in {assignment[k] for k in np.flatnonzero(J[site])} - {assignment[site]}:
            boundary[assignment[site], other] += 1
    cut = sum(J[i, j] != 0 and assignment[i] != assignment[j] for i in range(model.n) for j in range(i))
    return boundary.tolist(), cut


def check(model, parts, method):
    found = partition(model, parts, method)
    assert found.assignment.shape == (model.n,)
    assert found.sizes.tolist() == [(found.assignment == part).sum() for part in range(parts)]
    assert (found.sizes > 0).all()
    assert (found.boundary.tolist(), found.cut_edges) == counted(model, found.assignment, parts)
    return found


@given(n=st.integers(1, 25), share=st.floats(0, 1), density=st.floats(0, 1), seed=st.integers(0, 100))
def test_bands_are_even_and_counted_right(n, share, density, seed):
    parts = 1 + int(share * (n - 1))
    found = check(random_model(n, density, seed), parts, "bands")
    assert np.ptp(found.sizes) <= 1
    assert found.balance == pytest.approx(found.sizes.max() * parts / n)


@given(n=st.integers(1, 25), share=st.floats(0, 1), density=st.floats(0, 1), seed=st.integers(0, 100))
def test_metis_leaves_no_part_empty_and_is_counted_right(n, share, density, seed):
    pytest.importorskip("pymetis")
    check(random_model(n, density, seed), 1 + int(share * (n - 1)), "metis")


def test_bands_of_a_periodic_lattice_are_slabs():
    found = partition(cubic(6), 3)
    assert found.method == "bands"
    np.testing.assert_array_equal(found.assignment, np.arange(216) // 72)
    # Two faces of 36 spins for each slab, and as many couplings between two neighbours.
    assert found.boundary.tolist() == [[0, 36, 36], [36, 0, 36], [36, 36, 0]]
    assert found.cut_edges == 108


def test_bands_follow_a_path_whatever_its_numbering():
    order = np.random.default_rng(3).permutation(40)
    path = pbits.IsingModel.from_edges(40, np.column_stack([order[:-1], order[1:]]), 1.0)
    assert partition(path, 4, "bands").cut_edges == 3


def test_metis_cuts_less_than_bands_and_stays_balanced():
    pytest.importorskip("pymetis")
    graph = nx.random_geometric_graph(600, 0.08, seed=1)
    model = pbits.IsingModel.from_networkx(graph)
    metis, bands = partition(model, 6), partition(model, 6, "bands")
    assert metis.method == "metis"
    assert metis.cut_edges < 0.8 * bands.cut_edges
    assert metis.balance < 1.05


def test_metis_numbers_parts_along_a_line():
    pytest.importorskip("pymetis")
    edges = [(6 * x + y, 6 * x + y + 1) for x in range(60) for y in range(5)]
    edges += [(6 * x + y, 6 * x + 6 + y) for x in range(59) for y in range(6)]
    found = partition(pbits.IsingModel.from_edges(360, edges, 1.0), 5, "metis")
    far = np.abs(np.subtract.outer(range(5), range(5))) > 1
    assert not found.boundary[far].any()


def test_a_partition_is_the_same_twice():
    pytest.importorskip("pymetis")
    model = random_model(80, 0.1, 4)
    np.testing.assert_array_equal(partition(model, 4).assignment, partition(model, 4).assignment)


def test_without_metis_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymetis", None)
    with pytest.raises(ImportError, match=r"pip install 'pbits\[chips\]'.*'bands'"):
        partition(random_model(10, 0.5, 0), 2)
    assert partition(cubic(3), 3).method == "bands"
    assert partition(random_model(10, 0.5, 0), 1).method == "bands"


@pytest.mark.parametrize("parts", [0, -1, 11, 2.0, True])
def test_impossible_numbers_of_parts_are_refused(parts):
    with pytest.raises(ValueError, match="10 sites can be cut into 1 to 10 parts"):
        partition(random_model(10, 0.5, 0), parts)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="must be one of auto, metis, bands"):
        partition(random_model(10, 0.5, 0), 2, "kahip")
