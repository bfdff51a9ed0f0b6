"""Sourced quantities: a number, its range, and where it came from; and the files that hold them.

A machine is a TOML file in which every number is a table::

    [parameters]
    phase_time = { value = "10 ns", evidence = "derived", source = "key2026", note = "…" }

Text without units and booleans are plain. Units are parsed here once; everything behind this module is an
SI float. `value = "not stated"` loads as None, which is not zero: what needs such a number has no value.
"""

from __future__ import annotations

import datetime
import difflib
import enum
import math
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

#: What a joule figure includes, from the inside out: the cell alone; the core (cells with clock, wires and
#: weights); the chip with its read-out and input; the board with regulators and carrier; the wall plug; and
#: the building with its cooling.
BOUNDARIES = ("cell", "core", "chip", "board", "wall", "facility")

NOT_STATED = "not stated"

_PREFIXES = {
    **{"f": -15, "p": -12, "n": -9, "µ": -6, "μ": -6, "u": -6, "m": -3, "": 0},
    **{"a": -18, "z": -21, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18},
}
# Each unit with the example that an error message shows.
_UNITS = {
    **{"J": "7.1 fJ", "W": "3.1 W", "s": "7.1 fs", "Hz": "100 MHz", "V": "0.1 V", "A": "2 µA"},
    **{"F": "1 nF", "ohm": "1 kohm", "H": "1 mH", "K": "300 K"},
    **{"B": "80 GB", "bit": "8 bit", "FLOP": "98 FLOP", "1": "0.85"},
}
_SYMBOLS = {prefix + unit: (unit, power) for unit in _UNITS for prefix, power in _PREFIXES.items()}
_SYMBOLS |= {f"{prefix}{ohm}": ("ohm", power) for ohm in "\u03a9\u2126" for prefix, power in _PREFIXES.items()}
# A pure number takes no prefix, so that "2 k1" is not two thousand.
_SYMBOLS = {symbol: meaning for symbol, meaning in _SYMBOLS.items() if meaning[0] != "1" or symbol == "1"}

#: The note of a number that could not be read, where `read_machine` goes on.
AT_FAULT = "at fault"
# What the table of a number may say in words.
_TEXTS = ("source", "locator", "note", "group")

_T = TypeVar("_T")


class CatalogueError(ValueError):
    """A machine or bibliography file that cannot be read; the message names the file and the key."""


class Evidence(enum.Enum):
    """How a number is known, strongest first.

    measured: metered on hardware. simulated: circuit simulation of a design. vendor_claim: stated or
    projected by its maker. derived: computed here from other numbers. assumed: a guess, which needs a note.
    """

    MEASURED = "measured"
    SIMULATED = "simulated"
    VENDOR_CLAIM = "vendor_claim"
    DERIVED = "derived"
    ASSUMED = "assumed"

    @property
    def rank(self) -> int:
        """4 for measured down to 0 for assumed: the larger, the stronger."""
        return len(Evidence) - 1 - list(Evidence).index(self)

    @classmethod
    def weakest(cls, grades: Iterable[Evidence]) -> Evidence | None:
        """The grade that a result made of several numbers inherits; None of no numbers."""
        return min(grades, key=lambda grade: grade.rank, default=None)


#: The range of a number that comes without one is value ÷ factor to value × factor. The factors are this
#: project's convention, meant as 95 % of a lognormal: a metered number is good to a tenth; circuit
#: simulation, a maker's statement and our arithmetic to a factor of three; a guess to a factor of ten. Give
#: a range wherever the source does.
RANGE_FACTORS: Mapping[Evidence, float] = {
    Evidence.MEASURED: 1.1,
    Evidence.SIMULATED: 3.0,
    Evidence.VENDOR_CLAIM: 3.0,
    Evidence.DERIVED: 3.0,
    Evidence.ASSUMED: 10.0,
}


