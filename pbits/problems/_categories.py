"""Problems whose answer is a category for each site: on p-dits, or on one p-bit for each category."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.mapping.one_hot import OneHot, one_hot, one_hot_penalty
from pbits.models import CategoricalModel, IsingModel
from pbits.problems.base import Problem, spins_of

Penalty = Literal["safe", "tight", "auto"] | float

_RULES = ("safe", "tight", "auto")
_EXPECTED = "'safe', 'tight', 'auto' or a positive number"


class CategoriesProblem(Problem):
    """A problem on p-dits with whole energies of at least 0, where 0 is a solution.

    A subclass gives `build_categories`, and `candidates` where p-bits need not hold every category.
    """

    encodings = ("p-dits", "one-hot")
    encoding = "p-dits"
    goal = 0.0
    unit = "conflicts"
    TIGHT: ClassVar[float] = 1.0

    def __init__(self, penalty: Penalty):
        if not (penalty in _RULES if isinstance(penalty, str) else 0 < penalty < math.inf):
            raise ValueError(f"penalty is {penalty!r}; expected {_EXPECTED}")
        self._asked = penalty

    @abstractmethod
    def build_categories(self) -> CategoricalModel:
        """The model on p-dits."""

    def candidates(self) -> Sequence[ArrayLike] | None:
        """Which categories of each site get a p-bit; all where it is None."""
        return None

    @cached_property
    def _categorical(self) -> CategoricalModel:
        return self.build_categories()

    @cached_property
    def _one_hot(self) -> tuple[IsingModel, OneHot]:
        assert self.penalty is not None, "the encoding one-hot has a penalty"
        return one_hot(self._categorical, self.penalty, self.candidates())

    def build_model(self) -> CategoricalModel | IsingModel:
        return self._categorical if self.encoding == "p-dits" else self._one_hot[0]

    def encoded(self, encoding: str) -> Self:
        posed = super().encoded(encoding)
        posed.penalty, posed.penalty_rule = posed._penalty()
        return posed

    def _changed(self, **attributes: Any) -> Self:
        changed = super()._changed(**attributes)
        vars(changed).pop("_one_hot", None)
        if "penalty" in attributes:
            rule = attributes["penalty_rule"]
            changed._asked = attributes["penalty"] if rule == "given" else rule
        return changed

    def _penalty(self) -> tuple[float | None, str]:
        """The penalty of this encoding and the rule that gave it."""
        if self.encoding == "p-dits":
            return None, ""
        if not isinstance(self._asked, str):
            return float(self._asked), "given"
        return self.penalty_by(self._asked), self._asked

    def penalty_by(self, rule: str) -> float:
        if rule not in _RULES:
            raise ValueError(f"penalty is {rule!r}; expected {_EXPECTED}")
        if rule != "safe":
            return self.TIGHT
        # Energies are whole: what an invalid state can save is so too, and half a conflict more outweighs it.
        return math.floor(one_hot_penalty(self._categorical, self.candidates()) + 1e-9) + 0.5

    def parts(self) -> tuple[IsingModel, IsingModel] | None:
        return None if self.encoding == "p-dits" else self._one_hot[1].parts()

    def categories(self, state: ArrayLike) -> NDArray[np.int16]:
        """The category of each site, −1 where one-hot p-bits hold none or several."""
        if self.encoding == "one-hot":
            return self._one_hot[1].decode(spins_of(state, self.to_model().n))
        given, model = np.asarray(state), self._categorical
        if given.shape != (model.n,):
            raise ValueError(f"the state has shape {given.shape}; expected ({model.n},), one p-dit per site")
        if ((given < 0) | (given >= model.n_states) | (given != np.floor(given))).any():
            model.energy(given)  # refuses it, and says which site
        return given.astype(np.int16)

    def encode_categories(self, categories: ArrayLike) -> NDArray:
        """The state in this encoding that stands for a category of each site."""
        given = np.asarray(categories, dtype=np.int16)
        return given if self.encoding == "p-dits" else self._one_hot[1].encode(given)

    def repaired(self, state: ArrayLike) -> NDArray:
        """One-hot p-bits with one category at each site; conflicts between sites stay."""
        return np.asarray(state) if self.encoding == "p-dits" else self._one_hot[1].repaired(state)
