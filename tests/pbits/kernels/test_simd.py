"""Every vector instruction against NumPy, lane by lane; the same on processors with narrower registers."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pbits.kernels import simd
from pbits.kernels.jit import kernel

rng = np.random.default_rng(5)
WORDS = rng.integers(0, 2**64, size=(3, 8), dtype=np.uint64)
HALVES = WORDS.view(np.uint32)
WHOLE = WORDS.view(np.int32)
REALS = np.concatenate([rng.normal(size=(3, 12)), [[0.5, -0.25, 2.5, -3.5]] * 3], axis=1).astype(np.float32)
SPINS = rng.choice(np.array([-1, 1], dtype=np.int8), size=(4, 16))


@kernel
def on_words(a, out, sums):
    x, y, z = simd.load_u64(a, (0, 0)), simd.load_u64(a, (1, 0)), simd.load_u64(a, (2, 0))
    simd.store_u64(out, (0, 0), x & y)
    simd.store_u64(out, (1, 0), x | y)
    simd.store_u64(out, (2, 0), x ^ y)
    simd.store_u64(out, (3, 0), ~x)
    simd.store_u64(out, (4, 0), x + y)
    simd.store_u64(out, (5, 0), x - y)
    simd.store_u64(out, (6, 0), simd.shl(x, 3))
    simd.store_u64(out, (7, 0), simd.shr(x, np.uint64(9)))
    simd.store_u64(out, (8, 0), simd.rotl(x, 45))
    simd.store_u64(out, (9, 0), simd.popcount(x))
    simd.store_u64(out, (10, 0), simd.majority(x, y, z))
    simd.store_u64(out, (11, 0), simd.choose(x, y, z))
    simd.store_u64(out, (12, 0), simd.select(x < y, x, y))
    simd.store_u64(out, (13, 0), simd.splat_u64(7) * x)
    simd.store_u64(out, (14, 0), simd.as_u64(simd.as_f32(simd.as_i32(simd.as_u32(x)))))
    sums[0] = simd.total(x)
    sums[1] = simd.lane_of(y, 5)
    sums[2] = simd.bits_of(x < y)
    sums[3] = simd.all_of(x == x) + 2 * simd.any_of(x != x)


def test_words():
    x, y, z = WORDS
    out, sums = np.zeros((15, 8), dtype=np.uint64), np.zeros(4, dtype=np.uint64)
    on_words(WORDS, out, sums)
    ones = np.array([int(word).bit_count() for word in x])
    expected = [
        x & y, x | y, x ^ y, ~x, x + y, x - y, x << 3, x >> 9, (x << 45) | (x >> 19), ones,
        (x & y) | (x & z) | (y & z), (x & y) | (~x & z), np.minimum(x, y), 7 * x, x,
    ]  # fmt: skip
    for row, (got, want) in enumerate(zip(out, expected, strict=True)):
        assert np.array_equal(got, want), row
    assert sums.tolist() == [int(x.sum()), int(y[5]), int(((x < y) << np.arange(8)).sum()), 1]


@kernel
def on_reals(a, halves, whole, spins, out, ints, bits):
    x, y, z = simd.load_f32(a, (0, 0)), simd.load_f32(a, (1, 0)), simd.load_f32(a, (2, 0))
    simd.store_f32(out, (0, 0), x + y)
    simd.store_f32(out, (1, 0), x - y)
    simd.store_f32(out, (2, 0), x * y)
    simd.store_f32(out, (3, 0), x / y)
    simd.store_f32(out, (4, 0), simd.fma(x, y, z))
    simd.store_f32(out, (5, 0), simd.select(x < y, x, y))
    simd.store_f32(out, (6, 0), simd.floor(x))
    simd.store_f32(out, (7, 0), simd.absolute(-x))
    simd.store_f32(out, (8, 0), simd.to_f32(simd.load_u32(halves, (0, 0))))
    simd.store_f32(out, (9, 0), simd.to_f32(simd.load_i32(whole, (0, 0))))
    simd.store_f32(out, (10, 0), simd.load_f32(spins, (2, 0)) * simd.splat_f32(0.1))
    simd.store_i32(ints, (0, 0), simd.to_i32(x))
    simd.store_i32(ints, (1, 0), simd.shr(simd.load_i32(whole, (1, 0)), 5))
    simd.store_i32(ints, (2, 0), simd.load_i32(spins, (1, 0)) + simd.splat_i32(1))
    simd.store_i32(spins, (3, 0), simd.load_i32(spins, (1, 0)))
    simd.store_u32(halves, (2, 0), simd.shr(simd.load_u32(halves, (1, 0)), 5))
    bits[0] = simd.bits_of((x >= y) & ~(x > y) | (x <= z) ^ (x != z))


def test_reals():
    x, y, z = REALS
    out, ints, bits = np.zeros((11, 16), dtype=np.float32), np.zeros((3, 16), dtype=np.int32), np.zeros(1, np.uint64)
    halves, spins = HALVES.copy(), SPINS.copy()
    on_reals(REALS, halves, WHOLE, spins, out, ints, bits)
    exact = np.float64(x) * np.float64(y) + np.float64(z)
    assert np.array_equal(out[4], exact.astype(np.float32))
    expected = [
        x + y, x - y, x * y, x / y, out[4], np.where(x < y, x, y), np.floor(x), np.abs(x),
        HALVES[0].astype(np.float32), WHOLE[0].astype(np.float32), SPINS[2] * np.float32(0.1),
    ]  # fmt: skip
    for row, (got, want) in enumerate(zip(out, expected, strict=True)):
        assert np.array_equal(got, want), row
    assert np.array_equal(ints, [np.trunc(x), WHOLE[1] >> 5, SPINS[1] + 1])
    assert np.array_equal(spins[3], SPINS[1])
    assert np.array_equal(halves[2], HALVES[1] >> 5)
    assert int(bits[0]) == int((((x >= y) & ~(x > y) | (x <= z) ^ (x != z)) << np.arange(16)).sum())


@kernel
def on_rows(a, rows, out, signs, bits):
    simd.store_row(out, 1, simd.load_row(a, 2))
    simd.store_row(out, 0, simd.gather_row(a, rows, 1))
    for row in range(signs.shape[0]):
        simd.store_signs(signs, (row, 3), bits[row], 60 + row)
    mask = simd.mask_of(bits[0])
    simd.store_i32(signs, (0, 64), simd.select(mask, simd.splat_i32(5), simd.splat_i32(-5)))


def test_rows_and_signs():
    out, signs = np.zeros((2, 8), dtype=np.uint64), np.zeros((5, 80), dtype=np.int8)
    on_rows(WORDS, np.array([0, 1], dtype=np.uint32), out, signs, WORDS[0, :5].copy())
    assert np.array_equal(out, WORDS[[1, 2]])
    bits = np.unpackbits(WORDS[0, :5].copy().view(np.uint8).reshape(5, 8), axis=1, bitorder="little")
    expected = np.zeros((5, 80), dtype=np.int8)
    for row in range(5):
        expected[row, 3 : 63 + row] = 2 * bits[row, : 60 + row].astype(np.int8) - 1
    expected[0, 64:] = np.where(bits[0, :16], 5, -5)
    assert np.array_equal(signs, expected)


def test_aligned_arrays_start_on_a_cache_line():
    array = simd.aligned((3, 8), np.uint64)
    assert array.ctypes.data % 64 == 0
    assert array.shape == (3, 8)
    assert not array.any()


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["haswell", "x86-64"])
def test_narrower_registers_give_the_same(cpu, tmp_path):
    environment = os.environ | {
        "NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path),
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "not narrower"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
