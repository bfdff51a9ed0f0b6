"""Chains: one logical spin held by several cells that are coupled along a tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order

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
        Machine cells joined inside a chain; they form a tree.
    method : str
        How they were found, in a few words.
    """

    chains: tuple[NDArray[np.int64], ...]
    links: NDArray[np.int64]
    bonds: NDArray[np.int64]
    method: str

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

    def pull(self, model: IsingModel) -> float:
        """The most that can pull at a bond, in units of J: ground states break no chain that is held by more.

        Notes
        -----
        A bond splits its chain, a tree, in two sides. Σ |J| + |h| over the links and fields of a side is the most that
        can hold it against the other: where they disagree, turning the weaker side over, and all beyond other broken
        bonds with it, mends this bond and no other bond changes, so it gains 2·strength and loses at most twice that
        side's sum. Hence max over bonds of the smaller side's sum.
        """
        if not len(self.bonds):
            return 0.0
        size = len(self.cells)
        _, _, couplings = model.edges()
        ends = np.searchsorted(self.cells, self.links)
        load = np.bincount(ends.ravel(), np.repeat(np.abs(couplings), 2), size)
        load += (np.abs(model.h) / self._lengths)[self._owners]
        total = np.bincount(self._owners, load, len(self.chains))
        # One tree: all chains hang on a root of their own, numbered last.
        roots = np.searchsorted(self.cells, [chain[0] for chain in self.chains])
        one, other = np.searchsorted(self.cells, self.bonds).T
        first, second = np.append(one, np.full(len(roots), size)), np.append(other, roots)
        tree = sp.csr_array((np.ones(len(first)), (first, second)), shape=(size + 1, size + 1))
        order, above = breadth_first_order(tree, size, directed=False)
        side = np.append(load, 0.0)
        for cell in order[:0:-1].tolist():
            side[above[cell]] += side[cell]
        hanging = np.flatnonzero(above[:size] != size)
        return float(np.minimum(side[hanging], (total[self._owners] - side[:size])[hanging]).max())
