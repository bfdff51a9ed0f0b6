"""Block Gibbs on a GPU, one launch per phase: 32 chains to a word, or four chains of a byte each.

States are (rows, words) uint32 arrays with the word contiguous, and a thread updates one word of one site. The
random numbers are Philox4x32-10 of (chain word, site, step), so they depend on no launch shape, and a comparison
that is decided early may leave the rest undrawn. No two sites of a phase may be coupled.

The same source runs on the processor, thread by thread, in numba's simulator (NUMBA_ENABLE_CUDASIM=1).
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda, uint32

# Indices are unsigned, so that numba does not look for negative ones, which count from the end.
_u32 = np.uint32
_0 = np.uint32(0)
_1 = np.uint32(1)
_ALL = np.uint32(0xFFFFFFFF)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)

# Bit planes of the counters of bonds: up to 1,023 to a strip of sites.
PLANES = 10
THREADS = 256
# Of a launch, and of its counters: more than any GPU holds at once; threads loop over what is left.
MAX_BLOCKS = 4096


@cuda.jit(device=True, inline="always")
def _philox(c0, c1, c2, c3, k0, k1):
    """Four words of a counter and a key of 32-bit words, as `pbits.kernels.philox.philox4x32`."""
    # Every result is cast: numba widens integers to 64 bits, which a GPU pays for twice.
    for _ in range(10):
        p0 = _M0 * np.uint64(c0)
        p1 = _M1 * np.uint64(c2)
        c0 = _u32((p1 >> _32) ^ c1 ^ k0)
        c1 = _u32(p1 & _LOW)
        c2 = _u32((p0 >> _32) ^ c3 ^ k1)
        c3 = _u32(p0 & _LOW)
        k0 = _u32((k0 + _W0) & _LOW)
        k1 = _u32((k1 + _W1) & _LOW)
    return c0, c1, c2, c3


@cuda.jit(device=True, inline="always")
def _add(count, planes, bits):
    """Add one to the lanes of `bits` in a counter of bit planes, least significant first."""
    carry = bits
    for k in range(planes):
        both = _u32(count[k] & carry)
        count[k] = _u32(count[k] ^ carry)
        carry = both


@cuda.jit(device=True, inline="always")
def _where(count, planes, value):
    """Lanes whose counter holds a value."""
    lanes = _ALL
    for k in range(planes):
        lanes = _u32(lanes & (count[k] if value & _u32(1 << k) else ~count[k]))
    return lanes


@cuda.jit(device=True, inline="always")
def _agreeing(spins, entry, word):
    """Lanes in which the neighbour of an entry (twice its row, plus 1 for a negative coupling) asks for +1."""
    return _u32(spins[entry >> _1, word] ^ (_ALL if entry & _1 else _0))


@cuda.jit(device=True, inline="always")
def _compare(less, open_, threshold, random):
    """One more plane of random < threshold, most significant first: lanes that are less, and that are undecided."""
    return _u32(less | (open_ & threshold & ~random)), _u32(open_ & ~(threshold ^ random))


@cuda.jit(device=True, inline="always")
def _live(chains, word, width):
    """Lanes of a word that hold a chain, of `width` chains to a word."""
    left = chains - word * width
    return _ALL if left >= width else _u32(_ALL >> _u32(32 - 32 // width * left))


def _bit_sweeper(planes):
    """A sweep of sites with fewer than 2^planes units of coupling each."""

    @cuda.jit
    def sweep(
        spins, chains, sites, first, stop, indptr, entries, groups, thresholds, t, key0, key1, word0, step, toggles
    ):
        """Update the sites first … stop − 1 of a list, in every chain.

        Parameters
        ----------
        spins : (n + 1, words) uint32, changed in place
            Bit 1 is spin +1; the last row, all ones, is what fields couple to.
        chains : int
        sites : (m,) uint32
        first, stop : int
        indptr, entries : uint32
            Row i has Σ_j |J_ij| + |h_i| entries, in units of the coupling: 2·other + (1 for a negative one).
        groups : int
            Of four bits each, that a decision compares at most.
        thresholds : (steps, ·) uint32
            P(the spin goes against a field of `column` units) · 2^32.
        t : int
            The row of `thresholds`.
        key0, key1, word0, step : uint32
            Plane p of a decision is word p % 4 of counter (word0 + word, site, step, p // 4).
        toggles : (blocks,) int64
            Raised by the spins that changed.
        """
        x, y = cuda.grid(2)
        if x >= spins.shape[1]:
            return
        word = _u32(x)
        count = cuda.local.array(planes, uint32)
        live = _live(chains, word, 32)
        changed = 0
        for row in range(first + y, stop, cuda.gridDim.y * cuda.blockDim.y):
            site = sites[_u32(row)]
            for k in range(planes):
                count[k] = _0
            # Here and below `while`, since numba's `range` costs as much as what is done in it.
            edge = indptr[site]
            end = indptr[site + _1]
            degree = _u32(end - edge)
            while edge < end:
                _add(count, planes, _agreeing(spins, entries[edge], word))
                edge = _u32(edge + _1)
            above = _0
            value = _u32((degree >> _1) + _1)
            while value <= degree:
                above = _u32(above | _where(count, planes, value))
                value = _u32(value + _1)
            against = _0
            open_ = _ALL
            group = _0
            while open_ and group < groups:
                r0, r1, r2, r3 = _philox(_u32(word0 + word), site, step, group, key0, key1)
                t0, t1, t2, t3 = _0, _0, _0, _0
                low = _0
                while low + low <= degree:
                    high = _u32(degree - low)
                    here = _u32(_where(count, planes, low) | _where(count, planes, high))
                    four = thresholds[_u32(t), _u32(high - low)] >> _u32(28 - 4 * group)
                    if four & 8:
                        t0 = _u32(t0 | here)
                    if four & 4:
                        t1 = _u32(t1 | here)
                    if four & 2:
                        t2 = _u32(t2 | here)
                    if four & 1:
                        t3 = _u32(t3 | here)
                    low = _u32(low + _1)
                against, open_ = _compare(against, open_, t0, r0)
                against, open_ = _compare(against, open_, t1, r1)
                against, open_ = _compare(against, open_, t2, r2)
                against, open_ = _compare(against, open_, t3, r3)
                group = _u32(group + _1)
            old = spins[site, word]
            new = _u32(above ^ against)
            spins[site, word] = new
            changed += cuda.popc(_u32((new ^ old) & live))
        cuda.atomic.add(toggles, cuda.blockIdx.x + cuda.blockIdx.y * cuda.gridDim.x, changed)

    return sweep


sweep_bits_few = _bit_sweeper(3)
sweep_bits = _bit_sweeper(6)


@cuda.jit
def unsatisfied(counts, spins, indptr, entries, strip):
    """Raise `counts` (32 words,) int64 by the units of coupling that each chain does not satisfy.

    Arrays are those of `sweep_bits`; a thread takes a word of `strip` sites, whose units must not pass 1,023.
    """
    x, y = cuda.grid(2)
    if x >= spins.shape[1]:
        return
    word = _u32(x)
    n = spins.shape[0] - 1
    count = cuda.local.array(PLANES, uint32)
    for first in range(y * strip, n, strip * cuda.gridDim.y * cuda.blockDim.y):
        for k in range(PLANES):
            count[k] = _0
        for row in range(first, min(first + strip, n)):
            site = _u32(row)
            own = spins[site, word]
            edge = indptr[site]
            end = indptr[site + _1]
            while edge < end:
                entry = entries[edge]
                if entry >> _1 > site:
                    _add(count, PLANES, _u32(own ^ _agreeing(spins, entry, word)))
                edge = _u32(edge + _1)
        for lane in range(32):
            total = 0
            for k in range(PLANES):
                total += int(count[k] >> _u32(lane) & 1) << k
            cuda.atomic.add(counts, 32 * word + lane, total)


@cuda.jit(device=True, inline="always")
def _fields(spins, word, indptr, indices, weights, site):
    """Σ_j J_ij s_j of the four chains of a word, in the order of the row."""
    f0, f1, f2, f3 = 0, 0, 0, 0
    edge = indptr[site]
    end = indptr[site + _1]
    while edge < end:
        weight = weights[edge]
        x = spins[indices[edge], word]
        f0 += -weight if x & 0x2 else weight
        f1 += -weight if x & 0x200 else weight
        f2 += -weight if x & 0x20000 else weight
        f3 += -weight if x & 0x2000000 else weight
        edge = _u32(edge + _1)
    return f0, f1, f2, f3


def _byte_sweeper(goes_up):
    """A sweep with a rule that decides from a random word, a field and a row of the law."""

    @cuda.jit
    def sweep(spins, chains, sites, first, stop, indptr, indices, weights, h, law, t, key0, key1, word0, step, toggles):
        """Update the sites first … stop − 1 of a list, in every chain: the decisions of `ising.sweep_phases`.

        Parameters
        ----------
        spins : (n, words) uint32, changed in place
            Four chains to a word, each an int8.
        chains : int
        sites : (m,) uint32
        first, stop : int
        indptr, indices : uint32
        weights : CSR couplings
        h : (n,)
        law : array
            Thresholds, or β, in row `t`.
        t : int
        key0, key1, word0, step : uint32
            Chain c decides by word c % 4 of counter (word0 + c // 4, site, step, 0).
        toggles : (blocks,) int64
            Raised by the spins that changed.
        """
        x, y = cuda.grid(2)
        if x >= spins.shape[1]:
            return
        word = _u32(x)
        live = _u32(_live(chains, word, 4) & 0x02020202)
        changed = 0
        for row in range(first + y, stop, cuda.gridDim.y * cuda.blockDim.y):
            site = sites[_u32(row)]
            r0, r1, r2, r3 = _philox(_u32(word0 + word), site, step, _0, key0, key1)
            f0, f1, f2, f3 = _fields(spins, word, indptr, indices, weights, site)
            new = _u32(0x01010101)
            if not goes_up(r0, f0 + h[site], law, t):
                new = _u32(new | 0x000000FE)
            if not goes_up(r1, f1 + h[site], law, t):
                new = _u32(new | 0x0000FE00)
            if not goes_up(r2, f2 + h[site], law, t):
                new = _u32(new | 0x00FE0000)
            if not goes_up(r3, f3 + h[site], law, t):
                new = _u32(new | 0xFE000000)
            old = spins[site, word]
            spins[site, word] = new
            changed += cuda.popc(_u32((new ^ old) & live))
        cuda.atomic.add(toggles, cuda.blockIdx.x + cuda.blockIdx.y * cuda.gridDim.x, changed)

    return sweep


@cuda.jit(device=True, inline="always")
def _by_table(random, field, thresholds, t):
    """Integer fields: thresholds (steps, 2F + 1) uint64 of fields −F … F."""
    return random < thresholds[t, field + thresholds.shape[1] // 2]


@cuda.jit(device=True, inline="always")
def _by_exponential(random, field, betas, t):
    """Real fields: betas (steps,) float64."""
    return (np.float64(random) + 0.5) * 2.0**-32 < 1.0 / (1.0 + math.exp(-2.0 * betas[t] * field))


sweep_integers = _byte_sweeper(_by_table)
sweep_reals = _byte_sweeper(_by_exponential)


@cuda.jit
def energies(partial, spins, indptr, indices, weights, h):
    """Fill `partial` (strips, 4 words) float64 with ½ sᵀJs + hᵀs of the sites strip, strip + strips, …"""
    x, y = cuda.grid(2)
    if x >= spins.shape[1]:
        return
    word = _u32(x)
    for strip in range(y, partial.shape[0], cuda.gridDim.y * cuda.blockDim.y):
        e0, e1, e2, e3 = 0.0, 0.0, 0.0, 0.0
        for row in range(strip, spins.shape[0], partial.shape[0]):
            site = _u32(row)
            own = spins[site, word]
            f0, f1, f2, f3 = _fields(spins, word, indptr, indices, weights, site)
            f0, f1, f2, f3 = 0.5 * f0 + h[site], 0.5 * f1 + h[site], 0.5 * f2 + h[site], 0.5 * f3 + h[site]
            e0 += -f0 if own & 0x2 else f0
            e1 += -f1 if own & 0x200 else f1
            e2 += -f2 if own & 0x20000 else f2
            e3 += -f3 if own & 0x2000000 else f3
        partial[strip, 4 * x] = e0
        partial[strip, 4 * x + 1] = e1
        partial[strip, 4 * x + 2] = e2
        partial[strip, 4 * x + 3] = e3


@cuda.jit
def column(out, spins, word):
    """Copy one word of every row."""
    _, y = cuda.grid(2)
    for row in range(y, len(out), cuda.gridDim.y * cuda.blockDim.y):
        out[row] = spins[row, word]


class Device:
    """A stream of the GPU: arrays put there and fetched, kernels launched."""

    def __init__(self):
        self._stream = cuda.stream()

    def put(self, array):
        return cuda.to_device(np.ascontiguousarray(array), stream=self._stream)

    def fetch(self, array):
        found = array.copy_to_host(stream=self._stream)
        self._stream.synchronize()
        return found

    def copy(self, source, target):
        """Copy one array into another, and wait."""
        target.copy_to_device(source, stream=self._stream)
        self._stream.synchronize()

    def launch(self, kernel, rows, words, *arguments):
        """A thread for every word of every row, or, of many rows, for every few."""
        across = min(words, THREADS)
        down = min(THREADS // across, rows)
        wide = -(-words // across)
        grid = (wide, min(-(-rows // down), MAX_BLOCKS // wide))
        kernel[grid, (across, down), self._stream](*arguments)


def is_available():
    """Whether there is a GPU with its driver and compiler, or the simulator."""
    return cuda.is_available()


def name():
    """What the GPU calls itself."""
    return cuda.get_current_device().name
