"""One chain of a periodic ±J lattice, cut into 512 blocks that advance in lock-step.

A bit of a 512-bit vector is a block, its lane; a vector holds one position inside all blocks. Set bits are spins +1
and, for bonds, negative couplings. Blocks are at least two sites wide along every axis that is cut, so the 512 sites
of a position are never neighbours: moving them at once, position after position, is a sequential Gibbs sweep.

Blocks with sides all even let every second position move at once, since its neighbours are the others. So the even
positions, and then the odd ones, are parted into domains, each with streams of random numbers of its own, and threads
share the domains: each runs the sweeping kernel, and they meet after the even positions, after the odd ones and after
a look.

Positions lie in a box with a rim of one cell around it. A rim cell holds the position of the opposite face with its
lanes moved on by one block along the axis, so that every neighbour is a plain load, from its cell ± the stride of the
axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from pbits.kernels.jit import inlined, kernel
from pbits.kernels.simd import (
    any_of,
    choose,
    load_u64,
    majority,
    popcount,
    shl,
    shr,
    splat_u64,
    store_u64,
    total,
    u64x8,
)
from pbits.kernels.team import add_shared, meet
from pbits.kernels.xoshiro import load_stream, next_words, store_stream

# Bits of u that every decision draws, the first and then pairs. After 13 a lane is still open (u may be on either
# side of its threshold) with probability 2^−13, some of the 512 in 6 % of the decisions; only these draw more.
PAIRS = 6
DRAWN = 1 + 2 * PAIRS

# Digits of the counters of looks: what fits a byte.
COUNTED = 8
MOST_LOOKS = 2**COUNTED - 1

_1 = np.uint64(1)
_EIGHT_BYTES = np.uint64(0x0101010101010101)
_DIAGONAL = np.uint64(0x8040201008040201)
_BELOW_TOP = np.uint64(0x7F7F7F7F7F7F7F7F)


class Box(NamedTuple):
    """Where the positions of a lattice lie, in the order in which they move: even ones, then odd ones.

    Attributes
    ----------
    cells : (positions,) int64
        Where the vector of a position lies.
    faces : (positions,) uint8
        Bit 2a is set on the first face of axis a, bit 2a + 1 on the last.
    strides, spans : (axes,) int64
        From a cell to the next along an axis, and from a face to the rim cell that mirrors it.
    turns : (axes, 5) uint64
        (near, far, last, first, words): lanes move on by one block when a word shifts by `near` bits, and those set in
        `last` (`first` on the way back) by `far` bits the other way, from the next word where `words` is 1.
    position_sites : (positions,) int64
    lane_sites : (512,) int64
        The site of a lane at a position is the sum of both.
    domains : (2, domains + 1) int64
        Domain d moves the positions from domains[p, d] to domains[p, d + 1], first of the even ones (p = 0).
    """

    cells: NDArray[np.int64]
    faces: NDArray[np.uint8]
    strides: NDArray[np.int64]
    spans: NDArray[np.int64]
    turns: NDArray[np.uint64]
    position_sites: NDArray[np.int64]
    lane_sites: NDArray[np.int64]
    domains: NDArray[np.int64]


def _turned_words(step):
    @intrinsic
    def turned(typingctx, x):
        if x is not u64x8:
            return None

        def codegen(context, builder, sig, args):
            order = ir.Constant(ir.VectorType(ir.IntType(32), 8), [(word + step) % 8 for word in range(8)])
            return builder.shuffle_vector(args[0], args[0], order)

        return u64x8(x), codegen

    return turned


_next_word = _turned_words(1)
_last_word = _turned_words(-1)


@inlined
def _mirror(vectors, box, position, x):
    """Copy the vector of a position to the rim cells of the faces it lies on."""
    cell, faces = box.cells[position], box.faces[position]
    for axis in range(len(box.spans)):
        near, far, last, first, words = box.turns[axis]
        if faces >> (2 * axis) & 1:
            beyond = _next_word(x) if words else x
            store_u64(vectors, (cell + box.spans[axis], 0), choose(splat_u64(last), shl(beyond, far), shr(x, near)))
        if faces >> (2 * axis) & 2:
            beyond = _last_word(x) if words else x
            store_u64(vectors, (cell - box.spans[axis], 0), choose(splat_u64(first), shr(beyond, far), shl(x, near)))


@kernel
def pack(vectors, bits, box):
    """Gather one bit a site, (n,) uint8, into (cells, 8) uint64 vectors, rim included."""
    for position in range(len(box.cells)):
        cell = box.cells[position]
        first = box.position_sites[position]
        for word in range(8):
            packed = np.uint64(0)
            for lane in range(64):
                packed |= np.uint64(bits[first + box.lane_sites[64 * word + lane]]) << np.uint64(lane)
            vectors[cell, word] = packed
        _mirror(vectors, box, position, load_u64(vectors, (cell, 0)))


@kernel
def unpack(spins, vectors, box):
    """Scatter (cells, 8) uint64 vectors to spins −1 and +1, (n,) int8."""
    _unpack(spins, vectors, box, range(len(box.cells)))


@inlined
def _unpack(spins, vectors, box, positions):
    for position in positions:
        first = box.position_sites[position]
        for word in range(8):
            packed = vectors[box.cells[position], word]
            for lane in range(64):
                bit = np.int8(packed >> np.uint64(lane) & _1)
                spins[first + box.lane_sites[64 * word + lane]] = bit + bit - np.int8(1)


@kernel
def have_one_magnitude(weights):
    """Whether all weights are ±w."""
    same = True
    for weight in weights:
        same &= abs(weight) == abs(weights[0])
    return same


@kernel
def negative_bonds(negative, indptr, indices, weights, stride, side):
    """Note for each site, (n,) uint8, whether its coupling to the next site along an axis is negative."""
    # Sides are at least 3, so that no two axes or ways have neighbours equally far away in number.
    for site in range(len(negative)):
        for edge in range(indptr[site], indptr[site + 1]):
            distance = indices[edge] - site
            if distance == stride or distance == -stride * (side - 1):
                negative[site] = weights[edge] < 0.0


@inlined
def _unsatisfied(spins, bonds, box, positions):
    """Number of bonds that raise the energy, from some positions to the next along the axes."""
    count = splat_u64(0)
    for position in positions:
        cell = box.cells[position]
        x = load_u64(spins, (cell, 0))
        for axis in range(len(box.strides)):
            other = load_u64(spins, (cell + box.strides[axis], 0))
            count = count + popcount(x ^ other ^ load_u64(bonds, (axis, cell, 0)))
    return np.int64(total(count))


@inlined
def _count(tally, position, what, bits):
    """Add a bit to the counter of every lane, carry by carry."""
    for digit in range(COUNTED):
        was = load_u64(tally, (position, what, digit, 0))
        store_u64(tally, (position, what, digit, 0), was ^ bits)
        bits = was & bits


@inlined
def _add_look(tally, spins, box, positions):
    """Count spins +1, and spins that differ from the next one along each axis.

    The counters of a position are (1 + axes, COUNTED, 8) words of `tally`, digit by digit.
    """
    for position in positions:
        cell = box.cells[position]
        x = load_u64(spins, (cell, 0))
        _count(tally, position, 0, x)
        for axis in range(len(box.strides)):
            _count(tally, position, 1 + axis, x ^ load_u64(spins, (cell + box.strides[axis], 0)))


@inlined
def _bytes_of(byte):
    """The bits of a byte as eight bytes 0 or 1, the lowest first."""
    return ((byte * _EIGHT_BYTES & _DIAGONAL) + _BELOW_TOP) >> np.uint64(7) & _EIGHT_BYTES


@kernel
def take_counts(counts, tally, what, box):
    """Move one kind of counters to the sites, (n,) uint8, and begin anew."""
    for position in range(len(box.cells)):
        first = box.position_sites[position]
        for word in range(8):
            for low in range(0, 64, 8):
                eight = np.uint64(0)
                for digit in range(COUNTED):
                    byte = tally[position, what, digit, word] >> np.uint64(low) & np.uint64(255)
                    eight += _bytes_of(byte) << np.uint64(digit)
                for lane in range(8):
                    count = np.uint8(eight >> np.uint64(8 * lane) & np.uint64(255))
                    counts[first + box.lane_sites[64 * word + low + lane]] = count
            for digit in range(COUNTED):
                tally[position, what, digit, word] = 0


@kernel
def add_site_sums(sums, counts, looks):
    """Raise Σ s_i, (n,) int64, by looks at which so many were +1."""
    for site in range(len(sums)):
        sums[site] += 2 * np.int64(counts[site]) - looks


@kernel
def add_edge_sums(sums, counts, looks, indptr, indices, stride, side):
    """Raise Σ s_i s_j of the edges along an axis, in row order, by looks at which so many differed.

    The count of an edge is that of the site from which it goes to the next one along the axis.
    """
    edge = 0
    for site in range(len(indptr) - 1):
        for k in range(indptr[site], indptr[site + 1]):
            distance = indices[k] - site
            if distance > 0:
                if distance == stride:
                    sums[edge] += looks - 2 * np.int64(counts[site])
                elif distance == stride * (side - 1):
                    sums[edge] += looks - 2 * np.int64(counts[indices[k]])
                edge += 1


@inlined
def _wanted(spins, bonds, axis, cell, stride):
    """What the two neighbours along an axis want the spin to be."""
    ahead = load_u64(spins, (cell + stride, 0)) ^ load_u64(bonds, (axis, cell, 0))
    behind = load_u64(spins, (cell - stride, 0)) ^ load_u64(bonds, (axis, cell - stride, 0))
    return ahead, behind


@inlined
def _field_of_4(spins, bonds, cell, strides):
    """Which lanes want up; and for the field f/J: whether |f| is 0, and which threshold it has."""
    a, b = _wanted(spins, bonds, 0, cell, strides[0])
    c, d = _wanted(spins, bonds, 1, cell, strides[1])
    ones, twos = a ^ b ^ c, majority(a, b, c)
    odd, carry = ones ^ d, ones & d
    middle = twos ^ carry
    up = (twos & carry) | (odd & middle)
    return up, middle & ~odd, odd, odd


@inlined
def _field_of_6(spins, bonds, cell, strides):
    """The same for six neighbours."""
    a, b = _wanted(spins, bonds, 0, cell, strides[0])
    c, d = _wanted(spins, bonds, 1, cell, strides[1])
    e, f = _wanted(spins, bonds, 2, cell, strides[2])
    low, high = a ^ b ^ c, d ^ e ^ f
    odd, carry = low ^ high, low & high
    twos, more = majority(a, b, c), majority(d, e, f)
    middle = twos ^ more ^ carry
    up = majority(twos, more, carry)
    return up, odd & middle, odd, middle ^ up


@inlined
def _threshold(axes, planes, plane, odd, inner):
    """One bit of the threshold of every lane: |f|/J is 2 or 4 where an odd number of neighbours wants up."""
    if axes == 2:
        return choose(odd, splat_u64(planes[plane, 0]), splat_u64(planes[plane, 1]))
    even = choose(inner, splat_u64(planes[plane, 0]), splat_u64(planes[plane, 2]))
    return choose(odd, splat_u64(planes[plane, 1]), even)


@inlined
def _compared(words, threshold, below, open_lanes):
    """One more bit of u: an open lane falls below its threshold as this bit decides, and may stay open."""
    return choose(open_lanes, threshold, below), open_lanes & ~(words ^ threshold)


@inlined
def _below(axes, planes, bits, tie, odd, inner, even_stream, odd_stream):
    """Lanes with u < threshold, from most significant bits on; ties compare with ½, so that their first bit decides."""
    words, even_stream = next_words(even_stream)
    threshold = _threshold(axes, planes, 0, odd, inner) | tie
    below = threshold & ~words
    open_lanes = ~(words ^ threshold) & ~tie
    for pair in range(PAIRS):
        words, odd_stream = next_words(odd_stream)
        threshold = _threshold(axes, planes, 2 * pair + 1, odd, inner)
        below, open_lanes = _compared(words, threshold, below, open_lanes)
        words, even_stream = next_words(even_stream)
        threshold = _threshold(axes, planes, 2 * pair + 2, odd, inner)
        below, open_lanes = _compared(words, threshold, below, open_lanes)
    plane = DRAWN
    while plane < bits and any_of(open_lanes != splat_u64(0)):
        words, even_stream = next_words(even_stream)
        threshold = _threshold(axes, planes, plane, odd, inner)
        below, open_lanes = _compared(words, threshold, below, open_lanes)
        plane += 1
    # Where all bits were equal, u is the threshold itself.
    return below & ~open_lanes, even_stream, odd_stream


def _sweeper(axes):
    @kernel
    def sweep(
        spins, bonds, box, thresholds, bits, metropolis, streams, every, posed, unsatisfied, fewest, best, draws, tally,
        arrivals, workers, worker,
    ):  # fmt: skip
        """Sweep once per row of thresholds, and look after every `every`-th sweep.

        Every worker calls it with the same arrays.

        Parameters
        ----------
        spins : (cells, 8) uint64, changed in place
        bonds : (axes, cells, 8) uint64
            Bit set: the coupling to the next site along the axis is negative.
        box : Box
        thresholds : (steps, axes) uint64
            Column a: 2^bits times the probability to go against a field |f| = 2(a + 1) J, below 2^bits.
        bits : int
            16, 24 or 32.
        metropolis : bool
            Spins that the field favours leave it with the given probability, others always flip.
        streams : (2 domains, 4, 8) uint64, changed in place
            States of the generators, two to a domain. Bits 0, 2, … of u come from the first, bits 1, 3, … from the
            second, and those after the first 13 from the first.
        every : int
        posed : (axes, cells, 8) uint64
            The bonds whose energy is noted.
        unsatisfied : (looks,) int64
            Zeros, raised by the number of unsatisfied bonds at each look; none are taken where it is empty.
        fewest : int
            What is best must have fewer unsatisfied bonds than this.
        best : (cells, 8) uint64
            Filled with the spins of the first look that left fewest bonds unsatisfied, if any did.
        draws : (looks, n) int8
            Filled with the spins of each look, unless it is empty.
        tally : (positions, 1 + axes, COUNTED, 8) uint64
            Raised at each look, of which it holds `MOST_LOOKS`; unless it is empty.
        arrivals : (1,) int64
            Zero, where workers meet.
        workers, worker : int
            How many, and which of them this is.

        Returns
        -------
        int
            Number of spins that changed (toggles) in the domains of this worker.
        """
        domains = box.domains.shape[1] - 1
        first, last = domains * worker // workers, domains * (worker + 1) // workers
        planes = np.zeros((32, 3), dtype=np.uint64)
        toggles = splat_u64(0)
        due = 0
        for step in range(len(thresholds)):
            for plane in range(bits):
                for axis in range(axes):
                    planes[plane, axis] = -(thresholds[step, axis] >> np.uint64(bits - 1 - plane) & _1)
            for phase in range(2):
                for domain in range(first, last):
                    even_stream = load_stream(streams, 2 * domain)
                    odd_stream = load_stream(streams, 2 * domain + 1)
                    for position in range(box.domains[phase, domain], box.domains[phase, domain + 1]):
                        cell = box.cells[position]
                        old = load_u64(spins, (cell, 0))
                        if axes == 2:
                            up, tie, odd, inner = _field_of_4(spins, bonds, cell, box.strides)
                        else:
                            up, tie, odd, inner = _field_of_6(spins, bonds, cell, box.strides)
                        against, even_stream, odd_stream = _below(
                            axes, planes, bits, tie, odd, inner, even_stream, odd_stream
                        )
                        if metropolis:
                            against = (against | tie) & ~(old ^ up)
                        new = up ^ against
                        toggles = toggles + popcount(new ^ old)
                        store_u64(spins, (cell, 0), new)
                        if box.faces[position]:
                            _mirror(spins, box, position, new)
                    store_stream(streams, 2 * domain, even_stream)
                    store_stream(streams, 2 * domain + 1, odd_stream)
                due += workers
                meet(arrivals, due)
            if len(unsatisfied) and (step + 1) % every == 0:
                look = step // every
                for phase in range(2):
                    positions = range(box.domains[phase, first], box.domains[phase, last])
                    add_shared(unsatisfied, look, _unsatisfied(spins, posed, box, positions))
                    if len(draws):
                        _unpack(draws[look], spins, box, positions)
                    if len(tally):
                        _add_look(tally, spins, box, positions)
                due += workers
                meet(arrivals, due)
                if unsatisfied[look] < fewest:
                    fewest = unsatisfied[look]
                    for phase in range(2):
                        for position in range(box.domains[phase, first], box.domains[phase, last]):
                            cell = box.cells[position]
                            store_u64(best, (cell, 0), load_u64(spins, (cell, 0)))
        return np.int64(total(toggles))

    return sweep


sweep_square = _sweeper(2)
sweep_cubic = _sweeper(3)
