"""How long a linear Langevin machine must run for an answer of wanted accuracy: laws of error, solved for the time.

All follow from the autocovariances of the modes of a symmetric, positive definite A, of which only the eigenvalues λ
enter. Overdamped, dx = −Ax dt + √(2/β) dW, a mode forgets as ρ(t) = e^(−λt). Underdamped, of unit masses and friction
γ, as ρ(t) = e^(−γt/2)(cos ωt + γ/(2ω) sin ωt), ω² = λ − γ²/4. The variance of a mode is 1/(βλ) in both. A mean over a
long time T of a quantity whose autocovariance is c(t) has the variance (2/T) ∫₀^∞ c dt.

Times are of averaging alone, from the stationary law on, and of long averages; `settling` is what comes before. A
spectrum is all that is asked, so that machines can be judged that nobody could emulate. `pbits.langevin.laws` has what
one given process costs, of any A and D, with the corrections of short runs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import check_finite, real_array

Complex = NDArray[Any]

# Points of the path from which a free energy is integrated; its integrand is smooth.
_PATH = 400


def settling(rates: ArrayLike, accuracy: float, *, friction: float | None = None) -> float:
    """Time after which all that is left of the start is `accuracy`: e^(−rt), r the slowest rate of decay, or 0."""
    decay = _decay(_rates(rates), friction)
    return max(0.0, math.log(1 / _positive("accuracy", accuracy)) / float(np.real(decay).min()))


def solving(
    rates: ArrayLike,
    error: float,
    *,
    beta: float = 1.0,
    friction: float | None = None,
    interval: float | None = None,
) -> float:
    """Time for which x is averaged until the root mean square of ‖x̄ − A⁻¹b‖ is `error`.

    T = (2/(β error²)) Σ_k I_k/λ_k with I = ∫ρ dt, which is 1/λ overdamped and γ/λ underdamped. Read every `interval`
    Δ, and not all the time, I becomes Δ(½ + Σ_{m≥1} ρ(mΔ)).

    Parameters
    ----------
    rates : (n,) array
        Eigenvalues of A.
    error : float
        In the units of x.
    beta : float
    friction : float, optional
        γ; overdamped when absent.
    interval : float, optional
        Between reads; averaged by the circuit itself when absent.
    """
    modes = _rates(rates)
    memory = _integral(modes, friction, interval)
    return float(2 * (memory / modes).sum() / (beta * _positive("error", error) ** 2))


def inverting(rates: ArrayLike, error: float, *, friction: float | None = None, interval: float | None = None) -> float:
    """Time for which xxᵀ is averaged until the root mean square of ‖Σ̂ − A⁻¹‖ (Frobenius) is `error`, at any β.

    T = (2/error²) Σ_ij (1 + δ_ij) I_ij/(λ_iλ_j) with I_ij = ∫ρ_iρ_j dt, which is 1/(λ_i + λ_j) overdamped. The mean of
    x is known.
    """
    modes = _rates(rates)
    pairs = _pair_integral(modes, friction, interval) / np.outer(modes, modes)
    return float(2 * (pairs.sum() + np.trace(pairs)) / _positive("error", error) ** 2)


def exponentiating(rates: ArrayLike, error: float, *, lag: float = 1.0, interval: float | None = None) -> float:
    """Time until the root mean square of ‖Ĉ(lag) − e^(−A lag)‖ (Frobenius) is `error`.

    x moves with noise of covariance 2A dt, which makes its law N(0, 1), and Ĉ is the mean of x(t + lag)x(t)ᵀ:
    T = (1/error²) [Σ_ij 2/(λ_i + λ_j) + Σ_i e^(−2λ_i lag)(2 lag + 1/λ_i)]. Read every `interval` Δ, 2/(λ_i + λ_j)
    becomes Δ coth((λ_i + λ_j)Δ/2), and 1/λ_i becomes Δ coth(λ_iΔ).

    Raises
    ------
    ValueError
        Where the lag is no whole number of intervals: then no two reads are a lag apart.
    """
    modes = _rates(rates)
    _positive("lag", lag)
    if interval is not None and not math.isclose(lag / _positive("interval", interval), round(lag / interval) or 0.5):
        raise ValueError(f"reads every {interval:g} are never {lag:g} apart; take an interval of lag/k, k whole")
    both = 2 * _summed(np.add.outer(modes, modes), interval)
    again = np.exp(-2 * modes * lag) * (2 * lag + 2 * _summed(2 * modes, interval))
    return float((both.sum() + again.sum()) / _positive("error", error) ** 2)


def integrating(
    rates: ArrayLike, error: float, *, friction: float | None = None, interval: float | None = None
) -> float:
    """Time until the free energy −ln Z = ½ ln det A + const is known to `error`, by thermodynamic integration.

    The machine is led from λ_max·1, whose determinant is known, to A along A_s = (1 − s)λ_max + sA, and the mean of
    ∂E/∂s is taken all along. Where the time is spent in proportion to the scatter, T = (1/error²)(∫₀¹ √v ds)²,
    v(s) = Σ_k (Δ_k/λ_k(s))² ∫ρ_k² dt, Δ = λ − λ_max, which overdamped is 2n(√κ − 1)²/error² where all modes but the
    stiffest are 1/κ of it. Read every `interval` Δ, the integral becomes Δ(½ + Σ_{m≥1} ρ_k²(mΔ)), on all of the path.
    """
    modes = _rates(rates)
    stiffest = modes.max()
    # Soft modes count for most near the end, so the path is cut evenly in the logarithm of what is left of them.
    soft = modes.min() / stiffest
    if soft == 1:
        return 0.0
    share = (1 - soft ** np.linspace(0, 1, _PATH)) / (1 - soft)
    held = stiffest + share[:, None] * (modes - stiffest)
    memory = np.stack([_square_integral(row, friction, interval) for row in held])
    scatter = ((((modes - stiffest) / held) ** 2) * memory).sum(axis=1)
    return float(np.trapezoid(np.sqrt(scatter), share) ** 2 / _positive("error", error) ** 2)


def _decay(modes: NDArray[np.float64], friction: float | None) -> Complex:
    """The slower rate of decay of each mode."""
    if friction is None:
        return modes.astype(np.complex128)
    return friction / 2 - np.sqrt(friction**2 / 4 - modes.astype(np.complex128))


def _parts(modes: NDArray[np.float64], friction: float | None) -> tuple[Complex, Complex]:
    """Weights w and rates μ, both (parts, n), of ρ(t) = Σ w e^(−μt)."""
    if friction is None:
        return np.ones((1, len(modes)), dtype=np.complex128), modes.astype(np.complex128)[None]
    _positive("friction", friction)
    root = np.sqrt(friction**2 / 4 - modes.astype(np.complex128))
    # A critically damped mode is t e^(−γt/2); a millionth beside it, ρ is off by the square of that.
    root = np.where(np.abs(root) < 1e-6 * friction, 1e-6 * friction, root)
    rates = np.stack([friction / 2 - root, friction / 2 + root])
    weights = np.stack([rates[1], -rates[0]]) / (2 * root)
    return weights, rates


def _summed(rates: Complex, interval: float | None) -> Complex:
    """∫₀^∞ e^(−μt) dt, or Δ(½ + Σ_{m≥1} e^(−mμΔ))."""
    return 1 / rates if interval is None else _positive("interval", interval) / 2 / np.tanh(rates * interval / 2)


def _integral(modes: NDArray[np.float64], friction: float | None, interval: float | None) -> NDArray[np.float64]:
    weights, rates = _parts(modes, friction)
    return (weights * _summed(rates, interval)).sum(axis=0).real


def _square_integral(modes: NDArray[np.float64], friction: float | None, interval: float | None) -> NDArray[np.float64]:
    weights, rates = _parts(modes, friction)
    products = weights[:, None] * weights[None] * _summed(rates[:, None] + rates[None], interval)
    return products.sum(axis=(0, 1)).real


def _pair_integral(modes: NDArray[np.float64], friction: float | None, interval: float | None) -> NDArray[np.float64]:
    weights, rates = _parts(modes, friction)
    total = np.zeros((len(modes),) * 2, dtype=np.complex128)
    for w, r in zip(weights, rates):
        for v, q in zip(weights, rates):
            total += np.outer(w, v) * _summed(np.add.outer(r, q), interval)
    return total.real


def _rates(rates: ArrayLike) -> NDArray[np.float64]:
    modes = real_array(rates, "rates")
    if modes.ndim != 1 or not modes.size:
        raise ValueError(f"rates have shape {modes.shape}; expected the (n,) eigenvalues of A")
    check_finite(modes, "rates")
    if modes.min() <= 0:
        raise ValueError(f"rates hold {modes.min():g}; the eigenvalues of a positive definite A are positive")
    return modes


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}; it must be positive and finite")
    return value
