"""The lattice layout as an engine: what it refuses, what it notes, and the physics of known lattices.

Seeds are fixed. Bounds of z standard errors are 4.5 (false alarm 7·10⁻⁶ each, some ten of them).
"""

import tracemalloc

import numpy as np
import pytest
from scipy.integrate import quad

import pbits
from pbits.kernels import lattice
from pbits.kernels.lattice import MOST_LOOKS
from pbits.sweeps.counter import CounterEngine
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.lattice import LatticeEngine, block_counts
from pbits.sweeps.scan import Scan

KEY = Key(thermal=(np.uint32(5), np.uint32(6)), site=(np.uint32(7), np.uint32(8)))
SIGMAS = 4.5


def edges_of(shape):
    sites = np.arange(np.prod(shape)).reshape(shape)
    return np.concatenate(
        [np.column_stack([sites.ravel(), np.roll(sites, -1, axis).ravel()]) for axis in range(len(shape))]
    )


def glass(shape, seed=0, magnitude=1.0, offset=0.0):
    edges = edges_of(shape)
    signs = np.random.default_rng(seed).choice([-magnitude, magnitude], len(edges))
    return pbits.IsingModel.from_edges(int(np.prod(shape)), edges, signs, offset=offset)


def ferromagnet(shape):
    return pbits.IsingModel.from_edges(int(np.prod(shape)), edges_of(shape), 1.0)


def random_spins(n, chains=1, seed=0):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), (n, chains))


def engine_of(model, chain=0, states=None, held=None, **options):
    states = random_spins(model.n, seed=chain) if states is None else states
    return LatticeEngine(held or model, Scan.sequential(model.n), states, KEY, chain, Options(**options))


def record_of(model, looks, draws=True, sums=False):
    record = Record(
        model=model,
        energies=np.empty((1, looks)),
        draws=np.empty((1, looks, model.n), dtype=np.int8) if draws else None,
        best_energy=np.inf,
        best_state=np.zeros(model.n, dtype=np.int8),
    )
    if sums:
        record.site_sums = np.zeros(model.n, dtype=np.int64)
        record.edge_sums = np.zeros(model.n_couplings, dtype=np.int64)
    return record


# ---- what it takes -------------------------------------------------------------------------------------------------

GLASS = glass((64, 64), magnitude=0.7, offset=3.0)
SIDES = [16, 24, 32, 48, 64, 96, 100, 128]


@pytest.mark.parametrize(
    "scan",
    [
        Scan.sequential(GLASS.n),
        Scan.of([np.arange(0, GLASS.n, 2), np.arange(1, GLASS.n, 2)]),
        Scan.of([np.random.default_rng(0).permutation(GLASS.n)]),
    ],
)
@pytest.mark.parametrize("options", [Options(), Options(rule="metropolis", threshold_bits=16)])
def test_lattices_are_taken_whatever_the_order(scan, options):
    assert LatticeEngine.refusals(GLASS, scan, options, 1.0) == []


def weighted(model, weights, fields=None):
    i, j, _ = model.edges()
    return pbits.IsingModel.from_edges(model.n, np.column_stack([i, j]), weights, fields)


SEQUENTIAL = Scan.sequential(GLASS.n)
UNEQUAL = np.where(np.arange(GLASS.n_couplings) == 77, 2.0, 1.0)


@pytest.mark.parametrize(
    ("model", "scan", "reason"),
    [
        (pbits.PolynomialModel(3, {(0, 1, 2): 1.0}), Scan.sequential(3), "a PolynomialModel"),
        (GLASS, Scan.random(GLASS.n), "site after site"),
        (GLASS, Scan.of([np.arange(GLASS.n)], independent=False), "site after site"),
        (GLASS, Scan.sequential(GLASS.n, persistence=0.1), "persistence"),
        (GLASS, Scan.sequential(GLASS.n, gains=np.ones(GLASS.n)), "gains"),
        (GLASS, SEQUENTIAL.without(np.array([3])), "clamped"),
        (GLASS, Scan.of([[*range(GLASS.n), 0]]), "every site must move once"),
        (weighted(GLASS, UNEQUAL), SEQUENTIAL, "one magnitude"),
        (weighted(GLASS, 1.0, np.ones(GLASS.n)), SEQUENTIAL, "no fields"),
        (weighted(GLASS, UNEQUAL - 1.0), SEQUENTIAL, "no periodic"),
        (glass((4096,)), SEQUENTIAL, "no periodic square or cubic"),
        (glass((8, 8, 8, 8)), SEQUENTIAL, "no periodic square or cubic"),
        (glass((100, 100)), Scan.sequential(10_000), "100 × 100 sites cannot be cut"),
        (glass((8, 8, 8)), Scan.sequential(512), "8 × 8 × 8 sites cannot be cut"),
    ],
)
def test_what_does_not_fit_is_refused(model, scan, reason):
    reasons = LatticeEngine.refusals(model, scan, Options(), 1.0)
    assert any(reason in said for said in reasons)


