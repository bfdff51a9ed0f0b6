"""Equal quality or no ratio: laws that differ, targets, declared observables, stored runs, Monte Carlo over accounts.

Seeds are fixed; where chance decides, the bound is stated with its false-alarm rate.
"""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import pbits
from hardware_models import pbit
from pbits.accounts import Account
from pbits.cli import app
from pbits.comparison import fronts, quality
from pbits.mapping import Complete
from pbits.parameters import Evidence, Figure, Included, Parameter, PriceTable
from pbits.problems import EXAMPLES

PAIR = pbits.IsingModel([[0, 1], [1, 0]], h=[0.3, 0])
SAMPLING = pbits.Schedule(n_samples=512, n_warmup=100, chains=8)
# Draws of two update orders differ, and long chains of them agree within the limit of R-hat.
LONG = pbits.Schedule(n_samples=2048, n_warmup=100, chains=8)
FREE = ("weight_read", "toggle", "random_bit", "read", "write")


def prices(update_j, low=None, high=None, source="key"):
    one = Parameter(
        value=update_j, unit="J", low=low or update_j, high=high or update_j, evidence=Evidence.MEASURED, source=source
    )
    included = Included(in_="update")
    return PriceTable(
        boundary="board",
        operations={"update": one} | dict.fromkeys(FREE, included),
        power={"active": included, "idle": included},
    )


def array(name, update_j=1e-12, update="sequential", **options):
    table = prices(update_j, **{key: options.pop(key) for key in ("low", "high", "source") if key in options})
    return pbit.Array(name=name, update=update, phase_s=1e-9, program_s=0.0, read_s=0.0, prices=table, **options)


@pytest.fixture(scope="module")
def wrong():
    """One machine that samples the law as posed, and one that updates both p-bits at once and does not."""
    return pbits.compare(PAIR, [array("right"), array("wrong", 1e-15, "synchronous")], SAMPLING, seed=1)


def test_a_machine_that_samples_another_law_has_no_ratio_however_cheap(wrong):
    assert wrong.quality("wrong").joules < wrong.quality("right").joules / 100
    assert wrong.ratio("right", "wrong") is None
    why = wrong.why_no_ratio("wrong", "right")
    assert why.startswith("wrong does not sample the law as posed: by itself it is off by")
    assert "0.01 is allowed" in why
    assert why.endswith("the front shows what each reaches")
    assert "no ratio of joules is drawn between machines that do not sample one law" in wrong.verdict()
    assert wrong.faithful("right") == (True, "")


def test_without_a_ratio_the_front_shows_that_the_cheap_machine_never_arrives(wrong):
    front = wrong.front()
    right, cheap = (curve.progress.quality for curve in front.curves)
    assert (front.y, front.lower_is_better, front.target) == ("distance to the exact law", True, None)
    assert right[-1] < 0.02 < 0.1 < cheap[-1]
    document = wrong.to_dict()["front"]
    assert [curve["machine"] for curve in document["curves"]] == ["right", "wrong"]
    assert {len(document["curves"][0][key]) for key in ("steps", "joules", "quality", "low", "high")} == {10}
    assert json.dumps(document)


def test_machines_that_cannot_be_judged_are_compared_and_it_is_said():
    big = pbits.IsingModel.from_edges(30, [(k, (k + 1) % 30) for k in range(30)], 0.2)
    schedule = pbits.Schedule(n_samples=600, n_warmup=100, chains=16)
    both = pbits.compare(big, [array("a", 4e-12), array("b", update="random")], schedule, seed=1)
    ratio = both.ratio("a", "b")
    assert ratio.quality.startswith("not judged; a: its law is out of reach of enumeration; b:")
    assert "equal quality not judged" in both.verdict()
    assert both.front() is None


