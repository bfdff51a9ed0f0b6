"""`run`: one model or problem on one machine."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

import pbits
from pbits.conditionals import Conditionals, check_conditionals
from pbits.diagnostics import diagnose
from pbits.embedded import Embedded
from pbits.errors import Errors, three_errors, within_reach
from pbits.harm import warn_of_harm
from pbits.kernels.blocks import threads
from pbits.kernels.jit import vector_bits
from pbits.models import Clamp, DirectedModel, EnergyModel, IsingModel
from pbits.models.base import clamped_sites, held_sites, read_only
from pbits.parameters import Figure
from pbits.plain import plain
from pbits.problems.base import Problem
from pbits.reference import ReducibleError
from pbits.result import Moments, Run, Trace, at_most
from pbits.schedule import Schedule
from pbits.steering import Policy
from pbits.streams import STREAM_VERSION, Streams, fresh_seed
from pbits.substrate import BulkObserver, Law, NotMappable, Substrate, load
from pbits.sweeps.engine import add_sums
from pbits.sweeps.layouts import LAYOUTS

_DTYPES = {
    "spin": np.int8, "category": np.int16, "permutation": np.int32, "real": np.float64, "mixed": np.float64
}  # fmt: skip

Progress = bool | Callable[[int, int], None]
Keep = Literal["draws", "last"]
KEEP = ("draws", "last")
THRESHOLD_BITS = (16, 24, 32)


def run(
    model: EnergyModel | Problem,
    machine: str | Path | Substrate = "ideal",
    schedule: Schedule | None = None,
    *,
    seed: int | None = None,
    chip_seed: int = 0,
    clamp: Clamp | None = None,
    initial: ArrayLike | None = None,
    keep: Keep = "draws",
    layout: str = "auto",
    threshold_bits: int | None = None,
    steer: Policy | None = None,
    against: IsingModel | None = None,
    judge: bool = True,
    progress: Progress = False,
) -> Run:
    """Run a model or a problem on a machine.

    Parameters
    ----------
    model : EnergyModel or Problem
    machine : str, path or Substrate
        A name from `pbits.available()`, "embedded:<name>", a TOML file, or a machine object.
    schedule : Schedule, optional
        `suggested_schedule(model, machine)` when absent.
    seed : int, optional
        Drawn from the operating system and recorded when absent.
    chip_seed : int
        Which of many nominally equal chips: its mismatch, apart from the run's own noise.
    clamp : mapping, optional
        Sites held fixed, and at what: a number, or an array (chains,) with one for each chain. Added to what the
        problem clamps, which it cannot contradict. Of chains that hold different values `Run.errors` is None: they
        have no law in common.
    initial : (n,) or (chains, n) array, optional
        Start states; by default what the problem prescribes, else random. Clamped sites start at their clamp.
    keep : {"draws", "last"}
        "last" keeps the last state of each chain and the running moments of all draws (`Run.moments`), for runs
        of an IsingModel whose draws would not fit in memory. What is computed from draws (errors, diagnoses) is then
        missing, or that of the last states alone.
    layout : str
        How this computer sweeps: "auto", or one of `pbits.sweeps.LAYOUTS`. It changes draws, not laws, and
        `run.record["layout"]` says which one ran and why.
    threshold_bits : {16, 24, 32}, optional
        Resolution of a decision in the bit-parallel layouts; 24 when absent. Probabilities are rounded to
        2^−bits.
    steer : Policy, optional
        What moves, copies or replaces states between steps (see `pbits.steering`), such as tempering does. Chains
        of a steered run, or of a ladder, are not judged against one law, so `Run.errors` is None.
    against : IsingModel, optional
        What the draws are meant to be of, where that is not the model that is run: of a program that makes up for a
        chip (`pbits.learning.compensate`), the model it was made for. `Run.errors`, `Run.conditionals` and warnings of
        harm are then told against it.
    judge : bool
        False leaves `Run.errors` and `Run.conditionals` out and warns of no harm: of many short runs, as learning makes
        them, that would take longer than the sweeps.
    progress : bool or callable
        True shows a progress bar; a callable gets (steps done, steps in all).

    Returns
    -------
    Run

    Raises
    ------
    NotMappable
        When the machine cannot hold the model; all reasons at once.
    ValueError, TypeError
        For malformed input.

    Examples
    --------
    >>> import pbits
    >>> model = pbits.IsingModel([[0, 1], [1, 0]], h=[0.5, 0])
    >>> draws = pbits.run(model, "ideal", pbits.Schedule(n_samples=50, chains=4), seed=7)
    >>> draws.energies.shape, draws.best_energy
    ((4, 50), -1.5)
    """
    problem = model if isinstance(model, Problem) else None
    posed = problem.to_model() if problem is not None else model
    if not isinstance(posed, EnergyModel):
        raise TypeError(
            f"run takes an EnergyModel or a Problem, not a {type(model).__name__}; couplings J and fields h "
            "make a pbits.IsingModel(J, h)"
        )
    if against is not None and not (isinstance(against, IsingModel) and against.n == posed.n):
        raise ValueError(
            f"against is {against!r}; it must be an IsingModel of the {posed.n} sites of the model that is run"
        )
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    schedule = suggested_schedule(model, substrate) if schedule is None else schedule
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule is {schedule!r}; give a pbits.Schedule(...) or pbits.Schedule.anneal(...)")
    held = _held(posed, {} if problem is None else problem.clamp(), {} if clamp is None else clamp, schedule.chains)
    if initial is None and problem is not None:
        initial = problem.initial_state()
    start = _start_states(posed, schedule, initial)
    seeded = seed is not None
    streams = Streams(seed=seed if seeded else fresh_seed(), chip_seed=chip_seed)
    _check_emulation(posed, problem, schedule, keep, layout, threshold_bits, steer)
    if steer is not None and (reason := substrate.cannot_steer(posed)):
        raise NotMappable(substrate.name, [reason])
    if steer is not None and any(np.ndim(value) for value in held.values()):
        raise ValueError("chains that hold different values cannot be steered: a swap would move them; clamp one value")
    program = substrate.compile(posed, schedule, chip_seed=chip_seed, clamp=held)
    with Reporter(progress, schedule, substrate.name) as report:
        recorder = _Recorder(posed, schedule, report, keep, layout, threshold_bits)
        recorder.steer = steer
        began = time.perf_counter()
        done = program.execute(schedule, streams, start, recorder)
        wall_time_s = time.perf_counter() - began
    if steer is not None and "steering" not in done.notes:
        raise RuntimeError(f"{substrate.name} ran without asking the policy; its Capabilities must say steers=False")
    states, energies = recorder.result()
    solution = objectives = None
    if problem is not None:
        # Only draws count: a state that the machine passed through but never handed over solves nothing.
        step_tau = done.notes.get("step_tau")
        solution = problem.answer(
            states,
            energies,
            beta=float(schedule.beta),
            step_tau=None if step_tau is None else step_tau * schedule.steps_per_sample,
        )
        scores = problem.objectives(states.reshape(-1, posed.n))
        objectives = None if scores is None else read_only(scores.reshape(energies.shape))
    record = {
        "schema": 1,
        "pbits": pbits.__version__,
        "stream_version": STREAM_VERSION,
        "seed": streams.seed,
        "seed_given": seeded,
        "chip_seed": streams.chip_seed,
        "machine": substrate.describe(),
        "problem": None if problem is None else problem.name,
        "posing": None if problem is None else plain(problem.posing()),
        "model": {"kind": type(posed).__name__, "n": posed.n, "fingerprint": posed.fingerprint()},
        "clamp": {str(site): value for site, value in held.items() if np.ndim(value) == 0},
        # Their values are in the states.
        "clamped_by_chain": [site for site, value in held.items() if np.ndim(value)],
        "notes": plain(done.notes),
        "layout": recorder.layout_taken,
        "against": None if against is None else against.fingerprint(),
        "steer": None if steer is None else plain(steer.describe()),
        "threads": threads(),
        "computer": {
            "processor": platform.processor() or platform.machine(),
            "cpus": os.cpu_count(),
            "vector_bits": vector_bits(),
        },
        "libraries": dict(_libraries()),
        "python": platform.python_version(),
    }
    finished = Run(
        states=read_only(states),
        energies=read_only(energies),
        best_energy=recorder.best_energy,
        best_state=read_only(recorder.best_state),
        trace=recorder.trace(),
        first_hit=read_only(recorder.first_hit),
        moments=recorder.moments(),
        solution=solution,
        objectives=objectives,
        errors=None,
        conditionals=None,
        counts={name: float(count) for name, count in done.counts.items()},
        power_times={state: Figure.of(seconds) for state, seconds in done.seconds.items()},
        device_time=Figure.of(done.device_time_s),
        full_batch_time=None if done.full_batch_s is None else Figure.of(done.full_batch_s),
        phases=dict(done.phases),
        wall_time_s=wall_time_s,
        realised=program.realised(float(schedule.beta)),
        model=posed,
        schedule=schedule,
        prices=substrate.prices,
        timeline=None if done.timeline is None else plain(done.timeline),
        programming=done.programming,
        record=record,
    )
    if not judge:
        return finished
    wanted = posed if against is None else against
    law = program.law(float(schedule.beta))
    record["law"] = {"kind": law.kind, "note": law.note}
    finished = replace(
        finished,
        errors=_errors(finished, wanted, law, held),
        conditionals=_conditionals(finished, wanted, held),
    )
    warn_of_harm(finished, wanted)
    return finished


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in ("numpy", "scipy", "numba", "simpy"))


def _check_emulation(
    posed: EnergyModel,
    problem: Problem | None,
    schedule: Schedule,
    keep: object,
    layout: object,
    threshold_bits: object,
    steer: object,
) -> None:
    """Refuse what no machine of this model would obey."""
    if steer is not None and not isinstance(steer, Policy):
        raise TypeError(f"steer is {steer!r}; it must be a pbits.steering.Policy")
    for name, given, allowed in (
        ("keep", keep, KEEP),
        ("layout", layout, ("auto", *LAYOUTS)),
        ("threshold_bits", threshold_bits, (None, *THRESHOLD_BITS)),
    ):
        if not any(given is choice or (type(given) is type(choice) and given == choice) for choice in allowed):
            raise ValueError(f"{name} is {given!r}; it must be one of {', '.join(map(str, allowed))}")
    if posed.domain == "real" and (layout not in ("auto", "hybrid") or threshold_bits is not None):
        raise ValueError("layout and threshold_bits are for spins and categories; the sites of this model hold reals")
    if keep == "last" and schedule.kind == "sample":
        if problem is not None:
            raise ValueError("keep='last' would lose the draws a problem is scored by; give problem.to_model()")
        if not isinstance(posed, IsingModel):
            raise ValueError(
                f"keep='last' keeps the moments of an IsingModel; this is a {type(posed).__name__}: keep its draws"
            )
        if steer is not None or schedule.ladder is not None:
            raise ValueError("keep='last' would mix the moments of chains of several laws; keep the draws")


def _of_one_law(finished: Run) -> bool:
    """Whether all draws were meant to be of one law."""
    return finished.schedule.kind == "sample" and not finished.schedule.ladder and not finished.record["steer"]


def _conditionals(finished: Run, posed: EnergyModel, clamp: Clamp) -> Conditionals | None:
    judged = isinstance(posed, IsingModel) or (isinstance(posed, DirectedModel) and posed.acyclic)
    if not judged or not _of_one_law(finished) or finished.moments is not None:
        return None
    assert isinstance(posed, IsingModel | DirectedModel)
    return check_conditionals(
        posed, finished.states, float(finished.schedule.beta), np.array(sorted(clamp), dtype=np.int64)
    )


def _errors(finished: Run, posed: EnergyModel, law: Law, clamp: Clamp) -> Errors | None:
    realised = finished.realised
    if not _of_one_law(finished) or finished.record["clamped_by_chain"]:
        return None
    if not within_reach(posed, realised, law):
        return None
    found = diagnose(finished)
    if found.worst_ess is None:
        return None
    try:
        return three_errors(posed, realised, law, clamp, finished.states, found.worst_ess, found.converged)
    except ReducibleError:
        # The clock freezes in more than one state, as far as floating point tells: there is no one law to judge by.
        return None


def suggested_schedule(problem: Problem | EnergyModel, machine: Substrate | None = None, **wanted: Any) -> Schedule:
    """A schedule that suits a problem: what `run` takes when it is given none.

    A problem that knows its range of β is annealed over it: 64 chains, 2000 sweeps, 50 temperatures (each is a
    programming on machines that store βJ), or as its `annealing` says. Anything else is sampled at β = 1: 16 chains of
    2000 draws.

    Parameters
    ----------
    problem : Problem or EnergyModel
    machine : Substrate, optional
    **wanted
        Arguments of `Schedule.anneal` or `Schedule` that the caller sets; n_samples, n_warmup, steps_per_sample
        or beta make it a sampling schedule.
    """
    span = problem.beta_range() if isinstance(problem, Problem) else None
    if span is None or {"n_samples", "n_warmup", "steps_per_sample", "beta"} & set(wanted):
        defaults: dict[str, Any] = {"n_samples": 2000, "n_warmup": 200, "chains": 16}
        if isinstance(problem, Problem) and wanted.get("step_s") is None:
            defaults["step_tau"] = problem.step_tau
        return Schedule(**(defaults | wanted))
    assert isinstance(problem, Problem), "a model alone knows no range of β"
    defaults = {"chains": 64, "sweeps": 2000, "levels": min(50, wanted.get("sweeps", 50))}
    defaults |= {"beta_start": span[0], "beta_stop": span[1]}
    hints = problem.annealing(embedded=isinstance(machine, Embedded))
    suited = Schedule.anneal(**(defaults | hints | wanted))
    if machine is None or suited.moves is None or "moves" in wanted:
        return suited
    reach = machine.capabilities.reach
    if reach is not None and (suited.moves.reach or math.inf) > reach:
        suited = replace(suited, moves=replace(suited.moves, reach=reach))
    # A machine that settles into permutations proposes no moves.
    plain = replace(suited, moves=None)
    model = problem.to_model()
    return plain if machine.limits(model, suited) and not machine.limits(model, plain) else suited


def _held(model: EnergyModel, prescribed: Clamp, wanted: Clamp, chains: int) -> dict[int, Any]:
    if not prescribed:
        return held_sites(model, wanted, chains)
    clamped_sites(model, wanted, chains)  # refuses what is no clamp
    for site in prescribed.keys() & wanted.keys():
        if not np.all(prescribed[site] == wanted[site]):
            raise ValueError(
                f"clamp sets site {site} to {wanted[site]}, and the problem itself holds it at {prescribed[site]:g}"
            )
    return held_sites(model, {**prescribed, **wanted}, chains)


def _start_states(model: EnergyModel, schedule: Schedule, initial: ArrayLike | None) -> NDArray | None:
    if initial is None:
        return None
    start = np.asarray(initial)
    if start.shape not in ((model.n,), (schedule.chains, model.n)):
        raise ValueError(f"initial has shape {start.shape}; expected ({model.n},) or ({schedule.chains}, {model.n})")
    if model.domain in ("real", "mixed") and not np.isfinite(start).all():
        raise ValueError("initial holds a number that is not finite")
    model.energy(start)  # refuses what a spin or a category cannot hold
    return start.astype(_DTYPES[model.domain])


TRACE_POINTS = 5000
LEAST_TRACE_POINTS = 50
# Of all chains together.
TRACE_NUMBERS = 20_000_000


def _check_memory(needed_bytes: int) -> None:
    """Refuse to keep more states than this computer's memory can hold, before hours of work."""
    if not hasattr(os, "sysconf"):
        return
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed_bytes > 0.8 * memory_bytes:
        raise ValueError(
            f"the run would keep {needed_bytes / 1e9:,.0f} GB of states and energies, and this computer has "
            f"{memory_bytes / 1e9:,.0f} GB of memory; take fewer samples or chains, or more steps_per_sample"
        )


