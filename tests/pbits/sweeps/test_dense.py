"""All-to-all chains equal their twin draw for draw, have the exact law, and note what was seen."""

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import pbits
from pbits.kernels import dense as kernels
from pbits.reference import conditionals, stationary, transition_of
from pbits.reference import dense as twin
from pbits.sweeps.counter import CounterEngine
from pbits.sweeps.dense import MAX_INPUT_ERROR, DenseEngine, _order, fixed_point
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.scan import Scan

KEY = Key(thermal=(np.uint32(1234), np.uint32(5678)), site=(np.uint32(99), np.uint32(7)))
THERMAL, SITE = (1234, 5678), (99, 7)
P_FLOOR = 1e-5
"""Of each chi-square test here: with 7 of them and fixed seeds, a false alarm was a chance of 1e-4."""


def couplings(n, kind, seed=0):
    rng = np.random.default_rng(seed)
    draw = {
        "gaussian": lambda: rng.normal(size=(n, n)) / np.sqrt(n),
        "signs": lambda: rng.choice([-1.0, 1.0], (n, n)) / np.sqrt(n),
        "integers": lambda: rng.integers(-300, 301, (n, n)) / 997,
        "uneven": lambda: rng.normal(size=(n, n)) ** 5,
    }[kind]()
    if kind == "integers":
        draw[0, -1] = 1 / 997
    J = np.triu(draw, 1)
    return J + J.T


def model(n, kind="gaussian", seed=0, h=0.3):
    return pbits.IsingModel(couplings(n, kind, seed), h * np.random.default_rng(seed + 1).normal(size=n), offset=0.7)


def start(n, chains, seed=2):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), (n, chains))


def engine(posed, scan=None, chains=3, chain0=0, rule="heat-bath", states=None):
    states = start(posed.n, chains) if states is None else states
    return DenseEngine(posed, scan or Scan.sequential(posed.n), states.copy(), KEY, chain0, Options(rule=rule))


def record(posed, chains, looks, *, draws=True, sums=True):
    return Record(
        model=posed,
        energies=np.empty((chains, looks)),
        draws=np.empty((chains, looks, posed.n), dtype=np.int8) if draws else None,
        best_energy=np.inf,
        best_state=np.zeros(posed.n, dtype=np.int8),
        site_sums=np.zeros(posed.n, dtype=np.int64) if sums else None,
        edge_sums=np.zeros(posed.n_couplings, dtype=np.int64) if sums else None,
    )


SHUFFLED = [17, 3, 0, 9, 12, 1, 19, 4, 8]
SCANS = {
    "sequential": Scan.sequential(20),
    "a part, shuffled": Scan.of([[site] for site in SHUFFLED]),
    "random": Scan.random(20),
    "random, a part": Scan.random(20).without(np.array([4, 5, 19])),
}
GAINS = np.linspace(0.0, 1.7, 20)


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize("kind", ["gaussian", "signs", "integers"])
def test_chains_equal_the_twin_draw_for_draw(scan, rule, kind):
    posed, chains, steps = model(20, kind), 5, 25
    betas = np.linspace(0.0, 2.0, steps)[:, None] * np.linspace(0.5, 2.0, chains)
    fast, slow = engine(posed, scan, chains, 8, rule), start(20, chains)
    toggles = fast.advance(betas, 3)
    expected = twin.sweep(
        slow, posed, scan.sites, betas, THERMAL, site_key=SITE if scan.ends is None else None, rule=rule, chain0=8,
        step0=3,
    )  # fmt: skip
    assert toggles == expected
    assert np.array_equal(fast.states(), slow.T)


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
def test_gains_and_steep_couplings_equal_the_twin(rule):
    posed = model(20, "uneven", h=40.0)
    scan, betas = Scan.sequential(20, gains=GAINS), np.geomspace(1e-3, 5.0, 30)
    fast, slow = engine(posed, scan, rule=rule), start(20, 3)
    assert fast.advance(betas, 0) == twin.sweep(slow, posed, scan.sites, betas, THERMAL, rule=rule, gains=GAINS)
    assert np.array_equal(fast.states(), slow.T)


def fault_beta(fast):
    fast._levels.slope[:] *= np.float32(1.01)


def fault_slack(fast):
    # The leading digits alone, as if they were exact.
    fast._levels.slack[:] = 0


def fault_row(fast):
    fast._couplings.high[5, 6] += 700


