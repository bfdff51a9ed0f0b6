"""What every layout is to the dispatcher: a block of chains that sweeps and is looked at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbits.models import EnergyModel, IsingModel
from pbits.moves import Moves
from pbits.sweeps.scan import Scan


@dataclass(kw_only=True)
class Record:
    """What to note of a block while it sweeps; filled in by the engine.

    Attributes
    ----------
    model : EnergyModel
        As posed: its energies are noted, whatever the machine holds.
    energies : (chains, looks) float64
        Filled in, one column a look.
    draws : (chains, looks, n), optional
        Filled with the states at each look, where they are kept.
    best_energy : float
        Lowered to the lowest energy seen at a look, over all chains of the block.
    best_state : (n,)
        The state that had it, once the engine was told to `settle` the record.
    site_sums, edge_sums : int64, optional
        Both or neither: raised by Σ s_i, and by Σ s_i s_j in the order of `model.edges()`, over looks and chains.
    """

    model: EnergyModel
    energies: NDArray[np.float64]
    draws: NDArray | None = None
    best_energy: float
    best_state: NDArray
    site_sums: NDArray[np.int64] | None = None
    edge_sums: NDArray[np.int64] | None = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to simulate, which changes draws but not laws.

    Attributes
    ----------
    threshold_bits : {16, 24, 32}
        Resolution of a decision in the bit-parallel layouts: probabilities are rounded to 2^−bits.
    rule : {"heat-bath", "metropolis"}
        Metropolis is for optimisation alone.
    moves : Moves, optional
        Of permutations.
    """

    threshold_bits: int = 24
    rule: str = "heat-bath"
    moves: Moves | None = None


Words = tuple[np.uint32, np.uint32]


class Key(NamedTuple):
    """Philox keys of a run's streams, two 32-bit words each.

    Attributes
    ----------
    thermal : of the decisions
    site : of the sites a random scan visits
    """

    thermal: Words
    site: Words


class Engine(ABC):
    """A block of chains in one layout: its states and, where the generator is one per block, its generator.

    Parameters
    ----------
    model : EnergyModel
        What the machine holds.
    scan : Scan
        With the clamped sites already left out.
    states : (n, chains) array
        Start states, clamped sites included; at most `BLOCK` chains.
    key : Key
        Philox keys of the run.
    chain0 : int
        Absolute number of the first chain, a multiple of `BLOCK`.
    options : Options
    """

    BLOCK: ClassVar[int]
    """Chains of a block; a fixed number of each layout, so that draws do not depend on the host."""

    threads: int = 1
    """How many it may sweep with; they change no draw."""

    counted: Mapping[str, int] = MappingProxyType({})
    """What else it has done since it was made, by name, where updates and toggles do not tell."""

    @abstractmethod
    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        """Take the start states over: the array may be kept and changed."""

    @classmethod
    @abstractmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        """Every reason why this layout cannot sweep the model up to β; empty when it can."""

    @classmethod
    @abstractmethod
    def describe(cls, options: Options) -> str:
        """The layout and its accuracy in words, for the record."""

    @abstractmethod
    def hold(self, model: EnergyModel) -> None:
        """The machine was programmed anew, with the same sites and no coupling where there was none."""

    @abstractmethod
    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        """One sweep per β; returns the toggles of all chains.

        Parameters
        ----------
        betas : (steps,) or (steps, chains) array
            The second form gives each chain of the block its own β.
        step0 : int
            Absolute number of the first sweep.
        """

    @abstractmethod
    def states(self) -> NDArray:
        """A copy, (chains, n)."""

    @abstractmethod
    def load(self, states: NDArray) -> None:
        """Go on from other states, (chains, n); the generator goes on as it was."""

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        """Sweep once per β, and look after every `every`-th sweep; returns the toggles.

        Layouts that can look at less cost than this do so.
        """
        toggles = 0
        for look in range(len(betas) // every):
            first = look * every
            toggles += self.advance(betas[first : first + every], step0 + first)
            states = self.states()
            energies = record.model.energy(states)
            record.energies[:, look] = energies
            if record.draws is not None:
                record.draws[:, look] = states
            best = int(energies.argmin())
            if energies[best] < record.best_energy:
                record.best_energy = float(energies[best])
                record.best_state[:] = states[best]
            if record.site_sums is not None and record.edge_sums is not None:
                assert isinstance(record.model, IsingModel)
                add_sums(record.model, states, record.site_sums, record.edge_sums)
        return toggles

    def settle(self, record: Record) -> None:  # noqa: B027
        """Write down the best state of a record, in layouts that put it off."""


def add_sums(model: IsingModel, states: NDArray, site_sums: NDArray[np.int64], edge_sums: NDArray[np.int64]) -> None:
    """Raise the running sums by the states of one look, (chains, n)."""
    site_sums += states.sum(axis=0, dtype=np.int64)
    i, j, _ = model.edges()
    # One chain at a time: all of them at once would take memory for every edge and chain.
    for spins in states.astype(np.int8, copy=False):
        edge_sums += spins[i] * spins[j]
