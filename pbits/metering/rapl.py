"""RAPL: the energy counters of processors, as Linux shows them in files."""

from __future__ import annotations

import platform
from pathlib import Path

from pbits.metering.readings import Metered, Refusal, Refused, Source, unreadable
from pbits.parameters import RANGE_FACTORS, Evidence

POWERCAP = Path("/sys/class/powercap")

#: No processor package draws more; with its counter's range it says how long a window may go unread.
MOST_W = 2000.0


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
                text=f"the counter says {gone / 1e6 / gap:.3g} W, more than {self._most_w:g} W: it was reset",
                hint="measure again",
            )
        self._sum += gone
        self._at, self._last = now, count

    def close(self, now: float) -> Metered:
        self.look(now)
        if self._lost is not None:
            raise Refused(self._lost)
        joules = self._sum / 1e6
        if joules == 0:
            raise Refused(
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
        raise Refused(
            Refusal(
                source=source,
                reason="permission",
                text=f"{path} may be read by root alone",
                hint=f"as root: chmod a+r {path} (since CVE-2020-8694 Linux keeps it from others), or run as root",
            )
        ) from None
    except OSError as error:
        raise Refused(unreadable(source, f"{path}: {error.strerror}")) from None
    if path.name in ("energy_uj", "max_energy_range_uj") and not text.isdigit():
        raise Refused(unreadable(source, f"{path} holds {text[:40]!r}, no count"))
    return text


def _limit(folder: Path) -> float:
    """The most watts the domain states, times two for its peaks, or `MOST_W`."""
    try:
        return max(2e-6 * int((folder / "constraint_0_max_power_uw").read_text()), 100.0)
    except (OSError, ValueError):
        return MOST_W


def find_rapl(root: Path = POWERCAP) -> tuple[list[Source], list[Refusal]]:
    """The packages and the memory of this computer; what lies inside a package, or around all of them, is not added."""
    if platform.system() != "Linux" and root == POWERCAP:
        hint = "measure on Linux, or declare the watts: pbits.meter(declared_w=…), --declared-w"
        return [], [Refusal(source="RAPL", reason="not Linux", text="only Linux shows the counters", hint=hint)]
    folders = sorted(path for path in root.glob("*-rapl:*") if (path / "name").exists()) if root.is_dir() else []
    if not folders:
        hint = (
            "a virtual machine or a container hides them; measure on the host (modprobe intel_rapl_common where it has "
            "none), or declare the watts: pbits.meter(declared_w=…), --declared-w"
        )
        return [], [Refusal(source="RAPL", reason="absent", text=f"there are no counters in {root}", hint=hint)]
    sources: list[Source] = []
    refusals: list[Refusal] = []
    for folder in folders:
        try:
            name = _text(folder / "name", "RAPL")
            if name.startswith(("package", "dram")):
                sources.append(Rapl(folder))
        except Refused as found:
            refusals.append(found.refusal)
    return sources, refusals
