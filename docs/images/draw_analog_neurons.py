"""Draws docs/images/analog_neurons.png, and prints the table of instances: python -m docs.images.draw_analog_neurons

The right panel and the table need TSPLIB's instances, in the folder tsplib/ of PBITS_DATA.
"""

import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models.langevin import Neurons, Softassign
from pbits.problems import HopfieldTank, TravelingSalesman

DATA, EXACT, OTHER = "#d9822b", "#222222", "#3b6ea5"
# The shortest tours, as TSPLIB lists them.
INSTANCES = {
    **{"burma14": 3323, "ulysses16": 6859, "gr17": 2085, "gr21": 2707, "bays29": 2020, "att48": 10628},
    **{"berlin52": 7542, "st70": 675, "kroA100": 21282},
}
ANNEALS = 10


def settling(ax):
    salesman = TravelingSalesman.from_coordinates(np.random.default_rng(0).random((10, 2)))
    tank = HopfieldTank(salesman)
    schedule = pbits.Schedule(n_samples=800, n_warmup=0, step_tau=2e-6, beta=tank.gain, chains=1)
    program = Neurons(feedback=tank.feedback).compile(tank.to_model(), schedule)
    V = (1 + program.outputs(schedule, seed=1)[0]) / 2
    taus = 2e-6 * np.arange(1, 801)
    ax.semilogx(taus, V[:, ::3], color=OTHER, lw=0.5, alpha=0.5)
    total = ax.twinx()
    total.semilogx(taus, V.sum(axis=1), color=DATA, lw=2)
    total.set_ylabel("ΣV", color=DATA)
    total.set_ylim(0, 50)
    ax.set(xlabel="time, τ", ylabel="V of a third of the neurons", title="1985: ten cities, gain fixed")


def cooling(axes):
    tour = pbits.PermutationModel(pbits.models.Distances(coordinates=np.random.default_rng(3).random((14, 2))))
    array = Softassign()
    hot, cold = array.beta_range(tour)
    schedule = pbits.Schedule.anneal(sweeps=400, beta_start=hot, beta_stop=cold, chains=1)
    M = array.compile(tour, schedule).outputs(schedule, seed=1)[0]
    order = M[-1].argmax(axis=0).argsort()
    shares = hot / schedule.betas() * 1.2
    for ax, share in zip(axes.flat, (0.95, 0.6, 0.3, 0.02)):
        step = int(np.abs(shares - share).argmin())
        ax.imshow(M[step][:, order], cmap="Blues", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], title=f"{share:g} $T_c$")
        ax.title.set_fontsize(9)


def instances(ax):
    folder = Path(os.environ["PBITS_DATA"]) / "tsplib"
    print("| instance | best of ten | mean | worst |\n|---|---|---|---|")
    for name, shortest in INSTANCES.items():
        salesman = TravelingSalesman.from_tsplib(folder / f"{name}.tsp")
        tour, array = pbits.PermutationModel(salesman.distances), Softassign()
        hot, cold = array.beta_range(tour)
        schedule = pbits.Schedule.anneal(sweeps=400, beta_start=hot, beta_stop=cold, chains=ANNEALS)
        ratios = pbits.run(tour, array, schedule, seed=1).energies[:, 0] / shortest
        print(f"| {name} | {ratios.min():.3f} | {ratios.mean():.3f} | {ratios.max():.3f} |")
        colour = DATA if name == "ulysses16" else OTHER
        ax.plot(np.full(ANNEALS, salesman.n_cities), ratios, "o", ms=4, alpha=0.6, color=colour)
        if name == "ulysses16":
            ax.annotate(name, (16, ratios.max()), xytext=(0, 6), textcoords="offset points", fontsize=8, color=DATA)
    ax.axhline(1, color=EXACT, lw=0.8)
    ax.set(xscale="log", xlabel="cities", ylabel="length / shortest", title="Soft assignment, ten anneals each")
    ax.set_xticks([14, 20, 30, 50, 70, 100], ["14", "20", "30", "50", "70", "100"])
    ax.minorticks_off()


def main():
    figure = plt.figure(figsize=(11, 3.5), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=[1.15, 0.9, 1.1])
    settling(left.subplots())
    middle.suptitle("Soft assignment cools: slots × cities", fontsize=11)
    cooling(middle.subplots(2, 2))
    instances(right.subplots())
    figure.savefig(Path(__file__).with_name("analog_neurons.png"), dpi=110)


if __name__ == "__main__":
    main()
