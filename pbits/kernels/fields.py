"""One chain at a time of any sparse Ising model: local fields kept up to date, touched only when a spin flips.

A spin flips where u·(a + exp(x)) < b, with x = 2βg·s·I of its present value s and u uniform in (0, 1):

- heat bath: a = 1 and b = 1 − ρ, the probability (1 − ρ) σ(−x) of a cell of persistence ρ;
- Metropolis: a = 0 and b = 1, the probability min(1, exp(−x)).

That is x < ln(b/u − a), where the right side depends on no spin: it is computed ahead, 16 sites at once, in
float32. Only where x is too close to tell is the decision made as written, in float64; so every decision is the one
in double precision, of a u with 64 bits.

Fields are whole numbers of a unit that is a power of two, and do not drift. Couplings of few binary digits, such as
all integers, are exact in it; others are rounded to 2⁻⁵² of the largest field.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pbits.kernels.jit import inlined, kernel
from pbits.kernels.simd import (
    absolute,
    as_f32,
    as_i32,
    as_u32,
    load_u32,
    select,
    shr,
    splat_f32,
    splat_i32,
    splat_u32,
    store_f32,
    store_u32,
    to_f32,
)
from pbits.kernels.xoshiro import load_stream, next_words, store_stream

CHUNK = 64
CLOSE = 2.0**-12
"""Bound on the error of a level, several times over."""
FAR = 2.0**62
"""Beyond every field."""

_SCARCE = np.uint32(1 << 14)
"""A word, or its complement, below it tells u, or 1 − u, to fewer digits than a level needs."""
_NEAR = 2.0**-8
"""Where b − a·u is less than this share of b − a, too many digits cancel."""
_1 = np.uint64(1)
_32 = np.uint64(32)


class Couplings(NamedTuple):
    """A model in fixed point.

    Attributes
    ----------
    indptr, indices : unsigned
        CSR rows; unsigned, since they index nothing from behind.
    weights : int32 or int64
        g_j J_ij/unit at row i, column j.
    h : of the same type, (n,)
        g_i h_i/unit.
    unit : float
        A power of two.
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    h: np.ndarray
    unit: float


class Posed(NamedTuple):
    """What energies are summed from, in float64.

    Attributes
    ----------
    upper, indptr : unsigned
        The columns above i of row i are ``indices[upper[i]:indptr[i + 1]]``.
    indices : unsigned
    weights, h : float64
    all_up : float
        Energy with all spins up.
    """

    upper: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    h: np.ndarray
    all_up: float


