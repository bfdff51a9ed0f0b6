"""Satisfy a random formula on p-bits, native and by pairs, and find what a contradictory one can be brought down to.

Sampling cannot prove that a formula has no answer, as solvers of clauses do. What is shown is how a problem of third
order is posed to machines that have it and to machines that have not, and what that costs.
"""

import math

import pbits
from pbits.diagnostics import repeats_to_target, success_interval
from pbits.mapping import order_costs

formula = pbits.problems.Satisfiability.planted(75, 300, seed=1)
print(f"{formula.name}\n{order_costs(formula.to_model(), formula.to_model('quadratised'))}\n")

start, stop = formula.beta_range()
for encoding in formula.encodings:
    posed = formula.encoded(encoding)
    schedule = pbits.Schedule.anneal(sweeps=200, beta_start=start, beta_stop=stop, shape="linear", chains=256)
    run = pbits.run(posed, "ideal", schedule, seed=1)
    hits, anneals = run.success_fraction(objective=0)
    low, high = success_interval(hits, anneals)
    repeats = repeats_to_target(hits / anneals)
    print(f"{encoding}: {100 * low:.1f} to {100 * high:.1f} % of anneals succeed; {200 * repeats:.0f} sweeps to 99 %")

# Four pigeons, three holes: each pigeon has one, which must hold; that no two share one is wished for.
hole = {(pigeon, k): 3 * pigeon + k + 1 for pigeon in range(4) for k in range(3)}
somewhere = [[hole[pigeon, k] for k in range(3)] for pigeon in range(4)]
alone = [[-hole[p, k], -hole[q, k]] for k in range(3) for p in range(4) for q in range(p)]
pigeons = pbits.problems.Satisfiability(somewhere + alone, [math.inf] * len(somewhere) + [1.0] * len(alone))
answer = pbits.solve(pigeons, budget_s=0.5, seed=1)
print(f"\npigeons in holes: {answer.solution}, feasible: {answer.solution.feasible}")
