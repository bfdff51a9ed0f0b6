"""Steps of Langevin equations: exact ones in the eigenbasis of a linear drift, and integrators of any potential.

States of the integrators are laid out (site, chain), the chain axis contiguous, like those of Ising models. The
overdamped equation is γ dx = −∇U dt + √(2γ/β) dW, and the underdamped one, of unit masses, is dx = v dt,
dv = −∇U dt − γv dt + √(2γ/β) dW. Normal numbers are those of `normals`: counter (chain // 2, site, step, 0).
"""

from __future__ import annotations

import numba
import numpy as np
from numba.core import types
from numba.extending import overload

from pbits.kernels.jit import kernel
from pbits.kernels.philox import normals


@kernel
def relax(path, state, decay, turn, spread):
    """Turn the noise of independent modes into their path, in place: y' = e^(−λΔt) y + spread · noise.

    Parameters
    ----------
    path : (chains, steps, n) float64
        Noise, and then the coordinates after each step.
    state : (chains, n) float64
        Coordinates before the first step, and then after the last.
    decay, spread : (rows, n) float64
        With one row for all steps, or one for each. `decay` is e^(−λΔt) of a real mode. Modes k and k + p, with
        k < p, belong to the complex pair λ ± iω: their decay is e^(−λΔt) cos ωΔt.
    turn : (rows, p) float64
        e^(−λΔt) sin ωΔt of each pair.
    """
    n_chains, n_steps, n = path.shape
    pairs = turn.shape[1]
    each = 1 if decay.shape[0] > 1 else 0
    for chain in range(n_chains):
        before = state[chain].copy()
        for t in range(n_steps):
            now = path[chain, t]
            row = each * t
            for k in range(n):
                now[k] = decay[row, k] * before[k] + spread[row, k] * now[k]
            for k in range(pairs):
                now[k] -= turn[row, k] * before[k + pairs]
                now[k + pairs] += turn[row, k] * before[k]
            before = now
        state[chain] = before


@kernel
def quartic_slope(slope, x, quartic, well, h, indptr, indices, weights):
    """∇U of U = Σ_i (¼ a_i x_i⁴ − ½ b_i x_i²) − ½ xᵀJx − hᵀx into `slope`; both are (n, chains), J is CSR."""
    n, n_chains = x.shape
    for i in range(n):
        for c in range(n_chains):
            slope[i, c] = (quartic[i] * x[i, c] * x[i, c] - well[i]) * x[i, c] - h[i]
        for edge in range(indptr[i], indptr[i + 1]):
            other = indices[edge]
            weight = weights[edge]
            for c in range(n_chains):
                slope[i, c] -= weight * x[other, c]


@kernel
def _add(target, factor, source):
    """target += factor · source, both C-contiguous."""
    into = target.ravel()
    what = source.ravel()
    for k in range(len(into)):
        into[k] += factor * what[k]


@kernel
def _copy(target, source):
    """target = source, both C-contiguous; a slice assignment would compile the text of its errors, for seconds."""
    into = target.ravel()
    what = source.ravel()
    for k in range(len(into)):
        into[k] = what[k]


def _slope(slope, x, potential):
    """∇U(x) into `slope`, of a potential that is a function; the compiled form also takes a quartic one."""
    potential(slope, x)


@overload(_slope)
def _compiled_slope(slope, x, potential):
    if isinstance(potential, types.BaseTuple):
        return lambda slope, x, potential: quartic_slope(slope, x, *potential)
    return lambda slope, x, potential: potential(slope, x)


def euler_maruyama(x, v, seen_x, seen_v, potential, betas, step, friction, key0, key1, chain0, step0):
    """x' = x − (h/γ)∇U(x) + √(2h/βγ) R_t. Weak order 1, also of the stationary law.

    Parameters
    ----------
    x, v : (n, chains) float64, changed in place
        Positions and velocities; overdamped integrators have no velocities and leave these alone.
    seen_x, seen_v : (looks, n, chains) float64
        Filled with the states after each of `looks` equal parts of the steps; `seen_v` by `baoab` only.
    potential : tuple or function
        The last six arguments of `quartic_slope`, or ``potential(slope, x)`` that writes ∇U(x) into `slope`.
    betas : (steps,) float64
    step, friction : float
        h and γ.
    key0, key1 : uint32
    chain0, step0 : int
        Absolute number of the first chain (even) and of the first step.
    """
    every = len(betas) // len(seen_x)
    slope = np.empty_like(x)
    noise = np.empty_like(x)
    for t in range(len(betas)):
        _slope(slope, x, potential)
        normals(noise, key0, key1, chain0, step0 + t, 0)
        _add(x, -step / friction, slope)
        _add(x, np.sqrt(2.0 * step / (betas[t] * friction)), noise)
        if (t + 1) % every == 0:
            _copy(seen_x[t // every], x)


def leimkuhler_matthews(x, v, seen_x, seen_v, potential, betas, step, friction, key0, key1, chain0, step0):
    """x' = x − (h/γ)∇U(x) + √(h/2βγ) (R_t + R_t+1). Stationary law of weak order 2, and exact in a harmonic well.

    The overdamped limit of `baoab`. Parameters as in `euler_maruyama`.
    """
    every = len(betas) // len(seen_x)
    slope = np.empty_like(x)
    noise = np.empty_like(x)
    following = np.empty_like(x)
    normals(noise, key0, key1, chain0, step0, 0)
    for t in range(len(betas)):
        amplitude = np.sqrt(step / (2.0 * betas[t] * friction))
        _slope(slope, x, potential)
        normals(following, key0, key1, chain0, step0 + t + 1, 0)
        _add(x, -step / friction, slope)
        _add(x, amplitude, noise)
        _add(x, amplitude, following)
        noise, following = following, noise
        if (t + 1) % every == 0:
            _copy(seen_x[t // every], x)


def baoab(x, v, seen_x, seen_v, potential, betas, step, friction, key0, key1, chain0, step0):
    """Half a kick, half a drift, friction and noise for all of h, half a drift, half a kick; weak order 2.

    v −= (h/2)∇U; x += (h/2)v; v = e^(−γh) v + √((1 − e^(−2γh))/β) R_t; x += (h/2)v; v −= (h/2)∇U. Positions are
    exact in a harmonic well. Parameters as in `euler_maruyama`.
    """
    every = len(betas) // len(seen_x)
    slope = np.empty_like(x)
    noise = np.empty_like(x)
    kept = np.exp(-friction * step)
    fresh = -np.expm1(-2.0 * friction * step)
    _slope(slope, x, potential)
    for t in range(len(betas)):
        normals(noise, key0, key1, chain0, step0 + t, 0)
        _add(v, -0.5 * step, slope)
        _add(x, 0.5 * step, v)
        _add(v, kept - 1.0, v)
        _add(v, np.sqrt(fresh / betas[t]), noise)
        _add(x, 0.5 * step, v)
        _slope(slope, x, potential)
        _add(v, -0.5 * step, slope)
        if (t + 1) % every == 0:
            _copy(seen_x[t // every], x)
            _copy(seen_v[t // every], v)


# Each integrator is written once. As it stands it takes any Python function for the gradient; `compiled` holds the
# forms that take a compiled function, and `quartic` those of the quartic family, the only ones cached on disk.
plain = {
    "euler-maruyama": euler_maruyama,
    "leimkuhler-matthews": leimkuhler_matthews,
    "baoab": baoab,
}
compiled = {name: numba.njit(nogil=True)(function) for name, function in plain.items()}
quartic = {name: kernel(function) for name, function in plain.items()}