def test_out_of_reach_of_enumeration_the_conditionals_still_tell_a_wrong_temperature():
    big = pbits.IsingModel.from_edges(30, [(k, (k + 1) % 30) for k in range(30)], 0.3)
    schedule = pbits.Schedule(n_samples=600, n_warmup=100, chains=16)
    both = pbits.compare(big, [array("right"), array("warm", update="synchronous")], schedule, seed=1)
    warm = replace(both.runs["right"], conditionals=replace(both.runs["right"].conditionals, slope=0.8))
    rows = (both.rows[0], replace(both.rows[1], run=replace(warm, energies=warm.energies + 1.0)))
    told = replace(both, rows=rows)
    assert told.faithful("warm") == (False, "its spins follow their conditional means with a slope of 0.8, not 1")
    assert "warm does not sample the law as posed" in told.why_no_ratio("right", "warm")


def test_one_that_can_be_judged_is_not_divided_by_one_that_cannot():
    both = pbits.compare(PAIR, [array("a"), array("b", update="random")], LONG, seed=1)
    assert both.ratio("a", "b").quality == "both sample the law as posed as closely as chance allows"
    blind = replace(both.rows[1], run=replace(both.runs["b"], errors=None, conditionals=None))
    half = replace(both, rows=(both.rows[0], blind))
    assert half.ratio("a", "b") is None
    assert half.why_no_ratio("b", "a") == (
        "a samples the law as posed, and b cannot be judged: its law is out of reach of enumeration"
    )


def test_draws_that_are_off_by_more_than_chance_allows_are_told():
    one = pbits.compare(PAIR, [array("a")], SAMPLING, seed=1)
    run = one.runs["a"]
    off = replace(one, rows=(replace(one.rows[0], run=replace(run, errors=replace(run.errors, total=0.2))),))
    said, why = off.faithful("a")
    assert said is False
    assert why.startswith("it is off by 0.2 (total variation), and chance allows 0.0")


def test_the_same_wrong_draws_are_of_equal_quality():
    both = pbits.compare(PAIR, [array("a", 3e-12, "synchronous"), array("b", 1e-12, "synchronous")], SAMPLING, seed=1)
    assert both.ratio("a", "b") == pytest.approx(3.0)
    assert both.ratio("a", "b").quality == "the same draws"


def test_chains_that_have_not_converged_leave_a_bound():
    stuck = pbits.IsingModel([[0, 2.6], [2.6, 0]])
    one = pbits.compare(stuck, [array("a", 1e-12, low=0.5e-12, high=2e-12)], SAMPLING, seed=1)
    found, diagnosis = one.quality("a"), one.rows[0].diagnosis
    assert not diagnosis.converged
    assert found.joules is None
    # 2 · 612 · 8 updates at the low end of their price, and at most so many effective samples.
    assert 0 < found.at_least <= 2 * 612 * 8 * 0.5e-12 / diagnosis.worst_ess
    assert found.to_dict()["reason"] == "the chains have not converged"


def test_a_machine_that_never_moved_has_no_bound_either():
    still = pbits.IsingModel(np.zeros((2, 2)), h=[40.0, 40.0])
    found = pbits.compare(still, [array("a")], SAMPLING, seed=1).quality("a")
    assert (found.joules, found.at_least, found.seconds) == (None, None, None)
    assert found.reason == "the chains have not converged"


def test_a_goal_that_no_chain_reached_leaves_a_one_sided_bound():
    schedule = pbits.Schedule.anneal(sweeps=4, chains=40, beta_start=0.1, beta_stop=1.0)
    found = pbits.compare(PAIR, [array("a", 2e-12)], schedule, seed=2, goal=-9.0).quality("a")
    assert found.joules is None
    tries = math.log(0.01) / math.log(0.05) * 40
    assert found.at_least == pytest.approx(2 * 4 * 2e-12 * tries, rel=1e-9)
    assert found.reason == "no chain reached the goal"


def test_a_machine_that_refused_has_no_quality():
    small = pbit.Array(name="small", topology=Complete(1))
    both = pbits.compare(PAIR, [small, array("a")], SAMPLING, seed=1)
    with pytest.raises(ValueError, match="small refused the problem, so it has spent nothing"):
        both.quality("small")
    assert "small" in str(both)


# --- accounts ---


