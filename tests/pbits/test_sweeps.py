"""Heat-bath chains: the exact law, the exact twin, clamps, counts, stops and the threads they run in."""

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from pbits.kernels.blocks import BLOCK, Pool, chain_blocks, threads
from pbits.kernels.jit import sources_digest
from pbits.reference import twins
from pbits.streams import Stream, Streams
from pbits.sweeps import Scan, heat_bath, initial_spins

SITES = 6
STREAMS = Streams(seed=4)
FALSE_ALARM = 1e-4  # of each chi-square test below; seeds are fixed, so each has passed once for all


def frustrated(seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(SITES, SITES)), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=SITES))


MODEL = frustrated()
SCANS = {
    "sequential": Scan(phases=[np.array([site]) for site in range(SITES)]),
    "lazy": Scan(phases=[np.array([site]) for site in range(SITES)], persistence=0.4),
    "random": Scan(phases=None),
}


class Watch:
    """Keeps every state it is shown, and asks to stop after a given step."""

    def __init__(self, stop=None):
        self.stop, self.steps, self.states = stop, [], []

    def __call__(self, step, states):
        self.steps.append(step)
        self.states.append(states.copy())
        return step == self.stop


def sweep(scan, schedule, *, held=lambda beta: MODEL, clamp=None, initial=None, stop=None):
    watch = Watch(stop)
    tally = heat_bath(held, scan, schedule, STREAMS, initial, watch, clamp or {})
    return tally, watch


@pytest.mark.parametrize("clamp", [{}, {1: -1, 4: 1}], ids=["free", "clamped"])
@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
def test_independent_chains_have_the_exact_conditional_law(scan, clamp):
    beta, chains = 0.6, 20_000
    schedule = pbits.Schedule(n_samples=1, n_warmup=59, beta=beta, chains=chains)
    _, watch = sweep(scan, schedule, clamp=clamp)
    law = pbits.exact(MODEL, beta, clamp)
    observed = np.bincount(law.index(watch.states[-1]), minlength=len(law.probabilities))
    assert chisquare(observed, chains * law.probabilities).pvalue > FALSE_ALARM


def test_at_beta_0_one_sweep_forgets_everything():
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, beta=0.0, chains=20_000)
    _, watch = sweep(SCANS["sequential"], schedule, initial=np.ones(SITES))
    rows = pbits.exact(MODEL).index(watch.states[-1])
    assert chisquare(np.bincount(rows, minlength=2**SITES)).pvalue > FALSE_ALARM


def start(chains, clamp):
    return initial_spins(SITES, chains, STREAMS, None, clamp)


@pytest.mark.parametrize("clamp", [{}, {0: 1, 5: -1}], ids=["free", "clamped"])
@pytest.mark.parametrize("name", SCANS)
def test_an_anneal_equals_the_twin_spin_for_spin(name, clamp):
    schedule = pbits.Schedule.anneal(sweeps=12, levels=3, chains=BLOCK + 3)
    tally, watch = sweep(SCANS[name], schedule, clamp=clamp)
    spins, free = start(schedule.chains, clamp), [site for site in range(SITES) if site not in clamp]
    thermal, site_key = STREAMS.key(Stream.THERMAL), STREAMS.key(Stream.SITE)
    betas = schedule.betas().tolist()
    if name == "random":
        toggles = twins.sweep_random(spins, MODEL, free, betas, thermal, site_key)
    else:
        phases = [[site] for site in free]
        persistence = SCANS[name].persistence
        toggles = twins.sweep_phases(spins, MODEL, phases, betas, thermal, persistence=persistence)
    assert np.array_equal(watch.states[-1], spins.T)
    assert tally.toggles == toggles
    assert (tally.steps, tally.updates) == (12, 12 * len(free) * schedule.chains)


def test_toggles_are_the_changes_seen():
    schedule = pbits.Schedule(n_samples=30, n_warmup=0, chains=5)
    tally, watch = sweep(SCANS["sequential"], schedule)
    path = np.array([start(5, {}).T, *watch.states])
    assert tally.toggles == (path[1:] != path[:-1]).sum() > 0


def test_a_clamped_site_never_moves_and_needs_no_start():
    _, watch = sweep(
        SCANS["random"],
        pbits.Schedule(n_samples=20, n_warmup=0, chains=3),
        clamp={2: -1},
        initial=np.ones(SITES),
    )
    assert (np.array(watch.states)[..., 2] == -1).all()


