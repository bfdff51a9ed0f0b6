"""Many-body p-bits: the twin draw for draw, the exact law, and faults that must show."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import pbits
from pbits.kernels import polynomial
from pbits.reference.polynomial import field, sweep, sweep_random
from pbits.sweeps import Key, Options, Scan
from pbits.sweeps.engine import Record
from pbits.sweeps.polynomial import PolynomialEngine, terms_of_sites

KEY = Key(thermal=(np.uint32(1234), np.uint32(5678)), site=(np.uint32(99), np.uint32(7)))
FALSE_ALARM = 1e-4  # of each chi-square test below; seeds are fixed, so each has passed once for all


def random_model(n=7, terms=14, order=5, seed=0):
    """Terms of one to `order` sites, fields among them, with real weights."""
    rng = np.random.default_rng(seed)
    drawn = {tuple(sorted(rng.permutation(n)[: rng.integers(1, order + 1)].tolist())): 0.0 for _ in range(terms)}
    return pbits.PolynomialModel(n, {sites: float(0.6 * rng.normal()) for sites in drawn}, offset=0.4)


MODEL = random_model()


def start(n, chains, seed=1):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=(n, chains))


def engine(model, scan, states, chain0=0, rule="heat-bath"):
    return PolynomialEngine(model, scan, states.copy(), KEY, chain0, Options(rule=rule))


def record_of(model, chains, looks, keep=True):
    return Record(
        model=model,
        energies=np.empty((chains, looks)),
        draws=np.empty((chains, looks, model.n), dtype=np.int8) if keep else None,
        best_energy=np.inf,
        best_state=np.zeros(model.n, dtype=np.int8),
    )


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize("per_chain", [False, True])
def test_sweeps_equal_the_twin_draw_for_draw(rule, per_chain):
    chains, scan = 6, Scan.of([[3, 5], [0], [2, 1, 6]])
    betas = np.linspace(0.2, 2.0, 40)
    if per_chain:
        betas = betas[:, None] * np.linspace(0.5, 1.5, chains)
    slow = start(7, chains)
    fast = engine(MODEL, scan, slow, chain0=64, rule=rule)
    assert fast.advance(betas, 3) == sweep(slow, MODEL, scan.sites, betas, KEY.thermal, rule=rule, chain0=64, step0=3)
    assert np.array_equal(fast.states(), slow.T)
    assert fast.states().dtype == np.int8


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
def test_a_random_scan_equals_the_twin_draw_for_draw(rule):
    sites, betas, slow = np.array([0, 2, 3, 6]), np.full(40, 0.9), start(7, 6)
    fast = engine(MODEL, Scan(sites=sites, ends=None), slow, chain0=64, rule=rule)
    assert fast.advance(betas, 5) == sweep_random(
        slow, MODEL, sites, betas, KEY.thermal, KEY.site, rule=rule, chain0=64, step0=5
    )
    assert np.array_equal(fast.states(), slow.T)


@pytest.mark.parametrize("random", [False, True])
def test_calls_and_blocks_change_nothing(random):
    betas, states = np.linspace(0.1, 1.0, 30), start(7, 70)
    scan = Scan.random(7) if random else Scan.sequential(7)
    whole = [engine(MODEL, scan, states[:, :64]), engine(MODEL, scan, states[:, 64:], chain0=64)]
    for one in whole:
        one.advance(betas, 0)
    parts = [engine(MODEL, scan, states[:, begin : begin + 4], chain0=begin) for begin in range(0, 68, 4)]
    for part in parts:
        part.advance(betas[:11], 0)
        part.advance(betas[11:], 11)
    together = np.concatenate([one.states() for one in whole])
    assert np.array_equal(np.concatenate([part.states() for part in parts]), together[:68])


def chance(model, scan, *, sweeps, beta=0.7, clamp=None, rule="heat-bath", corrupt=None):
    """The p-value of 640 chains × `sweeps` draws, four sweeps apart, against the exact law."""
    law = pbits.exact(model, beta, clamp)
    counts = np.zeros(len(law.probabilities))
    for chain0 in range(0, 640, 64):
        states = start(model.n, 64, seed=chain0)
        for site, value in (clamp or {}).items():
            states[site] = value
        free = scan.without(np.array(sorted(clamp or {}), dtype=np.int64))
        one = engine(model, free, states, chain0, rule)
        if corrupt:
            corrupt(one)
        one.advance(np.full(40, beta), 0)
        record = record_of(model, 64, sweeps)
        one.sweep(np.full(4 * sweeps, beta), 40, 4, record)
        counts += np.bincount(law.index(record.draws).ravel(), minlength=len(counts))
    expected = counts.sum() * law.probabilities
    return chisquare(counts, expected).pvalue


@pytest.mark.parametrize("clamp", [None, {1: 1, 4: -1}], ids=["free", "clamped"])
def test_chains_have_the_exact_law(clamp):
    # 640 chains × 2400 sweeps × 7 sites: 10⁷ updates.
    assert chance(MODEL, Scan.sequential(7), sweeps=600, clamp=clamp) > FALSE_ALARM


def test_a_random_scan_has_the_exact_law():
    assert chance(MODEL, Scan.random(7), sweeps=100, beta=0.3) > FALSE_ALARM


def test_metropolis_keeps_the_law_too():
    assert chance(MODEL, Scan.of([[4, 2, 0], [6, 1, 3, 5]]), sweeps=300, beta=0.5, rule="metropolis") > FALSE_ALARM


def _stronger(one):
    """The planted fault: every weight 3 % too strong."""
    starts, weights, firsts, others = one._terms
    one._terms = starts, 1.03 * weights, firsts, others


def _misread(one):
    """The planted fault: one term looks at another site than it should."""
    starts, weights, firsts, others = one._terms
    wrong = others.copy()
    wrong[0] = (wrong[0] + 1) % 7
    one._terms = starts, weights, firsts, wrong


@pytest.mark.parametrize("fault", [_stronger, _misread])
def test_faults_in_the_terms_are_caught(fault):
    assert chance(MODEL, Scan.sequential(7), sweeps=600, corrupt=fault) < FALSE_ALARM


@given(n=st.integers(1, 9), terms=st.integers(0, 20), order=st.integers(1, 6), seed=st.integers(0, 200))
def test_terms_are_listed_under_each_of_their_sites(n, terms, order, seed):
    model = random_model(n, terms, min(order, n), seed)
    starts, weights, firsts, others = terms_of_sites(model)
    for site in range(n):
        listed = {
            tuple(sorted([site, *others[firsts[e] : firsts[e + 1]].tolist()])): weights[e]
            for e in range(starts[site], starts[site + 1])
        }
        assert listed == {sites: weight for sites, weight in model.terms.items() if site in sites}


@pytest.mark.parametrize("keep", [False, True])
def test_what_is_noted_is_what_happened(keep):
    states, betas = start(7, 13), np.linspace(0.1, 2.0, 30)
    one, other = (engine(MODEL, Scan.sequential(7), states) for _ in range(2))
    record = record_of(MODEL, 13, 10, keep)
    toggles, seen = one.sweep(betas, 0, 3, record), []
    expected = 0
    for k in range(0, 30, 3):
        expected += other.advance(betas[k : k + 3], k)
        seen.append(other.states())
    assert toggles == expected
    np.testing.assert_allclose(record.energies, MODEL.energy(np.stack(seen, axis=1)), rtol=1e-12, atol=1e-12)
    if keep:
        assert np.array_equal(record.draws, np.stack(seen, axis=1))
    assert record.best_energy == record.energies.min()
    assert MODEL.energy(record.best_state) == pytest.approx(record.best_energy, rel=1e-12, abs=1e-12)


def test_every_change_is_a_toggle():
    one = engine(MODEL, Scan.sequential(7), start(7, 5))
    path, toggles = [one.states()], 0
    for step in range(50):
        toggles += one.advance(np.array([0.7]), step)
        path.append(one.states())
    assert toggles == sum(np.count_nonzero(a != b) for a, b in itertools.pairwise(path))


def test_the_model_held_can_change():
    states, other = start(7, 5), pbits.PolynomialModel(7, {sites: -2 * w for sites, w in MODEL.terms.items()})
    one = engine(MODEL, Scan.sequential(7), states)
    one.hold(other)
    one.advance(np.array([1.0]), 0)
    sweep(states, other, range(7), [1.0], KEY.thermal)
    assert np.array_equal(one.states(), states.T)


def test_huge_weights_and_cold_chains_do_not_overflow():
    model = pbits.PolynomialModel(3, {(0, 1, 2): 1e100, (0,): 1e50, (1, 2): -1e90})
    for rule in ("heat-bath", "metropolis"):
        one = engine(model, Scan.sequential(3), start(3, 64), rule=rule)
        one.advance(np.full(50, 1e6), 0)
        assert (one.states().prod(axis=1) == 1).all()


def test_planted_parities_are_found():
    # 3-XORSAT on 60 spins with a planted solution: every parity is met at the ground state.
    rng = np.random.default_rng(3)
    planted = rng.choice([-1, 1], size=60)
    triples = {tuple(sorted(rng.permutation(60)[:3].tolist())) for _ in range(40)}
    model = pbits.PolynomialModel(60, {sites: float(planted[list(sites)].prod()) for sites in triples})
    one, record = engine(model, Scan.sequential(60), start(60, 64)), record_of(model, 64, 40, keep=False)
    one.sweep(np.linspace(0.2, 4.0, 400), 0, 10, record)
    assert record.best_energy == -len(triples)


def test_the_field_of_the_twin_is_the_stated_one():
    model = pbits.PolynomialModel(3, {(0,): 0.5, (0, 1): -1.0, (0, 1, 2): 2.0, (1, 2): 9.0})
    assert field(model, np.array([1, -1, -1]), 0) == 0.5 + 1.0 + 2.0


@pytest.mark.parametrize(
    ("model", "scan", "reason"),
    [
        (pbits.IsingModel([[0, 1], [1, 0]]), Scan.sequential(2), "IsingModel"),
        (MODEL, Scan.sequential(7, persistence=0.2), "lazy"),
        (MODEL, Scan.sequential(7, gains=np.ones(7)), "gains"),
        (MODEL, Scan.of([range(7)], independent=False), "at once"),
    ],
)
def test_what_it_cannot_do_it_refuses(model, scan, reason):
    (found,) = PolynomialEngine.refusals(model, scan, Options(), 1.0)
    assert reason in found
    assert PolynomialEngine.refusals(MODEL, Scan.random(7), Options(rule="metropolis"), 1.0) == []


@pytest.mark.parametrize("name", ["sweeps", "random_sweeps", "add_terms"])
def test_each_kernel_is_compiled_once(name):
    # This file calls each in every way there is.
    assert len(getattr(polynomial, name).signatures) <= 1
