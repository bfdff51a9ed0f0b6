"""Memories that are built and run, against the theory of Hebb's rule; and what a synchronous clock does to them."""

import numpy as np
import pytest

import pbits
from hardware_models import pbit
from pbits.algorithms import capacity_curve
from pbits.problems import DenseMemory, HopfieldMemory, capacity


@pytest.mark.parametrize(
    ("load", "temperature"), [(0.05, 0.0), (0.1, 0.0), (0.03, 0.3), (0.06, 0.3), (0.01, 0.6), (0.02, 0.6)]
)
def test_measured_overlaps_are_the_theory_s(load, temperature):
    # Theory is for n → ∞; at n = 1000 and these loads, away from the critical one, what is left is below 0.01. Beyond
    # that five standard errors of 3 memories, whose own scatter is uncertain by half: one false alarm in some hundred
    # seeds, and the seed is fixed.
    (found,) = capacity_curve([load], 1000, temperature=temperature, memories=3, sweeps=50, draws=10, seed=3)
    assert found.patterns == round(1000 * load)
    assert found.overlap == pytest.approx(capacity.overlap(load, temperature), abs=0.01 + 5 * found.error)
    assert found.error < 0.02


def test_beyond_the_critical_load_nothing_is_recalled():
    (found,) = capacity_curve([0.25], 800, memories=3, sweeps=50, draws=1, seed=4)
    assert found.overlap < 0.6


def test_rules_by_what_they_hold():
    held = {}
    for rule in ("hebb", "storkey", "pseudo-inverse"):
        (point,) = capacity_curve(
            [0.2], 200, memory=lambda xi, rule=rule: HopfieldMemory(xi, rule), corruption=0.1, memories=3, seed=5
        )
        held[rule] = point.overlap
    assert held["hebb"] < 0.7 < 0.95 < held["storkey"]
    assert held["pseudo-inverse"] > 0.99


def test_a_dense_memory_holds_more_than_there_are_spins():
    (point,) = capacity_curve([1.1], 40, memory=DenseMemory, memories=2, corruption=0.1, draws=1, seed=6)
    assert point.patterns == 44
    assert point.overlap > 0.95


def test_costs_are_those_of_one_recall_and_none_where_nobody_prices():
    options = {"n": 60, "temperature": 0.2, "memories": 2, "sweeps": 5, "draws": 5, "seed": 7}
    (free,) = capacity_curve([0.05], **options)
    (few,) = capacity_curve([0.05], machine="fpga-all-to-all", recalls=1, **options)
    (many,) = capacity_curve([0.05], machine="fpga-all-to-all", recalls=3, **options)
    assert (free.joules_per_recall, free.device_time_per_recall_s) == (None, None)
    assert 0 < many.joules_per_recall < few.joules_per_recall
    assert many.overlaps.shape == (2, 3)


def test_a_point_does_not_depend_on_the_loads_after_it():
    alone = capacity_curve([0.05], n=60, memories=2, seed=8)[0]
    first, second = capacity_curve([0.05, 0.1], n=60, memories=2, seed=8)
    np.testing.assert_array_equal(first.overlaps, alone.overlaps)
    assert second.patterns == 6
    assert np.isnan(capacity_curve([0.05], n=60, memories=1, seed=8)[0].error)


def test_moved_all_at_once_a_memory_may_swing_between_two_states_and_never_among_more():
    pair = HopfieldMemory([[1, -1]])
    cold = pbits.Schedule(n_samples=4, n_warmup=0, beta=1e3, chains=1)
    together = pbits.run(pair, pbit.Array(update="synchronous"), cold, seed=1, initial=[1, 1])
    assert together.states[0].tolist() == [[-1, -1], [1, 1], [-1, -1], [1, 1]]
    in_turn = pbits.run(pair, "ideal", cold, seed=1, initial=[1, 1])
    assert abs(pair.overlap(in_turn.states[0, -1])[0]) == 1

    # By this rule no input of a random memory is exactly 0, where a coin would be tossed.
    memory = HopfieldMemory(np.random.default_rng(2).choice([-1, 1], (15, 100)), "pseudo-inverse")
    long = pbits.Schedule(n_samples=4, n_warmup=200, beta=1e6, chains=64)
    last = pbits.run(memory, pbit.Array(update="synchronous"), long, seed=2).states
    np.testing.assert_array_equal(last[:, :2], last[:, 2:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loads": [0.0]}, "positive and finite"),
        ({"temperature": -1.0}, "at least 0"),
        ({"memories": 0}, "memories is 0"),
        ({"corruption": 2.0}, "0 to 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        capacity_curve(**{"loads": [0.1], "n": 20, "seed": 1, **options})
