"""Denoising models: a chain of Boltzmann machines, each of which undoes one step of a noise process."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import read_only, real_array, site_pairs
from pbits.models.ising import IsingModel

if TYPE_CHECKING:
    from pbits.mapping import Grid

_ARRAYS = ("edges", "data_cells", "label_cells", "couplings", "fields")


@dataclass(frozen=True, kw_only=True)
class ForwardProcess:
    """Noise that forgets: every site jumps by itself, at rate g, to a value drawn from all M.

    Over a time t a site keeps its value with chance (1 + (M − 1)e^(−gt))/M, and holds each other value with chance
    (1 − e^(−gt))/M. Step k lasts from t_(k−1) to t_k, with t_0 = 0.

    Parameters
    ----------
    times : sequence of float
        t_1 < t_2 < … < t_T, dimensionless; the last may be infinite: nothing is left then.
    rate : float
        g > 0.
    n_states : int
        M. Two: spins, −1 and +1. More: categories, 0 … M − 1.

    Raises
    ------
    ValueError
        For times that do not rise from above 0, a rate that is not positive and finite, or fewer than two states.

    Notes
    -----
    As an energy of x^k given x^(k−1), the step is −Γ_k Σ_i [x^k_i = x^(k−1)_i] with Γ = ln((1 + (M − 1)e^(−gΔ))/(1 −
    e^(−gΔ))); of spins, −w_k Σ_i x^k_i x^(k−1)_i with w = Γ/2 = −½ ln tanh(gΔ/2). After Jelinčič et al.,
    arXiv:2510.23972, as third-party code restates it.

    Examples
    --------
    >>> process = ForwardProcess.linear(4)
    >>> process.forgotten.round(3)
    array([0.25, 0.5 , 0.75, 1.  ])
    >>> process.weights.round(3)
    array([0.973, 0.805, 0.549, 0.   ])
    """

    times: tuple[float, ...]
    rate: float = 1.0
    n_states: int = 2

    def __post_init__(self) -> None:
        times = real_array(self.times, "times", "times")
        rising = times.ndim == 1 and times.size > 0 and (times > np.concatenate([[0.0], times[:-1]])).all()
        if not rising or not np.isfinite(times[:-1]).all():
            raise ValueError(
                f"times are {self.times}; give t_1 < … < t_T, all above 0 and all but the last finite, or use "
                "ForwardProcess.linear(layers)"
            )
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"rate is {self.rate}; it must be positive and finite")
        if not isinstance(self.n_states, int | np.integer) or self.n_states < 2:
            raise ValueError(f"n_states is {self.n_states!r}; a site that can be noised holds one of at least 2 values")
        object.__setattr__(self, "times", tuple(times.tolist()))

    @classmethod
    def linear(cls, layers: int, *, rate: float = 1.0, n_states: int = 2) -> ForwardProcess:
        """t_k = −ln(1 − k/T): at rate 1, the same share of what there was at first is forgotten in each step."""
        if not isinstance(layers, int | np.integer) or layers < 1:
            raise ValueError(f"layers is {layers!r}; it must be a whole number of at least 1")
        left = 1 - np.arange(1, layers) / layers
        return cls(times=(*(-np.log(left)).tolist(), math.inf), rate=rate, n_states=n_states)

    @property
    def layers(self) -> int:
        """T."""
        return len(self.times)

    @property
    def forgotten(self) -> NDArray[np.float64]:
        """Share of the sites that have jumped at least once until t_k, (T,)."""
        return -np.expm1(-self.rate * np.array(self.times))

    @property
    def keep(self) -> NDArray[np.float64]:
        """Chance that a site comes out of step k with the value it went in with, (T,)."""
        return (1 + (self.n_states - 1) * self._decay) / self.n_states

    @property
    def gammas(self) -> NDArray[np.float64]:
        """Γ of each step, (T,)."""
        return np.log1p(self.n_states * self._decay / (1 - self._decay))

    @property
    def weights(self) -> NDArray[np.float64]:
        """w = Γ/2 of each step, the coupling of a spin to its noisy copy, (T,)."""
        return self.gammas / 2

    @property
    def _decay(self) -> NDArray[np.float64]:
        """e^(−gΔ) of each step."""
        return np.exp(-self.rate * np.diff(np.array(self.times), prepend=0.0))

    def noised(self, values: NDArray, rng: np.random.Generator, *, start: int = 0, stop: int) -> NDArray:
        """x^stop from x^start, of any shape; x^0 is what has no noise."""
        times = (0.0, *self.times)
        jumps = rng.random(values.shape) < -math.expm1(-self.rate * (times[stop] - times[start]))
        drawn = rng.integers(0, self.n_states, values.shape)
        return np.where(jumps, 2 * drawn - 1 if self.n_states == 2 else drawn, values).astype(values.dtype)

    def trajectory(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        """x^0 … x^T, stacked on a new first axis."""
        path = [values]
        for step in range(self.layers):
            path.append(self.noised(path[-1], rng, start=step, stop=step + 1))
        return np.stack(path)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DenoisingModel:
    """T Boltzmann machines on one wiring; number t turns the noisy data x^t into x^(t−1).

    P(x^(t−1) | x^t, c) ∝ Σ_z exp(w_t Σ_i x^t_i x^(t−1)_i − E_t(x^(t−1), c, z)) at β = 1, with E_t the energy of the
    wired cells: some hold the data, some, if there are classes, the class c, and the others are hidden. x^t sits in one
    clamped site beside the cells for each data cell. Where the process forgets all, w_T = 0, and the last machine,
    without such sites, starts from nothing.

    Parameters
    ----------
    n_cells : int
        Cells of a layer.
    edges : (m, 2) integers
        Wires between them.
    data_cells : (d,) integers
        Where the data lie.
    couplings : (T, m) array
        Of each layer.
    fields : (T, n_cells) array
    process : ForwardProcess
        Of spins.
    label_cells : (classes, copies) integers, optional
        Cells that are clamped to +1 for the class that is asked for, and to −1 for the others.

    Raises
    ------
    ValueError
        For arrays of other shapes, cells that do not exist or that are named twice, or a process of categories.

    Notes
    -----
    After Jelinčič et al., arXiv:2510.23972, where labels are noised and generated with the data; here they are given.

    Examples
    --------
    >>> import pbits
    >>> process = pbits.models.ForwardProcess.linear(2)
    >>> stack = DenoisingModel.on_grid(pbits.mapping.Grid.named("G8", 6, 6), data=9, process=process, seed=1)
    >>> stack
    DenoisingModel(layers=2, cells=36, data=9, classes=0, parameters=232)
    >>> stack.layer(1).n
    45
    """

    n_cells: int
    edges: NDArray[np.int64]
    data_cells: NDArray[np.int64]
    couplings: NDArray[np.float64]
    fields: NDArray[np.float64]
    process: ForwardProcess
    label_cells: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 1), dtype=np.int64))

    def __post_init__(self) -> None:
        if self.process.n_states != 2:
            raise ValueError(f"the cells hold spins, and the process noises sites of {self.process.n_states} values")
        for name, axes in (("data_cells", "(data,)"), ("label_cells", "(classes, copies)")):
            cells = np.array(getattr(self, name))
            if cells.ndim != 1 + axes.count(" ") or (cells.size and cells.dtype.kind not in "iu"):
                raise ValueError(f"{name} has shape {cells.shape}; it must hold whole numbers, of shape {axes}")
            object.__setattr__(self, name, read_only(cells.astype(np.int64)))
        held = np.concatenate([self.data_cells, self.label_cells.ravel()])
        if not len(self.data_cells) or len(np.unique(held)) < len(held):
            raise ValueError("there must be data cells, and no cell may hold two things")
        edges = site_pairs(self.edges, "edges").astype(np.int64)
        for name, cells in (("edges", edges), ("data_cells and label_cells", held)):
            if cells.size and (cells.min() < 0 or cells.max() >= self.n_cells):
                raise ValueError(f"{name} name a cell outside 0 to {self.n_cells - 1}")
        object.__setattr__(self, "edges", read_only(edges))
        for name, width in (("couplings", len(edges)), ("fields", self.n_cells)):
            shape, values = (self.layers, width), real_array(getattr(self, name), name, name)
            if values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}; expected {shape}, a row for each layer")
            object.__setattr__(self, name, read_only(values))

    @classmethod
    def on_grid(
        cls,
        grid: Grid,
        *,
        data: int,
        process: ForwardProcess,
        classes: int = 0,
        label_copies: int = 1,
        spread: float = 0.05,
        seed: int = 0,
    ) -> DenoisingModel:
        """Data and labels at random places of one colour of a two-coloured grid; all else is hidden.

        Cells of one colour are not wired to one another: what ties the data together are hidden cells, and the data
        of a layer settle in one phase. The last cell of the grid stays hidden, so that the noisy copies, numbered
        after it, are the only sites that need no cell. Couplings start from a normal distribution of width `spread`:
        were all of them alike, hidden cells would learn alike.

        Raises
        ------
        ValueError
            For a grid without two colours, or with too few cells of one; the message says how many there are.
        """
        if not grid.two_coloured:
            raise ValueError(f"the {grid.describe()} is not two-coloured by its checkerboard; take odd steps a + b")
        row, column = np.divmod(np.arange(grid.n_sites), grid.columns)
        colour = (row + column) % 2
        places = np.flatnonzero(colour != colour[-1])
        wanted = data + classes * label_copies
        if wanted > len(places):
            raise ValueError(
                f"{data} data cells and {classes} × {label_copies} label cells were asked for, and the "
                f"{grid.describe()} has {len(places)} cells of one colour for them: take a larger grid"
            )
        rng = np.random.Generator(np.random.Philox(seed))
        chosen = rng.permutation(places)[:wanted]
        edges = grid.edges()
        return cls(
            n_cells=grid.n_sites,
            edges=edges,
            couplings=rng.normal(0.0, spread, (process.layers, len(edges))),
            fields=np.zeros((process.layers, grid.n_sites)),
            data_cells=chosen[:data],
            label_cells=chosen[data:].reshape(classes, label_copies),
            process=process,
        )

    def __repr__(self) -> str:
        return (
            f"DenoisingModel(layers={self.layers}, cells={self.n_cells}, data={self.n_data}, classes={self.classes}, "
            f"parameters={self.n_parameters})"
        )

    @property
    def layers(self) -> int:
        """T."""
        return self.process.layers

    @property
    def n_data(self) -> int:
        return len(self.data_cells)

    @property
    def classes(self) -> int:
        return len(self.label_cells)

    @property
    def n_parameters(self) -> int:
        """Couplings and fields of all layers; the weights of the noise are none."""
        return self.couplings.size + self.fields.size

    def copies(self, t: int) -> NDArray[np.int64]:
        """Sites of layer t that hold x^t, (d,); none where w_t = 0.

        Raises
        ------
        ValueError
            For a layer that does not exist.
        """
        if not 1 <= t <= self.layers:
            raise ValueError(f"there is no layer {t}; they are numbered from 1 to {self.layers}")
        return self.n_cells + np.arange(self.n_data if self.process.weights[t - 1] else 0)

    def layer(self, t: int) -> IsingModel:
        """The machine that turns x^t into x^(t−1), t from 1 to T: its cells, and then the noisy copies."""
        copies = self.copies(t)
        wires = np.concatenate([self.edges, np.column_stack([self.data_cells[: len(copies)], copies])])
        weights = np.concatenate([self.couplings[t - 1], np.full(len(copies), self.process.weights[t - 1])])
        h = np.concatenate([self.fields[t - 1], np.zeros(len(copies))])
        return IsingModel.from_edges(len(h), wires, weights, h)

    def clamp(
        self, t: int, *, noisy: NDArray, labels: ArrayLike | None = None, data: NDArray | None = None
    ) -> dict[int, NDArray]:
        """What a run of layer t holds fixed, chain by chain.

        Parameters
        ----------
        noisy : (chains, d) spins
            x^t.
        labels : (chains,) integers, optional
            The class; needed where there are classes.
        data : (chains, d) spins, optional
            x^(t−1), where it is known, as in training.

        Raises
        ------
        ValueError
            For arrays of other shapes, or labels that are missing, superfluous or outside the classes.
        """
        held = {}
        for name, sites, values in (("noisy", self.copies(t), noisy), ("data", self.data_cells, data)):
            if values is None:
                continue
            if np.shape(values) != (len(noisy), self.n_data):
                raise ValueError(f"{name} has shape {np.shape(values)}; expected ({len(noisy)}, {self.n_data})")
            held |= dict(zip(sites.tolist(), np.asarray(values).T))
        if (labels is None) != (self.classes == 0):
            raise ValueError(
                f"the model has {self.classes} classes; labels are {'missing' if self.classes else 'given'}"
            )
        if labels is None:
            return held
        asked = np.asarray(labels)
        if asked.shape != (len(noisy),) or not np.isin(asked, np.arange(self.classes)).all():
            raise ValueError(f"labels must be {len(noisy)} classes from 0 to {self.classes - 1}")
        for label, cells in enumerate(self.label_cells.tolist()):
            held |= dict.fromkeys(cells, np.where(asked == label, 1, -1))
        return held

    def with_parameters(self, couplings: ArrayLike, fields: ArrayLike) -> DenoisingModel:
        """The same stack with other couplings (T, m) and fields (T, n_cells)."""
        return replace(self, couplings=np.asarray(couplings), fields=np.asarray(fields))

    def arrays(self) -> dict[str, NDArray]:
        """All there is to it, as arrays."""
        named = {name: getattr(self, name) for name in _ARRAYS}
        process = {"times": np.array(self.process.times), "rate": np.array(self.process.rate)}
        return named | process | {"n_cells": np.array(self.n_cells)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> DenoisingModel:
        """The inverse of `arrays`."""
        process = ForwardProcess(times=tuple(arrays["times"].tolist()), rate=float(arrays["rate"]))
        named: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return cls(n_cells=int(arrays["n_cells"]), process=process, **named)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the stack to one file, a NumPy archive."""
        target = Path(path)
        with target.open("wb") as stream:
            np.savez_compressed(stream, **self.arrays())  # pyright: ignore[reportArgumentType]
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DenoisingModel:
        """Read a stack back.

        Raises
        ------
        ValueError
            When the file holds no stack.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                return cls.from_arrays(dict(archive))
        except (KeyError, EOFError, ValueError, OSError) as error:
            raise ValueError(f"{path} holds no denoising model: {error}") from error
