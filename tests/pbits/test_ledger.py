import json
import math
import types
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbits.ledger import price
from pbits.parameters import Evidence, Figure, Included, Parameter, PriceTable, Uplift
from pbits.substrate import Programming


@dataclass
class FakeRun:
    """What the ledger reads of a run."""

    counts: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)
    device_time_s: float | None = 1.0
    full_batch_time: Figure | None = None
    prices: PriceTable | None = None
    n_samples: int = 8
    machine: str = "toy"
    hits: tuple = (0, 4)
    programming: Programming | None = None

    @property
    def power_times(self):
        return {state: Figure.of(seconds) for state, seconds in self.seconds.items()}

    @property
    def device_time(self):
        return Figure.of(self.device_time_s)

    def success_fraction(self, target=None, *, objective=None):
        return self.hits


def known(value, low, high, unit="J", evidence=Evidence.MEASURED):
    return Parameter(value=value, unit=unit, low=low, high=high, evidence=evidence, source="key", note="n")


def unstated(unit="J"):
    return Parameter(value=None, unit=unit, source="key")


# Powers of two, so that every product and sum below is exact.
PRICES = PriceTable(
    boundary="chip",
    operations={
        "update": known(2.0, 1.0, 4.0),
        "read": known(8.0, 4.0, 32.0, evidence=Evidence.SIMULATED),
        "write": unstated(),
        "toggle": Included(in_="update"),
    },
    power={"on": known(0.5, 0.25, 1.0, "W"), "idle": unstated("W"), "active": Included(in_="update")},
    uplifts={
        "board": Uplift(factor=known(1.25, 1.0, 1.5, "1", Evidence.ASSUMED), power=known(16.0, 8.0, 32.0, "W")),
        "wall": Uplift(factor=known(2.0, 1.5, 4.0, "1", Evidence.DERIVED)),
        "facility": Uplift(factor=unstated("1")),
    },
)


def run(**changes):
    return replace(FakeRun(counts={"update": 16, "read": 4}, seconds={"on": 8.0}, prices=PRICES), **changes)


def test_joules_are_counts_times_prices():
    ledger = price(run())
    assert ledger.joules == 16 * 2 + 4 * 8 + 8 * 0.5
    assert ledger.interval == (16 * 1 + 4 * 4 + 8 * 0.25, 16 * 4 + 4 * 32 + 8 * 1.0)
    assert ledger.lower_bound == ledger.interval[0]
    assert ledger.without_idle == ledger.joules
    assert ledger.boundary == "chip"
    assert ledger.reasons == ()
    assert [(row.item, row.joules, row.unit) for row in ledger.rows] == [
        ("update", 32.0, "J"),
        ("read", 32.0, "J"),
        ("power.on", 4.0, "W"),
    ]
    assert ledger.per_sample == 68 / 8


def test_the_grade_is_the_weakest_that_contributes():
    assert price(run()).evidence is Evidence.SIMULATED
    assert price(run(counts={"update": 1, "read": 0})).evidence is Evidence.MEASURED
    assert price(run(counts={}, seconds={})).evidence is None


@pytest.mark.parametrize("counts", [{"write": 1}, {"convolution": 1}])
def test_an_unknown_price_leaves_a_lower_bound(counts):
    ledger = price(run(counts={"update": 16, **counts}))
    (item,) = counts
    assert ledger.joules is None
    assert ledger.interval is None
    assert ledger.per_sample is None
    assert ledger.per_effective_sample is None
    assert ledger.per_solution(0.0) is None
    assert ledger.lower_bound == 16 * 1 + 8 * 0.25
    assert ledger.without_idle is None
    assert ledger.reasons == (f"the price of {item} is not stated",)
    assert next(row for row in ledger.rows if row.item == item).joules is None


@pytest.mark.parametrize("counts", [{"write": 0}, {"convolution": 0}])
def test_what_did_not_happen_needs_no_price(counts):
    assert price(run(counts={"update": 16, **counts})).joules == 36


def test_an_unstated_power_counts_only_if_time_was_spent_in_it():
    assert price(run(seconds={"idle": 0.0})).joules == 64
    assert price(run(seconds={"idle": 1.0})).joules is None


def test_without_standby_the_rest_is_still_known():
    ledger = price(run(seconds={"on": 8.0, "idle": 1.0}))
    assert (ledger.joules, ledger.without_idle) == (None, 68)
    assert ledger.reasons == ("the price of power.idle is not stated",)
    waiting = replace(PRICES, power={**PRICES.power, "idle": known(2.0, 1.0, 4.0, "W")})
    both = price(run(seconds={"on": 8.0, "idle": 3.0}, prices=waiting, device_time_s=2.0), "board")
    assert both.joules == (68 + 6) * 1.25 + 32
    assert both.without_idle == 68 * 1.25 + 32


