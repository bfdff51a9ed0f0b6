"""Cells of a Gibbs array: inputs that settle, and a persistence of each cell's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import settling
from pbits.models import DirectedModel, EnergyModel, IsingModel
from pbits.sweeps.engine import Engine, Key, Options
from pbits.sweeps.scan import Scan


class CellsEngine(Engine):
    """Every decision is a Philox word of (chain, site, step): equal spin for spin to `pbits.reference.twins`.

    What is kept beside the states is V = βI as it has settled so far, in units of βI and not of I: that is the voltage
    on a capacitor, which does not jump when another β or another model is programmed. At the start, and where states
    are put in, it has settled: writing a frame takes far longer than a phase. Reading states does not stop the cells.
    """

    BLOCK = 16

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        assert scan.ends is not None, "refusals() lets through only scans with phases"
        self._scan = scan
        self._ends = scan.ends
        self._persistence = np.ascontiguousarray(np.broadcast_to(scan.persistence, model.n), dtype=np.float64)
        self._key = key
        self._chain0 = chain0
        self._spins = np.ascontiguousarray(states)
        self._voltages: NDArray[np.float64] | None = None
        self.hold(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        reasons = []
        if not isinstance(model, IsingModel | DirectedModel):
            reasons.append(f"it sweeps an IsingModel or a DirectedModel; this is a {type(model).__name__}")
        if scan.ends is None:
            reasons.append("it needs phases, and this is a random scan")
        if scan.gains is not None:
            reasons.append("it knows no gains")
        if options.rule != "heat-bath":
            reasons.append("it knows only the heat bath")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return "chains side by side, float64 inputs that settle, counter-based 32-bit decisions"

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel | DirectedModel), "refusals() lets through only networks of spins"
        self._model = model

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        model, scan = self._model, self._scan
        each = np.ascontiguousarray(np.broadcast_to(betas.reshape(len(betas), -1), (len(betas), self._spins.shape[1])))
        if self._voltages is None and len(each):
            self._voltages = each[0] * (model.csr @ self._spins.astype(np.float64) + model.h[:, None])
        csr = model.csr
        return settling.sweep_cells(
            self._spins, self._voltages, csr.indptr, csr.indices, csr.data, model.h, self._ends, scan.sites, each,
            scan.memory, self._persistence, *self._key.thermal, self._chain0, step0,
        )  # fmt: skip

    def states(self) -> NDArray[np.int8]:
        return self._spins.T.copy()

    def load(self, states: NDArray) -> None:
        self._spins[:] = states.T
        self._voltages = None
