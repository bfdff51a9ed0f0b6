"""One network of p-bits on several chips: what lies on another chip is read from copies of some age.

Chains are (n + copies) spins long: the p-bits, and behind them a copy of each p-bit that another chip reads. A clock
edge moves one colour. Exchanges follow one another without a pause, `lag` edges apart: at every lag-th edge the copies
become what was sent at the exchange before, and, once the edge has moved its colour, the p-bits are sent again. So a
copy is 1 edge old where lag = 1, which is what a neighbour on the same chip shows, and lag to 2·lag − 1 edges else.

Decisions are those of `pbits.kernels.ising.sweep_phases`: Philox counter (chain // 4, site, step, 0), word chain mod 4,
s_i = +1 where u < 1/(1 + exp(−2βI_i)) in double precision. Here u·(1 + 2^(−2βI_i log₂e)) is compared with 1 first, in a
form that vectorises, and only what is too close to tell is decided as written.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pbits.kernels.exponential import LOG2_E, exp2
from pbits.kernels.jit import inlined, kernel, part
from pbits.kernels.philox import philox4x32, to_uniform

# Decisions made together: enough for vectors, few enough for the first-level cache.
_TILE = 256
# Fewer are made one by one.
_FEW = 8
CLOSE = 1e-8
"""Bound on the error of u·(1 + 2^x), relative to 1, many times over."""


class Rows(NamedTuple):
    """What the p-bits that move read, in the order in which they move.

    Attributes
    ----------
    sites : (m,) uint32
        Colour after colour.
    ends : (colours + 1,) int64
        Colour c is ``sites[ends[c]:ends[c + 1]]``; no two p-bits of one are coupled.
    starts : (m + 1,) uint64
    reads : uint32
        Places in a chain: ``reads[starts[k]:starts[k + 1]]`` are those that p-bit ``sites[k]`` reads.
    weights : float64, or float32 where that is exact
    fields : (m,) float64
    """

    sites: np.ndarray
    ends: np.ndarray
    starts: np.ndarray
    reads: np.ndarray
    weights: np.ndarray
    fields: np.ndarray


@inlined
def _word(chain, site, step, k0, k1):
    """The 32-bit word of a decision."""
    a, b, c, d = philox4x32(chain // np.uint64(4), np.uint64(site), step, np.uint64(0), k0, k1)
    which = chain % np.uint64(4)
    low = b if which == 1 else a
    high = d if which == 3 else c
    return high if which > 1 else low


@inlined
def _decided(word, minus_two_beta, field):
    """The new spin, in double precision."""
    return 1 if to_uniform(word) < 1.0 / (1.0 + np.exp(minus_two_beta * field)) else -1


@part
def _draw(words, sites, count, chain, step, k0, k1):
    """Fill `words` with the word of each site."""
    for i in range(count):
        words[i] = _word(chain, sites[i], step, k0, k1)


@part
def _decide(fresh, words, inputs, count, minus_two_beta):
    """Fill `fresh` with new spins; whether one was too close to tell."""
    close = False
    for i in range(count):
        x = minus_two_beta * inputs[i]
        excess = to_uniform(np.uint64(words[i])) * (1.0 + exp2(x * LOG2_E)) - 1.0
        fresh[i] = 1 if excess < 0.0 else -1
        close |= abs(excess) < CLOSE
    return close


@inlined
def _input(spins, rows, place):
    """I_i of the p-bit at a place in the order."""
    total = 0.0
    for edge in range(rows.starts[place], rows.starts[place + 1]):
        total += rows.weights[edge] * spins[rows.reads[edge]]
    return total + rows.fields[place]


@part
def _move(spins, rows, first, last, minus_two_beta, chain, step, k0, k1, words, inputs, fresh):
    """Move one colour of one chain; returns the spins that changed."""
    toggles = 0
    if last - first < _FEW:
        for place in range(first, last):
            site = rows.sites[place]
            spin = _decided(_word(chain, site, step, k0, k1), minus_two_beta, _input(spins, rows, place))
            toggles += spins[site] != spin
            spins[site] = spin
        return toggles
    for begin in range(first, last, _TILE):
        count = min(_TILE, last - begin)
        sites = rows.sites[begin : begin + count]
        _draw(words, sites, count, chain, step, k0, k1)
        for i in range(count):
            inputs[i] = _input(spins, rows, begin + i)
        if _decide(fresh, words, inputs, count, minus_two_beta):
            for i in range(count):
                fresh[i] = _decided(np.uint64(words[i]), minus_two_beta, inputs[i])
        for i in range(count):
            toggles += spins[sites[i]] != fresh[i]
            spins[sites[i]] = fresh[i]
    return toggles


@kernel
def sweep(spins, sent, boundary, rows, lag, betas, step0, key0, key1, chain0):
    """Sweep every chain once per β.

    Parameters
    ----------
    spins : (chains, n + copies) int8, changed in place
    sent : (chains, copies) int8, changed in place
        What is under way; equal to the copies when a run starts.
    boundary : (copies,) uint32
        The p-bit of each copy.
    rows : Rows
    lag : int
        Clock edges from one exchange to the next, at least 1.
    betas : (steps,) float64
    step0 : int
        Absolute number of the first step; a run starts with step 0.
    key0, key1 : uint32
        Philox key.
    chain0 : int
        Absolute number of the first chain.

    Returns
    -------
    int
        Number of p-bits that changed (toggles).
    """
    words = np.empty(_TILE, dtype=np.uint32)
    inputs = np.empty(_TILE)
    fresh = np.empty(_TILE, dtype=np.int8)
    copies = len(boundary)
    n = spins.shape[1] - copies
    colours = len(rows.ends) - 1
    toggles = 0
    for chain in range(spins.shape[0]):
        own, on_its_way = spins[chain], sent[chain]
        absolute = np.uint64(chain0 + chain)
        for t in range(len(betas)):
            for colour in range(colours):
                exchange = ((step0 + t) * colours + colour) % lag == 0
                if exchange:
                    for k in range(copies):
                        own[n + k] = on_its_way[k]
                toggles += _move(
                    own, rows, rows.ends[colour], rows.ends[colour + 1], -2.0 * betas[t], absolute,
                    np.uint64(step0 + t), np.uint64(key0), np.uint64(key1), words, inputs, fresh,
                )  # fmt: skip
                if exchange:
                    for k in range(copies):
                        on_its_way[k] = own[boundary[k]]
    return toggles


@kernel
def energy(spins, starts, others, weights, h):
    """−Σ_{i<j} J_ij s_i s_j − Σ_i h_i s_i of one chain, given the columns above i of each row i."""
    total = 0.0
    edge = starts[0]
    for site in range(np.uint64(len(h))):
        pull = h[site]
        while edge < starts[site + np.uint64(1)]:
            pull += weights[edge] * spins[others[edge]]
            edge += np.uint64(1)
        total -= spins[site] * pull
    return total
