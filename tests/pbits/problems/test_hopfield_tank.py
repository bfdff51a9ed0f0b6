"""The energy of 1985: its terms, its lowest states, and what analog neurons make of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models.langevin import Neurons
from pbits.problems import HopfieldTank, TravelingSalesman


def cities(n, seed):
    return TravelingSalesman.from_coordinates(np.random.default_rng(seed).random((n, 2)))


def as_written(V, D, A, B, C, length, m):
    """The energy term by term, as the paper sums it; V is (city, slot)."""
    n = len(D)
    places = range(n)
    first = sum(V[x, i] * V[x, j] for x in places for i in places for j in places if i != j)
    second = sum(V[x, i] * V[y, i] for i in places for x in places for y in places if x != y)
    fourth = sum(
        D[x, y] * V[x, i] * (V[y, (i + 1) % n] + V[y, (i - 1) % n])
        for x in places for y in places for i in places if x != y
    )  # fmt: skip
    return A / 2 * first + B / 2 * second + C / 2 * (V.sum() - m) ** 2 + length / 2 * fourth


@given(st.integers(3, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_every_state_has_the_energy_of_1985_in_the_unit_of_lengths(n, seed):
    rng = np.random.default_rng(seed)
    salesman = cities(n, seed)
    A, B, C, length, m = rng.uniform(1, 9, size=5)
    problem = HopfieldTank(salesman, same_city=A, same_slot=B, total=C, length=length, charge=m, side=2.0)
    s = np.where(rng.random(n * n) < 0.4, 1, -1)
    expected = as_written((1 + s.reshape(n, n)) / 2, salesman.distances, A, B, C, length / 2.0, m)
    # Sums of distances are those of side 1 where D is divided by the side, and the other terms with them.
    scaled = as_written((1 + s.reshape(n, n)) / 2, salesman.distances, A, B, C, 0.0, m) * 2.0 / length
    lengths = as_written((1 + s.reshape(n, n)) / 2, salesman.distances, 0.0, 0.0, 0.0, 1.0, m)
    offset = C / 2 * (n - m) ** 2 * 2.0 / length
    assert expected * 2.0 / length == pytest.approx(scaled + lengths)
    assert float(problem.to_model().energy(s)) == pytest.approx(scaled + lengths - offset)


@given(st.integers(3, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_energy_of_a_tour_is_its_length_in_every_slot_and_direction(n, seed):
    problem = HopfieldTank(cities(n, seed))
    order = np.random.default_rng(seed).permutation(n).tolist()
    for shown in (order, order[::-1], order[1:] + order[:1]):
        state = problem.encode(shown)
        assert problem.violations(state) == dict.fromkeys(problem.violations(state), 0)
        assert problem.decode(state)[0] == 0
        assert problem.score(problem.decode(state)) == pytest.approx(problem.salesman.score(order))
        assert float(problem.to_model().energy(state)) == pytest.approx(problem.salesman.score(order))


@pytest.mark.parametrize(("n", "charge"), [(10, 15.0), (10, 10.0), (14, 21.0)])
def test_what_one_output_more_or_less_costs(n, charge):
    """The margins of the Notes, in the units of 1985, less the lengths they add or save."""
    salesman = cities(n, 3)
    problem = HopfieldTank(salesman, charge=charge)
    model = problem.to_model()
    state = problem.encode(range(n))
    level = float(model.energy(state))
    D = salesman.distances
    less = state.copy()
    less[3 * n + 3] = -1  # city 3, between 2 and 4
    saved = D[2, 3] + D[3, 4]
    assert 500 * (float(model.energy(less)) - level + saved) == pytest.approx(200 * (charge - n + 0.5))
    more = state.copy()
    more[6 * n + 2] = 1  # city 6 in slot 2 too, next to cities 1 and 3
    added = D[6, 1] + D[6, 3]
    assert 500 * (float(model.energy(more)) - level - added) == pytest.approx(1000 - 200 * (charge - n - 0.5))


def test_the_network_with_its_feedback_moves_as_that_of_1985():
    """du/dt = −u − ∂E/∂V with τ = 1 and all of E's squares, by small Euler steps."""
    n, m, width = 4, 6.0, 0.02
    salesman = cities(n, 1)
    problem = HopfieldTank(salesman)
    D, one = salesman.distances, np.eye(n)
    ring = np.roll(one, 1, axis=1)
    T = -500 * np.kron(one, 1 - one) - 500 * np.kron(1 - one, one) - 200 - 500 * np.kron(D, ring + ring.T)
    schedule = pbits.Schedule(n_samples=4, n_warmup=0, step_tau=1e-4, beta=problem.gain, chains=2)
    program = Neurons(feedback=problem.feedback, accuracy=1e-4).compile(problem.to_model(), schedule)
    v = program.outputs(schedule, seed=1)
    start = pbits.Schedule(n_samples=1, n_warmup=0, step_tau=1e-12, beta=problem.gain, chains=2)
    u = width * np.arctanh(program.outputs(start, seed=1)[:, 0])
    step = 2e-8
    for frame in range(4):
        for _ in range(round(1e-4 / step)):
            V = (1 + np.tanh(u / width)) / 2
            u += step * (-u + V @ T + 200 * m)
        assert np.abs(v[:, frame] - np.tanh(u / width)).max() < 2e-3
    assert np.abs(v[:, -1] - v[:, 0]).max() > 0.1


def test_annealed_p_bits_find_what_the_network_misses():
    valid = 0
    anneal = pbits.Schedule.anneal(sweeps=1000, beta_start=0.5, beta_stop=40.0, chains=32)
    for seed in range(3):
        problem = HopfieldTank(cities(10, seed))
        network = pbits.run(problem, Neurons(feedback=problem.feedback), seed=1)
        valid += round(len(network.states) * network.solution.valid_fraction)
        annealed = pbits.run(problem, "ideal", anneal, seed=1).solution
        assert annealed.valid_fraction > 0.2
        assert annealed.objective <= (network.solution.objective or np.inf) + 1e-9
    assert valid < 0.5 * 3 * 16


def test_a_broken_state_is_loud_and_can_be_repaired():
    problem = HopfieldTank(cities(5, 0))
    state = problem.encode((0, 3, 1, 4, 2))
    state[5 * 3 + 1] = -1  # city 3 in slot 1
    assert problem.decode(state) is None
    assert sum(problem.violations(state).values()) == 2
    assert problem.decode(state, repair=True) == (0, 3, 1, 4, 2)
    assert np.array_equal(problem.repaired(problem.encode((0, 3, 1, 4, 2))), problem.encode((0, 3, 1, 4, 2)))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="total is 0"):
        HopfieldTank(cities(4, 0), total=0)
    with pytest.raises(ValueError, match="41 cities would need 1.4 million couplings"):
        HopfieldTank(cities(41, 0))
    with pytest.raises(ValueError, match="does not visit each"):
        HopfieldTank(cities(4, 0)).encode((0, 1, 2, 2))
    with pytest.raises(ValueError, match="one spin per site"):
        HopfieldTank(cities(4, 0)).decode(np.ones(9))