def test_joules_per_effective_sample_are_an_account_by_hand():
    one = pbits.compare(PAIR, [array("a", 2e-12, low=1e-12, high=4e-12)], SAMPLING, seed=1)
    found, tau = one.quality("a"), one.rows[0].diagnosis.worst_tau_int
    updates = 2 * (100 + 512) * 8
    assert found.joules == pytest.approx(updates * 2e-12 * tau / (512 * 8), rel=1e-9)
    assert found.account.inputs["tau_int"].value == tau
    # Price and τ are independent: the logarithms of the 95 % factors add in squares, to 5 % by 20,000 draws.
    up = math.hypot(math.log(2), math.log(found.account.inputs["tau_int"].high / tau))
    assert found.spread.high == pytest.approx(found.joules * math.exp(up), rel=0.05)
    again = Account.from_dict(json.loads(json.dumps(one.to_dict()))["rows"][0]["joules"]["quality"]["account"])
    assert again.value == found.joules
    # One update of both p-bits a nanosecond apart: device seconds of all draws, divided like the joules.
    assert found.seconds == pytest.approx(one.runs["a"].device_time_s * tau / (512 * 8), rel=1e-9)
    assert found.to_dict()["seconds_low"] < found.seconds < found.to_dict()["seconds_high"]


def test_joules_per_solution_are_an_account_by_hand():
    schedule = pbits.Schedule.anneal(sweeps=4, chains=40, beta_start=0.1, beta_stop=1.0)
    one = pbits.compare(PAIR, [array("a", 2e-12)], schedule, seed=2)
    hits, chains = one.runs["a"].success_fraction(one.goal)
    assert 0 < hits < chains == 40
    found = one.quality("a")
    spent = 2 * 4 * 40 * 2e-12
    assert found.joules == pytest.approx(spent / 40 * math.log(0.01) / math.log(1 - hits / 40), rel=1e-9)
    assert found.account.inputs["success_probability"].most == 1.0
    assert found.spread.low < found.joules < found.spread.high


def test_seconds_that_may_come_to_nothing_have_a_range_all_the_same():
    account = quality.device_seconds(Figure(2.0, 0.0, 4.0, Evidence.DERIVED), "a")
    assert (account.value, account.inputs["device_seconds"].low) == (2.0, 1.0)
    assert quality.device_seconds(Figure(0.0, 0.0, 4.0, Evidence.DERIVED), "a").value == 0.0
    assert quality.device_seconds(Figure.of(None), "a") is None


def test_all_chains_that_succeed_take_one_chain_each():
    share = quality.runs_per_solution(20, 20, "a", "g")
    assert share.value == 1 / 20
    assert share.monte_carlo(1000).low == 1 / 20


def test_prices_of_one_source_move_together_and_chance_on_its_own():
    machines = [array("a", 2e-12, low=1e-12, high=4e-12), array("b", 1e-12, low=0.5e-12, high=2e-12)]
    both = pbits.compare(PAIR, machines, SAMPLING, seed=1)
    # One source, one grade, the same factor: whatever is off is off for both. And the same draws.
    assert both.ratio("a", "b").low == pytest.approx(2.0)
    apart = [array("a", 2e-12, low=1e-12, high=4e-12), array("b", 1e-12, low=0.5e-12, high=2e-12, source="other")]
    ratio = pbits.compare(PAIR, apart, SAMPLING, seed=1).ratio("a", "b")
    width = math.exp(math.sqrt(2) * math.log(2))
    assert ratio.high == pytest.approx(2 * width, rel=0.05)
    assert ratio.probability == pytest.approx(0.0787, abs=0.01)  # Φ(−ln 2 / (√2 ln 2 / 1.96))
    assert [swing.share for swing in ratio.tornado] == pytest.approx([0.5, 0.5])


def test_a_ratio_is_the_quotient_of_the_accounts_of_two_rows():
    both = pbits.compare(PAIR, [array("a", 2e-12, low=1e-12, high=4e-12), array("b", update="random")], LONG, seed=1)
    document = both.to_dict()
    a, b = (Account.from_dict(row["joules"]["quality"]["account"]) for row in document["rows"])
    told = document["ratios"][0]
    assert (a / b).value == pytest.approx(told["value"], rel=1e-12)
    spread = (a / b).monte_carlo(quality.DRAWS, told["seed"])
    assert (spread.median, spread.low, spread.high) == (told["median"], told["low"], told["high"])
    assert told["account"] is None
    assert told["probability_below_1"] == spread.below(1)
    assert sum(swing["share"] for swing in told["tornado"]) == pytest.approx(1.0)


