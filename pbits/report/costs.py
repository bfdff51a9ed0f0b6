"""What a document says about joules, where it takes more than one field to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pbits.report.quantities import number, percent, si


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Joules of one machine at one boundary.

    Attributes
    ----------
    boundary : str or None
    total, low, high : float or None
        Of the whole run, with the ends of its range.
    at_least : float or None
        The known part of a total that is not known.
    per_sample : float or None
    quality, quality_low, quality_high : float or None
        Per effective sample, or per solution: what machines are compared by.
    quality_at_least : float or None
        A bound on `quality` where no chain succeeded.
    evidence : str or None
    reasons : list of str
        Why something above is unknown.
    """

    boundary: str | None
    total: float | None
    low: float | None
    high: float | None
    at_least: float | None
    per_sample: float | None
    quality: float | None
    quality_low: float | None
    quality_high: float | None
    quality_at_least: float | None
    evidence: str | None
    reasons: list[str]


def cost(document: Mapping[str, Any], row: Mapping[str, Any]) -> Cost:
    """The joules of a row at the boundary of the comparison, or at the machine's own where it has none.

    A quality-adjusted figure is stored at the machine's own boundary; it is proportional to the joules of the
    run, which are stored at both.
    """
    joules = row["joules"]
    ledger, stated = joules["at_boundary"], joules["stated"]
    total = ledger["joules"]
    low, high = ledger["interval"] or (None, None)
    anneal = document["schedule"]["kind"] == "anneal"
    per = joules["per_solution"] if anneal else joules["per_effective_sample"]
    bound = joules["per_solution_at_least"]
    share = stated["joules"] and 1 / stated["joules"]
    reasons = list(ledger["reasons"])
    if total is not None and per is None:
        if not anneal:
            sampled = row["sampling"] is not None and row["sampling"]["worst_ess"] is not None
            why = "the chains have not converged" if sampled else "no effective samples could be counted"
            reasons.append(f"{document['metric']}: {why}")
        elif document["goal"] is None:
            reasons.append("no goal says what counts as solved")
        else:
            reasons.append("no chain reached the goal")
    return Cost(
        boundary=ledger["boundary"],
        total=total,
        low=low,
        high=high,
        at_least=None if total is not None else ledger["lower_bound"],
        per_sample=ledger["per_sample"],
        quality=_times(total, per, share),
        quality_low=_times(low, per, share),
        quality_high=_times(high, per, share),
        quality_at_least=_times(total, bound, share),
        evidence=ledger["evidence"],
        reasons=reasons,
    )


def _times(*factors: float | None) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product


def quality_text(found: Cost) -> str:
    """The figure machines are compared by, or the bound on it."""
    if found.quality is None and found.quality_at_least is not None:
        return f"> {si(found.quality_at_least, 'J')}"
    return si(found.quality, "J")


def total_text(found: Cost) -> str:
    """The joules of the whole run, or what is known of them."""
    if found.total is None and found.at_least is not None:
        return f"≥ {si(found.at_least, 'J')}"
    return si(found.total, "J")


def gaps(document: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Why a row lacks figures, or why the machine refused; empty where nothing lacks."""
    if row["refusal"]:
        return "; ".join(row["refusal"])
    reasons = list(cost(document, row).reasons)
    unknown = sorted(phase for phase, seconds in row["phases"].items() if seconds is None)
    if unknown:
        reasons.append(f"the device time of {', '.join(unknown)} is not stated")
    elif row["device_time_s"] is None:
        reasons.append("no device time: it has no clock")
    return "; ".join(reasons)


def answer_text(row: Mapping[str, Any]) -> str:
    """The decoded answer's score, or the lowest energy of a plain model."""
    answer = row["answer"]
    if answer["text"] is None:
        return f"E = {number(answer['best_energy'])}"
    if answer["feasible"]:
        return answer["text"].split(";")[0]
    broken = ", ".join(f"{name}: {count}" for name, count in sorted(answer["violations"].items()) if count)
    return f"infeasible ({broken})" if broken else "infeasible"


def distance_text(row: Mapping[str, Any]) -> str:
    """How far the samples are from the exact law, and how far chance alone would put them."""
    distance = row["distance"]
    if distance is None:
        return "—"
    return f"{number(distance['value'])} (chance {number(distance['floor'])})"


def gap_text(row: Mapping[str, Any]) -> str:
    return percent(row["answer"]["gap"])


def schedule_text(schedule: Mapping[str, Any]) -> str:
    """The schedule in one line."""
    chains = f"{number(schedule['chains'])} chains"
    if schedule["kind"] == "anneal":
        if schedule["beta_start"] == schedule["beta"]:
            return f"{number(schedule['steps_per_sample'])} sweeps at β = {number(schedule['beta'])}, {chains}"
        return (
            f"{schedule['shape']} anneal, {number(schedule['steps_per_sample'])} sweeps, "
            f"β {number(schedule['beta_start'])} to {number(schedule['beta'])}, {chains}"
        )
    text = (
        f"{number(schedule['n_samples'])} samples at β = {number(schedule['beta'])} after "
        f"{number(schedule['n_warmup'])} sweeps of warm-up, {chains}"
    )
    thinning = schedule["steps_per_sample"]
    return text if thinning == 1 else f"{text}, one sample every {number(thinning)} sweeps"
