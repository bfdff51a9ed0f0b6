"""`solve`: one call from a problem to its answer, within a budget of this computer's seconds."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits.algorithms import Search, anneal_population, search, temper, temper_penalties
from pbits.algorithms.estimation import total_device_time, total_joules
from pbits.ledger import EnergyLedger, price
from pbits.models import EnergyModel, IsingModel
from pbits.parameters import Figure
from pbits.problems.base import Problem, Solution
from pbits.result import Run
from pbits.runner import run, suggested_schedule
from pbits.streams import Streams, fresh_seed
from pbits.substrate import NotMappable, Substrate, load

BUDGET_S = 10.0
"""Seconds of emulation when none are given."""

ALGORITHMS = ("anneal", "temper", "population", "penalties", "search")

# Attempts get these shares of the budget, shortest first: an easy problem is solved by the first, and a penalty that is
# too low is found out by it.
_SHARES = 0.02, 0.08, 0.3, 0.6
# Where the first share is longer than some tenths of a second, shorter attempts come before it, each so many times as
# long as the one before: an easy problem does not wait for a long budget.
_FIRST_S, _LONGER = 0.2, 4
# The pilot that measures how fast a method is.
_PILOT_SWEEPS = 4
_RAISE = 1.2
# What is left after them, because methods were quicker than foreseen, goes into a few more.
_MOST_MORE = 8
_NEARLY = 0.85
_MOST_RAISES = 12
# Of one attempt: the steps of a longer one would themselves fill gigabytes.
_MOST_SWEEPS = 10_000_000
_ENOUGH_VALID = 0.5
_LEVELS = 24
# Of tempering over penalties: β, and penalties in units of the problem's own.
_FEWER_LEVELS, _PENALTIES = 12, (0.4, 0.6, 0.8, 1.0, 1.2)
# Models with more neighbours than this have clusters that fill them, and cluster moves that only relabel.
_CLUSTER_DEGREE = 6

Progress = bool | Callable[[float, float], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Attempt:
    """One run of a method, and what it gave.

    Attributes
    ----------
    run : Run
    solution : Solution
        Of its draws, repaired where that was asked for.
    penalty : float or None
    sweeps : int
    seed : int
    ended_s : float
        Seconds of the budget that were spent when it ended.
    """

    run: Run
    solution: Solution
    penalty: float | None
    sweeps: int
    seed: int
    ended_s: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Answer:
    """What `solve` found, and all that it took.

    Attributes
    ----------
    solution : Solution
        The best of all attempts.
    problem : Problem
        As posed: in which encoding, with which penalty.
    run : Run
        The attempt that gave the solution.
    ledger : EnergyLedger
        Of that run. `joules` has those of all attempts.
    method : str
        "encoding:algorithm", or the algorithm alone where there is one encoding.
    reason : str
        Why that method.
    attempts : tuple of Attempt
        In the order they were made, each with another seed; none of method "search".
    search : Search, optional
        Of method "search": its rounds, of which `run` is the last.
    reached : bool
        Whether the goal, or else the best score known, was reached; it ends the search.
    interrupted : bool
        Whether the keyboard ended it.
    budget_s : float
    """

    solution: Solution
    problem: Problem
    run: Run
    ledger: EnergyLedger
    method: str
    reason: str
    attempts: tuple[Attempt, ...]
    reached: bool
    interrupted: bool
    budget_s: float
    search: Search | None = None

    def __repr__(self) -> str:
        tried = f"attempts={len(self.attempts)}" if self.search is None else f"rounds={len(self.search.rounds)}"
        return f"Answer({self.solution}, method={self.method!r}, {tried})"

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(attempt.run for attempt in self.attempts)

    @property
    def device_time(self) -> Figure:
        """Of all attempts, or rounds."""
        return total_device_time(self.runs) if self.search is None else self.search.device_time

    @property
    def device_time_s(self) -> float | None:
        """Of all attempts; None where the machine has no clock."""
        return self.device_time.value

    @property
    def wall_time_s(self) -> float:
        """Seconds of this computer in which the machine was emulated, of all attempts, or rounds."""
        return math.fsum(one.wall_time_s for one in self.runs) if self.search is None else self.search.wall_time_s

    def joules(self, boundary: str | None = None) -> float | None:
        """Of all attempts, or rounds, at a boundary; None where those of any are not known. `ledger` tells why.

        Of a search, at the boundary at which the machine's prices are stated, and at no other.
        """
        if self.search is None:
            return total_joules(self.runs, boundary)
        return self.search.joules if boundary in (None, self.ledger.boundary) else None

    def plot(self, path: str | Path) -> None:
        """Write a picture of the solution, where the problem has one, and of how its run came down to it.

        Parameters
        ----------
        path : str or Path
            A PNG, SVG or PDF file, by its suffix.
        """
        from pbits.report.pictures import save

        trace = self.run.trace
        lowest, median, highest = np.quantile(trace.energies, [0, 0.5, 1], axis=0)
        text = textwrap.wrap(f"{self.method} on {self.run.machine}: {self.solution}", 110)
        history = {
            "title": "\n".join([self.problem.name, *text]),
            "sweeps": trace.steps.tolist(),
            "lowest": lowest.tolist(),
            "median": median.tolist(),
            "highest": highest.tolist(),
        }
        save(Path(path), self.problem.picture(self.solution), history, self._landscape())

    def _landscape(self) -> dict[str, Any]:
        """Of each chain's last state, how far it is from the lowest of them."""
        last, energies = self.run.states[:, -1], self.run.energies[:, -1]
        lowest = last[energies.argmin()]
        if self.run.model.domain == "permutation":
            return {"distances": _edges_lost(last, lowest), "energies": energies.tolist(), "of": "steps of the tour"}
        differ = (last != lowest).mean(axis=1)
        if isinstance(self.run.model, IsingModel) and not self.run.model.h.any():
            # Without fields a state and its negative are alike.
            differ = np.minimum(differ, 1 - differ)
        return {"distances": differ.tolist(), "energies": energies.tolist(), "of": "sites"}


