"""Draws docs/images/invertible_logic.png: python -m docs.images.draw_invertible_logic"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.factoring import measure, semiprimes
from hardware_models import pbit
from pbits.problems.gates import FULL_ADDER

INK, MUTED, COLOURS = "#222222", "#8f8f8f", ("#3b6ea5", "#7a9e4d", "#d9822b", "#c23030")
CLOCKS = {
    "one colour at a time": ("chromatic", {}),
    "each with q = ¼": ("partial", {"q": 0.25}),
    "each with q = ½": ("partial", {"q": 0.5}),
    "all at once": ("synchronous", {}),
}
BETAS = np.linspace(0.0, 0.7, 15)
SIZES = (6, 8, 10, 12, 14, 16)


def share(update, options, beta):
    """How often a full adder is on a row of its truth table, exactly."""
    law = pbit.stationary_law(FULL_ADDER.model, update, beta=beta, **options)
    return law.probabilities[FULL_ADDER.model.energy(law.states) == 0].sum()


def clocks(ax):
    for (label, (update, options)), colour in zip(CLOCKS.items(), COLOURS):
        ax.plot(BETAS, [share(update, options, beta) for beta in BETAS], color=colour, label=label)
    ax.axhline(8 / 32, color=MUTED, lw=0.8, ls=":")
    ax.annotate("by chance", (0.7, 0.26), ha="right", fontsize=8, color=MUTED)
    ax.set(xlabel="β", ylabel="share of valid rows", ylim=(0, 1), title="A full adder under four clocks")
    ax.legend(frameon=False, fontsize=8, loc="upper left")


def sizes(ax):
    for known, label, colour in ((True, "both factors have half the bits", COLOURS[0]), (False, "any", COLOURS[2])):
        rows = [measure(semiprimes(bits, 8, 1), bits // 2 if known else None, 1000, 4096, True, 1) for bits in SIZES]
        rate, low, high = 100 * np.array([row["rate"] for row in rows]).T
        ax.errorbar(SIZES, rate, (rate - low, high - rate), fmt="o-", ms=4, capsize=3, color=colour, label=label)
    ax.set(xlabel="bits of the number", ylabel="%", yscale="log", title="Anneals of 1000 sweeps that end at factors")
    ax.legend(frameon=False, fontsize=8)


def main():
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
    clocks(axes[0])
    sizes(axes[1])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.title.set(fontsize=10.5, color=INK)
    figure.savefig(Path(__file__).with_name("invertible_logic.png"), dpi=130)


if __name__ == "__main__":
    main()
