"""Gradients of Boltzmann machines from two phases of sampling.

Of the mean log-likelihood L of data, with E = −½ sᵀJs − hᵀs: ∂(−L)/∂J_ij = −β(⟨s_i s_j⟩₊ − ⟨s_i s_j⟩₋) and
∂(−L)/∂h_i = −β(⟨s_i⟩₊ − ⟨s_i⟩₋). In the positive phase the data are clamped and what is hidden is sampled, in the
negative phase the data are sampled as well. A phase is one run on any machine; where its chains start is what tells
contrastive divergence (from the data), persistent chains (from where they were) and fresh chains apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.learning.cost import Cost
from pbits.models import Clamp, IsingModel
from pbits.models.base import read_only, site_pairs
from pbits.runner import run
from pbits.schedule import Schedule
from pbits.substrate import Substrate

# Products of spins held at once.
_BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Phase:
    """Moments of the draws of one run.

    Attributes
    ----------
    edges : (m, 2) array
        The pairs whose correlations were taken.
    means, mean_errors : (n,) array
        ⟨s_i⟩ and its standard error.
    correlations, correlation_errors : (m,) array
        ⟨s_i s_j⟩ and its standard error.
    chain_means : (chains, n) array
        ⟨s_i⟩ of each chain.
    states : (chains, n) array
        The last of each chain, from where persistent chains go on.
    chains_per_condition : int
        Neighbouring chains that are clamped alike.
    cost : Cost
    """

    edges: NDArray[np.int64]
    means: NDArray[np.float64]
    mean_errors: NDArray[np.float64]
    correlations: NDArray[np.float64]
    correlation_errors: NDArray[np.float64]
    chain_means: NDArray[np.float64]
    states: NDArray[np.int8]
    chains_per_condition: int
    cost: Cost


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Gradient:
    """Slopes of a loss that is to fall, with their standard errors.

    Attributes
    ----------
    couplings, coupling_errors : (m,) array
    fields, field_errors : (n,) array
    """

    couplings: NDArray[np.float64]
    coupling_errors: NDArray[np.float64]
    fields: NDArray[np.float64]
    field_errors: NDArray[np.float64]


def sample_phase(
    model: IsingModel,
    machine: str | Path | Substrate,
    schedule: Schedule,
    *,
    edges: ArrayLike | None = None,
    clamp: Clamp | None = None,
    chains_per_condition: int = 1,
    initial: ArrayLike | None = None,
    seed: int | None = None,
    chip_seed: int = 0,
) -> Phase:
    """Run a model and take its moments.

    Parameters
    ----------
    model : IsingModel
    machine : str, path or Substrate
    schedule : Schedule
        Of sampling; every draw of it counts.
    edges : (m, 2) integers, optional
        Pairs whose correlations are wanted, also those that are not coupled now; those of the model when absent.
    clamp, initial, seed, chip_seed
        As `pbits.run` takes them.
    chains_per_condition : int
        How many neighbouring chains have one clamp. Standard errors are from the scatter of conditions about their
        mean, so that both the choice of data and the noise are in them.

    Raises
    ------
    ValueError
        For an anneal, or chains that do not make whole conditions.
    """
    if schedule.kind != "sample":
        raise ValueError("moments are of draws at one β; give a pbits.Schedule(...) and no anneal")
    if chains_per_condition < 1 or schedule.chains % chains_per_condition:
        raise ValueError(f"{schedule.chains} chains do not make conditions of {chains_per_condition} chains each")
    pairs = np.column_stack(model.edges()[:2]) if edges is None else site_pairs(edges, "edges").astype(np.int64)
    done = run(
        model, machine, schedule, seed=seed, chip_seed=chip_seed, clamp=clamp, initial=initial, judge=False
    )  # fmt: skip
    conditions = schedule.chains // chains_per_condition
    looks = chains_per_condition * schedule.n_samples
    # (site, look, condition): products and their sums run along memory.
    spins = np.ascontiguousarray(done.states.reshape(conditions, looks, model.n).transpose(2, 1, 0))
    together = np.empty((len(pairs), conditions))
    width = max(1, _BLOCK // spins[0].size)
    for first in range(0, len(pairs), width):
        i, j = pairs[first : first + width].T
        together[first : first + width] = (spins[i] * spins[j]).sum(axis=1, dtype=np.int32) / looks
    means, mean_errors = _mean_and_error(spins.sum(axis=1, dtype=np.int32) / looks)
    correlations, correlation_errors = _mean_and_error(together)
    return Phase(
        edges=pairs,
        means=means,
        mean_errors=mean_errors,
        correlations=correlations,
        correlation_errors=correlation_errors,
        chain_means=read_only(done.states.mean(axis=1)),
        states=read_only(done.states[:, -1].copy()),
        chains_per_condition=chains_per_condition,
        cost=Cost.of(done),
    )


def _mean_and_error(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Along the last axis; the error of a single value is not known."""
    count = values.shape[-1]
    error = values.std(axis=-1, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(values), np.nan)
    return read_only(values.mean(axis=-1)), read_only(error)


