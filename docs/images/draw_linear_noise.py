"""Draws docs/images/linear_noise.png: python -m docs.images.draw_linear_noise"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.langevin import shortcut
from pbits.langevin import OrnsteinUhlenbeck, laws, steady_state
from pbits.reference.langevin import ou_noise
from pbits.streams import Streams

DATA, EXACT, OTHER = "#d9822b", "#222222", "#3b6ea5"


def cells(hot):
    """Two cells of R = C = 1, coupled by a capacitor C, with noise of temperature 1 and `hot`."""
    inverse = np.linalg.inv([[2.0, -1.0], [-1.0, 2.0]])
    return OrnsteinUhlenbeck(inverse, inverse @ np.diag([1.0, hot]) @ inverse)


def circulation(ax):
    process = cells(20.0)
    state, sigma = steady_state(process), process.covariance
    reach = 2.6 * np.sqrt(np.diag(sigma))
    grid = np.stack(np.meshgrid(*[np.linspace(-r, r, 15) for r in reach]), axis=-1)
    inside = np.einsum("abi,ij,abj->ab", grid, np.linalg.inv(sigma), grid) < 7
    points = grid[inside]
    circle = np.array([np.cos(np.linspace(0, 2 * np.pi, 200)), np.sin(np.linspace(0, 2 * np.pi, 200))])
    for radius in (1, 2):
        ax.plot(*(radius * np.linalg.cholesky(sigma) @ circle), color=EXACT, lw=0.8)
    path = process.sample(np.zeros(2), np.full(300, 0.05), Streams(seed=4))[0]
    ax.plot(*path.T, color=DATA, lw=0.6, alpha=0.6)
    ax.quiver(*points.T, *state.velocity(points).T, color=OTHER, width=4e-3)
    ax.set(
        xlabel="v$_1$ (T = 1)", ylabel="v$_2$ (T = 20)", title=f"What circulates: {state.entropy_rate:.2f} nats per RC"
    )


def produced(ax):
    ratios = np.geomspace(1, 100, 60)
    for parts, style in ((60, "-"), (7, "o")):
        some = ratios if parts == 60 else np.geomspace(1, 100, parts)
        ax.plot(
            some,
            [steady_state(cells(hot)).entropy_rate if parts == 60 else measured(hot) for hot in some],
            style, ms=5, color=EXACT if parts == 60 else DATA,
            label="exact" if parts == 60 else "paths against their reverses",
        )  # fmt: skip
    ax.set(xscale="log", xlabel="T$_2$/T$_1$", ylabel="nats per RC", title="Entropy given off")
    ax.legend(fontsize=7.5, frameon=False)


def measured(hot, step=0.02, steps=500, chains=200):
    """⟨ln p(path)/p(reversed path)⟩ a unit of time."""
    process = cells(hot)
    start = np.linalg.cholesky(process.covariance) @ np.random.default_rng(1).normal(size=(2, chains))
    path, lengths = process.sample(start.T, np.full(steps, step), Streams(seed=2)), np.full(steps - 1, step)
    forward, backward = (process.log_likelihood(states, lengths) for states in (path, path[:, ::-1]))
    return (forward - backward).mean() / ((steps - 1) * step)


def errors(ax):
    times = np.geomspace(0.05, 10, 40)
    for (A, D, name), colour in zip(
        (
            ([[2.0, 1.0], [1.0, 2.0]], np.diag([0.5, 2.0]), "symmetric, unequal noise"),
            ([[3.0, 2.5], [2.0, 4.0]], np.eye(2), "not symmetric"),
            ([[1.0, 5.0], [0.0, 2.0]], np.eye(2), "far from normal"),
        ),
        (OTHER, DATA, EXACT),
    ):
        exact = [ou_noise(A, D, t) for t in times]
        process = OrnsteinUhlenbeck(A, D)
        off = [np.linalg.norm(shortcut(A, D, t) - C) / np.linalg.norm(C) for t, C in zip(times, exact)]
        here = [np.linalg.norm(process.step(t)[1] - C) / np.linalg.norm(C) for t, C in zip(times, exact)]
        ax.loglog(times, off, color=colour, label=name)
        ax.loglog(times, np.maximum(here, 1e-17), color=colour, ls=":")
    ax.set(xlabel="time t", ylabel="relative error of C(t)", ylim=(1e-17, 1e3), title="Shortcut, and here (dotted)")
    ax.legend(fontsize=7.5, frameon=False, loc="center right")


def knowing(ax):
    process = OrnsteinUhlenbeck(np.diag([1.0, 0.3, 0.1]))
    draws = np.geomspace(10, 10_000, 30).astype(int)
    for interval, colour in ((0.5, OTHER), (5.0, DATA)):
        ax.loglog(
            draws, [laws.inverse_error(process, interval, n) for n in draws], color=colour, label=f"Δ = {interval:g}"
        )
        some = [10, 100, 1000]
        start = np.linalg.cholesky(process.covariance) @ np.random.default_rng(1).normal(size=(3, 200))
        path = process.sample(start.T, np.full(some[-1], interval), Streams(seed=2))
        for n in some:
            found = np.einsum("cti,ctj->cij", path[:, :n], path[:, :n]) / n - process.covariance
            rms = np.sqrt((found**2).sum(axis=(1, 2)).mean()) / np.linalg.norm(process.covariance)
            ax.plot(n, rms, "o", ms=5, color=colour)
    ax.set(xlabel="draws", ylabel="relative error of Σ", title="How well Σ is known (dots: 200 paths)")
    ax.legend(fontsize=7.5, frameon=False)


def main():
    figure, axes = plt.subplots(1, 4, figsize=(15.5, 3.7))
    for ax, draw in zip(axes, (errors, circulation, produced, knowing)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("linear_noise.png"), dpi=100)


if __name__ == "__main__":
    main()
