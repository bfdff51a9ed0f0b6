"""Chains side by side: equal to the plain twin bit for bit, and probabilities as exact as is said."""

import math

import numba
import numpy as np
import pytest

import pbits
from pbits.kernels import fields, lanes, simd
from pbits.reference import lanes as twins
from pbits.reference.bits import seeded
from pbits.sweeps import Key, Options, Scan
from pbits.sweeps.lanes import LanesEngine, _as_posed

KEY = (np.uint32(1234), np.uint32(5678))


def model(n=9, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.6), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n))


def start(n, chains, seed=1):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=(n, chains))


def engine(posed, scan, states, rule="heat-bath"):
    return LanesEngine(posed, scan, states.copy(), Key(thermal=KEY, site=KEY), 64, Options(rule=rule))


PHASES = {
    "sequential": [[i] for i in range(9)],
    "synchronous": [list(range(9))],
    "uneven": [[0, 3, 5], [8], [1, 2, 4, 6, 7]],
}
OPTIONS = {
    "plain": {},
    "lazy": {"persistence": 0.37},
    "Metropolis": {"metropolis": True},
    "gains": {"gains": np.linspace(-0.3, 1.8, 9)},
}


# Four whole vectors of chains have a loop of their own.
@pytest.mark.parametrize("chains", [5, 40, 64])
@pytest.mark.parametrize("phases", PHASES.values(), ids=PHASES)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_chains_equal_their_twin(phases, options, chains):
    posed = model()
    betas = np.linspace(0.1, 1.2, 25)[:, None] * np.linspace(0.5, 1.5, chains)
    slow = start(9, chains)
    options = dict(options)
    rule = "metropolis" if options.get("metropolis") else "heat-bath"
    kind = {name: options[name] for name in ("persistence", "gains") if name in options}
    scan = Scan.of(phases, independent=len(phases) == 9, **kind)
    fast = engine(posed, scan, slow, rule)
    toggles = fast.advance(betas, 0)
    streams = [seeded(KEY, 1, vector) for vector in range(-(-chains // 16))]
    assert toggles == twins.sweep_lanes(slow, posed, phases, betas, streams, **options)
    assert np.array_equal(fast.states().T, slow)


def test_a_wrong_beta_or_a_shared_word_shows_against_the_twin():
    posed, betas, phases = model(), np.full(200, 0.5), PHASES["sequential"]
    first, second = seeded(KEY, 1, 0), seeded(KEY, 1, 1)
    for streams, wrong in (((first, second), 1.01), ((seeded(KEY, 1, 0), seeded(KEY, 1, 0)), 1.0)):
        slow = start(9, 32)
        toggles = engine(posed, Scan.sequential(9), slow).advance(betas, 0)
        assert toggles != twins.sweep_lanes(slow, posed, phases, wrong * betas, streams)


@numba.njit
def _powers(out, y):
    for k in range(0, len(y), 16):
        simd.store_f32(out, k, lanes.exp2(simd.load_f32(y, k)))


@numba.njit
def _decide(out, words, y, a, b):
    for k in range(0, len(y), 16):
        word = simd.as_u64(simd.load_u32(words, k))
        mask = lanes.flips(word, simd.load_f32(y, k), simd.splat_f32(a), simd.splat_f32(b * 2.0**32))
        bits = simd.bits_of(mask)
        for lane in range(16):
            out[k + lane] = (bits >> np.uint64(lane)) & np.uint64(1)


def test_powers_of_two_are_right_to_3e_7_and_saturate():
    y = np.linspace(-125, 125, 1 << 21, dtype=np.float32)
    out = np.empty_like(y)
    _powers(out, y)
    assert np.abs(out / np.exp2(y.astype(float)) - 1).max() < 3e-7
    assert np.array_equal(out[::101], twins.exp2(y[::101]))
    ends = np.array([-np.inf, -1e9, np.inf, 1e9] * 4, dtype=np.float32)
    out = np.empty_like(ends)
    _powers(out, ends)
    assert np.allclose(out[:4], np.exp2([-125.0, -125, 125, 125]), rtol=3e-7)


@pytest.mark.parametrize("rule", ["heat bath", "lazy", "Metropolis"])
def test_the_probability_of_a_flip_is_right_over_the_whole_range(rule):
    # How many of the 2³² words flip is found by bisection: flips are the low words.
    a, b = {"heat bath": (1.0, 1.0), "lazy": (1.0, 0.3), "Metropolis": (0.0, 1.0)}[rule]
    rng = np.random.default_rng(0)
    beta, unit = 10 ** rng.uniform(-1, 1, size=1 << 16), 2.0**-24
    whole = np.rint(rng.normal(size=1 << 16) * 8 / unit).astype(np.int32)
    whole[:256] = 0
    field = whole * unit
    y = whole.astype(np.float32) * (2 * lanes.LOG2_E * beta * unit).astype(np.float32)
    least, most = np.zeros(len(y), dtype=np.int64), np.full(len(y), 1 << 32)
    out = np.empty(len(y), dtype=np.bool_)
    while (least < most).any():
        middle = (least + most) // 2
        _decide(out, np.minimum(middle, 2**32 - 1).astype(np.uint32), y, a, b)
        out &= middle < 1 << 32
        least, most = np.where(out, middle + 1, least), np.where(out, most, middle)
    found = least / 2.0**32
    with np.errstate(over="ignore"):
        exact = np.minimum(1.0, b / (a + np.exp(2 * beta * field)))
    assert (np.abs(found - exact) <= 6e-6 * exact + 2.0**-32).all()
    assert (exact < 1e-9).sum() > 1000
    assert (exact > (1 - 1e-9) * b).sum() > 1000
    # The planted fault: a threshold off by one part in 10⁵ does not pass.
    assert not (np.abs(1.00001 * found - exact) <= 6e-6 * exact + 2.0**-32).all()


def test_states_go_through_bits_unchanged():
    states = start(13, 37)
    spins = np.zeros((3, 13), dtype=np.uint16)
    lanes.pack(spins, states)
    back = np.empty((37, 13), dtype=np.int8)
    lanes.unpack(back, spins)
    assert np.array_equal(back.T, states)
    assert spins[2].max() < 1 << 5


def summed(posed, spins):
    words = np.empty((len(posed.units), 16 * len(spins)), dtype=np.int64)
    for word, out in enumerate(words):
        lanes.sum_energies(out, word, posed, spins)
    return posed.offset + posed.units @ words


def exact_energy(posed, state):
    """Rounded once."""
    i, j, couplings = posed.edges()
    return math.fsum([posed.offset, *(-couplings * state[i] * state[j]), *(-posed.h * state)])


# Four whole vectors of chains have a loop of their own.
@pytest.mark.parametrize("chains", [32, 64])
@pytest.mark.parametrize("strong", [1.0, 1e7], ids=["gaussian", "one strong field"])
def test_energies_are_those_of_the_model_in_double_precision(strong, chains):
    h = np.random.default_rng(5).normal(size=30)
    h[3] *= strong
    posed, states = pbits.IsingModel(model(30).csr, h, offset=7.0), start(30, chains)
    spins = np.zeros((chains // 16, 30), dtype=np.uint16)
    lanes.pack(spins, states)
    words = _as_posed(posed)
    exact = np.array([exact_energy(posed, state) for state in states.T])
    allowed = 2.0**-51 * strong * 30
    assert np.abs(summed(words, spins) - exact).max() < allowed
    # The planted fault: what the first word leaves is needed.
    assert np.abs(summed(words._replace(units=words.units[:1]), spins) - exact).max() > 1000 * allowed


@pytest.mark.parametrize("factor", [1.0, 0.375, 2.0**40])
def test_whole_numbers_of_one_unit_are_one_word_and_exact(factor):
    rng = np.random.default_rng(6)
    J = np.triu(rng.integers(-3, 4, (30, 30)), 1)
    posed = pbits.IsingModel(factor * (J + J.T), factor * rng.integers(-5, 6, 30))
    states, spins, words = start(30, 64), np.zeros((4, 30), dtype=np.uint16), _as_posed(posed)
    lanes.pack(spins, states)
    assert len(words.units) == 1
    assert np.array_equal(summed(words, spins), posed.energy(states.T))


def test_columns_above_the_diagonal():
    posed = model(30, seed=4)
    indptr, indices = posed.csr.indptr.view(np.uint32), posed.csr.indices.view(np.uint32)
    upper = fields.starts_above(indptr, indices)
    for site in range(30):
        row = indices[indptr[site] : indptr[site + 1]]
        assert upper[site] - indptr[site] == (row < site).sum()


def test_idle_lanes_are_not_counted():
    posed = pbits.IsingModel(np.zeros((4, 4)))
    toggles = engine(posed, Scan.sequential(4), np.ones((4, 3), dtype=np.int8), "metropolis").advance(np.zeros(100), 0)
    assert toggles == 4 * 3 * 100
