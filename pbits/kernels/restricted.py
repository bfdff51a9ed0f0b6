"""Epochs of stochastic descent of a restricted Boltzmann machine: chains in rows, a layer at a time.

A layer's inputs are I = c + Σ_v W_v s_v, sums of rows of W; for the way back W is kept turned as well, so that no sum
runs along memory and every sum has a fixed order. Sites are drawn as s = +1 where u(1 + e^(−2βI)) < 1.

An epoch sums inputs and slopes of a batch in single precision, whose rounding is far below the scatter of the draws,
and adds slopes to weights in double precision.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.exponential import LOG2_E, exp2
from pbits.kernels.jit import kernel
from pbits.kernels.philox import to_uniform
from pbits.kernels.xoshiro import fill

_ROWS = 4


@kernel
def inputs(out, base, weights, states):
    """out (rows, there) = base (there,) + states (rows, here) @ weights (here, there)."""
    rows, here = states.shape
    there = weights.shape[1]
    for r in range(rows):
        for j in range(there):
            out[r, j] = base[j]
    whole = here // _ROWS * _ROWS
    # Four rows of weights stay near while all chains pass.
    for i in range(0, whole, _ROWS):
        for r in range(rows):
            a, b, c, d = states[r, i], states[r, i + 1], states[r, i + 2], states[r, i + 3]
            for j in range(there):
                out[r, j] += a * weights[i, j] + b * weights[i + 1, j] + c * weights[i + 2, j] + d * weights[i + 3, j]
    for i in range(whole, here):
        for r in range(rows):
            a = states[r, i]
            for j in range(there):
                out[r, j] += a * weights[i, j]


@kernel
def expect(means, fields, beta):
    """means = tanh(β fields), of the same shape."""
    scale = 2 * LOG2_E * beta
    for r in range(fields.shape[0]):
        for j in range(fields.shape[1]):
            # A plain division would look out for zero, and not vectorise.
            means[r, j] = 1 - np.divide(2.0, 1 + exp2(scale * fields[r, j]))


@kernel
def draw(states, fields, beta, words, halves, stream):
    """Spins ±1 of P(+1) = σ(2β fields); `halves` is `words` (m, 8) seen as 32-bit words, and flat."""
    rows, sites = fields.shape
    fill(words[: (rows * sites + 15) // 16], stream)
    scale = -2 * LOG2_E * beta
    for r in range(rows):
        first = r * sites
        for j in range(sites):
            u = to_uniform(halves[first + j])
            states[r, j] = 1.0 if u * (1 + exp2(scale * fields[r, j])) < 1 else -1.0


@kernel
def turn(turned, weights):
    """turned = weightsᵀ, eight rows at a time: what is written lies together."""
    here = weights.shape[0]
    for first in range(0, here, 8):
        for j in range(weights.shape[1]):
            for i in range(first, min(first + 8, here)):
                turned[j, i] = weights[i, j]


@kernel
def _correlate(slope, states, means, scale):
    """slope (here, there) += scale · Σ_rows states (rows, here) ⊗ means (rows, there)."""
    rows, here = states.shape
    there = means.shape[1]
    whole = rows // _ROWS * _ROWS
    for i in range(here):
        for r in range(0, whole, _ROWS):
            a, b = scale * states[r, i], scale * states[r + 1, i]
            c, d = scale * states[r + 2, i], scale * states[r + 3, i]
            for j in range(there):
                slope[i, j] += a * means[r, j] + b * means[r + 1, j] + c * means[r + 2, j] + d * means[r + 3, j]
        for r in range(whole, rows):
            a = scale * states[r, i]
            for j in range(there):
                slope[i, j] += a * means[r, j]


@kernel
def _mean(out, states):
    out[:] = 0.0
    for r in range(states.shape[0]):
        for j in range(states.shape[1]):
            out[j] += states[r, j]
    for j in range(states.shape[1]):
        out[j] /= states.shape[0]


@kernel
def hold(held, values, levels):
    """held = values, rounded where levels > 0 to multiples of 1/levels of the largest of them."""
    if levels == 0:
        held[:] = values
        return
    largest = np.abs(values).max()
    step = largest / levels if largest > 0 else 1.0
    held[:] = np.rint(values / step) * step


@kernel
def _dot(a, b):
    """Σ a b in four sums, which do not wait for one another."""
    p, q, r, t = 0.0, 0.0, 0.0, 0.0
    whole = len(a) // 4 * 4
    for j in range(0, whole, 4):
        p += a[j] * b[j]
        q += a[j + 1] * b[j + 1]
        r += a[j + 2] * b[j + 2]
        t += a[j + 3] * b[j + 3]
    for j in range(whole, len(a)):
        p += a[j] * b[j]
    return (p + q) + (r + t)


@kernel
def _add_row(velocity, weights, i, change, momentum, rate, decay):
    """A step of descent of one row of weights."""
    for j in range(len(change)):
        velocity[i, j] = momentum * velocity[i, j] + rate * (change[j] - decay * weights[i, j])
        weights[i, j] += velocity[i, j]


@kernel
def sweep(seen, hidden, weights, turned, seen_base, hidden_base, beta, sweeps, to_seen, to_hidden, random):
    """Sweeps of chains from their hidden spins: all that is seen, then all that is hidden.

    Parameters
    ----------
    seen, hidden : (rows, here) and (rows, there) spins, as floats
    weights, turned : (here, there) and (there, here)
    seen_base, hidden_base : fields
    to_seen, to_hidden : like seen and hidden, for inputs
    random : (words, halves, stream)
        Room for random words, and the state of the generator.
    """
    words, halves, stream = random
    for _ in range(sweeps):
        inputs(to_seen, seen_base, turned, hidden)
        draw(seen, to_seen, beta, words, halves, stream)
        inputs(to_hidden, hidden_base, weights, seen)
        draw(hidden, to_hidden, beta, words, halves, stream)


@kernel
def epoch(
    data, order, batch, weights, wired, fields, levels, velocity, field_velocity, centre, chains, persistent, sweeps,
    rates, momentum, decay, drift, random,
):  # fmt: skip
    """One pass of descent over the data; returns the share of seen spins that the last sweep of a batch turned over.

    Of the slope the parts that only move means are taken out: ΔW = Δ⟨(v − μ)(u − λ)⟩, Δb = Δ⟨v⟩ − ΔW λ, Δc = Δ⟨u⟩ −
    ΔWᵀμ, with μ and λ running means of both phases.

    Parameters
    ----------
    data : (m, here) int8
    order : (m,) int64
        Which datum comes when; what does not fill a batch is left out.
    batch : int
    weights, wired : (here, there)
        The first is changed where the second is 1, and not where it is 0.
    fields : (here + there,), changed
    levels : int
        Where it is not 0 chains see weights and fields as `hold` rounds them, while slopes change what is not rounded.
    velocity, field_velocity : like weights and fields, changed
    centre : (here + there,), changed
        μ and λ.
    chains : (rows, there) float32 spins, changed
        Where persistent chains are; rows = batch of chains that start from the data.
    persistent : bool
    sweeps : int
        k.
    rates : (batches,)
    momentum, decay : float
    drift : float
        Share of new means in μ and λ.
    random : as of `sweep`
    """
    here, there = weights.shape
    rows = chains.shape[0]
    single = np.float32
    v, h = np.empty((batch, here), single), np.empty((batch, there), single)
    means, room = np.empty((batch, there), single), np.empty((batch, there), single)
    seen, to_seen = np.empty((rows, here), single), np.empty((rows, here), single)
    to_hidden, later = np.empty((rows, there), single), np.empty((rows, there), single)
    slope = np.empty((here, there), single)
    now, then = np.empty(here + there), np.empty(here + there)
    apart, change = np.empty(there), np.empty(there)
    held, turned, base = (
        np.empty((here, there), single),
        np.empty((there, here), single),
        np.empty(here + there, single),
    )
    hidden_base, seen_base = base[here:], base[:here]
    mu, nu = centre[:here], centre[here:]
    turned_over = 0.0
    for k in range(len(rates)):
        hold(held, weights, levels)
        hold(base, fields, levels)
        turn(turned, held)
        for r in range(batch):
            for i in range(here):
                v[r, i] = data[order[k * batch + r], i]
        inputs(room, hidden_base, held, v)
        expect(means, room, 1.0)
        if not persistent:
            draw(h, room, 1.0, *random)
            chains[:] = h
        sweep(seen, chains, held, turned, seen_base, hidden_base, 1.0, sweeps, to_seen, to_hidden, random)
        expect(later, to_hidden, 1.0)
        _mean(now[:here], v)
        _mean(now[here:], means)
        _mean(then[:here], seen)
        _mean(then[here:], later)
        slope[:] = 0.0
        _correlate(slope, v, means, single(1.0 / batch))
        _correlate(slope, seen, later, single(-1.0 / rows))
        if not persistent:
            for r in range(batch):
                for i in range(here):
                    turned_over += 0.5 * abs(v[r, i] - seen[r, i])
        for i in range(here + there):
            centre[i] += drift * (0.5 * (now[i] + then[i]) - centre[i])
            field_velocity[i] = momentum * field_velocity[i] + rates[k] * (now[i] - then[i])
        rate = rates[k]
        for j in range(there):
            apart[j] = now[here + j] - then[here + j]
        for i in range(here):
            pull, middle = now[i] - then[i], mu[i]
            for j in range(there):
                change[j] = wired[i, j] * (slope[i, j] - middle * apart[j] - pull * nu[j])
            _add_row(velocity, weights, i, change, momentum, rate, decay)
            field_velocity[i] -= rate * _dot(change, nu)
            for j in range(there):
                field_velocity[here + j] -= rate * middle * change[j]
        for i in range(here + there):
            fields[i] += field_velocity[i]
    return turned_over / (len(rates) * batch * here)
