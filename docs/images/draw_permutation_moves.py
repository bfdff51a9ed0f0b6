"""Draws docs/images/permutation_moves.png: python -m docs.images.draw_permutation_moves"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models import pbit
from pbits import Moves

COLOURS = {"swap": "#3b6ea5", "reverse": "#d9822b", "insert": "#2f8f6b"}
UNITS = (1, 2, 4, 8, 16)


def laws(ax):
    tour = pbits.PermutationModel(pbits.models.Distances(coordinates=np.random.default_rng(8).random((8, 2))))
    betas = np.geomspace(0.5, 60, 60)
    exact = [pbits.exact(tour, beta).mean_energy for beta in betas]
    ax.semilogx(1 / betas, exact, color="#222222", label="all 8! tours")
    for (kind, colour), marker in zip(COLOURS.items(), "os^"):
        few = np.geomspace(0.7, 40, 7) * {"swap": 1.0, "reverse": 1.12, "insert": 1.25}[kind]
        drawn = []
        for beta in few:
            schedule = pbits.Schedule(
                n_samples=50, n_warmup=200, steps_per_sample=8, beta=beta, chains=300, moves=Moves(kinds=kind)
            )
            drawn.append(pbits.run(tour, "ideal", schedule, seed=1, judge=False).energies.mean())
        ax.plot(1 / few, drawn, marker, ms=5, color=colour, label=kind)
        print(kind, np.round(drawn, 4))
    ax.set(xlabel="temperature T = 1/β", ylabel="mean length of a tour", title="one kind of move alone")
    ax.legend(frameon=False)


def times(ax):
    many = pbits.PermutationModel(pbits.models.Distances(coordinates=np.random.default_rng(1).random((400, 2))))
    for width, colour in zip((12, 25, 100), COLOURS.values()):
        seconds = []
        for units in UNITS:
            machine = pbit.Permutations(
                tiles=units, decision_s=1e-8, read_s=1e-8, rewrite_s=1e-8, frame_s=0, program_s=0
            )
            schedule = pbits.Schedule(n_samples=50, n_warmup=50, beta=30.0, chains=2, moves=Moves(tile=width))
            run = pbits.run(many, machine, schedule, seed=1, judge=False)
            seconds.append(1e9 * run.device_time_s / run.counts["toggle"])
        ax.loglog(UNITS, seconds, "o-", ms=4, color=colour, label=f"tiles of {width}")
        print(width, np.round(seconds, 1))
    ax.set(xlabel="decision units", ylabel="ns for each accepted move", title="400 cities, 10 ns a step of each kind")
    ax.set_xticks(UNITS, UNITS)
    ax.minorticks_off()
    ax.legend(frameon=False)


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
    laws(left)
    times(right)
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(Path(__file__).with_name("permutation_moves.png"), dpi=110)


if __name__ == "__main__":
    main()
