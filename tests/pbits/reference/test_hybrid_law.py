"""The exact law of categories and modes against quadrature and against the two models it is made of."""

import numpy as np
import pytest
from scipy.integrate import quad

import pbits
from pbits.reference.categorical import transition
from pbits.reference.hybrid import mode_covariance


def blocks(m=1, seed=0):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(m, m))
    discrete = pbits.CategoricalModel(
        [2, 3], [rng.normal(size=2), rng.normal(size=3)], {(0, 1): rng.normal(size=(2, 3))}, offset=0.4
    )
    drives = {0: rng.normal(size=(2, m)), 1: rng.normal(size=(3, m))}
    return pbits.HybridModel(discrete, root @ root.T + np.eye(m), rng.normal(size=m), drives)


def integrals(model, beta, moment):
    """∫ x^k e^(−βE) dx for each state of the categories, by quadrature."""
    law = pbits.exact(model.discrete)
    return np.array(
        [
            quad(lambda x, c=c: x**moment * np.exp(-beta * model.energy([*c, x])), -30, 30, epsabs=1e-13)[0]
            for c in law.states
        ]
    )


@pytest.mark.parametrize("beta", [0.5, 1.7])
def test_one_mode_agrees_with_quadrature(beta):
    model, law = blocks(), pbits.exact(blocks(), beta)
    weights, first, second = (integrals(model, beta, moment) for moment in range(3))
    assert law.log_z == pytest.approx(np.log(weights.sum()), abs=1e-9)
    np.testing.assert_allclose(law.probabilities, weights / weights.sum(), rtol=1e-9)
    np.testing.assert_allclose(law.mode_means[:, 0], first / weights, rtol=1e-8)
    assert law.mean[2] == pytest.approx(first.sum() / weights.sum(), abs=1e-9)
    assert law.correlation[2, 2] == pytest.approx(second.sum() / weights.sum(), abs=1e-9)
    assert law.covariance[0, 2] == pytest.approx(
        (law.states[:, 0] * first).sum() / weights.sum() - law.mean[0] * law.mean[2], abs=1e-9
    )
    np.testing.assert_allclose(law.energies, -np.log(weights) / beta, rtol=1e-9)


def test_the_mean_energy_is_the_slope_of_log_z():
    model, step = blocks(3), 1e-5
    slope = (pbits.exact(model, 1 + step).log_z - pbits.exact(model, 1 - step).log_z) / (2 * step)
    assert pbits.exact(model).mean_energy == pytest.approx(-slope, abs=1e-7)


def test_without_drives_the_parts_are_independent():
    model = blocks(2)
    apart = pbits.HybridModel(model.discrete, model.modes.A, model.modes.b)
    law, discrete, modes = pbits.exact(apart, 0.7), pbits.exact(model.discrete, 0.7), pbits.exact(model.modes, 0.7)
    np.testing.assert_allclose(law.probabilities, discrete.probabilities, rtol=1e-12)
    np.testing.assert_allclose(law.covariance[:2, 2:], 0, atol=1e-12)
    np.testing.assert_allclose(law.covariance[2:, 2:], modes.covariance, atol=1e-12)
    assert law.log_z == pytest.approx(discrete.log_z + modes.log_z)
    assert law.mean_energy == pytest.approx(discrete.mean_energy + modes.mean_energy)


def test_a_clamp_is_the_conditional_law():
    model, clamp = blocks(3), {0: 1, 3: 0.6}
    law = pbits.exact(model, 0.9, clamp)
    # Of what is held a narrower model is left, with the drives of the held mode as energies of the categories.
    A, b = model.modes.A, model.modes.b
    free = [0, 2]
    unary = [u - 0.6 * model.drives_flat[begin : begin + len(u), 1] for u, begin in zip(model.discrete.unary, (0, 2))]
    narrower = pbits.HybridModel(
        pbits.CategoricalModel(
            [2, 3], unary, {(0, 1): model.discrete.tables[0]}, offset=0.4 + 0.18 * A[1, 1] - 0.6 * b[1]
        ),
        A[np.ix_(free, free)],
        b[free] - 0.6 * A[free, 1],
        {0: model.drives_flat[:2, free], 1: model.drives_flat[2:, free]},
    )
    expected = pbits.exact(narrower, 0.9, {0: 1})
    assert law.log_z == pytest.approx(expected.log_z)
    np.testing.assert_allclose(law.probabilities, expected.probabilities, rtol=1e-10)
    kept = [0, 1, 2, 4]
    np.testing.assert_allclose(law.mean[kept], expected.mean, atol=1e-10)
    np.testing.assert_allclose(law.covariance[np.ix_(kept, kept)], expected.covariance, atol=1e-10)
    assert law.mean[3] == pytest.approx(0.6)
    assert np.abs(law.covariance[3]).max() < 1e-12
    assert law.mean_energy == pytest.approx(expected.mean_energy)


def test_beta_zero_has_no_law():
    with pytest.raises(ValueError, match="take beta above 0"):
        pbits.exact(blocks(), 0.0)


def test_equal_temperatures_are_boltzmanns():
    A = blocks(3).modes.A
    np.testing.assert_allclose(mode_covariance(A, [2.0] * 3, 0.5), 4 * np.linalg.inv(A), rtol=1e-10)


def test_large_models_have_no_matrix():
    with pytest.raises(ValueError, match="4096 states.*up to 2048"):
        transition(pbits.CategoricalModel([8] * 4))
