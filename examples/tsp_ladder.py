"""One travelling salesman, 16 cities, four ways: what becomes of the tour as its encoding gets better."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from pbits.algorithms import temper_penalties
from pbits.problems import TravelingSalesman
from pbits.runner import suggested_schedule

DECISIONS = 2e6
problem = TravelingSalesman.random(16, seed=4, penalty="tight")


def anneal(encoding):
    posed = problem.encoded(encoding)
    sweeps = int(DECISIONS / posed.to_model().n / 16)
    return pbits.run(posed, "ideal", suggested_schedule(posed, chains=16, sweeps=sweeps), seed=1).solution


penalties = np.geomspace(problem.penalty / 2, problem.penalty_by("safe"), 5)
betas = np.geomspace(*problem.beta_range(), 10)
sweeps = int(DECISIONS / problem.to_model().n / 50)
found = {
    "one-hot p-bits": anneal("one-hot"),
    "tempering over penalties": temper_penalties(
        problem, penalties=penalties, betas=betas, sweeps=sweeps, swap_every=2, seed=1
    ).solution,
    "p-dits": anneal("p-dits"),
    "permutation moves": anneal("permutation"),
}
figure, panels = plt.subplots(1, 4, figsize=(11, 3.2))
for panel, (method, solution) in zip(panels, found.items()):
    print(f"{method:>24}: {solution}")
    if solution.feasible:
        panel.plot(*problem.coordinates[[*solution.value, 0]].T, "o-", ms=3)
    panel.set(title=f"{method}\n{solution.objective or float('nan'):.3f}", xticks=[], yticks=[], aspect="equal")
figure.savefig("tsp_ladder.png", dpi=90)