def solve(
    problem: Problem,
    machine: str | Path | Substrate = "ideal",
    method: str = "auto",
    budget_s: float | None = None,
    seed: int | None = None,
    *,
    penalty: str | float | None = None,
    repair: bool = False,
    chip_seed: int = 0,
    progress: Progress = False,
) -> Answer:
    """Search for the best answer to a problem, on a machine, within a budget.

    The method runs with 2, 8, 30 and 60 % of the budget, and with what is then left, each time from other states; where
    2 % are more than 0.8 s, shorter attempts come first. It stops early where the goal, or the best score known, is
    reached. A penalty that is chosen by rule "auto" is raised by 1.2 after each attempt of which less than half of the
    reads were valid: while attempts are as short as the first, up to 12 times and to no more than the safe penalty,
    then once after each longer one. An attempt has ten million sweeps at most.

    Parameters
    ----------
    problem : Problem
    machine : str, path or Substrate
    method : str
        "auto", an algorithm, one of the problem's encodings, or both as in "one-hot:temper". "auto" takes permutation
        moves where the problem and the machine know them, else the first of the problem's encodings that the machine
        can hold; it searches (`pbits.algorithms.search`) for low energies of Ising models without penalties on the
        ideal machine, and anneals all else. "temper": replicas along a ladder of β, with cluster moves where sites have
        few neighbours. "population": population annealing. "penalties": tempering over β and the penalty
        (`pbits.algorithms.temper_penalties`). "search" keeps the penalty that it begins with.
    budget_s : float, optional
        Seconds of this computer for emulating the machine; compilation, reading and scoring are not counted. 10 when
        absent.
    seed : int, optional
        Drawn and kept in the runs when absent. How many sweeps fit in the budget depends on this computer; each
        attempt's `sweeps` and `seed` make it again.
    penalty : {"safe", "tight", "auto"} or float, optional
        Of broken constraints; as the problem was made when absent.
    repair : bool
        Whether reads that break constraints are repaired before they are scored.
    chip_seed : int
    progress : bool or callable
        True shows a bar; a callable gets (seconds spent, budget).

    Returns
    -------
    Answer

    Raises
    ------
    NotMappable
        When the machine can hold the problem in none of its encodings; all reasons at once.
    ValueError
        For an unknown method or encoding, or a budget that is not positive.

    Examples
    --------
    >>> import pbits
    >>> square = pbits.problems.TravelingSalesman.from_coordinates([[0, 0], [0, 1], [1, 1], [1, 0]])
    >>> answer = pbits.solve(square, method="one-hot:anneal", budget_s=0.2, seed=1)
    >>> answer.solution.feasible, answer.solution.objective
    (True, 4.0)
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"solve takes a Problem, not a {type(problem).__name__}; run takes models")
    budget = BUDGET_S if budget_s is None else float(budget_s)
    if not 0 < budget < math.inf:
        raise ValueError(f"budget_s is {budget_s}; it must be a positive number of seconds")
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    encoding, algorithm = _parted(problem, method)
    posed, reason = _posed(problem, substrate, encoding, algorithm, penalty is not None)
    if posed.objectives(np.zeros((0, posed.to_model().n))) is None:
        raise ValueError(
            f"{problem.name} is answered by many draws together; take pbits.run, or pbits.algorithms.estimate"
        )
    if penalty is not None:
        posed = posed.penalised(penalty)
    root = Streams(seed=fresh_seed() if seed is None else seed).seed
    if algorithm is None:
        algorithm = "search" if _searchable(posed, substrate) else "anneal"
    if algorithm == "search" and not isinstance(posed.to_model(), IsingModel):
        raise ValueError(
            f"the method 'search' is for Ising models; {posed.name} is posed as a {type(posed.to_model()).__name__}"
        )
    name = f"{posed.encoding}:{algorithm}" if posed.encoding else algorithm
    with _reporting(progress, budget, posed.name) as report:
        if algorithm == "search":
            return _searched(posed, substrate, budget, repair, chip_seed, root, report, name, reason)
        attempts = _Attempts(posed, substrate, algorithm, budget, repair, chip_seed, root)
        attempts.go(report)
    return attempts.answer(name, reason)


def _searchable(posed: Problem, machine: Substrate) -> bool:
    """Whether low energies are all that is wanted, of a machine that is there to find them."""
    plain = posed.penalty is None and not posed.clamp() and posed.initial_state() is None
    return plain and isinstance(posed.to_model(), IsingModel) and "metropolis" in machine.capabilities.rules


def _searched(
    posed: Problem,
    machine: Substrate,
    budget: float,
    repair: bool,
    chip_seed: int,
    root: int,
    report: Callable[[float], None],
    method: str,
    reason: str,
) -> Answer:
    found = search(
        posed,
        machine,
        budget_s=budget,
        seed=root,
        chip_seed=chip_seed,
        progress=lambda spent, whole, best: report(spent),
    )
    solution = posed.solution(found.best_state[None], [found.best_energy], repair)
    return Answer(
        solution=solution,
        problem=posed,
        run=found.run,
        ledger=price(found.run),
        method=method,
        reason=f"{reason}; {found.strategy.reason}",
        attempts=(),
        reached=_reaches(posed, solution),
        interrupted=found.interrupted,
        budget_s=budget,
        search=found,
    )


def _reaches(posed: Problem, solution: Solution) -> bool:
    """Whether a solution reaches the goal, or else the best score known."""
    target = posed.optimum if posed.goal is None else posed.goal
    score = solution.objective
    if target is None or score is None:
        return False
    near = 1e-9 * max(1.0, abs(target))
    return score >= target - near if posed.sense == "max" else score <= target + near


def _parted(problem: Problem, method: str) -> tuple[str | None, str | None]:
    """(encoding, algorithm) of a method's name; None for what it leaves open."""
    parts = [] if method == "auto" else method.split(":")
    encodings = [part for part in parts if part in problem.encodings]
    algorithms = [part for part in parts if part in ALGORITHMS]
    if len(encodings) > 1 or len(algorithms) > 1 or len(encodings) + len(algorithms) < len(parts):
        known = f"algorithms {', '.join(ALGORITHMS)}"
        if problem.encodings:
            known += f" and encodings {', '.join(problem.encodings)}, or both as 'encoding:algorithm'"
        raise ValueError(f"method is {method!r}; {problem.name} knows 'auto', the {known}")
    return (encodings[0] if encodings else None), (algorithms[0] if algorithms else None)


