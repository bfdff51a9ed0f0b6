"""Memories beyond Hebb's: k-body p-bits that hold more patterns, and a circuit that recalls images of reals.

First random patterns in 32 p-bits: how many are recalled of those stored, by order k, with a tenth of the spins wrong.
Then 50 images of digits as minima of a potential, on analog cells that start from half an image.
"""

import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models import langevin
from pbits.problems import ContinuousMemory, DenseMemory

N, COUNTS = 32, (3, 10, 30, 100)
rng = np.random.default_rng(1)
print(
    f"share of stored patterns of {N} spins recalled from a cue with a tenth of them wrong, ideal machine\n  terms",
    end="",
)
print("".join(f"{f'p = {p}':>9}" for p in COUNTS))
for order in (2, 3, 4):
    shares = []
    for p in COUNTS:
        memory = DenseMemory(rng.choice([-1, 1], (p, N)), order)
        asked = np.arange(40) % p
        cues = np.stack([memory.corrupt(int(k), 0.1, seed) for seed, k in enumerate(asked)])
        cold = pbits.Schedule.anneal(sweeps=15, beta_start=20.0, beta_stop=20.0, levels=1, chains=len(cues))
        run = pbits.run(memory, "ideal", cold, seed=1, initial=cues, judge=False)
        shares.append(((run.states[:, -1] * memory.patterns[asked]).mean(axis=1) >= 0.95).mean())
    print(f"k={order} {len(memory.to_model().terms):6d}" + "".join(f"{share:9.0%}" for share in shares))

memory = ContinuousMemory.from_digits(10, each=5)
cells = langevin.Potentials(resistance_ohm=1e3, capacitance_f=1e-9, adc_bits=8)
images = memory.patterns[::5]
cues = np.where(np.arange(64) < 32, images, 0.0)
cold = memory.beta_range()[1]
settle = pbits.Schedule.anneal(sweeps=20, beta_start=cold, beta_stop=cold, levels=1, chains=len(cues))
run = pbits.run(memory, cells, settle, seed=1, initial=cues)
found = sum(memory.decode(state[-1]).pattern == 5 * digit for digit, state in enumerate(run.states))
settling_s = run.record["notes"]["step_s"] * settle.total_steps
print(
    f"{memory.name}: {found} of 10 found from their upper half, each in {settling_s:.2g} s of settling, read-out apart"
)

rows = {"stored": images, "cue": cues, "one update": memory.update(cues), "circuit": run.states[:, -1]}
figure, axes = plt.subplots(len(rows), 10, figsize=(9, 3.8))
for line, (label, shown) in zip(axes, rows.items()):
    for ax, image in zip(line, shown):
        ax.imshow(image.reshape(8, 8), cmap="Greys", vmin=-1.5, vmax=1.5)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(label, fontsize=8)
figure.tight_layout(pad=0.4)
figure.savefig("dense_memory.png", dpi=110)
