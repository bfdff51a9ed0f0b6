"""Sudoku against an independent solver: counts of solutions, ground states of each encoding, and what is refused."""

from contextlib import suppress
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.mapping import colour_classes
from pbits.problems import Sudoku, read
from pbits.runner import suggested_schedule

# The example of Wikipedia's article "Sudoku", 30 givens; one made for these tests, 28; and "AI Escargot" of A. Inkala,
# 2006, 23.
EASY = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
MEDIUM = ".8261...7...8......36.72..5..3.64.9..7.....269.......3.2.5..37.....27........16.."
ESCARGOT = "1....7.9..3..2...8..96..5....53..9...1..8...26....4...3......1..4......7..7...3.."


def peers_of(rows, columns):
    """Peers by the rules of the game, cell by cell."""
    N = rows * columns
    home = [(r, c, r // rows * (N // columns) + c // columns) for r in range(N) for c in range(N)]
    return [[j for j in range(N * N) if j != i and any(a == b for a, b in zip(home[i], home[j]))] for i in range(N * N)]


def solutions(puzzle, limit=2, box=None):
    """The solutions of a puzzle, at most `limit`, by backtracking over the cell with the fewest candidates."""
    grid, N = puzzle.grid.ravel().tolist(), puzzle.size
    peers, found = peers_of(*puzzle.box), []

    def search():
        free = [(sorted(set(range(1, N + 1)) - {grid[p] for p in peers[c]}), c) for c in range(N * N) if not grid[c]]
        if not free:
            found.append(np.reshape(grid, (N, N)))
            return
        digits, cell = min(free, key=lambda each: len(each[0]))
        for digit in digits:
            if len(found) < limit:
                grid[cell] = digit
                search()
        grid[cell] = 0

    search()
    return found


@pytest.mark.parametrize(("text", "givens"), [(EASY, 30), (MEDIUM, 28), (ESCARGOT, 23)])
def test_known_puzzles_have_one_solution_and_every_run_finds_it(text, givens):
    puzzle = Sudoku(text)
    assert (puzzle.grid > 0).sum() == givens
    (only,) = solutions(puzzle)
    for seed in range(6):
        run = pbits.run(puzzle, "ideal", seed=seed, judge=False)
        assert run.solution.feasible
        assert run.solution.objective == 0
        np.testing.assert_array_equal(run.solution.value, only)
    state = puzzle.encode(only)
    assert puzzle.to_model().energy(state) == 0
    assert puzzle.score(puzzle.decode(state)) == 0


def test_the_empty_grid_of_four_digits_has_288_solutions():
    empty = Sudoku(np.zeros((4, 4), dtype=int))
    assert len(solutions(empty, limit=1000)) == 288
    # Each of the 4! first rows has as many completions, half of them with a second row that begins as this one.
    half = Sudoku("1234 34.. .... ....")
    law = pbits.exact(half.to_model())
    ground = law.states[law.energies == 0]
    found = {np.array(half.decode(state)).tobytes() for state in ground}
    assert found == {grid.tobytes() for grid in solutions(half, 99)}
    assert 24 * 2 * len(found) == 288


@st.composite
def small_puzzles(draw, most_empty=8):
    """A 4×4 grid with some cells emptied, and sometimes a given changed so that it may have no solution."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    base = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]])
    grid = rng.permutation(4)[base - 1] + 1
    empty = rng.permutation(16)[: rng.integers(2, most_empty + 1)]
    grid.ravel()[empty] = 0
    if rng.random() < 0.4:
        changed = grid.copy()
        changed.ravel()[empty[0]] = rng.integers(1, 5)
        with suppress(ValueError):
            return Sudoku(changed)
    return Sudoku(grid)


@settings(max_examples=25, deadline=None)
@given(small_puzzles(), st.sampled_from(["p-dits", "one-hot"]), st.sampled_from([1.0, 4.0]))
def test_zero_energy_is_a_solution_in_each_encoding(puzzle, encoding, weight):
    puzzle = Sudoku(puzzle.grid, given_weight=weight)
    posed = puzzle.encoded(encoding)
    open_cells = np.array(puzzle.candidates()).sum(axis=1)
    if encoding == "one-hot" and not 1 < open_cells.max() <= open_cells[open_cells > 1].sum() <= 14:
        return
    model = posed.to_model()
    values = [model.values(site) for site in range(model.n)]
    states = np.array(list(product(*values)))
    energies = model.energy(states)
    solved = states[np.abs(energies) < 1e-9]
    assert (energies > -1e-9).all()
    wanted = {posed.encode(grid).tobytes() for grid in solutions(puzzle, 1000)}
    kind = np.int16 if encoding == "p-dits" else np.int8
    assert {state.astype(kind).tobytes() for state in solved} == wanted
    for state in states[:: max(1, len(states) // 50)]:
        assert (not any(posed.violations(state).values())) == (state.tolist() in solved.tolist())


@settings(max_examples=25, deadline=None)
@given(small_puzzles(), st.integers(0, 2**32 - 1))
def test_violations_and_conflicts_follow_the_rules_of_the_game(puzzle, seed):
    state = np.random.default_rng(seed).integers(0, 4, len(puzzle.empty))
    grid = np.array(puzzle.decode(state))
    counted = {
        "rows repeating a digit": sum(len(set(row)) < 4 for row in grid),
        "columns repeating a digit": sum(len(set(row)) < 4 for row in grid.T),
        "boxes repeating a digit": sum(
            len({*grid[r : r + 2, c : c + 2].ravel()}) < 4 for r, c in product((0, 2), repeat=2)
        ),
    }
    assert puzzle.violations(state) == counted
    peers = peers_of(2, 2)
    clashes = {(i, j) for i in range(16) for j in peers[i] if i < j and grid.ravel()[i] == grid.ravel()[j]}
    assert {(4 * a + b, 4 * c + d) for (a, b), (c, d) in puzzle.conflicts(grid)} == clashes
    assert puzzle.score(grid) == len(clashes)
    # The energy is the plain count where givens weigh as much as other peers.
    assert Sudoku(puzzle.grid, given_weight=1).to_model().energy(state) == len(clashes)
    np.testing.assert_array_equal(puzzle.encode(grid), state)


@pytest.mark.parametrize(("size", "box"), [(4, (2, 2)), (6, (2, 3)), (9, (3, 3)), (12, (3, 4)), (16, (4, 4))])
def test_the_peers_and_phases_of_every_size(size, box):
    empty = Sudoku(np.zeros((size, size), dtype=int))
    assert empty.box == box
    model = empty.to_model()
    cells = [size * r + c for r, c in empty.empty.tolist()]
    pairs = {tuple(sorted((cells[i], cells[j]))) for i, j in model.pairs.tolist()}
    peers = peers_of(*box)
    assert pairs == {(i, j) for i in range(size**2) for j in peers[i] if i < j}
    classes = colour_classes(model)
    assert len(classes) == size
    for colour in classes:
        inside = [cells[site] for site in colour]
        assert not any(j in peers[i] for i in inside for j in inside)


def test_a_grid_of_any_givens_takes_nine_phases_at_most():
    (solved,) = solutions(Sudoku(EASY))
    rng = np.random.default_rng(5)
    for _ in range(20):
        assert len(colour_classes(Sudoku(np.where(rng.random((9, 9)) < 0.3, solved, 0)).to_model())) <= 9


def test_other_boxes_and_larger_grids_are_solved():
    for text, box in (("1..... .2.... ..3... ...4.. ....5. .....6", (3, 2)), ("." * 256, None)):
        puzzle = Sudoku(text, box=box)
        run = pbits.run(puzzle, "ideal", suggested_schedule(puzzle, chains=16), seed=1, judge=False)
        grid = np.array(run.solution.value)
        assert run.solution.feasible
        assert puzzle.conflicts(grid) == []


def test_one_hot_drops_digits_that_givens_rule_out():
    posed = Sudoku(EASY).encoded("one-hot")
    model = posed.to_model()
    candidates = np.array(posed.candidates())
    several = candidates.sum(axis=1) > 1
    assert model.n == candidates[several].sum() < 9 * len(posed.empty) / 2
    run = pbits.run(posed, "ideal", suggested_schedule(posed, sweeps=2000, chains=64), seed=2, judge=False)
    assert run.solution.feasible
    (only,) = solutions(posed)
    np.testing.assert_array_equal(run.solution.value, only)


def test_penalties_are_recorded_and_may_be_set():
    puzzle = Sudoku(ESCARGOT)
    assert (puzzle.penalty, puzzle.penalty_rule) == (None, "")
    posed = puzzle.encoded("one-hot")
    assert (posed.penalty, posed.penalty_rule) == (1.5, "tight")
    assert posed.penalised("safe").penalty == posed.penalty_by("safe") > 2
    assert posed.penalised("auto").encoded("p-dits").encoded("one-hot").penalty_rule == "auto"
    with pytest.raises(ValueError, match="penalty is 'firm'; expected 'safe'"):
        posed.penalised("firm")
    raised = posed.penalised(3.0)
    assert raised.encoded("p-dits").encoded("one-hot").penalty == 3
    assert (raised.penalty, raised.penalty_rule) == (3.0, "given")
    objective, constraints = raised.parts()
    rng = np.random.default_rng(3)
    spins = rng.choice([-1, 1], (20, raised.to_model().n)).astype(np.int8)
    np.testing.assert_allclose(
        raised.to_model().energy(spins), objective.energy(spins) + 3 * constraints.energy(spins), atol=1e-9
    )
    safe = Sudoku(ESCARGOT, penalty="safe").encoded("one-hot")
    assert safe.penalty_rule == "safe"
    assert safe.penalty % 1 == 0.5
    assert Sudoku(ESCARGOT, penalty=2.5).encoded("one-hot").penalty == 2.5
    with pytest.raises(ValueError, match="has no penalty in this encoding"):
        puzzle.penalised(2.0)
    with pytest.raises(ValueError, match="penalty is 'firm'; expected 'safe', 'tight', 'auto' or a positive number"):
        Sudoku(EASY, penalty="firm")


def test_repair_leaves_one_digit_a_cell():
    posed = Sudoku(EASY).encoded("one-hot")
    empty = np.full(posed.to_model().n, -1, dtype=np.int8)
    assert posed.decode(empty) is None
    broken = posed.violations(empty)
    assert broken.pop("cells holding other than one digit") > 0
    # Cells without a digit repeat none.
    assert set(broken.values()) == {0}
    assert posed.decode(empty, repair=True) is not None
    assert posed.violations(posed.repaired(empty))["cells holding other than one digit"] == 0


def test_an_unsolvable_puzzle_says_the_best_that_was_found():
    puzzle = Sudoku(".4.. .3.. ..3. 1...")
    assert solutions(puzzle, 1) == []
    run = pbits.run(puzzle, "ideal", suggested_schedule(puzzle, sweeps=300), seed=1, judge=False)
    assert not run.solution.feasible
    assert "repeating a digit" in str(run.solution)
    assert len(puzzle.conflicts(run.solution.value)) >= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("55" + EASY[2:], "row 1, column 1 and row 1, column 2 both hold 5; the givens contradict each other"),
        ("123. .... .... ...4", "row 1, column 4 can hold no digit"),
        ("1234 3412 2143 4321", "no empty cell; there is nothing to solve"),
        (EASY[:-1], "the grid has 80 cells; expected a square number"),
        ("5?" + EASY[2:], r"the grid holds '\?'; expected digits"),
        ("5A" + EASY[2:], "row 1, column 2 holds 10; digits are 1 to 9"),
        ("", "the grid has 0 cells"),
    ],
)
def test_malformed_grids_are_refused_with_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        Sudoku(text)


def test_other_malformed_input_is_refused():
    with pytest.raises(ValueError, match=r"box is \(2, 3\); a grid of 9 digits needs numbers of product 9"):
        Sudoku(EASY, box=(2, 3))
    with pytest.raises(ValueError, match=r"the grid is int64 of shape \(4, 5\)"):
        Sudoku(np.zeros((4, 5), dtype=np.int64))
    with pytest.raises(ValueError, match="given_weight is 0; it must be a positive number"):
        Sudoku(EASY, given_weight=0)
    puzzle = Sudoku(EASY)
    with pytest.raises(ValueError, match=r"row 1, column 1 holds 1; it is given as 5"):
        puzzle.encode(np.ones((9, 9), dtype=int))
    with pytest.raises(ValueError, match=r"the answer has shape \(3,\)"):
        puzzle.score([1, 2, 3])
    with pytest.raises(ValueError, match="the state has shape"):
        puzzle.encoded("one-hot").decode([1, -1])


def test_every_way_to_write_a_grid_is_the_same(tmp_path):
    plain = Sudoku(EASY)
    framed = "\n".join(
        ("------+-------+------\n" if r in (3, 6) else "") + " | ".join(" ".join(row[c : c + 3]) for c in (0, 3, 6))
        for r, row in ((r, EASY[9 * r : 9 * r + 9]) for r in range(9))
    )
    zeros = EASY.replace(".", "0")
    for text in (framed, zeros, " ".join(EASY), plain.text()):
        np.testing.assert_array_equal(Sudoku(text).grid, plain.grid)
    wide = np.zeros((16, 16), dtype=int)
    wide[0] = np.arange(1, 17)
    numbers = "\n".join(" ".join(map(str, row)) for row in wide.tolist())
    np.testing.assert_array_equal(Sudoku(numbers).grid, wide)
    np.testing.assert_array_equal(Sudoku(Sudoku(wide).text()).grid, wide)
    assert Sudoku(wide).text().startswith("123456789ABCDEFG\n")
    (tmp_path / "plain.sdk").write_text("#A somebody\n[Puzzle]\n" + plain.text() + "\n[State]\n" + "1" * 81 + "\n")
    found = read(tmp_path / "plain.sdk")
    assert isinstance(found, Sudoku)
    assert found.name == "Sudoku plain"
    np.testing.assert_array_equal(found.grid, plain.grid)


def test_a_malformed_file_names_the_line(tmp_path):
    (tmp_path / "odd.sudoku").write_text("#c\n12!4\n....\n....\n....\n")
    with pytest.raises(ValueError, match=r"odd\.sudoku, line 2: found '!', expected digits, letters and '\.'"):
        read(tmp_path / "odd.sudoku")
    (tmp_path / "short.sudoku").write_text("12.4\n...\n")
    with pytest.raises(ValueError, match=r"short\.sudoku: the grid has 7 cells"):
        read(tmp_path / "short.sudoku")
