"""Statistical tests have fixed seeds and bounds of 5 standard errors.

By chance one entry in 1.7 million exceeds that; about 60 entries are compared, so one seed in some 30,000
would raise a false alarm.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models.langevin import Circuit, from_spec
from hardware_models.langevin.components import Bank
from pbits.kernels.philox import normals
from pbits.parameters import CatalogueError, MachineSpec
from pbits.reference.langevin import ou_transition
from pbits.streams import Stream, Streams

# Symmetric, diagonally dominant and with no positive coupling, so that resistors alone can hold it.
A = np.array([[2.0, -0.5, 0.0], [-0.5, 1.5, -0.7], [0.0, -0.7, 1.0]])
B = np.array([1.0, -0.5, 0.2])
MODEL = pbits.GaussianModel(A, B)
SIGNED = pbits.GaussianModel([[1.0, 0.6, -0.2], [0.6, 1.2, 0.3], [-0.2, 0.3, 0.9]], B)
RC = {"resistance_ohm": 1e3, "capacitance_f": 1e-9}
TAU_S = 2e-6  # RC times the largest entry of A


def states_of(model, circuit, seed=5, **schedule):
    return pbits.run(model, circuit, pbits.Schedule(**schedule), seed=seed).states


def assert_moments(x, mean, covariance):
    """Sample moments of independent rows x (N, n) of a normal law within 5 standard errors."""
    size = len(x)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(x.mean(axis=0) - mean) < 5 * sd / np.sqrt(size)).all()
    error = np.sqrt((np.outer(sd**2, sd**2) + covariance**2) / size)
    assert (np.abs((x - mean).T @ (x - mean) / size - covariance) < 5 * error).all()


def twin(model, betas, duration, start, key):
    """The path of every chain, (steps, chains, n), from the reference transition and the same normals."""
    x, path = start.copy(), []
    for step, beta in enumerate(betas):
        phi, chol = ou_transition(model.A, beta, duration)
        noise = np.empty(start.T.shape)
        normals(noise, *key, 0, step, 0)
        x = model.mean + (x - model.mean) @ phi.T + (chol @ noise).T
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize("model", [MODEL, SIGNED])
def test_the_circuit_is_its_twin_step_for_step(model):
    schedule = pbits.Schedule(n_samples=30, n_warmup=4, beta=1.7, chains=5, step_s=0.4e-6)
    start = np.random.default_rng(1).normal(size=(5, 3))
    run = pbits.run(model, Circuit(**RC), schedule, seed=9, initial=start)
    tau_s = 1e-6 * np.abs(model.A).max()
    path = twin(model, schedule.betas(), 0.4e-6 / tau_s, start, Streams(seed=9).key(Stream.THERMAL))
    np.testing.assert_allclose(run.states, path[4:].transpose(1, 0, 2), rtol=1e-10, atol=1e-10)


def test_an_anneal_changes_the_strength_of_the_noise_and_nothing_else():
    schedule = pbits.Schedule.anneal(sweeps=12, beta_start=0.2, beta_stop=40.0, chains=3)
    run = pbits.run(MODEL, Circuit(), schedule, seed=2)
    slowest = 1 / np.linalg.eigvalsh(A)[0]
    path = twin(MODEL, schedule.betas(), slowest, np.zeros((3, 3)), Streams(seed=2).key(Stream.THERMAL))
    np.testing.assert_allclose(run.states[:, 0], path[-1], atol=1e-10)
    np.testing.assert_allclose(run.trace.energies, MODEL.energy(path).T, atol=1e-9)


@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_the_law_is_that_of_the_model(beta):
    x = states_of(SIGNED, Circuit(), n_samples=1, n_warmup=15, chains=20_000, beta=beta)[:, 0]
    law = pbits.exact(SIGNED, beta)
    assert_moments(x, law.mean, law.covariance)


def test_the_program_declares_that_law():
    program = Circuit().compile(MODEL, pbits.Schedule())
    law = program.law(0.7)
    assert (law.kind, law.beta, law.note) == ("boltzmann", 0.7, "")
    assert law.model.fingerprint() == program.realised(0.7).fingerprint() == MODEL.fingerprint()


def test_neighbouring_draws_have_the_autocovariance_of_the_step():
    chains = 20_000
    x = states_of(MODEL, Circuit(**RC), n_samples=2, n_warmup=40, chains=chains, step_s=0.6e-6)
    phi, _ = ou_transition(A, 1.0, 0.6e-6 / TAU_S)
    covariance = np.linalg.inv(A)
    lagged = phi @ covariance
    centred = x - MODEL.mean
    found = centred[:, 1].T @ centred[:, 0] / chains
    error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + lagged * lagged.T) / chains)
    assert (np.abs(found - lagged) < 5 * error).all()


def test_burn_in_starts_from_discharged_capacitors_and_spreads_as_it_should():
    x = states_of(MODEL, Circuit(**RC), n_samples=1, n_warmup=0, chains=20_000, step_s=0.5e-6)[:, 0]
    phi, chol = ou_transition(A, 1.0, 0.5e-6 / TAU_S)
    assert_moments(x, MODEL.mean - phi @ MODEL.mean, chol @ chol.T)


def test_the_default_step_is_the_slowest_relaxation_time():
    program = Circuit(**RC).compile(MODEL, pbits.Schedule())
    rates = np.linalg.eigvalsh(A)
    np.testing.assert_allclose(program.relaxation_s, (TAU_S / rates[0], TAU_S / rates[-1]), rtol=1e-12)
    notes = pbits.run(MODEL, Circuit(**RC), pbits.Schedule(n_samples=1), seed=1).record["notes"]
    assert notes["step_s"] == pytest.approx(TAU_S / rates[0], rel=1e-12)
    assert notes["step_in_slowest_relaxations"] == pytest.approx(1)


def test_a_matrix_of_another_scale_runs_at_the_same_speed():
    slow = Circuit(**RC).compile(MODEL, pbits.Schedule())
    scaled = Circuit(**RC).compile(pbits.GaussianModel(100 * A, B), pbits.Schedule())
    np.testing.assert_allclose(slow.relaxation_s, scaled.relaxation_s, rtol=1e-12)
    np.testing.assert_allclose(slow.components, scaled.components, rtol=1e-12)


# Draws


def test_reals_do_not_depend_on_how_many_chains_run_or_which_draws_are_kept():
    every = states_of(SIGNED, Circuit(), n_samples=12, n_warmup=0, chains=70)
    few = states_of(SIGNED, Circuit(), n_samples=12, n_warmup=0, chains=3)
    third = states_of(SIGNED, Circuit(), n_samples=3, n_warmup=3, steps_per_sample=3, chains=70)
    np.testing.assert_allclose(few, every[:3], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(third, every[:, 5::3], rtol=1e-10, atol=1e-12)


# Components


@given(st.integers(1, 6), st.integers(0, 100), st.integers(4, 16), st.sampled_from(["active", "passive"]))
def test_components_are_rounded_to_the_nearest_and_stay_symmetric(n, seed, bits, coupling):
    rng = np.random.default_rng(seed)
    links = np.triu(rng.random((n, n)), 1)
    laplacian = np.diag((links + links.T).sum(axis=1)) - links - links.T
    precision = laplacian + np.diag(rng.random(n) + 0.1)
    bank = Bank(coupling=coupling, bits=bits)
    values = bank.components(precision)
    np.testing.assert_allclose(bank.matrix(values), precision, atol=1e-12)
    rounded = bank.programmed(values)
    top = 2 ** (bits - 1) - 1 if coupling == "active" else 2**bits - 1
    assert bank.step(values) == pytest.approx(np.abs(values).max() / top)
    assert (rounded == rounded.T).all()
    assert np.abs(rounded - values).max() <= bank.step(values) / 2 * (1 + 1e-12)
    levels = rounded / bank.step(values)
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-6)
    assert np.abs(np.round(levels)).max() == top


def test_the_resistors_of_a_passive_circuit_by_hand():
    program = Circuit(coupling="passive").compile(MODEL, pbits.Schedule())
    resistors = np.array([[1.5, 0.5, 0.0], [0.5, 0.3, 0.7], [0.0, 0.7, 0.3]])
    np.testing.assert_allclose(program.components, resistors / 1.5, atol=1e-12)
    np.testing.assert_allclose(program.realised(1.0).A, A, atol=1e-12)


@pytest.mark.parametrize("coupling", ["active", "passive"])
def test_the_error_of_rounding_is_of_first_order_in_the_step(coupling):
    covariance = np.linalg.inv(A)
    for bits in (6, 9, 13, 15):
        run = pbits.run(MODEL, Circuit(coupling=coupling, component_bits=bits), pbits.Schedule(), seed=1)
        step = run.record["notes"]["component_step"]
        delta = run.realised.A - A
        # Each entry is off by half a step at most; a passive diagonal sums three of them.
        assert 0 < np.abs(delta).max() <= 1.5 * step
        assert run.record["notes"]["largest_component_error"] <= step / 2 * (1 + 1e-9)
        moved = np.linalg.inv(run.realised.A) - covariance
        first_order = -covariance @ delta @ covariance
        assert np.abs(moved - first_order).max() <= 30 * step**2
        assert np.abs(first_order).max() <= 10 * step


def test_rounding_that_makes_the_voltages_run_away_is_refused():
    near = pbits.GaussianModel([[1.0, 0.99], [0.99, 1.0]])
    assert Circuit(component_bits=12).limits(near) == []
    with pytest.raises(pbits.NotMappable, match=r"components of 3 bits A is not positive definite.*use finer"):
        Circuit(component_bits=3).compile(near, pbits.Schedule())
    floating = pbits.GaussianModel([[1.001, -1.0], [-1.0, 1.001]])
    (reason,) = Circuit(coupling="passive", component_bits=4).limits(floating)
    assert "not positive definite" in reason


def test_tolerance_belongs_to_the_chip_and_keeps_the_matrix_symmetric():
    circuit = Circuit(component_tolerance_d2d=0.02)
    realised = [circuit.compile(SIGNED, pbits.Schedule(), chip_seed=chip).realised(1.0) for chip in (4, 4, 5)]
    assert realised[0].fingerprint() == realised[1].fingerprint() != realised[2].fingerprint()
    assert (realised[2].A == realised[2].A.T).all()
    smaller = pbits.GaussianModel(SIGNED.A[:2, :2])
    ratio = realised[0].A / SIGNED.A
    np.testing.assert_allclose(
        circuit.compile(smaller, pbits.Schedule(), chip_seed=4).realised(1.0).A, smaller.A * ratio[:2, :2]
    )


def test_tolerance_has_the_stated_spread():
    diagonal = pbits.GaussianModel(np.eye(60) + 1e-3)
    A = Circuit(component_tolerance_d2d=0.05).compile(diagonal, pbits.Schedule()).realised(1.0).A
    errors = (A / diagonal.A - 1)[np.tril_indices(60)]
    assert abs(errors.std() / 0.05 - 1) < 5 / np.sqrt(2 * len(errors))
    assert abs(errors.mean()) < 5 * 0.05 / np.sqrt(len(errors))


def test_a_passive_chip_with_tolerance_still_samples_what_it_realises():
    circuit = Circuit(coupling="passive", component_tolerance_d2d=0.1)
    schedule = pbits.Schedule(n_samples=1, n_warmup=15, chains=20_000)
    run = pbits.run(MODEL, circuit, schedule, seed=3, chip_seed=8)
    assert np.abs(run.realised.A - A).max() > 0.03
    law = pbits.exact(run.realised)
    assert_moments(run.states[:, 0], law.mean, law.covariance)


def test_a_chip_whose_errors_make_the_voltages_run_away_is_refused():
    near = pbits.GaussianModel(np.eye(8) + 0.999 * (1 - np.eye(8)))
    with pytest.raises(pbits.NotMappable, match="on chip 1, with component errors"):
        Circuit(component_tolerance_d2d=0.1).compile(near, pbits.Schedule(), chip_seed=1)


# Read-out


def test_the_adc_rounds_what_is_read_and_not_what_happens():
    schedule = {"n_samples": 40, "n_warmup": 0, "chains": 50}
    exact = states_of(SIGNED, Circuit(), **schedule)
    run = pbits.run(SIGNED, Circuit(adc_bits=6), pbits.Schedule(**schedule), seed=5)
    adc = run.record["notes"]["adc"]
    law = pbits.exact(SIGNED)
    full_scale = (np.abs(law.mean) + 4 * np.sqrt(np.diag(law.covariance))).max()
    assert adc["full_scale"] == pytest.approx(full_scale)
    assert adc["step"] == pytest.approx(2 * full_scale / 64)
    inside = np.abs(exact) < full_scale
    assert np.abs(run.states - exact)[inside].max() <= adc["step"] / 2 * (1 + 1e-9)
    assert adc["clip_fraction"] == pytest.approx(1 - inside.mean())
    assert run.realised.fingerprint() == SIGNED.fingerprint()


def test_rounding_adds_a_twelfth_of_the_squared_step_to_the_variance():
    model = pbits.GaussianModel([[1.0]])
    chains = 40_000
    run = pbits.run(model, Circuit(adc_bits=3), pbits.Schedule(n_samples=1, n_warmup=15, chains=chains), seed=6)
    x = run.states[:, 0, 0]
    assert run.record["notes"]["adc"]["step"] == pytest.approx(1.0)
    assert set(np.unique(x)) <= {-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5}
    # An unrounded variance would miss this by 12 standard errors.
    assert abs(x.var() - (1 + 1 / 12)) < 5 * np.sqrt(2 / chains) * (1 + 1 / 12)
    assert "adds 0.0833" in Circuit(adc_bits=3).compile(model, pbits.Schedule()).law(1.0).note


def test_clipping_is_counted():
    model = pbits.GaussianModel([[1.0]])
    schedule = pbits.Schedule(n_samples=1, n_warmup=15, chains=20_000)
    run = pbits.run(model, Circuit(adc_bits=8, adc_range=1.0), schedule, seed=7)
    outside = 0.317311  # of a normal law beyond one standard deviation
    error = 5 * np.sqrt(outside * (1 - outside) / 20_000)
    assert abs(run.record["notes"]["adc"]["clip_fraction"] - outside) < error
    assert np.abs(run.states).max() < 1


# Limits


def test_passive_couplings_are_refused_with_all_reasons_and_the_remedy():
    model = pbits.GaussianModel([[1.0, -0.8, -0.5], [-0.8, 1.0, 0.3], [-0.5, 0.3, 1.0]])
    with pytest.raises(pbits.NotMappable) as refused:
        Circuit(coupling="passive", max_cells=2).compile(model, pbits.Schedule())
    cells, positive, sums, remedy = refused.value.reasons
    assert "3 sites and the circuit 2 cells" in cells
    assert "1 of its couplings A_ij are positive, up to 0.3" in positive
    assert "1 of its rows have a negative sum, down to -0.3" in sums
    assert "coupling='active'" in remedy
    assert Circuit(coupling="active").limits(model) == []


def test_what_a_circuit_cannot_do_is_refused():
    schedule = pbits.Schedule(n_samples=1)
    with pytest.raises(pbits.NotMappable, match="hold real values; the model's sites hold spin"):
        Circuit().compile(pbits.IsingModel([[0, 1], [1, 0]]), schedule)
    with pytest.raises(pbits.NotMappable, match="cannot hold sites fixed"):
        pbits.run(MODEL, Circuit(), schedule, clamp={0: 1.0}, seed=1)
    with pytest.raises(pbits.NotMappable, match="infinitely strong noise"):
        pbits.run(MODEL, Circuit(), pbits.Schedule(n_samples=1, beta=0.0), seed=1)
    with pytest.raises(pbits.NotMappable, match="capacitance is not stated; leave step_s out"):
        pbits.run(MODEL, Circuit(), pbits.Schedule(n_samples=1, step_s=1e-6), seed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coupling": "magnetic"}, "must be one of active, passive"),
        ({"component_bits": 1}, "between 2 and 32"),
        ({"component_tolerance_d2d": -0.1}, "at least 0"),
        ({"adc_bits": 0}, "between 1 and 32"),
        ({"adc_range": 0.0}, "positive number of standard deviations"),
        ({"max_cells": 0}, "at least one cell"),
        ({"resistance_ohm": 0.0}, "resistance_ohm is 0.0"),
        ({"adc_s": -1.0}, "adc_s is -1.0"),
    ],
)
def test_impossible_circuits_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Circuit(**arguments)


# Time and counts


def test_time_and_counts_by_hand():
    circuit = Circuit(**RC, word_s=1e-7, adc_s=2e-6)
    schedule = pbits.Schedule(n_samples=10, n_warmup=5, steps_per_sample=2, chains=4, step_s=3e-6)
    run = pbits.run(MODEL, circuit, schedule, seed=1)
    # 9 conductances and 3 drives; 25 steps of 3 µs and 10 frames of 2 µs in each of 4 chains, one by one
    expected = {"programming": 12e-7, "warm-up": 4 * 15e-6, "sampling": 4 * 60e-6, "read-out": 4 * 20e-6}
    assert run.phases == pytest.approx(expected)
    assert run.device_time_s == pytest.approx(sum(expected.values()))
    assert run.seconds == {"active": run.device_time_s}
    assert run.counts == pytest.approx({"dac": 12, "adc": 120, "read": 120, "cell_second": 3 * 300e-6})
    preset = pbits.run(MODEL, circuit, schedule, seed=1, initial=np.ones(3))
    assert preset.counts["dac"] == 12 + 12
    assert preset.phases["programming"] == pytest.approx(24e-7)


def test_an_anneal_reads_once_and_a_search_for_a_target_reads_every_step():
    circuit = Circuit(**RC, word_s=1e-7, adc_s=2e-6)
    anneal = pbits.run(MODEL, circuit, pbits.Schedule.anneal(sweeps=20, chains=2), seed=1)
    assert (anneal.counts["adc"], anneal.phases["read-out"]) == (6, pytest.approx(4e-6))
    easy = pbits.Schedule.anneal(sweeps=20, chains=2, stop_at=1e9)
    stopped = pbits.run(MODEL, circuit, easy, seed=1)
    assert stopped.counts["adc"] == 6
    assert stopped.phases["sampling"] == pytest.approx(anneal.phases["sampling"] / 20)
    never = pbits.Schedule.anneal(sweeps=20, chains=2, stop_at=-1e9)
    assert pbits.run(MODEL, circuit, never, seed=1).counts["adc"] == 120


def test_an_unstated_time_gives_no_device_time():
    run = pbits.run(MODEL, Circuit(), pbits.Schedule(n_samples=3, chains=2), seed=1)
    assert run.device_time_s is None
    assert run.seconds == {"active": None}
    assert "cell_second" not in run.counts
    only_rc = pbits.run(MODEL, Circuit(**RC), pbits.Schedule(n_samples=3, chains=2), seed=1)
    assert only_rc.device_time_s is None
    assert only_rc.phases["sampling"] is not None
    assert only_rc.phases["read-out"] is None


def test_volts_and_noise_currents_agree():
    model = pbits.GaussianModel([[4.0]])
    schedule = pbits.Schedule(n_samples=1, beta=0.25)
    run = pbits.run(model, Circuit(**RC, noise_voltage_rms_v=0.1), schedule, seed=1)
    notes = run.record["notes"]
    assert notes["volts_per_unit_of_x"] == pytest.approx(0.1)  # sd of x is √(1/(4 × 0.25)) = 1
    # One RC cell with a two-sided noise current S has ⟨v²⟩ = SR/2C.
    assert notes["noise_current_a2_per_hz_two_sided"] * 1e3 / 2e-9 == pytest.approx(0.01)
    assert notes["conductance_per_unit_of_a_siemens"] == pytest.approx(1e-3 / 4)


# Catalogue entries


def spec(**parameters):
    return MachineSpec(
        name="cells", title="Cells", physics="langevin", date="2026-11-22", description="", prices=None,
        parameters=parameters, sources={}, path="cells.toml",
    )  # fmt: skip


def given_value(value):
    return {"value": value, "evidence": "assumed", "note": "for a test"}


def test_from_spec_reads_what_an_entry_says():
    circuit = from_spec(
        spec(
            circuit="rc",
            coupling="passive",
            resistance=given_value("1 kohm"),
            capacitance=given_value("1 nF"),
            max_cells=given_value(8),
            component_bits=given_value(12),
            adc_bits=given_value(10),
            adc_range=given_value(5),
            word_time=given_value("10 ns"),
            adc_time=given_value("1 µs"),
        )
    )
    run = pbits.run(MODEL, circuit, pbits.Schedule(n_samples=2, n_warmup=0, chains=1), seed=1)
    assert run.machine == "cells"
    assert run.record["notes"]["adc"]["bits"] == 10
    assert run.phases["programming"] == pytest.approx(120e-9)
    assert run.phases["read-out"] == pytest.approx(2e-6)
    assert circuit.limits(pbits.GaussianModel(np.eye(9)))
    with pytest.raises(CatalogueError, match="unknown key 'adc_bit'"):
        from_spec(spec(adc_bit=given_value(3)))


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 1000))
def test_any_positive_definite_matrix_fits_an_active_circuit(n, seed):
    root = np.random.default_rng(seed).normal(size=(n, n))
    model = pbits.GaussianModel(root @ root.T + 0.1 * np.eye(n))
    program = Circuit().compile(model, pbits.Schedule())
    assert program.realised(1.0).fingerprint() == model.fingerprint()
