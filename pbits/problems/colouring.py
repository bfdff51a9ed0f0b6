"""Graph colouring: q colours, so that no edge joins two vertices of one colour."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.mapping import colour_classes
from pbits.models import CategoricalModel
from pbits.models.base import read_only, site_pairs
from pbits.problems._categories import CategoriesProblem, Penalty
from pbits.problems._files import read_lines, whole_number
from pbits.problems.base import Solution

if TYPE_CHECKING:
    import networkx as nx

EDGES = "edges within one colour"
VERTICES = "vertices holding other than one colour"


class GraphColouring(CategoriesProblem):
    """A colour for each vertex of a graph, so that no edge joins two of the same colour.

    One p-dit of q colours a vertex, and E = number of edges within one colour: no penalty, and E = 0 is a proper
    colouring.

    Parameters
    ----------
    n : int
        Number of vertices.
    edges : (m, 2) integers
        Pairs of vertices, 0-based; an edge that is named twice counts once.
    colours : int
        q, at least 2.
    penalty : "safe", "tight", "auto" or float
        Of a vertex that holds other than one colour, in the encoding "one-hot". See Notes.
    name : str, optional

    Raises
    ------
    ValueError
        For a graph without edges, a loop, a vertex outside 0 … n−1, or fewer than two colours.

    Notes
    -----
    Encodings: "p-dits" as above; "one-hot", with a p-bit x_vc for each vertex and colour, and

        E = Σ_edges Σ_c x_uc x_vc + penalty · Σ_v (1 − Σ_c x_vc)².

    "safe" is ½ + ⌊Δ/q⌋, Δ the largest degree: ground states are then colourings with the fewest conflicts, proper or
    not. Proof. Taking one of several colours from a vertex removes no less than the penalty and adds no conflict. Once
    no vertex holds several, one that holds none has at most Δ coloured neighbours, so that one of the q colours has at
    most ⌊Δ/q⌋ of them (pigeonholes); to take it lowers E by the penalty and raises it by ⌊Δ/q⌋ at most.

    "tight" is 1. Where a proper colouring exists, both terms are 0 in it and not negative elsewhere, so any positive
    penalty has the proper colourings as ground states; at 1, more anneals ended in one than at 0.75, 1.5 or 2 for
    random graphs of degree 4.2 in three colours and of degree 10 in five, and for the queens' graph of 7×7.

    Examples
    --------
    >>> from pbits.problems import GraphColouring
    >>> ring = GraphColouring(5, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)], colours=3)
    >>> ring.decode([0, 1, 0, 1, 2]), ring.violations([0, 1, 0, 1, 0])
    ((0, 1, 0, 1, 2), {'edges within one colour': 1})
    >>> ring.conflicts((0, 1, 0, 1, 0))
    [(0, 4)]
    >>> ring.encoded("one-hot").to_model().n
    15
    """

    def __init__(
        self,
        n: int,
        edges: ArrayLike,
        colours: int,
        penalty: Penalty = "tight",
        name: str | None = None,
    ):
        super().__init__(penalty)
        self.n = operator.index(n)
        pairs = site_pairs(edges, "edges")
        if not len(pairs):
            raise ValueError("the graph has no edges; every colouring is proper")
        outside = (pairs < 0) | (pairs >= self.n)
        if outside.any():
            raise ValueError(f"vertex {pairs[outside][0]} in edges is outside 0 to {self.n - 1}")
        loops = pairs[:, 0] == pairs[:, 1]
        if loops.any():
            vertex = pairs[loops][0, 0]
            raise ValueError(f"edge ({vertex}, {vertex}) is a loop; no colour of vertex {vertex} differs from itself")
        self.edges = read_only(np.unique(np.sort(pairs, axis=1), axis=0))
        self.colours = operator.index(colours)
        if self.colours < 2:
            raise ValueError(f"colours is {self.colours}; a graph with edges needs at least 2")
        self.name = name or f"colouring, {self.n} vertices, {len(self.edges)} edges, {self.colours} colours"

    @classmethod
    def from_graph(cls, graph: nx.Graph, colours: int, **options: Any) -> GraphColouring:
        """From a networkx graph; vertices follow `graph.nodes`."""
        order = {node: vertex for vertex, node in enumerate(graph.nodes)}
        return cls(len(order), [(order[u], order[v]) for u, v in graph.edges()], colours, **options)

    @classmethod
    def from_dimacs(cls, path: str | PathLike[str], colours: int | None = None, **options: Any) -> GraphColouring:
        """From a DIMACS graph (.col): "c" comments, a line "p edge n m", then lines "e u v", vertices from 1.

        Files often name each edge in both directions; such pairs count once. The format has no number of colours:
        where none is given, it is that of a greedy colouring, which can always be reached.

        Raises
        ------
        ValueError
            For anything malformed, with file, line and what was expected.
        """
        file = Path(path).name
        expected = "a DIMACS graph: 'p edge n m', then 'e u v'"
        n, m = None, 0
        edges: list[tuple[int, int]] = []
        for count, line in enumerate(read_lines(path, expected), start=1):
            where, tokens = f"{file}, line {count}", line.split()
            if not tokens or tokens[0] == "c":
                continue
            if tokens[0] == "p":
                if n is not None or len(tokens) != 4 or tokens[1] not in ("edge", "edges", "col"):
                    raise ValueError(f"{where}: found {line.strip()[:40]!r}, expected one line 'p edge n m'")
                n = whole_number(tokens[2], where, 1, "the number of vertices")
                m = whole_number(tokens[3], where, 0, "the number of edges")
            elif tokens[0] == "e":
                if n is None or len(tokens) != 3:
                    wanted = "'p edge n m' before the first edge" if n is None else "'e u v'"
                    raise ValueError(f"{where}: found {line.strip()[:40]!r}, expected {wanted}")
                u, v = (whole_number(token, where, 1, "a vertex") for token in tokens[1:])
                if max(u, v) > n:
                    raise ValueError(f"{where}: found vertex {max(u, v)}, expected 1 to {n}")
                if u == v:
                    raise ValueError(f"{where}: edge {u} {v} joins a vertex to itself, expected two vertices")
                edges.append((u - 1, v - 1))
            elif tokens[0] not in ("n", "d", "v", "x"):
                raise ValueError(f"{where}: found {line.strip()[:40]!r}, expected {expected}")
        if n is None or not edges:
            missing = "edges" if n is not None else "line beginning with p"
            raise ValueError(f"{file} holds no {missing}; expected {expected}")
        # Some files count each edge once and name it twice, or the other way round.
        once = len({(min(edge), max(edge)) for edge in edges})
        if m not in (len(edges), once, 2 * once):
            raise ValueError(f"{file}: found {once} edges, expected {m} (its p-line); is it cut short?")
        posed = cls(n, edges, 2 if colours is None else colours, **options)
        return posed if colours is not None else cls(n, edges, posed.greedy_colours(), **options)

    def greedy_colours(self) -> int:
        """How many colours a greedy colouring takes; a proper one with so many exists."""
        return max(2, len(colour_classes(self._categorical)))

    def build_categories(self) -> CategoricalModel:
        equal = np.eye(self.colours)
        return CategoricalModel([self.colours] * self.n, pairwise=dict.fromkeys(map(tuple, self.edges.tolist()), equal))

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, ...] | None:
        """The colour of each vertex, 0 … q−1; None where a vertex holds other than one."""
        found = self.categories(self.repaired(state) if repair else state)
        return None if (found < 0).any() else tuple(found.tolist())

    def encode(self, answer: Sequence[int]) -> NDArray:
        """The state that decodes to this colouring; the inverse of `decode`."""
        return self.encode_categories(self._answer(answer))

    def violations(self, state: ArrayLike) -> dict[str, int]:
        found = self.categories(state)
        u, v = self.edges.T
        clashes = {EDGES: int(((found[u] == found[v]) & (found[u] >= 0)).sum())}
        return clashes if self.encoding == "p-dits" else {VERTICES: int((found < 0).sum()), **clashes}

    def conflicts(self, answer: Sequence[int]) -> list[tuple[int, int]]:
        """The edges within one colour."""
        colour = self._answer(answer)
        clash = colour[self.edges[:, 0]] == colour[self.edges[:, 1]]
        return [(u, v) for u, v in self.edges[clash].tolist()]

    def score(self, answer: Sequence[int]) -> float:
        """The number of edges within one colour, the energy of the state."""
        return float(len(self.conflicts(answer)))

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        if solution.value is None:
            return None
        clash = set(self.conflicts(solution.value))
        return {
            "kind": "graph",
            "edges": self.edges.tolist(),
            "groups": list(solution.value),
            "marked": [(u, v) in clash for u, v in self.edges.tolist()],
            "caption": str(solution),
        }

    def beta_range(self) -> tuple[float, float]:
        """β from 0.5 to 8: from where a conflict is hardly felt to where one in e⁸ attempts to make one is taken."""
        return 0.5, 8.0

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        return {"chains": 16, "stop_at": 0.0, "stop": "any"}

    def _answer(self, answer: Sequence[int]) -> NDArray[np.int64]:
        colour = np.asarray(answer)
        if colour.shape != (self.n,) or colour.dtype.kind not in "iu":
            raise ValueError(f"the answer has shape {colour.shape}; expected ({self.n},), one whole number per vertex")
        if colour.min() < 0 or colour.max() >= self.colours:
            raise ValueError(f"the answer holds {colour.min()} to {colour.max()}; colours are 0 to {self.colours - 1}")
        return colour
