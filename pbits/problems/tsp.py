"""The traveling salesman on p-bits: one p-bit per city and slot of the tour."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.models.base import is_symmetric, read_only, real_array
from pbits.problems.base import Problem, Solution, spins_of
from pbits.problems.tsplib import read_tour, read_tsplib

MAX_MODEL_CITIES = 150

CITIES = "cities visited other than once"
SLOTS = "slots holding other than one city"


class TravelingSalesman(Problem):
    """The shortest closed tour through N cities, on (N − 1)² p-bits.

    City 0 holds slot 0. Bit x_ct = (1 + s_ct)/2 says that city c is the t-th stop, for c and t in
    1 … N−1; site (c − 1)(N − 1) + (t − 1) holds it. With penalty A,

        E = A Σ_c (1 − Σ_t x_ct)² + A Σ_t (1 − Σ_c x_ct)² + Σ_t Σ_{u≠v} d_uv x_ut x_v,t+1
            + Σ_c d_0c (x_c1 + x_c,N−1),

    so that the energy of a valid tour is its length.

    Parameters
    ----------
    distances : (N, N) array
        Symmetric, not negative, N at least 3. The diagonal is not used.
    names : sequence of str, optional
    coordinates : (N, 2) array, optional
        For drawing only.
    penalty : "safe", "tight" or float
        "safe" is A = ½ max (d_ac + d_cb) over a, b and the cities c that p-bits place, which is at most
        the largest distance. From every invalid state, some sequence of single flips then leads to a
        valid tour without ever raising the energy (see Notes), so the ground states contain an optimal
        tour. "tight" is A = 1.35 · ½ · the longest two adjoining steps of a nearest-neighbour tour
        improved by 2-opt: lower, and without that guarantee. A number is taken as A.
    optimum : float, optional
        The length of the best tour known.
    unit : str
        Unit of the distances.
    geographical : bool
        Whether coordinates are (latitude, longitude).

    Attributes
    ----------
    penalty : float
        A.
    scale : float
        The largest distance, the natural unit of energy.

    Raises
    ------
    ValueError
        For distances that are no symmetric problem, with the remedy. `to_model` refuses more than 150
        cities, for the number of couplings grows as 2N³.
    TypeError
        For distances or coordinates that are no real numbers.

    Notes
    -----
    Why "safe" suffices: taking a city out of a slot that holds two, or taking out one visit of a city
    with two, never raises E. Once no slot and no city has two, as many cities are absent as slots are
    empty, and placing one in the other gains 2A and costs at most two distances.

    A larger A than needed buries the distances: single flips then freeze the order of the cities long
    before the temperature resolves lengths.

    Examples
    --------
    >>> from pbits.problems import TravelingSalesman
    >>> square = TravelingSalesman.from_coordinates([[0, 0], [0, 1], [1, 1], [1, 0]])
    >>> model = square.to_model()
    >>> model.n
    9
    >>> square.decode(square.encode((0, 1, 2, 3)))
    (0, 1, 2, 3)
    >>> float(model.energy(square.encode((0, 1, 2, 3))))
    4.0
    """

    def __init__(
        self,
        distances: ArrayLike,
        names: Sequence[str] | None = None,
        coordinates: ArrayLike | None = None,
        penalty: Literal["safe", "tight"] | float = "safe",
        optimum: float | None = None,
        name: str | None = None,
        unit: str = "",
        geographical: bool = False,
    ):
        self.geographical = geographical
        self.distances = _checked_distances(distances)
        self.n_cities = len(self.distances)
        if names is not None and len(names) != self.n_cities:
            raise ValueError(f"names has {len(names)} entries; expected {self.n_cities}, one per city")
        self.names = tuple(names) if names is not None else None
        self.coordinates = None
        if coordinates is not None:
            self.coordinates = read_only(real_array(coordinates, "coordinates"))
            if self.coordinates.shape != (self.n_cities, 2):
                raise ValueError(f"coordinates have shape {self.coordinates.shape}; expected ({self.n_cities}, 2)")
        self.scale = float(self.distances.max())
        self.penalty = _penalty(penalty, self.distances)
        self.optimum = optimum
        self.name = name or f"traveling salesman, {self.n_cities} cities"
        self.unit = unit

    @classmethod
    def from_matrix(cls, distances: ArrayLike, **options: Any) -> TravelingSalesman:
        """From an (N, N) matrix of distances; options as for the class."""
        return cls(distances, **options)

    @classmethod
    def from_coordinates(cls, xy: ArrayLike, **options: Any) -> TravelingSalesman:
        """From points in the plane, shape (N, 2), with Euclidean distances that are not rounded."""
        points = real_array(xy, "coordinates")
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"coordinates have shape {points.shape}; expected (N, 2)")
        if not np.isfinite(points).all():
            raise ValueError(f"coordinates of city {np.argwhere(~np.isfinite(points))[0, 0]} are not finite")
        steps = points[:, None] - points[None, :]
        return cls(np.hypot(steps[..., 0], steps[..., 1]), coordinates=points, **options)

    @classmethod
    def from_tsplib(cls, path: str | PathLike[str], **options: Any) -> TravelingSalesman:
        """From a TSPLIB file; options as for the class.

        Where no `optimum` is given and the optimal tour lies beside the file under TSPLIB's name for
        it (`name.opt.tour`), the length of that tour is the optimum.
        """
        instance = read_tsplib(path)
        beside = Path(path).with_suffix(".opt.tour")
        if "optimum" not in options and beside.is_file():
            options["optimum"] = float(instance.tour_length(read_tour(beside)))
        options.setdefault("name", instance.name)
        options.setdefault("coordinates", instance.coordinates)
        geographical = instance.edge_weight_type == "GEO"
        options.setdefault("unit", "km" if geographical else "")
        options.setdefault("geographical", geographical)
        return cls(instance.distances, **options)

    def build_model(self) -> IsingModel:
        m = self.n_cities - 1
        if self.n_cities > MAX_MODEL_CITIES:
            couplings = m * m * (m - 1) + m * (m - 1) ** 2
            raise ValueError(
                f"{self.n_cities} cities need {m * m} p-bits and {couplings / 1e6:.0f} million couplings, "
                f"{couplings * 32e-9:.1f} GB; the one-hot model is built up to {MAX_MODEL_CITIES} cities"
            )
        site = np.arange(m * m).reshape(m, m)
        first, second = np.triu_indices(m, 1)
        same_city = site[:, first].ravel(), site[:, second].ravel()
        same_slot = site[first].ravel(), site[second].ravel()
        u, v = np.nonzero(~np.eye(m, dtype=bool))
        next_slot = site[u, :-1].ravel(), site[v, 1:].ravel()
        steps = np.repeat(self.distances[u + 1, v + 1], m - 1)
        linear = np.full((m, m), -2 * self.penalty)
        linear[:, 0] += self.distances[0, 1:]
        linear[:, -1] += self.distances[0, 1:]

        rows = np.concatenate([same_city[0], same_slot[0], next_slot[0], site.ravel()])
        cols = np.concatenate([same_city[1], same_slot[1], next_slot[1], site.ravel()])
        exclusion = np.full(len(same_city[0]) + len(same_slot[0]), 2 * self.penalty)
        values = np.concatenate([exclusion, steps, linear.ravel()])
        Q: Any = sp.coo_array((values, (rows, cols)), shape=(m * m, m * m))
        return IsingModel.from_qubo(Q, offset=2 * self.penalty * m)

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, ...] | None:
        """The tour as city indices from city 0, or None where the state is no tour."""
        grid = self._grid(state)
        if not ((grid.sum(axis=0) == 1).all() and (grid.sum(axis=1) == 1).all()):
            return None
        return (0, *(grid.argmax(axis=0) + 1).tolist())

    def encode(self, tour: Sequence[int]) -> NDArray[np.int8]:
        """The state of shape ((N − 1)²,) that decodes to this tour; the inverse of `decode`."""
        order = self._checked_tour(tour)
        order = np.roll(order, -int(np.flatnonzero(order == 0)[0]))
        grid = np.full((self.n_cities - 1, self.n_cities - 1), -1, dtype=np.int8)
        grid[order[1:] - 1, np.arange(self.n_cities - 1)] = 1
        return grid.ravel()

    def violations(self, state: ArrayLike) -> dict[str, int]:
        grid = self._grid(state)
        return {
            CITIES: int((grid.sum(axis=1) != 1).sum()),
            SLOTS: int((grid.sum(axis=0) != 1).sum()),
        }

    def score(self, answer: Sequence[int]) -> float:
        """Length of the closed tour, which must visit every city once."""
        order = self._checked_tour(answer)
        return float(self.distances[order, np.roll(order, -1)].sum())

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        if self.coordinates is None:
            return None
        return {
            "kind": "tour",
            "coordinates": self._map().tolist(),
            "tour": None if solution.value is None else list(solution.value),
            "names": list(self.names or ()),
            "feasible": solution.feasible,
            "caption": str(solution),
        }

    def _map(self) -> NDArray[np.float64]:
        """Points to draw: TSPLIB's (latitude, longitude) in degrees.minutes as degrees, longitude first."""
        assert self.coordinates is not None
        if not self.geographical:
            return self.coordinates
        whole = np.trunc(self.coordinates)
        return (whole + (self.coordinates - whole) * 5 / 3)[:, ::-1]

    def beta_range(self) -> tuple[float, float]:
        """β from 1/(0.35 d_max) to 1/(0.02 d_max): from where tours melt to where lengths are resolved."""
        return 1 / (0.35 * self.scale), 1 / (0.02 * self.scale)

    def _grid(self, state: ArrayLike) -> NDArray[np.bool_]:
        m = self.n_cities - 1
        return spins_of(state, m * m).reshape(m, m) > 0

    def _checked_tour(self, tour: Sequence[int]) -> NDArray[np.int64]:
        order = np.asarray(tour, dtype=np.int64)
        if not np.array_equal(np.sort(order), np.arange(self.n_cities)):
            raise ValueError(
                f"the tour {tuple(order.tolist())[:12]} … does not visit each of the cities 0 to "
                f"{self.n_cities - 1} once"
            )
        return order


