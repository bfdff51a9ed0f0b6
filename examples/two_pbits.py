"""Two coupled p-bits: the exact law beside what an ideal array and one of few bits sample.

The few bits round βJ = 0.7 to 0.5 and βh = 0.3 to 0.5. That is the mapping error; what separates the samples
from the law of the rounded model is sampling error.
"""

import pbits
from hardware_models import pbit
from pbits.mapping import FixedPoint
from pbits.reference import total_variation

pair = pbits.IsingModel([[0, 0.7], [0.7, 0]], h=[0.3, 0.0])
law = pbits.exact(pair)
machines = {
    "ideal": pbit.Array(name="ideal"),
    "few bits": pbit.Array(number=FixedPoint(total_bits=4, fraction_bits=1), name="few bits"),
}
schedule = pbits.Schedule(n_samples=5000, n_warmup=100, chains=16)
runs = {name: pbits.run(pair, machine, schedule, seed=1) for name, machine in machines.items()}

shares = {name: [(law.index(run.states) == k).mean() for k in range(4)] for name, run in runs.items()}
print("state     exact  " + "  ".join(f"{name:>8}" for name in shares))
for k, state in enumerate(law.states):
    sampled = "  ".join(f"{share[k]:8.4f}" for share in shares.values())
    print(f"{state[0]:+d} {state[1]:+d}     {law.probabilities[k]:.4f}  {sampled}")

for name, run in runs.items():
    held = pbits.exact(run.realised)
    mapping = total_variation(held.probabilities, law.probabilities)
    sampling = total_variation(shares[name], held.probabilities)
    print(f"{name}: mapping error {mapping:.4f}, sampling error {sampling:.4f} (total variation)")
