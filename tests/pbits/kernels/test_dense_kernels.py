"""Thresholds bracket the exact ones, sums are exact whatever the digits, random words are Philox's."""

import numpy as np
import pytest

from pbits.kernels import dense
from pbits.kernels.simd import aligned
from pbits.reference import twins

RNG = np.random.default_rng(5)
LAST = 2**32 - 1
WORDS = np.concatenate(
    [[0, 1, 2, LAST, LAST - 1, 2**31, 2**31 - 1, 2**24, 2**24 + 1], RNG.integers(0, 2**32, 503)]
).astype(np.uint32)


def padded(values, dtype=np.float32):
    array = aligned(dense.CHUNK, dtype)
    array[:] = values
    return array


def brackets(base, slope, slack, beta, *, metropolis=False, signs=1.0):
    below = np.empty(dense.CHUNK + 15, dtype=np.int32)
    above = np.empty(dense.CHUNK + 15, dtype=np.int32)
    levels = dense.Levels(padded(base), padded(slope), padded(slack))
    temperature = np.float32(1 / max(beta, 1e-30))
    dense.thresholds(below, above, dense.CHUNK, WORDS, padded(signs), levels, 0, temperature, metropolis)
    return below[: dense.CHUNK].astype(float), above[: dense.CHUNK].astype(float)


def exact_noise(metropolis, signs=1.0):
    u = (WORDS.astype(np.longdouble) + 0.5) / 2**32
    return -signs * np.log(u) if metropolis else np.log(u) - np.log1p(-u)


@pytest.mark.parametrize("metropolis", [False, True])
@pytest.mark.parametrize("beta", [0.01, 1.0, 40.0])
@pytest.mark.parametrize("base", [0.0, -3.25, 70_000.5])
def test_a_sum_outside_the_bracket_is_decided_as_the_exact_threshold_says(metropolis, beta, base):
    signs = RNG.choice([-1.0, 1.0], dense.CHUNK)
    slope, slack = 37.0, dense.ROUNDING * abs(base)
    below, above = brackets(base, slope, slack, beta, metropolis=metropolis, signs=signs)
    threshold = base + slope / beta * exact_noise(metropolis, signs)
    # Up where sum > above must mean sum > threshold: the least such sum is above + 1.
    assert (above + 1 > threshold).all()
    assert (below - 1 < threshold).all()
    # And the bracket is narrow, so that few decisions are close.
    assert (above - below).max() <= 1 + 4 * dense.ROUNDING * np.abs(slope / beta * 23 + abs(base))


def test_the_bracket_notices_a_threshold_off_by_one_per_cent():
    below, above = brackets(0.0, 37.0 * 1.01, 0.0, 0.01)
    threshold = 37.0 / 0.01 * exact_noise(False)
    assert not ((above + 1 > threshold).all() and (below - 1 < threshold).all())


@pytest.mark.parametrize(("base", "slope", "slack", "beta"), [(0, 37, 0, 0.0), (0, 1e30, 0, 1.0), (5, 37, 1e33, 1.0)])
def test_without_beta_or_gain_the_noise_decides_and_what_float32_cannot_tell_is_close(base, slope, slack, beta):
    below, above = brackets(base, slope, slack, beta)
    noise = exact_noise(False)
    limit = float(dense.CERTAIN)
    close = (below <= -limit) & (above >= limit)
    if slack:
        assert close.all()
        return
    sure = np.abs(noise) > 1e-4
    assert (below[sure & (noise > 0)] >= limit).all()
    assert (above[sure & (noise < 0)] <= -limit).all()
    assert (close | (np.sign(noise) * (below + above) > 0)).all()


def added(dtype, most, masks):
    """Four rows added to sums, and what they should be; `most` fills the rows."""
    rows = aligned((6, 64), dtype)
    rows[:5] = RNG.choice([-most, most], (5, 64))
    rows[:4, :2] = [most, -most]
    sums = aligned((2, 64), np.int16 if dtype is np.int8 else np.int32)
    dense.add_rows(sums, 1, rows, *range(4), *map(dtype, masks))
    signs = 1 + 2 * np.array(masks)
    return sums[1], signs @ rows[:4].astype(np.int64)


