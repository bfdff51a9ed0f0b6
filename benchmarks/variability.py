"""What unequal p-bits do to a law, what undoes it, and what it costs: ``python -m benchmarks.variability``.

Total variation between the law of a chip and the posed one, exact, on a random network of eight p-bits at β = 1, as the
mean over chips. Compensated programs come from a measurement of each chip, relearned ones from the chip's moments.
Last, millions of updates a processor second of one thread on a three-dimensional ±1 lattice of 10⁵ p-bits.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import pbits
from benchmarks.instances import build
from hardware_models.effects import (
    Effect,
    LimitedDac,
    OffsetMismatch,
    OffsetNoise,
    SlopeMismatch,
    TemperatureDrift,
)
from hardware_models.pbit import Array
from pbits.errors import law_table
from pbits.harm import HarmWarning
from pbits.learning import compensate, relearn
from pbits.mapping.compensation import Network
from pbits.streams import Streams

N = 8
SIGMAS = (0.02, 0.05, 0.1, 0.2, 0.4)
BITS = (8, 7, 6, 5, 4, 3)


def network() -> pbits.IsingModel:
    """Eight p-bits, of which two in five pairs are coupled."""
    rng = np.random.default_rng(1)
    pairs = [(i, j) for i in range(N) for j in range(i) if rng.random() < 0.4]
    return pbits.IsingModel.from_edges(N, pairs, 0.6 * rng.normal(size=len(pairs)), 0.3 * rng.normal(size=N))


MODEL = network()
POSED = pbits.exact(MODEL).probabilities
assert POSED is not None


def chip(*effects: Effect) -> Array:
    return Array(update="sequential", effects=effects)


def distance(machine: Array, chip_seed: int, program: Network = MODEL) -> float:
    """Total variation between the law of a program on a chip and the posed law."""
    law = machine.compile(program, pbits.Schedule(), chip_seed=chip_seed).law(1.0)
    return 0.5 * float(np.abs(law_table(law, N) - POSED).sum())


def over_chips(make: Callable[[float], Effect], values: Sequence[float], chips: int) -> NDArray[np.float64]:
    """Mean distance at each value of an effect's parameter."""
    return np.array([np.mean([distance(chip(make(v)), c) for c in range(chips)]) for v in values])


def of_noise(sigma: float, draws: int = 500) -> float:
    """Distance of the law of noise slower than a run, averaged over draws of its offsets."""
    noise = OffsetNoise(sigma=sigma, low=1e-9, high=1e-9)
    held = [noise.wander(Streams(seed=0), chain)(MODEL, 1.0, 0) for chain in range(draws)]
    mixture = np.mean([pbits.exact(model).probabilities for model in held], axis=0)
    return 0.5 * float(np.abs(mixture - POSED).sum())


SPREADS: dict[str, Callable[[float], Effect]] = {
    "offsets ΔV": lambda sigma: OffsetMismatch(sigma_d2d=sigma),
    "slopes ln α": lambda sigma: SlopeMismatch(sigma_d2d=sigma),
    "temperature, relative": lambda share: TemperatureDrift(offset_k=300 * share),
}


def of_bits(bits: float) -> Effect:
    return LimitedDac(bits=int(bits), full_scale=float(np.abs(MODEL.csr.data).max()))


def remedies(sigma: float, chips: int) -> dict[str, float]:
    """Mean distance of chips with both spreads, bare and with either remedy."""
    machine = chip(OffsetMismatch(sigma_d2d=sigma), SlopeMismatch(sigma_d2d=sigma))
    found = {"both spreads": 0.0, "compensated": 0.0, "relearned": 0.0}
    for c in range(chips):
        programs = {
            "both spreads": MODEL,
            "compensated": compensate(MODEL, machine, chip_seed=c, seed=100 + c).program,
            "relearned": relearn(MODEL, machine, chip_seed=c, seed=200 + c).program,
        }
        for name, program in programs.items():
            found[name] += distance(machine, c, program) / chips
    return found


def rates(lattice: str, sweeps: int, repeat: int) -> dict[str, float]:
    """Millions of updates a processor second: a longer run less a shorter one, the best of some."""
    model = build(lattice).model
    spreads = OffsetMismatch(sigma_d2d=0.1), SlopeMismatch(sigma_d2d=0.1)
    machines = {
        "ideal machine, sequential": Array(update="sequential"),
        "sequential, slopes and offsets": chip(*spreads),
        "ideal machine, random": Array(update="random"),
        "Poisson, slopes, offsets and rates": Array(update="poisson", effects=spreads, rate_sigma_d2d=0.1),
    }
    best = dict.fromkeys(machines, 0.0)
    for _ in range(repeat):
        for name, machine in machines.items():
            spent, done = [], []
            for steps in (1, 1 + sweeps):
                schedule = pbits.Schedule(n_samples=1, n_warmup=0, steps_per_sample=steps, beta=0.5, chains=1)
                began = time.process_time()
                done.append(pbits.run(model, machine, schedule, seed=1).counts["update"])
                spent.append(time.process_time() - began)
            best[name] = max(best[name], (done[1] - done[0]) / (spent[1] - spent[0]) / 1e6)
    return best


def table(title: str, head: Sequence[str], rows: dict[str, Sequence[float]], form: str) -> Table:
    shown = Table(title=title)
    shown.add_column(head[0])
    for name in head[1:]:
        shown.add_column(name, justify="right")
    for name, values in rows.items():
        shown.add_row(name, *(format(value, form) for value in values))
    return shown


def main(
    chips: Annotated[int, typer.Option(help="Chips to average over.")] = 10,
    lattice: Annotated[str, typer.Option(help="An instance of the other benchmarks.")] = "L3D47",
    sweeps: Annotated[int, typer.Option(help="Sweeps of the timed runs.")] = 100,
    repeat: Annotated[int, typer.Option(help="Timed runs, of which the best counts.")] = 3,
) -> None:
    """Law distances of chips, and rates of large networks of unequal p-bits."""
    os.environ["PBITS_THREADS"] = "1"
    warnings.simplefilter("ignore", HarmWarning)
    console = Console()
    sizes = [f"{sigma:g}" for sigma in SIGMAS]
    rows = {name: list(over_chips(make, SIGMAS, chips)) for name, make in SPREADS.items()}
    rows["slow noise of offsets"] = [of_noise(sigma) for sigma in SIGMAS]
    cured = [remedies(sigma, chips) for sigma in SIGMAS]
    rows |= {name: [found[name] for found in cured] for name in cured[0]}
    console.print(table("total variation to the posed law", ["effect", *sizes], rows, ".4f"))
    dac = {"total variation": list(over_chips(of_bits, BITS, 1))}
    console.print(table("converters of few bits", ["bits", *map(str, BITS)], dac, ".4f"))
    speed = {name: [rate] for name, rate in rates(lattice, sweeps, repeat).items()}
    console.print(table(f"{lattice}: million updates a processor second", ["machine", "rate"], speed, ".1f"))


if __name__ == "__main__":
    typer.run(main)
