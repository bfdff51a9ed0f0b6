"""Numbers as people read them: three significant digits, SI prefixes, and words where there is no number."""

from __future__ import annotations

import math

NONE = "—"

_PREFIXES = {
    **{-21: "z", -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: ""},
    **{3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"},
}
# Units that take a prefix: "3 kW", but "3,000 draws".
_PREFIXED = {"J", "s", "W", "Hz", "V", "A", "F", "K", "B", "FLOP"}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def si(value: float | None, unit: str) -> str:
    """A quantity to three significant digits with an SI prefix; "not stated" for None.

    Examples
    --------
    >>> si(1.2389e-8, "J"), si(0.0031, "s"), si(0.9996e-6, "J"), si(None, "J")
    ('12.4 nJ', '3.1 ms', '1 µJ', 'not stated')
    """
    if value is None:
        return "not stated"
    if not value or not math.isfinite(value):
        return f"{value:g} {unit}"
    rounded = float(f"{value:.2e}")
    power = 3 * math.floor(math.log10(abs(rounded)) / 3 + 1e-12)
    if power not in _PREFIXES:
        return f"{number(value)} {unit}"
    return f"{float(f'{rounded / 10.0**power:.4g}'):g} {_PREFIXES[power]}{unit}"


def number(value: float | None) -> str:
    """A pure number: whole ones in full up to a billion, others to three significant digits; "—" for None.

    Examples
    --------
    >>> number(1234567.0), number(0.01234), number(3.2e12), number(-0.00001), number(999.7), number(None)
    ('1,234,567', '0.0123', '3.2 × 10¹²', '-1 × 10⁻⁵', '1,000', '—')
    """
    if value is None:
        return NONE
    if not math.isfinite(value):
        return f"{value:g}"
    if value == round(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    if 1e-3 <= abs(value) < 1e5:
        # From 1000 on, three digits would hide the units.
        return f"{float(f'{value:.3g}'):,g}" if abs(value) < 1000 else f"{value:,.1f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g} × 10{str(int(exponent)).translate(_RAISED)}"


def times(factor: float) -> str:
    """A ratio: three significant digits however large.

    Examples
    --------
    >>> times(2518.4), times(53646.2), times(0.00652)
    ('2,520', '53,600', '0.00652')
    """
    return number(float(f"{factor:.3g}"))


def amount(value: float | None, unit: str) -> str:
    """A quantity of any unit: with a prefix where the unit takes one, as a number where it has none.

    Examples
    --------
    >>> amount(3.2e-12, "J"), amount(32000.0, "draws"), amount(0.5, "1"), amount(2e-15, "J/bit"), amount(None, "J")
    ('3.2 pJ', '32,000 draws', '0.5', '2 fJ/bit', 'not stated')
    """
    if value is None or unit.split("/")[0] in _PREFIXED:
        return si(value, unit)
    return number(value) if unit == "1" else f"{number(value)} {unit}"


def chance(probability: float | None) -> str:
    """A probability from some thousand draws: whole per cents, and never a certainty; "—" for None.

    Examples
    --------
    >>> chance(0.973), chance(0.9999), chance(0.0), chance(None)
    ('97 %', '> 99 %', '< 1 %', '—')
    """
    if probability is None:
        return NONE
    if probability > 0.99:
        return "> 99 %"
    return "< 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def percent(share: float | None) -> str:
    """A share as a percentage; "—" for None.

    Examples
    --------
    >>> percent(0.03125), percent(None)
    ('3.12 %', '—')
    """
    return NONE if share is None else f"{100 * share:.3g} %"


def words(name: str) -> str:
    """An identifier as words.

    Examples
    --------
    >>> words("vendor_claim")
    'vendor claim'
    """
    return name.replace("_", " ")
