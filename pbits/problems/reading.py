"""Opening a problem file whatever its format."""

from __future__ import annotations

from difflib import get_close_matches
from os import PathLike
from pathlib import Path

from pbits.problems._files import read_lines
from pbits.problems.assignment import QuadraticAssignment
from pbits.problems.base import Problem
from pbits.problems.colouring import GraphColouring
from pbits.problems.cover import IndependentSet
from pbits.problems.examples import EXAMPLES
from pbits.problems.knapsack import Knapsack
from pbits.problems.maxcut import MaxCut
from pbits.problems.satisfiability import Satisfiability
from pbits.problems.sudoku import Sudoku
from pbits.problems.tsp import TravelingSalesman


def _plain_graph(path: str | PathLike[str]) -> MaxCut:
    """A graph in a file whose suffix does not say so: its name does."""
    return MaxCut.from_rudy(path, name=f"Max-Cut of {Path(path).name}")


_FORMATS = {
    ".tsp": TravelingSalesman.from_tsplib,
    ".rud": MaxCut.from_rudy,
    ".mc": MaxCut.from_rudy,
    ".col": GraphColouring.from_dimacs,
    ".sdk": Sudoku.from_file,
    ".sudoku": Sudoku.from_file,
    ".cnf": Satisfiability.from_cnf,
    ".wcnf": Satisfiability.from_cnf,
    ".mis": IndependentSet.from_dimacs,
    ".kp": Knapsack.from_file,
    ".dat": QuadraticAssignment.from_qaplib,
    ".txt": _plain_graph,
}
KNOWN = (
    "TSPLIB (.tsp), graphs to colour (.col), Sudoku grids (.sdk, .sudoku), clauses (.cnf, .wcnf), "
    "graphs for independent sets (.mis), knapsacks (.kp), QAPLIB assignments (.dat), and rudy Max-Cut graphs (.rud, "
    ".mc, .txt, or any name if the first line is 'n m')"
)


def read(path: str | PathLike[str]) -> Problem:
    """The problem in a file, or a built-in example by name (see `pbits.problems.EXAMPLES`).

    The suffix of a file tells its format, or its first line where the suffix does not. A suffix that says nothing
    about the format (.txt, or none) leaves it to the problem's name: "Max-Cut of graph.txt".

    Raises
    ------
    ValueError
        For a folder; for an unknown format, with the known ones and the nearest; and as the reader of the format
        does.
    FileNotFoundError
        When there is no such file, with the nearest name in its folder.
    """
    if str(path) in EXAMPLES:
        return EXAMPLES[str(path)]()
    file = Path(path)
    if file.is_dir():
        inside = sorted(entry.name for entry in file.iterdir() if entry.suffix.lower() in _FORMATS)
        raise ValueError(
            f"{str(file)!r} is a folder; name a file"
            + (f" in it, such as {str(file / inside[0])!r}" if inside else f": known are {KNOWN}")
        )
    if not file.is_file():
        beside = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        near = get_close_matches(file.name, [*EXAMPLES, *beside], n=1)
        raise FileNotFoundError(
            f"there is no file {str(file)!r}"
            + (f"; did you mean {near[0]!r}?" if near else "")
            + f". Built-in examples are {', '.join(EXAMPLES)}"
        )
    suffix = file.suffix.lower()
    if suffix in _FORMATS:
        return _FORMATS[suffix](file)
    first = next(line for line in read_lines(file, KNOWN) if line.strip())
    if len(first.split()) == 2 and all(token.isdecimal() for token in first.split()):
        return _plain_graph(file)
    near = get_close_matches(suffix, _FORMATS, n=1)
    raise ValueError(
        f"{file.name} has no known format; known are {KNOWN}" + (f". Perhaps {near[0]} was meant" if near else "")
    )
