"""Tables: every machine has a row, nothing unknown is a zero, and special characters stay harmless."""

import re

import pbits
from pbits import report
from pbits.report.costs import schedule_text


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


def test_quality_is_what_the_document_says(anneal):
    flat = report.flat_rows(anneal)[1]
    assert (flat["joules_by_metric"], flat["joules_by_metric_low"]) == (2.64e-10, 8e-11)
    assert "| 264 pJ |" in report.to_markdown([anneal])


def test_a_bound_is_shown_where_no_chain_succeeded(anneal):
    quality = anneal["rows"][1]["joules"]["quality"]
    quality |= {"joules": None, "at_least": 1.2e-9, "reason": "no chain reached the goal"}
    assert "| > 1.2 nJ |" in report.to_markdown([anneal]).replace("\\>", ">")
    assert "`chip-a`: joules per solution: no chain reached the goal" in report.to_markdown([anneal])


def test_a_share_of_a_full_batch_is_marked(anneal):
    anneal["rows"][1]["joules"]["quality"]["full_batch"] = True
    assert "264 pJ (share of a full batch)" in report.to_markdown([anneal])
    assert report.flat_rows(anneal)[1]["joules_by_metric_of_full_batch"] is True


def test_a_total_without_standby_is_told_from_a_total(anneal):
    anneal["rows"][2]["joules"]["at_boundary"]["without_idle"] = 4.7e-5
    assert "not stated (47 µJ without standby)" in report.to_markdown([anneal])
    assert "`chip-b`: the price of power.idle is not stated" in report.to_markdown([anneal])
    flat = report.flat_rows(anneal)[2]
    assert (flat["joules"], flat["joules_without_idle"]) == (None, 4.7e-5)


def test_every_row_has_the_schedule_of_its_own_run(anneal):
    assert [row["steps"] for row in report.flat_rows(anneal)] == [1000, 1000, 3000, None]
    assert "3,000 sweeps" in report.flat_rows(anneal)[2]["schedule"]
    assert report.to_markdown([anneal]).count("`chip-b`: ran geometric anneal, 3,000 sweeps") == 1
    assert "`chip-a`: ran" not in report.to_markdown([anneal])


def test_embedding_convergence_and_illustrative_machines_are_marked(anneal, sampling):
    embedded = report.flat_rows(anneal)[2]
    assert (embedded["chain_break_fraction"], embedded["cells_used"], embedded["machine_degree"]) == (0.031, 80, 16)
    assert "| Chain breaks |" in report.to_markdown([anneal])
    assert "| Chain breaks |" not in report.to_markdown([sampling])
    assert "`chip-b` *illustrative*" in report.to_markdown([anneal])
    assert "| 200 (not converged) |" in report.to_markdown([sampling])
    assert [row["converged"] for row in report.flat_rows(sampling)] == [True, False]


def test_what_counts_as_solved_is_said(anneal, sampling):
    assert "counts as solved: 15.2 km or better" in report.to_markdown([anneal])
    assert "counts as solved" not in report.to_markdown([sampling])


def test_only_a_verdict_against_a_machine_counts_as_fallen_short(anneal, sampling):
    assert "(1 fell short" in report.summary([anneal])
    assert "fell short" not in report.summary([sampling])
    sampling["rows"][1]["distance"]["faithful"] = False
    assert "(1 fell short" in report.summary([sampling])


def test_a_ratio_with_an_open_end_is_no_proof(anneal):
    anneal["ratios"][1] |= {"low": 0.0001, "high": None}
    assert "on 0 of the 1 ratios" in report.summary([anneal])


def test_markdown_has_equal_columns_and_escapes(anneal):
    anneal["rows"][0]["answer"]["text"] = "a | b * c; rest"
    machines, *_ = report.to_markdown([anneal]).split("###")
    table = [line for line in machines.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert r"a \| b \* c" in table[2]


def test_latex_escapes_what_would_not_compile(anneal):
    anneal["rows"][1]["machine"] = "a_b & 50 % #1 {x} ~ ^ \\"
    line = next(line for line in report.to_latex([anneal]).splitlines() if line.startswith("a"))
    escaped = r"a\_b \& 50 \% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} &"
    assert line.startswith(escaped)
    assert not re.search(r"[βµ×≥≤−—⁰¹²³⁻]", report.to_latex([anneal]))


def test_a_schedule_tells_its_moves():
    moves = pbits.Moves(kinds=["swap", "insert"], reach=8, tile=20)
    assert schedule_text(_told(moves)).endswith("4 chains, moves by swap, insert within 8 slots in tiles of 20 slots")
    assert schedule_text(_told(pbits.Moves(neighbours=10))).endswith("4 chains, moves to 10 neighbours")
    assert "moves" not in schedule_text(_told(None))


def _told(moves):
    schedule = pbits.Schedule.anneal(sweeps=5, beta_start=1, beta_stop=2, chains=4, moves=moves)
    return {"kind": schedule.kind, **schedule.to_dict()}
