"""One chain with cached fields as an engine: the exact law under every scan and rule, and looks that agree."""

import time
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from pbits.reference import conditionals, stationary, transition_of
from pbits.sweeps import Key, Options, Record, Scan
from pbits.sweeps.fields import FieldsEngine, made_once
from pbits.sweeps.layouts import Work, choose

KEY = Key(thermal=(np.uint32(11), np.uint32(22)), site=(np.uint32(33), np.uint32(44)))
FALSE_ALARM = 1e-4  # of each chi-square test; seeds are fixed, so each has passed once for all
GAINS = np.array([0.4, 1.0, 1.7, 1.0, 0.8, 1.2])


def model(n=6, seed=0, integers=False, offset=0.0):
    """Odd cycles, and fields."""
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    h = rng.normal(size=n)
    if integers:
        J, h = np.rint(2 * J), np.rint(h)
    return pbits.IsingModel(J + J.T, h, offset)


def start(n, seed=1):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=(n, 1))


def engine(posed, scan=None, rule="heat-bath", chain=0, states=None):
    states = start(posed.n) if states is None else states
    return FieldsEngine(posed, scan or Scan.sequential(posed.n), states, KEY, chain, Options(rule=rule))


def record(posed, looks, draws=False, sums=False):
    return Record(
        model=posed,
        energies=np.empty((1, looks)),
        draws=np.empty((1, looks, posed.n), dtype=np.int8) if draws else None,
        best_energy=np.inf,
        best_state=np.zeros(posed.n, dtype=np.int8),
        site_sums=np.zeros(posed.n, dtype=np.int64) if sums else None,
        edge_sums=np.zeros(posed.n_couplings, dtype=np.int64) if sums else None,
    )


def drawn(chain, posed, beta, draws, every):
    """States seen after every `every`-th sweep."""
    note = record(posed, draws, draws=True)
    chain.advance(np.full(200, beta), 0)
    chain.sweep(np.full(draws * every, beta), 200, every, note)
    return note.draws.reshape(draws, -1)


def p_value(states, law):
    """Of a chi-square test of states, one a row, against the law of all 2ⁿ."""
    number = (states > 0) @ (1 << np.arange(states.shape[1])[::-1])
    counts = np.bincount(number, minlength=len(law))
    likely = law * len(states) >= 5
    if (counts[~likely].sum() > 0) and law[~likely].sum() == 0:
        return 0.0
    found = np.append(counts[likely], counts[~likely].sum())
    expected = np.append(law[likely], law[~likely].sum()) * len(states)
    kept = expected > 0
    return chisquare(found[kept], expected[kept] * found[kept].sum() / expected[kept].sum()).pvalue


@pytest.mark.parametrize("integers", [False, True], ids=["real", "integers"])
@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize("scan", ["sequential", "random", "shuffled", "lazy"])
def test_a_long_chain_has_the_boltzmann_law(scan, rule, integers):
    if scan == "lazy" and rule == "metropolis":
        pytest.skip("refused")
    posed, beta = model(integers=integers), 0.4
    scans = {
        "sequential": Scan.sequential(6),
        "random": Scan.random(6),
        "shuffled": Scan.of([[5], [0], [3], [2], [4], [1]]),
        "lazy": Scan.sequential(6, persistence=0.3),
    }
    states = drawn(engine(posed, scans[scan], rule), posed, beta, 60_000, 30)
    assert p_value(states, pbits.exact(posed, beta).probabilities) > FALSE_ALARM


def test_ten_million_updates_of_a_frustrated_graph_and_a_planted_fault():
    posed, beta = model(8, seed=3), 0.35
    law = pbits.exact(posed, beta).probabilities
    assert p_value(drawn(engine(posed), posed, beta, 125_000, 10), law) > FALSE_ALARM
    # Five per cent in β must not pass for chance.
    assert p_value(drawn(engine(posed), posed, 1.05 * beta, 125_000, 10), law) < FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize("integers", [False, True])
def test_a_billion_updates(integers, random):
    posed, beta = model(8, seed=5, integers=integers), 0.3
    scan = Scan.random(8) if random else Scan.sequential(8)
    law = pbits.exact(posed, beta).probabilities
    assert p_value(drawn(engine(posed, scan), posed, beta, 4_000_000, 30), law) > FALSE_ALARM


