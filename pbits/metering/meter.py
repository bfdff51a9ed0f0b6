"""`Meter`: a window around some work, or several around a function."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import fmean, median, stdev
from typing import Any

from scipy.special import stdtrit

from pbits.metering.declared import Declared
from pbits.metering.nvml import find_nvml
from pbits.metering.perf import find_perf
from pbits.metering.rapl import find_rapl
from pbits.metering.readings import Metered, MeterError, Reading, Refusal, Refused, Source
from pbits.parameters import Evidence, Parameter

#: Counters are read this often while a window is open.
SAMPLING_S = 0.5


class Meter:
    """What can be metered here, as a context or around a function.

    Attributes
    ----------
    sources : tuple of Source
    refusals : tuple of Refusal
        What cannot meter, and why.
    reading : Reading or None
        Of the last window.

    Examples
    --------
    >>> import pbits
    >>> with pbits.meter(declared_w=15) as meter:
    ...     total = sum(k * k for k in range(200_000))
    >>> meter.reading.by_source[-1].evidence.value
    'assumed'
    """

    def __init__(
        self,
        sources: Sequence[Source],
        refusals: Sequence[Refusal],
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.sources, self.refusals = tuple(sources), tuple(refusals)
        self.reading: Reading | None = None
        self._clock, self._sleep = clock, sleep

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.sources) or "nothing"
        return f"Meter({names}; {len(self.refusals)} refused)"

    def __enter__(self) -> Meter:
        self._window = self._open()
        self._window.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._window.__exit__(*error)

    @contextmanager
    def _open(self) -> Iterator[None]:
        refusals = list(self.refusals)
        opened: list[Source] = []
        lost: dict[int, Refusal] = {}
        start = self._clock()
        for source in self.sources:
            try:
                source.open(start)
                opened.append(source)
            except Refused as found:
                refusals.append(found.refusal)
        done, lock = threading.Event(), threading.Lock()

        def watch() -> None:
            while not done.wait(SAMPLING_S):
                with lock:
                    for k, source in enumerate(opened):
                        try:
                            source.look(self._clock())
                        except Refused as found:
                            lost[k] = found.refusal

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            end = self._clock()
            metered: list[Metered] = []
            for k, source in enumerate(opened):
                try:
                    one = source.close(end)
                    if k in lost:
                        raise Refused(lost[k])
                    metered.append(one)
                except Refused as closed:
                    refusals.append(closed.refusal)
            self.reading = Reading(seconds=end - start, by_source=tuple(metered), refusals=tuple(refusals))

    def measure(
        self, work: Callable[[], Any], *, repeats: int = 5, window_s: float = 10.0, idle_s: float = 5.0
    ) -> Measurement:
        """Joules and seconds of one call of a function.

        It is called once to warm up (compilation, a GPU's context), then so often in each window that the window lasts;
        the kernel is repeated, not the meter. Before and after, the computer is metered idle, with whatever the first
        call left open.

        Parameters
        ----------
        work : callable
            Without arguments. What it leaves running on a GPU it should wait for.
        repeats : int
            Windows, at least 3.
        window_s, idle_s : float
            Seconds of each window, and of each of the two idle ones; 0 to leave those out.

        Raises
        ------
        MeterError
            Where nothing meters, or every window was refused.
        ValueError
            For fewer than 3 windows, or lengths that are not positive.
        """
        if repeats < 3:
            raise ValueError(f"repeats is {repeats}; an interval needs at least 3 windows")
        if not window_s > 0 or not idle_s >= 0:
            raise ValueError(
                f"window_s is {window_s} and idle_s {idle_s}; a window lasts, and idling cannot be negative"
            )
        if not self.sources:
            raise MeterError(self.refusals)
        work()
        start = self._clock()
        work()
        calls = max(1, math.ceil(window_s / max(self._clock() - start, 1e-9)))
        calls = min(calls, 10_000_000)
        idle = [self._idle(idle_s)]
        windows = []
        for _ in range(repeats):
            with self:
                for _ in range(calls):
                    work()
            assert self.reading is not None
            self.reading.require()
            windows.append(self.reading)
        idle.append(self._idle(idle_s))
        # Declared watts say nothing of an idle computer.
        known = [one.watts for one in idle if one and one.watts is not None and one.evidence is Evidence.MEASURED]
        return Measurement(calls=calls, windows=tuple(windows), idle_w=tuple(known))

    def _idle(self, seconds: float) -> Reading | None:
        if not seconds:
            return None
        with self:
            self._sleep(seconds)
        return self.reading


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Joules of a function, from several windows.

    Attributes
    ----------
    calls : int
        In each window.
    windows : tuple of Reading
    idle_w : tuple of float
        Watts before and after, where they could be metered.
    """

    calls: int
    windows: tuple[Reading, ...]
    idle_w: tuple[float, ...]

    @property
    def joules(self) -> float:
        """Gross joules of a call: the median of the windows."""
        return median(self._per_call())

    @property
    def interval(self) -> tuple[float, float]:
        """95 %: of Student's t over the windows, joined with what the meter itself may be off by."""
        each = self._per_call()
        scatter = _t95(len(each)) * stdev(each) / len(each) ** 0.5
        low = median([one.interval[0] / self.calls for one in self.windows if one.interval is not None])
        high = median([one.interval[1] / self.calls for one in self.windows if one.interval is not None])
        middle = self.joules
        return middle - math.hypot(scatter, middle - low), middle + math.hypot(scatter, high - middle)

    @property
    def seconds(self) -> float:
        """Seconds of a call."""
        return median(one.seconds for one in self.windows) / self.calls

    @property
    def watts(self) -> float:
        return self.joules / self.seconds

    @property
    def net(self) -> float | None:
        """Joules of a call net of idle, E − P_idle · t; None where idle was not metered, or where what is left is less
        than three standard deviations of the two."""
        if len(self.idle_w) < 2:
            return None
        net = self.joules - fmean(self.idle_w) * self.seconds
        spread = math.hypot(stdev(self._per_call()), stdev(self.idle_w) * self.seconds)
        return net if net >= 3 * spread else None

    @property
    def why_no_net(self) -> str:
        """Why `net` is None; empty where it is not."""
        if self.net is not None:
            return ""
        if len(self.idle_w) < 2:
            return "the idle computer was not metered"
        return "what the work adds to the idle computer is less than three standard deviations"

    def parameter(self) -> Parameter:
        """Gross joules of a call as a sourced number, for a price table."""
        low, high = self.interval
        one = self.windows[0].parameter()
        about = f"{len(self.windows)} windows of {self.calls} calls; {one.note}"
        return replace(one, value=self.joules, low=max(low, self.joules / 100), high=high, note=about)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "calls": self.calls,
            "joules": self.joules,
            "interval": list(self.interval),
            "net": self.net,
            "why_no_net": self.why_no_net,
            "seconds": self.seconds,
            "watts": self.watts,
            "idle_w": list(self.idle_w),
            "windows": [one.to_dict() for one in self.windows],
        }

    def _per_call(self) -> list[float]:
        return [one.require() / self.calls for one in self.windows]


