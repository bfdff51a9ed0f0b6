"""What a run shares with others, and what stands idle between them."""

import json
import math
from dataclasses import replace

import pytest

import pbits
from pbits.parameters import Evidence, Figure, Parameter, PriceTable
from pbits.substrate import Programming

PAIR = pbits.IsingModel([[0, 1], [1, 0]], [0.1, 0])
SAMPLES = pbits.Schedule(n_samples=100, n_warmup=0, chains=1)


def known(value, unit="J"):
    return Parameter(value=value, unit=unit, evidence=Evidence.MEASURED, source="key")


PRICES = PriceTable(
    boundary="chip",
    operations={"update": known(1e-12), "write": known(1e-9), "read": known(1e-10)},
    power={"active": known(2.0, "W"), "idle": known(0.5, "W")},
)


@pytest.fixture(scope="module")
def run():
    """200 updates in 1 ms of work and 0.2 ms of programming, 0.1 ms of which the machine idles for read-out."""
    done = pbits.run(PAIR, "ideal", SAMPLES, seed=1)
    return replace(
        done,
        counts={"update": 200.0, "write": 5.0, "read": 200.0},
        power_times={"active": Figure.of(1e-3), "idle": Figure.of(3e-4)},
        device_time=Figure.of(1.3e-3),
        programming=Programming(counts={"write": 4.0}, seconds=Figure.of(2e-4)),
        prices=PRICES,
    )


def by_item(ledger):
    return {row.item: row.joules for row in ledger.rows}


def test_a_run_alone_pays_its_programming(run):
    assert by_item(pbits.price(run)) == pytest.approx(
        {"update": 2e-10, "write": 5e-9, "read": 2e-8, "power.active": 2e-3, "power.idle": 1.5e-4}
    )


@pytest.mark.parametrize("runs", [1, 4, 1000, math.inf])
def test_runs_share_a_programming(run, runs):
    ledger = pbits.price(run, usage=pbits.Usage(runs_per_programming=runs))
    found = by_item(ledger)
    assert found["write"] == pytest.approx((1 + 4 / runs) * 1e-9)
    assert found["power.idle"] == pytest.approx((1e-4 + 2e-4 / runs) * 0.5)
    assert found["update"] == pytest.approx(2e-10)
    assert ledger.joules == pytest.approx(sum(found.values()))
    json.dumps(ledger.to_dict(), allow_nan=False)


def test_the_share_reaches_what_an_uplift_takes_per_second(run):
    uplifts = {"board": {"factor": 1.2, "power_w": 10.0}}
    ledger = pbits.price(run, "board", uplifts=uplifts, usage=pbits.Usage(runs_per_programming=math.inf))
    assert by_item(ledger)["board power"] == pytest.approx(10.0 * 1.1e-3)


def test_standby_is_charged_between_runs(run):
    half = pbits.price(run, usage=pbits.Usage(duty=0.5))
    assert by_item(half)["power.standby"] == pytest.approx(1.3e-3 * 0.5)
    tenth = pbits.price(run, usage=pbits.Usage(duty=0.1))
    assert by_item(tenth)["power.standby"] == pytest.approx(9 * 1.3e-3 * 0.5)
    assert by_item(pbits.price(run, usage=pbits.Usage(every_s=1.0)))["power.standby"] == pytest.approx(0.9987 * 0.5)
    assert "power.standby" not in by_item(pbits.price(run))


def test_a_host_waits_with_the_machine(run):
    ledger = pbits.price(run, "board", uplifts={"board": {"power_w": 10.0}}, usage=pbits.Usage(every_s=1.0))
    assert by_item(ledger)["board power"] == pytest.approx(10.0)


def test_standby_may_have_a_price_of_its_own(run):
    prices = replace(PRICES, power={**PRICES.power, "standby": known(0.01, "W")})
    ledger = pbits.price(run, prices=prices, usage=pbits.Usage(every_s=1.0))
    assert by_item(ledger)["power.standby"] == pytest.approx(0.9987 * 0.01)


