"""Bit-true p-bit arrays: held to the plain twin state for state, to their declared law, and to their warnings.

The checks of `pbits.testing` have fixed seeds; correlations are allowed 5 standard errors.
"""

import hashlib
import warnings
from dataclasses import replace

import numpy as np
import pytest

import pbits
from hardware_models.pbit import bittrue
from hardware_models.pbit.bittrue import GENERATORS, BitTrue, BitTrueProgram, Fabric, Resources
from pbits import testing
from pbits.mapping import Complete, Grid
from pbits.parameters import CatalogueError, Figure, read_machine
from pbits.reference import fpga as plain
from pbits.reference import total_variation
from pbits.streams import Stream, Streams
from pbits.substrate import NotMappable

SCHEDULE = pbits.Schedule(n_samples=20, n_warmup=3, steps_per_sample=2, chains=3)
# Whole numbers of ½: exact in s[4][1].
RING = pbits.IsingModel.from_edges(
    6, [(i, (i + 1) % 6) for i in range(6)] + [(0, 3)], [1, -0.5, 0.5, 1, 1.5, -1, 0.5], [0.5, 0, 0, -0.5, 1, 0]
)


def twin(program, schedule, seed):
    """What `Program.twin` asks for: the states of `pbits.run` by the plain emulation."""
    machine, model = program.machine, program.model
    fraction_bits = machine.number.fraction_bits
    return plain.run(
        model.csr.toarray(), model.h, program.phases, schedule.betas(), schedule.observed_steps(), schedule.chains,
        Streams(seed=seed).key(Stream.INITIAL), integer_bits=machine.input_bits - fraction_bits,
        fraction_bits=fraction_bits, words=machine.words, shifts=machine.shifts, free_running=machine.free_running,
        clamp=program.clamp,
    )  # fmt: skip


def compiled(machine, model=RING, beta=1.0, **options):
    return machine.compile(model, replace(SCHEDULE, beta=beta), **options)


# States


@pytest.mark.parametrize("free_running", [True, False])
@pytest.mark.parametrize("generator", ["lfsr", "lfsr-8", "xoshiro"])
def test_runs_equal_the_twin_state_for_state(generator, free_running):
    machine = BitTrue(generator=generator, free_running=free_running)
    states = pbits.run(RING, machine, SCHEDULE, seed=3, clamp={2: -1}).states
    assert np.array_equal(states, twin(compiled(machine, clamp={2: -1}), SCHEDULE, 3))


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_an_anneal_programs_the_array_anew_at_each_beta():
    machine = BitTrue(integer_bits=2, fraction_bits=3)
    anneal = pbits.Schedule.anneal(sweeps=40, beta_start=0.1, beta_stop=4.0, chains=5, levels=8)
    run = pbits.run(RING, machine, anneal, seed=4)
    assert np.array_equal(run.states[:, 0], twin(machine.compile(RING, anneal), anneal, 4)[:, -1])
    assert run.counts["write"] == 6 * 8 * 5


def test_draws_of_130_chains_are_those_of_three_blocks():
    run = pbits.run(RING, BitTrue(), replace(SCHEDULE, chains=130), seed=5)
    alone = pbits.run(RING, BitTrue(), replace(SCHEDULE, chains=70), seed=5)
    assert np.array_equal(run.states[:70], alone.states)
    assert len({chain.tobytes() for chain in run.states}) == 130


def test_seeds_are_recorded():
    run = pbits.run(RING, BitTrue(), SCHEDULE, seed=3)
    fabric = Fabric(compiled(BitTrue()), Streams(seed=3), slice(0, 3))
    recorded = run.record["notes"]["seeds"]
    assert recorded == {"stream": "INITIAL", "sha256": hashlib.sha256(fabric.words.tobytes()).hexdigest()}


# Laws


@pytest.mark.parametrize(("integer_bits", "fraction_bits"), [(4, 1), (2, 4), (5, 2)])
def test_what_is_realised_has_the_conditionals_of_the_table(integer_bits, fraction_bits):
    machine = BitTrue(integer_bits=integer_bits, fraction_bits=fraction_bits)
    assert machine.table.tolist() == plain.tanh_table(integer_bits, fraction_bits)
    beta = 0.7
    program = compiled(machine, beta=beta)
    numbers, realised = program.numbers(beta), program.realised(beta)
    states = pbits.exact(RING).states
    inputs = beta * (states @ realised.J.toarray() + realised.h)
    whole = (
        numbers.fields
        + states @ type(RING.csr)((numbers.weights, RING.csr.indices, RING.csr.indptr), shape=RING.csr.shape).toarray()
    )
    np.testing.assert_allclose(whole * machine.number.step, inputs, atol=1e-12)
    level = machine.table[np.minimum(np.abs(whole), len(machine.table) - 1)] / 2**32
    up = np.where(whole < 0, 1 - level, level)
    np.testing.assert_allclose(up, 1 / (1 + np.exp(-2 * inputs)), atol=2**-31)


