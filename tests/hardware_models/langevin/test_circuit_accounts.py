"""What a circuit leaves to others, wears out, or cannot reach: counted, timed and told."""

from __future__ import annotations

import numpy as np
import pytest

import pbits
from hardware_models.langevin import Circuit, compile_model
from hardware_models.langevin.effects import ComponentDrift, Offset, Tolerance
from hardware_models.langevin.noise import Held
from pbits.parameters import Evidence, Included, Parameter, PriceTable
from pbits.streams import Streams

MODEL = pbits.GaussianModel([[2.0, -0.5], [-0.5, 1.0]], [1.0, 0.5])
STATED = {"resistance_ohm": 1e3, "capacitance_f": 1e-9, "noise_voltage_rms_v": 0.1}
CHEAP = Parameter(value=1e-12, unit="J", low=1e-12, high=1e-12, evidence=Evidence.ASSUMED, note="a test")
PRICES = PriceTable(
    boundary="core",
    operations={
        **dict.fromkeys(("dac", "adc", "cell_second", "noise_second", "amplifier_second"), CHEAP),
        "read": Included(in_="adc"),
    },
    power={"active": Included(in_="cell_second")},
)
SCHEDULE = pbits.Schedule(n_samples=50, n_warmup=5, chains=2)


@pytest.mark.parametrize(
    ("asked", "products"),
    [
        ({}, 0),
        # The mean: a solve by Cholesky, n³/6 + n².
        ({"mean": "digital"}, 8 / 6 + 4),
        # The scale by a solve, the mean is driven, and n products for each of 100 read-outs.
        ({"coupling": "passive", "transform": "scaling"}, 0),
        ({"mapping": "capacitance", "coupling": "passive", "mean": "digital"}, 8 / 6 + 4),
    ],
)
def test_what_is_left_to_a_computer_is_counted_and_has_no_price(asked, products):
    circuit = Circuit(**STATED, word_s=1e-8, adc_s=1e-7, prices=PRICES, **asked)
    run = pbits.run(MODEL, circuit, SCHEDULE, seed=1)
    assert run.counts.get("host_product", 0) == round(products)
    ledger = pbits.price(run, boundary="core")
    assert (ledger.joules is None) == bool(products)
    assert ledger.lower_bound > 0


def test_products_of_transforms_by_hand():
    wide = pbits.GaussianModel([[1.0, 0.9, 0.9], [0.9, 1.0, 0.9], [0.9, 0.9, 1.0]])
    mixed = compile_model(wide, coupling="passive", transform="congruence", resistance_ohm=1e3, capacitance_f=1e-9)
    assert mixed.transform == "congruence"
    assert mixed.host_products(10) == round(27 / 6 + 10 * 6)
    scaled = compile_model(
        pbits.GaussianModel([[1.0, -1.5], [-1.5, 4.0]]), coupling="passive", transform="scaling", **STATED
    )
    assert scaled.transform == "scaling"
    assert scaled.host_products(10) == round(8 / 3 + 10 * 2)


@pytest.mark.parametrize("every_s", [1e-7, 5e-7, 1e-6, 1.4e-6, 1.6e-6, 1e-5])
def test_conductances_drift_as_fast_as_told_whatever_they_are_held_for(every_s):
    """One cell, a ramp of 1000 a second: after a millisecond twice the conductance, and half the variance."""
    cell = pbits.GaussianModel([[1.0]])
    circuit = Circuit(**STATED, effects=[ComponentDrift(sigma=0.0, correlation_s=1.0, ramp_per_s=1e3, every_s=every_s)])
    schedule = pbits.Schedule(n_samples=1, n_warmup=999, chains=1, step_s=1e-6)
    program = circuit.compile(cell, schedule)
    last = [held for _, _, held in program._stretches(schedule, 1.0, Streams(seed=1))][-1]
    assert last.rates[0] == pytest.approx(2.0, rel=0.02)


def test_a_computed_mean_is_held_whole_by_a_diffusion():
    swirl = pbits.DiffusionModel([[1.0, 0.5], [-0.8, 1.2]], [1.0, 2.0])
    run = pbits.run(swirl, Circuit(mean="digital", component_bits=10), pbits.Schedule(n_samples=4000), seed=1)
    assert run.errors.mapping < 0.01
    assert run.errors.clock == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(run.realised.mean, swirl.mean, rtol=1e-12)


def test_coils_take_the_current_of_an_offset():
    circuit = Circuit(**STATED, cell="rlc", mapping="conductance", quality=2.0, effects=[Offset(sigma_a=1e-5)])
    centred = pbits.GaussianModel(MODEL.A)
    program = circuit.compile(centred, SCHEDULE, chip_seed=3)
    np.testing.assert_allclose(program.realised(1.0).mean, 0.0, atol=1e-12)
    law = program.law(1.0)
    if law.moments is not None:
        np.testing.assert_allclose(law.moments[0], 0.0, atol=1e-9)


def test_a_mean_beyond_the_supply_is_refused_and_clipped_cells_are_told():
    with pytest.raises(pbits.NotMappable, match="standard deviations beyond ±0.05 V"):
        pbits.run(MODEL, Circuit(**STATED, swing_v=0.05), SCHEDULE, seed=1)
    with pytest.warns(pbits.HarmWarning, match="of the voltages lie beyond the swing"):
        pbits.run(MODEL, Circuit(**STATED, swing_v=0.2), SCHEDULE, seed=1)


@pytest.mark.parametrize(
    "asked",
    [
        {"coupling": "passive", "transform": "scaling", "mean": "digital"},
        {"coupling": "passive", "transform": "congruence"},
        {"coupling": "differential"},
    ],
)
def test_start_states_are_those_of_the_model_whatever_is_computed_from_what_is_read(asked):
    """A step of a millionth of a relaxation time moves them by a thousandth of a deviation."""
    model = pbits.GaussianModel([[1.0, -1.5], [-1.5, 4.0]], [1.0, 0.5])
    if asked["coupling"] == "differential":
        model = pbits.GaussianModel([[2.0, 0.5], [0.5, 1.0]], [1.0, 0.5])
    start = np.array([[3.0, -2.0], [-1.0, 5.0]])
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, chains=2, step_s=1e-12)
    run = pbits.run(model, Circuit(**STATED, **asked), schedule, seed=1, initial=start)
    np.testing.assert_allclose(run.states[:, 0], start, atol=0.02)


def test_the_default_step_beside_clocked_noise_is_no_shorter_than_the_slowest_relaxation():
    cell = pbits.GaussianModel([[1.0]])
    circuit = Circuit(**STATED, spectrum=Held(step_s=0.7e-6))
    run = pbits.run(cell, circuit, pbits.Schedule(n_samples=4), seed=1)
    assert run.record["notes"]["step_s"] == pytest.approx(1.4e-6)


def test_two_tolerances_would_draw_the_same_numbers_and_are_refused():
    with pytest.raises(ValueError, match="Tolerance is given more than once"):
        Circuit(component_tolerance_d2d=0.1, effects=[Tolerance(transconductors=0.1)])


def test_a_temperature_without_resistors_is_refused():
    with pytest.raises(pbits.NotMappable, match="temperature_k is that of resistors"):
        pbits.run(MODEL, Circuit(**STATED, temperature_k=300.0), SCHEDULE, seed=1)
