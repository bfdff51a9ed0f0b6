"""What associative memories of spins share: patterns, cues, overlaps and pictures of recall."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import read_only, real_array
from pbits.problems.base import Problem, Solution, spins_of

# Of a picture of recall, besides the cue and the end.
_STAGES = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Recall:
    """A state read as a memory.

    Attributes
    ----------
    pattern : int
        The stored pattern it resembles most; of a memory that holds negatives as well, up to a global sign.
    overlap : float
        Its overlap with that pattern, in [−1, 1].
    state : (n,) array
    """

    pattern: int
    overlap: float
    state: NDArray


class Memory(Problem):
    """Recall of stored patterns from a cue: the state to start from.

    A subclass sets `patterns` (p, n), `n`, `shape`, `cue`, `target` and, where a pattern and its negative are told
    apart, `signed`, and gives the model.

    The score is the overlap with the target, or, where there is no target, the largest with any pattern. `solution`
    takes the lowest-energy state, and of equals the one nearest to the cue: it never looks at the target.
    """

    sense = "max"
    unit = "overlap"
    optimum = 1.0
    goal = 0.95

    patterns: NDArray
    n: int
    shape: tuple[int, ...] | None
    cue: NDArray | None
    target: int | None
    signed: bool = False

    @abstractmethod
    def overlap(self, state: ArrayLike) -> NDArray[np.float64]:
        """The overlap in [−1, 1] with each pattern, shape (p,)."""

    @abstractmethod
    def _state(self, state: ArrayLike) -> NDArray:
        """One state as this memory holds it, checked."""

    def recall(self, cue: ArrayLike, target: int | None = None) -> Self:
        """This memory, with the same model, posed with a cue to start from."""
        self.to_model()
        posed = copy.copy(self)
        posed.cue = read_only(self._state(cue))
        posed.target = None if target is None else self._checked_index(target)
        return posed

    def initial_state(self) -> NDArray | None:
        return self.cue

    def decode(self, state: ArrayLike, repair: bool = False) -> Recall:
        overlap = self.overlap(state)
        nearest = int((overlap if self.signed else np.abs(overlap)).argmax())
        return Recall(pattern=nearest, overlap=float(overlap[nearest]), state=read_only(self._state(state)))

    def score(self, answer: Recall) -> float:
        """Overlap with the target, or the largest (where signs do not count, absolute) one where there is none."""
        overlap = self.overlap(answer.state)
        if self.target is not None:
            return float(overlap[self.target])
        return float(overlap.max() if self.signed else np.abs(overlap).max())

    def solution(self, states: ArrayLike, energies: ArrayLike, repair: bool = False) -> Solution:
        """The lowest-energy state; of equals, the one nearest to the cue. An overlap needs no gap: 1 is perfect."""
        rows, energy = self._checked(states, energies)
        lowest = np.flatnonzero(energy <= energy.min() + 1e-9 * np.abs(energy).max())
        if self.cue is not None:
            lowest = lowest[np.argsort(((rows[lowest] - self.cue) ** 2).sum(axis=1), kind="stable")]
        return replace(self._report(rows[lowest[0]], 1.0), gap=None)

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        if self.shape is None or solution.value is None:
            return None
        last = {"label": f"recalled, overlap {solution.objective:.2f}", "values": solution.value.state.tolist()}
        return {"kind": "images", "shape": list(self.shape), "panels": [*self._asked(), last]}

    def sequence(self, states: ArrayLike, steps: Sequence[int] | None = None) -> dict[str, Any]:
        """A picture of recall on its way: what was stored, the cue, and states of one chain with their overlaps.

        Parameters
        ----------
        states : (draws, n) array
            ``run.states[chain]`` of a run from the cue without warm-up.
        steps : sequence of int, optional
            Which draws, counted from 1; when absent four, spread evenly in ratio from the first to the last.

        Raises
        ------
        ValueError
            For a memory without a shape to draw in, or a draw that is not there.
        """
        if self.shape is None:
            raise ValueError("nothing says how to draw a state; give the memory a shape, such as (8, 8)")
        rows = np.asarray(states)
        if rows.ndim != 2 or rows.shape[1] != self.n or not len(rows):
            raise ValueError(f"states have shape {rows.shape}; expected (draws, {self.n}): the draws of one chain")
        if steps is None:
            steps = sorted(set(np.geomspace(1, len(rows), _STAGES).round().astype(int).tolist()))
        if not all(1 <= step <= len(rows) for step in steps):
            raise ValueError(f"steps are {list(steps)}; there are draws 1 to {len(rows)}")
        panels = self._asked()
        for step in steps:
            score = self.score(self.decode(rows[step - 1]))
            panels.append({"label": f"draw {step}: {score:.2f}", "values": rows[step - 1].tolist()})
        return {"kind": "images", "shape": list(self.shape), "panels": panels}

    def _asked(self) -> list[dict[str, Any]]:
        panels = []
        if self.target is not None:
            panels.append({"label": "stored", "values": self.patterns[self.target].tolist()})
        if self.cue is not None:
            panels.append({"label": "cue", "values": self.cue.tolist()})
        return panels

    def _checked_index(self, index: int) -> int:
        if not 0 <= index < len(self.patterns):
            raise ValueError(f"there is no pattern {index}; expected 0 to {len(self.patterns) - 1}")
        return int(index)


class SpinMemory(Memory):
    """A memory of patterns of ±1.

    Parameters
    ----------
    patterns : (p, n) array of ±1
    cue : (n,) array of ±1, optional
        The state to start from.
    target : int, optional
        The pattern that recall is meant to find; used for the score alone.
    shape : tuple of int, optional
        How to draw a state, for example (8, 8).

    Raises
    ------
    ValueError
        For entries other than ±1, or a pattern given twice; also as its negative, where signs do not count.
    """

    def __init__(
        self,
        patterns: ArrayLike,
        cue: ArrayLike | None = None,
        target: int | None = None,
        shape: tuple[int, ...] | None = None,
    ):
        self.patterns = _checked_patterns(patterns, self.signed)
        self.n = self.patterns.shape[1]
        if shape is not None and np.prod(shape) != self.n:
            raise ValueError(f"shape {shape} holds {np.prod(shape)} spins; the patterns have {self.n}")
        self.shape = shape
        self.cue = None if cue is None else read_only(spins_of(cue, self.n))
        self.target = None if target is None else self._checked_index(target)

    def overlap(self, state: ArrayLike) -> NDArray[np.float64]:
        """Σ_i s_i ξ_i / n with each pattern, shape (p,)."""
        return self.patterns.astype(np.float64) @ spins_of(state, self.n) / self.n

    def corrupt(self, index: int, fraction: float, seed: int) -> NDArray[np.int8]:
        """Pattern `index` with exactly round(fraction · n) of its spins flipped, drawn with `seed`."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction is {fraction}; expected a share of the spins, 0 to 1")
        cue = self.patterns[self._checked_index(index)].copy()
        flipped = np.random.default_rng(seed).choice(self.n, round(fraction * self.n), replace=False)
        cue[flipped] *= -1
        return cue

    def _state(self, state: ArrayLike) -> NDArray[np.int8]:
        return spins_of(state, self.n)


