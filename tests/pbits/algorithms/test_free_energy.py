"""Free energies from work, against log-determinants and enumerated sums."""

import numpy as np
import pytest

import pbits
from hardware_models.langevin import Circuit
from pbits.algorithms import free_energy_difference, log_determinant

RNG = np.random.default_rng(5)
ROOT = RNG.normal(size=(3, 5))
A = ROOT @ ROOT.T / 5 + 0.3 * np.eye(3)
CIRCUIT = Circuit(resistance_ohm=1e3, capacitance_f=1e-9)


@pytest.mark.parametrize(("stages", "relax", "beta"), [(2, 1, 1.0), (6, 1, 1.0), (4, 3, 3.0)])
def test_log_determinants_lie_within_their_errors(stages, relax, beta):
    found = [
        log_determinant(A, CIRCUIT, stages=stages, relax=relax, chains=150, beta=beta, seed=seed) for seed in range(40)
    ]
    off = np.array([(one.value - np.linalg.slogdet(A)[1]) / one.error for one in found])
    # 40 normal numbers: chances of 1e-3 and less.
    assert 0.65 < np.sqrt((off**2).mean()) < 1.4
    assert abs(off.mean()) < 3.3 / np.sqrt(40)
    assert all(not one.warnings and one.dissipated > 0 for one in found)


def test_works_obey_crooks_theorem():
    # ln p_f(W)/p_r(−W) = β(W − ΔF): of works of either way, which way they were is a logistic function of slope β.
    a, b, beta = pbits.GaussianModel(np.eye(3)), pbits.GaussianModel(A, [1.0, 0.0, -1.0]), 2.0
    found = free_energy_difference(a, b, CIRCUIT, stages=3, relax=1, chains=20_000, beta=beta, seed=1)
    works = np.concatenate([found.forward, -found.reverse])
    forward = np.repeat([1.0, 0.0], 20_000)
    rows, fitted = np.column_stack([works, np.ones_like(works)]), np.zeros(2)
    for _ in range(20):
        p = 1 / (1 + np.exp(-rows @ fitted))
        hessian = (rows.T * (p * (1 - p))) @ rows
        fitted = fitted + np.linalg.solve(hessian, rows.T @ (forward - p))
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    exact = 0.5 * np.linalg.slogdet(A)[1] / beta - 0.5 * b.b @ np.linalg.solve(A, b.b)
    # Four standard errors: 1e-4.
    assert abs(fitted[0] - beta) < 4 * errors[0]
    assert abs(fitted[1] + beta * exact) < 4 * errors[1]
    assert errors[0] < 0.05
    assert abs(found.value - exact) < 4 * found.error


def test_spins_have_free_energies_too():
    free = pbits.IsingModel(np.zeros((4, 4)), h=[0.1, 0.0, -0.2, 0.3])
    ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], [1.0, -1.0, 1.0, 0.5], [0.5, 0, 0, 0], 2.0)
    found = free_energy_difference(free, ring, "ideal", beta=0.7, chains=2000, seed=2)
    exact = -(pbits.exact(ring, 0.7).log_z - pbits.exact(free, 0.7).log_z) / 0.7
    assert abs(found.value - exact) < 4 * found.error < 0.2


def test_jarzynski_agrees_where_works_are_close_and_warns_where_they_are_not():
    close = log_determinant(A, CIRCUIT, stages=16, relax=2, chains=1000, method="jarzynski", seed=3)
    assert not close.warnings
    assert close.reverse is None
    assert abs(close.value - np.linalg.slogdet(A)[1]) < 4 * close.error
    a, b = pbits.GaussianModel(np.eye(3)), pbits.GaussianModel(np.eye(3), [4.0, 0.0, 0.0])
    # W = −4x₀ with x₀ ~ N(0, 1): ΔF = −8, which needs an x₀ of 4, and few of 100 come near it.
    far = [
        free_energy_difference(a, b, CIRCUIT, stages=1, chains=100, method="jarzynski", seed=seed) for seed in range(40)
    ]
    values = np.array([one.value for one in far])
    assert values.mean() > -8 + 4 * values.std() / np.sqrt(40)
    assert all("carry half of the average" in one.warnings[0] for one in far)
    apart = free_energy_difference(a, b, CIRCUIT, stages=1, chains=100, seed=3)
    assert "hardly overlap" in apart.warnings[0]
    near = free_energy_difference(a, b, CIRCUIT, stages=8, chains=400, seed=3)
    assert not near.warnings
    assert abs(near.value + 8) < 4 * near.error


def test_the_way_may_be_given_and_all_of_it_is_paid_for():
    a, b = (pbits.GaussianModel([[scale]]) for scale in (1.0, 9.0))
    way = [pbits.GaussianModel([[scale]]) for scale in (2.0, 4.0)]
    found = free_energy_difference(a, b, "langevin-rc-illustrative", stages=way, warmup=7, relax=3, chains=50, seed=4)
    assert [one.model.A[0, 0] for one in found.runs] == [1, 2, 4, 9, 4, 2]
    assert [one.schedule.total_steps for one in found.runs] == [7, 3, 3, 7, 3, 3]
    assert found.device_time_s == pytest.approx(sum(one.device_time_s for one in found.runs))
    assert found.joules() == pytest.approx(sum(pbits.price(one).joules for one in found.runs))
    assert abs(found.value - np.log(3)) < 4 * found.error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "guess"}, "method is 'guess'"),
        ({"stages": 0}, "stages is 0"),
        ({"relax": 0}, "relax is 0"),
        ({"b": pbits.GaussianModel(np.eye(3))}, "no model between them"),
        ({"b": pbits.IsingModel([[0.0]])}, "no model between them"),
        ({"stages": [pbits.GaussianModel(np.eye(2))]}, "sites; all must have the same"),
    ],
)
def test_impossible_ways_are_refused(changes, message):
    given = {"a": pbits.GaussianModel([[1.0]]), "b": pbits.GaussianModel([[2.0]]), "machine": CIRCUIT, **changes}
    with pytest.raises(ValueError, match=message):
        free_energy_difference(**given)
