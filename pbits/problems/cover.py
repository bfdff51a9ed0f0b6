"""Independent set and vertex cover: vertices of which no edge holds two, and of which each edge holds one."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.models.base import finite_vector, read_only, real_array, site_pairs
from pbits.problems.base import Problem, Solution, spins_of
from pbits.problems.colouring import GraphColouring

if TYPE_CHECKING:
    import networkx as nx


class _VertexSet(Problem):
    """A set of vertices that each edge restrains; the two problems are each other's complement."""

    KIND: ClassVar[str]
    BROKEN: ClassVar[str]

    def __init__(
        self,
        n: int,
        edges: ArrayLike,
        weights: ArrayLike = 1.0,
        penalty: Literal["safe", "tight", "auto"] | float = "safe",
        optimum: float | None = None,
        name: str | None = None,
    ):
        self.n = operator.index(n)
        pairs = site_pairs(edges, "edges")
        if not len(pairs):
            raise ValueError("the graph has no edges, and nothing to decide")
        outside = (pairs < 0) | (pairs >= self.n)
        if outside.any():
            raise ValueError(f"vertex {pairs[outside][0]} in edges is outside 0 to {self.n - 1}")
        loops = pairs[:, 0] == pairs[:, 1]
        if loops.any():
            vertex = pairs[loops][0, 0]
            raise ValueError(
                f"edge ({vertex}, {vertex}) is a loop; it decides alone about vertex {vertex}: strike both out"
            )
        self.edges = read_only(np.unique(np.sort(pairs, axis=1), axis=0))
        given = real_array(weights, "weights")
        self.weights = finite_vector(given if given.ndim else np.full(self.n, given), self.n, "weights", per="vertex")
        if (self.weights <= 0).any():
            vertex = int(np.flatnonzero(self.weights <= 0)[0])
            raise ValueError(f"the weight of vertex {vertex} is {self.weights[vertex]:g}; weights are positive")
        self.optimum = optimum
        self.name = name or f"{self.KIND}, {self.n} vertices, {len(self.edges)} edges"
        self.penalty = 1.0
        posed = self.penalised(penalty)
        self.penalty, self.penalty_rule = posed.penalty, posed.penalty_rule

    @classmethod
    def from_graph(cls, graph: nx.Graph, weight: str = "weight", **options: Any) -> Self:
        """From a networkx graph; a vertex without the attribute weighs 1, vertices follow `graph.nodes`."""
        order = {node: vertex for vertex, node in enumerate(graph.nodes)}
        vertices: Any = graph.nodes(data=weight, default=1.0)
        options.setdefault("weights", [float(w) for _, w in vertices])
        return cls(len(order), [(order[u], order[v]) for u, v in graph.edges()], **options)

    @classmethod
    def from_dimacs(cls, path: str | PathLike[str], **options: Any) -> Self:
        """From a DIMACS graph: "p edge n m", then "e u v", vertices from 1; see `GraphColouring.from_dimacs`."""
        graph = GraphColouring.from_dimacs(path, colours=2)
        options.setdefault("name", f"{cls.KIND} of {Path(path).stem}")
        return cls(graph.n, graph.edges, **options)

    def penalty_by(self, rule: str) -> float:
        least = float(self.weights[self.edges].min(axis=1).max())
        if rule == "safe":
            return 1.5 * least
        if rule in ("tight", "auto"):
            return least
        raise ValueError(f"penalty is {rule!r}; expected 'safe', 'tight', 'auto' or a positive number")

    @abstractmethod
    def _outside(self, state: ArrayLike) -> NDArray[np.bool_]:
        """Which vertices are outside the cover, that is, in the independent set."""

    @abstractmethod
    def _state(self, outside: NDArray[np.bool_]) -> NDArray[np.int8]:
        """The inverse of `_outside`."""

    def build_model(self) -> IsingModel:
        weighing, touching = self.parts()
        assert self.penalty is not None
        return IsingModel(
            self.penalty * touching.csr,
            weighing.h + self.penalty * touching.h,
            weighing.offset + self.penalty * touching.offset,
        )

    def parts(self) -> tuple[IsingModel, IsingModel]:
        # x of the set; of an edge, both in it or both outside, which is (1 ± s)(1 ± s)/4.
        sign = 1.0 if self.sense == "max" else -1.0
        degree = np.bincount(self.edges.ravel(), minlength=self.n)
        worth = self.weights / 2
        weighing = IsingModel.from_edges(self.n, np.zeros((0, 2), int), [], sign * worth, -sign * worth.sum())
        touching = IsingModel.from_edges(self.n, self.edges, -0.25, -sign * degree / 4, len(self.edges) / 4)
        return weighing, touching

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, ...] | None:
        """The vertices of the set, rising; None where an edge forbids it."""
        rows = self.repaired(state) if repair else np.asarray(state)
        if any(self.violations(rows).values()):
            return None
        return tuple(np.flatnonzero(rows > 0).tolist())

    def encode(self, answer: Sequence[int]) -> NDArray[np.int8]:
        """The state of this set of vertices."""
        state = np.full(self.n, -1, dtype=np.int8)
        state[self._vertices(answer)] = 1
        return state

    def _vertices(self, answer: Sequence[int]) -> NDArray[np.int64]:
        chosen = np.asarray(answer, dtype=np.int64)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= self.n):
            raise ValueError(f"vertices are 0 to {self.n - 1}; the answer names {chosen.min()} to {chosen.max()}")
        return np.unique(chosen)

    def score(self, answer: Sequence[int]) -> float:
        """The weight of the set."""
        return float(self.weights[self._vertices(answer)].sum())

    def violations(self, state: ArrayLike) -> dict[str, int]:
        outside = self._outside(state)
        return {self.BROKEN: int(outside[self.edges].all(axis=1).sum())}

    def repaired(self, state: ArrayLike) -> NDArray[np.int8]:
        """Of the vertices on broken edges, those with the most of them per weight change sides, one after another."""
        outside = self._outside(state).copy()
        while (broken := outside[self.edges].all(axis=1)).any():
            count = np.bincount(self.edges[broken].ravel(), minlength=self.n)
            outside[(count / self.weights).argmax()] = False
        return self._state(outside)

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        if solution.value is None:
            return None
        return {
            "kind": "graph",
            "edges": self.edges.tolist(),
            "groups": (self.encode(solution.value) > 0).astype(int).tolist(),
            "caption": f"{self.KIND} of {solution}",
        }

    def beta_range(self) -> tuple[float, float]:
        """β from 0.3/w̄ to 8/w, with the mean and the least weight of a vertex."""
        return 0.3 / float(self.weights.mean()), 8.0 / float(self.weights.min())


