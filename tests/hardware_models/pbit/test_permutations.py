"""A machine of permutation moves: what it holds, how long it takes and what it costs."""

import numpy as np
import pytest

import pbits
from hardware_models.pbit import Permutations
from pbits import Moves
from pbits.models import Distances, PermutationModel

TOUR = PermutationModel(Distances(coordinates=np.random.default_rng(1).random((40, 2))))
MATRIX = PermutationModel(Distances(coordinates=np.random.default_rng(1).random((12, 2))).to_matrix())
TIMES = {"decision_s": 10e-9, "read_s": 2e-9, "rewrite_s": 3e-9, "frame_s": 1e-6, "program_s": 5e-6}
SHORT = pbits.Schedule(n_samples=20, n_warmup=10, chains=3, beta=3.0)


def test_it_draws_what_the_ideal_machine_draws():
    own, ideal = (pbits.run(TOUR, machine, SHORT, seed=2) for machine in (Permutations(), "ideal"))
    np.testing.assert_array_equal(own.states, ideal.states)
    assert own.device_time_s is None
    assert own.record["law"]["kind"] == "boltzmann"


def test_times_are_those_of_decisions_reads_and_rewritten_slots():
    run = pbits.run(TOUR, Permutations(**TIMES), SHORT, seed=2)
    counts = run.counts
    assert counts["update"] == 30 * 40 * 3
    moving = 10e-9 * counts["update"] + 2e-9 * counts["weight_read"] + 3e-9 * counts["reversal_step"]
    # Programmed once, and read after each of 20 draws of three chains, one chain after another.
    assert run.device_time_s == pytest.approx(moving + 5e-6 + 60 * 1e-6)
    assert counts["read"] == 20 * 3 * 40
    assert counts["write"] == 80


def test_tiles_decide_at_once():
    tiled = pbits.Schedule(n_samples=20, n_warmup=10, chains=3, beta=3.0, moves=Moves(tile=10))
    one, four, many = (
        pbits.run(TOUR, Permutations(**TIMES | {"frame_s": 0, "program_s": 0}, tiles=tiles), tiled, seed=2)
        for tiles in (1, 4, 100)
    )
    np.testing.assert_array_equal(one.states, four.states)
    assert one.device_time_s == pytest.approx(4 * four.device_time_s)
    assert four.device_time_s == pytest.approx(many.device_time_s)
    assert many.record["notes"]["tiles_at_once"] == 4


def test_short_wires_are_fewer_and_reversals_shorter():
    near = pbits.Schedule(n_samples=20, chains=3, beta=3.0, moves=Moves(reach=4))
    far = pbits.Schedule(n_samples=20, chains=3, beta=3.0)
    short, long = (pbits.run(TOUR, Permutations(**TIMES), schedule, seed=2) for schedule in (near, far))
    assert short.record["notes"]["wires"] == 40 * 4
    assert long.record["notes"]["wires"] == 40 * 20
    assert short.counts["reversal_step"] <= 5 * short.counts["toggle"]
    assert long.counts["reversal_step"] > 5 * long.counts["toggle"]


def test_the_catalogue_machine_prices_a_run():
    run = pbits.run(TOUR, "permutation-illustrative", SHORT, seed=2)
    ledger = pbits.price(run)
    assert run.record["machine"]["illustrative"]
    rows = {row.item: row.joules for row in ledger.rows}
    assert rows["update"] == pytest.approx(5e-12 * run.counts["update"])
    assert rows["reversal_step"] == pytest.approx(5e-12 * run.counts["reversal_step"])
    assert ledger.joules == pytest.approx(sum(joules for joules in rows.values() if joules))


@pytest.mark.parametrize(
    ("machine", "model", "schedule", "message"),
    [
        ({"slots": 39}, TOUR, SHORT, "40 items and the machine 39 slots"),
        ({"coordinate_places": 39}, TOUR, SHORT, "40 places and its memory holds 39"),
        ({"matrix_words": 143}, MATRIX, SHORT, "144 numbers and its memory holds 143"),
        ({"kinds": ("swap",)}, TOUR, SHORT, "wired for swap, and not for insert, reverse"),
        ({"reach": 4}, TOUR, SHORT, r"moves=pbits\.Moves\(reach=4\)"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(machine, model, schedule, message):
    with pytest.raises(pbits.NotMappable, match=message):
        pbits.run(model, Permutations(**machine), schedule)


def test_a_wire_as_long_as_half_the_ring_is_long_enough():
    assert Permutations(reach=6).limits(MATRIX, SHORT) == []
    assert Permutations(reach=4).limits(TOUR, pbits.Schedule(moves=Moves(reach=4))) == []


def test_solve_keeps_moves_within_the_wires():
    trip = pbits.problems.TravelingSalesman.random(60, 1)
    answer = pbits.solve(trip, Permutations(reach=5), budget_s=0.1, seed=1)
    assert answer.run.schedule.moves == Moves(neighbours=10, reach=5)
    assert answer.run.record["notes"]["longest_wire"] == 5


def test_the_longest_wire_spans_half_the_ring():
    run = pbits.run(TOUR, Permutations(), pbits.Schedule(n_samples=2, moves=Moves(reach=100)), seed=1)
    assert (run.record["notes"]["longest_wire"], run.record["notes"]["wires"]) == (20, 800)


def test_metropolis_is_not_its_rule():
    anneal = pbits.Schedule.anneal(sweeps=5, chains=1, rule="metropolis")
    with pytest.raises(pbits.NotMappable, match="metropolis"):
        pbits.run(TOUR, Permutations(), anneal)
    assert pbits.run(TOUR, "ideal", anneal, seed=1).energies.shape == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kinds": ()}, "must name some of"),
        ({"tiles": 0}, "tiles is 0"),
        ({"reach": 1.5}, "reach is 1.5; it must be a whole number"),
        ({"decision_s": -1.0}, "must be a finite number of seconds"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Permutations(**wrong)
