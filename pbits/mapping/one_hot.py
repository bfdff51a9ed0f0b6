"""Categories on p-bits: one p-bit for each category of a site, and a penalty that keeps exactly one of them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pbits.models import CategoricalModel, IsingModel
from pbits.models.base import finite_number, read_only, site_states


@dataclass(frozen=True, kw_only=True, eq=False)
class OneHot:
    """Which site and category each p-bit stands for.

    Attributes
    ----------
    sites, categories : (m,) int64
        Of each p-bit, by rising site and category.
    fixed : (n,) int64
        The category of a site that may hold only one and so has no p-bits; −1 for every other site.
    objective, constraints : IsingModel
        E = objective + penalty · constraints. The objective of a state in which every site holds one category is the
        energy of the categorical model; the constraints Σ_i (1 − Σ_a x_ia)² are 0 there and at least 1 elsewhere.
    penalty : float
    """

    sites: NDArray[np.int64]
    categories: NDArray[np.int64]
    fixed: NDArray[np.int64]
    objective: IsingModel
    constraints: IsingModel
    penalty: float

    def parts(self) -> tuple[IsingModel, IsingModel]:
        """The objective and the constraints, as `Problem.parts` hands them over."""
        return self.objective, self.constraints

    def counts(self, states: ArrayLike) -> NDArray[np.int64]:
        """How many categories each site holds in states (..., m) of the p-bits; the result has shape (..., n)."""
        spins = site_states(states, len(self.sites))
        held = np.zeros((len(self.fixed), *spins.shape[:-1]), dtype=np.int64)
        np.add.at(held, self.sites, np.moveaxis(spins, -1, 0) > 0)
        held[self.fixed >= 0] = 1
        return np.moveaxis(held, 0, -1)

    def violations(self, states: ArrayLike) -> NDArray[np.int64]:
        """How many sites hold none or several categories; states (..., m) -> (...)."""
        return (self.counts(states) != 1).sum(axis=-1)

    def decode(self, states: ArrayLike) -> NDArray[np.int16]:
        """The categories (..., n) that states (..., m) stand for; −1 at a site that holds none or several."""
        spins = site_states(states, len(self.sites))
        found = np.zeros((len(self.fixed), *spins.shape[:-1]), dtype=np.int64)
        on = np.moveaxis(spins, -1, 0) > 0
        np.add.at(found, self.sites, np.where(on, self.categories.reshape(-1, *(1,) * (on.ndim - 1)), 0))
        held = np.moveaxis(found, 0, -1)
        held = np.where(self.counts(spins) == 1, held, -1)
        return np.where(self.fixed >= 0, self.fixed, held).astype(np.int16)

    def encode(self, categories: ArrayLike) -> NDArray[np.int8]:
        """The states (..., m) of the p-bits that stand for categories (..., n); the inverse of `decode`.

        Raises
        ------
        ValueError
            For a category that its site may not hold.
        """
        wanted = site_states(categories, len(self.fixed))
        bits = np.where(wanted[..., self.sites] == self.categories, 1, -1).astype(np.int8)
        missing = (self.counts(bits) != 1) | ((self.fixed >= 0) & (wanted != self.fixed))
        if missing.any():
            site = int(np.argwhere(missing)[0, -1])
            allowed = [self.fixed[site]] if self.fixed[site] >= 0 else self.categories[self.sites == site]
            raise ValueError(
                f"site {site} holds {wanted[missing][0]:g}; it may hold {', '.join(str(int(a)) for a in allowed)}"
            )
        return bits

    def repaired(self, state: ArrayLike) -> NDArray[np.int8]:
        """A state in which every site holds one category, near to this one of shape (m,).

        Of several categories that a site holds the one of least energy stays; then each empty site takes the category
        of least energy, one site after another.
        """
        spins = site_states(state, len(self.sites)).astype(np.int8)
        counts = self.counts(spins)
        csr, h = self.objective.csr, self.objective.h
        for site in (*np.flatnonzero(counts > 1), *np.flatnonzero(counts == 0)):
            own = np.arange(*np.searchsorted(self.sites, [site, site + 1]))
            choice = own if counts[site] == 0 else own[spins[own] > 0]
            spins[own] = -1
            spins[choice[(csr[choice] @ spins + h[choice]).argmax()]] = 1
        return spins


def one_hot(
    model: CategoricalModel, penalty: float, allowed: Sequence[ArrayLike] | None = None
) -> tuple[IsingModel, OneHot]:
    """A categorical model on p-bits x_ia, one for each category a that site i may hold.

        E = Σ_i Σ_a u_i[a] x_ia + Σ_(i,j) Σ_ab T_ij[a, b] x_ia x_jb + penalty · Σ_i (1 − Σ_a x_ia)²

    A state in which every site holds one category has the energy it has in the categorical model.

    Parameters
    ----------
    model : CategoricalModel
    penalty : float
        Above `one_hot_penalty(model, allowed)` every ground state is valid.
    allowed : sequence of n boolean vectors, optional
        Which of its q_i categories each site may hold; all when absent. A category that is not allowed has no p-bit,
        and a site with a single one has none at all: its energies go into the fields of the others.

    Returns
    -------
    IsingModel
        Over the m p-bits.
    OneHot
        What they stand for.

    Raises
    ------
    ValueError
        For a penalty that is not positive, a site that may hold nothing, vectors of other lengths, or a model in which
        no site has a choice.

    Notes
    -----
    Vectors and tables are first shifted to a least entry of 0, and the constants go into the offset. That changes no
    valid state, and no site then gains by holding two categories at once.

    Examples
    --------
    >>> import numpy as np
    >>> colours = CategoricalModel([3, 3], pairwise={(0, 1): np.eye(3)})
    >>> ising, code = one_hot(colours, penalty=1.0)
    >>> ising.n
    6
    >>> state = code.encode([2, 0])
    >>> code.decode(state), float(ising.energy(state))
    (array([2, 0], dtype=int16), 0.0)
    >>> code.decode([1, 1, -1, -1, -1, 1]), int(code.violations([1, 1, -1, -1, -1, 1]))
    (array([-1,  2], dtype=int16), 1)
    """
    penalty = finite_number(penalty, "penalty")
    if penalty <= 0:
        raise ValueError(f"penalty is {penalty:g}; it must be positive")
    may = _allowed(model, allowed)
    place = np.repeat(np.arange(model.n), model.n_states)
    several = np.add.reduceat(may, model.unary_starts[:-1], dtype=np.int64)[place] > 1
    free = np.flatnonzero(may & several)
    if not len(free):
        raise ValueError("every site may hold one category only; nothing is left to decide")
    sites, categories = place[free], free - model.unary_starts[:-1][place[free]]
    alone = np.flatnonzero(may & ~several)
    fixed = np.full(model.n, -1, dtype=np.int64)
    fixed[place[alone]] = alone - model.unary_starts[:-1][place[alone]]

    # A factor x_ia of an entry: its p-bit, the spare last one where it is always 1, and nothing where it is always 0.
    m = len(free)
    bit = np.full(len(may), -1)
    bit[free], bit[alone] = np.arange(m), m
    unary, pair_rows, pair_columns, tables, shift = _shifted(model, may)
    x, rows, columns = np.flatnonzero(may), bit[pair_rows], bit[pair_columns]
    quadratic = sp.coo_array(
        (np.concatenate([unary[x], tables]), (np.append(bit[x], rows), np.append(np.full(len(x), m), columns))),
        shape=(m + 1, m + 1),
    ).tocsr()
    Q = sp.csr_array(quadratic[:m, :m])
    linear = quadratic[:m, [m]].toarray().ravel() + quadratic[[m], :m].toarray().ravel()
    objective = IsingModel.from_qubo(Q + sp.diags_array(linear), offset=model.offset + shift + float(quadratic[m, m]))
    alike: sp.csr_array = sp.csr_array((np.ones(m), sites, np.arange(m + 1)), shape=(m, model.n))
    # Σ_i (1 − Σ_a x_ia)² = Σ_i 1 − 2 Σ x + xᵀ(alike alikeᵀ)x.
    constraints = IsingModel.from_qubo(
        alike @ alike.T - sp.diags_array(np.full(m, 2.0)), offset=float(len(np.unique(sites)))
    )
    code = OneHot(
        sites=read_only(sites),
        categories=read_only(categories),
        fixed=read_only(fixed),
        objective=objective,
        constraints=constraints,
        penalty=penalty,
    )
    return IsingModel(
        objective.csr + penalty * constraints.csr,
        objective.h + penalty * constraints.h,
        objective.offset + penalty * constraints.offset,
    ), code


def one_hot_penalty(model: CategoricalModel, allowed: Sequence[ArrayLike] | None = None) -> float:
    """The penalty from which the ground states of `one_hot` hold a valid one, and above which they are all valid.

    max_i min(min_a (u_i[a] + Σ_j max_b T_ij[a, b]), mean_a u_i[a] + Σ_j max_b mean_a T_ij[a, b]), with vectors and
    tables shifted to a least entry of 0, over the categories that are allowed.

    Notes
    -----
    Entries are not negative, so taking away one of several categories of a site never raises the objective, and it
    lowers the penalty. Once no site holds several, an empty one that takes its best category lowers the energy by the
    penalty and raises it by at most min_a (u_i[a] + Σ_j T_ij[a, s_j]). That is at most either of the two bounds above:
    the least of some numbers is at most any of them, and at most their mean.

    Examples
    --------
    >>> import numpy as np
    >>> one_hot_penalty(CategoricalModel([3, 3], pairwise={(0, 1): np.eye(3)}))
    0.3333333333333333
    """
    may = _allowed(model, allowed)
    unary, rows, columns, tables, _ = _shifted(model, may)
    place = np.repeat(np.arange(model.n), model.n_states)
    choices = np.add.reduceat(may, model.unary_starts[:-1], dtype=np.int64)
    worst = np.where(may, unary, np.inf)
    mean = np.bincount(place[may], unary[may], model.n) / choices
    for own, other in ((rows, columns), (columns, rows)):
        # By neighbouring site: the greatest entry of each category, and the greatest mean over the own categories.
        greatest = _grouped(np.maximum, tables, own, place[other])
        np.add.at(worst, greatest[0], greatest[2])
        total = _grouped(np.add, tables, other, place[own])
        most = _grouped(np.maximum, total[2], total[1], place[total[0]])
        np.add.at(mean, most[0], most[2] / choices[most[0]])
    bound = np.minimum(np.minimum.reduceat(worst, model.unary_starts[:-1]), mean)
    # A site that may hold one category only has no p-bits, and is never empty.
    return float(bound[choices > 1].max(initial=0.0))


def _grouped(ufunc: np.ufunc, values: NDArray, one: NDArray, other: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Values reduced over equal pairs (one, other): one, other and the result of each pair."""
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    begins = np.flatnonzero(np.append(True, (np.diff(one) != 0) | (np.diff(other) != 0))[: len(one)])
    if not len(begins):
        return one, other, values
    return one[begins], other[begins], ufunc.reduceat(values[order], begins)


