"""Plain twins of the layouts for general couplings: one chain with cached fields, and chains side by side.

They share no code with `pbits.kernels`. Both flip a spin s where u·(a + exp(x)) < b with x = 2βg·s·I: a = 1 and
b = 1 − ρ for the heat bath of persistence ρ, a = 0 and b = 1 for Metropolis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel
from pbits.reference.bits import Xoshiro

LANES = 16
CHUNK = 64
F = np.float32
# 2^r on |r| ≤ ½, highest power first.
POWERS = [
    F(p)
    for p in (
        0.0013276471519140568,
        0.009675541330669382,
        0.05550713274962124,
        0.24022119723934124,
        0.693146967063863,
        1.0000000716546553,
    )
]


def draw(stream: Sequence[Xoshiro]) -> list[int]:
    """Sixteen 32-bit words of a stream: of each of its eight generators the low half, then the high half."""
    words = []
    for generator in stream:
        word = generator.word()
        words += [word & 0xFFFFFFFF, word >> 32]
    return words


def _draw(stream: Sequence[Xoshiro], count: int) -> list[int]:
    words: list[int] = []
    while len(words) < count:
        words += draw(stream)
    return words


def _rule(persistence: float, metropolis: bool) -> tuple[float, float]:
    return (0.0, 1.0) if metropolis else (1.0, 1.0 - persistence)


def sweep_fields(
    spins: NDArray[np.int8],
    model: IsingModel,
    sites: Sequence[int],
    betas: Sequence[float],
    stream: Sequence[Xoshiro],
    *,
    random: bool = False,
    gains: NDArray[np.float64] | None = None,
    persistence: float = 0.0,
    metropolis: bool = False,
) -> int:
    """Twin of `pbits.kernels.fields.sweep`: one chain in float64; changes `spins` (n,), returns the toggles."""
    J, h = model.csr.toarray(), model.h
    gains = np.ones(model.n) if gains is None else gains
    a, b = _rule(persistence, metropolis)
    toggles = 0
    for beta in betas:
        for first in range(0, len(sites), CHUNK):
            count = min(CHUNK, len(sites) - first)
            places = list(range(first, first + count))
            if random:
                high, low = _draw(stream, count), _draw(stream, count)
                places = [((high[k] << 32 | low[k]) * len(sites)) >> 64 for k in range(count)]
            high, low = _draw(stream, count), _draw(stream, count)
            for k, place in enumerate(places):
                site = sites[place]
                x = 2 * beta * gains[site] * spins[site] * float(J[site] @ spins + h[site])
                u = ((high[k] << 32 | low[k]) + 0.5) / 2.0**64
                with np.errstate(over="ignore"):
                    if u * (a + np.exp(x)) < b:
                        spins[site] = -spins[site]
                        toggles += 1
    return toggles


def fma(a: NDArray[np.float32], b: NDArray[np.float32], c: np.float32) -> NDArray[np.float32]:
    """a·b + c in float32, rounded once but for what float64 cannot hold."""
    return (a.astype(np.float64) * b.astype(np.float64) + np.float64(c)).astype(F)


def exp2(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """2^y in float32, in the operations of the kernel; y beyond ±125 counts as that."""
    y = np.clip(y, F(-125), F(125))
    whole = np.rint(y)
    r = y - whole
    power = np.full_like(r, POWERS[0])
    for coefficient in POWERS[1:]:
        power = fma(r, power, coefficient)
    return np.ldexp(power, whole.astype(np.int32))


def flips(words: NDArray[np.uint32], y: NDArray[np.float32], a: float, b: float) -> NDArray[np.bool_]:
    """Whether words decide for a flip, where y = x·log₂e."""
    u = words.astype(F) + F(0.5)
    return u * (exp2(y) + F(a)) < F(b * 2.0**32)


def in_fixed_point(
    model: IsingModel, gains: NDArray[np.float64] | None = None
) -> tuple[float, NDArray[np.int64], NDArray[np.int64]]:
    """A unit, and gJ (in the order of `model.csr`) and gh as whole numbers of it.

    The unit is the largest power of two in which all are exact (to 2⁻⁵² of the largest field), but so large that
    every field, and what it is off by, stays below 2³⁰ of it.
    """
    degrees = np.diff(model.csr.indptr)
    rows = np.repeat(np.arange(model.n), degrees)
    gains = np.ones(model.n) if gains is None else gains
    couplings, h = gains[rows] * model.csr.data, gains * model.h
    largest = max(np.abs(couplings[rows == site]).sum() + abs(h[site]) for site in range(model.n))
    unit = 2.0 ** (math.frexp(largest)[1] - 52)
    numbers = np.rint(np.append(couplings, h) / unit).astype(np.int64)
    while numbers.any() and not (numbers & 1).any():
        numbers, unit = numbers // 2, 2 * unit
    while largest * (1 + (degrees.max() + 1) * 2.0**-30) >= 2.0**30 * unit:
        unit *= 2
    return unit, np.rint(couplings / unit).astype(np.int64), np.rint(h / unit).astype(np.int64)


def sweep_lanes(
    spins: NDArray[np.int8],
    model: IsingModel,
    phases: Sequence[Sequence[int]],
    betas: NDArray[np.float64],
    streams: Sequence[Sequence[Xoshiro]],
    *,
    gains: NDArray[np.float64] | None = None,
    persistence: float = 0.0,
    metropolis: bool = False,
) -> int:
    """Twin of `pbits.kernels.lanes.sweep`; changes `spins` (n, chains), returns the toggles.

    `streams` holds one stream for each 16 chains; β is (steps,) or (steps, chains).
    """
    csr, chains = model.csr, spins.shape[1]
    unit, couplings, h = in_fixed_point(model, gains)
    a, b = _rule(persistence, metropolis)
    toggles = 0
    for row in betas:
        scale = np.broadcast_to(2 * 1.4426950408889634 * row * unit, chains).astype(F)
        for phase in phases:
            before = spins.copy()
            for site in phase:
                words = np.array([draw(stream) for stream in streams], dtype=np.uint32).ravel()[:chains]
                edges = slice(csr.indptr[site], csr.indptr[site + 1])
                field = couplings[edges] @ before[csr.indices[edges]] + h[site]
                y = (before[site] * field).astype(F) * scale
                spins[site] = np.where(flips(words, y, a, b), -before[site], before[site])
            toggles += int((spins != before).sum())
    return toggles
