"""Heat-bath sweeps of Ising models on a sparse graph, many chains side by side.

States are laid out (site, chain): the chain axis is contiguous, so the sum over neighbours vectorises over
chains. The field of a site is summed over its neighbours in index order, then h is added, in float64.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel
from pbits.kernels.philox import philox4x32, to_uniform


@kernel
def sweep_phases(
    spins, indptr, indices, weights, h, phase_ptr, phase_sites, betas, persistence, key0, key1, chain0, step0
):
    """Sweep every chain once per β, phase by phase; inside a phase all sites see the state before it.

    Parameters
    ----------
    spins : (n, chains) int8, changed in place
    indptr, indices, weights : CSR couplings J
    h : (n,) float64
    phase_ptr, phase_sites : int64
        Phase p updates sites phase_sites[phase_ptr[p]:phase_ptr[p + 1]].
    betas : (steps,) float64
    persistence : float
        ρ = e^(−Δt/τ) of a two-state cell: P(s' = +1 | s) = (1 − ρ) σ(2βI) + ρ [s = +1]. 0 is plain heat bath.
    key0, key1 : uint32
        Philox key; counter (chain // 4, site, step, 0), one 32-bit word a decision.
    chain0, step0 : int
        Absolute number of the first chain (a multiple of 4) and of the first step.

    Returns
    -------
    int
        Number of spins that changed (toggles).
    """
    n_chains = spins.shape[1]
    widest = 0
    for p in range(len(phase_ptr) - 1):
        widest = max(widest, phase_ptr[p + 1] - phase_ptr[p])
    fresh = np.empty((widest, n_chains), dtype=np.int8)
    field = np.empty(n_chains, dtype=np.float64)
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    toggles = 0
    for t in range(len(betas)):
        step = np.uint64(step0 + t)
        minus_two_beta = -2.0 * betas[t]
        for p in range(len(phase_ptr) - 1):
            start = phase_ptr[p]
            for row in range(phase_ptr[p + 1] - start):
                site = phase_sites[start + row]
                for c in range(n_chains):
                    field[c] = 0.0
                for edge in range(indptr[site], indptr[site + 1]):
                    other = indices[edge]
                    weight = weights[edge]
                    for c in range(n_chains):
                        field[c] += weight * spins[other, c]
                for first in range(0, n_chains, 4):
                    words = philox4x32(np.uint64((chain0 + first) // 4), np.uint64(site), step, np.uint64(0), k0, k1)
                    for lane in range(min(4, n_chains - first)):
                        c = first + lane
                        up = 1.0 / (1.0 + np.exp(minus_two_beta * (field[c] + h[site])))
                        if persistence > 0.0:
                            up *= 1.0 - persistence
                            if spins[site, c] > 0:
                                up += persistence
                        fresh[row, c] = 1 if to_uniform(words[lane]) < up else -1
            for row in range(phase_ptr[p + 1] - start):
                site = phase_sites[start + row]
                for c in range(n_chains):
                    if spins[site, c] != fresh[row, c]:
                        spins[site, c] = fresh[row, c]
                        toggles += 1
    return toggles


@kernel
def sweep_random(spins, indptr, indices, weights, h, free, betas, key0, key1, site_key0, site_key1, chain0, step0):
    """Random-scan heat bath: len(free) updates per step and chain, each at a site drawn uniformly.

    Update u of a step uses Philox counter (chain // 4, u, step, 0) twice: once with the site key for which
    site, once with the thermal key for the decision. Other parameters as in `sweep_phases`; `free` lists the
    sites that may move. Returns the number of toggles.
    """
    n_chains = spins.shape[1]
    n_free = len(free)
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    s0 = np.uint64(site_key0)
    s1 = np.uint64(site_key1)
    toggles = 0
    for t in range(len(betas)):
        step = np.uint64(step0 + t)
        minus_two_beta = -2.0 * betas[t]
        for u in range(n_free):
            for first in range(0, n_chains, 4):
                block = np.uint64((chain0 + first) // 4)
                which = philox4x32(block, np.uint64(u), step, np.uint64(0), s0, s1)
                words = philox4x32(block, np.uint64(u), step, np.uint64(0), k0, k1)
                for lane in range(min(4, n_chains - first)):
                    c = first + lane
                    site = free[int((which[lane] * np.uint64(n_free)) >> np.uint64(32))]
                    field = 0.0
                    for edge in range(indptr[site], indptr[site + 1]):
                        field += weights[edge] * spins[indices[edge], c]
                    up = 1.0 / (1.0 + np.exp(minus_two_beta * (field + h[site])))
                    spin = 1 if to_uniform(words[lane]) < up else -1
                    if spins[site, c] != spin:
                        spins[site, c] = spin
                        toggles += 1
    return toggles
