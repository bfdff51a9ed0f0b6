"""Stationary laws of p-bits on Poisson clocks whose synapses are slow: numerical, and converged to a stated error.

p-bit i fires at rate ν_i, in units of 1/τ_N, and draws s_i = +1 with probability σ(2βI_i). Its input I_i hears the
others late: by a time s ("delay"), or through a filter dx_j/dt = (s_j − x_j)/s ("rc", I_i = Σ_j J_ij x_j + h_i). Such
a network is a Markov process only together with its past or its filters, and that is what is discretised here.

"delay": time is cut into K steps per delay, and the state is the spins at the last K + 1 times. A p-bit that fires
within a step reads the others, a delay ago, at one end of that step or the other, with equal chance. This is the
trapezoidal rule in every firing time at once, so the law has an expansion in even powers of 1/K, which is extrapolated
to K → ∞: with K = 1 … L the error is of order (s/L)^(2L).

"rc": between firings the filters relax by themselves. Laws are kept as weights on a tensor grid of Chebyshev points
in the filters' voltages: they give the mean of every polynomial of that degree after any number of firings. Means
depend on where the filters start as smoothly as σ does, so the error falls geometrically with the degree.

Both are checked by refining: the error that is stated is three times the last change of the law, or more where changes
shrink slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import block_diag, eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator, gmres
from scipy.special import expit

from pbits.models import DirectedModel, EnergyModel, IsingModel
from pbits.models.base import finite_number
from pbits.reference.chains import conditionals, stationary, transition

Array = NDArray[np.float64]
# A law, and by how much, ‖·‖₁, it misses its equations.
Level = tuple[Array, float]

# The sizes that are solved in a second or two.
MAX_DELAYED = {"delay": 4, "rc": 3}
_MOST = {"delay": 5, "rc": 4}
_STATES = {"delay": 1 << 20, "rc": 1 << 17}
_LONGEST_GRID = 10
_DEGREES = (4, 6, 8, 12, 16, 24, 32, 48)
# Refining stops at the first error, and where states are as many as this at the second.
_GOAL, _FAIR = 1e-10, 1e-6
_DEAR = {"delay": 1 << 16, "rc": 1 << 14}
_TOLERANCE = 1e-13
# Vectors that the solver keeps: 256 MiB.
_ROOM = 1 << 25


def delayed_law(
    model: EnergyModel, beta: float, *, synapse: Literal["delay", "rc"], s: float, rates: ArrayLike | None = None
) -> tuple[Array, float]:
    """The law of p-bits with slow synapses on Poisson clocks, and its error.

    Parameters
    ----------
    model : IsingModel or DirectedModel
        Of at most 5 p-bits for "delay", and 4 for "rc". For "delay", any model of spins.
    beta : float
    synapse : {"delay", "rc"}
    s : float
        τ_S/τ_N > 0: the delay, or the time constant of the filters.
    rates : (n,) positive array, optional
        ν_i, firings per τ_N; 1 when absent.

    Returns
    -------
    probabilities : (2ⁿ,) array
        In the order of `pbits.exact`: first site most significant, −1 before +1.
    error : float
        Estimate, on the safe side, of the total variation to the true law; at most 1. It grows with n, with s above
        1 and with β, and says so rather than being refused.

    Raises
    ------
    ValueError
        For another synapse, an s that is not positive and finite, rates that are not n positive numbers, too many
        p-bits, a model whose inputs are not linear where synapses are filters, or probabilities so close to 0 that
        p-bits never leave a state.

    Examples
    --------
    Two p-bits that hear each other late are less correlated than Boltzmann's tanh β = 0.7616:

    >>> import pbits
    >>> from pbits.reference.delayed import delayed_law
    >>> law, error = delayed_law(pbits.IsingModel([[0, 1], [1, 0]]), 1.0, synapse="delay", s=0.5)
    >>> round(float(law @ [1, -1, -1, 1]), 6), error < 1e-8
    (0.601272, True)
    """
    if synapse not in _MOST:
        raise ValueError(f"synapse is {synapse!r}; laws of slow synapses are of 'delay' and 'rc'")
    beta, s = finite_number(beta, "beta"), finite_number(s, "s")
    if s <= 0:
        raise ValueError(f"s is {s:g}; τ_S/τ_N must be positive: take the rule 'random' for instant synapses")
    n = model.n
    if n > _MOST[synapse]:
        raise ValueError(
            f"{n} p-bits with the synapse {synapse!r} have no law here; up to {_MOST[synapse]} are solved. "
            "Take part of the network, or sample it"
        )
    speeds = np.ones(n) if rates is None else np.asarray(rates, dtype=np.float64)
    instant = transition(model, "random", beta, rates=speeds)
    start = stationary(instant)
    # For how long a network goes on about what disturbed it, at most: ‖Σ_t (Tᵗ − π)‖, and its synapses.
    memory = np.abs(np.linalg.inv(np.eye(len(start)) - instant + start) - start).sum(axis=1).max() / speeds.sum() + s
    if synapse == "delay":
        return refined(_delays(conditionals(model, beta), speeds, s, start, float(memory)), _DEAR[synapse])
    if not isinstance(model, IsingModel | DirectedModel):
        raise ValueError(f"the inputs of a {type(model).__name__} are not linear; filters need couplings of two p-bits")
    return refined(_filters(model, beta, speeds, s, start, float(memory)), _DEAR[synapse])


def refined(levels: Iterable[tuple[int, Array, float]], dear: int, fair: float = _FAIR) -> tuple[Array, float]:
    """Go through (number of states, law, noise), finer and finer, until the error is small or the next is dear."""
    law, error, changes = np.zeros(1), 1.0, []
    for states, finer, noise in levels:
        if law.size > 1:
            changes.append(float(np.abs(finer - law).sum() / 2))
        law, error = finer, _left(changes, noise)
        if error < _GOAL or (error < fair and states >= dear) or (len(changes) > 1 and changes[-1] <= noise):
            break
    # Of extrapolations, and of weights, the rarest states may come out below 0.
    law = np.maximum(law, 0.0)
    return law / law.sum(), error


def _left(changes: list[float], noise: float) -> float:
    """Thrice the last change, or the sum of those still to come, should they shrink as before; and the noise."""
    if len(changes) < 2:
        return 1.0
    before, change = changes[-2:]
    if change <= noise:
        return min(1.0, 2 * noise)
    # A change may be small by chance, in passing through 0: it counts as no smaller than the two before it foretold.
    if len(changes) > 2 and changes[-3] > 0:
        change = max(change, before**2 / changes[-3])
    if change >= before:
        return 1.0
    return min(1.0, 3 * change * max(1.0, change / (before - change)) + noise)


# ---- delays ----


def _delays(up: Array, rates: Array, s: float, start: Array, memory: float) -> Iterable[tuple[int, Array, float]]:
    laws, noises = [], []
    for K in range(1, _LONGEST_GRID + 1):
        states = len(up) ** (K + 1)
        if states > _STATES["delay"]:
            return
        law, left = _on_grid(up, rates, s, K, start)
        laws.append(law)
        noises.append(left * memory / s)
        # The polynomial in 1/K² through all laws, at 0.
        squares = np.arange(1, K + 1) ** 2.0
        weights = np.array([prod(k / (k - other) for other in squares if other != k) for k in squares])
        yield states, weights @ np.array(laws), float(np.abs(weights) @ noises)


def _on_grid(up: Array, rates: Array, s: float, K: int, start: Array) -> Level:
    """The law on a grid of K steps per delay, and the residual of its equations."""
    m, n = up.shape
    fires = -np.expm1(-rates * s / K)
    # after[now, later, earlier, next]: a step reads at its later or its earlier end, a delay ago.
    read = (up[:, None] + up[None, :]) / 2
    spins = np.arange(m)[:, None] >> np.arange(n)[::-1] & 1
    after = np.ones((m,) * 4)
    for site in range(n):
        on = (1 - fires[site]) * spins[:, None, None, site] + fires[site] * read[..., site]
        after *= np.where(spins[:, site], on[..., None], 1 - on[..., None])
    equal = np.arange(m)

    def step(law: Array) -> Array:
        """From the law of spins at times 0, 1 … K steps ago to the law one step on."""
        if K == 1:
            return np.einsum("ne,nea->an", law.reshape(m, m), after[equal, equal])
        past = law.reshape(m, -1, m, m).transpose(0, 2, 1, 3)
        return (past @ after).transpose(3, 0, 2, 1)

    def window(law: Array) -> Array:
        for _ in range(K + 1):
            law = step(law)
        return law.ravel()

    quiet = np.zeros((m,) * (K + 1))
    quiet[(equal,) * (K + 1)] = start
    law, residual = fixed_point(window, quiet.ravel())
    return law.reshape(m, -1).sum(axis=1), residual


# ---- filters ----


def _filters(
    model: IsingModel | DirectedModel, beta: float, rates: Array, s: float, start: Array, memory: float
) -> Iterable[tuple[int, Array, float]]:
    for degree in _DEGREES:
        states = (2 * (degree + 1)) ** model.n
        if states > _STATES["rc"]:
            return
        law, left = _on_points(model, beta, rates, s, degree, start)
        yield states, law, left * memory * float(rates.sum())


def _on_points(
    model: IsingModel | DirectedModel, beta: float, rates: Array, s: float, degree: int, start: Array
) -> Level:
    """The law just before a firing, which is that of any moment, from polynomials up to a degree in each x_j.

    Weights have one axis per p-bit, of spin and voltage: (−1, x_0) … (−1, x_d), (+1, x_0) … (+1, x_d).
    """
    n, points = model.n, degree + 1
    x = -np.cos(np.pi * np.arange(points) / degree)
    # y = e^(−t/s) of the time t to the next firing, of rate Λ, has the density Λs·y^(Λs − 1): this many points
    # average every polynomial in y that occurs.
    y, weight = _gauss_power(n * degree // 2 + 1, float(rates.sum()) * s)
    relax = [block_diag(lagrange(x, -1 + (x + 1) * left), lagrange(x, 1 + (x - 1) * left)) for left in y]
    J = model.csr.toarray()
    voltages = np.stack(np.meshgrid(*[x] * n, indexing="ij"), axis=-1)
    up = expit(2 * beta * (voltages @ J.T + model.h)).reshape(*(1, points) * n, n)
    share = rates / rates.sum()

    def fire(law: Array) -> Array:
        before = law.reshape((2, points) * n)
        after = np.zeros_like(before)
        for site in range(n):
            either = before.sum(axis=2 * site, keepdims=True)
            p = up[..., site]
            after += share[site] * np.concatenate([either * (1 - p), either * p], axis=2 * site)
        return after

    def fire_and_relax(law: Array) -> Array:
        fired, total = fire(law), np.zeros(law.size)
        for part, matrix in zip(weight, relax):
            moved = part * fired
            # The axis of one p-bit goes from the front to the end: after n of them the order is the first again.
            for _ in range(n):
                moved = moved.reshape(2 * points, -1).T @ matrix
            total += moved.ravel()
        return total

    settled = np.zeros((2, points) * n)
    ends = np.array([0, degree])
    settled[tuple(axis for spin in np.indices((2,) * n) for axis in (spin, ends[spin]))] = start.reshape((2,) * n)
    law, residual = fixed_point(fire_and_relax, settled.ravel())
    return law.reshape((2, points) * n).sum(axis=tuple(range(1, 2 * n, 2))).ravel(), residual


def _gauss_power(points: int, power: float) -> tuple[Array, Array]:
    """Nodes and weights of the mean under the density a·y^(a − 1) on (0, 1), exact to degree 2·points − 1.

    From the recurrence of the Jacobi polynomials P^(0, a − 1) (Golub and Welsch 1969), which stays finite for any a.
    """
    k, b = np.arange(1, points), power - 1
    middle = np.concatenate([[b / (b + 2)], b * b / ((2 * k + b) * (2 * k + b + 2))])
    side = k * (k + b) / (2 * k + b) / np.sqrt((2 * k + b) ** 2 - 1) * 2
    nodes, vectors = eigh_tridiagonal(middle, side)
    return (1 + nodes) / 2, vectors[0] ** 2


def lagrange(x: Array, at: Array) -> Array:
    """Values at some points of the Lagrange polynomials of the Chebyshev points x; shape (at, x)."""
    weights = (-1.0) ** np.arange(len(x))
    weights[[0, -1]] /= 2
    gap = at[:, None] - x
    on = gap == 0
    values = weights / np.where(on, 1.0, gap)
    values /= values.sum(axis=1, keepdims=True)
    return np.where(on.any(axis=1, keepdims=True), on, values)


# ---- both ----


def fixed_point(advance: Callable[[Array], Array], start: Array) -> Level:
    """The law that `advance`, linear and keeping the sum, leaves as it is; and what ‖·‖₁ of its change is left."""

    def equations(law: Array) -> Array:
        return law - advance(law) + start * law.sum()

    size = len(start)
    # scipy's stubs know the base class only.
    operator = LinearOperator((size, size), matvec=equations, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    kept = min(max(_ROOM // size, 30), 300)
    law, _ = gmres(operator, start, x0=advance(start), rtol=_TOLERANCE, atol=0.0, restart=kept, maxiter=300 // kept)
    law = law / law.sum()
    return law, float(np.abs(advance(law) - law).sum())
