"""The linear diffusion: what a linear circuit holds whose couplings or noise sources need not be mutual or equal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_continuous_lyapunov

from pbits.models.base import (
    EnergyModel,
    check_finite,
    finite_number,
    finite_vector,
    is_symmetric,
    read_only,
    real_array,
)
from pbits.models.gaussian import GaussianModel


class DiffusionModel(EnergyModel):
    """dx = −(Ax − b) dt + √(2/β) D^½ dW over x ∈ ℝⁿ, which settles to N(A⁻¹b, Σ/β) with AΣ + ΣAᵀ = 2D.

    With symmetric A and D = 1 it is a `GaussianModel`. Else Σ is not A⁻¹, and unless A⁻¹D is symmetric the steady
    state circulates and gives off heat. Its energy is that of the stationary law, E(x) = offset + ½(x − m)ᵀΣ⁻¹(x − m)
    (the quasi-potential); how fast things happen is not in E but in A, whose unit of time is the model's own, τ of a
    circuit.

    Parameters
    ----------
    A : (n, n) array
        Rates; every eigenvalue has a positive real part.
    b : (n,) array, optional
        Zero when absent.
    D : (n, n) array, optional
        Symmetric and positive semi-definite; the unit matrix when absent.
    offset : float

    Raises
    ------
    ValueError
        When A is empty, not square or not stable, D is not symmetric or not positive semi-definite, the noise leaves a
        direction without any spread, or a number is not finite or above 1e150 in magnitude.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> import pbits
    >>> vortex = pbits.DiffusionModel([[1.0, 2.0], [-2.0, 1.0]])
    >>> vortex.covariance.round(12)
    array([[1., 0.],
           [0., 1.]])
    """

    domain = "real"

    def __init__(self, A: ArrayLike, b: ArrayLike | None = None, D: ArrayLike | None = None, offset: float = 0.0):
        matrix = real_array(A, "A")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"A has shape {matrix.shape}; expected a square matrix (n, n)")
        if matrix.size == 0:
            raise ValueError("A is empty; a model needs at least one site")
        check_finite(matrix, "A")
        self.n = len(matrix)
        slowest = float(np.linalg.eigvals(matrix).real.min())
        if slowest <= 0:
            raise ValueError(
                f"A has an eigenvalue of real part {slowest:.3g}; it must be positive, or x runs away and has no law: "
                "add at least that much to its diagonal"
            )
        self.A = read_only(matrix)
        self.b = finite_vector(b, self.n, "b")
        self.D = _noise(D, self.n)
        self.offset = finite_number(offset, "offset")
        spread = np.linalg.eigvalsh(self.covariance)
        if spread[0] <= self.n * np.finfo(float).eps * spread[-1]:
            raise ValueError(
                "the noise D leaves a direction of x without any spread, so the law has no density; give D noise in "
                "more directions"
            )

    def __repr__(self) -> str:
        return f"DiffusionModel(n={self.n})"

    @property
    def mean(self) -> NDArray[np.float64]:
        """A⁻¹b."""
        return np.asarray(np.linalg.solve(self.A, self.b), dtype=np.float64)

    @cached_property
    def covariance(self) -> NDArray[np.float64]:
        """Σ, (n, n): the covariance of the stationary law at β = 1."""
        sigma = np.asarray(solve_continuous_lyapunov(self.A, 2 * self.D))
        return read_only((sigma + sigma.T) / 2)

    @cached_property
    def stationary(self) -> GaussianModel:
        """The Gaussian model whose Boltzmann law is the stationary law of this one, at any β."""
        precision = np.linalg.inv(self.covariance)
        precision = (precision + precision.T) / 2
        mean = self.mean
        return GaussianModel(precision, precision @ mean, self.offset + 0.5 * float(mean @ precision @ mean))

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(x) = offset + ½(x − m)ᵀΣ⁻¹(x − m) of states of shape (..., n); the result has shape (...)."""
        return self.stationary.energy(states)

    def arrays(self) -> dict[str, NDArray]:
        return {"A": self.A, "b": self.b, "D": self.D, "offset": np.array(self.offset)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> DiffusionModel:
        return cls(arrays["A"], arrays["b"], arrays["D"], float(arrays["offset"]))


def _noise(given: ArrayLike | None, n: int) -> NDArray[np.float64]:
    if given is None:
        return read_only(np.eye(n))
    D = real_array(given, "D")
    if D.shape != (n, n):
        raise ValueError(f"D has shape {D.shape}; expected ({n}, {n}), as A")
    check_finite(D, "D")
    gap, largest = float(np.abs(D - D.T).max()), float(np.abs(D).max())
    if not is_symmetric(gap, largest):
        raise ValueError(f"D is not symmetric: mirrored entries differ by up to {gap:.3g}; (D + Dᵀ)/2 is")
    D = (D + D.T) / 2
    lowest = float(np.linalg.eigvalsh(D)[0])
    if lowest < -1e-12 * largest:
        raise ValueError(f"D has the eigenvalue {lowest:.3g}; a covariance has none below 0")
    return read_only(D)
