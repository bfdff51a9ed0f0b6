"""Runs: the states a machine produced, what that took, and the record of how each number came to be."""

from __future__ import annotations

import json
import os
import secrets
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits import models
from pbits.conditionals import Conditionals
from pbits.errors import Errors
from pbits.models import EnergyModel
from pbits.models.base import read_only
from pbits.parameters import Figure, PriceTable
from pbits.plain import plain
from pbits.problems.base import Solution
from pbits.schedule import Schedule
from pbits.substrate import Programming

SCHEMA = 2

# What reading a file that is cut short, corrupt, or of another kind raises.
_NOT_A_RUN = (
    zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, TypeError, ValueError, AttributeError,
    NotImplementedError, IndexError, SyntaxError, tokenize.TokenError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Energy of the posed model against sweep: a look inside, also at states that were not handed over.

    Attributes
    ----------
    steps : (k,) int64
        After which steps the energy was recorded: every draw; of an anneal every sweep, or at most 5000 of them.
    energies : (chains, k) float64
    """

    steps: NDArray[np.int64]
    energies: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Running moments of all draws, of a run that kept only the last of each chain.

    Attributes
    ----------
    draws : int
        Of all chains together.
    mean : (n,) float64
        ⟨s_i⟩.
    edge_correlations : (couplings,) float64
        ⟨s_i s_j⟩, in the order of `model.edges()`.
    """

    draws: int
    mean: NDArray[np.float64]
    edge_correlations: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
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
    moments : Moments, optional
        Of all draws, where ``keep="last"`` was asked for and the sites are spins.
    solution : Solution, optional
        The decoded answer, where the run was given a Problem: the best feasible draw. In a run read from a
        file its `value` is plain: arrays have become lists and records dicts.
    objectives : (chains, draws) float64, optional
        The score of each draw, NaN where it is infeasible; for a Problem that scores single states.
    errors : Errors, optional
        Mapping, clock and sampling error, where the laws can be written down.
    conditionals : Conditionals, optional
        Whether the draws obey the conditionals of an `IsingModel` as posed: a distance to Boltzmann's law that can be
        had at any size.
    counts : dict
        Counted operations of all chains, by name.
    power_times : dict
        Device seconds by power state, each a `pbits.parameters.Figure` with its range and evidence; `seconds` holds
        their values.
    device_time : Figure
        Device seconds of the whole run, with range and evidence; unknown for a machine without a clock, or when
        a time it needs is not stated. `device_time_s` is its value.
    full_batch_time : Figure, optional
        For a machine that many runs can share: the share of this run in a batch that fills it.
    phases : dict
        Device seconds by phase of work. Where the machine does two things at once they are more together than the
        device time.
    wall_time_s : float
        What the emulation took on this computer.
    realised : EnergyModel
        What the machine held at the (final) β, on its own sites.
    model : EnergyModel
        The model as posed.
    schedule : Schedule
    prices : PriceTable, optional
        The machine's price table, so that a stored run can be priced again.
    timeline : dict, optional
        What the machine did when, for `pbits.report.gantt`: the device seconds and share of each lane ("lanes"), the
        "bottleneck", stretches of work ("spans", alike ones taken together), and what one frame takes ("frame_s").
    programming : Programming, optional
        What of all this the next run of the same model would not take again.
    record : dict
        Provenance: versions, seeds, machine, dispatch, fingerprints, notes.
    """

    states: NDArray
    energies: NDArray[np.float64]
    best_energy: float
    best_state: NDArray
    trace: Trace
    first_hit: NDArray[np.int64]
    moments: Moments | None
    solution: Solution | None
    objectives: NDArray[np.float64] | None
    errors: Errors | None
    conditionals: Conditionals | None
    counts: dict[str, float]
    power_times: dict[str, Figure]
    device_time: Figure
    full_batch_time: Figure | None
    phases: dict[str, float | None]
    wall_time_s: float
    realised: EnergyModel
    model: EnergyModel
    schedule: Schedule
    prices: PriceTable | None
    timeline: dict[str, Any] | None = None
    programming: Programming | None = None
    record: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        chains, draws = self.energies.shape
        return (
            f"Run(machine={self.machine!r}, chains={chains}, draws={draws}, n={self.model.n}, "
            f"best_energy={self.best_energy:g})"
        )

    @property
    def machine(self) -> str:
        """The machine's name."""
        return self.record["machine"]["name"]

    @property
    def device_time_s(self) -> float | None:
        """Device seconds of the whole run: every chain, warm-up, programming and read-out; None if not known."""
        return self.device_time.value

    @property
    def seconds(self) -> dict[str, float | None]:
        """Device seconds by power state."""
        return {state: figure.value for state, figure in self.power_times.items()}

    @property
    def n_samples(self) -> int:
        """Draws over all chains, also those of which only the moments were kept."""
        return int(self.energies.size) if self.moments is None else self.moments.draws

    def success_fraction(self, target: float | None = None, *, objective: float | None = None) -> tuple[int, int]:
        """How many chains handed over a draw of energy ≤ target, or a feasible answer at least as good as
        `objective`, and out of how many.

        A run with `stop_at` was read after every sweep, so a chain that met it counts for any target above it.

        Raises
        ------
        ValueError
            Unless exactly one of the two is given, or for an objective where the run has no scores.
        """
        if (target is None) == (objective is None):
            raise ValueError("give a target energy or an objective, not both and not neither")
        if objective is None:
            assert target is not None
            hits = at_most(self.energies, target)
            if self.schedule.stop_at is not None and target >= self.schedule.stop_at:
                hits = hits | (self.first_hit >= 0)[:, None]
        elif self.objectives is None or self.solution is None:
            raise ValueError("this run has no objectives: it was not given a Problem that scores states")
        else:
            sign = -1 if self.solution.sense == "max" else 1
            hits = at_most(sign * self.objectives, sign * objective)
        return int(hits.any(axis=1).sum()), len(hits)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the run to one file (a NumPy archive with a JSON record inside).

        The file appears whole or not at all: it is written beside its place and renamed. An answer that JSON
        does not know (`solution.value`) is kept as its text.

        Raises
        ------
        OSError
            When the place cannot be written.
        TypeError
            For a model that is not one of `pbits.models`: no file could give it back.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise FileNotFoundError(f"{target}: there is no folder {target.parent}; make it first")
        for model in (self.model, self.realised):
            if getattr(models, type(model).__name__, None) is not type(model):
                raise TypeError(f"a run of a {type(model).__name__} cannot be stored, only models of pbits")
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
        if self.moments is not None:
            arrays |= {"mean": self.moments.mean, "edge_correlations": self.moments.edge_correlations}
        # A machine that holds the model as posed holds the same object, which is stored once.
        held = {"model": self.model, "realised": None if self.realised is self.model else self.realised}
        for role, model in held.items():
            arrays |= {} if model is None else {f"{role}/{name}": array for name, array in model.arrays().items()}
        header = {
            "schema": SCHEMA,
            "best_energy": self.best_energy,
            "moments_draws": None if self.moments is None else self.moments.draws,
            "solution": None if self.solution is None else _stored(self.solution),
            "errors": None if self.errors is None else asdict(self.errors),
            "conditionals": None if self.conditionals is None else asdict(self.conditionals),
            "counts": self.counts,
            "power_times": {state: figure.to_dict() for state, figure in self.power_times.items()},
            "device_time": self.device_time.to_dict(),
            "full_batch_time": None if self.full_batch_time is None else self.full_batch_time.to_dict(),
            "phases": self.phases,
            "wall_time_s": self.wall_time_s,
            "schedule": self.schedule.to_dict(),
            "prices": None if self.prices is None else self.prices.to_dict(),
            "timeline": self.timeline,
            "programming": None if self.programming is None else self.programming.to_dict(),
            "models": {role: None if model is None else type(model).__name__ for role, model in held.items()},
            "record": self.record,
        }
        arrays["header"] = np.array(json.dumps(plain(header)))
        # Opened by name and not by tempfile, whose files only their owner may read.
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            with draft.open("xb") as stream:
                np.savez_compressed(stream, **arrays)  # pyright: ignore[reportArgumentType]
            os.replace(draft, target)
        except BaseException:
            draft.unlink(missing_ok=True)
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
            with source.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                arrays = {name: read_only(archive[name]) for name in archive.files}
            header = json.loads(str(arrays.pop("header")))
            schema = header["schema"]
            if schema <= SCHEMA:
                return cls._unpack(header, arrays)
        except _NOT_A_RUN as error:
            # NumPy takes what is no archive for a pickle, and offers to read it unsafely.
            why = "" if "pickle" in str(error) else f": {error}"
            raise ValueError(f"{source} is not a whole run file (cut short, or something else){why}") from error
        raise ValueError(f"{source} has schema {schema}; this version reads up to {SCHEMA}: update pbits")

    @classmethod
    def _unpack(cls, header: dict[str, Any], arrays: dict[str, NDArray]) -> Run:
        solution, prices, kinds = header["solution"], header["prices"], header["models"]
        model = _model(kinds["model"], arrays, "model")
        return cls(
            states=arrays["states"],
            energies=arrays["energies"],
            best_energy=header["best_energy"],
            best_state=arrays["best_state"],
            trace=Trace(steps=arrays["trace_steps"], energies=arrays["trace_energies"]),
            first_hit=arrays["first_hit"],
            moments=_moments(header.get("moments_draws"), arrays),
            solution=None if solution is None else Solution(**solution),
            objectives=arrays.get("objectives"),
            errors=None if header["errors"] is None else Errors(**header["errors"]),
            conditionals=_conditionals(header.get("conditionals")),
            counts=header["counts"],
            power_times={state: Figure.from_dict(figure) for state, figure in header["power_times"].items()},
            device_time=Figure.from_dict(header["device_time"]),
            full_batch_time=None if (share := header["full_batch_time"]) is None else Figure.from_dict(share),
            phases=header["phases"],
            wall_time_s=header["wall_time_s"],
            realised=model if kinds["realised"] is None else _model(kinds["realised"], arrays, "realised"),
            model=model,
            schedule=Schedule(**header["schedule"]),
            prices=None if prices is None else PriceTable.from_dict(prices),
            timeline=header.get("timeline"),
            programming=None if (once := header.get("programming")) is None else Programming.from_dict(once),
            record=header["record"],
        )


def _moments(draws: int | None, arrays: Mapping[str, NDArray]) -> Moments | None:
    if draws is None:
        return None
    return Moments(draws=draws, mean=arrays["mean"], edge_correlations=arrays["edge_correlations"])


def _conditionals(stored: dict[str, Any] | None) -> Conditionals | None:
    if stored is None:
        return None
    intervals: dict[str, Any] = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
    return Conditionals(**(stored | intervals))


def _model(kind: str, arrays: Mapping[str, NDArray], role: str) -> EnergyModel:
    own = {name.removeprefix(f"{role}/"): array for name, array in arrays.items() if name.startswith(f"{role}/")}
    return getattr(models, kind).from_arrays(own)


def at_most(values: NDArray, target: float) -> NDArray[np.bool_]:
    """values ≤ target, up to a relative 1e-9: sums of one state in another order differ by roundings."""
    return values <= target + 1e-9 * abs(target)


def _stored(solution: Solution) -> dict[str, Any]:
    """A solution as JSON knows it; an answer of a kind it does not know as its text."""
    fields = asdict(solution)
    try:
        return plain(fields)
    except TypeError:
        return plain(fields | {"value": repr(solution.value)})
