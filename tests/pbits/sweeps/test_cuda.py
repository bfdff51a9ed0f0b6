"""The GPU layout: in numba's simulator always, on a GPU where there is one, and its host side here."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import pbits
from pbits.kernels import cuda as kernels
from pbits.mapping import colour_classes
from pbits.reference import cuda as twin
from pbits.reference.exact import exact
from pbits.sweeps import cuda
from pbits.sweeps.engine import Options
from pbits.sweeps.scan import Scan

CHECKS = Path(__file__).with_name("cuda_checks.py")
ROOT = Path(__file__).parents[3]
TRIANGLE = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (0, 2), (2, 3)], [1, -1, 1, 1], [0, 1, 0, -1])


def process(*arguments, **environment):
    # numba reads the variable when it is imported, so the simulator needs a process of its own.
    names = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=names | environment, capture_output=True, text=True
    )


def test_the_kernels_equal_their_twins_in_the_simulator():
    done = process("pytest", "-p", "no:cacheprovider", CHECKS, NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.skipif(not kernels.is_available(), reason="there is no GPU")
def test_the_kernels_equal_their_twins_on_the_gpu():
    done = process("pytest", "-p", "no:cacheprovider", CHECKS, NUMBA_ENABLE_CUDASIM="0")
    assert done.returncode == 0, done.stdout
    rates = process("benchmarks.gpu", "--side", "256", "--sweeps", "10", NUMBA_ENABLE_CUDASIM="0")
    assert rates.returncode == 0, rates.stderr
    print(rates.stdout)


def test_the_twin_has_the_law_of_the_model():
    # 64 chains, a state every third sweep; false alarms 1 in 10,000, and the seed is fixed.
    spins = np.ones((4, 64), dtype=np.int8)
    counts = np.zeros(16)
    phases = colour_classes(TRIANGLE)
    for draw in range(24):
        twin.sweep_bits(spins, TRIANGLE, phases, [0.4] * 3, (5, 6), bits=16, step0=3 * draw)
        if draw >= 4:
            counts += np.bincount((1 << np.arange(3, -1, -1)) @ (spins > 0), minlength=16)
    assert chisquare(counts, counts.sum() * exact(TRIANGLE, beta=0.4).probabilities).pvalue > 1e-4


def scan(**rule):
    return Scan.of([[0], [1, 3], [2]], **rule)


@pytest.mark.parametrize(
    ("model", "order", "options", "told"),
    [
        (pbits.PolynomialModel(3, {(0, 1, 2): 1.0}), scan(), Options(), "sweeps an IsingModel"),
        (TRIANGLE, Scan.random(4), Options(), "draws sites at random"),
        (TRIANGLE, Scan.of([range(4)], independent=False), Options(), "two sites of a phase are coupled"),
        (TRIANGLE, scan(persistence=0.2), Options(), "no persistence"),
        (TRIANGLE, scan(gains=np.ones(4)), Options(), "no gains"),
        (TRIANGLE, scan(), Options(rule="metropolis"), "only the heat bath"),
    ],
)
def test_what_it_cannot_sweep_is_refused(model, order, options, told, monkeypatch):
    monkeypatch.setattr(kernels, "is_available", lambda: True)
    (reason,) = cuda.CudaEngine.refusals(model, order, options, 1.0)
    assert told in reason


def test_a_missing_gpu_or_package_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(kernels, "is_available", lambda: False)
    (reason,) = cuda.CudaEngine.refusals(TRIANGLE, scan(), Options(), 1.0)
    assert "no GPU was found" in reason
    assert "NUMBA_ENABLE_CUDASIM=1" in reason
    monkeypatch.setattr(cuda, "kernels", None)
    (reason,) = cuda.CudaEngine.refusals(TRIANGLE, scan(), Options(), 1.0)
    assert reason == "it needs numba-cuda: pip install 'pbits[cuda]'"


def test_units_are_the_largest_that_divide_exactly():
    def pair(J, h):
        return cuda.units(pbits.IsingModel([[0, J], [J, 0]], [h, 0]))

    assert pair(0.1, -0.2)[0::3] == (0.1, 3)
    assert pair(0.75, 0.5)[0::3] == (0.25, 5)
    assert pair(0.1, 0.3) is None  # 0.3 is not three times 0.1 in binary
    assert pair(0, 0)[0::3] == (1.0, 0)
    assert pair(1, 2046).most == 2047
    assert pair(1, 2047) is None
    assert cuda.units(pbits.IsingModel(np.zeros((3000, 3000)), np.arange(3000.0))) is None


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 5), st.integers(-9, 9))
def test_thresholds_decide_as_float64_does(word, beta, field):
    up = 1 / (1 + math.exp(-2 * beta * 0.5 * field))
    whole = cuda.Units(0.5, np.zeros(0), np.zeros(0), 9)
    threshold = int(law(whole, beta)[field + 9])
    for drawn in (word, max(0, threshold - 1), min(2**32 - 1, threshold)):
        assert (drawn < threshold) == ((drawn + 0.5) / 2**32 < up)


def law(whole, beta):
    form = object.__new__(cuda._Bytes)
    form._whole = whole
    return form.law(np.array([beta]))[0]


def test_ends_of_the_law():
    whole = cuda.Units(1.0, np.zeros(0), np.zeros(0), 1000)
    cold = law(whole, 10.0)
    assert cold[[0, 1000, 2000]].tolist() == [0, 2**31, 2**32]


def test_bonds_repeat_a_coupling_once_for_each_unit():
    model = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [2.0, -1.0], [0, 1, -1])
    indptr, entries = cuda.bonds(model, cuda.units(model))
    assert indptr.tolist() == [0, 2, 6, 8]
    assert entries.tolist() == [2, 2, 0, 0, 5, 6, 3, 7]


@pytest.mark.parametrize("chains", [1, 4, 31, 33, 64])
@pytest.mark.parametrize("form", [cuda._Bits, cuda._Bytes])
def test_packed_states_come_back(form, chains):
    states = np.random.default_rng(chains).choice(np.array([-1, 1], dtype=np.int8), size=(5, chains))
    words = form.pack(states)
    assert words.shape == (5 + (form is cuda._Bits), -(-chains // form.PER_WORD))
    assert np.array_equal(form.unpack(words)[:, :chains], states)
