"""Documents on disk: exact round trips, atomic writing, and refusals that say what was expected."""

import copy
import json
import os
import re
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbits import report
from pbits.report.quantities import number, si


def test_round_trip_is_exact_and_canonical(anneal, sampling, tmp_path):
    text = report.to_json([anneal, sampling])
    path = report.write_text(tmp_path / "both.json", text)
    assert report.from_json(path) == [anneal, sampling]
    assert report.to_json(report.from_json(path)) == text
    backwards = dict(reversed(list(anneal.items())))
    assert report.to_json([backwards, sampling]) == text


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda text: text[: len(text) // 2], "not whole JSON"),
        (lambda text: text.replace("pbits-report/1", "pbits-report/9"), "expected 'pbits-report/1'"),
        (lambda text: "[1, 2]", "expected 'pbits-report/1'"),
        (lambda text: text.replace('"verdict"', '"vredict"'), r"comparisons\[0\]\.verdict is missing"),
        (lambda text: text.replace('"trace"', '"tracks"'), r"comparisons\[0\]\.rows\[0\]\.trace is missing"),
        (lambda text: text.replace('"seed": 7', '"seed": NaN'), "NaN is not JSON"),
        (lambda text: text.replace('"comparisons"', '"runs"'), "comparisons is missing"),
    ],
)
def test_a_spoilt_file_is_refused_by_name(spoil, expected, anneal, tmp_path):
    path = tmp_path / "spoilt.json"
    path.write_text(spoil(report.to_json([anneal])), encoding="utf-8")
    with pytest.raises(ValueError, match=expected) as refusal:
        report.from_json(path)
    assert "spoilt.json" in str(refusal.value)


def places(value, path=()):
    """The path of every key and every entry of a nested document."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def follow(value, path):
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("rows", 1, "joules", "stated"), "comparisons[0].rows[1].joules.stated is missing"),
        (("rows", 1, "joules", "stated", "rows", 0, "unit"), ".joules.stated.rows[0].unit is missing"),
        (("rows", 0, "trace", "sweeps"), "comparisons[0].rows[0].trace.sweeps is missing"),
        (("schedule", "kind"), "comparisons[0].schedule.kind is missing"),
        (("rows", 2, "schedule", "beta_start"), "comparisons[0].rows[2].schedule.beta_start is missing"),
    ],
)
def test_what_is_missing_deep_inside_is_named_by_its_path(path, expected, anneal, tmp_path):
    del follow(anneal, path[:-1])[path[-1]]
    file = report.write_text(tmp_path / "one.json", report.to_json([anneal]))
    with pytest.raises(ValueError, match=re.escape(expected)):
        report.from_json(file)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("ratios",), [1], "comparisons[0].ratios[0] is 1; expected an object"),
        (("rows", 1, "joules", "at_boundary", "interval"), [1.0], "interval is a list of 1; expected a list of 2"),
        (("schedule", "kind"), "anneel", """schedule.kind is "anneel"; expected 'anneal' or 'sample'"""),
        (("rows", 1, "illustrative"), 1, "rows[1].illustrative is 1; expected true or false"),
        (("rows", 1, "wall_time_s"), True, "rows[1].wall_time_s is true; expected a number"),
        (("rows", 0, "picture"), {"kind": "tour"}, "rows[0].picture.coordinates is missing"),
        (("rows", 0, "picture", "kind"), [], "rows[0].picture.kind is a list of 0; expected text"),
        (("rows", 1, "notes", "embedding"), 3, "rows[1].notes.embedding is 3; expected an object"),
    ],
)
def test_what_is_wrong_deep_inside_is_named_by_its_path(path, value, expected, anneal, tmp_path):
    follow(anneal, path[:-1])[path[-1]] = value
    file = report.write_text(tmp_path / "one.json", report.to_json([anneal]))
    with pytest.raises(ValueError, match=re.escape(expected)):
        report.from_json(file)


@given(data=st.data())
def test_a_document_without_something_is_refused_or_makes_every_report(data, originals, tmp_path_factory):
    document = copy.deepcopy(data.draw(st.sampled_from(originals)))
    *path, last = data.draw(st.sampled_from(list(places(document))))
    if data.draw(st.booleans()):
        del follow(document, path)[last]
    else:
        follow(document, path)[last] = data.draw(st.sampled_from([None, 1, "text", [1], {"a": 1}]))
    file = report.write_text(tmp_path_factory.getbasetemp() / "spoilt.json", report.to_json([document]))
    try:
        whole = report.from_json(file)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
        for render in (report.to_csv, report.to_markdown, report.to_latex, report.summary):
            render(whole)
    assert not refusal or "spoilt.json: comparisons[0]" in refusal


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "image.json"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ValueError, match="not whole JSON"):
        report.from_json(path)


def test_write_text_replaces_whole_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "page.html"
    report.write_text(path, "old")
    assert report.write_text(path, "new β") == path
    assert path.read_text(encoding="utf-8") == "new β"
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600


def test_write_text_refuses_a_missing_folder_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        report.write_text(tmp_path / "missing" / "page.html", "text")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        report.write_text(tmp_path, "text")


def test_a_write_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    path = report.write_text(tmp_path / "page.html", "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"cannot write .*page.html: No space"):
        report.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


def test_importing_the_package_loads_no_plotting():
    code = "import sys, pbits.report; print(sorted({'matplotlib', 'jinja2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.floats(1e-20, 1e19))
def test_si_is_right_to_three_digits(value):
    text, unit = si(value, "J").split()
    power = {"z": -21, "a": -18, "f": -15, "p": -12, "n": -9, "µ": -6, "m": -3, "": 0}
    power |= {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
    assert 1 <= float(text) < 1000
    assert float(text) * 10.0 ** power[unit.removesuffix("J")] == pytest.approx(value, rel=0.006)


@given(st.floats(-1e12, 1e12))
def test_number_is_right_to_three_digits(value):
    text = number(value).replace(",", "")
    mantissa, _, power = text.partition(" × 10")
    lowered = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert float(mantissa) * 10.0 ** int(lowered or 0) == pytest.approx(value, rel=0.006)


def test_json_is_what_it_says(anneal):
    whole = json.loads(report.to_json([anneal]))
    assert set(whole) == {"schema", "comparisons"}
