"""Factor a 16-bit number by running a multiplier of p-bits backwards, and see how often an anneal succeeds.

Dividing by every odd number up to 199 would be faster. What is shown is that a machine which only samples can run a
circuit from its output to its inputs, and how often it arrives.
"""

import pbits
from pbits.diagnostics import repeats_to_target, success_interval

problem = pbits.problems.Factoring(39917, bits_x=8, bits_y=8)
model = problem.to_model()
print(f"{problem.name}: {problem.circuit}, {model.n - len(problem.clamp())} p-bits free")

beta_start, beta_stop = problem.beta_range()
schedule = pbits.Schedule.anneal(sweeps=1000, beta_start=beta_start, beta_stop=beta_stop, shape="linear", chains=2048)
run = pbits.run(problem, "ideal", schedule, seed=1)
print(f"found {run.solution.value}, feasible: {run.solution.feasible}")

hits, anneals = run.success_fraction(objective=1)
low, high = success_interval(hits, anneals)
print(f"{hits} of {anneals} anneals of {schedule.total_steps} sweeps: {100 * low:.2f} to {100 * high:.2f} % succeed")
print(f"{repeats_to_target(hits / anneals):.0f} anneals find the factors with 99 %")
