"""Documents as files: canonical JSON out, checked JSON in, and text that appears whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pbits.plain import plain
from pbits.report.schema import CLAIM, REPORT, SCHEMAS, check


def check_writable(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can be written there; worth knowing before hours of work.

    Raises
    ------
    OSError
        When the folder does not exist or cannot be written, or the path is a folder.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {str(target.parent)!r}")
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder; name a file in it")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"cannot write {target}: the folder {str(target.parent)!r} is not yours to write")
    return target


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write text in UTF-8, as `write_bytes`."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write beside the place and then rename, so that a file appears whole or not at all.

    Raises
    ------
    OSError
        As `check_writable`, and when writing fails.
    """
    target = check_writable(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(content)
        os.replace(draft, target)
    except OSError as error:
        raise type(error)(f"cannot write {target}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return target


def to_json(documents: Iterable[Mapping[str, Any]]) -> str:
    """The documents as canonical JSON: keys sorted, one trailing newline, the same bytes every time.

    Comparisons make a `pbits-report/1` file, claims a `pbits-claim/1` file.
    """
    listed = plain(list(documents))
    name = CLAIM if listed and listed[0].get("schema") == CLAIM else REPORT
    whole = {"schema": name, SCHEMAS[name][0]: listed}
    return json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(path: str | os.PathLike[str], schema: str = REPORT) -> list[dict[str, Any]]:
    """The documents in a file that `to_json` made.

    Raises
    ------
    ValueError
        For a file that is cut short, has another schema, or lacks what a report needs; it names the file, the
        place in it (comparisons[0].rows[2].joules.stated) and what was expected.
    OSError
        For a file that cannot be read.
    """
    source = Path(path)
    try:
        whole = json.loads(source.read_bytes(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source} is not whole JSON (cut short, or something else): {error}") from None
    found = whole.get("schema") if isinstance(whole, dict) else None
    if found != schema:
        writer = "ClaimCheck" if schema == CLAIM else "Comparison"
        raise ValueError(f"{source} has schema {found!r}; expected {schema!r}, as {writer}.to_json writes it")
    try:
        return check(whole)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")
