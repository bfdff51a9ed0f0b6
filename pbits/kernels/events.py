"""p-bits without a clock: Poisson firings one after another, and discrete time with all p-bits at once.

Time is in units of τ_N, the mean time between two firings of a p-bit. p-bit i fires at the events of a Poisson process
of rate λ_i and then takes s_i = +1 with probability σ(2βI_i). All processes together are one of rate Λ = Σλ_i whose
every event belongs to p-bit i with probability λ_i/Λ, so that nothing is rejected and no queue of firings is kept.

Event e of a chain takes all its random numbers from Philox counter (chain, e mod 2³², e div 2³², 0):

- word 0: place ⌊w·m/2³²⌋ among the m p-bits that fire; it is that p-bit's turn,
- word 3: unless w ≥ `keep` of that place, where rates are unequal: then it is its `alias`'s;
- word 1: the time since event e − 1 (since 0 for the first), −ln(u)/Λ with u = (w + ½)/2³²;
- word 2: s_i = +1 where ln(u/(1 − u)) < 2βI_i.

So a chain's future follows from its arrays and the number of its last event alone, however a run is cut into calls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pbits.kernels.jit import kernel, part
from pbits.kernels.philox import minus_two_log, philox4x32

# Events whose random numbers are drawn together: enough for vectors, few enough for the first-level cache.
_TILE = 256
_WORD = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_0 = np.uint64(0)
# Past e^200 the filtered spins are brought back to the present.
_FARTHEST = 200.0


class Network(NamedTuple):
    """What p-bits read.

    Attributes
    ----------
    indptr : (n + 1,) uint64
    indices : uint32
        CSR rows; row i is what p-bit i reads, which need not be mutual.
    weights : float64
    h : (n,) float64
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    h: np.ndarray

    @classmethod
    def of(cls, csr, h):
        """The rows of a CSR matrix, in the types that kernels index by: unsigned, as nothing is found from behind."""
        return cls(csr.indptr.astype(np.uint64), csr.indices.astype(np.uint32), csr.data, h)


class Clocks(NamedTuple):
    """Who fires, and how often.

    Attributes
    ----------
    sites : (m,) uint32
        The p-bits that fire, m ≥ 1.
    rate : float
        Λ, firings of all of them per τ_N.
    keep : (m,) uint32, or (0,) where all rates are equal
    alias : (m,) uint32
        Places in `sites`; see `alias_table`.
    """

    sites: np.ndarray
    rate: float
    keep: np.ndarray
    alias: np.ndarray

    @classmethod
    def of(cls, sites, rates):
        """The clocks of sites (m,) of the given rates (m,)."""
        equal = (rates == rates[0]).all()
        none = np.empty(0, dtype=np.uint32)
        tables = (none, none) if equal else alias_table(rates)
        return cls(sites.astype(np.uint32), float(rates.sum()), *tables)


class Progress(NamedTuple):
    """How far chains are, and what they did.

    Attributes
    ----------
    clock : (chains,) float64
        Time of the last event.
    fired : (chains,) uint64
        Number of events.
    toggles, reads : (chains,) int64
        Firings that changed their p-bit; weights read.
    """

    clock: np.ndarray
    fired: np.ndarray
    toggles: np.ndarray
    reads: np.ndarray

    @classmethod
    def start(cls, chains):
        """At time 0."""
        return cls(*(np.zeros(chains, dtype=kind) for kind in (np.float64, np.uint64, np.int64, np.int64)))


