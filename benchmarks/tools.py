"""What every tool is to a benchmark: something that anneals an instance and says how many updates that took."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import pbits
from benchmarks.instances import Instance


@dataclass(frozen=True, kw_only=True)
class Work:
    """What to run. Peers know schedule, sweeps, chains and threads; the rest is the project's.

    Attributes
    ----------
    schedule : {"anneal", "fixed"}
        β rising linearly between the instance's ends, or fixed at the instance's β.
    sweeps, chains, threads : int
    rule : {"heat-bath", "metropolis"}
    energies : bool
        Whether the energy is noted after every sweep; an anneal always does.
    threshold_bits : int
    layout : str
    """

    schedule: str = "anneal"
    sweeps: int
    chains: int
    threads: int = 1
    rule: Any = "heat-bath"
    energies: bool = True
    threshold_bits: int = 24
    layout: str = "auto"

    def of(self, sweeps: int) -> Work:
        """The same work over another number of sweeps."""
        return replace(self, sweeps=sweeps)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What came of a piece of work.

    Attributes
    ----------
    updates : float
        Attempted updates of single sites: sweeps × sites × chains, as counted.
    energies : array
        Energy of the model as posed, of each chain's last state; or one mean where a tool gives no more.
    best : float, optional
        The lowest energy passed through, where the tool hands over its state.
    layout : str
        How the project ran it.
    """

    updates: float
    energies: NDArray[np.float64]
    best: float | None = None
    layout: str = ""

    @property
    def lowest(self) -> float:
        return float(self.energies.min()) if self.best is None else self.best


class Tool(ABC):
    """A simulator that holds an instance.

    Making one converts the instance to what the tool takes, which is timed apart from its runs.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    """What must be importable."""
    install: ClassVar[str]
    """How to get it."""
    schedules: ClassVar[tuple[str, ...]] = ("anneal", "fixed")
    rule: ClassVar[str] = "metropolis"
    largest_n: ClassVar[float] = np.inf
    """Above this many sites its conversion takes minutes."""
    threads: ClassVar[int] = 1
    """The most threads it can be told to use."""
    counted: ClassVar[bool] = True
    """Whether its updates are those of a spin by heat bath or Metropolis, so that rates can be divided."""
    chains: ClassVar[int] = 1
    """How many it is timed with; more make no difference where they run one after another."""
    compiles_lengths: ClassVar[bool] = False
    """Whether it compiles anew for each number of sweeps."""
    dense: ClassVar[bool] = False
    """Whether it holds an (n, n) matrix, whatever the graph."""

    def __init__(self, instance: Instance):
        self.instance = instance

    @classmethod
    def missing(cls) -> str | None:
        """How to install the tool, where it is not installed."""
        try:
            found = find_spec(cls.module)
        except ModuleNotFoundError:  # of the package around it
            found = None
        return None if found else f"{cls.name}: not installed; {cls.install}"

    @classmethod
    def refusal(cls, instance: Instance) -> str | None:
        """Why the tool cannot run an instance, if so."""
        n = instance.model.n
        if instance.ising is None:
            return "spins only"
        if n > cls.largest_n:
            return f"its conversion of {n:,} sites takes minutes"
        if cls.dense and n > 5000:
            return f"it holds all {n:,}² couplings"
        return None

    @abstractmethod
    def run(self, work: Work, seed: int) -> Outcome:
        """Run it and wait."""


class Pbits(Tool):
    """The project itself, on the ideal machine."""

    name = "pbits"
    module = "pbits"
    install = "pip install -e ."
    rule = "heat-bath"
    threads = 64

    @classmethod
    def refusal(cls, instance: Instance) -> str | None:
        return None

    def run(self, work: Work, seed: int) -> Outcome:
        with _environment(PBITS_THREADS=str(work.threads)):
            run = pbits.run(
                self.instance.model,
                "ideal",
                self._schedule(work),
                seed=seed,
                layout=work.layout,
                threshold_bits=work.threshold_bits,
            )
        return Outcome(
            updates=run.counts["update"],
            energies=run.energies[:, -1],
            best=run.best_energy,
            layout=str(run.record["layout"]["name"]),
        )

    def _schedule(self, work: Work) -> pbits.Schedule:
        posed = self.instance
        if work.schedule == "anneal":
            return pbits.Schedule.anneal(
                sweeps=work.sweeps,
                beta_start=posed.beta_start,
                beta_stop=posed.beta_stop,
                shape="linear",
                chains=work.chains,
                rule=work.rule,
            )
        if work.energies:
            return pbits.Schedule.anneal(
                sweeps=work.sweeps,
                beta_start=posed.beta,
                beta_stop=posed.beta,
                chains=work.chains,
                levels=1,
                rule=work.rule,
            )
        return pbits.Schedule(n_samples=1, n_warmup=work.sweeps - 1, beta=posed.beta, chains=work.chains)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def betas(instance: Instance, work: Work) -> NDArray[np.float64]:
    """β of every sweep."""
    if work.schedule == "fixed":
        return np.full(work.sweeps, instance.beta)
    return np.linspace(instance.beta_start, instance.beta_stop, work.sweeps)
