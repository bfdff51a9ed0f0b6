"""Sweeps of sites that hold categories and of real modes that they drive, many chains side by side.

Categories are laid out (site, column) as for `pbits.kernels.categorical`, modes (mode, column). All sums run in one
order, column by column, so that a category never hangs on how a library adds up.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.categorical import draw_row, gather, relax_row, set_scales
from pbits.kernels.jit import kernel
from pbits.kernels.philox import normals

# Draws of p-cells are numbered from 0, those of modes by the last number a counter knows.
MODE_DRAW = 2**32 - 1


@kernel
def _add_products(out, matrix, columns):
    """out += matrix @ columns, of shapes (rows, c), (rows, k) and (k, c)."""
    for i in range(matrix.shape[0]):
        row = out[i]
        for k in range(matrix.shape[1]):
            weight, column = matrix[i, k], columns[k]
            if weight != 0.0:
                for c in range(len(row)):
                    row[c] += weight * column[c]


@kernel
def hybrid_sweeps(
    states, modes, n_chains, sites, n_states, widest, starts, others, blocks, rows, unary, unary_starts, pulls, drives,
    driving, bias, draws, transfer, response, spread, betas, key0, key1, chain0, step0,
):  # fmt: skip
    """Move every chain once per β: first the categories, site by site, given the modes; then all modes at once.

    Parameters are those of `categorical.table_sweeps`, but for:

    modes : (m, columns) float64, changed in place
    widest : int
        The largest number of categories; 1 where no site holds any.
    pulls : (Σ q_i, m) float64
        −B_i[a], by which modes raise the energy of category a of site i: row ``unary_starts[i] + a``.
    drives : (m, Σ q_i) float64
        B_i[a], in the column of the same number.
    driving : (k,) int64
        Sites that drive any mode.
    bias : (m,) float64
        b.
    draws : (n,) int64
        Draws of p-cells that make an update of each site; empty for one draw from all categories.
    transfer, response, spread : (m, m) float64
        Modes move to transfer @ x + response @ (b + Σ_i B_i[c_i]) + spread @ ξ/√β, with ξ the normals of (chain // 2,
        mode, step, MODE_DRAW).

    Returns
    -------
    int
        Number of sites whose category changed, over the first `n_chains` columns.
    """
    columns = modes.shape[1]
    width_of = (widest + 7) // 8 * 8
    gathered = np.empty(columns * width_of)
    energies = np.empty((width_of, columns))
    scales, least, drawn = np.empty(columns), np.empty(columns), np.empty(columns)
    fresh = np.empty(columns, dtype=np.int16)
    own = np.empty((len(unary), columns))
    force, noise, moved = np.empty_like(modes), np.empty_like(modes), np.empty_like(modes)
    k0, k1 = np.uint64(key0), np.uint64(key1)
    toggles = 0
    for t in range(len(betas)):
        set_scales(scales, betas[t])
        for row in range(len(unary)):
            own[row] = unary[row]
        _add_products(own, pulls, modes)
        for site in sites:
            q, first = n_states[site], unary_starts[site]
            width = np.uint64((q + 7) // 8 * 8)
            gather(gathered, states, width, starts[site], starts[site + 1], others, blocks, rows)
            for a in range(q):
                into, mine = energies[a], own[first + a]
                for c in range(columns):
                    into[c] = mine[c] + gathered[width * np.uint64(c) + np.uint64(a)]
            if len(draws):
                toggles += relax_row(
                    states[site], n_chains, energies, q, draws[site], scales, chain0 // 4, site, step0 + t, k0, k1
                )
            else:
                toggles += draw_row(
                    states[site], n_chains, energies, q, scales, least, drawn, fresh, site, chain0 // 4, step0 + t, k0,
                    k1,
                )  # fmt: skip
        for k in range(len(modes)):
            into = force[k]
            into[:] = bias[k]
            for site in driving:
                first, seen = unary_starts[site], states[site]
                for c in range(columns):
                    into[c] += drives[k, first + seen[c]]
        normals(noise, key0, key1, chain0, step0 + t, MODE_DRAW)
        for c in range(columns):
            scales[c] = 1.0 / np.sqrt(betas[t, c if betas.shape[1] > 1 else 0])
        for k in range(len(modes)):
            for c in range(columns):
                noise[k, c] *= scales[c]
        moved[:] = 0.0
        _add_products(moved, transfer, modes)
        _add_products(moved, response, force)
        _add_products(moved, spread, noise)
        modes[:] = moved
    return toggles
