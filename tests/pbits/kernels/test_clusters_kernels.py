"""Isoenergetic clusters against a plain search, and what they keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.kernels.clusters import exchange_clusters


def sparse_model(seed, n=14):
    rng = np.random.default_rng(seed)
    edges = [(i, j) for i in range(n) for j in range(i) if rng.random() < 0.18]
    return pbits.IsingModel.from_edges(n, np.reshape(edges, (-1, 2)), rng.normal(size=len(edges)), rng.normal(size=n))


def exchanged(model, states, pairs, places, mirror=False):
    states, csr = states.copy(), model.csr
    sizes, gains = np.empty(len(pairs), dtype=np.int64), np.empty(len(pairs))
    exchange_clusters(states, pairs, places, csr.indptr, csr.indices, csr.data, model.h, mirror, sizes, gains)
    return states, sizes, gains


def plainly(model, states, pairs, places, mirror):
    """The same, site by site from sets."""
    states, sizes = states.copy(), []
    J = model.csr.toarray()
    for (a, b), place in zip(pairs, places):
        differ = states[a] != states[b]
        taken = ~differ if mirror and 2 * differ.sum() > model.n else differ
        unlike = set(np.flatnonzero(taken).tolist())
        cluster = {sorted(unlike)[min(int(place * len(unlike)), len(unlike) - 1)]} if unlike else set()
        while True:
            grown = cluster | {j for i in cluster for j in unlike if J[i, j] != 0}
            if grown == cluster:
                break
            cluster = grown
        for site in cluster:
            states[a, site] *= -1
            states[b, site] *= -1
        sizes.append(len(cluster))
    return states, sizes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_clusters_are_those_of_a_plain_search_and_keep_the_sum_of_the_energies(seed, mirror):
    rng = np.random.default_rng(seed)
    model = sparse_model(seed % 7)
    model = pbits.IsingModel(model.csr) if mirror else model
    states = rng.choice(np.array([-1, 1], dtype=np.int8), size=(6, model.n))
    states[5] = states[2]
    pairs, places = np.array([[0, 3], [5, 2], [4, 1]]), rng.random(3)
    after, sizes, gains = exchanged(model, states, pairs, places, mirror)
    expected, expected_sizes = plainly(model, states, pairs, places, mirror)
    assert np.array_equal(after, expected)
    assert sizes.tolist() == expected_sizes
    assert sizes[1] == gains[1] == 0
    change = model.energy(after) - model.energy(states)
    assert gains == pytest.approx(change[pairs[:, 0]], abs=1e-12)
    assert gains == pytest.approx(-change[pairs[:, 1]], abs=1e-12)


def test_every_site_where_a_pair_differs_is_picked_alike():
    """Without couplings a cluster is one site, and the place in [0, 1) says which."""
    model = pbits.IsingModel(np.zeros((5, 5)))
    states = np.array([[1, 1, 1, 1, 1], [-1, 1, -1, 1, -1]], dtype=np.int8)
    pairs = np.array([[0, 1]])
    picked = []
    for place in (0.0, 0.3, 0.34, 0.66, 0.67, np.nextafter(1, 0)):
        after, _, _ = exchanged(model, states, pairs, np.array([place]))
        picked.append(int(np.flatnonzero(after[0] != states[0])[0]))
    assert picked == [0, 0, 2, 2, 4, 4]
