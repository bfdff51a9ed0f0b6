"""Reading instance files: plain text in, or an error that names the file and the line."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path

LARGEST = 2**53  # beyond it a float no longer holds every whole number


def read_lines(path: str | PathLike[str], expected: str) -> list[str]:
    """The lines of a text file that is not empty; `expected` names the format in the errors."""
    file = Path(path)
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(f"{file.name} is not a text file; expected {expected}")
    if not text.strip():
        raise ValueError(f"{file.name} is empty; expected {expected}")
    return text.splitlines()


def number(token: str, where: str) -> float:
    """A finite number; `where` opens the error ("file.tsp, line 7")."""
    try:
        value = float(token)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: found {token!r}, expected a finite number")
    return value


def whole_number(token: str, where: str, low: int, what: str) -> int:
    """A whole number of at least `low`; `what` says what it counts."""
    value = number(token, where)
    if value != int(value) or not low <= value <= LARGEST:
        raise ValueError(
            f"{where}: found {token!r}, expected {what}, a whole number of at least {low} and at most 2^53"
        )
    return int(value)
