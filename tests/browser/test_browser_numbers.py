"""The page writes numbers as Python does."""

import random

import pytest

from pbits import report
from pbits.report.quantities import amount, chance, number, si, times

EDGES = [
    *(
        0.0,
        1.0,
        -1.0,
        999.4,
        999.5,
        999.7,
        999.95,
        1000.0,
        1000.25,
        1000.35,
        9999.95,
        99999.97,
        1e5,
        1e9,
        1e9 + 1,
        0.001,
    ),
    *(0.00099949, 0.0009995, 1.125, 1.135, 2.5, 0.125, 0.0625, 112.5, 1.25e-3, 1.125e-15, 9.995e-7, 9.994999e-7),
    *(1e-21, 9.99e-22, 1e-24, 9.999e20, 1e21, 1e308, 123456.5, 1234.5, 12345.25, -2.345e-9, -1234.5),
]


def several():
    draw = random.Random(1)
    wide = [draw.choice((1, -1)) * 10 ** draw.uniform(-30, 25) for _ in range(1500)]
    # Few binary digits, so that many lie halfway between two numbers of three digits.
    halfway = [draw.randrange(1, 4096) / 2 ** draw.randrange(12) for _ in range(1500)]
    return [*EDGES, *wide, *halfway, *map(float, range(0, 5000, 7))]


@pytest.fixture
def page(show, claim):
    return show(report.claim_html([claim]))


def both(page, values, python, javascript):
    """What Python and the page make of each value; None is null."""
    return [python(value) for value in values], page.evaluate(f"(all) => all.map((x) => {javascript})", values)


@pytest.mark.parametrize(
    ("python", "javascript"),
    [
        (lambda x: si(x, "J"), 'pbits.si(x, "J")'),
        (number, "pbits.number(x)"),
        (times, "pbits.times(x)"),
        (lambda x: amount(x, "1"), 'pbits.amount(x, "1")'),
        (lambda x: amount(x, "J/bit"), 'pbits.amount(x, "J/bit")'),
        (lambda x: amount(x, "draws"), 'pbits.amount(x, "draws")'),
    ],
    ids=["si", "number", "times", "amount", "amount per bit", "amount of draws"],
)
def test_numbers_are_written_alike(page, python, javascript):
    ours, theirs = both(page, several(), python, javascript)
    assert theirs == ours


def test_unknown_and_endless_numbers_are_written_alike(page):
    ours, theirs = both(page, [None, float("inf"), float("-inf")], lambda x: si(x, "J"), 'pbits.si(x, "J")')
    assert theirs == ours
    ours, theirs = both(page, [None, float("inf"), float("-inf")], number, "pbits.number(x)")
    assert theirs == ours


def test_probabilities_are_written_alike(page):
    ours, theirs = both(page, [None, *(k / 800 for k in range(801))], chance, "pbits.chance(x)")
    assert theirs == ours
