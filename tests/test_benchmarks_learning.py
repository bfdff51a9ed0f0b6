"""The benchmark of learning says what it says; how fast anything is, is not tested here."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

pytest.importorskip("benchmarks", reason="needs the repository, of which benchmarks/ is a folder")
pytest.importorskip("sklearn")

import typer  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from benchmarks import learning  # noqa: E402
from pbits.learning import exact_log_likelihood  # noqa: E402


def invoke(*arguments):
    app = typer.Typer()
    app.command()(learning.main)
    return CliRunner().invoke(app, [str(part) for part in arguments])


def test_it_prints_and_stores_its_tables(tmp_path):
    done = invoke("--quick", "--only", "speed,bimodal,machines", "--output", tmp_path / "rows.json")
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    assert rows["bimodal"][1]["chains that crossed"] == 0
    exact, tempered = rows["bimodal"][0]["P(M > 0)"], rows["bimodal"][2]["P(M > 0)"]
    assert exact == pytest.approx(0.7787, abs=1e-4)
    # Eight ladders of a thousand draws, thinned by two: within 0.04, some four standard errors.
    assert tempered == pytest.approx(exact, abs=0.04)
    by_name = {row["machine"]: row for row in rows["machines"]}
    assert by_name["smtj-projected"]["J per classification"] is None
    assert by_name["smtj-projected"]["J per classification, at least"] > 0
    assert by_name["gpu-h100-sxm"]["J per classification"] > 0
    assert {row["tool"] for row in rows["speed"]} >= {"pbits, CD-1", "scikit-learn BernoulliRBM"}
    assert invoke("--only", "nothing").exit_code == 2


def test_machines_of_scikit_learn_are_read_rightly():
    spins, test, _, _ = learning.digits()
    rbm = learning.theirs(5, 8, 10, (spins + 1) / 2.0)
    model = learning.of_bits(rbm)
    bits = (test[:20] + 1) / 2.0
    # scikit-learn's free energy of bits and ours of spins differ by one constant.
    ours = exact_log_likelihood(model, test[:20]).rows
    apart = ours + rbm._free_energy(bits)
    assert apart.std() < 1e-9
