"""Exact laws of a single-domain magnet, from the Fokker–Planck equation and the Boltzmann integral.

A magnet with an axis of symmetry diffuses in u = m_z by ∂P/∂t = D_r ∂_u[(1 − u²)(∂_u P + P v′)], v = E/kT. With
P = e^(−v/2)ψ the operator is symmetric, −∂_u(1 − u²)∂_u + W with W = ¼(1 − u²)v′² − ½((1 − u²)v′)′, and a polynomial
v makes it a banded matrix on normalised Legendre polynomials, on which −∂_u(1 − u²)∂_u is l(l + 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray


def axial_spectrum(potential: Sequence[float], modes: int = 160) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rates λ_k in units of D_r, rising from 0, and weights w_k of u in each: ⟨u(0)u(t)⟩ = Σ_k w_k e^(−λ_k D_r t).

    Parameters
    ----------
    potential : sequence of float
        Coefficients of v(u) = E/kT, lowest power first: (0, −µB/kT, −Δ) of a uniaxial magnet in a field along its
        axis.
    modes : int
        Legendre polynomials kept. Rates are good to 1e-12 of the largest matrix element, about modes²: enough for
        the switching rate of barriers to 15.

    Notes
    -----
    w_0 = ⟨u⟩², and the weights sum to ⟨u²⟩.

    Examples
    --------
    >>> rates, weights = axial_spectrum((0.0,))
    >>> rates[:3].round(9), weights[:3].round(9)
    (array([0., 2., 6.]), array([0.        , 0.33333333, 0.        ]))
    """
    v = Polynomial(potential)
    u, slope = Polynomial([0, 1]), v.deriv()
    W = (1 - u**2) * slope**2 / 4 - ((1 - u**2) * slope).deriv() / 2
    # Powers of the matrix of u are exact but near the cut, which lies beyond what is kept.
    l = np.arange(modes + W.degree() + 2)
    off = (l[:-1] + 1) / np.sqrt((2 * l[:-1] + 1) * (2 * l[:-1] + 3))
    X = np.diag(off, 1) + np.diag(off, -1)
    power, matrix = np.eye(len(l)), np.diag(l * (l + 1.0))
    for coefficient in W.coef:
        matrix = matrix + coefficient * power
        power = power @ X
    rates, psi = np.linalg.eigh(matrix[:modes, :modes])
    overlap = psi.T @ X[:modes, :modes] @ psi[:, 0]
    return rates, overlap**2


def switching_rate(potential: Sequence[float], modes: int = 160) -> float:
    """The smallest rate of `axial_spectrum` that is not zero, in units of D_r.

    Examples
    --------
    >>> round(switching_rate((0.0, 0.0, 0.0)), 9)
    2.0
    """
    return float(axial_spectrum(potential, modes)[0][1])


def axial_mean(function: Callable[[NDArray], ArrayLike], potential: Sequence[float], points: int = 400) -> float:
    """⟨f(u)⟩ under P(u) ∝ e^(−v(u)), by Gauss–Legendre quadrature.

    Examples
    --------
    >>> bool(np.isclose(axial_mean(lambda u: u, (0.0, -2.0)), 1 / np.tanh(2.0) - 0.5))
    True
    """
    u, weights = leggauss(points)
    v = Polynomial(potential)(u)
    p = weights * np.exp(v.min() - v)
    return float((p * np.asarray(function(u))).sum() / p.sum())


def sphere_moments(
    energy: Callable[[NDArray], NDArray], points: int = 200
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """⟨m⟩ (3,) and ⟨mmᵀ⟩ (3, 3) under P(m) ∝ e^(−E/kT) on the unit sphere.

    `energy` takes directions (..., 3) to E/kT. Gauss–Legendre in m_z, equal angles about z.

    Examples
    --------
    >>> mean, second = sphere_moments(lambda m: 0 * m[..., 0])
    >>> np.allclose(mean, 0), np.allclose(second, np.eye(3) / 3)
    (True, True)
    """
    u, weights = leggauss(points)
    angle = 2 * np.pi * np.arange(2 * points) / (2 * points)
    radius = np.sqrt(1 - u**2)[:, None]
    height = np.broadcast_to(u[:, None], (points, 2 * points))
    m = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)
    v = energy(m)
    p = weights[:, None] * np.exp(v.min() - v)
    p /= p.sum()
    return np.einsum("ab,abi->i", p, m), np.einsum("ab,abi,abj->ij", p, m, m)
