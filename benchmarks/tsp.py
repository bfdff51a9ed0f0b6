"""The travelling salesman, method by method: ``python -m benchmarks.tsp``.

Four tables, all on one core, with TSPLIB's instances from the folder ``tsplib`` in the one named by PBITS_DATA:

``bars``    permutation moves within a budget of seconds, against the lengths and seconds that issue 7 asks for
``ladder``  one-hot p-bits, tempering over penalties, p-dits and permutation moves, with as many decisions each
``reach``   how much moves lose that may only touch slots this far apart
``peers``   quality against time, beside fast-tsp, OR-tools and the QUBO of dwave-networkx with its default penalty

Seconds are those of emulation: compilation, reading, and the greedy tour that permutations start from are left out; the
last is shown beside them. Decisions are proposals to one p-bit (or p-dit), accepted or not. Weight reads of one-hot
p-bits are one for each coupling of the p-bit, those of p-dits one for each neighbour and category.

Ratios are to the optimum: the length of the optimal tour beside the instance, or TSPLIB's list from memory (`OPTIMA`).
``random85900`` is that many uniform cities in the unit square; its ratio is to 0.7124 √n, the limit of long tours (from
memory: Johnson and McGeoch), which is a little below the optimum of any n.
"""

from __future__ import annotations

import os
import re
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

import pbits
from benchmarks import records
from pbits.algorithms import temper_penalties
from pbits.moves import Moves
from pbits.problems import TravelingSalesman
from pbits.runner import suggested_schedule

#: Of instances without an optimal tour beside them.
OPTIMA = {"burma14": 3323, "gr17": 2085, "gr21": 2707, "lin318": 42029, "rl5915": 565530, "pla33810": 66048945}

MACHINE = "permutation-illustrative"
TABLES = ("bars", "ladder", "reach", "peers")


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What issue 7 asks for: the ratio that the mean or median must reach, or P(optimum) where `share` is given."""

    name: str
    budget_s: float
    seeds: int
    ratio: float = 1.0
    share: float | None = None
    by: Callable[[NDArray], Any] = np.median


BARS = (
    *(Bar(name=name, budget_s=0.2, seeds=20, share=0.9) for name in ("burma14", "ulysses16", "gr17", "gr21", "bays29")),
    Bar(name="att48", budget_s=0.5, seeds=10, ratio=1.005, by=np.mean),
    Bar(name="berlin52", budget_s=0.5, seeds=10, ratio=1.005, by=np.mean),
    Bar(name="kroA100", budget_s=0.5, seeds=10, ratio=1.01),
    Bar(name="pr1002", budget_s=5, seeds=10, ratio=1.02),
    Bar(name="rl5915", budget_s=20, seeds=10, ratio=1.03),
    Bar(name="pla33810", budget_s=90, seeds=3, ratio=1.045),
    # No bar but that it fits in memory, and +20 %, where published Ising machines stop.
    Bar(name="random85900", budget_s=180, seeds=3, ratio=1.2),
)


def instance(name: str) -> TravelingSalesman:
    """An instance by name, with its optimum."""
    if found := re.fullmatch(r"random(\d+)", name):
        n = int(found[1])
        return TravelingSalesman.random(n, seed=1, optimum=0.7124 * np.sqrt(n))
    folder = Path(os.environ.get("PBITS_DATA", "")) / "tsplib"
    path = folder / f"{name}.tsp"
    if not path.is_file():
        raise typer.BadParameter(f"no {name}.tsp in {folder}; set PBITS_DATA to the folder that holds tsplib/")
    known = {"optimum": float(OPTIMA[name])} if name in OPTIMA else {}
    return TravelingSalesman.from_tsplib(path, **known)


def annealed(posed: TravelingSalesman, sweeps: int, seed: int, machine: str = "ideal", **wanted: Any) -> pbits.Run:
    """One run of permutation moves, or of another encoding with the usual schedule."""
    options: dict[str, Any] = {"sweeps": sweeps, "levels": min(50, sweeps)}
    schedule = suggested_schedule(posed, **(options | wanted))
    return pbits.run(posed, machine, schedule, seed=seed, judge=False)


def sweeps_within(posed: TravelingSalesman, budget_s: float) -> int:
    """How many sweeps take most of a budget, by a short anneal of the same shape."""
    sweeps = 4
    annealed(posed, sweeps, seed=0)
    while True:
        # The shorter of two, since other programs may run.
        took = min(annealed(posed, sweeps, seed=0).wall_time_s for _ in range(2))
        if took > 0.05 * budget_s:
            return max(1, int(0.9 * budget_s / took * sweeps))
        sweeps *= 4


def ratios(run: pbits.Run, problem: TravelingSalesman) -> NDArray[np.float64]:
    """Length over optimum of every chain's last state; NaN where it is no tour."""
    assert run.objectives is not None, "a problem was run"
    assert problem.optimum is not None, "every instance here has one"
    return run.objectives[:, -1] / problem.optimum


