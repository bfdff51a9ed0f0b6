"""The best cut of G-set graphs in equal time on all processors: ``python -m benchmarks.maxcut``.

The project runs `pbits.algorithms.search` with threads. A peer runs as many processes as there are threads, each for
the whole budget and with seeds of its own, and the best of them counts. Peers that anneal try several lengths and one
that fills the budget, each for the whole budget, and the best of these counts, too: a peer has had several times the
project's seconds. Conversion and compilation come before any clock starts, and a cut counts when the call, or round,
that holds it has ended in time. Repeats take turns, so that what else the machine does falls on all.

The graphs are read from the folder ``gset`` of the one named by PBITS_DATA.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import peers, records
from benchmarks.instances import Absent, Instance, build
from benchmarks.target import cost, settings, spend
from benchmarks.tools import Pbits, Work
from benchmarks.updates import numbers
from pbits.algorithms import search
from pbits.kernels.blocks import threads

INSTANCES = "G1,G11,G14,G22,G32,G43,G70,G81"
PEERS = "dwave-metropolis,openjij,sb-discrete,sb-ballistic"
LENGTHS = "1000,10000"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What one tool found in one budget.

    Attributes
    ----------
    instance, tool : str
    budget_s : float
    repeat : int
    best : float or None
        The best cut there was in time.
    reached_s : float or None
        When the best known cut was there.
    how : str
        The sweeps of an anneal, or the layout and chains of the project.
    """

    instance: str
    tool: str
    budget_s: float
    repeat: int
    best: float | None
    reached_s: float | None
    how: str


def ours(name: str, budget_s: float, repeat: int) -> Cut:
    """A search, up to the best cut known."""
    instance = build(name)
    target = None if instance.best_cut is None else -instance.best_cut
    found = search(_model(instance), budget_s=budget_s, target=target, seed=repeat)
    in_time = [one for one in found.rounds if one.ended_s <= budget_s]
    return Cut(
        instance=name,
        tool=Pbits.name,
        budget_s=budget_s,
        repeat=repeat,
        best=-in_time[-1].best if in_time else None,
        reached_s=found.wall_time_s if found.reached and found.wall_time_s <= budget_s else None,
        how=f"{found.strategy.layout}, {found.strategy.chains} chains, {len(found.rounds)} rounds",
    )


def theirs(name: str, tool: str, budget_s: float, repeat: int, lengths: Sequence[int], processes: int) -> Cut:
    """The best of a peer's processes and lengths."""
    search_of = _tabu if tool == Tabu.name else _annealed
    # A forked process could inherit the locks of a library's threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        seeds = [1 + 1000 * (repeat * processes + k) for k in range(processes)]
        tries = [pool.submit(search_of, name, tool, budget_s, seed, tuple(lengths)) for seed in seeds]
        found = [cut for one in tries for cut in one.result()]
    best = max(found, key=lambda cut: (-np.inf if cut[0] is None else cut[0], -np.inf if cut[1] is None else -cut[1]))
    return Cut(instance=name, tool=tool, budget_s=budget_s, repeat=repeat, best=best[0], reached_s=best[1], how=best[2])


Tried = tuple[float | None, float | None, str]
"""The best cut in time, when the best known one was there, and how it was found."""


def _annealed(name: str, tool: str, budget_s: float, seed: int, lengths: Sequence[int]) -> list[Tried]:
    """In a process of its own: each length, for the whole budget."""
    instance = build(name)
    (kind,) = peers.chosen(tool)
    annealer = kind(instance)
    one = Work(sweeps=1, chains=kind.chains, rule=kind.rule)
    setup_s, sweep_s = cost(annealer, one, min(0.2, budget_s / 5), "wall")
    found: list[Tried] = []
    for work in settings(annealer, setup_s, sweep_s, budget_s, lengths):
        attempt = spend(annealer, work, budget_s, setup_s + work.sweeps * work.chains * sweep_s, seed)
        hit_s = None if instance.best_cut is None else attempt.first_hit_s(instance.best_cut)
        in_time = hit_s if hit_s is not None and hit_s <= budget_s else None
        found.append((attempt.best, in_time, f"{work.sweeps} sweeps"))
    return found


def _tabu(name: str, tool: str, budget_s: float, seed: int, lengths: Sequence[int]) -> list[Tried]:
    """Tabu search, which has no lengths."""
    instance = build(name)
    searcher = Tabu(instance)
    start = time.perf_counter()
    best = searcher.find(budget_s, seed)
    wall_s = time.perf_counter() - start
    reached = instance.best_cut is not None and best >= instance.best_cut
    return [(best, wall_s if reached else None, "")]