def _allowed(model: CategoricalModel, allowed: Sequence[ArrayLike] | None) -> NDArray[np.bool_]:
    """Whether each category of each site is allowed, one site after another."""
    if allowed is None:
        return np.ones(model.unary_starts[-1], dtype=bool)
    if len(allowed) != model.n:
        raise ValueError(f"allowed has {len(allowed)} vectors; expected {model.n}, one per site")
    for site, (vector, q) in enumerate(zip(allowed, model.n_states)):
        given = np.asarray(vector)
        if given.shape != (q,) or given.dtype != bool:
            raise ValueError(
                f"allowed[{site}] is {given.dtype.name} of shape {given.shape}; expected booleans of shape ({q},)"
            )
        if not given.any():
            raise ValueError(f"site {site} may hold no category; allow it one at least")
    return np.concatenate([np.asarray(vector) for vector in allowed])


def _shifted(
    model: CategoricalModel, may: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], float]:
    """Energies with a least allowed entry of 0: of categories, and of pairs of allowed ones that are not 0.

    Returns the unary energies, which two categories each pair names (numbered through all sites), its energy, and the
    sum of what was taken away.
    """
    starts = model.unary_starts[:-1]
    lowest = np.minimum.reduceat(np.where(may, model.unary_flat, np.inf), starts)
    unary = model.unary_flat - np.repeat(lowest, model.n_states)
    sizes = np.diff(model.table_starts)
    pair = np.repeat(np.arange(len(sizes)), sizes)
    first, second = model.pairs.T
    row, column = np.divmod(np.arange(len(pair)) - model.table_starts[pair], model.n_states[second][pair])
    row, column = starts[first][pair] + row, starts[second][pair] + column
    both = may[row] & may[column]
    if not len(pair):
        return unary, row, column, model.tables_flat, float(lowest.sum())
    least = np.minimum.reduceat(np.where(both, model.tables_flat, np.inf), model.table_starts[:-1])
    tables = model.tables_flat - least[pair]
    kept = both & (tables != 0)
    return unary, row[kept], column[kept], tables[kept], float(lowest.sum() + least.sum())
