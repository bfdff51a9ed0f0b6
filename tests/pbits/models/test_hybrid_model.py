import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits import CategoricalModel, HybridModel, IsingModel
from pbits.models.base import clamped_sites


def random_model(seed, states=(3, 2), m=2):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(m, m))
    discrete = CategoricalModel(
        states, [rng.normal(size=q) for q in states], {(0, 1): rng.normal(size=states[:2])}, offset=rng.normal()
    )
    drives = {site: rng.normal(size=(q, m)) for site, q in enumerate(states)}
    return HybridModel(discrete, root @ root.T + np.eye(m), rng.normal(size=m), drives), drives


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_energy_is_the_declared_formula(seed, m):
    model, drives = random_model(seed, m=m)
    rng = np.random.default_rng(seed + 1)
    c = rng.integers(0, [3, 2], size=(4, 5, 2))
    x = rng.normal(size=(4, 5, m))
    energies = model.energy(np.concatenate([c, x], axis=-1))
    assert energies.shape == (4, 5)
    for row in np.ndindex(4, 5):
        force = model.modes.b + drives[0][c[row][0]] + drives[1][c[row][1]]
        expected = model.discrete.energy(c[row]) + 0.5 * x[row] @ model.modes.A @ x[row] - force @ x[row]
        assert energies[row] == pytest.approx(expected, rel=1e-10, abs=1e-10)
        np.testing.assert_allclose(model.drive(c[row]), force, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_arrays_give_the_model_back(seed):
    model, _ = random_model(seed)
    again = HybridModel.from_arrays(model.arrays())
    assert again.fingerprint() == model.fingerprint()
    assert HybridModel(model.discrete, model.modes.A, model.modes.b).fingerprint() != model.fingerprint()


def test_a_mixture_has_its_density():
    rng = np.random.default_rng(3)
    weights, means, A = np.array([1.0, 2.0, 5.0]), rng.normal(size=(3, 2)), np.array([[2.0, 0.5], [0.5, 1.0]])
    model = HybridModel.mixture(weights, means, A)
    law = pbits.exact(model)
    np.testing.assert_allclose(law.probabilities, weights / weights.sum(), rtol=1e-12)
    np.testing.assert_allclose(law.mode_means, means, atol=1e-12)
    np.testing.assert_allclose(law.mode_covariance, np.linalg.inv(A), atol=1e-12)
    assert law.log_z == pytest.approx(np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(A).logabsdet)


def test_spins_are_sites_of_two_categories():
    rng = np.random.default_rng(1)
    J = np.triu(rng.normal(size=(4, 4)), 1)
    spins = IsingModel(J + J.T, rng.normal(size=4), offset=0.3)
    sites = CategoricalModel.from_ising(spins)
    for state in itertools.product([0, 1], repeat=4):
        assert sites.energy(state) == pytest.approx(spins.energy(2 * np.array(state) - 1))


def test_categories_have_values_and_modes_do_not():
    model, _ = random_model(0)
    assert [model.lists(site) for site in range(4)] == [True, True, False, False]
    assert model.values(0).tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="no finite list"):
        model.values(2)
    sites, values = clamped_sites(model, {3: -0.25, 0: 2})
    assert sites.tolist() == [0, 3]
    assert values.tolist() == [2.0, -0.25]
    with pytest.raises(ValueError, match="clamp sets site 1 to 2"):
        clamped_sites(model, {1: 2})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((IsingModel([[0, 1], [1, 0]]), [[1.0]]), TypeError, "from_ising"),
        ((CategoricalModel([2]), [[1, 2], [2, 1]]), ValueError, "not positive definite"),
        ((CategoricalModel([2]), [[1.0]], [1.0, 2.0]), ValueError, r"b has shape \(2,\)"),
        ((CategoricalModel([2]), [[1.0]], None, {1: [[0.0], [1.0]]}), ValueError, "sites 0 to 0"),
        ((CategoricalModel([2]), [[1.0]], None, {"a": [[0.0], [1.0]]}), TypeError, "whole numbers 0 to 0"),
        ((CategoricalModel([2]), [[1.0]], None, {0: [[0.0, 1.0]]}), ValueError, r"expected \(2, 1\)"),
        ((CategoricalModel([2]), [[1.0]], None, {0: [[0.0], [np.nan]]}), ValueError, r"drives\[0\]\[1, 0\] is nan"),
        ((CategoricalModel([2]), [[1.0]], None, {0: [[0.0], ["x"]]}), TypeError, "no number"),
    ],
)
def test_bad_models_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        HybridModel(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [[0.0]], [[1.0]]), "at least two"),
        (([1.0, -1.0], [[0.0], [1.0]], [[1.0]]), "positive"),
        (([1.0, 1.0], [[0.0, 1.0]], [[1.0]]), r"expected \(2, 1\)"),
        (([1.0, 1.0], [[0.0], [np.inf]], [[1.0]]), r"means\[1, 0\] is inf"),
    ],
)
def test_bad_mixtures_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        HybridModel.mixture(*arguments)


@pytest.mark.parametrize("state", [[3, 0, 0.0, 0.0], [-1, 0, 0.0, 0.0], [0.5, 0, 0.0, 0.0]])
def test_a_category_that_is_none_has_no_energy(state):
    with pytest.raises(ValueError, match="its categories are 0 to 2"):
        random_model(0)[0].energy(state)
    if state[0] != 0.5:
        with pytest.raises(ValueError, match="does not have"):
            random_model(0)[0].drive(state[:2])


@pytest.mark.parametrize("site", [0, 2])
def test_one_number_is_clamped_for_all_chains(site):
    model, _ = random_model(0)
    with pytest.raises(ValueError, match="not in a HybridModel; give one number for all chains"):
        clamped_sites(model, {site: [0, 1]}, chains=2)
    assert clamped_sites(model, {site: 1}, chains=2)[1].tolist() == [1]
