"""What one core of this machine can do at most: random bits, 512-bit operations, bytes read.

``python -m benchmarks.limits`` prints them; `benchmarks.updates` measures them at the start of each run, and divides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from pbits.kernels.simd import aligned, load_u64, rotl, splat_u64, store_u64
from pbits.kernels.xoshiro import load_stream, next_words, seed, store_stream

WORD_BITS = 512
ROUNDS = 5
SIZES = {"L1": 1 << 14, "L2": 1 << 19, "L3": 1 << 23, "DRAM": 1 << 28}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The best of some rounds, on one thread.

    Attributes
    ----------
    random_bits_per_ns : float
        From the project's own generator (xoshiro256++, eight lanes, four streams in turn), nothing else done.
    integer_ops_per_ns : float
        Operations on 512-bit vectors (exclusive or, add) with nothing to wait for.
    read_bytes_per_ns : dict
        Bytes read, by the size in bytes of the array that is read over and over.
    """

    random_bits_per_ns: float
    integer_ops_per_ns: float
    read_bytes_per_ns: dict[int, float]

    def to_dict(self) -> dict[str, object]:
        return {
            "random_bits_per_ns": self.random_bits_per_ns,
            "integer_ops_per_ns": self.integer_ops_per_ns,
            "read_bytes_per_ns": {str(size): rate for size, rate in self.read_bytes_per_ns.items()},
        }

    def shares(self, layout: str, n: int, degree: float, threshold_bits: int, rate: float) -> dict[str, float]:
        """What a rate is of the limits; empty for layouts whose needs are not fixed.

        A bit-parallel decision takes `threshold_bits` random bits and one more, reads one bit of each neighbour
        and of itself, and writes one; of a lattice as blocks the signs of the couplings are bits too.
        """
        if layout not in ("bits", "lattice"):
            return {}
        bits = degree + 2 + (degree if layout == "lattice" else 0)
        held = n * WORD_BITS / 8 if layout == "bits" else n * (1 + degree / 2) / 8
        fitting = [size for size in self.read_bytes_per_ns if size >= held] or [max(self.read_bytes_per_ns)]
        return {
            "random_bits": rate * (threshold_bits + 1) / self.random_bits_per_ns,
            "memory": rate * bits / 8 / self.read_bytes_per_ns[min(fitting)],
            "vector_ops_per_512_updates": WORD_BITS * self.integer_ops_per_ns / rate,
        }


@numba.njit(nogil=True)
def _draw(states, count, out):
    a, b = load_stream(states, 0), load_stream(states, 1)
    c, d = load_stream(states, 2), load_stream(states, 3)
    mixed = splat_u64(0)
    for _ in range(count):
        u, a = next_words(a)
        v, b = next_words(b)
        w, c = next_words(c)
        x, d = next_words(d)
        mixed = mixed ^ u ^ v ^ w ^ x
    store_stream(states, 0, a)
    store_stream(states, 1, b)
    store_stream(states, 2, c)
    store_stream(states, 3, d)
    store_u64(out, 0, mixed)


@numba.njit(nogil=True)
def _operate(x, count, out):
    step, mask = load_u64(x, 0), load_u64(x, 8)
    a, b, c, d = load_u64(x, 16), load_u64(x, 24), load_u64(x, 32), load_u64(x, 40)
    e, f, g, h = load_u64(x, 48), load_u64(x, 56), load_u64(x, 64), load_u64(x, 72)
    for _ in range(count):
        a, b, c, d = (a ^ mask) + step, (b ^ mask) + step, (c ^ mask) + step, (d ^ mask) + step
        e, f, g, h = (e ^ mask) + step, (f ^ mask) + step, (g ^ mask) + step, (h ^ mask) + step
    store_u64(out, 0, a ^ rotl(b, 1) ^ rotl(c, 2) ^ rotl(d, 3) ^ rotl(e, 4) ^ rotl(f, 5) ^ rotl(g, 6) ^ rotl(h, 7))


@numba.njit(nogil=True)
def _read(words, passes, out):
    a, b, c, d = splat_u64(0), splat_u64(0), splat_u64(0), splat_u64(0)
    for _ in range(passes):
        for k in range(0, len(words), 32):
            a = a ^ load_u64(words, k)
            b = b ^ load_u64(words, k + 8)
            c = c ^ load_u64(words, k + 16)
            d = d ^ load_u64(words, k + 24)
        # What is read depends on the pass, so that no pass can be left out.
        store_u64(out, 0, a ^ b ^ c ^ d)
        words[0] = out[0]


def measure(seconds: float = 0.1) -> Limits:
    """Measure for about `seconds` a round and limit."""
    rng = np.random.default_rng(1)
    out = aligned(8, np.uint64)
    states = seed((1, 2), 0, 4)
    mixture = aligned(80, np.uint64)
    mixture[:] = rng.integers(0, 1 << 63, 80, dtype=np.uint64)
    read: dict[int, float] = {}
    for size in SIZES.values():
        words = aligned(size // 8, np.uint64)
        words[:] = 1
        read[size] = size * _per_ns(lambda passes, words=words: _read(words, passes, out), seconds)
    return Limits(
        random_bits_per_ns=4 * WORD_BITS * _per_ns(lambda count: _draw(states, count, out), seconds),
        integer_ops_per_ns=16 * _per_ns(lambda count: _operate(mixture, count, out), seconds),
        read_bytes_per_ns=read,
    )


def _per_ns(loop: Callable[[int], None], seconds: float) -> float:
    """Rounds of a loop per nanosecond: the best of some, each about `seconds` long."""
    loop(1)
    count, spent = 1, 0.0
    while spent < seconds / 4:
        count *= 4
        spent = _seconds(loop, count)
    count = max(1, int(count * seconds / spent))
    return count / min(_seconds(loop, count) for _ in range(ROUNDS)) / 1e9


def _seconds(loop: Callable[[int], None], count: int) -> float:
    # Processor time: a thread that is put aside has not got slower.
    start = time.thread_time()
    loop(count)
    return time.thread_time() - start


def main() -> None:
    limits = measure()
    print(f"random bits        {limits.random_bits_per_ns:8.1f} /ns")
    print(f"512-bit operations {limits.integer_ops_per_ns:8.2f} /ns")
    for (name, size), rate in zip(SIZES.items(), limits.read_bytes_per_ns.values()):
        print(f"read, {name:<4} {size:>10,} B {rate:7.1f} GB/s")


if __name__ == "__main__":
    main()
