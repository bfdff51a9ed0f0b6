"""Sudoku: digits in a grid, each once in every row, column and box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import CategoricalModel
from pbits.models.base import read_only
from pbits.problems._categories import CategoriesProblem, Penalty
from pbits.problems._files import read_lines
from pbits.problems.base import Solution

CELLS = "cells holding other than one digit"
UNITS = ("rows repeating a digit", "columns repeating a digit", "boxes repeating a digit")

_SYMBOLS = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BLANK = ".0_"

Grid = tuple[tuple[int, ...], ...]


class Sudoku(CategoriesProblem):
    """Fill a grid so that every row, column and box holds each digit once.

    Each empty cell is a p-dit i of N digits d_i. Two cells that share a row, column or box are peers, and

        E = number of peers i < j with d_i = d_j  +  g · number of givens that equal the digit of an empty peer,

    so that E = 0 is a solution. Givens are no p-dits: they act as energies of their peers' digits. p-dits are numbered
    by the N colours of the graph of peers, so that a machine that moves sites of one colour at once needs at most N
    phases a sweep.

    Parameters
    ----------
    grid : str, or (N, N) integers
        Row by row; an empty cell is 0, "." or "_". Digits above 9 are letters from A, or numbers between spaces.
        Spaces, line ends, "|" and lines of "-", "+" and "=" between boxes are left out.
    box : (int, int), optional
        Rows and columns of a box; their product is N. By default as square as N allows, with no more rows than
        columns: 2×2, 2×3, 3×3, 4×4.
    given_weight : float
        g. At 1, E is the plain count of conflicts; a larger weight keeps p-dits to the digits that no given rules out.
    penalty : "safe", "tight", "auto" or float
        Of a cell that holds other than one digit, in the encoding "one-hot". See Notes.
    name : str, optional

    Attributes
    ----------
    grid : (N, N) int64 array
    empty : (n, 2) int64 array
        Row and column of each empty cell, in the order of the p-dits; category d is digit d + 1.

    Raises
    ------
    ValueError
        For a grid of another size, an unknown symbol, givens that contradict each other or leave a cell without a
        digit (with the cells named), and a grid without empty cells.

    Notes
    -----
    Encodings: "p-dits" as above; "one-hot", with a p-bit for each digit that no given peer of a cell holds, and

        E = conflicts of peers + penalty · Σ_cells (1 − Σ_d x_d)².

    Both terms are 0 in a solution and not negative, so *any* positive penalty makes the solutions the ground states of
    a puzzle that has one. "tight" is 1.5, at which the most anneals ended in the solution: of a puzzle with 28 givens
    4, 20, 39 and 23 % at penalties 0.75, 1, 1.5 and 2 (256 anneals of 10,000 sweeps each). "safe" keeps the ground
    states of an unsolvable puzzle filled grids as well: it is ½ more than the conflicts that filling an empty cell can
    cost, see `pbits.mapping.one_hot_penalty`. It was 5.5 to 7.5 in three puzzles of 9×9, and no anneal solved them.

    A cell to which its givens leave a single digit has no p-bit. p-dits are not told of it.

    Examples
    --------
    >>> import pbits
    >>> small = pbits.problems.Sudoku("1... ..2. .3.. ...4")
    >>> small.to_model()
    CategoricalModel(n=12, categories=4, tables=28)
    >>> print(small.text(pbits.run(small, "ideal", seed=1).solution.value))
    1243
    3421
    4312
    2134
    """

    TIGHT = 1.5

    def __init__(
        self,
        grid: str | ArrayLike,
        box: tuple[int, int] | None = None,
        given_weight: float = 4.0,
        penalty: Penalty = "tight",
        name: str | None = None,
    ):
        super().__init__(penalty)
        if not (np.isfinite(given_weight) and given_weight > 0):
            raise ValueError(f"given_weight is {given_weight!r}; it must be a positive number")
        self.given_weight = float(given_weight)
        self.grid = read_only(_numbers(grid) if isinstance(grid, str) else _square(np.asarray(grid)))
        self.size = len(self.grid)
        self.box = _box(self.size) if box is None else (int(box[0]), int(box[1]))
        if self.box[0] * self.box[1] != self.size or min(self.box) < 1:
            raise ValueError(f"box is {self.box}; a grid of {self.size} digits needs numbers of product {self.size}")
        outside = (self.grid < 0) | (self.grid > self.size)
        if outside.any():
            row, column = np.argwhere(outside)[0]
            raise ValueError(f"{_cell(row, column)} holds {self.grid[row, column]}; digits are 1 to {self.size}")
        self.name = name or f"Sudoku, {self.size}×{self.size}, {np.count_nonzero(self.grid)} givens"
        self._units = _units(self.size, self.box)
        free = np.flatnonzero(self.grid.ravel() == 0)
        self._free = read_only(free[_colours(self.size, self.box)[free].argsort(kind="stable")])
        self.empty = read_only(np.stack(np.divmod(self._free, self.size), axis=1))
        self._first, self._second = _peers(self._units)
        self._refuse_contradictions()

    @classmethod
    def from_file(cls, path: str | PathLike[str], **options: Any) -> Sudoku:
        """From a text file that holds one grid.

        Lines that begin with "#" are left out, and so is what follows a line "[State]".

        Raises
        ------
        ValueError
            With the file, and the line where a symbol is unknown.
        """
        lines = read_lines(path, "a Sudoku: one line per row, with '.' or 0 for an empty cell")
        file = Path(path).name
        kept = []
        for count, line in enumerate(lines, start=1):
            text = line.strip()
            if text.lower() == "[state]":
                break
            if text.startswith("#") or text.lower() == "[puzzle]":
                continue
            if wrong := set(text.upper()) - set(_SYMBOLS + _BLANK + "|-+= \t,*"):
                raise ValueError(f"{file}, line {count}: found {min(wrong)!r}, expected digits, letters and '.'")
            kept.append(text)
        options.setdefault("name", f"Sudoku {Path(path).stem}")
        try:
            return cls("\n".join(kept), **options)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None

    def build_categories(self) -> CategoricalModel:
        place = np.full(self.size**2, -1)
        place[self._free] = np.arange(len(self._free))
        one, other = place[self._first], place[self._second]
        both = (one >= 0) & (other >= 0)
        equal = np.eye(self.size)
        pairwise = dict.fromkeys(zip(one[both].tolist(), other[both].tolist()), equal)
        return CategoricalModel([self.size] * len(self._free), list(self.given_weight * self._given_peers()), pairwise)

    def candidates(self) -> list[NDArray[np.bool_]]:
        """The digits of each empty cell that no given peer holds, N booleans each."""
        return list(self._given_peers() == 0)

    def _given_peers(self) -> NDArray[np.float64]:
        """How many givens of each digit every empty cell sees, (n, N)."""
        digits = self.grid.ravel()
        seen = np.zeros((self.size**2, self.size + 1))
        np.add.at(seen, (self._first, digits[self._second]), 1)
        np.add.at(seen, (self._second, digits[self._first]), 1)
        return seen[self._free, 1:]

    def decode(self, state: ArrayLike, repair: bool = False) -> Grid | None:
        """The filled grid, rows of digits 1 … N; None where a cell holds other than one digit."""
        digits = self.categories(self.repaired(state) if repair else state) + 1
        return None if (digits == 0).any() else _rows(self._filled(digits))

    def encode(self, answer: ArrayLike) -> NDArray:
        """The state that decodes to this grid; the inverse of `decode`."""
        filled = self._answer(answer)
        wrong = (self.grid > 0) & (filled != self.grid)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            held, given = filled[row, column], self.grid[row, column]
            raise ValueError(f"{_cell(row, column)} holds {held}; it is given as {given}")
        return self.encode_categories(filled.ravel()[self._free] - 1)

    def violations(self, state: ArrayLike) -> dict[str, int]:
        digits = self.categories(state) + 1
        filled = self._filled(digits).ravel()
        rows = np.sort(filled[self._units], axis=-1)
        repeated = ((np.diff(rows, axis=-1) == 0) & (rows[..., 1:] > 0)).any(axis=-1).sum(axis=-1)
        found: dict[str, int] = dict(zip(UNITS, repeated.tolist()))
        return found if self.encoding == "p-dits" else {CELLS: int((digits == 0).sum()), **found}

    def conflicts(self, answer: ArrayLike) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """The pairs of cells (row, column), from 0, that share a unit and hold the same digit."""
        filled = self._answer(answer).ravel()
        clash = filled[self._first] == filled[self._second]
        return [
            (divmod(int(i), self.size), divmod(int(j), self.size))
            for i, j in zip(self._first[clash], self._second[clash])
        ]

    def score(self, answer: ArrayLike) -> float:
        """The number of conflicts, the energy of the state."""
        return float(len(self.conflicts(answer)))

    def text(self, answer: ArrayLike | None = None) -> str:
        """A grid as text, a row a line; the puzzle itself when no answer is given."""
        grid = self.grid if answer is None else np.asarray(answer)
        symbols = ("." + _SYMBOLS) if self.size <= len(_SYMBOLS) else None
        return "\n".join(
            "".join(symbols[d] for d in row) if symbols else " ".join(map(str, row)) for row in grid.tolist()
        )

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        if solution.value is None:
            return None
        wrong = np.zeros(self.grid.shape, dtype=bool)
        for pair in self.conflicts(solution.value):
            for cell in pair:
                wrong[cell] = True
        return {
            "kind": "grid",
            "cells": [list(row) for row in self.text(solution.value).splitlines()]
            if self.size <= len(_SYMBOLS)
            else [list(row) for row in solution.value],
            "given": (self.grid > 0).tolist(),
            "wrong": wrong.tolist(),
            "blocks": list(self.box),
            "caption": str(solution),
        }

    def beta_range(self) -> tuple[float, float]:
        """p-dits: one β, 1 + 1.2 ln k, where k is the mean number of candidates of an empty cell; one-hot: 0.3 to 5.

        The more candidates, the more wrong grids there are for each that is nearly right, and the colder it must be.
        Measured on puzzles of 9×9 and 16×16, empty grids among them; see docs/explanation/sudoku.md.
        """
        beta = 1 + 1.2 * math.log(np.mean([found.sum() for found in self.candidates()]))
        return (beta, beta) if self.encoding == "p-dits" else (0.3, 5.0)

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        """p-dits stay at one temperature until a chain holds a solution; p-bits are annealed."""
        if self.encoding == "p-dits":
            return {"sweeps": 20_000, "levels": 1, "chains": 32, "stop_at": 0.0, "stop": "any"}
        return {"sweeps": 10_000, "chains": 64, "stop_at": 0.0, "stop": "any"}

    def _filled(self, digits: NDArray) -> NDArray[np.int64]:
        filled = self.grid.copy().ravel()
        filled[self._free] = digits
        return filled.reshape(self.size, self.size)

    def _answer(self, answer: ArrayLike) -> NDArray[np.int64]:
        filled = np.asarray(answer)
        if filled.shape != self.grid.shape or filled.dtype.kind not in "iu":
            raise ValueError(f"the answer has shape {filled.shape}; expected whole numbers of shape {self.grid.shape}")
        if filled.min() < 1 or filled.max() > self.size:
            raise ValueError(f"the answer holds {filled.min()} to {filled.max()}; digits are 1 to {self.size}")
        return filled.astype(np.int64)

    def _refuse_contradictions(self) -> None:
        digits = self.grid.ravel()
        clash = np.flatnonzero((digits[self._first] == digits[self._second]) & (digits[self._first] > 0))
        if len(clash):
            one, other = (divmod(int(cells[clash[0]]), self.size) for cells in (self._first, self._second))
            raise ValueError(
                f"{_cell(*one)} and {_cell(*other)} both hold {digits[self._first[clash[0]]]}; "
                "the givens contradict each other"
            )
        if not len(self._free):
            raise ValueError("the grid has no empty cell; there is nothing to solve")
        stuck = np.flatnonzero((self._given_peers() > 0).all(axis=1))
        if len(stuck):
            raise ValueError(
                f"{_cell(*self.empty[stuck[0]])} can hold no digit: the givens of its row, column and box have them all"
            )


def _rows(filled: NDArray[np.int64]) -> Grid:
    return tuple(tuple(row) for row in filled.tolist())


def _cell(row: int, column: int) -> str:
    return f"row {row + 1}, column {column + 1}"


def _numbers(text: str) -> NDArray[np.int64]:
    """The grid in a text; rulers and frames are left out."""
    lines = [line for line in text.splitlines() if line.strip(" \t|-+=*")]
    tokens = " ".join(lines).replace("|", " ").replace(",", " ").split()
    # Numbers stand between spaces where there is a square number of them; k tokens of two symbols each are no grid of
    # 2k symbols then, for 2k is no square.
    spaced = math.isqrt(len(tokens)) ** 2 == len(tokens) and max(map(len, tokens), default=0) <= 2
    cells: Sequence[str] = tokens if spaced else "".join(tokens)
    values = []
    for cell in cells:
        if cell in _BLANK:
            values.append(0)
        elif cell.isdecimal():
            values.append(int(cell))
        elif cell.upper() in _SYMBOLS:
            values.append(_SYMBOLS.index(cell.upper()) + 1)
        else:
            raise ValueError(f"the grid holds {cell!r}; expected digits, letters from A, and '.' for an empty cell")
    side = math.isqrt(len(values))
    if side**2 != len(values) or side < 2:
        raise ValueError(f"the grid has {len(values)} cells; expected a square number, such as 81")
    return np.array(values, dtype=np.int64).reshape(side, side)


def _square(grid: NDArray) -> NDArray[np.int64]:
    if grid.ndim != 2 or grid.shape[0] != grid.shape[1] or len(grid) < 2 or grid.dtype.kind not in "iu":
        raise ValueError(f"the grid is {grid.dtype.name} of shape {grid.shape}; expected whole numbers of shape (N, N)")
    return grid.astype(np.int64)


def _box(size: int) -> tuple[int, int]:
    rows = max(k for k in range(1, math.isqrt(size) + 1) if size % k == 0)
    return rows, size // rows


def _units(size: int, box: tuple[int, int]) -> NDArray[np.int64]:
    """The cells of every row, column and box, (3, N, N)."""
    cells = np.arange(size**2).reshape(size, size)
    boxes = cells.reshape(size // box[0], box[0], size // box[1], box[1]).swapaxes(1, 2).reshape(size, size)
    return np.stack([cells, cells.T, boxes])


def _colours(size: int, box: tuple[int, int]) -> NDArray[np.int64]:
    """A filled grid, (N²,), so a colouring of all peers: rows of a band shift by the width of a box, bands by one."""
    row, column = np.divmod(np.arange(size**2), size)
    return (column + row % box[0] * box[1] + row // box[0]) % size


def _peers(units: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of cells that share a unit, each once."""
    size = units.shape[-1]
    i, j = np.triu_indices(size, 1)
    low, high = np.sort(np.stack([units[..., i].ravel(), units[..., j].ravel()]), axis=0)
    keys = np.unique(low * size**2 + high)
    return keys // size**2, keys % size**2
