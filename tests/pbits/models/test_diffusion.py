"""Linear diffusions: their law against paths and definitions.

The statistical test has a fixed seed and bounds of 5 standard errors (one false alarm in 1.7 million a number).
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from hardware_models.langevin import Circuit
from pbits.langevin import OrnsteinUhlenbeck, steady_state
from pbits.models import DiffusionModel, GaussianModel
from pbits.streams import Streams


def random_model(n, seed):
    rng = np.random.default_rng(seed)
    root, noise, skew = rng.normal(size=(3, n, n))
    A = root @ root.T / n + 0.3 * np.eye(n) + skew - skew.T
    return DiffusionModel(A, rng.normal(size=n), noise @ noise.T + 0.1 * np.eye(n), rng.normal())


@given(st.integers(1, 5), st.integers(0, 200))
def test_the_energy_is_that_of_the_law_and_lowest_at_the_mean(n, seed):
    model = random_model(n, seed)
    sigma = model.covariance
    np.testing.assert_allclose(model.A @ sigma + sigma @ model.A.T, 2 * model.D, atol=1e-9 * np.abs(model.D).max())
    np.testing.assert_allclose(model.A @ model.mean, model.b, atol=1e-9)
    x = np.random.default_rng(seed + 1).normal(size=(2, 3, n))
    off = x - model.mean
    expected = model.offset + 0.5 * np.einsum("abi,ij,abj->ab", off, np.linalg.inv(sigma), off)
    np.testing.assert_allclose(model.energy(x), expected, rtol=1e-7)
    assert model.energy(model.mean) == pytest.approx(model.offset, abs=1e-9 * (1 + np.abs(model.energy(0 * x)).max()))
    law = pbits.exact(model, beta=2.0)
    np.testing.assert_allclose(law.mean, model.mean, atol=1e-8)


@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_paths_of_its_equation_have_its_law(beta):
    model, chains = random_model(3, 7), 20_000
    process = OrnsteinUhlenbeck(model.A, model.D / beta, model.mean)
    late = process.sample(np.zeros((chains, 3)), [60.0], Streams(seed=1))[:, 0]
    sigma = model.covariance / beta
    variances = np.diag(sigma)
    assert (np.abs(late.mean(axis=0) - model.mean) < 5 * np.sqrt(variances / chains)).all()
    error = np.sqrt((np.outer(variances, variances) + sigma**2) / chains)
    assert (np.abs(np.cov(late.T) - sigma) < 5 * error).all()
    # Not the law of a machine that takes A for a precision: the test tells them apart.
    other = np.linalg.inv((model.A + model.A.T) / 2) / beta
    assert (np.abs(np.cov(late.T) - other) > 5 * error).any()


def test_with_mutual_couplings_and_equal_noise_it_is_a_gaussian_model():
    A, b = np.array([[2.0, -0.5], [-0.5, 1.0]]), np.array([1.0, -1.0])
    model, gaussian = DiffusionModel(A, b), GaussianModel(A, b)
    x = np.random.default_rng(0).normal(size=(5, 2))
    lowest = gaussian.energy(gaussian.mean)
    np.testing.assert_allclose(model.energy(x), gaussian.energy(x) - lowest, atol=1e-12)
    np.testing.assert_allclose(model.covariance, np.linalg.inv(A), atol=1e-12)
    assert steady_state(OrnsteinUhlenbeck(A, model.D)).entropy_rate < 1e-12


def test_arrays_hold_the_model_and_its_fingerprint():
    model = random_model(3, 1)
    again = DiffusionModel.from_arrays({name: np.array(array) for name, array in model.arrays().items()})
    assert again.fingerprint() == model.fingerprint()
    for name in ("A", "b", "D", "offset"):
        changed = {key: np.array(array, copy=True) for key, array in model.arrays().items()}
        changed[name] = changed[name] * (1 + 1e-9)
        assert DiffusionModel.from_arrays(changed).fingerprint() != model.fingerprint()
    # The same stationary law by another motion is another model.
    other = DiffusionModel(2 * model.A, 2 * model.b, 2 * model.D, model.offset)
    np.testing.assert_allclose(other.covariance, model.covariance, rtol=1e-12)
    assert other.fingerprint() != model.fingerprint()
    assert repr(model) == "DiffusionModel(n=3)"
    for array in (model.A, model.b, model.D, model.covariance):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_a_run_keeps_it(tmp_path):
    model = random_model(2, 3)
    run = pbits.run(model, Circuit(), pbits.Schedule(n_samples=20, chains=3), seed=1)
    run.save(tmp_path / "run")
    again = pbits.Run.load(tmp_path / "run")
    assert isinstance(again.model, DiffusionModel)
    assert again.model.fingerprint() == model.fingerprint()
    np.testing.assert_array_equal(again.states, run.states)
    np.testing.assert_allclose(again.energies, model.energy(run.states), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 3)),), "square"),
        ((np.zeros((0, 0)),), "at least one site"),
        (([[np.inf]],), r"A\[0, 0\] is inf"),
        (([[1.0, 2.0], [2.0, 1.0]],), "real part -1; .*add at least that much"),
        (([[0.0, 1.0], [-1.0, 0.0]],), "it must be positive"),
        (([[1.0]], [1.0, 2.0]), r"b has shape \(2,\)"),
        (([[1.0]], None, [1.0]), r"D has shape \(1,\); expected \(1, 1\)"),
        ((np.eye(2), None, [[1.0, 0.5], [0.0, 1.0]]), r"D is not symmetric.*\(D \+ Dᵀ\)/2"),
        ((np.eye(2), None, [[1.0, 2.0], [2.0, 1.0]]), "eigenvalue -1; a covariance has none below 0"),
        ((np.eye(2), None, np.diag([1.0, 0.0])), "a direction of x without any spread"),
        (([[1.0]], None, [[np.nan]]), r"D\[0, 0\] is nan"),
        (([[1.0]], None, None, np.nan), "offset"),
    ],
)
def test_bad_models_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        DiffusionModel(*arguments)


def test_noise_in_one_direction_is_enough_where_couplings_pass_it_on():
    model = DiffusionModel([[0.0, -1.0], [1.0, 0.5]], None, np.diag([0.0, 0.5]))
    np.testing.assert_allclose(model.covariance, np.eye(2), atol=1e-12)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(TypeError, match="complex"):
        DiffusionModel([[1j]])
    with pytest.raises(TypeError, match="D holds"):
        DiffusionModel([[1.0]], None, [["a"]])
