"""Analog circuits: cells whose noisy voltages sample a model over reals, walks that do, and networks that settle."""

from typing import get_args

from hardware_models.langevin import circuit, hosted, neurons, potentials, softassign, walk
from hardware_models.langevin.circuit import Circuit
from hardware_models.langevin.compiler import Design, Plan, compile_model
from hardware_models.langevin.hosted import Hosted
from hardware_models.langevin.neurons import Neurons, free_energy
from hardware_models.langevin.potentials import Potentials
from hardware_models.langevin.program import CircuitProgram
from hardware_models.langevin.report import Advice, Report
from hardware_models.langevin.softassign import Softassign
from hardware_models.langevin.spice import noise_covariance, played, run_ngspice, spice
from hardware_models.langevin.walk import LatticeWalk
from pbits.parameters import MachineSpec
from pbits.substrate import Substrate

__all__ = [
    "Advice", "Circuit", "CircuitProgram", "Design", "Hosted", "LatticeWalk", "Neurons", "Plan", "Potentials", "Report",
    "Softassign", "compile_model", "free_energy", "from_spec", "noise_covariance", "played", "run_ngspice", "spice",
]  # fmt: skip

_OTHERS = {
    "hosted": hosted.from_spec,
    "neurons": neurons.from_spec,
    "potentials": potentials.from_spec,
    "softassign": softassign.from_spec,
    "walk": walk.from_spec,
}


def from_spec(spec: MachineSpec) -> Substrate:
    """A machine from a catalogue entry: `circuit` says of what kind it is."""
    kind = spec.text("circuit", choices=(*get_args(circuit.Cell), *_OTHERS), default="rc")
    return _OTHERS.get(kind, circuit.from_spec)(spec)
