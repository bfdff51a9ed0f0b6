"""How a catalogue entry states the wiring of an array of cells."""

from __future__ import annotations

from pbits.mapping import GRID_RULES, Complete, Grid, Topology
from pbits.parameters import MachineSpec

KEYS = ("topology", "max_sites", "rows", "columns", "rules", "torus")


def topology_of(spec: MachineSpec) -> Topology | None:
    """``topology = "any"`` (None), "complete" with `max_sites`, or "grid" with `rules`, `rows`, `columns`, `torus`."""
    shape = spec.text("topology", choices=("any", "complete", "grid"), default="any")
    if shape == "complete":
        return Complete(spec.integer("max_sites"))
    if shape == "grid":
        return Grid.named(
            spec.text("rules", choices=tuple(GRID_RULES)),
            spec.integer("rows"),
            spec.integer("columns"),
            spec.flag("torus", default=False),
        )
    return None
