"""Laws of potentials by quadrature against closed forms, and rates against spectra that are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.reference.potential import diffusion_rates, kramers_rate


@given(st.floats(0.2, 5.0), st.floats(0.1, 20.0))
def test_a_lone_quartic_site_in_closed_form(a, beta):
    law = pbits.exact(pbits.QuarticModel([a], [0.0], offset=0.7), beta)
    half = a * beta / 4
    second = math.gamma(0.75) / math.gamma(0.25) / math.sqrt(half)
    assert law.covariance[0, 0] == pytest.approx(second, rel=1e-10)
    assert law.log_z == pytest.approx(math.log(math.gamma(0.25) / 2 / half**0.25) - 0.7 * beta, abs=1e-9)
    assert law.mean_energy == pytest.approx(0.7 + 0.25 / beta, rel=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 60), st.floats(0.3, 10.0))
def test_harmonic_potentials_are_gaussian(seed, beta):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(2, 2))
    model = pbits.GaussianModel(factor @ factor.T + 0.3 * np.eye(2), 3 * rng.normal(size=2), 0.2)
    own = np.diag(model.A)
    quartic = pbits.QuarticModel([0, 0], -own, np.diag(own) - model.A, model.b, 0.2)
    hidden = pbits.PotentialModel(2, model.energy, lambda x: x @ model.A - model.b)
    truth = pbits.exact(model, beta)
    for one in (quartic, hidden):
        law = pbits.exact(one, beta)
        np.testing.assert_allclose(law.mean, truth.mean, atol=1e-9)
        np.testing.assert_allclose(law.covariance, truth.covariance, rtol=1e-7, atol=1e-10)
        assert law.log_z == pytest.approx(truth.log_z, abs=1e-8)
        assert law.mean_energy == pytest.approx(truth.mean_energy, abs=1e-8)


def test_virial_theorem_of_two_coupled_wells():
    model = pbits.QuarticModel([1.0, 0.5], [1.0, 2.0], [[0.0, 0.4], [0.4, 0.0]], [0.1, -0.3])
    law = pbits.exact(model, 1.7)
    # ⟨x·∇E⟩ = n/β, over a grid of the test's own.
    grid = np.linspace(-4, 4, 601)
    y = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1)
    p = np.exp(-1.7 * model.energy(y))
    p /= p.sum()
    assert (p * (y * model.gradient(y)).sum(-1)).sum() == pytest.approx(2 / 1.7, rel=1e-9)
    np.testing.assert_allclose(law.mean, np.einsum("ij,ijk->k", p, y), atol=1e-9)
    assert law.mean_energy == pytest.approx((p * model.energy(y)).sum(), rel=1e-9)


def test_sites_without_couplings_are_laws_of_their_own():
    one, other = pbits.QuarticModel([1.0], [1.0], h=[0.3]), pbits.QuarticModel([0.0], [-2.0])
    model = pbits.QuarticModel([1.0, 0.0, 1.0], [1.0, -2.0, 1.0], h=[0.3, 0.0, 0.3], offset=0.4)
    law, (a, b) = pbits.exact(model, 2.0), (pbits.exact(part, 2.0) for part in (one, other))
    assert law.log_z == pytest.approx(2 * a.log_z + b.log_z - 0.8)
    np.testing.assert_allclose(law.mean, [a.mean[0], b.mean[0], a.mean[0]], atol=1e-12)
    np.testing.assert_allclose(np.diag(law.covariance), [a.covariance[0, 0], 0.25, a.covariance[0, 0]])


def test_wells_far_apart_are_both_found():
    # Minima at ±10, behind a barrier of 25 kT.
    law = pbits.exact(pbits.QuarticModel([0.01], [1.0]), 1.0)
    assert law.mean[0] == pytest.approx(0, abs=1e-9)
    assert law.covariance[0, 0] == pytest.approx(100, rel=0.02)


def test_what_has_no_law_here_is_refused():
    three = pbits.QuarticModel([1.0] * 3, [1.0] * 3, np.ones((3, 3)) - np.eye(3))
    with pytest.raises(ValueError, match="of 3 sites has no exact law here"):
        pbits.exact(three)
    with pytest.raises(ValueError, match="leave the clamp out"):
        pbits.exact(pbits.QuarticModel([1.0], [1.0]), clamp={0: 1.0})
    with pytest.raises(ValueError, match="does not rise far out"):
        pbits.exact(pbits.PotentialModel(1, lambda x: np.tanh(x**2).sum(-1), lambda x: 2 * x))


def test_a_harmonic_well_relaxes_at_multiples_of_its_stiffness():
    rates = diffusion_rates(lambda x: 1.5 * x**2, 2.0, -5.0, 5.0, count=4)
    np.testing.assert_allclose(rates, [0, 3, 6, 9], rtol=1e-4, atol=1e-8)


def test_kramers_is_approached_as_the_barrier_rises():
    model = pbits.QuarticModel([1.0], [1.0])
    ratios = []
    for beta in (20.0, 40.0, 60.0):
        exact = diffusion_rates(lambda x: model.energy(x[:, None]), beta, -2.2, 2.2)[1]
        ratios.append(exact / (2 * kramers_rate(0.25, 2.0, 1.0, beta)))
    # Corrections are of the order of one over the barrier.
    assert ratios[0] < ratios[1] < ratios[2] < 1
    np.testing.assert_allclose((1 - np.array(ratios)) * np.array([20.0, 40.0, 60.0]), 1.5, atol=0.4)
