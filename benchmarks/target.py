"""The best cut in equal time, and the time to the best known one: ``python -m benchmarks.target``.

Every tool gets one thread and the same seconds of wall clock, with conversion and compilation before they start.
Peers try short, middling and long anneals and one that fills the budget, and the best of these counts; the project
runs what `pbits.sweeps.plan` says. An answer counts when the call that holds it has returned in time.

For the time to the best known cut every tool then tries the same lengths, each for as many seconds, and the length
that is surest counts: one lucky hit is no time to solution.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.stats import binomtest

from benchmarks import peers, records
from benchmarks.instances import Absent, Instance, build, expand
from benchmarks.timing import enter, race
from benchmarks.tools import Outcome, Pbits, Tool, Work
from benchmarks.updates import numbers
from pbits.sweeps.plan import LANES, NOMINAL_RATE, anneal_plan, anneal_range

INSTANCES = "G1,G43,G22,G14,G55,G70,G81"
PEERS = "dwave-metropolis,openjij,pysa-tempering,sb-ballistic,sb-discrete"
SETTINGS = (100, 1000, 10_000)
TRIALS = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
# A call of the settings takes about this share of the budget, so that little of it is lost at the end.
CALLS = 10
# The accuracy that plans are made for.
PLAN_BITS = 16
CONFIDENCE = 0.99
COVERAGE = 0.95
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(kw_only=True)
class Attempt:
    """One tool with one number of sweeps, called until the budget was spent.

    Attributes
    ----------
    work : Work
    budget_s : float
    counts : bool
        Whether it competes for the best cut; the trials for the time to solution do not.
    together : bool
        Whether the chains of a call cannot be had apart, so that a call is what can be repeated: so for the project.
    wall_s : list of float
        When each call returned, from the start.
    best_of_call : list of float
        The best cut each call handed over.
    histogram : Counter
        Chains by the cut they ended at.
    """

    work: Work
    budget_s: float
    counts: bool = True
    together: bool = False
    wall_s: list[float] = field(default_factory=list)
    best_of_call: list[float] = field(default_factory=list)
    histogram: Counter[float] = field(default_factory=Counter)

    def note(self, end_s: float, outcome: Outcome) -> None:
        self.wall_s.append(end_s)
        self.best_of_call.append(round(-outcome.lowest, 6))
        self.histogram.update(np.round(-outcome.energies, 6).tolist())

    @property
    def best(self) -> float | None:
        """The best cut that was there in time."""
        return max((cut for end, cut in zip(self.wall_s, self.best_of_call) if end <= self.budget_s), default=None)

    def hits(self, target: float) -> tuple[int, int]:
        """How many trials reached the target, and of how many: calls where chains belong together, else chains."""
        if self.together:
            return sum(cut >= target for cut in self.best_of_call), len(self.best_of_call)
        return sum(k for cut, k in self.histogram.items() if cut >= target), self.histogram.total()

    def first_hit_s(self, target: float) -> float | None:
        """When the target had first been reached."""
        return next((end for end, cut in zip(self.wall_s, self.best_of_call) if cut >= target), None)

    def to_dict(self) -> dict[str, Any]:
        return {
            **{name: getattr(self.work, name) for name in ("sweeps", "chains", "layout", "rule")},
            **{
                name: getattr(self, name)
                for name in ("budget_s", "counts", "together", "wall_s", "best", "best_of_call")
            },
            "histogram": {f"{cut:g}": chains for cut, chains in self.histogram.items()},
        }


class Solution(NamedTuple):
    """A time to solution in seconds, with the 95 % interval (Clopper and Pearson's) of the share of hits.

    Infinite where no trial hit; `low_s` then is what can be ruled out.
    """

    sweeps: int
    layout: str
    hits: int
    trials: int
    tts99_s: float
    low_s: float
    high_s: float


def time_to_solution(attempts: Sequence[Attempt], target: float) -> Solution:
    """Seconds after which the target is reached with 99 %, t ln(1 − 0.99)/ln(1 − p), at least one trial's t.

    p is the share of trials that reached it, t the seconds a trial took. All attempts are of one length.
    """
    hits, trials = (sum(counts) for counts in zip(*(attempt.hits(target) for attempt in attempts)))
    trial_s = sum(attempt.wall_s[-1] for attempt in attempts) / trials

    def after(p: float) -> float:
        if p <= 0:
            return math.inf
        return trial_s * (1.0 if p >= CONFIDENCE else math.log(1 - CONFIDENCE) / math.log1p(-p))

    share = binomtest(hits, trials).proportion_ci(COVERAGE, "exact")
    work = attempts[0].work
    return Solution(work.sweeps, work.layout, hits, trials, after(hits / trials), after(share.high), after(share.low))


def surest(attempts: Sequence[Attempt], target: float) -> Solution:
    """The time to solution at the length whose interval ends lowest."""
    kinds = {(one.work.layout, one.work.sweeps, one.together): None for one in attempts}
    same = [[one for one in attempts if (one.work.layout, one.work.sweeps, one.together) == kind] for kind in kinds]
    return min((time_to_solution(some, target) for some in same), key=lambda found: (found.high_s, found.low_s))


def spend(
    tool: Tool,
    work: Work,
    budget_s: float,
    call_s: float,
    seed: int,
    clock: str = "wall",
    counts: bool = True,
    together: bool = False,
) -> Attempt:
    """Call again and again while another call, as long as the longest one so far, would return in time."""
    now = CLOCKS[clock]
    attempt = Attempt(work=work, budget_s=budget_s, counts=counts, together=together)
    start, end, longest = now(), 0.0, call_s
    while not attempt.wall_s or end + longest <= budget_s:
        outcome = tool.run(work, seed + len(attempt.wall_s))
        before, end = end, now() - start
        longest = max(longest, end - before)
        attempt.note(end, outcome)
    return attempt


def cost(tool: Tool, work: Work, seconds: float, clock: str) -> tuple[float, float]:
    """Seconds of set-up of a call, and of one sweep of one chain, after compiling."""
    entrant = enter(tool, work, seconds)
    entrant.clock = clock
    race([entrant], 3)
    short_s, long_s = np.median(entrant.seconds, axis=0)
    sweep_s = max(long_s - short_s, 1e-9) / (entrant.long.sweeps - entrant.short.sweeps)
    return max(0.0, short_s - sweep_s * entrant.short.sweeps), sweep_s / work.chains


def settings(
    tool: Tool, setup_s: float, sweep_s: float, budget_s: float, lengths: Sequence[int] = SETTINGS
) -> list[Work]:
    """Each number of sweeps worth a try, with as many chains a call as keep calls short."""
    filling = max(1, int(0.9 * (budget_s - setup_s) / (sweep_s * tool.chains)))
    found = []
    for sweeps in dict.fromkeys([*(k for k in lengths if k < filling), filling]):
        chains = max(tool.chains, int((budget_s / CALLS - setup_s) / (sweeps * sweep_s)))
        found.append(Work(sweeps=sweeps, chains=chains, rule=tool.rule))
    return found


class Policy:
    """What the project itself would do with a budget, once its rates on this machine are known."""

    def __init__(self, tool: Pbits, seconds: float, clock: str):
        self.instance = tool.instance
        self.chains = {"dense" if self.instance.kind == "dense" else "fields": 1, "bits": LANES}
        self.costs: dict[str, tuple[float, float]] = {}
        for layout, chains in list(self.chains.items()):
            work = Work(sweeps=1, chains=chains, layout=layout, rule="metropolis", threshold_bits=PLAN_BITS)
            try:
                self.costs[layout] = cost(tool, work, seconds, clock)
            except ValueError:
                # Couplings that this layout cannot hold; no plan is made with it either.
                del self.chains[layout]

    def work(self, budget_s: float) -> Work:
        """The anneal that `pbits.sweeps.plan` chooses."""
        posed = self.instance
        assert posed.ising is not None
        rates = {layout: posed.model.n / sweep_s / 1e9 for layout, (_, sweep_s) in self.costs.items()}
        setup_s = max(setup_s for setup_s, _ in self.costs.values())
        plan = anneal_plan(
            posed.ising,
            0.75 * max(budget_s - setup_s, budget_s / 10),
            rates=dict(NOMINAL_RATE) | rates,
        )
        return Work(
            sweeps=plan.schedule.total_steps,
            chains=plan.schedule.chains,
            layout=plan.layout,
            rule=plan.schedule.rule,
            threshold_bits=PLAN_BITS,
        )

    def call_s(self, work: Work) -> float:
        setup_s, sweep_s = self.costs[work.layout]
        return setup_s + work.sweeps * work.chains * sweep_s


def ours(instance: Instance, budgets: Sequence[float], tts_s: float, seed: int, clock: str = "wall") -> list[Attempt]:
    """The project's attempts: what it plans for each budget, and within `tts_s` each of the lengths tried."""
    assert instance.ising is not None
    beta_start, beta_stop = anneal_range(instance.ising)
    tool = Pbits(replace(instance, beta_start=beta_start, beta_stop=beta_stop))
    policy = Policy(tool, min(0.2, min(budgets) / 5), clock)

    def attempt(work: Work, budget_s: float, counts: bool) -> Attempt:
        return spend(tool, work, budget_s, policy.call_s(work), seed, clock, counts, together=True)

    trials = [
        Work(sweeps=sweeps, chains=chains, layout=layout, rule="metropolis", threshold_bits=PLAN_BITS)
        for layout, chains in policy.chains.items()
        for sweeps in TRIALS
    ]
    return [
        *(attempt(policy.work(budget_s), budget_s, True) for budget_s in budgets),
        *(attempt(work, tts_s, False) for work in trials if policy.call_s(work) <= tts_s),
    ]


def theirs(
    instance: Instance, kind: type[Tool], budgets: Sequence[float], tts_s: float, seed: int, clock: str = "wall"
) -> list[Attempt]:
    """A peer's attempts: each number of sweeps within each budget, and within `tts_s` each of the lengths tried.

    It anneals to the instance's β, colder than the project does: it hands over the last state, not the best visited.
    """
    tool = kind(instance)
    one = Work(sweeps=1, chains=kind.chains, rule=kind.rule)
    setup_s, sweep_s = cost(tool, one, min(0.2, min(budgets) / 5), clock)

    def attempt(work: Work, budget_s: float, counts: bool) -> Attempt:
        return spend(tool, work, budget_s, setup_s + work.sweeps * work.chains * sweep_s, seed, clock, counts)

    trials = settings(tool, setup_s, sweep_s, tts_s, TRIALS)
    return [
        *(attempt(work, budget_s, True) for budget_s in budgets for work in settings(tool, setup_s, sweep_s, budget_s)),
        *(attempt(work, tts_s, False) for work in trials),
    ]


def summary(
    instance: Instance, kind: type[Tool], budgets: Sequence[float], attempts: Sequence[Attempt]
) -> dict[str, Any]:
    """A row: the best cut within each budget, and the time to solution at the surest length of the anneal."""
    best = {
        str(budget_s): max(
            (one.best for one in attempts if one.counts and one.budget_s == budget_s and one.best is not None),
            default=None,
        )
        for budget_s in budgets
    }
    row = {"instance": instance.name, "n": instance.model.n, "tool": kind.name, "best_known": instance.best_cut}
    return row | {"best": best, "attempts": [one.to_dict() for one in attempts]} | _times(attempts, instance.best_cut)


def _times(attempts: Sequence[Attempt], target: float | None) -> dict[str, Any]:
    if target is None:
        return {"solution": None, "first_hit_s": None}
    hits = [one.first_hit_s(target) for one in attempts]
    found = {key: None if value == math.inf else value for key, value in surest(attempts, target)._asdict().items()}
    return {"solution": found, "first_hit_s": min((t for t in hits if t is not None), default=None)}


def ratio(slower: dict[str, Any], faster: dict[str, Any]) -> tuple[float | None, float, float | None]:
    """How many times as long one takes to the target as another, with an interval from the ends of theirs.

    Both ends at once are at most as likely as one, so it covers 90 % at least. None is without bound.
    """

    def over(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a / b

    low = over(slower["low_s"], faster["high_s"])
    return over(slower["tts99_s"], faster["tts99_s"]), low or 0.0, over(slower["high_s"], faster["low_s"])


def _figures(value: float | None, low: float, high: float | None) -> str:
    if value is None:
        return f"> {low:.3g}" if low else "–"
    return f"{value:.3g} ({low:.3g} … {'∞' if high is None else f'{high:.3g}'})"


def table(rows: Sequence[dict[str, Any]], budgets: Iterable[int]) -> Table:
    instance = rows[0]
    known = "" if instance["best_known"] is None else f", best known cut {instance['best_known']:g}"
    shown = Table(title=f"{instance['instance']}: {instance['n']} vertices{known}", title_justify="left")
    shown.add_column("tool")
    for heading in (*(f"{budget} s" for budget in budgets), "hits", "sweeps", "TTS99 s", "ratio", "first hit s"):
        shown.add_column(heading, justify="right")
    project = next((row["solution"] for row in rows if row["tool"] == Pbits.name), None)
    for row in rows:
        cuts = ["–" if row["best"][str(budget)] is None else f"{row['best'][str(budget)]:g}" for budget in budgets]
        found = row["solution"]
        times = ["–"] * 4
        if found is not None:
            times = [
                f"{found['hits']}/{found['trials']}",
                f"{found['sweeps']}",
                _figures(found["tts99_s"], found["low_s"], found["high_s"]),
                "1" if project is found or project is None else _figures(*ratio(found, project)),
            ]
        hit = "–" if row["first_hit_s"] is None else f"{row['first_hit_s']:.3g}"
        shown.add_row(row["tool"], *cuts, *times, hit, style="bold" if row["tool"] == Pbits.name else None)
    return shown


def main(
    instances: Annotated[str, typer.Option(help="Names of Max-Cut instances, with commas.")] = INSTANCES,
    with_peers: Annotated[str, typer.Option("--peers", help="all, none, or beginnings of names.")] = PEERS,
    quick: Annotated[bool, typer.Option(help="One second alone.")] = False,
    budgets: Annotated[str, typer.Option(help="Seconds of wall clock.")] = "1,10,30",
    tts_seconds: Annotated[float, typer.Option(help="Seconds of each trial for the time to solution.")] = 5.0,
    clock: Annotated[str, typer.Option(help="wall, or cpu where others use the machine.")] = "wall",
    seed: Annotated[int, typer.Option(help="First seed.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Where to write the record: a file, or a folder.")] = None,
) -> None:
    """Best cut at equal wall time, one thread each, and the time to the best known cut."""
    console = Console(width=None if Console().is_terminal else 130)
    seconds, trial_s = numbers("1" if quick else budgets), 1.0 if quick else tts_seconds
    record = records.circumstances()
    others, hints = peers.installed(with_peers)
    for hint in hints:
        console.print(f"skipped {hint}")
    rows: list[dict[str, Any]] = []
    for name in expand(instances):
        try:
            instance = build(name)
        except Absent as absent:
            console.print(f"skipped {absent}")
            continue
        timed = []
        with Progress(console=Console(stderr=True), transient=True) as bar:
            for kind in (Pbits, *(other for other in others if "anneal" in other.schedules)):
                if reason := kind.refusal(instance):
                    console.print(f"{name}: no {kind.name}: {reason}")
                    continue
                task = bar.add_task(f"{name}: {kind.name}", total=None)
                if kind is Pbits:
                    attempts = ours(instance, seconds, trial_s, seed, clock)
                else:
                    attempts = theirs(instance, kind, seconds, trial_s, seed, clock)
                row = summary(instance, kind, seconds, attempts)
                timed.append(row)
                bar.remove_task(task)
        console.print(table(timed, seconds))
        rows += timed
    record |= {
        "options": {"budgets": seconds, "peers": with_peers, "tts_seconds": trial_s, "seed": seed, "clock": clock},
        "rows": rows,
    }
    if json is not None:
        console.print(f"record: {records.write(record, json, 'target')}")


if __name__ == "__main__":
    typer.run(main)
