"""Chains side by side as an engine: the exact law under every scan and rule, and looks that agree."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import chisquare

import pbits
from pbits.reference import conditionals, stationary, transition, transition_of
from pbits.sweeps import Key, Options, Record, Scan
from pbits.sweeps import lanes as sweeps
from pbits.sweeps.lanes import MAX_LOG_ODDS_ERROR, LanesEngine, _rounding

KEY = Key(thermal=(np.uint32(11), np.uint32(22)), site=(np.uint32(33), np.uint32(44)))
FALSE_ALARM = 1e-4  # of each chi-square test; seeds are fixed, so each has passed once for all
GAINS = np.array([0.4, 1.0, 1.7, 1.0, 0.8, 1.2])


def model(n=6, seed=0, offset=0.0):
    """Odd cycles, and fields."""
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n), offset)


def start(n, chains, seed=1):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=(n, chains))


def engine(posed, scan=None, rule="heat-bath", chains=64, chain0=0, states=None):
    states = start(posed.n, chains) if states is None else states
    return LanesEngine(posed, scan or Scan.sequential(posed.n), states, KEY, chain0, Options(rule=rule))


def record(posed, chains, looks, draws=False, sums=False):
    return Record(
        model=posed,
        energies=np.empty((chains, looks)),
        draws=np.empty((chains, looks, posed.n), dtype=np.int8) if draws else None,
        best_energy=np.inf,
        best_state=np.zeros(posed.n, dtype=np.int8),
        site_sums=np.zeros(posed.n, dtype=np.int64) if sums else None,
        edge_sums=np.zeros(posed.n_couplings, dtype=np.int64) if sums else None,
    )


def drawn(block, posed, beta, draws, every, chains=64):
    """States seen after every `every`-th sweep, of all chains."""
    note = record(posed, chains, draws, draws=True)
    block.advance(np.full(200, beta), 0)
    block.sweep(np.full(draws * every, beta), 200, every, note)
    return note.draws


def p_value(states, law):
    """Of a chi-square test of states (..., n) against the law of all 2ⁿ."""
    n = states.shape[-1]
    number = (states.reshape(-1, n) > 0) @ (1 << np.arange(n)[::-1])
    counts, expected = np.bincount(number, minlength=len(law)), law * len(number)
    likely = expected >= 5
    found = np.append(counts[likely], counts[~likely].sum())
    expected = np.append(expected[likely], expected[~likely].sum())
    if expected[-1] == 0:
        assert found[-1] == 0
        found, expected = found[:-1], expected[:-1]
    return chisquare(found, expected * found.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 0, 3, 2, 4, 1]], ids=["sequential", "shuffled"])
def test_chains_have_the_boltzmann_law(order, rule):
    posed, beta = model(), 0.4
    states = drawn(engine(posed, Scan.of([[i] for i in order]), rule), posed, beta, 10_000, 30)
    assert p_value(states, pbits.exact(posed, beta).probabilities) > FALSE_ALARM


def test_a_hundred_million_updates_of_a_frustrated_graph_and_planted_faults():
    posed, beta = model(8, seed=3), 0.35
    law = pbits.exact(posed, beta).probabilities
    # Chains of one vector share no word, so that all draws of all chains are one sample.
    states = drawn(engine(posed), posed, beta, 16_000, 12)
    assert p_value(states, law) > FALSE_ALARM
    # One per cent in β, and one random word for two chains.
    assert p_value(drawn(engine(posed), posed, 1.01 * beta, 16_000, 12), law) < FALSE_ALARM
    pairs = pair_correlations(states)
    assert pairs.max() < 5.5 / np.sqrt(16_000)
    states[33] = states[17]
    assert pair_correlations(states).max() > 0.99


def pair_correlations(states):
    """|Correlation| of the magnetisation of every two chains."""
    sums = states.sum(axis=-1, dtype=np.float64)
    matrix = np.abs(np.corrcoef(sums))
    return matrix[np.triu_indices(len(matrix), 1)]


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
def test_two_billion_updates(rule):
    posed, beta = model(8, seed=5), 0.3
    states = drawn(engine(posed, rule=rule), posed, beta, 200_000, 20)
    assert p_value(states, pbits.exact(posed, beta).probabilities) > FALSE_ALARM


def test_two_blocks_are_independent():
    posed, beta = model(), 0.4
    states = np.concatenate([drawn(engine(posed, chain0=c), posed, beta, 10_000, 12) for c in (0, 64)])
    assert pair_correlations(states).max() < 5.5 / np.sqrt(10_000)


PHASES = {"synchronous": [[0, 1, 2, 3, 4, 5]], "uneven": [[0, 3], [5], [1, 2, 4]]}


@pytest.mark.parametrize("persistence", [0.0, 0.35])
@pytest.mark.parametrize("phases", PHASES.values(), ids=PHASES)
def test_coupled_phases_have_the_law_of_their_transitions(phases, persistence):
    posed, beta = model(), 0.4
    scan = Scan.of(phases, independent=False, persistence=persistence)
    law = stationary(transition(posed, "phases", beta, phases=phases, persistence=persistence))
    states = drawn(engine(posed, scan), posed, beta, 6_000, 60)
    assert p_value(states, law) > FALSE_ALARM
    # The planted fault: one after another instead.
    states = drawn(engine(posed, Scan.of(phases, persistence=persistence)), posed, beta, 6_000, 60)
    assert p_value(states, law) < FALSE_ALARM


@pytest.mark.parametrize("persistence", [0.0, 0.35])
def test_gains_and_lazy_cells_have_the_law_of_their_transitions(persistence):
    posed, beta = model(), 0.4
    up = conditionals(posed, beta)
    odds = np.log(up / (1 - up)) * GAINS
    T = transition_of(1 / (1 + np.exp(-odds)), "phases", phases=[[i] for i in range(6)], persistence=persistence)
    scan = Scan.sequential(6, gains=GAINS, persistence=persistence)
    states = drawn(engine(posed, scan), posed, beta, 6_000, 30)
    assert p_value(states, stationary(T)) > FALSE_ALARM
    assert p_value(states, pbits.exact(posed, beta).probabilities) < FALSE_ALARM


def test_clamped_sites_stay_and_the_others_have_the_conditional_law():
    posed, beta, states = model(), 0.5, start(6, 64)
    states[1], states[4] = -1, 1
    seen = drawn(engine(posed, Scan.sequential(6).without(np.array([1, 4])), states=states), posed, beta, 5_000, 20)
    law = pbits.exact(posed, beta, clamp={1: -1, 4: 1})
    whole = np.zeros(64)
    whole[(law.states > 0) @ (1 << np.arange(6)[::-1])] = law.probabilities
    assert (seen[..., [1, 4]] == (-1, 1)).all()
    assert p_value(seen, whole) > FALSE_ALARM


def test_each_chain_has_its_own_beta():
    posed, betas = model(), np.repeat([0.2, 0.7], 32)
    block = engine(posed)
    note = record(posed, 64, 10_000, draws=True)
    rows = np.broadcast_to(betas, (200_000, 64))
    block.sweep(rows, 0, 20, note)
    for part, beta in ((note.draws[:32, 20:], 0.2), (note.draws[32:, 20:], 0.7)):
        assert p_value(part, pbits.exact(posed, beta).probabilities) > FALSE_ALARM


@pytest.mark.parametrize("chains", [1, 16, 33, 64])
def test_a_chain_depends_on_neither_cuts_nor_its_neighbours(chains):
    posed, betas = model(40), np.linspace(0.01, 0.3, 30)
    whole, part = engine(posed), engine(posed, states=start(40, 64)[:, :chains])
    once = record(posed, 64, 15, draws=True)
    whole.sweep(betas, 0, 2, once)
    part.advance(betas[:7], 0)
    part.advance(betas[7:10], 7)
    rest = record(posed, chains, 20, draws=True)
    # Parts of arrays are written to as well as whole ones.
    rest.energies, rest.draws = rest.energies[:, 3:13], rest.draws[:, 3:13]
    part.sweep(betas[10:], 10, 2, rest)
    assert np.array_equal(whole.states()[:chains], part.states())
    assert np.array_equal(once.draws[:chains, 5:], rest.draws)
    assert np.array_equal(once.energies[:chains, 5:], rest.energies)


@pytest.mark.parametrize("chains", [3, 64])
@pytest.mark.parametrize("apart", [False, True], ids=["held", "posed apart"])
def test_looks_note_what_the_states_are(apart, chains):
    held = model(30, offset=3.0)
    posed = model(30, seed=9) if apart else held
    note = record(posed, chains, 20, draws=True, sums=True)
    block = engine(held, chains=chains)
    block.sweep(np.linspace(0.01, 0.6, 40), 0, 2, note)
    assert np.allclose(note.energies, posed.energy(note.draws), rtol=1e-9)
    assert np.array_equal(note.draws[:, -1], block.states())
    assert note.best_energy == note.energies.min()
    assert posed.energy(note.best_state) == pytest.approx(note.best_energy)
    i, j, _ = posed.edges()
    flat = note.draws.reshape(-1, 30).astype(int)
    assert np.array_equal(note.site_sums, flat.sum(axis=0))
    assert np.array_equal(note.edge_sums, (flat[:, i] * flat[:, j]).sum(axis=0))


@pytest.mark.parametrize("chains", [3, 64])
def test_toggles_are_the_spins_that_changed(chains):
    posed, states = model(20), start(20, chains)
    note = record(posed, chains, 100, draws=True)
    toggles = engine(posed, states=states).sweep(np.full(100, 0.1), 0, 1, note)
    seen = np.concatenate([states.T[:, None], note.draws], axis=1)
    assert toggles == (np.diff(seen, axis=1) != 0).sum()


def test_programming_anew_keeps_the_states_and_changes_the_law():
    first, second, beta = model(seed=1), model(seed=2), 0.4
    block = engine(first)
    block.advance(np.full(50, beta), 0)
    before = block.states()
    block.hold(second)
    assert np.array_equal(block.states(), before)
    assert p_value(drawn(block, second, beta, 5_000, 20), pbits.exact(second, beta).probabilities) > FALSE_ALARM


def gaussian(n=400):
    rng = np.random.default_rng(0)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.1), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n))


def equal(J, h, n=301):
    return pbits.IsingModel(J * (1 - np.eye(n)), np.full(n, h))


def whole(n=400):
    """Multiples of 3/8, as sparse as those of G-set, with fields."""
    rng = np.random.default_rng(0)
    J = np.triu(rng.integers(-2, 3, (n, n)) * (rng.random((n, n)) < 0.12), 1)
    return pbits.IsingModel(0.375 * (J + J.T), 0.375 * rng.integers(-3, 4, n))


FIXED = {
    "gaussian": (gaussian(), 0.05),
    "equal": (equal(0.1, 0.0), 0.9),
    "equal, in a strong field": (equal(0.01, 100.0), 0.9),
    "a power of two is just missed": (equal(0.0, 1024 - 2.0**-30, n=3), 0.0),
    "whole": (whole(), 0.0),
}


@pytest.mark.parametrize(("posed", "share"), FIXED.values(), ids=FIXED)
def test_fields_in_fixed_point_are_as_exact_as_the_refusal_says(posed, share):
    # Over states of every magnetisation; equal couplings all round to the same side.
    n = posed.n
    states = np.where(np.random.default_rng(1).random((n, 200)) < np.linspace(0, 1, 200), 1, -1)
    held, csr = engine(posed)._couplings, posed.csr
    twice = sp.csr_array((held.twice.astype(np.int64), csr.indices, csr.indptr), shape=csr.shape)
    sums = held.base[:, None] + twice @ (states > 0).astype(np.int64)
    assert np.abs(held.base).max() < 2**30
    assert np.abs(twice).sum(axis=1).max() < 2**31
    exact = np.array(
        [[math.fsum([*(csr[[i]].data * s[csr[[i]].indices]), posed.h[i]]) for s in states.T] for i in (0, n - 1)]
    )
    error, bound = np.abs(sums[[0, -1]] * held.unit - exact).max(), _rounding(posed, None)
    assert share * bound <= error <= bound
    # And the bound is what is refused beyond.
    scan = Scan.sequential(n)
    if bound == 0:
        assert LanesEngine.refusals(posed, scan, Options(), 1e9) == []
        return
    beta = MAX_LOG_ODDS_ERROR / (2 * bound)
    assert LanesEngine.refusals(posed, scan, Options(), 0.999 * beta) == []
    assert "round" in LanesEngine.refusals(posed, scan, Options(), 1.001 * beta)[0]


def test_equal_couplings_of_many_neighbours_are_refused_and_usual_models_are_not():
    scan = Scan.sequential(301)
    assert "round" in LanesEngine.refusals(equal(0.1, 0.0), scan, Options(), 100.0)[0]
    assert LanesEngine.refusals(equal(0.125, 0.0), scan, Options(), 100.0) == []
    # Gains may take the common unit away.
    gains = np.linspace(0.5, 1.5, 301)
    assert LanesEngine.refusals(equal(0.125, 0.0), Scan.sequential(301, gains=gains), Options(), 100.0)
    halves = np.full(301, 0.5)
    assert LanesEngine.refusals(equal(0.125, 0.0), Scan.sequential(301, gains=halves), Options(), 100.0) == []
    assert LanesEngine.refusals(gaussian(), Scan.sequential(400), Options(), 10.0) == []
    for shape in ((40, 40), (12, 12, 12)):
        n = int(np.prod(shape))
        for draw in (np.random.default_rng(0).normal, lambda size: np.random.default_rng(0).choice([-1.0, 1.0], size)):
            site = np.arange(n).reshape(shape)
            edges = np.concatenate(
                [np.stack([site, np.roll(site, 1, axis)], axis=-1).reshape(-1, 2) for axis in range(len(shape))]
            )
            lattice = pbits.IsingModel.from_edges(n, edges, draw(size=len(edges)))
            assert LanesEngine.refusals(lattice, Scan.sequential(n), Options(), 3.0) == []


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("phases", [[[i] for i in range(6)], [[3, 0], [5], [1, 2, 4]]], ids=["alone", "together"])
def test_threads_that_share_the_vectors_of_chains_change_nothing(phases, threads, monkeypatch):
    posed, betas = model(), np.linspace(0.2, 1.0, 12)
    scan = Scan.of(phases, independent=len(phases) == 6)
    notes, toggles, states = [], [], []
    for workers in (1, threads):
        monkeypatch.setattr(sweeps, "_WORTH_A_TEAM", 0)
        block = engine(posed, scan, chains=50)
        block.threads = workers
        notes.append(record(posed, 50, 4, draws=True, sums=True))
        toggles.append((block.advance(betas, 0), block.sweep(betas, 12, 3, notes[-1])))
        states.append(block.states())
    one, other = notes
    assert toggles[0] == toggles[1]
    assert np.array_equal(*states)
    assert np.array_equal(one.energies, other.energies)
    assert np.array_equal(one.draws, other.draws)
    assert np.array_equal(one.edge_sums, other.edge_sums)
    assert one.best_energy == other.best_energy


def test_blocks_share_the_couplings_of_a_model_and_its_gains():
    posed, scan = model(), Scan.sequential(6, gains=GAINS)
    first, second = engine(posed, scan), engine(posed, scan, chain0=64)
    assert first._couplings is second._couplings
    plain = engine(posed)
    assert plain._couplings is engine(posed, chain0=64)._couplings
    assert not np.array_equal(plain._couplings.twice, first._couplings.twice)
    other = engine(posed, Scan.sequential(6, gains=2 * GAINS))
    assert other._couplings.unit == 2 * first._couplings.unit
    assert np.array_equal(other._couplings.twice, first._couplings.twice)
    kept = first._couplings
    first.hold(model(seed=2))
    assert first._couplings is not kept


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**-140, 2.0**130, 2.0**400])
def test_a_change_of_scale_changes_nothing(scale):
    posed = model()
    scaled = pbits.IsingModel(posed.csr * scale, posed.h * scale)
    first, second = engine(posed), engine(scaled)
    betas = np.linspace(0.1, 1.0, 30)
    notes = [record(held, 64, 30) for held in (posed, scaled)]
    assert first.sweep(betas, 0, 1, notes[0]) == second.sweep(betas / scale, 0, 1, notes[1])
    assert np.array_equal(first.states(), second.states())
    assert np.array_equal(notes[1].energies / scale, notes[0].energies)
    assert LanesEngine.refusals(scaled, Scan.sequential(6), Options(), 1 / scale) == []


def test_the_ground_state_is_kept_where_nothing_is_left_to_chance():
    posed = pbits.IsingModel(2.0**60 * (np.ones((4, 4)) - np.eye(4)))
    block = engine(posed, states=np.ones((4, 64), dtype=np.int8))
    assert block.advance(np.full(50, 1e140), 0) == 0
    assert (block.states() == 1).all()


def noted(block, posed, betas, cuts=()):
    """Energies at looks after every second sweep, in pieces; and whether they are those of the states."""
    energies = []
    for piece in np.split(betas, cuts):
        note = record(posed, 64, len(piece) // 2, draws=True)
        block.sweep(piece, 0, 2, note)
        assert np.allclose(note.energies, posed.energy(note.draws), rtol=1e-13, atol=1e-13)
        energies.append(note.energies)
    return np.concatenate(energies, axis=1)


def test_energies_followed_are_those_summed_at_looks_however_it_is_cut():
    posed, betas = model(30, offset=3.0), np.linspace(0.01, 0.6, 40)
    followed = noted(engine(posed), posed, betas)
    assert np.array_equal(noted(engine(posed), posed, betas, (10, 24)), followed)
    # A model that is not the one held is not followed, though it be equal.
    twin = pbits.IsingModel(posed.csr, posed.h, posed.offset)
    assert np.array_equal(noted(engine(posed), twin, betas), followed)


def test_energies_are_not_followed_over_what_changes_them_unseen():
    posed, betas, states = model(30), np.full(4, 0.1), start(30, 64, seed=5).T
    other = model(30, seed=1)
    block = engine(posed)
    noted(block, posed, betas)
    block.load(states)
    noted(block, posed, betas)
    block.advance(betas, 0)
    noted(block, posed, betas)
    block.hold(other)
    noted(block, other, betas)
    noted(engine(posed, Scan.of([range(30)], independent=False)), posed, betas)
    noted(engine(posed, Scan.sequential(30, gains=np.linspace(0.5, 1.5, 30))), posed, betas)
    # The planted fault: states loaded, and the energies taken for known.
    block.load(states)
    block._followed = True
    with pytest.raises(AssertionError):
        noted(block, other, betas)


def test_what_is_refused_is_told():
    plain = Scan.sequential(6)
    assert LanesEngine.refusals(model(), plain, Options(), 1.0) == []
    assert LanesEngine.refusals(model(), Scan.of([range(6)], independent=False), Options(), 1.0) == []
    strong = pbits.IsingModel(model().csr * 1e4)
    for posed, scan, rule, words in (
        (pbits.GaussianModel(np.eye(2)), plain, "heat-bath", ["GaussianModel"]),
        (model(), Scan.random(6), "heat-bath", ["random scan"]),
        (model(), Scan.sequential(6, persistence=0.2), "metropolis", ["persistence"]),
        (strong, plain, "heat-bath", ["round"]),
        (strong, Scan.random(6), "heat-bath", ["random scan", "round"]),
    ):
        reasons = LanesEngine.refusals(posed, scan, Options(rule=rule), 1.0)
        assert len(reasons) == len(words)
        assert all(word in reason for word, reason in zip(words, reasons))
    assert "side by side" in LanesEngine.describe(Options())
    with_gains = Scan.sequential(6, gains=np.full(6, 1e4))
    assert LanesEngine.refusals(model(), with_gains, Options(), 1.0)
