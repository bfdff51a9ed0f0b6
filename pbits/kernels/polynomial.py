"""Sweeps of polynomial models (many-body p-bits), many chains side by side.

States are laid out (site, column), one chain a column, the columns contiguous; their number is a multiple of 4 and at
most 128. The sign of a product of spins is the sign bit of their exclusive or. Inputs I are summed over the terms of a
site in float64, in the model's order. A decision takes one 32-bit word u: up where u (1 + 2^x) < 1, x = −2β log₂e I, so
P(up) = σ(2βI) is off by less than 4e-10.

Site i is in the terms e = starts[i] … starts[i + 1] − 1, of weights[e], with the sites
``others[firsts[e]:firsts[e + 1]]`` beside itself. Counters are those of the Ising kernels: word chain % 4 of
(chain // 4, site, step, 0) makes a decision.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.exponential import LOG2_E, exp2
from pbits.kernels.jit import kernel
from pbits.kernels.philox import philox4x32, to_uniform


@kernel
def sweeps(spins, n_chains, sites, starts, weights, firsts, others, betas, metropolis, key0, key1, chain0, step0):
    """Sweep every chain once per β.

    Parameters
    ----------
    spins : (n, columns) int8, changed in place
    n_chains : int
        Columns whose changes are counted.
    sites : (m,) int64
        One after another.
    starts, weights, firsts, others : int64, float64, int64, int32
    betas : (steps, 1) or (steps, columns) float64
    metropolis : bool
        Flip with probability min(1, e^(−βΔE)) in place of the heat bath.
    key0, key1 : uint32
    chain0, step0 : int
        Absolute number of the first chain (a multiple of 4) and of the first step.

    Returns
    -------
    int
        Number of spins that changed, over the first `n_chains` columns.
    """
    columns = spins.shape[1]
    empty = np.zeros(columns, dtype=np.int8)  # the product of no spins: its sign bit is clear
    product = np.empty(columns, dtype=np.int8)
    inputs, scales, uniform = np.empty(columns), np.empty(columns), np.empty(columns)
    k0, k1 = np.uint64(key0), np.uint64(key1)
    toggles = 0
    for t in range(len(betas)):
        for c in range(columns):
            scales[c] = -2.0 * LOG2_E * betas[t, c if betas.shape[1] > 1 else 0]
        for site in sites:
            inputs[:] = 0.0
            for entry in range(starts[site], starts[site + 1]):
                begin, end = firsts[entry], firsts[entry + 1]
                one = spins[others[begin]] if end - begin > 0 else empty
                other = spins[others[begin + 1]] if end - begin > 1 else empty
                for place in range(begin + 2, end):
                    for c in range(columns):
                        product[c] = one[c] ^ other[c]
                    one, other = product, spins[others[place]]
                weight = weights[entry]
                for c in range(columns):
                    inputs[c] += weight if (one[c] ^ other[c]) >= 0 else -weight
            for group in range(columns // 4):
                words = philox4x32(
                    np.uint64(chain0 // 4 + group), np.uint64(site), np.uint64(step0 + t), np.uint64(0), k0, k1
                )
                for lane in range(4):
                    uniform[4 * group + lane] = to_uniform(words[lane])
            mine, fresh = spins[site], product
            if metropolis:
                for c in range(columns):
                    stays = uniform[c] >= exp2(scales[c] * inputs[c] * mine[c])
                    fresh[c] = mine[c] if stays else -mine[c]
            else:
                for c in range(columns):
                    fresh[c] = 1 if uniform[c] * (1.0 + exp2(scales[c] * inputs[c])) < 1.0 else -1
            moved = np.uint8(0)  # a narrow count vectorises best
            for c in range(n_chains):
                moved = np.uint8(moved + np.uint8(fresh[c] != mine[c]))
            toggles += np.int64(moved)
            mine[:] = fresh
    return toggles


@kernel
def random_sweeps(
    spins, n_chains, sites, starts, weights, firsts, others, betas, metropolis, key0, key1, site_key0, site_key1,
    chain0, step0,
):  # fmt: skip
    """Random scan: len(sites) updates a step and chain, each at a site drawn uniformly.

    Update u of a step uses counter (chain // 4, u, step, 0) twice: once with the site key for which site, once with
    the thermal key for the decision. Other parameters as in `sweeps`. Returns the number of spins that changed.
    """
    k0, k1 = np.uint64(key0), np.uint64(key1)
    s0, s1 = np.uint64(site_key0), np.uint64(site_key1)
    toggles = 0
    for t in range(len(betas)):
        step = np.uint64(step0 + t)
        for update in range(len(sites)):
            for first in range(0, n_chains, 4):
                block = np.uint64((chain0 + first) // 4)
                which = philox4x32(block, np.uint64(update), step, np.uint64(0), s0, s1)
                words = philox4x32(block, np.uint64(update), step, np.uint64(0), k0, k1)
                for lane in range(min(4, n_chains - first)):
                    c = first + lane
                    site = sites[int((which[lane] * np.uint64(len(sites))) >> np.uint64(32))]
                    spin = spins[site, c]
                    field = 0.0
                    for entry in range(starts[site], starts[site + 1]):
                        product = np.int8(0)
                        for place in range(firsts[entry], firsts[entry + 1]):
                            product ^= spins[others[place], c]
                        field += weights[entry] if product >= 0 else -weights[entry]
                    x = -2.0 * LOG2_E * betas[t, c if betas.shape[1] > 1 else 0] * field
                    u = to_uniform(words[lane])
                    if metropolis:
                        fresh = -spin if u < exp2(x * spin) else spin
                    else:
                        fresh = 1 if u * (1.0 + exp2(x)) < 1.0 else -1
                    toggles += fresh != spin
                    spins[site, c] = fresh
    return toggles


@kernel
def add_terms(energies, spins, members, ends, weights):
    """Subtract Σ_t w_t Π_{i∈t} s_i from the energies (columns,); term t holds ``members[ends[t]:ends[t + 1]]``."""
    product = np.empty(len(energies), dtype=np.int8)
    for term in range(len(weights)):
        product[:] = 0
        for place in range(ends[term], ends[term + 1]):
            row = spins[members[place]]
            for c in range(len(energies)):
                product[c] ^= row[c]
        weight = weights[term]
        for c in range(len(energies)):
            energies[c] -= weight if product[c] >= 0 else -weight
