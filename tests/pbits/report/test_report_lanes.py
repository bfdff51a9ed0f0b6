"""Bottlenecks in words, and what a machine did when as a picture."""

import re
import subprocess
import sys

import pytest

import pbits
from hardware_models.timeline import Cycle, Work, play
from pbits import report
from pbits.report import plots
from pbits.report.lanes import HEADINGS


def timeline(sweep, read, send, number=300, buffers=1, program=None):
    works = [Work(phase="sweeping", seconds=sweep), Work(phase="read-out", seconds=read)]
    if send:
        works.append(Work(phase="transfer", seconds=send))
    before = [] if program is None else [Work(phase="programming", seconds=program)]
    return play([*before, Cycle(works=works, repeat=number)], buffers=buffers).to_dict()


def test_the_slowest_lane_is_named_first_with_all_its_pieces():
    assert report.bottleneck(timeline(20e-9, 25e-6, 0)) == (
        "300 read-outs of 25 µs take 7.5 ms, and sampling takes 6 µs: the read-out is the bottleneck. "
        "Infinitely fast sampling would save 6 µs of 7.51 ms (0.0799 %)."
    )


def test_with_two_buffers_faster_sampling_saves_one_sweep_and_slower_costs_nothing_up_to_balance():
    found = timeline(20e-9, 25e-6, 0, buffers=2)
    assert report.bottleneck(found, 1).endswith(
        "Infinitely fast sampling would save 20 ns of 7.5 ms (0.000267 %). The read-out of a frame takes 25 µs and its "
        "sampling 20 ns: up to steps_per_sample = 1,250, more sweeps cost no device time."
    )
    # It is so: 1,250 sweeps a frame only fill the pipeline, and one more is one more for each frame.
    balanced, over = (timeline(steps * 20e-9, 25e-6, 0, buffers=2) for steps in (1250, 1300))
    assert balanced["device_time_s"] == pytest.approx(found["device_time_s"] + 1249 * 20e-9, rel=1e-12)
    assert over["device_time_s"] == pytest.approx(300 * 26e-6 + 25e-6, rel=1e-12)


def test_sampling_that_is_slowest_needs_no_advice():
    assert report.bottleneck(timeline(1e-3, 25e-6, 1e-6), 4) == (
        "Sampling takes 300 ms, 300 read-outs of 25 µs take 7.5 ms, and 300 transfers of 1 µs take 300 µs: sampling is "
        "the bottleneck."
    )


def test_one_piece_is_not_counted_out():
    assert report.bottleneck(timeline(1e-6, 2e-6, 0, number=1)).startswith(
        "The read-out takes 2 µs, and sampling takes 1 µs: the read-out is the bottleneck."
    )


def test_what_is_not_stated_names_no_bottleneck_and_draws_nothing():
    found = timeline(1e-6, None, 0)
    assert report.bottleneck(found, 3) == "How long read-out takes is not stated, so no bottleneck can be named."
    assert report.utilisation(found)[1] == ["read-out", "300", "not stated", "—", "—"]
    with pytest.raises(ValueError, match="no spans"):
        report.gantt(found)


@pytest.mark.parametrize("told", [report.bottleneck, report.utilisation, report.gantt])
def test_a_run_without_a_timeline_is_refused(told):
    with pytest.raises(ValueError, match="stored without a timeline; run it again"):
        told(None)


def test_no_time_is_no_bottleneck():
    assert report.bottleneck(play([]).to_dict()) == "Nothing takes device time."


def test_every_lane_has_a_row_under_the_headings():
    rows = report.utilisation(timeline(1e-6, 2e-6, 1e-6, buffers=2, program=1e-3))
    assert [row[0] for row in rows] == ["programming", "sampling", "read-out", "transfer"]
    assert {len(row) for row in rows} == {len(HEADINGS)}
    # 1 ms, a sweep, 300 read-outs and a transfer: 1.602 ms.
    assert rows[2] == ["read-out", "300", "600 µs", "37.5 %", "301 µs"]


def bars(axes):
    return [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_y(), bar.get_height()) for bar in axes.patches]


def test_bars_lie_where_the_spans_do_and_are_as_high_as_their_lane_is_busy():
    from matplotlib.figure import Figure

    found = timeline(1.0, 4.0, 0, number=2, buffers=2)
    axes = Figure().subplots()
    plots.draw_spans(axes, found, (0.0, 9.0))
    assert sorted(bar[:2] for bar in bars(axes)) == [(0, 1), (1, 2), (1, 5), (5, 9)]
    assert [bar[3] for bar in bars(axes)] == pytest.approx([0.7] * 4)
    axes = Figure().subplots()
    plots.draw_spans(axes, found, (4.0, 6.0))
    assert [bar[:2] for bar in bars(axes)] == [(0, 1), (1, 2)]
    axes = Figure().subplots()
    many = timeline(1.0, 4.0, 0, number=1000)
    plots.draw_spans(axes, many, (0.0, many["device_time_s"]))
    together = max(range(len(many["spans"])), key=lambda k: many["spans"][k]["end_s"] - many["spans"][k]["start_s"])
    assert {round(bars(axes)[k][3] / 0.7, 12) for k in (together, together - 1, together + 1)} >= {0.2, 0.8}


def test_the_first_frames_are_drawn_beside_a_run_that_hides_them():
    assert plots.first_frames(timeline(1.0, 4.0, 0, number=4)) is None
    start, end = plots.first_frames(timeline(1.0, 4.0, 0, number=300, program=1e3))
    assert (start, end) == pytest.approx((1001 - 0.15 * 19, 1020))
    assert plots.first_frames(play([Work(phase="sweeping", seconds=1.0)]).to_dict()) is None


def test_a_picture_is_one_svg_and_the_same_every_time():
    found = timeline(1.0, 4.0, 2.0, program=1e3)
    svg = report.gantt(found)
    assert svg == report.gantt(found)
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    assert all(word in svg for word in ("programming", "sampling", "read-out", "transfer", "its first frames"))
    assert len(svg) < 200_000


def test_the_timeline_of_a_run_survives_its_file(tmp_path):
    model = pbits.IsingModel([[0, 1], [1, 0]])
    run = pbits.run(model, "extropic-z1", pbits.Schedule(n_samples=5, n_warmup=1, chains=1), seed=1)
    assert pbits.Run.load(run.save(tmp_path / "run.npz")).timeline == run.timeline
    assert run.timeline["lanes"]["read-out"]["pieces"] == 5


def test_reports_show_each_machine_and_its_bottleneck(anneal):
    page, table = report.to_html([anneal]), report.to_markdown([anneal])
    for text in (page, table):
        assert "Device time by lane" in text
        assert "programming is the bottleneck" in text
    assert page.count('aria-label="what each lane of the machine does when"') == 1
    lines = table[table.index("### Device time by lane") :].splitlines()
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
    assert widths == {len(HEADINGS) + 2}


def test_a_document_of_before_has_no_timelines_and_makes_every_report(anneal):
    for row in anneal["rows"]:
        row.pop("timeline", None)
    assert "Device time by lane" not in report.to_html([anneal]) + report.to_markdown([anneal])


def test_words_about_lanes_need_no_plotting():
    code = "import sys, pbits.report; pbits.report.bottleneck; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