def bars(names: list[str], share: float) -> Iterator[dict[str, Any]]:
    """A row for each bar, with `share` of its seconds."""
    for bar in (bar for bar in BARS if bar.name in names):
        began = time.perf_counter()
        posed = instance(bar.name).encoded("permutation")
        posed.initial_state()
        start_s = time.perf_counter() - began
        sweeps = sweeps_within(posed, share * bar.budget_s)
        runs = [annealed(posed, sweeps, seed=seed + 1) for seed in range(bar.seeds)]
        best = np.array([ratios(run, posed).min() for run in runs])
        optimal = float((best < 1 + 1e-9).mean())
        reached = optimal >= bar.share if bar.share is not None else bar.by(best) <= bar.ratio
        yield {
            "instance": bar.name,
            "asked": f"P(opt) ≥ {bar.share}" if bar.share is not None else f"{bar.by.__name__} ≤ {bar.ratio}",
            "within_s": share * bar.budget_s,
            "took_s": float(np.median([run.wall_time_s for run in runs])),
            "start_s": start_s,
            "decisions": runs[0].counts["update"],
            "mean": float(best.mean()),
            "median": float(np.median(best)),
            "worst": float(best.max()),
            "optimal": optimal,
            "seeds": bar.seeds,
            "reached": bool(reached),
        }


def ladder(names: list[str], decisions: float) -> Iterator[dict[str, Any]]:
    """A row for each method and instance, with as many decisions each."""
    for name in names:
        problem = instance(name)
        for method, penalty in (
            ("one-hot", "safe"), ("one-hot", "tight"), ("p-dits", "safe"), ("p-dits", "tight"), ("permutation", None),
        ):  # fmt: skip
            posed = problem.encoded(method)
            posed = posed if penalty is None else posed.penalised(penalty)
            yield {"instance": name, "method": f"{method}, {penalty}" if penalty else method} | _climbed(
                posed, decisions, chains=16
            )
        yield {"instance": name, "method": "one-hot, 2-D tempering"} | _tempered(problem, decisions)
        if MACHINE in pbits.available():
            posed = problem.encoded("permutation")
            row = _climbed(posed, decisions / 10, chains=1, machine=MACHINE)
            yield {"instance": name, "method": f"permutation on {MACHINE}, a tenth"} | row


def _climbed(posed: TravelingSalesman, decisions: float, chains: int, machine: str = "ideal") -> dict[str, Any]:
    n = posed.to_model().n
    sweeps = max(1, int(decisions / n / chains))
    annealed(posed, 2, seed=0, chains=chains, machine=machine)
    run = annealed(posed, sweeps, seed=1, chains=chains, machine=machine)
    found = ratios(run, posed)
    valid = np.isfinite(found)
    ledger = pbits.price(run)
    return {
        "valid": float(valid.mean()),
        "mean": float(found[valid].mean()) if valid.any() else None,
        "best": float(found[valid].min()) if valid.any() else None,
        "optimal": float((found < 1 + 1e-9).mean()),
        "decisions": run.counts["update"],
        "weight_reads": run.counts.get("weight_read", run.counts["update"] * _reads(posed)),
        "seconds": run.wall_time_s,
        "device_s": run.device_time_s,
        "joules": ledger.joules,
    }


