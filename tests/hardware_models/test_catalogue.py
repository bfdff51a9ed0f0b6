"""Every machine file reads, every number has a source, and a slip in one is found."""

import re
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import hardware_models
from hardware_models.gibbs import cell, claims
from hardware_models.pbit import macrospin
from pbits.parameters import (
    BOUNDARIES,
    CatalogueError,
    Evidence,
    Included,
    Parameter,
    read_machine,
    read_sources,
    read_uplifts,
)

CATALOGUE = Path(hardware_models.__file__).parent / "catalogue"
MACHINES = sorted(path.stem for path in CATALOGUE.glob("*.toml") if path.stem not in ("sources", "uplifts"))

# The unit of every number a machine may state; a number that is not here is a misspelling.
UNITS = {
    **{"rows": "1", "columns": "1", "max_sites": "1", "max_cells": "1", "cycles_per_phase": "1"},
    **{"total_bits": "1", "integer_bits": "1", "fraction_bits": "1", "component_bits": "1", "adc_bits": "1"},
    **{"max_coupling": "1", "coupling_parameters": "1"},
    **{"clock": "Hz", "phase_time": "s", "tau_rng": "s", "read_time": "s", "program_time": "s"},
    **{"peak_flops": "FLOP/s", "memory_bandwidth": "B/s", "memory_bytes": "B", "tdp": "W"},
    **{"units": "1", "unit_bytes": "B", "unit_chains": "1", "local_phase_time": "s", "update_time": "s"},
    **{"published_updates_per_s": "1/s", "published_degree": "1"},
    **{"chips": "1", "p_bits_per_chip": "1", "link_bits": "1", "link_clock": "Hz", "link_latency": "s"},
    **{"neuron_time": "s", "synapse_time": "s"},
    **{"word_time": "s", "adc_time": "s"},
    **{"random_bits": "1", "weight_bits": "1", "register_bits": "1"},
    **{"resistance": "ohm", "capacitance": "F", "inductance": "H", "quality": "1"},
    **{"noise_voltage_rms": "V", "swing": "V", "adc_range": "1", "read_word_time": "s"},
    **{"max_neurons": "1", "max_items": "1", "amplification": "1", "noise": "1", "tolerance": "1", "rounds": "1"},
    **{"round_time": "s"},
    **{"slots": "1", "coordinate_places": "1", "matrix_words": "1", "tiles": "1"},
    **{"decision_time": "s", "rewrite_time": "s", "frame_time": "s"},
}
TEXTS = {
    "update": ("chromatic", "poisson"),
    "topology": ("any", "grid", "complete"),
    "rules": ("G4", "G12", "Z1"),
    "generator": ("lfsr-16",),
    "wiring": ("line", "all"),
    "kind": ("gpu", "cpu"),
    "machine": ("permutations",),
    "moves": ("swap, reverse, insert",),
    "circuit": ("rc", "rlc", "walk", "neurons", "softassign"),
    "mapping": ("conductance", "capacitance"),
    "coupling": ("active", "passive", "differential"),
    "mean": ("drive", "digital"),
}
FLAGS = {"torus", "free_running"}


def spec(name):
    return read_machine(CATALOGUE / f"{name}.toml")


def numbers(machine):
    """Every number of a machine, read in its unit, by where it stands."""
    found = {
        f"parameters.{key}": machine.parameter(key, UNITS[key])
        for key, value in machine.parameters.items()
        if not isinstance(value, str | bool)
    }
    if machine.prices is not None:
        found |= machine.prices.items()
        for name, uplift in machine.prices.uplifts.items():
            found |= {f"uplifts.{name}.factor": uplift.factor, f"uplifts.{name}.power": uplift.power}
    return {where: number for where, number in found.items() if isinstance(number, Parameter)}


def test_the_names_that_scripts_call_are_there():
    promised = {
        *("ideal", "extropic-z1", "fpga-kv260", "cpu-epyc-9654"),
        *("gpu-v100-sxm2", "gpu-a100-sxm", "gpu-h100-sxm", "gpu-h200-sxm"),
        *("gpu-b200", "gpu-rtx-4090", "gpu-l4", "fpga-vcu118"),
    }
    assert promised <= set(MACHINES)


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_reads(name):
    machine = spec(name)
    assert machine.name == name
    assert machine.physics in ("pbit", "gibbs", "langevin", "processor")
    machine.reject_unknown({*UNITS, *TEXTS, *FLAGS, "unchecked"})
    for key in TEXTS.keys() & machine.parameters.keys():
        machine.text(key, TEXTS[key])


@pytest.mark.parametrize("name", MACHINES)
def test_every_number_has_its_unit_and_its_evidence(name):
    for where, number in numbers(spec(name)).items():
        if number.value is None:
            assert number.source or number.note, where
        elif number.evidence is Evidence.ASSUMED:
            assert number.note, where
        else:
            assert number.source, where


