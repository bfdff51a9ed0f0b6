"""The table of cuts says what was found in time."""

import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

pytest.importorskip("benchmarks", reason="needs the repository, of which benchmarks/ is a folder")

from benchmarks import maxcut, records
from benchmarks.tools import Pbits, Work


@pytest.fixture
def ring(tmp_path, monkeypatch):
    """A ring of twelve vertices in place of G1, whose best cut known is then 12."""
    (tmp_path / "gset").mkdir()
    edges = [f"{a} {b} 1" for a, b in pairwise([*range(1, 13), 1])]
    (tmp_path / "gset" / "G1").write_text("\n".join(["12 12", *edges]), encoding="utf-8")
    monkeypatch.setenv("PBITS_DATA", str(tmp_path))
    monkeypatch.setitem(maxcut.build.__globals__["BEST_CUTS"], "G1", 12)
    return tmp_path


def cut(best, reached_s=None):
    return maxcut.Cut(instance="G1", tool="x", budget_s=1.0, repeat=1, best=best, reached_s=reached_s, how="")


def test_the_command_finds_the_cut_of_a_ring_and_writes_it_down(ring):
    app = typer.Typer()
    app.command()(maxcut.main)
    options = ["--instances", "G1,G2", "--budgets", "1", "--repeats", "2", "--peers", "none", "--no-tabu"]
    done = CliRunner().invoke(app, [*options, "--json", str(ring)], env=dict(os.environ), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "skipped G2 is not in" in done.output
    assert "2/2" in done.output
    (place,) = ring.glob("maxcut-*.json")
    rows = records.read(place)["rows"]
    assert [(row["tool"], row["repeat"], row["best"]) for row in rows] == [("pbits", 1, 12), ("pbits", 2, 12)]
    assert all(0 < row["reached_s"] < 1 for row in rows)


def test_of_a_peer_each_length_is_tried_and_told(ring, monkeypatch):
    monkeypatch.setattr(maxcut.peers, "chosen", lambda name: [Pbits])
    monkeypatch.setattr(maxcut, "cost", lambda *_: (0.0, 1e-6))
    monkeypatch.setattr(maxcut, "settings", lambda *_: [Work(sweeps=50, chains=8), Work(sweeps=70, chains=8)])
    tried = maxcut._annealed("G1", "any", 0.4, seed=1, lengths=(50, 70))
    assert [how for _, _, how in tried] == ["50 sweeps", "70 sweeps"]
    for best, reached_s, _ in tried:
        assert best == 12
        assert 0 < reached_s <= 0.4


def test_medians_are_of_what_was_found_in_time():
    cells = maxcut._cells([cut(10.0), cut(12.0, 0.5), cut(None), cut(12.0, 0.7), cut(11.0)])
    assert cells == ("11.5 (10 … 12)", "2/5", "0.6")
    assert maxcut._cells([cut(None)]) == ("–", "–", "–")
