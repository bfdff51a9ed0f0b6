from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from pbits.models import CategoricalModel, GaussianModel, IsingModel, PolynomialModel
from pbits.models.base import MAX_MAGNITUDE, clamped_sites, finite_number, held_sites, real_array, site_pairs
from pbits.reference import exact

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


@pytest.mark.parametrize(
    ("clamp", "message"),
    [
        ([1, 1], r"clamp is a list; give a mapping \{site: value\}"),
        ([], "clamp is a list"),
        (np.ones(2), "clamp is a ndarray"),
        ({"a": 1}, "clamp names site 'a'; the model's sites are the whole numbers 0 to 1"),
        ({0.0: 1}, r"clamp names site 0\.0"),
        ({0: "1"}, r"clamp\[0\] holds '1', which is no number"),
        ({0: None}, r"clamp\[0\] holds None"),
        ({0: [1, 1]}, r"clamp\[0\] has shape \(2,\); expected one number"),
    ],
)
def test_what_is_no_clamp_is_refused(clamp, message):
    with pytest.raises(TypeError, match=message):
        clamped_sites(MODELS["ising"], clamp)


def test_numpy_integers_name_sites():
    assert clamped_sites(MODELS["ising"], {np.int64(1): np.float64(1)})[0].tolist() == [1]


NO_NUMBERS = [
    ([[0, 1j], [1j, 0]], TypeError, "{} holds complex numbers"),
    ([[0, 1], [1]], ValueError, "{} is not a rectangular array of numbers"),
    ([["0", "1"], ["1", "0"]], TypeError, "{} holds .*'0'.*no number"),
    ([[0, None], [None, 0]], TypeError, "{} holds None, which is no number"),
    (None, TypeError, "{} holds None"),
    ({"a": 1}, TypeError, "{} holds {{'a': 1}}"),
]


@pytest.mark.parametrize(("values", "error", "message"), NO_NUMBERS)
@pytest.mark.parametrize(
    ("build", "name"),
    [
        (IsingModel, "J"),
        (lambda h: IsingModel([[0, 1], [1, 0]], h), "h"),
        (GaussianModel, "A"),
        (lambda u: CategoricalModel([2, 2], pairwise={(0, 1): u}), r"pairwise\[0, 1\]"),
        (lambda w: PolynomialModel(2, {(0, 1): w}), r"the weight of term \(0, 1\)"),
    ],
    ids=["J", "h", "A", "pairwise", "weight"],
)
def test_what_holds_no_numbers_is_refused_by_name(build, name, values, error, message):
    if name == "h" and values is None:
        return  # fields may be left out
    with pytest.raises(error, match=message.format(name)):
        build(values)


def test_python_numbers_of_any_kind_are_read():
    assert real_array([[Fraction(1, 2), Decimal("0.25")], [True, 10**20]], "J").tolist() == [[0.5, 0.25], [1, 1e20]]
    assert real_array(np.ones(2, dtype=np.float32), "J").dtype == np.float64
    assert finite_number(np.array(0.5), "beta") == finite_number(Fraction(1, 2), "beta") == 0.5


TOO_LARGE = 2 * MAX_MAGNITUDE


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: IsingModel([[0, x], [x, 0]]), r"J\[0, 1\] is"),
        (lambda x: IsingModel([[0, 1], [1, 0]], [0, -x]), r"h\[1\] is"),
        (lambda x: IsingModel([[0]], offset=x), "offset is"),
        (lambda x: IsingModel.from_qubo({(0, 1): x, (1, 0): x}), r"Q\[0, 1\] is"),
        (lambda x: GaussianModel([[x]]), r"A\[0, 0\] is"),
        (lambda x: GaussianModel([[1]], [x]), r"b\[0\] is"),
        (lambda x: CategoricalModel([2], [[0, x]]), r"unary\[0\] has an entry .* above 1e\+150"),
        (lambda x: PolynomialModel(1, {(0,): x}), r"weight of term \(0,\) is"),
        (lambda x: PolynomialModel(1, {(0,): 10**400}), r"weight of term \(0,\) is 1000"),
    ],
    ids=["J", "h", "offset", "Q", "A", "b", "unary", "weight", "big integer"],
)
def test_numbers_whose_sums_could_overflow_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build(1e308)
    with pytest.raises(ValueError, match=message):
        build(TOO_LARGE)


def test_the_largest_numbers_allowed_have_a_finite_law():
    big = MAX_MAGNITUDE
    assert np.isfinite(exact(IsingModel([[0, big], [big, 0]], [big, big])).log_z)
    assert np.isfinite(GaussianModel([[big]], [big]).energy([1.0]))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[0.5, 1]], r"holds the pair \(0\.5, 1\); sites are whole numbers"),
        ([[0, np.nan]], r"edges\[0, 1\] is nan"),
        ([0, 1, 1, 2], r"shape \(4,\); expected \(m, 2\)"),
        ([[0, 1, 2]], r"shape \(1, 3\)"),
    ],
)
def test_pairs_are_neither_truncated_nor_reshaped(pairs, message):
    with pytest.raises(ValueError, match=message):
        site_pairs(pairs, "edges")
    assert site_pairs([], "edges").shape == (0, 2)
    assert site_pairs([[0.0, 1.0]], "edges").tolist() == [[0, 1]]


def test_a_clamp_may_differ_from_chain_to_chain():
    sites, values = clamped_sites(MODELS["ising"], {1: [1, -1, 1], 0: -1}, chains=3)
    assert sites.tolist() == [0, 1]
    assert values.tolist() == [[-1, -1, -1], [1, -1, 1]]
    assert values.dtype == np.int8
    held = held_sites(MODELS["ising"], {1: [1, -1, 1], 0: [-1, -1, -1]}, chains=3)
    assert held[0] == -1
    assert held[1].tolist() == [1, -1, 1]


@pytest.mark.parametrize(
    ("name", "clamp", "chains", "message"),
    [
        ("ising", {0: [1, -1]}, 3, "one for each of 3 chains"),
        ("ising", {0: [1, 0, 1]}, 3, "sets site 0 to 0"),
        ("ising", {0: [1, np.nan, 1]}, 3, "clamp"),
        ("gaussian", {0: [1.0, 2.0]}, 2, "not in a GaussianModel; give one number for all chains"),
    ],
)
def test_what_is_no_clamp_of_chains_is_refused(name, clamp, chains, message):
    with pytest.raises(ValueError, match=message):
        clamped_sites(MODELS[name], clamp, chains)
