"""Satisfiability: truth values that satisfy all clauses, or the clauses that weigh most."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.mapping.quadratise import Quadratisation, expand_products, quadratise_products
from pbits.models import IsingModel, PolynomialModel
from pbits.models.base import finite_vector, read_only, real_array
from pbits.problems.base import Problem, spins_of
from pbits.problems.dimacs import read_cnf, write_cnf

BROKEN = "clauses broken"


class Satisfiability(Problem):
    """Truth values for n variables, so that clauses hold: k-SAT, Max-SAT and partial Max-SAT, with weights or without.

    A spin of +1 is true. A clause of k literals is broken in one of 2^k cases, where Π (1 − l_i) = 1, and

        E = Σ_soft w_c Π_{i∈c} (1 − l_i) + A Σ_hard Π_{i∈c} (1 − l_i):

    the weight of the broken clauses. Without weights every clause is hard and A is 1.

    Parameters
    ----------
    clauses : sequence of sequences of int
        Literals as DIMACS writes them: v for variable v and −v for its negation, from 1.
    weights : sequence of float, optional
        Of each clause, ∞ for one that must hold. Every assignment is then an answer that breaks no hard clause, and its
        score is the weight of the soft clauses it breaks. Without weights an answer must satisfy all clauses.
    variables : int, optional
        n; the largest variable named when absent.
    penalty : "safe", "tight", "auto" or float
        A, where there are soft and hard clauses. "safe" is the sum of the soft weights and the least of them: whoever
        breaks a hard clause then has a higher energy than anyone who breaks none. "tight" is the largest soft weight,
        which a single hard clause must outbid, and without that guarantee.
    optimum : float, optional
        The least weight of broken clauses known.

    Attributes
    ----------
    code : Quadratisation or None
        What the ancillas stand for, in the encoding "quadratised".

    Raises
    ------
    ValueError
        For no clauses, an empty one, which nothing satisfies, literal 0, a variable above `variables`, or weights that
        are not positive; of a clause of more than 16 variables the encoding "k-body" is refused.

    Notes
    -----
    Encodings: "k-body", native p-bits with inputs of as many bodies as a clause has literals; "quadratised", with k − 2
    ancillas for a clause of k ≥ 3 literals. Of three, with y = 1 − l, it is w (y₂y₃ + a (1 + y₁ − y₂ − y₃)), whose
    least over a is w y₁y₂y₃, and no coupling weighs more than the clause. Clauses do not share ancillas, which would
    save some and slow all down; see docs/explanation/higher_order.md.

    A solver of clauses learns from conflicts and proves that there is no answer; sampling does neither. What it
    gives is the law of near-answers, and a bound.

    Examples
    --------
    >>> from pbits.problems import Satisfiability
    >>> formula = Satisfiability([(1, 2), (-1, 3), (-2, -3), (1, -2, 3)])
    >>> formula.decode([1, -1, 1]), formula.violations([1, 1, 1])
    ((True, False, True), {'clauses broken': 1})
    >>> float(formula.to_model().energy([1, 1, 1])), formula.to_model("quadratised").n
    (1.0, 4)
    """

    encodings = ("k-body", "quadratised")
    encoding = "k-body"
    unit = "broken"

    def __init__(
        self,
        clauses: Sequence[Sequence[int]],
        weights: Sequence[float] | None = None,
        variables: int | None = None,
        penalty: Literal["safe", "tight", "auto"] | float = "safe",
        optimum: float | None = None,
        name: str | None = None,
    ):
        self.clauses = tuple(_clause(clause, k) for k, clause in enumerate(clauses))
        if not self.clauses:
            raise ValueError("there are no clauses; every assignment satisfies them")
        largest = max(abs(literal) for clause in self.clauses for literal in clause)
        self.variables = largest if variables is None else operator.index(variables)
        if self.variables < largest:
            raise ValueError(f"variables is {self.variables}, but a clause names variable {largest}")
        self.weighted = weights is not None
        self.hard, self.weights = _hard_and_soft(weights, len(self.clauses))
        kind = "Max-SAT" if self.weighted else "SAT"
        self.name = name or f"{kind}, {self.variables} variables, {len(self.clauses)} clauses"
        self.optimum = optimum
        # No weight of broken clauses is below 0, so whoever breaks none has an answer that needs no other proof.
        self.goal = 0.0 if optimum is None else None
        if self.hard.any() and not self.hard.all():
            self.penalty = 1.0
            posed = self.penalised(penalty)
            self.penalty, self.penalty_rule = posed.penalty, posed.penalty_rule

    @classmethod
    def from_cnf(cls, path: str | PathLike[str], **options: Any) -> Satisfiability:
        """From a DIMACS file, cnf or wcnf; see `pbits.problems.dimacs.read_cnf`."""
        formula = read_cnf(path)
        options.setdefault("name", Path(path).stem)
        return cls(formula.clauses, formula.weights, formula.variables, **options)

    @classmethod
    def planted(cls, variables: int, clauses: int, seed: int, k: int = 3, **options: Any) -> Satisfiability:
        """A random formula with a hidden answer: of each clause's 2^k signs, one that the answer satisfies.

        Its answer is hidden badly: signs agree with it more often than not, which pulls p-bits towards it. Formulas
        that are random alone are harder.

        Raises
        ------
        ValueError
            For fewer variables than a clause has literals.
        """
        if variables < k:
            raise ValueError(f"variables is {variables}; a clause of {k} literals names {k} of them")
        rng = np.random.default_rng(seed)
        hidden = rng.choice([-1, 1], variables)
        found = []
        while len(found) < clauses:
            chosen = np.sort(rng.choice(variables, k, replace=False))
            signs = rng.choice([-1, 1], k)
            if (signs == hidden[chosen]).any():
                found.append(tuple((signs * (chosen + 1)).tolist()))
        options.setdefault("name", f"planted {k}-SAT, {variables} variables, {clauses} clauses")
        return cls(found, None, variables, **options)

    def to_cnf(self, path: str | PathLike[str]) -> None:
        """Write the clauses to a DIMACS file: cnf, or wcnf of 2022 where there are weights."""
        weights = np.where(self.hard, math.inf, self.weights).tolist() if self.weighted else None
        write_cnf(path, self.variables, self.clauses, weights)

    def penalty_by(self, rule: str) -> float:
        soft = self.weights[~self.hard]
        if rule == "safe":
            return float(soft.sum() + soft.min())
        if rule in ("tight", "auto"):
            return float(soft.max())
        raise ValueError(f"penalty is {rule!r}; expected 'safe', 'tight', 'auto' or a positive number")

    def _products(self, chosen: NDArray[np.bool_], hard: float, soft: float) -> dict[tuple[int, ...], float]:
        """The literals that must all be false for a clause to break → its weight in the energy."""
        products: dict[tuple[int, ...], float] = {}
        for k in np.flatnonzero(chosen).tolist():
            literals = self.clauses[k]
            if any(-literal in literals for literal in literals):
                continue  # it holds whatever the variable is
            key = tuple(-literal for literal in literals)
            products[key] = products.get(key, 0.0) + (hard if self.hard[k] else soft * self.weights[k])
        return products

    @cached_property
    def _quadratised(self) -> tuple[IsingModel, Quadratisation]:
        every = np.ones(len(self.clauses), dtype=bool)
        return quadratise_products(self.variables, self._products(every, self.penalty or 1.0, 1.0), share=False)

    @property
    def code(self) -> Quadratisation | None:
        return self._quadratised[1] if self.encoding == "quadratised" else None

    def _changed(self, **attributes: Any) -> Self:
        changed = super()._changed(**attributes)
        vars(changed).pop("_quadratised", None)
        return changed

    def build_model(self) -> PolynomialModel | IsingModel:
        if self.encoding == "quadratised":
            return self._quadratised[0]
        every = np.ones(len(self.clauses), dtype=bool)
        return expand_products(self.variables, self._products(every, self.penalty or 1.0, 1.0))

    def parts(self) -> tuple[PolynomialModel, PolynomialModel] | None:
        if self.penalty is None or self.encoding == "quadratised":
            return None  # ancillas are shared by soft and hard clauses
        return (
            expand_products(self.variables, self._products(~self.hard, 1.0, 1.0)),
            expand_products(self.variables, self._products(self.hard, 1.0, 1.0)),
        )

    def _values(self, state: ArrayLike) -> NDArray[np.int8]:
        return spins_of(state, self.to_model().n)[: self.variables]

    def broken(self, answer: Sequence[bool]) -> NDArray[np.bool_]:
        """Which clauses an assignment breaks."""
        values = np.asarray(answer, dtype=bool)
        if values.shape != (self.variables,):
            raise ValueError(f"the answer has shape {values.shape}; expected ({self.variables},), one per variable")
        literals, starts = self._flat
        holds = values[np.abs(literals) - 1] == (literals > 0)
        return ~np.logical_or.reduceat(holds, starts)

    @cached_property
    def _flat(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All literals, and where each clause begins."""
        lengths = [len(clause) for clause in self.clauses]
        literals = np.array([literal for clause in self.clauses for literal in clause], dtype=np.int64)
        return read_only(literals), read_only(np.cumsum([0, *lengths[:-1]]))

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[bool, ...]:
        """The truth value of each variable."""
        return tuple((self._values(state) > 0).tolist())

    def encode(self, answer: Sequence[bool]) -> NDArray[np.int8]:
        """The state that decodes to this assignment, with ancillas at their best."""
        spins = np.where(np.asarray(answer, dtype=bool), 1, -1).astype(np.int8)
        return spins if self.code is None else self.code.extend(spins)

    def score(self, answer: Sequence[bool]) -> float:
        """The weight of the soft clauses that are broken; without weights the number of broken clauses."""
        broken = self.broken(answer)
        return float(self.weights[broken & ~self.hard].sum() if self.weighted else broken.sum())

    def violations(self, state: ArrayLike) -> dict[str, int]:
        if not self.hard.any():
            return {}
        return {BROKEN: int((self.broken(self.decode(state)) & self.hard).sum())}

    def beta_range(self) -> tuple[float, float]:
        """β from 1/w̄ to 12/w, with the mean and the least weight of a clause."""
        weight = np.where(self.hard, self.penalty or 1.0, self.weights)
        return 1.0 / float(weight.mean()), 12.0 / float(weight.min())

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        return {"shape": "linear"}


def _clause(clause: Sequence[int], k: int) -> tuple[int, ...]:
    try:
        literals = tuple(dict.fromkeys(operator.index(literal) for literal in clause))
    except TypeError:
        raise TypeError(f"clause {k} is {clause!r}; expected literals such as (1, -2, 3)") from None
    if not literals:
        raise ValueError(f"clause {k} is empty, and nothing satisfies it")
    if 0 in literals:
        raise ValueError(f"clause {k} names literal 0; variables are numbered from 1")
    return literals


def _hard_and_soft(weights: Sequence[float] | None, m: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which clauses must hold, and the weights of all; that of a hard one is 1."""
    if weights is None:
        return read_only(np.ones(m, dtype=bool)), read_only(np.ones(m))
    given = real_array(weights, "weights")
    hard = given == np.inf
    soft = finite_vector(np.where(hard, 1.0, given), m, "weights", per="clause")
    if (soft <= 0).any():
        k = int(np.flatnonzero(soft <= 0)[0])
        raise ValueError(
            f"the weight of clause {k} is {soft[k]:g}; weights are positive, ∞ for a clause that must hold"
        )
    return read_only(hard), soft
