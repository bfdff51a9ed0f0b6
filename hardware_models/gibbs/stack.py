"""A denoising model on Gibbs arrays: device time and joules of a generated sample, before anything is run.

The layers lie on arrays side by side, which all sample at once as a pipeline, or on one array that is programmed anew
for each layer. Either way a batch is generated between two programmings, and shares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hardware_models.clocked import weights_per_update
from hardware_models.gibbs.array import Array
from hardware_models.traffic import words_told
from pbits.models import DenoisingModel, IsingModel
from pbits.parameters import Figure, Parameter
from pbits.schedule import Schedule
from pbits.substrate import NotMappable
from pbits.sweeps import RANDOM_BITS_PER_UPDATE

_PHASES_PER_SWEEP = 2


@dataclass(frozen=True, kw_only=True)
class StackCost:
    """What a batch takes.

    Attributes
    ----------
    batch : int
        Samples.
    counts : mapping
        Events of the batch by name, as a run of each layer counts them. Toggles depend on the data and are left out.
    rows : mapping of name to Figure
        Joules of the batch by priced operation and power state; unknown where a price or a time is not stated.
    device_time : Figure
        Seconds from the first programming to the last sample.
    latency : Figure
        Seconds from x^T to x^0 of one sample.
    period : Figure
        Seconds between one frame of samples and the next, once all layers are busy; programmings aside.
    frame : int
        Samples of a frame: how many copies of a layer an array holds.
    published : Figure
        T·K·cells·E_cell, joules of one sample by the published formula: every cell moves in every sweep, and nothing
        else costs anything.
    """

    batch: int
    counts: Mapping[str, float]
    rows: Mapping[str, Figure]
    device_time: Figure
    latency: Figure
    period: Figure
    frame: int
    published: Figure

    @property
    def joules(self) -> Figure:
        """Of the batch; unknown where one of the rows is."""
        return sum(self.rows.values(), Figure.of(0.0)) if self.rows else Figure.of(None)

    @property
    def lower_bound(self) -> float:
        """Joules of the rows that are known, at the low ends of their ranges."""
        return sum(row.low for row in self.rows.values() if row.low is not None)

    @property
    def joules_per_sample(self) -> Figure:
        return self.joules / self.batch

    @property
    def device_time_per_sample(self) -> Figure:
        return self.device_time / self.batch

    @property
    def samples_per_s(self) -> Figure:
        """Once all layers are busy; programmings aside."""
        return self.frame / self.period


@dataclass(frozen=True, kw_only=True)
class Stack:
    """T layers on one kind of array.

    Parameters
    ----------
    array : Array
    model : DenoisingModel
        Of any couplings, if nothing but the cost is asked for: it says how many layers, cells, wires and data there
        are.
    shared : bool
        Whether one array does for all layers, programmed anew for each; else each layer has its own, and while one
        works on a frame of samples those before it work on the next.

    Raises
    ------
    NotMappable
        When a layer does not fit the array.

    Notes
    -----
    Data go from a layer to the next as a frame that is read, and written as biases of the data cells. Nobody states how
    long such writing takes: as long as fetching a frame is assumed. A machine whose frames wait in a register while
    cells go on (two buffers) is not told of.

    Examples
    --------
    The published layer of 70 × 70 cells, 250 sweeps, eight layers: 12.7 nJ by the formula.

    >>> import pbits
    >>> from hardware_models import gibbs
    >>> array = pbits.load("extropic-dtca-g12")
    >>> process = pbits.models.ForwardProcess.linear(8)
    >>> model = pbits.models.DenoisingModel.on_grid(array.capabilities.topology, data=884, process=process)
    >>> cost = gibbs.Stack(array=array, model=model).cost(sweeps=250, batch=1)
    >>> f"{cost.published.value:.4g} J", cost.joules.value
    ('1.274e-08 J', None)
    """

    array: Array
    model: DenoisingModel
    shared: bool = False

    def __post_init__(self) -> None:
        for t in range(1, self.model.layers + 1):
            clamp = dict.fromkeys(self._held(t), 1)
            self.array.compile(self.model.layer(t), Schedule(chains=1, n_samples=1), clamp=clamp)

    def _held(self, t: int) -> list[int]:
        return [*self.model.copies(t).tolist(), *self.model.label_cells.ravel().tolist()]

    def _told(self, t: int) -> tuple[int, int]:
        """Words that a sample is told in layer t: label cells that are set, and fields of data cells."""
        return self.model.label_cells.size, len(self.model.copies(t))

    @cached_property
    def frame(self) -> int:
        """Samples that one array works on at a time."""
        grid, model = self.array.capabilities.topology, self.model
        assert grid is not None, "an array has wires"
        placed = grid.place(IsingModel.from_edges(model.n_cells, model.edges, 1.0))
        if placed is None:
            raise NotMappable(self.array.name, [f"the cells of a layer do not lie on the wires ({grid.describe()})"])
        return grid.copies(placed)

    def cost(self, *, sweeps: int, batch: int) -> StackCost:
        """What `batch` samples take, with `sweeps` sweeps of each layer.

        Raises
        ------
        ValueError
            For numbers that are no whole numbers of at least 1.
        """
        for name, value in (("sweeps", sweeps), ("batch", batch)):
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
        model, timing = self.model, self.array.timing
        layers, frames = model.layers, -(-batch // self.frame)
        sweeping = Figure.of(timing.phase_s) * (_PHASES_PER_SWEEP * sweeps)
        stage = sweeping + Figure.of(timing.read_s) + Figure.of(timing.transfer_s)
        told = sum(any(self._told(t)) for t in range(1, layers + 1))
        through = stage * layers + timing.start_s * told
        longest = stage + timing.start_s if told else stage
        arrays = 1 if self.shared else layers
        sampling = through * frames if self.shared else through + longest * (frames - 1)
        device_time = Figure.of(timing.program_s) * (layers // arrays) + sampling
        counts = self._counts(sweeps, batch)
        seconds = {
            "active": sweeping * (layers * frames),
            "idle": _rest(device_time * arrays, sweeping * (layers * frames)),
        }
        update = self._price("update")
        return StackCost(
            batch=batch,
            counts=counts,
            rows=self._rows(counts, seconds),
            device_time=device_time,
            latency=through,
            period=through if self.shared else longest,
            frame=self.frame,
            published=(Figure.of(None) if update is None else update) * (layers * sweeps * model.n_cells),
        )

    def _counts(self, sweeps: int, batch: int) -> dict[str, float]:
        """Events of all layers, as `ClockedProgram` counts them of a run of each."""
        model = self.model
        updates = model.layers * sweeps * batch * (model.n_cells - model.label_cells.size)
        cells = IsingModel.from_edges(model.n_cells, model.edges, 1.0)
        neighbours = int(np.delete(weights_per_update(cells), model.label_cells.ravel()).sum())
        written = sum(
            model.n_cells * min(self.frame, batch) + words_told(self._told(t), batch, self.frame)
            for t in range(1, model.layers + 1)
        )
        return {
            "update": updates,
            "weight_read": model.layers * sweeps * batch * neighbours,
            "random_bit": updates * RANDOM_BITS_PER_UPDATE,
            "read": model.layers * batch * model.n_cells,
            "write": written,
        }

    def _price(self, item: str) -> Figure | None:
        """Of an operation or a power state; None where another price includes it."""
        prices = self.array.prices
        if prices is None:
            return Figure.of(None)
        price = prices.items().get(item)
        if price is None or isinstance(price, Parameter):
            return Figure.of(price)
        return None

    def _rows(self, counts: Mapping[str, float], seconds: Mapping[str, Figure]) -> dict[str, Figure]:
        amounts: dict[str, Figure | float | None] = {**counts, "toggle": None}
        amounts |= {f"power.{state}": time for state, time in seconds.items()}
        rows = {}
        for item, amount in amounts.items():
            price = self._price(item)
            if price is not None:
                rows[item] = Figure.of(amount) * price
        return rows


def _rest(whole: Figure, part: Figure) -> Figure:
    """What is left of a sum when one of its terms is taken away, end by end."""

    def less(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else max(0.0, a - b)

    return Figure(
        less(whole.value, part.value), less(whole.low, part.low), less(whole.high, part.high), whole.evidence
    )  # fmt: skip
