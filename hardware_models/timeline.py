"""Device time: what a machine, its host and the link between them do in turn, and what chips send one another.

One SimPy event per block of work or transfer, never per p-bit.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
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


@dataclass(frozen=True, kw_only=True)
class Link:
    """Wires between two chips, as many in each direction.

    Attributes
    ----------
    bits : int
        That a clock carries in each direction.
    clock_hz : float
    latency_s : float
        From the end of a transfer at one chip to its use at the other; the next transfer need not wait for it.

    Raises
    ------
    ValueError
        For a link that would never deliver: no wires, no clock, or an endless latency.
    """

    bits: int
    clock_hz: float
    latency_s: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.bits, Integral) or isinstance(self.bits, bool) or self.bits < 1:
            raise ValueError(f"a link carries {self.bits!r} bits a clock; it needs a whole number of at least 1")
        if not (math.isfinite(self.clock_hz) and self.clock_hz > 0):
            raise ValueError(f"a link has a clock of {self.clock_hz} Hz; it must be positive and finite")
        if not (math.isfinite(self.latency_s) and self.latency_s >= 0):
            raise ValueError(f"a link has a latency of {self.latency_s} s; it must be at least 0 and finite")

    def busy_s(self, bits: int) -> float:
        """How long it sends: whole clocks."""
        return -(-bits // self.bits) / self.clock_hz


Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One round in which every chip tells the others what they need.

    Attributes
    ----------
    seconds : float
        Until the last transfer has arrived; 0 where there was nothing to send.
    arrivals : dict
        Seconds by (from, to).
    link_bits : int
        Sent over links: a transfer counts once for each link on its way.
    """

    seconds: float
    arrivals: dict[Pair, float]
    link_bits: int


def exchange(transfers: Mapping[Pair, int], links: Mapping[Pair, Link]) -> Exchange:
    """Send all transfers at once, each whole from chip to chip along the fewest links.

    Where two transfers need one direction of one link, the one that asked first goes first, and of those that ask at
    one time the one that comes first in `transfers`.

    Parameters
    ----------
    transfers : mapping
        Bits by (from, to); those of no bits are left out.
    links : mapping
        By (a, b), for both directions.

    Raises
    ------
    ValueError
        Where chips that need one another have no way between them.
    """
    wires = {pair: link for (a, b), link in links.items() for pair, link in (((a, b), link), ((b, a), link))}
    environment = simpy.Environment()
    turns = {pair: simpy.Resource(environment) for pair in wires}
    arrivals: dict[Pair, float] = {}

    def transfer(ends: Pair, way: list[Pair], bits: int) -> Generator[simpy.Event, Any, None]:
        for hop in way:
            with turns[hop].request() as turn:
                yield turn
                yield environment.timeout(wires[hop].busy_s(bits))
            yield environment.timeout(wires[hop].latency_s)
        arrivals[ends] = environment.now

    link_bits = 0
    for ends, bits in transfers.items():
        if bits:
            way = _way(ends, wires)
            link_bits += bits * len(way)
            environment.process(transfer(ends, way, bits))
    environment.run()
    return Exchange(seconds=max(arrivals.values(), default=0.0), arrivals=arrivals, link_bits=link_bits)


def _way(ends: Pair, wires: Iterable[Pair]) -> list[Pair]:
    """Links along a shortest way, by breadth-first search; of several, by the lowest chips."""
    start, goal = ends
    near: dict[int, list[int]] = {}
    for a, b in sorted(wires):
        near.setdefault(a, []).append(b)
    before, waiting = {start: start}, deque([start])
    while waiting and goal not in before:
        chip = waiting.popleft()
        for other in near.get(chip, []):
            if other not in before:
                before[other] = chip
                waiting.append(other)
    if goal not in before:
        raise ValueError(f"chip {start} has spins that chip {goal} needs, and no links lead there")
    way = []
    while goal != start:
        way.append((before[goal], goal))
        goal = before[goal]
    return way[::-1]
