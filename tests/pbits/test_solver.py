"""`solve` finds answers, within its budget, and tells what it took."""

import numpy as np
import pytest

import pbits
from pbits import solver
from pbits.models import CategoricalModel, IsingModel
from pbits.problems import Problem

RING = [(k, (k + 1) % 9) for k in range(9)]
CORNERS = [[0, 0], [0, 1], [1, 1], [1, 0], [0.5, 2]]


class OneOfFive(Problem):
    """Take exactly one of five items, the cheapest: on spins with a penalty, or on one site of five categories."""

    name = "one of five"
    encodings = ("spins", "category")
    encoding = "spins"
    costs = np.array([5.0, 3.0, 4.0, 2.0, 6.0])

    def __init__(self, penalty=20.0, rule="given", optimum=None):
        self.penalty, self.penalty_rule, self.optimum = penalty, rule, optimum

    def encoded(self, encoding):
        changed = super().encoded(encoding)
        spins = {"penalty": self.penalty or 20.0, "penalty_rule": self.penalty_rule or "safe"}
        return changed._changed(**spins if encoding == "spins" else {"penalty": None, "penalty_rule": ""})

    def penalty_by(self, rule):
        return {"safe": 20.0, "tight": 7.0, "auto": 7.0}[rule]

    def build_model(self):
        if self.encoding == "category":
            # A site needs a neighbour that may differ; the second one is free of energy.
            return CategoricalModel([5, 2], unary=[self.costs, [0.0, 0.0]])
        A, n = self.penalty, len(self.costs)
        Q = np.triu(np.full((n, n), 2 * A), 1) + np.diag(self.costs - A)
        return IsingModel.from_qubo(Q, offset=A)

    def decode(self, state, repair=False):
        if self.encoding == "category":
            return int(state[0])
        taken = np.flatnonzero(np.asarray(self.repaired(state) if repair else state) > 0)
        return int(taken[0]) if len(taken) == 1 else None

    def violations(self, state):
        return {"taken": 0 if self.encoding == "category" else abs(int((np.asarray(state) > 0).sum()) - 1)}

    def repaired(self, state):
        if not self.violations(state)["taken"]:
            return np.asarray(state)
        mended = np.full(5, -1)
        mended[3] = 1
        return mended

    def score(self, answer):
        return float(self.costs[answer])

    def beta_range(self):
        return 0.05, 1.5


def ring(**options):
    return pbits.problems.MaxCut(9, RING, **options)


@pytest.mark.parametrize("method", ["auto", "anneal", "temper", "population"])
def test_every_algorithm_cuts_an_odd_ring_and_stops_there(method):
    answer = pbits.solve(ring(optimum=8.0), method=method, budget_s=1.0, seed=3)
    assert answer.solution.objective == 8.0
    assert answer.reached
    assert not answer.interrupted
    assert answer.wall_time_s < 0.9
    assert answer.method == ("search" if method == "auto" else method)


def test_the_budget_is_spent_where_no_best_is_known():
    answer = pbits.solve(ring(), method="anneal", budget_s=0.4, seed=3)
    assert not answer.reached
    assert len({attempt.seed for attempt in answer.attempts}) == len(answer.attempts) >= 4
    # Other work on this computer may slow an attempt down by any factor, but not speed it up.
    assert answer.wall_time_s > 0.3
    ended = [attempt.ended_s for attempt in answer.attempts]
    assert ended == sorted(ended)
    assert answer.wall_time_s == pytest.approx(ended[-1])


def test_an_attempt_can_be_made_again():
    answer = pbits.solve(ring(), method="anneal", budget_s=0.1, seed=3)
    best = next(attempt for attempt in answer.attempts if attempt.run is answer.run)
    again = pbits.run(answer.problem, "ideal", best.run.schedule, seed=best.seed)
    np.testing.assert_array_equal(again.states, best.run.states)


def test_auto_takes_the_first_encoding_that_the_machine_holds():
    assert pbits.solve(OneOfFive(), budget_s=0.1, seed=1).method == "spins:anneal"
    answer = pbits.solve(OneOfFive(), method="category", budget_s=0.1, seed=1)
    assert (answer.method, answer.problem.encoding, answer.solution.value) == ("category:anneal", "category", 3)
    spins_alone = pbits.solve(OneOfFive().encoded("category"), "fpga-all-to-all", budget_s=0.1, seed=1)
    assert spins_alone.method == "spins:anneal"


