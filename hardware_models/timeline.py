"""Device time: what a machine, its host and the link between them do when, and what chips send one another.

One SimPy event per block of work or transfer, never per p-bit. Work that repeats is played until the state of all
lanes comes back; from there on every turn is the one before it, later by a period, so the rest need not be played.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal

import numpy as np
import simpy
from numpy.typing import NDArray

from pbits.parameters import Evidence, Figure

#: The lane of each phase of work. Cells are programmed or sample, in turn, and hand their frame on to the read-out,
#: which hands it on to the host link.
LANES = {
    **{"programming": "programming", "start states": "programming"},
    **{"warm-up": "sampling", "sweeping": "sampling", "sampling": "sampling"},
    **{"read-out": "read-out", "transfer": "transfer"},
}
_STATIONS = ("read-out", "transfer")
# So many turns of a cycle are shown one by one, and of a cycle that holds cycles; then the rest at once, and the last.
_SHOWN, _SHOWN_WHOLE = 8, 2


@dataclass(frozen=True, kw_only=True)
class Work:
    """A block of equal pieces of work: `repeat` pieces of `seconds` each (None: not stated).

    Parameters
    ----------
    phase : str
        One of `LANES`.
    shown_as : str, optional
        What pictures call it, where that is finer than the phase.

    Raises
    ------
    ValueError
        For a phase that has no lane, seconds that are not finite and at least 0, or a repeat below 0.
    """

    phase: str
    seconds: Figure | float | None
    repeat: int = 1
    shown_as: str | None = None

    def __post_init__(self) -> None:
        if self.phase not in LANES:
            raise ValueError(f"phase is {self.phase!r}; it must be one of {', '.join(LANES)}")
        seconds = Figure.of(self.seconds).value
        if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{self.phase} takes {seconds} s; it must be finite and at least 0, or None if not stated")
        _check_repeat(self.repeat)

    @property
    def lane(self) -> str:
        """Where it is done."""
        return LANES[self.phase]


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Work that is done over and over, in order."""

    works: Plan
    repeat: int

    def __post_init__(self) -> None:
        _check_repeat(self.repeat)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Work in an order that is not told; none of it overlaps."""

    works: Sequence[Work]


Plan = Sequence[Work | Cycle | Mix]


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of device time in one lane.

    Attributes
    ----------
    lane, phase : str
    start_s, end_s : float
    busy_s : float
        Less than its length where it stands for many pieces with waiting between them.
    pieces : int
        That began in it.
    """

    lane: str
    phase: str
    start_s: float
    end_s: float
    busy_s: float
    pieces: int


@dataclass(frozen=True, kw_only=True)
class Lane:
    """What is done in one lane.

    Attributes
    ----------
    busy : Figure
        Seconds.
    pieces : int
    saves_s : float or None
        Device seconds that would be saved were all of it free; None where a duration is not stated.
    """

    busy: Figure
    pieces: int
    saves_s: float | None


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What a machine did when, and when it was done.

    Attributes
    ----------
    spent : dict
        A `Figure` of the seconds of each phase of work; unknown for a phase of unstated duration. Where lanes overlap
        they are more together than the device time.
    device_time : Figure
        Unknown where a duration is. Its ends are those of a machine whose durations are all at the low, or at the
        high, end of their ranges.
    idle : Figure
        Device seconds in which nothing is sampled.
    lanes : dict
        A `Lane` for each that did anything.
    spans : tuple of Span
        In the order in which they began. Empty where a duration is not stated.
    frame_s : dict
        Seconds by lane that one frame takes, of the frames that repeat most; empty where none is handed on.
    buffers : int
    """

    spent: dict[str, Figure]
    device_time: Figure
    idle: Figure
    lanes: dict[str, Lane]
    spans: tuple[Span, ...]
    frame_s: dict[str, float]
    buffers: int

    @property
    def device_time_s(self) -> float | None:
        """The value of `device_time`."""
        return self.device_time.value

    @property
    def phases(self) -> dict[str, float | None]:
        """Seconds by phase of work; None for a phase of unstated duration."""
        return {phase: figure.value for phase, figure in self.spent.items()}

    @property
    def active(self) -> Figure:
        """Device seconds in which something is sampled."""
        return self.lanes["sampling"].busy if "sampling" in self.lanes else Figure.of(0.0)

    @property
    def utilisation(self) -> dict[str, float | None]:
        """Share of the device time in which each lane is busy; None where either is not known, or there is none."""
        total = self.device_time_s
        return {
            name: None if not total or lane.busy.value is None else lane.busy.value / total
            for name, lane in self.lanes.items()
        }

    @property
    def bottleneck(self) -> str | None:
        """The lane that is busy for most of the device time; None where nothing takes time, or too little is known."""
        shares = {name: share for name, share in self.utilisation.items() if share is not None}
        return max(shares, key=lambda name: shares[name], default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the record of a run and for reports."""
        shares = self.utilisation
        return {
            "buffers": self.buffers,
            "device_time_s": self.device_time_s,
            "bottleneck": self.bottleneck,
            "lanes": {
                name: {
                    "busy_s": lane.busy.value,
                    "share": shares[name],
                    "pieces": lane.pieces,
                    "saves_s": lane.saves_s,
                }
                for name, lane in self.lanes.items()
            },
            "frame_s": dict(self.frame_s),
            "spans": [dict(vars(span)) for span in self.spans],
        }


