"""Quadratic assignment: ground states of each encoding by brute force, repairs, files, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.problems import QuadraticAssignment, read


def states(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


def ground(problem, every):
    """The distinct answers of the states of least energy, and that energy."""
    energies = problem.to_model().energy(every)
    lowest = every[energies < energies.min() + 1e-9]
    return {problem.decode(state) for state in lowest}, energies.min()


@st.composite
def assignments(draw):
    n = draw(st.integers(2, 3))
    matrices = st.lists(st.lists(st.integers(0, 5), min_size=n, max_size=n), min_size=n, max_size=n)
    return draw(matrices), draw(matrices)


@settings(max_examples=40, deadline=None)
@given(assignments(), st.sampled_from(["permutation", "p-dits", "one-hot"]))
def test_ground_states_of_each_encoding_are_the_cheapest_assignments(case, encoding):
    flows, distances = (np.array(matrix) for matrix in case)
    n = len(flows)
    problem = QuadraticAssignment(flows, distances).encoded(encoding)
    cost = {p: (flows * distances[np.ix_(p, p)]).sum() for p in itertools.permutations(range(n))}
    for p in cost:
        assert problem.decode(problem.encode(p)) == p
        assert float(problem.to_model().energy(problem.encode(p))) == pytest.approx(cost[p], abs=1e-9)
        assert problem.score(p) == cost[p]
    every = {
        "permutation": np.array(list(cost), dtype=np.int32),
        "p-dits": np.array(list(itertools.product(range(n), repeat=n)), dtype=np.int16),
        "one-hot": states(n * n),
    }[encoding]
    answers, energy = ground(problem, every)
    assert answers == {p for p, c in cost.items() if c == min(cost.values())}
    assert energy == pytest.approx(min(cost.values()), abs=1e-9)
    for state in every[::5]:
        fixed = problem.repaired(state)
        assert problem.decode(fixed) in cost
        assert problem.decode(state) in (None, problem.decode(fixed))
        assert (problem.decode(state) is None) == any(problem.violations(state).values())


@pytest.mark.parametrize("encoding", ["p-dits", "one-hot"])
def test_parts_of_an_assignment(encoding):
    problem = QuadraticAssignment([[0, 2, 1], [1, 0, 3], [0, 1, 0]], [[0, 1, 2], [1, 0, 4], [2, 1, 0]], penalty=7.5)
    posed = problem.encoded(encoding)
    objective, constraints = posed.parts()
    every = states(9) if encoding == "one-hot" else np.array(list(itertools.product(range(3), repeat=3)))
    np.testing.assert_allclose(
        objective.energy(every) + 7.5 * constraints.energy(every), posed.to_model().energy(every), atol=1e-9
    )
    valid = np.array([not any(posed.violations(state).values()) for state in every])
    broken = constraints.energy(every)
    np.testing.assert_allclose(broken[valid], 0, atol=1e-9)
    assert broken[~valid].min() > 0.99
    assert problem.parts() is None
    assert (posed.penalty_rule, posed.encoded("permutation").penalty) == ("given", None)
    tight = posed.penalised("tight").encoded("p-dits")
    assert (tight.penalty, tight.penalty_rule) == (problem.penalty_by("tight"), "tight")
    assert posed.penalised(3.0).encoded("one-hot").penalty == 3.0


def test_an_assignment_is_solved_on_permutations_and_on_categories():
    rng = np.random.default_rng(3)
    flows, distances = rng.integers(0, 9, (2, 6, 6))
    best = min((flows * distances[np.ix_(p, p)]).sum() for p in itertools.permutations(range(6)))
    problem = QuadraticAssignment(flows, distances, penalty="tight").encoded("p-dits")
    start, stop = problem.beta_range()
    schedule = pbits.Schedule.anneal(sweeps=400, beta_start=start, beta_stop=stop, chains=64)
    found = pbits.run(problem, "ideal", schedule, seed=1).solution
    assert found.objective == best


def test_qaplib_files(tmp_path):
    path = tmp_path / "tiny.dat"
    path.write_text("2\n\n0 3\n1 0\n\n0 5 2\n0\n")
    problem = read(path)
    assert (problem.flows.tolist(), problem.distances.tolist()) == ([[0, 3], [1, 0]], [[0, 5], [2, 0]])
    assert problem.optimum is None
    (tmp_path / "tiny.sln").write_text("2 11\n2, 1\n")
    assert read(path).optimum == 11
    path.write_text("2\n0 3 1 0\n0 5 2\n")
    with pytest.raises(ValueError, match="line 3: found 7 numbers after n = 2, expected 8"):
        read(path)


@pytest.mark.parametrize(
    ("flows", "distances", "message"),
    [
        ([[0, 1]], [[0, 1]], "expected a square matrix"),
        ([[0, 1], [1, 0]], np.zeros((3, 3)), "expected one shape"),
        ([[0, -1], [1, 0]], [[0, 1], [1, 0]], r"flows\[0, 1\] is -1"),
    ],
)
def test_bad_assignments_are_refused(flows, distances, message):
    with pytest.raises(ValueError, match=message):
        QuadraticAssignment(flows, distances)


def test_an_assignment_too_large_for_tables_says_what_they_would_take():
    big = QuadraticAssignment(np.ones((50, 50)), np.ones((50, 50))).encoded("p-dits")
    with pytest.raises(ValueError, match=r"50 facilities need 3 million numbers in the encoding 'p-dits'"):
        big.to_model()
