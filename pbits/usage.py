"""How a machine is put to use: what a run shares with other runs, and what stands idle between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pbits.parameters import Evidence, Figure, Parameter
from pbits.substrate import Programming


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What is charged to a run besides the run itself.

    Parameters
    ----------
    runs_per_programming : float
        Runs of one model between two programmings, at least 1. Each is charged its share of the words written and of
        the seconds that takes; infinite for a model that is never changed. A run that sets its model or β more than
        once (an anneal on a machine that stores βJ) leaves nothing for the next one and shares nothing.
    duty : float
        Share of the time in which the machine runs, in (0, 1]. In the rest it stands by, which the run is charged:
        t(1 − d)/d seconds of standby to t of work, at the power of the state "standby", or where a machine states
        none, "idle".
    every_s : float, optional
        Instead of `duty`: one run every so many seconds.
    runs_per_calibration : float, optional
        Runs between two calibrations. Each is charged its share of one.
    calibration_j : Parameter, optional
        Joules of a calibration; by default what the machine's price table states for "calibration".

    Raises
    ------
    ValueError
        For fewer than one run per programming or calibration, a duty outside (0, 1], both a duty and `every_s`, or
        joules of a calibration without how many runs share it.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> run = pbits.run(pair, "gibbs-g12-illustrative", pbits.Schedule(n_samples=100, chains=1), seed=1)
    >>> alone = pbits.price(run)
    >>> shared = pbits.price(run, usage=pbits.Usage(runs_per_programming=1000))
    >>> shared.joules < alone.joules
    True
    """

    runs_per_programming: float = 1.0
    duty: float = 1.0
    every_s: float | None = None
    runs_per_calibration: float | None = None
    calibration_j: Parameter | None = None

    def __post_init__(self) -> None:
        for name in ("runs_per_programming", "runs_per_calibration"):
            runs = getattr(self, name)
            if runs is not None and not runs >= 1:
                raise ValueError(f"{name} is {runs}; a run cannot share less than itself: give at least 1")
        if not 0 < self.duty <= 1:
            raise ValueError(f"duty is {self.duty}; it is a share of the time, above 0 and at most 1")
        if self.every_s is not None:
            if self.duty != 1:
                raise ValueError("duty and every_s say the same thing in two ways; give one")
            if not (math.isfinite(self.every_s) and self.every_s > 0):
                raise ValueError(f"every_s is {self.every_s}; it must be positive and finite")
        if self.calibration_j is not None and self.runs_per_calibration is None:
            raise ValueError("calibration_j needs runs_per_calibration, the runs that share a calibration")

    def shared(
        self, counts: Mapping[str, float], times: Mapping[str, Figure], device_time: Figure, done: Programming | None
    ) -> tuple[dict[str, float], dict[str, Figure], Figure]:
        """Counts, seconds by power state and device time of a run whose programming serves others too."""
        if done is None or self.runs_per_programming == 1:
            return dict(counts), dict(times), device_time
        saved = 1 - 1 / self.runs_per_programming
        fewer = {name: count - saved * done.counts.get(name, 0.0) for name, count in counts.items()}
        seconds = done.seconds * saved
        shorter = {state: _less(time, seconds) if state == done.state else time for state, time in times.items()}
        return fewer, shorter, _less(device_time, seconds)

    def standby(self, device_time: Figure) -> Figure:
        """Seconds of standby to a run of so many.

        Raises
        ------
        ValueError
            Where runs are asked for more often than the machine can make them.
        """
        if self.every_s is None:
            # A machine without a clock knows no seconds, and none of standby either.
            return device_time * (1 / self.duty - 1) if self.duty < 1 else Figure.of(0.0)
        if device_time.value is not None and device_time.value > self.every_s:
            raise ValueError(
                f"every_s is {self.every_s:g}, and a run takes {device_time.value:g} s; ask for fewer runs, or for "
                "fewer draws in each"
            )
        return _less(Figure.of(self.every_s), device_time, crossed=True)

    def __str__(self) -> str:
        """What is charged, in words; "alone" where that is the run and nothing else."""
        parts = []
        if self.runs_per_programming != 1:
            shared = "never programmed" if math.isinf(self.runs_per_programming) else "{:,.4g} runs to a programming"
            parts.append(shared.format(self.runs_per_programming))
        if self.duty != 1:
            parts.append(f"at work {100 * self.duty:.3g} % of the time")
        if self.every_s is not None:
            parts.append(f"a run every {self.every_s:.4g} s")
        if self.runs_per_calibration is not None:
            parts.append(f"{self.runs_per_calibration:,.4g} runs to a calibration")
        return ", ".join(parts) or "alone"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an infinite number of runs is None."""
        runs = self.runs_per_programming
        return asdict(self) | {
            "runs_per_programming": None if math.isinf(runs) else runs,
            "calibration_j": None if self.calibration_j is None else self.calibration_j.to_dict(),
        }


def _less(whole: Figure, part: Figure, *, crossed: bool = False) -> Figure:
    """What is left of a figure without one of its parts, end by end; crossed where the whole does not move with it."""
    known = [end for figure in (whole, part) for end in (figure.value, figure.low, figure.high) if end is not None]
    if len(known) < 6:
        return Figure.of(None)
    value, low, high, part_value, part_low, part_high = known
    if crossed:
        part_low, part_high = part_high, part_low
    left = max(0.0, value - part_value)
    evidence = Evidence.weakest(one for one in (whole.evidence, part.evidence) if one is not None)
    return Figure(left, min(left, max(0.0, low - part_low)), max(left, high - part_high), evidence)
