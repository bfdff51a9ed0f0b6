"""Periodic lattices: every one is recognised, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from pbits.mapping import lattices
from pbits.mapping.lattices import lattice_shape


def edges_of(shape):
    sites = np.arange(np.prod(shape)).reshape(shape)
    ahead = [np.roll(sites, -1, axis) for axis in range(len(shape))]
    return np.concatenate([np.column_stack([sites.ravel(), other.ravel()]) for other in ahead])


def model_of(n, edges):
    return pbits.IsingModel.from_edges(n, edges, 1.0)


shapes = st.lists(st.integers(3, 7), min_size=1, max_size=4).map(tuple)
chunks = st.sampled_from([5, 64, 1 << 16])


def shape_in_chunks(model, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lattices, "_CHUNK", chunk)
        return lattice_shape(model)


@given(shape=shapes, chunk=chunks)
def test_every_lattice_is_recognised(shape, chunk):
    assert shape_in_chunks(model_of(int(np.prod(shape)), edges_of(shape)), chunk) == shape


@given(shape=shapes, chunk=chunks, data=st.data())
def test_one_edge_laid_elsewhere_is_noticed(shape, chunk, data):
    n, edges = int(np.prod(shape)), edges_of(shape)
    which = data.draw(st.integers(0, len(edges) - 1))
    edges[which, 1] = data.draw(st.integers(0, n - 1).filter(lambda site: site not in edges[which]))
    assert shape_in_chunks(model_of(n, edges), chunk) is None


@given(shape=shapes.filter(lambda shape: np.prod(shape) > 8), seed=st.integers(0, 50))
def test_sites_in_another_order_are_no_lattice(shape, seed):
    n, edges = int(np.prod(shape)), edges_of(shape)
    names = np.random.default_rng(seed).permutation(n)
    same = {tuple(sorted(edge)) for edge in edges.tolist()} == {tuple(sorted(e)) for e in names[edges].tolist()}
    assert (lattice_shape(model_of(n, names[edges])) is None) != same


@pytest.mark.parametrize("chunk", [5, 1 << 16])
def test_two_edges_exchanged_keep_all_degrees_and_are_noticed(chunk):
    edges = edges_of((8, 9))
    edges[[30, 60], 1] = edges[[60, 30], 1]
    model = model_of(72, edges)
    assert set(model.degrees) == {4}
    assert shape_in_chunks(model, chunk) is None


@pytest.mark.parametrize(
    ("n", "edges"),
    [
        (3, np.empty((0, 2), dtype=int)),
        (4, [(0, 1), (1, 2), (2, 3)]),
        (6, [(i, j) for i in range(6) for j in range(i)]),
        (20, [edge for edge in edges_of((4, 5)).tolist() if abs(edge[0] - edge[1]) < 15]),
        (8, edges_of((2, 4))),
        (8, edges_of((4, 2))),
        (24, np.concatenate([edges_of((3, 4)), edges_of((3, 4)) + 12])),
    ],
    ids=["no edges", "chain", "complete", "open", "two rows", "two columns", "two lattices"],
)
def test_other_graphs_are_no_lattices(n, edges):
    assert lattice_shape(model_of(n, edges)) is None
