"""One double well on analog cells and on lattice random walks: its law, how fast it is left, and how long that takes.

E = ¼x⁴ − ½x² at β = 8, a barrier of 2 kT. The cells have 1 kΩ and 1 nF, the walks a clock of 100 MHz: examples, and
nobody's machines. Writes double_well.png.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models import langevin
from pbits.reference.potential import diffusion_rates, kramers_rate

BETA, CHAINS = 8.0, 4000
well = pbits.QuarticModel([1.0], [1.0])
machines = {"RC cells": langevin.Potentials(resistance_ohm=1e3, capacitance_f=1e-9, accuracy=0.01)}
machines |= {f"walk, δx = {dx}": langevin.LatticeWalk(lattice=dx, clock_hz=100e6) for dx in (0.4, 0.2, 0.1)}

law = pbits.exact(well, BETA)
exact = diffusion_rates(lambda x: well.energy(x[:, None]), BETA, -2.5, 2.5)[1]
kramers = 2 * kramers_rate(0.25, 2.0, 1.0, BETA)
print(f"exact: <x²> = {law.covariance[0, 0]:.3f}, rate {exact:.4f}; Kramers {kramers:.4f}")

# Half of the chains start in each well for the law, and all of them in one for the rate at which that is forgotten.
sampling = pbits.Schedule(n_samples=20, n_warmup=10, steps_per_sample=5, step_tau=1.0, beta=BETA, chains=CHAINS)
leaving = pbits.Schedule(n_samples=15, n_warmup=4, step_tau=1.0, beta=BETA, chains=10 * CHAINS)
figure, (density, decay) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
x = np.linspace(-2, 2, 400)
density.plot(x, np.exp(-BETA * well.energy(x[:, None]) - law.log_z), color="black", label="exact")
for (name, machine), mark in zip(machines.items(), "o^sv"):
    run = pbits.run(well, machine, sampling, seed=1, initial=np.where(np.arange(CHAINS) % 2, 1.0, -1.0)[:, None])
    width = run.record["notes"].get("lattice", 0.1)
    places, found = np.unique(np.round(run.states / width).ravel(), return_counts=True)
    density.plot(width * places, found / found.sum() / width, mark, ms=4, label=name)
    mean = pbits.run(well, machine, leaving, seed=2, initial=[1.0]).states[..., 0].mean(axis=0)
    times = leaving.observed_steps()
    slope = -np.polyfit(times, np.log(mean), 1, w=mean)[0]
    decay.semilogy(times, mean, mark, ms=4, label=name)
    seconds = run.record["notes"]["step_s"] / (slope / 2)
    print(f"{name}: <x²> = {np.mean(run.states**2):.3f}, rate {slope:.4f}, a crossing every {seconds * 1e6:.2g} µs")
    if isinstance(machine, langevin.LatticeWalk):
        walk = machine.compile(well, sampling).walk
        on, p = walk.law(well, BETA)
        print(f"  its own exact law: <x²> = {p @ on**2:.3f}, rate {walk.rates(well, BETA)[1]:.4f}")
decay.semilogy(times, mean[0] * np.exp(-exact * (times - times[0])), color="black", label="exact rate")
density.set(xlabel="x", ylabel="density", title="Stationary law")
decay.set(xlabel="time, τ", ylabel="<x>, all chains from x = 1", title="Forgetting the well")
for axes in (density, decay):
    axes.legend(frameon=False, fontsize=8)
figure.savefig("double_well.png", dpi=110)
