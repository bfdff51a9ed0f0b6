"""Non-idealities of analog circuits, one small class each: the components a chip has, and what they do to its law.

An effect's `build` turns the components that were meant into those of a chip, and `predict` says in closed form what
that does to the mean and the covariance of the voltages, on average over chips and from chip to chip.
"""

from hardware_models.langevin.effects.amplifiers import FiniteGain, GainBandwidth, Offset
from hardware_models.langevin.effects.balance import Balance, Change
from hardware_models.langevin.effects.base import CircuitEffect
from hardware_models.langevin.effects.components import (
    ComponentDrift,
    InductorLoss,
    LeakyCapacitors,
    Rounding,
    Tolerance,
    mutual_factors,
    rounded,
)
from hardware_models.langevin.effects.saturation import SaturatedTransition, Saturation
from hardware_models.langevin.effects.sources import JohnsonNoise, NoiseBandwidth, NoiseMismatch

__all__ = [
    "Balance",
    "Change",
    "CircuitEffect",
    "ComponentDrift",
    "FiniteGain",
    "GainBandwidth",
    "InductorLoss",
    "JohnsonNoise",
    "LeakyCapacitors",
    "NoiseBandwidth",
    "NoiseMismatch",
    "Offset",
    "Rounding",
    "SaturatedTransition",
    "Saturation",
    "Tolerance",
    "mutual_factors",
    "rounded",
]
