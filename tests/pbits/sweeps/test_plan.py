"""A plan follows from model and budget, and its ends of β from the size of what a spin feels."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbits.models import IsingModel
from pbits.sweeps.plan import LANES, NOMINAL_RATE, anneal_plan, anneal_range


def graph(n, degree, coupling=-0.5):
    edges = np.array(nx.random_regular_graph(degree, n, seed=1).edges)
    return IsingModel.from_edges(n, edges, coupling)


def seconds(sweeps, n, layout="bits", chains=LANES):
    """A budget for so many sweeps."""
    return (sweeps + 0.5) * n * chains / NOMINAL_RATE[layout] / 1e9


SPARSE = graph(400, 4)


def test_the_range_of_a_graph_of_one_degree():
    # F = ½√d: hot at 1/√d, and cold at 6, or 20/√d where many bonds hold a spin.
    assert anneal_range(graph(60, 4)) == pytest.approx((0.5, 6.0))
    assert anneal_range(graph(60, 25)) == pytest.approx((0.2, 4.0))


def test_the_range_is_a_mean_over_spins_and_bonds():
    # A path of three bonds: F² = (1 + 5 + 13 + 9)/4.
    path = IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3)], np.array([1.0, -2.0, 3.0]))
    assert anneal_range(path) == pytest.approx((0.5 / 7**0.5, 1.5))


def test_the_range_counts_fields_as_bonds_of_their_size():
    # F² = 3² + 4² for one spin of two, 3² for the other.
    model = IsingModel(np.array([[0.0, 3.0], [3.0, 0.0]]), [4.0, 0.0])
    assert anneal_range(model) == pytest.approx((0.5 / 17**0.5, 1.0))
    assert anneal_range(IsingModel(np.zeros((2, 2)), [2.0, 2.0])) == pytest.approx((0.25, 5.0))
    assert anneal_range(IsingModel(np.zeros((2, 2)))) == (0.0, 0.0)


@given(st.floats(-40, 40).map(lambda power: 10.0**power))
def test_beta_is_in_inverse_units_of_the_energy(unit):
    posed, scaled = (IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3)], k * np.array([1.0, -2, 3])) for k in (1, unit))
    assert np.multiply(anneal_range(scaled), unit) == pytest.approx(anneal_range(posed))


def test_bits_are_taken_when_their_chains_get_enough_sweeps():
    few, enough = (anneal_plan(SPARSE, seconds(sweeps, 400)) for sweeps in (199, 200))
    assert (few.layout, few.schedule.chains, few.repeats) == ("fields", 1, 1)
    assert few.schedule.total_steps == int(199.5 * LANES * NOMINAL_RATE["fields"] / NOMINAL_RATE["bits"])
    assert (enough.layout, enough.schedule.chains, enough.schedule.total_steps) == ("bits", LANES, 200)


def test_a_long_budget_is_spent_on_repeats():
    plan = anneal_plan(SPARSE, seconds(12_000, 400))
    assert (plan.schedule.total_steps, plan.repeats) == (4000, 3)
    rough = anneal_plan(graph(400, 4, 1 / np.pi), seconds(130_000, 400, "fields", 1), rates=NOMINAL_RATE | {"bits": 0})
    assert (rough.layout, rough.schedule.total_steps, rough.repeats) == ("fields", 40_000, 3)


def test_couplings_without_a_unit_are_annealed_one_chain_at_a_time():
    rng = np.random.default_rng(1)
    upper = np.triu(rng.standard_normal((80, 80)), 1)
    dense = IsingModel(upper + upper.T)
    sparse = IsingModel(np.triu(np.tri(80, k=2), 1) * upper + (np.triu(np.tri(80, k=2), 1) * upper).T)
    for model, layout in ((dense, "dense"), (sparse, "fields")):
        plan = anneal_plan(model, 1.0)
        assert (plan.layout, plan.schedule.chains) == (layout, 1)
        assert (plan.schedule.beta_start, plan.schedule.beta) == anneal_range(model)


def test_a_plan_is_the_same_on_every_host_and_obeys_who_asks():
    assert anneal_plan(SPARSE, 0.5) == anneal_plan(SPARSE, 0.5)
    asked = anneal_plan(SPARSE, 0.5, beta_start=0.3, beta_stop=2.0, rule="heat-bath").schedule
    plan = anneal_plan(SPARSE, 0.5).schedule
    assert asked == replace(plan, beta_start=0.3, beta=2.0, rule="heat-bath")
    assert (plan.rule, plan.shape) == ("metropolis", "linear")
    slower = anneal_plan(SPARSE, 1e-3, rates=NOMINAL_RATE | {"bits": 0.0})
    assert slower.layout == "fields"


def test_a_plan_is_never_empty():
    assert anneal_plan(SPARSE, 1e-12).schedule.total_steps == 1


@pytest.mark.parametrize("budget_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_is_a_number_of_seconds(budget_s):
    with pytest.raises(ValueError, match="positive number of seconds"):
        anneal_plan(SPARSE, budget_s)
