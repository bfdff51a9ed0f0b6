"""Draws docs/images/memories.png: python -m docs.images.draw_memories"""

from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from pbits.algorithms import capacity_curve
from pbits.problems import DenseMemory, HopfieldMemory, capacity

COLOURS = ("#222222", "#d9822b", "#3b6ea5")
LOADS = {
    0.0: (0.02, 0.06, 0.1, 0.12, 0.13, 0.14, 0.15, 0.17, 0.2),
    0.3: (0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2),
    0.6: (0.005, 0.015, 0.03, 0.04, 0.06, 0.1, 0.2),
}


def theory(ax):
    fine = np.linspace(0, 0.2, 801)
    for (temperature, loads), colour in zip(LOADS.items(), COLOURS):
        ax.plot(fine, [capacity.overlap(load, temperature) for load in fine], color=colour, lw=1.4)
        points = capacity_curve(loads, 2000, temperature=temperature, sweeps=100, memories=4, recalls=2, seed=1)
        ax.errorbar(
            [p.load for p in points], [p.overlap for p in points], [p.error for p in points], fmt="o", ms=4,
            color=colour, label=f"T = {temperature:g}",
        )  # fmt: skip
    ax.set(xlabel="load p/n", ylabel="overlap m", title="Hebb: theory, and 2000 p-bits")


def rules(ax):
    loads = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
    for rule, colour in zip(("hebb", "storkey", "pseudo-inverse"), COLOURS):
        points = capacity_curve(
            loads, 200, memory=partial(HopfieldMemory, rule=rule), corruption=0.1, recalls=8, draws=1, seed=2
        )
        ax.errorbar(
            loads, [p.overlap for p in points], [p.error for p in points], fmt="o-", ms=4, lw=1, color=colour,
            label=rule,
        )  # fmt: skip
    ax.set(xlabel="load p/n", ylabel="overlap m", title="Rules: 200 p-bits, a tenth of the cue wrong")


def dense(ax):
    variances = np.geomspace(0.06, 2, 100)
    # Of order 2 and many spins the patterns over the spins are the variance.
    ax.plot(variances, [capacity.crosstalk_errors(10**6, int(v * 10**6) + 1) for v in variances], color="#999999")
    rng = np.random.default_rng(3)
    for (order, double), colour in zip(((2, 1), (3, 3), (4, 15)), COLOURS):
        for n, mark in ((24, "o"), (48, "^")):
            lost = []
            loads = np.array([0.15, 0.25, 0.5, 1.0])
            for load in loads:
                p = round(load * n ** (order - 1) / double)
                stored = DenseMemory(rng.choice([-1, 1], (p, n)), order) if p > 1 else None
                lost.append(np.nan if stored is None else _turning(stored))
            ax.loglog(loads, lost, mark, ms=5, color=colour, mfc="none", label=f"k = {order}, n = {n}")
    ax.set(xlabel="p (2k − 3)!!/n$^{k-1}$", ylabel="spins that turn", title="Dense: capacity n$^{k-1}$", ylim=(1e-3, 1))


def _turning(memory):
    some = memory.patterns[:100]
    flipped = some[:, None, :] * (1 - 2 * np.eye(memory.n))
    return np.mean([memory.energy(rows) < energy for rows, energy in zip(flipped, memory.energy(some))])


def main():
    figure, axes = plt.subplots(1, 3, figsize=(13.4, 4.2))
    for ax, draw in zip(axes, (theory, rules, dense)):
        draw(ax)
        ax.legend(frameon=False, fontsize=8.5)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2.0)
    figure.savefig(Path(__file__).with_name("memories.png"), dpi=100)


if __name__ == "__main__":
    main()
