import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbits.models import CategoricalModel, IsingModel, PolynomialModel
from pbits.reference import (
    conditionals,
    exact,
    exact_tau_int,
    relaxation,
    stationary,
    total_variation,
    transition,
    transition_of,
)


def model_of(n, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return IsingModel(J + J.T, rng.normal(size=n), rng.normal())


def ring(n, J=1.0, h=0.0):
    return IsingModel.from_edges(n, [(i, (i + 1) % n) for i in range(n)], J, np.full(n, h))


@given(st.integers(1, 5), st.integers(0, 100), st.floats(0, 1.5), st.floats(0, 0.95))
@settings(max_examples=40)
def test_one_site_at_a_time_is_boltzmann_with_any_persistence(n, seed, beta, persistence):
    model = model_of(n, seed)
    boltzmann = exact(model, beta).probabilities
    order = np.random.default_rng(seed).permutation(n).tolist()
    for T in (
        transition(model, "sequential", beta, persistence=persistence),
        transition(model, "sequential", beta, order=order, persistence=persistence),
        transition(model, "random", beta, persistence=persistence),
        transition(model, "chromatic", beta, phases=[[i] for i in order], persistence=persistence),
    ):
        np.testing.assert_allclose(T.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(stationary(T), boltzmann, atol=1e-12)


@given(st.floats(0, 1.5), st.floats(0, 0.95))
@settings(max_examples=20)
def test_chromatic_phases_are_boltzmann(beta, persistence):
    model = ring(6, 0.8, 0.3)
    T = transition(model, "chromatic", beta, phases=[[0, 2, 4], [1, 3, 5]], persistence=persistence)
    np.testing.assert_allclose(stationary(T), exact(model, beta).probabilities, atol=1e-12)


def test_sequential_order_is_first_site_first():
    model = model_of(3, 1)
    kernels = [transition(model, "phases", phases=[[i]]) for i in range(3)]
    np.testing.assert_allclose(transition(model, "sequential"), kernels[0] @ kernels[1] @ kernels[2])
    backwards = transition(model, "sequential", order=[2, 1, 0])
    np.testing.assert_allclose(backwards, kernels[2] @ kernels[1] @ kernels[0])
    np.testing.assert_allclose(transition(model, "random"), sum(kernels) / 3)


def test_entries_by_hand():
    # Two spins, from (−, +): site 0 sees I = J + h_0 and site 1 sees I = −J + h_1.
    J, h, beta = 0.7, np.array([0.2, -0.4]), 0.9
    T = transition(IsingModel([[0, J], [J, 0]], h), "synchronous", beta)
    p0, p1 = (1 / (1 + math.exp(-2 * beta * x)) for x in (J + h[0], -J + h[1]))
    np.testing.assert_allclose(T[1], [(1 - p0) * (1 - p1), (1 - p0) * p1, p0 * (1 - p1), p0 * p1])


def test_many_body_conditionals():
    model = PolynomialModel(3, {(0, 1, 2): 0.6, (1,): 0.2})
    up = conditionals(model, 1.5)
    states = exact(model).states
    inputs = 0.6 * states[:, 0] * states[:, 2] + 0.2
    np.testing.assert_allclose(up[:, 1], 1 / (1 + np.exp(-2 * 1.5 * inputs)))
    law = stationary(transition(model, "sequential", 1.5))
    np.testing.assert_allclose(law, exact(model, 1.5).probabilities, atol=1e-12)


@given(st.integers(1, 5), st.integers(0, 100), st.floats(0, 1))
@settings(max_examples=30)
def test_synchronous_law_is_the_known_closed_form(n, seed, beta):
    # π(s) ∝ exp(βh·s) Π_i 2cosh(βI_i(s)): Little 1974, Peretto 1984.
    model = model_of(n, seed)
    s = exact(model).states.astype(float)
    inputs = s @ model.J + model.h
    weight = np.exp(beta * s @ model.h) * np.cosh(beta * inputs).prod(axis=1)
    law = stationary(transition(model, "synchronous", beta))
    np.testing.assert_allclose(law, weight / weight.sum(), atol=1e-12)


def test_persistence_moves_the_synchronous_law_towards_boltzmann():
    # Unlike one site at a time: cells that mostly stay update almost one at a time.
    model = ring(4, 0.8, 0.2)
    boltzmann = exact(model).probabilities
    gaps = [
        total_variation(stationary(transition(model, "synchronous", persistence=rho)), boltzmann)
        for rho in (0.0, 0.5, 0.9, 0.99, 0.999)
    ]
    assert gaps[0] > 0.3
    assert all(later < earlier for earlier, later in itertools.pairwise(gaps))
    # The error falls with 1 − ρ.
    assert gaps[4] == pytest.approx(gaps[3] / 10, rel=0.05)


def test_cells_without_an_energy():
    # A directed pair: site 1 copies site 0 with probability 0.9, site 0 is a fair coin.
    up = np.array([[0.5, 0.1], [0.5, 0.1], [0.5, 0.9], [0.5, 0.9]])
    law = stationary(transition_of(up, "sequential"))
    np.testing.assert_allclose(law, [0.45, 0.05, 0.05, 0.45], atol=1e-14)


def test_period_two_has_its_average_law():
    flip = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(stationary(flip), [0.5, 0.5])
    assert relaxation(flip) == pytest.approx(1)
    # Deterministic alternation: the mean of two draws is exact.
    assert exact_tau_int(flip, [0.5, 0.5], [-1, 1]) == pytest.approx(0, abs=1e-12)


def test_small_probabilities_keep_relative_accuracy():
    # A birth-death chain with π_k ∝ 1e-6^k.
    T = np.array([[1 - 1e-6, 1e-6, 0, 0], [1 - 1e-6, 0, 1e-6, 0], [0, 1 - 1e-6, 0, 1e-6], [0, 0, 1, 0]])
    law = stationary(T)
    # Detailed balance, entry by entry.
    np.testing.assert_allclose(law[:-1] * np.diag(T, 1), law[1:] * np.diag(T, -1), rtol=1e-12)


def test_transient_states_have_no_weight_and_two_laws_are_refused():
    absorbing = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]])
    np.testing.assert_allclose(stationary(absorbing), [0, 0.5, 0.5])
    with pytest.raises(ValueError, match="reducible: it has 2 sets"):
        stationary(np.eye(2))
    with pytest.raises(ValueError, match="reducible"):
        stationary(transition(ring(4), "sequential", 1000.0))


