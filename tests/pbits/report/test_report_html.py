"""What a page holds so that a reader can vary its assumptions: formulas, and each number once."""

import json
import re

import pytest

from pbits import report
from pbits.accounts import Account, Input
from pbits.parameters import Evidence
from pbits.report import assumptions
from pbits.report.checklist import checklist


def number(key, value, low, high, unit="J", *, label="", **more):
    evidence = None if low == high else Evidence.ASSUMED
    more = {"evidence": evidence, **more}
    return Input(key=key, label=label or f"{key} of it", value=value, low=low, high=high, unit=unit, **more)


SHARED = number("volts", 0.7, 0.6, 0.8, "V")
FIRST = Account(
    "updates * update * volts",
    [number("updates", 4e6, 4e6, 4e6, "1"), number("update", 7e-15, 2e-15, 2.1e-14, note="</script><b>"), SHARED],
)
SECOND = Account(
    "updates * update * volts", [number("updates", 9e6, 9e6, 9e6, "1"), number("update", 1e-9, 5e-10, 4e-9), SHARED]
)


@pytest.fixture(name="document")
def anneal_with_accounts(anneal):
    """chip-a and chip-b by their accounts at the board; the verdict names them."""
    ratio = FIRST / SECOND
    spread = ratio.monte_carlo(1000)
    for row in anneal["rows"]:
        account = {"chip-a": FIRST, "chip-b": SECOND}.get(row["machine"])
        if account:
            row["joules"]["quality"] |= {"account": account.to_dict(), "joules": account.value, "boundary": "board"}
    anneal["ratios"][1] |= {
        **{"value": ratio.value, "low": spread.low, "high": spread.high, "median": spread.median},
        **{"probability_below_1": spread.below(1), "account": None, "reason": ""},
        "tornado": [swing.to_dict() for swing in ratio.tornado()],
    }
    return anneal


def data_of(page):
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def evaluated(data, tree):
    """The value of a tree at the stated inputs, by Python's own account."""
    inputs = [
        Input(key=key, label=key, value=one["value"], low=one["value"], high=one["value"])
        for key, one in data["inputs"].items()
    ]
    return Account(as_formula(tree), inputs).value


def as_formula(tree):
    return f"({as_formula(tree[1])} {tree[0]} {as_formula(tree[2])})" if isinstance(tree, list) else str(tree)


def test_a_page_without_accounts_has_no_script(anneal, sampling):
    page = report.to_html([anneal, sampling])
    assert "<script" not in page
    assert "What does it hang on?" not in page


def test_the_formulas_on_the_page_give_the_ratio(document):
    data = data_of(report.to_html([document]))
    assert evaluated(data, data["accounts"]["chip-a"]) == pytest.approx(FIRST.value, rel=1e-15)
    assert evaluated(data, data["accounts"]["chip-b"]) == pytest.approx(SECOND.value, rel=1e-15)


def test_equal_inputs_are_one_and_others_of_the_same_key_are_two(document):
    data = data_of(report.to_html([document]))
    assert sorted(data["inputs"]) == ["update", "update_2", "updates", "updates_2", "volts"]
    assert {data["inputs"][key]["value"] for key in ("update", "update_2")} == {7e-15, 1e-9}


def test_the_ratio_is_turned_to_be_above_one(document):
    assert document["ratios"][1]["value"] < 1
    found = assumptions.of_comparison(document, "c1")
    ratio, told = found["ratio"], document["ratios"][1]
    assert (ratio["a"], ratio["b"]) == ("chip-b", "chip-a")
    assert ratio["value"] == pytest.approx(SECOND.value / FIRST.value)
    assert (ratio["low"], ratio["high"]) == (1 / told["high"], 1 / told["low"])
    assert ratio["probability"] == told["probability_below_1"]
    for swing, other in zip(ratio["tornado"], told["tornado"]):
        assert (swing["low"], swing["high"]) == (1 / other["low"], 1 / other["high"])


def test_the_pair_of_the_verdict_comes_first(document):
    other = {**document["ratios"][1], "a": "chip-b", "b": "ideal", "value": 9e9, "low": 8e9, "high": 1e10}
    document["rows"][0]["joules"]["quality"] |= {"account": FIRST.to_dict(), "boundary": "board"}
    document["ratios"].append(other)
    assert assumptions.of_comparison(document, "c1")["ratio"]["b"] == "ideal"
    document["verdict"] = "chip-a needs 20 times fewer joules than chip-b."
    assert assumptions.of_comparison(document, "c1")["ratio"]["b"] == "chip-a"


