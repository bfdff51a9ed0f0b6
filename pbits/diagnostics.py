"""How much a run knows: autocorrelation, effective samples, agreement of chains, tries and seconds to a target."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import next_fast_len
from scipy.special import betaincinv

if TYPE_CHECKING:
    from pbits.result import Run

#: Functions of states (chains, draws, n) that give one number for each draw, (chains, draws), by name.
Observables = Mapping[str, Callable[[NDArray], ArrayLike]]

R_HAT_LIMIT = 1.01
MIN_EFFECTIVE = 50

# A window of c τ_int lags leaves out a share e^{-c} of an exponential autocorrelation (Sokal 1997).
_SOKAL_C = 5.0

# Numbers held at once while the autocovariances of many sites are computed.
_BLOCK = 1 << 23


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What `diagnose` found, per observable and at the worst.

    Attributes
    ----------
    tau_int : dict {observable: float or None}
        Integrated autocorrelation time in draws; None where the observable never changed.
    ess : dict {observable: float or None}
        Effective samples over all chains, N/τ_int. More than N is possible (antithetic draws) and flagged.
    r_hat : dict {observable: float or None}
        Split R̂; infinite for chains that are stuck at different values.
    worst : str or None
        The observable with the fewest effective samples; None when nothing could be measured.
    worst_ess, worst_tau_int : float or None
        Of the observable `worst`.
    worst_r_hat : float or None
        The largest R̂ of all observables.
    converged : bool
        Whether all of these hold: something changed, no R̂ is above 1.01, no ESS is below 50, and every
        autocorrelation dies out within the run. When False, the effective samples may be overestimated.
    warnings : tuple of str
        What a reader of the numbers should know; each names the observable and what to do.
    """

    tau_int: dict[str, float | None]
    ess: dict[str, float | None]
    r_hat: dict[str, float | None]
    worst: str | None
    worst_ess: float | None
    worst_tau_int: float | None
    worst_r_hat: float | None
    converged: bool
    warnings: tuple[str, ...]


def diagnose(run: Run, observables: Observables | None = None) -> Diagnosis:
    """Autocorrelation, effective samples and agreement of chains of a run's draws.

    By default the observables are ``energy`` and every site, ``site 0`` … ``site n-1`` (the value it holds: a spin, a
    real, or the number of its category); of permutations the energy alone. All sites are used however many there
    are, since the slowest one counts. What never changes (a clamped site, say) tells nothing and is left out of
    the worst.

    Parameters
    ----------
    run : Run
        With ``energies`` (chains, draws), ``states`` (chains, draws, n) and ``schedule``.
    observables : mapping of name to function, optional
        What the draws are for, instead of the energy and every site: functions of states (chains, draws, n) that give
        one number for each draw, (chains, draws), such as ``{"magnetisation": lambda states: states.mean(axis=-1)}``.

    Returns
    -------
    Diagnosis
        An anneal has no stationary law, and a run of fewer than 4 draws per chain shows no correlation:
        both get an empty diagnosis, not converged, with the reason in `warnings`.

    Raises
    ------
    ValueError
        For observables of another shape, or with a value that is not finite.

    Notes
    -----
    τ_int and ESS are those of `tau_int` and `effective_samples`, and R̂ that of `split_r_hat`; R̂ above 1.01
    or fewer than 50 effective samples (N < 50 τ_int) is not converged. The worst of many sites is a
    pessimistic choice: with thousands of sites and few draws, chance alone lifts the largest R̂ above 1.01.
    """
    if run.schedule.kind == "anneal":
        return _nothing("an anneal has no stationary law; count its successes (success_interval, repeats_to_target)")
    if run.schedule.ladder is not None:
        return _nothing("the chains of a ladder are of one law each; compare the draws of each β with themselves")
    energies = np.asarray(run.energies, dtype=np.float64)
    chains, draws = energies.shape
    if draws < 4:
        return _nothing(f"{draws} draws per chain show no autocorrelation; take at least 4, better hundreds")
    if observables is None:
        # Which slot holds an item says nothing of a tour, whose rotations are alike; permutations alone are int32.
        sites = run.states[..., :0] if run.states.dtype == np.int32 else run.states
        names = ["energy", *(f"site {site}" for site in range(sites.shape[-1]))]
        taus, settled, r_hats = _measure((energies[..., None], *_site_blocks(sites)))
    else:
        names, values = _declared(observables, run.states)
        taus, settled, r_hats = _measure([values])
    n_draws = chains * draws
    known = ~np.isnan(taus)
    ess = n_draws / taus
    if not known.any():
        return _nothing("nothing changed in any draw: the machine is stuck, or everything is clamped")
    worst = int(np.nanargmin(ess))
    r_worst = int(np.nanargmax(r_hats))

    trouble, remarks = [], []
    if r_hats[r_worst] > R_HAT_LIMIT:
        trouble.append(
            f"R-hat of {names[r_worst]} is {r_hats[r_worst]:.3g}, above {R_HAT_LIMIT}: the chains disagree; "
            "warm up longer, or draw more"
        )
    if ess[worst] < MIN_EFFECTIVE:
        trouble.append(
            f"{names[worst]} has {ess[worst]:.3g} effective samples in {n_draws} draws, below "
            f"{MIN_EFFECTIVE}; draw at least {math.ceil(MIN_EFFECTIVE * taus[worst])}"
        )
    lasting = np.flatnonzero(known & ~settled)
    if len(lasting):
        trouble.append(
            f"the autocorrelation of {_listed(names, lasting)} does not die out within {draws} draws; "
            "draw more per chain (a synchronous machine may oscillate for ever)"
        )
    antithetic = np.flatnonzero(known & (ess > n_draws))
    if len(antithetic):
        remarks.append(
            f"{_listed(names, antithetic)}: more effective samples than the {n_draws} draws; successive "
            "draws are anticorrelated, or τ_int is 1 within its error"
        )
    if observables is not None:
        constant = np.flatnonzero(~known)
        remarks += [f"{names[k]} is the same in every draw, so it tells nothing" for k in constant]
    elif not known[0]:
        remarks.append("the energy is the same in every draw, so it tells nothing")
    return Diagnosis(
        tau_int=_by_name(names, taus),
        ess=_by_name(names, ess),
        r_hat=_by_name(names, r_hats),
        worst=names[worst],
        worst_ess=float(ess[worst]),
        worst_tau_int=float(taus[worst]),
        worst_r_hat=float(r_hats[r_worst]),
        converged=not trouble,
        warnings=(*trouble, *remarks),
    )