def test_a_ratio_and_its_inverse_agree():
    both = pbits.compare(PAIR, [array("a", 2e-12, low=1e-12, high=6e-12), array("b", update="random")], LONG, seed=1)
    there, back = both.ratio("a", "b"), both.ratio("b", "a")
    assert there * back == pytest.approx(1.0)
    assert (there.median, there.low, there.high) == pytest.approx(
        (1 / back.median, 1 / back.high, 1 / back.low), rel=1e-3
    )
    assert there.probability == back.above(1.0)
    assert both.ratio("a", "b") is there


def test_a_ratio_is_the_same_in_every_process():
    machines = [array("a", 2e-12, low=1e-12, high=4e-12), array("b", update="random")]
    first, second = (pbits.compare(PAIR, machines, LONG, seed=1).ratio("a", "b") for _ in range(2))
    assert (first.low, first.median, first.high) == (second.low, second.median, second.high)


# --- declared observables ---


def test_effective_samples_are_of_the_worst_declared_observable():
    chain = pbits.IsingModel.from_edges(8, [(k, k + 1) for k in range(7)], 0.8)
    one = {"first": lambda states: states[..., 0]}
    two = one | {"magnetisation": lambda states: states.mean(axis=-1)}
    schedule = pbits.Schedule(n_samples=2000, n_warmup=200, chains=16)
    costs = [
        pbits.compare(chain, [array("a")], schedule, seed=1, observables=given).quality("a").joules
        for given in (one, two)
    ]
    assert costs[1] > costs[0]
    named = pbits.compare(chain, [array("a")], schedule, seed=1, observables=two)
    assert named.rows[0].diagnosis.worst == "magnetisation"
    assert named.to_dict()["observables"] == ["first", "magnetisation"]


# --- targets ---


def test_joules_to_a_distance_by_hand():
    near = pbits.compare(PAIR, [array("a", 2e-12)], SAMPLING, seed=1, distance=0.05)
    assert near.metric == "joules to come within 0.05 of the exact law"
    found = near.quality("a")
    needed = found.account.inputs["draws_needed"]
    assert 1 <= needed.low <= needed.value <= needed.high
    # 2 sites · 8 chains: the warm-up in full, then so many draws.
    assert found.joules == pytest.approx(2 * 8 * (100 + needed.value) * 2e-12, rel=1e-9)
    states = near.runs["a"].states
    distance = near.target.score
    k = math.floor(math.log2(needed.value))
    assert distance(states[:, : 2**k]) >= 0.05 >= distance(states[:, : 2 ** (k + 1)])


def test_programming_and_warm_up_are_charged_before_the_first_draw():
    costly = pbit.Array(name="a", phase_s=1e-9, program_s=1.0, read_s=0.0, prices=_idle(3.0))
    one = pbits.compare(PAIR, [costly], SAMPLING, seed=1)
    joules = one.front().curves[0].joules
    whole = one.ledgers["a"].joules
    updates = 2 * 612 * 8 * 1e-12
    assert whole == pytest.approx(3.0 + updates)
    assert joules[-1] == pytest.approx(whole)
    assert joules[0] == pytest.approx(3.0 + updates * 101 / 612)


def test_a_distance_that_is_never_reached_is_a_bound():
    both = pbits.compare(PAIR, [array("right"), array("wrong", 1e-15, "synchronous")], SAMPLING, seed=1, distance=0.05)
    found = both.quality("wrong")
    assert found.joules is None
    assert found.at_least == pytest.approx(both.ledgers["wrong"].lower_bound)
    assert "all its draws together come to a distance to the exact law of" in found.reason
    assert both.ratio("right", "wrong") is None
    assert both.why_no_ratio("right", "wrong").startswith("wrong: all its draws")


