"""Draws docs/images/lfsr.png: python -m docs.images.draw_lfsr"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from benchmarks.lfsr import MODELS, ROWS, alone, correlation, distance, label, successive
from pbits.reference import tv_noise_floor

INK, COLOURS = "#222222", {"lfsr": "#c23030", "lfsr-8": "#d9822b", "xoshiro": "#3b6ea5"}
DRAWS = 1_000_000
P = np.linspace(0.5, 0.99, 11)


def words(ax):
    ax.set_title("Successive words of one generator", fontsize=11, loc="left", fontweight="bold", color=INK)
    for place, generator in enumerate(("lfsr", "lfsr-8")):
        shown = alone(generator, np.array([0.5]), 2500)[0][:, 0] / 2**32
        ax.plot(shown[:-1] + 1.15 * place, shown[1:], ".", ms=2, color=COLOURS[generator])
        ax.text(0.5 + 1.15 * place, 1.05, generator, ha="center", fontsize=9)
    ax.set(xlabel="a word / 2$^{32}$", ylabel="the next", xticks=[0, 1, 1.15, 2.15], xticklabels=[0, 1, 0, 1])
    ax.set(yticks=[0, 1], ylim=(-0.03, 1.14))


def outputs(ax):
    ax.set_title("Successive outputs of one p-bit", fontsize=11, loc="left", fontweight="bold", color=INK)
    fine = np.linspace(0.5, 0.995, 200)
    for generator, k in (("lfsr", 1), ("lfsr-8", 8), ("xoshiro", 32)):
        ax.plot(fine, [correlation(k, p) for p in fine], color=COLOURS[generator], lw=1)
        ax.plot(P, successive(alone(generator, P, 4000)[1]), "o", ms=4, color=COLOURS[generator], label=generator)
    ax.set(xlabel="P(s = +1)", ylabel="correlation with the next")
    ax.legend(frameon=False, fontsize=9)


def laws(ax):
    ax.set_title("Distance to the Boltzmann law", fontsize=11, loc="left", fontweight="bold", color=INK)
    for place, (name, model) in enumerate(MODELS.items()):
        found = [distance(model, *row, DRAWS) for row in ROWS]
        ax.plot(
            np.arange(len(ROWS)), found, "osD^"[place], ms=6, label=name, color=plt.get_cmap("viridis")(place / 3.5)
        )
        floor = float(tv_noise_floor(pbits.exact(model).probabilities, DRAWS))
        ax.axhline(floor, lw=0.8, ls=":", color=plt.get_cmap("viridis")(place / 3.5))
    ax.set(yscale="log", ylabel="total variation; dotted: independent draws")
    ax.set_xticks(np.arange(len(ROWS)), [label(*row).replace(", ", "\n") for row in ROWS], fontsize=8, rotation=30)
    ax.legend(frameon=False, fontsize=8)


def main():
    figure, axes = plt.subplots(1, 3, figsize=(13.4, 4.3))
    for ax, draw in zip(axes, (words, outputs, laws)):
        draw(ax)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2.0)
    figure.savefig(Path(__file__).with_name("lfsr.png"), dpi=130)


if __name__ == "__main__":
    main()
