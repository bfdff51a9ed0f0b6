"""Draws docs/images/maxcut.png: python -m docs.images.draw_maxcut"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.colors import ListedColormap

import pbits
from benchmarks.instances import build
from pbits.algorithms import search
from pbits.sweeps.plan import anneal_range

SIDE, CHAINS, BUDGET_S = 128, 512, 10.0
LENGTHS = {CHAINS: (30, 100, 300, 1000, 3000), 1: (3000, 30_000, 300_000, 1_000_000)}
COLOURS = "#ececec", "#1f77b4", "#ff7f0e"


def anneal(model, sweeps, chains, seed):
    hot, cold = anneal_range(model)
    schedule = pbits.Schedule.anneal(
        sweeps=sweeps, beta_start=hot, beta_stop=cold, shape="linear", chains=chains, rule="metropolis"
    )
    return pbits.run(model, "ideal", schedule, seed=seed, judge=False)


def draw_clusters(axes, model, side):
    """Where two annealed states differ, and which of them has the better of each cluster."""
    one, other = anneal(model, 200, 2, seed=1).states[:, -1]
    if one.astype(int) @ other < 0:
        other = -other
    graph = nx.from_scipy_sparse_array(model.csr).subgraph(np.flatnonzero(one != other).tolist())
    shown, energy = np.zeros(model.n), model.energy(one)
    for cluster in map(list, nx.connected_components(graph)):
        flipped = one.copy()
        flipped[cluster] *= -1
        gain = model.energy(flipped) - energy
        shown[cluster] = 1 if gain > 0 else 2
    axes.imshow(shown.reshape(side, side), cmap=ListedColormap(COLOURS), vmin=0, vmax=2, interpolation="nearest")
    axes.set(xticks=[], yticks=[], title="two anneals with normal couplings, 64 × 64")
    axes.set_xlabel("blue: the first is better · orange: the second")


def draw_histories(axes, model):
    found = search(model, budget_s=BUDGET_S, chains=CHAINS, seed=1)
    seconds, best = found.history.T
    axes.step(seconds, best / model.n, "o-", where="post", ms=3, color="k", label=f"search, {CHAINS} chains")
    for (chains, lengths), marker in zip(LENGTHS.items(), "s^", strict=True):
        done = [anneal(model, sweeps, chains, seed=2) for sweeps in lengths]
        label = f"an anneal, best of {chains} chains" if chains > 1 else "an anneal of one chain"
        lowest = [one.best_energy / model.n for one in done]
        axes.plot([one.wall_time_s for one in done], lowest, marker + "--", ms=4, label=label)
    axes.set(xscale="log", xlabel="seconds of two threads", ylabel="lowest energy per site")
    axes.set_title(f"±1 couplings on a torus of {SIDE} × {SIDE}")
    axes.legend(frameon=False, fontsize=8)


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    draw_clusters(left, build("L2D64-gauss").model, 64)
    model = build(f"L2D{SIDE}").model
    for chains in LENGTHS:
        anneal(model, 5, chains, seed=0)  # compiles
    draw_histories(right, model)
    figure.savefig(Path(__file__).with_name("maxcut.png"), dpi=110)


if __name__ == "__main__":
    main()
