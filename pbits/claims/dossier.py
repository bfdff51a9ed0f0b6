"""Dossiers: a published claim as a TOML file, with every number it rests on and every assumption that could be another.

::

    schema = 1
    name = "my-claim"
    title = "A chip against a GPU"
    statement = "The chip takes 100 times less energy than a GPU."
    ratio = 100
    boundary = "board"
    quality = "same draws of one model"
    machine = "updates * update + seconds * host"
    rival = "updates * gpu"

    [inputs]
    updates = 1e6
    host = "0 W"
    update = { machine = "extropic-z1", item = "update" }

    [[alternatives]]
    label = "a host of 10 W"
    inputs = { host = "10 W" }

A plain number, or a quantity in quotes, was counted or chosen and is exact; a table is a number as in machine files, or
names one of a machine in the catalogue.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pbits.accounts import Account, Input
from pbits.catalogue import described, entries
from pbits.claims.check import Alternative, ClaimCheck, check_claim
from pbits.claims.sides import Number, as_input
from pbits.parameters import (
    BOUNDARIES,
    NOT_STATED,
    CatalogueError,
    Parameter,
    Source,
    parse_quantity,
    read_sources,
    unit_of,
)
from pbits.substrate import shipped

ENTRY_POINTS = "pbits.claims"
"""The group of entry points: each names a function that returns {name: path} of the dossiers it offers."""

_TEXTS = ("name", "title", "statement", "boundary", "quality", "machine")
_OPTIONAL = ("rival", "value", "machine_boundary", "rival_boundary")
_KEYS = (
    *("schema", *_TEXTS, *_OPTIONAL, "ratio"),
    *("criticism", "inputs", "uplifts", "alternatives", "maps", "sources"),
)
_ALTERNATIVE = ("label", "note", "inputs", "machine", "rival")
_MAP = ("x", "y", "x_range", "y_range")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim as its dossier states it.

    Attributes
    ----------
    name, title, statement, boundary, quality : str
    ratio : float or None
        What is claimed; or `value`, a quantity such as "20 fJ".
    machine : str
    rival : str or None
        Formulas over `inputs`.
    inputs : mapping of key to number
    machine_boundary, rival_boundary : str or None
    uplifts, alternatives, maps, criticism
        As for `pbits.check_claim`.
    sources : mapping of key to Source
        Those that it cites.
    path : str
        The file.

    Examples
    --------
    >>> import pbits
    >>> pbits.Claim.load("kv260-net").check().holds
    True
    """

    name: str
    title: str
    statement: str
    boundary: str
    quality: str
    machine: str
    rival: str | None = None
    ratio: float | None = None
    value: str | None = None
    inputs: Mapping[str, Number] = field(default_factory=dict)
    machine_boundary: str | None = None
    rival_boundary: str | None = None
    uplifts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    alternatives: tuple[Alternative, ...] = ()
    maps: tuple[Mapping[str, Any], ...] = ()
    criticism: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    path: str = ""

    @classmethod
    def load(cls, claim: str | Path) -> Claim:
        """A claim by its name, or from a TOML file.

        Raises
        ------
        ValueError
            For an unknown name; the message suggests the nearest.
        CatalogueError
            For a file that cannot be read; the message names the file, the key and what was expected.
        """
        if str(claim).endswith(".toml"):
            return _read(Path(claim))
        found = _listing()
        if str(claim) not in found:
            known = f"known: {', '.join(sorted(found))}" if found else "no installed package offers any"
            raise ValueError(
                f"no claim is named {str(claim)!r}{_nearest(str(claim), found)}; {known}. A file ends in .toml"
            )
        return _read(found[str(claim)])

    def replaced(self, **changes: Number) -> Claim:
        """The claim with some inputs at other values, exact where they are plain numbers or quantities.

        Raises
        ------
        ValueError
            For a key that is no input, or a value in another unit.
        """
        inputs = dict(self.inputs)
        for key, value in changes.items():
            if key not in inputs:
                raise ValueError(f"no input {key!r}{_nearest(key, inputs)}; the inputs are {', '.join(inputs)}")
            old, new = as_input(key, inputs[key]), as_input(key, value)
            before, after = (one if isinstance(one, str) else one.unit for one in (old, new))
            if before != after:
                raise ValueError(f"{key} is in {before}; {value!r} is in {after}")
            if isinstance(old, Input) and isinstance(new, Input):
                new = replace(new, label=old.label)
            inputs[key] = value if isinstance(new, str) else new
        return replace(self, inputs=inputs)

    def check(self, draws: int = 100_000, seed: int = 0) -> ClaimCheck:
        """Does it hold? See `pbits.check_claim`."""
        try:
            return check_claim(
                self.ratio,
                value=self.value,
                draws=draws,
                seed=seed,
                **{name: getattr(self, name) for name in _PASSED},
            )
        except CatalogueError:
            raise
        except ValueError as error:
            raise CatalogueError(f"{Path(self.path).name or self.name}: {error}") from None


