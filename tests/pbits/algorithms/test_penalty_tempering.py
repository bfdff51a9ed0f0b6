"""Tempering over penalties: every replica keeps its own Boltzmann law, by enumeration, and so do the swaps."""

import itertools

import numpy as np
import pytest

from pbits.algorithms import temper_penalties
from pbits.problems import MaxCut, TravelingSalesman


def small(encoding):
    D = np.array([[0, 1, 2, 3], [1, 0, 2.5, 1.5], [2, 2.5, 0, 1], [3, 1.5, 1, 0]], dtype=float)
    return TravelingSalesman(D).encoded(encoding)


def all_states(encoding):
    if encoding == "p-dits":
        return np.array(list(itertools.product(range(3), repeat=3)))
    return 2 * (np.arange(2**9)[:, None] >> np.arange(9) & 1) - 1


@pytest.mark.parametrize("encoding", ["one-hot", "p-dits"])
@pytest.mark.parametrize("betas", [[0.4, 0.8, 1.6], [0.8]])
def test_every_replica_has_its_own_law(encoding, betas):
    # 12 or 36 means; copies are independent, so their scatter tells the error, and 5.5 standard errors of 63 degrees
    # of freedom are passed by chance once in 10,000 tests.
    problem, copies = small(encoding), 64
    penalties = [0.6, 1.2, 2.4]
    found = temper_penalties(
        problem, penalties=penalties, betas=betas, sweeps=1200, n_samples=100, copies=copies, seed=3
    )
    assert found.states.shape[:4] == (len(betas), 3, copies, 100)
    objective, constraints = problem.parts()
    states = all_states(encoding)
    O, C = objective.energy(states), constraints.energy(states)
    for k, r in np.ndindex(len(betas), 3):
        weights = np.exp(-betas[k] * (O + penalties[r] * C))
        weights /= weights.sum()
        for model, values in ((objective, O), (constraints, C)):
            means = model.energy(found.states[k, r]).mean(axis=1)
            error = means.std(ddof=1) / np.sqrt(copies)
            assert abs(means.mean() - weights @ values) < 5.5 * error
    assert np.nanmin(found.penalty_acceptance) > 0.05
    assert len(betas) == 1 or np.nanmin(found.beta_acceptance) > 0.05


def test_swaps_are_accepted_as_often_as_the_laws_say():
    # At one β two replicas with independent laws: P = Σ p(s) p'(s') min(1, exp(β (A − A')(C − C'))).
    problem, beta = small("one-hot"), 0.8
    penalties = np.array([0.6, 1.2])
    found = temper_penalties(problem, penalties=penalties, betas=[beta], sweeps=4000, copies=16, seed=5)
    objective, constraints = problem.parts()
    states = all_states("one-hot")
    O, C = objective.energy(states), constraints.energy(states)
    one, two = (np.exp(-beta * (O + A * C)) for A in penalties)
    accept = np.minimum(1, np.exp(beta * (penalties[0] - penalties[1]) * (C[:, None] - C)))
    expected = one @ accept @ two / one.sum() / two.sum()
    # 32,000 proposals, neighbouring rounds alike: 0.02 is more than five standard errors
    assert found.penalty_acceptance[0, 0] == pytest.approx(expected, abs=0.02)


def test_the_answer_is_the_best_tour_and_the_shares_are_of_the_coldest_draws():
    problem = small("one-hot")
    found = temper_penalties(problem, penalties=[0.3, 3.0], betas=[0.5, 4.0], sweeps=400, copies=2, seed=1)
    shortest = min(problem.score((0, *rest)) for rest in itertools.permutations((1, 2, 3)))
    assert found.solution.objective == shortest
    cold = found.states[-1, -1].reshape(-1, 9)
    assert found.solution.valid_fraction == pytest.approx(np.mean([problem.decode(s) is not None for s in cold]))
    assert (found.problem.penalty, found.problem.penalty_rule) == (3.0, "given")
    assert found.run.record["steer"]["penalties"] == [0.3, 3.0]


@pytest.mark.parametrize(
    ("penalties", "betas", "message"),
    [([1.0, 0.5], [1.0], "penalties go from 1 to 0.5"), ([0.0, 1.0], [1.0], "begin at 0"), ([1.0], [2, 1], "betas go")],
)
def test_ladders_that_do_not_rise_are_refused(penalties, betas, message):
    with pytest.raises(ValueError, match=message):
        temper_penalties(small("one-hot"), penalties=penalties, betas=betas)


def test_a_problem_without_constraints_is_refused():
    with pytest.raises(ValueError, match="no penalty to temper"):
        temper_penalties(small("permutation"), penalties=[1.0], betas=[1.0])
    with pytest.raises(ValueError, match="no penalty to temper"):
        temper_penalties(MaxCut(2, [(0, 1)]), penalties=[1.0], betas=[1.0])
    with pytest.raises(ValueError, match="at most one draw a sweep"):
        temper_penalties(small("one-hot"), penalties=[1.0], betas=[1.0], sweeps=5, n_samples=6)
