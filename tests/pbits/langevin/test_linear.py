"""Exact Ornstein–Uhlenbeck processes, against twins, quadrature and arithmetic of sixty digits.

Statistical tests have fixed seeds and bounds of 5 standard errors (one false alarm in 1.7 million a number, some
100 numbers); what they would not see is planted and seen.
"""

from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.stats import multivariate_normal

from pbits.langevin import OrnsteinUhlenbeck, linear
from pbits.reference.langevin import ou_noise, ou_path, ou_step
from pbits.streams import Stream, Streams

STREAMS = Streams(seed=8)
KEY = STREAMS.key(Stream.THERMAL)

SYMMETRIC = np.array([[2.0, -0.5, 0.3], [-0.5, 1.5, -0.7], [0.3, -0.7, 1.0]])
ROTATING = np.array([[1.0, 2.0, 0.1], [-2.0, 1.0, 0.0], [0.2, 0.0, 0.7]])
CORRELATED = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 0.2]])
# Voltage and current of a critically damped circuit: A has one eigenvector, D is singular.
DAMPED = np.array([[0.0, -1.0], [1.0, 2.0]])
ONE_SIDED = np.diag([0.0, 1.0])

PROCESSES = {
    "symmetric": (SYMMETRIC, 0.8),
    "symmetric, correlated noise": (SYMMETRIC, CORRELATED),
    "rotating": (ROTATING, 0.8),
    "rotating, correlated noise": (ROTATING, CORRELATED),
    "critically damped": (DAMPED, ONE_SIDED),
}
METHODS = ["symmetric", "eigenbasis", "eigenbasis", "eigenbasis", "direct"]


def process_of(name, root="symmetric"):
    A, D = PROCESSES[name]
    return OrnsteinUhlenbeck(A, D, np.arange(len(A)) - 0.5, root=root)


def full(D, n):
    return np.asarray(D) * np.eye(n) if np.ndim(D) == 0 else D


def starts(n, chains=3):
    return np.random.default_rng(1).normal(size=(chains, n))


def symmetric_root(C):
    values, vectors = np.linalg.eigh(C)
    return (vectors * np.sqrt(values)) @ vectors.T


# Exact steps


@pytest.mark.parametrize("root", ["symmetric", "cholesky"])
@pytest.mark.parametrize(("name", "method"), list(zip(PROCESSES, METHODS)))
def test_a_path_is_its_twin_step_for_step(name, method, root):
    process = process_of(name, root)
    assert process.method == method
    A, D = PROCESSES[name]
    phi, covariance = ou_step(A, full(D, len(A)), 0.3)
    one = (phi, symmetric_root(covariance) if root == "symmetric" else np.linalg.cholesky(covariance))
    x0 = starts(len(A))
    expected = ou_path(x0, process.mean, [one] * 6, KEY, chain0=2, step0=5)
    found = process.sample(x0, np.full(6, 0.3), STREAMS, chain0=2, step0=5)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    step = process.transition(0.3)
    np.testing.assert_allclose(step.path(x0, 6, STREAMS, chain0=2, step0=5), expected, rtol=1e-10, atol=1e-12)
    wrong = replace(step, into=1.0001 * step.into)
    assert np.abs(wrong.path(x0, 6, STREAMS, chain0=2, step0=5) - expected).max() > 1e-6


@pytest.mark.parametrize("name", PROCESSES)
def test_steps_may_have_any_lengths(name):
    process = process_of(name)
    A, D = PROCESSES[name]
    lengths = [0.3, 0.3, 0.01, 2.0, 0.3]
    steps = [(phi, symmetric_root(C)) for phi, C in (ou_step(A, full(D, len(A)), length) for length in lengths)]
    found = process.sample(starts(len(A)), lengths, STREAMS)
    np.testing.assert_allclose(found, ou_path(starts(len(A)), process.mean, steps, KEY), rtol=1e-9, atol=1e-11)


def test_times_that_are_equal_but_for_rounding_are_one_duration(monkeypatch):
    process = process_of("rotating")
    prepared = []
    monkeypatch.setattr(linear, "_step", lambda *given: prepared.append(given) or ou_step(*given))
    lengths = np.diff(0.1 * np.arange(200))
    assert len(np.unique(lengths)) > 1
    process.sample(starts(3), lengths, STREAMS)
    assert len(prepared) == 1


