"""Three errors, three numbers: what a machine holds, by which law it moves, and how well it was sampled.

Mapping error: what the machine holds (after rounding, mismatch, embedding) against the model as posed. Clock error:
the stationary law of its dynamics against the Boltzmann law of what it holds. Sampling error: the draws against
that stationary law. Each is a distance between laws over the sites of the posed model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pbits.models import Clamp, DiffusionModel, DirectedModel, EnergyModel, GaussianModel, IsingModel
from pbits.reference import exact, free_part, most_spins, own_rule, stationary_of, total_variation, tv_noise_floor
from pbits.substrate import Law, Moments

MAX_SITES = 14
"""Spin laws are tabulated up to this many sites of the machine: 2¹⁴ states."""

MOST_STATIONARY = 8
"""Laws of a machine's own dynamics are solved for up to this many free sites by `run` itself, within a second."""

TOLERANCE = 0.01
"""What mapping and clock error may come to, together, on a machine that is called faithful."""

MARGIN, SIGMAS = 1.5, 5.0
"""How many times its floor, or spreads above it, the total may be on a machine that is called faithful."""


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Distances between laws over the posed sites.

    A directed network has no Boltzmann law. In its place stands its own: the product of its conditionals where it has
    no cycles, else that of one update at a time, at random.

    Attributes
    ----------
    measure : str
        Spins: total variation. Reals: the root mean square, over all free sites i and all pairs i ≤ j of them, of
        the deviations (m − μ)_i/√Σ_ii of the means and (S − Σ)_ij/√(Σ_ii Σ_jj + Σ_ij²) of the covariances, where
        μ and Σ are the moments of the law that is compared with. A single draw knows each of them to within 1.
    mapping, total : float
        `total` is the draws against the Boltzmann law of the model as posed.
    clock, sampling : float, optional
        None for a machine whose own law is not known.
    floor : float
        What `sampling` and, for a faithful machine, `total` would be by chance, given the effective samples. Reals:
        1/√ESS, with the ESS of the means; draws that are positively correlated know the covariances better than
        that, so the floor is generous.
    allowed : float
        What `total` stays below for a faithful machine: 1.5 times the floor, or five spreads above it where the
        distance is made of few terms and scatters widely.
    converged : bool
        Whether the effective samples, and with them the floor, can be trusted (`Diagnosis.converged`).
    clock_known_to : float
        What the numerical law of a machine with slow synapses, or inputs that settle, and so `clock`, may be off by; 0
        where it is exact.
    reading : float
        The law of what is read against the machine's own, where spins are read wrong, or reals by a converter.
    """

    measure: str
    mapping: float
    clock: float | None
    sampling: float | None
    total: float
    floor: float
    allowed: float
    converged: bool
    clock_known_to: float = 0.0
    reading: float = 0.0

    @property
    def faithful(self) -> bool | None:
        """Whether the machine samples the law as posed; None where these draws cannot tell.

        False where mapping, clock and reading error, which owe nothing to the draws, add up to more than
        0.01, or where the total exceeds what is allowed (for an exact sampler, in less than one run of a hundred
        thousand). None where the chains have not converged, or are so few that 1 is allowed, which no total
        variation could exceed.
        """
        if self.mapping + (self.clock or 0.0) + self.reading > TOLERANCE:
            return False
        if not self.converged or self.allowed >= 1:
            return None
        return self.total <= self.allowed


_LINEAR = GaussianModel, DiffusionModel


def law_table(law: Law, n: int) -> NDArray[np.float64]:
    """Probabilities (2ⁿ,) that a law of spins gives to the states of the n posed sites, in the order of `exact`."""
    return _known(law, n)[0]


def _known(law: Law, n: int) -> tuple[NDArray[np.float64], float]:
    """The table of a law, and what it may be off by."""
    assert isinstance(law.model, IsingModel | DirectedModel)
    # The states alone: a network that has no Boltzmann law is listed like any other.
    listed = exact(IsingModel(np.zeros((law.model.n,) * 2)), 0.0, law.clamp)
    states, error = listed.states, 0.0
    assert states is not None
    if law.kind == "stationary":
        found = stationary_of(free_part(law.model, law.clamp), law.beta, law.rule)
        probabilities, error = found.probabilities, found.error
    else:
        probabilities = exact(law.model, law.beta, law.clamp).probabilities
    if law.misread:
        probabilities = _misread(np.asarray(probabilities), law.misread)
    if law.readout is not None:
        states = law.readout(states)
    return np.asarray(np.bincount(_code(states), weights=probabilities, minlength=2**n), dtype=np.float64), error


def _misread(probabilities: NDArray[np.float64], chance: float) -> NDArray[np.float64]:
    """The law (2ᵏ,) of what is read, where each of k spins is read wrong with a chance of its own."""
    table = probabilities.reshape((2,) * (len(probabilities).bit_length() - 1))
    for axis in range(table.ndim):
        table = (1 - chance) * table + chance * np.flip(table, axis)
    return table.ravel()


def tv_spread(p: NDArray[np.float64], draws: float) -> float:
    """The standard deviation of the total variation of N independent draws from their law, at most.

    Each |share − p| is the modulus of a normal number, of variance (1 − 2/π) p(1 − p)/N.
    """
    return 0.5 * float(np.sqrt((1 - 2 / np.pi) * (p * (1 - p)).sum() / draws))


def histogram(states: NDArray) -> NDArray[np.float64]:
    """Shares (2ⁿ,) of spin states (…, n), in the order of `exact`."""
    flat = states.reshape(-1, states.shape[-1])
    return np.asarray(np.bincount(_code(flat), minlength=2 ** flat.shape[1]) / len(flat), dtype=np.float64)


def _code(spins: NDArray) -> NDArray[np.int64]:
    return (spins > 0) @ (1 << np.arange(spins.shape[1])[::-1])


def within_reach(posed: EnergyModel, realised: EnergyModel, law: Law) -> bool:
    """Whether the laws can be written down: spins on up to 14 machine sites, or on 8 where a clock, or couplings that
    are not mutual, make a law of their own, and models over reals with a linear drift.

    What is held and what the law is stated of must be models of the same machine sites.
    """
    if law.model is None or realised.n != law.model.n:
        return False
    if isinstance(posed, _LINEAR):
        linear = isinstance(realised, _LINEAR) and isinstance(law.model, _LINEAR)
        told = law.kind == "boltzmann" or law.moments is not None
        return linear and told and law.kind != "unknown" and law.readout is None
    networks = (posed, realised, law.model)
    if not all(isinstance(model, IsingModel | DirectedModel) for model in networks):
        return False
    mutual = law.kind != "stationary" and all(isinstance(model, IsingModel) for model in networks)
    solved = law.model.n - len(law.clamp) <= min(MOST_STATIONARY, most_spins(law.rule))
    return law.model.n <= MAX_SITES and (mutual or solved)


def three_errors(
    posed: EnergyModel,
    realised: EnergyModel,
    law: Law,
    clamp: Clamp,
    states: NDArray,
    effective_samples: float,
    converged: bool,
) -> Errors:
    """The errors of draws (chains, draws, n) of a model whose laws are `within_reach`."""
    wanted = ideal_law(posed, law.beta, clamp)
    held = replace(ideal_law(realised, law.beta, law.clamp), readout=law.readout)
    compare = _reals if isinstance(posed, _LINEAR) else _spins
    return compare(wanted, held, law, states, effective_samples, converged)


def ideal_law(model: EnergyModel, beta: float, clamp: Clamp) -> Law:
    """What a perfect clock makes of a model: Boltzmann's law, or a directed network's own."""
    if isinstance(model, DirectedModel):
        return Law(kind="stationary", model=model, beta=beta, rule=own_rule(model), clamp=clamp)
    return Law(kind="boltzmann", model=model, beta=beta, clamp=clamp)


def _spins(wanted: Law, held: Law, law: Law, states: NDArray, effective_samples: float, converged: bool) -> Errors:
    n = states.shape[-1]
    of_posed, of_held = law_table(wanted, n), law_table(held, n)
    of_law, known_to = (None, 0.0) if law.kind == "unknown" else _known(law, n)
    of_clock = _known(replace(law, misread=0.0), n)[0] if law.misread and of_law is not None else of_law
    drawn = histogram(states)
    # A machine of unknown law is judged by the scatter of what it holds.
    around = of_held if of_law is None else of_law
    # No total variation exceeds 1, however few the samples.
    floor = min(1.0, float(tv_noise_floor(around, effective_samples)))
    return Errors(
        measure="total variation",
        mapping=float(total_variation(of_held, of_posed)),
        clock=None if of_clock is None else float(total_variation(of_clock, of_held)),
        sampling=None if of_law is None else float(total_variation(drawn, of_law)),
        total=float(total_variation(drawn, of_posed)),
        floor=floor,
        allowed=min(1.0, max(MARGIN * floor, floor + SIGMAS * tv_spread(around, effective_samples))),
        converged=converged,
        clock_known_to=known_to,
        reading=0.0 if of_law is None or of_clock is None else float(total_variation(of_law, of_clock)),
    )


def _reals(wanted: Law, held: Law, law: Law, states: NDArray, effective_samples: float, converged: bool) -> Errors:
    n = states.shape[-1]
    free = np.setdiff1d(np.arange(n), list(wanted.clamp))
    of_posed, of_held, of_law = (_moments(one, free) for one in (wanted, held, law))
    of_read = of_law if law.read is None else _part(law.read, free)
    flat = states.reshape(-1, n)[:, free]
    drawn = flat.mean(axis=0), np.atleast_2d(np.cov(flat, rowvar=False))
    floor = float(1 / np.sqrt(effective_samples))
    # A root mean square of m standard normals scatters by 1/√(2m).
    terms = len(free) * (len(free) + 3) / 2
    return Errors(
        measure="root mean square deviation of means and covariances, in standard errors of one draw",
        mapping=_deviation(of_held, of_posed),
        clock=_deviation(of_law, of_held),
        sampling=_deviation(drawn, of_read),
        total=_deviation(drawn, of_posed),
        floor=floor,
        allowed=floor * max(MARGIN, 1 + SIGMAS / float(np.sqrt(2 * terms))),
        converged=converged,
        reading=_deviation(of_read, of_law),
    )


def _moments(law: Law, free: NDArray[np.int64]) -> Moments:
    if law.moments is not None:
        return _part(law.moments, free)
    assert law.model is not None
    moments = exact(law.model, law.beta, law.clamp)
    return _part((moments.mean, moments.covariance), free)


def _part(moments: Moments, free: NDArray[np.int64]) -> Moments:
    mean, covariance = moments
    return mean[free], covariance[np.ix_(free, free)]


def standardised(found: Moments, truth: Moments) -> NDArray[np.float64]:
    """Deviations of n means and n(n + 1)/2 covariances from the true ones, in standard errors of one draw.

    A mean of N independent normal draws has variance Σ_ii/N, and a covariance (Σ_ii Σ_jj + Σ_ij²)/N.
    """
    (mean, covariance), (mu, sigma) = found, truth
    variances = np.diag(sigma)
    of_means = (mean - mu) / np.sqrt(variances)
    of_covariances = (covariance - sigma) / np.sqrt(np.outer(variances, variances) + sigma**2)
    return np.concatenate([of_means, of_covariances[np.triu_indices(len(mu))]])


def _deviation(found: Moments, truth: Moments) -> float:
    return float(np.sqrt(np.mean(standardised(found, truth) ** 2)))
