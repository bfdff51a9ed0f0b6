"""The kernel of single-domain magnets against its plain twin, and its order against a closed form."""

import numpy as np
import pytest

from pbits.kernels.llg import heun
from pbits.reference.magnets import heun_path

KEY = (np.uint32(3), np.uint32(4))
MAGNETS, STEPS, ALPHA = 5, 12, 0.3
STEP0 = 2**32 - 5
PLACES = {"stiffness": slice(0, 3), "field": slice(3, 6), "torque": slice(6, 9), "noise": slice(9, 10)}


def setting():
    """Directions (3, magnets), and pushes of every kind."""
    rng = np.random.default_rng(0)
    m = rng.normal(size=(3, MAGNETS))
    pushes = 0.2 * rng.normal(size=(10, MAGNETS))
    pushes[9] = np.linspace(0.05, 0.3, MAGNETS)
    return m / np.linalg.norm(m, axis=0), pushes


def advance(m, pushes, *, looks=STEPS, steps=1, magnet0=4, step0=STEP0, alpha=ALPHA):
    m = m.copy()
    seen = np.empty((looks, 3, m.shape[1]))
    heun(seen, m, pushes, alpha, steps, *KEY, magnet0, step0)
    np.testing.assert_array_equal(seen[-1], m)
    return seen


def expected():
    m, pushes = setting()
    rows = zip(m.T, *(pushes[place].T for place in PLACES.values()))
    paths = [
        heun_path(m0, K, F, tau, float(noise[0]), ALPHA, STEPS, KEY, 4 + k, STEP0)
        for k, (m0, K, F, tau, noise) in enumerate(rows)
    ]
    return np.transpose(paths, (1, 2, 0))


def test_directions_equal_the_twin():
    np.testing.assert_allclose(advance(*setting()), expected(), atol=1e-12)


@pytest.mark.parametrize(("kind", "factor"), [*((kind, 1.01) for kind in PLACES), ("noise", np.sqrt(2))])
def test_the_check_sees_a_push_that_is_off(kind, factor):
    m, pushes = setting()
    pushes[PLACES[kind]] *= factor
    assert np.abs(advance(m, pushes) - expected()).max() > 1e-4


def test_draws_do_not_depend_on_how_steps_and_magnets_are_cut():
    m, pushes = setting()
    whole = advance(m, pushes)
    np.testing.assert_array_equal(advance(m, pushes, looks=4, steps=3), whole[2::3])
    half = advance(m, pushes, looks=5)
    np.testing.assert_array_equal(advance(half[-1], pushes, looks=STEPS - 5, step0=STEP0 + 5), whole[5:])
    some = advance(np.ascontiguousarray(m[:, 2:]), np.ascontiguousarray(pushes[:, 2:]), magnet0=6)
    np.testing.assert_array_equal(some, whole[:, :, 2:])


def spiral(steps, alpha=0.2, angle=4.0):
    """The largest error on the way into a field along z, which m_z = tanh(αγ′Bt) and the phase γ′Bt tell."""
    m, pushes = np.array([[1.0], [0.0], [0.0]]), np.zeros((10, 1))
    pushes[5] = angle / steps
    path = advance(m, pushes, looks=steps, alpha=alpha)[:, :, 0]
    phase = angle * np.arange(1, steps + 1) / steps
    flat = 1 / np.cosh(alpha * phase)
    exact = np.stack([flat * np.cos(phase), flat * np.sin(phase), np.tanh(alpha * phase)], axis=1)
    return np.abs(path - exact).max()


def test_without_noise_the_error_falls_with_the_square_of_the_step():
    errors = [spiral(steps) for steps in (50, 100, 200)]
    assert errors[2] < 3e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


def test_a_torque_turns_as_its_vector_product_says():
    m, pushes = np.array([[1.0], [0.0], [0.0]]), np.zeros((10, 1))
    pushes[8] = 1e-6
    turned = advance(m, pushes, looks=1, alpha=0.5)[0, :, 0] - m[:, 0]
    # −m×(m×τ) + αm×τ with m = x and τ along z: towards τ.
    np.testing.assert_allclose(turned, [0, -0.5e-6, 1e-6], atol=1e-11)
