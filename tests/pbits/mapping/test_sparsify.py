"""Copies of spins: degrees, energies, and ground states, by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.mapping import sparsify


def network(n, density, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.integers(-3, 4, size=(n, n)) * (rng.random((n, n)) < density), 1)
    return pbits.IsingModel(J + J.T, rng.integers(-2, 3, size=n))


def all_states(n):
    return (2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)


@given(n=st.integers(1, 30), density=st.floats(0, 1), degree=st.integers(3, 6), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_degrees_and_energies(n, density, degree, seed):
    model = network(n, density, seed)
    sparse, copies = sparsify(model, degree)
    assert sparse.degrees.max() <= degree
    assert sparse.n_couplings == model.n_couplings + len(copies.bonds)
    least = [1 if k <= degree else -(-(k - 2) // (degree - 2)) for k in model.degrees.tolist()]
    assert [len(chain) for chain in copies.chains] == least
    states = np.random.default_rng(seed).choice([-1, 1], size=(5, n))
    filled = copies.spread(states)
    np.testing.assert_allclose(sparse.energy(filled), model.energy(states), atol=1e-9)
    spins, broken = copies.vote(filled)
    assert (spins == states).all()
    assert not broken.any()


@given(n=st.integers(4, 6), seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_ground_states_are_kept(n, seed):
    model = network(n, 0.9, seed)
    sparse, copies = sparsify(model, 3)
    states, posed = all_states(sparse.n), all_states(n)
    energies = sparse.energy(states)
    assert energies.min() == pytest.approx(model.energy(posed).min())
    lowest = states[energies <= energies.min() + 1e-9]
    spins, broken = copies.vote(lowest)
    assert not broken.any()
    right = model.energy(posed) <= model.energy(posed).min() + 1e-9
    assert {tuple(s) for s in spins.tolist()} == {tuple(s) for s in posed[right].tolist()}


def test_the_safe_strength_is_the_least_for_a_torn_spin():
    """Neighbours held firmly, half up and half down: what pulls at the middle bond is exactly what breaks it."""
    fields = np.array([0.0, 9, 9, -9, -9])
    star = pbits.IsingModel.from_edges(5, [(0, k) for k in range(1, 5)], 1.0, fields)
    _, copies = sparsify(star, 3)
    assert copies.pull(star) == 2.0
    for strength, breaks in ((1.98, True), (2.02, False)):
        sparse, copies = sparsify(star, 3, strength)
        states = all_states(sparse.n)
        lowest = states[sparse.energy(states).argmin()]
        assert copies.vote(lowest)[1][0] == breaks


def test_ties_go_to_the_first_copy():
    star = pbits.IsingModel.from_edges(5, [(0, k) for k in range(1, 5)], 1.0)
    _, copies = sparsify(star, 3)
    spins, broken = copies.vote(np.array([[-1, 1, 1, 1, 1, 1]]))
    assert spins[0].tolist() == [-1, 1, 1, 1, 1]
    assert broken[0].tolist() == [True, False, False, False, False]


def test_malformed_requests():
    pair = pbits.IsingModel([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="max_degree is 2; copies need at least 3"):
        sparsify(pair, 2)
    for wrong in (0, -1.0, float("nan"), "strong"):
        with pytest.raises(ValueError, match="give a positive number, or 'auto'"):
            sparsify(pair, 3, wrong)
