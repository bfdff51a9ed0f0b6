"""Named, counter-based random streams.

A random number is Philox4x32-10 of (key, counter): the key is a stream of the seed, the counter says which chain,
step, site and draw it is for. So a number does not depend on the order in which it is asked for: spins are the same
for any number of threads, any chunking of the steps, and any subset of the chains.

The fast layouts of `pbits.sweeps` decide with a generator of their own for each block of chains, seeded from such a
number. There the same holds block by block: a block is the same whatever the others do, and its chains are the same
only together. Two layouts with one seed are no independent replicates: take two seeds.
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

STREAM_VERSION = 1


class Stream(IntEnum):
    """What a stream of random numbers is for; numbered once, so that a new effect moves no old draw."""

    CHIP = 0
    """Device-to-device spread: drawn from the chip seed, so one chip can be measured twice."""
    INITIAL = 1
    """The states chains start from."""
    THERMAL = 2
    """The update decisions, or the noise sources of a circuit."""
    READOUT = 3
    """Read-out errors and tie breaks."""
    SITE = 4
    """Which site a random scan visits."""


@dataclass(frozen=True, kw_only=True)
class Streams:
    """The random streams of one run.

    Parameters
    ----------
    seed : int
        Everything but the chip.
    chip_seed : int
        The chip: which of many nominally equal devices is in the socket.
    """

    seed: int
    chip_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("seed", "chip_seed"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 0")
            object.__setattr__(self, name, int(value))

    def _sequence(self, stream: Stream, name: str = "") -> np.random.SeedSequence:
        root = self.chip_seed if stream is Stream.CHIP else self.seed
        return np.random.SeedSequence(root, spawn_key=(STREAM_VERSION, int(stream), zlib.crc32(name.encode())))

    def key(self, stream: Stream) -> tuple[np.uint32, np.uint32]:
        """The Philox key of a stream, for kernels."""
        low, high = self._sequence(stream).generate_state(2, np.uint32)
        return low, high

    def generator(self, stream: Stream, name: str) -> np.random.Generator:
        """A NumPy generator on the stream, for arrays drawn once (a chip's mismatch, say).

        Each effect has its own `name`, so that an effect added later moves no draw of another.
        """
        return np.random.Generator(np.random.Philox(self._sequence(stream, name)))


def fresh_seed() -> int:
    """A seed from the operating system, for runs that were given none; it is recorded with the run."""
    return secrets.randbits(32)


def derived_seed(seed: int, *key: int) -> int:
    """A seed for one of many runs that a procedure makes, named by whole numbers: nothing is drawn in turn.

    Examples
    --------
    >>> derived_seed(7, 0, 1) == derived_seed(7, 0, 1), derived_seed(7, 0, 1) == derived_seed(7, 1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0])
