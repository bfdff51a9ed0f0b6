"""The one-hot encoding against its definition, by enumeration, and the promise of the safe penalty."""

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pbits
from pbits.models import Distances
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


@pytest.mark.parametrize("penalty", ["loose", 0, -1.0, float("nan"), True, [1.0]])
def test_other_penalties_are_refused(penalty):
    with pytest.raises(ValueError, match="expected 'safe', 'tight', 'auto' or a positive number"):
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


@pytest.mark.parametrize("diagonal", [np.inf, np.nan, -1.0])
def test_what_the_diagonal_holds_hides_no_asymmetry(diagonal):
    D = np.array([[0.0, 1, 2], [1, 0, 1], [2 + 1e-15, 1, 0]])
    np.fill_diagonal(D, diagonal)
    assert TravelingSalesman(D).places.symmetric
    D[2, 0] = 3
    for one_way in (D, Distances(D)):
        with pytest.raises(ValueError, match=r"not symmetric.*must first be doubled"):
            TravelingSalesman(one_way)


def test_coordinates_and_names_must_fit():
    with pytest.raises(ValueError, match=r"expected \(n, 2\)"):
        TravelingSalesman.from_coordinates([[0, 0, 0]] * 4)
    with pytest.raises(ValueError, match=r"coordinates\[1, 0\] is inf"):
        TravelingSalesman.from_coordinates([[0, 0], [np.inf, 0], [1, 1]])
    with pytest.raises(ValueError, match="names has 2 entries; expected 4"):
        TravelingSalesman(random_distances(4, 1), names=["a", "b"])
    with pytest.raises(ValueError, match=r"expected \(4, 2\)"):
        TravelingSalesman(random_distances(4, 1), coordinates=[[0, 0]])


def test_a_model_too_large_is_refused_with_its_size():
    problem = TravelingSalesman(random_distances(151, 1))
    assert problem.score(range(151)) > 0
    assert problem.encoding == "permutation"
    with pytest.raises(ValueError, match=r"22500 p-bits and 7 million couplings, 0\.2 GB; .* up to 150"):
        problem.to_model("one-hot")
    with pytest.raises(ValueError, match=r"150 p-dits .* 2\.0 GB; .* up to 80"):
        problem.to_model("p-dits")


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


ENCODINGS = ("one-hot", "p-dits", "permutation")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_reads_back_every_tour_at_its_length(encoding):
    problem = TravelingSalesman(random_distances(6, 5)).encoded(encoding)
    assert problem.to_model() is problem.to_model(encoding)
    tours = [(0, *rest) for rest in itertools.permutations(range(1, 6))]
    states = np.array([problem.encode(tour) for tour in tours])
    np.testing.assert_allclose(problem.to_model().energy(states), [problem.score(tour) for tour in tours], rtol=1e-12)
    assert [problem.decode(state) for state in states] == tours
    assert not any(problem.violations(state).get(name) for state in states for name in (CITIES, SLOTS))
    assert all(np.array_equal(problem.repaired(state), state) for state in states)


def states_of(problem):
    n, m = problem.n_cities, problem.n_cities - 1
    if problem.encoding == "one-hot":
        return all_states(m * m)
    if problem.encoding == "p-dits":
        return np.array(list(itertools.product(range(m), repeat=m)))
    return np.array(list(itertools.permutations(range(n))))


def on_bits(problem, walk):
    """The one-hot state that holds the city of each p-dit in its slot."""
    m = problem.n_cities - 1
    grid = np.full((m, m), -1)
    grid[walk, np.arange(m)] = 1
    return grid.ravel()


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 5), st.integers(0, 2**32 - 1), st.sampled_from(["safe", "tight", 0.7]))
def test_p_dits_have_the_energies_of_the_same_states_on_p_bits(n, seed, penalty):
    problem = TravelingSalesman(random_distances(n, seed), penalty=penalty)
    dits = problem.penalised(problem.penalty).encoded("p-dits")
    walks = states_of(dits)
    bits = np.array([on_bits(problem, walk) for walk in walks])
    np.testing.assert_allclose(dits.to_model().energy(walks), problem.to_model().energy(bits), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 6), st.integers(0, 2**32 - 1), st.sampled_from(["p-dits", "permutation"]))