def _check_repeat(repeat: int) -> None:
    if not isinstance(repeat, Integral) or repeat < 0:
        raise ValueError(f"repeat is {repeat!r}; work is done a whole number of times, at least 0")


def course(
    *,
    steps: int,
    looks: NDArray[np.int64],
    changes: NDArray[np.int64],
    warmup: int,
    sweep: Work,
    warm: Work,
    change: Work,
    frame: Sequence[Work],
) -> Plan:
    """The plan of a run of sweeps with looks and programmings on the way.

    Parameters
    ----------
    steps : int
        Sweeps in all.
    looks : (k,) int
        After how many sweeps a frame is handed on, rising.
    changes : (m,) int
        After how many sweeps there is a programming, rising.
    warmup : int
        Sweeps of warm-up, which come first.
    sweep, warm, change : Work
        One sweep, one of warm-up, one programming.
    frame : sequence of Work
        The way of a frame.

    Examples
    --------
    >>> sweep, read = Work(phase="sweeping", seconds=1.0), Work(phase="read-out", seconds=2.0)
    >>> none = np.array([], dtype=np.int64)
    >>> plan = course(
    ...     steps=9, looks=np.array([3, 6, 9]), changes=none, warmup=0,
    ...     sweep=sweep, warm=sweep, change=sweep, frame=[read],
    ... )
    >>> [(cycle.repeat, [work.repeat for work in cycle.works]) for cycle in plan]
    [(3, [3, 1])]
    """
    seen = looks[looks <= steps]
    # Millions of looks would be long in sorting, and they rise already.
    ends = seen if len(seen) and seen[-1] == steps else np.append(seen, steps).astype(np.int64)
    begins = np.concatenate([[0], ends[:-1]])
    warms = np.clip(np.minimum(ends, warmup) - begins, 0, None)
    changings = np.searchsorted(changes, ends) - np.searchsorted(changes, begins)
    rows = np.stack([changings, warms, ends - begins - warms, np.arange(len(ends)) < len(seen)], axis=1)
    first = np.flatnonzero(np.append(True, (np.diff(rows, axis=0) != 0).any(axis=1)))
    plan: list[Cycle] = []
    for row, repeat in zip(rows[first].tolist(), np.diff(np.append(first, len(rows))).tolist()):
        *counts, looked = row
        works = [
            replace(work, repeat=work.repeat * count) for work, count in zip((change, warm, sweep), counts) if count
        ]
        # Which sweeps lie between several programmings is not told.
        stretch: Plan = [Mix(works=works)] if counts[0] > 1 else works
        plan.append(Cycle(works=[*stretch, *(frame if looked else ())], repeat=repeat))
    return plan


