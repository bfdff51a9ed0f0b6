"""Meters: joules that were measured here, or why none could be.

`pbits.meter()` looks for what can meter: RAPL counters of the processor (`/sys/class/powercap`), NVML counters of
NVIDIA GPUs, and perf where it may read the same registers. What cannot is a `Refusal` that says why and what would help.
A reading without a meter has no joules: not 0, and no guess.
"""

from __future__ import annotations

import math
import os
import platform
import signal
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which
from statistics import fmean, median, stdev
from typing import Any, Literal

from scipy.special import stdtrit

from pbits.parameters import RANGE_FACTORS, Evidence, Parameter

POWERCAP = Path("/sys/class/powercap")

#: No processor package draws more; with its counter's range it says how long a window may go unread.
MOST_W = 2000.0
#: Counters are read this often while a window is open.
SAMPLING_S = 0.5
#: GPU counters tick up to every 100 ms, so that shorter windows may read 0.
SHORTEST_GPU_S = 1.0
#: A counter and the integral of the power that differ by more are both told.
AGREEMENT = 0.10
#: NVIDIA states a power reading to ± 5 W.
GPU_ERROR_W = 5.0

Reason = Literal[
    "absent", "implausible", "no driver", "not installed", "not Linux", "permission", "too short", "unreadable",
    "unsupported", "wrapped",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a source gives no joules.

    Attributes
    ----------
    source : str
    reason : str
        One of a few words that scripts can go by: absent, implausible, no driver, not installed, not Linux, permission,
        too short, unreadable, unsupported, wrapped.
    text : str
        What was found.
    hint : str
        What would help.
    """

    source: str
    reason: Reason
    text: str
    hint: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}; {self.hint}"


class MeterError(RuntimeError):
    """Joules were needed and no source gives any; `refusals` says why."""

    def __init__(self, refusals: Sequence[Refusal]):
        self.refusals = tuple(refusals)
        super().__init__("nothing here meters joules. " + " ".join(f"{one}." for one in refusals))


class _Refused(Exception):
    def __init__(self, refusal: Refusal):
        self.refusal = refusal


@dataclass(frozen=True, kw_only=True)
class Metered:
    """Joules of one source in one window.

    Attributes
    ----------
    source : str
    joules, low, high : float
    boundary : str
        What they include: "chip" for a processor package, "board" for a GPU without its host.
    evidence : Evidence
        Measured, or assumed where watts were declared.
    method : str
    warnings : tuple of str
    """

    source: str
    joules: float
    low: float
    high: float
    boundary: str
    evidence: Evidence
    method: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was metered in one window.

    Attributes
    ----------
    seconds : float
    by_source : tuple of Metered
    refusals : tuple of Refusal
    """

    seconds: float
    by_source: tuple[Metered, ...]
    refusals: tuple[Refusal, ...]

    @property
    def boundaries(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.boundary for one in self.by_source))

    @property
    def joules(self) -> float | None:
        """Of all sources; None where there is none, and where they include different things (see `by_source`)."""
        return sum(one.joules for one in self.by_source) if len(self.boundaries) == 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The sum at both ends; None where `joules` is."""
        if self.joules is None:
            return None
        return sum(one.low for one in self.by_source), sum(one.high for one in self.by_source)

    @property
    def watts(self) -> float | None:
        return None if self.joules is None or not self.seconds else self.joules / self.seconds

    @property
    def evidence(self) -> Evidence | None:
        return Evidence.weakest(one.evidence for one in self.by_source)

    def at(self, boundary: str) -> float | None:
        """Joules of the sources at one boundary; None where there is none."""
        found = [one.joules for one in self.by_source if one.boundary == boundary]
        return sum(found) if found else None

    def require(self) -> float:
        """The joules.

        Raises
        ------
        MeterError
            Where there are none, with every refusal.
        ValueError
            Where sources at different boundaries were metered, which are not added.
        """
        if self.joules is not None:
            return self.joules
        if self.by_source:
            told = ", ".join(f"{one.source} ({one.boundary})" for one in self.by_source)
            raise ValueError(f"{told} include different things, and are not added; take reading.at(boundary)")
        raise MeterError(self.refusals)

    def parameter(self, unit: Literal["J", "W"] = "J") -> Parameter:
        """The reading as a sourced number, for a price table.

        Raises
        ------
        MeterError, ValueError
            As `require`.
        """
        joules = self.require()
        assert self.interval is not None
        scale = 1.0 if unit == "J" else 1 / self.seconds
        methods = "; ".join(f"{one.source}: {one.method}" for one in self.by_source)
        measured = self.evidence is Evidence.MEASURED
        return Parameter(
            value=joules * scale,
            unit=unit,
            low=self.interval[0] * scale,
            high=self.interval[1] * scale,
            evidence=self.evidence,
            source="metered-here" if measured else "",
            note=f"{methods}; on {platform.machine()}, {self.seconds:.3g} s",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "seconds": self.seconds,
            "joules": self.joules,
            "interval": None if self.interval is None else list(self.interval),
            "watts": self.watts,
            "by_source": [vars(one) | {"evidence": one.evidence.value} for one in self.by_source],
            "refusals": [vars(one) for one in self.refusals],
        }


class Source(ABC):
    """Something that meters: opened, read now and then, closed."""

    name: str
    boundary: str

    @abstractmethod
    def open(self, now: float) -> None:
        """Begin a window."""

    def look(self, now: float) -> None:  # noqa: B027
        """Read while the window is open; called about every `SAMPLING_S`."""

    @abstractmethod
    def close(self, now: float) -> Metered:
        """End it. Raises `_Refused` where nothing can be told."""


class Rapl(Source):
    """One RAPL domain: an energy counter that wraps.

    Its joules are the sum of differences modulo its range. A stretch between two looks in which the counter could have
    gone round whole, at `MOST_W` or the domain's own limit, is refused: one round more or less cannot be told.
    """

    boundary = "chip"

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = _text(folder / "name", "RAPL")
        self._range = int(_text(folder / "max_energy_range_uj", self.name))
        self._most_w = _limit(folder)
        self._read()

    def open(self, now: float) -> None:
        self._since, self._at, self._last, self._sum = now, now, self._read(), 0
        self._lost: Refusal | None = None

    def look(self, now: float) -> None:
        count = self._read()
        gap, gone = now - self._at, (count - self._last) % self._range
        if gap * self._most_w * 1e6 >= self._range:
            self._lost = Refusal(
                source=self.name,
                reason="wrapped",
                text=f"the counter was not read for {gap:.3g} s, in which it may have gone round more than once "
                f"(it counts to {self._range / 1e6:.3g} J)",
                hint="keep the window's process running, or take shorter windows",
            )
        elif gap > 0.05 and gone > gap * self._most_w * 1e6:
            self._lost = Refusal(
                source=self.name,
                reason="implausible",
                text=f"the counter says {gone / 1e6 / gap:.3g} W, more than {self._most_w:g} W: it was reset, or misread",
                hint="measure again",
            )
        self._sum += gone
        self._at, self._last = now, count

    def close(self, now: float) -> Metered:
        self.look(now)
        if self._lost is not None:
            raise _Refused(self._lost)
        joules = self._sum / 1e6
        if joules == 0:
            raise _Refused(
                Refusal(
                    source=self.name,
                    reason="too short",
                    text=f"the counter did not move in {now - self._since:.3g} s",
                    hint="repeat the work for at least some tens of milliseconds in one window",
                )
            )
        factor = RANGE_FACTORS[Evidence.MEASURED]
        return Metered(
            source=self.name, joules=joules, low=joules / factor, high=joules * factor, boundary=self.boundary,
            evidence=Evidence.MEASURED, method="RAPL counter, ± 10 % (makers state no accuracy)",
        )  # fmt: skip

    def _read(self) -> int:
        return int(_text(self.folder / "energy_uj", self.name))


def _text(path: Path, source: str) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except PermissionError:
        raise _Refused(
            Refusal(
                source=source,
                reason="permission",
                text=f"{path} may be read by root alone",
                hint=f"as root: chmod a+r {path} (since CVE-2020-8694 Linux keeps it from others), or run as root",
            )
        ) from None
    except OSError as error:
        raise _Refused(_unreadable(source, f"{path}: {error.strerror}")) from None
    if path.name in ("energy_uj", "max_energy_range_uj") and not text.isdigit():
        raise _Refused(_unreadable(source, f"{path} holds {text[:40]!r}, no count"))
    return text


def _unreadable(source: str, text: str) -> Refusal:
    return Refusal(source=source, reason="unreadable", text=text, hint="check the driver (dmesg), or measure elsewhere")


def _limit(folder: Path) -> float:
    """The most watts the domain states, times two for its peaks, or `MOST_W`."""
    try:
        return max(2e-6 * int((folder / "constraint_0_max_power_uw").read_text()), 100.0)
    except (OSError, ValueError):
        return MOST_W


def find_rapl(root: Path = POWERCAP) -> tuple[list[Source], list[Refusal]]:
    """The packages and the memory of this computer; what lies inside a package, or around all of them, is not added."""
    if platform.system() != "Linux" and root == POWERCAP:
        hint = "measure on Linux, or give the watts yourself: pbits.meter(declared_w=…)"
        return [], [Refusal(source="RAPL", reason="not Linux", text="only Linux shows the counters", hint=hint)]
    folders = sorted(path for path in root.glob("*-rapl:*") if (path / "name").exists()) if root.is_dir() else []
    if not folders:
        hint = (
            "a virtual machine or a container hides them; measure on the host (modprobe intel_rapl_common where it has "
            "none), or give the watts yourself: pbits.meter(declared_w=…)"
        )
        return [], [Refusal(source="RAPL", reason="absent", text=f"there are no counters in {root}", hint=hint)]
    sources: list[Source] = []
    refusals: list[Refusal] = []
    for folder in folders:
        try:
            name = _text(folder / "name", "RAPL")
            if name.startswith(("package", "dram")):
                sources.append(Rapl(folder))
        except _Refused as found:
            refusals.append(found.refusal)
    return sources, refusals


class Nvml(Source):
    """One NVIDIA GPU: its energy counter, cross-checked with the integral of its power.

    GPUs before Volta have no counter; then the integral stands alone and says so.
    """

    boundary = "board"

    def __init__(self, nvml: Any, handle: Any, index: int):
        self._nvml, self._handle = nvml, handle
        name = nvml.nvmlDeviceGetName(handle)
        self.name = f"GPU {index}, {name.decode() if isinstance(name, bytes) else name}"
        try:
            nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            self._counts = True
        except nvml.NVMLError:
            self._counts = False
        self._power()

    def open(self, now: float) -> None:
        self._since, self._at, self._watts, self._integral = now, now, self._power(), 0.0
        self._start = self._counter()

    def look(self, now: float) -> None:
        watts = self._power()
        self._integral += (now - self._at) * (watts + self._watts) / 2
        self._at, self._watts = now, watts

    def close(self, now: float) -> Metered:
        self.look(now)
        seconds = now - self._since
        if seconds < SHORTEST_GPU_S:
            raise _Refused(
                Refusal(
                    source=self.name,
                    reason="too short",
                    text=f"a window of {seconds:.3g} s; the counter ticks up to every 100 ms and the power sensor less",
                    hint=f"repeat the work until a window lasts at least {SHORTEST_GPU_S:g} s, better 10 s",
                )
            )
        warnings: tuple[str, ...] = ()
        if self._counts:
            joules, method = (self._counter() - self._start) / 1e3, "NVML energy counter"
            if self._integral and abs(joules / self._integral - 1) > AGREEMENT:
                warnings = (
                    f"the counter says {joules:.4g} J and the integral of the power {self._integral:.4g} J; sensors of "
                    "some GPUs see a part of the time only",
                )
        else:
            joules, method = self._integral, "integral of the NVML power (this GPU has no energy counter)"
        if joules <= 0:
            raise _Refused(_unreadable(self.name, f"{joules:g} J in {seconds:.3g} s"))
        error = GPU_ERROR_W * seconds
        ends = [joules, *([self._integral] if self._integral > 0 else [])]
        low, high = min(ends) - error, max(ends) + error
        return Metered(
            source=self.name, joules=joules, low=max(low, joules / 10), high=high, boundary=self.boundary,
            evidence=Evidence.MEASURED, method=f"{method}, ± {GPU_ERROR_W:g} W", warnings=warnings,
        )  # fmt: skip

    def _power(self) -> float:
        return self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1e3

    def _counter(self) -> float:
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) if self._counts else 0.0


def find_nvml(nvml: Any = None) -> tuple[list[Source], list[Refusal]]:
    """The NVIDIA GPUs, through `pynvml` (the package nvidia-ml-py)."""
    if nvml is None:
        try:
            import pynvml as nvml  # pyright: ignore[reportMissingImports]
        except ImportError:
            hint = "pip install 'pbits[nvml]' (nvidia-ml-py)"
            return [], [Refusal(source="NVML", reason="not installed", text="the module pynvml is missing", hint=hint)]
    try:
        nvml.nvmlInit()
        handles = [nvml.nvmlDeviceGetHandleByIndex(k) for k in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        hint = "run where the NVIDIA driver is loaded (nvidia-smi shows it)"
        return [], [Refusal(source="NVML", reason="no driver", text=f"NVML does not start: {error}", hint=hint)]
    if not handles:
        hint = "check CUDA_VISIBLE_DEVICES and nvidia-smi"
        return [], [Refusal(source="NVML", reason="absent", text="the driver shows no GPU", hint=hint)]
    sources: list[Source] = []
    refusals: list[Refusal] = []
    for k, handle in enumerate(handles):
        try:
            sources.append(Nvml(nvml, handle, k))
        except nvml.NVMLError as error:
            hint = "this GPU has no power sensor; meter at the wall"
            refusals.append(Refusal(source=f"GPU {k}", reason="unsupported", text=str(error), hint=hint))
    return sources, refusals


class Perf(Source):
    """`perf stat -a` on the energy events of the processor: the counters of RAPL by another door."""

    name, boundary = "perf", "chip"
    _EVENT = "power/energy-pkg/"

    def __init__(self, program: str):
        self._program = program
        done = subprocess.run(
            [program, "stat", "-a", "-x", ",", "-e", self._EVENT, "true"], capture_output=True, text=True
        )
        if done.returncode or self._joules(done.stderr) is None:
            hint = "as root: sysctl kernel.perf_event_paranoid=0; a virtual machine has no such event at all"
            told = " ".join(done.stderr.split())[:120] or "no count"
            raise _Refused(
                Refusal(source="perf", reason="permission", text=f"perf gives no {self._EVENT}: {told}", hint=hint)
            )

    def open(self, now: float) -> None:
        self._log = tempfile.NamedTemporaryFile(suffix=".csv")  # noqa: SIM115
        command = [self._program, "stat", "-a", "-x", ",", "-e", self._EVENT, "-o", self._log.name]
        self._child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self, now: float) -> Metered:
        self._child.send_signal(signal.SIGINT)
        self._child.wait()
        with self._log:
            joules = self._joules(Path(self._log.name).read_text())
        if not joules:
            raise _Refused(_unreadable(self.name, "perf wrote no joules"))
        factor = RANGE_FACTORS[Evidence.MEASURED]
        return Metered(
            source=self.name, joules=joules, low=joules / factor, high=joules * factor, boundary=self.boundary,
            evidence=Evidence.MEASURED, method=f"perf stat -a -e {self._EVENT}, ± 10 %",
        )  # fmt: skip

    @staticmethod
    def _joules(text: str) -> float | None:
        for line in text.splitlines():
            parts = line.split(",")
            if len(parts) > 2 and "energy-pkg" in line and parts[1] == "Joules":
                try:
                    return float(parts[0])
                except ValueError:
                    return None
        return None


def find_perf() -> tuple[list[Source], list[Refusal]]:
    """perf, where it is installed and allowed to count joules."""
    program = which("perf")
    if program is None:
        hint = "install perf (linux-perf, linux-tools), or open the RAPL files"
        return [], [Refusal(source="perf", reason="not installed", text="there is no program perf", hint=hint)]
    try:
        return [Perf(program)], []
    except _Refused as found:
        return [], [found.refusal]


class Declared(Source):
    """Watts that the user declares for a busy processor, times the share of its cores that this process kept busy."""

    boundary = "chip"

    def __init__(self, watts: float):
        if not (math.isfinite(watts) and watts > 0):
            raise ValueError(f"declared_w is {watts}; declare a positive, finite power")
        self.watts, self.name = watts, f"declared {watts:g} W"

    def open(self, now: float) -> None:
        self._since, self._busy = now, time.process_time()

    def close(self, now: float) -> Metered:
        seconds, busy = now - self._since, time.process_time() - self._busy
        cores = os.cpu_count() or 1
        joules = self.watts * min(seconds, busy / cores)
        if joules <= 0:
            raise _Refused(
                Refusal(
                    source=self.name, reason="too short", text="this process was not seen busy",
                    hint="repeat the work in one window; work in other processes is not seen",
                )
            )  # fmt: skip
        return Metered(
            source=self.name, joules=joules, low=joules / 2, high=joules * 2, boundary=self.boundary,
            evidence=Evidence.ASSUMED, method="declared watts × utilisation, ÷ 2 to × 2; not a measurement",
        )  # fmt: skip


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
            except _Refused as found:
                refusals.append(found.refusal)
        done, lock = threading.Event(), threading.Lock()

        def watch() -> None:
            while not done.wait(SAMPLING_S):
                with lock:
                    for k, source in enumerate(opened):
                        try:
                            source.look(self._clock())
                        except _Refused as found:
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
                        raise _Refused(lost[k])
                    metered.append(one)
                except _Refused as closed:
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
        known = [one.watts for one in idle if one is not None and one.watts is not None]
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
        this process kept busy, assumed and good to a factor of two. Used only where nothing meters the processor.

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
