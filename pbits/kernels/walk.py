"""Lattice random walks: sites that step up, step down or stay, on registers of whole numbers.

Registers are laid out (site, chain), the chain axis contiguous. The uniform of a decision is that of `uniforms`:
counter (chain // 4, site, update, 0), word chain % 4.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel, part
from pbits.kernels.philox import uniforms


@part
def _drift(row, k, i, scale, indptr, indices, weights, constant, cubic):
    """Lattice spacings that the drift moves site i in an update, of every chain, into `row`."""
    for c in range(len(row)):
        row[c] = constant[i]
    for edge in range(indptr[i], indptr[i + 1]):
        other = indices[edge]
        weight = weights[edge]
        for c in range(len(row)):
            row[c] += weight * k[other, c]
    for c in range(len(row)):
        row[c] = scale * row[c] - cubic[i] * (float(k[i, c]) * k[i, c] * k[i, c])


@part
def _decide(target, now, drift, uniform, spread, low, high, levels, tally):
    """Step one site of every chain from `now` into `target`, and add clipped, blocked and made moves to `tally`."""
    clipped = 0
    blocked = 0
    moved = 0
    for c in range(len(now)):
        up = 0.5 * (spread + drift[c])
        down = 0.5 * (spread - drift[c])
        clipped += min(up, down) < 0.0 or max(up, down) > 1.0
        up = np.rint(levels * min(max(up, 0.0), 1.0)) / levels
        down = np.rint(levels * min(max(down, 0.0), 1.0)) / levels
        wanted = np.int64(now[c]) + (uniform[c] < up) - (uniform[c] > 1.0 - down)
        k = min(max(wanted, low), high)
        blocked += k != wanted
        moved += k != now[c]
        target[c] = k
    tally[0] += clipped
    tally[1] += blocked
    tally[2] += moved


@kernel
def decide(k, drift, spread, low, high, levels, tally, key0, key1, chain0, update):
    """One update of all sites together, of drifts (n, chains) that are given; see `walk`."""
    uniform = np.empty(k.shape)
    uniforms(uniform, key0, key1, chain0, update, 0)
    for i in range(len(k)):
        _decide(k[i], k[i], drift[i], uniform[i], spread[i], low, high, levels, tally)


@kernel
def walk(
    k, seen, scale, indptr, indices, weights, constant, cubic, spread, heats, in_turn, low, high, levels, tally,
    key0, key1, chain0, update0,
):  # fmt: skip
    """Updates of all sites; p± = ½(s ± d), s the chance to move at all and d the drift in lattice spacings.

    d_i = scale (c_i + Σ_j w_ij k_j) − q_i k_i³. Probabilities are clipped to 0 … 1 and rounded to 1/levels.

    Parameters
    ----------
    k : (n, chains) int32
        At the start; overwritten.
    seen : (looks, n, chains) int32
        Filled with the registers after each of `looks` equal parts of the updates.
    scale : float
    indptr, indices, weights : CSR arrays of w, (n, n) with its diagonal
    constant, cubic, spread : (n,) float64
        c, q, and s at heat 1.
    heats : (updates,) float64
        Factors on s.
    in_turn : bool
        Whether a site sees what those before it did in the same update.
    low, high : int
        Ends of the registers; a move beyond is not made.
    levels : float
    tally : (3,) int64
        Decisions with a clipped probability, moves that a register's end stopped, and moves made are added to it.
    key0, key1 : uint32
    chain0, update0 : int
        Absolute number of the first chain (a multiple of 4) and of the first update.
    """
    n, n_chains = k.shape
    every = len(heats) // len(seen)
    uniform = np.empty(k.shape)
    moved = k.copy()
    row = np.empty(n_chains)
    for t in range(len(heats)):
        uniforms(uniform, key0, key1, chain0, update0 + t, 0)
        for i in range(n):
            _drift(row, k, i, scale, indptr, indices, weights, constant, cubic)
            target = k[i] if in_turn else moved[i]
            _decide(target, k[i], row, uniform[i], spread[i] * heats[t], low, high, levels, tally)
        if not in_turn:
            k, moved = moved, k
        if (t + 1) % every == 0:
            look = seen[t // every]
            for i in range(n):
                for c in range(n_chains):
                    look[i, c] = k[i, c]
