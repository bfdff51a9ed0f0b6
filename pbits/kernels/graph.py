"""Colourings of sparse graphs in linear time.

A graph is given as CSR rows of neighbours: those of site i are ``indices[indptr[i]:indptr[i + 1]]``, each edge in
both rows. A neighbour may be named more than once.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel


@kernel
def sorted_by(keys, n_keys):
    """Counting sort of sites by a key 0 … n_keys − 1, stable.

    Returns
    -------
    sites : (n,) int64
    ends : (n_keys + 1,) int64
        The sites of key k are ``sites[ends[k]:ends[k + 1]]``, in rising order.
    """
    ends = np.zeros(n_keys + 1, dtype=np.int64)
    for key in keys:
        ends[key + 1] += 1
    for key in range(n_keys):
        ends[key + 1] += ends[key]
    place = ends[:-1].copy()
    sites = np.empty(len(keys), dtype=np.int64)
    for site in range(len(keys)):
        sites[place[keys[site]]] = site
        place[keys[site]] += 1
    return sites, ends


@kernel
def two_colours(indptr, indices):
    """Colours 0 and 1 of every site, (n,) int32, by breadth-first search; of length 0 where a cycle is odd.

    Of each connected part the lowest site has colour 0.
    """
    n = len(indptr) - 1
    colour = np.full(n, -1, dtype=np.int32)
    queue = np.empty(n, dtype=np.int32)
    for root in range(n):
        if colour[root] >= 0:
            continue
        colour[root] = 0
        queue[0] = root
        head, tail = 0, 1
        while head < tail:
            site = queue[head]
            head += 1
            for edge in range(indptr[site], indptr[site + 1]):
                other = indices[edge]
                if colour[other] < 0:
                    colour[other] = 1 - colour[site]
                    queue[tail] = other
                    tail += 1
                elif colour[other] == colour[site]:
                    return colour[:0]
    return colour


@kernel
def greedy_colours(indptr, indices, order):
    """Colours of every site, (n,) int32: site by site in the given order, the least that no neighbour has."""
    n = len(indptr) - 1
    widest = 0
    for site in range(n):
        widest = max(widest, indptr[site + 1] - indptr[site])
    colour = np.full(n, -1, dtype=np.int32)
    # Which site last found a colour taken: nothing has to be wiped between sites.
    taken_at = np.full(widest + 2, -1, dtype=np.int64)
    for site in order:
        for edge in range(indptr[site], indptr[site + 1]):
            if colour[indices[edge]] >= 0:
                taken_at[colour[indices[edge]]] = site
        least = 0
        while taken_at[least] == site:
            least += 1
        colour[site] = least
    return colour


@kernel
def smallest_last(indptr, indices):
    """Sites so ordered that each, when it and those before it are all there is, has the fewest neighbours; (n,) int64.

    Greedy colours in this order are at most d + 1, where every subgraph has a site of d neighbours or fewer
    (D. W. Matula, L. L. Beck, J. ACM 30, 417 (1983)).
    """
    n = len(indptr) - 1
    degree = np.empty(n, dtype=np.int64)
    for site in range(n):
        degree[site] = indptr[site + 1] - indptr[site]
    # Sites are taken from the front; the others stay sorted by the neighbours they have left, and those with d begin
    # at starts[d], or where the others begin.
    sites, starts = sorted_by(degree, degree.max() + 1)
    place = np.empty(n, dtype=np.int64)
    for k in range(n):
        place[sites[k]] = k
    for k in range(n):
        for edge in range(indptr[sites[k]], indptr[sites[k] + 1]):
            other = indices[edge]
            if place[other] <= k:
                continue
            left = degree[other]
            front = max(starts[left], k + 1)
            first = sites[front]
            sites[front], sites[place[other]] = other, first
            place[first], place[other] = place[other], front
            starts[left] = front + 1
            degree[other] = left - 1
    return sites[::-1].copy()
