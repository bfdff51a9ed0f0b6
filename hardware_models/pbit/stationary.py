"""What a clock does to a law, before the machine is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.pbit.disciplines import Discipline
from pbits.models import Clamp, DirectedModel, EnergyModel, IsingModel
from pbits.models.base import clamped_sites, read_only
from pbits.reference import exact, free_part, stationary_of, total_variation


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DisciplineLaw:
    """The stationary law of a network of p-bits under an update discipline.

    Attributes
    ----------
    states : (m, n) int8
        First site most significant, −1 before +1; clamped sites at their clamp.
    probabilities : (m,) array
    mean : (n,) array
        ⟨s_i⟩.
    correlation : (n, n) array
        ⟨s_i s_j⟩.
    error : float
        What these probabilities may be off by, in total variation: 0 where they are solved by linear algebra, else an
        estimate on the safe side.
    distance : float, optional
        Total variation to Boltzmann's law; None for a network that has none, whose couplings are directed.
    """

    states: NDArray[np.int8]
    probabilities: NDArray[np.float64]
    mean: NDArray[np.float64]
    correlation: NDArray[np.float64]
    error: float
    distance: float | None

    def __repr__(self) -> str:
        distance = "none" if self.distance is None else f"{self.distance:.4g}"
        return f"DisciplineLaw(n={len(self.mean)}, distance={distance}, error={self.error:.2g})"


def stationary_law(
    model: EnergyModel, update: str = "sequential", *, beta: float = 1.0, clamp: Clamp | None = None, **options: Any
) -> DisciplineLaw:
    """The law that p-bits sample in the long run under an update discipline.

    Parameters
    ----------
    model : IsingModel, PolynomialModel or DirectedModel
        Of at most 10 free p-bits; fewer where synapses are slow, as the error says.
    update : str
        As `Array` takes it.
    beta : float
    clamp : mapping, optional
    **options
        Arguments of the discipline: ``q``, ``time_step``, ``synapse``, ``s``, ``rates``; see `Discipline`.

    Raises
    ------
    ValueError
        For an unknown discipline or an argument it does not have, or too many p-bits.

    Examples
    --------
    All at once, two coupled p-bits do not correlate at all:

    >>> import pbits
    >>> from hardware_models import pbit
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> law = pbit.stationary_law(pair, "synchronous")
    >>> round(abs(float(law.correlation[0, 1])), 6), round(law.distance, 4)
    (0.0, 0.3808)
    """
    known = ("q", "time_step", "synapse", "s", "rates")
    if strange := sorted(options.keys() - set(known)):
        raise ValueError(f"a discipline has no argument {strange[0]!r}; it has {', '.join(known)}")
    discipline = Discipline(update=update, **options)
    discipline.check(model)
    sites, values = clamped_sites(model, clamp)
    held = dict(zip(sites.tolist(), values.tolist()))
    free = free_part(model, held) if isinstance(model, IsingModel | DirectedModel) else model
    if held and free is model:
        raise ValueError(f"a {type(model).__name__} is taken here without a clamp")
    found = stationary_of(free, beta, discipline.rule(free))
    listed = exact(IsingModel(np.zeros((model.n,) * 2)), 0.0, held).states
    assert listed is not None
    states = listed.astype(np.int8)
    probabilities = found.probabilities
    weighted = states * probabilities[:, None]
    distance = None
    if not isinstance(model, DirectedModel):
        boltzmann = exact(model, beta, held).probabilities
        assert boltzmann is not None
        distance = float(total_variation(probabilities, boltzmann))
    return DisciplineLaw(
        states=read_only(states),
        probabilities=probabilities,
        mean=read_only(weighted.sum(axis=0)),
        correlation=read_only(weighted.T @ states),
        error=found.error,
        distance=distance,
    )
