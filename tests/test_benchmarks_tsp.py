"""The tables of the travelling salesman count and divide as they say; how fast or good anything is, is not tested."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

pytest.importorskip("benchmarks", reason="needs the repository, of which benchmarks/ is a folder")

import typer

from benchmarks import tsp


def test_the_tables_are_printed_and_recorded(tmp_path):
    app = typer.Typer()
    app.command()(tsp.main)
    options = ["--tables=ladder,reach", "--instances=random9", "--decisions=20000", "--sweeps=50", "--seeds=1"]
    done = CliRunner().invoke(app, [*options, "--json", str(tmp_path / "record.json")])
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "record.json").read_text())["rows"]
    ladder = {row["method"]: row for row in rows if row["table"] == "ladder"}
    assert ladder["permutation"]["valid"] == 1
    for name in ("one-hot, safe", "p-dits, tight", "permutation", "one-hot, 2-D tempering"):
        assert 0.9 * 20000 < ladder[name]["decisions"] <= 20000
    # 64 p-bits, each with 7 + 7 rivals and 14 neighbours in the slots before and after, but 7 at the ends of the tour
    one_hot, dits = ladder["one-hot, safe"], ladder["p-dits, safe"]
    assert one_hot["weight_reads"] / one_hot["decisions"] == pytest.approx(14 + 14 * 7 / 8)
    # 8 p-dits with 7 neighbours of 8 categories
    assert dits["weight_reads"] / dits["decisions"] == pytest.approx(56)
    (far,) = (row for row in rows if row["table"] == "reach")
    assert far["any"] > 0
    assert far["decisions"] == 50 * 9


def test_ratios_are_to_the_optimum_and_nan_of_no_tour():
    posed = tsp.instance("random9").encoded("one-hot")
    run = tsp.annealed(posed, 3, seed=1, chains=50)
    found = tsp.ratios(run, posed)
    valid = np.array([posed.decode(state) is not None for state in run.states[:, -1]])
    assert (np.isfinite(found) == valid).all()
    np.testing.assert_allclose(found[valid], run.energies[valid, -1] / (0.7124 * 3))


def test_an_instance_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("PBITS_DATA", "/nowhere")
    with pytest.raises(typer.BadParameter, match="burma14.tsp in /nowhere"):
        tsp.instance("burma14")
