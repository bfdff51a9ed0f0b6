"""Kernels of two-state junctions against plain twins, switching for switching."""

import numpy as np
import pytest

from pbits.kernels import telegraph as kernels
from pbits.reference.magnets import exponential, telegraph_path

KEY = (np.uint32(5), np.uint32(6))
JUNCTIONS, LOOKS, DT = 7, 200, 0.3
PLUS = np.linspace(0.4, 2.0, JUNCTIONS)
MINUS = np.linspace(3.0, 0.1, JUNCTIONS)
FIRST = np.array([1, -1, 1, 1, -1, -1, 1], dtype=np.int8)


def rates(dwell, dt=DT):
    return (dt / dwell)[:, None].copy()


class Run:
    """Junctions that can be followed in parts."""

    def __init__(self, some=slice(0, JUNCTIONS), junction0=2):
        self.state, self.some, self.first = FIRST[some].copy(), some, junction0 + some.start
        self.dwell, self.left = np.zeros(len(self.state), dtype=np.int64), np.empty(len(self.state))
        kernels.start(self.left, self.dwell, *KEY, self.first)

    def follow(self, looks, plus=None, minus=None):
        seen = np.empty((len(self.state), looks), dtype=np.int8)
        plus = rates(PLUS)[self.some] if plus is None else plus
        minus = rates(MINUS)[self.some] if minus is None else minus
        kernels.telegraph(seen, self.state, self.dwell, self.left, plus, minus, *KEY, self.first)
        np.testing.assert_array_equal(seen[:, -1], self.state)
        return seen


def twin(dt=DT):
    times = dt * np.arange(1, LOOKS + 1)
    return zip(*(telegraph_path(int(FIRST[j]), PLUS[j], MINUS[j], times, KEY, 2 + j) for j in range(JUNCTIONS)))


def test_states_and_switchings_equal_the_twin():
    run = Run()
    seen = run.follow(LOOKS)
    states, switchings = twin()
    np.testing.assert_array_equal(seen, states)
    np.testing.assert_array_equal(run.dwell, switchings)
    assert min(switchings) > 10
    # The same check sees dwells that are one per cent too long.
    assert (Run().follow(LOOKS, 1.01 * rates(PLUS), 1.01 * rates(MINUS)) != np.array(states)).any()


def test_numbers_are_exponential_numbers_of_the_dwell():
    out = np.empty((2, 4))
    far = 2**32 - 2
    kernels.dwell_times(out, np.array([1, -1], dtype=np.int8), np.full(2, 2.0), np.full(2, 0.5), *KEY, 8, far)
    for j, state in enumerate((1, -1)):
        for k in range(4):
            rate = 2.0 if state * (-1) ** k > 0 else 0.5
            assert out[j, k] == pytest.approx(exponential(KEY, 8 + j, far + k) / rate, rel=1e-12)


def test_draws_do_not_depend_on_how_looks_and_junctions_are_cut():
    whole = Run().follow(LOOKS)
    cut = Run()
    np.testing.assert_array_equal(np.hstack([cut.follow(n) for n in (1, 60, LOOKS - 61)]), whole)
    np.testing.assert_array_equal(Run(slice(3, 6)).follow(LOOKS), whole[3:6])


def test_rates_may_change_from_look_to_look():
    plus, minus = (np.repeat(rates(tau), LOOKS, axis=1) for tau in (PLUS, MINUS))
    np.testing.assert_array_equal(Run().follow(LOOKS, plus, minus), Run().follow(LOOKS))
    # Twice as fast for half as long is the same, in whichever interval.
    fast = np.tile([2.0, 2.0, 1.0], LOOKS // 3)
    seen = Run().follow(len(fast), plus[:, : len(fast)] * fast / 2, minus[:, : len(fast)] * fast / 2)
    ends = DT * np.cumsum(fast) / 2
    for j in range(JUNCTIONS):
        states, _ = telegraph_path(int(FIRST[j]), PLUS[j], MINUS[j], ends, KEY, 2 + j)
        np.testing.assert_array_equal(seen[j], states)


def test_many_dwells_may_pass_between_two_looks():
    run = Run()
    run.follow(5, 1000 * rates(PLUS), 1000 * rates(MINUS))
    states, switchings = zip(
        *(telegraph_path(int(FIRST[j]), PLUS[j], MINUS[j], 1000 * DT * np.arange(1, 6), KEY, 2 + j) for j in range(3))
    )
    np.testing.assert_array_equal(run.dwell[:3], switchings)
    np.testing.assert_array_equal(run.state[:3], np.array(states)[:, -1])
