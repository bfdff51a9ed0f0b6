"""The sampling cell: Kirchhoff at its bias node, a two-state process, and joules that add up."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.special import expit

import pbits
from hardware_models import CATALOGUE
from hardware_models.gibbs.cell import CONSTANTS, Cell, against_quoted, wire_pitches
from pbits.mapping import Grid
from pbits.parameters import Evidence, Figure, Included, Parameter, read_sources

CELL = Cell.published()
PLAIN = Cell(
    supply_v=0.2, signal_v=0.1, clock_v=0.3, slope_v=0.04, pitch_m=1e-6, wire_f_per_m=1e-10, leg_capacitance_f=1e-15,
    tau_bias_s=1e-8, tau_rng_s=5e-8, random_bit_joules=1e-16,
)  # fmt: skip
PAIR = pbits.IsingModel.from_edges(2, [(0, 1)], [0.3])
TABLE = {
    "G8": (5.123106, 230.09),
    "G12": (18.576730, 834.31),
    "G16": (32.396568, 1454.98),
    "G20": (39.104772, 1756.25),
    "G24": (41.340840, 1856.68),
    "Z1": (10.964725, 492.44),
}
"""Of arXiv:2510.23972 at 103.408 mV: Σ√(a² + b²) over the rules, and aJ of all wires of a cell."""


def attojoules(figure):
    return figure.value * 1e18


@st.composite
def models(draw, most=6):
    """Networks whose couplings and fields have any sign."""
    n = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    J = np.triu(rng.normal(size=(n, n)), 1) * (rng.random((n, n)) < 0.7)
    return pbits.IsingModel(J + J.T, rng.normal(size=n) * draw(st.sampled_from([0.0, 1.0])))


# ---- the bias network ----


@given(models(), st.floats(0.05, 1))
def test_a_settled_cell_with_the_legs_of_a_model_is_its_p_bit(model, share):
    beta = share * min(PLAIN.largest_beta(model), 5.0)
    legs = PLAIN.legs(model, beta)
    everything = legs.straight.toarray().sum(1) + legs.inverted.toarray().sum(1) + legs.up + legs.down
    np.testing.assert_allclose(everything, 1, atol=1e-12)
    assert (
        min(legs.straight.data.min(initial=0), legs.inverted.data.min(initial=0), legs.up.min(), legs.down.min()) >= 0
    )
    states = pbits.exact(model).states
    inputs = states @ model.csr.toarray() + model.h
    theta = PLAIN.drive(PLAIN.settled_v(legs.gamma(states)))
    np.testing.assert_allclose(theta, 2 * beta * inputs, atol=1e-10)
    np.testing.assert_allclose(PLAIN.response(theta), expit(2 * beta * inputs), atol=1e-10)
    np.testing.assert_allclose(PLAIN.bias_load(theta), 4 * legs.gamma(states) * (1 - legs.gamma(states)), atol=1e-10)
    np.testing.assert_array_equal(legs.gamma(states[0]), legs.gamma(states)[0])


def test_a_bias_node_obeys_kirchhoff():
    """The node of three legs, its current into the capacitor and its watts from the supply, resistor by resistor."""
    model = pbits.IsingModel.from_edges(3, [(0, 1), (0, 2)], [0.3, -0.5], [0.2, 0, 0])
    legs, state = PLAIN.legs(model, 1.0), np.array([1, 1, 1])
    farads = PLAIN.node_capacitance("G8").value
    assert farads == pytest.approx(10e-15)
    siemens = farads / 1e-8 * np.array([legs.straight[0, 1], legs.inverted[0, 2], legs.up[0], legs.down[0]])
    pulled = np.array([1, 0, 1, 0])
    assert legs.straight[0, 1] == pytest.approx(4 * 0.3 / 5)
    gamma = legs.gamma(state)[0]
    settled = PLAIN.settled_v(gamma)
    assert (siemens * (0.2 * pulled - settled)).sum() == pytest.approx(0, abs=1e-18)
    from_supply = (siemens * 0.2 * pulled * (0.2 * pulled - settled)).sum()
    assert PLAIN.static_w(gamma, "G8") == pytest.approx(from_supply)
    # dV/dt of the closed form is the current into the capacitor.
    start, tiny = 0.05, 1e-14
    moved = (PLAIN.settle(start, gamma, tiny) - start) / tiny
    assert moved == pytest.approx((siemens * (0.2 * pulled - start)).sum() / farads, rel=1e-5)
    assert PLAIN.settle(start, gamma, 1e-6) == pytest.approx(settled)
    assert PLAIN.settle(start, gamma, math.inf) == pytest.approx(settled)


def test_what_does_not_fit_says_which_sites_and_what_would():
    chain = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [0.5, -1.0], [0.1, 0.0, 0.0])
    np.testing.assert_allclose(PLAIN.loads(chain, 0.5), [1.2, 3.0, 2.0])
    assert PLAIN.swing == pytest.approx(5)
    assert PLAIN.largest_beta(chain) == pytest.approx(5 / 6)
    assert PLAIN.overloaded(chain, 1.0).tolist() == [1]
    assert PLAIN.overloaded(chain, PLAIN.largest_beta(chain)).tolist() == []
    assert PLAIN.legs(chain, PLAIN.largest_beta(chain)).up[1] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="of 1 of 3 sites is above V_dd/V_s = 5, of site 1 6; β may be at most 0.8333"):
        PLAIN.legs(chain, 1.0)
    assert PLAIN.largest_beta(pbits.IsingModel.from_edges(2, np.empty((0, 2), dtype=int), [])) == math.inf


def test_a_directed_network_has_the_legs_of_its_rows():
    directed = pbits.DirectedModel([[0, 0.5], [0, 0]], [0.0, 0.3])
    np.testing.assert_allclose(PLAIN.loads(directed, 1.0), [2.0, 1.2])
    legs = PLAIN.legs(directed, 1.0)
    theta = PLAIN.drive(PLAIN.settled_v(legs.gamma([[1, -1]])))
    np.testing.assert_allclose(theta, [[-1.0, 0.6]])


# ---- the random bit ----


@given(st.floats(-4, 4), st.floats(0, 1), st.floats(0, 3e-7))
def test_the_random_bit_relaxes_as_its_rates_say(theta, up, seconds):
    rise, fall = PLAIN.rates_per_s(theta)
    generator = np.array([[-rise, rise], [fall, -fall]])
    later = np.array([1 - up, up]) @ expm(generator * seconds)
    assert PLAIN.relax(up, theta, seconds) == pytest.approx(later[1], abs=1e-12)
    assert rise / (rise + fall) == pytest.approx(PLAIN.response(theta))
    assert rise + fall == pytest.approx(1 / 5e-8)


# ---- joules ----


@pytest.mark.parametrize("rules", TABLE)
def test_wires_are_as_long_and_cost_as_much_as_published(rules):
    pitches, joules = TABLE[rules]
    farads = CELL.wire_capacitance(rules).value
    assert farads == pytest.approx(4 * 350e-18 * 6 * pitches, rel=1e-6)
    assert attojoules(CELL.update_joules(rules).wires) == pytest.approx(joules, abs=0.006)


def test_an_update_costs_the_published_sum():
    found = CELL.update_joules("G12")
    parts = [attojoules(part) for part in (found.rng, found.bias, found.clock, found.wires)]
    np.testing.assert_allclose(parts, [350, 93.57, 17.54, 834.31], rtol=1e-3)
    assert attojoules(found.total) == pytest.approx(1295.4, abs=0.1)
    assert found.total.evidence is Evidence.ASSUMED
    assert found.rng.evidence is Evidence.MEASURED


def test_activity_is_what_is_paid():
    full, idle = CELL.update_joules("G12"), CELL.update_joules("G12", toggle=0.0, gamma=1.0)
    assert (idle.wires.value, idle.bias.value) == (0, 0)
    assert idle.total.value == pytest.approx(full.rng.value + full.clock.value)
    half = CELL.update_joules("G12", toggle=0.5, gamma=0.25)
    assert half.wires.value == pytest.approx(full.wires.value / 2)
    assert half.bias.value == pytest.approx(full.bias.value * 0.75)
    assert CELL.update_joules("G12", bias_s=2e-7).bias.value == pytest.approx(2 * full.bias.value)
    assert full.bias.value == pytest.approx(float(CELL.static_w(0.5, "G12")) * 1e-7)


@pytest.mark.parametrize(("torus", "rows", "columns"), [(False, 7, 5), (True, 8, 12), (False, 30, 24)])
@pytest.mark.parametrize("rules", ["G8", "G12", "Z1"])
def test_wires_of_a_grid_are_those_to_the_neighbours_it_has(rules, torus, rows, columns):
    grid = Grid.named(rules, rows, columns, torus)
    expected = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            others = set()
            for a, b in grid.steps:
                if torus:
                    others.add(((r + b) % rows, (c + a) % columns))
                elif 0 <= r + b < rows and 0 <= c + a < columns:
                    others.add((r + b, c + a))
            for r2, c2 in others - {(r, c)}:
                down, right = abs(r - r2), abs(c - c2)
                if torus:
                    down, right = min(down, rows - down), min(right, columns - right)
                expected[r, c] += math.hypot(down, right)
    np.testing.assert_allclose(wire_pitches(grid), expected.ravel())
    mean = PLAIN.wire_capacitance(grid).value
    assert mean == pytest.approx(1e-16 * expected.mean())
    if not torus:
        assert mean < PLAIN.wire_capacitance(rules).value
        if rows == 30:
            middle = expected[14, 11]
            assert PLAIN.wire_capacitance(rules).value == pytest.approx(1e-16 * middle)


def test_a_line_along_a_side_is_a_row_of_pitches():
    assert PLAIN.line_joules(70).value == pytest.approx(0.5 * 70 * 1e-16 * 0.1**2)
    # Start states and read-out, at most two lines a cell and layer, are a thousandth of 250 sweeps.
    assert 2 * CELL.line_joules(70).value / (250 * CELL.update_joules("G12").total.value) < 0.006


# ---- prices ----


def test_prices_of_what_a_run_counts_add_up_to_an_update():
    found, prices = CELL.update_joules("G12", toggle=0.3, gamma=0.2), CELL.prices("G12").operations
    total = prices["update"].value + 0.3 * prices["toggle"].value + 4 * 0.2 * 0.8 * prices["bias_load"].value
    assert total == pytest.approx(found.total.value)
    assert CELL.prices("G12", phase_s=1e-8).operations["bias_load"].value == pytest.approx(
        prices["bias_load"].value / 10
    )
    assert prices["random_bit"] == prices["weight_read"] == Included(in_="update")
    assert prices["read"].value is prices["write"].value is CELL.prices("G12").power["idle"].value is None


def test_a_price_is_as_weak_as_its_weakest_constant_and_as_wide_as_all_together():
    prices = CELL.prices("Z1").operations
    assert {name: prices[name].evidence for name in ("update", "toggle", "bias_load")} == dict.fromkeys(
        ("update", "toggle", "bias_load"), Evidence.ASSUMED
    )
    assert "fitted to extropic-dtca-g12" in prices["bias_load"].note
    assert "fitted" not in prices["toggle"].note
    volts = Figure.of(CONSTANTS["signal_v"])
    ends = (CELL.wire_capacitance("Z1").high * volts.high**2 / 2, CELL.wire_capacitance("Z1").low * volts.low**2 / 2)
    assert (prices["toggle"].high, prices["toggle"].low) == pytest.approx(ends)
    metered = Parameter(value=1e-10, unit="F/m", evidence=Evidence.MEASURED, source="somebody")
    known = dataclasses.replace(PLAIN, wire_f_per_m=metered).prices("G12").operations["toggle"]
    assert (known.evidence, known.source) == (Evidence.DERIVED, "somebody")
    assert PLAIN.prices("G12").operations["toggle"].evidence is Evidence.ASSUMED


def test_what_is_not_stated_has_no_price_and_no_physics():
    unknown = Parameter(value=None, unit="V", note="nobody says")
    cell = dataclasses.replace(PLAIN, slope_v=unknown, signal_v=unknown)
    assert cell.prices("G12").operations["toggle"].value is None
    assert cell.update_joules("G12").total.value is None
    assert cell.prices("G12").operations["bias_load"].value is not None
    with pytest.raises(ValueError, match="slope_v of this cell is not stated"):
        cell.drive(0.1)
    with pytest.raises(ValueError, match="leg_capacitance_f or tau_bias_s is not stated"):
        dataclasses.replace(PLAIN, tau_bias_s=Figure(None, None, None, None)).static_w(0.5, "G12")


# ---- beside what is quoted ----


def test_the_fit_is_marked_as_one_and_the_other_quotes_are_not():
    rows = against_quoted(CELL)
    assert [(row.rules, row.machine) for row in rows if row.fitted] == [("G12", "extropic-dtca-g12")]
    ratios = {row.machine: row.ratio.value for row in rows if row.ratio is not None}
    assert ratios["extropic-dtca-g12"] == pytest.approx(1295.4 / 1300, rel=1e-4)
    assert ratios["extropic-dtca-g12-2fj"] == pytest.approx(1295.4 / 2000, rel=1e-4)
    assert ratios["extropic-z1"] == pytest.approx((350 + 18 / 14 * 93.566 + 17.54 + 492.44) / 7090, rel=1e-4)
    assert not any(row.fitted for row in against_quoted(PLAIN))
    assert {row.rules for row in rows if row.ratio is None} == {"G8", "G16", "G20", "G24"}


def test_what_was_fitted_is_the_bias_network_alone():
    found = CELL.update_joules("G12")
    rest = attojoules(found.rng + found.clock + found.wires)
    assert rest == pytest.approx(1201.85, abs=0.1)
    assert set(CELL.fitted_to) == {"leg_capacitance_f", "tau_bias_s"}
    assert all("fitted" in CONSTANTS[name].note for name in CELL.fitted_to)


def test_every_constant_says_where_it_is_from():
    sources = read_sources(CATALOGUE / "sources.toml")
    assert {constant.source for constant in CONSTANTS.values()} - {""} <= sources.keys()
    measured = {name for name, constant in CONSTANTS.items() if constant.evidence is Evidence.MEASURED}
    assert measured == {"tau_rng_s", "random_bit_joules"}


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: dataclasses.replace(PLAIN, pitch_m=0.0), "pitch_m is 0"),
        (lambda: dataclasses.replace(PLAIN, pitch_m=math.inf), "positive and finite"),
        (lambda: dataclasses.replace(PLAIN, tau_rng_s=CONSTANTS["supply_v"]), "tau_rng_s is in V"),
        (lambda: dataclasses.replace(PLAIN, fitted_to={"voltage": "x"}), "no constant of a cell"),
        (lambda: PLAIN.update_joules("G12", toggle=1.5), "toggle is 1.5"),
        (lambda: PLAIN.update_joules("G12", gamma=-0.1), "gamma is -0.1"),
        (lambda: PLAIN.update_joules("G12", bias_s=-1.0), "legs conduct is -1.0; it must be at least 0"),
        (lambda: PLAIN.update_joules("G12", bias_s=CONSTANTS["supply_v"]), "legs conduct is in V; it must be in s"),
        (lambda: PLAIN.prices("G12", phase_s=math.nan), "legs conduct is nan"),
        (lambda: PLAIN.update_joules("G13"), "no grid rules are named"),
        (lambda: PLAIN.legs(PAIR, math.nan), "beta is nan; it must be finite and at least 0"),
        (lambda: PLAIN.legs(PAIR, -0.5), "beta is -0.5"),
        (lambda: PLAIN.overloaded(PAIR, -0.5), "beta is -0.5"),
        (lambda: PLAIN.loads(PAIR, math.inf), "beta is inf"),
        (lambda: PLAIN.relax(0.5, 1.0, -1e-9), "seconds is -1e-09; it must be at least 0"),
        (lambda: PLAIN.relax(0.5, 1.0, math.nan), "seconds is nan"),
        (lambda: PLAIN.settle(0.1, 0.5, -1e-9), "seconds is -1e-09; it must be at least 0"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()
