"""The stationary law of a small network of p-bits under any clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pbits.models import Clamp, DirectedModel, EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.reference import chips
from pbits.reference.chains import MAX_SPINS, stationary, transition
from pbits.reference.delayed import MAX_DELAYED, delayed_law
from pbits.reference.unsettled import MAX_UNSETTLED, unsettled_law

Network = TypeVar("Network", bound=IsingModel | DirectedModel)


@dataclass(frozen=True, kw_only=True, eq=False)
class StationaryLaw:
    """What a network samples in the long run.

    Attributes
    ----------
    probabilities : (2ⁿ,) array
        In the order of `pbits.exact`: first site most significant, −1 before +1.
    error : float
        What this may be off by, in total variation: 0 where it is solved by linear algebra, else an estimate on the
        safe side of what the discretisation leaves.
    """

    probabilities: NDArray[np.float64]
    error: float


def stationary_of(model: EnergyModel, beta: float, rule: Mapping[str, Any]) -> StationaryLaw:
    """The stationary law of a rule: what `pbits.reference.transition` takes, or of p-bits on Poisson clocks.

    Parameters
    ----------
    model : EnergyModel
        Of spins; up to 10 of them, fewer where synapses are slow or inputs settle.
    beta : float
    rule : mapping
        ``{"rule": "poisson", "synapse": "instant" | "delay" | "rc", "s": τ_S/τ_N, "rates": …}``, ``{"rule": "chips",
        …}`` with the arguments of `pbits.reference.chips.law`, ``{"rule": "unsettled", …}`` with those of
        `pbits.reference.unsettled.unsettled_law`, or the arguments of `transition`.

    Raises
    ------
    ValueError
        As `transition`, and where slow synapses or inputs that settle have too many p-bits.
    """
    how = dict(rule)
    given = {name: value for name, value in how.items() if name != "rule"}
    if how["rule"] == "chips":
        assert isinstance(model, IsingModel)
        return StationaryLaw(probabilities=read_only(chips.law(model, beta, **given)), error=0.0)
    if how["rule"] == "unsettled":
        assert isinstance(model, IsingModel | DirectedModel)
        probabilities, error = unsettled_law(model, beta, **given)
        return StationaryLaw(probabilities=read_only(probabilities), error=error)
    if how["rule"] != "poisson":
        return StationaryLaw(probabilities=read_only(stationary(transition(model, beta=beta, **how))), error=0.0)
    synapse, s, rates = how.get("synapse", "instant"), how.get("s", 0.0), how.get("rates")
    if synapse == "instant" or s == 0:
        matrix = transition(model, "random", beta, rates=rates)
        return StationaryLaw(probabilities=read_only(stationary(matrix)), error=0.0)
    probabilities, error = delayed_law(model, beta, synapse=synapse, s=s, rates=rates)
    return StationaryLaw(probabilities=read_only(probabilities), error=error)


def free_part(model: Network, clamp: Clamp) -> Network:
    """The model of the free sites, in order, with the clamped ones turned into fields."""
    if not clamp:
        return model
    held = np.array(sorted(clamp), dtype=np.int64)
    free = np.setdiff1d(np.arange(model.n), held)
    J = model.csr.toarray()
    pull = J[np.ix_(free, held)] @ np.array([clamp[int(site)] for site in held])
    return type(model)(J[np.ix_(free, free)], model.h[free] + pull)


def most_spins(rule: Mapping[str, Any]) -> int:
    """How many spins `stationary_of` takes under a rule."""
    if rule.get("rule") == "chips":
        return chips.MAX_SPINS
    if rule.get("rule") == "unsettled":
        return MAX_UNSETTLED
    slow = rule.get("synapse", "instant") if rule.get("s", 0.0) else "instant"
    return MAX_SPINS if slow == "instant" else MAX_DELAYED[slow]


def own_rule(model: EnergyModel) -> dict[str, Any]:
    """The rule by which a directed network has a law of its own: parents first, or one at a time at random."""
    assert isinstance(model, DirectedModel)
    return {"rule": "sequential"} if model.acyclic else {"rule": "random"}
