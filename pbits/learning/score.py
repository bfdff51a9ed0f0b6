"""Score matching: potentials of reals from data, without a partition function and without sampling.

A potential E = Σ_k θ_k f_k that is linear in its parameters has a score s = −∇E, and E[½|∇E|² − ΔE] over the data,
whose least is where s is the score of the data, is quadratic in θ: Gθ = b with G_kl = E[∇f_k·∇f_l] and b_k = E[Δf_k].
With noise of width σ on the data (denoising score matching) it is the same of the noisy data, and of polynomials
their moments are known, so that no noise is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.learning.cost import Cost
from pbits.ledger import EnergyLedger, price
from pbits.models import EnergyModel, GaussianModel, QuarticModel
from pbits.models.base import read_only, real_array
from pbits.result import Run
from pbits.runner import Progress, Reporter, run
from pbits.schedule import Schedule
from pbits.streams import derived_seed, fresh_seed
from pbits.substrate import Substrate, load

Kind = Literal["gaussian", "quartic"]

# Moments held at once.
_BLOCK = 1 << 22
# Of aE[x²]², which has no unit; below it a well does not close.
_LEAST_QUARTIC = 1e-9
# Least eigenvalue of G with a diagonal of 1: below it more than five digits of what is solved for are lost.
_LEAST_APART = 1e-11


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ScoreFit:
    """A potential that was matched to data.

    Attributes
    ----------
    model : GaussianModel or QuarticModel
        At β = 1; of the noisy data where `noise` is above 0.
    kind : {"gaussian", "quartic"}
    noise : float
        σ.
    loss : float
        E[½|∇E|² − ΔE] of the (noisy) data: lower is better, and only differences mean anything.
    errors : mapping
        Standard errors, by the name of what they are of: "A" and "b" of a Gaussian, "a", "b", "J" and "h" of a quartic.
    """

    model: GaussianModel | QuarticModel
    kind: str
    noise: float
    loss: float
    errors: dict[str, NDArray[np.float64]]

    def __repr__(self) -> str:
        return f"ScoreFit({self.model}, noise={self.noise:g}, loss={self.loss:.5g})"


def fit_score(data: ArrayLike, kind: Kind = "gaussian", *, noise: float = 0.0, ridge: float = 0.0) -> ScoreFit:
    """The potential whose score is nearest to that of the data, by one linear solve.

    Parameters
    ----------
    data : (m, n) array
    kind : {"gaussian", "quartic"}
        E = ½xᵀAx − bᵀx, or Σ(¼a x⁴ − ½b x²) − ½xᵀJx − hᵀx.
    noise : float
        σ of denoising score matching: the potential is that of x + σε.
    ridge : float
        Added to the diagonal of G, as a share of its mean.

    Raises
    ------
    ValueError
        For data that are not finite, fewer rows than sites need, columns that do not vary or that follow from others,
        or a potential that cannot be normalised: the message says where.

    Notes
    -----
    A. Hyvärinen, JMLR 6, 695 (2005); P. Vincent, Neural Comput. 23, 1661 (2011); both from memory. Of a Gaussian the
    optimum is A = (Σ + σ²)⁻¹ exactly. Standard errors by the sandwich formula G⁻¹CG⁻¹/m, C the covariance of what a row
    adds to Gθ − b.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(0.0, 2.0, (5000, 1))
    >>> found = fit_score(x, noise=1.0)
    >>> round(float(found.model.A[0, 0]), 2)  # 1/(2² + 1²)
    0.2
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(get_args(Kind))}")
    x = real_array(data, "data")
    if x.ndim != 2 or not x.size:
        raise ValueError(f"data have shape {x.shape}; give rows of n numbers")
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(f"data[{row}, {column}] is {x[row, column]}; it must be finite")
    for name, value in (("noise", noise), ("ridge", ridge)):
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; it must be at least 0 and finite")
    m, n = x.shape
    least = n + (2 if kind == "gaussian" else 4)
    if m < least:
        raise ValueError(f"{m} rows do not tell a {kind} potential of {n} sites; give at least {least}")
    flat = np.flatnonzero(x.std(axis=0) == 0)
    if len(flat) and not noise:
        raise ValueError(f"column {flat[0]} does not vary: its well is infinitely steep; leave it out, or set noise")
    quartic = kind == "quartic"
    solution, covariance, loss = _solve(x, noise, quartic, ridge)
    squares = (x**2).mean(axis=0) + noise**2
    return _packed(kind, n, noise, solution, np.sqrt(np.maximum(np.diag(covariance), 0)), loss, squares)


