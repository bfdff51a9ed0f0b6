"""Every number of the catalogue's real machines, typed a second time from its source and not from the file.

What is typed here was read again in the source, or in the text that cites it, which `sources.toml` names; derived
numbers are worked out again from what they are derived from. A number that nobody can type again is listed under why:
we assumed it, nobody states it, or the second reading did not find it.
"""

import shutil
from pathlib import Path

import pytest

import hardware_models
from pbits.catalogue import entries
from pbits.parameters import Evidence, Parameter, read_machine, read_uplifts

CATALOGUE = Path(hardware_models.__file__).parent / "catalogue"
FILES = sorted(path for path in CATALOGUE.glob("*.toml") if path.stem not in ("sources", "uplifts"))

MEASURED, SIMULATED, CLAIMED = Evidence.MEASURED, Evidence.SIMULATED, Evidence.VENDOR_CLAIM
DERIVED, ASSUMED = Evidence.DERIVED, Evidence.ASSUMED

#: An end of a range that is this project's assumption and stands in no source.
OURS = None


def said(value, evidence, place, span=None):
    """A number in SI units, how it is known, where it was read again, and its range where the file gives one."""
    return value, evidence, place, span


def nvidia(*, sheet, tflops, gbs, gigabytes, tdp, units, idle, bandwidth_most=None, idle_evidence=DERIVED):
    """What the files of all GPUs state alike. `idle` is the range; its middle is the value."""
    low, high = idle
    most = gbs if bandwidth_most is None else bandwidth_most
    return {
        "parameters.peak_flops": said(tflops * 1e12, CLAIMED, f"{sheet}, FP32", (OURS, tflops * 1e12)),
        "parameters.memory_bandwidth": said(gbs * 1e9, CLAIMED, f"{sheet}, memory", (OURS, most * 1e9)),
        "parameters.memory_bytes": said(gigabytes * 1e9, CLAIMED, f"{sheet}, memory"),
        "parameters.tdp": said(tdp, CLAIMED, f"{sheet}, TDP"),
        "parameters.units": units,
        "power.active": said(0.7 * tdp, DERIVED, "0.7 of the design power", (low, tdp)),
        "power.idle": said((low + high) / 2, idle_evidence, "the middle of its range", (low, high)),
    }


def multispin(devices, flips_per_ns):
    """The published multi-spin program on several devices, per device to three digits."""
    readme = "NVIDIA/ising-gpu, optimized/README.md, 'flips/ns'"
    each = float(f"{flips_per_ns / devices:.3g}")
    return {
        "parameters.published_updates_per_s": said(each * 1e9, MEASURED, readme),
        "parameters.published_degree": said(4, MEASURED, "a square lattice, same README"),
    }


def printed(units):
    return said(units, MEASURED, "NVIDIA/ising-gpu, optimized/README.md, 'Using GPUs', SMs")


def recalled(units):
    return said(units, CLAIMED, "white papers of the architectures, from memory")


FERROTHERM = "ferrotherm, src/ledger.rs"
TABLE_IV = "arXiv:2608.01615, Table IV, as ferrotherm and plasma-tsu-tomo quote it"
DISTRIBUTED = "distributed-p-computers"