class Tabu(peers.DWave):
    """dwave-samplers' tabu search, which is told the seconds and the energy to stop at. It holds an (n, n) matrix."""

    name = "dwave-tabu"
    largest_n = 10_000

    def find(self, budget_s: float, seed: int) -> float:
        """The best cut."""
        from dwave.samplers import TabuSampler

        known = self.instance.best_cut
        found = TabuSampler().sample(
            self._bqm,
            timeout=int(1000 * budget_s),
            energy_threshold=None if known is None else -known,
            seed=seed,
        )
        return round(-float(found.first.energy), 6)


def _model(instance: Instance) -> Any:
    assert instance.ising is not None, "a cut is an Ising model"
    return instance.ising


def table(cuts: Sequence[Cut], budgets: Sequence[float]) -> Table:
    """Of one instance: by tool and budget the median cut, the lowest and highest, and who reached the best known."""
    instance = build(cuts[0].instance)
    known = "" if instance.best_cut is None else f", best known cut {instance.best_cut:g}"
    shown = Table(title=f"{instance.name}: {instance.model.n} vertices{known}", title_justify="left")
    shown.add_column("tool")
    for budget_s in budgets:
        shown.add_column(f"{budget_s:g} s", justify="right")
        shown.add_column("reached", justify="right")
        shown.add_column("after s", justify="right")
    for tool in dict.fromkeys(cut.tool for cut in cuts):
        cells = [_cells([cut for cut in cuts if (cut.tool, cut.budget_s) == (tool, budget)]) for budget in budgets]
        shown.add_row(tool, *(text for three in cells for text in three), style="bold" if tool == Pbits.name else None)
    return shown


def _cells(same: Sequence[Cut]) -> tuple[str, str, str]:
    best = [cut.best for cut in same if cut.best is not None]
    hits = [cut.reached_s for cut in same if cut.reached_s is not None]
    if not best:
        return "–", "–", "–"
    spread = f" ({min(best):g} … {max(best):g})" if min(best) < max(best) else ""
    return (
        f"{np.median(best):g}{spread}",
        f"{len(hits)}/{len(same)}",
        f"{np.median(hits):.2g}" if hits else "–",
    )


def main(
    instances: Annotated[str, typer.Option(help="Names of Max-Cut instances, with commas.")] = INSTANCES,
    budgets: Annotated[str, typer.Option(help="Seconds of wall clock.")] = "10,30",
    repeats: Annotated[int, typer.Option(help="Of each tool, budget and instance.")] = 5,
    with_peers: Annotated[str, typer.Option("--peers", help="all, none, or beginnings of names.")] = PEERS,
    tabu: Annotated[bool, typer.Option(help="Tabu search of dwave-samplers too, where it is installed.")] = True,
    lengths: Annotated[
        str, typer.Option(help="Sweeps of an anneal that peers try, and what fills the budget.")
    ] = LENGTHS,
    json: Annotated[Path | None, typer.Option(help="Where to write the record: a file, or a folder.")] = None,
) -> None:
    """Best cuts at equal wall time on all processors, and how many repeats reached the best one known."""
    console = Console(width=None if Console().is_terminal else 130)
    seconds, processes = numbers(budgets), threads()
    others, hints = peers.installed(with_peers)
    for hint in hints:
        console.print(f"skipped {hint}")
    names = [kind.name for kind in others if "anneal" in kind.schedules]
    names += [Tabu.name] if tabu and Tabu.missing() is None else []
    record, rows = records.circumstances(), list[dict[str, Any]]()
    for name in instances.split(","):
        try:
            instance = build(name)
        except Absent as absent:
            console.print(f"skipped {absent}")
            continue
        fit = [tool for tool in names if not (Tabu if tool == Tabu.name else peers.chosen(tool)[0]).refusal(instance)]
        cuts = []
        for repeat in range(1, repeats + 1):
            for budget_s in seconds:
                cuts.append(ours(name, budget_s, repeat))
                cuts += [theirs(name, tool, budget_s, repeat, numbers(lengths), processes) for tool in fit]
        console.print(table(cuts, seconds))
        rows += [vars(cut) for cut in cuts]
    record |= {
        "options": {"budgets": seconds, "repeats": repeats, "peers": names, "lengths": lengths, "threads": processes},
        "rows": rows,
    }
    if json is not None:
        console.print(f"record: {records.write(record, json, 'maxcut')}")


if __name__ == "__main__":
    typer.run(main)
