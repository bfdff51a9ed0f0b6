"""Lattice random walks in plain Python: the twin of the kernel, and the exact law and rates of a single site."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal

from pbits.reference.chains import ReducibleError
from pbits.reference.twins import Key, uniform


def step_chances(drift: ArrayLike, spread: float, random_bits: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p₊ and p₋ = ½(s ± d), within 0 … 1, as the nearest multiples of 2^−bits.

    Parameters
    ----------
    drift : array
        d, lattice spacings an update.
    spread : float
        s = σ²δt/δx², the chance to move at all.
    random_bits : int

    Examples
    --------
    >>> up, down = step_chances([0.0, 0.25, 2.0], 0.5, 3)
    >>> up, down
    (array([0.25 , 0.375, 1.   ]), array([0.25 , 0.125, 0.   ]))
    """
    d, levels = np.asarray(drift, dtype=np.float64), 2.0**random_bits
    up, down = (np.round(np.clip((spread + sign * d) / 2, 0, 1) * levels) / levels for sign in (1, -1))
    return up, down


def walk_path(
    drift: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    k0: ArrayLike,
    spreads: Sequence[ArrayLike],
    random_bits: int,
    key: Key,
    *,
    in_turn: bool = False,
    register_bits: int = 32,
    chain0: int = 0,
    update0: int = 0,
) -> NDArray[np.int64]:
    """Twin of `pbits.kernels.walk.walk`: the registers after each update, (chains, updates, n).

    `drift` takes one chain's registers (n,) to its drifts in lattice spacings; `spreads` holds s of every site (n,), or
    of all, for each update.
    """
    low, high = -(2 ** (register_bits - 1)), 2 ** (register_bits - 1) - 1
    start = np.array(k0, dtype=np.int64)
    path = np.empty((len(start), len(spreads), start.shape[1]), dtype=np.int64)
    for chain, k in enumerate(start):
        for t, given in enumerate(spreads):
            spread = np.broadcast_to(np.asarray(given, dtype=np.float64), k.shape)
            before = k.copy()
            for i in range(len(k)):
                d = drift(k if in_turn else before)[i]
                up, down = step_chances(d, float(spread[i]), random_bits)
                u = uniform(key, chain0 + chain, i, update0 + t)
                k[i] = min(max(before[i] + int(u < up) - int(u > 1 - down), low), high)
            path[chain, t] = k
    return path


def birth_death(up: ArrayLike, down: ArrayLike) -> NDArray[np.float64]:
    """Stationary law of a walk on a line: p₊(k) π(k) = p₋(k+1) π(k+1), which holds for any chances.

    Parameters
    ----------
    up, down : (m,) array
        Chances to step up and down from each place; those that would leave the line are not taken.

    Raises
    ------
    ReducibleError
        When places fall apart in parts between which nothing passes, each with a law of its own.

    Examples
    --------
    >>> birth_death([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]).round(4)
    array([0.1429, 0.2857, 0.5714])
    """
    first, last = _closed(np.asarray(up, dtype=np.float64), np.asarray(down, dtype=np.float64))
    p, q = (np.asarray(chances, dtype=np.float64)[first : last + 1] for chances in (up, down))
    weights = np.concatenate([[0.0], np.cumsum(np.log(p[:-1]) - np.log(q[1:]))])
    law = np.zeros(np.shape(up))
    law[first : last + 1] = np.exp(weights - weights.max())
    return law / law.sum()


def walk_rates(up: ArrayLike, down: ArrayLike, count: int = 2) -> NDArray[np.float64]:
    """The slowest rates of decay of a walk on a line, per update, rising from 0: −ln of its eigenvalues.

    Examples
    --------
    >>> walk_rates([0.25, 0.25], [0.25, 0.25]).round(6) + 0.0
    array([0.      , 0.693147])
    """
    first, last = _closed(np.asarray(up, dtype=np.float64), np.asarray(down, dtype=np.float64))
    p, q = (np.asarray(chances, dtype=np.float64)[first : last + 1] for chances in (up, down))
    stay = 1 - np.append(p[:-1], 0) - np.append(0, q[1:])
    ends = (len(stay) - count, len(stay) - 1)
    found = eigh_tridiagonal(stay, np.sqrt(p[:-1] * q[1:]), eigvals_only=True, select="i", select_range=ends)
    return -np.log(np.minimum(found[::-1], 1.0))


def _closed(up: NDArray[np.float64], down: NDArray[np.float64]) -> tuple[int, int]:
    """The first and last place of the one part that is never left."""
    rises, falls = up[:-1] > 0, down[1:] > 0
    # A part ends where a step is not made both ways.
    cuts = np.flatnonzero(~(rises & falls))
    firsts, lasts = np.append(0, cuts + 1), np.append(cuts, len(up) - 1)
    kept = [
        (int(a), int(b))
        for a, b in zip(firsts, lasts)
        if not (a > 0 and falls[a - 1]) and not (b < len(up) - 1 and rises[b])
    ]
    if len(kept) > 1:
        raise ReducibleError(f"the walk falls apart in {len(kept)} parts between which no step is ever made")
    return kept[0]