@pytest.mark.parametrize(("dtype", "most"), [(np.int8, 31), (np.int16, 8191)], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("masks", [(0, 0, 0, 0), (-1, -1, -1, -1), (0, -1, -1, 0)])
def test_rows_are_added_exactly_at_the_ends_of_the_range(dtype, most, masks):
    sums, exact = added(dtype, most, masks)
    assert np.array_equal(sums, exact)


@pytest.mark.parametrize(("dtype", "most"), [(np.int8, 62), (np.int16, 16_382)], ids=["8 bits", "16 bits"])
def test_rows_of_one_bit_more_would_overflow(dtype, most):
    # The fault that the limit of `high` is there for: one more bit, and the sums of four rows wrap around.
    sums, exact = added(dtype, most, (0, 0, 0, 0))
    assert not np.array_equal(sums, exact)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("up", [0, 1, 3, 4, 37, 70])
def test_the_rows_of_spins_that_are_up_are_summed(dtype, up):
    n, columns = 70, 128
    rows = aligned((n + 1, columns), dtype)
    rows[:n, :n] = RNG.integers(-31, 32, (n, n))
    spins = np.full((2, columns), -1, dtype=np.int8)
    spins[1, RNG.permutation(n)[:up]] = 1
    sums = aligned((2, columns), np.int16 if dtype is np.int8 else np.int32)
    dense.sum_up(sums, 1, rows, spins)
    assert np.array_equal(sums[1, :n], (spins[1, :n] > 0).astype(np.int64) @ rows[:n, :n].astype(np.int64))
    assert not sums[0].any()


def digits_of(n, digits, extreme=False):
    """Symmetric digits of `low`, padded, and the whole numbers that they make."""
    low = aligned((digits, n + 1, -(-(n + 15) // 64) * 64), np.int16)
    half = dense.BASE // 2
    for plane in low:
        part = RNG.choice([-half, half], (n, n)) if extreme else RNG.integers(-half, half + 1, (n, n))
        plane[:n, :n] = np.triu(part, 1) + np.triu(part, 1).T
    whole = np.zeros((n, n), dtype=np.int64)
    for plane in low:
        whole = dense.BASE * whole + plane[:n, :n]
    return low, whole


def waiting_looks(n, columns, states):
    """The given states as looks, each compared with the one before."""
    looks = dense.WAITING + 1
    waiting = dense.Waiting(
        spins=aligned((looks, columns), np.int8), agreement=aligned((looks, columns), np.int8),
        changed=np.zeros(n, dtype=np.uint64), low_change=np.zeros(looks, dtype=np.int64),
        pairs=np.zeros(looks, dtype=np.int64), fields=np.zeros(looks),
    )  # fmt: skip
    waiting.spins[:, n:] = -1
    before = np.full((1, columns), -1, dtype=np.int8)
    before[0, :n] = states[0]
    for w, state in enumerate(states[1:]):
        waiting.spins[w, :n] = state
        dense.agree(waiting, w, n, waiting.spins, w, before if w == 0 else waiting.spins, max(0, w - 1))
    return waiting


def pair_changes(low, states):
    n = states.shape[1]
    waiting = waiting_looks(n, low.shape[2], states)
    dense.change_pairs(low, waiting)
    assert not waiting.changed.any()
    assert not waiting.low_change[len(states) - 1 :].any()
    return 4 * waiting.low_change[: len(states) - 1]


@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize("extreme", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("looks", [1, 5, 64])
def test_changes_of_the_pairs_are_exact_integers(digits, extreme, share, looks):
    n = 53
    low, whole = digits_of(n, digits, extreme)
    turned = np.where(RNG.random((looks, n)) < share, -1, 1)
    states = np.cumprod(np.concatenate([RNG.choice([-1, 1], (1, n)), turned]), axis=0)
    pairs = np.einsum("ki,ij,kj->k", states, whole, states)
    assert np.array_equal(pair_changes(low, states), np.diff(pairs))


def test_the_largest_sums_of_products_fit():
    # All digits at their limit and all spins but one agreeing: the largest sum over a row that a model can have.
    n = 1000
    low = np.full((1, n + 1, 1024), 32767, dtype=np.int16)
    low[:, n:], low[..., n:] = 0, 0
    states = np.ones((2, n), dtype=np.int64)
    states[1, 7] = -1
    assert pair_changes(low, states).tolist() == [-4 * 32767 * (n - 1)]


def test_a_wrong_digit_or_a_change_left_out_shows_in_the_pairs():
    n = 40
    low, whole = digits_of(n, 1)
    states = np.cumprod(np.where(RNG.random((4, n)) < 0.2, -1, 1), axis=0)
    exact = np.diff(np.einsum("ki,ij,kj->k", states, whole, states))
    assert np.array_equal(pair_changes(low, states), exact)
    i, j = np.flatnonzero(states[0] != states[1])[0], np.flatnonzero(states[0] == states[1])[0]
    low[0, i, j] += 1
    assert not np.array_equal(pair_changes(low, states), exact)
    low[0, i, j] -= 1
    waiting = waiting_looks(n, low.shape[2], states)
    waiting.changed[i] = 0
    dense.change_pairs(low, waiting)
    assert not np.array_equal(4 * waiting.low_change[:3], exact)


def test_words_are_those_of_the_counter():
    key, step, block = (12345, 678), 9, 3
    places = np.array([7, 2, 900, 41], dtype=np.uint64)
    words = np.zeros((4, 8), dtype=np.uint32)
    constants = (np.uint64(block), np.uint64(step), np.uint64(key[0]), np.uint64(key[1]))
    dense.draw_words(words, places, 1, 3, True, *constants)
    for k, place in enumerate(places[1:]):
        assert tuple(words[:, k].tolist()) == twins.philox((block, int(place), step, 0), key)
    dense.draw_words(words, places, 50, 3, False, *constants)
    for k in range(3):
        assert tuple(words[:, k].tolist()) == twins.philox((block, 50 + k, step, 0), key)
