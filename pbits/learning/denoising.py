"""Train a denoising model layer by layer, and generate with it, on any machine."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.learning.cost import Cost
from pbits.learning.descent import Adam
from pbits.learning.gradients import correlation_gradient, likelihood_gradient, sample_phase
from pbits.ledger import price
from pbits.models import DenoisingModel
from pbits.models.base import read_only
from pbits.runner import Progress, Reporter, run
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams, derived_seed, fresh_seed
from pbits.substrate import Substrate, load

CONTROLS = ("paper", "replication")
# Conditions, chains of each, projections and looks within K sweeps, by which the memory of a layer is told.
_CONDITIONS, _CHAINS, _PROJECTIONS, _LOOKS = 48, 8, 32, 8


@dataclass(frozen=True, kw_only=True)
class CorrelationControl:
    """How hard a layer is pressed to stay fast: the strength λ of its penalty on total correlation, after each epoch.

    ρ is the autocorrelation of the data cells after as many sweeps as the layer is given in use. With λ' = max(λ,
    `least`):

    - "paper": (1 − δ)λ' where ρ < ε, and 0 once that is below `least`; λ' where ρ ≥ ε does not rise; else (1 + δ)λ'.
    - "replication": (0.6 + 0.2ρ/ε)λ' where ρ < ε; 0.95λ' where ρ ≥ ε does not rise; else 1.2λ', or 1.5λ' from 1.8ε on.

    Attributes
    ----------
    rule : {"paper", "replication"}
    target : float
        ε.
    change : float
        δ.
    least : float
        λ_min, which lifts λ from zero.

    Notes
    -----
    The first as Jelinčič et al., arXiv:2510.23972, is reported to have it: seen in notes of others, not in the paper.
    The second is that of a third-party replication, whose floor is not known: that of the first is used.
    """

    rule: Literal["paper", "replication"] = "paper"
    target: float = 0.05
    change: float = 0.3
    least: float = 1e-3

    def __post_init__(self) -> None:
        if self.rule not in CONTROLS:
            raise ValueError(f"rule is {self.rule!r}; it must be one of {', '.join(CONTROLS)}")
        if not (0 < self.target < 1 and 0 < self.change < 1 and 0 < self.least < np.inf):
            raise ValueError("target and change must lie between 0 and 1, and least must be positive and finite")

    def next(self, strength: float, now: float, before: float) -> float:
        """λ of the next epoch, from ρ after this one and after the one before (infinite at first)."""
        floored = max(strength, self.least)
        rises = now > before
        if self.rule == "paper":
            if now >= self.target:
                return (1 + self.change) * floored if rises else floored
            lower = (1 - self.change) * floored
            return lower if lower >= self.least else 0.0
        if now < self.target:
            return (0.6 + 0.2 * now / self.target) * floored
        return (1.5 if now >= 1.8 * self.target else 1.2) * floored if rises else 0.95 * floored


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How a stack is trained.

    Attributes
    ----------
    epochs : int
    batch : int
        Images of a gradient.
    sweeps : int
        K, of a phase, from a fresh start. Layers learn to make data in that many sweeps: give them as many in use.
    draws, steps_per_draw : int
        Draws of each chain, and sweeps between them; the last draw is after K.
    chains_per_image : int
        Of the negative phase; at least two where total correlation is penalised.
    adam : Adam
    penalty : float or CorrelationControl
        The strength λ of the penalty on total correlation, fixed or adapted layer by layer to ρ at lag K.

    Raises
    ------
    ValueError
    """

    epochs: int = 100
    batch: int = 256
    sweeps: int = 64
    draws: int = 8
    steps_per_draw: int = 3
    chains_per_image: int = 2
    adam: Adam = field(default_factory=Adam)
    penalty: float | CorrelationControl = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "draws", "steps_per_draw", "chains_per_image", "sweeps"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
        if self.sweeps < self.draws * self.steps_per_draw:
            raise ValueError(
                f"{self.draws} draws, {self.steps_per_draw} sweeps apart, do not fit in {self.sweeps} sweeps"
            )
        if isinstance(self.penalty, float | int) and not 0 <= self.penalty < np.inf:
            raise ValueError(f"penalty is {self.penalty}; its strength must be at least 0 and finite")
        if self.penalises and self.chains_per_image < 2:
            raise ValueError("a penalty on total correlation needs chains_per_image of at least 2")

    @property
    def penalises(self) -> bool:
        """Whether total correlation is, or may become, penalised."""
        return isinstance(self.penalty, CorrelationControl) or self.penalty > 0

    def schedule(self, chains: int) -> Schedule:
        """Of a phase."""
        warmup = self.sweeps - self.draws * self.steps_per_draw
        return Schedule(n_samples=self.draws, n_warmup=warmup, steps_per_sample=self.steps_per_draw, chains=chains)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Denoiser:
    """A stack in training, or trained.

    Attributes
    ----------
    model : DenoisingModel
    autocorrelations : (epochs, T) array
        ρ of each layer after each epoch.
    penalties : (epochs, T) array
        λ of each layer in each epoch.
    cost : Cost
        Of all runs since training was begun or taken up again.
    """

    model: DenoisingModel
    autocorrelations: NDArray[np.float64]
    penalties: NDArray[np.float64]
    cost: Cost

    def __repr__(self) -> str:
        return f"Denoiser({self.model}, epochs={len(self.penalties)}, {self.cost})"


