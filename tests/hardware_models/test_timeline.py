import pytest

from hardware_models.timeline import Work, play


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
