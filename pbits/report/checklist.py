"""What a fair report must contain, and how much of it a comparison does: a checklist computed from its document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pbits.report import costs
from pbits.report.quantities import words

MET, NOT_MET, NOT_APPLICABLE = "met", "not met", "not applicable"


def checklist(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """The points of a fair report, then those of MLPerf's power measurement, which a simulation cannot meet.

    Returns
    -------
    list of dict
        item, state ("met", "not met" or "not applicable") and reason.
    """
    ran = [row for row in document["rows"] if not row["refusal"]]
    found = [*_stated(document, ran), *_priced(document, ran), *_metered(ran)]
    return [{"item": item, "state": state, "reason": reason} for item, state, reason in found]


def _stated(document: Mapping[str, Any], ran: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    yield "Task and a hash of the instance", MET, f"{document['title']}, {document['model']['fingerprint']}"
    yield (
        "Algorithm and work counts",
        *_all(ran, lambda row: bool(row["counts"]), "schedule and counts of every run", "no counts"),
    )
    yield "Seed", MET, f"seed {document['seed']}; the same inputs give the same draws"
    if document["schedule"]["kind"] == "anneal":
        reached = "the goal is stated" if document["goal"] is not None else "no goal was given"
        yield "Quality and its target", MET if document["goal"] is not None else NOT_MET, reached
    else:
        yield "Quality against an exact law", *_all(
            ran, lambda row: bool(row["distance"]), "the distance to the exact law of every run",
            "no exact law within reach",
        )  # fmt: skip
        yield "Converged draws", *_all(
            ran, lambda row: bool(row["sampling"] and row["sampling"]["converged"]), "every run has converged",
            "not converged, or not judged",
        )  # fmt: skip
    tiers = {row["machine"]: tier for row in ran if (tier := costs.tier(row))}
    if tiers:
        named = "; ".join(f"{name}: {tier}" for name, tier in tiers.items())
        yield "Tier of the baseline, and why it is strong", MET, f"{named}; the fastest program that applies"
    else:
        yield "Tier of the baseline, and why it is strong", NOT_MET, "no machine of this comparison is a processor"
    left = {row["machine"]: row["notes"]["not_charged"] for row in ran if row["notes"].get("not_charged")}
    told = "; ".join(f"{name}: {', '.join(what)}" for name, what in left.items())
    yield "What is not counted", MET if told else NOT_APPLICABLE, told or "no machine says that it leaves anything out"
    yield "Read-out and programming counted", *_all(
        ran, lambda row: bool(row["counts"].get("read")), "counted in every run, and priced where a price is stated",
        "no read-outs counted",
    )  # fmt: skip


def _priced(document: Mapping[str, Any], ran: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    ledgers = {row["machine"]: row["joules"]["at_boundary"] for row in ran}
    boundary = document["boundary"]
    wide = boundary in ("wall", "facility")
    yield "Host and supply included", MET if wide else NOT_MET, f"the boundary is {boundary or 'not common'}"
    cooled = boundary == "facility"
    yield "Cooling included", MET if cooled else NOT_MET, f"the boundary is {boundary or 'not common'}"
    yield "One boundary for all", MET if boundary else NOT_MET, document["boundary_note"]
    yield (
        "Joules of every machine",
        *_all(ran, lambda row: ledgers[row["machine"]]["joules"] is not None, "all are known", "not stated"),
    )
    yield (
        "Gross joules and net of idle",
        *_all(
            ran,
            lambda row: ledgers[row["machine"]].get("net_of_idle") is not None,
            "both in every ledger",
            "no net figure",
        ),
    )
    yield (
        "Device seconds",
        *_all(ran, lambda row: row["device_time_s"] is not None, "of every run, simulated", "not stated"),
    )
    yield "Source of every price", *_all(
        ran,
        lambda row: all(one["source"] or one["price"] is None for one in ledgers[row["machine"]]["rows"]),
        "a source for each", "a price without a source",
    )  # fmt: skip
    weak = sorted({words(one["evidence"]) for ledger in ledgers.values() for one in ledger["rows"] if one["evidence"]})
    yield "Grade of evidence", MET if weak else NOT_APPLICABLE, ", ".join(weak) or "nothing is priced"
    ratios = [ratio for ratio in document["ratios"] if ratio["value"] is not None]
    if not ratios:
        yield "Uncertainty of every ratio", NOT_APPLICABLE, "no ratio is stated"
    elif all(ratio.get("probability_below_1") is not None and ratio["low"] is not None for ratio in ratios):
        yield "Uncertainty of every ratio", MET, "95 % intervals and P from a seeded Monte Carlo over all inputs"
    else:
        yield "Uncertainty of every ratio", NOT_MET, "a ratio without interval or probability"
    hangs = any(ratio.get("tornado") for ratio in ratios)
    yield (
        "What each ratio hangs on",
        MET if hangs else NOT_APPLICABLE,
        ("a tornado over all inputs of each ratio" if hangs else "no ratio is stated"),
    )
    yield "Verdict from the weakest evidence", MET, "written from the ratio and the grades behind it"
    given = "; ".join(f"{name}: {one}" for name, one in document.get("usage", {}).items())
    yield "Programming, standby and calibration", MET if given else NOT_MET, given or "no usage was given"


def _metered(ran: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """MLPerf Power's points: power at the wall, of the whole system, in the run that is reported."""
    metered = [
        row["machine"]
        for row in ran
        if any(one["evidence"] == "measured" for one in row["joules"]["at_boundary"]["rows"])
    ]
    why = "joules are computed from counts and prices, and the document holds no log of a meter"
    if metered:
        why += f"; some prices of {', '.join(metered)} were measured"
    yield "Power of the whole system at the wall, host and fans included", NOT_MET, why
    yield "Power and performance from the same run", NOT_MET, why
    yield "A window of at least 60 s", NOT_MET, why
    yield "Temperature, clocks and driver on record", NOT_MET, "a document holds none"
    yield "Settings and logs of the power analyser published", NOT_MET, "a document holds none"
    yield "Can be repeated by others", MET, "seed, schedule, prices and sources are in the document"


def _all(ran: Sequence[Mapping[str, Any]], holds: Any, reason: str, lacking: str) -> tuple[str, str]:
    """Met where it holds of every machine that ran; else the machines it does not hold of."""
    if not ran:
        return NOT_APPLICABLE, "no machine ran"
    missing = [row["machine"] for row in ran if not holds(row)]
    return (NOT_MET, f"{lacking}: {', '.join(missing)}") if missing else (MET, reason)
