"""Runs: the states a machine produced, what that took, and the record of how each number came to be."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits import models
from pbits.errors import Errors
from pbits.models import EnergyModel
from pbits.parameters import PriceTable
from pbits.problems.base import Solution
from pbits.schedule import Schedule

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Energy of the posed model against sweep.

    Attributes
    ----------
    steps : (k,) int64
        After which steps the energy was recorded.
    energies : (chains, k) float64
    """

    steps: NDArray[np.int64]
    energies: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One problem on one machine.

    Attributes
    ----------
    states : (chains, draws, n)
        Draws of the model as posed, after unembedding: int8 spins, int16 categories or float64 reals.
    energies : (chains, draws) float64
        E(s) of those states, computed by the core from the model as posed.
    best_energy : float
        The lowest energy over all observed states: every draw, and every sweep of an anneal.
    best_state : (n,)
    trace : Trace
    first_hit : (chains,) int64
        The sweep after which a chain first had an energy ≤ `schedule.stop_at`; −1 for never (and where no
        `stop_at` was set).
    solution : Solution, optional
        The decoded answer, where the run was given a Problem: the best feasible draw.
    objectives : (chains, draws) float64, optional
        The score of each draw, NaN where it is infeasible; for a Problem that scores single states.
    errors : Errors, optional
        Mapping, clock and sampling error, where the laws can be written down.
    counts : dict
        Counted operations of all chains, by name.
    seconds : dict
        Device seconds by power state.
    device_time_s : float, optional
        None for a machine without a clock, or when a time it needs is not stated.
    phases : dict
        Device seconds by phase of work.
    wall_time_s : float
        What the emulation took on this computer.
    realised : EnergyModel
        What the machine held at the (final) β, on its own sites.
    model : EnergyModel
        The model as posed.
    schedule : Schedule
    prices : PriceTable, optional
        The machine's price table, so that a stored run can be priced again.
    record : dict
        Provenance: versions, seeds, machine, dispatch, fingerprints, notes.
    """

    states: NDArray
    energies: NDArray[np.float64]
    best_energy: float
    best_state: NDArray
    trace: Trace
    first_hit: NDArray[np.int64]
    solution: Solution | None
    objectives: NDArray[np.float64] | None
    errors: Errors | None
    counts: dict[str, float]
    seconds: dict[str, float | None]
    device_time_s: float | None
    phases: dict[str, float | None]
    wall_time_s: float
    realised: EnergyModel
    model: EnergyModel
    schedule: Schedule
    prices: PriceTable | None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def machine(self) -> str:
        """The machine's name."""
        return self.record["machine"]["name"]

    @property
    def n_samples(self) -> int:
        """Draws over all chains."""
        return int(self.energies.size)

    def success_fraction(
        self, target: float | None = None, *, objective: float | None = None
    ) -> tuple[int, int]:
        """How many chains handed over a draw of energy ≤ target, or a feasible answer at least as good as
        `objective`, and out of how many.

        Raises
        ------
        ValueError
            Unless exactly one of the two is given, or for an objective where the run has no scores.
        """
        if (target is None) == (objective is None):
            raise ValueError("give a target energy or an objective, not both and not neither")
        if objective is None:
            hits = self.energies <= target
        elif self.objectives is None or self.solution is None:
            raise ValueError("this run has no objectives: it was not given a Problem that scores states")
        else:
            slack = 1e-9 * abs(objective)
            better = self.objectives <= objective + slack
            if self.solution.sense == "max":
                better = self.objectives >= objective - slack
            hits = better
        return int(hits.any(axis=1).sum()), len(hits)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the run to one file (a NumPy archive with a JSON record inside).

        The file appears whole or not at all: it is written beside its place and renamed.

        Raises
        ------
        OSError
            When the place cannot be written.
        """
        target = Path(path)
        arrays: dict[str, NDArray] = {
            "states": self.states,
            "energies": self.energies,
            "best_state": self.best_state,
            "trace_steps": self.trace.steps,
            "trace_energies": self.trace.energies,
            "first_hit": self.first_hit,
        }
        if self.objectives is not None:
            arrays["objectives"] = self.objectives
        for role, model in (("model", self.model), ("realised", self.realised)):
            arrays |= {f"{role}/{name}": array for name, array in model.arrays().items()}
        header = {
            "schema": SCHEMA,
            "best_energy": self.best_energy,
            "solution": None if self.solution is None else _plain(asdict(self.solution)),
            "errors": None if self.errors is None else asdict(self.errors),
            "counts": self.counts,
            "seconds": self.seconds,
            "device_time_s": self.device_time_s,
            "phases": self.phases,
            "wall_time_s": self.wall_time_s,
            "schedule": self.schedule.to_dict(),
            "prices": None if self.prices is None else self.prices.to_dict(),
            "models": {"model": type(self.model).__name__, "realised": type(self.realised).__name__},
            "record": self.record,
        }
        arrays["header"] = np.array(json.dumps(_plain(header), sort_keys=True))
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                np.savez_compressed(stream, **arrays)  # pyright: ignore[reportArgumentType]
            os.replace(draft, target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Run:
        """Read a run back.

        Raises
        ------
        ValueError
            When the file is not a run, is cut short, or was written by a later version.
        """
        source = Path(path)
        if not source.exists():
            raise ValueError(f"{source}: no such file")
        try:
            with np.load(source, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            header = json.loads(str(arrays.pop("header")))
        except (zipfile.BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
            raise ValueError(f"{source} is not a whole run file (cut short, or something else): {error}") from error
        if header["schema"] > SCHEMA:
            raise ValueError(f"{source} has schema {header['schema']}; this version reads up to {SCHEMA}")
        solution, prices = header["solution"], header["prices"]
        return cls(
            states=arrays["states"],
            energies=arrays["energies"],
            best_energy=header["best_energy"],
            best_state=arrays["best_state"],
            trace=Trace(steps=arrays["trace_steps"], energies=arrays["trace_energies"]),
            first_hit=arrays["first_hit"],
            solution=None if solution is None else Solution(**solution),
            objectives=arrays.get("objectives"),
            errors=None if header["errors"] is None else Errors(**header["errors"]),
            counts=header["counts"],
            seconds=header["seconds"],
            device_time_s=header["device_time_s"],
            phases=header["phases"],
            wall_time_s=header["wall_time_s"],
            realised=_model(header["models"]["realised"], arrays, "realised"),
            model=_model(header["models"]["model"], arrays, "model"),
            schedule=Schedule(**header["schedule"]),
            prices=None if prices is None else PriceTable.from_dict(prices),
            record=header["record"],
        )


def _model(kind: str, arrays: Mapping[str, NDArray], role: str) -> EnergyModel:
    own = {name.removeprefix(f"{role}/"): array for name, array in arrays.items() if name.startswith(f"{role}/")}
    return getattr(models, kind).from_arrays(own)


def _plain(value: Any) -> Any:
    """Values as JSON knows them; arrays become lists, tuples lists, keys strings."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value
