"""Estimates to a wanted accuracy: they stop in time, not too early, and say so when they do not get there."""

import numpy as np
import pytest

import pbits
from hardware_models.langevin import Circuit
from hardware_models.processor import Processor
from pbits.algorithms import estimate
from pbits.problems import Determinant, LinearSystem, MatrixExponential, MatrixInverse

A = np.array([[2.0, -0.8, 0.1], [-0.8, 1.5, -0.5], [0.1, -0.5, 1.0]])
CIRCUIT = Circuit(resistance_ohm=1e3, capacitance_f=1e-9)


@pytest.mark.parametrize(
    ("problem", "wanted"),
    [(LinearSystem(A, [1.0, 2.0, 3.0]), 0.01), (MatrixInverse(A), 0.08), (Determinant(A, stages=3), 0.05)],
)
def test_the_answer_is_as_close_as_it_was_asked_to_be(problem, wanted):
    found = [estimate(problem, CIRCUIT, relative_error=wanted, seed=seed) for seed in range(60)]
    assert all(one.reached and one.half_width <= wanted for one in found)
    size = 1.0 if isinstance(problem, Determinant) else np.linalg.norm(problem.exact())
    misses = sum(np.linalg.norm(one.solution.value - problem.exact()) > wanted * size for one in found)
    # At 95 % confidence 3 of 60 may miss; more than 9 do so with a chance below 1e-3.
    assert misses <= 9
    # It stops soon after it could: the interval is not much narrower than asked for.
    assert np.median([one.half_width for one in found]) > 0.6 * wanted


def test_rounds_go_on_where_the_last_one_ended():
    problem = MatrixInverse(A)
    found = estimate(problem, CIRCUIT, relative_error=0.04, seed=1)
    first, second, *_ = found.runs
    assert (first.schedule.n_warmup, second.schedule.n_warmup) == (200, 0)
    assert len({one.record["seed"] for one in found.runs}) == len(found.runs)
    assert found.draws == sum(one.energies.size for one in found.runs)
    # The first draw of a round remembers the last one of the round before: of the slowest mode e⁻¹ is left.
    short, slowest = pbits.Schedule(n_samples=60, n_warmup=20, chains=4), np.linalg.eigh(A)[1][:, 0]
    ends, begins = [], []
    for seed in range(40):
        before, after, *_ = estimate(problem, CIRCUIT, relative_error=0.1, seed=seed, schedule=short).runs
        ends.extend(before.states[:, -1] @ slowest)
        begins.extend(after.states[:, 0] @ slowest)
    # 160 pairs: below 0.1 with a chance of 1e-4, and above it by chance alone in one of ten.
    assert np.corrcoef(ends, begins)[0, 1] > 0.1


def test_time_and_joules_are_those_of_all_runs():
    found = estimate(MatrixInverse(A), "langevin-rc-illustrative", relative_error=0.05, seed=2)
    assert len(found.runs) > 1
    assert found.device_time_s == pytest.approx(sum(one.device_time_s for one in found.runs))
    assert found.joules() == pytest.approx(sum(pbits.price(one).joules for one in found.runs))
    assert estimate(MatrixInverse(A), Circuit(), seed=2).joules() is None


def test_what_is_not_reached_says_so():
    found = estimate(MatrixInverse(A), CIRCUIT, relative_error=0.001, max_draws=5000, seed=3)
    assert not found.reached
    assert found.half_width > 0.001
    assert found.draws == 5000
    assert "reached=False" in repr(found)
    few = estimate(MatrixInverse(A), CIRCUIT, schedule=pbits.Schedule(n_samples=4, chains=2), max_draws=8, seed=3)
    assert (few.reached, few.half_width) == (False, None)


def test_few_draws_that_agree_end_nothing():
    # At β → ∞ all draws agree at once; it still draws until a hundred of them count.
    system = LinearSystem(A, [1.0, 2.0, 3.0])
    found = estimate(system, CIRCUIT, relative_error=0.5, seed=4, schedule=pbits.Schedule(n_samples=5, beta=1e6))
    assert found.reached
    assert found.solution.effective_samples >= 100


def test_an_exponential_brings_its_own_spacing():
    task = MatrixExponential([[1.0, 0.7], [-0.7, 1.0]], t=0.5)
    found = estimate(task, Processor(), relative_error=0.05, seed=5)
    assert found.reached
    assert found.runs[0].schedule.step_tau == 0.5
    assert found.solution.objective < 0.1


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"relative_error": 0.0}, ValueError, "relative_error is 0.0"),
        ({"confidence": 1.0}, ValueError, "confidence is 1.0"),
        ({"max_draws": 10}, ValueError, "first round is of 1000 draws and max_draws is 10"),
        ({"schedule": pbits.Schedule.anneal()}, ValueError, "an anneal has no stationary law"),
        ({"problem": pbits.problems.EXAMPLES["and-gate"]()}, TypeError, "problem is a BoltzmannMachine"),
    ],
)
def test_what_cannot_be_estimated_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        estimate(**{"problem": MatrixInverse(A), "machine": CIRCUIT, **changes})
