"""Satisfiability: energies are the weights of broken clauses, counts of models are exact, and files are read."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.problems import Satisfiability, read


def states(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


@st.composite
def formulas(draw, n=5, weighted=False):
    literal = st.integers(1, n).flatmap(lambda v: st.sampled_from([v, -v]))
    clauses = draw(st.lists(st.lists(literal, min_size=1, max_size=4), min_size=1, max_size=5))
    choices = st.sampled_from([1.0, 2.0, 3.0, math.inf])
    return clauses, draw(st.lists(choices, min_size=len(clauses), max_size=len(clauses))) if weighted else None


def broken(clause, state):
    return not any(state[abs(literal) - 1] == np.sign(literal) for literal in clause)


@settings(max_examples=60, deadline=None)
@given(formulas(), st.sampled_from(["k-body", "quadratised"]))
def test_the_energy_is_the_number_of_broken_clauses(case, encoding):
    clauses, _ = case
    posed = Satisfiability(clauses, variables=5).encoded(encoding)
    meant = [sum(broken(clause, state) for clause in clauses) for state in states(5)]
    model = posed.to_model()
    if model.n > 15:
        return
    energies = model.energy(states(model.n)).reshape(32, -1).min(axis=1)
    np.testing.assert_allclose(energies, meant, rtol=0, atol=1e-12)
    for state, count in zip(states(5), meant):
        coded = posed.encode(posed.decode(posed.encode(state > 0)))
        assert posed.violations(coded) == {"clauses broken": count}
        assert posed.score(posed.decode(coded)) == count == pytest.approx(float(model.energy(coded)), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(formulas(weighted=True), st.sampled_from(["k-body", "quadratised"]))
def test_ground_states_of_partial_max_sat_are_the_lightest_assignments(case, encoding):
    clauses, weights = case
    posed = Satisfiability(clauses, weights, variables=5).encoded(encoding)
    score = {}
    for state in states(5):
        lost = [weight for clause, weight in zip(clauses, weights) if broken(clause, state)]
        score[tuple(state > 0)] = sum(lost)
    least = min(score.values())
    model = posed.to_model()
    if model.n > 15 or math.isinf(least):
        return
    every = states(model.n)
    energies = model.energy(every)
    ground = {posed.decode(state) for state in every[energies < energies.min() + 1e-9]}
    assert ground == {answer for answer, lost in score.items() if lost == least}
    assert energies.min() == pytest.approx(least, abs=1e-9)


def test_parts_add_up():
    posed = Satisfiability([(1, 2, 3), (-1,), (-2, -3)], [1, 2, math.inf], penalty=5.0)
    soft, hard = posed.parts()
    np.testing.assert_allclose(soft.energy(states(3)) + 5 * hard.energy(states(3)), posed.to_model().energy(states(3)))
    assert posed.penalty_rule == "given"
    assert Satisfiability([(1, 2)]).parts() is None


def test_penalties_by_rule():
    posed = Satisfiability([(1, 2), (-1,), (-2,)], [math.inf, 3, 2])
    assert (posed.penalty, posed.penalty_rule) == (7.0, "safe")
    assert posed.penalised("tight").penalty == 3.0
    with pytest.raises(ValueError, match="expected 'safe', 'tight', 'auto'"):
        posed.penalised("loose")
    with pytest.raises(ValueError, match="has no penalty"):
        Satisfiability([(1, 2)]).penalised("safe")


def test_models_are_counted():
    # Exactly one of n variables is true: n assignments.
    n = 7
    one = [tuple(range(1, n + 1)), *((-i, -j) for i, j in itertools.combinations(range(1, n + 1), 2))]
    posed = Satisfiability(one)
    assert (pbits.exact(posed.to_model()).energies < 1e-9).sum() == n
    # Independent sets of a path of 10 vertices: the 12th Fibonacci number.
    path = Satisfiability([(-v, -v - 1) for v in range(1, 10)])
    assert (pbits.exact(path.to_model()).energies < 1e-9).sum() == 144
    # x1 ⊕ x2 ⊕ x3 = 1 and a tautology, which costs nothing.
    parity = Satisfiability([(1, 2, 3), (1, -2, -3), (-1, 2, -3), (-1, -2, 3), (2, 4, -2)])
    assert (pbits.exact(parity.to_model()).energies < 1e-9).sum() == 8


@pytest.mark.parametrize("encoding", ["k-body", "quadratised"])
def test_an_anneal_satisfies_a_planted_formula(encoding):
    posed = Satisfiability.planted(30, 100, seed=1).encoded(encoding)
    schedule = pbits.Schedule.anneal(sweeps=500, beta_start=0.5, beta_stop=8.0, shape="linear", chains=16)
    found = pbits.run(posed, "ideal", schedule, seed=1).solution
    assert found.feasible
    assert found.objective == 0
    assert not posed.broken(found.value).any()


def test_an_unsatisfiable_formula_says_what_was_broken():
    posed = Satisfiability([(1,), (-1,)])
    found = posed.solution([[1], [-1]], [1, 1])
    assert not found.feasible
    assert found.violations == {"clauses broken": 1}
    assert found.broken == {"clauses broken": 1.0}


def test_files(tmp_path):
    cnf = tmp_path / "toy.cnf"
    cnf.write_text("c a comment\np cnf 4 3\n1 -2\n0 3 4 0\n-1 -3 0\n%\n0\n")
    formula = read(cnf)
    assert (formula.variables, formula.clauses) == (4, ((1, -2), (3, 4), (-1, -3)))
    old = tmp_path / "old.wcnf"
    old.write_text("p wcnf 3 3 10\n10 1 2 0\n3 -1 0\n2 -2 0\n")
    posed = read(old)
    assert (posed.hard.tolist(), posed.weights[1:].tolist()) == ([True, False, False], [3, 2])
    new = tmp_path / "new.wcnf"
    posed.to_cnf(new)
    assert new.read_text() == "h 1 2 0\n3 -1 0\n2 -2 0\n"
    again = read(new)
    assert (again.clauses, again.weights.tolist()) == (posed.clauses, posed.weights.tolist())
    formula.to_cnf(cnf)
    assert read(cnf).clauses == formula.clauses


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.cnf", "", "a.cnf is empty"),
        ("a.cnf", "c only\n", "a.cnf holds comments only"),
        ("a.cnf", "p dnf 3 1\n1 0\n", "line 1: found 'p dnf 3 1'"),
        ("a.cnf", "p cnf 3 1\n1 x 0\n", "line 2: found 'x', expected a literal"),
        ("a.cnf", "p cnf 3 1\n1 4 0\n", "line 2: found literal 4, expected variables 1 to 3"),
        ("a.cnf", "p cnf 3 1\n1 2\n", "line 2: found the end of the file inside a clause"),
        ("a.cnf", "p cnf 3 2\n1 2 0\n0\n", "line 3: found an empty clause"),
        ("a.cnf", "p cnf 3 2\n1 2 0\n", "found 1 clauses, expected 2"),
        ("a.wcnf", "p wcnf 3 1 9\n-2 1 0\n", "line 2: found the weight '-2'"),
        ("a.wcnf", "p wcnf 3 1 9\nh 1 0\n", "line 2: found 'h', expected a finite number"),
        ("a.wcnf", "h 1 0\n4\n", "line 2: found the weight '4' and nothing after it"),
    ],
)
def test_a_malformed_file_says_where(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        Satisfiability.from_cnf(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "no clauses"),
        (([()],), "clause 0 is empty"),
        (([(1, 0)],), "literal 0"),
        (([(1, 5)], None, 4), "a clause names variable 5"),
        (([(1, 2)], [-1.0]), "the weight of clause 0 is -1"),
        (([(1, 2)], [1.0, 2.0]), "one number per clause"),
    ],
)
def test_bad_formulas_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Satisfiability(*arguments)


def test_a_formula_too_small_to_plant_is_refused():
    with pytest.raises(ValueError, match="names 3 of them"):
        Satisfiability.planted(2, 5, seed=0)


def test_a_clause_too_long_to_multiply_out_is_held_by_pairs():
    posed = Satisfiability([range(1, 21)])
    with pytest.raises(ValueError, match=r"20 sites has 2\^20 terms"):
        posed.to_model()
    pairs = posed.encoded("quadratised")
    assert pairs.to_model().n == 20 + 18
    for answer, lost in ((np.zeros(20, bool), 1), (np.arange(20) == 7, 0)):
        assert float(pairs.to_model().energy(pairs.encode(answer))) == lost


def test_a_cnf_file_without_its_first_line_is_no_weighted_one(tmp_path):
    cut = tmp_path / "cut.cnf"
    cut.write_text("1 2 0\n")
    with pytest.raises(ValueError, match=r"cut\.cnf, line 1: found '1 2 0', expected 'p cnf n m' first"):
        Satisfiability.from_cnf(cut)
