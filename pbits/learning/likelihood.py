"""How likely data are under a Boltzmann machine, where that can be summed exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.special import log_expit

from pbits.kernels.blocks import Pool, threads
from pbits.learning.inference import free_energy, pseudo_possible
from pbits.models import BoltzmannModel, Clamp, IsingModel
from pbits.models.base import clamped_sites, read_only

MAX_UNITS = 24
# Gray codes of a block; fixed, so that sums do not depend on the number of threads.
_BLOCK = 1 << 14
# Inputs held at once.
_NUMBERS = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LogLikelihood:
    """Of data, in nats.

    Attributes
    ----------
    rows : (m,) array
        Of each datum.
    kind : {"likelihood", "pseudo-likelihood"}
    exact : bool
        Whether nothing was drawn or left out.
    interval : (float, float)
        95 % interval of the mean where it is an estimate; the mean itself, twice, where it is exact. What the choice of
        data scatters is not in it: see `error`.
    """

    rows: NDArray[np.float64]
    kind: str
    exact: bool
    interval: tuple[float, float]

    def __repr__(self) -> str:
        told = "" if self.exact else f", estimate, 95 % {self.interval[0]:.4g} to {self.interval[1]:.4g}"
        return f"LogLikelihood({self.kind}, mean={self.mean:.6g}{told}, rows={len(self.rows)})"

    @property
    def mean(self) -> float:
        return float(self.rows.mean())

    @property
    def error(self) -> float:
        """Standard error of the mean if the data are themselves a sample."""
        return float(self.rows.std(ddof=1) / np.sqrt(len(self.rows))) if len(self.rows) > 1 else np.nan


def exact_log_z(model: IsingModel, beta: float = 1.0, clamp: Clamp | None = None, max_units: int = MAX_UNITS) -> float:
    """ln Σ_s e^(−βE(s)) over the free sites, the offset included.

    Sites are split in a cover, whose 2^k states are gone through, and others no two of which are coupled, which are
    summed in closed form: of a restricted machine the smaller layer is the cover. Unconnected parts are summed apart.

    Parameters
    ----------
    model : IsingModel
    beta : float
    clamp : mapping, optional
        Sites held fixed.
    max_units : int
        Sites that are gone through at most, in one connected part.

    Raises
    ------
    ValueError
        When more have to be gone through; the message says how many.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> round(exact_log_z(pair), 6) == round(float(pbits.exact(pair).log_z), 6)
    True
    """
    if not np.isfinite(beta):
        raise ValueError(f"beta is {beta}; it must be finite")
    rest, alone = _freed(model, clamp)
    total = -beta * alone
    parts = _parts(rest)
    largest = max((len(cover) for cover, _ in parts), default=0)
    if largest > max_units:
        raise ValueError(
            f"{largest} sites would have to be gone through, 2^{largest} states, and max_units is {max_units}; "
            "estimate log Z with pbits.learning.ais or pbits.learning.integrate_log_z, or look at pbits.learning."
            "pseudo_log_likelihood"
        )
    return float(total + sum(_log_sum(rest, cover, others, beta) for cover, others in parts))


def units_to_enumerate(model: IsingModel, clamp: Clamp | None = None) -> int:
    """How many sites `exact_log_z` has to go through, in the largest connected part."""
    return max((len(cover) for cover, _ in _parts(_freed(model, clamp)[0])), default=0)


def exact_log_likelihood(
    machine: BoltzmannModel, data: ArrayLike, labels: ArrayLike | None = None, max_units: int = MAX_UNITS
) -> LogLikelihood:
    """ln P(v) of each datum, or ln P(v, y) with labels, −F(v) − ln Z.

    Raises
    ------
    ValueError
        When the sum is too long (see `exact_log_z`), or for data that do not fit.

    Examples
    --------
    >>> machine = BoltzmannModel.restricted(3, 2, spread=0.0)
    >>> exact_log_likelihood(machine, [[1, 1, -1]])
    LogLikelihood(likelihood, mean=-2.07944, rows=1)
    """
    log_z = exact_log_z(machine.to_model(), max_units=max_units)
    rows = unnormalised(machine, data, labels, max_units) - log_z
    mean = float(rows.mean())
    return LogLikelihood(rows=read_only(rows), kind="likelihood", exact=True, interval=(mean, mean))


def unnormalised(
    machine: BoltzmannModel, data: ArrayLike, labels: ArrayLike | None = None, max_units: int = MAX_UNITS
) -> NDArray[np.float64]:
    """ln Σ e^(−E) over what the data leave free, −F of each datum: in closed form where there is one, else summed."""
    spins = machine.checked(data)
    if pseudo_possible(machine) and (machine.classes == 0) == (labels is None):
        return -free_energy(machine, spins, labels)
    model, held = machine.to_model(), machine.clamp(spins, labels)
    return np.array(
        [
            exact_log_z(model, clamp={site: values[k] for site, values in held.items()}, max_units=max_units)
            for k in range(len(spins))
        ]
    )


def pseudo_log_likelihood(
    machine: BoltzmannModel, data: ArrayLike, labels: ArrayLike | None = None
) -> LogLikelihood:  # fmt: skip
    """Σ_i ln P(v_i | v without i) of each datum, over all seen sites, hidden ones summed out: exact, and cheap.

    ln P(v_i | rest) = −ln(1 + e^(F(v) − F(v with i turned over))).

    Raises
    ------
    ValueError
        Where hidden sites are coupled to one another, and have no closed form.

    Examples
    --------
    >>> machine = BoltzmannModel.restricted(3, 2, spread=0.0)
    >>> pseudo_log_likelihood(machine, [[1, 1, -1]])
    LogLikelihood(pseudo-likelihood, mean=-2.07944, rows=1)
    """
    if not pseudo_possible(machine):
        raise ValueError(
            "hidden sites are coupled to one another, and their sum has no closed form; a likelihood can be estimated "
            "with pbits.learning.ais"
        )
    if (labels is None) != (machine.classes == 0):
        raise ValueError(
            f"the machine has {machine.classes} classes; labels are {'missing' if machine.classes else 'given'}"
        )
    spins = machine.checked(data)
    model = machine.to_model()
    seen, hidden = machine.seen, machine.hidden
    onto: Any = model.csr[hidden][:, seen].toarray()
    held = machine.clamp(spins, labels)
    states = np.zeros((len(spins), model.n))
    for site, values in held.items():
        states[:, site] = values
    rows = np.zeros(len(spins))
    height = max(1, _NUMBERS // (len(seen) * max(1, len(hidden))))
    for first in range(0, len(spins), height):
        part = slice(first, first + height)
        s = states[part]
        fields = np.asarray((model.csr @ s.T).T) + model.h
        v, inputs = s[:, seen], fields[:, hidden]
        # −F changes by −2 v_i (its own field from seen sites) and by what hidden sites then sum to.
        changed = inputs[:, None, :] - 2 * v[:, :, None] * onto.T
        gain = -2 * v * fields[:, seen] + (_log_cosh(changed).sum(axis=2) - _log_cosh(inputs).sum(axis=1)[:, None])
        rows[part] = log_expit(-gain).sum(axis=1)
    mean = float(rows.mean())
    return LogLikelihood(rows=read_only(rows), kind="pseudo-likelihood", exact=True, interval=(mean, mean))


def _log_cosh(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln 2cosh x."""
    size = np.abs(x)
    return size + np.log1p(np.exp(-2 * size))


