"""Parallel tempering over penalties, and over penalties and β together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pbits.algorithms.tempering import _ladder, _whole
from pbits.models import CategoricalModel, EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.problems.base import Problem, Solution
from pbits.result import Run
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.steering import Move, Policy, Round
from pbits.streams import Stream, Streams, fresh_seed
from pbits.substrate import Substrate

# The constraints of a state are 0 or at least a whole unit, up to rounding.
_BROKEN = 0.5


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PenaltyTempering:
    """A run of tempering over penalties and β.

    Attributes
    ----------
    run : Run
        Of the disjoint union of the problem's models at all penalties; its states hold them one after another.
    problem : Problem
        At the largest penalty.
    solution : Solution
        The best valid answer of all replicas in all rounds. What it tells of how many states were valid is of the draws
        at the largest penalty and β.
    betas, penalties : (levels,) and (weights,) float64
    copies : int
    beta_acceptance : (levels − 1, weights) float64
        Share of the proposed swaps between neighbouring β that were accepted; NaN where none was proposed.
    penalty_acceptance : (levels, weights − 1) float64
        The same between neighbouring penalties.
    """

    run: Run
    problem: Problem
    solution: Solution
    betas: NDArray[np.float64]
    penalties: NDArray[np.float64]
    copies: int
    beta_acceptance: NDArray[np.float64]
    penalty_acceptance: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"PenaltyTempering({len(self.betas)} β × {len(self.penalties)} penalties, {self.solution})"

    @property
    def states(self) -> NDArray:
        """The draws at each β and penalty, (levels, weights, copies, draws, n)."""
        draws = self.run.states.shape[1]
        split = self.run.states.reshape(len(self.betas), self.copies, draws, len(self.penalties), -1)
        return np.moveaxis(split, 3, 1)


def temper_penalties(
    problem: Problem,
    machine: str | Path | Substrate = "ideal",
    *,
    penalties: ArrayLike,
    betas: ArrayLike,
    sweeps: int = 1000,
    n_samples: int | None = None,
    swap_every: int = 1,
    copies: int = 1,
    seed: int | None = None,
    chip_seed: int = 0,
    layout: str = "auto",
    progress: Progress = False,
) -> PenaltyTempering:
    """Parallel tempering in two dimensions: replicas at every β and every penalty.

    Replica (k, r) has the law P(s) ∝ exp(−β_k (O(s) + A_r C(s))), where O is the problem's objective and C ≥ 0 its
    broken constraints. Where A is small, states pass through what is not valid; where it is large, they are valid.
    Every `swap_every` sweeps neighbours propose to swap states, and do with probability

        min(1, exp(β (A − A′)(C − C′)))     between penalties A and A′ at one β,
        min(1, exp((β′ − β)(E′ − E)))       between β and β′ at one penalty, E = O + A C,

    which keeps the product of all laws. With a single β that is constrained tempering: constraints have a temperature
    of their own.

    Parameters
    ----------
    problem : Problem
        In an encoding that has `parts`: an objective and constraints.
    machine : str, path or Substrate
        It holds the models at all penalties side by side: weights · n sites.
    penalties : sequence of float
        A, positive and rising.
    betas : sequence of float
        Rising; or one.
    sweeps, n_samples, swap_every, copies, seed, chip_seed, layout, progress
        As `temper` takes them.

    Returns
    -------
    PenaltyTempering

    Raises
    ------
    ValueError
        For a problem without parts, one whose parts have many-body terms, or ladders that do not rise.
    NotMappable
        When the machine cannot hold the models or cannot be steered.

    Notes
    -----
    Delacour, … and Camsari, arXiv 2506.14781, for two dimensions, of which the abstract was read.

    Examples
    --------
    >>> from pbits.problems import TravelingSalesman
    >>> from pbits.algorithms import temper_penalties
    >>> square = TravelingSalesman.from_coordinates([[0, 0], [0, 1], [1, 1], [1, 0]])
    >>> found = temper_penalties(square, penalties=[0.5, 1.0, 2.0], betas=[1, 2, 4], sweeps=200, seed=1)
    >>> found.solution.objective, found.states.shape
    (4.0, (3, 3, 1, 100, 9))
    """
    ladder, weights = _ladder(betas), _ladder(penalties, "penalties")
    if weights[0] <= 0:
        raise ValueError(f"penalties begin at {weights[0]:g}; each must be positive")
    parts = problem.parts()
    if parts is None:
        raise ValueError(f"{problem.name} has no penalty to temper in this encoding; `temper` takes it as it is")
    replicas, every, length = _whole("copies", copies), _whole("swap_every", swap_every), _whole("sweeps", sweeps)
    draws = min(100, length) if n_samples is None else _whole("n_samples", n_samples)
    if draws > length:
        raise ValueError(f"n_samples is {draws} and sweeps is {length}; a replica has at most one draw a sweep")
    seed = fresh_seed() if seed is None else seed
    rng = Streams(seed=seed).generator(Stream.THERMAL, "tempering of penalties")
    swaps = _Swaps(*parts, ladder, weights, replicas, every, rng)
    spacing = max(1, length // 2 // draws)
    schedule = Schedule(
        n_samples=draws,
        n_warmup=length - draws * spacing,
        steps_per_sample=spacing,
        beta=float(ladder[-1]),
        chains=len(ladder) * replicas,
        ladder=tuple(np.repeat(ladder / ladder[-1], replicas)),
    )
    n = parts[0].n
    clamp = {r * n + site: value for r in range(len(weights)) for site, value in problem.clamp().items()}
    done = run(
        _side_by_side(*parts, weights), machine, schedule, seed=seed, chip_seed=chip_seed, clamp=clamp or None,
        layout=layout, steer=swaps, progress=progress,
    )  # fmt: skip
    hardest = problem.penalised(float(weights[-1]))
    cold = done.states[-replicas:, :, -n:].reshape(-1, n)
    solution = hardest.solution(cold, hardest.to_model().energy(cold))
    if swaps.best is not None:
        passed = hardest.solution([swaps.best], [swaps.lowest])
        solution = replace(passed, valid_fraction=solution.valid_fraction, broken=solution.broken)
    with np.errstate(invalid="ignore"):
        across, along = (swaps.accepted[axis] / swaps.proposed[axis] for axis in (0, 2))
    return PenaltyTempering(
        run=done,
        problem=hardest,
        solution=solution,
        betas=read_only(ladder),
        penalties=read_only(weights),
        copies=replicas,
        beta_acceptance=read_only(across),
        penalty_acceptance=read_only(along),
    )


def _side_by_side(objective: EnergyModel, constraints: EnergyModel, weights: NDArray[np.float64]) -> EnergyModel:
    """The disjoint union of objective + A · constraints over all A."""
    offset = float(len(weights) * objective.offset + weights.sum() * constraints.offset)
    if isinstance(objective, IsingModel) and isinstance(constraints, IsingModel):
        J: Any = sp.block_diag([objective.csr + A * constraints.csr for A in weights], format="csr")
        return IsingModel(J, np.concatenate([objective.h + A * constraints.h for A in weights]), offset)
    if not (isinstance(objective, CategoricalModel) and isinstance(constraints, CategoricalModel)):
        raise ValueError(
            f"penalties of spins and categories are tempered; this is a {type(objective).__name__}: pose the problem "
            "in another of its encodings"
        )
    n, pairwise = objective.n, {}
    unary = [u + A * v for A in weights for u, v in zip(objective.unary, constraints.unary)]
    for r, A in enumerate(weights):
        for model, factor in ((objective, 1.0), (constraints, A)):
            for (i, j), table in zip(model.pairs.tolist(), model.tables):
                pair = r * n + i, r * n + j
                pairwise[pair] = pairwise.get(pair, 0.0) + factor * table
    return CategoricalModel(np.tile(objective.n_states, len(weights)), unary, pairwise, offset)


class _Swaps(Policy):
    """Swaps between penalties, then between β; and what became of them. Arrays are (level, copy, weight)."""

    def __init__(
        self,
        objective: EnergyModel,
        constraints: EnergyModel,
        betas: NDArray[np.float64],
        weights: NDArray[np.float64],
        copies: int,
        every: int,
        rng: np.random.Generator,
    ):
        self.every = every
        self.lowest = np.inf
        self.best: NDArray | None = None
        # By axis: neighbouring β are proposed along 0, neighbouring penalties along 2.
        shapes = {0: (len(betas) - 1, len(weights)), 2: (len(betas), len(weights) - 1)}
        self.proposed = {axis: np.zeros(shape) for axis, shape in shapes.items()}
        self.accepted = {axis: np.zeros(shape) for axis, shape in shapes.items()}
        self._objective, self._constraints = objective, constraints
        self._betas, self._weights, self._copies = betas, weights, copies
        self._rng = rng
        self._rounds = 0

    def describe(self) -> dict[str, Any]:
        return {
            "policy": "tempering of penalties",
            "every": self.every,
            "betas": self._betas.tolist(),
            "penalties": self._weights.tolist(),
            "copies": self._copies,
        }

    def __call__(self, now: Round) -> Move | None:
        shape = len(self._betas), self._copies, len(self._weights)
        states = now.states.reshape(-1, self._objective.n)
        O = self._objective.energy(states).reshape(shape)
        C = self._constraints.energy(states).reshape(shape)
        self._keep_best(states, O, C)
        source = np.arange(O.size).reshape(shape)
        parity = self._rounds % 2
        self._rounds += 1
        A, beta = self._weights, self._betas[:, None, None]
        self._swap(2, parity, beta * -np.diff(A) * -np.diff(C), (O, C, source))
        self._swap(0, parity, np.diff(self._betas)[:, None, None] * np.diff(O + A * C, axis=0), (O, C, source))
        moved = np.flatnonzero((source != np.arange(O.size).reshape(shape)).any(axis=2).ravel())
        if not len(moved):
            return None
        return Move(chains=moved, states=states[source].reshape(len(now.states), -1)[moved])

    def _swap(self, axis: int, parity: int, log_odds: NDArray[np.float64], held: tuple[NDArray, ...]) -> None:
        """Swap what neighbours along an axis hold, every second pair of them."""
        low = np.arange(parity, log_odds.shape[axis], 2)
        odds = np.take(log_odds, low, axis)
        accept = np.log1p(-self._rng.random(odds.shape)) < odds
        where: list[Any] = [slice(None)] * 2
        where[axis // 2] = low
        self.proposed[axis][tuple(where)] += self._copies
        self.accepted[axis][tuple(where)] += accept.sum(axis=1)
        for array in held:
            lower, upper = np.take(array, low, axis), np.take(array, low + 1, axis)
            at: list[Any] = [slice(None)] * 3
            at[axis] = low
            array[tuple(at)] = np.where(accept, upper, lower)
            at[axis] = low + 1
            array[tuple(at)] = np.where(accept, lower, upper)

    def _keep_best(self, states: NDArray, objective: NDArray[np.float64], constraints: NDArray[np.float64]) -> None:
        valid = np.where(constraints < _BROKEN, objective, np.inf).ravel()
        best = int(valid.argmin())
        if valid[best] < self.lowest:
            self.lowest, self.best = float(valid[best]), states[best].copy()
