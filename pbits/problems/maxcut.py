"""Max-Cut: split a graph in two so that the edges between the sides weigh most."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pbits.models import IsingModel
from pbits.models.base import finite_vector, read_only, real_array, site_pairs
from pbits.problems._files import number, read_lines, whole_number
from pbits.problems.base import Problem, Solution, spins_of

if TYPE_CHECKING:
    import networkx as nx


class MaxCut(Problem):
    """The largest cut of a weighted graph, on one p-bit per vertex.

    J_ij = −w_ij/2, h = 0 and offset = −½ Σ w, so that E = −cut exactly: the cut of a state is minus its
    energy.

    Parameters
    ----------
    n : int
        Number of vertices.
    edges : (m, 2) integers
        Pairs of vertices, 0-based; duplicates add up.
    weights : (m,) array or float
    optimum : float, optional
        The best cut known.

    Raises
    ------
    ValueError
        For a graph without edges, a loop, a vertex outside 0 … n−1 or one that is no whole number, and for
        weights of another shape or that are not finite.
    TypeError
        For weights that are no real numbers.

    Examples
    --------
    >>> from pbits.problems import MaxCut
    >>> triangle = MaxCut(3, [(0, 1), (1, 2), (2, 0)])
    >>> triangle.decode([1, 1, -1])
    (False, False, True)
    >>> triangle.score((False, False, True)), float(triangle.to_model().energy([1, 1, -1]))
    (2.0, -2.0)
    """

    sense = "max"

    def __init__(
        self,
        n: int,
        edges: ArrayLike,
        weights: ArrayLike = 1.0,
        optimum: float | None = None,
        name: str | None = None,
    ):
        self.n = operator.index(n)
        self.edges = read_only(site_pairs(edges, "edges"))
        if not len(self.edges):
            raise ValueError("the graph has no edges; every cut is zero")
        given = real_array(weights, "weights")
        each = given if given.ndim else np.full(len(self.edges), given)
        self.weights = finite_vector(each, len(self.edges), "weights", per="edge")
        outside = (self.edges < 0) | (self.edges >= self.n)
        if outside.any():
            raise ValueError(f"vertex {self.edges[outside][0]} in edges is outside 0 to {self.n - 1}")
        loops = self.edges[:, 0] == self.edges[:, 1]
        if loops.any():
            vertex = self.edges[loops][0, 0]
            raise ValueError(f"edge ({vertex}, {vertex}) is a loop and never cut; leave it out")
        self.optimum = optimum
        self.name = name or f"Max-Cut, {self.n} vertices, {len(self.edges)} edges"

    @classmethod
    def from_graph(cls, graph: nx.Graph, weight: str = "weight", **options: Any) -> MaxCut:
        """From a networkx graph; an edge without the attribute weighs 1, vertices follow `graph.nodes`."""
        if graph.is_directed():
            raise ValueError("the graph is directed; use graph.to_undirected()")
        order = {node: vertex for vertex, node in enumerate(graph.nodes)}
        links = list(graph.edges(data=weight, default=1.0))
        edges = [(order[u], order[v]) for u, v, _ in links]
        return cls(len(order), edges, [float(w) for _, _, w in links], **options)

    @classmethod
    def from_rudy(cls, path: str | PathLike[str], **options: Any) -> MaxCut:
        """From a rudy file: a line `n m`, then m lines `i j w`, vertices from 1; w is 1 where absent.

        Raises
        ------
        ValueError
            For anything malformed or truncated, with file, line and what was expected.
        """
        file = Path(path).name
        rows = [
            (f"{file}, line {count}", line.split())
            for count, line in enumerate(read_lines(path, "a rudy file: 'n m', then 'i j w'"), start=1)
            if line.strip()
        ]
        where, header = rows[0]
        if len(header) != 2:
            raise ValueError(f"{where}: found {' '.join(header)[:40]!r}, expected 'n m'")
        n = whole_number(header[0], where, 1, "the number of vertices")
        m = whole_number(header[1], where, 1, "the number of edges")
        if len(rows) - 1 != m:
            raise ValueError(f"{rows[-1][0]}: found {len(rows) - 1} edges, expected {m} (first line)")
        edges, weights = [], []
        for where, tokens in rows[1:]:
            if len(tokens) not in (2, 3):
                raise ValueError(f"{where}: found {' '.join(tokens)[:40]!r}, expected 'i j w' or 'i j'")
            i, j = (whole_number(token, where, 1, "a vertex") for token in tokens[:2])
            if max(i, j) > n:
                raise ValueError(f"{where}: found vertex {max(i, j)}, expected 1 to {n}")
            if i == j:
                raise ValueError(f"{where}: edge {i} {j} joins a vertex to itself, expected two vertices")
            edges.append((i - 1, j - 1))
            weights.append(number(tokens[2], where) if len(tokens) == 3 else 1.0)
        options.setdefault("name", Path(path).stem)
        return cls(n, edges, weights, **options)

    def build_model(self) -> IsingModel:
        return IsingModel.from_edges(self.n, self.edges, -self.weights / 2, offset=-self.weights.sum() / 2)

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[bool, ...]:
        """For each vertex, whether it lies on the other side than vertex 0."""
        spins = spins_of(state, self.n)
        return tuple((spins != spins[0]).tolist())

    def score(self, answer: Sequence[bool]) -> float:
        """Total weight of the edges between the two sides."""
        side = np.asarray(answer, dtype=bool)
        if side.shape != (self.n,):
            raise ValueError(f"the answer has shape {side.shape}; expected ({self.n},), one side per vertex")
        cut = side[self.edges[:, 0]] != side[self.edges[:, 1]]
        return float(self.weights[cut].sum())

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        return {
            "kind": "graph",
            "edges": self.edges.tolist(),
            "groups": np.asarray(solution.value, dtype=int).tolist(),
            "caption": f"cut of {solution}",
        }

    def beta_range(self) -> tuple[float, float] | None:
        """β from 0.3/r to 6/w: r is the root mean square input of a p-bit at random spins, w the mean |w|."""
        model: Any = self.to_model()
        rms = float(np.sqrt((model.csr.data**2).sum() / self.n))
        return None if rms == 0 else (0.3 / rms, 6 / float(np.abs(self.weights).mean()))