def test_the_ground_states_of_safe_p_dits_and_of_permutations_are_the_shortest_tours(n, seed, encoding):
    problem = TravelingSalesman(random_distances(n, seed)).encoded(encoding)
    shortest = min(problem.score((0, *rest)) for rest in itertools.permutations(range(1, n)))
    states = states_of(problem)
    energies = problem.to_model().energy(states)
    assert energies.min() == pytest.approx(shortest, rel=1e-12)
    lowest = states[np.isclose(energies, shortest, rtol=1e-12, atol=0)]
    assert all(problem.score(problem.decode(state)) == pytest.approx(shortest) for state in lowest)


@pytest.mark.parametrize("encoding", ["one-hot", "p-dits"])
def test_the_parts_add_up_and_constraints_vanish_in_tours_alone(encoding):
    problem = TravelingSalesman(random_distances(4, 6), penalty=2.3).encoded(encoding)
    objective, constraints = problem.parts()
    states = states_of(problem)
    broken = constraints.energy(states)
    together = objective.energy(states) + 2.3 * broken
    np.testing.assert_allclose(problem.to_model().energy(states), together, atol=1e-9)
    valid = np.array([problem.decode(state) is not None for state in states])
    assert (np.abs(broken[valid]) < 1e-9).all()
    assert (broken[~valid] > 1 - 1e-9).all()
    assert (valid == np.array([not any(problem.violations(state).values()) for state in states])).all()


def test_permutations_have_no_penalty_and_no_parts():
    problem = TravelingSalesman(random_distances(5, 1), penalty="tight").encoded("permutation")
    assert (problem.penalty, problem.penalty_rule, problem.parts()) == (None, "", None)
    with pytest.raises(ValueError, match="no penalty"):
        problem.penalised(2.0)
    again = problem.encoded("p-dits")
    assert (again.penalty, again.penalty_rule) == (again.penalty_by("tight"), "tight")


def test_a_penalty_is_kept_through_encodings_and_recorded():
    problem = TravelingSalesman(random_distances(5, 1))
    assert problem.penalty_rule == "safe"
    assert problem.penalised("auto").penalty == problem.penalised("tight").penalty < problem.penalty
    given_one = problem.penalised(3.5).encoded("p-dits")
    assert (given_one.penalty, given_one.penalty_rule) == (3.5, "given")
    dits = problem.penalised("auto").encoded("p-dits")
    assert (dits.penalty_rule, dits.penalty) == ("auto", pytest.approx(0.85 / 1.35 * problem.penalised("auto").penalty))
    with pytest.raises(ValueError, match="'loose'; expected 'safe'"):
        problem.penalised("loose")


def test_repair_keeps_first_visits_in_order_and_puts_missing_cities_where_they_cost_least():
    # City 4 is missing and lies below the line of the others: it lengthens the way back from 3 to 0 least.
    points = [[0, 0], [1, 0], [2, 0], [3, 0], [1, -5]]
    problem = TravelingSalesman.from_coordinates(points).encoded("p-dits")
    state = [0, 1, 2, 1]  # cities 1, 2, 3, 2
    assert problem.decode(state) is None
    assert problem.decode(state, repair=True) == (0, 1, 2, 3, 4)
    bits = problem.encoded("one-hot")
    assert bits.decode(on_bits(bits, state), repair=True) == (0, 1, 2, 3, 4)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 8), st.integers(0, 2**32 - 1), st.sampled_from(["one-hot", "p-dits"]))
