"""Distances between places: a matrix, or coordinates and a metric, which need no matrix.

The metrics of TSPLIB: G. Reinelt, "TSPLIB 95", Universität Heidelberg, 1995.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from pbits.models.base import check_finite, read_only, real_array

# Distances computed at once.
_BLOCK = 1 << 20

#: A matrix of more places than this is not built: 0.8 GB.
MAX_MATRIX = 10_000

METRICS = ("EXPLICIT", "EUCLIDEAN", "EUC_2D", "CEIL_2D", "ATT", "GEO")
"""EUCLIDEAN is not rounded; the others are TSPLIB's. Kernels know them by their place in this list."""


class Distances:
    """Distances d(i, j) ≥ 0 between n places; d(i, i) = 0.

    Parameters
    ----------
    matrix : (n, n) array, optional
        Not negative; the diagonal is not used.
    coordinates : (n, 2) array, optional
        In place of a matrix; of "GEO" latitude and longitude as TSPLIB writes them, DDD.MM.
    metric : str
        Of coordinates: one of `METRICS` but "EXPLICIT".

    Attributes
    ----------
    n : int
    metric : str
        "EXPLICIT" where there is a matrix.
    matrix, coordinates
        One of them is None.
    symmetric : bool
        Whether d(i, j) = d(j, i) for all places.

    Raises
    ------
    ValueError
        For both or neither of matrix and coordinates, an array of another shape, numbers that are not finite, negative
        distances, or an unknown metric.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> corners = Distances(coordinates=[[0, 0], [3, 4], [3, 0]])
    >>> corners.between([0, 0], [1, 2])
    array([5., 3.])
    """

    def __init__(
        self, matrix: ArrayLike | None = None, *, coordinates: ArrayLike | None = None, metric: str = "EUCLIDEAN"
    ):
        if (matrix is None) == (coordinates is None):
            raise ValueError("give a matrix of distances or coordinates, one of them")
        self.matrix = None if matrix is None else read_only(_checked_matrix(matrix))
        self.coordinates = None if coordinates is None else read_only(_checked_points(coordinates))
        known = METRICS[1:]
        if coordinates is not None and metric not in known:
            raise ValueError(f"metric is {metric!r}; it must be one of {', '.join(known)}")
        self.metric = "EXPLICIT" if coordinates is None else metric
        places = self.matrix if self.matrix is not None else self.coordinates
        assert places is not None
        self.n = len(places)
        self.symmetric = self.matrix is None or np.array_equal(self.matrix, self.matrix.T)

    def __repr__(self) -> str:
        return f"Distances(n={self.n}, metric={self.metric!r})"

    def between(self, i: ArrayLike, j: ArrayLike) -> NDArray[np.float64]:
        """Distances from places i to places j, arrays of indices that broadcast; needs no matrix."""
        i, j = np.broadcast_arrays(np.asarray(i, dtype=np.int64), np.asarray(j, dtype=np.int64))
        if self.matrix is not None:
            return self.matrix[i, j]
        assert self.coordinates is not None
        p, q = self.coordinates[i], self.coordinates[j]
        found = geographical(p, q) if self.metric == "GEO" else planar(p, q, self.metric)
        return np.where(i == j, 0.0, found)

    def length(self, tours: ArrayLike) -> NDArray[np.float64]:
        """Σ_t d(π_t, π_{t+1}) of closed tours of shape (..., n); the result has shape (...)."""
        order = np.asarray(tours)
        return self.between(order, np.roll(order, -1, axis=-1)).sum(axis=-1)

    @cached_property
    def _built(self) -> NDArray[np.float64]:
        places, matrix = np.arange(self.n), np.empty((self.n, self.n))
        # In blocks, since what is computed on the way takes several times as much.
        height = max(1, _BLOCK // self.n)
        for begin in range(0, self.n, height):
            rows = places[begin : begin + height, None]
            matrix[rows[:, 0]] = self.between(rows, places[None, :])
        return read_only(matrix)

    def to_matrix(self) -> NDArray[np.float64]:
        """All distances, (n, n), built on first use.

        Raises
        ------
        ValueError
            For more than 10,000 places, with what the matrix would take.
        """
        if self.matrix is not None:
            return self.matrix
        if self.n > MAX_MATRIX:
            raise ValueError(
                f"a matrix of {self.n:,} places would take {8e-9 * self.n**2:.3g} GB; one is built up to "
                f"{MAX_MATRIX:,}, and moves need none of coordinates in the plane"
            )
        return self._built

    def neighbours(self, k: int) -> NDArray[np.int32]:
        """The k nearest places of each, nearest first, (n, min(k, n − 1)); of equals in a matrix, the lower number.

        Of coordinates the nearest in the plane, or on the sphere, before lengths are rounded, and of equals any.
        """
        k = min(k, self.n - 1)
        if self.matrix is not None:
            far = self.matrix.copy()
            np.fill_diagonal(far, np.inf)
            return np.argsort(far, axis=1, kind="stable")[:, :k].astype(np.int32)
        points = self._points
        found = np.atleast_2d(KDTree(points).query(points, k + 1)[1])
        own = found == np.arange(self.n)[:, None]
        # A place with many twins may not be among its own nearest; then the farthest goes.
        own[~own.any(axis=1), -1] = True
        return found[~own].reshape(self.n, k).astype(np.int32)

    @property
    def _points(self) -> NDArray[np.float64]:
        """Coordinates whose Euclidean distances are ordered as the distances are."""
        assert self.coordinates is not None
        if self.metric != "GEO":
            return self.coordinates
        latitude, longitude = _radians(self.coordinates)
        flat = np.cos(latitude)
        return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1)

    def arrays(self) -> dict[str, NDArray]:
        """What defines them, for storing."""
        held = self.matrix if self.coordinates is None else self.coordinates
        assert held is not None
        return {"distances": held, "metric": np.array(METRICS.index(self.metric))}

    @classmethod
    def from_arrays(cls, arrays: Any) -> Distances:
        metric = METRICS[int(arrays["metric"])]
        held = arrays["distances"]
        return cls(held) if metric == "EXPLICIT" else cls(coordinates=held, metric=metric)


