"""Hopfield's analog neurons: capacitors that leak, are charged by all outputs, and are read through a sigmoid.

States are laid out (site, chain), the chain axis contiguous, like those of Ising models.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel, part
from pbits.kernels.philox import normals


@part
def _drive(drive, v, free, own, indptr, indices, weights, h):
    """Jv + h + own·v of the free sites into `drive` (n, chains)."""
    n_chains = v.shape[1]
    for i in free:
        for c in range(n_chains):
            drive[i, c] = h[i] + own * v[i, c]
        for edge in range(indptr[i], indptr[i + 1]):
            other = indices[edge]
            weight = weights[edge]
            for c in range(n_chains):
                drive[i, c] += weight * v[other, c]


@part
def _outputs(v, u, free, beta):
    """v = tanh(βu) of the free sites."""
    for i in free:
        for c in range(u.shape[1]):
            v[i, c] = np.tanh(beta * u[i, c])


@kernel
def settle(u, v, free, own, indptr, indices, weights, h, betas, step, noise, key0, key1, step0):
    """Integrate du = (−u + Jv + h + own·v) dt + noise √2 dW, v = tanh(βu), by the exponential Heun method.

    The leak and the noise are exact, and the drive is taken as a straight line between its values at both ends of a
    step, the far one predicted: order 2 without noise. Normal numbers are those of `normals`: counter
    (chain // 2, site, step, 0).

    Parameters
    ----------
    u, v : (n, chains) float64, changed in place
        Of sites that are not free both stay as they are, so v holds what they are held at.
    free : (k,) int64
    own : float
        Feedback of a neuron on itself.
    indptr, indices, weights, h
        Of the couplings J as CSR, and of the fields.
    betas : (steps,) float64
    step : float
        In time constants.
    noise : float
        Standard deviation of u of a neuron that nothing drives.
    key0, key1 : uint32
    step0 : int
        Absolute number of the first step.
    """
    kept = np.exp(-step)
    fresh = -np.expm1(-step)
    ahead = 1.0 - fresh / step
    spread = noise * np.sqrt(-np.expm1(-2.0 * step))
    before = np.zeros_like(u)
    after = np.zeros_like(u)
    random = np.zeros_like(u)
    n_chains = u.shape[1]
    for t in range(len(betas)):
        beta = betas[t]
        if noise > 0:
            normals(random, key0, key1, 0, step0 + t, 0)
        _outputs(v, u, free, beta)
        _drive(before, v, free, own, indptr, indices, weights, h)
        for i in free:
            for c in range(n_chains):
                u[i, c] = kept * u[i, c] + fresh * before[i, c] + spread * random[i, c]
        _outputs(v, u, free, beta)
        _drive(after, v, free, own, indptr, indices, weights, h)
        for i in free:
            for c in range(n_chains):
                u[i, c] += ahead * (after[i, c] - before[i, c])
    if len(betas):
        _outputs(v, u, free, betas[-1])
