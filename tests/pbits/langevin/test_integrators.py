"""Integrators of Langevin equations in any potential, against twins and closed forms.

Statistical tests have fixed seeds and bounds of 5 standard errors (one false alarm in 1.7 million a number, some
20 numbers) or a χ² with p > 1e-4; what they would not see is planted and seen.
"""

from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov
from scipy.stats import chi2

from pbits.langevin import Integrator, integrators
from pbits.models import IsingModel
from pbits.models.potential import PotentialModel, QuarticModel
from pbits.reference.langevin import langevin_path
from pbits.streams import Stream, Streams

STREAMS = Streams(seed=8)
KEY = STREAMS.key(Stream.THERMAL)


def starts(n, chains=3):
    return np.random.default_rng(1).normal(size=(chains, n))


def harmonic(k):
    return QuarticModel([0.0], [-k])


def test_all_ways_to_give_a_potential_run_alike():
    quartic = QuarticModel([1.0, 0.5], [1.0, 0.2], [[0, 0.3], [0.3, 0]])

    @numba.njit
    def compiled(slope, x):
        for c in range(x.shape[1]):
            slope[0, c] = x[0, c] ** 3 - x[0, c] - 0.3 * x[1, c]
            slope[1, c] = 0.5 * x[1, c] ** 3 - 0.2 * x[1, c] - 0.3 * x[0, c]

    x0 = starts(2, 130)
    betas = np.linspace(0.5, 3.0, 12)
    plain = PotentialModel(2, quartic.energy, quartic.gradient)
    fast = PotentialModel(2, quartic.energy, quartic.gradient, compiled)
    moves = Integrator(scheme="baoab", step=0.1)
    given = {"beta": betas, "samples": 4, "steps_per_sample": 3, "v0": x0[:1]}
    expected = moves.sample(quartic, x0, STREAMS, **given)
    for model in (plain, fast):
        found = moves.sample(model, x0, STREAMS, **given)
        np.testing.assert_allclose(found.x, expected.x, atol=1e-11)
        np.testing.assert_allclose(found.v, expected.v, atol=1e-11)


def test_threads_and_blocks_change_no_bit(monkeypatch):
    wells = QuarticModel(np.ones(3), np.ones(3))
    moves = Integrator(scheme="leimkuhler-matthews", step=0.1)
    path = moves.sample(wells, np.zeros((70, 3)), STREAMS, samples=5, steps_per_sample=2).x
    monkeypatch.setenv("PBITS_THREADS", "3")
    monkeypatch.setattr(integrators, "_BLOCK", 8)
    monkeypatch.setattr(integrators, "_SITES", 1)
    np.testing.assert_array_equal(
        moves.sample(wells, np.zeros((70, 3)), STREAMS, samples=5, steps_per_sample=2).x, path
    )
    first = moves.sample(wells, np.zeros((70, 3)), STREAMS, samples=2, steps_per_sample=2)
    rest = moves.sample(wells, first.x[:, -1], STREAMS, samples=3, steps_per_sample=2, step0=4)
    np.testing.assert_array_equal(rest.x, path[:, 2:])


def linear_law(scheme, k, h, friction, beta):
    """Stationary covariance of (x, v), or of x, of a scheme in the well ½kx², from its linear map."""
    if scheme == "euler-maruyama":
        return solve_discrete_lyapunov(np.array([[1 - h * k / friction]]), np.array([[2 * h / (beta * friction)]]))
    if scheme == "leimkuhler-matthews":
        # The state (x, R): x' = (1 − a)x + s(R + R'), with R' fresh.
        s = np.sqrt(h / (2 * beta * friction))
        return solve_discrete_lyapunov(np.array([[1 - h * k / friction, s], [0, 0]]), np.array([[s * s, s], [s, 1]]))
    kick, drift = np.array([[1, 0], [-h * k / 2, 1]]), np.array([[1, h / 2], [0, 1]])
    kept = np.exp(-friction * h)
    noise = (kick @ drift)[:, 1:] * np.sqrt((1 - kept**2) / beta)
    return solve_discrete_lyapunov(kick @ drift @ np.diag([1, kept]) @ drift @ kick, noise @ noise.T)


