"""Errors that cover: exact draws of Ornstein–Uhlenbeck processes, as often as a normal error does.

Each coverage is of 60 runs with fixed seeds. Of one entry it scatters by 3 %, of several less; a count outside the
stated bounds has a chance below 1e-3 for errors that are right.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.langevin import OrnsteinUhlenbeck
from pbits.problems import (
    Determinant,
    GaussianPosterior,
    GaussianSampling,
    LinearSystem,
    LyapunovEquation,
    MatrixExponential,
    MatrixInverse,
    MeanAndCovariance,
)
from pbits.problems.estimates import LEAST_BATCHES, average, average_products
from pbits.streams import Streams

RNG = np.random.default_rng(1)
AXES = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
A = (AXES * np.array([0.5, 2.0, 8.0])) @ AXES.T
A = (A + A.T) / 2
ROTATING = np.array([[0.3, 3.0, 0.0], [-3.0, 0.3, 0.5], [0.0, 0.0, 1.0]])
PROBLEMS = {
    "solve": LinearSystem(A, [1.0, -1.0, 2.0]),
    "inverse": MatrixInverse(A),
    "lyapunov": LyapunovEquation(A + np.triu(np.full((3, 3), 0.7), 1), np.diag([1.0, 2.0, 3.0])),
    "exponential": MatrixExponential(ROTATING, t=1.0),
    "determinant": Determinant(A, stages=3),
    "sampling": GaussianSampling(pbits.DiffusionModel(ROTATING, [1.0, 0.0, 0.0])),
    "posterior": GaussianPosterior(RNG.normal(size=(8, 3)), RNG.normal(size=8), noise_sd=0.5, prior_sd=2.0),
}


def draws(problem, chains, samples, seed, *, spacing=0.5, beta=1.0):
    """Of the stationary process that a circuit would make of the problem's model."""
    model = problem.to_model()
    process = OrnsteinUhlenbeck(model.A, getattr(model, "D", np.eye(model.n)) / beta, model.mean)
    spread = np.random.default_rng(seed).normal(size=(chains, model.n)) @ np.linalg.cholesky(process.covariance).T
    return process.transition(spacing).path(model.mean + spread, samples, Streams(seed=seed))


def answer(problem, states, *, spacing=0.5, beta=1.0):
    return problem.answer(states, problem.to_model().energy(states), beta=beta, step_tau=spacing)


def flat(value):
    if isinstance(value, MeanAndCovariance):
        return np.concatenate([value.mean, value.covariance[np.triu_indices(len(value.mean))]])
    return np.ravel(value)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("chains", "samples", "beta"), [(4, 2500, 1.0), (60, 100, 4.0)])
def test_errors_cover_the_right_answer_as_often_as_they_say(name, chains, samples, beta):
    problem = PROBLEMS[name]
    found = [answer(problem, draws(problem, chains, samples, seed, beta=beta), beta=beta) for seed in range(60)]
    off = np.array([(flat(one.value) - flat(problem.exact())) / flat(one.error) for one in found])
    assert 0.82 < (np.abs(off) < 1.96).mean() <= 1
    assert 0.75 < np.sqrt((off**2).mean()) < 1.3
    assert all(0 < one.effective_samples < 2 * chains * samples for one in found)


def test_a_mode_that_rotates_is_as_slow_as_its_square():
    # x itself forgets its sign within a few draws, and its square, of mean 50, only after 25.
    vortex = GaussianSampling(pbits.DiffusionModel([[0.02, 1.0], [-1.0, 0.02]]))
    off = []
    for seed in range(30):
        found = answer(vortex, draws(vortex, 1, 20_000, seed, spacing=1.0))
        off.append((found.value.covariance[0, 0] - 50) / found.error.covariance[0, 0])
    # 30 normal numbers: beyond 1.5 with a chance of 1e-4.
    assert np.sqrt(np.mean(np.square(off))) < 1.5


def test_neighbouring_draws_count_as_fewer():
    problem = PROBLEMS["inverse"]
    far, near = (answer(problem, draws(problem, 4, 4000, 1, spacing=h), spacing=h) for h in (8.0, 0.1))
    # Far apart all 16,000 count, less what a worst of nine entries by 1000 batches is low.
    assert 12_000 < far.effective_samples < 20_000
    # Near each other a covariance counts tanh(0.1 λ) of them at the slowest, λ = 0.5.
    assert 400 < near.effective_samples < 1600
    assert (near.error > 2 * far.error).all()


def test_the_error_of_an_inverse_is_that_of_the_law():
    # √((tr²Σ + tr Σ²)/(N tr Σ²)) of independent draws, √(9/N) of eight sites alike.
    problem = MatrixInverse(np.eye(8))
    found = answer(problem, draws(problem, 1, 40_000, 2, spacing=20.0), spacing=20.0)
    assert problem.relative_error(found) == pytest.approx(3 / np.sqrt(40_000), rel=0.05)
    assert found.objective == pytest.approx(3 / np.sqrt(40_000), rel=0.5)


def test_few_draws_give_an_answer_without_an_error():
    problem = PROBLEMS["solve"]
    states = draws(problem, 2, 5, 1)
    found = answer(problem, states)
    np.testing.assert_allclose(found.value, states.mean(axis=(0, 1)), rtol=1e-12)
    assert (found.error, found.effective_samples) == (None, None)
    assert problem.relative_error(found) is None
    assert "relative residual" in str(found)


@settings(max_examples=30, deadline=None)
@given(chains=st.integers(1, 2000), samples=st.integers(1, 40), n=st.integers(1, 3), seed=st.integers(0, 99))
def test_averages_are_those_of_all_draws_but_a_few(chains, samples, n, seed):
    x = np.random.default_rng(seed).normal(size=(chains, samples, n))
    found, products = average(x), average_products(x, x)
    assert found.value.shape == (n,)
    assert products.value.shape == (n, n)
    np.testing.assert_allclose(products.value, products.value.T, atol=1e-12)
    if chains >= LEAST_BATCHES:
        assert (np.abs(found.value - x.mean(axis=(0, 1))) <= 3 * found.error).all()
        assert found.effective_samples > 0


def test_what_never_moves_has_no_error_to_divide_by():
    found = average(np.ones((30, 50, 2)))
    assert (found.error == 0).all()
    assert found.effective_samples is None


def test_baselines_are_timed_and_unknown_ones_refused():
    problem = PROBLEMS["inverse"]
    found = problem.baseline()
    np.testing.assert_allclose(found.value, np.linalg.inv(A), atol=1e-12)
    assert (found.flops, found.iterations) == (27, 1)
    assert found.wall_time_s > 0
    with pytest.raises(ValueError, match="method is 'guess'; this problem has cholesky, numpy"):
        problem.baseline("guess")


@pytest.mark.parametrize("name", PROBLEMS)
def test_all_baselines_agree_with_the_exact_answer(name):
    problem = PROBLEMS[name]
    for method in problem.methods():
        found = problem.baseline(method)
        allowed = 0.3 if name == "sampling" else 1e-6
        np.testing.assert_allclose(flat(found.value), flat(problem.exact()), atol=allowed)


def test_one_state_answers_nothing():
    problem = PROBLEMS["solve"]
    assert problem.decode(np.zeros(3)) is None
    assert problem.objectives(np.zeros((2, 3))) is None
