"""A ladder of β for tempering, from the fluctuations of the energy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pbits.models import Clamp, EnergyModel
from pbits.models.base import read_only
from pbits.parameters import Figure
from pbits.problems.base import Problem
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.streams import fresh_seed
from pbits.substrate import Substrate


@dataclass(frozen=True, kw_only=True, eq=False)
class Ladder:
    """A ladder of β.

    Attributes
    ----------
    betas : (levels,) float64
    spreads : (levels,) float64
        σ_E, the standard deviation of the energy within a chain, at each.
    device_time : Figure
        What finding it took on the machine.
    """

    betas: NDArray[np.float64]
    spreads: NDArray[np.float64]
    device_time: Figure


def adaptive_ladder(
    model: EnergyModel | Problem,
    beta_start: float = 0.5,
    alpha: float = 1.25,
    *,
    machine: str | Path | Substrate = "ideal",
    least_spread: float | None = None,
    beta_stop: float | None = None,
    chains: int = 100,
    sweeps: int = 1000,
    n_samples: int = 100,
    max_levels: int = 200,
    seed: int | None = None,
    chip_seed: int = 0,
    clamp: Clamp | None = None,
    progress: Progress = False,
) -> Ladder:
    """β_{k+1} = β_k + α/σ_E(β_k), until σ_E is below `least_spread`.

    States at one β are the start of the next, so that the ladder is an anneal by itself. With steps of α/σ_E
    neighbouring replicas differ by about α σ_E in energy, and swap about equally often along the whole ladder.

    Parameters
    ----------
    model : EnergyModel or Problem
    beta_start : float
    alpha : float
    machine : str, path or Substrate
    least_spread : float, optional
        The first β with σ_E below it is the last one. By default half of the smallest coupling or field of an
        IsingModel, which is a ground state that is left once in a hundred draws or so; of other models it must be
        given.
    beta_stop : float, optional
        Ends the ladder at this β at the latest.
    chains, sweeps, n_samples : int
        At each β: independent chains, sweeps of each, and draws of the energy in their second half.
    max_levels : int
    seed, chip_seed, clamp, progress
        As `pbits.run` takes them.

    Returns
    -------
    Ladder

    Raises
    ------
    ValueError
        For steps or spreads that are not positive; when the ladder has not ended after `max_levels`.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0)
    >>> adaptive_ladder(ring, sweeps=100, n_samples=50, seed=1).betas[:2].round(1).tolist()
    [0.5, 1.1]
    """
    posed = model.to_model() if isinstance(model, Problem) else model
    floor = _floor(posed) if least_spread is None else least_spread
    for name, value in (("beta_start", beta_start), ("alpha", alpha), ("least_spread", floor)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; it must be positive and finite")
    if beta_stop is not None and not beta_stop >= beta_start:
        raise ValueError(f"beta_stop is {beta_stop} and beta_start {beta_start}; a ladder rises")
    seeds = np.random.SeedSequence(fresh_seed() if seed is None else seed).generate_state(max_levels).tolist()
    draws = min(n_samples, sweeps)
    spacing = max(1, sweeps // 2 // draws)
    betas, spreads, spent = [float(beta_start)], [], Figure.of(0.0)
    states = None
    for number in seeds:
        schedule = Schedule(
            n_samples=draws,
            n_warmup=max(0, sweeps - draws * spacing),
            steps_per_sample=spacing,
            beta=betas[-1],
            chains=chains,
        )
        done = run(
            model, machine, schedule, seed=number, chip_seed=chip_seed, clamp=clamp, initial=states, progress=progress
        )
        states = done.states[:, -1]
        spent = spent + done.device_time
        # About each chain's own mean: in the cold, chains are stuck in valleys of different depth.
        spreads.append(float(np.sqrt(done.energies.var(axis=1).mean())))
        if spreads[-1] < floor or betas[-1] == beta_stop:
            return Ladder(betas=read_only(np.array(betas)), spreads=read_only(np.array(spreads)), device_time=spent)
        following = betas[-1] + alpha / spreads[-1]
        betas.append(following if beta_stop is None else min(following, beta_stop))
    raise ValueError(
        f"after {max_levels} levels, at β = {betas[-2]:.3g}, the energy still spreads by {spreads[-1]:.3g}, and "
        f"least_spread is {floor:.3g}; raise least_spread, alpha or max_levels, or give beta_stop"
    )


def _floor(model: EnergyModel) -> float:
    weights = getattr(model, "csr", None)
    if weights is None:
        raise ValueError(f"a {type(model).__name__} needs least_spread: below which spread of its energy to stop")
    sizes = np.abs(np.concatenate([weights.data, model.h[model.h != 0]]))  # type: ignore[attr-defined]
    return float(sizes.min(initial=np.inf)) / 2
