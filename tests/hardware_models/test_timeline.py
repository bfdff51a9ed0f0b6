"""What a machine does when: closed forms, and a plain recursion over every frame."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models.clocked import ClockedProgram, Timing
from hardware_models.timeline import Cycle, Mix, Work, course, play
from pbits.parameters import Evidence, Figure
from pbits.streams import Streams
from pbits.substrate import Placement


def test_blocks_add_up_in_their_phases():
    done = play(
        [
            Work(phase="programming", seconds=2.0),
            Work(phase="sweeping", seconds=0.25, repeat=6),
            Work(phase="programming", seconds=1.0),
        ]
    )
    assert done.device_time_s == 4.5
    assert done.phases == {"programming": 3.0, "sweeping": 1.5}


@pytest.mark.parametrize("first", [None, 1.0])
def test_an_unstated_duration_makes_its_phase_and_the_total_unknown(first):
    second = 1.0 if first is None else None
    done = play(
        [
            Work(phase="read-out", seconds=first),
            Work(phase="read-out", seconds=second),
            Work(phase="sweeping", seconds=0.5),
        ]
    )
    assert done.device_time_s is None
    assert done.phases == {"read-out": None, "sweeping": 0.5}


def test_work_that_was_not_done_needs_no_duration():
    done = play([Work(phase="programming", seconds=None, repeat=0), Work(phase="sweeping", seconds=1.0)])
    assert done.device_time_s == 1.0
    assert done.phases == {"sweeping": 1.0}


def test_no_work_takes_no_time():
    assert play([]).device_time_s == 0.0


def test_a_phase_without_a_lane_is_refused():
    with pytest.raises(ValueError, match="phase is 'thinking'; it must be one of programming, start states"):
        Work(phase="thinking", seconds=1.0)


def frames(sweep, read, send, number, buffers, warm=0.0):
    works = [Work(phase="sweeping", seconds=sweep), Work(phase="read-out", seconds=read)]
    if send:
        works.append(Work(phase="transfer", seconds=send))
    warm_up = Work(phase="sweeping", seconds=warm, shown_as="warm-up")
    return play([warm_up, Cycle(works=works, repeat=number)], buffers=buffers)


# Powers of two, so that sums are exact.
@pytest.mark.parametrize(("sweep", "read", "send"), [(1.0, 4.0, 0.5), (4.0, 0.25, 1.0), (0.5, 0.5, 2.0), (2.0, 1.0, 0)])
@pytest.mark.parametrize("number", [1, 2, 300, 1_000_000])
def test_one_buffer_adds_all_and_two_wait_for_the_slowest(sweep, read, send, number):
    one, two = (frames(sweep, read, send, number, buffers, warm=8.0) for buffers in (1, 2))
    assert one.device_time_s == 8 + number * (sweep + read + send)
    # The first frame fills the pipeline, and each further one comes a period later.
    assert two.device_time_s == 8 + sweep + read + send + (number - 1) * max(sweep, read, send)
    assert two.spent == one.spent
    for done in (one, two):
        assert done.idle.value == done.device_time_s - 8 - number * sweep
        assert done.utilisation["read-out"] == number * read / done.device_time_s


def recursion(rounds, buffers):
    """When all is done, from the recursion D_i(k) = max(start_i(k) + s_i(k), D_(i+1)(k − 1)), in whole ticks."""
    cells = port = link = 0
    for before, sweep, read, send in rounds:
        ready = cells + before + sweep
        if buffers == 1:
            cells = ready + (read or 0) + (send or 0)
        elif read is None:
            cells = ready
        else:
            cells = max(ready, port)
            # Without a transfer the frame leaves the port when it is read; else when the link is free too.
            port = cells + read if send is None else max(cells + read, link)
            link = link if send is None else port + send
    return max(cells, port, link)


ticks = st.integers(0, 40)
turns = st.tuples(ticks, ticks, ticks, ticks) | st.tuples(ticks, ticks, st.none() | ticks, st.none())


def worked(turn):
    works = zip(("programming", "sweeping", "read-out", "transfer"), turn)
    return [Work(phase=phase, seconds=float(seconds)) for phase, seconds in works if seconds is not None]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    groups=st.lists(st.tuples(st.lists(turns, min_size=1, max_size=3), st.integers(1, 20)), min_size=1, max_size=2),
    batches=st.integers(1, 5),
    buffers=st.sampled_from((1, 2)),
)
def test_any_plan_ends_when_a_plain_recursion_over_all_its_frames_says(groups, batches, buffers):
    """With what repeats left out, as `play` does, and with every turn played."""
    rounds = [turn for group, repeat in groups for _ in range(repeat) for turn in group] * batches
    plan = [
        Cycle(
            repeat=batches,
            works=[Cycle(works=[work for turn in group for work in worked(turn)], repeat=n) for group, n in groups],
        )
    ]
    done = play(plan, buffers=buffers)
    assert done.device_time_s == recursion(rounds, buffers)
    whole = play([work for turn in rounds for work in worked(turn)], buffers=buffers)
    assert whole.device_time_s == done.device_time_s
    assert (whole.spent, whole.idle) == (done.spent, done.idle)
    for name, lane in done.lanes.items():
        spans = [span for span in done.spans if span.lane == name]
        assert sum(span.busy_s for span in spans) == lane.busy.value == whole.lanes[name].busy.value
        assert lane.saves_s == whole.lanes[name].saves_s
        assert all(0 <= span.start_s <= span.end_s <= done.device_time_s for span in spans)
        assert all(span.busy_s <= span.end_s - span.start_s for span in spans)
        # In one lane nothing overlaps, but for phases of alike turns that are shown together.
        shown = [(span.start_s, span.end_s) for span in spans]
        assert all(a == b or a[1] <= b[0] for a, b in pairwise(shown))
    assert sum(lane.busy.value for lane in done.lanes.values()) >= done.device_time_s - 1e-12 or buffers == 2


def test_a_frame_is_still_read_after_turns_that_were_left_out():
    """Were its read-out thought to be over, the programmings meanwhile would be alike, and left out too."""
    programmings = Cycle(works=[Work(phase="programming", seconds=1.0)], repeat=12)
    _, *frame = worked((12, 1, 20, 5))
    rounds = Cycle(works=[programmings, *frame], repeat=30)
    done = play([rounds, rounds], buffers=2)
    # The read-out lasts longest: 20 ticks against 13 of the cells.
    assert done.device_time_s == recursion([(12, 1, 20, 5)] * 60, 2) == 13 + 60 * 20 + 5
    assert max(span.end_s for span in done.spans) == done.device_time_s
    whole = play([Work(phase="programming", seconds=1.0, repeat=12), *frame] * 60, buffers=2)
    assert (whole.device_time, whole.idle) == (done.device_time, done.idle)


def test_alike_frames_are_shown_together_and_the_first_ones_singly():
    done = frames(1.0, 4.0, 2.0, 1_000_000, 2)
    assert len(done.spans) < 60
    pieces = {name: sum(span.pieces for span in done.spans if span.lane == name) for name in done.lanes}
    assert pieces == {"sampling": 1_000_000, "read-out": 1_000_000, "transfer": 1_000_000}
    reads = [span for span in done.spans if span.lane == "read-out"]
    # From the first on the port is never idle.
    assert [(span.start_s, span.end_s) for span in reads[:3]] == [(1, 5), (5, 9), (9, 13)]
    assert all(a.end_s == b.start_s for a, b in pairwise(reads))
    assert done.frame_s == {"sampling": 1.0, "read-out": 4.0, "transfer": 2.0}


def test_cells_are_programmed_when_their_frame_is_safe_and_never_while_they_sweep():
    turn = worked((3, 2, 4, None))
    one, two = (play([Cycle(works=turn, repeat=2)], buffers=buffers) for buffers in (1, 2))
    shown = [[(span.phase, span.start_s, span.end_s) for span in done.spans] for done in (one, two)]
    assert shown[0] == [
        *[("programming", 0, 3), ("sweeping", 3, 5), ("read-out", 5, 9)],
        *[("programming", 9, 12), ("sweeping", 12, 14), ("read-out", 14, 18)],
    ]
    assert shown[1] == [
        *[("programming", 0, 3), ("sweeping", 3, 5), ("read-out", 5, 9), ("programming", 5, 8)],
        *[("sweeping", 8, 10), ("read-out", 10, 14)],
    ]


def test_of_a_mix_nothing_overlaps():
    mix = Mix(works=worked((3, 2, 4, None)))
    read = Work(phase="read-out", seconds=8.0)
    # The mix reads too, so it waits for the read-out before it.
    done = play([Work(phase="sweeping", seconds=1.0), read, mix, read], buffers=2)
    assert done.device_time_s == 1 + 8 + (3 + 2 + 4) + 8
    assert {(span.start_s, span.end_s) for span in done.spans[2:5]} == {(9, 18)}


def assumed(low, value, high):
    return Figure(value, low, high, Evidence.ASSUMED)


def test_both_ends_of_the_device_time_are_played():
    # At the low ends the read-out is the slower, at the high ends the sweep.
    sweep, read = assumed(1.0, 2.0, 16.0), assumed(2.0, 4.0, 8.0)
    done = frames(sweep, read, 0, 100, 2)
    assert done.device_time == Figure(2 + 4 * 100, 1 + 2 * 100, 16 * 100 + 8, Evidence.ASSUMED)
    assert done.active == Figure(200, 100, 1600, Evidence.ASSUMED)
    # Cells wait least for the fastest read-out where their sweep is longest, and most for the slowest.
    assert done.idle == Figure(402 - 200, (1600 + 2) - 1600, (1 + 800) - 100, Evidence.ASSUMED)
    alone = frames(sweep, read, 0, 100, 1)
    assert alone.device_time == Figure(600, 300, 2400, Evidence.ASSUMED)
    assert alone.idle == Figure(400, 200, 800, Evidence.ASSUMED)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(turns=st.lists(turns, min_size=1, max_size=8), longer=st.integers(1, 9), data=st.data())
def test_no_piece_that_takes_longer_makes_the_whole_shorter(turns, longer, data):
    """What the range of the device time rests on; the cells wait no less for a slower read-out, no more for a sweep."""
    base = play([work for turn in turns for work in worked(turn)], buffers=2)
    phase = data.draw(st.sampled_from(("programming", "sweeping", "read-out", "transfer")))
    works = [work for turn in turns for work in worked(turn)]
    slower = [replace(work, seconds=work.seconds + longer) if work.phase == phase else work for work in works]
    done = play(slower, buffers=2)
    assert done.device_time_s >= base.device_time_s
    assert done.idle.value <= base.idle.value if phase == "sweeping" else done.idle.value >= base.idle.value


def test_the_bottleneck_is_the_busiest_lane_and_says_what_it_holds_up():
    done = frames(1.0, 4.0, 2.0, 100, 2)
    assert done.bottleneck == "read-out"
    assert done.device_time_s == 1 + 400 + 2
    # Free sweeps would only start the pipeline earlier; a free read-out leaves the link, which takes half as long.
    assert {name: lane.saves_s for name, lane in done.lanes.items()} == {
        "sampling": 1.0, "read-out": 403 - (1 + 200), "transfer": 2.0,
    }  # fmt: skip
    assert {name: lane.saves_s for name, lane in frames(1.0, 4.0, 2.0, 100, 1).lanes.items()} == {
        "sampling": 100, "read-out": 400, "transfer": 200,
    }  # fmt: skip


@pytest.mark.parametrize("buffers", [1, 2])
def test_an_unstated_duration_leaves_no_bottleneck_and_no_spans(buffers):
    done = frames(1.0, None, 0, 10, buffers)
    assert (done.bottleneck, done.spans, done.device_time_s, done.idle.value) == (None, (), None, None)
    assert done.utilisation == {"sampling": None, "read-out": None}
    assert done.to_dict()["lanes"]["sampling"] == {"busy_s": 10.0, "share": None, "pieces": 11, "saves_s": None}


NONE = np.array([], dtype=np.int64)


def told(plan):
    return [
        (cycle.repeat, [told([item]) if isinstance(item, Mix) else (item.phase, item.repeat) for item in cycle.works])
        if isinstance(cycle, Cycle)
        else [(work.phase, work.repeat) for work in cycle.works]
        for cycle in plan
    ]


def test_a_course_of_sweeps_keeps_the_order_of_its_looks_and_programmings():
    sweep, warm = Work(phase="sweeping", seconds=1.0, repeat=2), Work(phase="warm-up", seconds=1.0, repeat=2)
    common = {"sweep": sweep, "warm": warm, "change": Work(phase="programming", seconds=9.0)}
    common["frame"] = [Work(phase="read-out", seconds=4.0)]
    sampling = course(steps=13, looks=np.array([5, 7, 9, 11, 13]), changes=NONE, warmup=3, **common)
    assert told(sampling) == [
        (1, [("warm-up", 6), ("sweeping", 4), ("read-out", 1)]),
        (4, [("sweeping", 4), ("read-out", 1)]),
    ]
    anneal = course(steps=6, looks=np.array([6]), changes=np.array([2, 4]), warmup=0, **common)
    assert told(anneal) == [(1, [[[("programming", 2), ("sweeping", 12)]], ("read-out", 1)])]
    watched = course(steps=3, looks=np.array([1, 2, 3]), changes=np.array([1, 2]), warmup=0, **common)
    assert told(watched) == [
        (1, [("sweeping", 2), ("read-out", 1)]),
        (2, [("programming", 1), ("sweeping", 2), ("read-out", 1)]),
    ]


RING = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [1.0, -1.0, 1.0, 0.5])


def three_hundred(phase_s, buffers=1, **times):
    timing = Timing(phase_s=phase_s, program_s=1.0, read_s=25e-6, buffers=buffers, **times)
    placement = Placement(cells=np.arange(4), chip_seed=0, clamp={})
    program = ClockedProgram(RING, placement, update="chromatic", timing=timing, stores_beta=True, copies=4)
    schedule = pbits.Schedule(n_samples=300, n_warmup=100, chains=4)
    return program.execute(schedule, Streams(seed=1, chip_seed=0), None, lambda step, states: False)


@pytest.mark.parametrize("stop_at", [None, -99.0])
def test_the_cells_wait_for_the_host_to_say_whether_to_stop(stop_at):
    """With a second buffer too; no state has the energy, so all 50 sweeps are made, and without it none but the last
    is read.
    """
    placement = Placement(cells=np.arange(4), chip_seed=0, clamp={})
    schedule = pbits.Schedule.anneal(sweeps=50, beta_start=1.0, beta_stop=1.0, chains=4, stop_at=stop_at)
    times = [
        ClockedProgram(
            RING, placement, update="chromatic", copies=4,
            timing=Timing(phase_s=1.0, program_s=8.0, read_s=4.0, transfer_s=2.0, buffers=buffers),
        ).execute(schedule, Streams(seed=1, chip_seed=0), None, lambda step, states: False).device_time_s.value
        for buffers in (1, 2)
    ]  # fmt: skip
    frames = 1 if stop_at is None else 50
    assert times == [8 + 50 * 2 + frames * (4 + 2)] * 2


@pytest.mark.parametrize("phase_s", [10e-9, 1e-12, 1e-6])
def test_three_hundred_frames_cost_seven_and_a_half_milliseconds_however_fast_the_sweeps_are(phase_s):
    one, two = three_hundred(phase_s), three_hundred(phase_s, 2)
    for done in (one, two):
        assert done.phases["read-out"] == pytest.approx(7.5e-3, rel=1e-12)
        assert done.phases["sweeping"] == pytest.approx(400 * 2 * phase_s, rel=1e-12)
        assert done.seconds["active"].value == pytest.approx(800 * phase_s, rel=1e-12)
        assert done.seconds["active"].value + done.seconds["idle"].value == pytest.approx(done.device_time_s.value)
    assert one.device_time_s.value == pytest.approx(1 + 7.5e-3 + 800 * phase_s, rel=1e-12)
    # The warm-up and the sweep of the first frame; every other sweep is hidden behind a read-out.
    assert two.device_time_s.value == pytest.approx(1 + 7.5e-3 + 202 * phase_s, rel=1e-12)
    assert [span["phase"] for span in two.timeline["spans"][:4]] == ["programming", "warm-up", "sweeping", "read-out"]


def test_the_z1_waits_for_its_read_out():
    run = pbits.run(RING, "extropic-z1", pbits.Schedule(n_samples=300, n_warmup=100, chains=4), seed=1)
    assert run.phases["read-out"] == pytest.approx(7.5e-3)
    lanes = run.timeline["lanes"]
    assert run.timeline["bottleneck"] == "programming"
    assert lanes["read-out"]["saves_s"] > 900 * lanes["sampling"]["saves_s"]
    assert run.timeline["frame_s"] == {"sampling": pytest.approx(20e-9), "read-out": pytest.approx(25e-6)}


def test_a_link_to_the_host_is_timed_where_it_is_told_of():
    assert "transfer" not in three_hundred(1e-8).phases
    done = three_hundred(1e-8, transfer_s=1e-6)
    assert done.phases["transfer"] == pytest.approx(300e-6)
    assert done.device_time_s.value == pytest.approx(1 + 300 * 26e-6 + 800e-8)
    assert three_hundred(1e-8, transfer_s=None).device_time_s.value is None
    # Start states come over the link as well.
    assert Timing(read_s=2.0, transfer_s=1.0).start_s.value == 3.0


@pytest.mark.parametrize("buffers", [0, 3, 1.5, True, "two"])
def test_other_numbers_of_buffers_are_refused(buffers):
    with pytest.raises(ValueError, match=r"buffers is .*; it must be 1, where the cells wait"):
        Timing(buffers=buffers)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Work(phase="sweeping", seconds=-1.0), "sweeping takes -1.0 s"),
        (lambda: Work(phase="sweeping", seconds=math.inf), "finite"),
        (lambda: Work(phase="sweeping", seconds=1.0, repeat=-1), "repeat is -1"),
        (lambda: Cycle(works=[], repeat=-1), "repeat is -1"),
        (lambda: Cycle(works=[], repeat=1.5), "whole number"),
    ],
)
def test_work_that_cannot_be_done_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
