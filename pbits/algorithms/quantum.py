"""Simulated quantum annealing: a transverse field as couplings between replicas along imaginary time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.problems.base import Problem
from pbits.result import Run
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.steering import Move, Policy, Round
from pbits.substrate import NotMappable, Substrate, load

Weight = Literal["textbook", "doubled"]
WEIGHTS = ("textbook", "doubled")


def trotter_model(
    model: IsingModel, *, replicas: int, beta: float, gamma: float, weight: Weight = "textbook"
) -> IsingModel:
    """R replicas whose Boltzmann law at β approximates the thermal state of H = E(σᶻ) − Γ Σ_i σᵢˣ.

    E_R(s) = (1/R) Σ_r E(s_r) − (K/β) Σ_r Σ_i s_{r,i} s_{r+1,i} + const., the replicas in a ring and site i of
    replica r at r·n + i. K = −½ ln tanh(βΓ/R), and the constant −(nR/2β) ln(½ sinh(2βΓ/R)), so that log Z of this model
    is log Tr exp(−βH) but for O(1/R²), and so are thermal means of what is diagonal.

    Parameters
    ----------
    model : IsingModel
        E.
    replicas : int
        R ≥ 2.
    beta, gamma : float
        β and Γ, positive.
    weight : {"textbook", "doubled"}
        "doubled" takes K twice as large, −ln tanh(βΓ/R), as the programs published with S. Chowdhury et al. (2025),
        "Pushing the boundary of quantum advantage in hard combinatorial optimization with probabilistic computers",
        do. Its law is not that of H; it is for comparing with their curves.

    Raises
    ------
    ValueError
        For fewer than two replicas, or a β or Γ that is not positive.

    Examples
    --------
    >>> import pbits
    >>> spin = pbits.IsingModel([[0.0]], h=[0.3])
    >>> ring = trotter_model(spin, replicas=16, beta=1.0, gamma=0.4)
    >>> bool(abs(pbits.exact(ring, 1.0).log_z - np.log(2 * np.cosh(0.5))) < 1e-3)
    True
    """
    if replicas < 2:
        raise ValueError(f"replicas is {replicas}; imaginary time needs at least 2")
    for name, value in (("beta", beta), ("gamma", gamma)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; it must be positive and finite")
    if weight not in WEIGHTS:
        raise ValueError(f"weight is {weight!r}; it must be one of {', '.join(WEIGHTS)}")
    n, x = model.n, beta * gamma / replicas
    along_time = -np.log(np.tanh(x)) * (0.5 if weight == "textbook" else 1.0)
    i, j, couplings = model.edges()
    shift = n * np.arange(replicas)[:, None]
    site = np.arange(n * replicas)
    edges = np.concatenate(
        [
            np.column_stack([(i + shift).ravel(), (j + shift).ravel()]),
            np.column_stack([site, (site + n) % (n * replicas)]),
        ]
    )
    weights = np.concatenate([np.tile(couplings / replicas, replicas), np.full(n * replicas, along_time / beta)])
    constant = -n * replicas / (2 * beta) * np.log(np.sinh(2 * x) / 2)
    return IsingModel.from_edges(
        n * replicas, edges, weights, np.tile(model.h / replicas, replicas), model.offset + constant
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class QuantumAnneal:
    """A run of simulated quantum annealing.

    Attributes
    ----------
    run : Run
        Of the replicated model; its energies are those of the first Γ.
    gammas : (levels,) float64
    states : (chains, replicas, n) int8
        Of the model as posed, at the end.
    energies : (chains, replicas) float64
        E of those.
    best_energy : float
    best_state : (n,)
    """

    run: Run
    gammas: NDArray[np.float64]
    states: NDArray[np.int8]
    energies: NDArray[np.float64]
    best_energy: float
    best_state: NDArray[np.int8]

    def __repr__(self) -> str:
        return f"QuantumAnneal(replicas={self.states.shape[1]}, best_energy={self.best_energy:g})"


def simulated_quantum_annealing(
    model: EnergyModel | Problem,
    machine: str | Path | Substrate = "ideal",
    *,
    beta: float,
    replicas: int = 16,
    gamma_start: float = 3.0,
    gamma_stop: float = 0.01,
    sweeps: int = 1000,
    levels: int = 50,
    chains: int = 8,
    weight: Weight = "textbook",
    seed: int | None = None,
    chip_seed: int = 0,
    initial: ArrayLike | None = None,
    layout: str = "auto",
    progress: Progress = False,
) -> QuantumAnneal:
    """Anneal a transverse field at constant β: Γ falls linearly while R coupled replicas are swept.

    Every level of Γ is a programming of the machine, since it changes the couplings along imaginary time.

    Parameters
    ----------
    model : IsingModel, or a Problem that becomes one
    machine : str, path or Substrate
        It must hold n·R spins and the ring of each site.
    beta : float
        Of the quantum system; each replica is at β/R.
    replicas : int
    gamma_start, gamma_stop : float
        Ends of Γ, positive; at Γ = 0 the replicas would be one.
    sweeps, levels : int
        Sweeps of all levels together, and levels of Γ.
    chains : int
        Independent anneals.
    weight : {"textbook", "doubled"}
        As `trotter_model` takes it.
    seed, chip_seed, initial, layout, progress
        As `pbits.run` takes them; `initial` is of the replicated model.

    Returns
    -------
    QuantumAnneal

    Raises
    ------
    TypeError
        For a model that is no IsingModel.
    ValueError
        For Γ that is not positive, or more levels than sweeps; as `trotter_model`.
    NotMappable
        When the machine cannot hold the replicas at some Γ, or cannot be steered.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], [1.0, 1.0, 1.0, -1.0])
    >>> simulated_quantum_annealing(ring, beta=8.0, replicas=8, sweeps=200, seed=1).best_energy
    -2.0
    """
    posed = model.to_model() if isinstance(model, Problem) else model
    if not isinstance(posed, IsingModel):
        raise TypeError(f"a transverse field acts on the spins of an IsingModel; this is a {type(posed).__name__}")
    if not 1 <= levels <= sweeps:
        raise ValueError(f"levels is {levels} and sweeps is {sweeps}; each level takes at least one sweep")
    gammas = np.linspace(gamma_start, gamma_stop, levels)
    if not (np.isfinite(gammas).all() and gammas.min() > 0):
        raise ValueError(f"Γ goes from {gamma_start} to {gamma_stop}; both must be positive and finite")
    models = [trotter_model(posed, replicas=replicas, beta=beta, gamma=float(gamma), weight=weight) for gamma in gammas]
    clamp = model.clamp() if isinstance(model, Problem) else {}
    held = {replica * posed.n + site: value for replica in range(replicas) for site, value in clamp.items()}
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    every = sweeps // levels
    schedule = Schedule(n_samples=1, n_warmup=sweeps - 1, beta=beta, chains=chains)
    for one in models:
        if reasons := substrate.limits(one, schedule):
            raise NotMappable(substrate.name, reasons)
    done = run(
        models[0], substrate, schedule, seed=seed, chip_seed=chip_seed, clamp=held, initial=initial, layout=layout,
        steer=_Field(models, every), progress=progress,
    )  # fmt: skip
    states = done.states[:, 0].reshape(chains, replicas, posed.n)
    energies = posed.energy(states)
    best = np.unravel_index(energies.argmin(), energies.shape)
    return QuantumAnneal(
        run=done,
        gammas=read_only(gammas),
        states=states,
        energies=read_only(energies),
        best_energy=float(energies[best]),
        best_state=states[best],
    )


class _Field(Policy):
    """Programs the replicas for the next Γ, by the clock."""

    reprograms = True
    looks = False

    def __init__(self, models: list[IsingModel], every: int):
        self.every = every
        self._models = models

    def describe(self) -> dict[str, Any]:
        return {"policy": "simulated quantum annealing", "every": self.every, "levels": len(self._models)}

    def __call__(self, now: Round) -> Move | None:
        level = now.step // self.every
        return Move(model=self._models[level]) if level < len(self._models) else None
