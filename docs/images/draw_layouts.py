"""Draws docs/images/layouts.png: python docs/images/draw_layouts.py"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

UP, DOWN, INK, HOT, FIELD = "#d9822b", "#3b6ea5", "#222222", "#c23030", "#8f8f8f"


def cells(ax, x, y, colours, width, height, **kwargs):
    for column, colour in enumerate(colours):
        ax.add_patch(Rectangle((x + column * width, y), width, height, fc=colour, ec="white", lw=0.6, **kwargs))


def frame(ax, x, y, width, height, colour=HOT):
    ax.add_patch(Rectangle((x, y), width, height, fill=False, ec=colour, lw=1.8, zorder=5))


def arrow(ax, start, stop, colour=INK):
    ax.add_patch(FancyArrowPatch(start, stop, arrowstyle="-|>", mutation_scale=10, lw=1.1, color=colour, zorder=6))


def panel(ax, title, lines):
    ax.set(xlim=(0, 10), ylim=(-2.6, 9.2))
    ax.axis("off")
    ax.set_title(title, fontsize=11, loc="left", fontweight="bold", color=INK)
    for row, line in enumerate(lines):
        ax.text(0, -0.5 - 0.68 * row, line, fontsize=8.3, va="center", color=INK)


def spins(rng, count):
    return [UP if up else DOWN for up in rng.random(count) < 0.5]


def side_by_side(ax, rng):
    panel(
        ax,
        "Chains side by side",
        ["a row is a site, a cell one chain's spin (int8)", "I = Σ J s in float32, 16 chains an instruction",
         "any couplings; from 16 chains"],
    )  # fmt: skip
    for row in range(6):
        cells(ax, 1.2, 7.2 - 1.2 * row, spins(rng, 16), 0.52, 0.85)
        ax.text(0.9, 7.62 - 1.2 * row, f"s$_{row}$", ha="right", va="center", fontsize=9)
    frame(ax, 1.2, 7.2 - 1.2 * 2, 16 * 0.52, 0.85)
    for row in (1, 3):
        arrow(ax, (9.75, 7.62 - 1.2 * row), (9.6, 7.62 - 1.2 * 2))
    ax.text(5.3, 8.35, "chains 0 … 15 →", ha="center", va="center", fontsize=8.5)


def bits(ax, rng):
    panel(
        ax,
        "Bit-parallel",
        ["a row is a site: 512 chains, a bit each (a cache line)", "Σ by carry-save adders, u < P plane by plane",
         "±J, small integers; from 128 chains, or as 512", "blocks of one large lattice, in lock-step"],
    )  # fmt: skip
    for row in range(6):
        cells(ax, 1.2, 7.2 - 1.2 * row, spins(rng, 64), 0.13, 0.85)
        ax.text(0.9, 7.62 - 1.2 * row, f"s$_{row}$", ha="right", va="center", fontsize=9)
    frame(ax, 1.2, 7.2 - 1.2 * 2, 64 * 0.13, 0.85)
    for row in (1, 3):
        arrow(ax, (9.75, 7.62 - 1.2 * row), (9.6, 7.62 - 1.2 * 2))
    ax.text(5.3, 8.35, "512 chains →", ha="center", va="center", fontsize=8.5)


def dense(ax, rng):
    panel(
        ax,
        "Fields kept up to date",
        ["the fields I of all sites are stored; a decision reads one",
         "a flip of s$_i$ adds row J$_i$ to I: 16 couplings an",
         "instruction where all are coupled (dense), the", "neighbours alone where few are (one chain)"],
    )  # fmt: skip
    shades = plt.get_cmap("PuOr")
    for row in range(6):
        colours = [shades(value) for value in rng.random(16)]
        colours[row] = "#f4f4f4"
        cells(ax, 1.2, 7.2 - 1.0 * row, colours, 0.52, 0.7)
    ax.text(0.9, 7.55 - 2.0, "J$_i$", ha="right", va="center", fontsize=9)
    frame(ax, 1.2, 7.2 - 2.0, 16 * 0.52, 0.7)
    greys = [str(value) for value in 0.35 + 0.5 * rng.random(16)]
    cells(ax, 1.2, 0.85, greys, 0.52, 0.7)
    ax.text(0.9, 1.2, "I", ha="right", va="center", fontsize=9)
    frame(ax, 1.2, 0.85, 16 * 0.52, 0.7)
    arrow(ax, (9.7, 5.5), (9.7, 1.2), HOT)
    ax.text(9.8, 3.4, "+2s$_i$", fontsize=8.5, color=HOT, va="center")
    ax.text(5.3, 8.35, "sites →", ha="center", va="center", fontsize=8.5)


def main():
    rng = np.random.default_rng(4)
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 4.9))
    for ax, draw in zip(axes, (side_by_side, bits, dense)):
        draw(ax, rng)
    figure.tight_layout(w_pad=2.5)
    figure.savefig(Path(__file__).with_name("layouts.png"), dpi=140)


if __name__ == "__main__":
    main()