@pytest.mark.parametrize(
    ("scheme", "h", "variance"),
    [
        ("euler-maruyama", 0.5, 1 / (2 * 1.5 * (1 - 0.5 * 1.5 / (2 * 0.8)))),
        ("leimkuhler-matthews", 0.5, 1 / (2 * 1.5)),
        ("baoab", 1.0, 1 / (2 * 1.5)),
    ],
)
def test_the_law_in_a_harmonic_well_is_that_of_the_discrete_steps(scheme, h, variance):
    beta, k, friction, size = 2.0, 1.5, 0.8, 40_000
    law = linear_law(scheme, k, h, friction, beta)
    assert law[0, 0] == pytest.approx(variance, rel=1e-12)
    moves = Integrator(scheme=scheme, step=h, friction=friction)
    path = moves.sample(harmonic(k), np.zeros((size, 1)), STREAMS, beta=beta, samples=1, steps_per_sample=60)
    five = 5 * np.sqrt(2 / size)
    assert abs(path.x.var() / variance - 1) < five
    if scheme == "euler-maruyama":
        # The continuous law is far outside: the test tells the schemes apart.
        assert abs(path.x.var() * beta * k - 1) > 10 * five
    if scheme == "baoab":
        kinetic = (1 - h * h * k / 4) / beta
        assert law[1, 1] == pytest.approx(kinetic, rel=1e-12)
        assert abs(path.v.var() / kinetic - 1) < five
        assert abs(path.v.var() * beta - 1) > 10 * five


def chi_square(values, edges, density):
    """p-value of independent values against a density on fine points, in cells between edges."""
    points = np.linspace(edges[0] - 3, edges[-1] + 3, 20_001)
    weights = density(points)
    cells = np.searchsorted(edges, points)
    expected = np.bincount(cells, weights) / weights.sum() * len(values)
    seen = np.bincount(np.searchsorted(edges, values), minlength=len(expected))
    return float(chi2.sf(((seen - expected) ** 2 / expected).sum(), len(expected) - 1))


EDGES = np.linspace(-1.6, 1.6, 17)


def tilted(x):
    return x**4 / 4 - x**2 / 2 - 0.1 * x


@pytest.mark.parametrize("scheme", ["euler-maruyama", "leimkuhler-matthews", "baoab"])
def test_the_double_well_has_its_law(scheme):
    well = QuarticModel([1.0], [1.0], h=[0.1])
    rough = scheme == "euler-maruyama"
    step = 0.002 if rough else 0.1
    moves = Integrator(scheme=scheme, step=step)
    steps = 10_000 if rough else 300
    x = moves.sample(well, np.zeros((20_000, 1)), STREAMS, beta=4.0, samples=1, steps_per_sample=steps).x.ravel()
    assert chi_square(x, EDGES, lambda x: np.exp(-4.0 * tilted(x))) > 1e-4
    assert chi_square(x, EDGES, lambda x: np.exp(-3.2 * tilted(x))) < 1e-6
    if rough:
        coarse = replace(moves, step=0.2).sample(
            well, np.zeros((20_000, 1)), STREAMS, beta=4.0, samples=1, steps_per_sample=100
        )
        assert chi_square(coarse.x.ravel(), EDGES, lambda x: np.exp(-4.0 * tilted(x))) < 1e-6


def test_coupled_wells_have_the_law_of_both():
    wells = QuarticModel([1.0, 0.7], [1.0, 0.5], [[0, 0.4], [0.4, 0]], [0.0, 0.2])
    moves = Integrator(scheme="baoab", step=0.1)
    x = moves.sample(wells, np.zeros((30_000, 2)), STREAMS, beta=2.0, samples=1, steps_per_sample=400).x[:, 0]
    points = np.linspace(-4, 4, 801)
    weights = np.exp(-2.0 * wells.energy(np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1)))
    edges = np.array([-1.0, -0.4, 0.2, 0.8, 1.4])
    cells = np.searchsorted(edges, points)
    expected = np.zeros((6, 6))
    np.add.at(expected, (cells[:, None], cells), weights / weights.sum() * len(x))
    seen = np.zeros((6, 6))
    np.add.at(seen, (np.searchsorted(edges, x[:, 0]), np.searchsorted(edges, x[:, 1])), 1)
    assert chi2.sf(((seen - expected) ** 2 / expected).sum(), 35) > 1e-4


