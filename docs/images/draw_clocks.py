"""Draws docs/images/clocks.png: python -m docs.images.draw_clocks"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.clocks import BETA, NETWORKS, closed_form, distance, sampled, solved

INK = "#222222"
X = np.geomspace(0.01, 1.0, 13)
FAMILIES = {
    "partial, q": ("#8f8f8f", lambda x: {"update": "partial", "q": x}),
    "discrete, Δt/τ$_N$": ("#c23030", lambda x: {"update": "discrete", "time_step": x}),
    "Poisson, delay s": ("#d9822b", lambda x: {"update": "poisson", "synapse": "delay", "s": x}),
    "Poisson, RC s": ("#3b6ea5", lambda x: {"update": "poisson", "synapse": "rc", "s": x}),
}


def distances(ax, name):
    ax.set_title(f"{name}, β = {BETA:g}", fontsize=11, loc="left", fontweight="bold", color=INK)
    for label, (colour, options) in FAMILIES.items():
        found = [distance(NETWORKS[name], options(x), seconds=4.0) for x in X]
        sampled_ones = found[0].sampled
        ax.plot(X, [one.value for one in found], "o" if sampled_ones else "-", ms=4, color=colour, label=label)
        if sampled_ones:
            ax.axhline(found[0].error, lw=0.8, ls=":", color=colour)
    ax.set(xscale="log", yscale="log", ylim=(7e-4, 1.3), xlabel="q, Δt/τ$_N$, s", ylabel="total variation to Boltzmann")
    ax.legend(frameon=False, fontsize=8.5, loc="upper left")


def pair(ax):
    ax.set_title("Two p-bits, βJ = 1", fontsize=11, loc="left", fontweight="bold", color=INK)
    fine, coarse = np.linspace(0.02, 3, 60), np.linspace(0.0, 3, 11)
    for synapse, colour, label, line in (
        ("delay", "#d9822b", "delay: closed form", [closed_form(s) for s in fine]),
        ("rc", "#3b6ea5", "RC: solved", [solved("rc", s) for s in fine]),
    ):
        ax.plot(fine, line, color=colour, lw=1.4, label=label)
        points = np.array([sampled(synapse, s, seconds=4.0) for s in coarse])
        ax.errorbar(coarse, points[:, 0], 2 * points[:, 1], fmt="o", ms=3.5, color=colour, label="sampled, ±2σ")
    ax.axhline(np.tanh(1), lw=0.8, ls=":", color=INK)
    ax.text(3, np.tanh(1) + 0.01, "Boltzmann", ha="right", fontsize=8.5, color=INK)
    ax.set(xlabel="s = τ$_S$/τ$_N$", ylabel="⟨s$_1$s$_2$⟩", ylim=(0, 0.83))
    ax.legend(frameon=False, fontsize=8.5, loc="lower left")


def main():
    figure, axes = plt.subplots(1, 3, figsize=(13.4, 4.3))
    for ax, name in zip(axes, NETWORKS):
        distances(ax, name)
    pair(axes[2])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2.0)
    figure.savefig(Path(__file__).with_name("clocks.png"), dpi=120)


if __name__ == "__main__":
    main()
