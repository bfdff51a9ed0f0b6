"""Reader of the TSPLIB95 format for symmetric instances and tours.

The format and its distance functions: G. Reinelt, "TSPLIB 95", Universität Heidelberg, 1995.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import read_only
from pbits.models.distances import geographical, planar
from pbits.problems._files import number, read_lines, whole_number

MAX_MATRIX_CITIES = 3000

_KEYWORDS = (
    "NAME",
    "TYPE",
    "COMMENT",
    "DIMENSION",
    "EDGE_WEIGHT_TYPE",
    "EDGE_WEIGHT_FORMAT",
    "EDGE_DATA_FORMAT",
    "NODE_COORD_TYPE",
    "DISPLAY_DATA_TYPE",
)
_SECTIONS = ("NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DISPLAY_DATA_SECTION", "TOUR_SECTION")
_COORDINATE_TYPES = ("EUC_2D", "CEIL_2D", "GEO", "ATT")
# The columns of one triangle of a symmetric matrix are the rows of the other.
_AS_ROWS = {
    "UPPER_COL": "LOWER_ROW",
    "LOWER_COL": "UPPER_ROW",
    "UPPER_DIAG_COL": "LOWER_DIAG_ROW",
    "LOWER_DIAG_COL": "UPPER_DIAG_ROW",
}
_FORMATS = ("FULL_MATRIX", *_AS_ROWS.values(), *_AS_ROWS)


@dataclass(frozen=True, kw_only=True, eq=False)
class TsplibInstance:
    """A symmetric TSPLIB instance of n cities, numbered from 0.

    Attributes
    ----------
    name, comment : str
    n : int
        DIMENSION.
    edge_weight_type : str
        EUC_2D, CEIL_2D, GEO, ATT or EXPLICIT.
    coordinates : (n, 2) array or None
        As written in the file: x, y, or latitude, longitude as DDD.MM for GEO. For EXPLICIT instances
        the display coordinates, if there are any.
    weights : (n, n) array or None
        The distances of an EXPLICIT instance.
    """

    name: str
    comment: str
    n: int
    edge_weight_type: str
    coordinates: NDArray[np.float64] | None
    weights: NDArray[np.int64] | None

    @cached_property
    def distances(self) -> NDArray[np.int64]:
        """All distances, shape (n, n), zero on the diagonal; built on first use, up to 3000 cities."""
        if self.weights is not None:
            return self.weights
        _refuse_large_matrix(self.n, self.name, "distance(i, j) and tour_length(tour) need no matrix")
        cities = np.arange(self.n)
        return read_only(self.distance(cities[:, None], cities[None, :]))

    def distance(self, i: ArrayLike, j: ArrayLike) -> NDArray[np.int64]:
        """Distances between cities i and j, arrays of indices that broadcast; needs no matrix."""
        i, j = np.broadcast_arrays(np.asarray(i, dtype=np.int64), np.asarray(j, dtype=np.int64))
        if self.weights is not None:
            return self.weights[i, j]
        assert self.coordinates is not None
        p, q = self.coordinates[i], self.coordinates[j]
        globe = self.edge_weight_type == "GEO"
        rounded = geographical(p, q) if globe else planar(p, q, self.edge_weight_type)
        return np.where(i == j, 0, rounded.astype(np.int64))

    def tour_length(self, tour: Sequence[int]) -> int:
        """Length of the closed tour through every city once, given as city indices from 0."""
        order = np.asarray(tour, dtype=np.int64)
        if not np.array_equal(np.sort(order), np.arange(self.n)):
            raise ValueError(f"the tour does not visit each of the cities 0 to {self.n - 1} once")
        return int(self.distance(order, np.roll(order, -1)).sum())


def read_tsplib(path: str | PathLike[str]) -> TsplibInstance:
    """Read a symmetric TSPLIB95 instance.

    EUC_2D, CEIL_2D, GEO and ATT coordinates, and EXPLICIT weights as a full matrix or as either triangle, with
    or without the diagonal, by rows or by columns (FULL_MATRIX, UPPER_ROW, …, LOWER_DIAG_COL).

    Raises
    ------
    ValueError
        For anything malformed, truncated or of another type, with file, line and what was expected.
    FileNotFoundError
        When there is no such file.
    """
    entry = _Entry(path)
    kind = entry.header("TYPE")[0].split()[0]
    if kind != "TSP":
        remedy = {
            "ATSP": "an asymmetric instance must first be doubled into a symmetric one",
            "TOUR": "read tours with read_tour",
        }.get(kind, "only symmetric travelling-salesman instances are read")
        raise ValueError(f"{entry.at('TYPE')}: found TYPE {kind}, expected TSP; {remedy}")
    n = whole_number(entry.header("DIMENSION")[0], entry.at("DIMENSION"), 3, "the number of cities")
    weight_type = entry.choice("EDGE_WEIGHT_TYPE", (*_COORDINATE_TYPES, "EXPLICIT"))
    if weight_type == "EXPLICIT":
        _refuse_large_matrix(n, entry.file, "take an instance with coordinates")
        weights = _explicit_weights(entry, n)
        display = "DISPLAY_DATA_SECTION" if "DISPLAY_DATA_SECTION" in entry.sections else "NODE_COORD_SECTION"
        coordinates = _coordinates(entry, display, n) if display in entry.sections else None
    else:
        weights = None
        coordinates = _coordinates(entry, "NODE_COORD_SECTION", n)
    return TsplibInstance(
        name=entry.headers.get("NAME", (Path(path).stem, 0))[0],
        comment=entry.headers.get("COMMENT", ("", 0))[0],
        n=n,
        edge_weight_type=weight_type,
        coordinates=coordinates,
        weights=weights,
    )


def read_tour(path: str | PathLike[str]) -> tuple[int, ...]:
    """Read a TSPLIB95 tour as city indices from 0, in the order and from the start of the file.

    Raises
    ------
    ValueError
        For anything malformed or truncated, with file, line and what was expected.
    """
    entry = _Entry(path)
    kind = entry.header("TYPE")[0].split()[0]
    if kind != "TOUR":
        raise ValueError(f"{entry.at('TYPE')}: found TYPE {kind}, expected TOUR")
    tokens = [(token, where) for where, row in entry.section("TOUR_SECTION") for token in row]
    cities: list[int] = []
    for token, where in tokens:
        if token == "-1":
            break
        cities.append(whole_number(token, where, 1, "a city") - 1)
    else:
        raise ValueError(f"{entry.end('TOUR_SECTION')}: the tour stops without -1, expected -1 as its end")
    n = len(cities)
    if "DIMENSION" in entry.headers:
        n = whole_number(entry.header("DIMENSION")[0], entry.at("DIMENSION"), 1, "the number of cities")
    if len(cities) != n or sorted(cities) != list(range(n)):
        raise ValueError(
            f"{entry.end('TOUR_SECTION')}: the tour lists {len(cities)} cities, {len(set(cities))} of them "
            f"distinct; expected each of 1 to {n} once"
        )
    return tuple(cities)


class _Entry:
    """A file cut into header values and section rows, each remembering its line."""

    def __init__(self, path: str | PathLike[str]):
        self.file = Path(path).name
        self.headers: dict[str, tuple[str, int]] = {}
        self.sections: dict[str, list[tuple[str, list[str]]]] = {}
        self._starts: dict[str, str] = {}
        self._last = ""
        rows: list[tuple[str, list[str]]] | None = None
        for count, raw in enumerate(read_lines(path, "a TSPLIB file"), start=1):
            line, where = raw.strip(), f"{self.file}, line {count}"
            if not line:
                continue
            self._last = f"line {count}, {line[:40]!r}"
            keyword = re.split(r"[\s:]", line, maxsplit=1)[0]
            if keyword == "EOF":
                break
            if keyword in _SECTIONS:
                if keyword in self.sections:
                    raise ValueError(f"{where}: a second {keyword}, expected one")
                rows = self.sections[keyword] = []
                self._starts[keyword] = where
            elif keyword in _KEYWORDS:
                rows = None
                self._store(keyword, line[len(keyword) :].strip().removeprefix(":").strip(), count)
            elif rows is not None and not keyword.endswith("_SECTION"):
                rows.append((where, line.split()))
            else:
                raise ValueError(f"{where}: found {line[:40]!r}, expected a TSPLIB keyword{_nearest(keyword)}")

    def _store(self, keyword: str, value: str, line: int) -> None:
        if keyword == "COMMENT" and keyword in self.headers:
            value = f"{self.headers[keyword][0]} {value}"
        elif keyword in self.headers:
            raise ValueError(f"{self.file}, line {line}: a second {keyword}, expected one")
        if not value and keyword not in ("NAME", "COMMENT"):
            raise ValueError(f"{self.file}, line {line}: {keyword} has no value, expected '{keyword} : value'")
        self.headers[keyword] = (value, line)

    def header(self, keyword: str) -> tuple[str, int]:
        if keyword not in self.headers:
            raise ValueError(f"{self.file} has no {keyword}; expected a line '{keyword} : value'")
        return self.headers[keyword]

    def choice(self, keyword: str, allowed: Sequence[str]) -> str:
        value = self.header(keyword)[0]
        if value not in allowed:
            raise ValueError(f"{self.at(keyword)}: found {keyword} {value}, expected {', '.join(allowed)}")
        return value

    def section(self, name: str) -> list[tuple[str, list[str]]]:
        if name not in self.sections:
            raise ValueError(f"{self.file} has no {name}; it ends with {self._last}: is it cut short?")
        return self.sections[name]

    def at(self, keyword: str) -> str:
        return f"{self.file}, line {self.header(keyword)[1]}"

    def end(self, section: str) -> str:
        rows = self.sections[section]
        return rows[-1][0] if rows else self._starts[section]


def _nearest(keyword: str) -> str:
    close = get_close_matches(keyword.upper(), (*_KEYWORDS, *_SECTIONS, "EOF"), n=1)
    return f" (perhaps {close[0]})" if close else f" such as {', '.join(_KEYWORDS[:4])}"


def _coordinates(entry: _Entry, section: str, n: int) -> NDArray[np.float64]:
    rows = entry.section(section)
    if len(rows) != n:
        raise ValueError(f"{entry.end(section)}: {section} has {len(rows)} cities, expected {n} (DIMENSION)")
    xy = np.full((n, 2), np.nan)
    for where, tokens in rows:
        if len(tokens) != 3:
            raise ValueError(f"{where}: found {' '.join(tokens)!r}, expected a city and its two coordinates")
        city = whole_number(tokens[0], where, 1, "a city")
        if city > n:
            raise ValueError(f"{where}: found city {city}, expected 1 to {n}")
        if not np.isnan(xy[city - 1, 0]):
            raise ValueError(f"{where}: city {city} a second time, expected each of 1 to {n} once")
        xy[city - 1] = number(tokens[1], where), number(tokens[2], where)
    return read_only(xy)


def _explicit_weights(entry: _Entry, n: int) -> NDArray[np.int64]:
    layout = entry.choice("EDGE_WEIGHT_FORMAT", _FORMATS)
    section = "EDGE_WEIGHT_SECTION"
    flat = [whole_number(token, where, 0, "a distance") for where, tokens in entry.section(section) for token in tokens]
    skip_diagonal = 0 if "DIAG" in layout else 1
    if layout == "FULL_MATRIX":
        cells = tuple(np.indices((n, n)).reshape(2, -1))
    elif _AS_ROWS.get(layout, layout).startswith("UPPER"):
        cells = np.triu_indices(n, skip_diagonal)
    else:
        cells = np.tril_indices(n, -skip_diagonal)
    if len(flat) != len(cells[0]):
        raise ValueError(
            f"{entry.end(section)}: {section} has {len(flat)} numbers, expected {len(cells[0])} "
            f"({layout} of {n} cities)"
        )
    weights = np.zeros((n, n), dtype=np.int64)
    weights[cells] = flat
    if layout == "FULL_MATRIX":
        if not np.array_equal(weights, weights.T):
            i, j = np.argwhere(weights != weights.T)[0]
            raise ValueError(
                f"{entry.end(section)}: city {i + 1} to {j + 1} is {weights[i, j]} but back {weights[j, i]}, "
                f"expected a symmetric matrix"
            )
    else:
        weights = np.maximum(weights, weights.T)
    # No tour goes from a city to itself, and some files mark that with a large number.
    np.fill_diagonal(weights, 0)
    return read_only(weights)


def _refuse_large_matrix(n: int, name: str, remedy: str) -> None:
    if n > MAX_MATRIX_CITIES:
        raise ValueError(
            f"{name} has {n} cities; its distance matrix would take {8e-9 * n * n:.2g} GB, and one is built "
            f"up to {MAX_MATRIX_CITIES} cities; {remedy}"
        )
