"""Draws docs/images/higher_order.png: python -m docs.images.draw_higher_order"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from pbits.diagnostics import repeats_to_target
from pbits.mapping import order_costs, quadratise
from pbits.problems import Satisfiability

WAYS = {"native": "#d9822b", "by pairs": "#3b6ea5", "pairs shared": "#8f8f8f"}
SWEEPS = (50, 100, 200, 400, 800, 1600)
SEEDS = range(1, 6)


def to_solution(model, read, formula):
    """Sweeps to solve it with 99 %, for anneals of each length."""
    start, stop = formula.beta_range()
    for sweeps in SWEEPS:
        anneal = pbits.Schedule.anneal(sweeps=sweeps, beta_start=start, beta_stop=stop, shape="linear", chains=256)
        run = pbits.run(model, "ideal", anneal, seed=3)
        solved = (formula.to_model().energy(read(run.states[:, -1])) < 0.5).mean()
        yield sweeps * repeats_to_target(float(solved))


def solving(ax):
    found = {name: [] for name in WAYS}
    for seed in SEEDS:
        formula = Satisfiability.planted(75, 300, seed)
        alone = formula.encoded("quadratised")
        shared, code = quadratise(formula.to_model())
        ways = (formula.to_model(), np.asarray), (alone.to_model(), alone.code.decode), (shared, code.decode)
        for rows, (model, read) in zip(found.values(), ways):
            rows.append(list(to_solution(model, read, formula)))
    for (name, colour), rows in zip(WAYS.items(), found.values()):
        # A formula that no anneal solved lies above the picture.
        for row in rows:
            ax.plot(SWEEPS, row, ".", color=colour, ms=4, alpha=0.6)
        ax.plot(SWEEPS, np.median(rows, axis=0), "-", color=colour, label=name)
    ax.set(
        xscale="log", yscale="log", ylim=(30, 2e6), xlabel="sweeps of an anneal", ylabel="sweeps to a solution, at 99 %"
    )
    ax.set_title("75 variables, 300 clauses, five formulas", fontsize=10, loc="left")
    ax.legend(frameon=False, fontsize=9)


def holding(ax):
    lengths = range(2, 13)
    costs = []
    for k in lengths:
        clause = Satisfiability([range(1, k + 1)])
        costs.append(order_costs(clause.to_model(), clause.to_model("quadratised")))
    ax.plot(lengths, [cost.native.terms for cost in costs], "o-", color=WAYS["native"], ms=4)
    ax.plot(lengths, [cost.quadratised.terms for cost in costs], "o-", color=WAYS["by pairs"], ms=4)
    ax.set(yscale="log", xlabel="literals of a clause", ylabel="weights of its penalty")
    ax.set_title("one clause, in spins", fontsize=10, loc="left")


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    solving(left)
    holding(right)
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(Path(__file__).with_name("higher_order.png"), dpi=130)


if __name__ == "__main__":
    main()
