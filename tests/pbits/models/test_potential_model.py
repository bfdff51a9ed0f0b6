import numba
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from pbits.models import IsingModel
from pbits.models.potential import PotentialModel, QuarticModel


def random_quartic(n, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return QuarticModel(rng.random(n) + 0.1, rng.normal(size=n), J + J.T, rng.normal(size=n), rng.normal())


def slope_of(model, x):
    """Central differences, exact to about 1e-9 here."""
    step = 1e-5
    return np.stack([(model.energy(x + d) - model.energy(x - d)) / (2 * step) for d in step * np.eye(model.n)], -1)


@given(st.integers(1, 6), st.integers(0, 100))
def test_the_quartic_energy_is_the_declared_formula_and_its_gradient_the_slope(n, seed):
    model = random_quartic(n, seed)
    x = np.random.default_rng(seed + 1).normal(size=(2, 3, n))
    pairs = np.einsum("abi,ij,abj->ab", x, model.couplings.csr.toarray(), x)
    wells = (model.a * x**4 / 4 - model.b * x**2 / 2).sum(-1)
    np.testing.assert_allclose(model.energy(x), model.offset + wells - pairs / 2 - x @ model.couplings.h, atol=1e-10)
    np.testing.assert_allclose(model.gradient(x), slope_of(model, x), atol=1e-7)
    assert model.gradient(x[0, 0]).shape == (n,)


def test_deep_wells_hold_the_spins_of_an_ising_model():
    J = np.array([[0.0, 1.0, -0.5], [1.0, 0.0, 0.3], [-0.5, 0.3, 0.0]])
    h = np.array([0.2, -0.1, 0.4])
    spins = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    deep = QuarticModel(np.full(3, 1e3), np.full(3, 1e3), J, h, offset=750.0)
    np.testing.assert_allclose(deep.energy(spins), IsingModel(J, h).energy(spins), atol=1e-9)


def test_quartic_models_are_stored_whole_and_told_apart():
    model = random_quartic(4, 3)
    again = QuarticModel.from_arrays(model.arrays())
    assert again.fingerprint() == model.fingerprint() != random_quartic(4, 4).fingerprint()
    loose = QuarticModel(np.ones(3), np.ones(3))
    assert loose.couplings.n_couplings == 0
    assert QuarticModel(np.ones(2), np.ones(2), sp.csr_array([[0, 1.0], [1.0, 0]])).couplings.n_couplings == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, -1.0], [1.0, 1.0]), r"a\[1\] is -1"),
        (([0.0], [1.0]), "no lower bound along the sites with a = 0"),
        (([0.0, 0.0], [-1.0, -1.0], [[0, 2.0], [2.0, 0]]), "lowest stiffness -1"),
        (([1.0], [1.0, 2.0]), r"b has shape \(2,\)"),
        (([1.0, 1.0], [1.0, 1.0], [[0.0]]), r"J has shape \(1, 1\)"),
        (([1.0, 1.0], [1.0, 1.0], [[0, 1.0], [2.0, 0]]), "not symmetric"),
    ],
)
def test_energies_without_a_bound_and_other_bad_models_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        QuarticModel(*arguments)


def test_a_harmonic_well_needs_no_quartic_term():
    well = QuarticModel([0.0, 1.0], [-2.0, 1.0], [[0, 5.0], [5.0, 0]])
    assert well.energy([1.0, 0.0]) == pytest.approx(1.0)


def pair(x):
    return np.cosh(x).sum(-1) + 0.1 * x[..., 0] * x[..., 1]


def pair_gradient(x):
    return np.sinh(x) + 0.1 * x[..., ::-1]


def test_a_potential_is_its_two_functions():
    model = PotentialModel(2, pair, pair_gradient)
    x = np.random.default_rng(0).normal(size=(5, 3, 2))
    np.testing.assert_array_equal(model.energy(x), pair(x))
    np.testing.assert_allclose(model.gradient(x), slope_of(model, x), atol=1e-8)
    assert (model.domain, model.offset, model.compiled) == ("real", 0.0, None)
    same = PotentialModel(2, lambda x: pair(x), pair_gradient)
    other = PotentialModel(2, lambda x: 1.01 * pair(x), pair_gradient)
    assert same.fingerprint() == model.fingerprint() != other.fingerprint()
    with pytest.raises(TypeError, match="no file can hold"):
        model.arrays()
    with pytest.raises(TypeError, match="build it from them again"):
        PotentialModel.from_arrays({})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, pair, pair_gradient), ValueError, "at least one site"),
        ((2, 3.0, pair_gradient), TypeError, "energy is a float"),
        ((2, pair, None), TypeError, "gradient is a NoneType"),
        ((2, pair, pair_gradient, 1), TypeError, "compiled is a int"),
        ((2, np.cosh, pair_gradient), ValueError, r"energy of states of shape \(16, 2\) has shape \(16, 2\)"),
        ((2, pair, pair), ValueError, r"gradient of .* expected \(16, 2\)"),
        ((2, lambda x: np.full(x.shape[:-1], np.nan), pair_gradient), ValueError, "is nan; it must be finite"),
        ((2, pair, lambda x: np.full(x.shape, np.inf)), ValueError, "is inf; it must be finite"),
        ((2, pair, pair_gradient, numba.njit(lambda slope, x: None)), ValueError, "compiled gradient differs"),
    ],
)
def test_functions_that_are_no_potential_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        PotentialModel(*arguments)