@pytest.mark.parametrize("name", MACHINES)
def test_every_number_is_a_table(name):
    def bare(table, where=""):
        for key, value in table.items():
            here = f"{where}.{key}"
            if isinstance(value, dict):
                # Inside the table of a pure number the value and its range are bare.
                yield from bare({k: v for k, v in value.items() if k not in ("value", "range")}, here)
            elif not isinstance(value, str | bool):
                yield here

    table = tomllib.loads((CATALOGUE / f"{name}.toml").read_text(encoding="utf-8"))
    assert list(bare(table)) == [".schema"]


def test_no_source_is_unused():
    cited = {key for name in MACHINES for key in spec(name).sources}
    # Devices that are no machine of their own, and what is claimed of machines, hold their numbers in code.
    for constants in (macrospin.CONSTANTS, cell.CONSTANTS, claims.numbers()):
        cited |= {constant.source for constant in constants.values() if constant.source}
    assert cited == set(read_sources(CATALOGUE / "sources.toml"))


@pytest.mark.parametrize("source", read_sources(CATALOGUE / "sources.toml").values(), ids=lambda source: source.key)
def test_a_text_that_was_read_has_its_authors_and_title(source):
    assert not re.search(r"\bnot read\b", source.authors + source.title)
    if source.read == "primary":
        assert not re.search(r"\bnot recorded\b", source.authors + source.title)


def test_integers_are_whole():
    for name in MACHINES:
        machine = spec(name)
        for key in ("rows", "columns", "max_sites", "max_cells", "total_bits", "fraction_bits", "adc_bits"):
            machine.integer(key, default=None)


# --- the numbers against each other -------------------------------------------------------------


def test_the_z1_has_as_many_cells_as_its_maker_states():
    machine = spec("extropic-z1")
    assert machine.integer("rows") * machine.integer("columns") == 269_568
    # A full sweep of the chip at 7.09 fJ an update every 20 ns is the 96 mW quoted in its note.
    update = machine.prices.operations["update"].value
    assert 269_568 * update / (2 * machine.number("phase_time", "s")) == pytest.approx(0.096, rel=0.01)


def test_the_kv260_updates_as_fast_and_draws_as_much_as_was_metered():
    machine = spec("fpga-kv260")
    sites = machine.integer("rows") * machine.integer("columns")
    rate = sites * machine.number("clock", "Hz") / (2 * machine.integer("cycles_per_phase"))
    assert rate == pytest.approx(51.2e9)
    assert rate * machine.prices.operations["update"].value == pytest.approx(0.5554, rel=1e-3)


def test_the_all_to_all_price_is_a_quarter_of_the_metered_one():
    update = spec("fpga-kv260").prices.operations["update"].value
    assert spec("fpga-all-to-all").prices.operations["weight_read"].value == pytest.approx(update / 4)


@pytest.mark.parametrize("name", [name for name in MACHINES if name.startswith(("gpu", "cpu"))])
def test_a_processor_draws_between_idle_and_its_design_power(name):
    machine = spec(name)
    active, idle = machine.prices.power["active"], machine.prices.power["idle"]
    tdp = machine.number("tdp", "W")
    assert active.value == pytest.approx(0.7 * tdp)
    assert active.interval == (idle.interval[0], tdp)
    for operation in ("update", "flop", "byte", "random_bit"):
        assert machine.prices.operations[operation] == Included(in_="power.active")


# Single precision without the 2:4 sparsity that data sheets like to count twice, TFLOP/s.
DENSE = {
    **{"gpu-v100-sxm2": 15.7, "gpu-a100-sxm": 19.5, "gpu-h100-sxm": 66.9, "gpu-h200-sxm": 66.9, "gpu-b200": 75.0},
    **{"gpu-rtx-4090": 82.6, "gpu-l4": 30.3},
}


@pytest.mark.parametrize("name", [name for name in MACHINES if name.startswith("gpu")])
def test_no_peak_is_above_the_dense_one(name):
    rates = [number for number in numbers(spec(name)).values() if number.unit == "FLOP/s"]
    assert rates
    for rate in rates:
        assert rate.high is not None
        assert rate.high <= DENSE[name] * 1e12 * (1 + 1e-9)


def test_memory_stands_behind_what_is_said_to_be_from_memory():
    """A number that its note calls remembered cites no text as if it had been read there."""
    for name in MACHINES:
        for where, number in numbers(spec(name)).items():
            if "from memory" not in number.note or number.evidence is Evidence.ASSUMED or number.value is None:
                continue
            assert "memory" in spec(name).sources[number.source].read, f"{name}, {where}"


def test_whoever_names_no_uplift_gets_the_one_of_everybody():
    everybody = read_uplifts(CATALOGUE / "uplifts.toml")
    assert set(everybody) == {"board", "wall", "facility"}
    for name in MACHINES:
        prices = spec(name).prices
        if prices is None:
            continue
        for boundary in BOUNDARIES[BOUNDARIES.index(prices.boundary) + 1 :]:
            own = boundary in tomllib.loads((CATALOGUE / f"{name}.toml").read_text(encoding="utf-8")).get("uplifts", {})
            if not own:
                assert prices.uplifts.get(boundary) == everybody.get(boundary), (name, boundary)


