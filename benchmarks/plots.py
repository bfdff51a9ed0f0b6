"""Updates per nanosecond against sites, degree and chains, drawn from the rows of a record.

``python -m benchmarks.plots RECORD.json out.png``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks import records

PANELS = (("n", "sites"), ("degree", "mean degree"), ("chains", "chains"))
# Told apart by the colour-blind (M. Okabe and K. Ito, 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "os^Dv"


def rates(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the fastest row of each tool and instance on one thread, and of each number of chains; write the file."""
    known = [row for row in rows if row["threads"] == 1 and row["counted"] and row["marginal_per_ns"]]
    names = sorted({_name(row) for row in known}, key=lambda name: (not name.startswith("pbits"), name))
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    for axes, (key, label) in zip(figure.subplots(1, 3, sharey=True), PANELS):
        for place, name in enumerate(names):
            _draw(axes, [row for row in known if _name(row) == name], key, place, name)
        axes.set(xscale="log", yscale="log", xlabel=label)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        axes.grid(color="#d5d9de", lw=0.5)
    first = figure.axes[0]
    first.set_ylabel("updates per nanosecond, one thread")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path, dpi=150)


def _name(row: dict[str, Any]) -> str:
    return f"pbits, {row['layout']}" if row["tool"] == "pbits" else row["tool"]


def _draw(axes: Axes, rows: Sequence[dict[str, Any]], key: str, place: int, name: str) -> None:
    best: dict[tuple[str, float], float] = {}
    for row in rows:
        point = (row["instance"], row[key])
        best[point] = max(best.get(point, 0.0), row["marginal_per_ns"])
    axes.plot(
        [x for _, x in best], list(best.values()), MARKERS[place % len(MARKERS)], ls="none", label=name,
        color=COLOURS[place % len(COLOURS)], mfc=None if name.startswith("pbits") else "none", ms=6,
    )  # fmt: skip


if __name__ == "__main__":
    rates(records.read(Path(sys.argv[1]))["rows"], Path(sys.argv[2]))
