"""Cells of a potential: their law, rates, time constants and read-out.

Statistical checks have fixed seeds and a false-alarm rate below 1e-5 each.
"""

import numpy as np
import pytest

import pbits
from hardware_models.langevin import Potentials, from_spec
from pbits import testing
from pbits.langevin import wells
from pbits.parameters import read_machine
from pbits.reference.potential import diffusion_rates, kramers_rate

WELL = pbits.QuarticModel([1.0], [1.0])
PAIR = pbits.QuarticModel([1.0, 1.0], [1.0, 0.5], [[0, 0.4], [0.4, 0]], [0.1, 0.0])
GAUSSIAN = pbits.GaussianModel([[2.0, -0.9], [-0.9, 1.6]], [1.0, 0.0])
RC = {"resistance_ohm": 1e3, "capacitance_f": 1e-9}
KINDS = {"overdamped": {}, "with inductors": {"friction": 1.5}}


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", list(KINDS))
def test_cells_conform(name, check):
    check(Potentials(**KINDS[name]))


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("hosted", [False, True])
def test_the_law_is_boltzmanns(name, hosted):
    model = pbits.PotentialModel(2, PAIR.energy, PAIR.gradient) if hosted else PAIR
    chains = 40_000
    schedule = pbits.Schedule(n_samples=1, n_warmup=30, chains=chains, beta=2.0)
    run = pbits.run(model, Potentials(**KINDS[name], accuracy=0.01), schedule, seed=3)
    law, x = pbits.exact(PAIR, 2.0), run.states[:, 0]
    told = run.record["notes"]["integrator_error_of_mean_energy"]
    assert told <= 0.01
    spread = np.sqrt(np.diag(law.covariance))
    assert (np.abs(x.mean(axis=0) - law.mean) < 5 * spread / np.sqrt(chains)).all()
    # ½kT of two sites is ½.
    allowed = 0.5 * told + 5 * run.energies.std() / np.sqrt(chains)
    assert abs(run.energies.mean() - law.mean_energy) < allowed
    # The same check sees 10 % in β.
    assert abs(run.energies.mean() - pbits.exact(PAIR, 1.1 * 2.0).mean_energy) > allowed


def test_the_rate_of_escape_is_the_eigenvalue_and_kramers_is_not_far():
    beta, chains = 8.0, 20_000
    schedule = pbits.Schedule(n_samples=2, n_warmup=0, steps_per_sample=4, step_tau=1.0, beta=beta, chains=chains)
    run = pbits.run(WELL, Potentials(accuracy=0.005), schedule, seed=2, initial=[1.0])
    early, late = run.states[:, :, 0].mean(axis=0)
    truth = diffusion_rates(lambda x: WELL.energy(x[:, None]), beta, -2.5, 2.5)[1]
    error = run.states[:, 1, 0].std() / np.sqrt(chains) / late / 4 * 1.5
    assert abs(np.log(early / late) / 4 - truth) < 5 * error
    assert error < 0.1 * truth
    assert 2 * kramers_rate(0.25, 2.0, 1.0, beta) == pytest.approx(truth, rel=0.1)


def test_device_time_is_that_of_rc():
    schedule = pbits.Schedule(n_samples=4, n_warmup=3, steps_per_sample=2, chains=5, step_tau=0.5)
    machine = Potentials(**RC, volts_per_unit=0.1, word_s=1e-8, adc_s=1e-7)
    run = pbits.run(PAIR, machine, schedule, seed=1)
    sampling = 5 * 11 * 0.5e-6
    assert run.phases["sampling"] + run.phases["warm-up"] == pytest.approx(sampling)
    # a and b of two cells, one coupling and one tilt.
    assert run.counts["dac"] == 6
    assert run.counts["cell_second"] == pytest.approx(2 * sampling)
    # The cells hold their voltages while they are converted.
    assert run.device_time_s == pytest.approx(sampling + 6e-8 + 20e-7)
    notes = run.record["notes"]
    # σ² = 2C²v²/βτ, and v²/R in the resistor.
    assert notes["noise_current_a2_per_hz_two_sided"] == pytest.approx(2 * 1e-18 * 0.01 / 1e-6)
    assert notes["noise_power_per_cell_w"] == pytest.approx(0.01 / 1e3)
    in_seconds = pbits.run(PAIR, machine, pbits.Schedule(n_samples=4, n_warmup=3, chains=5, step_s=5e-7), seed=1)
    assert in_seconds.record["notes"]["step_tau"] == pytest.approx(0.5)
    assert "times_not_stated" not in notes
    unstated = pbits.run(PAIR, Potentials(resistance_ohm=1e3, adc_s=1e-7), schedule, seed=1)
    assert unstated.device_time_s is None
    assert unstated.record["notes"]["times_not_stated"] == ["capacitance_f", "word_s"]


