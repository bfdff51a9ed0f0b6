"""Quadratisation: the least energy over the ancillas is the polynomial's, state by state, and penalties are checked."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.mapping import expand_products, order_costs, quadratise, quadratise_products


def states(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


def least_over_ancillas(pairs, code):
    """The least energy of each state of the first n spins, in the order of `states`."""
    return pairs.energy(states(pairs.n)).reshape(2**code.n, -1).min(axis=1)


@st.composite
def polynomials(draw, n=5):
    sets = st.lists(st.sampled_from(range(n)), min_size=1, max_size=4, unique=True).map(lambda s: tuple(sorted(s)))
    weights = st.integers(-3, 3).filter(bool)
    return pbits.PolynomialModel(n, draw(st.dictionaries(sets, weights, min_size=1, max_size=4)), draw(weights))


@settings(max_examples=60, deadline=None)
@given(polynomials())
def test_the_least_energy_over_ancillas_is_that_of_the_polynomial(model):
    pairs, code = quadratise(model)
    if code.ancillas > 10:
        return
    own = model.energy(states(model.n))
    np.testing.assert_allclose(least_over_ancillas(pairs, code), own, rtol=0, atol=1e-9)
    extended = code.extend(states(model.n))
    np.testing.assert_allclose(pairs.energy(extended), own, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(code.decode(extended), states(model.n))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_products_of_literals_in_both_ways(seed):
    rng = np.random.default_rng(seed)
    products = {}
    for _ in range(rng.integers(1, 5)):
        sites = np.sort(rng.choice(5, rng.integers(1, 5), replace=False)) + 1
        products[tuple((sites * rng.choice([-1, 1], len(sites))).tolist())] = float(rng.integers(-3, 4) or 1)
    bits = states(5) > 0
    meant = np.full(32, 2.0)
    for literals, weight in products.items():
        held = [bits[:, abs(literal) - 1] == (literal > 0) for literal in literals]
        meant += weight * np.logical_and.reduce(held)
    np.testing.assert_allclose(expand_products(5, products, 2.0).energy(states(5)), meant, atol=1e-12)
    pairs, code = quadratise_products(5, products, 2.0)
    np.testing.assert_allclose(least_over_ancillas(pairs, code), meant, atol=1e-12)


def test_a_clause_of_three_takes_one_ancilla_and_no_coupling_above_its_weight():
    pairs, code = quadratise_products(3, {(-1, -2, -3): 1.0})
    assert (code.ancillas, code.penalty, code.couplings) == (1, 0.0, 4)
    # A product of two bits of weight 1 is a coupling of 1/4.
    assert np.abs(pairs.edges()[2]).max() == 0.25


def test_shared_pairs_share_an_ancilla():
    products = {(1, 2, k): 1.0 for k in (3, 4, 5, 6)}
    pairs, code = quadratise_products(6, products)
    assert code.products == ((1, 2),)
    assert code.penalty == 4.0
    assert least_over_ancillas(pairs, code).max() == 4.0


def test_the_least_penalty_is_tight_and_a_lower_one_is_refused():
    products = {(1, 2, 3): 1.0, (1, 2, 4): 2.0, (1, 2, 5): -1.0}
    pairs, code = quadratise_products(5, products)
    assert code.penalty == 3.0
    stronger, _ = quadratise_products(5, products, penalty=7.0)
    np.testing.assert_allclose(least_over_ancillas(stronger, code), least_over_ancillas(pairs, code), atol=1e-12)
    with pytest.raises(ValueError, match=r"penalty is 2.9; the pair \(1, 2\) needs at least 3"):
        quadratise_products(5, products, penalty=2.9)
    # Below it a wrong ancilla pays: x = 1, 1 with the bits 3 and 4 on, and the ancilla off.
    bits = (states(6) > 0).astype(float)
    x, y, a = bits[:, 0], bits[:, 1], bits[:, 5]
    too_low = pairs.energy(states(6)) - 0.1 * (x * y - 2 * x * a - 2 * y * a + 3 * a)
    assert too_low.reshape(32, 2).min(axis=1).max() < 3.0 - 1e-9


def test_a_model_of_pairs_stays_as_it_is():
    pairs, code = quadratise(pbits.PolynomialModel(3, {(0, 1): 1.0, (2,): -0.5}, 2.0))
    assert (pairs.n, code.ancillas, pairs.offset) == (3, 0, 2.0)
    assert pairs.J.toarray()[0, 1] == 1.0
    assert pairs.h.tolist() == [0, 0, -0.5]


@pytest.mark.parametrize("literals", [(1, -1, 2), (1, 2, 4), (0, 1, 2)])
def test_products_of_no_three_different_sites_are_refused(literals):
    with pytest.raises(ValueError, match="must name different sites"):
        quadratise_products(3, {literals: 1.0})


def test_too_long_terms_are_refused():
    with pytest.raises(ValueError, match=r"20 sites has 2\^20 terms"):
        quadratise(pbits.PolynomialModel(20, {tuple(range(20)): 1.0}))


def test_costs_are_those_of_the_two_models():
    costs = order_costs(pbits.PolynomialModel(3, {(0, 1, 2): 1.0}))
    # Three p-bits read one weight and two spins each; one ancilla joins all of them, in a clique of four.
    assert (costs.native.reads, costs.native.spins, costs.native.phases, costs.native.bits) == (3, 6, 3, 2)
    own = costs.quadratised
    assert (own.sites, own.neighbours, own.phases, own.order) == (4, 3, 4, 2)
    assert own.reads == 2 * 6 + (own.terms - 6)
