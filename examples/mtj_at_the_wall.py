"""What would a chip of 80 p-bits made of magnetic tunnel junctions save at the wall?

The p-bits are those of `smtj-projected`: about one update a nanosecond and 20 fJ each, a projection, from memory of its
paper. All that lies between the cells and the wall is assumed here, with ranges, and printed: what nobody states has to
be given by whoever wants a figure at the wall.
"""

import math
from dataclasses import replace

import numpy as np

import pbits
from hardware_models import pbit
from pbits.parameters import Evidence, Uplift
from pbits.report import si

N = 80


def assumed(value, unit, low, high, note):
    return pbits.Parameter(value=value, unit=unit, low=low, high=high, evidence=Evidence.ASSUMED, note=note)


rng = np.random.default_rng(1)
J = np.triu(rng.normal(0, 1 / math.sqrt(N), (N, N)), 1)
glass = pbits.IsingModel(J + J.T)

projected = pbits.load("smtj-projected").prices
chip = pbit.Array(
    name="chip",
    update="poisson",
    neuron_s=1e-9,
    read_s=100e-9,
    program_s=10e-6,
    prices=replace(
        projected,
        operations={
            **projected.operations,
            "read": assumed(1e-12, "J", 1e-13, 1e-11, "a comparator and a flip-flop"),
            "write": assumed(1e-10, "J", 1e-11, 1e-9, "a word of couplings"),
        },
        power={**projected.power, "idle": assumed(1e-3, "W", 1e-4, 1e-2, "bias currents of 80 cells")},
    ),
)
ways = {
    "chip": {
        "core": Uplift(factor=assumed(2.0, "1", 1.2, 10.0, "synapses: the price of an update holds the p-bit alone")),
        "chip": Uplift(power=assumed(5e-3, "W", 1e-3, 5e-2, "clock, bias and pads")),
        "board": Uplift(
            factor=assumed(1.18, "1", 1.11, 1.25, "regulators of 80 to 90 %"),
            power=assumed(0.5, "W", 0.1, 3.0, "a microcontroller or a small FPGA that feeds and reads it"),
        ),
        "wall": Uplift(factor=assumed(1.08, "1", 1.04, 1.11, "a supply of 90 to 96 %")),
    },
    "gpu-h100-sxm": {
        "wall": Uplift(
            factor=assumed(1.08, "1", 1.04, 1.11, "a supply of 90 to 96 %"),
            power=assumed(100.0, "W", 50.0, 200.0, "an eighth of a host"),
        )
    },
}

plan = pbits.Schedule(n_samples=2000, n_warmup=200, steps_per_sample=4, chains=16)
usage = pbits.Usage(runs_per_programming=1000)
runs = {
    name: pbits.run(glass, machine, plan, seed=1, judge=False)
    for name, machine in (("chip", chip), ("gpu-h100-sxm", "gpu-h100-sxm"))
}
ess = {name: pbits.diagnose(run).worst_ess for name, run in runs.items()}

print(f"A glass of {N} spins; joules per effective sample at each boundary:")
accounts = {}
for boundary in ("cell", "core", "chip", "board", "wall"):
    cells = []
    for name, run in runs.items():
        ledger = pbits.price(run, boundary, uplifts=ways[name], usage=usage, full_batch=True)
        if ledger.joules is None:
            cells.append("not stated")
            continue
        accounts[name, boundary] = ledger.account * (1 / ess[name])
        cells.append(si(accounts[name, boundary].value, "J"))
    print(f"  {boundary:6} chip {cells[0]:10} GPU {cells[1]}")

naive = accounts["gpu-h100-sxm", "board"] / accounts["chip", "cell"]
wall = accounts["gpu-h100-sxm", "wall"] / accounts["chip", "wall"]
spread = wall.monte_carlo()
print(f"\nThe board of the one over the cells of the other, two boundaries that may not be divided: {naive.value:.2g}")
print(f"At the wall the GPU takes {wall.value:.2g} times as much, 95 % from {spread.low:.1g} to {spread.high:.1g},")
print(f"P(more than 1) = {spread.above(1):.0%}; weakest evidence: {wall.evidence.value}. It hangs on")
for swing in wall.tornado()[:4]:
    print(f"  {swing.share:4.0%} {swing.label}")
even = wall.break_even("chip_board_power")
print("Break-even with the carrier at", "no power at all" if even is None else si(even, "W"))
