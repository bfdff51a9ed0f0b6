"""Least squares as a posterior: ten weights of real data on ten analog cells, ideal and not, beside a CPU and a GPU.

Prints what each machine gets wrong, its device time and its joules, and what Cholesky takes on this computer; saves
solve_diabetes.png.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models.langevin import Circuit
from pbits.problems import GaussianPosterior

task = GaussianPosterior.from_diabetes()
exact = task.exact()
# The illustrative catalogue entry's cells, converters and prices.
cells = {"resistance_ohm": 1e3, "capacitance_f": 1e-9, "word_s": 0.32e-9, "adc_s": 100e-9}
cells["prices"] = pbits.load("langevin-rc-illustrative").prices
machines = [
    Circuit(name="ideal circuit", **cells),
    Circuit(name="12 bit, 0.3 %", component_bits=12, component_tolerance_d2d=0.003, adc_bits=10, **cells),
    Circuit(name="10 bit, 1 %", component_bits=10, component_tolerance_d2d=0.01, adc_bits=8, **cells),
    pbits.load("cpu-epyc-9654"),
    pbits.load("gpu-h100-sxm"),
]
schedule = pbits.Schedule(n_samples=2000, n_warmup=20, chains=16)
comparison = pbits.compare(task, machines, schedule, seed=1)

print(f"{task.name}; a posterior of condition {np.linalg.cond(task.to_model().A):.0f}")
print(f"{'machine':>15}  means off, sd  sds off, %  device time, s  joules at     per effective sample")
for name, run in comparison.runs.items():
    found, ledger = run.solution, comparison.ledgers[name]
    sds = 100 * np.abs(found.value.sd / exact.sd - 1).max()
    joules = f"{ledger.joules:9.2e} {ledger.boundary:6}"
    print(
        f"{name:>15}  {found.objective:13.3f}  {sds:10.1f}  {run.device_time_s:14.2e}  {joules}  "
        f"{ledger.per_effective_sample:.2e}"
    )
direct = task.baseline("cholesky")
print(f"Cholesky, on this computer: exact, {direct.flops:.0f} operations, {direct.wall_time_s:.1e} s")

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), width_ratios=(3, 2))
places = np.arange(len(task.names))
left.errorbar(exact.mean, places, xerr=exact.sd, fmt="|", ms=10, color="0.75", elinewidth=8, label="exact ± sd")
for k, name in enumerate(list(comparison.runs)[:3]):
    value = comparison.runs[name].solution.value
    left.errorbar(value.mean, places + 0.2 * (k - 1), xerr=value.sd, fmt="o", ms=3.5, lw=1, label=f"{name} ± sd")
left.set(yticks=places, yticklabels=task.names, xlabel="weight, posterior")
left.invert_yaxis()
left.legend(fontsize=8, frameon=False)
for name, run in comparison.runs.items():
    effective = run.solution.effective_samples
    right.loglog(run.device_time_s / effective, comparison.ledgers[name].per_effective_sample, "o", label=name)
right.set(xlabel="device seconds per effective sample", ylabel="joules per effective sample")
right.set_title("core (circuits), chip (CPU), board (GPU): not to be divided", fontsize=9)
right.legend(fontsize=8, frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
figure.savefig("solve_diabetes.png", dpi=110)
print("saved solve_diabetes.png")
