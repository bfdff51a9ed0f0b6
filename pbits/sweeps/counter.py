"""Counter-based chains in double precision: the layout that knows every scan, and the yardstick of the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import ising
from pbits.models import DirectedModel, EnergyModel, IsingModel
from pbits.sweeps.engine import Engine, Key, Options
from pbits.sweeps.scan import Scan


class CounterEngine(Engine):
    """Every decision is a Philox word of (chain, site, step): equal spin for spin to `pbits.reference.twins`."""

    BLOCK = 16

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        self._scan = scan
        self._key = key
        self._chain0 = chain0
        self._spins = np.ascontiguousarray(states)
        self.hold(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        reasons = []
        if not isinstance(model, IsingModel | DirectedModel):
            reasons.append(f"it sweeps an IsingModel or a DirectedModel; this is a {type(model).__name__}")
        if scan.gains is not None:
            reasons.append("it knows no gains")
        if options.rule != "heat-bath":
            reasons.append("it knows only the heat bath")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return "chains side by side, float64 fields, counter-based 32-bit decisions"

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel | DirectedModel), "refusals() lets through only networks of spins"
        csr = model.csr
        self._couplings = (csr.indptr, csr.indices, csr.data, model.h)

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        if betas.ndim == 2:
            raise ValueError("the counter-based layout gives every chain of a block the same β")
        scan, key = self._scan, self._key
        if scan.ends is None:
            return ising.sweep_random(
                self._spins, *self._couplings, scan.sites, betas, *key.thermal, *key.site, self._chain0, step0
            )
        return ising.sweep_phases(
            self._spins, *self._couplings, scan.ends, scan.sites, betas, scan.persistence, *key.thermal,
            self._chain0, step0,
        )  # fmt: skip

    def states(self) -> NDArray[np.int8]:
        return self._spins.T.copy()

    def load(self, states: NDArray) -> None:
        self._spins[:] = states.T
