"""Statistical tests have fixed seeds and a false-alarm rate of 1e-4 or less each."""

import numpy as np
import pytest
from scipy.stats import chi2

import pbits
from hardware_models.processor import Processor, Published, from_spec
from hardware_models.processor.processor import DECISION_FLOPS, NORMAL_FLOPS, RNG_FLOPS
from pbits.parameters import CatalogueError, MachineSpec

RING = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], [1.0, -1.0, 1.0, 1.0])
FRUSTRATED = pbits.IsingModel([[0, 0.7, -0.4], [0.7, 0, 0.9], [-0.4, 0.9, 0]], [0.2, -0.3, 0.1])
GAUSSIAN = pbits.GaussianModel([[1.0, 0.6, -0.2], [0.6, 1.2, 0.3], [-0.2, 0.3, 0.9]], [1.0, -0.5, 0.2])
MACHINE = {"flop_per_s": 1e12, "byte_per_s": 1e11, "phase_s": 1e-6}
RATE = Published(updates_per_s=1e6, degree=4, coupling_bits=1)


def assert_moments(x, law):
    """Sample moments of independent rows x (N, n) within 5 standard errors of a Gaussian law."""
    size, variances = len(x), np.diag(law.covariance)
    assert (np.abs(x.mean(axis=0) - law.mean) <= 5 * np.sqrt(variances / size)).all()
    error = np.sqrt((np.outer(variances, variances) + law.covariance**2) / size)
    found = (x - law.mean).T @ (x - law.mean) / size
    assert (np.abs(found - law.covariance) <= 5 * error).all()


@pytest.mark.parametrize("clamp", [{}, {1: -1}])
def test_spins_follow_the_boltzmann_law_of_the_posed_model(clamp):
    schedule = pbits.Schedule(n_samples=1, n_warmup=60, beta=0.8, chains=20_000)
    run = pbits.run(FRUSTRATED, Processor(), schedule, seed=3, clamp=clamp)
    law = pbits.exact(FRUSTRATED, 0.8, clamp)
    expected = law.probabilities * 20_000
    counts = np.bincount(law.index(run.states[:, 0]), minlength=len(expected))
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-5, len(expected) - 1)
    declared = Processor().compile(FRUSTRATED, schedule, clamp=clamp).law(0.8)
    assert (declared.kind, declared.clamp) == ("boltzmann", clamp)
    assert declared.model.fingerprint() == FRUSTRATED.fingerprint()


@pytest.mark.parametrize("clamp", [{}, {1: 0.5}])
def test_gaussian_draws_are_exact_and_independent(clamp):
    schedule = pbits.Schedule(n_samples=2, n_warmup=0, beta=2.5, chains=20_000)
    run = pbits.run(GAUSSIAN, Processor(), schedule, seed=4, clamp=clamp)
    law = pbits.exact(GAUSSIAN, 2.5, clamp)
    for draw in range(2):
        assert_moments(run.states[:, draw], law)
    variances = np.diag(law.covariance)
    centred = run.states - law.mean
    lagged = centred[:, 1].T @ centred[:, 0] / 20_000
    assert (np.abs(lagged) <= 5 * np.sqrt(np.outer(variances, variances) / 20_000)).all()


def test_an_anneal_of_a_gaussian_draws_at_each_beta():
    schedule = pbits.Schedule.anneal(sweeps=3, beta_start=0.01, beta_stop=1e6, chains=500)
    run = pbits.run(GAUSSIAN, Processor(), schedule, seed=4)
    excess = run.trace.energies.mean(axis=0) - GAUSSIAN.energy(GAUSSIAN.mean)
    # <E> − E_min = n/2β, with a relative standard error of √(2/(3 × 500))
    np.testing.assert_allclose(excess * 2 * schedule.betas() / 3, 1, atol=5 * np.sqrt(2 / 1500))


@pytest.mark.parametrize("model", [FRUSTRATED, GAUSSIAN])
def test_draws_do_not_depend_on_how_many_chains_run_or_which_are_kept(model):
    def states(chains, **schedule):
        return pbits.run(model, Processor(), pbits.Schedule(chains=chains, **schedule), seed=5).states

    every = states(70, n_samples=12, n_warmup=0)
    np.testing.assert_allclose(states(3, n_samples=12, n_warmup=0), every[:3], rtol=1e-10)
    np.testing.assert_allclose(states(70, n_samples=3, n_warmup=3, steps_per_sample=3), every[:, 5::3], rtol=1e-10)


# Roofline


