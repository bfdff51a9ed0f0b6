"""Chains of permutations, one after another, each decision by decision."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import permutation as kernels
from pbits.models import Distances, EnergyModel, PermutationModel
from pbits.models.distances import METRICS
from pbits.moves import Moves
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.scan import Scan

_CODES = {"swap": kernels.SWAP, "reverse": kernels.REVERSE, "insert": kernels.INSERT}
# Distances of so many places are looked up, 2 MB; of more they are computed from coordinates, which stay in the cache.
_LOOKED_UP = 512
_GLOBE = "GEO"
_CURVE_BITS = 16


class _Places(NamedTuple):
    """Distances as kernels read them: items are numbered along a curve that fills the plane, so that near ones lie near
    in memory too.
    """

    metric: int
    matrix: NDArray[np.float64]
    points: NDArray[np.float64]
    items: NDArray[np.int32]
    """Of each number, the item of the model."""
    near: dict[int, NDArray[np.int32]]


class PermutationEngine(Engine):
    """Tours and assignments by moves that a p-bit decides on: σ(−βΔE), or Metropolis' rule in anneals.

    Every decision takes the words of its own counter (decision, step, chain), so draws depend on neither blocks nor
    threads. Energies are kept up to date move by move, in float64, and summed anew when states are put in and when they
    have fallen far.
    """

    BLOCK = 8

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        assert isinstance(model, PermutationModel), "refusals() lets through only permutations"
        self._model = model
        self._key = key.thermal
        self._chain0 = chain0
        self._metropolis = options.rule == "metropolis"
        moves = options.moves or Moves()
        self._reach, self._tile = moves.reach or 0, moves.tile or 0
        usual = ("swap",) if model.kind == "assignment" else ("reverse", "insert")
        self._kinds = np.array([_CODES[kind] for kind in moves.kinds or usual], dtype=np.int64)
        self._neighbours = moves.neighbours
        self._counted = np.zeros(2, dtype=np.int64)
        self.load(states.T)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        if not isinstance(model, PermutationModel):
            return [f"it moves permutations; this is a {type(model).__name__}"]
        return refused_moves(model, options.moves)

    @classmethod
    def describe(cls, options: Options) -> str:
        return "one chain after another, float64 energies kept up to date, counter-based 32-bit decisions"

    @property
    def counted(self) -> dict[str, int]:
        """Distances and flows read, and slots rewritten."""
        return {"weight_read": int(self._counted[0]), "reversal_step": int(self._counted[1])}

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, PermutationModel), "a machine of permutations is programmed with permutations"
        states = self.states()
        self._model = model
        self.load(states)

    def load(self, states: NDArray) -> None:
        self._energies = self._model.energy(states)
        self._peaks = np.abs(self._energies)
        held = np.ascontiguousarray(states, dtype=np.int32)
        if self._model.kind == "tour":
            places = places_of(self._model.distances)
            numbers = np.empty(self._model.n, dtype=np.int32)
            numbers[places.items] = np.arange(self._model.n, dtype=np.int32)
            held = numbers[held]
        self._states = held.copy()
        self._where = np.argsort(self._states, axis=1).astype(np.int32)

    def states(self) -> NDArray:
        return self._named(self._states)

    def _named(self, states: NDArray) -> NDArray:
        """Items of the model for their numbers."""
        return places_of(self._model.distances).items[states] if self._model.kind == "tour" else states.copy()

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        nothing = np.empty((len(self._states), 0))
        return self._move(betas, step0, 0, nothing, np.array([-np.inf]), self._states[0].copy())

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        if record.model is not self._model:
            return super().sweep(betas, step0, every, record)
        lowest, best = np.array([record.best_energy]), self._states[0].copy()
        accepted = 0
        # Draws are taken from outside; without them all looks are one call.
        looks = len(betas) // every
        stretch = looks if record.draws is None else 1
        for look in range(0, looks, stretch):
            part, first = slice(look * every, (look + stretch) * every), step0 + look * every
            noted = np.empty((len(self._states), stretch))
            accepted += self._move(betas[part], first, every, noted, lowest, best)
            record.energies[:, look : look + stretch] = noted
            if record.draws is not None:
                record.draws[:, look] = self.states()
        if lowest[0] < record.best_energy:
            record.best_energy = float(lowest[0])
            record.best_state[:] = self._named(best)
        return accepted

    def _move(
        self,
        betas: NDArray[np.float64],
        step0: int,
        every: int,
        noted: NDArray[np.float64],
        lowest: NDArray[np.float64],
        best: NDArray[np.int32],
    ) -> int:
        hot = np.array(betas if betas.ndim == 2 else betas[:, None])
        run = (hot, self._metropolis, *self._key, self._chain0, step0, every, noted, lowest, best, self._counted)
        model = self._model
        kept = self._energies, self._peaks, model.offset
        if model.kind == "assignment":
            assert model.flows is not None, "an assignment has flows"
            assert model.costs is not None, "and costs"
            held = model.flows.copy(), model.distances.to_matrix().copy(), model.costs.copy()
            return kernels.swapped_assignments(*held, self._states, *kept, self._reach, *run)
        places = places_of(model.distances)
        tours = (self._states, self._where, *kept, self._kinds, self._reach, self._tile)
        if self._neighbours is None:
            return kernels.sampled_tours(*places[:3], *tours, *run)
        return kernels.annealed_tours(*places[:3], near_of(model.distances, self._neighbours), *tours, *run)


def refused_moves(model: PermutationModel, moves: Moves | None) -> list[str]:
    """Why moves do not fit a model; empty where they do."""
    reasons: list[str] = []
    if moves is None:
        return reasons
    if model.kind == "assignment":
        if set(moves.kinds or ()) - {"swap"}:
            reasons.append(f"an assignment moves by swaps; moves names {', '.join(moves.kinds or ())}")
        if moves.neighbours is not None or moves.tile is not None:
            reasons.append("neighbours and tiles are those of tours; leave them out for an assignment")
    elif moves.neighbours is not None and "swap" in (moves.kinds or ()):
        reasons.append("moves to near neighbours are reversals and insertions; leave swap out")
    if moves.tile is not None and not 4 <= moves.tile <= model.n:
        reasons.append(f"a tile of {moves.tile} slots; expected 4 to {model.n}: two ends that stand, and two that move")
    return reasons


_prepared: WeakKeyDictionary[Distances, _Places] = WeakKeyDictionary()


def places_of(distances: Distances) -> _Places:
    """The distances as kernels read them, prepared once for all chains and runs."""
    if distances not in _prepared:
        _prepared[distances] = _prepare(distances)
    return _prepared[distances]


def near_of(distances: Distances, k: int) -> NDArray[np.int32]:
    """Numbers of the nearest places of each, by number."""
    places = places_of(distances)
    if k not in places.near:
        numbers = np.empty(distances.n, dtype=np.int32)
        numbers[places.items] = np.arange(distances.n, dtype=np.int32)
        places.near[k] = numbers[distances.neighbours(k)[places.items]]
    return places.near[k]


def _prepare(distances: Distances) -> _Places:
    items = np.arange(distances.n, dtype=np.int32)
    if distances.coordinates is None or distances.n <= _LOOKED_UP or distances.metric == _GLOBE:
        return _Places(0, distances.to_matrix().copy(), np.zeros((1, 2)), items, {})
    items = along_a_curve(distances.coordinates).astype(np.int32)
    points = distances.coordinates[items]
    return _Places(METRICS.index(distances.metric), np.zeros((1, 1)), points, items, {})


def along_a_curve(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Points of the plane, (n, 2), in the order of a Hilbert curve on a grid of 2¹⁶ × 2¹⁶ cells."""
    corner = points.min(axis=0)
    span = float((points.max(axis=0) - corner).max()) or 1.0
    x, y = ((points - corner) / span * ((1 << _CURVE_BITS) - 1)).astype(np.int64).T
    along = np.zeros(len(points), dtype=np.int64)
    for bit in reversed(range(_CURVE_BITS)):
        half = 1 << bit
        right, up = (x & half) > 0, (y & half) > 0
        along += half * half * ((3 * right) ^ up)
        x, y = x & (half - 1), y & (half - 1)
        # The lower quadrants hold the curve turned over, the right one of them back to front as well.
        mirrored = right & ~up
        x, y = np.where(mirrored, half - 1 - x, x), np.where(mirrored, half - 1 - y, y)
        x, y = np.where(up, x, y), np.where(up, y, x)
    return np.argsort(along, kind="stable")
