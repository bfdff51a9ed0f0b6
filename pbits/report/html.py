"""One HTML file with everything in it: opens offline, reads on a phone, prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from pbits.report import assumptions, costs, lanes, pictures, plots
from pbits.report.checklist import checklist
from pbits.report.pictures import PICTURES
from pbits.report.quantities import NONE, amount, chance, number, percent, si, times, words
from pbits.report.summary import summary
from pbits.report.tables import cells, headings


def to_html(documents: Sequence[Mapping[str, Any]], title: str = "One problem, several machines") -> str:
    """A self-contained page.

    Parameters
    ----------
    documents : sequence of mapping
        As `Comparison.to_dict()` returns them.
    title : str

    Returns
    -------
    str
        HTML without any outside reference, and the same bytes for the same documents.
    """
    bibliography = _bibliography([row for document in documents for row in document["rows"]])
    sections = [_section(document, f"c{k}") for k, document in enumerate(documents, start=1)]
    return _template("report").render(
        title=title, summary=summary(documents), sections=sections, bibliography=bibliography
    )


def claim_html(documents: Sequence[Mapping[str, Any]], title: str | None = None) -> str:
    """A self-contained page of claims: verdict, sliders, what each hangs on, and what breaks it.

    Parameters
    ----------
    documents : sequence of mapping
        Claims as `pbits.ClaimCheck.to_dict()` returns them.
    title : str, optional
        By default the name of a single claim.

    Returns
    -------
    str
        HTML without any outside reference, and the same bytes for the same documents.
    """
    sections = [_claim(document, f"c{k}") for k, document in enumerate(documents, start=1)]
    return _template("claim").render(
        title=title or (documents[0]["name"] if len(documents) == 1 else "Claims, checked"),
        summary=_claims_summary(documents) if len(documents) > 1 else "",
        sections=sections,
        bibliography=_bibliography(documents),
    )


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("pbits.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"si": si, "number": number, "percent": percent, "words": words}
    environment.filters |= {"amount": amount, "times": times, "chance": chance}
    return environment.get_template(f"{name}.html.j2")


def _bibliography(parts: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Every source that a row or a claim brings along, by key."""
    found = {key: entry for part in parts for key, entry in part.get("sources", {}).items()}
    return dict(sorted(found.items()))


def _claims_summary(documents: Sequence[Mapping[str, Any]]) -> str:
    """How many of the claims hold."""
    held = sum(document["holds"] is True for document in documents)
    unknown = sum(document["holds"] is None for document in documents)
    text = f"{held} of {len(documents)} claims hold at the stated values"
    return f"{text}; {unknown} cannot be checked." if unknown else f"{text}."


def _claim(document: Mapping[str, Any], anchor: str) -> dict[str, Any]:
    """One claim as the template wants it."""
    facts = [
        *_claimed(document),
        ("Boundary", document["boundary"]),
        ("Held equal", document["quality"]),
        *(("Uplift", uplift) for uplift in document["uplifts"]),
    ]
    return {
        "anchor": anchor,
        "document": document,
        "facts": facts,
        "hangs": assumptions.of_claim(document, anchor),
        "maps": [
            Markup(plots.break_even_map(one, f"{anchor}-map-{k}", document["claimed"]))
            for k, one in enumerate(document["maps"])
        ],
    }


