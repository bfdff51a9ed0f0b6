"""Coordinate files "i j w", as dimod writes them: one term a line, linear where i = j."""

from __future__ import annotations

import math
import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pbits.models.ising import IsingModel

_VARTYPE = re.compile(r"#.*?vartype\s*[:=]\s*(\w+)")
_OFFSET = re.compile(r"#.*?offset\s*[:=]\s*(\S+)")
_MOST_SITES = 2**31

Terms = dict[tuple[int, int], float]


def read_coo(path: str | PathLike[str]) -> tuple[str, Terms, float]:
    """Kind of variable, terms and offset; raises as `IsingModel.from_coo` says."""
    file = Path(path)
    kind, offset, terms = None, 0.0, Terms()
    for count, line in enumerate(file.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        where = f"{file.name}, line {count}"
        if line.lstrip().startswith("#"):
            if found := _VARTYPE.search(line):
                kind = found[1].upper()
            elif found := _OFFSET.search(line):
                offset = _number(found[1], where)
        elif words := line.split():
            if len(words) != 3:
                raise ValueError(f"{where}: found {line.strip()!r}, expected 'i j w'")
            pair = _site(words[0], where), _site(words[1], where)
            terms[pair] = terms.get(pair, 0.0) + _number(words[2], where)
    if kind not in ("SPIN", "BINARY"):
        raise ValueError(
            f"{file.name} does not say what its variables are: found {kind}, expected a line '# vartype=SPIN' or "
            "'# vartype=BINARY'"
        )
    if not terms:
        raise ValueError(f"{file.name} holds no terms; expected lines 'i j w'")
    return kind, terms, offset


def write_coo(model: IsingModel, path: str | PathLike[str]) -> None:
    i, j, couplings = model.edges()
    lines = ["# vartype=SPIN", f"# offset={_decimal(model.offset)}"]
    lines += [f"{site} {site} {_decimal(-field)}" for site, field in enumerate(model.h.tolist())]
    lines += [f"{a} {b} {_decimal(-w)}" for a, b, w in zip(i.tolist(), j.tolist(), couplings.tolist())]
    Path(path).write_text("\n".join(lines) + "\n", "utf-8")


def _decimal(value: float) -> str:
    # dimod passes over lines with an exponent.
    return np.format_float_positional(value, trim="-")


def _number(word: str, where: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: found {word!r}, expected a finite number")
    return value


def _site(word: str, where: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) < _MOST_SITES):
        raise ValueError(f"{where}: found {word!r}, expected a variable's number, whole and from 0 to 2^31 − 1")
    return int(word)
