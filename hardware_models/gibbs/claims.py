"""Where do 10,000× come from? The published energy of a denoising machine, and what it was divided by.

The claim of arXiv:2510.23972 is a ratio of joules per sample: those of a variational auto-encoder on a GPU over
E = T·K·L²·E_cell, T layers of L × L cells swept K times. `Claim` has every assumption as a field, `numbers` what is
known of each, and `swaps` and `stairs` put others in their place, one by one and one after another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Integral
from types import MappingProxyType

import numpy as np

from hardware_models import CATALOGUE
from hardware_models.gibbs.array import from_spec
from hardware_models.gibbs.cell import Cell, Quantity, check_quantity
from pbits.mapping import Grid
from pbits.parameters import Evidence, Figure, Parameter, read_machine

_PAPER, _THRML, _REPLICATION = "jelincic2025dtm", "extropic-thrml", "dtm-replication"
_COLOURS = 2


def _chosen(value: int, source: str, locator: str, note: str) -> Parameter:
    """A number that a design sets, and that has no range."""
    return Parameter(
        value=value, unit="1", low=value, high=value, evidence=Evidence.VENDOR_CLAIM, source=source, locator=locator,
        note=note,
    )  # fmt: skip


def _weak(joules: float, high: float | None, note: str) -> Parameter:
    return Parameter(
        value=joules, unit="J", low=None if high is None else joules, high=high, evidence=Evidence.ASSUMED,
        source=_PAPER,
        note=f"{note}; mantissa seen only in a withdrawn transcript of the paper, exponent from memory",
    )  # fmt: skip


_METERED = "per sample on an A100 without its host"
_COUNTED = "per sample, its FLOP at the peak of a GPU"

_STATED: Mapping[str, Parameter] = MappingProxyType(
    {
        "layers": _chosen(8, _REPLICATION, "fig. 5b", "T of the run whose images have FID 27 to 29"),
        "side": _chosen(70, _PAPER, "", "L"),
        "sweeps": _chosen(250, _PAPER, "", "K, as the published energy counts"),
        "sweeps of the replication": _chosen(
            800, _REPLICATION, "inference", "K at which the images were made whose FID is known"
        ),
        "data cells": _chosen(884, _REPLICATION, "train_and_plot_fig5b.py", "784 of the image and 100 of the label"),
        "update, later text": Parameter(
            value=13e-15, unit="J", evidence=Evidence.VENDOR_CLAIM, source="extropic2026thermalizers",
            note="a later text of the maker, by the same citing sources; which text was not recorded",
        ),
        "auto-encoder of FID 30.5, metered": _weak(6.1e-5, None, _METERED),
        "auto-encoder of FID 27.4, metered": _weak(1.3e-4, 1.5e-4, _METERED),
        "auto-encoder of FID 17.9, metered": _weak(2.5e-3, None, _METERED),
        "auto-encoder of FID 27.4, counted": _weak(0.4e-4, None, _COUNTED),
        "updates a second of thrml on 8 B200": Parameter(
            value=186e9, unit="1/s", evidence=Evidence.VENDOR_CLAIM, source=_THRML, locator="examples/fps.png",
            note="the maker's own run on Pegasus graphs, read off a plot",
        ),
        "watts of 8 B200": Parameter(
            value=8000, unit="W", evidence=Evidence.ASSUMED, note="1 kW each, from memory, without their hosts"
        ),
    }
)  # fmt: skip

# Numbers of machines in the catalogue: which, and where in its file.
_CATALOGUED = {
    "update, appendix": ("extropic-dtca-g12", "update"),
    "update, main text": ("extropic-dtca-g12-2fj", "update"),
    "update, Z1": ("extropic-z1", "update"),
    "read of a cell, Z1": ("extropic-z1", "read"),
    "write of a cell, Z1": ("extropic-z1", "write"),
    "idle board, KV260": ("fpga-kv260", "power.idle"),
}
_PARAMETERS = {
    "phase": ("extropic-dtca-g12", "phase_time", "s"),
    "phase, Z1": ("extropic-z1", "phase_time", "s"),
    "frame, Z1": ("extropic-z1", "read_time", "s"),
    "rewriting, Z1": ("extropic-z1", "program_time", "s"),
    "updates a second of a V100": ("gpu-v100-sxm2", "published_updates_per_s", "1/s"),
    "watts of a V100": ("gpu-v100-sxm2", "tdp", "W"),
}


@lru_cache(maxsize=1)
def numbers() -> Mapping[str, Parameter]:
    """Every number that the claim, its swaps and its stairs use, by name, with its evidence."""
    found = dict(_STATED)
    for name, (machine, item) in _CATALOGUED.items():
        prices = read_machine(CATALOGUE / f"{machine}.toml").prices
        price = None if prices is None else prices.items()[item]
        assert isinstance(price, Parameter), "these files state these prices by themselves"
        found[name] = price
    for name, (machine, key, unit) in _PARAMETERS.items():
        found[name] = read_machine(CATALOGUE / f"{machine}.toml").parameter(key, unit)
    return MappingProxyType(found)


# Of a claim: the unit of each quantity, and which are left out at 0.
_UNITS = {
    "rival_joules": "J", "update_joules": "J", "layers": "1", "side": "1", "sweeps": "1", "phase_s": "s",
    "start_joules": "J", "read_joules": "J", "read_s": "s", "data_cells": "1", "write_joules": "J", "program_s": "s",
    "overhead_w": "W",
}  # fmt: skip
_LEFT_OUT_AT_0 = frozenset(
    {"start_joules", "read_joules", "read_s", "data_cells", "write_joules", "program_s", "overhead_w"}
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Joules per sample of a rival over those of a denoising machine.

    Attributes
    ----------
    rival_joules : Quantity
        Per sample, of what the machine is compared with.
    update_joules : Quantity
        E_cell.
    layers, side, sweeps : Quantity
        T, L and K.
    phase_s : Quantity
        Δt of one of the two colour phases of a sweep.
    start_joules, read_joules : Quantity
        To start a cell in each layer, and to read a data cell after each.
    read_s : Quantity
        To read a frame of the array, with the data cells of all copies in it, after each layer. The array stands still
        meanwhile. States that are put in are taken to need no time.
    data_cells : Quantity
    write_joules, program_s : Quantity
        To write a cell with its weights, and seconds to write the array.
    samples_per_programming : float
        Samples that all copies make before the array is written for the next layer; infinite where each layer has an
        array that is written once and for all.
    side_by_side : int
        Copies of a layer on one chip.
    overhead_w : Quantity
        Of what serves the chip and is on as long as it works: its own standby, the board, the host.

    Raises
    ------
    ValueError
        For a quantity in another unit or not finite; for a rival, E_cell, T, L, K or Δt that is not positive, or
        another quantity below 0; for copies that are no whole number from 1, or samples per programming that are not
        positive.

    Examples
    --------
    >>> claim = published()
    >>> f"{claim.machine_joules.value:.3g} J, {claim.ratio.value:.3g}, {replace(claim, sweeps=800).ratio.value:.3g}"
    '1.27e-08 J, 1.02e+04, 3.19e+03'
    """

    rival_joules: Quantity
    update_joules: Quantity
    layers: Quantity
    side: Quantity
    sweeps: Quantity
    phase_s: Quantity
    start_joules: Quantity = 0.0
    read_joules: Quantity = 0.0
    read_s: Quantity = 0.0
    data_cells: Quantity = 0.0
    write_joules: Quantity = 0.0
    program_s: Quantity = 0.0
    samples_per_programming: float = math.inf
    side_by_side: int = 1
    overhead_w: Quantity = 0.0

    def __post_init__(self) -> None:
        for name, unit in _UNITS.items():
            check_quantity(name, getattr(self, name), unit, zero=name in _LEFT_OUT_AT_0)
        if not (isinstance(self.side_by_side, Integral) and self.side_by_side > 0):
            raise ValueError(f"side_by_side is {self.side_by_side}; it must be a whole number of copies, at least 1")
        if not self.samples_per_programming > 0:
            raise ValueError(f"samples_per_programming is {self.samples_per_programming}; it must be above 0")

    @property
    def updates(self) -> Figure:
        """T·K·L² of a sample."""
        return Figure.of(self.layers) * Figure.of(self.sweeps) * self._cells

    @property
    def device_time_s(self) -> Figure:
        """Seconds per sample, T·(2KΔt + a frame)/copies + T programmings/samples of one: copies share frames."""
        layers = Figure.of(self.layers)
        taken = layers * Figure.of(self.sweeps) * Figure.of(self.phase_s) * (_COLOURS / self.side_by_side)
        if self.read_s != 0:
            taken += layers * Figure.of(self.read_s) / self.side_by_side
        if self.program_s != 0:
            taken += layers * Figure.of(self.program_s) / self.samples_per_programming
        return taken

    @property
    def parts(self) -> dict[str, Figure]:
        """Joules per sample by what takes them."""
        layers = Figure.of(self.layers)
        written = self._cells * (self.side_by_side / self.samples_per_programming)
        return {
            "sampling": self.updates * Figure.of(self.update_joules),
            "start states": layers * self._cells * Figure.of(self.start_joules),
            "read-out": layers * Figure.of(self.data_cells) * Figure.of(self.read_joules),
            "programming": layers * written * Figure.of(self.write_joules),
            "overhead": self.device_time_s * Figure.of(self.overhead_w),
        }

    @property
    def machine_joules(self) -> Figure:
        """Per sample: the sum of `parts`, of which those that are left out say nothing of the evidence."""
        return sum((part for part in self.parts.values() if part.value != 0), Figure.of(0.0))

    @property
    def ratio(self) -> Figure:
        """What is claimed, rival over machine; its range is that of all numbers at their far ends."""
        return Figure.of(self.rival_joules) / self.machine_joules

    @property
    def break_even_w(self) -> float | None:
        """Watts of overhead at which machine and rival take the same joules; None where something is not stated."""
        rival, machine = Figure.of(self.rival_joules).value, replace(self, overhead_w=0.0).machine_joules.value
        seconds = self.device_time_s.value
        return None if rival is None or machine is None or seconds is None else (rival - machine) / seconds

    @property
    def _cells(self) -> Figure:
        return Figure.of(self.side) * Figure.of(self.side)


