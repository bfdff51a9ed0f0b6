"""Hopfield's associative memory: patterns stored as energy minima, recalled from a corrupted cue."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.models.base import read_only, real_array
from pbits.problems.base import Problem, Solution, spins_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Recall:
    """A state read as a memory.

    Attributes
    ----------
    pattern : int
        The stored pattern it resembles most, up to a global sign.
    overlap : float
        Its overlap with that pattern, in [−1, 1].
    state : (n,) array of int8
    """

    pattern: int
    overlap: float
    state: NDArray[np.int8]


class HopfieldMemory(Problem):
    """Recall of p stored patterns ξ^μ ∈ {−1, +1}ⁿ.

    "hebb" couples J = ξᵀξ/n, which stores about 0.14 n random patterns (J. J. Hopfield, PNAS 79, 2554,
    1982). "pseudo-inverse" couples J = ξᵀ(ξξᵀ)⁻¹ξ, the projection on the patterns, for which correlated
    patterns are no obstacle (L. Personnaz, I. Guyon, G. Dreyfus, J. Physique Lett. 46, L359, 1985). Both
    with the diagonal set to zero. A pattern and its negative are the same memory.

    The score is the overlap Σ_i s_i ξ_i / n with the target, or, where there is no target, the largest
    absolute overlap with any pattern. `solution` takes the lowest-energy state, and of equals the one
    nearest to the cue: it never looks at the target.

    Parameters
    ----------
    patterns : (p, n) array of ±1
    rule : "hebb" or "pseudo-inverse"
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

    sense = "max"
    unit = "overlap"
    optimum = 1.0
    goal = 0.95

    def __init__(
        self,
        patterns: ArrayLike,
        rule: Literal["hebb", "pseudo-inverse"] = "hebb",
        cue: ArrayLike | None = None,
        target: int | None = None,
        shape: tuple[int, ...] | None = None,
        name: str | None = None,
    ):
        self.patterns = _checked_patterns(patterns)
        p, self.n = self.patterns.shape
        if rule not in ("hebb", "pseudo-inverse"):
            raise ValueError(f"rule is {rule!r}; expected 'hebb' or 'pseudo-inverse'")
        if rule == "pseudo-inverse" and (rank := int(np.linalg.matrix_rank(self.patterns))) < p:
            raise ValueError(
                f"the {p} patterns span only {rank} dimensions; the pseudo-inverse rule needs them linearly "
                "independent: leave out the dependent ones or use rule='hebb'"
            )
        if shape is not None and np.prod(shape) != self.n:
            raise ValueError(f"shape {shape} holds {np.prod(shape)} spins; the patterns have {self.n}")
        self.rule = rule
        self.shape = shape
        self.cue = None if cue is None else read_only(spins_of(cue, self.n))
        self.target = None if target is None else self._checked_index(target)
        self.name = name or f"Hopfield memory, {p} patterns of {self.n} spins, {rule}"

    @classmethod
    def from_digits(cls, count: int = 5, rule: Literal["hebb", "pseudo-inverse"] = "pseudo-inverse") -> HopfieldMemory:
        """The first image of each digit 0 … count−1 in scikit-learn's scans; +1 where ink ≥ 8 of 16."""
        if not 1 <= count <= 10:
            raise ValueError(f"count is {count}; there are 10 digits, so expected 1 to 10")
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise ImportError("from_digits needs scikit-learn: pip install 'pbits[examples]'") from error
        data: Any = load_digits()
        first = [int(np.flatnonzero(data.target == digit)[0]) for digit in range(count)]
        return cls(np.where(data.data[first] >= 8, 1, -1), rule, shape=(8, 8), name=f"{count} digits, {rule}")

    def build_model(self) -> IsingModel:
        xi = self.patterns.astype(np.float64)
        inverse = np.linalg.inv(xi @ xi.T) if self.rule == "pseudo-inverse" else np.eye(len(xi)) / self.n
        J = xi.T @ inverse @ xi
        np.fill_diagonal(J, 0.0)
        return IsingModel((J + J.T) / 2)

    def corrupt(self, index: int, fraction: float, seed: int) -> NDArray[np.int8]:
        """Pattern `index` with exactly round(fraction · n) of its spins flipped, drawn with `seed`."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction is {fraction}; expected a share of the spins, 0 to 1")
        cue = self.patterns[self._checked_index(index)].copy()
        flipped = np.random.default_rng(seed).choice(self.n, round(fraction * self.n), replace=False)
        cue[flipped] *= -1
        return cue

    def recall(self, cue: ArrayLike, target: int | None = None) -> HopfieldMemory:
        """This memory, with the same model, posed with a cue to start from."""
        self.to_model()
        posed = copy.copy(self)
        posed.cue = read_only(spins_of(cue, self.n))
        posed.target = None if target is None else self._checked_index(target)
        return posed

    def overlap(self, state: ArrayLike) -> NDArray[np.float64]:
        """Σ_i s_i ξ_i / n with each pattern, shape (p,)."""
        return self.patterns.astype(np.float64) @ spins_of(state, self.n) / self.n

    def initial_state(self) -> NDArray[np.int8] | None:
        return self.cue

    def decode(self, state: ArrayLike, repair: bool = False) -> Recall:
        overlap = self.overlap(state)
        nearest = int(np.abs(overlap).argmax())
        return Recall(pattern=nearest, overlap=float(overlap[nearest]), state=read_only(spins_of(state, self.n)))

    def score(self, answer: Recall) -> float:
        """Overlap with the target, or the largest absolute overlap where there is none."""
        overlap = self.overlap(answer.state)
        return float(np.abs(overlap).max() if self.target is None else overlap[self.target])

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        if self.shape is None or solution.value is None:
            return None
        answer: Recall = solution.value
        panels = []
        if self.target is not None:
            panels.append({"label": "stored", "values": self.patterns[self.target].tolist()})
        if self.cue is not None:
            panels.append({"label": "cue", "values": self.cue.tolist()})
        panels.append({"label": f"recalled, overlap {solution.objective:.2f}", "values": answer.state.tolist()})
        return {"kind": "images", "shape": list(self.shape), "panels": panels}

    def solution(self, states: ArrayLike, energies: ArrayLike) -> Solution:
        """The lowest-energy state; of equals, the one nearest to the cue. An overlap needs no gap: 1 is perfect."""
        rows, energy = self._checked(states, energies)
        lowest = np.flatnonzero(energy <= energy.min() + 1e-9 * np.abs(energy).max())
        if self.cue is not None:
            lowest = lowest[np.argsort((rows[lowest] != self.cue).sum(axis=1), kind="stable")]
        return replace(self._report(rows[lowest[0]], 1.0), gap=None)

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

    def _checked_index(self, index: int) -> int:
        if not 0 <= index < len(self.patterns):
            raise ValueError(f"there is no pattern {index}; expected 0 to {len(self.patterns) - 1}")
        return int(index)


def _checked_patterns(patterns: ArrayLike | Sequence[ArrayLike]) -> NDArray[np.int8]:
    xi = real_array(patterns, "patterns")
    if xi.ndim != 2 or not xi.size:
        raise ValueError(f"patterns have shape {xi.shape}; expected (p, n), one row per pattern")
    if not (np.abs(xi) == 1).all():
        raise ValueError("patterns must hold −1 or +1; turn bits x into spins with 2*x − 1")
    same = np.abs(xi.astype(np.int64) @ xi.T) == xi.shape[1]
    twins = np.argwhere(np.triu(same, 1))
    if len(twins):
        a, b = twins[0]
        raise ValueError(f"patterns {a} and {b} are the same up to sign, hence one memory; leave one out")
    return read_only(xi.astype(np.int8))