@pytest.mark.parametrize("random", [False, True], ids=["sequential", "random"])
def test_gains_have_the_law_of_their_transitions(random):
    posed, beta = model(), 0.4
    states = conditionals(posed, beta)
    odds = np.log(states / (1 - states)) * GAINS
    T = transition_of(1 / (1 + np.exp(-odds)), "random" if random else "sequential")
    scan = Scan.random(6, gains=GAINS) if random else Scan.sequential(6, gains=GAINS)
    chain = engine(posed, scan)
    seen = drawn(chain, posed, beta, 60_000, 30)
    assert p_value(seen, stationary(T)) > FALSE_ALARM
    assert p_value(seen, pbits.exact(posed, beta).probabilities) < FALSE_ALARM


@pytest.mark.parametrize("random", [False, True], ids=["sequential", "random"])
def test_clamped_sites_stay_and_the_others_have_the_conditional_law(random):
    posed, beta, states = model(), 0.5, start(6)
    states[[1, 4], 0] = (-1, 1)
    scan = (Scan.random(6) if random else Scan.sequential(6)).without(np.array([1, 4]))
    seen = drawn(engine(posed, scan, states=states), posed, beta, 40_000, 20)
    law = pbits.exact(posed, beta, clamp={1: -1, 4: 1})
    assert (seen[:, [1, 4]] == (-1, 1)).all()
    assert p_value(seen, _over_all(law)) > FALSE_ALARM


def _over_all(law):
    """Probabilities of all 2ⁿ states, of a law of the clamped ones alone."""
    n = law.states.shape[1]
    whole = np.zeros(1 << n)
    whole[(law.states > 0) @ (1 << np.arange(n)[::-1])] = law.probabilities
    return whole


@pytest.mark.parametrize("scan", [Scan.sequential(90), Scan.random(90)], ids=["sequential", "random"])
def test_cutting_a_run_changes_nothing(scan):
    posed, betas = model(90), np.linspace(0.01, 0.5, 60)
    whole, cut = engine(posed, scan), engine(posed, scan)
    once = record(posed, 30, draws=True)
    toggles = whole.sweep(betas, 0, 2, once)
    parts = cut.advance(betas[:7], 0)
    again = record(posed, 1)
    parts += cut.sweep(betas[7:8], 7, 1, again)
    rest = record(posed, 26, draws=True)
    parts += cut.sweep(betas[8:], 8, 2, rest)
    assert parts == toggles
    assert np.array_equal(whole.states(), cut.states())
    assert np.array_equal(once.draws[:, 4:], rest.draws)
    assert np.array_equal(once.energies[0, 4:], rest.energies[0])
    assert once.energies[0, 3] == again.energies[0, 0]


def test_chains_differ_and_depend_on_nothing_but_their_number():
    posed, betas = model(40), np.full(50, 0.1)
    a, b, again = engine(posed, chain=3), engine(posed, chain=4), engine(posed, chain=3)
    for chain in (a, b, again):
        chain.advance(betas, 0)
    assert np.array_equal(a.states(), again.states())
    assert not np.array_equal(a.states(), b.states())


@pytest.mark.parametrize("kind", ["real", "integers", "gains", "posed apart"])
def test_looks_note_what_the_states_are(kind):
    held = model(30, integers=kind == "integers", offset=3.0)
    posed = model(30, seed=9) if kind == "posed apart" else held
    gains = np.linspace(0.5, 1.5, 30) if kind == "gains" else None
    note = record(posed, 40, draws=True, sums=True)
    chain = engine(held, Scan.sequential(30, gains=gains))
    chain.sweep(np.linspace(0.01, 0.6, 80), 0, 2, note)
    assert np.allclose(note.energies, posed.energy(note.draws), rtol=1e-9)
    assert np.array_equal(note.draws[:, -1], chain.states())
    assert note.best_energy == note.energies.min()
    assert posed.energy(note.best_state) == pytest.approx(note.best_energy)
    i, j, _ = posed.edges()
    assert np.array_equal(note.site_sums, note.draws[0].sum(axis=0))
    assert np.array_equal(note.edge_sums, (note.draws[0][:, i] * note.draws[0][:, j]).sum(axis=0))


def test_toggles_are_the_spins_that_changed():
    posed, chain = model(20), engine(model(20))
    before, total = chain.states(), 0
    for step in range(200):
        total += chain.advance(np.array([[0.1]]), step)
    note = record(posed, 200, draws=True)
    toggles = engine(posed).sweep(np.full(200, 0.1), 0, 1, note)
    changed = (np.diff(np.concatenate([before[:, None], note.draws], axis=1), axis=1) != 0).sum()
    # Each site moves once a sweep, so that what changed between looks is all there is.
    assert total == toggles == changed


