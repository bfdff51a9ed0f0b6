"""Solve a hard Sudoku on p-dits at one temperature, and see what is said of one that has no solution.

A backtracker of fifty lines is faster (docs/explanation/sudoku.md). What is shown is a machine that knows nothing but
which digits clash, and finds the grid in which none do.
"""

import numpy as np

import pbits
from pbits.mapping import colour_classes
from pbits.problems import Sudoku

puzzle = Sudoku(
    """
    1 . . | . . 7 | . 9 .
    . 3 . | . 2 . | . . 8
    . . 9 | 6 . . | 5 . .
    ------+-------+------
    . . 5 | 3 . . | 9 . .
    . 1 . | . 8 . | . . 2
    6 . . | . . 4 | . . .
    ------+-------+------
    3 . . | . . . | . 1 .
    . 4 . | . . . | . . 7
    . . 7 | . . . | 3 . .
    """,
    name="AI Escargot",
)
model = puzzle.to_model()
print(f"{puzzle.name}: {model.n} p-dits, {len(colour_classes(model))} phases a sweep")

runs = [pbits.run(puzzle, "ideal", seed=seed) for seed in range(20)]
print("\n".join(" ".join(map(str, row)) for row in runs[0].solution.value))
solved = sum(run.solution.feasible for run in runs)
sweeps = np.median([run.trace.steps[-1] for run in runs])
print(f"solved in {solved} of 20 runs, after {sweeps:.0f} sweeps in the median")

# At weight 1 of the givens, the energy is the plain count of conflicts.
hopeless = Sudoku(".4.. .3.. ..3. 1...", given_weight=1)
run = pbits.run(hopeless, "ideal", seed=1)
best = hopeless.decode(run.best_state)
print(f"without a solution: {len(hopeless.conflicts(best))} conflicts at best, at {hopeless.conflicts(best)}")
