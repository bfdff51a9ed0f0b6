"""Many chains of any sparse model side by side, in single precision."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import lanes
from pbits.kernels.xoshiro import seed
from pbits.models import EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.fields import (
    MAX_LOG_ODDS_ERROR,
    OfModels,
    largest_field,
    looks_for,
    made_once,
    posed_by,
    unit_of,
    unsigned_rows,
)
from pbits.sweeps.scan import Scan

FLOATS = (1e-30, 1e37)
"""Largest fields of a model that float32 holds with room to spare."""
ONE_ROUNDING = 2.0**-24

_prepared: OfModels[lanes.Couplings] = WeakKeyDictionary()


class LanesEngine(Engine):
    """Chains as the lanes of vectors: one site of 64 chains after another, with any couplings and any phases."""

    BLOCK = 64

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        assert scan.ends is not None, "refusals() lets through no random scan"
        chains = states.shape[1]
        vectors = -(-chains // lanes.LANES)
        self._gains = scan.gains
        # Persistence is of the heat bath alone: `refusals` says so.
        self._rule = (1.0, 1.0 - scan.persistence) if options.rule == "heat-bath" else (0.0, 1.0)
        # Sites that are not coupled may as well move one by one.
        ends = np.array([0, len(scan.sites)]) if scan.independent else scan.ends
        self._order = lanes.Order(read_only(scan.sites.view(np.uint64)), ends.astype(np.uint64), not scan.independent)
        spins = np.zeros((vectors, len(states)), dtype=np.uint16)
        lanes.pack(spins, states)
        self._chains = lanes.Chains(spins, seed(key.thermal, chain0 // self.BLOCK, vectors), chains)
        self.hold(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        reasons = []
        if not isinstance(model, IsingModel):
            reasons.append(f"it sweeps an IsingModel; this is a {type(model).__name__}")
        if scan.ends is None:
            reasons.append("it moves the same site of all chains, and a random scan draws one for each")
        if options.rule != "heat-bath" and scan.persistence:
            reasons.append("persistence is of the heat bath; the Metropolis rule knows none")
        if isinstance(model, IsingModel):
            largest = largest_field(model, scan.gains)
            error = 2 * beta * _rounding(model, scan.gains)
            if largest and not FLOATS[0] < largest < FLOATS[1]:
                reasons.append(f"its float32 sums hold fields of {FLOATS[0]:g} to {FLOATS[1]:g}, not {largest:.3g}")
            if error > MAX_LOG_ODDS_ERROR:
                reasons.append(f"its float32 sums would round 2βI by {error:.1g}, above {MAX_LOG_ODDS_ERROR:g}")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return (
            "64 chains side by side, float32 fields, 32-bit decisions (probabilities of a flip to 6e-6 of themselves "
            "and 2^-32)"
        )

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel), "refusals() lets through only Ising models"
        self._model = model
        self._couplings = made_once(_prepared, model, self._gains, lambda: _in_single(model, self._gains))

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        return self._sweep(betas, 0, None)

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        return self._sweep(betas, every, record)

    def states(self) -> NDArray[np.int8]:
        states = np.empty((self._chains.count, self._model.n), dtype=np.int8)
        lanes.unpack(states, self._chains.spins)
        return states

    def _sweep(self, betas: NDArray[np.float64], every: int, record: Record | None) -> int:
        looks = looks_for(record)
        # Views of a part of the looks come here too; the kernel is compiled for whole arrays alone.
        whole = looks._replace(energies=_whole(looks.energies), draws=_whole(looks.draws))
        posed = posed_by(self._model if record is None else record.model)
        scales = (2 * lanes.LOG2_E * betas).astype(np.float32).reshape(len(betas), -1)
        toggles = lanes.sweep(self._couplings, posed, self._order, self._chains, scales, *self._rule, every, whole)
        if record is not None:
            record.best_energy = float(looks.best_energy[0])
            if whole.energies is not looks.energies:
                record.energies[:] = whole.energies
            if record.draws is not None and whole.draws is not looks.draws:
                record.draws[:] = whole.draws
        return toggles


def _whole(array: NDArray) -> NDArray:
    return array if array.flags.c_contiguous else np.empty(array.shape, dtype=array.dtype)


def _in_single(model: IsingModel, gains: NDArray | None) -> lanes.Couplings:
    """The couplings as the kernel holds them."""
    csr = model.csr
    base = model.h - csr.sum(axis=1)
    twice = csr.data.astype(np.float32)
    twice *= 2
    if gains is not None:
        base = base * gains
        twice = (2 * csr.data * np.repeat(gains, np.diff(csr.indptr))).astype(np.float32)
    return lanes.Couplings(*unsigned_rows(model), twice, base.astype(np.float32))


def _rounding(model: IsingModel, gains: NDArray | None) -> float:
    """Bound on the rounding of a float32 sum.

    No sum on the way to a field is larger than the largest field L, nor is the one it starts from; all 2gJ of a row
    together are twice that. So degree + 3 times L are rounded, and equal couplings all round to the same side. Sums
    of whole numbers below 2²⁴ of one unit are exact; one rounding is that of 2βI.
    """
    largest = largest_field(model, gains)
    exact = largest <= unit_of(model, gains) / ONE_ROUNDING
    return largest * ONE_ROUNDING * (1 if exact else int(model.degrees.max()) + 3)
