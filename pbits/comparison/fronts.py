"""Quality against joules: what a machine has reached after part of its run.

Where machines differ in quality, one number cannot compare them; a curve for each can. A curve is read off a run in the
order in which it was made: its first draws, all chains together, then twice as many, and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits.errors import histogram, ideal_law, law_table, standardised, within_reach
from pbits.models import Clamp, DiffusionModel, EnergyModel, GaussianModel
from pbits.reference import exact, total_variation
from pbits.result import Run

#: From states (chains, draws, n) to one number.
Score = Callable[[NDArray], float]

# Pieces that a stretch of a run is cut into, and how often they are drawn afresh, for the scatter of its score.
_PIECES, _REPLICAS = 32, 40
_FEWEST_PIECES = 8


@dataclass(frozen=True, kw_only=True)
class Target:
    """A quality to be reached.

    Attributes
    ----------
    name : str
        Of the score.
    score : callable
        From states (chains, draws, n) to one number.
    reach : float or None
        None where there is nothing to reach and the curve alone is wanted.
    lower_is_better : bool
    least : float
        No score is below it; 0 for a distance.
    aim : str
        What joules are counted to, in words.
    """

    name: str
    score: Score
    reach: float | None
    lower_is_better: bool
    least: float = -np.inf
    aim: str = ""

    def met(self, value: float) -> bool:
        """Whether a value is at least as good as what is to be reached."""
        assert self.reach is not None
        return value <= self.reach if self.lower_is_better else value >= self.reach

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "reach": self.reach, "lower_is_better": self.lower_is_better}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Quality after the first draws (or sweeps) of a run.

    Attributes
    ----------
    steps : (k,) int64
        Draws of each chain, or sweeps of an anneal.
    quality, low, high : (k,) float64
        `low` and `high` hold 95 % between them.
    """

    steps: NDArray[np.int64]
    quality: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """`Progress` of a machine against the joules that had been spent by then.

    Programming and warm-up are charged in full, the rest in proportion to the sweeps.

    Attributes
    ----------
    machine : str
    boundary : str
        At which the joules are accounted.
    joules : (k,) float64
        Of all chains.
    progress : Progress
    """

    machine: str
    boundary: str
    joules: NDArray[np.float64]
    progress: Progress

    def to_dict(self) -> dict[str, Any]:
        return {"machine": self.machine, "boundary": self.boundary, "joules": self.joules, **vars(self.progress)}


@dataclass(frozen=True, kw_only=True)
class Front:
    """Curves of several machines.

    Attributes
    ----------
    y : str
        The quality.
    lower_is_better : bool
    target : float or None
    curves : tuple of Curve
        Of the machines whose joules are known.
    """

    y: str
    lower_is_better: bool
    target: float | None
    curves: tuple[Curve, ...]

    def to_dict(self) -> dict[str, Any]:
        """The front as a document holds it."""
        return {
            "x": "joules",
            "y": self.y,
            "lower_is_better": self.lower_is_better,
            "target": self.target,
            "note": "programming and warm-up are charged in full before the first point, the rest by sweeps",
            "curves": [curve.to_dict() for curve in self.curves],
        }


@dataclass(frozen=True, kw_only=True)
class OfMeans:
    """A score that is known from means over draws, so that pieces of a run need be looked at only once.

    Attributes
    ----------
    exact : callable
        The score of states.
    means : callable
        From states to means over them, (k,).
    of : callable
        The score of such means.
    """

    exact: Score
    means: Callable[[NDArray], NDArray[np.float64]]
    of: Callable[[NDArray[np.float64]], float]

    def __call__(self, states: NDArray) -> float:
        return self.exact(states)


def law_distance(model: EnergyModel, beta: float, clamp: Clamp) -> Score | None:
    """The distance of states to the exact law of a model as `pbits.errors` measures it, or None out of its reach."""
    law = ideal_law(model, beta, clamp)
    if not within_reach(model, model, law):
        return None
    if isinstance(model, GaussianModel | DiffusionModel):
        return _distance_of_moments(model, beta, clamp)
    table = law_table(law, model.n)

    def distance(shares: NDArray[np.float64]) -> float:
        return float(total_variation(shares, table))

    return OfMeans(exact=lambda states: distance(histogram(states)), means=histogram, of=distance)