def test_the_work_of_gibbs_sweeps_by_hand():
    schedule = pbits.Schedule(n_samples=5, n_warmup=2, steps_per_sample=2, chains=3)
    run = pbits.run(RING, Processor(**MACHINE), schedule, seed=1)
    updates = 12 * 4 * 3
    assert run.counts["update"] == updates
    assert run.counts["weight_read"] == 2 * updates
    assert run.counts["random_bit"] == 32 * updates
    assert run.counts["read"] == 5 * 4 * 3
    assert run.counts["flop"] == updates * (2 * 2 + DECISION_FLOPS + RNG_FLOPS)
    # Each sweep: 8 weights of 8 bytes; each chain reads the 2 + 2 other spins and writes its 4.
    assert run.counts["byte"] == 12 * (8 * 8 + 3 * (4 + 4)) + 5 * 4 * 3
    assert 0 < run.counts["toggle"] <= updates
    seconds = max(run.counts["flop"] / 1e12, run.counts["byte"] / 1e11) + 12 * 2 * 1e-6
    assert run.device_time_s == pytest.approx(seconds, rel=1e-12)
    assert run.phases == {"sampling": run.device_time_s}
    assert run.seconds == {"active": run.device_time_s}


def test_held_sites_cost_no_updates():
    schedule = pbits.Schedule(n_samples=10, n_warmup=0, chains=2)
    run = pbits.run(RING, Processor(**MACHINE), schedule, seed=1, clamp={0: 1, 2: -1})
    assert run.counts["update"] == 10 * 2 * 2
    assert run.counts["weight_read"] == 10 * 2 * 4
    assert run.counts["byte"] == 10 * (8 * 4 + 2 * (2 + 2)) + 10 * 4 * 2
    assert run.record["notes"]["phases_per_sweep"] == 1


def test_the_work_of_gaussian_draws_by_hand():
    schedule = pbits.Schedule(n_samples=5, n_warmup=9, steps_per_sample=4, chains=2)
    run = pbits.run(GAUSSIAN, Processor(**MACHINE), schedule, seed=1)
    assert run.counts["flop"] == 27 / 3 + 2 * 9 + 10 * (9 + 3 * (RNG_FLOPS + NORMAL_FLOPS))
    assert run.counts["byte"] == 4 * (2 * 9 + 30)
    assert run.counts["random_bit"] == 32 * 30
    assert run.counts["read"] == 30
    seconds = max(run.counts["flop"] / 1e12, run.counts["byte"] / 1e11) + 2e-6
    assert run.device_time_s == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    ("machine", "bound"),
    [
        ({"flop_per_s": 1e3, "byte_per_s": 1e12}, "flop"),
        ({"flop_per_s": 1e15, "byte_per_s": 1e3}, "byte"),
    ],
)
def test_the_slower_of_arithmetic_and_memory_counts(machine, bound):
    run = pbits.run(RING, Processor(**machine, phase_s=1e-12), pbits.Schedule(n_samples=5), seed=1)
    assert run.device_time_s == pytest.approx(run.counts[bound] / 1e3, rel=1e-6)


@pytest.mark.parametrize("missing", ["flop_per_s", "byte_per_s", "phase_s"])
def test_an_unstated_rate_gives_no_device_time(missing):
    machine = Processor(**{name: value for name, value in MACHINE.items() if name != missing})
    for model in (FRUSTRATED, GAUSSIAN):
        run = pbits.run(model, machine, pbits.Schedule(n_samples=2), seed=1)
        assert run.device_time_s is None
        assert run.seconds == {"active": None}
        assert run.record["notes"]["tier"] is None


# Published rates


def tiers_of(model, published=RATE, machine=MACHINE, clamp=None):
    schedule = pbits.Schedule(n_samples=10, n_warmup=0, chains=6)
    run = pbits.run(model, Processor(**machine, published=published), schedule, seed=1, clamp=clamp)
    notes = run.record["notes"]
    return run, notes["tiers"], notes["tier"]


def test_a_published_rate_times_like_work():
    run, tiers, tier = tiers_of(RING, machine=MACHINE | {"phase_s": 5e-6, "flop_per_s": 1e6})
    assert tiers["published"] == pytest.approx(240 / 1e6)
    assert tiers["published"] < tiers["roofline"]
    assert (tier, run.device_time_s) == ("published", tiers["published"])
    assert tiers["published_refused"] == []


def test_the_faster_of_both_tiers_counts():
    run, tiers, tier = tiers_of(RING, published=Published(updates_per_s=1e3, degree=4, coupling_bits=1))
    assert tiers["published"] == pytest.approx(0.24)
    assert (tier, run.device_time_s) == ("roofline", tiers["roofline"])


def test_a_published_rate_is_not_faster_than_its_synchronisations():
    _, tiers, _ = tiers_of(RING, published=Published(updates_per_s=1e15, degree=4, coupling_bits=1))
    assert tiers["published"] == pytest.approx(10 * 2 * 1e-6)


