"""What programs take on a processor: three tiers of seconds, and the fastest that applies (see `processor`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware_models.timeline import Work, play
from pbits.models import IsingModel
from pbits.parameters import Evidence, Figure
from pbits.substrate import Execution

RNG_FLOPS = 24.5
"""Philox4x32-10: 98 integer operations for four 32-bit words (counted from the algorithm)."""
NORMAL_FLOPS = 10.0
"""Logarithm, root, sine or cosine, scale and shift of one normal (assumed)."""
NUMBER_BYTES = 4
RANDOM_BITS_PER_NORMAL = 32

UNKNOWN = Figure.of(None)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published rate of attempted updates of a lattice with one coupling for all bonds and no fields.

    Attributes
    ----------
    updates_per_s : float
    degree : int
        Neighbours of a site.
    """

    updates_per_s: Figure | float
    degree: int

    def __post_init__(self) -> None:
        rate = Figure.of(self.updates_per_s).value
        if rate is None or not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"updates_per_s is {rate}; it must be positive and finite")
        if self.degree < 1:
            raise ValueError(f"degree is {self.degree}; it must be at least 1")

    def refusals(self, model: IsingModel, colours: int, clamped: int) -> list[str]:
        """Why a model is not work like that which the rate was published for; empty when it is."""
        reasons = []
        couplings = len(np.unique(model.csr.data))
        if couplings > 1:
            reasons.append(f"its couplings take {couplings} values; the published program holds one")
        if not (model.degrees == self.degree).all():
            found = " to ".join(str(degree) for degree in sorted({model.degrees.min(), model.degrees.max()}))
            reasons.append(f"its sites have {found} neighbours; those of the published lattice have {self.degree}")
        if colours > 2:
            reasons.append(f"it takes {colours} colours; the published lattice takes 2")
        if model.h.any():
            reasons.append("it has fields; the published program has none")
        if clamped:
            reasons.append(f"{clamped} sites are held fixed")
        return reasons


@dataclass(frozen=True, kw_only=True)
class Tier:
    """What one program takes: this run alone, and its share of a full batch; or why it does not apply."""

    seconds: Figure = UNKNOWN
    full_batch: Figure = UNKNOWN
    refused: tuple[str, ...] = ()

    def note(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds.value,
            "full_batch_s": self.full_batch.value,
            "refused": list(self.refused),
        }


@dataclass(frozen=True, kw_only=True)
class Chains:
    """The work of chains of one model.

    Attributes
    ----------
    count : int
    steps : int
        Dependent steps of one chain in a unit.
    flops : float
        Of all chains together.
    read_out_bytes : float
        Of all chains together.
    model_bytes, chain_bytes : float
        Memory that the model takes, and each chain besides.
    """

    count: int
    steps: int
    flops: float
    read_out_bytes: float
    model_bytes: float
    chain_bytes: float


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """seconds = max(flops/peak, bytes/bandwidth) + phases × phase_s; unknown where one that counts is not stated."""

    flop_per_s: Figure | float | None = None
    byte_per_s: Figure | float | None = None
    phase_s: Figure | float | None = None

    def __post_init__(self) -> None:
        _check_positive(vars(self))

    def seconds(self, flops: float, moved_bytes: float, phases: int = 0) -> Figure:
        computing = flops / Figure.of(self.flop_per_s)
        moving = moved_bytes / Figure.of(self.byte_per_s)
        return computing.at_least(moving) + self.waiting(phases)

    def waiting(self, phases: int) -> Figure:
        """Seconds of `phases` synchronisations."""
        return phases * Figure.of(self.phase_s) if phases else Figure.of(0.0)

    def tier(self, flops: float, moved_bytes: float, phases: int, shared_bytes: float = 0.0) -> Tier:
        """The whole processor on one program; `shared_bytes` of those moved vanish in a full batch."""
        seconds = self.seconds(flops, moved_bytes, phases)
        return Tier(
            seconds=seconds,
            full_batch=self.seconds(flops, moved_bytes - shared_bytes),
            refused=_unstated(vars(self)) if seconds.value is None else (),
        )


