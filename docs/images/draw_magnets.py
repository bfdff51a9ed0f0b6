"""Draws docs/images/magnets.png: python -m docs.images.draw_magnets"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.magnets import brown, measured_rate, spectrum
from hardware_models.pbit.macrospin import Macrospin
from hardware_models.pbit.readout import ThreeTransistor
from hardware_models.pbit.telegraph import Telegraph
from pbits.reference.fokker_planck import switching_rate

DATA, EXACT, OTHER = "#d9822b", "#222222", "#3b6ea5"


def noise(ax):
    junctions = Telegraph(tau0_s=np.full(256, 1e-9), barrier=2.0)
    dt = 5e-9 / 4
    f, power = spectrum(junctions, 1 << 14, dt, 0.1)
    wide = np.geomspace(f[0], 3e9, 300)
    ax.loglog(f, power, "o", ms=4, color=DATA, label="256 simulated junctions")
    ax.loglog(wide, junctions.spectrum(wide, 0.1)[0], color=OTHER, ls="--", label="Lorentzian")
    ax.loglog(f, junctions.spectrum(f, 0.1, dt)[0], color=EXACT, label="folded at half the sampling rate")
    ax.set(xlabel="frequency, Hz", ylabel="spectrum of s, 1/Hz", title="Telegraph noise: Δ = 2, x = 0.1")


def rates(ax):
    barriers = np.linspace(0.02, 11, 100)
    ax.semilogy(barriers, [switching_rate((0, 0, -b), 240) for b in barriers], color=EXACT, label="exact eigenvalue")
    ax.semilogy(barriers, brown(barriers), color=OTHER, ls="--", label="Brown, high barriers")
    for damping, mark in ((1.0, "o"), (0.1, "^")):
        some = (1, 2, 3, 4, 5, 6, 8, 10) if damping == 1 else (1, 3, 5)
        found = [measured_rate(b, damping, 256, seed=b) for b in some]
        ax.errorbar(
            some, *np.transpose(found), fmt=mark, ms=5, color=DATA, mfc="white" if damping < 1 else DATA,
            label=f"256 magnets, α = {damping:g}",
        )  # fmt: skip
    ax.set(xlabel="barrier Δ, kT", ylabel="switching rate λ/D$_r$", title="Uniaxial magnet", ylim=(1e-3, 5))


def sigmoids(ax):
    readout, volts = ThreeTransistor(), np.linspace(0.2, 0.6, 200)
    magnets = {
        "isotropic": Macrospin(stiffness_t=np.zeros((512, 3)), damping=0.1),
        "in plane": Macrospin(
            stiffness_t=np.tile(Macrospin.in_plane().stiffness_t, (512, 1)), damping=0.1, axis=0
        ),
    }  # fmt: skip
    for (name, magnet), colour in zip(magnets.items(), (DATA, OTHER)):
        m = magnet.trace(100, 0.5 / magnet.diffusion_per_s, seed=2).values
        scale, middle = readout.input_scale_v(m)
        ax.plot(volts, readout.sigmoid(m, volts), color=colour, label=f"{name}: V$_0$ = {scale * 1e3:.0f} mV")
        ax.plot(volts, np.tanh((volts - middle) / scale), color=colour, ls=":")
    ax.set(xlabel="V$_{in}$, V", ylabel="mean output", title="3T-1MTJ read-out (dotted: tanh)")


def main():
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 3.9))
    for ax, draw in zip(axes, (noise, rates, sigmoids)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.legend(fontsize=7.5, frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("magnets.png"), dpi=110)


if __name__ == "__main__":
    main()