def _regressors(n: int, quartic: bool) -> list[NDArray[np.int64]]:
    """For each site the places, among all parameters, of what its slope is made of.

    Parameters are a (of a quartic), then minus or plus the own curvature, then J of the pairs, then h.
    """
    a = np.arange(n) if quartic else np.zeros(0, dtype=np.int64)
    own = len(a) + np.arange(n)
    pair = np.zeros((n, n), dtype=np.int64)
    i, j = np.triu_indices(n, 1)
    pair[i, j] = pair[j, i] = 2 * n - (0 if quartic else n) + np.arange(len(i))
    fields = pair.max(initial=len(a) + n - 1) + 1 + np.arange(n)
    return [np.concatenate([a[k : k + 1], own[k : k + 1], np.delete(pair[k], k), fields[k : k + 1]]) for k in range(n)]


def _solve(
    x: NDArray[np.float64], noise: float, quartic: bool, ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """θ, its covariance, and the loss."""
    m, n = x.shape
    places = _regressors(n, quartic)
    size = int(places[-1][-1]) + 1
    G, b = np.zeros((size, size)), np.zeros(size)
    for k, where in enumerate(places):
        for rows in _blocks(m, len(where) ** 2):
            moments, laplace = _moments(x[rows], k, noise, quartic)
            G[np.ix_(where, where)] += moments.sum(axis=0)
            b[where] += laplace.sum(axis=0)
    G, b = G / m, b / m
    held = G + ridge * np.trace(G) / size * np.eye(size)
    units = 1 / np.sqrt(np.diag(held))
    alike = held * np.outer(units, units)
    if np.linalg.eigvalsh(alike)[0] < _LEAST_APART:
        raise ValueError(
            "the data do not tell all parameters apart; leave out columns that follow from others, centre columns "
            "that are far from 0, or set ridge or noise"
        )
    inverse = np.linalg.inv(alike) * np.outer(units, units)
    theta = inverse @ b
    # What each row adds to Gθ − b, for the errors.
    scatter = np.zeros((size, size))
    for rows in _blocks(m, max(size, max(len(where) for where in places) ** 2)):
        added = np.zeros((rows.stop - rows.start, size))
        for k, where in enumerate(places):
            moments, laplace = _moments(x[rows], k, noise, quartic)
            added[:, where] += moments @ theta[where] - laplace
        scatter += added.T @ added
    return theta, inverse @ (scatter / m) @ inverse / m, float(0.5 * theta @ G @ theta - b @ theta)


def _moments(
    x: NDArray[np.float64], k: int, noise: float, quartic: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each row, averaged over the noise: products (rows, q, q) of what makes the slope at site k, and Laplacians.

    The slope is a x³ − b x − Σ J_j x_j − h of a quartic, and A_kk x + Σ A_kj x_j − b of a Gaussian, whose parameters
    are taken with the signs of the quartic: own = −A_kk, pairs −A_kj.
    """
    v = noise**2
    rows, n = x.shape
    own, others = x[:, k], np.delete(x, k, axis=1)
    cube, square = own**3 + 3 * v * own, own**2 + v
    shift = int(quartic)
    q = n + 1 + shift
    z = np.empty((rows, q))
    z[:, shift] = -own
    z[:, shift + 1 : -1] = -others
    z[:, -1] = -1.0
    laplace = np.zeros((rows, q))
    laplace[:, shift] = -1.0
    if quartic:
        z[:, 0] = cube
        laplace[:, 0] = 3 * square
    products = z[:, :, None] * z[:, None, :]
    inner = np.arange(shift + 1, q - 1)
    products[:, inner, inner] += v
    products[:, shift, shift] = square
    if quartic:
        fourth = own**4 + 6 * v * own**2 + 3 * v**2
        products[:, 0, 0] = own**6 + 15 * v * own**4 + 45 * v**2 * own**2 + 15 * v**3
        products[:, 0, 1] = products[:, 1, 0] = -fourth
    return products, laplace


def _blocks(rows: int, numbers: int) -> list[slice]:
    height = max(1, _BLOCK // numbers)
    return [slice(first, min(first + height, rows)) for first in range(0, rows, height)]


def _packed(
    kind: str,
    n: int,
    noise: float,
    theta: NDArray[np.float64],
    errors: NDArray[np.float64],
    loss: float,
    squares: NDArray[np.float64],
) -> ScoreFit:
    quartic = kind == "quartic"
    cuts = np.cumsum([n, n * (n - 1) // 2] if not quartic else [n, n, n * (n - 1) // 2])

    def parts(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        pieces = np.split(values, cuts)
        full = np.zeros((n, n))
        i, j = np.triu_indices(n, 1)
        full[i, j] = full[j, i] = pieces[-2]
        return [*pieces[:-2], full, pieces[-1]]

    found, scatter = parts(theta), parts(errors)
    if not quartic:
        own, pair, b = found
        A = -pair - np.diag(own)
        if np.linalg.eigvalsh(A)[0] <= 0:
            raise ValueError(
                "the matrix that matches the data is not positive definite, so that the potential has no finite "
                "integral; give more rows, or set ridge or noise"
            )
        told = {"A": scatter[1] + np.diag(scatter[0]), "b": scatter[2]}
        return ScoreFit(
            model=GaussianModel(A, b), kind=kind, noise=noise, loss=loss, errors=_frozen(told)
        )  # fmt: skip
    a, b, J, h = found
    steepness = a * squares**2
    if (steepness <= _LEAST_QUARTIC).any():
        site = int(np.argmin(steepness))
        raise ValueError(
            f"the potential that matches the data falls without end along site {site} (a = {a[site]:.3g} ± "
            f"{scatter[0][site]:.2g}): its tails are those of a Gaussian or wider; take kind='gaussian', or set noise"
        )
    told = dict(zip("abJh", scatter))
    return ScoreFit(model=QuarticModel(a, b, J, h), kind=kind, noise=noise, loss=loss, errors=_frozen(told))


def _frozen(errors: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    return {name: read_only(values) for name, values in errors.items()}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AnnealedSamples:
    """What annealed Langevin sampling made.

    Attributes
    ----------
    samples : (m, n) array
        After the last level.
    levels : (levels, m, n) array
        After each.
    runs : tuple of Run
    ledgers : tuple of EnergyLedger
    cost : Cost
    """

    samples: NDArray[np.float64]
    levels: NDArray[np.float64]
    runs: tuple[Run, ...]
    ledgers: tuple[EnergyLedger, ...]
    cost: Cost

    def __repr__(self) -> str:
        shape = f"samples={len(self.samples)}, levels={len(self.levels)}"
        return f"AnnealedSamples({shape}, joules={self.joules}, {self.cost})"

    @property
    def joules(self) -> float | None:
        """Of all levels and samples; None where a price is not stated."""
        known = [ledger.joules for ledger in self.ledgers if ledger.joules is not None]
        return sum(known) if len(known) == len(self.ledgers) else None

    @property
    def joules_per_sample(self) -> float | None:
        return None if self.joules is None else self.joules / len(self.samples)

    @property
    def lower_bound(self) -> float | None:
        """What is stated of the joules."""
        known = [ledger.lower_bound for ledger in self.ledgers if ledger.lower_bound is not None]
        return sum(known) if len(known) == len(self.ledgers) else None


def noise_ladder(largest: float, smallest: float, levels: int) -> NDArray[np.float64]:
    """σ_1 > … > σ_L, geometric.

    Examples
    --------
    >>> noise_ladder(4.0, 1.0, 3)
    array([4., 2., 1.])
    """
    whole = isinstance(levels, int | np.integer) and levels >= 2
    if not (np.isfinite(largest) and 0 < smallest < largest and whole):
        raise ValueError(
            f"σ from {largest} to {smallest} in {levels} levels; it must fall, above 0, "
            "in a whole number of at least 2 levels"
        )
    return largest * (smallest / largest) ** (np.arange(levels) / (levels - 1))


def anneal_scores(
    models: Sequence[EnergyModel],
    sigmas: ArrayLike,
    machine: str | Path | Substrate,
    *,
    samples: int,
    steps: int = 20,
    step: float = 0.5,
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> AnnealedSamples:
    """Annealed Langevin sampling: from wide noise to little, each level a potential that a machine samples for a while.

    Level i is run for `steps` steps of α_i/2 in the model's own time, α_i = step · σ_i²/σ_L²: where the potential is
    soft, time is long. Chains start from N(0, σ_1²) and go on from level to level.

    Parameters
    ----------
    models : sequence of models of reals
        One for each σ, such as `fit_score(data, noise=σ).model`.
    sigmas : (levels,) array
        Falling.
    machine : str, path or Substrate
        Whose sites hold reals that flow in time, which those of "ideal" do not; each level is a programming.
    samples : int
    steps : int
        T of a level.
    step : float
        ε.
    seed, chip_seed, progress
        As `pbits.run` takes them.

    Raises
    ------
    ValueError
        For σ that do not fall, or another number of models.
    NotMappable
        When the machine cannot hold a level.

    Notes
    -----
    Quartic walls are steep far out: where states from wide noise run away in a quartic level, take more levels, or
    Gaussian ones while noise is wide. A smaller step does not help.

    Y. Song and S. Ermon, NeurIPS 2019, where a step is x + (α/2)s(x) + √α z; from memory. A circuit has no steps: it
    flows for as long.

    Examples
    --------
    >>> data = np.random.default_rng(0).normal(1.0, 0.5, (2000, 1))
    >>> sigmas = noise_ladder(3.0, 0.3, 4)
    >>> levels = [fit_score(data, noise=sigma).model for sigma in sigmas]
    >>> made = anneal_scores(levels, sigmas, "langevin-rc-illustrative", samples=500, seed=1)
    >>> bool(abs(made.samples.mean() - 1.0) < 0.2)
    True
    """
    ladder = real_array(sigmas, "sigmas")
    if ladder.ndim != 1 or not len(ladder) or not (np.isfinite(ladder).all() and ladder.min() > 0):
        raise ValueError(f"sigmas are {sigmas!r}; give a row of positive numbers")
    if (np.diff(ladder) >= 0).any():
        raise ValueError(f"sigmas go from {ladder[0]:g} to {ladder[-1]:g} and must fall all the way; see noise_ladder")
    if len(models) != len(ladder):
        raise ValueError(f"{len(models)} models and {len(ladder)} sigmas; give one model for each")
    if len({model.n for model in models}) > 1 or any(model.domain != "real" for model in models):
        raise ValueError("all models must be of the same number of reals")
    for name, value in (("samples", samples), ("steps", steps)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step is {step}; it must be positive and finite")
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    first = fresh_seed() if seed is None else seed
    rng = np.random.Generator(np.random.Philox(derived_seed(first, len(ladder))))
    states = rng.normal(0.0, ladder[0], (samples, models[0].n))
    runs: list[Run] = []
    cost = Cost()
    told = Schedule(n_samples=len(ladder), n_warmup=0, chains=1)
    with Reporter(progress, told, f"annealing on {substrate.name}") as report:
        for level, (model, sigma) in enumerate(zip(models, ladder.tolist())):
            alpha = step * sigma**2 / float(ladder[-1]) ** 2
            schedule = Schedule(n_samples=1, n_warmup=steps - 1, chains=samples, step_tau=alpha / 2)
            done = run(
                model, substrate, schedule, seed=derived_seed(first, level), chip_seed=chip_seed, initial=states,
                judge=False,
            )  # fmt: skip
            states = done.states[:, -1]
            runs.append(done)
            cost += Cost.of(done)
            report(level + 1)
    levels: Any = np.stack([done.states[:, -1] for done in runs])
    return AnnealedSamples(
        samples=read_only(states.copy()),
        levels=read_only(levels),
        runs=tuple(runs),
        ledgers=tuple(price(done) for done in runs),
        cost=cost,
    )
