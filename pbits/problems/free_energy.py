"""Free energies: the determinant of a matrix, as what it takes to couple sites that were alone."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import block_diag
from scipy.optimize import brentq
from scipy.special import expit

from pbits.models import GaussianModel
from pbits.models.base import real_array
from pbits.problems.base import Solution
from pbits.problems.estimates import Estimate, Method, average


def acceptance_ratio(forward: ArrayLike, reverse: ArrayLike) -> float:
    """β(F_b − F_a) of two laws from works between them, by Bennett's acceptance ratio.

    It solves Σ_forward σ(C − ln(N_f/N_r) − W) = Σ_reverse σ(ln(N_f/N_r) − C − W) for C, σ(u) = 1/(1 + e^(−u)): of all
    estimates from both kinds of work the one of least variance.

    Parameters
    ----------
    forward : (N_f,) array
        β × work from a to b: E_b(x) − E_a(x) of draws of a, or the work of a protocol that starts there.
    reverse : (N_r,) array
        β × work from b to a, of draws of b.

    Raises
    ------
    ValueError
        For arrays that are empty or not finite.

    Notes
    -----
    C. H. Bennett, J. Comput. Phys. 22, 245 (1976), from memory: checked here against closed forms.

    Examples
    --------
    >>> from pbits.problems.free_energy import acceptance_ratio
    >>> round(acceptance_ratio([1.0, 2.0], [-1.0, -2.0]), 6)
    1.5
    """
    up, down = (real_array(works, name).ravel() for works, name in ((forward, "forward"), (reverse, "reverse")))
    if not (up.size and down.size and np.isfinite(up).all() and np.isfinite(down).all()):
        raise ValueError("forward and reverse must each hold at least one work, all finite")
    ratio = math.log(up.size / down.size)

    def excess(c: float) -> float:
        return float(expit(c - ratio - up).sum() - expit(ratio - c - down).sum())

    reach = float(max(np.abs(up).max(), np.abs(down).max())) + abs(ratio) + 1
    # Beyond all works the sums differ by more than half of either, whatever their sizes.
    while excess(reach) <= 0 or excess(-reach) >= 0:
        reach *= 2
    found: Any = brentq(excess, -reach, reach, xtol=1e-12)
    return float(found)


def influences(
    change: float, forward: NDArray[np.float64], reverse: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each work adds to the error of `acceptance_ratio`, to first order: its error is the sum of both means.

    Each mean is over the works of its kind, and 0 up to the equation that `change` solves.
    """
    ratio = math.log(forward.size / reverse.size)
    up, down = expit(change - ratio - forward), expit(ratio - change - reverse)
    # The slope of the equation by C, as a mean over forward works.
    weight = forward.size / reverse.size
    slope = float((up * (1 - up)).mean() + (down * (1 - down)).mean() / weight)
    return -(up - up.mean()) / slope, (down - down.mean()) / (weight * slope)


class Determinant(Estimate):
    """ln det A of a symmetric, positive definite A: twice the free energy between sites alone and coupled.

    Stages A_k = diag A + λ_k (A − diag A), from λ = 0 to 1, are sampled side by side, on n cells each; neighbours are
    compared by Bennett's acceptance ratio, and ln det A = Σ_i ln A_ii + 2βΔF. The score is the distance from the exact
    logarithm, which is the relative error of the determinant.

    Parameters
    ----------
    A : (n, n) array
    stages : int
        At least 2. Neighbours must overlap: more of them for more sites, and for stronger couplings.

    Raises
    ------
    ValueError, TypeError
        As `GaussianModel`; for fewer than 2 stages.

    Examples
    --------
    >>> from pbits.problems import Determinant
    >>> task = Determinant([[2.0, 1.0], [1.0, 2.0]], stages=3)
    >>> task.to_model(), round(task.exact(), 6)
    (GaussianModel(n=6), 1.098612)
    """

    unit = "of the logarithm"

    def __init__(self, A: ArrayLike, stages: int = 4, name: str | None = None):
        self._coupled = GaussianModel(A)
        self.A = self._coupled.A
        self._count = operator.index(stages)
        if self._count < 2:
            raise ValueError(f"stages is {stages}; it takes at least 2, the sites alone and coupled")
        self.name = name or f"determinant, {self._coupled.n} × {self._coupled.n}"

    def stages(self) -> tuple[GaussianModel, ...]:
        """The models from diag A to A."""
        alone = np.diag(np.diag(self.A))
        return tuple(GaussianModel(alone + part * (self.A - alone)) for part in np.linspace(0, 1, self._count))

    def build_model(self) -> GaussianModel:
        """All stages side by side, on n × stages sites."""
        return GaussianModel(np.asarray(block_diag(*(stage.A for stage in self.stages()))))

    def estimate(
        self, states: NDArray[np.float64], beta: float, step_tau: float | None
    ) -> tuple[float, float | None, float | None]:
        chains, draws, _ = states.shape
        each = states.reshape(chains, draws, self._count, -1)
        stages = self.stages()
        change, influence = 0.0, np.zeros((chains, draws))
        for k, (this, other) in enumerate(pairwise(stages)):
            forward, reverse = (
                beta * sign * (other.energy(each[:, :, place]) - this.energy(each[:, :, place]))
                for sign, place in ((1, k), (-1, k + 1))
            )
            part = acceptance_ratio(forward, reverse)
            change += part
            influence += sum(influences(part, forward, reverse))
        value = float(np.log(np.diag(self.A)).sum()) + 2 * change
        scatter = average(influence[..., None])
        error = None if scatter.error is None else 2 * float(scatter.error[0])
        return value, error, scatter.effective_samples

    def score(self, answer: float) -> float:
        return abs(float(answer) - self.exact())

    def exact(self) -> float:
        """ln det A."""
        return float(np.linalg.slogdet(self.A)[1])

    def distance(self, answer: float) -> float:
        return self.score(answer)

    def relative_error(self, solution: Solution) -> float | None:
        """The error of the logarithm, which is the relative one of the determinant."""
        return solution.error

    def methods(self) -> Mapping[str, Method]:
        return {"cholesky": self._cholesky, "numpy": self._numpy}

    def _cholesky(self) -> tuple[Any, float, int]:
        n = len(self.A)
        return 2 * float(np.log(np.diag(np.linalg.cholesky(self.A))).sum()), n**3 / 3, 1

    def _numpy(self) -> tuple[Any, float, int]:
        return self.exact(), 2 * len(self.A) ** 3 / 3, 1
