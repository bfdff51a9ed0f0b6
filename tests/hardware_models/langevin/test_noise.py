"""Closed forms of noise that is not white, against integrals over its spectrum, enumeration and the exact process.

Statistical tests have fixed seeds and bounds of 5 standard errors: one entry in 1.7 million exceeds that by chance.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from hardware_models.langevin.netlist import Netlist
from hardware_models.langevin.noise import Filtered, Held, Interpolated, White
from hardware_models.langevin.process import transition
from pbits.streams import Streams

OHM, FARAD, DENSITY = 1e3, 1e-9, 1e-18
TAU_S = OHM * FARAD
ratios = st.floats(1e-3, 20.0)


def cell(spectrum):
    net = Netlist()
    net.resistor("a", "0", OHM)
    net.capacitor("a", "0", FARAD)
    net.noise("a", DENSITY, spectrum)
    return net.linear()


def variance(spectrum, phase=0.0):
    """On a cell, over that of white noise."""
    return cell(spectrum).stationary(phase)[1].item() / (DENSITY * OHM / (2 * FARAD))


def of(kind, ratio):
    """A spectrum by its time."""
    return kind(**{"correlation_s" if kind is Filtered else "step_s": ratio})


def test_lines_between_values_lose_what_the_reference_says():
    found = [Interpolated(step_s=share * TAU_S).variance_factor(TAU_S, 0.0) for share in (0.01, 0.05, 0.1, 0.2)]
    np.testing.assert_allclose(found, [0.99502, 0.97541, 0.95164, 0.90645], atol=5e-6)


@pytest.mark.parametrize("a", [0.01, 0.2, 3.0])
def test_a_held_value_gives_tanh_x_over_x(a):
    x = a / 2
    assert Held(step_s=a).variance_factor(1.0, 0.0) == pytest.approx(math.tanh(x) / x, rel=1e-13)


@given(ratios, st.one_of(st.floats(0, 1), st.just("mean")), st.sampled_from([Held, Interpolated]))
@settings(max_examples=60, deadline=None)
def test_the_exact_process_has_the_closed_form_at_every_phase(ratio, phase, kind):
    spectrum = kind(step_s=ratio * TAU_S)
    assert variance(spectrum, phase) == pytest.approx(spectrum.variance_factor(TAU_S, phase), rel=1e-9)


@given(ratios)
@settings(max_examples=30, deadline=None)
def test_filtered_noise_has_the_closed_form(ratio):
    spectrum = Filtered(correlation_s=ratio * TAU_S)
    assert variance(spectrum) == pytest.approx(1 / (1 + ratio), rel=1e-11)
    assert spectrum.variance_factor(TAU_S) == pytest.approx(1 / (1 + ratio), rel=1e-15)


@pytest.mark.parametrize("ratio", [0.05, 0.7, 3.0])
@pytest.mark.parametrize("kind", [Filtered, Held, Interpolated])
def test_the_mean_variance_is_the_integral_over_the_spectrum(kind, ratio):
    spectrum = of(kind, ratio)

    def density(angle):
        # f = tan(angle)/2πRC, in which the cell's own Lorentzian is flat.
        return float(spectrum.relative_density(math.tan(angle) / (2 * math.pi)))

    edge = math.atan(2 * math.pi * 40 / ratio)
    inside = quad(density, 0, edge, limit=2000, epsabs=1e-10)[0]
    assert 2 / math.pi * inside == pytest.approx(spectrum.variance_factor(1.0), abs=2e-4)


def test_excess_kurtosis_of_bits_by_enumeration():
    h = 1.5
    weights = np.exp(-h * np.arange(14))
    bits = np.array(list(itertools.product([-1, 1], repeat=14)))
    voltage = bits @ weights
    found = (voltage**4).mean() / (voltage**2).mean() ** 2 - 3
    assert Held(step_s=h, values="binary").excess_kurtosis(1.0) == pytest.approx(found, rel=1e-8)
    assert Held(step_s=0.01, values="binary").excess_kurtosis(1.0) == pytest.approx(-2 * 0.01, rel=1e-4)
    assert Held(step_s=h).excess_kurtosis(1.0) == 0


def test_bits_on_a_cell_have_that_variance_and_kurtosis():
    chains, spectrum = 40_000, Held(step_s=TAU_S, values="binary")
    linear = cell(spectrum)
    v = transition(linear, 6 * TAU_S).path(np.zeros((chains, 1)), 3, Streams(seed=4))[:, -1, 0]
    size = linear.stationary(0.0)[1].item()
    kurtosis = 3 + spectrum.excess_kurtosis(TAU_S)
    squares = v**2 / size
    assert abs(squares.mean() - 1) < 5 * math.sqrt((kurtosis - 1) / chains)
    assert abs((squares**2).mean() - kurtosis) < 5 * (squares**2).std() / math.sqrt(chains)


def test_white_noise_is_what_others_are_compared_with():
    assert variance(White()) == pytest.approx(White().variance_factor(TAU_S), rel=1e-13)
    assert (White().relative_density([0.0, 1e12]) == 1).all()


@pytest.mark.parametrize("wrong", [0.0, -1e-9, math.nan, math.inf])
def test_times_are_positive(wrong):
    with pytest.raises(ValueError, match=r"step_s is .* must be positive and finite"):
        Held(step_s=wrong)
    with pytest.raises(ValueError, match=r"step_s is"):
        Interpolated(step_s=wrong)
    with pytest.raises(ValueError, match=r"correlation_s is"):
        Filtered(correlation_s=wrong)


def test_other_bad_values():
    with pytest.raises(ValueError, match="must be 'normal' or 'binary'"):
        Held(step_s=1e-6, values="ternary")
    for phase in (-0.1, 1.1, "end"):
        with pytest.raises(ValueError, match="a share of the period from 0 to 1, or 'mean'"):
            Interpolated(step_s=1e-6).variance_factor(TAU_S, phase)
        with pytest.raises(ValueError, match="a share of the period from 0 to 1, or 'mean'"):
            cell(Held(step_s=1e-6)).stationary(phase)
