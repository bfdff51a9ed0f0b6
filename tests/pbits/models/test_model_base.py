import numpy as np
import pytest

from pbits.models import CategoricalModel, GaussianModel, IsingModel, PolynomialModel
from pbits.models.base import clamped_sites

MODELS = {
    "ising": IsingModel([[0, 1.5], [1.5, 0]], [0.5, -1], 2.0),
    "gaussian": GaussianModel([[2, 1], [1, 2]], [1, 0], 2.0),
    "polynomial": PolynomialModel(2, {(0, 1): 1.5, (0,): 0.5}, 2.0),
    "categorical": CategoricalModel([2, 3], [[0, 1], [0, 1, 2]], {(0, 1): np.ones((2, 3))}, 2.0),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_arrays_define_the_model(model):
    again = type(model).from_arrays({name: array.copy() for name, array in model.arrays().items()})
    assert again.fingerprint() == model.fingerprint()
    assert again.energy(np.ones(2, dtype=int)) == model.energy(np.ones(2, dtype=int))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_number_counts_for_the_fingerprint(model):
    for name, array in model.arrays().items():
        if np.issubdtype(array.dtype, np.floating):
            other = type(model).from_arrays(model.arrays() | {name: 1.5 * array})
            assert other.fingerprint() != model.fingerprint(), name


def test_fingerprints_differ_between_kinds_and_repeat_for_equals():
    assert len({model.fingerprint() for model in MODELS.values()}) == len(MODELS)
    assert IsingModel([[0, 1], [1, 0]]).fingerprint() == IsingModel([[0, 1], [1, 0]]).fingerprint()
    assert IsingModel([[0]]).fingerprint() != PolynomialModel(1, {}).fingerprint()


def test_clamped_sites_are_sorted_and_typed():
    sites, values = clamped_sites(MODELS["ising"], {1: 1, 0: -1})
    np.testing.assert_array_equal(sites, [0, 1])
    np.testing.assert_array_equal(values, [-1, 1])
    assert values.dtype == np.int8
    assert clamped_sites(MODELS["categorical"], {1: 2})[1].dtype == np.int16
    assert clamped_sites(MODELS["gaussian"], {0: 0.25})[1].dtype == np.float64
    assert len(clamped_sites(MODELS["ising"], None)[0]) == 0


@pytest.mark.parametrize(
    ("name", "clamp", "message"),
    [
        ("ising", {2: 1}, "site 2; the model has sites 0 to 1"),
        ("ising", {-1: 1}, "site -1"),
        ("ising", {0: 0}, "site 0 to 0; it can hold -1, 1"),
        ("categorical", {1: 3}, "it can hold 0, 1, 2"),
        ("gaussian", {0: np.nan}, "finite"),
    ],
)
def test_bad_clamps_are_refused(name, clamp, message):
    with pytest.raises(ValueError, match=message):
        clamped_sites(MODELS[name], clamp)
