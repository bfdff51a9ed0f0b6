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
def uniforms(out, key0, key1, chain0, step, draw):
    """Fill `out` (sites, chains) with uniforms in (0, 1).

    Counter (chain // 4, site, step, draw), word chain % 4; `chain0` (a multiple of 4) is the first chain.
    """
    n_sites, n_chains = out.shape
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    for site in range(n_sites):
        for first in range(0, n_chains, 4):
            words = philox4x32(
                np.uint64((chain0 + first) // 4), np.uint64(site), np.uint64(step), np.uint64(draw), k0, k1
            )
            for lane in range(min(4, n_chains - first)):
                out[site, first + lane] = to_uniform(words[lane])


@kernel
def normals(out, key0, key1, chain0, step, draw):
    """Fill `out` (sites, chains) with standard normals by the Box–Muller transform.

    Counter (chain // 2, site, step, draw); the two words 2(chain % 2) and 2(chain % 2) + 1 make one number.
    """
    n_sites, n_chains = out.shape
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    for site in range(n_sites):
        for first in range(0, n_chains, 2):
            words = philox4x32(
                np.uint64((chain0 + first) // 2), np.uint64(site), np.uint64(step), np.uint64(draw), k0, k1
            )
            for lane in range(min(2, n_chains - first)):
                radius = np.sqrt(-2.0 * np.log(to_uniform(words[2 * lane])))
                out[site, first + lane] = radius * np.cos(2.0 * np.pi * to_uniform(words[2 * lane + 1]))
