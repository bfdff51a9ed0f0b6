"""Sweeps of cells whose inputs settle equal their twin, whatever the chunking and the blocks of chains."""

import numpy as np
import pytest

import pbits
from pbits.kernels import settling
from pbits.models import DirectedModel
from pbits.reference import twins

KEY = (np.uint32(1234), np.uint32(5678))
SITES = 7
PHASES = [[0, 3, 5], [], [1, 2, 4]]  # site 6 never moves


def network(directed=False, seed=0):
    rng = np.random.default_rng(seed)
    J = rng.normal(size=(SITES, SITES)) * (rng.random((SITES, SITES)) < 0.6)
    np.fill_diagonal(J, 0)
    h = rng.normal(size=SITES)
    return DirectedModel(J, h) if directed else pbits.IsingModel(J + J.T, h)


def start(chains, seed=1):
    rng = np.random.default_rng(seed)
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), size=(SITES, chains))
    return spins, rng.normal(size=(SITES, chains))


PERSISTENCE = np.linspace(0, 0.6, SITES)


def sweep(spins, voltages, posed, betas, memory, persistence=PERSISTENCE, chain0=0, step0=0):
    ends = np.cumsum([0, *map(len, PHASES)]).astype(np.int64)
    sites = np.concatenate(PHASES).astype(np.int64)
    csr = posed.csr
    return settling.sweep_cells(
        spins, voltages, csr.indptr, csr.indices, csr.data, posed.h, ends, sites, betas, memory, persistence, *KEY,
        chain0, step0,
    )  # fmt: skip


def ramp(steps, chains):
    return np.linspace(0.2, 1.5, steps)[:, None] * np.linspace(0.8, 1.2, chains)


@pytest.mark.parametrize("directed", [False, True], ids=["mutual", "directed"])
@pytest.mark.parametrize("memory", [0.0, 0.05, 0.5, 0.95])
def test_sweeps_equal_the_twin(memory, directed):
    posed, betas = network(directed), ramp(30, 6)
    (fast, fast_v), (slow, slow_v) = start(6), start(6)
    toggles = sweep(fast, fast_v, posed, betas, memory, chain0=8, step0=3)
    expected = twins.sweep_cells(
        slow, slow_v, posed, PHASES, betas, KEY, memory=memory, persistence=PERSISTENCE, chain0=8, step0=3
    )
    assert np.array_equal(fast, slow)
    assert toggles == expected
    if memory:
        moving = np.concatenate(PHASES).astype(int)
        np.testing.assert_allclose(fast_v[moving], slow_v[moving], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("a tenth more memory", {"memory": 0.55}),
        ("no laziness", {"memory": 0.5, "persistence": np.zeros(SITES)}),
        ("the laziness of other cells", {"memory": 0.5, "persistence": PERSISTENCE[::-1].copy()}),
    ],
)
def test_a_planted_fault_shows_against_the_twin(fault, options):
    posed, betas = network(), ramp(200, 6)
    (fast, fast_v), (slow, slow_v) = start(6), start(6)
    wrong = sweep(fast, fast_v, posed, betas, **options)
    assert wrong != twins.sweep_cells(slow, slow_v, posed, PHASES, betas, KEY, memory=0.5, persistence=PERSISTENCE), (
        fault
    )


def test_cells_that_do_not_move_go_on_settling():
    """By hand: one sweep of a pair from V = 0, of which cell 0 has moved when the second phase begins."""
    pair = pbits.IsingModel([[0, 0.7], [0.7, 0]], [0.3, -0.2])
    spins, voltages = np.array([[1], [1]], dtype=np.int8), np.zeros((2, 1))
    ends, sites, csr, m = np.array([0, 1, 2]), np.array([0, 1]), pair.csr, 0.4
    settling.sweep_cells(
        spins, voltages, csr.indptr, csr.indices, csr.data, pair.h, ends, sites, np.full((1, 1), 2.0), m, np.zeros(2),
        *KEY, 0, 0,
    )  # fmt: skip
    first = 2.0 * (1 - m) * (0.7 * 1 - 0.2)
    asked = 2.0 * (0.7 * spins[0, 0] - 0.2)
    assert voltages[1, 0] == pytest.approx(asked + (first - asked) * m, rel=1e-14)


def test_chunks_and_blocks_change_nothing():
    posed, betas = network(), ramp(30, 12)
    spins, voltages = start(12)
    parts = [(spins[:, cut].copy(), voltages[:, cut].copy(), betas[:, cut].copy()) for cut in (slice(8), slice(8, 12))]
    sweep(spins, voltages, posed, betas, 0.3)
    for (part, part_v, hot), chain0 in zip(parts, (0, 8)):
        sweep(part, part_v, posed, hot[:11], 0.3, chain0=chain0)
        sweep(part, part_v, posed, hot[11:], 0.3, chain0=chain0, step0=11)
    assert np.array_equal(spins, np.concatenate([part for part, *_ in parts], axis=1))
    assert np.array_equal(voltages, np.concatenate([part_v for _, part_v, _ in parts], axis=1))
