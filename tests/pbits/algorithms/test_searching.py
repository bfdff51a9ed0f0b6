"""The search: ground states of what can be enumerated, its budget, the same search again, and what is refused."""

import itertools
import math

import numpy as np
import pytest

import pbits
from pbits.algorithms import search, searching
from pbits.problems import MaxCut

SITES = 12
CIRCULAR = [(k, (k + 1) % SITES) for k in range(SITES)]


def graph(density, seed, weights="whole"):
    rng = np.random.default_rng(seed)
    pairs = [(i, j) for i in range(SITES) for j in range(i) if rng.random() < density]
    J = rng.choice([-1.0, 1.0], len(pairs)) if weights == "whole" else rng.normal(size=len(pairs))
    h = np.zeros(SITES) if weights == "whole" else rng.normal(size=SITES)
    return pbits.IsingModel.from_edges(SITES, pairs, J, h)


def lattice(side):
    rng = np.random.default_rng(side)
    sites = np.arange(side * side).reshape(side, side)
    pairs = [np.column_stack([sites.ravel(), np.roll(sites, -1, axis).ravel()]) for axis in (0, 1)]
    edges = np.concatenate(pairs)
    return MaxCut(side * side, edges, rng.choice([-1.0, 1.0], len(edges)))


def ground(model):
    return pbits.exact(model, 1.0).energies.min()


def told(found):
    return [(one.fresh, one.sweeps, one.beta_start, one.seed, one.lowest, one.joined, one.best) for one in found.rounds]


@pytest.mark.parametrize(
    ("model", "layout"),
    [(graph(0.2, 1), "bits"), (graph(0.2, 2, "real"), "lanes"), (graph(0.9, 3, "real"), "dense")],
    ids=["whole", "real", "dense"],
)
def test_ground_states_are_found(model, layout):
    found = search(model, sweeps=400, seed=1)
    assert found.strategy.layout == layout
    assert found.best_energy == pytest.approx(ground(model), abs=1e-9)
    assert model.energy(found.best_state) == found.best_energy
    assert found.solution is None


def test_on_a_machine_all_rounds_are_counted():
    model = graph(0.2, 4)
    found = search(model, "fpga-all-to-all", sweeps=450, chains=8, seed=1)
    assert (found.strategy.rule, found.strategy.layout) == ("heat-bath", "auto")
    assert found.best_energy == ground(model)
    assert found.counts["update"] == 450 * 8 * SITES == sum(one.sweeps for one in found.rounds) * 8 * SITES
    assert found.device_time_s > 0
    assert found.joules > 0


def test_joining_beats_the_best_chain_of_a_lattice():
    found = search(lattice(40), sweeps=200, chains=64, seed=1)
    only = found.rounds[0]
    assert only.fresh
    assert only.joined < only.lowest
    assert found.best_energy == only.best == -found.solution.objective


def test_the_best_never_rises_and_joins_what_climbs_reach():
    found = search(lattice(20), sweeps=3000, chains=16, seed=2)
    best = found.history[:, 1]
    assert (np.diff(best) <= 0).all()
    assert all(one.best <= one.joined <= one.lowest for one in found.rounds)
    fresh = [k for k, one in enumerate(found.rounds) if one.fresh]
    assert len(fresh) > 1
    # Within a climb states only come down; the next begins anew, with longer rounds.
    for first, last in itertools.pairwise(fresh):
        climb = [one.joined for one in found.rounds[first:last]]
        assert climb == sorted(climb, reverse=True)
        assert climb[-1] == climb[-2] == climb[-3]
        assert found.rounds[last].sweeps > found.rounds[first].sweeps or last == len(found.rounds) - 1


def test_with_sweeps_alone_a_search_can_be_done_again(monkeypatch):
    problem = lattice(12)
    monkeypatch.setenv("PBITS_THREADS", "1")
    first = search(problem, sweeps=700, chains=600, seed=3)
    monkeypatch.setenv("PBITS_THREADS", "2")
    again = search(problem, sweeps=700, chains=600, seed=3)
    other = search(problem, sweeps=700, chains=600, seed=4)
    assert told(first) == told(again) != told(other)
    assert (first.best_state == again.best_state).all()


@pytest.mark.parametrize("budget_s", [0.3, 1.0])
def test_the_budget_is_kept(budget_s):
    # With other work on the machine a round may take twice what the one before took.
    found = search(lattice(40), budget_s=budget_s, seed=1)
    assert 0.3 * budget_s < found.wall_time_s < 1.5 * budget_s + 0.3


def test_a_target_ends_it():
    problem = MaxCut(SITES, CIRCULAR, optimum=SITES)
    found = search(problem, budget_s=60.0, seed=1)
    assert found.reached
    assert len(found.rounds) == 1
    assert found.solution.gap == 0
    assert not search(problem, sweeps=300, target=-SITES - 1, seed=1).reached
    assert search(problem.to_model(), budget_s=60.0, target=2 - SITES, seed=1).best_energy <= 2 - SITES


def test_what_a_problem_holds_stays_held():
    class Held(MaxCut):
        def clamp(self):
            return {0: 1, 1: 1, 5: -1}

    found = search(Held(SITES, CIRCULAR), sweeps=400, chains=8, seed=1)
    assert found.best_state[[0, 1, 5]].tolist() == [1, 1, -1]
    # 0 and 1 are alike, and 1 and 5, four steps apart, are not: two edges are uncut.
    assert found.best_energy == 2 - SITES


def test_interrupted_it_gives_what_was_found():
    calls = []

    def impatient(seconds, budget, best):
        calls.append((seconds, budget, best))
        if len(calls) == 3:
            raise KeyboardInterrupt

    found = search(lattice(12), budget_s=30.0, chains=8, seed=1, progress=impatient)
    assert found.interrupted
    assert len(found.rounds) == 3
    assert calls[-1] == (found.wall_time_s, 30.0, found.best_energy)
    assert np.isfinite(found.solution.objective)


def test_interrupted_before_anything_was_found_it_raises(monkeypatch):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        search(lattice(12), seed=1)


def test_large_models_get_fewer_chains_in_a_short_time():
    model = lattice(60).to_model()
    machine = pbits.load("ideal")
    assert searching._strategy(model, machine, math.inf, None).layout == "bits"
    short = searching._strategy(model, machine, 0.001, None)
    assert short.layout == "fields"
    assert "its first round would take" in short.reason


def test_what_it_cannot_do_is_refused():
    with pytest.raises(TypeError, match="CategoricalModel: use pbits.solve"):
        search(pbits.CategoricalModel([2, 2]))
    for name, value in (("budget_s", 0), ("budget_s", math.inf), ("sweeps", -1), ("chains", 0)):
        with pytest.raises(ValueError, match=f"{name} is {value}; it must be positive"):
            search(MaxCut(2, [(0, 1)]), **{name: value})