def _reads(posed: TravelingSalesman) -> float:
    """Weights that one decision reads, on average."""
    model = posed.to_model()
    if isinstance(model, pbits.IsingModel):
        return float(model.degrees.mean())
    if isinstance(model, pbits.CategoricalModel):
        return float(model.n_states.mean()) * 2 * len(model.pairs) / model.n
    return float("nan")


def _tempered(problem: TravelingSalesman, decisions: float) -> dict[str, Any]:
    """Tempering over 5 penalties, from half the tight one to the safe one, and 10 β over the usual range."""
    penalties = np.geomspace(problem.penalty_by("tight") / 2, problem.penalty_by("safe"), 5)
    betas = np.geomspace(*problem.beta_range(), 10)
    n = problem.to_model().n
    sweeps = max(1, int(decisions / n / 50))
    found = temper_penalties(problem, penalties=penalties, betas=betas, sweeps=sweeps, swap_every=5, seed=1)
    gap = found.solution.gap
    return {
        "valid": found.solution.valid_fraction,
        "mean": None,
        "best": None if gap is None else 1 + gap,
        "optimal": float(gap is not None and gap < 1e-9),
        "decisions": found.run.counts["update"],
        "weight_reads": found.run.counts["update"] * _reads(problem),
        "seconds": found.run.wall_time_s,
        "device_s": None,
        "joules": None,
    }


def reach(names: list[str], sweeps: int, seeds: int) -> Iterator[dict[str, Any]]:
    """A row for each instance: the median ratio at each reach."""
    for name in names:
        posed = instance(name).encoded("permutation")
        row: dict[str, Any] = {"instance": name, "decisions": sweeps * posed.n_cities}
        for far in (8, 32, 64, 128, None):
            moves = Moves(neighbours=10, reach=far)
            runs = [annealed(posed, sweeps, seed=seed + 1, moves=moves, chains=1) for seed in range(seeds)]
            row[str(far or "any")] = float(np.median([ratios(run, posed).min() for run in runs]))
        yield row


def peers(names: list[str], budgets: list[float], seeds: int) -> Iterator[dict[str, Any]]:
    """A row for each tool, instance and budget."""
    tools: dict[str, tuple[str, Callable[[TravelingSalesman, float, int], float | None]]] = {
        "pbits": ("pbits", _own),
        "fast-tsp": ("fast_tsp", _fast_tsp),
        "OR-tools": ("ortools", _or_tools),
        "dwave-samplers on dwave-networkx' QUBO": ("dwave_networkx", _naive_qubo),
    }
    for name in names:
        problem = instance(name)
        for tool, (module, call) in tools.items():
            if find_spec(module) is None:
                continue
            for budget in budgets:
                began = time.perf_counter()
                found = [call(problem, budget, seed + 1) for seed in range(seeds)]
                took = (time.perf_counter() - began) / seeds
                lengths = [length for length in found if length is not None]
                assert problem.optimum is not None, "every instance here has one"
                yield {
                    "instance": name,
                    "tool": tool,
                    "budget_s": budget,
                    "call_s": took,
                    "ratio": float(np.median(lengths)) / problem.optimum if lengths else None,
                }


def _own(problem: TravelingSalesman, budget_s: float, seed: int) -> float:
    posed = problem.encoded("permutation")
    objectives = annealed(posed, sweeps_within(posed, budget_s), seed).objectives
    assert objectives is not None, "a problem was run"
    return float(objectives.min())


def _fast_tsp(problem: TravelingSalesman, budget_s: float, seed: int) -> float:
    import fast_tsp

    return problem.score(fast_tsp.find_tour(problem.distances.astype(int).tolist(), duration_seconds=budget_s))


