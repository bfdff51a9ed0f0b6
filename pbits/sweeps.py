"""Heat-bath chains on a sparse Ising model: the dispatcher between machines and kernels.

Machines say in which order their sites move (`Scan`) and which model they hold at each β; this module owns the
states, the threads, the chunking and the observation, so that no machine repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import ising
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.kernels.philox import uniforms
from pbits.models import IsingModel
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Observer

RANDOM_BITS_PER_UPDATE = 32
WORTH_A_THREAD = 20_000


@dataclass(frozen=True, kw_only=True)
class Scan:
    """In which order sites move.

    Attributes
    ----------
    phases : sequence of arrays, or None
        Groups of sites; a group sees the state before it. None is a random scan: as many updates per step as
        there are free sites, each at a site drawn uniformly.
    persistence : float
        ρ = e^(−Δt/τ) of a lazy two-state cell; 0 is plain heat bath, and all that a random scan knows.

    Raises
    ------
    ValueError
        For a persistence outside [0, 1), or one of a random scan.
    """

    phases: Sequence[NDArray[np.int64]] | None
    persistence: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.persistence < 1:
            raise ValueError(f"persistence is {self.persistence}; it must be at least 0 and below 1")
        if self.phases is None and self.persistence:
            raise ValueError("a random scan knows no persistence; give the phases in which cells move")

    def without(self, clamped: NDArray[np.int64]) -> Scan:
        """The same scan with the clamped sites left out."""
        if self.phases is None:
            return self
        free = [np.setdiff1d(phase, clamped, assume_unique=True) for phase in self.phases]
        return Scan(phases=[phase for phase in free if len(phase)], persistence=self.persistence)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the chains did, over all chains."""

    steps: int
    updates: int
    toggles: int
    layout: str


def initial_spins(
    n: int, chains: int, streams: Streams, initial: NDArray | None, clamp: Mapping[int, float]
) -> NDArray[np.int8]:
    """Start states (n, chains): as given, or uniform from the INITIAL stream; clamped sites set."""
    spins = np.empty((n, chains), dtype=np.int8)
    if initial is None:
        u = np.empty((n, chains))
        uniforms(u, *streams.key(Stream.INITIAL), 0, 0, 0)
        spins[:] = np.where(u < 0.5, 1, -1)
    else:
        spins[:] = np.broadcast_to(initial, (chains, n)).T
    for site, value in clamp.items():
        spins[site] = value
    return spins


def heat_bath(
    realised: Callable[[float], IsingModel],
    scan: Scan,
    schedule: Schedule,
    streams: Streams,
    initial: NDArray | None,
    observe: Observer,
    clamp: Mapping[int, float],
) -> Tally:
    """Run every chain of a schedule, observing as the schedule says.

    Parameters
    ----------
    realised : callable
        The model held at a β. It may return one and the same object for every β.
    scan : Scan
    initial : (n,) or (chains, n) array, optional
    clamp : mapping
        Sites held fixed, and at what.

    Returns
    -------
    Tally
    """
    betas = schedule.betas()
    n = realised(float(betas[0])).n
    clamped = np.array(sorted(clamp), dtype=np.int64)
    free = np.setdiff1d(np.arange(n), clamped)
    scan = scan.without(clamped)
    spins = initial_spins(n, schedule.chains, streams, initial, clamp)
    observed = schedule.observed_steps()
    # Handing work to a thread costs as much as some thousand updates.
    updates = n * schedule.chains * schedule.total_steps / len(observed)
    workers = threads() if updates >= WORTH_A_THREAD else 1
    blocks = list(chain_blocks(schedule.chains, workers))
    parts = [np.ascontiguousarray(spins[:, block]) for block in blocks]
    advance = _random(free, streams) if scan.phases is None else _phased(scan, streams)
    done = toggles = 0
    with Pool(min(workers, len(blocks))) as pool:
        for step in observed:
            for start, stop in _plateaus(betas, done, int(step)):
                held = realised(float(betas[start]))
                chunk = betas[start:stop]

                def work(k: int, held=held, chunk=chunk, start=start) -> int:
                    return advance(parts[k], held, chunk, blocks[k].start, start)

                toggles += sum(pool.map(work, len(blocks)))
            done = int(step)
            if observe(done, np.concatenate(parts, axis=1).T):
                break
    return Tally(
        steps=done,
        updates=done * len(free) * schedule.chains,
        toggles=toggles,
        layout="CSR, chains side by side (float64 fields, 32-bit decisions)",
    )


def _plateaus(betas: NDArray[np.float64], start: int, stop: int) -> list[tuple[int, int]]:
    """Stretches of one β inside steps start … stop."""
    if start == stop:
        return []
    changes = start + 1 + np.flatnonzero(np.diff(betas[start:stop]))
    edges = [start, *changes.tolist(), stop]
    return list(pairwise(edges))


def _phased(scan: Scan, streams: Streams) -> Callable[..., int]:
    phases = scan.phases or []
    ends = np.cumsum([0, *(len(phase) for phase in phases)]).astype(np.int64)
    sites = np.concatenate([*phases, np.empty(0, dtype=np.int64)]).astype(np.int64)
    key = streams.key(Stream.THERMAL)

    def advance(part: NDArray, held: IsingModel, betas: NDArray, chain0: int, step0: int) -> int:
        csr = held.csr
        return ising.sweep_phases(
            part, csr.indptr, csr.indices, csr.data, held.h, ends, sites, betas,
            scan.persistence, *key, chain0, step0,
        )  # fmt: skip

    return advance


def _random(free: NDArray[np.int64], streams: Streams) -> Callable[..., int]:
    key, site_key = streams.key(Stream.THERMAL), streams.key(Stream.SITE)

    def advance(part: NDArray, held: IsingModel, betas: NDArray, chain0: int, step0: int) -> int:
        csr = held.csr
        return ising.sweep_random(
            part, csr.indptr, csr.indices, csr.data, held.h, free, betas,
            *key, *site_key, chain0, step0,
        )  # fmt: skip

    return advance
