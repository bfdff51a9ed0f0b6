"""Widths of wells in closed form, and the error that `halved` tells against exact laws.

Statistical checks have fixed seeds and a false-alarm rate below 1e-6 each.
"""

import numpy as np
import pytest

import pbits
from pbits.langevin import Integrator, halved, wells
from pbits.langevin.scales import _mover
from pbits.reference.langevin import langevin_path
from pbits.reference.twins import normal
from pbits.streams import Stream, Streams

STEEP = pbits.PotentialModel(2, lambda x: np.cosh(3 * x).sum(-1), lambda x: 3 * np.sinh(3 * x))


def test_a_harmonic_well_has_its_deviation_and_stiffness():
    A = np.array([[2.0, 0.5], [0.5, 1.0]])
    model = pbits.QuarticModel([0, 0], -np.diag(A), np.diag(np.diag(A)) - A, [1.0, 0.3])
    same = pbits.PotentialModel(2, model.energy, model.gradient)
    for one in (model, same):
        found = wells(one, 4.0)
        np.testing.assert_allclose(found.minimum, np.linalg.solve(A, [1.0, 0.3]), atol=1e-6)
        np.testing.assert_allclose(found.reach, 1 / np.sqrt(4 * np.diag(A)), rtol=1e-6)
        np.testing.assert_allclose(found.curvature, np.diag(A), rtol=1e-6)


@pytest.mark.parametrize("beta", [0.01, 1.0, 1e4])
def test_a_quartic_well_is_as_wide_as_its_energy_says(beta):
    found = wells(pbits.QuarticModel([2.0], [0.0]), beta)
    # ¼ a d⁴ = 1/2β, and the slope a d³ over d.
    d = (2 / (2.0 * beta)) ** 0.25
    np.testing.assert_allclose(found.reach, d, rtol=1e-3)
    np.testing.assert_allclose(found.curvature, 2 * d**2, rtol=2e-3)


def test_no_well_no_width():
    flat = pbits.PotentialModel(2, lambda x: x[..., 0] ** 2, lambda x: np.stack([2 * x[..., 0], 0 * x[..., 1]], -1))
    with pytest.raises(ValueError, match="along site 1 E does not rise"):
        wells(flat, 1.0)


@pytest.mark.parametrize(("scheme", "friction"), [("leimkuhler-matthews", 1.0), ("baoab", 2.0)])
@pytest.mark.parametrize("model", [pbits.QuarticModel([1.0], [1.0]), STEEP], ids=["double well", "steep"])
def test_the_error_is_within_what_is_told(model, scheme, friction):
    beta, chains = 2.0, 200_000
    step, told = halved(model, beta, scheme=scheme, friction=friction, accuracy=0.05)
    assert told <= 0.05
    moves = Integrator(scheme=scheme, step=step, friction=friction)
    around = wells(model, beta)
    steps = int(12 / (around.curvature.min() * step)) * (4 if scheme == "baoab" else 1)
    path = moves.sample(
        model, np.tile(around.minimum, (chains, 1)), Streams(seed=2), beta=beta, samples=1, steps_per_sample=steps
    )
    energies = model.energy(path.x[:, 0])
    off = abs(energies.mean() - pbits.exact(model, beta).mean_energy) / (0.5 * model.n / beta)
    assert off < told + 5 * energies.std() / np.sqrt(chains) / (0.5 * model.n / beta)


def test_a_harmonic_well_needs_no_short_step():
    # Both schemes are exact in it, so the first step will do: half the inverse of the stiffness.
    step, told = halved(pbits.QuarticModel([0.0], [-4.0]), 1.0, accuracy=0.1)
    assert step == pytest.approx(0.125)
    assert told < 0.1


@pytest.mark.parametrize(("scheme", "friction"), [("leimkuhler-matthews", 1.3), ("baoab", 0.7)])
def test_the_pilot_moves_as_the_integrator_does(scheme, friction):
    model, beta, h, steps = pbits.QuarticModel([1.0, 2.0], [1.0, -0.5], [[0, 0.3], [0.3, 0]]), 2.0, 0.1, 5
    key = Streams(seed=4).key(Stream.THERMAL)
    x0, v0 = np.array([[0.3, -0.2]]), np.array([[0.1, 0.4]])
    noise = [np.array([[normal(key, 0, site, t) for site in range(2)]]) for t in range(steps + 1)]
    x, v = langevin_path(scheme, model.gradient, x0, v0, [beta] * steps, h, friction, key)
    move, state = _mover(model, scheme, h, friction, beta), (x0, v0)
    for t in range(steps):
        # Of Leimkuhler and Matthews a step adds the noise at both of its ends.
        state = move(state, noise[t], noise[t + 1] if scheme != "baoab" else noise[t])
        np.testing.assert_allclose(state[0], x[:, t], atol=1e-12)
        np.testing.assert_allclose(state[1], v[:, t], atol=1e-12)


def test_an_error_out_of_reach_is_refused():
    with pytest.raises(ValueError, match="is not reached"):
        halved(pbits.QuarticModel([1.0], [1.0]), 1.0, accuracy=1e-9)
