"""The examples run as a reader would run them: as scripts, from any folder, with warnings as errors."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def output_of(name, folder, *options):
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {
        "denoise_digits",
        "double_well",
        "factor",
        "first_comparison",
        "invert_covariance",
        "solve_diabetes",
        "spu_netlist",
        "two_pbits",
    }


def test_two_pbits(tmp_path):
    lines = output_of("two_pbits", tmp_path).splitlines()
    rows = [line.split() for line in lines[1:5]]
    exact, ideal, few = ([float(row[column]) for row in rows] for column in (2, 3, 4))
    for shares in (exact, ideal, few):
        assert sum(shares) == pytest.approx(1, abs=5e-4)
    # 80,000 draws: 0.02 is nine standard errors away, and rounding to half steps moves more than that.
    assert max(abs(a - b) for a, b in zip(exact, ideal)) < 0.02
    assert max(abs(a - b) for a, b in zip(exact, few)) > 0.05
    assert lines[5].startswith("ideal: mapping error 0.0000")


def test_first_comparison(tmp_path):
    printed = output_of("first_comparison", tmp_path)
    assert "extropic-z1 refused: a site has" in printed
    assert "ideal has no total" in printed
    page = (tmp_path / "first_comparison.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    assert "round trip through nine capitals" in page
    assert [path.name for path in tmp_path.iterdir()] == ["first_comparison.html"]


@pytest.mark.parametrize("name", ["factor", "first_comparison", "two_pbits"])
def test_an_example_fits_on_a_page(name):
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_spu_netlist(tmp_path):
    printed = output_of("spu_netlist", tmp_path)
    deck = (tmp_path / "spu.cir").read_text("ascii")
    assert (deck.count("\nL"), deck.count("\nC"), deck.count("\nnoise ")) == (8, 36, 36)
    if shutil.which("ngspice") is None:
        assert "ngspice is not installed" in printed
    else:
        assert float(re.search(r"ngspice against predicted: (\S+) of", printed)[1]) < 1e-5


def test_double_well(tmp_path):
    lines = output_of("double_well", tmp_path).splitlines()
    assert lines[0].startswith("exact: <x²> = 0.852, rate 0.0568")
    found = [tuple(map(float, re.findall(r"<x²> = (\S+), rate (\d\.\d+)", line)[0])) for line in lines[1:]]
    cells, *walks = found
    # 10 % is five standard errors of a rate.
    for (second, rate), (own, own_rate) in [(cells, (0.852, 0.0568)), *zip(walks[::2], walks[1::2])]:
        assert second == pytest.approx(own, abs=0.02)
        assert rate == pytest.approx(own_rate, rel=0.1)
    assert (tmp_path / "double_well.png").stat().st_size > 10_000


def test_solve_diabetes(tmp_path):
    printed = output_of("solve_diabetes", tmp_path)
    off = {name: float(row) for name, row in re.findall(r"^ *(\S.*?)  +(\d+\.\d{3}) ", printed, re.M)}
    # The score of N effective draws has mean square 1/N: thousands of them, and components that are wrong besides.
    assert max(off["ideal circuit"], off["cpu-epyc-9654"], off["gpu-h100-sxm"]) < 0.04
    assert 0.02 < off["12 bit, 0.3 %"] < off["10 bit, 1 %"] < 1
    assert "Cholesky, on this computer: exact, 54240 operations" in printed
    assert (tmp_path / "solve_diabetes.png").stat().st_size > 10_000


def test_invert_covariance(tmp_path):
    rows = [line.split() for line in output_of("invert_covariance", tmp_path).splitlines()]
    ideal, coarse = ([row for row in rows if row[0] == name] for name in ("ideal", "8"))
    for row in ideal:
        error, law = float(row[2]), float(row[4])
        assert 0.5 * law < error < 2 * law
    # Rounding ends what more draws give, and no error bar tells.
    assert float(coarse[-1][3]) > 2 * float(coarse[-1][4])
    assert (tmp_path / "invert_covariance.png").stat().st_size > 10_000


def test_factor(tmp_path):
    printed = output_of("factor", tmp_path)
    assert "found (179, 223), feasible: True" in printed
    assert "of 2048 anneals of 1000 sweeps" in printed


def test_denoise_digits(tmp_path):
    printed = output_of("denoise_digits", tmp_path, "--quick", "--each", "20", "--sweeps", "24")
    assert "a classifier of real digits is right on 9" in printed
    assert printed.count("recognised, Fréchet distance") == 3
    assert "on one array that is programmed for each layer" in printed
    assert (tmp_path / "denoise_digits.png").stat().st_size > 10_000
