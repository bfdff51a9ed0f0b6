"""Hopfield's associative memory: patterns stored as energy minima, recalled from a corrupted cue."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pbits.models import IsingModel
from pbits.problems.memory import SpinMemory, digit_images
from pbits.problems.memory_rules import RULES

Rule = Literal["hebb", "storkey", "pseudo-inverse"]


class HopfieldMemory(SpinMemory):
    """Recall of p stored patterns ξ^μ ∈ {−1, +1}ⁿ.

    "hebb" couples J = ξᵀξ/n, which stores about 0.14 n random patterns (J. J. Hopfield, PNAS 79, 2554,
    1982; `pbits.problems.capacity` has the theory). "storkey" learns the patterns one after another, each with what the
    earlier ones left; it holds more, and the order matters (`pbits.problems.memory_rules.storkey` says which form).
    "pseudo-inverse" couples J = ξᵀ(ξξᵀ)⁻¹ξ, the projection on the patterns, for which correlated
    patterns are no obstacle (L. Personnaz, I. Guyon, G. Dreyfus, J. Physique Lett. 46, L359, 1985). All
    with the diagonal set to zero. A pattern and its negative are the same memory.

    The score is the overlap Σ_i s_i ξ_i / n with the target, or, where there is no target, the largest
    absolute overlap with any pattern. `solution` takes the lowest-energy state, and of equals the one
    nearest to the cue: it never looks at the target.

    Parameters
    ----------
    patterns : (p, n) array of ±1
    rule : "hebb", "storkey" or "pseudo-inverse"
    cue : (n,) array of ±1, optional
        The state to start from.
    target : int, optional
        The pattern that recall is meant to find; used for the score alone.
    shape : tuple of int, optional
        How to draw a state, for example (8, 8).

    Raises
    ------
    ValueError
        For entries other than ±1, a pattern given twice (also as its negative), or, for the
        pseudo-inverse, linearly dependent patterns.

    Examples
    --------
    >>> from pbits.problems import HopfieldMemory
    >>> memory = HopfieldMemory([[1, 1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1]])
    >>> answer = memory.decode([1, 1, 1, 1, -1, 1])
    >>> answer.pattern, round(answer.overlap, 2)
    (0, 0.67)
    """

    def __init__(
        self,
        patterns: ArrayLike,
        rule: Rule = "hebb",
        cue: ArrayLike | None = None,
        target: int | None = None,
        shape: tuple[int, ...] | None = None,
        name: str | None = None,
    ):
        super().__init__(patterns, cue, target, shape)
        if rule not in RULES:
            raise ValueError(f"rule is {rule!r}; expected {', '.join(map(repr, RULES))}")
        self.rule = rule
        self.name = name or f"Hopfield memory, {len(self.patterns)} patterns of {self.n} spins, {rule}"
        if rule == "pseudo-inverse":
            self.to_model()  # refuses dependent patterns here, and not at the first run

    @classmethod
    def from_digits(cls, count: int = 5, rule: Rule = "pseudo-inverse") -> HopfieldMemory:
        """The first image of each digit 0 … count−1 in scikit-learn's scans; +1 where ink ≥ 8 of 16."""
        ink, _ = digit_images(count)
        return cls(np.where(ink >= 8, 1, -1), rule, shape=(8, 8), name=f"{count} digits, {rule}")

    def build_model(self) -> IsingModel:
        return IsingModel(RULES[self.rule](self.patterns.astype(np.float64)))

    def beta_range(self) -> tuple[float, float] | None:
        """β from 4/f to 12/f, with f the mean input ξ_i Σ_j J_ij ξ_j that holds a stored spin in place.

        It starts cold: at 1/f the cue is forgotten before a memory forms. With the five default digits,
        from a fifth of the spins flipped, 10 sweeps suffice.
        """
        xi = self.patterns.astype(np.float64)
        model: Any = self.to_model()
        held = float(((xi @ model.J) * xi).mean())
        # As many patterns as spins leave nothing that holds them.
        return (4 / held, 12 / held) if held > 1e-9 else None

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        """20 sweeps at the highest β from the cue; 300 on an embedded machine. Without a cue, a usual anneal."""
        span = self.beta_range()
        if self.cue is None or span is None:
            return {}
        return {"sweeps": 300 if embedded else 20, "beta_start": span[1], "levels": 1}
