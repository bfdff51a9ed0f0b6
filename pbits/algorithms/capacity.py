"""How many random patterns a memory holds on a machine: the measured side of `pbits.problems.capacity`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pbits.ledger import price
from pbits.models.base import read_only
from pbits.problems.hopfield import HopfieldMemory
from pbits.problems.memory import SpinMemory
from pbits.runner import run
from pbits.schedule import Schedule
from pbits.substrate import Substrate

# Of a β that stands for T = 0, in units of n: inputs are multiples of 1/n by Hebb's rule, and the least of them then
# loses against noise once in e^200 updates.
_COLD = 100.0


@dataclass(frozen=True, kw_only=True, eq=False)
class CapacityPoint:
    """Recall at one load.

    Attributes
    ----------
    load : float
        Patterns over spins, α = p/n.
    patterns : int
        p.
    overlap : float
        Mean overlap with the pattern that was asked for, over draws, recalls and memories.
    error : float
        Its standard error, from the scatter between memories; NaN of a single one.
    overlaps : (memories, recalls) array
        Of each recall, over its draws.
    device_time_per_recall_s, joules_per_recall : float or None
        Of the sweeps to settle and to measure; None where the machine states no times or no prices.
    """

    load: float
    patterns: int
    overlap: float
    error: float
    overlaps: NDArray[np.float64]
    device_time_per_recall_s: float | None
    joules_per_recall: float | None


def capacity_curve(
    loads: Sequence[float],
    n: int = 1000,
    *,
    memory: Callable[[NDArray[np.int8]], SpinMemory] = HopfieldMemory,
    machine: str | Path | Substrate = "ideal",
    temperature: float = 0.0,
    corruption: float = 0.0,
    memories: int = 4,
    recalls: int = 4,
    sweeps: int = 50,
    draws: int = 10,
    seed: int,
) -> tuple[CapacityPoint, ...]:
    """Store random patterns, start at some of them, and see what is left of them when the machine has settled.

    Parameters
    ----------
    loads : sequence of float
        Patterns over spins; p is rounded to at least 1.
    n : int
        Spins.
    memory : function
        From patterns (p, n) to a memory: `HopfieldMemory`, or a lambda that names a rule or an order.
    machine : str, path or Substrate
    temperature : float
        T = 1/β. At 0 β is 100 n, which a machine that stores βJ in few bits does not hold: give it a T it can.
    corruption : float
        Share of the spins that are flipped in a cue.
    memories : int
        Sets of patterns at each load.
    recalls : int
        Of different patterns in each memory, as chains of one run; at most p.
    sweeps, draws : int
        To settle, and after that, one sweep apart, to measure.
    seed : int
        Of patterns, cues and runs. Point k is the same whatever other loads are asked for after it.

    Returns
    -------
    tuple of CapacityPoint

    Raises
    ------
    ValueError
        For a load or a temperature out of range, or fewer than one spin, memory or recall; and as `run`.

    Notes
    -----
    Near the critical load a finite memory rounds off what theory draws as a jump, and settles slowly.

    Examples
    --------
    >>> low, high = capacity_curve([0.02, 0.3], n=200, memories=2, seed=1)
    >>> low.overlap > 0.99, high.overlap < 0.6
    (True, True)
    """
    for name, value, least in (("n", n, 1), ("memories", memories, 1), ("recalls", recalls, 1)):
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}")
    if not all(math.isfinite(load) and load > 0 for load in loads):
        raise ValueError(f"loads are {list(loads)}; each must be positive and finite")
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"temperature is {temperature}; it must be finite and at least 0")
    beta = 1 / temperature if temperature else _COLD * n
    seeds = np.random.SeedSequence(seed).spawn(len(loads))
    points = []
    for load, of_load in zip(loads, seeds):
        p = max(1, round(load * n))
        chains = min(recalls, p)
        schedule = Schedule(n_warmup=sweeps, n_samples=draws, beta=beta, chains=chains)
        overlaps = np.empty((memories, chains))
        seconds: list[float | None] = []
        joules: list[float | None] = []
        for row, of_memory in zip(overlaps, of_load.spawn(memories)):
            rng = np.random.default_rng(of_memory)
            held = memory(rng.choice(np.array([-1, 1], dtype=np.int8), (p, n)))
            cues = np.stack([held.corrupt(k, corruption, int(rng.integers(2**32))) for k in range(chains)])
            done = run(held, machine, schedule, seed=int(rng.integers(2**32)), initial=cues, judge=False)
            row[:] = np.einsum("cdi,ci->c", done.states, held.patterns[:chains], dtype=np.float64) / (draws * n)
            seconds.append(done.device_time_s)
            joules.append(price(done).joules)
        of_each = overlaps.mean(axis=1)
        points.append(
            CapacityPoint(
                load=p / n,
                patterns=p,
                overlap=float(of_each.mean()),
                error=float(of_each.std(ddof=1)) / math.sqrt(memories) if memories > 1 else math.nan,
                overlaps=read_only(overlaps),
                device_time_per_recall_s=_per_recall(seconds, chains),
                joules_per_recall=_per_recall(joules, chains),
            )
        )
    return tuple(points)


def _per_recall(totals: Sequence[float | None], chains: int) -> float | None:
    known = [total for total in totals if total is not None]
    return sum(known) / (len(totals) * chains) if len(known) == len(totals) else None
