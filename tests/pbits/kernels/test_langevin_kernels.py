"""Kernels of Langevin equations against plain twins, draw for draw."""

import numpy as np
import pytest

from pbits.kernels import langevin as kernels
from pbits.models.potential import QuarticModel
from pbits.reference.langevin import langevin_path

KEY = (np.uint32(11), np.uint32(12))
N, CHAINS, STEPS = 3, 5, 6
BETAS = np.linspace(0.5, 2.0, STEPS)


def wells():
    J = np.array([[0.0, 0.4, -0.3], [0.4, 0.0, 0.0], [-0.3, 0.0, 0.0]])
    return QuarticModel([1.0, 0.5, 2.0], [1.0, -0.4, 0.3], J, [0.1, 0.0, -0.2])


def start():
    rng = np.random.default_rng(0)
    return rng.normal(size=(CHAINS, N)), rng.normal(size=(CHAINS, N))


def advance(function, potential, scheme, *, looks=STEPS, steps=slice(0, STEPS), chain0=4, begin=None):
    x, v = (states.T.copy() for states in begin or start())
    seen_x = np.empty((looks, N, x.shape[1]))
    seen_v = np.empty_like(seen_x) if scheme == "baoab" else np.empty((0, 0, 0))
    function(x, v, seen_x, seen_v, potential, BETAS[steps], 0.1, 0.7, *KEY, chain0, 2 + steps.start)
    np.testing.assert_array_equal(seen_x[-1], x)
    return seen_x.transpose(2, 0, 1), seen_v.transpose(2, 0, 1), v.T


@pytest.mark.parametrize("scheme", list(kernels.quartic))
def test_integrators_equal_their_twins(scheme):
    model = wells()
    x0, v0 = start()
    expected, speeds = langevin_path(scheme, model.gradient, x0, v0, BETAS, 0.1, 0.7, KEY, chain0=4, step0=2)
    for function, potential in (
        (kernels.quartic[scheme], model.terms),
        (kernels.plain[scheme], lambda slope, x: np.copyto(slope, model.gradient(x.T).T)),
    ):
        x, v, last = advance(function, potential, scheme)
        np.testing.assert_allclose(x, expected, atol=1e-12)
        if scheme == "baoab":
            np.testing.assert_allclose(v, speeds, atol=1e-12)
        else:
            np.testing.assert_array_equal(last, v0)
    # The same check sees a coupling that is off by a thousandth.
    a, b, h, indptr, indices, weights = model.terms
    wrong, _, _ = advance(kernels.quartic[scheme], (a, b, h, indptr, indices, 1.001 * weights), scheme)
    assert np.abs(wrong - expected).max() > 1e-6


@pytest.mark.parametrize("scheme", list(kernels.quartic))
def test_draws_do_not_depend_on_how_steps_and_chains_are_cut(scheme):
    function, potential = kernels.quartic[scheme], wells().terms
    whole, _, v_whole = advance(function, potential, scheme)
    looks, _, _ = advance(function, potential, scheme, looks=2)
    np.testing.assert_array_equal(looks, whole[:, 2::3])
    x, v = start()
    for steps in (slice(0, 2), slice(2, STEPS)):
        path, _, v = advance(function, potential, scheme, looks=1, steps=steps, begin=(x, v))
        x = path[:, -1]
    np.testing.assert_array_equal(x, whole[:, -1])
    np.testing.assert_array_equal(v, v_whole)
    x, v = start()
    some, _, _ = advance(function, potential, scheme, chain0=6, begin=(x[2:], v[2:]))
    np.testing.assert_array_equal(some, whole[2:])


@pytest.mark.parametrize("rows", [1, 4])
def test_modes_relax_and_rotate(rows):
    rng = np.random.default_rng(1)
    chains, steps, n, pairs = 2, 4, 5, 2
    noise, state = rng.normal(size=(chains, steps, n)), rng.normal(size=(chains, n))
    decay, turn, spread = rng.random((rows, n)), rng.random((rows, pairs)), rng.random((rows, n))
    path, moved = noise.copy(), state.copy()
    kernels.relax(path, moved, decay, turn, spread)
    for chain in range(chains):
        y = state[chain]
        for t in range(steps):
            row = t if rows > 1 else 0
            matrix = np.diag(decay[row])
            for k in range(pairs):
                matrix[k, k + pairs], matrix[k + pairs, k] = -turn[row, k], turn[row, k]
            y = matrix @ y + spread[row] * noise[chain, t]
            np.testing.assert_allclose(path[chain, t], y, atol=1e-14)
        np.testing.assert_array_equal(moved[chain], path[chain, -1])