def test_a_pair_without_a_ratio_keeps_its_reason(document):
    data = data_of(report.to_html([document]))
    pairs = {(pair["a"], pair["b"]): pair for pair in data["pairs"]}
    assert pairs["ideal", "chip-a"]["reason"] == "ideal states no prices"
    assert "value" not in pairs["ideal", "chip-a"]
    assert pairs["chip-a", "chip-b"]["reason"] == ""


def test_accounts_at_two_boundaries_are_not_divided(document):
    document["rows"][1]["joules"]["quality"]["boundary"] = "chip"
    assert assumptions.of_comparison(document, "c1") is None
    # Unless the pair brings the accounts at its own boundary along.
    document["ratios"][1]["account"] = (FIRST / SECOND).to_dict()
    data = data_of(report.to_html([document]))
    (pair,) = (pair for pair in data["pairs"] if not pair["reason"])
    first, second = pair["parts"]
    assert evaluated(data, first) / evaluated(data, second) == pytest.approx(FIRST.value / SECOND.value, rel=1e-14)


def test_each_number_is_on_the_page_with_its_range_evidence_and_note(document):
    page = report.to_html([document])
    assert "<output>7 fJ</output>" in page
    assert "2 fJ to 21 fJ" in page
    assert page.count('data-key="') == 5
    assert "&lt;/script&gt;&lt;b&gt;" in page
    assert "</script><b>" not in page
    assert "<output>4,000,000</output>" in page


def test_the_tornado_is_on_the_page_without_a_script(document):
    page = report.to_html([document])
    rows = re.findall(r"<tr><td class=\"prose\">(.*?)</td><td class=\"bar\">", page)
    # The volts of both cancel.
    assert rows == ["update of it", "update of it"]


def test_bytes_are_the_same_every_time(document):
    assert report.to_html([document]) == report.to_html([document])


def test_the_sliders_add_little_to_a_page(anneal, document):
    page = report.to_html([document])
    sections = page.split("<h3>What does it hang on?</h3>")[1].split("<h3>Where each number")[0]
    assert len(sections) < 12_000
    script = page.rsplit("<script>", 1)[1]
    assert len(script.encode()) < 24_000


def test_a_ledger_with_an_uplift_shows_its_ladder(anneal):
    page = report.to_html([anneal])
    ladder = page.split("<h4>From boundary to boundary</h4>")[1].split("</table>")[0]
    text = " ".join(re.sub("<[^>]+>", " ", ladder).split())
    # 28 and 27.2 pJ in the chip, × 1.2 to the board.
    assert "chip update; read 55.2 pJ 55.2 pJ" in text
    assert "board what is below × 1.1 to 1.3 11 pJ 66.2 pJ" in text


def test_gross_and_net_stand_side_by_side(anneal):
    anneal["rows"][1]["joules"]["at_boundary"]["net_of_idle"] = 1.5e-11
    assert "15 pJ more than the machine draws idle for as long" in report.to_html([anneal])


FRONT = {
    **{"x": "joules", "y": "distance to the exact law", "lower_is_better": True, "target": 0.05},
    "curves": [
        {
            **{"machine": "chip-a", "boundary": "chip", "steps": [1, 2, 4], "joules": [1e-9, 2e-9, 4e-9]},
            **{"quality": [0.2, 0.1, 0.04], "low": [0.1, 0.05, None], "high": [0.3, 0.2, 0.1]},
        }
    ],
}


def test_the_front_is_drawn_where_there_is_one(anneal):
    assert "Energy against quality" not in report.to_html([anneal])
    page = report.to_html([{**anneal, "front": FRONT}])
    chart = page.split("<h3>Energy against quality</h3>")[1].split("</figure>")[0]
    for text in ("chip-a", "distance to the exact law", "to be reached", "1 nJ", "Lower is better."):
        assert text in chart
    assert "mathdefault" not in chart
    assert report.to_html([{**anneal, "front": FRONT}]) == page
    assert "Energy against quality" not in report.to_html([{**anneal, "front": {**FRONT, "curves": []}}])


