"""What a machine file says, number by number: in rows for a table, against another file, and with all its faults."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pbits.parameters import (
    AT_FAULT,
    CatalogueError,
    Evidence,
    Included,
    MachineSpec,
    Parameter,
    Uplift,
    kept,
    read_machine,
    unit_of,
)
from pbits.report.costs import grade
from pbits.report.quantities import NONE, number, si
from pbits.substrate import build, load, shipped

Entry = Parameter | Included | str | bool
"""What a file says at one place."""

HEADINGS = ("Number", "Value", "Range", "Evidence", "Source", "Note")


def described(machine: str | Path) -> MachineSpec:
    """What the file of a machine says, by the machine's name or the file's.

    Raises
    ------
    ValueError
        For what `pbits.load` refuses, and a machine made in code, which has no file.
    """
    spec = load(machine).spec
    if spec is None:
        raise ValueError(f"{machine} is made in code, not from a catalogue entry; it states no numbers")
    return spec


def entries(spec: MachineSpec) -> dict[str, Entry]:
    """Everything that a file says, by its place: "parameters.clock", "prices.update", "uplifts.wall.factor".

    A parameter is taken in the unit it is written in.
    """
    file = Path(spec.path).name
    found: dict[str, Entry] = {}
    for key, given in spec.parameters.items():
        where = f"parameters.{key}"
        if isinstance(given, Mapping):
            found[where] = Parameter.from_table(given, unit_of(given.get("value", "")) or "1", f"{file}, {where}")
        else:
            found[where] = given
    if spec.prices is not None:
        found["prices.boundary"] = spec.prices.boundary
        found |= {f"prices.{key}": price for key, price in spec.prices.operations.items()}
        found |= {f"power.{key}": price for key, price in spec.prices.power.items()}
        for boundary, uplift in spec.prices.uplifts.items():
            found |= {f"uplifts.{boundary}.{part}": value for part, value in _parts(uplift)}
    return found


def _parts(uplift: Uplift) -> Iterator[tuple[str, Parameter]]:
    for part, value in (("factor", uplift.factor), ("power", uplift.power)):
        if value is not None:
            yield part, value


def weakest(spec: MachineSpec) -> Evidence | None:
    """The weakest evidence among a machine's own numbers; what leads to a wider boundary is not counted."""
    return Evidence.weakest(
        entry.evidence
        for where, entry in entries(spec).items()
        if isinstance(entry, Parameter) and entry.evidence and not where.startswith("uplifts.")
    )


def rows(spec: MachineSpec) -> dict[str, list[list[str]]]:
    """Rows under `HEADINGS`, by the title of their table; parameters in the words of the file."""
    tables: dict[str, list[list[str]]] = {"Parameters": []}
    for key, given in spec.parameters.items():
        tables["Parameters"].append(_as_written(key, given))
    if spec.prices is not None:
        priced = tables[f"Prices, which include the {spec.prices.boundary}"] = []
        for where, entry in entries(spec).items():
            section, _, rest = where.partition(".")
            if section == "uplifts":
                priced.append(_row("to {}, {}".format(*rest.split(".")), entry))
            elif section != "parameters" and rest != "boundary":
                priced.append(_row(rest if section == "prices" else where, entry))
    return {title: table for title, table in tables.items() if table}


def _as_written(key: str, given: Any) -> list[str]:
    if not isinstance(given, Mapping):
        return [key, str(given), "", "", "", ""]
    return [
        key,
        str(given["value"]),
        " to ".join(map(str, given.get("range", ()))),
        grade(given.get("evidence")),
        ", ".join(str(given[part]) for part in ("source", "locator") if given.get(part)),
        str(given.get("note", "")),
    ]


def _row(name: str, entry: Entry) -> list[str]:
    if not isinstance(entry, Parameter):
        return [name, _text(entry), "", "", "", ""]
    source = ", ".join(part for part in (entry.source, entry.locator) if part)
    return [name, _text(entry), _span(entry), grade(_grade(entry)), source, entry.note]


def _text(entry: Entry) -> str:
    if isinstance(entry, Parameter):
        return _amount(entry.value, entry.unit)
    return f"in {entry.in_}" if isinstance(entry, Included) else str(entry)


def _amount(value: float | None, unit: str) -> str:
    if value is None or not unit.startswith("1"):
        return si(value, unit)
    # A prefix before a bare number cannot be read: 517 G1/s.
    return f"{number(value)} {unit}".removesuffix(" 1")


def _span(entry: Parameter) -> str:
    return "" if entry.interval is None else " to ".join(_amount(end, entry.unit) for end in entry.interval)


