"""Langevin circuits: analog cells whose noisy voltages sample a model over reals, and walks on a lattice that do."""

from typing import get_args

from hardware_models.langevin import circuit, potentials, walk
from hardware_models.langevin.circuit import Circuit
from hardware_models.langevin.compiler import Design, Plan, compile_model
from hardware_models.langevin.potentials import Potentials
from hardware_models.langevin.program import CircuitProgram
from hardware_models.langevin.report import Advice, Report
from hardware_models.langevin.spice import noise_covariance, played, run_ngspice, spice
from hardware_models.langevin.walk import LatticeWalk
from pbits.parameters import MachineSpec

__all__ = [
    "Advice", "Circuit", "CircuitProgram", "Design", "LatticeWalk", "Plan", "Potentials", "Report", "compile_model",
    "from_spec", "noise_covariance", "played", "run_ngspice", "spice",
]  # fmt: skip


def from_spec(spec: MachineSpec) -> Circuit | LatticeWalk | Potentials:
    """A machine from a catalogue entry: `circuit` says of what kind it is."""
    kind = spec.text("circuit", choices=(*get_args(circuit.Cell), "walk", "potentials"), default="rc")
    return {"walk": walk.from_spec, "potentials": potentials.from_spec}.get(kind, circuit.from_spec)(spec)
