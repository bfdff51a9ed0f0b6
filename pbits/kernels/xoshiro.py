"""xoshiro256++ with eight generators side by side, for kernels whose speed the random numbers limit.

D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47 (2021).
A stream is eight independent generators, one to a lane of a `u64x8`; its state is an array (4, 8) that a kernel
loads when it starts and stores when it ends, so that draws do not depend on how a run is cut into calls. Streams
are seeded by Philox from (block, stream): every block of chains owns its streams.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import inlined, kernel
from pbits.kernels.philox import philox4x32
from pbits.kernels.simd import load_u64, rotl, shl, store_u64

# The draw number that seeds take in the Philox counter (chain, site, step, draw): no device effect has that many.
_SEED_DRAW = np.uint64(0xFFFFFFFF)


@inlined
def next_words(state):
    """Eight new words and the state after them; a state is a tuple of four `u64x8`."""
    s0, s1, s2, s3 = state
    words = rotl(s0 + s3, 23) + s0
    s2 = s2 ^ s0
    s3 = s3 ^ s1
    shifted = shl(s1, 17)
    return words, (s0 ^ s3, s1 ^ s2, s2 ^ shifted, rotl(s3, 45))


@inlined
def load_stream(states, stream):
    """The state of one stream of an array (streams, 4, 8)."""
    return (
        load_u64(states, (stream, 0, 0)),
        load_u64(states, (stream, 1, 0)),
        load_u64(states, (stream, 2, 0)),
        load_u64(states, (stream, 3, 0)),
    )


@inlined
def store_stream(states, stream, state):
    """Write the state of one stream back."""
    store_u64(states, (stream, 0, 0), state[0])
    store_u64(states, (stream, 1, 0), state[1])
    store_u64(states, (stream, 2, 0), state[2])
    store_u64(states, (stream, 3, 0), state[3])


@inlined
def load_pair(states, first):
    """Two streams of an array to be drawn from by turns, so that neither waits for its last step."""
    return load_stream(states, first) + load_stream(states, first + 1)


@inlined
def next_of_pair(pair):
    """Eight new words from the stream whose turn it is, and the pair with the other stream in front."""
    words, state = next_words(pair[:4])
    return words, pair[4:] + state


@inlined
def store_pair(states, first, pair):
    """Write two streams back, after an even number of draws."""
    store_stream(states, first, pair[:4])
    store_stream(states, first + 1, pair[4:])


@kernel
def _fill(states, key0, key1, block):
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    for stream in range(states.shape[0]):
        for half in range(16):
            a, b, c, d = philox4x32(np.uint64(block), np.uint64(stream), np.uint64(half), _SEED_DRAW, k0, k1)
            states[stream, half // 4, 2 * (half % 4)] = a | (b << np.uint64(32))
            states[stream, half // 4, 2 * (half % 4) + 1] = c | (d << np.uint64(32))


def seed(key, block, streams):
    """States of the streams of one block of chains.

    Parameters
    ----------
    key : (uint32, uint32)
        Philox key of the run's stream of random numbers.
    block : int
        Number of the block, below 2³².
    streams : int
        How many.

    Returns
    -------
    (streams, 4, 8) uint64
        Words 2w and 2w + 1 of the flattened state of a stream are Philox words of counter
        (block, stream, w, 2³² − 1), lower half first. A generator that would be all zeros starts from 1.
    """
    states = np.empty((streams, 4, 8), dtype=np.uint64)
    _fill(states, *key, block)
    # All zeros is the one state that xoshiro never leaves.
    states[:, 0][~states.any(axis=1)] = 1
    return states


@kernel
def fill(words, states):
    """Fill `words` (m, 8) from stream 0 of `states`: row k is the k-th draw."""
    state = load_stream(states, 0)
    for row in range(words.shape[0]):
        drawn, state = next_words(state)
        store_u64(words, (row, 0), drawn)
    store_stream(states, 0, state)
