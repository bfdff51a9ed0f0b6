"""Which sites of a machine are wired to which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pbits.models import IsingModel

GRID_RULES: dict[str, tuple[tuple[int, int], ...]] = {
    "G4": ((0, 1),),
    "G8": ((0, 1), (4, 1)),
    "G12": ((0, 1), (4, 1), (9, 10)),
    "G16": ((0, 1), (4, 1), (8, 7), (14, 9)),
    "G20": ((0, 1), (4, 1), (3, 6), (8, 7), (14, 9)),
    "G24": ((0, 1), (1, 2), (4, 1), (3, 6), (8, 7), (14, 9)),
    "Z1": ((1, 0), (2, 1), (2, 3), (4, 1)),
}
"""Named connection rules (column step, row step); each stands for its four rotations.

G8, G12 and G16: Jelinčič et al., arXiv 2510.23972, as re-stated by third-party code. G20 and G24 were seen only
in a withdrawn transcript of that paper: treat them as assumed. Z1: Extropic's public description and arXiv
2608.01615, through citing sources. G4 is the square lattice.
"""


class Topology(ABC):
    """The wiring of a machine."""

    @property
    @abstractmethod
    def n_sites(self) -> int: ...

    @property
    @abstractmethod
    def max_degree(self) -> int: ...

    @abstractmethod
    def place(self, model: IsingModel) -> NDArray[np.int64] | None:
        """The machine site of each model site, or None where the coupling graph does not fit as it is."""

    @abstractmethod
    def wired(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether pairs of machine sites are wired, elementwise."""

    @abstractmethod
    def piece(self, n: int) -> NDArray[np.int64]:
        """The edges (m, 2) of a compact piece of n sites, numbered so that `place` finds it again."""

    @abstractmethod
    def copies(self, cells: NDArray[np.int64]) -> int:
        """How many copies of a placed model fit side by side; what has no cell (−1) takes no room."""

    @abstractmethod
    def describe(self) -> str:
        """A few words for messages and reports."""


