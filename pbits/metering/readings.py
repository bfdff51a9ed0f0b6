"""What a meter says: joules of a window, or a refusal; and the interface of what meters."""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pbits.parameters import Evidence, Parameter, check_boundary

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


class Refused(Exception):
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
        """Joules of the sources at one boundary; None where there is none.

        Raises
        ------
        ValueError
            For a boundary that there is not.
        """
        check_boundary(boundary)
        found = [one.joules for one in self.by_source if one.boundary == boundary]
        return sum(found) if found else None

    def only(self, boundary: str) -> Reading:
        """The sources at one boundary alone."""
        return replace(self, by_source=tuple(one for one in self.by_source if one.boundary == boundary))

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
        """End it. Raises `Refused` where nothing can be told."""


def unreadable(source: str, text: str) -> Refusal:
    """A counter that gives no count."""
    return Refusal(source=source, reason="unreadable", text=text, hint="check the driver (dmesg), or measure elsewhere")
