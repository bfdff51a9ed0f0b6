"""The theory of Hebb's rule against its known limits, plain iteration of its equations, and memories that are built."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from pbits.problems import capacity


def iterated(alpha, temperature, rounds=20_000):
    """m by iterating the equations from m = q = 1, with a plain sum over z."""
    z = np.linspace(-10, 10, 4001)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    m = q = 1.0
    for _ in range(rounds):
        r = q / (1 - (1 - q) / temperature) ** 2
        fired = np.tanh((m + math.sqrt(alpha * r) * z) / temperature)
        m, q = weight @ fired, weight @ fired**2
    return m


@pytest.mark.parametrize(("alpha", "temperature"), [(0.13, 0.05), (0.1, 0.3), (0.05, 0.3), (0.05, 0.5), (0.01, 0.7)])
def test_overlaps_are_fixed_points_that_iteration_finds(alpha, temperature):
    assert capacity.overlap(alpha, temperature) == pytest.approx(iterated(alpha, temperature, 3000), abs=1e-7)


def test_at_zero_temperature_one_equation_is_left():
    # m = erf(y), y (√(2α) + (2/√π) e^(−y²)) = erf(y): the known form, by bisection from the largest root down.
    for alpha in (0.02, 0.08, 0.137):
        y = np.linspace(0.5, 6, 200_001)
        sign = np.sign(erf(y) - y * (math.sqrt(2 * alpha) + 2 / math.sqrt(math.pi) * np.exp(-(y**2))))
        root = y[np.flatnonzero(np.diff(sign))[-1]]
        assert capacity.overlap(alpha) == pytest.approx(erf(root), abs=1e-5)


def test_the_critical_load_and_its_overlap_are_the_published_ones():
    load = capacity.critical_load()
    assert load == pytest.approx(0.138, abs=5e-4)
    assert capacity.overlap(load * (1 - 1e-10)) == pytest.approx(0.967, abs=5e-4)
    assert capacity.overlap(load * (1 + 1e-6)) == 0


def test_few_patterns_are_a_ferromagnet():
    for temperature in (0.1, 0.5, 0.9):
        m = capacity.overlap(0.0, temperature)
        assert m == pytest.approx(math.tanh(m / temperature), abs=1e-6)
        assert capacity.overlap(1e-9, temperature) == pytest.approx(m, abs=1e-4)
    assert (capacity.overlap(0.0), capacity.overlap(0.0, 1.0), capacity.overlap(0.05, 2.0)) == (1.0, 0.0, 0.0)


def test_lines_meet_where_they_should():
    # At T = 0 recall is so nearly perfect that √α = (1 − 2/π)/(2√(2/π)) follows from the energies.
    assert capacity.stable_load() == pytest.approx(((1 - 2 / math.pi) / 2) ** 2 * math.pi / 2, abs=1e-5)
    for temperature in (0.1, 0.4, 0.8, 0.99):
        assert 0 < capacity.stable_load(temperature) < capacity.critical_load(temperature)
    assert capacity.critical_load(1e-4) == pytest.approx(capacity.critical_load(), abs=1e-5)
    assert capacity.stable_load(1e-4) == pytest.approx(capacity.stable_load(), abs=1e-5)
    assert capacity.critical_load(0.9999) < 1e-6
    assert (capacity.critical_load(1.0), capacity.stable_load(1.5)) == (0.0, 0.0)
    for short in (1e-5, 1e-7, 1e-9, 1e-11, 1e-13):
        assert capacity.overlap(0.0, 1 - short) == pytest.approx(math.sqrt(3 * short), abs=1e-3)


@pytest.mark.parametrize(("sigma", "temperature"), [(0.3, 0.1), (0.3, 0.299), (0.3, 0.301), (0.05, 0.8)])
def test_averages_by_quadrature(sigma, temperature):
    def over(function):
        density = 1 / (sigma * math.sqrt(2 * math.pi))
        return quad(
            lambda x: density * math.exp(-(((x - 0.7) / sigma) ** 2) / 2) * function(x / temperature),
            0.7 - 12 * sigma, 0.7 + 12 * sigma, points=[0.0, 0.7], limit=400,
        )[0]  # fmt: skip

    wanted = over(math.tanh), over(lambda x: 1 / math.cosh(x) ** 2) / temperature
    assert capacity._averages(0.7, sigma, temperature) == pytest.approx(wanted, abs=1e-8)
    wanted = temperature * over(lambda x: math.log(2 * math.cosh(x)))
    assert capacity._log_cosh(0.7, sigma, temperature) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("ratio", "temperature"), [(0.3, 0.3), (0.25, 0.0), (0.2, 0.6), (0.4, 0.1)])
def test_states_are_stationary_points_of_the_free_energy(ratio, temperature):
    m, alpha = capacity._magnetisation(ratio, temperature), capacity._load(ratio, temperature)
    glass = capacity._glass_noise(alpha, temperature)
    for state in (np.array([m, ratio * m]), np.array([0.0, glass])):
        for axis in np.eye(2):
            f = [capacity._free_energy(*(state + step * axis), alpha, temperature) for step in (-1e-4, 1e-4)]
            assert (f[1] - f[0]) / 2e-4 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("n", "p", "order"), [(100, 20, 2), (40, 200, 3), (24, 800, 4)])
def test_first_updates_err_as_crosstalk_says(n, p, order):
    # The stored pattern is all ones without loss of generality. 200 memories × n spins; what is left of the law of
    # large n is within a fifth of the rate, and a false alarm is at five standard errors beyond that.
    rng = np.random.default_rng(7)
    wrong = []
    for _ in range(200):
        others = rng.choice([-1.0, 1.0], (p - 1, n))
        rest = others.sum(axis=1, keepdims=True) - others
        full = (np.stack([rest + others, rest - others]) / n) ** order
        own = 1 - ((n - 2) / n) ** order
        wrong.append((own + (full[0] - full[1]).sum(axis=0) < 0).mean())
    expected = capacity.crosstalk_errors(n, p, order)
    assert np.mean(wrong) == pytest.approx(expected, abs=0.2 * expected + 5 * np.std(wrong) / math.sqrt(200))
    assert capacity.crosstalk_errors(n, 1, order) == 0.0


def test_loads_and_temperatures_out_of_range_are_refused():
    for given in ((-0.1, 0.0), (0.1, math.nan), (0.1, -1.0)):
        with pytest.raises(ValueError, match="finite and at least 0"):
            capacity.overlap(*given)
