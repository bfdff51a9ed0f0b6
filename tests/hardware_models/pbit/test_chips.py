"""Several chips: one chip where exchanges are fast, the timed SimPy machine where not, and every count."""

import math

import numpy as np
import pytest
import simpy

import pbits
from hardware_models.effects import OffsetNoise, SlopeMismatch, TemperatureDrift
from hardware_models.pbit import Array
from hardware_models.pbit.chips import Chips, from_spec
from hardware_models.timeline import exchange
from pbits import testing
from pbits.mapping import FixedPoint
from pbits.parameters import CatalogueError, read_machine
from pbits.streams import Streams
from pbits.substrate import NotMappable

# Short runs hold few exchanges, and are warned of.
pytestmark = pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")

SAMPLING = pbits.Schedule(n_samples=6, n_warmup=3, steps_per_sample=2, chains=5, beta=0.6)


def glass(side, seed=0, fields=0.0):
    rng = np.random.default_rng(seed)
    sites = np.arange(side**3).reshape(side, side, side)
    edges = np.concatenate([np.column_stack([sites.ravel(), np.roll(sites, -1, axis).ravel()]) for axis in range(3)])
    couplings = rng.choice([-1.0, 1.0], len(edges))
    return pbits.IsingModel.from_edges(side**3, edges, couplings, fields * rng.normal(size=side**3))


GLASS = glass(4, fields=0.3)  # 64 p-bits in two colours; slabs of 16 with faces of 16


def chips(**options):
    """Four slabs in a ring whose faces of 16 spins take 16 clocks and the latency."""
    given = {"chips": 4, "phase_s": 1e-8, "link_bits": 1, "link_clock_hz": 1e9, "wiring": "ring", **options}
    return Chips(**given)


def program(machine, model=GLASS, schedule=SAMPLING, **options):
    return machine.compile(model, schedule, **options)


# When copies take effect


def timed(machine, edges):
    """Which edge's spins are seen of other chips at each edge, by a clock and a link controller that run by themselves.

    −1 are the start states. The clock ticks at every multiple of phase_s and moves a colour; the controller sends
    right after an edge and hands over what has arrived with the next edge.
    """
    env = simpy.Environment()
    state = {"seen": -1, "arrived": -1, "under_way": False}
    took, seen = machine.exchange(GLASS).seconds, []

    def transfer(edge):
        yield env.timeout(took)
        state.update(arrived=edge, under_way=False)

    def clock():
        for edge in range(edges):
            # All that arrives at the time of an edge has arrived before it.
            yield env.timeout(max(0.0, edge * machine.phase_s - env.now) + 1e-15)
            if not state["under_way"]:
                state["seen"] = state["arrived"]
            seen.append(state["seen"])
            if not state["under_way"]:
                state["under_way"] = True
                env.process(transfer(edge))

    env.process(clock())
    env.run()
    return seen