_PASSED = (
    *("name", "statement", "boundary", "quality", "machine", "rival", "inputs", "machine_boundary", "rival_boundary"),
    *("uplifts", "alternatives", "maps", "criticism", "sources"),
)


def available() -> tuple[str, ...]:
    """The names of the dossiers that installed packages offer, sorted."""
    return tuple(sorted(_listing()))


@cache
def _listing() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        offered = point.load()()
        if twice := sorted(found.keys() & offered.keys()):
            raise ValueError(
                f"{point.value!r} offers the claim {twice[0]!r}, which another installed distribution offers too; "
                "rename or uninstall one of them"
            )
        found |= offered
    return found


def _read(path: Path) -> Claim:
    name = path.name
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"there is no file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path} is not valid TOML: {error}") from None
    _reject(table, _KEYS, name)
    if table.get("schema") != 1:
        raise CatalogueError(f"{name}: schema is {table.get('schema')!r}; this version reads claims of schema = 1")
    if "boundary" not in table:
        raise CatalogueError(
            f"{name}: no boundary, and a claim without one says nothing; write one of {', '.join(BOUNDARIES)}"
        )
    texts = {key: _text(table, key, name) for key in _TEXTS}
    optional: dict[str, Any] = {key: _text(table, key, name) for key in _OPTIONAL if key in table}
    ratio = table.get("ratio")
    if ratio is not None and (isinstance(ratio, bool) or not isinstance(ratio, int | float)):
        raise CatalogueError(f"{name}: ratio is {ratio!r}; it must be a number, such as 1e4")
    criticism = table.get("criticism", [])
    if not (isinstance(criticism, list) and all(isinstance(one, str) for one in criticism)):
        raise CatalogueError(f"{name}: criticism is {criticism!r}; it must be a list of texts")
    inputs = _inputs(_table(table, "inputs", name), f"{name}, inputs")
    alternatives = tuple(
        _alternative(one, f"{name}, alternatives[{k}]") for k, one in enumerate(_list(table, "alternatives", name))
    )
    uplifts = {
        role: _inputs(_mapping(steps, f"{name}, uplifts.{role}"), f"{name}, uplifts.{role}")
        for role, steps in _table(table, "uplifts", name).items()
    }
    claim = Claim(
        **texts,
        **optional,
        ratio=None if ratio is None else float(ratio),
        inputs=inputs,
        uplifts=uplifts,
        alternatives=alternatives,
        maps=tuple(_map(one, inputs, f"{name}, maps[{k}]") for k, one in enumerate(_list(table, "maps", name))),
        criticism=tuple(criticism),
        path=str(path),
    )
    _check_used(claim, name)
    return replace(claim, sources=_sources(claim, path, _table(table, "sources", name)))


def _inputs(table: Mapping[str, Any], where: str) -> dict[str, Number]:
    return {key: _number(key, one, f"{where}.{key}") for key, one in table.items()}


def _number(key: str, given: Any, where: str) -> Number:
    """An input as its file states it: exact, with its range, or another file's."""
    try:
        if isinstance(given, Mapping) and ("machine" in given or "item" in given):
            return _of_machine(key, given, where)
        if isinstance(given, Mapping):
            table = {name: value for name, value in given.items() if name not in ("label", "unit")}
            stated = table.get("value", NOT_STATED) != NOT_STATED
            unit = unit_of(table["value"]) if stated else str(given.get("unit", "J"))
            if unit is None:
                raise CatalogueError(f"{where}: value is {table['value']!r}; write a quantity such as '7.1 fJ'")
            if stated and "unit" in given:
                raise CatalogueError(f"{where}: unit is for a number that is not stated; here it stands in value")
            return _labelled(key, Parameter.from_table(table, unit, where), given.get("label", ""))
        if isinstance(given, bool) or not isinstance(given, int | float | str):
            raise CatalogueError(f"{where}: found {given!r}; write a number, a quantity such as '3 W', or a table")
        as_input(key, given)
        return given
    except CatalogueError:
        raise
    except ValueError as error:
        raise CatalogueError(f"{where}: {error}") from None


def _of_machine(key: str, given: Mapping[str, Any], where: str) -> Number:
    _reject(given, ("machine", "item", "label"), where)
    if not {"machine", "item"} <= set(given):
        raise CatalogueError(
            f"{where}: write both machine and item, as in {{ machine = 'extropic-z1', item = 'update' }}"
        )
    try:
        known = entries(described(str(given["machine"])))
    except ValueError as error:
        raise CatalogueError(f"{where}: {error}") from None
    numbers = {place.removeprefix("prices.").removeprefix("parameters."): one for place, one in known.items()}
    found = numbers.get(str(given["item"]))
    if not isinstance(found, Parameter):
        stated = [place for place, one in numbers.items() if isinstance(one, Parameter)]
        raise CatalogueError(
            f"{where}: {given['machine']} states no number {given['item']!r}{_nearest(str(given['item']), stated)}; it "
            f"states {', '.join(stated)}"
        )
    return _labelled(key, found, str(given.get("label", "")))