def test_a_machine_that_holds_no_encoding_says_why_of_each():
    with pytest.raises(pbits.NotMappable, match=r"spins: .*; category: "):
        pbits.solve(OneOfFive(), "langevin-rc-illustrative", budget_s=0.1)


def test_a_low_penalty_is_raised_until_half_of_the_reads_are_valid():
    # Below the cheapest cost, 2, taking nothing is the ground state.
    answer = pbits.solve(OneOfFive(penalty=0.5, rule="auto"), budget_s=1.0, seed=1)
    penalties = [attempt.penalty for attempt in answer.attempts]
    assert penalties[0] == 0.5
    assert np.allclose(np.diff(np.log(penalties)), np.log(1.2) * (np.diff(penalties) > 0))
    assert penalties[-1] > 2
    assert answer.attempts[-1].solution.valid_fraction >= 0.5
    assert answer.solution.value == 3
    assert answer.problem.penalty_rule == "auto"
    assert answer.run.record["posing"]["penalty"] == answer.problem.penalty


def test_want_of_sweeps_raises_no_penalty_beyond_the_safe_one():
    # In so little time the first attempts have a few sweeps, and few of their reads are valid at any penalty.
    trip = pbits.problems.TravelingSalesman.random(40, 1, penalty="auto")
    answer = pbits.solve(trip, method="one-hot", budget_s=1.0, seed=1)
    short = [attempt.penalty for attempt in answer.attempts if attempt.sweeps <= 20]
    assert len(short) > 1
    assert max(short) <= trip.penalty_by("safe")


def test_an_easy_problem_does_not_wait_for_a_long_budget():
    answer = pbits.solve(ring(optimum=8.0), method="anneal", budget_s=1e9, seed=3)
    assert answer.reached
    assert answer.wall_time_s < 5


def test_a_given_penalty_stays():
    answer = pbits.solve(OneOfFive(penalty=0.5), budget_s=0.2, seed=1)
    assert {attempt.penalty for attempt in answer.attempts} == {0.5}
    assert pbits.solve(OneOfFive(0.5), budget_s=0.1, seed=1, penalty=9).problem.penalty == 9
    by_rule = pbits.solve(OneOfFive(0.5), budget_s=0.1, seed=1, penalty="safe").problem
    assert (by_rule.penalty, by_rule.penalty_rule) == (20.0, "safe")


def test_reads_are_repaired_where_that_is_asked_for():
    low = OneOfFive(penalty=0.01)
    assert not pbits.solve(low, budget_s=0.1, seed=1).solution.repaired
    answer = pbits.solve(low, budget_s=0.1, seed=1, repair=True)
    assert (answer.solution.repaired, answer.solution.value) == (True, 3)
    assert answer.solution.broken["taken"] > 0.5
    found = pbits.solve(low, method="spins:search", budget_s=0.1, seed=1, repair=True)
    assert (found.solution.repaired, found.solution.value) == (True, 3)


def test_device_time_and_joules_are_of_all_attempts():
    answer = pbits.solve(ring(), "fpga-all-to-all", budget_s=0.1, seed=3)
    assert len(answer.attempts) > 1
    assert answer.device_time_s == pytest.approx(sum(run.device_time_s for run in answer.runs))
    spent = [pbits.price(run).joules for run in answer.runs]
    assert answer.joules() == pytest.approx(sum(spent))
    assert answer.ledger.joules in spent
    assert pbits.solve(ring(), budget_s=0.1, seed=3).joules() is None


def test_an_interrupted_search_gives_what_it_has(monkeypatch):
    attempts = solver._Attempts._attempt

    def interrupted(self, sweeps):
        if len(self._attempts) == 2:
            raise KeyboardInterrupt
        return attempts(self, sweeps)

    monkeypatch.setattr(solver._Attempts, "_attempt", interrupted)
    answer = pbits.solve(ring(), method="anneal", budget_s=1.0, seed=3)
    assert answer.interrupted
    assert len(answer.attempts) == 2
    assert answer.solution.objective == 8.0


def test_a_search_answers_in_rounds():
    answer = pbits.solve(ring(), budget_s=0.3, seed=3)
    assert (answer.method, answer.attempts, answer.solution.objective) == ("search", (), 8.0)
    assert len(answer.search.rounds) > 1
    assert answer.wall_time_s == answer.search.wall_time_s
    board = pbits.solve(ring(), "fpga-all-to-all", method="search", budget_s=0.2, seed=3)
    assert board.joules() == board.search.joules > 0
    assert board.joules("board") == board.joules()
    assert board.joules("wall") is None
    assert board.device_time_s == board.search.device_time_s > 0


