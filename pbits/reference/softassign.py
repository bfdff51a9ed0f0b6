"""Twin of `pbits.kernels.softassign`, in plain NumPy and by logarithms throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from pbits.reference.twins import Key, normal


def sinkhorn(
    logits: ArrayLike, tolerance: float = 1e-10, most: int = 10_000, columns: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """The doubly stochastic matrix r_t e^(logits) c_i: rows and columns scaled in turn.

    R. Sinkhorn, Ann. Math. Statist. 35, 876 (1964); the reference is from memory.

    Parameters
    ----------
    logits : (n, n) array
    tolerance : float
        By how much the sum of a row may differ from 1; the columns were scaled last.
    most : int
        Rounds at most, each of rows and then columns.
    columns : (n,) array, optional
        ln c to begin with; 0 by default.

    Returns
    -------
    M : (n, n) array
    columns : (n,) array
        ln c.
    rounds : int

    Examples
    --------
    >>> M, _, _ = sinkhorn([[0.0, 1.0], [1.0, 0.0]])
    >>> M.round(3)
    array([[0.269, 0.731],
           [0.731, 0.269]])
    """
    given = np.asarray(logits, dtype=np.float64)
    c = np.zeros(len(given)) if columns is None else np.array(columns, dtype=np.float64)
    rounds = 0
    while True:
        r = -np.asarray(logsumexp(given + c, axis=1))
        c = -np.asarray(logsumexp(given + r[:, None], axis=0))
        rounds += 1
        M = np.exp(given + r[:, None] + c)
        if rounds >= most or np.abs(M.sum(axis=1) - 1).max() <= tolerance:
            return M, c, rounds


def softened(
    u: NDArray[np.float64],
    wiring: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    betas: Sequence[float] | NDArray[np.float64],
    duration: float,
    *,
    own: float,
    noise: float,
    tolerance: float,
    most: int,
    key: Key,
) -> NDArray[np.float64]:
    """M after every step, (chains, steps, n, n), from u (chains, n, n); the wiring is flows, distances and costs."""
    W, D, C = wiring
    kept = math.exp(-duration)
    spread = noise * math.sqrt(1 - kept**2)
    n_chains, n, _ = u.shape
    path = np.empty((n_chains, len(betas), n, n))
    for chain in range(n_chains):
        now = u[chain]
        M, columns, _ = sinkhorn(betas[0] * now, tolerance, most)
        for t, beta in enumerate(betas):
            now = kept * now + (1 - kept) * (own * M - W @ M @ D - C)
            if noise > 0:
                now += spread * np.array([normal(key, chain, k, t) for k in range(n * n)]).reshape(n, n)
            M, columns, _ = sinkhorn(beta * now, tolerance, most, columns)
            path[chain, t] = M
    return path
