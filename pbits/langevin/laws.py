"""How well averages over a stationary linear process are known, in closed form: what an accuracy costs in time.

All follow from the autocovariance C(t) = Φ(t)Σ, whatever A and D: Cov(x̄) is its sum over lags, and the covariance of
products of normal numbers is, by Isserlis' theorem, C_ii(t)C_jj(t) + C_ij(t)C_ji(t) for the entry (i, j). Paths are
stationary, so `burn_in` comes on top, and covariances are taken about the known mean. `output`, an (m, n) array, says
what is read: y = output · x, the voltages of cells that have currents too, say; all of x when absent. Times are in
units of 1/A. Each raises a ValueError where A is not stable, or a duration, a number of draws or an accuracy is not
positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from pbits.langevin.linear import Modes, OrnsteinUhlenbeck
from pbits.models.base import check_finite, real_array

Complex = NDArray[Any]

# Lags are summed until none of x is left beyond this share: its square is below rounding.
_NEGLIGIBLE = 1e-9
# Entries of lagged covariances that are held at once, and that are summed at most: some ten seconds.
_BLOCK = 1 << 18
_MOST = 1 << 31
# Below this Nx, the weight of a sum over N lags is taken from its series.
_SHORT = 1e-4


def time_mean_covariance(
    process: OrnsteinUhlenbeck, duration: float, *, output: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Covariance of the mean of y over a duration T, watched all the time: (1/T²) ∫∫ C(t − s) dt ds, (m, m).

    It is (K + Kᵀ)/T² with K = [TA⁻¹ − A⁻²(1 − Φ(T))]Σ, and falls as 2A⁻¹DA⁻ᵀ/T. For a symmetric A and D = 1/β its trace
    is Σ_k (2/βλ_k²T)(1 − (1 − e^(−λ_kT))/λ_kT).

    Examples
    --------
    >>> from pbits.langevin import OrnsteinUhlenbeck, laws
    >>> laws.time_mean_covariance(OrnsteinUhlenbeck([[2.0]]), 100.0).round(7)
    array([[0.004975]])
    """
    _positive(duration, "duration")
    sigma, read, unit = process.covariance, _output(process, output), np.eye(process.n)
    inverse = np.linalg.inv(process.A)
    half = inverse @ (duration * unit - inverse @ (unit - process.propagator(duration))) @ sigma
    return read @ (half + half.T) @ read.T / duration**2


