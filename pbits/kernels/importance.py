"""Annealed importance sampling of two-coloured spin models, one colour summed out in every weight."""

from __future__ import annotations

import numpy as np

from pbits.kernels.exponential import LOG2_E, exp2
from pbits.kernels.jit import kernel
from pbits.kernels.restricted import draw, inputs


@kernel
def anneal(seen, weights, turned, seen_from, seen_to, hidden_from, hidden_to, ladder, log_weights, random):
    """Add ln p*_{k+1}(v)/p*_k(v) along a ladder, with a sweep of law k + 1 after each but the last.

    p*_t(v) = exp(b_t v) ∏_j 2cosh I_j with b_t = (1 − t) b_from + t b_to, and I = (1 − t) c_from + t (c_to + Wᵀv).

    Parameters
    ----------
    seen : (chains, here) spins as floats, changed
        Of the law at ladder[0].
    weights, turned : (here, there) and (there, here)
    seen_from, seen_to, hidden_from, hidden_to : fields
    ladder : (K,)
        t.
    log_weights : (chains,), changed
    random : (words, halves, stream)
    """
    chains, here = seen.shape
    there = weights.shape[1]
    words, halves, stream = random
    hidden, room = np.empty((chains, there)), np.empty((chains, there))
    raw, to_seen = np.empty((chains, there)), np.empty((chains, here))
    gain = np.empty(here)
    nothing_here, nothing_there = np.zeros(here), np.zeros(there)
    sizes = np.empty((2, there))
    factors = np.empty((2, there))
    for i in range(here):
        gain[i] = seen_to[i] - seen_from[i]
    for k in range(len(ladder) - 1):
        now, then = ladder[k], ladder[k + 1]
        inputs(raw, nothing_there, weights, seen)
        for r in range(chains):
            total = 0.0
            for i in range(here):
                total += gain[i] * seen[r, i]
            total *= then - now
            for j in range(there):
                old = abs((1 - now) * hidden_from[j] + now * (hidden_to[j] + raw[r, j]))
                new = (1 - then) * hidden_from[j] + then * (hidden_to[j] + raw[r, j])
                room[r, j] = new
                new = abs(new)
                sizes[0, j] = new - old
                factors[0, j] = 1 + exp2(-2 * LOG2_E * new)
                factors[1, j] = 1 + exp2(-2 * LOG2_E * old)
            up, down = 1.0, 1.0
            for j in range(there):
                total += sizes[0, j]
                up *= factors[0, j]
                down *= factors[1, j]
                if j % 512 == 511:
                    total += np.log(up) - np.log(down)
                    up, down = 1.0, 1.0
            log_weights[r] += total + np.log(up) - np.log(down)
        if k == len(ladder) - 2:
            break
        draw(hidden, room, 1.0, words, halves, stream)
        inputs(to_seen, nothing_here, turned, hidden)
        for r in range(chains):
            for i in range(here):
                to_seen[r, i] = then * to_seen[r, i] + (1 - then) * seen_from[i] + then * seen_to[i]
        draw(seen, to_seen, 1.0, words, halves, stream)
