"""What has an answer: a problem is posed as an energy model, and its states are read back as answers."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import EnergyModel

Sense = Literal["min", "max"]

# Scores that have a name and no unit are printed after it: "overlap 1", but "6124 km".
_NAMED_SCORES = ("overlap", "relative residual", "relative error")

_SHOWN_SPINS = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """The answer a set of states gives, and how far it can be trusted.

    Attributes
    ----------
    feasible : bool
        Whether the answer breaks no constraint.
    value
        The decoded answer; None only if the state could not be decoded.
    objective : float or None
        The answer's score in `unit`; None if it is infeasible or has no score.
    violations : dict of str to int
        Constraint name → how many of that kind are broken; empty for a problem without constraints.
    gap : float or None
        (objective − optimum)/|optimum|, signed so that a positive gap is worse than the best known;
        None if infeasible, if no optimum is known, if the optimum is 0, or if the score is a fraction of a
        perfect one already.
    valid_fraction : float
        The share of the given states that were feasible; 1 for a problem without constraints.
    sense : {"min", "max"}
        Whether a lower or a higher objective is better.
    unit : str
        The unit of the objective, or its name ("overlap"); "" where it has neither.
    broken : dict of str to float
        Constraint name → the share of the given states that break it.
    repaired : bool
        Whether states were repaired before they were read.
    error : optional
        Standard error of the value, of its shape, where many states answer together and their scatter tells it.
    effective_samples : float or None
        How many independent states that scatter is worth, of the entry that has the fewest.
    """

    feasible: bool
    value: Any
    objective: float | None
    violations: dict[str, int]
    gap: float | None
    valid_fraction: float
    sense: Sense
    unit: str
    broken: dict[str, float] = field(default_factory=dict)
    repaired: bool = False
    error: Any = None
    effective_samples: float | None = None

    def __str__(self) -> str:
        share = f"; {100 * self.valid_fraction:.3g} % of the states feasible" if self.violations else ""
        if often := ", ".join(f"{name} in {100 * part:.3g} %" for name, part in self.broken.items() if part):
            share += f" (broken: {often})"
        if self.repaired:
            share += "; states were repaired"
        if not self.feasible:
            broken = ", ".join(f"{name}: {count}" for name, count in self.violations.items() if count)
            return f"infeasible ({broken}){share}"
        if self.objective is None:
            told = "seen at the lowest energy" if self.effective_samples is None else "estimated"
            return f"{told}: {_short(self.value)}{share}"
        number = f"{self.objective:.6g}"
        score = f"{self.unit} {number}" if self.unit in _NAMED_SCORES else f"{number} {self.unit}".rstrip()
        gap = "" if self.gap is None else f" ({100 * self.gap:+.2f} % from the best known)"
        return f"{score}{gap}{share}"


def _short(value: Any) -> str:
    """Spins as signs, anything else as it prints; cut to a part of one line."""
    spins = np.asarray(value)
    if spins.ndim != 1 or spins.dtype.kind not in "if" or not (np.abs(spins) == 1).all():
        return " ".join(str(value).split())[:80]
    signs = "".join("+" if spin > 0 else "−" for spin in spins[:_SHOWN_SPINS])
    return signs if len(spins) <= _SHOWN_SPINS else f"{signs}… ({len(spins)} spins)"


class Problem(ABC):
    """A question with an energy model whose low-energy states answer it.

    A subclass gives `build_model`, `decode` and `score`, and `violations` if a state can be no answer. One that can be
    posed in several ways names them in `encodings`, and looks at `encoding` in its other methods.

    Attributes
    ----------
    encodings : tuple of str
        The ways in which it can be posed, the default first; empty where there is one way, which needs no name.
    encoding : str
        The way in which it is posed; "" where there is one way.
    penalty : float or None
        The weight of broken constraints in the model; None where the encoding needs none.
    penalty_rule : str
        How that weight was chosen: "safe", "tight", "auto" (tight, and raised by `pbits.solve` until half of the reads
        are valid) or "given"; "" without a penalty.
    name : str
        Title for people.
    sense : {"min", "max"}
        Whether a lower or a higher score is better.
    optimum : float or None
        The best score known.
    goal : float or None
        The score that counts as solved; None where only the best known will do.
    unit : str
        The unit of the score, or its name ("overlap"); "" where it has neither.
    step_tau : float or None
        The time between draws, in the model's own unit, that this problem needs to be answered; None where any does.
    """

    name: str
    encodings: ClassVar[tuple[str, ...]] = ()
    encoding: str = ""
    penalty: float | None = None
    penalty_rule: str = ""
    sense: Sense = "min"
    optimum: float | None = None
    goal: float | None = None
    unit: str = ""
    step_tau: float | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"

    @abstractmethod
    def build_model(self) -> EnergyModel:
        """The energy model of this problem; `to_model` calls it once and keeps the result."""

    @abstractmethod
    def decode(self, state: ArrayLike, repair: bool = False) -> Any:
        """The answer one state of shape (n,) stands for, or None if it stands for none.

        With `repair`, the answer of `repaired(state)`, which is always one where the problem knows how to repair.
        """

    @abstractmethod
    def score(self, answer: Any) -> float:
        """How good a decoded answer is, in `unit`."""

    @cached_property
    def _model(self) -> EnergyModel:
        return self.build_model()

    def to_model(self, encoding: str | None = None) -> EnergyModel:
        """The energy model, the same object at every call; of another encoding where one is named."""
        return self._model if encoding in (None, self.encoding) else self.encoded(encoding).to_model()

    def encoded(self, encoding: str) -> Self:
        """The same question, posed in another way.

        Raises
        ------
        ValueError
            For an encoding this problem does not know.
        """
        if encoding not in self.encodings:
            known = ", ".join(map(repr, self.encodings)) or "none but its own"
            raise ValueError(f"encoding is {encoding!r}; {self.name} can be posed in the encodings {known}")
        return self._changed(encoding=encoding)

    def penalised(self, penalty: str | float) -> Self:
        """The same question with another weight of broken constraints: a number, or by a rule.

        Raises
        ------
        ValueError
            Where the encoding has no penalty, for a rule the problem does not know, or a weight that is not positive.
        """
        if self.penalty is None:
            raise ValueError(f"{self.name} has no penalty in this encoding; every state of its model is valid")
        if isinstance(penalty, str):
            return self._changed(penalty=self.penalty_by(penalty), penalty_rule=penalty)
        if not (np.isfinite(penalty) and penalty > 0):
            raise ValueError(f"penalty is {penalty!r}; it must be a positive number")
        return self._changed(penalty=float(penalty), penalty_rule="given")

    def penalty_by(self, rule: str) -> float:
        """The weight that a rule gives: "safe", "tight" or "auto", whose first weight is the tight one."""
        raise ValueError(f"penalty is {rule!r}; {self.name} knows no rules: give a number")

    def _changed(self, **attributes: Any) -> Self:
        """A copy with other attributes, whose model is built anew."""
        changed = copy.copy(self)
        vars(changed).pop("_model", None)
        vars(changed).update(attributes)
        return changed

    def parts(self) -> tuple[EnergyModel, EnergyModel] | None:
        """The objective and the broken constraints as models of their own: E = objective + penalty · constraints.

        None where they cannot be told apart. The constraints are 0 in valid states and positive in all others.
        """
        return None

    def posing(self) -> dict[str, Any]:
        """How it is posed, for the record of a run."""
        return {"encoding": self.encoding or None, "penalty": self.penalty, "penalty_rule": self.penalty_rule or None}

    def repaired(self, state: ArrayLike) -> NDArray:
        """A valid state near to this one; the state itself where it is valid, or the problem knows no repair."""
        return np.asarray(state)

    def violations(self, state: ArrayLike) -> dict[str, int]:
        """Constraint name → how many of that kind the state breaks; all zero, or empty, if feasible."""
        return {}

    def initial_state(self) -> NDArray | None:
        """The state of shape (n,) from which this problem asks to start, if it asks."""
        return None

    def clamp(self) -> dict[int, float]:
        """Sites that are held, and their values."""
        return {}

    def beta_range(self) -> tuple[float, float] | None:
        """(β at the start, β at the end) of a sensible anneal of this model, if one is known."""
        return None

    def text(self, answer: Any) -> str:
        """A decoded answer for people; in one line, where a problem knows no better."""
        return " ".join((answer if isinstance(answer, str) else repr(answer)).split())

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        """Arguments of `Schedule.anneal` that suit this problem better than the usual ones.

        `embedded` tells whether each site is a chain of cells, which turns over slowly.
        """
        return {}

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        """What a report draws of a solution, as JSON-ready values, or None if there is nothing to see.

        Its "kind" is one of "tour", "images", "estimate", "graph" and "grid"; see `pbits.report.pictures`.
        """
        return None

    def objectives(self, states: ArrayLike) -> NDArray[np.float64] | None:
        """The score of each state of shape (m, n), NaN where it is infeasible; shape (m,).

        None for a problem that is answered by many states together, not by one.
        """
        rows = np.asarray(states)
        # A cold run visits few distinct states, and each needs decoding only once.
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        scores = np.array([self._objective(rows[k]) for k in first])
        return scores[inverse.reshape(-1)]

    def _objective(self, state: NDArray) -> float:
        return np.nan if any(self.violations(state).values()) else float(self.score(self.decode(state)))

    def solution(self, states: ArrayLike, energies: ArrayLike, repair: bool = False) -> Solution:
        """The best feasible answer among the states, or the lowest-energy state marked infeasible.

        Parameters
        ----------
        states : (m, n) array
        energies : (m,) array
            Their energies E(s) under `to_model()`.
        repair : bool
            Whether states that break constraints are repaired first. What is told of how many were feasible, and of
            what they broke, is of the states as given.

        Raises
        ------
        ValueError
            For no states, or arrays of other shapes.
        """
        rows, energy = self._checked(states, energies)
        scores = self.objectives(rows)
        if scores is None:
            return self._report(rows[energy.argmin()], 0.0)
        valid_fraction = float(1 - np.isnan(scores).mean())
        broken = {} if valid_fraction == 1 else self._broken(rows[np.isnan(scores)], len(rows))
        if repair and broken:
            # A state that is valid stays as it is, so the others alone are looked at again.
            invalid = np.isnan(scores)
            rows = rows.copy()
            rows[invalid] = [self.repaired(row) for row in rows[invalid]]
            repaired = self.objectives(rows[invalid])
            assert repaired is not None, "a problem that scores states scores repaired ones"
            scores[invalid] = repaired
        if np.isnan(scores).all():
            return replace(self._report(rows[energy.argmin()], 0.0), broken=broken)
        best = np.nanargmin(scores) if self.sense == "min" else np.nanargmax(scores)
        return replace(self._report(rows[best], valid_fraction), broken=broken, repaired=repair and bool(broken))

    def _broken(self, invalid: NDArray, of: int) -> dict[str, float]:
        """Constraint name → the share of `of` states that break it, all of them among the invalid ones."""
        distinct, times = np.unique(invalid, axis=0, return_counts=True)
        found: dict[str, int] = {}
        for row, count in zip(distinct, times.tolist()):
            for name, broken in self.violations(row).items():
                found[name] = found.get(name, 0) + count * (broken > 0)
        return {name: count / of for name, count in found.items()}

    def answer(
        self, states: NDArray, energies: NDArray[np.float64], *, beta: float = 1.0, step_tau: float | None = None
    ) -> Solution:
        """The answer that the draws of a run give.

        Parameters
        ----------
        states : (chains, draws, n) array
        energies : (chains, draws) array
        beta : float
            At which they were drawn.
        step_tau : float, optional
            Between neighbouring draws, in the model's own unit of time; None where the machine has no such time.
        """
        return self.solution(states.reshape(-1, states.shape[-1]), energies.reshape(-1))

    def _checked(self, states: ArrayLike, energies: ArrayLike) -> tuple[NDArray, NDArray[np.float64]]:
        rows, energy = np.asarray(states), np.asarray(energies, dtype=np.float64)
        if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != self.to_model().n:
            raise ValueError(f"states have shape {rows.shape}; expected (m, {self.to_model().n}) with m of at least 1")
        if energy.shape != (len(rows),):
            raise ValueError(f"energies have shape {energy.shape}; expected ({len(rows)},), one per state")
        return rows, energy

    def _report(self, state: NDArray, valid_fraction: float) -> Solution:
        broken = self.violations(state)
        feasible = not any(broken.values())
        value = self.decode(state)
        objective = float(self.score(value)) if feasible else None
        gap = None
        if objective is not None and self.optimum:
            worse = objective - self.optimum if self.sense == "min" else self.optimum - objective
            gap = worse / abs(self.optimum)
        return Solution(
            feasible=feasible,
            value=value,
            objective=objective,
            violations=broken,
            gap=gap,
            valid_fraction=valid_fraction,
            sense=self.sense,
            unit=self.unit,
        )


def spins_of(state: ArrayLike, n: int) -> NDArray[np.int8]:
    """One state as n spins of −1 or +1, or an error that says what it is instead."""
    spins = np.asarray(state)
    if spins.shape != (n,):
        raise ValueError(f"the state has shape {spins.shape}; expected ({n},), one spin per site")
    if not (np.abs(spins) == 1).all():
        raise ValueError("spins must be −1 or +1; turn bits x into spins with 2*x − 1")
    return spins.astype(np.int8)
