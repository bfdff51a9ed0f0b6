"""How far draws are from Boltzmann's law where no law can be written down: do the spins obey their own conditionals?

Under P ∝ exp(−βE) every spin has the conditional mean t_i = tanh(βI_i) given the others (Callen's identities), so for
every function f of the others ⟨(s_i − t_i) f⟩ = 0. With f = t_i, summed over the sites, the identities become one
number: the slope of the regression of spins on their conditional means. It is 1 for Boltzmann's law, whatever the
temperature and the size, and needs no partition function.

It tests one identity, averaged over all sites: it sees neither modes that chains never visit nor a few bad sites of a
large network, so agreement proves nothing. The bound on the distance is of single sites, and in large networks far
below the true one: there the slope and the β say more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import t

from pbits.models import DirectedModel, IsingModel

# Multiplications spent on one check, and groups of draws at least for an interval.
WORK = 30_000_000
GROUPS = 16
# Inputs looked at, of one draw of each group.
NUMBERS = 2_000_000
CONFIDENCE = 0.95
FEW_EVENTS = 30


@dataclass(frozen=True, kw_only=True)
class Conditionals:
    """Whether draws obey the conditionals of the model as posed.

    Attributes
    ----------
    slope : float
        Σ_i ⟨s_i t_i⟩ / Σ_i ⟨t_i²⟩ with t_i = tanh(βI_i): 1 for Boltzmann's law, less where order is lost, 0 where none
        is left.
    slope_interval : tuple of float
        95 %, from groups of draws that are far apart.
    beta : float
        The β at which the draws obey the conditionals best (maximum pseudo-likelihood): the temperature that the
        machine in truth sampled at, as far as it had one. None where no β is finite: no spin was ever drawn against
        its input, or none with it.
    beta_interval : tuple of float, optional
    distance_at_least : float
        A lower bound on the total variation between what was sampled and Boltzmann's law, at 95 % confidence:
        the worst conditional of a single site, |⟨(s_i − t_i) t_i⟩| over the range of (s_i − t_i) t_i.
    draws : int
        How many were looked at.
    """

    slope: float
    slope_interval: tuple[float, float]
    beta: float | None
    beta_interval: tuple[float, float] | None
    distance_at_least: float
    draws: int

    @property
    def agrees(self) -> bool | None:
        """Whether 1 lies in the interval of the slope, which for Boltzmann's law it does in some 95 of 100 runs; None
        of frozen draws, which tell nothing.
        """
        if self.beta is None:
            return None
        return self.slope_interval[0] <= 1 <= self.slope_interval[1]


def check_conditionals(
    model: IsingModel | DirectedModel, states: NDArray, beta: float, clamped: NDArray[np.int64] | None = None
) -> Conditionals | None:
    """Hold draws against the conditionals of a model.

    Parameters
    ----------
    model : IsingModel or DirectedModel
        A directed one without cycles: each p-bit given its parents.
    states : (chains, draws, n) int8
        Of a stationary run.
    beta : float
    clamped : (k,) int64, optional
        Sites that did not move.

    Returns
    -------
    Conditionals, or None
        None where there are fewer than 16 draws, no free site, or β = 0, at which every law agrees.
    """
    chains, draws, n = states.shape
    free = np.delete(np.arange(n), [] if clamped is None else clamped)
    # Evenly spaced draws of every chain, as many as the work allows; a group is one chain or a stretch of it. Of models
    # so large that one draw of each would be too much, evenly spaced sites.
    stretches = -(-GROUPS // chains)
    free = free[:: -(-len(free) * chains * stretches // NUMBERS) or 1]
    allowed = max(WORK // ((model.csr.nnz + n) * chains), stretches)
    taken = np.unique(np.linspace(0, draws - 1, min(draws, allowed)).astype(np.int64))
    if len(taken) < stretches or not len(free) or beta == 0:
        return None
    groups = [states[chain, part] for chain in range(chains) for part in np.array_split(taken, stretches)]
    rows = model.csr if len(free) == n else model.csr[free]
    inputs = [(rows @ group.T.astype(np.float64)).T + model.h[free] for group in groups]
    spins = [group[:, free] for group in groups]
    means = [np.tanh(beta * fields) for fields in inputs]
    products = np.array([(s * mean).sum(axis=0) for s, mean in zip(spins, means)])
    squares = np.array([(mean**2).sum(axis=0) for mean in means])
    if not squares.any():
        return None
    variances = np.mean([(mean**2 * (1 - mean**2)).mean(axis=0) for mean in means], axis=0)
    contrary = np.sum([(s * fields < 0).sum(axis=0) for s, fields in zip(spins, inputs)], axis=0)
    slope = products.sum() / squares.sum()
    residuals = products.sum(axis=1) - slope * squares.sum(axis=1)
    fit = _pseudo_likelihood(inputs, spins)
    return Conditionals(
        slope=float(slope),
        slope_interval=_interval(slope, residuals / squares.sum()),
        beta=None if fit is None else fit[0],
        beta_interval=None if fit is None else _interval(*fit),
        distance_at_least=_worst_site(model, beta, free, products - squares, variances, contrary, chains * len(taken)),
        draws=chains * len(taken),
    )


def _interval(value: float, influences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % about a ratio, from what each group pulls it by."""
    groups = len(influences)
    half = t.ppf(0.5 + CONFIDENCE / 2, groups - 1) * np.sqrt((influences**2).sum() * groups / (groups - 1))
    return float(value - half), float(value + half)


