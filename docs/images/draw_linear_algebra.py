"""Draws docs/images/linear_algebra.png: python -m docs.images.draw_linear_algebra"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models.langevin import Circuit
from pbits.algorithms import log_determinant
from pbits.problems import LinearSystem, MatrixExponential, MatrixInverse

DATA, EXACT, OTHER = "#d9822b", "#222222", "#3b6ea5"
CIRCUIT = Circuit()


def matrix(n, lowest, seed=1):
    """Symmetric, eigenvalues from `lowest` to 1."""
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    A = (axes * np.geomspace(lowest, 1, n)) @ axes.T
    return (A + A.T) / 2


def inverses(ax):
    counts = np.array([30, 100, 300, 1000, 3000, 10_000])
    for n, colour in ((8, DATA), (32, OTHER)):
        task = MatrixInverse(matrix(n, 0.1))
        sigma = task.exact()
        rate = np.sqrt((np.trace(sigma) ** 2 + (sigma**2).sum()) / (sigma**2).sum())
        schedule = pbits.Schedule(n_samples=2500, n_warmup=10, steps_per_sample=3, chains=4)
        for seed in range(3):
            run = pbits.run(task, CIRCUIT, schedule, seed=seed, judge=False)
            found = [task.answer(run.states[:, : c // 4], run.energies[:, : c // 4]) for c in counts]
            ax.loglog(counts, [one.objective for one in found], "o", ms=4, color=colour, mfc="none" if seed else colour)
        bars = [task.relative_error(one) or np.nan for one in found]
        ax.loglog(counts, bars, "x", ms=7, color=colour, label=f"{n} × {n}: circles; error bars: crosses")
        ax.loglog(counts, rate / np.sqrt(counts), color=EXACT, lw=1)
    ax.set(xlabel="independent draws", ylabel="relative error", title="Inverse: law (lines), three runs")


def exponentials(ax):
    shift = np.array([[0.3, 1.5, 0.0], [-1.5, 0.3, 0.4], [0.0, 0.0, 0.6]])
    times = np.linspace(0.25, 4, 16)
    run = None
    for t in times:
        task = MatrixExponential(shift, t)
        if run is None:
            schedule = pbits.Schedule(n_samples=4000, n_warmup=100, step_tau=0.25, chains=4)
            run = pbits.run(task, CIRCUIT, schedule, seed=1, judge=False)
        found = task.answer(run.states, run.energies, step_tau=0.25)
        for (i, j), colour in (((0, 0), DATA), ((0, 1), OTHER), ((0, 2), "0.5")):
            ax.errorbar(t, found.value[i, j], 2 * found.error[i, j], fmt="o", ms=3.5, color=colour, capsize=2)
    fine = np.linspace(0, 4, 100)
    exact = np.array([MatrixExponential(shift, t).exact() if t else np.eye(3) for t in fine])
    for (i, j), colour in (((0, 0), DATA), ((0, 1), OTHER), ((0, 2), "0.5")):
        ax.plot(fine, exact[:, i, j], color=colour, lw=1, label=f"entry {i}{j}")
    ax.set(xlabel="t", ylabel="e$^{-At}$", title="Exponential: one run, all t (bars: 2 errors)")


def solves(ax):
    task = LinearSystem(matrix(16, 0.02), np.random.default_rng(2).normal(size=16))
    slowest = 1 / np.linalg.eigvalsh(task.A)[0]
    times = np.geomspace(0.02, 30, 60) * slowest
    ax.loglog(times, [task.score(task.settled(t)) for t in times], color=EXACT, label="settles without noise")
    counts = np.unique(np.geomspace(1, 3000, 12).astype(int))
    for beta, colour in ((1e2, DATA), (1e4, OTHER)):
        schedule = pbits.Schedule(n_samples=3000, n_warmup=0, chains=1, beta=beta, step_tau=0.1 * slowest)
        start = task.exact()
        run = pbits.run(task, CIRCUIT, schedule, seed=1, initial=start, judge=False)
        scores = [task.score(run.states[0, :c].mean(axis=0)) for c in counts]
        ax.loglog(0.1 * slowest * counts, scores, "o", ms=4, color=colour, label=f"mean of draws from x*, β = {beta:g}")
    ax.set(xlabel="time, in units of A", ylabel="residual", title="Solve: noise only adds", ylim=(1e-6, 30))


def determinants(ax):
    A = matrix(8, 0.1)
    exact = np.linalg.slogdet(A)[1]
    stages = np.array([1, 2, 4, 8, 16])
    for method, colour, move in (("bar", DATA, 0.97), ("jarzynski", OTHER, 1.03)):
        found = [log_determinant(A, CIRCUIT, stages=int(k), relax=1, chains=300, method=method, seed=1) for k in stages]
        off, errors = np.transpose([(one.value - exact, one.error) for one in found])
        ax.errorbar(stages * move, off, 2 * errors, fmt="o", ms=4, color=colour, capsize=3, label=method)
    ax.axhline(0, color=EXACT, lw=1)
    ax.set(xlabel="stages", ylabel="ln det − exact", title="Determinant, 300 works a way", xscale="log")


def main():
    figure, axes = plt.subplots(1, 4, figsize=(15.6, 3.9))
    for ax, draw in zip(axes, (inverses, solves, exponentials, determinants)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.legend(fontsize=7, frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("linear_algebra.png"), dpi=90)


if __name__ == "__main__":
    main()
