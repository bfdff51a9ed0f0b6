"""Comparisons at equal quality: hand-worked ratios, boundaries that do not meet, refusals, verdicts."""

import numpy as np
import pytest

import pbits
from hardware_models import langevin, pbit
from pbits import report
from pbits.mapping import Complete
from pbits.parameters import Evidence, Parameter, PriceTable, Uplift
from pbits.problems import EXAMPLES, TravelingSalesman

FREE = ("weight_read", "toggle", "random_bit", "read", "write")


def parameter(value, unit="J", low=None, high=None, evidence=Evidence.MEASURED):
    return Parameter(
        value=value, unit=unit, low=low or value, high=high or value, evidence=evidence, source="key", note="n"
    )


def prices(update_j, boundary="board", uplifts=None, **options):
    from pbits.parameters import Included

    return PriceTable(
        boundary=boundary,
        operations={"update": parameter(update_j, **options)} | {name: Included(in_="update") for name in FREE},
        power={"active": Included(in_="update"), "idle": Included(in_="update")},
        uplifts=uplifts or {},
    )


def machine(name, update_j=None, **options):
    table = None if update_j is None else prices(update_j, **options)
    return pbit.Array(name=name, phase_s=1e-9, program_s=0.0, read_s=0.0, prices=table)


PAIR = pbits.IsingModel([[0, 1], [1, 0]], h=[0.3, 0])
SAMPLING = pbits.Schedule(n_samples=500, n_warmup=100, chains=8)
ANNEAL = pbits.Schedule.anneal(sweeps=50, chains=20, beta_start=0.1, beta_stop=3.0)


def test_a_ratio_of_sampling_machines_by_hand():
    both = pbits.compare(PAIR, [machine("a", 2e-12, low=1e-12, high=4e-12), machine("b", 1e-12)], SAMPLING, seed=1)
    ratio = both.ratio("a", "b")
    # The same draws on both, so the effective samples cancel and the prices remain.
    assert ratio == pytest.approx(2.0)
    # The range of the one price that has any, to 3 % by 20,000 draws.
    assert (ratio.low, ratio.high) == (pytest.approx(1.0, rel=0.03), pytest.approx(4.0, rel=0.03))
    assert ratio.median == pytest.approx(2.0, rel=0.03)
    assert ratio.probability == pytest.approx(0.025, abs=0.005)
    assert ratio.above(4.0) == pytest.approx(0.025, abs=0.005)
    assert [swing.keys for swing in ratio.tornado] == [("a_update",)]
    assert (ratio.boundary, ratio.metric, ratio.evidence) == ("board", "joules per effective sample", Evidence.MEASURED)
    assert both.ratio("b", "a") == pytest.approx(0.5)
    ledger = both.ledgers["a"]
    updates = 2 * 600 * 8
    assert ledger.joules == pytest.approx(updates * 2e-12)
    assert both.quality("a").joules == pytest.approx(ledger.joules / both.rows[0].diagnosis.worst_ess)


def test_a_ratio_to_solution_repeats_chains_until_sure():
    both = pbits.compare(PAIR, [machine("a", 3e-12), machine("b", 1e-12)], ANNEAL, seed=2)
    assert both.goal == pytest.approx(-1.3)
    hits, chains = both.runs["a"].success_fraction(both.goal)
    repeats = max(1.0, np.log(0.01) / np.log1p(-hits / chains)) if hits < chains else 1.0
    assert both.quality("a").joules == pytest.approx(both.ledgers["a"].joules / chains * repeats)
    assert both.ratio("a", "b") == pytest.approx(3.0)


def test_chance_widens_a_ratio_of_different_draws():
    schedule = pbits.Schedule.anneal(sweeps=4, chains=40, beta_start=0.1, beta_stop=1.0)
    other = pbit.Array(name="b", update="random", phase_s=1e-9, program_s=0.0, read_s=0.0, prices=prices(1e-12))
    both = pbits.compare(PAIR, [machine("a", 1e-12), other], schedule, seed=2)
    ratio = both.ratio("a", "b")
    assert 0 < both.runs["a"].success_fraction(both.goal)[0] < 40
    # Exact prices, so that only the success probabilities of 40 chains each are uncertain, and drawn apart.
    assert sorted(swing.label for swing in ratio.tornado) == ["success probability of a", "success probability of b"]
    down, up = (np.hypot(*(np.log(end / ratio) for end in ends)) for ends in zip(*map(_ends, ratio.tornado)))
    assert ratio.low == pytest.approx(ratio * np.exp(-down), rel=0.1)
    assert ratio.high == pytest.approx(ratio * np.exp(up), rel=0.1)


