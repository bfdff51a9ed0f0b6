"""Claims against accounts by hand: values, chance, what breaks them, and what is refused."""

import html
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits import claims
from pbits.accounts import Account, Input
from pbits.claims import Alternative, dimensions
from pbits.parameters import BOUNDARIES, CatalogueError, Evidence, Parameter

PRICE = Parameter(
    value=2e-15, unit="J", low=1e-15, high=4e-15, evidence=Evidence.SIMULATED, source="a", note="a simulation"
)
GPU = Parameter(value=1e-9, unit="J", low=0.5e-9, high=2e-9, evidence=Evidence.MEASURED, source="b")
INPUTS = {"n": 1000.0, "update": PRICE, "reads": 10.0, "read": "1 pJ", "gpu": GPU, "host": "0 W", "seconds": "1 ms"}
MACHINE = "n * update + reads * read + host * seconds"
ABOUT = {"boundary": "chip", "quality": "same draws"}


def claim(ratio=10.0, **changes):
    return pbits.check_claim(ratio, **{**ABOUT, "machine": MACHINE, "rival": "gpu", "inputs": INPUTS, **changes})


def test_the_ratio_is_that_of_the_hand():
    check = claim()
    assert check.ratio.value == pytest.approx(1e-9 / (1000 * 2e-15 + 10 * 1e-12), rel=1e-12)
    assert check.holds
    assert check.probability > 0.99
    assert claim(84.0).holds is False


@settings(max_examples=20)
@given(st.floats(0.05, 20))
def test_chance_is_that_of_the_log_normals(claimed):
    """A product: ln ratio is normal, of variance the sum; at 100,000 draws, off by 0.01 once in 10^9."""
    check = pbits.check_claim(claimed * 5e5, machine=PRICE, rival=GPU, **ABOUT)
    spread = math.sqrt(2) * math.log(2) / 1.959963984540054
    exact = 0.5 * math.erfc(math.log(claimed) / spread / math.sqrt(2))
    assert check.probability == pytest.approx(exact, abs=0.01)


def test_numbers_that_both_sides_name_are_one():
    check = pbits.check_claim(
        5, machine="n * update", rival="10 * n * update", inputs={"n": 7, "update": PRICE}, **ABOUT
    )
    assert (check.ratio.low, check.ratio.high) == pytest.approx((10, 10))
    assert check.probability == 1
    assert check.tornado == ()


def test_a_claim_that_just_holds_without_ranges_holds_for_certain():
    check = pbits.check_claim(1e6, machine="a", rival="b", inputs={"a": "20 fJ", "b": "20 nJ"}, **ABOUT)
    assert check.holds
    assert check.probability == 1
    assert check.evidence is None
    assert "given exactly" in check.verdict


def test_what_breaks_it_first_is_the_lowest_ratio():
    host = Alternative(label="a host", inputs={"host": "1 mW"})
    check = claim(
        alternatives=[
            Alternative(label="dear reads", inputs={"read": "10 pJ"}),
            host,
            Alternative(label="a better GPU", inputs={"gpu": "0.9 nJ"}),
            Alternative(label="another rival", rival="gpu / 100"),
        ]
    )
    by_hand = {
        "another rival": 1e-11 / 1.2e-11,
        "a host": 1e-9 / (1.2e-11 + 1e-6),
        "dear reads": 1e-9 / (2e-12 + 1e-10),
        "a better GPU": 0.9e-9 / 1.2e-11,
    }
    rows = [row for row in check.breaks if row.kind == "alternative"]
    assert [row.label for row in rows] == ["a host", "another rival", "dear reads", "a better GPU"]
    assert {row.label: row.ratio for row in rows} == pytest.approx(by_hand, rel=1e-12)
    assert [row.holds for row in rows] == [False, False, False, True]
    assert check.breaks_first.label == "a host"
    assert (rows[0].key, rows[0].value) == ("host", 1e-3)
    assert "“a host”" in check.verdict


