"""Minor embedding: one logical spin becomes a chain of strongly coupled cells.

The built-in embedding lays a crossbar on a grid of cells. A rule (a, b) and its rotation (−b, a) span a square
sublattice u, v; site i of the model is a horizontal wire along u and a vertical wire along v, which meet on the
diagonal. Horizontal and vertical wires use two cosets of the sublattice that another rule links, so wires i and
j cross at one pair of linked cells, and that link carries J_ij. Wires are cut where no crossing is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pbits.mapping.topology import Grid
from pbits.models import IsingModel
from pbits.models.base import read_only


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """Chains of cells, the couplers between them, and the couplers along them.

    Attributes
    ----------
    chains : tuple of (length,) arrays
        Machine cells of each logical site.
    links : (m, 2) array
        Machine cells that carry logical edge k of `IsingModel.edges()`.
    bonds : (k, 2) array
        Machine cells joined inside a chain.
    """

    chains: tuple[NDArray[np.int64], ...]
    links: NDArray[np.int64]
    bonds: NDArray[np.int64]

    @cached_property
    def cells(self) -> NDArray[np.int64]:
        """All cells used, sorted; a physical model numbers its sites in this order."""
        return read_only(np.unique(np.concatenate(self.chains)))

    @property
    def longest_chain(self) -> int:
        return max(len(chain) for chain in self.chains)

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([len(chain) for chain in self.chains])

    @cached_property
    def _owners(self) -> NDArray[np.int64]:
        """The logical site of each physical site."""
        owners = np.empty(len(self.cells), dtype=np.int64)
        owners[np.searchsorted(self.cells, np.concatenate(self.chains))] = np.repeat(
            np.arange(len(self.chains)), self._lengths
        )
        return owners

    @cached_property
    def _members(self) -> sp.csr_array:
        """(logical, physical) matrix of ones."""
        shape = (len(self.chains), len(self.cells))
        return sp.csr_array((np.ones(shape[1]), (self._owners, np.arange(shape[1]))), shape=shape)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """The physical site that decides a tied vote."""
        return np.searchsorted(self.cells, [chain.min() for chain in self.chains])

    def physical_model(self, model: IsingModel, chain_strength: float) -> IsingModel:
        """The model the cells hold: J on the links, h shared evenly along each chain, ferromagnetic bonds.

        Its energies equal the logical ones for unbroken chains: the bonds' −strength is put into the offset.
        """
        cells = self.cells
        _, _, couplings = model.edges()
        pairs = np.searchsorted(cells, np.concatenate([self.links, self.bonds]))
        weights = np.concatenate([couplings, np.full(len(self.bonds), float(chain_strength))])
        h = (model.h / self._lengths)[self._owners]
        offset = model.offset + float(chain_strength) * len(self.bonds)
        return IsingModel.from_edges(len(cells), pairs, weights, h, offset)

    def spread(self, states: NDArray) -> NDArray[np.int8]:
        """Logical states (..., n) as cell states (..., cells): every cell of a chain alike."""
        return np.asarray(states)[..., self._owners].astype(np.int8)

    def vote(self, states: NDArray) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        """Cell states (..., cells) as logical spins by majority, and which chains are broken.

        A tied chain takes the spin of its first cell (the lowest cell number).
        """
        flat = np.asarray(states).reshape(-1, states.shape[-1])
        total = (self._members @ flat.T.astype(np.float64)).T
        spins = np.where(total == 0, flat[:, self._first], np.sign(total)).astype(np.int8)
        shape = (*states.shape[:-1], len(self.chains))
        return spins.reshape(shape), (np.abs(total) < self._lengths).reshape(shape)


def clique_embedding(model: IsingModel, grid: Grid) -> Embedding:
    """The crossbar embedding of any model on a grid of cells.

    Raises
    ------
    ValueError
        When the grid's rules leave no room for a crossbar, or the crossbar is larger than the grid; the
        message says how many sites would fit.
    """
    plan = _crossbar(grid)
    if plan is None:
        raise ValueError(
            f"the {grid.describe()} has no built-in clique embedding: it takes a rule (a, b) with a² + b² > 1 "
            "and a second rule to link its cosets"
        )
    u, link = plan
    i, j, _ = model.edges()
    n = model.n
    # Wire i runs along u from its diagonal crossing to the last column it must meet, and along v up to row 0's
    # side only as far as its first partner.
    reach_right = np.maximum.reduceat(np.append(j, 0), _starts(i, n)) if len(i) else np.zeros(n, dtype=int)
    right = np.where(np.bincount(i, minlength=n) > 0, reach_right, np.arange(n))
    top = np.arange(n)
    np.minimum.at(top, j, i)
    h_nodes = [(s, np.arange(s, right[s] + 1)) for s in range(n)]
    v_nodes = [(s, np.arange(top[s], s + 1)) for s in range(n)]

    def cell(row, column, vertical: bool) -> NDArray[np.int64]:
        x = column * u[0] - row * u[1] + (link[0] if vertical else 0)
        y = column * u[1] + row * u[0] + (link[1] if vertical else 0)
        return np.stack([np.asarray(y), np.asarray(x)], axis=-1)

    horizontals = [cell(s, columns, False) for s, columns in h_nodes]
    verticals = [cell(rows, s, True) for s, rows in v_nodes]
    everything = np.concatenate([*horizontals, *verticals])
    corner = everything.min(axis=0)
    height, width = everything.max(axis=0) - corner + 1
    if height > grid.rows or width > grid.columns:
        raise ValueError(
            f"a clique embedding of {n} sites needs {height} × {width} cells; the machine is a "
            f"{grid.describe()}, which holds about {_largest_clique(grid, u)} sites"
        )

    def number(position: NDArray[np.int64]) -> NDArray[np.int64]:
        shifted = position - corner
        return shifted[..., 0] * grid.columns + shifted[..., 1]

    chains, bonds = [], []
    for across, down in zip(horizontals, verticals):
        wire_h, wire_v = number(across), number(down)
        chains.append(read_only(np.concatenate([wire_h, wire_v])))
        bonds.append(np.column_stack([wire_h[:-1], wire_h[1:]]))
        bonds.append(np.column_stack([wire_v[:-1], wire_v[1:]]))
        bonds.append(np.array([[wire_h[0], wire_v[-1]]]))
    links = np.column_stack([number(cell(i, j, False)), number(cell(i, j, True))])
    return Embedding(chains=tuple(chains), links=read_only(links), bonds=read_only(np.concatenate(bonds)))


def _starts(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.searchsorted(rows, np.arange(n))


def _crossbar(grid: Grid) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The densest sublattice rule and a rule that links two of its cosets."""
    best = None
    for a, b in grid.rules:
        for c, d in sorted(grid.steps):
            # (c, d) lies in the lattice of (a, b), (−b, a) when both coordinates along it are whole.
            size = a * a + b * b
            inside = (a * c + b * d) % size == 0 and (a * d - b * c) % size == 0
            if not inside and (best is None or size < best[0]):
                best = (size, (a, b), (c, d))
    return None if best is None else best[1:]


def _largest_clique(grid: Grid, u: Sequence[int]) -> int:
    # Corners of the triangle 0 ≤ row ≤ column < n in cells: n·u, and n·(u + v).
    a, b = abs(u[0]), abs(u[1])
    width = max(a, abs(u[0] - u[1]))
    height = max(b, abs(u[0] + u[1]))
    return int(min(grid.columns / width, grid.rows / height))
