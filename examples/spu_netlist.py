"""Eight capacitively coupled RLC cells as a netlist, and their covariance by ngspice, which shares no code with us.

A matrix becomes components, the components a deck for ngspice (spu.cir), and ngspice's integral over frequencies of the
noise at every cell becomes the covariance again: the inverse of the matrix. Component values are illustrative; those of
the published machine are not known to us.
"""

import shutil
from pathlib import Path

import numpy as np

import pbits
from hardware_models.langevin import Circuit
from hardware_models.langevin.spice import noise_covariance, spice

rng = np.random.default_rng(8)
couplings = np.triu(rng.uniform(0.02, 0.2, (8, 8)), 1)
A = np.diag(rng.uniform(1.2, 1.8, 8)) - couplings - couplings.T

machine = Circuit(
    cell="rlc", mapping="capacitance", coupling="passive",
    resistance_ohm=1e3, capacitance_f=150e-12, quality=6.0, noise_voltage_rms_v=0.1,
)  # fmt: skip
program = machine.compile(pbits.GaussianModel(A), pbits.Schedule())
print(program.netlist)
Path("spu.cir").write_text(spice(program, analysis="noise"), "ascii")
print("spu.cir written; run it with: ngspice -b spu.cir")

_, predicted = program.netlist.linear().stationary()
ratios = predicted / np.linalg.inv(A)
print(f"predicted: the inverse of A at {ratios.mean():.5f} V² a unit, within {np.ptp(ratios) / ratios.mean():.0e}")
if shutil.which("ngspice") is None:
    print("ngspice is not installed, so nothing is compared; get it with: apt install ngspice")
else:
    found = noise_covariance(program)
    volts = np.sqrt(np.diag(found))
    print(f"ngspice: standard deviations of {volts.min():.4f} to {volts.max():.4f} V")
    gap = np.linalg.norm(found - predicted) / np.linalg.norm(predicted)
    print(f"ngspice against predicted: {gap:.0e} of the whole")
