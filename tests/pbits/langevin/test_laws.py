"""Errors of averages over a linear process: against sums by definition, a bridge to the integral of x, and paths.

Statistical tests have fixed seeds and bounds of 5 standard errors (one false alarm in 1.7 million a number, some 100
numbers).
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from pbits.langevin import OrnsteinUhlenbeck, laws
from pbits.streams import Streams

SYMMETRIC = np.array([[2.0, -0.5, 0.3], [-0.5, 1.5, -0.7], [0.3, -0.7, 1.0]])
ROTATING = np.array([[1.0, 2.0, 0.1], [-2.0, 1.0, 0.0], [0.2, 0.0, 0.7]])
CORRELATED = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 0.2]])
PROCESSES = {
    "symmetric": OrnsteinUhlenbeck(SYMMETRIC, 0.8, [1.0, -1.0, 2.0]),
    "rotating": OrnsteinUhlenbeck(ROTATING, CORRELATED, [1.0, 0.0, 0.5]),
    "critically damped": OrnsteinUhlenbeck([[0.0, -1.0], [1.0, 2.0]], np.diag([0.0, 1.0]), [1.0, 1.0]),
    "ringing": OrnsteinUhlenbeck([[0.0, -3.0], [3.0, 0.4]], np.diag([0.0, 0.4]), [0.0, 1.0]),
}
OUTPUT = {2: [[0.0, 1.0]], 3: [[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]]}


@pytest.fixture(params=PROCESSES)
def process(request):
    return PROCESSES[request.param]


def by_lags(process, interval, draws, read):
    """Covariance of the mean, and variances of the entries of the covariance, of draws, by definition."""
    lagged = [read @ expm(-k * interval * process.A) @ process.covariance @ read.T for k in range(draws)]
    mean = sum(lagged[abs(a - b)] if a > b else lagged[abs(a - b)].T for a in range(draws) for b in range(draws))
    spread = [np.outer(np.diag(C), np.diag(C)) + C * C.T for C in lagged]
    return mean / draws**2, sum(spread[abs(a - b)] for a in range(draws) for b in range(draws)) / draws**2


@pytest.mark.parametrize("draws", [1, 2, 17])
@pytest.mark.parametrize("interval", [0.05, 0.7, 30.0])
@pytest.mark.parametrize("some", [False, True])
def test_sums_over_draws_are_those_of_their_definition(process, draws, interval, some):
    output = OUTPUT[process.n] if some else None
    mean, variances = by_lags(process, interval, draws, np.eye(process.n) if output is None else np.array(output))
    found = laws.mean_covariance(process, interval, draws, output=output)
    np.testing.assert_allclose(found, mean, atol=1e-12 * np.abs(mean).max())
    found = laws.covariance_variances(process, interval, draws, output=output)
    np.testing.assert_allclose(found, variances, rtol=1e-12)
    read = np.eye(process.n) if output is None else np.array(output)
    expected = np.sqrt(variances.sum()) / np.linalg.norm(read @ process.covariance @ read.T)
    assert laws.inverse_error(process, interval, draws, output=output) == pytest.approx(expected, rel=1e-10)


def test_long_sums_are_cut_where_nothing_is_left_and_not_before(process, monkeypatch):
    draws = 3000
    total = laws.inverse_error(process, 0.2, draws)
    found = laws.covariance_variances(process, 0.2, draws)
    assert np.sqrt(found.sum()) / np.linalg.norm(process.covariance) == pytest.approx(total, rel=1e-10)
    monkeypatch.setattr(laws, "_BLOCK", 5 * process.n**2)
    np.testing.assert_allclose(laws.covariance_variances(process, 0.2, draws), found, rtol=1e-12)
    monkeypatch.setattr(laws, "_NEGLIGIBLE", 0.1)
    assert np.abs(laws.covariance_variances(process, 0.2, draws) / found - 1).max() > 1e-4


@pytest.mark.parametrize("duration", [0.3, 4.0, 100.0])
def test_a_mean_over_time_is_the_integral_of_x_over_its_length(process, duration):
    # (x, z) with dz = x dt is a linear process too, which does not settle: its exact law, from x(0) of covariance Σ.
    n = process.n
    joint = np.zeros((2 * n, 2 * n))
    joint[:n, :n], joint[n:, :n] = process.A, -np.eye(n)
    diffusion = np.zeros((2 * n, 2 * n))
    diffusion[:n, :n] = process.diffusion
    phi, noise = OrnsteinUhlenbeck(joint, diffusion).step(duration)
    expected = phi[n:, :n] @ process.covariance @ phi[n:, :n].T + noise[n:, n:]
    found = laws.time_mean_covariance(process, duration)
    np.testing.assert_allclose(found * duration**2, expected, atol=1e-11 * np.abs(expected).max())
    read = np.array(OUTPUT[n])
    np.testing.assert_allclose(
        laws.time_mean_covariance(process, duration, output=read), read @ found @ read.T, atol=1e-14
    )
    fine = laws.mean_covariance(process, duration / 4000, 4000)
    np.testing.assert_allclose(fine, found, atol=1e-3 * np.abs(found).max())


def test_the_sums_over_eigenvalues_of_a_symmetric_machine():
    beta, T, interval, draws = 2.5, 7.0, 0.6, 11
    process = OrnsteinUhlenbeck(SYMMETRIC, 1 / beta, [1.0, 2.0, 2.0])
    rates = np.linalg.eigvalsh(SYMMETRIC)
    solve = (2 / (beta * rates**2 * T) * (1 - (1 - np.exp(-rates * T)) / (rates * T))).sum()
    assert laws.solve_error(process, T) == pytest.approx(np.sqrt(solve) / 3, rel=1e-12)
    s = 1 / (beta * rates)
    q = np.exp(-np.add.outer(rates, rates) * interval)
    f = (1 + q) / (1 - q) - 2 * q * (1 - q**draws) / (draws * (1 - q) ** 2)
    square = (np.outer(s, s) * (1 + np.eye(3)) * f).sum() / draws
    found = laws.inverse_error(process, interval, draws)
    assert found == pytest.approx(np.sqrt(square / (s**2).sum()), rel=1e-12)
    assert laws.burn_in(OrnsteinUhlenbeck(2 * np.eye(3)), 0.02) == pytest.approx(np.log(50) / 4, rel=1e-9)


def test_known_limits():
    eye = OrnsteinUhlenbeck(np.eye(8))
    assert laws.inverse_error(eye, 50.0, 400) == pytest.approx(3 / 20, rel=1e-9)
    sigma = PROCESSES["rotating"].covariance
    one = laws.covariance_variances(PROCESSES["rotating"], 0.1, 1)
    np.testing.assert_allclose(one, np.outer(np.diag(sigma), np.diag(sigma)) + sigma**2, rtol=1e-12)
    means, covariances = laws.effective_draws(PROCESSES["rotating"], 100.0, 1000)
    np.testing.assert_allclose(means, 1000, rtol=1e-12)
    np.testing.assert_allclose(covariances, 1000, rtol=1e-12)
    # A path of length T watched closely: T(λ_i + λ_j)/2 for variances, Tλ/2 for means.
    means, covariances = laws.effective_draws(OrnsteinUhlenbeck([[0.5]]), 1e-3, 10**8)
    assert means[0] == pytest.approx(0.25e5, rel=1e-4)
    assert covariances[0, 0] == pytest.approx(0.5e5, rel=1e-4)
    # One interval at which the law says that a tenth of the time is lost.
    interval = laws.read_out_interval(OrnsteinUhlenbeck([[0.5]]))
    draws = 10**7
    assert laws.inverse_error(OrnsteinUhlenbeck([[0.5]]), interval, draws) ** 2 == pytest.approx(
        1.1 * 2 / (0.5 * interval * draws), rel=1e-5
    )


def test_rates_a_thousand_million_apart():
    fast, slow = 1e9, 1.0
    process = OrnsteinUhlenbeck([[fast, 0.0], [0.0, slow]], np.diag([fast, slow]))
    for interval, draws in ((1e-3, 50_000), (1.0, 1000)):
        terms = []
        for x in (2 * fast * interval, (fast + slow) * interval, (fast + slow) * interval, 2 * slow * interval):
            q = np.exp(-x)
            terms.append((1 + q) / (1 - q) - 2 * q * (1 - q**draws) / (draws * (1 - q) ** 2))
        square = (2 * terms[0] + terms[1] + terms[2] + 2 * terms[3]) / draws / 2
        assert laws.inverse_error(process, interval, draws) == pytest.approx(np.sqrt(square), rel=1e-9)
    # Intervals so short that all draws are one: the sum over lags is N².
    assert laws.inverse_error(process, 1e-16, 10) == pytest.approx(np.sqrt(3), rel=1e-5)


@pytest.mark.parametrize("interval", [0.15, 1.0])
def test_paths_scatter_as_stated(process, interval):
    chains, draws = 4000, 25
    start = np.linalg.cholesky(process.covariance) @ np.random.default_rng(4).normal(size=(process.n, chains))
    path = process.sample(start.T + process.mean, np.full(draws, interval), Streams(seed=5))
    read = np.array(OUTPUT[process.n])
    for output in (None, read):
        rows = path if output is None else path @ read.T
        rows = rows - (process.mean if output is None else read @ process.mean)
        means = rows.mean(axis=1)
        expected = laws.mean_covariance(process, interval, draws, output=output)
        error = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / chains)
        assert (np.abs(means.T @ means / chains - expected) < 5 * error).all()
        covariances = np.einsum("cti,ctj->cij", rows, rows) / draws
        variances = laws.covariance_variances(process, interval, draws, output=output)
        scatter = (covariances - covariances.mean(axis=0)) ** 2
        error = scatter.std(axis=0) / np.sqrt(chains)
        assert (np.abs(scatter.mean(axis=0) - variances) < 5 * error).all()
        # Draws are not independent: taken as such, the test would see it.
        assert (np.abs(scatter.mean(axis=0) - variances / 2) > 5 * error).all()


def test_a_mean_of_a_path_misses_the_solution_by_the_stated_distance():
    process, chains, interval, draws = PROCESSES["symmetric"], 4000, 0.01, 300
    start = np.linalg.cholesky(process.covariance) @ np.random.default_rng(4).normal(size=(3, chains))
    total = np.zeros((chains, 3))
    state = start.T + process.mean
    for first in range(0, draws, 100):
        path = process.sample(state, np.full(100, interval), Streams(seed=6), step0=first)
        total += path.sum(axis=1)
        state = path[:, -1]
    missed = ((total / draws - process.mean) ** 2).sum(axis=1) / 6
    expected = laws.solve_error(process, interval * draws) ** 2
    assert abs(missed.mean() - expected) < 5 * missed.std() / np.sqrt(chains)


def test_burn_in_leaves_the_stated_share(process):
    for accuracy in (0.3, 1e-4):
        t = laws.burn_in(process, accuracy)
        missing = process.covariance - process.moments(process.mean, [t])[1][0]
        norm = np.linalg.norm(process.covariance)
        assert np.linalg.norm(missing) / norm == pytest.approx(accuracy, rel=1e-6)
        read = np.array(OUTPUT[process.n])
        t = laws.burn_in(process, accuracy, output=read)
        missing = read @ (process.covariance - process.moments(process.mean, [t])[1][0]) @ read.T
        assert np.linalg.norm(missing) == pytest.approx(
            accuracy * np.linalg.norm(read @ process.covariance @ read.T), rel=1e-6
        )


@settings(max_examples=25)
@given(st.sampled_from(list(PROCESSES)), st.floats(0.05, 5.0), st.floats(0.02, 2.0))
def test_what_an_accuracy_costs_brings_the_accuracy(name, interval, accuracy):
    process = PROCESSES[name]
    draws = laws.draws_for(process, interval, accuracy)
    assert laws.inverse_error(process, interval, draws) <= accuracy * (1 + 1e-9)
    assert draws == 1 or laws.inverse_error(process, interval, draws - 1) > accuracy * (1 - 1e-9)
    T = laws.averaging_time(process, accuracy)
    if T == 0:
        assert np.trace(process.covariance) <= (accuracy * np.linalg.norm(process.mean)) ** 2
    else:
        assert laws.solve_error(process, T) == pytest.approx(accuracy, rel=1e-8)


def test_what_cannot_be_known_is_refused():
    process, free = PROCESSES["symmetric"], OrnsteinUhlenbeck([[0.0]])
    for law in (
        lambda: laws.time_mean_covariance(free, 1.0),
        lambda: laws.mean_covariance(free, 1.0, 3),
        lambda: laws.inverse_error(free, 1.0, 3),
        lambda: laws.burn_in(free, 0.1),
        lambda: laws.read_out_interval(free),
    ):
        with pytest.raises(ValueError, match="no law is stationary"):
            law()
    for law, message in (
        (lambda: laws.time_mean_covariance(process, 0.0), "duration is 0.0"),
        (lambda: laws.mean_covariance(process, -1.0, 2), "interval is -1.0"),
        (lambda: laws.covariance_variances(process, 1.0, 0), "draws is 0"),
        (lambda: laws.draws_for(process, 1.0, 0.0), "accuracy is 0.0"),
        (lambda: laws.burn_in(process, 1.0), "must be below 1"),
        (lambda: laws.read_out_interval(process, 0.0), "excess is 0.0"),
        (lambda: laws.solve_error(OrnsteinUhlenbeck([[1.0]]), 1.0), "the mean is 0"),
        (lambda: laws.inverse_error(OrnsteinUhlenbeck([[1.0]], 0.0), 1.0, 2), "no spread"),
        (lambda: laws.mean_covariance(process, 1.0, 2, output=[[1.0]]), r"expected \(m, 3\)"),
        (lambda: laws.covariance_variances(process, 1e-9, 10**12), "read_out_interval gives"),
    ):
        with pytest.raises(ValueError, match=message):
            law()