def test_break_evens_are_those_of_the_closed_forms():
    check = claim(50.0)
    rival, dynamic = 1e-9, 1000 * 2e-15
    known = {one.key: one for one in check.break_evens}
    assert known["read"].value == pytest.approx(claims.read_budget(rival, dynamic, 10, 50), rel=1e-9)
    assert known["host"].value == pytest.approx(claims.host_power(rival, 1.2e-11, 1e-3, 50), rel=1e-9)
    assert known["host"].at_parity == pytest.approx(claims.host_power(rival, 1.2e-11, 1e-3), rel=1e-9)
    assert known["update"].value == pytest.approx((rival / 50 - 1e-11) / 1000, rel=1e-9)
    # 10 fJ is beyond 4 fJ; 0.6 nJ lies within 0.5 to 1.
    assert not known["update"].inside
    assert known["gpu"].inside
    assert check.break_evens[0].key == "gpu"
    assert check.break_evens[0].of_range == pytest.approx(math.log(1 / 0.6) / math.log(2))
    assert [row.key for row in check.breaks if row.kind == "break-even"] == ["gpu"]
    assert check.break_even("gpu") == pytest.approx(1.2e-11)


@pytest.mark.parametrize(("claimed", "end"), [(50.0, 0.5e-9), (200.0, 8e-9)])
def test_the_way_to_a_break_even_is_measured_on_its_own_side(claimed, end):
    lopsided = Parameter(value=1e-9, unit="J", low=0.5e-9, high=8e-9, evidence=Evidence.MEASURED, source="b")
    known = {one.key: one for one in claim(claimed, inputs=INPUTS | {"gpu": lopsided}).break_evens}
    way = math.log(claimed * 1.2e-11 / 1e-9) / math.log(end / 1e-9)
    assert known["gpu"].of_range == pytest.approx(way)


def number(key, value, unit="1", most=math.inf):
    return Input(key=key, label=key, value=value, low=value, high=value, unit=unit, most=most)


@settings(max_examples=15)
@given(st.floats(1e-6, 1e-3), st.floats(1e-12, 1e-9), st.floats(1e-12, 1e-9), st.floats(1, 1e4), st.floats(1.5, 100))
def test_closed_forms_are_the_roots_of_accounts(rival, joules, price, count, advantage):
    """Each function against the root finder, on an account that says the same."""
    of = Account("rival", [number("rival", rival, "J")])

    def root(formula, key, start, **values):
        # A machine works at most all the time.
        known = {**values, key: start}.items()
        inputs = [number(name, value, most=1.0 if name == "d" else math.inf) for name, value in known]
        return (of / Account(formula, inputs)).break_even(key, advantage)

    found = claims.read_budget(rival, joules, count, advantage)
    assert root("j + n * e", "e", price, j=joules, n=count) == pytest.approx(found, rel=1e-8)
    found = claims.samples_per_programming(rival, joules, price, count, advantage)
    assert root("j + e * w / n", "n", 1.0, j=joules, e=price, w=count) == pytest.approx(found, rel=1e-8)
    found = claims.host_power(rival, joules, price, advantage)
    assert root("j + p * t", "p", 1.0, j=joules, t=price) == pytest.approx(found, rel=1e-8)
    found = claims.overhead_factor(rival, joules, advantage)
    assert root("j * f", "f", 1.5, j=joules) == pytest.approx(found, rel=1e-8)
    found = claims.batch_size(rival, joules, price, advantage)
    assert root("j + e / b", "b", 1.0, j=joules, e=price) == pytest.approx(found, rel=1e-8)
    found = claims.duty_cycle(rival, joules, count, price, advantage)
    assert root("j + p * t * (1 / d - 1)", "d", 0.5, j=joules, p=count, t=price) == pytest.approx(found, rel=1e-6)


def test_closed_forms_say_where_nothing_helps():
    assert claims.read_budget(1.0, 2.0, 10) is None
    assert claims.samples_per_programming(1.0, 1.0, 1.0, 1) is None
    assert claims.host_power(1.0, 0.5, 1.0, advantage=2) is None
    assert claims.overhead_factor(1.0, 2.0) is None
    assert claims.duty_cycle(1.0, 2.0, 1.0, 1.0) is None
    with pytest.raises(ValueError, match="reads is 0"):
        claims.read_budget(1.0, 0.5, 0)
    with pytest.raises(ValueError, match="advantage is nan"):
        claims.batch_size(1.0, 0.5, 1.0, math.nan)


