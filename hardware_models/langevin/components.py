"""Programmable conductances: which components stand for a matrix, and what hardware makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbits.streams import Stream, Streams

COUPLINGS = ("active", "passive")


@dataclass(frozen=True, kw_only=True)
class Bank:
    """The conductances that hold a symmetric matrix A.

    The components of A are a symmetric (n, n) array, one for each pair of cells and one for each cell.

    Parameters
    ----------
    coupling : {"active", "passive"}
        "active": inverting integrators, whose components are the entries A_ij of either sign. "passive":
        resistors, −A_ij between two cells and Σ_j A_ij from a cell to ground, none of which can be negative.
    bits : int, optional
        Each component is the nearest multiple of (largest component)/K, with K = 2^(bits−1) − 1 and a sign
        for active coupling, and K = 2^bits − 1 for passive. Exact when absent.
    tolerance_d2d : float
        Relative standard deviation of a component from what it was programmed to, drawn once per chip. A pair
        of cells shares one component, so the matrix stays symmetric.
    """

    coupling: str = "active"
    bits: int | None = None
    tolerance_d2d: float = 0.0

    def __post_init__(self) -> None:
        if self.coupling not in COUPLINGS:
            raise ValueError(f"coupling is {self.coupling!r}; it must be one of {', '.join(COUPLINGS)}")
        if self.bits is not None and not 2 <= self.bits <= 32:
            raise ValueError(f"component_bits is {self.bits}; it must lie between 2 and 32, or be None for exact")
        if not (np.isfinite(self.tolerance_d2d) and self.tolerance_d2d >= 0):
            raise ValueError(f"component_tolerance_d2d is {self.tolerance_d2d}; a spread must be finite and at least 0")

    def refusals(self, A: NDArray[np.float64]) -> list[str]:
        """Why these couplings cannot hold A, all reasons and the remedy; empty when they can."""
        if self.coupling == "active":
            return []
        reasons = []
        slack = 1e-12 * np.abs(A).max()
        off_diagonal = A - np.diag(np.diag(A))
        positive = int((np.triu(off_diagonal) > slack).sum())
        if positive:
            reasons.append(
                f"{positive} of its couplings A_ij are positive, up to {off_diagonal.max():.3g}; a resistor "
                "between two cells makes A_ij ≤ 0"
            )
        sums = A.sum(axis=1)
        negative = int((sums < -slack).sum())
        if negative:
            reasons.append(
                f"{negative} of its rows have a negative sum, down to {sums.min():.3g}; a resistor to ground "
                "makes Σ_j A_ij ≥ 0"
            )
        if reasons:
            reasons.append("a circuit with coupling='active' holds any symmetric, positive definite A")
        return reasons

    def components(self, A: NDArray[np.float64]) -> NDArray[np.float64]:
        """The components of A: the entries themselves, or the conductances to other cells and to ground."""
        if self.coupling == "active":
            return A
        values = np.maximum(-A, 0)
        np.fill_diagonal(values, np.maximum(A.sum(axis=1), 0))
        return values

    def matrix(self, components: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of `components`: on the diagonal of a passive circuit, all that leaves a cell."""
        if self.coupling == "active":
            return components
        A = -components
        np.fill_diagonal(A, components.sum(axis=1))
        return A

    def step(self, components: NDArray[np.float64]) -> float:
        """The distance between neighbouring programmable values; 0 where components are exact."""
        if self.bits is None:
            return 0.0
        top = 2 ** (self.bits - 1) - 1 if self.coupling == "active" else 2**self.bits - 1
        return float(np.abs(components).max()) / top

    def programmed(self, components: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest programmable values."""
        step = self.step(components)
        return np.round(components / step) * step if step else components

    def built(self, components: NDArray[np.float64], chip: Streams) -> NDArray[np.float64]:
        """What this chip's components are in truth; one of them never changes its sign.

        The draws are numbered row by row through the lower triangle, so a larger matrix on the same chip
        finds the same components where a smaller one lay.
        """
        if not self.tolerance_d2d:
            return components
        n = len(components)
        rows, columns = np.tril_indices(n)
        draws = chip.generator(Stream.CHIP, "ComponentTolerance").standard_normal(len(rows))
        factors = np.empty((n, n))
        factors[rows, columns] = factors[columns, rows] = np.maximum(1 + self.tolerance_d2d * draws, 0)
        return components * factors
