import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbits.parameters import (
    BOUNDARIES,
    RANGE_FACTORS,
    CatalogueError,
    Evidence,
    Included,
    Parameter,
    PriceTable,
    Source,
    Uplift,
    parse_quantity,
    read_machine,
    read_sources,
)

MACHINE = """
schema = 1
name = "toy"
title = "A toy"
physics = "pbit"
date = "2026-11-22"
description = "For tests."

[parameters]
update = "chromatic"
wrap = true
clock = { value = "100 MHz", evidence = "measured", source = "toy2026" }
sites = { value = 12, evidence = "assumed", note = "a dozen" }
half = { value = 0.5, evidence = "assumed", note = "not whole" }
delay = { value = "not stated", source = "toy2026" }

[prices]
boundary = "chip"
update = { value = "7.09 fJ", range = ["2 fJ", "20 fJ"], evidence = "simulated", source = "toy2026" }
toggle = { included_in = "update" }

[power]
idle = { value = "not stated", source = "toy2026" }

[uplifts.board]
factor = { value = 1.25, range = [1.1, 1.5], evidence = "assumed", note = "regulators" }

[sources.toy2026]
authors = "A. Author"
title = "Toys"
year = 2026
identifier = "none"
read = "primary"
"""


def measured(value, unit="J", **more):
    return Parameter(value=value, unit=unit, evidence=Evidence.MEASURED, source="toy2026", **more)


@pytest.fixture
def write(tmp_path):
    def write(text, name="toy.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


# --- quantities ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("7.09 fJ", "J", 7.09e-15),
        ("153.6 pJ", "J", 153.6e-12),
        ("10 µs", "s", 10e-6),  # the micro sign
        ("10 μs", "s", 10e-6),  # the Greek letter
        ("10 us", "s", 10e-6),
        ("1 kohm", "ohm", 1000.0),
        ("1 kΩ", "ohm", 1000.0),
        ("1 kΩ", "Ω", 1000.0),
        ("100 MHz", "Hz", 1e8),
        ("3 mH", "H", 3e-3),
        ("2.039 TB/s", "B/s", 2.039e12),
        ("19.5 TFLOP/s", "FLOP/s", 19.5e12),
        ("20.5 pJ/FLOP", "J/FLOP", 20.5e-12),
        ("383e9 1/s", "1/s", 383e9),
        ("383 1/ns", "1/s", 383e9),
        ("-0.1 V", "V", -0.1),
        ("0.85", "1", 0.85),
        (16, "1", 16.0),
    ],
)
def test_a_quantity_is_the_float_one_would_type(text, unit, value):
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("10 uS", "s"),
        ("7.1 fJ", "s"),
        ("7.1", "J"),
        (7.1, "J"),
        ("7.1 J/s", "W"),
        ("1 Hz", "1/s"),
        ("2 k1", "1"),
        ("1 J/s/s", "J/s"),
        ("seven fJ", "J"),
        ("1e999999 EJ", "J"),
        ("fJ", "J"),
        ("", "1"),
        (True, "1"),
        (None, "1"),
    ],
)
def test_another_dimension_is_refused_with_an_example(text, unit):
    with pytest.raises(ValueError, match=f"is not a quantity in {unit}; write for example"):
        parse_quantity(text, unit)


def test_the_message_for_a_wrong_dimension():
    with pytest.raises(ValueError) as caught:
        parse_quantity("10 uS", "s")
    assert str(caught.value) == "'10 uS' is not a quantity in s; write for example '7.1 fs'"


@pytest.mark.parametrize("text", ["inf J", "nan J", "1e400 J"])
def test_a_quantity_is_finite(text):
    with pytest.raises(ValueError, match="not finite"):
        parse_quantity(text, "J")


@given(
    st.integers(-(10**6), 10**6),
    st.integers(0, 6),
    st.sampled_from([("f", -15), ("n", -9), ("m", -3), ("", 0), ("k", 3), ("G", 9)]),
    st.sampled_from(["J", "s", "Hz", "B", "FLOP", "ohm"]),
)
def test_a_prefix_is_a_power_of_ten_exactly(digits, places, prefix, unit):
    symbol, power = prefix
    text = f"{digits}e-{places}"
    assert parse_quantity(f"{text} {symbol}{unit}", unit) == float(f"{digits}e{power - places}")


# --- evidence and parameters --------------------------------------------------------------------


