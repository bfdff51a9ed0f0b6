"""One JSON file a run: what was timed, on what, with every raw reading."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pbits.plain import plain

SCHEMA = 1
PACKAGES = (
    "pbits", "numpy", "scipy", "numba", "llvmlite", "dwave-samplers", "dimod", "openjij", "peapods",
    "simulated-bifurcation", "torch", "thrml", "jax",
)  # fmt: skip


def circumstances() -> dict[str, Any]:
    """When, on what processor, and with which versions."""
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def write(record: Mapping[str, Any], place: Path, kind: str) -> Path:
    """Write a record to a file, or, where `place` is a folder, to a new file in it named by kind and date."""
    if place.is_dir():
        place = place / f"{kind}-{record['date'].replace(':', '').replace('+0000', '')}.json"
    place.write_text(json.dumps(plain(dict(record) | {"kind": kind}), indent=1) + "\n", encoding="utf-8")
    return place


def read(path: Path) -> dict[str, Any]:
    """A record.

    Raises
    ------
    ValueError
        For a file that is none, or of a later schema.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no record of a benchmark: {error}") from error
    if not isinstance(record, dict) or "rows" not in record:
        raise ValueError(f"{path} is no record of a benchmark: it has no rows")
    if record["schema"] > SCHEMA:
        raise ValueError(f"{path} has schema {record['schema']}; this version reads up to {SCHEMA}: update")
    return record


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> dict[str, Any]:
    """Model and vector extensions, where the system tells them."""
    told: dict[str, Any] = {"machine": platform.machine(), "model": platform.processor() or None}
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.partition(":") for line in cpuinfo.read_text("utf-8").split("\n\n")[0].splitlines()]
        known = {name.strip(): value.strip() for name, _, value in lines}
        told["model"] = known.get("model name", told["model"])
        told["vectors"] = sorted(flag for flag in known.get("flags", "").split() if flag.startswith(("avx", "sse4")))
    return told
