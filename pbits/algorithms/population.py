"""Population annealing: a population that is cooled and resampled, and its estimate of the partition function."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits.models import EnergyModel
from pbits.models.base import read_only
from pbits.problems.base import Problem
from pbits.result import Run
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.steering import Move, Policy, Round
from pbits.streams import Stream, Streams, fresh_seed
from pbits.substrate import Substrate


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PopulationAnneal:
    """A run of population annealing.

    Attributes
    ----------
    run : Run
        Its last states are a sample of the Boltzmann law at the last β.
    betas : (levels,) float64
        From 0.
    log_z : (levels,) float64
        Estimates of log Z at each β.
    families : int
        How many of the first members still have offspring. Where these are few beside the population the estimates
        are not to be trusted: take more members, levels or sweeps.
    """

    run: Run
    betas: NDArray[np.float64]
    log_z: NDArray[np.float64]
    families: int

    def __repr__(self) -> str:
        return f"PopulationAnneal(levels={len(self.betas)}, families={self.families}, log_z={self.log_z[-1]:g})"

    @property
    def free_energies(self) -> NDArray[np.float64]:
        """F = −log Z/β at each β but 0, (levels − 1,)."""
        return -self.log_z[1:] / self.betas[1:]


def anneal_population(
    model: EnergyModel | Problem,
    machine: str | Path | Substrate = "ideal",
    *,
    beta_stop: float = 1.0,
    levels: int = 21,
    sweeps: int = 10,
    population: int = 1000,
    seed: int | None = None,
    chip_seed: int = 0,
    layout: str = "auto",
    progress: Progress = False,
) -> PopulationAnneal:
    """Population annealing from β = 0.

    At each β the population is swept; on the way to the next one, β', a member of energy E has
    exp(−(β' − β)E)/⟨exp(−(β' − β)E)⟩ offspring on average, and Z grows by ⟨exp(−(β' − β)E)⟩. Members that stay are not
    written anew, so a machine counts only the copies.

    Parameters
    ----------
    model : EnergyModel or Problem
    machine : str, path or Substrate
    beta_stop : float
    levels : int
        Of β, equally spaced, 0 and `beta_stop` included.
    sweeps : int
        Of each member at each β.
    population : int
    seed, chip_seed, layout, progress
        As `pbits.run` takes them.

    Returns
    -------
    PopulationAnneal

    Raises
    ------
    ValueError
        For fewer than two levels.
    NotMappable
        When the machine cannot hold the model or cannot be steered.

    Notes
    -----
    K. Hukushima and Y. Iba, "Population annealing and its application to a spin glass", AIP Conf. Proc. 690 (2003);
    resampling is systematic: one uniform number for all members.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> found = anneal_population(pair, beta_stop=1.0, seed=1)
    >>> bool(abs(found.log_z[-1] - pbits.exact(pair, 1.0).log_z) < 0.1)
    True
    """
    posed = model.to_model() if isinstance(model, Problem) else model
    if levels < 2:
        raise ValueError(f"levels is {levels}; population annealing goes from β = 0 to beta_stop, which are two")
    schedule = Schedule.anneal(
        sweeps=levels * sweeps, beta_start=0.0, beta_stop=beta_stop, shape="linear", chains=population, levels=levels
    )
    betas = schedule.betas()[::sweeps]
    seed = fresh_seed() if seed is None else seed
    held = model.clamp() if isinstance(model, Problem) else {}
    states = float(sum(np.log(len(posed.values(site))) for site in range(posed.n) if site not in held))
    resampling = _Resampling(
        betas, sweeps, population, states, Streams(seed=seed).generator(Stream.THERMAL, "population annealing")
    )
    done = run(
        model, machine, schedule, seed=seed, chip_seed=chip_seed, layout=layout, steer=resampling, progress=progress
    )
    return PopulationAnneal(
        run=done,
        betas=read_only(betas),
        log_z=read_only(np.array(resampling.log_z)),
        families=len(np.unique(resampling.families)),
    )


class _Resampling(Policy):
    def __init__(
        self, betas: NDArray[np.float64], sweeps: int, population: int, log_states: float, rng: np.random.Generator
    ):
        self.every = sweeps
        self.log_z = [log_states]
        self.families = np.arange(population)
        self._betas = betas
        self._rng = rng

    def describe(self) -> dict[str, Any]:
        return {"policy": "population annealing", "every": self.every}

    def __call__(self, now: Round) -> Move | None:
        level = len(self.log_z)
        if level == len(self._betas):
            return None
        exponents = -(self._betas[level] - self._betas[level - 1]) * now.energies
        top = exponents.max()
        weights = np.exp(exponents - top)
        self.log_z.append(self.log_z[-1] + float(top + np.log(weights.mean())))
        parents = _stay(_offspring(weights, self._rng.random()))
        self.families = self.families[parents]
        return Move(parents=parents)


def _offspring(weights: NDArray[np.float64], u: float) -> NDArray[np.int64]:
    """Offspring of each member, their sum the size of the population: systematic resampling by one uniform number."""
    steps = np.cumsum(weights)
    reached = np.floor(steps / steps[-1] * len(weights) + u).astype(np.int64)
    # The last step is the whole population, whatever rounding makes of it.
    reached[-1] = len(weights)
    return np.diff(np.minimum(reached, len(weights)), prepend=0)


def _stay(offspring: NDArray[np.int64]) -> NDArray[np.int64]:
    """Parents of all positions; a member with offspring stays where it is, and the rest fill the places of others."""
    parents = np.arange(len(offspring))
    parents[offspring == 0] = np.repeat(parents, np.maximum(offspring - 1, 0))
    return parents
