"""One row per machine: tidy for a spreadsheet, short for Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pbits.report import costs, lanes
from pbits.report.checklist import checklist
from pbits.report.costs import Cell, gaps, schedule_text
from pbits.report.quantities import NONE, amount, chance, percent, si, times

#: Columns of the flat table, in order, with units in their names. An empty cell is unknown, never zero.
#: The schedule is the row's own. `joules…` are at `boundary`; `stated_joules` at `stated_boundary`, that of the
#: machine's own prices.
COLUMNS = (
    *("problem", "model", "sites", "model_fingerprint", "seed", "metric", "goal"),
    *("machine", "title", "tier", "illustrative", "catalogue_date", "refusal"),
    *("schedule", "schedule_kind", "chains", "steps", "n_samples", "n_warmup", "steps_per_sample"),
    *("beta", "beta_start", "shape", "levels", "step_s", "step_tau", "stop_at"),
    *("best_energy", "objective", "objective_unit", "feasible", "feasible_fraction", "gap_fraction"),
    *("distance", "distance_by_chance", "distance_kind", "faithful", "mapping", "clock", "sampling"),
    *("effective_samples", "tau_int_draws", "r_hat", "converged"),
    *("model_degree", "machine_degree", "cells_used", "longest_chain", "chain_break_fraction"),
    *("device_time_s", "wall_time_s"),
    *("boundary", "joules", "joules_low", "joules_high", "joules_at_least", "joules_without_idle"),
    *("joules_per_sample", "evidence"),
    *("joules_by_metric", "joules_by_metric_low", "joules_by_metric_high", "joules_by_metric_at_least"),
    *("joules_by_metric_boundary", "joules_by_metric_of_full_batch", "joules_by_metric_evidence"),
    *("stated_boundary", "stated_joules", "why_unknown"),
)


_SCHEDULE = COLUMNS[COLUMNS.index("chains") : COLUMNS.index("stop_at") + 1]
_EMBEDDING = COLUMNS[COLUMNS.index("model_degree") : COLUMNS.index("chain_break_fraction") + 1]


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
        "seed": document["seed"],
        "metric": document["metric"],
        "goal": document["goal"],
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
            flat |= _measured(row) | _joules(document, row)
            flat |= {name: row["schedule"].get(name) for name in _SCHEDULE}
            flat |= {"schedule": schedule_text(row["schedule"]), "schedule_kind": row["schedule"]["kind"]}
            flat |= {name: row["notes"].get("embedding", {}).get(name) for name in _EMBEDDING}
            flat["objective_unit"] = problem.get("unit") or None
        rows.append(flat)
    return rows


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    answer, sampling, distance = row["answer"], row["sampling"] or {}, row["distance"] or {}
    return {
        "tier": row["notes"].get("tier"),
        "illustrative": row["illustrative"],
        "catalogue_date": row["catalogue_date"],
        "best_energy": answer["best_energy"],
        "objective": answer["objective"],
        "feasible": answer["feasible"],
        "feasible_fraction": answer["valid_fraction"],
        "gap_fraction": answer["gap"],
        "distance": distance.get("value"),
        "distance_by_chance": distance.get("floor"),
        "distance_kind": distance.get("kind"),
        "faithful": distance.get("faithful"),
        "mapping": distance.get("mapping"),
        "clock": distance.get("clock"),
        "sampling": distance.get("sampling"),
        "effective_samples": sampling.get("worst_ess"),
        "tau_int_draws": sampling.get("worst_tau_int"),
        "r_hat": sampling.get("worst_r_hat"),
        "converged": sampling.get("converged"),
        "device_time_s": row["device_time_s"],
        "wall_time_s": row["wall_time_s"],
    }


def _joules(document: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    joules = row["joules"]
    ledger, stated, quality = joules["at_boundary"], joules["stated"], joules["quality"]
    low, high = ledger["interval"] or (None, None)
    return {
        "boundary": ledger["boundary"],
        "joules": ledger["joules"],
        "joules_low": low,
        "joules_high": high,
        "joules_at_least": ledger["lower_bound"] if ledger["joules"] is None else None,
        "joules_without_idle": ledger["without_idle"],
        "joules_per_sample": ledger["per_sample"],
        "evidence": ledger["evidence"],
        "joules_by_metric": quality["joules"],
        "joules_by_metric_low": quality["low"],
        "joules_by_metric_high": quality["high"],
        "joules_by_metric_at_least": quality["at_least"],
        "joules_by_metric_boundary": quality["boundary"],
        "joules_by_metric_of_full_batch": quality["full_batch"],
        "joules_by_metric_evidence": quality["evidence"],
        "stated_boundary": stated["boundary"],
        "stated_joules": stated["joules"],
        "why_unknown": "; ".join(costs.reasons(document, row)) or None,
    }


def to_csv(documents: Iterable[Mapping[str, Any]]) -> str:
    """The flat rows of all documents as comma-separated values under one heading."""
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, fieldnames=COLUMNS, lineterminator="\n")
    table.writeheader()
    for document in documents:
        table.writerows(flat_rows(document))
    return buffer.getvalue()


_RATIO = (
    *("a", "b", "value", "median", "low", "high", "probability_below_1", "boundary", "evidence", "quality"),
    "reason",
)
_LEDGER = (
    *("item", "boundary", "count", "count_low", "count_high", "unit", "price", "low", "high", "joules"),
    *("included_in", "evidence", "source", "locator", "note"),
)


def ratios_csv(documents: Iterable[Mapping[str, Any]]) -> str:
    """One row per pair of machines; an empty cell is unknown, and `reason` says why."""
    rows = [[document["title"], *map(ratio.get, _RATIO)] for document in documents for ratio in document["ratios"]]
    return _csv(["problem", *_RATIO], rows)


def ledgers_csv(documents: Iterable[Mapping[str, Any]]) -> str:
    """One row per component of each machine's joules at the common boundary."""
    rows = [
        [document["title"], row["machine"], *map(one.get, _LEDGER)]
        for document in documents
        for row in document["rows"]
        if not row["refusal"]
        for one in row["joules"]["at_boundary"]["rows"]
    ]
    return _csv(["problem", "machine", *_LEDGER], rows)


