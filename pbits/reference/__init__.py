"""The slow truth: exact laws by enumeration and linear algebra, in plain NumPy."""

from pbits.reference.chains import (
    conditionals,
    exact_tau_int,
    relaxation,
    stationary,
    transition,
    transition_of,
)
from pbits.reference.exact import MAX_STATES, ExactLaw, exact, total_variation, tv_noise_floor

__all__ = [
    "MAX_STATES",
    "ExactLaw",
    "conditionals",
    "exact",
    "exact_tau_int",
    "relaxation",
    "stationary",
    "total_variation",
    "transition",
    "transition_of",
    "tv_noise_floor",
]
