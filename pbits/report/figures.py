"""Every figure of a report as a file of its own, for a paper."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pbits.report import costs, plots
from pbits.report.document import write_bytes
from pbits.report.plots import Drawing
from pbits.report.schema import CLAIM

FORMATS = ("svg", "pdf")


def save_figures(
    documents: Iterable[Mapping[str, Any]], folder: str | os.PathLike[str], formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write each figure of some comparisons or claims to a folder, which is made where there is none.

    A file is named by its document, what it shows, and the machine where it shows one:
    `maxcut-joules.pdf`, `maxcut-ladder-gpu-h100-sxm.svg`.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ValueError
        For a format that is none of svg and pdf.
    OSError
        Where the folder cannot be written.
    """
    if strange := [form for form in formats if form not in FORMATS]:
        raise ValueError(f"no figures as {', '.join(strange)}; formats are {', '.join(FORMATS)}")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    written: dict[Path, None] = {}
    for document in documents:
        drawn = _of_claim(document) if document.get("schema") == CLAIM else _of_comparison(document)
        for name, drawing in drawn:
            stem, k = _slug(f"{document.get('title') or document['name']}-{name}"), 1
            while place / f"{stem}.{formats[0]}" in written:
                k += 1
                stem = f"{stem.removesuffix(f'-{k - 1}')}-{k}"
            for form in formats:
                written[write_bytes(place / f"{stem}.{form}", plots.file_bytes(drawing, form))] = None
    return list(written)


def _of_comparison(document: Mapping[str, Any]) -> Iterator[tuple[str, Drawing]]:
    ran = [(k, row) for k, row in enumerate(document["rows"]) if not row["refusal"]]
    traces = [(row["machine"], k, row["trace"]) for k, row in ran if len(row["trace"]["sweeps"]) > 1]
    if traces:
        yield "energy", plots.traces(traces, "energy")
    priced = [row["joules"]["quality"] | {"name": row["machine"], "colour": k} for k, row in ran]
    if any(one["joules"] or one["at_least"] for one in priced):
        yield "joules", plots.joules(priced, document["metric"], "joules")
    spent = [(row["machine"], row["phases"], row["device_time_s"]) for _, row in ran if row["phases"]]
    if spent:
        yield "phases", plots.phases(spent, "phases")
    if (front := document.get("front")) and any(curve["joules"] for curve in front["curves"]):
        yield "front", plots.front(front, "front")
    for ratio in document["ratios"]:
        if ratio["value"] is not None and ratio.get("tornado"):
            a, b = ratio["a"], ratio["b"]
            label = f"{document['metric']}, {a} ÷ {b}"
            yield f"tornado-{a}-{b}", plots.tornado(ratio["tornado"], ratio["value"], label, "tornado")
    for k, row in ran:
        name, distance, timeline = row["machine"], row["distance"], costs.timed(row)
        if any(one["joules"] for one in row["joules"]["at_boundary"]["rows"]):
            yield f"ladder-{name}", plots.ladder(row["joules"]["at_boundary"], "ladder")
        if distance and distance.get("sampled"):
            yield f"law-{name}", plots.law(distance, k, "law")
        if timeline and timeline["spans"]:
            yield f"lanes-{name}", plots.gantt(timeline, "lanes")


def _of_claim(document: Mapping[str, Any]) -> Iterator[tuple[str, Drawing]]:
    if document["tornado"] and document["ratio"]:
        yield "tornado", plots.tornado(document["tornado"], document["ratio"]["value"], "rival ÷ machine", "tornado")
    for map in document["maps"]:
        name = f"map-{map['x']['key']}-{map['y']['key']}"
        yield name, plots.break_even_map(map, "map", document["claimed"])


def _slug(text: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
