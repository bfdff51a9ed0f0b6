"""A machine is one file: it is compared like any other, told apart from another, and all its faults are named."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pbits
from pbits import catalogue, cli
from pbits.parameters import CatalogueError, Parameter, read_machine, read_uplifts, unit_of

MINE = """
schema = 1
name = "my-array"
title = "Four by four p-bits"
physics = "pbit"
date = "2026-11-22"
description = "A grid of clocked p-bits."

[parameters]
update = "chromatic"
topology = "grid"
rules = "G4"
rows = { value = 4, evidence = "measured", source = "me2026", locator = "Table 1" }
columns = { value = 4, evidence = "measured", source = "me2026", locator = "Table 1" }
total_bits = { value = 8, evidence = "measured", source = "me2026", locator = "Table 1" }
fraction_bits = { value = 4, evidence = "measured", source = "me2026", locator = "Table 1" }
clock = { value = "100 MHz", range = ["80 MHz", "120 MHz"], evidence = "simulated", source = "me2026" }
cycles_per_phase = { value = 1, evidence = "assumed", note = "One clock a colour." }
program_time = { value = "1 ms", evidence = "derived", source = "me2026" }
read_time = { value = "1 µs", evidence = "derived", source = "me2026" }

[prices]
boundary = "chip"
weight_read = { included_in = "update" }
toggle = { included_in = "update" }
random_bit = { included_in = "update" }
update = { value = "4 pJ", range = ["2 pJ", "8 pJ"], evidence = "simulated", source = "me2026", group = "0.8 V" }
read = { value = "1 pJ", evidence = "assumed", note = "A guess.", group = "0.8 V" }
write = { value = "3 pJ", evidence = "assumed", note = "A guess." }

[power]
active = { included_in = "update" }
idle = { value = "2 mW", range = ["1 mW", "4 mW"], evidence = "simulated", source = "me2026" }

[uplifts.board]
factor = { value = 1.2, range = [1.1, 1.3], evidence = "assumed", note = "Regulators; no carrier." }

