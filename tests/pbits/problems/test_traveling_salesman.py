"""The one-hot encoding against its definition, by enumeration, and the promise of the safe penalty."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pbits
from pbits.problems import TravelingSalesman

EXAMPLE = Path(pbits.__file__).parent / "problems" / "data" / "capitals9.tsp"
CITIES, SLOTS = "cities visited other than once", "slots holding other than one city"


def random_distances(n, seed):
    D = np.random.default_rng(seed).uniform(1, 10, (n, n))
    return np.triu(D, 1) + np.triu(D, 1).T


def all_states(n_sites):
    return 2 * (np.arange(2**n_sites)[:, None] >> np.arange(n_sites) & 1) - 1


def energy_by_definition(problem, state):
    D, A, m = problem.distances, problem.penalty, problem.n_cities - 1
    x = (np.asarray(state).reshape(m, m) + 1) / 2
    energy = A * sum((1 - x[c].sum()) ** 2 + (1 - x[:, c].sum()) ** 2 for c in range(m))
    for t, u, v in itertools.product(range(m - 1), range(m), range(m)):
        if u != v:
            energy += D[u + 1, v + 1] * x[u, t] * x[v, t + 1]
    return energy + sum(D[0, c + 1] * (x[c, 0] + x[c, m - 1]) for c in range(m))


def test_the_energy_is_the_written_formula_on_every_state():
    problem = TravelingSalesman(random_distances(4, 1), penalty=3.7)
    states = all_states(9)
    expected = [energy_by_definition(problem, state) for state in states]
    np.testing.assert_allclose(problem.to_model().energy(states), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("penalty", ["safe", "tight", 0.3])
def test_the_energy_of_every_tour_is_its_length(penalty):
    problem = TravelingSalesman(random_distances(6, 2), penalty=penalty)
    for rest in itertools.permutations(range(1, 6)):
        tour = (0, *rest)
        state = problem.encode(tour)
        length = sum(problem.distances[a, b] for a, b in zip(tour, (*rest, 0)))
        assert problem.decode(state) == tour
        assert problem.violations(state) == {CITIES: 0, SLOTS: 0}
        assert problem.score(tour) == pytest.approx(length, rel=1e-14)
        assert float(problem.to_model().energy(state)) == pytest.approx(length, rel=1e-12)


def test_the_number_of_p_bits_and_couplings():
    # (N−1)² p-bits; 169 and 3900 for fourteen cities
    model = TravelingSalesman(random_distances(14, 3)).to_model()
    assert (model.n, model.n_couplings) == (169, 3900)


distances = (
    st.integers(3, 4)
    .flatmap(lambda n: hnp.arrays(np.int64, (n, n), elements=st.integers(0, 9)))
    .map(lambda D: np.triu(D, 1) + np.triu(D, 1).T)
    .filter(np.any)
)


@settings(max_examples=60, deadline=None)
@given(distances)
def test_with_the_safe_penalty_an_optimal_tour_is_a_ground_state(D):
    problem = TravelingSalesman(D)
    n = len(D)
    shortest = min(problem.score((0, *rest)) for rest in itertools.permutations(range(1, n)))
    energies = problem.to_model().energy(all_states((n - 1) ** 2))
    assert problem.penalty <= D.max()
    assert energies.min() == pytest.approx(shortest, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(distances)
def test_with_the_safe_penalty_every_invalid_state_has_a_flip_that_does_not_raise_the_energy(D):
    problem = TravelingSalesman(D)
    model = problem.to_model()
    states = all_states(model.n)
    inputs = states @ model.csr.toarray() + model.h
    lowest_change = (2 * states * inputs).min(axis=1)
    x = (states.reshape(-1, len(D) - 1, len(D) - 1) + 1) // 2
    valid = ((x.sum(axis=1) == 1) & (x.sum(axis=2) == 1)).all(axis=1)
    assert (lowest_change[~valid] <= 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 7))
def test_with_the_safe_penalty_descent_by_removal_and_placement_ends_in_a_tour(seed, n):
    rng = np.random.default_rng(seed)
    problem = TravelingSalesman(random_distances(n, seed))
    model, m = problem.to_model(), n - 1
    state = 2 * rng.integers(0, 2, m * m) - 1
    energy = float(model.energy(state))
    while problem.decode(state) is None:
        x = state.reshape(m, m) > 0
        crowded = x & ((x.sum(axis=1) > 1)[:, None] | (x.sum(axis=0) > 1)[None, :])
        absent = (~x.any(axis=1))[:, None] & (~x.any(axis=0))[None, :]
        state[rng.choice(np.flatnonzero(crowded if crowded.any() else absent))] *= -1
        before, energy = energy, float(model.energy(state))
        assert energy <= before + 1e-9


def test_penalties():
    D = random_distances(8, 4)
    safe = TravelingSalesman(D).penalty
    pairs = [
        (D[a, c] + D[c, b]) / 2
        for c in range(1, 8)
        for a, b in itertools.combinations([k for k in range(8) if k != c], 2)
    ]
    assert safe == pytest.approx(max(pairs))
    assert TravelingSalesman(D, penalty=2.5).penalty == 2.5


@pytest.mark.parametrize("seed", range(5))
def test_the_tight_penalty_follows_the_hull_of_points_on_a_circle(seed):
    # On points in convex position the hull is the only tour without crossings, so 2-opt ends there.
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    sides = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1)
    expected = 1.35 * (sides + np.roll(sides, 1)).max() / 2
    problem = TravelingSalesman.from_coordinates(rng.permutation(points), penalty="tight")
    assert problem.penalty == pytest.approx(expected)


@pytest.mark.parametrize("penalty", ["loose", 0, -1.0, float("nan")])
def test_other_penalties_are_refused(penalty):
    with pytest.raises(ValueError, match="expected 'safe', 'tight' or a positive number"):
        TravelingSalesman(random_distances(4, 1), penalty=penalty)


@pytest.mark.parametrize(
    ("D", "message"),
    [
        (np.ones((3, 4)), "square"),
        (np.ones((2, 2)), "at least 3"),
        ([[0, 1, np.nan], [1, 0, 1], [np.nan, 1, 0]], r"distances\[0, 2\] is nan"),
        (
            [[0, 1, -1], [1, 0, 1], [-1, 1, 0]],
            r"distances\[0, 2\] is -1; every distance must be zero or more",
        ),
        ([[0, 1, 2], [1, 0, 1], [3, 1, 0]], r"\[0, 2\] is 2.0 but \[2, 0\] is 3.0; \(D \+ Dᵀ\)/2 is symmetric"),
        (np.zeros((3, 3)), "all distances are zero"),
    ],
)
def test_what_is_no_symmetric_problem_is_refused(D, message):
    with pytest.raises(ValueError, match=message):
        TravelingSalesman.from_matrix(D)


def test_coordinates_and_names_must_fit():
    with pytest.raises(ValueError, match=r"expected \(N, 2\)"):
        TravelingSalesman.from_coordinates([[0, 0, 0]] * 4)
    with pytest.raises(ValueError, match="city 1 are not finite"):
        TravelingSalesman.from_coordinates([[0, 0], [np.inf, 0], [1, 1]])
    with pytest.raises(ValueError, match="names has 2 entries; expected 4"):
        TravelingSalesman(random_distances(4, 1), names=["a", "b"])
    with pytest.raises(ValueError, match=r"expected \(4, 2\)"):
        TravelingSalesman(random_distances(4, 1), coordinates=[[0, 0]])


def test_a_model_too_large_is_refused_with_its_size():
    problem = TravelingSalesman(random_distances(151, 1))
    assert problem.score(range(151)) > 0
    with pytest.raises(ValueError, match=r"22500 p-bits and 7 million couplings, 0\.2 GB; .* up to 150"):
        problem.to_model()


def test_broken_states_are_counted_and_have_no_tour():
    problem = TravelingSalesman(random_distances(5, 1))
    state = problem.encode((0, 1, 2, 3, 4)).reshape(4, 4)
    state[0] = state[1]
    assert problem.decode(state.ravel()) is None
    assert problem.violations(state.ravel()) == {CITIES: 0, SLOTS: 2}
    state[0] = -1
    assert problem.violations(state.ravel()) == {CITIES: 1, SLOTS: 1}
    found = problem.solution([state.ravel()], [0.0])
    assert (found.feasible, found.value, found.objective) == (False, None, None)
    assert str(found).startswith(f"infeasible ({CITIES}: 1, {SLOTS}: 1)")


def test_a_state_of_another_size_or_of_bits_is_refused():
    problem = TravelingSalesman(random_distances(4, 1))
    with pytest.raises(ValueError, match=r"expected \(9,\)"):
        problem.decode(np.ones(8))
    with pytest.raises(ValueError, match="turn bits x into spins"):
        problem.decode(np.zeros(9))


@pytest.mark.parametrize("tour", [(0, 1, 2), (0, 1, 2, 2), (1, 2, 3, 4), (0, 1, 2, -1)])
def test_scores_and_encodings_of_what_is_no_tour_are_refused(tour):
    problem = TravelingSalesman(random_distances(4, 1))
    for use in (problem.score, problem.encode):
        with pytest.raises(ValueError, match="each of the cities 0 to 3 once"):
            use(tour)


def test_a_tour_is_encoded_from_city_zero_wherever_it_starts():
    problem = TravelingSalesman(random_distances(5, 1))
    assert problem.decode(problem.encode((3, 1, 0, 4, 2))) == (0, 4, 2, 3, 1)


def test_the_beta_range_follows_the_largest_distance():
    D = random_distances(5, 1)
    start, stop = TravelingSalesman(D).beta_range()
    assert (1 / start, 1 / stop) == pytest.approx((0.35 * D.max(), 0.02 * D.max()))


def test_the_example_instance_and_its_optimum_by_enumeration():
    problem = TravelingSalesman.from_tsplib(EXAMPLE)
    assert (problem.n_cities, problem.to_model().n, problem.unit) == (9, 64, "km")
    tours = np.array([(0, *rest) for rest in itertools.permutations(range(1, 9))])
    lengths = problem.distances[tours, np.roll(tours, -1, axis=1)].sum(axis=1)
    assert lengths.min() == problem.optimum == 6124
    best = tours[lengths.argmin()]
    found = problem.solution([problem.encode(best)], [6124.0])
    assert str(found) == "6124 km (+0.00 % from the best known); 100 % of the states feasible"


def test_a_given_optimum_and_name_win_over_the_files():
    problem = TravelingSalesman.from_tsplib(EXAMPLE, optimum=None, name="nine capitals", penalty="tight")
    assert (problem.optimum, problem.name) == (None, "nine capitals")
    assert problem.penalty < TravelingSalesman.from_tsplib(EXAMPLE).penalty
