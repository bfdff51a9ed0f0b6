"""Draws docs/images/sudoku.png: python -m docs.images.draw_sudoku"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from benchmarks.sudoku import PUZZLES, backtrack
from pbits.problems import Sudoku

COLOURS = {"medium": "#3b6ea5", "AI Escargot": "#d9822b", "17 givens": "#222222"}
RUNS, MOST = 20, 10_000


def sweeps_at(puzzle, beta, chains=32):
    """Sweeps until a first chain holds the solution, of each run; MOST where none did."""
    schedule = pbits.Schedule.anneal(
        sweeps=MOST, beta_start=beta, beta_stop=beta, levels=1, chains=chains, stop_at=0, stop="any"
    )
    runs = [pbits.run(puzzle, "ideal", schedule, seed=seed, judge=False) for seed in range(RUNS)]
    return np.array([run.trace.steps[-1] for run in runs])


def temperatures(ax):
    for name, colour in COLOURS.items():
        puzzle = Sudoku(PUZZLES[name].grid)
        betas = np.arange(2.0, 3.61, 0.2)
        medians = [np.median(sweeps_at(puzzle, beta)) for beta in betas]
        own = puzzle.beta_range()[0]
        ax.semilogy(1 / betas, medians, "o-", ms=4, color=colour, label=name)
        ax.plot(1 / own, np.exp(np.interp(own, betas, np.log(medians))), "o", ms=11, mfc="none", color=colour)
        print(name, f"rule: T = {1 / own:.3f};", ", ".join(f"{1 / b:.3f}: {m:.0f}" for b, m in zip(betas, medians)))
    plain = Sudoku(PUZZLES["AI Escargot"].grid, given_weight=1)
    found = {beta: sweeps_at(plain, beta) for beta in (2.6, 3.0, 3.4)}
    medians = [np.median(each) for each in found.values()]
    ax.semilogy([1 / beta for beta in found], medians, "^--", color=COLOURS["AI Escargot"], label="AI Escargot, g = 1")
    print("AI Escargot, g = 1:", {round(1 / b, 3): f"{(each < MOST).sum()} of {RUNS}" for b, each in found.items()})
    ax.set(xlabel="temperature T = 1/β", ylabel="sweeps to the solution", title=f"32 chains, median of {RUNS} runs")


def times(ax):
    for name, colour in COLOURS.items():
        puzzle = Sudoku(PUZZLES[name].grid)
        pbits.run(puzzle, "ideal", seed=0, judge=False)
        seconds = [pbits.run(puzzle, "ideal", seed=seed, judge=False).wall_time_s for seed in range(1, 61)]
        ax.plot(1e3 * np.sort(seconds), (np.arange(60) + 0.5) / 60, color=colour, label=name)
        found = np.median([backtrack(puzzle.grid.ravel().tolist()).all_s for _ in range(7)])
        ax.axvline(1e3 * found, color=colour, ls=":")
    ax.set(xscale="log", xlabel="milliseconds, one thread", ylabel="share of runs that solved", ylim=(0, 1))
    ax.set_title("60 runs each (dotted: backtracker)")


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    temperatures(left)
    times(right)
    for ax in (left, right):
        ax.legend(fontsize=8)
        ax.grid(alpha=0.3, which="major")
    figure.savefig(Path(__file__).with_name("sudoku.png"), dpi=110)


if __name__ == "__main__":
    main()
