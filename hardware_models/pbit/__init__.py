"""p-bit machines: networks of binary stochastic neurons under a clock, or without one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hardware_models.pbit import array, bittrue, chips, permutations
from hardware_models.pbit.array import Array
from hardware_models.pbit.bittrue import BitTrue
from hardware_models.pbit.chips import Chips
from hardware_models.pbit.disciplines import Discipline
from hardware_models.pbit.permutations import Permutations
from hardware_models.pbit.stationary import DisciplineLaw, stationary_law
from hardware_models.pbit.verilog import count_luts, verilog
from pbits.parameters import MachineSpec
from pbits.substrate import Substrate

if TYPE_CHECKING:
    from hardware_models.pbit.characterisation import Characterisation, characterise
    from hardware_models.pbit.macrospin import Macrospin
    from hardware_models.pbit.readout import ThreeTransistor
    from hardware_models.pbit.telegraph import Telegraph
    from hardware_models.pbit.trace import Trace

# The physics of single devices loads on first use: no machine needs it.
_DEVICES = {
    "Characterisation": "characterisation",
    "Macrospin": "macrospin",
    "Telegraph": "telegraph",
    "ThreeTransistor": "readout",
    "Trace": "trace",
    "characterise": "characterisation",
}

__all__ = [
    "Array",
    "BitTrue",
    "Characterisation",
    "Chips",
    "Discipline",
    "DisciplineLaw",
    "Macrospin",
    "Permutations",
    "Telegraph",
    "ThreeTransistor",
    "Trace",
    "characterise",
    "count_luts",
    "from_spec",
    "stationary_law",
    "verilog",
]


def from_spec(spec: MachineSpec) -> Substrate:
    """A p-bit machine of the catalogue: of permutations where it says so, several chips where it counts them, bit-true
    where it names a generator.
    """
    if spec.has("machine"):
        spec.text("machine", choices=("permutations",))
        return permutations.from_spec(spec)
    if spec.has("chips"):
        return chips.from_spec(spec)
    return bittrue.from_spec(spec) if spec.has("generator") else array.from_spec(spec)


def __getattr__(name: str) -> Any:
    if name not in _DEVICES:
        raise AttributeError(f"module 'hardware_models.pbit' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"hardware_models.pbit.{_DEVICES[name]}"), name)
    globals()[name] = found
    return found