def parse_quantity(quantity: str | float, unit: str) -> float:
    """A quantity as an SI float in `unit`.

    Parameters
    ----------
    quantity : str or number
        "7.09 fJ", "383 1/ns", "2.039 TB/s": a number and a unit with an optional SI prefix (z to E; µ and u
        are micro; prefixes are powers of ten, so a kB is 1000 B). A bare number only where `unit` is "1".
    unit : str
        J, W, s, Hz, V, A, F, ohm (or Ω), H, K, B, bit, FLOP, 1, or one of these over another ("FLOP/s").
        Units are compared as written: Hz is not 1/s.

    Raises
    ------
    ValueError
        For text that is no quantity in that unit, with an example of one that is; or not finite.

    Examples
    --------
    >>> parse_quantity("7.09 fJ", "J")
    7.09e-15
    >>> parse_quantity("10 uS", "s")
    Traceback (most recent call last):
    ...
    ValueError: '10 uS' is not a quantity in s; write for example '7.1 fs'
    """
    remedy = f"write for example {_example(unit)!r}"
    wrong = ValueError(f"{quantity!r} is not a quantity in {unit}; {remedy}")
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        raise wrong
    number, _, symbol = str(quantity).strip().partition(" ")
    found, power = _dimension(symbol.strip() or "1")
    if found is None or found != _dimension(unit)[0]:
        raise wrong
    try:
        # In decimal, so that "7.09 fJ" is the same float as 7.09e-15.
        value = float(Decimal(number).scaleb(power))
    except ArithmeticError:
        raise wrong from None
    if not math.isfinite(value):
        raise ValueError(f"{quantity!r} is not finite; {remedy}")
    return value


def unit_of(quantity: str | float) -> str | None:
    """The unit of a quantity without its prefixes, as `parse_quantity` takes it; None of text that is no quantity.

    Examples
    --------
    >>> unit_of("2.039 TB/s"), unit_of(132), unit_of("not stated")
    ('B/s', '1', None)
    """
    symbol = str(quantity).strip().partition(" ")[2]
    found, _ = _dimension(symbol.strip() or "1")
    unit = None if found is None else "/".join(found)
    try:
        return unit if unit and math.isfinite(parse_quantity(quantity, unit)) else None
    except ValueError:
        return None


def _example(unit: str) -> str:
    return _UNITS.get(unit, f"7.1 {unit}")


