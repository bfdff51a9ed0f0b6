"""Linear systems and regression: the mean of exact draws is the answer."""

import numpy as np
import pytest

from pbits.problems import GaussianPosterior, LinearSystem

RNG = np.random.default_rng(6)
ROOT = RNG.normal(size=(5, 5))
A, B = ROOT @ ROOT.T + np.eye(5), RNG.normal(size=5)


def test_the_model_has_the_solution_as_its_mean():
    system = LinearSystem(A, B)
    np.testing.assert_allclose(system.to_model().mean, np.linalg.solve(A, B), rtol=1e-12)
    assert system.score(np.linalg.solve(A, B)) < 1e-12
    assert system.score(np.zeros(5)) == pytest.approx(1.0)


def test_the_solution_is_the_mean_and_not_the_best_state():
    system = LinearSystem(A, B)
    x = np.linalg.solve(A, B)
    states = np.stack([x, x + 1, x + 2])
    found = system.solution(states, system.to_model().energy(states))
    np.testing.assert_allclose(found.value, x + 1, rtol=1e-12)
    assert found.objective == pytest.approx(np.linalg.norm(A @ np.ones(5)) / np.linalg.norm(B))
    assert (found.feasible, found.gap, found.valid_fraction) == (True, None, 1.0)


@pytest.mark.parametrize(
    ("matrix", "b", "message"),
    [
        ([[1, 2], [0, 1]], [1, 1], r"not symmetric.*LinearSystem\(A.T @ A, A.T @ b\)"),
        ([[1, 0], [0, -1]], [1, 1], "not positive definite.*normal equations"),
        ([[1, 0], [0, 1]], [1, 1, 1], r"b has shape \(3,\); expected \(2,\)"),
        ([[1, 0], [0, 1]], [0, 0], "b is zero"),
        (3.0, [1], r"A has shape \(\); expected a square matrix"),
        ([[1, 0], [0]], [1, 1], "A is not a rectangular array"),
    ],
)
def test_other_systems_are_refused_with_the_remedy(matrix, b, message):
    with pytest.raises(ValueError, match=message):
        LinearSystem(matrix, b)


def test_the_remedy_works():
    skew = RNG.normal(size=(4, 4))
    b = RNG.normal(size=4)
    mean = LinearSystem(skew.T @ skew, skew.T @ b).to_model().mean
    np.testing.assert_allclose(skew @ mean, b, atol=1e-8)


def test_the_posterior_is_bayes_rule_on_a_grid():
    X, y = np.array([[1.0], [2.0], [-1.0]]), np.array([0.5, 2.0, -1.5])
    task = GaussianPosterior(X, y, noise_sd=0.7, prior_sd=2.0)
    w = np.linspace(-6, 6, 24001)
    log_posterior = -((y[:, None] - X * w) ** 2).sum(axis=0) / (2 * 0.7**2) - w**2 / (2 * 2.0**2)
    p = np.exp(log_posterior - log_posterior.max())
    p /= p.sum()
    assert task.to_model().mean[0] == pytest.approx((p * w).sum(), abs=1e-9)
    variance = (p * w**2).sum() - (p * w).sum() ** 2
    assert 1 / task.to_model().A[0, 0] == pytest.approx(variance, rel=1e-9)


def test_the_score_counts_posterior_standard_deviations():
    task = GaussianPosterior.from_diabetes()
    model = task.to_model()
    sd = np.sqrt(np.diag(np.linalg.inv(model.A)))
    assert task.score(model.mean) == 0
    assert task.score(model.mean + 2 * sd) == pytest.approx(2.0)


def test_exact_draws_come_within_their_standard_error():
    # The score of the mean of m exact draws has mean square 1/m. By Markov it passes 10/√m with probability
    # below 1 %; a wrong mean or scale passes it by far.
    task = GaussianPosterior.from_diabetes()
    model = task.to_model()
    draws = np.random.default_rng(2).multivariate_normal(model.mean, np.linalg.inv(model.A), 4000)
    found = task.solution(draws, model.energy(draws))
    assert 0 < found.objective < 10 / np.sqrt(4000)
    assert found.unit == "posterior sd"


def test_diabetes_is_standardised():
    task = GaussianPosterior.from_diabetes()
    np.testing.assert_allclose(task.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(task.X.std(axis=0), 1)
    assert task.y.std() == pytest.approx(1)
    assert len(task.names) == task.to_model().n == 10
    residual = task.y - task.X @ np.linalg.lstsq(task.X, task.y, rcond=None)[0]
    assert task.noise_sd == pytest.approx(np.sqrt((residual**2).sum() / 432))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": [1.0, 2.0]}, r"expected finite numbers \(m, n\)"),
        ({"y": [1.0]}, r"y has shape \(1,\); expected \(2,\)"),
        ({"noise_sd": 0.0}, "noise_sd is 0.0; it must be positive"),
        ({"prior_sd": np.nan}, "prior_sd is nan"),
        ({"names": ("a", "b")}, "names has 2 entries; expected 1"),
    ],
)
def test_impossible_regressions_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        GaussianPosterior(**{"X": [[1.0], [2.0]], "y": [1.0, 2.0], "noise_sd": 1.0, "prior_sd": 1.0, **changes})
