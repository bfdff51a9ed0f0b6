"""The exact step of a linear Langevin equation, in plain SciPy: the slow twin of a circuit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, solve_continuous_lyapunov


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