_COMPONENTS = ("Item", "Count", "Price", "Range", "Joules", "Boundary", "Evidence", "Source")


def ledger_markdown(row: Mapping[str, Any]) -> str:
    """The ledger of one machine: every component of its joules, with its evidence and source, and the total."""
    lines = [_md_row(_COMPONENTS), _md_row(["---"] * len(_COMPONENTS))]
    lines += [_md_row(map(_md, entries)) for entries in _components(row)]
    return "\n".join([*lines, ""])


def ledger_latex(row: Mapping[str, Any]) -> str:
    r"""The same for a paper; it needs `\usepackage{booktabs}`."""
    *components, whole = _components(row)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'l' * len(_COMPONENTS)}}}",
            r"\toprule",
            _tex_row(_COMPONENTS),
            r"\midrule",
            *map(_tex_row, components),
            r"\midrule",
            _tex_row(whole),
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _components(row: Mapping[str, Any]) -> list[list[str]]:
    """The rows of a ledger, and the total."""
    ledger = row["joules"]["at_boundary"]
    found = []
    for one in ledger["rows"]:
        unit = one["unit"]
        priced = NONE if one["price"] is None else amount(one["price"], unit)
        ends = NONE if one["low"] is None else f"{amount(one['low'], unit)} to {amount(one['high'], unit)}"
        joules = f"in {one['included_in']}" if one["included_in"] else si(one["joules"], "J")
        counted = si(one["count"], {"W": "s", "1": "J"}.get(unit, ""))
        source = f"{one['source']}, {one['locator']}" if one["locator"] else one["source"]
        grade = costs.grade(one["evidence"])
        found.append([one["item"], counted, priced, ends, joules, one["boundary"], grade, source or NONE])
    total = costs.total(ledger).text
    return [*found, ["Whole run", "", "", "", total, ledger["boundary"] or NONE, costs.grade(ledger["evidence"]), ""]]


_CLAIM = ("name", "statement", "claimed", "boundary", "quality", "holds")
_CLAIM_RATIO = ("value", "median", "low", "high", "probability")


def claims_csv(documents: Iterable[Mapping[str, Any]]) -> str:
    """One row per claim, and one for each assumption that was changed in it; `kind` says which."""
    rows = []
    for document in documents:
        told, ratio = [document.get(key) for key in _CLAIM], document["ratio"] or {}
        last = [document["evidence"], document["verdict"]]
        rows.append([*told[:1], "claim", "", *told[1:], *map(ratio.get, _CLAIM_RATIO), *last])
        for one in document["breaks"]:
            found = [one["ratio"], None, None, None, None, None, one["note"]]
            rows.append([*told[:1], one["kind"], one["label"], *told[1:-1], one["holds"], *found])
    return _csv(["name", "kind", "assumption", *_CLAIM[1:], *_CLAIM_RATIO, "evidence", "text"], rows)


