"""Exchanges over links: closed forms for one transfer, ways, and what waits for what."""

import math

import pytest

from hardware_models.timeline import Link, exchange

NARROW = Link(bits=4, clock_hz=1e8, latency_s=3e-8)
LINE = {(k, k + 1): NARROW for k in range(3)}


def test_a_transfer_takes_whole_clocks_and_the_latency():
    done = exchange({(0, 1): 9}, LINE)
    assert done.seconds == pytest.approx(3 / 1e8 + 3e-8)
    assert done.link_bits == 9


def test_a_link_serves_both_directions_at_once():
    done = exchange({(0, 1): 8, (1, 0): 16}, LINE)
    assert done.arrivals == pytest.approx({(0, 1): 5e-8, (1, 0): 7e-8})


def test_a_transfer_is_passed_on_from_chip_to_chip_and_counts_on_each_link():
    done = exchange({(0, 3): 8}, LINE)
    assert done.seconds == pytest.approx(3 * (2 / 1e8 + 3e-8))
    assert done.link_bits == 24


def test_transfers_that_share_a_link_wait_for_its_wires_and_not_for_its_latency():
    # Both start at once; that of chip 0 reaches chip 1 at 4e-8, when the wires to chip 2 have been free since 5e-8.
    done = exchange({(0, 2): 4, (1, 2): 20}, LINE)
    assert done.arrivals == pytest.approx({(1, 2): 8e-8, (0, 2): 5e-8 + 1e-8 + 3e-8})


def test_the_shortest_way_is_taken():
    ring = {**LINE, (3, 0): NARROW}
    assert exchange({(0, 3): 4}, ring).seconds == pytest.approx(4e-8)
    assert exchange({(1, 3): 4}, ring).link_bits == 8


def test_the_narrowest_link_of_a_way_is_slowest():
    links = {(0, 1): Link(bits=54, clock_hz=1e8), (1, 2): Link(bits=26, clock_hz=1e8)}
    assert exchange({(0, 2): 1369}, links).seconds == pytest.approx((26 + 53) / 1e8)


def test_nothing_to_send_takes_no_time():
    assert exchange({}, LINE).seconds == 0
    assert exchange({(0, 1): 0}, LINE).arrivals == {}


def test_chips_without_a_way_are_refused():
    with pytest.raises(ValueError, match="chip 0 has spins that chip 5 needs, and no links lead there"):
        exchange({(0, 5): 1}, LINE)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bits": 0}, "carries 0 bits"),
        ({"bits": 2.5}, "carries 2.5 bits"),
        ({"clock_hz": 0.0}, "clock of 0.0 Hz"),
        ({"clock_hz": math.inf}, "clock of inf Hz"),
        ({"latency_s": math.inf}, "latency of inf s"),
        ({"latency_s": -1e-9}, "latency of -1e-09 s"),
    ],
)
def test_links_that_never_deliver_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Link(**{"bits": 1, "clock_hz": 1e8, **wrong})
