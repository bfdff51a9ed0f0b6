"""What Hebb's rule can hold: the replica-symmetric theory of Amit, Gutfreund and Sompolinsky.

Of p = αn random patterns in n → ∞ spins, a memory that has come to rest near one of them has the overlap m with it and
a Gaussian noise of variance αr in its inputs, from all the others:

    m = ∫Dz tanh β(m + √(αr) z),  q = ∫Dz tanh² β(m + √(αr) z),  r = q/(1 − C)²,  C = β(1 − q),

with T = 1/β and Dz the normal law. D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985) and Ann.
Phys. 173, 30 (1987); the texts were not at hand, and the equations are from memory.

With σ = √(αr) given, m, q and C are plain integrals, and so is the load α = σ²(1 − C)²/q at which they hold. So nothing
is iterated: a branch of solutions is a curve, run through by σ/m, and its summit is the critical load.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf

# Trapezoids converge exponentially on integrands like these; what lies beyond ±20 is below 1e-16.
_H = np.linspace(-20.0, 20.0, 801)
_SPACING = _H[1] - _H[0]
_NORMAL = np.exp(-(_H**2) / 2) / math.sqrt(2 * math.pi) * _SPACING
_SECH2 = _SPACING / np.cosh(_H) ** 2

# Of σ/m on the retrieval branch. Its summit is found at 0.468 to 0.479, whatever T.
_LEAST, _MOST = 1e-4, 2.0

# The theory ends at T = 1. Nearer to it than this m is below 0.001, and lost in roundings.
_HOTTEST = 1 - 1e-7


def overlap(alpha: float, temperature: float = 0.0) -> float:
    """m of the retrieval state at a load α = p/n and a temperature T; 0 where there is none.

    Raises
    ------
    ValueError
        For a load or a temperature that is negative or not finite.

    Examples
    --------
    >>> round(overlap(0.1), 4), round(overlap(0.1, 0.3), 4), overlap(0.2)
    (0.998, 0.953, 0.0)
    """
    _check(alpha, "alpha")
    _check(temperature, "temperature")
    if temperature > _HOTTEST:
        return 0.0
    summit = _summit(temperature)
    if alpha > _load(summit, temperature):
        return 0.0
    if alpha <= _load(_LEAST, temperature):
        return _magnetisation(_LEAST, temperature)
    ratio = _root(lambda u: _load(u, temperature) - alpha, _LEAST, summit)
    return _magnetisation(ratio, temperature)


def critical_load(temperature: float = 0.0) -> float:
    """The load beyond which no retrieval state is left; 0 from T = 1 on.

    Examples
    --------
    >>> round(critical_load(), 4)
    0.1379
    """
    _check(temperature, "temperature")
    return 0.0 if temperature > _HOTTEST else _load(_summit(temperature), temperature)


def stable_load(temperature: float = 0.0) -> float:
    """The load up to which retrieval states are the deepest of all, at which their free energy meets the glass's.

    Between it and `critical_load` they are metastable: they hold what is in them, but a slow anneal does not find them.
    At T = 0 it solves √α = (1 − 2/π)/(2√(2/π)) but for errors of recall, and is not the largest: that is near T = 0.1.

    Examples
    --------
    >>> round(stable_load(), 4)
    0.0519
    """
    _check(temperature, "temperature")
    if temperature > _HOTTEST:
        return 0.0

    def lead(ratio: float) -> float:
        """Free energy of the glass above that of retrieval, at the load of a state of retrieval."""
        m = _magnetisation(ratio, temperature)
        alpha = _load(ratio, temperature)
        return _free_energy(0.0, _glass_noise(alpha, temperature), alpha, temperature) - _free_energy(
            m, ratio * m, alpha, temperature
        )

    return _load(_root(lead, 1e-2, _summit(temperature)), temperature)


def glass_temperature(alpha: float) -> float:
    """T_g = 1 + √α, below which inputs freeze, with or without a memory in them.

    Examples
    --------
    >>> glass_temperature(0.25)
    1.5
    """
    _check(alpha, "alpha")
    return 1 + math.sqrt(alpha)


def crosstalk_errors(n: int, patterns: int, order: int = 2) -> float:
    """Share of the spins of a stored random pattern that the first update flips.

    The inputs of `DenseMemory` at a stored pattern are 1 from the pattern itself and noise of variance
    p (2k − 3)!!/n^(k−1) from the p − 1 others (the moment of order 2k − 2 of a normal law, over n^(k−1)), hence
    ½ erfc(1/√(2 variance)) at large n. For k = 2 it is Hebb's rule, and the variance α.

    Examples
    --------
    >>> round(crosstalk_errors(1000, 138), 4)
    0.0034
    """
    variance = (patterns - 1) * math.prod(range(2 * order - 3, 0, -2)) / float(n) ** (order - 1)
    return 0.5 * math.erfc(1 / math.sqrt(2 * variance)) if variance else 0.0


def _averages(m: float, sigma: float, temperature: float) -> tuple[float, float]:
    """<tanh x/T> and C = <sech² x/T>/T over x normal around m with standard deviation σ.

    With T > σ the integrals are over x. Else they are turned round, by tanh x/T = ∫dh ½ sech²h sgn(x + Th), which
    leaves Gaussian integrals that are done, and holds at T = 0.
    """
    if temperature > sigma:
        x = (m + sigma * _H) / temperature
        slope = np.tanh(x)
        return float(_NORMAL @ slope), float(_NORMAL @ (1 - slope**2)) / temperature
    x = (m + temperature * _H) / (math.sqrt(2) * sigma)
    return float(_SECH2 @ erf(x)) / 2, float(_SECH2 @ np.exp(-(x**2))) / (math.sqrt(2 * math.pi) * sigma)


def _magnetisation(ratio: float, temperature: float) -> float:
    """m > 0 with σ = ratio · m."""
    if temperature == 0:
        return math.erf(1 / (math.sqrt(2) * ratio))
    return min(1.0, _root(lambda m: _averages(m, ratio * m, temperature)[0] - m, 1e-9, 1.1))


def _load(ratio: float, temperature: float) -> float:
    m = _magnetisation(ratio, temperature)
    return _load_of(m, ratio * m, temperature)


def _load_of(m: float, sigma: float, temperature: float) -> float:
    """α = σ²(1 − C)²/q; negative where C > 1, which is no solution."""
    C = _averages(m, sigma, temperature)[1]
    return sigma**2 * (1 - C) * abs(1 - C) / (1 - temperature * C)


@cache
def _summit(temperature: float) -> float:
    """σ/m at the largest load of the retrieval branch."""
    found = minimize_scalar(
        lambda log_ratio: -_load(math.exp(log_ratio), temperature),
        bounds=(math.log(_LEAST), math.log(_MOST)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return math.exp(found.x)


def _glass_noise(alpha: float, temperature: float) -> float:
    """σ of the state without an overlap, T < 1 + √α."""
    if temperature == 0:
        return math.sqrt(alpha) + math.sqrt(2 / math.pi)
    return _root(lambda sigma: _load_of(0.0, sigma, temperature) - alpha, 1e-6, 50.0)


def _free_energy(m: float, sigma: float, alpha: float, temperature: float) -> float:
    """Per spin, J_ii = 0 and T < 1 + √α; a constant that all states share is left out."""
    C = _averages(m, sigma, temperature)[1]
    q = 1 - temperature * C
    spins = _log_cosh(m, sigma, temperature)
    noise = 0.5 * alpha * (temperature * math.log(1 - C) - q / (1 - C)) + 0.5 * sigma**2 * C
    return 0.5 * m**2 + noise - spins


def _log_cosh(m: float, sigma: float, temperature: float) -> float:
    """<T ln 2cosh x/T>, as `_averages`."""
    if temperature > sigma:
        x = np.abs(m + sigma * _H)
        return float(_NORMAL @ (x + temperature * np.log1p(np.exp(-2 * x / temperature))))
    x = m + temperature * _H
    scaled = x / (math.sqrt(2) * sigma)
    return float(_SECH2 @ (x * erf(scaled) + sigma * math.sqrt(2 / math.pi) * np.exp(-(scaled**2)))) / 2


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    found: Any = brentq(function, low, high, xtol=1e-14)
    return float(found)


def _check(value: float, name: str) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}; it must be finite and at least 0")