def test_all_reasons_are_given_at_once():
    model = weighted(GLASS, UNEQUAL, np.ones(GLASS.n))
    assert len(LatticeEngine.refusals(model, Scan.random(GLASS.n, gains=np.ones(GLASS.n)), Options(), 1.0)) == 4


@pytest.mark.parametrize("shape", [(a, b) for a in SIDES for b in SIDES] + [(a, b, 16) for a in SIDES for b in SIDES])
def test_cuts_give_512_equal_blocks_at_least_two_wide(shape):
    counts = block_counts(shape)
    most = [max(2**k for k in range(9) if k == 0 or (side % 2**k == 0 and side > 2**k)) for side in shape]
    if counts is None:
        assert np.prod(most) < 512
    else:
        assert np.prod(counts) == 512
        assert all(side % count == 0 and (count == 1 or side >= 2 * count) for side, count in zip(shape, counts))


def test_the_description_says_order_and_accuracy():
    said = LatticeEngine.describe(Options(threshold_bits=16))
    assert "512 blocks" in said
    assert "even positions" in said
    assert "2^-16" in said


# ---- what it notes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"rule": "metropolis", "threshold_bits": 32}])
@pytest.mark.parametrize("shape", [(64, 64), (16, 16, 16)])
def test_energies_draws_best_and_toggles_are_those_of_the_model(shape, options):
    model = glass(shape, magnitude=0.7, offset=3.0)
    engine, record = engine_of(model, **options), record_of(model, 30)
    start = engine.states()
    assert np.array_equal(start, random_spins(model.n).T)
    toggles = engine.sweep(np.linspace(0.1, 2, 30), 0, 1, record)
    draws = record.draws[0]
    assert record.energies[0] == pytest.approx(model.energy(draws), rel=1e-12)
    assert np.array_equal(engine.states()[0], draws[-1])
    assert toggles == (np.diff(np.concatenate([start, draws]), axis=0) != 0).sum()
    assert record.best_energy == record.energies.min()
    engine.settle(record)
    assert np.array_equal(record.best_state, draws[record.energies[0].argmin()])


def test_a_better_best_of_before_is_kept():
    engine, record = engine_of(GLASS), record_of(GLASS, 5, draws=False)
    record.best_energy = -1e9
    engine.sweep(np.ones(5), 0, 1, record)
    engine.settle(record)
    assert record.best_energy == -1e9
    assert not record.best_state.any()


@pytest.mark.parametrize("hot", [0.0, 3.0], ids=["the best is old", "and new"])
@pytest.mark.parametrize("settled", [False, True])
def test_the_best_of_several_stretches_is_the_first_of_the_lowest(hot, settled):
    """Whether the state is written down at once, or when all is done."""
    engine, energies, draws = engine_of(GLASS), [], []
    best_energy, best_state = np.inf, np.zeros(GLASS.n, dtype=np.int8)
    for betas in (np.linspace(0.5, 1.5, 20), np.full(20, hot), np.full(20, hot)):
        record = record_of(GLASS, 20)
        record.best_energy, record.best_state = best_energy, best_state
        engine.sweep(betas, 0, 1, record)
        if settled:
            engine.settle(record)
        best_energy = record.best_energy
        energies.append(record.energies[0])
        draws.append(record.draws[0])
    engine.settle(record)
    lowest = np.concatenate(energies).argmin()
    assert best_energy == np.concatenate(energies)[lowest]
    assert np.array_equal(best_state, np.concatenate(draws)[lowest])


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("model", [GLASS, glass((3, 1024)), glass((16, 24, 16))], ids=["square", "uneven", "cube"])
def test_looking_changes_nothing_and_adds_up_as_in_the_base_class(model, draws):
    # More looks than counters hold, and not a multiple of them.
    looks = 2 * MOST_LOOKS + 5
    betas = np.linspace(0.1, 3, 2 * looks)
    one, other, blind = engine_of(model), engine_of(model), engine_of(model)
    noted, plain = record_of(model, looks, draws, sums=True), record_of(model, looks, sums=True)
    toggles = one.sweep(betas, 0, 2, noted)
    assert toggles == Engine.sweep(other, betas, 0, 2, plain) == blind.advance(betas, 0)
    assert np.array_equal(one.states(), blind.states())
    assert noted.energies == pytest.approx(plain.energies, rel=1e-12)
    assert np.array_equal(noted.site_sums, plain.site_sums)
    assert np.array_equal(noted.edge_sums, plain.edge_sums)
    one.settle(noted)
    assert np.array_equal(noted.best_state, plain.best_state)
    if draws:
        assert np.array_equal(noted.draws, plain.draws)