def test_standby_without_a_price_leaves_no_total(run):
    prices = replace(PRICES, power={"active": known(2.0, "W"), "idle": Parameter(value=None, unit="W", note="nobody")})
    ledger = pbits.price(run, prices=prices, usage=pbits.Usage(duty=0.5))
    assert ledger.joules is None
    assert any("power.standby" in reason for reason in ledger.reasons)
    assert ledger.lower_bound > 0


def test_calibration_is_shared(run):
    usage = pbits.Usage(runs_per_calibration=100, calibration_j=known(3.0))
    assert by_item(pbits.price(run, usage=usage))["calibration"] == pytest.approx(0.03)
    stated = replace(PRICES, operations={**PRICES.operations, "calibration": known(5.0)})
    usage = pbits.Usage(runs_per_calibration=100)
    assert by_item(pbits.price(run, prices=stated, usage=usage))["calibration"] == pytest.approx(0.05)
    unknown = pbits.price(run, usage=usage)
    assert unknown.joules is None
    assert "the price of calibration is not stated" in unknown.reasons


def test_net_of_idle(run):
    """Gross 2e-3 + 1.5e-4 + 2.52e-8 J, of which 0.5 W · 1.3 ms would have been drawn anyhow."""
    ledger = pbits.price(run)
    assert ledger.joules == pytest.approx(2e-3 + 1.5e-4 + 2e-10 + 5e-9 + 2e-8, rel=1e-12)
    assert ledger.net_of_idle == pytest.approx(ledger.joules - 0.5 * 1.3e-3, rel=1e-12)
    board = pbits.price(run, "board", uplifts={"board": {"factor": 1.25}})
    assert board.net_of_idle == pytest.approx(1.25 * ledger.net_of_idle, rel=1e-12)
    idle = pbits.price(run, usage=pbits.Usage(duty=0.5))
    assert idle.net_of_idle == pytest.approx(ledger.net_of_idle, rel=1e-12)


