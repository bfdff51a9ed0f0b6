"""`compare`: one problem, unchanged, on several machines, at equal quality and a stated boundary."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from pbits import report
from pbits.diagnostics import Diagnosis, diagnose, repeats_to_target, success_interval
from pbits.errors import histogram, ideal_law, law_table
from pbits.ledger import EnergyLedger, price
from pbits.models import EnergyModel
from pbits.parameters import BOUNDARIES, Evidence, Uplift
from pbits.plain import plain
from pbits.problems.base import Problem
from pbits.reference import exact
from pbits.result import Run
from pbits.runner import run, suggested_schedule
from pbits.schedule import Schedule
from pbits.streams import fresh_seed
from pbits.substrate import NotMappable, Substrate, load

SCHEMA = "pbits-comparison/1"
TRACE_POINTS = 200

Uplifts = Mapping[str, Mapping[str, Uplift | Mapping[str, float]]]


class Ratio(float):
    """joules of a ÷ joules of b, with what a reader must know about it.

    Attributes
    ----------
    low, high : float
        The range: the prices and times of each machine at their low or high ends together, those of the two
        machines and chance (the 95 % interval of success probabilities or autocorrelation times) as independent.
    metric : str
        Joules of what.
    boundary : str
        At which both were accounted.
    evidence : Evidence or None
        The weaker of the two; None where every price was given exactly.
    """

    low: float
    high: float
    metric: str
    boundary: str
    evidence: Evidence | None

    def __new__(
        cls,
        value: float,
        *,
        low: float,
        high: float,
        metric: str,
        boundary: str,
        evidence: Evidence | None,
    ) -> Ratio:
        ratio = super().__new__(cls, value)
        ratio.low, ratio.high = low, high
        ratio.metric, ratio.boundary, ratio.evidence = metric, boundary, evidence
        return ratio


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Joules at equal quality: per solution, or per effective sample.

    Attributes
    ----------
    joules : float or None
    at_least : float or None
        A bound where no chain succeeded.
    prices, chance : (float, float)
        Factors to the ends of the range of prices and times, and to the ends of the 95 % interval of the success
        probability or of the autocorrelation time.
    boundary : str or None
    full_batch : bool
        Whether the machine was charged its share of a batch that fills it.
    evidence : Evidence or None
    reason : str
        Why `joules` is None; empty where it is known.
    """

    joules: float | None
    at_least: float | None
    prices: tuple[float, float]
    chance: tuple[float, float]
    boundary: str | None
    full_batch: bool
    evidence: Evidence | None
    reason: str

    def ends(self, *, chance: bool = True) -> tuple[float, float]:
        """Factors from the value to the ends of its range, with or without chance."""
        if not chance:
            return self.prices
        return self.prices[0] * self.chance[0], self.prices[1] * self.chance[1]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One machine of a comparison: a run and what it cost, or why it refused.

    Attributes
    ----------
    machine, title : str
    refusal : tuple of str
        All reasons; empty where the machine ran.
    run : Run, optional
    ledger : EnergyLedger, optional
        At the boundary of the comparison, or the machine's own where the comparison has none.
    diagnosis : Diagnosis, optional
    """

    machine: str
    title: str
    refusal: tuple[str, ...] = ()
    run: Run | None = None
    ledger: EnergyLedger | None = None
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs of one problem on several machines.

    Attributes
    ----------
    name : str
        The problem.
    model : EnergyModel
        As posed to every machine.
    schedule : Schedule
        What was asked for, or suggested for the problem; a row's run holds its own.
    seed : int
    boundary : str, optional
        At which all priced machines are accounted; None where no boundary can be stated for all of them.
    boundary_note : str
        How the boundary was chosen.
    goal : float, optional
        For anneals: the objective (of a Problem) or energy (of a plain model) that counts as solved. Where the
        problem sets none it is the best that any machine handed over, which need not be the optimum.
    rows : tuple of Row
    problem : Problem, optional
    uplifts : mapping
        What the user gave, by machine.
    """

    name: str
    model: EnergyModel
    schedule: Schedule
    seed: int
    boundary: str | None
    boundary_note: str
    goal: float | None
    rows: tuple[Row, ...]
    problem: Problem | None = None
    uplifts: Uplifts = field(default_factory=dict)

    @property
    def runs(self) -> dict[str, Run]:
        """The runs by machine, refusals left out."""
        return {row.machine: row.run for row in self.rows if row.run is not None}

    @property
    def ledgers(self) -> dict[str, EnergyLedger]:
        """The ledgers by machine, refusals left out."""
        return {row.machine: row.ledger for row in self.rows if row.ledger is not None}

    @property
    def metric(self) -> str:
        """Joules of what machines are compared by."""
        return "joules per solution" if self.schedule.kind == "anneal" else "joules per effective sample"

    def quality(self, machine: str, boundary: str | None = None) -> Quality:
        """What a machine needs per solution (anneals) or per effective sample (sampling), and how sure that is.

        A processor is charged its share of a batch that fills it, so that the number of chains, which the user
        chose, does not decide how well it looks.

        Parameters
        ----------
        machine : str
        boundary : str, optional
            By default that of the comparison, or the machine's own where the comparison has none.
        """
        row = next(row for row in self.rows if row.machine == machine)
        assert row.run is not None
        ledger = price(row.run, boundary or self.boundary, uplifts=self.uplifts.get(machine), full_batch=True)
        joules = at_least = None
        fewer = more = 1.0
        reason = "; ".join(ledger.reasons)
        if self.schedule.kind == "sample":
            joules = ledger.per_effective_sample
            reason = reason or ("" if joules is not None else "the chains have not converged")
            if joules is not None and row.diagnosis is not None and row.diagnosis.worst_tau_int is not None:
                fewer, more = _tau_spread(row.diagnosis.worst_tau_int, row.run.n_samples)
        elif self.goal is not None:
            joules = ledger.per_solution(**self._target())
            at_least = ledger.per_solution_at_least(**self._target())
            successes, trials = row.run.success_fraction(**self._target())
            reason = reason or ("" if successes else "no chain reached the goal")
            if successes:
                fewer, more = _repeats_spread(successes, trials)
        else:
            reason = reason or "nothing counts as solved"
        scale = (1.0, 1.0)
        if ledger.joules and ledger.interval is not None:
            scale = ledger.interval[0] / ledger.joules, ledger.interval[1] / ledger.joules
        return Quality(
            joules=joules,
            at_least=at_least,
            prices=scale,
            chance=(fewer, more),
            boundary=ledger.boundary,
            full_batch=row.run.full_batch_time is not None and row.run.full_batch_time.value is not None,
            evidence=ledger.evidence,
            reason=reason,
        )

    def _target(self) -> dict[str, Any]:
        return {"target" if self.problem is None else "objective": self.goal}

    def ratio(self, a: str, b: str) -> Ratio | None:
        """Joules of machine a ÷ joules of machine b by `metric`, or None where no ratio is known.

        `why_no_ratio` says why.
        """
        found, _ = self._ratio(a, b)
        return found

    def why_no_ratio(self, a: str, b: str) -> str:
        """Why `ratio(a, b)` is None; empty where it is not."""
        return self._ratio(a, b)[1]

    def _ratio(self, a: str, b: str) -> tuple[Ratio | None, str]:
        for name in (a, b):
            if name not in {row.machine for row in self.rows}:
                known = ", ".join(row.machine for row in self.rows)
                raise ValueError(f"no machine {name!r} in this comparison; it has {known}")
            if name not in self.runs:
                return None, f"{name} refused the problem"
        boundary = self.boundary or _common_boundary([self.runs[a], self.runs[b]], self.uplifts)
        if boundary is None:
            return None, f"no boundary can be stated for both {a} and {b}: {self._missing(a, b)}"
        first, second = (self.quality(name, boundary) for name in (a, b))
        if first.joules is None or second.joules is None:
            lacking, found = (a, first) if first.joules is None else (b, second)
            return None, f"{lacking}: {found.reason}"
        # Machines that make the same decisions have the same draws, so what chance did to one it did to both.
        same = np.array_equal(self.runs[a].energies, self.runs[b].energies)
        value = first.joules / second.joules
        low, high = _apart(first, second, chance=not same)
        return Ratio(
            value,
            low=value * low,
            high=value * high,
            metric=self.metric,
            boundary=boundary,
            evidence=Evidence.weakest(one.evidence for one in (first, second) if one.evidence is not None),
        ), ""

    def _missing(self, a: str, b: str) -> str:
        for name in (a, b):
            own = price(self.runs[name])
            if own.joules is None:
                return f"{name}: {'; '.join(own.reasons)}"
        where = " and ".join(
            f"{name} at the {prices.boundary}" for name in (a, b) if (prices := self.runs[name].prices) is not None
        )
        return f"prices are stated for {where}, and no complete uplift joins them"

    def verdict(self) -> str:
        """What was found and how sure that is, in one sentence."""
        ran = [row for row in self.rows if row.run is not None]
        head = f"{self.name}: {len(ran)} of {len(self.rows)} machines ran"
        refused = [row.machine for row in self.rows if row.run is None]
        if refused:
            head += f" ({', '.join(refused)} refused)"
        parts = [head, self._quality_verdict(ran), self._energy_verdict(ran)]
        return "; ".join(part for part in parts if part) + "."

    def _quality_verdict(self, ran: Sequence[Row]) -> str:
        solved = [row.run for row in ran if row.run is not None and row.run.solution is not None]
        feasible = [one for one in solved if one.solution and one.solution.feasible]
        if solved and not feasible:
            return "no machine handed over a feasible answer"
        if self.schedule.kind == "sample":
            errors = {row.machine: row.run.errors for row in ran if row.run and row.run.errors}
            if not errors:
                return ""
            judged = {name: one for name, one in errors.items() if one.faithful is not None}
            off = {name: one for name, one in judged.items() if not one.faithful}
            text = f"{len(judged) - len(off)} of {len(ran)} match the exact law as closely as chance allows"
            if off:
                worst = max(off, key=lambda name: off[name].total)
                text += f", {worst} is off by {report.times(off[worst].total)} ({off[worst].measure})"
            undecided = [row for row in ran if row.machine not in judged]
            unknown = {row.machine: note for row in undecided if (note := _unknown_law(row.run))}
            rest = [row.machine for row in undecided if row.machine not in unknown]
            if rest:
                text += f", {', '.join(rest)} cannot be judged (not converged, or out of reach of enumeration)"
            for name, note in unknown.items():
                text += f", {name} cannot be judged (its law is not known: {note})"
            return text
        if not solved:
            return ""
        unit = solved[0].solution.unit if solved[0].solution else ""
        objectives = [one.solution.objective for one in feasible if one.solution and one.solution.objective is not None]
        if not objectives:
            return ""
        best = min(objectives) if self.problem is None or self.problem.sense == "min" else max(objectives)
        reached = sum(np.isclose(value, best) for value in objectives)
        return f"best answer {best:.4g} {unit}".rstrip() + f", reached by {reached} of {len(ran)}"

    def _energy_verdict(self, ran: Sequence[Row]) -> str:
        names = [row.machine for row in ran]
        pairs = [(found, a, b) for a, b in permutations(names, 2) if (found := self.ratio(a, b)) is not None]
        sure = [pair for pair in pairs if pair[0].high < 1]
        if sure:
            best, a, b = min(sure, key=lambda pair: pair[0].high)
            evidence = best.evidence.value if best.evidence else "unknown"
            text = (
                f"{self._called(a)} needs {report.times(1 / best)} times fewer {best.metric} than {self._called(b)} "
                f"at the {best.boundary} boundary (range {report.times(1 / best.high)} to "
                f"{report.times(1 / best.low)}; weakest evidence: {evidence})"
            )
        elif pairs:
            text = "for no two machines do the ranges tell which needs fewer joules"
        else:
            text = "no ratio of joules can be stated" if len(names) > 1 else ""
        waiting = [row.machine for row in ran if row.ledger and row.ledger.joules is None and row.ledger.without_idle]
        if waiting:
            text += f"; no total for {', '.join(waiting)}, whose standby power is not stated"
        return text

    def _called(self, machine: str) -> str:
        illustrative = self.runs[machine].record["machine"]["illustrative"]
        return f"{machine} (illustrative)" if illustrative else machine

    def _distance(self, row: Row) -> dict[str, Any] | None:
        """The three errors of a row, and its histogram where there are few states."""
        if row.run is None or row.run.errors is None:
            return None
        errors = row.run.errors
        found: dict[str, Any] = {
            "kind": f"{errors.measure}, draws against the exact law of the model as posed",
            "value": errors.total,
            "floor": errors.floor,
            "allowed": errors.allowed,
            "converged": errors.converged,
            "faithful": errors.faithful,
            "mapping": errors.mapping,
            "clock": errors.clock,
            "sampling": errors.sampling,
        }
        if self.model.domain == "spin" and self.model.n <= 6:
            clamp = {int(site): value for site, value in row.run.record["clamp"].items()}
            posed = ideal_law(self.model, row.run.schedule.beta, clamp)
            found |= {
                "states": exact(self.model).states,
                "exact": law_table(posed, self.model.n),
                "sampled": histogram(row.run.states),
            }
        return found

    def to_dict(self) -> dict[str, Any]:
        """The whole comparison as JSON-ready values: the one document every report is made from."""
        return plain(
            {
                "schema": SCHEMA,
                "title": self.name,
                "model": {
                    "kind": type(self.model).__name__,
                    "sites": self.model.n,
                    "fingerprint": self.model.fingerprint(),
                },
                "problem": None
                if self.problem is None
                else {
                    "name": self.problem.name,
                    "sense": self.problem.sense,
                    "unit": self.problem.unit,
                    "optimum": self.problem.optimum,
                },
                "schedule": _schedule(self.schedule),
                "seed": self.seed,
                "boundary": self.boundary,
                "boundary_note": self.boundary_note,
                "uplifts": {name: {b: str(u) for b, u in given.items()} for name, given in self.uplifts.items()},
                "metric": self.metric,
                "goal": self.goal,
                "verdict": self.verdict(),
                "rows": [self._row(row) for row in self.rows],
                "ratios": self._ratios(),
            }
        )

    def _row(self, row: Row) -> dict[str, Any]:
        entry: dict[str, Any] = {"machine": row.machine, "title": row.title, "refusal": list(row.refusal)}
        if row.run is None or row.ledger is None:
            return entry
        one, ledger = row.run, row.ledger
        native = price(one)
        solution = one.solution
        entry["answer"] = {
            "best_energy": one.best_energy,
            "text": None if solution is None else str(solution),
            "feasible": None if solution is None else solution.feasible,
            "objective": None if solution is None else solution.objective,
            "violations": {} if solution is None else dict(solution.violations),
            "gap": None if solution is None else solution.gap,
            "valid_fraction": None if solution is None else solution.valid_fraction,
        }
        picture = None
        if self.problem is not None and solution is not None:
            picture = self.problem.picture(solution)
        entry["picture"] = picture
        entry["trace"] = _thinned(one)
        entry["distance"] = self._distance(row)
        diagnosis = row.diagnosis
        entry["sampling"] = (
            None
            if diagnosis is None
            else {
                "worst": diagnosis.worst,
                "worst_ess": diagnosis.worst_ess,
                "worst_tau_int": diagnosis.worst_tau_int,
                "worst_r_hat": diagnosis.worst_r_hat,
                "converged": diagnosis.converged,
                "warnings": list(diagnosis.warnings),
            }
        )
        entry["schedule"] = _schedule(one.schedule)
        entry["illustrative"] = one.record["machine"]["illustrative"]
        entry["device_time_s"] = one.device_time_s
        entry["phases"] = dict(one.phases)
        entry["timeline"] = one.timeline
        entry["wall_time_s"] = one.wall_time_s
        entry["counts"] = dict(one.counts)
        entry["notes"] = one.record["notes"]
        entry["sources"] = one.record["machine"]["sources"]
        entry["unchecked"] = one.record["machine"]["unchecked"]
        entry["catalogue_date"] = one.record["machine"]["catalogue_date"]
        entry["joules"] = {
            "at_boundary": ledger.to_dict(),
            "stated": native.to_dict(),
            "per_sample": native.per_sample,
            "quality": self._quality(row.machine),
        }
        return entry

    def _quality(self, machine: str) -> dict[str, Any]:
        found = self.quality(machine)
        low, high = found.ends()
        return {
            "joules": found.joules,
            "low": None if found.joules is None else found.joules * low,
            "high": None if found.joules is None else found.joules * high,
            "at_least": found.at_least,
            "boundary": found.boundary,
            "full_batch": found.full_batch,
            "evidence": None if found.evidence is None else found.evidence.value,
            "reason": found.reason,
        }

    def _ratios(self) -> list[dict[str, Any]]:
        ratios = []
        names = list(self.runs)
        for k, a in enumerate(names):
            for b in names[k + 1 :]:
                found, why = self._ratio(a, b)
                ratios.append(
                    {
                        "a": a,
                        "b": b,
                        "value": None if found is None else float(found),
                        "low": None if found is None else found.low,
                        "high": None if found is None else found.high,
                        "boundary": None if found is None else found.boundary,
                        "evidence": None if found is None or found.evidence is None else found.evidence.value,
                        "reason": why,
                    }
                )
        return ratios

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the comparison as JSON: a `pbits-report/1` file that holds one `pbits-comparison/1` document."""
        return report.write_text(path, report.to_json([self.to_dict()]))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a self-contained HTML report."""
        return report.write_text(path, report.to_html([self.to_dict()]))

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write one row per machine."""
        return report.write_text(path, report.to_csv([self.to_dict()]))

    def to_markdown(self) -> str:
        """The table of machines in GitHub's Markdown."""
        return report.to_markdown([self.to_dict()])

    def to_latex(self) -> str:
        """The table of machines as a LaTeX booktabs fragment."""
        return report.to_latex([self.to_dict()])

    def __str__(self) -> str:
        return self.to_markdown()


