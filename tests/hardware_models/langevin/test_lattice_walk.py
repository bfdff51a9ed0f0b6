"""The machine of lattice walks: what it holds, how long a step is, what it counts, and its law as `run` sees it.

Statistical checks have fixed seeds and a false-alarm rate below 1e-5 each.
"""

import numpy as np
import pytest

import pbits
from hardware_models.langevin import LatticeWalk, from_spec
from pbits import testing
from pbits.parameters import Evidence, Included, Parameter, PriceTable, read_machine

A = np.array([[2.0, -0.9, 0.2], [-0.9, 1.6, -0.5], [0.2, -0.5, 1.0]])
MODEL = pbits.GaussianModel(A, [1.0, 0.0, -0.5])
WELL = pbits.QuarticModel([1.0], [1.0])
SHORT = pbits.Schedule(n_samples=4, n_warmup=2, chains=3)
OTHERS = {"in turn": {"order": "in turn"}, "coarse": {"random_bits": 4, "weight_bits": 8, "register_bits": 8}}


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", list(OTHERS))
def test_other_walks_conform(name, check):
    check(LatticeWalk(**OTHERS[name]))


def test_run_tells_the_clock_from_the_mapping():
    schedule = pbits.Schedule(n_samples=2000, chains=50)
    coarse = pbits.run(MODEL, LatticeWalk(headroom=4.0, move=1.0), schedule, seed=1).errors
    assert coarse.mapping == 0
    assert coarse.clock > 0.003
    assert coarse.sampling < 5 * coarse.floor
    in_turn = pbits.run(MODEL, LatticeWalk(headroom=4.0, move=1.0, order="in turn"), schedule, seed=1).errors
    assert in_turn.clock < 1e-12
    assert in_turn.faithful
    rounded = pbits.run(MODEL, LatticeWalk(weight_bits=4, order="in turn"), schedule, seed=1).errors
    assert rounded.mapping > 0.01
    assert rounded.faithful is False


def test_a_step_is_the_slowest_relaxation_time_in_whole_updates():
    notes = pbits.run(MODEL, LatticeWalk(), SHORT, seed=1).record["notes"]
    slowest = 1 / np.linalg.eigvalsh(A)[0]
    assert notes["step_tau"] == pytest.approx(slowest, rel=1e-12)
    assert notes["updates_per_step"] * notes["update_tau"] == pytest.approx(slowest, rel=1e-12)
    # The default lattice: σ²/4 over the largest root mean square of the drift.
    assert notes["lattice"] == pytest.approx(2 / 4 / np.sqrt(A.max()))
    assert 2 * notes["update_tau"] / notes["lattice"] ** 2 <= 0.5
    assert 2 * notes["update_tau"] / notes["lattice"] ** 2 > 0.4


def test_steps_are_those_that_are_asked_for():
    def notes(machine, **schedule):
        wanted = pbits.Schedule(n_samples=2, n_warmup=0, chains=1, **schedule)
        return pbits.run(MODEL, machine, wanted, seed=1).record["notes"]

    assert notes(LatticeWalk(), step_tau=0.3)["step_tau"] == pytest.approx(0.3, rel=1e-12)
    fixed = LatticeWalk(step=0.01, clock_hz=1e6)
    assert notes(fixed, step_tau=0.3)["updates_per_step"] == 30
    assert notes(fixed, step_s=12e-6)["step_tau"] == pytest.approx(0.12)
    with pytest.raises(pbits.NotMappable, match=r"30.5 times the 0.01 δt of an update.* nearest is 0.3$"):
        notes(fixed, step_tau=0.305)
    with pytest.raises(pbits.NotMappable, match=r"12.3 times the 1e-06 seconds of an update.* nearest is 1.2e-05"):
        notes(fixed, step_s=12.3e-6)
    with pytest.raises(pbits.NotMappable, match="clock is not stated"):
        notes(LatticeWalk(), step_s=1e-6)
    in_turn = LatticeWalk(step=0.01, clock_hz=1e6, order="in turn")
    assert notes(in_turn, step_s=12e-6)["updates_per_step"] == 4


