"""Heat-bath sweeps of categorical models (p-dits), many chains side by side.

States are laid out (site, column), one chain a column, the columns contiguous; their number is a multiple of 4 and at
most 128. An update computes the energies x_a of all categories in float64, the weights 2^(−β log₂e (x_a − min x)) with
a relative error below 1e-10, and draws from their running sums with one 32-bit word: each probability is off by less
than 4e-10. The least energy has weight 1, so nothing overflows.

Site i looks at the sites ``others[starts[i]:starts[i + 1]]``. Counters are those of the Ising kernels: word chain % 4
of (chain // 4, site, step, 0) makes a decision.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.exponential import LOG2_E, exp2
from pbits.kernels.jit import inlined, kernel
from pbits.kernels.philox import philox4x32, to_uniform

_NONE = np.int16(0)
_LOW = np.uint64(0xFFFFFFFF)


@inlined
def set_scales(scales, betas):
    """β log₂e of each chain, from one β for all or one for each."""
    for c in range(len(scales)):
        scales[c] = LOG2_E * betas[c if len(betas) > 1 else 0]


@kernel
def draw_row(mine, n_chains, energies, q, scales, least, drawn, fresh, site, block, step, k0, k1):
    """Draw a category for every column of one site, from its energies (category, column).

    `mine` is the row of states and takes the draw; `energies`, `least`, `drawn` and `fresh` are overwritten. Returns
    how many of the first `n_chains` changed.
    """
    columns = len(mine)
    for c in range(columns):
        least[c] = energies[0, c]
        drawn[c] = 0.0
    for a in range(1, q):
        row = energies[a]
        for c in range(columns):
            least[c] = min(least[c], row[c])
    for a in range(q):
        row = energies[a]
        for c in range(columns):
            drawn[c] += exp2(scales[c] * (least[c] - row[c]))
            row[c] = drawn[c]
    for group in range(columns // 4):
        words = philox4x32(np.uint64(block + group), np.uint64(site), np.uint64(step), np.uint64(0), k0, k1)
        for lane in range(4):
            drawn[4 * group + lane] *= to_uniform(words[lane])
    for c in range(columns):
        fresh[c] = 0
    for a in range(q - 1):
        row = energies[a]
        for c in range(columns):
            fresh[c] += row[c] <= drawn[c]
    changed = np.uint8(0)  # a narrow count vectorises best
    for c in range(n_chains):
        changed = np.uint8(changed + np.uint8(fresh[c] != mine[c]))
    mine[:] = fresh
    return np.int64(changed)


@kernel
def relax_row(mine, n_chains, energies, q, draws, scales, block, site, step, k0, k1):
    """Relax every column of one site over some draws of a p-cell, from its energies (category, column).

    Draw k uses word chain % 4 of (chain // 4, site, step, k). Times q − 1, its upper half picks one of the categories
    other than the present one, and its lower half decides between the two, P(move) = σ(−β(x_b − x_a)); each
    probability is off by less than (q − 1)/2³². Returns how many of the first `n_chains` ended elsewhere.
    """
    others = np.uint64(q - 1)
    half = np.uint64(32)
    changed = 0
    for first in range(0, len(mine), 4):
        at = (mine[first], mine[first + 1], mine[first + 2], mine[first + 3])
        for k in range(draws):
            words = philox4x32(np.uint64(block + first // 4), np.uint64(site), np.uint64(step), np.uint64(k), k0, k1)
            for lane in range(4):
                c = first + lane
                product = words[lane] * others
                other = np.int64(product >> half)
                other += other >= mine[c]
                odds = exp2(scales[c] * (energies[other, c] - energies[mine[c], c]))
                if to_uniform(product & _LOW) * (1.0 + odds) < 1.0:
                    mine[c] = other
        for lane in range(min(4, n_chains - first)):
            changed += mine[first + lane] != at[lane]
    return changed


@kernel
def potts_sweeps(
    states, n_chains, sites, n_states, starts, others, multiples, unit, unary, unary_starts, betas, key0, key1,
    chain0, step0,
):  # fmt: skip
    """Sweep every chain once per β where all tables are T_ij = unit · k_ij [s_i = s_j] with whole k_ij.

    Parameters
    ----------
    states : (n, columns) int16, changed in place
    n_chains : int
        Columns whose changes are counted.
    sites : (m,) int64
        One after another.
    n_states : (n,) int64
    starts, others, multiples : int64, int64, int16
        k_ij beside each neighbour; neighbours are filled up to a multiple of 4 by any site with k = 0.
        Σ_j |k_ij| is at most 2¹⁵ − 1.
    unit : float
    unary, unary_starts : float64, int64
        u_i begins at ``unary[unary_starts[i]]``.
    betas : (steps, 1) or (steps, columns) float64
    key0, key1 : uint32
    chain0, step0 : int
        Absolute number of the first chain (a multiple of 4) and of the first step.

    Returns
    -------
    int
        Number of sites that changed, over the first `n_chains` columns.
    """
    columns = states.shape[1]
    counts = np.empty((n_states.max(), columns), dtype=np.int16)
    energies = np.empty((n_states.max(), columns))
    scales, least, drawn = np.empty(columns), np.empty(columns), np.empty(columns)
    fresh = np.empty(columns, dtype=np.int16)
    k0, k1 = np.uint64(key0), np.uint64(key1)
    toggles = 0
    for t in range(len(betas)):
        set_scales(scales, betas[t])
        for site in sites:
            q = n_states[site]
            counts[:q] = 0
            for edge in range(starts[site], starts[site + 1], 4):
                # Four neighbours at once, so that a row of counts is stored once for all of them.
                s0, s1 = states[others[edge]], states[others[edge + 1]]
                s2, s3 = states[others[edge + 2]], states[others[edge + 3]]
                m0, m1, m2, m3 = multiples[edge], multiples[edge + 1], multiples[edge + 2], multiples[edge + 3]
                for a in range(q):
                    row = counts[a]
                    category = np.int16(a)
                    for c in range(columns):
                        row[c] += (
                            (m0 if s0[c] == category else _NONE)
                            + (m1 if s1[c] == category else _NONE)
                            + (m2 if s2[c] == category else _NONE)
                            + (m3 if s3[c] == category else _NONE)
                        )
            for a in range(q):
                own = unary[unary_starts[site] + a]
                row, count = energies[a], counts[a]
                for c in range(columns):
                    row[c] = own + unit * count[c]
            toggles += draw_row(
                states[site], n_chains, energies, q, scales, least, drawn, fresh, site, chain0 // 4, step0 + t, k0, k1
            )
    return toggles


@kernel
def gather(gathered, states, width, first, last, others, blocks, rows):
    """Add the tables of a site up: Σ_j T_ij[a, s_j] of column c to ``gathered[width * c + a]``.

    Its neighbours are the edges `first` to `last`; `width` is its number of categories, filled up to a multiple of 8.
    """
    columns = states.shape[1]
    gathered[: columns * width] = 0.0
    for edge in range(first, last):
        seen, block = states[others[edge]], np.uint64(blocks[edge])
        for c in range(columns):
            row, into = block + width * np.uint64(seen[c]), width * np.uint64(c)
            for a in range(width):
                gathered[into + a] += rows[row + a]


@kernel
def table_sweeps(
    states, n_chains, sites, n_states, starts, others, blocks, rows, unary, unary_starts, betas, key0, key1,
    chain0, step0,
):  # fmt: skip
    """Sweep every chain once per β with any tables.

    Parameters are those of `potts_sweeps`, but for:

    blocks : int64
        Where the table of each neighbour begins in `rows`.
    rows : float64
        Tables: one row for each category of the neighbour, with the energies of the site's own categories,
        filled up to a multiple of 8.
    """
    columns = states.shape[1]
    widest = (n_states.max() + 7) // 8 * 8
    gathered = np.empty(columns * widest)
    energies = np.empty((widest, columns))
    scales, least, drawn = np.empty(columns), np.empty(columns), np.empty(columns)
    fresh = np.empty(columns, dtype=np.int16)
    k0, k1 = np.uint64(key0), np.uint64(key1)
    toggles = 0
    for t in range(len(betas)):
        set_scales(scales, betas[t])
        for site in sites:
            q = n_states[site]
            # Unsigned, so that no index could count from the end, which would keep the loop from vectorising.
            width = np.uint64((q + 7) // 8 * 8)
            gather(gathered, states, width, starts[site], starts[site + 1], others, blocks, rows)
            for a in range(q):
                own = unary[unary_starts[site] + a]
                row = energies[a]
                for c in range(columns):
                    row[c] = own + gathered[width * np.uint64(c) + np.uint64(a)]
            toggles += draw_row(
                states[site], n_chains, energies, q, scales, least, drawn, fresh, site, chain0 // 4, step0 + t, k0, k1
            )
    return toggles


@kernel
def random_sweeps(
    states, n_chains, sites, n_states, starts, others, blocks, rows, unary, unary_starts, betas, key0, key1,
    site_key0, site_key1, chain0, step0,
):  # fmt: skip
    """Random scan with any tables: len(sites) updates a step and chain, each at a site drawn uniformly.

    Update u of a step uses counter (chain // 4, u, step, 0) twice: once with the site key for which site, once with
    the thermal key for the decision. Other parameters as in `table_sweeps`. Returns the number of sites that changed.
    """
    sums = np.empty(n_states.max())
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
                    q = n_states[site]
                    width = (q + 7) // 8 * 8
                    sums[:q] = unary[unary_starts[site] : unary_starts[site] + q]
                    for edge in range(starts[site], starts[site + 1]):
                        begin = blocks[edge] + width * states[others[edge], c]
                        for a in range(q):
                            sums[a] += rows[begin + a]
                    scale = LOG2_E * betas[t, c if betas.shape[1] > 1 else 0]
                    least = sums[:q].min()
                    total = 0.0
                    for a in range(q):
                        total += exp2(scale * (least - sums[a]))
                        sums[a] = total
                    drawn = to_uniform(words[lane]) * total
                    category = 0
                    while sums[category] <= drawn:
                        category += 1
                    toggles += category != states[site, c]
                    states[site, c] = category
    return toggles


@kernel
def add_unary(energies, states, unary, unary_starts):
    """Add Σ_i u_i[s_i] to the energies (columns,) of states (n or more, columns)."""
    for site in range(len(unary_starts) - 1):
        row = states[site]
        for c in range(len(energies)):
            energies[c] += unary[unary_starts[site] + row[c]]


@kernel
def add_potts(energies, states, pairs, weights):
    """Add Σ_(i,j) w_ij [s_i = s_j]; pairs (m, 2), weights (m,)."""
    for pair in range(len(weights)):
        one, other = states[pairs[pair, 0]], states[pairs[pair, 1]]
        weight = weights[pair]
        for c in range(len(energies)):
            energies[c] += weight if one[c] == other[c] else 0.0


@kernel
def add_tables(energies, states, pairs, n_states, tables, table_starts):
    """Add Σ_(i,j) T_ij[s_i, s_j]; T_ij begins at ``tables[table_starts[pair]]``, row by row."""
    for pair in range(len(pairs)):
        one, other = states[pairs[pair, 0]], states[pairs[pair, 1]]
        q = n_states[pairs[pair, 1]]
        for c in range(len(energies)):
            energies[c] += tables[table_starts[pair] + q * one[c] + other[c]]
