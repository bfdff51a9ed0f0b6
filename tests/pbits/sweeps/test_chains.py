"""Heat-bath chains: the exact law, the exact twin, clamps, counts, stops and the threads they run in."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from hardware_models import pbit
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.mapping import FixedPoint, colour_classes
from pbits.reference import stationary, transition_of, twins
from pbits.streams import Stream, Streams
from pbits.sweeps import Options, Scan, Work, choose, heat_bath, initial_states
from pbits.sweeps.counter import CounterEngine

SITES = 6
STREAMS = Streams(seed=4)
FALSE_ALARM = 1e-4  # of each chi-square test below; seeds are fixed, so each has passed once for all


def frustrated(seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(SITES, SITES)), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=SITES))


MODEL = frustrated()
SCANS = {
    "sequential": Scan.sequential(SITES),
    "lazy": Scan.sequential(SITES, persistence=0.4),
    "random": Scan.random(SITES),
}
BLOCK = CounterEngine.BLOCK


class Watch:
    """Keeps every state it is shown, and asks to stop after a given step."""

    layout = "counter"

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
    return initial_states(MODEL, slice(0, chains), STREAMS, None, clamp)


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
    def starts(chains, initial, clamp):
        return initial_states(MODEL, slice(0, chains), STREAMS, initial, clamp)

    drawn = starts(10_000, None, {3: 1})
    assert drawn.dtype == np.int8
    # Five shares of 10⁴ fair coins: 5 standard deviations, false alarm 3·10⁻⁶.
    assert np.abs(np.delete(drawn, 3, axis=0).mean(axis=1)).max() < 5 / np.sqrt(10_000)
    assert (drawn[3] == 1).all()
    given = np.array([[1, -1, 1, -1, 1, 1], [-1, -1, 1, 1, 1, -1]])
    assert starts(2, given, {}).T.tolist() == given.tolist()
    assert starts(2, given[0], {0: -1}).T.tolist() == [[-1, -1, 1, -1, 1, 1]] * 2


@pytest.mark.parametrize("size", [1, 16, 64, 512])
def test_starts_do_not_depend_on_the_blocks(size):
    whole = initial_states(MODEL, slice(0, 700), STREAMS, None, {})
    parts = [initial_states(MODEL, block, STREAMS, None, {}) for block in chain_blocks(700, size)]
    assert np.array_equal(whole, np.concatenate(parts, axis=1))
    # No two chains start alike: 64 states and 700 chains, but no two neighbours by more than chance.
    alike = (whole[:, 1:] == whole[:, :-1]).all(axis=0).mean()
    assert alike < 1 / 64 + 5 * np.sqrt(1 / 64 / 699)


def test_starts_of_categories_are_uniform_over_each_site():
    model = pbits.CategoricalModel([2, 5])
    drawn = initial_states(model, slice(0, 20_000), STREAMS, None, {})
    for site, count in ((0, 2), (1, 5)):
        assert chisquare(np.bincount(drawn[site], minlength=count)).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scan.sequential(2, persistence=1.0), "persistence is 1.0; it must be at least 0 and below 1"),
        (lambda: Scan.sequential(2, persistence=-0.1), "persistence is -0.1"),
        (lambda: Scan.sequential(2, persistence=float("nan")), "persistence is nan"),
        (lambda: Scan.random(2, persistence=0.5), "a random scan knows no persistence"),
    ],
)
def test_bad_scans(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_scan_without_some_sites_drops_the_phases_left_empty():
    scan = Scan.of([[0, 3], [1], [2, 4]], persistence=0.2).without(np.array([1, 4]))
    assert scan.sites.tolist() == [0, 3, 2]
    assert scan.sizes.tolist() == [2, 1]
    assert scan.persistence == 0.2
    assert Scan.random(4).without(np.array([0])).sites.tolist() == [1, 2, 3]


def test_blocks_hold_every_chain_once():
    for chains in (1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 2):
        blocks = chain_blocks(chains, BLOCK)
        assert np.concatenate([np.arange(chains)[block] for block in blocks]).tolist() == list(range(chains))
        assert all(block.start % BLOCK == 0 for block in blocks)


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


class TestServed:
    """What `run` asks for in bulk equals what an observer of every state sees."""

    MODEL = frustrated(3)

    def both(self, machine, schedule, **wanted):
        posed = self.MODEL
        served = pbits.run(posed, machine, schedule, seed=5, layout="counter", **wanted)
        watch = Watch()
        program = machine.compile(posed, schedule)
        program.execute(schedule, Streams(seed=5), None, watch)
        return served, np.array(watch.states), np.array(watch.steps)

    @pytest.mark.parametrize("update", ["sequential", "random", "synchronous"])
    def test_draws_and_energies(self, update):
        schedule = pbits.Schedule(n_samples=37, n_warmup=5, steps_per_sample=3, chains=21)
        served, states, steps = self.both(pbit.Array(update=update), schedule)
        assert np.array_equal(served.states, states.transpose(1, 0, 2))
        assert np.allclose(served.energies, self.MODEL.energy(states).T, rtol=1e-12, atol=0)
        assert served.trace.steps.tolist() == steps.tolist()
        assert served.best_energy == served.energies.min()

    @pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
    @pytest.mark.parametrize("number", [None, FixedPoint(total_bits=8, fraction_bits=4)])
    def test_an_anneal_on_a_machine_that_is_programmed_on_the_way(self, number):
        schedule = pbits.Schedule.anneal(sweeps=40, levels=7, chains=19)
        served, states, _ = self.both(pbit.Array(update="sequential", number=number), schedule)
        energies = self.MODEL.energy(states)
        assert np.array_equal(served.states[:, 0], states[-1])
        assert np.allclose(served.trace.energies, energies.T, rtol=1e-12, atol=0)
        assert served.best_energy == pytest.approx(energies.min(), rel=1e-12)
        assert self.MODEL.energy(served.best_state) == pytest.approx(served.best_energy, rel=1e-12)

    def test_moments_are_those_of_the_draws(self):
        schedule = pbits.Schedule(n_samples=50, n_warmup=5, steps_per_sample=2, chains=20)
        machine = pbit.Array(update="sequential")
        kept, *_ = self.both(machine, schedule)
        last, *_ = self.both(machine, schedule, keep="last")
        draws = kept.states.reshape(-1, SITES).astype(float)
        i, j, _ = self.MODEL.edges()
        assert kept.moments is None
        assert last.moments.draws == len(draws)
        assert np.allclose(last.moments.mean, draws.mean(axis=0))
        assert np.allclose(last.moments.edge_correlations, (draws[:, i] * draws[:, j]).mean(axis=0))
        assert np.array_equal(last.states, kept.states[:, -1:])
        assert np.allclose(last.trace.energies, kept.energies)

    def test_a_stop_comes_at_the_same_step(self):
        schedule = pbits.Schedule.anneal(sweeps=500, chains=9, stop_at=float(pbits.exact(self.MODEL).energies.min()))
        served = pbits.run(self.MODEL, pbit.Array(update="sequential"), schedule, seed=5, layout="counter")
        assert served.first_hit.min() > 0
        assert served.trace.steps[-1] == served.first_hit.max() < 500


def test_a_ladder_gives_each_chain_its_own_beta():
    model, chains = frustrated(1), 16_000
    ladder = np.where(np.arange(chains) % 2, 0.4, 1.6)
    schedule = pbits.Schedule(n_samples=1, n_warmup=79, beta=0.5, chains=chains, ladder=ladder)
    watch = Watch()
    watch.layout = "auto"
    heat_bath(lambda beta: model, SCANS["sequential"], schedule, STREAMS, None, watch, {})
    for factor in (0.4, 1.6):
        law = pbits.exact(model, 0.5 * factor)
        drawn = np.bincount(law.index(watch.states[-1][ladder == factor]), minlength=2**SITES)
        assert chisquare(drawn, drawn.sum() * law.probabilities).pvalue > FALSE_ALARM


class TestChoice:
    def choose(self, model, chains=64, wanted="auto", scan=None, **options):
        work = Work(
            model=model, scan=scan or Scan.sequential(model.n), options=Options(**options), chains=chains, beta=1.0
        )
        return choose(work, wanted)

    @pytest.mark.parametrize("wanted", ["nothing", "", "Bits"])
    def test_an_unknown_layout(self, wanted):
        with pytest.raises(ValueError, match="layout is .*; it must be auto, counter"):
            self.choose(MODEL, wanted=wanted)

    def test_a_layout_that_cannot_says_why(self):
        with pytest.raises(ValueError, match="layout 'counter' cannot sweep this: .*gains.*; .*heat bath"):
            self.choose(MODEL, wanted="counter", scan=Scan.sequential(SITES, gains=np.ones(SITES)), rule="metropolis")

    def test_the_choice_is_recorded(self):
        run = pbits.run(MODEL, "ideal", pbits.Schedule(n_samples=2, chains=2), seed=1, layout="counter")
        assert run.record["layout"]["name"] == "counter"
        assert run.record["layout"]["reason"] == "asked for"
        assert "float64" in run.record["layout"]["description"]


def lattice(*sides, magnitude=1.0, seed=0):
    sites = np.arange(np.prod(sides)).reshape(sides)
    edges = np.concatenate(
        [np.stack([sites.ravel(), np.roll(sites, -1, axis).ravel()], axis=1) for axis in range(len(sides))]
    )
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=len(edges))
    return pbits.IsingModel.from_edges(sites.size, edges, magnitude * signs)


def gaussian(model, seed=0):
    i, j, _ = model.edges()
    return pbits.IsingModel.from_edges(
        model.n, np.stack([i, j], axis=1), np.random.default_rng(seed).normal(size=len(i))
    )


def dense(n, seed=0):
    J = np.triu(np.random.default_rng(seed).normal(size=(n, n)), 1)
    return pbits.IsingModel(J + J.T)


@pytest.mark.parametrize(
    ("model", "chains", "layout"),
    [
        (lattice(64, 64), 1, "lattice"),
        (lattice(64, 64), 100, "lattice"),
        (lattice(64, 64), 512, "bits"),
        (lattice(16, 16, 16), 4, "lattice"),
        (lattice(10, 10), 1, "fields"),
        (lattice(10, 10), 64, "lanes"),
        (lattice(10, 10), 10_000, "bits"),
        (gaussian(lattice(64, 64)), 1, "fields"),
        (gaussian(lattice(64, 64)), 64, "lanes"),
        (gaussian(lattice(64, 64)), 1000, "lanes"),
        (dense(100), 1, "dense"),
        (dense(100), 1000, "dense"),
        (dense(10), 1000, "lanes"),
        (pbits.PolynomialModel(3, {(0, 1, 2): 1.0}), 5, "polynomial"),
        (pbits.CategoricalModel([2, 3]), 5, "categorical"),
    ],
)
def test_the_layout_follows_the_model_and_the_chains(model, chains, layout):
    choice = TestChoice().choose(model, chains, scan=Scan.of(colour_classes(model)))
    assert choice.name == layout
    assert choice.reason


@pytest.mark.parametrize(
    ("scan", "layout"),
    [
        (Scan.random(100), "fields"),
        (Scan.of([np.arange(100)], independent=False), "lanes"),
        (Scan.sequential(100, persistence=0.3), "lanes"),
        (Scan.sequential(100, gains=np.linspace(0.5, 1.5, 100)), "lanes"),
    ],
)
def test_the_layout_follows_the_scan(scan, layout):
    assert TestChoice().choose(lattice(10, 10), 64, scan=scan).name == layout


@pytest.mark.parametrize("layout", ["fields", "lanes", "bits", "dense"])
def test_gains_are_a_beta_of_each_site(layout):
    """Against the stationary law of the transition matrix: unequal gains leave no Boltzmann law."""
    couplings = np.triu(np.random.default_rng(2).integers(-2, 3, size=(SITES, SITES)), 1)
    model = pbits.IsingModel(couplings + couplings.T)
    gains = np.linspace(0.4, 1.6, SITES)
    beta, chains = 0.4, 20_480
    states = pbits.exact(model).states.astype(float)
    up = 1 / (1 + np.exp(-2 * beta * gains * (states @ model.csr.toarray())))
    law = stationary(transition_of(up, "sequential"))
    watch = Watch()
    watch.layout = layout
    schedule = pbits.Schedule(n_samples=1, n_warmup=59, beta=beta, chains=chains)
    heat_bath(lambda beta: model, Scan.sequential(SITES, gains=gains), schedule, STREAMS, None, watch, {})
    drawn = np.bincount(pbits.exact(model).index(watch.states[-1]), minlength=2**SITES)
    assert chisquare(drawn, chains * law).pvalue > FALSE_ALARM
    boltzmann = pbits.exact(model, beta).probabilities
    assert chisquare(drawn, chains * boltzmann).pvalue < 1e-12


@pytest.mark.parametrize(
    ("model", "chains", "megabytes"),
    [("lattice(1000, 1000)", 64, 200), ("gaussian(lattice(1000, 1000))", 64, 200), ("lattice(2048, 2048)", 1, 400)],
)
def test_memory_beyond_the_model_is_bounded(model, chains, megabytes):
    """The peak of a run, beyond the interpreter and the model, in a process of its own."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process is read from /proc, which this system has not")
    code = f"""
import runpy, pbits
here = runpy.run_path({str(Path(__file__))!r})
lattice, gaussian = here["lattice"], here["gaussian"]
model = {model}
warm = gaussian(lattice(10, 10)) if "gaussian" in {model!r} or {chains} > 1 else lattice(64, 64)
pbits.run(warm, "ideal", pbits.Schedule.anneal(sweeps=2, chains={chains}), seed=1)
def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1e3 for line in file if line.startswith(name))
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = status("VmRSS")
run = pbits.run(model, "ideal", pbits.Schedule.anneal(sweeps=2, chains={chains}), seed=1)
print(status("VmHWM") - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < megabytes


def test_a_machine_that_is_programmed_on_the_way_gets_a_layout_that_can_follow():
    """Rounded couplings are small whole numbers at both ends of this anneal, and not in between."""
    model = lattice(8, 8, magnitude=1.0)
    i, j, w = model.edges()
    doubled = pbits.IsingModel.from_edges(64, np.stack([i, j], axis=1), np.where(np.arange(len(w)) % 2, w, 2 * w))
    machine = pbit.Array(number=FixedPoint(total_bits=None, fraction_bits=8))
    run = pbits.run(doubled, machine, pbits.Schedule.anneal(sweeps=60, chains=128), seed=1)
    assert run.record["layout"]["name"] == "lanes"
    fixed = pbits.run(doubled, machine, pbits.Schedule(n_samples=2, chains=128), seed=1)
    assert fixed.record["layout"]["name"] == "bits"


def test_what_came_first_is_told_with_its_reasons():
    run = pbits.run(MODEL, pbit.Array(update="random"), pbits.Schedule(n_samples=2, chains=200), seed=1)
    told = run.record["layout"]
    assert told["name"] == "fields"
    assert {"bits", "lanes"} <= told["refused"].keys()
    assert "random scan" in " ".join(told["refused"]["lanes"])


def test_the_best_energy_is_that_of_the_best_state():
    model = gaussian(lattice(8, 8))
    for layout in ("fields", "lanes", "counter"):
        run = pbits.run(model, "ideal", pbits.Schedule.anneal(sweeps=300, chains=4), seed=2, layout=layout)
        assert run.best_energy == float(model.energy(run.best_state))


@pytest.mark.parametrize(
    ("model", "wanted", "message"),
    [
        (MODEL, {"layout": "typo"}, "layout is 'typo'; it must be one of auto, counter"),
        (MODEL, {"threshold_bits": 16.0}, "threshold_bits is 16.0; it must be one of None, 16, 24, 32"),
        (MODEL, {"keep": "all"}, "keep is 'all'; it must be one of draws, last"),
        (pbits.PolynomialModel(3, {(0, 1, 2): 1.0}), {"keep": "last"}, "moments of an IsingModel"),
        (pbits.GaussianModel(np.eye(2)), {"threshold_bits": 16}, "sites of this model hold reals"),
        (pbits.problems.read("and-gate"), {"keep": "last"}, "would lose the draws"),
    ],
)
def test_what_nobody_would_obey_is_refused(model, wanted, message):
    machine = "langevin-rc-illustrative" if isinstance(model, pbits.GaussianModel) else "ideal"
    with pytest.raises(ValueError, match=message):
        pbits.run(model, machine, pbits.Schedule(n_samples=2, chains=2), seed=1, **wanted)


def test_joules_per_draw_do_not_depend_on_what_is_kept():
    schedule = pbits.Schedule(n_samples=100, chains=4)
    kept, last = (
        pbits.price(pbits.run(MODEL, "fpga-all-to-all", schedule, seed=1, keep=keep)).per_sample
        for keep in ("draws", "last")
    )
    assert kept == pytest.approx(last, rel=1e-12)


def test_without_a_compiler_the_plain_layout_runs():
    code = """
import pbits
ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0)
run = pbits.run(ring, "ideal", pbits.Schedule(n_samples=2, n_warmup=0, chains=200), seed=1)
print(run.record["layout"]["name"])
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "counter"


def test_a_warm_up_takes_few_calls(monkeypatch):
    calls = []
    advance = CounterEngine.advance

    def counted(self, betas, step0):
        calls.append(len(betas))
        return advance(self, betas, step0)

    monkeypatch.setattr(CounterEngine, "advance", counted)
    schedule = pbits.Schedule(n_samples=1, n_warmup=5000, chains=2)
    pbits.run(MODEL, "ideal", schedule, seed=1, layout="counter")
    assert calls[0] == 5000
