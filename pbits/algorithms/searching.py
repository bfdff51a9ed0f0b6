"""A search for low energies within a budget: anneals of many chains, whose best parts are put together."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.kernels.clusters import join_clusters
from pbits.kernels.jit import compiling
from pbits.ledger import price
from pbits.models import IsingModel
from pbits.models.base import read_only
from pbits.parameters import Figure
from pbits.problems.base import Problem, Solution
from pbits.result import Run
from pbits.runner import run
from pbits.schedule import Rule, Schedule
from pbits.streams import Stream, Streams, fresh_seed
from pbits.substrate import Substrate, load
from pbits.sweeps.engine import Options
from pbits.sweeps.layouts import Work, engine_of
from pbits.sweeps.plan import LANES, NOMINAL_RATE, anneal_range
from pbits.sweeps.scan import Scan

BUDGET_S = 10.0
"""Seconds when neither these nor sweeps are given."""

FIRST_SWEEPS = 200
# Each climb has rounds this much longer than the one before, and ends after so many rounds that found nothing better.
GROWTH = 1.5
PATIENCE = 2
# Reheating goes back to a β within this share of the anneal's range.
HOTTEST_HALF = 0.5
THRESHOLD_BITS = 16
# Layouts that sweep chains side by side: chains a thread, and roughly how many updates a nanosecond.
SIDE_BY_SIDE = ("bits", LANES, NOMINAL_RATE["bits"]), ("lanes", 64, 1.0)
# Chains at a time of a machine that is slow to emulate, and a thread of the layouts that sweep one after another.
FEW, FEW_A_THREAD = 64, 4
_PILOT_SWEEPS = 8
# What is left of a budget is not worth a round of less than this share of its length; and of what is left this share is
# planned with, since rounds do not take equally long.
_WORTH, _PLANNED = 0.1, 0.95

Progress = Callable[[float, float, float], None]


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """How a search spends its budget.

    Attributes
    ----------
    chains : int
        Annealed together in each round.
    layout : str
    rule : {"metropolis", "heat-bath"}
    beta_start, beta_stop : float
    reason : str
    """

    chains: int
    layout: str
    rule: Rule
    beta_start: float
    beta_stop: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class SearchRound:
    """One run of all chains, and what became of its states.

    Attributes
    ----------
    fresh : bool
        From random states, which begins a climb, or else from the state that the climb has reached.
    sweeps : int
    beta_start : float
    seed : int
        Of the run.
    lowest : float
        The lowest energy that its chains passed through.
    joined : float
        That of the climb's state after it.
    best : float
        The lowest of the search so far.
    ended_s : float
        Seconds since the search began.
    """

    fresh: bool
    sweeps: int
    beta_start: float
    seed: int
    lowest: float
    joined: float
    best: float
    ended_s: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Search:
    """What a search found, and what that took.

    Attributes
    ----------
    best_energy : float
    best_state : (n,) int8
    solution : Solution or None
        The best state decoded, where the search was for a Problem.
    strategy : Strategy
    rounds : tuple of SearchRound
    run : Run
        Of the last round; those before are not kept, for their states would fill the memory.
    counts : dict
        Counted operations of the machine, of all rounds. Joining clusters is work of the host, and is not among them.
    device_time : Figure
        Of all rounds.
    joules : float or None
        Of all rounds, at the boundary at which the machine's prices are stated; None where those of any are not known.
    joining_s : float
        Seconds of this computer that joining took, of the `wall_time_s`.
    wall_time_s : float
        Seconds of the search, after what compiles.
    reached : bool
        Whether the target was reached, which ends a search.
    interrupted : bool
        Whether the keyboard ended it.
    seed : int
    """

    best_energy: float
    best_state: NDArray[np.int8]
    solution: Solution | None
    strategy: Strategy
    rounds: tuple[SearchRound, ...]
    run: Run
    counts: dict[str, float]
    device_time: Figure
    joules: float | None
    joining_s: float
    wall_time_s: float
    reached: bool
    interrupted: bool
    seed: int

    def __repr__(self) -> str:
        return f"Search(best_energy={self.best_energy:g}, rounds={len(self.rounds)}, layout={self.strategy.layout!r})"

    @property
    def device_time_s(self) -> float | None:
        """None where the machine has no clock."""
        return self.device_time.value

    @property
    def history(self) -> NDArray[np.float64]:
        """After each round the seconds and the lowest energy so far, (rounds, 2)."""
        return np.array([(one.ended_s, one.best) for one in self.rounds])


def search(
    model: IsingModel | Problem,
    machine: str | Path | Substrate = "ideal",
    *,
    budget_s: float | None = None,
    sweeps: int | None = None,
    target: float | None = None,
    chains: int | None = None,
    seed: int | None = None,
    chip_seed: int = 0,
    progress: Progress | None = None,
) -> Search:
    """Search for a state of low energy.

    A *climb* anneals many chains from random states and joins their last states to one: where two states differ, the
    sites fall into clusters that do not touch, and of each cluster the better half is kept. From that state all chains
    go on at a β in the hotter half of the range, anneal and are joined again, until two rounds in a row gain nothing.
    The next climb begins anew with rounds 1.5 times as long, and joins what it reaches to the best of those before.

    Parameters
    ----------
    model : IsingModel or Problem
    machine : str, path or Substrate
    budget_s : float, optional
        Seconds of this computer, in which it emulates the machine and joins; what compiles comes before. 10 where
        neither these nor sweeps are given.
    sweeps : int, optional
        Most sweeps of each chain, all rounds together. With it alone a search does the same each time, on any host,
        if `chains` is given too.
    target : float, optional
        The search ends at this energy. By default at the best score known of a problem, whose energies are its score
        or minus that.
    chains : int, optional
        On the ideal machine for each thread 512 where the layout "bits" can sweep the model, else 64 where "lanes" can,
        if 200 sweeps take less than half of the budget by nominal rates; else 4. On other machines 64.
    seed, chip_seed
        As `pbits.run` takes them.
    progress : callable, optional
        Called after each round with the seconds spent, the budget, and the lowest energy.

    Returns
    -------
    Search

    Raises
    ------
    TypeError
        For a model that is no IsingModel.
    ValueError
        For a budget, sweeps or chains that are not positive.
    NotMappable
        When the machine cannot hold the model.

    Notes
    -----
    Joining pays on sparse graphs, where states far apart differ in many small clusters: each is chosen for itself, so
    that one state gathers what a thousand chains have found in different places. Where a graph is dense a difference is
    one cluster, and joining takes the better of two states; it then costs next to nothing.

    A search samples no law.

    Examples
    --------
    >>> import pbits
    >>> from pbits.algorithms import search
    >>> ring = pbits.problems.MaxCut(5, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)], optimum=4)
    >>> found = search(ring, budget_s=1.0, seed=1)
    >>> found.best_energy, found.solution.objective, found.reached
    (-4.0, 4.0, True)
    """
    posed = model.to_model() if isinstance(model, Problem) else model
    if not isinstance(posed, IsingModel):
        raise TypeError(
            f"clusters are joined of an IsingModel; this is a {type(posed).__name__}: use pbits.solve or run"
        )
    if budget_s is None and sweeps is None:
        budget_s = BUDGET_S
    for name, value in (("budget_s", budget_s), ("sweeps", sweeps), ("chains", chains)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}; it must be positive and finite")
    held = model.clamp() if isinstance(model, Problem) else {}
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    budget, wanted = _or(budget_s, math.inf), _or(target, _energy_wanted(model))
    searching = _Searching(
        model=posed,
        clamp=held,
        machine=substrate,
        strategy=_strategy(posed, substrate, budget, chains),
        budget_s=budget,
        sweeps=_or(sweeps, math.inf),
        target=wanted,
        chip_seed=chip_seed,
        seed=fresh_seed() if seed is None else seed,
    )
    interrupted = False
    try:
        searching.go(progress)
    except KeyboardInterrupt:
        if not searching.rounds:
            raise
        interrupted = True
    return searching.found(model if isinstance(model, Problem) else None, interrupted)


def _or(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given


def _energy_wanted(model: IsingModel | Problem) -> float:
    """The energy of the best answer known; −inf where none is."""
    if not isinstance(model, Problem) or model.optimum is None:
        return -math.inf
    return -model.optimum if model.sense == "max" else model.optimum


def _strategy(model: IsingModel, machine: Substrate, budget_s: float, chains: int | None) -> Strategy:
    """By size, couplings, machine and budget alone."""
    hot, cold = anneal_range(model)
    metropolis = "metropolis" in machine.capabilities.rules and compiling()
    rule: Rule = "metropolis" if metropolis else "heat-bath"
    if not metropolis:
        layout, usual, reason = "auto", FEW, "the Metropolis rule is for the ideal machine, compiled"
    elif model.csr.nnz > 0.3 * model.n**2 and not _refusals(model, "dense", rule, cold):
        layout, usual, reason = "dense", FEW_A_THREAD * threads(), "most sites are coupled"
    else:
        layout, usual, reason = _for_sparse(model, rule, cold, budget_s)
    return Strategy(
        chains=usual if chains is None else chains,
        layout=layout,
        rule=rule,
        beta_start=hot,
        beta_stop=cold,
        reason=reason,
    )


def _for_sparse(model: IsingModel, rule: Rule, cold: float, budget_s: float) -> tuple[str, int, str]:
    """The layout of the most chains that can sweep the model and has time to, the chains, and why."""
    against = []
    for layout, chains, per_ns in SIDE_BY_SIDE:
        seconds = FIRST_SWEEPS * chains * model.n / per_ns / 1e9
        if refusals := _refusals(model, layout, rule, cold):
            against += [f"not {layout}: {reason}" for reason in refusals]
        elif seconds > budget_s / 2:
            against.append(f"not {layout}: its first round would take some {seconds:.2g} s")
        else:
            return layout, chains * threads(), "; ".join([*against, f"{chains} chains a thread side by side"])
    return "fields", FEW_A_THREAD * threads(), "; ".join(against)


def _refusals(model: IsingModel, layout: str, rule: Rule, beta: float) -> list[str]:
    options = Options(threshold_bits=THRESHOLD_BITS, rule=rule)
    work = Work(model=model, scan=Scan.sequential(model.n), options=options, chains=1, beta=beta)
    return engine_of(layout).refusals(work.model, work.scan, work.options, work.beta)


class _Searching:
    """Climb after climb, until the budget is spent or the target reached."""

    def __init__(
        self,
        *,
        model: IsingModel,
        clamp: dict[int, float],
        machine: Substrate,
        strategy: Strategy,
        budget_s: float,
        sweeps: float,
        target: float,
        chip_seed: int,
        seed: int,
    ):
        self.rounds: list[SearchRound] = []
        self._model = model
        self._clamp = clamp
        self._machine = machine
        self._strategy = strategy
        self._budget_s = budget_s
        self._sweeps_left = sweeps
        self._target = target
        self._chip_seed = chip_seed
        self._seed = seed
        self._rng = Streams(seed=seed).generator(Stream.THERMAL, "search")
        self._best = np.ones(model.n, dtype=np.int8)
        self._best_energy = math.inf
        self._counts: Counter[str] = Counter()
        self._device_time = Figure.of(0.0)
        self._joules: float | None = 0.0
        self._joining_s = 0.0
        # Seconds of a sweep of all chains, and of joining them.
        self._sweep_s, self._join_s = 0.0, 0.0
        self._start = time.perf_counter()

    def go(self, progress: Progress | None) -> None:
        self._pilot()
        hot, cold = self._strategy.beta_start, self._strategy.beta_stop
        length = FIRST_SWEEPS
        self._start = time.perf_counter()
        while self._goes_on(length):
            state, energy = self._round(length, hot, None, progress)
            quiet = 0
            while quiet < PATIENCE and self._goes_on(length):
                beta = hot + (cold - hot) * self._rng.uniform(0, HOTTEST_HALF)
                before = energy
                state, energy = self._round(length, beta, state, progress)
                quiet = 0 if energy < before else quiet + 1
            length = math.ceil(GROWTH * length)

    def found(self, problem: Problem | None, interrupted: bool) -> Search:
        best = read_only(self._best)
        return Search(
            best_energy=self._best_energy,
            best_state=best,
            solution=None if problem is None else problem.solution(best[None], [self._best_energy]),
            strategy=self._strategy,
            rounds=tuple(self.rounds),
            run=self._last,
            counts=dict(self._counts),
            device_time=self._device_time,
            joules=self._joules,
            joining_s=self._joining_s,
            wall_time_s=self.rounds[-1].ended_s,
            reached=self._reached(),
            interrupted=interrupted,
            seed=self._seed,
        )

    def _pilot(self) -> None:
        """Compile, and learn how long a sweep and a joining take."""
        hot = self._strategy.beta_start
        for _ in range(2):
            done = self._run(_PILOT_SWEEPS, hot, None, self._seed)
            self._sweep_s = done.wall_time_s / _PILOT_SWEEPS
            start = time.perf_counter()
            self._joined(done, None)
            self._join_s = time.perf_counter() - start

    def _spent_s(self) -> float:
        return time.perf_counter() - self._start

    def _reached(self) -> bool:
        return self._best_energy <= self._target + 1e-9 * max(1.0, abs(self._target))

    def _goes_on(self, length: int) -> bool:
        return not self.rounds or (not self._reached() and self._sweeps(length) >= max(1.0, _WORTH * length))

    def _sweeps(self, length: int) -> float:
        """How many of these sweeps there is room for."""
        seconds = _PLANNED * (self._budget_s - self._spent_s()) - self._join_s
        return min(length, self._sweeps_left, seconds / self._sweep_s)

    def _round(
        self, length: int, beta: float, state: NDArray[np.int8] | None, progress: Progress | None
    ) -> tuple[NDArray[np.int8], float]:
        """Anneal from a state, or from random ones; the state that is joined of what comes out, and its energy."""
        sweeps = max(1, int(self._sweeps(length)))
        seed = int(self._rng.integers(2**62))
        done = self._run(sweeps, beta, state, seed)
        start = time.perf_counter()
        joined = self._joined(done, state)
        energy = float(self._model.energy(joined))
        if self.rounds:
            self._join(self._best, joined[None])
            self._best_energy = float(self._model.energy(self._best))
        else:
            self._best, self._best_energy = joined.copy(), energy
        self._join_s = time.perf_counter() - start
        self._joining_s += self._join_s
        self._sweep_s = done.wall_time_s / sweeps
        self._sweeps_left -= sweeps
        self._last = done
        self._note(done)
        self.rounds.append(
            SearchRound(
                fresh=state is None,
                sweeps=sweeps,
                beta_start=beta,
                seed=seed,
                lowest=done.best_energy,
                joined=energy,
                best=self._best_energy,
                ended_s=self._spent_s(),
            )
        )
        if progress is not None:
            progress(self.rounds[-1].ended_s, self._budget_s, self._best_energy)
        return joined, energy

    def _run(self, sweeps: int, beta: float, state: NDArray[np.int8] | None, seed: int) -> Run:
        schedule = Schedule.anneal(
            sweeps=sweeps,
            beta_start=beta,
            beta_stop=self._strategy.beta_stop,
            shape="linear",
            chains=self._strategy.chains,
            stop_at=self._target if math.isfinite(self._target) else None,
            stop="any",
            rule=self._strategy.rule,
        )
        return run(
            self._model,
            self._machine,
            schedule,
            seed=seed,
            chip_seed=self._chip_seed,
            clamp=self._clamp,
            initial=state,
            layout=self._strategy.layout,
            threshold_bits=THRESHOLD_BITS if self._strategy.layout == "bits" else None,
            judge=False,
        )

    def _joined(self, done: Run, state: NDArray[np.int8] | None) -> NDArray[np.int8]:
        """One state of the last ones of all chains and of the one they began from, by blocks of chains."""
        last, energies = np.ascontiguousarray(done.states[:, -1]), done.energies[:, -1]
        blocks = chain_blocks(len(last), LANES)
        lowest = done.best_state.copy()

        def join(number: int) -> NDArray[np.int8]:
            begun = (lowest if state is None else state).copy()
            self._join(begun, last[blocks[number]], np.argsort(energies[blocks[number]], kind="stable"))
            return begun

        with Pool(min(len(blocks), threads())) as pool:
            first, *others = pool.map(join, len(blocks))
        self._join(first, np.array([*others, lowest]))
        return first

    def _join(self, state: NDArray[np.int8], others: NDArray[np.int8], order: NDArray[np.int64] | None = None) -> None:
        model = self._model
        order = np.arange(len(others)) if order is None else order
        mirror = not self._clamp and not model.h.any()
        csr = model.csr
        join_clusters(state, others, order, csr.indptr, csr.indices, csr.data, model.h, mirror)

    def _note(self, done: Run) -> None:
        self._counts.update(done.counts)
        self._device_time = self._device_time + done.device_time
        joules = price(done).joules
        self._joules = None if joules is None or self._joules is None else self._joules + joules