def _posed(
    problem: Problem, machine: Substrate, encoding: str | None, algorithm: str | None, penalised: bool
) -> tuple[Problem, str]:
    """The problem in an encoding that the machine can hold and the algorithm takes, with a penalty where one is given,
    and why that one.
    """
    if encoding is not None:
        return problem.encoded(encoding) if encoding != problem.encoding else problem, "asked for"
    names = [problem.encoding] if problem.encoding else [""]
    names = [*(n for n in problem.encodings if n == "permutation"), *names, *problem.encodings]
    reasons: list[str] = []
    for name in dict.fromkeys(names):
        posed = problem
        try:
            posed = problem if name == problem.encoding else problem.encoded(name)
            if problem.encodings and posed.penalty is None and (penalised or algorithm == "penalties"):
                raise ValueError("it has no penalty, and one was given" if penalised else "it has no penalty")
            if problem.encodings and algorithm == "search" and not isinstance(posed.to_model(), IsingModel):
                raise ValueError("it is no Ising model")
            refused = machine.limits(posed.to_model(), suggested_schedule(posed, machine))
        except ValueError as error:
            refused = [str(error)]
        if not refused:
            moves = "every state is valid, and moves keep it so" if name == "permutation" else ""
            first = "the first of its encodings that the machine can hold"
            if algorithm in ("penalties", "search"):
                first += f", and that {algorithm!r} takes"
            return posed, moves or (first if name else "the one way to pose it")
        reasons += [f"{name}: {reason}" if name else reason for reason in refused]
    raise NotMappable(machine.name, reasons)