def play(plan: Plan, *, buffers: int = 1) -> Timeline:
    """Play a plan on one machine.

    With one buffer all is done in turn: the cells stand still until their frame is read and has reached the host. With
    two, the cells, the read-out and the link each hold a frame: one is handed on as soon as the next of them is free,
    which takes no time, and the cells go on at once. They are programmed when they have handed on their frame.

    Parameters
    ----------
    plan : sequence of Work, Cycle and Mix
        In order. A frame is handed on by a read-out, which a transfer may follow.
    buffers : {1, 2}

    Examples
    --------
    >>> frame = [Work(phase="sweeping", seconds=1.0), Work(phase="read-out", seconds=3.0)]
    >>> [play([Cycle(works=frame, repeat=100)], buffers=buffers).device_time_s for buffers in (1, 2)]
    [400.0, 301.0]
    """
    spent, lanes = _totals(plan)
    together = sum(spent.values(), Figure.of(0.0))
    idle = sum((figure for phase, figure in spent.items() if LANES[phase] != "sampling"), Figure.of(0.0))
    saves: dict[str, float | None] = {name: busy.value for name, (busy, _) in lanes.items()}
    spans: tuple[Span, ...] = ()
    if together.value is None:
        saves = dict.fromkeys(lanes)
    else:
        whole = _Replay(plan, buffers, _at("value"), shown=True)
        spans = whole.spans()
        if buffers > 1:
            together, idle = _overlapped(plan, buffers, together.evidence)
            saves = {
                name: whole.device_time_s - _Replay(plan, buffers, _at("value", free=name)).device_time_s
                for name in lanes
            }
    return Timeline(
        spent=spent,
        device_time=together,
        idle=idle,
        lanes={name: Lane(busy=busy, pieces=pieces, saves_s=saves[name]) for name, (busy, pieces) in lanes.items()},
        spans=spans,
        frame_s=_frame(plan) if spans else {},
        buffers=buffers,
    )


def _leaves(plan: Plan, times: int = 1) -> Iterator[tuple[Work, int]]:
    """Every work that is done, and how many pieces of it."""
    for item in plan:
        if isinstance(item, Work):
            if item.repeat * times:
                yield item, int(item.repeat * times)
        else:
            yield from _leaves(item.works, times * item.repeat if isinstance(item, Cycle) else times)


def _totals(plan: Plan) -> tuple[dict[str, Figure], dict[str, tuple[Figure, int]]]:
    """Seconds by phase; seconds and pieces by lane."""
    counts: Counter[tuple[str, Figure]] = Counter()
    for work, pieces in _leaves(plan):
        counts[work.phase, Figure.of(work.seconds)] += pieces
    spent: dict[str, Figure] = {}
    lanes: dict[str, tuple[Figure, int]] = {}
    for (phase, seconds), pieces in counts.items():
        block = seconds * pieces
        spent[phase] = spent[phase] + block if phase in spent else block
        before, done = lanes.get(LANES[phase], (Figure.of(0.0), 0))
        lanes[LANES[phase]] = (before + block, done + pieces)
    return spent, lanes


def _frame(plan: Plan) -> dict[str, float]:
    """Seconds by lane of the cycle that hands on most frames."""
    found: dict[str, float] = {}
    most = 0

    def search(works: Plan, times: int) -> None:
        nonlocal found, most
        if times > most and any(isinstance(item, Work) and item.lane in _STATIONS for item in works):
            found, most = {}, times
            for work, pieces in _leaves([item for item in works if not isinstance(item, Cycle)]):
                found[work.lane] = found.get(work.lane, 0.0) + (Figure.of(work.seconds).value or 0.0) * pieces
        for item in works:
            if isinstance(item, Cycle):
                search(item.works, times * item.repeat)

    search(plan, 1)
    return found


_End = Literal["value", "low", "high"]


def _at(end: _End, sampling: _End | None = None, free: str | None = None) -> Callable[[Work], float]:
    """Durations at one end of their ranges, those of sampling at another, those of one lane nought."""

    def seconds(work: Work) -> float:
        if work.lane == free:
            return 0.0
        return getattr(Figure.of(work.seconds), sampling if sampling and work.lane == "sampling" else end)

    return seconds


