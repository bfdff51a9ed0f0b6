"""How a catalogue entry states the wiring of an array of cells."""

from __future__ import annotations

from pbits.mapping import GRID_RULES, Chimera, Complete, Grid, Pegasus, Sparse, Topology
from pbits.parameters import MachineSpec

KEYS = ("topology", "max_sites", "rows", "columns", "rules", "torus", "max_degree", "shore", "size")


def topology_of(spec: MachineSpec) -> Topology | None:
    """The wiring by the name of `topology`, with the keys that belong to it.

    "any" (None); "complete" with `max_sites`; "sparse" with `max_sites` and `max_degree`; "grid" with `rules`, `rows`,
    `columns`, `torus`; "chimera" with `rows`, `columns`, `shore`; "pegasus" with `size`.
    """
    shapes = ("any", "complete", "sparse", "grid", "chimera", "pegasus")
    shape = spec.text("topology", choices=shapes, default="any")
    if shape == "complete":
        return Complete(spec.integer("max_sites"))
    if shape == "sparse":
        return Sparse(spec.integer("max_sites"), spec.integer("max_degree"))
    if shape == "grid":
        return Grid.named(
            spec.text("rules", choices=tuple(GRID_RULES)),
            spec.integer("rows"),
            spec.integer("columns"),
            spec.flag("torus", default=False),
        )
    if shape == "chimera":
        return Chimera(spec.integer("rows"), spec.integer("columns"), spec.integer("shore"))
    if shape == "pegasus":
        return Pegasus(spec.integer("size"))
    return None