def test_a_step_is_a_relaxation_time():
    def step(model, **kind):
        run = pbits.run(model, Potentials(**kind), pbits.Schedule(n_samples=1, n_warmup=0, beta=3.0), seed=1)
        return run.record["notes"]["step_tau"]

    slowest = np.linalg.eigvalsh(GAUSSIAN.A)[0]
    assert step(GAUSSIAN) == pytest.approx(1 / slowest)
    assert step(WELL) == pytest.approx(1 / wells(WELL, 3.0).curvature[0])
    assert step(GAUSSIAN, friction=0.5) == pytest.approx(4)
    assert step(GAUSSIAN, friction=5.0) == pytest.approx(1 / (2.5 - np.sqrt(6.25 - slowest)))


def test_a_converter_adds_its_rounding():
    run = pbits.run(GAUSSIAN, Potentials(adc_bits=4), pbits.Schedule(n_samples=4000, chains=50), seed=1)
    notes, errors = run.record["notes"]["adc"], run.errors
    assert errors.reading > 0.01
    assert errors.clock == errors.mapping == 0
    assert errors.sampling < 5 * errors.floor
    codes = run.states / notes["step"] - 0.5
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-9)
    assert notes["clip_fraction"] < 1e-3
    assert Potentials(adc_bits=4).compile(WELL, pbits.Schedule()).law(1.0).read is None


def test_what_lies_beyond_the_swing_is_told():
    run = pbits.run(WELL, Potentials(swing=1.0), pbits.Schedule(n_samples=500, chains=50), seed=1)
    assert run.record["notes"]["beyond_swing_share"] == pytest.approx((np.abs(run.states) > 1).mean())


def test_states_do_not_depend_on_which_are_kept():
    whole = pbits.run(PAIR, Potentials(friction=1.0), pbits.Schedule(n_samples=12, n_warmup=0, chains=6), seed=1)
    third = pbits.Schedule(n_samples=3, n_warmup=3, steps_per_sample=3, chains=2)
    some = pbits.run(PAIR, Potentials(friction=1.0), third, seed=1)
    np.testing.assert_allclose(some.states, whole.states[:2, 5::3], rtol=1e-10)


def test_an_anneal_settles_in_a_well():
    schedule = pbits.Schedule.anneal(sweeps=40, beta_start=1.0, beta_stop=100.0, chains=50)
    run = pbits.run(PAIR, Potentials(), schedule, seed=1)
    assert np.abs(PAIR.gradient(run.states[:, 0])).max() < 1.0
    assert run.best_energy < PAIR.energy(wells(PAIR, 1.0).minimum) + 0.05


def test_what_cannot_run_is_refused():
    def why(model=PAIR, schedule=None, **machine):
        return "; ".join(Potentials(**machine).limits(model, schedule))

    assert "DiffusionModel" in why(pbits.DiffusionModel(np.eye(2)))
    assert "2 sites and the circuit 1" in why(max_cells=1)
    assert "β above 0" in why(schedule=pbits.Schedule(beta=0.0))
    assert "give step_tau" in why(schedule=pbits.Schedule(step_s=1e-6))
    flat = pbits.PotentialModel(1, lambda x: np.tanh(x**2).sum(-1) / 10, lambda x: x / 5 / np.cosh(x**2) ** 2)
    assert "does not rise" in why(flat)
    for wrong in ("friction", "accuracy", "swing", "adc_range", "resistance_ohm", "word_s"):
        with pytest.raises(ValueError, match=f"{wrong} is -1"):
            Potentials(**{wrong: -1.0})
    for wrong in ({"adc_bits": 0}, {"adc_bits": 7.5}, {"max_cells": 0}, {"max_cells": 2.5}):
        with pytest.raises(ValueError, match="is {}; it must be a whole".format(*wrong.values())):
            Potentials(**wrong)


def test_a_file_chooses_the_potentials(tmp_path):
    (tmp_path / "mine.toml").write_text(
        """
schema = 1
name = "mine"
title = "Cells"
physics = "langevin"
date = "2026-11-22"
description = "Of this test."
illustrative = true
[parameters]
circuit = "potentials"
resistance = { value = "1 kohm", evidence = "assumed", note = "Of this test." }
capacitance = { value = "1 nF", evidence = "assumed", note = "Of this test." }
friction = { value = 2, evidence = "assumed", note = "Of this test." }
""",
        encoding="utf-8",
    )
    machine = from_spec(read_machine(tmp_path / "mine.toml"))
    notes = pbits.run(PAIR, machine, pbits.Schedule(n_samples=1, step_tau=0.5), seed=1).record["notes"]
    assert (notes["integrator"], notes["step_s"]) == ("baoab", pytest.approx(5e-7))
