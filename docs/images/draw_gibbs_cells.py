"""Draws docs/images/gibbs_cells.png: python -m docs.images.draw_gibbs_cells"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from hardware_models.gibbs.cell import Cell, against_quoted

COLOURS = {"rng": "#3b6ea5", "bias": "#8f8f8f", "clock": "#5a8f4e", "wires": "#d9822b"}
NAMES = {"rng": "random bit", "bias": "bias network", "clock": "clock", "wires": "wires, one toggle"}
EXACT = "#222222"
CELL = Cell.published()


def response(ax):
    gamma = np.linspace(0, 1, 200)
    millivolts = 1e3 * CELL.settled_v(gamma)
    spread = 0.1
    for label, volts, style in (
        ("ideal", CELL.settled_v(gamma), {"color": EXACT}),
        ("leak λ = 0.1", CELL.settled_v(gamma / (1 + spread)), {"color": COLOURS["wires"], "ls": "--"}),
        ("supply low by 20 %", CELL.settled_v(gamma * 0.8), {"color": COLOURS["rng"], "ls": ":"}),
    ):
        ax.plot(millivolts, CELL.response(CELL.drive(volts)), label=label, **style)
    ax.set(xlabel="γV$_{dd}$, mV", ylabel="P(x = 1)", ylim=(0, 1), title="Response of a settled cell")


def relaxation(ax):
    seconds = np.linspace(0, 300e-9, 600)
    before, after = 0.3, 0.8
    volts = np.array([float(CELL.settle(CELL.settled_v(before), after, t)) for t in seconds])
    theta = CELL.drive(volts)
    up, chances = float(CELL.response(CELL.drive(CELL.settled_v(before)))), []
    for here in theta:
        chances.append(up)
        up = float(CELL.relax(up, here, seconds[1]))
    ax.plot(seconds * 1e9, volts / CELL.settled_v(1.0), color=COLOURS["bias"], label="V$_b$/V$_{dd}$")
    ax.plot(seconds * 1e9, CELL.response(theta), color=COLOURS["rng"], ls="--", label="σ(θ)")
    ax.plot(seconds * 1e9, chances, color=EXACT, label="P(x = 1)")
    ax.set(xlabel="ns after the neighbours moved", ylim=(0, 1), title="τ$_{bias}$ = 20 ns (fitted), τ$_{rng}$ = 100 ns")


def joules(ax):
    rows = against_quoted(CELL)
    rules = list(dict.fromkeys(row.rules for row in rows))
    for place, name in enumerate(rules):
        bottom = 0.0
        computed = next(row.computed for row in rows if row.rules == name)
        for part, colour in COLOURS.items():
            height = getattr(computed, part).value * 1e15
            ax.bar(place, height, 0.65, bottom, color=colour, label=NAMES[part] if not place else None)
            bottom += height
    for fitted, label in ((False, "quoted"), (True, "quoted, and fitted to")):
        quoted = [(rules.index(row.rules), row.quoted.value) for row in rows if row.quoted and row.fitted is fitted]
        places, values = np.transpose(quoted)
        ax.plot(places, values * 1e15, "D", ms=6, color=EXACT, mfc="white" if fitted else EXACT, label=label)
    ax.set_xticks(range(len(rules)), rules)
    ax.set(ylabel="fJ an update", title="Computed and quoted")


def main():
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 3.9))
    for ax, draw in zip(axes, (response, relaxation, joules)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.legend(fontsize=7.5, frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("gibbs_cells.png"), dpi=110)


if __name__ == "__main__":
    main()