def claims_latex(documents: Iterable[Mapping[str, Any]]) -> str:
    r"""A table for each claim: its verdict, and the ratio under each assumption; it needs `\usepackage{booktabs}`."""
    tables = []
    for document in documents:
        rows = [["as stated", document["ratio"]["value"], document["holds"]]] if document["ratio"] else []
        rows += [[one["label"], one["ratio"], one["holds"]] for one in document["breaks"]]
        words = {True: "holds", False: "does not hold", None: NONE}
        tables.append(
            "\n".join(
                [
                    r"\begin{table}",
                    rf"\caption{{{_tex(document['verdict'])}}}",
                    r"\begin{tabular}{lll}",
                    r"\toprule",
                    _tex_row(["Assumption", "Ratio", "Claim"]),
                    r"\midrule",
                    *(_tex_row([label, times(ratio), words[holds]]) for label, ratio, holds in rows),
                    r"\bottomrule",
                    r"\end{tabular}",
                    r"\end{table}",
                    "",
                ]
            )
        )
    return "\n".join(tables)


def _csv(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(heads)
    table.writerows(rows)
    return buffer.getvalue()


_RATIO_HEADS = ("Ratio of joules", "Value", "95 % interval", "P(ratio < 1)", "Boundary", "Evidence", "Equal quality")


def _ratios(document: Mapping[str, Any]) -> list[list[str]]:
    """The table of ratios; those of an older file have no probability, and ranges instead of intervals."""
    return [
        [
            f"{ratio['a']} ÷ {ratio['b']}",
            times(ratio["value"]),
            f"{_end(ratio['low'])} to {_end(ratio['high'])}",
            chance(ratio.get("probability_below_1")),
            ratio["boundary"] or NONE,
            costs.grade(ratio["evidence"]),
            ratio.get("quality") or NONE,
        ]
        for ratio in document["ratios"]
        if ratio["value"] is not None
    ]


def _end(value: float | None) -> str:
    return NONE if value is None else times(value)


def headings(document: Mapping[str, Any]) -> list[str]:
    """The columns of the short table."""
    quality = ["Feasible", "Gap"] if document["schedule"]["kind"] == "anneal" else ["Distance", "Effective samples"]
    return [
        "Machine",
        "Answer",
        *quality,
        *(["Chain breaks"] if _embedded(document) else []),
        "Device time",
        "J, whole run",
        "J per sample",
        "J" + document["metric"].removeprefix("joules"),
        "Evidence",
    ]


def _embedded(document: Mapping[str, Any]) -> bool:
    return any(costs.chain_breaks(row) is not None for row in document["rows"])


def cells(document: Mapping[str, Any], row: Mapping[str, Any]) -> list[Cell]:
    """A row of the short table, after the machine; for a machine that ran."""
    if document["schedule"]["kind"] == "anneal":
        quality = [Cell(percent(row["answer"]["valid_fraction"])), costs.gap(row)]
    else:
        quality = [costs.distance(row), costs.effective_samples(row)]
    ledger = row["joules"]["at_boundary"]
    return [
        costs.answer(row),
        *quality,
        *([Cell(percent(costs.chain_breaks(row)))] if _embedded(document) else []),
        Cell(si(row["device_time_s"], "s")),
        costs.total(ledger),
        Cell(si(ledger["per_sample"], "J")),
        costs.quality(row["joules"]["quality"]),
        Cell(costs.grade(costs.evidence(row))),
    ]


def to_markdown(documents: Iterable[Mapping[str, Any]]) -> str:
    """The verdict, tables of machines and ratios and the reasons for their gaps, in GitHub's Markdown."""
    return "\n".join(_markdown(document) for document in documents)


def checklist_markdown(document: Mapping[str, Any]) -> str:
    """The fairness checklist of a comparison as a table."""
    rows = [[one["item"], one["state"], one["reason"]] for one in checklist(document)]
    heads = ["Fairness checklist", "State", "Why"]
    return "\n".join([_md_row(heads), _md_row(["---"] * 3), *(_md_row(map(_md, row)) for row in rows), ""])


def _markdown(document: Mapping[str, Any]) -> str:
    heads = headings(document)
    lines = [
        f"## {_md(document['title'])}",
        "",
        f"**{_md(document['verdict'])}**",
        "",
        _md(f"{'; '.join(_circumstances(document))}."),
        "",
        _md_row(heads),
        _md_row(["---"] * len(heads)),
    ]
    notes = []
    for row in document["rows"]:
        refused = ["refused", *[NONE] * (len(heads) - 2)]
        body = refused if row["refusal"] else cells(document, row)
        label = " *illustrative*" if row.get("illustrative") else ""
        lines.append(_md_row([f"`{row['machine']}`{label}", *(_md(str(cell)) for cell in body)]))
        if own := costs.own_schedule(document, row):
            notes.append(f"- `{row['machine']}`: ran {_md(own)}")
        if why := gaps(document, row):
            notes.append(f"- `{row['machine']}`: {_md(why)}")
    return "\n".join(
        [*lines, *(["", *notes] if notes else []), *_markdown_ratios(document), *_markdown_lanes(document), ""]
    )


def _markdown_ratios(document: Mapping[str, Any]) -> list[str]:
    ratios = _ratios(document)
    heads = [_md_row(map(_md, _RATIO_HEADS)), _md_row(["---"] * len(_RATIO_HEADS))]
    return ["", "### Ratios", "", *heads, *(_md_row(map(_md, entries)) for entries in ratios)] if ratios else []


def _markdown_lanes(document: Mapping[str, Any]) -> list[str]:
    """What each lane of each machine does, and the bottlenecks; nothing where no machine tells."""
    told = [(row, timeline) for row in document["rows"] if (timeline := costs.timed(row)) is not None]
    if not told:
        return []
    heads = ["Machine", *lanes.HEADINGS]
    lines = ["", "### Device time by lane", "", _md_row(heads), _md_row(["---"] * len(heads))]
    for row, timeline in told:
        lines += [_md_row([f"`{row['machine']}`", *map(_md, entries)]) for entries in lanes.utilisation(timeline)]
    return [*lines, "", *(f"- `{row['machine']}`: {_md(costs.bottleneck(row))}" for row, _ in told)]


def _circumstances(document: Mapping[str, Any]) -> list[str]:
    """Under what the machines were compared."""
    found = [schedule_text(document["schedule"]), f"seed {document['seed']}", f"boundary {document['boundary_note']}"]
    if goal := costs.goal(document):
        found.append(f"counts as solved: {goal}")
    ran = [row for row in document["rows"] if not row["refusal"]]
    found += [f"{row['machine']} timed as {tier}" for row in ran if (tier := costs.tier(row))]
    return found + [f"usage of {name}: {usage}" for name, usage in sorted(document.get("usage", {}).items())]


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
            label = " (illustrative)" if row["illustrative"] else ""
            lines.append(_tex_row([row["machine"] + label, *map(str, cells(document, row))]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [
        rf"\par\footnotesize {_tex(row['machine'])}: {_tex(gaps(document, row))}."
        for row in document["rows"]
        if not row["refusal"] and gaps(document, row)
    ]
    told = [*_circumstances(document)]
    for machine, uplifts in sorted(document["uplifts"].items()):
        told += [f"uplift given for {machine} to the {boundary}: {text}" for boundary, text in sorted(uplifts.items())]
    if any(row["joules"]["quality"]["full_batch"] for row in document["rows"] if not row["refusal"]):
        told.append("joules by metric are those of a share of a full batch where the machine has one")
    lines.append(rf"\par\footnotesize {_tex('; '.join(told))}.")
    if ratios := _ratios(document):
        lines += [r"\par\medskip", rf"\begin{{tabular}}{{{'l' * len(_RATIO_HEADS)}}}", r"\toprule"]
        lines += [_tex_row(_RATIO_HEADS), r"\midrule", *map(_tex_row, ratios), r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, r"\end{table}", ""])


def _tex_row(entries: Iterable[str]) -> str:
    return " & ".join(map(_tex, entries)) + r" \\"


_TEX = {
    **{letter: "\\" + letter for letter in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"β": r"$\beta$", "µ": r"$\mu$", "×": r"$\times$", "÷": r"$\div$", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "—": "---", "…": r"\ldots{}", "·": r"$\cdot$"},
}
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def _tex(text: str) -> str:
    escaped = "".join(_TEX.get(letter, letter) for letter in " ".join(text.split()))
    return re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: f"$^{{{found[0].translate(_LOWERED)}}}$", escaped)