RETYPED = {
    "asic-130nm-vmtj": {
        "parameters.max_sites": said(1143, MEASURED, "Duffee 2025, abstract"),
        "prices.random_bit": said(0.43e-12 + 1.3e-15, DERIVED, "a summary of the preprint: a pulse, a reading"),
    },
    "asic-28nm-pegasus": {
        "parameters.max_sites": said(27648, MEASURED, f"{FERROTHERM}, PEGASUS_28NM_ASIC"),
        "parameters.clock": said(140e6, MEASURED, f"{FERROTHERM}, PEGASUS_28NM_ASIC"),
        "prices.update": said(1.2e-12, MEASURED, f"{FERROTHERM}, PEGASUS_28NM_ASIC, 'including I/O power'"),
    },
    "cpu-epyc-9654": {
        # Base clock 2.4 GHz, all cores at 3.55 GHz; both to three digits.
        "parameters.peak_flops": said(7.37e12, DERIVED, "96 cores × 32 FLOP × 2.4 GHz", (OURS, 10.9e12)),
        "parameters.memory_bandwidth": said(460.8e9, CLAIMED, "hpctech.co.jp", (OURS, 460.8e9)),
        "parameters.units": said(96, CLAIMED, "hpctech.co.jp, cores"),
        "parameters.tdp": said(360, CLAIMED, "hpctech.co.jp, cTDP", (320, 400)),
        "power.active": said(252, DERIVED, "0.7 × 360 W", (80, 360)),
        "power.idle": said(95, ASSUMED, "the middle of 80 to 110 W, from memory", (80, 110)),
    },
    "extropic-dtca-g12": {
        "parameters.rows": said(70, CLAIMED, "arXiv:2510.23972, L"),
        "parameters.columns": said(70, CLAIMED, "arXiv:2510.23972, L"),
        "parameters.phase_time": said(100e-9, DERIVED, "codon_opt, supplement.tex, 4 colours × 100 ns"),
        "parameters.tau_rng": said(100e-9, MEASURED, "codon_opt, supplement.tex, decorrelation time"),
        "prices.update": said(1.3e-15, CLAIMED, "codon_opt, supplement.tex, E_cell", (0.13e-15, 13e-15)),
    },
    "extropic-dtca-g12-2fj": {
        "parameters.rows": said(70, CLAIMED, "arXiv:2510.23972, L"),
        "parameters.columns": said(70, CLAIMED, "arXiv:2510.23972, L"),
        "parameters.phase_time": said(100e-9, DERIVED, "codon_opt, supplement.tex, 4 colours × 100 ns"),
        "parameters.tau_rng": said(100e-9, MEASURED, "codon_opt, supplement.tex, decorrelation time"),
        "prices.update": said(2e-15, CLAIMED, "arXiv:2510.23972 v2, main text, by Gibbsiq", (0.2e-15, 20e-15)),
    },
    "extropic-z1": {
        "parameters.phase_time": said(20e-9 / 2, DERIVED, "From One to One Billion: 20 ns a sweep", (OURS, 10e-9)),
        "parameters.max_coupling": said(6, CLAIMED, "arXiv:2608.01615, Fig. 12, by tsu_compiler", (6, 6)),
        "parameters.coupling_parameters": said(215_904, CLAIMED, "a third party's reading", (215_904, 215_904)),
        "parameters.read_time": said(25e-6, SIMULATED, TABLE_IV),
        "parameters.program_time": said(1.0, DERIVED, f"{TABLE_IV}; reflash_hz_cap 1.0", (OURS, OURS)),
        "prices.update": said(7.09e-15, SIMULATED, TABLE_IV, (2.36e-15, 21.3e-15)),
        "prices.read": said(1.692e-12, SIMULATED, TABLE_IV),
        "prices.write": said(153.6e-12, SIMULATED, TABLE_IV),
    },
    "fpga-kv260": {
        "parameters.rows": said(32, CLAIMED, f"{FERROTHERM}, KV260_MEASURED, lattice2d(32)"),
        "parameters.columns": said(32, CLAIMED, f"{FERROTHERM}, KV260_MEASURED, lattice2d(32)"),
        "parameters.fraction_bits": said(8, CLAIMED, f"{FERROTHERM}, KV260_MEASURED, Q.8"),
        "parameters.clock": said(100e6, CLAIMED, f"{FERROTHERM}, KV260_MEASURED", (100e6, 100e6)),
        "parameters.cycles_per_phase": said(1, DERIVED, f"{FERROTHERM}, 2 clocks per sweep of 2 colours", (1, 1)),
        "parameters.read_time": said(7.75e-6, MEASURED, f"{FERROTHERM}, KV260_AXI_METERED"),
        "prices.update": said(
            10.85e-12, MEASURED, f"{FERROTHERM}, KV260_MEASURED, 10.85 ± 0.47 pJ", (10.85e-12 - 2 * 0.47e-12, 11.79e-12)
        ),
        "prices.read": said(
            581e-12, MEASURED, f"{FERROTHERM}, KV260_AXI_METERED, 581 ± 56 pJ", (581e-12 - 2 * 56e-12, 693e-12)
        ),
        "power.active": said(3.136, MEASURED, f"{FERROTHERM}, PL idle 3.1362 ± 0.0848 W", (3.136 - 0.085, 3.221)),
        "power.idle": said(3.136, MEASURED, f"{FERROTHERM}, PL idle 3.1362 ± 0.0848 W", (3.136 - 0.085, 3.221)),
        "uplifts.wall.factor": said(1.0753, ASSUMED, "1 / 0.93, from memory", (1.0417, 1.1111)),
    },
    "fpga-vcu118": {
        "parameters.max_sites": said(10_000, CLAIMED, "Aadit 2022, abstract, 5–10 thousand", (5_000, 10_000)),
    },
    "fpga-vcu118x6": {
        "parameters.chips": said(6, CLAIMED, f"{DISTRIBUTED}, README, 'Six VCU118'"),
        "parameters.p_bits_per_chip": said(10_000, CLAIMED, f"{DISTRIBUTED}, README, '~10k p-bits/FPGA'"),
        "parameters.clock": said(3 * 15e6, DERIVED, f"{DISTRIBUTED}, original_freq = 15e6, available_clocks = 3"),
        "parameters.cycles_per_phase": said(1, DERIVED, f"{DISTRIBUTED}, one edge a colour"),
        "parameters.link_bits": said(30, CLAIMED, f"{DISTRIBUTED}, PSL_pkg.sv, DATA_WIDTH_FMC, _FMCPLUS", (OURS, 54)),
        "parameters.link_clock": said(100e6, CLAIMED, f"{DISTRIBUTED}, FPGA_EA3D.m, bram_read_clk"),
        "parameters.total_bits": said(6, CLAIMED, f"{DISTRIBUTED}, PSL_pkg.sv, j_bit_width"),
        "parameters.fraction_bits": said(1, CLAIMED, f"{DISTRIBUTED}, FPGA_EA3D.m, fixed_b"),
    },
    "fpga-vp1902x18": {
        "parameters.clock": said(1e12 / 1e6 * 2, DERIVED, "arXiv:2606.25313, abstract, a trillion flips of a million"),
        "parameters.cycles_per_phase": said(1, DERIVED, "arXiv:2606.25313, abstract"),
    },
    "gpu-v100-sxm2": {
        **nvidia(sheet="V100 white paper", tflops=15.7, gbs=900, gigabytes=16, tdp=300, units=printed(80),
                 idle=(25, 45), idle_evidence=ASSUMED),
        **multispin(2, 766.26),
    },
    "gpu-a100-sxm": {
        **nvidia(sheet="A100 data sheet", tflops=19.5, gbs=2039, gigabytes=80, tdp=400, units=printed(108),
                 idle=(40, 62)),
        **multispin(8, 4135.96),
    },
    "gpu-h100-sxm": {
        **nvidia(sheet="H100 data sheet", tflops=66.9, gbs=3350, gigabytes=80, tdp=700, units=printed(132),
                 idle=(70, 120), idle_evidence=ASSUMED),
        **multispin(8, 7141.97),
    },
    "gpu-h200-sxm": nvidia(sheet="H200 data sheet", tflops=66.9, gbs=4800, gigabytes=141, tdp=700,
                           units=recalled(132), idle=(73.7, 80.3)),
    "gpu-b200": {
        **nvidia(sheet="HGX B200 data sheet", tflops=75, gbs=7700, gigabytes=180, tdp=1000, units=recalled(148),
                 idle=(110, 180), idle_evidence=ASSUMED, bandwidth_most=8000),
        # 115,000 on 64 modules of 1200 W; by the power, 1000/1200 of it.
        "parameters.published_updates_per_s": said(1797e9, DERIVED, "arXiv:2502.18624, NVL72", (1797e9 / 1.2, 1797e9)),
        "parameters.published_degree": said(4, CLAIMED, "arXiv:2502.18624, a square lattice"),
    },
    "gpu-rtx-4090": nvidia(sheet="Ada white paper", tflops=82.6, gbs=1008, gigabytes=24, tdp=450,
                           units=recalled(128), idle=(15, 25), idle_evidence=ASSUMED),
    "gpu-l4": nvidia(sheet="L4 data sheet", tflops=30.3, gbs=300, gigabytes=24, tdp=72,
                     units=said(round(30.3e12 / (2 * 128 * 2.04e9)), DERIVED, "30.3 TFLOP/s at 2.04 GHz"),
                     idle=(12, 18), idle_evidence=ASSUMED),
    "ideal": {},
    "normal-cn101": {},
    "smtj-projected": {
        "parameters.neuron_time": said(1e-9, ASSUMED, "Sutton 2020, 10¹⁵/s of 10⁶; arXiv:2301.05694", (1e-9, 10e-9)),
        "prices.update": said(20e-6 * 1e-9, ASSUMED, "Sutton 2020, 20 µW for 1 ns, from memory", (1e-15, OURS)),
    },
}  # fmt: skip