class Chain(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    spins : (n,) int8
    fields : (n,) int32 or int64
        F_i = g_i I_i/unit.
    energy : (1,) float64
        E(s) of these couplings; of no meaning with gains, which belong to no energy.
    stream : (1, 4, 8) uint64
        The generator.
    """

    spins: np.ndarray
    fields: np.ndarray
    energy: np.ndarray
    stream: np.ndarray


class Looks(NamedTuple):
    """What is noted while chains sweep; an array of length 0 is not wanted.

    Attributes
    ----------
    energies : (chains, looks) float64
    draws : (chains, looks, n) int8
    best_energy : (1,) float64
    best_state : (n,) int8
    site_sums : (n,) int64
    edge_sums : (edges,) int64
        In row order of the pairs i < j.
    """

    energies: np.ndarray
    draws: np.ndarray
    best_energy: np.ndarray
    best_state: np.ndarray
    site_sums: np.ndarray
    edge_sums: np.ndarray


@kernel
def largest_field(indptr, weights, h, gains):
    """The largest g_i (Σ_j |J_ij| + |h_i|); gains of length 0 are 1."""
    largest = 0.0
    for site in range(len(h)):
        size = abs(h[site])
        for edge in range(indptr[site], indptr[site + 1]):
            size += abs(weights[edge])
        largest = max(largest, size * abs(gains[site]) if len(gains) else size)
    return largest


@inlined
def _value(values, columns, gains, k):
    return values[k] * gains[columns[k] if len(columns) else k] if len(gains) else values[k]


@inlined
def _whole(values, columns, gains, unit, k):
    return np.int64(np.rint(_value(values, columns, gains, k) / unit))


@kernel
def digits(values, columns, gains, unit):
    """Which binary digits the numbers round(gains[columns]·values/unit) use: all of them, by bitwise or.

    Columns of length 0 are 0, 1, 2 …; gains of length 0 are 1.
    """
    used = np.int64(0)
    for k in range(len(values)):
        used |= _whole(values, columns, gains, unit, k)
    return used


@kernel
def misfit(values, columns, gains, unit):
    """The largest |gains[columns]·values − unit·round(gains[columns]·values/unit)|; arguments as in `digits`."""
    largest = 0.0
    for k in range(len(values)):
        rest = _value(values, columns, gains, k) - unit * _whole(values, columns, gains, unit, k)
        largest = max(largest, abs(rest))
    return largest


@kernel
def round_to(out, values, columns, gains, unit):
    """Fill `out` with round(gains[columns]·values/unit); arguments as in `digits`."""
    for k in range(len(values)):
        out[k] = _whole(values, columns, gains, unit, k)


@kernel
def begin(chain, couplings, offset):
    """Sum the fields and the energy of the spins."""
    spins, fields = chain.spins, chain.fields
    for site in range(np.uint64(len(spins))):
        fields[site] = couplings.h[site]
    for site in range(np.uint64(len(spins))):
        for edge in range(couplings.indptr[site], couplings.indptr[site + _1]):
            fields[couplings.indices[edge]] += spins[site] * couplings.weights[edge]
    twice = 0.0
    for site in range(np.uint64(len(spins))):
        twice += spins[site] * (np.float64(fields[site]) + couplings.h[site])
    chain.energy[0] = offset - 0.5 * couplings.unit * twice


@kernel
def starts_above(indptr, indices):
    """Where in each row i the columns above i start, (n,); columns rise along a row."""
    upper = indptr[1:].copy()
    for site in range(len(upper)):
        while upper[site] > indptr[site] and indices[upper[site] - _1] > site:
            upper[site] -= type(upper[0])(1)
    return upper


@inlined
def _ln(x):
    """Natural logarithms of positive normal lanes, wrong by less than 1e-5.

    x = 2^e·(1 + y) with 1 + y between √½ and √2, and ln(1 + y) = 2 artanh(y/(2 + y)) by its series.
    """
    root_half = splat_i32(0x3F3504F3)
    above = as_i32(x) - root_half
    y = as_f32((above & splat_i32(0x7FFFFF)) + root_half) - splat_f32(1)
    t = y / (splat_f32(2) + y)
    series = splat_f32(2) + t * t * (splat_f32(2 / 3) + t * t * splat_f32(2 / 5))
    return to_f32(shr(above, 23)) * splat_f32(0.6931471805599453) + t * series


@inlined
def levels(out, words, count, a, b):
    """ln(b/u − a) of u = (word + ½)/2³², to within CLOSE; NaN where it cannot be told, −inf where b/u < a.

    Parameters
    ----------
    out : float32, of a length that is a multiple of 16
    words : uint32, of the same length
    count : int
        How many are wanted; rounded up to a multiple of 16.
    a, b : float
    """
    nan, never = splat_f32(np.nan), splat_f32(-np.inf)
    near = splat_f32(_NEAR * 2.0**32 * abs(b - a))
    scarce = splat_u32(_SCARCE)
    for k in range(0, count, 16):
        word = load_u32(words, k)
        u = to_f32(word) + splat_f32(0.5)
        # b − a·u in a form that keeps its digits where b = a.
        share = splat_f32((b - a) * 2.0**32) + splat_f32(a) * (to_f32(~word) + splat_f32(0.5))
        unknown = (word < scarce) | (~word < scarce) | (absolute(share) <= near)
        known = select(unknown, nan, _ln(share / u))
        store_f32(out, k, select(share < -near, never, known))


@inlined
def brackets(below, above, known, count, width):
    """Whole numbers: a field below the first is below level·width for certain, one above the second above it."""
    for k in range(np.uint64(count)):
        centre = np.float64(known[k]) * width
        # Written so that what is not a number becomes as wide a bracket as there is.
        least = np.ceil(centre - CLOSE * width)
        least = least if least > -FAR else -FAR
        below[k] = np.int64(least if least < FAR else FAR)
        most = np.floor(centre + CLOSE * width)
        most = most if most < FAR else FAR
        above[k] = np.int64(most if most > -FAR else -FAR)


@inlined
def _draw(words, count, state):
    """Fill `words` up to `count` at least, a vector of 16 at a time; returns the state after it."""
    for k in range(0, count, 16):
        drawn, state = next_words(state)
        store_u32(words, k, as_u32(drawn))
    return state


@inlined
def _joined(high, low):
    """A 64-bit word of two of 32 bits."""
    return (np.uint64(high) << _32) | np.uint64(low)


@kernel
def flips(word, x, a, b):
    """The decision u·(a + exp(x)) < b in double precision, u = (word + ½)/2⁶⁴."""
    return (np.float64(word) + 0.5) * 2.0**-64 * (a + np.exp(x)) < b


@kernel
def sweep_some(chain, couplings, sites, betas, random, a, b, work):
    """One sweep per β; returns the spins that changed. The arguments are those of `sweep`, and its work space."""
    spins, fields = chain.spins, chain.fields
    indptr, indices, weights = couplings.indptr, couplings.indices, couplings.weights
    known, below, above, high, low, where, fraction = work
    state = load_stream(chain.stream, 0)
    moving = np.uint64(len(sites))
    kicked = type(weights[0])(2)
    energy = chain.energy[0]
    toggles = 0
    for t in range(np.uint64(len(betas))):
        given = 0.0
        steepness = 2.0 * betas[t] * couplings.unit
        width = 1.0 / steepness if steepness > 1e-290 else 1e290
        for first in range(np.uint64(0), moving, np.uint64(CHUNK)):
            count = min(np.uint64(CHUNK), moving - first)
            if random:
                state = _draw(where, count, state)
                state = _draw(fraction, count, state)
            state = _draw(high, count, state)
            state = _draw(low, count, state)
            levels(known, high, count, a, b)
            brackets(below, above, known, count, width)
            for k in range(count):
                place = first + k
                if random:
                    # The upper half of word·moving, so that sites are as likely as 64 bits can tell.
                    place = (np.uint64(where[k]) * moving + ((np.uint64(fraction[k]) * moving) >> _32)) >> _32
                site = sites[place]
                aligned = np.int64(fields[site]) * spins[site]
                if aligned > above[k]:
                    continue
                if aligned >= below[k] and not flips(_joined(high[k], low[k]), steepness * aligned, a, b):
                    continue
                given += aligned
                spin = -spins[site]
                spins[site] = spin
                kick = kicked * spin
                for edge in range(indptr[site], indptr[site + _1]):
                    fields[indices[edge]] += kick * weights[edge]
                toggles += 1
        # Once a sweep, so that it does not depend on how a run is cut into calls.
        energy += 2.0 * couplings.unit * given
    chain.energy[0] = energy
    store_stream(chain.stream, 0, state)
    return toggles


@kernel
def energy_of(spins, posed):
    """The energy: that of all spins up, plus 2J of each broken pair, plus 2h of each down spin."""
    energy = posed.all_up
    for site in range(np.uint64(len(spins))):
        if spins[site] < 0:
            energy += 2.0 * posed.h[site]
        for edge in range(posed.upper[site], posed.indptr[site + _1]):
            if spins[site] != spins[posed.indices[edge]]:
                energy += 2.0 * posed.weights[edge]
    return energy


@inlined
def _copy(out, spins):
    # Assigning to a slice takes seconds to compile.
    for site in range(len(spins)):
        out[site] = spins[site]


@kernel
def look(chain, posed, tracked, looks, number):
    """Note the present state as look `number`; where the energy is not `tracked`, it is summed."""
    spins = chain.spins
    energy = chain.energy[0] if tracked else energy_of(spins, posed)
    looks.energies[0, number] = energy
    if len(looks.draws):
        _copy(looks.draws[0, number], spins)
    if energy < looks.best_energy[0]:
        looks.best_energy[0] = energy
        _copy(looks.best_state, spins)
    if len(looks.site_sums):
        pair = np.uint64(0)
        for site in range(np.uint64(len(spins))):
            looks.site_sums[site] += spins[site]
            for edge in range(posed.upper[site], posed.indptr[site + _1]):
                looks.edge_sums[pair] += spins[site] * spins[posed.indices[edge]]
                pair += _1


@kernel
def sweep(chain, couplings, posed, tracked, sites, betas, random, a, b, every, looks):
    """One sweep per β, and a look after every `every`-th.

    Parameters
    ----------
    chain : Chain
        Changed in place.
    couplings : Couplings
    posed : Posed
    tracked : bool
        Whether the chain's energy is that of `posed`, which is else summed at each look.
    sites : (m,) uint64
        The sites that move, in their order.
    betas : (steps,) float64
    random : bool
        Random scan: m updates a sweep, each at one of `sites` drawn uniformly.
    a, b : float
        The rule, see above.
    every : int
        0 for no look.
    looks : Looks
        Filled in.

    Returns
    -------
    int
        Number of spins that changed.

    Notes
    -----
    A sweep takes 64 updates at a time: 64 words of 32 bits for the upper halves of the decisions, then as many for
    the lower halves; of a random scan, before them, as many twice for the sites. Of a last, shorter piece only as
    many vectors of 16 words are drawn as it needs, and what is left of the last vector is not used.
    """
    work = (
        np.empty(CHUNK, dtype=np.float32),
        np.empty(CHUNK, dtype=np.int64),
        np.empty(CHUNK, dtype=np.int64),
        np.empty(CHUNK, dtype=np.uint32),
        np.empty(CHUNK, dtype=np.uint32),
        np.empty(CHUNK, dtype=np.uint32),
        np.empty(CHUNK, dtype=np.uint32),
    )
    toggles = 0
    stretch = every if every else max(1, len(betas))
    for start in range(0, len(betas), stretch):
        toggles += sweep_some(chain, couplings, sites, betas[start : start + stretch], random, a, b, work)
        if every:
            look(chain, posed, tracked, looks, start // every)
    return toggles