def _checked_distances(distances: ArrayLike) -> NDArray[np.float64]:
    D = real_array(distances, "distances")
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise ValueError(f"distances have shape {D.shape}; expected a square matrix (N, N)")
    if len(D) < 3:
        raise ValueError(f"there are {len(D)} cities; a tour needs at least 3")
    np.fill_diagonal(D, 0.0)
    for wrong, what in ((~np.isfinite(D), "finite"), (D < 0, "zero or more")):
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise ValueError(f"distances[{i}, {j}] is {D[i, j]:g}; every distance must be {what}")
    gap = np.abs(D - D.T)
    if not is_symmetric(gap.max(), D.max()):
        i, j = np.unravel_index(gap.argmax(), gap.shape)
        raise ValueError(
            f"distances are not symmetric: [{i}, {j}] is {D[i, j]} but [{j}, {i}] is {D[j, i]}; "
            "(D + Dᵀ)/2 is symmetric, and an instance with one-way distances must first be doubled"
        )
    if not D.any():
        raise ValueError("all distances are zero; every tour is optimal")
    return read_only((D + D.T) / 2)


def _penalty(penalty: str | float, D: NDArray[np.float64]) -> float:
    if penalty == "safe":
        # City 0 has no p-bits, so it is never absent and never has to be placed.
        return float(np.sort(D[1:], axis=1)[:, -2:].sum(axis=1).max() / 2)
    if penalty == "tight":
        order = _short_tour(D)
        step = D[order, np.roll(order, -1)]
        return float(1.35 * (step + np.roll(step, 1)).max() / 2)
    if isinstance(penalty, str) or not (np.isfinite(penalty) and penalty > 0):
        raise ValueError(f"penalty is {penalty!r}; expected 'safe', 'tight' or a positive number")
    return float(penalty)


def _short_tour(D: NDArray[np.float64]) -> NDArray[np.int64]:
    """A nearest-neighbour tour from city 0, improved by 2-opt until no reversal shortens it."""
    n = len(D)
    order = [0]
    left = set(range(1, n))
    while left:
        order.append(min(left, key=lambda c: (D[order[-1], c], c)))
        left.remove(order[-1])
    tour = np.array(order)
    improved = True
    while improved:
        improved = False
        for i in range(n - 1):
            ends = np.append(tour[i + 2 :], tour[0])
            starts = tour[i + 1 :]
            gain = D[tour[i], starts[0]] + D[starts, ends] - D[tour[i], starts] - D[starts[0], ends]
            best = int(gain.argmax())
            if gain[best] > 1e-9 * D.max():
                tour[i + 1 : i + best + 2] = tour[i + 1 : i + best + 2][::-1].copy()
                improved = True
    return tour