def _labelled(key: str, parameter: Parameter, label: str) -> Number:
    return Input.of(parameter, key, label) if label and parameter.value is not None else parameter


def _alternative(table: Any, where: str) -> Alternative:
    table = _mapping(table, where)
    _reject(table, _ALTERNATIVE, where)
    if not (set(table) & {"inputs", "machine", "rival"}):
        raise CatalogueError(
            f"{where}: it changes nothing; give inputs = {{ … }}, or another formula as machine or rival"
        )
    return Alternative(
        label=_text(table, "label", where),
        note=_text(table, "note", where) if "note" in table else "",
        inputs=_inputs(_table(table, "inputs", where), f"{where}.inputs"),
        machine=_text(table, "machine", where) if "machine" in table else None,
        rival=_text(table, "rival", where) if "rival" in table else None,
    )


def _map(table: Any, inputs: Mapping[str, Number], where: str) -> dict[str, Any]:
    table = _mapping(table, where)
    _reject(table, _MAP, where)
    found: dict[str, Any] = {}
    for axis in ("x", "y"):
        key = found[axis] = _text(table, axis, where)
        ends = table.get(f"{axis}_range")
        if ends is None:
            continue
        one = as_input(key, inputs[key]) if key in inputs else "1"
        unit = one if isinstance(one, str) else one.unit
        if not (isinstance(ends, list) and len(ends) == 2):
            raise CatalogueError(f"{where}: {axis}_range is {ends!r}; it must be a list of two quantities in {unit}")
        try:
            found[f"{axis}_range"] = tuple(parse_quantity(end, unit) for end in ends)
        except ValueError as error:
            raise CatalogueError(f"{where}.{axis}_range: {error}") from None
    return found


def _check_used(claim: Claim, name: str) -> None:
    """An input that no formula names is a misspelt one."""
    formulas = [claim.machine, claim.rival]
    formulas += [side for one in claim.alternatives for side in (one.machine, one.rival)]
    # Of any value: only the names matter here.
    ones = [Input(key=key, label=key, value=1.0, low=1.0, high=1.0) for key in claim.inputs]
    used: set[str] = set()
    for formula in formulas:
        if isinstance(formula, str):
            try:
                used |= set(Account(formula, ones).inputs)
            except ValueError as error:
                raise CatalogueError(f"{name}: {error}") from None
    for key in claim.inputs:
        if key not in used:
            raise CatalogueError(f"{name}, inputs.{key}: no formula names it{_nearest(key, used)}")


def _sources(claim: Claim, path: Path, own: Mapping[str, Any]) -> dict[str, Source]:
    """The sources that the numbers cite, from the installed catalogues, a sources.toml beside, and the file itself."""
    known = dict(shipped()[0])
    if (beside := path.with_name("sources.toml")).exists():
        known |= read_sources(beside)
    for key, one in own.items():
        try:
            known[key] = Source(key=key, **{**one, "year": None if one.get("year") == NOT_STATED else one.get("year")})
        except (TypeError, ValueError) as error:
            raise CatalogueError(f"{path.name}, sources.{key}: {error}") from None
    numbers = [*claim.inputs.items()]
    numbers += [pair for one in claim.alternatives for pair in one.inputs.items()]
    numbers += [pair for steps in claim.uplifts.values() for pair in steps.items()]
    cited: dict[str, Source] = {}
    for where, number in numbers:
        source = number.source if isinstance(number, Parameter | Input) else ""
        if source and source not in known:
            raise CatalogueError(
                f"{path.name}, {where}: the source {source!r} is in no bibliography{_nearest(source, known)}; "
                f"to add it, write a table [sources.{source}] in this file"
            )
        if source:
            cited[source] = known[source]
    return cited


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    if key not in table:
        raise CatalogueError(f"{where}: no {key}; it must be text")
    if not (isinstance(table[key], str) and table[key].strip()):
        raise CatalogueError(f"{where}: {key} is {table[key]!r}; it must be text")
    return table[key]


def _table(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    return _mapping(table.get(key, {}), f"{where}, {key}")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CatalogueError(f"{where}: found {value!r}; it must be a table")
    return value


def _list(table: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise CatalogueError(f"{where}: {key} must be tables, each under [[{key}]]")
    return value


def _reject(table: Iterable[str], allowed: Collection[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise CatalogueError(
                f"{where}: unknown key {key!r}{_nearest(key, allowed)}; allowed are {', '.join(allowed)}"
            )


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
