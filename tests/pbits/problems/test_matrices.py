"""Inverses, Lyapunov equations and exponentials: posed so that exact laws are the answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, solve_continuous_lyapunov

import pbits
from hardware_models.processor import Processor
from pbits.problems import GaussianSampling, LyapunovEquation, MatrixExponential, MatrixInverse, MeanAndCovariance

RNG = np.random.default_rng(3)
SKEW = RNG.normal(size=(4, 4))


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 6), t=st.floats(0.1, 3), seed=st.integers(0, 10_000))
def test_the_posed_diffusion_forgets_as_the_exponential_does(n, t, seed):
    matrix = np.random.default_rng(seed).normal(size=(n, n))
    task = MatrixExponential(matrix, t)
    model = task.to_model()
    np.testing.assert_allclose(model.covariance, np.eye(n), atol=1e-8)
    left = np.exp(task.shift * t) * expm(-model.A * t) @ model.covariance
    np.testing.assert_allclose(left, expm(-matrix * t), atol=1e-8 * np.abs(left).max())
    lowest = np.linalg.eigvalsh((matrix + matrix.T) / 2)[0]
    assert task.shift == (0 if lowest > 0 else pytest.approx(0.5 / t - lowest))


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_the_covariance_of_the_posed_diffusion_solves_the_lyapunov_equation(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    A = rng.normal(size=(n, n)) + 3 * n * np.eye(n)
    task = LyapunovEquation(A, D := root @ root.T + 0.1 * np.eye(n))
    X = task.to_model().covariance
    np.testing.assert_allclose(A @ X + X @ A.T, D, atol=1e-9 * np.abs(D).max())
    np.testing.assert_allclose(task.exact(), solve_continuous_lyapunov(A, D), atol=1e-10)


def test_a_processor_answers_what_a_circuit_is_asked():
    # Five standard errors: 1e-4 for these 36 entries.
    for task in (
        MatrixExponential(SKEW + 2 * np.eye(4), t=0.4),
        LyapunovEquation(SKEW + 3 * np.eye(4), np.diag([1.0, 2.0, 3.0, 4.0])),
    ):
        found = pbits.run(task, Processor(), seed=1).solution
        assert (np.abs(found.value - task.exact()) < 5 * found.error).all()
        assert found.objective < 0.1


def test_an_exponential_needs_draws_a_whole_part_of_t_apart():
    task = MatrixExponential(np.eye(2), t=1.0)
    states = np.zeros((1, 10, 2))
    with pytest.raises(ValueError, match=r"0.3 apart and t is 1, which is no whole multiple.*step_tau=0.33"):
        task.answer(states, np.zeros((1, 10)), step_tau=0.3)
    with pytest.raises(ValueError, match="this machine tells none"):
        task.answer(states, np.zeros((1, 10)))
    with pytest.raises(ValueError, match="t is 10 draws and a chain has 10; take at least 11"):
        task.answer(states, np.zeros((1, 10)), step_tau=0.1)
    with pytest.raises(ValueError, match=r"4 apart and t is 1.*step_tau=1, "):
        task.answer(states, np.zeros((1, 10)), step_tau=4.0)


def test_a_finer_spacing_uses_the_pairs_in_between():
    task = MatrixExponential([[1.0, 0.5], [-0.5, 1.0]], t=1.0)
    coarse, fine = (
        pbits.run(task, Processor(), pbits.Schedule(n_samples=2000 * k, step_tau=1 / k), seed=1).solution.error
        for k in (1, 4)
    )
    assert (fine < coarse).all()


def test_the_shift_is_undone():
    task = MatrixExponential([[0.2, 0.0], [0.0, 1.0]], t=1.0, shift=1.0)
    found = pbits.run(task, Processor(), pbits.Schedule(n_samples=4000, step_tau=1.0), seed=2).solution
    assert (np.abs(found.value - task.exact()) < 4.5 * found.error).all()
    # e times the error of a correlation of draws, 1/√16,000.
    assert np.median(found.error) == pytest.approx(np.e / np.sqrt(16_000), rel=0.3)


def test_moments_are_scored_by_what_one_draw_knows():
    model = pbits.GaussianModel([[2.0, 0.5], [0.5, 1.0]], [1.0, 0.0])
    task = GaussianSampling(model)
    exact = task.exact()
    assert task.score(exact) == 0
    shifted = MeanAndCovariance(mean=exact.mean + exact.sd, covariance=exact.covariance)
    assert task.score(shifted) == pytest.approx(np.sqrt(2 / 5))
    scores = [task.score(task.baseline(draws=2000, seed=seed).value) for seed in range(40)]
    # The mean of 40 squares of five parts each: within 5 standard errors of 1/2000.
    assert np.mean(np.square(scores)) == pytest.approx(1 / 2000, rel=0.5)


def test_small_matrices_are_drawn_beside_the_exact_ones():
    task = MatrixInverse([[2.0, 0.5], [0.5, 1.0]])
    found = pbits.run(task, Processor(), pbits.Schedule(n_samples=500), seed=3).solution
    picture = task.picture(found)
    assert picture["labels"] == ["0, 0", "0, 1", "1, 1"]
    upper = np.triu_indices(2)
    np.testing.assert_array_equal(picture["mean"], found.value[upper])
    np.testing.assert_array_equal(picture["sd"], found.error[upper])
    np.testing.assert_array_equal(picture["exact_mean"], task.exact()[upper])
    turn = MatrixExponential([[0.0, 1.0], [-1.0, 0.0]])
    found = pbits.run(
        turn, Processor(), pbits.Schedule(n_samples=4, n_warmup=2, step_tau=1.0, chains=2), seed=3
    ).solution
    assert turn.picture(found)["labels"] == ["0, 0", "0, 1", "1, 0", "1, 1"]
    assert turn.picture(found)["sd"] is None
    large = MatrixInverse(np.eye(7))
    assert large.picture(pbits.run(large, Processor(), pbits.Schedule(n_samples=9), seed=3).solution) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MatrixInverse([[1.0, 2.0], [0.0, 1.0]]), r"not symmetric.*MatrixInverse\(A.T @ A\)"),
        (lambda: MatrixExponential([1.0, 2.0]), r"A has shape \(2,\)"),
        (lambda: MatrixExponential([[1.0]], t=-1.0), "t is -1.0; it must be positive"),
        (lambda: MatrixExponential([[-1.0]], shift=0.5), "shift is 0.5 and the lowest eigenvalue .* is -1; their sum"),
        (lambda: LyapunovEquation([[-1.0]], [[1.0]]), "real part -1; it must be positive"),
        (lambda: LyapunovEquation([[1.0]], [[-1.0]]), "D has the eigenvalue -0.5"),
    ],
)
def test_impossible_matrices_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_only_linear_models_are_sampled_for_their_moments():
    with pytest.raises(TypeError, match="model is a IsingModel"):
        GaussianSampling(pbits.IsingModel([[0.0]]))


def test_an_exponential_beyond_what_numbers_hold_is_refused():
    with pytest.raises(ValueError, match=r"A must be shifted by 100, .* take a t below 7"):
        MatrixExponential([[-100.0]], t=10.0)
