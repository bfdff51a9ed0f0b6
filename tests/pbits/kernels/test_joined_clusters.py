"""Joining clusters against a plain search, and the best of all choices between two states."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.kernels.clusters import join_clusters


def sparse_model(seed, fields, n=14):
    """Couplings and fields in halves, so that energies are exact."""
    rng = np.random.default_rng(seed)
    edges = [(i, j) for i in range(n) for j in range(i) if rng.random() < 0.15]
    J = rng.integers(-3, 4, len(edges)) / 2
    return pbits.IsingModel.from_edges(n, np.reshape(edges, (-1, 2)), J, fields * rng.integers(-3, 4, n) / 2)


def states_of(model, count, seed):
    return np.random.default_rng([seed, 1]).choice(np.array([-1, 1], dtype=np.int8), (count, model.n))


def joined(model, state, others, mirror=False):
    state, csr = state.copy(), model.csr
    join_clusters(state, others, np.arange(len(others)), csr.indptr, csr.indices, csr.data, model.h, mirror)
    return state


def flips(model, state, other):
    """The state with each subset of the clusters on which it differs from another flipped."""
    graph = nx.from_scipy_sparse_array(model.csr).subgraph(np.flatnonzero(state != other).tolist())
    clusters = [list(cluster) for cluster in nx.connected_components(graph)]
    for chosen in product((1, -1), repeat=len(clusters)):
        flipped = state.copy()
        for sign, cluster in zip(chosen, clusters, strict=True):
            flipped[cluster] *= sign
        yield flipped


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_what_is_joined_is_the_best_of_all_choices_between_clusters(seed, fields):
    model = sparse_model(seed, fields)
    state, other = states_of(model, 2, seed)
    best = min(model.energy(flipped) for flipped in flips(model, state, other))
    assert model.energy(joined(model, state, other[None])) == best
    assert best <= min(model.energy(state), model.energy(other))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_mirror_images_are_gone_through_after_the_states_themselves(seed):
    model = sparse_model(seed, False)
    state, other, third = states_of(model, 3, seed)
    by_hand = joined(model, state, np.array([other, -other, third, -third]))
    assert (joined(model, state, np.array([other, third]), mirror=True) == by_hand).all()


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_a_cluster_that_changes_nothing_is_taken_and_one_that_costs_is_not(gain):
    model = pbits.IsingModel.from_edges(3, [(0, 1)], [1.0], [0.0, 0.0, gain])
    state = np.ones(3, dtype=np.int8)
    assert joined(model, state, np.array([[-1, -1, -1]], dtype=np.int8)).tolist() == [-1, -1, 1 if gain else -1]
