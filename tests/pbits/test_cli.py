"""The command line: what it prints and writes, and one clear line for everything that is wrong."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

import pbits
from pbits import report
from pbits.cli import EXAMPLES, app
from pbits.runner import suggested_schedule

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


@pytest.mark.parametrize("command", [[], ["solve"], ["run"], ["compare"], ["catalogue"], ["explain"], ["report"]])
def test_help_reads_like_documentation(cli, command):
    result = cli(*command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output


@pytest.mark.parametrize("command", ["run", "compare"])
def test_help_lists_the_examples_and_the_schedule_that_suits(cli, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    text = " ".join(cli(command, "--help").output.split())
    assert tuple(pbits.problems.EXAMPLES) == EXAMPLES
    assert ", ".join(EXAMPLES) in text
    anneal = suggested_schedule(pbits.problems.read("capitals"))
    sample = suggested_schedule(pbits.problems.read("and-gate"))
    memory = suggested_schedule(pbits.problems.read("digits"))
    for part in (
        f"Default: {anneal.chains} to anneal, {sample.chains} to sample",
        f"Default: {anneal.total_steps}; to recall a memory {memory.total_steps}",
        f"Default: {sample.n_samples}.",
        f"Default: {sample.n_warmup}.",
        f"Default: {sample.beta:g}.",
        f"Default: {anneal.shape}.",
        f"annealing {anneal.chains} chains × {anneal.total_steps} sweeps",
        f"sampling {sample.chains} chains × {sample.n_samples} draws at β = {sample.beta:g}",
    ):
        assert part in text


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


def test_run_of_sampling_says_how_far_to_trust_it(cli, tmp_path):
    result = cli("run", "and-gate", "-m", "embedded:extropic-z1", "--samples", "300", *QUICK, "-o", "gate.npz")
    assert result.exit_code == 0, result.output
    kept = pbits.Run.load(tmp_path / "gate.npz")
    found, errors = pbits.diagnose(kept), kept.errors
    printed = " ".join(result.output.split())
    assert f"{found.worst_ess:,.0f} of {found.worst}, the worst; worst R̂ {report.number(found.worst_r_hat)}" in printed
    assert "not converged" in printed
    assert all(warning in printed for warning in found.warnings)
    for name in ("mapping", "clock", "sampling"):
        assert f"{name} {report.number(getattr(errors, name))}" in printed
    assert "300 samples at β = 1 after 200 sweeps of warm-up, 2 chains" in printed
    assert "lowest energy passed through -1.5" in printed
    assert f"chain breaks {100 * kept.record['notes']['embedding']['chain_break_fraction']:.3g} %" in printed
    assert "without standby" in printed


def test_run_names_the_cities_of_a_tour(cli):
    result = cli("run", "capitals", *QUICK, "--chains", "32", "--sweeps", "1000")
    assert result.exit_code == 0, result.output
    (tour,) = (line for line in result.output.splitlines() if line.startswith("decoded"))
    problem = pbits.problems.read("capitals")
    assert isinstance(problem, pbits.problems.TravelingSalesman)
    assert sorted(tour.removeprefix("decoded").strip().split(" – ")) == sorted(problem.names or ())


def test_run_shortens_long_answers(cli):
    result = cli("run", "digits", *QUICK)
    printed = " ".join(result.output.split())
    text = printed[printed.index("decoded ") + len("decoded ") : printed.index("…") + 1]
    assert text.startswith("Recall(pattern=3")
    assert len(text) <= 200


def test_run_takes_a_machine_that_holds_the_problem(cli, tmp_path):
    result = cli("run", "diabetes", "--samples", "50", *QUICK, "-o", "fit.npz")
    assert result.exit_code == 0, result.output
    assert pbits.Run.load(tmp_path / "fit.npz").machine == "langevin-rc-illustrative"
    assert "illustrative)" in result.output


def test_solve_tells_method_answer_and_what_it_took(cli, tmp_path):
    args = ["solve", "capitals", "-m", "fpga-all-to-all", "--budget", "20", "--seed", "1", "--method", "anneal"]
    result = cli(*args, "--plot", "tour.png", "-o", "best.npz", "--boundary", "board")
    assert result.exit_code == 0, result.output
    for part in ("anneal", "6124 km", "Berlin – ", "was reached", " in all; ", "board boundary"):
        assert part in result.output
    assert written(tmp_path) == ["best.npz", "tour.png"]
    assert pbits.Run.load("best.npz").solution.objective == 6124


def test_a_problem_is_posed_as_asked_for(cli):
    result = cli("run", "capitals", "--penalty", "3000", *QUICK, "--sweeps", "10", "-o", "run.npz")
    assert result.exit_code == 0, result.output
    assert pbits.Run.load("run.npz").record["posing"]["penalty"] == 3000
    refused(cli("run", "digits", "--encoding", "one-cold"), "'one-cold'", "none but its own")
    refused(cli("compare", "digits", "--penalty", "3"), "no penalty")


def test_solve_refuses_before_the_work(cli, tmp_path):
    refused(cli("solve", "capitals", "--plot", "tour.txt"), "tour.txt", ".png, .svg, .pdf")
    refused(cli("solve", "capitals", "--method", "magic"), "'magic'", "anneal, temper, population, penalties, search")
    refused(cli("solve", "capitals", "--penalty", "soft", "--method", "one-hot", "--budget", "0.1"), "'soft'")
    refused(cli("solve", "and-gate", "--budget", "-1"), "budget_s is -1")
    assert written(tmp_path) == []


def test_explain_traces_device_times_with_their_ranges(cli, tmp_path):
    cli("run", "and-gate", "-m", "embedded:extropic-z1", "--samples", "50", *QUICK, "-o", "gate.npz")
    result = cli("explain", "gate.npz")
    kept = pbits.Run.load(tmp_path / "gate.npz")
    printed = " ".join(result.output.split())
    assert kept.device_time.low != kept.device_time.high
    for name, spent in (("idle", kept.power_times["idle"]), ("in all", kept.device_time)):
        value, low, high = (report.si(seconds, "s") for seconds in (spent.value, spent.low, spent.high))
        assert f"{name} {value} ({low} to {high})" in printed
    assert "chain breaks" in printed


def test_explain_leaves_out_lanes_of_a_run_without_a_timeline(cli, tmp_path):
    cli("run", "and-gate", "-m", "fpga-all-to-all", "--samples", "50", *QUICK, "-o", "gate.npz")
    assert "bottleneck" in cli("explain", "gate.npz").output
    replace(pbits.Run.load(tmp_path / "gate.npz"), timeline=None).save(tmp_path / "old.npz")
    result = cli("explain", "old.npz")
    assert result.exit_code == 0, result.output
    assert "bottleneck" not in result.output
    assert "Ledger at" in result.output


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


@pytest.mark.parametrize("width", [80, 100, 150])
def test_compare_keeps_names_whole_on_a_narrow_terminal(cli, monkeypatch, width):
    from rich.console import Console

    monkeypatch.setattr("pbits.cli._console", lambda: Console(highlight=False, markup=False, width=width))
    machines = ("embedded:gibbs-g12-illustrative", "fpga-all-to-all")
    result = cli("compare", "digits", "-m", machines[0], "-m", machines[1], *QUICK)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert all(any(line.strip().startswith(name) for line in lines) for name in machines)
    assert all(len(line) <= width for line in lines)
    assert "…" not in result.output
    # The last column is there too, and no word is torn.
    words = result.output.split()
    assert words.count("assumed") >= 2
    assert "Evidence" in words
    assert "counts as solved: 0.95" in result.output
    assert words.count("illustrative") == 2


def test_breaks_have_a_column_only_where_something_is_embedded(cli):
    plain = cli("compare", "and-gate", "-m", "ideal", "--samples", "60", *QUICK).output
    embedded = cli("compare", "and-gate", "-m", "embedded:extropic-z1", "--samples", "60", *QUICK).output
    assert "breaks" not in plain
    assert "breaks" in embedded
    assert "converged)" in embedded


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
            "embedded:gibbs-g12-illustrative",
            "--samples",
            "60",
            *QUICK,
            "--boundary",
            "board",
        ),
        *("--uplift", "embedded:gibbs-g12-illustrative:board=factor:1.2,power:10W", "--json"),
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
    assert spec is not None
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
        (["compare", "and-gate", "--uplift", "ideal:board=power:10s"], ["--uplift", "'power:10s'", "power:10W"]),
        (["compare", "and-gate", "--uplift", "ideal:board=power:10"], ["--uplift", "'power:10'", "power:10W"]),
        (["compare", "and-gate", "--uplift", "ideal:board=factor:x"], ["--uplift", "'factor:x'", "factor:1.2"]),
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


def test_too_little_memory_is_one_line_with_a_remedy(cli, tmp_path, monkeypatch):
    def too_much(*_, **__):
        raise MemoryError

    monkeypatch.setattr("pbits.run", too_much, raising=False)
    refused(cli("run", "and-gate", "-o", "gate.npz"), "not enough memory", "--chains", "--samples")
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


def test_meter_says_what_can_be_metered_or_why_not(cli):
    result = cli("meter")
    assert result.exit_code == 0
    assert "meters joules at the" in result.stdout or "nothing here meters joules" in result.stdout


def test_meter_runs_a_command_and_passes_its_status(cli):
    code = "import sys; sum(k for k in range(2_000_000)); sys.exit(3)"
    result = cli("meter", "--declared-w", "50", "--json", sys.executable, "-c", code)
    assert result.exit_code == 3
    reading = json.loads(result.stdout)
    assert reading["joules"] is None or reading["joules"] > 0
    assert all(one["hint"] for one in reading["refusals"])
    refused(cli("meter", "no-such-program-here"), "cannot run no-such-program-here")


def test_compare_charges_what_runs_share(cli, tmp_path):
    options = ("and-gate", "-m", "fpga-all-to-all", "-m", "gpu-h100-sxm", "--samples", "200", "--seed", "1", "--json")
    joules = []
    for more in ((), ("--runs-per-programming", "1000")):
        assert cli("compare", *options, *more).exit_code == 0
        (document,) = json.loads((tmp_path / "report.json").read_text("utf-8"))["comparisons"]
        joules.append(document["rows"][0]["joules"]["at_boundary"]["joules"])
    assert joules[1] < joules[0]
    assert document["usage"]["fpga-all-to-all"] == "1,000 runs to a programming"
    refused(cli("compare", "and-gate", "--duty", "0"), "duty is 0.0")
