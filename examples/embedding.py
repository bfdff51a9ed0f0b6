"""One all-to-all network on four wirings: how many cells it takes, and how often its chains break.

No site has more neighbours than a machine has wires, so each spin becomes a chain of cells that are coupled strongly.
Majority decides how a broken chain is read. `safe` is the strength at which no ground state breaks a chain.
"""

import numpy as np

import pbits
from hardware_models import pbit
from pbits.mapping import Chimera, Grid, Pegasus, Sparse

rng = np.random.default_rng(1)
J = np.triu(rng.choice([-1.0, 1.0], size=(12, 12)), 1)
network = pbits.IsingModel(J + J.T)
states = 2 * (np.arange(2**12)[:, None] >> np.arange(12) & 1) - 1
lowest = network.energy(states).min()

wirings = {
    "king's graph": Grid.named("king", 24, 24),
    "Chimera": Chimera(3, 3),
    "Pegasus": Pegasus(3),
    "copies, degree 4": Sparse(100, 4),
}
schedule = pbits.Schedule.anneal(sweeps=2000, beta_start=0.05, beta_stop=2.0, chains=50)

print(f"{'wiring':18}{'cells':>6}{'longest':>9}{'strength':>10}{'broken':>8}{'optimal':>9}")
for name, wiring in wirings.items():
    array = pbit.Array(topology=wiring, name=name)
    safe = pbits.Embedded(array).embedding(network).pull(network)
    for strength in (1.5, safe):
        run = pbits.run(network, pbits.Embedded(array, strength), schedule, seed=1, judge=False)
        notes = run.record["notes"]["embedding"]
        optimal = (run.energies[:, -1] == lowest).mean()
        print(
            f"{name:18}{notes['cells_used']:6}{notes['longest_chain']:9}{strength:10.1f}"
            f"{notes['chain_break_fraction']:8.1%}{optimal:9.0%}"
        )
