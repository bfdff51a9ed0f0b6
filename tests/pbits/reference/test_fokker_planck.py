"""Exact laws of magnets against closed forms, and against each other."""

import numpy as np
import pytest

from pbits.reference.fokker_planck import axial_mean, axial_spectrum, sphere_moments, switching_rate


def test_a_free_magnet_has_the_spectrum_of_the_sphere():
    rates, weights = axial_spectrum((0.0,))
    np.testing.assert_allclose(rates[:10], [l * (l + 1) for l in range(10)], atol=1e-9)
    np.testing.assert_allclose(weights[:4], [0, 1 / 3, 0, 0], atol=1e-12)


@pytest.mark.parametrize("potential", [(0.0, -1.5), (0.3, -0.4, -3.0), (0.0, 0.0, 4.0), (0.0, 0.5, -2.0, 0.0, -1.0)])
def test_weights_are_moments_and_rates_do_not_depend_on_the_cut(potential):
    rates, weights = axial_spectrum(potential)
    assert rates[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(rates[:20]) > 0).all()
    assert weights[0] == pytest.approx(axial_mean(lambda u: u, potential) ** 2, abs=1e-11)
    assert weights.sum() == pytest.approx(axial_mean(lambda u: u**2, potential), abs=1e-11)
    np.testing.assert_allclose(axial_spectrum(potential, 60)[0][:5], rates[:5], atol=1e-9)


def test_the_slowest_mode_starts_as_diffusion_in_the_potential_tells():
    """−d⟨u(0)u(t)⟩/dt at 0 is D_r⟨1 − u²⟩, whatever the potential."""
    potential = (0.0, 0.3, -2.5)
    rates, weights = axial_spectrum(potential)
    assert (rates * weights).sum() == pytest.approx(1 - axial_mean(lambda u: u**2, potential), rel=1e-9)


@pytest.mark.parametrize("barrier", [8.0, 11.0, 14.0])
@pytest.mark.parametrize("tilt", [0.0, 0.1])
def test_switching_rates_approach_those_of_brown(barrier, tilt):
    """Brown's two rates are high by about 1/Δ of themselves."""
    exact = switching_rate((0.0, -2 * barrier * tilt, -barrier), 240)
    brown = sum(
        2 / np.sqrt(np.pi) * barrier**1.5 * (1 - tilt**2) * (1 + s * tilt) * np.exp(-barrier * (1 + s * tilt) ** 2)
        for s in (1, -1)
    )
    assert barrier * (1 - exact / brown) == pytest.approx(1.12, abs=0.25)


def test_moments_on_the_sphere():
    for xi in (0.1, 2.0, 20.0):
        mean, second = sphere_moments(lambda m, xi=xi: -xi * m[..., 0])
        assert mean == pytest.approx([1 / np.tanh(xi) - 1 / xi, 0, 0], abs=1e-12)
        assert np.trace(second) == pytest.approx(1)
    _, second = sphere_moments(lambda m: -3 * m[..., 2] ** 2)
    assert second[2, 2] == pytest.approx(axial_mean(lambda u: u**2, (0, 0, -3)), abs=1e-12)