def _ends(swing):
    return sorted((swing.low, swing.high))


def test_standby_that_nobody_states_leaves_no_ratio():
    unknown = prices(1e-12)
    unknown = PriceTable(
        boundary="board", operations=unknown.operations, power={"active": unknown.power["active"]}, uplifts={}
    )
    waiting = pbit.Array(name="waits", phase_s=1e-9, program_s=1.0, read_s=0.0, prices=unknown)
    both = pbits.compare(PAIR, [waiting, machine("b", 1e-12)], SAMPLING, seed=1)
    assert both.ledgers["waits"].joules is None
    assert both.ledgers["waits"].without_idle > 0
    assert "power.idle" in both.why_no_ratio("waits", "b")
    assert "no total for waits, whose standby power is not stated" in both.verdict()


def test_the_surest_pair_makes_the_verdict_and_not_the_widest():
    sure = machine("sure", 1e-12)
    loud = machine("loud", 1e-15, low=1e-16, high=1e-11)
    three = pbits.compare(PAIR, [sure, loud, machine("base", 4e-12)], SAMPLING, seed=1)
    assert "sure needs 4 times fewer" in three.verdict()
    unsure = pbits.compare(PAIR, [loud, sure], SAMPLING, seed=1)
    assert "for no two machines do the ranges tell which needs fewer joules" in unsure.verdict()


def test_a_run_with_a_target_counts_every_chain_that_met_it():
    schedule = pbits.Schedule.anneal(sweeps=200, chains=16, beta_start=0.01, beta_stop=0.02, stop_at=-1.3)
    one = pbits.run(PAIR, "ideal", schedule, seed=3)
    assert one.success_fraction(-1.3) == (16, 16)
    assert (one.energies <= -1.29).sum() < 16


def test_the_weaker_evidence_is_inherited():
    both = pbits.compare(PAIR, [machine("a", 1e-12, evidence=Evidence.ASSUMED), machine("b", 1e-12)], SAMPLING, seed=1)
    assert both.ratio("a", "b").evidence is Evidence.ASSUMED


def test_boundaries_that_do_not_meet_give_no_ratio_until_an_uplift_joins_them():
    machines = [machine("chip", 1e-15, boundary="chip"), machine("board", 1e-12)]
    apart = pbits.compare(PAIR, machines, SAMPLING, seed=1)
    assert apart.boundary is None
    assert apart.ratio("chip", "board") is None
    assert "no complete uplift joins them" in apart.why_no_ratio("chip", "board")
    given = {"chip": {"board": {"factor": 1.25, "power_w": 10.0}}}
    joined = pbits.compare(PAIR, machines, SAMPLING, seed=1, uplifts=given)
    assert joined.boundary == "board"
    one = joined.runs["chip"]
    assert joined.ledgers["chip"].joules == pytest.approx(one.counts["update"] * 1e-15 * 1.25 + 10 * one.device_time_s)
    assert joined.ratio("chip", "board").evidence is Evidence.ASSUMED
    assert joined.to_dict()["uplifts"] == {"chip": {"board": "× 1.25, 10 W"}}


def test_a_catalogue_uplift_is_applied():
    lifted = {"board": Uplift(factor=parameter(2.0, "1"))}
    both = pbits.compare(
        PAIR, [machine("a", 1e-12, boundary="chip", uplifts=lifted), machine("b", 1e-12)], SAMPLING, seed=1
    )
    assert both.boundary == "board"
    assert both.ratio("a", "b") == pytest.approx(2.0)


def test_a_machine_without_prices_has_no_ratio():
    both = pbits.compare(PAIR, [machine("free"), machine("b", 1e-12)], SAMPLING, seed=1)
    assert both.ratio("free", "b") is None
    assert both.why_no_ratio("free", "b") == "free: free states no prices"


def test_chains_that_have_not_converged_have_no_joules_per_effective_sample():
    stuck = pbits.IsingModel([[0, 8.0], [8.0, 0]])
    both = pbits.compare(stuck, [machine("a", 1e-12), machine("b", 1e-12)], SAMPLING, seed=1)
    assert both.ratio("a", "b") is None
    assert both.why_no_ratio("a", "b") == "a: the chains have not converged"
    assert both.quality("a").joules is None


def test_a_law_that_is_not_known_says_why():
    walk = langevin.LatticeWalk(headroom=1.5, name="coarse walk")
    both = pbits.compare(pbits.GaussianModel([[2.0, 0.5], [0.5, 1.0]]), [langevin.Circuit(), walk], SAMPLING, seed=1)
    assert "coarse walk cannot be judged (its law is not known: chances are clipped in about 1" in both.verdict()
    assert "enumeration" not in both.verdict()


