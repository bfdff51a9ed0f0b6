"""Bit-parallel sweeps of Ising models with small integer couplings, 512 chains to a vector.

A site is one 512-bit vector, and a chain one bit of it: set where the spin is +1. So chains are lanes, sites may move
in any order, and an update is a few hundred logical instructions for all 512 chains.

**Field.** A neighbour votes +1 or −1 for the site, by its spin and the sign of the coupling; one with coupling k·unit
votes |k| times. With m of d votes for +1 the field is f = unit·(2m − d) + h. Votes are counted by carry-save adders
into bit planes, low bit first, so that one instruction adds a bit of 512 chains.

**Decision.** The spin that f favours is taken unless u < p, where p = 1/(1 + e^(2β|f|)) is rounded to the nearest
multiple of 2^−bits. The number u is compared from its highest bit on, one random word a bit: a chain is decided at
the first bit where u and p differ. All chains are after about 12 bits, so words are drawn by fours, three times at
least, and further ones only while a chain is open. The bits of one chain are drawn for it alone, and its probability
is exact to the stated bits; how many words a decision takes depends on all 512 chains of the block.
Under the Metropolis rule a spin takes the sign of f, or, where it has it, leaves it if u < e^(−2β|f|).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from pbits.kernels import simd
from pbits.kernels.bitplanes import look
from pbits.kernels.jit import inlined, kernel, part
from pbits.kernels.simd import (
    any_of,
    choose,
    gather_row,
    load_row,
    load_u64,
    majority,
    popcount,
    splat_u64,
    store_row,
    total,
    u64x8,
)
from pbits.kernels.xoshiro import load_pair, next_of_pair, store_pair

SITE, CLASS, SPAN, START, REACH, FORM = 0, 1, 2, 5, 6, 7
WIDE, TWO_SIDED, HAS_ZERO = 1, 2, 4
_1 = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
# Bits of u that every decision draws, before it looks whether a chain is open. After 12 one is with probability
# 2^−12, some of the 512 in 12 % of the decisions.
_DRAWN = 12


class Tables(NamedTuple):
    """Thresholds of classes of sites (one unit, h, and where f and −f differ one degree), at levels of β.

    Attributes
    ----------
    fields : (classes, 2 Z) float64
        |f| in rising order: Z numbers of f ≥ 0, or of both signs where h = 0; then Z numbers of f < 0. −1 is no field.
    at : (levels,) float64
        The β that `limits` is for.
    limits : (levels, classes, 2 Z) uint64
        p·2^bits.
    planes : (slots, 2 Z, bits) or (slots, 2 Z, bits, 8) uint64
        The bits of `limits`, highest first, each spread over a word (one β for all) or a vector (each chain its own).
    reach : (slots, 2) int64
        How many fields of either half have p > 0, up to the last of them.
    picks : (slots, 2 Z, 2) int64
        The fields with p > 0, in three kinds: of the heat bath those with p = ½, of Metropolis those with p = 1, and
        the others. The first number is the row of `marks` (see `run_any`), the second the field.
    kinds : (slots, 3) int64
        Where in `picks` each kind ends.
    held : (slots,) int64
        The class in each slot, or −1.
    level_of : (512,) int64
        The level of each chain.
    """

    fields: NDArray[np.float64]
    at: NDArray[np.float64]
    limits: NDArray[np.uint64]
    planes: NDArray[np.uint64]
    reach: NDArray[np.int64]
    picks: NDArray[np.int64]
    kinds: NDArray[np.int64]
    held: NDArray[np.int64]
    level_of: NDArray[np.int64]


# ---- thresholds ----------------------------------------------------------------------------------------------------


@inlined
def _limits(tables, betas, bits, metropolis):
    """Bring `limits` to the β of each level, where it is not there yet."""
    full = 2.0**bits
    changed = False
    for level in range(len(tables.at)):
        beta = betas[level]
        if tables.at[level] == beta:
            continue
        changed = True
        tables.at[level] = beta
        for row in range(tables.fields.shape[0]):
            for k in range(tables.fields.shape[1]):
                field = tables.fields[row, k]
                p = np.exp(-2.0 * beta * field) if metropolis else 1.0 / (1.0 + np.exp(2.0 * beta * field))
                tables.limits[level, row, k] = np.uint64(np.floor(p * full + 0.5)) if field >= 0.0 else np.uint64(0)
    if changed:
        for slot in range(len(tables.held)):
            tables.held[slot] = -1


@part
def _hold(tables, slot, row, bits, metropolis):
    """Spread the limits of one class over a slot, unless it is there."""
    if tables.held[slot] == row:
        return
    tables.held[slot] = row
    reach, picks, limits = tables.reach, tables.picks, tables.limits
    reach[slot, 0], reach[slot, 1] = 0, 0
    full = _1 << np.uint64(bits)
    # The largest p of the rule. Fields that have it come before all others, so that `_sweep_any` can tell these by it;
    # ½ under the Metropolis rule is a p like any other.
    largest = full if metropolis else full >> _1
    width = tables.fields.shape[1]
    side = width // 2
    kinds = np.empty(width, dtype=np.int64)
    for k in range(width):
        low, high = limits[0, row, k], limits[0, row, k]
        for level in range(1, len(tables.at)):
            low, high = min(low, limits[level, row, k]), max(high, limits[level, row, k])
        kinds[k] = -1 if high == 0 else 2 if low < largest else 1 if metropolis else 0
        if high > 0:
            reach[slot, k // side] = k % side + 1
            _spread(tables.planes, slot, k, limits, row, tables.level_of, bits)
    found = 0
    for kind in range(3):
        for k in range(width):
            if kinds[k] == kind:
                picks[slot, found, 0] = k if k < side else k - side + _room(reach[slot, 0])
                picks[slot, found, 1] = k
                found += 1
        tables.kinds[slot, kind] = found


@inlined
def _room(count):
    """The power of two that holds `count` numbers."""
    room = 1
    while room < count:
        room *= 2
    return room


def _spread(planes, slot, k, limits, row, level_of, bits):
    """Write the bits of one limit, highest first, all ones where it is 2^bits."""


@overload(_spread)
def _spread_by_shape(planes, slot, k, limits, row, level_of, bits):
    def one_for_all(planes, slot, k, limits, row, level_of, bits):
        limit = min(limits[0, row, k], (_1 << np.uint64(bits)) - _1)
        for bit in range(bits):
            planes[slot, k, bit] = _ALL if limit >> np.uint64(bits - 1 - bit) & _1 else np.uint64(0)

    def each_its_own(planes, slot, k, limits, row, level_of, bits):
        planes[slot, k] = 0
        for chain in range(len(level_of)):
            limit = min(limits[level_of[chain], row, k], (_1 << np.uint64(bits)) - _1)
            for bit in range(bits):
                one = limit >> np.uint64(bits - 1 - bit) & _1
                planes[slot, k, bit, chain // 64] |= one << np.uint64(chain % 64)

    return one_for_all if planes.ndim == 3 else each_its_own


def _plane(context, builder, array_type, array, indices):
    """One plane as a vector; its last axis, where there is a fourth, is the vector itself."""
    zero = ir.Constant(ir.IntType(64), 0)
    indices = [*indices, zero] if array_type.ndim == 4 else indices
    view = context.make_array(array_type)(context, builder, array)
    position = zero
    for axis, index in enumerate(indices):
        position = builder.add(builder.mul(position, builder.extract_value(view.shape, axis)), index)
    pointer = builder.gep(view.data, [position])
    if array_type.ndim == 3:
        return simd.splatted(builder, builder.load(pointer), u64x8.llvm)
    return builder.load(builder.bitcast(pointer, u64x8.llvm.as_pointer()), align=8)


# ---- sites of one degree -------------------------------------------------------------------------------------------


def _column_sums(builder, votes):
    """Bit planes of the number of votes, low bit first, by a tree of carry-save adders."""
    columns = [list(votes)]
    for place, column in enumerate(columns):
        if len(column) > 1 and place + 1 == len(columns):
            columns.append([])
        while len(column) > 2:
            a, b, c, *rest = column
            half = builder.xor(a, b)
            column[:] = [*rest, builder.xor(half, c)]
            columns[place + 1].append(builder.or_(builder.and_(a, b), builder.and_(half, c)))
        if len(column) == 2:
            a, b = column
            column[:] = [builder.xor(a, b)]
            columns[place + 1].append(builder.and_(a, b))
    return [column[0] for column in columns]


@intrinsic
def _votes(typingctx, words, neighbours, signs, row, shape):
    """The votes of the neighbours of one site, as many as `shape` is long."""
    degree = len(shape)
    votes = types.UniTuple(u64x8, degree)

    def codegen(context, builder, sig, args):
        states, others, flips = (context.make_array(sig.args[k])(context, builder, args[k]).data for k in range(3))
        first = builder.mul(args[3], ir.Constant(ir.IntType(64), degree))
        result = context.get_constant_undef(votes)
        for k in range(degree):
            at = builder.add(first, ir.Constant(ir.IntType(64), k))
            other = builder.zext(builder.load(builder.gep(others, [at])), ir.IntType(64))
            pointer = builder.gep(states, [builder.mul(other, ir.Constant(ir.IntType(64), 8))])
            spin = builder.load(builder.bitcast(pointer, u64x8.llvm.as_pointer()), align=8)
            flip = simd.splatted(builder, builder.load(builder.gep(flips, [at])), u64x8.llvm)
            result = builder.insert_value(result, builder.xor(spin, flip), k)
        return result

    return votes(words, neighbours, signs, types.intp, shape), codegen


@intrinsic
def _weighed(typingctx, votes):
    """What d votes say: (f ≥ 0, f = 0, |f| = the first field, |f| = the second …), as in `fields` of one degree."""
    degree = votes.count
    kinds = types.UniTuple(u64x8, 2 + (degree + 1) // 2)

    def codegen(context, builder, sig, args):
        sums = _column_sums(builder, [builder.extract_value(args[0], k) for k in range(degree)])

        def is_any(counts):
            result = ir.Constant(u64x8.llvm, None)
            for count in counts:
                term = None
                for place, plane in enumerate(sums):
                    literal = plane if count >> place & 1 else builder.not_(plane)
                    term = literal if term is None else builder.and_(term, literal)
                result = builder.or_(result, term)
            return result

        fields = {count: abs(2 * count - degree) for count in range(degree + 1)}
        distinct = sorted(set(fields.values()) - {0})
        groups = [
            [count for count in fields if 2 * count >= degree],
            *([count for count in fields if fields[count] == field] for field in [0, *distinct]),
        ]
        result = context.get_constant_undef(kinds)
        for k, counts in enumerate(groups):
            result = builder.insert_value(result, is_any(counts), k)
        return result

    return kinds(votes), codegen


@intrinsic
def _threshold(typingctx, kinds, planes, bit):
    """One bit of p for every chain, by its field."""

    def codegen(context, builder, sig, args):
        result = ir.Constant(u64x8.llvm, None)
        for k in range(kinds.count - 2):
            place = [ir.Constant(ir.IntType(64), 0), ir.Constant(ir.IntType(64), k), args[2]]
            plane = _plane(context, builder, sig.args[1], args[1], place)
            result = builder.or_(result, builder.and_(builder.extract_value(args[0], k + 2), plane))
        return result

    return u64x8(kinds, planes, types.intp), codegen


@inlined
def _compare(less, open_, threshold, words):
    """One bit of u < p: a chain takes the bit of p while it is open, and closes where that of u differs."""
    return choose(open_, threshold, less), open_ & ~(threshold ^ words)


@inlined
def _four_of_degree(less, open_, even, kinds, planes, first, pair):
    """Compare four bits, from `first` on, at one degree; `even` adds to the highest."""
    for bit in range(4):
        words, pair = next_of_pair(pair)
        threshold = _threshold(kinds, planes, first + bit)
        if bit == 0:
            threshold = threshold | even
        less, open_ = _compare(less, open_, threshold, words)
    return less, open_, pair


@inlined
def _sweep_degree(words, streams, graph, shape, tables, bits, metropolis, valid):
    """One sweep over sites of one degree; returns the toggles."""
    sites, neighbours, signs = graph
    planes = tables.planes
    pair = load_pair(streams, 0)
    none = splat_u64(0)
    greedy = splat_u64(_ALL if metropolis else np.uint64(0))
    counted = load_u64(valid, 0)
    toggles = none
    for row in range(len(sites)):
        old = load_row(words, sites[row])
        kinds = _weighed(_votes(words, neighbours, signs, row, shape))
        up = kinds[0]
        even = kinds[1]
        # Where it does not have the spin that f favours, the Metropolis rule takes that one without a draw.
        may = ~(greedy & (old ^ up))
        less, open_, first = none, may, 0
        while first < _DRAWN or (first < bits and any_of(open_ != none)):
            less, open_, pair = _four_of_degree(less, open_, even, kinds, planes, first, pair)
            if first == 0:
                less = less | (even & greedy & may)
                open_ = open_ & ~even
                even = none
            first += 4
        new = up ^ (less & ~open_)
        toggles = toggles + popcount((new ^ old) & counted)
        store_row(words, sites[row], new)
    store_pair(streams, 0, pair)
    return total(toggles)


@kernel
def run_degree(words, streams, graph, shape, tables, betas, bits, metropolis, valid, every, notes):
    """Sweep once per β sites that all have the same degree and one unit of field, and h = 0.

    Parameters
    ----------
    words : (n + 2, 8) uint64, changed in place
        States; row n is all ones, row n + 1 all zeros.
    streams : (2, 4, 8) uint64, changed in place
        States of the generators.
    graph : (sites, neighbours, signs)
        Sites that move, in order, (m,) int64; their neighbours, (m, degree) uint32, as often as they vote; and
        (m, degree) uint64, all ones where the coupling is negative.
    shape : tuple of as many numbers as the degree
        It makes the degree known to the compiler.
    tables : Tables
        One class, with |f| from the smallest above 0 on.
    betas : (steps, levels) float64
    bits : int
        Resolution of a decision, a multiple of 4.
    metropolis : bool
    valid : (8,) uint64
        The chains whose toggles count.
    every : int
        Look after every that many sweeps; 0 is never.
    notes : Notes

    Returns
    -------
    int
        Toggles of the valid chains.
    """
    toggles = 0
    for step in range(len(betas)):
        _limits(tables, betas[step], bits, metropolis)
        _hold(tables, 0, 0, bits, metropolis)
        toggles += _sweep_degree(words, streams, graph, shape, tables, bits, metropolis, valid)
        if every > 0 and (step + 1) % every == 0:
            look(words, valid, step // every, notes)
    return toggles


# ---- sites of any degree -------------------------------------------------------------------------------------------


@intrinsic
def _add_planes(typingctx, thresholds, mark, planes, slot, field, first):
    """Add bits `first` … of the p of one field, as many as `thresholds` are, in the chains that `mark` has."""

    def codegen(context, builder, sig, args):
        result = args[0]
        for k in range(thresholds.count):
            bit = builder.add(args[5], ir.Constant(ir.IntType(64), k))
            plane = _plane(context, builder, sig.args[2], args[2], [args[3], args[4], bit])
            known = builder.extract_value(args[0], k)
            result = builder.insert_value(result, builder.or_(known, builder.and_(args[1], plane)), k)
        return result

    return thresholds(thresholds, mark, planes, types.intp, types.intp, types.intp), codegen


@inlined
def _add_four(p0, p1, p2, words, neighbours, first):
    """Add four votes to the three low planes of a number; returns them and what is carried."""
    a = gather_row(words, neighbours, first)
    b = gather_row(words, neighbours, first + 1)
    c = gather_row(words, neighbours, first + 2)
    d = gather_row(words, neighbours, first + 3)
    half = p0 ^ a ^ b
    two = majority(p0, a, b)
    also = majority(half, c, d)
    four = majority(p1, two, also)
    return half ^ c ^ d, p1 ^ two ^ also, p2 ^ four, p2 & four


@inlined
def _keep_digit(digits, place, digit, carry):
    """Store one bit plane of a number + carry; returns the carry to the next."""
    store_row(digits, place, digit ^ carry)
    return digit & carry


@inlined
def _count_few(digits, words, rows, neighbours, starts, row):
    """Count the votes of a site in six bit planes; stores |x| and returns where x < 0."""
    start = 9 * rows[row, START]
    p0, p1, p2 = splat_u64(starts[start]), splat_u64(starts[start + 1]), splat_u64(starts[start + 2])
    p3, p4, p5 = splat_u64(starts[start + 3]), splat_u64(starts[start + 4]), splat_u64(starts[start + 5])
    first, turn, end = rows[row, SPAN], rows[row, SPAN + 1], rows[row, SPAN + 2]
    while first < turn:
        p0, p1, p2, carry = _add_four(p0, p1, p2, words, neighbours, first)
        p3, carry = p3 ^ carry, p3 & carry
        p4, carry = p4 ^ carry, p4 & carry
        p5 = p5 ^ carry
        first += 4
    p0, p1, p2, p3, p4, p5 = ~p0, ~p1, ~p2, ~p3, ~p4, ~p5
    while first < end:
        p0, p1, p2, carry = _add_four(p0, p1, p2, words, neighbours, first)
        p3, carry = p3 ^ carry, p3 & carry
        p4, carry = p4 ^ carry, p4 & carry
        p5 = p5 ^ carry
        first += 4
    carry = p5 if rows[row, FORM] & HAS_ZERO else splat_u64(0)
    carry = _keep_digit(digits, 0, p0 ^ p5, carry)
    carry = _keep_digit(digits, 1, p1 ^ p5, carry)
    carry = _keep_digit(digits, 2, p2 ^ p5, carry)
    carry = _keep_digit(digits, 3, p3 ^ p5, carry)
    carry = _keep_digit(digits, 4, p4 ^ p5, carry)
    return p5


@part
def _count_many(digits, words, rows, neighbours, starts, row):
    """The same in nine bit planes; stores where x < 0 as the ninth."""
    start = 9 * rows[row, START]
    p0, p1, p2 = splat_u64(starts[start]), splat_u64(starts[start + 1]), splat_u64(starts[start + 2])
    p3, p4, p5 = splat_u64(starts[start + 3]), splat_u64(starts[start + 4]), splat_u64(starts[start + 5])
    p6, p7, p8 = splat_u64(starts[start + 6]), splat_u64(starts[start + 7]), splat_u64(starts[start + 8])
    for first in range(rows[row, SPAN], rows[row, SPAN + 2], 4):
        if first == rows[row, SPAN + 1]:
            p0, p1, p2, p3, p4, p5, p6, p7, p8 = ~p0, ~p1, ~p2, ~p3, ~p4, ~p5, ~p6, ~p7, ~p8
        p0, p1, p2, carry = _add_four(p0, p1, p2, words, neighbours, first)
        p3, carry = p3 ^ carry, p3 & carry
        p4, carry = p4 ^ carry, p4 & carry
        p5, carry = p5 ^ carry, p5 & carry
        p6, carry = p6 ^ carry, p6 & carry
        p7, carry = p7 ^ carry, p7 & carry
        p8 = p8 ^ carry
    if rows[row, SPAN + 1] == rows[row, SPAN + 2]:
        p0, p1, p2, p3, p4, p5, p6, p7, p8 = ~p0, ~p1, ~p2, ~p3, ~p4, ~p5, ~p6, ~p7, ~p8
    carry = p8 if rows[row, FORM] & HAS_ZERO else splat_u64(0)
    carry = _keep_digit(digits, 0, p0 ^ p8, carry)
    carry = _keep_digit(digits, 1, p1 ^ p8, carry)
    carry = _keep_digit(digits, 2, p2 ^ p8, carry)
    carry = _keep_digit(digits, 3, p3 ^ p8, carry)
    carry = _keep_digit(digits, 4, p4 ^ p8, carry)
    carry = _keep_digit(digits, 5, p5 ^ p8, carry)
    carry = _keep_digit(digits, 6, p6 ^ p8, carry)
    carry = _keep_digit(digits, 7, p7 ^ p8, carry)
    store_row(digits, 8, p8)


@inlined
def _split(marks, start, root, digits, places, limit):
    """Mark, for every number below `limit`, the chains of `root` whose digits say it, from row `start` of `marks`.

    Returns the row after those used.
    """
    used = 0
    while limit > 1 << used:
        used += 1
    for place in range(used, places):
        root = root & ~load_row(digits, place)
    store_row(marks, start, root)
    found = 1
    for place in range(used - 1, -1, -1):
        digit = load_row(digits, place)
        for k in range(start + found - 1, start - 1, -1):
            mark = load_row(marks, k)
            store_row(marks, 2 * k + 1 - start, mark & digit)
            store_row(marks, 2 * k - start, mark & ~digit)
        found *= 2
    return start + found


@part
def _sweep_any(words, streams, graph, scratch, tables, bits, metropolis, valid, begin, end, by_row):
    """Sweep rows begin … end − 1, of any degree; their classes are in slots of that number, or `by_row` in turn.

    Returns the toggles.
    """
    rows, neighbours, starts = graph
    digits, marks = scratch
    planes, reach, picks = tables.planes, tables.reach, tables.picks
    pair = load_pair(streams, 0)
    none = splat_u64(0)
    greedy = splat_u64(_ALL if metropolis else np.uint64(0))
    counted = load_u64(valid, 0)
    toggles = none
    for number in range(begin, end):
        row = np.uint64(number)
        slot = np.uint64(number - begin if by_row else rows[row, CLASS])
        form = rows[row, FORM]
        if form & WIDE:
            _count_many(digits, words, rows, neighbours, starts, row)
            down = load_row(digits, 8)
            places = 8
        else:
            down = _count_few(digits, words, rows, neighbours, starts, row)
            places = 5
        root = ~down if form & TWO_SIDED else ~none
        limit = min(reach[slot, 0], rows[row, REACH])
        room = _split(marks, 0, root, digits, places, limit)
        if reach[slot, 1] > 0:
            _split(marks, room, down, digits, places, reach[slot, 1])
        if form & WIDE:
            # Others leave them zero.
            for place in range(5, 8):
                store_row(digits, place, none)
        even, sure = none, none
        end_even, end_sure, end_open = tables.kinds[slot, 0], tables.kinds[slot, 1], tables.kinds[slot, 2]
        for k in range(end_even):
            even = even | load_row(marks, picks[slot, np.uint64(k), 0])
        for k in range(end_even, end_sure):
            sure = sure | load_row(marks, picks[slot, np.uint64(k), 0])
        if not form & TWO_SIDED:
            # Leave out fields beyond its degree. Where such have the largest p all smaller ones do: no need to look.
            end_open = min(end_open, end_sure + limit - picks[slot, np.uint64(end_sure), 1])

        site = rows[row, SITE]
        old = load_row(words, site)
        may = ~(greedy & ~(old ^ down))
        less, open_, first = none, may, 0
        while first < _DRAWN or (first < bits and any_of(open_ != none)):
            thresholds = (even, none, none, none)
            for k in range(end_sure, end_open):
                mark = load_row(marks, picks[slot, np.uint64(k), 0])
                thresholds = _add_planes(thresholds, mark, planes, slot, picks[slot, np.uint64(k), 1], first)
            for threshold in thresholds:
                drawn, pair = next_of_pair(pair)
                less, open_ = _compare(less, open_, threshold, drawn)
            if first == 0:
                open_ = open_ & ~(even | sure)
                even = none
            first += 4
        new = ~down ^ ((less & ~open_) | (sure & may))
        toggles = toggles + popcount((new ^ old) & counted)
        store_row(words, site, new)
    store_pair(streams, 0, pair)
    return total(toggles)


@kernel
def run_any(words, streams, graph, scratch, tables, betas, bits, metropolis, valid, every, notes):
    """Sweep once per β sites of any degree, unit and h; parameters as in `run_degree` but for these.

    Parameters
    ----------
    graph : (rows, neighbours, starts)
        A row of `rows`, (m, 8) int64, for each site that moves, in order; x is the number of votes for +1 above the
        smallest with f ≥ 0, in two's complement.

        - SITE, CLASS : the site and its class.
        - SPAN and the two columns after it : ends a, b, c so that ``neighbours[a:b]`` (uint32) are those with a
          negative and ``neighbours[b:c]`` those with a positive coupling, as often as they vote and filled up to
          fours with the site n + 1.
        - START : a number so that, counted up by the former, turned to −1 − itself, and counted up by the latter,
          it ends as x. ``starts[9 * s:9 * s + 9]`` are the bits of the number s < 512, each spread over a word.
        - REACH : how many fields of the first half a site of its degree can have.
        - FORM : with WIDE where x takes nine bits and not six; with TWO_SIDED where f and −f have fields of their
          own; with HAS_ZERO where they do not and f = 0 exists, so that |x| is the number of the field (else that is
          −1 − x for x < 0).
    scratch : (digits, marks)
        Room for (9, 8) and (4 Z, 8) uint64. A row of `marks` says which chains have a field: those of the first half
        of `fields` lie from row 0 on, and those of the second from the power of two on that holds the first.
    """
    classes, slots = len(tables.fields), len(tables.held)
    rows = graph[0]
    at_once = classes <= slots
    batch = max(len(rows), 1) if at_once else slots
    toggles = 0
    for step in range(len(betas)):
        _limits(tables, betas[step], bits, metropolis)
        for row in range(classes if at_once else 0):
            _hold(tables, row, row, bits, metropolis)
        for begin in range(0, len(rows), batch):
            end = min(begin + batch, len(rows))
            for row in range(begin, end if not at_once else begin):
                _hold(tables, row - begin, rows[row, CLASS], bits, metropolis)
            toggles += _sweep_any(
                words, streams, graph, scratch, tables, bits, metropolis, valid, begin, end, not at_once
            )
        if every > 0 and (step + 1) % every == 0:
            look(words, valid, step // every, notes)
    return toggles
