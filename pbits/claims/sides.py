"""One side of a claim: whatever states its joules, brought to the claim's boundary as an account."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pbits.accounts import Account, Input
from pbits.claims import dimensions
from pbits.ledger import EnergyLedger, price
from pbits.parameters import BOUNDARIES, Parameter, check_boundary, parse_quantity, unit_of

if TYPE_CHECKING:
    from pbits.comparison import Comparison

Number: TypeAlias = "Input | Parameter | str | float"
Given: TypeAlias = "str | Account | EnergyLedger | Parameter | tuple[Comparison, str]"

# Where a formula is tried for whether it only grows with a number that nobody states.
_PROBES = np.concatenate([[0.0], np.geomspace(1e-24, 1e12, 145)])


@dataclass(frozen=True, kw_only=True)
class Side:
    """Joules of one side.

    Attributes
    ----------
    account : Account or None
        None where something is not stated, which `missing` tells.
    missing : tuple of str
    floor : float or None
        What it takes at least, where `account` is None: all that is not stated at 0.
    notes : tuple of str
        The uplifts that were applied.
    dimension : mapping or None
        The unit of a formula; None where it is not checked.
    """

    account: Account | None
    missing: tuple[str, ...] = ()
    floor: float | None = None
    notes: tuple[str, ...] = ()
    dimension: dimensions.Dimension | None = None

    @property
    def value(self) -> float | None:
        return None if self.account is None else self.account.value


def as_input(key: str, number: Number) -> Input | str:
    """An input of a formula; of a number that is not stated, its unit."""
    label = key.replace("_", " ")
    if isinstance(number, Input):
        return number
    if isinstance(number, str):
        unit = unit_of(number)
        if unit is None:
            raise ValueError(f"{key} is {number!r}; write a number with a unit, such as '20 fJ', or a plain number")
        value = parse_quantity(number, unit)
        return Input(key=key, label=label, value=value, low=value, high=value, unit=unit)
    if isinstance(number, int | float) and (isinstance(number, bool) or not math.isfinite(number)):
        raise ValueError(f"{key} is {number}; it must be a finite number")
    if not isinstance(number, Parameter | int | float):
        raise TypeError(
            f"{key} is {number!r}; an input is a Parameter, an Input, a quantity such as '20 fJ' or a number"
        )
    if isinstance(number, Parameter) and number.value is None:
        return number.unit
    return Input.of(number, key, label)


def side_of(
    role: str,
    given: Given,
    inputs: Mapping[str, Input | str],
    boundary: str,
    own: str | None,
    uplifts: Mapping[str, Any],
) -> Side:
    """The joules of a side at a boundary.

    Raises
    ------
    ValueError
        Where it is stated at another boundary, and nothing leads from there to the one asked for.
    """
    for step in uplifts:
        check_boundary(step)
    if isinstance(given, EnergyLedger):
        return _of_ledger(role, given, boundary, uplifts)
    if isinstance(given, tuple):
        return _of_comparison(role, given, boundary, uplifts)
    if isinstance(given, str):
        side = _of_formula(given, inputs)
    elif isinstance(given, Account):
        side = Side(account=given)
    elif isinstance(given, Parameter):
        side = _of_formula(role, {role: as_input(role, given)})
    else:
        raise TypeError(
            f"the {role} is {given!r}; it must be a formula, an Account, an EnergyLedger, a Parameter or "
            "(comparison, name)"
        )
    return _raised(role, side, own or boundary, boundary, uplifts)


def _of_ledger(role: str, ledger: EnergyLedger, boundary: str, uplifts: Mapping[str, Any]) -> Side:
    if ledger.boundary != boundary:
        if not uplifts:
            raise ValueError(
                f"the ledger of {ledger.machine} is at the boundary {ledger.boundary}, the claim at {boundary}; price "
                f"the run at {boundary!r}, or give uplifts={{{role!r}: {{{boundary!r}: {{'factor': …}}}}}}"
            )
        ledger = price(
            ledger.run, boundary, uplifts=uplifts, full_batch=ledger.full_batch, usage=ledger.usage
        )  # fmt: skip
    notes = tuple(
        f"{role}: {row.item} {row.price:g} {row.unit}".removesuffix(" 1")
        for row in ledger.rows
        if row.item.endswith((" factor", " power")) and row.price is not None
    )
    reasons = tuple(f"{ledger.machine}: {reason}" for reason in ledger.reasons)
    return Side(account=ledger.account, missing=reasons, floor=ledger.lower_bound, notes=notes)


def _of_comparison(role: str, given: tuple[Comparison, str], boundary: str, uplifts: Mapping[str, Any]) -> Side:
    comparison, name = given
    if uplifts:
        raise ValueError(f"the {role} comes from a comparison; give the uplifts to pbits.compare")
    quality = comparison.quality(name, boundary)
    reasons = () if quality.account is not None else (f"{name}: {quality.reason}",)
    return Side(account=quality.account, missing=reasons, floor=quality.at_least)


def _of_formula(formula: str, inputs: Mapping[str, Input | str]) -> Side:
    # An unknown number enters as 0, with its unit.
    full = [
        Input(key=key, label=key, value=0.0, low=0.0, high=0.0, unit=one) if isinstance(one, str) else one
        for key, one in inputs.items()
    ]
    account = Account(formula, full)
    dimension = dimensions.of_tree(account.tree(), {key: one.unit for key, one in account.inputs.items()}, formula)
    unknown = [key for key in account.inputs if isinstance(inputs[key], str)]
    if not unknown:
        return Side(account=account, dimension=dimension)
    missing = tuple(f"{key.replace('_', ' ')} is not stated" for key in unknown)
    return Side(account=None, missing=missing, floor=_floor(account, unknown), dimension=dimension)


def _floor(account: Account, unknown: list[str]) -> float | None:
    """The formula with all that is unknown at 0, if it never falls below that."""
    floor = account.value
    if not (math.isfinite(floor) and floor > 0):
        return None
    for key in unknown:
        tried = np.broadcast_to(account.evaluate({key: _PROBES}), _PROBES.shape)
        if not (np.isfinite(tried).all() and (np.diff(tried) >= 0).all()):
            return None
    return floor


def _raised(role: str, side: Side, own: str, boundary: str, uplifts: Mapping[str, Any]) -> Side:
    first, last = BOUNDARIES.index(check_boundary(own)), BOUNDARIES.index(boundary)
    if first > last:
        raise ValueError(
            f"the {role} includes the whole {own}, which is more than the {boundary} of the claim; claim it at {own!r}"
        )
    steps = BOUNDARIES[first + 1 : last + 1]
    missing = [step for step in steps if step not in uplifts]
    if missing:
        raise ValueError(
            f"the {role} is stated at the boundary {own}, the claim at {boundary}; to compare them, say what leads "
            f"there: uplifts={{{role!r}: {{{missing[0]!r}: {{'factor': …}}}}}}, a factor for each of {', '.join(steps)}"
        )
    if strangers := [step for step in uplifts if step not in steps]:
        raise ValueError(
            f"the {role} is stated at the boundary {own} and the claim at {boundary}; an uplift to "
            f"{', '.join(strangers)} is not on the way"
        )
    account, floor, notes = side.account, side.floor, []
    for step in steps:
        one = _factor(role, step, uplifts[step])
        kind = "given exactly" if one.evidence is None else one.evidence.value.replace("_", " ")
        notes.append(f"{role}: to the {step} × {one.value:g} ({kind})")
        account = None if account is None else account * Account(one.key, [one])
        floor = None if floor is None else floor * one.value
    return Side(account=account, missing=side.missing, floor=floor, notes=tuple(notes), dimension=side.dimension)


def _factor(role: str, step: str, uplift: Any) -> Input:
    given = uplift.get("factor") if isinstance(uplift, Mapping) else uplift
    if isinstance(uplift, Mapping) and set(uplift) != {"factor"}:
        raise ValueError(
            f"the uplift of the {role} to {step} has {', '.join(map(str, uplift)) or 'nothing'}; it takes a factor. "
            "Watts need seconds: put watts * seconds into the formula"
        )
    if isinstance(given, Parameter) and given.unit != "1":
        raise ValueError(f"the factor of the {role} to {step} is in {given.unit}; it is a number without a unit")
    key = f"{role}_{step}_factor"
    return Input.of(given, key, f"factor of the {role} to the {step}", least=1.0)  # pyright: ignore[reportArgumentType]
