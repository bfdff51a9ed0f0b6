"""A plain twin of the hybrid kernel, and the law of modes of unequal temperatures.

It shares no formula with the kernel: categories go by the model's own energies, modes by Φ = e^(−AΔt/τ) and the noise
Σ − ΦΣΦ that keeps their law, with Σ from Lyapunov's equation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, solve_continuous_lyapunov, sqrtm

from pbits.models import CategoricalModel, GaussianModel, HybridModel
from pbits.reference.categorical import by_chain, draw, relax
from pbits.reference.twins import Key, normal, uniform

MODE_DRAW = 2**32 - 1


def mode_covariance(A: ArrayLike, temperatures: ArrayLike, beta: float = 1.0) -> NDArray[np.float64]:
    """Σ with AΣ + ΣA = 2 diag(T)/β: the stationary covariance of dx = −Ax dt + √(2T/β) dW; A⁻¹/β where all T are 1.

    Examples
    --------
    >>> mode_covariance([[2.0, 0.0], [0.0, 1.0]], [1.0, 3.0])
    array([[0.5, 0. ],
           [0. , 3. ]])
    """
    A = np.asarray(A, dtype=np.float64)
    return np.asarray(solve_continuous_lyapunov(A, 2 * np.diag(np.asarray(temperatures, dtype=np.float64)) / beta))


def sweep(
    states: NDArray,
    model: CategoricalModel | GaussianModel | HybridModel,
    sites: Sequence[int],
    betas: ArrayLike,
    key: Key,
    *,
    draws: Sequence[int] | None = None,
    duration: float = math.inf,
    temperatures: ArrayLike | None = None,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of `pbits.kernels.hybrid.hybrid_sweeps`; changes `states` (n, chains), returns the toggles of categories.

    `betas` is (steps,), or (steps, chains) where each chain has its own; `sites` are those that move, categories first.
    """
    first = sum(model.lists(site) for site in range(model.n))
    free = np.array([site - first for site in sites if site >= first], dtype=np.int64)
    toggles = 0
    for t, row in enumerate(by_chain(betas, states.shape[1])):
        for chain, beta in enumerate(row):
            state, absolute, step = states[:, chain], chain0 + chain, step0 + t
            for site in sites:
                if isinstance(model, GaussianModel) or site >= first:
                    break
                if draws is None:
                    toggles += draw(state, model, site, beta, uniform(key, absolute, site, step))
                else:
                    toggles += relax(state, model, site, beta, draws[site], key, chain=absolute, step=step)
            if len(free):
                noise = [normal(key, absolute, mode, step, MODE_DRAW) for mode in free]
                heat = np.ones(model.n - first) if temperatures is None else np.asarray(temperatures)
                assert not isinstance(model, CategoricalModel)
                _settle(state, model, free, duration, heat / beta, np.array(noise))
    return toggles


def _settle(
    state: NDArray[np.float64],
    model: GaussianModel | HybridModel,
    free: NDArray[np.int64],
    duration: float,
    heat: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> None:
    """Move the free modes of one chain."""
    if isinstance(model, HybridModel):
        x, total, modes = state[model.discrete.n :], model.drive(state[: model.discrete.n]), model.modes
    else:
        x, total, modes = state, model.b, model
    inside = np.ix_(free, free)
    fixed = np.setdiff1d(np.arange(modes.n), free)
    A = modes.A[inside]
    mean = np.linalg.solve(A, total[free] - modes.A[np.ix_(free, fixed)] @ x[fixed])
    left = np.zeros_like(A) if math.isinf(duration) else expm(-A * duration)
    covariance = mode_covariance(A, heat[free])
    root = np.real(sqrtm(covariance - left @ covariance @ left))
    x[free] = mean + left @ (x[free] - mean) + root @ noise