def test_programming_anew_keeps_the_state_and_changes_the_law():
    first, second, beta = model(seed=1), model(seed=2), 0.4
    chain = engine(first)
    chain.advance(np.full(50, beta), 0)
    before = chain.states()
    chain.hold(second)
    assert np.array_equal(chain.states(), before)
    assert p_value(drawn(chain, second, beta, 60_000, 20), pbits.exact(second, beta).probabilities) > FALSE_ALARM


def test_beta_of_zero_and_of_freezing():
    posed = model(12)
    hot = engine(posed)
    assert hot.advance(np.zeros(20_000), 0) == pytest.approx(120_000, abs=5 * np.sqrt(60_000))
    cold = engine(posed)
    cold.advance(np.full(50, 1e6), 0)
    assert cold.advance(np.full(1000, 1e6), 50) == 0


def test_what_is_refused_is_told():
    independent = Scan.sequential(6)
    assert FieldsEngine.refusals(model(), independent, Options(), 1.0) == []
    assert FieldsEngine.refusals(model(), Scan.random(6), Options(rule="metropolis"), 1.0) == []
    together = Scan.of([[0, 1, 2, 3, 4, 5]], independent=False)
    lazy_scan = Scan.sequential(6, persistence=0.2)
    gaussian = pbits.GaussianModel(np.eye(2))
    for posed, scan, rule, word in (
        (gaussian, independent, "heat-bath", "GaussianModel"),
        (model(), together, "heat-bath", "together"),
        (model(), lazy_scan, "metropolis", "persistence"),
    ):
        (reason,) = FieldsEngine.refusals(posed, scan, Options(rule=rule), 1.0)
        assert word in reason
    assert "double precision" in FieldsEngine.describe(Options())


def test_fields_that_a_far_larger_one_leaves_no_digits_are_refused():
    posed, scan = pbits.IsingModel([[0, 0.3], [0.3, 0]], [1e15, 0]), Scan.sequential(2)
    (reason,) = FieldsEngine.refusals(posed, scan, Options(), 1.0)
    assert "0.2" in reason  # 2β · 2 terms · |0.3 − 0.25|
    assert "1e+15" in reason
    choice = choose(Work(model=posed, scan=scan, options=Options(), chains=1, beta=1.0))
    assert choice.name == "counter"
    assert choice.refused["fields"] == [reason]
    # So are gains as far apart, and couplings which their unit holds are not.
    pair, apart = pbits.IsingModel([[0, 0.3], [0.3, 0]]), np.array([1e15, 1.0])
    assert FieldsEngine.refusals(pair, Scan.sequential(2, gains=apart), Options(), 1.0)
    exact = pbits.IsingModel([[0, 0.25], [0.25, 0]], [1e15, 0])
    assert FieldsEngine.refusals(exact, scan, Options(), 1e300) == []


def test_the_bound_on_rounding_holds_and_is_no_more_than_it_needs():
    posed, scan = model(200), Scan.sequential(200)
    couplings = engine(posed)._couplings
    held = np.abs(couplings.weights * couplings.unit - posed.csr.data)
    row_errors = np.add.reduceat(held, posed.csr.indptr[:-1]) + np.abs(couplings.h * couplings.unit - posed.h)
    # The sum of 200 uniform numbers is half of 200 times the largest.
    least = 1e-4 / (2 * row_errors.max())
    assert FieldsEngine.refusals(posed, scan, Options(), 0.4 * least) == []
    assert "round" in FieldsEngine.refusals(posed, scan, Options(), least)[0]


def test_models_below_the_normal_floats_are_swept():
    posed, far = model(integers=True), 2.0**-1028
    tiny = pbits.IsingModel(posed.csr * far, posed.h * far)
    assert FieldsEngine.refusals(tiny, Scan.sequential(6), Options(), 1.5 * 2.0**1022) == []
    one, other = engine(posed), engine(tiny)
    assert one.advance(np.full(500, 1.5 * 2.0**-6), 0) == other.advance(np.full(500, 1.5 * 2.0**1022), 0)
    assert np.array_equal(one.states(), other.states())


def test_what_blocks_share_is_made_once_however_many_threads_ask():
    posed, cache, made = model(), WeakKeyDictionary(), []

    def make():
        time.sleep(0.01)
        made.append(len(made))
        return made[-1]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: made_once(cache, posed, (GAINS,), make), range(16))) == {0}
    assert made_once(cache, posed, (GAINS.copy(),), make) == 1
    assert made_once(cache, model(), (GAINS,), make) == 2
    scan = Scan.sequential(6, gains=GAINS)
    assert engine(posed, scan)._couplings is engine(posed, scan, chain=1)._couplings
    assert engine(posed, scan)._couplings is not engine(posed)._couplings