def test_a_map_is_the_account_on_a_grid():
    check = claim()
    found = check.map("read", "update", x_range=(1e-13, 1e-11), points=5)
    assert found["x"]["values"] == pytest.approx(np.geomspace(1e-13, 1e-11, 5))
    assert found["y"]["values"][0] == pytest.approx(1e-15)
    assert found["y"]["unit"] == "J"
    for update, row in zip(found["y"]["values"], found["ratio"]):
        for read, ratio in zip(found["x"]["values"], row):
            assert ratio == pytest.approx(1e-9 / (1000 * update + 10 * read), rel=1e-12)
    with pytest.raises(ValueError, match="no input 'raed' here .did you mean 'read'"):
        check.map("raed", "update")
    with pytest.raises(ValueError, match="two ends above 0"):
        check.map("host", "update")
    with pytest.raises(ValueError, match="two different inputs"):
        check.map("read", "read")


def test_a_claim_of_joules_holds_up_to_its_figure():
    about = {"boundary": "cell", "machine": "watts / flips", "inputs": {"watts": "20 W", "flips": "1e15 1/s"}}
    assert pbits.check_claim(value="20 fJ", **about).holds
    assert not pbits.check_claim(value="19.9 fJ", **about).holds
    check = pbits.check_claim(value=4e-14, **about)
    assert check.ratio.value == pytest.approx(2)
    assert check.absolute == (4e-14, "J")
    assert "at most 40 fJ" in check.verdict
    assert "found 20 fJ" in check.verdict
    with pytest.raises(ValueError, match="the machine is in J and what is claimed in W"):
        pbits.check_claim(value="20 W", **about)
    with pytest.raises(ValueError, match="has no rival"):
        pbits.check_claim(value="20 fJ", rival="watts / flips", **about)


UNKNOWN = Parameter(value=None, unit="J", source="a")


def test_what_is_not_stated_leaves_a_bound():
    check = claim(10.0, inputs=INPUTS | {"read": UNKNOWN})
    assert (check.holds, check.ratio, check.probability, check.account) == (None, None, None, None)
    assert check.at_most == pytest.approx(1e-9 / 2e-12)
    assert "cannot be checked, because read is not stated" in check.verdict
    assert "at most 500 times" in check.verdict
    with pytest.raises(ValueError, match="read is not stated"):
        check.map("read", "update")


def test_a_bound_may_settle_a_claim():
    check = claim(1000.0, inputs=INPUTS | {"read": UNKNOWN})
    assert check.holds is False
    assert "fails whatever the rest is" in check.verdict
    rival = claim(10.0, rival="gpu + read", inputs=INPUTS | {"wire": UNKNOWN}, machine="n * update + wire")
    assert rival.at_most == pytest.approx((1e-9 + 1e-12) / 2e-12)
    both = claim(10.0, rival="gpu + extra", inputs=INPUTS | {"extra": UNKNOWN})
    assert both.holds is True
    assert both.at_least == pytest.approx(1e-9 / 1.2e-11)


def test_no_bound_where_the_unknown_could_lower_the_total():
    assert claim(inputs=INPUTS | {"read": UNKNOWN}, machine="n * update - read").at_most is None
    assert claim(inputs=INPUTS | {"read": UNKNOWN}, machine="read * n").at_most is None


def test_an_alternative_may_state_what_was_not():
    swap = Alternative(label="a guess", inputs={"read": "1 pJ"})
    check = claim(inputs=INPUTS | {"read": UNKNOWN}, alternatives=[swap])
    assert [row.ratio for row in check.breaks] == pytest.approx([1e-9 / 1.2e-11])


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (Evidence.MEASURED, "number in it was measured by somebody"),
        (Evidence.SIMULATED, "rests on circuit simulation"),
        (Evidence.VENDOR_CLAIM, "what the maker states"),
        (Evidence.DERIVED, "derived here from others"),
        (Evidence.ASSUMED, "rests on assumed numbers"),
    ],
)
def test_the_verdict_comes_from_the_weakest_evidence(evidence, says):
    other = Parameter(value=2e-15, unit="J", evidence=evidence, source="a", note="why")
    check = pbits.check_claim(10, machine=other, rival=GPU, **ABOUT)
    assert check.evidence is evidence
    assert says in check.verdict
    assert ("measured" in check.verdict) == (evidence is Evidence.MEASURED)


def test_what_is_left_out_says_nothing_of_the_evidence():
    guess = Parameter(value=1.0, unit="W", evidence=Evidence.ASSUMED, note="a guess")
    inputs = {"on": 0, "guess": guess, "seconds": "1 ms", "gpu": GPU, "joules": "1 pJ"}
    check = pbits.check_claim(10, machine="joules + on * guess * seconds", rival="gpu", inputs=inputs, **ABOUT)
    assert check.evidence is Evidence.MEASURED
    assert [one.key for one in check.behind] == ["gpu", "joules"]


