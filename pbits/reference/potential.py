"""Exact laws of potentials over one or two reals, and of any number that do not know of one another, by quadrature;
the rates of relaxation of one real.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

from pbits.models.potential import PotentialModel, QuarticModel

# Points along each axis, by the number of axes: trapezoids converge faster than any power where P falls to 0 smoothly.
_POINTS = {1: 4001, 2: 801}
# βE at the edge of the box, above its least, and how often the box is doubled to reach it.
_EDGE, _DOUBLINGS = 45.0, 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Integrals:
    """log Z, mean (n,), covariance (n, n) and mean energy of P ∝ exp(−βE)."""

    log_z: float
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    mean_energy: float


def integrals(model: QuarticModel | PotentialModel, beta: float) -> Integrals:
    """What P ∝ exp(−βE) integrates to, of one or two sites, or of a `QuarticModel` of any size without couplings.

    Raises
    ------
    ValueError
        For more sites, or an E that does not rise far out.

    Examples
    --------
    >>> from pbits.models import QuarticModel
    >>> found = integrals(QuarticModel([4.0], [0.0]), 1.0)
    >>> round(float(found.covariance[0, 0]), 9)  # Γ(3/4)/Γ(1/4)
    0.33798912
    """
    if model.n <= 2:
        return _box(model.energy, model.n, beta)
    if isinstance(model, QuarticModel) and not model.couplings.n_couplings:
        parts = [
            _box(QuarticModel([a], [b], h=[h]).energy, 1, beta) for a, b, h in zip(model.a, model.b, model.couplings.h)
        ]
        return Integrals(
            log_z=sum(part.log_z for part in parts) - beta * model.offset,
            mean=np.concatenate([part.mean for part in parts]),
            covariance=np.diag([part.covariance[0, 0] for part in parts]),
            mean_energy=sum(part.mean_energy for part in parts) + model.offset,
        )
    raise ValueError(
        f"a {type(model).__name__} of {model.n} sites has no exact law here; known are those of one or two sites, and "
        "of a QuarticModel without couplings"
    )


def _box(energy: Callable[[NDArray[np.float64]], NDArray[np.float64]], n: int, beta: float) -> Integrals:
    """Trapezoids over a box grown until βE has risen by enough all along its edge."""
    lower, upper = np.full(n, -1.0), np.full(n, 1.0)
    for _ in range(_DOUBLINGS):
        x, cell = _grid(lower, upper, 129)
        level = beta * energy(x)
        at_least = level.reshape((129,) * n)
        edge = at_least.min() + _EDGE
        short_below = np.array([at_least.take(0, axis).min() < edge for axis in range(n)])
        short_above = np.array([at_least.take(-1, axis).min() < edge for axis in range(n)])
        if not (short_below | short_above).any():
            break
        width = upper - lower
        lower, upper = lower - short_below * width, upper + short_above * width
    else:
        raise ValueError("E does not rise far out, so exp(−βE) has no finite integral")
    inside = x[level < edge]
    # One coarse cell more on every side.
    coarse = (upper - lower) / 128
    x, cell = _grid(inside.min(axis=0) - coarse, inside.max(axis=0) + coarse, _POINTS[n])
    level = beta * energy(x)
    weights = np.exp(level.min() - level)
    total = weights.sum()
    p = weights / total
    mean = p @ x
    centred = x - mean
    return Integrals(
        log_z=float(np.log(total * cell) - level.min()),
        mean=mean,
        covariance=centred.T @ (p[:, None] * centred),
        mean_energy=float(p @ level) / beta,
    )


def _grid(lower: NDArray[np.float64], upper: NDArray[np.float64], points: int) -> tuple[NDArray[np.float64], float]:
    axes = [np.linspace(a, b, points) for a, b in zip(lower, upper)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return x, float(np.prod((upper - lower) / (points - 1)))


def diffusion_rates(
    energy: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    beta: float,
    lower: float,
    upper: float,
    *,
    points: int = 4001,
    count: int = 2,
) -> NDArray[np.float64]:
    """The slowest rates of decay of dx = −E'(x) dt + √(2/β) dW between two walls, rising from 0.

    The Fokker–Planck operator on a grid of spacing δ, as a walk with the rates e^(−βΔE/2)/βδ² between neighbours, which
    has the law exp(−βE) at its places; off by O(δ²). `energy` takes places (m,).

    Examples
    --------
    >>> diffusion_rates(lambda x: 0.5 * x**2, 1.0, -8.0, 8.0, count=3).round(4) + 0.0
    array([0., 1., 2.])
    """
    x = np.linspace(lower, upper, points)
    rises = beta * np.diff(energy(x))
    pace = 1 / (beta * (x[1] - x[0]) ** 2)
    leaving = pace * (np.append(np.exp(-rises / 2), 0) + np.append(0, np.exp(rises / 2)))
    between = np.full(points - 1, -pace)
    found = eigh_tridiagonal(leaving, between, eigvals_only=True, select="i", select_range=(0, count - 1))
    return np.asarray(found, dtype=np.float64)


def kramers_rate(barrier: float, well: float, top: float, beta: float, friction: float | None = None) -> float:
    """Rate of escape over one barrier, right for β times its height ≫ 1: √(K_w K_b)/2π · e^(−βΔE).

    Kramers' formula as textbooks give it; overdamped in the unit of time of dx = −E' dt + √(2/β) dW. With a friction γ,
    of dv = −E' dt − γv dt + √(2γ/β) dW with dx = v dt, √K_b becomes √(K_b + γ²/4) − γ/2, for γ that are not small.

    Parameters
    ----------
    barrier : float
        ΔE.
    well, top : float
        Curvatures, both as positive numbers.
    beta : float
    friction : float, optional

    Examples
    --------
    >>> round(kramers_rate(0.25, 2.0, 1.0, 20.0) * 1e3, 4)
    1.5166
    """
    attempts = math.sqrt(top) if friction is None else math.sqrt(top + friction**2 / 4) - friction / 2
    return math.sqrt(well) * attempts / (2 * math.pi) * math.exp(-beta * barrier)