def test_evidence_is_ordered_from_measured_to_assumed():
    grades = ["measured", "simulated", "vendor_claim", "derived", "assumed"]
    ranks = [Evidence(grade).rank for grade in grades]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 5
    assert Evidence.weakest([Evidence.MEASURED, Evidence.DERIVED, Evidence.SIMULATED]) is Evidence.DERIVED
    assert Evidence.weakest([]) is None


@pytest.mark.parametrize("grade", list(Evidence))
def test_the_default_range_is_the_documented_factor(grade):
    parameter = Parameter(value=6.0, unit="J", evidence=grade, source="toy2026", note="why")
    assert parameter.interval == (6.0 / RANGE_FACTORS[grade], 6.0 * RANGE_FACTORS[grade])


def test_weaker_evidence_never_has_a_narrower_default_range():
    factors = [RANGE_FACTORS[grade] for grade in sorted(Evidence, key=lambda grade: grade.rank)]
    assert factors == sorted(factors, reverse=True)


def test_a_stated_range_replaces_the_default():
    assert measured(3.0, low=1.0, high=4.0).interval == (1.0, 4.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"value": 0.0}, "positive and finite"),
        ({"value": -1.0}, "positive and finite"),
        ({"value": math.inf}, "positive and finite"),
        ({"value": math.nan}, "positive and finite"),
        ({"value": 1.0, "low": 0.5}, "both or neither"),
        ({"value": 1.0, "low": 2.0, "high": 3.0}, "hold the value"),
        ({"value": 1.0, "low": 0.5, "high": 0.9}, "hold the value"),
        ({"value": 1.0, "low": 0.0, "high": 2.0}, "positive and finite"),
        ({"value": 1.0, "low": 0.5, "high": math.inf}, "positive and finite"),
        ({"value": 1.0, "evidence": None}, "needs evidence"),
        ({"value": 1.0, "source": ""}, "needs a source"),
        ({"value": 1.0, "evidence": Evidence.ASSUMED}, "needs a note"),
        ({"value": None}, "no range and no evidence"),
        ({"value": None, "evidence": None, "source": ""}, "needs a source or a note"),
    ],
)
def test_a_parameter_refuses(values, message):
    sound = {"unit": "J", "evidence": Evidence.MEASURED, "source": "toy2026"}
    with pytest.raises(ValueError, match=message):
        Parameter(**(sound | values))


positive = st.floats(min_value=1e-30, max_value=1e30)


@given(st.lists(positive, min_size=3, max_size=3).map(sorted), st.sampled_from(list(Evidence)), st.text())
def test_a_parameter_survives_json_exactly(values, grade, note):
    low, value, high = values
    parameter = Parameter(value=value, unit="J", low=low, high=high, evidence=grade, source="key", note=note or "-")
    assert Parameter.from_dict(json.loads(json.dumps(parameter.to_dict()))) == parameter


def test_a_value_that_is_not_stated_survives_json():
    parameter = Parameter(value=None, unit="W", source="key")
    assert Parameter.from_dict(json.loads(json.dumps(parameter.to_dict()))) == parameter
    assert parameter.interval is None


def test_a_table_is_read_whole():
    table = {
        "value": "7.09 fJ",
        "range": ["2 fJ", "20 fJ"],
        "evidence": "simulated",
        "source": "extropic2026z1",
        "locator": "Table IV",
        "note": "SPICE",
    }
    assert Parameter.from_table(table, "J", "here") == Parameter(
        value=7.09e-15,
        unit="J",
        low=2e-15,
        high=20e-15,
        evidence=Evidence.SIMULATED,
        source="extropic2026z1",
        locator="Table IV",
        note="SPICE",
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (7.09, "expected a table"),
        ({"evidence": "measured"}, "no value"),
        ({"value": "1 J", "evidance": "measured"}, "did you mean 'evidence'"),
        ({"value": "1 J", "evidence": "mesured", "source": "k"}, "did you mean 'measured'"),
        ({"value": "1 J", "evidence": ["measured"], "source": "k"}, "choose one of"),
        ({"value": "1 s", "evidence": "measured", "source": "k"}, "not a quantity in J"),
        ({"value": "1 J", "range": ["1 s", "2 s"], "evidence": "measured", "source": "k"}, "not a quantity"),
        ({"value": "1 J", "range": "1 J", "evidence": "measured", "source": "k"}, "list of two"),
        ({"value": "1 J", "evidence": "measured", "source": 3}, "must be text"),
        ({"value": "1 J", "evidence": "assumed"}, "needs a note"),
    ],
)
def test_a_bad_table_is_refused_where_it_stands(table, message):
    with pytest.raises(CatalogueError, match=message) as caught:
        Parameter.from_table(table, "J", "toy.toml, prices.update")
    assert str(caught.value).startswith("toy.toml, prices.update: ")


