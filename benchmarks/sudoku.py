"""Sudoku on p-dits, on p-bits, and by backtracking: ``python -m benchmarks.sudoku``.

Every puzzle is run many times with the schedule that the problem suggests: chains at one temperature, until one of them
holds a solution. "emulation" is the median wall time of that on one thread, compilation excluded, beside what 90 % of
the runs take; "call" is the processor time of all of `pbits.run`. The backtracker is plain Python: it finds the
solution, and goes on until it is known to be the only one, in the processor time of both. One-hot p-bits are annealed
over 10,000 sweeps; "anneals" is the share of them that end in the solution.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

import pbits
from benchmarks import records
from pbits.problems import Sudoku
from pbits.runner import suggested_schedule


@dataclass(frozen=True, kw_only=True)
class Puzzle:
    """A grid, and where it is from."""

    grid: str
    source: str


PUZZLES = {
    "easy": Puzzle(
        grid="53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
        source="the example of Wikipedia's article 'Sudoku'",
    ),
    "medium": Puzzle(
        grid=".8261...7...8......36.72..5..3.64.9..7.....269.......3.2.5..37.....27........16..",
        source="made for this benchmark: 28 givens, and single candidates do not solve it",
    ),
    "AI Escargot": Puzzle(
        grid="1....7.9..3..2...8..96..5....53..9...1..8...26....4...3......1..4......7..7...3..",
        source="A. Inkala, 2006",
    ),
    "17 givens": Puzzle(
        grid="000000010400000000020000000000050407008000300001090000300400200050100000000806000",
        source="of G. Royle's collection of puzzles with 17 givens, from memory; that it has one solution is checked",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a backtracker found: at most two solutions, the digits it tried, and processor seconds until one and all."""

    solutions: list[list[int]]
    tried: int
    first_s: float
    all_s: float


def backtrack(grid: list[int]) -> Search:
    """Fill the cell with the fewest candidates first, by sets of digits as bits of rows, columns and boxes."""
    began, first_s, tried = time.process_time(), 0.0, 0
    found: list[list[int]] = []
    filled = list(grid)
    free = [cell for cell in range(81) if not filled[cell]]
    units = [(cell // 9, 9 + cell % 9, 18 + cell // 27 * 3 + cell % 9 // 3) for cell in range(81)]
    used = [0] * 27
    for cell, digit in enumerate(filled):
        for unit in units[cell] if digit else ():
            used[unit] |= 1 << digit

    def search() -> None:
        nonlocal first_s, tried
        if not free:
            first_s = first_s or time.process_time() - began
            found.append(list(filled))
            return
        fewest, left = 10, 0
        for cell in free:
            row, column, box = units[cell]
            taken = used[row] | used[column] | used[box]
            if (count := 9 - taken.bit_count()) < fewest:
                fewest, left, chosen = count, ~taken & 0b1111111110, cell
                if fewest <= 1:
                    break
        if not fewest:
            return
        free.remove(chosen)
        while left and len(found) < 2:
            bit = left & -left
            left ^= bit
            tried += 1
            filled[chosen] = bit.bit_length() - 1
            for unit in units[chosen]:
                used[unit] ^= bit
            search()
            for unit in units[chosen]:
                used[unit] ^= bit
        filled[chosen] = 0
        free.append(chosen)

    search()
    return Search(solutions=found, tried=tried, first_s=first_s, all_s=time.process_time() - began)


def measure(puzzle: Sudoku, runs: int, anneals: int) -> dict[str, Any]:
    """A row: seconds and updates of `runs` runs on p-dits, of backtracking, and the share of anneals of p-bits."""
    searches = [backtrack(puzzle.grid.ravel().tolist()) for _ in range(7)]
    (only,) = searches[0].solutions
    emulation, call, updates, device, solved = [], [], [], [], 0
    pbits.run(puzzle, "ideal", seed=0, judge=False)  # compiles
    for seed in range(runs):
        began = time.process_time()
        run = pbits.run(puzzle, "ideal", seed=seed + 1, judge=False)
        call.append(time.process_time() - began)
        emulation.append(run.wall_time_s)
        updates.append(run.counts["update"])
        device.append(int(run.trace.steps[-1]))
        solved += run.solution.feasible and np.ravel(run.solution.value).tolist() == only
    one_hot = puzzle.encoded("one-hot")
    annealed = pbits.run(
        one_hot, "ideal", suggested_schedule(one_hot, chains=anneals, stop_at=None, stop="all"), seed=1, judge=False
    )
    return {
        "givens": int((puzzle.grid > 0).sum()),
        "beta": puzzle.beta_range()[0],
        "solved": solved,
        "runs": runs,
        "emulation_s": emulation,
        "call_s": call,
        "updates": updates,
        "sweeps": device,
        "backtrack_first_s": float(np.median([search.first_s for search in searches])),
        "backtrack_all_s": float(np.median([search.all_s for search in searches])),
        "tried": searches[0].tried,
        "p_bits": one_hot.to_model().n,
        "annealed": annealed.solution.valid_fraction,
    }


def _ms(seconds: list[float], share: float = 0.5) -> str:
    return f"{1e3 * np.quantile(seconds, share):.3g}"


def main(
    runs: Annotated[int, typer.Option(help="Of each puzzle, on p-dits.")] = 60,
    anneals: Annotated[int, typer.Option(help="Of each puzzle, on one-hot p-bits, 10,000 sweeps each.")] = 256,
    json: Annotated[Path | None, typer.Option(help="Where to write the record: a file, or a folder.")] = None,
) -> None:
    """p-dits at a fixed temperature, one-hot p-bits and a backtracker on Sudokus from easy to 17 givens."""
    console = Console(width=None if Console().is_terminal else 150)
    table = Table(title=f"{runs} runs of each puzzle on p-dits: medians, milliseconds", title_justify="left")
    for heading in (
        "puzzle", "givens", "solved", "emulation", "90 %", "call", "sweeps", "updates", "backtracker", "tried",
        "p-bits", "anneals %",
    ):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "puzzle" else "right")
    rows = []
    for name, puzzle in track(list(PUZZLES.items()), console=Console(stderr=True)):
        row = measure(Sudoku(puzzle.grid, name=name), runs, anneals)
        rows.append({"puzzle": name, "grid": puzzle.grid, "source": puzzle.source} | row)
        table.add_row(
            name, str(row["givens"]), f"{row['solved']} of {row['runs']}",
            _ms(row["emulation_s"]), _ms(row["emulation_s"], 0.9), _ms(row["call_s"]),
            f"{np.median(row['sweeps']):,.0f}", f"{np.median(row['updates']):.2g}",
            f"{1e3 * row['backtrack_first_s']:.2g}, {1e3 * row['backtrack_all_s']:.2g}", f"{row['tried']:,}",
            str(row["p_bits"]), f"{100 * row['annealed']:.3g}",
        )  # fmt: skip
    console.print(table)
    record = records.circumstances() | {"options": {"runs": runs, "anneals": anneals}, "rows": rows}
    if json is not None:
        console.print(f"record: {records.write(record, json, 'sudoku')}")


if __name__ == "__main__":
    typer.run(main)