[sources.me2026]
authors = "A. Author"
title = "Four by four"
year = 2026
identifier = "in preparation"
read = "primary"
"""


@pytest.fixture
def write(tmp_path):
    def to(text, name="my-array.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to


def run(*args):
    return CliRunner().invoke(cli.app, list(map(str, args)))


# --- one file -------------------------------------------------------------------------------------------------------


def test_a_machine_is_one_file(write):
    """Nothing but the file: it runs, it is priced, and it is compared with machines of the catalogue."""
    ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 0.5)
    schedule = pbits.Schedule(n_samples=50, n_warmup=10, chains=4)
    path = str(write(MINE))
    found = pbits.compare(ring, [f"embedded:{path}", "embedded:fpga-kv260"], schedule, seed=1, boundary="board")
    mine, other = found.ledgers.values()
    assert (mine.boundary, other.boundary) == ("board", "board")
    assert mine.joules is not None
    assert mine.joules > 1.2 * 4e-12 * mine.run.counts["update"]


def test_a_file_of_a_user_gets_the_uplifts_it_does_not_name(write):
    prices = pbits.load(write(MINE)).prices
    everybody = pbits.load("extropic-z1").prices.uplifts
    assert prices.uplifts["board"].factor.value == 1.2
    assert prices.uplifts["board"].power is None
    assert prices.uplifts["wall"] == everybody["wall"]
    assert prices.uplifts["facility"] == everybody["facility"]
    # Read by itself, beside no catalogue, it has its own and no other.
    assert read_machine(write(MINE)).prices.uplifts.keys() == {"board"}


def test_uplifts_beside_a_file_come_before_those_of_everybody(write):
    write('[wall.factor]\nvalue = 1.5\nrange = [1.4, 1.6]\nevidence = "assumed"\nnote = "Old."\n', "uplifts.toml")
    prices = pbits.load(write(MINE)).prices
    assert prices.uplifts["wall"].factor.value == 1.5
    assert prices.uplifts["facility"].factor.value == 1.56


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[bord.factor]\nvalue = 1.2\nevidence = 'assumed'\nnote = 'x'\nrange = [1.1, 1.3]", "no boundary 'bord'"),
        ("[board.factor]\nvalue = 0.85\nevidence = 'assumed'\nnote = 'x'\nrange = [0.8, 0.9]", "for an efficiency"),
        ("[board]\nfactr = 1", "did you mean 'factor'"),
    ],
)
def test_bad_uplifts_are_refused(write, text, message):
    with pytest.raises(CatalogueError, match=message):
        read_uplifts(write(text, "uplifts.toml"))


def test_a_group_is_kept(write):
    prices = pbits.load(write(MINE)).prices
    assert [prices.operations[name].group for name in ("update", "read", "write")] == ["0.8 V", "0.8 V", ""]
    again = type(prices).from_dict(json.loads(json.dumps(prices.to_dict())))
    assert again == prices


def test_a_stored_number_without_a_group_is_read():
    number = Parameter.from_table({"value": "4 pJ", "evidence": "simulated", "source": "me"}, "J", "here")
    stored = number.to_dict()
    del stored["group"]
    assert Parameter.from_dict(stored) == number


@pytest.mark.parametrize("group", [1, ["0.8 V"]])
def test_a_group_is_text(group):
    with pytest.raises(CatalogueError, match="group is .*; it must be text"):
        Parameter.from_table({"value": "4 pJ", "evidence": "simulated", "source": "me", "group": group}, "J", "here")


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [("7.09 fJ", "J"), ("383 1/ns", "1/s"), (16, "1"), ("2 kohm", "ohm"), ("2 kΩ", "ohm"), ("30 kFLOP/µs", "FLOP/s")],
)
def test_the_unit_of_a_quantity_is_told(quantity, unit):
    assert unit_of(quantity) == unit


@pytest.mark.parametrize("quantity", ["not stated", "", "7.09 fW/s/m", "four J", "7.09 fX", True])
def test_what_is_no_quantity_has_no_unit(quantity):
    assert unit_of(quantity) is None


# --- two files ------------------------------------------------------------------------------------------------------


def changed(write, *changes):
    """What differs between the file and a copy with some text in place of other."""
    text = MINE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return catalogue.differences(read_machine(write(MINE)), read_machine(write(text, "other.toml")))


def test_a_file_does_not_differ_from_itself(write):
    assert changed(write) == []


def test_other_words_and_other_prefixes_are_no_difference(write):
    assert changed(write, ("One clock a colour.", "A colour a clock."), ('"1 ms"', '"1000 µs"')) == []


@pytest.mark.parametrize(
    ("old", "new", "where", "ratio"),
    [
        ('value = "100 MHz"', 'value = "110 MHz"', "parameters.clock", 1.1),
        ('"120 MHz"]', '"130 MHz"]', "parameters.clock", 1.0),
        ('value = "4 pJ"', 'value = "5 pJ"', "prices.update", 1.25),
        ('range = ["1 mW", "4 mW"], evidence = "simulated"', 'evidence = "measured"', "power.idle", 1.0),
        ('group = "0.8 V" }\nwrite', 'group = "0.9 V" }\nwrite', "prices.read", 1.0),
        ('locator = "Table 1" }\ncolumns', 'locator = "Table 2" }\ncolumns', "parameters.rows", 1.0),
        ('"120 MHz"], evidence = "simulated"', '"120 MHz"], evidence = "measured"', "parameters.clock", 1.0),
        ('update = "chromatic"', 'update = "random"', "parameters.update", None),
        ('write = { value = "3 pJ", evidence = "assumed", note = "A guess." }\n', "", "prices.write", None),
        ('toggle = { included_in = "update" }', 'toggle = { included_in = "read" }', "prices.toggle", None),
        ("value = 1.2, range", "value = 1.25, range", "uplifts.board.factor", 1.25 / 1.2),
    ],
)
def test_what_differs_is_told(write, old, new, where, ratio):
    [found] = changed(write, (old, new))
    assert found.where == where
    assert found.ratio == (None if ratio is None else pytest.approx(ratio))
    left, right = found.texts()
    assert left != right


def test_a_number_that_only_one_states_is_a_difference(write):
    [found] = changed(
        write, ('read_time = { value = "1 µs", evidence = "derived"', 'read_time = { value = "not stated"')
    )
    assert (found.ratio, found.texts()[1]) == (None, "not stated")


def test_differences_are_as_many_as_they_read_either_way(write):
    a, b = read_machine(write(MINE)), pbits.load("fpga-kv260").spec
    forth, back = catalogue.differences(a, b), catalogue.differences(b, a)
    assert {found.where for found in forth} == {found.where for found in back}
    ratios = {found.where: found.ratio for found in back}
    for found in forth:
        if found.ratio is not None:
            assert found.ratio * ratios[found.where] == pytest.approx(1)


def test_the_command_tells_two_machines_apart(write):
    shown = run("catalogue", "diff", "extropic-dtca-g12", "extropic-dtca-g12-2fj")
    assert shown.exit_code == 0, shown.output
    assert all(part in shown.output for part in ("prices.update", "1.3 fJ", "2 fJ", "1.54"))
    assert "parameters" not in shown.output
    same = run("catalogue", "diff", write(MINE), write(MINE, "other.toml"))
    assert "state the same" in " ".join(same.output.split())


def test_the_command_tells_two_machines_apart_in_json(write):
    shown = run("catalogue", "diff", "gpu-a100-sxm", "gpu-h100-sxm", "--json")
    document = json.loads(shown.output)
    assert (document["a"], document["b"]) == ("gpu-a100-sxm", "gpu-h100-sxm")
    found = {one["number"]: one for one in document["differences"]}
    tdp = found["parameters.tdp"]
    assert (tdp["a"]["value"], tdp["b"]["value"], tdp["ratio"]) == (400, 700, 1.75)
    assert tdp["b"]["evidence"] == "vendor_claim"
    assert found["power.idle"]["b"]["interval"] == [70, 120]


def test_a_machine_without_a_file_cannot_be_told_apart(write):
    shown = run("catalogue", "diff", write(MINE), "pdit-ideal")
    assert shown.exit_code == 2
    assert "no machine is named 'pdit-ideal'" in shown.output or "made in code" in shown.output


def test_every_machine_of_the_catalogue_can_be_told_apart_from_the_next():
    specs = [spec for spec in (pbits.load(name).spec for name in pbits.available()) if spec is not None]
    for a, b in pairwise(specs):
        for found in catalogue.differences(a, b):
            left, right = found.texts()
            assert left != right, (a.name, b.name, found.where)


def test_the_bibliography_says_what_is_from_where():
    lines = list(catalogue.bibliography(pbits.load("extropic-z1").spec))
    table = [line for line in lines if line.startswith("    Table IV: ")]
    assert table == ["    Table IV: read_time, program_time, prices.update, prices.read, prices.write"]
    assert any(re.match(r"extropic2026thermalizers: .*arXiv:2608\.01615\. Read: citing source", line) for line in lines)


# --- faults ---------------------------------------------------------------------------------------------------------


def faulty(write, *changes):
    text = MINE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return catalogue.faults(write(text))


def test_a_file_without_a_fault_has_none(write):
    assert faulty(write) == []


SLIPS = {
    "description": ('description = "A grid of clocked p-bits."\n', "", "no description"),
    "date": ('"2026-11-22"', '"yesterday"', "date is 'yesterday'"),
    "bare number": ("columns = { value = 4, evidence", "columns = 4 #", "parameters.columns: found 4"),
    "unit": ('clock = { value = "100 MHz"', 'clock = { value = "100 mW"', "parameters.clock: '100 mW' is not"),
    "key": ("read_time", "red_time", "did you mean 'read_time'"),
    "part": ("total_bits = { value = 8", "total_bits = { value = 8.5", "expected a whole number, found 8.5"),
    "note": ('evidence = "assumed", note = "One clock a colour."', 'evidence = "assumed"', "needs a note"),
    "price": ('update = { value = "4 pJ"', 'update = { value = "4 pJ/s"', "prices.update: '4 pJ/s' is not"),
    "prefix": ('idle = { value = "2 mW"', 'idle = { value = "2 µW"', "power.idle: the range 0.001 to 0.004 W"),
    "uplift": ("value = 1.2, range = [1.1, 1.3]", "value = 0.85, range = [0.8, 0.9]", "uplifts.board: the factor"),
    "source": ('program_time = { value = "1 ms", evidence = "derived", source = "me2026"',
               'program_time = { value = "1 ms", evidence = "derived", source = "me2025"', "did you mean 'me2026'"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_one_fault_is_named_once(write, slip):
    old, new, message = SLIPS[slip]
    [found] = faulty(write, (old, new))
    assert message in found


def test_all_faults_are_named_at_once(write):
    found = faulty(write, *((old, new) for old, new, _ in SLIPS.values()))
    assert len(found) == len(SLIPS)
    for _, _, message in SLIPS.values():
        assert sum(message in fault for fault in found) == 1, message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema = 1\n", "schema = \n", "is not valid TOML"),
        ('physics = "pbit"', 'physics = "pbits"', "no physics is named 'pbits'"),
        ('boundary = "chip"', 'boundary = "chop"', "no boundary 'chop'"),
        ('update = "chromatic"', 'update = "chromatik"', "did you mean 'chromatic'"),
        ('authors = "A. Author"\n', "", "sources, me2026: no authors"),
    ],
)
def test_a_fault_that_hides_others_is_named(write, old, new, message):
    [found] = faulty(write, (old, new))
    assert message in found


def test_what_follows_from_a_fault_is_not_named(write, monkeypatch):
    """A physics may refuse a machine without the number at fault; alone, its refusal is the fault."""

    def refuse(spec):
        raise ValueError("a grid needs rows")

    monkeypatch.setattr(catalogue, "build", refuse)
    assert faulty(write) == ["a grid needs rows"]
    [found] = faulty(write, ('"2026-11-22"', '"yesterday"'))
    assert "date is 'yesterday'" in found


def test_the_catalogue_has_no_fault(tmp_path):
    folder = Path(pbits.load("extropic-z1").spec.path).parent
    shutil.copytree(folder, tmp_path / "copy")
    for path in sorted((tmp_path / "copy").glob("*.toml")):
        if path.stem not in ("sources", "uplifts"):
            assert catalogue.faults(path) == [], path.name


def test_the_command_names_every_fault(write):
    path = write(MINE.replace('"4 pJ"', '"4 pW"').replace('"1 ms"', '"1 mJ"'))
    shown = run("catalogue", "check", path)
    assert shown.exit_code == 1
    assert "prices.update: '4 pW'" in shown.output
    assert "parameters.program_time: '1 mJ'" in shown.output
    assert run("catalogue", "check", write(MINE)).output.endswith("no fault found\n")
    missing = run("catalogue", "check", path.with_name("missing.toml"))
    assert missing.exit_code == 1
    assert "there is no file" in missing.output
