"""The command line: what it prints and writes, and one clear line for everything that is wrong."""

import csv
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import pbits
from pbits import report
from pbits.cli import app

QUICK = ["--seed", "1", "--chains", "2"]


@pytest.fixture(name="cli")
def cli_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, list(args))


def refused(result, *parts):
    """The call failed with one line on stderr that holds all parts, and printed no traceback."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def written(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_version(cli):
    assert cli("--version").output == f"pbits {pbits.__version__}\n"


@pytest.mark.parametrize("command", [[], ["run"], ["compare"], ["catalogue"], ["explain"], ["report"]])
def test_help_reads_like_documentation(cli, command):
    result = cli(*command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output


def test_help_and_version_load_neither_compiler_nor_plots():
    code = (
        "import sys; from pbits.cli import main; sys.argv = ['pbits', '--version']\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'numba', 'matplotlib', 'jinja2', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_run_prints_and_keeps_what_it_did(cli, tmp_path):
    result = cli("run", "and-gate", "-m", "fpga-all-to-all", "--samples", "50", *QUICK, "-o", "gate.npz")
    assert result.exit_code == 0, result.output
    kept = pbits.Run.load(tmp_path / "gate.npz")
    assert (kept.n_samples, kept.record["seed"], kept.machine) == (100, 1, "fpga-all-to-all")
    assert report.si(pbits.price(kept).joules, "J") in result.output
    assert report.si(kept.device_time_s, "s") in result.output


def test_run_of_an_anneal_takes_its_options(cli, tmp_path):
    result = cli(
        *("run", "capitals", "--sweeps", "30", "--beta-start", "0.002", "--beta-stop", "0.02"),
        *("--shape", "linear", *QUICK, "-o", "trip.npz"),
    )
    assert result.exit_code == 0, result.output
    schedule = pbits.Run.load(tmp_path / "trip.npz").schedule
    assert (schedule.total_steps, schedule.shape, schedule.chains) == (30, "linear", 2)
    assert (schedule.beta_start, schedule.beta) == (0.002, 0.02)


def test_explain_names_seed_counts_and_sources(cli, tmp_path):
    cli("run", "and-gate", "-m", "fpga-all-to-all", "--samples", "50", *QUICK, "-o", "gate.npz")
    result = cli("explain", "gate.npz")
    assert result.exit_code == 0, result.output
    kept = pbits.Run.load(tmp_path / "gate.npz")
    for part in (kept.model.fingerprint(), "stream version", "weight_read", "weakest evidence"):
        assert part in result.output
    for row in pbits.price(kept).rows:
        assert row.item in result.output


def test_compare_writes_all_formats_and_ends_with_the_verdict(cli, tmp_path):
    result = cli(
        *(
            "compare",
            "and-gate",
            "-m",
            "ideal",
            "-m",
            "fpga-kv260",
            "-m",
            "fpga-all-to-all",
            "--samples",
            "60",
        ),
        *(*QUICK, "--json", "--csv", "--markdown"),
    )
    assert result.exit_code == 0, result.output
    assert written(tmp_path) == ["report.csv", "report.html", "report.json", "report.md"]
    (document,) = report.from_json(tmp_path / "report.json")
    assert [row["machine"] for row in document["rows"]] == ["ideal", "fpga-kv260", "fpga-all-to-all"]
    printed = " ".join(result.output.split())
    assert document["verdict"] in printed
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["machine"] for row in rows] == ["ideal", "fpga-kv260", "fpga-all-to-all"]
    assert tuple(rows[0]) == report.COLUMNS
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert report.to_html([document]) == html


def test_report_makes_the_same_page_from_json(cli, tmp_path):
    cli("compare", "and-gate", "-m", "ideal", "--samples", "60", *QUICK, "--json")
    assert cli("report", "report.json", "-o", "again.html").exit_code == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "report.html").read_bytes()


def test_uplifts_reach_the_boundary_asked_for(cli, tmp_path):
    result = cli(
        *(
            "compare",
            "and-gate",
            "-m",
            "embedded:extropic-z1",
            "--samples",
            "60",
            *QUICK,
            "--boundary",
            "board",
        ),
        *("--uplift", "embedded:extropic-z1:board=factor:1.2,power:10W", "--json"),
    )
    assert result.exit_code == 0, result.output
    (document,) = report.from_json(tmp_path / "report.json")
    (row,) = document["rows"]
    stated, at = row["joules"]["stated"], row["joules"]["at_boundary"]
    assert at["boundary"] == "board"
    assert at["joules"] == pytest.approx(1.2 * stated["joules"] + 10 * row["device_time_s"])


def test_catalogue_lists_and_shows(cli):
    listing = cli("catalogue")
    assert listing.exit_code == 0, listing.output
    assert all(name in listing.output for name in pbits.available())
    shown = cli("catalogue", "show", "extropic-z1")
    spec = pbits.load("extropic-z1").spec
    assert shown.exit_code == 0, shown.output
    assert all(key in shown.output for key in spec.parameters)
    assert all(key in shown.output for key in spec.sources)
    assert "not stated" in shown.output
    assert "7.09 fJ" in shown.output


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["run", "capitels"], ["capitels", "did you mean 'capitals'"]),
        (["run", "capitals", "-m", "fpga-kv26"], ["did you mean 'fpga-kv260'"]),
        (["run", "capitals", "-m", "missing.toml"], ["missing.toml"]),
        (["run", "capitals", "--beta", "-1"], ["beta is -1"]),
        (["run", "capitals", "--beta", "nan"], ["beta is nan"]),
        (["run", "and-gate", "--samples", "0"], ["n_samples is 0", "at least 1"]),
        (["run", "and-gate", "--sweeps", "9"], ["--beta-start"]),
        (["run", "capitals", "--sweeps", "9", "--samples", "9"], ["one kind"]),
        (["run", "capitals", "--shape", "round"], ["round", "geometric"]),
        (["run", "capitals", "--boundary", "moon"], ["moon", "facility"]),
        (["run", "diabetes", "-m", "fpga-kv260"], ["fpga-kv260 cannot hold", "real"]),
        (["compare", "and-gate", "-m", "ideal", "-m", "ideal"], ["more than once"]),
        (["compare", "and-gate", "--uplift", "ideal=3"], ["factor:1.2,power:10W"]),
        (["compare", "and-gate", "--uplift", "ideal:board=factor:0.5"], ["at least 1"]),
        (["compare", "and-gate", "--uplift", "ideal:board=power:10s"], ["10 s", "in W"]),
        (["compare", "and-gate", "--uplift", "gpu-v100-sxm2:wall=power:10W"], ["not in this comparison"]),
        (["compare", "and-gate", "-o", "report.json", "--json"], ["asked for twice"]),
        (["catalogue", "show", "extropic-z"], ["did you mean 'extropic-z1'"]),
        (["explain", "missing.npz"], ["missing.npz"]),
        (["report", "missing.json"], ["missing.json"]),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(cli, tmp_path, args, parts):
    refused(cli(*args), *parts)
    assert written(tmp_path) == []


# NumPy leaves a file open whose archive is cut short.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_bad_files_are_one_line(cli, tmp_path):
    (tmp_path / "nan.txt").write_text("2 1\n1 2 nan\n")
    refused(cli("run", "nan.txt"), "nan.txt, line 2", "finite")
    (tmp_path / "cut.tsp").write_text(
        "NAME: cut\nTYPE: TSP\nDIMENSION: 3\nEDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n1 0 0\n2 1"
    )
    refused(cli("run", "cut.tsp"), "cut.tsp")
    cli("run", "and-gate", "--samples", "20", *QUICK, "-o", "whole.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:900])
    refused(cli("explain", "cut.npz"), "cut.npz is not a whole run file")
    (tmp_path / "cut.json").write_text('{"schema": "pbits-report/1", "comp')
    refused(cli("report", "cut.json", "-o", "page.html"), "cut.json is not whole JSON")
    (tmp_path / "bad.toml").write_text("schema = 1\nname = ")
    refused(cli("run", "and-gate", "-m", "bad.toml"), "bad.toml is not valid TOML")
    assert "page.html" not in written(tmp_path)


@pytest.mark.parametrize(
    "args", [["run", "capitals", "-o"], ["compare", "capitals", "-o"], ["report", "any.json", "-o"]]
)
def test_places_are_checked_before_the_work(cli, tmp_path, monkeypatch, args):
    monkeypatch.setattr("pbits.problems.read", lambda name: pytest.fail("work began"))
    refused(cli(*args, "missing/out.html"), "there is no folder 'missing'")
    (tmp_path / "folder").mkdir()
    refused(cli(*args, "folder"), "it is a folder")


def test_unknown_commands_suggest_the_nearest(cli):
    result = cli("rnu")
    assert result.exit_code == 2
    assert "Did you mean 'run'?" in result.stderr


def test_interrupting_is_one_line_and_130(cli, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pbits.compare", interrupted, raising=False)
    result = cli("compare", "and-gate")
    assert result.exit_code == 130
    assert result.stderr.splitlines() == ["interrupted; nothing was written"]
    assert written(tmp_path) == []


def test_the_installed_command_reports_failure_to_the_shell(tmp_path):
    code = "from pbits.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "nothing.tsp"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "COLUMNS": "80"}, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no file 'nothing.tsp'")
    assert len(done.stderr.splitlines()) == 1
