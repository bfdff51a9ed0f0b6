"""Accounts: formulas, their spread against closed forms, and what they hang on."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbits.accounts import Account, Input, Spread, group_of, slug, total
from pbits.parameters import Evidence, Figure, Parameter

Z = 1.959963984540054


def uncertain(key, value, factor, group="", **more):
    return Input(key=key, label=key, value=value, low=value / factor, high=value * factor, group=group, **more)


def exact(key, value):
    return Input(key=key, label=key, value=value, low=value, high=value)


# --- formulas ---


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("a + b * c", 2 + 3 * 5),
        ("(a + b) * c", 25),
        ("a - b - c", -6),
        ("c / b / a", 5 / 6),
        ("a ** b ** 2", 2**9),
        ("-a + +b", 1),
        ("min(a, c) * max(b, 4)", 8),
        ("exp(log(a)) + sqrt(b ** 2) + log1p(0)", 5),
        ("1e3 * a", 2000),
    ],
)
def test_formulas_mean_what_they_say(formula, value):
    inputs = [exact("a", 2.0), exact("b", 3.0), exact("c", 5.0)]
    assert Account(formula, inputs).value == pytest.approx(value, rel=1e-14)


def _arithmetic(leaves):
    joined = st.tuples(leaves, st.sampled_from("+-*/"), leaves)
    return joined.map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})")


FORMULAS = st.recursive(st.sampled_from(["a", "b", "c", "2.5"]), _arithmetic, max_leaves=12)
POSITIVE = st.floats(0.1, 10)


@given(formula=FORMULAS, a=POSITIVE, b=POSITIVE, c=POSITIVE)
@settings(max_examples=100, deadline=None)
def test_formulas_agree_with_python(formula, a, b, c):
    names = {"a": a, "b": b, "c": c}
    try:
        expected = eval(formula, {"__builtins__": {}}, names)
    except ZeroDivisionError:
        return
    account = Account(formula, [exact(name, value) for name, value in names.items()])
    assert account.value == pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert walk(json.loads(json.dumps(account.tree())), names) == pytest.approx(expected, rel=1e-12, abs=1e-300)
    again = Account.from_dict(json.loads(json.dumps(account.to_dict())))
    assert again.value == account.value
    assert again.inputs == account.inputs


def walk(tree, names):
    """A second reader of the tree, as a page would write it."""
    if isinstance(tree, str):
        return names[tree]
    if not isinstance(tree, list):
        return tree
    left, right = (walk(operand, names) for operand in tree[1:])
    return {"+": left + right, "-": left - right, "*": left * right}[tree[0]] if tree[0] != "/" else left / right


@pytest.mark.parametrize(
    "formula",
    ["a +", "a if a else a", "__import__('os')", "a.real", "a[0]", "sin(a)", "min(a)", "True", "'a'", "a < a"],
)
def test_what_is_no_arithmetic_is_refused(formula):
    with pytest.raises(ValueError, match="arithmetic expression|cannot stand in a formula"):
        Account(formula, [exact("a", 1.0)])


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="names b; the inputs are a"):
        Account("a + b", [exact("a", 1.0)])
    account = Account("a", [exact("a", 1.0)])
    for call in (lambda: account.evaluate({"b": 1}), lambda: account.replaced(b=1.0), lambda: account.break_even("b")):
        with pytest.raises(ValueError, match="no input b here"):
            call()


def test_inputs_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="hold the value"):
        Input(key="a", label="a", value=3.0, low=1.0, high=2.0)
    with pytest.raises(ValueError, match="hold the value"):
        Input(key="a", label="a", value=math.nan, low=1.0, high=2.0)
    with pytest.raises(ValueError, match="log-normal"):
        Input(key="a", label="a", value=1.0, low=0.0, high=2.0)
    with pytest.raises(ValueError, match="between 1 and"):
        Input(key="a", label="a", value=0.5, low=0.5, high=0.5, least=1.0)
    for key in ("a b", "1a", "min", ""):
        with pytest.raises(ValueError, match="cannot stand in a formula"):
            exact(key, 1.0)
    with pytest.raises(ValueError, match="is not stated"):
        Input.of(Parameter(value=None, unit="J", note="nobody"), "a", "the read-out")


def test_a_parameter_brings_its_range_and_its_source():
    price = Parameter(value=2.0, unit="J", evidence=Evidence.SIMULATED, source="key", locator="p. 3", note="n")
    one = Input.of(price, "update", "an update")
    assert (one.low, one.high) == (2.0 / 3, 6.0)
    assert (one.unit, one.source, one.locator, one.note) == ("J", "key", "p. 3", "n")
    assert one.group == "key, simulated"
    assert Input.of(Figure(2.0, 1.0, 3.0, Evidence.DERIVED), "t").evidence is Evidence.DERIVED
    assert Input.of(7.0, "n").exact


def test_what_moves_together():
    def graded(evidence, **more):
        return Parameter(value=1.0, unit="J", evidence=evidence, source="key", note="n", **more)

    assert group_of(graded(Evidence.SIMULATED)) == "key, simulated" != group_of(graded(Evidence.MEASURED))
    assert group_of(graded(Evidence.ASSUMED)) == ""
    assert group_of(graded(Evidence.ASSUMED, group="supply voltage")) == "supply voltage"
    assert slug("gpu-h100-sxm power.active") == "gpu_h100_sxm_power_active"
    assert slug("2 fJ").isidentifier()


# --- spread ---


def test_a_product_has_the_spread_of_its_closed_form():
    """Factors f_i at 95 % make exp √Σ (ln f_i)²; with 400,000 draws a quantile at 2.5 % of a standard normal errs by
    0.004, so 2 % of the logarithm is five of its standard errors."""
    factors = [1.5, 3.0, 10.0]
    account = Account("a * b / c", [uncertain(key, 2.0, factor) for key, factor in zip("abc", factors)])
    spread = account.monte_carlo(400_000, seed=3)
    expected = math.sqrt(sum(math.log(factor) ** 2 for factor in factors))
    assert math.log(spread.high / 2) == pytest.approx(expected, rel=0.02)
    assert -math.log(spread.low / 2) == pytest.approx(expected, rel=0.02)
    assert math.log(spread.median / 2) == pytest.approx(0, abs=0.01 * expected)
    # P(X > level) of a log-normal.
    level = 5.0
    z = math.log(level / 2) / (expected / Z)
    assert spread.above(level) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=0.004)
    assert spread.above(level) + spread.below(level) == 1.0


def test_a_lopsided_range_keeps_its_ends():
    one = Input(key="a", label="a", value=490.0, low=70.0, high=700.0)
    spread = Account("a", [one]).monte_carlo(400_000)
    assert (spread.low, spread.median, spread.high) == pytest.approx((70.0, 490.0, 700.0), rel=0.03)


def test_inputs_of_one_group_move_together():
    apart = Account("a / b", [uncertain("a", 1.0, 3.0), uncertain("b", 1.0, 3.0)])
    together = Account("a / b", [uncertain("a", 1.0, 3.0, "one"), uncertain("b", 1.0, 3.0, "one")])
    assert together.monte_carlo().high == pytest.approx(1.0, rel=1e-12)
    assert apart.monte_carlo().high > 4
    assert together.tornado()[0].keys == ("a", "b")
    assert together.tornado()[0].low == pytest.approx(together.tornado()[0].high)


def test_bounds_hold_in_every_draw():
    factor = uncertain("a", 1.05, 1.2, least=1.0)
    share = uncertain("b", 0.9, 1.3, most=1.0)
    spread = Account("a", [factor]).monte_carlo()
    assert spread.values.min() == 1.0
    assert Account("b", [share]).monte_carlo().values.max() == 1.0


def test_an_input_more_moves_no_other():
    a, b, c = uncertain("a", 1.0, 2.0), uncertain("b", 1.0, 5.0), uncertain("c", 1.0, 1.01)
    two = Account("a * b", [a, b]).monte_carlo(1000, seed=4).values
    three = Account("c * b * a", [c, b, a]).monte_carlo(1000, seed=4).values
    np.testing.assert_allclose(three / two, Account("c", [c]).monte_carlo(1000, seed=4).values, rtol=1e-12)
    assert not np.array_equal(two, Account("a * b", [a, b]).monte_carlo(1000, seed=5).values)


def test_the_same_seed_gives_the_same_spread():
    account = Account("a + b", [uncertain("a", 1.0, 2.0), uncertain("b", 3.0, 5.0)])
    first, second = account.monte_carlo(seed=1), account.monte_carlo(seed=1)
    assert isinstance(first, Spread)
    assert first.to_dict() == second.to_dict()
    with pytest.raises(ValueError, match="at least 100"):
        account.monte_carlo(draws=10)
    with pytest.raises(ValueError, match="read-only"):
        first.values[0] = 0


@pytest.mark.parametrize("formula", ["n * a * b / c", "n * a + b + t * c"])
def test_the_interval_covers_what_it_says(formula):
    """Truths drawn by another generator about the stated numbers: 95 % of 4000 fall inside, ±1.4 % (four standard
    errors, a false alarm in 16,000)."""
    rng = np.random.default_rng(8)
    known = {"a": (2.0, 3.0), "b": (0.5, 10.0), "c": (4.0, 1.5), "t": (2.0, 1.1)}
    inputs = [exact("n", 7.0), *(uncertain(key, *numbers) for key, numbers in known.items())]
    spread = Account(formula, inputs).monte_carlo(seed=2)
    truth = {key: v * f ** (rng.standard_normal(4000) / Z) for key, (v, f) in known.items()}
    values = eval(formula, {"__builtins__": {}}, {"n": 7.0, **truth})
    inside = np.mean((values > spread.low) & (values < spread.high))
    assert inside == pytest.approx(0.95, abs=0.014)


def test_the_interval_covers_a_fixed_truth_of_noisy_sources():
    """The other way round: one truth, stated with errors; each statement's interval is asked whether it holds it. For a
    product both are the same; 1000 statements give ±2.8 % at four standard errors."""
    rng = np.random.default_rng(9)
    truth, factors = {"a": 2.0, "b": 5.0}, {"a": 3.0, "b": 2.0}
    inside = 0
    for k in range(1000):
        stated = {key: value * factors[key] ** (rng.standard_normal() / Z) for key, value in truth.items()}
        account = Account("a / b", [uncertain(key, stated[key], factors[key]) for key in truth])
        spread = account.monte_carlo(4000, seed=k)
        inside += spread.low < 0.4 < spread.high
    assert inside / 1000 == pytest.approx(0.95, abs=0.028)


# --- what it hangs on ---


def test_a_tornado_shares_the_spread_of_a_product_by_its_squares():
    account = Account("n * a / b", [exact("n", 5.0), uncertain("a", 2.0, 3.0), uncertain("b", 4.0, 10.0)])
    first, second = account.tornado()
    assert (first.keys, second.keys) == (("b",), ("a",))
    squares = {"a": math.log(3.0) ** 2, "b": math.log(10.0) ** 2}
    assert first.share == pytest.approx(squares["b"] / sum(squares.values()), rel=1e-12)
    assert (first.low, first.high) == pytest.approx((25.0, 0.25))
    assert (second.low, second.high) == pytest.approx((2.5 / 3, 7.5))
    assert sum(swing.share for swing in account.tornado()) == pytest.approx(1.0)


def test_a_tornado_of_what_may_be_below_zero_takes_differences():
    account = Account("a - b", [uncertain("a", 1.0, 2.0), uncertain("b", 1.0, 4.0)])
    first, second = account.tornado()
    assert first.keys == ("b",)
    assert first.share == pytest.approx(3.75**2 / (3.75**2 + 1.5**2))
    assert second.high == pytest.approx(1.0)


def test_break_even_agrees_with_the_closed_form():
    inputs = [exact("chip", 1e-6), exact("host", 0.0), exact("s", 1e-3), exact("rival", 5e-3)]
    ratio = Account("rival / (chip + host * s)", inputs)
    assert ratio.break_even("host") == pytest.approx((5e-3 - 1e-6) / 1e-3, rel=1e-9)
    assert ratio.break_even("host", 100.0) == pytest.approx((5e-3 / 100 - 1e-6) / 1e-3, rel=1e-9)
    assert ratio.break_even("host", 1e9) is None
    assert ratio.break_even("chip") == pytest.approx(5e-3, rel=1e-9)


def test_break_even_stays_within_bounds_and_takes_the_nearest():
    duty = Input(key="d", label="duty", value=0.5, low=0.5, high=0.5, most=1.0)
    assert Account("2 * d", [duty]).break_even("d", 1.5) == pytest.approx(0.75)
    assert Account("2 * d", [duty]).break_even("d", 3.0) is None
    hump = Account("x * exp(-x)", [exact("x", 5.0)])
    found = hump.break_even("x", 0.2)
    assert found == pytest.approx(2.542641, rel=1e-6)
    assert hump.replaced(x=0.01).break_even("x", 0.2) == pytest.approx(0.259171, rel=1e-5)


def test_a_pole_is_no_break_even():
    gone = Account("1 / (1 - d)", [exact("d", 0.5)])
    assert gone.break_even("d", 4.0) == pytest.approx(0.75, rel=1e-9)
    assert gone.break_even("d", -1.0) == pytest.approx(2.0, rel=1e-9)
    assert Account("1 / (1 - d) + d * 0", [exact("d", 0.999)]).break_even("d", 1e-40) is None


# --- joining ---


def test_accounts_share_what_is_the_same_and_keep_apart_what_is_not():
    a, other = uncertain("price", 2.0, 3.0), uncertain("price", 5.0, 3.0)
    one, same, different = (Account("3 * price", [entry]) for entry in (a, a, other))
    assert (one / same).monte_carlo().high == pytest.approx(1.0)
    ratio = one / different
    assert ratio.value == pytest.approx(0.4)
    assert set(ratio.inputs) == {"price", "price_2"}
    assert (one + different - 6.0).value == pytest.approx(15.0)
    assert (one * -2).value == -12.0
    assert total([one, same, different]).value == pytest.approx(27.0)
    with pytest.raises(ValueError, match="no accounts"):
        total([])


@given(values=st.lists(POSITIVE, min_size=2, max_size=5), factor=st.floats(1.01, 20))
@settings(max_examples=50, deadline=None)
def test_sums_do_not_depend_on_their_order(values, factor):
    accounts = [Account("x", [uncertain("x", value, factor)]) for value in values]
    forth, back = total(accounts), total(accounts[::-1])
    assert forth.value == pytest.approx(back.value, rel=1e-12)
    assert forth.value == pytest.approx(sum(values), rel=1e-12)


@pytest.mark.parametrize("literal", ["1e6", "1.e6", "1.5e6"])
def test_the_exponent_of_a_number_is_no_name(literal):
    left = Account("2 * e6", [Input(key="e6", label="a", value=3.0, low=3.0, high=3.0)])
    right = Account(f"{literal} * e6", [Input(key="e6", label="b", value=5.0, low=5.0, high=5.0)])
    assert (left + right).value == 6 + float(literal) * 5


def test_an_input_may_be_replaced():
    account = Account("a * b", [uncertain("a", 2.0, 3.0, unit="J"), exact("b", 5.0)])
    changed = account.replaced(a=Parameter(value=7.0, unit="J", evidence=Evidence.MEASURED, source="key"))
    assert changed.value == 35.0
    assert changed.inputs["a"].evidence is Evidence.MEASURED
    assert account.replaced(a=4.0).inputs["a"].exact
    assert account.value == 10.0


def test_the_evidence_is_the_weakest():
    a = uncertain("a", 1.0, 2.0, evidence=Evidence.MEASURED)
    b = uncertain("b", 1.0, 2.0, evidence=Evidence.DERIVED)
    assert Account("a + b", [a, b]).evidence is Evidence.DERIVED
    assert Account("a", [a, b]).evidence is Evidence.MEASURED
    assert Account("2", []).evidence is None


@pytest.mark.parametrize("formula", ["1 / (a - a)", "log(a - a)", "(a - 2 * a) ** 0.5"])
def test_what_is_not_finite_is_no_value(formula):
    with pytest.raises(ValueError, match="comes to"):
        Account(formula, [exact("a", 1.0)]).value  # noqa: B018
