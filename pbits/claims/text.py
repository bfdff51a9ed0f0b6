"""A checked claim in words: the verdict, the console, Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pbits.parameters import Evidence, parse_quantity
from pbits.report.quantities import amount, chance, times

if TYPE_CHECKING:
    from pbits.claims.check import Break, BreakEven, ClaimCheck

# What a result rests on, by the weakest number in it.
_GROUNDS = {
    Evidence.MEASURED: "every number in it was measured by somebody",
    Evidence.SIMULATED: "it rests on circuit simulation",
    Evidence.VENDOR_CLAIM: "it rests on what the maker states",
    Evidence.DERIVED: "it rests on numbers derived here from others",
    Evidence.ASSUMED: "it rests on assumed numbers",
}
# From here on, and below the rest, chance settles the claim; between, the ranges leave it open.
_SURE = 0.975
# How many rows of each kind the console shows.
_SHOWN = 5


def verdict(check: ClaimCheck) -> str:
    """One or two sentences, from the weakest evidence."""
    return f"{_head(check)}. {_tail(check)}".strip()


def _head(check: ClaimCheck) -> str:
    what, where = claimed(check), f"at the {check.boundary} boundary"
    if check.ratio is None:
        because = f"the claim of {what} {where} cannot be checked, because {'; '.join(check.reasons)}"
        return f"{because[0].upper()}{because[1:]}; {_bounds(check)}"
    assert check.probability is not None
    if check.holds:
        sure = "holds" if check.probability >= _SURE else "holds at the stated values, but the ranges leave it open"
    else:
        sure = "does not hold" if check.probability <= 1 - _SURE else "does not hold at the stated values"
    # Without a range there is no chance in it.
    chances = f", P(it holds) {_equals(chance(check.probability))}" if check.tornado else ""
    if check.absolute is not None and math.isclose(check.ratio.value, 1.0, rel_tol=1e-9):
        # Half of the draws lie above any number that is its own median.
        chances += " by construction, since the claim is the number that it is checked with"
    return f"The claim of {what} {where} {sure}: found {found(check)}{chances}"


def _tail(check: ClaimCheck) -> str:
    if check.ratio is None:
        return _equal(check)
    grounds = "all its numbers were counted or given exactly" if check.evidence is None else _GROUNDS[check.evidence]
    return f"{grounds[0].upper()}{grounds[1:]}; {_breaks_first(check)}; {_equal(check, start=False)}"


def _bounds(check: ClaimCheck) -> str:
    told = []
    if check.at_most is not None:
        told.append(f"what is known leaves at most {times(check.at_most)} times")
        if check.absolute is not None:
            told = [f"lower bound {amount(check.absolute[0] / check.at_most, check.absolute[1])}"]
    if check.at_least is not None:
        told.append(f"what is known gives at least {times(check.at_least)} times")
    if check.holds is not None:
        told.append("which is enough for it" if check.holds else "so it fails whatever the rest is")
    return ", ".join(told) or "no lower bound follows from what is stated"


def _equal(check: ClaimCheck, start: bool = True) -> str:
    if check.absolute is not None:
        said = check.quality
    elif check.quality == "not matched":
        said = "the quality of both sides was not matched, so it says nothing about an equal answer"
    else:
        said = f"held equal: {check.quality}"
    return (f"{said[0].upper()}{said[1:]}" if start else said) + "."


def _equals(text: str) -> str:
    return text if text[0] in "<>" else f"= {text}"


def _breaks_first(check: ClaimCheck) -> str:
    first = check.breaks_first
    if first is None:
        return "no alternative given here breaks it" if check.holds else "no assumption given here saves it"
    if first.kind == "alternative":
        return f"{'it breaks first' if check.holds else 'it is lowest'} on “{first.label}” ({_left(check, first)})"
    assert first.value is not None
    turns = f"{first.label} at {amount(first.value, first.unit)}"
    return f"it turns first on {turns}, inside the 95 % range"


def claimed(check: ClaimCheck) -> str:
    """What is claimed: "10,000 times", "at most 20 fJ"."""
    if check.absolute is None:
        return f"{times(check.claimed)} times"
    return f"at most {_figure(*check.absolute)}"


def found(check: ClaimCheck) -> str:
    """What was found, with its 95 % interval."""
    ratio = check.ratio
    assert ratio is not None
    if check.absolute is None:
        return f"{times(ratio.value)} times" + _interval(times(ratio.low), times(ratio.high))
    figure, unit = check.absolute
    low, high = amount(figure / ratio.high, unit), amount(figure / ratio.low, unit)
    return _figure(figure / ratio.value, unit) + _interval(low, high)


def _interval(low: str, high: str) -> str:
    return "" if low == high else f" (95 % from {low} to {high})"


def _figure(value: float, unit: str) -> str:
    """To four digits, since what is claimed and what was found often differ in the third."""
    scaled = amount(value, unit).split(" ", 1)[1]
    return f"{value / parse_quantity(f'1 {scaled}', unit):.4g} {scaled}"


def _left(check: ClaimCheck, row: Break) -> str:
    if check.absolute is None:
        return f"{times(row.ratio)} times"
    return amount(check.absolute[0] / row.ratio, check.absolute[1])


def console(check: ClaimCheck) -> str:
    """What a terminal shows: claim, verdict, what breaks it first, where the numbers come from."""
    lines = [f"{check.name}: {check.statement}".removesuffix(": "), "", check.verdict]
    if check.uplifts:
        lines += ["", "Brought to one boundary by", *(f"  {note}" for note in check.uplifts)]
    swaps = [row for row in check.breaks if row.kind == "alternative"]
    if swaps:
        lines += ["", "One assumption changed"]
        shown = swaps[: 2 * _SHOWN]
        wide = max(len(_left(check, row)) for row in shown)
        lines += [f"  {_left(check, row):>{wide}}  {'holds ' if row.holds else 'breaks'}  {row.label}" for row in shown]
        lines += _more(len(swaps) - len(shown))
    if check.tornado:
        lines += ["", "What it hangs on, as stated"]
        lines += [f"  {one.share:4.0%}  {one.label}" for one in check.tornado[:3] if one.share >= 0.005]
    if check.break_evens:
        lines += ["", "Where the claim turns, one number at a time"]
        shown = check.break_evens[:_SHOWN]
        lines += [f"  {_turns(one)}" for one in shown]
        lines += _more(len(check.break_evens) - len(shown))
    if check.behind:
        lines += ["", "Where the numbers come from"]
        for one in check.behind:
            if one.evidence is not None:
                source = ", ".join(part for part in (one.source or "no source", one.locator) if part)
                grade = one.evidence.value.replace("_", " ")
                lines.append(f"  {one.label} ({one.key}): {amount(one.value, one.unit)}, {grade}, {source}")
    if check.criticism:
        lines += ["", "What no number above covers", *(f"  {note}" for note in check.criticism)]
    return "\n".join(lines)


def _more(left: int) -> list[str]:
    return [f"  and {left} more in the report"] if left > 0 else []


def _turns(one: BreakEven) -> str:
    if one.of_range is None:
        where = "an exact number"
    else:
        where = "inside its 95 % range" if one.inside else "outside its 95 % range"
    return f"{one.label}: {amount(one.value, one.unit)}, stated {amount(one.stated, one.unit)}; {where}"


def markdown(check: ClaimCheck) -> str:
    """Verdict, and a table of what breaks it."""
    lines = [f"## {_cell(check.name)}", "", f"> {_cell(check.statement)}", "", check.verdict, ""]
    if check.breaks:
        lines += ["| One assumption changed | Left | Claim |", "|---|---:|---|"]
        for row in check.breaks:
            at = f" at {amount(row.value, row.unit)}" if row.kind == "break-even" else ""
            state = "turns" if row.kind == "break-even" else "holds" if row.holds else "does not hold"
            lines.append(f"| {_cell(row.label)}{at} | {_left(check, row)} | {state} |")
        lines.append("")
    if check.criticism:
        lines += [*(f"- {note}" for note in check.criticism), ""]
    return "\n".join(lines)


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")