def test_a_share_of_a_full_batch_replaces_the_time_of_the_run_alone():
    alone = run(
        counts={},
        seconds={"active": 8.0},
        prices=replace(PRICES, operations={}, power={"active": known(0.5, 0.25, 1.0, "W")}),
        full_batch_time=Figure(2.0, 1.0, 4.0, Evidence.ASSUMED),
    )
    assert price(alone).joules == 4.0
    shared = price(alone, full_batch=True)
    assert (shared.joules, shared.interval) == (1.0, (0.25, 4.0))
    assert shared.evidence is Evidence.ASSUMED
    assert price(run(), full_batch=True).joules == price(run()).joules
    # An array's states shrink alike: 2 of 8 seconds is a quarter of each.
    array = run(device_time_s=8.0, seconds={"on": 6.0, "active": 2.0}, full_batch_time=Figure.of(2.0))
    assert price(array, full_batch=True).joules == 64 + 1.5 * 0.5


def test_unknown_seconds_make_the_total_unknown():
    ledger = price(run(seconds={"on": None}))
    assert ledger.joules is None
    assert ledger.lower_bound == 32
    assert "does not know its seconds for power.on" in ledger.reasons[0]


def test_an_included_price_is_shown_and_not_added():
    ledger = price(run(counts={"update": 16, "toggle": 5}, seconds={"active": None}))
    assert ledger.joules == 32
    rows = {row.item: row for row in ledger.rows}
    assert rows["toggle"].joules is None
    assert rows["toggle"].included_in == "update"
    assert rows["power.active"].included_in == "update"


def test_a_price_included_in_nothing_counted_is_unknown():
    ledger = price(run(counts={"toggle": 5}, seconds={}))
    assert ledger.joules is None
    assert ledger.reasons == ("toggle is included in update, of which the run counts none",)


def test_a_machine_without_prices():
    ledger = price(run(prices=None))
    assert (ledger.joules, ledger.lower_bound, ledger.boundary, ledger.rows) == (None, None, None, ())
    assert ledger.reasons == ("toy states no prices",)


def test_no_known_row_is_no_lower_bound_of_zero():
    assert price(run(counts={"write": 3}, seconds={})).lower_bound is None


def test_other_prices_can_be_given():
    dearer = replace(PRICES, operations={**PRICES.operations, "update": known(4.0, 4.0, 4.0)})
    assert price(run(), prices=dearer).joules == 100


@pytest.mark.parametrize("boundary", ["cell", "core"])
def test_a_narrower_boundary_is_refused(boundary):
    ledger = price(run(), boundary)
    assert (ledger.joules, ledger.lower_bound) == (None, None)
    assert ledger.reasons == ("prices of toy include the whole chip; ask for 'chip' or wider",)


def test_an_uplift_multiplies_then_adds_the_power_of_the_device_time():
    ledger = price(run(device_time_s=2.0), "board")
    assert ledger.joules == 68 * 1.25 + 16 * 2
    assert ledger.interval == (34 * 1.0 + 8 * 2, 200 * 1.5 + 32 * 2)
    assert ledger.evidence is Evidence.ASSUMED
    steps = [(row.item, row.joules, row.boundary) for row in ledger.rows[3:]]
    assert steps == [("board factor", 17.0, "board"), ("board power", 32.0, "board")]


def test_uplifts_compound_in_order():
    assert price(run(device_time_s=2.0), "wall").joules == (68 * 1.25 + 32) * 2


def test_an_unstated_uplift_keeps_the_lower_bound():
    ledger = price(run(device_time_s=2.0), "facility")
    assert ledger.joules is None
    assert ledger.lower_bound == (34 * 1.0 + 8 * 2) * 1.5
    assert ledger.reasons == ("the factor of the uplift to facility is not stated",)


def test_an_uplift_power_needs_the_device_time():
    ledger = price(run(device_time_s=None), "board")
    assert ledger.joules is None
    assert ledger.lower_bound == 34


def test_a_missing_uplift_is_named():
    ledger = price(run(prices=replace(PRICES, uplifts={})), "board")
    assert ledger.joules is None
    assert ledger.lower_bound == 34
    assert "no uplift from chip to board is known for toy; give uplifts={'board'" in ledger.reasons[0]


