"""Boltzmann machines as something to be learned: which sites are seen, and which numbers may change.

Both kinds are exponential families, E(s) = −θᵀφ(s): of spins, φ holds the products s_i s_j of the edges and then the
spins; of categories, it says which pair of categories each edge has, and which category each site. So the slope of the
mean log-likelihood is ⟨φ⟩ with the data held, minus ⟨φ⟩ without, and one trainer serves both.
"""

from __future__ import annotations

import math
import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import EnergyModel, check_finite, read_only, real_array, site_pairs
from pbits.models.categorical import CategoricalModel
from pbits.models.ising import IsingModel

M = TypeVar("M", bound="Learnable")

# Products of states held at once.
_BLOCK = 1 << 22
# From that many edges a site on, all products are computed, by a matrix product.
_MANY_EDGES = 8


class Learnable(ABC):
    """What is learned: an exponential family over sites some of which are seen.

    Attributes
    ----------
    n : int
        Sites.
    visible : (d,) int64 array
        Those that hold a datum, in its order.
    labels : int64 array
        Those that hold a class.
    hidden : int64 array
        All others, in rising order.
    n_couplings : int
        How many of the parameters, the first ones, are of pairs of sites.
    """

    n: int
    visible: NDArray[np.int64]
    labels: NDArray[np.int64]
    n_couplings: int

    @property
    def n_visible(self) -> int:
        return len(self.visible)

    @cached_property
    def hidden(self) -> NDArray[np.int64]:
        return read_only(np.setdiff1d(np.arange(self.n), np.concatenate([self.visible, self.labels.ravel()])))

    @property
    def n_hidden(self) -> int:
        return len(self.hidden)

    @property
    @abstractmethod
    def classes(self) -> int:
        """How many classes labels tell apart; 0 of a machine without labels."""

    @property
    @abstractmethod
    def parameters(self) -> NDArray[np.float64]:
        """θ, (k,): couplings first."""

    @abstractmethod
    def with_parameters(self, parameters: NDArray[np.float64]) -> Self:
        """The same machine with another θ."""

    @abstractmethod
    def to_model(self) -> EnergyModel:
        """E(s) = −θᵀφ(s), to be run."""

    @abstractmethod
    def statistics(self, states: NDArray) -> NDArray[np.float64]:
        """⟨φ⟩ over the rows of states (m, n), (k,)."""

    @abstractmethod
    def checked(self, data: ArrayLike) -> NDArray:
        """Data (m, d) as the sites hold them.

        Raises
        ------
        ValueError
            For another width, no rows, or values that a site cannot hold.
        """

    @abstractmethod
    def clamp(self, data: ArrayLike | None = None, labels: ArrayLike | None = None) -> dict[int, NDArray]:
        """What a run holds fixed, chain by chain: data (chains, d), labels (chains,), or both.

        Raises
        ------
        ValueError
            As `checked`, and for labels outside the classes or of another number.
        """

    def _checked_labels(self, labels: ArrayLike, rows: int | None) -> NDArray[np.int64]:
        asked = np.asarray(labels)
        if not self.classes:
            raise ValueError("labels are given, and the machine has no label units; build it with classes=…")
        if asked.ndim != 1 or (rows is not None and len(asked) != rows):
            raise ValueError(f"labels have shape {asked.shape}; give one class for each of {rows} data")
        if asked.dtype.kind not in "iu" or (asked.size and (asked.min() < 0 or asked.max() >= self.classes)):
            raise ValueError(
                f"labels must be whole numbers from 0 to {self.classes - 1}: the machine has label units for "
                f"{self.classes} classes, and labels hold {_few(asked)}"
            )
        return asked.astype(np.int64)

    @abstractmethod
    def arrays(self) -> dict[str, NDArray]:
        """All there is to it, as arrays."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Self:
        """The inverse of `arrays`."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the machine to one file, a NumPy archive."""
        target = Path(path)
        with target.open("wb") as stream:
            np.savez_compressed(stream, **self.arrays())  # pyright: ignore[reportArgumentType]
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a machine back.

        Raises
        ------
        ValueError
            When the file holds none of this kind.
        """
        try:
            # numpy leaves a file that it cannot read open.
            with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                return cls.from_arrays(dict(archive))
        except FileNotFoundError:
            raise
        except (KeyError, EOFError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no {cls.__name__}: {error}") from error


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BoltzmannModel(Learnable):
    """A Boltzmann machine of spins, P(s) ∝ exp(½ sᵀJs + hᵀs) at β = 1, on any wiring.

    Parameters
    ----------
    n : int
        Sites.
    edges : (m, 2) integers
        Pairs that are coupled, each once; all of them are learned.
    couplings : (m,) array
        J of each edge.
    fields : (n,) array
        h.
    visible : (d,) integers
        Sites of a datum.
    labels : (classes, copies) integers, optional
        Sites that are +1 for the class they stand for, and −1 for the others.

    Raises
    ------
    ValueError
        For arrays of other shapes, numbers that are not finite, sites that do not exist or that hold two things, or an
        edge that is named twice.

    Examples
    --------
    >>> machine = BoltzmannModel.restricted(4, 2, classes=3)
    >>> machine
    BoltzmannModel(visible=4, hidden=2, classes=3, edges=14)
    >>> machine.to_model().n, machine.hidden.tolist()
    (9, [7, 8])
    """

    n: int
    edges: NDArray[np.int64]
    couplings: NDArray[np.float64]
    fields: NDArray[np.float64]
    visible: NDArray[np.int64]
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 1), dtype=np.int64))

    def __post_init__(self) -> None:
        for name, axes in (("visible", 1), ("labels", 2)):
            cells = np.array(getattr(self, name))
            if cells.ndim != axes or (cells.size and cells.dtype.kind not in "iu"):
                raise ValueError(f"{name} has shape {cells.shape}; it must hold whole numbers, on {axes} axes")
            object.__setattr__(self, name, read_only(cells.astype(np.int64)))
        held = np.concatenate([self.visible, self.labels.ravel()])
        if not len(self.visible) or len(np.unique(held)) < len(held):
            raise ValueError("there must be visible sites, and no site may be visible or a label twice")
        if len(self.labels) == 1:
            raise ValueError("one class tells nothing apart; give label sites of at least two classes, or none")
        edges = np.sort(site_pairs(self.edges, "edges").astype(np.int64), axis=1)
        for name, sites in (("edges", edges), ("visible and labels", held)):
            if sites.size and (sites.min() < 0 or sites.max() >= self.n):
                raise ValueError(f"{name} name a site outside 0 to {self.n - 1}")
        if (edges[:, 0] == edges[:, 1]).any():
            raise ValueError(f"an edge couples site {edges[edges[:, 0] == edges[:, 1]][0, 0]} to itself")
        if len(np.unique(edges[:, 0] * self.n + edges[:, 1])) < len(edges):
            raise ValueError("an edge is named twice; name each once")
        object.__setattr__(self, "edges", read_only(edges))
        for name, length in (("couplings", len(edges)), ("fields", self.n)):
            values = real_array(getattr(self, name), name)
            if values.shape != (length,):
                raise ValueError(f"{name} has shape {values.shape}; expected ({length},)")
            check_finite(values, name)
            object.__setattr__(self, name, read_only(values))

    @classmethod
    def restricted(
        cls, visible: int, hidden: int, *, classes: int = 0, copies: int = 1, spread: float = 0.01, seed: int = 0
    ) -> Self:
        """Every hidden site coupled to every visible and label site, and to nothing else.

        Sites are numbered visible, labels, hidden. Couplings start from a normal distribution of width `spread`: were
        all of them alike, hidden sites would learn alike.
        """
        return cls.deep(visible, [hidden], classes=classes, copies=copies, spread=spread, seed=seed)

    @classmethod
    def from_bits(cls, weights: ArrayLike, visible_fields: ArrayLike, hidden_fields: ArrayLike) -> Self:
        """A restricted machine from one of bits x, z ∈ {0, 1} with E(x, z) = −xᵀWz − bᵀx − cᵀz.

        J = W/4, h = b/2 + ¼ΣW of visible and c/2 + ¼ΣW of hidden sites: the same law of s = 2x − 1. scikit-learn's
        `BernoulliRBM` is ``from_bits(rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_)``.

        Parameters
        ----------
        weights : (visible, hidden) array
        visible_fields, hidden_fields : (visible,) and (hidden,) array
        """
        W = real_array(weights, "weights")
        if W.ndim != 2:
            raise ValueError(f"weights have shape {W.shape}; expected (visible, hidden)")
        b, c = real_array(visible_fields, "visible_fields"), real_array(hidden_fields, "hidden_fields")
        if b.shape != W.shape[:1] or c.shape != W.shape[1:]:
            raise ValueError(f"fields have shapes {b.shape} and {c.shape}; weights are {W.shape}")
        plain = cls.restricted(*W.shape, spread=0.0)
        return plain.with_weights(W / 4, b / 2 + W.sum(axis=1) / 4, c / 2 + W.sum(axis=0) / 4)

    @classmethod
    def deep(
        cls,
        visible: int,
        hidden: Sequence[int],
        *,
        classes: int = 0,
        copies: int = 1,
        spread: float = 0.01,
        seed: int = 0,
    ) -> Self:
        """Layers, each coupled to the next; labels to the last one.

        Sites are numbered visible, labels, then the hidden layers.
        """
        sizes = [visible, *hidden]
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"layers have {sizes} sites; give at least one hidden layer, and a site to each")
        told = classes * copies
        starts = np.cumsum([visible + told, *hidden])
        layers = [np.arange(visible), *(np.arange(a, b) for a, b in pairwise(starts.tolist()))]
        pairs = [_all_pairs(a, b) for a, b in pairwise(layers)]
        pairs.append(_all_pairs(visible + np.arange(told), layers[-1]))
        return cls.on_graph(
            int(starts[-1]),
            np.concatenate(pairs),
            visible=layers[0],
            labels=(visible + np.arange(told)).reshape(classes, copies),
            spread=spread,
            seed=seed,
        )

    @classmethod
    def general(
        cls, visible: int, hidden: int = 0, *, classes: int = 0, copies: int = 1, spread: float = 0.01, seed: int = 0
    ) -> Self:
        """Every site coupled to every other; sites are numbered visible, labels, hidden."""
        told = classes * copies
        n = visible + told + hidden
        return cls.on_graph(
            n,
            np.column_stack(np.triu_indices(n, 1)),
            visible=np.arange(visible),
            labels=(visible + np.arange(told)).reshape(classes, copies),
            spread=spread,
            seed=seed,
        )

    @classmethod
    def on_graph(
        cls,
        n: int,
        edges: ArrayLike,
        *,
        visible: ArrayLike | int,
        labels: ArrayLike | None = None,
        classes: int = 0,
        copies: int = 1,
        spread: float = 0.01,
        seed: int = 0,
    ) -> Self:
        """Any wiring, such as the edges of a `pbits.mapping` topology.

        Parameters
        ----------
        n : int
        edges : (m, 2) integers
        visible : (d,) integers, or int
            Sites of a datum; a number asks for that many at random places, and then `classes` × `copies` label sites
            are drawn as well.
        labels : (classes, copies) integers, optional
        spread : float
            Of the normal distribution that couplings start from.
        seed : int

        Raises
        ------
        ValueError
            When there are fewer sites than are asked for.
        """
        if not (math.isfinite(spread) and spread >= 0):
            raise ValueError(f"spread is {spread}; it must be at least 0 and finite")
        rng = np.random.Generator(np.random.Philox(seed))
        told = np.zeros((0, 1), dtype=np.int64) if labels is None else np.asarray(labels)
        if isinstance(visible, int | np.integer):
            wanted = int(visible) + classes * copies
            if labels is not None or wanted > n:
                raise ValueError(
                    f"{visible} visible sites and {classes} × {copies} label sites were asked for, of {n} sites in "
                    "all; a number of visible sites is for places that are drawn, labels too"
                )
            chosen = rng.permutation(n)[:wanted]
            visible, told = chosen[:visible], chosen[visible:].reshape(classes, copies)
        pairs = site_pairs(edges, "edges")
        return cls(
            n=n,
            edges=pairs.astype(np.int64),
            couplings=rng.normal(0.0, spread, len(pairs)),
            fields=np.zeros(n),
            visible=np.asarray(visible),
            labels=told,
        )

    def __repr__(self) -> str:
        return (
            f"BoltzmannModel(visible={self.n_visible}, hidden={self.n_hidden}, classes={self.classes}, "
            f"edges={len(self.edges)})"
        )

    @property
    def classes(self) -> int:
        return len(self.labels)

    @property
    def n_couplings(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return len(self.edges)

    @property
    def parameters(self) -> NDArray[np.float64]:
        return np.concatenate([self.couplings, self.fields])

    def with_parameters(self, parameters: NDArray[np.float64]) -> Self:
        couplings, fields = np.split(real_array(parameters, "parameters"), [self.n_couplings])
        return _with_numbers(self, couplings=couplings, fields=fields)

    def with_data_fields(self, data: ArrayLike, labels: ArrayLike | None = None) -> Self:
        """Fields of what is seen such that it has the data's means as long as nothing is coupled.

        h_i = artanh ⟨s_i⟩, of means taken as if there were one more datum of +1 and one of −1. It spares training the
        detour by hidden sites (after G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010;
        from memory).
        """
        held = self.clamp(data, labels)
        sites = np.array(list(held))
        means = np.array([np.sum(held[site]) / (np.size(held[site]) + 2) for site in held])
        fields = self.fields.copy()
        fields[sites] = np.arctanh(means)
        return _with_numbers(self, fields=fields)

    def to_model(self) -> IsingModel:
        return IsingModel.from_edges(self.n, self.edges, self.couplings, self.fields)

    @cached_property
    def is_restricted(self) -> bool:
        """Whether hidden sites are coupled to what is seen alone, and the other way round."""
        return bool((np.isin(self.edges, self.hidden).sum(axis=1) == 1).all())

    @property
    def seen(self) -> NDArray[np.int64]:
        """Visible sites, and then those of labels, class by class."""
        return np.concatenate([self.visible, self.labels.ravel()])

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Of each edge of a restricted machine, its place in `weights`, row by row."""
        row, column = np.full(self.n, -1), np.full(self.n, -1)
        row[self.seen], column[self.hidden] = np.arange(self.n - self.n_hidden), np.arange(self.n_hidden)
        return (row[self.edges].max(axis=1) * self.n_hidden + column[self.edges].max(axis=1)).astype(np.int64)

    @property
    def weights(self) -> NDArray[np.float64]:
        """W of a restricted machine, (seen, hidden): rows in the order of `seen`, and 0 where there is no edge.

        Raises
        ------
        ValueError
            For a machine that is not restricted.
        """
        if not self.is_restricted:
            raise ValueError(f"{self} is not restricted: its couplings are no matrix of seen by hidden sites")
        return self._as_matrix(self.couplings)

    @property
    def wired(self) -> NDArray[np.float64]:
        """Where a restricted machine has edges, (seen, hidden): 1, and 0 elsewhere."""
        return self._as_matrix(np.ones(len(self.edges)))

    def _as_matrix(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = np.zeros((self.n - self.n_hidden) * self.n_hidden)
        flat[self._places] = values
        return flat.reshape(-1, self.n_hidden)

    def with_weights(
        self, weights: NDArray[np.float64], seen_fields: NDArray[np.float64], hidden_fields: NDArray[np.float64]
    ) -> Self:
        """A restricted machine with another W, read where there are edges, and fields in the order of `seen` and of
        `hidden`.
        """
        fields = np.empty(self.n)
        fields[self.seen], fields[self.hidden] = seen_fields, hidden_fields
        return _with_numbers(self, couplings=np.ravel(weights)[self._places], fields=fields)

    def statistics(self, states: NDArray) -> NDArray[np.float64]:
        """Means of s_i s_j on the edges, and of s_i; states (m, n) may be means of spins, such as of a mean field."""
        rows = np.asarray(states).reshape(-1, self.n)
        if len(self.edges) > _MANY_EDGES * self.n:
            # Sums of ±1 below 2²⁴ are exact in single precision.
            wide = rows.astype(np.float32 if rows.dtype.kind in "iu" and len(rows) < 1 << 24 else np.float64)
            products = (wide.T @ wide)[self.edges[:, 0], self.edges[:, 1]].astype(np.float64)
        else:
            columns = np.ascontiguousarray(rows.T)
            products = np.empty(len(self.edges))
            kind = np.int64 if columns.dtype.kind in "iu" else np.float64
            width = max(1, _BLOCK // len(rows))
            for first in range(0, len(products), width):
                i, j = self.edges[first : first + width].T
                products[first : first + width] = (columns[i] * columns[j]).sum(axis=1, dtype=kind)
        return np.concatenate([products, rows.sum(axis=0, dtype=np.float64)]) / len(rows)

    def checked(self, data: ArrayLike) -> NDArray[np.int8]:
        given = np.asarray(data)
        if given.ndim != 2 or given.shape[1] != self.n_visible or not len(given):
            raise ValueError(f"data have shape {given.shape}; give rows of {self.n_visible} spins, at least one")
        wrong = (given != 1) & (given != -1)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"data[{row}, {column}] is {given[row, column]}; this machine holds spins, −1 or +1: turn bits x into "
                "2*x − 1, and grey values into bits by a threshold"
            )
        return given.astype(np.int8)

    def clamp(self, data: ArrayLike | None = None, labels: ArrayLike | None = None) -> dict[int, NDArray]:
        held: dict[int, NDArray] = {}
        rows = None
        if data is not None:
            spins = self.checked(data)
            rows = len(spins)
            held |= dict(zip(self.visible.tolist(), np.ascontiguousarray(spins.T)))
        if labels is not None:
            asked = self._checked_labels(labels, rows)
            for label, sites in enumerate(self.labels.tolist()):
                held |= dict.fromkeys(sites, np.where(asked == label, 1, -1).astype(np.int8))
        return held

    def votes(self, states: NDArray) -> NDArray[np.float64]:
        """Mean spin of the label sites of each class, (…, classes), of states or means (…, n)."""
        return np.asarray(states)[..., self.labels].mean(axis=-1)

    def arrays(self) -> dict[str, NDArray]:
        names = ("edges", "couplings", "fields", "visible", "labels")
        return {name: getattr(self, name) for name in names} | {"n": np.array(self.n)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Self:
        named: dict[str, Any] = {name: arrays[name] for name in ("edges", "couplings", "fields", "visible", "labels")}
        return cls(n=int(arrays["n"]), **named)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CategoricalBoltzmannModel(Learnable):
    """A Boltzmann machine of categories: P(s) ∝ exp(Σ_(i,j) T_ij[s_i, s_j] + Σ_i u_i[s_i]) at β = 1.

    Parameters
    ----------
    n_states : (n,) integers
        Categories of each site.
    edges : (m, 2) integers
    tables : (Σ q_i q_j,) array
        T of the edges one after another, row by row; large entries are likely.
    unary : (Σ q_i,) array
        u of the sites one after another.
    visible : (d,) integers
    labels : (copies,) integers, optional
        Sites that each hold the class, all of as many categories as there are classes.

    Raises
    ------
    ValueError
        For arrays of other shapes, numbers that are not finite, or sites that do not exist or that hold two things.

    Examples
    --------
    >>> machine = CategoricalBoltzmannModel.restricted([3, 3], 2, classes=4)
    >>> machine
    CategoricalBoltzmannModel(visible=2, hidden=2, classes=4, edges=6)
    >>> machine.to_model()
    CategoricalModel(n=5, categories=2..4, tables=6)
    """

    n_states: NDArray[np.int64]
    edges: NDArray[np.int64]
    tables: NDArray[np.float64]
    unary: NDArray[np.float64]
    visible: NDArray[np.int64]
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        for name in ("n_states", "visible", "labels"):
            given = np.array(getattr(self, name))
            if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
                raise ValueError(f"{name} has shape {given.shape}; it must be a row of whole numbers")
            object.__setattr__(self, name, read_only(given.astype(np.int64)))
        if (self.n_states < 2).any():
            raise ValueError(f"a site has {self.n_states.min()} categories; each needs at least 2")
        edges = np.sort(site_pairs(self.edges, "edges").astype(np.int64), axis=1)
        held = np.concatenate([self.visible, self.labels])
        for name, sites in (("edges", edges), ("visible and labels", held)):
            if sites.size and (sites.min() < 0 or sites.max() >= self.n):
                raise ValueError(f"{name} name a site outside 0 to {self.n - 1}")
        if not len(self.visible) or len(np.unique(held)) < len(held):
            raise ValueError("there must be visible sites, and no site may be visible or a label twice")
        if len(np.unique(edges, axis=0)) < len(edges) or (edges[:, 0] == edges[:, 1]).any():
            raise ValueError("an edge is named twice, or couples a site to itself")
        if len(set(self.n_states[self.labels].tolist())) > 1:
            raise ValueError("label sites differ in their number of categories; each must have one for each class")
        object.__setattr__(self, "edges", read_only(edges[np.lexsort(edges.T[::-1])]))
        sizes = self.n_states[self.edges].prod(axis=1)
        for name, length in (("tables", int(sizes.sum())), ("unary", int(self.n_states.sum()))):
            values = real_array(getattr(self, name), name)
            if values.shape != (length,):
                raise ValueError(f"{name} has shape {values.shape}; expected ({length},)")
            check_finite(values, name)
            object.__setattr__(self, name, read_only(values))

    @classmethod
    def restricted(
        cls,
        visible: Sequence[int],
        hidden: int,
        *,
        hidden_states: int = 2,
        classes: int = 0,
        copies: int = 1,
        spread: float = 0.01,
        seed: int = 0,
    ) -> Self:
        """Hidden sites coupled to all that is seen; `visible` says how many categories each visible site has.

        Sites are numbered visible, labels, hidden.
        """
        d, told = len(visible), copies if classes else 0
        n_states = np.array([*visible, *[classes] * told, *[hidden_states] * hidden])
        edges = _all_pairs(np.arange(d + told), d + told + np.arange(hidden))
        return cls.on_graph(
            n_states, edges, visible=np.arange(d), labels=d + np.arange(told), spread=spread, seed=seed
        )  # fmt: skip

    @classmethod
    def on_graph(
        cls,
        n_states: ArrayLike,
        edges: ArrayLike,
        *,
        visible: ArrayLike,
        labels: ArrayLike | None = None,
        spread: float = 0.01,
        seed: int = 0,
    ) -> Self:
        """Any wiring; tables start from a normal distribution of width `spread`."""
        states, pairs = np.asarray(n_states), site_pairs(edges, "edges").astype(np.int64)
        rng = np.random.Generator(np.random.Philox(seed))
        return cls(
            n_states=states,
            edges=pairs,
            tables=rng.normal(0.0, spread, int(states[pairs].prod(axis=1).sum())),
            unary=np.zeros(int(states.sum())),
            visible=np.asarray(visible),
            labels=np.zeros(0, dtype=np.int64) if labels is None else np.asarray(labels),
        )

    def __repr__(self) -> str:
        return (
            f"CategoricalBoltzmannModel(visible={self.n_visible}, hidden={self.n_hidden}, classes={self.classes}, "
            f"edges={len(self.edges)})"
        )

    @property
    def n(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return len(self.n_states)

    @property
    def classes(self) -> int:
        return int(self.n_states[self.labels[0]]) if len(self.labels) else 0

    @property
    def n_couplings(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return len(self.tables)

    @property
    def parameters(self) -> NDArray[np.float64]:
        return np.concatenate([self.tables, self.unary])

    def with_parameters(self, parameters: NDArray[np.float64]) -> Self:
        tables, unary = np.split(real_array(parameters, "parameters"), [self.n_couplings])
        return _with_numbers(self, tables=tables, unary=unary)

    @cached_property
    def _starts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the table of each edge begins, and the vector of each site."""
        sizes = self.n_states[self.edges].prod(axis=1)
        return np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([[0], np.cumsum(self.n_states)])

    def to_model(self) -> CategoricalModel:
        tables, sites = self._starts
        shapes = self.n_states[self.edges]
        pairwise_tables = {
            (int(i), int(j)): -self.tables[begin:end].reshape(shape)
            for (i, j), begin, end, shape in zip(self.edges, tables[:-1], tables[1:], shapes)
        }
        return CategoricalModel(self.n_states, np.split(-self.unary, sites[1:-1]), pairwise_tables)

    def statistics(self, states: NDArray) -> NDArray[np.float64]:
        """How often each edge has each pair of categories, and each site each category."""
        rows = np.asarray(states).reshape(-1, self.n).astype(np.int64)
        tables, sites = self._starts
        first, second = self.edges.T
        pairs = np.zeros(len(self.tables))
        height = max(1, _BLOCK // max(1, len(self.edges)))
        for begin in range(0, len(rows), height):
            block = rows[begin : begin + height]
            entries = tables[:-1] + block[:, first] * self.n_states[second] + block[:, second]
            pairs += np.bincount(entries.ravel(), minlength=len(pairs))
        alone = np.bincount((sites[:-1] + rows).ravel(), minlength=len(self.unary))
        return np.concatenate([pairs, alone]) / len(rows)

    def checked(self, data: ArrayLike) -> NDArray[np.int16]:
        given = np.asarray(data)
        if given.ndim != 2 or given.shape[1] != self.n_visible or not len(given):
            raise ValueError(f"data have shape {given.shape}; give rows of {self.n_visible} categories, at least one")
        with np.errstate(invalid="ignore"):
            wrong = ~((given >= 0) & (given < self.n_states[self.visible]) & (given == np.floor(given)))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"data[{row}, {column}] is {given[row, column]}; that site holds the whole numbers 0 to "
                f"{self.n_states[self.visible[column]] - 1}"
            )
        return given.astype(np.int16)

    def clamp(self, data: ArrayLike | None = None, labels: ArrayLike | None = None) -> dict[int, NDArray]:
        held: dict[int, NDArray] = {}
        rows = None
        if data is not None:
            categories = self.checked(data)
            rows = len(categories)
            held |= dict(zip(self.visible.tolist(), np.ascontiguousarray(categories.T)))
        if labels is not None:
            asked = self._checked_labels(labels, rows).astype(np.int16)
            held |= dict.fromkeys(self.labels.tolist(), asked)
        return held

    def votes(self, states: NDArray) -> NDArray[np.float64]:
        """Share of the label sites that hold each class, (…, classes), of states (…, n)."""
        told = np.asarray(states)[..., self.labels]
        return (told[..., None] == np.arange(self.classes)).mean(axis=-2)

    def arrays(self) -> dict[str, NDArray]:
        return {name: getattr(self, name) for name in ("n_states", "edges", "tables", "unary", "visible", "labels")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Self:
        named: dict[str, Any] = {
            name: arrays[name] for name in ("n_states", "edges", "tables", "unary", "visible", "labels")
        }
        return cls(**named)


def _with_numbers(model: M, **numbers: NDArray[np.float64]) -> M:
    """The same machine with other numbers, whose wiring need not be checked again."""
    changed = copy(model)
    for name, values in numbers.items():
        if values.shape != getattr(model, name).shape:
            raise ValueError(f"{name} has shape {values.shape}; expected {getattr(model, name).shape}")
        check_finite(values, name)
        object.__setattr__(changed, name, read_only(values))
    return changed


def _all_pairs(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.column_stack([np.repeat(first, len(second)), np.tile(second, len(first))])


def _few(values: NDArray) -> str:
    found = np.unique(values)
    return ", ".join(map(str, found[:6].tolist())) + (", …" if len(found) > 6 else "")
