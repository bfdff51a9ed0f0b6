"""What training is given, and what it changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.learning.inference import pseudo_possible
from pbits.learning.likelihood import units_to_enumerate
from pbits.learning.plan import LearningPlan
from pbits.models import BoltzmannModel
from pbits.models.boltzmann import Learnable
from pbits.streams import Stream, Streams, fresh_seed
from pbits.substrate import Substrate

M = TypeVar("M", bound=Learnable)

# Sites that are enumerated at every look for an exact likelihood.
LOOK_UNITS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What does not change in training."""

    model: Any
    data: NDArray
    labels: NDArray[np.int64] | None
    looked_at: tuple[NDArray, NDArray[np.int64] | None]
    plan: LearningPlan
    machine: Substrate
    seed: int
    chip_seed: int
    monitor: str

    @classmethod
    def checked(
        cls,
        model: Learnable,
        data: ArrayLike,
        labels: ArrayLike | None,
        validation: tuple[ArrayLike, ArrayLike | None] | None,
        plan: LearningPlan,
        machine: Substrate,
        seed: int | None,
        chip_seed: int,
    ) -> Job:
        if not isinstance(model, Learnable):
            raise TypeError(
                f"train takes a pbits.models.BoltzmannModel, or one of categories, not a {type(model).__name__}; it "
                "says which sites are visible"
            )
        pairs = [(data, labels)] if validation is None else [(data, labels), validation]
        checked = []
        for rows, classes in pairs:
            if (classes is None) != (model.classes == 0):
                raise ValueError(
                    f"the machine has label units for {model.classes} classes; labels are "
                    f"{'missing' if classes is None else 'given'}"
                )
            values = model.checked(rows)
            told = None
            if classes is not None:
                model.clamp(values, classes)
                told = np.asarray(classes).astype(np.int64)
            checked.append((values, told))
        if plan.objective == "conditional" and not model.classes:
            raise ValueError("the conditional objective is P(label | data); build the machine with classes=…")
        if plan.positive == "mean-field" and not isinstance(model, BoltzmannModel):
            raise ValueError("the mean field is of spins; take positive='sampled' for a machine of categories")
        return cls(
            model=model,
            data=checked[0][0],
            labels=checked[0][1],
            looked_at=checked[-1],
            plan=plan,
            machine=machine,
            seed=fresh_seed() if seed is None else seed,
            chip_seed=chip_seed,
            monitor=chosen_monitor(model, plan),
        )

    @property
    def batch(self) -> int:
        return min(self.plan.batch, len(self.data))

    @property
    def batches(self) -> int:
        return len(self.data) // self.batch

    @property
    def chains(self) -> int:
        """Of the negative phase."""
        return self.batch if self.plan.method == "cd" else self.plan.chains or self.batch

    def identity(self) -> str:
        """What must be the same for training to be taken up."""
        digest = hashlib.sha256()
        for part in (self.data, self.labels, *self.looked_at):
            digest.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
        for name, values in sorted(self.model.arrays().items()):
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        machine = json.dumps(self.machine.describe(), default=str, sort_keys=True)
        return json.dumps([self.seed, self.chip_seed, machine, digest.hexdigest(), asdict(self.plan)])


def chosen_monitor(model: Learnable, plan: LearningPlan) -> str:
    exact = (
        isinstance(model, BoltzmannModel)
        and pseudo_possible(model)
        and units_to_enumerate(model.to_model()) <= LOOK_UNITS
    )
    if plan.monitor != "auto":
        if plan.monitor == "accuracy" and not model.classes:
            raise ValueError("accuracy is of labels, and the machine has no label units; take another monitor")
        if plan.monitor == "likelihood" and not exact:
            raise ValueError(
                f"an exact likelihood at every look is for machines with at most {LOOK_UNITS} sites to enumerate; take "
                "monitor='pseudo-likelihood', or estimate it afterwards with pbits.learning.ais"
            )
        if plan.monitor in ("pseudo-likelihood", "estimated-likelihood") and not pseudo_possible(model):
            raise ValueError(f"the {plan.monitor} needs hidden sites that are not coupled to one another")
        return plan.monitor
    if plan.objective == "conditional":
        return "accuracy"
    if exact:
        return "likelihood"
    return "pseudo-likelihood" if pseudo_possible(model) else "none"


@dataclass(kw_only=True)
class State:
    """What changes in training, beside the lists of what was seen."""

    parameters: NDArray[np.float64]
    velocity: NDArray[np.float64]
    centre: NDArray[np.float64]
    chains: NDArray
    ladder: NDArray[np.float64]


def held(model: Learnable, parameters: NDArray[np.float64], bits: int | None) -> NDArray[np.float64]:
    """Parameters as numbers of `bits` bits: couplings, and apart from them fields, in steps of 1/(2^(bits−1) − 1) of
    the largest.
    """
    if bits is None:
        return parameters
    rounded = []
    for part in np.split(parameters, [model.n_couplings]):
        step = float(np.abs(part).max(initial=0.0)) / (2 ** (bits - 1) - 1)
        rounded.append(np.rint(part / step) * step if step else part)
    return np.concatenate(rounded)


def quantised(model: M, bits: int) -> M:
    """A machine whose couplings, and whose fields, are numbers of `bits` bits, scaled to the largest of each.

    Examples
    --------
    >>> from pbits.models import BoltzmannModel
    >>> machine = BoltzmannModel.restricted(4, 3, spread=1.0)
    >>> len(np.unique(np.abs(quantised(machine, 2).couplings)))
    2
    """
    if not isinstance(bits, int | np.integer) or bits < 2:
        raise ValueError(f"bits is {bits!r}; a signed number that rounds needs at least 2")
    return model.with_parameters(held(model, model.parameters, bits))


def first_centre(job: Job) -> NDArray[np.float64]:
    """Means of what is seen in the data, and 0 of what is hidden."""
    centre = np.zeros(job.model.n)
    if isinstance(job.model, BoltzmannModel):
        for site, values in job.model.clamp(job.data, job.labels).items():
            centre[site] = values.mean()
    return centre


def first_chains(job: Job, levels: int) -> NDArray:
    """Random states of what goes on from step to step, (levels × chains, n); none where chains start elsewhere."""
    if job.plan.method not in ("pcd", "tempered"):
        return np.zeros((0, job.model.n), dtype=np.int8)
    rng = Streams(seed=job.seed).generator(Stream.INITIAL, "chains")
    shape = (levels * job.chains, job.model.n)
    if isinstance(job.model, BoltzmannModel):
        return (2 * rng.integers(0, 2, shape) - 1).astype(np.int8)
    return np.floor(rng.random(shape) * job.model.n_states).astype(np.int16)


def order_of(job: Job, epoch: int) -> NDArray[np.int64]:
    return Streams(seed=job.seed).generator(Stream.INITIAL, f"epoch {epoch}").permutation(len(job.data))
