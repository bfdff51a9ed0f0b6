"""Moves of permutations: decisions on swaps, reversals and insertions.

Every decision takes the four words of the counter (decision of the step, step, chain, 0): a place, how far the move
reaches, the uniform number of the decision, and which kind of move.

Slots lie on a ring. A tour is the same whichever part of the ring is turned round, so a reversal turns the shorter
one. With tiles, the ring is cut at every `tile`-th slot from an offset that the first word of the counter
(0, step, chain, 1) gives; a move is made only if the slots it touches, and those beside them, lie in one tile.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import inlined, kernel, part
from pbits.kernels.philox import philox4x32, to_uniform

SWAP, REVERSE, INSERT = 0, 1, 2

# An energy that is kept up to date carries the rounding of the largest it has been; once that was so many times what it
# is now, it is summed anew.
_FADED = 1024.0

_32 = np.uint64(32)
_16 = np.uint64(16)
_LOW = np.uint64(0xFFFF)
_ONE = np.uint64(1)


@inlined
def _below(word, count):
    """A word to one of `count` whole numbers; each is as likely as any other to within count/2³²."""
    return np.int64((word * np.uint64(count)) >> _32)


@inlined
def _round(place, n):
    """A place within one turn of the ring."""
    if place >= n:
        place -= n
    if place < 0:
        place += n
    return place


@part
def distance(metric, matrix, points, a, b):
    """d(a, b): a matrix for metric 0, else coordinates and the metric's place in `pbits.models.distances.METRICS`."""
    if metric == 0:
        return matrix[a, b]
    dx = points[a, 0] - points[b, 0]
    dy = points[a, 1] - points[b, 1]
    squared = dx * dx + dy * dy
    if metric == 1:
        return np.sqrt(squared)
    if metric == 2:
        return np.floor(np.sqrt(squared) + 0.5)
    if metric == 3:
        return np.ceil(np.sqrt(squared))
    return np.ceil(np.sqrt(squared / 10.0))


@inlined
def _accepted(delta, beta, u, metropolis):
    """Whether a p-bit takes a move: with probability σ(−βΔ), or min(1, e^(−βΔ))."""
    if metropolis:
        return delta <= 0.0 or u < np.exp(-beta * delta)
    return u < 1.0 / (1.0 + np.exp(beta * delta))


@inlined
def _in_one_tile(first, length, offset, tile, n):
    """Whether `length` slots from `first` on, and one beside them on either side, lie in one tile."""
    if tile == 0:
        return True
    start = _round(_round(first - 1, n) - offset, n)
    return start + length + 1 < n and start // tile == (start + length + 1) // tile


