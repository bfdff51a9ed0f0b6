"""Draws docs/images/variability.png: python -m docs.images.draw_variability"""

import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.variability import SIGMAS, SPREADS, of_noise, over_chips, remedies
from hardware_models.effects import OffsetNoise
from pbits.harm import HarmWarning

CHIPS = 5
COLOURS = ("#d9822b", "#3b6ea5", "#c23030", "#5a8f4e", "#8f8f8f")


def law_axes(ax):
    ax.set_ylabel("total variation to the posed law")
    ax.set_xticks(SIGMAS, [f"{sigma:g}" for sigma in SIGMAS])
    ax.set_xticks([], minor=True)
    ax.legend(fontsize=7.5, frameon=False, loc="upper left")


def spreads(ax):
    for (name, make), colour in zip(SPREADS.items(), COLOURS):
        ax.loglog(SIGMAS, over_chips(make, SIGMAS, CHIPS), "o-", ms=4, color=colour, label=name)
    ax.loglog(SIGMAS, [of_noise(s) for s in SIGMAS], "o-", ms=4, color=COLOURS[-1], label="slow noise of offsets")
    ax.set(xlabel="spread", ylim=(5e-4, 5), title="Each effect alone")
    law_axes(ax)


def cures(ax):
    found = [remedies(sigma, CHIPS) for sigma in SIGMAS]
    for name, colour in zip(found[0], COLOURS):
        ax.loglog(SIGMAS, [row[name] for row in found], "o-", ms=4, color=colour, label=name)
    ax.set(xlabel="spread of offsets and of ln α", ylim=(5e-3, 1.5), title="Two remedies")
    law_axes(ax)


def octaves(ax):
    noise = OffsetNoise(sigma=0.1, low=1e-4, high=1e-1)
    f = np.geomspace(1e-6, 10, 400)
    for corner in noise.corners:
        single = 0.01 / len(noise.corners) * 2 / (np.pi * corner) / (1 + (f / corner) ** 2)
        ax.loglog(f, single, color=COLOURS[-1], lw=0.6)
    ax.loglog(f, noise.spectrum(f), color=COLOURS[0], label="sum of octaves")
    middle = np.geomspace(2e-4, 5e-2, 2)
    ax.loglog(middle, 0.01 / np.log(1e3) / middle, "k:", label="1/f")
    ax.set(xlabel="frequency, per step", ylabel="spectrum of an offset", ylim=(1e-6, 50), title="OffsetNoise, σ = 0.1")
    ax.legend(fontsize=7.5, frameon=False)


def main():
    warnings.simplefilter("ignore", HarmWarning)
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 3.9))
    for ax, draw in zip(axes, (spreads, cures, octaves)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("variability.png"), dpi=110)


if __name__ == "__main__":
    main()