def likelihood_gradient(positive: Phase, negative: Phase, beta: float = 1.0) -> Gradient:
    """The slope of minus the mean log-likelihood, from the two phases of a model at β.

    Standard errors are as if the phases were independent: with the same conditions in both they are too large, not too
    small.

    Raises
    ------
    ValueError
        For phases of other edges.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 0.2], [0.2, 0]])
    >>> schedule = pbits.Schedule(n_samples=50, chains=64)
    >>> data = sample_phase(pair, "ideal", schedule, clamp={0: 1, 1: 1}, seed=1)
    >>> model = sample_phase(pair, "ideal", schedule, seed=2)
    >>> slope = likelihood_gradient(data, model)
    >>> abs(slope.couplings[0] + (1 - np.tanh(0.2))) < 4 * slope.coupling_errors[0]
    np.True_
    """
    if not np.array_equal(positive.edges, negative.edges):
        raise ValueError("the phases are of different edges; take both of one model, or give both the same edges")
    return Gradient(
        couplings=-beta * (positive.correlations - negative.correlations),
        coupling_errors=beta * np.hypot(positive.correlation_errors, negative.correlation_errors),
        fields=-beta * (positive.means - negative.means),
        field_errors=beta * np.hypot(positive.mean_errors, negative.mean_errors),
    )


def correlation_gradient(negative: Phase, beta: float = 1.0) -> NDArray[np.float64]:
    """The slope (m,) in the couplings of the total correlation left within a condition: −β(⟨m_i m_j⟩ − ⟨s_i s_j⟩).

    m_i is the mean of s_i given one condition, and ⟨m_i m_j⟩ its product with m_j, averaged over conditions afterwards;
    the slope in the fields is zero. So it is of D(∏_i P(s_i|c) ‖ P(s|c)), averaged over conditions c, with the product
    taken as given. m_i and m_j are taken from different chains of a condition, so that the noise of one run of draws
    does not add to their product.

    Raises
    ------
    ValueError
        For fewer than two chains of a condition.

    Notes
    -----
    Jelinčič et al., arXiv:2510.23972, the penalty by which stacks are kept fast; the formula as restated by others.
    """
    chains = negative.chains_per_condition
    if chains < 2:
        raise ValueError("a product of means needs at least two chains of each condition; set chains_per_condition")
    means = negative.chain_means.reshape(-1, chains, negative.chain_means.shape[1])
    i, j = negative.edges.T
    total = means.sum(axis=1)
    both = (total[:, i] * total[:, j]).mean(axis=0)
    for chain in range(chains):
        both -= (means[:, chain, i] * means[:, chain, j]).mean(axis=0)
    return -beta * (both / (chains * (chains - 1)) - negative.correlations)
