"""Moments of Gaussian laws, and what can be read off them: inverses, Lyapunov equations, matrix exponentials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve, expm, solve_continuous_lyapunov, solve_triangular

from pbits.models import DiffusionModel, GaussianModel
from pbits.models.base import check_finite, is_symmetric, read_only, real_array
from pbits.problems.base import Solution
from pbits.problems.estimates import (
    Average,
    Estimate,
    MeanAndCovariance,
    Method,
    MomentsOfStates,
    average_products,
)

# Of e^x in double precision.
_LARGEST_EXPONENT = 700.0
# Sites up to which a report draws the entries of a matrix.
_PICTURED = 6


class GaussianSampling(MomentsOfStates):
    """Draw from a linear model; the answer is the mean and covariance at β = 1 of what was drawn.

    The score is their distance from the exact ones, in what a single draw knows (see `pbits.errors.Errors.measure`):
    about 1/√N of N independent draws.

    Parameters
    ----------
    model : GaussianModel or DiffusionModel

    Raises
    ------
    TypeError
        For another model.

    Examples
    --------
    >>> import pbits
    >>> from pbits.problems import GaussianSampling
    >>> task = GaussianSampling(pbits.GaussianModel([[2.0, 0.0], [0.0, 1.0]], [2.0, 0.0]))
    >>> task.exact().sd.round(3)
    array([0.707, 1.   ])
    """

    unit = "of one draw"

    def __init__(self, model: GaussianModel | DiffusionModel, name: str | None = None):
        if not isinstance(model, GaussianModel | DiffusionModel):
            raise TypeError(f"model is a {type(model).__name__}; give a GaussianModel or a DiffusionModel")
        self._posed = model
        self.name = name or f"Gaussian sampling, {model.n} sites"

    def build_model(self) -> GaussianModel | DiffusionModel:
        return self._posed

    def exact(self) -> MeanAndCovariance:
        return MeanAndCovariance(mean=self._posed.mean, covariance=self._covariance())

    def _covariance(self) -> NDArray[np.float64]:
        return self._posed.covariance if isinstance(self._posed, DiffusionModel) else np.linalg.inv(self._posed.A)

    def score(self, answer: MeanAndCovariance) -> float:
        return self.distance(answer)

    def methods(self) -> Mapping[str, Method]:
        return {"cholesky": self._draw}

    def _draw(self, draws: int = 1000, seed: int = 0) -> tuple[Any, float | None, int]:
        """Moments of independent draws by the Cholesky factor, of the covariance where A need not be symmetric."""
        n, noise = self._posed.n, np.random.Generator(np.random.Philox(seed)).standard_normal((draws, self._posed.n))
        if isinstance(self._posed, GaussianModel):
            spread = solve_triangular(np.linalg.cholesky(self._posed.A).T, noise.T).T
            flops = n**3 / 3 + 2 * n**2 + draws * n**2
        else:
            spread, flops = noise @ np.linalg.cholesky(self._covariance()).T, None
        states = self._posed.mean + spread
        return MeanAndCovariance(mean=states.mean(axis=0), covariance=np.cov(states, rowvar=False, bias=True)), flops, 1


class _MatrixEstimate(Estimate):
    """A matrix; the score is its relative error ‖X − exact‖/‖exact‖ in the Frobenius norm."""

    unit = "relative error"

    def score(self, answer: ArrayLike) -> float:
        return self.distance(real_array(answer, "the answer"))

    def estimate(
        self, states: NDArray[np.float64], beta: float, step_tau: float | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, float | None]:
        found, scale = self._average(states, step_tau), beta * self._scale()
        error = None if found.error is None else scale * found.error
        return scale * found.value, error, found.effective_samples

    def _average(self, states: NDArray[np.float64], step_tau: float | None) -> Average:
        """Second moments of the states, whose mean is known to be 0."""
        return average_products(states, states)

    def _scale(self) -> float:
        return 1.0

    def _shown(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the entries that tell the matrix."""
        rows, columns = np.divmod(np.arange(n**2), n)
        return rows, columns

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        exact = self.exact()
        if len(exact) > _PICTURED:
            return None
        shown = self._shown(len(exact))
        return {
            "kind": "estimate",
            "labels": [f"{row}, {column}" for row, column in zip(*shown)],
            "mean": solution.value[shown].tolist(),
            "sd": None if solution.error is None else solution.error[shown].tolist(),
            "exact_mean": exact[shown].tolist(),
            "exact_sd": None,
            "caption": "Entries of the matrix by row and column, from 0, each with its standard error",
        }


