"""How many patterns a Hopfield memory holds: theory, an ideal machine, a synchronous one and one of 20-bit words.

Left in the picture: the overlap of recall against the load p/n, by Amit, Gutfreund and Sompolinsky, and measured.
Right: their phase diagram, and the measured overlap at points of it.
"""

import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models import pbit
from pbits.algorithms import capacity_curve
from pbits.problems import capacity

N, TEMPERATURE = 300, 0.2
LOADS = (0.02, 0.05, 0.08, 0.11, 0.2)
MACHINES = {
    "ideal": "ideal",
    "synchronous": pbit.Array(update="synchronous", name="synchronous"),
    "fpga-all-to-all": pbits.load("fpga-all-to-all"),
}

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
fine = np.linspace(0.0, 0.2, 101)
left.plot(fine, [capacity.overlap(load, TEMPERATURE) for load in fine], "k", label="theory, n → ∞")

print(f"overlap of recall at T = {TEMPERATURE}, n = {N}\n   p/n  theory  " + "  ".join(f"{m:>15}" for m in MACHINES))
curves = {
    name: capacity_curve(LOADS, N, machine=machine, temperature=TEMPERATURE, memories=6, sweeps=40, draws=5, seed=1)
    for name, machine in MACHINES.items()
}
for k, load in enumerate(LOADS):
    measured = "  ".join(f"{curve[k].overlap:7.3f} ± {curve[k].error:.3f}" for curve in curves.values())
    print(f"{load:6.2f}  {capacity.overlap(load, TEMPERATURE):6.3f}  {measured}")
for name, curve in curves.items():
    left.errorbar(LOADS, [p.overlap for p in curve], [p.error for p in curve], fmt="o", ms=4, label=name)
    spent = curve[0].joules_per_recall
    print(f"{name}: {'no price is stated' if spent is None else f'{spent:.2g} J a recall and its measurement'}")
left.set(xlabel="load p/n", ylabel="overlap m", title=f"T = {TEMPERATURE}, n = {N}")
left.legend(frameon=False)

heat = np.linspace(0, 0.999, 25)
right.plot([capacity.critical_load(T) for T in heat], heat, "k", label="retrieval states end")
right.plot([capacity.stable_load(T) for T in heat], heat, "k--", label="and are the deepest")
right.plot(fine, [capacity.glass_temperature(load) for load in fine], color="grey", label="glass")
for T in (0.0, 0.3, 0.6):
    points = capacity_curve((0.02, 0.06, 0.1, 0.15), N, temperature=T, sweeps=40, draws=5, memories=2, seed=2)
    shown = right.scatter([p.load for p in points], [T] * len(points), c=[p.overlap for p in points], vmin=0, vmax=1)
figure.colorbar(shown, label="measured overlap")
right.set(xlabel="load p/n", ylabel="temperature T", xlim=(0, 0.2), ylim=(-0.05, 1.5), title="Hebb's rule")
right.legend(frameon=False, fontsize=8)
figure.savefig("memory_capacity.png", dpi=110)
print(f"theory: {capacity.critical_load():.4f} n patterns at T = 0, with an overlap of", end=" ")
print(
    f"{capacity.overlap(capacity.critical_load() * (1 - 1e-9)):.3f}; {capacity.critical_load(TEMPERATURE):.4f} n here"
)
