"""How to spend a budget on an anneal: how many chains, and how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pbits.models import IsingModel
from pbits.schedule import Rule, Schedule
from pbits.sweeps.engine import Options
from pbits.sweeps.layouts import Work, engine_of
from pbits.sweeps.scan import Scan

# Updates a nanosecond of one thread, as docs/explanation/layouts.md measures them. They size plans and nothing else:
# a plan is made of chains and sweeps, and those do not depend on the host.
NOMINAL_RATE = {"bits": 5.0, "fields": 0.2, "dense": 0.03}
LANES = 512
# An anneal of fewer sweeps gains more from another sweep than from another chain.
ENOUGH_SWEEPS = 4000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An anneal that suits a model and a budget.

    Attributes
    ----------
    layout : str
    threshold_bits : int
        To be asked for with the layout.
    schedule : Schedule
        Its chains advance together; repeat it with other seeds until the budget is spent.
    repeats : int
        How often the budget has room for it, nominally.
    """

    layout: str
    threshold_bits: int
    schedule: Schedule
    repeats: int


def anneal_plan(
    model: IsingModel,
    budget_s: float,
    *,
    beta_start: float = 0.1,
    beta_stop: float = 3.0,
    rule: Rule = "metropolis",
    rates: Mapping[str, float] = NOMINAL_RATE,
) -> Plan:
    """Chains and sweeps of an anneal that is to find low energies within some seconds of one thread.

    Throughput is not time to target. The bit-parallel layout does most updates, but 512 at a time: a large graph
    then gets few sweeps, where one long chain finds more. So it is taken only when its chains get 4000 sweeps, and one
    chain at a time with up-to-date fields otherwise.

    Parameters
    ----------
    model : IsingModel
    budget_s : float
        Seconds of one thread.
    beta_start, beta_stop, rule
        Of the linear anneal.
    rates : mapping, optional
        Updates per nanosecond of the layouts "bits", "fields" and "dense"; nominal ones when absent.

    Returns
    -------
    Plan
    """
    if not budget_s > 0:
        raise ValueError(f"budget_s is {budget_s}; it must be a positive number of seconds")
    options = Options(threshold_bits=16, rule=rule)

    def can(layout: str, chains: int) -> bool:
        work = Work(model=model, scan=Scan.sequential(model.n), options=options, chains=chains, beta=beta_stop)
        return not engine_of(layout).refusals(work.model, work.scan, work.options, work.beta)

    def sweeps(layout: str, chains: int) -> int:
        return int(1e9 * budget_s * rates[layout] / (model.n * chains))

    layout, chains, length = "fields", 1, 0
    if can("bits", LANES):
        length = sweeps("bits", LANES)
        if length >= ENOUGH_SWEEPS:
            layout, chains = "bits", LANES
    if chains == 1:
        dense = model.csr.nnz > 0.3 * model.n**2 and can("dense", 1)
        layout = "dense" if dense else "fields"
        length = sweeps(layout, 1)
    # Beyond some length another anneal is worth more than a longer one, and the larger the graph the later that is.
    longest = max(ENOUGH_SWEEPS, model.n**2 // 1000) * (1 if layout == "bits" else 10)
    repeats = max(1, length // longest)
    schedule = Schedule.anneal(
        sweeps=max(1, min(length, longest)),
        beta_start=beta_start,
        beta_stop=beta_stop,
        shape="linear",
        chains=chains,
        rule=rule,
    )
    return Plan(layout=layout, threshold_bits=options.threshold_bits, schedule=schedule, repeats=repeats)
