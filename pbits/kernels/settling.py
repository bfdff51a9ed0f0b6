"""Heat-bath sweeps of cells whose inputs settle and whose persistence is their own, many chains side by side.

A cell draws by its bias voltage, and that is charged through resistors: in every phase all voltages go towards what the
states ask for, whether their cells move in it or not. States and voltages are laid out (site, chain).
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel
from pbits.kernels.philox import philox4x32, to_uniform


@kernel
def sweep_cells(
    spins, voltages, indptr, indices, weights, h, phase_ptr, phase_sites, betas, memory, persistence, key0, key1,
    chain0, step0,
):  # fmt: skip
    """Sweep every chain once per row of β, phase by phase; inside a phase all sites see the state before it.

    Parameters
    ----------
    spins : (n, chains) int8, changed in place
    voltages : (n, chains) float64, changed in place
        V_i in units of βI: in each phase V_i = βI_i + (V_i − βI_i)m, of all sites that ever move. With m = 0 those
        that do not move in a phase are left out, since nothing of theirs would be remembered.
    indptr, indices, weights : CSR couplings J
    h : (n,) float64
    phase_ptr, phase_sites : int64
        Phase p updates sites phase_sites[phase_ptr[p]:phase_ptr[p + 1]]; it may be empty.
    betas : (steps, chains) float64
    memory : float
        m.
    persistence : (n,) float64
        P(s'_i = +1 | s) = (1 − ρ_i) σ(2V_i) + ρ_i [s_i = +1].
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
    field = np.empty(n_chains, dtype=np.float64)
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    toggles = 0
    for t in range(len(betas)):
        step = np.uint64(step0 + t)
        for p in range(len(phase_ptr) - 1):
            first, last = phase_ptr[p], phase_ptr[p + 1]
            settle_first, settle_last = (0, len(phase_sites)) if memory > 0.0 else (first, last)
            for place in range(settle_first, settle_last):
                site = phase_sites[place]
                for c in range(n_chains):
                    field[c] = 0.0
                for edge in range(indptr[site], indptr[site + 1]):
                    other = indices[edge]
                    weight = weights[edge]
                    for c in range(n_chains):
                        field[c] += weight * spins[other, c]
                for c in range(n_chains):
                    asked = betas[t, c] * (field[c] + h[site])
                    voltages[site, c] = asked + (voltages[site, c] - asked) * memory
            for place in range(first, last):
                site = phase_sites[place]
                stays = persistence[site]
                for four in range(0, n_chains, 4):
                    words = philox4x32(np.uint64((chain0 + four) // 4), np.uint64(site), step, np.uint64(0), k0, k1)
                    for lane in range(min(4, n_chains - four)):
                        c = four + lane
                        up = 1.0 / (1.0 + np.exp(-2.0 * voltages[site, c]))
                        up *= 1.0 - stays
                        if spins[site, c] > 0:
                            up += stays
                        spin = 1 if to_uniform(words[lane]) < up else -1
                        if spins[site, c] != spin:
                            spins[site, c] = spin
                            toggles += 1
    return toggles
