"""Parallel tempering, with isoenergetic cluster moves where asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.kernels.clusters import exchange_clusters
from pbits.models import Clamp, EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.problems.base import Problem
from pbits.result import Run
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.steering import Move, Policy, Round
from pbits.streams import Stream, Streams, fresh_seed
from pbits.substrate import Substrate

Clusters = Literal["houdayer", "smaller"]
CLUSTERS = ("houdayer", "smaller")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Tempering:
    """A run of parallel tempering.

    Attributes
    ----------
    run : Run
        Position k·copies + c is copy c at `betas[k]`.
    betas : (levels,) float64
    copies : int
    acceptance : (levels − 1,) float64
        Share of the proposed swaps between `betas[k]` and `betas[k + 1]` that were accepted; NaN where none was
        proposed.
    round_trips : int
        Ways of a state from the lowest β to the highest and back, over all copies.
    cluster_sizes : (levels,) float64
        Mean sites of a cluster, of pairs that differ; NaN where no cluster was exchanged.
    lowest : (rounds,) float64
        The lowest energy among all positions after the moves of each round.
    best_energy : float
        The lowest energy of all rounds.
    best_state : (n,)
    """

    run: Run
    betas: NDArray[np.float64]
    copies: int
    acceptance: NDArray[np.float64]
    round_trips: int
    cluster_sizes: NDArray[np.float64]
    lowest: NDArray[np.float64]
    best_energy: float
    best_state: NDArray

    def __repr__(self) -> str:
        return f"Tempering(levels={len(self.betas)}, copies={self.copies}, best_energy={self.best_energy:g})"

    @property
    def energies(self) -> NDArray[np.float64]:
        """Energies of the draws at each β, (levels, copies, draws)."""
        return self.run.energies.reshape(len(self.betas), self.copies, -1)

    @property
    def states(self) -> NDArray:
        """The draws at each β, (levels, copies, draws, n)."""
        return self.run.states.reshape(len(self.betas), self.copies, -1, self.run.model.n)


def temper(
    model: EnergyModel | Problem,
    machine: str | Path | Substrate = "ideal",
    *,
    betas: ArrayLike,
    sweeps: int = 1000,
    n_samples: int | None = None,
    swap_every: int = 1,
    copies: int = 1,
    icm: bool | Clusters = False,
    seed: int | None = None,
    chip_seed: int = 0,
    clamp: Clamp | None = None,
    initial: ArrayLike | None = None,
    layout: str = "auto",
    progress: Progress = False,
) -> Tempering:
    """Parallel tempering (replica exchange) on a machine.

    Every `swap_every` sweeps, pairs of neighbouring β propose to swap states and do with probability
    min(1, exp((β' − β)(E' − E))): pairs (0, 1), (2, 3), … in one round, (1, 2), (3, 4), … in the next. That keeps the
    product of the Boltzmann laws at all β.

    Parameters
    ----------
    model : EnergyModel or Problem
    machine : str, path or Substrate
    betas : sequence of float
        Rising. `adaptive_ladder` finds one.
    sweeps : int
        Of each replica.
    n_samples : int, optional
        Draws kept of each replica, at equal distances over the second half of the sweeps; by default 100, or as many as
        there are sweeps.
    swap_every : int
        Sweeps between rounds.
    copies : int
        Replicas at each β.
    icm : bool or {"houdayer", "smaller"}
        Whether each round begins with isoenergetic cluster moves between random pairs of replicas of one β.
        "houdayer": of clusters where the two differ. "smaller", or True: without fields and clamps of clusters where
        they agree if these sites are fewer (Zhu, Ochoa and Katzgraber), which is faster. For an IsingModel, and at
        least two copies.
    seed, chip_seed, clamp, initial, layout, progress
        As `pbits.run` takes them.

    Returns
    -------
    Tempering

    Raises
    ------
    ValueError
        For a ladder that does not rise, more samples than sweeps, or cluster moves of too few copies.
    TypeError
        For cluster moves of a model that is no IsingModel.
    NotMappable
        When the machine cannot hold the model or cannot be steered.

    Notes
    -----
    Swaps go by energies of the model as posed. On a machine that realises another model at some β (rounding, mismatch)
    its own law is kept only as far as the two agree.

    Examples
    --------
    >>> import pbits
    >>> from pbits.algorithms import temper
    >>> ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], [1.0, 1.0, 1.0, -1.0])
    >>> found = temper(ring, betas=[0.3, 0.6, 1.2], sweeps=50, n_samples=10, seed=1)
    >>> found.best_energy, found.energies.shape
    (-2.0, (3, 1, 10))
    """
    posed = model.to_model() if isinstance(model, Problem) else model
    ladder = _ladder(betas)
    replicas, every = _whole("copies", copies), _whole("swap_every", swap_every)
    length = _whole("sweeps", sweeps)
    draws = min(100, length) if n_samples is None else _whole("n_samples", n_samples)
    if draws > length:
        raise ValueError(f"n_samples is {draws} and sweeps is {length}; a replica has at most one draw a sweep")
    if icm not in (False, True, *CLUSTERS):
        raise ValueError(f"icm is {icm!r}; it must be False, True, or one of {', '.join(CLUSTERS)}")
    if icm:
        if not isinstance(posed, IsingModel):
            raise TypeError(f"cluster moves are of an IsingModel; this is a {type(posed).__name__}: leave icm out")
        if replicas < 2:
            raise ValueError("cluster moves exchange between replicas of one β; take copies of at least 2")
    seed = fresh_seed() if seed is None else seed
    rng = Streams(seed=seed).generator(Stream.THERMAL, "parallel tempering")
    held = bool(clamp) or (isinstance(model, Problem) and bool(model.clamp()))
    swaps = _Swaps(posed, ladder, replicas, every, bool(icm), not held and icm != "houdayer", rng)
    spacing = max(1, length // 2 // draws)
    schedule = Schedule(
        n_samples=draws,
        n_warmup=length - draws * spacing,
        steps_per_sample=spacing,
        beta=float(ladder[-1]),
        chains=len(ladder) * replicas,
        ladder=tuple(np.repeat(ladder / ladder[-1], replicas)),
    )
    done = run(
        model, machine, schedule, seed=seed, chip_seed=chip_seed, clamp=clamp, initial=initial, layout=layout,
        steer=swaps, progress=progress,
    )  # fmt: skip
    best = swaps if swaps.best_energy < done.best_energy else done
    with np.errstate(invalid="ignore"):
        acceptance, sizes = swaps.accepted / swaps.proposed, swaps.cluster_sites / swaps.clusters
    return Tempering(
        run=done,
        betas=read_only(ladder),
        copies=replicas,
        acceptance=read_only(acceptance),
        round_trips=swaps.round_trips,
        cluster_sizes=read_only(sizes),
        lowest=read_only(np.array(swaps.lowest)),
        best_energy=float(posed.energy(best.best_state)),
        best_state=read_only(np.array(best.best_state)),
    )


def _ladder(values: ArrayLike, name: str = "betas") -> NDArray[np.float64]:
    ladder = np.array(values, dtype=np.float64)
    if ladder.ndim != 1 or len(ladder) == 0 or not np.isfinite(ladder).all():
        raise ValueError(f"{name} is {values!r}; it must be a row of finite numbers")
    if ladder[0] < 0 or ladder[-1] <= 0 or (np.diff(ladder) <= 0).any():
        raise ValueError(f"{name} go from {ladder[0]:g} to {ladder[-1]:g}; they must rise, and not below 0")
    return ladder


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
    return int(value)


class _Swaps(Policy):
    """Cluster moves, then swaps; and what became of them."""

    def __init__(
        self,
        model: EnergyModel,
        betas: NDArray[np.float64],
        copies: int,
        every: int,
        icm: bool,
        mirror: bool,
        rng: np.random.Generator,
    ):
        self.every = every
        self.lowest: list[float] = []
        self.best_energy = np.inf
        self.best_state: NDArray = np.zeros(model.n)
        self.proposed, self.accepted = np.zeros((2, len(betas) - 1))
        self.clusters, self.cluster_sites = np.zeros((2, len(betas)))
        self._model = model if icm and isinstance(model, IsingModel) else None
        self._mirror = self._model is not None and mirror and not self._model.h.any()
        self._betas = betas
        self._copies = copies
        self._rng = rng
        self._trips = _Trips(len(betas), copies)

    @property
    def round_trips(self) -> int:
        return self._trips.made

    def describe(self) -> dict[str, Any]:
        return {
            "policy": "parallel tempering",
            "every": self.every,
            "betas": self._betas.tolist(),
            "copies": self._copies,
            "cluster_moves": "none" if self._model is None else "smaller" if self._mirror else "houdayer",
        }

    def __call__(self, now: Round) -> Move | None:
        energies = now.energies.reshape(len(self._betas), self._copies)
        replaced = None if self._model is None else self._exchange(self._model, now, energies)
        best = int(energies.argmin())
        lowest = float(energies.ravel()[best])
        self.lowest.append(lowest)
        if lowest < self.best_energy:
            self.best_energy, self.best_state = lowest, now.states[best].copy()
        parents = self._swap(energies)
        self._trips.follow(parents)
        return Move(
            chains=replaced,
            states=None if replaced is None else now.states[replaced],
            parents=parents,
        )

    def _exchange(self, model: IsingModel, now: Round, energies: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cluster moves in the states of `now`; returns the positions that changed."""
        levels, copies = energies.shape
        shuffled = self._rng.permuted(np.arange(levels * copies).reshape(levels, copies), axis=1)
        pairs = np.ascontiguousarray(shuffled[:, : copies // 2 * 2]).reshape(-1, 2)
        sizes, gains = np.empty(len(pairs), dtype=np.int64), np.empty(len(pairs))
        csr = model.csr
        exchange_clusters(
            now.states, pairs, self._rng.random(len(pairs)), csr.indptr, csr.indices, csr.data, model.h, self._mirror,
            sizes, gains,
        )  # fmt: skip
        flat = energies.reshape(-1)
        flat[pairs[:, 0]] += gains
        flat[pairs[:, 1]] -= gains
        level = pairs[:, 0] // copies
        self.clusters += np.bincount(level, sizes > 0, minlength=levels)
        self.cluster_sites += np.bincount(level, sizes, minlength=levels)
        return pairs[sizes > 0].ravel()

    def _swap(self, energies: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where each position goes on from."""
        levels, copies = energies.shape
        parents = np.arange(levels * copies).reshape(levels, copies)
        low = np.arange((len(self.lowest) - 1) % 2, levels - 1, 2)
        odds = (self._betas[low + 1] - self._betas[low])[:, None] * (energies[low + 1] - energies[low])
        swap = np.log1p(-self._rng.random(odds.shape)) < odds
        self.proposed[low] += copies
        self.accepted[low] += swap.sum(axis=1)
        lower, upper = parents[low], parents[low + 1]
        parents[low], parents[low + 1] = np.where(swap, upper, lower), np.where(swap, lower, upper)
        return parents.ravel()


@dataclass
class _Trips:
    """Which states have been at which end."""

    levels: int
    copies: int
    made: int = 0
    _walker: NDArray[np.int64] = field(init=False)
    # 0: has not been at the lowest β; 1: has; 2: and at the highest since.
    _seen: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self._walker = np.arange(self.levels * self.copies)
        self._seen = np.zeros(len(self._walker), dtype=np.int64)
        self._seen[: self.copies] = 1

    def follow(self, parents: NDArray[np.int64]) -> None:
        self._walker = self._walker[parents]
        hot, cold = self._walker[: self.copies], self._walker[-self.copies :]
        self.made += int((self._seen[hot] == 2).sum())
        self._seen[hot] = 1
        self._seen[cold[self._seen[cold] == 1]] = 2