def test_a_board_that_is_its_own_host_pays_the_supply_and_no_host():
    supply = read_uplifts(CATALOGUE / "uplifts.toml")["wall"].factor
    for name in ("fpga-kv260", "fpga-all-to-all"):
        wall = spec(name).prices.uplifts["wall"]
        assert wall.power is None
        assert replace(wall.factor, note=supply.note) == supply


def test_nobody_invents_the_watts_of_a_host():
    for name in MACHINES:
        prices = spec(name).prices
        for boundary, uplift in (prices.uplifts if prices else {}).items():
            assert uplift.power is None or uplift.power.value is None, (name, boundary)


def test_an_rc_cell_dissipates_v_squared_over_r():
    machine = spec("langevin-rc-illustrative")
    volts, ohms = machine.number("noise_voltage_rms", "V"), machine.number("resistance", "ohm")
    assert machine.prices.operations["cell_second"].value == pytest.approx(volts**2 / ohms)
    assert ohms * machine.number("capacitance", "F") == pytest.approx(1e-6)


@pytest.mark.parametrize("name", [name for name in MACHINES if spec(name).physics in ("pbit", "gibbs")])
def test_a_sweep_is_priced_whole(name):
    prices = spec(name).prices
    if prices is not None:
        assert {"update", "weight_read", "toggle", "random_bit"} <= prices.operations.keys()
        assert "active" in prices.power
        carriers = [prices.items()[item] for item in ("update", "weight_read", "random_bit", "power.active")]
        # Included in one another all the way round, nothing would be left; what is not stated is left.
        assert any(isinstance(price, Parameter) for price in carriers)


def test_the_ideal_machine_has_no_price():
    assert spec("ideal").prices is None


# --- a slip is found ----------------------------------------------------------------------------


def slipped(tmp_path, old, new):
    """The Z1 file with one slip, read whole as the tests above do."""
    shutil.copy(CATALOGUE / "sources.toml", tmp_path)
    text = (CATALOGUE / "extropic-z1.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "extropic-z1.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    machine = read_machine(path)
    machine.reject_unknown({*UNITS, *TEXTS, *FLAGS, "unchecked"})
    return numbers(machine)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[parameters.phase_time]", "[parameters.phase_tme]", "did you mean 'phase_time'"),
        ('value = "10 ns"', 'value = "10 nS"', "parameters.phase_time: '10 nS' is not a quantity in s"),
        ('value = "7.09 fJ"', 'value = "7.09 fW"', "prices.update: '7.09 fW' is not a quantity in J"),
        ('range = ["2.36 fJ"', 'range = ["8 fJ"', "hold the value"),
        (
            'source = "extropic2026billion"',
            'source = "extropic2025billion"',
            "did you mean 'extropic2026billion'",
        ),
        ('evidence = "simulated"', 'evidence = "simulation"', "did you mean 'simulated'"),
        ('boundary = "chip"', 'boundary = "chop"', "no boundary 'chop'"),
        ("[power]", "[uplifts.bord.factor]\nvalue = 1.2\n\n[power]", "uplifts.bord"),
        # Units that contradict each other.
        ('value = "7.09 fJ"', 'value = "7.09 fJ/s"', "prices.update: '7.09 fJ/s' is not a quantity in J"),
        ('value = "7.09 fJ"', 'value = "7.09"', "prices.update: '7.09' is not a quantity in J"),
        ('value = "7.09 fJ"', 'value = "7.09 pJ"', "prices.update: the range .* hold the value"),
        ('"21.3 fJ"]', '"21.3 fW"]', "prices.update: '21.3 fW' is not a quantity in J"),
        ('"21.3 fJ"]', '"21.3 aJ"]', "prices.update: the range .* hold the value"),
        ('range = ["2.36 fJ", "21.3 fJ"]', 'range = ["21.3 fJ", "2.36 fJ"]', "hold the value"),
        ('range = ["2.36 fJ", "21.3 fJ"]', "range = [2.36, 21.3]", "prices.update: 2.36 is not a quantity in J"),
        ('value = "25 µs"', 'value = "25 kHz"', "parameters.read_time: '25 kHz' is not a quantity in s"),
        ('[power.idle]\nvalue = "not stated"', '[power.idle]\nvalue = "1 mJ"\nevidence = "simulated"', "in W"),
        ('included_in = "update"', 'included_in = "updates"', "no price here"),
    ],
)
def test_a_slip_is_found(tmp_path, old, new, message):
    with pytest.raises(CatalogueError, match=message):
        slipped(tmp_path, old, new)


def test_the_file_without_a_slip_reads(tmp_path):
    assert slipped(tmp_path, "[power]", "[power]")
