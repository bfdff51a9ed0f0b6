"""What has an answer: a problem is posed as an energy model, and its states are read back as answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

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
    error: Any = None
    effective_samples: float | None = None

    def __str__(self) -> str:
        share = f"; {100 * self.valid_fraction:.3g} % of the states feasible" if self.violations else ""
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

    A subclass gives `build_model`, `decode` and `score`, and `violations` if a state can be no answer.

    Attributes
    ----------
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
    def decode(self, state: ArrayLike) -> Any:
        """The answer one state of shape (n,) stands for, or None if it stands for none."""

    @abstractmethod
    def score(self, answer: Any) -> float:
        """How good a decoded answer is, in `unit`."""

    @cached_property
    def _model(self) -> EnergyModel:
        return self.build_model()

    def to_model(self) -> EnergyModel:
        """The energy model, the same object at every call."""
        return self._model

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

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        """What a report draws of a solution, as JSON-ready values, or None if there is nothing to see.

        One of {"kind": "tour", …}, {"kind": "images", …} and {"kind": "estimate", …}; see `pbits.report`.
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

    def solution(self, states: ArrayLike, energies: ArrayLike) -> Solution:
        """The best feasible answer among the states, or the lowest-energy state marked infeasible.

        Parameters
        ----------
        states : (m, n) array
        energies : (m,) array
            Their energies E(s) under `to_model()`.

        Raises
        ------
        ValueError
            For no states, or arrays of other shapes.
        """
        rows, energy = self._checked(states, energies)
        scores = self.objectives(rows)
        if scores is None or np.isnan(scores).all():
            return self._report(rows[energy.argmin()], 0.0)
        best = np.nanargmin(scores) if self.sense == "min" else np.nanargmax(scores)
        return self._report(rows[best], float(1 - np.isnan(scores).mean()))

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
