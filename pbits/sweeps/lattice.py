"""One chain of a large periodic ±J lattice at a time, as 512 blocks in lock-step."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import lattice, xoshiro
from pbits.kernels.simd import aligned
from pbits.mapping.lattices import lattice_shape
from pbits.models import EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.scan import Scan

_LANES = 512
_ALL = (1 << 64) - 1
_NEVER = np.iinfo(np.int64).max
_ALL_ARRIVED = 1 << 62
# Positions of a domain, half of them even: a meeting of threads costs as much as some ten positions.
_DOMAIN = 512
# To call the threads costs as much as some million updates.
_WORTH_A_TEAM = 4_000_000

_SHAPES: WeakKeyDictionary[IsingModel, tuple[int, ...] | None] = WeakKeyDictionary()


def _shape(model: IsingModel) -> tuple[int, ...] | None:
    """`lattice_shape`, once per model: refusals and every chain ask for it."""
    if model not in _SHAPES:
        _SHAPES[model] = lattice_shape(model)
    return _SHAPES[model]


def block_counts(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Blocks along each axis, 512 in all, so that blocks are as compact as can be; None where there is no such cut.

    Blocks are equal, and at least two sites wide along every axis that is cut.

    Examples
    --------
    >>> block_counts((64, 64)), block_counts((16, 16, 16)), block_counts((3, 1024)), block_counts((100, 100))
    ((16, 32), (8, 8, 8), (1, 512), None)
    """
    powers = [2**k for k in range(10)]
    ways = [[count for count in powers if count == 1 or (side % count == 0 and side >= 2 * count)] for side in shape]
    cuts = [cut for cut in itertools.product(*ways) if math.prod(cut) == _LANES]
    return min(cuts, key=lambda cut: sum(count / side for count, side in zip(cut, shape)), default=None)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A lattice cut into 512 blocks.

    Attributes
    ----------
    shape, strides : per axis, in sites
    cells : int
        Vectors of the box, rim included.
    box : lattice.Box
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    cells: int
    box: lattice.Box

    def vectors(self) -> NDArray[np.uint64]:
        return aligned((self.cells, 8), np.uint64)

    def packed(self, bits: NDArray[np.uint8]) -> NDArray[np.uint64]:
        vectors = self.vectors()
        lattice.pack(vectors, bits, self.box)
        return vectors


