"""Sweeps of all-to-all Ising models: narrow integer couplings, thresholds drawn ahead, exact where it is close.

A coupling is a fixed-point number, J_ij = unit·(high_ij + fine·low_ij), with `high` of 8 or 16 bits and `low` in
digits of 16. Each chain keeps Σ_j high_ij x_j of the bits x = (1 + s)/2 up to date as integers, so nothing drifts.
A decision u < σ(2βgI) is I > ln(u/(1 − u))/(2βg): the right side depends on no spin, and is computed for many sites
at once, in float32. Where `high` and float32 cannot tell, the field is summed with `low` too and the decision made in
float64; so every decision is that of the fixed-point couplings in double precision.

Four changed spins wait until their rows of `high` are added together, in `high`'s own width: four entries of at most
a quarter of its range cannot overflow it. Until then a field adds the entries of the waiting rows.

Looks wait too: `low` serves their energies alone, and a row of it is fetched once for all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.cpython.unsafe.numbers import trailing_zeros
from numba.extending import intrinsic

from pbits.kernels.jit import inlined, kernel, part
from pbits.kernels.philox import philox4x32, to_uniform
from pbits.kernels.simd import (
    absolute,
    as_f32,
    as_i32,
    bits_of,
    floor,
    i32x16,
    lane_of,
    load_f32,
    load_i32,
    load_u32,
    select,
    shr,
    splat_f32,
    splat_i32,
    store_i32,
    to_f32,
    to_i32,
)

CHUNK = 512
"""Sites handled at a time: many, since a chunk costs some hundred ns of its own."""
CERTAIN = np.float32(2.0**30)
"""Beyond every sum of a row of `high`."""
FLAT = np.float32(1e30)
"""The steepest threshold, of β = 0 or of no gain; its products stay finite."""
BASE = 65534
"""Of the digits of `low`, rounded to nearest: at most half of it in magnitude."""
WAITING = 64
"""Looks of a block of chains that may wait: one for each bit of a word."""
ROUNDING = np.float32(2.0**-19)
"""Bound on the error of a threshold over the size of its terms: four times that of the logarithm."""


class Couplings(NamedTuple):
    """A model in fixed point; n sites in the order in which they move, rows padded with zeros to `columns`.

    Attributes
    ----------
    high : (n + 1, columns) int8 or int16
        Leading digits, at most a quarter of the range in magnitude; the last row is zero.
    low : (digits, n + 1, columns) int16
        Digits below, of base `BASE`, the most significant first: low_ij = Σ_p low_pij·BASE^(digits − 1 − p). No digits
        where `high` is exact.
    totals : (n,) int64
        Row sums of `high`.
    h, gains : (columns,) float64
    unit, fine : float
        J = unit·(high + fine·low).
    """

    high: np.ndarray
    low: np.ndarray
    totals: np.ndarray
    h: np.ndarray
    gains: np.ndarray
    unit: float
    fine: float


class Levels(NamedTuple):
    """Site i goes up where Σ_j high_ij x_j exceeds base + slope·ln(u/(1 − u))/β by more than the slack; (columns,).

    Attributes
    ----------
    base : float32
        (totals_i − h_i/unit)/2.
    slope : float32
        1/(4·unit·g_i).
    slack : float32
        What the digits of `low` can add, and the rounding of the base.
    """

    base: np.ndarray
    slope: np.ndarray
    slack: np.ndarray


class Chains(NamedTuple):
    """The state of a block of chains.

    Attributes
    ----------
    spins : (chains, columns) int8
        Padding is −1.
    sums : (chains, columns) int32, or int16 with `high` of int8
        Σ_j high_ij x_j.
    looked : (chains, columns) int8
        The spins at the last look.
    low_pairs : (chains,) int64
        Σ_ij s_i low_ij s_j of `looked`.
    """

    spins: np.ndarray
    sums: np.ndarray
    looked: np.ndarray
    low_pairs: np.ndarray


class Waiting(NamedTuple):
    """Looks that wait for their energies, numbered look · chains + chain; one row more stands for none.

    Attributes
    ----------
    spins : (WAITING + 1, columns) int8
    agreement : (WAITING + 1, columns) int8
        (s + r)/2 of the spins s and those of the look before, r; or (s − r)/2, where that has fewer zeros.
    changed : (n,) uint64
        Bit w is set where `agreement` of look w is zero.
    low_change : (WAITING + 1,) int64
        A quarter of sᵀ·low·s − rᵀ·low·r.
    pairs : (WAITING + 1,) int64
        sᵀ·high·s.
    fields : (WAITING + 1,) float64
        hᵀs.
    """

    spins: np.ndarray
    agreement: np.ndarray
    changed: np.ndarray
    low_change: np.ndarray
    pairs: np.ndarray
    fields: np.ndarray


class Looks(NamedTuple):
    """What is noted while chains sweep.

    Attributes
    ----------
    energies : (chains, looks) float64
    draws : (chains, looks, n) int8, or (0, 0, 0) where states are not kept
    best_energy : (1,) float64
    best_state : (n,) int8
    """

    energies: np.ndarray
    draws: np.ndarray
    best_energy: np.ndarray
    best_state: np.ndarray


@intrinsic
def load_digits(typingctx, array, row, column):
    """16 elements of a C-contiguous matrix of integers from (row, column) on, widened to `i32x16`; unchecked."""
    if not (isinstance(array, types.Array) and array.ndim == 2 and array.layout == "C"):
        return None

    def codegen(context, builder, sig, args):
        view = context.make_array(sig.args[0])(context, builder, args[0])
        row, column = (context.cast(builder, args[k], sig.args[k], types.intp) for k in (1, 2))
        position = builder.add(builder.mul(row, builder.extract_value(view.shape, 1)), column)
        stored = ir.VectorType(ir.IntType(array.dtype.bitwidth), 16)
        pointer = builder.bitcast(builder.gep(view.data, [position]), stored.as_pointer())
        value = builder.load(pointer, align=array.dtype.bitwidth // 8)
        return value if stored == i32x16.llvm else builder.sext(value, i32x16.llvm)

    return i32x16(array, row, column), codegen


@kernel
def add_rows(sums, c, rows, r0, r1, r2, r3, m0, m1, m2, m3):
    """Add four rows to the sums of a chain, negated where the mask is −1, in the width of the masks.

    −r = (r ^ −1) + 1.
    """
    negated = -(m0 + m1 + m2 + m3)
    for j in range(sums.shape[1]):
        four = (rows[r0, j] ^ m0) + (rows[r1, j] ^ m1) + (rows[r2, j] ^ m2) + (rows[r3, j] ^ m3) + negated
        sums[c, j] += type(m0)(four)


@kernel
def sum_up(sums, c, rows, spins):
    """Add the rows of the spins that are up to the sums of chain c."""
    none = np.uint64(len(rows) - 1)
    keep = type(rows[0, 0])(0)
    r0 = r1 = r2 = r3 = none
    for j in range(len(rows) - 1):
        if spins[c, j] > 0:
            r3, r2, r1, r0 = r2, r1, r0, np.uint64(j)
            if r3 != none:
                add_rows(sums, c, rows, r0, r1, r2, r3, keep, keep, keep, keep)
                r0 = r1 = r2 = r3 = none
    add_rows(sums, c, rows, r0, r1, r2, r3, keep, keep, keep, keep)


@intrinsic
def add_products(typingctx, total, a, row, b, line, column):
    """Products of 32 elements of row `row` of `a`, int16, and row `line` of `b`, int8, in pairs onto an `i32x16`."""
    if total is not i32x16 or (a, b) != (types.Array(types.int16, 2, "C"), types.Array(types.int8, 2, "C")):
        return None

    def codegen(context, builder, sig, args):
        wide = ir.VectorType(ir.IntType(32), 32)

        def load(array, row):
            bits = sig.args[array].dtype.bitwidth
            stored = ir.VectorType(ir.IntType(bits), 32)
            view = context.make_array(sig.args[array])(context, builder, args[array])
            row, column = (context.cast(builder, args[k], sig.args[k], types.intp) for k in (row, 5))
            position = builder.add(builder.mul(row, builder.extract_value(view.shape, 1)), column)
            pointer = builder.bitcast(builder.gep(view.data, [position]), stored.as_pointer())
            return builder.sext(builder.load(pointer, align=bits // 8), wide)

        products = builder.mul(load(1, 2), load(3, 4))
        # Even and odd lanes: as one instruction (vpmaddwd, vpdpwssd) of these processors adds them.
        even, odd = (
            builder.shuffle_vector(products, ir.Constant(wide, ir.Undefined), ir.Constant(i32x16.llvm, lanes))
            for lanes in (list(range(0, 32, 2)), list(range(1, 32, 2)))
        )
        return builder.add(args[0], builder.add(even, odd))

    return i32x16(total, a, row, b, line, column), codegen


@intrinsic
def sum_of(typingctx, value):
    """Sum of the lanes of an `i32x16`, which 32 bits must hold."""
    if value is not i32x16:
        return None

    def codegen(context, builder, sig, args):
        lane, name = ir.IntType(32), "llvm.vector.reduce.add.v16i32"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(lane, [i32x16.llvm]), name
        )
        return builder.call(function, args)

    return types.int32(value), codegen


@kernel
def agree(waiting, w, n, spins, s, before, r):
    """Fill in `agreement` and `changed` of look w, from its spins in row s and those of the look before in row r."""
    same = 0
    for j in range(n):
        same += spins[s, j] * before[r, j]
    sign = 1 if same >= 0 else -1
    for j in range(n):
        both = (spins[s, j] + sign * before[r, j]) >> 1
        waiting.agreement[w, j] = both
        waiting.changed[j] |= np.uint64(both == 0) << np.uint64(w)


@kernel
def change_pairs(low, waiting):
    """Add up `low_change`, four looks at a time, and forget what has changed.

    sᵀLs − rᵀLr = (s − r)ᵀL(s + r): rows where the spins differ, over columns where they agree. Of r and −r, which has
    the same pairs, the closer is taken, so at most half of the rows. The sum over a row, up to 32767·n, has 32 bits.
    """
    agreement, totals = waiting.agreement, waiting.low_change
    for i in range(len(waiting.changed)):
        word = waiting.changed[i]
        waiting.changed[i] = 0
        while word:
            # A word without bits has 64 trailing zeros: look number WAITING, which stands for none.
            w0 = trailing_zeros(word)
            word &= word - np.uint64(1)
            w1 = trailing_zeros(word)
            word &= word - np.uint64(1)
            w2 = trailing_zeros(word)
            word &= word - np.uint64(1)
            w3 = trailing_zeros(word)
            word &= word - np.uint64(1)
            d0 = d1 = d2 = d3 = np.int64(0)
            for digit in range(len(low)):
                rows = low[digit]
                p0 = p1 = p2 = p3 = splat_i32(0)
                for j in range(0, rows.shape[1], 32):
                    p0 = add_products(p0, rows, i, agreement, w0, j)
                    p1 = add_products(p1, rows, i, agreement, w1, j)
                    p2 = add_products(p2, rows, i, agreement, w2, j)
                    p3 = add_products(p3, rows, i, agreement, w3, j)
                d0 = BASE * d0 + sum_of(p0)
                d1 = BASE * d1 + sum_of(p1)
                d2 = BASE * d2 + sum_of(p2)
                d3 = BASE * d3 + sum_of(p3)
            totals[w0] += waiting.spins[w0, i] * d0
            totals[w1] += waiting.spins[w1, i] * d1
            totals[w2] += waiting.spins[w2, i] * d2
            totals[w3] += waiting.spins[w3, i] * d3


@kernel
def draw_words(words, places, start, count, by_place, block, step, key0, key1):
    """Philox words of 4 chains for `count` decisions: row k is counter (block, place, step, 0).

    The place is `places[start + k]`, or start + k itself unless `by_place`.
    """
    for k in range(count):
        place = places[start + k] if by_place else np.uint64(start + k)
        four = philox4x32(block, place, step, np.uint64(0), key0, key1)
        for lane in range(4):
            words[lane, k] = np.uint32(four[lane])


@inlined
def _ln(x):
    """Natural logarithms of positive normal float32 lanes, wrong by at most 2⁻²¹ (1 + |ln x|).

    x = 2^e·(1 + y) with 1 + y between √½ and √2, and ln(1 + y) = 2 artanh(y/(2 + y)) by its series.
    """
    root_half = splat_i32(0x3F3504F3)
    offset = as_i32(x) - root_half
    y = as_f32((offset & splat_i32(0x7FFFFF)) + root_half) - splat_f32(1)
    t = y / (splat_f32(2) + y)
    q = t * t
    series = splat_f32(2) + q * (splat_f32(2 / 3) + q * (splat_f32(2 / 5) + q * splat_f32(2 / 7)))
    return to_f32(shr(offset, 23)) * splat_f32(0.6931471805599453) + t * series


@inlined
def _clipped(x):
    low, high = splat_f32(-CERTAIN), splat_f32(CERTAIN)
    return to_i32(select(x < low, low, select(x > high, high, x)))


@kernel
def thresholds(below, above, count, words, signs, levels, start, temperature, metropolis):
    """Above which sum a site surely goes up, and below which it surely does not, for `count` sites from `start`.

    Parameters
    ----------
    below, above : (CHUNK + 15,) int32
        Filled in: up where sum > above, down where sum < below, close between.
    words : (CHUNK,) uint32
        w, where u = (w + ½)/2³².
    signs : (CHUNK,) float32
        Present spins, on which a Metropolis threshold depends.
    levels : Levels
    start : int
    temperature : float32
        1/β, finite.
    """
    half = splat_f32(0.5)
    for k in range(0, count, 16):
        word = load_u32(words, k)
        u = to_f32(word) + half
        if metropolis:
            # A spin flips where u < exp(−2βg·s·I); so it is up afterwards where I > −s·ln(u)/(2βg).
            noise = -(load_f32(signs, k) * _ln(u * splat_f32(2.0**-32)))
        else:
            noise = _ln(u / (to_f32(~word) + half))
        scale = load_f32(levels.slope, start + k) * splat_f32(temperature)
        scale = select(scale < splat_f32(FLAT), scale, splat_f32(FLAT))
        term = noise * scale
        centre = load_f32(levels.base, start + k) + term
        doubt = load_f32(levels.slack, start + k) + splat_f32(ROUNDING) * (absolute(term) + scale)
        store_i32(above, k, _clipped(floor(centre + doubt)))
        store_i32(below, k, splat_i32(0) - _clipped(floor(doubt - centre)))


@part
def goes_up(couplings, spins, c, total, site, beta, word, metropolis):
    """The decision in double precision, from all digits of the couplings; `total` is Σ_j high_ij x_j of the site."""
    digits = 0
    for digit in range(len(couplings.low)):
        digits *= BASE
        for j in range(spins.shape[1]):
            digits += couplings.low[digit, site, j] * spins[c, j]
    field = couplings.unit * (2 * total - couplings.totals[site] + couplings.fine * digits) + couplings.h[site]
    exponent = -2.0 * beta * couplings.gains[site] * field
    u = to_uniform(np.uint64(word))
    if metropolis:
        return (spins[c, site] > 0) != (u < np.exp(exponent * spins[c, site]))
    return u < 1.0 / (1.0 + np.exp(exponent))


@part
def look_at(couplings, chains, c, waiting, w):
    """Let a look at chain c wait as number w, with what its sums say."""
    spins, sums = chains.spins, chains.sums
    n = len(couplings.totals)
    pairs = 0
    for j in range(n):
        waiting.spins[w, j] = spins[c, j]
        pairs += spins[c, j] * (2 * np.int64(sums[c, j]) - couplings.totals[j])
    waiting.pairs[w] = pairs
    # Four partial sums, since additions of floats wait for one another.
    e0 = e1 = e2 = e3 = 0.0
    for j in range(0, spins.shape[1], 4):
        e0 += couplings.h[j] * spins[c, j]
        e1 += couplings.h[j + 1] * spins[c, j + 1]
        e2 += couplings.h[j + 2] * spins[c, j + 2]
        e3 += couplings.h[j + 3] * spins[c, j + 3]
    waiting.fields[w] = (e0 + e1) + (e2 + e3)
    if len(couplings.low):
        if w < len(spins):
            agree(waiting, w, n, spins, c, chains.looked, c)
        else:
            agree(waiting, w, n, spins, c, waiting.spins, w - len(spins))


@part
def note(couplings, chains, waiting, count, offset, look, looks):
    """Note offset − ½ sᵀJs − hᵀs of the `count` looks that wait, the first of them being `look`, and their states."""
    n = len(couplings.totals)
    n_chains = len(chains.spins)
    if len(couplings.low):
        change_pairs(couplings.low, waiting)
    for w in range(count):
        c = w % n_chains
        here = look + w // n_chains
        chains.low_pairs[c] += 4 * waiting.low_change[w]
        waiting.low_change[w] = 0
        digits = couplings.fine * chains.low_pairs[c]
        energy = offset - 0.5 * couplings.unit * (waiting.pairs[w] + digits) - waiting.fields[w]
        looks.energies[c, here] = energy
        if len(looks.draws):
            for j in range(n):
                looks.draws[c, here, j] = waiting.spins[w, j]
        if energy < looks.best_energy[0]:
            looks.best_energy[0] = energy
            for j in range(n):
                looks.best_state[j] = waiting.spins[w, j]
    for c in range(n_chains):
        for j in range(n):
            chains.looked[c, j] = waiting.spins[count - n_chains + c, j]


@part
def update(
    couplings, chains, c, rows, masks, picks, start, count, below, above, words, signs, beta, random, metropolis
):
    """Decide for `count` sites of a chain in order, and add the rows of changed spins four at a time.

    Sites are looked at 16 at a time for the first that changes, or whose decision is close.

    Parameters
    ----------
    couplings : Couplings
    chains : Chains
        Changed in place.
    c : int
        Which chain.
    rows : (chains, 5) uint64
        Rows that wait to be added, newest first, and how many.
    masks : (chains, 4)
        −1 where a waiting row is to be subtracted; in the width of `high`.
    picks : (CHUNK,) int64
        The sites of a random scan; otherwise they are start, start + 1, …
    start, count : int
    below, above : (CHUNK + 15,) int32
        From `thresholds`.
    words : (4, CHUNK) uint32
    signs : (CHUNK,) float32
        The spins that a Metropolis threshold was for.
    beta : float
    random, metropolis : bool

    Returns
    -------
    int
        Number of spins that changed.
    """
    high = couplings.high
    spins = chains.spins
    sums = chains.sums
    none = np.uint64(len(couplings.totals))
    keep = type(masks[0, 0])(0)
    minus = type(masks[0, 0])(-1)
    r0, r1, r2, r3, waiting = rows[c, 0], rows[c, 1], rows[c, 2], rows[c, 3], rows[c, 4]
    m0, m1, m2, m3 = masks[c, 0], masks[c, 1], masks[c, 2], masks[c, 3]
    step = 1 if random else 16
    toggles = 0
    for k in range(0, count, step):
        slot = picks[k] if random else start + k
        lanes = min(step, count - k)
        total = load_digits(sums, c, slot) - splat_i32(m0 + m1 + m2 + m3)
        total = total + (load_digits(high, r0, slot) ^ splat_i32(m0))
        total = total + (load_digits(high, r1, slot) ^ splat_i32(m1))
        total = total + (load_digits(high, r2, slot) ^ splat_i32(m2))
        total = total + (load_digits(high, r3, slot) ^ splat_i32(m3))
        was_up = load_digits(spins, c, slot) > splat_i32(0)
        upper, lower = load_i32(above, k), load_i32(below, k)
        # A random scan may meet a site twice in one chunk: its Metropolis threshold was for the spin before.
        stale = random and metropolis and signs[k] != spins[c, slot]
        ahead = (np.uint64(1) << np.uint64(lanes)) - np.uint64(1)
        while ahead:
            up = total > upper
            close = ~(up | (total < lower))
            events = ahead if stale else bits_of((up ^ was_up) | close) & ahead
            if not events:
                break
            lane = np.uint64(trailing_zeros(events))
            ahead &= ~((np.uint64(2) << lane) - np.uint64(1))
            site = np.uint64(slot) + lane
            goes = spins[c, site] < 0
            if stale or (bits_of(close) >> lane) & np.uint64(1):
                exact = np.int64(lane_of(total, lane))
                goes = goes_up(couplings, spins, c, exact, site, beta, words[c % 4, np.uint64(k) + lane], metropolis)
                if goes == (spins[c, site] > 0):
                    continue
            spins[c, site] = 1 if goes else -1
            toggles += 1
            mask = keep if goes else minus
            total = total + (load_digits(high, site, slot) ^ splat_i32(mask)) - splat_i32(mask)
            r3, r2, r1, r0 = r2, r1, r0, site
            m3, m2, m1, m0 = m2, m1, m0, mask
            waiting += np.uint64(1)
            if waiting == 4:
                add_rows(sums, c, high, r0, r1, r2, r3, m0, m1, m2, m3)
                r0 = r1 = r2 = r3 = none
                m0 = m1 = m2 = m3 = keep
                waiting = np.uint64(0)
    rows[c, 0], rows[c, 1], rows[c, 2], rows[c, 3], rows[c, 4] = r0, r1, r2, r3, waiting
    masks[c, 0], masks[c, 1], masks[c, 2], masks[c, 3] = m0, m1, m2, m3
    return toggles


@kernel
def sweep(
    couplings, levels, sites, chains, waiting, betas, random, metropolis, key, chain0, step0, every, offset, looks
):
    """One sweep per β for each chain, and a look after every `every`-th.

    Parameters
    ----------
    couplings : Couplings
    levels : Levels
    sites : (moving,) uint64
        Which site of the model, for the random numbers, is each of the first `moving` here; the others rest.
    chains : Chains
        Changed in place; at most `WAITING` of them.
    waiting : Waiting
        No look waits before or after.
    betas : (steps, chains) float64
    random : bool
        Random scan: `moving` updates a step, each at one of these sites drawn uniformly.
    metropolis : bool
    key : four uint64
        Philox keys of the decisions and of the sites. Counters are those of `pbits.kernels.ising`:
        (chain // 4, site, step, 0), or (chain // 4, update, step, 0) of a random scan; word chain % 4.
    chain0, step0 : int
        Absolute number of the first chain (a multiple of 4) and of the first step.
    every : int
        At least 1; more than the steps for no look.
    offset : float
    looks : Looks
        Filled in.

    Returns
    -------
    int
        Number of spins that changed.
    """
    high = couplings.high
    n = len(couplings.totals)
    moving = len(sites)
    n_chains = len(chains.spins)
    # Of each chain the rows that wait to be added, and their masks: none at first.
    rows = np.full((n_chains, 5), np.uint64(n))
    rows[:, 4] = 0
    masks = np.zeros((n_chains, 4), dtype=high.dtype)
    words = np.zeros((4, CHUNK), dtype=np.uint32)
    which = np.zeros((4, CHUNK), dtype=np.uint32)
    picks = np.zeros(CHUNK, dtype=np.int64)
    base = np.zeros(CHUNK, dtype=np.float32)
    slope = np.zeros(CHUNK, dtype=np.float32)
    slack = np.zeros(CHUNK, dtype=np.float32)
    # A vector from the last of them on does not leave them.
    below = np.empty(CHUNK + 15, dtype=np.int32)
    above = np.empty(CHUNK + 15, dtype=np.int32)
    signs = np.ones(CHUNK, dtype=np.float32)
    waits = 0
    toggles = 0
    for t in range(len(betas)):
        step = np.uint64(step0 + t)
        for start in range(0, moving, CHUNK):
            count = min(CHUNK, moving - start)
            for first in range(0, n_chains, 4):
                block = np.uint64((chain0 + first) // 4)
                draw_words(words, sites, start, count, not random, block, step, key[0], key[1])
                if random:
                    draw_words(which, sites, start, count, False, block, step, key[2], key[3])
                for c in range(first, min(first + 4, n_chains)):
                    if random:
                        for k in range(count):
                            slot = np.int64((np.uint64(which[c % 4, k]) * np.uint64(moving)) >> np.uint64(32))
                            picks[k] = slot
                            base[k], slope[k], slack[k] = levels.base[slot], levels.slope[slot], levels.slack[slot]
                            signs[k] = chains.spins[c, slot]
                    elif metropolis:
                        for k in range(count):
                            signs[k] = chains.spins[c, start + k]
                    temperature = np.float32(1.0 / max(betas[t, c], 1e-30))
                    here = Levels(base, slope, slack) if random else levels
                    origin = 0 if random else start
                    thresholds(below, above, count, words[c % 4], signs, here, origin, temperature, metropolis)
                    toggles += update(
                        couplings, chains, c, rows, masks, picks, start, count, below, above, words, signs, betas[t, c],
                        random, metropolis,
                    )  # fmt: skip
        done = t + 1
        if done % every == 0 or done == len(betas):
            for c in range(n_chains):
                add_rows(
                    chains.sums, c, high, rows[c, 0], rows[c, 1], rows[c, 2], rows[c, 3],
                    masks[c, 0], masks[c, 1], masks[c, 2], masks[c, 3],
                )  # fmt: skip
                for k in range(4):
                    rows[c, k] = n
                    masks[c, k] = 0
                rows[c, 4] = 0
        if done % every == 0:
            for c in range(n_chains):
                look_at(couplings, chains, c, waiting, waits + c)
            waits += n_chains
            if waits + n_chains > WAITING or done + every > len(betas):
                note(couplings, chains, waiting, waits, offset, done // every - waits // n_chains, looks)
                waits = 0
    return toggles
