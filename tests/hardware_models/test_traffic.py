"""What steering makes an array read, write and program, worked out by hand."""

import numpy as np
import pytest

import pbits
from hardware_models.pbit import Array
from pbits.mapping import Complete, FixedPoint
from pbits.steering import Move, Policy

PAIR = pbits.IsingModel([[0, 1.0], [1.0, 0]], h=[0.25, 0])
N, CHAINS, ROUNDS = 2, 4, 5
TIMES = {"phase_s": 1e-9, "program_s": 1e-3, "read_s": 1e-6}
LADDER = (0.25, 0.5, 0.75, 1.0)
NUMBER = FixedPoint(total_bits=8, fraction_bits=4)
PROGRAM, FRAME = 1e-3, 1e-6


class Do(Policy):
    every = 2

    def __init__(self, act):
        self.act = act

    def __call__(self, now):
        return self.act(now)


def swap(now):
    """Positions 0 and 1 in the first three rounds."""
    return Move(parents=np.array([1, 0, 2, 3])) if now.step <= 6 else Move(parents=np.arange(4))


def write(now):
    """Position 2 in the first two rounds."""
    return Move(chains=np.array([2]), states=np.ones((1, N))) if now.step <= 4 else None


def both(now):
    first, second = swap(now), write(now)
    return first if second is None else Move(parents=first.parents, chains=second.chains, states=second.states)


def copy(now):
    """Position 3 goes on from position 0, which stays."""
    return Move(parents=np.array([0, 1, 2, 0])) if now.step == 2 else None


def account(act, *, copies=4, number=None, ladder=LADDER, **times):
    machine = Array(topology=Complete(N * copies), number=number, **(TIMES | times))
    plan = pbits.Schedule(n_samples=2, n_warmup=6, steps_per_sample=2, chains=CHAINS, ladder=ladder)
    run = pbits.run(PAIR, machine, plan, seed=3, steer=None if act is None else Do(act))
    return run.counts, run.phases, run.record["notes"].get("steering", {})


def frames(phases):
    return round(phases.get("start states", 0.0) / FRAME)


def programmings(phases):
    return round(phases["programming"] / PROGRAM)


def test_every_round_reads_every_chain_and_a_draw_that_is_due_then_is_read_once():
    counts, phases, notes = account(lambda now: None)
    # Ten steps, a round every two; the draws after steps 8 and 10 fall on rounds.
    assert notes["rounds"] == ROUNDS
    assert counts["read"] == ROUNDS * CHAINS * N
    assert phases["read-out"] == pytest.approx(ROUNDS * FRAME)
    assert counts["write"] == CHAINS * N
    assert (programmings(phases), frames(phases)) == (1, 0)


def test_where_no_beta_is_stored_swaps_cost_nothing_more():
    quiet, busy = account(lambda now: None), account(swap)
    assert busy[0]["write"] == quiet[0]["write"]
    assert busy[1] == quiet[1]
    assert "renames" in busy[2]["swaps"]
    assert busy[2]["chains_swapped"] == 3 * 2


def test_replaced_and_copied_states_are_written():
    counts, phases, notes = account(write)
    assert counts["write"] == CHAINS * N + 2 * N
    assert (frames(phases), notes["states_replaced"]) == (2, 2)
    counts, phases, notes = account(copy)
    assert counts["write"] == CHAINS * N + N
    assert (frames(phases), notes["states_replaced"], notes["chains_swapped"]) == (1, 1, 0)


def test_where_beta_is_stored_the_faster_way_to_swap_is_counted():
    # A frame of states is faster than a programming here: six states in three frames.
    counts, phases, notes = account(swap, number=NUMBER)
    assert "states are swapped" in notes["swaps"]
    assert (programmings(phases), frames(phases)) == (1, 3)
    assert counts["write"] == CHAINS * N + 6 * N
    # And slower there: three programmings of two copies each.
    counts, phases, notes = account(swap, number=NUMBER, read_s=1.0)
    assert "programmed with the other's" in notes["swaps"]
    assert programmings(phases) == 1 + 3
    assert "start states" not in phases
    assert counts["write"] == CHAINS * N + 6 * N
    # A frame that is written anyway carries swapped states at no time of its own.
    counts, phases, notes = account(both, number=NUMBER)
    assert (programmings(phases), frames(phases)) == (1, 3)
    assert counts["write"] == CHAINS * N + (2 + 6) * N


def test_times_that_are_not_stated_leave_states_to_be_swapped():
    counts, phases, notes = account(swap, number=NUMBER, program_s=None, read_s=None)
    assert "states are swapped" in notes["swaps"]
    assert counts["write"] == CHAINS * N + 6 * N
    assert phases["programming"] is None


@pytest.mark.parametrize(("number", "settings"), [(None, 1), (NUMBER, ROUNDS)])
def test_batches_take_turns_in_every_round(number, settings):
    """Two copies, four chains: after each round but the last every state is put back."""
    counts, phases, notes = account(both, copies=2, number=number)
    assert frames(phases) == 2 * (ROUNDS - 1)
    assert programmings(phases) == (1 if number is None else 2 * settings)
    programmed = 2 if number is None else CHAINS * settings
    assert counts["write"] == N * programmed + N * CHAINS * (ROUNDS - 1)
    assert counts["read"] == ROUNDS * CHAINS * N
    assert phases["read-out"] == pytest.approx(2 * ROUNDS * FRAME)
    assert "put back in every round" in notes["swaps"]


def test_a_processor_computes_energies_in_place():
    machine = "gpu-h100-sxm"
    plan = pbits.Schedule(n_samples=2, n_warmup=6, steps_per_sample=2, chains=CHAINS, ladder=LADDER)
    plain, steered = (pbits.run(PAIR, machine, plan, seed=3, steer=policy) for policy in (None, Do(both)))
    more = {name: steered.counts[name] - plain.counts[name] for name in ("flop", "byte", "read")}
    # A coupling takes two operations and each of two fields two; a round reads it (8 bytes) and four states.
    assert more["flop"] == ROUNDS * CHAINS * (2 + 2 * N)
    assert more["byte"] == ROUNDS * (8 + CHAINS * N) + 2 * N
    assert more["read"] == 0
    assert steered.device_time_s > plain.device_time_s


def test_a_ladder_that_is_stored_takes_a_programming_for_each_batch():
    """Without steering, too; where all chains have one β, one programming serves every batch."""
    _, phases, notes = account(None, copies=2, number=NUMBER)
    assert (programmings(phases), notes) == (2, {})
    counts, phases, _ = account(None, copies=2, number=NUMBER, ladder=(0.5,) * 4)
    assert programmings(phases) == 1
    assert counts["write"] == 2 * N