#: For every machine that names no uplift of its own.
UPLIFTS = {
    "board.factor": said(1.1765, ASSUMED, "1 / 0.85, of 0.80 to 0.90", (1.1111, 1.25)),
    "wall.factor": said(1.0753, ASSUMED, "1 / 0.93, of 0.90 to 0.96", (1.0417, 1.1111)),
    "facility.factor": said(1.56, ASSUMED, "Uptime Institute 2024, by Statista's summary", (1.1, 1.6)),
}

_GPU = ("phase_time", "unit_bytes", "unit_chains", "local_phase_time")
#: Numbers that stand in no source: guesses of this project, which say so in their notes.
GUESSED = {
    "cpu-epyc-9654": ("phase_time", "unit_bytes", "unit_chains", "update_time"),
    "extropic-z1": ("rows", "columns"),
    "fpga-vcu118x6": ("link_latency",),
    "fpga-vp1902x18": ("p_bits_per_chip", "link_bits", "link_clock", "link_latency"),
    **{name: _GPU for name in RETYPED if name.startswith("gpu-")},
}
#: Numbers whose source was not at hand the second time.
NOT_SEEN_AGAIN = {
    "fpga-vp1902x18": {"chips": "eighteen: the abstract says FPGAs and not how many, and the text was not available"},
}


