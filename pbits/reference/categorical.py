"""Plain twins of the categorical kernels: the model's own energy of every category, and the textbook draw.

Beside them the transition matrix of a sweep over a small model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from pbits.models import CategoricalModel, HybridModel
from pbits.reference.exact import exact
from pbits.reference.twins import Key, philox, uniform

# A matrix of four million entries.
MAX_STATES = 2048


def conditional(model: CategoricalModel | HybridModel, state: NDArray, site: int, beta: float) -> NDArray[np.float64]:
    """P(s_site = a | the other sites) for every category a, by the model's energies."""
    exponents = -beta * _energies(model, state, site)
    weights = np.exp(exponents - exponents.max())
    return weights / weights.sum()


def _energies(model: CategoricalModel | HybridModel, state: NDArray, site: int) -> NDArray[np.float64]:
    """E with every category of a site in turn."""
    values = model.values(site)
    candidates = np.repeat(state[None], len(values), axis=0)
    candidates[:, site] = values
    return model.energy(candidates)


def cell_draw(energies: ArrayLike, beta: float) -> NDArray[np.float64]:
    """The matrix (q, q) of one draw of a p-cell between the present category and another, picked uniformly.

    P(a → b) = σ(−β(x_b − x_a))/(q − 1): in detailed balance with ∝ e^(−βx_a).

    Examples
    --------
    >>> cell_draw([0.0, 0.0, 0.0], beta=1.0)
    array([[0.5 , 0.25, 0.25],
           [0.25, 0.5 , 0.25],
           [0.25, 0.25, 0.5 ]])
    """
    x = np.asarray(energies, dtype=np.float64)
    moves = expit(-beta * (x - x[:, None])) / (len(x) - 1)
    np.fill_diagonal(moves, 0)
    np.fill_diagonal(moves, 1 - moves.sum(axis=1))
    return moves


def transition(
    model: CategoricalModel, beta: float = 1.0, *, sites: Sequence[int] | None = None, draws: int | None = None
) -> NDArray[np.float64]:
    """The transition matrix of one sweep, a site at a time; states as in `pbits.exact`, rows sum to 1.

    Parameters
    ----------
    model : CategoricalModel
    beta : float
    sites : sequence of int, optional
        The order; 0 … n−1 when absent.
    draws : int, optional
        Draws of a p-cell that make an update; absent, the heat bath over all categories.

    Raises
    ------
    ValueError
        For a model of more than 2048 states.

    Examples
    --------
    >>> import pbits
    >>> from pbits.reference import exact_tau_int
    >>> colours = pbits.CategoricalModel([3], [[0.0, 1.0, 2.0]])
    >>> law = pbits.exact(colours)
    >>> once, often = (
    ...     exact_tau_int(transition(colours, draws=d), law.probabilities, law.states[:, 0]) for d in (1, 30)
    ... )
    >>> bool(once > 2 * often), round(often, 3)
    (True, 1.0)
    """
    states = int(np.prod(model.n_states.astype(object)))
    if states > MAX_STATES:
        raise ValueError(f"the model has {states} states; a transition matrix is made for up to {MAX_STATES}")
    law = exact(model, beta)
    assert law.states is not None
    matrix = np.eye(len(law.states))
    for site in range(model.n) if sites is None else sites:
        step = np.zeros_like(matrix)
        for row, state in enumerate(law.states):
            targets = np.repeat(state[None], model.n_states[site], axis=0)
            targets[:, site] = model.values(site)
            if draws is None:
                chances = conditional(model, state, site, beta)
            else:
                moves = cell_draw(_energies(model, state, site), beta)
                chances = np.linalg.matrix_power(moves, draws)[state[site]]
            step[row, law.index(targets)] = chances
        matrix = matrix @ step
    return matrix


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
                toggles += draw(states[:, chain], model, site, beta, u)
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
                toggles += draw(states[:, chain], model, site, beta, uniform(key, absolute, update, step0 + t))
    return toggles


def relax(
    state: NDArray,
    model: CategoricalModel | HybridModel,
    site: int,
    beta: float,
    draws: int,
    key: Key,
    *,
    chain: int,
    step: int,
) -> bool:
    """Some draws of a p-cell at one site; whether it ends elsewhere. Draw k uses the word of (chain, site, step, k)."""
    old, x = state[site], _energies(model, state, site)
    for k in range(draws):
        word = philox((chain // 4, site, step, k), key)[chain % 4]
        which, rest = divmod(word * (len(x) - 1), 2**32)
        present = int(state[site])
        other = [a for a in range(len(x)) if a != present][which]
        if (rest + 0.5) / 2**32 < expit(-beta * (x[other] - x[present])):
            state[site] = other
    return bool(state[site] != old)


def draw(state: NDArray, model: CategoricalModel | HybridModel, site: int, beta: float, u: float) -> bool:
    """The first category at which the running sum of probabilities exceeds u; whether it is a new one."""
    old, running = state[site], np.cumsum(conditional(model, state, site, beta))
    state[site] = np.searchsorted(running, u * running[-1], side="right")
    return bool(state[site] != old)


def by_chain(betas: ArrayLike, chains: int) -> list[list[float]]:
    """β of every step and chain, from (steps,) or (steps, chains)."""
    rows = np.asarray(betas, dtype=np.float64)
    return np.broadcast_to(rows.reshape(len(rows), -1), (len(rows), chains)).tolist()
