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
    assert str(found) == (
        "infeasible (items missing or in excess: 1); 0 % of the states feasible "
        "(broken: items missing or in excess in 100 %)"
    )


def test_a_solution_prints_one_line():
    text = str(TwoOfThree().solution(STATES, ENERGIES))
    assert text == (
        "5 euro (+16.67 % from the best known); 60 % of the states feasible "
        "(broken: items missing or in excess in 40 %)"
    )


class Mended(TwoOfThree):
    """The same in two encodings; a state is repaired to the first two items."""

    encodings = ("plain", "weighted")
    encoding = "plain"
    penalty, penalty_rule = 2.0, "safe"

    def build_model(self):
        return IsingModel(np.zeros((3, 3)), h=np.full(3, self.penalty if self.encoding == "weighted" else 0.0))

    def repaired(self, state):
        return np.asarray(state) if not any(self.violations(state).values()) else np.array([1, 1, -1])


def test_what_is_broken_is_told_of_the_states_as_given():
    found = Mended().solution(STATES[2:4], ENERGIES[2:4], repair=True)
    assert (found.feasible, found.value, found.repaired) == (True, (0, 1), True)
    assert (found.valid_fraction, found.broken) == (0.0, {"items missing or in excess": 1.0})
    assert str(found).endswith("(broken: items missing or in excess in 100 %); states were repaired")


def test_states_that_break_nothing_are_not_repaired():
    found = Mended().solution(STATES[:2], ENERGIES[:2], repair=True)
    assert (found.value, found.repaired, found.broken) == ((0, 2), False, {})


def test_another_encoding_is_the_same_question_with_a_model_of_its_own():
    task = Mended()
    posed = task.encoded("weighted")
    assert (task.encoding, posed.encoding) == ("plain", "weighted")
    assert posed.to_model() is not task.to_model()
    assert posed.to_model().h[0] == task.to_model("weighted").h[0] == 2
    with pytest.raises(ValueError, match=r"encoding is 'heavy'.*'plain', 'weighted'"):
        task.encoded("heavy")
    with pytest.raises(ValueError, match="none but its own"):
        TwoOfThree().encoded("plain")


def test_another_penalty_is_recorded_as_given():
    posed = Mended().encoded("weighted").penalised(5)
    assert posed.posing() == {"encoding": "weighted", "penalty": 5.0, "penalty_rule": "given"}
    assert posed.to_model().h[0] == 5
    with pytest.raises(ValueError, match="positive number"):
        Mended().penalised(-1)
    with pytest.raises(ValueError, match="no penalty"):
        TwoOfThree().penalised(1)


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