def tau_int(x: ArrayLike) -> float | None:
    """Integrated autocorrelation time τ = 1 + 2 Σ_k ρ_k of draws of shape (chains, draws), in draws.

    Chains are pooled: the autocovariance at lag k is the mean over chains of the products about the *pooled*
    mean, divided by the number of products. So chains that sit at different values look slow, as they are.
    The sum ends at the first lag W ≥ 5 max(τ(W), τ'(W)) (Sokal 1997), where τ' is the same sum with
    alternating signs: without it, anticorrelated draws would end the sum at once. If no lag qualifies, all
    are summed. Returns None for draws that are all equal. As τ cannot be told from 0 with N draws, it is
    kept at or above 1/log₁₀N.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.diagnostics import tau_int
    >>> tau_int(np.ones((2, 100))) is None
    True
    """
    value = float(_measure_tau(_chains_and_draws(x)[..., None])[0][0])
    return None if math.isnan(value) else value


def autocorrelation_times(states: NDArray) -> NDArray[np.float64]:
    """`tau_int` of every site of draws (chains, draws, n), shape (n,); nan where a site never changed."""
    return np.concatenate([_measure_tau(x)[0] for x in _site_blocks(states)])


def effective_samples(x: ArrayLike) -> float | None:
    """N/τ_int of draws of shape (chains, draws): the independent draws that would know the mean as well.

    None for draws that are all equal. More than N for anticorrelated draws.
    """
    tau = tau_int(x)
    return None if tau is None else np.size(x) / tau


def split_r_hat(x: ArrayLike) -> float | None:
    """Split R̂ = √[((m−1)W/m + B/m)/W] of draws of shape (chains, draws); 1 when the chains agree.

    Each chain is cut into two halves of m draws; W is the mean variance within, and B/m the variance between
    the means, of the halves (Gelman et al., Bayesian Data Analysis, 3rd edition, section 11.4). One chain
    will do, since its halves are compared. Infinite for chains stuck at different values; None for draws that
    are all equal.
    """
    value = float(_split_r_hat(_chains_and_draws(x)[..., None])[0])
    return None if math.isnan(value) else value


