"""The traveling salesman as Hopfield and Tank posed it to analog neurons in 1985."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from pbits.models import IsingModel
from pbits.problems.base import Problem, Solution, spins_of
from pbits.problems.tsp import CITIES, SLOTS, TravelingSalesman

MAX_CITIES = 40


class HopfieldTank(Problem):
    """A tour on N² neurons by the energy of 1985, told in the unit of the distances.

    Neuron cN + t has the output V_ct ∈ [0, 1], V = (1 + v)/2, that says whether city c is the t-th stop, and

        E = (side/D) [A/2 Σ_c Σ_{t≠u} V_ct V_cu + B/2 Σ_t Σ_{c≠e} V_ct V_et + C/2 (Σ V − m)² − C/2 (N − m)²]
            + ½ Σ_{c≠e} Σ_t d_ce V_ct (V_e,t+1 + V_e,t−1),

    so that the energy of a valid tour is its length, as it is of `TravelingSalesman`.

    Parameters
    ----------
    salesman : TravelingSalesman
    same_city, same_slot, total, length : float
        A, B, C and D.
    charge : float, optional
        m, what the outputs are pulled to sum up to; 1.5 N by default.
    side : float
        The distance that 1985's 1 stands for, the side of the square that its cities lie in.
    width : float
        u₀: V = ½(1 + tanh(u/u₀)).

    Attributes
    ----------
    gain : float
        2D/(u₀ side), the β at which v = tanh(βu) is the sigmoid of 1985.
    feedback : float
        −C side/(4D). Squares V_ct² of the third term charge a neuron by its own output, which no model of spins can
        hold, for V² = V where V is 0 or 1: a network with this feedback moves as that of 1985 did, and one without it
        has the same minima among spins.

    Raises
    ------
    ValueError
        For a parameter that is not positive, or more than 40 cities: there are N⁴/2 couplings, since the third term
        couples all.

    Notes
    -----
    J. J. Hopfield and D. W. Tank, Biol. Cybern. 52, 141 (1985). The form and A = B = D = 500, C = 200, m = 15 for
    N = 10, u₀ = 0.02 and τ = 1 are from memory: the text was not at hand.

    Against `TravelingSalesman` with one p-bit for each city and slot: no city is held, so that every tour is there 2N
    times; two visits cost A, but an absent city costs nothing by itself, only through the sum of all outputs. In the
    units of 1985, taking a city out of a tour costs C(m − N + ½) and saves length, and putting one in costs
    A + B − C(m − N − ½) and length. So m must be above N, or the lowest states leave cities out; and with m = 1.5 N and
    the other parameters as they are, one output too many pays from N = 12 on, but for the length it adds.

    Examples
    --------
    >>> from pbits.problems import HopfieldTank, TravelingSalesman
    >>> square = HopfieldTank(TravelingSalesman.from_coordinates([[0, 0], [0, 1], [1, 1], [1, 0]]))
    >>> square.gain, square.feedback
    (50000.0, -0.1)
    >>> round(float(square.to_model().energy(square.encode((0, 1, 2, 3)))), 9)
    4.0
    """

    def __init__(
        self,
        salesman: TravelingSalesman,
        *,
        same_city: float = 500.0,
        same_slot: float = 500.0,
        total: float = 200.0,
        length: float = 500.0,
        charge: float | None = None,
        side: float = 1.0,
        width: float = 0.02,
    ):
        n = salesman.n_cities
        charge = 1.5 * n if charge is None else charge
        for name, value in {
            "same_city": same_city, "same_slot": same_slot, "total": total, "length": length, "charge": charge,
            "side": side, "width": width,
        }.items():  # fmt: skip
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be positive and finite")
        if n > MAX_CITIES:
            raise ValueError(
                f"{n} cities would need {n**4 / 2e6:.1f} million couplings; this form is built up to {MAX_CITIES} "
                "cities, and TravelingSalesman takes more"
            )
        self.salesman, self.charge = salesman, charge
        self._weights = tuple(weight * side / length for weight in (same_city, same_slot, total))
        self.gain = 2 * length / (width * side)
        self.feedback = -self._weights[2] / 4
        self.optimum, self.unit = salesman.optimum, salesman.unit
        self.name = f"{salesman.name}, as Hopfield and Tank posed it"

    def build_model(self) -> IsingModel:
        n, m = self.salesman.n_cities, self.charge
        A, B, C = self._weights
        one, others, ring = np.eye(n), 1 - np.eye(n), np.roll(np.eye(n), 1, axis=1)
        pairs = A * np.kron(one, others) + B * np.kron(others, one)
        pairs += np.kron(self.salesman.distances, ring + ring.T) + C * (1 - np.eye(n * n))
        # V² = V where V is 0 or 1.
        Q: Any = sp.coo_array(np.triu(pairs, 1) + C * (0.5 - m) * np.eye(n * n))
        return IsingModel.from_qubo(Q, offset=C / 2 * (m**2 - (n - m) ** 2))

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, ...] | None:
        """The tour as city indices from city 0, or None where the state is no tour."""
        grid = self._grid(self.repaired(state) if repair else state)
        if not ((grid.sum(axis=0) == 1).all() and (grid.sum(axis=1) == 1).all()):
            return None
        order = grid.argmax(axis=0)
        return tuple(np.roll(order, -int(np.flatnonzero(order == 0)[0])).tolist())

    def encode(self, tour: Sequence[int]) -> NDArray[np.int8]:
        """A state of shape (N²,) that decodes to this tour, city tour[t] in slot t."""
        n = self.salesman.n_cities
        if sorted(tour) != list(range(n)):
            raise ValueError(f"the tour {tuple(tour)} does not visit each of the cities 0 to {n - 1} once")
        grid = np.full((n, n), -1, dtype=np.int8)
        grid[list(tour), np.arange(n)] = 1
        return grid.ravel()

    def repaired(self, state: ArrayLike) -> NDArray[np.int8]:
        """The tour that agrees with the state in most neurons."""
        cities, slots = linear_sum_assignment(self._grid(state), maximize=True)
        return self.encode(cities[np.argsort(slots)].tolist())

    def violations(self, state: ArrayLike) -> dict[str, int]:
        grid = self._grid(state)
        return {CITIES: int((grid.sum(axis=1) != 1).sum()), SLOTS: int((grid.sum(axis=0) != 1).sum())}

    def score(self, answer: Sequence[int]) -> float:
        """Length of the closed tour, which must visit every city once."""
        return self.salesman.score(answer)

    def beta_range(self) -> tuple[float, float]:
        """The gain of 1985, which was not raised."""
        return self.gain, self.gain

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        return {"sweeps": 300, "levels": 1, "chains": 16}

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        return self.salesman.picture(solution)

    def _grid(self, state: ArrayLike) -> NDArray[np.bool_]:
        n = self.salesman.n_cities
        return spins_of(state, n * n).reshape(n, n) > 0
