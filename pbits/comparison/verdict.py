"""What a comparison found and how sure that is, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from pbits import report
from pbits.parameters import BOUNDARIES
from pbits.report.costs import tier
from pbits.result import Run

if TYPE_CHECKING:
    from pbits.comparison.comparison import Comparison, Row
    from pbits.comparison.quality import Ratio


def of(comparison: Comparison) -> str:
    """The verdict."""
    ran = [row for row in comparison.rows if row.run is not None]
    head = f"{comparison.name}: {len(ran)} of {len(comparison.rows)} machines ran"
    refused = [row.machine for row in comparison.rows if row.run is None]
    if refused:
        head += f" ({', '.join(refused)} refused)"
    parts = [head, _quality(comparison, ran), _energy(comparison, ran)]
    return "; ".join(part for part in parts if part) + "."


def _quality(comparison: Comparison, ran: Sequence[Row]) -> str:
    solved = [row.run for row in ran if row.run is not None and row.run.solution is not None]
    feasible = [one for one in solved if one.solution and one.solution.feasible]
    if solved and not feasible:
        return "no machine handed over a feasible answer"
    if comparison.schedule.kind == "sample":
        return _laws(ran)
    if not feasible or not feasible[0].solution:
        return ""
    unit, sense = feasible[0].solution.unit, feasible[0].solution.sense
    objectives = [one.solution.objective for one in feasible if one.solution and one.solution.objective is not None]
    if not objectives:
        return ""
    best = min(objectives) if sense == "min" else max(objectives)
    reached = sum(np.isclose(value, best) for value in objectives)
    return f"best answer {best:.4g} {unit}".rstrip() + f", reached by {reached} of {len(ran)}"


def _laws(ran: Sequence[Row]) -> str:
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


def _energy(comparison: Comparison, ran: Sequence[Row]) -> str:
    names = [row.machine for row in ran]
    pairs = {(a, b): found for a, b in permutations(names, 2) if (found := comparison.ratio(a, b)) is not None}
    if pairs:
        text = _against_the_strongest(comparison, pairs) or _surest(comparison, pairs)
        text += _left_out(comparison)
    else:
        text = _no_ratio(comparison, names) if len(names) > 1 else ""
    waiting = [row.machine for row in ran if row.ledger and row.ledger.joules is None and row.ledger.without_idle]
    if waiting:
        text += f"; no total for {', '.join(waiting)}, whose standby power is not stated"
    return text


def _no_ratio(comparison: Comparison, names: Sequence[str]) -> str:
    """Why there is none: of all pairs one law, or else what is lacking, machine by machine."""
    couples = list(combinations(names, 2))
    if all(comparison.why_not_equal(a, b) for a, b in couples):
        return "no ratio of joules is drawn between machines that do not sample one law"
    reasons = list(dict.fromkeys(comparison.why_no_ratio(a, b) for a, b in couples))
    if len(reasons) == 1 and len(reasons[0]) < 160:
        return f"no ratio of joules can be stated: {reasons[0]}"
    return "no ratio of joules can be stated"


def _against_the_strongest(comparison: Comparison, pairs: dict[tuple[str, str], Ratio]) -> str:
    """The best other machine against the processor that needs the fewest joules; empty without such a pair.

    Processors of different boundaries are not told apart by their joules: one of a wider boundary comes first.
    """
    spent = {
        name: (-BOUNDARIES.index(found.boundary), found.joules)
        for name, run in comparison.runs.items()
        if _tier(run) and (found := comparison.quality(name)).joules is not None and found.boundary is not None
    }
    for rival in sorted(spent, key=lambda name: spent[name]):
        others = {a: found for (a, b), found in pairs.items() if b == rival and not _tier(comparison.runs[a])}
        if not others:
            continue
        best = min(others, key=lambda name: others[name].high)
        found = others[best]
        if found.high < 1:
            return _sentence(comparison, best, rival, found)
        if found.low > 1:
            return _sentence(comparison, rival, best, pairs[rival, best])
        return (
            f"whether {_called(comparison, best)} or {_called(comparison, rival)} needs fewer {found.metric} cannot be "
            f"told at the {found.boundary} boundary (ratio {report.times(found)}, 95 % interval "
            f"{report.times(found.low)} to {report.times(found.high)}, below 1 with {_chance(found.probability)}; "
            f"{_grounds(found)})"
        )
    return ""


def _left_out(comparison: Comparison) -> str:
    """Processors that might have been the strongest rival, and of which no joules are known."""
    unknown = {
        name: found.reason
        for name, run in comparison.runs.items()
        if _tier(run) and (found := comparison.quality(name)).joules is None
    }
    return "".join(f"; {name} is not among them: {reason}" for name, reason in unknown.items())


def _surest(comparison: Comparison, pairs: dict[tuple[str, str], Ratio]) -> str:
    sure = {pair: found for pair, found in pairs.items() if found.high < 1}
    if not sure:
        return "for no two machines do the ranges tell which needs fewer joules"
    a, b = min(sure, key=lambda pair: sure[pair].high)
    return _sentence(comparison, a, b, sure[a, b])


def _sentence(comparison: Comparison, a: str, b: str, found: Ratio) -> str:
    return (
        f"{_called(comparison, a)} needs {report.times(1 / found)} times fewer {found.metric} than "
        f"{_called(comparison, b)} at the {found.boundary} boundary (95 % interval {report.times(1 / found.high)} to "
        f"{report.times(1 / found.low)}, {_chance(found.probability)}; {_grounds(found)})"
    )


def _grounds(found: Ratio) -> str:
    evidence = found.evidence.value if found.evidence else "unknown"
    equal = f"equal quality {found.quality}; " if found.quality.startswith("not judged") else ""
    return f"{equal}weakest evidence: {evidence}"


def _chance(p: float) -> str:
    """A probability, as far as 20,000 draws tell."""
    if p > 0.999:
        return "P > 99.9 %"
    return "P < 0.1 %" if p < 0.001 else f"P = {100 * p:.3g} %"


def _called(comparison: Comparison, machine: str) -> str:
    run = comparison.runs[machine]
    asides = ["illustrative"] if run.record["machine"]["illustrative"] else []
    if named := _tier(run):
        asides.append(named)
    charged = str(comparison.usage.get(machine, "alone"))
    if charged != "alone":
        asides.append(charged)
    return f"{machine} ({'; '.join(asides)})" if asides else machine


def _tier(run: Run) -> str:
    """What kind of program a processor was timed as; empty for other machines."""
    return tier({"notes": run.record["notes"]})


def _unknown_law(one: Run | None) -> str:
    """Why the law of a run that was not judged is not known; empty where it is, or nothing is told."""
    law = {} if one is None or one.errors is not None else one.record.get("law", {})
    return law["note"] if law.get("kind") == "unknown" else ""
