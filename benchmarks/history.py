"""What became faster and what slower: ``python -m benchmarks.history BEFORE.json AFTER.json``.

Rates are also compared as shares of the random bits the same core drew at the same time, which a slower or busier
machine changes less.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import records

KEY = ("instance", "tool", "schedule", "rule", "chains", "threads", "asked_layout", "threshold_bits", "energies")


def pairs(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows that both records have, with the ratios after/before; `noise` is the spread of the two, relative."""
    old = {tuple(row[name] for name in KEY): row for row in before["rows"]}
    machine = after["limits"]["random_bits_per_ns"] / before["limits"]["random_bits_per_ns"]
    found = []
    for row in after["rows"]:
        other = old.get(tuple(row[name] for name in KEY))
        if other is None or not other["marginal_per_ns"] or not row["marginal_per_ns"]:
            continue
        ratio = row["marginal_per_ns"] / other["marginal_per_ns"]
        found.append(
            {name: row[name] for name in KEY}
            | {
                "layouts": (other["layout"], row["layout"]),
                "before": other["marginal_per_ns"],
                "after": row["marginal_per_ns"],
                "ratio": ratio,
                "ratio_of_shares": ratio / machine,
                "noise": float(np.hypot(_spread(row), _spread(other))),
            }
        )
    return found


def _spread(row: dict[str, Any]) -> float:
    """Half the interquartile range of the marginal seconds, over their median."""
    more = np.diff(np.array(row["cpu_s" if row["clock"] == "cpu" and row["threads"] == 1 else "wall_s"]), axis=1)
    low, middle, high = np.percentile(more, (25, 50, 75))
    return float((high - low) / 2 / middle)


def main(
    before: Path,
    after: Path,
    least: Annotated[
        float | None, typer.Option(help="Exit with 1 where a share of the project fell below this times the old one.")
    ] = None,
) -> None:
    """Compare two records of benchmarks.updates."""
    try:
        found = pairs(records.read(before), records.read(after))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    shown = Table()
    for heading in ("instance", "tool", "layout", "schedule", "rule", "chains", "threads", "bits", "energies"):
        shown.add_column(heading)
    for heading in ("before /ns", "after /ns", "ratio", "per random bit", "noise"):
        shown.add_column(heading, justify="right")
    for row in found:
        beyond = abs(row["ratio_of_shares"] - 1) > 2 * row["noise"] + 0.05
        old, new = row["layouts"]
        shown.add_row(
            row["instance"], row["tool"], new or "" if old == new else f"{old} → {new}", row["schedule"], row["rule"],
            str(row["chains"]), str(row["threads"]), str(row["threshold_bits"] or ""),
            "" if row["energies"] is None else ("each sweep" if row["energies"] else "none"),
            f"{row['before']:.3g}", f"{row['after']:.3g}", f"{row['ratio']:.2f}", f"{row['ratio_of_shares']:.2f}",
            f"{row['noise']:.0%}", style="bold" if beyond else "dim",
        )  # fmt: skip
    console = Console(width=None if Console().is_terminal else 170)
    console.print(shown if found else "The two records have no row in common.")
    own = [row["ratio_of_shares"] for row in found if row["tool"] == "pbits"]
    if least is not None and own and min(own) < least:
        console.print(f"a rate fell to {min(own):.2f} of what it was; {least:g} was asked for")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
