"""Draws docs/images/primitives.png: python -m docs.images.draw_primitives"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import multivariate_normal, norm

import pbits
from hardware_models.gibbs.primitives import Primitives
from pbits.diagnostics import tau_int
from pbits.reference import exact_tau_int
from pbits.reference.categorical import transition

DATA, EXACT, OTHER = "#d9822b", "#222222", "#3b6ea5"


def coupled_mixtures():
    """Two p-dits that prefer to agree, each of which drives a mode of its own; the modes are coupled too."""
    wells = np.array([-2.8, 0.0, 2.8])
    dits = pbits.CategoricalModel([3, 3], [0.5 * wells**2] * 2, {(0, 1): -0.4 * np.eye(3)})
    drives = wells[:, None] * [1.0, 0.0]
    return pbits.HybridModel(dits, [[1.0, -0.05], [-0.05, 1.0]], [0.1, 0.0], {0: drives, 1: drives[:, ::-1]})


def sampled(model, machine, n_samples=400):
    schedule = pbits.Schedule(n_samples=n_samples, n_warmup=100, steps_per_sample=20, chains=500)
    return pbits.run(model, machine, schedule, seed=1).states.reshape(-1, model.n)


def bumps(ax):
    model = coupled_mixtures()
    law, states = pbits.exact(model), sampled(model, Primitives(relaxation_per_category=10), 40)
    side = np.linspace(-6.5, 6.5, 160)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    density = sum(p * multivariate_normal(mean, law.mode_covariance).pdf(grid)
                  for p, mean in zip(law.probabilities, law.mode_means))  # fmt: skip
    shown = states[:4000]
    ax.plot(shown[:, 2], shown[:, 3], ".", ms=1.5, color=DATA, alpha=0.5, rasterized=True, label="4,000 draws")
    ax.contour(
        side,
        side,
        density,
        levels=density.max() * np.array([0.03, 0.1, 0.2, 0.4, 0.6, 0.8]),
        colors=EXACT,
        linewidths=0.7,
    )
    ax.plot([], [], color=EXACT, lw=0.7, label="exact density")
    ax.set(xlabel="mode 0", ylabel="mode 1", title="Two coupled p-MoGs: 9 Gaussians")


def temperatures(ax):
    model = coupled_mixtures()
    side = np.linspace(-6.5, 6.5, 300)
    for sigma, colour in ((0.0, DATA), (0.5, OTHER)):
        machine = Primitives(relaxation_per_category=10, mode_temperature_sigma_d2d=sigma)
        chip = machine.compile(model, pbits.Schedule()).temperatures
        ax.hist(sampled(model, machine)[:, 2], bins=90, range=(-6.5, 6.5), density=True, histtype="step", color=colour,
                label=f"temperatures {chip[0]:.2f} and {chip[1]:.2f}")  # fmt: skip
    law = pbits.exact(model)
    deviation = np.sqrt(law.mode_covariance[0, 0])
    density = sum(p * norm(mean[0], deviation).pdf(side) for p, mean in zip(law.probabilities, law.mode_means))
    ax.plot(side, density, color=EXACT, lw=0.8, ls="--", label="exact")
    ax.set(xlabel="mode 0", ylabel="density", title="What unequal temperatures do")


def relaxation(ax):
    model = pbits.CategoricalModel(6, [0.5 * np.arange(6), np.zeros(6)], {(0, 1): -0.8 * np.eye(6)})
    law, many = pbits.exact(model), np.arange(1, 25)
    exact = [exact_tau_int(transition(model, draws=int(d)), law.probabilities, law.states[:, 1]) for d in many]
    ax.plot(many, exact, color=EXACT, label="transition matrix")
    settled = exact_tau_int(transition(model), law.probabilities, law.states[:, 1])
    ax.axhline(settled, color=OTHER, ls=":", label="a draw from all 6 categories")
    for draws in (1, 2, 3, 4, 6, 9, 14, 20):
        schedule = pbits.Schedule(n_samples=4000, n_warmup=200, chains=64)
        states = pbits.run(model, Primitives(relaxation=draws), schedule, seed=draws).states
        ax.plot(draws, tau_int(states[..., 1]), "o", ms=5, color=DATA, label="256,000 draws" if draws == 1 else None)
    ax.set(xlabel="draws of a p-cell in an update", ylabel="τ$_{int}$, sweeps", title="A p-dit that relaxes, q = 6")


def main():
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 3.9))
    for ax, draw in zip(axes, (bumps, temperatures, relaxation)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.legend(fontsize=7.5, frameon=False, loc="upper right" if draw is relaxation else "upper left")
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("primitives.png"), dpi=95)


if __name__ == "__main__":
    main()
