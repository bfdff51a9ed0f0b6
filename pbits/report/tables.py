"""One row per machine: tidy for a spreadsheet, short for Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pbits.report.costs import (
    Cost,
    answer_text,
    cost,
    distance_text,
    gap_text,
    gaps,
    quality_text,
    schedule_text,
    total_text,
)
from pbits.report.quantities import NONE, percent, si, words

#: Columns of the flat table, in order, with units in their names. An empty cell is unknown, never zero.
#: `joules…` are at `boundary`; `stated_joules…` at `stated_boundary`, that of the machine's own prices.
COLUMNS = (
    *("problem", "model", "sites", "model_fingerprint", "schedule", "seed", "metric"),
    *("machine", "title", "catalogue_date", "refusal"),
    *("best_energy", "objective", "objective_unit", "feasible", "feasible_fraction", "gap_fraction"),
    *("distance", "distance_by_chance", "distance_kind"),
    *("effective_samples", "tau_int_draws", "r_hat", "converged"),
    *("device_time_s", "wall_time_s"),
    *("boundary", "joules", "joules_low", "joules_high", "joules_at_least", "joules_per_sample"),
    *("joules_by_metric", "joules_by_metric_low", "joules_by_metric_high", "joules_by_metric_at_least"),
    *("stated_boundary", "stated_joules", "evidence", "why_unknown"),
)


def flat_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One mapping per machine with exactly the keys `COLUMNS`; refusals included, their reasons joined.

    None stands for what is unknown or does not apply.
    """
    problem = document["problem"] or {}
    common = {
        "problem": document["title"],
        "model": document["model"]["kind"],
        "sites": document["model"]["sites"],
        "model_fingerprint": document["model"]["fingerprint"],
        "schedule": schedule_text(document["schedule"]),
        "seed": document["seed"],
        "metric": document["metric"],
    }
    rows = []
    for row in document["rows"]:
        flat = dict.fromkeys(COLUMNS) | common
        flat |= {
            "machine": row["machine"],
            "title": row["title"],
            "refusal": "; ".join(row["refusal"]) or None,
        }
        if not row["refusal"]:
            flat |= _measured(row) | _joules(row, cost(document, row))
            flat["objective_unit"] = problem.get("unit") or None
        rows.append(flat)
    return rows


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    answer, sampling, distance = row["answer"], row["sampling"] or {}, row["distance"] or {}
    return {
        "catalogue_date": row["catalogue_date"],
        "best_energy": answer["best_energy"],
        "objective": answer["objective"],
        "feasible": answer["feasible"],
        "feasible_fraction": answer["valid_fraction"],
        "gap_fraction": answer["gap"],
        "distance": distance.get("value"),
        "distance_by_chance": distance.get("floor"),
        "distance_kind": distance.get("kind"),
        "effective_samples": sampling.get("worst_ess"),
        "tau_int_draws": sampling.get("worst_tau_int"),
        "r_hat": sampling.get("worst_r_hat"),
        "converged": sampling.get("converged"),
        "device_time_s": row["device_time_s"],
        "wall_time_s": row["wall_time_s"],
    }


def _joules(row: Mapping[str, Any], found: Cost) -> dict[str, Any]:
    stated = row["joules"]["stated"]
    return {
        "boundary": found.boundary,
        "joules": found.total,
        "joules_low": found.low,
        "joules_high": found.high,
        "joules_at_least": found.at_least,
        "joules_per_sample": found.per_sample,
        "joules_by_metric": found.quality,
        "joules_by_metric_low": found.quality_low,
        "joules_by_metric_high": found.quality_high,
        "joules_by_metric_at_least": found.quality_at_least,
        "stated_boundary": stated["boundary"],
        "stated_joules": stated["joules"],
        "evidence": found.evidence,
        "why_unknown": "; ".join(found.reasons) or None,
    }


def to_csv(documents: Iterable[Mapping[str, Any]]) -> str:
    """The flat rows of all documents as comma-separated values under one heading."""
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, fieldnames=COLUMNS, lineterminator="\n")
    table.writeheader()
    for document in documents:
        table.writerows(flat_rows(document))
    return buffer.getvalue()