@pytest.mark.parametrize("name", ["symmetric, correlated noise", "rotating", "rotating, correlated noise"])
def test_the_method_changes_the_speed_and_not_the_numbers(name, monkeypatch):
    path = process_of(name).sample(starts(3), np.full(40, 0.2), STREAMS)
    monkeypatch.setattr(linear, "_CONDITION", 0.0)
    direct = process_of(name)
    assert direct.method == "direct"
    np.testing.assert_allclose(direct.sample(starts(3), np.full(40, 0.2), STREAMS), path, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", PROCESSES)
def test_draws_do_not_depend_on_how_a_path_is_cut(name, monkeypatch):
    process = process_of(name)
    x0 = starts(process.n, 5)
    whole = process.sample(x0, np.full(12, 0.2), STREAMS)
    monkeypatch.setattr(linear, "_NUMBERS", 10)
    monkeypatch.setattr(linear, "_ROWS", 1)
    agree = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(process.sample(x0, np.full(12, 0.2), STREAMS), whole, **agree)
    first = process.sample(x0, np.full(5, 0.2), STREAMS)
    rest = process.sample(first[:, -1], np.full(7, 0.2), STREAMS, step0=5)
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), whole, **agree)
    some = process.sample(x0[2:], np.full(12, 0.2), STREAMS, chain0=2)
    np.testing.assert_allclose(some, whole[2:], **agree)
    np.testing.assert_allclose(process.sample(x0[0], np.full(12, 0.2), STREAMS), whole[:1], **agree)


def test_eigenvectors_do_not_choose_the_draws(monkeypatch):
    # All eigenvalues but one are equal, so that any rotation of their eigenvectors is as good.
    A = np.eye(4) + 0.1
    path = OrnsteinUhlenbeck(A).sample(np.ones(4), np.full(9, 0.4), STREAMS)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    eigh = np.linalg.eigh

    def other(matrix):
        values, vectors = eigh(matrix)
        return values, np.concatenate([vectors[:, :3] @ turn, -vectors[:, 3:]], axis=1)

    monkeypatch.setattr(np.linalg, "eigh", other)
    np.testing.assert_allclose(OrnsteinUhlenbeck(A).sample(np.ones(4), np.full(9, 0.4), STREAMS), path, atol=1e-12)


def test_amplitudes_scale_the_noise_of_their_step():
    process = process_of("symmetric")
    phi, root = process.matrices(0.3)
    amplitudes = np.array([1.0, 0.5, 2.0])
    expected = ou_path(starts(3), process.mean, [(phi, a * root) for a in amplitudes], KEY)
    found = process.transition(0.3).path(starts(3), 3, STREAMS, amplitudes=amplitudes)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(max_examples=40)
@given(st.integers(1, 5), st.integers(0, 1000), st.floats(1e-3, 2.0), st.booleans())
def test_matrices_are_those_of_the_block_exponential(n, seed, duration, symmetric):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    A = root @ root.T / n + 0.2 * np.eye(n)
    if not symmetric:
        skew = rng.normal(size=(n, n))
        A = A + skew - skew.T
    noise = rng.normal(size=(n, n))
    D = noise @ noise.T
    process = OrnsteinUhlenbeck(A, D)
    phi, R = process.matrices(duration)
    expected_phi, expected = ou_step(A, D, duration)
    np.testing.assert_allclose(phi, expected_phi, atol=1e-11)
    np.testing.assert_allclose(R @ R.T, expected, atol=1e-10 * np.abs(expected).max())
    np.testing.assert_allclose(R, R.T, atol=1e-12 * np.abs(R).max())
    sigma = process.covariance
    np.testing.assert_allclose(A @ sigma + sigma @ A.T, 2 * D, atol=1e-9 * np.abs(D).max())
    np.testing.assert_allclose(phi @ sigma @ phi.T + R @ R.T, sigma, atol=1e-9 * np.abs(sigma).max())