def test_a_published_rate_alone_times_like_work():
    run, tiers, tier = tiers_of(RING, machine={})
    assert tiers["roofline"] is None
    assert (tier, run.device_time_s) == ("published", pytest.approx(240 / 1e6))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [1.0, 0.5]), "2 magnitudes"),
        (pbits.IsingModel(np.ones((6, 6)) - np.eye(6)), "5 neighbours; the published lattice has 4"),
        (pbits.IsingModel(RING.J, [0.1, 0, 0, 0]), "fields differ"),
    ],
)
def test_a_published_rate_does_not_time_other_work(model, reason):
    run, tiers, tier = tiers_of(model)
    assert tiers["published"] is None
    assert [reason in text for text in tiers["published_refused"]] == [True]
    assert (tier, run.device_time_s) == ("roofline", tiers["roofline"])


def test_uniform_fields_and_signs_are_like_work_and_held_sites_are_not():
    assert tiers_of(pbits.IsingModel(RING.J, np.full(4, 0.3)))[1]["published"] is not None
    assert tiers_of(RING, clamp={0: 1})[1]["published_refused"] == ["1 sites are held fixed"]
    assert tiers_of(RING, published=None)[1]["published_refused"] == ["no published rate is stated"]
    three_bits = Published(updates_per_s=1e6, degree=4, coupling_bits=3)
    levels = pbits.IsingModel.from_edges(5, [(0, 1), (1, 2), (2, 3), (3, 4)], [1.0, -2.0, 3.0, 4.0])
    assert tiers_of(levels, published=three_bits)[1]["published"] is not None


# Limits and catalogue entries


def test_limits_of_memory_and_models():
    small = Processor(memory_bytes=100.0)
    # 8 bytes × (8 weights + 4 fields) + 4 spins a chain
    assert small.limits(RING) == []
    (reason,) = small.limits(RING, pbits.Schedule(chains=2))
    assert "need 104 bytes" in reason
    assert "fewer chains" in reason
    assert small.limits(GAUSSIAN, pbits.Schedule(chains=5)) == []
    assert "need 108 bytes" in small.limits(GAUSSIAN, pbits.Schedule(chains=6))[0]
    assert "β = 0" in small.limits(GAUSSIAN, pbits.Schedule(beta=0.0))[0]
    (other,) = small.limits(pbits.PolynomialModel(3, {(0, 1, 2): 1.0}))
    assert "this is a PolynomialModel" in other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "tpu"}, "must be one of gpu, cpu"),
        ({"flop_per_s": 0.0}, "flop_per_s is 0.0"),
        ({"phase_s": -1.0}, "phase_s is -1.0"),
    ],
)
def test_impossible_processors_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Processor(**arguments)


def test_impossible_published_rates_are_refused():
    with pytest.raises(ValueError, match="updates_per_s is 0"):
        Published(updates_per_s=0.0, degree=4, coupling_bits=1)
    with pytest.raises(ValueError, match="at least 1"):
        Published(updates_per_s=1.0, degree=0, coupling_bits=1)


def spec(**parameters):
    numbers = {
        key: value
        if key == "kind"
        else {"value": value, **({} if value == "not stated" else {"evidence": "assumed"}), "note": "test"}
        for key, value in parameters.items()
    }
    return MachineSpec(
        name="box", title="Box", physics="processor", date="2026-11-22", description="", prices=None,
        parameters=numbers, sources={}, path="box.toml",
    )  # fmt: skip


def test_from_spec_reads_what_an_entry_says():
    stated = {
        "kind": "cpu", "peak_flops": "1 TFLOP/s", "memory_bandwidth": "100 GB/s", "phase_time": "1 µs",
        "memory_bytes": "1 kB", "tdp": "300 W",
    }  # fmt: skip
    rate = {"published_updates_per_s": "1 1/ns", "published_degree": 4, "published_coupling_bits": 1}
    schedule = pbits.Schedule(n_samples=10, n_warmup=0, chains=6)
    run = pbits.run(RING, from_spec(spec(**stated, **rate)), schedule, seed=1)
    notes = run.record["notes"]
    assert (run.machine, notes["kind"], notes["tdp_w"]) == ("box", "cpu", 300.0)
    assert notes["tiers"]["roofline"] == tiers_of(RING, published=None)[1]["roofline"]
    assert notes["tiers"]["published"] == pytest.approx(20e-6)
    assert from_spec(spec(**stated)).limits(RING, pbits.Schedule(chains=1000))
    unknown = dict.fromkeys(rate, "not stated")
    unstated = pbits.run(RING, from_spec(spec(**stated, **unknown)), schedule, seed=1)
    assert unstated.record["notes"]["tiers"]["published"] is None
    with pytest.raises(CatalogueError, match="unknown key 'cache'"):
        from_spec(spec(kind="gpu", cache="5 MB"))