def _freed(model: IsingModel, clamp: Clamp | None) -> tuple[IsingModel | None, float]:
    """The free sites in the field of the clamped ones, and what the energy has besides; None where none is free."""
    if not isinstance(model, IsingModel):
        raise TypeError(f"sums are over spins of an IsingModel; this is a {type(model).__name__}")
    sites, values = clamped_sites(model, clamp)
    free = np.setdiff1d(np.arange(model.n), sites)
    state = np.zeros(model.n)
    state[sites] = values
    couple = model.csr @ state
    alone = model.offset - 0.5 * state @ couple - model.h @ state
    if not len(free):
        return None, float(alone)
    return IsingModel(model.csr[free][:, free], model.h[free] + couple[free]), float(alone)


def _parts(model: IsingModel | None) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Of each connected part a cover, and the other sites."""
    if model is None:
        return []
    _, part = connected_components(model.csr, directed=False)
    found = []
    for sites in np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part))[:-1]):
        cover = _cover(model.csr[sites][:, sites])
        found.append((sites[cover], np.delete(sites, cover)))
    return found


def _cover(csr: Any) -> NDArray[np.int64]:
    """Few sites that touch every coupling of a connected part: of two colours the rarer, else found greedily."""
    n = csr.shape[0]
    order, before = breadth_first_order(csr, 0, directed=False)
    colour = np.zeros(n, dtype=np.int64)
    for site in order[1:]:
        colour[site] = 1 - colour[before[site]]
    rows = np.repeat(np.arange(n), np.diff(csr.indptr))
    if (colour[rows] != colour[csr.indices]).all():
        return np.flatnonzero(colour == (colour.sum() <= n / 2))
    degree = np.diff(csr.indptr).astype(np.int64)
    chosen = np.zeros(n, dtype=bool)
    while degree.any():
        site = int(degree.argmax())
        chosen[site] = True
        degree[csr.indices[csr.indptr[site] : csr.indptr[site + 1]]] -= 1
        degree[site] = 0
        degree[chosen] = 0
    for site in np.flatnonzero(chosen):
        # A site all of whose neighbours were taken as well is not needed.
        if chosen[csr.indices[csr.indptr[site] : csr.indptr[site + 1]]].all():
            chosen[site] = False
    return np.flatnonzero(chosen)


def _log_sum(model: Any, cover: NDArray[np.int64], others: NDArray[np.int64], beta: float) -> float:
    # Loaded late, since it loads the compiler.
    from pbits.kernels.partition_sum import log_partition_block

    within = np.ascontiguousarray(beta * model.csr[cover][:, cover].toarray())
    across = np.ascontiguousarray(beta * model.csr[cover][:, others].toarray())
    fields = (beta * model.h[cover], beta * model.h[others])
    states = 1 << len(cover)
    blocks = -(-states // _BLOCK)
    with Pool(min(threads(), blocks)) as pool:
        found = pool.map(
            lambda k: log_partition_block(
                within, fields[0], across, fields[1], k * _BLOCK, min(_BLOCK, states - k * _BLOCK)
            ),
            blocks,
        )
    largest, totals = np.array(found).T
    top = largest.max()
    return float(top + np.log((totals * np.exp(largest - top)).sum()))
