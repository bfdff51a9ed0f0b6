"""Arrays without a clock: accounts to the last event, laws declared, and what a run may be cut into."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from hardware_models.clocked import Timing
from hardware_models.effects import FixedPointCouplings, OffsetMismatch
from hardware_models.pbit import Array
from hardware_models.pbit.autonomous import AutonomousProgram
from hardware_models.pbit.disciplines import Discipline
from pbits import testing
from pbits.kernels.events import Line, alias_table
from pbits.mapping import FixedPoint
from pbits.parameters import Evidence, Figure
from pbits.reference import events as twins
from pbits.reference import stationary_of
from pbits.streams import Stream, Streams
from pbits.substrate import Placement

PAW = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 2), (0, 3)], [0.5, -0.4, 0.3, 0.7], [0.1, 0.0, -0.2, 0.3])
SAMPLING = pbits.Schedule(n_samples=5, n_warmup=3, steps_per_sample=2, chains=7)
UNEQUAL = (0.2, 0.7, 1.2, 1.9)
CLOCKS = {
    "instant": Discipline(update="poisson"),
    "unequal": Discipline(update="poisson", rates=UNEQUAL),
    "delay": Discipline(update="poisson", synapse="delay", s=0.5),
    "rc": Discipline(update="poisson", synapse="rc", s=0.5),
    "discrete": Discipline(update="discrete", time_step=0.3),
    "uneven": Discipline(update="discrete", time_step=0.3, rates=UNEQUAL),
}
every_clock = pytest.mark.parametrize("discipline", CLOCKS.values(), ids=CLOCKS)


def program(discipline, model=PAW, *, clamp=None, timing=None, **options):
    placement = Placement(cells=np.arange(model.n), chip_seed=0, clamp=clamp or {})
    return AutonomousProgram(model, placement, discipline=discipline, timing=timing or Timing(), **options)


def seen(discipline, schedule, *, initial=None, seed=4, **options):
    """The states of a program at every look, (looks, chains, n), and what it did."""
    looks = []
    done = program(discipline, **options).execute(
        schedule, Streams(seed=seed), initial, lambda step, states: looks.append(states) or False
    )
    return np.array(looks), done


def p_of_law(states, probabilities):
    codes = (states > 0) @ (1 << np.arange(states.shape[1])[::-1])
    counts = np.bincount(codes, minlength=len(probabilities))
    assert not counts[probabilities == 0].any()
    possible = probabilities > 0
    return chisquare(counts[possible], len(states) * probabilities[possible]).pvalue


# Refusals


@pytest.mark.parametrize(
    ("discipline", "options", "message"),
    [
        (Discipline(update="chromatic"), {}, "are discrete or poisson"),
        (Discipline(update="poisson", rates=(1.0, 1.0)), {}, "rates must be 4"),
        (Discipline(update="poisson", rates=(1.0, 1.0, 0.0, 2.0)), {}, "positive, finite"),
        (Discipline(update="poisson"), {"neuron_s": -1e-9}, "neuron_s is -1e-09"),
        (Discipline(update="poisson"), {"neuron_s": math.nan}, "neuron_s is nan"),
    ],
)
def test_what_no_p_bit_can_be_is_refused(discipline, options, message):
    with pytest.raises(ValueError, match=message):
        program(discipline, **options)


@pytest.mark.parametrize("asked", [{"layout": "bits"}, {"threshold_bits": 16}])
def test_layouts_of_clocked_machines_are_refused(asked):
    with pytest.raises(ValueError, match="fire one by one"):
        pbits.run(PAW, Array(update="poisson"), SAMPLING, seed=1, **asked)


# Accounts


@pytest.mark.parametrize(("copies", "batches", "used"), [(1, 7, 1), (3, 3, 3), (9, 1, 7)])
@every_clock
def test_device_time_is_that_of_the_steps(discipline, copies, batches, used):
    timing = Timing(phase_s=1e-9, program_s=2e-3, read_s=5e-6)
    _, done = seen(discipline, SAMPLING, timing=timing, neuron_s=4e-9, copies=copies)
    # 3 + 5 × 2 = 13 steps, of τ_N or of one clock.
    sweeping = 13 * batches * (1e-9 if discipline.update == "discrete" else 4e-9)
    assert done.phases == {
        "programming": pytest.approx(2e-3),
        "sweeping": pytest.approx(sweeping),
        "read-out": pytest.approx(5 * batches * 5e-6),
    }
    assert done.device_time_s.value == pytest.approx(sum(done.phases.values()))
    assert done.seconds["active"].value == pytest.approx(sweeping)
    assert done.seconds["idle"].value == pytest.approx(2e-3 + 5 * batches * 5e-6)
    assert done.full_batch_s.value == pytest.approx(done.device_time_s.value * 7 / (batches * copies))
    assert (done.counts["read"], done.counts["write"]) == (5 * 7 * 4, 4 * used)
    assert (done.notes["batches"], done.notes["copies_side_by_side"]) == (batches, used)


def test_an_unstated_time_is_unknown_and_an_assumed_one_says_so():
    poisson, timing = CLOCKS["instant"], Timing(phase_s=1e-9, program_s=1e-3, read_s=1e-6)
    _, done = seen(poisson, SAMPLING, timing=timing)
    assert done.phases["sweeping"] is None
    assert done.device_time_s.value is None
    figure = Figure(value=1e-9, low=5e-10, high=2e-9, evidence=Evidence.ASSUMED)
    _, done = seen(poisson, SAMPLING, timing=Timing(program_s=0.0, read_s=0.0), neuron_s=figure)
    assert done.device_time_s.evidence is Evidence.ASSUMED
    assert done.device_time_s.high == pytest.approx(2 * done.device_time_s.value)


@pytest.mark.parametrize("clamp", [{}, {0: 1, 3: -1}], ids=["free", "clamped"])
@pytest.mark.parametrize("clock", ["instant", "unequal", "delay", "rc"])
def test_firings_are_those_of_the_twin(clock, clamp):
    discipline, start = CLOCKS[clock], np.array([1, -1, 1, -1], dtype=np.int8)
    looks, done = seen(discipline, SAMPLING, initial=start, clamp=clamp)
    states, key = np.tile(start, (7, 1)), Streams(seed=4).key(Stream.THERMAL)
    states[:, list(clamp)] = list(clamp.values())
    free = np.array([site for site in range(4) if site not in clamp])
    kind = {"synapse": discipline.synapse, "s": discipline.s, "sites": free.tolist()}
    if discipline.rates:
        rates = np.array(discipline.rates)[free]
        kind |= {"rate": rates.sum(), "table": alias_table(rates)}
    found = twins.fire(states, PAW, np.ones(13), key, **kind)
    np.testing.assert_array_equal(looks[-1], states)
    assert done.counts["update"] == found.events.sum()
    assert done.counts["toggle"] == found.toggles.sum()
    assert done.counts["weight_read"] == found.reads.sum()
    assert done.counts["random_bit"] == 32 * found.events.sum()
    assert done.counts["write"] == 4 + 7 * 4
    assert done.notes["start_states_written"] == 7


def test_a_discrete_run_counts_every_try():
    looks, done = seen(CLOCKS["discrete"], SAMPLING, clamp={1: 1.0})
    assert done.counts["update"] == 13 * 7 * 3
    assert done.counts["random_bit"] == 32 * 13 * 7 * 3
    assert done.counts["weight_read"] == 13 * 7 * (3 + 2 + 1)
    assert (looks[:, :, 1] == 1).all()
    # With a look after every step, toggles are the changes seen.
    every = pbits.Schedule(n_samples=60, n_warmup=0, chains=7)
    start = np.array([1, -1, 1, -1], dtype=np.int8)
    looks, done = seen(CLOCKS["discrete"], every, initial=start)
    path = np.concatenate([np.broadcast_to(start, (1, 7, 4)), looks])
    assert done.counts["toggle"] == np.count_nonzero(np.diff(path, axis=0)) > 0


@every_clock
def test_p_bits_that_are_all_held_do_nothing(discipline):
    looks, done = seen(discipline, SAMPLING, clamp=dict.fromkeys(range(4), 1.0))
    assert (looks == 1).all()
    assert done.counts["update"] == done.counts["toggle"] == done.counts["weight_read"] == 0


@pytest.mark.parametrize("clock", ["instant", "unequal", "delay", "rc"])
def test_a_step_is_one_firing_of_each_p_bit_on_average(clock):
    schedule = pbits.Schedule(n_samples=50, n_warmup=0, chains=2000)
    _, done = seen(CLOCKS[clock], schedule)
    # 4 × 2000 × 50 firings are expected, and scatter by the root of that: false alarm 10⁻⁶.
    assert abs(done.counts["update"] - 400_000) < 5 * math.sqrt(400_000)


def test_a_line_that_is_full_is_made_longer(monkeypatch):
    discipline = Discipline(update="poisson", synapse="delay", s=30.0)
    wide, _ = seen(discipline, SAMPLING)
    lengths, longer = [], Line.longer
    monkeypatch.setattr("hardware_models.pbit.autonomous._MOST_ROOM", 1)
    monkeypatch.setattr(Line, "longer", lambda line: lengths.append(line.due.shape[1]) or longer(line))
    narrow, _ = seen(discipline, SAMPLING)
    assert lengths == [2, 4, 8, 16]
    np.testing.assert_array_equal(wide, narrow)


@pytest.mark.parametrize(("levels", "programmings"), [(4, 4), (1, 1)])
def test_machines_that_store_beta_j_are_programmed_at_every_level(levels, programmings):
    schedule = pbits.Schedule.anneal(sweeps=12, beta_start=0.2, beta_stop=2.0, levels=levels, chains=7)
    effects = (FixedPointCouplings(number=FixedPoint(fraction_bits=3)),)
    stored = {"effects": effects, "stores_beta": True, "timing": Timing(program_s=1.0)}
    looks, done = seen(CLOCKS["instant"], schedule, **stored)
    assert len(looks) == 12
    assert done.notes["programmings"] == programmings
    assert done.notes["fixed_point"]["numbers"] == 8
    # Seven batches, each of which starts over where there is more than one programming.
    assert done.phases["programming"] == (7 * programmings if programmings > 1 else 1)
    assert done.counts["write"] == 4 * programmings * (7 if programmings > 1 else 1)


def test_each_level_runs_on_what_is_held_at_it():
    # Below a half step all of βJ and βh rounds to zero: with nothing held, toggles are those of fair coins.
    schedule = pbits.Schedule.anneal(sweeps=40, beta_start=0.5, beta_stop=2.0, levels=2, chains=500)
    effects = (FixedPointCouplings(number=FixedPoint(fraction_bits=0)),)
    looks, _ = seen(CLOCKS["instant"], schedule, effects=effects)
    assert chisquare(np.bincount((looks[19] > 0) @ [8, 4, 2, 1], minlength=16)).pvalue > 1e-4
    held = program(CLOCKS["instant"], effects=effects).realised(2.0)
    assert p_of_law(looks[-1], pbits.exact(held, 2.0).probabilities) > 1e-4


# Laws


def test_an_ideal_synapse_declares_boltzmann_and_the_others_their_rule():
    laws = {name: program(discipline, clamp={1: -1.0}).law(0.7) for name, discipline in CLOCKS.items()}
    assert [laws[name].kind for name in ("instant", "unequal")] == ["boltzmann"] * 2
    assert laws["delay"].rule == {"rule": "poisson", "synapse": "delay", "s": 0.5}
    assert laws["rc"].rule == {"rule": "poisson", "synapse": "rc", "s": 0.5}
    assert laws["discrete"].rule == {"rule": "discrete", "time_step": 0.3}
    # Of the free p-bits alone.
    assert laws["uneven"].rule == {"rule": "discrete", "time_step": 0.3, "rates": [0.2, 1.2, 1.9]}
    assert all(law.clamp == {1: -1.0} and law.beta == 0.7 for law in laws.values())
    directed = program(CLOCKS["unequal"], pbits.DirectedModel(PAW.csr, PAW.h)).law(1.0)
    assert (directed.kind, directed.rule["rates"]) == ("stationary", list(UNEQUAL))


@every_clock
def test_the_effects_of_the_chip_are_what_is_held(discipline):
    held = program(discipline, effects=(OffsetMismatch(sigma_d2d=0.2),))
    assert held.law(1.0).model is held.realised(1.0)
    assert not np.array_equal(held.realised(1.0).h, PAW.h)


DIRECTED = pbits.DirectedModel([[0, 0.9, 0, -0.3], [0.2, 0, 0, 0], [-0.5, 0.8, 0, 0.4], [0, 0, 1.1, 0]], PAW.h)


@pytest.mark.parametrize("clamp", [None, {3: -1}], ids=["free", "clamped"])
@pytest.mark.parametrize("model", [PAW, DIRECTED], ids=["mutual", "directed"])
@pytest.mark.parametrize("clock", ["instant", "unequal", "discrete", "uneven"])
def test_draws_have_the_declared_law(clock, model, clamp):
    """False alarm of each: 10⁻⁴."""
    effects = (OffsetMismatch(sigma_d2d=0.4),) if model is PAW else ()
    schedule = pbits.Schedule(n_samples=1, n_warmup=150, chains=20_000)
    discipline = CLOCKS[clock]
    looks, _ = seen(discipline, schedule, model=model, clamp=clamp, effects=effects)
    law = program(discipline, model, clamp=clamp, effects=effects).law(1.0)
    assert (law.kind == "boltzmann") == (model is PAW and clock in ("instant", "unequal"))
    expected = law_table(law)
    assert p_of_law(looks[-1], expected) > 1e-4


def law_table(law):
    """Of all four p-bits, with those held in their place."""
    free = [site for site in range(4) if site not in law.clamp]
    held = list(law.clamp)
    J = law.model.csr.toarray()
    pull = J[np.ix_(free, held)] @ np.array(list(law.clamp.values()))
    part = type(law.model)(J[np.ix_(free, free)], law.model.h[free] + pull)
    if law.kind == "boltzmann":
        found = pbits.exact(part, law.beta).probabilities
    else:
        found = stationary_of(part, law.beta, law.rule).probabilities
    states = np.empty((len(found), 4))
    states[:, free] = pbits.exact(pbits.IsingModel(np.zeros((len(free),) * 2))).states
    states[:, held] = list(law.clamp.values())
    return np.bincount((states > 0) @ [8, 4, 2, 1], found, 16)


def test_slow_synapses_miss_the_boltzmann_law():
    schedule = pbits.Schedule(n_samples=1, n_warmup=60, chains=20_000)
    for clock in ("delay", "rc"):
        looks, _ = seen(CLOCKS[clock], schedule)
        assert p_of_law(looks[-1], pbits.exact(PAW).probabilities) < 1e-9


def test_an_anneal_finds_the_ground_state():
    schedule = pbits.Schedule.anneal(sweeps=200, beta_stop=8.0, chains=8)
    for options in ({"update": "poisson", "synapse": "rc", "s": 0.3}, {"update": "discrete", "time_step": 0.5}):
        run = pbits.run(PAW, Array(**options), schedule, seed=1)
        assert run.best_energy == pytest.approx(pbits.exact(PAW).energies.min())


# Promises of every machine


@every_clock
def test_draws_do_not_depend_on_threads_looks_or_other_chains(discipline, monkeypatch):
    def run(threads, chains=1000, looks=4):
        monkeypatch.setenv("PBITS_THREADS", str(threads))
        schedule = pbits.Schedule(n_samples=looks, n_warmup=2, steps_per_sample=12 // looks, chains=chains)
        states, done = seen(discipline, schedule)
        return states, dict(done.counts)

    whole, counts = run(1)
    states, again = run(3)
    np.testing.assert_array_equal(states, whole)
    assert again == counts
    np.testing.assert_array_equal(run(3, chains=501)[0], whole[:, :501])
    np.testing.assert_array_equal(run(2, looks=12)[0][2::3], whole)


@pytest.mark.parametrize("clock", ["instant", "delay", "discrete"])
def test_what_was_seen_stays_as_it_was(clock):
    looks = []
    schedule = pbits.Schedule(n_samples=5, n_warmup=0, chains=50)
    program(CLOCKS[clock]).execute(
        schedule, Streams(seed=1), None, lambda step, states: looks.append(states) or step == 3
    )
    assert len(looks) == 3
    assert not np.array_equal(looks[0], looks[1])


def test_an_ideal_synapse_keeps_the_law_of_ten_p_bits():
    report = testing.measure_law(Array(update="poisson"), draws=100_000)
    assert report.kind == "boltzmann"
    assert report.distance <= report.allowed
