"""Estimates to a wanted accuracy: rounds of draws until the error bar is small enough."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from pbits.harm import HarmWarning
from pbits.ledger import price
from pbits.models import DiffusionModel, GaussianModel
from pbits.models.base import read_only
from pbits.parameters import Figure
from pbits.problems.base import Solution
from pbits.problems.estimates import LEAST_BATCHES, Estimate
from pbits.reference import exact
from pbits.result import Run
from pbits.runner import Progress, run, suggested_schedule
from pbits.schedule import Schedule
from pbits.streams import fresh_seed
from pbits.substrate import Law, Moments, Substrate, load

LEAST_EFFECTIVE = 100
"""Effective samples of the worst entry below which no error bar is believed."""

# A round brings all draws to between these multiples of what they were.
_GROWTH = 1.5, 4.0
# More rounds than that pass any number of draws.
_ROUNDS = 100


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Estimation:
    """An answer, and the runs it took.

    Attributes
    ----------
    solution : Solution
        From the draws of all runs.
    reached : bool
        Whether the wanted accuracy was: by the draws, and by the machine where its own error is known. If not,
        `max_draws` ended it, or no number of draws is enough on this machine.
    half_width : float, optional
        Of the interval around the answer, relative to it; None where even the last draws told no error.
    machine_error : float, optional
        What draws without end would leave, in the same measure: by what the machine holds, its clock and its read-out.
        None where the law of what is read is not known, or the answer takes more than its moments.
    runs : tuple of Run
        The chains of each go on where those of the one before ended. The first is judged: it has `errors`, where they
        are within reach, and ``record["law"]``.
    """

    solution: Solution
    reached: bool
    half_width: float | None
    machine_error: float | None
    runs: tuple[Run, ...]

    def __repr__(self) -> str:
        half, machine, score = (
            "unknown" if number is None else f"{number:.3g}"
            for number in (self.half_width, self.machine_error, self.score)
        )
        return (
            f"Estimation(reached={self.reached}, half_width={half}, machine_error={machine}, score={score}, "
            f"draws={self.draws}, runs={len(self.runs)})"
        )

    @property
    def score(self) -> float | None:
        """Of the answer, against the exact one, in the unit of the problem; None where that is not known."""
        return self.solution.objective

    @property
    def draws(self) -> int:
        """Over all runs and chains."""
        return sum(one.n_samples for one in self.runs)

    @property
    def device_time(self) -> Figure:
        """Of all runs; each programs the machine anew and is charged for it."""
        return total_device_time(self.runs)

    @property
    def device_time_s(self) -> float | None:
        return self.device_time.value

    def joules(self, boundary: str | None = None) -> float | None:
        """Of all runs, at a boundary; None where those of any are not known. `price` tells why of each."""
        return total_joules(self.runs, boundary)


def total_device_time(runs: tuple[Run, ...]) -> Figure:
    return reduce(add, (one.device_time for one in runs))


def total_joules(runs: tuple[Run, ...], boundary: str | None) -> float | None:
    spent = [price(one, boundary).joules for one in runs]
    known = [joules for joules in spent if joules is not None]
    return math.fsum(known) if len(known) == len(spent) else None


def estimate(
    problem: Estimate,
    machine: str | Path | Substrate,
    *,
    relative_error: float = 0.05,
    confidence: float = 0.95,
    max_draws: int = 1_000_000,
    schedule: Schedule | None = None,
    seed: int | None = None,
    chip_seed: int = 0,
    initial: ArrayLike | None = None,
    progress: Progress = False,
) -> Estimation:
    """Draw until the answer is known to a relative error at a confidence.

    Round follows round on the same chains. After each, the answer and its errors are those of all draws so far. It ends
    when t · `problem.relative_error` is at most `relative_error`, with t the quantile of Student's law for the fewest
    batches that tell an error, and at least 100 effective samples of the worst entry: few draws that happen to agree
    end nothing.

    Parameters
    ----------
    problem : Estimate
    machine : str, path or Substrate
    relative_error : float
        Of the answer as a whole: of its norm, of the determinant, or of moments in what a single draw knows; see
        `problem.relative_error`. The draws are judged by it, and what the machine gets wrong by itself is, apart.
    confidence : float
        At least 0.8.
    max_draws : int
        Over all chains and rounds.
    schedule : Schedule, optional
        Of the first round; the others have no warm-up. `suggested_schedule` with 4 chains of 250 draws when absent.
    seed, chip_seed, initial, progress
        As `pbits.run` takes them; each round has a seed of its own.

    Returns
    -------
    Estimation

    Raises
    ------
    TypeError
        For a problem that is no `Estimate`.
    ValueError
        For an anneal, or numbers out of range.
    NotMappable
        When the machine cannot hold the model.

    Warns
    -----
    HarmWarning
        When the machine by itself is farther off than wanted, whatever the draws; told after the first round.

    Notes
    -----
    What the machine gets wrong is computed from the moments of its law, without draws. Of problems that need more than
    those, `MatrixExponential` and `Determinant`, the warning goes by the mapping, clock and reading errors of the first
    run (`pbits.errors.Errors`), which are in what a single draw knows.

    t times the root of all squared errors bounds the norm of the error with at least the confidence, whatever the
    correlations between the entries: beyond 1.54 of its mean, Σ λ_k χ²₁ has no heavier tail than a single term of that
    mean (G. J. Székely and N. K. Bakirov, 2003, from memory; hence the least confidence). So one number is covered as
    often as asked for, and a matrix more often.

    Examples
    --------
    >>> from pbits.algorithms import estimate
    >>> from pbits.problems import MatrixInverse
    >>> found = estimate(MatrixInverse([[2.0, 1.0], [1.0, 2.0]]), "langevin-rc-illustrative", seed=1)
    >>> found.reached, found.half_width < 0.05, found.score < 0.05
    (True, True, True)
    """
    if not isinstance(problem, Estimate):
        linear = isinstance(problem, GaussianModel | DiffusionModel)
        wanted = (
            "pbits.problems.GaussianSampling(model)" if linear else "one that many states answer together (Estimate)"
        )
        raise TypeError(f"problem is a {type(problem).__name__}; give {wanted}")
    if not (math.isfinite(relative_error) and relative_error > 0):
        raise ValueError(f"relative_error is {relative_error}; it must be positive and finite")
    if not 0.8 <= confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be at least 0.8 and below 1")
    first = suggested_schedule(problem, n_samples=250, chains=4) if schedule is None else schedule
    if first.kind == "anneal":
        raise ValueError("an anneal has no stationary law to estimate from; give a Schedule(...) of one β")
    if first.n_samples * first.chains > max_draws:
        raise ValueError(f"the first round is of {first.n_samples * first.chains} draws and max_draws is {max_draws}")
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    quantile = float(stdtrit(LEAST_BATCHES - 1, (1 + confidence) / 2))
    seeds = iter(np.random.SeedSequence(fresh_seed() if seed is None else seed).generate_state(_ROUNDS).tolist())
    runs: list[Run] = []
    current, machine_error = first, None
    while True:
        runs.append(
            run(
                problem, substrate, current, seed=next(seeds), chip_seed=chip_seed, initial=initial, judge=not runs,
                progress=progress,
            )
        )  # fmt: skip
        if len(runs) == 1:
            machine_error = _machine_error(problem, substrate, first, chip_seed)
            _warn_of_machine(runs[0], machine_error, relative_error)
        solution = _answer(problem, runs)
        told = problem.relative_error(solution)
        half = None if told is None else quantile * told
        enough = (solution.effective_samples or 0) >= LEAST_EFFECTIVE
        drawn = half is not None and half <= relative_error and enough
        each = sum(one.schedule.n_samples for one in runs)
        following = _following(each, max_draws // first.chains, half, relative_error)
        if drawn or not following:
            return Estimation(
                solution=solution,
                reached=drawn and (machine_error or 0.0) <= relative_error,
                half_width=half,
                machine_error=machine_error,
                runs=tuple(runs),
            )
        initial = runs[-1].states[:, -1]
        current = replace(first, n_samples=following, n_warmup=0)


def _machine_error(problem: Estimate, machine: Substrate, schedule: Schedule, chip_seed: int) -> float | None:
    """How far the answer of the machine's own law is off, in the measure of `problem.relative_error`."""
    beta = float(schedule.beta)
    moments = _read_moments(machine.compile(problem.to_model(), schedule, chip_seed=chip_seed).law(beta))
    answer = None if moments is None else problem.of_moments(*moments, beta)
    off = math.nan if answer is None else problem.distance(answer)
    return None if math.isnan(off) else off


