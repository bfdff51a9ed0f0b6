"""The correlations of thirteen properties of wines, inverted by the noise of thirteen analog cells.

An inverse is β times a covariance of voltages, so it is known as well as a covariance is: after N independent draws to
√((tr²Σ + tr Σ²)/(N tr Σ²)), until what the components round shows. Prints a table, saves invert_covariance.png.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

import pbits
from hardware_models.langevin import Circuit
from pbits.problems import MatrixInverse

task = MatrixInverse(np.corrcoef(load_wine().data, rowvar=False), name="partial correlations of wines")
sigma = task.exact()
rate = np.sqrt((np.trace(sigma) ** 2 + np.trace(sigma @ sigma)) / np.trace(sigma @ sigma))
cells = {"resistance_ohm": 1e3, "capacitance_f": 1e-9, "word_s": 0.32e-9, "adc_s": 100e-9}
machines = {
    "ideal": Circuit(**cells),
    "8 bit": Circuit(component_bits=8, adc_bits=10, **cells),
}
# Two relaxation times between draws leave a covariance less than e⁻⁴ of what it was.
schedule = pbits.Schedule(n_samples=25_000, n_warmup=20, steps_per_sample=2, chains=4)
counts = [10, 40, 150, 600, 2500, 10_000, 25_000]

figure, ax = plt.subplots(figsize=(6.4, 4.2))
print(f"{task.name}: {len(sigma)} × {len(sigma)}, condition {np.linalg.cond(task.A):.0f}")
print("machine    draws  relative error  by its own error bars  by the law  device time, s")
for name, machine in machines.items():
    run = pbits.run(task, machine, schedule, seed=1, judge=False)
    points = []
    for count in counts:
        found = task.answer(run.states[:, :count], run.energies[:, :count])
        points.append((4 * count, found.objective, task.relative_error(found) or np.nan))
        time = run.device_time_s * count / schedule.n_samples
        print(
            f"{name:>7}  {4 * count:7}  {found.objective:14.4f}  {points[-1][2]:21.4f}  "
            f"{rate / np.sqrt(4 * count):10.4f}  {time:14.1e}"
        )
    draws, errors, bars = np.transpose(points)
    ax.loglog(draws, errors, "o", label=f"{name}: against the exact inverse")
    ax.loglog(draws, bars, "x", color=ax.lines[-1].get_color(), label=f"{name}: its own error bars")
ax.loglog(draws, rate / np.sqrt(draws), color="0.4", label=f"{rate:.2f}/√N, independent draws")
direct = task.baseline("numpy")
print(f"numpy.linalg.inv, on this computer: {direct.flops:.0f} operations, {direct.wall_time_s:.1e} s, to rounding")
ax.set(xlabel="draws N", ylabel="relative error of the inverse (Frobenius)")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(fontsize=8, frameon=False)
figure.tight_layout()
figure.savefig("invert_covariance.png", dpi=110)
print("saved invert_covariance.png")
