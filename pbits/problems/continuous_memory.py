"""The modern Hopfield memory: patterns of reals, minima of a potential that analog cells can hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import PotentialModel
from pbits.models.base import read_only, real_array, site_states
from pbits.problems.memory import Memory, digit_images


class ContinuousMemory(Memory):
    """Recall of p patterns ξ^μ ∈ ℝⁿ by E(x) = ½ x·x − (1/κ) ln Σ_μ exp(κ ξ^μ·x) + (1/κ) ln p + ½ max_μ ξ^μ·ξ^μ.

    Its steepest descent with step 1 is x ← Σ_μ ξ^μ softmax(κ ξ·x)_μ, which is attention; `update` does it, and a
    circuit follows it continuously. Where κ times the gaps between the overlaps is large the minima lie at the
    patterns; where it is small they merge into means of several. E ≥ 0.

    The score is the cosine x·ξ/(|x||ξ|) with the target, or, where there is no target, the largest with any pattern.

    H. Ramsauer et al., "Hopfield networks is all you need", arXiv:2008.02217 (2020), where κ is called β; from memory.

    Parameters
    ----------
    patterns : (p, n) array
    sharpness : float
        κ, above 0. Not the β of a run, which says how strong the noise is: x is spread by 1/√β around a minimum.
    cue : (n,) array, optional
        The state to start from.
    target : int, optional
        The pattern that recall is meant to find; used for the score alone.
    shape : tuple of int, optional
        How to draw a state, for example (8, 8).

    Raises
    ------
    ValueError
        For a pattern that is 0 or given twice, a number that is not finite, or a sharpness that is not positive.

    Notes
    -----
    The overlap ξ·x decides, so of patterns of unequal length the longer are favoured. The gradient of a state takes
    4np + n + 4p operations, an exponential counted as one.

    Examples
    --------
    >>> memory = ContinuousMemory([[3.0, 0.0, 1.0], [0.0, 3.0, -1.0]], sharpness=2.0)
    >>> memory.update([2.0, 1.0, 0.0]).round(3)
    array([2.993, 0.007, 0.995])
    """

    signed = True

    def __init__(
        self,
        patterns: ArrayLike,
        sharpness: float = 1.0,
        cue: ArrayLike | None = None,
        target: int | None = None,
        shape: tuple[int, ...] | None = None,
        name: str | None = None,
    ):
        self.patterns = _checked_patterns(patterns)
        p, self.n = self.patterns.shape
        if not (math.isfinite(sharpness) and sharpness > 0):
            raise ValueError(f"sharpness is {sharpness}; it must be positive and finite")
        if shape is not None and np.prod(shape) != self.n:
            raise ValueError(f"shape {shape} holds {np.prod(shape)} sites; the patterns have {self.n}")
        self.sharpness = float(sharpness)
        self.shape = shape
        self.cue = None if cue is None else read_only(self._state(cue))
        self.target = None if target is None else self._checked_index(target)
        self.name = name or f"continuous memory, {p} patterns of {self.n} sites"

    @classmethod
    def from_digits(cls, count: int = 10, each: int = 1, sharpness: float = 2.0) -> ContinuousMemory:
        """The first images of each digit 0 … count−1 in scikit-learn's scans, all stretched to the length √n.

        Before that paper is −1 and ink up to 1.
        """
        ink, _ = digit_images(count, each)
        images = ink / 8 - 1
        images *= np.sqrt(images.shape[1]) / np.linalg.norm(images, axis=1, keepdims=True)
        return cls(images, sharpness, shape=(8, 8), name=f"{len(ink)} images of digits, κ = {sharpness:g}")

    def build_model(self) -> PotentialModel:
        p, n = self.patterns.shape
        top = math.log(p) / self.sharpness + 0.5 * float((self.patterns**2).sum(axis=1).max())

        def energy(x: NDArray[np.float64]) -> NDArray[np.float64]:
            weights, highest = self._weights(x)
            near = highest + np.log(weights.sum(axis=-1)) / self.sharpness
            return 0.5 * (x**2).sum(axis=-1) - near + top

        return PotentialModel(n, energy, lambda x: x - self.update(x), gradient_flops=4.0 * n * p + n + 4 * p)

    def update(self, states: ArrayLike) -> NDArray[np.float64]:
        """One step of states of shape (..., n): Σ_μ ξ^μ softmax(κ ξ·x)_μ, of the same shape."""
        weights, _ = self._weights(site_states(states, self.n).astype(np.float64))
        return (weights @ self.patterns) / weights.sum(axis=-1, keepdims=True)

    def _weights(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """exp(κ(ξ^μ·x − highest)) and the highest ξ^μ·x."""
        overlaps = x @ self.patterns.T
        highest = overlaps.max(axis=-1)
        return np.exp(self.sharpness * (overlaps - highest[..., None])), highest

    def corrupt(self, index: int, noise_sd: float, seed: int) -> NDArray[np.float64]:
        """Pattern `index` with normal noise of standard deviation `noise_sd` on every site, drawn with `seed`."""
        if not (math.isfinite(noise_sd) and noise_sd >= 0):
            raise ValueError(f"noise_sd is {noise_sd}; it must be finite and at least 0")
        noise = np.random.default_rng(seed).standard_normal(self.n)
        return self.patterns[self._checked_index(index)] + noise_sd * noise

    def overlap(self, state: ArrayLike) -> NDArray[np.float64]:
        """The cosine x·ξ/(|x||ξ|) with each pattern, shape (p,); 0 for x = 0."""
        x = self._state(state)
        length = np.linalg.norm(x)
        return self.patterns @ x / (np.linalg.norm(self.patterns, axis=1) * (length or 1.0))

    def beta_range(self) -> tuple[float, float]:
        """β from 10 n/ξ̄² to 100 n/ξ̄², with ξ̄² the mean of ξ·ξ: noise of a tenth and a hundredth of a pattern's."""
        per_site = float((self.patterns**2).sum(axis=1).mean()) / self.n
        return 10 / per_site, 100 / per_site

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        """20 steps at the highest β from the cue. Without a cue, a usual anneal."""
        if self.cue is None:
            return {}
        return {"sweeps": 20, "beta_start": self.beta_range()[1], "levels": 1, "chains": 4}

    def _state(self, state: ArrayLike) -> NDArray[np.float64]:
        x = real_array(state, "the state").astype(np.float64)
        if x.shape != (self.n,) or not np.isfinite(x).all():
            raise ValueError(f"the state has shape {x.shape}; expected ({self.n},) finite numbers")
        return x


def _checked_patterns(patterns: ArrayLike) -> NDArray[np.float64]:
    xi = real_array(patterns, "patterns").astype(np.float64)
    if xi.ndim != 2 or not xi.size:
        raise ValueError(f"patterns have shape {xi.shape}; expected (p, n), one row per pattern")
    if not np.isfinite(xi).all():
        raise ValueError("patterns hold a number that is not finite")
    if not (lengths := np.abs(xi).max(axis=1)).all():
        raise ValueError(f"pattern {lengths.argmin()} is 0 everywhere, and has no overlap with anything; leave it out")
    _, first = np.unique(xi, axis=0, return_index=True)
    if len(first) < len(xi):
        twin = int(np.setdiff1d(np.arange(len(xi)), first)[0])
        raise ValueError(f"pattern {twin} is given twice; leave one out")
    return read_only(xi)
