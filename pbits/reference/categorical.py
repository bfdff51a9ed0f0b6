"""Plain twins of the categorical kernels: the model's own energy of every category, and the textbook draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import CategoricalModel
from pbits.reference.twins import Key, philox, uniform


def conditional(model: CategoricalModel, state: NDArray, site: int, beta: float) -> NDArray[np.float64]:
    """P(s_site = a | the other sites) for every category a, by the model's energies."""
    candidates = np.repeat(state[None], model.n_states[site], axis=0)
    candidates[:, site] = model.values(site)
    exponents = -beta * model.energy(candidates)
    weights = np.exp(exponents - exponents.max())
    return weights / weights.sum()


def sweep(
    states: NDArray[np.int16],
    model: CategoricalModel,
    sites: Sequence[int],
    betas: ArrayLike,
    key: Key,
    *,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of a sequential sweep per β; changes `states` (n, chains), returns the toggles.

    `betas` is (steps,), or (steps, chains) where each chain has its own.
    """
    toggles = 0
    for t, row in enumerate(by_chain(betas, states.shape[1])):
        for site in sites:
            for chain, beta in enumerate(row):
                u = uniform(key, chain0 + chain, site, step0 + t)
                toggles += _update(states[:, chain], model, site, beta, u)
    return toggles


def sweep_random(
    states: NDArray[np.int16],
    model: CategoricalModel,
    sites: Sequence[int],
    betas: ArrayLike,
    key: Key,
    site_key: Key,
    *,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of a random scan: as many updates per β as there are `sites`; changes `states`, returns the toggles."""
    toggles = 0
    for t, row in enumerate(by_chain(betas, states.shape[1])):
        for update in range(len(sites)):
            for chain, beta in enumerate(row):
                absolute = chain0 + chain
                word = philox((absolute // 4, update, step0 + t, 0), site_key)[absolute % 4]
                site = sites[word * len(sites) // 2**32]
                toggles += _update(states[:, chain], model, site, beta, uniform(key, absolute, update, step0 + t))
    return toggles


def _update(state: NDArray[np.int16], model: CategoricalModel, site: int, beta: float, u: float) -> bool:
    """The first category at which the running sum of probabilities exceeds u; whether it is a new one."""
    old, running = state[site], np.cumsum(conditional(model, state, site, beta))
    state[site] = np.searchsorted(running, u * running[-1], side="right")
    return bool(state[site] != old)


def by_chain(betas: ArrayLike, chains: int) -> list[list[float]]:
    """β of every step and chain, from (steps,) or (steps, chains)."""
    rows = np.asarray(betas, dtype=np.float64)
    return np.broadcast_to(rows.reshape(len(rows), -1), (len(rows), chains)).tolist()