def published() -> Claim:
    """The claim as it was made: 8 layers, 250 sweeps and 1.3 fJ against an auto-encoder of about equal FID."""
    known = numbers()
    return Claim(
        rival_joules=known["auto-encoder of FID 27.4, metered"],
        update_joules=known["update, appendix"],
        layers=known["layers"],
        side=known["side"],
        sweeps=known["sweeps"],
        phase_s=known["phase"],
    )


def swaps(base: Claim) -> dict[str, Claim]:
    """One assumption changed at a time, by what was changed."""
    known, cell = numbers(), Cell.published()
    line = cell.line_joules(70)
    in_turn = {"write_joules": known["write of a cell, Z1"], "samples_per_programming": 1000}

    def on(gpu: str, watts: str) -> Figure:
        return base.updates * (Figure.of(known[watts]) / Figure.of(known[gpu]))

    return {
        "rival: thrml, the same updates on 8 B200": replace(
            base, rival_joules=on("updates a second of thrml on 8 B200", "watts of 8 B200")
        ),
        "rival: as many bit-packed updates on a V100": replace(
            base, rival_joules=on("updates a second of a V100", "watts of a V100")
        ),
        "rival: auto-encoder of FID 17.9": replace(base, rival_joules=known["auto-encoder of FID 17.9, metered"]),
        "cell: wires paid by toggles, at ½": replace(base, update_joules=cell.update_joules("G12", toggle=0.5).total),
        "line: start and read by the published formula": replace(
            base, start_joules=line, read_joules=line, data_cells=known["data cells"]
        ),
        "cell: 2 fJ, the paper's main text": replace(base, update_joules=known["update, main text"]),
        "K: a phase of one τ forgets 1 − 1/e": replace(base, sweeps=Figure.of(base.sweeps) / (1 - math.exp(-1))),
        "read: data cells of each layer, at Z1's price": replace(base, **_read_out(known)),
        "rival: auto-encoder of FID 30.5": replace(base, rival_joules=known["auto-encoder of FID 30.5, metered"]),
        "K: 800, as the images were made": replace(base, sweeps=known["sweeps of the replication"]),
        "rival: FID 27.4, its FLOP at peak": replace(base, rival_joules=known["auto-encoder of FID 27.4, counted"]),
        "cell: 7.09 fJ, Z1's simulation": replace(base, update_joules=known["update, Z1"]),
        "write: layers in turn, 1,000 samples each": replace(base, **in_turn),
        "cell: 13 fJ, a later text": replace(base, update_joules=known["update, later text"]),
        "write: layers in turn, one sample": replace(base, **in_turn | {"samples_per_programming": 1}),
        "board: one like a KV260's, idle": replace(base, overhead_w=known["idle board, KV260"]),
    }


