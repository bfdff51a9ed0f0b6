"""What several runs cost together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pbits.ledger import price
from pbits.result import Run


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Counted operations, device time and joules of runs.

    Attributes
    ----------
    runs : int
    counts : mapping
        By name, as `Run.counts`.
    device_time_s : float or None
        None where a time it needs is not stated.
    joules : float or None
        At the boundary of the machine's prices; None where one that it needs is not stated.
    """

    runs: int = 0
    counts: Mapping[str, float] = field(default_factory=dict)
    device_time_s: float | None = 0.0
    joules: float | None = 0.0

    @classmethod
    def of(cls, run: Run) -> Cost:
        """Of one run."""
        return cls(runs=1, counts=dict(run.counts), device_time_s=run.device_time_s, joules=price(run).joules)

    def __add__(self, other: Cost) -> Cost:
        names = {**self.counts, **other.counts}
        return Cost(
            runs=self.runs + other.runs,
            counts={name: self.counts.get(name, 0.0) + other.counts.get(name, 0.0) for name in names},
            device_time_s=_sum(self.device_time_s, other.device_time_s),
            joules=_sum(self.joules, other.joules),
        )

    def __str__(self) -> str:
        seconds = "unknown" if self.device_time_s is None else f"{self.device_time_s:.3g} s"
        return f"runs={self.runs}, updates={self.counts.get('update', 0):.3g}, device time={seconds}"


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
