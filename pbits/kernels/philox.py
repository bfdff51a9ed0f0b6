"""Philox4x32-10, the counter-based generator of every stream.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
Known answers of the authors' Random123 distribution are in the tests.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import inlined, kernel

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_HALF = 0.5
_SCALE = 2.0**-32

# Counters whose words are drawn together: enough for vectors, few enough for the first-level cache.
_TILE = 256


@inlined
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four 32-bit words of a counter (c0, c1, c2, c3) and a key (k0, k1), each held in a uint64."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@inlined
def to_uniform(word):
    """A word to (word + ½)/2³², uniform in (0, 1), never 0 and never 1."""
    return (np.float64(word) + _HALF) * _SCALE


@kernel
def _philox_tile(words, count, k0, k1):
    """Replace the first counters of a tile (4, _TILE) uint32 by their words."""
    for i in range(count):
        w0, w1, w2, w3 = philox4x32(
            np.uint64(words[0, i]), np.uint64(words[1, i]), np.uint64(words[2, i]), np.uint64(words[3, i]), k0, k1
        )
        words[0, i] = w0
        words[1, i] = w1
        words[2, i] = w2
        words[3, i] = w3


@inlined
def _row(index, per_width):
    """index // width from 1/width, which vectorises; exact for indices below 2⁵⁰."""
    return np.int64(np.floor((index + 0.5) * per_width))


@kernel
def _chain_tile(words, first, count, width, chain0, step, draw):
    """Counters (chain0 + column, row, step, draw) of the places from `first` on in a table of `width` columns."""
    per_width = np.divide(1.0, width)
    for i in range(count):
        row = _row(first + i, per_width)
        words[0, i] = chain0 + first + i - row * width
        words[1, i] = row
        words[2, i] = step
        words[3, i] = draw


