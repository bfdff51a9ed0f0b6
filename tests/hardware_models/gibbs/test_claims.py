"""The published energy is rebuilt, and every assumption moves it by what arithmetic says."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_models.gibbs.claims import numbers, published, stairs, swaps
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


def test_the_stairs_only_go_down_and_end_below_one():
    claims = list(stairs(CLAIM).values())
    ratios = [claim.ratio.value for claim in claims]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] == CLAIM.ratio.value
    last = claims[-1]
    seconds = 8 * 800 * 2 * 10e-9 / 55 + 8 * 1.0 / 1000
    assert last.device_time_s.value == pytest.approx(seconds)
    joules = 8 * 800 * 4900 * 7.09e-15 + 8 * 884 * 1.692e-12 + 8 * 4900 * 153.6e-12 * 55 / 1000 + 3.136 * seconds
    assert last.machine_joules.value == pytest.approx(joules)
    assert ratios[-1] == pytest.approx(1.3e-4 / joules)
    assert ratios[-1] < 1


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


@pytest.mark.parametrize("wrong", [{"side_by_side": 0}, {"samples_per_programming": 0.0}])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="must be above 0"):
        replace(CLAIM, **wrong)


def test_layers_of_their_own_are_never_rewritten():
    assert CLAIM.samples_per_programming == math.inf
    assert replace(CLAIM, write_joules=1.0, program_s=1.0).machine_joules.value == pytest.approx(12.74e-9)
