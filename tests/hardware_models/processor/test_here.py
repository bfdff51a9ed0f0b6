"""This computer as a baseline: right draws, measured seconds, and no joules that nobody measured."""

import sys

import numpy as np
import pytest
from scipy import stats

import pbits
from hardware_models.processor import Here, here, metered_watts
from hardware_models.processor.here import KernelSweeps, NumpySweeps, Unavailable, sweeper, timed
from pbits.metering import Meter, MeterError, find_rapl
from pbits.parameters import Evidence, Parameter

RING = pbits.IsingModel.from_edges(6, [(k, (k + 1) % 6) for k in range(6)], 0.5, [0.2, 0, 0, -0.3, 0, 0])
PLAN = pbits.Schedule(n_samples=20, n_warmup=10, chains=8)


def test_the_numpy_tier_samples_the_exact_law():
    """χ² of 4000 independent chains over 64 states, at 10⁻⁴."""
    tier = NumpySweeps(RING, 0.8, chains=4000, seed=3)
    tier.sweep(60)
    law = pbits.exact(RING, beta=0.8)
    counts = np.bincount(law.index(tier.states.T.astype(np.int8)), minlength=64)
    expected = 4000 * law.probabilities
    assert expected.min() > 1
    assert stats.chisquare(counts, expected).pvalue > 1e-4


def test_a_wrong_numpy_tier_is_caught(monkeypatch):
    """The planted fault: β is 25 % too high."""
    tier = NumpySweeps(RING, 0.8 * 1.25, chains=4000, seed=3)
    tier.sweep(60)
    law = pbits.exact(RING, beta=0.8)
    counts = np.bincount(law.index(tier.states.T.astype(np.int8)), minlength=64)
    assert stats.chisquare(counts, 4000 * law.probabilities).pvalue < 1e-4


def test_the_numpy_tier_depends_on_its_seed_alone():
    first, second, other = (NumpySweeps(RING, 1.0, chains=16, seed=seed) for seed in (1, 1, 2))
    for tier in (first, second, other):
        tier.sweep(10)
    assert np.array_equal(first.states, second.states)
    assert not np.array_equal(first.states, other.states)


def test_draws_depend_on_the_seed_and_not_on_what_is_timed():
    runs = [pbits.run(RING, Here(tier), PLAN, seed=4) for tier in ("numpy", "kernels")]
    assert np.array_equal(runs[0].states, runs[1].states)
    assert np.array_equal(runs[0].states, pbits.run(RING, "ideal", PLAN, seed=4).states)


@pytest.mark.parametrize(("layout", "chains"), [("counter", 8), ("bits", 600)])
def test_what_is_timed_of_the_kernels_are_the_sweeps_of_a_run_and_no_new_start(layout, chains):
    """Starting anew at each call took 22 times as long as a sweep of 512 chains of a 256² lattice."""
    tier = KernelSweeps(RING, 0.8, chains, layout)
    for sweeps in (3, 4):
        tier.sweep(sweeps)
    plan = pbits.Schedule(n_samples=1, n_warmup=0, steps_per_sample=7, beta=0.8, chains=chains)
    run = pbits.run(RING, "ideal", plan, seed=0, layout=layout)
    assert np.array_equal(np.concatenate([one.states() for one in tier._engines]), run.states[:, 0])


def test_an_anneal_is_timed_at_all_of_its_temperatures():
    """A random graph of degree 12 is swept five times as fast at β = 3 as at β = 0.1."""
    plan = pbits.Schedule.anneal(sweeps=9, beta_start=0.1, beta_stop=3.0, chains=8)
    tier = KernelSweeps(RING, plan.betas(), 8, "counter")
    tier.sweep(9)
    found = pbits.run(RING, "ideal", plan, seed=0, layout="counter").states[:, 0]
    assert np.array_equal(tier._engines[0].states(), found)
    assert pbits.run(RING, "cpu-here", plan, seed=0).device_time_s > 0


def test_a_gpu_is_no_tier_of_the_processor():
    run = pbits.run(RING, "cpu-here", PLAN, seed=1)
    assert "another machine" in run.record["notes"]["tiers_that_did_not_run"][here.TIERS["cuda"]]
    assert (Here().prices.boundary, Here("cuda").prices.boundary) == ("chip", "board")


