"""Watts that somebody declares, for a computer that cannot be metered."""

from __future__ import annotations

import math
import os
import time

from pbits.metering.readings import Metered, Refusal, Refused, Source
from pbits.parameters import Evidence


class Declared(Source):
    """Watts that the user declares for a busy processor, times the share of its cores that this process,
    and those it waited for, kept busy."""

    boundary = "chip"

    def __init__(self, watts: float):
        if not (math.isfinite(watts) and watts > 0):
            raise ValueError(f"declared_w is {watts}; declare a positive, finite power")
        self.watts, self.name = watts, f"declared {watts:g} W"

    def open(self, now: float) -> None:
        self._since, self._busy = now, _busy()

    def close(self, now: float) -> Metered:
        seconds, busy = now - self._since, _busy() - self._busy
        cores = os.cpu_count() or 1
        joules = self.watts * min(seconds, busy / cores)
        if joules <= 0:
            raise Refused(
                Refusal(
                    source=self.name, reason="too short", text="this process was not seen busy",
                    hint="repeat the work in one window; processes that it did not wait for are not seen",
                )
            )  # fmt: skip
        return Metered(
            source=self.name, joules=joules, low=joules / 2, high=joules * 2, boundary=self.boundary,
            evidence=Evidence.ASSUMED, method="declared watts × utilisation, ÷ 2 to × 2; not a measurement",
        )  # fmt: skip


def _busy() -> float:
    """Processor seconds of this process and of those it waited for."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
