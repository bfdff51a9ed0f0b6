"""How often a multiplier run backwards finds factors: ``python -m benchmarks.factoring``.

Numbers of 2k bits, each the product of two primes of k bits, are annealed many times. "halves" tells the multiplier
that both factors have k bits; "any" leaves it wide enough for all factors a number could have. Numbers that presolving
factors by itself, such as 9 or 127², are left out.

An anneal counts when the state it hands over multiplies to N. Rates are of all anneals of the numbers of one size
together, with the 95 % interval of Clopper and Pearson; the sweeps to a solution are those of as many anneals as find
one with 99 %.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

import pbits
from benchmarks import records
from benchmarks.updates import numbers
from pbits.diagnostics import repeats_to_target
from pbits.problems import Factoring

SIZES = "4,6,8,10,12,14,16"


def semiprimes(bits: int, count: int, seed: int) -> list[int]:
    """At most `count` products of `bits` bits, of two primes of half as many, drawn with `seed` from those that anneals
    have to factor.
    """
    span = range(2 ** (bits // 2 - 1) + 1, 2 ** (bits // 2), 2)
    primes = [p for p in span if all(p % d for d in range(3, p, 2))]
    found = [p * q for p, q in itertools.combinations_with_replacement(primes, 2) if (p * q).bit_length() == bits]
    left = [N for N in found if free(Factoring(N, bits // 2, bits // 2))]
    return sorted(np.random.default_rng(seed).permutation(left)[:count].tolist())


def free(problem: Factoring) -> int:
    """How many p-bits are not clamped."""
    return problem.to_model().n - len(problem.clamp())


def measure(posed: list[int], half: int | None, sweeps: int, chains: int, presolve: bool, seed: int) -> dict[str, Any]:
    """A row: how many anneals of these numbers ended at factors."""
    hits, trials, each, sizes = 0, 0, [], []
    for N in posed:
        problem = Factoring(N, half, half, presolve)
        hot, cold = problem.beta_range()
        schedule = pbits.Schedule.anneal(sweeps=sweeps, beta_start=hot, beta_stop=cold, shape="linear", chains=chains)
        won, of = pbits.run(problem, "ideal", schedule, seed=seed).success_fraction(objective=1)
        hits, trials = hits + won, trials + of
        each.append(won / of)
        sizes.append(free(problem))
    share = binomtest(hits, trials).proportion_ci(0.95, "exact")
    rates = (hits / trials, share.low, share.high)
    return {
        "numbers": posed,
        "free": max(sizes),
        "hits": hits,
        "trials": trials,
        "rate": rates,
        "each": each,
        "sweeps_to_solution": [sweeps * repeats_to_target(p) for p in (rates[0], rates[2], rates[1])],
    }


def _rounded(sweeps: float) -> str:
    return "∞" if math.isinf(sweeps) else f"{float(f'{sweeps:.2g}'):,.0f}"


def main(
    sizes: Annotated[str, typer.Option(help="Bits of the numbers, even.")] = SIZES,
    count: Annotated[int, typer.Option(help="Numbers of each size, where there are as many.")] = 8,
    sweeps: Annotated[int, typer.Option(help="Of an anneal.")] = 1000,
    chains: Annotated[int, typer.Option(help="Anneals of each number.")] = 4096,
    presolve: Annotated[bool, typer.Option(help="Clamp what follows from the product gate by gate.")] = True,
    seed: Annotated[int, typer.Option(help="Of the numbers and of the runs.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Where to write the record: a file, or a folder.")] = None,
) -> None:
    """Success rates of anneals, and sweeps to solution at 99 %, for semiprimes by size."""
    console = Console(width=None if Console().is_terminal else 130)
    title = f"anneals of {sweeps} sweeps" + ("" if presolve else ", not presolved")
    table = Table(title=title, title_justify="left")
    for heading in ("bits", "widths", "numbers", "free p-bits", "success %", "by number %", "sweeps to solution"):
        table.add_column(heading, justify="right")
    rows = []
    for bits, known in track(list(itertools.product(numbers(sizes), (True, False))), console=Console(stderr=True)):
        posed = semiprimes(bits, count, seed)
        if not posed:
            table.add_row(str(bits), "halves" if known else "any", "0", *"––––")
            continue
        row = measure(posed, bits // 2 if known else None, sweeps, chains, presolve, seed)
        rows.append({"bits": bits, "widths": "halves" if known else "any"} | row)
        rate, low, high = (100 * p for p in row["rate"])
        best, soonest, latest = map(_rounded, row["sweeps_to_solution"])
        table.add_row(
            str(bits),
            rows[-1]["widths"],
            str(len(row["numbers"])),
            str(row["free"]),
            f"{rate:.3g} ({low:.3g} … {high:.3g})",
            f"{100 * min(row['each']):.3g} … {100 * max(row['each']):.3g}",
            f"{best} ({soonest} … {latest})",
        )
    console.print(table)
    record = records.circumstances() | {
        "options": {"sweeps": sweeps, "chains": chains, "presolve": presolve, "seed": seed},
        "rows": rows,
    }
    if json is not None:
        console.print(f"record: {records.write(record, json, 'factoring')}")


if __name__ == "__main__":
    typer.run(main)