def test_joules_to_a_score():
    def sharpness(states):
        return float(abs(states.mean(axis=(0, 1))).max())

    options = {"score": sharpness, "reach": 0.9, "sense": "min"}
    both = pbits.compare(PAIR, [array("a", 2e-12), array("b", 1e-12)], SAMPLING, seed=1, **options)
    assert both.metric == "joules to reach sharpness 0.9"
    assert both.ratio("a", "b") == pytest.approx(2.0)
    assert both.ratio("a", "b").quality == "the same sharpness"
    assert (both.front().y, both.front().target) == ("sharpness", 0.9)
    never = pbits.compare(PAIR, [array("a")], SAMPLING, seed=1, score=sharpness, reach=1.1)
    assert never.quality("a").joules is None
    assert never.quality("a").at_least == pytest.approx(never.ledgers["a"].lower_bound)


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        (
            SAMPLING,
            {"distance": 0.05, "score": len, "reach": 1},
            "distance and score are measures of quality; give one",
        ),
        (SAMPLING, {"score": len}, "score and reach go together"),
        (SAMPLING, {"reach": 1.0}, "score and reach go together"),
        (SAMPLING, {"distance": 0.0}, "give more than 0"),
        (SAMPLING, {"score": len, "reach": 1, "sense": "up"}, "sense is 'up'"),
        (pbits.Schedule.anneal(sweeps=5, beta_start=0.1), {"distance": 0.05}, "an anneal has none; give it a goal"),
        (SAMPLING, {"observables": {}}, "observables is empty"),
        (
            SAMPLING,
            {"observables": {"m": lambda states: states.mean()}},
            r"expected one number for each draw, \(8, 512\)",
        ),
    ],
)
def test_a_target_that_cannot_be_judged_is_refused(schedule, options, message):
    with pytest.raises(ValueError, match=message):
        pbits.compare(PAIR, [array("a")], schedule, seed=1, **options)


def test_a_score_that_is_no_number_is_refused():
    both = pbits.compare(PAIR, [array("a")], SAMPLING, seed=1, score=lambda states: states.mean(axis=0), reach=1.0)
    with pytest.raises(ValueError, match="must make one finite number of states"):
        both.quality("a")


def test_a_distance_to_a_law_that_cannot_be_written_down_is_refused():
    big = pbits.IsingModel.from_edges(30, [(k, (k + 1) % 30) for k in range(30)], 0.2)
    with pytest.raises(ValueError, match="cannot be written down.*give score and reach instead"):
        pbits.compare(big, [array("a")], SAMPLING, seed=1, distance=0.1)


# --- stored runs ---


def test_stored_runs_compare_as_they_did(tmp_path):
    both = pbits.compare(PAIR, [array("a", 2e-12, low=1e-12, high=4e-12), array("b")], SAMPLING, seed=1)
    stored = [pbits.Run.load(run.save(tmp_path / f"{name}.npz")) for name, run in both.runs.items()]
    again = pbits.compare_runs(stored)
    assert again.ratio("a", "b") == both.ratio("a", "b")
    assert again.ratio("a", "b").high == both.ratio("a", "b").high
    assert again.to_dict()["ratios"] == both.to_dict()["ratios"]


def test_two_runs_of_one_machine_need_names():
    runs = [pbits.run(PAIR, array("a"), replace(SAMPLING, n_warmup=w), seed=1) for w in (100, 1100)]
    with pytest.raises(ValueError, match="two runs are of a; give them names"):
        pbits.compare_runs(runs)
    both = pbits.compare_runs({"short": runs[0], "long": runs[1]})
    tau = [row.diagnosis.worst_tau_int for row in both.rows]
    assert both.ratio("long", "short") == pytest.approx(1612 / 612 * tau[1] / tau[0])


def test_stored_anneals_of_a_problem_are_compared_by_its_objective(tmp_path):
    problem = EXAMPLES["digits"]()
    schedule = pbits.Schedule.anneal(sweeps=20, chains=8, beta_start=0.1, beta_stop=3.0)
    run = pbits.run(problem, array("a"), schedule, seed=1)
    again = pbits.compare_runs([pbits.Run.load(run.save(tmp_path / "a.npz"))])
    assert again.scored
    assert again.goal == run.solution.objective
    assert again.name == problem.name
    assert again.quality("a").joules > 0


