"""Solution picks the best feasible state and says honestly what the states were worth."""

import numpy as np
import pytest

from pbits.models import IsingModel
from pbits.problems import Problem


class TwoOfThree(Problem):
    """Choose exactly two of three items worth 1, 2 and 4; the energies deliberately say nothing."""

    name = "two of three"
    unit = "euro"

    def __init__(self, sense="max", optimum=6.0):
        self.sense, self.optimum = sense, optimum

    def build_model(self):
        return IsingModel(np.zeros((3, 3)))

    def decode(self, state):
        return tuple(np.flatnonzero(np.asarray(state) > 0).tolist())

    def violations(self, state):
        return {"items missing or in excess": abs(len(self.decode(state)) - 2)}

    def score(self, answer):
        return float(sum(2**item for item in answer))


STATES = np.array([[1, 1, -1], [1, -1, 1], [1, 1, 1], [-1, -1, -1], [1, -1, 1]])
ENERGIES = np.array([-5.0, -1.0, -9.0, 0.0, -1.0])


def test_the_model_is_built_once():
    task = TwoOfThree()
    assert task.to_model() is task.to_model()


@pytest.mark.parametrize(
    ("sense", "value", "objective", "gap"), [("max", (0, 2), 5.0, 1 / 6), ("min", (0, 1), 3.0, -0.5)]
)
def test_the_best_feasible_answer_is_chosen_by_objective(sense, value, objective, gap):
    found = TwoOfThree(sense).solution(STATES, ENERGIES)
    assert found.feasible
    assert found.value == value
    assert found.objective == objective
    assert found.gap == pytest.approx(gap)
    assert found.valid_fraction == pytest.approx(3 / 5)


def test_no_gap_without_an_optimum_or_with_a_zero_one():
    assert TwoOfThree(optimum=None).solution(STATES, ENERGIES).gap is None
    assert TwoOfThree(optimum=0.0).solution(STATES, ENERGIES).gap is None


def test_where_nothing_is_feasible_the_lowest_energy_is_reported_as_infeasible():
    found = TwoOfThree().solution(STATES[[3, 2]], ENERGIES[[3, 2]])
    assert not found.feasible
    assert found.value == (0, 1, 2)
    assert (found.objective, found.gap, found.valid_fraction) == (None, None, 0.0)
    assert str(found) == "infeasible (items missing or in excess: 1); 0 % of the states feasible"


def test_a_solution_prints_one_line():
    text = str(TwoOfThree().solution(STATES, ENERGIES))
    assert text == "5 euro (+16.67 % from the best known); 60 % of the states feasible"


@pytest.mark.parametrize(
    ("states", "energies", "message"),
    [
        (STATES[:, :2], ENERGIES, r"shape \(5, 2\); expected \(m, 3\)"),
        (STATES[:0], ENERGIES[:0], "m of at least 1"),
        (STATES, ENERGIES[:2], r"expected \(5,\), one per state"),
    ],
)
def test_states_and_energies_must_fit(states, energies, message):
    with pytest.raises(ValueError, match=message):
        TwoOfThree().solution(states, energies)


def test_defaults_ask_for_nothing():
    task = TwoOfThree()
    assert task.initial_state() is None
    assert task.clamp() == {}
    assert task.beta_range() is None