class Line(NamedTuple):
    """Flips under way, in rings: all synapses have one delay, so flips arrive in the order in which they left.

    Attributes
    ----------
    heard : (chains, n) int8
        The spins that have arrived.
    sites : (chains, capacity) uint32
    due : (chains, capacity) float64
        When they arrive.
    sent, arrived : (chains,) int64
        How many ever did; flip k lies at k mod capacity, a power of two.
    """

    heard: np.ndarray
    sites: np.ndarray
    due: np.ndarray
    sent: np.ndarray
    arrived: np.ndarray

    @classmethod
    def quiet(cls, spins, capacity):
        """The line of p-bits (chains, n) that have long been as they are."""
        chains = len(spins)
        return cls(
            heard=spins.copy(),
            sites=np.zeros((chains, capacity), dtype=np.uint32),
            due=np.zeros((chains, capacity)),
            sent=np.zeros(chains, dtype=np.int64),
            arrived=np.zeros(chains, dtype=np.int64),
        )

    def longer(self):
        """The same flips in rings of twice the capacity."""
        chains, capacity = self.due.shape
        flips = self.arrived[:, None] + np.arange(capacity)
        row, old, new = np.arange(chains)[:, None], flips % capacity, flips % (2 * capacity)
        line = self._replace(sites=np.zeros((chains, 2 * capacity), np.uint32), due=np.zeros((chains, 2 * capacity)))
        line.sites[row, new] = self.sites[row, old]
        line.due[row, new] = self.due[row, old]
        return line


class Filtered(NamedTuple):
    """Low-pass filtered spins x_j = s_j + c_j e^(−(t − t₀)/τ), which follow dx_j/dt = (s_j − x_j)/τ.

    Between flips nothing changes but the factor, which all spins of a chain share.

    Attributes
    ----------
    rest : (chains, n) float64
        c_j.
    origin : (chains,) float64
        t₀.
    """

    rest: np.ndarray
    origin: np.ndarray

    @classmethod
    def settled(cls, spins):
        """x = s of p-bits (chains, n) that have long been as they are."""
        return cls(np.zeros(spins.shape), np.zeros(len(spins)))


@kernel
def alias_table(rates):
    """Walker's tables for drawing place k with probability rates[k]/Σ rates, by Vose's method.

    A word w < keep[k] leaves a drawn place k as it is, another one makes it alias[k]; probabilities are met to 2⁻³².

    M. D. Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE Trans. Softw. Eng.
    17 (1991).

    Returns
    -------
    keep, alias : (m,) uint32
    """
    m = len(rates)
    share = rates * (m / rates.sum())
    alias = np.arange(m).astype(np.uint32)
    keep = np.full(m, 0xFFFFFFFF, dtype=np.uint32)
    poor = np.empty(m, dtype=np.int64)
    rich = np.empty(m, dtype=np.int64)
    n_poor = n_rich = 0
    for k in range(m):
        if share[k] < 1.0:
            poor[n_poor] = k
            n_poor += 1
        else:
            rich[n_rich] = k
            n_rich += 1
    while n_poor > 0 and n_rich > 0:
        n_poor -= 1
        one, other = poor[n_poor], rich[n_rich - 1]
        keep[one] = np.uint32(min(share[one] * 4294967296.0, 4294967295.0))
        alias[one] = other
        share[other] -= 1.0 - share[one]
        if share[other] < 1.0:
            n_rich -= 1
            poor[n_poor] = other
            n_poor += 1
    # What is left on either stack has a share of 1, up to rounding.
    return keep, alias


@part
def _draw_events(sites, waits, logits, chain, first, count, clocks, k0, k1):
    """The p-bits, waiting times and ln(u/(1 − u)) of the events first … first + count − 1 of a chain."""
    places = np.uint64(len(clocks.sites))
    spread = 0.5 / clocks.rate
    coins = np.empty(_TILE, dtype=np.uint32)
    for i in range(count):
        event = first + np.uint64(i)
        w0, w1, w2, w3 = philox4x32(chain, event & _WORD, event >> _32, _0, k0, k1)
        sites[i] = (w0 * places) >> _32
        coins[i] = w3
        waits[i] = w1
        logits[i] = w2
    for i in range(count):
        waits[i] = spread * minus_two_log(waits[i])
        word = logits[i]
        logits[i] = 0.5 * (minus_two_log(4294967295.0 - word) - minus_two_log(word))
    if len(clocks.keep) > 0:
        for i in range(count):
            place = sites[i]
            if coins[i] >= clocks.keep[place]:
                sites[i] = clocks.alias[place]
    for i in range(count):
        sites[i] = clocks.sites[sites[i]]