def test_long_steps_forget_and_short_steps_keep_their_digits():
    process = process_of("critically damped")
    phi, R = process.matrices(200.0)
    np.testing.assert_allclose(phi, 0, atol=1e-12)
    np.testing.assert_allclose(R @ R.T, process.covariance, atol=1e-12)
    # The undriven site spreads as ∫ (2D/1)s² ds = 2t³/3, fourteen orders below what Σ − ΦΣΦᵀ would resolve.
    t = 1e-5
    _, noise = linear._step(DAMPED, ONE_SIDED, t)
    assert noise[0, 0] == pytest.approx(2 * t**3 / 3, rel=1e-4)


@pytest.mark.parametrize("name", PROCESSES)
def test_paths_have_the_stationary_covariance_and_the_right_memory(name):
    process = process_of(name)
    chains = 20_000
    late = process.sample(np.zeros((chains, process.n)), [30.0, 0.5], STREAMS) - process.mean
    sigma = process.covariance
    variances = np.diag(sigma)
    phi = expm(-0.5 * process.A)
    for found, expected in ((late[:, 0], sigma), (late[:, 1], phi @ sigma)):
        error = np.sqrt((np.outer(variances, variances) + expected * expected.T) / chains)
        assert (np.abs(found.T @ late[:, 0] / chains - expected) < 5 * error).all()
    assert (np.abs(late.mean(axis=0)) < 5 * np.sqrt(variances / chains)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2.0]],), "square"),
        (([[np.nan]],), r"A\[0, 0\] is nan"),
        (([[1.0]], -1.0), "eigenvalue -1"),
        ((np.eye(2), [[1.0, 0.5], [0.0, 1.0]]), "not symmetric"),
        ((np.eye(2), np.eye(3)), r"diffusion has shape \(3, 3\)"),
        ((np.eye(2), 1.0, [1.0]), r"mean has shape \(1,\)"),
    ],
)
def test_processes_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        OrnsteinUhlenbeck(*arguments)


def test_paths_that_cannot_be_are_refused():
    process = process_of("symmetric")
    with pytest.raises(ValueError, match="root is 'lower'; it must be one of symmetric, cholesky"):
        OrnsteinUhlenbeck(SYMMETRIC, root="lower")
    for durations, message in (([], "at least one step"), ([0.1, 0.0], "must be positive"), ([np.inf], "finite")):
        with pytest.raises(ValueError, match=message):
            process.sample(np.zeros(3), durations, STREAMS)
    with pytest.raises(ValueError, match=r"x0 has shape \(1, 2\)"):
        process.sample(np.zeros(2), [0.1], STREAMS)
    with pytest.raises(ValueError, match="amplitudes has shape"):
        process.transition(0.1).path(np.zeros(3), 2, STREAMS, amplitudes=[1.0])
    with pytest.raises(ValueError, match="no Cholesky factor"):
        OrnsteinUhlenbeck([[1.0]], 0.0, root="cholesky").transition(1.0)


# Cases at which shortcuts fail. 2D is thermox's D; its transition covariance, from the eigenvalues of the symmetric
# part of A in units of D, is right only where A is normal in them.

CASES = {
    "unequal noise": ([[2.0, 1.0], [1.0, 2.0]], np.diag([0.5, 2.0]), [0.38010, -0.33260, 1.11636]),
    "of its own tests": ([[3.0, 2.5], [2.0, 4.0]], np.eye(2), [0.54765, -0.28099, 0.38282]),
    "far from normal": ([[1.0, 5.0], [0.0, 2.0]], np.eye(2), [3.0786, -0.7132, 0.4908]),
    "defective": ([[1.0, 1.0], [0.0, 1.0]], np.eye(2), None),
    "critically damped": (DAMPED, ONE_SIDED, None),
    "rank one": (ROTATING, np.outer([1.0, 2.0, -1.0], [1.0, 2.0, -1.0]), None),
}


@pytest.mark.parametrize("name", CASES)
def test_the_noise_of_a_step_is_the_integral_that_defines_it(name):
    A, D, printed = CASES[name]
    process = OrnsteinUhlenbeck(A, D)
    phi, noise = process.step(1.0)
    np.testing.assert_allclose(phi, expm(-np.asarray(A)), atol=1e-14)
    np.testing.assert_allclose(noise, ou_noise(A, D, 1.0), atol=1e-13)
    np.testing.assert_allclose(process.covariance, ou_noise(A, D, 60.0), atol=1e-12)
    if printed is not None:
        np.testing.assert_allclose(noise[np.triu_indices(2)], printed, atol=6e-5)


