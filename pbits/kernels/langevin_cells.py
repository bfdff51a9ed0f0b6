"""Steps of circuits whose couplings saturate: an exact step of the linear circuit between two half kicks of the rest.

States are laid out (cell, chain), the chain axis contiguous. Normal numbers are those of `normals`: counter
(chain // 2, cell, step, 0).
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel
from pbits.kernels.philox import normals


@kernel
def _fallen_short(short, x, limit):
    """x − limit · tanh(x/limit): what a saturating input leaves out."""
    n, n_chains = x.shape
    for i in range(n):
        for c in range(n_chains):
            short[i, c] = x[i, c] - limit * np.tanh(x[i, c] / limit)


@kernel
def _copy(target, source):
    """target = source; a slice assignment would compile the text of its errors, for seconds."""
    n, n_chains = target.shape
    for i in range(n):
        for c in range(n_chains):
            target[i, c] = source[i, c]


@kernel
def _add_product(target, matrix, factor, source):
    """target += factor · matrix · source."""
    n, n_chains = target.shape
    for i in range(n):
        for j in range(n):
            weight = factor * matrix[i, j]
            for c in range(n_chains):
                target[i, c] += weight * source[j, c]


@kernel
def _kick(x, middle, short, active, limit, duration):
    """dx/dt = active · (x − limit · tanh(x/limit)) for a duration, by the midpoint rule."""
    _copy(middle, x)
    _fallen_short(short, x, limit)
    _add_product(middle, active, 0.5 * duration, short)
    _fallen_short(short, middle, limit)
    _add_product(x, active, duration, short)


@kernel
def saturating_path(x, seen, phi, shift, root, active, limit, step, amplitudes, key0, key1, chain0, step0):
    """Half a kick, x' = Φx + shift + amplitude · root · noise, half a kick; weak order 2, exact for no saturation.

    Parameters
    ----------
    x : (n, chains) float64, changed in place
    seen : (looks, n, chains) float64
        Filled with the states after each of `looks` equal parts of the steps.
    phi, root, active : (n, n) float64
        Propagator and root of the noise's covariance of one step of the linear circuit, and the share of its drift
        −Ax that saturates, A = … + active.
    shift : (n,) float64
        (1 − Φ) mean.
    limit : float
        In the unit of x.
    step : float
        Duration of a step, in the unit of time of 1/active.
    amplitudes : (steps,) float64
        Factors on the noise.
    key0, key1 : uint32
    chain0, step0 : int
        Absolute number of the first chain (even) and of the first step.
    """
    n, n_chains = x.shape
    noise, moved, middle, short = np.empty_like(x), np.empty_like(x), np.empty_like(x), np.empty_like(x)
    every = len(amplitudes) // len(seen)
    for t in range(len(amplitudes)):
        _kick(x, middle, short, active, limit, 0.5 * step)
        normals(noise, key0, key1, chain0, step0 + t, 0)
        for i in range(n):
            for c in range(n_chains):
                moved[i, c] = shift[i]
        _add_product(moved, phi, 1.0, x)
        _add_product(moved, root, amplitudes[t], noise)
        _copy(x, moved)
        _kick(x, middle, short, active, limit, 0.5 * step)
        if (t + 1) % every == 0:
            _copy(seen[t // every], x)