def _read_moments(law: Law) -> Moments | None:
    """Mean and covariance of what is read, on the sites as posed."""
    if law.kind == "unknown" or law.readout is not None:
        return None
    if (told := law.read or law.moments) is not None:
        return told
    if not isinstance(law.model, GaussianModel | DiffusionModel):
        return None
    found = exact(law.model, law.beta, law.clamp)
    return found.mean, found.covariance


def _warn_of_machine(first: Run, machine_error: float | None, wanted: float) -> None:
    errors, off, parts = first.errors, machine_error, ""
    if errors is not None:
        own = errors.mapping, errors.clock or 0.0, errors.reading
        off = sum(own) if off is None else off
        parts = " (mapping {:.2g}, clock {:.2g}, reading {:.2g}; ".format(*own) + f"{errors.measure})"
    if off is not None and off > wanted:
        warnings.warn(
            HarmWarning(
                f"{first.machine}: a relative error of {wanted:g} is wanted, and by itself the machine is {off:.2g} "
                f"off, however many draws there are{parts}; take one of closer tolerance, more bits or finer steps"
            ),
            stacklevel=3,
        )


def _following(each: int, most: int, half: float | None, wanted: float) -> int:
    """Draws per chain of the next round, so that all together are as many as the error so far says is enough."""
    factor = _GROWTH[1] if half is None else float(np.clip(1.1 * (half / wanted) ** 2, *_GROWTH))
    return min(math.ceil(factor * each), most) - each


def _answer(problem: Estimate, runs: list[Run]) -> Solution:
    states: NDArray = np.concatenate([one.states for one in runs], axis=1)
    energies = np.concatenate([one.energies for one in runs], axis=1)
    schedule, step_tau = runs[0].schedule, runs[0].record["notes"].get("step_tau")
    spacing = None if step_tau is None else step_tau * schedule.steps_per_sample
    return problem.answer(read_only(states), energies, beta=schedule.beta, step_tau=spacing)
