"""Schema, figures, checklist and tables: one truth, and the same bytes every time."""

import copy
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from importlib import resources

import pytest

import pbits
from pbits import report
from pbits.parameters import Evidence
from pbits.report import plots
from pbits.report.schema import SCHEMAS, json_schema, schema_text

SWINGS = [
    {"label": "joules of an update", "keys": ["update"], "low": 0.1, "high": 3.0, "share": 0.9, "evidence": "assumed"},
    {"label": "joules of a read", "keys": ["read"], "low": 0.8, "high": 0.6, "share": 0.1, "evidence": "measured"},
]
FRONT = {
    **{"x": "joules", "y": "distance", "lower_is_better": True, "target": 0.05},
    "curves": [
        {"machine": "chip-a", "joules": [1e-9, 1e-8], "quality": [0.2, 0.04], "low": [0.1, 0.03], "high": [0.3, 0.06]}
    ],
}


@pytest.fixture
def full(anneal):
    """The anneal with what newer files hold."""
    anneal["ratios"][1] |= {"tornado": copy.deepcopy(SWINGS), "probability_below_1": 0.97, "median": 0.003}
    anneal["front"] = copy.deepcopy(FRONT)
    return anneal


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_the_one_that_files_are_checked_by(name):
    published = resources.files("pbits.report") / "schemas" / f"{name.replace('/', '-')}.json"
    assert published.read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda one: one.pop("verdict"), "verdict is missing"),
        (lambda one: one["front"]["curves"][0].pop("joules"), "front.curves[0].joules is missing"),
        (lambda one: one["ratios"][1]["tornado"][0].update(share="much"), "tornado[0].share"),
        (lambda one: one["rows"][1].update(illustrative=1), "rows[1].illustrative"),
        (lambda one: one["rows"][0]["picture"].update(coordinates=[[1.0]]), "picture.coordinates[0]"),
        (lambda one: one["schedule"].pop("beta_start"), "schedule.beta_start is missing"),
    ],
)
def test_reader_and_published_schema_refuse_the_same(spoil, place, full, sampling, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    sound = json.loads(report.to_json([full, sampling]))
    assert validator.is_valid(sound)
    spoil(full)
    file = report.write_text(tmp_path / "one.json", report.to_json([full]))
    assert not validator.is_valid(json.loads(file.read_text(encoding="utf-8")))
    with pytest.raises(ValueError) as refusal:
        report.from_json(file)
    assert place in str(refusal.value)


def digest(documents, folder):
    """Of every format, in the order in which they are written."""
    whole = hashlib.sha256()
    for render in (report.to_json, report.to_csv, report.to_markdown, report.to_latex, report.ratios_csv):
        whole.update(render(documents).encode())
    whole.update(report.ledgers_csv(documents).encode())
    for path in sorted(report.save_figures(documents, folder)):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def test_every_format_has_the_same_bytes_in_another_process(full, tmp_path):
    file = report.write_text(tmp_path / "one.json", report.to_json([full]))
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); from test_report_formats import digest;"
        f"from pbits import report; print(digest(report.from_json({str(file)!r}), {str(tmp_path / 'b')!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == digest(report.from_json(file), tmp_path / "a")


def test_figures_are_named_by_what_they_show_and_embed_their_letters(full, tmp_path):
    written = report.save_figures([full], tmp_path / "figures")
    names = {path.name for path in written}
    assert {"five-cities-front.pdf", "five-cities-ladder-chip-a.svg", "five-cities-tornado-chip-a-chip-b.pdf"} <= names
    assert all(b"/FontFile2" in path.read_bytes() for path in written if path.suffix == ".pdf")
    assert all(b"<text" not in path.read_bytes() for path in written if path.suffix == ".svg")
    with pytest.raises(ValueError, match="no figures as png; formats are svg, pdf"):
        report.save_figures([full], tmp_path, ["png"])