@lru_cache(maxsize=4)
def cut_of(shape: tuple[int, ...]) -> Cut:
    """The cut of a lattice, by `block_counts`."""
    counts = block_counts(shape)
    assert counts is not None, "refusals() lets through only lattices that can be cut"
    widths = tuple(side // count for side, count in zip(shape, counts))
    strides, inner = _row_major(shape), np.array(_row_major(tuple(width + 2 for width in widths)))
    # Lanes number the blocks in mixed radix. The most significant axis has all the words of a vector, so it needs
    # 8 blocks; with the fewest of those it has few bits left to move inside words.
    first = min((axis for axis, count in enumerate(counts) if count >= 8), key=lambda axis: counts[axis])
    order = [first, *(axis for axis in range(len(shape)) if axis != first)]
    steps = dict(zip(order, _row_major(tuple(counts[axis] for axis in order))))
    lanes = np.arange(_LANES)
    positions = np.indices(widths).reshape(len(shape), -1)
    # Even positions first: a site then never waits for its neighbour of the moment before.
    positions = positions[:, np.argsort(positions.sum(axis=0) % 2, kind="stable")]
    faces = np.zeros(positions.shape[1], dtype=np.uint8)
    for axis, x in enumerate(positions):
        faces |= ((x == 0).astype(np.uint8) | (x == widths[axis] - 1).astype(np.uint8) << 1) << 2 * axis
    box = lattice.Box(
        cells=inner @ (positions + 1),
        faces=faces,
        strides=inner,
        spans=inner * np.array(widths),
        turns=np.array([_turn(steps[axis], count) for axis, count in enumerate(counts)], dtype=np.uint64),
        position_sites=np.array(strides) @ positions,
        domains=_domains(widths),
        lane_sites=np.sum([lanes // steps[a] % counts[a] * widths[a] * strides[a] for a in range(len(shape))], axis=0),
    )
    cells = math.prod(width + 2 for width in widths)
    return Cut(shape=shape, strides=strides, cells=cells, box=lattice.Box(*map(read_only, box)))


def _domains(widths: tuple[int, ...]) -> NDArray[np.int64]:
    """Where the even positions of each domain of a block begin, and where the odd ones."""
    positions = math.prod(widths)
    # With an odd side, even positions have even neighbours in the next block, and must move one after the other.
    domains = max(1, positions // _DOMAIN) if all(width % 2 == 0 for width in widths) else 1
    parts, n_even = np.arange(domains + 1), -(-positions // 2)
    return np.stack([n_even * parts // domains, n_even + (positions - n_even) * parts // domains])


def _row_major(sides: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(sides[axis + 1 :]) for axis in range(len(sides)))


def _turn(step: int, count: int) -> tuple[int, int, int, int, bool]:
    """How lanes move on by one of `count` blocks, `step` lanes apart: (near, far, last, first, words)."""
    if count == 1:
        return 0, 0, 0, 0, False
    if step >= 64:
        return 0, 0, _ALL, _ALL, True
    inside = min(count, 64 // step)
    block = np.arange(64) // step % inside
    first, last = (sum(1 << int(bit) for bit in np.flatnonzero(block == edge)) for edge in (0, inside - 1))
    return step, step * (inside - 1), last, first, count > inside


class LatticeEngine(Engine):
    """One chain of a periodic square or cubic lattice of ±J couplings without fields.

    The lattice is cut into 512 blocks which advance in lock-step, one bit of a vector each: first the even positions
    inside the blocks, then the odd ones, each row by row. That is a sequential sweep of its own order, whatever the
    order of the scan. Large lattices are parted into domains with random numbers of their own, by size alone, which
    threads share.
    """

    BLOCK = 1

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        assert isinstance(model, IsingModel), "refusals() lets through only Ising models"
        shape = _shape(model)
        assert shape is not None, "refusals() lets through only lattices"
        self._cut = cut_of(shape)
        self._options = options
        self._domains = self._cut.box.domains.shape[1] - 1
        self._streams = xoshiro.seed(key.thermal, chain0, 2 * self._domains)
        self._spins = self._cut.packed((states[:, 0] > 0).view(np.uint8))
        self._best = self._cut.vectors()
        self._best_is_new = False
        # Starts its threads when they are called for.
        self._helpers = ThreadPoolExecutor(self._domains)
        self._model = model
        self._posed: tuple[IsingModel, NDArray] | None = None
        self._tally: NDArray[np.uint64] | None = None
        self.hold(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        if not isinstance(model, IsingModel):
            return [f"it sweeps an IsingModel; this is a {type(model).__name__}"]
        reasons = []
        if scan.ends is None or not scan.independent:
            reasons.append("it sweeps site after site, in its own order")
        if scan.persistence or scan.gains is not None:
            reasons.append("it knows neither persistence nor gains")
        moving = np.zeros(model.n, dtype=bool)
        moving[scan.sites] = True
        if len(scan.sites) != model.n or not moving.all():
            reasons.append("every site must move once a sweep, so none can be clamped")
        if model.h.any():
            reasons.append("it knows no fields")
        if not lattice.have_one_magnitude(model.csr.data):
            reasons.append("couplings must be ±J of one magnitude J")
        shape = _shape(model)
        if shape is None or len(shape) not in (2, 3):
            reasons.append("the graph is no periodic square or cubic lattice with sites numbered row by row")
        elif block_counts(shape) is None:
            sides = " × ".join(map(str, shape))
            reasons.append(f"a lattice of {sides} sites cannot be cut into 512 equal blocks at least 2 sites wide")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        bits = options.threshold_bits
        return (
            "one chain as 512 blocks of its lattice in lock-step, even positions of the blocks before odd ones, "
            f"{bits}-bit decisions (probabilities rounded to 2^-{bits})"
        )

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel), "refusals() lets through only Ising models"
        if not self._is_alike(model):
            raise ValueError(
                "the lattice layout was asked to go on with another graph, with fields or with couplings of several "
                "magnitudes; choose another layout for a machine that is programmed so"
            )
        self._model = model
        self._bonds = self._packed_bonds(model)

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        no_looks, no_draws = np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.int8)
        return self._sweep(betas, 1, self._bonds, no_looks, _NEVER, no_draws, self._counters(0))

    def states(self) -> NDArray[np.int8]:
        spins = np.empty((1, self._model.n), dtype=np.int8)
        lattice.unpack(spins[0], self._spins, self._cut.box)
        return spins

    def load(self, states: NDArray) -> None:
        self._spins[:] = self._cut.packed((states[0] > 0).view(np.uint8))

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        posed = self._posed_bonds(record.model)
        if posed is None:
            self.settle(record)
            return super().sweep(betas, step0, every, record)
        looks = len(betas) // every
        if record.site_sums is None:
            tally = self._counters(0)
        elif self._tally is None:
            tally = self._tally = self._counters(len(self._cut.box.cells))
        else:
            tally = self._tally
        stretch = lattice.MOST_LOOKS if len(tally) else max(1, looks)
        toggles = 0
        for first in range(0, looks, stretch):
            part = slice(first, min(first + stretch, looks))
            toggles += self._look(betas[part.start * every : part.stop * every], every, posed, part, record, tally)
        return toggles

    def _look(self, betas: NDArray, every: int, posed: NDArray, part: slice, record: Record, tally: NDArray) -> int:
        """Sweep, with the looks `part` of a record."""
        model, looks = record.model, part.stop - part.start
        assert isinstance(model, IsingModel), "_posed_bonds() lets through only Ising models"
        draws = np.empty((0, model.n), dtype=np.int8) if record.draws is None else record.draws[0, part]
        magnitude = abs(model.csr.data[0])
        fewest = _NEVER
        if record.best_energy < np.inf:
            fewest = round(((record.best_energy - model.offset) / magnitude + model.n_couplings) / 2)
        unsatisfied = np.zeros(looks, dtype=np.int64)
        toggles = self._sweep(betas, every, posed, unsatisfied, fewest, draws, tally)
        record.energies[0, part] = model.offset - magnitude * (model.n_couplings - 2.0 * unsatisfied)
        if unsatisfied.min() < fewest:
            record.best_energy = float(record.energies[0, part].min())
            self._best_is_new = True
        if record.site_sums is not None and record.edge_sums is not None:
            self._add_sums(record.site_sums, record.edge_sums, tally, looks)
        return toggles

    def settle(self, record: Record) -> None:
        if self._best_is_new:
            lattice.unpack(record.best_state, self._best, self._cut.box)
            self._best_is_new = False

    def _counters(self, positions: int) -> NDArray[np.uint64]:
        """Counters of one stretch of looks, all zero."""
        return aligned((positions, 1 + len(self._cut.shape), lattice.COUNTED, 8), np.uint64)

    def _add_sums(self, site_sums: NDArray, edge_sums: NDArray, tally: NDArray, looks: int) -> None:
        cut, csr = self._cut, self._model.csr
        counts = np.empty(self._model.n, dtype=np.uint8)
        lattice.take_counts(counts, tally, 0, cut.box)
        lattice.add_site_sums(site_sums, counts, looks)
        for axis, (stride, side) in enumerate(zip(cut.strides, cut.shape)):
            lattice.take_counts(counts, tally, 1 + axis, cut.box)
            lattice.add_edge_sums(edge_sums, counts, looks, csr.indptr, csr.indices, stride, side)

    def _sweep(
        self,
        betas: NDArray,
        every: int,
        posed: NDArray,
        unsatisfied: NDArray,
        fewest: int,
        draws: NDArray,
        tally: NDArray,
    ) -> int:
        kernel = lattice.sweep_square if len(self._cut.shape) == 2 else lattice.sweep_cubic
        bits = self._options.threshold_bits
        metropolis = self._options.rule == "metropolis"
        levels = 2.0 * np.arange(1, len(self._cut.shape) + 1) * abs(self._model.csr.data[0])
        limits = thresholds(betas.ravel(), levels, bits, metropolis)
        workers = min(self.threads, self._domains) if self._model.n * len(limits) >= _WORTH_A_TEAM else 1
        arrivals = np.zeros(1, dtype=np.int64)

        def work(worker: int) -> int:
            return kernel(
                self._spins, self._bonds, self._cut.box, limits, bits, metropolis, self._streams, every, posed,
                unsatisfied, fewest, self._best, draws, tally, arrivals, workers, worker,
            )  # fmt: skip

        if workers == 1:
            return work(0)
        try:
            helped = [self._helpers.submit(work, worker) for worker in range(1, workers)]
            return work(0) + sum(part.result() for part in helped)
        finally:
            # Where an interrupt came between, nobody is to wait for workers that never come.
            arrivals[0] = _ALL_ARRIVED

    def _posed_bonds(self, model: EnergyModel) -> NDArray | None:
        """The bonds of a model whose energies are noted; None where they cannot be counted."""
        if model is self._model:
            return self._bonds
        if self._posed is None or self._posed[0] is not model:
            if not isinstance(model, IsingModel) or not self._is_alike(model):
                return None
            self._posed = (model, self._packed_bonds(model))
        return self._posed[1]

    def _is_alike(self, model: IsingModel) -> bool:
        """Whether a model has this lattice, couplings of one magnitude and no fields."""
        alike = model is self._model or np.array_equal(model.csr.indices, self._model.csr.indices)
        return alike and not model.h.any() and lattice.have_one_magnitude(model.csr.data)

    def _packed_bonds(self, model: IsingModel) -> NDArray[np.uint64]:
        cut, csr = self._cut, model.csr
        bonds = aligned((len(cut.shape), cut.cells, 8), np.uint64)
        negative = np.empty(model.n, dtype=np.uint8)
        for axis, side in enumerate(cut.shape):
            lattice.negative_bonds(negative, csr.indptr, csr.indices, csr.data, cut.strides[axis], side)
            lattice.pack(bonds[axis], negative, cut.box)
        return bonds


def thresholds(betas: NDArray, fields: NDArray, bits: int, metropolis: bool) -> NDArray[np.uint64]:
    """Probabilities to go against fields |f|, σ(−2β|f|) or e^(−2β|f|), in units of 2^−bits and below 1.

    The result has shape (steps, fields).

    Examples
    --------
    >>> thresholds(np.array([0.0, 0.5, np.inf]), np.array([2.0]), 16, metropolis=False).ravel()
    array([32768,  7812,     0], dtype=uint64)
    """
    lost = np.exp(-2.0 * np.outer(betas, fields))
    probability = lost if metropolis else lost / (1.0 + lost)
    return np.minimum(np.rint(np.ldexp(probability, bits)), 2.0**bits - 1).astype(np.uint64)
