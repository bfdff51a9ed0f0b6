"""When does read-out eat the gain? A sampling array whose cells are cheap, and whose states must leave the chip.

Prices of updates, reads and writes are those of `extropic-z1` (circuit simulations of its maker, read through citing
sources). Its standby power is published nowhere; 10 mW here is an assumption of this script. The array of 16 × 16 cells
is this script's too.
"""

import math
from dataclasses import replace

import numpy as np

import pbits
from hardware_models import gibbs
from pbits.parameters import Evidence
from pbits.report import si

SIDE, CHAINS, SWEEPS = 16, 16, 4096

index = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
pairs = np.concatenate(
    [np.stack([index[:, :-1], index[:, 1:]], -1), np.stack([index[:-1], index[1:]], -1).swapaxes(0, 1)]
)
lattice = pbits.IsingModel.from_edges(SIDE * SIDE, pairs.reshape(-1, 2), 0.4)

standby = pbits.Parameter(
    value=0.01, unit="W", low=1e-3, high=0.1, evidence=Evidence.ASSUMED, note="published nowhere; a guess"
)
z1 = pbits.load("extropic-z1").prices
array = gibbs.Array(
    name="array",
    rules="Z1",
    rows=SIDE,
    cols=SIDE,
    phase_s=10e-9,
    read_s=25e-6,
    program_s=1.0,
    prices=replace(z1, power={**z1.power, "idle": standby}),
)
usage = pbits.Usage(runs_per_programming=math.inf)


def per_effective_sample(machine, every):
    """Joules per effective sample, read every so many sweeps, of a run of a model that is never changed and of its
    share of a machine that is full; and what takes them."""
    plan = pbits.Schedule(n_samples=SWEEPS // every, n_warmup=512, steps_per_sample=every, chains=CHAINS)
    run = pbits.run(lattice, machine, plan, seed=1, judge=False)
    ess = pbits.diagnose(run).worst_ess
    ledger = pbits.price(run, usage=usage, full_batch=True)
    return ledger.account * (1 / ess), {row.item: (row.joules or 0.0) / ess for row in ledger.rows}


print(f"{SIDE} × {SIDE} spins at β = 0.4, {CHAINS} chains of {SWEEPS:,} sweeps; joules per effective sample")
print("sweeps between   the array:                                            a CPU:")
print("read-outs        updates     read-out    standby     in all            in all")
on_array, on_cpu = {}, {}
for every in (1, 4, 16, 64, 256):
    on_array[every], part = per_effective_sample(array, every)
    if every == 1:
        updates = part["update"]
    on_cpu[every], _ = per_effective_sample("cpu-epyc-9654", every)
    cells = [part["update"], part["read"], part["power.idle"], on_array[every].value]
    columns = "".join(f"{si(cell, 'J'):12}" for cell in cells)
    print(f"{every:14}   {columns}      {si(on_cpu[every].value, 'J')}")

print(
    f"\nBy its updates alone the array would need {on_cpu[1].value / updates:.1g} times less, read after every sweep."
)

# Each machine is read as often as suits it.
best, cpu_best = (min(on, key=lambda every: on[every].value) for on in (on_array, on_cpu))
ratio = on_cpu[cpu_best] / on_array[best]
spread = ratio.monte_carlo()
print(f"The array read every {best} sweeps, the CPU every {cpu_best}, both at the chip boundary:")
print(f"the CPU takes {ratio.value:.2g} times as much, 95 % from {spread.low:.1g} to {spread.high:.1g}.")
print(f"P(more than 1) = {spread.above(1):.0%}; weakest evidence: {ratio.evidence.value}. The spread is")
for swing in ratio.tornado()[:3]:
    print(f"  {swing.share:4.0%} {swing.label}")
print("They break even with")
for key, name, unit in (
    ("array_update", "an update", "J"),
    ("array_read", "reading a cell", "J"),
    ("array_power_idle", "what is on while a frame is read", "W"),
):
    print(f"  {name} at {si(ratio.break_even(key), unit)} instead of {si(ratio.inputs[key].value, unit)}")
carrier = ratio.replaced(array_power_idle=2.0)
print(f"With a carrier board of 2 W that waits for each frame, the CPU takes {carrier.value:.2g} times as much.")
