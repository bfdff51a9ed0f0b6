"""What trained Boltzmann machines are asked: classes, samples, what is missing, what is noise, what is odd."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from pbits.learning.cost import Cost
from pbits.ledger import EnergyLedger, price
from pbits.models import BoltzmannModel, IsingModel
from pbits.models.base import read_only
from pbits.models.boltzmann import Learnable
from pbits.result import Run
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.substrate import Substrate

# Numbers held at once.
_BLOCK = 1 << 22


def pseudo_possible(model: Learnable) -> bool:
    """Whether hidden sites can be summed out in closed form once the others are held."""
    return isinstance(model, BoltzmannModel) and not np.isin(model.edges, model.hidden).all(axis=1).any()


def free_energy(model: BoltzmannModel, data: ArrayLike, labels: ArrayLike | None = None) -> NDArray[np.float64]:
    """F(v) = −ln Σ_u exp(−E(v, u)), in closed form where hidden sites are not coupled to one another, (m,).

    With the labels held where they are given; a machine with labels needs them. Lower is likelier: P(v) ∝ e^(−F(v)).

    Raises
    ------
    ValueError
        For hidden sites that are coupled, data or labels that do not fit.

    Examples
    --------
    >>> free_energy(BoltzmannModel.restricted(2, 1, spread=0.0), [[1, -1]]).round(3)
    array([-0.693])
    """
    if model.classes and labels is None:
        raise ValueError(f"the machine has {model.classes} classes; give labels, or ask for class_probabilities")
    if not pseudo_possible(model):
        raise ValueError(
            "hidden sites are coupled to one another, and their sum has no closed form; see "
            "pbits.learning.exact_log_likelihood for what can be enumerated"
        )
    spins = model.checked(data)
    posed = model.to_model()
    found = np.empty(len(spins))
    height = max(1, _BLOCK // model.n)
    told = None if labels is None else np.asarray(labels)
    for first in range(0, len(spins), height):
        rows = slice(first, first + height)
        held = model.clamp(spins[rows], None if told is None else told[rows])
        states = np.zeros((model.n, len(spins[rows])))
        states[list(held)] = list(held.values())
        couple = posed.csr @ states
        alone = -0.5 * np.einsum("ik,ik->k", states, couple) - posed.h @ states
        inputs = couple[model.hidden] + posed.h[model.hidden, None]
        found[rows] = alone - np.logaddexp(inputs, -inputs).sum(axis=0)
    return found


def class_probabilities(model: BoltzmannModel, data: ArrayLike) -> NDArray[np.float64]:
    """P(class | data) in closed form, (m, classes): the softmax of minus free energies over the classes.

    Raises
    ------
    ValueError
        As `free_energy`, and for a machine without labels.
    """
    if not model.classes:
        raise ValueError("the machine has no label units; build it with classes=…")
    spins = model.checked(data)
    scores = -np.stack(
        [free_energy(model, spins, np.full(len(spins), label)) for label in range(model.classes)], axis=1
    )
    return np.exp(scores - logsumexp(scores, axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Inference:
    """What a machine answered, and what that cost.

    Attributes
    ----------
    data : (m, d) array
        Visible sites, of the last draw.
    means : (m, d) array
        Their means over the draws; of a machine of categories None.
    votes : (m, classes) array
        For each class the mean spin of its label sites, or the share of label sites that held it; no columns without
        labels.
    run : Run
    ledger : EnergyLedger
        Of the run, at the boundary of the machine's prices.
    """

    data: NDArray
    means: NDArray[np.float64] | None
    votes: NDArray[np.float64]
    run: Run
    ledger: EnergyLedger

    def __repr__(self) -> str:
        return f"Inference(rows={len(self.data)}, joules={self.joules}, {Cost.of(self.run)})"

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class with most votes, (m,); the first of equals."""
        return self.votes.argmax(axis=1)

    @property
    def joules(self) -> float | None:
        """Of all rows together; None where a price is not stated."""
        return self.ledger.joules

    @property
    def joules_per_row(self) -> float | None:
        return None if self.joules is None else self.joules / len(self.data)

    @property
    def device_time_per_row_s(self) -> float | None:
        seconds = self.run.device_time_s
        return None if seconds is None else seconds / len(self.data)

    @classmethod
    def of(cls, model: Learnable, done: Run, chains_per_row: int = 1) -> Inference:
        """Neighbouring chains answer for one row together."""
        states = done.states[:, :, : model.n]
        rows = len(states) // chains_per_row
        seen = states[:, :, model.visible]
        means = None
        if isinstance(model, BoltzmannModel):
            means = read_only(seen.reshape(rows, -1, model.n_visible).mean(axis=1))
        votes = np.zeros((rows, 0))
        if model.classes:
            votes = model.votes(states).reshape(rows, -1, model.classes).mean(axis=1)  # type: ignore[attr-defined]
        return cls(
            data=read_only(seen[::chains_per_row, -1].copy()),
            means=means,
            votes=read_only(votes),
            run=done,
            ledger=price(done),
        )


