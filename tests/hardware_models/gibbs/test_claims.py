"""The published energy is rebuilt, and every assumption moves it by what arithmetic says."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_models.gibbs.cell import CONSTANTS
from hardware_models.gibbs.claims import copies, numbers, published, stairs, swaps
from pbits.parameters import Evidence, Figure, Parameter

CLAIM = published()


def test_a_layer_costs_what_was_published():
    per_layer = replace(CLAIM, layers=1).machine_joules
    assert per_layer.value == pytest.approx(1.5925e-9)
    assert per_layer.value == pytest.approx(250 * 70**2 * 1.3e-15)
    assert CLAIM.machine_joules.value == pytest.approx(12.74e-9)
    assert replace(CLAIM, update_joules=2e-15).machine_joules.value == pytest.approx(19.6e-9)
    assert replace(CLAIM, sweeps=800).machine_joules.value == pytest.approx(40.77e-9, rel=1e-4)


def test_the_ratios_of_the_paper_come_out():
    found = {name: claim.ratio.value for name, claim in swaps(CLAIM).items()}
    assert CLAIM.ratio.value == pytest.approx(1.0e4, rel=0.03)
    assert found["rival: auto-encoder of FID 30.5"] == pytest.approx(4.8e3, rel=0.01)
    assert found["rival: auto-encoder of FID 17.9"] == pytest.approx(2e5, rel=0.03)
    # 8 kW at 186 updates a nanosecond are 43 nJ an update, 3.3e7 times 1.3 fJ.
    assert found["rival: thrml, the same updates on 8 B200"] == pytest.approx(43.01e-9 / 1.3e-15, rel=1e-3)
    assert found["rival: as many bit-packed updates on a V100"] == pytest.approx(300 / 383e9 / 1.3e-15)


def test_each_swap_is_one_change_by_hand():
    nano = {name: claim.machine_joules.value * 1e9 for name, claim in swaps(CLAIM).items()}
    expected = {
        "cell: wires paid by toggles, at ½": 9.8e6 * 0.878263e-6,
        "line: start and read by the published formula": 12.74 + 8 * (4900 + 884) * 0.7860e-6,
        "cell: 2 fJ, the paper's main text": 19.6,
        "K: a phase of one τ forgets 1 − 1/e": 12.74 / 0.6321206,
        "read: data cells of each layer, at Z1's price": 12.74 + 8 * 884 * 1.692e-3,
        "K: 800, as the images were made": 40.768,
        "cell: 7.09 fJ, Z1's simulation": 69.482,
        "cell: 13 fJ, a later text": 127.4,
        "write: layers in turn, 1,000 samples each": 12.74 + 8 * 4900 * 0.1536 / 1000,
        "write: layers in turn, one sample": 12.74 + 8 * 4900 * 0.1536,
        "board: one like a KV260's, idle": 12.74 + 3.136 * 8 * 250 * 2 * 100,
    }
    for name, joules in nano.items():
        assert joules == pytest.approx(expected.get(name, 12.74), rel=1e-4), name


def test_the_stairs_go_down_but_for_the_clock_and_end_below_one():
    chain = stairs(CLAIM)
    *_, slow, fast, last = chain.values()
    ratios = {name: claim.ratio.value for name, claim in chain.items()}
    rising = ratios.pop("phases of 10 ns, Z1's clock")
    assert list(ratios.values()) == sorted(ratios.values(), reverse=True)
    assert ratios["as published"] == CLAIM.ratio.value
    core = 8 * 800 * 4900 * 7.09e-15 + 8 * 884 * 1.692e-12 + 8 * 4900 * 153.6e-12 * 48 / 1000
    for claim, phase_s, programming_s in ((slow, 100e-9, 0), (fast, 10e-9, 0), (last, 10e-9, 8 * 1.0 / 1000)):
        seconds = 8 * (800 * 2 * phase_s + 25e-6) / 48 + programming_s
        assert claim.device_time_s.value == pytest.approx(seconds)
        assert claim.machine_joules.value == pytest.approx(core + 3.136 * seconds)
        assert claim.ratio.value == pytest.approx(1.3e-4 / (core + 3.136 * seconds))
    assert last.ratio.value < 1 < slow.ratio.value < rising


def test_frames_take_time_that_copies_share():
    read = replace(CLAIM, read_s=25e-6)
    assert read.device_time_s.value - CLAIM.device_time_s.value == pytest.approx(8 * 25e-6)
    assert replace(read, side_by_side=10).device_time_s.value == pytest.approx(read.device_time_s.value / 10)
    assert read.machine_joules == CLAIM.machine_joules
    unknown = replace(CLAIM, read_s=Parameter(value=None, unit="s", note="nobody says"), overhead_w=1.0)
    assert unknown.machine_joules.value is None


@given(st.integers(1, 468))
def test_copies_are_whole_squares_on_the_chip(side):
    assert copies(side) == (468 // side) * (576 // side)


@pytest.mark.parametrize("side", [0, 469, 7.5, math.nan, Figure(None, None, None, None)])
def test_a_layer_that_does_not_fit_the_chip_is_refused(side):
    with pytest.raises(ValueError, match="must be a whole number from 1 to 468"):
        copies(side)


@given(st.integers(1, 100), st.floats(1, 1e6))
def test_at_the_break_even_power_the_rival_takes_as_many_joules(side_by_side, samples):
    claim = replace(
        CLAIM, side_by_side=side_by_side, samples_per_programming=samples, write_joules=1e-13, program_s=1e-3
    )
    watts = claim.break_even_w
    if watts > 0:
        assert replace(claim, overhead_w=watts).ratio.value == pytest.approx(1)


def test_a_ratio_is_as_weak_as_its_weakest_number_and_as_wide_as_all_together():
    assert CLAIM.ratio.evidence is Evidence.ASSUMED
    metered = Parameter(value=1e-4, unit="J", low=0.9e-4, high=1.2e-4, evidence=Evidence.MEASURED, source="somebody")
    known = replace(CLAIM, rival_joules=metered)
    # The phases are no part of the joules, so that they are derived does not count.
    assert known.ratio.evidence is Evidence.VENDOR_CLAIM
    low, high = numbers()["update, appendix"].interval
    assert known.ratio.low == pytest.approx(0.9e-4 / (9.8e6 * high))
    assert known.ratio.high == pytest.approx(1.2e-4 / (9.8e6 * low))


def test_what_is_not_stated_leaves_no_ratio():
    unknown = replace(CLAIM, overhead_w=Parameter(value=None, unit="W", note="standby is published nowhere"))
    assert unknown.ratio == Figure(None, None, None, None)
    assert replace(CLAIM, phase_s=Figure(None, None, None, None)).break_even_w is None


def test_weak_marks_are_told():
    weak = {name: number for name, number in numbers().items() if number.evidence is Evidence.ASSUMED}
    assert all("memory" in number.note for number in weak.values())
    assert sum(name.startswith("auto-encoder") for name in weak) == 4


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"side_by_side": 0}, "side_by_side is 0; it must be a whole number of copies, at least 1"),
        ({"side_by_side": 2.5}, "side_by_side is 2.5"),
        ({"samples_per_programming": 0.0}, "must be above 0"),
        ({"samples_per_programming": math.nan}, "samples_per_programming is nan"),
        ({"sweeps": -1}, "sweeps is -1; it must be positive and finite"),
        ({"layers": 0}, "layers is 0; it must be positive"),
        ({"phase_s": math.inf}, "phase_s is inf"),
        ({"rival_joules": math.nan}, "rival_joules is nan"),
        ({"read_s": -1e-6}, "read_s is -1e-06; it must be at least 0 and finite"),
        ({"overhead_w": -1.0}, "overhead_w is -1.0"),
        ({"update_joules": CONSTANTS["tau_rng_s"]}, "update_joules is in s; it must be in J"),
        ({"layers": CONSTANTS["supply_v"]}, "layers is in V; it must be in 1"),
    ],
)
def test_what_cannot_be_is_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        replace(CLAIM, **wrong)


def test_layers_of_their_own_are_never_rewritten():
    assert CLAIM.samples_per_programming == math.inf
    assert replace(CLAIM, write_joules=1.0, program_s=1.0).machine_joules.value == pytest.approx(12.74e-9)