def test_a_defective_drift_moves_the_mean_as_it_should():
    # t e^−t, where an eigenbasis that does not exist would give 0.
    mean, _ = OrnsteinUhlenbeck([[1.0, 1.0], [0.0, 1.0]]).moments([0.0, 1.0], [1.0])
    np.testing.assert_allclose(mean[0, 0], np.exp(-1) * np.array([-1.0, 1.0]), atol=1e-15)
    # A critically damped circuit that starts with v = 1: v = (1 + t)e^−t and i = −te^−t of dv = i, di = −v − 2i.
    mean, _ = OrnsteinUhlenbeck(DAMPED, ONE_SIDED).moments([1.0, 0.0], [1.0, 3.0])
    np.testing.assert_allclose(mean[0], [[2 / np.e, -1 / np.e], [4 * np.exp(-3), -3 * np.exp(-3)]], atol=1e-14)


def decimal_step(A, D, duration):
    """Φ and C to some fifty digits: a block exponential over a short time, doubled."""
    with localcontext() as context:
        context.prec = 60
        to_decimal = np.vectorize(lambda value: Decimal(float(value)), otypes=[object])
        A, D, t = to_decimal(A), to_decimal(D), Decimal(float(duration))
        n = len(A)
        doublings = max(0, int(np.log2(float(np.abs(A).sum() * t)))) + 5
        block = np.block([[-A, 2 * D], [to_decimal(np.zeros((n, n))), A.T]]) * (t / 2**doublings)
        term = power = to_decimal(np.eye(2 * n))
        for k in range(1, 50):
            term = term @ block / k
            power = power + term
        phi = power[:n, :n]
        noise = power[:n, n:] @ phi.T
        for _ in range(doublings):
            noise, phi = noise + phi @ noise @ phi.T, phi @ phi
        return phi.astype(float), noise.astype(float)


CONDUCTANCES = np.array([[2.0, -1.0, 0.0], [-1.0, 3.0, -1.0], [0.0, -1.0, 1.5]])
ELASTANCES = np.diag([1e9, 1.0, 1e4])
FAR = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
STIFF = {
    "capacitors from 1 nF to 1 F": (ELASTANCES @ CONDUCTANCES, ELASTANCES @ ELASTANCES, [1e-9, 1e-4, 1.0]),
    "rates from 1 to 1e9": (FAR @ np.diag([1e9, 1e3, 1.0]) @ FAR.T, np.diag([1.0, 2.0, 3.0]), [1e-9, 1e-3, 3.0]),
    "volts and amperes": ([[1e9, 1e12], [-1e3, 0.0]], np.diag([4.0, 0.0]), [1e-12, 1e-9, 1e-6]),
    "critically damped, in SI units": ([[2e6, 1e12], [-1.0, 0.0]], np.diag([1e10, 0.0]), [1e-9, 1e-6, 1e-5]),
    "one source": ([[1.0, 0.5, 0.0], [0.0, 1e9, 2.0], [0.3, 0.0, 5.0]], np.outer([1, 2, 3], [1, 2, 3]), [1e-9, 1.0]),
}


@pytest.mark.parametrize("name", STIFF)
def test_stiff_machines_keep_their_digits(name):
    A, D, durations = STIFF[name]
    process = OrnsteinUhlenbeck(A, D)
    spread = np.sqrt(np.diag(process.covariance))
    _, settled = decimal_step(process.A, process.diffusion, 60 / process.rates[0])
    # Rounding of A itself, over the largest rate that it holds.
    np.testing.assert_allclose(
        process.covariance / np.outer(spread, spread), settled / np.outer(spread, spread), atol=1e-7
    )
    for duration in durations:
        phi, noise = decimal_step(process.A, process.diffusion, duration)
        rounding = 1e-13 + 2e-15 * np.abs(process._balanced.A).sum() * duration
        assert rounding < 1e-4
        found_phi, found = process.step(duration)
        np.testing.assert_allclose(
            found_phi * np.divide.outer(1 / spread, 1 / spread),
            phi * np.divide.outer(1 / spread, 1 / spread),
            atol=rounding,
        )
        each = np.sqrt(np.diag(noise))
        np.testing.assert_allclose(found / np.outer(each, each), noise / np.outer(each, each), atol=rounding)
        _, R = process.matrices(duration)
        np.testing.assert_allclose(R, R.T, atol=1e-13 * R.max())
        np.testing.assert_allclose((R @ R.T) / np.outer(each, each), noise / np.outer(each, each), atol=10 * rounding)


