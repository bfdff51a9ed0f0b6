"""Seconds and joules before a run, against runs and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pbits
from hardware_models.langevin import Circuit
from hardware_models.langevin.budget import Demand, budget, demand, thermodynamic_length
from pbits.langevin.durations import inverting, settling, solving
from pbits.parameters import Evidence, Figure, Included, Parameter, PriceTable

RATES = np.array([0.2, 0.5, 1.0, 1.0])
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
A = (TURN * RATES) @ TURN.T
PRICES = PriceTable(
    boundary="core",
    operations={
        "read": Included(in_="adc"),
        "dac": Parameter(value=2e-12, unit="J", low=1e-12, high=4e-12, evidence=Evidence.ASSUMED, note="a test"),
        "adc": Parameter(value=3e-12, unit="J", low=3e-12, high=3e-12, evidence=Evidence.ASSUMED, note="a test"),
        "cell_second": Parameter(value=1e-5, unit="J", low=1e-5, high=1e-5, evidence=Evidence.ASSUMED, note="a test"),
        "noise_second": Parameter(value=2e-5, unit="J", low=1e-5, high=3e-5, evidence=Evidence.ASSUMED, note="a test"),
        "amplifier_second": Parameter(
            value=1e-4, unit="J", low=1e-4, high=1e-4, evidence=Evidence.ASSUMED, note="a test"
        ),
    },
    power={"active": Included(in_="cell_second")},
)


def runs_of(asked: Demand, model: pbits.GaussianModel, every: float, chains: int) -> pbits.Run:
    schedule = pbits.Schedule(
        n_samples=asked.frames, n_warmup=math.ceil(asked.settle / every), chains=chains, step_tau=every
    )
    return pbits.run(model, Circuit(resistance_ohm=1e3, capacitance_f=1e-9), schedule, seed=4)


def test_a_solve_is_as_accurate_as_was_asked():
    b = np.array([1.0, -2.0, 0.5, 1.0])
    x = np.linalg.solve(A, b)
    every, accuracy = 2.0, 0.15
    signal = math.sqrt((1 / RATES).sum()) / np.linalg.norm(x)
    asked = demand("solve", RATES, accuracy, noise_to_signal=float(signal), interval=every)
    means = runs_of(asked, pbits.GaussianModel(A, b), every, 400).states.mean(axis=1)
    found = math.sqrt(((means - x) ** 2).sum(axis=1).mean()) / np.linalg.norm(x)
    # Of 400 errors of four terms the root mean square scatters by 2 %, and settling leaves some more; 10 % is five sd.
    assert found == pytest.approx(accuracy, rel=0.1)


def test_an_inverse_is_as_accurate_as_was_asked():
    every, accuracy = 2.0, 0.2
    asked = demand("inverse", RATES, accuracy, interval=every)
    states = runs_of(asked, pbits.GaussianModel(A), every, 400).states
    found = np.einsum("cti,ctj->cij", states, states) / states.shape[1] - np.linalg.inv(A)
    error = math.sqrt((found**2).sum(axis=(1, 2)).mean()) / np.linalg.norm(1 / RATES)
    assert error == pytest.approx(accuracy, rel=0.1)


def test_an_exponential_is_as_accurate_as_was_asked():
    """Of the frames that are budgeted, and no others."""
    accuracy = 0.2
    asked = demand("exponential", RATES, accuracy)
    lopsided = pbits.DiffusionModel(A, D=A)
    states = runs_of(asked, lopsided, 1.0, 400).states
    assert states.shape[1] == asked.frames
    found = np.einsum("cti,ctj->cij", states[:, 1:], states[:, :-1]) / (states.shape[1] - 1)
    truth = (TURN * np.exp(-RATES)) @ TURN.T
    error = math.sqrt(((found - truth) ** 2).sum(axis=(1, 2)).mean()) / np.linalg.norm(truth)
    assert error == pytest.approx(accuracy, rel=0.1)


def test_a_determinant_is_as_accurate_as_was_asked():
    """Stops along the path, each read every time constant for its share of the time that is budgeted."""
    accuracy = 0.3
    asked = demand("determinant", RATES, accuracy)
    shares = np.linspace(0, 1, 13)
    stops = [np.eye(4) + share * (A - np.eye(4)) for share in shares]
    scatter = [np.sqrt((((RATES - 1) / rates) ** 2 / (2 * rates)).sum()) for rates in map(np.linalg.eigvalsh, stops)]
    weights = np.array([0.5, *[1.0] * 11, 0.5]) / 12
    spent = asked.average * weights * scatter / (weights @ scatter)
    means = []
    for number, (stop, time) in enumerate(zip(stops, spent)):
        schedule = pbits.Schedule(n_samples=max(4, round(time)), n_warmup=40, chains=400, step_tau=1.0)
        x = pbits.run(pbits.GaussianModel(stop), Circuit(), schedule, seed=number, judge=False).states
        means.append(0.5 * np.einsum("cti,ij,ctj->ct", x, A - np.eye(4), x).mean(axis=1))
    free_energy = np.trapezoid(np.array(means), shares, axis=0)
    error = math.sqrt((4 * (free_energy - free_energy.mean()) ** 2).mean())
    assert 2 * free_energy.mean() == pytest.approx(np.log(RATES).sum(), rel=0.05)
    # The law of the time is one of a continuous path and long stops: these are 13, of some tens of reads.
    assert error == pytest.approx(accuracy, rel=0.15)


def test_a_run_takes_the_time_that_was_told():
    circuit = Circuit(resistance_ohm=1e3, capacitance_f=1e-9, word_s=1e-8, adc_s=1e-7)
    every = 2.0
    asked = demand("inverse", RATES, 0.2, interval=every)
    schedule = pbits.Schedule(
        n_samples=asked.frames, n_warmup=math.ceil(asked.settle / every), chains=1, step_tau=every
    )
    done = pbits.run(pbits.GaussianModel(A), circuit, schedule, seed=1)
    told = budget(asked, tau_s=1e-6 * np.abs(A).max(), word_s=1e-8, adc_s=1e-7, prices=PRICES)
    assert done.counts["dac"] == asked.words
    # A run settles and averages for whole steps.
    slack = 2 * every * 1e-6
    assert done.device_time_s == pytest.approx(told.device_time_s.value, abs=slack)


def test_by_hand():
    asked = Demand(n=3, programmings=2, settle=5.0, average=40.0, frames=10)
    assert asked.words == 24
    told = budget(asked, tau_s=1e-6, word_s=Figure.of(1e-7), adc_s=1e-6, prices=PRICES)
    assert told.programming_s.value == pytest.approx(2.4e-6)
    assert told.settling_s.value == pytest.approx(10e-6)
    assert told.device_time_s.value == pytest.approx(2.4e-6 + 10e-6 + 40e-6 + 10e-6)
    assert told.joules["programming"] == Figure.of(24.0) * Figure.of(PRICES.items()["dac"])
    assert told.joules["cells"].value == pytest.approx(3 * 50e-6 * 1e-5)
    assert told.joules["noise"].value == pytest.approx(3 * 50e-6 * 2e-5)
    assert told.joules["amplifiers"].value == pytest.approx(9 * 50e-6 * 1e-4)
    assert told.joules["conversion"].value == pytest.approx(3 * 10 * 3e-12)
    assert told.total_joules.low == pytest.approx(24e-12 + 1.5e-9 + 1.5e-9 + 45e-9 + 90e-12)
    quiet = budget(asked, tau_s=1e-6, word_s=0.0, adc_s=0.0, prices=PRICES, amplifiers=0)
    assert quiet.joules["amplifiers"].value == 0.0


def test_a_run_pays_what_was_told():
    """A run charges word by word and second by second; both by the same prices."""
    circuit = Circuit(resistance_ohm=1e3, capacitance_f=1e-9, word_s=1e-8, adc_s=1e-7, prices=PRICES)
    asked = demand("inverse", RATES, 0.2, interval=2.0)
    schedule = pbits.Schedule(n_samples=asked.frames, n_warmup=math.ceil(asked.settle / 2), chains=1, step_tau=2.0)
    paid = pbits.price(pbits.run(pbits.GaussianModel(A), circuit, schedule, seed=1), boundary="core")
    told = budget(asked, tau_s=1e-6 * np.abs(A).max(), word_s=1e-8, adc_s=1e-7, prices=PRICES)
    # A part of a step more.
    assert paid.joules == pytest.approx(told.total_joules.value, rel=4 / asked.average)


def test_what_nobody_states_is_not_stated():
    asked = Demand(n=3, programmings=1, settle=1.0, average=40.0, frames=10)
    told = budget(asked, tau_s=Figure.of(None), word_s=0.0, adc_s=1e-5, prices=PriceTable(boundary="core"))
    assert told.device_time_s.value is None
    assert told.total_joules.value is None
    included = {"adc": Included(in_="cell_second"), "read": Included(in_="cell_second")}
    held = PriceTable(boundary="core", operations=dict(PRICES.operations) | included)
    assert budget(asked, tau_s=1e-6, word_s=0.0, adc_s=0.0, prices=held).joules["conversion"].value == 0.0


def test_demands():
    spread = math.sqrt((1 / RATES).sum())
    asked = demand("solve", RATES, 0.1, interval=math.inf)
    assert asked.frames == 1
    assert asked.average == pytest.approx(solving(RATES, 0.1 * spread))
    assert asked.settle == pytest.approx(settling(RATES, 0.1))
    matrix = demand("lyapunov", RATES, 0.1)
    assert matrix.average == pytest.approx(inverting(RATES, 0.1 * np.linalg.norm(1 / RATES), interval=5.0))
    assert matrix == demand("inverse", RATES, 0.1)
    assert matrix.frames == math.ceil(matrix.average / 5.0)
    staged = demand("determinant", RATES, 0.1)
    assert staged.programmings == 1 + math.ceil(2 * math.sqrt(0.5 * (math.log(5) ** 2 + math.log(2) ** 2)))
    assert thermodynamic_length(np.ones(3)) == 0.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("eigenvalues", RATES, 0.1), "task is 'eigenvalues'; it must be one of solve"),
        (("solve", RATES, 0.0), "accuracy is 0.0; it must be positive"),
        (("solve", [-1.0], 0.1), "rates hold -1"),
    ],
)
def test_demands_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        demand(*given)


def test_intervals_and_costs_that_cannot_be():
    with pytest.raises(ValueError, match="an analog filter averages voltages"):
        demand("inverse", RATES, 0.1, interval=math.inf)
    with pytest.raises(ValueError, match="interval is -3; it must be a positive"):
        demand("inverse", RATES, 0.1, interval=-3)
    with pytest.raises(ValueError, match="noise_to_signal is 0"):
        demand("solve", RATES, 0.1, noise_to_signal=0)
    with pytest.raises(ValueError, match="are never 1 apart"):
        demand("exponential", RATES, 0.1, interval=5.0)
    asked = demand("inverse", RATES, 2.0)
    assert asked.settle == 0.0
    with pytest.raises(ValueError, match="tau_s is -1e-06; it must be finite and at least 0"):
        budget(asked, tau_s=-1e-6, word_s=0.0, adc_s=0.0, prices=PRICES)
    with pytest.raises(ValueError, match="amplifiers is -5"):
        budget(asked, tau_s=1e-6, word_s=0.0, adc_s=0.0, prices=PRICES, amplifiers=-5)
