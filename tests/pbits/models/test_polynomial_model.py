import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits.models.polynomial
from pbits.models import IsingModel, PolynomialModel


@st.composite
def polynomials(draw):
    n = draw(st.integers(1, 6))
    site = st.integers(0, n - 1)
    key = st.lists(site, min_size=1, max_size=n, unique=True).map(tuple)
    return n, draw(st.dictionaries(key, st.floats(-10, 10), max_size=8)), draw(st.floats(-10, 10))


def all_spins(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


@given(polynomials())
def test_energy_is_the_declared_formula_in_any_order_of_sites(polynomial):
    n, terms, offset = polynomial
    spins = all_spins(n)
    expected = [offset - sum(w * math.prod(int(s[i]) for i in t) for t, w in terms.items()) for s in spins]
    model = PolynomialModel(n, terms, offset)
    np.testing.assert_allclose(model.energy(spins), expected, atol=1e-10)


@given(polynomials())
def test_arrays_round_trip(polynomial):
    model = PolynomialModel(*polynomial)
    again = PolynomialModel.from_arrays(model.arrays())
    assert again.fingerprint() == model.fingerprint()
    assert again.terms == model.terms
    assert PolynomialModel(model.n, model.terms, model.offset).fingerprint() == model.fingerprint()


def test_terms_of_one_set_add_up_and_cancelled_ones_go():
    model = PolynomialModel(3, {(0, 1, 2): 1.0, (2, 0, 1): 0.5, (1, 0): 2.0, (0, 1): -2.0, (2,): 1.0})
    assert model.terms == {(2,): 1.0, (0, 1, 2): 1.5}
    assert model.order == 3
    np.testing.assert_array_equal(model.sites, [2, 0, 1, 2])
    np.testing.assert_array_equal(model.starts, [0, 1, 4])


def test_second_order_is_an_ising_model():
    rng = np.random.default_rng(1)
    J = np.triu(rng.normal(size=(5, 5)), 1)
    h = rng.normal(size=5)
    terms: dict = {(i, j): J[i, j] for i, j in itertools.combinations(range(5), 2)}
    terms |= {(i,): h[i] for i in range(5)}
    spins = all_spins(5).reshape(4, 8, 5)
    np.testing.assert_allclose(
        PolynomialModel(5, terms, 2.0).energy(spins), IsingModel(J + J.T, h, 2.0).energy(spins), atol=1e-12
    )


def test_blocks_of_states_do_not_change_the_energies(monkeypatch):
    model = PolynomialModel(4, {(0, 1, 2, 3): 1.0, (0, 2): 0.3, (3,): 0.1})
    whole = model.energy(all_spins(4))
    monkeypatch.setattr(pbits.models.polynomial, "_BLOCK", 10)
    np.testing.assert_array_equal(model.energy(all_spins(4)), whole)


def test_no_terms_leave_the_offset():
    model = PolynomialModel(2, {}, 3.0)
    assert model.order == 0
    np.testing.assert_array_equal(model.energy(all_spins(2)), [3.0] * 4)


@pytest.mark.parametrize(
    ("terms", "error", "message"),
    [
        ({(): 1.0}, ValueError, "constant; subtract its weight from offset"),
        ({(0, 0): 1.0}, ValueError, "repeats site 0; s² = 1, so strike site 0 out"),
        ({(1, 0, 1): 1.0}, ValueError, "repeats site 1"),
        ({(0, 2): 1.0}, ValueError, "outside 0 to 1"),
        ({(-1,): 1.0}, ValueError, "outside 0 to 1"),
        ({(0,): math.nan}, ValueError, r"weight of term \(0,\) is nan"),
        ({0: 1.0}, TypeError, "tuple of sites"),
        ({(0.5,): 1.0}, TypeError, "tuple of sites"),
    ],
)
def test_bad_terms_are_refused(terms, error, message):
    with pytest.raises(error, match=message):
        PolynomialModel(2, terms)


def test_bad_sizes_offsets_and_states_are_refused():
    with pytest.raises(ValueError, match="at least one site"):
        PolynomialModel(0, {})
    with pytest.raises(ValueError, match="offset"):
        PolynomialModel(1, {}, math.inf)
    with pytest.raises(ValueError, match=r"2\*x − 1"):
        PolynomialModel(2, {}).energy([0, 1])
    with pytest.raises(ValueError, match="2 sites"):
        PolynomialModel(2, {}).energy([1])


def test_arrays_are_read_only():
    for array in PolynomialModel(2, {(0, 1): 1.0}).arrays().values():
        if array.ndim:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