def digit_images(count: int, each: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The first `each` images of each digit 0 … count−1 in scikit-learn's scans, with ink from 0 to 16, and the digits.

    Raises
    ------
    ValueError
        For fewer than 1 or more than 10 digits, or more images than there are.
    ImportError
        Without scikit-learn.
    """
    if not 1 <= count <= 10:
        raise ValueError(f"count is {count}; there are 10 digits, so expected 1 to 10")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("from_digits needs scikit-learn: pip install 'pbits[examples]'") from error
    data: Any = load_digits()
    fewest = int(np.bincount(data.target)[:count].min())
    if not 1 <= each <= fewest:
        raise ValueError(f"each is {each}; there are {fewest} images of the rarest digit, so expected 1 to {fewest}")
    chosen = np.concatenate([np.flatnonzero(data.target == digit)[:each] for digit in range(count)])
    return data.data[chosen], data.target[chosen]


def _checked_patterns(patterns: ArrayLike | Sequence[ArrayLike], signed: bool) -> NDArray[np.int8]:
    xi = real_array(patterns, "patterns")
    if xi.ndim != 2 or not xi.size:
        raise ValueError(f"patterns have shape {xi.shape}; expected (p, n), one row per pattern")
    if not (np.abs(xi) == 1).all():
        raise ValueError("patterns must hold −1 or +1; turn bits x into spins with 2*x − 1")
    # Exact: products and sums of ±1.
    alike = xi @ xi.T
    twins = np.argwhere(np.triu((alike if signed else np.abs(alike)) == xi.shape[1], 1))
    if len(twins):
        a, b = twins[0]
        up_to = "" if signed else " up to sign, hence one memory"
        raise ValueError(f"patterns {a} and {b} are the same{up_to}; leave one out")
    return read_only(xi.astype(np.int8))