OTHER = pbits.IsingModel([[0, 0.5], [0.5, 0]], h=[0.3, 0])


@pytest.mark.parametrize(
    ("model", "schedule", "options", "differs"),
    [
        (OTHER, SAMPLING, {}, "models"),
        (PAIR, replace(SAMPLING, beta=2.0), {}, "β"),
        (PAIR, pbits.Schedule.anneal(sweeps=5, beta_start=0.1, beta_stop=1.0), {}, "kinds of schedule"),
        (PAIR, SAMPLING, {"clamp": {1: 1}}, "clamps"),
        (PAIR, SAMPLING, {"clamp": {1: np.array([1, -1] * 4)}}, "clamps"),
    ],
)
def test_runs_of_different_questions_are_refused(model, schedule, options, differs):
    first = pbits.run(PAIR, array("a"), SAMPLING, seed=1)
    second = pbits.run(model, array("b"), schedule, seed=1, **options)
    with pytest.raises(ValueError, match=f"a and b do not answer one question: their {differs} differ"):
        pbits.compare_runs([first, second])


def test_compare_runs_takes_runs():
    with pytest.raises(TypeError, match=r"read a stored one with pbits\.Run\.load"):
        pbits.compare_runs(["a.npz"])
    with pytest.raises(ValueError, match="at least one run"):
        pbits.compare_runs([])
    with pytest.raises(ValueError, match="not in this comparison"):
        pbits.compare_runs([pbits.run(PAIR, array("a"), SAMPLING, seed=1)], uplifts={"b": {}})


# --- verdicts ---


def test_the_verdict_quotes_the_strongest_processor_that_was_run():
    machines = [array("cheap", 1e-18), "gpu-h100-sxm", "gpu-v100-sxm2"]
    three = pbits.compare(PAIR, machines, SAMPLING, seed=1)
    strong, weak = sorted(("gpu-h100-sxm", "gpu-v100-sxm2"), key=lambda name: three.quality(name).joules)
    # The weaker baseline would make the larger claim.
    assert three.ratio("cheap", weak) < three.ratio("cheap", strong)
    text = three.verdict()
    assert f"fewer joules per effective sample than {strong} (" in text
    assert weak not in text
    assert "95 % interval" in text
    assert "model, not a measurement" in text.replace("a model not", "model, not")


def test_a_processor_that_wins_is_said_to_win():
    both = pbits.compare(PAIR, [array("dear", 1e-6), "gpu-h100-sxm"], SAMPLING, seed=1)
    assert "gpu-h100-sxm (" in both.verdict()
    assert "times fewer joules per effective sample than dear at the board boundary" in both.verdict()
    assert "P > 99.9 %" in both.verdict()


def test_a_processor_that_may_win_is_not_beaten():
    gpu = pbits.compare(PAIR, ["gpu-h100-sxm"], SAMPLING, seed=1).quality("gpu-h100-sxm").joules
    near = gpu / (2 * 612 * 8) * 512
    both = pbits.compare(PAIR, [array("near", near), "gpu-h100-sxm"], SAMPLING, seed=1)
    assert "whether near or gpu-h100-sxm (" in both.verdict()
    assert "cannot be told at the board boundary" in both.verdict()


# --- curves ---


def _target(reach, *, lower=True):
    return fronts.Target(name="q", score=len, reach=reach, lower_is_better=lower)


def _progress(quality, width=0.0):
    values = np.array(quality, dtype=float)
    return fronts.Progress(steps=2 ** np.arange(len(values)), quality=values, low=values - width, high=values + width)


def test_a_target_is_reached_where_the_curve_stays_within_it():
    assert fronts.reached(_progress([4.0, 3.0, 2.0, 1.0]), _target(2.5)) == pytest.approx([2**1.5] * 3)
    assert fronts.reached(_progress([4.0, 1.0, 3.0, 1.0]), _target(2.0))[0] == pytest.approx(2**2.5)
    assert fronts.reached(_progress([1.0, 1.0, 1.0]), _target(2.0)) == (1.0, 1.0, 1.0)
    assert fronts.reached(_progress([1.0, 1.0, 3.0]), _target(2.0)) is None
    assert fronts.reached(_progress([1.0, 2.0, 3.0]), _target(2.5, lower=False))[0] == pytest.approx(2**1.5)
    value, low, high = fronts.reached(_progress([4.0, 3.0, 2.0, 1.0], 0.5), _target(2.0))
    assert (value, low, high) == pytest.approx((4.0, 2**1.5, 2**2.5))
    # The far edge does not come down within the run: as far above as the near one is below.
    value, low, high = fronts.reached(_progress([4.0, 3.0, 2.0, 1.0], 1.5), _target(2.0))
    assert high / value == pytest.approx(value / low)


