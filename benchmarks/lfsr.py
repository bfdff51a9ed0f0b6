"""What a shift register does to digital p-bits: correlated words, correlated spins, another law.

    python -m benchmarks.lfsr [--draws 1000000]

A register that shifts k times between two updates shows the words r and 2ᵏr + k new bits, modulo 2³². Were the new
bits independent draws, r and the next word would have the correlation 2⁻ᵏ, and the indicator of r < p, which is what a
p-bit of constant input shows, would have the covariance 2⁻ᵏ(min(f, p) − p f) with the next, f = 2ᵏp − ⌊2ᵏp⌋.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import pbits
from hardware_models.pbit.bittrue import GENERATORS, BitTrue, Fabric
from pbits.errors import histogram
from pbits.reference import total_variation, tv_noise_floor
from pbits.streams import Streams

PROBABILITIES = (0.5, 0.6, 0.75, 0.9, 0.99)
CUBE = [(i, i ^ (1 << k)) for i in range(8) for k in range(3) if i < i ^ (1 << k)]
MODELS = {
    "pair, J = 1": pbits.IsingModel.from_edges(2, [(0, 1)], 1.0),
    "triangle, J = −½, one field ½": pbits.IsingModel.from_edges(3, [(0, 1), (0, 2), (1, 2)], -0.5, [0.5, 0, 0]),
    "cube, J = ±½, frustrated": pbits.IsingModel.from_edges(8, CUBE, [-0.5, 0.5, 0.5, 0.5] * 3),
    "ring of 8, J = 1": pbits.IsingModel.from_edges(8, [(i, (i + 1) % 8) for i in range(8)], 1.0),
}
"""Couplings and fields are whole numbers of ½, which s[4][1] holds exactly, so that only the generator errs."""

ROWS = [("lfsr", False), ("lfsr", True), *((generator, False) for generator in GENERATORS[1:])]
"""Generators, and whether they run on while another colour moves."""


def label(generator: str, free_running: bool) -> str:
    return generator + (", free-running" if free_running else "")


def correlation(k: int, p: float) -> float:
    """Of successive outputs of a p-bit that is +1 with probability p, in closed form."""
    p = max(p, 1 - p)  # the table holds the larger of the two
    f = 2.0**k * p % 1
    return 2.0**-k * (min(f, p) - p * f) / (p * (1 - p))


def alone(generator: str, probabilities: NDArray, clocks: int) -> tuple[NDArray, NDArray]:
    """Words (clocks, chains) of one p-bit, and spins (clocks, p-bits, chains) of p-bits without neighbours."""
    model = pbits.IsingModel(np.zeros((len(probabilities),) * 2), np.arctanh(2 * probabilities - 1))
    program = BitTrue(integer_bits=3, fraction_bits=11, generator=generator).compile(model, pbits.Schedule())
    fabric = Fabric(program, Streams(seed=1), slice(0, 64))
    words, spins = [], []
    for _ in range(clocks):
        words.append(_shown(fabric.words[0]))
        fabric.advance(program.numbers(1.0), 1)
        spins.append(fabric.spins.copy())
    return np.array(words), np.array(spins)


def _shown(state: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """What generators (words, chains) show: a register itself, and of xoshiro128++ rotl(a + d, 7) + a."""
    both = state[0] + state[-1]
    return state[0].copy() if len(state) == 1 else (both << 7 | both >> 25) + state[0]


def successive(values: NDArray) -> NDArray:
    """Correlation of each value with the next, over the first axis and the last."""
    first, second = values[:-1].astype(float), values[1:].astype(float)
    covariance = (first * second).mean(axis=(0, -1)) - first.mean(axis=(0, -1)) * second.mean(axis=(0, -1))
    return covariance / (first.std(axis=(0, -1)) * second.std(axis=(0, -1)))


def distance(model: pbits.IsingModel, generator: str, free_running: bool, draws: int, seed: int = 5) -> float:
    """Total variation between draws and the Boltzmann law."""
    chains = 512
    schedule = pbits.Schedule(n_samples=-(-draws // chains), n_warmup=200, steps_per_sample=8, chains=chains)
    run = pbits.run(model, BitTrue(generator=generator, free_running=free_running), schedule, seed=seed)
    return float(total_variation(histogram(run.states), pbits.exact(model).probabilities))


def main(draws: Annotated[int, typer.Option(help="Of each model and generator, 8 sweeps apart.")] = 1_000_000) -> None:
    """Print the tables of docs/explanation/bit_true.md."""
    console = Console(width=140)
    words = Table(title="Correlation of successive outputs, by P(s = +1); closed form in brackets")
    for column in ("generator", "of r", *(f"{p:g}" for p in PROBABILITIES)):
        words.add_column(column, justify="left" if column == "generator" else "right")
    for generator in GENERATORS:
        shown, spins = alone(generator, np.array(PROBABILITIES), 20_000)
        k = BitTrue(generator=generator).random_bits_per_clock
        found = zip(successive(spins), PROBABILITIES)
        of_r = f"{float(successive(shown)):.4f} ({2.0**-k:.4f})"
        words.add_row(generator, of_r, *(f"{measured:.3f} ({correlation(k, p):.3f})" for measured, p in found))
    console.print(words)
    laws = Table(title="Total variation to the Boltzmann law, β = 1")
    for column in ("generator", *MODELS):
        laws.add_column(column, justify="left" if column == "generator" else "right")
    for row in ROWS:
        laws.add_row(label(*row), *(f"{distance(model, *row, draws):.4f}" for model in MODELS.values()))
    floors = (tv_noise_floor(pbits.exact(model).probabilities, draws) for model in MODELS.values())
    laws.add_row("independent draws", *(f"{float(floor):.4f}" for floor in floors))
    console.print(laws)


if __name__ == "__main__":
    typer.run(main)
