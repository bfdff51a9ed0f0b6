"""Rates on a machine that is shared: two lengths of the same work, tools taking turns, medians."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tools import Outcome, Tool, Work

MOST_SWEEPS = 1_000_000
# Below this share of a processor per thread, something else was running, or the tool was waiting.
BUSY = 0.85


@dataclass(kw_only=True)
class Entrant:
    """A tool, its work, and the clock readings of that work.

    Attributes
    ----------
    short, long : Work
        The same work over fewer and over more sweeps; what both have in common is set-up.
    wall_s, cpu_s : list of (short, long)
        One pair a round, from clocks of the wall and of all threads of this process.
    build_s : float
        Converting the instance to what the tool takes.
    clock : {"wall", "cpu"}
        Which clock rates are told by; processor time leaves out what others take of a shared machine, and tells
        nothing of several threads, whose rates are by the wall in any case.
    """

    tool: Tool
    short: Work
    long: Work
    build_s: float = 0.0
    clock: str = "wall"
    updates: tuple[float, float] = (0.0, 0.0)
    wall_s: list[tuple[float, float]] = field(default_factory=list)
    cpu_s: list[tuple[float, float]] = field(default_factory=list)
    layout: str = ""

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Readings that rates are told by, (rounds, 2)."""
        return np.array(self.cpu_s if self.clock == "cpu" and self.long.threads == 1 else self.wall_s)

    @property
    def marginal(self) -> float | None:
        """Updates per nanosecond of the sweeps alone: more updates over the median of more seconds."""
        more = float(np.median(np.diff(self.seconds, axis=1)))
        return (self.updates[1] - self.updates[0]) / more / 1e9 if more > 0 else None

    @property
    def call(self) -> float:
        """Updates per nanosecond of the whole longer call."""
        return self.updates[1] / float(np.median(self.seconds[:, 1])) / 1e9

    @property
    def cpu_per_wall(self) -> float:
        """Processors in use, over all of it."""
        return float(np.sum(self.cpu_s) / np.sum(self.wall_s))

    @property
    def noisy(self) -> bool:
        return self.cpu_per_wall < BUSY * self.long.threads

    def to_dict(self) -> dict[str, Any]:
        work = self.long
        ours = self.tool.module == "pbits"
        return {
            "tool": self.tool.name,
            "counted": self.tool.counted,
            "schedule": work.schedule,
            "rule": work.rule if ours else self.tool.rule,
            "chains": work.chains,
            "threads": work.threads,
            "asked_layout": work.layout if ours else None,
            "layout": self.layout or None,
            "threshold_bits": work.threshold_bits if ours else None,
            "energies": work.energies if ours else None,
            "sweeps": [self.short.sweeps, work.sweeps],
            "updates": list(self.updates),
            "wall_s": [list(pair) for pair in self.wall_s],
            "cpu_s": [list(pair) for pair in self.cpu_s],
            "build_s": self.build_s,
            "clock": self.clock,
            "marginal_per_ns": self.marginal,
            "call_per_ns": self.call,
            "cpu_per_wall": self.cpu_per_wall,
            "noisy": self.noisy,
        }


def enter(tool: Tool, work: Work, seconds: float, build_s: float = 0.0) -> Entrant:
    """Find the number of sweeps that takes about `seconds`, compiling on the way.

    The first call, which may compile, is not looked at; the time of one sweep is taken as set-up. Sweeps take no
    less than set-up does, in which they would drown, up to ten times `seconds`.
    """
    _timed(tool, work.of(1))
    setup = min(_busy(tool, work.of(1)) for _ in range(2))
    seconds = max(seconds, min(setup, 10 * seconds))
    sweeps = 2
    while (more := _busy(tool, work.of(sweeps)) - setup) < seconds / 2 and sweeps < MOST_SWEEPS:
        sweeps = min(MOST_SWEEPS, sweeps * int(np.clip(0.7 * seconds / max(more, 1e-5), 2, 16)))
    long = int(np.clip(sweeps * seconds / max(more, 1e-5), 5, MOST_SWEEPS))
    short = max(1, long // 5)
    entrant = Entrant(tool=tool, short=work.of(short), long=work.of(long), build_s=build_s)
    # For those that compile for each number of sweeps.
    _timed(tool, entrant.short)
    _, _, outcome = _timed(tool, entrant.long)
    entrant.layout = outcome.layout
    return entrant


def race(entrants: Sequence[Entrant], rounds: int, tick: Callable[[], None] = lambda: None) -> None:
    """Time all entrants in turn, `rounds` times: A B C A B C …"""
    for count in range(rounds):
        gc.collect()
        for entrant in entrants:
            readings = [_timed(entrant.tool, work, seed=count) for work in (entrant.short, entrant.long)]
            (wall_a, cpu_a, a), (wall_b, cpu_b, b) = readings
            entrant.updates = (a.updates, b.updates)
            entrant.wall_s.append((wall_a, wall_b))
            entrant.cpu_s.append((cpu_a, cpu_b))
            tick()


def _busy(tool: Tool, work: Work) -> float:
    """Processor seconds: being put aside must not shorten what is measured later."""
    if tool.compiles_lengths:
        tool.run(work, 1)
    return _timed(tool, work)[1] / work.threads


def _timed(tool: Tool, work: Work, seed: int = 0) -> tuple[float, float, Outcome]:
    gc.disable()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        outcome = tool.run(work, 1 + seed)
        return time.perf_counter() - wall, time.process_time() - cpu, outcome
    finally:
        gc.enable()
