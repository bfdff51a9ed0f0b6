"""Many chains of any Ising model side by side: chain = lane of a vector, one bit a spin.

Chains go 16 to a vector. Bit k of ``spins[v, i]`` is spin i of chain 16v + k, 1 for up, so that a sum over neighbours
adds 2J_ij under a mask, starting from h_i − Σ_j J_ij. Couplings are whole numbers of a unit, so all sums are exact, and
a flip of spin s in the field F raises the energy by exactly 2sF: energies are followed from flip to flip, at next to
no cost. What a unit leaves of a coupling is summed at looks alone, in a unit of its own.

A spin flips where u·(a + exp(x)) < b, with x = 2βg·s·I of its present value s and u uniform in (0, 1):

- heat bath: a = 1 and b = 1 − ρ, the probability (1 − ρ) σ(−x) of a cell of persistence ρ;
- Metropolis: a = 0 and b = 1, the probability min(1, exp(−x)).

u is (w + ½)/2³² of a 32-bit word w, in float32, so that it has 24 digits however small it is. The probability of a
flip, given the sum I, is wrong by less than 6e-6 of itself and by less than 2⁻³² altogether.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from pbits.kernels.jit import inlined, kernel, part
from pbits.kernels.simd import (
    add_wide,
    as_f32,
    as_i32,
    as_u32,
    bits_of,
    fma,
    i32x16,
    load_f32,
    load_i64,
    mask16,
    mask_of,
    select,
    shl,
    splat_f32,
    splat_i32,
    splat_i64,
    splatted,
    store_i64,
    to_f32,
)
from pbits.kernels.xoshiro import load_stream, next_words, store_stream

LANES = 16
LOG2_E = 1.4426950408889634

# Adding it leaves the nearest whole number in the low bits of a float32.
_ROUNDER = 1.5 * 2.0**23
_LIMIT = 125.0
# 2^r on |r| ≤ ½, to 7.5e-8 of itself (minimax, by Lawson's iteration).
_P0, _P1, _P2, _P3, _P4, _P5 = (
    1.0000000716546553,
    0.693146967063863,
    0.24022119723934124,
    0.05550713274962124,
    0.009675541330669382,
    0.0013276471519140568,
)
_0, _1, _2, _3, _4 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)


class Couplings(NamedTuple):
    """What chains are swept with: a row for each place of an order, so that memory is read from front to back.

    Attributes
    ----------
    starts, others : unsigned
        The site i that moves at place p sees the sites ``others[starts[p]:starts[p + 1]]``; unsigned, since they
        index nothing from behind.
    twice : int32
        2 g_i J_ij/unit, one for each of `others`.
    base : (m,) int32
        g_i (h_i − Σ_j J_ij)/unit.
    unit : float
        A power of two, in which twice every field is below 2³¹.
    """

    starts: np.ndarray
    others: np.ndarray
    twice: np.ndarray
    base: np.ndarray
    unit: float


class Posed(NamedTuple):
    """What energies are summed from: each number in one or two words, of a higher and a lower unit.

    Attributes
    ----------
    upper, indptr, indices : unsigned
        The columns above i of row i are ``indices[upper[i]:indptr[i + 1]]``.
    twice : (words, couplings) int32
        2J_ij.
    base : (words, n) int32
        h_i − Σ_{j > i} J_ij.
    units : (words,) float64
    offset : float
    """

    upper: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    twice: np.ndarray
    base: np.ndarray
    units: np.ndarray
    offset: float


class Chains(NamedTuple):
    """The state of a block of chains.

    Attributes
    ----------
    spins : (vectors, n) uint16
    streams : (vectors, 4, 8) uint64
        A generator each.
    energies : (2, lanes) int64
        E − offset in two words; the first is up to date wherever it is followed.
    active : (vectors,) uint64
        The lanes that are chains; those above are idle, and not counted.
    count : int
        How many chains.
    """

    spins: np.ndarray
    streams: np.ndarray
    energies: np.ndarray
    active: np.ndarray
    count: int


class Order(NamedTuple):
    """In which order sites move.

    Attributes
    ----------
    sites : (m,) uint64
    ends : (phases + 1,) uint64
        Phase p moves ``sites[ends[p]:ends[p + 1]]``.
    together : bool
        Whether the sites of a phase see the state before it, and not one another's flips.
    """

    sites: np.ndarray
    ends: np.ndarray
    together: bool


@intrinsic
def _add_where(typingctx, sums, bits, value):
    """The sums, with `value` added in the lanes that are set in 16 bits."""

    def codegen(context, builder, sig, args):
        lanes = builder.bitcast(args[1], mask16.llvm)
        return builder.select(lanes, builder.add(args[0], splatted(builder, args[2], i32x16.llvm)), args[0])

    return i32x16(i32x16, types.uint16, types.int32), codegen


@intrinsic
def _ones(typingctx, bits):
    """How many bits are set."""
    return types.uint64(types.uint64), lambda _, builder, __, args: builder.ctpop(args[0])


@inlined
def exp2(y):
    """2^y, to 3e-7 of itself; y beyond ±125 counts as that."""
    low, high = splat_f32(-_LIMIT), splat_f32(_LIMIT)
    y = select(y < low, low, y)
    y = select(y > high, high, y)
    shifted = y + splat_f32(_ROUNDER)
    r = y - (shifted - splat_f32(_ROUNDER))
    power = fma(r, splat_f32(_P5), splat_f32(_P4))
    power = fma(r, power, splat_f32(_P3))
    power = fma(r, power, splat_f32(_P2))
    power = fma(r, power, splat_f32(_P1))
    power = fma(r, power, splat_f32(_P0))
    # The exponent of 2^r, raised by the whole number.
    return as_f32(as_i32(power) + shl(as_i32(shifted), 23))


@inlined
def flips(words, y, a, b):
    """The decisions of 16 lanes; y = x·log₂e, and b comes times 2³²."""
    u = to_f32(as_u32(words)) + splat_f32(0.5)
    return u * (exp2(y) + a) < b


@inlined
def _sum_four(base, twice, indices, first, last, spins):
    """`base`, and what edges `first` … `last` − 1 add to it, of four vectors of chains."""
    # The additions of one vector wait for one another; those of four do not.
    f0 = f1 = f2 = f3 = splat_i32(base)
    for edge in range(first, last):
        other = indices[edge]
        f0 = _add_where(f0, spins[_0, other], twice[edge])
        f1 = _add_where(f1, spins[_1, other], twice[edge])
        f2 = _add_where(f2, spins[_2, other], twice[edge])
        f3 = _add_where(f3, spins[_3, other], twice[edge])
    return f0, f1, f2, f3


@inlined
def _sum_one(base, twice, indices, first, last, row):
    """The same of one vector, the spins of which are a row."""
    field = splat_i32(base)
    for edge in range(first, last):
        field = _add_where(field, row[indices[edge]], twice[edge])
    return field


@inlined
def _times_spin(field, own):
    return select(mask_of(own), field, splat_i32(0) - field)


@kernel
def sum_energies(out, word, posed, spins):
    """Fill `out` (lanes,) int64 with one word of −Σ_i s_i (h_i + Σ_{j > i} J_ij s_j)."""
    twice, base, indices = posed.twice[word], posed.base[word], posed.indices
    sites = np.uint64(len(base))
    if len(spins) == 4:
        e0 = e1 = e2 = e3 = splat_i64(0)
        for site in range(sites):
            first, last = posed.upper[site], posed.indptr[site + _1]
            f0, f1, f2, f3 = _sum_four(base[site], twice, indices, first, last, spins)
            e0 = add_wide(e0, _times_spin(f0, ~spins[_0, site]))
            e1 = add_wide(e1, _times_spin(f1, ~spins[_1, site]))
            e2 = add_wide(e2, _times_spin(f2, ~spins[_2, site]))
            e3 = add_wide(e3, _times_spin(f3, ~spins[_3, site]))
        store_i64(out, 0, e0)
        store_i64(out, 16, e1)
        store_i64(out, 32, e2)
        store_i64(out, 48, e3)
        return
    for v in range(np.uint64(len(spins))):
        energy = splat_i64(0)
        for site in range(sites):
            field = _sum_one(base[site], twice, indices, posed.upper[site], posed.indptr[site + _1], spins[v])
            energy = add_wide(energy, _times_spin(field, ~spins[v, site]))
        store_i64(out, v * np.uint64(LANES), energy)


@inlined
def _move(field, own, stream, scale, a, b):
    """Decide of one site of a vector: the spins that flip, what their fields are times their spins, and the stream."""
    words, stream = next_words(stream)
    signed = _times_spin(field, own)
    return flips(words, to_f32(signed) * scale, a, b), signed, stream


@inlined
def _follow(energies, lane, signed, flipped):
    raised = select(flipped, signed + signed, splat_i32(0))
    store_i64(energies, lane, add_wide(load_i64(energies, lane), raised))


@part
def _sweep_one(couplings, order, chains, v, scales, pending, follow, a, b):
    """Sweep vector v once; arguments as in `advance`."""
    sites, ends, spins = order.sites, order.ends, chains.spins[v]
    starts, others, twice, base = couplings.starts, couplings.others, couplings.twice, couplings.base
    lane, active = v * np.uint64(LANES), chains.active[v]
    stream, scale = load_stream(chains.streams, v), load_f32(scales, lane)
    offset, bound = splat_f32(a), splat_f32(b * 2.0**32)
    toggles = np.uint64(0)
    for phase in range(np.uint64(len(ends)) - _1):
        begin, end = ends[phase], ends[phase + _1]
        for place in range(begin, end):
            site = sites[place]
            field = _sum_one(base[place], twice, others, starts[place], starts[place + _1], spins)
            flipped, signed, stream = _move(field, spins[site], stream, scale, offset, bound)
            if follow:
                _follow(chains.energies[0], lane, signed, flipped)
            changed = bits_of(flipped)
            toggles += _ones(changed & active)
            if order.together:
                pending[0, place - begin] = changed
            else:
                spins[site] ^= np.uint16(changed)
        if order.together:
            for place in range(begin, end):
                spins[sites[place]] ^= pending[0, place - begin]
    store_stream(chains.streams, v, stream)
    return np.int64(toggles)


@part
def _sweep_two(couplings, order, chains, v, scales, pending, follow, a, b):
    """Sweep vectors v and v + 1 once: what is read of a coupling serves both."""
    sites, ends, spins, more = order.sites, order.ends, chains.spins[v], chains.spins[v + _1]
    starts, others, twice, base = couplings.starts, couplings.others, couplings.twice, couplings.base
    lane, active, more_active = v * np.uint64(LANES), chains.active[v], chains.active[v + _1]
    stream, scale = load_stream(chains.streams, v), load_f32(scales, lane)
    more_stream, more_scale = load_stream(chains.streams, v + _1), load_f32(scales, lane + np.uint64(LANES))
    offset, bound = splat_f32(a), splat_f32(b * 2.0**32)
    toggles = np.uint64(0)
    for phase in range(np.uint64(len(ends)) - _1):
        begin, end = ends[phase], ends[phase + _1]
        for place in range(begin, end):
            site = sites[place]
            field = more_field = splat_i32(base[place])
            for edge in range(starts[place], starts[place + _1]):
                other = others[edge]
                field = _add_where(field, spins[other], twice[edge])
                more_field = _add_where(more_field, more[other], twice[edge])
            flipped, signed, stream = _move(field, spins[site], stream, scale, offset, bound)
            if follow:
                _follow(chains.energies[0], lane, signed, flipped)
            changed = bits_of(flipped)
            flipped, signed, more_stream = _move(more_field, more[site], more_stream, more_scale, offset, bound)
            if follow:
                _follow(chains.energies[0], lane + np.uint64(LANES), signed, flipped)
            more_changed = bits_of(flipped)
            toggles += _ones(changed & active) + _ones(more_changed & more_active)
            if order.together:
                pending[0, place - begin] = changed
                pending[1, place - begin] = more_changed
            else:
                spins[site] ^= np.uint16(changed)
                more[site] ^= np.uint16(more_changed)
        if order.together:
            for place in range(begin, end):
                spins[sites[place]] ^= pending[0, place - begin]
                more[sites[place]] ^= pending[1, place - begin]
    store_stream(chains.streams, v, stream)
    store_stream(chains.streams, v + _1, more_stream)
    return np.int64(toggles)


@kernel
def advance(couplings, order, chains, scales, begin, end, a, b, follow, first, last):
    """Sweeps `begin` … `end` − 1 of the vectors `first` … `last` − 1, which know nothing of the others.

    Parameters
    ----------
    couplings : Couplings
    order : Order
    chains : Chains
        Changed in place.
    scales : (steps, lanes) or (steps, 1) float32
        2β·log₂e·unit of each sweep and lane, or of each sweep.
    a, b : float
        The rule, see above.
    follow : bool
        Whether to keep the first words of the energies up to date.

    Returns
    -------
    int
        Number of spins that changed.

    Notes
    -----
    An update of a vector of chains takes one draw of its generator: the low and the high half of word k decide for
    chains 2k and 2k + 1.
    """
    widest = 0
    if order.together:
        for phase in range(len(order.ends) - 1):
            widest = max(widest, np.int64(order.ends[phase + 1] - order.ends[phase]))
    pending = np.empty((2, widest), dtype=np.uint16)
    row = np.empty(len(chains.spins) * LANES, dtype=np.float32)
    toggles = 0
    for t in range(begin, end):
        for lane in range(len(row)):
            row[lane] = scales[t, min(lane, scales.shape[1] - 1)]
        v, stop = np.uint64(first), np.uint64(last)
        while v + _1 < stop:
            toggles += _sweep_two(couplings, order, chains, v, row, pending, follow, a, b)
            v += _2
        if v < stop:
            toggles += _sweep_one(couplings, order, chains, v, row, pending, follow, a, b)
    return toggles


@kernel
def _unpack(out, spins, chain):
    """Write the spins of one chain as −1 and +1."""
    row = spins[chain // LANES]
    lane = np.uint16(chain % LANES)
    for site in range(len(out)):
        out[site] = np.int8((row[site] >> lane) & np.uint16(1)) * np.int8(2) - np.int8(1)


@kernel
def pack(spins, states):
    """Set the bits of `spins` (vectors, n) to the states (n, chains) of −1 and +1."""
    for chain in range(states.shape[1]):
        lane = np.uint16(chain % LANES)
        for site in range(len(states)):
            spins[chain // LANES, site] |= np.uint16(states[site, chain] > 0) << lane


@kernel
def unpack(states, spins):
    """Fill `states` (chains, n) with the spins −1 and +1."""
    for chain in range(len(states)):
        _unpack(states[chain], spins, chain)


@kernel
def look(chains, posed, follow, looks, number):
    """Note the present states as look `number`."""
    spins, active = chains.spins, chains.active
    for word in range(np.int64(follow), len(posed.units)):
        sum_energies(chains.energies[word], word, posed, spins)
    best = 0
    for chain in range(chains.count):
        energy = 0.0
        for word in range(len(posed.units) - 1, -1, -1):
            energy += posed.units[word] * chains.energies[word, chain]
        looks.energies[chain, number] = energy + posed.offset
        if looks.energies[chain, number] < looks.energies[best, number]:
            best = chain
        if len(looks.draws):
            _unpack(looks.draws[chain, number], spins, chain)
    if looks.energies[best, number] < looks.best_energy[0]:
        looks.best_energy[0] = looks.energies[best, number]
        _unpack(looks.best_state, spins, best)
    if len(looks.site_sums):
        pair = np.uint64(0)
        for site in range(np.uint64(len(posed.upper))):
            for v in range(np.uint64(len(spins))):
                looks.site_sums[site] += 2 * np.int64(_ones(spins[v, site] & active[v]))
            looks.site_sums[site] -= chains.count
            for edge in range(posed.upper[site], posed.indptr[site + _1]):
                for v in range(np.uint64(len(spins))):
                    unlike = np.uint64(spins[v, site] ^ spins[v, posed.indices[edge]])
                    looks.edge_sums[pair] -= 2 * np.int64(_ones(unlike & active[v]))
                looks.edge_sums[pair] += chains.count
                pair += _1


@kernel
def sweep(couplings, posed, order, chains, scales, a, b, every, looks, follow):
    """One sweep per row of `scales`, and a look after each `every`; arguments and result as in `advance`.

    Energies that are followed must be right at the start, and sites must move one by one, in the fields of `posed`;
    else energies are summed at looks. `looks` is filled in.
    """
    # Not the literal, for which `advance` would be compiled once more.
    first = np.int64(0)
    toggles = 0
    for number in range(len(scales) // every):
        begin, end = number * every, (number + 1) * every
        toggles += advance(couplings, order, chains, scales, begin, end, a, b, follow, first, len(chains.spins))
        look(chains, posed, follow, looks, number)
    return toggles
