"""Draws against the conditionals of their model.

Intervals are of 95 %, from fixed seeds; a coverage of 30 of 40 or fewer would happen once in 10⁵ suites.
"""

import numpy as np
import pytest

import pbits
from hardware_models.pbit import Array, stationary_law
from pbits.conditionals import check_conditionals


def glass(n, strength, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * strength, 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n) * 0.2)


MODEL = glass(8, 0.5)


def draws(model, seed, update="random", beta=1.0, **options):
    schedule = pbits.Schedule(n_samples=400, n_warmup=50, chains=16, beta=beta)
    return pbits.run(model, Array(update=update, **options), schedule, seed=seed).states


def test_boltzmann_draws_agree_at_the_stated_rate():
    found = [check_conditionals(MODEL, draws(MODEL, seed), 1.0) for seed in range(40)]
    assert sum(one.agrees for one in found) > 30
    assert sum(one.beta_interval[0] <= 1 <= one.beta_interval[1] for one in found) > 30
    assert sum(one.distance_at_least > 0 for one in found) < 10


def test_another_temperature_is_told():
    found = check_conditionals(MODEL, draws(MODEL, 1, beta=0.8), 1.0)
    assert not found.agrees
    assert found.beta_interval[0] <= 0.8 <= found.beta_interval[1]


@pytest.mark.parametrize("q", [0.6, 1.0])
def test_a_clock_that_moves_neighbours_at_once_is_told(q):
    found = check_conditionals(MODEL, draws(MODEL, 1, update="partial", q=q), 1.0)
    assert found.slope_interval[1] < 1
    assert 0 < found.distance_at_least <= stationary_law(MODEL, "partial", q=q).distance


def test_two_p_bits_at_once_have_no_order_left():
    pair = pbits.IsingModel([[0, 1], [1, 0]])
    found = check_conditionals(pair, draws(pair, 1, update="synchronous"), 1.0)
    assert found.slope_interval[0] < 0 < found.slope_interval[1]


def test_clamped_sites_are_left_out():
    schedule = pbits.Schedule(n_samples=400, n_warmup=50, chains=16)
    states = pbits.run(MODEL, Array(update="random"), schedule, seed=2, clamp={0: -1, 3: 1}).states
    assert check_conditionals(MODEL, states, 1.0, np.array([0, 3])).agrees
    assert not check_conditionals(MODEL, states, 1.0).agrees


def test_a_spin_that_never_disobeys_has_no_finite_temperature():
    ground = np.ones((16, 10, 2), dtype=np.int8)
    found = check_conditionals(pbits.IsingModel([[0, 1], [1, 0]]), ground, 1.0)
    assert found.beta is None
    assert found.beta_interval is None


def test_too_few_draws_say_nothing():
    assert check_conditionals(MODEL, np.ones((1, 3, 8), dtype=np.int8), 1.0) is None
    assert check_conditionals(MODEL, np.ones((4, 30, 8), dtype=np.int8), 0.0) is None


def test_the_bound_on_the_distance_is_rarely_false():
    """Independent spins in strong fields: few are drawn against them. A bound above 0 in 6 of 30 runs: once in 10³."""
    model = pbits.IsingModel(np.zeros((100, 100)), np.full(100, 2.0))
    schedule = pbits.Schedule(n_samples=20, n_warmup=0, chains=16)
    bounds = [pbits.run(model, "ideal", schedule, seed=seed).conditionals.distance_at_least for seed in range(30)]
    assert sum(bound > 0 for bound in bounds) < 6