def _or_tools(problem: TravelingSalesman, budget_s: float, seed: int) -> float | None:
    """Cheapest arcs, then guided local search."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    manager = pywrapcp.RoutingIndexManager(problem.n_cities, 1, 0)
    routing = pywrapcp.RoutingModel(manager)
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(problem.distances.astype(int).tolist()))
    wanted = pywrapcp.DefaultRoutingSearchParameters()
    wanted.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PATH_CHEAPEST_ARC
    wanted.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    wanted.time_limit.FromMilliseconds(int(1000 * budget_s))
    found = routing.SolveWithParameters(wanted)
    if found is None:
        return None
    tour, index = [], routing.Start(0)
    while not routing.IsEnd(index):
        tour.append(manager.IndexToNode(index))
        index = found.Value(routing.NextVar(index))
    return problem.score(tour)


def _naive_qubo(problem: TravelingSalesman, budget_s: float, seed: int) -> float | None:
    """The best tour of as many reads of 1000 sweeps as fit; None where no read is a tour, or above 100 cities."""
    import dwave_networkx
    import networkx
    from dwave.samplers import SimulatedAnnealingSampler

    n = problem.n_cities
    if n > 100:
        return None
    Q = dwave_networkx.traveling_salesperson_qubo(networkx.from_numpy_array(np.array(problem.distances)))
    sampler, best, ends = SimulatedAnnealingSampler(), None, time.perf_counter() + budget_s
    while best is None or time.perf_counter() < ends:
        read = sampler.sample_qubo(Q, num_reads=1, num_sweeps=1000, seed=seed).first.sample
        seed += 1000
        order = sorted((slot, city) for (city, slot), bit in read.items() if bit)
        if [slot for slot, _ in order] == list(range(n)) and len({city for _, city in order}) == n:
            length = problem.score([city for _, city in order])
            best = length if best is None else min(best, length)
        elif time.perf_counter() > ends:
            break
    return best


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.4f}" if 0.99 < value < 20 and value != int(value) else f"{value:.3g}"
    return str(value)


def main(
    tables: Annotated[str, typer.Option(help=f"Some of {', '.join(TABLES)}.")] = ",".join(TABLES),
    instances: Annotated[str, typer.Option(help="Only these, with commas between; by default each table's own.")] = "",
    budget: Annotated[float, typer.Option(help="Share of the seconds that the bars allow.")] = 1.0,
    decisions: Annotated[float, typer.Option(help="Of each method of the ladder, on each instance.")] = 1e7,
    sweeps: Annotated[int, typer.Option(help="Of the runs of table reach.")] = 3000,
    seconds: Annotated[str, typer.Option(help="Budgets of table peers.")] = "0.1,1,10",
    seeds: Annotated[int, typer.Option(help="Runs behind a figure of tables reach and peers.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Where to write the record: a file, or a folder.")] = None,
) -> None:
    """Tours by one-hot p-bits, tempering, p-dits and permutation moves, and by peers."""
    console = Console(width=None if Console().is_terminal else 170)
    wanted = [table.strip() for table in tables.split(",")]
    if unknown := set(wanted) - set(TABLES):
        raise typer.BadParameter(f"unknown table {min(unknown)!r}; there are {', '.join(TABLES)}")
    chosen = [name.strip() for name in instances.split(",") if name.strip()]
    budgets = [float(part) for part in seconds.split(",")]
    made: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "bars": lambda: bars(chosen or [bar.name for bar in BARS], budget),
        "ladder": lambda: ladder(chosen or ["burma14", "gr17", "bays29", "att48"], decisions),
        "reach": lambda: reach(chosen or ["pr1002", "rl5915"], sweeps, seeds),
        "peers": lambda: peers(chosen or ["att48", "kroA100", "pr1002", "rl5915"], budgets, seeds),
    }
    rows: list[dict[str, Any]] = []
    for table in wanted:
        found = list(track(made[table](), description=table, console=Console(stderr=True)))
        rows += [{"table": table} | row for row in found]
        shown = Table(title=table, title_justify="left")
        for heading in found[0] if found else ():
            shown.add_column(heading, justify="left" if isinstance(found[0][heading], str) else "right")
        for row in found:
            shown.add_row(*(_shown(value) for value in row.values()))
        console.print(shown)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    console.print(f"peak memory of this process: {peak / 1e9:.2f} GB")
    options = {"tables": wanted, "budget": budget, "decisions": decisions, "sweeps": sweeps, "seconds": budgets}
    if json is not None:
        record = records.circumstances() | {"options": options, "peak_bytes": peak, "rows": rows}
        console.print(f"record: {records.write(record, json, 'tsp')}")


if __name__ == "__main__":
    typer.run(main)