def test_net_of_an_idle_power_that_nobody_states_is_unknown(run):
    prices = replace(PRICES, power={"active": known(2.0, "W"), "idle": Parameter(value=None, unit="W", note="nobody")})
    assert pbits.price(run, prices=prices).net_of_idle is None
    more = replace(PRICES, power={"active": known(0.1, "W"), "idle": known(5.0, "W")})
    lazy = replace(run, power_times={"active": Figure.of(1.3e-3)})
    assert pbits.price(lazy, prices=more).net_of_idle is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"runs_per_programming": 0.5}, "at least 1"),
        ({"runs_per_programming": math.nan}, "at least 1"),
        ({"runs_per_calibration": 0}, "at least 1"),
        ({"duty": 0.0}, "above 0"),
        ({"duty": 1.5}, "at most 1"),
        ({"duty": 0.5, "every_s": 1.0}, "give one"),
        ({"every_s": -1.0}, "positive"),
        ({"calibration_j": known(1.0)}, "runs_per_calibration"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        pbits.Usage(**given)


def test_more_runs_than_there_is_time_for_are_refused(run):
    with pytest.raises(ValueError, match="a run takes 0.0013 s"):
        pbits.price(run, usage=pbits.Usage(every_s=1e-3))


def test_an_anneal_on_a_machine_that_stores_its_temperature_shares_nothing():
    machine = pbits.load("gibbs-g12-illustrative")
    annealed = pbits.run(PAIR, machine, pbits.Schedule.anneal(sweeps=20, beta_start=0.1, beta_stop=1, chains=1), seed=1)
    assert annealed.programming is None
    sampled = pbits.run(PAIR, machine, SAMPLES, seed=1)
    assert sampled.programming.counts == {"write": 2}
    usage = pbits.Usage(runs_per_programming=10)
    assert pbits.price(annealed, usage=usage).joules == pbits.price(annealed).joules
    assert pbits.price(sampled, usage=usage).joules < pbits.price(sampled).joules


@pytest.mark.parametrize("name", ["gibbs-g12-illustrative", "langevin-rc-illustrative", "fpga-all-to-all"])
def test_two_runs_of_one_programming_are_the_two_runs_less_a_programming(name):
    """Against a machine that was asked: what it says of one programming is what a run without draws would write."""
    model = PAIR if "langevin" not in name else pbits.GaussianModel([[2.0, 0.5], [0.5, 1.0]])
    run = pbits.run(model, name, SAMPLES, seed=1)
    done = run.programming
    for item, count in done.counts.items():
        assert 0 < count <= run.counts[item]
    assert done.seconds.value == pytest.approx(run.phases["programming"])
    assert done.state in run.power_times


def test_a_stored_run_keeps_its_programming(tmp_path, run):
    one = pbits.run(PAIR, "gibbs-g12-illustrative", SAMPLES, seed=1)
    again = pbits.Run.load(one.save(tmp_path / "run.npz"))
    assert again.programming == one.programming


def test_a_comparison_charges_what_it_is_told():
    machines = ["gibbs-g12-illustrative", "cpu-epyc-9654"]
    plan = pbits.Schedule(n_samples=2000, n_warmup=50, chains=16)
    array = machines[0]

    def compared(**usage):
        return pbits.compare(PAIR, machines, plan, seed=1, **usage)

    alone, all_shared = compared(), compared(usage=pbits.Usage(runs_per_programming=1000))
    one = compared(usage={array: pbits.Usage(runs_per_programming=1000)})
    assert alone.quality(array).joules > 10 * all_shared.quality(array).joules
    assert one.quality(array).joules == all_shared.quality(array).joules
    assert one.quality(array).seconds < alone.quality(array).seconds
    assert one.ledgers[array].joules < alone.ledgers[array].joules
    assert one.to_dict()["usage"] == {array: "1,000 runs to a programming"}
    assert alone.to_dict()["usage"] == {}
    with pytest.raises(ValueError, match="usage are given for nobody"):
        compared(usage={"nobody": pbits.Usage()})
    again = pbits.compare_runs(alone.runs, usage={array: pbits.Usage(runs_per_programming=1000)})
    assert again.quality(array).joules == pytest.approx(one.quality(array).joules)


def test_usage_in_words():
    assert str(pbits.Usage()) == "alone"
    assert str(pbits.Usage(runs_per_programming=math.inf, duty=0.1)) == "never programmed, at work 10 % of the time"
    told = pbits.Usage(every_s=60, runs_per_calibration=500)
    assert str(told) == "a run every 60 s, 500 runs to a calibration"


def test_a_longer_run_leaves_less_standby():
    left = pbits.Usage(every_s=1.0).standby(Figure(0.2, 0.1, 0.4, Evidence.ASSUMED))
    assert (left.value, left.low, left.high) == pytest.approx((0.8, 0.6, 0.9))


def test_prices_of_the_users_take_the_place_of_what_is_not_stated():
    idle = Parameter(value=0.01, unit="W", low=1e-3, high=0.1, evidence=Evidence.ASSUMED, note="a guess")
    machines, plan = ["embedded:extropic-z1", "cpu-epyc-9654"], pbits.Schedule(n_samples=200, chains=4)
    name = machines[0]
    plain = pbits.compare(PAIR, machines, plan, seed=1)
    given = pbits.compare(PAIR, machines, plan, seed=1, prices={name: {"power.idle": idle}})
    assert plain.ledgers[name].joules is None
    assert given.ledgers[name].joules == pytest.approx(
        plain.ledgers[name].without_idle + 0.01 * given.runs[name].seconds["idle"]
    )
    assert pbits.compare_runs(plain.runs, prices={name: {"power.idle": idle}}).ledgers[name].joules > 0
    with pytest.raises(ValueError, match="it has embedded:extropic-z1, cpu-epyc-9654"):
        pbits.compare(PAIR, machines, plan, prices={"extropic-z1": {"power.idle": idle}})
    with pytest.raises(ValueError, match="must be in W"):
        pbits.compare(PAIR, machines, plan, prices={name: {"power.idle": known(1.0)}})


def test_a_machine_without_a_clock_is_priced_by_what_it_counts(run):
    timeless = replace(run, power_times={}, device_time=Figure.of(None), programming=None)
    assert pbits.price(timeless).joules == pytest.approx(2e-10 + 5e-9 + 2e-8)
    assert pbits.price(timeless, usage=pbits.Usage(duty=0.5)).joules is None