def _pseudo_likelihood(
    inputs: list[NDArray[np.float64]], spins: list[NDArray]
) -> tuple[float, NDArray[np.float64]] | None:
    """β where Σ (s − tanh βI) I = 0, and what each group pulls it by; None where it is not finite."""

    def score(beta: float) -> NDArray[np.float64]:
        return np.array([((s - np.tanh(beta * fields)) * fields).sum() for s, fields in zip(spins, inputs)])

    aligned = [s * fields for s, fields in zip(spins, inputs)]
    if all((one >= 0).all() for one in aligned) or all((one <= 0).all() for one in aligned):
        return None
    highest, lowest = 1.0, -1.0
    while score(highest).sum() > 0:
        highest *= 4
    while score(lowest).sum() < 0:
        lowest *= 4
    beta = brentq(lambda b: float(score(b).sum()), lowest, highest, xtol=1e-10)
    assert isinstance(beta, float)
    tails = [np.cosh(np.minimum(np.abs(beta * fields), 300.0)) for fields in inputs]
    curvature = sum(float(((fields / tail) ** 2).sum()) for fields, tail in zip(inputs, tails))
    return beta, score(beta) / curvature


def _worst_site(
    model: IsingModel | DirectedModel,
    beta: float,
    free: NDArray[np.int64],
    sums: NDArray[np.float64],
    variances: NDArray[np.float64],
    contrary: NDArray[np.int64],
    draws: int,
) -> float:
    """The largest |⟨(s_i − t_i) t_i⟩| that is sure, over its range; |E_p g − E_q g| ≤ TV · (max g − min g).

    A site that was hardly ever drawn against its input shows no spread, and is left out; none is taken to scatter less
    than independent Boltzmann draws would.
    """
    groups = len(sums)
    found = np.abs(sums.sum(axis=0)) / draws
    spread = (sums - sums.mean(axis=0)).std(axis=0, ddof=1) * np.sqrt(groups) / draws
    spread = np.maximum(spread, np.sqrt(variances / draws))
    most = np.tanh(beta * (np.abs(model.csr).sum(axis=1) + np.abs(model.h)))[free]
    crest = np.minimum(most, 0.5)
    width = crest - crest**2 + most + most**2
    # All sites at once may be wrong in one run of twenty.
    sure = found - t.ppf(1 - (1 - CONFIDENCE) / (2 * len(free)), groups - 1) * spread
    told = (width > 0) & (contrary >= FEW_EVENTS)
    return float(max(0.0, np.max(sure[told] / width[told], initial=0.0)))
