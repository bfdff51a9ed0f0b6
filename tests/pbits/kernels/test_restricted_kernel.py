"""The compiled epoch of a restricted Boltzmann machine against its plain twin."""

import numpy as np
import pytest

from pbits.kernels import restricted
from pbits.kernels.xoshiro import fill, seed
from pbits.reference.restricted import restricted_epoch

KEY = (np.uint32(5), np.uint32(9))


def uniforms_of_the_kernel():
    """The kernel's own random numbers, layer by layer."""
    state = seed(KEY, 0, 1)

    def uniforms(rows, sites):
        words = np.zeros(((rows * sites + 15) // 16, 8), dtype=np.uint64)
        fill(words, state)
        halves = words.reshape(-1).view(np.uint32)[: rows * sites]
        return (halves.reshape(rows, sites) + 0.5) * 2.0**-32

    return uniforms


def compiled(data, order, batch, W, wired, fields, centre, chains, persistent, sweeps, rates, momentum, decay, levels):
    here, there = W.shape
    rows = max(batch, len(chains))
    words = np.zeros((rows * max(here, there) // 16 + 1, 8), dtype=np.uint64)
    W, fields, centre, chains = W.copy(), fields.copy(), centre.copy(), chains.astype(np.float32)
    changed = restricted.epoch(
        data, order, batch, W, wired, fields, levels, np.zeros_like(W), np.zeros_like(fields), centre, chains,
        persistent, sweeps, rates, momentum, decay, 0.05, (words, words.reshape(-1).view(np.uint32), seed(KEY, 0, 1)),
    )  # fmt: skip
    return W, fields, centre, chains, changed


@pytest.mark.parametrize(("here", "there"), [(7, 5), (16, 12), (3, 1)])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("levels", [0, 7])
def test_an_epoch_is_that_of_the_plain_twin(here, there, persistent, levels):
    rng = np.random.default_rng(3)
    data = (2 * rng.integers(0, 2, (50, here)) - 1).astype(np.int8)
    order = rng.permutation(50)
    wired = (rng.random((here, there)) < 0.7).astype(float)
    W, fields = wired * rng.normal(0, 0.4, (here, there)), rng.normal(0, 0.4, here + there)
    centre = rng.normal(0, 0.3, here + there)
    chains = 2.0 * rng.integers(0, 2, (9 if persistent else 6, there)) - 1
    rates = np.linspace(0.2, 0.01, 50 // 6)
    got = compiled(data, order, 6, W, wired, fields, centre, chains, persistent, 2, rates, 0.5, 0.1, levels)
    weights, twin_fields = restricted_epoch(
        data[order], 6, W, wired, fields, levels, centre, chains if persistent else None, 2, rates, 0.5, 0.1, 0.05,
        uniforms_of_the_kernel(),
    )  # fmt: skip
    np.testing.assert_allclose(got[0], weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got[1], twin_fields, rtol=1e-4, atol=1e-5)
    assert np.abs(got[0] - W).max() > 0


@pytest.mark.parametrize(("rows", "here", "there"), [(1, 1, 1), (3, 9, 4), (5, 64, 17)])
def test_inputs_are_a_matrix_product(rows, here, there):
    rng = np.random.default_rng(1)
    states, weights, base = rng.normal(size=(rows, here)), rng.normal(size=(here, there)), rng.normal(size=there)
    out = np.empty((rows, there))
    restricted.inputs(out, base, weights, states)
    np.testing.assert_allclose(out, base + states @ weights, rtol=1e-12, atol=1e-12)
    turned = np.empty((there, here))
    restricted.turn(turned, weights)
    np.testing.assert_array_equal(turned, weights.T)


def test_spins_are_drawn_with_their_chances():
    # 200,000 draws at each of five inputs, each within 4.5 standard errors: false alarm below 4e-5.
    inputs = np.tile([-1.5, -0.3, 0.0, 0.4, 2.0], (200_000, 1))
    words = np.zeros((inputs.size // 16 + 1, 8), dtype=np.uint64)
    states = np.empty_like(inputs)
    restricted.draw(states, inputs, 0.7, words, words.reshape(-1).view(np.uint32), seed(KEY, 0, 1))
    expected = np.tanh(0.7 * inputs[0])
    error = np.sqrt((1 - expected**2) / len(states))
    assert (np.abs(states.mean(axis=0) - expected) < 4.5 * error).all()
    means = np.empty_like(inputs)
    restricted.expect(means, inputs, 0.7)
    np.testing.assert_allclose(means[0], expected, rtol=1e-9, atol=1e-9)