def classify(
    model: Learnable,
    data: ArrayLike,
    *,
    machine: str | Path | Substrate = "ideal",
    sweeps: int = 50,
    draws: int = 25,
    chains_per_row: int = 1,
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> Inference:
    """Hold the data, sample the labels, and let the draws vote.

    Label spins are sampled in all their states. A machine whose conditional objective was trained in closed form, among
    the patterns of one class, may vote badly: train it jointly, or with ``positive="sampled"``.

    Parameters
    ----------
    model : BoltzmannModel or CategoricalBoltzmannModel
        With label units.
    data : (m, d) array
    machine : str, path or Substrate
    sweeps, draws : int
        Of each chain; draws are equally spaced over the second half.
    chains_per_row : int
        That vote together.
    seed, chip_seed, progress
        As `pbits.run` takes them.

    Raises
    ------
    ValueError
        For a machine without labels, or data that do not fit.
    NotMappable
        When the machine cannot hold the model.

    Examples
    --------
    >>> told = BoltzmannModel.restricted(2, 2, classes=2, spread=0.0)
    >>> classify(told, [[1, -1]], seed=1).votes.shape
    (1, 2)
    """
    if not model.classes:
        raise ValueError("the machine has no label units; build it with classes=…")
    held = model.clamp(np.repeat(model.checked(data), chains_per_row, axis=0))
    return _asked(model, model.to_model(), held, machine, sweeps, draws, chains_per_row, seed, chip_seed, progress)


def accuracy(
    model: Any, data: ArrayLike, labels: NDArray, *, machine: Substrate, sweeps: int, seed: int, chip_seed: int
) -> tuple[float, Cost]:
    """Share of data whose class is found, in closed form where the ideal machine has one, else on the machine."""
    if machine.name == "ideal" and pseudo_possible(model):
        return float((class_probabilities(model, data).argmax(axis=1) == labels).mean()), Cost()
    found = classify(
        model, data, machine=machine, sweeps=max(20, sweeps), draws=10, seed=seed, chip_seed=chip_seed
    )  # fmt: skip
    return float((found.labels == labels).mean()), Cost.of(found.run)


def generate_samples(
    model: Learnable,
    count: int | None = None,
    labels: ArrayLike | None = None,
    *,
    machine: str | Path | Substrate = "ideal",
    sweeps: int = 1000,
    draws: int = 1,
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> Inference:
    """Samples of what is seen, each from a chain of its own that starts at random; of given classes where labels are.

    `data` of the answer are draws; `means` are over the draws of a chain, or with one draw that draw.
    """
    if count is None and labels is None:
        raise ValueError("say how many samples, or give the labels of all")
    held = {} if labels is None else model.clamp(labels=labels)
    chains = len(np.asarray(labels)) if count is None else count
    return _asked(model, model.to_model(), held, machine, sweeps, draws, 1, seed, chip_seed, progress, chains)


def complete(
    model: Learnable,
    data: ArrayLike,
    known: ArrayLike,
    *,
    machine: str | Path | Substrate = "ideal",
    sweeps: int = 200,
    draws: int = 100,
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> Inference:
    """Fill in what is missing: sites of the data that are `known`, (d,) bool, are held and the others sampled."""
    mask = np.asarray(known)
    if mask.shape != (model.n_visible,) or mask.dtype != np.bool_:
        raise ValueError(f"known has shape {mask.shape} and type {mask.dtype}; give {model.n_visible} bools")
    every = model.clamp(data)
    held = {site: every[site] for site in model.visible[mask].tolist()}
    chains = len(np.asarray(data))
    return _asked(model, model.to_model(), held, machine, sweeps, draws, 1, seed, chip_seed, progress, chains)


def denoise(
    model: BoltzmannModel,
    noisy: ArrayLike,
    flip: float,
    *,
    machine: str | Path | Substrate = "ideal",
    sweeps: int = 200,
    draws: int = 100,
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress = False,
) -> Inference:
    """Sample the data given a copy of it of which each spin was turned over with chance `flip`.

    Each visible site is coupled by λ/2, λ = ln((1 − q)/q), to a clamped site that holds its noisy copy: P(v | y) ∝
    P(v) ∏_i exp(½λ v_i y_i). The sign of `means` has the fewest wrong spins on average, as far as the machine is right.

    Raises
    ------
    ValueError
        For a `flip` outside 0 to ½, both excluded, or data that do not fit.
    """
    if not 0 < flip < 0.5:
        raise ValueError(f"flip is {flip}; a noisy copy tells something of the data where it lies between 0 and 0.5")
    if not isinstance(model, BoltzmannModel):
        raise TypeError(f"spins are denoised; this is a {type(model).__name__}")
    spins = model.checked(noisy)
    copies = model.n + np.arange(model.n_visible)
    pull = 0.5 * np.log((1 - flip) / flip)
    posed = IsingModel.from_edges(
        model.n + len(copies),
        np.concatenate([model.edges, np.column_stack([model.visible, copies])]),
        np.concatenate([model.couplings, np.full(len(copies), pull)]),
        np.concatenate([model.fields, np.zeros(len(copies))]),
    )
    held = dict(zip(copies.tolist(), np.ascontiguousarray(spins.T)))
    return _asked(model, posed, held, machine, sweeps, draws, 1, seed, chip_seed, progress, len(spins))


def _asked(
    model: Learnable,
    posed: Any,
    held: dict[int, NDArray],
    machine: str | Path | Substrate,
    sweeps: int,
    draws: int,
    chains_per_row: int,
    seed: int | None,
    chip_seed: int,
    progress: Progress,
    chains: int | None = None,
) -> Inference:
    if not 1 <= draws <= sweeps:
        raise ValueError(f"{draws} draws of {sweeps} sweeps; give at least one draw, and as many sweeps as draws")
    spacing = max(1, sweeps // 2 // draws)
    rows = chains if chains is not None else len(next(iter(held.values())))
    schedule = Schedule(
        n_samples=draws, n_warmup=sweeps - draws * spacing, steps_per_sample=spacing, chains=rows
    )  # fmt: skip
    done = run(
        posed, machine, schedule, seed=seed, chip_seed=chip_seed, clamp=held, judge=False, progress=progress
    )  # fmt: skip
    return Inference.of(model, done, chains_per_row)
