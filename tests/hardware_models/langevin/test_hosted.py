"""Cells with a host in the loop: the law of its steps, its twin, and what the host costs."""

import numpy as np
import pytest

import pbits
from hardware_models import langevin
from hardware_models.langevin.hosted import stationary_covariance
from pbits.parameters import Evidence, Included, MachineSpec, Parameter, PriceTable
from pbits.testing import CHECKS

A = np.array([[2.0, -0.6], [-0.6, 1.0]])
PAIR = pbits.GaussianModel(A, [0.5, -0.2])


def network(seed=0, hidden=5, n=2):
    """½|x|² − Σ softplus(Wx + c): a small network whose gradient is written by hand."""
    rng = np.random.default_rng(seed)
    W, c = rng.normal(size=(hidden, n)), rng.normal(size=hidden)

    def energy(x):
        return 0.5 * (x**2).sum(-1) - np.logaddexp(0, x @ W.T + c).sum(-1)

    def gradient(x):
        return x - (1 / (1 + np.exp(-(x @ W.T + c)))) @ W

    return pbits.PotentialModel(n, energy, gradient, gradient_flops=4 * hidden * n + 4 * hidden + 2 * n)


MACHINES = {
    "plain": langevin.Hosted(hold=0.1),
    "late, noisy": langevin.Hosted(hold=0.05, delay=2, noise_error=0.1),
    "converters": langevin.Hosted(hold=0.1, adc_bits=8, dac_bits=8, adc_full_scale=6.0, dac_full_scale=2.0),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MACHINES)
def test_they_conform(name, check):
    check(MACHINES[name])


def test_the_law_of_plain_steps_is_in_closed_form():
    expected = np.linalg.inv(A) @ np.linalg.inv(np.eye(2) - 0.05 * A)
    np.testing.assert_allclose(stationary_covariance(A, 0.1), expected, atol=1e-12)
    np.testing.assert_allclose(stationary_covariance(A, 0.1, noise_error=0.2), 1.2 * expected, atol=1e-12)


@pytest.mark.parametrize("name", ["plain", "late, noisy"])
def test_draws_have_the_moments_of_the_law(name):
    machine = MACHINES[name]
    schedule = pbits.Schedule(n_samples=40, n_warmup=10, chains=2000, step_tau=2.0, beta=0.7)
    run = pbits.run(PAIR, machine, schedule, seed=1)
    law = machine.compile(PAIR, schedule).law(0.7)
    flat = run.states.reshape(-1, 2)
    mean, covariance = law.moments
    # Some 40,000 independent draws: 5 standard errors, five numbers; false alarm below 1e-5.
    assert (np.abs(flat.mean(axis=0) - mean) < 5 * np.sqrt(np.diag(covariance) / 40_000)).all()
    np.testing.assert_allclose(np.cov(flat.T), covariance, atol=5 * 1.5 * covariance.max() / np.sqrt(40_000))
    # The law is not Boltzmann's, and by more than the scatter.
    gap = np.abs(covariance - np.linalg.inv(A) / 0.7).max()
    assert gap > 10 * covariance.max() / np.sqrt(40_000) if name == "late, noisy" else gap > 0


def test_a_delay_makes_the_law_wider_until_none_is_left():
    spread = [stationary_covariance(np.array([[1.0]]), 0.3, delay)[0, 0] for delay in range(4)]
    assert (np.diff(spread) > 0).all()
    with pytest.raises(ValueError, match="delay of 6 grow"):
        stationary_covariance(np.array([[1.0]]), 0.3, 6)


def test_a_small_network_is_sampled_by_its_function_alone():
    model = network()
    run = pbits.run(model, langevin.Hosted(hold=0.02), pbits.Schedule(n_samples=30, n_warmup=20, chains=600), seed=2)
    exact = pbits.reference.potential.integrals(model, 1.0)
    flat = run.states.reshape(-1, 2)
    # Steps of 0.02 move moments by a per cent or so; 18,000 draws tell as much.
    np.testing.assert_allclose(flat.mean(axis=0), exact.mean, atol=0.05)
    np.testing.assert_allclose(np.cov(flat.T), exact.covariance, atol=0.08)


def priced():
    price = {
        name: Parameter(value=value, unit="J", low=value / 2, high=2 * value, evidence=Evidence.ASSUMED, note="a test")
        for name, value in {
            "adc": 1e-12, "dac": 2e-12, "host_flop": 1e-11, "link_word": 3e-12, "read": 5e-13, "cell_second": 1e-3,
        }.items()
    }  # fmt: skip
    return PriceTable(boundary="board", operations=price, power={"active": Included(in_="cell_second")})