def test_relaxation_of_two_free_spins_in_random_order():
    # An uncoupled spin is refreshed with probability 1/2 per update.
    assert relaxation(transition(IsingModel(np.zeros((2, 2))), "random")) == pytest.approx(0.5)


def test_tau_int_of_two_states():
    # P(0→1) = a, P(1→0) = b: ρ_k = (1 − a − b)^k.
    a, b = 0.1, 0.3
    T = np.array([[1 - a, a], [b, 1 - b]])
    r = 1 - a - b
    assert exact_tau_int(T, stationary(T), [0, 1]) == pytest.approx((1 + r) / (1 - r))


@given(st.integers(2, 4), st.integers(0, 50))
@settings(max_examples=20)
def test_tau_int_is_the_sum_over_lags(n, seed):
    T = transition(model_of(n, seed), "sequential", 0.5)
    pi = stationary(T)
    f = np.random.default_rng(seed).normal(size=len(pi))
    g = f - pi @ f
    total, after = 1.0, g
    for _ in range(3000):
        after = T @ after
        total += 2 * (pi * g) @ after / (pi @ g**2)
    assert exact_tau_int(T, pi, f) == pytest.approx(total, rel=1e-8)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        ("sequential", {"order": [0, 0, 1]}, "each of the 3 sites once"),
        ("sequential", {"phases": [[0]]}, "need phases"),
        ("random", {"order": [0, 1, 2]}, "order is for"),
        ("phases", {}, "need phases"),
        ("phases", {"phases": [[0, 0]]}, r"phase \[0, 0\]"),
        ("phases", {"phases": [[0, 3]]}, "between 0 and 2"),
        ("phases", {"phases": [[]]}, "non-empty"),
        ("chromatic", {"phases": [[0, 1], [2]]}, "share the phase .* depends on"),
        ("sequential", {"persistence": 1.0}, "below 1"),
        ("sequential", {"persistence": -0.1}, "at least 0"),
        ("wolff", {}, "unknown rule 'wolff'; rules are sequential"),
    ],
)
def test_rules_that_do_not_fit_are_refused(rule, options, message):
    with pytest.raises(ValueError, match=message):
        transition(ring(3), rule, **options)


def test_models_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="up to 10 spins"):
        transition(ring(11), "sequential")
    with pytest.raises(ValueError, match="does not hold spins"):
        conditionals(CategoricalModel([2, 2]))
    with pytest.raises(ValueError, match="probabilities of shape"):
        transition_of(np.full((4, 2), 1.5), "sequential")
    with pytest.raises(ValueError, match="probabilities of shape"):
        transition_of(np.full((3, 2), 0.5), "sequential")


def test_matrices_that_are_no_chains_are_refused():
    for function in (stationary, relaxation):
        with pytest.raises(ValueError, match="square"):
            function(np.ones((2, 3)))
        with pytest.raises(ValueError, match="sum to 1"):
            function(np.ones((2, 2)))
    with pytest.raises(ValueError, match="one state"):
        relaxation([[1.0]])
    T = np.array([[0.9, 0.1], [0.3, 0.7]])
    with pytest.raises(ValueError, match="constant"):
        exact_tau_int(T, stationary(T), [2, 2])
    with pytest.raises(ValueError, match="not the stationary law"):
        exact_tau_int(T, [0.5, 0.5], [0, 1])
    with pytest.raises(ValueError, match="one per state"):
        exact_tau_int(T, stationary(T), [0, 1, 2])


@pytest.mark.parametrize("rule", ["sequential", "random", "synchronous"])
def test_laws_are_right_far_in_the_cold(rule):
    """At βI = 40 a probability of 1 − 10⁻³⁵ is 1 in floating point; its complement must not be 0."""
    pair = IsingModel([[0, 1.0], [1.0, 0]])
    law = stationary(transition(pair, rule, 40.0))
    expected = [0.25] * 4 if rule == "synchronous" else [0.5, 0, 0, 0.5]
    np.testing.assert_allclose(law, expected, atol=1e-12)


def test_the_discrete_rule_is_symmetric_in_the_cold():
    pair = IsingModel([[0, 1.0], [1.0, 0]])
    law = stationary(transition(pair, "discrete", 10.0, time_step=0.1))
    np.testing.assert_allclose(law, law[::-1], atol=1e-12)
