"""Problems answered by many states together: averages over draws, with errors that know how draws depend on each other.

The draws of each chain are cut into batches `BATCH_TAUS` times as long as the slowest autocorrelation, or whole chains
where these are shorter, so that the means of batches are as good as independent; their scatter is the error.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.diagnostics import autocorrelation_times
from pbits.errors import standardised
from pbits.problems.base import Problem, Solution

BATCH_TAUS = 10
"""Length of a batch in autocorrelation times; with it errors come out low by at most 2.5 %, of batches that touch."""

LEAST_BATCHES = 20
"""Fewer tell no error."""

# Batches and numbers of all their averages that are held at once, at most.
_MOST_BATCHES = 1024
_NUMBERS = 1 << 23


@dataclass(frozen=True, kw_only=True, eq=False)
class Average:
    """The mean of quantities over draws.

    Attributes
    ----------
    value : array
    error : array, optional
        Standard error of each; None where there are fewer than `LEAST_BATCHES` batches.
    effective_samples : float, optional
        Variance of a quantity over the variance of its mean, of the quantity where it is least.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64] | None
    effective_samples: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanAndCovariance:
    """Of a law over reals, or the standard errors of both: (n,) and (n, n)."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviations, (n,)."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True, kw_only=True, eq=False)
class BaselineResult:
    """The answer of a digital computer to the same question, and what it took.

    Attributes
    ----------
    value
        As the `value` of a `Solution`.
    flops : float, optional
        Operations of the method, counted from its algorithm; None where nobody counted.
    iterations : int
        1 for a direct method.
    wall_time_s : float
        On this computer.
    """

    value: Any
    flops: float | None
    iterations: int
    wall_time_s: float


Method = Callable[..., tuple[Any, float | None, int]]
"""Value, flops and iterations of a digital method."""


class Estimate(Problem):
    """A problem over the reals that is answered by all states of a run together.

    A subclass gives `build_model`, `estimate`, `exact`, `score` and `methods`. The `Solution` of a run holds in `error`
    the standard error of every entry of its `value`. It tells the scatter of the draws alone: not what the components
    of a machine add to it, which the score shows.
    """

    optimum = 0.0

    @abstractmethod
    def estimate(
        self, states: NDArray[np.float64], beta: float, step_tau: float | None
    ) -> tuple[Any, Any, float | None]:
        """Value, its standard error and effective samples, from draws (chains, draws, n) that lie `step_tau` apart."""

    @abstractmethod
    def exact(self) -> Any:
        """The right answer, to rounding, unless said otherwise."""

    @abstractmethod
    def methods(self) -> Mapping[str, Method]:
        """Digital methods by name, the usual one first."""

    def of_moments(self, mean: NDArray[np.float64], covariance: NDArray[np.float64], beta: float) -> Any:
        """The answer that draws without end give, of a law with these moments; None where it takes more than those."""
        return None

    def distance(self, answer: Any) -> float:
        """How far an answer is from the exact one, in the measure of `relative_error`."""
        exact = np.asarray(self.exact())
        return float(np.linalg.norm(np.asarray(answer) - exact) / np.linalg.norm(exact))

    def decode(self, state: ArrayLike, repair: bool = False) -> None:
        """None: no single state is an answer."""

    def objectives(self, states: ArrayLike) -> None:
        """None: the answer is made of all states."""

    def relative_error(self, solution: Solution) -> float | None:
        """‖error‖/‖value‖ in the Frobenius norm: what the draws themselves say of how far the answer may be off."""
        if solution.error is None:
            return None
        return float(np.linalg.norm(solution.error) / np.linalg.norm(solution.value))

    def baseline(self, method: str | None = None, **options: Any) -> BaselineResult:
        """The answer by a digital method, by default the usual one, timed here.

        Raises
        ------
        ValueError
            For an unknown method.
        """
        known = self.methods()
        name = next(iter(known)) if method is None else method
        if name not in known:
            raise ValueError(f"method is {method!r}; this problem has {', '.join(known)}")
        began = time.perf_counter()
        value, flops, iterations = known[name](**options)
        return BaselineResult(value=value, flops=flops, iterations=iterations, wall_time_s=time.perf_counter() - began)

    def solution(self, states: ArrayLike, energies: ArrayLike) -> Solution:
        """The answer of states (m, n) that are draws of one chain."""
        rows, energy = self._checked(states, energies)
        return self.answer(rows[None], energy[None])

    def answer(
        self, states: NDArray, energies: NDArray[np.float64], *, beta: float = 1.0, step_tau: float | None = None
    ) -> Solution:
        value, error, effective = self.estimate(states, beta, step_tau)
        score = self.score(value)
        return Solution(
            feasible=True,
            value=value,
            objective=None if math.isnan(score) else score,
            violations={},
            gap=None,
            valid_fraction=1.0,
            sense=self.sense,
            unit=self.unit,
            error=error,
            effective_samples=effective,
        )


class MomentsOfStates(Estimate):
    """A problem answered by the mean and the covariance of the states, at β = 1.

    Draws at another β have that covariance over β, of Gaussian laws, and are scaled back.
    """

    def estimate(
        self, states: NDArray[np.float64], beta: float, step_tau: float | None
    ) -> tuple[MeanAndCovariance, MeanAndCovariance | None, float | None]:
        mean = average(states)
        deviations = states - mean.value
        covariance = average_products(deviations, deviations)
        value = MeanAndCovariance(mean=mean.value, covariance=beta * covariance.value)
        if mean.error is None or covariance.error is None:
            return value, None, None
        error = MeanAndCovariance(mean=mean.error, covariance=beta * covariance.error)
        known = [one.effective_samples for one in (mean, covariance) if one.effective_samples is not None]
        return value, error, min(known, default=None)

    def of_moments(self, mean: NDArray[np.float64], covariance: NDArray[np.float64], beta: float) -> MeanAndCovariance:
        return MeanAndCovariance(mean=mean, covariance=beta * covariance)

    def distance(self, answer: MeanAndCovariance) -> float:
        return deviation(answer, self.exact())

    def relative_error(self, solution: Solution) -> float | None:
        """Errors of the means in standard deviations and of the covariances alike, root mean square.

        In units of what one draw knows, as in `deviation`: with N independent draws it is 1/√N.
        """
        if solution.error is None:
            return None
        found, error = solution.value, solution.error
        return deviation(
            MeanAndCovariance(mean=found.mean + error.mean, covariance=found.covariance + error.covariance), found
        )


def deviation(found: MeanAndCovariance, truth: MeanAndCovariance) -> float:
    """Distance of moments, root mean square over means and covariances, in what a single draw knows each of them to."""
    moments = ((one.mean, one.covariance) for one in (found, truth))
    return float(np.sqrt(np.mean(standardised(*moments) ** 2)))


def average(x: NDArray[np.float64]) -> Average:
    """The mean of draws (chains, draws, k), shape (k,)."""
    rows = _batches(x, _batch_length(x))
    return _summary(rows.mean(axis=1), rows.var(axis=(0, 1)))


def average_products(left: NDArray[np.float64], right: NDArray[np.float64]) -> Average:
    """The means of left_i right_j over draws (chains, draws, n) of both, shape (n, n)."""
    length = _batch_length(left)
    first, second = (_batches(x, length) for x in (left, right))
    means = first.transpose(0, 2, 1) @ second / first.shape[1]
    n = first.shape[2]
    flat, other = first.reshape(-1, n), second.reshape(-1, n)
    squares = (flat**2).T @ (other**2) / len(flat)
    return _summary(means, squares - means.mean(axis=0) ** 2)


def _batch_length(x: NDArray[np.float64]) -> int:
    """Draws of a batch, by the slowest site or square of a site: of a mode that rotates only the square is slow."""
    draws = x.shape[1]
    if draws < 4:
        return draws
    squares = (x - x.mean(axis=(0, 1))) ** 2
    slowest = np.nan_to_num(np.concatenate([autocorrelation_times(some) for some in (x, squares)])).max()
    return min(draws, max(1, int(np.ceil(BATCH_TAUS * slowest))))


def _batches(x: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Draws (chains, draws, n) as (batches, at least `length`, n), leaving out what does not fit.

    With more chains than batches can be held, several make a batch.
    """
    chains, draws, n = x.shape
    most = max(LEAST_BATCHES, min(_MOST_BATCHES, _NUMBERS // n**2))
    if chains > most:
        together = -(-chains // most)
        count = chains // together
        return x[: count * together].reshape(count, together * draws, n)
    each = max(1, min(draws // length, most // chains))
    size = draws // each
    return x[:, draws - each * size :].reshape(chains * each, size, n)


def _summary(means: NDArray[np.float64], variance: NDArray[np.float64]) -> Average:
    """From the means of batches, (batches, …), and the variance over single draws, (…)."""
    value, count = means.mean(axis=0), len(means)
    if count < LEAST_BATCHES:
        return Average(value=value, error=None, effective_samples=None)
    of_mean = means.var(axis=0, ddof=1) / count
    moving = of_mean > 0
    effective = float((variance[moving] / of_mean[moving]).min()) if moving.any() else None
    return Average(value=value, error=np.sqrt(of_mean), effective_samples=effective)