def test_every_step_needs_an_uplift():
    ledger = price(run(prices=replace(PRICES, uplifts={})), "wall", uplifts={"wall": {"factor": 2.0}})
    assert ledger.joules is None
    assert ledger.lower_bound == 68


def test_your_own_uplift_comes_first_and_is_assumed():
    ledger = price(run(), "board", uplifts={"board": {"factor": 1.5, "power_w": 4.0}})
    assert ledger.joules == 68 * 1.5 + 4
    assert ledger.interval == (34 * 1.5 + 4, 200 * 1.5 + 4)
    assert ledger.evidence is Evidence.ASSUMED
    assert {row.note for row in ledger.rows[3:]} == {"given by the user"}
    own = Uplift(power=known(4.0, 4.0, 4.0, "W"))
    assert price(run(), "board", uplifts={"board": own}).joules == 72


def test_an_uplift_beyond_the_boundary_changes_nothing():
    assert price(run(), uplifts={"wall": {"factor": 9.0}}).joules == 68


def test_an_uplift_that_leads_nowhere_is_refused():
    with pytest.raises(ValueError, match="prices include the whole chip; give one to board, wall, facility"):
        price(run(), uplifts={"core": {"factor": 9.0}})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"boundary": "die"}, "no boundary 'die'"),
        ({"uplifts": {"die": {"factor": 2.0}}}, "no boundary 'die'"),
        ({"uplifts": {"board": {"factor": 0.5}}}, "at least as many joules"),
        ({"uplifts": {"board": {"watts": 5.0}}}, "allowed are 'factor' and 'power_w'"),
        ({"uplifts": {"board": {}}}, "a factor, a power, or both"),
        ({"uplifts": {"board": 1.2}}, r"uplifts\['board'\] is 1.2; give"),
        ({"uplifts": {"board": {"factor": "much"}}}, r"uplifts\['board'\]\['factor'\] is 'much'"),
        ({"uplifts": {"board": {"power_w": (5.0, 1.0)}}}, "a range in order"),
        ({"uplifts": {"board": {"power_w": -5.0}}}, "positive and finite"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        price(run(), **arguments)


@pytest.mark.parametrize("count", [-1, math.nan, math.inf])
def test_a_count_is_finite_and_not_negative(count):
    with pytest.raises(ValueError, match="of update; a count is finite and not negative"):
        price(run(counts={"update": count}))


# --- per sample, effective sample and solution --------------------------------------------------


@pytest.mark.parametrize(("ess", "converged", "expected"), [(4.0, True, 17.0), (4.0, False, None), (None, False, None)])
def test_joules_per_effective_sample(monkeypatch, ess, converged, expected):
    asked = []

    def diagnose(run):
        asked.append(run)
        return types.SimpleNamespace(worst_ess=ess, converged=converged)

    monkeypatch.setattr("pbits.ledger.diagnose", diagnose)
    priced = run()
    ledger = price(priced)
    assert asked == []
    assert ledger.per_effective_sample == expected
    assert ledger.per_effective_sample == expected
    assert len(asked) == 1
    assert asked[0] is priced


def test_joules_per_solution_repeat_chains_until_confident():
    # 68 J over 4 chains, p = 1/2: ln 0.01 / ln 0.5 = 6.6438561897747247 repeats of 17 J.
    assert price(run(hits=(2, 4))).per_solution(-1.0) == pytest.approx(17 * 6.6438561897747247, rel=1e-14)
    assert price(run(hits=(2, 4))).per_solution(-1.0, confidence=0.75) == pytest.approx(17 * 2, rel=1e-14)


@pytest.mark.parametrize("hits", [(4, 4), (999, 1000)])
def test_at_least_one_whole_chain_is_run(hits):
    assert price(run(hits=hits)).per_solution(-1.0) == 68 / hits[1]


def test_no_success_gives_a_bound_instead():
    ledger = price(run(hits=(0, 4)))
    assert ledger.per_solution(-1.0) is None
    # p <= 1 - 0.05^(1/4), so ln(1 - p) = ln(0.05) / 4; 34 J at the low ends, over 4 chains.
    expected = 8.5 * 4 * math.log(0.01) / math.log(0.05)
    assert ledger.per_solution_at_least(-1.0) == pytest.approx(expected, rel=1e-12)
    assert price(run(hits=(1, 4))).per_solution_at_least(-1.0) is None


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5])
def test_confidence_is_a_probability(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        price(run()).per_solution(0.0, confidence=confidence)


# --- invariants ---------------------------------------------------------------------------------

counts = st.dictionaries(
    st.sampled_from(["update", "read", "write", "toggle", "flop"]), st.integers(0, 1000), max_size=5
)
seconds = st.dictionaries(
    st.sampled_from(["on", "idle", "active"]), st.one_of(st.none(), st.integers(0, 100)), max_size=3
)
boundaries = st.sampled_from([None, "core", "chip", "board", "wall", "facility"])


@given(counts, seconds, boundaries, st.one_of(st.none(), st.floats(0, 100)))
def test_a_ledger_is_the_sum_of_its_rows(counts, seconds, boundary, device_time_s):
    ledger = price(run(counts=counts, seconds=seconds, device_time_s=device_time_s), boundary)
    total = sum(row.joules for row in ledger.rows if row.joules is not None)
    assert (ledger.joules is None) == bool(ledger.reasons)
    if ledger.lower_bound is None:
        assert total == 0
    else:
        assert ledger.lower_bound <= total * (1 + 1e-12)
    if ledger.joules is not None:
        assert math.isclose(ledger.joules, total, rel_tol=1e-12)
        assert ledger.interval[0] == ledger.lower_bound or total == 0
        assert ledger.interval is not None
        low, high = ledger.interval
        assert low <= ledger.joules <= high
        assert (ledger.evidence is None) == (ledger.joules == 0)
    assert json.loads(json.dumps(ledger.to_dict()))["joules"] == ledger.joules


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 100))
def test_joules_add_over_runs(a, b, on):
    apart = [price(run(counts={"update": n}, seconds={"on": on})).joules for n in (a, b)]
    together = price(run(counts={"update": a + b}, seconds={"on": 2 * on})).joules
    assert together == sum(apart)


