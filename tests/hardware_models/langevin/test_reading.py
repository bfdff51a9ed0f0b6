"""Readings of normal voltages: exact moments against integrals and against the sums of the definition."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from hardware_models.langevin import reading
from hardware_models.langevin.converter import Converter
from hardware_models.langevin.reading import read_moments


def integral(mean, covariance, full_scale, bits):
    """Moments of two readings, by Gauss's rule on every piece of x and the exact mean of y's reading at that x."""
    converter = Converter(bits=bits, full_scale=full_scale)
    edges = np.linspace(-full_scale, full_scale, 2**bits + 1)
    sx, sy = np.sqrt(np.diag(covariance))
    slope = covariance[0, 1] / sx**2
    rest = np.sqrt(max(sy**2 - slope * covariance[0, 1], 0.0))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    ends = np.concatenate([[mean[0] - 12 * sx], edges[1:-1], [mean[0] + 12 * sx]])
    total = np.zeros(5)
    for low, high in pairwise(ends):
        x = (low + high) / 2 + (high - low) / 2 * nodes
        p = (high - low) / 2 * weights * norm.pdf(x, mean[0], sx)
        u, _ = converter.read(np.array((low + high) / 2))
        z = (edges[1:-1, None] - mean[1] - slope * (x - mean[0])) / rest
        below = np.vstack([np.zeros_like(x), norm.cdf(z), np.ones_like(x)])
        levels = (edges[:-1] + edges[1:]) / 2
        v, v2 = levels @ np.diff(below, axis=0), levels**2 @ np.diff(below, axis=0)
        total += [(p * u).sum(), (p * u * u).sum(), (p * v).sum(), (p * v2).sum(), (p * u * v).sum()]
    a, aa, b, bb, ab = total
    return np.array([a, b]), np.array([[aa - a * a, ab - a * b], [ab - a * b, bb - b * b]])


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.8])
@pytest.mark.parametrize(("bits", "full_scale"), [(1, 1.0), (2, 3.0), (3, 1.5), (5, 4.0)])
def test_readings_of_two_cells_are_their_integral(bits, full_scale, correlation):
    mean, sd = np.array([0.3, -0.2]), np.array([1.0, 0.6])
    covariance = np.outer(sd, sd) * np.array([[1, correlation], [correlation, 1]])
    found = read_moments(mean, covariance, full_scale, bits)
    truth = integral(mean, covariance, full_scale, bits)
    np.testing.assert_allclose(found[0], truth[0], atol=1e-9)
    np.testing.assert_allclose(found[1], truth[1], atol=2e-7)


def test_rails_clip_as_the_textbook_says():
    """Var clip(z, ±c) = (1 − 2Q) − 2cφ + 2c²Q, Q = Φ(−c): −2.24 % at 2.5 standard deviations."""
    c = 2.5
    tail = norm.cdf(-c)
    expected = 1 - 2 * tail - 2 * c * norm.pdf(c) + 2 * c**2 * tail
    mean, covariance = read_moments([0.0], [[4.0]], 2 * c)
    assert mean[0] == 0
    assert covariance[0, 0] / 4 == pytest.approx(expected, rel=1e-12)
    assert covariance[0, 0] / 4 - 1 == pytest.approx(-0.02244, abs=1e-5)


def test_rails_off_the_mean_are_their_integral():
    x = np.linspace(-12, 12, 2_000_001)
    p = norm.pdf(x) * (x[1] - x[0])
    read = np.clip(0.4 + 0.7 * x, -1, 1)
    mean, covariance = read_moments([0.4], [[0.49]], 1.0)
    assert mean[0] == pytest.approx((p * read).sum(), abs=1e-9)
    assert covariance[0, 0] == pytest.approx((p * read**2).sum() - (p * read).sum() ** 2, abs=1e-9)


def test_the_rule_of_a_twelfth_holds_for_fine_steps_and_breaks_for_coarse_ones():
    def gain(step_in_sd, bits=6):
        return read_moments([0.0], [[1.0]], step_in_sd * 2 ** (bits - 1), bits)[1][0, 0] - 1

    for step in (0.5, 1.0, 1.25):
        assert gain(step) == pytest.approx(step**2 / 12, rel=1e-3)
    # Three bits at σ = 0.4 steps: 1.718 times the variance, where the rule says 1.521.
    assert gain(2.5, bits=3) == pytest.approx(0.718, abs=5e-4)
    assert gain(2.5, bits=3) > 1.3 * 2.5**2 / 12


@pytest.mark.parametrize(("full_scale", "share"), [(1.0, 0.2), (10.0, 1e-3)])
def test_what_stands_for_very_many_steps_is_their_sum(full_scale, share, monkeypatch):
    """But for a share of the square of half a step, where the density at the rails is not 0."""
    mean, covariance = np.array([0.1, -0.3]), np.array([[1.0, 0.6], [0.6, 2.0]])
    short = read_moments(mean, covariance, full_scale, 13)
    monkeypatch.setattr(reading, "_EDGES", 1 << 13)
    summed = read_moments(mean, covariance, full_scale, 13)
    assert summed[1][0, 0] != short[1][0, 0]
    for found, truth in zip(short, summed):
        np.testing.assert_allclose(found, truth, rtol=0, atol=share * (full_scale / 2**13) ** 2)


def test_readings_of_a_converter_have_these_moments():
    """400,000 draws: within 5 standard errors, of at most 14 entries; one seed in 100,000 would fail by chance."""
    mean, covariance = np.array([0.3, -0.1]), np.array([[1.0, 0.7], [0.7, 0.8]])
    converter = Converter(bits=3, full_scale=1.8)
    x = np.random.default_rng(5).multivariate_normal(mean, covariance, size=400_000)
    read, _ = converter.read(x)
    found = read_moments(mean, covariance, 1.8, 3)
    error = np.sqrt(np.diag(found[1]) / len(x))
    assert (np.abs(read.mean(axis=0) - found[0]) < 5 * error).all()
    centred = read - found[0]
    products = np.einsum("ci,cj->cij", centred, centred)
    assert (np.abs(products.mean(axis=0) - found[1]) < 5 * products.std(axis=0) / np.sqrt(len(x))).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.0], [[1.0, 0.0], [0.0, 1.0]], 1.0), r"mean \(1,\) and covariance \(2, 2\) do not fit"),
        (([0.0], [[1.0]], 0.0), "full_scale is 0.0; it must be positive"),
        (([0.0], [[1.0]], 1.0, 0), "bits is 0; a converter has at least one"),
        (([0.0], [[0.0]], 1.0), "a variance is 0.0; what is read must have some spread"),
    ],
)
def test_what_has_no_reading(arguments, words):
    with pytest.raises(ValueError, match=words):
        read_moments(*arguments)
