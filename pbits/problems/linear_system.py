"""Linear systems: the answer is the mean of what a circuit samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.sparse.linalg import cg

from pbits.models import GaussianModel
from pbits.models.base import finite_vector, read_only, real_array
from pbits.problems.base import Solution
from pbits.problems.estimates import Estimate, Method, average


class LinearSystem(Estimate):
    """Solve Ax = b for symmetric, positive definite A, as the mean of N(A⁻¹b, A⁻¹/β).

    The score is the relative residual ‖Ax − b‖/‖b‖. The noise of a circuit only adds to it: `settled` is what the same
    circuit holds after a time without noise.

    Parameters
    ----------
    A : (n, n) array
    b : (n,) array
    start : (n,) array, optional
        Where a run starts, such as the solution of a system like this one.

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

    def __init__(self, A: ArrayLike, b: ArrayLike, name: str | None = None, start: ArrayLike | None = None):
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
        self._start = None if start is None else finite_vector(start, self._n, "start")
        self.name = name or f"linear system, {self._n} unknowns"

    def build_model(self) -> GaussianModel:
        return self._posed

    def initial_state(self) -> NDArray[np.float64] | None:
        return self._start

    def estimate(
        self, states: NDArray[np.float64], beta: float, step_tau: float | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, float | None]:
        found = average(states)
        return found.value, found.error, found.effective_samples

    def of_moments(
        self, mean: NDArray[np.float64], covariance: NDArray[np.float64], beta: float
    ) -> NDArray[np.float64]:
        return mean

    def score(self, answer: ArrayLike) -> float:
        """‖Ax − b‖/‖b‖."""
        residual = self.A @ finite_vector(answer, self._n, "the answer") - self.b
        return float(np.linalg.norm(residual) / np.linalg.norm(self.b))

    def exact(self) -> NDArray[np.float64]:
        """A⁻¹b, (n,)."""
        return self._posed.mean

    def methods(self) -> Mapping[str, Method]:
        return {"cholesky": self._cholesky, "numpy": self._numpy, "cg": self._conjugate_gradients}

    def _cholesky(self) -> tuple[Any, float, int]:
        return cho_solve(cho_factor(self.A), self.b), self._n**3 / 3 + 2 * self._n**2, 1

    def _numpy(self) -> tuple[Any, float, int]:
        return np.linalg.solve(self.A, self.b), 2 * self._n**3 / 3 + 2 * self._n**2, 1

    def _conjugate_gradients(self, residual: float = 1e-8) -> tuple[Any, float, int]:
        """Until ‖Ax − b‖ ≤ residual ‖b‖: a product with A and 10 operations a component in each iteration."""
        iterations = 0

        def count(_: Any) -> None:
            nonlocal iterations
            iterations += 1

        x, failed = cg(self.A, self.b, x0=self._start, rtol=residual, callback=count)
        if failed:
            raise ValueError(f"conjugate gradients do not reach a residual of {residual:g}; take 'cholesky'")
        return x, iterations * (2 * self._n**2 + 10 * self._n), iterations

    def settled(self, duration: float) -> NDArray[np.float64]:
        """x after a time of dx = −(Ax − b) dt, without noise (β → ∞), from `start` or from 0.

        x(t) = x* + e^(−At)(x(0) − x*). Its residual ‖Ax − b‖/‖b‖ falls at the pace of the slowest mode.

        Examples
        --------
        >>> from pbits.problems import LinearSystem
        >>> system = LinearSystem([[2.0, 0.0], [0.0, 1.0]], [2.0, 3.0])
        >>> round(system.score(system.settled(system.settling_tau(0.01))), 6)
        0.01
        """
        rates, modes = self._modes()
        start = np.zeros(self._n) if self._start is None else self._start
        return self.exact() + modes @ (np.exp(-rates * duration) * (modes.T @ (start - self.exact())))

    def settling_tau(self, residual: float = 1e-3) -> float:
        """How long that takes to a residual, in the model's own unit of time; 0 if it starts below.

        Raises
        ------
        ValueError
            For a residual that is not positive.
        """
        if not (math.isfinite(residual) and residual > 0):
            raise ValueError(f"residual is {residual}; it must be positive, as it is reached only in the limit")
        rates, modes = self._modes()
        start = np.zeros(self._n) if self._start is None else self._start
        forces = (modes.T @ (self.b - self.A @ start)) / np.linalg.norm(self.b)

        def above(duration: float) -> float:
            return float(np.linalg.norm(np.exp(-rates * duration) * forces)) - residual

        if above(0.0) <= 0:
            return 0.0
        latest = math.log(1 + float(np.linalg.norm(forces)) / residual) / rates[0]
        found: Any = brentq(above, 0.0, latest)
        return float(found)

    def _modes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rates, modes = np.linalg.eigh(self.A)
        return rates, modes

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        return {
            "kind": "estimate",
            "labels": [f"x{k}" for k in range(self._n)],
            "mean": np.asarray(solution.value).tolist(),
            "sd": None if solution.error is None else np.asarray(solution.error).tolist(),
            "exact_mean": self.exact().tolist(),
            "exact_sd": None,
            "caption": "The solution, with the standard error of each unknown",
        }


