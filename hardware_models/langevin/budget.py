"""What linear algebra on a circuit costs, before it is run: seconds and joules by dimension, condition and accuracy.

A `Demand` is what an algorithm asks of a machine, in time constants and words; `budget` turns it into seconds and
joules with the times and prices of one machine. The laws of error behind it are those of `pbits.langevin.durations`;
a run counts the same things from events.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.langevin.durations import exponentiating, integrating, inverting, settling, solving
from pbits.parameters import Figure, Included, Parameter, PriceTable

Task = Literal["solve", "inverse", "lyapunov", "determinant", "exponential"]

# Programmings along the path of a determinant, for each unit of its thermodynamic length.
_STAGES = 2


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What an algorithm asks of a machine of n cells.

    Attributes
    ----------
    n : int
    programmings : int
        How often all n² + n words are written.
    settle : float
        Time constants of waiting after each programming.
    average : float
        Time constants of averaging, all together.
    frames : int
        Read-outs of all cells.
    """

    n: int
    programmings: int
    settle: float
    average: float
    frames: int

    @property
    def words(self) -> int:
        """Written in all."""
        return self.programmings * (self.n**2 + self.n)


def demand(
    task: Task, rates: ArrayLike, accuracy: float, *, noise_to_signal: float = 1.0, interval: float | None = None
) -> Demand:
    """What an overdamped machine dx = −(Ax − b) dt/τ + √(2/βτ) dW needs for an answer of a wanted accuracy.

    Parameters
    ----------
    task : {"solve", "inverse", "lyapunov", "determinant", "exponential"}
        Lyapunov equations are those with a multiple of 1 on the right, which cost what an inverse costs.
    rates : (n,) array
        Eigenvalues of A.
    accuracy : float
        Root mean square error: of "solve" relative to ‖x‖; of matrices in the Frobenius norm, relative to that of the
        answer; of "determinant" absolute, of ln det A.
    noise_to_signal : float
        √(tr A⁻¹/β)/‖x‖, for "solve": how far the cells scatter, over how far they are driven.
    interval : float, optional
        Time constants between read-outs. When absent: the slowest relaxation time; for "determinant", along whose path
        all modes become as fast as the fastest, that of the fastest; for "exponential" 1, the time whose e^(−A) is
        wanted. A solve may be averaged by an analog filter, and read once: `math.inf`.

    Raises
    ------
    ValueError
        For an unknown task, a number that is not positive, or an interval with which the answer cannot be read.
    """
    if task not in get_args(Task):
        raise ValueError(f"task is {task!r}; it must be one of {', '.join(get_args(Task))}")
    modes = np.asarray(rates, dtype=np.float64)
    wait = settling(modes, accuracy)
    if not (math.isfinite(noise_to_signal) and noise_to_signal > 0):
        raise ValueError(f"noise_to_signal is {noise_to_signal}; it must be positive and finite")
    if interval is not None and not interval > 0:
        raise ValueError(f"interval is {interval}; it must be a positive number of time constants")
    filtered = interval == math.inf
    if filtered and task != "solve":
        raise ValueError(f"an analog filter averages voltages, and {task} needs their products; give an interval")
    usual = {"determinant": 1 / modes.max(), "exponential": 1.0}.get(task, 1 / modes.min())
    every = float(usual if interval is None else interval)
    n, programmings = len(modes), 1
    if task == "solve":
        signal = math.sqrt((1 / modes).sum()) / noise_to_signal
        average = solving(modes, accuracy * signal, interval=None if filtered else every)
    elif task in ("inverse", "lyapunov"):
        average = inverting(modes, accuracy * float(np.linalg.norm(1 / modes)), interval=every)
    elif task == "determinant":
        # ln det A is twice the free energy.
        average = integrating(modes, accuracy / 2, interval=every)
        programmings = 1 + math.ceil(_STAGES * thermodynamic_length(modes))
    else:
        average = exponentiating(modes, accuracy * float(np.linalg.norm(np.exp(-modes))), interval=every)
    frames = 1 if filtered else math.ceil(max(average / every, 1))
    return Demand(n=n, programmings=programmings, settle=wait, average=average, frames=frames)


def thermodynamic_length(rates: NDArray[np.float64]) -> float:
    """√(½ Σ ln²(λ_max/λ_k)): the length of the way from λ_max·1 to A, in standard deviations of ∂E/∂s."""
    return float(np.sqrt(0.5 * (np.log(rates.max() / rates) ** 2).sum()))


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Seconds by phase, and joules by what they are paid for; a figure of None is not stated.

    Attributes
    ----------
    programming_s, settling_s, averaging_s, conversion_s : Figure
        Cells hold their voltages while they are converted.
    joules : mapping
        "programming", "cells" (what the noise dissipates in them), "noise" (its generators), "amplifiers" and
        "conversion".
    """

    programming_s: Figure
    settling_s: Figure
    averaging_s: Figure
    conversion_s: Figure
    joules: Mapping[str, Figure]

    @property
    def device_time_s(self) -> Figure:
        """All phases, one after another."""
        return self.programming_s + self.settling_s + self.averaging_s + self.conversion_s

    @property
    def total_joules(self) -> Figure:
        """The sum; not stated where a part is not."""
        return sum(self.joules.values(), Figure.of(0.0))


def budget(
    asked: Demand,
    *,
    tau_s: Figure | float,
    word_s: Figure | float,
    adc_s: Figure | float,
    prices: PriceTable,
    amplifiers: int | None = None,
) -> Budget:
    """Seconds and joules of a demand on a machine.

    Parameters
    ----------
    asked : Demand
    tau_s : Figure or float
        The time constant τ: RC times the largest entry of A.
    word_s, adc_s : Figure or float
        To write a word, and to convert a frame of all cells.
    prices : PriceTable
        "dac", "cell_second", "noise_second", "amplifier_second" and "adc" are taken from it.
    amplifiers : int, optional
        Of the active couplings; n² when absent, as a full matrix needs, and 0 of passive ones.

    Raises
    ------
    ValueError
        For a negative number.
    """
    used = asked.n**2 if amplifiers is None else amplifiers
    for name, given in (("tau_s", tau_s), ("word_s", word_s), ("adc_s", adc_s), ("amplifiers", used)):
        value = Figure.of(given).value
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; it must be finite and at least 0")
    cells_s = (asked.programmings * asked.settle + asked.average) * Figure.of(tau_s)
    programming = asked.words * Figure.of(word_s)
    return Budget(
        programming_s=programming,
        settling_s=asked.programmings * asked.settle * Figure.of(tau_s),
        averaging_s=asked.average * Figure.of(tau_s),
        conversion_s=asked.frames * Figure.of(adc_s),
        joules=MappingProxyType(
            {
                "programming": asked.words * _joules(prices, "dac"),
                "cells": asked.n * cells_s * _joules(prices, "cell_second"),
                "noise": asked.n * cells_s * _joules(prices, "noise_second"),
                "amplifiers": used * cells_s * _joules(prices, "amplifier_second") if used else Figure.of(0.0),
                "conversion": asked.n * asked.frames * _joules(prices, "adc"),
            }
        ),
    )


def _joules(prices: PriceTable, item: str) -> Figure:
    price = prices.items().get(item)
    return Figure.of(0.0 if isinstance(price, Included) else price if isinstance(price, Parameter) else None)