def stated(spec):
    """The numbers in a machine's own file, by their place."""
    everybody = read_uplifts(CATALOGUE / "uplifts.toml")
    own = {}
    for where, entry in entries(spec).items():
        section, *rest = where.split(".")
        shared = section == "uplifts" and getattr(everybody.get(rest[0]), rest[1], None) == entry
        if isinstance(entry, Parameter) and not shared:
            own[where] = entry
    return own


def slips(found, typed):
    """Where a number of the catalogue is not the one that was typed again."""
    for where, (value, evidence, place, span) in typed.items():
        number = found.get(where)
        if number is None or number.value is None:
            yield f"{where}: not in the catalogue, {value:g} in {place}"
            continue
        if number.value != pytest.approx(value, rel=1e-9, abs=0):
            yield f"{where}: {number.value:g} in the catalogue, {value:g} in {place}"
        if number.evidence is not evidence:
            yield f"{where}: {number.evidence} in the catalogue, {evidence} by {place}"
        if (number.low is None) != (span is None):
            yield f"{where}: only one of the two has a range; {place}"
        for end, mine in zip((number.low, number.high), span or ()):
            # Ends of ranges are rounded to a few digits.
            if mine is not OURS and end != pytest.approx(mine, rel=1e-3, abs=0):
                yield f"{where}: the range ends at {end:g} in the catalogue, at {mine:g} in {place}"


