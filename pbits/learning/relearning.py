"""Learn a program on the chip that runs it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pbits.harm import HarmWarning
from pbits.learning.cost import Cost
from pbits.mapping.compensation import Network
from pbits.models import IsingModel
from pbits.models.base import read_only
from pbits.reference import exact
from pbits.runner import Progress, Reporter, run
from pbits.schedule import Schedule
from pbits.streams import fresh_seed
from pbits.substrate import Substrate, load

# Moments are enumerated up to this many spins, and drawn from the ideal machine beyond.
MAX_EXACT = 16
_TARGET_CHAINS, _TARGET_DRAWS = 256, 4000
# A moment that hardly moves is known well, and a p-bit that hardly moves learns slowly enough.
_LEAST_VARIANCE = 0.1
_LEAST_WINDOW = 8


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Relearning:
    """A program that was learned on a chip.

    Attributes
    ----------
    program : IsingModel or DirectedModel
        The mean over the last half of the iterations, or somewhat more.
    errors : (iterations,) array
        Root mean square of the deviations of ⟨s_i⟩ and of ⟨s_i s_j⟩ on edges from the model's, at each iteration:
        with the scatter of that iteration's draws.
    error : float
        The same of moments averaged over the last half, which scatter less.
    converged : bool
        Whether `error` came down to the tolerance.
    cost : Cost
        Of all runs on the chip.
    """

    program: Network
    errors: NDArray[np.float64]
    error: float
    converged: bool
    cost: Cost

    def __repr__(self) -> str:
        return f"Relearning(error={self.error:.3g}, converged={self.converged}, {self.cost})"


def relearn(
    model: IsingModel,
    machine: str | Path | Substrate,
    *,
    chip_seed: int = 0,
    beta: float = 1.0,
    start: Network | None = None,
    iterations: int = 200,
    sweeps: int = 5,
    chains: int = 512,
    rate: float = 0.3,
    tolerance: float = 0.003,
    seed: int | None = None,
    progress: Progress = False,
) -> Relearning:
    """Adjust what is programmed, on the chip, until its means and correlations are those of the model.

    h'_i += η_k (⟨s_i⟩ − ⟨s_i⟩_chip)/v_i and, of a coupling in both directions, J'_ij += η_k (⟨s_i s_j⟩ −
    ⟨s_i s_j⟩_chip)/v_ij, with η_k = rate/(β√(1 + k/10)) and v the variance of the moment, at least 0.1
    (Robbins and Monro). Chains go on from one iteration to the next, and the program is the mean over the last half of
    the iterations. Nothing is assumed of the chip: whatever moves its moments is made up for, as far as couplings that
    are adjusted in both directions alike can.

    Parameters
    ----------
    model : IsingModel
    machine : str, path or Substrate
    chip_seed : int
    beta : float
    start : IsingModel or DirectedModel, optional
        The program to begin with, such as one of `compensate`; the model itself when absent.
    iterations : int
        At most.
    sweeps, chains : int
        Of the run of an iteration, after which each chain is read once.
    rate : float
        Of learning.
    tolerance : float
        Stop when the moments, averaged over the last half of the iterations and over at least 8, are that near in
        root mean square.
    seed : int, optional
    progress : bool or callable
        As `pbits.run` takes it, in iterations.

    Returns
    -------
    Relearning

    Raises
    ------
    TypeError
        For a model that is no IsingModel.
    ValueError
        For numbers out of range, or a start of another size.

    Notes
    -----
    The moments of the model are enumerated up to 16 spins, and beyond drawn from the ideal machine, 10⁶ draws of 256
    chains. Robbins and Monro, "A stochastic approximation method", Ann. Math. Stat. 22 (1951); averaging after
    Polyak and Juditsky (1992): both from memory.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]], h=[0.3, 0])
    >>> learned = relearn(pair, "ideal", tolerance=0.05, seed=1)
    >>> learned.converged, learned.error < 0.05
    (True, True)
    """
    if not isinstance(model, IsingModel):
        raise TypeError(f"moments of an IsingModel are learned; this is a {type(model).__name__}")
    for name, value in (("beta", beta), ("rate", rate), ("tolerance", tolerance)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; it must be positive and finite")
    if not isinstance(iterations, int | np.integer) or iterations < 1:
        raise ValueError(f"iterations is {iterations!r}; it must be a whole number of at least 1")
    if start is not None and start.n != model.n:
        raise ValueError(f"start has {start.n} p-bits and the model {model.n}")
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    first = fresh_seed() if seed is None else seed
    learner = _Learner(model, beta, start or model, first)
    # An anneal at one β: its last states are kept, and not judged against exact laws, which would take longer.
    schedule = Schedule.anneal(sweeps=sweeps, beta_start=beta, beta_stop=beta, levels=1, chains=chains)
    states: NDArray | None = None
    cost = Cost()
    told = Schedule(n_samples=int(iterations), n_warmup=0, chains=1)
    with Reporter(progress, told, f"relearning on {substrate.name}") as report:
        for k in range(iterations):
            with warnings.catch_warnings():
                # What is lost on the way is what is being made up for.
                warnings.simplefilter("ignore", HarmWarning)
                done = run(
                    learner.program(), substrate, schedule, seed=first + 1 + k, chip_seed=chip_seed, initial=states
                )  # fmt: skip
            states = done.states[:, -1]
            cost += Cost.of(done)
            learner.learn(done.states, rate / (beta * np.sqrt(1 + k / 10)))
            report(k + 1)
            if learner.window >= _LEAST_WINDOW and learner.error <= tolerance:
                break
    return Relearning(
        program=learner.mean_program(),
        errors=read_only(np.array(learner.errors)),
        error=learner.error,
        converged=learner.window >= _LEAST_WINDOW and learner.error <= tolerance,
        cost=cost,
    )


class _Learner:
    """Changes of the fields and of the couplings of the model's edges, and their means over the last half or more."""

    def __init__(self, model: IsingModel, beta: float, start: Network, seed: int):
        self._i, self._j, _ = model.edges()
        self._start = start
        self._n = model.n
        self._wanted = self._target(model, beta, seed)
        self._scale = np.maximum(1 - self._wanted**2, _LEAST_VARIANCE)
        self._change = np.zeros(len(self._wanted))
        self._iterations = 0
        # Sums of changes and of deviations since the iterations last doubled, and since they did so before.
        self._recent = self._older = np.zeros((2, len(self._wanted)))
        self._count = self._older_count = 0
        self.errors: list[float] = []

    def _target(self, model: IsingModel, beta: float, seed: int) -> NDArray[np.float64]:
        if model.n <= MAX_EXACT:
            law = exact(model, beta)
            return np.concatenate([law.mean, law.correlation[self._i, self._j]])
        schedule = Schedule(n_samples=_TARGET_DRAWS, n_warmup=1000, beta=beta, chains=_TARGET_CHAINS)
        moments = run(model, "ideal", schedule, seed=seed, keep="last").moments
        assert moments is not None
        return np.concatenate([moments.mean, moments.edge_correlations])

    def learn(self, states: NDArray, step: float) -> None:
        flat = states.reshape(-1, self._n).astype(np.float64)
        pairs = np.einsum("ki,ki->i", flat[:, self._i], flat[:, self._j]) / len(flat)
        deviation = self._wanted - np.concatenate([flat.mean(axis=0), pairs])
        self.errors.append(_rms(deviation))
        self._iterations += 1
        if self._iterations & (self._iterations - 1) == 0:
            self._older, self._older_count = self._recent, self._count
            self._recent, self._count = np.zeros_like(self._recent), 0
        self._recent = self._recent + np.stack([self._change, deviation])
        self._count += 1
        self._change = self._change + step * deviation / self._scale

    @property
    def window(self) -> int:
        """How many of the last iterations count: at least half of them."""
        return self._count + self._older_count

    @property
    def error(self) -> float:
        return _rms((self._recent + self._older)[1] / self.window)

    def program(self) -> Network:
        return self._changed(self._change)

    def mean_program(self) -> Network:
        return self._changed((self._recent + self._older)[0] / self.window)

    def _changed(self, change: NDArray[np.float64]) -> Network:
        fields, couplings = np.split(change, [self._n])
        half: Any = sp.coo_array((couplings, (self._i, self._j)), shape=(self._n, self._n)).tocsr()
        start = self._start
        return type(start)(sp.csr_array(start.csr + half + half.T), start.h + fields, start.offset)


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))
