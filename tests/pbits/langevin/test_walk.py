"""Laws of lattice walks: moment equations and birth and death, against full transition matrices and samples.

Statistical checks have fixed seeds and a false-alarm rate below 1e-5 each.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from pbits.langevin import Walk
from pbits.reference.chains import ReducibleError, stationary
from pbits.reference.potential import diffusion_rates
from pbits.reference.walk import birth_death, step_chances, walk_rates
from pbits.streams import Streams

A2 = np.array([[2.0, -0.9], [-0.9, 1.6]])
SKEW = pbits.DiffusionModel([[1.7, 1.0], [-0.5, 1.4]], [0.3, 0.1], np.diag([1.0, 1.2]))
WELLS = pbits.QuarticModel([1.0], [1.0], h=[0.05])


def full_law(walk, model, beta, reach):
    """Places (m, n) and the stationary law of all sites, by elimination on the full transition matrix."""
    places = np.array(list(itertools.product(range(-reach, reach + 1), repeat=model.n)))
    index = {tuple(place): row for row, place in enumerate(places)}
    spread = walk.spread(model, beta)
    T = np.eye(len(places))
    passes = [[i] for i in range(model.n)] if walk.in_turn else [list(range(model.n))]
    for sites in passes:
        step = np.zeros_like(T)
        for row, k in enumerate(places):
            drift = walk.step / walk.lattice * (model.b - model.A @ (k * walk.lattice))
            for moves in itertools.product((-1, 0, 1), repeat=len(sites)):
                chance, to = 1.0, k.copy()
                for site, move in zip(sites, moves):
                    up, down = step_chances(drift[site], spread[site], walk.random_bits)
                    chance *= {1: up, -1: down, 0: 1 - up - down}[move]
                    to[site] = np.clip(to[site] + move, -reach, reach)
                step[row, index[tuple(to)]] += chance
        T = T @ step
    return places * walk.lattice, stationary(T)


def moments_of(x, p):
    mean = p @ x
    return mean, (x - mean).T @ (p[:, None] * (x - mean))


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize("model", [pbits.GaussianModel(A2, [0.4, 0.0]), SKEW], ids=["gaussian", "skew"])
def test_the_moment_equation_is_that_of_the_full_transition_matrix(model, in_turn):
    # So coarse that δt matters, and so narrow that nothing reaches the ends of the registers.
    walk = Walk(lattice=0.18, step=0.04, in_turn=in_turn)
    mean, covariance = walk.moments(model, 3.0)
    mu, sigma = moments_of(*full_law(walk, model, 3.0, 16))
    np.testing.assert_allclose(mean, mu, atol=5e-5)
    np.testing.assert_allclose(covariance, sigma, atol=5e-5)
    # The same check sees the law of the equation without a step.
    continuous = pbits.exact(model, 3.0).covariance
    exact_in_turn = in_turn and isinstance(model, pbits.GaussianModel)
    assert (np.abs(continuous - sigma).max() > 5e-4) != exact_in_turn


@given(st.integers(1, 5), st.integers(0, 50), st.floats(0.01, 0.2), st.booleans())
def test_moments_obey_their_equation(n, seed, step, in_turn):
    rng = np.random.default_rng(seed)
    A = 0.4 * rng.normal(size=(n, n)) / np.sqrt(n) + np.eye(n)
    D = np.diag(rng.uniform(0.5, 2.0, n))
    model = pbits.DiffusionModel(A, rng.normal(size=n), D)
    walk = Walk(lattice=1.0, step=step, in_turn=in_turn)
    mean, sigma = walk.moments(model, 2.0)
    np.testing.assert_allclose(A @ mean, model.b, atol=1e-9)
    if in_turn:
        moved = sigma
        for i in range(n):
            row = step * A[i] @ moved
            after = moved.copy()
            after[i] -= row
            after[:, i] -= row
            after[i, i] = moved[i, i] - 2 * row[i] + step * 2 * D[i, i] / 2.0
            moved = after
        np.testing.assert_allclose(moved, sigma, atol=1e-9)
    else:
        square = A @ sigma @ A.T
        both = A @ sigma + sigma @ A.T - step * (square - np.diag(np.diag(square)))
        np.testing.assert_allclose(both, 2 * D / 2.0, atol=1e-9)


@given(st.integers(1, 6), st.integers(0, 50), st.floats(0.01, 0.3))
def test_a_gaussian_model_walked_in_turn_has_its_own_covariance_at_any_step(n, seed, step):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, n))
    A = factor @ factor.T / n + np.eye(n)
    walk = Walk(lattice=1.0, step=step, in_turn=True)
    same_drift = pbits.DiffusionModel(A)
    np.testing.assert_allclose(walk.moments(same_drift)[1], np.linalg.inv(A), atol=1e-9)
    np.testing.assert_allclose(walk.moments(pbits.GaussianModel(A))[1], np.linalg.inv(A), rtol=1e-12)


@given(st.floats(0.2, 3.0), st.floats(0.05, 0.5), st.floats(-1.0, 1.0))
def test_a_lone_linear_site_has_its_variance_at_any_lattice(a, part, pull):
    # In units of the standard deviation; wider ones are clipped within what a normal number reaches.
    lattice = part * np.sqrt(2 / a) / 2
    well = pbits.GaussianModel([[a]], [pull])
    x, p = Walk(lattice=lattice, step=0.25 * lattice**2).law(well)
    mean, variance = moments_of(x[:, None], p)
    np.testing.assert_allclose(mean, pull / a, atol=1e-6)
    np.testing.assert_allclose(variance, 1 / a, rtol=2e-6 if part < 0.4 else 2e-3)


def test_a_lone_site_forgets_the_step_and_errs_by_the_square_of_the_lattice():
    law = pbits.exact(WELLS, 8.0)
    second = law.correlation[0, 0]
    off = []
    for lattice in (0.1, 0.05, 0.025):
        x, p = Walk(lattice=lattice, step=0.5 * lattice**2 * 4).law(WELLS, 8.0)
        again = Walk(lattice=lattice, step=0.1 * lattice**2 * 4).law(WELLS, 8.0)
        np.testing.assert_allclose(again[1], p, atol=1e-7)
        off.append(abs(p @ x**2 / second - 1))
    assert 3.8 < off[0] / off[1] < 4.2
    assert 3.8 < off[1] / off[2] < 4.2


def test_several_sites_at_once_err_in_proportion_to_the_step():
    model = pbits.GaussianModel(A2)
    truth = np.linalg.inv(A2)
    off = [np.abs(Walk(lattice=1.0, step=step).moments(model)[1] - truth).max() for step in (0.02, 0.01, 0.005)]
    assert 1.9 < off[0] / off[1] < 2.1
    assert 1.9 < off[1] / off[2] < 2.1


def test_the_rate_of_escape_goes_to_that_of_the_diffusion():
    symmetric = pbits.QuarticModel([1.0], [1.0])
    truth = diffusion_rates(lambda x: symmetric.energy(x[:, None]), 8.0, -2.5, 2.5)[1]
    off = []
    for lattice in (0.1, 0.05, 0.025):
        rates = Walk(lattice=lattice, step=0.5 * lattice**2 * 4).rates(symmetric, 8.0)
        assert abs(rates[0]) < 1e-6
        off.append(abs(rates[1] / truth - 1))
    # With δt in proportion to δx² both errors fall by 4.
    assert 3.7 < off[0] / off[1] < 4.3
    assert 3.5 < off[1] / off[2] < 4.5


BITS = {
    "register": {"register_bits": 4},
    "random": {"random_bits": 6},
    "weight": {"weight_bits": 2},
    "all": {"register_bits": 4, "random_bits": 6, "weight_bits": 2},
}


@pytest.mark.parametrize("name", list(BITS))
def test_finite_words_have_their_exact_law(name):
    beta, chains = 3.0, 40_000
    walk = Walk(lattice=0.15, step=0.02, **BITS[name])
    x, p = walk.law(WELLS, beta)
    ideal_x, ideal_p = Walk(lattice=0.15, step=0.02).law(WELLS, beta)
    start = np.zeros((chains, 1), dtype=int)
    k = walk.sample(WELLS, start, Streams(seed=5), beta=beta, samples=1, updates_per_sample=1500).k
    places = np.round(x / walk.lattice).astype(int)
    found = np.bincount(k.ravel() - places[0], minlength=len(p))
    kept = p * chains > 20
    expected = chains * p[kept]
    chi = ((found[kept] - expected) ** 2 / expected).sum()
    degrees = kept.sum() - 1
    # A χ² of so many degrees exceeds this with a chance below 1e-6.
    limit = degrees + 2 * np.sqrt(14 * degrees) + 28
    assert chi < limit
    # The law without these bits is told apart.
    ideal = chains * np.interp(x, ideal_x, ideal_p)[kept]
    assert ((found[kept] - ideal) ** 2 / ideal).sum() > 2 * limit


def test_chances_too_coarse_make_walks_that_fall_apart():
    with pytest.raises(ReducibleError, match="falls apart in 3 parts"):
        birth_death([0.1, 0.0, 0.0, 0.1, 0.0], [0.0, 0.1, 0.0, 0.0, 0.1])
    # A part that is left for good has no share of the law.
    np.testing.assert_allclose(birth_death([0.2, 0.1, 0.1, 0.3], [0.0, 0.0, 0.2, 0.2]), [0, 4 / 7, 2 / 7, 1 / 7])
    with pytest.raises(ValueError, match="the law is listed of a lone one"):
        Walk(lattice=0.1, step=0.001).law(SKEW)


@given(st.integers(2, 12), st.integers(0, 100))
def test_birth_and_death_is_the_law_and_the_rates_of_the_matrix(m, seed):
    rng = np.random.default_rng(seed)
    up, down = rng.uniform(0.05, 0.45, (2, m))
    T = np.diag(up[:-1], 1) + np.diag(down[1:], -1)
    np.fill_diagonal(T, 1 - T.sum(axis=1))
    np.testing.assert_allclose(birth_death(up, down), stationary(T), atol=1e-12)
    eigenvalues = np.sort(np.linalg.eigvals(T).real)[::-1]
    if eigenvalues[1] > 1e-3:
        np.testing.assert_allclose(walk_rates(up, down), -np.log(np.minimum(eigenvalues[:2], 1)), atol=1e-9)


def test_a_step_that_is_too_long_is_refused():
    stiff = pbits.GaussianModel(np.full((8, 8), 1.0) + 0.1 * np.eye(8))
    with pytest.raises(ValueError, match="overshoots and runs away"):
        Walk(lattice=1.0, step=0.3).moments(stiff)
    # In turn the same step is none too long.
    np.testing.assert_allclose(Walk(lattice=1.0, step=0.3, in_turn=True).moments(stiff)[1], np.linalg.inv(stiff.A))


def test_rounded_weights_are_a_model():
    rng = np.random.default_rng(2)
    factor = rng.normal(size=(4, 4))
    model = pbits.GaussianModel(factor @ factor.T + np.eye(4), rng.normal(size=4))
    walk = Walk(lattice=0.2, step=0.01, weight_bits=6)
    held = walk.held(model)
    unit = np.abs(model.A).max() / 31
    np.testing.assert_allclose(held.A / unit, np.round(held.A / unit), atol=1e-9)
    assert np.abs(held.A - model.A).max() <= unit / 2 * (1 + 1e-9)
    assert np.abs(held.b - model.b).max() <= unit * walk.lattice / 2 * (1 + 1e-9)
    assert Walk(lattice=0.2, step=0.01).held(model) is model
    quartic = pbits.QuarticModel([1.0, 0.3], [1.0, 0.7], [[0, 0.4], [0.4, 0]], [0.1, 0])
    rounded = walk.held(quartic)
    np.testing.assert_allclose(31 * rounded.a, np.round(31 * rounded.a), atol=1e-9)
    np.testing.assert_allclose(rounded.b, [1, np.round(0.7 * 31) / 31])
