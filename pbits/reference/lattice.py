"""Plain twin of the lattice kernels: 512 blocks of one lattice in lock-step, decided bit by bit.

Whoever shares the domains, the outcome is that of one after the other.

It knows blocks, sites and the couplings of the model, and nothing of vectors, rims or bit planes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel
from pbits.reference.bits import Xoshiro

LANES = 512
DRAWN = 13  # bits that every decision draws


def positions(shape: Sequence[int], counts: Sequence[int]) -> list[NDArray[np.int64]]:
    """The sites of all blocks, in order of lanes, for each position inside a block: even positions, then odd ones.

    Parameters
    ----------
    shape, counts : per axis
        Sides of the lattice, and blocks along them.

    Returns
    -------
    list of (512,) arrays
        Lanes number the blocks in mixed radix; the axis with the fewest blocks of those with 8 or more is the most
        significant, and the others follow in order.
    """
    widths = [side // count for side, count in zip(shape, counts)]
    first = min((count, axis) for axis, count in enumerate(counts) if count >= 8)[1]
    axes = [first, *(axis for axis in range(len(shape)) if axis != first)]
    origins = np.empty((LANES, len(shape)), dtype=np.int64)
    for lane, block in enumerate(product(*(range(counts[axis]) for axis in axes))):
        for axis, number in zip(axes, block):
            origins[lane, axis] = number * widths[axis]
    inside = sorted(product(*map(range, widths)), key=lambda position: (sum(position) % 2, position))
    return [np.asarray(np.ravel_multi_index((origins + position).T, tuple(shape))) for position in inside]


def sweep(
    spins: NDArray[np.int8],
    model: IsingModel,
    sites: Sequence[NDArray[np.int64]],
    betas: Sequence[float],
    bits: int,
    domains: Sequence[Sequence[Sequence[Xoshiro]]],
    *,
    metropolis: bool = False,
) -> int:
    """Twin of `pbits.kernels.lattice.sweep_square` and `sweep_cubic`.

    Parameters
    ----------
    spins : (n,) int8, changed in place
    model : IsingModel
        ±J couplings on the lattice.
    sites : list of (512,) arrays
        As `positions` gives them.
    betas : one per sweep
    bits : int
        Resolution of a decision.
    domains : for each domain two streams of eight generators
        Equal runs of the even positions, and of the odd ones, draw from the streams of one domain each; there may be
        several only where as many positions are even as odd. Words are the bits of u of 64 lanes each, from the
        most significant on: from stream 0, 1, 0, …, and from stream 0 after the first 13, which are drawn only while
        some lane is undecided.
    metropolis : bool

    Returns
    -------
    int
        Number of spins that changed (toggles).
    """
    magnitude = abs(float(model.csr.data[0]))
    toggles = 0
    for beta in betas:
        for streams, lanes in _moves(sites, domains):
            old = spins[lanes].astype(np.int64)
            field = np.rint(model.csr[lanes] @ spins / magnitude).astype(np.int64)
            limit = np.zeros(LANES, dtype=np.int64)
            for size in range(2, 7, 2):
                limit[abs(field) == size] = rounded(beta * magnitude * size, bits, metropolis)
            limit[field == 0] = 1 << (bits - 1)
            below = _below(limit, field == 0, bits, streams)
            favoured = np.where(field == 0, -1, np.sign(field))
            new = np.where(below, -favoured, favoured)
            if metropolis:
                new = np.where(field == 0, -old, np.where(old == favoured, new, favoured))
            toggles += int((new != old).sum())
            spins[lanes] = new
    return toggles


def _moves(sites: Sequence[NDArray], domains: Sequence) -> Iterator[tuple[Sequence[Sequence[Xoshiro]], NDArray]]:
    """Positions in order, each with the streams of its domain."""
    n_even = -(-len(sites) // 2)
    for phase in (sites[:n_even], sites[n_even:]):
        for number, streams in enumerate(domains):
            for lanes in phase[len(phase) * number // len(domains) : len(phase) * (number + 1) // len(domains)]:
                yield streams, lanes


def rounded(field: float, bits: int, metropolis: bool) -> int:
    """2^bits times the probability to go against β|f|, σ(−2β|f|) or e^(−2β|f|), rounded and below 2^bits."""
    probability = math.exp(-2 * field) if metropolis else 1 / (1 + math.exp(2 * field))
    return min(round(probability * 2**bits), 2**bits - 1)


def _below(limit: NDArray, tie: NDArray, bits: int, streams: Sequence[Sequence[Xoshiro]]) -> NDArray[np.bool_]:
    """Whether a number of so many random bits is below a limit, drawing no more of them than any lane needs."""
    u = np.zeros(LANES, dtype=np.int64)
    drawn = 0
    while drawn < bits:
        if drawn >= DRAWN and not ((u == limit >> (bits - drawn)) & ~tie).any():
            break
        stream = streams[drawn % 2 if drawn < DRAWN else 0]
        words = [generator.word() for generator in stream]
        u = 2 * u + [word >> bit & 1 for word in words for bit in range(64)]
        drawn += 1
    return u < limit >> (bits - drawn)