def success_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Jeffreys interval for the probability of success, given successes in independent trials.

    Quantiles of Beta(successes + ½, failures + ½); the lower end is 0 without a success, and the upper end 1
    without a failure (Brown, Cai and DasGupta 2001).

    Examples
    --------
    >>> from pbits.diagnostics import success_interval
    >>> [round(p, 4) for p in success_interval(0, 10)]
    [0.0, 0.2172]
    """
    if not (trials >= 1 and 0 <= successes <= trials):
        raise ValueError(f"{successes} successes in {trials} trials; need 0 ≤ successes ≤ trials and a trial")
    tail = (1 - _probability(confidence, "confidence")) / 2
    a, b = successes + 0.5, trials - successes + 0.5
    low = 0.0 if successes == 0 else float(betaincinv(a, b, tail))
    high = 1.0 if successes == trials else float(betaincinv(a, b, 1 - tail))
    return low, high


def most_without_success(trials: int, confidence: float = 0.95) -> float:
    """The largest probability of success that none in so many trials allows: 1 − (1 − confidence)^(1/trials).

    Examples
    --------
    >>> from pbits.diagnostics import most_without_success
    >>> round(most_without_success(58), 3)
    0.05
    """
    if trials < 1:
        raise ValueError(f"trials is {trials}; nothing is known without a trial")
    return -math.expm1(math.log1p(-_probability(confidence, "confidence")) / trials)


def repeats_to_target(p: float, confidence: float = 0.99, parallel: int = 1) -> float:
    """Runs needed to succeed at least once: max(1, ln(1 − confidence)/(k ln(1 − p))), infinite for p = 0.

    Multiply it by the device time or the joules of one run for the time or energy to solution, see `to_solution`.

    Parameters
    ----------
    p : float
        Probability that one try succeeds.
    confidence : float
    parallel : int
        Tries k that one run makes at the same time. It takes at least one run all the same.

    Examples
    --------
    >>> from pbits.diagnostics import repeats_to_target
    >>> round(repeats_to_target(0.5), 3)
    6.644
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}; a probability of success lies between 0 and 1")
    if parallel < 1:
        raise ValueError(f"parallel is {parallel}; a run makes at least one try")
    confidence = _probability(confidence, "confidence")
    if p == 0:
        return math.inf
    if p == 1:
        return 1.0
    return max(1.0, math.log1p(-confidence) / math.log1p(-p) / parallel)


@dataclass(frozen=True, kw_only=True)
class ToSolution:
    """Seconds or joules until at least one try has succeeded with the probability asked for (TTS99, ETS99).

    Attributes
    ----------
    value : float or None
        None where no try succeeded, or where the cost of a run is not known.
    low, high : float or None
        95 % interval, from that of the success probability (`success_interval`). The cost of a run is taken as given.
    at_least : float or None
        Where no try succeeded: what it takes at least, at 95 % confidence (one-sided, `most_without_success`).
    successes, trials : int
    confidence : float
    parallel : int
    """

    value: float | None
    low: float | None
    high: float | None
    at_least: float | None
    successes: int
    trials: int
    confidence: float
    parallel: int


def to_solution(
    successes: int, trials: int, cost: float | None, confidence: float = 0.99, *, parallel: int = 1
) -> ToSolution:
    """Cost of a run × runs needed to succeed at least once, with an interval.

    Parameters
    ----------
    successes, trials : int
        How many independent tries succeeded, and of how many.
    cost : float or None
        Seconds or joules of one run of `parallel` tries; None where it is not known.
    confidence : float
        Probability of at least one success.
    parallel : int
        Tries that one run makes at the same time: replicas side by side. Runs are made whole, so more replicas than
        are needed cost as much as one run.

    Raises
    ------
    ValueError
        For successes not between 0 and trials, a confidence outside (0, 1), or a cost that is negative or not finite.

    Examples
    --------
    >>> from pbits.diagnostics import to_solution
    >>> found = to_solution(20, 40, cost=1e-3)
    >>> print(f"{1e3 * found.value:.1f} ms, 95 % from {1e3 * found.low:.1f} to {1e3 * found.high:.1f} ms")
    6.6 ms, 95 % from 4.4 to 10.7 ms
    >>> round(to_solution(0, 40, cost=1e-3).at_least, 4)
    0.0615
    """
    bounds = success_interval(successes, trials)
    if cost is not None and not 0 <= cost < math.inf:
        raise ValueError(
            f"cost is {cost}; a run takes a finite amount that is not negative, None where it is not known"
        )
    about = {"successes": successes, "trials": trials, "confidence": confidence, "parallel": parallel}

    def spent(p: float) -> float | None:
        return None if cost is None else cost * repeats_to_target(p, confidence, parallel)

    if not successes:
        return ToSolution(value=None, low=None, high=None, at_least=spent(most_without_success(trials)), **about)
    return ToSolution(
        value=spent(successes / trials), low=spent(bounds[1]), high=spent(bounds[0]), at_least=None, **about
    )


def time_to_solution(
    run: Run, target: float | None = None, confidence: float = 0.99, *, objective: float | None = None
) -> ToSolution:
    """Device seconds until the machine has handed over an energy ≤ target, or an answer at least as good as
    `objective`, at least once with probability `confidence`.

    t · max(1, ln(1 − c)/(C ln(1 − p))), where t is the device time of a run of C chains, which are its parallel
    replicas, and p the share of them that succeeded. Unknown for a machine without a clock.

    Raises
    ------
    ValueError
        Unless exactly one of the two is given, or for an objective where the run has no scores.
    """
    successes, trials = run.success_fraction(target, objective=objective)
    return to_solution(successes, trials, run.device_time_s, confidence, parallel=trials)


