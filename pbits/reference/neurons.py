"""Twin of `pbits.kernels.neurons`: analog neurons, one at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel
from pbits.reference.twins import Key, normal


def neurons_path(
    model: IsingModel,
    u: NDArray[np.float64],
    v: NDArray[np.float64],
    free: Sequence[int] | NDArray[np.int64],
    betas: Sequence[float] | NDArray[np.float64],
    step: float,
    *,
    feedback: float,
    noise: float,
    key: Key,
) -> NDArray[np.float64]:
    """Outputs after every step, (chains, steps, n), from u and v of shape (n, chains); these two are changed."""
    J = model.csr.toarray()
    kept, ahead = math.exp(-step), 1 - (1 - math.exp(-step)) / step
    spread = noise * math.sqrt(1 - math.exp(-2 * step))
    path = np.empty((u.shape[1], len(betas), model.n))

    def drive(chain: int) -> list[float]:
        return [float(J[i] @ v[:, chain] + model.h[i] + feedback * v[i, chain]) for i in free]

    def sigmoid(chain: int, beta: float) -> None:
        for i in free:
            v[i, chain] = math.tanh(beta * u[i, chain])

    for chain in range(u.shape[1]):
        for t, beta in enumerate(betas):
            sigmoid(chain, beta)
            before = drive(chain)
            for i, now in zip(free, before):
                kick = spread * normal(key, chain, int(i), t) if noise > 0 else 0.0
                u[i, chain] = kept * u[i, chain] + (1 - kept) * now + kick
            sigmoid(chain, beta)
            for i, then, now in zip(free, drive(chain), before):
                u[i, chain] += ahead * (then - now)
            sigmoid(chain, beta)
            path[chain, t] = v[:, chain]
    return path
