"""Times for an accuracy: the laws against exact paths, and their limits against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbits.langevin import OrnsteinUhlenbeck
from pbits.langevin.durations import exponentiating, integrating, inverting, settling, solving
from pbits.streams import Streams

RATES = np.array([0.3, 0.5, 1.0])
CHAINS = 1500
# Means of squares over 1500 chains scatter by some 4 %; 16 % is four standard errors (false alarm below 1e-4 each).
SLACK = 0.16


def paths(friction: float | None, span: float, step: float) -> np.ndarray:
    """Positions (chains, steps, 3) from the stationary law on."""
    n = len(RATES)
    stationary = np.random.default_rng(1).normal(size=(CHAINS, n)) / np.sqrt(RATES)
    steps = np.full(round(span / step), step)
    if friction is None:
        return OrnsteinUhlenbeck(np.diag(RATES)).sample(stationary, steps, Streams(seed=2))
    drift = np.block([[np.zeros((n, n)), -np.eye(n)], [np.diag(RATES), friction * np.eye(n)]])
    noise = np.diag([0.0] * n + [friction] * n)
    start = np.hstack([stationary, np.random.default_rng(3).normal(size=(CHAINS, n))])
    return OrnsteinUhlenbeck(drift, noise).sample(start, steps, Streams(seed=2))[:, :, :n]


@pytest.mark.parametrize("friction", [None, 0.4, 2.0])
@pytest.mark.parametrize("step", [0.25, 6.0])
def test_means_and_covariances_are_as_good_as_told(friction, step):
    span = 3000.0 if step > 1 else 400.0
    x = paths(friction, span, step)
    read = step if step > 1 else None
    of_mean = (x.mean(axis=1) ** 2).sum(axis=1).mean()
    # What a long mean still lacks is of order (longest memory)/span, here below 3 %.
    told = solving(RATES, 1.0, friction=friction, interval=read) / span
    assert of_mean == pytest.approx(told, rel=SLACK)
    found = np.einsum("cti,ctj->cij", x, x) / x.shape[1] - np.diag(1 / RATES)
    told = inverting(RATES, 1.0, friction=friction, interval=read) / span
    assert (found**2).sum(axis=(1, 2)).mean() == pytest.approx(told, rel=SLACK)


@pytest.mark.parametrize("step", [0.2, 2.0])
def test_a_matrix_exponential_is_as_good_as_told(step):
    lag, span = 4 * step, 2000 * step
    start = np.random.default_rng(1).normal(size=(CHAINS, 3))
    x = OrnsteinUhlenbeck(np.diag(RATES), np.diag(RATES)).sample(start, np.full(2000, step), Streams(seed=5))
    later = 4
    found = np.einsum("cti,ctj->cij", x[:, later:], x[:, :-later]) / (x.shape[1] - later)
    error = ((found - np.diag(np.exp(-RATES * lag))) ** 2).sum(axis=(1, 2)).mean()
    read = step if step > 1 else None
    assert error == pytest.approx(exponentiating(RATES, 1.0, lag=lag, interval=read) / span, rel=SLACK)


def test_a_determinant_is_integrated_as_well_as_told():
    """Stops along the path, with time in proportion to the scatter, and the closed form of one soft mode."""
    kappa = 30.0
    modes = np.array([1.0, *[1 / kappa] * 7])
    assert integrating(modes, 0.1) == pytest.approx(2 * 7 * (math.sqrt(kappa) - 1) ** 2 / 0.01, rel=1e-3)
    stops = np.geomspace(1 / kappa, 1, 41)
    share = (1 - stops) / (1 - 1 / kappa)
    scatter = np.sqrt(7 * ((1 - 1 / kappa) / stops) ** 2 / (2 * stops))
    span = 40_000.0
    parts = scatter * np.abs(np.gradient(share))
    spent = span * parts / parts.sum()
    estimates = []
    rng = np.random.default_rng(7)
    for rate, time in zip(stops, spent):
        # Means of x² over long times, drawn: their variance (2/time)(2/λ²)(1/2λ) is tested above.
        means = 1 / rate + rng.normal(size=(4000, 7)) * math.sqrt(2 / rate**2 / (rate * time))
        estimates.append(0.5 * (-(1 - 1 / kappa)) * means.sum(axis=1))
    order = np.argsort(share)
    drawn = np.trapezoid(np.array(estimates)[order], share[order], axis=0)
    assert drawn.mean() == pytest.approx(-0.5 * 7 * math.log(kappa), rel=0.01)
    assert drawn.var() == pytest.approx(integrating(modes, 1.0) / span, rel=0.15)


def test_the_circuit_that_averages_is_the_limit_of_close_reads():
    for friction in (None, 0.5):
        close = solving(RATES, 0.1, friction=friction, interval=1e-3)
        assert close == pytest.approx(solving(RATES, 0.1, friction=friction), rel=1e-4)
        close = inverting(RATES, 0.1, friction=friction, interval=1e-3)
        assert close == pytest.approx(inverting(RATES, 0.1, friction=friction), rel=1e-4)
        close = integrating(RATES, 0.1, friction=friction, interval=1e-3)
        assert close == pytest.approx(integrating(RATES, 0.1, friction=friction), rel=1e-4)
    close = exponentiating(RATES, 0.1, interval=1e-3)
    assert close == pytest.approx(exponentiating(RATES, 0.1), rel=1e-4)


def test_a_determinant_read_seldom_takes_longer():
    """Two modes at every stop read as independent draws: twice the variance of x² a read, over Δ."""
    far = 1e3
    modes = [1.0, 0.5, 0.5]
    share = np.linspace(0, 1, 20001)
    held = 1 - share / 2
    wanted = np.trapezoid(np.sqrt(2 * (0.5 / held) ** 2 * far / 2), share) ** 2 / 0.01
    assert integrating(modes, 0.1, interval=far) == pytest.approx(wanted, rel=1e-3)


def test_a_heavily_damped_machine_is_an_overdamped_one():
    heavy = 1e4
    assert solving(RATES, 0.1, friction=heavy) == pytest.approx(heavy * solving(RATES, 0.1), rel=1e-6)
    assert inverting(RATES, 0.1, friction=heavy) == pytest.approx(heavy * inverting(RATES, 0.1), rel=1e-6)
    assert integrating(RATES, 0.1, friction=heavy) == pytest.approx(heavy * integrating(RATES, 0.1), rel=1e-6)


def test_critical_damping_is_not_special():
    at, beside = (inverting([1.0], 0.1, friction=f) for f in (2.0, 2.0 * (1 + 1e-4)))
    assert at == pytest.approx(beside, rel=1e-3)
    # ρ = (1 + t)e^(−t), whose square integrates to 5/4.
    assert at == pytest.approx(2 * 2 * 1.25 / 0.01, rel=1e-6)


def test_settling():
    assert settling([0.5, 2.0], math.exp(-3)) == pytest.approx(6.0)
    assert settling([0.5, 2.0], math.exp(-3), friction=0.8) == pytest.approx(3 / 0.4)
    assert settling([0.5], 2.0) == 0.0
    assert settling([0.5], math.exp(-3), friction=10.0) == pytest.approx(3 / (5 - math.sqrt(24.5)))


def test_a_unit_matrix_needs_no_path():
    assert integrating([2.0, 2.0], 0.1) == 0.0


@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=5), st.floats(0.01, 1.0))
def test_ten_times_the_accuracy_takes_a_hundred_times_as_long(rates, error):
    for law in (solving, inverting, exponentiating, integrating):
        assert law(rates, error / 10) == pytest.approx(100 * law(rates, error))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: solving([1.0], 0.0), "error is 0.0; it must be positive"),
        (lambda: solving([1.0, -1.0], 0.1), "rates hold -1; the eigenvalues"),
        (lambda: solving([[1.0]], 0.1), "rates have shape"),
        (lambda: inverting([1.0], 0.1, friction=0.0), "friction is 0.0"),
        (lambda: settling([1.0], math.nan), "accuracy is nan"),
        (lambda: exponentiating([1.0], 0.1, lag=1.0, interval=0.3), "reads every 0.3 are never 1 apart"),
        (lambda: exponentiating([1.0], 0.1, lag=1.0, interval=7.0), "reads every 7 are never 1 apart"),
        (lambda: solving([1.0], 0.1, interval=0.0), "interval is 0.0; it must be positive"),
    ],
)
def test_what_has_no_duration(call, message):
    with pytest.raises(ValueError, match=message):
        call()
