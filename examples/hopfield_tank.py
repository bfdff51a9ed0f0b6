"""Ten cities on analog circuits: the network of 1985, today's penalties at a rising gain, and soft assignments.

Writes hopfield_tank.png.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models.langevin import Neurons, Softassign
from pbits.problems import HopfieldTank, TravelingSalesman

STARTS = 20
salesman = TravelingSalesman.from_coordinates(np.random.default_rng(1).random((10, 2)), name="ten cities")

tank = HopfieldTank(salesman)
once = pbits.Schedule(n_samples=1, n_warmup=0, step_tau=0.0025, beta=tank.gain, chains=STARTS)

penalties = salesman.encoded("one-hot")
hot, cold = penalties.beta_range()
rising = pbits.Schedule.anneal(sweeps=200, beta_start=hot, beta_stop=cold, chains=STARTS)

tour, array = pbits.PermutationModel(salesman.distances), Softassign()
hot, cold = array.beta_range(tour)
cooling = pbits.Schedule.anneal(sweeps=400, beta_start=hot, beta_stop=cold, chains=STARTS)

network = pbits.run(tank, Neurons(feedback=tank.feedback), once, seed=1)
usual = pbits.run(penalties, Neurons(), rising, seed=1)
soft = pbits.run(tour, array, cooling, seed=1)

best = soft.states[soft.energies.argmin(), 0]
shown = {"network of 1985": network.solution.value, "penalties": usual.solution.value, "soft assignment": best}
shares = network.solution.valid_fraction, usual.solution.valid_fraction, 1.0
figure, panels = plt.subplots(1, 3, figsize=(9.5, 3.3), layout="constrained")
for ax, (name, found), share in zip(panels, shown.items(), shares):
    text = f"no tour in {STARTS} starts"
    ax.plot(*salesman.coordinates.T, "o", color="#222222", ms=4)
    if found is not None:
        text = f"{share:.0%} tours, the best {salesman.score(found):.3f}"
        ax.plot(*salesman.coordinates[np.append(found, found[0])].T, color="#3b6ea5")
    print(f"{name}: {text}")
    ax.set(title=f"{name}\n{text}", xticks=[], yticks=[], aspect="equal")
figure.savefig("hopfield_tank.png", dpi=110)