@pytest.mark.parametrize("name", ["sequential", "random"])
def test_with_every_site_clamped_nothing_happens(name):
    clamp = dict.fromkeys(range(SITES), 1)
    tally, watch = sweep(SCANS[name], pbits.Schedule(n_samples=2, n_warmup=0, chains=3), clamp=clamp)
    assert (tally.steps, tally.updates, tally.toggles) == (2, 0, 0)
    assert (watch.states[-1] == 1).all()


def test_an_observer_can_stop_a_run():
    schedule = pbits.Schedule(n_samples=10, n_warmup=1, steps_per_sample=2, chains=4)
    tally, watch = sweep(SCANS["sequential"], schedule, stop=7)
    assert watch.steps == [3, 5, 7]
    assert (tally.steps, tally.updates) == (7, 7 * SITES * 4)


def test_looking_changes_nothing():
    rare = pbits.Schedule(n_samples=1, n_warmup=11, chains=6)
    often = pbits.Schedule(n_samples=12, n_warmup=0, chains=6)
    one, many = (sweep(SCANS["random"], schedule)[1].states[-1] for schedule in (rare, often))
    assert np.array_equal(one, many)


def test_each_plateau_runs_on_what_is_held_at_its_beta():
    """What is held points up while β < 1 and down after, so strongly that the spins follow at once."""
    asked = []

    def held(beta):
        asked.append(beta)
        return pbits.IsingModel(np.zeros((SITES, SITES)), np.full(SITES, 1e3 if beta < 1 else -1e3))

    schedule = pbits.Schedule.anneal(sweeps=6, beta_start=0.5, beta_stop=2.0, levels=3, chains=2)
    _, watch = sweep(SCANS["sequential"], schedule, held=held)
    assert [int(states[0, 0]) for states in watch.states] == [1, 1, -1, -1, -1, -1]
    assert set(asked) == {0.5, 1.0, 2.0}


def test_starts_are_uniform_given_or_clamped():
    drawn = initial_spins(4, 10_000, STREAMS, None, {3: 1})
    assert drawn.dtype == np.int8
    # Three shares of 10⁴ fair coins: 5 standard deviations, false alarm 2·10⁻⁶.
    assert np.abs(drawn[:3].mean(axis=1)).max() < 5 / np.sqrt(10_000)
    assert (drawn[3] == 1).all()
    given = np.array([[1, -1, 1, -1], [-1, -1, 1, 1]])
    assert initial_spins(4, 2, STREAMS, given, {}).T.tolist() == given.tolist()
    assert initial_spins(4, 2, STREAMS, given[0], {0: -1}).T.tolist() == [[-1, -1, 1, -1]] * 2


@pytest.mark.parametrize(
    ("phases", "persistence", "message"),
    [
        ([np.array([0])], 1.0, "persistence is 1.0; it must be at least 0 and below 1"),
        ([np.array([0])], -0.1, "persistence is -0.1"),
        ([np.array([0])], float("nan"), "persistence is nan"),
        (None, 0.5, "a random scan knows no persistence"),
    ],
)
def test_bad_scans(phases, persistence, message):
    with pytest.raises(ValueError, match=message):
        Scan(phases=phases, persistence=persistence)


def test_blocks_hold_every_chain_once_and_start_where_counters_want():
    for chains in (1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 2):
        blocks = list(chain_blocks(chains))
        assert np.concatenate([np.arange(chains)[block] for block in blocks]).tolist() == list(range(chains))
        assert all(block.start % 4 == 0 for block in blocks)


@pytest.mark.parametrize("wanted", ["1", "3"])
def test_a_pool_keeps_order_and_hands_on_errors(monkeypatch, wanted):
    monkeypatch.setenv("PBITS_THREADS", wanted)
    assert threads() == int(wanted)

    def fails(block):
        raise RuntimeError(f"block {block}")

    with Pool(7) as pool:
        assert pool.map(lambda block: block**2, 7) == [block**2 for block in range(7)]
        with pytest.raises(RuntimeError, match="block 0"):
            pool.map(fails, 7)


@pytest.mark.parametrize("wanted", ["", "0", "-2", "two", "1.5", "²"])
def test_a_bad_number_of_threads_is_refused(monkeypatch, wanted):
    monkeypatch.setenv("PBITS_THREADS", wanted)
    with pytest.raises(ValueError, match="PBITS_THREADS is .*whole number of at least 1"):
        threads()


def test_compiled_code_is_stale_once_any_kernel_source_changes(tmp_path):
    digests = []
    for index, (name, text) in enumerate([("a", "1"), ("a", "2"), ("b", "1")]):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        (folder / "same.py").write_text("0")
        digests.append(sources_digest(folder))
    assert len(set(digests)) == 3
