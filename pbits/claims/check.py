"""Does a claim hold, with what probability, and which assumption breaks it first?"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pbits import report
from pbits.accounts import Account, Input, Spread, Swing
from pbits.claims import dimensions, text
from pbits.claims.sides import Given, Number, Side, as_input, side_of
from pbits.parameters import BOUNDARIES, Evidence, Source, check_boundary, parse_quantity, unit_of

if TYPE_CHECKING:
    import os

NOT_MATCHED = "not matched"
"""What `quality` says where the two sides were not held to equal quality."""

CLAIMED = "claimed"
"""The key of the figure claimed, in the account of a claim of joules."""

# A ratio that equals what is claimed, up to rounding, holds.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Another assumption, put in the place of one that a claim makes.

    Attributes
    ----------
    label : str
    inputs : mapping of key to number
        What changes: a Parameter or Input, a quantity such as "2 fJ", or a plain number, which is exact.
    machine, rival : str, Account or None
        Another side altogether; a formula over the inputs of the claim.
    note : str
        Why somebody might assume this.
    """

    label: str
    inputs: Mapping[str, Number] = field(default_factory=dict)
    machine: Given | None = None
    rival: Given | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Rival over machine: the value, and what the ranges make of it.

    Attributes
    ----------
    value, median, low, high : float
        `low` and `high` hold 95 % between them.
    """

    value: float
    median: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Break:
    """One assumption changed, and what is left of the claim.

    Attributes
    ----------
    label, note : str
    ratio : float
    holds : bool
    kind : str
        "alternative", or "break-even": a number at the point where the claim just holds, inside its own 95 % range.
    key : str
        Of the input that changes; empty where several do.
    value : float or None
    unit : str
    """

    label: str
    note: str
    ratio: float
    holds: bool
    kind: str
    key: str = ""
    value: float | None = None
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """The value of one input at which the claim just holds.

    Attributes
    ----------
    key, label, unit : str
    stated, value : float
    of_range : float or None
        How far that is from the stated value, as a multiple of the way to the end of its range, in logarithms: below 1,
        it lies inside; infinite where the range ends at the value. None of a number without a range.
    at_parity : float or None
        The value at which machine and rival take the same.
    evidence : Evidence or None
    """

    key: str
    label: str
    unit: str
    stated: float
    value: float
    of_range: float | None
    at_parity: float | None
    evidence: Evidence | None

    @property
    def inside(self) -> bool:
        """Whether it lies in the 95 % range of the input."""
        return self.of_range is not None and self.of_range <= 1

    def to_dict(self) -> dict[str, Any]:
        grade = None if self.evidence is None else self.evidence.value
        far = self.of_range if self.of_range is not None and math.isfinite(self.of_range) else None
        return vars(self) | {"of_range": far, "evidence": grade, "inside": self.inside}


@dataclass(frozen=True, kw_only=True)
class ClaimCheck:
    """What became of a claim.

    Attributes
    ----------
    name, statement : str
    claimed : float
        The ratio, rival over machine; 1 for a claim of joules, whose rival is the figure claimed.
    absolute : (float, str) or None
        The figure claimed and its unit, for a claim of joules.
    boundary, quality : str
    account : Account or None
        Rival ÷ machine; None where something is not stated.
    reasons : tuple of str
        What is not stated.
    at_least, at_most : float or None
        Bounds of the ratio, where it is not known: what is known of one side, with all that is not stated at 0.
    swapped : tuple of (Alternative, Account)
    charts : tuple of dict
        Maps, see `map`.
    uplifts : tuple of str
        What was applied to bring both sides to one boundary.
    criticism : tuple of str
        What no number above covers.
    sources : mapping of key to Source
    draws, seed : int
        Of the Monte Carlo.
    """

    name: str
    statement: str
    claimed: float
    absolute: tuple[float, str] | None
    boundary: str
    quality: str
    account: Account | None = field(repr=False)
    reasons: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    swapped: tuple[tuple[Alternative, Account], ...] = field(default=(), repr=False)
    charts: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    uplifts: tuple[str, ...] = ()
    criticism: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)
    draws: int = 100_000
    seed: int = 0

    @property
    def holds(self) -> bool | None:
        """At the stated values; where they give no ratio, what the bounds settle, else None."""
        if self.account is not None:
            return self._reached(self.account.value)
        if self.at_most is not None and not self._reached(self.at_most):
            return False
        return True if self.at_least is not None and self._reached(self.at_least) else None

    @cached_property
    def spread(self) -> Spread | None:
        return None if self.account is None else self.account.monte_carlo(self.draws, self.seed)

    @property
    def ratio(self) -> Found | None:
        """Rival over machine; None where it cannot be known."""
        if self.account is None or self.spread is None:
            return None
        spread = self.spread
        return Found(value=self.account.value, median=spread.median, low=spread.low, high=spread.high)

    @property
    def probability(self) -> float | None:
        """P(ratio ≥ claimed), as far as the ranges tell; None where there is no ratio."""
        return None if self.spread is None else float(np.mean(self.spread.values >= self.claimed * (1 - _ROUNDING)))

    @property
    def evidence(self) -> Evidence | None:
        """The weakest behind the ratio; what is multiplied by 0 says nothing."""
        return Evidence.weakest(one.evidence for one in self.behind if one.evidence is not None)

    @cached_property
    def behind(self) -> tuple[Input, ...]:
        """The inputs that the ratio depends on at the stated values."""
        if self.account is None:
            return ()
        moved = {key: float(self.account.evaluate({key: 2 * one.value})) for key, one in self.account.inputs.items()}
        return tuple(self.account.inputs[key] for key, ratio in moved.items() if ratio != self.account.value)

    @cached_property
    def tornado(self) -> tuple[Swing, ...]:
        """What the ratio hangs on, the largest share first."""
        if self.account is None:
            return ()
        return tuple(swing for swing in self.account.tornado() if swing.share > _ROUNDING)

    def break_even(self, key: str, ratio: float = 1.0) -> float | None:
        """The value of one input at which rival over machine equals `ratio`; None where no value does.

        Raises
        ------
        ValueError
            For an input that is not there, or a claim that has no ratio.
        """
        return self._known().break_even(key, ratio)

    @cached_property
    def break_evens(self) -> tuple[BreakEven, ...]:
        """Where each input would have to be for the claim just to hold, the nearest by its own range first."""
        if self.account is None:
            return ()
        found = []
        just = math.isclose(self.account.value, self.claimed, rel_tol=_ROUNDING)
        for key, one in self.account.inputs.items():
            # What is left out at 0 breaks a claim that just holds by being there at all.
            if key == CLAIMED or (just and one.value == 0):
                continue
            value = self.account.break_even(key, self.claimed)
            if value is None:
                continue
            found.append(
                BreakEven(
                    key=key, label=one.label, unit=one.unit, stated=one.value, value=value, evidence=one.evidence,
                    of_range=_of_range(one, value), at_parity=self.account.break_even(key, 1.0),
                )
            )  # fmt: skip
        return tuple(sorted(found, key=lambda one: (one.of_range is None, one.of_range or 0.0)))

    @cached_property
    def breaks(self) -> tuple[Break, ...]:
        """One assumption changed at a time: the alternatives, the lowest ratio first; then the inputs that break even
        inside their own ranges, the nearest first."""
        rows = [self._swap(alternative, account) for alternative, account in self.swapped]
        rows.sort(key=lambda row: row.ratio)
        for one in self.break_evens:
            if one.inside:
                where = f"{report.amount(one.stated, one.unit)} stated"
                rows.append(
                    Break(
                        label=one.label, note=f"{where}; the claim turns inside its 95 % range", ratio=self.claimed,
                        holds=True, kind="break-even", key=one.key, value=one.value, unit=one.unit,
                    )
                )  # fmt: skip
        return tuple(rows)

    @property
    def breaks_first(self) -> Break | None:
        """The alternative that takes the ratio furthest below the claim; else the input nearest to where it turns."""
        broken = [row for row in self.breaks if not row.holds or row.kind == "break-even"]
        return broken[0] if broken else None

    def map(
        self,
        x: str,
        y: str,
        x_range: tuple[float, float] | None = None,
        y_range: tuple[float, float] | None = None,
        points: int = 25,
    ) -> dict[str, Any]:
        """The ratio over two inputs, all others at their stated values.

        Parameters
        ----------
        x, y : str
            Keys of inputs.
        x_range, y_range : (float, float), optional
            By default the 95 % range; of an exact number, from a hundredth to a hundred times it.
        points : int
            To a side, at equal ratios.

        Returns
        -------
        dict
            x and y, each with key, label, unit and values; ratio, a list of rows, one for each value of y.

        Raises
        ------
        ValueError
            For an input that is not there or twice the same, for ends that are not positive or in order, and for a
            number at 0 without a range.
        """
        account = self._known()
        if x == y:
            raise ValueError(f"a map needs two different inputs, not {x!r} twice")
        if points < 2:
            raise ValueError(f"points is {points}; a map needs at least 2 to a side")
        axes = [_axis(account, key, ends, points) for key, ends in ((x, x_range), (y, y_range))]
        across, up = (np.array(axis["values"]) for axis in axes)
        shape = (points, points)
        ratio = np.broadcast_to(account.evaluate({x: across[None, :], y: up[:, None]}), shape)
        return {"x": axes[0], "y": axes[1], "ratio": ratio.tolist()}

    @property
    def verdict(self) -> str:
        """What became of the claim and what that rests on, in plain words."""
        return text.verdict(self)

    def __str__(self) -> str:
        return text.console(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: a document of the schema pbits-claim/1."""
        found = self.ratio
        return {
            "schema": "pbits-claim/1",
            "name": self.name,
            "statement": self.statement,
            "claimed": self.claimed,
            "absolute": None if self.absolute is None else {"value": self.absolute[0], "unit": self.absolute[1]},
            "boundary": self.boundary,
            "quality": self.quality,
            "holds": self.holds,
            "ratio": None if found is None else vars(found) | {"probability": self.probability, "seed": self.seed},
            "at_least": self.at_least,
            "at_most": self.at_most,
            "reasons": list(self.reasons),
            "account": None if self.account is None else self.account.to_dict(),
            "tornado": [swing.to_dict() for swing in self.tornado],
            "breaks": [dict(vars(row)) for row in self.breaks],
            "break_evens": [one.to_dict() for one in self.break_evens],
            "maps": [dict(chart) for chart in self.charts],
            "uplifts": list(self.uplifts),
            "verdict": self.verdict,
            "evidence": None if self.evidence is None else self.evidence.value,
            "sources": {key: dict(vars(source)) for key, source in self.sources.items()},
            "criticism": list(self.criticism),
        }

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the document to `path`, in a list, and return the path."""
        return report.write_text(path, report.to_json([self.to_dict()]))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a self-contained page with sliders to `path`, and return the path."""
        return report.write_text(path, report.claim_html([self.to_dict()]))

    def to_markdown(self) -> str:
        """Verdict, and a table of what breaks it."""
        return text.markdown(self)

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write a row for the claim and one for each assumption that was changed to `path`, and return the path."""
        return report.write_text(path, report.claims_csv([self.to_dict()]))

    def to_latex(self) -> str:
        """The verdict, and the ratio under each assumption, as a booktabs table."""
        return report.claims_latex([self.to_dict()])

    def _reached(self, ratio: float) -> bool:
        return ratio >= self.claimed * (1 - _ROUNDING)

    def _known(self) -> Account:
        if self.account is None:
            raise ValueError(f"{self.name} has no ratio: {'; '.join(self.reasons)}")
        return self.account

    def _swap(self, alternative: Alternative, account: Account) -> Break:
        alone = [account.inputs[key] for key in alternative.inputs if key in account.inputs]
        one = alone[0] if len(alternative.inputs) == 1 and alone else None
        return Break(
            label=alternative.label,
            note=alternative.note,
            ratio=account.value,
            holds=self._reached(account.value),
            kind="alternative",
            key=one.key if one else "",
            value=one.value if one else None,
            unit=one.unit if one else "",
        )


def check_claim(
    ratio: float | None = None,
    *,
    machine: Given,
    rival: Given | None = None,
    value: str | float | None = None,
    boundary: str | None = None,
    quality: str | None = None,
    inputs: Mapping[str, Number] | None = None,
    machine_boundary: str | None = None,
    rival_boundary: str | None = None,
    uplifts: Mapping[str, Mapping[str, Any]] | None = None,
    alternatives: Iterable[Alternative] = (),
    maps: Iterable[Mapping[str, Any]] = (),
    name: str = "claim",
    statement: str = "",
    criticism: Sequence[str] = (),
    sources: Mapping[str, Source] | None = None,
    draws: int = 100_000,
    seed: int = 0,
) -> ClaimCheck:
    """Does a claim hold: joules of a rival over joules of a machine, at least `ratio`?

    Parameters
    ----------
    ratio : float, optional
        What is claimed, such as 1e4. Or give `value`.
    machine, rival : str, Account, EnergyLedger, Parameter, or (Comparison, name)
        Joules of one sample, or of any one thing that both sides do. A text is a formula over `inputs`.
    value : str or float, optional
        A claim of joules instead of a ratio: the machine takes at most "20 fJ". There is no rival then.
    boundary : str
        What the joules include on both sides. Never guessed.
    quality : str
        What is held equal, such as "FID 27.4", or "not matched"; by default that of a comparison.
    inputs : mapping of key to Parameter, Input, quantity or number
        Of the formulas. A plain number, or a text such as "3 W", is exact: counted or chosen.
    machine_boundary, rival_boundary : str, optional
        What the figures of a side include, where that is less than `boundary`.
    uplifts : mapping, optional
        {"machine": {"board": {"factor": 1.2}}}: from one boundary to the next, for a side that is stated at a narrower
        one. A ledger also takes "power_w". They are printed.
    alternatives : iterable of Alternative
    maps : iterable of mapping
        Arguments of `ClaimCheck.map`.
    name, statement : str
    criticism : sequence of str
        What no number covers.
    sources : mapping of key to Source, optional
        Where the inputs cite; by default the installed catalogues.
    draws, seed : int
        Of the Monte Carlo.

    Returns
    -------
    ClaimCheck
        Without a ratio, and with the reasons and a bound, where something that it needs is not stated.

    Raises
    ------
    ValueError
        For a claim without a boundary or a word on quality; for sides at different boundaries without uplifts; for a
        ratio that is not finite and above 0; for formulas that do not parse, name what is not there, or add different
        units; for an alternative that changes what is not there.

    Examples
    --------
    >>> import pbits
    >>> check = pbits.check_claim(
    ...     1000, machine="updates * update", rival="updates * gpu", boundary="chip", quality="same updates",
    ...     inputs={"updates": 1e6, "update": "7.09 fJ", "gpu": "0.72 nJ"},
    ... )
    >>> check.holds, f"{check.ratio.value:.3g}", f"{check.break_even('update', 1000):.3g} J"
    (True, '1.02e+05', '7.2e-13 J')
    """
    boundary = required_boundary(boundary)
    claimed, absolute = _claimed(ratio, value, rival)
    if absolute is not None:
        figure, unit = absolute
        said = Input(key=CLAIMED, label="what is claimed", value=figure, low=figure, high=figure, unit=unit)
        inputs, rival = {**(inputs or {}), CLAIMED: said}, CLAIMED
    assert rival is not None
    known = {key: as_input(key, number) for key, number in (inputs or {}).items()}
    sides = {"machine": machine, "rival": rival}
    own = {"machine": machine_boundary, "rival": rival_boundary if absolute is None else boundary}
    if strangers := sorted(set(uplifts or {}) - set(sides)):
        raise ValueError(f"uplifts are for {', '.join(strangers)}; they are for 'machine' or 'rival'")

    def built(role: str, given: Given, numbers: Mapping[str, Input | str]) -> Side:
        return side_of(role, given, numbers, boundary, own[role], (uplifts or {}).get(role, {}))

    found = {role: built(role, given, known) for role, given in sides.items()}
    _check_units(found, absolute)
    check = ClaimCheck(
        name=name,
        statement=statement,
        claimed=claimed,
        absolute=absolute,
        boundary=boundary,
        quality=_quality(quality, machine, rival, absolute),
        account=_over(found["rival"], found["machine"]),
        reasons=tuple(dict.fromkeys(reason for side in found.values() for reason in side.missing)),
        at_least=_bound(found["rival"].floor, found["machine"].value),
        at_most=_bound(found["rival"].value, found["machine"].floor),
        uplifts=tuple(note for side in found.values() for note in side.notes),
        criticism=tuple(criticism),
        draws=draws,
        seed=seed,
    )

    def swapped(alternative: Alternative) -> Account | None:
        changed = {key: as_input(key, number) for key, number in alternative.inputs.items()}
        numbers = known | {
            key: _same_unit(known[key], one, alternative) for key, one in changed.items() if key in known
        }
        other = {
            role: built(role, getattr(alternative, role) or given, numbers) if absolute is None or role == "machine"
            else found[role]
            for role, given in sides.items()
        }  # fmt: skip
        _check_units(other, absolute)
        account = _over(other["rival"], other["machine"])
        if account is None:
            return None
        rest = {key: one for key, one in changed.items() if key not in known}
        missing = [key for key in changed if key not in account.inputs]
        if missing:
            listed = ", ".join(account.inputs)
            raise ValueError(
                f"alternative {alternative.label!r} changes {', '.join(missing)}, which is no input"
                f"{_nearest(missing[0], account.inputs)}; the inputs are {listed}"
            )
        inputs = dict(account.inputs)
        for key, one in rest.items():
            changed_one = _same_unit(inputs[key], one, alternative)
            if isinstance(changed_one, str):
                return None
            inputs[key] = replace(changed_one, label=inputs[key].label, least=inputs[key].least, most=inputs[key].most)
        return Account(account.formula, inputs)

    others = [(alternative, swapped(alternative)) for alternative in alternatives]
    settled = tuple((alternative, account) for alternative, account in others if account is not None)
    check = replace(check, swapped=settled)
    accounts = [side.account for side in found.values()] + [account for _, account in settled]
    cited = {
        one.source: None for account in accounts if account is not None for one in account.inputs.values() if one.source
    }
    charts = tuple(check.map(**chart) for chart in maps) if check.account is not None else ()
    return replace(check, charts=charts, sources=_bibliography(cited, sources))


def required_boundary(boundary: str | None) -> str:
    """The boundary of a claim, which has to name one."""
    if boundary is None:
        raise ValueError(
            "a claim needs a boundary: joules of a cell and joules at the wall differ by orders of magnitude; give "
            f"boundary= one of {', '.join(BOUNDARIES)}, which says what both figures include"
        )
    return check_boundary(boundary)


def _claimed(
    ratio: float | None, value: str | float | None, rival: Given | None
) -> tuple[float, tuple[float, str] | None]:
    if (ratio is None) == (value is None):
        raise ValueError(
            "give ratio= (the rival takes so many times as much) or value= (the machine takes at most so much)"
        )
    if ratio is not None:
        if not (isinstance(ratio, int | float) and math.isfinite(ratio) and ratio > 0):
            raise ValueError(f"ratio is {ratio!r}; it must be a finite number above 0, such as 1e4")
        if rival is None:
            raise ValueError(
                "a ratio is one of two: give rival= as well, or value= for a claim about the machine alone"
            )
        return float(ratio), None
    if rival is not None:
        raise ValueError("a claim of joules has no rival; give ratio= to compare with one")
    unit = unit_of(value) if isinstance(value, str) else "J"
    if unit is None:
        raise ValueError(f"value is {value!r}; write a quantity such as '20 fJ'")
    figure = parse_quantity(value, unit) if isinstance(value, str) else float(value)  # pyright: ignore[reportArgumentType]
    if not (math.isfinite(figure) and figure > 0):
        raise ValueError(f"value is {value!r}; it must be finite and above 0")
    return 1.0, (figure, unit)


def _quality(quality: str | None, machine: Given, rival: Given, absolute: tuple[float, str] | None) -> str:
    if isinstance(machine, tuple) and isinstance(rival, tuple) and machine[0] is rival[0]:
        comparison, one, other = *machine, rival[1]
        unequal = comparison.why_not_equal(one, other)
        if unequal and quality != NOT_MATCHED:
            raise ValueError(
                f"{unequal}. To divide all the same, say quality={NOT_MATCHED!r}, and the verdict will too"
            )
        found = comparison.ratio(one, other)
        known = found.quality if found is not None else ""
        told = quality or f"the same question, by {comparison.metric}"
        return f"{told}; {known}" if known else told
    if quality:
        return quality
    if absolute is not None:
        return "a claim about one machine; no rival"
    raise ValueError(
        "a claim needs a word on quality: say what both sides are held equal at, such as quality='FID 27.4' or "
        f"'same law', or say quality={NOT_MATCHED!r}"
    )


def _check_units(found: Mapping[str, Side], absolute: tuple[float, str] | None) -> None:
    rival, machine = found["rival"].dimension, found["machine"].dimension
    if rival is None or machine is None or rival == machine:
        return
    what = "what is claimed" if absolute else "the rival"
    raise ValueError(
        f"the machine is in {dimensions.text(machine)} and {what} in {dimensions.text(rival)}; both must be in one unit"
    )


def _same_unit(old: Input | str, new: Input | str, alternative: Alternative) -> Input | str:
    if isinstance(old, str) or isinstance(new, str):
        return new
    if new.unit != old.unit:
        raise ValueError(
            f"alternative {alternative.label!r} gives {old.label} in {new.unit or 'no unit'}; it is in {old.unit}"
        )
    return replace(new, label=old.label)


def _over(rival: Side, machine: Side) -> Account | None:
    if rival.account is None or machine.account is None:
        return None
    account = rival.account / machine.account
    if not (rival.account.value > 0 and machine.account.value > 0):
        raise ValueError(
            f"the rival takes {rival.account.value:g} and the machine {machine.account.value:g}; both must be above 0"
        )
    return account


def _bound(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under


def _of_range(one: Input, value: float) -> float | None:
    if one.exact:
        return None
    end = one.high if value > one.value else one.low
    return math.inf if end == one.value else abs(math.log(value / one.value) / math.log(end / one.value))


def _axis(account: Account, key: str, ends: tuple[float, float] | None, points: int) -> dict[str, Any]:
    if key not in account.inputs:
        raise ValueError(
            f"no input {key!r} here{_nearest(key, account.inputs)}; the inputs are {', '.join(account.inputs)}"
        )
    one = account.inputs[key]
    if ends is None:
        ends = (one.value / 100, one.value * 100) if one.exact else (one.low, one.high)
    low, high = ends
    if not (0 < low < high < math.inf):
        raise ValueError(f"the range of {one.label} is {low:g} to {high:g}; a map needs two ends above 0, in order")
    return {"key": key, "label": one.label, "unit": one.unit, "values": np.geomspace(low, high, points).tolist()}


def _bibliography(cited: Iterable[str], sources: Mapping[str, Source] | None) -> dict[str, Source]:
    wanted = sorted(set(cited))
    if wanted and sources is None:
        from pbits.substrate import shipped

        sources = shipped()[0]
    return {key: sources[key] for key in wanted if sources is not None and key in sources}


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