def test_a_refusal_is_a_row_with_all_reasons():
    small = pbit.Array(name="small", topology=Complete(5))
    both = pbits.compare(EXAMPLES["capitals"](), [small, "ideal"], ANNEAL, seed=1)
    row = both.rows[0]
    assert row.run is None
    assert any("64 sites and the machine 5" in reason for reason in row.refusal)
    assert both.why_no_ratio("small", "ideal").startswith("small refused the problem: the model has 64 sites")
    assert "small refused" in both.verdict()
    assert "small" in both.to_markdown()


def test_an_infeasible_answer_is_called_infeasible():
    # Hot to the end: no tour can come out of it.
    hot = pbits.Schedule.anneal(sweeps=3, beta_start=1e-6, beta_stop=2e-6, chains=4)
    one = pbits.compare(EXAMPLES["capitals"](), ["ideal"], hot, seed=1)
    assert not one.runs["ideal"].solution.feasible
    assert one.goal is None
    assert "no machine handed over a feasible answer" in one.verdict()
    assert "infeasible" in one.to_markdown()


def test_the_goal_is_the_problems_own_or_the_best_found():
    recall = pbits.compare(EXAMPLES["digits"](), ["ideal"], seed=1)
    assert recall.goal == 0.95
    square = TravelingSalesman.from_coordinates([[0, 0], [0, 1], [1, 1], [1, 0]])
    assert pbits.compare(square, ["ideal"], seed=1).goal == pytest.approx(4.0)
    assert pbits.compare(square, ["ideal"], seed=1, goal=4.5).goal == 4.5


def test_without_a_schedule_each_machine_gets_what_suits_it():
    both = pbits.compare(EXAMPLES["digits"](), ["ideal", "embedded:extropic-z1"], seed=1)
    assert [one.schedule.total_steps for one in both.runs.values()] == [20, 300]


def test_digits_are_recalled_from_a_fifth_of_the_pixels_flipped():
    both = pbits.compare(
        EXAMPLES["digits"](),
        ["ideal", "fpga-all-to-all", "embedded:extropic-z1", "gpu-h100-sxm", "cpu-epyc-9654"],
        seed=1,
    )
    for name, one in both.runs.items():
        assert one.solution.objective >= 0.95, name


@pytest.mark.parametrize(
    ("machines", "options", "message"),
    [
        ([], {}, "at least one machine"),
        (["ideal", "ideal"], {}, "named more than once"),
        (["ideel"], {}, "did you mean 'ideal'"),
        (["ideal"], {"uplifts": {"z1": {}}}, "not in this comparison"),
        (["ideal"], {"boundary": "moon"}, "choose one of cell"),
    ],
)
def test_bad_input_is_one_clear_error(machines, options, message):
    with pytest.raises(ValueError, match=message):
        pbits.compare(PAIR, machines, SAMPLING, seed=1, **options)


def test_one_name_is_no_list_of_machines():
    with pytest.raises(TypeError, match=r"such as \['ideal'\]"):
        pbits.compare(PAIR, "ideal", SAMPLING, seed=1)


def test_an_unknown_machine_in_a_ratio_is_an_error():
    one = pbits.compare(PAIR, ["ideal"], SAMPLING, seed=1)
    with pytest.raises(ValueError, match="no machine 'x' in this comparison"):
        one.ratio("x", "ideal")


def test_the_document_goes_out_in_every_form(tmp_path):
    both = pbits.compare(PAIR, [machine("a", 2e-12), machine("b", 1e-12)], SAMPLING, seed=1)
    document = both.to_dict()
    assert report.from_json(both.to_json(tmp_path / "c.json")) == [document]
    assert both.to_csv(tmp_path / "c.csv").read_text().count("\n") == 3
    assert both.to_html(tmp_path / "c.html").read_text().startswith("<!DOCTYPE html>")
    assert "| `a` |" in both.to_markdown()
    assert r"\toprule" in both.to_latex()
    assert document["rows"][0]["distance"]["faithful"]
    assert both.verdict() == document["verdict"]
    assert "b needs 2 times fewer joules per effective sample than a at the board boundary" in both.verdict()


def test_the_summary_counts_what_was_found():
    both = pbits.compare(PAIR, [machine("a", 2e-12), machine("b", 1e-12)], SAMPLING, seed=1)
    text = report.summary([both.to_dict()])
    assert text.startswith("In all, 2 of 2 runs of one problem were possible; on 1 of the 1 ratios")
    assert "b needs at least 2 times fewer than a" in text
