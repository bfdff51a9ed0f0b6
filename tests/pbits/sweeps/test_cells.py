"""The layout of cells whose inputs settle: its voltages between calls, and what falls to it."""

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from pbits.models import DirectedModel
from pbits.reference import twins
from pbits.reference.unsettled import unsettled_law
from pbits.streams import Stream, Streams
from pbits.sweeps import LAYOUTS, Options, Scan, Work, choose, heat_bath, initial_states
from pbits.sweeps.cells import CellsEngine
from pbits.sweeps.counter import CounterEngine
from pbits.sweeps.engine import Key
from pbits.sweeps.layouts import engine_of

RING = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0.6, 0.6, 0.6, -0.6], [0.2, 0, 0, 0.1])
PHASES = [[0, 3], [1, 2]]
STREAMS = Streams(seed=4)
KEY = Key(thermal=STREAMS.key(Stream.THERMAL), site=STREAMS.key(Stream.SITE))


def scan_of(**rule):
    return Scan.of(PHASES, **rule)


def states(chains, seed=0):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=(4, chains))


def engine(kind=CellsEngine, chains=7, **rule):
    return kind(RING, scan_of(**rule), states(chains), KEY, 0, Options())


class Watch:
    def __init__(self, layout="auto"):
        self.layout, self.told, self.states = layout, None, []

    def laid_out(self, layout):
        self.told = layout

    def __call__(self, step, seen):
        self.states.append(seen.copy())
        return False


def test_without_memory_it_is_the_counter_layout_spin_for_spin():
    betas = np.linspace(0.1, 2.0, 200)
    cells, counter = engine(persistence=0.3), engine(CounterEngine, persistence=0.3)
    assert cells.advance(betas, 5) == counter.advance(betas, 5)
    assert np.array_equal(cells.states(), counter.states())


def test_calls_cut_a_run_anywhere_and_other_models_find_the_same_voltages():
    betas = np.linspace(0.1, 2.0, 40)
    whole, cut = engine(memory=0.6), engine(memory=0.6)
    whole.advance(betas, 0)
    for first, last in ((0, 1), (1, 17), (17, 40)):
        cut.advance(betas[first:last], first)
        # The same couplings, programmed anew and β times as strong.
        cut.hold(pbits.IsingModel(RING.csr, RING.h))
    assert np.array_equal(whole.states(), cut.states())
    doubled = engine(memory=0.6)
    doubled.advance(betas[:20], 0)
    doubled.hold(pbits.IsingModel(2 * RING.csr, 2 * RING.h))
    doubled.advance(betas[20:] / 2, 20)
    assert np.array_equal(whole.states(), doubled.states())


def test_states_that_are_put_in_have_settled():
    moved, fresh = engine(memory=0.9), engine(memory=0.9)
    moved.advance(np.full(10, 3.0), 0)
    moved.load(states(7, seed=2).T)
    fresh.load(states(7, seed=2).T)
    for one in (moved, fresh):
        one.advance(np.full(30, 1.0), 10)
    assert np.array_equal(moved.states(), fresh.states())


def test_a_run_equals_the_twin():
    schedule = pbits.Schedule.anneal(sweeps=12, levels=3, chains=19)
    persistence = np.array([0.1, 0.2, 0.3, 0.4])
    watch = Watch()
    clamp = {1: 1}
    tally = heat_bath(
        lambda beta: RING, scan_of(memory=0.4, persistence=persistence), schedule, STREAMS, None, watch, clamp
    )
    assert watch.told["name"] == "cells"
    assert "settle" in watch.told["reason"]
    spins = initial_states(RING, slice(0, 19), STREAMS, None, clamp)
    betas = np.repeat(schedule.betas()[:, None], 19, axis=1)
    voltages = betas[0] * (RING.csr @ spins.astype(float) + RING.h[:, None])
    toggles = twins.sweep_cells(
        spins, voltages, RING, [[0, 3], [2]], betas, KEY.thermal, memory=0.4, persistence=persistence
    )
    assert np.array_equal(watch.states[-1], spins.T)
    assert tally.toggles == toggles


def test_each_chain_may_have_its_own_beta():
    chains = 8000
    ladder = np.where(np.arange(chains) % 2, 0.5, 1.5)
    schedule = pbits.Schedule(n_samples=1, n_warmup=39, chains=chains, ladder=ladder)
    watch = Watch()
    heat_bath(lambda beta: RING, scan_of(memory=0.3), schedule, STREAMS, None, watch, {})
    for beta in (0.5, 1.5):
        law, _ = unsettled_law(RING, beta, phases=PHASES, memory=0.3)
        drawn = np.bincount(pbits.exact(RING).index(watch.states[-1][ladder == beta]), minlength=16)
        # False alarm below 10⁻⁴ each; the Boltzmann law is far out.
        assert chisquare(drawn, drawn.sum() * law).pvalue > 1e-4
        assert chisquare(drawn, drawn.sum() * pbits.exact(RING, beta).probabilities).pvalue < 1e-10


def test_a_phase_without_sites_is_kept_where_inputs_settle_in_it():
    held = np.array([1, 2])
    assert scan_of(memory=0.2).without(held).sizes.tolist() == [2, 0]
    assert scan_of().without(held).sizes.tolist() == [2]


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"cells"}))
@pytest.mark.parametrize("rule", [{"memory": 0.2}, {"persistence": np.full(4, 0.2)}], ids=["memory", "persistence"])
def test_the_other_layouts_refuse(layout, rule):
    work = Work(model=RING, scan=scan_of(**rule), options=Options(), chains=4, beta=1.0)
    with pytest.raises(ValueError, match="neither inputs that settle nor cells of unequal persistence"):
        choose(work, layout)
    assert choose(work).name == "cells"


def test_it_takes_directed_networks_and_says_what_it_does_not_take():
    directed = DirectedModel([[0, 1], [0, 0]])
    scan = Scan.of([[0], [1]], memory=0.1)
    assert choose(Work(model=directed, scan=scan, options=Options(), chains=4, beta=1.0)).name == "cells"
    reasons = engine_of("cells").refusals(
        pbits.CategoricalModel([2, 3]), Scan.random(2, gains=np.ones(2)), Options(rule="metropolis"), 1.0
    )
    assert len(reasons) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scan.sequential(2, memory=1.0), "memory is 1.0; it must be at least 0 and below 1"),
        (lambda: Scan.sequential(2, memory=-0.1), "memory is -0.1"),
        (lambda: Scan.random(2, memory=0.5), "a random scan knows no memory"),
        (lambda: Scan.sequential(2, persistence=np.array([0.1, 1.0])), "persistence is"),
    ],
)
def test_bad_scans(make, message):
    with pytest.raises(ValueError, match=message):
        make()
