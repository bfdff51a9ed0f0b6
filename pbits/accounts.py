"""Accounts: a figure as a formula over uncertain inputs, so that one can ask what it hangs on.

A total of joules, or a ratio of two, is an arithmetic expression over named inputs, each with a range. The same
expression gives the value, its distribution, the share of each input in its spread, the value of one input at which
two machines break even, and what a reader's browser computes when a slider moves.
"""

from __future__ import annotations

import ast
import hashlib
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from pbits.parameters import Evidence, Figure, Parameter

# Standard normal deviate of the ends of a 95 % range.
_Z95 = float(ndtri(0.975))

_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "min": np.minimum,
    "max": np.maximum,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
}
_SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_FUNCTIONS = {"min": 2, "max": 2, "exp": 1, "log": 1, "log1p": 1, "sqrt": 1}

#: A formula as nested lists, [operation, operand, …]; operands are trees, keys of inputs and numbers.
Tree = list[Any] | str | float


@dataclass(frozen=True, kw_only=True)
class Input:
    """One number of an account.

    Attributes
    ----------
    key : str
        Its name in formulas: letters, digits and underscores.
    label : str
        Its name for readers.
    value : float
    low, high : float
        The range that holds it with 95 %; equal to the value for what was counted or chosen.
    unit : str
    evidence : Evidence or None
        None for what was counted or chosen.
    source, locator, note : str
    group : str
        Inputs of one group move together: all at their low ends, or all at their high ends. Empty: with no other.
    least, most : float
        Values beyond which there is nothing: 1 for the factor of a wider boundary, 1 for a probability.

    Raises
    ------
    ValueError
        For a key that is no name, or a range that is not ordered, not finite, or not above 0 where it has a width.
    """

    key: str
    label: str
    value: float
    low: float
    high: float
    unit: str = "1"
    evidence: Evidence | None = None
    source: str = ""
    locator: str = ""
    note: str = ""
    group: str = ""
    least: float = 0.0
    most: float = math.inf

    def __post_init__(self) -> None:
        if not self.key.isidentifier() or self.key in _FUNCTIONS:
            raise ValueError(f"{self.key!r} cannot stand in a formula; name it with letters, digits and underscores")
        low, value, high = self.low, self.value, self.high
        if not (low <= value <= high and math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"{self.label}: the range {low:g} to {high:g} must be finite and hold the value {value:g}")
        if not self.least <= self.value <= self.most:
            raise ValueError(
                f"{self.label} is {self.value:g} {self.unit}; it must lie between {self.least:g} and {self.most:g}"
            )
        if self.low < self.high and self.low <= 0:
            raise ValueError(f"{self.label}: a range is that of a log-normal, so its low end must be above 0")

    @classmethod
    def of(cls, given: Parameter | Figure | float, key: str, label: str = "", **more: Any) -> Input:
        """A parameter or figure with its range, or a number that is exact.

        A parameter moves with the others of its `group`, or of its source where it names no group; an assumed one
        without a source moves alone.

        Raises
        ------
        ValueError
            Where the value is not stated.
        """
        figure = Figure.of(given)
        if figure.value is None or figure.low is None or figure.high is None:
            raise ValueError(f"{label or key} is not stated, so nothing that needs it can be computed")
        about: dict[str, Any] = {}
        if isinstance(given, Parameter):
            about = {name: getattr(given, name) for name in ("unit", "source", "locator", "note")}
            about["group"] = group_of(given)
        return cls(
            key=key,
            label=label or key,
            value=figure.value,
            low=figure.low,
            high=figure.high,
            evidence=figure.evidence,
            **{**about, **more},
        )

    @property
    def exact(self) -> bool:
        """Whether it has no range."""
        return self.low == self.high

    def at(self, z: ArrayLike) -> NDArray[np.float64]:
        """The value z standard deviations from the stated one: value · exp(s·z), 1.96 s the log of the factor to
        the end of the range on that side."""
        z = np.asarray(z, dtype=np.float64)
        if self.exact:
            return np.full(z.shape, float(self.value))
        up, down = math.log(self.high / self.value) / _Z95, math.log(self.value / self.low) / _Z95
        return np.clip(self.value * np.exp(np.where(z > 0, up, down) * z), self.least, self.most)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal input."""
        grade = None if self.evidence is None else self.evidence.value
        return asdict(self) | {"evidence": grade, "most": None if math.isinf(self.most) else self.most}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Input:
        grade, most = values["evidence"], values["most"]
        return cls(
            **{
                **values,
                "evidence": None if grade is None else Evidence(grade),
                "most": math.inf if most is None else most,
            }
        )


def group_of(parameter: Parameter) -> str:
    """The group a parameter moves with: its own, else its source and evidence; none for a guess of ours.

    Two numbers that one source simulated err alike; one that it measured and one that it projected need not.
    """
    if parameter.group:
        return parameter.group
    if parameter.evidence in (None, Evidence.ASSUMED) or not parameter.source:
        return ""
    return f"{parameter.source}, {parameter.evidence.value}"


def slug(text: str) -> str:
    """Text as a key of an input.

    Examples
    --------
    >>> slug("extropic-z1 power.active")
    'extropic_z1_power_active'
    """
    name = re.sub(r"\W+", "_", text).strip("_")
    return name if name.isidentifier() else f"_{name}"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The distribution of an account, from a seeded Monte Carlo.

    Attributes
    ----------
    median, low, high : float
        `low` and `high` hold 95 % between them.
    values : (draws,) float64
    seed : int
    """

    median: float
    low: float
    high: float
    values: NDArray[np.float64] = field(repr=False)
    seed: int

    def above(self, level: float) -> float:
        """P(value > level)."""
        return float(np.mean(self.values > level))

    def below(self, level: float) -> float:
        """P(value < level)."""
        return float(np.mean(self.values < level))

    def to_dict(self) -> dict[str, Any]:
        return {"median": self.median, "low": self.low, "high": self.high, "draws": self.values.size, "seed": self.seed}