@pytest.mark.parametrize("latency_s", [0.0, 1.5e-8, 2.4e-8, 2.5e-8, 9e-8])
def test_copies_are_as_old_as_a_clock_and_links_make_them(latency_s):
    machine = chips(link_latency_s=latency_s)
    lag = program(machine).lag
    expected = [-1 if edge < lag else (edge // lag - 1) * lag for edge in range(40)]
    assert timed(machine, 40) == expected


@pytest.mark.parametrize(
    ("options", "seconds", "lag"),
    [
        ({"link_bits": 16}, 1e-9, 1),
        ({"link_bits": 2}, 8e-9, 1),
        ({}, 16e-9, 2),
        ({"link_latency_s": 4e-9}, 20e-9, 2),
        ({"link_latency_s": 1e-6}, 1016e-9, 102),
        # Chip 3 needs chip 0 and has no link to it: three hops, on which its neighbours' faces go first.
        ({"wiring": "line"}, 64e-9, 7),
        ({"wiring": "line", "link_bits": (16, 8, 16)}, 5e-9, 1),
        ({"wiring": [(0, 1), (1, 2), (2, 3), (3, 0)]}, 16e-9, 2),
    ],
)
def test_eta_follows_from_links_and_boundaries(options, seconds, lag):
    made = program(chips(**options))
    assert made.round.seconds == pytest.approx(seconds)
    assert made.lag == lag
    assert made.eta == pytest.approx(2e-8 / seconds)


def test_an_exchange_that_ends_with_an_edge_is_not_made_late_by_rounding():
    made = program(chips(link_bits=16, link_latency_s=9 * 1e-9))
    assert made.round.seconds / made.machine.phase_s > 1
    assert made.lag == 1


# Draws


@pytest.mark.parametrize("seed", [1, 2])
def test_fast_links_make_many_chips_one(seed):
    one = pbits.run(GLASS, Array(), SAMPLING, seed=seed, layout="counter")
    many = pbits.run(GLASS, chips(link_bits=16), SAMPLING, seed=seed)
    np.testing.assert_array_equal(many.states, one.states)
    assert many.counts["toggle"] == one.counts["toggle"]
    np.testing.assert_allclose(many.energies, one.energies, rtol=1e-12)
    slow = pbits.run(GLASS, chips(), SAMPLING, seed=seed)
    assert not np.array_equal(slow.states, one.states)


def test_fast_links_make_an_anneal_that_of_one_chip():
    schedule = pbits.Schedule.anneal(sweeps=50, chains=3)
    one = pbits.run(GLASS, Array(), schedule, seed=5, layout="counter")
    many = pbits.run(GLASS, chips(link_bits=16), schedule, seed=5)
    np.testing.assert_array_equal(many.states, one.states)
    np.testing.assert_array_equal(many.best_state, one.best_state)
    np.testing.assert_allclose(many.trace.energies, one.trace.energies, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_rounded_couplings_and_clamps_are_those_of_one_chip():
    schedule = pbits.Schedule.anneal(sweeps=12, levels=3, chains=2)
    number, clamp = FixedPoint(total_bits=6, fraction_bits=1), {0: 1.0, 40: -1.0}
    one = pbits.run(GLASS, Array(number=number), schedule, seed=5, layout="counter", clamp=clamp)
    many = pbits.run(GLASS, chips(link_bits=16, number=number), schedule, seed=5, clamp=clamp)
    np.testing.assert_array_equal(many.states, one.states)
    assert {name: many.counts[name] for name in one.counts} == one.counts
    assert many.realised.fingerprint() == one.realised.fingerprint()


def test_late_news_leave_a_higher_energy():
    # Fast links leave exactly the energy of one chip, as shown above.
    model, schedule = glass(6), pbits.Schedule.anneal(sweeps=100, chains=64)
    fast, slow = (pbits.run(model, chips(chips=6, link_bits=bits), schedule, seed=5) for bits in (36, 1))
    fast, slow = fast.energies[:, -1], slow.energies[:, -1]
    assert slow.mean() - fast.mean() > 5 * np.hypot(slow.std(), fast.std()) / 8


@pytest.mark.parametrize("options", [{}, {"link_latency_s": 5e-8}])
def test_slow_links_equal_the_twin(options):
    made = chips(**options)
    clamp = {0: 1.0, 17: -1.0}
    states = pbits.run(GLASS, made, SAMPLING, seed=8, clamp=clamp).states
    np.testing.assert_array_equal(states, program(made, clamp=clamp).twin(SAMPLING, 8))
    assert not np.array_equal(states, program(chips(link_latency_s=3e-8), clamp=clamp).twin(SAMPLING, 8))


def test_what_observers_see_does_not_depend_on_their_kind():
    made, looks = program(chips()), []
    made.execute(SAMPLING, Streams(seed=3), None, lambda step, states: looks.append(states.copy()) or False)
    whole = pbits.run(GLASS, chips(), SAMPLING, seed=3)
    np.testing.assert_array_equal(np.array(looks).transpose(1, 0, 2), whole.states)
    sums = pbits.run(GLASS, chips(), SAMPLING, seed=3, keep="last")
    np.testing.assert_allclose(sums.moments.mean, whole.states.mean(axis=(0, 1)), atol=1e-12)
    i, j, _ = GLASS.edges()
    pairs = (whole.states[..., i].astype(int) * whole.states[..., j]).mean(axis=(0, 1))
    np.testing.assert_allclose(sums.moments.edge_correlations, pairs, atol=1e-12)
    assert sums.best_energy == whole.best_energy == pytest.approx(whole.energies.min())


def test_a_target_energy_stops_the_run():
    schedule = pbits.Schedule.anneal(sweeps=200, chains=2, stop_at=float(GLASS.energy(np.ones(64))))
    run = pbits.run(GLASS, chips(), schedule, seed=1)
    assert (run.first_hit > 0).all()
    assert run.trace.steps[-1] == run.first_hit.max() < 200


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(Chips(chips=3, phase_s=1e-8, link_bits=1, link_clock_hz=2e8, method="bands"))


@pytest.mark.slow
def test_fast_links_sample_boltzmann():
    testing.check_law(Chips(chips=3, phase_s=1e-8, link_bits=100, link_clock_hz=2e8, method="bands"))


# Accounts


def test_the_account_is_that_of_what_happened():
    machine = chips(program_s=1e-3, read_s=1e-5, link_latency_s=2e-8)
    run = pbits.run(GLASS, machine, SAMPLING, seed=3, initial=np.ones(64))
    steps, edges, chains = 15, 30, 5
    assert run.counts == {
        "update": steps * chains * 64,
        "weight_read": steps * chains * 64 * 6,
        "toggle": run.counts["toggle"],
        "random_bit": steps * chains * 64 * 32,
        # 8 faces of 16 spins; the last of 8 exchanges, of 4 edges each, is cut short.
        "link_bit": 8 * 16 * 8 * chains,
        "read": 6 * 64 * chains,
        "write": 64 * (1 + chains),
    }
    assert run.phases == pytest.approx(
        {"programming": 1e-3, "start states": 5e-5, "sweeping": chains * edges * 1e-8, "read-out": 6 * chains * 1e-5}
    )
    assert run.power_times["active"].value == pytest.approx(chains * edges * 1e-8)
    notes = run.record["notes"]
    assert notes["eta"] == pytest.approx(20 / 36)
    assert (notes["edges_per_exchange"], notes["exchanges"]) == (4, 8 * chains)
    assert notes["partition"]["cut_edges"] == 64
    assert notes["partition"]["sizes"] == [16] * 4


def test_links_are_paid_for_hop_by_hop():
    direct, line = (program(chips(wiring=wiring)).round for wiring in ("ring", "line"))
    assert direct.link_bits == 8 * 16
    assert line.link_bits == (6 + 2 * 3) * 16


def test_one_chip_has_no_exchange():
    run = pbits.run(GLASS, chips(chips=1), SAMPLING, seed=3)
    assert run.counts["link_bit"] == 0
    assert run.record["notes"]["eta"] is None
    assert program(chips(chips=1)).law(1.0).kind == "boltzmann"


def test_stale_boundaries_are_no_boltzmann_law():
    law = program(chips()).law(0.6)
    assert law.kind == "unknown"
    assert "2 to 3 clock edges old" in law.note


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"link_bits": 0}, "carries 0 bits a clock"),
        ({"link_bits": 0, "chips": 1}, "carries 0 bits a clock"),
        ({"link_bits": (1, 1)}, "2 numbers; the wiring has 4 links"),
        ({"link_latency_s": math.inf}, "latency of inf s"),
        ({"link_clock_hz": 0}, "clock of 0"),
        ({"link_clock_hz": None}, "link_clock_hz is not stated, and η"),
        ({"phase_s": None}, "phase_s is not stated, and η"),
        ({"phase_s": 0.0}, "phase_s is 0"),
        ({"chips": 0}, "chips is 0"),
        ({"chips": 2.0}, "chips is 2.0"),
        ({"wiring": "star"}, "one of all, ring, line"),
        ({"wiring": [(0, 4)]}, "numbered from 0 to 3"),
        ({"wiring": [(0, 1), (1, 0)]}, "names a link twice"),
        ({"method": "kahip"}, "one of auto, metis, bands"),
        ({"p_bits_per_chip": 0}, "holds at least 1"),
    ],
)
def test_machines_without_an_eta_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        chips(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p_bits_per_chip": 15}, "64 p-bits, and 4 chips of 15 hold 60; 5 chips would"),
        ({"wiring": [(0, 1), (2, 3)]}, "no links lead there"),
    ],
)
def test_models_that_do_not_fit_are_refused_with_the_numbers(options, message):
    with pytest.raises(NotMappable, match=message):
        program(chips(**options))