def test_penalties_are_tempered_over():
    class Parted(OneOfFive):
        def parts(self):
            Q = np.triu(np.full((5, 5), 2.0), 1) - np.eye(5)
            return IsingModel.from_qubo(np.diag(self.costs)), IsingModel.from_qubo(Q, offset=1.0)

    answer = pbits.solve(Parted(penalty=6.0), method="spins:penalties", budget_s=0.3, seed=1)
    assert (answer.method, answer.solution.value) == ("spins:penalties", 3)
    with pytest.raises(ValueError, match="no penalty in this encoding"):
        pbits.solve(ring(), method="penalties", budget_s=0.1)


def test_progress_is_told_in_seconds():
    seen = []
    pbits.solve(ring(), budget_s=0.2, seed=3, progress=lambda spent, budget: seen.append((spent, budget)))
    assert [spent for spent, _ in seen] == sorted(spent for spent, _ in seen)
    assert {budget for _, budget in seen} == {0.2}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "magic"}, "knows 'auto', the algorithms anneal, temper, population, penalties, search"),
        ({"method": "spins:category"}, "encodings spins, category"),
        ({"budget_s": 0}, "positive number of seconds"),
        ({"budget_s": float("nan")}, "positive number of seconds"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_done_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        pbits.solve(OneOfFive(), **wrong)


def test_a_penalty_chooses_an_encoding_that_has_one():
    trip = pbits.problems.TravelingSalesman.from_coordinates(CORNERS)
    assert pbits.solve(trip, budget_s=0.1, seed=1).method == "permutation:anneal"
    assert pbits.solve(trip, budget_s=0.1, seed=1, penalty="safe").method == "one-hot:anneal"


@pytest.mark.parametrize("algorithm", ["penalties", "search"])
def test_an_algorithm_chooses_an_encoding_that_it_takes(algorithm):
    trip = pbits.problems.TravelingSalesman.from_coordinates(CORNERS)
    answer = pbits.solve(trip, method=algorithm, budget_s=0.1, seed=1)
    assert answer.method == f"one-hot:{algorithm}"
    assert answer.reason.startswith("the first of its encodings that the machine can hold, and that")


def test_penalties_of_many_body_terms_are_refused_with_the_remedy():
    clauses = pbits.problems.Satisfiability([(1, 2, 3), (-1,)], weights=[float("inf"), 2.0])
    with pytest.raises(ValueError, match="PolynomialModel: pose the problem in another of its encodings"):
        pbits.solve(clauses, method="penalties", budget_s=0.1)


def test_a_machine_that_proposes_no_moves_settles_into_tours():
    trip = pbits.problems.TravelingSalesman.from_coordinates(CORNERS)
    answer = pbits.solve(trip, "softassign-illustrative", budget_s=0.1, seed=1)
    assert answer.method == "permutation:anneal"
    assert answer.run.schedule.moves is None


def test_what_many_draws_answer_is_not_solved():
    with pytest.raises(ValueError, match="answered by many draws together"):
        pbits.solve(pbits.problems.MatrixInverse([[2.0, 0.5], [0.5, 1.0]]), "langevin-rc-illustrative", budget_s=0.1)


def test_a_search_is_of_ising_models():
    with pytest.raises(ValueError, match="posed as a CategoricalModel"):
        pbits.solve(OneOfFive(), method="category:search", budget_s=0.1)


def test_a_model_is_no_problem():
    with pytest.raises(TypeError, match="takes a Problem"):
        pbits.solve(IsingModel([[0, 1], [1, 0]]))


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_plot_is_a_file_of_its_kind(tmp_path, suffix):
    answer = pbits.solve(ring(), budget_s=0.1, seed=3)
    path = tmp_path / f"ring.{suffix}"
    answer.plot(path)
    assert path.read_bytes().startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
    with pytest.raises(ValueError, match=r"\.png, \.svg, \.pdf"):
        answer.plot(tmp_path / "ring.txt")


def test_tours_are_told_apart_by_their_steps():
    tours = np.array([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 3, 4, 0, 1], [0, 2, 1, 3, 4]])
    assert solver._edges_lost(tours, tours[0]) == pytest.approx([0, 0, 0, 0.4])