def _overlapped(plan: Plan, buffers: int, evidence: Evidence | None) -> tuple[Figure, Figure]:
    """Device time and idle time, with their ranges.

    No duration can shorten the device time by growing, so its ends are where all durations are at theirs. The wait for
    other lanes falls where sampling takes longer, so the ends of the idle time are where the two are at opposite ends.
    """
    value, low, high = (_Replay(plan, buffers, at) for at in (_at("value"), _at("low"), _at("high")))
    least, most = (_Replay(plan, buffers, at) for at in (_at("low", sampling="high"), _at("high", sampling="low")))
    return (
        Figure(value.device_time_s, low.device_time_s, high.device_time_s, evidence),
        Figure(value.idle_s, least.idle_s, most.idle_s, evidence),
    )


@dataclass
class _Held:
    """What a station is at: until when, where its frame goes then, and the row that shows it."""

    end: int
    onward: list[Work]
    row: int | None


class _Replay:
    """A plan played once, in whole ticks, so that a state that comes back is told without rounding."""

    def __init__(self, plan: Plan, buffers: int, seconds: Callable[[Work], float], shown: bool = False):
        ratios = [(work, pieces, *seconds(work).as_integer_ratio()) for work, pieces in _leaves(plan)]
        self._ticks_per_s = math.lcm(*(denominator for *_, denominator in ratios))
        self._seconds = seconds
        self._buffers = buffers
        self._shown = shown
        self._environment = simpy.Environment()
        self._stations = {name: simpy.Resource(self._environment) for name in _STATIONS}
        self._held: dict[str, _Held] = {}
        self._skipped = 0
        self._rows: list[tuple[str, str, int, int, int, int]] = []
        self._environment.process(self._play(plan))
        self._environment.run()
        sampling = sum(
            pieces * numerator * (self._ticks_per_s // denominator)
            for work, pieces, numerator, denominator in ratios
            if work.lane == "sampling"
        )
        self.device_time_s = self._clock / self._ticks_per_s
        self.idle_s = (self._clock - sampling) / self._ticks_per_s

    def spans(self) -> tuple[Span, ...]:
        second = self._ticks_per_s
        return tuple(
            Span(
                lane=lane, phase=phase, start_s=start / second, end_s=end / second, busy_s=busy / second, pieces=pieces
            )
            for lane, phase, start, end, busy, pieces in sorted(self._rows, key=lambda row: row[2])
        )

    @property
    def _clock(self) -> int:
        return int(self._environment.now) + self._skipped

    def _ticks(self, work: Work, pieces: int) -> int:
        numerator, denominator = self._seconds(work).as_integer_ratio()
        # Ticks are finer than any machine integer.
        return numerator * (self._ticks_per_s // denominator) * int(pieces)

    def _show(self, work: Work, end: int, pieces: int) -> int | None:
        """A span from now on, of that many pieces; its row, if there is one."""
        busy = self._ticks(work, pieces)
        if not self._shown or not busy:
            return None
        self._rows.append((work.lane, work.shown_as or work.phase, self._clock, end, busy, pieces))
        return len(self._rows) - 1

    def _play(self, plan: Plan) -> Generator[simpy.Event, Any, None]:
        frame: list[Work] = []
        for item in plan:
            if frame and not (isinstance(item, Work) and (frame[-1].lane, item.lane) == _STATIONS):
                yield from self._hand_on(frame)
                frame = []
            if isinstance(item, Cycle):
                yield from self._cycle(item)
            elif isinstance(item, Mix):
                yield from self._mix(item)
            elif item.lane in _STATIONS and item.repeat:
                frame.append(item)
            elif item.repeat:
                yield from self._do(item)
        if frame:
            yield from self._hand_on(frame)

    def _do(self, work: Work) -> Generator[simpy.Event, Any, None]:
        ticks = self._ticks(work, work.repeat)
        self._show(work, self._clock + ticks, work.repeat)
        yield self._environment.timeout(ticks)

    def _mix(self, mix: Mix) -> Generator[simpy.Event, Any, None]:
        done = list(_leaves([mix]))
        stations = [self._stations[name] for name in _STATIONS if any(work.lane == name for work, _ in done)]
        turns = [station.request() for station in stations]
        yield self._environment.all_of(turns)
        ticks = sum(self._ticks(work, pieces) for work, pieces in done)
        for work, pieces in done:
            self._show(work, self._clock + ticks, pieces)
        yield self._environment.timeout(ticks)
        for station, turn in zip(stations, turns):
            station.release(turn)

    def _hand_on(self, frame: list[Work]) -> Generator[simpy.Event, Any, None]:
        """Until the cells are free again."""
        if self._buffers == 1:
            for work in frame:
                yield from self._do(work)
            return
        turn = self._stations[frame[0].lane].request()
        yield turn
        self._take(frame)
        self._environment.process(self._pass_on(frame, turn))

    def _take(self, frame: list[Work]) -> None:
        work, *onward = frame
        end = self._clock + self._ticks(work, work.repeat)
        self._held[work.lane] = _Held(end, onward, self._show(work, end, work.repeat))

    def _pass_on(self, frame: list[Work], turn: Any) -> Generator[simpy.Event, Any, None]:
        """Through the stations, each of which keeps the frame until the next has room."""
        while True:
            work, *onward = frame
            yield self._environment.timeout(self._ticks(work, work.repeat))
            following = self._stations[onward[0].lane].request() if onward else None
            if following is not None:
                yield following
            del self._held[work.lane]
            self._stations[work.lane].release(turn)
            if following is None:
                return
            self._take(onward)
            frame, turn = onward, following

    def _cycle(self, cycle: Cycle) -> Generator[simpy.Event, Any, None]:
        """Turn by turn until the state of the stations comes back, and then the rest at once."""
        whole = any(isinstance(item, Cycle) for item in cycle.works)
        first, last = (_SHOWN_WHOLE if whole else _SHOWN, 1) if self._shown else (0, 0)
        left, before = cycle.repeat, None
        while left:
            yield from self._play(cycle.works)
            left -= 1
            now, state = self._clock, self._state()
            if before is not None and before[1] == state and cycle.repeat - left >= first and left > last:
                self._skip(cycle, int(left - last), now - before[0])
                now, left = self._clock, last
            before = (now, state)

    def _state(self) -> dict[str, tuple[int, list[int]]]:
        """All that decides how soon the stations take a frame: what they have to do yet, and with what to go on."""
        return {
            name: (max(held.end - self._clock, 0), [self._ticks(work, work.repeat) for work in held.onward])
            for name, held in self._held.items()
        }

    def _skip(self, cycle: Cycle, turns: int, period: int) -> None:
        start, skipped = self._clock, turns * period
        self._skipped += skipped
        for held in self._held.values():
            if held.row is not None and held.end > start:
                self._cut(held.row, start, skipped)
            # What a station holds now is the frame of the last turn left out.
            held.end += skipped
        together: Counter[tuple[str, str]] = Counter()
        busy: Counter[tuple[str, str]] = Counter()
        for work, pieces in _leaves([cycle]) if self._shown else ():
            name = (work.lane, work.shown_as or work.phase)
            together[name] += pieces // cycle.repeat * turns
            busy[name] += self._ticks(work, pieces // cycle.repeat * turns)
        self._rows += [(*name, start, start + skipped, busy[name], together[name]) for name in busy if busy[name]]

    def _cut(self, row: int, at: int, later: int) -> None:
        """Move what lies after a moment to a later one."""
        lane, phase, start, end, _, pieces = self._rows[row]
        if start == at:
            self._rows[row] = (lane, phase, start + later, end + later, end - start, pieces)
        else:
            self._rows[row] = (lane, phase, start, at, at - start, pieces)
            self._rows.append((lane, phase, at + later, end + later, end - at, 0))


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
