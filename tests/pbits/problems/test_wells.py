"""Potentials as problems: one question to cells, walks and processors, with an error bar that covers.

Statistical bounds are 5 standard errors: one entry in 1.7 million exceeds that by chance; some 20 are compared.
"""

from __future__ import annotations

import numpy as np
import pytest

import pbits
from hardware_models.langevin import LatticeWalk, Potentials
from pbits.algorithms import estimate
from pbits.problems import PotentialSampling

PAIR = pbits.QuarticModel([1.0, 1.0], [0.5, 0.5], [[0.0, 0.4], [0.4, 0.0]], [0.2, 0.0])


def test_a_pair_of_wells_is_answered_alike_by_every_machine():
    task = PotentialSampling(PAIR)
    exact = task.exact()
    schedule = pbits.Schedule(n_samples=1500, n_warmup=50, chains=16)
    for machine in (Potentials(), LatticeWalk(lattice=0.1), "cpu-epyc-9654"):
        found = pbits.run(task, machine, schedule, seed=3).solution
        assert found.objective < 0.03
        assert found.effective_samples > 500
        # A walk of this lattice is off by a hundredth of the variance of its own.
        slack = 0.01 if isinstance(machine, LatticeWalk) else 0.0
        assert (abs(found.value.mean - exact.mean) < 5 * found.error.mean + slack).all()
        assert (abs(found.value.covariance - exact.covariance) < 5 * found.error.covariance + slack).all()


def test_the_law_is_that_of_its_beta():
    cold = PotentialSampling(PAIR, beta=3.0)
    found = pbits.run(cold, Potentials(), pbits.Schedule(beta=3.0, n_samples=1500, chains=16), seed=1).solution
    assert found.objective < 0.03
    with pytest.raises(ValueError, match=r"the run is at β = 1 and the problem asks for the law at 3"):
        pbits.run(cold, Potentials(), pbits.Schedule(n_samples=10), seed=1)


def test_networks_of_quartic_units_have_an_error_and_no_score():
    rng = np.random.default_rng(0)
    links = np.triu(0.2 * rng.normal(size=(6, 6)), 1)
    units = pbits.QuarticModel.from_quartic_units(np.full(6, 0.5), np.full(6, 0.2), np.zeros(6), links + links.T)
    task = PotentialSampling(units)
    reached = estimate(task, Potentials(), relative_error=0.05, seed=1)
    assert reached.reached
    assert reached.solution.objective is None
    assert list(task.methods()) == ["leimkuhler-matthews"]
    digital = task.baseline(draws=20_000).value
    off = abs(reached.solution.value.covariance - digital.covariance)
    # The digital draws depend on each other, and know no more than a third of what they are.
    assert (off < 5 * (reached.solution.error.covariance + np.sqrt(2 * 3 / 20_000) * digital.covariance.max())).all()
    with pytest.raises(ValueError, match="of 6 sites has no exact law here"):
        task.exact()


def test_baselines_agree():
    task = PotentialSampling(PAIR)
    assert next(iter(task.methods())) == "quadrature"
    np.testing.assert_array_equal(task.baseline().value.covariance, task.exact().covariance)
    assert task.distance(task.baseline("leimkuhler-matthews", draws=40_000, seed=2).value) < 0.05


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ((pbits.GaussianModel([[1.0]]),), TypeError, "model is a GaussianModel; give a QuarticModel or"),
        ((PAIR, 0.0), ValueError, "beta is 0.0; it must be positive"),
    ],
)
def test_what_is_no_such_problem(given, error, message):
    with pytest.raises(error, match=message):
        PotentialSampling(*given)