def test_threads_and_cutting_change_nothing():
    """One chain of a large lattice, on threads that only some of the calls are worth."""
    model, betas = glass((512, 1024)), np.linspace(0.1, 3, 40)

    def outcome(threads, *cuts):
        engine, record = engine_of(model), record_of(model, 0, draws=False, sums=True)
        engine.threads = threads
        toggles, energies, first = 0, [], 0
        for last in (*cuts, len(betas)):
            record.energies = np.empty((1, last - first))
            toggles += engine.sweep(betas[first:last], first, 1, record)
            energies += record.energies[0].tolist()
            first = last
        engine.settle(record)
        noted = record.best_energy, record.best_state, record.site_sums, record.edge_sums, engine.states()
        return toggles, energies, *noted

    alone = outcome(1)
    for other in (outcome(2), outcome(5), outcome(2, 1, 22), outcome(1, 7)):
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(alone, other))


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_a_run_of_one_chain_takes_the_threads_that_are_idle(threads, monkeypatch):
    seen = []
    monkeypatch.setenv("PBITS_THREADS", threads)
    monkeypatch.setattr(lattice, "sweep_square", lambda *given: seen.append(given[-2:]) or 0)
    pbits.run(glass((512, 1024)), "ideal", pbits.Schedule.anneal(sweeps=40, chains=1), seed=1)
    # Two domains are for two threads.
    workers = min(int(threads), 2)
    assert sorted(seen) == [(workers, worker) for worker in range(workers)]


