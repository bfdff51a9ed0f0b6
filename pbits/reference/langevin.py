"""Langevin equations in plain NumPy and SciPy: the exact step of a linear one, and the slow twins of the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, solve_continuous_lyapunov

from pbits.reference.twins import Key, normal


def ou_transition(A: ArrayLike, beta: float, duration: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The exact solution x' = m + Φ(x − m) + Lξ of dx = −A(x − m) dt + √(2/β) dW, a `duration` later.

    Φ = exp(−A·duration) and LLᵀ = Σ − ΦΣΦᵀ, with Σ from the Lyapunov equation AΣ + ΣAᵀ = (2/β)·1, which is
    A⁻¹/β where A is symmetric.

    Parameters
    ----------
    A : (n, n) array
        All eigenvalues with positive real parts; it need not be symmetric.
    beta : float
    duration : float
        In units of the time constant by which A is a rate.

    Returns
    -------
    phi : (n, n) array
    chol : (n, n) array
        Lower triangular.

    Raises
    ------
    ValueError
        When A is not stable, or β or the duration is not positive.

    Examples
    --------
    >>> import math
    >>> phi, chol = ou_transition([[2.0]], beta=1.0, duration=math.log(2) / 2)
    >>> round(float(phi[0, 0]), 12), round(float(chol[0, 0]) ** 2, 12)
    (0.5, 0.375)
    """
    matrix = np.asarray(A, dtype=np.float64)
    slowest = float(np.linalg.eigvals(matrix).real.min())
    if slowest <= 0:
        raise ValueError(
            f"A has an eigenvalue of real part {slowest:.3g}; it must be positive, or no law is stationary"
        )
    for name, value in (("beta", beta), ("duration", duration)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; it must be positive")
    phi = np.asarray(expm(-matrix * duration), dtype=np.float64)
    stationary = np.asarray(solve_continuous_lyapunov(matrix, 2 / beta * np.eye(len(matrix))))
    spread = stationary - phi @ stationary @ phi.T
    chol = np.linalg.cholesky((spread + spread.T) / 2)
    return phi, np.asarray(chol, dtype=np.float64)


def ou_step(A: ArrayLike, diffusion: ArrayLike, duration: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Φ and the covariance C of the noise of a step of dx = −Ax dt + noise of covariance 2D dt, for any D.

    Van Loan's block exponential: exp([[−A, 2D], [0, Aᵀ]] t) has Φ in its upper left and CΦ⁻ᵀ in its upper right
    corner. It loses digits where A·t is large.

    Parameters
    ----------
    A, diffusion : (n, n) array
    duration : float

    Examples
    --------
    >>> import math
    >>> phi, covariance = ou_step([[2.0]], [[1.0]], math.log(2) / 2)
    >>> round(float(phi[0, 0]), 12), round(float(covariance[0, 0]), 12)
    (0.5, 0.375)
    """
    drift, spread = np.asarray(A, dtype=np.float64), np.asarray(diffusion, dtype=np.float64)
    n = len(drift)
    block = np.block([[-drift, 2 * spread], [np.zeros((n, n)), drift.T]])
    power = np.asarray(expm(block * duration), dtype=np.float64)
    return power[:n, :n], power[:n, n:] @ power[:n, :n].T


def ou_noise(A: ArrayLike, diffusion: ArrayLike, duration: float) -> NDArray[np.float64]:
    """Covariance C = ∫₀^t e^(−As) 2D e^(−Aᵀs) ds of the noise of a step, as it is defined: by quadrature.

    Gauss–Legendre nodes in pieces of at most 1/‖A‖: exact to rounding.

    Parameters
    ----------
    A, diffusion : (n, n) array
    duration : float

    Examples
    --------
    >>> round(float(ou_noise([[2.0]], [[1.0]], 0.5)[0, 0]), 12)  # (1 − e⁻²)/2
    0.432332358382
    """
    drift, spread = np.asarray(A, dtype=np.float64), np.asarray(diffusion, dtype=np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    pieces = max(1, int(np.ceil(np.linalg.norm(drift) * duration)))
    length = duration / pieces
    decays = [np.asarray(expm(-drift * length * (node + 1) / 2), dtype=np.float64) for node in nodes]
    over = np.asarray(expm(-drift * length), dtype=np.float64)
    total = np.zeros_like(drift)
    for _ in range(pieces):
        for left, weight in zip(decays, weights):
            total += weight * length * (left @ spread @ left.T)
        decays = [left @ over for left in decays]
    return total


def ou_path(
    x0: ArrayLike,
    mean: ArrayLike,
    steps: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    key: Key,
    *,
    chain0: int = 0,
    step0: int = 0,
) -> NDArray[np.float64]:
    """Twin of `pbits.langevin.Transition.path`: x' = m + Φ(x − m) + Rξ for each (Φ, R) of `steps`.

    Returns the states of every chain of `x0`, (chains, n), after each step: (chains, steps, n).
    """
    centre, states = np.asarray(mean, dtype=np.float64), np.array(x0, dtype=np.float64)
    path = np.empty((len(states), len(steps), len(centre)))
    for t, (phi, root) in enumerate(steps):
        for chain, x in enumerate(states):
            noise = np.array([normal(key, chain0 + chain, site, step0 + t) for site in range(len(centre))])
            path[chain, t] = centre + phi @ (x - centre) + root @ noise
        states = path[:, t]
    return path


def langevin_path(
    scheme: str,
    gradient: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    x0: ArrayLike,
    v0: ArrayLike,
    betas: Sequence[float],
    step: float,
    friction: float,
    key: Key,
    *,
    chain0: int = 0,
    step0: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Twin of the integrators of `pbits.kernels.langevin`, chain by chain.

    Returns positions and velocities after each step, (chains, steps, n); `gradient` takes one state (n,).
    """
    x_path, v_path = [], []
    for chain, (x, v) in enumerate(zip(np.array(x0, dtype=np.float64), np.array(v0, dtype=np.float64))):

        def noise(t: int, n: int = len(x), chain: int = chain) -> NDArray[np.float64]:
            return np.array([normal(key, chain0 + chain, site, step0 + t) for site in range(n)])

        for t, beta in enumerate(betas):
            if scheme == "euler-maruyama":
                x = x - step / friction * gradient(x) + np.sqrt(2 * step / (beta * friction)) * noise(t)
            elif scheme == "leimkuhler-matthews":
                both = noise(t) + noise(t + 1)
                x = x - step / friction * gradient(x) + np.sqrt(step / (2 * beta * friction)) * both
            elif scheme == "baoab":
                v = v - step / 2 * gradient(x)
                x = x + step / 2 * v
                kept = np.exp(-friction * step)
                v = kept * v + np.sqrt((1 - kept**2) / beta) * noise(t)
                x = x + step / 2 * v
                v = v - step / 2 * gradient(x)
            else:
                raise ValueError(f"scheme is {scheme!r}; this twin knows the three of pbits.langevin")
            x_path.append(x)
            v_path.append(v)
    shape = (-1, len(betas), np.shape(x0)[1])
    return np.array(x_path).reshape(shape), np.array(v_path).reshape(shape)


def saturated_path(
    x0: ArrayLike,
    A: ArrayLike,
    diffusion: ArrayLike,
    mean: ArrayLike,
    active: ArrayLike,
    limit: float,
    step: float,
    amplitudes: Sequence[float],
    key: Key,
    *,
    chain0: int = 0,
    step0: int = 0,
) -> NDArray[np.float64]:
    """Twin of `pbits.kernels.langevin_cells.saturating_path`: the states after each step, (chains, steps, n).

    dx = −A(x − mean) dt + active·(x − limit·tanh(x/limit)) dt + noise of covariance 2D dt; `active` 0 leaves the
    exact steps of the linear equation with the symmetric root.
    """
    rates, own, centre = (np.asarray(given, dtype=np.float64) for given in (A, active, mean))
    phi = np.asarray(expm(-rates * step), dtype=np.float64)
    variances, axes = np.linalg.eigh(ou_noise(A, diffusion, step))
    root = (axes * np.sqrt(np.maximum(variances, 0))) @ axes.T

    def kicked(x: NDArray[np.float64]) -> NDArray[np.float64]:
        middle = x + step / 4 * own @ (x - limit * np.tanh(x / limit))
        return x + step / 2 * own @ (middle - limit * np.tanh(middle / limit))

    start = np.array(x0, dtype=np.float64)
    path = np.empty((len(start), len(amplitudes), start.shape[1]))
    for chain, x in enumerate(start):
        for t, amplitude in enumerate(amplitudes):
            noise = np.array([normal(key, chain0 + chain, site, step0 + t) for site in range(len(x))])
            x = kicked(centre + phi @ (kicked(x) - centre) + amplitude * root @ noise)
            path[chain, t] = x
    return path
