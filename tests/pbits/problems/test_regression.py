"""Posteriors of weights: Bayes' rule on a grid, exact draws, and a machine that integrates the potential."""

import numpy as np
import pytest

import pbits
from hardware_models.langevin import Potentials
from hardware_models.processor import Processor
from pbits.problems import GaussianPosterior, LogisticPosterior

RNG = np.random.default_rng(4)


def on_a_grid(log_density, reach=6, points=801):
    """Mean and covariance of a density of two weights."""
    w = np.linspace(-reach, reach, points)
    grid = np.stack(np.meshgrid(w, w, indexing="ij"), axis=-1).reshape(-1, 2)
    p = np.exp(log_density(grid) - log_density(grid).max())
    p /= p.sum()
    mean = p @ grid
    return mean, (p[:, None] * (grid - mean)).T @ (grid - mean)


def test_the_linear_posterior_is_bayes_rule_on_a_grid():
    X, y = RNG.normal(size=(5, 2)), RNG.normal(size=5)
    task = GaussianPosterior(X, y, noise_sd=0.7, prior_sd=2.0)
    mean, covariance = on_a_grid(
        lambda w: -((y - w @ X.T) ** 2).sum(axis=1) / (2 * 0.7**2) - (w**2).sum(axis=1) / (2 * 2.0**2)
    )
    np.testing.assert_allclose(task.exact().mean, mean, atol=1e-8)
    np.testing.assert_allclose(task.exact().covariance, covariance, atol=1e-8)
    np.testing.assert_allclose(task.baseline().value.covariance, covariance, atol=1e-8)


def test_the_score_counts_posterior_standard_deviations():
    task = GaussianPosterior.from_diabetes()
    exact = task.exact()
    assert task.score(exact) == task.score(exact.mean) == 0
    assert task.score(exact.mean + 2 * exact.sd) == pytest.approx(2.0)


def test_exact_draws_come_within_their_standard_error():
    # The score of the mean of m exact draws has mean square 1/m. By Markov it passes 10/√m with probability
    # below 1 %; a wrong mean or scale passes it by far.
    task = GaussianPosterior.from_diabetes()
    exact = task.exact()
    draws = np.random.default_rng(2).multivariate_normal(exact.mean, exact.covariance, 4000)
    found = task.solution(draws, task.to_model().energy(draws))
    assert 0 < found.objective < 10 / np.sqrt(4000)
    assert found.unit == "posterior sd"
    assert (np.abs(found.value.sd / exact.sd - 1) < 5 / np.sqrt(2 * 4000)).all()
    picture = task.picture(found)
    np.testing.assert_allclose(picture["sd"], found.value.sd)
    np.testing.assert_allclose(picture["exact_sd"], exact.sd)


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


X = np.column_stack([np.ones(12), RNG.normal(size=12)])
LABELS = X[:, 1] + RNG.logistic(size=12) > 0


def test_the_logistic_posterior_is_bayes_rule_on_a_grid():
    task = LogisticPosterior(X, LABELS, prior_sd=1.5)

    def log_density(w):
        z = w @ X.T
        return (LABELS * z - np.logaddexp(0, z)).sum(axis=1) - (w**2).sum(axis=1) / (2 * 1.5**2)

    mean, covariance = on_a_grid(log_density, reach=9)
    # 40,000 weighted proposals know a mean to 1 % of an sd or better, fixed ones always by the same error.
    assert np.abs((task.exact().mean - mean) / task.exact().sd).max() < 0.02
    np.testing.assert_allclose(task.exact().covariance, covariance, rtol=0.05, atol=0.01)
    grid = RNG.normal(size=(5, 2))
    energies = task.to_model().energy(grid)
    np.testing.assert_allclose(energies - energies[0], -log_density(grid) + log_density(grid)[0], atol=1e-10)
    assert np.linalg.norm(task.to_model().gradient(task.mode())) < 1e-8


def test_labels_of_either_kind_are_the_same():
    task, other = (LogisticPosterior(X, labels, prior_sd=1.0) for labels in (LABELS, np.where(LABELS, 1, -1)))
    assert task.to_model().fingerprint() == other.to_model().fingerprint()
    with pytest.raises(ValueError, match="labels must be 0 and 1, or −1 and"):
        LogisticPosterior(X, np.arange(12), prior_sd=1.0)


@pytest.mark.parametrize("machine", [Processor(), Potentials()])
def test_a_machine_samples_the_logistic_posterior_and_not_its_laplace_approximation(machine):
    whole = LogisticPosterior.from_breast_cancer()
    assert whole.to_model().n == len(whole.names) == 11
    task = LogisticPosterior(whole.X[:100, :5], whole.labels[:100], prior_sd=1.5)
    schedule = pbits.Schedule(n_samples=200, n_warmup=20, chains=40)
    found = pbits.run(task, machine, schedule, seed=1, judge=False).solution
    # Hundreds of the 8000 draws count: a score of 0.1 is 2.6 standard errors of every weight; the mode is off by more.
    assert found.effective_samples > 400
    assert found.objective < 0.1 < task.score(task.baseline("laplace").value)
    assert (np.abs(found.value.mean - task.exact().mean) < 4.5 * found.error.mean + 0.02 * task.exact().sd).all()
    assert (np.abs(found.value.sd / task.exact().sd - 1) < 0.12).all()


def test_a_posterior_far_from_normal_has_no_known_moments():
    far = LogisticPosterior(np.column_stack([np.ones((60, 1)), RNG.normal(size=(60, 30))]), [1] * 59 + [0], prior_sd=50)
    with pytest.raises(ValueError, match="proposals count"):
        far.exact()
    states = RNG.normal(size=(30, 20, 31))
    found = far.answer(states, far.to_model().energy(states))
    assert found.objective is None
    assert str(found).startswith("estimated")
    assert far.picture(found)["exact_mean"] is None
    assert np.isnan(far.distance(found.value))


def test_a_posterior_that_is_not_normal_is_read_at_its_own_beta():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    task = LogisticPosterior(X, np.sign(X[:, 0] + 0.5 * rng.normal(size=30)), prior_sd=1.0)
    states = rng.normal(size=(4, 100, 2))
    with pytest.raises(ValueError, match="the run is at β = 4; a posterior that is not normal"):
        task.answer(states, task.to_model().energy(states), beta=4.0)


def test_a_mode_that_newton_does_not_find_is_an_error():
    """Classes that can be told apart, of numbers and a prior so large that nothing keeps the weights."""
    X = 1e6 * np.random.default_rng(0).normal(size=(40, 3))
    task = LogisticPosterior(X, np.sign(X @ [1.0, 2.0, 3.0]), prior_sd=1e6)
    with pytest.raises(ValueError, match="Newton's method finds no mode within 500 steps; scale the columns of X"):
        task.mode()
