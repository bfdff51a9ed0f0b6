"""The circuit that reads a junction: Kirchhoff, Jullière, and a sigmoid in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_models.pbit.macrospin import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C
from hardware_models.pbit.readout import CONSTANTS, ThreeTransistor
from hardware_models.pbit.telegraph import Telegraph
from hardware_models.pbit.trace import Trace
from pbits.parameters import Evidence


def test_the_two_resistances_differ_by_the_magnetoresistance():
    readout = ThreeTransistor(polarisation=0.6)
    parallel, antiparallel = 1 / readout.conductance_s([1, -1])
    assert antiparallel / parallel - 1 == pytest.approx(readout.tmr)
    assert readout.tmr == pytest.approx(2 * 0.36 / 0.64)
    assert readout.conductance_s(0.0) == pytest.approx(np.pi / 4 * 1e-16 / 1e-12)


def test_the_transistor_is_a_square_law_above_and_an_exponential_below_its_threshold():
    readout = ThreeTransistor()
    phi = BOLTZMANN_J_PER_K * 300 / ELEMENTARY_CHARGE_C
    strong = readout.current_a([1.2, 2.2], 5.0)
    assert strong[1] / strong[0] == pytest.approx(4, rel=1e-6)
    weak = readout.current_a([-0.3, -0.3 + 1.1 * phi], 0.5)
    assert weak[1] / weak[0] == pytest.approx(np.e, rel=1e-3)
    assert readout.current_a(0.8, 0.0) == 0
    gates = readout.current_a(np.linspace(0, 0.8, 50), 0.4)
    drains = readout.current_a(0.4, np.linspace(0, 0.8, 50))
    assert (np.diff(gates) > 0).all()
    assert (np.diff(drains) > 0).all()


@given(st.floats(-1, 1), st.floats(0, 0.8), st.floats(0.1, 0.95))
def test_junction_and_transistor_carry_one_current(m, input_v, polarisation):
    readout = ThreeTransistor(polarisation=polarisation)
    drain = readout.drain_v(m, input_v)
    through = readout.conductance_s(m) * (0.8 - drain)
    assert through == pytest.approx(readout.current_a(input_v, drain), rel=1e-9, abs=1e-15)
    assert readout.power_w(m, input_v) == pytest.approx(0.8 * through)


@given(st.floats(-0.99, 0.99), st.floats(0.3, 0.5), st.floats(0.2, 0.6))
def test_the_closed_form_of_the_bit_is_the_comparator_on_the_drain(m, input_v, switching_v):
    readout = ThreeTransistor(switching_v=switching_v)
    drain = float(readout.drain_v(m, input_v))
    if abs(drain - switching_v) > 1e-9:
        assert readout.output(m, input_v) == (1 if drain < switching_v else -1)


def test_the_sigmoid_of_an_isotropic_magnet_is_a_straight_line_of_the_current():
    """m is uniform, so ⟨output⟩ = critical(V_in), whose slope is 1/V₀ at the middle."""
    readout = ThreeTransistor()
    m = np.linspace(-1, 1, 20_001)
    inputs = np.linspace(0.37, 0.43, 7)
    np.testing.assert_allclose(readout.sigmoid(m, inputs), readout.critical(inputs), atol=2e-4)
    assert readout.sigmoid(m, [0.0, 0.8]).tolist() == [-1, 1]
    step = 1e-5
    slope = (readout.critical(0.4 + step) - readout.critical(0.4 - step)) / (2 * step)
    scale, middle = readout.input_scale_v(m)
    assert scale * slope == pytest.approx(1, rel=0.2)
    assert 0.01 < scale < 0.1
    assert middle == pytest.approx(0.4, abs=0.01)


def test_a_weaker_magnetoresistance_makes_a_steeper_sigmoid():
    m = np.linspace(-1, 1, 2001)
    scales = [ThreeTransistor(polarisation=p).input_scale_v(m)[0] for p in (0.3, 0.6, 0.9)]
    assert scales == sorted(scales)


def test_a_trace_is_read_sample_by_sample():
    readout = ThreeTransistor()
    trace = Telegraph(tau0_s=1e-9, barrier=1.0).trace(50, 1e-9, seed=1)
    read = readout.read(trace, 0.4)
    np.testing.assert_array_equal(read.values, -np.asarray(trace.values))
    ramp = np.linspace(0.3, 0.5, 50)
    moved = readout.read(Trace(dt_s=1e-9, values=np.zeros(50)), ramp)
    np.testing.assert_array_equal(moved.values[0], np.where(ramp > 0.4, 1, -1))
    assert len(moved.pieces()) == 50


def test_constants_are_graded_and_explained():
    for parameter in CONSTANTS.values():
        assert parameter.evidence is Evidence.ASSUMED
        assert parameter.note


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"polarisation": 1.0}, "between 0 and 1"),
        ({"area_m2": 0.0}, "area_m2 is 0.0"),
        ({"slope_factor": 0.9}, "at least 1"),
        ({"threshold_v": np.nan}, "threshold_v"),
        ({"switching_v": 0.9}, "between 0 and supply_v"),
        ({"specific_current_a": -1.0}, "specific_current_a"),
    ],
)
def test_circuits_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ThreeTransistor(**fields)


def test_magnets_without_a_sigmoid_are_refused():
    with pytest.raises(ValueError, match="no sigmoid"):
        ThreeTransistor().input_scale_v([0.0, 0.0])