def test_a_repaired_state_is_always_a_tour(n, seed, encoding):
    rng = np.random.default_rng(seed)
    problem = TravelingSalesman(random_distances(n, seed)).encoded(encoding)
    m = n - 1
    state = rng.choice([-1, 1], m * m) if encoding == "one-hot" else rng.integers(0, m, m)
    repaired = problem.repaired(state)
    assert not any(problem.violations(repaired).values())
    assert sorted(problem.decode(state, repair=True)) == list(range(n))
    found = problem.solution([state], problem.to_model().energy([state]), repair=True)
    assert found.feasible
    assert found.repaired == (problem.decode(state) is None)


def test_cities_with_coordinates_need_no_matrix():
    problem = TravelingSalesman.random(20_000, 3)
    assert problem.encoding == "permutation"
    start = problem.initial_state()
    assert problem.to_model().distances.matrix is None
    # The greedy edge method ends 14 to 20 % above the shortest tour, which is about 0.7124 √n; a random tour 50 times.
    assert 1.05 < float(problem.to_model().energy(start)) / (0.7124 * np.sqrt(20_000)) < 1.25
    assert problem.decode(start)[0] == 0
    cold, hot = (1 / beta for beta in reversed(problem.beta_range()))
    assert 0 < cold < hot < float(problem.to_model().energy(start)) / 20_000
    with pytest.raises(ValueError, match=r"20,000 places would take 3\.2 GB"):
        problem.scale  # noqa: B018
    with pytest.raises(ValueError, match="one-hot model is built up to 150"):
        problem.to_model("one-hot")


def test_no_more_than_the_coordinates_are_taken_by_the_largest_instances():
    problem = TravelingSalesman.random(85_900, 1)
    tracemalloc.start()
    problem.to_model()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_a_start_tour_of_a_matrix_and_of_its_points_is_the_same():
    points = np.random.default_rng(2).random((60, 2))
    by_points = TravelingSalesman.from_coordinates(points)
    by_matrix = TravelingSalesman(by_points.distances)
    states = [problem.encoded("permutation").initial_state() for problem in (by_points, by_matrix)]
    np.testing.assert_array_equal(*states)


def test_the_largest_instances_of_the_library_are_read_without_a_matrix(tmp_path):
    points = np.random.default_rng(1).uniform(0, 1e4, (4000, 2))
    rows = "\n".join(f"{k + 1} {x:.1f} {y:.1f}" for k, (x, y) in enumerate(points))
    (tmp_path / "many.tsp").write_text(
        f"NAME : many\nTYPE : TSP\nDIMENSION : 4000\nEDGE_WEIGHT_TYPE : CEIL_2D\nNODE_COORD_SECTION\n{rows}\nEOF\n"
    )
    problem = TravelingSalesman.from_tsplib(tmp_path / "many.tsp")
    assert (problem.n_cities, problem.places.metric, problem.places.matrix) == (4000, "CEIL_2D", None)


@pytest.mark.parametrize(("encoding", "n", "instances"), [("one-hot", 5, 12), ("p-dits", 6, 40)])
def test_with_the_tight_penalty_ground_states_of_small_random_instances_are_tours(encoding, n, instances):
    for seed in range(instances):
        problem = TravelingSalesman.random(n, seed, penalty="tight").encoded(encoding)
        states = states_of(problem)
        energies = problem.to_model().energy(states)
        assert problem.decode(states[energies.argmin()]) is not None


def test_a_permutation_is_read_from_city_zero_wherever_it_begins():
    problem = TravelingSalesman(random_distances(5, 1)).encoded("permutation")
    assert problem.decode([3, 1, 0, 4, 2]) == (0, 4, 2, 3, 1)
    with pytest.raises(ValueError, match="is no permutation"):
        problem.decode([3, 1, 0, 4, 4])
    with pytest.raises(ValueError, match=r"expected \(5,\)"):
        problem.decode([[3, 1, 0, 4, 2]])
