"""How to spend a budget on an anneal: how many chains, how long, and between which β."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pbits.models import IsingModel
from pbits.schedule import Rule, Schedule
from pbits.sweeps.engine import Options
from pbits.sweeps.layouts import Work, engine_of
from pbits.sweeps.scan import Scan

# Updates a nanosecond of one thread, as docs/explanation/layouts.md measures them. They size plans and nothing else:
# a plan is made of chains and sweeps, and those do not depend on the host.
NOMINAL_RATE = {"bits": 5.0, "fields": 0.2, "dense": 0.03}
LANES = 512
# Up to this length an anneal that is twice as long is worth more than two of them, however small the model.
SHORTEST = 4000


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


def anneal_range(model: IsingModel) -> tuple[float, float]:
    """Between which β an anneal of this model does its work.

    From 0.5/F, where spins hardly feel each other, to 3/J, where one in e⁶ attempts to break a bond is taken; or to
    10/F where that is hotter, as where many bonds hold a spin. F is the root mean square of a spin's input over random
    states, F² = ⟨Σ_j J_ij² + h_i²⟩, and J the mean size of a coupling.

    Examples
    --------
    >>> ring = IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 0.5)
    >>> [round(beta, 3) for beta in anneal_range(ring)]
    [0.707, 6.0]
    """
    couplings = np.abs(model.edges()[2])
    # In units of the largest number, so that no square overflows.
    unit = max(couplings.max(initial=0.0), np.abs(model.h).max(initial=0.0))
    if not unit:
        return 0.0, 0.0
    bonds, h = couplings / unit, model.h / unit
    field = math.sqrt((2 * np.square(bonds).sum() + np.square(h).sum()) / model.n)
    coldest = min(10 / field, 3 / bonds.mean()) if len(bonds) else 10 / field
    return float(0.5 / field / unit), float(coldest / unit)


def anneal_plan(
    model: IsingModel,
    budget_s: float,
    *,
    beta_start: float | None = None,
    beta_stop: float | None = None,
    rule: Rule = "metropolis",
    rates: Mapping[str, float] = NOMINAL_RATE,
) -> Plan:
    """Chains and sweeps of an anneal that is to find low energies within some seconds of one thread.

    Throughput is not time to target. The bit-parallel layout does most updates, but 512 chains at a time. What the
    best of them gains on their mean grows as √n, what more sweeps gain grows as n: so that layout is taken when each
    chain gets n/2 sweeps, and one chain at a time with up-to-date fields otherwise.

    Parameters
    ----------
    model : IsingModel
    budget_s : float
        Seconds of one thread.
    beta_start, beta_stop : float, optional
        Ends of the linear anneal; `anneal_range` when absent.
    rule : {"metropolis", "heat-bath"}
    rates : mapping, optional
        Updates per nanosecond of the layouts "bits", "fields" and "dense"; nominal ones when absent.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        For a budget that is not a positive number of seconds.
    """
    if not 0 < budget_s < math.inf:
        raise ValueError(f"budget_s is {budget_s}; it must be a positive number of seconds")
    hot, cold = anneal_range(model)
    beta_start, beta_stop = (hot if beta_start is None else beta_start), (cold if beta_stop is None else beta_stop)
    options = Options(threshold_bits=16, rule=rule)

    def can(layout: str, chains: int) -> bool:
        work = Work(model=model, scan=Scan.sequential(model.n), options=options, chains=chains, beta=beta_stop)
        return not engine_of(layout).refusals(work.model, work.scan, work.options, work.beta)

    def sweeps(layout: str, chains: int) -> int:
        return int(1e9 * budget_s * rates[layout] / (model.n * chains))

    if can("bits", LANES) and 2 * sweeps("bits", LANES) >= model.n:
        layout, chains = "bits", LANES
    else:
        dense = model.csr.nnz > 0.3 * model.n**2 and can("dense", 1)
        layout, chains = ("dense" if dense else "fields"), 1
    length = sweeps(layout, chains)
    # Beyond some length another anneal is worth more than a longer one, and the larger the graph the later that is.
    longest = max(SHORTEST, model.n**2 // 1000) * (1 if layout == "bits" else 10)
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