def _t95(n: int) -> float:
    return float(stdtrit(n - 1, 0.975))


def meter(*, declared_w: float | None = None) -> Meter:
    """What meters joules on this computer: RAPL, NVML, or perf where RAPL is closed.

    Parameters
    ----------
    declared_w : float, optional
        Watts of the busy processor, for a computer without a meter: joules are then watts × the share of the cores that
        this process, and those it waited for, kept busy: assumed, and good to a factor of two. Used only where nothing
        meters the processor.

    Returns
    -------
    Meter
        With no sources where nothing meters; its `refusals` say why. Its readings then have joules None.

    Notes
    -----
    A RAPL package is what the chip draws, with its caches and memory controllers, and the memory where it has a
    counter; an NVML counter is a GPU's board, without its host. They are not added. Joules at the wall need a meter at
    the wall.

    Examples
    --------
    >>> import pbits
    >>> meter = pbits.meter()
    >>> all(one.reason and one.hint for one in meter.refusals)
    True
    """
    declared: list[Source] = [] if declared_w is None else [Declared(declared_w)]
    cpu, refusals = find_rapl()
    if not cpu:
        cpu, closed = find_perf()
        refusals += closed
    cpu = cpu or declared
    gpus, closed = find_nvml()
    return Meter([*cpu, *gpus], [*refusals, *closed])