def _claimed(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is claimed and what was found: a ratio, or a figure."""
    ratio, figure, bounds = document["ratio"], document["absolute"], (document["at_least"], document["at_most"])
    if figure is None:
        yield "Claimed", f"{times(document['claimed'])} times"
    else:
        yield "Claimed", f"at most {amount(figure['value'], figure['unit'])}"
    if ratio is None:
        for word, bound in zip(("at least", "at most"), bounds):
            if bound is not None:
                yield "Known", f"{word} {times(bound)} times"
        return
    found = [times(ratio[name]) for name in ("value", "low", "high")]
    if figure is not None:
        found = [amount(figure["value"] / ratio[name], figure["unit"]) for name in ("value", "high", "low")]
    yield "Found", f"{found[0]}{' times' if figure is None else ''}, 95 % from {found[1]} to {found[2]}"
    yield "P(the claim holds)", chance(ratio["probability"])


def _section(document: Mapping[str, Any], anchor: str) -> dict[str, Any]:
    """One comparison as the template wants it."""
    ran = [(k, row) for k, row in enumerate(document["rows"]) if not row["refusal"]]
    front = document.get("front")
    footnotes: list[str] = []
    table = [_table_row(document, row, footnotes) for row in document["rows"]]
    return {
        "anchor": anchor,
        "document": document,
        "facts": _facts(document),
        "headings": headings(document),
        "table": table,
        "footnotes": footnotes,
        "pictures": list(_pictures(ran, anchor)),
        "charts": list(_charts(document, ran, anchor)),
        "laws": list(_laws(ran, anchor)),
        "errors": [
            (row["machine"], row["distance"])
            for _, row in ran
            if row["distance"] and row["distance"]["mapping"] is not None
        ],
        "embeddings": [(row["machine"], row["notes"]["embedding"]) for _, row in ran if row["notes"].get("embedding")],
        "ratios": [ratio for ratio in document["ratios"] if ratio["value"] is not None],
        # Older files hold the widest range that the prices allow.
        "interval": "95 %" if any("median" in ratio for ratio in document["ratios"]) else "Range",
        "hangs": assumptions.of_comparison(document, anchor),
        "checklist": checklist(document),
        "front": Markup(plots.front(front, f"{anchor}-front")) if front and front["curves"] else None,
        "no_ratios": [ratio for ratio in document["ratios"] if ratio["value"] is None],
        "lane_headings": lanes.HEADINGS,
        "machines": [_machine(document, row, f"{anchor}-{k}") for k, row in ran],
    }


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    model, problem = document["model"], document["problem"]
    facts = [
        ("Model", f"{model['kind']}, {number(model['sites'])} sites"),
        ("Schedule", costs.schedule_text(document["schedule"])),
        ("Seed", str(document["seed"])),
        ("Compared by", document["metric"]),
        ("Boundary", document["boundary_note"]),
    ]
    if problem and problem["optimum"] is not None:
        facts.append(("Best known", f"{number(problem['optimum'])} {problem['unit']}".strip()))
    if goal := costs.goal(document):
        facts.append(("Counts as solved", goal))
    for row in document["rows"]:
        if own := costs.own_schedule(document, row):
            facts.append((f"Schedule of {row['machine']}", own))
    facts += [(f"Usage of {machine}", usage) for machine, usage in sorted(document.get("usage", {}).items())]
    for machine, uplifts in sorted(document["uplifts"].items()):
        given = "; ".join(f"to {boundary}: {uplift}" for boundary, uplift in sorted(uplifts.items()))
        facts.append((f"Uplift given for {machine}", given))
    return [*facts, ("Model fingerprint", model["fingerprint"])]


def _table_row(document: Mapping[str, Any], row: Mapping[str, Any], footnotes: list[str]) -> dict[str, Any]:
    if row["refusal"]:
        return {"row": row, "cells": None, "note": None, "evidence": None}
    reasons = costs.gaps(document, row)
    if reasons:
        footnotes.append(f"{row['machine']}: {reasons}")
    return {
        "row": row,
        "cells": cells(document, row)[:-1],
        "note": len(footnotes) if reasons else None,
        "evidence": costs.evidence(row),
    }


def _pictures(ran: Sequence[tuple[int, Mapping[str, Any]]], anchor: str) -> Iterator[dict[str, Any]]:
    for k, row in ran:
        picture = row["picture"]
        if not picture or picture["kind"] not in PICTURES or picture.get("coordinates", True) is None:
            continue
        yield {
            "svg": Markup(pictures.to_svg(picture, f"{anchor}-picture-{k}")),
            "machine": row["machine"],
            "caption": picture.get("caption") or row["answer"]["text"] or "",
            "infeasible": row["answer"]["feasible"] is False,
            "wide": picture["kind"] == "images",
        }


def _charts(
    document: Mapping[str, Any],
    ran: Sequence[tuple[int, Mapping[str, Any]]],
    anchor: str,
) -> Iterator[dict[str, Any]]:
    """Energies, joules and phases, each with all machines in one picture."""
    traces = [(row["machine"], k, row["trace"]) for k, row in ran if row["trace"]["sweeps"]]
    if traces:
        yield {
            "svg": Markup(plots.traces(traces, f"{anchor}-traces")),
            "title": "Energy against sweeps",
            "caption": "Solid with markers: mean over chains. Dashed: the lowest chain. "
            "E(s) is that of the model as posed, whatever the machine held.",
        }
    priced = [{"name": row["machine"], "colour": k, **row["joules"]["quality"]} for k, row in ran]
    if any(row["joules"] or row["at_least"] for row in priced):
        yield {
            "svg": Markup(plots.joules(priced, document["metric"], f"{anchor}-joules")),
            "title": document["metric"].capitalize(),
            "caption": "Whiskers: 95 % intervals, over the ranges of prices and times and over chance. Under each "
            "name, the boundary. Figures at different boundaries do not compare.",
        }
    spent = [(row["machine"], row["phases"], row["device_time_s"]) for _, row in ran if row["phases"]]
    if spent:
        yield {
            "svg": Markup(plots.phases(spent, f"{anchor}-phases")),
            "title": "Where the device time goes",
            "caption": "Simulated time of the machine, all chains, not the time the simulation took. What is done "
            "beside something else counts in full.",
        }


def _laws(ran: Sequence[tuple[int, Mapping[str, Any]]], anchor: str) -> Iterator[dict[str, Any]]:
    for k, row in ran:
        distance = row["distance"]
        if distance and distance.get("sampled"):
            yield {
                "svg": Markup(plots.law(distance, k, f"{anchor}-law-{k}")),
                "machine": row["machine"],
                "caption": f"{distance['kind']}: {costs.distance(row)}",
            }


def _machine(document: Mapping[str, Any], row: Mapping[str, Any], anchor: str) -> dict[str, Any]:
    """What the block of one machine shows."""
    at, stated = row["joules"]["at_boundary"], row["joules"]["stated"]
    notes = {key: value for key, value in row["notes"].items() if key != "embedding"}
    timeline = costs.timed(row)
    return {
        "anchor": anchor,
        "row": row,
        "reasons": costs.reasons(document, row),
        "ledger": at if at["rows"] else stated,
        "total": costs.total(at if at["rows"] else stated),
        "stated": stated if stated["boundary"] != at["boundary"] else None,
        "notes": list(_flat(notes)),
        "lanes": None if timeline is None else lanes.utilisation(timeline),
        "bottleneck": costs.bottleneck(row),
        "net": at.get("net_of_idle"),
        "ladder": _ladder(at),
        "gantt": Markup(plots.gantt(timeline, f"{anchor}-gantt")) if timeline and timeline["spans"] else None,
    }


def _ladder(ledger: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The boundaries of a ledger from the inside out: what each adds, and the sum up to it."""
    steps: list[dict[str, Any]] = []
    for row in ledger["rows"]:
        if not steps or steps[-1]["boundary"] != row["boundary"]:
            steps.append({"boundary": row["boundary"], "added": [], "joules": 0.0})
        step = steps[-1]
        step["added"].append(_added(row, first=len(steps) == 1))
        if row["included_in"] or step["joules"] is None:
            continue
        step["joules"] = None if row["joules"] is None else step["joules"] + row["joules"]
    total: float | None = 0.0
    for step in steps:
        total = None if total is None or step["joules"] is None else total + step["joules"]
        step["total"] = total
    return steps


def _added(row: Mapping[str, Any], *, first: bool) -> str:
    """What a row of a ledger adds, in the words of the ladder: an item where prices are stated, else an uplift."""
    if first:
        return row["item"]
    price = f"{amount(row['low'], row['unit'])} to {amount(row['high'], row['unit'])}"
    if row["low"] == row["high"]:
        price = amount(row["price"], row["unit"])
    if row["unit"] == "1":
        return f"what is below × {price}"
    return f"{price} for {si(row['count'], 's')}"


def _flat(notes: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Nested notes as (name, text)."""
    for key, value in sorted(notes.items()):
        name = f"{before}{words(str(key))}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}, ")
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return str(value)
