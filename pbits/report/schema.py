"""What documents must hold, once: checked on reading, and published as JSON Schema (draft 2020-12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REPORT, CLAIM = "pbits-report/1", "pbits-claim/1"


@dataclass(frozen=True)
class _Maybe:
    """The value, or null."""

    schema: Any


@dataclass(frozen=True)
class _Each:
    """An object with any keys, all of whose values are alike."""

    schema: Any


@dataclass(frozen=True)
class _Kinds:
    """What fits depends on the text under `kind`."""

    cases: Mapping[str, Any]
    other: Any

    def pick(self, found: Any) -> Any:
        kind = found.get("kind") if isinstance(found, dict) else None
        return self.cases.get(kind, self.other) if isinstance(kind, str) else self.other


@dataclass(frozen=True)
class _Refusable:
    """A row that says why it was refused, or one that ran."""

    refused: Any
    ran: Any

    def pick(self, found: Any) -> Any:
        return self.refused if isinstance(found, dict) and found.get("refusal") else self.ran


@dataclass(frozen=True)
class _Tree:
    """A formula: a number, a key of an input, or a list of an operator and its operands."""


# A mapping is an object with these keys at least ("?" marks one that may be absent), a list of one schema a list of
# any length, of several exactly these, a set one of these texts. float takes whole numbers too, and `object` anything.
_TEXT, _FIGURE = _Maybe(str), _Maybe(float)
_ACCOUNT = {
    **{"formula": str, "tree": _Tree(), "value": float},
    "inputs": [
        {
            **{"key": str, "label": str, "value": float, "low": float, "high": float, "unit": str},
            **{"evidence": _TEXT, "source": str, "locator": str, "note": str, "group": str},
            **{"least": float, "most": _FIGURE},
        }
    ],
}
_TORNADO = [{"label": str, "keys": [str], "low": float, "high": float, "share": float, "evidence": _TEXT}]
_LEDGER = {
    **{"boundary": _TEXT, "joules": _FIGURE, "interval": _Maybe([float, float]), "lower_bound": _FIGURE},
    **{"without_idle": _FIGURE, "net_of_idle?": _FIGURE, "usage?": _Each(object), "full_batch?": bool},
    **{"per_sample": _FIGURE, "evidence": _TEXT, "reasons": [str]},
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
_SCHEDULE = _Kinds({"anneal": {**_SAMPLING, "beta_start": float, "shape": str}}, _SAMPLING)
_PICTURE = _Kinds(
    {
        "tour": {
            **{"kind": str, "coordinates": _Maybe([[float, float]]), "names?": _Maybe([str]), "tour": _Maybe([int])},
            **{"feasible": bool, "caption?": _TEXT},
        },
        "images": {
            **{"kind": str, "shape": [int, int], "panels": [{"label": str, "values": [float]}], "caption?": _TEXT},
        },
        "estimate": {
            **{"kind": str, "labels": [str], "mean": [_FIGURE], "sd?": _Maybe([_FIGURE]), "caption?": _TEXT},
            **{"exact_mean?": _Maybe([_FIGURE]), "exact_sd?": _Maybe([_FIGURE])},
        },
    },
    {"kind": str},
)
_REFUSED = {"machine": str, "title": str, "refusal": [str]}
_RAN = {
    **_REFUSED,
    "answer": {
        **{"best_energy": _FIGURE, "text": _TEXT, "feasible": _Maybe(bool), "objective": _FIGURE},
        **{"violations": _Each(float), "gap": _FIGURE, "valid_fraction": _FIGURE},
    },
    "picture": _Maybe(_PICTURE),
    "trace": {"sweeps": [float], "mean": [_FIGURE], "lowest": [_FIGURE], "highest": [_FIGURE]},
    "distance": _Maybe(
        {
            **{"kind": str, "value": _FIGURE, "floor": _FIGURE, "allowed?": _FIGURE, "faithful": _Maybe(bool)},
            **{"converged?": _Maybe(bool), "mapping": _FIGURE, "clock": _FIGURE, "sampling": _FIGURE},
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
    **{"schedule": _SCHEDULE, "seed?": int, "illustrative": bool, "device_time_s": _FIGURE},
    **{"phases": _Each(_FIGURE), "wall_time_s": float, "counts": _Each(float), "unchecked": [str]},
    "catalogue_date": _TEXT,
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
            **{"seconds?": _FIGURE, "seconds_low?": _FIGURE, "seconds_high?": _FIGURE},
            **{"full_batch": bool, "evidence": _TEXT, "reason": str, "account?": _Maybe(_ACCOUNT)},
        },
    },
}
_FRONT = {
    **{"x": str, "y": str, "lower_is_better": bool, "target": _FIGURE, "note?": str},
    "curves": [
        {
            **{"machine": str, "boundary?": _TEXT, "steps?": [float], "joules": [float]},
            **{"quality": [_FIGURE], "low": [_FIGURE], "high": [_FIGURE]},
        }
    ],
}
_COMPARISON = {
    **{"title": str, "model": {"kind": str, "sites": int, "fingerprint": str}},
    "problem": _Maybe({"name": str, "sense": str, "unit": str, "optimum": _FIGURE}),
    **{"schedule": _SCHEDULE, "seed": int, "boundary": _TEXT, "boundary_note": str},
    **{"uplifts": _Each(_Each(str)), "usage?": _Each(str), "metric": str, "goal": _FIGURE, "verdict": str},
    "target?": _Maybe({"name": str, "reach": _FIGURE, "lower_is_better": bool}),
    "observables?": _Maybe([str]),
    "rows": [_Refusable(_REFUSED, _RAN)],
    "ratios": [
        {
            **{"a": str, "b": str, "value": _FIGURE, "median?": _FIGURE, "low": _FIGURE, "high": _FIGURE},
            **{"probability_below_1?": _FIGURE, "boundary": _TEXT, "evidence": _TEXT, "reason": str},
            **{"quality?": _TEXT, "seed?": _Maybe(int), "tornado?": _TORNADO, "account?": _Maybe(_ACCOUNT)},
        }
    ],
    "front?": _Maybe(_FRONT),
}
_AXIS = {"key": str, "label": str, "unit": str, "values": [float]}
_CLAIM = {
    **{"name": str, "statement": str, "claimed": float, "boundary": str, "quality": str},
    "absolute": _Maybe({"value": float, "unit": str}),
    **{"holds": _Maybe(bool), "at_least": _FIGURE, "at_most": _FIGURE, "reasons": [str], "uplifts": [str]},
    "ratio": _Maybe(
        {"value": float, "median": float, "low": float, "high": float, "probability": _FIGURE, "seed": int}
    ),
    **{"account": _Maybe(_ACCOUNT), "tornado": _TORNADO},
    "breaks": [
        {
            **{"label": str, "note": str, "ratio": float, "holds": bool, "kind": {"alternative", "break-even"}},
            **{"key": _TEXT, "value": _FIGURE, "unit": _TEXT},
        }
    ],
    "break_evens": [
        {
            **{"key": str, "label": str, "unit": str, "stated": float, "value": _FIGURE, "of_range": _FIGURE},
            **{"at_parity": _FIGURE, "evidence": _TEXT, "inside": bool},
        }
    ],
    "maps": [{"x": _AXIS, "y": _AXIS, "ratio": [[_FIGURE]]}],
    **{"verdict": str, "evidence": _TEXT, "criticism": [str]},
    "sources": _Each({"authors": str, "title": str, "year": _Maybe(object), "identifier": str, "read": str}),
}
#: The schemas by name, each with the key under which its files list their documents.
SCHEMAS: dict[str, tuple[str, Any]] = {REPORT: ("comparisons", _COMPARISON), CLAIM: ("claims", _CLAIM)}
_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def check(whole: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents of a file, which has one of the schemas and fits it.

    Raises
    ------
    ValueError
        With the place (comparisons[0].rows[2].joules.stated) and what was expected there.
    """
    under, schema = SCHEMAS[whole["schema"]]
    _walk(whole, {under: [schema]}, "")
    return whole[under]


