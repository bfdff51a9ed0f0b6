"""Stochastic magnets against exact laws, and how fast they run.

    python -m benchmarks.magnets [--magnets 512] [--barriers 1 3 6 8 10] [--repeat 5]

Switching rates of uniaxial magnets are told by how ⟨m_z(0)m_z(t)⟩ falls from t = 1/(4λ) to 1/(2λ), where λ is the exact
one, the smallest eigenvalue of the Fokker–Planck operator. Speeds are by processor time of one thread, best of several,
with the normal numbers alone beside them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.pbit.macrospin import Macrospin
from hardware_models.pbit.telegraph import Telegraph
from pbits.kernels.llg import heun
from pbits.kernels.philox import normals
from pbits.kernels.telegraph import start, telegraph
from pbits.reference.fokker_planck import axial_mean, switching_rate

KEY = (np.uint32(1), np.uint32(2))


def brown(barrier: float) -> float:
    """Brown's rate of decay of ⟨m_z⟩ in units of D_r, for high barriers."""
    return 4 / np.sqrt(np.pi) * barrier**1.5 * np.exp(-barrier)


def measured_rate(
    barrier: float, damping: float, magnets: int, seed: int = 1, coarser: float = 1.0
) -> tuple[float, float]:
    """The rate in units of D_r by simulation, and its standard error; `coarser` is the step over `step_s`."""
    magnet = Macrospin.uniaxial(np.full(magnets, barrier), damping=damping)
    lag = 1 / (4 * switching_rate((0, 0, -barrier), 240))
    dt = lag / magnet.diffusion_per_s
    steps = int(np.ceil(dt / (coarser * magnet.step_s())))
    m = magnet.path(40, dt, seed=seed, steps_per_sample=steps)[:, :, 2]
    one, two = (m[:-1] * m[1:]).mean(axis=0), (m[:-2] * m[2:]).mean(axis=0)
    # To first order the logarithm of a ratio varies as the difference of relative deviations.
    spread = np.std(one / one.mean() - two / two.mean()) / np.sqrt(magnets)
    return float(np.log(one.mean() / two.mean()) / lag), float(spread / lag)


def spectrum(
    junctions: Telegraph, samples: int, dt_s: float, drive: float, bands: int = 60
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies in logarithmic bands and the mean periodogram of traces in each."""
    values = np.asarray(junctions.trace(samples, dt_s, drive=drive, seed=1).values, dtype=np.float64)
    power = np.mean(np.abs(np.fft.rfft(values - values.mean(), axis=1)) ** 2, axis=0) * 2 * dt_s / samples
    f = np.fft.rfftfreq(samples, dt_s)
    edges = np.geomspace(f[1], f[-1], bands + 1)
    place = np.digitize(f[1:-1], edges)
    kept = [k for k in range(1, bands + 1) if (place == k).any()]
    return (
        np.array([f[1:-1][place == k].mean() for k in kept]),
        np.array([power[1:-1][place == k].mean() for k in kept]),
    )


def step_errors(magnets: int) -> list[tuple[float, float, float]]:
    """(D_r Δt, error of ⟨m_z²⟩, its standard error) of uniaxial magnets of Δ = 3 and α = 1."""
    exact = axial_mean(lambda u: u**2, (0.0, 0.0, -3.0))
    magnet = Macrospin.uniaxial(np.full(magnets, 3.0), damping=1.0)
    rows = []
    for steps in (1, 2, 4, 8):
        seen = magnet.path(900, 0.08 / magnet.diffusion_per_s, seed=5, steps_per_sample=steps)[20:, :, 2]
        square = (seen**2).mean(axis=0)
        rows.append((0.08 / steps, square.mean() - exact, square.std() / np.sqrt(magnets)))
    return rows


def best(work: Callable[[], Any], repeat: int) -> float:
    """Processor seconds of the quickest of several calls, after one that is not counted."""
    work()
    seconds = []
    for _ in range(repeat):
        begin = time.thread_time()
        work()
        seconds.append(time.thread_time() - begin)
    return min(seconds)


def speeds(repeat: int) -> dict[str, float]:
    """Millions a second of one thread."""
    n, steps = 128, 4000
    m, pushes = np.zeros((3, n)), np.full((10, n), 0.01)
    m[2], pushes[9] = 1.0, 0.1
    seen = np.empty((1, 3, n))
    found = {"magnet steps": n * steps / best(lambda: heun(seen, m, pushes, 0.1, steps, *KEY, 0, 0), repeat) / 1e6}
    wide = np.empty((3, 100 * n))
    found["normals of three axes alone"] = 100 * n / best(lambda: normals(wide, *KEY, 0, 0, 0), repeat) / 1e6
    state, dwell, left = np.ones(n, dtype=np.int8), np.zeros(n, dtype=np.int64), np.empty(n)
    start(left, dwell, *KEY, 0)
    looked, rate = np.empty((n, 4000), dtype=np.int8), np.full((n, 1), 0.5)
    before = dwell.sum()
    seconds = best(lambda: telegraph(looked, state, dwell, left, rate, rate, *KEY, 0), repeat)
    found["junction switchings"] = (dwell.sum() - before) / (repeat + 1) / seconds / 1e6
    found["junction samples"] = looked.size / seconds / 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--magnets", type=int, default=512)
    parser.add_argument("--barriers", type=float, nargs="+", default=[1, 3, 6, 8, 10])
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    print("switching rate of uniaxial magnets, in units of D_r")
    for barrier in chosen.barriers:
        for damping in (1.0, 0.1) if barrier <= 6 else (1.0,):
            rate, error = measured_rate(barrier, damping, chosen.magnets, seed=round(10 * barrier))
            exact = switching_rate((0, 0, -barrier), 240)
            print(
                f"  barrier {barrier:4.1f}  damping {damping:.1f}  exact {exact:.5f}  "
                f"simulated/exact {rate / exact:.3f} ± {error / exact:.3f}  Brown/exact {brown(barrier) / exact:.3f}",
                flush=True,
            )
    print("simulated/exact rate at Δ = 6, α = 1, by the step")
    exact = switching_rate((0, 0, -6.0))
    for coarser in (4, 2, 1):
        rate, error = measured_rate(6.0, 1.0, 8 * chosen.magnets, seed=17, coarser=coarser)
        print(f"  {coarser} × step_s  {rate / exact:.3f} ± {error / exact:.3f}", flush=True)
    print("error of ⟨m_z²⟩ at Δ = 3, α = 1")
    for step, error, spread in step_errors(4 * chosen.magnets):
        print(f"  D_r Δt = {step:.3f}  {error:+.4f} ± {spread:.4f}")
    junctions = Telegraph(tau0_s=np.full(256, 1e-9), barrier=2.0)
    f, power = spectrum(junctions, 8192, 5e-9, 0.1)
    ratio = power / junctions.spectrum(f, 0.1, 5e-9)[0]
    print(f"telegraph spectrum over the folded Lorentzian: {ratio.min():.3f} to {ratio.max():.3f} in {len(f)} bands")
    for name, rate in speeds(chosen.repeat).items():
        print(f"{name}: {rate:.1f} million a second")


if __name__ == "__main__":
    main()
