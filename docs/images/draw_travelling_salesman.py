"""Draws docs/images/travelling_salesman.png: python -m docs.images.draw_travelling_salesman"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from pbits.algorithms import temper_penalties
from pbits.moves import Moves
from pbits.problems import TravelingSalesman
from pbits.runner import suggested_schedule

SEEDS = range(1, 4)


def annealed(posed, decisions, seed, chains=16, moves=None):
    sweeps = max(2, int(decisions / posed.to_model().n / chains))
    moves = {} if moves is None else {"moves": moves}
    schedule = suggested_schedule(posed, chains=chains, sweeps=sweeps, levels=min(50, sweeps), **moves)
    return pbits.run(posed, "ideal", schedule, seed=seed, judge=False).solution.objective or np.nan


def tempered(problem, decisions, seed):
    penalties = np.geomspace(problem.penalty_by("tight") / 2, problem.penalty_by("safe"), 5)
    betas = np.geomspace(*problem.beta_range(), 10)
    sweeps = max(2, int(decisions / problem.to_model().n / 50))
    found = temper_penalties(
        problem, penalties=penalties, betas=betas, sweeps=sweeps, n_samples=1, swap_every=5, seed=seed
    )
    return found.solution.objective or np.nan


def ladder(panel):
    problem = TravelingSalesman.random(24, seed=4, penalty="tight")
    decisions = np.geomspace(1e5, 3e6, 4)
    best = annealed(problem.encoded("permutation"), 1e6, 0)
    methods = {
        "one-hot, safe penalty": lambda d, s: annealed(problem.penalised("safe"), d, s),
        "one-hot, tight penalty": lambda d, s: annealed(problem, d, s),
        "one-hot, tempered penalties": lambda d, s: tempered(problem, d, s),
        "p-dits, tight penalty": lambda d, s: annealed(problem.encoded("p-dits"), d, s),
        "permutation moves": lambda d, s: annealed(problem.encoded("permutation"), d, s),
    }
    for name, method in methods.items():
        panel.plot(
            decisions, [np.median([method(d, s) for s in SEEDS]) / best - 1 for d in decisions], "o-", label=name
        )
    panel.set(xscale="log", xlabel="decisions", ylabel="best of 16 anneals, above the shortest tour found")
    panel.yaxis.set_major_formatter("{x:.0%}")
    panel.set_title("24 cities", loc="left")
    panel.legend(frameon=False, fontsize=8)


def local(panel):
    posed = TravelingSalesman.random(1000, seed=1)
    reaches = [8, 16, 32, 64, 128, 256, None]
    for per_city, marker in ((300, "o-"), (3000, "s-")):
        lengths = [
            np.median([annealed(posed, 1000 * per_city, s, 1, Moves(neighbours=10, reach=far)) for s in SEEDS])
            for far in reaches
        ]
        panel.plot(
            range(len(reaches)), np.array(lengths) / lengths[-1] - 1, marker, label=f"{per_city} decisions a city"
        )
    panel.set_xticks(range(len(reaches)), [str(far or "any") for far in reaches])
    panel.set(xlabel="slots that a move may span", ylabel="length above that of moves of any reach")
    panel.yaxis.set_major_formatter("{x:.0%}")
    panel.set_title("1000 cities, permutation moves", loc="left")
    panel.legend(frameon=False, fontsize=8)


figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
ladder(panels[0])
local(panels[1])
figure.savefig(Path(__file__).with_name("travelling_salesman.png"), dpi=90)
