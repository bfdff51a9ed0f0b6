"""What the layouts of categories and of many-body terms share: columns of chains, and energies by a kernel."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from pbits.models import EnergyModel
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.scan import Scan

LANES = 16


class ColumnsEngine(Engine):
    """States (site, column), one chain a column; the columns are filled up to whole vectors with idle chains.

    Every decision is a Philox word of (chain, site, step), so draws depend on neither blocks nor calls.
    """

    BLOCK = 64

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        self._scan = scan
        # A copy, since code is compiled anew for arrays that may not be written to.
        self._sites = scan.sites.copy()
        self._key = key
        self._chain0 = chain0
        self._options = options
        self._chains = states.shape[1]
        idle = -self._chains % LANES
        self._columns = np.concatenate([states, np.repeat(states[:, :1], idle, axis=1)], axis=1)
        self.hold(model)

    @staticmethod
    def refused_scans(scan: Scan) -> list[str]:
        """Reasons of the scan, which no layout of this kind can follow."""
        reasons = []
        if scan.persistence:
            reasons.append("it knows no lazy cells")
        if scan.gains is not None:
            reasons.append("it knows no gains")
        if scan.ends is not None and not scan.independent:
            reasons.append("it moves coupled sites one after another, and not at once")
        return reasons

    def states(self) -> NDArray:
        return self._columns[:, : self._chains].T.copy()

    def load(self, states: NDArray) -> None:
        self._columns[:, : self._chains] = states.T

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        toggles = 0
        for look in range(len(betas) // every):
            first = look * every
            toggles += self.advance(betas[first : first + every], step0 + first)
            energies = self._energies(record.model)[: self._chains]
            record.energies[:, look] = energies
            drawn = self._columns[:, : self._chains]
            if record.draws is not None:
                record.draws[:, look] = drawn.T
            best = int(energies.argmin())
            if energies[best] < record.best_energy:
                record.best_energy = float(energies[best])
                record.best_state[:] = drawn[:, best]
        return toggles

    @abstractmethod
    def _energies(self, model: EnergyModel) -> NDArray[np.float64]:
        """E of every column, idle ones included."""

    def _per_column(self, betas: NDArray[np.float64]) -> NDArray[np.float64]:
        """β as kernels take it: (steps, 1) for all chains, or (steps, columns)."""
        if betas.ndim == 1:
            return np.array(betas)[:, None]
        idle = self._columns.shape[1] - self._chains
        return np.pad(betas, ((0, 0), (0, idle)), mode="edge")