def _distance_of_moments(model: GaussianModel | DiffusionModel, beta: float, clamp: Clamp) -> OfMeans:
    free = np.setdiff1d(np.arange(model.n), list(clamp))
    moments = exact(model, beta, clamp)
    truth = moments.mean[free], moments.covariance[np.ix_(free, free)]

    def deviation(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
        return float(np.sqrt(np.mean(standardised((mean, covariance), truth) ** 2)))

    def exactly(states: NDArray) -> float:
        flat = states.reshape(-1, model.n)[:, free]
        return deviation(flat.mean(axis=0), np.atleast_2d(np.cov(flat, rowvar=False)))

    def means(states: NDArray) -> NDArray[np.float64]:
        off = states.reshape(-1, model.n)[:, free] - truth[0]
        return np.concatenate([off.mean(axis=0), (off.T @ off).ravel() / len(off)])

    def of(found: NDArray[np.float64]) -> float:
        off, products = found[: len(free)], found[len(free) :].reshape(len(free), len(free))
        return deviation(truth[0] + off, products - np.outer(off, off))

    return OfMeans(exact=exactly, means=means, of=of)


def progress_of_draws(run: Run, target: Target) -> Progress:
    """The score of the first 1, 2, 4, … draws of each chain, and of all.

    The band is ± 1.96 standard deviations of the score under redrawing pieces of the run (a bootstrap of some 32),
    which are long enough to be independent where the chains have converged. Stretches of fewer than 8 draws in all are
    left out, and there are none of a run that kept only its last draws.

    Raises
    ------
    ValueError
        For a score that is not one finite number.
    """
    chains, draws = run.energies.shape
    lengths = np.unique([*(2 ** np.arange(draws.bit_length())), draws])
    lengths = lengths[(lengths <= draws) & (chains * lengths >= _FEWEST_PIECES) & (run.moments is None)]
    if not len(lengths):
        return Progress(steps=lengths, quality=np.empty(0), low=np.empty(0), high=np.empty(0))
    stretches = [run.states[:, :length] for length in lengths]
    quality = np.array([_checked(target.score(states)) for states in stretches])
    mean, spread = np.array([_redrawn(states, target.score) for states in stretches]).T
    if target.least == 0:
        # Of what cannot be below 0 by a factor: a distance of few draws scatters as widely as it is large.
        factor = np.exp(spread / np.where(mean > 0, mean, 1.0))
        return Progress(steps=lengths, quality=quality, low=quality / factor, high=quality * factor)
    return Progress(steps=lengths, quality=quality, low=quality - spread, high=quality + spread)


def progress_of_anneal(run: Run, best: float) -> Progress:
    """Mean over chains of the lowest energy passed so far, above the best known, after 1, 2, 4, … sweeps.

    The band is ± 1.96 standard errors of the mean.
    """
    lowest = np.maximum(np.minimum.accumulate(run.trace.energies, axis=1) - best, 0.0)
    # Sums of one state in another order differ by roundings.
    lowest[lowest <= 1e-9 * abs(best)] = 0.0
    steps = run.trace.steps
    places = np.unique(np.searchsorted(steps, [*(2 ** np.arange(int(steps[-1]).bit_length())), steps[-1]]))
    places = places[places < len(steps)]
    seen = lowest[:, places]
    spread = 1.96 * seen.std(axis=0, ddof=1) / len(seen) ** 0.5 if len(seen) > 1 else np.zeros(len(places))
    mean = seen.mean(axis=0)
    return Progress(steps=steps[places], quality=mean, low=np.maximum(mean - spread, 0.0), high=mean + spread)


def reached(progress: Progress, target: Target) -> tuple[float, float, float] | None:
    """Draws of each chain from which on the target is met, and the ends of their range; None where it is not met by
    all draws together.

    Between two points of the curve: a straight line against the logarithm of the draws. The ends are where the near
    and the far edge of the band cross; where the far one does not within the run, it is as far off as the near one.
    """
    near, far = (progress.low, progress.high) if target.lower_is_better else (progress.high, progress.low)
    value, low, high = (_crossing(progress.steps, edge, target) for edge in (progress.quality, near, far))
    if value is None:
        return None
    low = value if low is None else min(low, value)
    return value, low, max(value, value**2 / low if high is None else high)


def _crossing(steps: NDArray[np.int64], quality: NDArray[np.float64], target: Target) -> float | None:
    missed = [k for k, value in enumerate(quality) if not target.met(value)]
    if not missed and len(steps):
        return float(steps[0])
    if not len(steps) or missed[-1] == len(steps) - 1:
        return None
    last = missed[-1]
    assert target.reach is not None
    part = (quality[last] - target.reach) / (quality[last] - quality[last + 1])
    return float(steps[last] * (steps[last + 1] / steps[last]) ** part)


def _redrawn(states: NDArray, score: Score) -> tuple[float, float]:
    """Mean of the score of pieces drawn afresh, and 1.96 standard deviations."""
    chains, draws, n = states.shape
    together, cuts = max(1, chains // _PIECES), min(draws, -(-_PIECES // chains))
    length, groups = draws // cuts, chains // together
    pieces = states[: groups * together, : cuts * length].reshape(groups, together, cuts, length, n)
    pieces = pieces.swapaxes(1, 2).reshape(groups * cuts, together, length, n)
    picked = np.random.default_rng(draws).integers(len(pieces), size=(_REPLICAS, len(pieces)))
    if isinstance(score, OfMeans):
        means = np.stack([score.means(piece) for piece in pieces])
        weights = np.stack([np.bincount(which, minlength=len(pieces)) for which in picked]) / len(pieces)
        scores = [score.of(mean) for mean in weights @ means]
    else:
        scores = [score(pieces[which].reshape(-1, length, n)) for which in picked]
    return float(np.mean(scores)), 1.96 * float(np.std(scores, ddof=1))


def _checked(value: Any) -> float:
    number = np.asarray(value, dtype=np.float64)
    if number.shape != () or not np.isfinite(number):
        raise ValueError(f"the score is {value!r}; it must make one finite number of states (chains, draws, n)")
    return float(number)