def test_an_uneven_partition_is_refused_with_the_numbers(monkeypatch):
    machine = chips(p_bits_per_chip=16)
    uneven = program(chips(chips=3, wiring="all")).cut
    assert uneven.sizes.max() == 22
    monkeypatch.setattr(machine, "partition", lambda model: uneven)
    with pytest.raises(NotMappable, match="22 p-bits and a chip holds 16; method='bands' cuts into parts of 16"):
        program(machine)


def test_layouts_and_ladders_are_refused():
    with pytest.raises(ValueError, match="leave layout out"):
        pbits.run(GLASS, chips(), SAMPLING, seed=1, layout="counter")
    with pytest.raises(NotMappable, match="ladder"):
        pbits.run(GLASS, chips(), pbits.Schedule(chains=2, ladder=(1.0, 0.5)), seed=1)


# Catalogue

ENTRY = """
schema = 1
name = "four"
title = "Four chips"
physics = "pbit"
date = "2026-11-22"
description = "For a test."
[parameters]
wiring = "line"
chips = {{ value = 4, evidence = "assumed", note = "A test." }}
clock = {{ value = "100 MHz", evidence = "assumed", note = "A test." }}
cycles_per_phase = {{ value = 1, evidence = "assumed", note = "A test." }}
link_bits = {{ value = 2, evidence = "assumed", note = "A test." }}
link_clock = {{ value = "1 GHz", evidence = "assumed", note = "A test." }}
link_latency = {latency}
"""
GUESS = '{ value = "3 ns", evidence = "assumed", note = "A test." }'


