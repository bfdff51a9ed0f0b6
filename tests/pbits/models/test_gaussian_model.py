import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbits.models import GaussianModel


def random_model(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    return GaussianModel(root @ root.T + np.eye(n), rng.normal(size=n), rng.normal())


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 100))
def test_energy_is_the_declared_formula_and_lowest_at_the_mean(n, seed):
    model = random_model(n, seed)
    x = np.random.default_rng(seed + 1).normal(size=(2, 3, n))
    expected = model.offset + 0.5 * np.einsum("abi,ij,abj->ab", x, model.A, x) - x @ model.b
    np.testing.assert_allclose(model.energy(x), expected, atol=1e-10)
    np.testing.assert_allclose(model.A @ model.mean, model.b, atol=1e-8)
    assert (model.energy(x) >= model.energy(model.mean)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 3)),), "square"),
        ((np.zeros((0, 0)),), "at least one site"),
        (([[np.nan]],), r"A\[0, 0\] is nan"),
        (([[1, 0.5], [0, 1]],), r"not symmetric.*\(A \+ Aᵀ\)/2"),
        (([[1, 2], [2, 1]],), "not positive definite"),
        (([[1]], [1, 2]), r"b has shape \(2,\)"),
        (([[1]], [np.nan]), r"b\[0\] is nan"),
        (([[1]], None, np.inf), "offset"),
    ],
)
def test_bad_models_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianModel(*arguments)


def test_a_real_site_has_no_list_of_values():
    with pytest.raises(TypeError, match="GaussianModel has no finite list"):
        random_model(2, 0).values(0)


def test_asymmetry_of_rounding_is_averaged_out_and_more_is_printed():
    A = np.array([[2.0, 1.0], [1.0 + 1e-12, 2.0]])
    model = GaussianModel(A)
    np.testing.assert_array_equal(model.A, model.A.T)
    with pytest.raises(ValueError, match=r"A\[0, 1\] = 1\.0 but A\[1, 0\] = 1\.0000000001"):
        GaussianModel([[2.0, 1.0], [1.0000000001, 2.0]])
