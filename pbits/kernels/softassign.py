"""Soft assignments: a square array of cells whose outputs are kept doubly stochastic.

States are laid out (chain, slot, item).
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel, part


@part
def _scale(M, u, beta, columns):
    """M = e^(βu + c) with its rows, and then its columns, scaled to 1; `columns` c is replaced.

    By logarithms, so that no sum is lost however cold it is.
    """
    n = len(u)
    rows = np.empty(n)
    for t in range(n):
        top = -np.inf
        for i in range(n):
            M[t, i] = beta * u[t, i]
            top = max(top, M[t, i] + columns[i])
        total = 0.0
        for i in range(n):
            total += np.exp(M[t, i] + columns[i] - top)
        rows[t] = -top - np.log(total)
    for i in range(n):
        top = -np.inf
        for t in range(n):
            top = max(top, M[t, i] + rows[t])
        total = 0.0
        for t in range(n):
            total += np.exp(M[t, i] + rows[t] - top)
        columns[i] = -top - np.log(total)
    for t in range(n):
        for i in range(n):
            M[t, i] = np.exp(M[t, i] + rows[t] + columns[i])


@part
def worst_row(M):
    """How far from 1 the sum of a row is."""
    worst = 0.0
    for t in range(len(M)):
        worst = max(worst, abs(M[t].sum() - 1.0))
    return worst


@kernel
def balance(M, u, beta, columns, tolerance, most):
    """The doubly stochastic M of e^(βu) (Sinkhorn): rows and columns scaled in turn; returns the rounds it took.

    Parameters
    ----------
    M : (n, n) float64, filled
        Columns sum to 1, and rows to 1 ± `tolerance` where fewer than `most` rounds were enough.
    u : (n, n) float64
    beta : float
    columns : (n,) float64, changed in place
        Logarithms of the columns' factors: where the normalisers stood, and stand afterwards.
    tolerance : float
    most : int
        Rounds at most, at least 1.
    """
    n = len(u)
    rounds = 1
    _scale(M, u, beta, columns)
    while rounds < most and worst_row(M) > tolerance:
        totals = np.zeros(n)
        for t in range(n):
            M[t] /= M[t].sum()
            totals += M[t]
        for t in range(n):
            M[t] /= totals
        columns -= np.log(totals)
        rounds += 1
    return rounds


@kernel
def pull(G, M, distances, indptr, indices, flows, costs):
    """G = W M D + C, the slope of ½ Σ W_tu D_ij M_ti M_uj + Σ C_ti M_ti; W, CSR, and D are symmetric."""
    n = len(M)
    passed = np.zeros((n, n))
    for t in range(n):
        for j in range(n):
            share = M[t, j]
            if share > 0.0:
                for i in range(n):
                    passed[t, i] += share * distances[j, i]
    for t in range(n):
        G[t] = costs[t]
        for edge in range(indptr[t], indptr[t + 1]):
            u = indices[edge]
            flow = flows[edge]
            for i in range(n):
                G[t, i] += flow * passed[u, i]


@kernel
def soften(
    u, M, columns, distances, indptr, indices, flows, costs, own, betas, kept, spread, noise, tolerance, most
):  # fmt: skip
    """Cells settle while M is held, and M is balanced, step by step: u' = kept·u + (1 − kept)(own·M − ∂E/∂M) + noise.

    Parameters
    ----------
    u, M : (chains, n, n) float64, changed in place
        M is balanced before the first step, and after the last.
    columns : (chains, n) float64, changed in place
        See `balance`.
    distances, indptr, indices, flows, costs
        See `pull`.
    own : float
        Feedback of a cell on itself.
    betas : (steps,) float64
    kept, spread : float
    noise : (chains, steps, n²) float64
        Standard normal numbers, which `spread` multiplies; of no steps where there is no noise.
    tolerance, most
        See `balance`.

    Returns
    -------
    rounds, unbalanced : int
        Rounds in all, and how many balancings ran out of them.
    """
    n = u.shape[1]
    G = np.empty((n, n))
    rounds = 0
    unbalanced = 0
    for chain in range(len(u)):
        for t in range(len(betas)):
            pull(G, M[chain], distances, indptr, indices, flows, costs)
            for s in range(n):
                for i in range(n):
                    u[chain, s, i] = kept * u[chain, s, i] + (1.0 - kept) * (own * M[chain, s, i] - G[s, i])
                    if noise.shape[1]:
                        u[chain, s, i] += spread * noise[chain, t, n * s + i]
            rounds += balance(M[chain], u[chain], betas[t], columns[chain], tolerance, most)
            unbalanced += worst_row(M[chain]) > tolerance
    return rounds, unbalanced
