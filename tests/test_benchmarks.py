"""The benchmarks count and divide as they say; how fast anything is, is not tested here."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

pytest.importorskip("benchmarks", reason="needs the repository, of which benchmarks/ is a folder")

import typer  # noqa: E402

from benchmarks import history, limits, peers, plots, records, sudoku, target, timing, updates  # noqa: E402
from benchmarks.instances import GROUPS, Absent, build, expand  # noqa: E402
from benchmarks.tools import Outcome, Pbits, Tool, Work, betas  # noqa: E402
from pbits.models import IsingModel  # noqa: E402
from pbits.problems import Sudoku  # noqa: E402


def invoke(main, *arguments):
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(part) for part in arguments])


# ---- instances ----


def test_a_lattice_couples_each_site_to_the_next_along_each_axis():
    for name in ("L2D5", "L3D3-gauss"):
        instance = build(name)
        forward = instance.lattice
        shape = forward.shape[:-1]
        J = instance.model.csr.todense()
        for site in np.ndindex(*shape):
            for axis, length in enumerate(shape):
                step = list(site)
                step[axis] = (step[axis] + 1) % length
                pair = np.ravel_multi_index(site, shape), np.ravel_multi_index(tuple(step), shape)
                assert J[pair] == J[pair[::-1]] == forward[(*site, axis)]
        assert instance.degree == 2 * len(shape)


def test_instances_are_what_their_names_say():
    assert set(np.abs(build("L2D6").model.csr.data)) == {1.0}
    assert build("L2D6").kind == build("R60d4").kind == "±1"
    assert build("L2D6-gauss").kind == build("R60d4-gauss").kind == "real"
    dense = build("SK80")
    assert (dense.kind, dense.degree) == ("dense", 79)
    assert dense.model.csr.data.std() == pytest.approx(80**-0.5, rel=0.1)
    assert build("R60d4").model.n_couplings == 120
    assert build("hopfield40").kind == "dense"
    sudoku = build("sudoku").model
    assert (sudoku.n, len(sudoku.pairs), build("sudoku").degree) == (81, 810, 20)
    assert sudoku.energy([[(3 * (i % 3) + i // 3 + j) % 9 for i in range(9) for j in range(9)]]) == 0


def test_an_instance_is_the_same_every_time():
    for name in ("L2D5", "R20d4-gauss", "SK10", "hopfield20"):
        assert build(name).model.fingerprint() == build(name).model.fingerprint()


def test_names_are_refused_or_absent_with_a_reason(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="names look like L2D256"):
        build("L4D8")
    with pytest.raises(ValueError, match="at least 3"):
        build("L2D2")
    with pytest.raises(ValueError, match="smaller degree"):
        build("R10d20")
    monkeypatch.delenv("PBITS_DATA", raising=False)
    with pytest.raises(Absent, match="PBITS_DATA, which is not set"):
        build("G22")
    monkeypatch.setenv("PBITS_DATA", str(tmp_path))
    with pytest.raises(Absent, match="G22 is not in"):
        build("G22")
    assert expand("dense, L2D4,SK1000") == [*GROUPS["dense"], "L2D4"]
    assert set(expand("all")) >= {name for group in ("lattices", "gset", "dense", "real") for name in GROUPS[group]}


# ---- clocks ----


class Clockwork(Tool):
    """Takes two seconds for set-up and one a sweep, on a clock of its own."""

    name = "clockwork"
    module = "clockwork"

    def __init__(self, instance, clock):
        super().__init__(instance)
        self.clock = clock

    def run(self, work, seed):
        self.clock["now"] += 2.0 + work.sweeps
        return Outcome(updates=10.0 * work.sweeps * work.chains, energies=np.zeros(work.chains))


@pytest.fixture
def clockwork(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock["now"])
    monkeypatch.setattr(timing.time, "process_time", lambda: clock["now"])
    return Clockwork(build("L2D3"), clock)


def test_set_up_is_subtracted_and_nothing_else(clockwork):
    entrant = timing.enter(clockwork, Work(sweeps=1, chains=3), seconds=100.0)
    assert entrant.long.sweeps == pytest.approx(100, rel=0.05)
    assert entrant.short.sweeps == entrant.long.sweeps // 5
    timing.race([entrant], 4)
    assert len(entrant.wall_s) == 4
    assert entrant.marginal == pytest.approx(30e-9)
    sweeps = entrant.long.sweeps
    assert entrant.call == pytest.approx(30e-9 * sweeps / (sweeps + 2))
    assert entrant.cpu_per_wall == 1
    assert not entrant.noisy


def test_a_disturbed_round_moves_no_median_and_a_busy_machine_is_flagged(clockwork):
    work = Work(sweeps=1, chains=1)
    entrant = timing.Entrant(tool=clockwork, short=work.of(1), long=work.of(11), updates=(100.0, 1100.0))
    entrant.wall_s = [(1.0, 2.0), (1.0, 2.0), (1.0, 9.0)]
    entrant.cpu_s = [(1.0, 2.0), (1.0, 2.0), (1.0, 2.0)]
    assert entrant.marginal == pytest.approx(1000e-9)
    assert entrant.cpu_per_wall == pytest.approx(9 / 16)
    assert entrant.noisy
    entrant.cpu_s = [(0.5, 1.0)] * 3
    entrant.clock = "cpu"
    assert entrant.marginal == pytest.approx(2000e-9)
    entrant.clock, entrant.wall_s = "wall", [(2.0, 1.0)]
    assert entrant.marginal is None


def test_entrants_take_turns(clockwork):
    turns = []

    class Noted(Clockwork):
        def run(self, work, seed):
            turns.append((work.chains, work.sweeps, seed))
            return super().run(work, seed)

    tool = Noted(clockwork.instance, clockwork.clock)
    made = [
        timing.Entrant(tool=tool, short=Work(sweeps=1, chains=c), long=Work(sweeps=2, chains=c)) for c in (1, 2)
    ]  # fmt: skip
    timing.race(made, 2)
    assert [(c, s) for c, s, _ in turns] == [(1, 1), (1, 2), (2, 1), (2, 2)] * 2


# ---- the project ----


def test_updates_of_the_project_are_counted():
    instance = build("L2D4")
    for work in (
        Work(sweeps=3, chains=2, layout="counter"),
        Work(schedule="fixed", sweeps=5, chains=3, energies=False, layout="counter"),
        Work(schedule="fixed", sweeps=4, chains=1, energies=True, layout="counter"),
    ):
        outcome = Pbits(instance).run(work, seed=1)
        assert outcome.updates == 16 * work.sweeps * work.chains
        assert outcome.energies.shape == (work.chains,)
        assert outcome.lowest <= outcome.energies.min()
        assert outcome.layout == "counter"


def test_threads_are_set_for_the_run_alone(monkeypatch):
    import pbits

    seen = []
    real = pbits.run
    monkeypatch.setattr(pbits, "run", lambda *a, **k: seen.append(os.environ["PBITS_THREADS"]) or real(*a, **k))
    monkeypatch.delenv("PBITS_THREADS", raising=False)
    Pbits(build("L2D4")).run(Work(sweeps=1, chains=1, threads=2, layout="counter"), seed=1)
    assert seen == ["2"]
    assert "PBITS_THREADS" not in os.environ


def test_every_tool_gets_the_same_temperatures():
    instance = build("L2D4")
    ladder = betas(instance, Work(sweeps=7, chains=1))
    own = Pbits(instance)._schedule(Work(sweeps=7, chains=1)).betas()
    assert own == pytest.approx(ladder)
    fixed = Work(schedule="fixed", sweeps=7, chains=1)
    assert set(betas(instance, fixed)) == set(Pbits(instance)._schedule(fixed).betas()) == {1.0}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", peers.PEERS, ids=lambda kind: kind.name)
def test_a_peer_finds_the_ground_state_of_the_same_model(kind):
    if hint := kind.missing():
        pytest.skip(hint)
    instance = build("L2D4")
    if "gibbs" not in kind.name and not kind.name.startswith("peapods"):
        # Fields and an offset, so that no sign can be lost.
        edges = np.column_stack(instance.model.edges()[:2])
        model = IsingModel.from_edges(16, edges, instance.model.edges()[2], np.linspace(0.3, 0.9, 16), offset=7.0)
        instance = type(instance)(name="with fields", model=model, beta=3.0)
    else:
        instance = type(instance)(name="cold", model=instance.model, lattice=instance.lattice, beta=3.0)
    ground = Pbits(instance).run(Work(sweeps=400, chains=16, layout="counter"), seed=1).lowest
    sweeps = 1000
    found = kind(instance).run(Work(schedule=kind.schedules[0], sweeps=sweeps, chains=8, rule=kind.rule), seed=1)
    assert found.updates % (16 * sweeps * 8) == 0
    # peapods tells the mean at β = 3, a little above the ground.
    assert found.lowest == pytest.approx(ground, abs=4.0 if kind.name.startswith("peapods") else 1e-4)


def test_a_peer_that_is_not_installed_says_how(monkeypatch):
    class Nowhere(peers.DWave):
        name = "nowhere"
        module = "no_such_module_anywhere"

    monkeypatch.setattr(peers, "PEERS", (Nowhere,))
    assert peers.installed("all") == ([], ["nowhere: not installed; pip install dwave-samplers"])
    assert peers.installed("none") == ([], [])
    with pytest.raises(ValueError, match="is no peer; there are nowhere"):
        peers.chosen("elsewhere")


# ---- limits ----


def test_limits_are_measured_and_shares_are_ratios():
    found = limits.measure(0.002)
    assert found.random_bits_per_ns > 1
    assert found.integer_ops_per_ns > 0.1
    assert len(found.read_bytes_per_ns) == 4
    known = limits.Limits(
        random_bits_per_ns=340.0, integer_ops_per_ns=6.0, read_bytes_per_ns={1000: 100.0, 10**6: 50.0}
    )
    shares = known.shares("bits", 1000, 4.0, 16, 10.0)
    # 17 bits a decision; (4 + 2) bits of memory an update, from 64,000 bytes of states; 512 updates in 51.2 ns.
    assert shares["random_bits"] == pytest.approx(0.5)
    assert shares["memory"] == pytest.approx(10 * 6 / 8 / 50)
    assert shares["vector_ops_per_512_updates"] == pytest.approx(6 * 51.2)
    assert known.shares("lanes", 1000, 4.0, 16, 10.0) == {}


def test_the_random_bits_that_are_measured_are_drawn():
    states = limits.seed((1, 2), 0, 4)
    before = states.copy()
    out = limits.aligned(8, np.uint64)
    limits._draw(states, 3, out)
    words = limits.aligned((3, 8), np.uint64)
    from pbits.kernels.xoshiro import fill

    mixed = np.zeros(8, dtype=np.uint64)
    for stream in range(4):
        lone = before[stream : stream + 1].copy()
        fill(words, lone)
        mixed ^= np.bitwise_xor.reduce(words, axis=0)
        assert (lone[0] == states[stream]).all()
    assert (mixed == out).all()


# ---- records ----


def row(rate, tool="pbits", seconds=1.0, **changes):
    base = {
        "instance": "X", "tool": tool, "schedule": "anneal", "rule": "heat-bath", "chains": 1, "threads": 1,
        "asked_layout": "auto", "threshold_bits": 24, "energies": True, "layout": "bits", "counted": True,
        "marginal_per_ns": rate, "wall_s": [[0.1, 0.1 + seconds]] * 3, "cpu_s": [[0.1, 0.2]] * 3, "clock": "wall",
        "n": 10, "degree": 3.0,
    }  # fmt: skip
    return base | changes


def test_ratios_are_to_the_best_peer_of_the_same_instance_and_threads():
    rows = [
        row(6.0), row(2.0, "a"), row(3.0, "b"), row(99.0, "c", counted=False), row(9.0, "d", threads=2),
        row(9.0, "e", instance="Y"), row(None, "f"),
    ]  # fmt: skip
    updates.ranked(rows)
    assert [r["times_best_peer"] for r in rows] == [2.0, 2 / 3, 1.0, None, 1.0, 1.0, None]


def test_history_compares_what_both_records_have(tmp_path):
    def record(name, rows, bits):
        place = tmp_path / name
        records.write({"schema": 1, "date": "", "rows": rows, "limits": {"random_bits_per_ns": bits}}, place, "updates")
        return place

    before = record("before.json", [row(4.0), row(1.0, "peer"), row(5.0, chains=2)], 400.0)
    after = record("after.json", [row(3.0), row(1.0, "peer"), row(5.0, chains=3)], 300.0)
    found = history.pairs(records.read(before), records.read(after))
    assert [(r["tool"], r["ratio"]) for r in found] == [("pbits", 0.75), ("peer", 1.0)]
    assert found[0]["ratio_of_shares"] == pytest.approx(1.0)
    assert invoke(history.main, before, after, "--least", 0.9).exit_code == 0
    slower = record("slower.json", [row(2.0)], 400.0)
    assert invoke(history.main, before, slower, "--least", 0.9).exit_code == 1
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    assert "no record of a benchmark" in invoke(history.main, before, tmp_path / "other.json").output


def test_plots_are_drawn_of_any_rows(tmp_path):
    plots.rates([row(3.0), row(1.0, "peer", layout=None), row(None, "other")], tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes()[:4] == b"\x89PNG"


# ---- cuts ----


def tossed(sweeps=1, calls=4, hits=2, together=False):
    """Calls of a second and of four chains each; in those that hit, one chain ends at 3, the others at 2."""
    attempt = target.Attempt(work=Work(sweeps=sweeps, chains=4), budget_s=2.0, together=together)
    for call in range(calls):
        energies = np.array([-3.0 if call < hits else -2.0, -2.0, -2.0, -2.0])
        attempt.note(call + 1.0, Outcome(updates=1.0, energies=energies))
    return attempt


def test_time_to_solution_of_a_coin():
    # Chains apart: two of sixteen in four seconds. Together: two calls of four.
    for together, trial_s, k, n in ((False, 1 / 4, 2, 16), (True, 1.0, 2, 4)):
        found = target.time_to_solution([tossed(together=together)], 3.0)
        low, high = beta.ppf([0.025, 0.975], [k, k + 1], [n - k + 1, n - k])
        assert (found.hits, found.trials) == (k, n)
        for seconds, p in zip(found[4:], (k / n, high, low)):
            assert seconds == pytest.approx(trial_s * np.log(0.01) / np.log(1 - p))


def test_a_time_to_solution_is_no_shorter_than_a_trial_and_unbounded_without_a_hit():
    sure = target.time_to_solution([tossed(hits=4, together=True)], 3.0)
    assert (sure.tts99_s, sure.low_s) == (1.0, 1.0)
    assert sure.high_s == pytest.approx(np.log(0.01) / np.log(1 - 0.025**0.25))
    never = target.time_to_solution([tossed(hits=0)], 3.0)
    assert np.isinf([never.tts99_s, never.high_s]).all()
    assert 0 < never.low_s < np.inf


def test_one_lucky_hit_is_not_the_time_to_solution():
    # A hit in two chains against eight in forty: sooner if taken at its word, but nobody can tell.
    lucky, proven = tossed(sweeps=9, calls=1, hits=1), tossed(sweeps=5, calls=40, hits=30)
    alone = target.time_to_solution([lucky], 3.0)
    assert target.surest([lucky, proven], 3.0) == target.time_to_solution([proven], 3.0)
    assert alone.tts99_s < 1.2 * target.time_to_solution([proven], 3.0).tts99_s
    # Attempts of one length are one sample.
    assert target.surest([proven, proven], 3.0).trials == 320


def test_a_ratio_is_as_wide_as_both_times():
    slow, fast = ({"tts99_s": t, "low_s": t / 2, "high_s": 3 * t} for t in (60.0, 2.0))
    assert target.ratio(slow, fast) == (30.0, 5.0, 180.0)
    never = {"tts99_s": None, "low_s": 60.0, "high_s": None}
    assert target.ratio(never, fast) == (None, 10.0, None)
    assert target.ratio(fast, never) == (None, 0.0, 0.1)
    assert target.ratio(never, never) == (None, 0.0, None)


def test_the_best_cut_is_one_that_came_in_time():
    attempt = target.Attempt(work=Work(sweeps=1, chains=2), budget_s=1.0)
    attempt.note(0.5, Outcome(updates=1.0, energies=np.array([-3.0, -2.0])))
    attempt.note(1.5, Outcome(updates=1.0, energies=np.array([-3.0, -2.0]), best=-4.0))
    assert attempt.best == 3.0, "the better cut came too late"
    assert [attempt.first_hit_s(cut) for cut in (3.0, 4.0, 5.0)] == [0.5, 1.5, None]
    assert attempt.hits(4.0) == (0, 4), "a chain counts where it ended"


def test_no_call_begins_that_would_end_too_late(clockwork, monkeypatch):
    monkeypatch.setitem(target.CLOCKS, "wall", lambda: clockwork.clock["now"])
    attempt = target.spend(clockwork, Work(sweeps=8, chains=1), budget_s=35.0, call_s=1.0, seed=1)
    assert attempt.wall_s == [10.0, 20.0, 30.0]
    late = target.spend(clockwork, Work(sweeps=8, chains=1), budget_s=5.0, call_s=1.0, seed=1)
    assert (late.wall_s, late.best) == ([10.0], None)


def test_peers_try_each_length_that_fits(clockwork):
    works = target.settings(clockwork, setup_s=0.0, sweep_s=1e-3, budget_s=10.0)
    assert [work.sweeps for work in works] == [100, 1000, 9000]
    assert [work.chains for work in works] == [10, 1, 1]


# ---- as a user runs them ----


def rudy(folder):
    """A ring of twelve vertices, whose best cut is twelve, under the name of a graph of the G-set."""
    (folder / "gset").mkdir()
    edges = [f"{a} {b} 1" for a, b in pairwise([*range(1, 13), 1])]
    (folder / "gset" / "G1").write_text("\n".join(["12 12", *edges]), encoding="utf-8")


def test_the_commands_run(tmp_path, monkeypatch):
    rudy(tmp_path)
    monkeypatch.setenv("PBITS_DATA", str(tmp_path))
    done = invoke(
        updates.main, "--instances", "L2D4,G1,G2", "--peers", "none", "--repeat", 2, "--seconds", 0.002,
        "--threads", "1", "--bits", "24", "--chains", "4", "--layouts", "counter", "--json", tmp_path,
        "--plot", tmp_path / "rates.png",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "skipped G2 is not in" in done.output
    assert (tmp_path / "rates.png").exists()
    (place,) = tmp_path.glob("updates-*.json")
    record = records.read(place)
    assert record["versions"]["numpy"] == np.__version__
    assert {r["instance"] for r in record["rows"]} == {"L2D4", "G1"}
    for r in record["rows"]:
        assert r["updates"] == [r["n"] * r["chains"] * sweeps for sweeps in r["sweeps"]]
        assert len(r["wall_s"]) == len(r["cpu_s"]) == 2
    assert json.loads(place.read_text("utf-8")) == record


def test_the_best_cut_of_a_ring_is_found(tmp_path, monkeypatch):
    rudy(tmp_path)
    monkeypatch.setenv("PBITS_DATA", str(tmp_path))
    instance = build("G1")
    attempts = target.ours(instance, [0.2], tts_s=0.1, seed=1)
    found = target.summary(instance, Pbits, [0.2], attempts)
    assert found["best"] == {"0.2": 12.0}
    assert found["best_known"] == 11624


def test_the_sudokus_have_one_solution_and_a_row_of_the_table():
    for puzzle in sudoku.PUZZLES.values():
        assert len(sudoku.backtrack(Sudoku(puzzle.grid).grid.ravel().tolist()).solutions) == 1
    assert len(sudoku.backtrack([0] * 81).solutions) == 2
    row = sudoku.measure(Sudoku(sudoku.PUZZLES["easy"].grid), runs=2, anneals=4)
    assert (row["givens"], row["solved"], row["tried"]) == (30, 2, 51)


@pytest.mark.parametrize("module", ["updates", "target", "history"])
def test_modules_run_by_name(module):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"benchmarks.{module}", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
