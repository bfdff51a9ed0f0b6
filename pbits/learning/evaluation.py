"""How good generated images are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """|μ₁ − μ₂|² + tr(C₁ + C₂ − 2(C₁C₂)^½) between two sets of features, (m, k) each.

    The squared Wasserstein distance of two normal distributions with the means and covariances of the sets. It depends
    on the features, and, through the scatter of covariances, on how many there are: compare only what was taken of one
    kind of features, and of like numbers.

    Raises
    ------
    ValueError
        For sets of other widths, or of fewer than two rows.

    Examples
    --------
    >>> rows = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 4.0]])
    >>> round(frechet_distance(rows, rows + [3, 4]), 6)
    25.0
    """
    a, b = (np.asarray(rows, dtype=np.float64) for rows in (first, second))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features have shapes {a.shape} and {b.shape}; give (m, k) each, of at least two rows")
    covariances = [np.atleast_2d(np.cov(rows.T)) for rows in (a, b)]
    root = _root(covariances[0])
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    shift = a.mean(axis=0) - b.mean(axis=0)
    return float(shift @ shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * overlap)


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def nearest(samples: NDArray, images: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The image nearest to each sample, (m,), and in how many spins they differ, (m,): whether a sample is a copy.

    Parameters
    ----------
    samples, images : (m, d) and (k, d) spins

    Examples
    --------
    >>> nearest(np.array([[1, 1, -1]]), np.array([[-1, -1, -1], [1, 1, 1]]))
    (array([1]), array([1]))
    """
    differing = (samples.shape[1] - samples.astype(np.int64) @ images.astype(np.int64).T) // 2
    found = differing.argmin(axis=1)
    return found, differing[np.arange(len(samples)), found]
