"""Device time: what a machine, its host and the link between them do, one after another.

One SimPy event per block of work, never per p-bit.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import simpy

from pbits.parameters import Figure


@dataclass(frozen=True, kw_only=True)
class Work:
    """A block of equal pieces of work: `repeat` pieces of `seconds` each (None: not stated)."""

    phase: str
    seconds: Figure | float | None
    repeat: int = 1


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """When a machine was done.

    Attributes
    ----------
    spent : dict
        A `Figure` of the seconds of each phase of work; unknown for a phase of unstated duration.
    """

    spent: dict[str, Figure]

    @property
    def device_time(self) -> Figure:
        """All phases together; unknown where one of them is."""
        return sum(self.spent.values(), Figure.of(0.0))

    @property
    def device_time_s(self) -> float | None:
        """The value of `device_time`."""
        return self.device_time.value

    @property
    def phases(self) -> dict[str, float | None]:
        """Seconds by phase of work; None for a phase of unstated duration."""
        return {phase: figure.value for phase, figure in self.spent.items()}

    def rest(self, phase: str) -> Figure:
        """Everything but one phase."""
        return sum((figure for name, figure in self.spent.items() if name != phase), Figure.of(0.0))


def play(works: Iterable[Work]) -> Timeline:
    """Play blocks of work in order on one machine."""
    environment = simpy.Environment()
    spent: dict[str, Figure] = {}

    def machine() -> Generator[simpy.Event, Any, None]:
        for work in works:
            if work.repeat == 0:
                continue
            block = Figure.of(work.seconds) * work.repeat
            yield environment.timeout(block.value or 0.0)
            spent[work.phase] = block if work.phase not in spent else spent[work.phase] + block

    environment.process(machine())
    environment.run()
    return Timeline(spent=spent)
