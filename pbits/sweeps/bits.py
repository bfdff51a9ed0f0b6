"""Bit-parallel: 512 chains to a vector, for Ising models whose couplings are small whole numbers of a unit."""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import bitplanes, bits
from pbits.kernels.simd import aligned
from pbits.kernels.xoshiro import seed
from pbits.models import EnergyModel, IsingModel
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.scan import Scan

CHAINS = 512
MAX_DEGREE = 254
# Where all sites have one degree, up to this, a kernel is compiled for it.
MAX_COMPILED_DEGREE = 8
MAX_FIELDS = 1 << 24
_ROUNDING = 1e-12
_ALL = np.uint64(2**64 - 1)
# Planes of more classes than fit the cache are spread anew for each site.
_PLANE_BYTES = 1 << 20


class _Rows(NamedTuple):
    """What the sites that move see, gains multiplied in: h, and couplings k·unit; −1 for a unit there is not.

    Row r has entries ends[r] … ends[r + 1] − 1.
    """

    ends: NDArray[np.int64]
    others: NDArray[np.int64]
    strengths: NDArray[np.int64]
    units: NDArray[np.float64]
    h: NDArray[np.float64]

    def sums(self, values: NDArray) -> NDArray:
        """The sum of one number an entry over each row."""
        return np.diff(np.concatenate([[0], np.cumsum(values)])[self.ends])

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Σ|k| of each row."""
        return self.sums(np.abs(self.strengths))


def _rows(model: IsingModel, scan: Scan) -> _Rows:
    gains = np.ones(model.n) if scan.gains is None else scan.gains
    lengths = model.degrees[scan.sites]
    row = np.repeat(np.arange(len(lengths)), lengths)
    shift = model.csr.indptr[scan.sites] - np.cumsum(lengths) + lengths
    entries = shift[row] + np.arange(len(row))
    couplings = model.csr.data[entries] * gains[scan.sites][row]
    row, entries, couplings = (array[couplings != 0] for array in (row, entries, couplings))
    lengths = np.bincount(row, minlength=len(lengths))
    ends = np.concatenate([[0], np.cumsum(lengths)])

    smallest = np.full(len(lengths), np.inf)
    np.minimum.at(smallest, row, np.abs(couplings))
    smallest[lengths == 0] = 1
    units = np.full(len(lengths), -1.0)
    # More than MAX_DEGREE votes are refused anyway, so no smaller unit is worth a try.
    finest = np.maximum(
        1, MAX_DEGREE * smallest / np.maximum(np.bincount(row, np.abs(couplings), len(units)), smallest)
    )
    for fraction in range(1, MAX_DEGREE + 1):
        ratios = np.abs(couplings) / (smallest[row] / fraction)
        broken = (ratios > MAX_DEGREE) | (np.abs(ratios - np.rint(ratios)) > _ROUNDING * ratios)
        fits = np.bincount(row[broken], minlength=len(units)) == 0
        units = np.where((units < 0) & fits, smallest / fraction, units)
        if (units > 0).all() or (finest[units < 0] < fraction + 1).any():
            break
    strengths = np.rint(np.clip(couplings / units[row], -MAX_DEGREE, MAX_DEGREE)).astype(np.int64)
    return _Rows(ends, model.csr.indices[entries].astype(np.int64), strengths, units, (model.h * gains)[scan.sites])


class _Classes(NamedTuple):
    """Sites of one unit, h and kind of degree see the same fields.

    Attributes
    ----------
    of : (m,) class of each row
    positive : (m,) the smallest number of votes for +1 with f ≥ 0
    fields : (classes, 2 Z) as the kernels want them
    """

    of: NDArray[np.int64]
    positive: NDArray[np.int64]
    fields: NDArray[np.float64]


def _keys(rows: _Rows) -> NDArray[np.float64]:
    """(m, 3): rows that are equal here see the same fields."""
    degrees = rows.degrees
    return np.column_stack([rows.units, rows.h, np.where(rows.h == 0, degrees % 2, degrees)])


def _classes(rows: _Rows) -> _Classes:
    degrees = rows.degrees
    keys = _keys(rows)
    if len(keys) and (keys == keys[0]).all():
        first, of = np.zeros(1, dtype=np.int64), np.zeros(len(keys), dtype=np.int64)
    else:
        _, first, of = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    bias = np.clip(rows.h / rows.units, -(degrees + 2), degrees + 2)
    positive = np.clip(np.ceil((degrees - bias) / 2), 0, degrees + 1).astype(np.int64)
    mirrored = rows.h[first] == 0
    largest = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(largest, of, degrees)
    width = int(np.where(mirrored, largest // 2, largest).max(initial=0)) + 1
    k = np.arange(width)
    unit, h, m0 = (column[first, None] for column in (rows.units, rows.h, positive))
    odd, degree = degrees[first, None] % 2, largest[:, None]
    same = np.where(2 * k + odd <= degree, unit * (2 * k + odd), -1)
    above = np.where(m0 + k <= degree, np.abs(unit * (2 * (m0 + k) - degree) + h), -1)
    below = np.where(m0 - 1 - k >= 0, np.abs(unit * (2 * (m0 - 1 - k) - degree) + h), -1)
    mirror = mirrored[:, None]
    fields = np.concatenate([np.where(mirror, same, above), np.where(mirror, -1, below)], axis=1)
    return _Classes(of.ravel(), positive, fields)


def _reasons(rows: _Rows, scan: Scan) -> list[str]:
    """Why couplings and fields do not fit."""
    if (rows.units < 0).any():
        site = int(scan.sites[np.flatnonzero(rows.units < 0)[0]])
        return [
            f"the couplings of site {site} are not small whole multiples of one unit, {MAX_DEGREE} units in all at "
            "the most"
        ]
    degrees = rows.degrees
    largest = int(degrees.max(initial=0))
    if largest > MAX_DEGREE:
        site = int(scan.sites[degrees.argmax()])
        return [
            f"site {site} has {largest} votes, each neighbour counted as often as its coupling has units; at most "
            f"{MAX_DEGREE} are counted"
        ]
    fields = 2 * (largest + 1)
    if len(degrees) * fields > MAX_FIELDS and len(np.unique(_keys(rows), axis=0)) * fields > MAX_FIELDS:
        return ["its sites take too many different fields to tabulate"]
    return []


def _uniform_degree(rows: _Rows) -> int:
    """The degree of all rows where a kernel can be compiled for it, else 0."""
    degrees = rows.degrees
    if not len(degrees) or rows.h.any() or (rows.units != rows.units[0]).any() or (degrees != degrees[0]).any():
        return 0
    return int(degrees[0]) if degrees[0] <= MAX_COMPILED_DEGREE else 0


class _Compiled:
    """Sites of one degree: what `pbits.kernels.bits.run_degree` wants."""

    def __init__(self, rows: _Rows, scan: Scan, degree: int, n: int):
        votes = np.abs(rows.strengths)
        shape = (len(scan.sites), degree)
        neighbours = np.repeat(rows.others, votes).astype(np.uint32).reshape(shape)
        signs = np.repeat(np.where(rows.strengths < 0, _ALL, np.uint64(0)), votes).reshape(shape)
        fields = rows.units[0] * np.arange(2 - degree % 2, degree + 1, 2)
        self.fields = np.concatenate([fields, np.full(len(fields), -1.0)])[None]
        self._graph = (scan.sites, neighbours, signs)
        self._shape = (0,) * degree

    def run(self, words, streams, tables, *rest) -> int:
        return bits.run_degree(words, streams, self._graph, self._shape, tables, *rest)


class _General:
    """Sites of any degree: what `pbits.kernels.bits.run_any` wants."""

    def __init__(self, rows: _Rows, scan: Scan, n: int):
        classes = _classes(rows)
        m, degrees, positive = len(scan.sites), rows.degrees, classes.positive
        votes = np.abs(rows.strengths)
        negative = rows.sums(votes * (rows.strengths < 0))
        # Two runs of neighbours a row, each filled up to fours.
        counts = np.column_stack([negative, degrees - negative]).ravel()
        spans = np.concatenate([[0], np.cumsum(-(-counts // 4) * 4)])
        neighbours = np.full(spans[-1], n + 1, dtype=np.uint32)
        run = 2 * np.repeat(np.arange(m), np.diff(rows.ends)) + (rows.strengths > 0)
        order = np.argsort(run, kind="stable")
        run, others = np.repeat(run[order], votes[order]), np.repeat(rows.others[order], votes[order])
        place = np.arange(len(run)) - (np.cumsum(counts) - counts)[run]
        neighbours[spans[run] + place] = others

        rows_ = np.empty((m, 8), dtype=np.int64)
        rows_[:, bits.SITE] = scan.sites
        rows_[:, bits.CLASS] = classes.of
        rows_[:, bits.SPAN : bits.SPAN + 3] = np.column_stack([spans[:-1:2], spans[1::2], spans[2::2]])
        rows_[:, bits.START] = (positive - negative - 1) % 512
        rows_[:, bits.REACH] = np.where(rows.h == 0, degrees // 2 + 1, degrees + 2)
        rows_[:, bits.FORM] = np.where((positive > 32) | (degrees - positive > 31), bits.WIDE, 0)
        rows_[:, bits.FORM] |= np.where(rows.h != 0, bits.TWO_SIDED, np.where(degrees % 2, 0, bits.HAS_ZERO))
        starts = np.where(np.arange(512)[:, None] >> np.arange(9) & 1, _ALL, np.uint64(0)).ravel()
        self.fields = classes.fields
        self._graph = (rows_, neighbours, starts)

    def run(self, words, streams, tables, *rest) -> int:
        # Blocks share the graph and run at once, so each call takes room of its own.
        scratch = aligned((9, 8), np.uint64), aligned((2 * self.fields.shape[1], 8), np.uint64)
        return bits.run_any(words, streams, self._graph, scratch, tables, *rest)


_PREPARED: WeakKeyDictionary[IsingModel, tuple[Scan, _Compiled | _General]] = WeakKeyDictionary()
_PREPARING = Lock()


def _prepared(model: IsingModel, scan: Scan) -> _Compiled | _General:
    """What the kernels want of a model, made once for all blocks that move its sites by the same scan."""
    with _PREPARING:
        held = _PREPARED.get(model)
        if held is None or held[0] is not scan:
            rows = _rows(model, scan)
            reasons = _reasons(rows, scan)
            if reasons:
                raise ValueError("the layout 'bits' cannot sweep this: " + "; ".join(reasons))
            degree = _uniform_degree(rows)
            sites = _Compiled(rows, scan, degree, model.n) if degree else _General(rows, scan, model.n)
            held = _PREPARED[model] = (scan, sites)
        return held[1]


def _terms(model: IsingModel) -> bitplanes.Terms:
    """A model's energies as pairs of spins that differ, grouped by what each costs."""
    i, j, couplings = model.edges()
    biased = np.flatnonzero(model.h)
    pairs = np.column_stack([np.concatenate([i, biased]), np.concatenate([j, np.full(len(biased), model.n)])])
    costs, group = np.unique(np.concatenate([couplings, model.h[biased]]), return_inverse=True)
    counts = np.bincount(group, minlength=len(costs))
    ends = np.concatenate([[0], np.cumsum(-(-counts // 8) * 8)])
    filled = np.full((ends[-1], 2), model.n, dtype=np.uint32)
    order = np.argsort(group, kind="stable")
    place = np.arange(len(order)) - (np.cumsum(counts) - counts)[group[order]]
    filled[ends[group[order]] + place] = pairs[order]
    return bitplanes.Terms(float(model.offset - (counts * costs).sum()), 2 * costs, ends, filled)


_TERMS: WeakKeyDictionary[IsingModel, bitplanes.Terms] = WeakKeyDictionary()


def _terms_of(model: IsingModel) -> bitplanes.Terms:
    """The terms of a model, made once for all blocks and runs."""
    with _PREPARING:
        if model not in _TERMS:
            _TERMS[model] = _terms(model)
        return _TERMS[model]


class BitsEngine(Engine):
    """512 chains, one to a bit."""

    BLOCK = CHAINS

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        n, self._chains = states.shape
        self._scan = scan
        self._options = options
        self._words = aligned((n + 2, 8), np.uint64)
        self._words[:] = bitplanes.pack(states)
        self._streams = seed(key.thermal, chain0 // CHAINS, 2)
        self._valid = np.packbits(np.arange(CHAINS) < self._chains, bitorder="little").view(np.uint64)
        self._posed: IsingModel | None = None
        self._posed_terms = _NO_TERMS
        self.hold(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        if not isinstance(model, IsingModel):
            return [f"it sweeps Ising models, not a {type(model).__name__}"]
        reasons = []
        if scan.ends is None:
            reasons.append("it moves all chains of a block at the same site, so it knows no random scan")
        if scan.persistence:
            reasons.append("its cells know no persistence")
        if not scan.independent:
            reasons.append("it sweeps site by site, but coupled sites are to move together")
        prepared = _PREPARED.get(model)
        # What was prepared was not refused.
        known = prepared is not None and prepared[0] is scan
        return reasons if known else reasons + _reasons(_rows(model, scan), scan)

    @classmethod
    def describe(cls, options: Options) -> str:
        return (
            f"bit-parallel, {CHAINS} chains to a vector, {options.threshold_bits}-bit decisions "
            f"(probabilities rounded to 2^-{options.threshold_bits})"
        )

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel)
        self._sites = _prepared(model, self._scan)
        self._levels: tuple[int, bytes] | None = None

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        return self._run(betas, 0, _NOTHING)

    def states(self) -> NDArray:
        states = np.empty((self._chains, 1, len(self._words) - 2), dtype=np.int8)
        bitplanes.unpack(states, 0, self._words)
        return states[:, 0]

    def load(self, states: NDArray) -> None:
        # Idle bits stay: how many random words a decision takes depends on all 512.
        self._words ^= (self._words ^ bitplanes.pack(states.T)) & self._valid

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        model = record.model
        if not isinstance(model, IsingModel):
            return super().sweep(betas, step0, every, record)
        if model is not self._posed:
            self._posed, self._posed_terms = model, _terms_of(model)
        looks, n = len(betas) // every, model.n
        energies = _contiguous(record.energies)
        draws = np.zeros((self._chains, 0, n), dtype=np.int8) if record.draws is None else _contiguous(record.draws)
        best_energy, best_state = np.array([record.best_energy]), np.zeros(n, dtype=np.int8)
        edges, site_sums, edge_sums = _NO_EDGES, _NO_SUMS, _NO_SUMS
        if record.site_sums is not None and record.edge_sums is not None:
            edges = np.column_stack(model.edges()[:2]).astype(np.uint32)
            site_sums, edge_sums = record.site_sums, record.edge_sums
        notes = bitplanes.Notes(
            self._posed_terms, energies, draws, best_energy, best_state, site_sums, edges, edge_sums, *_room()
        )
        toggles = self._run(betas[: looks * every], every, notes)
        if energies is not record.energies:
            record.energies[:] = energies
        if record.draws is not None and draws is not record.draws:
            record.draws[:] = draws
        if best_energy[0] < record.best_energy:
            record.best_energy = float(best_energy[0])
            record.best_state[:] = best_state
        return toggles

    def _run(self, betas: NDArray[np.float64], every: int, notes: bitplanes.Notes) -> int:
        if betas.ndim == 1:
            levels, level_of = betas[:, None], np.zeros(self._chains, dtype=np.int64)
        else:
            levels, level_of = np.unique(betas, axis=1, return_inverse=True)
        tables = self._tables(levels.shape[1], level_of)
        return int(
            self._sites.run(
                self._words, self._streams, tables, np.ascontiguousarray(levels), self._options.threshold_bits,
                self._options.rule == "metropolis", self._valid, every, notes,
            )
        )  # fmt: skip

    def _tables(self, levels: int, level_of: NDArray[np.int64]) -> bits.Tables:
        """The tables of the kernels, kept while chains keep their levels."""
        wanted = (levels, level_of.tobytes())
        if wanted != self._levels:
            fields, bits_ = self._sites.fields, self._options.threshold_bits
            classes, width = fields.shape
            plane = (width, bits_) if levels == 1 else (width, bits_, 8)
            slots = min(classes, max(1, _PLANE_BYTES // (8 * int(np.prod(plane)))))
            each = np.zeros(CHAINS, dtype=np.int64)
            each[: self._chains] = level_of.ravel()
            self._kept = bits.Tables(
                fields,
                np.full(levels, np.nan),
                np.zeros((levels, classes, width), dtype=np.uint64),
                np.zeros((slots, *plane), dtype=np.uint64),
                np.zeros((slots, 2), dtype=np.int64),
                np.zeros((slots, width, 2), dtype=np.int64),
                np.zeros((slots, 3), dtype=np.int64),
                np.full(slots, -1, dtype=np.int64),
                each,
            )
            self._levels = wanted
        return self._kept


def _contiguous(wanted: NDArray) -> NDArray:
    """The array itself, or room of its shape, for kernels that write rows."""
    return wanted if wanted.flags.c_contiguous else np.empty(wanted.shape, dtype=wanted.dtype)


def _room() -> tuple[NDArray, ...]:
    """Room that the kernels take notes in."""
    return (
        np.empty((8, CHAINS)), np.empty(CHAINS, dtype=np.int32), aligned((40, 8), np.uint64),
        aligned((40, 8), np.uint64),
    )  # fmt: skip


_NO_SUMS = np.zeros(0, dtype=np.int64)
_NO_EDGES = np.zeros((0, 2), dtype=np.uint32)
_NO_TERMS = bitplanes.Terms(0.0, np.zeros(0), np.zeros(1, dtype=np.int64), _NO_EDGES)
_NOTHING = bitplanes.Notes(
    _NO_TERMS,
    np.zeros((0, 0)),
    np.zeros((0, 0, 0), dtype=np.int8),
    np.zeros(1),
    np.zeros(0, dtype=np.int8),
    _NO_SUMS,
    _NO_EDGES,
    _NO_SUMS,
    *_room(),
)
