"""What is to be seen of 512 chains whose spins are bits: states, energies, sums.

Words are (n + 2, 8) uint64: bit c % 64 of word c // 64 of row i is set where spin i of chain c is +1. Row n is all
ones, so that a field is a coupling to a site that is always +1; row n + 1 is all zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbits.kernels.jit import inlined, kernel, part
from pbits.kernels.simd import (
    choose,
    load_row,
    load_u64,
    majority,
    mask_of,
    popcount,
    select,
    shl,
    shr,
    splat_i32,
    splat_u64,
    store_i32,
    store_row,
    store_signs,
    total,
)

_1 = np.uint64(1)
# Where a 64 × 64 square of bits is cut: halves, quarters, …; each mask names the lower half of a cut.
_CUTS = (32, 16, 8, 4, 2, 1)
_LOWER = np.array([sum(1 << bit for bit in range(64) if not bit & cut) for cut in _CUTS], dtype=np.uint64)


class Terms(NamedTuple):
    """E = base + Σ_g values[g]·(number of pairs ends[g] … ends[g + 1] − 1 whose spins differ).

    Pairs are (m, 2) uint32 rows of words; each group is filled up to eights with pairs of one and the same row.
    """

    base: float
    values: NDArray[np.float64]
    ends: NDArray[np.int64]
    pairs: NDArray[np.uint32]


class Notes(NamedTuple):
    """What to note of the states.

    Attributes
    ----------
    terms : the energies of the model as posed
    energies : (chains, looks), filled in
    draws : (chains, looks, n), filled in; or no looks
    best_energy : (1,), lowered to the lowest energy
    best_state : (n,), the state that had it
    site_sums : (n,), raised by Σ s_i; or empty
    edges : (m, 2) pairs of sites; or empty
    edge_sums : (m,), raised by Σ s_i s_j; or empty
    recent : (8, 512) float64
        Room for the energies of the last looks: energies of one chain lie far apart, and are written by eights.
    counts, sums, waiting : (512,) int32, (40, 8) and (40, 8) uint64
        Room for what `_count_differing` counts.
    """

    terms: Terms
    energies: NDArray[np.float64]
    draws: NDArray[np.int8]
    best_energy: NDArray[np.float64]
    best_state: NDArray[np.int8]
    site_sums: NDArray[np.int64]
    edges: NDArray[np.uint32]
    edge_sums: NDArray[np.int64]
    recent: NDArray[np.float64]
    counts: NDArray[np.int32]
    sums: NDArray[np.uint64]
    waiting: NDArray[np.uint64]


def pack(spins):
    """Words of spins (n, chains) int8, at most 512 chains; the others are −1."""
    n, chains = spins.shape
    bits = np.zeros((n + 2, 64), dtype=np.uint8)
    bits[:n, : -(-chains // 8)] = np.packbits(spins > 0, axis=1, bitorder="little")
    bits[n] = 255
    return bits.view(np.uint64)


@inlined
def _turn(square):
    """Transpose 64 × 64 bits in each of the eight columns of `square`, (64, 8)."""
    for cut in range(6):
        width = 32 >> cut
        lower = splat_u64(_LOWER[cut])
        for first in range(0, 64, 2 * width):
            for row in range(first, first + width):
                a = load_row(square, row)
                b = load_row(square, row + width)
                store_row(square, row, choose(lower, a, shl(b, width)))
                store_row(square, row + width, choose(lower, shr(a, width), b))


@kernel
def unpack(draws, look, words):
    """`_unpack` for callers from outside."""
    _unpack(draws, look, words)


@inlined
def _unpack(draws, look, words):
    """Write the states to ``draws[:, look]``; `draws` is (chains, looks, n) int8, as many chains as are wanted."""
    chains, _, n = draws.shape
    square = np.zeros((64, 8), dtype=np.uint64)
    for first in range(0, n, 64):
        count = min(64, n - first)
        for row in range(count):
            store_row(square, row, load_row(words, first + row))
        _turn(square)
        for chain in range(chains):
            store_signs(draws, (chain, look, first), square[chain % 64, chain // 64], count)


@inlined
def _carry(sums, waiting, blocks, place, carry):
    """Add vectors of weight 2^place to a number in bit planes; those of equal weight wait for each other."""
    while blocks & 1:
        kept = load_row(sums, place)
        other = load_row(waiting, place)
        store_row(sums, place, kept ^ other ^ carry)
        carry = majority(kept, other, carry)
        blocks >>= 1
        place += 1
    store_row(waiting, place, carry)


@inlined
def _count_differing(counts, words, terms, group, sums, waiting):
    """Number of pairs of a group whose spins differ, of every chain, in `counts`."""
    pairs = terms.pairs
    start, stop = terms.ends[group], terms.ends[group + 1]
    ones = splat_u64(0)
    twos = ones
    fours = ones
    places = 3
    while (stop - start) >> places:
        store_row(sums, places, ones)
        places += 1
    blocks = 0
    for first in range(start, stop, 8):
        a = load_row(words, pairs[first, 0]) ^ load_row(words, pairs[first, 1])
        b = load_row(words, pairs[first + 1, 0]) ^ load_row(words, pairs[first + 1, 1])
        c = load_row(words, pairs[first + 2, 0]) ^ load_row(words, pairs[first + 2, 1])
        d = load_row(words, pairs[first + 3, 0]) ^ load_row(words, pairs[first + 3, 1])
        e = load_row(words, pairs[first + 4, 0]) ^ load_row(words, pairs[first + 4, 1])
        f = load_row(words, pairs[first + 5, 0]) ^ load_row(words, pairs[first + 5, 1])
        g = load_row(words, pairs[first + 6, 0]) ^ load_row(words, pairs[first + 6, 1])
        h = load_row(words, pairs[first + 7, 0]) ^ load_row(words, pairs[first + 7, 1])
        two_a = majority(ones, a, b)
        ones = ones ^ a ^ b
        two_b = majority(ones, c, d)
        ones = ones ^ c ^ d
        two_c = majority(ones, e, f)
        ones = ones ^ e ^ f
        two_d = majority(ones, g, h)
        ones = ones ^ g ^ h
        four_a = majority(twos, two_a, two_b)
        twos = twos ^ two_a ^ two_b
        four_b = majority(twos, two_c, two_d)
        twos = twos ^ two_c ^ two_d
        eight = majority(fours, four_a, four_b)
        fours = fours ^ four_a ^ four_b
        _carry(sums, waiting, blocks, 3, eight)
        blocks += 1
    store_row(sums, 0, ones)
    store_row(sums, 1, twos)
    store_row(sums, 2, fours)
    for first in range(0, 512, 16):
        word, shift = first // 64, np.uint64(first % 64)
        count = splat_i32(0)
        for place in range(places):
            one = splat_i32(1 << place)
            count = count + select(mask_of(sums[place, word] >> shift), one, splat_i32(0))
            if place >= 3 and blocks >> (place - 3) & 1:
                count = count + select(mask_of(waiting[place, word] >> shift), one, splat_i32(0))
        store_i32(counts, first, count)


@part
def look(words, valid, index, notes):
    """Note what is wanted of the states, as look number `index`; chains whose bit is set in `valid` count."""
    chains, looks = notes.energies.shape
    terms, counts, latest = notes.terms, notes.counts, index % 8
    now = notes.recent[latest]
    for chain in range(512):
        now[chain] = terms.base
    for group in range(len(terms.values)):
        _count_differing(counts, words, terms, group, notes.sums, notes.waiting)
        value = terms.values[group]
        for chain in range(512):
            now[chain] += value * counts[chain]
    if latest == 7 or index == looks - 1:
        for chain in range(chains):
            for back in range(latest + 1):
                notes.energies[chain, index - back] = notes.recent[latest - back, chain]
    lowest = notes.best_energy[0]
    lower = 0
    for chain in range(chains):
        lower += now[chain] < lowest
    if lower:
        best = now[:chains].argmin()
        notes.best_energy[0] = now[best]
        for site in range(len(notes.best_state)):
            notes.best_state[site] = 1 if words[site, best // 64] >> np.uint64(best % 64) & _1 else -1
    if notes.draws.shape[1] > 0:
        _unpack(notes.draws, index, words)
    counted = load_u64(valid, 0)
    for site in range(len(notes.site_sums)):
        notes.site_sums[site] += 2 * np.int64(total(popcount(load_row(words, site) & counted))) - chains
    for edge in range(len(notes.edge_sums)):
        differing = load_row(words, notes.edges[edge, 0]) ^ load_row(words, notes.edges[edge, 1])
        notes.edge_sums[edge] += chains - 2 * np.int64(total(popcount(differing & counted)))
