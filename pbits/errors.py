"""Three errors, three numbers: what a machine holds, by which law it moves, and how well it was sampled.

Mapping error: what the machine holds (after rounding, mismatch, embedding) against the model as posed. Clock error:
the stationary law of its dynamics against the Boltzmann law of what it holds. Sampling error: the draws against
that stationary law. Each is a distance between laws over the sites of the posed model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbits.models import Clamp, EnergyModel, GaussianModel, IsingModel
from pbits.reference import exact, stationary, total_variation, transition, tv_noise_floor
from pbits.reference.chains import MAX_SPINS
from pbits.substrate import Law

MAX_SITES = 14
"""Spin laws are tabulated up to this many sites of the machine: 2¹⁴ states."""


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Distances between laws over the posed sites.

    Attributes
    ----------
    measure : str
        Spins: total variation. Reals: root mean square over sites of the shift of the mean, in standard deviations
        of the posed law.
    mapping, clock, sampling, total : float
        `total` is the draws against the Boltzmann law of the model as posed.
    floor : float
        What `sampling` and, for a faithful machine, `total` would be by chance, given the effective samples.
    """

    measure: str
    mapping: float
    clock: float
    sampling: float
    total: float
    floor: float

    @property
    def faithful(self) -> bool:
        """Whether the draws are as close to the posed law as chance allows (1.5 times the floor)."""
        return self.total <= 1.5 * self.floor


def law_table(law: Law, n: int) -> NDArray[np.float64]:
    """Probabilities (2ⁿ,) that a law of spins gives to the states of the n posed sites, in the order of `exact`."""
    assert isinstance(law.model, IsingModel)
    held = exact(law.model, law.beta, law.clamp)
    states, probabilities = held.states, held.probabilities
    assert states is not None
    if law.kind == "stationary":
        probabilities = stationary(transition(_free_part(law.model, law.clamp), beta=law.beta, **law.rule))
    if law.readout is not None:
        states = law.readout(states)
    return np.asarray(np.bincount(_code(states), weights=probabilities, minlength=2**n), dtype=np.float64)


def _free_part(model: IsingModel, clamp: Mapping[int, float]) -> IsingModel:
    """The model of the free sites, in order, with the clamped ones turned into fields."""
    held = np.array(sorted(clamp), dtype=np.int64)
    free = np.setdiff1d(np.arange(model.n), held)
    J = model.csr.toarray()
    pull = J[np.ix_(free, held)] @ np.array([clamp[int(site)] for site in held])
    return IsingModel(J[np.ix_(free, free)], model.h[free] + pull)


def histogram(states: NDArray) -> NDArray[np.float64]:
    """Shares (2ⁿ,) of spin states (…, n), in the order of `exact`."""
    flat = states.reshape(-1, states.shape[-1])
    return np.asarray(np.bincount(_code(flat), minlength=2 ** flat.shape[1]) / len(flat), dtype=np.float64)


def _code(spins: NDArray) -> NDArray[np.int64]:
    return (spins > 0) @ (1 << np.arange(spins.shape[1])[::-1])


def within_reach(posed: EnergyModel, law: Law) -> bool:
    """Whether the laws can be written down: spins on up to 14 machine sites, and Gaussian models."""
    if isinstance(posed, GaussianModel):
        return law.kind == "boltzmann" and isinstance(law.model, GaussianModel)
    if not (isinstance(posed, IsingModel) and isinstance(law.model, IsingModel)):
        return False
    largest = {"boltzmann": MAX_SITES, "stationary": MAX_SPINS, "unknown": 0}[law.kind]
    return law.model.n <= largest


def three_errors(posed: EnergyModel, law: Law, clamp: Clamp, states: NDArray, effective_samples: float) -> Errors:
    """The errors of draws (chains, draws, n) of a model whose laws are `within_reach`."""
    if isinstance(posed, GaussianModel):
        return _reals(posed, law, clamp, states, effective_samples)
    n = posed.n
    wanted = law_table(Law(kind="boltzmann", model=posed, beta=law.beta, clamp=clamp), n)
    held = law_table(Law(kind="boltzmann", model=law.model, beta=law.beta, clamp=law.clamp, readout=law.readout), n)
    moved = held if law.kind == "boltzmann" else law_table(law, n)
    drawn = histogram(states)
    return Errors(
        measure="total variation",
        mapping=float(total_variation(held, wanted)),
        clock=float(total_variation(moved, held)),
        sampling=float(total_variation(drawn, moved)),
        total=float(total_variation(drawn, wanted)),
        floor=float(tv_noise_floor(moved, effective_samples)),
    )


def _reals(posed: GaussianModel, law: Law, clamp: Clamp, states: NDArray, effective_samples: float) -> Errors:
    assert law.model is not None
    wanted, held = exact(posed, law.beta, clamp), exact(law.model, law.beta, law.clamp)
    free = np.setdiff1d(np.arange(posed.n), list(clamp))
    deviations = np.sqrt(np.diag(wanted.covariance)[free])
    drawn = states.reshape(-1, posed.n).mean(axis=0)

    def shift(a: NDArray, b: NDArray) -> float:
        return float(np.sqrt(np.mean(((a - b)[free] / deviations) ** 2)))

    return Errors(
        measure="shift of the means, in standard deviations",
        mapping=shift(held.mean, wanted.mean),
        clock=0.0,
        sampling=shift(drawn, held.mean),
        total=shift(drawn, wanted.mean),
        floor=float(1 / np.sqrt(effective_samples)),
    )
