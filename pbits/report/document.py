"""Documents as files: canonical JSON out, checked JSON in, and text that appears whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pbits.plain import plain

SCHEMA = "pbits-report/1"

_DOCUMENT = {
    **{"title": str, "model": dict, "schedule": dict, "seed": int, "boundary_note": str, "metric": str},
    **{"verdict": str, "rows": list, "ratios": list},
}
_ROW = {"machine": str, "title": str, "refusal": list}
_RAN = {
    **{"answer": dict, "trace": dict, "phases": dict, "counts": dict, "notes": dict, "unchecked": list},
    **{"joules": dict},
}
_KINDS = {str: "text", dict: "an object", list: "a list", int: "a whole number"}


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
    """Write text in UTF-8, beside its place and then renamed, so that it appears whole or not at all.

    Raises
    ------
    OSError
        As `check_writable`, and when writing fails.
    """
    target = check_writable(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, target)
    except OSError as error:
        raise type(error)(f"cannot write {target}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return target


def to_json(documents: Iterable[Mapping[str, Any]]) -> str:
    """The documents as canonical JSON: keys sorted, one trailing newline, the same bytes every time."""
    whole = {"schema": SCHEMA, "comparisons": plain(list(documents))}
    return json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The documents in a file that `to_json` made.

    Raises
    ------
    ValueError
        For a file that is cut short, has another schema, or lacks what a report needs; it names the file and
        what was expected.
    OSError
        For a file that cannot be read.
    """
    source = Path(path)
    try:
        whole = json.loads(source.read_bytes(), parse_constant=_refuse_constant)
    except ValueError as error:
        raise ValueError(f"{source} is not whole JSON (cut short, or something else): {error}") from None
    found = whole.get("schema") if isinstance(whole, dict) else None
    if found != SCHEMA:
        raise ValueError(f"{source} has schema {found!r}; expected {SCHEMA!r}, as Comparison.to_json writes it")
    documents = whole.get("comparisons")
    if not isinstance(documents, list):
        raise ValueError(f"{source}: 'comparisons' is missing or no list")
    for k, document in enumerate(documents):
        where = f"{source}, comparison {k + 1}"
        _require(document, _DOCUMENT, where)
        for row in document["rows"]:
            _require(row, _ROW, f"{where}, a row")
            if not row["refusal"]:
                _require(row, _RAN, f"{where}, row {row['machine']!r}")
    return documents


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _require(value: Any, keys: Mapping[str, type], where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected an object with {', '.join(keys)}")
    for key, kind in keys.items():
        if not isinstance(value.get(key), kind):
            raise ValueError(f"{where}: {key!r} is missing or not {_KINDS[kind]}")