def planar(p: NDArray, q: NDArray, metric: str) -> NDArray[np.float64]:
    """Distances in the plane between points (..., 2)."""
    # hypot is not used: TSPLIB's lengths are those of the plain square root.
    squared = ((p - q) ** 2).sum(axis=-1)
    if metric == "EUCLIDEAN":
        return np.sqrt(squared)
    if metric == "EUC_2D":
        return np.floor(np.sqrt(squared) + 0.5)
    # ATT rounds to nearest and adds 1 where that fell short, which is rounding up.
    return np.ceil(np.sqrt(squared if metric == "CEIL_2D" else squared / 10))


def _radians(points: NDArray) -> NDArray[np.float64]:
    """Latitudes and longitudes, (2, ...). The constants, and the truncations, are part of TSPLIB's format: published
    optima depend on them.
    """
    return np.moveaxis(3.141592 * (np.trunc(points) + 5 * (points - np.trunc(points)) / 3) / 180, -1, 0)


def geographical(p: NDArray, q: NDArray) -> NDArray[np.float64]:
    """TSPLIB's distances on the globe, in whole km, between (latitude, longitude)."""
    radius_km = 6378.388
    (lat_p, lon_p), (lat_q, lon_q) = _radians(p), _radians(q)
    q1 = np.cos(lon_p - lon_q)
    q2 = np.cos(lat_p - lat_q)
    q3 = np.cos(lat_p + lat_q)
    cosine = np.clip(0.5 * ((1 + q1) * q2 - (1 - q1) * q3), -1, 1)
    return np.floor(radius_km * np.arccos(cosine) + 1)


def _checked_matrix(matrix: ArrayLike) -> NDArray[np.float64]:
    D = real_array(matrix, "distances")
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise ValueError(f"distances have shape {D.shape}; expected a square matrix (n, n)")
    np.fill_diagonal(D, 0.0)
    check_finite(D, "distances")
    if (D < 0).any():
        i, j = np.argwhere(D < 0)[0]
        raise ValueError(f"distances[{i}, {j}] is {D[i, j]:g}; every distance must be zero or more")
    return D


def _checked_points(coordinates: ArrayLike) -> NDArray[np.float64]:
    points = real_array(coordinates, "coordinates")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"coordinates have shape {points.shape}; expected (n, 2)")
    check_finite(points, "coordinates")
    return points