def stairs(base: Claim) -> dict[str, Claim]:
    """Assumptions changed one after another, towards what a user of one Z1-class chip would pay at a board.

    The chip takes the layers in turn, 1,000 samples to a programming, in as many `copies` as its grid holds.

    Raises
    ------
    ValueError
        For a base whose layers do not lie on that grid.
    """
    known = numbers()
    changes = {
        "as published": {},
        "800 sweeps, as the images were made": {"sweeps": known["sweeps of the replication"]},
        "7.09 fJ an update, Z1's simulation": {"update_joules": known["update, Z1"]},
        "each layer's data cells are read": _read_out(known),
        "one chip holds the layers in turn": {
            "write_joules": known["write of a cell, Z1"], "samples_per_programming": 1000,
            "side_by_side": copies(base.side),
        },
        "a board serves it while it samples": {"overhead_w": known["idle board, KV260"]},
        "phases of 10 ns, Z1's clock": {"phase_s": known["phase, Z1"]},
        "and while it is rewritten": {"program_s": known["rewriting, Z1"]},
    }  # fmt: skip
    found = {}
    for name, change in changes.items():
        base = found[name] = replace(base, **change)
    return found


def copies(side: Quantity) -> int:
    """Layers of side × side cells that lie side by side on the grid of `extropic-z1`, whose shape is assumed.

    Raises
    ------
    ValueError
        For a side that is not stated, no whole number, or longer than the grid's.

    Examples
    --------
    >>> copies(70)
    48
    """
    cells, grid = Figure.of(side).value, from_spec(read_machine(CATALOGUE / "extropic-z1.toml")).capabilities.topology
    assert isinstance(grid, Grid), "the arrays of this catalogue are grids"
    longest = min(grid.rows, grid.columns)
    if cells is None or cells % 1 or not 1 <= cells <= longest:
        told = "not stated" if cells is None else f"{cells:g}"
        raise ValueError(f"side is {told}; to lie on a {grid.describe()} it must be a whole number from 1 to {longest}")
    rows, columns = np.divmod(np.arange(int(cells) ** 2), int(cells))
    return grid.copies(rows * grid.columns + columns)


def _read_out(known: Mapping[str, Parameter]) -> dict[str, Parameter]:
    return {
        "read_joules": known["read of a cell, Z1"], "read_s": known["frame, Z1"], "data_cells": known["data cells"],
    }  # fmt: skip