def json_schema(name: str = REPORT) -> dict[str, Any]:
    """A schema as JSON Schema, draft 2020-12.

    Raises
    ------
    ValueError
        For a name that is none of `SCHEMAS`.

    Examples
    --------
    >>> json_schema("pbits-claim/1")["required"]
    ['claims', 'schema']
    """
    if name not in SCHEMAS:
        raise ValueError(f"no schema {name!r}; there are {', '.join(SCHEMAS)}")
    under, schema = SCHEMAS[name]
    operands = {"$ref": "#/$defs/tree"}
    called = {"type": "array", "prefixItems": [{"type": "string"}], "items": operands, "minItems": 2}
    whole = _published({"schema": {name}, under: [schema]})
    return {
        **{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name},
        **whole,
        "$defs": {"tree": {"anyOf": [{"type": "number"}, {"type": "string"}, called]}},
    }


def schema_text(name: str = REPORT) -> str:
    """`json_schema` as canonical JSON."""
    return json.dumps(json_schema(name), sort_keys=True, indent=1) + "\n"


def _published(schema: Any) -> dict[str, Any]:
    match schema:
        case _Maybe(inner):
            return {"anyOf": [_published(inner), {"type": "null"}]}
        case _Each(inner):
            return {"type": "object", "additionalProperties": _published(inner)}
        case _Tree():
            return {"$ref": "#/$defs/tree"}
        case _Refusable(refused, ran):
            says_why = {"properties": {"refusal": {"minItems": 1}}, "required": ["refusal"]}
            return {"if": says_why, "then": _published(refused), "else": _published(ran)}
        case _Kinds(cases, other):
            found = _published(other)
            for kind, its in cases.items():
                this = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
                found = {"if": this, "then": _published(its), "else": found}
            return found
        case dict():
            properties = {name.removesuffix("?"): _published(its) for name, its in schema.items()}
            required = sorted(name for name in schema if not name.endswith("?"))
            return {"type": "object", "properties": properties, "required": required}
        case [alike]:
            return {"type": "array", "items": _published(alike)}
        case list():
            exactly = {"minItems": len(schema), "maxItems": len(schema)}
            return {"type": "array", "prefixItems": [_published(its) for its in schema], **exactly}
        case set():
            return {"enum": sorted(schema)}
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return {} if schema is object else {"type": names[schema]}


def _walk(value: Any, schema: Any, path: str) -> None:
    """Refuse a value that does not fit the schema, by its path."""
    if isinstance(schema, _Maybe):
        if value is None:
            return
        schema = schema.schema
    if isinstance(schema, _Kinds | _Refusable):
        schema = schema.pick(value)
    if isinstance(schema, _Tree):
        _walk_tree(value, path)
    elif isinstance(schema, Mapping | _Each):
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


def _walk_tree(value: Any, path: str) -> None:
    leaf = isinstance(value, str | int | float) and not isinstance(value, bool)
    call = isinstance(value, list) and len(value) > 1 and isinstance(value[0], str)
    _expect(leaf or call, value, path, "a number, a key, or an operator and its operands")
    for k, operand in enumerate(value[1:] if isinstance(value, list) else [], start=1):
        _walk_tree(operand, f"{path}[{k}]")


def _expect(right: bool, value: Any, path: str, wanted: str) -> None:
    if not right:
        given = {dict: "an object", list: f"a list of {len(value)}" if isinstance(value, list) else ""}
        raise ValueError(f"{path} is {given.get(type(value)) or json.dumps(value)[:40]}; expected {wanted}")