def test_an_entry_of_the_catalogue_makes_the_machine(tmp_path):
    (tmp_path / "four.toml").write_text(ENTRY.format(latency=GUESS), "utf-8")
    made = program(from_spec(read_machine(tmp_path / "four.toml")))
    assert made.round == exchange(
        {(a, (a + d) % 4): 16 for a in range(4) for d in (1, 3)},
        chips(wiring="line", link_bits=2, link_latency_s=3e-9).links,
    )


def test_an_entry_without_a_latency_is_refused(tmp_path):
    (tmp_path / "four.toml").write_text(
        ENTRY.format(latency='{ value = "not stated", note = "Nobody does." }'), "utf-8"
    )
    with pytest.raises(CatalogueError, match=r"four.toml: link_latency_s is not stated"):
        from_spec(read_machine(tmp_path / "four.toml"))


def test_a_model_of_fewer_p_bits_than_chips_leaves_chips_empty():
    pair = pbits.IsingModel.from_edges(2, [(0, 1)], 0.5)
    assert sorted(program(chips(), pair).cut.sizes) == [1, 1]


def test_the_law_of_stale_boundaries_is_judged():
    """Of four p-bits on two chips it can be written down, and a run is held to it (5 σ; fixed seed)."""
    ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 0.8, [0.2, 0, 0, -0.1])
    machine = Chips(chips=2, phase_s=1e-8, link_bits=1, link_clock_hz=2e7)
    run = pbits.run(ring, machine, pbits.Schedule(n_samples=300, n_warmup=20, steps_per_sample=5, chains=200), seed=2)
    assert program(machine, ring).law(1.0).kind == "stationary"
    assert run.errors.clock > 0.02
    assert run.errors.sampling < run.errors.allowed < run.errors.clock


def test_chips_that_hardly_exchange_are_warned_of():
    machine = chips(link_bits=1, link_clock_hz=1e4)
    with pytest.warns(pbits.HarmWarning, match="exchanged 1 times in 20 sweeps"):
        pbits.run(GLASS, machine, pbits.Schedule(n_samples=20, n_warmup=0, chains=1), seed=1)


@pytest.mark.parametrize(
    "effect", [TemperatureDrift(drift_k_per_step=1.0), OffsetNoise(sigma=0.1, low=0.001, high=0.1)]
)
def test_what_moves_during_a_run_is_refused(effect):
    with pytest.raises(ValueError, match="emulated for one chip"):
        program(chips(effects=[effect]))


def test_unequal_slopes_are_refused():
    with pytest.raises(NotMappable, match="unequal slopes"):
        program(chips(effects=[SlopeMismatch(sigma_d2d=0.1)]))


def test_a_model_lies_on_no_more_chips_than_it_needs():
    assert program(chips(p_bits_per_chip=64)).cut.sizes.tolist() == [64]
    assert len(program(chips(p_bits_per_chip=40)).cut.sizes) == 2
    assert len(program(chips()).cut.sizes) == 4
