"""Runs of one problem on several machines, and what can be said of them."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pbits import report
from pbits.accounts import Account
from pbits.comparison import document, fronts, quality, verdict
from pbits.comparison.fronts import Curve, Front, Progress, Target
from pbits.comparison.quality import Quality, Ratio
from pbits.diagnostics import Diagnosis, Observables
from pbits.errors import TOLERANCE
from pbits.ledger import EnergyLedger, batch_share, price
from pbits.models import EnergyModel
from pbits.parameters import BOUNDARIES, Evidence, Uplift
from pbits.problems.base import Problem
from pbits.result import Run
from pbits.schedule import Schedule
from pbits.usage import Usage

Uplifts = Mapping[str, Mapping[str, Uplift | Mapping[str, float]]]

MOST_REALS = 128
"""Distances of reals are drawn up to this many sites where nobody asks for them: they take n² numbers for each draw."""

NOT_CONVERGED = "the chains have not converged"


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
    usage : mapping of machine to Usage
        What is charged to a run besides the run, where the user said so.
    observables : mapping, optional
        What effective samples are counted of; by default the energy and every site.
    target : Target, optional
        The distance or score that joules are counted to, instead of joules per effective sample.
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
    usage: Mapping[str, Usage] = field(default_factory=dict)
    observables: Observables | None = None
    target: Target | None = None
    _found: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

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
        if self.schedule.kind == "anneal":
            return "joules per solution"
        if self.target is None:
            return "joules per effective sample"
        return f"joules to {self.target.aim}"

    def quality(self, machine: str, boundary: str | None = None) -> Quality:
        """What a machine needs per solution (anneals), per effective sample or to the target (sampling), and how sure
        that is.

        A processor is charged its share of a batch that fills it, so that the number of chains, which the user
        chose, does not decide how well it looks.

        Parameters
        ----------
        machine : str
        boundary : str, optional
            By default that of the comparison, or the machine's own where the comparison has none.

        Raises
        ------
        ValueError
            For a machine that is not here, or that refused the problem.
        """
        self._check(machine)
        if machine not in self.runs:
            raise ValueError(f"{machine} refused the problem, so it has spent nothing")
        key = "quality", machine, boundary
        if key not in self._found:
            self._found[key] = self._quality(machine, boundary)
        return self._found[key]

    def ratio(self, a: str, b: str) -> Ratio | None:
        """Joules of machine a ÷ joules of machine b by `metric`, or None where no ratio is known.

        `why_no_ratio` says why. Joules per effective sample are divided only where both machines sample the law as
        posed as closely as chance allows, or where neither can be judged, as `Ratio.quality` then says; where one of
        them is off, `front` shows both.
        """
        return self._ratio(a, b)[0]

    def why_no_ratio(self, a: str, b: str) -> str:
        """Why `ratio(a, b)` is None; empty where it is not."""
        return self._ratio(a, b)[1]

    @cached_property
    def front_target(self) -> Target | None:
        """What `front` shows of sampling: the target, or the distance to the exact law where it can be written down."""
        if self.target is not None or self.schedule.kind == "anneal" or not self.runs:
            return self.target
        if self.model.domain == "real" and self.model.n > MOST_REALS:
            return None
        return distance_target(next(iter(self.runs.values())), None)

    def front(self) -> Front | None:
        """Quality against joules, machine by machine, for those whose joules are known.

        Sampling: the target's score, or else the distance to the exact law, after 1, 2, 4, … draws of each chain.
        Anneals: the lowest energy passed so far, mean over chains, above the best of all machines; a state that was
        passed need not have been handed over. None where no curve can be drawn.
        """
        if "front" not in self._found:
            self._found["front"] = self._front()
        return self._found["front"]

    def verdict(self) -> str:
        """What was found and how sure that is, in one sentence."""
        return verdict.of(self)

    def why_not_equal(self, a: str, b: str) -> str:
        """Why joules per effective sample of two machines do not compare; empty where they do, or by another metric."""
        if self.metric != "joules per effective sample" or self._same(a, b):
            return ""
        judged = {name: self.faithful(name) for name in (a, b)}
        off = [
            f"{name} does not sample the law as posed: {why}" for name, (is_so, why) in judged.items() if is_so is False
        ]
        if off:
            shown = "; the front shows what each reaches" if self.front_target is not None else ""
            return "; ".join(off) + shown
        if judged[a][0] is not judged[b][0]:
            known, unknown = (a, b) if judged[a][0] else (b, a)
            return f"{known} samples the law as posed, and {unknown} cannot be judged: {judged[unknown][1]}"
        return ""

    def faithful(self, machine: str) -> tuple[bool | None, str]:
        """Whether a machine samples the law as posed, None where it cannot be judged; and why it is not so.

        By the distance to the exact law; where that cannot be written down, a slope of spins on their conditional means
        that is further from 1 than 0.01, and than three half-widths of its 95 % interval, tells the same.
        """
        run = self.runs[machine]
        errors, obeyed = run.errors, run.conditionals
        if errors is not None and errors.faithful is False:
            own = errors.mapping + (errors.clock or 0.0) + errors.reading
            if own > TOLERANCE:
                return False, f"by itself it is off by {own:.2g} ({errors.measure}), and {TOLERANCE:g} is allowed"
            return False, f"it is off by {errors.total:.2g} ({errors.measure}), and chance allows {errors.allowed:.2g}"
        if errors is not None:
            return errors.faithful, "" if errors.faithful else "too few effective samples"
        if obeyed is not None and obeyed.beta is not None:
            low, high = obeyed.slope_interval
            if abs(obeyed.slope - 1) > max(TOLERANCE, 1.5 * (high - low)):
                return False, f"its spins follow their conditional means with a slope of {obeyed.slope:.3g}, not 1"
        law = run.record.get("law", {})
        if law.get("kind") == "unknown":
            return None, f"its law is not known ({law['note']})"
        return None, "its law is out of reach of enumeration"

    def to_dict(self) -> dict[str, Any]:
        """The whole comparison as JSON-ready values: the one document every report is made from."""
        return document.of(self)

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the comparison as JSON: a `pbits-report/1` file that holds one `pbits-comparison/1` document."""
        return report.write_text(path, report.to_json([self.to_dict()]))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a self-contained HTML report."""
        return report.write_text(path, report.to_html([self.to_dict()]))

    def figures(self, folder: str | os.PathLike[str], formats: Sequence[str] = ("svg", "pdf")) -> list[Path]:
        """Write each figure of the report to a folder, for a paper."""
        return report.save_figures([self.to_dict()], folder, formats)

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

    def _check(self, machine: str) -> None:
        if machine not in {row.machine for row in self.rows}:
            known = ", ".join(row.machine for row in self.rows)
            raise ValueError(f"no machine {machine!r} in this comparison; it has {known}")

    def _ledger(self, machine: str, boundary: str | None, usage: Usage | None = None) -> EnergyLedger:
        return price(
            self.runs[machine],
            boundary or self.boundary,
            uplifts=self.uplifts.get(machine),
            full_batch=True,
            usage=usage or self.usage.get(machine),
        )

    def _quality(self, machine: str, boundary: str | None) -> Quality:
        run, ledger = self.runs[machine], self._ledger(machine, boundary)
        share, at_least, reason = self._share(machine, ledger, self._programming(machine, boundary))
        batch = run.full_batch_time
        _, _, alone = self.usage.get(machine, Usage()).shared({}, {}, run.device_time, run.programming)
        full_batch = batch is not None and batch.value is not None
        taken = alone if batch is None or not full_batch else batch_share(batch, run.device_time, alone)
        seconds = quality.device_seconds(taken, machine)
        of_time, _, _ = self._share(machine, ledger, self._programming_time(machine))
        account = None if share is None or ledger.account is None else ledger.account * share
        return Quality(
            at_least=None if account is not None else at_least,
            account=account,
            time=None if of_time is None or seconds is None else seconds * of_time,
            boundary=ledger.boundary,
            full_batch=full_batch,
            evidence=ledger.evidence,
            reason="; ".join(ledger.reasons) or reason,
        )

    def _share(
        self, machine: str, ledger: EnergyLedger, programming: float
    ) -> tuple[Account | None, float | None, str]:
        """Runs per answer, or a bound on the joules of an answer and why there is no more."""
        run = self.runs[machine]
        names = " and ".join(name for name in self.runs if self._same(machine, name))
        group = f"draws {self._digest(machine)}"
        if self.schedule.kind == "anneal":
            if self.goal is None:
                return None, None, "nothing counts as solved"
            goal: dict[str, Any] = {"objective" if self.scored else "target": self.goal}
            successes, trials = run.success_fraction(**goal)
            if not successes:
                return None, ledger.per_solution_at_least(**goal), "no chain reached the goal"
            return quality.runs_per_solution(successes, trials, names, group), None, ""
        if self.target is not None:
            progress = self._progress(machine)
            needed = fronts.reached(progress, self.target)
            if not len(progress.steps):
                return None, None, "its draws are too few to tell, or were not kept"
            if needed is None:
                reason = f"all its draws together come to a {self.target.name} of {progress.quality[-1]:.3g}"
                return None, ledger.lower_bound, reason
            return quality.runs_to_target(needed, *_parts(run, programming), names, group), None, ""
        found = next(row.diagnosis for row in self.rows if row.machine == machine)
        assert found is not None
        if found.worst is None or found.worst_tau_int is None:
            return None, None, NOT_CONVERGED
        share = quality.runs_per_effective_sample(found.worst_tau_int, run.n_samples, found.worst, names, group)
        if found.converged:
            return share, None, ""
        # Chains that disagree have fewer effective samples than they seem to have.
        least = None if ledger.lower_bound is None else ledger.lower_bound * share.inputs["tau_int"].low / run.n_samples
        return None, least, NOT_CONVERGED

    def _programming(self, machine: str, boundary: str | None) -> float:
        """The share of the joules of a run that the next run of the same model would not spend again."""
        whole = self._ledger(machine, boundary).joules
        forever = replace(self.usage.get(machine, Usage()), runs_per_programming=math.inf)
        later = self._ledger(machine, boundary, forever).joules
        return 1 - later / whole if whole and later is not None else 0.0

    def _programming_time(self, machine: str) -> float:
        run = self.runs[machine]
        once = None if run.programming is None else run.programming.seconds.value
        return once / run.device_time_s if once and run.device_time_s else 0.0

    def _ratio(self, a: str, b: str) -> tuple[Ratio | None, str]:
        key = "ratio", a, b
        if key not in self._found:
            self._found[key] = self._divided(a, b)
        return self._found[key]

    def _divided(self, a: str, b: str) -> tuple[Ratio | None, str]:
        for name in (a, b):
            self._check(name)
            if name not in self.runs:
                refusal = next(row.refusal for row in self.rows if row.machine == name)
                return None, f"{name} refused the problem: {'; '.join(refusal)}"
        boundary = self.boundary or common_boundary({name: self.runs[name] for name in (a, b)}, self.uplifts)
        if boundary is None:
            return None, f"no boundary can be stated for both {a} and {b}: {self._missing(a, b)}"
        first, second = (self.quality(name, boundary) for name in (a, b))
        if first.account is None or second.account is None:
            lacking, found = (a, first) if first.account is None else (b, second)
            return None, f"{lacking}: {found.reason}"
        if why := self.why_not_equal(a, b):
            return None, why
        return Ratio(
            first.account / second.account,
            metric=self.metric,
            boundary=boundary,
            evidence=Evidence.weakest(one.evidence for one in (first, second) if one.evidence is not None),
            quality=self._equal(a, b),
        ), ""

    def _equal(self, a: str, b: str) -> str:
        if self.schedule.kind == "anneal":
            return "the same goal"
        if self.target is not None:
            return f"the same {self.target.name}"
        if self._same(a, b):
            return "the same draws"
        if self.faithful(a)[0]:
            return "both sample the law as posed as closely as chance allows"
        return f"not judged; {a}: {self.faithful(a)[1]}; {b}: {self.faithful(b)[1]}"

    def _same(self, a: str, b: str) -> bool:
        """Whether two machines made the same draws, so that what chance did to one it did to the other."""
        return self._digest(a) == self._digest(b)

    def _digest(self, machine: str) -> str:
        key = "digest", machine
        if key not in self._found:
            draws = hashlib.blake2b(digest_size=6)
            for array in (self.runs[machine].energies, self.runs[machine].states):
                draws.update(np.ascontiguousarray(array).tobytes())
            self._found[key] = draws.hexdigest()
        return self._found[key]

    @property
    def scored(self) -> bool:
        """Whether the goal is an objective, and not an energy."""
        return self.problem is not None or scored(self.runs.values())

    def _progress(self, machine: str) -> Progress:
        key = "progress", machine
        if key not in self._found:
            run, target = self.runs[machine], self.front_target
            if target is None:
                self._found[key] = fronts.progress_of_anneal(run, min(one.best_energy for one in self.runs.values()))
            else:
                self._found[key] = fronts.progress_of_draws(run, target)
        return self._found[key]

    def _front(self) -> Front | None:
        target = self.front_target
        if target is None and self.schedule.kind == "sample":
            return None
        curves = []
        for name in self.runs:
            ledger = self._ledger(name, None)
            if ledger.joules is None or ledger.boundary is None:
                continue
            progress = self._progress(name)
            if not len(progress.steps):
                continue
            before, each = _parts(self.runs[name], self._programming(name, None))
            joules = ledger.joules * (before + each * progress.steps.astype(np.float64))
            curves.append(Curve(machine=name, boundary=ledger.boundary, joules=joules, progress=progress))
        if not curves:
            return None
        return Front(
            y="lowest energy so far above the best of all, mean over chains" if target is None else target.name,
            lower_is_better=target is None or target.lower_is_better,
            target=None if target is None else target.reach,
            curves=tuple(curves),
        )

    def _missing(self, a: str, b: str) -> str:
        for name in (a, b):
            own = price(self.runs[name])
            if own.joules is None:
                return f"{name}: {'; '.join(own.reasons)}"
        where = " and ".join(
            f"{name} at the {prices.boundary}" for name in (a, b) if (prices := self.runs[name].prices) is not None
        )
        return f"prices are stated for {where}, and no complete uplift joins them"


def _parts(run: Run, programming: float) -> tuple[float, float]:
    """Shares of a run that come before its first draw (or sweep), and with each: programming, then all by sweeps."""
    if run.schedule.kind == "anneal":
        return programming, (1 - programming) / float(run.trace.steps[-1])
    once, steps = programming, run.schedule.total_steps
    return once + (1 - once) * run.schedule.n_warmup / steps, (1 - once) * run.schedule.steps_per_sample / steps


def distance_target(run: Run, reach: float | None) -> Target | None:
    """The distance to the exact law of the model that a run was posed; None where it cannot be written down."""
    if run.record.get("clamped_by_chain"):
        return None
    clamp = {int(site): value for site, value in run.record["clamp"].items()}
    score = fronts.law_distance(run.model, float(run.schedule.beta), clamp)
    if score is None:
        return None
    aim = "" if reach is None else f"come within {reach:g} of the exact law"
    return Target(name="distance to the exact law", score=score, reach=reach, lower_is_better=True, least=0.0, aim=aim)


def scored(runs: Iterable[Run]) -> bool:
    """Whether every run has scores of a problem."""
    return all(run.objectives is not None and run.solution is not None for run in runs)


def common_boundary(runs: Mapping[str, Run], uplifts: Uplifts) -> str | None:
    """The lowest boundary at which every run has a total."""
    if not runs:
        return None
    for boundary in BOUNDARIES:
        if all(price(run, boundary, uplifts=uplifts.get(name)).joules is not None for name, run in runs.items()):
            return boundary
    return None
