"""Statistical tests have fixed seeds and bounds of 5 standard errors.

By chance one entry in 1.7 million exceeds that; about 100 entries are compared here, and as many by the conformance
suite, so one seed in some 10,000 would raise a false alarm.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models import CATALOGUE
from hardware_models.langevin import Circuit, from_spec
from hardware_models.langevin.effects import (
    ComponentDrift,
    GainBandwidth,
    JohnsonNoise,
    NoiseBandwidth,
    NoiseMismatch,
    Saturation,
    Tolerance,
)
from hardware_models.langevin.noise import Held
from hardware_models.langevin.reading import read_moments
from pbits import testing
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


def errors_of(model, circuit, beta=1.0, chip_seed=0):
    return pbits.run(model, circuit, pbits.Schedule(beta=beta, chains=8), seed=5, chip_seed=chip_seed).errors


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
    np.testing.assert_allclose(slow.parts.transconductance_s, scaled.parts.transconductance_s, rtol=1e-12)


# Draws


def test_reals_do_not_depend_on_how_many_chains_run_or_which_draws_are_kept():
    every = states_of(SIGNED, Circuit(), n_samples=12, n_warmup=0, chains=70)
    few = states_of(SIGNED, Circuit(), n_samples=12, n_warmup=0, chains=3)
    third = states_of(SIGNED, Circuit(), n_samples=3, n_warmup=3, steps_per_sample=3, chains=70)
    np.testing.assert_allclose(few, every[:3], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(third, every[:, 5::3], rtol=1e-10, atol=1e-12)


# Components


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(0, 100), st.integers(4, 16), st.sampled_from(["active", "passive"]))
def test_components_are_rounded_to_the_nearest_and_stay_symmetric(n, seed, bits, coupling):
    rng = np.random.default_rng(seed)
    links = np.triu(rng.random((n, n)), 1)
    laplacian = np.diag((links + links.T).sum(axis=1)) - links - links.T
    model = pbits.GaussianModel(laplacian + np.diag(rng.random(n) + 1))
    program = Circuit(coupling=coupling, component_bits=bits, **RC).compile(model, pbits.Schedule())
    wanted, held = (
        parts.transconductance_s if coupling == "active" else parts.conductance_s
        for parts in (program.plan.parts, program.parts)
    )
    top = 2 ** (bits - 1) - 1 if coupling == "active" else 2**bits - 1
    step = np.abs(wanted).max() / top
    assert step == pytest.approx(1e-3 / top)  # the largest component is 1/R
    assert program.plan.component_step * program.plan.scale == pytest.approx(step)
    assert (held == held.T).all()
    assert np.abs(held - wanted).max() <= step / 2 * (1 + 1e-9)
    levels = held / step
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-6)
    assert np.abs(np.round(levels)).max() == top


def test_the_resistors_of_a_passive_circuit_by_hand():
    program = Circuit(coupling="passive", **RC).compile(MODEL, pbits.Schedule())
    resistors = np.array([[1.5, 0.5, 0.0], [0.5, 0.3, 0.7], [0.0, 0.7, 0.3]])
    np.testing.assert_allclose(program.parts.conductance_s, resistors / 1.5e3, atol=1e-15)
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
        ({"coupling": "magnetic"}, "must be one of auto, passive, differential, active"),
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
    seconds = {"cell_second": 3 * 300e-6, "noise_second": 3 * 300e-6, "amplifier_second": 7 * 300e-6}  # 7 entries of A
    assert run.counts == pytest.approx({"dac": 12, "adc": 120, "read": 120, **seconds})
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
    # 6 resistors, which pairs of cells share, and 3 drives
    assert run.phases["programming"] == pytest.approx(90e-9)
    assert run.phases["read-out"] == pytest.approx(2e-6)
    assert circuit.limits(pbits.GaussianModel(np.eye(9)))
    with pytest.raises(CatalogueError, match="unknown key 'adc_bit'"):
        from_spec(spec(adc_bit=given_value(3)))


def test_the_numbers_of_the_catalogue_fit_together():
    board = pbits.load("normal-spu-illustrative").spec
    ohm, farad, henry = (
        board.number(key, unit) for key, unit in (("resistance", "ohm"), ("capacitance", "F"), ("inductance", "H"))
    )
    assert ohm * np.sqrt(farad / henry) == pytest.approx(3.9, abs=0.05)
    assert 1 / (2 * np.pi * np.sqrt(henry * farad)) == pytest.approx(4.1e6, abs=5e4)
    price = board.prices.operations["cell_second"].value
    assert price == pytest.approx(board.number("noise_voltage_rms", "V") ** 2 / ohm)
    link = pbits.load("normal-tngd").spec
    assert link.number("word_time", "s") == pytest.approx(link.integer("component_bits") / 50e9)
    assert link.number("read_word_time", "s") == pytest.approx(link.integer("adc_bits") / 50e9)


def test_the_board_holds_eight_cells_and_adds_means_by_a_computer():
    board = pbits.load("normal-spu-illustrative")
    run = pbits.run(MODEL, board, pbits.Schedule(n_samples=500, chains=4), seed=1)
    assert run.record["notes"]["mapping"] == "capacitance"
    assert "the mean A⁻¹b" in run.record["notes"]["digital_work"]
    assert run.errors.total < run.errors.allowed
    (reason,) = board.limits(pbits.GaussianModel(np.eye(9)))
    assert "9 sites and the circuit 8 cells" in reason


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 1000))
def test_any_positive_definite_matrix_fits_an_active_circuit(n, seed):
    root = np.random.default_rng(seed).normal(size=(n, n))
    model = pbits.GaussianModel(root @ root.T + 0.1 * np.eye(n))
    program = Circuit().compile(model, pbits.Schedule())
    assert program.realised(1.0).fingerprint() == model.fingerprint()


# Other cells, couplings and mappings

VOLTS = {**RC, "noise_voltage_rms_v": 0.1}
VARIANTS = {
    "pairs": {"coupling": "differential"},
    "capacitors": {"mapping": "capacitance", "mean": "digital"},
    "pairs of capacitors": {"mapping": "capacitance", "coupling": "differential", "mean": "digital"},
    "inductors": {"cell": "rlc", "quality": 2.0, "mean": "digital"},
    "inductors and resistors": {"cell": "rlc", "quality": 2.0, "mapping": "conductance", "mean": "digital"},
    "scale": {"coupling": "passive", "transform": "scaling"},
    "product": {"coupling": "passive", "transform": "congruence"},
    "chip": {"coupling": "differential", "component_tolerance_d2d": 0.05},
    "chip of capacitors": {"cell": "rlc", "quality": 2.0, "mean": "digital", "component_tolerance_d2d": 0.05},
    "converter": {"adc_bits": 4, "adc_range": 2.5},
    "mismatch": {"effects": [NoiseMismatch(sigma=0.2)], **VOLTS},
    "slow noise": {"effects": [NoiseBandwidth(correlation_s=4e-7)], **VOLTS},
    "held noise": {"spectrum": Held(step_s=5e-7), **VOLTS},
    "slow amplifiers": {"effects": [GainBandwidth(pole_hz=2e6)], **VOLTS},
    "warm resistors": {"coupling": "passive", "temperature_k": 1e9, **VOLTS},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_samples_the_law_it_declares(variant):
    circuit = Circuit(**VARIANTS[variant])
    for check in (testing.check_law, testing.check_reproducible, testing.check_ledger):
        check(circuit)


@pytest.mark.parametrize("name", ["chip", "chip of capacitors"])
def test_tolerance_is_that_of_what_holds_the_matrix(name):
    run = pbits.run(MODEL, Circuit(**VARIANTS[name]), pbits.Schedule(chains=8), seed=1, chip_seed=2)
    assert 0.01 < np.abs(run.realised.A - A).max() < 0.5
    assert run.errors.mapping > 0.005
    assert run.errors.clock == pytest.approx(0, abs=1e-9)
    assert run.errors.sampling < run.errors.allowed


def test_pairs_of_cells_sample_couplings_of_either_sign():
    model = pbits.GaussianModel([[1.0, 0.6, -0.2], [0.6, 1.2, 0.3], [-0.2, 0.3, 0.9]], B)
    circuit = Circuit(coupling="differential", **RC)
    x = states_of(model, circuit, n_samples=1, n_warmup=15, chains=20_000, beta=2.0)[:, 0]
    law = circuit.compile(model, pbits.Schedule(beta=2.0)).law(2.0)
    assert law.kind == "boltzmann"
    assert_moments(x, model.mean, np.linalg.inv(model.A) / 2)


def test_pairs_of_cells_move_as_single_ones_do():
    step = {"n_samples": 1, "n_warmup": 0, "chains": 20_000, "step_tau": 0.3}
    x = states_of(MODEL, Circuit(coupling="differential"), **step)[:, 0]
    phi, chol = ou_transition(A, 1.0, 0.3)
    assert_moments(x, MODEL.mean - phi @ MODEL.mean, chol @ chol.T)


@pytest.mark.parametrize("name", ["capacitors", "inductors", "inductors and resistors", "pairs of capacitors"])
def test_other_ways_lead_to_the_same_law_and_have_no_time_of_the_model(name):
    circuit = Circuit(**VARIANTS[name], **RC)
    program = circuit.compile(MODEL, pbits.Schedule())
    assert program.law(0.7).kind == "boltzmann"
    run = pbits.run(MODEL, circuit, pbits.Schedule(n_samples=2), seed=1)
    assert run.record["notes"]["step_tau"] is None
    assert run.record["notes"]["step_s"] == pytest.approx(program.relaxation_s[0])
    with pytest.raises(pbits.NotMappable, match="takes another way to the same law; give step_s"):
        pbits.run(MODEL, circuit, pbits.Schedule(n_samples=2, step_tau=1.0), seed=1)


def test_a_step_can_be_told_in_the_time_of_the_model():
    schedule = {"n_samples": 5, "n_warmup": 0}
    told = pbits.run(SIGNED, Circuit(**RC), pbits.Schedule(step_tau=0.25, **schedule), seed=1)
    tau_s = 1e-6 * np.abs(SIGNED.A).max()
    timed = pbits.run(SIGNED, Circuit(**RC), pbits.Schedule(step_s=0.25 * tau_s, **schedule), seed=1)
    np.testing.assert_allclose(told.states, timed.states, rtol=1e-12)
    assert told.record["notes"]["step_tau"] == 0.25
    assert told.record["notes"]["step_s"] == pytest.approx(0.25 * tau_s)
    unstated = pbits.run(SIGNED, Circuit(), pbits.Schedule(step_tau=0.25, **schedule), seed=1)
    np.testing.assert_allclose(unstated.states, told.states, rtol=1e-12)
    assert unstated.record["notes"]["step_s"] is None


@pytest.mark.parametrize("name", ["pairs", "capacitors", "inductors", "scale", "product"])
def test_start_states_are_where_chains_start(name):
    start = np.random.default_rng(2).normal(size=(5, 3))
    circuit = Circuit(**VARIANTS[name], **RC)
    run = pbits.run(
        MODEL, circuit, pbits.Schedule(n_samples=1, n_warmup=0, chains=5, step_s=1e-18), seed=1, initial=start
    )
    np.testing.assert_allclose(run.states[:, 0], start, atol=1e-4)
    cells = run.record["notes"]["cells"]
    assert run.counts["dac"] == circuit.compile(MODEL, pbits.Schedule()).plan.words + 5 * cells


VORTEX = pbits.DiffusionModel([[1.0, 2.0], [-0.5, 1.5]], [1.0, -1.0], [[1.0, 0.4], [0.4, 2.0]])


@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_a_diffusion_settles_to_its_law(beta):
    circuit = Circuit(**RC)
    run = pbits.run(VORTEX, circuit, pbits.Schedule(n_samples=1, n_warmup=15, chains=20_000, beta=beta), seed=4)
    assert_moments(run.states[:, 0], VORTEX.mean, VORTEX.covariance / beta)
    assert run.realised.fingerprint() == VORTEX.fingerprint()
    law = circuit.compile(VORTEX, pbits.Schedule(beta=beta)).law(beta)
    assert (law.kind, law.model.fingerprint()) == ("boltzmann", VORTEX.fingerprint())
    errors = errors_of(VORTEX, circuit, beta)
    assert (errors.mapping, errors.clock) == pytest.approx((0, 0), abs=1e-9)
    assert errors.total < errors.allowed


def test_a_diffusion_circulates_as_its_rates_say():
    chains, lag = 20_000, 0.4
    x = states_of(VORTEX, Circuit(**RC), n_samples=2, n_warmup=60, chains=chains, step_tau=lag)
    phi = pbits.langevin.OrnsteinUhlenbeck(VORTEX.A, VORTEX.D).propagator(lag)
    covariance = VORTEX.covariance
    centred = x - VORTEX.mean
    found, lagged = centred[:, 1].T @ centred[:, 0] / chains, phi @ covariance
    error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + lagged * lagged.T) / chains)
    assert (np.abs(found - lagged) < 5 * error).all()
    assert abs(lagged[0, 1] - lagged[1, 0]) > 10 * error.max()


# Laws that are not Boltzmann's


def test_unequal_noise_has_a_law_of_its_own_with_these_moments():
    circuit = Circuit(effects=[NoiseMismatch(sigma=0.3)], **VOLTS)
    program = circuit.compile(MODEL, pbits.Schedule(beta=0.5), chip_seed=1)
    law = program.law(0.5)
    assert law.kind == "stationary"
    assert program.realised(0.5).fingerprint() == MODEL.fingerprint()
    # AΣ + ΣAᵀ = 2D/β, D being the noise over that which was meant.
    D = program.parts.noise_a2_per_hz / program.plan.parts.noise_a2_per_hz[0, 0]
    mean, covariance = law.moments
    np.testing.assert_allclose(A @ covariance + covariance @ A, 2 * D / 0.5, atol=1e-9)
    np.testing.assert_allclose(mean, MODEL.mean, atol=1e-9)
    schedule = pbits.Schedule(n_samples=1, n_warmup=15, chains=20_000, beta=0.5)
    run = pbits.run(MODEL, circuit, schedule, seed=2, chip_seed=1)
    assert_moments(run.states[:, 0], mean, covariance)
    errors = errors_of(MODEL, circuit, 0.5, chip_seed=1)
    assert (errors.mapping, errors.clock > 0.05) == (0, True)


def test_johnson_noise_does_not_follow_beta():
    passive = {"coupling": "passive", **VOLTS}
    hot = Circuit(effects=[JohnsonNoise(temperature_k=2e9)], **passive).compile(MODEL, pbits.Schedule(beta=4.0))
    cold = Circuit(**passive).compile(MODEL, pbits.Schedule(beta=4.0))
    assert cold.law(1.0).kind == "boltzmann"
    # All resistors are at T, and every capacitor is C: what they add is kT/C on the diagonal, at any β.
    added = 1.380649e-23 * 2e9 / 1e-9 / hot.plan.volts**2
    for beta in (0.5, 4.0):
        law = hot.law(beta)
        assert law.kind == "stationary"
        np.testing.assert_allclose(law.moments[1], np.linalg.inv(A) / beta + added * np.eye(3), rtol=1e-9, atol=1e-12)


def test_an_anneal_beside_johnson_noise_ends_in_the_law_at_its_last_beta():
    circuit = Circuit(coupling="passive", temperature_k=2e9, **VOLTS)
    schedule = pbits.Schedule.anneal(sweeps=40, beta_start=0.2, beta_stop=4.0, levels=2, chains=20_000)
    x = pbits.run(MODEL, circuit, schedule, seed=5).states[:, 0]
    mean, covariance = circuit.compile(MODEL, schedule).law(4.0).moments
    assert_moments(x, mean, covariance)


def test_noise_of_a_clock_is_looked_at_where_it_changes():
    circuit = Circuit(spectrum=Held(step_s=3e-7), **VOLTS)
    run = pbits.run(MODEL, circuit, pbits.Schedule(n_samples=2, chains=1), seed=1)
    periods = run.record["notes"]["step_s"] / 3e-7
    assert periods == pytest.approx(round(periods))
    slowest = circuit.compile(MODEL, pbits.Schedule()).relaxation_s[0]
    assert 0 <= run.record["notes"]["step_s"] - slowest < 3e-7
    assert run.counts["noise_update"] == pytest.approx(run.counts["cell_second"] / 3e-7)
    with pytest.raises(pbits.NotMappable, match="whole periods"):
        pbits.run(MODEL, circuit, pbits.Schedule(n_samples=2, step_s=4e-7), seed=1)


def test_effects_in_seconds_want_a_circuit_of_known_time():
    for effect in (NoiseBandwidth(correlation_s=1e-7), GainBandwidth(pole_hz=1e6)):
        with pytest.raises(pbits.NotMappable, match="give resistance_ohm and capacitance_f"):
            pbits.run(MODEL, Circuit(effects=[effect]), pbits.Schedule(n_samples=1), seed=1)
    with pytest.raises(pbits.NotMappable, match="give noise_voltage_rms_v too"):
        pbits.run(
            MODEL, Circuit(coupling="passive", effects=[JohnsonNoise(temperature_k=300.0)], **RC),
            pbits.Schedule(n_samples=1), seed=1,
        )  # fmt: skip


def test_effects_are_applied_in_order_and_told():
    circuit = Circuit(component_bits=8, effects=[Tolerance(transconductors=0.01), NoiseMismatch(sigma=0.1)], **VOLTS)
    notes = pbits.run(MODEL, circuit, pbits.Schedule(n_samples=1), seed=1).record["notes"]
    assert list(notes["effects"]) == ["rounding", "tolerance", "noise_mismatch"]
    by_name = Circuit(component_bits=8, component_tolerance_d2d=0.01, **VOLTS).compile(MODEL, pbits.Schedule())
    listed = circuit.compile(MODEL, pbits.Schedule())
    np.testing.assert_array_equal(by_name.parts.transconductance_s, listed.parts.transconductance_s)


def test_slow_amplifiers_that_make_a_circuit_unstable_are_refused():
    model = pbits.DiffusionModel([[0.1, 4.0], [-4.0, 0.1]])
    with pytest.raises(pbits.NotMappable, match="unstable"):
        Circuit(effects=[GainBandwidth(pole_hz=1e5)], **VOLTS).compile(model, pbits.Schedule())


# What is read


@pytest.mark.parametrize("name", ["pairs", "inductors", "scale"])
def test_the_law_of_readings_is_that_of_rounded_and_clipped_voltages(name):
    circuit = Circuit(adc_bits=3, adc_range=2.0, **VARIANTS[name])
    program = circuit.compile(MODEL, pbits.Schedule())
    law = program.law(1.0)
    run = pbits.run(MODEL, circuit, pbits.Schedule(n_samples=1, n_warmup=30, chains=20_000), seed=3)
    mean, covariance = law.read
    assert_moments(run.states[:, 0], mean, covariance)
    # The covariance of the voltages themselves is far from that.
    assert np.abs(np.cov(run.states[:, 0].T) - np.linalg.inv(A)).max() > 0.02
    assert errors_of(MODEL, circuit).reading > 0.01
    if name == "inductors":
        adc = run.record["notes"]["adc"]
        zero = np.zeros(3)
        expected = read_moments(zero, np.linalg.inv(A), adc["full_scale"], adc["bits"])
        np.testing.assert_allclose(mean - MODEL.mean, expected[0], atol=1e-9)
        np.testing.assert_allclose(covariance, expected[1], rtol=1e-9)


def test_an_accuracy_that_converters_cannot_give_is_refused_with_the_bits_it_needs():
    coarse = {"accuracy": 0.01, **RC}
    (reason,) = Circuit(adc_bits=3, **coarse).limits(MODEL, pbits.Schedule())
    needed = int(reason.split("adc_bits=")[1])
    assert Circuit(adc_bits=needed, **coarse).limits(MODEL, pbits.Schedule()) == []
    assert Circuit(adc_bits=needed - 1, **coarse).limits(MODEL, pbits.Schedule()) != []
    (reason,) = Circuit(adc_bits=12, adc_range=1.0, **coarse).limits(MODEL, pbits.Schedule())
    assert "take a larger adc_range" in reason
    (reason,) = Circuit(component_bits=4, **coarse).limits(MODEL, pbits.Schedule())
    assert "components of 4 bits keep the covariance off by" in reason
    notes = pbits.run(MODEL, Circuit(**coarse), pbits.Schedule(n_samples=1), seed=1).record["notes"]
    assert notes["advice"]["draws"] > 1e4
    assert notes["advice"]["interval_s"] < notes["relaxation_slowest_s"]
    with pytest.raises(ValueError, match="between 0 and 1"):
        Circuit(accuracy=1.5)


@pytest.mark.parametrize(
    ("options", "causes"),
    [
        ({"component_tolerance_d2d": 0.01}, "Tolerance"),
        ({"component_tolerance_d2d": 0.01, "component_bits": 14, "adc_bits": 12},
         "Rounding and Tolerance and converters of 12 bits"),
        ({"effects": [NoiseMismatch(sigma=0.05)]}, "NoiseMismatch"),
        ({"spectrum": Held(step_s=1e-6), "coupling": "passive"}, "Held noise"),
    ],
)  # fmt: skip
def test_an_accuracy_that_a_chip_cannot_give_is_refused(options, causes):
    # Nearly singular, so that small errors of components move the law a lot.
    model = pbits.GaussianModel(1.1 * np.eye(6) - 0.2 * (1 - np.eye(6)), np.ones(6))
    schedule = pbits.Schedule(beta=2.0)
    program = Circuit(**options, **RC).compile(model, schedule, chip_seed=3)
    law = program.law(2.0)
    held = program.realised(2.0)
    _, found = law.read or law.moments or (held.mean, np.linalg.inv(held.A) / 2)
    posed = np.linalg.inv(model.A) / 2
    off = np.linalg.norm(found - posed) / np.linalg.norm(posed)
    assert off > 0.02
    with pytest.raises(pbits.NotMappable, match=rf"on chip 3 .* off by {off:.2g}, relative, by {causes} together"):
        Circuit(accuracy=0.98 * off, **options, **RC).compile(model, schedule, chip_seed=3)
    run = pbits.run(model, Circuit(accuracy=1.02 * off, **options, **RC), schedule, seed=1, chip_seed=3)
    assert run.record["notes"]["covariance_error"] == pytest.approx(off)


@pytest.mark.parametrize(
    "effect", [ComponentDrift(ramp_per_s=1.0, every_s=1e-5), Saturation(volts=0.5)], ids=["drift", "saturation"]
)
def test_an_accuracy_that_cannot_be_checked_is_said(effect):
    circuit = Circuit(accuracy=0.05, effects=[effect], noise_voltage_rms_v=0.1, **RC)
    record = pbits.run(MODEL, circuit, pbits.Schedule(n_samples=2), seed=1).record
    assert record["notes"]["covariance_error"] is None
    assert "accuracy: the law is not known" in " ".join(record["machine"]["unchecked"])


def test_without_an_accuracy_there_is_no_advice():
    assert "advice" not in pbits.run(MODEL, Circuit(), pbits.Schedule(n_samples=1), seed=1).record["notes"]


def test_times_that_are_not_stated_are_named():
    for options, missing in [
        ({"word_s": 1e-6, "adc_s": 1e-6, **RC}, None),
        ({"adc_s": 1e-6, **RC}, ["word_s"]),
        ({"resistance_ohm": 1e3}, ["capacitance_f", "word_s", "adc_s"]),
    ]:
        run = pbits.run(MODEL, Circuit(**options), pbits.Schedule(n_samples=1), seed=1)
        assert run.record["notes"].get("times_not_stated") == missing
        assert (run.device_time_s is None) == (missing is not None)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"component_bits": 6.5}, ValueError, "component_bits is 6.5; it must be a whole number between 2 and 32"),
        ({"adc_bits": 7.5}, ValueError, "adc_bits is 7.5; it must be a whole number between 1 and 32"),
        ({"adc_bits": 33}, ValueError, "adc_bits is 33"),
        ({"max_cells": 2.5}, ValueError, "max_cells is 2.5; a circuit has a whole number"),
        ({"effects": GainBandwidth(pole_hz=1e6)}, TypeError, "effects is GainBandwidth.*give a list of effects"),
        ({"effects": "x"}, TypeError, "effects is 'x'; give a list of effects"),
        ({"effects": ["x"]}, TypeError, "effects holds 'x', which is no effect"),
        ({"effects": [Tolerance]}, TypeError, "Tolerance'>, which is no effect"),
        ({"resistance_ohm": "1k"}, TypeError, "resistance_ohm is '1k'; give a number in SI units"),
        ({"word_s": "1 us"}, TypeError, "word_s is '1 us'; give a number"),
    ],
)
def test_options_of_the_wrong_kind_are_named(options, error, words):
    with pytest.raises(error, match=words):
        Circuit(**options)


def test_a_catalogue_machine_says_who_can_change_and_a_copy_of_its_file_can(tmp_path):
    model, name = pbits.GaussianModel([[2.0, 0.5], [0.5, 1.0]]), "normal-spu-illustrative"
    reasons = pbits.load(name).limits(model)
    assert "coupling='differential' would hold it" in reasons
    assert reasons[-1].startswith(f"'{name}' is one machine, whose options are fixed")
    assert f"a copy of {name}.toml" in reasons[-1]
    assert "fixed" not in Circuit(cell="rlc", quality=1.0, coupling="passive").limits(model)[-1]
    # The copy cites sources of the catalogue, which lie elsewhere.
    text = (CATALOGUE / f"{name}.toml").read_text("utf-8")
    copy = tmp_path / "mine.toml"
    copy.write_text(text.replace('coupling = "passive"', 'coupling = "differential"'), "utf-8")
    machine = pbits.load(copy)
    assert machine.limits(model) == []
    assert "normal2025spu" in machine.spec.sources


def test_voltages_beyond_the_swing_are_counted():
    model = pbits.GaussianModel([[1.0]])
    circuit = Circuit(swing_v=0.1, **VOLTS)
    assert circuit.capabilities.unchecked == ("number of cells: not stated",)
    with pytest.warns(pbits.HarmWarning, match="lie beyond the swing"):
        run = pbits.run(model, circuit, pbits.Schedule(n_samples=1, n_warmup=15, chains=20_000), seed=7)
    swing = run.record["notes"]["swing"]
    outside = 0.317311  # of a normal law beyond one standard deviation
    assert abs(swing["beyond_fraction"] - outside) < 5 * np.sqrt(outside * (1 - outside) / 20_000)
    assert swing["headroom_sd"] == pytest.approx(1)


def test_handing_numbers_over_takes_the_time_of_a_link():
    schedule = pbits.Schedule(n_samples=10, n_warmup=0, chains=2)
    run = pbits.run(MODEL, Circuit(**RC, word_s=1e-9, adc_s=1e-6, read_word_s=1e-7), schedule, seed=1)
    assert run.phases["transfer"] == pytest.approx(20 * 3e-7)


def test_clocked_and_paired_cells_are_counted():
    run = pbits.run(MODEL, Circuit(coupling="differential", **RC), pbits.Schedule(n_samples=3, chains=2), seed=1)
    assert run.counts["adc"] == 3 * 3 * 2
    assert run.counts["dac"] == 12 + 6
    assert run.counts["cell_second"] == pytest.approx(2 * run.phases["sampling"] * 3 + 2 * run.phases["warm-up"] * 3)
    assert "amplifier_second" not in run.counts
    clocked = Circuit(coupling="differential", spectrum=Held(step_s=1e-7), **VOLTS)
    run = pbits.run(MODEL, clocked, pbits.Schedule(n_samples=3, n_warmup=0, chains=2), seed=1)
    assert run.counts["noise_update"] == pytest.approx(6 * run.phases["sampling"] / 1e-7)


def test_what_is_clipped_is_a_share_of_what_was_converted_also_where_a_run_stops_early():
    schedule = pbits.Schedule.anneal(sweeps=2000, chains=4, stop_at=1e9)
    adc = pbits.run(SIGNED, Circuit(adc_bits=8, adc_range=0.01), schedule, seed=1).record["notes"]["adc"]
    assert 0 < adc["clip_fraction"] <= 1


# In bulk


class _Plain:
    """An observer that must see every state."""

    def __init__(self):
        self.steps, self.states = [], []

    def __call__(self, step, states):
        self.steps.append(step)
        self.states.append(states.copy())
        return False


@pytest.mark.parametrize("name", ["converter", "inductors", "product"])
def test_runs_hand_over_in_bulk_what_each_look_would_show(name):
    circuit = Circuit(**VARIANTS[name])
    schedule = pbits.Schedule(n_samples=400, n_warmup=7, steps_per_sample=3, chains=70)
    run = pbits.run(SIGNED if name == "converter" else MODEL, circuit, schedule, seed=3)
    plain = _Plain()
    circuit.compile(run.model, schedule).execute(schedule, Streams(seed=3), None, plain)
    assert plain.steps == schedule.observed_steps().tolist()
    np.testing.assert_array_equal(np.stack(plain.states, axis=1), run.states)
    np.testing.assert_allclose(run.energies, run.model.energy(run.states), rtol=1e-12)
    assert run.best_energy == run.energies.min()
    np.testing.assert_array_equal(run.trace.steps, plain.steps)


def test_an_anneal_in_bulk_keeps_its_last_state_and_its_best_energy():
    schedule = pbits.Schedule.anneal(sweeps=300, beta_start=0.5, beta_stop=50.0, chains=40)
    run = pbits.run(MODEL, Circuit(), schedule, seed=8)
    plain = _Plain()
    Circuit().compile(MODEL, schedule).execute(schedule, Streams(seed=8), None, plain)
    np.testing.assert_array_equal(run.states[:, 0], plain.states[-1])
    energies = MODEL.energy(np.array(plain.states))
    assert run.best_energy == pytest.approx(energies.min())
    np.testing.assert_allclose(run.trace.energies, energies.T, rtol=1e-9, atol=1e-12)


LARGE = """
import json, pathlib, re, sys
import numpy as np, pbits
from hardware_models.langevin import Circuit

links = np.triu(np.random.default_rng(1).random((1000, 1000)), 1)
A = -(links + links.T)
np.fill_diagonal(A, -A.sum(axis=1) + 20)
model = pbits.GaussianModel(A)
circuit = Circuit(resistance_ohm=1e3, capacitance_f=1e-9, component_bits=12, **json.loads(sys.argv[1]))
pbits.run(model, circuit, pbits.Schedule(n_samples=20, n_warmup=0, chains=1), seed=1, judge=False)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1e6)
"""


# Not ru_maxrss: across exec it keeps the peak of the process that started this one, which is the test run's.
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc/self/status to read the peak from")
def test_a_thousand_cells_take_less_than_a_gigabyte():
    done = subprocess.run(
        [sys.executable, "-c", LARGE, json.dumps({"coupling": "passive"})], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1.0
