"""Plain twins of the polynomial kernels: inputs summed term by term, and the textbook decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import PolynomialModel
from pbits.reference.categorical import by_chain
from pbits.reference.twins import Key, philox, uniform


def field(model: PolynomialModel, state: NDArray, site: int) -> float:
    """I_i = Σ_{t∋i} w_t Π_{j∈t, j≠i} s_j."""
    return sum(
        weight * math.prod(int(state[j]) for j in term if j != site)
        for term, weight in model.terms.items()
        if site in term
    )


def sweep(
    spins: NDArray[np.int8],
    model: PolynomialModel,
    sites: Sequence[int],
    betas: ArrayLike,
    key: Key,
    *,
    rule: str = "heat-bath",
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of a sequential sweep per β; changes `spins` (n, chains), returns the toggles.

    `betas` is (steps,), or (steps, chains) where each chain has its own.
    """
    toggles = 0
    for t, row in enumerate(by_chain(betas, spins.shape[1])):
        for site in sites:
            for chain, beta in enumerate(row):
                u = uniform(key, chain0 + chain, site, step0 + t)
                toggles += _update(spins[:, chain], model, site, beta, u, rule)
    return toggles


def sweep_random(
    spins: NDArray[np.int8],
    model: PolynomialModel,
    sites: Sequence[int],
    betas: ArrayLike,
    key: Key,
    site_key: Key,
    *,
    rule: str = "heat-bath",
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of a random scan: as many updates per β as there are `sites`; changes `spins`, returns the toggles."""
    toggles = 0
    for t, row in enumerate(by_chain(betas, spins.shape[1])):
        for update in range(len(sites)):
            for chain, beta in enumerate(row):
                absolute = chain0 + chain
                word = philox((absolute // 4, update, step0 + t, 0), site_key)[absolute % 4]
                site = sites[word * len(sites) // 2**32]
                u = uniform(key, absolute, update, step0 + t)
                toggles += _update(spins[:, chain], model, site, beta, u, rule)
    return toggles


def _update(state: NDArray[np.int8], model: PolynomialModel, site: int, beta: float, u: float, rule: str) -> bool:
    old, push = int(state[site]), 2 * beta * field(model, state, site)
    if rule == "metropolis":
        state[site] = -old if u < math.exp(min(0.0, -push * old)) else old
    else:
        state[site] = 1 if u < 1 / (1 + math.exp(-push)) else -1
    return bool(state[site] != old)