def train_denoiser(
    model: DenoisingModel,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    plan: TrainingPlan | None = None,
    machine: str | Path | Substrate = "ideal",
    seed: int | None = None,
    chip_seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    after_epoch: Callable[[int, DenoisingModel], None] | None = None,
    progress: Progress = False,
) -> Denoiser:
    """Fit every layer to turn x^t back into x^(t−1), by descent along block-Gibbs gradients.

    Layers do not depend on one another. In a step, images are noised afresh to x^(t−1) and x^t; the positive phase
    clamps both, the negative phase x^t alone, and labels are clamped in both.

    Parameters
    ----------
    model : DenoisingModel
        Where training starts.
    images : (m, d) spins
    labels : (m,) integers, optional
        Classes; needed where the model has any.
    plan : TrainingPlan, optional
    machine : str, path or Substrate
        Where both phases are sampled.
    seed, chip_seed
        As `pbits.run` takes them.
    checkpoint : path, optional
        Written after every epoch, and taken up from where it exists: training that was broken off and taken up gives
        the numbers that it would have given at one go, bit for bit.
    after_epoch : callable, optional
        Called with the number of epochs done and the stack.
    progress : bool or callable
        As `pbits.run` takes it, in gradients of one layer.

    Raises
    ------
    ValueError
        For images that are no spins or of another width, fewer images than a batch, or a checkpoint of other training.
    """
    plan = TrainingPlan() if plan is None else plan
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    spins = np.asarray(images)
    if spins.ndim != 2 or spins.shape[1] != model.n_data or not np.isin(spins, (-1, 1)).all():
        raise ValueError(f"images must be spins, −1 or +1, of shape (m, {model.n_data}); turn bits x into 2*x − 1")
    if len(spins) < plan.batch:
        raise ValueError(f"there are {len(spins)} images, fewer than a batch of {plan.batch}")
    first = fresh_seed() if seed is None else seed
    trainer = _Trainer(model, spins.astype(np.int8), labels, plan, substrate, first, chip_seed)
    file = None if checkpoint is None else Path(checkpoint)
    if file is not None and file.exists():
        trainer.take_up(file)
    told = Schedule(n_samples=plan.epochs * model.layers * trainer.batches, n_warmup=0, chains=1)
    with Reporter(progress, told, f"training on {substrate.name}") as report:
        while trainer.epoch < plan.epochs:
            trainer.run_epoch(report)
            if file is not None:
                trainer.write(file)
            if after_epoch is not None:
                after_epoch(trainer.epoch, trainer.model)
    return Denoiser(
        model=trainer.model,
        autocorrelations=read_only(np.array(trainer.autocorrelations)),
        penalties=read_only(np.array(trainer.penalties)),
        cost=trainer.cost,
    )


