import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits.models.categorical
from pbits.models import CategoricalModel, IsingModel


@st.composite
def tables(draw):
    """(n_states, unary, pairwise, offset) with both (i, j) and (j, i) among the pairs."""
    q = draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    pairs = list(itertools.permutations(range(len(q)), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    unary = [rng.normal(size=k) for k in q]
    return q, unary, {(i, j): rng.normal(size=(q[i], q[j])) for i, j in chosen}, float(rng.normal())


def all_states(q):
    return np.array(list(itertools.product(*(range(k) for k in q))), dtype=np.int16)


@given(tables())
def test_energy_is_the_declared_formula(arguments):
    q, unary, pairwise, offset = arguments
    states = all_states(q)
    expected = [
        offset
        + sum(unary[i][s[i]] for i in range(len(q)))
        + sum(table[s[i], s[j]] for (i, j), table in pairwise.items())
        for s in states
    ]
    np.testing.assert_allclose(CategoricalModel(*arguments).energy(states), expected, atol=1e-10)


@given(tables())
def test_arrays_round_trip(arguments):
    model = CategoricalModel(*arguments)
    again = CategoricalModel.from_arrays(model.arrays())
    assert again.fingerprint() == model.fingerprint()
    states = all_states(model.n_states)
    np.testing.assert_array_equal(again.energy(states), model.energy(states))


def test_layout_that_kernels_read():
    table = np.arange(6.0).reshape(3, 2)
    model = CategoricalModel([2, 4, 3], pairwise={(2, 0): table})
    np.testing.assert_array_equal(model.pairs, [[0, 2]])
    np.testing.assert_array_equal(model.tables[0], table.T)
    np.testing.assert_array_equal(model.unary_starts, [0, 2, 6, 9])
    np.testing.assert_array_equal(model.table_starts, [0, 6])
    assert [len(vector) for vector in model.unary] == [2, 4, 3]
    np.testing.assert_array_equal(model.values(1), [0, 1, 2, 3])
    assert model.values(1).dtype == np.int16


def test_two_categories_are_spins():
    rng = np.random.default_rng(2)
    J = np.triu(rng.normal(size=(4, 4)), 1)
    h = rng.normal(size=4)
    sign = np.array([-1, 1])
    categorical = CategoricalModel(
        2,
        [-h[i] * sign for i in range(4)],
        {(i, j): -J[i, j] * np.outer(sign, sign) for i, j in itertools.combinations(range(4), 2)},
    )
    states = all_states([2] * 4).reshape(2, 8, 4)
    spins = IsingModel(J + J.T, h)
    np.testing.assert_allclose(categorical.energy(states), spins.energy(2 * states - 1), atol=1e-12)


def test_blocks_of_states_do_not_change_the_energies(monkeypatch):
    model = CategoricalModel([3, 3], pairwise={(0, 1): np.arange(9.0).reshape(3, 3)})
    whole = model.energy(all_states([3, 3]))
    monkeypatch.setattr(pbits.models.categorical, "_BLOCK", 6)
    np.testing.assert_array_equal(model.energy(all_states([3, 3])), whole)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), ValueError, r"how many sites\? Give \[3\] \* n"),
        (([2.0, 3.0],), ValueError, "integers"),
        (([],), ValueError, "integers|shape"),
        ((np.zeros((2, 2), dtype=int),), ValueError, r"expected \(n,\)"),
        (([2, 1],), ValueError, "site 1 has 1 categories; allowed are 2 to 32768"),
        (([2, 40000],), ValueError, "site 1 has 40000"),
        (([2, 2], [[0, 0]]), ValueError, "unary has 1 vectors; expected 2"),
        (([2, 3], [[0, 0], [0, 0]]), ValueError, r"unary\[1\] has shape \(2,\); expected \(3,\)"),
        (([2, 2], [[0, np.inf], [0, 0]]), ValueError, r"unary\[0\].*large finite"),
        (([2, 3], None, {(0, 1): np.zeros((3, 2))}), ValueError, r"expected \(2, 3\)"),
        (([2, 3], None, {(1, 0): np.full((3, 2), np.nan)}), ValueError, "not finite"),
        (([2, 3], None, {(1, 1): np.zeros((3, 3))}), ValueError, r"diagonal of its table to unary\[1\]"),
        (([2, 3], None, {(0, 2): np.zeros((2, 2))}), ValueError, "outside 0 to 1"),
        (([2, 3], None, {(0, 1, 1): np.zeros((2, 3))}), TypeError, "pairs of sites"),
        (([2, 3], None, {0: np.zeros((2, 3))}), TypeError, "pairs of sites"),
        (([2], None, None, np.nan), ValueError, "offset"),
    ],
)
def test_bad_models_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        CategoricalModel(*arguments)


@pytest.mark.parametrize("state", [[0, 3], [-1, 0], [0.5, 0]])
def test_states_that_are_not_categories_are_refused(state):
    with pytest.raises(ValueError, match=r"site \d holds .* its categories are 0 to"):
        CategoricalModel([2, 3]).energy(state)


def test_arrays_are_read_only():
    model = CategoricalModel([2, 2], pairwise={(0, 1): np.eye(2)})
    for array in (model.n_states, model.unary[0], model.pairs, model.tables[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