@pytest.mark.parametrize("fault", [fault_beta, fault_slack, fault_row])
def test_planted_faults_show_against_the_counter_layout(fault):
    posed, betas = model(300, "gaussian", seed=9), np.full(400, 1.0)
    states = start(300, 4)
    fast, honest = engine(posed, states=states), engine(posed, states=states)
    plain = CounterEngine(posed, Scan.sequential(300), states.copy(), KEY, 0, Options())
    expected = plain.advance(betas, 0)
    assert honest.advance(betas, 0) == expected
    assert np.array_equal(honest.states(), plain.states())
    fault(fast)
    try:
        assert fast.advance(betas, 0) != expected
    finally:
        if fault is fault_row:
            fast._couplings.high[5, 6] -= 700


@pytest.mark.parametrize("kind", ["gaussian", "signs"])
def test_large_models_equal_the_counter_layout_and_nothing_drifts(kind):
    n, chains = 700, 3
    posed, states, betas = model(n, kind), start(n, chains), np.linspace(0.1, 3.0, 60)
    fast = engine(posed, states=states)
    plain = CounterEngine(posed, Scan.sequential(n), states.copy(), KEY, 0, Options())
    assert fast.advance(betas, 0) == plain.advance(betas, 0)
    assert np.array_equal(fast.states(), plain.states())
    noted = record(posed, chains, 30)
    fast.sweep(np.linspace(3.0, 0.1, 60), 60, 2, noted)
    assert np.allclose(noted.energies, posed.energy(noted.draws), rtol=1e-9, atol=1e-6)
    bits = (fast.states() > 0).astype(np.int64)
    high = fixed_point(posed, np.arange(n)).high
    assert np.array_equal(fast._chains.sums[:, :n], bits @ high[:n, :n].astype(np.int64))


def test_runs_may_be_cut_anywhere_and_chains_grouped_anyhow():
    posed, betas = model(40), np.linspace(0.1, 2.0, 24)
    states = start(40, 12)
    whole = engine(posed, states=states)
    toggles = whole.advance(betas, 0)
    parts, total = [], 0
    for chain0 in (0, 4, 8):
        part = engine(posed, chain0=chain0, states=states[:, chain0 : chain0 + 4])
        total += part.advance(betas[:5], 0)
        noted = record(posed, 4, 3, sums=False)
        total += part.sweep(betas[5:14], 5, 3, noted)
        total += part.advance(betas[14:], 14)
        parts.append(part.states())
    assert total == toggles
    assert np.array_equal(whole.states(), np.concatenate(parts))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.sampled_from(["gaussian", "signs", "integers"]), st.integers(1, 5), st.data())
def test_looks_note_what_the_states_say(n, kind, chains, data):
    posed = model(n, kind, seed=n)
    order = data.draw(st.permutations(range(n)))[: data.draw(st.integers(0, n))]
    every, looks = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    scan, betas = Scan.of([[site] for site in order]), np.linspace(0.1, 2.0, every * looks)
    fast, plain = engine(posed, scan, chains), engine(posed, scan, chains)
    noted, expected = record(posed, chains, looks), record(posed, chains, looks)
    assert fast.sweep(betas, 4, every, noted) == Engine.sweep(plain, betas, 4, every, expected)
    assert np.array_equal(noted.draws, expected.draws)
    assert np.array_equal(noted.site_sums, expected.site_sums)
    assert np.array_equal(noted.edge_sums, expected.edge_sums)
    assert np.allclose(noted.energies, expected.energies, rtol=1e-9, atol=1e-9)
    assert np.isclose(posed.energy(noted.best_state), noted.best_energy, rtol=1e-9, atol=1e-9)
    assert noted.best_energy == noted.energies.min()


def test_energies_without_the_low_digits_are_noticed():
    posed = model(60)
    fast, noted = engine(posed), record(posed, 3, 5, sums=False)
    fast._couplings = fast._couplings._replace(fine=0.0)
    fast.sweep(np.full(5, 1.0), 0, 1, noted)
    assert not np.allclose(noted.energies, posed.energy(noted.draws), rtol=1e-9, atol=1e-9)


def test_a_best_energy_found_before_is_kept():
    posed = model(30)
    noted = record(posed, 3, 4, sums=False)
    noted.best_energy, noted.best_state[:] = -1e9, 1
    engine(posed).sweep(np.full(4, 1.0), 0, 1, noted)
    assert noted.best_energy == -1e9
    assert (noted.best_state == 1).all()


def test_energies_are_of_the_posed_model_whatever_is_held():
    posed, held = model(30, seed=1), model(30, seed=8)
    fast, noted = engine(held), record(posed, 3, 4)
    fast.sweep(np.full(8, 1.0), 0, 2, noted)
    assert np.allclose(noted.energies, posed.energy(noted.draws), rtol=1e-12)


