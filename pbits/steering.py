"""Steering: a policy that looks at all chains every few steps, and may move, copy or replace their states.

Tempering, cluster moves, resampling and Trotter replicas are policies (see `pbits.algorithms`); `pbits.run` takes any::

    run(model, machine, schedule, steer=policy)

A chain has a *position*: its place on the chain axis and, where the schedule has a ladder, its β. Positions keep their
β; states move between them. Whether a machine then hands states or β from one copy to another is the machine's
business, and it counts what it does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits.models import EnergyModel


class Round:
    """What a policy is shown.

    Attributes
    ----------
    step : int
        The step that has just been made, 1-based.
    energies : (chains,) float64
        Of the model as posed, by position.
    betas : (chains,) float64
        The β of that step, by position.
    states : (chains, n)
        By position; a copy that may be changed. Read only when asked for.
    """

    def __init__(
        self, step: int, energies: NDArray[np.float64], betas: NDArray[np.float64], read: Callable[[], NDArray]
    ):
        self.step = step
        self.energies = energies
        self.betas = betas
        self._read = read

    @cached_property
    def states(self) -> NDArray:
        return self._read()


@dataclass(frozen=True, kw_only=True, eq=False)
class Move:
    """What a policy asks for: replacements first, then the move between positions, then the programming.

    Attributes
    ----------
    chains, states : (k,) int64 and (k, n), optional
        Positions whose states are replaced, each named once, and by what.
    parents : (chains,) int64, optional
        Position k goes on from what was at position ``parents[k]``. A permutation swaps states; a position that is
        named twice is copied.
    model : EnergyModel, optional
        What is programmed from here on: of the same sites, and with no coupling where the posed model has none.
    """

    chains: NDArray[np.int64] | None = None
    states: NDArray | None = None
    parents: NDArray[np.int64] | None = None
    model: EnergyModel | None = None

    def check(self, chains: int, n: int) -> None:
        """Refuse what does not fit a run of `chains` chains of `n` sites."""
        if (self.chains is None) != (self.states is None):
            raise ValueError("a Move replaces states with `chains` and `states` together, and one of them is missing")
        if self.chains is not None and self.states is not None:
            if self.states.shape != (len(self.chains), n):
                raise ValueError(f"states has shape {self.states.shape}; expected {(len(self.chains), n)}")
            _check_positions("chains", self.chains, chains)
            if len(np.unique(self.chains)) < len(self.chains):
                raise ValueError("chains names a position twice")
        if self.parents is not None:
            if self.parents.shape != (chains,):
                raise ValueError(f"parents has shape {self.parents.shape}; expected one position a chain, ({chains},)")
            _check_positions("parents", self.parents, chains)


def _check_positions(name: str, given: NDArray, chains: int) -> None:
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"{name} holds {given.dtype} values; positions are whole numbers")
    if len(given) and (given.min() < 0 or given.max() >= chains):
        raise ValueError(f"{name} names a position outside 0 to {chains - 1}")


class Policy(ABC):
    """What steers a run.

    Attributes
    ----------
    every : int
        Steps between rounds.
    reprograms : bool
        Whether it may ask for another model, so that a layout is taken which can follow.
    looks : bool
        Whether it goes by energies or states, which a machine then has to hand over in every round.
    """

    every: int = 1
    reprograms: bool = False
    looks: bool = True

    @abstractmethod
    def __call__(self, now: Round) -> Move | None:
        """What to do after a step; None to go on."""

    def describe(self) -> dict[str, Any]:
        """For the record of a run."""
        return {"policy": type(self).__name__, "every": self.every}


@dataclass(kw_only=True)
class Steered:
    """What steering did, for the machine to count.

    Attributes
    ----------
    every : int
    looks : bool
        As the policy says.
    rounds : int
    moved, moving_rounds : int
        Positions that went on from another one's state, each from its own (a swap is two), and rounds with such.
    written, writing_rounds : int
        Positions whose states were replaced or copied from a state that stays, and rounds with such.
    changing_rounds : int
        Rounds with either.
    programmings : int
    """

    every: int
    looks: bool = True
    rounds: int = 0
    moved: int = 0
    moving_rounds: int = 0
    written: int = 0
    writing_rounds: int = 0
    changing_rounds: int = 0
    programmings: int = 0

    def count(self, move: Move, chains: int) -> None:
        """Add one move."""
        written = np.zeros(chains, dtype=bool)
        if move.chains is not None:
            written[move.chains] = True
        moved = 0
        if move.parents is not None:
            away = move.parents != np.arange(chains)
            if is_permutation(move.parents):
                moved = int(np.count_nonzero(away))
            else:
                written = written[move.parents] | away
        writes = int(np.count_nonzero(written))
        self.moved += moved
        self.moving_rounds += moved > 0
        self.written += writes
        self.writing_rounds += writes > 0
        self.changing_rounds += moved + writes > 0
        self.programmings += move.model is not None


def is_permutation(parents: NDArray[np.int64]) -> bool:
    """Whether every position is named once."""
    return bool((np.bincount(parents, minlength=len(parents)) == 1).all())
