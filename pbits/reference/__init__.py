"""The slow truth: exact laws by enumeration and linear algebra, in plain NumPy."""

from pbits.reference.chains import (
    ReducibleError,
    conditionals,
    exact_tau_int,
    relaxation,
    stationary,
    transition,
    transition_of,
)
from pbits.reference.disciplines import StationaryLaw, free_part, most_spins, own_rule, stationary_of
from pbits.reference.exact import MAX_STATES, ExactLaw, exact, total_variation, tv_noise_floor

__all__ = [
    "MAX_STATES",
    "ExactLaw",
    "ReducibleError",
    "StationaryLaw",
    "conditionals",
    "exact",
    "exact_tau_int",
    "free_part",
    "most_spins",
    "own_rule",
    "relaxation",
    "stationary",
    "stationary_of",
    "total_variation",
    "transition",
    "transition_of",
    "tv_noise_floor",
]
