"""How patterns become couplings: patterns ξ of shape (p, n) in, J of shape (n, n) with a zero diagonal out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def hebb(xi: NDArray[np.float64]) -> NDArray[np.float64]:
    """J = ξᵀξ/n.

    Examples
    --------
    >>> hebb(np.array([[1.0, 1.0, -1.0, -1.0]]))[0]
    array([ 0.  ,  0.25, -0.25, -0.25])
    """
    return _without_diagonal(xi.T @ xi / xi.shape[1])


def storkey(xi: NDArray[np.float64]) -> NDArray[np.float64]:
    """One pattern after another, each with the couplings that the earlier ones left:

        J_ij ← J_ij + (ξ_i ξ_j − ξ_i h_ji − h_ij ξ_j)/n,    h_ij = Σ_{k≠i,j} J_ik ξ_k.

    This is the first-order form, without the term h_ij h_ji. A pattern writes less where it is known already, so the
    couplings depend on the order of the patterns.

    A. J. Storkey, R. Valabregue, "The basins of attraction of a new Hopfield learning rule", Neural Networks 12, 869
    (1999); the text was not at hand, and the form above is from memory.
    """
    n = xi.shape[1]
    J = np.zeros((n, n))
    for pattern in xi:
        # Row i: the input of i without what comes from j.
        h = (J @ pattern)[:, None] - J * pattern
        known = h * pattern
        J = _without_diagonal(J + (np.outer(pattern, pattern) - known - known.T) / n)
    return J


def pseudo_inverse(xi: NDArray[np.float64]) -> NDArray[np.float64]:
    """J = ξᵀ(ξξᵀ)⁻¹ξ, the projection P on the space of the patterns, which must be linearly independent.

    Before its diagonal is set to zero Pξ = ξ for every pattern; after that the input of a stored spin i is
    (1 − P_ii) ξ_i.

    Raises
    ------
    ValueError
        For linearly dependent patterns.
    """
    p = len(xi)
    if (rank := int(np.linalg.matrix_rank(xi))) < p:
        raise ValueError(
            f"the {p} patterns span only {rank} dimensions; the pseudo-inverse rule needs them linearly "
            "independent: leave out the dependent ones or use rule='hebb'"
        )
    J = xi.T @ np.linalg.solve(xi @ xi.T, xi)
    return _without_diagonal((J + J.T) / 2)


RULES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "hebb": hebb,
    "storkey": storkey,
    "pseudo-inverse": pseudo_inverse,
}


def _without_diagonal(J: NDArray[np.float64]) -> NDArray[np.float64]:
    np.fill_diagonal(J, 0.0)
    return J
