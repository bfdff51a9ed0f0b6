"""Free energy differences from work: a model is changed into another in stages while a machine samples it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.algorithms.estimation import total_device_time, total_joules
from pbits.models import EnergyModel, GaussianModel, IsingModel
from pbits.models.base import read_only
from pbits.parameters import Figure
from pbits.problems.free_energy import Determinant, acceptance_ratio, influences
from pbits.result import Run
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.streams import fresh_seed
from pbits.substrate import Substrate

Method = Literal["bar", "jarzynski"]

# Works that carry half of Jarzynski's average, at least, where it is believed.
_LEAST_WORKS = 50


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FreeEnergy:
    """F_b − F_a of two models, F = −ln Z/β, and the works it is made of.

    Attributes
    ----------
    value : float
        In units of the energy E.
    error : float
        Its standard error.
    method : {"bar", "jarzynski"}
    forward : (chains,) array
        Work W = Σ_k E_{k+1}(x_k) − E_k(x_k) from a to b, one for each chain; its mean is above `value`.
    reverse : (chains,) array, optional
        From b to a; its mean is above −`value`.
    runs : tuple of Run
    warnings : tuple of str
        Why the value may be off by more than the error says, and what to do.
    """

    value: float
    error: float
    method: Method
    forward: NDArray[np.float64]
    reverse: NDArray[np.float64] | None
    runs: tuple[Run, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"FreeEnergy({self.value:.4g} ± {self.error:.2g}, method={self.method!r}, runs={len(self.runs)})"

    @property
    def dissipated(self) -> float:
        """Mean work beyond the free energy, forward; above 0, and what more stages or longer relaxing lower."""
        return float(self.forward.mean()) - self.value

    @property
    def device_time(self) -> Figure:
        """Of all runs; each stage is programmed anew."""
        return total_device_time(self.runs)

    @property
    def device_time_s(self) -> float | None:
        return self.device_time.value

    def joules(self, boundary: str | None = None) -> float | None:
        """Of all runs, at a boundary; None where those of any are not known."""
        return total_joules(self.runs, boundary)


def free_energy_difference(
    a: EnergyModel,
    b: EnergyModel,
    machine: str | Path | Substrate = "ideal",
    *,
    stages: int | Sequence[EnergyModel] = 8,
    relax: int = 2,
    warmup: int = 20,
    chains: int = 500,
    beta: float = 1.0,
    method: Method = "bar",
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> FreeEnergy:
    """F_b − F_a by changing a into b in stages, while all chains go on sampling.

    All chains pass a stage before the next is programmed, and their states are handed on. Work is done when the model
    changes: W = Σ_k E_{k+1}(x_k) − E_k(x_k). Chains need not come to rest in a stage: any `relax` gives the same
    free energy, with more scatter the faster it goes.

    Parameters
    ----------
    a, b : EnergyModel
        On the same sites.
    machine : str, path or Substrate
    stages : int or sequence of models
        How many changes of equal size between a and b, which are then two GaussianModels or two IsingModels; or the
        models on the way.
    relax : int
        Steps in each model on the way.
    warmup : int
        Steps in the model where chains start, from which they must come to rest.
    chains : int
        Each gives one work forward and, with "bar", one in reverse.
    beta : float
    method : {"bar", "jarzynski"}
        "bar": Bennett's acceptance ratio of works forward and in reverse. "jarzynski": −ln⟨e^(−βW)⟩/β forward alone,
        which rests on the few smallest works, and is biased upwards where these are missing.
    seed, chip_seed, progress
        As `pbits.run` takes them; each run has a seed of its own.

    Returns
    -------
    FreeEnergy

    Raises
    ------
    ValueError
        For models of different sites, numbers out of range, or models that this function cannot mix.
    NotMappable
        When the machine cannot hold a model.

    Notes
    -----
    C. Jarzynski, Phys. Rev. Lett. 78, 2690 (1997); G. E. Crooks, Phys. Rev. E 60, 2721 (1999), by whose theorem
    ln p_f(W)/p_r(−W) = β(W − ΔF) where a machine obeys detailed balance. It is checked in the tests.

    Examples
    --------
    >>> import pbits
    >>> free, field = pbits.IsingModel([[0.0]], h=[0.0]), pbits.IsingModel([[0.0]], h=[1.0])
    >>> found = free_energy_difference(free, field, "ideal", seed=1)
    >>> round(found.value, 1), round(float(-np.log(np.cosh(1.0))), 1)
    (-0.4, -0.4)
    """
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(get_args(Method))}")
    for name, value in (("relax", relax), ("warmup", warmup), ("chains", chains)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    path = _path(a, b, stages)
    ways = (path, path[::-1]) if method == "bar" else (path,)
    seeds = iter(np.random.SeedSequence(fresh_seed() if seed is None else seed).generate_state(2 * len(path)).tolist())
    works: list[NDArray[np.float64]] = []
    runs: list[Run] = []
    for way in ways:
        work, states = np.zeros(chains), None
        for this, other in pairwise(way):
            steps = warmup if states is None else relax
            schedule = Schedule(n_samples=1, n_warmup=steps - 1, chains=chains, beta=beta)
            done = run(
                this, machine, schedule, seed=next(seeds), chip_seed=chip_seed, initial=states, judge=False,
                progress=progress,
            )  # fmt: skip
            runs.append(done)
            states = done.states[:, -1]
            work += other.energy(states) - this.energy(states)
        works.append(read_only(work))
    change, error, warnings = (_bar if method == "bar" else _jarzynski)(*(beta * work for work in works))
    return FreeEnergy(
        value=change / beta,
        error=error / beta,
        method=method,
        forward=works[0],
        reverse=works[1] if method == "bar" else None,
        runs=tuple(runs),
        warnings=warnings,
    )


def log_determinant(
    A: ArrayLike, machine: str | Path | Substrate = "langevin-rc-illustrative", **protocol: Any
) -> FreeEnergy:
    """ln det A of a symmetric, positive definite A, one stage after another on n cells.

    `pbits.problems.Determinant` asks the same of one run, of all stages side by side. The value is ln det A itself,
    Σ_i ln A_ii + 2βΔF with ΔF from diag A to A, and each work W is told alike, as Σ_i ln A_ii + 2βW (minus that, in
    reverse).

    Parameters
    ----------
    A : (n, n) array
    machine : str, path or Substrate
    **protocol
        As `free_energy_difference` takes them.

    Examples
    --------
    >>> from pbits.algorithms import log_determinant
    >>> found = log_determinant([[2.0, 1.0], [1.0, 2.0]], stages=4, seed=1)
    >>> bool(abs(found.value - np.log(3)) < 4 * found.error)
    True
    """
    coupled = GaussianModel(A)
    alone, *_ = Determinant(coupled.A, stages=2).stages()
    found = free_energy_difference(alone, coupled, machine, **protocol)
    scale, shift = 2 * protocol.get("beta", 1.0), float(np.log(np.diag(coupled.A)).sum())
    return replace(
        found,
        value=shift + scale * found.value,
        error=scale * found.error,
        forward=read_only(shift + scale * found.forward),
        reverse=None if found.reverse is None else read_only(scale * found.reverse - shift),
    )


def _path(a: EnergyModel, b: EnergyModel, stages: int | Sequence[EnergyModel]) -> list[EnergyModel]:
    """All models from a to b."""
    if isinstance(stages, int):
        if stages < 1:
            raise ValueError(f"stages is {stages}; it takes at least one change to get from a to b")
        between = [_mixed(a, b, k / stages) for k in range(1, stages)]
    else:
        between = list(stages)
    path = [a, *between, b]
    if len({model.n for model in path}) > 1:
        raise ValueError(f"models on the way have {[model.n for model in path]} sites; all must have the same")
    return path


def _mixed(a: EnergyModel, b: EnergyModel, part: float) -> EnergyModel:
    """The model of energy (1 − part) E_a + part E_b."""

    def mix(x: Any, y: Any) -> Any:
        return (1 - part) * x + part * y

    if a.n == b.n and isinstance(a, GaussianModel) and isinstance(b, GaussianModel):
        return GaussianModel(mix(a.A, b.A), mix(a.b, b.b), mix(a.offset, b.offset))
    if a.n == b.n and isinstance(a, IsingModel) and isinstance(b, IsingModel):
        return IsingModel(mix(a.csr, b.csr), mix(a.h, b.h), mix(a.offset, b.offset))
    raise ValueError(
        f"{a!r} and {b!r} have no model between them here; give two GaussianModels or two IsingModels of the same "
        "sites, or the models on the way as stages"
    )


def _bar(forward: NDArray[np.float64], reverse: NDArray[np.float64]) -> tuple[float, float, tuple[str, ...]]:
    change = acceptance_ratio(forward, reverse)
    parts = influences(change, forward, reverse)
    error = math.sqrt(sum(float(part.var(ddof=1)) / part.size for part in parts)) if forward.size > 1 else math.inf
    # Works of one way that are as likely the other way round.
    common = int((forward < change).sum() + (reverse < -change).sum())
    if common >= _LEAST_WORKS:
        return change, error, ()
    return (
        change,
        error,
        (
            f"only {common} works of {2 * forward.size} lie on the other side of the free energy: both ways hardly "
            "overlap; take more stages, longer relaxing or more chains",
        ),
    )


def _jarzynski(forward: NDArray[np.float64]) -> tuple[float, float, tuple[str, ...]]:
    lowest = float(forward.min())
    weights = np.exp(lowest - forward)
    mean = float(weights.mean())
    change = lowest - math.log(mean)
    error = float(weights.std(ddof=1)) / mean / math.sqrt(forward.size) if forward.size > 1 else math.inf
    largest = np.sort(weights)[::-1].cumsum()
    carrying = int(np.searchsorted(largest, largest[-1] / 2)) + 1
    if carrying >= _LEAST_WORKS:
        return change, error, ()
    return (
        change,
        error,
        (
            f"{carrying} works of {forward.size} carry half of the average: the value is likely too high, and the "
            "error too small; take method='bar', more stages, longer relaxing or more chains",
        ),
    )
