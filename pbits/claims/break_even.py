"""Where a machine breaks even, in closed form: the value of one number at which an advantage A over a rival is left.

All joules are per sample. A budget is rival / A − joules: what may still be spent. Where nothing may be, no value of
the number helps, and the answer is None.
"""

from __future__ import annotations

import math


def _budget(rival_j: float, joules: float, advantage: float) -> float:
    if not (math.isfinite(rival_j) and rival_j > 0 and math.isfinite(joules) and joules >= 0):
        raise ValueError(
            f"the rival takes {rival_j:g} J and the machine {joules:g} J; both must be finite and not below 0"
        )
    if not (math.isfinite(advantage) and advantage > 0):
        raise ValueError(f"the advantage is {advantage:g}; it must be a finite factor above 0")
    return rival_j / advantage - joules


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value:g}; it must be finite and above 0")


def read_budget(rival_j: float, dynamic_j: float, reads: float, advantage: float = 1.0) -> float | None:
    """Joules that one read may take, (rival / A − dynamic) / reads.

    Examples
    --------
    >>> f"{read_budget(1.3e-4, 1.274e-8, reads=8 * 884, advantage=5000):.2e}"
    '1.87e-12'
    """
    _positive(reads=reads)
    left = _budget(rival_j, dynamic_j, advantage)
    return left / reads if left > 0 else None


def samples_per_programming(
    rival_j: float, marginal_j: float, write_j: float, writes: float, advantage: float = 1.0
) -> float | None:
    """Samples to a programming from which it pays: n* = write · writes / (rival / A − marginal)."""
    _positive(write_j=write_j, writes=writes)
    left = _budget(rival_j, marginal_j, advantage)
    return write_j * writes / left if left > 0 else None


def host_power(rival_j: float, joules: float, seconds: float, advantage: float = 1.0) -> float | None:
    """Watts that what serves the machine may draw for the seconds of a sample, (rival / A − joules) / seconds."""
    _positive(seconds=seconds)
    left = _budget(rival_j, joules, advantage)
    return left / seconds if left > 0 else None


def duty_cycle(rival_j: float, joules: float, standby_w: float, seconds: float, advantage: float = 1.0) -> float | None:
    """Share of the time that a machine has to work, else standing by: 1 / (1 + (rival / A − joules) / (P · seconds)).

    From joules + P · seconds · (1 / duty − 1) = rival / A.
    """
    _positive(standby_w=standby_w, seconds=seconds)
    left = _budget(rival_j, joules, advantage)
    return 1 / (1 + left / (standby_w * seconds)) if left >= 0 else None


def overhead_factor(rival_j: float, joules: float, advantage: float = 1.0) -> float | None:
    """Factor on the machine's joules alone, such as a PUE or the loss of a supply, rival / (A · joules).

    A factor that both sides have cancels. None below 1, which no wider boundary can have.
    """
    _positive(joules=joules)
    return rival_j / (advantage * joules) if _budget(rival_j, joules, advantage) >= 0 else None


def batch_size(rival_j: float, marginal_j: float, batch_j: float, advantage: float = 1.0) -> float | None:
    """Samples that have to share what a batch takes once, batch / (rival / A − marginal)."""
    _positive(batch_j=batch_j)
    left = _budget(rival_j, marginal_j, advantage)
    return batch_j / left if left > 0 else None
