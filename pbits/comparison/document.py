"""A comparison as one document of plain values, from which every report is made."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from pbits import report
from pbits.errors import histogram, ideal_law, law_table
from pbits.ledger import price
from pbits.parameters import Parameter, Uplift
from pbits.plain import plain
from pbits.reference import exact
from pbits.result import Run
from pbits.schedule import Schedule

if TYPE_CHECKING:
    from pbits.comparison.comparison import Comparison, Row

SCHEMA = "pbits-comparison/1"
TRACE_POINTS = 200


def of(comparison: Comparison) -> dict[str, Any]:
    """The document."""
    problem, model, front = comparison.problem, comparison.model, comparison.front()
    return plain(
        {
            "schema": SCHEMA,
            "title": comparison.name,
            "model": {"kind": type(model).__name__, "sites": model.n, "fingerprint": model.fingerprint()},
            "problem": None
            if problem is None
            else {"name": problem.name, "sense": problem.sense, "unit": problem.unit, "optimum": problem.optimum},
            "schedule": _schedule(comparison.schedule),
            "seed": comparison.seed,
            "boundary": comparison.boundary,
            "boundary_note": comparison.boundary_note,
            "uplifts": {
                name: {boundary: _uplift(one) for boundary, one in given.items()}
                for name, given in comparison.uplifts.items()
            },
            "usage": {name: str(one) for name, one in comparison.usage.items()},
            "metric": comparison.metric,
            "goal": comparison.goal,
            "target": None if comparison.target is None else comparison.target.to_dict(),
            "observables": None if comparison.observables is None else list(comparison.observables),
            "verdict": comparison.verdict(),
            "rows": [_row(comparison, row) for row in comparison.rows],
            "ratios": [_ratio(comparison, a, b) for a, b in combinations(comparison.runs, 2)],
            "front": None if front is None else front.to_dict(),
        }
    )


def _row(comparison: Comparison, row: Row) -> dict[str, Any]:
    entry: dict[str, Any] = {"machine": row.machine, "title": row.title, "refusal": list(row.refusal)}
    if row.run is None or row.ledger is None:
        return entry
    one, ledger, diagnosis = row.run, row.ledger, row.diagnosis
    native = price(one)
    solution, machine = one.solution, one.record["machine"]
    return entry | {
        "answer": {
            "best_energy": one.best_energy,
            "text": None if solution is None else str(solution),
            "feasible": None if solution is None else solution.feasible,
            "objective": None if solution is None else solution.objective,
            "violations": {} if solution is None else dict(solution.violations),
            "gap": None if solution is None else solution.gap,
            "valid_fraction": None if solution is None else solution.valid_fraction,
        },
        "picture": None if comparison.problem is None or solution is None else comparison.problem.picture(solution),
        "trace": _thinned(one),
        "distance": _distance(comparison, one),
        "sampling": None
        if diagnosis is None
        else {
            "worst": diagnosis.worst,
            "worst_ess": diagnosis.worst_ess,
            "worst_tau_int": diagnosis.worst_tau_int,
            "worst_r_hat": diagnosis.worst_r_hat,
            "converged": diagnosis.converged,
            "warnings": list(diagnosis.warnings),
        },
        "schedule": _schedule(one.schedule),
        "seed": one.record["seed"],
        "illustrative": machine["illustrative"],
        "device_time_s": one.device_time_s,
        "phases": dict(one.phases),
        "timeline": one.timeline,
        "wall_time_s": one.wall_time_s,
        "counts": dict(one.counts),
        "notes": one.record["notes"],
        "sources": machine["sources"],
        "unchecked": machine["unchecked"],
        "catalogue_date": machine["catalogue_date"],
        "joules": {
            "at_boundary": ledger.to_dict(),
            "stated": native.to_dict(),
            "per_sample": native.per_sample,
            "quality": comparison.quality(row.machine).to_dict(),
        },
    }


def _distance(comparison: Comparison, run: Run) -> dict[str, Any] | None:
    """The three errors of a run, and its histogram where there are few states."""
    if run.errors is None:
        return None
    errors, model = run.errors, comparison.model
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
    if model.domain == "spin" and model.n <= 6:
        clamp = {int(site): value for site, value in run.record["clamp"].items()}
        posed = ideal_law(model, run.schedule.beta, clamp)
        found |= {
            "states": exact(model).states,
            "exact": law_table(posed, model.n),
            "sampled": histogram(run.states),
        }
    return found


def _ratio(comparison: Comparison, a: str, b: str) -> dict[str, Any]:
    found = comparison.ratio(a, b)
    entry: dict[str, Any] = {"a": a, "b": b, "reason": comparison.why_no_ratio(a, b)}
    if found is None:
        unknown = ("value", "median", "low", "high", "probability_below_1", "boundary", "evidence", "quality", "seed")
        return entry | dict.fromkeys(unknown) | {"tornado": [], "account": None}
    return entry | {
        "value": float(found),
        "median": found.median,
        "low": found.low,
        "high": found.high,
        "probability_below_1": found.probability,
        "boundary": found.boundary,
        "evidence": None if found.evidence is None else found.evidence.value,
        "quality": found.quality,
        "seed": found.spread.seed,
        "tornado": [swing.to_dict() for swing in found.tornado],
        # At a common boundary it is the quotient of the accounts of the two rows, which need not be written again.
        "account": None if comparison.boundary else found.account.to_dict(),
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    stated = {key: value for key, value in schedule.to_dict().items() if value is not None}
    return {"kind": schedule.kind, "steps": schedule.total_steps, **stated}


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


def _uplift(given: Uplift | Mapping[str, Any]) -> str:
    """An uplift of the user's in words: "× 1.15, 20 W"."""
    parts = vars(given) if isinstance(given, Uplift) else {"factor": given.get("factor"), "power": given.get("power_w")}
    told = []
    for name, part in parts.items():
        if part is None:
            continue
        values = [part.value] if isinstance(part, Parameter) else part if isinstance(part, list | tuple) else [part]
        text = " to ".join(report.number(value) for value in values)
        told.append(f"× {text}" if name == "factor" else f"{text} W")
    return ", ".join(told)