def test_an_interrupt_leaves_nobody_waiting(monkeypatch):
    """The first worker never comes, and the others end all the same."""
    model, sweep, ended = glass((1024, 1024)), lattice.sweep_square, []

    def interrupted(*given):
        if given[-1] == 0:
            raise KeyboardInterrupt
        sweep(*given)
        ended.append(given[-1])

    engine = engine_of(model)
    engine.threads = 4
    monkeypatch.setattr(lattice, "sweep_square", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.advance(np.ones(4), 0)
    engine._helpers.shutdown()
    assert sorted(ended) == [1, 2, 3]


@pytest.mark.parametrize(
    "posed",
    [
        glass((64, 64), seed=9, magnitude=2.5, offset=1.0),
        weighted(GLASS, UNEQUAL),
        weighted(GLASS, 1.0, UNEQUAL[:4096]),
    ],
    ids=["other signs", "other magnitudes", "fields"],
)
def test_energies_are_those_of_the_model_as_posed(posed):
    engine, same, record = engine_of(posed, held=GLASS), engine_of(GLASS), record_of(posed, 6)
    engine.sweep(np.ones(6), 0, 1, record)
    same.advance(np.ones(6), 0)
    assert record.energies[0] == pytest.approx(posed.energy(record.draws[0]), rel=1e-12)
    assert np.array_equal(engine.states(), same.states())


def test_a_machine_may_be_programmed_anew():
    other, betas = glass((64, 64), seed=9, magnitude=2.5), np.full(10, 0.3)
    changed, fresh = engine_of(GLASS), engine_of(other, states=engine_of(GLASS).states().T.copy())
    changed.hold(other)
    assert changed.advance(betas, 0) == fresh.advance(betas, 0)
    assert np.array_equal(changed.states(), fresh.states())


@pytest.mark.parametrize("model", [weighted(GLASS, UNEQUAL), weighted(GLASS, UNEQUAL - 1.0), glass((32, 128))])
def test_what_it_cannot_go_on_with_is_refused(model):
    with pytest.raises(ValueError, match="another layout"):
        engine_of(GLASS).hold(model)


def test_chains_differ_and_betas_of_one_chain_may_be_a_column():
    betas = np.full(5, 0.2)
    start = random_spins(GLASS.n)
    first, again, second = (engine_of(GLASS, chain, start) for chain in (0, 0, 1))
    first.advance(betas, 0)
    again.advance(betas[:, None], 0)
    second.advance(betas, 0)
    assert np.array_equal(first.states(), again.states())
    assert abs(first.states().astype(int) @ second.states().T) < 5 * np.sqrt(GLASS.n)


def test_little_memory_beyond_the_model():
    """At most 4 bytes a site on the way, so that 10⁷ spins stay well below 100 MB."""
    side = 1024
    model, start = ferromagnet((side, side)), random_spins(side**2)
    scan = Scan.sequential(model.n)
    engine_of(GLASS).advance(np.ones(2), 0)
    tracemalloc.start()
    try:
        assert not LatticeEngine.refusals(model, scan, Options(), 1.0)
        engine = LatticeEngine(model, scan, start, KEY, 0, Options())
        engine.sweep(np.ones(2), 0, 1, record_of(model, 2, draws=False))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The recognition works in chunks of 2¹⁶ sites, 16 MB whatever the lattice.
    assert peak < 4 * model.n + 16e6


# ---- physics -------------------------------------------------------------------------------------------------------


def onsager(beta):
    """Energy a site of the infinite square ferromagnet, J = 1 (L. Onsager, Phys. Rev. 65, 117 (1944))."""
    k = 2 * np.sinh(2 * beta) / np.cosh(2 * beta) ** 2
    integral, _ = quad(lambda angle: 1 / np.sqrt(1 - (k * np.sin(angle)) ** 2), 0, np.pi / 2)
    return -(1 + 2 / np.pi * (2 * np.tanh(2 * beta) ** 2 - 1) * integral) / np.tanh(2 * beta)


def site_energies(model, beta, chains, warmup, looks, start=None, **options):
    """Mean energy a site of each chain."""
    means = []
    for chain in range(chains):
        engine, record = engine_of(model, chain, start, **options), record_of(model, looks, draws=False)
        engine.advance(np.full(warmup, beta), 0)
        engine.sweep(np.full(looks, beta), warmup, 1, record)
        means.append(record.energies.mean() / model.n)
    return np.array(means)


def deviation(values, expected, other=()):
    """Standard errors between a mean and what is expected, or another mean."""
    error = np.hypot(*(np.std(part, ddof=1) / np.sqrt(len(part)) if len(part) else 0 for part in (values, other)))
    return abs(np.mean(values) - expected) / error


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize(("side", "beta"), [(64, 0.2), (64, 0.33), (128, 0.37), (128, 0.55)])
def test_the_square_ferromagnet_has_onsagers_energy(side, beta, bits):
    # At these β the correlation length is below a sixteenth of the side: finite-size corrections are below 10⁻⁶.
    model = ferromagnet((side, side))
    start = np.ones((model.n, 1), dtype=np.int8) if beta > 0.44 else None
    energies = site_energies(model, beta, 24, 300, 1500, start, threshold_bits=bits)
    assert deviation(energies, onsager(beta)) < SIGMAS


def test_metropolis_has_onsagers_energy_too():
    energies = site_energies(ferromagnet((64, 64)), 0.3, 24, 300, 1500, rule="metropolis")
    assert deviation(energies, onsager(0.3)) < SIGMAS


def test_the_square_ferromagnet_has_yangs_magnetisation():
    """m = (1 − sinh(2β)⁻⁴)^⅛ below the critical temperature (C. N. Yang, Phys. Rev. 85, 808 (1952))."""
    beta, model = 0.5, ferromagnet((128, 128))
    means = []
    for chain in range(12):
        engine = engine_of(model, chain, np.ones((model.n, 1), dtype=np.int8))
        engine.advance(np.full(300, beta), 0)
        record = record_of(model, 200)
        engine.sweep(np.full(1000, beta), 300, 5, record)
        means.append(record.draws.mean())
    assert deviation(means, (1 - np.sinh(2 * beta) ** -4) ** 0.125) < SIGMAS


@pytest.mark.parametrize(("shape", "beta"), [((64, 64), 0.6), ((16, 16, 16), 0.5)])
def test_glasses_have_the_energy_of_the_counter_based_kernel(shape, beta):
    model, warmup, looks = glass(shape), 150, 60
    engine = CounterEngine(model, Scan.sequential(model.n), random_spins(model.n, 16), KEY, 0, Options())
    engine.advance(np.full(warmup, beta), 0)
    counted = np.zeros(16)
    for look in range(looks):
        engine.advance(np.array([beta]), warmup + look)
        counted += model.energy(engine.states()) / model.n / looks
    for options in ({}, {"threshold_bits": 16}, {"rule": "metropolis"}):
        energies = site_energies(model, beta, 32, 2 * warmup, 500, **options)
        assert deviation(energies, counted.mean(), counted) < SIGMAS


@pytest.mark.slow
@pytest.mark.parametrize("beta", [0.2, 0.35, 0.42])
def test_a_large_ferromagnet_has_onsagers_energy(beta):
    energies = site_energies(ferromagnet((256, 256)), beta, 32, 3000, 20_000)
    assert deviation(energies, onsager(beta)) < SIGMAS
