"""Machines: a module is a physics, a TOML file is a machine.

Nothing is registered by hand. A physics is a module of this package with a function `from_spec`; a machine is a
file in `catalogue/`; a physics may also offer machines of its own through a function `machines()`, a mapping from
name to builder.
"""

from __future__ import annotations

import importlib
import pkgutil

# A module of this package becomes a name here, so what this file uses must not bear a module's name.
from functools import partial as _partial
from pathlib import Path

CATALOGUE = Path(__file__).parent / "catalogue"
DOSSIERS = Path(__file__).parent / "dossiers"


def __getattr__(name):
    # hardware_models.pbit and its like load on first use, since they load the compiler.
    if name in {module.name for module in pkgutil.iter_modules(__path__)}:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'hardware_models' has no attribute {name!r}")


def substrates():
    """What this package offers to `pbits.available` and `pbits.load`."""
    from pbits.substrate import Listing, build

    machines, physics = {}, {}
    for module in pkgutil.iter_modules(__path__):
        found = importlib.import_module(f"{__name__}.{module.name}")
        if hasattr(found, "from_spec"):
            physics[module.name] = found.from_spec
            machines |= getattr(found, "machines", dict)()
    for path in sorted(CATALOGUE.glob("*.toml")):
        if path.stem not in ("sources", "uplifts"):
            machines[path.stem] = _partial(_from_catalogue, path, build)
    return Listing(
        machines=machines,
        physics=physics,
        bibliographies=[CATALOGUE / "sources.toml"],
        uplifts=[CATALOGUE / "uplifts.toml"],
    )


def claims():
    """The dossiers of this package, by name, for `pbits.Claim.load`."""
    return {path.stem: path for path in sorted(DOSSIERS.glob("*.toml"))}


def _from_catalogue(path, build):
    from pbits.parameters import CatalogueError, read_machine

    spec = read_machine(path)
    if spec.name != path.stem:
        raise CatalogueError(f"{path.name}: name is {spec.name!r}; a machine is named as its file, {path.stem!r}")
    return build(spec)
