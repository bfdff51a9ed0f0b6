"""Categories on p-bits: energies, ground states and the proven penalty, against enumeration."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbits.mapping import one_hot, one_hot_penalty
from pbits.models import CategoricalModel


@st.composite
def models(draw, least: float = -2.0):
    """A small model with tables of any kind, and which categories each site may hold."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 4))
    q = rng.integers(2, 5, n)
    entries = rng.choice([least, -0.5, 0.0, 0.0, 1.0, 1.5], p=[0.1, 0.1, 0.3, 0.2, 0.2, 0.1], size=100)
    tables = {
        (i, j): rng.choice(entries, (q[i], q[j])) for i in range(n) for j in range(n) if i != j and rng.random() < 0.6
    }
    model = CategoricalModel(q, [rng.choice(entries, k) for k in q], tables, offset=0.25)
    allowed = [rng.random(k) < 0.7 for k in q]
    for vector in allowed:
        vector[0] |= not vector.any()
    if sum(int(vector.sum()) for vector in allowed if vector.sum() > 1) not in range(1, 12):
        allowed = [np.arange(k) < 2 for k in q]
    return model, allowed


def spins_of(m: int) -> np.ndarray:
    return np.array(list(product([-1, 1], repeat=m)), dtype=np.int8)


@settings(max_examples=60, deadline=None)
@given(models())
def test_valid_states_keep_their_energies_and_parts_add_up(case):
    model, allowed = case
    ising, code = one_hot(model, 3.0, allowed)
    objective, constraints = code.parts()
    spins = spins_of(ising.n)
    broken = code.violations(spins)
    decoded = code.decode(spins)
    valid = broken == 0
    expected = list(product(*(np.flatnonzero(vector) for vector in allowed)))
    assert sorted(map(tuple, decoded[valid].tolist())) == expected
    np.testing.assert_allclose(ising.energy(spins[valid]), model.energy(decoded[valid]), atol=1e-9)
    np.testing.assert_array_equal(code.encode(decoded[valid]), spins[valid])
    np.testing.assert_allclose(ising.energy(spins), objective.energy(spins) + 3 * constraints.energy(spins), atol=1e-9)
    np.testing.assert_allclose(constraints.energy(spins[valid]), 0, atol=1e-9)
    assert (constraints.energy(spins[~valid]) > 1 - 1e-9).all()
    # The square of one less than the number held.
    np.testing.assert_allclose(constraints.energy(spins), ((code.counts(spins) - 1) ** 2).sum(axis=-1), atol=1e-9)
    assert ((decoded == -1).sum(axis=-1) == broken).all()


@settings(max_examples=60, deadline=None)
@given(models())
def test_ground_states_above_the_proven_penalty_are_the_valid_optima(case):
    model, allowed = case
    bound = one_hot_penalty(model, allowed)
    ising, code = one_hot(model, bound + 1e-6, allowed)
    spins = spins_of(ising.n)
    energies = ising.energy(spins)
    ground = spins[energies < energies.min() + 1e-9]
    assert (code.violations(ground) == 0).all()
    states = np.array(list(product(*(np.flatnonzero(vector) for vector in allowed))))
    optimum = model.energy(states)
    best = states[optimum < optimum.min() + 1e-9]
    assert sorted(map(tuple, code.decode(ground).tolist())) == sorted(map(tuple, best.tolist()))


def test_the_penalty_of_a_colouring_is_the_pigeonhole():
    # A vertex with four neighbours and three colours: some colour costs 4/3 or less.
    star = CategoricalModel([3] * 5, pairwise={(0, leaf): np.eye(3) for leaf in range(1, 5)})
    assert one_hot_penalty(star) == pytest.approx(4 / 3)


def test_a_site_without_a_choice_asks_for_no_penalty():
    star = CategoricalModel([3] * 5, pairwise={(0, leaf): np.eye(3) for leaf in range(1, 5)})
    allowed = [np.array([True, False, False])] + [np.ones(3, dtype=bool)] * 4
    # Each leaf has two colours that the centre has not.
    assert one_hot_penalty(star, allowed) == 0


def test_below_the_proven_penalty_an_invalid_state_can_win():
    # A triangle in two colours: a vertex without a colour saves one conflict.
    triangle = CategoricalModel([2] * 3, pairwise={pair: np.eye(2) for pair in [(0, 1), (1, 2), (0, 2)]})
    assert one_hot_penalty(triangle) == 1.0
    ising, code = one_hot(triangle, 0.9)
    spins = spins_of(6)
    energies = ising.energy(spins)
    assert code.violations(spins[energies.argmin()]) == 1


@settings(max_examples=40, deadline=None)
@given(models())
def test_repair_leaves_valid_states_and_makes_others_valid(case):
    model, allowed = case
    ising, code = one_hot(model, 1.0, allowed)
    for state in spins_of(ising.n)[:: max(1, 2**ising.n // 64)]:
        mended = code.repaired(state)
        assert code.violations(mended) == 0
        kept = code.counts(state) == 1
        np.testing.assert_array_equal(code.decode(mended)[kept], code.decode(state)[kept])
        if kept.all():
            np.testing.assert_array_equal(mended, state)


def test_repair_takes_the_best_of_what_a_site_holds():
    model = CategoricalModel([3, 2], [[2.0, 1.0, 0.0], [0.0, 1.0]], {(0, 1): [[0, 0], [5, 0], [0, 0]]})
    _, code = one_hot(model, 9.0)
    assert code.decode(code.repaired([1, 1, -1, 1, -1])).tolist() == [0, 0]
    assert code.decode(code.repaired([-1, -1, -1, 1, -1])).tolist() == [2, 0]


def test_states_may_have_any_leading_axes():
    model = CategoricalModel([2, 3], pairwise={(0, 1): np.ones((2, 3))})
    _, code = one_hot(model, 1.0)
    categories = np.array([[[0, 2], [1, 1]], [[1, 0], [0, 0]]])
    spins = code.encode(categories)
    assert spins.shape == (2, 2, 5)
    np.testing.assert_array_equal(code.decode(spins), categories)


def test_a_model_with_one_category_left_everywhere_is_refused():
    model = CategoricalModel([2, 2], pairwise={(0, 1): np.eye(2)})
    with pytest.raises(ValueError, match="nothing is left to decide"):
        one_hot(model, 1.0, [[True, False], [False, True]])


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        ([[True, False]], "allowed has 1 vectors; expected 2"),
        ([[True, False], [True, True, True]], r"allowed\[1\] is bool of shape \(3,\); expected booleans of shape"),
        ([[True, False], [0, 1]], r"allowed\[1\] is int64"),
        ([[True, False], [False, False]], "site 1 may hold no category"),
    ],
)
def test_malformed_candidates_are_refused(allowed, message):
    with pytest.raises(ValueError, match=message):
        one_hot(CategoricalModel([2, 2], pairwise={(0, 1): np.eye(2)}), 1.0, [np.array(v) for v in allowed])


def test_a_penalty_must_be_positive():
    with pytest.raises(ValueError, match="penalty is 0; it must be positive"):
        one_hot(CategoricalModel([2, 2]), 0.0)


def test_what_a_site_may_not_hold_cannot_be_encoded():
    _, code = one_hot(CategoricalModel([3, 2]), 1.0, [np.array([True, True, False]), np.array([True, True])])
    with pytest.raises(ValueError, match="site 0 holds 2; it may hold 0, 1"):
        code.encode([2, 1])
