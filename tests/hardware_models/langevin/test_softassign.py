"""The array for permutations: where it settles, when it decides, what tours it finds, and what is counted."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models.langevin import Softassign, from_spec
from hardware_models.langevin.softassign import Wiring, rounded
from pbits.parameters import read_machine
from pbits.reference.exact import exact
from pbits.reference.softassign import sinkhorn

RC = {"resistance_ohm": 1e4, "capacitance_f": 1e-12}
KINDS = {"still": {}, "noisy": {"noise": 0.1}, "hesitant": {"amplification": 0.0}}


def tour(n, seed=0):
    return pbits.PermutationModel(pbits.models.Distances(coordinates=np.random.default_rng(seed).random((n, 2))))


def assignment(n, seed, *, lopsided):
    """With flows or with distances that are not symmetric."""
    rng = np.random.default_rng(seed)
    a, b = rng.random((n, n)), rng.random((n, n))
    D, F = (a, b + b.T) if lopsided == "distances" else (a + a.T, b)
    return pbits.PermutationModel(D, F, rng.normal(size=(n, n)), offset=2.0)


def slope(model, M):
    """∂E/∂M by the definition of E, with no regard to symmetries."""
    D, n = model.distances.to_matrix(), model.n
    if model.kind == "tour":
        F, C = np.roll(np.eye(n), 1, axis=1), np.zeros((n, n))
    else:
        F, C = model.flows, model.costs
    return F @ M @ D.T + F.T @ M @ D + C


def settled(model, machine, beta, *, seed=1, steps=1500, chains=4, **options):
    schedule = pbits.Schedule(n_samples=1, n_warmup=steps, beta=beta, chains=chains)
    program = machine.compile(model, schedule)
    return program.outputs(schedule, seed=seed, **options)[:, 0]


def annealed(model, machine, *, sweeps=400, chains=10, seed=1):
    hot, cold = machine.beta_range(model)
    schedule = pbits.Schedule.anneal(sweeps=sweeps, beta_start=hot, beta_stop=cold, chains=chains)
    return pbits.run(model, machine, schedule, seed=seed)


@given(st.integers(2, 12), st.floats(0.0, 5.0), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_sinkhorn_gives_the_one_matrix_with_those_sums_and_cross_ratios(n, strength, seed):
    logits = strength * np.random.default_rng(seed).random((n, n))
    M, _, _ = sinkhorn(logits, 1e-10)
    assert np.abs(M.sum(axis=0) - 1).max() < 1e-9
    assert np.abs(M.sum(axis=1) - 1).max() < 1e-9
    # Scaling rows and columns leaves the double differences of ln M as they were.
    left = np.log(M) - logits
    assert np.abs(left - left[:1] - left[:, :1] + left[0, 0]).max() < 1e-6


@pytest.mark.parametrize("model", [tour(6), assignment(5, 1, lopsided="flows"), assignment(5, 2, lopsided="distances")])
def test_the_wiring_is_the_energy_and_its_slope(model):
    wiring = Wiring.of(model)
    W, D, C = wiring.flows.toarray(), wiring.distances, wiring.costs
    assert np.array_equal(W, W.T)
    assert np.array_equal(D, D.T)
    for seed in range(5):
        permutation = np.random.default_rng(seed).permutation(model.n)
        M = np.eye(model.n)[permutation]
        energy = 0.5 * (M * (W @ M @ D)).sum() + (C * M).sum() + model.offset
        assert energy == pytest.approx(float(model.energy(permutation)))
        assert np.allclose(W @ M @ D + C, slope(model, M))


@pytest.mark.parametrize("lopsided", ["flows", "distances", "tour"])
@pytest.mark.parametrize("amplification", [0.0, 1.0])
def test_it_settles_where_m_is_the_balanced_exponential_of_its_own_slope(lopsided, amplification):
    model = tour(7) if lopsided == "tour" else assignment(6, 3, lopsided=lopsided)
    machine = Softassign(amplification=amplification, tolerance=1e-11, rounds=10_000)
    wiring = Wiring.of(model)
    own = amplification * wiring.theta
    for share in (2.0, 0.7):
        beta = 1 / (share * wiring.critical(own))
        for M in settled(model, machine, beta):
            expected, _, _ = sinkhorn(beta * (own * M - slope(model, M)))
            assert np.abs(M - expected).max() < 1e-6


@pytest.mark.parametrize("amplification", [0.0, 1.0])
@pytest.mark.parametrize("n", [6, 9, 14])
def test_the_even_m_loses_its_hold_at_the_critical_temperature(n, amplification):
    model, machine = tour(n, seed=n), Softassign(amplification=amplification, tolerance=1e-9, rounds=10_000)
    critical = Wiring.of(model).critical(amplification * Wiring.of(model).theta)
    above, below = (settled(model, machine, 1 / (share * critical)) for share in (1.03, 0.97))
    assert np.abs(above * n - 1).max() < 1e-6
    assert np.abs(below * n - 1).max() > 0.05


def test_outputs_are_doubly_stochastic_to_the_tolerance_however_cold():
    model, machine = tour(12), Softassign(noise=0.05, tolerance=1e-3, rounds=100_000)
    hot, cold = machine.beta_range(model)
    schedule = pbits.Schedule.anneal(sweeps=100, beta_start=hot, beta_stop=100 * cold, chains=3)
    M = machine.compile(model, schedule).outputs(schedule, seed=5)
    assert np.abs(M.sum(axis=2) - 1).max() < 1e-12 + 1e-9
    assert np.abs(M.sum(axis=3) - 1).max() <= 1e-3
    assert (M >= 0).all()


def test_too_few_rounds_are_told():
    machine = Softassign(noise=0.3, tolerance=1e-9, rounds=3)
    notes = annealed(tour(10), machine, chains=2, sweeps=50).record["notes"]
    assert notes["unbalanced_steps"] > 0
    assert notes["rounds_per_step"] <= 3 + 3 / 50


@pytest.mark.parametrize("name", list(KINDS))
def test_the_kernel_is_its_twin(name):
    model, machine = assignment(5, 4, lopsided="flows"), Softassign(**KINDS[name])
    hot, cold = machine.beta_range(model)
    schedule = pbits.Schedule.anneal(sweeps=30, beta_start=hot, beta_stop=cold, chains=3)
    program = machine.compile(model, schedule)
    seen = []
    program.execute(schedule, pbits.streams.Streams(seed=3), None, lambda step, states: bool(seen.append(states)))
    assert np.array_equal(np.stack(seen, axis=1), program.twin(schedule, seed=3))


def test_twin_and_kernel_agree_in_m_and_not_only_rounded():
    model, machine = tour(6), Softassign(noise=0.1)
    schedule = pbits.Schedule(n_samples=20, n_warmup=0, beta=1.5 * machine.beta_range(model)[0], chains=2)
    program = machine.compile(model, schedule)
    twin = program.twin(schedule, seed=3)
    M = program.outputs(schedule, seed=3)
    assert np.array_equal(twin, np.stack([rounded(M[:, k]) for k in range(20)], axis=1))
    hotter = pbits.Schedule(n_samples=20, n_warmup=0, beta=1.05 * schedule.beta, chains=2)
    assert np.abs(program.outputs(hotter, seed=3) - M).max() > 1e-3


def test_draws_depend_on_the_seed_alone():
    model, machine = tour(6), Softassign(noise=0.3)
    many = pbits.Schedule(n_samples=10, n_warmup=2, steps_per_sample=2, chains=8)
    few = pbits.Schedule(n_samples=10, n_warmup=2, steps_per_sample=2, chains=3)
    often = pbits.Schedule(n_samples=20, n_warmup=2, chains=8)
    states = pbits.run(model, machine, many, seed=7).states
    assert np.array_equal(pbits.run(model, machine, few, seed=7).states, states[:3])
    assert np.array_equal(pbits.run(model, machine, often, seed=7).states[:, 1::2], states)
    assert not np.array_equal(pbits.run(model, machine, many, seed=8).states, states)


def test_costs_alone_are_the_assignment_problem():
    rng = np.random.default_rng(1)
    costs = rng.random((9, 9))
    model = pbits.PermutationModel(np.zeros((9, 9)), costs=costs)
    run = annealed(model, Softassign(), chains=3)
    best = rounded(-costs[None])[0]
    assert (run.states == best).all()


@pytest.mark.parametrize("n", [7, 8])
def test_small_tours_are_the_shortest_or_nearly(n):
    for seed in range(3):
        model = tour(n, seed)
        shortest = model.energy(exact(model, 1.0).states).min()
        assert shortest * (1 - 1e-9) <= annealed(model, Softassign(), chains=8).energies.min() < 1.02 * shortest


def test_self_amplification_decides():
    still, amplified = (
        annealed(tour(16, 2), Softassign(amplification=amplification), chains=4).record["notes"]["decided_share"]
        for amplification in (0.0, 1.0)
    )
    assert still < 0.7
    assert amplified == 1.0


DATA = os.environ.get("PBITS_DATA")
# The draws at the end of each of ten anneals against the optimum: the best of them, and the worst. With other seeds
# the bests are up to 1 % higher.
TSPLIB = {"burma14": (3323, 1.005, 1.05), "gr17": (2085, 1.03, 1.08), "bays29": (2020, 1.04, 1.12)}


@pytest.mark.skipif(DATA is None, reason="PBITS_DATA names no folder of instances")
@pytest.mark.parametrize("name", TSPLIB)
def test_published_tours_are_found_to_a_few_per_cent(name):
    optimum, best, worst = TSPLIB[name]
    instance = pbits.problems.read_tsplib(Path(DATA) / "tsplib" / f"{name}.tsp")
    run = annealed(pbits.PermutationModel(instance.distances), Softassign())
    assert 1 <= run.energies.min() / optimum < best
    assert run.energies.max() / optimum < worst


@pytest.mark.skipif(DATA is None, reason="PBITS_DATA names no folder of instances")
def test_ulysses16_is_missed_by_every_anneal():
    instance = pbits.problems.read_tsplib(Path(DATA) / "tsplib" / "ulysses16.tsp")
    run = annealed(pbits.PermutationModel(instance.distances), Softassign(), chains=20)
    assert 1.03 < run.energies.min() / 6859 < run.energies.max() / 6859 < 1.15


def test_a_run_starts_from_the_permutation_it_is_given():
    model, machine = tour(8), Softassign()
    start = np.random.default_rng(0).permutation(8)
    M = settled(model, machine, machine.beta_range(model)[1], initial=start, steps=0, chains=2)
    assert (rounded(M) == start).all()


def test_device_time_and_counts():
    model = pbits.PermutationModel([[0, 1, 2], [1, 0, 3], [2, 3, 0]])
    machine = Softassign(**RC, round_s=1e-9, word_s=2e-9, adc_s=1e-7)
    anneal = pbits.Schedule.anneal(sweeps=10, beta_start=0.1, beta_stop=0.2, chains=2, levels=5)
    run = pbits.run(model, machine, anneal, seed=1)
    # Three distances and three flows once, five gains for each chain; nine cells are read once a chain.
    assert run.counts["write"] == 6 + 2 * 5
    assert run.counts["read"] == run.counts["adc"] == 2 * 9
    assert run.counts["host_rounding"] == 2
    rounds = run.counts["normalisation"]
    assert rounds >= 2 * 11  # one before the first step
    assert run.device_time_s == pytest.approx(16 * 2e-9 + 2 * 10 * 1e-8 + rounds * 1e-9 + 2 * 1e-7)
    assert run.counts["cell_second"] == pytest.approx(9 * (2 * 10 * 1e-8 + rounds * 1e-9))
    sampling = pbits.Schedule(n_samples=4, n_warmup=2, step_s=1e-9, beta=0.1, chains=1)
    run = pbits.run(model, machine, sampling, seed=1, initial=[1, 2, 0])
    assert run.counts["write"] == 6 + 1 + 9
    assert run.counts["host_rounding"] == 4
    assert run.record["notes"]["settling_tau"] == pytest.approx(0.1)
    assert pbits.run(model, Softassign(**RC), sampling, seed=1).device_time_s is None


def test_what_does_not_fit_is_refused():
    schedule = pbits.Schedule()
    with pytest.raises(pbits.NotMappable, match="9 items and the array cells for 8"):
        pbits.run(tour(9), Softassign(max_items=8), schedule)
    distances, flows = np.random.default_rng(0).random((2, 4, 4))
    with pytest.raises(pbits.NotMappable, match="both not symmetric"):
        pbits.run(pbits.PermutationModel(distances, flows), Softassign(), schedule)
    with pytest.raises(pbits.NotMappable, match="leave moves out"):
        pbits.run(tour(5), Softassign(), pbits.Schedule(moves=pbits.moves.Moves(kinds=["swap"])))
    with pytest.raises(pbits.NotMappable, match="give step_tau"):
        pbits.run(tour(5), Softassign(), pbits.Schedule(step_s=1e-9))
    with pytest.raises(pbits.NotMappable, match="held fixed"):
        pbits.run(tour(5), Softassign(), schedule, clamp={0: 1})
    with pytest.raises(pbits.NotMappable, match="sites hold permutation values"):
        pbits.run(pbits.IsingModel([[0.0, 1.0], [1.0, 0.0]]), Softassign(), schedule)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"amplification": -1.0}, "amplification is -1.0"),
        ({"noise": np.inf}, "noise is inf"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"rounds": 0}, "rounds is 0"),
        ({"round_s": -1.0}, "round_s is -1.0"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Softassign(**options)


def test_the_catalogue_entry_is_such_a_machine_and_has_no_joules():
    machine = pbits.load("softassign-illustrative")
    assert isinstance(machine, Softassign)
    assert (machine.amplification, machine.noise, machine.rounds) == (1.0, 0.01, 50)
    ledger = pbits.price(annealed(tour(6), machine, chains=1))
    assert ledger.joules is None
    for operation in ("normalisation", "host_rounding", "adc", "write"):
        assert any(operation in reason for reason in ledger.reasons)


def test_an_entry_with_little_in_it_is_read(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(
        'schema = 1\nname = "few"\ntitle = "Few"\nphysics = "langevin"\ndate = "2026-11-22"\n'
        'description = "A test."\n[parameters]\ncircuit = "softassign"\n'
    )
    machine = from_spec(read_machine(path))
    assert isinstance(machine, Softassign)
    assert (machine.amplification, machine.noise, machine.tolerance, machine.rounds) == (1.0, 0.0, 0.01, 50)
