"""Blocks of p-bits, p-dits and p-modes: conformance, laws, counts, times and prices, and what is not stated."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from hardware_models.gibbs.primitives import PRICES, Primitives
from pbits import testing
from pbits.reference.hybrid import mode_covariance

FALSE_ALARM = 1e-4  # of each chi-square test below; seeds are fixed, so each has passed once for all

SPREAD = Primitives(mode_s=1e-6, mode_tau_s=2e-6, mode_temperature_sigma_d2d=0.4, name="unequal modes")
MACHINES = [Primitives(name="settled"), SPREAD]


def blocks(seed=0):
    """A p-bit, two p-dits and two modes, all coupled."""
    rng = np.random.default_rng(seed)
    q = (2, 3, 6)
    discrete = pbits.CategoricalModel(
        q, [rng.normal(size=k) for k in q], {(i, j): rng.normal(size=(q[i], q[j])) for i, j in [(0, 1), (1, 2)]}
    )
    return pbits.HybridModel(
        discrete, [[2.0, -0.6], [-0.6, 1.0]], [0.2, 0.0], {0: rng.normal(size=(2, 2)), 2: rng.normal(size=(6, 2))}
    )


@pytest.mark.parametrize("check", testing.CHECKS[1:], ids=lambda check: check.__name__)
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_conformance(machine, check):
    check(machine)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_modes_have_the_law_that_is_declared(machine):
    model = testing.native_models(machine)[-1]
    report = testing.measure_law(machine, model, draws=100_000)
    assert report.distance <= report.allowed


def test_a_law_that_ignores_unequal_temperatures_is_caught():
    model = testing.native_models(SPREAD)[-1]
    states = pbits.run(
        model, SPREAD, pbits.Schedule(n_samples=100, n_warmup=50, steps_per_sample=8, chains=1000), seed=2
    )
    boltzmann = MACHINES[0].compile(model, pbits.Schedule()).law(1.0)
    report = testing._reals(boltzmann, states.states.reshape(-1, model.n), 1)
    assert report.distance > report.allowed


@pytest.mark.parametrize(
    "machine",
    [Primitives(), Primitives(relaxation=2, mode_s=1e-6, mode_tau_s=2e-6), Primitives(relaxation_per_category=10)],
    ids=["settled", "relaxing", "ten a category"],
)
def test_blocks_in_one_program_have_the_exact_law(machine):
    model, law = blocks(), pbits.exact(blocks())
    schedule = pbits.Schedule(n_samples=20, n_warmup=100, steps_per_sample=40, chains=1000)
    run = pbits.run(model, machine, schedule, seed=3)
    assert run.states.dtype == np.float64
    counts = np.bincount(law.index(run.states[..., :3]).ravel(), minlength=len(law.probabilities))
    expected = counts.sum() * law.probabilities
    assert chisquare(counts[expected > 10], expected[expected > 10] * counts[expected > 10].sum()
                     / expected[expected > 10].sum()).pvalue > FALSE_ALARM  # fmt: skip
    # Of 20,000 draws, ten variances and covariances: five standard errors of a mean and some four of a variance.
    flat = run.states.reshape(-1, 5)
    np.testing.assert_allclose(flat.mean(axis=0), law.mean, atol=5 * math.sqrt(law.covariance.max() / len(flat)))
    np.testing.assert_allclose(np.cov(flat[:, 3:], rowvar=False), law.covariance[3:, 3:], rtol=0.06, atol=0.03)


def test_the_same_chip_is_measured_twice_and_its_clock_error_told():
    model = pbits.GaussianModel([[2.0, -1.0], [-1.0, 2.0]], [1.0, 0.0])
    schedule = pbits.Schedule(n_samples=400, n_warmup=20, chains=50)
    runs = [pbits.run(model, SPREAD, schedule, seed=1, chip_seed=chip) for chip in (4, 4, 5)]
    assert np.array_equal(runs[0].states, runs[1].states)
    assert not np.allclose(runs[0].states, runs[2].states)
    program = SPREAD.compile(model, schedule, chip_seed=4)
    sigma = mode_covariance(model.A, program.temperatures)
    law = pbits.exact(program.law(1.0).model)
    np.testing.assert_allclose(law.covariance, sigma, rtol=1e-9)
    np.testing.assert_allclose(law.mean, model.mean, rtol=1e-9)
    boltzmann, notes = np.linalg.inv(model.A), runs[0].record["notes"]["modes"]
    assert notes["largest_covariance_error"] == pytest.approx(np.abs(sigma - boltzmann).max() / boltzmann[0, 0])
    assert runs[0].errors.clock > 0.05
    assert runs[0].errors.mapping == 0
    assert runs[0].errors.sampling < runs[0].errors.allowed
    quiet = pbits.run(model, Primitives(), schedule, seed=1)
    assert quiet.errors.clock == 0
    assert quiet.errors.faithful


def test_a_held_mode_of_unequal_ones_has_the_declared_law():
    model = pbits.GaussianModel([[2.0, -1.0, 0.0], [-1.0, 2.0, -0.5], [0.0, -0.5, 1.0]], [1.0, 0.0, 0.3])
    schedule = pbits.Schedule(n_samples=200, n_warmup=50, steps_per_sample=10, chains=200)
    run = pbits.run(model, SPREAD, schedule, seed=5, clamp={1: 1.5})
    assert (run.states[..., 1] == 1.5).all()
    assert run.errors.sampling < run.errors.allowed
    assert run.errors.clock > 0.05


@pytest.mark.parametrize("relaxation", [None, 3])
def test_unequal_modes_beside_categories_have_no_stated_law_but_a_twin(relaxation):
    machine = Primitives(relaxation=relaxation, mode_s=1e-6, mode_tau_s=2e-6, mode_temperature_sigma_d2d=0.4)
    schedule = pbits.Schedule(n_samples=10, n_warmup=3, steps_per_sample=2, chains=3)
    program = machine.compile(blocks(), schedule, chip_seed=2, clamp={1: 2, 4: 0.5})
    law = program.law(1.0)
    assert law.kind == "unknown"
    assert "unequal temperatures" in law.note
    assert law.clamp == {1: 2, 4: 0.5}
    run = pbits.run(blocks(), machine, schedule, seed=6, chip_seed=2, clamp={1: 2, 4: 0.5})
    twin = program.twin(schedule, seed=6)
    np.testing.assert_allclose(run.states, twin, rtol=1e-9, atol=1e-9)
    assert program.temperatures.std() > 0.05
    assert Primitives().compile(blocks(), pbits.Schedule()).law(1.0).kind == "boltzmann"


def test_what_is_counted_is_what_was_done():
    machine = Primitives(relaxation_per_category=10)
    run = pbits.run(blocks(), machine, pbits.Schedule(n_samples=3, n_warmup=2, chains=4), seed=1, clamp={4: 0.0})
    sweeps = 5 * 4
    assert run.counts["update"] == sweeps
    assert run.counts["p_dit_update"] == 2 * sweeps
    assert run.counts["p_cell_draw"] == (30 + 60) * sweeps
    # Site 1 (q = 3) has neighbours of 2 and 6 categories, site 2 (q = 6) one of 3: 1 + 3 + 2 and 2 + 2 inputs.
    assert run.counts["macdac_input"] == 10 * sweeps
    assert run.counts["mode_update"] == sweeps
    assert (run.counts["read"], run.counts["mode_read"]) == (3 * 3 * 4, 3 * 2 * 4)
    assert "toggle" not in run.counts
    spins = pbits.run(pbits.IsingModel([[0, 1], [1, 0]]), machine, pbits.Schedule(n_samples=3, n_warmup=2, chains=4))
    assert spins.counts["update"] == 2 * sweeps
    assert "p_dit_toggle" not in spins.counts


@pytest.mark.parametrize("kind", ["spins", "categories"])
def test_values_of_each_chain_are_written_once_each_and_take_a_frame(kind):
    """Four sites: two with a value for each of three chains, and one with the same for all."""
    model = pbits.IsingModel(1 - np.eye(4)) if kind == "spins" else pbits.CategoricalModel([2, 2, 3, 3])
    machine = Primitives(p_bit_s=1e-9, p_cell_s=1e-9, relaxation=2, program_s=0.0, read_s=1e-6)
    schedule = pbits.Schedule(n_samples=5, n_warmup=0, chains=3)
    own, alike = [1, 1, -1 if kind == "spins" else 0], {2: 1}
    run = pbits.run(model, machine, schedule, seed=1, clamp={0: own, 1: own, **alike})
    fixed = pbits.run(model, machine, schedule, seed=1, clamp={0: 1, 1: 1, **alike})
    assert fixed.counts["write"] == 4
    assert run.counts["write"] == 4 + 2 * 3
    # One copy, so each chain is told by itself, which takes as long as a read-out.
    assert "start states" not in fixed.phases
    assert run.phases["start states"] == pytest.approx(3e-6)


def test_a_phase_lasts_as_long_as_the_slowest_of_its_cells():
    pairs = {(0, 1): np.eye(2, 3), (1, 2): np.eye(3, 6)}
    # Sites 0 and 2 share a colour: 60 draws of 10 ns outlast a p-bit's 100 ns. Site 1 has 30 draws.
    model = pbits.CategoricalModel([2, 3, 6], pairwise=pairs)
    machine = Primitives(relaxation_per_category=10, p_bit_s=100e-9, p_cell_s=10e-9, program_s=0.0, read_s=0.0)
    run = pbits.run(model, machine, pbits.Schedule(n_samples=10, n_warmup=0, chains=1), seed=1)
    assert run.device_time_s == pytest.approx(10 * (600e-9 + 300e-9))
    assert run.record["notes"]["seconds_per_sweep"] == pytest.approx({"cells": 900e-9})
    # Of p-dits that move together the one of most categories is the slowest.
    apart = pbits.run(pbits.CategoricalModel([3, 6]), machine, pbits.Schedule(n_samples=10, n_warmup=0), seed=1)
    assert apart.record["notes"]["seconds_per_sweep"] == pytest.approx({"cells": 600e-9})
    slow = Primitives(relaxation=1, p_bit_s=100e-9, p_cell_s=10e-9, mode_s=1e-6, program_s=0.0, read_s=0.0)
    run = pbits.run(blocks(), slow, pbits.Schedule(n_samples=10, n_warmup=0, chains=1), seed=1)
    assert run.record["notes"]["seconds_per_sweep"] == pytest.approx({"cells": 110e-9, "modes": 1e-6})
    assert pbits.run(blocks(), Primitives(p_bit_s=1e-7), pbits.Schedule(n_samples=2), seed=1).device_time_s is None


def test_the_claimed_sweep_of_a_potts_chip_is_not_accounted_for_by_its_draws():
    """1,273 p-dits of 6 categories at about 0.084 nJ a sweep: the draws are 0.061 nJ, and the rest is unpriced."""
    n = 1273
    chain = pbits.CategoricalModel([6] * n, pairwise={(i, i + 1): np.eye(6) for i in range(n - 1)})
    machine = Primitives(relaxation_per_category=10)
    run = pbits.run(chain, machine, pbits.Schedule(n_samples=1, n_warmup=0, chains=1), seed=1)
    assert run.counts["p_cell_draw"] == 60 * n
    row = next(row for row in pbits.price(run).rows if row.item == "p_cell_draw")
    assert row.joules == pytest.approx(60 * n * 800e-18)
    assert row.joules == pytest.approx(0.0611e-9, rel=1e-3)
    assert 0.084e-9 - row.joules == pytest.approx(18e-15 * n, rel=0.01)
    ledger = pbits.price(run)
    assert ledger.joules is None
    reasons = " ".join(ledger.reasons)
    for unpriced in ("macdac_input", "p_dit_toggle", "read", "write", "power.active", "power.idle"):
        assert unpriced in reasons


def test_a_p_dit_without_a_number_of_draws_has_no_price():
    model = pbits.CategoricalModel([3, 3])
    ledger = pbits.price(pbits.run(model, Primitives(), pbits.Schedule(n_samples=2, chains=1), seed=1))
    assert any("p_cell_draw, of which the run counts none" in reason for reason in ledger.reasons)


def test_prices_are_cited_or_said_to_be_unknown():
    for parameter in PRICES.items().values():
        if getattr(parameter, "value", None) is not None:
            assert parameter.source == "extropic2026codon"


def test_factors_of_high_order_need_cells_that_add_them_up():
    parity = pbits.PolynomialModel(3, {(0, 1, 2): 1.0})
    schedule = pbits.Schedule(n_samples=20, chains=2)
    with pytest.raises(pbits.NotMappable, match="a term holds 3 sites and its cells add up terms of 2 at most"):
        pbits.run(parity, Primitives(), schedule)
    for order in (3, None):
        assert pbits.run(parity, Primitives(max_order=order), schedule, seed=1).states.shape == (2, 20, 3)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (pbits.Schedule(step_s=1e-6), "leave step_s out"),
        (pbits.Schedule(beta=0.0), "β = 0"),
        (pbits.Schedule(chains=2, ladder=(1.0, 0.5)), "hold reals|steer"),
    ],
)
def test_what_modes_cannot_do_is_refused(schedule, message):
    for model in (blocks(), pbits.GaussianModel([[1.0]])):
        with pytest.raises(pbits.NotMappable, match=message):
            pbits.run(model, Primitives(), schedule)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"p_bit_s": 0.0}, "p_bit_s is 0.0"),
        ({"relaxation": 0}, "relaxation is 0; an update takes a whole number of draws"),
        ({"relaxation": 2.5}, "relaxation is 2.5; an update takes a whole number of draws"),
        ({"relaxation": True}, "relaxation is True; an update takes a whole number of draws"),
        ({"relaxation": 3, "relaxation_per_category": 10}, "not both"),
        ({"mode_tau_s": 1e-6}, "needs mode_s"),
        ({"mode_temperature_sigma_d2d": -1.0}, "at least 0"),
        ({"max_order": 0}, "at least one site"),
    ],
)
def test_machines_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Primitives(**wrong)


def test_a_run_of_blocks_is_diagnosed_stored_and_read_again(tmp_path):
    run = pbits.run(blocks(), Primitives(relaxation=4), pbits.Schedule(n_samples=3000, chains=4), seed=7)
    found = pbits.diagnose(run)
    assert found.converged
    assert set(found.tau_int) == {"energy", *(f"site {site}" for site in range(5))}
    run.save(tmp_path / "run")
    again = pbits.Run.load(tmp_path / "run")
    assert np.array_equal(again.states, run.states)
    assert again.model.fingerprint() == run.model.fingerprint()
    assert type(again.model) is pbits.HybridModel
    np.testing.assert_allclose(run.energies, again.model.energy(again.states))
    best = run.model.energy(run.best_state)
    assert best == pytest.approx(run.best_energy)
    assert best <= run.energies.min() + 1e-9


def test_blocks_anneal_and_start_where_they_are_told():
    schedule = pbits.Schedule.anneal(sweeps=200, beta_start=0.2, beta_stop=50.0, chains=8)
    model = blocks()
    run = pbits.run(model, Primitives(relaxation=3), schedule, seed=2, initial=np.array([1, 2, 5, 0.3, -0.4]))
    law = pbits.exact(model)
    lowest = model.energy(np.hstack([law.states, law.mode_means])).min()
    assert run.best_energy == pytest.approx(lowest, abs=0.1)
    with pytest.raises(ValueError, match="its categories are"):
        pbits.run(model, Primitives(), schedule, initial=np.array([2, 0, 0, 0.0, 0.0]))
    with pytest.raises(ValueError, match="not finite"):
        pbits.run(model, Primitives(), schedule, initial=np.array([0, 0, 0, np.nan, 0.0]))