def test_the_host_is_counted_and_priced():
    model = network()
    times = {"hold_s": 1e-6, "adc_s": 1e-7, "dac_s": 2e-7, "flop_s": 1e-9, "link_s": 5e-7}
    machine = langevin.Hosted(hold=0.1, prices=priced(), **times)
    run = pbits.run(model, machine, pbits.Schedule(n_samples=5, n_warmup=5, chains=3, step_tau=0.5), seed=1)
    rounds = 10 * 5 * 3
    assert run.counts["adc"] == run.counts["dac"] == 2 * rounds
    assert run.counts["host_flop"] == 64 * rounds == model.gradient_flops * rounds
    assert run.counts["link_word"] == 4 * rounds
    assert run.counts["read"] == 2 * 5 * 3
    assert run.counts["cell_second"] == pytest.approx(2 * rounds * 1e-6)
    assert run.device_time_s == pytest.approx(rounds * (1e-6 + 3e-7 + 64e-9 + 5e-7) + 5 * 3 * 1e-7)
    by_hand = 2 * rounds * 3e-12 + 64 * rounds * 1e-11 + 4 * rounds * 3e-12 + 2 * rounds * 1e-6 * 1e-3
    by_hand += 30 * 5e-13
    assert pbits.price(run).joules == pytest.approx(by_hand, rel=1e-9)


def test_a_step_in_seconds_and_a_start_are_counted():
    schedule = pbits.Schedule(n_samples=3, n_warmup=0, chains=2, step_s=4e-6)
    machine = langevin.Hosted(hold=0.1, hold_s=1e-6)
    run = pbits.run(PAIR, machine, schedule, seed=1, initial=np.zeros((2, 2)))
    rounds = 3 * 4 * 2
    assert run.counts["adc"] == 2 * rounds
    assert run.counts["dac"] == 2 * rounds + 2 * 2
    # Per site x³, a, b and their sums, and two for each of the two entries of J.
    assert run.counts["host_flop"] == (5 * 2 + 2 * 2) * rounds


def spec(**given):
    parameters = {key: {"value": value, "evidence": "assumed", "note": "for a test"} for key, value in given.items()}
    return MachineSpec(
        name="host", title="Host", physics="langevin", date="2026-11-23", description="", prices=None,
        parameters={"circuit": "hosted"} | parameters, sources={}, path="host.toml",
    )  # fmt: skip


def test_from_spec_reads_what_an_entry_says():
    plain = langevin.from_spec(spec())
    assert (plain.hold, plain.delay, plain.noise_error, plain.adc) == (0.05, 0, 0.0, None)
    told = langevin.from_spec(spec(hold=0.1, delay=2, noise_error=0.2, adc_bits=8, adc_full_scale=4, hold_time="1 us"))
    assert (told.hold, told.delay, told.noise_error) == (0.1, 2, 0.2)
    assert (told.adc.bits, told.adc.full_scale) == (8, 4.0)
    assert told.times["hold_s"].value == pytest.approx(1e-6)


def test_a_gradient_that_nobody_counted_has_no_price():
    model = pbits.PotentialModel(1, lambda x: np.cosh(x).sum(-1), np.sinh)
    machine = langevin.Hosted(hold=0.1, prices=priced(), hold_s=1e-6)
    run = pbits.run(model, machine, pbits.Schedule(n_samples=5, n_warmup=0, chains=2, step_tau=0.5), seed=1)
    assert run.counts["host_gradient"] == 5 * 5 * 2
    assert run.device_time_s is None
    ledger = pbits.price(run)
    assert ledger.joules is None
    assert ledger.lower_bound > 0
    assert {"flop_s", "adc_s"} <= set(run.record["notes"]["times_not_stated"])


def test_clipping_is_told():
    tight = langevin.Hosted(hold=0.1, adc_bits=6, adc_full_scale=0.2)
    run = pbits.run(PAIR, tight, pbits.Schedule(n_samples=10, chains=2, step_tau=0.5), seed=1)
    assert run.record["notes"]["clip_fraction"] > 0.1


def test_what_grows_is_refused_or_told():
    with pytest.raises(pbits.NotMappable, match=r"grows by .* a step; take hold below"):
        pbits.run(PAIR, langevin.Hosted(hold=1.2), seed=1)
    steep = pbits.QuarticModel([50.0], [0.0])
    with pytest.raises(ValueError, match="ran away"), np.errstate(all="ignore"):
        pbits.run(steep, langevin.Hosted(hold=0.5), pbits.Schedule(n_samples=40, chains=50, step_tau=1.0), seed=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hold": 0.0}, "hold is 0"),
        ({"delay": -1}, "delay is -1"),
        ({"noise_error": -1.0}, "above −1"),
        ({"adc_bits": 0}, "adc_bits is 0"),
        ({"dac_full_scale": np.nan}, "dac_full_scale is nan"),
        ({"hold_s": -1.0}, "hold_s is -1"),
        ({"max_cells": 0}, "max_cells is 0"),
    ],
)
def test_bad_settings_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        langevin.Hosted(**given)


def test_too_many_sites_are_refused():
    with pytest.raises(pbits.NotMappable, match="2 sites and the circuit 1 cells"):
        pbits.run(PAIR, langevin.Hosted(max_cells=1), seed=1)
