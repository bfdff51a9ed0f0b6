"""Digital p-bits clock by clock: whole-number inputs, a table of the tanh, and a small generator for each p-bit.

States are laid out (site, chain) and generators (site, word, chain): a chain is a copy of the array with other seeds.
A generator of one word is a 32-bit shift register with XNOR feedback of bits 32, 22, 2 and 1; one of four words is
xoshiro128++ (D. Blackman, S. Vigna, ACM Trans. Math. Softw. 47, 2021).
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import inlined, kernel
from pbits.kernels.philox import philox4x32


@kernel
def seed_words(words, key0, key1, chain0):
    """Fill `words` (sites, words, chains) uint32 by the first words of counter (chain0 + chain, site, 0, 1).

    The states that a generator never leaves are avoided: a register of ones alone loses its last, and four zeros
    get a one.
    """
    n_sites, width, n_chains = words.shape
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    for site in range(n_sites):
        for c in range(n_chains):
            drawn = philox4x32(np.uint64(chain0 + c), np.uint64(site), np.uint64(0), np.uint64(1), k0, k1)
            for w in range(width):
                words[site, w, c] = drawn[w]
            if width == 1 and words[site, 0, c] == 0xFFFFFFFF:
                words[site, 0, c] = 0xFFFFFFFE
            elif width == 4 and drawn[0] | drawn[1] | drawn[2] | drawn[3] == 0:
                words[site, 0, c] = 1


@inlined
def _lfsr(word):
    """A register after one shift: towards the high end, the feedback comes in at the low one."""
    feedback = ~((word >> 31) ^ (word >> 21) ^ (word >> 1) ^ word) & 1
    return np.uint32((word << 1) | feedback)


@inlined
def _rotl(word, by):
    return np.uint32((word << by) | (word >> (32 - by)))


@kernel
def advance(
    spins, words, indptr, indices, weights, fields, table, ends, sites, shifts, free_running, clock0, clocks
):  # fmt: skip
    """Clock every chain; at clock t the p-bits of phase t mod phases move, seeing the state before it.

    Parameters
    ----------
    spins : (n, chains) int8, changed in place
    words : (n, 1 or 4, chains) uint32, changed in place
    indptr, indices, weights : CSR couplings, whole numbers (int32)
    fields : (n,) int32
    table : (2^m,) uint32
        P(s = +1) in units of 2^−32, by input; its last entry is that of all larger inputs. For a negative input the
        entry of its magnitude is P(s = −1).
    ends, sites : int64
        Phase p moves sites[ends[p]:ends[p + 1]], no two of which are coupled.
    shifts : int
        Shifts of a register a clock; xoshiro takes one step a clock.
    free_running : bool
        Whether every generator moves at every clock, or only those of the p-bits that do.
    clock0, clocks : int
        Absolute number of the first clock, and how many.

    Returns
    -------
    int
        Number of spins that changed (toggles).
    """
    n_chains = spins.shape[1]
    width = words.shape[1]
    last = len(table) - 1
    total = np.empty(n_chains, dtype=np.int32)
    drawn = np.empty(n_chains, dtype=np.uint32)
    toggles = 0
    for clock in range(clock0, clock0 + clocks):
        phase = clock % (len(ends) - 1)
        begin = ends[phase]
        end = ends[phase + 1]
        for k in range(begin, end):
            site = sites[k]
            total[:] = fields[site]
            for edge in range(indptr[site], indptr[site + 1]):
                other = indices[edge]
                weight = weights[edge]
                for c in range(n_chains):
                    total[c] += weight * spins[other, c]
            for c in range(n_chains):
                drawn[c] = words[site, 0, c]
            if width == 4:
                for c in range(n_chains):
                    drawn[c] = _rotl(np.uint32(drawn[c] + words[site, 3, c]), 7) + drawn[c]
            for c in range(n_chains):
                level = table[min(abs(total[c]), last)]
                up = drawn[c] > level if total[c] < 0 else level > drawn[c]
                spin = 2 * np.int8(up) - 1
                toggles += spin != spins[site, c]
                spins[site, c] = spin
        if free_running:
            begin = 0
            end = len(sites)
        for k in range(begin, end):
            site = sites[k]
            if width == 1:
                for _ in range(shifts):
                    for c in range(n_chains):
                        words[site, 0, c] = _lfsr(words[site, 0, c])
            else:
                for c in range(n_chains):
                    moved = words[site, 1, c] << 9
                    words[site, 2, c] ^= words[site, 0, c]
                    words[site, 3, c] ^= words[site, 1, c]
                    words[site, 1, c] ^= words[site, 2, c]
                    words[site, 0, c] ^= words[site, 3, c]
                    words[site, 2, c] ^= np.uint32(moved)
                    words[site, 3, c] = _rotl(words[site, 3, c], 11)
    return toggles
