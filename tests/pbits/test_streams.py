"""Random streams: the chip apart from the run, effects apart from each other, and old draws that stay."""

import numpy as np
import pytest

from pbits.streams import STREAM_VERSION, Stream, Streams, fresh_seed

# What STREAM_VERSION 1 promises: seed 7, chip seed 3. A change here is a new STREAM_VERSION.
GOLDEN_KEYS = {
    Stream.CHIP: (2611346198, 1560805461),
    Stream.INITIAL: (2702525740, 1276124938),
    Stream.THERMAL: (1852246182, 3977788393),
    Stream.READOUT: (2721490015, 1304689795),
    Stream.SITE: (3988680786, 1317883301),
}
GOLDEN_MISMATCH = (2879931982, 3484512747, 3950872876)


def test_the_streams_of_this_version_do_not_move():
    streams = Streams(seed=7, chip_seed=3)
    assert STREAM_VERSION == 1
    assert {stream: tuple(map(int, streams.key(stream))) for stream in GOLDEN_KEYS} == GOLDEN_KEYS
    drawn = streams.generator(Stream.CHIP, "OffsetMismatch").integers(1 << 32, size=3)
    assert tuple(drawn.tolist()) == GOLDEN_MISMATCH


def test_streams_keep_the_numbers_they_were_given():
    numbers = {"CHIP": 0, "INITIAL": 1, "THERMAL": 2, "READOUT": 3, "SITE": 4}
    assert {name: int(Stream[name]) for name in numbers} == numbers


def test_all_streams_of_a_run_differ():
    keys = [Streams(seed=5, chip_seed=5).key(stream) for stream in Stream]
    assert len(set(keys)) == len(Stream)


@pytest.mark.parametrize("stream", Stream)
def test_the_chip_seed_moves_the_chip_and_nothing_else(stream):
    of_run = Streams(seed=1, chip_seed=0).key(stream) != Streams(seed=2, chip_seed=0).key(stream)
    of_chip = Streams(seed=1, chip_seed=0).key(stream) != Streams(seed=1, chip_seed=1).key(stream)
    assert (of_run, of_chip) == ((False, True) if stream is Stream.CHIP else (True, False))


def test_effects_draw_apart_and_repeat():
    streams = Streams(seed=1, chip_seed=4)
    gain, again, offset = (streams.generator(Stream.CHIP, name).random(8) for name in ("gain", "gain", "offset"))
    assert np.array_equal(gain, again)
    assert not np.isclose(gain, offset).any()


@pytest.mark.parametrize("bad", [-1, 1.0, True, "7", None])
@pytest.mark.parametrize("name", ["seed", "chip_seed"])
def test_a_seed_is_a_whole_number(name, bad):
    with pytest.raises(ValueError, match=rf"^{name} is .*whole number of at least 0"):
        Streams(**{"seed": 1, name: bad})


def test_a_seed_of_numpy_is_the_same_seed():
    streams = Streams(seed=np.uint32(7), chip_seed=np.int64(3))
    assert (type(streams.seed), type(streams.chip_seed)) == (int, int)
    assert streams.key(Stream.THERMAL) == Streams(seed=7, chip_seed=3).key(Stream.THERMAL)


def test_fresh_seeds_differ():
    # 20 seeds of 32 bits: two are alike once in 2·10⁷ runs of this test.
    assert len({fresh_seed() for _ in range(20)}) == 20
