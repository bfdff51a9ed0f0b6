"""Units of formulas, so that joules are not added to watts."""

from __future__ import annotations

from collections.abc import Mapping

from pbits.accounts import Tree

Dimension = dict[str, float]

_COMPOSED: Mapping[str, Dimension] = {"W": {"J": 1, "s": -1}, "Hz": {"s": -1}, "1": {}}


def of_unit(unit: str) -> Dimension:
    """Exponents of a unit: "W" is J/s, "Hz" is 1/s; every other name stands for itself."""
    over, _, under = unit.partition("/")
    return _times(_COMPOSED.get(over, {over: 1}), _COMPOSED.get(under, {under: 1}) if under else {}, -1)


def text(dimension: Dimension) -> str:
    """As people write it: "J", "1/s", "J s"."""
    if dimension == {"J": 1, "s": -1}:
        return "W"
    over = " ".join(_power(name, power) for name, power in dimension.items() if power > 0)
    under = " ".join(_power(name, -power) for name, power in dimension.items() if power < 0)
    return f"{over or '1'}/{under}" if under else over or "no unit"


def of_tree(tree: Tree, units: Mapping[str, str], formula: str) -> Dimension:
    """The unit of a formula.

    Raises
    ------
    ValueError
        Where it adds or compares different units, or takes a power or a logarithm of something with a unit.
    """
    if isinstance(tree, str):
        return of_unit(units[tree])
    if not isinstance(tree, list):
        return {}
    operation, *operands = tree
    found = [of_tree(operand, units, formula) for operand in operands]
    match operation:
        case "*":
            return _times(found[0], found[1])
        case "/":
            return _times(found[0], found[1], -1)
        case "**" if not found[0]:
            _plain(found[1], operation, formula)
            return {}
        case "**":
            if not isinstance(operands[1], float):
                raise ValueError(f"in {formula!r} something in {text(found[0])} has a power that is no number")
            return {name: power * operands[1] for name, power in found[0].items() if operands[1]}
        case "sqrt":
            return {name: power / 2 for name, power in found[0].items()}
        case "exp" | "log" | "log1p":
            _plain(found[0], operation, formula)
            return {}
    # 0 has every unit: a minus sign is 0 − x.
    told = [dimension for dimension, operand in zip(found, operands) if operand != 0.0]
    if any(dimension != told[0] for dimension in told):
        joined = {"+": "adds", "-": "subtracts"}.get(operation, "compares")
        raise ValueError(f"the formula {formula!r} {joined} {' and '.join(map(text, told))}; give both in one unit")
    return told[0] if told else {}


def _plain(dimension: Dimension, operation: str, formula: str) -> None:
    if dimension:
        raise ValueError(f"in {formula!r}, {operation} takes a number without a unit, not one in {text(dimension)}")


def _times(a: Dimension, b: Dimension, sign: float = 1) -> Dimension:
    joined = {name: a.get(name, 0) + sign * b.get(name, 0) for name in (*a, *(key for key in b if key not in a))}
    return {name: power for name, power in joined.items() if power}


def _power(name: str, power: float) -> str:
    return name if power == 1 else f"{name}^{power:g}"
