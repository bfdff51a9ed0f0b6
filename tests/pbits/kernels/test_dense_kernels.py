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


@pytest.mark.parametrize(
    ("dtype", "sums_dtype", "keep", "most"),
    [
        (np.int8, np.int16, np.int8, 31),
        (np.int16, np.int32, np.int16, 8191),
        (np.int16, np.int32, np.int32, 32767),
        (np.int32, np.int64, np.int32, 2**28),
    ],
    ids=["8 bits", "16 bits", "digits of 16 bits", "digits of 32 bits"],
)
@pytest.mark.parametrize("extreme", [True, False])
def test_sums_caught_up_are_exact_at_the_ends_of_the_range(dtype, sums_dtype, keep, most, extreme):
    n, columns = 70, 128
    rows = aligned((n + 1, columns), dtype)
    rows[:n, :n] = RNG.choice([-most, most], (n, n)) if extreme else RNG.integers(-most, most + 1, (n, n))
    new = np.full((2, columns), -1, dtype=np.int8)
    new[:, :n] = RNG.choice(np.array([-1, 1], dtype=np.int8), (2, n))
    old, sums = np.full_like(new, -1), aligned((2, columns), sums_dtype)
    for spins in (new, -new, new):
        target = np.full_like(new, -1)
        target[:, :n] = spins[:, :n]
        for c in range(2):
            dense.catch_up(sums, c, rows, old, target, keep(0))
        bits = (target[:, :n] > 0).astype(np.int64)
        assert np.array_equal(sums[:, :n], bits @ rows[:n, :n].astype(np.int64))
        assert np.array_equal(old, target)


def test_rows_of_one_bit_more_would_overflow():
    # The fault that the limit of `high` is there for: one more bit, and the sums of four rows wrap around.
    n, columns = 8, 64
    rows = aligned((n + 1, columns), np.int8)
    rows[:n, :n] = 62
    up, down = np.full((1, columns), -1, dtype=np.int8), np.full((1, columns), -1, dtype=np.int8)
    up[0, :n] = 1
    sums = aligned((1, columns), np.int16)
    dense.catch_up(sums, 0, rows, down, up, np.int8(0))
    assert not (sums[0, :n] == 62 * n).all()


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
