"""Train a Boltzmann machine, on the machine that will run it or on this computer."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.learning.cost import Cost
from pbits.learning.epochs import Engine, engine_for
from pbits.learning.inference import accuracy
from pbits.learning.jobs import Job, M, State, first_centre, first_chains, held
from pbits.learning.likelihood import exact_log_likelihood, pseudo_log_likelihood
from pbits.learning.log_z import ais, estimated_log_likelihood
from pbits.learning.plan import LearningPlan, Rate
from pbits.models.base import read_only
from pbits.runner import Progress, Reporter
from pbits.schedule import Schedule
from pbits.streams import derived_seed
from pbits.substrate import Substrate, load

# Beyond it every p-bit is stuck: what has got there has diverged.
_DIVERGED = 1e3
# Of the runs of a look, in their seeds; a step's are numbered from 0.
_LOOK = 2


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trained(Generic[M]):
    """A machine that was trained, and how that went.

    Attributes
    ----------
    model : BoltzmannModel or CategoricalBoltzmannModel
        The last one, or with `patience` the best. With `weight_bits` its numbers are rounded.
    plan : LearningPlan
    seed : int
    reconstruction : (epochs,) array
        Share of the free seen sites that the negative phase changed, of chains that start from the data; of a
        conditional objective in closed form the mean chance of a wrong class; NaN of chains that start elsewhere.
    acceptance : (epochs, levels − 1) array
        Of exchanges between neighbouring β; of no columns where chains are not tempered.
    monitor : str
        What was looked at: "likelihood" (mean exact log-likelihood, nats), "estimated-likelihood",
        "pseudo-likelihood" (mean exact log pseudo-likelihood of all seen sites, nats), "accuracy" or "none".
    looked_at, scores : (looks,) array
        After which epochs, and what was seen.
    stopped : bool
        Whether patience ended it.
    cost : Cost
        Of all runs on the machine since training was begun or taken up again; of none where this computer trained.
    """

    model: M
    plan: LearningPlan
    seed: int
    reconstruction: NDArray[np.float64]
    acceptance: NDArray[np.float64]
    monitor: str
    looked_at: NDArray[np.int64]
    scores: NDArray[np.float64]
    stopped: bool
    cost: Cost

    def __repr__(self) -> str:
        score = f", {self.monitor}={self.scores[-1]:.4g}" if len(self.scores) else ""
        return f"Trained({self.model}, epochs={len(self.reconstruction)}{score}, {self.cost})"

    def to_dict(self) -> dict[str, Any]:
        """For `pbits.report.learning_curves`."""
        return {
            "epochs": len(self.reconstruction),
            "reconstruction": self.reconstruction.tolist(),
            "acceptance": self.acceptance.tolist(),
            "monitor": self.monitor,
            "looked_at": self.looked_at.tolist(),
            "scores": self.scores.tolist(),
            "stopped": self.stopped,
        }


def train(
    model: M,
    data: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    plan: LearningPlan | None = None,
    machine: str | Path | Substrate = "ideal",
    seed: int | None = None,
    chip_seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    validation: tuple[ArrayLike, ArrayLike | None] | None = None,
    after_epoch: Callable[[int, M], None] | None = None,
    progress: Progress = False,
) -> Trained[M]:
    """Fit a Boltzmann machine to data, by descent along the slopes that a machine samples.

    Of the mean log-likelihood, ∂L/∂θ = ⟨φ⟩ with the data held − ⟨φ⟩ without. Both averages are of draws of the machine:
    what it rounds, what its p-bits lack and what drifts is then learned around. Restricted machines that train on
    "ideal" do so in one compiled loop, and everything else by `pbits.run`.

    Parameters
    ----------
    model : BoltzmannModel or CategoricalBoltzmannModel
        Where training starts.
    data : (m, d) spins, or categories
    labels : (m,) integers, optional
        Classes; needed where the machine has label units.
    plan : LearningPlan, optional
    machine : str, path or Substrate
        Where phases are sampled.
    seed, chip_seed
        As `pbits.run` takes them.
    checkpoint : path, optional
        Written after every epoch, and taken up from where it exists: training that was broken off and taken up gives
        the numbers that it would have given at one go, bit for bit.
    validation : (data, labels), optional
        What is looked at instead of the data.
    after_epoch : callable, optional
        Called with the number of epochs done and the machine.
    progress : bool or callable
        As `pbits.run` takes it, in epochs.

    Raises
    ------
    ValueError
        For data or labels that the machine cannot hold, a plan that does not suit it, numbers that run away, or a
        checkpoint of other training.
    NotMappable
        When the machine cannot hold the model.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.learning import LearningPlan, train
    >>> from pbits.models import BoltzmannModel
    >>> data = np.repeat([[1, 1, -1], [-1, -1, 1]], 50, axis=0)
    >>> plan = LearningPlan(method="cd", epochs=100, batch=10, rate=0.05)
    >>> found = train(BoltzmannModel.restricted(3, 2), data, plan=plan, seed=1)
    >>> bool(found.scores[-1] > -1.0)
    True
    """
    plan = LearningPlan() if plan is None else plan
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    file = None if checkpoint is None else Path(checkpoint)
    if seed is None and file is not None and file.exists():
        seed = int(_read(file)["seed"])
    job = Job.checked(model, data, labels, validation, plan, substrate, seed, chip_seed)
    trainer = _Trainer(job, engine_for(job))
    if file is not None and file.exists():
        trainer.take_up(file)
    told = Schedule(n_samples=plan.epochs, n_warmup=0, chains=1)
    with Reporter(progress, told, f"training on {substrate.name}") as report:
        while not trainer.done:
            trainer.run_epoch()
            report(trainer.epoch)
            if file is not None:
                trainer.write(file)
            if after_epoch is not None:
                after_epoch(trainer.epoch, trainer.model)
    return trainer.result()


class _Trainer:
    """Random numbers are named by seed, epoch and batch, so none is kept."""

    def __init__(self, job: Job, engine: Engine):
        self._job, self._engine = job, engine
        model, plan = job.model, job.plan
        parameters = model.parameters
        tempered = plan.method == "tempered"
        ladder = plan.ladder() if tempered else np.ones(1)
        self._state = State(
            parameters=parameters.copy(),
            velocity=np.zeros_like(parameters),
            centre=first_centre(job),
            chains=first_chains(job, len(ladder)),
            ladder=ladder,
        )
        assert isinstance(plan.rate, Rate)
        self._rates = plan.rate.over(plan.epochs * job.batches).reshape(plan.epochs, job.batches)
        self.epoch = 0
        self.stopped = False
        self._reconstruction: list[float] = []
        self._acceptance: list[NDArray[np.float64]] = []
        self._looked_at: list[int] = []
        self._scores: list[float] = []
        self._best = parameters.copy()

    @property
    def done(self) -> bool:
        return self.stopped or self.epoch >= self._job.plan.epochs

    @property
    def model(self) -> Any:
        job = self._job
        return job.model.with_parameters(held(job.model, self._state.parameters, job.plan.weight_bits))

    def run_epoch(self) -> None:
        plan = self._job.plan
        reconstruction, acceptance = self._engine.epoch(self._state, self.epoch, self._rates[self.epoch])
        self.epoch += 1
        if not np.abs(self._state.parameters).max() < _DIVERGED:
            raise ValueError(
                f"the parameters ran away in epoch {self.epoch}; lower the rate (now {plan.rate}), take more "
                "sweeps, or set decay"
            )
        self._reconstruction.append(reconstruction)
        self._acceptance.append(acceptance)
        if self.epoch % plan.look_every == 0 or self.epoch == plan.epochs:
            self._look()

    def _look(self) -> None:
        job, model = self._job, self.model
        data, labels = job.looked_at
        if job.monitor == "none":
            return
        if job.monitor == "estimated-likelihood":
            around = np.where(np.isin(np.arange(model.n), model.hidden), 0.0, model.fields)
            log_z = ais(
                model, base=around, chains=100, ladder=500, seed=derived_seed(job.seed, self.epoch, 0, _LOOK)
            )  # fmt: skip
            score = estimated_log_likelihood(model, data, log_z, labels).mean
        elif job.monitor != "accuracy":
            told = exact_log_likelihood if job.monitor == "likelihood" else pseudo_log_likelihood
            score = told(model, data, labels).mean
        else:
            assert labels is not None, "a machine with label units is looked at with labels"
            score, cost = accuracy(
                model, data, labels, machine=job.machine, sweeps=job.plan.sweeps,
                seed=derived_seed(job.seed, self.epoch, 0, _LOOK), chip_seed=job.chip_seed,
            )  # fmt: skip
            self._engine.cost += cost
        self._looked_at.append(self.epoch)
        self._scores.append(float(score))
        best = int(np.argmax(self._scores))
        if best == len(self._scores) - 1:
            self._best = self._state.parameters.copy()
        self.stopped = job.plan.patience is not None and len(self._scores) - 1 - best >= job.plan.patience

    def result(self) -> Trained[Any]:
        job = self._job
        if job.plan.patience is not None and self._scores:
            self._state.parameters = self._best
        return Trained(
            model=self.model,
            plan=job.plan,
            seed=job.seed,
            reconstruction=read_only(np.array(self._reconstruction)),
            acceptance=read_only(np.array(self._acceptance)),
            monitor=job.monitor,
            looked_at=read_only(np.array(self._looked_at, dtype=np.int64)),
            scores=read_only(np.array(self._scores)),
            stopped=self.stopped,
            cost=self._engine.cost,
        )

    def write(self, file: Path) -> None:
        arrays = {
            "identity": np.array(self._job.identity()),
            "seed": np.array(self._job.seed),
            "epoch": np.array(self.epoch),
            "stopped": np.array(self.stopped),
            "reconstruction": np.array(self._reconstruction),
            "acceptance": np.array(self._acceptance),
            "looked_at": np.array(self._looked_at, dtype=np.int64),
            "scores": np.array(self._scores),
            "best": self._best,
            **vars(self._state),
        }
        draft = file.with_name(f".{file.name}.part")
        with draft.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        os.replace(draft, file)

    def take_up(self, file: Path) -> None:
        arrays = _read(file)
        if str(arrays["identity"]) != self._job.identity():
            raise ValueError(
                f"{file} is of other training (another machine, plan, seed or other data); name another file or "
                "delete it"
            )
        self.epoch, self.stopped = int(arrays["epoch"]), bool(arrays["stopped"])
        self._reconstruction = arrays["reconstruction"].tolist()
        self._acceptance = list(arrays["acceptance"])
        self._looked_at, self._scores = arrays["looked_at"].tolist(), arrays["scores"].tolist()
        self._best = arrays["best"]
        self._state = State(**{name: arrays[name] for name in vars(self._state)})


_KEPT = ("identity", "seed", "epoch", "stopped", "reconstruction", "acceptance", "looked_at", "scores", "best",
         "parameters", "velocity", "centre", "chains", "ladder")  # fmt: skip


def _read(file: Path) -> dict[str, NDArray]:
    try:
        # numpy leaves a file that it cannot read open.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in _KEPT}
    except (KeyError, EOFError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file} is no checkpoint of training: {error}; delete it to begin anew") from error
