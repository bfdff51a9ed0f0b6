"""Dense memories: the expansion against the energy it expands, and recall on a machine against a plain descent."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.problems import DenseMemory, HopfieldMemory
from pbits.problems.capacity import crosstalk_errors


def memory_of(seed, p, n, order):
    return DenseMemory(np.random.default_rng(seed).choice([-1, 1], (p, n)), order)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.integers(1, 3), n=st.integers(4, 9), order=st.integers(2, 6))
def test_the_terms_are_the_energy(seed, p, n, order):
    # All different, and with the first spin up none is another's negative.
    numbers = np.random.default_rng(seed).choice(2 ** (n - 1), p, replace=False)
    memory = DenseMemory(1 - 2 * (numbers[:, None] >> np.arange(n) & 1)[:, ::-1], order)
    states = np.array(list(itertools.product([-1, 1], repeat=n)))
    m = states @ memory.patterns.T / n
    expected = -n / order * (m**order).sum(axis=1)
    np.testing.assert_allclose(memory.energy(states), expected, atol=1e-12)
    np.testing.assert_allclose(memory.to_model().energy(states), expected, atol=1e-10)
    assert memory.to_model().order <= order


def test_order_two_is_hebb_but_for_a_constant():
    dense = memory_of(1, 3, 30, 2)
    hebb = HopfieldMemory(dense.patterns)
    states = np.random.default_rng(2).choice([-1, 1], (20, 30))
    gap = dense.to_model().energy(states) - hebb.to_model().energy(states)
    np.testing.assert_allclose(gap, -3 / 2, atol=1e-12)


def test_settling_is_the_descent_of_the_model_one_spin_after_another():
    memory = memory_of(3, 12, 14, 3)
    model = memory.to_model()
    cues = np.random.default_rng(4).choice([-1, 1], (10, 14))
    for cue, end in zip(cues, memory.settle(cues)):
        s = cue.copy()
        while True:
            before = s.copy()
            for i in range(14):
                flipped = s.copy()
                flipped[i] *= -1
                if model.energy(flipped) < model.energy(s) - 1e-9:
                    s = flipped
            if (s == before).all():
                break
        np.testing.assert_array_equal(end, s)
    # Of a single sweep, too, and with cues in several blocks.
    np.testing.assert_array_equal(memory.settle(memory.settle(cues, sweeps=1), sweeps=1), memory.settle(cues, sweeps=2))


def test_an_ideal_machine_recalls_what_settling_does():
    memory = memory_of(5, 30, 32, 3)
    cue = memory.corrupt(7, 0.1, seed=1)
    np.testing.assert_array_equal(memory.settle(cue[None])[0], memory.patterns[7])
    run = pbits.run(memory.recall(cue, target=7), "ideal", seed=1)
    assert run.solution.objective == 1.0


def test_patterns_lose_as_many_spins_as_crosstalk_says():
    # So the load of order 3 is p/n², whatever n. Of 60 patterns and 2400 spins or more, of which 24 or more turn: a
    # third of the rate is more than what is left to n → ∞ and one and a half standard errors, of a fixed seed.
    rng = np.random.default_rng(6)

    def lost(n, p, order):
        memory = DenseMemory(rng.choice([-1, 1], (p, n)), order)
        stored = memory.patterns[:60]
        flipped = stored[:, None, :] * (1 - 2 * np.eye(n, dtype=int))
        return (memory.energy(flipped) < memory.energy(stored)[:, None]).mean()

    assert lost(60, 100, 2) > 0.15 > 0.002 > lost(60, 100, 3)
    assert lost(60, 100, 4) == 0
    for n in (40, 80):
        for p in (n**2 // 16, n**2 // 4):
            assert lost(n, p, 3) == pytest.approx(crosstalk_errors(n, p, 3), rel=1 / 3)


def test_odd_orders_tell_a_pattern_from_its_negative():
    pattern = np.random.default_rng(7).choice([-1, 1], (1, 12))
    both = np.concatenate([pattern, -pattern])
    odd = DenseMemory(both, order=3)
    assert odd.decode(-pattern[0]).pattern == 1
    assert odd.score(odd.decode(-pattern[0])) == 1.0
    with pytest.raises(ValueError, match="the same up to sign"):
        DenseMemory(both, order=4)


def test_five_digits_are_too_alike_for_hebb_and_not_for_order_three():
    for order, stable in ((2, False), (3, True)):
        memory = DenseMemory.from_digits(5, order=order)
        assert ((memory.settle(memory.patterns) == memory.patterns).all(axis=1)).all() == stable


def test_what_holds_a_stored_spin_is_about_one():
    coldest = memory_of(8, 5, 64, 3).beta_range()
    assert coldest == pytest.approx((4, 12), rel=0.2)
    assert memory_of(8, 5, 64, 3).annealing() == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DenseMemory([[1, -1]], order=1), "whole number from 2 to 8"),
        (lambda: DenseMemory([[1, -1]], order=2.5), "whole number from 2 to 8"),
        (lambda: memory_of(1, 2, 183, 3).to_model(), r"needs 1,004,914 terms.*settle\(cues\)"),
        (lambda: memory_of(1, 2, 6, 3).settle([1, 1, 1, 1, 1, 1]), r"expected \(m, 6\)"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