def test_nanoamperes_beside_volts_keep_their_digits_in_paths():
    units, D = np.array([1e-9, 1.0, 1e-9, 1.0]), np.diag([1.0, 0.3, 0.2, 2.0])
    plain = np.array([[1.0, 3.0, 0.0, 0.5], [-2.0, 0.5, 0.1, 0.0], [0.0, 0.3, 1.0, 1.5], [0.2, 0.0, -1.0, 2.0]])
    process = OrnsteinUhlenbeck(units[:, None] * plain / units, D * np.outer(units, units))
    assert process.method == "eigenbasis"
    assert process.condition < 20
    phi, R = process.matrices(0.4)
    expected, noise = OrnsteinUhlenbeck(plain, D).step(0.4)
    np.testing.assert_allclose(phi / np.divide.outer(units, units), expected, atol=1e-12)
    np.testing.assert_allclose(R @ R.T / np.outer(units, units), noise, atol=1e-6)
    x0 = starts(4) * units
    found = process.sample(x0, np.full(5, 0.4), STREAMS)
    np.testing.assert_allclose(found / units, ou_path(x0, np.zeros(4), [(phi, R)] * 5, KEY) / units, atol=1e-6)


# Without a stationary law


def test_a_rate_that_is_rounding_is_none():
    # Rounding makes the rate 0 of a charge that nothing drains positive as often as negative.
    lowest = []
    for seed in range(20):
        turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]
        process = OrnsteinUhlenbeck(turn @ np.diag([0.0, 1.0, 2.0, 3.0]) @ turn.T)
        lowest.append(process.rates[0])
        assert not process.stable
    assert max(lowest) > 0
    assert OrnsteinUhlenbeck(np.diag([1e-12, 1.0])).stable


UNSETTLED = {
    "free diffusion": (np.zeros((2, 2)), np.diag([1.0, 0.25])),
    "an integrator": ([[0.0, -1.0], [0.0, 0.5]], ONE_SIDED),
    "a lossless tank": ([[0.0, 1.0], [-1.0, 0.0]], 0.3),
    "twice integrated": ([[0.0, -1.0], [0.0, 0.0]], ONE_SIDED),
    "a saddle": ([[1.0, 2.0], [2.0, 1.0]], 1.0),
    "an unstable spiral": ([[-0.2, 1.0], [-1.0, -0.1]], np.diag([0.0, 1.0])),
}


