"""Quadratic assignment: facilities to locations, so that what flows between them travels least."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pbits.mapping.one_hot import OneHot, one_hot
from pbits.models import CategoricalModel, EnergyModel, IsingModel, PermutationModel
from pbits.models.base import check_finite, read_only, real_array, site_states
from pbits.problems._files import number, read_lines, whole_number
from pbits.problems.base import Problem, spins_of

LOCATIONS = "locations that hold other than one facility"
FACILITIES = "facilities at other than one location"

#: The models on p-dits and p-bits hold n⁴/2 numbers, and are built up to this many facilities.
MAX_TABLES = 40


class QuadraticAssignment(Problem):
    """Each of n facilities at a location of its own, at π_t facility t, so that Σ_tu F_tu D(π_t, π_u) is least.

    Parameters
    ----------
    flows : (n, n) array
        F, not negative.
    distances : (n, n) array
        D, not negative.
    penalty : "safe", "tight", "auto" or float
        A, where the encoding has one; see Notes.
    optimum : float, optional
        The least cost known.

    Raises
    ------
    ValueError
        For matrices that are not square or differ in shape, entries that are negative or not finite. `to_model` refuses
        more than 40 facilities in the encodings "p-dits" and "one-hot", for they hold n⁴/2 numbers.

    Notes
    -----
    Encodings: "permutation", in which every state is an assignment; "p-dits", the location of each facility, where
    A Σ_{t<u} [a_t = a_u] is added; and "one-hot", a p-bit for each facility and location, where moreover
    A Σ_t (1 − Σ_a x_ta)² is.

    "safe" is 1.125 B, where B is the most that any facility can cost at any location, wherever the others are. Proof:
    costs are not negative. Taking one of several locations from a facility lowers the penalty and no cost
    rises. Once none has several, and a facility has none, or shares its location, some location is free; putting it
    there costs at most B and lowers the penalty by A at least. So every ground state is an assignment, at its cost.

    "tight" is the mean of what a facility costs at random, 2 ΣF ΣD/(n²(n − 1)) without the diagonals, and without that
    guarantee.

    Examples
    --------
    >>> from pbits.problems import QuadraticAssignment
    >>> flows, distances = [[0, 5, 1], [5, 0, 0], [1, 0, 0]], [[0, 1, 4], [1, 0, 2], [4, 2, 0]]
    >>> small = QuadraticAssignment(flows, distances)
    >>> small.score((1, 0, 2)), float(small.to_model().energy([1, 0, 2]))
    (14.0, 14.0)
    >>> small.to_model("one-hot").n
    9
    """

    encodings = ("permutation", "p-dits", "one-hot")
    encoding = "permutation"
    unit = "cost"

    def __init__(
        self,
        flows: ArrayLike,
        distances: ArrayLike,
        penalty: Literal["safe", "tight", "auto"] | float = "safe",
        optimum: float | None = None,
        name: str | None = None,
    ):
        self.flows, self.distances = (_square(m, what) for m, what in ((flows, "flows"), (distances, "distances")))
        if self.flows.shape != self.distances.shape:
            raise ValueError(
                f"flows have shape {self.flows.shape} and distances {self.distances.shape}; expected one shape"
            )
        self.n = len(self.flows)
        self.optimum = optimum
        self.name = name or f"quadratic assignment of {self.n}"
        self._asked = penalty
        if isinstance(penalty, str):
            self.penalty_by(penalty)
        elif not (np.isfinite(penalty) and penalty > 0):
            raise ValueError(f"penalty is {penalty!r}; it must be a positive number")

    @classmethod
    def from_qaplib(cls, path: str | PathLike[str], **options: Any) -> QuadraticAssignment:
        """From a QAPLIB file (.dat): n, then two n × n matrices, line breaks anywhere.

        The first is taken as the flows; the cost is the same with the two exchanged and the assignment inverted. Where
        no `optimum` is given and QAPLIB's solution lies beside the file (.sln: n, cost, permutation), its cost is it.

        Raises
        ------
        ValueError
            For anything malformed or truncated, with file, line and what was expected.
        """
        tokens = _tokens(path, "QAPLIB's n, then two n × n matrices")
        n = whole_number(tokens[0][1], tokens[0][0], 2, "the number of facilities")
        if len(tokens) != 1 + 2 * n * n:
            raise ValueError(f"{tokens[-1][0]}: found {len(tokens) - 1} numbers after n = {n}, expected {2 * n * n}")
        entries = np.array([number(token, where) for where, token in tokens[1:]]).reshape(2, n, n)
        beside = Path(path).with_suffix(".sln")
        if "optimum" not in options and beside.is_file():
            solved = _tokens(beside, "QAPLIB's n, cost and permutation")
            if len(solved) < 2:
                raise ValueError(f"{beside.name}: found one number, expected n, cost and permutation")
            options["optimum"] = number(solved[1][1], solved[1][0])
        options.setdefault("name", Path(path).stem)
        return cls(entries[0], entries[1], **options)

    def encoded(self, encoding: str) -> Self:
        posed = super().encoded(encoding)
        if encoding == "permutation":
            posed.penalty, posed.penalty_rule = None, ""
        elif isinstance(self._asked, str):
            posed.penalty, posed.penalty_rule = self.penalty_by(self._asked), self._asked
        else:
            posed.penalty, posed.penalty_rule = float(self._asked), "given"
        return posed

    def penalty_by(self, rule: str) -> float:
        off = ~np.eye(self.n, dtype=bool)
        if rule == "safe":
            return 1.125 * float(self._dearest().max()) or 1.0
        if rule in ("tight", "auto"):
            pairs = float(self.flows[off].sum() * self.distances[off].sum())
            return 2 * pairs / (self.n**2 * (self.n - 1)) or 1.0
        raise ValueError(f"penalty is {rule!r}; expected 'safe', 'tight', 'auto' or a positive number")

    def _dearest(self) -> NDArray[np.float64]:
        """The most that facility t can cost at location a, (n, n)."""
        F, D = self.flows, self.distances
        off = ~np.eye(self.n, dtype=bool)
        # Whatever flows both ways between t and u travels at most the longest way out of a and back.
        cost = np.outer(F.diagonal(), D.diagonal())
        for t in range(self.n):
            for a in range(self.n):
                both = F[t, off[t], None] * D[a] + F[off[t], t, None] * D[:, a]
                cost[t, a] += both.max(axis=1).sum()
        return cost

    def _changed(self, **attributes: Any) -> Self:
        changed = super()._changed(**attributes)
        for built in ("_tables", "_one_hot"):
            vars(changed).pop(built, None)
        if "penalty" in attributes:
            rule = attributes.get("penalty_rule", self.penalty_rule)
            changed._asked = attributes["penalty"] if rule == "given" else rule
        return changed

    @cached_property
    def _tables(self) -> tuple[CategoricalModel, CategoricalModel]:
        """The cost of locations of facilities, and the number of pairs that share one."""
        if self.n > MAX_TABLES:
            gigabytes = self.n**4 / 2 * 8e-9
            raise ValueError(
                f"{self.n} facilities need {self.n**4 / 2e6:.0f} million numbers in the encoding {self.encoding!r}, "
                f"{gigabytes:.1f} GB; it is built up to {MAX_TABLES}, and the encoding 'permutation' beyond"
            )
        F, D = self.flows, self.distances
        pairs = list(zip(*(sites.tolist() for sites in np.triu_indices(self.n, 1))))
        cost = {(t, u): F[t, u] * D + F[u, t] * D.T for t, u in pairs}
        alone = [F[t, t] * D.diagonal() for t in range(self.n)]
        shared = {pair: np.eye(self.n) for pair in pairs}
        return CategoricalModel([self.n] * self.n, alone, cost), CategoricalModel([self.n] * self.n, None, shared)

    @cached_property
    def _one_hot(self) -> tuple[IsingModel, IsingModel, OneHot]:
        """The cost and the broken constraints on p-bits, and what these stand for."""
        cost, shared = (one_hot(table, 1.0)[1] for table in self._tables)
        constraints = _sum(shared.objective, shared.constraints, 1.0)
        return cost.objective, constraints, cost

    def parts(self) -> tuple[EnergyModel, EnergyModel] | None:
        if self.encoding == "permutation":
            return None
        return self._tables if self.encoding == "p-dits" else self._one_hot[:2]

    def build_model(self) -> EnergyModel:
        if self.encoding == "permutation":
            off = self.distances - np.diag(self.distances.diagonal())
            return PermutationModel(off, self.flows, np.outer(self.flows.diagonal(), self.distances.diagonal()))
        assert self.penalty is not None, "the other encodings have a penalty"
        if self.encoding == "one-hot":
            return _sum(*self._one_hot[:2], self.penalty)
        cost, shared = self._tables
        tables = {
            (int(t), int(u)): own + self.penalty * same
            for (t, u), own, same in zip(cost.pairs, cost.tables, shared.tables)
        }
        return CategoricalModel(cost.n_states, cost.unary, tables)

    def locations(self, state: ArrayLike) -> NDArray[np.int64]:
        """The location of each facility, −1 where one-hot p-bits hold none or several."""
        if self.encoding == "one-hot":
            return self._one_hot[2].decode(spins_of(state, self.n**2)).astype(np.int64)
        held = site_states(state, self.n)
        if held.shape != (self.n,) or not np.isin(held, np.arange(self.n)).all():
            raise ValueError(f"the state has shape {held.shape}; expected ({self.n},) locations 0 to {self.n - 1}")
        return held.astype(np.int64)

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, ...] | None:
        """The location of each facility; None where the state is no assignment."""
        held = self.locations(self.repaired(state) if repair else state)
        return tuple(held.tolist()) if len(np.unique(held)) == self.n and held.min() >= 0 else None

    def encode(self, answer: Sequence[int]) -> NDArray:
        """The state of an assignment in this encoding; the inverse of `decode`."""
        held = self._assignment(answer)
        if self.encoding == "one-hot":
            return self._one_hot[2].encode(held)
        return held.astype(np.int32 if self.encoding == "permutation" else np.int16)

    def _assignment(self, answer: Sequence[int]) -> NDArray[np.int64]:
        held = np.asarray(answer)
        if held.shape != (self.n,) or not np.array_equal(np.sort(held), np.arange(self.n)):
            raise ValueError(f"the answer must name each location 0 to {self.n - 1} once, one for each facility")
        return held.astype(np.int64)

    def score(self, answer: Sequence[int]) -> float:
        """Σ_tu F_tu D(π_t, π_u)."""
        held = self._assignment(answer)
        return float((self.flows * self.distances[np.ix_(held, held)]).sum())

    def violations(self, state: ArrayLike) -> dict[str, int]:
        if self.encoding == "permutation":
            return {}
        held = self.locations(state)
        taken = np.bincount(held[held >= 0], minlength=self.n)
        broken = {LOCATIONS: int((taken != 1).sum())}
        return broken if self.encoding == "p-dits" else {FACILITIES: int((held < 0).sum()), **broken}

    def repaired(self, state: ArrayLike) -> NDArray:
        """An assignment near to this state: facilities without a location of their own take the cheapest free ones."""
        held = self.locations(state).copy()
        _, first = np.unique(held, return_index=True)
        settled = np.zeros(self.n, dtype=bool)
        settled[first] = True
        settled &= held >= 0
        for t in np.flatnonzero(~settled):
            free = np.setdiff1d(np.arange(self.n), held[settled])
            others = held[settled]
            D = self.distances
            cost = D[np.ix_(free, others)] @ self.flows[t, settled] + D[np.ix_(others, free)].T @ self.flows[settled, t]
            held[t] = free[(cost + self.flows[t, t] * D[free, free]).argmin()]
            settled[t] = True
        return self.encode(held.tolist())

    def beta_range(self) -> tuple[float, float]:
        """β from 1 to 60 over what a facility costs on average at random places, the rule "tight"."""
        scale = self.penalty_by("tight")
        return 1.0 / scale, 60.0 / scale


def _square(given: ArrayLike, name: str) -> NDArray[np.float64]:
    matrix = read_only(real_array(given, name))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ValueError(f"{name} have shape {matrix.shape}; expected a square matrix of at least 2 × 2")
    check_finite(matrix, name)
    if (matrix < 0).any():
        t, u = np.argwhere(matrix < 0)[0]
        raise ValueError(
            f"{name}[{t}, {u}] is {matrix[t, u]:g}; {name} are not negative: add a constant to all of them"
        )
    return matrix


def _sum(one: IsingModel, other: IsingModel, factor: float) -> IsingModel:
    J: Any = sp.csr_array(one.csr + factor * other.csr)
    return IsingModel(J, one.h + factor * other.h, one.offset + factor * other.offset)


def _tokens(path: str | PathLike[str], expected: str) -> list[tuple[str, str]]:
    file = Path(path).name
    return [
        (f"{file}, line {count}", token)
        for count, line in enumerate(read_lines(path, expected), start=1)
        for token in line.replace(",", " ").split()
    ]
