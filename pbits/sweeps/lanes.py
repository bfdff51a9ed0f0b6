"""Many chains of any sparse model side by side, in 32-bit fixed point."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pbits.kernels import fields, lanes
from pbits.kernels.blocks import Pool, chain_blocks
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
    unit_of,
    unsigned_rows,
)
from pbits.sweeps.scan import Scan

DIGITS = 30
MOST = float(np.finfo(np.float32).max)
# To call the threads costs as much as some million updates.
_WORTH_A_TEAM = 4_000_000

_prepared: OfModels[lanes.Couplings] = WeakKeyDictionary()
_posed: OfModels[lanes.Posed] = WeakKeyDictionary()


class LanesEngine(Engine):
    """Chains as the lanes of vectors: one site of 64 chains after another, with any couplings and any phases."""

    BLOCK = 64

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        assert scan.ends is not None, "refusals() lets through no random scan"
        chains = states.shape[1]
        vectors = -(-chains // lanes.LANES)
        self._gains = scan.gains
        self._sites = None if np.array_equal(scan.sites, np.arange(len(states))) else scan.sites
        # Persistence is of the heat bath alone: `refusals` says so.
        self._rule = (1.0, 1.0 - scan.persistence) if options.rule == "heat-bath" else (0.0, 1.0)
        # Sites that are not coupled may as well move one by one.
        ends = np.array([0, len(scan.sites)]) if scan.independent else scan.ends
        self._order = lanes.Order(read_only(scan.sites.view(np.uint64)), ends.astype(np.uint64), not scan.independent)
        spins = np.zeros((vectors, len(states)), dtype=np.uint16)
        lanes.pack(spins, states)
        streams = seed(key.thermal, chain0 // self.BLOCK, vectors)
        filled = np.clip(chains - lanes.LANES * np.arange(vectors), 0, lanes.LANES)
        active = (1 << filled.astype(np.uint64)) - np.uint64(1)
        energies = np.empty((2, vectors * lanes.LANES), dtype=np.int64)
        self._chains = lanes.Chains(spins, streams, energies, active, chains)
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
            error = beta * (2 * _rounding(model, scan.gains))
            if error > MAX_LOG_ODDS_ERROR:
                reasons.append(
                    f"its fields, whole numbers of 2^-{DIGITS} of the largest, which is "
                    f"{largest_field(model, scan.gains):.3g}, would round 2βI by {error:.1g}, above "
                    f"{MAX_LOG_ODDS_ERROR:g}"
                )
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return (
            "64 chains side by side, fields of couplings in whole numbers of 2^-30 of the largest field, or exact; "
            "32-bit decisions (probabilities of a flip to 6e-6 of themselves and 2^-32)"
        )

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel), "refusals() lets through only Ising models"
        self._model = model
        posed, gains, sites = _posed_by(model), self._gains, self._sites
        self._couplings = made_once(
            _prepared, model, (gains, sites), lambda: _in_fixed_point(model, gains, sites, posed)
        )
        self._followed = False

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        return self._sweep(betas, 0, None)

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        return self._sweep(betas, every, record)

    def states(self) -> NDArray[np.int8]:
        states = np.empty((self._chains.count, self._model.n), dtype=np.int8)
        lanes.unpack(states, self._chains.spins)
        return states

    def load(self, states: NDArray) -> None:
        self._chains.spins[:] = 0
        lanes.pack(self._chains.spins, np.ascontiguousarray(states.T))
        self._followed = False

    def _sweep(self, betas: NDArray[np.float64], every: int, record: Record | None) -> int:
        looks = looks_for(record)
        # Views of a part of the looks come here too; the kernel is compiled for whole arrays alone.
        whole = looks._replace(energies=_whole(looks.energies), draws=_whole(looks.draws))
        model = self._model if record is None else record.model
        assert isinstance(model, IsingModel), "spins have the energies of an Ising model"
        posed = _posed_by(model)
        # What a flip changes is known of sites that move one by one, and gains belong to no energy.
        alone = self._gains is None and not self._order.together
        follow = alone and record is not None and model is self._model
        if follow and not self._followed:
            lanes.sum_energies(self._chains.energies[0], 0, posed, self._chains.spins)
        self._followed = follow
        # Beyond what float32 holds, no field but 0 leaves anything to chance.
        scales = np.minimum(2 * lanes.LOG2_E * betas * self._couplings.unit, MOST)
        scales = scales.astype(np.float32).reshape(len(betas), -1)
        if record is None:
            return self._advance(scales, 0, len(scales), follow)
        if self._workers(every) == 1:
            toggles = lanes.sweep(
                self._couplings, posed, self._order, self._chains, scales, *self._rule, every, whole, follow
            )
        else:
            toggles = 0
            for number in range(len(scales) // every):
                toggles += self._advance(scales, number * every, (number + 1) * every, follow)
                lanes.look(self._chains, posed, follow, whole, number)
        record.best_energy = float(looks.best_energy[0])
        if whole.energies is not looks.energies:
            record.energies[:] = whole.energies
        if record.draws is not None and whole.draws is not looks.draws:
            record.draws[:] = whole.draws
        return toggles

    def _workers(self, steps: int) -> int:
        """Threads that share the vectors of chains over some steps."""
        updates = len(self._order.sites) * self._chains.count * steps
        return min(self.threads, len(self._chains.spins)) if updates >= _WORTH_A_TEAM else 1

    def _advance(self, scales: NDArray[np.float32], begin: int, end: int, follow: bool) -> int:
        workers, vectors = self._workers(end - begin), len(self._chains.spins)
        shares = chain_blocks(vectors, -(-vectors // workers))

        def share(k: int) -> int:
            part = shares[k]
            return lanes.advance(
                self._couplings, self._order, self._chains, scales, begin, end, *self._rule, follow, part.start,
                part.stop,
            )  # fmt: skip

        with Pool(len(shares)) as pool:
            return sum(pool.map(share, len(shares)))


def _whole(array: NDArray) -> NDArray:
    return array if array.flags.c_contiguous else np.empty(array.shape, dtype=array.dtype)


def _unit(model: IsingModel, gains: NDArray | None) -> float:
    """The largest power of two in which the model is exact, but at least 2⁻³⁰ of the largest field."""
    # A field is off by up to half a unit for each of its terms, and stays below 2³⁰ with that.
    largest = largest_field(model, gains) * (1 + (int(model.degrees.max()) + 1) * 2.0**-DIGITS)
    return max(2.0 ** (math.frexp(largest)[1] - DIGITS), unit_of(model, gains))


def _in_fixed_point(
    model: IsingModel, gains: NDArray | None, sites: NDArray[np.int64] | None, posed: lanes.Posed
) -> lanes.Couplings:
    """The couplings as the kernel holds them, in the order in which sites move where that is not their own. Without
    gains they are the first words of what is posed.
    """
    csr, unit = model.csr, _unit(model, gains)
    rows, factors = _factors(model, gains)
    h = _rounded(model.h, rows[:0], factors, unit)
    twice = posed.twice[0] if gains is None else 2 * _rounded(csr.data, rows, factors, unit)
    base = h - sp.csr_array((twice, csr.indices, csr.indptr), shape=csr.shape).sum(axis=1) // 2
    starts, others = unsigned_rows(model)
    if sites is not None:
        starts, entries = _entries(model, sites)
        # Read-only like those of the model, for which the kernels are compiled.
        others, twice, base = read_only(others[entries]), twice[entries], base[sites]
    return lanes.Couplings(starts, others, twice, base.astype(np.int32), unit)


def _entries(model: IsingModel, sites: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Row pointers of the couplings in the order of some sites, and where each coupling is found."""
    index = model.csr.indptr.dtype
    lengths = np.diff(model.csr.indptr)[sites]
    starts = np.concatenate([np.zeros(1, dtype=index), np.cumsum(lengths, dtype=index)])
    entries = np.repeat(model.csr.indptr[sites] - starts[:-1], lengths)
    entries += np.arange(len(entries), dtype=index)
    return read_only(starts).view(f"u{index.itemsize}"), entries