def test_the_checklist_is_honest(full):
    states = {one["item"]: one for one in report.checklist(full)}
    assert states["One boundary for all"]["state"] == "met"
    assert states["Joules of every machine"] == {
        "item": "Joules of every machine", "state": "not met", "reason": "not stated: ideal, chip-b",
    }  # fmt: skip
    assert states["Source of every price"]["reason"] == "a price without a source: chip-a"
    assert states["Power of the whole system at the wall, host and fans included"]["state"] == "not met"
    full["boundary"] = None
    assert {one["item"]: one["state"] for one in report.checklist(full)}["One boundary for all"] == "not met"


def test_tables_of_ratios_and_of_components(full):
    ratios = list(csv.DictReader(io.StringIO(report.ratios_csv([full]))))
    assert [(one["a"], one["value"], one["probability_below_1"]) for one in ratios][1] == ("chip-a", "0.0031", "0.97")
    assert ratios[0]["value"] == ""
    parts = [one for one in csv.DictReader(io.StringIO(report.ledgers_csv([full]))) if one["machine"] == "chip-a"]
    assert sum(float(one["joules"]) for one in parts) == pytest.approx(6.624e-11)
    assert "0.0031 | 2 × 10⁻⁴ to 0.04 | 97 % | board | assumed" in report.to_markdown([full])
    assert r"chip-a $\div$ chip-b & 0.0031" in report.to_latex([full])


def test_bars_of_a_tornado_start_at_the_value():
    """A lopsided swing: from 2 down to 1 and up to 50, not from √50."""
    swing = {"label": "a number", "keys": ["a"], "low": 1.0, "high": 50.0, "share": 1.0, "evidence": "assumed"}
    drawn = []
    bars = plots.Axes.barh

    def noted(self, place, width, left, **options):
        drawn.append(sorted((left, left + width)))
        return bars(self, place, width, left=left, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots.Axes, "barh", noted)
        plots.tornado([swing], 2.0, "ratio", "k")
    assert drawn == [[1.0, 2.0], [2.0, 50.0]]


def test_a_ledger_as_a_table(anneal):
    row = next(row for row in anneal["rows"] if not row["refusal"])
    lines = report.ledger_markdown(row).splitlines()
    assert len(lines) == 2 + len(row["joules"]["at_boundary"]["rows"]) + 1
    assert all(line.count(" | ") == 7 for line in lines)
    assert lines[-1].startswith("| Whole run |")
    table = report.ledger_latex(row)
    assert table.count(r"\\") == len(lines) - 1
    assert table.count("tabular") == 2


def test_claims_as_tables():
    checks = [pbits.Claim.load(name).check() for name in ("extropic-dtm", "singh-cmos-smtj")]
    rows = list(csv.DictReader(io.StringIO(report.claims_csv([one.to_dict() for one in checks]))))
    stated = [row for row in rows if row["kind"] == "claim"]
    assert [row["name"] for row in stated] == ["extropic-dtm", "singh-cmos-smtj"]
    assert float(stated[0]["value"]) == pytest.approx(checks[0].ratio.value)
    assert stated[1]["value"] == ""
    others = [row for row in rows if row["kind"] == "alternative"]
    assert {row["assumption"] for row in others} >= {one.label for one in checks[0].breaks if one.kind == "alternative"}
    table = checks[0].to_latex()
    assert table.count(r"\begin{tabular}") == table.count(r"\end{tabular}") == 1
    assert "does not hold" in table
    assert not re.search("[βµ×≥≤÷]", table)


def test_nothing_is_called_measured_whose_inputs_are_not():
    """The verdict and the summary name the weakest grade of any number that a ratio rests on."""
    ring = pbits.IsingModel.from_edges(4, [(k, (k + 1) % 4) for k in range(4)], 0.3)
    plan = pbits.Schedule(n_samples=1000, n_warmup=50, chains=16)
    found = pbits.compare(ring, ["fpga-all-to-all", "gpu-h100-sxm"], plan, seed=1)
    ratio = found.ratio("fpga-all-to-all", "gpu-h100-sxm")
    grades = {one.evidence for one in ratio.account.inputs.values() if one.evidence is not None}
    assert ratio.evidence is Evidence.weakest(grades) is not Evidence.MEASURED
    for text in (found.verdict(), report.summary([found.to_dict()])):
        assert f"weakest evidence: {ratio.evidence.value}" in text
        assert "evidence: measured" not in text