def test_sides_at_different_boundaries_need_an_uplift():
    with pytest.raises(ValueError, match=r"stated at the boundary core, the claim at board.*'chip'.*chip, board"):
        claim(boundary="board", machine_boundary="core")
    with pytest.raises(ValueError, match="a factor for each of chip, board"):
        claim(boundary="board", machine_boundary="core", uplifts={"machine": {"board": {"factor": 1.2}}})
    steps = {"machine": {"chip": 1, "board": {"factor": 1.25}}}
    check = claim(boundary="board", machine_boundary="core", uplifts=steps)
    assert check.ratio.value == pytest.approx(1e-9 / 1.2e-11 / 1.25)
    assert check.uplifts == (
        "machine: to the chip × 1 (given exactly)",
        "machine: to the board × 1.25 (given exactly)",
    )
    assert all(note in str(check) for note in check.uplifts)
    swap = Alternative(label="a lossy board", inputs={"machine_board_factor": 2})
    row = claim(boundary="board", machine_boundary="core", uplifts=steps, alternatives=[swap]).breaks[0]
    assert row.ratio == pytest.approx(1e-9 / 1.2e-11 / 2)
    with pytest.raises(ValueError, match="includes the whole wall, which is more than the chip"):
        claim(rival_boundary="wall")
    with pytest.raises(ValueError, match="watts \\* seconds"):
        claim(boundary="board", machine_boundary="chip", uplifts={"machine": {"board": {"power_w": 2}}})
    with pytest.raises(ValueError, match="not on the way"):
        claim(uplifts={"machine": {"wall": 1.1}})
    with pytest.raises(ValueError, match="uplifts are for gpu"):
        claim(uplifts={"gpu": {"wall": 1.1}})
    with pytest.raises(ValueError, match=r"lie between 1 and inf"):
        claim(boundary="board", machine_boundary="chip", uplifts={"machine": {"board": 0.5}})


@pytest.mark.parametrize("ratio", [0, -1.0, math.nan, math.inf, "1e4"])
def test_a_ratio_is_a_number_above_0(ratio):
    with pytest.raises(ValueError, match="finite number above 0"):
        claim(ratio)


def test_a_claim_names_a_boundary_and_a_word_on_quality():
    with pytest.raises(ValueError, match="needs a boundary.*" + ", ".join(BOUNDARIES)):
        claim(boundary=None)
    with pytest.raises(ValueError, match="no boundary 'chp'"):
        claim(boundary="chp")
    with pytest.raises(ValueError, match="say what both sides are held equal at.*'not matched'"):
        claim(quality=None)
    assert "quality of both sides was not matched" in claim(quality="not matched").verdict


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"machine": "n * updates"}, "names updates"),
        ({"machine": "n * * update"}, "no arithmetic expression"),
        ({"machine": "n + update"}, "adds no unit and J"),
        ({"machine": "seconds * n"}, "the machine is in s and the rival in J"),
        ({"machine": "exp(update)"}, "exp takes a number without a unit"),
        ({"machine": "0 * update"}, "both must be above 0"),
        ({"inputs": INPUTS | {"read": "1 furlong"}}, "write a number with a unit"),
        ({"inputs": INPUTS | {"read": math.nan}}, "must be a finite number"),
        ({"alternatives": [Alternative(label="x", inputs={"raed": "1 pJ"})]}, "did you mean 'read'"),
        ({"alternatives": [Alternative(label="x", inputs={"read": "1 W"})]}, "gives read in W; it is in J"),
        ({"ratio": None}, "give ratio="),
        ({"rival": None}, "give rival= as well"),
    ],
)
def test_what_cannot_be_is_refused(changes, says):
    with pytest.raises(ValueError, match=says.replace("*", r"\*")):
        claim(**{"ratio": 10.0, **changes})


def test_sides_that_are_none_of_ours_are_refused():
    with pytest.raises(TypeError, match="the machine is 3"):
        claim(machine=3)
    with pytest.raises(TypeError, match="an input is a Parameter"):
        claim(inputs=INPUTS | {"read": [1]})