@pytest.mark.parametrize("generator", GENERATORS)
def test_few_new_bits_leave_the_law_unknown(generator):
    law = compiled(BitTrue(generator=generator)).law(1.0)
    assert law.kind == ("unknown" if generator in ("lfsr", "lfsr-8") else "boltzmann")
    assert bool(law.note) == (law.kind == "unknown")


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_conformance_of_a_good_generator(check):
    check(BitTrue(integer_bits=4, fraction_bits=6, generator="xoshiro", topology=Grid.named("G8", 16, 16)))


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_sixteen_shifts_pass_as_independent_words():
    testing.check_law(BitTrue(fraction_bits=6, generator="lfsr-16", free_running=False, topology=Complete(10)))


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_the_law_of_a_shift_register_is_held_to_its_twin(monkeypatch):
    monkeypatch.setattr(BitTrueProgram, "twin", twin)
    testing.check_law(BitTrue(fraction_bits=6))
    monkeypatch.setattr(plain, "lfsr", lambda word, shifts=1: word ^ 1)
    with pytest.raises(AssertionError, match="differs from its own twin"):
        testing.check_law(BitTrue(fraction_bits=6))


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_a_shift_register_that_declares_the_boltzmann_law_is_caught(monkeypatch):
    monkeypatch.setattr(bittrue, "INDEPENDENT_BITS", 1)
    with pytest.raises(AssertionError, match="chance allows"):
        testing.check_law(BitTrue(fraction_bits=6, topology=Grid.named("G4", 4, 4)))


def correlation_of_outputs(generator, field, clocks=4000, chains=256):
    """Of successive spins of a lone p-bit, with the standard error of independent ones."""
    program = compiled(BitTrue(integer_bits=2, fraction_bits=10, generator=generator), pbits.IsingModel([[0]], [field]))
    fabric = Fabric(program, Streams(seed=8), slice(0, chains))
    spins = np.empty((clocks, chains))
    for clock in range(clocks):
        fabric.advance(program.numbers(1.0), 1)
        spins[clock] = fabric.spins[0]
    p = (1 + np.tanh(field)) / 2
    centred = spins - (2 * p - 1)
    return (centred[1:] * centred[:-1]).mean() / (4 * p * (1 - p)), 1 / np.sqrt(clocks * chains)


@pytest.mark.parametrize(("generator", "k"), [("lfsr", 1), ("lfsr-8", 8), ("xoshiro", 32)])
@pytest.mark.parametrize("field", [0.0, 0.25, 0.5, -0.5])
def test_outputs_of_a_register_are_correlated_as_the_closed_form_says(generator, k, field):
    p = (1 + np.tanh(abs(field))) / 2
    f = 2.0**k * p % 1
    expected = 2.0**-k * (min(f, p) - p * f) / (p * (1 - p))
    found, error = correlation_of_outputs(generator, field)
    # Correlated outputs scatter more: their variance is below three times that of independent ones.
    assert abs(found - expected) < 5 * np.sqrt(3) * error


# What does not fit


def test_what_saturates_and_vanishes_is_said_with_its_size():
    model = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3)], [20, 0.1, 1], [0, 0.2, 40, -40])
    program = compiled(BitTrue(), model)
    with pytest.warns(pbits.HarmWarning, match="total variation to the posed model 0") as said:
        notes = pbits.run(model, BitTrue(), SCHEDULE, seed=1).record["notes"]["fixed_point"]
    text = str(said[0].message)
    assert "1 of 3 couplings saturate at -16 or 15.5" in text
    assert "1 of 3 couplings round to zero, in steps of 0.5" in text
    assert "2 of 4 fields saturate" in text
    assert "1 of 4 fields round to zero" in text
    assert "off by up to 24" in text
    assert program.realised(1.0).J.toarray()[0, 1] == 15.5
    assert (notes["saturated"], notes["rounded_to_zero"], notes["clipped_inputs"]) == (3, 2, 0)


def test_what_fits_is_not_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pbits.run(RING, BitTrue(), SCHEDULE, seed=1)


def test_clipped_inputs_leave_no_model_and_are_said():
    ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0)
    machine = BitTrue(integer_bits=1, fraction_bits=2, generator="xoshiro")
    program = compiled(machine, ring)
    assert program.law(1.0).kind == "unknown"
    assert "clipped" in program.law(1.0).note
    # The law that is left is not that of the couplings, by more than sampling error.
    with pytest.warns(pbits.HarmWarning, match="4 p-bits can have inputs beyond ±1.75.*probability of 0.9706"):
        run = pbits.run(
            ring, machine, pbits.Schedule(n_samples=500, n_warmup=50, steps_per_sample=4, chains=256), seed=1
        )
    found = testing.histogram(run.states)
    assert total_variation(found, pbits.exact(ring).probabilities) > 0.02


