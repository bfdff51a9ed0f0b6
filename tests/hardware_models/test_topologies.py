"""Wirings of catalogue entries: every shape by its keys."""

import pytest

from hardware_models.topologies import topology_of
from pbits.mapping import Chimera, Complete, Grid, Pegasus, Sparse
from pbits.parameters import CatalogueError, read_machine

SHAPES = [
    ({"topology": "any"}, None),
    ({"topology": "complete", "max_sites": 9}, Complete(9)),
    ({"topology": "sparse", "max_sites": 9, "max_degree": 5}, Sparse(9, 5)),
    ({"topology": "grid", "rules": "king", "rows": 4, "columns": 5}, Grid.named("king", 4, 5)),
    ({"topology": "chimera", "rows": 3, "columns": 2, "shore": 4}, Chimera(3, 2, 4)),
    ({"topology": "pegasus", "size": 3}, Pegasus(3)),
]


def spec_of(tmp_path, parameters):
    heading = "\n".join(f'{key} = "array"' for key in ("name", "title", "physics", "description"))
    lines = [f'{key} = "{value}"' for key, value in parameters.items() if isinstance(value, str)]
    lines += [
        f'{key} = {{ value = {value}, evidence = "assumed", note = "of a test" }}'
        for key, value in parameters.items()
        if isinstance(value, int)
    ]
    path = tmp_path / "array.toml"
    path.write_text("\n".join(["schema = 1", heading, 'date = "2026-11-22"', "[parameters]", *lines]) + "\n")
    return read_machine(path)


@pytest.mark.parametrize(("parameters", "wiring"), SHAPES, ids=lambda value: str(value)[:30])
def test_shapes_are_read(tmp_path, parameters, wiring):
    assert topology_of(spec_of(tmp_path, parameters)) == wiring


def test_unknown_shapes_are_refused(tmp_path):
    with pytest.raises(CatalogueError, match="chimera"):
        topology_of(spec_of(tmp_path, {"topology": "zephyr"}))
