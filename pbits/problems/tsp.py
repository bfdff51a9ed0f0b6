"""The travelling salesman: one p-bit per city and slot, one p-dit per slot, or moves of whole tours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pbits.models import CategoricalModel, EnergyModel, IsingModel, PermutationModel
from pbits.models.base import is_symmetric, read_only, real_array
from pbits.models.distances import Distances
from pbits.moves import Moves
from pbits.problems.base import Problem, Solution, spins_of
from pbits.problems.tour_starts import completed, greedy_tour, improved_by_2opt
from pbits.problems.tsplib import read_tour, read_tsplib

MAX_MODEL_CITIES = 150
MAX_DIT_CITIES = 80

CITIES = "cities visited other than once"
SLOTS = "slots holding other than one city"

Penalty = Literal["safe", "tight", "auto"] | float
_RULES = ("safe", "tight", "auto")
_TIGHT = {"one-hot": 1.35, "p-dits": 0.85}


class TravelingSalesman(Problem):
    """The shortest closed tour through N cities, posed in one of three ways.

    "one-hot": (N − 1)² p-bits; city 0 holds slot 0. Bit x_ct = (1 + s_ct)/2 says that city c is the t-th stop, for c
    and t in 1 … N−1; site (c − 1)(N − 1) + (t − 1) holds it. With penalty A,

        E = A Σ_c (1 − Σ_t x_ct)² + A Σ_t (1 − Σ_c x_ct)² + Σ_t Σ_{u≠v} d_uv x_ut x_v,t+1
            + Σ_c d_0c (x_c1 + x_c,N−1).

    "p-dits": N − 1 p-dits, one for each slot t in 1 … N−1, of N − 1 categories: category c − 1 is city c, and
    E = length of the closed walk 0, c_1, …, c_{N−1} + 2A Σ_{t<u} [c_t = c_u], the energy of the same state on p-bits.

    "permutation": slot t of a `PermutationModel` holds the t-th stop, E is the length, and every state is a tour.

    The energy of a valid tour is its length in all of them. Up to 150 cities "one-hot" is the encoding of a problem as
    made, beyond that "permutation".

    Parameters
    ----------
    distances : (N, N) array or Distances
        Symmetric, not negative, N at least 3. The diagonal is not used.
    names : sequence of str, optional
    coordinates : (N, 2) array, optional
        For drawing only; by default those of the distances, if they have any.
    penalty : "safe", "tight", "auto" or float
        Of one-hot and p-dits. "safe" is A = ½ max (d_ac + d_cb) over a, b and the cities c that are not held, which is
        at most the largest distance: the ground states then contain an optimal tour (see Notes). "tight" is lower and
        without that guarantee: 1.35 on p-bits, or 0.85 on p-dits, times half the longest two adjoining steps of a
        greedy tour improved by 2-opt. "auto" begins as "tight", and `pbits.solve` raises it until half of the reads are
        valid. A number is taken as A.
    optimum : float, optional
        The length of the best tour known.
    unit : str
        Unit of the distances.
    geographical : bool, optional
        Whether coordinates are (latitude, longitude).

    Attributes
    ----------
    places : Distances
        Between any two cities, without a matrix where there are coordinates.
    penalty : float or None
        A; None of permutations.
    scale : float
        The largest distance, the natural unit of energy.

    Raises
    ------
    ValueError
        For distances that are no symmetric problem, with the remedy; for more than 150 cities on p-bits, whose
        couplings grow as 2N³, or more than 80 on p-dits, whose tables grow as N⁴/2, with the memory they would take.
    TypeError
        For distances or coordinates that are no real numbers.

    Notes
    -----
    Why "safe" suffices on p-bits: taking a city out of a slot that holds two, or taking out one visit of a city with
    two, never raises E. Once no slot and no city has two, as many cities are absent as slots are empty, and placing one
    in the other gains 2A and costs at most two distances. So from every invalid state some sequence of single flips
    leads to a valid tour and never raises E. The states of p-dits are those states of p-bits that hold one city in each
    slot, with the same energies; so the ground states contain an optimal tour there too, though the way down that
    empties slots is not open to p-dits.

    Why "tight" is what it is: the lowest A at which some optimal tour is a ground state, over half the longest two
    adjoining steps of that tour, was by enumeration at most 1.30 (mean 1.04) on p-bits, in 100 random instances of 5
    cities, and at most 0.83 (mean 0.5) on p-dits, in 230 of 5 to 7. p-bits may leave out a city and a slot together,
    p-dits may not.

    A larger A than needed buries the distances: single flips then freeze the order of the cities long before the
    temperature resolves lengths. See docs/explanation/travelling_salesman.md.

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
    >>> square.to_model("permutation").energy([2, 3, 0, 1])
    array(4.)
    """

    encodings = ("one-hot", "p-dits", "permutation")
    encoding = "one-hot"

    def __init__(
        self,
        distances: ArrayLike | Distances,
        names: Sequence[str] | None = None,
        coordinates: ArrayLike | None = None,
        penalty: Penalty = "safe",
        optimum: float | None = None,
        name: str | None = None,
        unit: str = "",
        geographical: bool | None = None,
    ):
        if isinstance(distances, Distances) and not distances.symmetric:
            distances = distances.to_matrix()
        self.places = distances if isinstance(distances, Distances) else Distances(_checked_distances(distances))
        self.n_cities = self.places.n
        if self.n_cities < 3:
            raise ValueError(f"there are {self.n_cities} cities; a tour needs at least 3")
        far = self.places.matrix
        if not np.any(self.places.between(0, np.arange(self.n_cities)) if far is None else far):
            raise ValueError("all distances are zero; every tour is optimal")
        if names is not None and len(names) != self.n_cities:
            raise ValueError(f"names has {len(names)} entries; expected {self.n_cities}, one per city")
        self.names = tuple(names) if names is not None else None
        self.coordinates = self.places.coordinates
        if coordinates is not None:
            self.coordinates = read_only(real_array(coordinates, "coordinates"))
            if self.coordinates.shape != (self.n_cities, 2):
                raise ValueError(f"coordinates have shape {self.coordinates.shape}; expected ({self.n_cities}, 2)")
        self.geographical = self.places.metric == "GEO" if geographical is None else geographical
        if not (penalty in _RULES if isinstance(penalty, str) else _positive(penalty)):
            raise ValueError(f"penalty is {penalty!r}; expected 'safe', 'tight', 'auto' or a positive number")
        self._asked = penalty
        if self.n_cities > MAX_MODEL_CITIES:
            self.encoding = "permutation"
        self._set_penalty()
        self.optimum = optimum
        self.name = name or f"traveling salesman, {self.n_cities} cities"
        self.unit = unit

    @classmethod
    def from_matrix(cls, distances: ArrayLike, **options: Any) -> TravelingSalesman:
        """From an (N, N) matrix of distances; options as for the class."""
        return cls(distances, **options)

    @classmethod
    def from_coordinates(cls, xy: ArrayLike, metric: str = "EUCLIDEAN", **options: Any) -> TravelingSalesman:
        """From points, shape (N, 2), without a matrix, so that 85,900 cities are no more than their coordinates.

        Parameters
        ----------
        xy : (N, 2) array
        metric : str
            "EUCLIDEAN", which is not rounded, or one of TSPLIB's: see `pbits.models.distances.METRICS`.
        **options
            As for the class.
        """
        return cls(Distances(coordinates=xy, metric=metric), **options)

    @classmethod
    def random(cls, n: int, seed: int, **options: Any) -> TravelingSalesman:
        """n cities, uniform in the unit square."""
        points = np.random.default_rng(seed).random((n, 2))
        return cls.from_coordinates(points, **({"name": f"{n} random cities"} | options))

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
        options.setdefault("unit", "km" if instance.edge_weight_type == "GEO" else "")
        if instance.weights is None:
            assert instance.coordinates is not None, "an instance has weights or coordinates"
            return cls.from_coordinates(instance.coordinates, metric=instance.edge_weight_type, **options)
        options.setdefault("coordinates", instance.coordinates)
        return cls(instance.weights, **options)

    @property
    def distances(self) -> NDArray[np.float64]:
        """All distances, (N, N), built on first use; refused above 10,000 cities, with what it would take."""
        return self.places.to_matrix()

    @cached_property
    def scale(self) -> float:
        return float(self.distances.max())

    @cached_property
    def _start(self) -> NDArray[np.int32]:
        return read_only(greedy_tour(self.places))

    def _set_penalty(self) -> None:
        if self.encoding == "permutation":
            self.penalty, self.penalty_rule = None, ""
            return
        self._refuse_many()
        if isinstance(self._asked, str):
            self.penalty, self.penalty_rule = self.penalty_by(self._asked), self._asked
        else:
            self.penalty, self.penalty_rule = float(self._asked), "given"

    def encoded(self, encoding: str) -> TravelingSalesman:
        posed = super().encoded(encoding)
        posed._set_penalty()
        return posed

    def _changed(self, **attributes: Any) -> TravelingSalesman:
        # What was asked for is remembered, so that another encoding of the changed problem keeps it.
        asked = attributes.get("penalty", self._asked)
        if attributes.get("penalty_rule") in _RULES:
            asked = attributes["penalty_rule"]
        return super()._changed(_asked=asked, **attributes)

    def penalty_by(self, rule: str) -> float:
        if rule == "safe":
            # City 0 is held, so it is never absent and never has to be placed.
            return float(np.sort(self.distances[1:], axis=1)[:, -2:].sum(axis=1).max() / 2)
        if rule in ("tight", "auto"):
            order = improved_by_2opt(self.distances, self._start)
            step = self.distances[order, np.roll(order, -1)]
            return float(_TIGHT[self.encoding] * (step + np.roll(step, 1)).max() / 2)
        raise ValueError(f"penalty is {rule!r}; expected 'safe', 'tight', 'auto' or a positive number")

    def build_model(self) -> EnergyModel:
        if self.encoding == "permutation":
            return PermutationModel(self.places)
        return self._weighted(1.0, self._weight)

    def parts(self) -> tuple[EnergyModel, EnergyModel] | None:
        if self.encoding == "permutation":
            return None
        return self._weighted(1.0, 0.0), self._weighted(0.0, 1.0)

    @property
    def _weight(self) -> float:
        assert self.penalty is not None, f"the encoding {self.encoding} has a penalty"
        return self.penalty

    def _weighted(self, length: float, penalty: float) -> IsingModel | CategoricalModel:
        """length · (the tour's) + penalty · (broken constraints)."""
        posed = self._on_bits if self.encoding == "one-hot" else self._on_dits
        return posed(length * self.distances, penalty)

    def _refuse_many(self) -> None:
        n, m = self.n_cities, self.n_cities - 1
        largest = MAX_MODEL_CITIES if self.encoding == "one-hot" else MAX_DIT_CITIES
        if n <= largest:
            return
        couplings = m * m * (m - 1) + m * (m - 1) ** 2
        needs = (
            f"{m * m} p-bits and {couplings / 1e6:.0f} million couplings, {couplings * 32e-9:.1f} GB"
            if self.encoding == "one-hot"
            else f"{m} p-dits and tables of {m**3 * (m - 1) / 2e6:.0f} million entries, {m**4 * 4e-9:.1f} GB"
        )
        raise ValueError(
            f"{n} cities need {needs}; the {self.encoding} model is built up to {largest} cities, and the encoding "
            "'permutation' takes more"
        )

    def _on_bits(self, D: NDArray[np.float64], A: float) -> IsingModel:
        m = self.n_cities - 1
        site = np.arange(m * m).reshape(m, m)
        first, second = np.triu_indices(m, 1)
        same_city = site[:, first].ravel(), site[:, second].ravel()
        same_slot = site[first].ravel(), site[second].ravel()
        u, v = np.nonzero(~np.eye(m, dtype=bool))
        next_slot = site[u, :-1].ravel(), site[v, 1:].ravel()
        steps = np.repeat(D[u + 1, v + 1], m - 1)
        linear = np.full((m, m), -2 * A)
        linear[:, 0] += D[0, 1:]
        linear[:, -1] += D[0, 1:]

        rows = np.concatenate([same_city[0], same_slot[0], next_slot[0], site.ravel()])
        cols = np.concatenate([same_city[1], same_slot[1], next_slot[1], site.ravel()])
        exclusion = np.full(len(same_city[0]) + len(same_slot[0]), 2 * A)
        values = np.concatenate([exclusion, steps, linear.ravel()])
        there = values != 0
        Q: Any = sp.coo_array((values[there], (rows[there], cols[there])), shape=(m * m, m * m))
        return IsingModel.from_qubo(Q, offset=2 * A * m)

    def _on_dits(self, D: NDArray[np.float64], A: float) -> CategoricalModel:
        m = self.n_cities - 1
        among, from_home = D[1:, 1:], D[0, 1:]
        unary = np.zeros((m, m))
        unary[0] += from_home
        unary[-1] += from_home
        twice = 2 * A * np.eye(m)
        apart = {(t, u): twice for t in range(m) for u in range(t + 2, m)} if A else {}
        along = {(t, t + 1): among + twice for t in range(m - 1)}
        return CategoricalModel(m, list(unary), apart | along)

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, ...] | None:
        """The tour as city indices from city 0, or None where the state is no tour."""
        visits = self._visits(self.repaired(state) if repair else state)
        if not (np.bincount(visits[0], minlength=self.n_cities) == 1).all() or not (np.diff(visits[1]) == 1).all():
            return None
        return tuple(visits[0].tolist())

    def encode(self, tour: Sequence[int]) -> NDArray:
        """The state that decodes to this tour; the inverse of `decode`."""
        order = self._checked_tour(tour)
        order = np.roll(order, -int(np.flatnonzero(order == 0)[0]))
        if self.encoding == "permutation":
            return order.astype(np.int32)
        if self.encoding == "p-dits":
            return (order[1:] - 1).astype(np.int16)
        grid = np.full((self.n_cities - 1, self.n_cities - 1), -1, dtype=np.int8)
        grid[order[1:] - 1, np.arange(self.n_cities - 1)] = 1
        return grid.ravel()

    def _visits(self, state: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The cities visited and their slots, by slot, with city 0 in slot 0 first."""
        m = self.n_cities - 1
        if self.encoding == "one-hot":
            slots, cities = np.nonzero(spins_of(state, m * m).reshape(m, m).T > 0)
        else:
            held = np.asarray(state)
            if held.ndim != 1:
                raise ValueError(f"the state has shape {held.shape}; expected ({self.to_model().n},)")
            self.to_model().energy(held)  # refuses what is no state of it
            cities = held.astype(np.int64)
            slots = np.arange(len(cities))
            if self.encoding == "permutation":
                return np.roll(cities, -int(np.flatnonzero(cities == 0)[0])), slots
        return np.append(0, cities + 1), np.append(0, slots + 1)

    def repaired(self, state: ArrayLike) -> NDArray:
        """The first visit of each city stays, in order; cities that are missing go where they lengthen it least."""
        if self.decode(state) is not None:
            return np.asarray(state)
        cities = self._visits(state)[0]
        first = np.sort(np.unique(cities, return_index=True)[1])
        return self.encode(completed(self.distances, cities[first].tolist()).tolist())

    def violations(self, state: ArrayLike) -> dict[str, int]:
        cities, slots = self._visits(state)
        found = {CITIES: int((np.bincount(cities, minlength=self.n_cities) != 1).sum())}
        if self.encoding == "one-hot":
            found[SLOTS] = int((np.bincount(slots, minlength=self.n_cities) != 1).sum())
        return found if self.encoding != "permutation" else {}

    def score(self, answer: Sequence[int]) -> float:
        """Length of the closed tour, which must visit every city once."""
        return float(self.places.length(self._checked_tour(answer)))

    def text(self, answer: Sequence[int]) -> str:
        """The names of the cities in the order of the tour; their numbers where they have none."""
        return super().text(answer) if self.names is None else " – ".join(self.names[city] for city in answer)

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

    def initial_state(self) -> NDArray | None:
        """Permutations start from the tour of the greedy edge method; p-bits and p-dits at random."""
        return self.encode(self._start.tolist()) if self.encoding == "permutation" else None

    def beta_range(self) -> tuple[float, float]:
        """From where tours melt to where lengths are resolved; the same rule for every instance.

        Of one-hot and p-dits from 1/(0.35 d) to 1/(0.02 d), with d the largest distance. Of permutations from
        1/(0.6 d) to 1/(0.015 d), with d the mean step of the greedy tour that they start from.
        """
        if self.encoding != "permutation":
            return 1 / (0.35 * self.scale), 1 / (0.02 * self.scale)
        step = float(self.places.length(self._start)) / self.n_cities or 1.0
        return 1 / (0.6 * step), 1 / (0.015 * step)

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        """Of permutations: moves to 10 neighbours, of 16 tours side by side up to 200 cities and of one above."""
        if self.encoding != "permutation":
            return {}
        chains = 16 if self.n_cities <= 200 else 1
        return {"chains": chains, "sweeps": 10_000, "moves": Moves(neighbours=10)}

    def _checked_tour(self, tour: Sequence[int]) -> NDArray[np.int64]:
        order = np.asarray(tour, dtype=np.int64)
        if not np.array_equal(np.sort(order), np.arange(self.n_cities)):
            raise ValueError(
                f"the tour {tuple(order.tolist())[:12]} … does not visit each of the cities 0 to "
                f"{self.n_cities - 1} once"
            )
        return order


def _positive(given: object) -> bool:
    return isinstance(given, Real) and not isinstance(given, bool) and 0 < float(given) < math.inf


def _checked_distances(distances: ArrayLike) -> NDArray[np.float64]:
    """As given, or made exactly symmetric where it is so up to rounding; what else is wrong, `Distances` tells."""
    D = real_array(distances, "distances")
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        return D
    # First, for many mark it with a number that no distance can be.
    np.fill_diagonal(D, 0.0)
    if not np.isfinite(D).all() or (D < 0).any():
        return D
    gap = np.abs(D - D.T)
    if D.size and not is_symmetric(gap.max(), D.max()):
        i, j = np.unravel_index(gap.argmax(), gap.shape)
        raise ValueError(
            f"distances are not symmetric: [{i}, {j}] is {D[i, j]} but [{j}, {i}] is {D[j, i]}; "
            "(D + Dᵀ)/2 is symmetric, and an instance with one-way distances must first be doubled"
        )
    return (D + D.T) / 2