def stationary_square(scheme, h, monkeypatch):
    """<x²> of the discrete steps in U = x⁴/4 at β = 4, from the transfer matrix of the twin on a fine grid.

    With x = y + sR and s = √(h/2β), the steps of Leimkuhler and Matthews are a Markov chain in y alone.
    """
    grid = np.linspace(-3, 3, 6001)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    noise = np.tile(nodes, len(grid))
    shift = np.sqrt(h / 8) * noise if scheme == "leimkuhler-matthews" else 0.0
    x = np.repeat(grid, len(nodes)) + shift
    monkeypatch.setattr(
        "pbits.reference.langevin.normal", lambda key, chain, site, step: noise[site] if step == 0 else 0.0
    )
    moved = langevin_path(scheme, lambda x: x**3, x[None], 0 * x[None], [4.0], h, 1.0, KEY)[0].ravel()
    place = np.clip((moved - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1.001)
    left = place.astype(int)
    share = place - left
    law = np.exp(-(grid**4))
    law /= law.sum()
    for _ in range(round(12 / h)):
        mass = np.outer(law, weights).ravel()
        law = np.bincount(left, mass * (1 - share), len(grid)) + np.bincount(left + 1, mass * share, len(grid))
    return float((np.outer(law, weights).ravel() * x**2).sum()) if scheme != "euler-maruyama" else float(law @ grid**2)


@pytest.mark.parametrize(("scheme", "h", "order"), [("euler-maruyama", 0.05, 1), ("leimkuhler-matthews", 0.1, 2)])
def test_the_error_of_the_law_falls_with_the_stated_order(scheme, h, order, monkeypatch):
    points = np.linspace(-4, 4, 4001)
    weights = np.exp(-(points**4))
    exact = (points**2 * weights).sum() / weights.sum()
    errors = [stationary_square(scheme, step, monkeypatch) / exact - 1 for step in (h, 2 * h)]
    assert abs(errors[1]) > 1e-3
    assert abs(np.log2(errors[1] / errors[0]) - order) < 0.3


@pytest.mark.slow
def test_the_error_of_positions_under_baoab_is_of_second_order():
    # <x²> of U = x⁴/4 at β = 4 over 10⁸ states; each mean is known to some 1.5e-4 of itself.
    well, points = QuarticModel(np.ones(64), np.zeros(64)), np.linspace(-4, 4, 4001)
    weights = np.exp(-(points**4))
    exact = (points**2 * weights).sum() / weights.sum()
    errors = []
    for h in (0.3, 0.6):
        moves, means = Integrator(scheme="baoab", step=h), []
        for chain0 in range(0, 20 * 4096, 4096):
            path = moves.sample(
                well,
                np.zeros((4096, 64)),
                STREAMS,
                beta=4.0,
                samples=30,
                steps_per_sample=round(1.2 / h),
                chain0=chain0,
            )
            means.append((path.x[:, 10:] ** 2).mean())
        errors.append(np.mean(means) / exact - 1)
    assert abs(errors[1]) > 4e-3
    assert abs(np.log2(errors[1] / errors[0]) - 2) < 0.7


def test_integrators_that_cannot_run_are_refused():
    well = QuarticModel([1.0], [1.0])
    moves = Integrator(scheme="euler-maruyama", step=0.1)
    with pytest.raises(ValueError, match="scheme is 'verlet'; it must be one of"):
        Integrator(scheme="verlet", step=0.1)
    with pytest.raises(ValueError, match="step is 0"):
        Integrator(scheme="baoab", step=0.0)
    with pytest.raises(ValueError, match="friction is -1"):
        Integrator(scheme="baoab", step=0.1, friction=-1.0)
    with pytest.raises(ValueError, match="its equation has no velocities"):
        moves.sample(well, [0.0], STREAMS, samples=1, v0=[0.0])
    with pytest.raises(ValueError, match="both must be at least 1"):
        moves.sample(well, [0.0], STREAMS, samples=0)
    with pytest.raises(ValueError, match="β is 0.0"):
        moves.sample(well, [0.0], STREAMS, samples=1, beta=0.0)
    with pytest.raises(TypeError, match="IsingModel has no gradient"):
        moves.sample(IsingModel([[0.0]]), [0.0], STREAMS, samples=1)
    with pytest.raises(ValueError, match="ran away with steps of 0.1"):
        moves.sample(well, [1e3], STREAMS, samples=20)