def test_the_band_of_a_mean_holds_the_exact_one():
    """Of 60 runs of independent spins, at least 50 bands of the mean of a score hold it: 95 % expected, and fewer than
    50 in less than one of 2000 families."""
    free = pbits.IsingModel(np.zeros((4, 4)), h=[0.5, 0.5, 0.5, 0.5])
    target = fronts.Target(name="m", score=lambda states: float(states.mean()), reach=None, lower_is_better=False)
    held = 0
    for seed in range(60):
        run = pbits.run(free, "ideal", pbits.Schedule(n_samples=64, n_warmup=0, chains=8), seed=seed, judge=False)
        found = fronts.progress_of_draws(run, target)
        held += found.low[-1] <= math.tanh(0.5) <= found.high[-1]
    assert held >= 50


def test_the_interval_of_the_draws_to_a_distance_holds_the_typical_ones():
    """Of 60 runs, at least 48 intervals hold where the mean of their curves crosses.

    93 % do (of 300 runs of two models), and fewer than 48 then in less than one of 2000 families.
    """
    chain = pbits.IsingModel.from_edges(6, [(k, k + 1) for k in range(5)], 0.5)
    score = fronts.law_distance(chain, 1.0, {})
    target = fronts.Target(name="d", score=score, reach=0.08, lower_is_better=True, least=0.0)
    schedule = pbits.Schedule(n_samples=1024, chains=8)
    curves = [
        fronts.progress_of_draws(pbits.run(chain, "ideal", schedule, seed=seed, judge=False), target)
        for seed in range(60)
    ]
    mean = np.mean([curve.quality for curve in curves], axis=0)
    typical, _, _ = fronts.reached(replace(curves[0], quality=mean, low=mean, high=mean), target)
    ends = [fronts.reached(curve, target)[1:] for curve in curves]
    assert sum(low <= typical <= high for low, high in ends) >= 48


def test_distances_fall_as_the_root_of_the_draws():
    run = pbits.run(PAIR, "ideal", pbits.Schedule(n_samples=4096, chains=16), seed=3)
    score = fronts.law_distance(PAIR, 1.0, {})
    target = fronts.Target(name="d", score=score, reach=None, lower_is_better=True, least=0.0)
    found = fronts.progress_of_draws(run, target)
    slope = np.polyfit(np.log(found.steps), np.log(found.quality), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.2)
    assert (found.low > 0).all()
    assert found.quality[-1] == pytest.approx(run.errors.total)


def test_the_distance_of_reals_is_that_of_the_errors():
    model = pbits.GaussianModel([[2.0, 0.5, 0.1], [0.5, 1.5, 0.2], [0.1, 0.2, 1.0]])
    run = pbits.run(model, "cpu-epyc-9654", pbits.Schedule(n_samples=100, chains=8), seed=1, clamp={1: 0.3})
    assert fronts.law_distance(model, 1.0, {1: 0.3})(run.states) == pytest.approx(run.errors.total)