@dataclass(frozen=True, kw_only=True)
class Units:
    """Cores or multiprocessors that run whole chains without waiting for each other.

    Attributes
    ----------
    units : int
    unit_bytes : float
        What a unit holds next to its arithmetic: one copy of the model, and its chains.
    unit_chains : Figure or float
        Chains that a unit advances at once.
    unit_step_s : Figure or float
        Seconds of one dependent step of the chains that a unit advances at once.
    """

    units: int | None = None
    unit_bytes: float | None = None
    unit_chains: Figure | float = 1
    unit_step_s: Figure | float | None = None

    def __post_init__(self) -> None:
        _check_positive(vars(self))

    def tier(self, chains: Chains, roofline: Roofline) -> Tier:
        """Seconds of the busiest unit: max(its flops / its part of the peak, rounds × steps × unit_step_s).

        A unit takes its chains in rounds of as many as it advances at once. In a full batch every round is full.
        """
        unstated = _unstated(vars(self) | {"flop_per_s": roofline.flop_per_s, "byte_per_s": roofline.byte_per_s})
        if self.units is None or self.unit_bytes is None:
            return Tier(refused=unstated)
        room = (self.unit_bytes - chains.model_bytes) // chains.chain_bytes
        if room < 1:
            needed = chains.model_bytes + chains.chain_bytes
            return Tier(
                refused=(f"the model and one chain take {needed:.3g} bytes; a unit holds {self.unit_bytes:.3g}",)
            )
        at_once = _each(Figure.of(self.unit_chains), lambda held: min(held, room))
        busiest = -(-chains.count // self.units)
        rounds = _each(busiest / at_once, math.ceil)
        whole = chains.flops * busiest * self.units / chains.count
        step = chains.steps * Figure.of(self.unit_step_s)
        moved = chains.model_bytes + chains.read_out_bytes
        return Tier(
            seconds=roofline.seconds(whole, moved).at_least(rounds * step),
            full_batch=roofline.seconds(chains.flops, chains.read_out_bytes).at_least(
                chains.count / (self.units * at_once) * step
            ),
            refused=unstated,
        )


def _each(figure: Figure, function: Callable[[float], float]) -> Figure:
    """A rising function of a figure, end by end."""
    value, low, high = (None if end is None else function(end) for end in (figure.value, figure.low, figure.high))
    return Figure(value, low, high, figure.evidence)


def _check_positive(numbers: Mapping[str, Figure | float | None]) -> None:
    for name, given in numbers.items():
        value = Figure.of(given).value
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; it must be positive and finite, or None if not stated")


def _unstated(numbers: Mapping[str, Figure | float | None]) -> tuple[str, ...]:
    return tuple(f"{name} is not stated" for name, given in numbers.items() if Figure.of(given).value is None)


def _fastest(times: Iterable[Figure]) -> Figure:
    """The smallest figure, end by end, of those that are known."""
    known = [time for time in times if time.value is not None]
    if not known:
        return Figure.of(None)
    value, low, high = (min(ends) for ends in zip(*((time.value, time.low, time.high) for time in known)))
    return Figure(value, low, high, Evidence.weakest(time.evidence for time in known if time.evidence is not None))


def execution(counts: dict[str, float], tiers: dict[str, Tier], notes: dict[str, Any]) -> Execution:
    """The account of a run, timed by the fastest tier that applies."""
    known = {name: tier.seconds.value for name, tier in tiers.items() if tier.seconds.value is not None}
    full_batch = _fastest(tier.full_batch for tier in tiers.values())
    timeline = play([Work(phase="sampling", seconds=_fastest(tier.seconds for tier in tiers.values()))])
    return Execution(
        counts=counts,
        seconds={"active": timeline.device_time},
        device_time_s=timeline.device_time,
        phases=timeline.phases,
        timeline=timeline.to_dict(),
        notes=notes
        | {
            "tier": min(known, key=lambda name: known[name], default=None),
            "tiers": {name: tier.note() for name, tier in tiers.items()},
            "full_batch_s": full_batch.value,
        },
        full_batch_s=full_batch,
    )