class _Trainer:
    """What changes in training. Random numbers are named by seed, epoch, layer and batch, so none is kept."""

    def __init__(
        self,
        model: DenoisingModel,
        images: NDArray[np.int8],
        labels: ArrayLike | None,
        plan: TrainingPlan,
        machine: Substrate,
        seed: int,
        chip_seed: int,
    ):
        self._start = model
        self._images = images
        self._labels = None if labels is None else np.asarray(labels)
        self._plan = plan
        self._machine = machine
        self._seed = seed
        self._chip_seed = chip_seed
        self.batches = len(images) // plan.batch
        self.epoch = 0
        self.cost = Cost()
        self.autocorrelations: list[NDArray[np.float64]] = []
        self.penalties: list[NDArray[np.float64]] = []
        self._values = np.concatenate([model.couplings, model.fields], axis=1)
        self._memory = np.zeros((model.layers, 2, self._values.shape[1]))
        adaptive = isinstance(plan.penalty, CorrelationControl)
        self._strengths = np.full(model.layers, 0.0 if adaptive else plan.penalty)

    @property
    def model(self) -> DenoisingModel:
        m = len(self._start.edges)
        return self._start.with_parameters(self._values[:, :m], self._values[:, m:])

    def run_epoch(self, report: Callable[[int], None]) -> None:
        layers = self._start.layers
        self.penalties.append(self._strengths.copy())
        for t in range(1, layers + 1):
            rng = Streams(seed=self._seed).generator(Stream.INITIAL, f"epoch {self.epoch}, layer {t}")
            order = rng.permutation(len(self._images))
            for batch in range(self.batches):
                chosen = order[batch * self._plan.batch : (batch + 1) * self._plan.batch]
                self._learn(t, batch, chosen, rng)
                report((self.epoch * layers + t - 1) * self.batches + batch + 1)
        self._look_back()
        self.epoch += 1

    def _learn(self, t: int, batch: int, chosen: NDArray[np.int64], rng: np.random.Generator) -> None:
        plan, model = self._plan, self._start
        cleaner = model.process.noised(self._images[chosen], rng, stop=t - 1)
        noisy = model.process.noised(cleaner, rng, start=t - 1, stop=t)
        labels = None if self._labels is None else self._labels[chosen]
        layer = self.model.layer(t)
        clamps = (
            model.clamp(t, noisy=noisy, labels=labels, data=cleaner),
            model.clamp(
                t, noisy=repeated(noisy, plan.chains_per_image), labels=repeated(labels, plan.chains_per_image)
            ),
        )
        positive, negative = (
            sample_phase(
                layer, self._machine, plan.schedule(len(chosen) * chains), edges=model.edges, clamp=clamp,
                chains_per_condition=chains, seed=derived_seed(self._seed, self.epoch, t, batch, k),
                chip_seed=self._chip_seed,
            )
            for k, (clamp, chains) in enumerate(zip(clamps, (1, plan.chains_per_image)))
        )  # fmt: skip
        self.cost += positive.cost + negative.cost
        slope = likelihood_gradient(positive, negative)
        couplings = slope.couplings
        if self._strengths[t - 1]:
            couplings = couplings + self._strengths[t - 1] * correlation_gradient(negative)
        # What is clamped in both phases has no slope, so fields of labels and copies stay as they are.
        full = np.concatenate([couplings, slope.fields[: model.n_cells]])
        steps = plan.epochs * self.batches
        self._values[t - 1], self._memory[t - 1] = plan.adam.step(
            self._values[t - 1], self._memory[t - 1], full, self.epoch * self.batches + batch, steps
        )

    def _look_back(self) -> None:
        """Take ρ of every layer, and set λ by it."""
        plan, model = self._plan, self.model
        rng = Streams(seed=self._seed).generator(Stream.INITIAL, f"memory, epoch {self.epoch}")
        found = np.empty(model.layers)
        for t in range(1, model.layers + 1):
            chosen = rng.integers(len(self._images), size=_CONDITIONS)
            noisy = model.process.noised(self._images[chosen], rng, stop=t)
            labels = None if self._labels is None else self._labels[chosen]
            found[t - 1] = autocorrelation(
                model, t, noisy, labels, sweeps=plan.sweeps, machine=self._machine,
                seed=derived_seed(self._seed, self.epoch, t), chip_seed=self._chip_seed,
            )  # fmt: skip
        if isinstance(plan.penalty, CorrelationControl):
            before = self.autocorrelations[-1] if self.autocorrelations else np.full(model.layers, np.inf)
            self._strengths = np.array(
                [plan.penalty.next(*each) for each in zip(self._strengths.tolist(), found.tolist(), before.tolist())]
            )
        self.autocorrelations.append(found)

    def _identity(self) -> str:
        """What must be the same for training to be taken up."""
        plan = asdict(self._plan)
        return json.dumps([self._seed, self._chip_seed, self._machine.name, len(self._images), plan])

    def write(self, file: Path) -> None:
        arrays = {
            "identity": np.array(self._identity()),
            "epoch": np.array(self.epoch),
            "values": self._values,
            "memory": self._memory,
            "strengths": self._strengths,
            "autocorrelations": np.array(self.autocorrelations),
            "penalties": np.array(self.penalties),
        }
        draft = file.with_name(f".{file.name}.part")
        with draft.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # pyright: ignore[reportArgumentType]
        os.replace(draft, file)

    def take_up(self, file: Path) -> None:
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
            same = str(arrays["identity"]) == self._identity() and arrays["values"].shape == self._values.shape
        except (KeyError, EOFError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{file} is no checkpoint of a denoiser: {error}") from error
        if not same:
            raise ValueError(
                f"{file} is of other training (another stack, plan, seed, machine or number of images); "
                "name another file or delete it"
            )
        self.epoch = int(arrays["epoch"])
        self._values, self._memory, self._strengths = arrays["values"], arrays["memory"], arrays["strengths"]
        self.autocorrelations, self.penalties = list(arrays["autocorrelations"]), list(arrays["penalties"])


def autocorrelation(
    model: DenoisingModel,
    t: int,
    noisy: NDArray,
    labels: ArrayLike | None = None,
    *,
    sweeps: int,
    machine: str | Path | Substrate = "ideal",
    seed: int | None = None,
    chip_seed: int = 0,
) -> float:
    """ρ: how much of the data cells of a layer is left, given x^t, after as many sweeps as it has in use.

    The autocorrelation r_yy[K] of random projections y of the data cells, about their mean given x^t. After K sweeps of
    warm-up, 8 chains for each x^t run for 2K more. Means are products of different chains, so that short runs bias
    neither end of the ratio, and chains that are stuck in different places count as memory.

    Parameters
    ----------
    noisy : (m, d) spins
        Some x^t.
    labels : (m,) integers, optional
    sweeps : int
        K.

    Returns
    -------
    float
        About 1 for cells that never move, and 0, up to scatter, for a layer that has forgotten.
    """
    every = max(1, sweeps // _LOOKS)
    lag = -(-sweeps // every)
    schedule = Schedule(
        n_samples=2 * lag, n_warmup=sweeps, steps_per_sample=every, chains=len(noisy) * _CHAINS
    )  # fmt: skip
    clamp = model.clamp(t, noisy=repeated(noisy, _CHAINS), labels=repeated(labels, _CHAINS))
    first = fresh_seed() if seed is None else seed
    done = run(
        model.layer(t), machine, schedule, seed=first, chip_seed=chip_seed, clamp=clamp, judge=False
    )  # fmt: skip
    rng = Streams(seed=first).generator(Stream.READOUT, "projections")
    onto = rng.uniform(-1, 1, (model.n_data, _PROJECTIONS)) / np.sqrt(model.n_data)
    y = (done.states[:, :, model.data_cells] @ onto).reshape(len(noisy), _CHAINS, 2 * lag, _PROJECTIONS)
    means = y.mean(axis=2)
    between = (means.sum(axis=1) ** 2 - (means**2).sum(axis=1)) / (_CHAINS * (_CHAINS - 1))
    now = (y**2).mean(axis=(1, 2)) - between
    later = (y[:, :, :lag] * y[:, :, lag:]).mean(axis=(1, 2)) - between
    return float(later.sum() / now.sum())


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Generated:
    """What a stack made.

    Attributes
    ----------
    samples : (m, d) spins
        x^0.
    steps : (T + 1, m, d) spins
        x^T … x^0.
    cost : Cost
        Of the runs of all layers together.
    joules : float or None
        Of the whole batch, at the boundary of the machine's prices; None where a price that it needs is not stated.
    lower_bound : float or None
        What is known of the joules where they are not; see `pbits.EnergyLedger`.
    boundary : str or None
    """

    samples: NDArray[np.int8]
    steps: NDArray[np.int8]
    cost: Cost
    joules: float | None
    lower_bound: float | None
    boundary: str | None

    def __repr__(self) -> str:
        return f"Generated(samples={len(self.samples)}, joules={self.joules}, {self.cost})"

    @property
    def joules_per_sample(self) -> float | None:
        return None if self.joules is None else self.joules / len(self.samples)

    @property
    def device_time_per_sample_s(self) -> float | None:
        seconds = self.cost.device_time_s
        return None if seconds is None else seconds / len(self.samples)


def generate(
    model: DenoisingModel,
    samples: int | None = None,
    labels: ArrayLike | None = None,
    *,
    sweeps: int = 64,
    machine: str | Path | Substrate = "ideal",
    seed: int | None = None,
    chip_seed: int = 0,
) -> Generated:
    """Sample x^0: from x^T uniform, each layer runs from a fresh state, and hands its last data on.

    Parameters
    ----------
    model : DenoisingModel
    samples : int, optional
        How many; as many as labels when absent.
    labels : (m,) integers, optional
        The class of each; needed where there are classes.
    sweeps : int
        K, of each layer.
    machine, seed, chip_seed
        As `pbits.run` takes them. A run is one layer for all samples.

    Raises
    ------
    ValueError
        For labels that are missing or of another number, or neither samples nor labels.
    """
    if samples is None and labels is None:
        raise ValueError("say how many samples, or give the labels of all")
    count = len(np.asarray(labels)) if samples is None else samples
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    first = fresh_seed() if seed is None else seed
    rng = Streams(seed=first).generator(Stream.INITIAL, "x^T")
    steps = [(2 * rng.integers(0, 2, (count, model.n_data)) - 1).astype(np.int8)]
    # An anneal at one β keeps the last states alone.
    schedule = Schedule.anneal(sweeps=sweeps, beta_start=1.0, beta_stop=1.0, levels=1, chains=count)
    cost, ledgers = Cost(), []
    for t in range(model.layers, 0, -1):
        done = run(
            model.layer(t), substrate, schedule, seed=derived_seed(first, t), chip_seed=chip_seed,
            clamp=model.clamp(t, noisy=steps[-1], labels=labels), judge=False,
        )  # fmt: skip
        cost += Cost.of(done)
        ledgers.append(price(done))
        steps.append(done.states[:, -1, model.data_cells])
    return Generated(
        samples=read_only(steps[-1]),
        steps=read_only(np.stack(steps)),
        cost=cost,
        joules=_total([ledger.joules for ledger in ledgers]),
        lower_bound=_total([ledger.lower_bound for ledger in ledgers]),
        boundary=ledgers[0].boundary,
    )


def _total(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def repeated(values: Any, times: int) -> Any:
    """Each row so many times in a row; None stays."""
    return None if values is None else np.repeat(np.asarray(values), times, axis=0)
