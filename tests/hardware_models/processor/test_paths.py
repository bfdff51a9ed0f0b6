"""Statistical tests have fixed seeds and a false-alarm rate of 1e-4 or less each."""

import numpy as np
import pytest
from scipy.linalg import expm

import pbits
from hardware_models.processor import Processor
from hardware_models.processor.tiers import NORMAL_FLOPS, RNG_FLOPS
from pbits.problems import LogisticPosterior

VORTEX = pbits.DiffusionModel([[1.0, 2.0], [-1.0, 0.8]], [0.5, -0.5], [[1.0, 0.3], [0.3, 0.5]])
WELLS = pbits.QuarticModel([1.0, 0.5], [1.0, -0.5], [[0.0, 0.4], [0.4, 0.0]], [0.1, 0.2])
MACHINE = {"flop_per_s": 1e12, "byte_per_s": 1e11, "phase_s": 1e-6}


def test_draws_of_a_diffusion_have_its_moments_and_its_memory():
    schedule = pbits.Schedule(n_samples=2, n_warmup=0, chains=40_000, beta=2.0, step_tau=0.3, steps_per_sample=2)
    run = pbits.run(VORTEX, Processor(), schedule, seed=1, judge=False)
    deviations = run.states - VORTEX.mean
    covariance = VORTEX.covariance / 2
    # 4.5 standard errors of 12 numbers: 1e-4.
    allowed = 4.5 * np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / 40_000)
    for draw in (0, 1):
        assert (np.abs(deviations[:, draw].T @ deviations[:, draw] / 40_000 - covariance) < allowed).all()
    lagged = deviations[:, 1].T @ deviations[:, 0] / 40_000
    expected = expm(-0.6 * VORTEX.A) @ covariance
    assert (np.abs(lagged - expected) < 1.5 * allowed).all()
    assert np.abs(lagged.T - expected).max() > allowed.max()
    assert run.record["notes"]["step_tau"] == 0.3


def test_a_diffusion_that_is_set_starts_there_and_pays_its_warm_up():
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, chains=20_000, step_tau=0.5)
    start = np.array([10.0, -10.0])
    run = pbits.run(VORTEX, Processor(), schedule, seed=2, initial=start, judge=False)
    expected = VORTEX.mean + expm(-0.5 * VORTEX.A) @ (start - VORTEX.mean)
    assert np.abs(run.states.mean(axis=(0, 1)) - expected).max() < 5 / np.sqrt(20_000)
    flops = [
        pbits.run(
            VORTEX, Processor(**MACHINE), pbits.Schedule(n_samples=10, n_warmup=warm), seed=1, initial=start
        ).counts["flop"]
        for warm in (0, 5)
    ]
    assert flops[1] > flops[0]


def test_a_draw_of_a_diffusion_costs_a_product_and_a_triangle():
    def counts(samples, **changes):
        schedule = pbits.Schedule(n_samples=samples, chains=3, step_tau=0.1, **changes)
        return pbits.run(VORTEX, Processor(**MACHINE), schedule, seed=1, judge=False).counts

    few, more = counts(10), counts(110)
    assert more["flop"] - few["flop"] == pytest.approx(300 * (3 * 2**2 + 2 * (RNG_FLOPS + NORMAL_FLOPS)))
    assert counts(10, n_warmup=1000)["flop"] == few["flop"]
    # One step of any length: longer ones take more doublings to prepare, and fewer to the stationary law.
    assert counts(10, steps_per_sample=50)["flop"] == pytest.approx(few["flop"], rel=0.2)


def test_draws_of_wells_have_their_moments():
    schedule = pbits.Schedule(n_samples=4, n_warmup=20, chains=10_000, beta=1.5, step_tau=2.0)
    run = pbits.run(WELLS, Processor(), schedule, seed=3, judge=False)
    law = pbits.exact(WELLS, 1.5)
    x = run.states.reshape(-1, 2)
    # The integrator errs by up to 2 %; 40,000 draws of which half count know a variance to 1 %.
    np.testing.assert_allclose(np.cov(x.T), law.covariance, atol=0.07 * law.covariance.max())
    np.testing.assert_allclose(x.mean(axis=0), law.mean, atol=0.05)
    assert 0 < run.record["notes"]["integrator_error_of_mean_energy"] <= 0.02


def test_a_potential_costs_what_its_gradient_states():
    X = np.random.default_rng(1).normal(size=(20, 2))
    posed = LogisticPosterior(X, X[:, 0] > 0, prior_sd=1.0).to_model()
    schedule = pbits.Schedule(n_samples=5, n_warmup=5, chains=2, step_tau=1.0)
    run = pbits.run(posed, Processor(**MACHINE), schedule, seed=1, judge=False)
    substeps = run.record["notes"]["integrator_steps_per_step"]
    each = 4 * 20 * 2 + 10 * 20 + 2 * 2 + 2 * (4 + RNG_FLOPS + NORMAL_FLOPS)
    assert run.counts["flop"] == pytest.approx(10 * substeps * 2 * each)
    assert run.device_time_s == pytest.approx(10 * substeps * 1e-6, rel=0.1)
    silent = pbits.PotentialModel(1, lambda x: 0.5 * (x**2).sum(-1), lambda x: x)
    unknown = pbits.run(silent, Processor(**MACHINE), schedule, seed=1, judge=False)
    assert unknown.device_time_s is None
    assert "flop" not in unknown.counts
    assert "not stated" in unknown.record["notes"]["tiers"]["roofline"]["refused"][0]


@pytest.mark.parametrize("model", [VORTEX, WELLS])
def test_what_a_path_cannot_do_is_refused(model):
    with pytest.raises(pbits.NotMappable, match="cannot be held fixed"):
        pbits.run(model, Processor(), pbits.Schedule(n_samples=1), clamp={0: 1.0})
    with pytest.raises(pbits.NotMappable, match="step_tau"):
        pbits.run(model, Processor(), pbits.Schedule(n_samples=1, step_s=1.0))
    with pytest.raises(pbits.NotMappable, match="β = 0"):
        pbits.run(model, Processor(), pbits.Schedule(n_samples=1, beta=0.0))


@pytest.mark.parametrize("model", [VORTEX, WELLS])
def test_a_path_does_not_depend_on_how_often_it_is_looked_at(model):
    fine = pbits.run(model, Processor(), pbits.Schedule(n_samples=6, n_warmup=2, chains=3), seed=5, judge=False)
    coarse = pbits.run(
        model, Processor(), pbits.Schedule(n_samples=3, n_warmup=2, steps_per_sample=2, chains=3), seed=5, judge=False
    )
    np.testing.assert_allclose(fine.states[:, 1::2], coarse.states, rtol=1e-10)


def test_steps_are_short_enough_for_the_hottest_of_an_anneal():
    wells = pbits.QuarticModel([1.0], [1.0])
    anneal = pbits.Schedule.anneal(sweeps=40, beta_start=0.001, beta_stop=8.0, chains=400)
    run = pbits.run(wells, Processor(kind="cpu"), anneal, seed=1)
    exact = pbits.exact(wells, 8.0)
    squares = (run.states**2).ravel()
    # Five standard errors, and a twentieth for what the last sweeps leave of the hotter ones.
    slack = 5 * squares.std() / 20 + 0.05
    assert abs(squares.mean() - exact.covariance[0, 0]) < slack
