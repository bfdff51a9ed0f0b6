"""Residual energy of spin glasses with all-to-all couplings, in equal time: ``python -m benchmarks.dense``.

Every way gets the same processor seconds of one thread, with compilation before they start, on the same instances of
the Sherrington–Kirkpatrick model, J ~ N(0, 1)/√n. The figure is the energy per spin above the lowest that any found.
A β that rises linearly anneals these models badly; the geometric ladder here was picked on other instances.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import pbits

Way = Callable[[pbits.IsingModel, int, int], float]


def glass(n: int, seed: int) -> pbits.IsingModel:
    """J_ij ~ N(0, 1)/√n for every pair."""
    couplings = np.triu(np.random.default_rng(seed).normal(size=(n, n)), 1) / np.sqrt(n)
    return pbits.IsingModel(couplings + couplings.T)


def annealed(rule: str) -> Way:
    def run(model: pbits.IsingModel, sweeps: int, seed: int) -> float:
        schedule = pbits.Schedule.anneal(sweeps=sweeps, beta_start=0.8, beta_stop=10.0, chains=4, rule=rule)
        return pbits.run(model, "ideal", schedule, seed=seed, layout="dense").best_energy

    return run


def tempered(replicas: int) -> Way:
    import pysa.sa

    def run(model: pbits.IsingModel, sweeps: int, seed: int) -> float:
        solver = pysa.sa.Solver(problem=-np.asarray(model.J), problem_type="ising", float_type="float32")
        found = solver.metropolis_update(
            num_sweeps=sweeps, num_reads=1, num_replicas=replicas, update_strategy="sequential", min_temp=0.2,
            max_temp=1.2, parallel=False, verbose=False,
        )  # fmt: skip
        return float(model.energy(np.asarray(found["best_state"][0]).astype(int)))

    return run


def bifurcated(mode: str, agents: int) -> Way:
    import simulated_bifurcation
    import torch

    torch.set_num_threads(1)

    def run(model: pbits.IsingModel, steps: int, seed: int) -> float:
        torch.manual_seed(seed)
        matrix = torch.tensor(-0.5 * np.asarray(model.J), dtype=torch.float32)
        state, _ = simulated_bifurcation.minimize(
            matrix, domain="spin", agents=agents, max_steps=steps, mode=mode, early_stopping=False, verbose=False
        )
        return float(model.energy(state.numpy().astype(int)))

    return run


MAKERS: dict[str, Callable[[], Way]] = {
    "pbits, Metropolis, 4 chains": lambda: annealed("metropolis"),
    "pbits, heat bath, 4 chains": lambda: annealed("heat-bath"),
    "PySA tempering, 4 replicas": lambda: tempered(4),
    "PySA tempering, 16 replicas": lambda: tempered(16),
    "ballistic bifurcation, 16 agents": lambda: bifurcated("ballistic", 16),
    "ballistic bifurcation, 128 agents": lambda: bifurcated("ballistic", 128),
    "discrete bifurcation, 128 agents": lambda: bifurcated("discrete", 128),
}


def within(budget_s: float, way: Way, model: pbits.IsingModel, first: int = 100) -> tuple[float, int, float]:
    """Energy, amount of work and processor seconds of a run sized to a budget from two shorter ones."""

    def seconds(work: int) -> float:
        began = time.process_time()
        way(model, work, 1)
        return time.process_time() - began

    way(model, first, 0)
    short, long = seconds(first), seconds(3 * first)
    slope = max(1e-9, (long - short) / (2 * first))
    work = max(first, int((budget_s - max(0.0, short - slope * first)) / slope))
    began = time.process_time()
    energy = way(model, work, 2)
    return energy, work, time.process_time() - began


def main(
    sizes: Annotated[str, typer.Option(help="Numbers of spins, with commas.")] = "1000,2000",
    seconds: Annotated[float, typer.Option(help="Processor seconds of each way.")] = 5.0,
    instances: Annotated[int, typer.Option(help="Instances of each size.")] = 2,
) -> None:
    """Energy per spin above the best found, in equal time."""
    console = Console()
    ways: dict[str, Way] = {}
    for name, make in MAKERS.items():
        try:
            ways[name] = make()
        except ImportError as error:
            console.print(f"{name}: skipped ({error}); `pip install 'pbits[bench]'`, PySA from its repository")
    for n in map(int, sizes.split(",")):
        found: dict[str, list[float]] = {name: [] for name in ways}
        used: dict[str, list[float]] = {name: [] for name in ways}
        for seed in range(instances):
            model = glass(n, 100 + seed)
            for name, way in ways.items():
                energy, _, spent = within(seconds, way, model)
                found[name].append(energy / n)
                used[name].append(spent)
        best = np.min(list(found.values()), axis=0)
        table = Table("way", "mean residual per spin", "worst", "processor s", title=f"n = {n}")
        for name, energies in found.items():
            gap = np.array(energies) - best
            table.add_row(name, f"{gap.mean():.5f}", f"{gap.max():.5f}", f"{np.mean(used[name]):.1f}")
        console.print(table)


if __name__ == "__main__":
    typer.run(main)