def test_beta_zero_is_a_fair_coin():
    program = compiled(BitTrue(), beta=0.0)
    assert program.realised(0.0) is RING
    assert not program.numbers(0.0).weights.any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"integer_bits": 0, "fraction_bits": 0}, "at least 0 bits"),
        ({"integer_bits": 12, "fraction_bits": 5}, "1 to 16 together"),
        ({"integer_bits": -1}, "no format"),
        ({"generator": "lfsr-3"}, "one of lfsr, lfsr-8"),
        ({"phase_s": -1e-9}, "phase_s"),
    ],
)
def test_what_cannot_be_built_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        BitTrue(**options)


def test_ladders_are_refused():
    with pytest.raises(NotMappable, match="as tempering and steering need"):
        BitTrue().compile(RING, replace(SCHEDULE, ladder=(0.5, 0.7, 1.0)))


def test_sums_that_could_overflow_are_refused():
    hub = pbits.IsingModel.from_edges(32_769, [(0, k) for k in range(1, 32_769)], 1.0)
    with pytest.raises(NotMappable, match="32,768 neighbours, and the emulated sums hold 32,766"):
        BitTrue(integer_bits=14, fraction_bits=2).compile(hub, SCHEDULE)
    assert not BitTrue(integer_bits=14, fraction_bits=1).limits(hub, SCHEDULE)


# Catalogue

ENTRY = """
schema = 1
name = "mine"
title = "Mine"
physics = "pbit"
date = "2026-11-22"
description = "A bit-true array."
[parameters]
integer_bits = { value = 3, evidence = "assumed", note = "a guess" }
fraction_bits = { value = 2, evidence = "assumed", note = "a guess" }
generator = "lfsr-8"
free_running = false
topology = "grid"
rules = "G4"
rows = { value = 4, evidence = "assumed", note = "a guess" }
columns = { value = 5, evidence = "assumed", note = "a guess" }
clock = { value = "100 MHz", evidence = "assumed", note = "a guess" }
cycles_per_phase = { value = 1, evidence = "assumed", note = "a guess" }
"""


def test_an_array_is_built_from_a_catalogue_entry(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(ENTRY, "utf-8")
    machine = bittrue.from_spec(read_machine(path))
    assert machine.name == "mine"
    assert (machine.number.step, machine.number.limits) == (0.25, (-8.0, 7.75))
    assert (machine.generator, machine.free_running) == ("lfsr-8", False)
    assert machine.capabilities.topology == Grid.named("G4", 4, 5)
    assert Figure.of(machine.timing.phase_s).value == 1e-8
    assert Figure.of(machine.timing.read_s).value is None
    path.write_text(ENTRY.replace("rules =", "rule ="), "utf-8")
    with pytest.raises(CatalogueError, match="rule"):
        bittrue.from_spec(read_machine(path))


# Account


def test_counts_and_seconds_follow_the_clock():
    resources = Resources(luts=100, flip_flops=1, carries=2, block_rams=0, tool="by hand")
    machine = BitTrue(
        generator="lfsr-8", phase_s=1e-8, program_s=1e-3, read_s=1e-6, resources=resources,
        topology=Grid.named("G4", 4, 8),
    )  # fmt: skip
    square = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], 1.0)
    run = pbits.run(square, machine, pbits.Schedule(n_samples=50, n_warmup=10, chains=10), seed=1, clamp={3: 1})
    sweeps, clocks = 60, 120
    assert run.counts["update"] == 10 * sweeps * 3
    assert run.counts["weight_read"] == 10 * sweeps * 6
    assert run.counts["random_bit"] == 10 * clocks * 3 * 8
    assert run.counts["lut_clock"] == 10 * clocks * 100
    assert run.counts["read"] == 10 * 50 * 4
    # Eight copies fit on the grid, so ten chains are two batches.
    assert run.device_time_s == pytest.approx(1e-3 + 2 * (clocks * 1e-8 + 50 * 1e-6))
    assert run.record["notes"]["resources"]["luts"] == 100


def test_generators_of_a_colours_own_clock_draw_only_in_their_turn():
    shared, own = (
        pbits.run(RING, BitTrue(free_running=free), SCHEDULE, seed=1).counts["random_bit"] for free in (True, False)
    )
    assert shared == len(pbits.mapping.colour_classes(RING)) * own
    assert own == 3 * 43 * 6


def test_toggles_are_counted_exactly():
    every = pbits.Schedule(n_samples=200, n_warmup=0, chains=2)
    start = np.ones(6)
    run = pbits.run(RING, BitTrue(), every, seed=2, initial=start)
    path = np.concatenate([np.ones((2, 1, 6)), run.states], axis=1)
    assert run.counts["toggle"] == (np.diff(path, axis=1) != 0).sum()
