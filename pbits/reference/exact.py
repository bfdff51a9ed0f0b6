"""Exact laws of small models: what a perfect sampler would converge to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import (
    Clamp,
    DiffusionModel,
    DirectedModel,
    EnergyModel,
    GaussianModel,
    HybridModel,
    PermutationModel,
)
from pbits.models.base import clamped_sites, finite_number, read_only, site_states
from pbits.models.potential import PotentialModel, QuarticModel
from pbits.reference.potential import integrals

MAX_STATES = 1 << 22
# Slots of a permutation: 9! = 362,880 states.
MAX_SLOTS = 9

# Rows whose energies and moments are computed at once.
_BLOCK = 1 << 15


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ExactLaw:
    """P(s) = exp(−βE(s))/Z of one model, with its first two moments.

    Attributes
    ----------
    beta : float
        The β of the law; dimensionless.
    log_z : float
        log Σ_s exp(−βE(s)) over the sites that are free (the integral, for reals). The model's offset and
        the energy of clamped sites are included.
    mean : (n,) array
        <s_i>; a clamped site has its clamped value.
    covariance : (n, n) array
        <s_i s_j> − <s_i><s_j>; zero for clamped sites.
    correlation : (n, n) array
        <s_i s_j>.
    mean_energy : float
        <E>.
    values : tuple of n arrays, or None for reals
        What each site can hold: one value where it is clamped.
    states : (m, n) array, or None for reals
        All states: the first site is the most significant, and values rise (−1 before +1).
    energies : (m,) array, or None for reals
        E of each state.
    probabilities : (m,) array, or None for reals
        P of each state.
    mode_means : (m, modes) array, or None
        Of a `HybridModel`: the mean of the modes given each state. There `values` and `states` are of its categories
        alone, and `energies` and `probabilities` theirs with the modes integrated out: F(c) = −ln ∫ e^(−βE(c, x)) dx/β.
    mode_covariance : (modes, modes) array, or None
        Of a `HybridModel`: the covariance of the modes given any state.
    """

    beta: float
    log_z: float
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    correlation: NDArray[np.float64]
    mean_energy: float
    values: tuple[NDArray, ...] | None = None
    states: NDArray | None = None
    energies: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None
    mode_means: NDArray[np.float64] | None = None
    mode_covariance: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        states = "reals" if self.states is None else f"states={len(self.states)}"
        return f"ExactLaw(n={len(self.mean)}, beta={self.beta:g}, {states}, log_z={self.log_z:.6g})"

    def index(self, states: ArrayLike) -> NDArray[np.int64]:
        """Row numbers, of shape (...), of states of shape (..., n).

        Raises
        ------
        ValueError
            For a value that a site cannot hold, or another value than the clamped one.
        TypeError
            For a law over reals.

        Examples
        --------
        >>> import numpy as np
        >>> import pbits
        >>> law = pbits.exact(pbits.IsingModel([[0, 1], [1, 0]]))
        >>> rows = law.index([[1, 1], [-1, -1], [1, 1]])
        >>> np.bincount(rows, minlength=len(law.probabilities))
        array([1, 0, 0, 2])
        """
        if self.values is None:
            raise TypeError("a law over reals has no list of states; compare its mean and covariance")
        states = site_states(states, len(self.values))
        rows = np.zeros(states.shape[:-1], dtype=np.int64)
        for site, values in enumerate(self.values):
            column = states[..., site]
            digit = np.minimum(np.searchsorted(values, column), len(values) - 1)
            wrong = values[digit] != column
            if wrong.any():
                held = ", ".join(f"{value:g}" for value in values)
                raise ValueError(f"site {site} holds {column[wrong].flat[0]:g}; under this law it holds {held}")
            rows = rows * len(values) + digit
        if self.states is None or len(self.states) == math.prod(len(values) for values in self.values):
            return rows
        # Of permutations some of these numbers have no state.
        found = np.searchsorted(self._numbers, rows)
        wrong = self._numbers[np.minimum(found, len(self._numbers) - 1)] != rows
        if wrong.any():
            raise ValueError(f"{states[wrong][0].tolist()} is no permutation")
        return found

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """Of each state, what its row would be if all combinations of values were listed."""
        assert self.values is not None, "only listed laws have rows"
        assert self.states is not None, "only listed laws have rows"
        radices = np.cumprod([1, *(len(values) for values in reversed(self.values))])[-2::-1]
        digits = [np.searchsorted(values, self.states[:, site]) for site, values in enumerate(self.values)]
        return np.stack(digits, axis=1) @ radices

    def total_variation(self, counts: ArrayLike) -> float:
        """Distance ½ Σ|p − q| between this law and counts, or probabilities, of its m states.

        Compare it with `tv_noise_floor`, which is what a perfect sampler would show.
        """
        if self.probabilities is None:
            raise TypeError("a law over reals has no list of states; compare its mean and covariance")
        return total_variation(self.probabilities, counts)


def exact(model: EnergyModel, beta: float = 1.0, clamp: Clamp | None = None) -> ExactLaw:
    """The law P(s) ∝ exp(−βE(s)) of a small model, by enumeration, or of Gaussian modes in closed form.

    Parameters
    ----------
    model : EnergyModel
        With at most ``MAX_STATES`` states over its free sites, a `PermutationModel` of up to 9 slots, or a
        `GaussianModel` or `DiffusionModel` of any size. Of a `HybridModel` the categories are enumerated, and the modes
        integrated over. A `QuarticModel` or `PotentialModel` of one or two sites, and a `QuarticModel` without
        couplings, by quadrature.
    beta : float
        At least 0; above 0 for reals, whose integral is infinite at 0.
    clamp : mapping {site: value}, optional
        Sites held fixed: the law is the conditional one, and `log_z` sums over the other sites only.

    Raises
    ------
    ValueError
        When β is negative or not finite, the clamp names a site or value that does not exist, or there are
        too many states, or sites of a potential. The message says which size would do.
    TypeError
        For another model over reals.

    Examples
    --------
    >>> import pbits
    >>> law = pbits.exact(pbits.IsingModel([[0, 1], [1, 0]]), beta=0.5)
    >>> law.states.tolist()
    [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    >>> round(float(law.correlation[0, 1]), 6)  # tanh(0.5)
    0.462117
    """
    beta = finite_number(beta, "beta")
    if beta < 0:
        raise ValueError(f"beta is {beta:g}; it must be at least 0 (to maximise, change the sign of the model)")
    if isinstance(model, DirectedModel):
        raise TypeError(
            "a DirectedModel has no Boltzmann law; hardware_models.pbit.stationary_law(model, update) has the law of "
            "its clock"
        )
    if isinstance(model, DiffusionModel):
        model = model.stationary
    if isinstance(model, GaussianModel):
        return _gaussian(model, beta, clamp)
    if isinstance(model, HybridModel):
        return _hybrid(model, beta, clamp)
    if isinstance(model, QuarticModel | PotentialModel):
        return _integrated(model, beta, clamp)
    if model.domain == "real":
        raise TypeError(
            f"a {type(model).__name__} has no exact law; exact knows spins, categories, GaussianModel, DiffusionModel, "
            "and a QuarticModel or PotentialModel of one or two sites"
        )
    return _enumerated(model, beta, clamp)


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """½ Σ|p − q| of two distributions over the same states; each may be counts, and is divided by its sum.

    Raises
    ------
    ValueError
        When the shapes differ, or one of them is negative somewhere, not finite, or zero everywhere.
    """
    p, q = _distribution(p, "p"), _distribution(q, "q")
    if p.shape != q.shape:
        raise ValueError(f"the distributions have shapes {p.shape} and {q.shape}; they must list the same states")
    return 0.5 * float(np.abs(p - q).sum())


def tv_noise_floor(p: ArrayLike, draws: float) -> float:
    """The total variation that N independent draws of p show on average, ½ Σ √(2p(1−p)/(πN)).

    Each count is taken as normal, so the floor is too high where Np is below about 1. For correlated draws,
    N is the number of effective samples.
    """
    if not draws > 0:
        raise ValueError(f"draws is {draws}; the noise floor needs at least one draw")
    p = _distribution(p, "p")
    return 0.5 * float(np.sqrt(2 * p * (1 - p) / (math.pi * draws)).sum())


def _distribution(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    total = array.sum()
    if (array < 0).any() or not np.isfinite(total) or total == 0:
        raise ValueError(f"{name} must hold counts or probabilities: finite, none negative, not all zero")
    return array / total


def _listed(model: EnergyModel, n: int, clamp: Clamp | None) -> tuple[tuple[NDArray, ...], NDArray]:
    """What each of the first n sites can hold, and all their states."""
    held = dict(zip(*(part.tolist() for part in clamped_sites(model, clamp))))
    if isinstance(model, PermutationModel):
        return _permutations(model, held)
    values = tuple(
        np.array([held[site]], dtype=model.values(site).dtype) if site in held else model.values(site)
        for site in range(n)
    )
    _check_size([len(v) for v in values])
    m = math.prod(len(v) for v in values)
    states = np.empty((m, n), dtype=values[0].dtype)
    stride = m
    for site, v in enumerate(values):
        stride //= len(v)
        states[:, site] = np.tile(np.repeat(v, stride), m // (len(v) * stride))
    return values, states


def _permutations(model: PermutationModel, held: dict[int, float]) -> tuple[tuple[NDArray, ...], NDArray]:
    if model.n > MAX_SLOTS:
        raise ValueError(
            f"{model.n} slots have {float(math.factorial(min(model.n, 170))):.3g} permutations; exact enumerates up to "
            f"{MAX_SLOTS} slots. Take a smaller model, or sample it"
        )
    states = np.array(list(itertools.permutations(range(model.n))), dtype=np.int32)
    for slot, item in held.items():
        states = states[states[:, slot] == item]
    if not len(states):
        raise ValueError("the clamp sets one item in two slots; no permutation does")
    return tuple(np.unique(states[:, slot]) for slot in range(model.n)), states


def _enumerated(model: EnergyModel, beta: float, clamp: Clamp | None) -> ExactLaw:
    values, states = _listed(model, model.n, clamp)
    m = len(states)
    energies = np.empty(m)
    for rows in _blocks(m):
        energies[rows] = model.energy(states[rows])
    exponents = -beta * energies
    weights = np.exp(exponents - exponents.max())
    log_z = float(exponents.max() + np.log(weights.sum()))
    probabilities = weights / weights.sum()
    mean = np.zeros(model.n)
    correlation = np.zeros((model.n, model.n))
    for rows in _blocks(m):
        block = states[rows].astype(np.float64)
        weighted = probabilities[rows, None] * block
        mean += weighted.sum(axis=0)
        correlation += weighted.T @ block
    return ExactLaw(
        beta=beta,
        log_z=log_z,
        mean=read_only(mean),
        covariance=read_only(correlation - np.outer(mean, mean)),
        correlation=read_only(correlation),
        mean_energy=float(probabilities @ energies),
        values=values,
        states=read_only(states),
        energies=read_only(energies),
        probabilities=read_only(probabilities),
    )


def _check_size(sizes: list[int]) -> None:
    if math.prod(sizes) <= MAX_STATES:
        return
    free = [q for q in sizes if q > 1]
    q = max(free)
    asked = f"{q}^{len(free)}" if min(free) == q else f"{math.prod(sizes):.3g}"
    kind = "spins" if q == 2 else f"sites of {q} states"
    raise ValueError(
        f"{len(free)} free sites have {asked} states; exact enumerates up to {MAX_STATES} = "
        f"2^{MAX_STATES.bit_length() - 1}: {int(math.log(MAX_STATES + 0.5, q))} free {kind}. "
        "Clamp sites, take a smaller model, or sample it"
    )


def _blocks(m: int) -> Iterator[slice]:
    return (slice(begin, begin + _BLOCK) for begin in range(0, m, _BLOCK))


def _check_integrable(beta: float) -> None:
    if beta == 0:
        raise ValueError("beta is 0, where exp(−βE) over reals has no finite integral; take beta above 0")


def _hybrid(model: HybridModel, beta: float, clamp: Clamp | None) -> ExactLaw:
    """Given the categories c the modes are Gaussian about m_c, the lowest point of E(c, ·), all of one covariance."""
    _check_integrable(beta)
    d, A = model.discrete.n, model.modes.A
    values, states = _listed(model, d, clamp)
    sites, held = clamped_sites(model, clamp)
    fixed, at = sites[sites >= d] - d, held[sites >= d]
    free = np.setdiff1d(np.arange(model.modes.n), fixed)
    precision = A[np.ix_(free, free)]
    n_free = len(free)
    means, lowest = np.empty((len(states), model.modes.n)), np.empty(len(states))
    means[:, fixed] = at
    for rows in _blocks(len(states)):
        pull = model.drive(states[rows])[:, free] - A[np.ix_(free, fixed)] @ at
        means[rows, free] = np.linalg.solve(precision, pull.T).T
        lowest[rows] = model.energy(np.hstack([states[rows], means[rows]]))
    exponents = -beta * lowest
    weights = np.exp(exponents - exponents.max())
    probabilities = weights / weights.sum()
    volume = 0.5 * n_free * math.log(2 * math.pi / beta) - 0.5 * float(np.linalg.slogdet(precision).logabsdet)
    within = np.zeros_like(A)
    within[np.ix_(free, free)] = np.linalg.inv(precision) / beta
    mean, correlation = np.zeros(model.n), np.zeros((model.n, model.n))
    correlation[d:, d:] = within
    for rows in _blocks(len(states)):
        block = np.hstack([states[rows], means[rows]])
        weighted = probabilities[rows, None] * block
        mean += weighted.sum(axis=0)
        correlation += weighted.T @ block
    return ExactLaw(
        beta=beta,
        log_z=float(exponents.max() + np.log(weights.sum())) + volume,
        mean=read_only(mean),
        covariance=read_only(correlation - np.outer(mean, mean)),
        correlation=read_only(correlation),
        mean_energy=float(probabilities @ lowest) + 0.5 * n_free / beta,
        values=values,
        states=read_only(states),
        energies=read_only(lowest - volume / beta),
        probabilities=read_only(probabilities),
        mode_means=read_only(means),
        mode_covariance=read_only(within),
    )


def _integrated(model: QuarticModel | PotentialModel, beta: float, clamp: Clamp | None) -> ExactLaw:
    _check_integrable(beta)
    if clamp:
        raise ValueError("a potential is integrated over all its sites; leave the clamp out")
    found = integrals(model, beta)
    return ExactLaw(
        beta=beta,
        log_z=found.log_z,
        mean=read_only(found.mean),
        covariance=read_only(found.covariance),
        correlation=read_only(found.covariance + np.outer(found.mean, found.mean)),
        mean_energy=found.mean_energy,
    )


def _gaussian(model: GaussianModel, beta: float, clamp: Clamp | None) -> ExactLaw:
    _check_integrable(beta)
    sites, held = clamped_sites(model, clamp)
    free = np.setdiff1d(np.arange(model.n), sites)
    precision = model.A[np.ix_(free, free)]
    mean = np.zeros(model.n)
    mean[sites] = held
    mean[free] = np.linalg.solve(precision, model.b[free] - model.A[np.ix_(free, sites)] @ held)
    covariance = np.zeros((model.n, model.n))
    covariance[np.ix_(free, free)] = np.linalg.inv(precision) / beta
    lowest = float(model.energy(mean))
    log_det = np.linalg.slogdet(precision).logabsdet
    return ExactLaw(
        beta=beta,
        log_z=float(-beta * lowest + 0.5 * len(free) * math.log(2 * math.pi / beta) - 0.5 * log_det),
        mean=read_only(mean),
        covariance=read_only(covariance),
        correlation=read_only(covariance + np.outer(mean, mean)),
        mean_energy=lowest + 0.5 * len(free) / beta,
    )
