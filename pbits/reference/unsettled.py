"""Stationary laws of cells whose inputs settle: numerical, and converged to a stated error.

In each phase the input V_i of a cell goes towards what the state asks for, V_i ← βI_i + (V_i − βI_i)m, and at the end
of the phase the cells of one group draw by it. All inputs settle alike, so V_i = β(Σ_j J_ij x_j + h_i) with one number
for each cell that others hear: x_j ← s_j + (x_j − s_j)m, a geometric sum over its past spins. Spins and these numbers
are a Markov process.

Its law is kept as weights on a tensor grid of Chebyshev points in the x_j, which give the mean of every polynomial up
to their degree d. After a phase x_j enters only as s_j + (x_j − s_j)m, so what a polynomial of degree d misses shrinks
as m^d: a few points are enough unless m is near 1. The error that is stated comes from refining, as in
`pbits.reference.delayed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from pbits.models import DirectedModel, IsingModel
from pbits.models.base import finite_number
from pbits.reference.chains import stationary, transition
from pbits.reference.delayed import Level, fixed_point, lagrange, refined

Array = NDArray[np.float64]

# The size that is solved in a second or two, and the largest that is tried.
MAX_UNSETTLED = 4
_MOST = 5
_DEGREES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48)
_STATES, _DEAR = 1 << 18, 1 << 14
# Where states are as many as that, this error is good enough.
_FAIR = 1e-5


def unsettled_law(
    model: IsingModel | DirectedModel,
    beta: float,
    *,
    phases: Sequence[Sequence[int]],
    memory: float,
    persistence: ArrayLike = 0.0,
) -> tuple[Array, float]:
    """The law of cells with unsettled inputs at the end of their sweeps, and its error.

    Parameters
    ----------
    model : IsingModel or DirectedModel
        Of at most 5 spins.
    beta : float
    phases : groups of sites
        In order; a group draws at the end of its phase. Inputs settle in a phase without sites too.
    memory : float in [0, 1)
        m = e^(−Δt/τ_bias).
    persistence : float in [0, 1), or (n,) of them
        As in `pbits.reference.transition`.

    Returns
    -------
    probabilities : (2ⁿ,) array
        In the order of `pbits.exact`: first site most significant, −1 before +1.
    error : float
        Estimate, on the safe side, of the total variation to the true law; at most 1. It grows with n and with m.

    Raises
    ------
    ValueError
        For too many spins, a memory outside [0, 1), a persistence or phases that `transition` refuses, or a site that
        no phase moves.

    Examples
    --------
    Two cells hear each other's past, and are less correlated than Boltzmann's tanh ½ = 0.4621:

    >>> import pbits
    >>> from pbits.reference.unsettled import unsettled_law
    >>> pair = pbits.IsingModel([[0, 0.5], [0.5, 0]])
    >>> law, error = unsettled_law(pair, 1.0, phases=[[0], [1]], memory=0.2)
    >>> round(float(law @ [1, -1, -1, 1]), 6), error < 1e-9
    (0.39201, True)
    """
    beta = finite_number(beta, "beta")
    if model.n > _MOST:
        raise ValueError(
            f"{model.n} cells whose inputs settle have no law here; up to {_MOST} are solved. Take part of the "
            "network, or sample it"
        )
    if not 0 <= memory < 1:
        raise ValueError(f"memory is {memory}; it must be at least 0 and below 1")
    groups = [list(phase) for phase in phases]
    moved = sorted(site for group in groups for site in group)
    if moved != list(range(model.n)):
        raise ValueError(f"phases {groups} must name each of the {model.n} sites once")
    settled = transition(model, "phases", beta, phases=[group for group in groups if group], persistence=persistence)
    start = stationary(settled)
    if memory == 0:
        return start, 0.0
    # For how many sweeps a network goes on about what disturbed it, at most: ‖Σ_t (Tᵗ − π)‖, and its inputs.
    lasts = np.abs(np.linalg.inv(np.eye(len(start)) - settled + start) - start).sum(axis=1).max() + 1 / (1 - memory)
    stays = np.broadcast_to(np.asarray(persistence, dtype=np.float64), model.n)
    return refined(_levels(model, beta, groups, memory, stays, start, float(lasts)), _DEAR, _FAIR)


def _levels(
    model: IsingModel | DirectedModel,
    beta: float,
    groups: list[list[int]],
    memory: float,
    stays: Array,
    start: Array,
    lasts: float,
) -> Iterable[tuple[int, Array, float]]:
    widest = 2 ** max(map(len, groups))
    for degree in _DEGREES:
        states = (2 * (degree + 1)) ** model.n * widest
        if states > _STATES:
            return
        law, left = _on_points(model, beta, groups, memory, stays, start, degree)
        yield states, law, left * lasts


def _on_points(
    model: IsingModel | DirectedModel,
    beta: float,
    groups: list[list[int]],
    memory: float,
    stays: Array,
    start: Array,
    degree: int,
) -> Level:
    """The law from polynomials up to a degree in each x_j, and the residual of its equations.

    Weights have an axis for each spin, and after them one for each x_j.
    """
    n, points = model.n, degree + 1
    x = -np.cos(np.pi * np.arange(points) / degree)
    settle = np.stack([lagrange(x, s + (x - s) * memory) for s in (-1, 1)])
    J = model.csr.toarray()

    def along(axis: int, values: Array) -> Array:
        return values.reshape([-1 if other == axis else 1 for other in range(2 * n)])

    def drawn(site: int) -> Array:
        """P(s'_i = −1) and P(s'_i = +1), on a last axis, over the spins and points that site i hears."""
        inputs = np.full((1,) * 2 * n, model.h[site])
        for other in np.flatnonzero(J[site]).tolist():
            heard = along(other, (1 - memory) * np.array([-1.0, 1.0])) + along(n + other, memory * x)
            inputs = inputs + J[site, other] * heard
        up, keeps = expit(2 * beta * inputs), along(site, np.array([0.0, stays[site]]))
        on = (1 - stays[site]) * up + keeps
        off = (1 - stays[site]) * (1 - up) + (stays[site] - keeps)
        return np.stack(np.broadcast_arrays(off, on), axis=-1)

    draws = [[drawn(site) for site in group] for group in groups]

    def sweep(law: Array) -> Array:
        for group, chances in zip(groups, draws):
            law = phase(law, group, chances)
        return law

    def phase(law: Array, group: list[int], chances: list[Array]) -> Array:
        weights = law.reshape((2,) * n + (points,) * n)
        # The new spins get axes of their own, behind the others, since all is drawn from what was before.
        for count, chance in enumerate(chances):
            weights = weights[..., None] * chance.reshape(chance.shape[:-1] + (1,) * count + (2,))
        for site in range(n):
            front = np.moveaxis(weights, (site, n + site), (0, -1))
            moved = front.reshape(2, -1, points) @ settle
            weights = np.moveaxis(moved.reshape(front.shape), (0, -1), (site, n + site))
        weights = weights.sum(axis=tuple(group))
        return np.moveaxis(weights, range(weights.ndim - len(group), weights.ndim), group).ravel()

    # Settled: each x_j is its spin.
    first = np.zeros((2,) * n + (points,) * n)
    spins = np.indices((2,) * n).reshape(n, -1)
    first[(*spins, *(degree * spins))] = start
    law, residual = fixed_point(sweep, first.ravel())
    return law.reshape(2**n, -1).sum(axis=1), residual