def test_a_map_shows_where_a_claim_turns(claim):
    axis = {"key": "update", "label": "update of it", "unit": "J", "values": [1e-15, 1e-14, 1e-13]}
    other = {"key": "updates", "label": "updates of it", "unit": "1", "values": [1e5, 1e6, 1e7]}
    claim["maps"] = [{"x": axis, "y": other, "ratio": [[1e6, 1e5, 1e4], [1e5, 1e4, 1e3], [1e4, 1e3, None]]}]
    page = report.claim_html([claim])
    drawn = page.split("<h3>Where it breaks even</h3>")[1].split("</section>")[0]
    for text in ("update of it", "10 fJ", "1,000,000", "10,000×"):
        assert text in drawn
    assert report.claim_html([claim]) == page


@pytest.fixture(name="claim")
def checked_claim():
    ratio = SECOND / FIRST
    spread = ratio.monte_carlo(1000)
    return {
        **{"schema": "pbits-claim/1", "name": "A <chip>", "statement": "10,000 times less energy."},
        **{"claimed": 10_000.0, "boundary": "board", "quality": "not matched", "evidence": "assumed"},
        "ratio": {
            **{"value": ratio.value, "median": spread.median, "low": spread.low, "high": spread.high},
            **{"probability": spread.above(1e4), "seed": 0},
        },
        "account": ratio.to_dict(),
        "tornado": [swing.to_dict() for swing in ratio.tornado()],
        "breaks": [
            {
                **{"label": "read-out", "note": "as published", "ratio": 52.0, "holds": False, "kind": "break-even"},
                **{"key": "update", "value": 2e-14, "unit": "J"},
            }
        ],
        "break_evens": [
            {
                **{"key": "update", "label": "update of it", "unit": "J", "stated": 7e-15, "value": 9e-15},
                **{"of_range": 0.4, "at_parity": 1.5e-9, "evidence": "simulated", "inside": True},
            }
        ],
        **{"absolute": None, "holds": ratio.value >= 1e4, "at_least": None, "at_most": None, "reasons": []},
        **{"maps": [], "uplifts": ["machine: × 1.2 to the board"], "criticism": ["The rival is <weak>."]},
        "verdict": "It holds, on an assumed number.",
        "sources": {},
    }


def test_a_claim_comes_with_verdict_numbers_and_what_breaks_it(claim):
    page = report.claim_html([claim])
    for text in ("A &lt;chip&gt;", "10,000 times less energy.", "It holds, on an assumed number.", "not matched"):
        assert text in page
    assert "read-out at 20 fJ" in page
    assert "<td>just holds</td>" in page
    for text in ("1.5 nJ", "machine: × 1.2 to the board", "The rival is &lt;weak&gt;."):
        assert text in page
    data = data_of(page)
    first, second = data["pairs"][0]["parts"]
    assert evaluated(data, first) / evaluated(data, second) == pytest.approx(claim["ratio"]["value"], rel=1e-14)
    assert data["claimed"] == 10_000.0


def test_a_claim_that_cannot_be_checked_has_no_sliders(claim):
    claim |= {"ratio": None, "account": None, "tornado": [], "breaks": [], "break_evens": [], "holds": None}
    claim |= {"at_most": 52.0, "reasons": ["the price of a read is not stated"]}
    page = report.claim_html([claim])
    assert "the price of a read is not stated" in page
    assert "at most 52 times" in page
    assert "<script" not in page


def test_a_claim_of_joules_is_a_figure(claim):
    claim |= {"claimed": 1.0, "absolute": {"value": 2e-14, "unit": "J/flip"}}
    claim["ratio"] |= {"value": 2.0, "low": 0.5, "high": 4.0}
    page = report.claim_html([claim])
    assert "at most 20 fJ/flip" in page
    assert "10 fJ/flip, 95 % from 5 fJ/flip to 40 fJ/flip" in page
    data = data_of(page)
    assert (data["pair"], data["unit"]) == (["claimed", "machine"], "J/flip")


def test_several_claims_are_counted(claim):
    unknown = {**claim, "ratio": None, "account": None, "holds": None}
    small = {**claim, "claimed": 1.0, "holds": True}
    page = report.claim_html([claim, unknown, small])
    assert f"{1 + claim['holds']} of 3 claims hold at the stated values; 1 cannot be checked." in page
    assert page.count('class="assumptions"') == 2


def test_the_fairness_checklist_is_on_the_page(anneal):
    page = report.to_html([anneal])
    points = checklist(anneal)
    assert page.count('<li class="met">') == sum(one["state"] == "met" for one in points)
    assert page.count('<li class="not-met">') == sum(one["state"] == "not met" for one in points) > 0
