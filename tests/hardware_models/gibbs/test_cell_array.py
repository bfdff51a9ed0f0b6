"""An array made of cells that are modelled: what it counts, what it costs, and what it cannot hold."""

from dataclasses import replace

import numpy as np
import pytest

import pbits
from hardware_models import gibbs
from hardware_models.gibbs.cell import Cell
from pbits import testing

CELL = Cell.published()
RING = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0.2, 0.2, 0.2, -0.2], [0.1, 0.0, 0.0, 0.1])
PHASE_S = 100e-9


def array(**options):
    return gibbs.Array(**({"rules": "G4", "rows": 2, "columns": 2, "cell": CELL, "phase_s": PHASE_S} | options))


def test_bias_currents_are_counted_by_the_states_of_the_cells():
    run = pbits.run(RING, array(), pbits.Schedule(n_samples=2000, n_warmup=100, chains=64), seed=1)
    law = pbits.exact(RING)
    inputs = law.states @ RING.J + RING.h
    # Of a settled cell γ = ½ + 2βI/swing; two phases a sweep, and legs conduct in both.
    gamma = 0.5 + 2 * inputs / CELL.swing
    expected = 2 * float(law.probabilities @ (4 * gamma * (1 - gamma)).sum(axis=1))
    # The law is off Boltzmann's by less than 0.001; 4096 or more looks of spread below 0.5, five standard errors.
    assert run.counts["bias_load"] / (64 * 2100) == pytest.approx(expected, abs=0.01 + 5 * 0.5 / 64)
    assert run.counts["bias_load"] < 2 * 4 * 64 * 2100


def test_joules_are_those_of_what_happened():
    run = pbits.run(RING, array(), pbits.Schedule(n_samples=200, chains=8), seed=1)
    rows = {row.item: row for row in pbits.price(run, boundary="core").rows}
    grid = array().capabilities.topology
    joules = CELL.update_joules(grid)
    for item, each in (
        ("update", joules.rng + joules.clock), ("toggle", joules.wires), ("bias_load", joules.bias),
    ):  # fmt: skip
        assert rows[item].joules == pytest.approx(run.counts[item] * each.value, rel=1e-12)
    # What reading and waiting cost is stated nowhere, so there is no total, and a bound from below.
    ledger = pbits.price(run, boundary="core")
    assert ledger.joules is None
    assert 0 < ledger.lower_bound < sum(row.joules for row in rows.values() if row.joules)


def test_a_cell_that_toggles_less_costs_less():
    frozen = pbits.run(RING, array(), pbits.Schedule(n_samples=200, chains=8, beta=1.9), seed=1)
    free = pbits.run(RING, array(), pbits.Schedule(n_samples=200, chains=8, beta=0.1), seed=1)
    assert frozen.counts["toggle"] < 0.9 * free.counts["toggle"]
    assert frozen.counts["bias_load"] < free.counts["bias_load"]
    assert frozen.counts["update"] == free.counts["update"]


def test_the_circuit_says_what_fits_and_how_it_moves():
    with pytest.raises(pbits.NotMappable, match=r"β ≤ 2 would fit"):
        pbits.run(RING, array(), pbits.Schedule(beta=2.1), seed=1)
    run = pbits.run(RING, array(), pbits.Schedule(n_samples=2000, chains=64), seed=1)
    assert run.record["notes"]["persistence"] == pytest.approx(np.exp(-1))
    # τ_bias = Δt/5: e^(−5) of older inputs is left, a small error and not none.
    assert 1e-4 < run.errors.clock < 2e-3
    settled = replace(CELL, tau_bias_s=1e-12)
    assert pbits.run(RING, array(cell=settled), pbits.Schedule(n_samples=2000, chains=64), seed=1).errors.clock < 1e-12


def test_a_cell_is_not_contradicted():
    with pytest.raises(ValueError, match=r"tau_s and supply_swing would contradict the cell.*replace"):
        array(tau_s=50e-9, supply_swing=8.0)
    other = replace(CELL, tau_rng_s=50e-9, slope_v=CELL.slope_v.value / 2)
    run = pbits.run(RING, array(cell=other), pbits.Schedule(n_samples=10, chains=2, beta=3.9), seed=1)
    assert run.record["notes"]["persistence"] == pytest.approx(np.exp(-2))
    with pytest.raises(ValueError, match="cell needs phase_s"):
        gibbs.Array(rules="G4", rows=2, columns=2, cell=CELL)


FILE = """
schema = 1
name = "mine"
title = "Cells from their circuit"
physics = "gibbs"
date = "2026-11-22"
description = "A machine file that asks for the published cell."

[parameters]
rules = "G12"
cell = "published"
rows = { value = 4, evidence = "assumed", note = "mine" }
columns = { value = 4, evidence = "assumed", note = "mine" }
phase_time = { value = "100 ns", evidence = "assumed", note = "mine" }
program_time = { value = "not stated", note = "mine" }
read_time = { value = "not stated", note = "mine" }
"""


def test_a_file_may_ask_for_the_cell(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    machine = pbits.load(path)
    assert machine.spec.prices is machine.prices
    assert machine.prices.operations["toggle"].note.startswith("½C_nV_sig²")
    quoted = pbits.load("extropic-dtca-g12")
    model = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [0.2, -0.2])
    schedule = pbits.Schedule(n_samples=100, chains=4)
    runs = [pbits.run(model, one, schedule, seed=1) for one in (machine, quoted)]
    computed, price = (sum(row.joules or 0 for row in pbits.price(run, boundary="core").rows) for run in runs)
    # Of the same order, since two constants are fitted; less, since not every update is a toggle.
    assert 0.3 < computed / price < 1
    path.write_text(FILE.replace("published", "unheard of"))
    with pytest.raises(ValueError, match="published"):
        pbits.load(path)


def test_frames_are_read_while_the_array_goes_on():
    schedule = pbits.Schedule(n_samples=300, n_warmup=0, chains=1)
    waits, reads = (
        pbits.run(RING, array(read_s=25e-6, program_s=0.0, buffers=buffers), schedule, seed=1) for buffers in (1, 2)
    )
    assert waits.device_time_s == pytest.approx(300 * (25e-6 + 2 * PHASE_S))
    assert reads.device_time_s == pytest.approx(2 * PHASE_S + 300 * 25e-6)
    assert (waits.states == reads.states).all()


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_it_conforms(check):
    """With the couplings that its legs can pull."""
    check(array())