@kernel
def fire_delayed(spins, line, delay, network, clocks, progress, betas, step0, key0, key1, chain0):
    """Fire until time step0 + len(betas), hearing every p-bit as it was a `delay` ago.

    Parameters
    ----------
    spins : (chains, n) int8, changed in place
    line : Line, changed in place
    delay : float
        In units of τ_N. 0 is an ideal synapse, which uses no line.
    network : Network
    clocks : Clocks
    progress : Progress, changed in place
    betas : (steps,) float64
        β of firings after time step0 + k and until step0 + k + 1.
    key0, key1 : uint32
    chain0 : int
        Absolute number of the first chain.

    Returns
    -------
    bool
        Whether all chains got there. A chain whose line is full stops before its next firing: give it a longer line
        and call again with the same β.
    """
    n_chains = spins.shape[0]
    k0, k1 = np.uint64(key0), np.uint64(key1)
    indptr, indices, weights, h = network.indptr, network.indices, network.weights, network.h
    capacity = line.due.shape[1]
    slot = np.int64(capacity - 1)
    slow = np.int64(delay > 0.0)
    sites = np.empty(_TILE, dtype=np.uint32)
    waits = np.empty(_TILE)
    logits = np.empty(_TILE)
    stop = np.float64(step0 + len(betas))
    all_there = True
    for c in range(n_chains):
        own, way, due = spins[c], line.sites[c], line.due[c]
        heard = line.heard[c] if slow else own
        t, event = progress.clock[c], progress.fired[c]
        sent, arrived = line.sent[c], line.arrived[c]
        step, end, slope = 0, np.float64(step0 + 1), 2.0 * betas[0]
        toggles = reads = 0
        going = True
        while going:
            count = min(_TILE, int(min(clocks.rate * (stop - t), 1e9)) + 4)
            _draw_events(sites, waits, logits, np.uint64(chain0 + c), event, count, clocks, k0, k1)
            for i in range(count):
                now = t + waits[i]
                if now > stop:
                    going = False
                    break
                while arrived < sent and due[arrived & slot] <= now:
                    flipped = way[arrived & slot]
                    heard[flipped] = -heard[flipped]
                    arrived += 1
                if sent - arrived == capacity:
                    all_there = going = False
                    break
                t = now
                event += np.uint64(1)
                while t > end:
                    step += 1
                    end += 1.0
                    slope = 2.0 * betas[step]
                site = sites[i]
                field = h[site]
                for edge in range(indptr[site], indptr[site + 1]):
                    field += weights[edge] * heard[indices[edge]]
                reads += np.int64(indptr[site + 1] - indptr[site])
                spin = np.int8(1) if logits[i] < slope * field else np.int8(-1)
                # Written in any case, so that nothing has to be guessed; kept where the p-bit flipped.
                way[sent & slot] = site
                due[sent & slot] = t + delay
                flips = np.int64(spin != own[site])
                sent += flips & slow
                toggles += flips
                own[site] = spin
        progress.clock[c], progress.fired[c] = t, event
        progress.toggles[c] += toggles
        progress.reads[c] += reads
        line.sent[c], line.arrived[c] = sent, arrived
    return all_there


