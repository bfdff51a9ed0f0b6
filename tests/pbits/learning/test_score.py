"""Score matching against closed forms, known potentials and drawn noise; annealing against exact moments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models import langevin
from pbits.learning import anneal_scores, fit_score, noise_ladder

RNG = np.random.default_rng(0)
CELLS = langevin.Potentials(resistance_ohm=1e3, capacitance_f=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.floats(0.0, 2.0), st.integers(0, 10**6))
def test_a_gaussian_has_the_inverse_of_its_noisy_covariance(n, noise, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, n)) @ rng.normal(size=(n, n)) + rng.normal(size=n)
    covariance = np.atleast_2d(np.cov(x.T, bias=True)) + noise**2 * np.eye(n)
    if np.linalg.cond(covariance) > 1e6:
        return
    found = fit_score(x, noise=noise)
    np.testing.assert_allclose(found.model.A @ covariance, np.eye(n), atol=1e-6)
    np.testing.assert_allclose(found.model.mean, x.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e3, 1e6])
@pytest.mark.parametrize("kind", ["gaussian", "quartic"])
def test_units_of_the_data_do_not_matter(kind, scale):
    rows = quartic_draws(500, 3)
    one, other = fit_score(rows, kind, noise=0.1), fit_score(rows * scale, kind, noise=0.1 * scale)
    powers = {"A": 2} if kind == "gaussian" else {"a": 4, "b": 2}
    for name, power in powers.items():
        np.testing.assert_allclose(getattr(other.model, name) * scale**power, getattr(one.model, name), rtol=1e-8)
        np.testing.assert_allclose(other.errors[name] * scale**power, one.errors[name], rtol=1e-6)


@pytest.mark.parametrize("kind", ["gaussian", "quartic"])
def test_columns_that_follow_from_others_are_refused(kind):
    rng = np.random.default_rng(4)
    for _ in range(20):
        x = quartic_draws(200, rng)
        with pytest.raises(ValueError, match="do not tell all parameters apart"):
            fit_score(np.hstack([x, x @ rng.normal(size=(2, 1))]), kind)


QUARTIC = pbits.QuarticModel([1.0, 2.0], [1.0, 0.5], [[0, 0.4], [0.4, 0]], [0.2, -0.1])


def quartic_draws(m, seed):
    """Draws of the quartic by inverting its law on a grid."""
    grid = np.linspace(-4, 4, 401)
    x = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    p = np.exp(-QUARTIC.energy(x))
    rng = np.random.default_rng(seed)
    return x[rng.choice(len(x), m, p=p / p.sum())] + rng.uniform(-0.01, 0.01, (m, 2))


def test_the_parameters_of_a_quartic_come_back_within_their_errors():
    found = [fit_score(quartic_draws(4000, seed), "quartic") for seed in range(40)]
    for name, truth in (("a", [1.0, 2.0]), ("b", [1.0, 0.5]), ("h", [0.2, -0.1])):
        values = np.array([getattr(one.model, name, None) for one in found] if name != "h" else
                          [one.model.couplings.h for one in found])  # fmt: skip
        claimed = np.sqrt(np.mean([one.errors[name] ** 2 for one in found], axis=0))
        # Forty draws of eight numbers: spread within 40 %, and mean within 4.5 standard errors; false alarm below 1e-3.
        np.testing.assert_allclose(values.std(axis=0, ddof=1), claimed, rtol=0.4)
        assert (np.abs(values.mean(axis=0) - truth) < 4.5 * claimed / np.sqrt(40)).all()
    J = np.array([one.model.couplings.csr[0, 1] for one in found])
    assert abs(J.mean() - 0.4) < 4.5 * found[0].errors["J"][0, 1] / np.sqrt(40)


def test_noise_is_averaged_over_and_not_drawn():
    rows = quartic_draws(500, 1)
    exact = fit_score(rows, "quartic", noise=0.5)
    drawn = fit_score(np.repeat(rows, 400, axis=0) + 0.5 * RNG.normal(size=(200_000, 2)), "quartic")
    # Of the drawn noise alone: its standard errors are those of 200,000 rows.
    for name in ("a", "b"):
        gap = np.abs(getattr(exact.model, name) - getattr(drawn.model, name))
        assert (gap < 6 * drawn.errors[name]).all()
    assert exact.loss == pytest.approx(drawn.loss, abs=0.02)


def test_the_loss_is_what_it_says_and_least():
    rows = quartic_draws(1000, 2)
    found = fit_score(rows, "quartic")

    def loss(model):
        slope = model.gradient(rows)
        curvature = (3 * model.a * rows**2 - model.b).sum(axis=1)
        return (0.5 * (slope**2).sum(axis=1) - curvature).mean()

    assert found.loss == pytest.approx(loss(found.model))
    for change in (0.05, -0.05):
        m = found.model
        assert loss(pbits.QuarticModel(m.a + change, m.b, m.couplings.csr, m.couplings.h)) > found.loss
        assert loss(pbits.QuarticModel(m.a, m.b + change, m.couplings.csr, m.couplings.h)) > found.loss


def test_annealing_has_the_moments_of_its_levels():
    # One real: N(1, 0.5²) with noise; each level is an Ornstein-Uhlenbeck process for a known time.
    sigmas, m, s = noise_ladder(3.0, 0.3, 4), 1.0, 0.5
    models = [pbits.GaussianModel([[1 / (s**2 + sigma**2)]], [m / (s**2 + sigma**2)]) for sigma in sigmas]
    samples = 4000
    made = anneal_scores(models, sigmas, langevin.Circuit(), samples=samples, steps=3, step=0.05, seed=1)
    mean, variance = 0.0, sigmas[0] ** 2
    for level, sigma in enumerate(sigmas):
        rest = s**2 + sigma**2
        keep = np.exp(-3 * 0.05 * sigma**2 / sigmas[-1] ** 2 / 2 / rest)
        mean, variance = m + keep * (mean - m), rest + keep**2 * (variance - rest)
        x = made.levels[level][:, 0]
        # Four and a half standard errors each of eight numbers: false alarm below 1e-4.
        assert abs(x.mean() - mean) < 4.5 * np.sqrt(variance / samples)
        assert abs(x.var() - variance) < 4.5 * variance * np.sqrt(2 / samples)
    assert (made.samples == made.levels[-1]).all()


def test_annealing_runs_on_any_machine_of_reals():
    data = np.concatenate([RNG.normal(-1.5, 0.3, (300, 1)), RNG.normal(1.5, 0.3, (300, 1))])
    sigmas = noise_ladder(2.0, 0.4, 3)
    levels = [fit_score(data, "gaussian", noise=sigmas[0]).model]
    levels += [fit_score(data, "quartic", noise=0.1 * sigma).model for sigma in sigmas[1:]]
    made = anneal_scores(levels, sigmas, CELLS, samples=200, steps=5, step=0.2, seed=1)
    assert (np.abs(made.samples) > 0.5).mean() > 0.8
    assert abs(made.samples.mean()) < 0.5
    assert made.cost.runs == 3
    assert made.joules is None
    assert "levels=3" in repr(made)


def test_a_ladder_that_was_fitted_ends_at_the_data():
    x = RNG.normal([1.0, -2.0], [0.5, 1.0], (3000, 2))
    sigmas = noise_ladder(4.0, 0.2, 5)
    models = [fit_score(x, noise=sigma).model for sigma in sigmas]
    made = anneal_scores(models, sigmas, "langevin-rc-illustrative", samples=2000, steps=20, seed=2)
    np.testing.assert_allclose(made.samples.mean(axis=0), x.mean(axis=0), atol=0.12)
    np.testing.assert_allclose(made.samples.std(axis=0), np.sqrt(x.var(axis=0) + 0.04), rtol=0.08)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: fit_score([[1.0, np.nan], [0, 0]]), "data.0, 1. is nan"),
        (lambda: fit_score([1.0, 2.0]), "give rows of n numbers"),
        (lambda: fit_score(RNG.normal(size=(3, 2))), "3 rows do not tell a gaussian potential of 2 sites"),
        (lambda: fit_score(RNG.normal(size=(30, 2)) * [1, 0]), "column 1 does not vary"),
        (lambda: fit_score(RNG.normal(size=(30, 1)), noise=-1), "noise is -1"),
        (lambda: fit_score(RNG.normal(size=(30, 1)), "cubic"), "one of gaussian, quartic"),
        (lambda: fit_score(RNG.standard_t(3, (4000, 1)), "quartic"), "falls without end along site 0"),
        (lambda: noise_ladder(1.0, 2.0, 3), "must fall"),
        (lambda: noise_ladder(1.0, 0.0, 3), "above 0"),
        (lambda: noise_ladder(2.0, 1.0, 2.5), "whole number of at least 2"),
        (lambda: fit_score(1e7 + RNG.normal(size=(50, 2))), "centre columns"),
        (lambda: anneal_scores([QUARTIC], [1.0, 0.5], CELLS, samples=1), "1 models and 2 sigmas"),
        (lambda: anneal_scores([QUARTIC, QUARTIC], [0.5, 1.0], CELLS, samples=1), "must fall all the way"),
        (lambda: anneal_scores([QUARTIC], [-1.0], CELLS, samples=1), "positive numbers"),
        (lambda: anneal_scores([QUARTIC], [1.0], CELLS, samples=0), "samples is 0"),
        (lambda: anneal_scores([pbits.IsingModel([[0.0]])], [1.0], CELLS, samples=1), "number of reals"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()


def test_a_ridge_makes_the_potential_shallower_and_is_no_part_of_the_loss():
    x = np.random.default_rng(3).normal(0.0, 0.5, (400, 1))
    plain, pulled = fit_score(x), fit_score(x, ridge=0.5)
    assert 0 < pulled.model.A[0, 0] < plain.model.A[0, 0]
    assert pulled.loss > plain.loss
    slope = x * pulled.model.A[0, 0] - pulled.model.b
    assert pulled.loss == pytest.approx((0.5 * slope**2).mean() - pulled.model.A[0, 0])
