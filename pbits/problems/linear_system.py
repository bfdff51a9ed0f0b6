"""Linear systems and Bayesian linear regression: the answer is the mean of what a circuit samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import GaussianModel
from pbits.models.base import finite_vector, read_only, real_array
from pbits.problems.base import Problem, Solution


class _MeanOfStates(Problem):
    """A problem over the reals answered by the mean of all states, not by the best of them."""

    optimum = 0.0
    _n: int

    def decode(self, state: ArrayLike) -> NDArray[np.float64]:
        return finite_vector(state, self._n, "the state")

    def objectives(self, states: ArrayLike) -> None:
        """None: the answer is a mean over states."""
        return None

    def _labels(self) -> list[str]:
        return [f"x{k}" for k in range(self._n)]

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        if solution.value is None:
            return None
        posed: Any = self.to_model()
        return {
            "kind": "estimate",
            "labels": self._labels(),
            "mean": solution.value.tolist(),
            "sd": None,
            "exact_mean": posed.mean.tolist(),
            "exact_sd": np.sqrt(np.diag(np.linalg.inv(posed.A))).tolist(),
        }

    def solution(self, states: ArrayLike, energies: ArrayLike) -> Solution:
        """The mean over the states, shape (m, n); their energies are not used."""
        rows, _ = self._checked(states, energies)
        return self._report(rows.mean(axis=0), 1.0)


class LinearSystem(_MeanOfStates):
    """Solve Ax = b for symmetric, positive definite A, as the mean of N(A⁻¹b, A⁻¹/β).

    The score is the relative residual ‖Ax − b‖/‖b‖.

    Parameters
    ----------
    A : (n, n) array
    b : (n,) array

    Raises
    ------
    ValueError
        For other matrices, with the remedy; and for b = 0.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> from pbits.problems import LinearSystem
    >>> system = LinearSystem([[2.0, 0.0], [0.0, 1.0]], [2.0, 3.0])
    >>> states = [[0.5, 3.0], [1.5, 3.0]]
    >>> print(system.solution(states, system.to_model().energy(states)))
    relative residual 0
    """

    unit = "relative residual"

    def __init__(self, A: ArrayLike, b: ArrayLike, name: str | None = None):
        matrix = real_array(A, "A")
        if matrix.ndim != 2:
            raise ValueError(f"A has shape {matrix.shape}; expected a square matrix (n, n)")
        self.b = finite_vector(b, len(matrix), "b")
        if not self.b.any():
            raise ValueError("b is zero, so x is zero; a relative residual needs another b")
        try:
            self._posed = GaussianModel(matrix, self.b)
        except ValueError as error:
            raise ValueError(
                f"{error}. A system of full rank that is not symmetric and positive definite can be posed by "
                "its normal equations: LinearSystem(A.T @ A, A.T @ b)"
            ) from error
        self.A = self._posed.A
        self._n = len(matrix)
        self.name = name or f"linear system, {self._n} unknowns"

    def build_model(self) -> GaussianModel:
        return self._posed

    def score(self, answer: ArrayLike) -> float:
        """‖Ax − b‖/‖b‖."""
        residual = self.A @ self.decode(answer) - self.b
        return float(np.linalg.norm(residual) / np.linalg.norm(self.b))


class GaussianPosterior(_MeanOfStates):
    """Bayesian linear regression: y = Xw + noise, with w ~ N(0, prior_sd²) and noise ~ N(0, noise_sd²).

    The posterior is N(A⁻¹b, A⁻¹) with A = XᵀX/noise_sd² + I/prior_sd² and b = Xᵀy/noise_sd², which is the
    model's law at β = 1. The score is the distance of the sampled mean from the exact one, in posterior
    standard deviations, root mean square over the weights.

    Parameters
    ----------
    X : (m, n) array
        One row per observation.
    y : (m,) array
    noise_sd, prior_sd : float
        Positive.
    names : tuple of n str, optional
        Of the weights.

    Raises
    ------
    ValueError
        For arrays of other shapes, numbers that are not finite, or a standard deviation that is not positive.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> from pbits.problems import GaussianPosterior
    >>> task = GaussianPosterior([[1.0], [1.0], [1.0]], [2.0, 2.0, 2.0], noise_sd=1.0, prior_sd=1.0)
    >>> task.to_model().mean
    array([1.5])
    """

    unit = "posterior sd"

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        noise_sd: float,
        prior_sd: float,
        names: tuple[str, ...] | None = None,
        name: str | None = None,
    ):
        self.X = read_only(real_array(X, "X"))
        if self.X.ndim != 2 or not self.X.size or not np.isfinite(self.X).all():
            raise ValueError(f"X has shape {self.X.shape}; expected finite numbers (m, n)")
        self.y = finite_vector(y, len(self.X), "y")
        for label, sd in (("noise_sd", noise_sd), ("prior_sd", prior_sd)):
            if not (np.isfinite(sd) and sd > 0):
                raise ValueError(f"{label} is {sd}; it must be positive and finite")
        self.noise_sd, self.prior_sd = float(noise_sd), float(prior_sd)
        self._n = self.X.shape[1]
        if names is not None and len(names) != self._n:
            raise ValueError(f"names has {len(names)} entries; expected {self._n}, one per weight")
        self.names = names
        self.name = name or f"Bayesian regression, {self._n} weights, {len(self.X)} observations"

    @classmethod
    def from_diabetes(cls, prior_sd: float = 1.0, noise_sd: float | None = None) -> GaussianPosterior:
        """The ten weights of scikit-learn's diabetes data, all columns scaled to mean 0 and sd 1.

        `noise_sd` is the residual standard deviation of the least-squares fit where not given.
        """
        try:
            from sklearn.datasets import load_diabetes
        except ImportError as error:
            raise ImportError("from_diabetes needs scikit-learn: pip install 'pbits[examples]'") from error
        data: Any = load_diabetes()
        X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
        y = (data.target - data.target.mean()) / data.target.std()
        if noise_sd is None:
            residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
            noise_sd = float(np.sqrt(residual @ residual / (len(y) - X.shape[1])))
        return cls(X, y, noise_sd, prior_sd, tuple(data.feature_names), "Bayesian regression, diabetes data")

    def build_model(self) -> GaussianModel:
        precision = self.X.T @ self.X / self.noise_sd**2 + np.eye(self._n) / self.prior_sd**2
        return GaussianModel((precision + precision.T) / 2, self.X.T @ self.y / self.noise_sd**2)

    def _labels(self) -> list[str]:
        return super()._labels() if self.names is None else list(self.names)

    def score(self, answer: ArrayLike) -> float:
        """Distance from the exact posterior mean in posterior standard deviations, root mean square."""
        model: Any = self.to_model()
        sd = np.sqrt(np.diag(np.linalg.inv(model.A)))
        return float(np.sqrt((((self.decode(answer) - model.mean) / sd) ** 2).mean()))
