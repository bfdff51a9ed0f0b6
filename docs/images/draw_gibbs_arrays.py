"""Draws docs/images/gibbs_arrays.png: python -m docs.images.draw_gibbs_arrays"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

import pbits
from hardware_models.gibbs import Array
from hardware_models.gibbs.cell import Cell
from pbits.diagnostics import tau_int
from pbits.errors import histogram
from pbits.reference import conditionals, exact_tau_int, stationary_of, total_variation, transition

CHAIN = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [0.9, -0.7], [0.2, 0, 0.1])
PHASES = [[0, 2], [1]]
CELL = Cell.published()
TAU_RNG, TAU_BIAS = CELL.tau_rng_s.value, CELL.tau_bias_s.value
LAW = pbits.exact(CHAIN)
DATA, LINE, OTHER = "#d9822b", "#222222", "#3b6ea5"


def law_error(phase_s, lazy):
    rule = {
        "rule": "unsettled",
        "phases": PHASES,
        "memory": np.exp(-phase_s / TAU_BIAS),
        "persistence": np.exp(-phase_s / TAU_RNG) if lazy else 0.0,
    }
    return total_variation(stationary_of(CHAIN, 1.0, rule).probabilities, LAW.probabilities)


def sweeps(phase_s):
    """τ_int of the slowest spin, its inputs settled."""
    T = transition(CHAIN, "phases", phases=PHASES, persistence=np.exp(-phase_s / TAU_RNG))
    return max(exact_tau_int(T, LAW.probabilities, LAW.states[:, site]) for site in range(CHAIN.n))


def run(phase_s, lazy, samples, thinning):
    machine = Array(
        rules="G4", rows=4, columns=4, phase_s=phase_s, tau_s=TAU_RNG if lazy else None, tau_bias_s=TAU_BIAS
    )
    schedule = pbits.Schedule(n_samples=samples, n_warmup=200, steps_per_sample=thinning, chains=1000)
    return pbits.run(CHAIN, machine, schedule, seed=1)


def joules(phase_s):
    """Of an effective sample: with a random bit that costs the same at any Δt, and with one of steady power."""
    left, up = np.exp(-phase_s / TAU_RNG), conditionals(CHAIN)
    toggle = (1 - left) * LAW.probabilities @ np.where(LAW.states > 0, 1 - up, up).mean(axis=1)
    parts = CELL.update_joules("G12", toggle=float(toggle), bias_s=2 * phase_s)
    other = parts.bias.value + parts.clock.value + parts.wires.value
    updates = CHAIN.n * sweeps(phase_s)
    return updates * (other + parts.rng.value), updates * (other + parts.rng.value * 2 * phase_s / TAU_RNG)


def errors(ax):
    ratios = np.geomspace(0.2, 6, 16)
    for lazy, colour, label in ((False, DATA, "a fresh bit in each phase"), (True, OTHER, "τ$_{rng}$ = 5 τ$_{bias}$")):
        ax.loglog(ratios, [law_error(x * TAU_BIAS, lazy) for x in ratios], color=colour, label=label)
        # A histogram of so many draws scatters by some 0.002, which fainter errors would drown in.
        some = (0.3, 0.7, 1.5) if lazy else (0.3, 0.7, 1.5, 3.0)
        drawn = [run(x * TAU_BIAS, lazy, 300, 8) for x in some]
        found = [total_variation(histogram(one.states), LAW.probabilities) for one in drawn]
        ax.loglog(some, found, "o", ms=5, color=colour)
    ax.set(xlabel="Δt/τ$_{bias}$", ylabel="total variation to Boltzmann", title="What inputs remember biases the law")
    ax.set_ylim(1e-3, 0.5)
    ax.legend(fontsize=8, frameon=False)


def mixing(ax):
    ratios = np.geomspace(0.1, 6, 30)
    ax.loglog(ratios, [sweeps(x * TAU_RNG) for x in ratios], color=LINE, label="τ$_{int}$, sweeps")
    ax.loglog(ratios, [2 * x * sweeps(x * TAU_RNG) for x in ratios], color=OTHER, label="2Δt τ$_{int}$/τ$_{rng}$")
    for x in (0.2, 0.5, 1.0, 3.0):
        states = run(x * TAU_RNG, True, 1500, 1).states
        ax.loglog(x, max(tau_int(states[..., site]) for site in range(CHAIN.n)), "o", ms=5, color=DATA)
    ax.plot([], [], "o", ms=5, color=DATA, label="simulated, inputs that settle in τ$_{rng}$/5")
    ax.set(xlabel="Δt/τ$_{rng}$", title="Short phases mix slowly, and cost little time")
    ax.set_yticks([2, 5, 10, 20, 50], labels=["2", "5", "10", "20", "50"])
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend(fontsize=8, frameon=False)


def trade(ax):
    ratios = np.geomspace(0.1, 6, 40)
    each, steady = np.transpose([joules(x * TAU_RNG) for x in ratios])
    ax.semilogx(ratios, 1e15 * each, color=DATA, label="random bit: so much an update")
    ax.semilogx(ratios, 1e15 * steady, color=OTHER, label="random bit: steady power")
    ax.set(
        xlabel="Δt/τ$_{rng}$",
        ylabel="fJ per effective sample of 3 cells",
        title="Joules have a best phase",
        ylim=(0, 105),
    )
    ax.legend(fontsize=8, frameon=False, loc="upper center")


def main():
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 3.9))
    for ax, draw in zip(axes, (errors, mixing, trade)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.set_xticks([0.2, 0.5, 1, 2, 5], labels=["0.2", "0.5", "1", "2", "5"])
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("gibbs_arrays.png"), dpi=110)


if __name__ == "__main__":
    main()
