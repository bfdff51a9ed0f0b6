"""Statistical tests have fixed seeds and a false-alarm rate of 1e-4 or less each."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

import hardware_models
import pbits
from hardware_models.processor import Processor, Published, from_spec
from hardware_models.processor.processor import NORMAL_FLOPS, RNG_FLOPS
from hardware_models.processor.work import DECISION_FLOPS, sweep_work
from pbits.algorithms import anneal_population, temper
from pbits.parameters import CatalogueError, Evidence, Figure, MachineSpec, read_machine

RING = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], [1.0, -1.0, 1.0, 1.0])
FRUSTRATED = pbits.IsingModel([[0, 0.7, -0.4], [0.7, 0, 0.9], [-0.4, 0.9, 0]], [0.2, -0.3, 0.1])
GAUSSIAN = pbits.GaussianModel([[1.0, 0.6, -0.2], [0.6, 1.2, 0.3], [-0.2, 0.3, 0.9]], [1.0, -0.5, 0.2])
MACHINE = {"flop_per_s": 1e12, "byte_per_s": 1e11, "phase_s": 1e-6}
UNITS = {"units": 4, "unit_bytes": 1e3, "unit_chains": 2, "unit_step_s": 1e-8}
RATE = Published(updates_per_s=1e6, degree=4)


def torus(width=4, height=4, weights=None, fields=None):
    """A square lattice on a torus, ferromagnetic unless weights are given."""
    edges = []
    for x, y in itertools.product(range(width), range(height)):
        edges += [(x + width * y, (x + 1) % width + width * y), (x + width * y, x + width * ((y + 1) % height))]
    return pbits.IsingModel.from_edges(
        width * height, edges, np.ones(len(edges)) if weights is None else weights, fields
    )


TORUS = torus()
UNIFORM_RING = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], np.ones(4))
ONE = pbits.Schedule(n_samples=5, n_warmup=0, chains=2)


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


COLOURS = pbits.CategoricalModel(
    [3, 2, 3], [[0, 0.3, -0.2], [0.1, 0], [0, 0, 0.4]], {(0, 1): [[1, 0], [0, 0.5], [0.2, 0]], (1, 2): np.eye(2, 3)}
)
PARITY = pbits.PolynomialModel(3, {(0,): 0.3, (0, 1): -0.5, (0, 1, 2): 0.8})


@pytest.mark.parametrize("model", [COLOURS, PARITY])
def test_categories_and_many_body_terms_follow_their_law(model):
    schedule = pbits.Schedule(n_samples=1, n_warmup=60, beta=0.8, chains=20_000)
    run = pbits.run(model, Processor(), schedule, seed=3)
    law = pbits.exact(model, 0.8)
    expected = law.probabilities * 20_000
    counts = np.bincount(law.index(run.states[:, 0]), minlength=len(expected))
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-5, len(expected) - 1)


def test_the_work_of_categories_and_many_body_terms_by_hand():
    schedule = pbits.Schedule(n_samples=5, n_warmup=0, chains=2)
    run = pbits.run(COLOURS, Processor(**MACHINE), schedule, seed=1)
    # Of each sweep: rows of 3, 2 + 2 and 3 entries are added up, and 3 + 2 + 3 categories decided between.
    assert run.counts["weight_read"] == 10 * 10
    assert run.counts["flop"] == 10 * (10 + 8 * DECISION_FLOPS + 3 * RNG_FLOPS)
    # Tables of 6 entries each, both ways, 4 indices, 8 unary energies, of 4 bytes each.
    assert sweep_work(COLOURS).held_bytes == 4 * (2 * 12 + 4 + 8)
    run = pbits.run(PARITY, Processor(**MACHINE), schedule, seed=1)
    # Site 0 is in terms of 1, 2 and 3 sites, site 1 of 2 and 3, site 2 of 3; a field is no weight that is read.
    assert run.counts["weight_read"] == 10 * (2 + 2 + 1)
    assert run.counts["flop"] == 10 * (6 + 5 + 3 + 3 * DECISION_FLOPS + 3 * RNG_FLOPS)
    np.testing.assert_array_equal(sweep_work(PARITY).weight_bytes, [4 * (3 + 3), 4 * (2 + 3), 4 * (1 + 2)])


TOUR = pbits.PermutationModel(pbits.models.Distances(coordinates=np.random.default_rng(1).random((30, 2))))


def test_tours_are_those_of_the_ideal_machine_and_their_work_is_counted():
    schedule = pbits.Schedule(n_samples=5, n_warmup=2, chains=8, beta=3.0)
    machine = Processor(flop_per_s=1e12, byte_per_s=1e11, phase_s=1e-6, **UNITS)
    run, ideal = (pbits.run(TOUR, one, schedule, seed=3) for one in (machine, "ideal"))
    np.testing.assert_array_equal(run.states, ideal.states)
    decisions = 7 * 30
    assert run.counts["flop"] == 8 * decisions * (4 * RNG_FLOPS + DECISION_FLOPS) + 8 * run.counts["weight_read"]
    # Two chains of eight for each of four units, which advance two at once.
    assert run.device_time_s == pytest.approx(decisions * 1e-8, rel=1e-6)
    assert run.record["notes"]["tier"] == "apart"
    one = pbits.run(TOUR, Processor(**MACHINE), schedule, seed=3)
    bytes_moved = 16 * one.counts["weight_read"] + 16 * one.record["notes"]["slots_rewritten"] + 4 * 5 * 30 * 8
    assert one.counts["byte"] == bytes_moved
    assert one.device_time_s == pytest.approx(decisions * 1e-6 + max(one.counts["flop"] / 1e12, bytes_moved / 1e11))


def test_tours_are_tempered_and_grown_as_on_the_ideal_machine():
    machine = Processor(flop_per_s=1e12, byte_per_s=1e11, phase_s=1e-6)
    tempered, ideal = (temper(TOUR, one, betas=[1, 3, 9], sweeps=10, seed=3).run for one in (machine, "ideal"))
    np.testing.assert_array_equal(tempered.states, ideal.states)
    steering = tempered.record["notes"]["steering"]
    assert steering["rounds"] > 0
    work = max(tempered.counts["flop"] / 1e12, tempered.counts["byte"] / 1e11)
    assert tempered.device_time_s == pytest.approx((10 * 30 + steering["rounds"]) * 1e-6 + work)
    grown = anneal_population(TOUR, machine, beta_stop=9.0, levels=4, sweeps=2, population=20, seed=3).run
    assert grown.record["notes"]["steering"]["states_replaced"] > 0


@pytest.mark.parametrize("name", ["gpu-h100-sxm", "cpu-epyc-9654"])
def test_the_joules_of_tours_on_a_busy_processor_are_known(name):
    run = pbits.run(TOUR, name, pbits.Schedule(n_samples=5, chains=8, beta=3.0), seed=3)
    assert pbits.price(run, full_batch=True).joules > 0


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
        # Of spins in a fixed layout; reals know none.
        layout = "counter" if model is FRUSTRATED else "auto"
        return pbits.run(model, Processor(), pbits.Schedule(chains=chains, **schedule), seed=5, layout=layout).states

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


def test_no_phases_need_no_stated_phase_time():
    run = pbits.run(RING, Processor(flop_per_s=1e12, byte_per_s=1e11), ONE, seed=1, clamp=dict.fromkeys(range(4), 1))
    assert run.device_time_s == pytest.approx(run.counts["byte"] / 1e11)


# Chains apart


def timed(model=RING, *, chains=6, clamp=None, **machine):
    """A run of ten sweeps, its tiers and the name of the fastest."""
    schedule = pbits.Schedule(n_samples=10, n_warmup=0, chains=chains)
    run = pbits.run(model, Processor(**machine), schedule, seed=1, clamp=clamp)
    return run, run.record["notes"]["tiers"], run.record["notes"]["tier"]


@pytest.mark.parametrize(
    # 19 chains on 4 units: the busiest has 5, in rounds of 2; a sweep of the ring is 2 phases or 4 updates.
    ("kind", "clamp", "steps"),
    [("gpu", {}, 2), ("cpu", {}, 4), ("gpu", {0: 1, 2: 1}, 1), ("cpu", {0: 1}, 3)],
)
def test_the_steps_of_the_busiest_unit_by_hand(kind, clamp, steps):
    run, tiers, tier = timed(chains=19, clamp=clamp, kind=kind, **MACHINE, **UNITS)
    assert tier == "apart"
    assert run.device_time_s == pytest.approx(3 * 10 * steps * 1e-8, rel=1e-12)
    # Of a full batch: 19 of the 4 × 2 chains at once.
    assert tiers["apart"]["full_batch_s"] == pytest.approx(19 / 8 * 10 * steps * 1e-8, rel=1e-12)
    assert tiers["apart"]["refused"] == []


def test_one_chain_at_a_time_on_a_core():
    _, tiers, _ = timed(chains=9, kind="cpu", **MACHINE, **UNITS | {"unit_chains": 1})
    assert tiers["apart"]["seconds"] == pytest.approx(3 * 40 * 1e-8, rel=1e-12)


def test_a_unit_is_not_faster_than_its_part_of_the_peak_nor_than_the_memory():
    slow = MACHINE | {"flop_per_s": 1e6}
    run, tiers, _ = timed(chains=5, **slow, **UNITS)
    assert tiers["apart"]["seconds"] == pytest.approx(run.counts["flop"] * 2 * 4 / 5 / 1e6, rel=1e-12)
    assert tiers["apart"]["full_batch_s"] == pytest.approx(run.counts["flop"] / 1e6, rel=1e-12)
    narrow = MACHINE | {"byte_per_s": 1e3}
    _, tiers, _ = timed(chains=5, **narrow, **UNITS)
    # 12 weights and fields of 8 bytes, once; ten read-outs of 4 spins and 5 chains.
    assert tiers["apart"]["seconds"] == pytest.approx((8 * 12 + 200) / 1e3, rel=1e-12)
    assert tiers["apart"]["full_batch_s"] == pytest.approx(200 / 1e3, rel=1e-12)


def test_chains_run_apart_where_the_model_and_a_chain_fit_a_unit():
    # 8 bytes × (8 weights + 4 fields) + 4 spins a chain
    for room, at_once in ((100, 1), (103, 1), (104, 2), (1000, 5)):
        _, tiers, tier = timed(chains=20, **MACHINE, **UNITS | {"unit_bytes": room, "unit_chains": 5})
        assert tier == "apart"
        assert tiers["apart"]["seconds"] == pytest.approx(-(-5 // at_once) * 20 * 1e-8, rel=1e-12)
    run, tiers, tier = timed(**MACHINE, **UNITS | {"unit_bytes": 99})
    assert tier == "roofline"
    assert run.device_time_s == tiers["roofline"]["seconds"] > 20e-6
    assert tiers["apart"]["refused"] == ["the model and one chain take 100 bytes; a unit holds 99"]


def test_the_reason_names_what_is_not_stated():
    _, tiers, _ = timed(**MACHINE)
    assert tiers["apart"]["refused"] == [f"{name} is not stated" for name in ("units", "unit_bytes", "unit_step_s")]
    _, tiers, tier = timed(flop_per_s=1e12, byte_per_s=1e11, **UNITS)
    assert tiers["roofline"]["refused"] == ["phase_s is not stated"]
    assert tier == "apart"
    _, tiers, tier = timed(byte_per_s=1e11, phase_s=1e-6, **UNITS)
    assert tiers["apart"]["refused"] == ["flop_per_s is not stated"]
    assert tier is None


def test_times_carry_their_ranges_and_the_fastest_is_taken_end_by_end():
    step = Figure(1e-8, 0.5e-8, 4e-5, Evidence.ASSUMED)
    lanes = Figure(2, 1, 4, Evidence.DERIVED)
    run, _, tier = timed(chains=16, **MACHINE, **UNITS | {"unit_step_s": step, "unit_chains": lanes})
    roofline = run.counts["byte"] / 1e11 + 20e-6
    assert tier == "apart"
    # Four chains a unit: two rounds, at best one, at worst four; at worst the whole processor is faster.
    ends = (run.device_time.value, run.device_time.low, run.device_time.high)
    assert ends == pytest.approx((2 * 20 * 1e-8, 20 * 0.5e-8, roofline), rel=1e-12)
    assert run.device_time.evidence is Evidence.ASSUMED


# A full batch


def test_a_full_batch_hides_waiting_and_shares_the_weights():
    run, tiers, _ = timed(**MACHINE)
    assert run.counts["byte"] == 10 * (64 + 6 * 8) + 240
    share = max(run.counts["flop"] / 1e12, (run.counts["byte"] - 640) / 1e11)
    assert run.full_batch_time.value == tiers["roofline"]["full_batch_s"] == pytest.approx(share, rel=1e-12)
    assert run.record["notes"]["full_batch_s"] == run.full_batch_time.value


def test_a_full_batch_of_gaussian_draws_still_factorises():
    run = pbits.run(GAUSSIAN, Processor(**MACHINE, **UNITS), ONE, seed=1)
    share = max(run.counts["flop"] / 1e12, run.counts["byte"] / 1e11)
    assert run.full_batch_time.value == pytest.approx(share, rel=1e-12)
    assert run.device_time_s == pytest.approx(share + 2e-6, rel=1e-12)
    assert all(run.record["notes"]["tiers"][name]["refused"] for name in ("apart", "published"))


def test_a_full_batch_share_is_unknown_where_its_rates_are():
    assert timed(phase_s=1e-6)[0].full_batch_time.value is None


figures = st.tuples(*(st.floats(-3, 3),) * 3).map(
    lambda powers: Figure(*(10.0 ** sorted(powers)[k] for k in (1, 0, 2)), Evidence.ASSUMED)
)


@settings(max_examples=25, deadline=None)
@given(
    rates=st.tuples(figures, figures, figures, figures, figures, figures),
    units=st.integers(1, 9),
    room=st.integers(90, 200),
    kind=st.sampled_from(["gpu", "cpu"]),
)
def test_more_chains_take_longer_and_a_full_batch_never_does(rates, units, room, kind):
    flop, byte, phase, step, held, updates = rates
    machine = {
        "flop_per_s": 1e9 * flop, "byte_per_s": 1e8 * byte, "phase_s": 1e-6 * phase, "unit_step_s": 1e-7 * step,
        "unit_chains": held, "units": units, "unit_bytes": room, "kind": kind,
        "published": Published(updates_per_s=1e8 * updates, degree=2),
    }  # fmt: skip
    runs = [timed(UNIFORM_RING, chains=chains, **machine)[0] for chains in (1, 5, 12, 40)]
    for run in runs:
        alone, share = run.device_time, run.full_batch_time
        for end in ("value", "low", "high"):
            assert getattr(share, end) <= getattr(alone, end) * (1 + 1e-12)
        assert share.value / run.schedule.chains == pytest.approx(runs[0].full_batch_time.value, rel=1e-12)
    for fewer, more in itertools.pairwise(runs):
        for end in ("value", "low", "high"):
            assert getattr(fewer.device_time, end) <= getattr(more.device_time, end) * (1 + 1e-12)


# Published rates


def test_a_published_rate_times_like_work():
    run, tiers, tier = timed(TORUS, published=RATE, **MACHINE | {"flop_per_s": 1e6})
    seconds = 10 * 6 * 16 / 1e6
    assert tiers["published"] == {"seconds": seconds, "full_batch_s": seconds, "refused": []}
    assert seconds < tiers["roofline"]["seconds"]
    assert (tier, run.device_time_s) == ("published", seconds)


def test_the_faster_of_all_tiers_counts():
    run, tiers, tier = timed(TORUS, published=Published(updates_per_s=1e3, degree=4), **MACHINE)
    assert tiers["published"]["seconds"] == pytest.approx(0.96)
    assert (tier, run.device_time_s) == ("roofline", tiers["roofline"]["seconds"])


def test_a_published_rate_is_not_faster_than_its_synchronisations_unless_the_batch_is_full():
    _, tiers, _ = timed(TORUS, published=Published(updates_per_s=1e15, degree=4), **MACHINE)
    assert tiers["published"]["seconds"] == pytest.approx(10 * 2 * 1e-6)
    assert tiers["published"]["full_batch_s"] == pytest.approx(960 / 1e15)


def test_a_published_rate_alone_times_like_work():
    run, tiers, tier = timed(TORUS, published=RATE)
    assert tiers["roofline"]["seconds"] is None
    assert (tier, run.device_time_s) == ("published", pytest.approx(960 / 1e6))


@pytest.mark.parametrize(
    ("model", "clamp", "reason"),
    [
        (torus(weights=[1.0, -1.0] * 16), {}, "its couplings take 2 values"),
        (torus(weights=[1.0, 0.5] * 16), {}, "its couplings take 2 values"),
        (pbits.IsingModel(np.ones((5, 5)) - np.eye(5)), {}, "takes 5 colours"),
        (UNIFORM_RING, {}, "its sites have 2 neighbours"),
        (pbits.IsingModel.from_edges(5, [(0, k) for k in range(1, 5)], np.ones(4)), {}, "its sites have 1 to 4"),
        (torus(fields=np.full(16, 0.3)), {}, "it has fields"),
        (torus(), {0: 1}, "1 sites are held fixed"),
    ],
)
def test_a_published_rate_does_not_time_other_work(model, clamp, reason):
    run, tiers, tier = timed(model, clamp=clamp, published=RATE, **MACHINE)
    assert tiers["published"]["seconds"] is tiers["published"]["full_batch_s"] is None
    assert [reason in text for text in tiers["published"]["refused"]] == [True]
    assert (tier, run.device_time_s) == ("roofline", tiers["roofline"]["seconds"])


def test_one_coupling_of_any_size_is_like_work_and_no_rate_is_none():
    assert timed(torus(6, 4, weights=np.full(48, 0.25)), published=RATE)[1]["published"]["refused"] == []
    assert timed(torus(), **MACHINE)[1]["published"]["refused"] == ["no published rate is stated"]


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
    (other,) = small.limits(pbits.DirectedModel([[0, 1.0], [0, 0]]))
    assert "this is a DirectedModel" in other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "tpu"}, "must be one of gpu, cpu"),
        ({"flop_per_s": 0.0}, "flop_per_s is 0.0"),
        ({"phase_s": -1.0}, "phase_s is -1.0"),
        ({"units": 0}, "units is 0"),
        ({"unit_step_s": -1e-9}, "unit_step_s is -1e-09"),
    ],
)
def test_impossible_processors_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Processor(**arguments)


def test_impossible_published_rates_are_refused():
    with pytest.raises(ValueError, match="updates_per_s is 0"):
        Published(updates_per_s=0.0, degree=4)
    with pytest.raises(ValueError, match="at least 1"):
        Published(updates_per_s=1.0, degree=0)


def spec(**parameters):
    numbers = {
        key: value
        if key == "kind"
        else {"value": value, **({} if value == "not stated" else {"evidence": "assumed"}), "note": "test"}
        for key, value in parameters.items()
    }
    return MachineSpec(
        name="box", title="Box", physics="processor", date="2026-11-22", description="", illustrative=False,
        prices=None, parameters=numbers, sources={}, path="box.toml",
    )  # fmt: skip


def test_from_spec_reads_what_an_entry_says():
    stated = {
        "kind": "cpu", "peak_flops": "1 TFLOP/s", "memory_bandwidth": "100 GB/s", "phase_time": "1 µs",
        "memory_bytes": "1 kB", "tdp": "300 W", "units": 4, "unit_bytes": "1 kB", "unit_chains": 2,
        "update_time": "10 ns",
    }  # fmt: skip
    rate = {"published_updates_per_s": "1 1/ns", "published_degree": 2}
    schedule = pbits.Schedule(n_samples=10, n_warmup=0, chains=6)
    run = pbits.run(UNIFORM_RING, from_spec(spec(**stated, **rate)), schedule, seed=1)
    notes = run.record["notes"]
    assert (run.machine, notes["kind"], notes["tdp_w"]) == ("box", "cpu", 300.0)
    _, tiers, _ = timed(UNIFORM_RING, kind="cpu", **MACHINE, **UNITS)
    assert notes["tiers"]["roofline"] == tiers["roofline"]
    assert notes["tiers"]["apart"] == tiers["apart"]
    assert notes["tiers"]["published"]["seconds"] == pytest.approx(20e-6)
    assert any("to its host" in item for item in notes["not_charged"])
    assert from_spec(spec(**stated)).limits(RING, pbits.Schedule(chains=1000))
    unknown = dict.fromkeys(rate, "not stated")
    unstated = pbits.run(UNIFORM_RING, from_spec(spec(**stated, **unknown)), schedule, seed=1)
    assert unstated.record["notes"]["tiers"]["published"]["seconds"] is None
    with pytest.raises(CatalogueError, match="unknown key 'cache'"):
        from_spec(spec(kind="gpu", cache="5 MB"))
    with pytest.raises(CatalogueError, match="unknown key 'update_time'"):
        from_spec(spec(kind="gpu", update_time="5 ns"))


def catalogue(name):
    return from_spec(read_machine(Path(hardware_models.__file__).parent / "catalogue" / f"{name}.toml"))


def test_a_server_beats_one_laptop_core_by_far():
    rng = np.random.default_rng(1)
    dense = np.triu(rng.normal(size=(64, 64)), 1)
    schedule = pbits.Schedule(n_samples=1, n_warmup=19, chains=64)
    run = pbits.run(pbits.IsingModel(dense + dense.T), catalogue("cpu-epyc-9654"), schedule, seed=1)
    # A scalar loop takes 0.65 ms on one core of a laptop; 64 of the 96 cores have a chain.
    assert run.device_time_s < 3 * 0.65e-3 / 96
    assert run.record["notes"]["tier"] == "apart"


@pytest.mark.parametrize("name", ["gpu-v100-sxm2", "gpu-a100-sxm", "gpu-h100-sxm", "gpu-h200-sxm", "cpu-epyc-9654"])
def test_every_entry_runs_small_models_apart_and_large_ones_together(name):
    schedule = pbits.Schedule(n_samples=1, n_warmup=4, chains=2)
    small = pbits.run(torus(8, 8, weights=np.linspace(1, 2, 128)), catalogue(name), schedule, seed=1)
    tiers = small.record["notes"]["tiers"]
    assert small.record["notes"]["tier"] == "apart"
    assert tiers["apart"]["seconds"] < tiers["roofline"]["seconds"]
    assert small.full_batch_time.value < small.device_time_s
    large = pbits.run(torus(160, 160, weights=np.linspace(1, 2, 51200)), catalogue(name), schedule, seed=1)
    assert large.record["notes"]["tier"] == "roofline"
    assert "a unit holds" in large.record["notes"]["tiers"]["apart"]["refused"][0]
