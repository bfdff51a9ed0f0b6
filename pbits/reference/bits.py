"""Plain twins of the bit-parallel kernels: the generator eight lanes wide, and the decision bit by bit.

They share no code with `pbits.kernels`, so that a fault in one shows as a difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel
from pbits.reference.twins import philox

_MASK = (1 << 64) - 1


def _rotated(word: int, count: int) -> int:
    return ((word << count) | (word >> (64 - count))) & _MASK


class Xoshiro:
    """xoshiro256++ of one lane; `state` is a list of four 64-bit integers."""

    def __init__(self, state: list[int]):
        self.state = state

    def word(self) -> int:
        """The next 64 bits."""
        s0, s1, s2, s3 = self.state
        drawn = (_rotated((s0 + s3) & _MASK, 23) + s0) & _MASK
        shifted = (s1 << 17) & _MASK
        s2 ^= s0
        s3 ^= s1
        self.state = [s0 ^ s3, s1 ^ s2, s2 ^ shifted, _rotated(s3, 45)]
        return drawn


def seeded(key: tuple[int, int], block: int, stream: int) -> list[Xoshiro]:
    """The eight generators of a stream of a block of chains: twin of `pbits.kernels.xoshiro.seed`."""
    words = []
    for half in range(16):
        a, b, c, d = philox((block, stream, half, 0xFFFFFFFF), key)
        words += [a | b << 32, c | d << 32]
    return [Xoshiro(words[lane::8]) for lane in range(8)]


class Draws:
    """The random words of one block of chains: two streams by turns, 512 bits at a time."""

    def __init__(self, key: tuple[int, int], block: int):
        self._streams = [seeded(key, block, 0), seeded(key, block, 1)]

    def bits(self) -> NDArray[np.bool_]:
        """One bit for each of the 512 chains."""
        words = [lane.word() for lane in self._streams[0]]
        self._streams.reverse()
        return np.array([word >> bit & 1 for word in words for bit in range(64)], dtype=bool)


def probability(field: NDArray[np.float64], beta: NDArray[np.float64], bits: int, rule: str) -> NDArray[np.int64]:
    """2^bits times the probability that a spin does not take the sign of its field, rounded."""
    x = 2 * beta * np.abs(field)
    p = np.exp(-x) if rule == "metropolis" else 1 / (1 + np.exp(x))
    return np.floor(p * 2.0**bits + 0.5).astype(np.int64)


def sweep(
    spins: NDArray[np.int8],
    model: IsingModel,
    sites: Sequence[int],
    betas: NDArray[np.float64],
    draws: Draws,
    *,
    bits: int = 24,
    rule: str = "heat-bath",
    gains: NDArray[np.float64] | None = None,
) -> int:
    """Twin of the bit-parallel kernels; changes `spins` (n, 512), returns the toggles.

    `betas` is (steps,) or (steps, 512). A chain is decided as soon as its bits of u differ from those of p; where
    p is the largest of its rule, ½ of the heat bath and 1 of Metropolis, the first four bits do. Bits are drawn by
    fours, 12 at least, until all chains are decided.
    """
    J = model.csr.toarray()
    gains = np.ones(model.n) if gains is None else gains
    toggles = 0
    for beta in betas:
        for site in sites:
            field = gains[site] * (J[site] @ spins + model.h[site])
            likely = np.where(field >= 0, 1, -1)
            p = probability(field, beta, bits, rule)
            # The Metropolis rule flips without a draw where that takes the sign of the field.
            drawing = (spins[site] == likely) if rule == "metropolis" else np.ones(512, dtype=bool)
            p = np.where(drawing, p, 0)
            largest = 1 << bits if rule == "metropolis" else 1 << (bits - 1)
            settled = (p == largest) | ~drawing
            u = np.zeros(512, dtype=np.int64)
            drawn = 0
            while True:
                for _ in range(4):
                    drawn += 1
                    u = 2 * u + draws.bits()
                open_ = (u == p >> (bits - drawn)) & ~settled
                if drawn == bits or (drawn >= 12 and not open_.any()):
                    break
            unlikely = u << (bits - drawn) < p
            fresh = np.where(unlikely, -likely, likely)
            toggles += int((fresh != spins[site]).sum())
            spins[site] = fresh
    return toggles
