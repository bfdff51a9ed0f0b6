"""p-bits without a clock, in plain Python: every flip is remembered, and every input worked out from its definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbits.models import DirectedModel, IsingModel
from pbits.reference.twins import Key, philox, uniform

Network = IsingModel | DirectedModel


class Flip(NamedTuple):
    """At `moment` a p-bit became `spin`."""

    moment: float
    spin: int


@dataclass(frozen=True, kw_only=True)
class Firings:
    """What chains did; `toggles` and `reads` are (chains,) as the number of `events` is."""

    events: NDArray[np.int64]
    toggles: NDArray[np.int64]
    reads: NDArray[np.int64]


def fire(
    spins: NDArray[np.int8],
    model: Network,
    betas: Sequence[float],
    key: Key,
    *,
    synapse: str = "instant",
    s: float = 0.0,
    sites: Sequence[int] | None = None,
    rate: float | None = None,
    table: tuple[NDArray, NDArray] | None = None,
    chain0: int = 0,
) -> Firings:
    """Twin of the Poisson kernels of `pbits.kernels.events`, from time 0; changes `spins` (chains, n).

    Parameters
    ----------
    betas : (steps,)
        β of each τ_N.
    synapse : {"instant", "delay", "rc"}
        I_i of p-bit i is Σ_j J_ij s_j(t) + h_i, or has s_j(t − s), or the low-pass filtered s_j of time constant s.
    sites : the p-bits that fire; all when absent
    rate : all their firings per τ_N; their number when absent
    table : keep and alias of each, where rates are unequal
    """
    J, h = model.csr.toarray(), model.h
    sites = range(model.n) if sites is None else sites
    rate = len(sites) if rate is None else rate
    events, toggles, reads = (np.zeros(len(spins), dtype=np.int64) for _ in range(3))
    for c, state in enumerate(spins):
        past = [[Flip(-math.inf, int(spin))] for spin in state]
        now = 0.0
        for event in count():
            words = philox((chain0 + c, event % 2**32, event // 2**32, 0), key)
            now += -math.log((words[1] + 0.5) / 2**32) / rate
            if now > len(betas):
                break
            place = words[0] * len(sites) // 2**32
            if table is not None and words[3] >= table[0][place]:
                place = int(table[1][place])
            site = sites[place]
            field = h[site] + sum(J[site, j] * _heard(past[j], now, synapse, s) for j in np.flatnonzero(J[site]))
            beta = betas[math.ceil(now) - 1]
            u = (words[2] + 0.5) / 2**32
            spin = 1 if math.log(u / (1 - u)) < 2 * beta * field else -1
            events[c] += 1
            toggles[c] += spin != state[site]
            reads[c] += np.count_nonzero(J[site])
            if spin != state[site]:
                past[site].append(Flip(now, spin))
                state[site] = spin
    return Firings(events=events, toggles=toggles, reads=reads)


def _heard(past: list[Flip], now: float, synapse: str, s: float) -> float:
    """What a synapse makes of a p-bit's past."""
    if synapse == "instant":
        return past[-1].spin
    if synapse == "delay":
        return next(flip.spin for flip in reversed(past) if flip.moment + s <= now)
    if synapse == "rc":
        # ∫ s(t') e^{−(t − t')/τ} dt'/τ, stretch by stretch.
        ends = [*(flip.moment for flip in past[1:]), now]
        return sum(
            flip.spin * (math.exp((end - now) / s) - math.exp((flip.moment - now) / s)) for flip, end in zip(past, ends)
        )
    raise ValueError(f"synapse is {synapse!r}; it must be one of instant, delay, rc")


def flip_together(
    spins: NDArray[np.int8],
    model: Network,
    offers: Sequence[float],
    betas: Sequence[float],
    key: Key,
    *,
    free: Sequence[int] | None = None,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of `pbits.kernels.events.flip_together`; changes `spins` (n, chains), returns the toggles."""
    J, h = model.csr.toarray(), model.h
    toggles = 0
    for t, beta in enumerate(betas):
        before = spins.copy()
        for offer, site in zip(offers, range(model.n) if free is None else free):
            for chain in range(spins.shape[1]):
                old = before[site, chain]
                field = float(J[site] @ before[:, chain] + h[site])
                stays = math.exp(-offer * math.exp(-beta * old * field))
                if uniform(key, chain0 + chain, site, step0 + t) > stays:
                    spins[site, chain] = -old
        toggles += int((spins != before).sum())
    return toggles