def test_a_model_held_anew_is_the_one_swept():
    first, second, betas = model(30, "gaussian"), model(30, "signs", seed=4), np.full(10, 0.8)
    fast, slow = engine(first), start(30, 3)
    toggles = fast.advance(betas, 0)
    fast.hold(second)
    toggles += fast.advance(betas, 10)
    expected = twin.sweep(slow, first, range(30), betas, THERMAL)
    expected += twin.sweep(slow, second, range(30), betas, THERMAL, step0=10)
    assert toggles == expected
    assert np.array_equal(fast.states(), slow.T)


def chi_square(posed, beta, *, scan=None, rule="heat-bath", sweeps=80_000, thin=10, fault=None, law=None):
    """p-value of the visited states against the Boltzmann law, or another; 16 chains."""
    chains = 16
    fast = engine(posed, scan, chains, rule=rule)
    if fault is not None:
        fault(fast)
    fast.advance(np.full(100, beta), 0)
    noted = record(posed, chains, sweeps // thin, sums=False)
    fast.sweep(np.full(sweeps, beta), 100, thin, noted)
    weights = 2 ** np.arange(posed.n)[::-1]
    seen = np.bincount(((noted.draws > 0) @ weights).ravel(), minlength=2**posed.n)
    expected = (pbits.exact(posed, beta=beta).probabilities if law is None else law) * seen.sum()
    order = np.argsort(expected)
    # Rare states are put together until a class holds 20 of them.
    group = np.minimum(np.cumsum(expected[order]) // 20, np.searchsorted(expected[order], 20))
    _, classes = np.unique(np.where(expected[order] < 20, group, 10**6 + np.arange(len(order))), return_inverse=True)
    observed, wanted = np.bincount(classes, seen[order]), np.bincount(classes, expected[order])
    return stats.chisquare(observed, wanted).pvalue


LAWS = {
    "gaussian": (model(8, seed=3), 1.0, {}),
    "signs": (model(8, "signs", seed=3), 0.8, {}),
    "cold": (model(6, "integers", seed=5, h=0.05), 4.0, {"thin": 20, "sweeps": 110_000}),
    "random scan": (model(8, seed=6), 1.0, {"scan": Scan.random(8)}),
    "metropolis": (model(8, seed=3), 1.0, {"rule": "metropolis"}),
}


@pytest.mark.parametrize(("posed", "beta", "how"), LAWS.values(), ids=LAWS)
def test_states_have_the_exact_law(posed, beta, how):
    assert chi_square(posed, beta, **how) > P_FLOOR


def test_unequal_gains_have_the_law_of_their_transitions():
    posed, gains = model(8, seed=3), np.linspace(0.3, 1.8, 8)
    up = conditionals(posed, 1.0)
    law = stationary(transition_of(1 / (1 + (1 / up - 1) ** gains), "sequential"))
    scan = Scan.sequential(8, gains=gains)
    assert chi_square(posed, 1.0, scan=scan, law=law) > P_FLOOR
    assert chi_square(posed, 1.0, scan=scan) < P_FLOOR


def test_a_threshold_off_by_two_per_cent_has_another_law():
    def off(fast):
        fast._levels.slope[:] *= np.float32(1.02)

    assert chi_square(model(8, seed=3), 1.0, sweeps=160_000, fault=off) < P_FLOOR


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gaussian", "signs", "integers"])
def test_states_have_the_exact_law_over_10_to_the_8_updates(kind):
    assert chi_square(model(10, kind, seed=12), 0.9, sweeps=650_000, thin=10) > P_FLOOR


@pytest.mark.parametrize("beta", [0.0, 1e-40, 1e6])
def test_no_temperature_is_out_of_range(beta):
    posed = model(20, "integers")
    fast, slow = engine(posed), start(20, 3)
    assert fast.advance(np.full(20, beta), 0) == twin.sweep(slow, posed, range(20), np.full(20, beta), THERMAL)


def test_huge_fields_and_no_couplings_are_swept():
    J = couplings(20, "gaussian")
    for posed in (
        pbits.IsingModel(J, np.linspace(-1e20, 1e20, 20)),
        pbits.IsingModel(np.zeros((20, 20)), np.linspace(-2, 2, 20)),
        pbits.IsingModel(np.zeros((20, 20))),
    ):
        fast, slow, betas = engine(posed), start(20, 3), np.full(20, 0.7)
        assert fast.advance(betas, 0) == twin.sweep(slow, posed, range(20), betas, THERMAL)
        assert np.array_equal(fast.states(), slow.T)


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
def test_couplings_far_weaker_than_a_field_count_when_cold(rule):
    J, betas = couplings(20, "gaussian") * 1e-32, np.geomspace(1e30, 1e33, 40)
    posed = pbits.IsingModel(J, np.eye(20)[3])
    for scan in (Scan.sequential(20), Scan.sequential(20, gains=GAINS)):
        fast, slow = engine(posed, scan, rule=rule), start(20, 3)
        toggles = twin.sweep(slow, posed, range(20), betas, THERMAL, rule=rule, gains=scan.gains)
        assert fast.advance(betas, 0) == toggles
        assert np.array_equal(fast.states(), slow.T)


def test_sparse_models_are_held_too():
    J = couplings(30, "gaussian")
    dense, sparse = pbits.IsingModel(J), pbits.IsingModel.from_edges(30, *_edges(J))
    one, other = engine(dense), engine(sparse)
    betas = np.full(20, 1.0)
    assert one.advance(betas, 0) == other.advance(betas, 0)


def _edges(J):
    i, j = np.nonzero(np.triu(J))
    return np.column_stack([i, j]), J[i, j]


def test_small_whole_multiples_take_one_byte_and_others_two():
    order = np.arange(12)
    rng = np.random.default_rng(0)
    patterns = rng.choice([-1.0, 1.0], (5, 12))
    hebb = patterns.T @ patterns / 12
    np.fill_diagonal(hebb, 0)
    assert fixed_point(pbits.IsingModel(hebb), order).high.dtype == np.int8
    whole = fixed_point(model(12, "integers"), order)
    assert whole.high.dtype == np.int16
    assert len(whole.low) == 0
    assert whole.error == 0
    real = fixed_point(model(12), order)
    assert len(real.low) == 2
    assert 0 < real.error < 1e-12
    large = fixed_point(model(600), np.arange(600))
    assert len(large.low) == 1
    assert large.error < 1e-6


@pytest.mark.parametrize(("n", "kind"), [(12, "gaussian"), (600, "gaussian"), (12, "integers"), (12, "signs")])
def test_high_and_low_make_the_couplings_to_within_the_error(n, kind):
    posed = model(n, kind)
    order = np.random.default_rng(1).permutation(n)
    fixed = fixed_point(posed, order)
    held = fixed.unit * (fixed.high[:n, :n] + fixed.fine * whole_low(fixed, n))
    assert np.abs(np.asarray(posed.J)[np.ix_(order, order)] - held).sum(axis=1).max() <= fixed.error + 1e-13
    assert fixed.low_total == whole_low(fixed, n).sum()


def whole_low(fixed, n):
    whole = np.zeros((n, n), dtype=np.int64)
    for plane in fixed.low:
        whole = kernels.BASE * whole + plane[:n, :n]
    return whole


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize(("n", "chains"), [(60, 1), (60, 16), (600, 3)])
def test_energies_are_those_of_the_fixed_point_couplings_to_the_last_bit(n, chains, rule):
    posed, looks = model(n), 150 if n < 100 else 40
    fast, noted = engine(posed, None, chains, rule=rule), record(posed, chains, looks, sums=False)
    # Metropolis at β near zero turns nearly all spins over.
    fast.sweep(np.geomspace(1e-3, 3.0, looks), 0, 1, noted)
    fixed = fixed_point(posed, np.arange(n))
    high, low = fixed.high[:n, :n].astype(np.int64), whole_low(fixed, n)
    for c in range(chains):
        draws = noted.draws[c].astype(np.int64)
        pairs = ((draws @ high) * draws).sum(axis=1) + fixed.fine * ((draws @ low) * draws).sum(axis=1)
        # The fields are added up in another order than the kernel does.
        expected = posed.offset - 0.5 * fixed.unit * pairs
        fields = draws @ posed.h
        assert np.allclose(noted.energies[c] + fields, expected, rtol=0, atol=1e-12)
        assert fast._chains.low_pairs[c] == draws[-1] @ low @ draws[-1]


def test_energies_do_not_depend_on_how_looks_are_grouped():
    posed, chains, looks = model(600), 4, 40
    states, betas = start(600, chains), np.linspace(0.1, 3.0, looks)
    whole = record(posed, chains, looks, sums=False)
    engine(posed, states=states).sweep(betas, 0, 1, whole)
    for cuts in ([0, 1, 2, 17, 40], [0, 33, 40]):
        fast = engine(posed, states=states)
        for first, stop in pairwise(cuts):
            part = record(posed, chains, stop - first, sums=False)
            fast.sweep(betas[first:stop], first, 1, part)
            assert np.array_equal(part.energies, whole.energies[:, first:stop])
        assert part.best_energy == part.energies.min()


def fault_pairs(fast):
    fast._chains.low_pairs[0] += 4


def fault_looked(fast):
    fast._chains.looked[0, 5] *= -1


def fault_digit(fast):
    fast._couplings.low[0, 5] = 0


@pytest.mark.parametrize("fault", [fault_pairs, fault_looked, fault_digit])
def test_energies_with_a_planted_fault_differ(fault):
    posed = pbits.IsingModel(couplings(600, "gaussian"))
    states, betas = start(600, 1), np.full(3, 1.0)
    noted, wrong = record(posed, 1, 3, sums=False), record(posed, 1, 3, sums=False)
    engine(posed, states=states).sweep(betas, 0, 1, noted)
    fast = engine(posed, states=states)
    kept = fast._couplings.low[0, 5].copy()
    fault(fast)
    fast.sweep(betas, 0, 1, wrong)
    fast._couplings.low[0, 5] = kept
    assert not np.array_equal(noted.energies, wrong.energies)


def test_refusals_name_every_reason():
    posed, options = model(10), Options()
    assert DenseEngine.refusals(posed, Scan.sequential(10), options, 1.0) == []
    lazy = Scan.of([[0], [1, 2]], persistence=0.3, independent=False, gains=np.linspace(-1, 1, 10))
    assert len(DenseEngine.refusals(posed, lazy, options, 1.0)) == 3
    assert "twice" in DenseEngine.refusals(posed, Scan.of([[0], [1], [0]]), options, 1.0)[0]
    large = pbits.IsingModel.from_edges(30_000, [[0, 1]], 1.0)
    assert "GB" in DenseEngine.refusals(large, Scan.sequential(30_000), options, 1.0)[0]
    polynomial = pbits.PolynomialModel(3, {(0, 1, 2): 1.0})
    assert "PolynomialModel" in DenseEngine.refusals(polynomial, Scan.sequential(3), options, 1.0)[0]
    strong = pbits.IsingModel(np.full((64, 64), 1e40 / 64) - np.eye(64) * 1e40 / 64, np.full(64, 0.3e40))
    for scale, told in ((1.0, "1.28e+40"), (1e-19, "1.28e+21"), (1e-61, "1.28e-21")):
        scaled = pbits.IsingModel(strong.J * scale, strong.h * scale)
        (reason,) = DenseEngine.refusals(scaled, Scan.sequential(64), options, 0.5e-40 / scale)
        assert told in reason
    scaled = pbits.IsingModel(strong.J * 1e-40, strong.h * 1e-40)
    assert DenseEngine.refusals(scaled, Scan.sequential(64), options, 0.5) == []
    far = Scan.sequential(64, gains=np.full(64, 1e30))
    assert "1.28e+30" in DenseEngine.refusals(scaled, far, options, 0.5e-30)[0]
    assert DenseEngine.refusals(pbits.IsingModel(np.zeros((3, 3))), Scan.sequential(3), options, 1.0) == []
    assert f"{MAX_INPUT_ERROR:g}" in DenseEngine.refusals(posed, Scan.sequential(10), options, 1e12)[0]


def test_a_scan_is_ordered_with_the_resting_sites_last():
    assert _order(5, Scan.of([[3], [1]])).tolist() == [3, 1, 0, 2, 4]


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["haswell", "x86-64"])
def test_other_processors_run_the_same_chains(cpu, tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_dense as t, numpy as np\n"
        "for kind in ('gaussian', 'signs'):\n"
        "    print(*t.toggles_and_energies(kind))"
    )
    fresh = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    here = os.path.dirname(__file__)
    told = subprocess.run(
        [sys.executable, "-c", code, here], env=os.environ | fresh, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [float(word) for word in told] == [*toggles_and_energies("gaussian"), *toggles_and_energies("signs")]


def toggles_and_energies(kind):
    posed = model(70, kind)
    noted = record(posed, 3, 50)
    return engine(posed).sweep(np.linspace(0.1, 2, 50), 0, 1, noted), *noted.energies.ravel()


def test_the_chunk_of_the_kernel_is_longer_than_small_models_and_shorter_than_large_ones():
    # Both sides of the loop over chunks are in the tests above.
    assert 70 < kernels.CHUNK < 700