@dataclass(frozen=True, kw_only=True)
class Swing:
    """What one input, or the inputs of one group together, do to an account.

    Attributes
    ----------
    label : str
    keys : tuple of str
    low, high : float
        The account with these at their low and at their high ends, all others at their values.
    share : float
        Of the spread of the logarithm: (ln high − ln low)² over the sum of all; plain differences where the account
        is not above 0.
    evidence : Evidence or None
        The weakest of these inputs.
    """

    label: str
    keys: tuple[str, ...]
    low: float
    high: float
    share: float
    evidence: Evidence | None

    def to_dict(self) -> dict[str, Any]:
        return vars(self) | {
            "keys": list(self.keys),
            "evidence": None if self.evidence is None else self.evidence.value,
        }


class Account:
    """A figure as a formula over inputs.

    Parameters
    ----------
    formula : str
        Numbers, keys of inputs, + − * / ** and min, max, exp, log, log1p, sqrt.
    inputs : mapping of key to Input, or iterable of Input
        All that the formula names; others are left out.

    Raises
    ------
    ValueError
        For a formula that does not parse or names what is not there.

    Examples
    --------
    >>> from pbits.accounts import Account, Input
    >>> sampling = Account(
    ...     "updates * update",
    ...     [
    ...         Input(key="updates", label="updates", value=1e6, low=1e6, high=1e6),
    ...         Input(key="update", label="an update", value=2e-15, low=1e-15, high=4e-15, unit="J"),
    ...     ],
    ... )
    >>> spread = (sampling * 3).monte_carlo(seed=1)
    >>> sampling.value, f"{spread.low:.1e} to {spread.high:.1e}"
    (2e-09, '3.0e-09 to 1.2e-08')
    """

    def __init__(self, formula: str, inputs: Mapping[str, Input] | Iterable[Input]):
        given = inputs.values() if isinstance(inputs, Mapping) else inputs
        known = {one.key: one for one in given}
        self.formula = formula.strip()
        self._tree = _parse(self.formula)
        needed = list(dict.fromkeys(_names(self._tree)))
        missing = [name for name in needed if name not in known]
        if missing:
            raise ValueError(
                f"the formula {self.formula!r} names {', '.join(missing)}; the inputs are {', '.join(known) or 'none'}"
            )
        self.inputs: Mapping[str, Input] = MappingProxyType({name: known[name] for name in needed})

    def __repr__(self) -> str:
        return f"Account({self.formula!r}, value={self.value:.4g})"

    @classmethod
    def of(cls, given: Parameter | Figure | float, key: str, label: str = "", **more: Any) -> Account:
        """The account of a single input, see `Input.of`."""
        one = Input.of(given, key, label, **more)
        return cls(key, [one])

    @cached_property
    def value(self) -> float:
        """With every input at its value.

        Raises
        ------
        ValueError
            Where the formula has no finite value there.
        """
        found = float(self.evaluate({}))
        if not math.isfinite(found):
            raise ValueError(f"the formula {self.formula!r} comes to {found} with its inputs at their values")
        return found

    @property
    def evidence(self) -> Evidence | None:
        """The weakest of the inputs; None where all were counted or chosen."""
        return Evidence.weakest(one.evidence for one in self.inputs.values() if one.evidence is not None)

    def evaluate(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """The account with some inputs at other values, numbers or arrays that broadcast.

        Raises
        ------
        ValueError
            For a key that is no input.
        """
        self._check(values)
        held = {key: one.value for key, one in self.inputs.items()}
        held |= {key: np.asarray(value, dtype=np.float64) for key, value in values.items()}
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.asarray(_evaluate(self._tree, held), dtype=np.float64)

    def replaced(self, **changes: Parameter | Figure | float) -> Account:
        """The account with some inputs changed; a plain number is exact.

        Raises
        ------
        ValueError
            For a key that is no input, or a value that is not stated.
        """
        self._check(changes)
        inputs = dict(self.inputs)
        for key, given in changes.items():
            old = inputs[key]
            bounds = {"least": old.least, "most": old.most}
            own = {} if isinstance(given, Parameter) else {"unit": old.unit, "note": "changed"}
            inputs[key] = Input.of(given, key, old.label, **bounds, **own)
        return Account(self.formula, inputs)

    def __add__(self, other: Account | float) -> Account:
        return self._joined("+", other)

    def __sub__(self, other: Account | float) -> Account:
        return self._joined("-", other)

    def __mul__(self, other: Account | float) -> Account:
        return self._joined("*", other)

    def __truediv__(self, other: Account | float) -> Account:
        return self._joined("/", other)

    def monte_carlo(self, draws: int = 100_000, seed: int = 0) -> Spread:
        """The distribution when every group of inputs moves by its own log-normal.

        Each group has a stream of its own, named by it, so that inputs added later move no others, and accounts that
        share inputs are drawn together under one seed.

        Raises
        ------
        ValueError
            For fewer than 100 draws.
        """
        if draws < 100:
            raise ValueError(f"draws is {draws}; quantiles at 2.5 % need at least 100")
        moved = {
            one.key: one.at(_deviates(group, draws, seed))
            for group, members in self._groups().items()
            for one in members
        }
        values = np.broadcast_to(self.evaluate(moved), draws).copy()
        values.flags.writeable = False
        low, median, high = np.quantile(values, [0.025, 0.5, 0.975])
        return Spread(median=float(median), low=float(low), high=float(high), values=values, seed=seed)

    def tornado(self) -> tuple[Swing, ...]:
        """What each group of inputs does on its own, the largest share first."""
        rows = []
        for members in self._groups().values():
            ends = [float(self.evaluate({one.key: one.at(z) for one in members})) for z in (-_Z95, _Z95)]
            rows.append((members, *ends))
        positive = all(low > 0 and high > 0 for _, low, high in rows)
        weights = [(math.log(high / low) if positive else high - low) ** 2 for _, low, high in rows]
        whole = sum(weights)
        swings = [
            Swing(
                label=_label(members),
                keys=tuple(one.key for one in members),
                low=low,
                high=high,
                share=weight / whole if whole else 0.0,
                evidence=Evidence.weakest(one.evidence for one in members if one.evidence is not None),
            )
            for (members, low, high), weight in zip(rows, weights)
        ]
        return tuple(sorted(swings, key=lambda swing: -swing.share))

    def break_even(self, key: str, level: float = 1.0) -> float | None:
        """The value of one input at which the account equals `level`; None where no value from its least to its most
        (and within 10^±30 of its unit) does. Of several the one nearest to its present value, by factor.

        Raises
        ------
        ValueError
            For a key that is no input.
        """
        self._check([key])
        one = self.inputs[key]
        ends = max(one.least, 1e-30), min(one.most, 1e30)
        points = np.unique(np.concatenate([np.geomspace(*ends, 2401), [one.value] if one.value > 0 else []]))
        gaps = np.broadcast_to(self.evaluate({key: points}), points.shape) - level
        gaps = np.where(np.isfinite(gaps), gaps, np.nan)
        crossing = np.flatnonzero((gaps[:-1] <= 0) & (gaps[1:] > 0) | (gaps[:-1] >= 0) & (gaps[1:] < 0))
        now = math.log(one.value) if one.value > 0 else math.log(ends[0])
        for k in sorted(crossing, key=lambda k: abs(math.log(points[k]) - now)):
            found = self._root(key, level, float(points[k]), float(points[k + 1]))
            # At a pole the sign changes too, and no value in between is the level.
            if abs(float(self.evaluate({key: found})) - level) <= 1e-6 * abs(level):
                return found
        return None

    def _root(self, key: str, level: float, low: float, high: float) -> float:
        """Between two values of an input, the one at which the account crosses a level."""

        def gap(log_x: float) -> float:
            return float(self.evaluate({key: math.exp(log_x)})) - level

        if gap(math.log(low)) * gap(math.log(high)) >= 0:
            return low
        root: Any = brentq(gap, math.log(low), math.log(high), xtol=1e-14)
        return math.exp(root)

    def tree(self) -> Tree:
        """The formula as nested lists, which pages evaluate."""
        return self._tree

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal account."""
        return {
            "formula": self.formula,
            "tree": self._tree,
            "value": self.value,
            "inputs": [one.to_dict() for one in self.inputs.values()],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Account:
        return cls(values["formula"], [Input.from_dict(one) for one in values["inputs"]])

    def _check(self, keys: Iterable[str]) -> None:
        strangers = [key for key in keys if key not in self.inputs]
        if strangers:
            raise ValueError(f"no input {', '.join(strangers)} here; the inputs are {', '.join(self.inputs)}")

    def _groups(self) -> dict[str, list[Input]]:
        """Inputs with a range, by what they move with."""
        groups: dict[str, list[Input]] = {}
        for one in self.inputs.values():
            if not one.exact:
                groups.setdefault(one.group or f"input {one.key}", []).append(one)
        return groups

    def _joined(self, symbol: str, other: Account | float) -> Account:
        if not isinstance(other, Account):
            return Account(f"({self.formula}) {symbol} {float(other)!r}", self.inputs)
        renamed, inputs = {}, dict(self.inputs)
        for key, one in other.inputs.items():
            fresh, k = key, 1
            while fresh in inputs and inputs[fresh] != replace(one, key=fresh):
                k += 1
                fresh = f"{key}_{k}"
            renamed[key], inputs[fresh] = fresh, replace(one, key=fresh)
        # A name begins after neither a digit nor a point: the e6 of 1e6 and of 1.e6 is none.
        formula = re.sub(r"(?<![\w.])[^\W\d]\w*", lambda found: renamed.get(found[0], found[0]), other.formula)
        return Account(f"({self.formula}) {symbol} ({formula})", inputs)


def total(accounts: Iterable[Account]) -> Account:
    """The sum of accounts; inputs they share are shared.

    Raises
    ------
    ValueError
        Of no accounts.
    """
    accounts = list(accounts)
    if not accounts:
        raise ValueError("there is no sum of no accounts")
    whole = accounts[0]
    for one in accounts[1:]:
        whole = whole + one
    return whole


def _deviates(group: str, draws: int, seed: int) -> NDArray[np.float64]:
    digest = hashlib.blake2b(group.encode(), digest_size=16).digest()
    words = np.frombuffer(digest, dtype=np.uint32).tolist()
    return np.random.default_rng([seed, *words]).standard_normal(draws)


def _label(members: list[Input]) -> str:
    labels = [one.label for one in members]
    if len(labels) <= 3:
        return " and ".join([", ".join(labels[:-1]), labels[-1]]) if len(labels) > 1 else labels[0]
    return f"{', '.join(labels[:2])} and {len(labels) - 2} more of one source"


def _parse(formula: str) -> Tree:
    try:
        return _tree(ast.parse(formula, mode="eval").body)
    except SyntaxError:
        raise ValueError(f"the formula {formula!r} is no arithmetic expression") from None


def _tree(node: ast.AST) -> Tree:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ["-", 0.0, _tree(operand)]
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _tree(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SYMBOLS:
            return [_SYMBOLS[type(op)], _tree(left), _tree(right)]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if _FUNCTIONS.get(name) == len(args):
            return [name, *map(_tree, args)]
    functions = ", ".join(f"{name}(a)" if n == 1 else f"{name}(a, b)" for name, n in _FUNCTIONS.items())
    raise ValueError(
        f"{ast.unparse(node)!r} cannot stand in a formula; it takes numbers, names, + - * / ** and {functions}"
    )


def _names(tree: Tree) -> Iterable[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, list):
        for operand in tree[1:]:
            yield from _names(operand)


def _evaluate(tree: Tree, values: Mapping[str, Any]) -> Any:
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, list):
        return _OPERATORS[tree[0]](*(np.asarray(_evaluate(operand, values), dtype=np.float64) for operand in tree[1:]))
    return tree