@part
def _turn(tour, place, i, length, n):
    """Turn round the `length` slots from i on."""
    j = _round(i + length - 1, n)
    for _ in range(length // 2):
        a = tour[i]
        b = tour[j]
        tour[i] = b
        place[b] = i
        tour[j] = a
        place[a] = j
        i = _round(i + 1, n)
        j = _round(j - 1, n)


@part
def _shift(tour, place, i, count, step, n):
    """Move the next `count` items beyond slot i, in the direction of `step`, one by one into i and on; i is given up.

    Returns the slot that is free in the end.
    """
    for _ in range(count):
        onward = _round(i + step, n)
        item = tour[onward]
        tour[i] = item
        place[item] = i
        i = onward
    return i


@part
def _tour_length(metric, matrix, points, tour):
    total = distance(metric, matrix, points, tour[len(tour) - 1], tour[0])
    for slot in range(len(tour) - 1):
        total += distance(metric, matrix, points, tour[slot], tour[slot + 1])
    return total


@part
def _assigned_energy(flows, distances, costs, state):
    total = 0.0
    for t in range(len(state)):
        total += costs[t, state[t]]
        for u in range(len(state)):
            total += flows[t, u] * distances[state[t], state[u]]
    return total


@kernel
def sampled_tours(
    metric, matrix, points, tours, places, lengths, peaks, base, kinds, reach, tile, betas, metropolis, key0, key1,
    chain0, step0, every, noted, best_length, best_tour, counted,
):  # fmt: skip
    """Steps of n decisions of tours, by proposals that are as likely as those that undo them.

    Parameters
    ----------
    tours, places : (chains, n) int32, changed in place
        What each slot holds, and in which slot each item is.
    lengths : (chains,) float64, changed in place
    peaks : (chains,) float64, changed in place
        The largest magnitude each length has had since it was summed.
    base : float
        The model's offset, which is part of lengths.
    kinds : (k,) int64
        Of `SWAP`, `REVERSE`, `INSERT`, each as likely.
    reach : int64
        Slots between the ends of a move, at most; 0 for any.
    tile : int64
        Slots of a tile; 0 for none.
    betas : (steps, 1) or (steps, chains) float64
    every : int64
        Steps between looks; 0 for none.
    noted : (chains, looks) float64, filled in
    best_length : (1,) float64, best_tour : (n,) int32
        Lowered to the shortest of the looks.
    counted : (2,) int64, raised
        Distances read, and slots rewritten.

    Returns
    -------
    accepted : int
    """
    chains, n = tours.shape
    k0, k1 = np.uint64(key0), np.uint64(key1)
    far = n // 2 if reach == 0 else min(reach, n // 2)
    longest = max(1, n - 3) if reach == 0 else min(reach, max(1, n - 3))
    accepted = 0
    for chain in range(chains):
        tour, place = tours[chain], places[chain]
        length = lengths[chain]
        peak = peaks[chain]
        for step in range(len(betas)):
            beta = betas[step, chain if betas.shape[1] > 1 else 0]
            c1, c2 = np.uint64(step0 + step), np.uint64(chain0 + chain)
            offset = 0
            if tile > 0:
                w0, w1, w2, w3 = philox4x32(np.uint64(0), c1, c2, _ONE, k0, k1)
                offset = _below(w0, n)
            for decision in range(n):
                w0, w1, w2, w3 = philox4x32(np.uint64(decision), c1, c2, np.uint64(0), k0, k1)
                i = _below(w0, n)
                kind = kinds[_below(w3, len(kinds))]
                u = to_uniform(w2)
                if kind == REVERSE:
                    o = 1 + _below(w1, longest)
                    first, size = i, o + 1
                    if 2 * size > n + 1:
                        first, size = _round(i + size, n), n - size
                    if not _in_one_tile(first, size, offset, tile, n):
                        continue
                    last = _round(first + size - 1, n)
                    a, b = tour[first], tour[last]
                    p, q = tour[_round(first - 1, n)], tour[_round(last + 1, n)]
                    delta = (
                        distance(metric, matrix, points, p, b) + distance(metric, matrix, points, a, q)
                        - distance(metric, matrix, points, p, a) - distance(metric, matrix, points, b, q)
                    )  # fmt: skip
                    counted[0] += 4
                    if _accepted(delta, beta, u, metropolis):
                        _turn(tour, place, first, size, n)
                        counted[1] += size - size % 2
                        length += delta
                        peak = max(peak, abs(length))
                        accepted += 1
                elif kind == INSERT:
                    o = 1 + _below(w1, far)
                    ahead = 1 if (w3 & _ONE) == _ONE else -1
                    j = _round(i + ahead * o, n)
                    if not _in_one_tile(i if ahead == 1 else j, o + 1, offset, tile, n):
                        continue
                    a = tour[i]
                    p, q = tour[_round(i - ahead, n)], tour[_round(i + ahead, n)]
                    x, y = tour[j], tour[_round(j + ahead, n)]
                    delta = (
                        distance(metric, matrix, points, p, q) + distance(metric, matrix, points, x, a)
                        + distance(metric, matrix, points, a, y) - distance(metric, matrix, points, p, a)
                        - distance(metric, matrix, points, a, q) - distance(metric, matrix, points, x, y)
                    )  # fmt: skip
                    counted[0] += 6
                    if _accepted(delta, beta, u, metropolis):
                        free = _shift(tour, place, i, o, ahead, n)
                        tour[free] = a
                        place[a] = free
                        counted[1] += o + 1
                        length += delta
                        peak = max(peak, abs(length))
                        accepted += 1
                else:
                    o = 1 + _below(w1, far)
                    j = _round(i + o, n)
                    if not _in_one_tile(i, o + 1, offset, tile, n):
                        continue
                    a, b = tour[i], tour[j]
                    p, q = tour[_round(i - 1, n)], tour[_round(j + 1, n)]
                    if o == 1:
                        delta = (
                            distance(metric, matrix, points, p, b) + distance(metric, matrix, points, a, q)
                            - distance(metric, matrix, points, p, a) - distance(metric, matrix, points, b, q)
                        )  # fmt: skip
                        counted[0] += 4
                    else:
                        x, y = tour[_round(i + 1, n)], tour[_round(j - 1, n)]
                        delta = (
                            distance(metric, matrix, points, p, b) + distance(metric, matrix, points, b, x)
                            + distance(metric, matrix, points, y, a) + distance(metric, matrix, points, a, q)
                            - distance(metric, matrix, points, p, a) - distance(metric, matrix, points, a, x)
                            - distance(metric, matrix, points, y, b) - distance(metric, matrix, points, b, q)
                        )  # fmt: skip
                        counted[0] += 8
                    if _accepted(delta, beta, u, metropolis):
                        tour[i], tour[j] = b, a
                        place[b], place[a] = i, j
                        counted[1] += 2
                        length += delta
                        peak = max(peak, abs(length))
                        accepted += 1
            if peak > _FADED * abs(length):
                length = base + _tour_length(metric, matrix, points, tour)
                peak = abs(length)
            if every > 0 and (step + 1) % every == 0:
                noted[chain, (step + 1) // every - 1] = length
                if length < best_length[0]:
                    best_length[0] = length
                    best_tour[:] = tour
        lengths[chain], peaks[chain] = length, peak
    return accepted


@kernel
def annealed_tours(
    metric, matrix, points, near, tours, places, lengths, peaks, base, kinds, reach, tile, betas, metropolis, key0,
    key1, chain0, step0, every, noted, best_length, best_tour, counted,
):  # fmt: skip
    """Steps of n decisions of tours, by proposals that put an item next to one of its near ones.

    As `sampled_tours`, with `near` (n, k) int32. A reversal joins the item a to c and what follows them, or what comes
    before them, to each other; an insertion takes one to three items from a on, forward or backward, between c and one
    of the two beside it, a next to c.
    """
    chains, n = tours.shape
    k = near.shape[1]
    k0, k1 = np.uint64(key0), np.uint64(key1)
    accepted = 0
    most = min(3, n - 3)
    for chain in range(chains):
        tour, place = tours[chain], places[chain]
        length = lengths[chain]
        peak = peaks[chain]
        for step in range(len(betas)):
            beta = betas[step, chain if betas.shape[1] > 1 else 0]
            c1, c2 = np.uint64(step0 + step), np.uint64(chain0 + chain)
            offset = 0
            if tile > 0:
                w0, w1, w2, w3 = philox4x32(np.uint64(0), c1, c2, _ONE, k0, k1)
                offset = _below(w0, n)
            for decision in range(n):
                w0, w1, w2, w3 = philox4x32(np.uint64(decision), c1, c2, np.uint64(0), k0, k1)
                a = _below(w0, n)
                r = _below(w1, 2 * k)
                c = np.int64(near[a, r >> 1])
                ahead = 1 if (r & 1) == 1 else -1
                u = to_uniform(w2)
                pa, pc = np.int64(place[a]), np.int64(place[c])
                kind = kinds[_below(w3, len(kinds))]
                if kind == REVERSE:
                    sa, sc = tour[_round(pa + ahead, n)], tour[_round(pc + ahead, n)]
                    if sa == c or sc == a:
                        continue
                    if ahead == 1:
                        first, size = _round(pa + 1, n), _round(pc - pa, n)
                    else:
                        first, size = pc, _round(pa - pc, n)
                    if 2 * size > n:
                        first, size = _round(first + size, n), n - size
                    if (reach > 0 and size > reach + 1) or not _in_one_tile(first, size, offset, tile, n):
                        continue
                    delta = (
                        distance(metric, matrix, points, a, c) + distance(metric, matrix, points, sa, sc)
                        - distance(metric, matrix, points, a, sa) - distance(metric, matrix, points, c, sc)
                    )  # fmt: skip
                    counted[0] += 4
                    if _accepted(delta, beta, u, metropolis):
                        _turn(tour, place, first, size, n)
                        counted[1] += size - size % 2
                        length += delta
                        peak = max(peak, abs(length))
                        accepted += 1
                    continue
                # An insertion. In the direction of `ahead`, the items taken are a and those after it.
                taken = 1 + _below((w3 & _LOW) << _16, most)
                between = 1 if ((w3 >> _16) & _ONE) == _ONE else -1
                end = _round(pa + ahead * (taken - 1), n)
                if _round(ahead * (pc - pa), n) < taken:
                    continue
                t = tour[_round(pc + between, n)]
                pt = np.int64(place[t])
                if _round(ahead * (pt - pa), n) < taken:
                    continue
                b = tour[end]
                p, q = tour[_round(pa - ahead, n)], tour[_round(end + ahead, n)]
                # Where the gap is, and how many items lie on either way there.
                low, high = (pa, end) if ahead == 1 else (end, pa)
                left, right = (pc, pt) if between == 1 else (pt, pc)
                up, down = _round(left - high, n), _round(low - right, n)
                moved = min(up, down)
                if reach > 0 and moved + taken > reach + 1:
                    continue
                if not _in_one_tile(low if up <= down else right, moved + taken, offset, tile, n):
                    continue
                delta = (
                    distance(metric, matrix, points, p, q) + distance(metric, matrix, points, a, c)
                    + distance(metric, matrix, points, b, t) - distance(metric, matrix, points, a, p)
                    - distance(metric, matrix, points, b, q) - distance(metric, matrix, points, c, t)
                )  # fmt: skip
                counted[0] += 6
                if not _accepted(delta, beta, u, metropolis):
                    continue
                # The items in the order in which they will lie: a next to c.
                s0, s1, s2 = tour[low], tour[_round(low + 1, n)], tour[_round(low + 2, n)]
                if (ahead == 1) != (between == 1):
                    if taken == 2:
                        s0, s1 = s1, s0
                    elif taken == 3:
                        s0, s2 = s2, s0
                if up <= down:
                    read, write = _round(high + 1, n), low
                    for _ in range(moved):
                        item = tour[read]
                        tour[write] = item
                        place[item] = write
                        read, write = _round(read + 1, n), _round(write + 1, n)
                    to = write
                else:
                    read, write = _round(low - 1, n), high
                    for _ in range(moved):
                        item = tour[read]
                        tour[write] = item
                        place[item] = write
                        read, write = _round(read - 1, n), _round(write - 1, n)
                    to = right
                tour[to] = s0
                place[s0] = to
                if taken > 1:
                    to = _round(to + 1, n)
                    tour[to] = s1
                    place[s1] = to
                if taken > 2:
                    to = _round(to + 1, n)
                    tour[to] = s2
                    place[s2] = to
                counted[1] += moved + taken
                length += delta
                peak = max(peak, abs(length))
                accepted += 1
            if peak > _FADED * abs(length):
                length = base + _tour_length(metric, matrix, points, tour)
                peak = abs(length)
            if every > 0 and (step + 1) % every == 0:
                noted[chain, (step + 1) // every - 1] = length
                if length < best_length[0]:
                    best_length[0] = length
                    best_tour[:] = tour
        lengths[chain], peaks[chain] = length, peak
    return accepted


@kernel
def swapped_assignments(
    flows, distances, costs, states, energies, peaks, base, reach, betas, metropolis, key0, key1, chain0, step0, every,
    noted, best_energy, best_state, counted,
):  # fmt: skip
    """Steps of n decisions on swaps of an assignment; the arguments are those of `sampled_tours`.

    Each reads 8(n − 2) + 4 flows and distances, and 4 costs.
    """
    chains, n = states.shape
    k0, k1 = np.uint64(key0), np.uint64(key1)
    far = max(1, n // 2) if reach == 0 else min(reach, max(1, n // 2))
    accepted = 0
    for chain in range(chains):
        state = states[chain]
        energy = energies[chain]
        peak = peaks[chain]
        for step in range(len(betas)):
            beta = betas[step, chain if betas.shape[1] > 1 else 0]
            c1, c2 = np.uint64(step0 + step), np.uint64(chain0 + chain)
            for decision in range(n):
                w0, w1, w2, _ = philox4x32(np.uint64(decision), c1, c2, np.uint64(0), k0, k1)
                r = _below(w0, n)
                s = _round(r + 1 + _below(w1, far), n)
                a, b = state[r], state[s]
                delta = costs[r, b] + costs[s, a] - costs[r, a] - costs[s, b]
                delta += (flows[r, s] - flows[s, r]) * (distances[b, a] - distances[a, b])
                for t in range(n):
                    if t != r and t != s:
                        x = state[t]
                        delta += (flows[t, r] - flows[t, s]) * (distances[x, b] - distances[x, a])
                        delta += (flows[r, t] - flows[s, t]) * (distances[b, x] - distances[a, x])
                counted[0] += 8 * (n - 2) + 8
                if _accepted(delta, beta, to_uniform(w2), metropolis):
                    state[r], state[s] = b, a
                    counted[1] += 2
                    energy += delta
                    peak = max(peak, abs(energy))
                    accepted += 1
            if peak > _FADED * abs(energy):
                energy = base + _assigned_energy(flows, distances, costs, state)
                peak = abs(energy)
            if every > 0 and (step + 1) % every == 0:
                noted[chain, (step + 1) // every - 1] = energy
                if energy < best_energy[0]:
                    best_energy[0] = energy
                    best_state[:] = state
        energies[chain], peaks[chain] = energy, peak
    return accepted