def _dimension(symbol: str) -> tuple[tuple[str, ...] | None, int]:
    """The units of "<prefix><unit>[/<prefix><unit>]" and its power of ten; None if it is no unit."""
    parts = [_SYMBOLS.get(part) for part in symbol.split("/")]
    if len(parts) > 2 or None in parts:
        return None, 0
    known = [part for part in parts if part is not None]
    return tuple(unit for unit, _ in known), known[0][1] - sum(power for _, power in known[1:])


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One number with its range, evidence and source.

    Attributes
    ----------
    value : float or None
        In SI units; positive and finite. None: nobody has stated it.
    unit : str
        See `parse_quantity`.
    low, high : float or None
        The stated range, both or neither; see `interval`.
    evidence : Evidence or None
        None only where the value is.
    source : str
        A key of the bibliography; may be empty for an assumed value, whose note says why.
    locator : str
        Where in the source.
    note : str
        Needed for an assumed value. One that is not stated needs a source or a note.
    group : str
        Numbers of one group err together, as those of one circuit simulation or one supply voltage do; empty for
        those of the same source and evidence (see `pbits.accounts.group_of`).
    """

    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    evidence: Evidence | None = None
    source: str = ""
    locator: str = ""
    note: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if self.value is None:
            if (self.low, self.high, self.evidence) != (None, None, None):
                raise ValueError("a value that is not stated has no range and no evidence")
            if not (self.source or self.note):
                raise ValueError("a value that is not stated needs a source or a note saying who does not state it")
            return
        if self.evidence is None:
            raise ValueError(f"a value needs evidence: one of {_listed(grade.value for grade in Evidence)}")
        if not (math.isfinite(self.value) and self.value > 0):
            raise ValueError(f"the value is {self.value:g} {self.unit}; it must be positive and finite")
        if (self.low is None) != (self.high is None):
            raise ValueError("a range has two ends, low and high; give both or neither")
        if self.low is not None and self.high is not None and not (0 < self.low <= self.value <= self.high < math.inf):
            raise ValueError(
                f"the range {self.low:g} to {self.high:g} {self.unit} must be positive and finite and "
                f"hold the value {self.value:g}"
            )
        if self.evidence is Evidence.ASSUMED and not self.note:
            raise ValueError("an assumed value needs a note saying why that value")
        if self.evidence is not Evidence.ASSUMED and not self.source:
            raise ValueError(f"a {self.evidence.value} value needs a source")

    @property
    def interval(self) -> tuple[float, float] | None:
        """The stated range; else value ÷ and × `RANGE_FACTORS`; None where the value is."""
        if self.value is None or self.evidence is None:
            return None
        if self.low is not None and self.high is not None:
            return self.low, self.high
        factor = RANGE_FACTORS[self.evidence]
        return self.value / factor, self.value * factor

    @classmethod
    def from_table(cls, table: Any, unit: str, where: str) -> Parameter:
        """Read `{ value = "7.09 fJ", range = ["2 fJ", "20 fJ"], evidence = "simulated", source = "key" }`.

        Parameters
        ----------
        table : Mapping
            Keys value, range, evidence, source, locator, note, group.
        unit : str
            The unit to expect.
        where : str
            What an error names, such as "extropic-z1.toml, prices.update".

        Raises
        ------
        CatalogueError
            For an unknown or missing key, another dimension, or a value that `Parameter` refuses.
        """
        if not isinstance(table, Mapping):
            example = f'{{ value = "{_example(unit)}", evidence = "measured", source = "key" }}'
            raise CatalogueError(
                f"{where}: expected a table with value, evidence and source, found {table!r}; write for "
                f"example {example}"
            )
        _reject_unknown(table, ("value", "range", "evidence", *_TEXTS), where)
        if "value" not in table:
            raise CatalogueError(f"{where}: no value; write {NOT_STATED!r} for a number that nobody states")
        texts = {key: table.get(key, "") for key in _TEXTS}
        for key, text in texts.items():
            if not isinstance(text, str):
                raise CatalogueError(f"{where}: {key} is {text!r}; it must be text")
        stated = table["value"] != NOT_STATED
        ends = table.get("range")
        if ends is not None and not (isinstance(ends, list | tuple) and len(ends) == 2):
            raise CatalogueError(f"{where}: range is {ends!r}; it must be a list of two, low and high")
        evidence = table.get("evidence")
        if evidence is not None:
            grades = {grade.value: grade for grade in Evidence}
            evidence = _chosen(evidence, grades, "evidence", where)
        try:
            low, high = (None, None) if ends is None else (parse_quantity(end, unit) for end in ends)
            value = parse_quantity(table["value"], unit) if stated else None
            return cls(value=value, unit=unit, low=low, high=high, evidence=evidence, **texts)
        except ValueError as error:
            raise CatalogueError(f"{where}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal parameter."""
        return asdict(self) | {"evidence": None if self.evidence is None else self.evidence.value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Parameter:
        plain = dict(values)
        grade = plain.pop("evidence")
        return cls(**plain, evidence=None if grade is None else Evidence(grade))


@dataclass(frozen=True)
class Figure:
    """A non-negative number with its range and the weakest evidence behind it; what sums and products of
    parameters are.

    Attributes
    ----------
    value, low, high : float or None
        All None where something that the number needs is not stated.
    evidence : Evidence or None
        None for a number that is given exactly: counted, or set by the user.

    Examples
    --------
    >>> clock = Parameter(value=1e8, unit="Hz", low=5e7, high=1e8, evidence=Evidence.ASSUMED, note="a guess")
    >>> 3 / Figure.of(clock)
    Figure(value=3e-08, low=3e-08, high=6e-08, evidence=<Evidence.ASSUMED: 'assumed'>)
    """

    value: float | None
    low: float | None
    high: float | None
    evidence: Evidence | None

    @classmethod
    def of(cls, given: Parameter | Figure | float | None) -> Figure:
        """A parameter with its interval, or a number that is exact."""
        if isinstance(given, Figure):
            return given
        if isinstance(given, Parameter):
            if given.value is None or given.interval is None:
                return cls(None, None, None, None)
            return cls(given.value, *given.interval, given.evidence)
        return cls(given, given, given, None)

    def _with(self, other: Figure | float, join: Callable[[float, float], float], falls: bool) -> Figure:
        """Join two figures by a function that rises in self and rises, or falls, in other."""
        other = Figure.of(other)
        weakest = Evidence.weakest(grade for grade in (self.evidence, other.evidence) if grade is not None)
        ends = (other.high, other.low) if falls else (other.low, other.high)

        def joined(a: float | None, b: float | None) -> float | None:
            return None if a is None or b is None else join(a, b)

        value = joined(self.value, other.value)
        return Figure(value, joined(self.low, ends[0]), joined(self.high, ends[1]), None if value is None else weakest)

    def __add__(self, other: Figure | float) -> Figure:
        return self._with(other, lambda a, b: a + b, falls=False)

    def __mul__(self, other: Figure | float) -> Figure:
        return self._with(other, lambda a, b: a * b, falls=False)

    def __truediv__(self, other: Figure | float) -> Figure:
        return self._with(other, lambda a, b: a / b, falls=True)

    def at_least(self, other: Figure | float) -> Figure:
        """The larger of two figures, end by end."""
        return self._with(other, max, falls=False)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rtruediv__(self, other: float) -> Figure:
        return Figure.of(other) / self

    def to_dict(self) -> dict[str, Any]:
        return vars(self) | {"evidence": None if self.evidence is None else self.evidence.value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Figure:
        grade = values["evidence"]
        return cls(**{**values, "evidence": None if grade is None else Evidence(grade)})


@dataclass(frozen=True, kw_only=True)
class Included:
    """A price that another one already contains: `{ included_in = "update" }`.

    `in_` names an operation ("update") or a power state ("power.active").
    """

    in_: str


@dataclass(frozen=True, kw_only=True)
class Uplift:
    """From one boundary to the next wider: joules × factor + power × device time.

    Attributes
    ----------
    factor : Parameter or None
        A pure number; its whole range is at least 1, since a wider boundary contains the narrower one.
    power : Parameter or None
        Watts drawn over the device time by what the wider boundary adds.
    """

    factor: Parameter | None = None
    power: Parameter | None = None

    def __post_init__(self) -> None:
        if self.factor is None and self.power is None:
            raise ValueError("an uplift needs a factor, a power, or both")
        if self.factor is not None:
            _check_unit(self.factor, "1", "factor")
            if self.factor.interval is not None and self.factor.interval[0] < 1:
                raise ValueError(
                    f"the factor of an uplift ranges from {self.factor.interval[0]:g}; a wider boundary "
                    "holds at least as many joules, so give a range that starts at 1 or above (for an efficiency, "
                    "1 over it)"
                )
        if self.power is not None:
            _check_unit(self.power, "W", "power")


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """What one counted operation costs in joules, and what one power state draws in watts.

    Attributes
    ----------
    boundary : str
        What these prices include: one of `BOUNDARIES`.
    operations : mapping of name to Parameter or Included
        Joules per counted operation.
    power : mapping of name to Parameter or Included
        Watts in each power state.
    uplifts : mapping of boundary to Uplift
        How to reach each wider boundary from the one before.
    date : str
        The date of the machine file.

    Raises
    ------
    ValueError
        For an unknown boundary, a price in another unit, or an `Included` that names no price.
    """

    boundary: str
    operations: Mapping[str, Parameter | Included] = field(default_factory=dict)
    power: Mapping[str, Parameter | Included] = field(default_factory=dict)
    uplifts: Mapping[str, Uplift] = field(default_factory=dict)
    date: str = ""

    def __post_init__(self) -> None:
        check_boundary(self.boundary)
        for boundary in self.uplifts:
            if BOUNDARIES.index(check_boundary(boundary)) <= BOUNDARIES.index(self.boundary):
                raise ValueError(
                    f"uplifts.{boundary} leads nowhere: the prices already include the whole {self.boundary}"
                )
        items = self.items()
        for item, price in items.items():
            if isinstance(price, Parameter):
                _check_unit(price, "W" if item.startswith("power.") else "J", item)
            elif not isinstance(items.get(price.in_), Parameter):
                carriers = [name for name, other in items.items() if isinstance(other, Parameter)]
                close = difflib.get_close_matches(price.in_, carriers, n=1)
                raise ValueError(
                    f"{item} is included in {price.in_!r}, which is no price here"
                    + (f" (the nearest is {close[0]!r}: is one of the two misspelt?)" if close else "")
                    + f"; the prices are {_listed(carriers)}"
                )

    def items(self) -> dict[str, Parameter | Included]:
        """Every price by the name that `Included` uses: "update", "power.active"."""
        return {**self.operations, **{f"power.{state}": price for state, price in self.power.items()}}

    def with_prices(self, given: Mapping[str, Parameter]) -> PriceTable:
        """The table with some prices replaced or added: "update", "read", "power.idle", ….

        Raises
        ------
        ValueError
            For a price in another unit.
        """
        power = {name.removeprefix("power."): one for name, one in given.items() if name.startswith("power.")}
        operations = {name: one for name, one in given.items() if not name.startswith("power.")}
        return replace(self, operations={**self.operations, **operations}, power={**self.power, **power})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal table."""
        return {
            "boundary": self.boundary,
            "operations": {name: _price_to_dict(price) for name, price in self.operations.items()},
            "power": {name: _price_to_dict(price) for name, price in self.power.items()},
            "uplifts": {
                name: {part: value.to_dict() for part, value in _uplift_parts(uplift).items()}
                for name, uplift in self.uplifts.items()
            },
            "date": self.date,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PriceTable:
        return cls(
            boundary=values["boundary"],
            operations={name: _price_from_dict(price) for name, price in values["operations"].items()},
            power={name: _price_from_dict(price) for name, price in values["power"].items()},
            uplifts={
                name: Uplift(**{part: Parameter.from_dict(value) for part, value in uplift.items()})
                for name, uplift in values["uplifts"].items()
            },
            date=values["date"],
        )


def check_boundary(boundary: str) -> str:
    """The boundary as given; ValueError for one that is not in `BOUNDARIES`."""
    if boundary not in BOUNDARIES:
        raise ValueError(f"there is no boundary {boundary!r}; choose one of {_listed(BOUNDARIES)}")
    return boundary


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entry of the bibliography.

    Attributes
    ----------
    key, authors, title, identifier : str
        The identifier is an arXiv number, a DOI, a repository and path, or an address.
    year : int or None
        None where what was read does not say.
    read : str
        What stands behind the entry: "primary" (the text itself was read), "citing source: …" (another text
        that quotes it) or "memory".
    """

    key: str
    authors: str
    title: str
    year: int | None
    identifier: str
    read: str

    def __post_init__(self) -> None:
        if self.read not in ("primary", "memory") and not re.match(r"citing source: \S", self.read):
            raise ValueError(f"read is {self.read!r}; write 'primary', 'memory' or 'citing source: …'")


_SOURCE_KEYS = tuple(item.name for item in fields(Source) if item.name != "key")


def read_sources(path: str | Path) -> dict[str, Source]:
    """The bibliography at `path`: one TOML table per key.

    Raises
    ------
    CatalogueError
        For malformed TOML, or an entry with a missing or unknown key.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return _sources(_read_toml(path), str(path))
    return dict(_sources_once(str(path), found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=16)
def _sources_once(path: str, _mtime_ns: int, _size: int) -> dict[str, Source]:
    """The bibliography of a file as it was at a time: every machine that is loaded asks for it."""
    return _sources(_read_toml(path), path)


def _sources(tables: Mapping[str, Any], where: str) -> dict[str, Source]:
    sources = {}
    for key, table in tables.items():
        entry = f"{where}, {key}"
        if not isinstance(table, Mapping):
            raise CatalogueError(f"{entry}: expected a table with {_listed(_SOURCE_KEYS)}, found {table!r}")
        _reject_unknown(table, _SOURCE_KEYS, entry)
        values = {name: _required(table, name, entry) for name in _SOURCE_KEYS}
        if values["year"] == NOT_STATED:
            values["year"] = None
        try:
            sources[key] = Source(key=key, **values)
        except ValueError as error:
            raise CatalogueError(f"{entry}: {error}") from None
    return sources


class _Missing(enum.Enum):
    MISSING = "missing"


MISSING = _Missing.MISSING


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """A machine as its file describes it; a physics module turns it into a substrate.

    Attributes
    ----------
    name, title, physics, date, description : str
        `physics` is the module that can read the parameters.
    illustrative : bool
        Whether nobody has built or announced this machine.
    parameters : mapping
        As written: text and booleans plain, every number a table. Read them with the methods below, which
        raise `CatalogueError` naming the file, the key and what was expected.
    prices : PriceTable or None
        None for a machine that states no joules at all.
    sources : mapping of key to Source
        The sources that this machine cites.
    path : str
        The file.
    """

    name: str
    title: str
    physics: str
    date: str
    description: str
    illustrative: bool = False
    parameters: Mapping[str, Any]
    prices: PriceTable | None
    sources: Mapping[str, Source]
    path: str

    def parameter(self, key: str, unit: str) -> Parameter:
        """The parameter `key`, which must be in the file, in `unit`."""
        return Parameter.from_table(self._get(key, f"a number in {unit}"), unit, self._where(key))

    def number(self, key: str, unit: str, default: _T | _Missing = MISSING) -> float | _T | None:
        """The value of `key` in `unit`; None where not stated, `default` where not in the file."""
        if key not in self.parameters and not isinstance(default, _Missing):
            return default
        return self.parameter(key, unit).value

    def figure(self, key: str, unit: str) -> Figure:
        """The value of `key` with its range; unknown where not stated or not in the file."""
        return Figure.of(self.parameter(key, unit) if key in self.parameters else None)

    def integer(self, key: str, default: _T | _Missing = MISSING) -> int | _T:
        """The whole number `key`; `default` where not in the file or not stated.

        Without a default it must be stated: no machine can be built with an unknown number of sites.
        """
        value = None
        if key in self.parameters or isinstance(default, _Missing):
            value = self.parameter(key, "1").value
        if value is None:
            if isinstance(default, _Missing):
                raise CatalogueError(f"{self._where(key)}: expected a whole number, found {NOT_STATED!r}")
            return default
        if value != int(value):
            raise CatalogueError(f"{self._where(key)}: expected a whole number, found {value:g}")
        return int(value)

    def text(self, key: str, choices: Collection[str] | None = None, default: _T | _Missing = MISSING) -> str | _T:
        """The text `key`, one of `choices` if given; `default` where not in the file."""
        if key not in self.parameters and not isinstance(default, _Missing):
            return default
        value = self._get(key, "text")
        if not isinstance(value, str):
            raise CatalogueError(f"{self._where(key)}: expected text, found {value!r}")
        if choices is None:
            return value
        return _chosen(value, {choice: choice for choice in choices}, key, self._where(key))

    def flag(self, key: str, default: bool | _Missing = MISSING) -> bool:
        """The boolean `key`; `default` where not in the file."""
        if key not in self.parameters and not isinstance(default, _Missing):
            return default
        value = self._get(key, "true or false")
        if not isinstance(value, bool):
            raise CatalogueError(f"{self._where(key)}: expected true or false, found {value!r}")
        return value

    def has(self, key: str) -> bool:
        """Whether `key` is in the file, stated or not."""
        return key in self.parameters

    def reject_unknown(self, allowed: Collection[str]) -> None:
        """Refuse a parameter that this physics does not read, which is most often a misspelling."""
        _reject_unknown(self.parameters, allowed, f"{Path(self.path).name}, parameters")

    def _get(self, key: str, expected: str) -> Any:
        if key not in self.parameters:
            raise CatalogueError(f"{self._where(key)}: not in the file; expected {expected}")
        return self.parameters[key]

    def _where(self, key: str) -> str:
        return f"{Path(self.path).name}, parameters.{key}"


def read_uplifts(path: str | Path) -> dict[str, Uplift]:
    """The uplifts at `path` for machines that name none of their own: a table for each boundary reached.

    Raises
    ------
    CatalogueError
        For malformed TOML, an unknown boundary, or a number that `Uplift` refuses.
    """
    where = Path(path).name
    uplifts = {key: _uplift(value, f"{where}, {key}") for key, value in _read_toml(path).items()}
    for boundary in uplifts:
        _bounded(boundary, where)
    return uplifts


def read_machine(
    path: str | Path,
    sources: Mapping[str, Source] | None = None,
    uplifts: Mapping[str, Uplift] | None = None,
    faults: list[str] | None = None,
) -> MachineSpec:
    """The machine described by the TOML file at `path`.

    Parameters
    ----------
    path : str or Path
    sources : mapping of key to Source, optional
        A bibliography to use besides a sources.toml in the same folder and the file's own `[sources.key]`
        tables, each of which comes before the one named earlier.
    uplifts : mapping of boundary to Uplift, optional
        For each boundary wider than the prices' to which neither the file nor an uplifts.toml in the same folder
        names an uplift.
    faults : list of str, optional
        Where given, it gets a message for every fault inside the file, and the machine comes back without what is
        at fault, instead of an error at the first.

    Raises
    ------
    CatalogueError
        For malformed TOML (with its line), an unknown or missing key, a number that is no table, a price in
        another dimension, or a source that no bibliography holds.
    """
    path = Path(path)
    name = path.name
    table = _read_toml(path)
    texts = dict.fromkeys(("name", "title", "physics", "date", "description"), "")
    known = dict(sources or {})
    everybody = dict(uplifts or {})
    if (beside := path.with_name("sources.toml")).exists():
        known |= read_sources(beside)
    if (beside := path.with_name("uplifts.toml")).exists():
        everybody |= read_uplifts(beside)

    sections = ("schema", *texts, "illustrative", "parameters", "prices", "power", "uplifts", "sources")
    for key in table:
        with kept(faults):
            _reject_unknown((key,), sections, name)
    with kept(faults):
        if _required(table, "schema", name) != 1:
            raise CatalogueError(f"{name}: schema is {table['schema']!r}; this version reads schema 1")
    for key in texts:
        with kept(faults):
            texts[key] = str(_required(table, key, name))
            if key == "date":
                _check_date(texts[key], name)
    illustrative = table.get("illustrative", False)
    with kept(faults):
        if not isinstance(illustrative, bool):
            raise CatalogueError(f"{name}: illustrative is {illustrative!r}; it must be true or false")
    parameters = {}
    for key, value in _section(table, "parameters", name, faults).items():
        parameters[key] = {"value": NOT_STATED, "note": AT_FAULT}
        with kept(faults):
            if not isinstance(value, str | bool | Mapping):
                raise CatalogueError(
                    f"{name}, parameters.{key}: found {value!r}; every number is a table with value, evidence and "
                    "source"
                )
            parameters[key] = value
    prices = _prices(table, name, texts["date"], everybody, faults)
    own = _section(table, "sources", name, faults)
    for key, value in own.items():
        with kept(faults):
            known |= _sources({key: value}, f"{name}, sources")
    cited: dict[str, Source] = {}
    for where, key in _citations(parameters, prices):
        if key in known:
            cited[key] = known[key]
        elif key not in own:
            with kept(faults):
                raise CatalogueError(
                    f"{name}, {where}: the source {key!r} is in no bibliography{_nearest(key, known)}; to add it, "
                    f"write a table [sources.{key}] in this file, with {_listed(_SOURCE_KEYS)}"
                )
    return MachineSpec(
        **texts, illustrative=illustrative is True, parameters=parameters, prices=prices, sources=cited, path=str(path)
    )


@contextmanager
def kept(faults: list[str] | None) -> Iterator[None]:
    """Keep the message of an error and go on, where there is a list for it."""
    try:
        yield
    except CatalogueError as error:
        if faults is None:
            raise
        faults.append(str(error))


def _check_date(text: str, name: str) -> None:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise CatalogueError(f"{name}: date is {text!r}; write it as 2026-11-22") from None


def _prices(
    table: Mapping[str, Any], name: str, date: str, everybody: Mapping[str, Uplift], faults: list[str] | None
) -> PriceTable | None:
    if "prices" not in table:
        for section in ("power", "uplifts"):
            with kept(faults):
                if section in table:
                    raise CatalogueError(f"{name}: {section} needs a [prices] table with the boundary it is stated at")
        return None
    prices = dict(_section(table, "prices", name, faults))
    boundary = None
    with kept(faults):
        boundary = _bounded(_required(prices, "boundary", f"{name}, prices"), f"{name}, prices")
    prices.pop("boundary", None)
    operations: dict[str, Parameter | Included] = {}
    power: dict[str, Parameter | Included] = {}
    for section, unit, given, found in (
        ("prices", "J", prices, operations),
        ("power", "W", _section(table, "power", name, faults), power),
    ):
        for key, value in given.items():
            # What includes a price that is at fault is not at fault itself.
            found[key] = Parameter(value=None, unit=unit, note=AT_FAULT)
            with kept(faults):
                found[key] = _price(value, unit, f"{name}, {section}.{key}")
    wider = BOUNDARIES[BOUNDARIES.index(boundary) + 1 :] if boundary else ()
    uplifts = {key: everybody[key] for key in wider if key in everybody}
    for key, value in _section(table, "uplifts", name, faults).items():
        with kept(faults):
            uplifts[key] = _uplift(value, f"{name}, uplifts.{key}")
    if boundary is None:
        return None
    with kept(faults):
        try:
            return PriceTable(boundary=boundary, operations=operations, power=power, uplifts=uplifts, date=date)
        except ValueError as error:
            raise CatalogueError(f"{name}, prices: {error}") from None
    return None


def _bounded(boundary: Any, where: str) -> str:
    try:
        return check_boundary(boundary)
    except ValueError as error:
        raise CatalogueError(f"{where}: {error}") from None


def _price(table: Any, unit: str, where: str) -> Parameter | Included:
    if isinstance(table, Mapping) and "included_in" in table:
        _reject_unknown(table, ("included_in",), where)
        return Included(in_=str(table["included_in"]))
    return Parameter.from_table(table, unit, where)


def _uplift(table: Any, where: str) -> Uplift:
    units = {"factor": "1", "power": "W"}
    if not isinstance(table, Mapping):
        raise CatalogueError(f"{where}: expected a table with {_listed(units)}, found {table!r}")
    _reject_unknown(table, units, where)
    parts = {key: Parameter.from_table(part, units[key], f"{where}.{key}") for key, part in table.items()}
    try:
        return Uplift(**parts)
    except ValueError as error:
        raise CatalogueError(f"{where}: {error}") from None


def _citations(parameters: Mapping[str, Any], prices: PriceTable | None) -> Iterable[tuple[str, str]]:
    """Where each source is cited, and its key."""
    for key, value in parameters.items():
        if isinstance(value, Mapping) and value.get("source"):
            yield f"parameters.{key}", str(value["source"])
    if prices is None:
        return
    priced: dict[str, Any] = {f"prices.{key}": price for key, price in prices.operations.items()}
    priced |= {f"power.{key}": price for key, price in prices.power.items()}
    for boundary, uplift in prices.uplifts.items():
        priced |= {f"uplifts.{boundary}.{part}": value for part, value in _uplift_parts(uplift).items()}
    for where, price in priced.items():
        if isinstance(price, Parameter) and price.source:
            yield where, price.source


def _uplift_parts(uplift: Uplift) -> dict[str, Parameter]:
    parts = {"factor": uplift.factor, "power": uplift.power}
    return {name: part for name, part in parts.items() if part is not None}


def _price_to_dict(price: Parameter | Included) -> dict[str, Any]:
    return {"included_in": price.in_} if isinstance(price, Included) else price.to_dict()


def _price_from_dict(values: Mapping[str, Any]) -> Parameter | Included:
    return Included(in_=values["included_in"]) if "included_in" in values else Parameter.from_dict(values)


def _read_toml(path: str | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"there is no file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path} is not valid TOML: {error}") from None


def _section(table: Mapping[str, Any], key: str, where: str, faults: list[str] | None = None) -> Mapping[str, Any]:
    section = table.get(key, {})
    with kept(faults):
        if not isinstance(section, Mapping):
            raise CatalogueError(f"{where}: {key} is {section!r}; it must be a table, [{key}]")
        return section
    return {}


def _required(table: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in table:
        raise CatalogueError(f"{where}: no {key}")
    return table[key]


def _check_unit(parameter: Parameter, unit: str, name: str) -> None:
    if parameter.unit != unit:
        raise ValueError(f"{name} is in {parameter.unit}; it must be in {unit}")


def _chosen(value: Any, choices: Mapping[str, _T], name: str, where: str) -> _T:
    if not isinstance(value, str) or value not in choices:
        raise CatalogueError(
            f"{where}: {name} is {value!r}; choose one of {_listed(choices)}{_nearest(value, choices)}"
        )
    return choices[value]


def _reject_unknown(table: Iterable[str], allowed: Collection[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise CatalogueError(
                f"{where}: unknown key {key!r}{_nearest(key, allowed)}; allowed are {_listed(allowed)}"
            )


def _nearest(word: Any, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(words), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
