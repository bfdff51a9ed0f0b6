"""Sweeps equal their twins spin for spin, whatever the chunking and the blocks of chains."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pbits
from pbits.kernels import ising
from pbits.reference import twins

KEY = (np.uint32(1234), np.uint32(5678))
SITE_KEY = (np.uint32(99), np.uint32(7))


def model(n=9, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.6), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n))


def start(n, chains, seed=1):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=(n, chains))


def phased(spins, posed, phases, betas, persistence=0.0, chain0=0, step0=0):
    ends = np.cumsum([0, *map(len, phases)]).astype(np.int64)
    sites = np.concatenate(phases).astype(np.int64)
    csr = posed.csr
    return ising.sweep_phases(
        spins, csr.indptr, csr.indices, csr.data, posed.h, ends, sites, np.asarray(betas, dtype=float),
        persistence, *KEY, chain0, step0,
    )  # fmt: skip


PHASES = {
    "sequential": [[i] for i in range(9)],
    "synchronous": [list(range(9))],
    "uneven": [[0, 3, 5], [8], [1, 2, 4, 6, 7]],
}


@pytest.mark.parametrize("phases", PHASES.values(), ids=PHASES)
@pytest.mark.parametrize("persistence", [0.0, 0.37])
def test_phased_sweeps_equal_the_twin(phases, persistence):
    posed, betas = model(), np.linspace(0.2, 1.5, 60)
    fast, slow = start(9, 6), start(9, 6)
    toggles = phased(fast, posed, phases, betas, persistence, chain0=8, step0=3)
    expected = twins.sweep_phases(slow, posed, phases, betas, KEY, persistence=persistence, chain0=8, step0=3)
    assert np.array_equal(fast, slow)
    assert toggles == expected


def test_random_scan_equals_the_twin():
    posed, betas = model(), np.full(40, 0.8)
    free = np.array([0, 2, 3, 7, 8])
    fast, slow = start(9, 5), start(9, 5)
    csr = posed.csr
    toggles = ising.sweep_random(fast, csr.indptr, csr.indices, csr.data, posed.h, free, betas, *KEY, *SITE_KEY, 4, 10)
    assert toggles == twins.sweep_random(slow, posed, free, betas, KEY, SITE_KEY, chain0=4, step0=10)
    assert np.array_equal(fast, slow)


def test_a_wrong_beta_shows_against_the_twin():
    # The planted fault: 5 % in β must not pass for rounding. Chains fed the same random numbers soon meet
    # again, so the last states may agree; the count of toggles on the way does not.
    posed, betas = model(), np.full(60, 0.8)
    fast, slow = start(9, 6), start(9, 6)
    wrong = phased(fast, posed, PHASES["sequential"], 1.05 * betas)
    assert wrong != twins.sweep_phases(slow, posed, PHASES["sequential"], betas, KEY)


def test_chunks_and_blocks_change_nothing():
    posed, betas = model(), np.linspace(0.1, 1.0, 30)
    whole = start(9, 12)
    parts = [whole[:, :8].copy(), whole[:, 8:].copy()]
    phased(whole, posed, PHASES["uneven"], betas)
    for part, chain0 in zip(parts, (0, 8)):
        phased(part, posed, PHASES["uneven"], betas[:11], chain0=chain0)
        phased(part, posed, PHASES["uneven"], betas[11:], chain0=chain0, step0=11)
    assert np.array_equal(whole, np.concatenate(parts, axis=1))


def test_a_changed_callee_changes_the_cache_stamp_of_its_callers_alone(tmp_path):
    from pbits.kernels.jit import sources_digest

    digests = []
    for name, text in (("old", "x = 1"), ("new", "x = 2")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "caller.py").write_text("from somewhere.middle import (\n    y,\n)")
        (folder / "middle.py").write_text("from somewhere import callee as z")
        (folder / "callee.py").write_text(text)
        (folder / "stranger.py").write_text("import numpy")
        digests.append([sources_digest(folder / f"{file}.py") for file in ("caller", "middle", "stranger")])
    (caller, middle, stranger), after = digests
    assert caller != after[0]
    assert middle != after[1]
    assert stranger == after[2]
    stamp = ising.sweep_phases._cache._cache_file._source_stamp
    assert stamp[1] == sources_digest(Path(ising.__file__))
    assert stamp[1] != sources_digest(Path(ising.__file__).with_name("philox.py"))


def test_a_kernel_elsewhere_is_stale_once_its_own_file_changes(tmp_path):
    """A planted fault: the stamp of the package alone would keep the old machine code of a file outside it."""
    module = tmp_path / "elsewhere.py"
    results = []
    for increment in (1, 100):
        module.write_text(f"from pbits.kernels.jit import kernel\n\n@kernel\ndef add(x):\n    return x + {increment}\n")
        os.utime(module, (increment, increment))
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import elsewhere; print(elsewhere.add(1))"
        done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True)
        results.append(int(done.stdout))
    assert results == [2, 101]
