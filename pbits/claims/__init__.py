"""Claims: what a statement such as "10,000 times less energy than a GPU" needs in order to hold."""

from pbits.claims.break_even import (
    batch_size,
    duty_cycle,
    host_power,
    overhead_factor,
    read_budget,
    samples_per_programming,
)
from pbits.claims.check import Alternative, Break, BreakEven, ClaimCheck, Found, check_claim
from pbits.claims.dossier import Claim, available

__all__ = [
    "Alternative",
    "Break",
    "BreakEven",
    "Claim",
    "ClaimCheck",
    "Found",
    "available",
    "batch_size",
    "check_claim",
    "duty_cycle",
    "host_power",
    "overhead_factor",
    "read_budget",
    "samples_per_programming",
]
