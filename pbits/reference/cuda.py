"""Plain twin of the bit-parallel GPU kernel; the twin of the others is `twins.sweep_phases`.

It shares no code with `pbits.kernels`, so that a fault in one shows as a difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel
from pbits.reference.twins import Key, philox


def sweep_bits(
    spins: NDArray[np.int8],
    model: IsingModel,
    phases: Sequence[Sequence[int]],
    betas: Sequence[float],
    key: Key,
    *,
    bits: int,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of `pbits.kernels.cuda.sweep_bits`; changes `spins` (n, chains), returns the toggles.

    A spin goes against its field (at no field: up) where u < P, with P rounded to `bits` bits. Bit p of u, the
    most significant first, is bit chain % 32 of word p % 4 of Philox counter (chain // 32, site, step, p // 4).
    """
    J, h = model.csr.toarray(), model.h
    toggles = 0
    for t, beta in enumerate(betas):
        for phase in phases:
            before = spins.copy()
            for site in phase:
                for chain in range(spins.shape[1]):
                    field = float(J[site] @ before[:, chain] + h[site])
                    word, lane = divmod(chain0 + chain, 32)
                    u = 0
                    for group in range(bits // 4):
                        for random in philox((word, site, step0 + t, group), key):
                            u = 2 * u + (random >> lane & 1)
                    against = u < round(2**bits / (1 + math.exp(2 * beta * abs(field))))
                    spins[site, chain] = 1 if (field > 0) != against else -1
            toggles += int((spins != before).sum())
    return toggles