class NaturalGradientStep(LinearSystem):
    """The step x of natural gradient descent: (JᵀHJ/m + λ1) x = g, over m examples.

    Parameters
    ----------
    jacobian : (m, n) array
        J, of the outputs by the n parameters.
    gradient : (n,) array
        g, of the loss.
    damping : float
        λ, positive.
    hessian : (m,) or (m, m) array, optional
        H, of the loss by the outputs: diagonal, or symmetric and positive semi-definite. The unit matrix when absent.
    start : (n,) array, optional
        Where a run starts: the step before this one, so that a circuit need not settle anew.

    Raises
    ------
    ValueError
        For arrays of other shapes, a damping that is not positive, or a Hessian that makes A indefinite.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> from pbits.problems import NaturalGradientStep
    >>> NaturalGradientStep([[1.0, 0.0], [1.0, 1.0]], [1.0, 0.5], damping=0.5).exact()
    array([0.6, 0.2])
    """

    def __init__(
        self,
        jacobian: ArrayLike,
        gradient: ArrayLike,
        *,
        damping: float,
        hessian: ArrayLike | None = None,
        start: ArrayLike | None = None,
    ):
        self.jacobian = read_only(real_array(jacobian, "jacobian"))
        if self.jacobian.ndim != 2 or not self.jacobian.size or not np.isfinite(self.jacobian).all():
            raise ValueError(f"jacobian has shape {self.jacobian.shape}; expected finite numbers (m, n)")
        if not (math.isfinite(damping) and damping > 0):
            raise ValueError(f"damping is {damping}; it must be positive and finite")
        m, n = self.jacobian.shape
        curvature = np.ones(m) if hessian is None else real_array(hessian, "hessian")
        if curvature.shape not in ((m,), (m, m)) or not np.isfinite(curvature).all():
            raise ValueError(f"hessian has shape {curvature.shape}; expected finite numbers ({m},) or ({m}, {m})")
        self.damping = float(damping)
        self.hessian = read_only(curvature)
        A = self.jacobian.T @ self._curved(self.jacobian) / m + damping * np.eye(n)
        super().__init__(
            (A + A.T) / 2, gradient, name=f"natural gradient step, {n} parameters, {m} examples", start=start
        )

    def _curved(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """H times rows (m, k)."""
        return self.hessian @ rows if self.hessian.ndim == 2 else self.hessian[:, None] * rows

    def methods(self) -> Mapping[str, Method]:
        return {**super().methods(), "woodbury": self._woodbury}

    def _woodbury(self) -> tuple[Any, float, int]:
        """x = (g − JᵀH(mλ1 + JJᵀH)⁻¹Jg)/λ: a system of as many unknowns as there are examples."""
        m, n = self.jacobian.shape
        inner = m * self.damping * np.eye(m) + self._curved(self.jacobian @ self.jacobian.T).T
        right = np.linalg.solve(inner, self.jacobian @ self.b)
        x = (self.b - self.jacobian.T @ self._curved(right[:, None])[:, 0]) / self.damping
        dense = 2 * m**3 + 2 * m**2 if self.hessian.ndim == 2 else m**2 + m
        return x, 2 * m**2 * n + dense + 2 * m**3 / 3 + 2 * m**2 + 4 * m * n + 2 * n, 1
