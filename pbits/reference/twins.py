"""Plain-Python twins of the kernels: slow, obvious, and equal to them spin for spin.

They share no code with `pbits.kernels`, so that a fault in one shows as a difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbits.models import DirectedModel, IsingModel

Key = tuple[int, int]


def philox(counter: Sequence[int], key: Key) -> tuple[int, int, int, int]:
    """Philox4x32-10: four 32-bit words of a counter of four words and a key of two."""
    c0, c1, c2, c3 = (int(word) for word in counter)
    k0, k1 = (int(word) for word in key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 1 << 32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0 = (k0 + 0x9E3779B9) % (1 << 32)
        k1 = (k1 + 0xBB67AE85) % (1 << 32)
    return c0, c1, c2, c3


def uniform(key: Key, chain: int, site: int, step: int, draw: int = 0) -> float:
    """The uniform of a chain, site, step and draw: word chain mod 4 of counter (chain // 4, site, step, draw)."""
    word = philox((chain // 4, site, step, draw), key)[chain % 4]
    return (word + 0.5) / 2**32


def normal(key: Key, chain: int, site: int, step: int, draw: int = 0) -> float:
    """The standard normal of a chain, site, step and draw, by Box and Muller."""
    words = philox((chain // 2, site, step, draw), key)
    first, second = words[2 * (chain % 2) : 2 * (chain % 2) + 2]
    radius = math.sqrt(-2 * math.log((first + 0.5) / 2**32))
    return radius * math.cos(2 * math.pi * (second + 0.5) / 2**32)


def sweep_phases(
    spins: NDArray[np.int8],
    model: IsingModel,
    phases: Sequence[Sequence[int]],
    betas: Sequence[float],
    key: Key,
    *,
    persistence: float = 0.0,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of `pbits.kernels.ising.sweep_phases`; changes `spins` (n, chains), returns the toggles."""
    J, h = model.csr.toarray(), model.h
    toggles = 0
    for t, beta in enumerate(betas):
        for phase in phases:
            before = spins.copy()
            for site in phase:
                for chain in range(spins.shape[1]):
                    field = float(J[site] @ before[:, chain] + h[site])
                    up = (1 - persistence) / (1 + math.exp(-2 * beta * field))
                    up += persistence * (before[site, chain] == 1)
                    u = uniform(key, chain0 + chain, site, step0 + t)
                    spins[site, chain] = 1 if u < up else -1
            toggles += int((spins != before).sum())
    return toggles


def sweep_cells(
    spins: NDArray[np.int8],
    voltages: NDArray[np.float64],
    model: IsingModel | DirectedModel,
    phases: Sequence[Sequence[int]],
    betas: NDArray[np.float64],
    key: Key,
    *,
    memory: float,
    persistence: Sequence[float],
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of `pbits.kernels.settling.sweep_cells`; changes `spins` and `voltages` (n, chains), returns the toggles.

    `betas` is (steps, chains). Unlike the kernel it settles all sites in every phase, also those that never move.
    """
    J, h = model.csr.toarray(), model.h
    toggles = 0
    for t, row in enumerate(betas):
        for phase in phases:
            before = spins.copy()
            asked = row * (J @ before + h[:, None])
            voltages[:] = asked + (voltages - asked) * memory
            for site in phase:
                for chain in range(spins.shape[1]):
                    up = (1 - persistence[site]) / (1 + math.exp(-2 * voltages[site, chain]))
                    up += persistence[site] * (before[site, chain] == 1)
                    u = uniform(key, chain0 + chain, site, step0 + t)
                    spins[site, chain] = 1 if u < up else -1
            toggles += int((spins != before).sum())
    return toggles


def sweep_random(
    spins: NDArray[np.int8],
    model: IsingModel,
    free: Sequence[int],
    betas: Sequence[float],
    key: Key,
    site_key: Key,
    *,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of `pbits.kernels.ising.sweep_random`; changes `spins` (n, chains), returns the toggles."""
    J, h = model.csr.toarray(), model.h
    toggles = 0
    for t, beta in enumerate(betas):
        for update in range(len(free)):
            for chain in range(spins.shape[1]):
                absolute = chain0 + chain
                word = philox((absolute // 4, update, step0 + t, 0), site_key)[absolute % 4]
                site = free[word * len(free) // 2**32]
                field = float(J[site] @ spins[:, chain] + h[site])
                up = 1 / (1 + math.exp(-2 * beta * field))
                spin = 1 if uniform(key, absolute, update, step0 + t) < up else -1
                toggles += int(spin != spins[site, chain])
                spins[site, chain] = spin
    return toggles
