"""Means of hidden spins, each in the mean of the others' fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbits.models import Clamp, IsingModel

_STEPS, _TOLERANCE, _DAMPING = 200, 1e-6, 0.5


def mean_field(model: IsingModel, clamp: Clamp, rows: int, beta: float = 1.0) -> NDArray[np.float64]:
    """m_i = tanh(β(Σ_j J_ij m_j + h_i)) of free spins, with the clamped ones held; (rows, n).

    It is iterated, half of each step taken, from m = 0 until no mean moves by 10⁻⁶, or 200 times. Where there are
    several solutions, one is found. Exact where free spins are not coupled to one another.

    Parameters
    ----------
    clamp : mapping
        A number for a site, or an array (rows,).

    Examples
    --------
    >>> pair = IsingModel([[0, 1], [1, 0]])
    >>> mean_field(pair, {0: np.array([1, -1])}, 2).round(3)
    array([[ 1.   ,  0.762],
           [-1.   , -0.762]])
    """
    means = np.zeros((model.n, rows))
    for site, value in clamp.items():
        means[site] = value
    free = np.setdiff1d(np.arange(model.n), list(clamp))
    if not len(free):
        return means.T
    onto = model.csr[free]
    coupled = onto[:, free].nnz > 0
    # Each row by itself, so that what one comes to does not depend on the others.
    moving = np.arange(rows)
    for _ in range(_STEPS if coupled else 1):
        now = means[:, moving]
        step = np.tanh(beta * (onto @ now + model.h[free, None])) - now[free]
        means[np.ix_(free, moving)] += _DAMPING * step if coupled else step
        moving = moving[np.abs(step).max(axis=0) >= _TOLERANCE]
        if not len(moving):
            break
    return np.ascontiguousarray(means.T)