class _Recorder(BulkObserver):
    """Computes energies of the posed model, keeps draws, the best state and the trace.

    An anneal is observed after every sweep, but of a long one only some thousand energies are kept.
    """

    def __init__(
        self,
        model: EnergyModel,
        schedule: Schedule,
        report: Callable[[int], None],
        keep: Keep,
        layout: str,
        threshold_bits: int | None,
    ):
        self.model = model
        self.layout = layout
        self.threshold_bits = threshold_bits
        self.layout_taken: dict[str, Any] | None = None
        self._schedule = schedule
        self._report = report
        self._keep = keep == "draws" and schedule.kind == "sample"
        self._running = keep == "last" and schedule.kind == "sample"
        observed = len(schedule.observed_steps())
        points = min(TRACE_POINTS, max(LEAST_TRACE_POINTS, TRACE_NUMBERS // schedule.chains))
        self._stride = 1 if self._keep else -(-observed // points)
        kept = -(-observed // self._stride)
        self._dtype = _DTYPES[model.domain]
        shape = (schedule.chains, kept if self._keep else 1, model.n)
        _check_memory(math.prod(shape) * np.dtype(self._dtype).itemsize + 8 * schedule.chains * kept)
        # Of an anneal only the last states are kept, and those are handed over.
        self._states = np.empty(shape, dtype=self._dtype) if self._keep else None
        self._energies = np.empty((schedule.chains, kept))
        self._steps = np.zeros(kept, dtype=np.int64)
        self._sums = self.sums()
        self._seen = 0
        self.best_energy = np.inf
        self.best_state = np.zeros(model.n, dtype=self._dtype)
        self.first_hit = np.full(schedule.chains, -1, dtype=np.int64)

    def __call__(self, step: int, states: NDArray) -> bool:
        energies = self.model.energy(states)
        if self._states is not None:
            self._states[:, self._seen] = states
        best = int(energies.argmin())
        if self._running:
            assert isinstance(self.model, IsingModel)
            add_sums(self.model, states, **self._sums)
        self._last = states
        return self.take(step, 1, energies[:, None], float(energies[best]), states[best])

    def laid_out(self, layout: dict[str, Any]) -> None:
        self.layout_taken = layout

    def draws(self, first: int, count: int) -> NDArray | None:
        return None if self._states is None else self._states[:, first : first + count]

    def sums(self) -> dict[str, NDArray[np.int64]]:
        if not self._running:
            return {}
        assert isinstance(self.model, IsingModel)
        return {
            "site_sums": np.zeros(self.model.n, dtype=np.int64),
            "edge_sums": np.zeros(self.model.n_couplings, dtype=np.int64),
        }

    def take(
        self, step: int, every: int, energies: NDArray[np.float64], best_energy: float, best_state: NDArray
    ) -> bool:
        count = energies.shape[1]
        places = (self._seen + np.arange(count)) // self._stride
        self._seen += count
        # The newest look of a stride replaces those before it, so the last observation is always kept.
        newest = np.append(places[1:] > places[:-1], True)
        self._energies[:, places[newest]] = energies[:, newest]
        self._steps[places[newest]] = step - every * np.arange(count - 1, -1, -1)[newest]
        if best_energy < self.best_energy:
            self.best_energy = float(best_energy)
            self.best_state = np.array(best_state, dtype=self._dtype)
        self._report(step)
        stop_at = self._schedule.stop_at
        if stop_at is None:
            return False
        self.first_hit[(self.first_hit < 0) & at_most(energies[:, -1], stop_at)] = step
        hit = self.first_hit >= 0
        return bool(hit.any() if self._schedule.stop == "any" else hit.all())

    def finish(self, states: NDArray, sums: list[dict[str, NDArray[np.int64]]]) -> None:
        self._last = states
        for part in sums:
            for name, total in part.items():
                self._sums[name] += total

    def _count(self) -> int:
        return -(-self._seen // self._stride)

    def result(self) -> tuple[NDArray, NDArray[np.float64]]:
        """States (chains, draws, n) and their energies."""
        if self._states is not None:
            return self._states[:, : self._count()], self._energies[:, : self._count()]
        states = np.asarray(self._last, dtype=self._dtype)[:, None, :]
        energies = self.model.energy(states)
        # Kernels add in another order; what is handed over is told alike.
        self._energies[:, self._count() - 1] = energies[:, 0]
        self.best_energy = float(self.model.energy(self.best_state))
        return states, energies

    def moments(self) -> Moments | None:
        if not self._running:
            return None
        draws = self._seen * self._schedule.chains
        return Moments(
            draws=draws,
            mean=read_only(self._sums["site_sums"] / draws),
            edge_correlations=read_only(self._sums["edge_sums"] / draws),
        )

    def trace(self) -> Trace:
        return Trace(
            steps=read_only(self._steps[: self._count()]),
            energies=read_only(self._energies[:, : self._count()]),
        )


class Reporter:
    """A progress bar, the caller's function, or nothing; reports at most some hundred times."""

    def __init__(self, progress: Progress, schedule: Schedule, name: str):
        self._total = schedule.total_steps
        self._every = max(1, self._total // 200)
        self._next = 0
        self._bar: Any = None
        self._call = progress if callable(progress) else None
        if progress is True:
            from rich.progress import Progress as Bar

            self._bar = Bar(transient=True)
            self._task = self._bar.add_task(name, total=self._total)

    def __enter__(self) -> Callable[[int], None]:
        if self._bar is not None:
            self._bar.start()
        return self._report

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _report(self, step: int) -> None:
        if step < self._next and step < self._total:
            return
        self._next = step + self._every
        if self._bar is not None:
            self._bar.update(self._task, completed=step)
        if self._call is not None:
            self._call(step, self._total)
