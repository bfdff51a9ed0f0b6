"""Spin glasses whose ground state is known, because they were built around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.models.base import finite_number, read_only, real_array
from pbits.problems.base import Problem, spins_of


class PlantedGlass(Problem):
    """An Ising model with a ground state that is known by construction: how far a search is from it can be read off.

    Made by `tiles` (a square lattice, integer couplings) or `wishart` (all to all, real couplings). The score is the
    energy, and `optimum` that of the planted state.

    Parameters
    ----------
    model : IsingModel
    planted : (n,) spins
        A ground state; whoever makes an instance in another way answers for that.

    Raises
    ------
    ValueError
        Where a single flip lowers the energy of the planted state, for then it is no ground state.

    Examples
    --------
    >>> from pbits.problems import PlantedGlass
    >>> glass = PlantedGlass.tiles(4, seed=1)
    >>> glass.optimum, float(glass.to_model().energy(glass.planted))
    (-40.0, -40.0)
    """

    unit = "energy"

    def __init__(self, model: IsingModel, planted: ArrayLike, name: str | None = None):
        self.planted = read_only(spins_of(planted, model.n))
        inputs = model.csr @ self.planted + model.h
        lost = 2 * self.planted * inputs
        if (lost < -1e-9 * max(1.0, float(np.abs(inputs).max()))).any():
            site = int(lost.argmin())
            raise ValueError(f"flipping site {site} lowers the energy by {-lost[site]:g}; that is no ground state")
        self._given = model
        self.optimum = float(model.energy(self.planted))
        self.name = name or f"planted glass, {model.n} spins"

    @classmethod
    def tiles(cls, L: int, seed: int, shares: Sequence[float] = (1.0, 0.0, 0.0, 0.0)) -> PlantedGlass:
        """On an L × L square lattice with periodic edges, from frustrated squares that share corners and no couplings.

        Parameters
        ----------
        L : int
            Even, at least 4.
        seed : int
        shares : sequence of 4 numbers
            Of squares with 1, 2, 3 and 4 weak couplings; hardness depends on them.

        Raises
        ------
        ValueError
            For an odd or smaller L, and for shares that are negative or all 0.

        Notes
        -----
        Every second square of the lattice, as on a chessboard, has four couplings of its own, of size 1 (weak) or 2, of
        which one that is weak is negative. With a negative product some coupling is broken in every state, and where
        all spins agree only that weak one is: no square can do better, so neither can the lattice, whose energy is the
        sum. Couplings are then turned by a random state, J_ij t_i t_j, which becomes the ground state in their stead.
        Tile planting: Hamze et al., Phys. Rev. E 97, 043303 (2018).
        """
        if L < 4 or L % 2:
            raise ValueError(f"L is {L}; every second square is planted, so it must be even, and at least 4")
        share = real_array(shares, "shares")
        if share.shape != (4,) or not (share >= 0).all() or not 0 < share.sum() < np.inf:
            raise ValueError(
                f"shares are {shares}; expected four of at least 0, not all 0: with 1, 2, 3, 4 weak couplings"
            )
        rng = np.random.default_rng(seed)
        i, j = np.nonzero(np.add.outer(np.arange(L), np.arange(L)) % 2 == 0)
        corners = [((i + di) % L) * L + (j + dj) % L for di, dj in ((0, 0), (0, 1), (1, 1), (1, 0))]
        edges = np.stack([np.stack([corners[k], corners[(k + 1) % 4]], axis=-1) for k in range(4)], axis=1)
        weak = rng.choice(4, len(i), p=share / share.sum()) + 1
        couplings = np.where(np.arange(4) < weak[:, None], 1.0, 2.0)
        couplings[:, 0] = -1.0
        couplings = rng.permuted(couplings, axis=1)
        planted = rng.choice([-1, 1], L * L)
        pairs = edges.reshape(-1, 2)
        turned = couplings.ravel() * planted[pairs[:, 0]] * planted[pairs[:, 1]]
        return cls(IsingModel.from_edges(L * L, pairs, turned), planted, f"tiles {L} × {L}, seed {seed}")

    @classmethod
    def wishart(cls, n: int, alpha: float, seed: int) -> PlantedGlass:
        """All to all: E = |Wᵀs|²/(2n) − a constant, with αn random columns W orthogonal to the planted t.

        Parameters
        ----------
        n : int
            Number of spins, at least 2.
        alpha : float
            Columns for each spin; few make a rugged landscape, many an easy one.
        seed : int

        Raises
        ------
        ValueError
            For fewer than 2 spins, or an α that gives no column.

        Notes
        -----
        |Wᵀs|² is never negative, and 0 in t and −t. The constant is ½ tr(WWᵀ)/n, the diagonal that an Ising model does
        not have. Columns are normal vectors less their part along t, times √(n/(n−1)), so that entries have variance 1.
        Wishart planting: Hamze et al., Phys. Rev. E 101, 052102 (2020).
        """
        columns = round(finite_number(alpha, "alpha") * n)
        if n < 2 or columns < 1:
            raise ValueError(f"n is {n} and alpha {alpha}; expected at least 2 spins and 1 column, round(alpha·n)")
        rng = np.random.default_rng(seed)
        planted = rng.choice([-1, 1], n)
        W = rng.normal(size=(n, columns))
        W -= np.outer(planted, planted @ W) / n
        W *= np.sqrt(n / (n - 1))
        J = -(W @ W.T) / n
        J = (J + J.T) / 2
        np.fill_diagonal(J, 0.0)
        return cls(IsingModel(J), planted, f"Wishart, {n} spins, α = {alpha:g}, seed {seed}")

    def build_model(self) -> IsingModel:
        return self._given

    def decode(self, state: ArrayLike, repair: bool = False) -> NDArray[np.int8]:
        """The spins themselves."""
        return spins_of(state, self._given.n)

    def score(self, answer: ArrayLike) -> float:
        """Their energy."""
        return float(self._given.energy(answer))

    def beta_range(self) -> tuple[float, float]:
        """β from 0.3/r to 10/r: r is the root mean square input of a p-bit at random spins."""
        rms = float(np.sqrt((self._given.csr.data**2).sum() / self._given.n))
        return 0.3 / rms, 10.0 / rms
