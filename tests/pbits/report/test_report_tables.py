"""Tables: every machine has a row, nothing unknown is a zero, and special characters stay harmless."""

import re

import pytest

from pbits import report
from pbits.report.costs import cost


def test_flat_rows_hold_every_column_and_every_machine(anneal):
    rows = report.flat_rows(anneal)
    assert [row["machine"] for row in rows] == ["ideal", "chip-a", "chip-b", "grid-c"]
    assert all(tuple(row) == report.COLUMNS for row in rows)


def test_refusals_carry_all_reasons_and_no_figures(anneal):
    refused = report.flat_rows(anneal)[-1]
    assert refused["refusal"].count(";") == 1
    assert refused["joules"] is None
    assert refused["device_time_s"] is None


def test_unknown_joules_are_never_zero(anneal):
    ideal, _, partly, _ = report.flat_rows(anneal)
    assert ideal["joules"] is None
    assert (partly["joules"], partly["joules_at_least"]) == (None, 2.8e-11)
    assert "power.idle" in partly["why_unknown"]
    for text in (report.to_markdown([anneal]), report.to_latex([anneal]), report.to_html([anneal])):
        assert not re.search(r"(?<![\d.,])0 [a-zµ]?J\b", text)


def test_quality_is_taken_to_the_boundary_of_the_comparison(anneal):
    # Per solution and whole run are proportional: 2.2e-10 × 6.624e-11 / 5.52e-11.
    found = cost(anneal, anneal["rows"][1])
    assert found.boundary == "board"
    assert found.quality == pytest.approx(2.64e-10)
    assert found.quality_low == pytest.approx(2.2e-10 * 2e-11 / 5.52e-11)


def test_a_bound_is_shown_where_no_chain_succeeded(anneal):
    joules = anneal["rows"][1]["joules"]
    joules["per_solution"], joules["per_solution_at_least"] = None, 1e-9
    assert "| > 1.2 nJ |" in report.to_markdown([anneal]).replace("\\>", ">")
    assert "`chip-a`: no chain reached the goal" in report.to_markdown([anneal])


def test_markdown_has_equal_columns_and_escapes(anneal):
    anneal["rows"][0]["answer"]["text"] = "a | b * c; rest"
    table = [line for line in report.to_markdown([anneal]).splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert r"a \| b \* c" in table[2]


def test_latex_escapes_what_would_not_compile(anneal):
    anneal["rows"][1]["machine"] = "a_b & 50 % #1 {x} ~ ^ \\"
    line = next(line for line in report.to_latex([anneal]).splitlines() if line.startswith("a"))
    escaped = r"a\_b \& 50 \% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} &"
    assert line.startswith(escaped)
    assert not re.search(r"[βµ×≥≤−—⁰¹²³⁻]", report.to_latex([anneal]))
