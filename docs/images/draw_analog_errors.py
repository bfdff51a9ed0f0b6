"""Draws docs/images/analog_errors.png: python -m docs.images.draw_analog_errors"""

from itertools import islice
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pbits
from hardware_models.langevin import Circuit, compile_model
from hardware_models.langevin.converter import Converter
from hardware_models.langevin.effects import (
    ComponentDrift,
    FiniteGain,
    GainBandwidth,
    InductorLoss,
    JohnsonNoise,
    LeakyCapacitors,
    NoiseBandwidth,
    NoiseMismatch,
    Offset,
    Rounding,
    Saturation,
    Tolerance,
)
from hardware_models.langevin.netlist import Netlist
from hardware_models.langevin.reading import read_moments
from pbits.streams import Streams

DATA, EXACT, OTHER = "#d9822b", "#222222", "#3b6ea5"
STATED = {"resistance_ohm": 1e3, "capacitance_f": 1e-9, "noise_voltage_rms_v": 0.1}
MODEL = pbits.GaussianModel([[2.0, -0.5, 0.0], [-0.5, 1.5, -0.7], [0.0, -0.7, 1.0]], [1.0, -0.5, 0.2])
ACTIVE = compile_model(MODEL, coupling="active", **STATED).parts
PASSIVE = compile_model(MODEL, coupling="passive", **STATED).parts
RESONANT = compile_model(pbits.GaussianModel(MODEL.A), coupling="passive", cell="rlc", quality=4.0, **STATED).parts

# Strengths of each effect, and the circuit it is tried on.
CASES = {
    "tolerance": (PASSIVE, [Tolerance(resistors=s) for s in (0.003, 0.02, 0.1)]),
    "rounding": (ACTIVE, [Rounding(bits=b) for b in (5, 7, 9)]),
    "leaky capacitors": (PASSIVE, [LeakyCapacitors(time_constant_s=t) for t in (1e-5, 1e-4, 1e-3)]),
    "inductor loss": (RESONANT, [InductorLoss(ohm=r) for r in (0.3, 3.0, 30.0)]),
    "noise bandwidth": (PASSIVE, [NoiseBandwidth(correlation_s=t) for t in (1e-8, 1e-7, 1e-6)]),
    "noise mismatch": (PASSIVE, [NoiseMismatch(sigma=s) for s in (0.003, 0.03, 0.1)]),
    "Johnson noise": (PASSIVE, [JohnsonNoise(temperature_k=k) for k in (1e9, 1e10, 1e11)]),
    "gain-bandwidth": (ACTIVE, [GainBandwidth(pole_hz=f) for f in (5e5, 5e6, 5e7)]),
    "finite gain": (ACTIVE, [FiniteGain(dc_gain=a) for a in (30.0, 300.0, 3000.0)]),
    "offset (mean)": (ACTIVE, [Offset(sigma_a=a) for a in (3e-7, 3e-6, 3e-5)]),
    "drift": (PASSIVE, [ComponentDrift(sigma=s, correlation_s=1e-3, every_s=1e-3) for s in (0.003, 0.02, 0.08)]),
    "saturation": (ACTIVE, [Saturation(volts=v) for v in (0.3, 0.6, 1.2)]),
}
# What differs from chip to chip.
DRAWN = ("tolerance", "noise mismatch", "offset (mean)")


def law(parts):
    return Netlist.of(parts).linear().stationary()


def sampled(effect):
    """Volts of a run, which scatter by 0.2 %."""
    schedule = pbits.Schedule(n_samples=50, n_warmup=10, chains=20_000)
    run = pbits.run(MODEL, Circuit(effects=[effect], **STATED), schedule, seed=1)
    volts = run.states.reshape(-1, 3) * run.record["notes"]["volts_per_unit_of_x"]
    return volts.mean(axis=0), np.cov(volts.T)


def laws(name, effect, parts):
    if name == "saturation":
        return [sampled(effect)]
    if name == "drift":
        return [law(piece) for piece in islice(effect.pieces(parts, Streams(seed=1)), 200)]
    chips = range(300 if name in DRAWN else 1)
    return [law(effect.build(parts, Streams(seed=0, chip_seed=chip))[0]) for chip in chips]