@pytest.mark.parametrize("chains", [1, 8, 100])
def test_means_of_pieces_give_the_band_that_the_draws_give(chains):
    model = pbits.GaussianModel([[2.0, 0.5], [0.5, 1.5]], [3.0, 0.0])
    for posed, machine in ((PAIR, "ideal"), (model, "langevin-rc-illustrative")):
        run = pbits.run(posed, machine, pbits.Schedule(n_samples=6400 // chains, chains=chains), seed=1, judge=False)
        quick = fronts.law_distance(posed, 1.0, {})
        slow = lambda states, score=quick: score.exact(states)  # noqa: E731
        bands = [
            fronts.progress_of_draws(
                run, fronts.Target(name="d", score=score, reach=None, lower_is_better=True, least=0.0)
            )
            for score in (quick, slow)
        ]
        assert bands[0].quality == pytest.approx(bands[1].quality)
        # np.cov divides by one draw less, which tells in the shortest stretches.
        assert bands[0].high[3:] == pytest.approx(bands[1].high[3:], rel=0.05)


def test_a_run_of_few_draws_has_no_curve():
    one = pbits.compare(
        pbits.GaussianModel([[1.0]]), ["cpu-epyc-9654"], pbits.Schedule(n_samples=1, chains=1), seed=1, distance=0.1
    )
    assert one.front() is None
    assert one.quality("cpu-epyc-9654").reason == "its draws are too few to tell, or were not kept"
    assert one.quality("cpu-epyc-9654").at_least is None


def test_an_anneal_shows_its_best_so_far():
    schedule = pbits.Schedule.anneal(sweeps=20, chains=8, beta_start=0.1, beta_stop=3.0)
    both = pbits.compare(PAIR, [array("a"), array("b", update="random")], schedule, seed=2)
    front = both.front()
    for curve, run in zip(front.curves, both.runs.values()):
        best = np.minimum.accumulate(run.trace.energies, axis=1)
        assert curve.progress.steps.tolist() == [1, 2, 4, 8, 16, 20]
        assert curve.progress.quality == pytest.approx(best[:, [0, 1, 3, 7, 15, 19]].mean(axis=0) + 1.3)
        assert curve.joules == pytest.approx(2 * 8 * curve.progress.steps * 1e-12)
        assert (np.diff(curve.progress.quality) <= 0).all()


def test_laws_of_many_reals_or_of_each_chain_its_own_have_no_front():
    many = pbits.compare(
        pbits.GaussianModel(np.eye(130)), ["cpu-epyc-9654"], pbits.Schedule(n_samples=8, chains=2), seed=1
    )
    assert many.front() is None
    clamped = pbits.run(PAIR, array("a"), SAMPLING, seed=1, clamp={1: np.array([1, -1] * 4)})
    assert pbits.compare_runs([clamped]).front() is None


def test_a_machine_without_joules_is_on_no_front():
    assert pbits.compare(PAIR, ["ideal"], SAMPLING, seed=1).front() is None


def _idle(watts):
    table = prices(1e-12)
    idle = Parameter(value=watts, unit="W", low=watts, high=watts, evidence=Evidence.MEASURED, source="key")
    return replace(table, power={"active": Included(in_="update"), "idle": idle})


def test_the_command_counts_joules_to_a_distance(tmp_path):
    options = ["--samples", "400", "--chains", "8", "--seed", "1", "--distance", "0.1", "-o", str(tmp_path / "r.html")]
    machines = ["-m", "gpu-h100-sxm", "-m", "gpu-a100-sxm"]
    done = CliRunner().invoke(app, ["compare", "and-gate", *machines, *options, "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "r.json").read_text("utf-8"))["comparisons"][0]
    assert document["metric"] == "joules to come within 0.1 of the exact law"
    assert document["front"]["target"] == 0.1
    refused = CliRunner().invoke(
        app, ["compare", "capitals", *machines, "--distance", "0.1", "-o", str(tmp_path / "x.html")]
    )
    assert refused.exit_code == 2
    assert "an anneal has none; give it a goal" in refused.output


def test_a_verdict_says_what_is_charged_to_one_side_only():
    ring = pbits.IsingModel.from_edges(16, [(k, (k + 1) % 16) for k in range(16)], 0.5)
    plan = pbits.Schedule(n_samples=2000, n_warmup=100, chains=16)
    runs = [pbits.run(ring, name, plan, seed=1) for name in ("gpu-h100-sxm", "gpu-a100-sxm")]
    rare = pbits.compare_runs(runs, usage={"gpu-h100-sxm": pbits.Usage(duty=0.01)})
    assert rare.ratio("gpu-h100-sxm", "gpu-a100-sxm").low > 1
    assert "at work 1 % of the time" in rare.verdict()
