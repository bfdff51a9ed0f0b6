"""Which sites of a machine are wired to which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
    "king": ((1, 0), (1, 1)),
}
"""Named connection rules (column step, row step); each stands for its four rotations.

G8, G12 and G16: Jelinčič et al., arXiv 2510.23972, as re-stated by third-party code. G20 and G24 were seen only
in a withdrawn transcript of that paper: treat them as assumed. Z1: Extropic's public description and arXiv
2608.01615, through citing sources. G4 is the square lattice, and king's graph has its diagonals too: the moves of a
king on a chessboard.
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

    def crossings(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], vertical: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """The cells of a crossbar, where wire r along a row meets wire c along a column.

        Every spin has one wire of each kind, r = c on the diagonal, and a wire's cells follow one another along it.
        Elementwise: the cell of the row's wire, or of the column's wire where `vertical`; the two are linked.

        Raises
        ------
        ValueError
            When there is no crossbar on this wiring, or it is too large; the message says how many wires would fit.
        """
        raise ValueError(f"the {self.describe()} has no built-in clique embedding; method='minorminer' needs none")


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

    def crossings(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], vertical: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """A rule (a, b) and its rotation (−b, a) span a square sublattice, wires along either.

        Vertical wires use another coset of it than horizontal ones, and another rule links the two.
        """
        plan = self._crossbar()
        if plan is None:
            raise ValueError(
                f"the {self.describe()} has no built-in clique embedding: it takes a rule (a, b) with a² + b² > 1 "
                "and a second rule to link its cosets; method='minorminer' needs neither"
            )
        (a, b), (right, down) = plan
        x = columns * a - rows * b + right * vertical
        y = columns * b + rows * a + down * vertical
        x, y = x - x.min(), y - y.min()
        height, width = int(y.max()) + 1, int(x.max()) + 1
        if height > self.rows or width > self.columns:
            # Corners of the triangle 0 ≤ row ≤ column < n in cells: n·u, and n·(u + v).
            most = min(self.columns / max(abs(a), abs(a - b)), self.rows / max(abs(b), abs(a + b)))
            raise ValueError(
                f"a clique embedding of {int(columns.max()) + 1} sites needs {height} × {width} cells; the machine is "
                f"a {self.describe()}, which holds about {int(most)} sites"
            )
        return y * self.columns + x

    def _crossbar(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """The densest sublattice rule and a rule that links two of its cosets."""
        best = None
        for a, b in self.rules:
            for c, d in sorted(self.steps):
                # (c, d) lies in the lattice of (a, b), (−b, a) when both coordinates along it are whole.
                size = a * a + b * b
                inside = (a * c + b * d) % size == 0 and (a * d - b * c) % size == 0
                if not inside and (best is None or size < best[0]):
                    best = (size, (a, b), (c, d))
        return None if best is None else best[1:]

    def copies(self, cells: NDArray[np.int64]) -> int:
        row, column = np.divmod(cells[cells >= 0], self.columns)
        height = int(row.max() - row.min()) + 1
        width = int(column.max() - column.min()) + 1
        return max(1, (self.rows // height) * (self.columns // width))


@dataclass(frozen=True)
class Sparse(Topology):
    """Cells that can be wired at will, as an FPGA's, but none to more than `degree` others.

    Raises
    ------
    ValueError
        For no cells, or a degree below 1.
    """

    size: int
    degree: int

    def __post_init__(self) -> None:
        if self.size < 1 or self.degree < 1:
            raise ValueError(f"{self.size} cells of degree {self.degree} hold no network; both must be at least 1")

    @property
    def n_sites(self) -> int:
        return self.size

    @property
    def max_degree(self) -> int:
        return min(self.degree, self.size - 1)

    def place(self, model: IsingModel) -> NDArray[np.int64] | None:
        fits = model.n <= self.size and int(model.degrees.max()) <= self.degree
        return np.arange(model.n) if fits else None

    def wired(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Any two cells could be."""
        return first != second

    def piece(self, n: int) -> NDArray[np.int64]:
        """A ring and its chords: every site and those that follow it, up to the degree."""
        site = np.arange(n)
        near = [
            np.column_stack([site, (site + step) % n]) for step in range(1, min(self.degree // 2, (n - 1) // 2) + 1)
        ]
        path = np.column_stack([site[:-1], site[1:]])
        edges = np.concatenate(near) if near else path[: n - 1 : 2 if self.degree == 1 else 1]
        return np.sort(edges, axis=1)

    def copies(self, cells: NDArray[np.int64]) -> int:
        return self.size // max(1, int(np.count_nonzero(cells >= 0)))

    def describe(self) -> str:
        return f"wiring at will of {self.size:,} sites of degree {self.degree}"


class Fabric(Topology):
    """A wiring given by the list of its wires."""

    @abstractmethod
    def edges(self) -> NDArray[np.int64]:
        """All wires (m, 2) as pairs of cells, each once, lower cell first, in rising order."""

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        low, high = self.edges().T
        return low * self.n_sites + high

    def wired(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not len(self._codes):
            return np.zeros(len(first), dtype=bool)
        asked = np.minimum(first, second) * self.n_sites + np.maximum(first, second)
        found = np.searchsorted(self._codes, asked)
        return self._codes[np.minimum(found, len(self._codes) - 1)] == asked

    def place(self, model: IsingModel) -> NDArray[np.int64] | None:
        """Cells of a model whose sites are numbered as the cells are."""
        i, j, _ = model.edges()
        return np.arange(model.n) if model.n <= self.n_sites and self.wired(i, j).all() else None

    def piece(self, n: int) -> NDArray[np.int64]:
        edges = self.edges()
        return edges[(edges < n).all(axis=1)]

    def copies(self, cells: NDArray[np.int64]) -> int:
        """One: where else on such a wiring a model would fit is not worked out."""
        return 1


@dataclass(frozen=True)
class Chimera(Fabric):
    """A grid of unit cells, each a complete bipartite graph of two shores of t sites.

    Parameters
    ----------
    rows, columns : int
        Of unit cells.
    shore : int
        t, 4 on D-Wave's machines.

    Raises
    ------
    ValueError
        When one of them is below 1.

    Notes
    -----
    Site (i, j, u, k) has number ((i·columns + j)·2 + u)·t + k. Shore 0 is wired to the same site of the unit cells
    above and below, shore 1 to those left and right. There are t²mn + t(m − 1)n + tm(n − 1) wires. P. I. Bunyk et al.,
    IEEE Trans. Appl. Supercond. 24, 1700110 (2014), arXiv 1401.5504.

    The built-in clique embedding holds t·min(m, n) sites, in chains of up to min(m, n) + 1 (V. Choi, Quantum Inf.
    Process. 10, 343 (2011), arXiv 1001.3116).

    Examples
    --------
    >>> Chimera(16, 16).n_sites, len(Chimera(16, 16).edges())
    (2048, 6016)
    """

    rows: int
    columns: int
    shore: int = 4

    def __post_init__(self) -> None:
        if min(self.rows, self.columns, self.shore) < 1:
            raise ValueError(f"a Chimera of {self.rows} × {self.columns} cells of 2 × {self.shore} sites is empty")

    @property
    def n_sites(self) -> int:
        return 2 * self.rows * self.columns * self.shore

    @property
    def max_degree(self) -> int:
        return self.shore + min(2, max(self.rows, self.columns) - 1)

    def _number(self, i, j, u, k) -> Any:
        return ((i * self.columns + j) * 2 + u) * self.shore + k

    def edges(self) -> NDArray[np.int64]:
        i, j, k, other = np.indices((self.rows, self.columns, self.shore, self.shore)).reshape(4, -1)
        inside = np.column_stack([self._number(i, j, 0, k), self._number(i, j, 1, other)])
        i, j, k = np.indices((self.rows - 1, self.columns, self.shore)).reshape(3, -1)
        down = np.column_stack([self._number(i, j, 0, k), self._number(i + 1, j, 0, k)])
        i, j, k = np.indices((self.rows, self.columns - 1, self.shore)).reshape(3, -1)
        across = np.column_stack([self._number(i, j, 1, k), self._number(i, j + 1, 1, k)])
        edges = np.concatenate([inside, down, across])
        return edges[np.lexsort((edges[:, 1], edges[:, 0]))]

    def crossings(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], vertical: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """t wires of each kind share a row or a column of unit cells."""
        n, most = int(columns.max()) + 1, self.shore * min(self.rows, self.columns)
        if n > most:
            raise ValueError(f"a clique embedding of {n} sites does not fit; the {self.describe()} holds {most}")
        along = np.where(vertical, columns, rows) % self.shore
        return self._number(rows // self.shore, columns // self.shore, np.where(vertical, 0, 1), along)

    def describe(self) -> str:
        return f"Chimera of {self.rows} × {self.columns} cells of 2 × {self.shore} sites"


@dataclass(frozen=True)
class Pegasus(Fabric):
    """D-Wave's Pegasus wiring: bars of twelve units' length on a square, wired where they cross.

    Parameters
    ----------
    size : int
        m; 16 on the Advantage machines. There are 8(3m − 1)(m − 1) sites.

    Raises
    ------
    ValueError
        When m is below 2.

    Notes
    -----
    A vertical bar (w, k, z) stands at x = 12w + k and reaches from y = 12z + v_k to 12z + v_k + 11; a horizontal one
    lies at y = 12w + k from x = 12z + h_k on. With v = 2, 10, 6 and h = 6, 2, 10 for each four k. Bars are wired
    to those they cross (up to 12), to the two next in line, and to their neighbour in the pair k = 2j, 2j + 1. Bars
    that cross none are left out, and the others are numbered by (orientation, w, k, z). K. Boothby, P. Bunyk,
    J. Raymond and A. Roy, arXiv 2003.00133.

    The built-in clique embedding uses the lines that cross all others: 12m − 20 sites, in chains of up to m + 1.

    Examples
    --------
    >>> Pegasus(16).n_sites, len(Pegasus(16).edges())
    (5640, 40484)
    """

    size: int

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ValueError(f"a Pegasus of size {self.size} has no sites; its size is at least 2")

    @property
    def n_sites(self) -> int:
        return 8 * (3 * self.size - 1) * (self.size - 1)

    @property
    def max_degree(self) -> int:
        return 15 if self.size > 3 else int(np.bincount(self.edges().ravel()).max())

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """Cell of bar (u, w, k, z), shape (2, m, 12, m − 1); −1 where it crosses none."""
        line = 12 * np.arange(self.size)[:, None] + np.arange(12)
        crossing = (line >= _BARS.min()) & (line < 12 * (self.size - 1) + _BARS.max())
        there = np.broadcast_to(crossing[..., None], (2, self.size, 12, self.size - 1))
        return np.where(there, np.cumsum(there).reshape(there.shape) - 1, -1)

    def _bars(self, x: NDArray[np.int64], y: NDArray[np.int64], vertical: Any) -> NDArray[np.int64]:
        """The cell of the bar over a point; −1 where there is none."""
        u = np.where(vertical, 0, 1)
        line, point = np.where(vertical, x, y), np.where(vertical, y, x)
        w, k = np.divmod(line, 12)
        z = (point - _BARS[u, k // 4]) // 12
        there = (z >= 0) & (z < self.size - 1)
        return np.where(there, self._numbers[u, w, k, np.where(there, z, 0)], -1)

    def edges(self) -> NDArray[np.int64]:
        numbers = self._numbers
        y, x = np.indices((12 * self.size, 12 * self.size)).reshape(2, -1)
        pairs = [
            np.column_stack([self._bars(x, y, True), self._bars(x, y, False)]),
            np.column_stack([numbers[..., :-1].ravel(), numbers[..., 1:].ravel()]),
            np.column_stack([numbers[:, :, 0::2].ravel(), numbers[:, :, 1::2].ravel()]),
        ]
        edges = np.concatenate(pairs)
        edges = np.sort(edges[(edges >= 0).all(axis=1)], axis=1)
        return edges[np.lexsort((edges[:, 1], edges[:, 0]))]

    def crossings(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], vertical: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        first = int(_BARS.max())
        n, most = int(columns.max()) + 1, 12 * (self.size - 1) + int(_BARS.min()) - first
        if n > most:
            raise ValueError(f"a clique embedding of {n} sites does not fit; the {self.describe()} holds {most}")
        return self._bars(columns + first, rows + first, vertical)

    def describe(self) -> str:
        return f"Pegasus of size {self.size} with {self.n_sites:,} sites"


# Where bars begin, by orientation and k // 4.
_BARS = np.array([[2, 10, 6], [6, 2, 10]])
