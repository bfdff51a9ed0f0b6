"""Tours made without annealing: to start from, to set penalties by, and to repair."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.distances import Distances

_NEIGHBOURS = 8


def greedy_tour(places: Distances) -> NDArray[np.int32]:
    """The tour of the greedy edge method: the shortest step that closes no ring and branches nowhere, again and again.

    Steps are looked for among the 8 nearest places, then among those of the ends of what has been joined, so that it
    takes O(n log n) with coordinates.
    """
    n = places.n
    degree, other = [0] * n, list(range(n))
    links: list[list[int]] = [[] for _ in range(n)]
    joined, k = 0, _NEIGHBOURS
    ends = np.arange(n)
    while joined < n - 1:
        near = _among(places, ends).neighbours(k)
        one, two = np.repeat(ends, near.shape[1]), ends[near.ravel()]
        shortest_first = np.argsort(places.between(one, two), kind="stable")
        before = joined
        for a, b in zip(one[shortest_first].tolist(), two[shortest_first].tolist()):
            if degree[a] == 2 or degree[b] == 2 or other[a] == b:
                continue
            links[a].append(b)
            links[b].append(a)
            degree[a] += 1
            degree[b] += 1
            first, last = other[a], other[b]
            other[first], other[last] = last, first
            joined += 1
        if joined == before:
            k *= 2
        ends = np.flatnonzero(np.array(degree) < 2)
    city, previous = int(ends[0]), -1
    tour = np.empty(n, dtype=np.int32)
    for slot in range(n):
        tour[slot] = city
        onward = [c for c in links[city] if c != previous]
        previous, city = city, onward[0] if onward else -1
    return tour


def _among(places: Distances, cities: NDArray) -> Distances:
    if places.matrix is not None:
        return Distances(places.matrix[np.ix_(cities, cities)])
    assert places.coordinates is not None
    return Distances(coordinates=places.coordinates[cities], metric=places.metric)


def improved_by_2opt(D: NDArray[np.float64], order: ArrayLike) -> NDArray[np.int64]:
    """A tour whose length no reversal of a stretch lowers, found by the best reversal from each place in turn."""
    tour = np.array(order, dtype=np.int64)
    improved = True
    while improved:
        improved = False
        for i in range(len(D) - 1):
            ends = np.append(tour[i + 2 :], tour[0])
            starts = tour[i + 1 :]
            gain = D[tour[i], starts[0]] + D[starts, ends] - D[tour[i], starts] - D[starts[0], ends]
            best = int(gain.argmax())
            if gain[best] > 1e-9 * D.max():
                tour[i + 1 : i + best + 2] = tour[i + 1 : i + best + 2][::-1].copy()
                improved = True
    return tour


def completed(D: NDArray[np.float64], part: ArrayLike) -> NDArray[np.int64]:
    """The closed tour through some cities with all others put in, always the one that lengthens it least."""
    tour = np.array(part, dtype=np.int64)
    missing = np.setdiff1d(np.arange(len(D)), tour)
    while len(missing):
        follows = np.roll(tour, -1)
        longer = D[np.ix_(tour, missing)] + D[np.ix_(follows, missing)] - D[tour, follows][:, None]
        slot, which = np.unravel_index(longer.argmin(), longer.shape)
        tour = np.insert(tour, slot + 1, missing[which])
        missing = np.delete(missing, which)
    return tour