def _declared(observables: Observables, states: NDArray) -> tuple[list[str], NDArray[np.float64]]:
    """Names of declared observables, and their values (chains, draws, k)."""
    if not observables:
        raise ValueError("observables is empty; name at least one, or leave it out for the energy and every site")
    columns = []
    for name, function in observables.items():
        values = np.asarray(function(states), dtype=np.float64)
        if values.shape != states.shape[:2]:
            raise ValueError(
                f"the observable {name!r} gives an array of shape {values.shape}; expected one number for each draw, "
                f"{states.shape[:2]}: a function of states (chains, draws, n) that sums over the last axis, say"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"the observable {name!r} has a value that is not finite")
        columns.append(values)
    return list(observables), np.stack(columns, axis=-1)


def _measure(blocks: Iterable[NDArray[np.float64]]) -> tuple[NDArray, NDArray, NDArray]:
    """τ_int, whether it settled, and R̂ of observables (chains, draws, k), in blocks; nan where nothing changed."""
    parts = [(*_measure_tau(x), _split_r_hat(x)) for x in blocks]
    taus, settled, r_hats = (np.concatenate(column) for column in zip(*parts))
    return taus, settled, r_hats


def _site_blocks(states: NDArray) -> Iterator[NDArray[np.float64]]:
    chains, draws, n = states.shape
    width = max(1, _BLOCK // (2 * chains * draws))
    for begin in range(0, n, width):
        yield states[..., begin : begin + width].astype(np.float64)


def _measure_tau(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """τ_int (k,) of draws (chains, draws, k), nan for a constant, and whether its window closed."""
    chains, draws, _ = x.shape
    moving = _moving(x)
    x = x - x.mean(axis=(0, 1))
    size = next_fast_len(2 * draws, real=True)
    power = (np.abs(np.fft.rfft(x, size, axis=1)) ** 2).sum(axis=0)
    products = np.fft.irfft(power, size, axis=0)[:draws]
    covariance = products / (chains * np.arange(draws, 0, -1))[:, None]
    rho = covariance / np.where(moving, covariance[0], 1.0)
    signs = (-1.0) ** np.arange(draws)[:, None]
    sums = 2 * np.cumsum(rho, axis=0) - 1
    alternating = 2 * np.cumsum(signs * rho, axis=0) - 1
    closes = np.arange(draws)[:, None] >= _SOKAL_C * np.maximum(sums, alternating)
    settled = closes.any(axis=0)
    window = np.where(settled, closes.argmax(axis=0), draws - 1)
    tau = np.take_along_axis(sums, window[None], axis=0)[0]
    floor = 1 / math.log10(max(10, chains * draws))
    return np.where(moving, np.maximum(tau, floor), np.nan), settled


def _split_r_hat(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Split R̂ (k,) of draws (chains, draws, k), nan for a constant."""
    half = x.shape[1] // 2
    halves = np.concatenate([x[:, :half], x[:, -half:]])
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = halves.mean(axis=1).var(axis=0, ddof=1)
    moving = _moving(x)
    stuck = moving & (within <= 1e-24 * (x**2).mean(axis=(0, 1)))
    ratio = between / np.where(moving & ~stuck, within, 1.0)
    r_hat = np.sqrt((half - 1) / half + ratio)
    return np.where(stuck, np.inf, np.where(moving, r_hat, np.nan))


def _moving(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of k observables (chains, draws, k) changes by more than rounding."""
    return np.ptp(x, axis=(0, 1)) > 1e-12 * np.abs(x).max(axis=(0, 1))


def _chains_and_draws(x: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(x, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 4:
        raise ValueError(
            f"x has shape {array.shape}; expected (chains, draws) with at least 4 draws (one chain: x[None])"
        )
    if not np.isfinite(array).all():
        raise ValueError("x has an entry that is not finite")
    return array


def _probability(value: float, name: str) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; it must lie between 0 and 1, such as 0.95")
    return float(value)


def _by_name(names: list[str], values: NDArray[np.float64]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else float(value) for name, value in zip(names, values)}


def _listed(names: list[str], chosen: Iterable[int]) -> str:
    picked = [names[k] for k in chosen]
    return ", ".join(picked[:3]) + (f" and {len(picked) - 3} more" if len(picked) > 3 else "")


def _nothing(reason: str) -> Diagnosis:
    return Diagnosis(
        tau_int={},
        ess={},
        r_hat={},
        worst=None,
        worst_ess=None,
        worst_tau_int=None,
        worst_r_hat=None,
        converged=False,
        warnings=(reason,),
    )