def _posed_by(model: IsingModel) -> lanes.Posed:
    return made_once(_posed, model, (), lambda: _as_posed(model))


def _as_posed(model: IsingModel) -> lanes.Posed:
    """A model in two words, or in one where that is exact."""
    csr, couplings, h = model.csr, model.csr.data, model.h
    rows, factors = _factors(model, None)
    unit = _unit(model, None)
    twice, base, units = [], [], []
    while len(units) < 2 and (not units or couplings.any() or h.any()):
        weights = _rounded(couplings, rows, factors, unit)
        whole = _rounded(h, rows, factors, unit)
        above = sp.triu(sp.csr_array((weights, csr.indices, csr.indptr), shape=csr.shape), 1)
        twice.append(2 * weights)
        base.append((whole - above.sum(axis=1)).astype(np.int32))
        units.append(unit)
        couplings, h = read_only(couplings - unit * weights), read_only(h - unit * whole)
        # Half a unit is left at most; as many of these as a row has stay below 2³⁰.
        unit = max(unit * 2.0 ** ((int(model.degrees.max()) + 1).bit_length() - 31), math.ulp(0.0))
    indptr, indices = unsigned_rows(model)
    upper = fields.starts_above(indptr, indices)
    return lanes.Posed(upper, indptr, indices, np.stack(twice), np.stack(base), np.array(units), model.offset)


def _rounded(values: NDArray, rows: NDArray, factors: NDArray, unit: float) -> NDArray[np.int32]:
    whole = np.empty(len(values), dtype=np.int32)
    fields.round_to(whole, values, rows, factors, unit)
    return whole


def _factors(model: IsingModel, gains: NDArray | None) -> tuple[NDArray, NDArray]:
    """The row of each coupling, and the gain of each row; none where there are no gains."""
    if gains is None:
        return model.csr.indices[:0], np.empty(0)
    rows = np.repeat(np.arange(model.n, dtype=model.csr.indices.dtype), np.diff(model.csr.indptr))
    return rows, np.ascontiguousarray(gains, dtype=np.float64)


def _rounding(model: IsingModel, gains: NDArray | None) -> float:
    """Bound on the rounding of a field: that of a coupling, once for each neighbour and for h."""
    unit = _unit(model, gains)
    rows, factors = _factors(model, gains)
    misfit = max(fields.misfit(model.csr.data, rows, factors, unit), fields.misfit(model.h, rows[:0], factors, unit))
    return (int(model.degrees.max()) + 1) * misfit