@pytest.mark.parametrize("name", UNSETTLED)
def test_what_does_not_settle_has_exact_steps_and_no_law(name):
    A, D = UNSETTLED[name]
    process = OrnsteinUhlenbeck(A, D)
    assert not process.stable
    for duration in (0.01, 1.0, 7.0):
        phi, noise = process.step(duration)
        np.testing.assert_allclose(phi, expm(-np.asarray(A) * duration), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(noise, ou_noise(A, full(D, 2), duration), rtol=1e-10, atol=1e-12)
    steps = [(expm(-0.5 * np.asarray(A)), symmetric_root(ou_noise(A, full(D, 2), 0.5)))] * 4
    found = process.sample(starts(2), np.full(4, 0.5), STREAMS)
    np.testing.assert_allclose(found, ou_path(starts(2), [0, 0], steps, KEY), atol=1e-10)
    for law in (lambda: process.covariance, lambda: process.autocovariance([0.0])):
        with pytest.raises(ValueError, match=r"no law is stationary: moments\(x0, elapsed\)"):
            law()


def test_closed_forms_of_what_does_not_settle():
    # v = ∫ i dt of white i: the covariance of (v, i) is [[2t³/3, t²], [t², 2t]].
    _, noise = OrnsteinUhlenbeck([[0.0, -1.0], [0.0, 0.0]], ONE_SIDED).step(3.0)
    np.testing.assert_allclose(noise, [[18.0, 9.0], [9.0, 6.0]], rtol=1e-13)
    _, noise = OrnsteinUhlenbeck([[-1.0]]).step(5.0)
    np.testing.assert_allclose(noise, [[np.expm1(10.0)]], rtol=1e-12)
    with pytest.raises(ValueError, match=r"grows at a rate of 2, by more than e\^300 in 200; take a shorter time"):
        OrnsteinUhlenbeck([[-2.0]]).step(200.0)
    tank = OrnsteinUhlenbeck([[0.0, 1.0], [-1.0, 0.0]])
    assert tank.rates.tolist() == [0.0, 0.0]


# Laws of paths


@pytest.mark.parametrize("name", PROCESSES)
def test_moments_later_are_those_of_paths_and_settle(name):
    process = process_of(name)
    x0, chains = [1.0, -2.0, 0.5][: process.n], 20_000
    mean, covariance = process.moments(x0, [0.3, 1.1, 80.0])
    path = process.sample(np.tile(x0, (chains, 1)), [0.3, 0.8], STREAMS)
    for t in range(2):
        error = np.sqrt(np.diag(covariance[t]) / chains)
        assert (np.abs(path[:, t].mean(axis=0) - mean[0, t]) < 5 * error).all()
        variances = np.diag(covariance[t])
        error = np.sqrt((np.outer(variances, variances) + covariance[t] ** 2) / chains)
        assert (np.abs(np.cov(path[:, t].T) - covariance[t]) < 5 * error).all()
    np.testing.assert_allclose(mean[0, 2], process.mean, atol=1e-12)
    np.testing.assert_allclose(covariance[2], process.covariance, atol=1e-12)
    both, _ = process.moments([x0, process.mean], [0.3])
    np.testing.assert_allclose(both[0, 0], mean[0, 0], atol=1e-14)
    np.testing.assert_allclose(both[1, 0], process.mean, atol=1e-14)


@pytest.mark.parametrize("name", [*PROCESSES, *UNSETTLED])
def test_a_likelihood_is_the_joint_normal_density_of_the_path(name):
    process = process_of(name) if name in PROCESSES else OrnsteinUhlenbeck(*UNSETTLED[name])
    n, lengths = process.n, [0.4, 0.4, 1.0, 0.15]
    x0 = starts(n, 2)
    paths = np.concatenate([x0[:, None], process.sample(x0, lengths, STREAMS)], axis=1)
    found = process.log_likelihood(paths, lengths)
    times = np.cumsum(lengths)
    later = [[ou_step(process.A, process.diffusion, abs(t - s) + 1e-300)[0] for s in times] for t in times]
    noises = [ou_noise(process.A, process.diffusion, t) for t in times]
    # Cov(x_s, x_t) = C(s) Φ(t − s)ᵀ for s ≤ t.
    joint = np.block(
        [
            [noises[s] @ later[s][t].T if s <= t else later[s][t] @ noises[t] for t in range(len(times))]
            for s in range(len(times))
        ]
    )
    for chain in range(2):
        mean, _ = process.moments(x0[chain], times)
        expected = multivariate_normal(mean[0].ravel(), (joint + joint.T) / 2).logpdf(paths[chain, 1:].ravel())
        assert found[chain] == pytest.approx(expected, rel=1e-6)
    assert process.log_likelihood(paths[0], lengths) == pytest.approx(found[0], rel=1e-12)
    worse = OrnsteinUhlenbeck(process.A, 1.01 * process.diffusion, process.mean).log_likelihood(paths, lengths)
    assert np.abs(worse - found).min() > 1e-4


def test_units_shift_a_likelihood_and_nothing_else():
    units = np.array([1e-12, 1.0])
    small = OrnsteinUhlenbeck(units[:, None] * DAMPED / units, np.diag([0.0, 1.0]) * np.outer(units, units))
    process = OrnsteinUhlenbeck(DAMPED, ONE_SIDED)
    path = process.sample(np.zeros(2), np.full(50, 0.1), STREAMS)
    shifted = process.log_likelihood(path, np.full(49, 0.1)) - 49 * np.log(units).sum()
    np.testing.assert_allclose(small.log_likelihood(path * units, np.full(49, 0.1)), shifted, rtol=1e-11)


def test_what_noise_does_not_reach_must_move_as_told():
    # Two copies of one noisy cell, and a third that noise never reaches.
    A, source = np.diag([1.0, 1.0, 2.0]), np.array([1.0, 1.0, 0.0])
    process = OrnsteinUhlenbeck(A, np.outer(source, source), [0.0, 0.0, 1.0])
    x0 = np.array([0.5, -0.5, 3.0])
    path = np.concatenate([x0[None, None], process.sample(x0, np.full(6, 0.3), STREAMS)], axis=1)[0]
    along = path[:, :2].sum(axis=1) / np.sqrt(2)
    one = OrnsteinUhlenbeck([[1.0]], 2.0).log_likelihood(along[:, None], np.full(6, 0.3))
    assert process.log_likelihood(path, np.full(6, 0.3)) == pytest.approx(float(one), rel=1e-9)
    for site in range(3):
        other = path.copy()
        other[3, site] += 1e-3
        assert process.log_likelihood(other, np.full(6, 0.3)) == -np.inf
    with pytest.raises(ValueError, match="noise does not lead"):
        process.between(path[0], path[1] + [0.0, 0.1, 0.0], 0.3, [0.1])
    mean, covariance = process.between(path[0], path[1], 0.3, [0.1])
    np.testing.assert_allclose(covariance[0] @ [1.0, -1.0, 0.0], 0, atol=1e-12)
    assert mean[0, 0, 2] == pytest.approx(1 + 2 * np.exp(-0.2), rel=1e-12)


@pytest.mark.parametrize("name", [*PROCESSES, *UNSETTLED])
def test_a_bridge_makes_paths_as_likely_as_they_are(name):
    process = process_of(name) if name in PROCESSES else OrnsteinUhlenbeck(*UNSETTLED[name])
    n, duration, at = process.n, 1.2, 0.45
    ends = process.sample(starts(n, 2), [duration], STREAMS)[:, 0]
    mean, covariance = process.between(starts(n, 2), ends, duration, [at, 1.1])
    middle = starts(n, 5)[3:]
    # p(x | x0, x1) = p(x | x0) p(x1 | x) / p(x1 | x0).
    path = np.stack([starts(n, 2), middle, ends], axis=1)
    expected = process.log_likelihood(path, [at, duration - at])
    expected = expected - process.log_likelihood(path[:, ::2], [duration])
    for chain in range(2):
        found = multivariate_normal(mean[chain, 0], covariance[0]).logpdf(middle[chain])
        assert found == pytest.approx(expected[chain], rel=1e-8, abs=1e-8)
    np.testing.assert_allclose(covariance, covariance.transpose(0, 2, 1), atol=1e-13)


def test_free_diffusion_between_two_points_is_a_brownian_bridge():
    mean, covariance = OrnsteinUhlenbeck([[0.0]], 0.5).between([1.0], [3.0], 2.0, [0.5, 1.0, 1.9])
    np.testing.assert_allclose(mean.ravel(), [1.5, 2.0, 2.9], rtol=1e-13)
    np.testing.assert_allclose(covariance.ravel(), [0.375, 0.5, 0.095], rtol=1e-12)


@pytest.mark.parametrize("name", PROCESSES)
def test_autocovariances_are_those_of_their_definition(name):
    process = process_of(name)
    found = process.autocovariance([0.0, 0.7, -0.7, 50.0])
    np.testing.assert_allclose(found[0], process.covariance, atol=1e-13)
    np.testing.assert_allclose(found[1], expm(-0.7 * process.A) @ process.covariance, atol=1e-13)
    np.testing.assert_array_equal(found[2], found[1].T)
    np.testing.assert_allclose(found[3], 0, atol=1e-10)


def test_laws_that_cannot_be_are_refused():
    process = process_of("symmetric")
    for ask, message in (
        (lambda: process.log_likelihood(np.zeros((3, 3)), [0.1]), "one state more than durations"),
        (lambda: process.log_likelihood(np.full((2, 3), np.nan), [0.1]), "must be finite"),
        (lambda: process.moments(np.zeros(3), [0.0]), "must be positive"),
        (lambda: process.moments(np.zeros(2), [1.0]), "x0 has shape"),
        (lambda: process.between(np.zeros(3), np.zeros(3), 1.0, [1.0]), "it must be before x1"),
        (lambda: process.autocovariance(1.0), "lags have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            ask()
