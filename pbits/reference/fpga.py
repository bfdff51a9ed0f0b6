"""Plain twin of the digital p-bits of `pbits.kernels.fpga`, in whole numbers of Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pbits.reference.twins import Key, philox

TOP = 2**32 - 1


def lfsr(word: int, shifts: int = 1) -> int:
    """A 32-bit register after some shifts; its feedback is the XNOR of bits 32, 22, 2 and 1."""
    for _ in range(shifts):
        ones = sum(word >> (bit - 1) & 1 for bit in (32, 22, 2, 1))
        word = 2 * word % 2**32 + (ones + 1) % 2
    return word


def xoshiro(state: Sequence[int]) -> tuple[int, list[int]]:
    """The word that xoshiro128++ shows in a state, and the state after it."""
    a, b, c, d = state
    word = (_turned((a + d) % 2**32, 7) + a) % 2**32
    c, d = c ^ a, d ^ b
    return word, [a ^ d, b ^ c, c ^ b << 9 & TOP, _turned(d, 11)]


def _turned(word: int, by: int) -> int:
    return word << by & TOP | word >> 32 - by


def seed_words(key: Key, chain: int, site: int, width: int) -> list[int]:
    """The seed of a p-bit's generator of one word or four."""
    words = list(philox((chain, site, 0, 1), key)[:width])
    if words == [TOP]:
        return [TOP - 1]
    return words if any(words) or width == 1 else [1, 0, 0, 0]


def tanh_table(integer_bits: int, fraction_bits: int) -> list[int]:
    """round(2³² (1 + tanh x)/2) of x = 0, 2^−b … 2^a − 2^−b, at most 2³² − 1."""
    inputs = (k / 2**fraction_bits for k in range(2 ** (integer_bits + fraction_bits)))
    return [min(TOP, math.floor(2**31 * (1 + math.tanh(x)) + 0.5)) for x in inputs]


def whole_number(value: float, integer_bits: int, fraction_bits: int) -> int:
    """The nearest number of s[a][b] in units of 2^−b, ties away from zero; what lies outside saturates."""
    top = 2 ** (integer_bits + fraction_bits)
    size = math.floor(abs(value) * 2**fraction_bits + 0.5)
    return max(-top, min(top - 1, size if value > 0 else -size))


def decide(total: int, word: int, table: Sequence[int]) -> int:
    """The spin of a p-bit whose input and generator show these numbers: half a table serves both signs."""
    level = table[min(abs(total), len(table) - 1)]
    up = word > level if total < 0 else level > word
    return 1 if up else -1


def advance(
    spins: NDArray[np.int8],
    generators: list[list[list[int]]],
    J: NDArray[np.int64],
    h: NDArray[np.int64],
    table: Sequence[int],
    phases: Sequence[Sequence[int]],
    clocks: range,
    *,
    shifts: int = 1,
    free_running: bool = True,
) -> int:
    """Twin of `pbits.kernels.fpga.advance`; changes `spins` (n, chains) and `generators` [site][chain][word].

    Returns the toggles.
    """
    toggles = 0
    for clock in clocks:
        phase = phases[clock % len(phases)]
        before = spins.copy()
        for site in phase:
            totals = J[site] @ before.astype(np.int64) + h[site]
            for chain, total in enumerate(totals.tolist()):
                state = generators[site][chain]
                word = state[0] if len(state) == 1 else xoshiro(state)[0]
                spins[site, chain] = decide(total, word, table)
        toggles += int((spins != before).sum())
        for site in np.concatenate(phases).astype(int) if free_running else phase:
            generators[site] = [
                [lfsr(state[0], shifts)] if len(state) == 1 else xoshiro(state)[1] for state in generators[site]
            ]
    return toggles


def run(
    J: NDArray[np.float64],
    h: NDArray[np.float64],
    phases: Sequence[Sequence[int]],
    betas: Sequence[float],
    looks: Sequence[int],
    chains: int,
    key: Key,
    *,
    integer_bits: int,
    fraction_bits: int,
    words: int = 1,
    shifts: int = 1,
    free_running: bool = True,
    clamp: Mapping[int, float] | None = None,
) -> NDArray[np.int8]:
    """Twin of a whole run on `hardware_models.pbit.bittrue.BitTrue` from random start states.

    Parameters
    ----------
    J, h : (n, n) and (n,) arrays
        As posed.
    phases : the p-bits that move at each clock of a sweep
    betas : β of every sweep, the same between two looks
    looks : numbers of the sweeps, from 1 on, after which the states are kept
    chains : how many
    key : of the INITIAL stream
    clamp : spins that are held

    Returns
    -------
    (chains, looks, n) int8
    """
    n = len(h)
    spins = np.array([[_start(key, chain, site) for chain in range(chains)] for site in range(n)], dtype=np.int8)
    for site, value in (clamp or {}).items():
        spins[site] = value
    generators = [[seed_words(key, chain, site, words) for chain in range(chains)] for site in range(n)]
    table = tanh_table(integer_bits, fraction_bits)
    whole = np.vectorize(lambda value: whole_number(value, integer_bits, fraction_bits), otypes=[np.int64])
    states, done = [], 0
    for look in looks:
        beta, clocks = betas[look - 1], range(done * len(phases), look * len(phases))
        advance(
            spins, generators, whole(beta * J), whole(beta * h), table, phases, clocks,
            shifts=shifts, free_running=free_running,
        )  # fmt: skip
        states.append(spins.T.copy())
        done = look
    return np.array(states).transpose(1, 0, 2)


def _start(key: Key, chain: int, site: int) -> int:
    """A fair spin: bit chain mod 32 of word chain // 32 mod 4 of counter (chain // 128, site, 0, 0)."""
    word = philox((chain // 128, site, 0, 0), key)[chain // 32 % 4]
    return 2 * (word >> chain % 32 & 1) - 1
