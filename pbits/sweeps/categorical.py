"""Chains of categorical models side by side."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import categorical
from pbits.models import CategoricalModel, EnergyModel
from pbits.sweeps.columns import ColumnsEngine
from pbits.sweeps.engine import Options
from pbits.sweeps.scan import Scan

# Weights that are whole multiples of one unit up to rounding.
_ROUNDING = 1e-12
_MOST = np.iinfo(np.int16).max
# A row of a table is filled up to whole vectors of doubles.
_LANES = 8


class CategoricalEngine(ColumnsEngine):
    """p-dits by the heat bath over all categories of a site, in any order of sites.

    Tables of Potts type, whole multiples of one unit where two categories agree (Sudoku, colouring), are counted in
    int16; any others are added up row by row. A random scan always adds up.
    """

    _posed: CategoricalModel | None = None
    _potts: PottsForm | None = None

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        reasons = cls.refused_scans(scan)
        if not isinstance(model, CategoricalModel):
            reasons.append(f"it sweeps a CategoricalModel; this is a {type(model).__name__}")
        if options.rule != "heat-bath":
            reasons.append("it knows only the heat bath")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return "chains side by side, float64 energies, counter-based 32-bit decisions"

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, CategoricalModel), "refusals() lets through only categorical models"
        counted = None if self._scan.ends is None else counted_neighbours(model)
        if counted is not None:
            self._sweeps, neighbours = categorical.potts_sweeps, counted
        else:
            self._sweeps = categorical.random_sweeps if self._scan.ends is None else categorical.table_sweeps
            neighbours = tabled_neighbours(model)
        self._held = (model.n_states, *neighbours, model.unary_flat, model.unary_starts)

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        site_key = self._key.site if self._scan.ends is None else ()
        return self._sweeps(
            self._columns, self._chains, self._sites, *self._held, self._per_column(betas), *self._key.thermal,
            *site_key, self._chain0, step0,
        )  # fmt: skip

    def _energies(self, model: EnergyModel) -> NDArray[np.float64]:
        assert isinstance(model, CategoricalModel)
        if model is not self._posed:
            self._posed, self._potts = model, potts_form(model)
        energies = np.full(self._columns.shape[1], model.offset)
        if self._potts is not None:
            energies += self._potts.rest.sum()
            categorical.add_potts(energies, self._columns, model.pairs, self._potts.weights)
        else:
            categorical.add_tables(
                energies, self._columns, model.pairs, model.n_states, model.tables_flat, model.table_starts
            )
        categorical.add_unary(energies, self._columns, model.unary_flat, model.unary_starts)
        return energies


class PottsForm(NamedTuple):
    """Tables of the form T_ij[a, b] = rest_ij + w_ij [a = b]; both of shape (m,)."""

    weights: NDArray[np.float64]
    rest: NDArray[np.float64]


# Models never change, and short runs of one model would spend most of their time on finding its form.
_forms: WeakKeyDictionary[CategoricalModel, PottsForm | None] = WeakKeyDictionary()


def potts_form(model: CategoricalModel) -> PottsForm | None:
    """The tables of a model as weights of equality, or None where one of them has another form."""
    if model not in _forms:
        _forms[model] = _potts_form(model)
    return _forms[model]


def _potts_form(model: CategoricalModel) -> PottsForm | None:
    begin = model.table_starts[:-1]
    rest = model.tables_flat[begin + 1]
    weights = model.tables_flat[begin] - rest
    sizes = np.diff(model.table_starts)
    row, column = np.divmod(
        np.arange(len(model.tables_flat)) - np.repeat(begin, sizes), np.repeat(model.n_states[model.pairs[:, 1]], sizes)
    )
    agreed, otherwise = np.repeat(model.tables_flat[begin], sizes), np.repeat(rest, sizes)
    potts = np.array_equal(model.tables_flat, np.where(row == column, agreed, otherwise))
    return PottsForm(weights, rest) if potts else None


def counted_neighbours(
    model: CategoricalModel,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int16], float] | None:
    """Neighbours and whole multiples of one unit, as `categorical.potts_sweeps` reads them, or None.

    None where a table is not of Potts type, or weights have no common unit that keeps Σ_j |k_ij| in int16. The rests
    are left out: they add the same to every category.
    """
    potts = potts_form(model)
    if potts is None:
        return None
    sizes = np.abs(potts.weights)
    unit = float(sizes[sizes > 0].min()) if sizes.any() else 1.0
    multiples = np.rint(potts.weights / unit)
    if (np.abs(multiples * unit - potts.weights) > _ROUNDING * sizes).any():
        return None
    site, other, pair = _both_ways(model)
    if np.bincount(site, np.abs(multiples[pair]), model.n).max() > _MOST:
        return None
    # Filled up to a multiple of four by the site itself, zero times.
    found = np.bincount(site, minlength=model.n)
    places = -(-found // 4) * 4
    starts = np.concatenate([[0], np.cumsum(places)])
    slot = np.arange(len(site)) + np.repeat(starts[:-1] - np.cumsum(found) + found, found)
    others, counted = np.repeat(np.arange(model.n), places), np.zeros(starts[-1], dtype=np.int16)
    others[slot], counted[slot] = other, multiples[pair]
    return starts, others, counted, unit


def tabled_neighbours(
    model: CategoricalModel,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Neighbours and tables, as `categorical.table_sweeps` reads them; like tables are kept once."""
    site, other, pair = _both_ways(model)
    tables = model.tables
    found: dict[tuple[tuple[int, ...], bytes], int] = {}
    kept, length = [np.zeros(0)], 0
    blocks = np.empty(len(site), dtype=np.int64)
    for place, (own, edge) in enumerate(zip(site.tolist(), pair.tolist())):
        seen = tables[edge].T if model.pairs[edge, 0] == own else tables[edge]
        name = seen.shape, seen.tobytes()
        if name not in found:
            found[name] = length
            kept.append(np.pad(seen, ((0, 0), (0, -seen.shape[1] % _LANES))).ravel())
            length += kept[-1].size
        blocks[place] = found[name]
    starts = np.concatenate([[0], np.cumsum(np.bincount(site, minlength=model.n))])
    return starts, other, blocks, np.concatenate(kept)


def _both_ways(model: CategoricalModel) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Each pair from both sides, by rising site: the site, its neighbour, and the number of the pair."""
    first, second = model.pairs.T
    site, other = np.concatenate([first, second]), np.concatenate([second, first])
    by_site = np.argsort(site, kind="stable")
    return site[by_site], other[by_site], np.tile(np.arange(len(first)), 2)[by_site]