@pytest.mark.parametrize(
    ("formula", "unit"),
    [("p * t", "J"), ("e / t", "W"), ("sqrt(e * e)", "J"), ("(e / e) ** 2 * t", "s"), ("1 / t", "1/s"), ("-e", "J"),
     ("max(e, p * t)", "J"), ("0 + e", "J"), ("t ** 2", "s^2"), ("e / e", "no unit")],
)  # fmt: skip
def test_units_of_formulas(formula, unit):
    units = {"p": "W", "t": "s", "e": "J"}
    tree = Account(formula, [number(key, 1.0) for key in units]).tree()
    assert dimensions.text(dimensions.of_tree(tree, units, formula)) == unit


PAIR = pbits.IsingModel([[0, 1], [1, 0]])


@pytest.fixture(scope="module")
def runs():
    plan = pbits.Schedule(n_samples=500, n_warmup=50, chains=16)
    return {name: pbits.run(PAIR, name, plan, seed=1) for name in ("gpu-h100-sxm", "gpu-a100-sxm")}


def test_two_ledgers_divide(runs):
    ledgers = {name: pbits.price(run) for name, run in runs.items()}
    new, old = ledgers["gpu-h100-sxm"], ledgers["gpu-a100-sxm"]
    check = pbits.check_claim(2, machine=new, rival=old, boundary="board", quality="same draws")
    assert check.ratio.value == pytest.approx(old.joules / new.joules, rel=1e-9)
    with pytest.raises(ValueError, match="at the boundary board, the claim at wall"):
        pbits.check_claim(2, machine=new, rival=old, boundary="wall", quality="same draws")
    uplift = {"wall": {"factor": 1.1, "power_w": 100.0}}
    check = pbits.check_claim(
        2, machine=new, rival=old, boundary="wall", quality="same", uplifts={"machine": uplift, "rival": uplift}
    )
    by_hand = [pbits.price(runs[name], "wall", uplifts=uplift).joules for name in ("gpu-a100-sxm", "gpu-h100-sxm")]
    assert check.ratio.value == pytest.approx(by_hand[0] / by_hand[1], rel=1e-9)
    assert "machine: wall power 100 W" in check.uplifts


def test_machines_of_a_comparison_divide_at_equal_quality(runs):
    compared = pbits.compare_runs(runs, boundary="board")
    check = pbits.check_claim(2, machine=(compared, "gpu-h100-sxm"), rival=(compared, "gpu-a100-sxm"), boundary="board")
    assert check.ratio.value == pytest.approx(1 / compared.ratio("gpu-h100-sxm", "gpu-a100-sxm"), rel=1e-9)
    assert check.quality == "the same question, by joules per effective sample; the same draws"


def test_a_document_is_json_and_a_page(tmp_path):
    swap = Alternative(label="dear reads", inputs={"read": "100 pJ"})
    check = claim(name="mine", statement="Ten times.", alternatives=[swap], maps=[{"x": "read", "y": "update"}])
    document = json.loads(json.dumps(check.to_dict(), allow_nan=False))
    assert document["schema"] == "pbits-claim/1"
    assert Account.from_dict(document["account"]).value == pytest.approx(check.ratio.value)
    assert document["ratio"]["probability"] == check.probability
    assert document["breaks"][0]["holds"] is False
    assert len(document["maps"][0]["ratio"]) == 25
    page = html.unescape(check.to_html(tmp_path / "claim.html").read_text("utf-8"))
    assert check.verdict in page
    assert json.loads(check.to_json(tmp_path / "claim.json").read_text("utf-8"))
    assert "| dear reads | 0.998 times | does not hold |" in check.to_markdown()


def test_a_seed_gives_one_interval():
    assert claim(seed=3).ratio == claim(seed=3).ratio
    assert claim(seed=3).ratio.low != claim(seed=4).ratio.low


DOSSIER = """
schema = 1
name = "mine"
title = "Mine"
statement = "Ten times less."
ratio = 10
boundary = "chip"
quality = "same draws"
machine = "n * update + host * seconds"
rival = "gpu"

[inputs]
n = 1000
host = "0 W"
seconds = "1 ms"
update = { value = "2 fJ", range = ["1 fJ", "4 fJ"], evidence = "simulated", source = "me" }
gpu = { value = "1 nJ", evidence = "measured", source = "me", locator = "p. 3" }

[sources.me]
authors = "Me"
title = "Mine"
year = 2026
identifier = "none"
read = "primary"

[[alternatives]]
label = "a host"
inputs = { host = "1 mW" }

[[maps]]
x = "update"
y = "host"
y_range = ["1 nW", "1 mW"]
"""