@dataclass(frozen=True)
class Complete(Topology):
    """Every site wired to every other, `size` of them."""

    size: int

    @property
    def n_sites(self) -> int:
        return self.size

    @property
    def max_degree(self) -> int:
        return self.size - 1

    def place(self, model: IsingModel) -> NDArray[np.int64] | None:
        return np.arange(model.n) if model.n <= self.n_sites else None

    def wired(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        return first != second

    def piece(self, n: int) -> NDArray[np.int64]:
        return np.column_stack(np.triu_indices(n, 1))

    def copies(self, cells: NDArray[np.int64]) -> int:
        return self.n_sites // max(1, int(np.count_nonzero(cells >= 0)))

    def describe(self) -> str:
        return f"all-to-all wiring of {self.n_sites:,} sites"


@dataclass(frozen=True)
class Grid(Topology):
    """A grid of cells, each wired to those at fixed steps from it.

    Parameters
    ----------
    rows, columns : int
        Cell (r, c) has number r·columns + c.
    rules : sequence of (int, int)
        Steps (a, b) = (columns, rows); each adds its rotations (a, b), (−b, a), (−a, −b), (b, −a).
    torus : bool
        Whether wires wrap around the edges.

    Raises
    ------
    ValueError
        For an empty grid, no rule, or a rule (0, 0).
    """

    rows: int
    columns: int
    rules: tuple[tuple[int, int], ...]
    torus: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise ValueError(f"a grid of {self.rows} × {self.columns} cells is empty")
        if not self.rules or (0, 0) in self.rules:
            raise ValueError(f"grid rules are {self.rules}; give at least one step other than (0, 0)")

    @classmethod
    def named(cls, rules: str | Sequence[Sequence[int]], rows: int, columns: int, torus: bool = False) -> Grid:
        """A grid by the name of its rules (see `GRID_RULES`) or by explicit steps."""
        if isinstance(rules, str):
            if rules not in GRID_RULES:
                raise ValueError(f"no grid rules are named {rules!r}; known: {', '.join(GRID_RULES)}")
            steps = GRID_RULES[rules]
        else:
            steps = tuple((int(a), int(b)) for a, b in rules)
        return cls(rows, columns, steps, torus)

    @property
    def n_sites(self) -> int:
        return self.rows * self.columns

    @property
    def max_degree(self) -> int:
        return len(self.steps)

    @cached_property
    def steps(self) -> frozenset[tuple[int, int]]:
        """All steps, rotations included."""
        return frozenset(step for a, b in self.rules for step in ((a, b), (-b, a), (-a, -b), (b, -a)))

    @property
    def two_coloured(self) -> bool:
        """Whether the checkerboard is a proper colouring: every step is odd, and no odd wrap breaks it."""
        odd = all((a + b) % 2 for a, b in self.steps)
        return odd and not (self.torus and (self.rows % 2 or self.columns % 2))

    def describe(self) -> str:
        edge = "torus" if self.torus else "open"
        return f"{self.rows} × {self.columns} {edge} grid of degree {self.max_degree}"

    def wired(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        return self._wired(first, second, self.columns, wrap=self.torus)

    def _wired(self, first, second, width: int, *, wrap: bool) -> NDArray[np.bool_]:
        down = second // width - first // width
        right = second % width - first % width
        found = np.zeros(len(first), dtype=bool)
        for a, b in self.steps:
            if wrap:
                found |= ((right - a) % self.columns == 0) & ((down - b) % self.rows == 0)
            else:
                found |= (right == a) & (down == b)
        return found

    def edges(self) -> NDArray[np.int64]:
        """All wires (m, 2) as pairs of cells, each once, in rising order."""
        # Of a step and its reverse, the one that leads to a higher cell; the nearest first.
        ahead = sorted((b, a) for a, b in self.steps if (b, a) > (0, 0))
        down, right = np.array(ahead, dtype=np.int32).T
        row, column = np.divmod(np.arange(self.n_sites, dtype=np.int32)[:, None], np.int32(self.columns))
        row, column = row + down, column + right
        if not self.torus:
            first, step = np.nonzero((row < self.rows) & (column >= 0) & (column < self.columns))
            return np.column_stack([first, first + (self.columns * down + right)[step]])
        other = (row % self.rows * np.int64(self.columns) + column % self.columns).ravel()
        first = np.repeat(np.arange(self.n_sites), len(ahead))
        codes = np.sort((np.minimum(first, other) * self.n_sites + np.maximum(first, other))[first != other])
        # Around a small torus two steps may lead to one cell.
        return np.column_stack(np.divmod(codes[np.diff(codes, prepend=-1) > 0], self.n_sites))

    def place(self, model: IsingModel) -> NDArray[np.int64] | None:
        """Cells of a model whose sites are numbered row by row in a window of the grid, any window width."""
        sites = np.arange(model.n)
        i, j, _ = model.edges()
        if model.n == self.n_sites and self.wired(i, j).all():
            return sites
        for width in self._widths(model.n):
            few = slice(0, 64)
            if not self._wired(i[few], j[few], width, wrap=False).all():
                continue
            if self._wired(i, j, width, wrap=False).all():
                return sites // width * self.columns + sites % width
        return None

    def _widths(self, n: int) -> Iterator[int]:
        square = min(int(np.ceil(np.sqrt(n))), self.columns)
        fits = [w for w in range(1, self.columns + 1) if -(-n // w) <= self.rows]
        yield from sorted(fits, key=lambda w: abs(w - square))

    def piece(self, n: int) -> NDArray[np.int64]:
        width = next(self._widths(n))
        window = Grid(-(-n // width), width, self.rules)
        edges = window.edges()
        return edges[(edges < n).all(axis=1)]

    def copies(self, cells: NDArray[np.int64]) -> int:
        row, column = np.divmod(cells[cells >= 0], self.columns)
        height = int(row.max() - row.min()) + 1
        width = int(column.max() - column.min()) + 1
        return max(1, (self.rows // height) * (self.columns // width))