def test_what_is_counted_and_how_long_it_takes():
    schedule = pbits.Schedule(n_samples=4, n_warmup=3, steps_per_sample=2, chains=5, step_tau=0.2)
    machine = LatticeWalk(step=0.01, clock_hz=1e6, word_s=1e-7, read_s=1e-5, random_bits=16)
    run = pbits.run(MODEL, machine, schedule, seed=1, initial=np.zeros(3))
    updates = 11 * 20 * 5
    assert run.counts == {
        "update": 3 * updates,
        "random_bit": 16 * 3 * updates,
        "multiply_add": 9 * updates,
        "read": 3 * 4 * 5,
        "write": 9 + 2 + 3 * 5,
    }
    assert run.device_time_s == pytest.approx(updates * 1e-6 + (11 + 15) * 1e-7 + 20 * 1e-5)
    assert run.phases["sampling"] + run.phases["warm-up"] == pytest.approx(updates * 1e-6)
    assert "times_not_stated" not in run.record["notes"]
    unstated = pbits.run(MODEL, LatticeWalk(clock_hz=1e6), SHORT, seed=1)
    assert unstated.device_time_s is None
    assert unstated.record["notes"]["times_not_stated"] == ["word_s", "read_s"]
    hosted = pbits.PotentialModel(1, lambda x: (x**2).sum(-1), lambda x: 2 * x)
    # A function has no weights that would be written.
    assert pbits.run(hosted, LatticeWalk(), SHORT, seed=1).record["notes"]["times_not_stated"] == ["clock_hz", "read_s"]


def test_prices_are_the_users():
    def joules(value):
        return Parameter(value=value, unit="J", evidence=Evidence.ASSUMED, note="of this test")

    prices = PriceTable(
        boundary="core",
        operations={name: joules(1e-15) for name in ("update", "random_bit", "multiply_add", "read", "write")},
        power={"active": Included(in_="update")},
    )
    run = pbits.run(MODEL, LatticeWalk(prices=prices), SHORT, seed=1)
    assert pbits.price(run).joules == pytest.approx(1e-15 * sum(run.counts.values()))
    assert pbits.price(pbits.run(MODEL, "normal-cn101", SHORT, seed=1)).joules is None


def test_a_quartic_pair_is_sampled():
    pair = pbits.QuarticModel([1.0, 1.0], [1.0, 0.5], [[0, 0.4], [0.4, 0]], [0.1, 0.0])
    schedule = pbits.Schedule(n_samples=1, n_warmup=40, chains=40_000, beta=2.0)
    run = pbits.run(pair, LatticeWalk(lattice=0.1, move=0.5), schedule, seed=3)
    law, x = pbits.exact(pair, 2.0), run.states[:, 0]
    spread = np.sqrt(np.diag(law.covariance))
    # The lattice is off by less than 0.3 %, and 40,000 draws know a mean to 0.005 of its spread.
    assert (np.abs(x.mean(axis=0) - law.mean) < 5 * spread / 200).all()
    squares = x**2
    assert (
        np.abs(squares.mean(axis=0) / np.diag(law.correlation) - 1) < 5 * squares.std(axis=0) / 200 / 0.7 + 3e-3
    ).all()
    assert run.errors is None


def test_a_potential_is_computed_by_the_host_and_says_so():
    hosted = pbits.PotentialModel(1, lambda x: np.cosh(x).sum(-1), lambda x: np.sinh(x))
    run = pbits.run(hosted, LatticeWalk(), pbits.Schedule(n_samples=50, n_warmup=5, chains=2000), seed=1)
    notes = run.record["notes"]
    assert run.counts["host_gradient"] == 2000 * 55 * notes["updates_per_step"]
    assert run.counts["multiply_add"] == 0
    assert "host" in notes["drift"]
    law = LatticeWalk().compile(hosted, pbits.Schedule()).law(1.0)
    mean, covariance = law.moments
    assert abs(covariance[0, 0] - pbits.exact(hosted).covariance[0, 0]) < 0.02
    x = run.states[..., 0]
    # Draws a relaxation time apart are worth at least a quarter of as many.
    assert abs(x.mean() - mean[0]) < 5 * np.sqrt(covariance[0, 0] / (x.size / 4))
    assert abs((x**2).mean() - covariance[0, 0]) < 5 * (x**2).std() / np.sqrt(x.size / 4)


def test_the_rate_of_escape_is_that_of_the_walk():
    beta, chains = 8.0, 20_000
    machine = LatticeWalk(lattice=0.1, step=0.01)
    schedule = pbits.Schedule(n_samples=2, n_warmup=0, steps_per_sample=4, step_tau=1.0, beta=beta, chains=chains)
    run = pbits.run(WELL, machine, schedule, seed=2, initial=[1.0])
    early, late = run.states[:, :, 0].mean(axis=0)
    program = machine.compile(WELL, schedule)
    rate = program.walk.rates(WELL, beta)[1]
    # After 4 time constants all but the slowest decay is over.
    error = run.states[:, 1, 0].std() / np.sqrt(chains) / late / 4 * 1.5
    assert abs(np.log(early / late) / 4 - rate) < 5 * error
    assert error < 0.1 * rate


