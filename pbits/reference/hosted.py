"""Cells with a host in the loop, number by number."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pbits.models.potential import PotentialModel, QuarticModel
from pbits.reference.twins import Key, normal
from pbits.schedule import Schedule

Steps = tuple[int, float] | None


def hosted_chains(
    model: QuarticModel | PotentialModel,
    schedule: Schedule,
    key: Key,
    *,
    substeps: int,
    hold: float,
    delay: int,
    noise: float,
    adc: Steps,
    dac: Steps,
) -> NDArray[np.float64]:
    """Observed states (chains, draws, n) of chains that start at 0; converters are (bits, full scale)."""
    observed, betas = schedule.observed_steps().tolist(), schedule.betas()
    found = np.empty((schedule.chains, len(observed), model.n))
    for chain in range(schedule.chains):
        x, late = [0.0] * model.n, [[0.0] * model.n] * delay
        for step in range(1, observed[-1] + 1):
            for part in range(substeps):
                slope = model.gradient(np.array([_converted(value, adc) for value in x]))
                late = [*late, [_converted(hold * float(value), dac) for value in slope]]
                number = (step - 1) * substeps + part
                strength = math.sqrt(2 * hold * noise / betas[step - 1])
                x = [
                    value - late[0][site] + strength * normal(key, chain, site, number) for site, value in enumerate(x)
                ]
                late = late[1:]
            if step in observed:
                found[chain, observed.index(step)] = x
    return found


def _converted(value: float, steps: Steps) -> float:
    """The middle of the step of a converter in which a value lies."""
    if steps is None:
        return value
    bits, full_scale = steps
    width = 2 * full_scale / 2**bits
    code = min(max(math.floor(value / width), -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)
    return (code + 0.5) * width
