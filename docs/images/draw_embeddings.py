"""Draws docs/images/embeddings.png: python -m docs.images.draw_embeddings"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models import pbit
from pbits.mapping import Chimera, Grid, Pegasus, Sparse, find_embedding

WIRINGS = {
    "king's graph": (Grid.named("king", 80, 80), "#3b6ea5"),
    "Chimera": (Chimera(10, 10), "#d9822b"),
    "Pegasus": (Pegasus(6), "#4c9a5b"),
    "copies, degree 4": (Sparse(2000, 4), "#222222"),
}


def clique(n):
    J = np.triu(np.random.default_rng(1).choice([-1.0, 1.0], size=(n, n)), 1)
    return pbits.IsingModel(J + J.T)


def sizes(ax):
    n = np.arange(4, 37, 4)
    for name, (wiring, colour) in WIRINGS.items():
        ax.plot(n, [len(find_embedding(clique(k), wiring).cells) for k in n], "o-", ms=4, color=colour, label=name)
    ax.plot(n, n, ":", color="grey", label="spins")
    ax.set(xlabel="spins, all coupled", ylabel="cells", yscale="log", title="room taken")
    ax.legend(frameon=False, fontsize=8)


def strengths(left, right):
    network = clique(12)
    states = 2 * (np.arange(2**12)[:, None] >> np.arange(12) & 1) - 1
    lowest = network.energy(states).min()
    schedule = pbits.Schedule.anneal(sweeps=1000, beta_start=0.05, beta_stop=2.0, chains=200)
    tried = np.array([0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6])
    for name, (wiring, colour) in WIRINGS.items():
        array = pbit.Array(topology=wiring)
        runs = [pbits.run(network, pbits.Embedded(array, float(s)), schedule, seed=1, judge=False) for s in tried]
        broken = [run.record["notes"]["embedding"]["chain_break_fraction"] for run in runs]
        optimal = [(run.energies[:, -1] == lowest).mean() for run in runs]
        left.plot(tried, broken, "o-", ms=4, color=colour)
        right.plot(tried, optimal, "o-", ms=4, color=colour)
        print(name, [f"{share:.2f}" for share in optimal])
    left.set(xlabel="chain strength / |J|", ylabel="chains broken, of all looks", ylim=(0, 1), title="12 spins, ±1")
    right.set(xlabel="chain strength / |J|", ylabel="anneals that end optimal", ylim=(0, 1), title="1000 sweeps")


def main():
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), layout="constrained")
    sizes(axes[0])
    strengths(*axes[1:])
    figure.savefig(Path(__file__).with_name("embeddings.png"), dpi=110)


if __name__ == "__main__":
    main()
