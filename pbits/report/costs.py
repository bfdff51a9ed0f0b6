"""What a row says, in the words of a table: texts made from more than one field of a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pbits.report import lanes
from pbits.report.quantities import NONE, number, percent, si, words


class Cell(NamedTuple):
    """A figure, and what a reader must know beside it; as text, "figure (aside)".

    Examples
    --------
    >>> str(Cell("3.1 nJ", "chip")), str(Cell("3.1 nJ"))
    ('3.1 nJ (chip)', '3.1 nJ')
    """

    text: str
    aside: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.aside})" if self.aside else self.text


def total(ledger: Mapping[str, Any]) -> Cell:
    """The joules of the whole run, or what is known of them."""
    where = ledger["boundary"] or ""
    if ledger["joules"] is not None:
        return Cell(si(ledger["joules"], "J"), where)
    if ledger["without_idle"] is not None:
        return Cell("not stated", f"{si(ledger['without_idle'], 'J')} without standby")
    if ledger["lower_bound"] is not None:
        return Cell(f"≥ {si(ledger['lower_bound'], 'J')}", where)
    return Cell("not stated")


def quality(found: Mapping[str, Any]) -> Cell:
    """The figure machines are compared by, or the bound on it."""
    share = "share of a full batch" if found["full_batch"] else ""
    if found["joules"] is not None:
        return Cell(si(found["joules"], "J"), share)
    if found["at_least"] is not None:
        return Cell(f"> {si(found['at_least'], 'J')}", share)
    return Cell("not stated")


def reasons(document: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Why joules of a row are unknown."""
    found = list(row["joules"]["at_boundary"]["reasons"])
    why = row["joules"]["quality"]["reason"]
    if why and why != "; ".join(found):
        found.append(f"{document['metric']}: {why}")
    return found


def gaps(document: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Why a row lacks figures, or why the machine refused; empty where nothing lacks."""
    if row["refusal"]:
        return "; ".join(row["refusal"])
    found = reasons(document, row)
    unknown = sorted(phase for phase, seconds in row["phases"].items() if seconds is None)
    if unknown:
        found.append(f"the device time of {', '.join(unknown)} is not stated")
    elif row["device_time_s"] is None:
        found.append("no device time: it has no clock")
    return "; ".join(found)


def answer(row: Mapping[str, Any]) -> Cell:
    """The decoded answer's score, or the lowest energy of a plain model."""
    found = row["answer"]
    if found["text"] is None:
        return Cell(f"E = {number(found['best_energy'])}", "lowest passed through")
    if found["feasible"]:
        return Cell(found["text"].split(";")[0])
    broken = ", ".join(f"{name}: {count}" for name, count in sorted(found["violations"].items()) if count)
    return Cell("infeasible", broken)


def distance(row: Mapping[str, Any]) -> Cell:
    """How far the samples are from the exact law, and how far chance alone would put them."""
    found = row["distance"]
    if found is None:
        return Cell(NONE)
    return Cell(number(found["value"]), f"chance {number(found['floor'])}")


def effective_samples(row: Mapping[str, Any]) -> Cell:
    """Effective samples of the worst observable, marked where they cannot be trusted."""
    found = row["sampling"]
    if found is None:
        return Cell(NONE)
    ess = found["worst_ess"]
    return Cell(NONE if ess is None else f"{ess:,.0f}", "" if found["converged"] else "not converged")


def chain_breaks(row: Mapping[str, Any]) -> float | None:
    """The share of broken chains of an embedded run; None for a refusal and for a run without chains."""
    return row.get("notes", {}).get("embedding", {}).get("chain_break_fraction")


def gap(row: Mapping[str, Any]) -> Cell:
    """How much worse than the best known."""
    return Cell(percent(row["answer"]["gap"]))


def evidence(row: Mapping[str, Any]) -> str | None:
    """The weakest grade behind what machines are compared by."""
    return row["joules"]["quality"]["evidence"]


def grade(name: str | None) -> str:
    """A grade of evidence in words."""
    return NONE if name is None else words(name)


def timed(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The timeline of a row, where its device time is known."""
    timeline = row.get("timeline")
    return timeline if timeline and timeline["device_time_s"] else None


def bottleneck(row: Mapping[str, Any]) -> str:
    """Which lane of a machine holds up the rest; empty where its device time is not known."""
    timeline, schedule = timed(row), row.get("schedule")
    if timeline is None or schedule is None:
        return ""
    return lanes.bottleneck(timeline, schedule["steps_per_sample"] if schedule["kind"] == "sample" else None)


_TIERS = {
    "published": "published rate",
    "roofline": "roofline: a model, not a measurement",
    "apart": "chains apart in its units: a model, not a measurement",
}


def tier(row: Mapping[str, Any]) -> str:
    """What program a processor was timed as; a model is called one. Empty for other machines."""
    name = row["notes"].get("tier") or ""
    return _TIERS.get(name, name)


def goal(document: Mapping[str, Any]) -> str:
    """What counts as solved; empty where nothing does."""
    if document["goal"] is None:
        return ""
    if document["problem"] is None:
        return f"an energy of {number(document['goal'])} or lower"
    return f"{number(document['goal'])} {document['problem']['unit']}".rstrip() + " or better"


def own_schedule(document: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The schedule of a row that ran another than the common one; else empty."""
    if row["refusal"] or row["schedule"] == document["schedule"]:
        return ""
    return schedule_text(row["schedule"])


def schedule_text(schedule: Mapping[str, Any]) -> str:
    """The schedule in one line."""
    parts = [_steps(schedule), f"{number(schedule['chains'])} chains"]
    if schedule.get("step_tau") is not None:
        parts.append(f"steps of {schedule['step_tau']:g} time constants")
    if schedule.get("step_s") is not None:
        parts.append(f"steps of {si(schedule['step_s'], 's')}")
    if schedule.get("moves") is not None:
        parts.append(_moves(schedule["moves"]))
    if schedule.get("stop_at") is not None:
        parts.append(f"stopped at E ≤ {number(schedule['stop_at'])}")
    return ", ".join(parts)


def _moves(moves: Mapping[str, Any]) -> str:
    kinds, reach, tile, near = (moves[name] for name in ("kinds", "reach", "tile", "neighbours"))
    return (
        "moves"
        + ("" if kinds is None else f" by {', '.join(kinds)}")
        + ("" if near is None else f" to {near} neighbours")
        + ("" if reach is None else f" within {reach} slots")
        + ("" if tile is None else f" in tiles of {tile} slots")
    )


def _steps(schedule: Mapping[str, Any]) -> str:
    if schedule["kind"] == "anneal":
        sweeps = f"{number(schedule['steps_per_sample'])} sweeps"
        if schedule["beta_start"] == schedule["beta"]:
            return f"{sweeps} at β = {number(schedule['beta'])}"
        levels = schedule.get("levels")
        return (
            f"{schedule['shape']} anneal, {sweeps}, β {number(schedule['beta_start'])} to "
            f"{number(schedule['beta'])}" + ("" if levels is None else f" in {number(levels)} steps")
        )
    text = (
        f"{number(schedule['n_samples'])} samples at β = {number(schedule['beta'])} after "
        f"{number(schedule['n_warmup'])} sweeps of warm-up"
    )
    thinning = schedule["steps_per_sample"]
    return text if thinning == 1 else f"{text}, one every {number(thinning)} sweeps"
