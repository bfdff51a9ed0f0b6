"""Knapsack: ground states are the best choices by brute force; repairs, files, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.problems import Knapsack, read


def states(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


def ground(problem, every):
    """The distinct answers of the states of least energy, and that energy."""
    energies = problem.to_model().energy(every)
    lowest = every[energies < energies.min() + 1e-9]
    return {problem.decode(state) for state in lowest}, energies.min()


@st.composite
def bags(draw):
    n = draw(st.integers(1, 5))
    weights = draw(st.lists(st.integers(1, 6), min_size=n, max_size=n))
    values = draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    return values, weights, draw(st.integers(min(weights), 14))


@settings(max_examples=80, deadline=None)
@given(bags())
def test_ground_states_of_a_knapsack_are_its_best_choices(case):
    values, weights, capacity = case
    problem = Knapsack(values, weights, capacity, penalty="safe")
    worth = {}
    for size in range(len(values) + 1):
        for items in itertools.combinations(range(len(values)), size):
            if sum(weights[k] for k in items) <= capacity:
                worth[items] = sum(values[k] for k in items)
                assert float(problem.to_model().energy(problem.encode(items))) == pytest.approx(-worth[items], abs=1e-9)
                assert problem.decode(problem.encode(items)) == items
    best = max(worth.values())
    answers, energy = ground(problem, states(problem.to_model().n))
    assert answers == {items for items, value in worth.items() if value == best}
    assert energy == pytest.approx(-best, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(bags())
def test_a_tight_penalty_lets_no_state_gain_more_than_stated(case):
    values, weights, capacity = (np.array(part) for part in case)
    problem = Knapsack(values, weights, capacity, penalty="tight")
    # The best value where fractions of items may be taken.
    rest, best = float(capacity), 0.0
    for item in np.argsort(-values / weights):
        part = min(1.0, rest / weights[item])
        best, rest = best + part * values[item], rest - part * weights[item]
    energies = problem.to_model().energy(states(problem.to_model().n))
    assert energies.min() >= -best - 4 * problem.penalty - 1e-9


def test_an_anneal_comes_near_the_best_knapsack():
    rng = np.random.default_rng(0)
    weights, values = rng.integers(1, 40, 30), rng.integers(1, 60, 30)
    capacity = int(weights.sum() // 2)
    best = np.zeros(capacity + 1)
    for value, weight in zip(values, weights):
        best[weight:] = np.maximum(best[weight:], best[: capacity + 1 - weight] + value)
    problem = Knapsack(values, weights, capacity)
    start, stop = problem.beta_range()
    schedule = pbits.Schedule.anneal(sweeps=2000, beta_start=start, beta_stop=stop, chains=64)
    found = pbits.run(problem, "ideal", schedule, seed=1).solution
    assert 0.97 * best[capacity] < found.objective <= best[capacity]
    assert found.valid_fraction > 0.5


@settings(max_examples=40, deadline=None)
@given(bags(), st.integers(0, 2**32 - 1))
def test_a_repaired_knapsack_fits_and_pays_no_penalty(case, seed):
    problem = Knapsack(*case)
    state = np.random.default_rng(seed).choice([-1, 1], problem.to_model().n)
    fixed = problem.repaired(state)
    assert problem.violations(fixed) == {"weight above the capacity": 0}
    items = problem.decode(state, repair=True)
    assert items == problem.decode(fixed)
    assert float(problem.to_model().energy(fixed)) == pytest.approx(-problem.score(items), abs=1e-9)
    if problem.decode(state) is not None:
        assert problem.decode(state) == items


def test_an_overfull_knapsack_says_by_how_much():
    problem = Knapsack([1, 1], [3, 4], 5)
    found = problem.solution([[1, 1, -1, -1, -1]], [0.0])
    assert (found.feasible, found.violations, found.value) == (False, {"weight above the capacity": 2}, None)
    mended = problem.solution([[1, 1, -1, -1, -1]], [0.0], repair=True)
    assert (mended.feasible, mended.value, mended.repaired) == (True, (0,), True)
    value, filled = problem.parts()
    every = states(5)
    np.testing.assert_allclose(
        value.energy(every) + problem.penalty * filled.energy(every), problem.to_model().energy(every), atol=1e-9
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [9], 5), "no item fits"),
        (([1], [1.5], 5), r"weights\[0\] is 1.5"),
        (([0], [1], 5), r"values\[0\] is 0"),
        (([1], [1], 0), "capacity: found '0'"),
        (([1, 2], [1], 5), "one of each per item"),
        (([1], [1], 5, "loose"), "expected 'safe'"),
        (([1], [1], 5, -2.0), "must be a positive number"),
    ],
)
def test_bad_knapsacks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Knapsack(*arguments)


def test_knapsack_files(tmp_path):
    path = tmp_path / "small.kp"
    path.write_text("3\n\n4\n6 3\n5 2\n4 2\n")
    assert (read(path).values.tolist(), read(path).weights.tolist(), read(path).capacity) == ([6, 5, 4], [3, 2, 2], 4)
    path.write_text("3 4\n6 3\n5 2\n4\n")
    with pytest.raises(ValueError, match="line 4: found 5 numbers after n = 3, expected 6"):
        read(path)
    path.write_text("2 4\n6 3\n5 x\n")
    with pytest.raises(ValueError, match="line 3: found 'x'"):
        read(path)