def compare(
    problem: Problem | EnergyModel,
    machines: Sequence[str | Substrate],
    schedule: Schedule | None = None,
    *,
    seed: int | None = None,
    chip_seed: int = 0,
    boundary: str | None = None,
    uplifts: Uplifts | None = None,
    goal: float | None = None,
    progress: Callable[[str], None] | None = None,
    sweeps: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run one problem, unchanged, on several machines and account for each.

    Parameters
    ----------
    problem : Problem or EnergyModel
    machines : sequence of names or Substrate objects
        A machine that cannot hold the problem gets a row with its reasons.
    schedule : Schedule, optional
        The same for all. By default each machine gets what `suggested_schedule` says for it.
    seed : int, optional
        The same for all; drawn and recorded when absent.
    boundary : str, optional
        One of cell, core, chip, board, wall, facility. By default the lowest that every priced machine can
        state, catalogue uplifts applied; where there is none, each machine is shown at its own boundary and no
        ratio is drawn across boundaries.
    uplifts : mapping, optional
        {machine: {boundary: {"factor": …, "power_w": …}}}: your own, printed with the result.
    goal : float, optional
        For anneals: the objective (or, for a plain model, the energy) that counts as solved. By default the
        problem's own goal, else the best that any machine handed over.
    progress : callable, optional
        Gets the name of each machine before it runs.
    sweeps : callable, optional
        Gets (steps done, steps in all) of the machine that runs.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        For no machines, an unknown name, or one machine named twice.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> both = pbits.compare(pair, ["ideal", "fpga-kv260"], pbits.Schedule(n_samples=200), seed=1)
    >>> [row.machine for row in both.rows], both.ratio("ideal", "fpga-kv260")
    (['ideal', 'fpga-kv260'], None)
    """
    if isinstance(machines, str):
        raise TypeError(f"machines is {machines!r}; give a list of machines, such as [{machines!r}]")
    if not machines:
        raise ValueError("compare needs at least one machine; see pbits.available()")
    substrates = [one if isinstance(one, Substrate) else load(one) for one in machines]
    names = [one.name for one in substrates]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"{', '.join(sorted(repeated))} is named more than once; name each machine once")
    seed = fresh_seed() if seed is None else seed
    uplifts = dict(uplifts or {})
    strangers = set(uplifts) - set(names)
    if strangers:
        raise ValueError(f"uplifts are given for {', '.join(sorted(strangers))}, not in this comparison")
    posed = problem if isinstance(problem, Problem) else None
    common = schedule or suggested_schedule(problem)
    drafts: list[Row] = []
    for substrate in substrates:
        title = substrate.describe()["title"]
        if progress is not None:
            progress(substrate.name)
        try:
            one = run(problem, substrate, schedule, seed=seed, chip_seed=chip_seed, progress=sweeps or False)
        except NotMappable as refusal:
            drafts.append(Row(machine=substrate.name, title=title, refusal=refusal.reasons))
            continue
        diagnosis = diagnose(one) if one.schedule.kind == "sample" else None
        drafts.append(Row(machine=substrate.name, title=title, run=one, diagnosis=diagnosis))
    runs = [row.run for row in drafts if row.run is not None]
    priced = [one for one in runs if one.prices is not None]
    if boundary is None:
        boundary = _common_boundary(priced, uplifts)
        note = (
            f"{boundary}: the lowest boundary that every priced machine can state"
            if boundary
            else "none can be stated for all machines: each is shown at the boundary of its own prices"
        )
    else:
        note = f"{boundary}: as asked for"
    rows = [row if row.run is None else replace(row, ledger=_account(row.run, boundary, uplifts)) for row in drafts]
    return Comparison(
        name=posed.name if posed is not None else repr(problem),
        model=posed.to_model() if posed is not None else problem,  # pyright: ignore[reportArgumentType]
        schedule=common,
        seed=seed,
        boundary=boundary,
        boundary_note=note,
        goal=_goal(posed, runs, goal) if common.kind == "anneal" else None,
        rows=tuple(rows),
        problem=posed,
        uplifts=uplifts,
    )


def _account(one: Run, boundary: str | None, uplifts: Uplifts) -> EnergyLedger:
    return price(one, boundary=boundary, uplifts=uplifts.get(one.machine))


def _common_boundary(runs: Sequence[Run], uplifts: Uplifts) -> str | None:
    """The lowest boundary at which every run has a total."""
    if not runs:
        return None
    for boundary in BOUNDARIES:
        if all(_account(one, boundary, uplifts).joules is not None for one in runs):
            return boundary
    return None


def _goal(problem: Problem | None, runs: Sequence[Run], goal: float | None) -> float | None:
    if goal is not None or not runs:
        return goal
    if problem is None:
        return min(float(one.energies.min()) for one in runs)
    if problem.goal is not None:
        return problem.goal
    scores = [one.solution.objective for one in runs if one.solution and one.solution.objective is not None]
    if not scores:
        return None
    return min(scores) if problem.sense == "min" else max(scores)


def _apart(first: Quality, second: Quality, *, chance: bool) -> tuple[float, float]:
    """Factors to the ends of a ratio: independent factors f_i join as exp √Σ (ln f_i)².

    Prices and times of one machine are taken at their ends together; those of two machines, and chance, are
    independent.
    """
    down = [first.prices[0], 1 / second.prices[1]]
    up = [first.prices[1], 1 / second.prices[0]]
    if chance:
        down += [first.chance[0], 1 / second.chance[1]]
        up += [first.chance[1], 1 / second.chance[0]]
    return (
        float(np.exp(-np.sqrt(np.sum(np.log(down) ** 2)))),
        float(np.exp(np.sqrt(np.sum(np.log(up) ** 2)))),
    )


def _schedule(schedule: Schedule) -> dict[str, Any]:
    stated = {key: value for key, value in schedule.to_dict().items() if value is not None}
    return {"kind": schedule.kind, "steps": schedule.total_steps, **stated}


def _repeats_spread(successes: int, trials: int) -> tuple[float, float]:
    """Factors on the repeats to a solution at the ends of the 95 % interval of the success probability."""
    low, high = success_interval(successes, trials)
    repeats = repeats_to_target(successes / trials)
    return repeats_to_target(high) / repeats, repeats_to_target(low) / repeats


def _tau_spread(tau: float, draws: int) -> tuple[float, float]:
    """Factors on τ_int two standard errors down and up; σ_τ/τ ≈ √(2(2W + 1)/N) with a window W = 5τ (Sokal)."""
    spread = min(0.9, 2 * float(np.sqrt(2 * (10 * tau + 1) / draws)))
    return 1 - spread, 1 + spread


def _unknown_law(one: Run | None) -> str:
    """Why the law of a run that was not judged is not known; empty where it is, or nothing is told."""
    law = {} if one is None or one.errors is not None else one.record.get("law", {})
    return law["note"] if law.get("kind") == "unknown" else ""


def _thinned(one: Run) -> dict[str, Any]:
    """Energies against sweep: mean and extremes over chains, at most some hundred points."""
    steps, energies = one.trace.steps, one.trace.energies
    picked = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), TRACE_POINTS)).astype(int))
    return {
        "sweeps": steps[picked].tolist(),
        "mean": energies[:, picked].mean(axis=0).tolist(),
        "lowest": energies[:, picked].min(axis=0).tolist(),
        "highest": energies[:, picked].max(axis=0).tolist(),
    }
