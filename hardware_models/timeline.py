"""Device time: what a machine, its host and the link between them do, one after another.

One SimPy event per block of work, never per p-bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import simpy


@dataclass(frozen=True, kw_only=True)
class Work:
    """A block of equal pieces of work: `repeat` pieces of `seconds` each (None: not stated)."""

    phase: str
    seconds: float | None
    repeat: int = 1


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """When a machine was done.

    Attributes
    ----------
    device_time_s : float, optional
        None when a piece of work that was done has no stated duration.
    phases : dict
        Seconds by phase of work; None for a phase of unstated duration.
    """

    device_time_s: float | None
    phases: dict[str, float | None]


def play(works: Iterable[Work]) -> Timeline:
    """Play blocks of work in order on one machine."""
    environment = simpy.Environment()
    phases: dict[str, float | None] = {}

    def machine() -> Iterator[simpy.Event]:
        for work in works:
            if work.repeat == 0:
                continue
            spent = None if work.seconds is None else work.seconds * work.repeat
            yield environment.timeout(spent or 0.0)
            known = phases.get(work.phase, 0.0)
            phases[work.phase] = None if known is None or spent is None else known + spent

    environment.process(machine())
    environment.run()
    unknown = any(seconds is None for seconds in phases.values())
    return Timeline(device_time_s=None if unknown else float(environment.now), phases=phases)
