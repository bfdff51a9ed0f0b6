"""One chain at a time of any sparse model, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import fields
from pbits.kernels.xoshiro import seed
from pbits.models import EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.scan import Scan

DIGITS = 52
NARROW_DIGITS = 30
MAX_LOG_ODDS_ERROR = 1e-4
"""Largest rounding of 2βI that is let pass."""

Made = TypeVar("Made")
OfModels = WeakKeyDictionary[IsingModel, tuple[tuple[object, ...], Made]]

# Models as the kernels want them, shared by the blocks of a run.
_prepared: OfModels[fields.Couplings] = WeakKeyDictionary()
_posed: OfModels[fields.Posed] = WeakKeyDictionary()
_LOCK = Lock()


class FieldsEngine(Engine):
    """A chain with its local fields kept up to date: a flip touches the neighbours, all else next to nothing."""

    BLOCK = 1

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        self._sites = read_only(scan.sites.view(np.uint64))
        self._random = scan.ends is None
        self._gains = scan.gains
        # Persistence is of the heat bath alone: `refusals` says so.
        self._rule = (1.0, 1.0 - scan.persistence) if options.rule == "heat-bath" else (0.0, 1.0)
        self._spins = np.ascontiguousarray(states[:, 0])
        self._stream = seed(key.thermal, chain0, 1)
        self.hold(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        reasons = []
        if not isinstance(model, IsingModel):
            reasons.append(f"it sweeps an IsingModel; this is a {type(model).__name__}")
        if not scan.independent:
            reasons.append("it sweeps site by site, and coupled sites move together in this scan")
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
            "one chain at a time, fields changed by the flips of neighbours (whole numbers of 2^-52 of the largest "
            "field, or exact), decisions in double precision"
        )

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel), "refusals() lets through only Ising models"
        self._model = model
        self._couplings = made_once(_prepared, model, (self._gains,), lambda: in_fixed_point(model, self._gains))
        self._chain = fields.Chain(
            spins=self._spins,
            fields=np.empty(model.n, dtype=self._couplings.h.dtype),
            energy=np.empty(1),
            stream=self._stream,
        )
        fields.begin(self._chain, self._couplings, model.offset)

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        return self._sweep(betas, 0, None)

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        return self._sweep(betas, every, record)

    def states(self) -> NDArray[np.int8]:
        return self._spins[None].copy()

    def load(self, states: NDArray) -> None:
        self._spins[:] = states[0]
        fields.begin(self._chain, self._couplings, self._model.offset)

    def _sweep(self, betas: NDArray[np.float64], every: int, record: Record | None) -> int:
        looks = looks_for(record)
        model = self._model if record is None else record.model
        tracked = model is self._model and self._gains is None
        toggles = fields.sweep(
            self._chain, self._couplings, posed_by(model), tracked, self._sites, betas.ravel(), self._random,
            *self._rule, every, looks,
        )  # fmt: skip
        if record is not None:
            record.best_energy = float(looks.best_energy[0])
        return toggles


def made_once(cache: OfModels[Made], model: IsingModel, scan: tuple[object, ...], make: Callable[[], Made]) -> Made:
    """What is made of a model and some parts of a scan, such as its gains, made once for all blocks of chains."""
    with _LOCK:
        held = cache.get(model)
        if held is None or any(part is not one for part, one in zip(held[0], scan, strict=True)):
            held = cache[model] = scan, make()
        return held[1]


def unsigned_rows(model: IsingModel) -> tuple[NDArray, NDArray]:
    """Row pointers and columns of the couplings, not copied."""
    csr = model.csr
    unsigned = np.dtype(f"u{csr.indices.dtype.itemsize}")
    return csr.indptr.view(unsigned), csr.indices.view(unsigned)


def posed_by(model: EnergyModel) -> fields.Posed:
    """What a model's energies are summed from."""
    assert isinstance(model, IsingModel), "spins have the energies of an Ising model"
    return made_once(_posed, model, (), lambda: _as_posed(model))


def _as_posed(model: IsingModel) -> fields.Posed:
    rows = unsigned_rows(model)
    all_up = model.offset - model.csr.data.sum() / 2 - model.h.sum()
    return fields.Posed(fields.starts_above(*rows), *rows, model.csr.data, model.h, all_up)


def largest_field(model: IsingModel, gains: NDArray | None = None) -> float:
    """The largest |g_i| (Σ_j |J_ij| + |h_i|), in which g = 1 where there are no gains."""
    return fields.largest_field(model.csr.indptr, model.csr.data, model.h, _factors(gains))


def unit_of(model: IsingModel, gains: NDArray | None = None) -> float:
    """The unit of `in_fixed_point`."""
    csr, factors = model.csr, _factors(gains)
    # Every float64 is a whole number of the least.
    unit = max(2.0 ** (math.frexp(largest_field(model, gains))[1] - DIGITS), math.ulp(0.0))
    used = fields.digits(csr.data, csr.indices, factors, unit)
    used |= fields.digits(model.h, csr.indices[:0], factors, unit)
    return unit * max(1, used & -used)


def in_fixed_point(model: IsingModel, gains: NDArray | None = None) -> fields.Couplings:
    """Couplings and fields as whole numbers of a unit: the largest power of two in which they are exact, but at
    least 2⁻⁵² of the largest field.

    Parameters
    ----------
    model : IsingModel
    gains : (n,) array, optional
        Factors on the input of each site.
    """
    csr, factors, unit = model.csr, _factors(gains), unit_of(model, gains)
    dtype = np.int32 if largest_field(model, gains) / unit < 2**NARROW_DIGITS else np.int64
    weights, h = np.empty(csr.nnz, dtype=dtype), np.empty(model.n, dtype=dtype)
    fields.round_to(weights, csr.data, csr.indices, factors, unit)
    fields.round_to(h, model.h, csr.indices[:0], factors, unit)
    return fields.Couplings(*unsigned_rows(model), weights, h, unit)


def _factors(gains: NDArray | None) -> NDArray[np.float64]:
    return np.empty(0) if gains is None else np.ascontiguousarray(gains, dtype=np.float64)


def _rounding(model: IsingModel, gains: NDArray | None) -> float:
    """Bound on the rounding of a field in fixed point: that of a coupling, once for each neighbour and for h."""
    csr, factors, unit = model.csr, _factors(gains), unit_of(model, gains)
    misfit = max(
        fields.misfit(csr.data, csr.indices, factors, unit), fields.misfit(model.h, csr.indices[:0], factors, unit)
    )
    return (int(model.degrees.max()) + 1) * misfit


def looks_for(record: Record | None) -> fields.Looks:
    """Where to note the looks of a record, or none."""
    nothing = np.empty(0, dtype=np.int64)
    if record is None:
        return fields.Looks(
            energies=np.empty((0, 0)),
            draws=np.empty((0, 0, 0), dtype=np.int8),
            best_energy=np.empty(0),
            best_state=np.empty(0, dtype=np.int8),
            site_sums=nothing,
            edge_sums=nothing,
        )
    return fields.Looks(
        energies=record.energies,
        draws=np.empty((0, 0, 0), dtype=np.int8) if record.draws is None else record.draws,
        best_energy=np.array([record.best_energy]),
        best_state=record.best_state,
        site_sums=nothing if record.site_sums is None else record.site_sums,
        edge_sums=nothing if record.edge_sums is None else record.edge_sums,
    )