@kernel
def fire_filtered(spins, filtered, tau, network, clocks, progress, betas, step0, key0, key1, chain0):
    """Fire until time step0 + len(betas), with RC synapses: τ dI_i/dt = Σ_j J_ij s_j + h_i − I_i.

    All synapses share τ, so I_i = Σ_j J_ij x_j + h_i, and a firing takes one exponential. Parameters as in
    `fire_delayed`.

    Parameters
    ----------
    filtered : Filtered, changed in place
    tau : float
        τ_S/τ_N, above 0.
    """
    n_chains = spins.shape[0]
    k0, k1 = np.uint64(key0), np.uint64(key1)
    indptr, indices, weights, h = network.indptr, network.indices, network.weights, network.h
    sites = np.empty(_TILE, dtype=np.uint32)
    waits = np.empty(_TILE)
    logits = np.empty(_TILE)
    stop = np.float64(step0 + len(betas))
    for c in range(n_chains):
        own, rest = spins[c], filtered.rest[c]
        t, event, origin = progress.clock[c], progress.fired[c], filtered.origin[c]
        step, end, slope = 0, np.float64(step0 + 1), 2.0 * betas[0]
        toggles = reads = 0
        going = True
        while going:
            count = min(_TILE, int(min(clocks.rate * (stop - t), 1e9)) + 4)
            _draw_events(sites, waits, logits, np.uint64(chain0 + c), event, count, clocks, k0, k1)
            for i in range(count):
                now = t + waits[i]
                if now > stop:
                    going = False
                    break
                t = now
                event += np.uint64(1)
                while t > end:
                    step += 1
                    end += 1.0
                    slope = 2.0 * betas[step]
                age = (t - origin) / tau
                if age > _FARTHEST:
                    rest *= np.exp(-age)
                    origin, age = t, 0.0
                left = np.exp(-age)
                site = sites[i]
                settled, late = h[site], 0.0
                for edge in range(indptr[site], indptr[site + 1]):
                    settled += weights[edge] * own[indices[edge]]
                    late += weights[edge] * rest[indices[edge]]
                reads += np.int64(indptr[site + 1] - indptr[site])
                spin = np.int8(1) if logits[i] < slope * (settled + left * late) else np.int8(-1)
                change = np.int64(own[site]) - np.int64(spin)
                rest[site] += change / left
                toggles += np.int64(change != 0)
                own[site] = spin
        progress.clock[c], progress.fired[c], filtered.origin[c] = t, event, origin
        progress.toggles[c] += toggles
        progress.reads[c] += reads


@kernel
def flip_together(spins, network, free, offers, betas, step0, key0, key1, chain0):
    """Discrete-time autonomous p-bits: all at once, each flips with probability 1 − exp(−Δ_i e^(−βs_iI_i)).

    Parameters
    ----------
    spins : (n, chains) int8, changed in place
    network : Network
    free : (m,) uint32
        The p-bits that may flip.
    offers : (m,) float64
        Δ_i, the length of the time step in units of each p-bit's own mean time between firings.
    betas : (steps,) float64
    step0 : int
        Absolute number of the first step.
    key0, key1 : uint32
        Philox key; counter (chain // 4, site, step, 0), word chain mod 4 of a decision: flip where
        −ln u < Δ_i e^(−βs_iI_i).
    chain0 : int
        Absolute number of the first chain, a multiple of 4.

    Returns
    -------
    int
        Toggles.
    """
    n_chains = spins.shape[1]
    k0, k1 = np.uint64(key0), np.uint64(key1)
    fresh = np.empty((len(free), n_chains), dtype=np.int8)
    field = np.empty(n_chains)
    toggles = 0
    for t in range(len(betas)):
        for row in range(len(free)):
            site = free[row]
            for c in range(n_chains):
                field[c] = network.h[site]
            for edge in range(network.indptr[site], network.indptr[site + 1]):
                other, weight = network.indices[edge], network.weights[edge]
                for c in range(n_chains):
                    field[c] += weight * spins[other, c]
            for first in range(0, n_chains, 4):
                quad = np.uint64((chain0 + first) // 4)
                words = philox4x32(quad, np.uint64(site), np.uint64(step0 + t), _0, k0, k1)
                for lane in range(min(4, n_chains - first)):
                    c = first + lane
                    spin = spins[site, c]
                    wait = 0.5 * minus_two_log(np.float64(words[lane]))
                    flips = wait < offers[row] * np.exp(-betas[t] * spin * field[c])
                    fresh[row, c] = -spin if flips else spin
                    toggles += flips
        for row in range(len(free)):
            for c in range(n_chains):
                spins[free[row], c] = fresh[row, c]
    return toggles
