import importlib
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from pbits.models import CategoricalModel, EnergyModel, GaussianModel, IsingModel, PolynomialModel
from pbits.reference import exact, total_variation, tv_noise_floor

# By name, since pbits.reference.exact is also the function.
exact_module = importlib.import_module("pbits.reference.exact")


def ising(n, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return IsingModel(J + J.T, rng.normal(size=n), rng.normal())


def categorical(seed):
    rng = np.random.default_rng(seed)
    q = [2, 4, 3]
    pairs = {(0, 1): rng.normal(size=(2, 4)), (1, 2): rng.normal(size=(4, 3))}
    return CategoricalModel(q, [rng.normal(size=k) for k in q], pairs, rng.normal())


def gaussian(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    return GaussianModel(root @ root.T + np.eye(n), rng.normal(size=n), rng.normal())


def brute_force(model, beta, clamp):
    """States, probabilities and log Z by itertools, one state at a time."""
    lists = [[clamp[i]] if i in clamp else model.values(i).tolist() for i in range(model.n)]
    states = list(itertools.product(*lists))
    weights = [math.exp(-beta * float(model.energy(s))) for s in states]
    z = math.fsum(weights)
    return np.array(states), np.array(weights) / z, math.log(z)


@given(st.integers(0, 50), st.floats(0, 2), st.sampled_from([{}, {1: 1}, {0: 0, 2: 1}]))
def test_categories_by_brute_force(seed, beta, clamp):
    check(categorical(seed), beta, clamp)


@given(st.integers(0, 50), st.floats(0, 2), st.sampled_from([{}, {1: 1}, {0: -1, 3: 1}]))
def test_spins_by_brute_force(seed, beta, clamp):
    check(ising(4, seed), beta, clamp)
    check(PolynomialModel(4, {(0, 1, 2): 0.7, (1, 2, 3): -0.4, (2,): 0.2}, 0.1), beta, clamp)


def check(model: EnergyModel, beta: float, clamp: dict):
    states, p, log_z = brute_force(model, beta, clamp)
    law = exact(model, beta, clamp)
    np.testing.assert_array_equal(law.states, states)
    np.testing.assert_allclose(law.probabilities, p, atol=1e-12)
    np.testing.assert_allclose(law.energies, model.energy(states), atol=1e-12)
    assert law.log_z == pytest.approx(log_z, abs=1e-10)
    np.testing.assert_allclose(law.mean, p @ states, atol=1e-12)
    correlation = np.einsum("k,ki,kj->ij", p, states, states)
    np.testing.assert_allclose(law.correlation, correlation, atol=1e-12)
    np.testing.assert_allclose(law.covariance, np.cov(states.T, aweights=p, ddof=0), atol=1e-10)
    assert law.mean_energy == pytest.approx(p @ model.energy(states), abs=1e-10)


def test_rows_are_in_the_declared_order():
    law = exact(IsingModel([[0, 1], [1, 0]]))
    assert law.states.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert law.states.dtype == np.int8
    assert pbits.exact is exact


def test_log_z_at_strong_beta_does_not_overflow():
    law = exact(IsingModel([[0, 1], [1, 0]], offset=5.0), beta=1e4)
    assert law.log_z == pytest.approx(1e4 * (1 - 5) + math.log(2))
    np.testing.assert_allclose(law.probabilities, [0.5, 0, 0, 0.5])


def test_slopes_of_log_z_are_the_moments():
    h, step = np.array([0.3, -0.2, 0.1]), 1e-5
    J = np.array([[0, 1, -0.5], [1, 0, 0.2], [-0.5, 0.2, 0]])
    law = exact(IsingModel(J, h), beta=0.8)
    up, down = (exact(IsingModel(J, h + d * np.eye(3)[1]), beta=0.8).log_z for d in (step, -step))
    assert (up - down) / (2 * step) == pytest.approx(0.8 * law.mean[1], abs=1e-8)
    up, down = (exact(IsingModel(J, h), beta=0.8 + d).log_z for d in (step, -step))
    assert (up - down) / (2 * step) == pytest.approx(-law.mean_energy, abs=1e-8)


def test_everything_clamped_is_one_state():
    model = ising(3, 1)
    law = exact(model, 0.7, {0: 1, 1: -1, 2: 1})
    assert law.states.tolist() == [[1, -1, 1]]
    assert law.log_z == pytest.approx(-0.7 * model.energy([1, -1, 1]))


@given(st.integers(0, 20))
def test_index_finds_every_row(seed):
    for law in (exact(ising(4, seed)), exact(categorical(seed)), exact(categorical(seed), clamp={1: 3})):
        order = np.random.default_rng(seed).permutation(len(law.states))
        np.testing.assert_array_equal(law.index(law.states[order]), order)
    twice = np.stack([law.states, law.states])
    assert law.index(twice).shape == twice.shape[:2]


def test_index_refuses_states_outside_the_law():
    law = exact(ising(3, 0), clamp={1: 1})
    with pytest.raises(ValueError, match="site 0 holds 0; under this law it holds -1, 1"):
        law.index([[0, 1, 1]])
    with pytest.raises(ValueError, match="site 1 holds -1; under this law it holds 1"):
        law.index([1, -1, 1])
    with pytest.raises(ValueError, match="3 sites"):
        law.index([1, 1])


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_gaussian_against_quadrature(beta):
    model = gaussian(2, 3)

    # The trapezium rule is exact to rounding for functions that die out inside the grid.
    line = np.linspace(-14, 14, 1001)
    x = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    weight = np.exp(-beta * model.energy(x)) * (line[1] - line[0]) ** 2
    z = weight.sum()
    law = exact(model, beta)
    assert law.log_z == pytest.approx(math.log(z), abs=1e-10)
    assert law.mean[0] == pytest.approx((weight * x[..., 0]).sum() / z, abs=1e-10)
    assert law.correlation[0, 1] == pytest.approx((weight * x.prod(axis=-1)).sum() / z, abs=1e-10)
    assert law.mean_energy == pytest.approx((weight * model.energy(x)).sum() / z, abs=1e-10)
    np.testing.assert_allclose(law.covariance, np.linalg.inv(model.A) / beta, atol=1e-12)
    assert law.states is law.probabilities is law.energies is None


def test_clamped_gaussian_is_the_conditional_law():
    model, beta = gaussian(4, 5), 1.3
    free, law = exact(model, beta), exact(model, beta, {1: 0.4, 3: -1.0})
    F, C, c = [0, 2], [1, 3], np.array([0.4, -1.0])
    gain = free.covariance[np.ix_(F, C)] @ np.linalg.inv(free.covariance[np.ix_(C, C)])
    np.testing.assert_allclose(law.mean[F], free.mean[F] + gain @ (c - free.mean[C]), atol=1e-12)
    np.testing.assert_allclose(law.mean[C], c)
    schur = free.covariance[np.ix_(F, F)] - gain @ free.covariance[np.ix_(C, F)]
    np.testing.assert_allclose(law.covariance[np.ix_(F, F)], schur, atol=1e-12)
    assert not law.covariance[C].any()
    np.testing.assert_allclose(law.correlation, law.covariance + np.outer(law.mean, law.mean))
    # log Z of the clamped law is that of the free one plus the log density of the clamped values.
    S = free.covariance[np.ix_(C, C)]
    r = c - free.mean[C]
    density = -0.5 * r @ np.linalg.solve(S, r) - 0.5 * np.linalg.slogdet(2 * math.pi * S).logabsdet
    assert law.log_z == pytest.approx(free.log_z + density, abs=1e-10)
    step = 1e-5
    up, down = (exact(model, beta + d, {1: 0.4, 3: -1.0}).log_z for d in (step, -step))
    assert law.mean_energy == pytest.approx(-(up - down) / (2 * step), abs=1e-7)
    all_held = exact(model, beta, dict(enumerate([0.1, 0.2, 0.3, 0.4])))
    assert all_held.log_z == pytest.approx(-beta * model.energy([0.1, 0.2, 0.3, 0.4]))


def test_what_cannot_be_exact_is_refused_with_the_size_that_can():
    message = r"30 free sites have 2\^30 states; .* 4194304 = 2\^22: 22 free spins\. Clamp"
    with pytest.raises(ValueError, match=message):
        exact(IsingModel(np.zeros((30, 30))))
    with pytest.raises(ValueError, match=r"20 free sites have 3\^20 states.*13 free sites of 3 states"):
        exact(CategoricalModel([3] * 20))
    with pytest.raises(ValueError, match=r"23 free sites"):
        exact(IsingModel(np.zeros((25, 25))), clamp={0: 1, 3: -1})
    for beta in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="beta is"):
            exact(ising(2, 0), beta)
    with pytest.raises(ValueError, match="beta above 0"):
        exact(gaussian(2, 0), 0.0)
    with pytest.raises(ValueError, match="can hold"):
        exact(ising(2, 0), clamp={0: 0})
    with pytest.raises(TypeError, match="no list of states"):
        exact(gaussian(2, 0)).index([0.0, 0.0])
    with pytest.raises(TypeError, match="no list of states"):
        exact(gaussian(2, 0)).total_variation([1.0])


def test_largest_size_of_each_kind_fits(monkeypatch):
    monkeypatch.setattr(exact_module, "MAX_STATES", 81)
    monkeypatch.setattr(exact_module, "_BLOCK", 10)
    assert len(exact(CategoricalModel([3] * 4)).states) == 81
    with pytest.raises(ValueError, match="4 free sites of 3 states"):
        exact(CategoricalModel([3] * 5))
    law = exact(ising(6, 0))
    assert law.mean == pytest.approx(law.probabilities @ law.states, abs=1e-13)


def test_reals_without_a_closed_form_are_refused():
    class Quartic(GaussianModel.__base__):
        domain = "real"
        n, offset = 1, 0.0

        def energy(self, states):
            return np.asarray(states)[..., 0] ** 4

        def arrays(self):
            return {}

        @classmethod
        def from_arrays(cls, arrays):
            return cls()

    with pytest.raises(TypeError, match="a Quartic has no exact law"):
        exact(Quartic())


def test_total_variation():
    assert total_variation([1, 0], [0, 5]) == 1
    assert total_variation([0.5, 0.5], [1, 1]) == 0
    assert total_variation([0.5, 0.5], [3, 1]) == pytest.approx(0.25)
    law = exact(ising(3, 0))
    assert law.total_variation(law.probabilities * 7) == pytest.approx(0, abs=1e-15)
    with pytest.raises(ValueError, match="same states"):
        law.total_variation([1, 2])
    for bad in ([-1, 2], [0, 0], [np.nan, 1]):
        with pytest.raises(ValueError, match="counts or probabilities"):
            total_variation(bad, [1, 1])


def test_noise_floor_is_the_mean_distance_of_perfect_draws():
    # The mean of 400 distances has a relative error of 1.4 %; 10 % is seven of them.
    p = exact(ising(4, 2), 0.3).probabilities
    counts = np.random.default_rng(4).multinomial(2000, p, size=400)
    mean = np.mean([total_variation(p, c) for c in counts])
    assert tv_noise_floor(p, 2000) == pytest.approx(mean, rel=0.1)
    with pytest.raises(ValueError, match="at least one draw"):
        tv_noise_floor(p, 0)
