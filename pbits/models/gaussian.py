"""The Gaussian model: what a linear analog circuit holds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import (
    EnergyModel,
    check_finite,
    finite_number,
    finite_vector,
    is_symmetric,
    read_only,
    real_array,
    site_states,
)


class GaussianModel(EnergyModel):
    """E(x) = offset + ½ xᵀAx − bᵀx over x ∈ ℝⁿ; P(x) ∝ exp(−βE) is N(A⁻¹b, A⁻¹/β).

    Parameters
    ----------
    A : (n, n) array
        Symmetric and positive definite (the precision matrix at β = 1). Asymmetry up to 1e-12 of the largest
        entry is rounding, and is averaged out.
    b : (n,) array, optional
        Zero when absent.
    offset : float
        Constant added to every energy.

    Raises
    ------
    ValueError
        When A is empty, not square, not symmetric or not positive definite, or a number is not finite or above
        1e150 in magnitude.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> import pbits
    >>> pbits.GaussianModel([[2.0, 0.0], [0.0, 1.0]], [2.0, 0.0]).mean
    array([1., 0.])
    """

    domain = "real"

    def __init__(self, A: ArrayLike, b: ArrayLike | None = None, offset: float = 0.0):
        matrix = real_array(A, "A")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"A has shape {matrix.shape}; expected a square matrix (n, n)")
        if matrix.size == 0:
            raise ValueError("A is empty; a model needs at least one site")
        check_finite(matrix, "A")
        gap = np.abs(matrix - matrix.T)
        if not is_symmetric(gap.max(), np.abs(matrix).max()):
            i, j = np.unravel_index(gap.argmax(), gap.shape)
            raise ValueError(
                f"A is not symmetric: A[{i}, {j}] = {matrix[i, j]} but A[{j}, {i}] = {matrix[j, i]}; "
                "(A + Aᵀ)/2 has the same energies"
            )
        matrix = (matrix + matrix.T) / 2
        lowest = float(np.linalg.eigvalsh(matrix)[0])
        if lowest <= 0:
            raise ValueError(
                f"A is not positive definite (lowest eigenvalue {lowest:.3g}), so exp(−βE) has no finite "
                "integral; add at least that much to its diagonal"
            )
        self.n = len(matrix)
        self.A = read_only(matrix)
        self.b = finite_vector(b, self.n, "b")
        self.offset = finite_number(offset, "offset")

    def __repr__(self) -> str:
        return f"GaussianModel(n={self.n})"

    @property
    def mean(self) -> NDArray[np.float64]:
        """A⁻¹b, which is also the solution of Ax = b."""
        return np.asarray(np.linalg.solve(self.A, self.b), dtype=np.float64)

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(x) = offset + ½ xᵀAx − bᵀx of states of shape (..., n); the result has shape (...)."""
        x = site_states(states, self.n).astype(np.float64)
        flat = x.reshape(-1, self.n)
        energies = self.offset + 0.5 * np.einsum("ki,ki->k", flat, flat @ self.A) - flat @ self.b
        return energies.reshape(x.shape[:-1])

    def arrays(self) -> dict[str, NDArray]:
        return {"A": self.A, "b": self.b, "offset": np.array(self.offset)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> GaussianModel:
        return cls(arrays["A"], arrays["b"], float(arrays["offset"]))