def test_clipped_chances_are_told():
    notes = pbits.run(MODEL, LatticeWalk(headroom=1.0), SHORT, seed=1).record["notes"]
    assert notes["clipped_share"] > 0.1
    law = LatticeWalk(headroom=1.0).compile(MODEL, SHORT).law(1.0)
    assert law.kind == "unknown"
    assert "chances are clipped" in law.note
    narrow = LatticeWalk(register_bits=4).compile(MODEL, SHORT).law(1.0)
    assert "a register ends" in narrow.note
    coarse = LatticeWalk(random_bits=4).compile(MODEL, SHORT).law(1.0)
    assert "take more random bits" in coarse.note
    # In the middle of the well no chance reaches a quarter, and nothing moves.
    still = LatticeWalk(lattice=0.02, move=0.2, random_bits=2).compile(WELL, SHORT).law(1.0)
    assert still.kind == "unknown"
    assert "falls apart" in still.note


def test_an_anneal_ends_cold():
    schedule = pbits.Schedule.anneal(sweeps=30, beta_start=0.5, beta_stop=50.0, chains=200)
    run = pbits.run(MODEL, LatticeWalk(), schedule, seed=1)
    off = run.states[:, 0] - MODEL.mean
    assert (off.std(axis=0) < 0.3).all()
    assert run.record["notes"]["moved_share"] < 0.5


def test_what_cannot_run_is_refused():
    def why(model=MODEL, schedule=None, **machine):
        return "; ".join(LatticeWalk(**machine).limits(model, schedule))

    hosted = pbits.PotentialModel(1, lambda x: (x**2).sum(-1), lambda x: 2 * x)
    assert "order='together'" in why(hosted, order="in turn")
    assert "3 sites and the machine 2" in why(max_sites=2)
    assert "β above 0" in why(schedule=pbits.Schedule(beta=0.0))
    assert "chance σ²δt/δx²" in why(step=1.0, lattice=0.1)
    assert "weights of 2 bits hold no such model" in why(weight_bits=2)
    assert "correlated" in why(pbits.DiffusionModel(np.eye(2), D=[[1.0, 0.5], [0.5, 1.0]]))
    assert "overshoots" in why(pbits.GaussianModel(np.ones((40, 40)) + 0.01 * np.eye(40)), headroom=1.0, move=1.0)
    assert "real values" in why(pbits.IsingModel([[0, 1], [1, 0]]))
    with pytest.raises(ValueError, match="outside the registers"):
        pbits.run(MODEL, LatticeWalk(register_bits=6), SHORT, initial=[100.0, 0, 0])
    for wrong, match in (
        ({"order": "both"}, "order is 'both'"), ({"move": 0.0}, "move is 0"), ({"headroom": -1.0}, "headroom is -1"),
        ({"max_sites": 0}, "max_sites is 0"), ({"random_bits": 1}, "random_bits is 1"), ({"lattice": -1.0}, "lattice"),
        ({"random_bits": 7.5}, "random_bits is 7.5; it must be a whole"), ({"max_sites": 2.5}, "max_sites is 2.5"),
        ({"weight_bits": 7.5}, "weight_bits is 7.5"), ({"register_bits": 8.0}, "register_bits is 8.0"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            LatticeWalk(**wrong)


def test_the_announced_chip_states_nothing_that_was_not_announced():
    machine = pbits.load("normal-cn101")
    assert pbits.run(MODEL, machine, SHORT, seed=1).record["notes"]["order"] == "together"
    assert "random bits: not stated" in machine.capabilities.unchecked
    assert machine.spec.description.count("1000 times") == 1
    assert all(price.value is None for price in machine.prices.operations.values())


def test_a_file_chooses_the_walk(tmp_path):
    (tmp_path / "mine.toml").write_text(
        """
schema = 1
name = "mine"
title = "A walk"
physics = "langevin"
date = "2026-11-22"
description = "Of this test."
illustrative = true
[parameters]
circuit = "walk"
order = "in turn"
clock = { value = "100 MHz", evidence = "assumed", note = "Of this test." }
random_bits = { value = 8, evidence = "assumed", note = "Of this test." }
""",
        encoding="utf-8",
    )
    machine = from_spec(read_machine(tmp_path / "mine.toml"))
    notes = pbits.run(MODEL, machine, SHORT, seed=1).record["notes"]
    assert (notes["order"], notes["random_bits"], notes["weight_bits"]) == ("in turn", 8, None)
    assert notes["step_s"] == pytest.approx(3 * notes["updates_per_step"] * 1e-8)