@kernel
def uniforms(out, key0, key1, chain0, step, draw):
    """Fill `out` (sites, chains) with uniforms in (0, 1).

    Counter (chain // 4, site, step, draw), word chain % 4; `chain0` (a multiple of 4) is the first chain.
    """
    n_sites, n_chains = out.shape
    quads = (n_chains + 3) // 4
    words = np.empty((4, _TILE), dtype=np.uint32)
    for first in range(0, n_sites * quads, _TILE):
        count = min(_TILE, n_sites * quads - first)
        _chain_tile(words, first, count, quads, chain0 // 4, step, draw)
        _philox_tile(words, count, np.uint64(key0), np.uint64(key1))
        site = first // quads
        chain = 4 * (first % quads)
        for i in range(count):
            for lane in range(min(4, n_chains - chain)):
                out[site, chain + lane] = to_uniform(words[lane, i])
            chain += 4
            if chain >= n_chains:
                chain = 0
                site += 1


@kernel
def random_spins(out, key0, key1, chain0, step, draw):
    """Fill `out` (sites, chains) with fair spins, a bit each; `chain0` is any chain.

    Counter (chain // 128, site, step, draw), word chain // 32 % 4, bit chain % 32.
    """
    n_sites, n_chains = out.shape
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    for site in range(n_sites):
        chain = 0
        while chain < n_chains:
            group = (chain0 + chain) // 128
            words = philox4x32(np.uint64(group), np.uint64(site), np.uint64(step), np.uint64(draw), k0, k1)
            stop = min(n_chains, 128 * (group + 1) - chain0)
            while chain < stop:
                place = (chain0 + chain) % 128
                word = words[place // 32]
                for bit in range(place % 32, min(32, place % 32 + stop - chain)):
                    out[site, chain] = 2 * np.int64((word >> np.uint64(bit)) & np.uint64(1)) - 1
                    chain += 1


# Neither logarithm nor cosine of the mathematical library is taken: their last digits differ between systems, and
# compilers do not vectorise them. What follows needs only + − × ÷ √, which IEEE 754 rounds in one way everywhere.
_SQRT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)
_MANTISSA = np.int64((1 << 52) - 1)
_LN2_HIGH = 0.6931471805598903  # ln 2 to 42 binary places, so that its product with an exponent is exact
_LN2_LOW = 5.497923018708371e-14


@inlined
def minus_two_log(word):
    """−2 ln((word + ½)/2³²), from ln(2ᵉ(1 + f)) = e ln 2 + ln(1 + f) with 1 + f in [√½, √2).

    ln(1 + f) = 2 artanh s with s = f/(2 + f); the polynomial is the Chebyshev interpolant of
    (2 artanh(s)/s − 2)/s² in s², off by 5e-18 at most.
    """
    bits = np.float64((word + 0.5) * _SCALE).view(np.int64) - _SQRT_HALF_BITS
    e = (bits >> np.int64(52)) * 1.0
    f = np.int64((bits & _MANTISSA) + _SQRT_HALF_BITS).view(np.float64) - 1.0
    s = np.divide(f, 2.0 + f)  # the plain operator would test for zero, and not vectorise
    t = s * s
    tail = 0.15331721600556042 + t * 0.14616449685043406
    tail = 0.2222221113479508 + t * (0.18182889125261723 + t * tail)
    tail = t * (0.666666666666667 + t * (0.39999999999899505 + t * (0.28571428625975487 + t * tail)))
    half = 0.5 * f * f
    return -2.0 * (e * _LN2_HIGH - ((half - (s * (half + tail) + e * _LN2_LOW)) - f))


@inlined
def cosine_of_turn(word):
    """cos 2πv of v = (word + ½)/2³², as sin 2πz with z = |v − ½| − ¼, which is exact.

    The odd polynomial is z times the Chebyshev interpolant of sin(2πz)/z in z², off by 4e-17 of it at most.
    """
    z = np.abs((word + 0.5) * _SCALE - 0.5) - 0.25
    t = z * z
    tail = 3.8199280942271643 + t * (-0.7177337921413454 + t * 0.10089695501646812)
    tail = -76.70585975282492 + t * (42.058693925428685 + t * (-15.0946416761179 + t * tail))
    return z * (6.283185307179586 + t * (-41.341702240399755 + t * (81.60524927607362 + t * tail)))


@kernel
def _box_muller_tile(drawn, words, count, half):
    """Fill `drawn` (_TILE,) with the normals made of the words 2·half and 2·half + 1."""
    for i in range(count):
        radius = np.sqrt(minus_two_log(np.float64(words[2 * half, i])))
        drawn[i] = radius * cosine_of_turn(np.float64(words[2 * half + 1, i]))


@kernel
def normals(out, key0, key1, chain0, step, draw):
    """Fill `out` (sites, chains) with standard normals by the Box–Muller transform; the same bits on any machine.

    Counter (chain // 2, site, step, draw); the two words 2(chain % 2) and 2(chain % 2) + 1 make one number.
    `chain0` (even) is the first chain.
    """
    n_sites, n_chains = out.shape
    pairs = (n_chains + 1) // 2
    words = np.empty((4, _TILE), dtype=np.uint32)
    drawn = np.empty(_TILE)
    for first in range(0, n_sites * pairs, _TILE):
        count = min(_TILE, n_sites * pairs - first)
        _chain_tile(words, first, count, pairs, chain0 // 2, step, draw)
        _philox_tile(words, count, np.uint64(key0), np.uint64(key1))
        for half in range(min(2, n_chains)):
            _box_muller_tile(drawn, words, count, half)
            site = first // pairs
            chain = 2 * (first % pairs) + half
            for i in range(count):
                if chain < n_chains:
                    out[site, chain] = drawn[i]
                chain += 2
                if chain >= 2 * pairs:
                    chain = half
                    site += 1


@kernel
def normal_paths(out, key0, key1, chain0, step0, draw):
    """Fill `out` (chains, steps, sites) with the numbers `normals` gives for the steps from `step0` on."""
    n_chains, n_steps, n_sites = out.shape
    places = n_steps * n_sites
    per_width = np.divide(1.0, n_sites)
    flat = out.reshape(n_chains, places)
    words = np.empty((4, _TILE), dtype=np.uint32)
    drawn = np.empty(_TILE)
    for chain in range(0, n_chains, 2):
        for first in range(0, places, _TILE):
            count = min(_TILE, places - first)
            for i in range(count):
                step = _row(first + i, per_width)
                words[0, i] = (chain0 + chain) // 2
                words[1, i] = first + i - step * n_sites
                words[2, i] = step0 + step
                words[3, i] = draw
            _philox_tile(words, count, np.uint64(key0), np.uint64(key1))
            for half in range(min(2, n_chains - chain)):
                _box_muller_tile(drawn, words, count, half)
                for i in range(count):
                    flat[chain + half, first + i] = drawn[i]