def write(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_dossier_is_a_claim(tmp_path):
    check = pbits.Claim.load(write(tmp_path, DOSSIER)).check()
    assert check.ratio.value == pytest.approx(1e-9 / 2e-12)
    assert check.breaks_first.label == "a host"
    assert check.sources["me"].title == "Mine"
    assert check.charts[0]["y"]["values"][-1] == pytest.approx(1e-3)
    assert "p. 3" in str(check)


def test_an_assumption_can_be_set(tmp_path):
    mine = pbits.Claim.load(write(tmp_path, DOSSIER))
    assert mine.replaced(n=2000, update="1 fJ").check().ratio.value == pytest.approx(1e-9 / 2e-12)
    assert mine.replaced(host="1 uW").check().ratio.value == pytest.approx(1e-9 / (2e-12 + 1e-9))
    with pytest.raises(ValueError, match="no input 'hots' .did you mean 'host'"):
        mine.replaced(hots="1 W")
    with pytest.raises(ValueError, match="host is in W; '1 J' is in J"):
        mine.replaced(host="1 J")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('boundary = "chip"', "", "no boundary, and a claim without one says nothing"),
        ('boundary = "chip"', 'boundary = "chp"', "no boundary 'chp'"),
        ("ratio = 10", "ratio = 0", "finite number above 0"),
        ("ratio = 10", "ratio = nan", "finite number above 0"),
        ("ratio = 10", 'ratio = "ten"', "ratio is 'ten'; it must be a number"),
        ("schema = 1", "schema = 2", "schema is 2"),
        ('quality = "same draws"', "", "no quality; it must be text"),
        ('title = "Mine"\nstatement', 'tilte = "Mine"\nstatement', "unknown key 'tilte' .did you mean 'title'"),
        ('["1 fJ", "4 fJ"]', '["3 fJ", "4 fJ"]', "inputs.update: the range .* hold the value"),
        ('["1 fJ", "4 fJ"]', '["1 fW", "4 fW"]', "inputs.update: '1 fW' is not a quantity in J"),
        ('"simulated"', '"simulatd"', "did you mean 'simulated'"),
        ('source = "me" }', 'source = "you" }', "source 'you' is in no bibliography"),
        ("n * update +", "n * updat +", "names updat"),
        ("n * update +", "n + update +", "mine.toml: .* adds"),
        ("n = 1000", "n = 1000\nm = 2", "inputs.m: no formula names it"),
        ("n = 1000", "n = true", "inputs.n: found True"),
        ("n = 1000", 'n = "many"', "inputs.n: n is 'many'"),
        ("n = 1000", 'n = { machine = "ideal" }', "write both"),
        ("n = 1000", 'n = { machine = "extropic-z2", item = "update" }', "did you mean 'extropic-z1'"),
        ("n = 1000", 'n = { machine = "extropic-z1", item = "udpate" }', "did you mean 'update'"),
        ('inputs = { host = "1 mW" }', "", "it changes nothing"),
        ('label = "a host"', 'lable = "a host"', "did you mean 'label'"),
        ('{ host = "1 mW" }', '{ host = "1 mJ" }', "gives host in J; it is in W"),
        ('y_range = ["1 nW", "1 mW"]', 'y_range = ["1 nJ", "1 mJ"]', "y_range: '1 nJ' is not a quantity in W"),
        ('y_range = ["1 nW", "1 mW"]', "", "two ends above 0"),
        ("[[maps]]", "[maps]", "maps must be tables, each under"),
    ],
)
def test_what_a_dossier_cannot_say_is_refused(tmp_path, old, new, says):
    assert DOSSIER.count(old) >= 1
    with pytest.raises(CatalogueError, match=says) as error:
        pbits.Claim.load(write(tmp_path, DOSSIER.replace(old, new, 1))).check()
    assert "mine.toml" in str(error.value)


def test_a_file_that_is_not_there_or_is_no_toml(tmp_path):
    with pytest.raises(CatalogueError, match="there is no file"):
        pbits.Claim.load(tmp_path / "none.toml")
    with pytest.raises(CatalogueError, match="not valid TOML"):
        pbits.Claim.load(write(tmp_path, "schema = "))
