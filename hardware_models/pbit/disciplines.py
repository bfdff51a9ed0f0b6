"""When p-bits move: every clock, from one at a time to none at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from pbits.mapping import colour_classes
from pbits.models import CategoricalModel, DirectedModel, EnergyModel

CLOCKED = ("sequential", "random", "chromatic", "synchronous", "partial")
AUTONOMOUS = ("discrete", "poisson")
UPDATES = (*CLOCKED, *AUTONOMOUS)
SYNAPSES = ("instant", "delay", "rc")
_OF = {"q": "partial", "time_step": "discrete", "synapse": "poisson", "s": "poisson"}


@dataclass(frozen=True, kw_only=True)
class Discipline:
    """An update discipline and its parameters.

    Attributes
    ----------
    update : str
        * ``sequential``: p-bit 0 to n − 1, one at a time; of a Bayesian net, parents before children;
        * ``random``: one at a time, drawn uniformly;
        * ``chromatic``: groups of p-bits that do not see one another, group after group;
        * ``synchronous``: all at once from the state before;
        * ``partial``: at each clock every p-bit moves with probability q;
        * ``discrete``: at each clock every p-bit flips with probability 1 − exp(−(Δt/τ_N) e^(−βs_i I_i));
        * ``poisson``: without a clock; each p-bit moves at random times, τ_N apart on average.
    q : float in (0, 1]
        Of "partial".
    time_step : float
        Of "discrete": Δt/τ_N > 0.
    synapse : {"instant", "delay", "rc"}
        Of "poisson": how I_i follows the spins: at once, after a time τ_S, or through a filter of first order,
        dI/dt = (I* − I)/τ_S.
    s : float
        Of "poisson" with a slow synapse: τ_S/τ_N > 0.
    rates : tuple of float, optional
        Of "discrete" and "poisson": how fast each p-bit is, in units of 1/τ_N; 1 when absent.

    Raises
    ------
    ValueError
        For an unknown discipline, or a parameter that it does not have, lacks, or cannot have.
    """

    update: str
    q: float | None = None
    time_step: float | None = None
    synapse: str = "instant"
    s: float = 0.0
    rates: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.update not in UPDATES:
            raise ValueError(f"update is {self.update!r}; it must be one of {', '.join(UPDATES)}")
        for name in ("q", "time_step", "s"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, Real) or isinstance(value, bool)):
                raise ValueError(f"{name} is {value!r}; it must be a number")
        given = {
            "q": self.q,
            "time_step": self.time_step,
            "synapse": None if self.synapse == "instant" else 1,
            "s": self.s or None,
        }
        for name, owner in _OF.items():
            if given[name] is not None and self.update != owner:
                raise ValueError(f"{name} belongs to update={owner!r}; the update here is {self.update!r}")
        if self.rates is not None and self.update not in AUTONOMOUS:
            raise ValueError(f"rates belong to {' and '.join(AUTONOMOUS)}; a clock moves all p-bits alike")
        if self.update == "partial" and not (self.q is not None and 0 < self.q <= 1):
            raise ValueError(f"q is {self.q}; 'partial' needs the probability of a move, above 0 and at most 1")
        if self.update == "discrete" and not (self.time_step is not None and 0 < self.time_step < np.inf):
            raise ValueError(f"time_step is {self.time_step}; 'discrete' needs Δt/τ_N, positive and finite")
        if self.synapse not in SYNAPSES:
            raise ValueError(f"synapse is {self.synapse!r}; it must be one of {', '.join(SYNAPSES)}")
        if not 0 <= self.s < np.inf:
            raise ValueError(f"s is {self.s}; the ratio τ_S/τ_N must be at least 0 and finite")
        if self.synapse == "instant" and self.s:
            raise ValueError(f"s is {self.s} and the synapse instant; say synapse='delay' or synapse='rc'")
        if self.synapse != "instant" and not self.s:
            raise ValueError(f"the synapse is {self.synapse!r} and s = τ_S/τ_N is 0; give s > 0, or synapse='instant'")

    @property
    def samples_boltzmann(self) -> bool:
        """Whether mutual couplings are sampled by Boltzmann's law."""
        slow = self.synapse != "instant" and self.s > 0
        return self.update in ("sequential", "random", "chromatic") or (self.update == "poisson" and not slow)

    def check(self, model: EnergyModel) -> None:
        """Refuse a model that this discipline cannot move.

        Raises
        ------
        ValueError
        """
        if isinstance(model, CategoricalModel) and self.update not in ("sequential", "random", "chromatic"):
            raise ValueError(f"the update {self.update!r} moves spins; sites that hold categories move one at a time")

    def rule(self, model: EnergyModel) -> dict[str, Any]:
        """Arguments of `pbits.reference.stationary_of`."""
        rates = {} if self.rates is None else {"rates": list(self.rates)}
        if self.update == "poisson":
            return {"rule": "poisson", "synapse": self.synapse, "s": self.s, **rates}
        if self.update == "discrete":
            return {"rule": "discrete", "time_step": self.time_step, **rates}
        if self.update == "partial":
            assert self.q is not None
            return {"rule": "synchronous", "persistence": 1 - self.q}
        if self.update == "chromatic":
            return {"rule": "chromatic", "phases": [group.tolist() for group in colour_classes(model)]}
        if self.update == "sequential" and isinstance(model, DirectedModel):
            return {"rule": "sequential", "order": model.order.tolist()}
        return {"rule": self.update}
