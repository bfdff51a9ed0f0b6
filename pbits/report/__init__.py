"""Reports: tables, pictures and one-file pages made from JSON-ready documents.

A document is what `pbits.Comparison.to_dict()` returns. This package reads documents and nothing else, so
that a report can be made again from a stored file without the machines, the problem or the runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pbits.report.checklist import checklist
from pbits.report.document import check_writable, from_json, to_json, write_text
from pbits.report.lanes import bottleneck, utilisation
from pbits.report.quantities import amount, chance, number, si, times
from pbits.report.schema import json_schema, schema_text
from pbits.report.summary import summary
from pbits.report.tables import (
    COLUMNS,
    checklist_markdown,
    claims_csv,
    claims_latex,
    flat_rows,
    ledger_latex,
    ledger_markdown,
    ledgers_csv,
    ratios_csv,
    to_csv,
    to_latex,
    to_markdown,
)

if TYPE_CHECKING:
    from pbits.report.figures import save_figures
    from pbits.report.html import claim_html, to_html
    from pbits.report.learning_plots import image_grid, learning_curves, receptive_fields
    from pbits.report.plots import gantt

__all__ = [
    "COLUMNS",
    "amount",
    "bottleneck",
    "chance",
    "check_writable",
    "checklist",
    "checklist_markdown",
    "claim_html",
    "claims_csv",
    "claims_latex",
    "flat_rows",
    "from_json",
    "gantt",
    "image_grid",
    "json_schema",
    "learning_curves",
    "ledger_latex",
    "ledger_markdown",
    "ledgers_csv",
    "number",
    "ratios_csv",
    "receptive_fields",
    "save_figures",
    "schema_text",
    "si",
    "summary",
    "times",
    "to_csv",
    "to_html",
    "to_json",
    "to_latex",
    "to_markdown",
    "utilisation",
    "write_text",
]


def __getattr__(name: str) -> Any:
    # Only pages and pictures need matplotlib and the template engine, which take a second to import.
    if name in ("claim_html", "to_html"):
        from pbits.report import html

        return getattr(html, name)
    if name == "save_figures":
        from pbits.report.figures import save_figures

        return save_figures
    if name == "gantt":
        from pbits.report.plots import gantt

        return gantt
    if name in ("image_grid", "learning_curves", "receptive_fields"):
        from pbits.report import learning_plots

        return getattr(learning_plots, name)
    raise AttributeError(f"module 'pbits.report' has no attribute {name!r}")
