"""p-dits: the twin draw for draw, the exact law, Sudoku, and faults that must show."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from pbits.kernels import categorical
from pbits.models.base import read_only
from pbits.reference.categorical import conditional, sweep, sweep_random
from pbits.sweeps import Key, Options, Scan
from pbits.sweeps.categorical import CategoricalEngine, counted_neighbours, potts_form, tabled_neighbours
from pbits.sweeps.engine import Record

KEY = Key(thermal=(np.uint32(1234), np.uint32(5678)), site=(np.uint32(99), np.uint32(7)))
FALSE_ALARM = 1e-4  # of each chi-square test below; seeds are fixed, so each has passed once for all


def tabled(seed=0, states=(3, 2, 5, 4)):
    """Random tables and fields on an odd cycle with a tail."""
    rng = np.random.default_rng(seed)
    pairs = [(0, 1), (2, 1), (0, 2), (3, 2)]
    return pbits.CategoricalModel(
        states,
        [rng.normal(size=q) for q in states],
        {(i, j): rng.normal(size=(states[i], states[j])) for i, j in pairs},
        offset=0.7,
    )


def potts(seed=0, n=5, q=(3, 4, 2, 3, 3)):
    """Whole multiples of 0.3 where categories agree, besides a constant; both signs, and fields."""
    rng = np.random.default_rng(seed)
    pairs = {
        (i, j): 0.3 * rng.integers(-2, 4) * np.eye(q[i], q[j]) + 0.1 for i, j in itertools.combinations(range(n), 2)
    }
    return pbits.CategoricalModel(q, [0.5 * rng.normal(size=k) for k in q], pairs, offset=-1.0)


MODELS = {"tables": tabled(), "potts": potts()}


def start(model, chains, seed=1):
    return np.random.default_rng(seed).integers(0, model.n_states[:, None], (model.n, chains)).astype(np.int16)


def engine(model, scan, states, chain0=0):
    return CategoricalEngine(model, scan, states.copy(), KEY, chain0, Options())


def test_each_model_takes_the_path_meant_for_it():
    assert counted_neighbours(MODELS["tables"]) is None
    _, _, multiples, unit = counted_neighbours(MODELS["potts"])
    assert unit == pytest.approx(0.3)
    assert set(multiples.tolist()) <= {-2, -1, 0, 1, 2, 3}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("per_chain", [False, True])
def test_sweeps_equal_the_twin_draw_for_draw(name, per_chain):
    model, chains = MODELS[name], 7
    scan = Scan.of([[3], [0, 1], [2]]) if model.n == 4 else Scan.sequential(model.n)
    betas = np.linspace(0.2, 2.0, 25)
    if per_chain:
        betas = betas[:, None] * np.linspace(0.5, 1.5, chains)
    slow = start(model, chains)
    fast = engine(model, scan, slow, chain0=64)
    expected = sweep(slow, model, scan.sites, betas, KEY.thermal, chain0=64, step0=3)
    assert fast.advance(betas, 3) == expected
    assert np.array_equal(fast.states(), slow.T)
    assert fast.states().dtype == np.int16


@pytest.mark.parametrize("name", MODELS)
def test_a_random_scan_equals_the_twin_draw_for_draw(name):
    model, betas, sites = MODELS[name], np.full(30, 0.9), np.array([0, 2, 3])
    slow = start(model, 6)
    fast = engine(model, Scan(sites=sites, ends=None), slow, chain0=64)
    assert fast.advance(betas, 5) == sweep_random(slow, model, sites, betas, KEY.thermal, KEY.site, chain0=64, step0=5)
    assert np.array_equal(fast.states(), slow.T)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("random", [False, True])
def test_calls_and_blocks_change_nothing(name, random):
    model, betas = MODELS[name], np.linspace(0.1, 1.0, 30)
    scan = Scan.random(model.n) if random else Scan.sequential(model.n)
    states = start(model, 70)
    whole = [engine(model, scan, states[:, :64]), engine(model, scan, states[:, 64:], chain0=64)]
    for one in whole:
        one.advance(betas, 0)
    parts = [engine(model, scan, states[:, begin : begin + 4], chain0=begin) for begin in range(0, 68, 4)]
    for part in parts:
        part.advance(betas[:11], 0)
        part.advance(betas[11:], 11)
    together = np.concatenate([one.states() for one in whole])
    assert np.array_equal(np.concatenate([part.states() for part in parts]), together[:68])


def counts_of(model, scan, *, sweeps, beta=0.8, clamp=None, betas=None, corrupt=None):
    """Chi-square counts: one state in four, from 640 chains, against the law, with the p-value."""
    law = pbits.exact(model, beta, clamp)
    counts = np.zeros(len(law.probabilities))
    for chain0 in range(0, 640, 64):
        states = start(model, 64, seed=chain0)
        for site, value in (clamp or {}).items():
            states[site] = value
        one = engine(model, scan.without(np.array(sorted(clamp or {}), dtype=np.int64)), states, chain0)
        if corrupt:
            corrupt(one)
        steps = 40 + 4 * sweeps
        draws = np.empty((64, steps // 4, model.n), dtype=np.int16)
        record = Record(
            model=model,
            energies=np.empty((64, steps // 4)),
            draws=draws,
            best_energy=np.inf,
            best_state=np.zeros(model.n, dtype=np.int16),
        )
        one.sweep(np.full(steps, beta), 0, 4, record)
        counts += np.bincount(law.index(draws[:, 10:]).ravel(), minlength=len(counts))
    # Four sweeps apart draws are all but independent at this β; rare states are pooled.
    expected = counts.sum() * law.probabilities
    rare = expected < 10
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return chisquare(counts, expected).pvalue


@pytest.mark.parametrize("clamp", [None, {1: 1}], ids=["free", "clamped"])
@pytest.mark.parametrize("name", MODELS)
def test_chains_have_the_exact_law(name, clamp):
    model = MODELS[name]
    # 640 chains × 3200 sweeps × 4 or 5 sites: 10⁷ updates.
    assert counts_of(model, Scan.sequential(model.n), sweeps=800, clamp=clamp) > FALSE_ALARM


def test_a_random_scan_has_the_exact_law():
    assert counts_of(MODELS["tables"], Scan.random(4), sweeps=100, beta=0.4) > FALSE_ALARM


def _hotter(one):
    """The planted fault: tables 5 % too strong."""
    *others, unit_or_rows, unary, unary_starts = one._held
    one._held = (*others, 1.05 * unit_or_rows, unary, unary_starts)


def _shifted(one):
    """The planted fault: one category of one site 0.05 too high."""
    *others, unary, unary_starts = one._held
    wrong = unary.copy()
    wrong[0] += 0.05
    one._held = (*others, read_only(wrong), unary_starts)


@pytest.mark.parametrize("fault", [_hotter, _shifted])
@pytest.mark.parametrize("name", MODELS)
def test_five_percent_in_a_table_or_field_is_caught(name, fault):
    model = MODELS[name]
    assert counts_of(model, Scan.sequential(model.n), sweeps=800, corrupt=fault) < FALSE_ALARM


@pytest.mark.parametrize("name", MODELS)
def test_what_is_noted_is_what_happened(name):
    model, chains = MODELS[name], 13
    states = start(model, chains)
    one, other = (engine(model, Scan.sequential(model.n), states) for _ in range(2))
    record = Record(
        model=model,
        energies=np.empty((chains, 10)),
        draws=np.empty((chains, 10, model.n), dtype=np.int16),
        best_energy=np.inf,
        best_state=np.zeros(model.n, dtype=np.int16),
    )
    betas = np.linspace(0.1, 2.0, 30)
    toggles = one.sweep(betas, 0, 3, record)
    assert toggles == sum(other.advance(betas[k : k + 3], k) for k in range(0, 30, 3))
    assert np.array_equal(record.draws[:, -1], other.states())
    np.testing.assert_allclose(record.energies, model.energy(record.draws), rtol=1e-12, atol=1e-12)
    assert record.best_energy == record.energies.min()
    assert model.energy(record.best_state) == pytest.approx(record.best_energy, rel=1e-12, abs=1e-12)


def test_every_change_is_a_toggle():
    model, states = MODELS["tables"], start(MODELS["tables"], 5)
    one = engine(model, Scan.sequential(4), states)
    path, toggles = [states.T], 0
    for step in range(50):
        toggles += one.advance(np.array([0.7]), step)
        path.append(one.states())
    assert toggles == sum(np.count_nonzero(a != b) for a, b in itertools.pairwise(path))


def test_the_model_held_can_change():
    model, states = MODELS["potts"], start(MODELS["potts"], 5)
    one = engine(model, Scan.sequential(5), states)
    other = potts(seed=4)
    one.hold(other)
    slow = states.copy()
    sweep(slow, other, range(5), [1.0], KEY.thermal)
    one.advance(np.array([1.0]), 0)
    assert np.array_equal(one.states(), slow.T)


def test_forbidden_states_and_cold_chains_do_not_overflow():
    forbid = 1e12 * np.eye(3)
    model = pbits.CategoricalModel([3, 3, 3], pairwise={(0, 1): forbid, (1, 2): forbid, (0, 2): forbid})
    for posed in (model, pbits.CategoricalModel([3, 3, 3], pairwise={(0, 1): forbid, (1, 2): forbid[::-1]})):
        one = engine(posed, Scan.sequential(3), start(posed, 64))
        one.advance(np.full(20, 1e3), 0)
        assert (posed.energy(one.states()) == 0).all()


SUDOKU = (
    "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
    "534678912672195348198342567859761423426853791713924856961537284287419635345286179",
)


def sudoku():
    """One unit of energy for each pair of like digits in a row, column or box."""
    units = [
        (i, j)
        for i, j in itertools.combinations(range(81), 2)
        if i // 9 == j // 9 or i % 9 == j % 9 or (i // 27, i % 9 // 3) == (j // 27, j % 9 // 3)
    ]
    return pbits.CategoricalModel([9] * 81, pairwise=dict.fromkeys(units, np.eye(9)))


def test_an_annealed_sudoku_is_solved_with_its_givens_held():
    model = sudoku()
    given, solution = SUDOKU
    clamp = {cell: int(digit) - 1 for cell, digit in enumerate(given) if digit != "."}
    states = start(model, 64)
    for cell, digit in clamp.items():
        states[cell] = digit
    one = engine(model, Scan.sequential(81).without(np.array(sorted(clamp))), states)
    record = Record(
        model=model, energies=np.empty((64, 100)), best_energy=np.inf, best_state=np.zeros(81, dtype=np.int16)
    )
    one.sweep(np.linspace(0.5, 5.0, 1000), 0, 10, record)
    assert record.best_energy == 0
    assert "".join(str(digit + 1) for digit in record.best_state) == solution
    assert (one.states()[:, sorted(clamp)] == [clamp[cell] for cell in sorted(clamp)]).all()


def test_like_tables_are_kept_once():
    starts, others, blocks, rows = tabled_neighbours(sudoku())
    assert len(rows) == 9 * 16
    assert np.diff(starts).tolist() == [20] * 81
    assert not blocks.any()
    assert sorted(others[:20].tolist()) == sorted({*range(1, 9), *range(9, 81, 9), 10, 11, 19, 20})


def test_what_is_not_potts_is_seen():
    nearly = np.eye(3)
    nearly[2, 1] = 1e-9
    assert potts_form(pbits.CategoricalModel([3, 3], pairwise={(0, 1): nearly})) is None
    # No common unit, and multiples beyond int16: added up and not counted.
    for small in (1 / np.pi, 1e-5):
        weights = {(0, 1): np.eye(3), (1, 2): small * np.eye(3)}
        model = pbits.CategoricalModel([3, 3, 3], pairwise=weights)
        assert potts_form(model) is not None
        assert counted_neighbours(model) is None
    assert counted_neighbours(pbits.CategoricalModel([2, 2]))[3] == 1.0


@pytest.mark.parametrize(
    ("model", "scan", "options", "reason"),
    [
        (pbits.IsingModel([[0, 1], [1, 0]]), Scan.sequential(2), Options(), "IsingModel"),
        (MODELS["potts"], Scan.sequential(5, persistence=0.2), Options(), "lazy"),
        (MODELS["potts"], Scan.sequential(5, gains=np.ones(5)), Options(), "gains"),
        (MODELS["potts"], Scan.of([range(5)], independent=False), Options(), "at once"),
        (MODELS["potts"], Scan.sequential(5), Options(rule="metropolis"), "heat bath"),
    ],
)
def test_what_it_cannot_do_it_refuses(model, scan, options, reason):
    (found,) = CategoricalEngine.refusals(model, scan, options, 1.0)
    assert reason in found
    assert CategoricalEngine.refusals(MODELS["potts"], Scan.random(5), Options(), 1.0) == []


def test_a_conditional_of_the_twin_is_the_stated_one():
    model, state = MODELS["tables"], np.array([1, 0, 4, 2])
    energies = model.unary[1] + model.tables[0][1] + model.tables[2][:, 4]
    assert [tuple(pair) for pair in model.pairs.tolist()] == [(0, 1), (0, 2), (1, 2), (2, 3)]
    weights = np.exp(-0.6 * energies)
    np.testing.assert_allclose(conditional(model, state, 1, 0.6), weights / weights.sum(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["potts_sweeps", "table_sweeps", "random_sweeps", "add_potts", "add_tables"])
def test_each_kernel_is_compiled_once(name):
    # This file calls each in every way there is.
    assert len(getattr(categorical, name).signatures) <= 1
