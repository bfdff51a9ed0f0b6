"""What an effect of a circuit is, and the checks they share."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from hardware_models.langevin.effects.balance import Change
from hardware_models.langevin.parts import Parts
from pbits.streams import Streams

Built = tuple[Parts, dict[str, Any]]
Units = frozenset[Literal["seconds", "volts"]]

NO_UNITS: Units = frozenset()
SECONDS: Units = frozenset({"seconds"})
VOLTS: Units = frozenset({"seconds", "volts"})


class CircuitEffect(Protocol):
    """A non-ideality of a circuit: components in, components out, and what it did.

    Attributes
    ----------
    needs : set of {"seconds", "volts"}
        What a circuit must state for it: R and C, or also the voltage of the noise.
    """

    needs: ClassVar[Units]

    def build(self, parts: Parts, chip: Streams) -> Built:
        """The components of this chip, and notes for the record.

        What differs from chip to chip is drawn from CHIP and belongs to places: a larger machine on the same chip
        finds the same components where a smaller one lay.
        """
        ...

    def predict(self, parts: Parts) -> Change:
        """What it does to the voltages' mean and covariance, in closed form."""
        ...


def check_spread(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}; a relative spread must be finite and at least 0")


def check_whole(name: str, value: Any, least: int, most: int, otherwise: str = "") -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise ValueError(f"{name} is {value!r}; it must be a whole number between {least} and {most}{otherwise}")


def check_positive(name: str, value: float, what: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}; {what} must be positive and finite")
