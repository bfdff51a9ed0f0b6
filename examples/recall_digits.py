"""Five digits stored in 64 p-bits, and recalled with a fifth of the pixels wrong, on ideal and other machines.

Every machine gets the same 40 cues, as chains of one run. The picture follows one recall: a clock that moves each p-bit
with a probability of a tenth lets one see it on its way.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models import pbit
from pbits.mapping import FixedPoint

EACH, WRONG = 8, 0.2
MACHINES = {
    "ideal": "ideal",
    "all at once": pbit.Array(update="synchronous"),
    "8-bit couplings": pbit.Array(number=FixedPoint(total_bits=8, fraction_bits=3)),
    "6-bit couplings": pbit.Array(number=FixedPoint(total_bits=6, fraction_bits=1)),
    "offsets, σ = 4": pbit.Array(offset_sigma_d2d=4.0),
    "fpga-all-to-all": "fpga-all-to-all",
    "extropic-z1, embedded": "embedded:extropic-z1",
    "the same, stiff chains": pbits.Embedded(pbits.load("extropic-z1"), chain_strength=0.3),
    "gibbs-g12, embedded": "embedded:gibbs-g12-illustrative",
}

memory = pbits.problems.HopfieldMemory.from_digits(5)
wanted = memory.patterns.repeat(EACH, axis=0)
cues = np.stack([memory.corrupt(k // EACH, WRONG, seed=k) for k in range(len(wanted))])
coldest = memory.beta_range()[1]

print(f"{memory.name}: {len(cues)} cues with {WRONG:.0%} of the pixels wrong, at β = {coldest:.1f}")
print(f"{'machine':22} sweeps  recalled  overlap   s/recall   J/recall")
for name, machine in MACHINES.items():
    # Chains of cells turn over slowly.
    sweeps = 300 if "embedded" in name or "chains" in name else 20
    schedule = pbits.Schedule.anneal(
        sweeps=sweeps, beta_start=coldest, beta_stop=coldest, levels=1, chains=len(cues)
    )  # fmt: skip
    with warnings.catch_warnings():
        # That six bits saturate is the point.
        warnings.simplefilter("ignore")
        run = pbits.run(memory, machine, schedule, seed=1, initial=cues, judge=False)
    overlaps = (run.states[:, -1] * wanted).mean(axis=1)
    costs = (run.device_time_s, pbits.price(run).joules)
    seconds, joules = ("not stated" if cost is None else f"{cost / len(cues):.2g}" for cost in costs)
    share = (overlaps >= 0.95).mean()
    print(f"{name:22} {sweeps:6d} {share:8.0%} {overlaps.mean():9.3f} {seconds:>10} {joules:>10}")
    if chains := run.record["notes"].get("embedding"):
        cells, longest, broken = (chains[key] for key in ("cells_used", "longest_chain", "chain_break_fraction"))
        print(f"  on {cells} cells, in chains of up to {longest}, of which {broken:.0%} are broken at the end")

asked = memory.recall(cues[3 * EACH], target=3)
slow = pbits.Schedule(n_warmup=0, n_samples=60, beta=coldest, chains=1)
run = pbits.run(asked, pbit.Array(update="partial", q=0.1), slow, seed=2)
picture = asked.sequence(run.states[0])
figure, axes = plt.subplots(1, len(picture["panels"]), figsize=(9, 1.9))
for ax, panel in zip(axes, picture["panels"]):
    ax.imshow(np.reshape(panel["values"], picture["shape"]), cmap="Greys", vmin=-1, vmax=1)
    ax.set_title(panel["label"], fontsize=9)
    ax.set_axis_off()
figure.tight_layout()
figure.savefig("recall_digits.png", dpi=110)
