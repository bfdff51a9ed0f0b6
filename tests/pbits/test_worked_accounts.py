"""Accounts worked by hand: every number below is typed from the printed prices, none is read from the code."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.parameters import BOUNDARIES, Evidence, Figure, Parameter, PriceTable, Uplift

RING = pbits.IsingModel.from_edges(16, [(k, (k + 1) % 16) for k in range(16)], 1.0)


def grid(side):
    """An open square lattice."""
    index = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        [
            np.column_stack([index[:, :-1].ravel(), index[:, 1:].ravel()]),
            np.column_stack([index[:-1].ravel(), index[1:].ravel()]),
        ]
    )
    return pbits.IsingModel.from_edges(side * side, pairs, 1.0)


def test_an_fpga_board_with_read_out():
    """fpga-kv260: 10.85 pJ an update net of the idle board, 581 pJ a read, 3.136 W all the time.

    16 sites, 100 sweeps in 4 chains side by side: 6400 updates in 100 · 20 ns; 50 draws a chain: 3200 reads. The time
    of programming is not stated, and the total is a bound of what is known, at the low ends of the ranges.
    """
    run = pbits.run(grid(4), "fpga-kv260", pbits.Schedule(n_samples=50, n_warmup=50, chains=4), seed=1)
    assert run.counts["update"] == 6400
    assert run.counts["read"] == 3200
    ledger = pbits.price(run)
    rows = {row.item: row for row in ledger.rows}
    assert rows["update"].joules == pytest.approx(6400 * 10.85e-12, rel=1e-9)
    assert rows["read"].joules == pytest.approx(3200 * 581e-12, rel=1e-9)
    assert ledger.joules is None
    assert ledger.lower_bound == pytest.approx(6400 * 9.91e-12 + 3200 * 469e-12 + 3.051 * 2e-6, rel=1e-9)


def test_a_gibbs_array_from_cell_to_facility():
    """An array whose prices are given here, from the chip to the facility by uplifts that are given here.

    chip   1e6 · 2 fJ + 1e3 · 2 pJ + 1e2 · 150 pJ + 10 mW · 1 ms
    board  × 1.2 + 5 W · 1 ms
    wall   × 1.1
    facility × 1.5
    """
    run = _bare({"update": 1e6, "read": 1e3, "write": 1e2}, active_s=1e-3)
    chip = 1e6 * 2e-15 + 1e3 * 2e-12 + 1e2 * 150e-12 + 10e-3 * 1e-3
    board = chip * 1.2 + 5 * 1e-3
    wall = board * 1.1
    expected = {"chip": chip, "board": board, "wall": wall, "facility": wall * 1.5}
    prices = _table({"update": 2e-15, "read": 2e-12, "write": 150e-12}, active_w=10e-3)
    uplifts = {"board": {"factor": 1.2, "power_w": 5.0}, "wall": {"factor": 1.1}, "facility": {"factor": 1.5}}
    for boundary, joules in expected.items():
        ledger = pbits.price(run, boundary, prices=prices, uplifts=uplifts)
        assert ledger.joules == pytest.approx(joules, rel=1e-9)
        assert ledger.account.value == pytest.approx(joules, rel=1e-9)
        assert ledger.boundary == boundary
    for boundary in ("cell", "core"):
        assert pbits.price(run, boundary, prices=prices).joules is None
    assert pbits.price(run, "wall", prices=prices, uplifts={"board": {"factor": 1.2}}).joules is None


def test_a_processor_pays_watts_times_seconds():
    """gpu-h100-sxm: 490 W while it works, 95 W of which it would draw idle."""
    run = pbits.run(RING, "gpu-h100-sxm", pbits.Schedule(n_samples=10, n_warmup=0, chains=8), seed=1)
    ledger = pbits.price(run)
    assert ledger.joules == pytest.approx(490.0 * run.device_time_s, rel=1e-9)
    assert ledger.net_of_idle == pytest.approx((490.0 - 95.0) * run.device_time_s, rel=1e-9)
    assert ledger.interval[0] == pytest.approx(70.0 * run.device_time.low, rel=1e-9)
    assert ledger.interval[1] == pytest.approx(700.0 * run.device_time.high, rel=1e-9)


def test_an_analog_circuit_pays_converters_and_cells():
    """Words through the converters, and cells, amplifiers and noise sources by the second, at prices given here."""
    model = pbits.GaussianModel([[2.0, 0.5, 0.1], [0.5, 1.5, 0.2], [0.1, 0.2, 1.0]])
    run = pbits.run(model, "langevin-rc-illustrative", pbits.Schedule(n_samples=20, n_warmup=5, chains=2), seed=1)
    per_second = {"cell_second": 1e-6, "noise_second": 2e-6, "amplifier_second": 3e-6}
    per_word = {"dac": 4e-11, "adc": 5e-11, "read": 6e-12}
    counted = {item: run.counts[item] for item in per_word}
    assert counted["adc"] == counted["read"] == 20 * 2 * 3
    sampled_s = run.counts["cell_second"] / 3
    prices = _table({**per_second, **per_word}, active_w=1e-3)
    expected = (
        counted["dac"] * 4e-11
        + 120 * 5e-11
        + 120 * 6e-12
        + 3 * sampled_s * (1e-6 + 2e-6)
        + run.counts["amplifier_second"] * 3e-6
        + 1e-3 * run.device_time_s
    )
    assert pbits.price(run, prices=prices).joules == pytest.approx(expected, rel=1e-9)


def test_per_effective_sample_and_per_solution():
    """Ten of forty chains succeed: R99 = ln 0.01 / ln 0.75 = 16.008 chains, each a fortieth of the joules."""
    schedule = pbits.Schedule.anneal(sweeps=5, beta_start=0.1, beta_stop=1.0, chains=40)
    run = replace(_bare({"update": 4e6}, active_s=0.0), schedule=schedule)
    energies = np.full((40, 1), 1.0)
    energies[:10] = -1.0
    run = replace(run, energies=energies, trace=replace(run.trace, energies=energies))
    ledger = pbits.price(run, prices=_table({"update": 1e-12}))
    assert ledger.joules == pytest.approx(4e-6, rel=1e-9)
    assert ledger.per_solution(-1.0) == pytest.approx(1e-7 * math.log(0.01) / math.log(0.75), rel=1e-9)
    assert ledger.per_solution(-2.0) is None
    most = 1 - 0.05 ** (1 / 40)
    low = 4e-6 / 1.1
    assert ledger.per_solution_at_least(-2.0) == pytest.approx(low / 40 * math.log(0.01) / math.log1p(-most), rel=1e-9)


# --- properties ---

ITEMS = ("update", "read", "write")
COUNTS = st.fixed_dictionaries({item: st.floats(0, 1e9) for item in ITEMS})
PRICES = st.fixed_dictionaries({item: st.floats(1e-16, 1e-9) for item in ITEMS})


@given(first=COUNTS, second=COUNTS, prices=PRICES, seconds=st.tuples(st.floats(0, 10), st.floats(0, 10)))
@settings(max_examples=50, deadline=None)
def test_joules_are_additive_over_runs(first, second, prices, seconds):
    table = _table(prices, active_w=2.0)
    uplifts = {"board": {"factor": 1.3, "power_w": 4.0}}
    both = {item: first[item] + second[item] for item in ITEMS}

    def joules(counts, active_s):
        return pbits.price(_bare(counts, active_s=active_s), "board", prices=table, uplifts=uplifts).joules

    whole = joules(both, sum(seconds))
    assert whole == pytest.approx(joules(first, seconds[0]) + joules(second, seconds[1]), rel=1e-9, abs=1e-30)


@given(counts=COUNTS, prices=PRICES, item=st.sampled_from(ITEMS), dearer=st.floats(1, 100))
@settings(max_examples=50, deadline=None)
def test_joules_rise_with_every_price(counts, prices, item, dearer):
    run = _bare(counts, active_s=1.0)
    cheap = pbits.price(run, prices=_table(prices))
    dear = pbits.price(run, prices=_table({**prices, item: prices[item] * dearer}))
    assert dear.joules >= cheap.joules * (1 - 1e-12)
    assert dear.interval[1] >= cheap.interval[1] * (1 - 1e-12)


@given(counts=COUNTS, prices=PRICES, order=st.permutations(ITEMS))
@settings(max_examples=50, deadline=None)
def test_the_order_of_prices_and_of_pricing_does_not_matter(counts, prices, order):
    run = _bare(counts, active_s=1.0)
    there, back = _table(prices), _table({item: 2 * price for item, price in prices.items()})
    first = pbits.price(run, prices=there)
    pbits.price(run, prices=back)
    again = pbits.price(run, prices=_table({item: prices[item] for item in order}))
    assert again.joules == first.joules
    shuffled = replace(run, counts={item: run.counts[item] for item in order})
    assert pbits.price(shuffled, prices=there).joules == pytest.approx(first.joules, rel=1e-12)


@given(counts=COUNTS, prices=PRICES, boundary=st.sampled_from(BOUNDARIES[2:]))
@settings(max_examples=50, deadline=None)
def test_the_formula_is_the_total(counts, prices, boundary):
    uplifts = {"board": {"factor": 1.2, "power_w": 3.0}, "wall": {"power_w": 1.0}, "facility": {"factor": 1.4}}
    ledger = pbits.price(_bare(counts, active_s=0.5), boundary, prices=_table(prices, active_w=1.0), uplifts=uplifts)
    assert ledger.account.value == pytest.approx(ledger.joules, rel=1e-12)
    # The ends of all ranges together lie outside what chance makes of them; 2 % for the quantiles of 2000 draws.
    spread = ledger.account.monte_carlo(2000)
    assert ledger.interval[0] * 0.98 <= spread.low <= spread.high <= ledger.interval[1] * 1.02


def test_the_spread_of_a_total_is_that_of_its_prices():
    """One price of a factor of three: the 95 % interval of the total is its ends."""
    run = _bare({"update": 1e6}, active_s=0.0)
    price = Parameter(value=2e-15, unit="J", evidence=Evidence.SIMULATED, source="key")
    ledger = pbits.price(run, prices=PriceTable(boundary="chip", operations={"update": price}))
    assert ledger.spread.low == pytest.approx(2e-9 / 3, rel=0.02)
    assert ledger.spread.high == pytest.approx(6e-9, rel=0.02)
    assert ledger.spread is ledger.spread


def test_a_factor_of_a_wider_boundary_is_never_below_one():
    factor = Parameter(value=1.02, unit="1", low=1.0, high=1.5, evidence=Evidence.ASSUMED, note="n")
    prices = replace(_table({"update": 1e-12}), uplifts={"board": Uplift(factor=factor)})
    ledger = pbits.price(_bare({"update": 1.0}, active_s=0.0), "board", prices=prices)
    assert ledger.spread.values.min() >= 1e-12 / 1.1 * 0.5
    board = next(one for one in ledger.account.inputs.values() if "board" in one.key)
    assert board.at(np.array([-9.0]))[0] == 1.0


def test_what_is_not_stated_has_no_account():
    prices = PriceTable(boundary="chip", operations={"update": Parameter(value=None, unit="J", note="nobody")})
    ledger = pbits.price(_bare({"update": 1.0}, active_s=0.0), prices=prices)
    assert ledger.account is None
    assert ledger.spread is None
    nothing = pbits.price(_bare({"update": 0.0}, active_s=0.0), prices=prices)
    assert nothing.joules == 0.0
    assert nothing.account.value == 0.0


_ONE = pbits.run(RING, "ideal", pbits.Schedule(n_samples=4, n_warmup=0, chains=1), seed=1)


def _bare(counts, *, active_s):
    return replace(
        _ONE, counts=counts, power_times={"active": Figure.of(active_s)}, device_time=Figure.of(active_s), prices=None
    )


def _table(joules, active_w=1e-30):
    def known(value, unit):
        return Parameter(value=value, unit=unit, evidence=Evidence.MEASURED, source="key")

    return PriceTable(
        boundary="chip",
        operations={item: known(value, "J") for item, value in joules.items()},
        power={"active": known(active_w, "W")},
    )