# --- price tables -------------------------------------------------------------------------------


def full_table():
    return PriceTable(
        boundary="chip",
        operations={"update": measured(7.09e-15), "toggle": Included(in_="update")},
        power={"idle": Parameter(value=None, unit="W", source="k"), "active": Included(in_="update")},
        uplifts={
            "board": Uplift(factor=measured(1.25, "1", low=1.1, high=1.5), power=measured(9.0, "W")),
            "wall": Uplift(power=Parameter(value=None, unit="W", note="nobody says")),
        },
        date="2026-11-22",
    )


def test_a_price_table_survives_json_exactly():
    table = full_table()
    assert PriceTable.from_dict(json.loads(json.dumps(table.to_dict()))) == table


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"boundary": "die"}, "cell, core, chip, board, wall, facility"),
        ({"operations": {"update": measured(1.0, "W")}}, "update is in W; it must be in J"),
        ({"power": {"idle": measured(1.0, "J")}}, "power.idle is in J; it must be in W"),
        ({"operations": {"toggle": Included(in_="update")}}, "no price here"),
        ({"operations": {"a": Included(in_="b"), "b": Included(in_="a")}}, "no price here"),
        ({"uplifts": {"chip": Uplift(power=measured(1.0, "W"))}}, "leads nowhere"),
        ({"uplifts": {"desk": Uplift(power=measured(1.0, "W"))}}, "no boundary 'desk'"),
    ],
)
def test_a_price_table_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        PriceTable(**({"boundary": "chip"} | values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "a factor, a power, or both"),
        ({"factor": measured(1.25, "J")}, "must be in 1"),
        ({"power": measured(1.25, "J")}, "must be in W"),
        ({"factor": measured(1.05, "1")}, "at least as many joules"),
    ],
)
def test_an_uplift_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        Uplift(**values)


def test_boundaries_run_from_the_inside_out():
    assert BOUNDARIES == ("cell", "core", "chip", "board", "wall", "facility")


# --- machine files ------------------------------------------------------------------------------


def test_a_machine_is_read(write):
    machine = read_machine(write(MACHINE))
    assert (machine.name, machine.physics, machine.date) == ("toy", "pbit", "2026-11-22")
    assert machine.text("update", ("random", "chromatic")) == "chromatic"
    assert machine.number("clock", "Hz") == 1e8
    assert machine.integer("sites") == 12
    assert machine.number("delay", "s") is None
    assert machine.number("absent", "s", default=2.0) == 2.0
    assert machine.integer("absent", default=None) is None
    assert machine.integer("delay", default=7) == 7
    assert machine.text("absent", default="plain") == "plain"
    assert machine.flag("wrap") is True
    assert machine.flag("absent", default=False) is False
    assert machine.has("delay")
    assert not machine.has("absent")
    assert machine.parameter("clock", "Hz").source == "toy2026"
    assert set(machine.sources) == {"toy2026"}
    assert machine.prices is not None
    assert machine.prices.operations["toggle"] == Included(in_="update")
    assert machine.prices.operations["update"].interval == (2e-15, 20e-15)
    assert machine.prices.uplifts["board"].factor.value == 1.25
    assert machine.prices.date == "2026-11-22"


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda m: m.number("clokc", "Hz"), "parameters.clokc: not in the file; expected a number in Hz"),
        (lambda m: m.number("clock", "s"), "parameters.clock: '100 MHz' is not a quantity in s"),
        (lambda m: m.number("update", "s"), "parameters.update: expected a table"),
        (lambda m: m.integer("half"), "parameters.half: expected a whole number, found 0.5"),
        (lambda m: m.integer("delay"), "parameters.delay: expected a whole number, found 'not stated'"),
        (lambda m: m.text("clock"), "parameters.clock: expected text"),
        (lambda m: m.flag("update"), "parameters.update: expected true or false, found 'chromatic'"),
        (lambda m: m.flag("wrpa"), "parameters.wrpa: not in the file; expected true or false"),
        (lambda m: m.text("update", ("chromatik", "random")), "did you mean 'chromatik'"),
        (
            lambda m: m.reject_unknown(("update", "wrap", "clocks", "sites", "half", "delay")),
            "unknown key 'clock' .did you mean 'clocks'",
        ),
    ],
)
def test_reading_a_parameter_wrongly_names_file_and_key(write, read, message):
    with pytest.raises(CatalogueError, match=message) as caught:
        read(read_machine(write(MACHINE)))
    assert str(caught.value).startswith("toy.toml, parameters")


