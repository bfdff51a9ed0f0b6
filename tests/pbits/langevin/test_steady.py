"""Currents and entropy of steady states: against the heat between two resistors, and paths against their reverses.

Statistical tests have fixed seeds and bounds of 5 standard errors (one false alarm in 1.7 million a number).
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbits.langevin import OrnsteinUhlenbeck, steady_state
from pbits.streams import Streams

TURNING = OrnsteinUhlenbeck([[1.0, 2.0, 0.1], [-1.5, 1.0, 0.0], [0.2, 0.0, 0.7]], np.diag([1.0, 2.0, 0.5]))
EVEN = np.ones(3)
CELLS = np.array([1.0, 1.0, -1.0, -1.0])


def capacitors(first, second, between):
    return np.array([[first + between, -between], [-between, second + between]])


def cells(capacitance, resistance, temperature):
    """C dv = −v/R dt + √(2T/R) dW, with kT given as T."""
    inverse = np.linalg.inv(capacitance)
    return OrnsteinUhlenbeck(
        inverse @ np.diag(1 / np.asarray(resistance)),
        inverse @ np.diag(np.asarray(temperature) / resistance) @ inverse,
    )


def resonators(temperature, inductor_temperature=None, inductor_ohm=(0.1, 0.2)):
    """Two cells of C, R and L: C dv = −(v/R + i) dt, L di = (v − R_L i) dt, each resistor with its noise."""
    inverse = np.linalg.inv(capacitors(1.0, 0.7, 0.5))
    coil, conductance, series = np.diag([1.0, 0.5]), np.diag([1.0, 1.4]), np.diag(inductor_ohm)
    hot = np.diag(temperature if inductor_temperature is None else inductor_temperature)
    A = np.block([[inverse @ conductance, inverse], [-coil, coil @ series]])
    zero = np.zeros((2, 2))
    D = [[inverse @ conductance @ np.diag(temperature) @ inverse, zero], [zero, coil @ series @ hot @ coil]]
    return OrnsteinUhlenbeck(A, np.block(D))


STATES = {
    "turning": (TURNING, EVEN),
    "heated cells": (cells(capacitors(1.0, 2.0, 0.7), [1.0, 0.5], [1.0, 3.0]), np.ones(2)),
    "heated resonators": (resonators([1.0, 3.0]), CELLS),
    "lossless inductors": (resonators([1.0, 3.0], inductor_ohm=(0.0, 0.0)), CELLS),
    "warm coils": (resonators([1.0, 1.0], [2.0, 2.0]), CELLS),
}

positive = st.floats(-2, 2).map(math.exp)


@given(*[positive] * 7)
def test_heat_flows_between_two_resistors_through_a_capacitor(c1, c2, c, r1, r2, t1, t2):
    # From 1 to 2 flow k(T₁ − T₂)C²/[(C₁C₂ + C(C₁ + C₂))((C₁ + C)R₁ + (C₂ + C)R₂)] watts.
    process = cells(capacitors(c1, c2, c), [r1, r2], [t1, t2])
    inverse, sigma = np.linalg.inv(capacitors(c1, c2, c)), process.covariance
    heat = (t1 - t2) * c**2 / ((c1 * c2 + c * (c1 + c2)) * ((c1 + c) * r1 + (c2 + c) * r2))
    # Dissipated in resistor 2, less what its noise gives: ⟨v₂²⟩/R₂ − T₂(C⁻¹)₂₂/R₂.
    assert sigma[1, 1] / r2 - t2 * inverse[1, 1] / r2 == pytest.approx(heat, rel=1e-7, abs=1e-9)
    assert steady_state(process).entropy_rate == pytest.approx(heat * (1 / t2 - 1 / t1), rel=1e-7, abs=1e-12)


def average_over_steps(process, parity, step):
    """⟨ln p(x → x')/p(εx' → εx)⟩ a unit of time, of exact steps: what is lost between them makes it smaller."""
    mirror, sigma = np.diag(parity), process.covariance
    phi, noise = process.step(step)
    back = mirror - phi @ mirror @ phi
    spread = back @ sigma @ back.T + phi @ mirror @ noise @ mirror @ phi.T
    return (np.trace(np.linalg.solve(noise, spread)) - process.n) / (2 * step)


@pytest.mark.parametrize("name", STATES)
def test_the_rate_is_that_of_paths_against_their_reverses(name):
    process, parity = STATES[name]
    rate = steady_state(process, parity).entropy_rate
    assert rate > 0.01
    coarse, fine = (average_over_steps(process, parity, step) for step in (0.008, 0.004))
    assert 2 * fine - coarse == pytest.approx(rate, rel=2e-4)
    assert coarse < fine < rate
    chains, steps, step = 400, 500, 0.05
    start = np.linalg.cholesky(process.covariance) @ np.random.default_rng(2).normal(size=(process.n, chains))
    path = process.sample(start.T, np.full(steps, step), Streams(seed=3))
    lengths = np.full(steps - 1, step)
    forward = process.log_likelihood(path, lengths)
    backward = process.log_likelihood(path[:, ::-1] * parity, lengths)
    produced = (forward - backward) / ((steps - 1) * step)
    error = produced.std() / np.sqrt(chains)
    assert abs(produced.mean() - average_over_steps(process, parity, step)) < 5 * error
    assert produced.mean() > 5 * error


@pytest.mark.parametrize("name", STATES)
def test_currents_are_what_paths_do_on_average(name):
    process, parity = STATES[name]
    state, sigma, step = steady_state(process, parity), process.covariance, 1e-6
    later = process.autocovariance([step])[0]
    np.testing.assert_allclose((later.T - later) / (2 * step), state.circulation, atol=1e-5)
    np.testing.assert_allclose(process.A @ sigma, process.diffusion + state.circulation, atol=1e-12)
    np.testing.assert_array_equal(state.circulation, -state.circulation.T)
    # Half the difference of where x goes from a point and where it came from.
    x = np.random.default_rng(0).normal(size=(4, process.n))
    onwards, before = x @ process.propagator(step).T, x @ np.linalg.solve(sigma, process.propagator(step) @ sigma)
    np.testing.assert_allclose(state.velocity(x), (onwards - before) / (2 * step), atol=1e-4)
    slope = np.linalg.solve(sigma, x.T).T
    np.testing.assert_allclose((state.velocity(x) * slope).sum(axis=1), 0, atol=1e-11)
    np.testing.assert_allclose(state.reversible + state.irreversible, process.A)


def test_a_path_sweeps_over_its_area():
    step, steps, chains = 0.02, 400, 500
    start = np.linalg.cholesky(TURNING.covariance) @ np.random.default_rng(2).normal(size=(3, chains))
    path = TURNING.sample(start.T, np.full(steps, step), Streams(seed=3))
    x, y = path[..., 0], path[..., 1]
    area = (x[:, :-1] * y[:, 1:] - y[:, :-1] * x[:, 1:]).sum(axis=1) / 2 / ((steps - 1) * step)
    later = TURNING.autocovariance([step])[0]
    chords = (later[1, 0] - later[0, 1]) / (2 * step)
    assert chords == pytest.approx(steady_state(TURNING).circulation[0, 1], rel=0.05)
    assert abs(area.mean() - chords) < 5 * area.std() / np.sqrt(chains) < 0.2 * chords


@given(*[positive] * 5, st.floats(0, 1))
def test_one_temperature_is_equilibrium(resistance, coil, temperature, first, between, loss):
    inverse = np.linalg.inv(capacitors(first, 1.0, between))
    series, one = np.diag([loss, 0.5]), np.eye(2)
    A = np.block([[inverse / resistance, inverse], [-one / coil, series / coil]])
    noise = [[inverse @ inverse / resistance, 0 * one], [0 * one, series / coil**2]]
    process = OrnsteinUhlenbeck(A, temperature * np.block(noise))
    state = steady_state(process, CELLS)
    assert state.entropy_rate < 1e-9 * process.rates[-1]
    sigma = temperature * np.block([[inverse, 0 * one], [0 * one, one / coil]])
    np.testing.assert_allclose(state.covariance, sigma, atol=1e-8 * sigma.max())


def test_units_and_stiffness_change_nothing():
    units = np.array([1e-9, 1.0, 1e3])
    scaled = OrnsteinUhlenbeck(
        units[:, None] * TURNING.A / units, TURNING.diffusion * np.outer(units, units), [1.0, 2.0, 3.0]
    )
    rate = steady_state(TURNING).entropy_rate
    assert steady_state(scaled).entropy_rate == pytest.approx(rate, rel=1e-9)
    # Equilibrium of cells whose rates are ten orders apart, and the same with one of them heated.
    stiff = capacitors(1e-10, 1.0, 1e-11)
    assert steady_state(cells(stiff, [1.0, 1.0], [1.0, 1.0])).entropy_rate < 1e-5
    c1, c2, c = 1e-10, 1.0, 1e-11
    expected = c**2 / ((c1 * c2 + c * (c1 + c2)) * (c1 + c2 + 2 * c)) / 2
    assert steady_state(cells(stiff, [1.0, 1.0], [1.0, 2.0])).entropy_rate == pytest.approx(expected, rel=1e-4)


def test_noise_that_is_missing_costs_without_bound():
    for process, parity in (
        (resonators([1.0, 0.0]), CELLS),
        (resonators([1.0, 1.0], [1.0, 0.0]), CELLS),
        (resonators([1.0, 1.0], inductor_ohm=(0.0, 0.0)), None),
        (OrnsteinUhlenbeck([[1.0, 1.0], [-1.0, 1.0]], [[1.0, 0.5], [0.5, 1.0]]), [1.0, -1.0]),
        (OrnsteinUhlenbeck(np.diag([1.0, 2.0]), [[1.0, 1.0], [1.0, 1.0]]), None),
    ):
        assert steady_state(process, parity).entropy_rate == math.inf
    assert steady_state(resonators([1.0, 1.0], inductor_ohm=(0.0, 0.0)), CELLS).entropy_rate < 1e-12


def test_states_that_are_none_are_refused():
    with pytest.raises(ValueError, match="no law is stationary"):
        steady_state(OrnsteinUhlenbeck([[0.0]]))
    with pytest.raises(ValueError, match="a direction without any spread"):
        steady_state(OrnsteinUhlenbeck(np.eye(2), [[1.0, 1.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="a direction without any spread"):
        steady_state(OrnsteinUhlenbeck(np.eye(2), np.diag([1.0, 0.0])))
    for parity in ([1.0], [1.0, 0.5]):
        with pytest.raises(ValueError, match=r"2 numbers \+1 \(voltages\) or -1"):
            steady_state(OrnsteinUhlenbeck(np.eye(2)), parity)
