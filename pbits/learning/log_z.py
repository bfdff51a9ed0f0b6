"""Estimates of log Z: annealed importance sampling both ways, and integration along a tempered ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.special import logsumexp, stdtrit

from pbits.algorithms.tempering import temper
from pbits.learning.cost import Cost
from pbits.learning.likelihood import LogLikelihood, unnormalised
from pbits.models import BoltzmannModel, IsingModel
from pbits.models.base import finite_vector, read_only
from pbits.problems.free_energy import acceptance_ratio, influences
from pbits.runner import Progress, Reporter, run
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams, derived_seed, fresh_seed
from pbits.substrate import Substrate, load

Direction = Literal["forward", "reverse", "both"]

_NORMAL_95 = 1.959963984540054
# Effective weights below which an average of weights is not believed.
_LEAST_WEIGHTS = 20
_ROWS = 64


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LogZEstimate:
    """An estimate of log Z.

    Attributes
    ----------
    value : float
    error : float
        Its standard error, of the scatter alone.
    interval : (float, float)
        95 %.
    method : str
    effective : float
        Effective number of weights, (Σw)²/Σw², of the way that has fewer; of a ladder the copies. Many do not show that
        no state was missed: chains that all end in one well weigh alike.
    forward, reverse : float or None
        What either way gives alone. Forward weights are right on average, so that their logarithm is too low on
        average; reverse ones make it too high, if they start from draws of the model.
    log_weights : (chains,) array
        Forward, or of "reverse" those.
    warnings : tuple of str
        Why it may be off by more than the interval says, and what to do.
    cost : Cost
        Of runs on a machine; of none where this computer estimated.
    """

    value: float
    error: float
    interval: tuple[float, float]
    method: str
    effective: float
    forward: float | None
    reverse: float | None
    log_weights: NDArray[np.float64]
    warnings: tuple[str, ...]
    cost: Cost

    exact = False

    def __repr__(self) -> str:
        return (
            f"LogZEstimate({self.value:.6g}, estimate, 95 % {self.interval[0]:.6g} to {self.interval[1]:.6g}, "
            f"method={self.method!r}{', warnings' if self.warnings else ''})"
        )


def ais(
    model: IsingModel | BoltzmannModel,
    *,
    base: ArrayLike | None = None,
    chains: int = 200,
    ladder: int | Sequence[float] = 2000,
    direction: Direction = "forward",
    start: ArrayLike | None = None,
    settle: int = 1000,
    machine: str | Path | Substrate = "ideal",
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> LogZEstimate:
    """ln Z at β = 1, by annealed importance sampling.

    Chains go from independent spins in the fields `base`, whose Z is known, to the model, through E_t = (1 − t)E_base +
    tE. ln Z = ln Z_base + ln ⟨w⟩ with w = ∏_k p*_{k+1}(x_k)/p*_k(x_k). On "ideal" sites of two colours are swept in one
    compiled loop, and one colour is summed out in every weight.

    Parameters
    ----------
    model : IsingModel or BoltzmannModel
    base : (n,) array, optional
        Fields; those of the model when absent. Fields that give spins the means they have in the data bring chains near
        the model from the start.
    chains : int
        Weights, each way.
    ladder : int or sequence of float
        How many t from 0 to 1, equally spaced, or which.
    direction : {"forward", "reverse", "both"}
        "both" joins the two by Bennett's acceptance ratio, and warns where they differ.
    start : (m, n) spins, optional
        Draws of the model, from which reverse chains start; absent, they come from `settle` sweeps from random states,
        and may then not be draws of the model, of which there is a warning.
    settle : int
    machine, seed, chip_seed, progress
        As `pbits.run` takes them; on a machine each t is a programming.

    Raises
    ------
    ValueError
        For a ladder that does not rise from 0 to 1, a base of another size, or start states that are no spins.

    Notes
    -----
    R. Neal, Stat. Comput. 11, 125 (2001), and R. Salakhutdinov and I. Murray, ICML 2008, for restricted machines:
    both from memory, checked against enumeration. Where a model has more than two colours sites are swept in order,
    and a sweep is not its own reverse: each way alone is right on average, and what joins both is off by a little
    (4e-4 nats on a frustrated triangle in three stages). On a machine draws are taken to be of the law posed. The
    error is that of ⟨w⟩ to first order, sd(w)/(⟨w⟩√chains).

    Examples
    --------
    >>> from pbits.learning import exact_log_z
    >>> machine = BoltzmannModel.restricted(6, 4, spread=0.5)
    >>> found = ais(machine, chains=100, ladder=200, seed=1)
    >>> found.interval[0] < exact_log_z(machine.to_model()) < found.interval[1]
    True
    """
    if direction not in get_args(Direction):
        raise ValueError(f"direction is {direction!r}; it must be one of {', '.join(get_args(Direction))}")
    posed = model.to_model() if isinstance(model, BoltzmannModel) else model
    if not isinstance(posed, IsingModel):
        raise TypeError(f"spins are annealed; this is a {type(model).__name__}")
    for name, value in (("chains", chains), ("settle", settle)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
    steps = _ladder(ladder)
    fields = posed.h if base is None else finite_vector(base, posed.n, "base", "fields")
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    way = _Way(posed, fields, substrate, fresh_seed() if seed is None else seed, chip_seed)
    log_base = float(np.logaddexp(fields, -fields).sum()) - posed.offset
    told = Schedule(n_samples=1 if direction != "both" else 2, n_warmup=0, chains=1)
    warnings: list[str] = []
    up = down = None
    with Reporter(progress, told, "annealed importance sampling") as report:
        if direction != "reverse":
            up = way.weights(_independent(fields, chains, way.seed), steps, 0)
            report(1)
        if direction != "forward":
            states, said = _at_model(posed, start, chains, settle, substrate, way, chip_seed)
            warnings += said
            down = way.weights(states, steps[::-1], 1)
            report(told.total_steps)
    forward = None if up is None else log_base + _log_mean(up)
    reverse = None if down is None else log_base - _log_mean(down)
    effective = min(_effective(weights) for weights in (up, down) if weights is not None)
    if up is not None and down is not None:
        change = acceptance_ratio(-up, -down)
        parts = influences(change, -up, -down)
        value = log_base - change
        error = math.inf
        if min(len(up), len(down)) > 1:
            error = math.sqrt(sum(float(part.var(ddof=1)) / part.size for part in parts))
        assert forward is not None
        assert reverse is not None
        gap = reverse - forward
        if abs(gap) > 0.1 + 4 * _NORMAL_95 * (_error(up) + _error(down)):
            warnings.append(
                f"both ways differ by {gap:.3g} nats: chains lag behind, or miss states; take more steps, and start "
                "reverse chains from draws of the model"
            )
    else:
        weights = up if up is not None else down
        assert weights is not None
        value = forward if forward is not None else reverse
        error = _error(weights)
    if effective < _LEAST_WEIGHTS:
        warnings.append(
            f"{effective:.3g} effective weights: a few carry the average, and its error is too small; take "
            "more steps or chains, or a base nearer to the model"
        )
    assert value is not None
    return LogZEstimate(
        value=value,
        error=error,
        interval=(value - _NORMAL_95 * error, value + _NORMAL_95 * error),
        method=f"annealed importance sampling, {direction}",
        effective=effective,
        forward=forward,
        reverse=reverse,
        log_weights=read_only(np.asarray(up if up is not None else down)),
        warnings=tuple(warnings),
        cost=way.cost,
    )


def integrate_log_z(
    model: IsingModel | BoltzmannModel,
    *,
    betas: ArrayLike | None = None,
    copies: int = 16,
    sweeps: int = 2000,
    method: Literal["bar", "integral"] = "bar",
    machine: str | Path | Substrate = "ideal",
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> LogZEstimate:
    """ln Z at β = 1 from a tempered run: n ln 2 − ∫₀¹ ⟨E⟩ dβ.

    Parameters
    ----------
    model : IsingModel or BoltzmannModel
    betas : sequence of float, optional
        From 0 to 1; 16 of them, denser near 0, when absent.
    copies : int
        Independent ladders, from whose scatter the error is told: at least 4.
    sweeps : int
        Draws are of the second half.
    method : {"bar", "integral"}
        "bar" joins neighbours by Bennett's acceptance ratio of (β' − β)E, and has no error of discretisation.
        "integral" takes ⟨E⟩ and its slope −Var E at each β, cubic between them; the interval holds what halving the
        ladder changes.
    machine, seed, chip_seed, progress
        As `pbits.run` takes them.

    Raises
    ------
    ValueError
        For a ladder that does not go from 0 to 1, fewer than 4 copies or 3 levels.
    NotMappable
        When the machine cannot hold the model or cannot be steered.

    Examples
    --------
    >>> from pbits.learning import exact_log_z
    >>> machine = BoltzmannModel.restricted(6, 4, spread=0.5)
    >>> found = integrate_log_z(machine, sweeps=500, seed=1)
    >>> abs(found.value - exact_log_z(machine.to_model())) < 0.1
    True
    """
    posed = model.to_model() if isinstance(model, BoltzmannModel) else model
    if method not in ("bar", "integral"):
        raise ValueError(f"method is {method!r}; it must be 'bar' or 'integral'")
    row = np.linspace(0, 1, 16) ** 1.5 if betas is None else _ladder(betas, least=3)  # type: ignore[arg-type]
    if copies < 4:
        raise ValueError(f"copies is {copies}; an error from their scatter needs at least 4")
    found = temper(
        posed, machine, betas=row, sweeps=sweeps, n_samples=max(1, sweeps // 2), copies=copies, seed=seed,
        chip_seed=chip_seed, progress=progress,
    )  # fmt: skip
    start = posed.n * math.log(2)
    take = _joined if method == "bar" else _integrated
    energies = found.energies
    value = start + take(row, energies)
    without = np.array([take(row, np.delete(energies, copy, axis=1)) for copy in range(copies)])
    error = math.sqrt((copies - 1) / copies * float(((without - without.mean()) ** 2).sum()))
    half = 0.0
    if method == "integral":
        half = abs(value - start - take(row[_halved(len(row))], energies[_halved(len(row))]))
    warnings = []
    if np.nanmin(found.acceptance) < 0.1:
        warnings.append(
            f"neighbours exchange only {np.nanmin(found.acceptance):.0%} of the time; take more levels where they do"
        )
    reach = float(stdtrit(copies - 1, 0.975)) * error + half
    return LogZEstimate(
        value=value,
        error=error,
        interval=(value - reach, value + reach),
        method=f"tempering, {method}",
        effective=float(copies),
        forward=None,
        reverse=None,
        log_weights=read_only(np.zeros(0)),
        warnings=tuple(warnings),
        cost=Cost.of(found.run),
    )


def estimated_log_likelihood(
    machine: BoltzmannModel, data: ArrayLike, log_z: LogZEstimate, labels: ArrayLike | None = None
) -> LogLikelihood:
    """ln P(v) of each datum, −F(v) − ln Z, with the interval that the estimate of ln Z has.

    Raises
    ------
    ValueError
        As `exact_log_likelihood`, for the sum over hidden sites alone.
    """
    rows = unnormalised(machine, data, labels) - log_z.value
    mean, (low, high) = float(rows.mean()), log_z.interval
    return LogLikelihood(
        rows=read_only(rows),
        kind="likelihood",
        exact=False,
        interval=(mean + log_z.value - high, mean + log_z.value - low),
    )


class _Way:
    """Chains that go along a ladder of t, and what they weigh."""

    def __init__(self, model: IsingModel, fields: NDArray[np.float64], machine: Substrate, seed: int, chip_seed: int):
        self._model, self._fields, self._machine = model, fields, machine
        self.seed, self._chip_seed = seed, chip_seed
        self.cost = Cost()
        self._colour = _two_colours(model) if machine.name == "ideal" else None

    def weights(self, states: NDArray, ladder: NDArray[np.float64], key: int) -> NDArray[np.float64]:
        """ln w of each chain, from draws at ladder[0]."""
        if self._colour is not None:
            return self._in_kernel(self._colour, states, ladder, key)
        found = np.zeros(len(states))
        for number, (now, then) in enumerate(pairwise(ladder.tolist())):
            base = -(states @ self._fields) + self._model.offset
            found -= (then - now) * (self._model.energy(states) - base)
            if number == len(ladder) - 2:
                break
            mixed = IsingModel(
                then * self._model.csr, (1 - then) * self._fields + then * self._model.h, self._model.offset
            )
            done = run(
                mixed, self._machine, Schedule(n_samples=1, n_warmup=0, chains=len(states)),
                seed=derived_seed(self.seed, key, number), chip_seed=self._chip_seed, initial=states, judge=False,
            )  # fmt: skip
            self.cost += Cost.of(done)
            states = done.states[:, -1]
        return found

    def _in_kernel(
        self, colour: NDArray[np.bool_], states: NDArray, ladder: NDArray[np.float64], key: int
    ) -> NDArray[np.float64]:
        # Loaded late, since it loads the compiler.
        from pbits.kernels.importance import anneal
        from pbits.kernels.xoshiro import seed

        here, there = np.flatnonzero(~colour), np.flatnonzero(colour)
        weights = np.ascontiguousarray(self._model.csr[here][:, there].toarray())
        turned = np.ascontiguousarray(weights.T)
        found = np.zeros(len(states))
        for number, first in enumerate(range(0, len(states), _ROWS)):
            seen = np.ascontiguousarray(states[first : first + _ROWS, here].astype(np.float64))
            words = np.zeros((len(seen) * max(len(here), len(there)) // 16 + 1, 8), dtype=np.uint64)
            stream = seed(Streams(seed=derived_seed(self.seed, key, number)).key(Stream.THERMAL), 0, 1)
            part = np.zeros(len(seen))
            anneal(
                seen, weights, turned, self._fields[here], self._model.h[here], self._fields[there],
                self._model.h[there], ladder, part, (words, words.reshape(-1).view(np.uint32), stream),
            )  # fmt: skip
            found[first : first + _ROWS] = part
        return found


def _two_colours(model: IsingModel) -> NDArray[np.bool_] | None:
    """Which sites are of the colour that is summed out, the larger one; None where two colours do not do."""
    colour = np.zeros(model.n, dtype=bool)
    parts, part = connected_components(model.csr, directed=False)
    for number in range(parts):
        first = int(np.flatnonzero(part == number)[0])
        order, before = breadth_first_order(model.csr, first, directed=False)
        for site in order[1:]:
            colour[site] = not colour[before[site]]
    i, j, _ = model.edges()
    if (colour[i] == colour[j]).any():
        return None
    if not len(i):
        colour[0] = True  # some site has to be summed out
    return colour if colour.sum() >= model.n / 2 else ~colour


def _ladder(given: int | Sequence[float], least: int = 2) -> NDArray[np.float64]:
    if isinstance(given, int | np.integer):
        if given < least:
            raise ValueError(f"ladder is {given}; it takes at least {least} steps from 0 to 1")
        return np.linspace(0.0, 1.0, int(given))
    row = np.array(given, dtype=np.float64)
    if row.ndim != 1 or len(row) < least or row[0] != 0 or row[-1] != 1 or not (np.diff(row) > 0).all():
        raise ValueError(f"the ladder must rise from 0 to 1, in at least {least} numbers")
    return row


def _independent(fields: NDArray[np.float64], chains: int, seed: int) -> NDArray[np.int8]:
    rng = Streams(seed=seed).generator(Stream.INITIAL, "independent spins")
    return np.where(rng.random((chains, len(fields))) < (1 + np.tanh(fields)) / 2, 1, -1).astype(np.int8)


def _at_model(
    model: IsingModel, start: ArrayLike | None, chains: int, settle: int, machine: Substrate, way: _Way, chip_seed: int
) -> tuple[NDArray, list[str]]:
    if start is not None:
        states = np.asarray(start)
        if states.ndim != 2 or states.shape[1] != model.n or not len(states):
            raise ValueError(f"start has shape {states.shape}; give draws (m, {model.n}) of the model")
        model.energy(states)  # refuses what is no spin
        return states, []
    done = run(
        model, machine, Schedule(n_samples=1, n_warmup=settle - 1, chains=chains), judge=False,
        seed=derived_seed(way.seed, 2), chip_seed=chip_seed,
    )  # fmt: skip
    way.cost += Cost.of(done)
    said = (
        f"reverse chains start after {settle} sweeps from random states; where these do not reach all of the model's "
        "states in their shares, give draws that do as start"
    )
    return done.states[:, -1], [said]


def _log_mean(log_weights: NDArray[np.float64]) -> float:
    total: Any = logsumexp(log_weights)
    return float(total) - math.log(len(log_weights))


def _effective(log_weights: NDArray[np.float64]) -> float:
    total: Any = logsumexp(log_weights)
    squares: Any = logsumexp(2 * log_weights)
    return float(np.exp(2 * total - squares))


def _error(log_weights: NDArray[np.float64]) -> float:
    """Of ln ⟨w⟩, to first order."""
    if len(log_weights) < 2:
        return math.inf
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.std(ddof=1) / weights.mean() / math.sqrt(len(weights)))


def _joined(betas: NDArray[np.float64], energies: NDArray[np.float64]) -> float:
    """ln Z(1) − ln Z(0) of energies (levels, copies, draws)."""
    change = 0.0
    for (low, high), (here, there) in zip(pairwise(betas.tolist()), pairwise(energies), strict=True):
        change += acceptance_ratio((high - low) * here.ravel(), -(high - low) * there.ravel())
    return -change


def _integrated(betas: NDArray[np.float64], energies: NDArray[np.float64]) -> float:
    flat = energies.reshape(len(betas), -1)
    mean, slope = flat.mean(axis=1), -flat.var(axis=1)
    step = np.diff(betas)
    return -float((step * (mean[1:] + mean[:-1]) / 2 + step**2 * (slope[:-1] - slope[1:]) / 12).sum())


def _halved(levels: int) -> NDArray[np.int64]:
    return np.unique(np.append(np.arange(0, levels, 2), levels - 1))
