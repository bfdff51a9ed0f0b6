"""What a machine does to a model without saying so, told with its size."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from pbits.models import DirectedModel, EnergyModel, IsingModel

if TYPE_CHECKING:
    from pbits.result import Run

# Draws over which the odds of an update are compared.
_DRAWS = 256


class HarmWarning(UserWarning):
    """A machine went on with less than it was given: numbers clipped or rounded away, p-bits stuck, slopes unequal."""


def warn_of_harm(run: Run, against: EnergyModel | None = None) -> None:
    """Warn of the harms that a machine's notes list, with their size.

    The size is the total variation between what is held and what was posed, or is aimed at, where laws of both can be
    written down (`Run.errors.mapping`), and what the clock adds. Elsewhere it is `odds_moved` over the draws, which
    tells nothing where the clock alone does harm.
    """
    harms = run.record["notes"].get("harms", [])
    if not harms:
        return
    if run.errors is not None:
        size = f"{run.errors.measure} to the posed model {run.errors.mapping:.2g}"
        if run.errors.clock:
            size += f", and by the clock {run.errors.clock:.2g}"
    else:
        moved = odds_moved(
            run.model if against is None else against, run.realised, float(run.schedule.beta), run.states
        )
        size = (
            "how much this moves the law is not known"
            if not moved
            else f"an update goes otherwise than posed with probability {moved:.2g}, the mean over p-bits and draws"
        )
    warnings.warn(HarmWarning(f"{run.record['machine']['name']}: {', '.join(harms)}; {size}"), stacklevel=3)


def odds_moved(posed: EnergyModel, held: EnergyModel, beta: float, states: np.ndarray) -> float | None:
    """The mean of |σ(2βI'_i) − σ(2βI_i)| over sites and states (…, n): I' of what is held, I of what was posed.

    It bounds nothing, and says how often one and the same random number would decide otherwise. None where the two
    are no networks of the same spins.
    """
    networks = IsingModel, DirectedModel
    if not (isinstance(posed, networks) and isinstance(held, networks) and posed.n == held.n):
        return None
    flat = states.reshape(-1, posed.n)
    some = flat[:: -(-len(flat) // _DRAWS)].astype(np.float64).T
    odds = [expit(2 * beta * (model.csr @ some + model.h[:, None])) for model in (posed, held)]
    return float(np.abs(odds[1] - odds[0]).mean())