def bibliography(spec: MachineSpec) -> Iterator[str]:
    """The sources in order, each with what is taken from it, by the place in it."""
    taken: dict[str, dict[str, list[str]]] = {}
    for where, entry in entries(spec).items():
        if isinstance(entry, Parameter) and entry.source:
            taken.setdefault(entry.source, {}).setdefault(entry.locator, []).append(where.removeprefix("parameters."))
    for key, source in sorted(spec.sources.items()):
        year = f", {source.year}" if source.year else ""
        yield f"{key}: {source.authors}: {source.title}{year}. {source.identifier}. Read: {source.read}."
        for locator, places in taken.get(key, {}).items():
            yield f"    {locator or 'no place in it noted'}: {', '.join(places)}"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One place at which two machine files differ.

    Attributes
    ----------
    where : str
    a, b : Parameter, Included, str, bool or None
        None where a file says nothing there.
    """

    where: str
    a: Entry | None
    b: Entry | None

    @property
    def ratio(self) -> float | None:
        """b over a, where both are numbers in one unit that somebody states."""
        if not (isinstance(self.a, Parameter) and isinstance(self.b, Parameter)) or self.a.unit != self.b.unit:
            return None
        return None if self.a.value is None or self.b.value is None else self.b.value / self.a.value

    def texts(self) -> tuple[str, str]:
        """Both sides in words, with as many of them as it takes to tell one from the other."""
        for words in (_brief, _cited, _exact):
            a, b = words(self.a), words(self.b)
            if a != b:
                break
        return a, b

    def to_dict(self) -> dict[str, Any]:
        return {"number": self.where, "a": _plain(self.a), "b": _plain(self.b), "ratio": self.ratio}


def differences(a: MachineSpec, b: MachineSpec) -> list[Difference]:
    """Where two machine files say something else: a value, a range, its evidence, or the place it is from.

    Notes may differ; they say the same in other words.
    """
    left, right = entries(a), entries(b)
    places = [*left, *(where for where in right if where not in left)]
    pairs = [Difference(where=where, a=left.get(where), b=right.get(where)) for where in places]
    return [pair for pair in pairs if _told(pair.a) != _told(pair.b)]


def _told(entry: Entry | None) -> Any:
    if not isinstance(entry, Parameter):
        return entry
    unit = entry.unit if entry.value is not None else ""
    return entry.value, unit, entry.low, entry.high, entry.evidence, entry.source, entry.locator, entry.group


def _brief(entry: Entry | None) -> str:
    """A number with the range that its file states; one that follows from the evidence is not said again."""
    if entry is None:
        return NONE
    if not isinstance(entry, Parameter) or entry.value is None:
        return _text(entry)
    span = f" ({_span(entry)})" if entry.low is not None else ""
    return f"{_text(entry)}{span}, {grade(_grade(entry))}"


def _cited(entry: Entry | None) -> str:
    if not isinstance(entry, Parameter):
        return _brief(entry)
    return ", ".join(part for part in (_brief(entry), entry.source, entry.locator, entry.group) if part)


def _exact(entry: Entry | None) -> str:
    if not isinstance(entry, Parameter):
        return _brief(entry)
    span = "" if entry.low is None else f" ({entry.low!r} to {entry.high!r})"
    return f"{entry.value!r} {entry.unit}{span}"


def _grade(entry: Parameter) -> str | None:
    return None if entry.evidence is None else entry.evidence.value


def _plain(entry: Entry | None) -> Any:
    if isinstance(entry, Parameter):
        return entry.to_dict() | {"interval": None if entry.interval is None else list(entry.interval)}
    return {"included_in": entry.in_} if isinstance(entry, Included) else entry


def faults(path: str | Path) -> list[str]:
    """Everything that is wrong with a machine file; empty for one that makes a machine.

    A text that a physics does not know ends the search in its parameters, since it decides what else is read.
    """
    found: list[str] = []
    try:
        spec = read_machine(path, *shipped(), found)
    except CatalogueError as error:
        return [str(error)]
    probe = _Probe(**{item.name: getattr(spec, item.name) for item in fields(spec)}, faults=found)
    try:
        build(probe)
    except CatalogueError as error:
        found.append(str(error))
    except (ValueError, TypeError) as error:
        # A machine made without what is at fault may well be none, and that is no news.
        if not found:
            found.append(str(error))
    return found


@dataclass(frozen=True, kw_only=True)
class _Probe(MachineSpec):
    """A machine file that notes what is wrong with a number a physics asks for, and answers all the same."""

    faults: list[str] = field(default_factory=list)

    def parameter(self, key: str, unit: str) -> Parameter:
        with kept(self.faults):
            return super().parameter(key, unit)
        return Parameter(value=None, unit=unit, note=AT_FAULT)

    def integer(self, key: str, *default: Any, **named: Any) -> Any:
        given = self.parameters.get(key)
        known = len(self.faults)
        with kept(self.faults):
            return super().integer(key, *default, **named)
        # A number at fault is found to be not stated as well, which is the same fault.
        noted = isinstance(given, Mapping) and given.get("note") == AT_FAULT
        del self.faults[known if noted else known + 1 :]
        return 1

    def reject_unknown(self, allowed: Collection[str]) -> None:
        for key, value in self.parameters.items():
            with kept(self.faults):
                super(_Probe, replace(self, parameters={key: value})).reject_unknown(allowed)