def untyped(name, found):
    """Numbers of the catalogue that were neither typed again nor listed as what cannot be."""
    listed = {f"parameters.{key}" for key in (*GUESSED.get(name, ()), *NOT_SEEN_AGAIN.get(name, ()))}
    return [
        where
        for where, number in found.items()
        if number.value is not None and where not in listed and where not in RETYPED[name]
    ]


REAL = [path.stem for path in FILES if not read_machine(path).illustrative]


def test_every_machine_that_is_not_an_illustration_was_typed_again():
    assert RETYPED.keys() == set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_the_catalogue_says_what_the_sources_say(name):
    found = stated(read_machine(CATALOGUE / f"{name}.toml"))
    assert list(slips(found, RETYPED[name])) == []
    assert untyped(name, found) == []


@pytest.mark.parametrize("name", GUESSED)
def test_what_is_listed_as_guessed_says_so(name):
    found = stated(read_machine(CATALOGUE / f"{name}.toml"))
    for key in GUESSED[name]:
        assert found[f"parameters.{key}"].evidence is ASSUMED, key


@pytest.mark.parametrize("name", NOT_SEEN_AGAIN)
def test_what_was_not_seen_again_is_still_there(name):
    found = stated(read_machine(CATALOGUE / f"{name}.toml"))
    assert all(found[f"parameters.{key}"].value is not None for key in NOT_SEEN_AGAIN[name])


def test_the_uplifts_of_everybody_say_what_was_typed_again():
    found = {
        f"{boundary}.{part}": getattr(uplift, part)
        for boundary, uplift in read_uplifts(CATALOGUE / "uplifts.toml").items()
        for part in ("factor", "power")
        if getattr(uplift, part) is not None
    }
    assert list(slips(found, UPLIFTS)) == []
    assert {where for where, number in found.items() if number.value is not None} == set(UPLIFTS)


# --- a slip is found ------------------------------------------------------------------------------------------------


def copied(folder, name, old, new):
    """A copy of the catalogue with one slip in it, read as the catalogue is."""
    for shared in ("sources", "uplifts"):
        shutil.copy(CATALOGUE / f"{shared}.toml", folder)
    text = (CATALOGUE / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / f"{name}.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return stated(read_machine(path))


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        ("extropic-z1", '"7.09 fJ"', '"7.90 fJ"', "prices.update"),
        ("extropic-z1", '"153.6 pJ"', '"153.6 nJ"', "prices.write"),
        ("gpu-h100-sxm", '"66.9 TFLOP/s"', '"66.6 TFLOP/s"', "parameters.peak_flops"),
        ("gpu-h100-sxm", '["70 W", "120 W"]', '["70 W", "210 W"]', "power.idle"),
        ("fpga-kv260", 'value = "10.85 pJ"', 'value = "10.58 pJ"', "prices.update"),
        ("fpga-vcu118x6", 'value = "45 MHz"', 'value = "15 MHz"', "parameters.clock"),
        ("extropic-z1", 'evidence = "simulated"', 'evidence = "measured"', "parameters.read_time"),
    ],
)
def test_one_wrong_digit_is_found(tmp_path, name, old, new, where):
    found = list(slips(copied(tmp_path, name, old, new), RETYPED[name]))
    assert len(found) == 1
    assert found[0].startswith(where)


@pytest.mark.parametrize("name", [name for name in REAL if RETYPED[name]])
def test_any_number_off_by_a_thousandth_is_found(name):
    found = stated(read_machine(CATALOGUE / f"{name}.toml"))
    for where, (value, evidence, place, span) in RETYPED[name].items():
        assert list(slips(found, {where: (1.001 * value, evidence, place, span)})), where


def test_a_number_that_nobody_typed_again_is_found(tmp_path):
    more = '[prices.reset]\nvalue = "1 pJ"\nevidence = "simulated"\nsource = "extropic2026thermalizers"\n\n[power]'
    found = copied(tmp_path, "extropic-z1", "[power]", more)
    assert untyped("extropic-z1", found) == ["prices.reset"]
