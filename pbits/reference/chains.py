"""Markov chains of small spin models, as matrices: what each update rule does to every state at once.

Everything here follows from one table, P(s_i = +1 | s) for every state and site, and from a rule that says
which sites look at which state. Rows are the state before and columns the state after, in the order of
`pbits.exact` (first site most significant, −1 before +1), so a law is a row vector and a chain of two steps
is ``T1 @ T2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from pbits.models import DirectedModel, EnergyModel
from pbits.models.base import finite_number

Rule = Literal["sequential", "random", "chromatic", "phases", "synchronous", "discrete"]

# 2^10 states: a matrix of a million entries.
MAX_SPINS = 10


def conditionals(model: EnergyModel, beta: float = 1.0) -> NDArray[np.float64]:
    """P(s_i = +1 | other spins) = σ(β[E(s_i = −1) − E(s_i = +1)]) for every state; shape (2ⁿ, n).

    For an `IsingModel` this is σ(2βI_i), with I_i = Σ_j J_ij s_j + h_i; a `DirectedModel` is that by definition.

    Raises
    ------
    ValueError
        For a model that does not hold spins, or more than 10 of them.
    """
    return expit(_log_odds(model, beta))


def _log_odds(model: EnergyModel, beta: float) -> NDArray[np.float64]:
    """log P(s_i = +1)/P(s_i = −1) for every state; shape (2ⁿ, n)."""
    if model.domain != "spin":
        raise ValueError(f"a {type(model).__name__} does not hold spins; transition matrices need spins")
    states = _states(model.n)
    beta = finite_number(beta, "beta")
    if isinstance(model, DirectedModel):
        return 2 * beta * model.inputs(states)
    odds = np.empty(states.shape)
    for site in range(model.n):
        low, high = states.copy(), states.copy()
        low[:, site], high[:, site] = -1, 1
        odds[:, site] = beta * (model.energy(low) - model.energy(high))
    return odds


def transition(
    model: EnergyModel,
    rule: Rule,
    beta: float = 1.0,
    *,
    order: Sequence[int] | None = None,
    phases: Sequence[Sequence[int]] | None = None,
    persistence: ArrayLike = 0.0,
    rates: ArrayLike | None = None,
    time_step: float | None = None,
) -> NDArray[np.float64]:
    """The transition matrix of heat-bath updates of a spin model; shape (2ⁿ, 2ⁿ), rows sum to 1.

    `transition_of` documents the rules.

    Examples
    --------
    >>> import pbits
    >>> from pbits.reference import stationary, transition
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> law = stationary(transition(pair, "sequential"))
    >>> bool(abs(law - pbits.exact(pair).probabilities).max() < 1e-14)
    True
    """
    if order is None and rule == "sequential" and isinstance(model, DirectedModel):
        order = model.order.tolist()
    odds = _log_odds(model, beta)
    return transition_of(
        expit(odds),
        rule,
        down=expit(-odds),
        order=order,
        phases=phases,
        persistence=persistence,
        rates=rates,
        time_step=time_step,
    )


def transition_of(
    up: ArrayLike,
    rule: Rule,
    *,
    down: ArrayLike | None = None,
    order: Sequence[int] | None = None,
    phases: Sequence[Sequence[int]] | None = None,
    persistence: ArrayLike = 0.0,
    rates: ArrayLike | None = None,
    time_step: float | None = None,
) -> NDArray[np.float64]:
    """The transition matrix of any cells, given P(s_i = +1 | s).

    Parameters
    ----------
    up : (2ⁿ, n) array
        Probability that site i is set to +1 when it updates in each state. It need not come from an energy.
    rule : {"sequential", "random", "chromatic", "phases", "synchronous", "discrete"}
        * ``sequential``: one sweep, a site at a time in the given order;
        * ``random``: one update of a site chosen uniformly, or with probability ∝ its rate. A sweep is the n-th
          power;
        * ``phases``: one pass over groups of sites. Within a group all sites see the state from before it;
        * ``chromatic``: the same, and a group whose sites see one another is refused;
        * ``synchronous``: one phase with all sites;
        * ``discrete``: all sites at once; each flips with probability 1 − exp(−ν_i Δt e^(−βs_i I_i)), where
          e^(−βs_i I_i) = √(P(−s_i)/P(s_i)).
    down : (2ⁿ, n) array, optional
        1 − up, where up is so near to 1 that a difference would not tell.
    order : permutation of the sites, optional
        For ``sequential``; 0 … n−1 when absent.
    phases : groups of sites
        For ``phases`` and ``chromatic``.
    persistence : float in [0, 1), or (n,) of them
        ρ, by which a cell keeps its old spin: P(s'_i = +1 | s) = (1 − ρ)p_i + ρ[s_i = +1], of all sites or of each.
        A two-state cell that relaxes at rate 1/τ towards its input has ρ = exp(−Δt/τ). ``synchronous`` with ρ = 1 − q
        is the rule in which each site updates with probability q.
    rates : (n,) positive array, optional
        For ``random`` and ``discrete``: ν_i, how fast each site is; 1 when absent.
    time_step : positive float
        For ``discrete``: Δt, in units of the time 1/ν of a site with rate 1.

    Raises
    ------
    ValueError
        When an argument does not fit the rule, a phase is not a set of sites, or there are more than 10.
    """
    up = np.asarray(up, dtype=np.float64)
    n = up.shape[-1]
    states = _states(n)
    if up.shape != states.shape or not ((up >= 0) & (up <= 1)).all():
        raise ValueError(f"up has shape {up.shape}; expected probabilities of shape (2^n, n)")
    stays = np.asarray(persistence, dtype=np.float64)
    if stays.shape not in ((), (n,)) or not ((stays >= 0) & (stays < 1)).all():
        raise ValueError(f"persistence is {persistence}; it must be at least 0 and below 1, one number or {n}")
    if order is not None and rule != "sequential":
        raise ValueError(f"order is for the rule 'sequential', not for {rule!r}")
    if (phases is not None) != (rule in ("phases", "chromatic")):
        raise ValueError(f"the rules 'phases' and 'chromatic' need phases, and the others have none; got {rule!r}")
    if (time_step is not None) != (rule == "discrete"):
        raise ValueError(f"time_step belongs to the rule 'discrete'; got {time_step!r} with {rule!r}")
    if rates is not None and rule not in ("random", "discrete"):
        raise ValueError(f"rates are for the rules 'random' and 'discrete', not for {rule!r}")
    speeds = np.ones(n) if rates is None else np.asarray(rates, dtype=np.float64)
    if speeds.shape != (n,) or not ((speeds > 0) & np.isfinite(speeds)).all():
        raise ValueError(f"rates are {rates!r}; expected {n} positive numbers")
    down = 1 - up if down is None else np.asarray(down, dtype=np.float64)
    lazy = (
        (1 - stays) * up + stays * (states > 0),
        (1 - stays) * down + stays * (states < 0),
    )
    singles = [[site] for site in range(n)]
    if rule == "random":
        return np.average([_phase(*lazy, group) for group in singles], axis=0, weights=speeds)
    if rule == "discrete":
        assert time_step is not None
        if not (time_step > 0 and np.isfinite(time_step)):
            raise ValueError(f"time_step is {time_step}; it must be positive and finite")
        with np.errstate(over="ignore", divide="ignore"):
            hazard = time_step * speeds * np.sqrt(np.where(states > 0, down / up, up / down))
        flip, stay = -np.expm1(-hazard), np.exp(-hazard)
        return _phase(np.where(states > 0, stay, flip), np.where(states > 0, flip, stay), list(range(n)))
    if rule == "synchronous":
        groups = [list(range(n))]
    elif rule == "sequential":
        groups = singles if order is None else [[site] for site in order]
        if sorted(site for (site,) in groups) != list(range(n)):
            raise ValueError(f"order {order} must name each of the {n} sites once")
    elif rule in ("phases", "chromatic"):
        groups = [list(group) for group in phases or ()]
        _check_phases(groups, n)
        if rule == "chromatic":
            _check_independent(up, groups)
    else:
        raise ValueError(
            f"unknown rule {rule!r}; rules are sequential, random, chromatic, phases, synchronous, discrete"
        )
    matrix = np.eye(len(states))
    for group in groups:
        matrix = matrix @ _phase(*lazy, group)
    return matrix


class ReducibleError(ValueError):
    """A chain that has several stationary laws, or whose steps are too rare for floating point."""


def stationary(T: ArrayLike) -> NDArray[np.float64]:
    """The one law π with πT = π; shape (m,).

    States are eliminated one by one without a subtraction (Grassmann, Taksar and Heyman 1985), so small
    probabilities keep their relative accuracy and a chain of period 2 is no special case: π is then the
    long-run average, which the chain approaches only in the mean.

    Raises
    ------
    ValueError
        When T is not a stochastic matrix, or when the chain is reducible to several laws: it then depends
        on its first state for ever.
    """
    T = _stochastic(T)
    count, label = connected_components(csr_array(T > 0), directed=True, connection="strong")
    before, after = (label[end] for end in np.nonzero(T))
    closed = np.setdiff1d(np.arange(count), before[before != after])
    if len(closed) > 1:
        raise ReducibleError(
            f"the chain is reducible: it has {len(closed)} sets of states that it never leaves, and a "
            "stationary law for each. If probabilities underflow to 0, lower beta"
        )
    kept = np.flatnonzero(label == closed[0])
    A = T[np.ix_(kept, kept)]
    for last in range(len(kept) - 1, 0, -1):
        A[:last, last] /= A[last, :last].sum()
        A[:last, :last] += np.outer(A[:last, last], A[last, :last])
    law = np.zeros(len(kept))
    law[0] = 1.0
    for state in range(1, len(kept)):
        law[state] = law[:state] @ A[:state, state]
    result = np.zeros(len(T))
    result[kept] = law / law.sum()
    return result


def relaxation(T: ArrayLike) -> float:
    """The second largest modulus λ among the eigenvalues of T: the slowest memory fades as λ^steps.

    It is 1 for a chain that is periodic or reducible.
    """
    T = _stochastic(T)
    if len(T) < 2:
        raise ValueError("a chain with one state has no second eigenvalue")
    return float(np.sort(np.abs(np.linalg.eigvals(T)))[-2])


def exact_tau_int(T: ArrayLike, pi: ArrayLike, f: ArrayLike) -> float:
    """τ_int = 1 + 2 Σ_{k≥1} ρ_k of an observable f, in steps of T, started from its law π.

    ρ_k is the autocorrelation of f after k steps; N draws of f have the variance of N/τ_int independent
    ones. A sum that does not converge because T is periodic is taken as its average (Abel) sum.

    Parameters
    ----------
    T : (m, m) array
        Transition matrix.
    pi : (m,) array
        Its stationary law.
    f : (m,) array
        The observable in each state.

    Raises
    ------
    ValueError
        When f is constant under π, or π is not stationary.
    """
    T = _stochastic(T)
    pi, f = np.asarray(pi, dtype=np.float64), np.asarray(f, dtype=np.float64)
    if pi.shape != (len(T),) or f.shape != (len(T),):
        raise ValueError(f"pi and f have shapes {pi.shape} and {f.shape}; expected ({len(T)},), one per state")
    if np.abs(pi @ T - pi).max() > 1e-9:
        raise ValueError("pi is not the stationary law of T; take stationary(T)")
    g = f - pi @ f
    variance = float(pi @ g**2)
    if variance <= 1e-24 * float(pi @ f**2):
        raise ValueError("f is constant under pi, so it has no autocorrelation")
    # Σ_{k≥0} Tᵏg, as the law of g is centred.
    summed = np.linalg.solve(np.eye(len(T)) - T + pi, g)
    return float(2 * (pi * g) @ summed / variance - 1)


def _states(n: int) -> NDArray[np.int8]:
    if not 1 <= n <= MAX_SPINS:
        raise ValueError(
            f"{n} spins need a matrix with 2^{2 * n} entries; laws of clocks are solved for up to {MAX_SPINS} spins"
        )
    rows = np.arange(1 << n)[:, None]
    return (2 * (rows >> np.arange(n)[::-1] & 1) - 1).astype(np.int8)


def _phase(up: NDArray[np.float64], down: NDArray[np.float64], group: Sequence[int]) -> NDArray[np.float64]:
    """All sites of the group are drawn from the state before; the others stay."""
    after = _states(up.shape[1]) > 0
    matrix = np.ones((len(up), len(up)))
    for site in range(up.shape[1]):
        if site in group:
            matrix *= np.where(after[:, site], up[:, site, None], down[:, site, None])
        else:
            matrix *= after[:, site, None] == after[:, site]
    return matrix


def _check_phases(groups: list[list[int]], n: int) -> None:
    for group in groups:
        if not group or len(set(group)) < len(group) or not set(group) <= set(range(n)):
            raise ValueError(f"phase {group} must be a non-empty set of sites between 0 and {n - 1}")


def _check_independent(up: NDArray[np.float64], groups: list[list[int]]) -> None:
    n = up.shape[1]
    rows = np.arange(len(up))
    for group in groups:
        for neighbour in group:
            flipped = rows ^ (1 << (n - 1 - neighbour))
            for site in group:
                if site != neighbour and not np.allclose(up[:, site], up[flipped, site], rtol=0, atol=1e-12):
                    raise ValueError(
                        f"sites {neighbour} and {site} share the phase {group}, but site {site} depends on "
                        f"site {neighbour}; put them in different phases, or use the rule 'phases'"
                    )


def _stochastic(T: ArrayLike) -> NDArray[np.float64]:
    T = np.array(T, dtype=np.float64)
    if T.ndim != 2 or T.shape[0] != T.shape[1] or not T.size:
        raise ValueError(f"T has shape {T.shape}; expected a square matrix (m, m)")
    if (T < 0).any() or np.abs(T.sum(axis=1) - 1).max() > 1e-9:
        raise ValueError("T is not a transition matrix: its rows must be probabilities that sum to 1")
    return T