class Ticking(here.Sweeper):
    """A tier whose sweeps take so many seconds of a clock of its own."""

    def __init__(self, *seconds):
        self.seconds, self.now, self.calls = seconds, 0.0, 0

    def sweep(self, sweeps):
        self.now += sweeps * self.seconds[min(self.calls, len(self.seconds) - 1)]
        self.calls += 1

    def clock(self):
        return self.now


def test_a_sweep_is_timed_by_the_median_of_its_repeats():
    # A first call that compiles, one that counts the sweeps, then five.
    tier = Ticking(9.0, 0.03, 0.04, 0.01, 0.02, 0.03, 0.05)
    found = timed(tier, tier.clock)
    assert (found.value, found.low, found.high) == pytest.approx((0.03, 0.01, 0.05))
    assert found.evidence is Evidence.MEASURED


def test_a_run_says_which_tier_it_quotes_and_which_did_not_run():
    run = pbits.run(RING, "cpu-here", PLAN, seed=1)
    notes = run.record["notes"]
    assert notes["tier"] in here.TIERS.values()
    quoted = notes["tiers"][notes["tier"]]["seconds_per_sweep"]
    assert quoted == min(tier["seconds_per_sweep"] for tier in notes["tiers"].values())
    assert set(notes["tiers"]) | set(notes["tiers_that_did_not_run"]) == set(here.TIERS.values())
    assert all(notes["tiers_that_did_not_run"].values())
    assert run.device_time_s == pytest.approx(30 * quoted)
    assert run.device_time.low <= run.device_time_s <= run.device_time.high
    assert run.full_batch_time.value <= run.device_time_s
    assert run.counts["update"] == 6 * 30 * 8


def test_joules_need_watts():
    free = pbits.price(pbits.run(RING, "numpy-here", PLAN, seed=1))
    assert free.joules is None
    assert free.reasons == ("the price of power.active is not stated",)
    run = pbits.run(RING, Here("numpy", watts=25.0), PLAN, seed=1)
    ledger = pbits.price(run)
    assert ledger.joules == 25.0 * run.device_time_s
    assert ledger.evidence is Evidence.ASSUMED
    watts = Parameter(value=30.0, unit="W", low=28.0, high=33.0, evidence=Evidence.MEASURED, source="metered-here")
    metered = pbits.price(pbits.run(RING, Here("numpy", watts=watts), PLAN, seed=1))
    assert metered.evidence is Evidence.MEASURED


def test_what_cannot_be_asked_for():
    with pytest.raises(ValueError, match="choose best or one of numpy"):
        Here("fast")
    with pytest.raises(ValueError, match="it must be in W"):
        Here(watts=Parameter(value=1.0, unit="J", evidence=Evidence.MEASURED, source="key"))


def test_a_tier_that_does_not_run_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "thrml", None)
    with pytest.raises(Unavailable, match="thrml is not installed"):
        sweeper("thrml", RING, 1.0, 8)
    run = pbits.run(RING, Here("thrml"), PLAN, seed=1)
    assert run.device_time_s is None
    assert "not installed" in run.record["notes"]["tiers_that_did_not_run"]["T4 thrml, measured here"]


def test_watts_are_metered_while_the_kernels_sweep(tmp_path):
    with pytest.raises(MeterError):
        metered_watts(RING, seconds=0.01, with_meter=Meter([], find_rapl(tmp_path)[1]))
    folder = tmp_path / "intel-rapl:0"
    folder.mkdir()
    (folder / "name").write_text("package-0")
    (folder / "max_energy_range_uj").write_text("262143328850")
    (folder / "energy_uj").write_text("0")
    clock = iter(range(0, 1000, 2))

    def two_seconds_later():
        now = next(clock)
        (folder / "energy_uj").write_text(str(now * 40_000_000))
        return float(now)

    metered = Meter(find_rapl(tmp_path)[0], [], clock=two_seconds_later)
    found = metered_watts(RING, seconds=0.01, chains=8, with_meter=metered)
    assert found.value == pytest.approx(40.0)
    assert (found.unit, found.evidence) == ("W", Evidence.MEASURED)


def test_thrml_is_not_asked_for_a_block_for_every_site():
    pytest.importorskip("thrml")
    dense = pbits.IsingModel(np.ones((101, 101)) - np.eye(101))
    with pytest.raises(Unavailable, match="101 colours"):
        sweeper("thrml", dense, 1.0, 8)
