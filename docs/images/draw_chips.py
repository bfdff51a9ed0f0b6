"""Draws docs/images/chips.png: python -m docs.images.draw_chips"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from benchmarks.chips import SWEEPS, exponent, study
from pbits.mapping import colour_classes
from pbits.reference import chips, total_variation

INK = "#222222"
LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24)


def curves(ax):
    ax.set_title("Residual energy of anneals", fontsize=11, loc="left", fontweight="bold", color=INK)
    found = study(10, 16, 5, 8)
    for place, curve in enumerate(found):
        mean = curve.residual.mean(axis=0)
        label = f"{curve.label}: κ = {exponent(mean):.2f}" if curve.fitted else curve.label
        if curve.eta is None:
            ax.loglog(SWEEPS, mean, color=INK, lw=1.5, label=label)
        else:
            colour = plt.get_cmap("plasma")(0.9 * (place - 1) / (len(found) - 1))
            ax.loglog(SWEEPS, mean, "o" if place == 1 else "o-", ms=5, lw=1, color=colour, label=label)
    ax.set(xlabel="sweeps", ylabel="(E − E$_0$)/n")
    ax.legend(frameon=False, fontsize=8)


def laws(ax):
    ax.set_title("Distance to the Boltzmann law, exact", fontsize=11, loc="left", fontweight="bold", color=INK)
    ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (0, 3)], 1.0)
    phases = [colour.tolist() for colour in colour_classes(ring)]
    for beta, mark in ((0.25, "o"), (0.5, "s"), (1.0, "D")):
        boltzmann = pbits.exact(ring, beta).probabilities
        far = [total_variation(chips.law(ring, beta, [0, 0, 1, 1], phases, lag), boltzmann) for lag in LAGS]
        eta = len(phases) / np.array(LAGS)
        ax.semilogx(eta, far, mark + "-", ms=5, lw=1, label=f"β = {beta:g}")
    ax.axvline(len(phases), color=INK, lw=0.8, ls=":")
    ax.set(xlabel="η = exchanges in the time of a sweep", ylabel="total variation")
    ax.legend(frameon=False, fontsize=8, title="ring of 4 on 2 chips", title_fontsize=8)


def main():
    figure, axes = plt.subplots(1, 2, figsize=(11.4, 4.4))
    for ax, draw in zip(axes, (curves, laws)):
        draw(ax)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2.0)
    figure.savefig(Path(__file__).with_name("chips.png"), dpi=130)


if __name__ == "__main__":
    main()