def errors(name, effect, parts):
    """Relative errors of the covariance, or of the mean in standard deviations: predicted, and found."""
    (mean, sigma), predicted = law(parts), effect.predict(parts)
    found = laws(name, effect, parts)
    if name == "offset (mean)":
        size = np.sqrt(np.trace(sigma))
        own = np.sqrt((predicted.mean**2 + predicted.mean_spread**2).sum())
        return own / size, np.sqrt(np.mean([((m - mean) ** 2).sum() for m, _ in found])) / size
    shifts = [((s - sigma) ** 2).sum() for _, s in found]
    return predicted.relative(sigma), np.sqrt(np.mean(shifts)) / np.linalg.norm(sigma)


def agreement(ax):
    ends = (1e-4, 3)
    ax.loglog(ends, ends, color=EXACT, lw=0.8)
    colours, marks = plt.get_cmap("tab20").colors, "osD^v<>ph*XP"
    for colour, mark, (name, (parts, effects)) in zip(colours[::2] + colours[1::2], marks, CASES.items()):
        points = np.transpose([errors(name, effect, parts) for effect in effects])
        ax.loglog(*points, mark, ms=5, color=colour, label=name)
    ax.set(xlabel="relative error predicted", ylabel="relative error found", title="Twelve effects, three strengths")
    ax.set(xlim=ends, ylim=ends)


def rounding(ax):
    sigma = law(ACTIVE)[1]
    bits = np.arange(4, 11)

    def error(effects):
        mean = np.mean([law(effect.build(ACTIVE, Streams(seed=0))[0])[1] for effect in effects], axis=0)
        return np.linalg.norm(mean - sigma) / np.linalg.norm(sigma)

    steps = 1.0 / (2 ** (bits - 1) - 1)
    ax.loglog(steps, [error([Rounding(bits=int(b))]) for b in bits], "o", color=OTHER, label="to the nearest")
    together = [error(Rounding.ensemble(int(b), 2 ** int(b))) for b in bits]
    ax.loglog(steps, together, "s", color=DATA, label="mean of 2$^{bits}$ devices")
    ax.loglog(steps, steps, color=OTHER, lw=0.8, ls=":", label="slope 1")
    ax.loglog(steps, 5 * steps**2, color=DATA, lw=0.8, ls=":", label="slope 2")
    ax.set(xlabel="step over the largest component", ylabel="relative error of Σ", title="Rounded components")


def saturation(ax):
    cell = pbits.GaussianModel([[1.0]])
    ratios = np.geomspace(0.01, 2, 60)
    exact = [Saturation(volts=1.0).one_cell(0.0, ratio)[1] / ratio for ratio in ratios]
    ax.semilogx(ratios, exact, color=EXACT, label="½ψ'(V$_s$²/2Σ)V$_s$²/Σ")
    ax.semilogx(ratios, 1 + ratios, color=OTHER, ls="--", label="1 + Σ/V$_s$²")
    for ratio in (0.03, 0.1, 0.3, 1.0):
        circuit = Circuit(effects=[Saturation(volts=0.1 / np.sqrt(ratio))], **STATED)
        schedule = pbits.Schedule(n_samples=10, n_warmup=20, chains=10_000, step_tau=2.0)
        x = pbits.run(cell, circuit, schedule, seed=2).states
        ax.semilogx(ratio, x.var(), "o", color=DATA, label="100,000 voltages" if ratio == 1 else None)
    ax.set(xlabel="Σ/V$_s$²", ylabel="variance over Σ", title="One saturating cell", ylim=(0.9, 3.2))


def converters(ax):
    steps = np.linspace(0.1, 3, 80)
    for mean, style in ((0.0, "-"), (0.5, "--")):
        gains = [read_moments([mean * q], [[1.0]], 32 * q, 6)[1][0, 0] for q in steps]
        ax.plot(steps, gains, color=EXACT, ls=style, label="mean on an edge" if mean == 0 else "mean between edges")
    ax.plot(steps, 1 + steps**2 / 12, color=OTHER, ls=":", label="1 + q²/12")
    x = np.random.default_rng(1).normal(size=400_000)
    some = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    for mean in (0.0, 0.5):
        read = [Converter(bits=6, full_scale=32 * q).read(x + mean * q)[0].var() for q in some]
        ax.plot(some, read, "o", color=DATA, label="400,000 readings" if mean == 0 else None)
    ax.set(xlabel="step q, standard deviations", ylabel="variance read over variance", title="A converter")


def main():
    figure, axes = plt.subplots(2, 2, figsize=(10.4, 8.2))
    for ax, draw in zip(axes.ravel(), (agreement, rounding, saturation, converters)):
        draw(ax)
        ax.title.set_fontsize(10)
        ax.legend(fontsize=7.5, frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("analog_errors.png"), dpi=100)


if __name__ == "__main__":
    main()