class IndependentSet(_VertexSet):
    """The vertices of most weight of which no two are joined by an edge.

        E = −Σ w_v x_v + A Σ_edges x_u x_v,

    so that the energy of an independent set is minus its weight.

    Parameters
    ----------
    n : int
        Number of vertices.
    edges : (m, 2) integers
        Pairs of vertices, 0-based; an edge that is named twice counts once.
    weights : (n,) array or float
        Positive.
    penalty : "safe", "tight", "auto" or float
        A. With w* = max over edges of the lighter end's weight, "tight" is w*, and "safe" 1.5 w*.
    optimum : float, optional
        The largest weight known.

    Raises
    ------
    ValueError
        For a graph without edges, a loop, a vertex outside 0 … n−1, or a weight that is not positive.

    Notes
    -----
    Taking the lighter end of a broken edge out lowers E by at least A − w*: with "tight" that never raises it, so the
    ground states contain a heaviest independent set, and with "safe" they all are.

    Examples
    --------
    >>> import networkx as nx
    >>> from pbits.problems import IndependentSet
    >>> ring = IndependentSet.from_graph(nx.cycle_graph(5))
    >>> ring.decode([1, -1, 1, -1, -1]), float(ring.to_model().energy([1, -1, 1, -1, -1]))
    ((0, 2), -2.0)
    >>> ring.decode([1, 1, 1, -1, -1], repair=True)
    (0, 2)
    """

    KIND, BROKEN = "independent set", "edges inside the set"
    sense = "max"
    unit = "weight"

    def _outside(self, state: ArrayLike) -> NDArray[np.bool_]:
        return spins_of(state, self.n) > 0

    def _state(self, outside: NDArray[np.bool_]) -> NDArray[np.int8]:
        return np.where(outside, 1, -1).astype(np.int8)


class VertexCover(_VertexSet):
    """The vertices of least weight that hold an end of every edge.

        E = Σ w_v x_v + A Σ_edges (1 − x_u)(1 − x_v),

    so that the energy of a cover is its weight. What is left over is an independent set, and parameters, penalties and
    their proof are those of `IndependentSet`, with the lighter end put in.

    Examples
    --------
    >>> import networkx as nx
    >>> from pbits.problems import VertexCover
    >>> ring = VertexCover.from_graph(nx.cycle_graph(5))
    >>> ring.decode([-1, 1, -1, 1, 1]), float(ring.to_model().energy([-1, 1, -1, 1, 1]))
    ((1, 3, 4), 3.0)
    """

    KIND, BROKEN = "vertex cover", "edges uncovered"
    unit = "weight"

    def _outside(self, state: ArrayLike) -> NDArray[np.bool_]:
        return spins_of(state, self.n) < 0

    def _state(self, outside: NDArray[np.bool_]) -> NDArray[np.int8]:
        return np.where(outside, -1, 1).astype(np.int8)