def mean_covariance(
    process: OrnsteinUhlenbeck, interval: float, draws: int, *, output: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Covariance of the mean of N draws of y, one every interval Δ: (1/N) Σ_|k|<N (1 − |k|/N) C(kΔ), (m, m).

    With q = e^(−λΔ) the variance of a mode is f(q)/N times its own, f(q) = (1 + q)/(1 − q) − 2q(1 − q^N)/(N(1 − q)²).
    """
    _positive(interval, "interval")
    _positive(draws, "draws")
    sigma, read, unit = process.covariance, _output(process, output), np.eye(process.n)
    phi = process.propagator(interval)
    later = np.linalg.solve(unit - phi, phi)
    half = later @ (unit - np.linalg.solve(unit - phi, unit - process.propagator(interval * draws)) / draws) @ sigma
    return read @ (sigma + half + half.T) @ read.T / draws


def covariance_variances(
    process: OrnsteinUhlenbeck, interval: float, draws: int, *, output: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Variance of each entry of the covariance of N draws of y, (m, m).

    Entry (i, j): (1/N) Σ_|k|<N (1 − |k|/N) [C_ii(kΔ)C_jj(kΔ) + C_ij(kΔ)C_ji(kΔ)], summed lag by lag until nothing is
    left, at a cost of n³ each: an interval far below the slowest relaxation time is refused.
    """
    _positive(interval, "interval")
    _positive(draws, "draws")
    total, first = 0.0, 0
    for lagged in _lagged(process, interval, draws, output):
        k = np.arange(first, first + len(lagged))
        weights = np.where(k == 0, 1.0, 2 * (1 - k / draws))
        spreads = np.einsum("kii->ki", lagged)
        total = total + np.einsum("k,ki,kj->ij", weights, spreads, spreads)
        total = total + np.einsum("k,kij,kji->ij", weights, lagged, lagged)
        first += len(lagged)
    return np.asarray(total) / draws


def effective_draws(
    process: OrnsteinUhlenbeck, interval: float, draws: int, *, output: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many independent draws know the means, (m,), and the covariances, (m, m), as well as N draws in a row.

    Long runs of a mode have N(1 − q)/(1 + q), with q = e^(−λΔ) for its mean and e^(−(λ_i + λ_j)Δ) for covariances: at
    intervals in which modes fade, N, and else T(λ_i + λ_j)/2 of a run of length T for the latter.

    Examples
    --------
    >>> from pbits.langevin import OrnsteinUhlenbeck, laws
    >>> means, covariances = laws.effective_draws(OrnsteinUhlenbeck([[1.0]]), interval=1.0, draws=1000)
    >>> means.round(1), covariances.round(1)
    (array([462.5]), array([[761.8]]))
    """
    read = _output(process, output)
    sigma = read @ process.covariance @ read.T
    variances = np.diag(sigma)
    means = variances / np.diag(mean_covariance(process, interval, draws, output=output))
    one = np.outer(variances, variances) + sigma**2
    return means, one / covariance_variances(process, interval, draws, output=output)


def solve_error(process: OrnsteinUhlenbeck, duration: float, *, output: ArrayLike | None = None) -> float:
    """√⟨‖ȳ − μ‖²⟩/‖μ‖ of a mean over time, where μ is the mean of y: the relative error of a linear solve.

    Raises
    ------
    ValueError
        Where μ = 0, which has no relative error.
    """
    spread = float(np.trace(time_mean_covariance(process, duration, output=output)))
    return math.sqrt(spread) / _size(process, output)


def inverse_error(process: OrnsteinUhlenbeck, interval: float, draws: int, *, output: ArrayLike | None = None) -> float:
    """√⟨‖S − Σ‖²⟩/‖Σ‖ (Frobenius) of the covariance S of N draws of y: the relative error of an inverse.

    Of a symmetric A and D ∝ 1, ⟨‖S − Σ‖²⟩ is Σ_ij s_i s_j (1 + δ_ij) f(q_ij)/N over the eigenvalues s of Σ, with
    q_ij = e^(−(λ_i + λ_j)Δ) and f as in `mean_covariance`. Independent draws: √((tr²Σ + tr Σ²)/(N tr Σ²)).

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.langevin import OrnsteinUhlenbeck, laws
    >>> round(laws.inverse_error(OrnsteinUhlenbeck(np.eye(8)), interval=50.0, draws=900), 9)  # 3/√N
    0.1
    """
    _positive(draws, "draws")
    return math.sqrt(_total(process, interval, output)(draws)) / _norm(process, output)


def draws_for(process: OrnsteinUhlenbeck, interval: float, accuracy: float, *, output: ArrayLike | None = None) -> int:
    """How many draws, one every interval, bring `inverse_error` to an accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.langevin import OrnsteinUhlenbeck, laws
    >>> laws.draws_for(OrnsteinUhlenbeck(np.eye(8)), interval=50.0, accuracy=0.1)
    900
    """
    _positive(accuracy, "accuracy")
    total, wanted = _total(process, interval, output), (accuracy * _norm(process, output)) ** 2
    # Rounding must not cost a draw.
    wanted *= 1 + 1e-12
    most = 1
    while total(most) > wanted:
        most *= 2
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if total(middle) > wanted else (least, middle)
    return most


def averaging_time(process: OrnsteinUhlenbeck, accuracy: float, *, output: ArrayLike | None = None) -> float:
    """For how long y is averaged until `solve_error` is at an accuracy; 0 where one look does.

    About 2 tr(A⁻¹DA⁻ᵀ)/(accuracy·‖m‖)², once that is many relaxation times.

    Examples
    --------
    >>> from pbits.langevin import OrnsteinUhlenbeck, laws
    >>> process = OrnsteinUhlenbeck([[2.0]], diffusion=0.1, mean=[1.0])
    >>> round(laws.averaging_time(process, 0.01), 3)
    499.499
    """
    _positive(accuracy, "accuracy")
    read, size = _output(process, output), _size(process, output)
    if np.trace(read @ process.covariance @ read.T) <= (accuracy * size) ** 2:
        return 0.0

    def excess(log_duration: float) -> float:
        return math.log(solve_error(process, math.exp(log_duration), output=output) / accuracy)

    inverse = np.linalg.inv(process.A)
    long = 2 * np.trace(read @ inverse @ process.diffusion @ inverse.T @ read.T) / (accuracy * size) ** 2
    return _crossing(excess, float(long))


def burn_in(process: OrnsteinUhlenbeck, accuracy: float, *, output: ArrayLike | None = None) -> float:
    """How long after a start at the mean ‖Σ − Σ_t‖/‖Σ‖ is down to an accuracy, Σ − Σ_t = ΦΣΦᵀ; about e^(−2λt).

    A start elsewhere adds a mean of Φ(t)(x₀ − m), which fades half as fast.

    Examples
    --------
    >>> from pbits.langevin import OrnsteinUhlenbeck, laws
    >>> round(laws.burn_in(OrnsteinUhlenbeck([[2.0]]), 0.01), 6)  # ln(100)/4
    1.151293
    """
    _positive(accuracy, "accuracy")
    if accuracy >= 1:
        raise ValueError(f"accuracy is {accuracy:g}; it must be below 1, which is what a start without spread has")
    read, whole = _output(process, output), _norm(process, output)

    def excess(log_duration: float) -> float:
        left = read @ process.propagator(math.exp(log_duration))
        share = float(np.linalg.norm(left @ process.covariance @ left.T)) / whole
        return math.log(max(share, 1e-300) / accuracy)

    return _crossing(excess, -math.log(accuracy) / (2 * float(process.rates[0])))


def read_out_interval(process: OrnsteinUhlenbeck, excess: float = 0.1) -> float:
    """The interval at which the slowest variance takes `excess` more time than if it were watched all the time.

    That is Δ with λΔ coth λΔ = 1 + excess, at the smallest rate λ: draws that come closer know little more. A steady
    oscillation that fits the interval a whole number of times makes them worth less; `inverse_error` has the sum.

    Examples
    --------
    >>> from pbits.langevin import OrnsteinUhlenbeck, laws
    >>> round(laws.read_out_interval(OrnsteinUhlenbeck([[2.0]])), 4)
    0.2766
    """
    _positive(excess, "excess")
    process.check_stable()
    return _root(lambda x: x / math.tanh(x) - 1 - excess, 1e-9, 2 + excess) / float(process.rates[0])


def _total(process: OrnsteinUhlenbeck, interval: float, output: ArrayLike | None) -> Callable[[int], float]:
    """⟨‖S − Σ‖²⟩ of N draws, as a function of N."""
    _positive(interval, "interval")
    read, sigma = _output(process, output), process.covariance
    if process.modes is not None:
        rates, vectors, inverse = _complex(process.modes)
        pairs = inverse @ sigma @ read.T @ read @ vectors
        weights = np.outer(np.diag(pairs), np.diag(pairs)) + pairs * pairs.T
        exponents = np.add.outer(rates, rates) * interval
        return lambda draws: float((weights * _lag_sum(exponents, draws)).sum().real) / draws
    squares = [
        np.einsum("kii->k", some) ** 2 + np.einsum("kij,kji->k", some, some)
        for some in _lagged(process, interval, _MOST, output)
    ]
    terms = np.concatenate(squares)

    def total(draws: int) -> float:
        k = np.arange(min(draws, len(terms)))
        return float((np.where(k == 0, 1.0, 2 * (1 - k / draws)) * terms[: len(k)]).sum()) / draws

    return total


def _lag_sum(x: Complex, draws: int) -> Complex:
    """Σ_|k|<N (1 − |k|/N) e^(−|k|x) = (1 + q)/(1 − q) − 2q(1 − q^N)/(N(1 − q)²), q = e^(−x)."""
    short = np.abs(x) * draws < _SHORT
    safe = np.where(short, 1.0, x)
    q, lost = np.exp(-safe), -np.expm1(-safe)
    exact = (1 + q) / lost + 2 * q * np.expm1(-draws * safe) / (draws * lost**2)
    return np.where(short, draws - x * (draws**2 - 1) / 3, exact)


def _lagged(
    process: OrnsteinUhlenbeck, interval: float, draws: int, output: ArrayLike | None
) -> Iterator[NDArray[np.float64]]:
    """Blocks of C(0), C(Δ), C(2Δ), …, at most `draws` of them, until nothing is left."""
    read, sigma, n = _output(process, output), process.covariance, process.n
    lags = math.ceil(min(draws, -2 * math.log(_NEGLIGIBLE) / (float(process.rates[0]) * interval) + 1))
    if lags * n * n > _MOST:
        raise ValueError(
            f"an interval of {interval:.3g} is {interval * process.rates[0]:.3g} slowest relaxations: {lags:.3g} lags "
            f"count; take a longer one: read_out_interval gives {read_out_interval(process):.3g}"
        )
    phi = process.propagator(interval)
    powers = np.eye(n)[None]
    while len(powers) < min(lags, _BLOCK // (n * n)):
        powers = np.concatenate([powers, powers @ (powers[-1] @ phi)])
    block, last = powers[-1] @ phi, sigma
    spread = np.sqrt(np.diag(sigma))
    scale = np.where(spread > 0, spread, 1.0)
    for first in range(0, draws, len(powers)):
        yield (read @ (powers @ last) @ read.T)[: draws - first]
        last = block @ last
        # In units of Σ, Φ never lengthens a vector, so that what is small stays small.
        if np.abs(last / np.outer(scale, scale)).max() < _NEGLIGIBLE:
            return


def _complex(modes: Modes) -> tuple[Complex, Complex, Complex]:
    """Eigenvalues, eigenvectors as columns and their inverse."""
    p = len(modes.frequencies)
    a, b, alone = modes.vectors[:, :p], modes.vectors[:, p : 2 * p], modes.vectors[:, 2 * p :]
    c, d, rest = modes.inverse[:p], modes.inverse[p : 2 * p], modes.inverse[2 * p :]
    turn = np.concatenate([modes.frequencies, -modes.frequencies, np.zeros(len(rest))])
    vectors = np.concatenate([a + 1j * b, a - 1j * b, alone], axis=1)
    inverse = np.concatenate([(c - 1j * d) / 2, (c + 1j * d) / 2, rest])
    return modes.rates + 1j * turn, vectors, inverse


def _crossing(excess: Callable[[float], float], long: float) -> float:
    """Where a function that falls crosses 0, near `long`; it is given logarithms."""
    high = math.log(long)
    while excess(high) > 0:
        high += 1
    low = high - 1
    while excess(low) <= 0:
        low -= 1
    return math.exp(_root(excess, low, high))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    found: Any = brentq(function, low, high, xtol=1e-13)
    return found


def _output(process: OrnsteinUhlenbeck, output: ArrayLike | None) -> NDArray[np.float64]:
    if output is None:
        return np.eye(process.n)
    read = real_array(output, "output")
    if read.ndim != 2 or read.shape[1] != process.n or not len(read):
        raise ValueError(f"output has shape {read.shape}; expected (m, {process.n}), a row for each number read")
    check_finite(read, "output")
    return read


def _norm(process: OrnsteinUhlenbeck, output: ArrayLike | None) -> float:
    """‖Σ‖ of y."""
    read = _output(process, output)
    norm = float(np.linalg.norm(read @ process.covariance @ read.T))
    if norm == 0:
        raise ValueError("what is read has no spread, and so no relative error; give it noise")
    return norm


def _size(process: OrnsteinUhlenbeck, output: ArrayLike | None) -> float:
    """‖μ‖ of the mean of y."""
    size = float(np.linalg.norm(_output(process, output) @ process.mean))
    if size == 0:
        raise ValueError("the mean is 0, so it has no relative error; time_mean_covariance has the absolute one")
    return size


def _positive(value: float, name: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}; it must be positive and finite")