class _CovarianceEstimate(_MatrixEstimate):
    """A matrix that is the covariance of a law of mean 0."""

    def of_moments(
        self, mean: NDArray[np.float64], covariance: NDArray[np.float64], beta: float
    ) -> NDArray[np.float64]:
        return beta * (covariance + np.outer(mean, mean))

    def _shown(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows, columns = np.triu_indices(n)
        return rows, columns


class MatrixInverse(_CovarianceEstimate):
    """A⁻¹ of a symmetric, positive definite A: β times the covariance of N(0, A⁻¹/β).

    N independent draws know it to a relative error of √((tr²A⁻¹ + tr A⁻²)/(N tr A⁻²)), which is √((n + 1)/N) where
    A = 1: the draws grow as n, whatever the time of one.

    Parameters
    ----------
    A : (n, n) array

    Raises
    ------
    ValueError, TypeError
        As `GaussianModel`, with the remedy.

    Examples
    --------
    >>> from pbits.problems import MatrixInverse
    >>> MatrixInverse([[2.0, 1.0], [1.0, 2.0]]).exact().round(3)
    array([[ 0.667, -0.333],
           [-0.333,  0.667]])
    """

    def __init__(self, A: ArrayLike, name: str | None = None):
        try:
            self._posed = GaussianModel(A)
        except ValueError as error:
            raise ValueError(
                f"{error}. Any A of full rank has the inverse (AᵀA)⁻¹Aᵀ: MatrixInverse(A.T @ A), times A.T"
            ) from error
        self.A = self._posed.A
        self.name = name or f"matrix inverse, {self._posed.n} × {self._posed.n}"

    def build_model(self) -> GaussianModel:
        return self._posed

    def exact(self) -> NDArray[np.float64]:
        return np.linalg.inv(self.A)

    def methods(self) -> Mapping[str, Method]:
        return {"cholesky": self._cholesky, "numpy": self._numpy}

    def _cholesky(self) -> tuple[Any, float, int]:
        n = self._posed.n
        return cho_solve(cho_factor(self.A), np.eye(n)), n**3, 1

    def _numpy(self) -> tuple[Any, float, int]:
        return np.linalg.inv(self.A), 2.0 * self._posed.n**3, 1


class LyapunovEquation(_CovarianceEstimate):
    """X of AX + XAᵀ = D, as the covariance of dx = −Ax dt + D^½ dW.

    Parameters
    ----------
    A : (n, n) array
        Every eigenvalue has a positive real part.
    D : (n, n) array
        Symmetric and positive semi-definite, with noise enough for every direction.

    Raises
    ------
    ValueError, TypeError
        As `DiffusionModel`.

    Examples
    --------
    >>> from pbits.problems import LyapunovEquation
    >>> LyapunovEquation([[1.0, 2.0], [0.0, 3.0]], [[4.0, 0.0], [0.0, 6.0]]).exact()
    array([[ 3. , -0.5],
           [-0.5,  1. ]])
    """

    def __init__(self, A: ArrayLike, D: ArrayLike, name: str | None = None):
        self.D = read_only(real_array(D, "D"))
        self._posed = DiffusionModel(A, D=self.D / 2)
        self.A = self._posed.A
        self.name = name or f"Lyapunov equation, {self._posed.n} × {self._posed.n}"

    def build_model(self) -> DiffusionModel:
        return self._posed

    def exact(self) -> NDArray[np.float64]:
        return self._posed.covariance

    def methods(self) -> Mapping[str, Method]:
        return {"scipy": self._scipy}

    def _scipy(self) -> tuple[Any, None, int]:
        """Bartels and Stewart's, whose operations scipy does not count."""
        return solve_continuous_lyapunov(self.A, self.D), None, 1


class MatrixExponential(_MatrixEstimate):
    """e^(−At), as what is left after a time t of the correlations of dx = −Ax dt + √(A + Aᵀ) dW.

    With that noise the covariance of x is 1, whatever A is, so ⟨x(s + t) x(s)ᵀ⟩ = e^(−At). It needs A + Aᵀ to be
    positive definite: else A + α1 is posed, which is, and e^(αt) undoes it (and multiplies the error).

    Parameters
    ----------
    A : (n, n) array
        Any.
    t : float
        Positive. A run can tell it where t is a whole multiple of the time between its draws, as it is by default and
        with ``Schedule(step_tau=problem.t / k, …)``.
    shift : float, optional
        α; by default 0 where A + Aᵀ is positive definite, else what brings its lowest eigenvalue to 1/t.

    Raises
    ------
    ValueError
        For a matrix that is not square or finite, a t that is not positive, or a shift that is too small.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> from pbits.problems import MatrixExponential
    >>> turn = MatrixExponential([[0.0, 1.0], [-1.0, 0.0]], t=1.0)
    >>> turn.shift, turn.exact().round(3).tolist()
    (0.5, [[0.54, -0.841], [0.841, 0.54]])
    """

    def __init__(self, A: ArrayLike, t: float = 1.0, shift: float | None = None, name: str | None = None):
        matrix = real_array(A, "A")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise ValueError(f"A has shape {matrix.shape}; expected a square matrix (n, n)")
        check_finite(matrix, "A")
        if not (math.isfinite(t) and t > 0):
            raise ValueError(f"t is {t}; it must be positive and finite (e^(At) is that of −A)")
        self.A, self.t = read_only(matrix), float(t)
        self.step_tau = self.t
        noise = (matrix + matrix.T) / 2
        lowest = float(np.linalg.eigvalsh(noise)[0])
        # Rounding must not take a matrix that needs no shift for one that does, nor the other way round.
        enough = lowest > 1e-12 * float(np.abs(noise).max())
        self.shift = float((0.0 if enough else 0.5 / self.t - lowest) if shift is None else shift)
        if not lowest + self.shift > 0:
            raise ValueError(
                f"shift is {shift} and the lowest eigenvalue of (A + Aᵀ)/2 is {lowest:.3g}; their sum must be positive"
            )
        if self.shift * self.t > _LARGEST_EXPONENT:
            raise ValueError(
                f"A must be shifted by {self.shift:.3g}, and e^(shift·t) is beyond what numbers hold; take a t below "
                f"{_LARGEST_EXPONENT / self.shift:.3g}"
            )
        one = self.shift * np.eye(len(matrix))
        self._posed = DiffusionModel(matrix + one, D=noise + one)
        self.name = name or f"matrix exponential, {self._posed.n} × {self._posed.n}"

    def build_model(self) -> DiffusionModel:
        return self._posed

    def _average(self, states: NDArray[np.float64], step_tau: float | None) -> Average:
        if step_tau is None:
            raise ValueError(
                "e^(−At) is read off draws a known time apart, in the unit of A; this machine tells none (its run "
                "has no note step_tau)"
            )
        lag = round(self.t / step_tau)
        if lag < 1 or abs(lag * step_tau - self.t) > 1e-6 * self.t:
            raise ValueError(
                f"draws are {step_tau:g} apart and t is {self.t:g}, which is no whole multiple of that; take "
                f"Schedule(step_tau={self.t / max(1, lag):g}, …), or that over k with k steps_per_sample"
            )
        draws = states.shape[1]
        if draws <= lag:
            raise ValueError(f"t is {lag} draws and a chain has {draws}; take at least {lag + 1}, better hundreds")
        return average_products(states[:, lag:], states[:, :-lag])

    def _scale(self) -> float:
        return math.exp(self.shift * self.t)

    def exact(self) -> NDArray[np.float64]:
        return np.asarray(expm(-self.A * self.t), dtype=np.float64)

    def methods(self) -> Mapping[str, Method]:
        symmetric = is_symmetric(float(np.abs(self.A - self.A.T).max()), float(np.abs(self.A).max()))
        return {"scipy": self._scipy} | ({"eigen": self._eigen} if symmetric else {})

    def _scipy(self) -> tuple[Any, None, int]:
        """By scaling and squaring, whose operations depend on A and are not counted."""
        return expm(-self.A * self.t), None, 1

    def _eigen(self) -> tuple[Any, None, int]:
        rates, modes = np.linalg.eigh(self.A)
        return (modes * np.exp(-rates * self.t)) @ modes.T, None, 1
