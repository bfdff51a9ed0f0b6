"""Baselines by tier, timed in one run: ``python -m benchmarks.baselines``.

T0 NumPy, T1 the kernels of this project, T2 its CUDA kernels and T4 thrml where they run, each on the same models at
the same β; and beside them what the catalogue's GPUs are taken to do with the same model, by a published rate or by a
roofline. What differs in the work stands beside it: neighbours, values of couplings, chains.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import pbits
from hardware_models.processor.here import TIERS, Unavailable, sweeper, timed
from pbits.mapping import Grid

GPUS = ("gpu-v100-sxm2", "gpu-a100-sxm", "gpu-h100-sxm", "gpu-b200", "gpu-rtx-4090", "gpu-l4")


def lattice(side: int, seed: int = 1) -> pbits.IsingModel:
    """A torus with one ferromagnetic coupling, the work of published multi-spin rates."""
    index = np.arange(side * side).reshape(side, side)
    pairs = [np.stack([index, np.roll(index, -1, axis)], axis=-1).reshape(-1, 2) for axis in (0, 1)]
    return pbits.IsingModel.from_edges(side * side, np.concatenate(pairs), 1.0)


def signed(side: int, seed: int = 1) -> pbits.IsingModel:
    """The same torus with couplings ±1."""
    i, j, weights = lattice(side).edges()
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], len(weights))
    return pbits.IsingModel.from_edges(side * side, np.column_stack([i, j]), signs)


def glass(side: int, seed: int = 1) -> pbits.IsingModel:
    """A Gibbs array of degree 12 with Gaussian couplings."""
    edges = Grid.named("G12", side, side, False).edges()
    return pbits.IsingModel.from_edges(side * side, edges, np.random.default_rng(seed).normal(0, 0.3, len(edges)))


def dense(n: int, seed: int = 1) -> pbits.IsingModel:
    """All-to-all Gaussian couplings."""
    J = np.triu(np.random.default_rng(seed).normal(0, n**-0.5, (n, n)), 1)
    return pbits.IsingModel(J + J.T)


WORK = {
    "256² torus, one coupling": (lambda: lattice(256), 512),
    "256² torus, ±J": (lambda: signed(256), 512),
    "70² array of degree 12": (lambda: glass(70), 64),
    "all to all, 1000": (lambda: dense(1000), 64),
}


def main(
    only: Annotated[str, typer.Option(help="Part of the name of a model; empty for all.")] = "",
    repeats: Annotated[int, typer.Option(help="Rounds; tiers take turns, and the median round is told.")] = 3,
    beta: Annotated[float, typer.Option(help="Of all of them.")] = 0.4,
) -> None:
    """Updates per nanosecond by tier on this computer, and what GPUs are taken to do."""
    console = Console(width=150)
    for name, (make, chains) in WORK.items():
        if only not in name:
            continue
        model, rates = make(), {}
        refused = {}
        for _ in range(repeats):
            for tier in TIERS:
                try:
                    # NumPy and thrml gain nothing from hundreds of chains, and take long over them.
                    held = chains if tier in ("kernels", "cuda") else min(chains, 16)
                    each = timed(sweeper(tier, model, beta, held)).value
                except Unavailable as reason:
                    refused[tier] = str(reason)
                    continue
                assert each is not None
                rates.setdefault(tier, []).append((model.n * held / each / 1e9, held))
        table = Table("program", "chains", "updates/ns", "× T0", "what it is", title=name, title_justify="left")
        base = float(np.median([rate for rate, _ in rates["numpy"]]))
        for tier, found in rates.items():
            rate = float(np.median([rate for rate, _ in found]))
            table.add_row(
                TIERS[tier], str(found[0][1]), f"{rate:.3g}", f"{rate / base:.3g}", "measured on this computer"
            )
        for tier, why in refused.items():
            table.add_row(TIERS[tier], "—", "—", "—", escape(f"did not run: {why}"))
        plan = pbits.Schedule(n_samples=1, n_warmup=9, beta=beta, chains=4)
        for gpu in GPUS:
            run = pbits.run(model, gpu, plan, seed=1, judge=False)
            assert run.full_batch_time is not None
            tiers = run.record["notes"]["tiers"]
            which = min(
                (key for key in tiers if tiers[key]["full_batch_s"] is not None),
                key=lambda key: tiers[key]["full_batch_s"],
            )
            rate = run.counts["update"] / (run.full_batch_time.value or np.inf) / 1e9
            kind = "published rate, this very work" if which == "published" else f"a model, not a measurement ({which})"
            table.add_row(gpu, "full batch", f"{rate:.3g}", f"{rate / base:.3g}", kind)
        console.print(table)
        i, _, weights = model.edges()
        degree, values = 2 * len(i) / model.n, len(np.unique(weights))
        console.print(f"{model.n:,} sites, {degree:.3g} neighbours, couplings of {values:,} values\n")


if __name__ == "__main__":
    typer.run(main)
