"""How fast p-bits without a clock are emulated: ``python -m benchmarks.events``.

Millions of updates (firings, or flips tried) a processor second of one thread, on a three-dimensional ±1 lattice with
six neighbours a p-bit. Beside them stand a random scan and a sequential scan of the ideal machine on the same lattice,
for as many chains. Each rate is that of the steps alone: a long run less a short one, the best of some pairs, all
machines taking turns.
"""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import pbits
from benchmarks.instances import build
from hardware_models.pbit import Array
from pbits.substrate import Substrate

MACHINES: dict[str, Substrate] = {
    "Poisson, ideal synapses": Array(update="poisson"),
    "Poisson, ideal synapses, unequal rates": Array(update="poisson", rate_sigma_d2d=0.3),
    "Poisson, delay s = 0.1": Array(update="poisson", synapse="delay", s=0.1),
    "Poisson, delay s = 1": Array(update="poisson", synapse="delay", s=1.0),
    "Poisson, RC s = 0.1": Array(update="poisson", synapse="rc", s=0.1),
    "Poisson, RC s = 1": Array(update="poisson", synapse="rc", s=1.0),
    "discrete, Δt = 0.1 τ_N": Array(update="discrete", time_step=0.1),
    "ideal machine, random scan": Array(update="random"),
    "ideal machine, sequential scan": Array(update="sequential"),
}


def timed(machine: Substrate, model: pbits.IsingModel, steps: int, beta: float, chains: int) -> tuple[float, float]:
    """Processor seconds of a run with one look at its end, and its updates."""
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, steps_per_sample=steps, beta=beta, chains=chains)
    began = time.process_time()
    run = pbits.run(model, machine, schedule, seed=1)
    return time.process_time() - began, run.counts["update"]


def rates(model: pbits.IsingModel, beta: float, chains: int, budget_s: float, repeat: int) -> dict[str, float]:
    """Millions of updates a second, by machine."""
    lengths: dict[str, tuple[int, int]] = {}
    for name, machine in MACHINES.items():
        timed(machine, model, 2, beta, chains)
        steps, spent = 8, 0.0
        while spent < budget_s / 8:
            steps *= 2
            spent = timed(machine, model, steps, beta, chains)[0]
        long = max(2, int(steps * budget_s / spent))
        lengths[name] = max(1, long // 5), long
    best = dict.fromkeys(MACHINES, 0.0)
    for _ in range(repeat):
        for name, machine in MACHINES.items():
            (less_s, fewer), (more_s, more) = (timed(machine, model, steps, beta, chains) for steps in lengths[name])
            if more_s > less_s:
                best[name] = max(best[name], (more - fewer) / (more_s - less_s) / 1e6)
    return best


def main(
    lattice: Annotated[str, typer.Option(help="An instance of the other benchmarks.")] = "L3D22",
    betas: Annotated[str, typer.Option(help="Inverse temperatures, with commas.")] = "0.3,0.8",
    chains: Annotated[int, typer.Option(help="Chains.")] = 1,
    seconds: Annotated[float, typer.Option(help="Processor seconds of a longer run.")] = 1.0,
    repeat: Annotated[int, typer.Option(help="Pairs of runs, of which the best counts.")] = 5,
) -> None:
    """Millions of updates a second of one thread."""
    os.environ["PBITS_THREADS"] = "1"
    model = build(lattice).model
    assert isinstance(model, pbits.IsingModel)
    columns = [float(beta) for beta in betas.split(",")]
    found = [rates(model, beta, chains, seconds, repeat) for beta in columns]
    table = Table(title=f"{lattice}, {model.n:,} p-bits, chains: {chains}; million updates per processor second")
    table.add_column("machine")
    for beta in columns:
        table.add_column(f"β = {beta:g}", justify="right")
        table.add_column("of random scan", justify="right")
    for name in MACHINES:
        cells = [(row[name], row[name] / row["ideal machine, random scan"]) for row in found]
        table.add_row(name, *(text for rate, share in cells for text in (f"{rate:.1f}", f"{share:.2f}")))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
