"""Draws docs/images/lattice_walk.png: python -m docs.images.draw_lattice_walk"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

import pbits
from pbits.langevin import Walk
from pbits.reference.chains import ReducibleError
from pbits.reference.potential import diffusion_rates
from pbits.streams import Streams

DATA, EXACT, OTHER = "#d9822b", "#222222", "#3b6ea5"
BETA = 8.0
WELL = pbits.QuarticModel([1.0], [1.0])
PAIR = pbits.GaussianModel([[2.0, -0.9], [-0.9, 1.6]])


def lattices(ax):
    spacings = np.geomspace(0.02, 0.4, 12)
    second = pbits.exact(WELL, BETA).covariance[0, 0]
    rate = diffusion_rates(lambda x: WELL.energy(x[:, None]), BETA, -2.5, 2.5)[1]
    walks = [Walk(lattice=dx, step=0.25 * BETA * dx**2) for dx in spacings]
    laws = [walk.law(WELL, BETA) for walk in walks]
    ax.loglog(spacings, [abs(p @ x**2 / second - 1) for x, p in laws], "o-", ms=4, color=DATA, label="⟨x²⟩")
    ax.loglog(
        spacings,
        [abs(walk.rates(WELL, BETA)[1] / rate - 1) for walk in walks],
        "s-",
        ms=4,
        color=OTHER,
        label="rate of escape",
    )
    ax.loglog(spacings, 0.3 * spacings**2, color=EXACT, ls=":", label="∝ δx²")
    ax.set(xlabel="lattice δx", ylabel="relative error", title="Double well, barrier 2 kT: exact errors")


def orders(ax):
    steps = np.geomspace(0.005, 0.06, 10)
    truth = np.linalg.inv(PAIR.A)
    off = [abs(Walk(lattice=0.5, step=step).moments(PAIR)[1][0, 1] - truth[0, 1]) for step in steps]
    ax.plot(steps, off, color=EXACT, label="at once: moment equation")
    ax.axhline(0, color=EXACT, ls=":", label="in turn: moment equation")
    chains = 400_000
    error = np.sqrt((truth[0, 0] * truth[1, 1] + truth[0, 1] ** 2) / chains)
    for in_turn, mark, colour in ((False, "o", DATA), (True, "^", OTHER)):
        for step in (0.01, 0.02, 0.03, 0.04):
            # As fine as the step allows, so that no drift is clipped.
            walk = Walk(lattice=np.sqrt(2.2 * step), step=step, in_turn=in_turn)
            start = np.zeros((chains, 2), dtype=int)
            path = walk.sample(PAIR, start, Streams(seed=3), samples=1, updates_per_sample=round(6 / step))
            x = walk.lattice * path.k[:, 0].astype(float)
            label = ("in turn" if in_turn else "at once") + ": 400,000 samples" if step == 0.01 else None
            gap = truth[0, 1] - np.cov(x, rowvar=False)[0, 1]
            ax.errorbar(step, gap, error, fmt=mark, ms=5, color=colour, label=label)
    ax.set(xlabel="step δt", ylabel="covariance missing between the sites", title="Two coupled sites")


def words(ax):
    second = Walk(lattice=0.1, step=0.02).law(WELL, BETA)
    truth = second[1] @ second[0] ** 2
    for name, bits, mark, colour in (
        ("random_bits", range(4, 17), "o", DATA),
        ("register_bits", range(4, 6), "s", OTHER),
    ):
        places, off = [], []
        for count in bits:
            try:
                x, p = Walk(lattice=0.1, step=0.02, **{name: count}).law(WELL, BETA)
            except ReducibleError:
                continue
            places.append(count)
            off.append(max(abs(p @ x**2 / truth - 1), 1e-8))
        ax.semilogy(places, off, mark, ms=5, color=colour, label=name.replace("_", " "))
    ax.set(xlabel="bits", ylabel="relative error of ⟨x²⟩", title="Finite words, δx = 0.1: exact errors", ylim=(1e-7, 2))


def main():
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 3.9))
    for ax, draw in zip(axes, (lattices, orders, words)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend(fontsize=7.5, frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("lattice_walk.png"), dpi=110)


if __name__ == "__main__":
    main()
