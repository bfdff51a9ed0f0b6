"""Clusters of sites on which two states of an Ising model differ.

On such a cluster, which is connected by couplings and borders only on sites where the states agree, both states can be
flipped, which exchanges them there, at no change of the sum of their energies: what one gains the other loses, fields
included. Without fields a state and its mirror image are one as good as the other, and clusters of sites where the
states agree do as well: where these are fewer they are taken, since large clusters exchange all but everything.

J. Houdayer, "A cluster Monte Carlo algorithm for 2-dimensional spin glasses", Eur. Phys. J. B 22 (2001); Z. Zhu,
A. J. Ochoa, H. G. Katzgraber, "Efficient cluster algorithm for spin glasses in any space dimension", Phys. Rev. Lett.
115 (2015).

Such exchanges keep a law. To find low energies, `join_clusters` takes only those that pay.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import kernel


@kernel
def exchange_clusters(states, pairs, places, indptr, indices, weights, h, mirror, sizes, gains):
    """Flip a cluster in both states of each pair.

    Parameters
    ----------
    states : (chains, n) int8
        Changed in place.
    pairs : (m, 2) int64
        Chains, each in one pair at the most.
    places : (m,) float64
        In [0, 1): which of the sites in question the cluster grows from, in rising order of sites.
    indptr, indices, weights, h
        The model.
    mirror : bool
        Whether clusters may be of sites where a pair agrees: there are no fields, and no site is held fixed.
    sizes : (m,) int64
        Filled with the sites of each cluster; 0 where a pair agrees everywhere, or nowhere in case of `mirror`.
    gains : (m,) float64
        Filled with what the energy of the first of each pair rises by, and that of the second falls.
    """
    n = len(h)
    # Of the sites in question, those not found yet.
    differ = np.empty(n, dtype=np.bool_)
    found = np.empty(n, dtype=np.int32)
    for pair in range(len(pairs)):
        first, second = states[pairs[pair, 0]], states[pairs[pair, 1]]
        unlike = 0
        for site in range(n):
            differ[site] = first[site] != second[site]
            unlike += differ[site]
        if mirror and 2 * unlike > n:
            unlike = n - unlike
            for site in range(n):
                differ[site] = not differ[site]
        sizes[pair] = 0
        gains[pair] = 0.0
        if unlike == 0:
            continue
        wanted = min(np.int64(places[pair] * unlike), unlike - 1)
        root = 0
        while True:
            if differ[root]:
                if wanted == 0:
                    break
                wanted -= 1
            root += 1
        found[0] = root
        differ[root] = False
        size, place, gain = 1, 0, 0.0
        while place < size:
            site = found[place]
            place += 1
            # Sites flip one after another, so what each flip costs adds up.
            field = h[site]
            for edge in range(indptr[site], indptr[site + 1]):
                other = indices[edge]
                field += weights[edge] * first[other]
                if differ[other]:
                    differ[other] = False
                    found[size] = other
                    size += 1
            gain += 2.0 * first[site] * field
            first[site], second[site] = -first[site], -second[site]
        sizes[pair] = size
        gains[pair] = gain


@kernel
def join_clusters(state, others, order, indptr, indices, weights, h, mirror):
    """Take over from other states, one after another, each cluster that is no worse.

    The clusters on which two states differ do not touch, so each is worth what it is worth alone, and the best of
    all ways to choose between them costs no search: what comes out is no higher than either.

    Parameters
    ----------
    state : (n,) int8
        Changed in place.
    others : (m, n) int8
    order : (m,) int64
        In which the others are gone through.
    indptr, indices, weights, h
        The model.
    mirror : bool
        Whether the mirror image of each other state is gone through, too, after itself: there are no fields, and no
        site is held fixed.
    """
    n = len(h)
    differ = np.empty(n, dtype=np.bool_)
    found = np.empty(n, dtype=np.int32)
    for number in range(2 * len(order) if mirror else len(order)):
        other = others[order[number // 2 if mirror else number]]
        sign = -1 if mirror and number % 2 else 1
        for site in range(n):
            differ[site] = state[site] != sign * other[site]
        for root in range(n):
            if not differ[root]:
                continue
            found[0] = root
            differ[root] = False
            size, place, gain = 1, 0, 0.0
            while place < size:
                site = found[place]
                place += 1
                field = h[site]
                for edge in range(indptr[site], indptr[site + 1]):
                    neighbour = indices[edge]
                    field += weights[edge] * state[neighbour]
                    if differ[neighbour]:
                        differ[neighbour] = False
                        found[size] = neighbour
                        size += 1
                gain += 2.0 * state[site] * field
                state[site] = -state[site]
            if gain > 0.0:
                for place in range(size):
                    state[found[place]] = -state[found[place]]