class _Attempts:
    """Attempts at one problem until it is solved or the budget is spent."""

    def __init__(
        self, posed: Problem, machine: Substrate, algorithm: str, budget: float, repair: bool, chip_seed: int, root: int
    ):
        self._posed = posed
        self._machine = machine
        self._algorithm = algorithm
        self._budget = budget
        self._repair = repair
        self._chip_seed = chip_seed
        self._seeds = _seeds(root)
        self._spent = 0.0
        self._attempts: list[Attempt] = []
        self._interrupted = False

    def go(self, report: Callable[[float], None]) -> None:
        try:
            # The first run compiles; the second one tells how fast the method is.
            for _ in range(2):
                pilot, _, _ = self._run(self._posed, _PILOT_SWEEPS, next(self._seeds))
            seconds_per_sweep = pilot.wall_time_s / _PILOT_SWEEPS
            for place, length_s in enumerate(_lengths(self._budget)):
                for _ in range(_MOST_RAISES if place == 0 else 1):
                    left_s = min(length_s, self._budget - self._spent)
                    sweeps = min(_MOST_SWEEPS, max(_PILOT_SWEEPS, int(left_s / seconds_per_sweep)))
                    attempt = self._attempt(sweeps)
                    seconds_per_sweep = attempt.run.wall_time_s / sweeps
                    report(self._spent)
                    if self._reached() or self._spent >= _NEARLY * self._budget:
                        return
                    if not self._raise_penalty(attempt, short=place == 0):
                        break
        except KeyboardInterrupt:
            if not self._attempts:
                raise
            self._interrupted = True

    def _attempt(self, sweeps: int) -> Attempt:
        seed = next(self._seeds)
        done, solution, states = self._run(self._posed, sweeps, seed)
        self._spent += done.wall_time_s
        if self._repair and solution.valid_fraction < 1:
            solution = self._posed.solution(states, self._posed.to_model().energy(states), repair=True)
        attempt = Attempt(
            run=done,
            solution=solution,
            penalty=self._posed.penalty,
            sweeps=sweeps,
            seed=seed,
            ended_s=self._spent,
        )
        self._attempts.append(attempt)
        return attempt

    def _run(self, posed: Problem, sweeps: int, seed: int) -> tuple[Run, Solution, NDArray]:
        """A run of the method, its solution, and the states (m, n) of the problem that it read."""
        if self._algorithm == "penalties":
            return self._over_penalties(posed, sweeps, seed)
        done = self._one(posed, sweeps, seed)
        assert done.solution is not None, "a problem was run"
        return done, done.solution, done.states.reshape(-1, done.states.shape[-1])

    def _over_penalties(self, posed: Problem, sweeps: int, seed: int) -> tuple[Run, Solution, NDArray]:
        span = _span(posed)
        if posed.penalty is None:
            raise ValueError(f"{posed.name} has no penalty in this encoding, so there is none to temper over")
        found = temper_penalties(
            posed,
            self._machine,
            penalties=posed.penalty * np.array(_PENALTIES),
            betas=np.geomspace(*span, _FEWER_LEVELS),
            sweeps=sweeps,
            n_samples=min(50, sweeps),
            seed=seed,
            chip_seed=self._chip_seed,
        )
        draws = found.states[-1, -1]
        return found.run, found.solution, draws.reshape(-1, draws.shape[-1])

    def _one(self, posed: Problem, sweeps: int, seed: int) -> Run:
        options: dict[str, Any] = {"seed": seed, "chip_seed": self._chip_seed}
        if self._algorithm == "anneal":
            usual = posed.annealing().get("levels", 50)
            wanted = {"sweeps": sweeps, "levels": min(usual, sweeps)}
            return run(posed, self._machine, suggested_schedule(posed, self._machine, **wanted), judge=False, **options)
        span = _span(posed)
        if self._algorithm == "temper":
            betas = np.geomspace(*span, _LEVELS)
            clusters = _clusters(posed.to_model()) and not posed.clamp()
            draws = min(50, sweeps)
            done = temper(
                posed, self._machine, betas=betas, sweeps=sweeps, n_samples=draws, copies=2, icm=clusters, **options
            )
            return done.run
        levels = 51
        each = max(1, sweeps // levels)
        return anneal_population(
            posed, self._machine, beta_stop=span[1], levels=levels, sweeps=each, population=256, **options
        ).run

    def _raise_penalty(self, attempt: Attempt, short: bool) -> bool:
        """Whether it was raised: by rule "auto", where less than half of the reads were valid."""
        posed = self._posed
        if posed.penalty_rule != "auto" or posed.penalty is None or attempt.solution.valid_fraction >= _ENOUGH_VALID:
            return False
        raised = _RAISE * posed.penalty
        # Reads of a short attempt may be invalid for want of sweeps, which no penalty makes up for.
        if short and raised > _safe(posed):
            return False
        self._posed = replace_penalty(posed, raised)
        return True

    def _best(self) -> Attempt:
        def worth(attempt: Attempt) -> tuple[bool, float]:
            score = attempt.solution.objective
            if score is None:
                return attempt.solution.feasible, -float(attempt.run.best_energy)
            return True, score if self._posed.sense == "max" else -score

        return max(self._attempts, key=worth)

    def _reached(self) -> bool:
        return bool(self._attempts) and _reaches(self._posed, self._best().solution)

    def answer(self, method: str, reason: str) -> Answer:
        best = self._best()
        posed = self._posed
        if best.penalty is not None and best.penalty != posed.penalty:
            posed = replace_penalty(posed, best.penalty)
        return Answer(
            solution=best.solution,
            problem=posed,
            run=best.run,
            ledger=price(best.run),
            method=method,
            reason=reason,
            attempts=tuple(self._attempts),
            reached=self._reached(),
            interrupted=self._interrupted,
            budget_s=self._budget,
        )


def _lengths(budget_s: float) -> list[float]:
    """Seconds of the attempts, in their order."""
    shares = [share * budget_s for share in (*_SHARES, *[1.0] * _MOST_MORE)]
    while shares[0] > _LONGER * _FIRST_S:
        shares.insert(0, shares[0] / _LONGER)
    return shares


def _span(posed: Problem) -> tuple[float, float]:
    span = posed.beta_range()
    if span is None:
        raise ValueError(f"{posed.name} knows no range of β; anneal or temper it with a schedule of your own")
    return span


def _safe(posed: Problem) -> float:
    """The penalty above which no valid state needs more; infinite where a problem knows none."""
    try:
        return posed.penalty_by("safe")
    except ValueError:
        return math.inf


def replace_penalty(problem: Problem, penalty: float) -> Problem:
    """The problem with another weight, chosen by the same rule."""
    rule = problem.penalty_rule
    changed = problem.penalised(penalty)
    changed.penalty_rule = rule
    return changed


def _edges_lost(tours: NDArray, best: NDArray) -> list[float]:
    """Of each permutation, the share of neighbours round the ring that are no neighbours in the best one."""
    follows = np.empty(len(best), dtype=np.int64)
    follows[best] = np.roll(best, -1)
    nexts = np.roll(tours, -1, axis=1)
    kept = (follows[tours] == nexts) | (follows[nexts] == tours)
    return (1 - kept.mean(axis=1)).tolist()


def _clusters(model: EnergyModel) -> bool:
    """Whether cluster moves help: few neighbours, and no fields."""
    return isinstance(model, IsingModel) and model.degrees.mean() <= _CLUSTER_DEGREE and not model.h.any()


def _seeds(root: int) -> Iterator[int]:
    sequence = np.random.SeedSequence(root)
    while True:
        yield int(sequence.spawn(1)[0].generate_state(1)[0])


class _reporting:
    """A progress bar over the budget, the caller's function, or nothing."""

    def __init__(self, progress: Progress, budget: float, name: str):
        self._progress, self._budget, self._name = progress, budget, name
        self._bar: Any = None

    def __enter__(self) -> Callable[[float], None]:
        if self._progress is True:
            from rich.progress import Progress as Bar

            self._bar = Bar(transient=True)
            self._task = self._bar.add_task(self._name, total=self._budget)
            self._bar.start()
        return self._report

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _report(self, spent: float) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=spent)
        if callable(self._progress):
            self._progress(spent, self._budget)