def test_known_parameters_are_not_rejected(write):
    read_machine(write(MACHINE)).reject_unknown(("update", "wrap", "clock", "sites", "half", "delay", "more"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('[parameters]\nupdate = "chromatic"', "[parameters]\nupdate = ", "line 10"),
        ("schema = 1\n", "", "no schema"),
        ("schema = 1\n", "schema = 2\n", "reads schema 1"),
        ('physics = "pbit"\n', "", "no physics"),
        ('"2026-11-22"', '"last week"', "write it as 2026-11-22"),
        ("[power]", "[pwer]", "did you mean 'power'"),
        ("wrap = true", "wrap = 3", "every number is a table"),
        ("wrap = true", "wrap = [1, 2]", "every number is a table"),
        ('source = "toy2026" }\nsites', 'source = "toy2025" }\nsites', "did you mean 'toy2026'"),
        (
            'idle = { value = "not stated", source = "toy2026"',
            'idle = { value = "not stated", source = "x"',
            "'x'",
        ),
        ('value = "7.09 fJ"', 'value = "7.09 fs"', "prices.update: '7.09 fs' is not a quantity in J"),
        ('included_in = "update"', 'included_in = "upd"', r"no price here \(the nearest is 'update'"),
        (
            "\nupdate = {",
            "\nupdte = {",
            r"'update', which is no price here \(the nearest is 'updte': is one of the two",
        ),
        ('boundary = "chip"', 'boundary = "die"', "no boundary 'die'"),
        ('boundary = "chip"\n', "", "no boundary"),
        ("factor = {", "facto = {", "did you mean 'factor'"),
        ("range = [1.1, 1.5]", "range = [0.9, 1.5]", "at least as many joules"),
        ('read = "primary"', 'read = "heard"', "'primary', 'memory' or 'citing source: …'"),
        ("year = 2026\n", "", "no year"),
    ],
)
def test_a_slip_in_a_machine_file_is_caught(write, old, new, message):
    assert MACHINE.count(old) == 1
    with pytest.raises(CatalogueError, match=message) as caught:
        read_machine(write(MACHINE.replace(old, new)))
    assert "toy.toml" in str(caught.value)


def test_power_without_prices_is_refused(write):
    head, rest = MACHINE.split("[prices]")
    with pytest.raises(CatalogueError, match=r"power needs a \[prices\] table"):
        read_machine(write(head + "[power]" + rest.split("[power]")[1]))


def test_a_machine_without_prices_has_none(write):
    head, rest = MACHINE.split("[prices]")
    machine = read_machine(write(head + "[sources.toy2026]" + rest.split("[sources.toy2026]")[1]))
    assert machine.prices is None


def test_sources_come_from_the_file_then_beside_it_then_the_caller(write):
    without, own = MACHINE.split("[sources.toy2026]")
    path = write(without)
    remedy = r"in no bibliography; to add it, write a table \[sources\.toy2026\] in this file, with authors, title,"
    with pytest.raises(CatalogueError, match=remedy):
        read_machine(path)
    given = Source(key="toy2026", authors="B", title="given", year=None, identifier="", read="memory")
    assert read_machine(path, {"toy2026": given}).sources["toy2026"] is given
    write("[toy2026]" + own.replace("Toys", "beside"), "sources.toml")
    assert read_machine(path, {"toy2026": given}).sources["toy2026"].title == "beside"
    assert read_machine(write(MACHINE), {"toy2026": given}).sources["toy2026"].title == "Toys"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CatalogueError, match=r"there is no file .*nothing\.toml"):
        read_machine(tmp_path / "nothing.toml")


def test_sources_are_read(write):
    path = write('[k]\nauthors = "A"\ntitle = "T"\nyear = "not stated"\nidentifier = "i"\nread = "memory"\n')
    source = Source(key="k", authors="A", title="T", year=None, identifier="i", read="memory")
    assert read_sources(path) == {"k": source}


def test_a_bibliography_entry_is_a_table(write):
    with pytest.raises(CatalogueError, match="expected a table with authors, title"):
        read_sources(write("k = 3"))