def test_what_a_user_does_not_give_of_an_uplift_stays_the_machines():
    own = Uplift(factor=known(1.2, 1.1, 1.3, unit="1"), power=known(5.0, 4.0, 6.0, unit="W"))
    prices = PriceTable(boundary="chip", operations={"update": known(1.0, 1.0, 1.0)}, uplifts={"board": own})
    run = FakeRun(counts={"update": 1.0}, prices=prices)

    def joules(given):
        return price(run, "board", uplifts={"board": given}).joules

    assert joules({"power_w": 10.0}) == pytest.approx(1.2 + 10.0)
    assert joules({"factor": 2.0}) == pytest.approx(2.0 + 5.0)
    assert joules(Uplift(factor=known(2.0, 2.0, 2.0, unit="1"))) == pytest.approx(2.0)
    silent = replace(own, power=Parameter(value=None, unit="W", note="nobody"))
    run = replace(run, prices=replace(prices, uplifts={"board": silent}))
    assert joules({"factor": 2.0}) == pytest.approx(2.0)
    assert price(run, "board").joules is None


def test_an_uplift_may_have_a_range():
    prices = PriceTable(boundary="chip", operations={"update": known(1.0, 1.0, 1.0)})
    ledger = price(
        FakeRun(counts={"update": 1.0}, prices=prices), "board", uplifts={"board": {"factor": (1.0, 4.0), "power_w": 0}}
    )
    assert ledger.joules == pytest.approx(2.0)
    assert ledger.interval == pytest.approx((1.0, 4.0))
    assert [row.item for row in ledger.rows if "board" in row.item] == ["board factor"]


def test_seconds_are_one_number_wherever_they_are_charged():
    """Idle and board seconds of a machine are no separate inputs: a slider moves both."""
    table = PriceTable(
        boundary="chip",
        operations={"update": known(1.0, 1.0, 1.0)},
        power={"active": Included(in_="update"), "idle": known(2.0, 2.0, 2.0, unit="W")},
    )
    seconds = {"active": Figure(1.0, 0.5, 2.0, Evidence.MEASURED), "idle": Figure(3.0, 1.0, 9.0, Evidence.MEASURED)}
    fake = FakeRun(counts={"update": 1.0}, seconds=seconds, device_time_s=4.0, prices=table)
    ledger = price(fake, "board", uplifts={"board": {"power_w": 10.0}})
    assert ledger.joules == pytest.approx(1.0 + 2.0 * 3.0 + 10.0 * 4.0)
    assert ledger.account.value == pytest.approx(ledger.joules)
    moved = ledger.account.evaluate({"toy_power_idle_seconds": 5.0})
    assert moved == pytest.approx(1.0 + 2.0 * 5.0 + 10.0 * 6.0)
    assert {one for one in ledger.account.inputs if "seconds" in one} == {
        "toy_power_active_seconds",
        "toy_power_idle_seconds",
    }