def headings(document: Mapping[str, Any]) -> list[str]:
    """The columns of the short table."""
    quality = ["Feasible", "Gap"] if document["schedule"]["kind"] == "anneal" else ["Distance", "Effective samples"]
    return [
        "Machine",
        "Answer",
        *quality,
        "Device time",
        "J, whole run",
        "J per sample",
        _per(document),
        "Evidence",
    ]


def _per(document: Mapping[str, Any]) -> str:
    return "J" + document["metric"].removeprefix("joules")


def cells(document: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """A row of the short table, after the machine; for a machine that ran."""
    found = cost(document, row)
    if document["schedule"]["kind"] == "anneal":
        quality = [percent(row["answer"]["valid_fraction"]), gap_text(row)]
    else:
        ess = (row["sampling"] or {}).get("worst_ess")
        quality = [distance_text(row), NONE if ess is None else f"{ess:,.0f}"]
    return [
        answer_text(row),
        *quality,
        si(row["device_time_s"], "s"),
        _at(total_text(found), found.boundary),
        si(found.per_sample, "J"),
        quality_text(found),
        NONE if found.evidence is None else words(found.evidence),
    ]


def _at(text: str, boundary: str | None) -> str:
    return text if boundary is None or text == "not stated" else f"{text} ({boundary})"


def to_markdown(documents: Iterable[Mapping[str, Any]]) -> str:
    """The verdict, a table of machines and the reasons for its gaps, in GitHub's Markdown."""
    return "\n".join(_markdown(document) for document in documents)


def _markdown(document: Mapping[str, Any]) -> str:
    heads = headings(document)
    lines = [
        f"## {_md(document['title'])}",
        "",
        f"**{_md(document['verdict'])}**",
        "",
        f"{schedule_text(document['schedule'])}; seed {document['seed']}; boundary {document['boundary_note']}.",
        "",
        _md_row(heads),
        _md_row(["---"] * len(heads)),
    ]
    notes = []
    for row in document["rows"]:
        refused = ["refused", *[NONE] * (len(heads) - 2)]
        body = refused if row["refusal"] else cells(document, row)
        lines.append(_md_row([f"`{row['machine']}`", *map(_md, body)]))
        if why := gaps(document, row):
            notes.append(f"- `{row['machine']}`: {_md(why)}")
    return "\n".join([*lines, *(["", *notes] if notes else []), ""])


def _md_row(entries: Iterable[str]) -> str:
    return "| " + " | ".join(entries) + " |"


def _md(text: str) -> str:
    escaped = "".join("\\" + letter if letter in "\\|*_`<[" else letter for letter in text)
    return " ".join(escaped.split())


def to_latex(documents: Iterable[Mapping[str, Any]]) -> str:
    r"""Tables for a paper; they need `\usepackage{booktabs}`, and UTF-8, as LaTeX reads by default."""
    return "\n".join(_latex(document) for document in documents)


def _latex(document: Mapping[str, Any]) -> str:
    heads = headings(document)
    lines = [
        r"\begin{table}",
        rf"\caption{{{_tex(document['verdict'])}}}",
        rf"\begin{{tabular}}{{{'l' * len(heads)}}}",
        r"\toprule",
        _tex_row(heads),
        r"\midrule",
    ]
    for row in document["rows"]:
        if row["refusal"]:
            reasons = _tex("refused: " + "; ".join(row["refusal"]))
            lines.append(rf"{_tex(row['machine'])} & \multicolumn{{{len(heads) - 1}}}{{l}}{{{reasons}}} \\")
        else:
            lines.append(_tex_row([row["machine"], *cells(document, row)]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [
        rf"\par\footnotesize {_tex(row['machine'])}: {_tex(gaps(document, row))}."
        for row in document["rows"]
        if not row["refusal"] and gaps(document, row)
    ]
    return "\n".join([*lines, r"\end{table}", ""])


def _tex_row(entries: Iterable[str]) -> str:
    return " & ".join(map(_tex, entries)) + r" \\"


_TEX = {
    **{letter: "\\" + letter for letter in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"β": r"$\beta$", "µ": r"$\mu$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "—": "---", "…": r"\ldots{}", "·": r"$\cdot$"},
}
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def _tex(text: str) -> str:
    escaped = "".join(_TEX.get(letter, letter) for letter in " ".join(text.split()))
    return re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: f"$^{{{found[0].translate(_LOWERED)}}}$", escaped)
