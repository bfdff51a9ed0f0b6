"""All-to-all models: sums over sites kept up to date, a row of couplings added when a spin changes."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import dense
from pbits.kernels.simd import aligned
from pbits.models import EnergyModel, IsingModel
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.fields import largest_field
from pbits.sweeps.scan import Scan

MAX_BYTES = 2_000_000_000
MAX_INPUT_ERROR = 1e-4
ROWS_AT_ONCE = 256
KEPT_NUMBERS = 4_000_000
LEADING = 8191
"""Largest number in `high` of 16 bits: four of them make one of 16 bits."""
SHORT = 31
"""And of 8 bits."""
FEW_SITES = 512
"""Up to here all rows stay near the processor, and a second digit costs little."""
FLOATS = (1e-20, 1e20)
"""Largest fields of a model whose thresholds float32 holds with room to spare, at any β."""
FAR = 1e12
ALWAYS_CLOSE = 1e33
NO_DRAWS = np.zeros((0, 0, 0), dtype=np.int8)


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """The couplings as the kernel holds them: J = unit·(high + fine·low), as in `Couplings`.

    Attributes
    ----------
    high : (n + 1, columns)
    low : (digits, n + 1, columns)
    unit, fine : float
    slack : (n,)
        The most that `low` can add to Σ_j high_ij x_j.
    low_total : int
        Σ_ij low_ij.
    error : float
        max_i Σ_j |J_ij − held|.
    """

    high: NDArray[np.integer]
    low: NDArray[np.integer]
    unit: float
    fine: float
    slack: NDArray[np.float64]
    low_total: int
    error: float


class DenseEngine(Engine):
    """Chains of an all-to-all Ising model, equal draw for draw to the counter-based layout.

    Couplings are integers of 8 or 16 bits where they are whole multiples of the smallest, and else fixed-point
    numbers of 30 bits. A decision is made from the leading 8 or 14 bits where these suffice, and from all elsewhere.
    """

    BLOCK = 16

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        self._random = scan.ends is None
        self._metropolis = options.rule == "metropolis"
        self._sites = scan.sites.astype(np.uint64)
        # The kernel numbers the sites in the order in which they move.
        self._order = _order(len(states), scan)
        self._gains = np.ones(len(states)) if scan.gains is None else scan.gains
        self._key = tuple(np.uint64(word) for word in (*key.thermal, *key.site))
        self._chain0 = chain0
        self._spins = aligned((states.shape[1], _columns(len(states))), np.int8)
        self._spins[:] = -1
        self._spins[:, : len(states)] = states[self._order].T
        looks = dense.WAITING + 1
        self._waiting = dense.Waiting(
            spins=aligned((looks, self._spins.shape[1]), np.int8),
            agreement=aligned((looks, self._spins.shape[1]), np.int8), changed=np.zeros(len(states), dtype=np.uint64),
            low_change=np.zeros(looks, dtype=np.int64), pairs=np.zeros(looks, dtype=np.int64), fields=np.zeros(looks),
        )  # fmt: skip
        self._program(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        if not isinstance(model, IsingModel):
            return [f"it sweeps an IsingModel; this is a {type(model).__name__}"]
        reasons = []
        if scan.persistence:
            reasons.append("it knows no persistence")
        if not scan.independent:
            reasons.append("it moves one site at a time, and the sites of a phase are coupled")
        if scan.gains is not None and (scan.gains < 0).any():
            reasons.append("it knows no negative gains")
        if len(np.unique(scan.sites)) < len(scan.sites):
            reasons.append("it moves a site once a step, and its scan names some twice")
        size = 4 * model.n**2
        if size > MAX_BYTES:
            reasons.append(
                f"{model.n} sites, all to all, take {size / 1e9:.1f} GB; it holds {MAX_BYTES / 1e9:g} GB of couplings"
            )
        largest = largest_field(model, scan.gains)
        if largest and not FLOATS[0] <= largest <= FLOATS[1]:
            reasons.append(
                f"its float32 thresholds are for largest fields of {FLOATS[0]:g} to {FLOATS[1]:g}, not {largest:.3g}; "
                "scale the model, and β the other way"
            )
        if reasons:
            return reasons
        steepest = beta * (1.0 if scan.gains is None else float(scan.gains.max()))
        error = 2 * steepest * fixed_point(model, _order(model.n, scan)).error
        if error <= MAX_INPUT_ERROR:
            return []
        return [
            f"its couplings, rounded to 2⁻³⁰ of the largest, change 2βI by up to {error:.1g} at β = {beta:g}; "
            f"{MAX_INPUT_ERROR:g} is allowed"
        ]

    @classmethod
    def describe(cls, options: Options) -> str:
        return (
            "all-to-all, sums kept up to date as integers, couplings exact or rounded to 2^-30 of the largest, "
            "counter-based 32-bit decisions"
        )

    def hold(self, model: EnergyModel) -> None:
        if model is not self._model:
            self._program(model)

    def _program(self, model: EnergyModel) -> None:
        assert isinstance(model, IsingModel), "refusals() lets through only Ising models"
        fixed = fixed_point(model, self._order)
        h, gains = model.h[self._order], self._gains[self._order]
        unit = fixed.unit
        self._model = model
        self._couplings = dense.Couplings(
            high=fixed.high, low=fixed.low, totals=fixed.high[: model.n].sum(axis=1, dtype=np.int64),
            h=_padded(h, np.float64), gains=_padded(gains, np.float64), unit=unit, fine=fixed.fine,
        )  # fmt: skip
        with np.errstate(divide="ignore", over="ignore"):
            base = (self._couplings.totals - h / unit) / 2
            slope = 1 / (4 * unit * gains)
        slack = fixed.slack * (1 + 1e-6) + dense.ROUNDING * np.abs(base)
        # Fields which float32 does not tell apart from a threshold, and slopes which it does not hold (no gain, or
        # couplings very weak beside a field): all decisions in double precision.
        slack[(np.abs(base) > FAR) | (slope > dense.FLAT)] = ALWAYS_CLOSE
        self._levels = dense.Levels(
            base=_padded(np.clip(base, -FAR, FAR), np.float32),
            slope=_padded(np.minimum(slope, dense.FLAT), np.float32),
            slack=_padded(slack, np.float32),
        )
        short = fixed.high.dtype == np.int8
        self._chains = dense.Chains(
            spins=self._spins,
            sums=aligned(self._spins.shape, np.int16 if short else np.int32),
            looked=np.full_like(self._spins, -1),
            low_pairs=np.full(len(self._spins), fixed.low_total),
        )
        for c in range(len(self._spins)):
            dense.sum_up(self._chains.sums, c, fixed.high, self._spins)

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        looks = dense.Looks(
            energies=np.empty((len(self._spins), 0)), draws=NO_DRAWS, best_energy=np.empty(1),
            best_state=np.empty(0, dtype=np.int8),
        )  # fmt: skip
        return self._sweep(betas, step0, len(betas) + 1, looks)

    def _sweep(self, betas: NDArray[np.float64], step0: int, every: int, looks: dense.Looks) -> int:
        betas = betas[:, None] if betas.ndim == 1 else betas
        betas = np.ascontiguousarray(np.broadcast_to(betas, (len(betas), len(self._spins))))
        return dense.sweep(
            self._couplings, self._levels, self._sites, self._chains, self._waiting, betas, self._random,
            self._metropolis, self._key, self._chain0, step0, every, self._model.offset, looks,
        )  # fmt: skip

    def states(self) -> NDArray[np.int8]:
        return self._as_posed(self._spins[:, : self._model.n])

    def load(self, states: NDArray) -> None:
        self._spins[:, : self._model.n] = states[:, self._order]
        self._program(self._model)

    def _as_posed(self, states: NDArray[np.int8]) -> NDArray[np.int8]:
        """States with their sites in the order of the model."""
        posed = np.empty_like(states)
        posed[..., self._order] = states
        return posed

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        if record.model is not self._model:
            return super().sweep(betas, step0, every, record)
        n, chains = self._model.n, len(self._spins)
        keep = record.draws is not None or record.site_sums is not None
        looks = len(betas) // every
        stretch = max(1, min(looks, KEPT_NUMBERS // (n * chains))) if keep else looks
        toggles = 0
        for first in range(0, looks, stretch):
            count = min(stretch, looks - first)
            noted = dense.Looks(
                energies=np.empty((chains, count)),
                draws=np.empty((chains, count, n), dtype=np.int8) if keep else NO_DRAWS,
                best_energy=np.array([record.best_energy]),
                best_state=np.empty(n, dtype=np.int8),
            )
            start, stop = first * every, (first + count) * every
            toggles += self._sweep(betas[start:stop], step0 + start, every, noted)
            record.energies[:, first : first + count] = noted.energies
            if noted.best_energy[0] < record.best_energy:
                record.best_energy = float(noted.best_energy[0])
                record.best_state[:] = self._as_posed(noted.best_state)
            if keep:
                draws = self._as_posed(noted.draws)
                if record.draws is not None:
                    record.draws[:, first : first + count] = draws
                if record.site_sums is not None:
                    self._add_sums(record, draws.reshape(-1, n))
        return toggles

    def _add_sums(self, record: Record, draws: NDArray[np.int8]) -> None:
        assert record.site_sums is not None
        assert record.edge_sums is not None
        record.site_sums += draws.sum(axis=0, dtype=np.int64)
        i, j, _ = self._model.edges()
        wide = draws.astype(np.float32)  # whole numbers below 2²⁴, so the sums are exact
        record.edge_sums += (wide.T @ wide)[i, j].astype(np.int64)


def _order(n: int, scan: Scan) -> NDArray[np.int64]:
    """The sites that move, in the order in which they do, and then the others."""
    return np.concatenate([scan.sites, np.setdiff1d(np.arange(n), scan.sites)])


def _columns(n: int) -> int:
    """Length of a padded row: whole cache lines, and a vector from the last site on does not leave it."""
    return -(-(n + 15) // 64) * 64


def _padded(values: NDArray, dtype: type) -> NDArray:
    array = aligned(_columns(len(values)), dtype)
    array[: len(values)] = values
    return array


_HELD: WeakKeyDictionary[IsingModel, dict[bytes, FixedPoint]] = WeakKeyDictionary()
_HELD_LOCK = Lock()


def fixed_point(model: IsingModel, order: NDArray[np.int64]) -> FixedPoint:
    """The couplings of a model in fixed point, its sites reordered; made once for all blocks of chains."""
    with _HELD_LOCK:
        held = _HELD.setdefault(model, {})
        if order.tobytes() not in held:
            held.clear()
            held[order.tobytes()] = _fixed_point(model, order)
        return held[order.tobytes()]


def _leading(model: IsingModel) -> tuple[float, type, bool]:
    """Unit and type of `high`, and whether all couplings are whole multiples of the unit."""
    sizes = np.abs(model.csr.data)
    if not len(sizes):
        return 1.0, np.int8, True
    smallest, largest = float(sizes.min()), float(sizes.max())
    if largest <= LEADING * smallest:
        multiples = sizes / smallest
        whole = np.rint(multiples)
        # A coupling such as 3/7 is a multiple of 1/7 up to the rounding of both.
        if (np.abs(multiples - whole) <= 4e-16 * multiples).all():
            row_sums = np.diff(np.append(0, np.cumsum(whole))[model.csr.indptr])
            short = whole.max() <= SHORT and row_sums.max() <= np.iinfo(np.int16).max
            return smallest, np.int8 if short else np.int16, True
    return max(largest / LEADING, np.finfo(float).tiny), np.int16, False


def _fixed_point(model: IsingModel, order: NDArray[np.int64]) -> FixedPoint:
    unit, dtype, exact = _leading(model)
    n, columns = model.n, _columns(model.n)
    high = aligned((n + 1, columns), dtype)
    digits = 0 if exact else 2 if n <= FEW_SITES else 1
    low = aligned((digits, n + 1, columns), np.int16)
    slack, error, low_total = np.zeros(n), 0.0, 0
    for start in range(0, n, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, n))
        part = model.J[order[rows]]
        scaled = (part if isinstance(part, np.ndarray) else part.toarray())[:, order] / unit
        whole = np.rint(scaled)
        high[rows, :n] = whole
        if not exact:
            rest = scaled - whole
            slack[rows] = np.abs(rest).sum(axis=1) / 2
            for digit in range(digits):
                rest *= dense.BASE
                whole = np.rint(rest)
                low[digit, rows, :n] = whole
                low_total += int(whole.sum()) * dense.BASE ** (digits - 1 - digit)
                rest -= whole
            error = max(error, unit * float(np.abs(rest).sum(axis=1).max()) / dense.BASE**digits)
    return FixedPoint(
        high=high, low=low, unit=unit, fine=float(dense.BASE) ** -digits, slack=slack, low_total=low_total, error=error
    )
