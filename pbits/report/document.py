"""Documents as files: canonical JSON out, checked JSON in, and text that appears whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from pbits.plain import plain

SCHEMA = "pbits-report/1"


@dataclass(frozen=True)
class _Maybe:
    """The value, or null."""

    schema: Any


@dataclass(frozen=True)
class _Each:
    """An object with any keys, all of whose values are alike."""

    schema: Any


# What a document must hold. A mapping is an object with these keys at least ("?" marks one that may be absent), a
# list of one schema a list of any length, of several exactly these, a set one of these texts, a function the
# schema that fits the value. float takes whole numbers too, and `object` anything.
_TEXT, _FIGURE = _Maybe(str), _Maybe(float)
_LEDGER = {
    **{"boundary": _TEXT, "joules": _FIGURE, "interval": _Maybe([float, float]), "lower_bound": _FIGURE},
    **{"without_idle": _FIGURE, "per_sample": _FIGURE, "evidence": _TEXT, "reasons": [str]},
    "rows": [
        {
            **{"item": str, "count": _FIGURE, "count_low": _FIGURE, "count_high": _FIGURE, "unit": str},
            **{"price": _FIGURE, "low": _FIGURE, "high": _FIGURE, "joules": _FIGURE, "included_in": str},
            **{"evidence": _TEXT, "source": str, "locator": str, "note": str, "boundary": str},
        }
    ],
}
_SAMPLING = {
    **{"kind": {"anneal", "sample"}, "steps": int, "n_samples": int, "n_warmup": int, "steps_per_sample": int},
    **{"beta": float, "chains": int, "levels?": int, "step_s?": float, "step_tau?": float, "stop_at?": float},
}
_ANNEAL = {**_SAMPLING, "beta_start": float, "shape": str}
_PICTURES = {
    "tour": {
        **{"coordinates": _Maybe([[float, float]]), "names?": _Maybe([str]), "tour": _Maybe([int])},
        **{"feasible": bool, "caption?": _TEXT},
    },
    "images": {"shape": [int, int], "panels": [{"label": str, "values": [float]}], "caption?": _TEXT},
    "estimate": {
        **{"labels": [str], "mean": [_FIGURE], "sd?": _Maybe([_FIGURE]), "exact_mean?": _Maybe([_FIGURE])},
        **{"exact_sd?": _Maybe([_FIGURE]), "caption?": _TEXT},
    },
}


def _schedule(found: Any) -> Any:
    return _ANNEAL if isinstance(found, dict) and found.get("kind") == "anneal" else _SAMPLING


def _picture(found: Any) -> Any:
    kind = found.get("kind") if isinstance(found, dict) else None
    return _PICTURES.get(kind, {"kind": str}) if isinstance(kind, str) else {"kind": str}


def _row(found: Any) -> Any:
    return _REFUSED if isinstance(found, dict) and found.get("refusal") else _RAN


_REFUSED = {"machine": str, "title": str, "refusal": [str]}
_RAN = {
    **_REFUSED,
    "answer": {
        **{"best_energy": _FIGURE, "text": _TEXT, "feasible": _Maybe(bool), "objective": _FIGURE},
        **{"violations": _Each(float), "gap": _FIGURE, "valid_fraction": _FIGURE},
    },
    "picture": _Maybe(_picture),
    "trace": {"sweeps": [float], "mean": [_FIGURE], "lowest": [_FIGURE], "highest": [_FIGURE]},
    "distance": _Maybe(
        {
            **{"kind": str, "value": _FIGURE, "floor": _FIGURE, "faithful": _Maybe(bool)},
            **{"mapping": _FIGURE, "clock": _FIGURE, "sampling": _FIGURE},
            **{"states?": [[float]], "exact?": [float], "sampled?": [float]},
        }
    ),
    "sampling": _Maybe(
        {
            **{"worst": _TEXT, "worst_ess": _FIGURE, "worst_tau_int": _FIGURE, "worst_r_hat": _FIGURE},
            **{"converged": bool, "warnings": [str]},
        }
    ),
    "timeline?": _Maybe(
        {
            **{"buffers": int, "device_time_s": _FIGURE, "bottleneck": _TEXT, "frame_s": _Each(float)},
            "lanes": _Each({"busy_s": _FIGURE, "share": _FIGURE, "pieces": int, "saves_s": _FIGURE}),
            "spans": [
                {
                    **{"lane": str, "phase": str, "start_s": float, "end_s": float, "busy_s": float, "pieces": int},
                }
            ],
        }
    ),
    **{"schedule": _schedule, "illustrative": bool, "device_time_s": _FIGURE, "phases": _Each(_FIGURE)},
    **{"wall_time_s": float, "counts": _Each(float), "unchecked": [str], "catalogue_date": _TEXT},
    "notes": {
        "embedding?": {
            **{"machine?": str, "model_degree?": float, "machine_degree?": float, "logical_sites?": float},
            **{"cells_used?": float, "longest_chain?": float, "chain_break_fraction?": _FIGURE},
        }
    },
    "sources": _Each({"authors": str, "title": str, "year": _Maybe(object), "identifier": str, "read": str}),
    "joules": {
        **{"at_boundary": _LEDGER, "stated": _LEDGER, "per_sample": _FIGURE},
        "quality": {
            **{"joules": _FIGURE, "low": _FIGURE, "high": _FIGURE, "at_least": _FIGURE, "boundary": _TEXT},
            **{"full_batch": bool, "evidence": _TEXT, "reason": str},
        },
    },
}
_DOCUMENT = {
    **{"title": str, "model": {"kind": str, "sites": int, "fingerprint": str}},
    "problem": _Maybe({"name": str, "sense": str, "unit": str, "optimum": _FIGURE}),
    **{"schedule": _schedule, "seed": int, "boundary": _TEXT, "boundary_note": str},
    **{"uplifts": _Each(_Each(str)), "metric": str, "goal": _FIGURE, "verdict": str, "rows": [_row]},
    "ratios": [
        {
            **{"a": str, "b": str, "value": _FIGURE, "low": _FIGURE, "high": _FIGURE},
            **{"boundary": _TEXT, "evidence": _TEXT, "reason": str},
        }
    ],
}
_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


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
    if found != SCHEMA:
        raise ValueError(f"{source} has schema {found!r}; expected {SCHEMA!r}, as Comparison.to_json writes it")
    try:
        _walk(whole, {"comparisons": [_DOCUMENT]}, "")
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return whole["comparisons"]


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _walk(value: Any, schema: Any, path: str) -> None:
    """Refuse a value that does not fit the schema, by its path."""
    if isinstance(schema, _Maybe):
        if value is None:
            return
        schema = schema.schema
    if isinstance(schema, FunctionType):
        schema = schema(value)
    if isinstance(schema, Mapping | _Each):
        _expect(isinstance(value, dict), value, path, "an object")
        _walk_object(value, schema, path)
    elif isinstance(schema, list):
        _expect(isinstance(value, list), value, path, "a list")
        schemas = schema * len(value) if len(schema) == 1 else schema
        _expect(len(schemas) == len(value), value, path, f"a list of {len(schemas)}")
        for k, (entry, its) in enumerate(zip(value, schemas)):
            _walk(entry, its, f"{path}[{k}]")
    elif isinstance(schema, set):
        _expect(isinstance(value, str) and value in schema, value, path, " or ".join(map(repr, sorted(schema))))
    elif schema is not object:
        takes = (int, float) if schema is float else schema
        right = isinstance(value, takes) and (schema is bool or not isinstance(value, bool))
        _expect(right, value, path, _KINDS[schema])


def _walk_object(value: Mapping[str, Any], schema: Mapping[str, Any] | _Each, path: str) -> None:
    before = f"{path}." if path else ""
    if isinstance(schema, _Each):
        schema = dict.fromkeys(value, schema.schema)
    for name, its in schema.items():
        key = name.removesuffix("?")
        if key in value:
            _walk(value[key], its, before + key)
        elif key == name:
            raise ValueError(f"{before}{key} is missing")


def _expect(right: bool, value: Any, path: str, wanted: str) -> None:
    if not right:
        given = {dict: "an object", list: f"a list of {len(value)}" if isinstance(value, list) else ""}
        raise ValueError(f"{path} is {given.get(type(value)) or json.dumps(value)[:40]}; expected {wanted}")
