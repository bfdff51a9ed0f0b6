"""Linear algebra on analog circuits: how time and joules grow, and where a processor is overtaken.

    python -m benchmarks.analog_scaling [--chains 24] [--repeat 3] [--plot analog_scaling.png]

First the exponents of T ∝ dᵃ κᵇ εᶜ, fitted to errors measured on exact paths of machines whose modes but the stiffest
all relax at 1/κ of its rate (the worst case, of which asymptotic laws speak), with 95 % intervals, beside the published
ones; c from quarters and halves of the same runs. Overdamped times are in units of the stiffest mode's relaxation time;
underdamped ones, of friction 1/√κ, in its period over 2π. Then seconds and joules of a circuit of the catalogue for one
accuracy against dimension, beside NumPy and conjugate gradients measured here and the peak rates of GPUs in the
catalogue.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Picture
from scipy import stats
from scipy.linalg import cho_factor, cho_solve, expm
from scipy.sparse.linalg import cg

from benchmarks.plots import COLOURS
from hardware_models.langevin.budget import Budget, Demand, Task, budget, demand
from pbits import load
from pbits.langevin import OrnsteinUhlenbeck
from pbits.langevin.durations import settling
from pbits.streams import Streams

# Means are taken over so many relaxation times of the softest mode.
RELAXATIONS = 80
PARTS = (0.25, 0.5, 1.0)
# Steps between the two reads of an exponential.
LAG = 4
DIMENSIONS, CONDITIONS = (16, 32, 64, 128, 256), (16.0, 128.0, 1024.0)
# Exponents of d, κ and ε as published: A. Aifer et al., arXiv:2308.05660, from memory; the norms are not stated there
# as they are here, and are those with which the laws agree.
LAWS: dict[tuple[str, str], tuple[str, str]] = {
    ("solve", "overdamped"): ("dκ²ε⁻²", "absolute"),
    ("solve", "underdamped"): ("d√κ ε⁻²", "over the spread of the softest mode"),
    ("inverse", "overdamped"): ("d²κε⁻²", "over the spectral norm"),
    ("inverse", "underdamped"): ("d²√κ ε⁻²", "over the spectral norm"),
    ("lyapunov", "overdamped"): ("d²κε⁻²", "over the spectral norm"),
    ("determinant", "overdamped"): ("dκ ln³κ ε⁻²", "absolute, of ln det"),
    ("determinant", "underdamped"): ("none found", "absolute, of ln det"),
    ("exponential", "overdamped"): ("none found", "over √d"),
}
CIRCUITS = ("circuit", "circuit without noise", "circuit of passive couplings")
GPUS = ("gpu-v100-sxm2", "gpu-a100-sxm", "gpu-h100-sxm")
LARGEST, FARTHEST = 1024, 1 << 20
CIRCUIT = "langevin-rc-illustrative"
#: Floating-point operations of the direct methods, in d³. An exponential of norm 1: the Padé approximant of order 13,
#: six products and a solve, without squarings.
DIRECT = {"solve": 1 / 3, "inverse": 1.0, "determinant": 1 / 3, "exponential": 6 * 2 + 2 / 3 + 2}


def soft(d: int, kappa: float) -> np.ndarray:
    """A (d, d) with one mode of rate 1 and all others of 1/κ, in a random basis."""
    basis = np.linalg.qr(np.random.default_rng(d).normal(size=(d, d)))[0]
    rates = np.full(d, 1 / kappa)
    rates[0] = 1
    return (basis * rates) @ basis.T


def uneven(d: int) -> np.ndarray:
    """The noise of a Lyapunov equation: correlated, of strengths from ½ to 3/2."""
    basis = np.linalg.qr(np.random.default_rng(d + 1).normal(size=(d, d)))[0]
    return (basis * np.linspace(0.5, 1.5, d)) @ basis.T


def machine(A: np.ndarray, damping: str, noise: np.ndarray | None = None) -> tuple[OrnsteinUhlenbeck, float]:
    """The exact process and its slowest relaxation time."""
    n, slowest = len(A), float(np.linalg.eigvalsh(A)[0])
    if damping == "overdamped":
        return OrnsteinUhlenbeck(A, 1.0 if noise is None else noise), 1 / slowest
    friction = np.sqrt(slowest)
    drift = np.block([[np.zeros((n, n)), -np.eye(n)], [A, friction * np.eye(n)]])
    return OrnsteinUhlenbeck(drift, np.diag([0.0] * n + [friction] * n)), 2 / friction


def draws(A: np.ndarray, damping: str, chains: int, seed: int, noise: np.ndarray | None = None) -> tuple[Any, float]:
    """Positions (chains, steps, d) from the stationary law on, and the time between them."""
    process, memory = machine(A, damping, noise)
    root = np.linalg.cholesky(process.covariance)
    start = np.random.default_rng(seed).normal(size=(chains, process.n)) @ root.T
    # Read four times in the shortest memory that matters to a mean.
    step = memory / 8
    path = process.transition(step).path(start, round(RELAXATIONS * memory / step), Streams(seed=seed))
    return path[:, :, : len(A)], step


def squared_error(task: str, damping: str, A: np.ndarray, noise: np.ndarray | None, x: Any, step: float) -> float:
    """Mean over chains of the squared error of what a problem reads off paths, in the norm of `LAWS`."""
    d, slowest, draws = len(A), float(np.linalg.eigvalsh(A)[0]), x.shape[1]
    if task == "solve":
        square = (x.mean(axis=1) ** 2).sum(axis=1).mean()
        return float(square * slowest if damping == "underdamped" else square)
    if task in ("inverse", "lyapunov"):
        truth = np.linalg.inv(A) if noise is None else OrnsteinUhlenbeck(A, noise).covariance
        found = np.einsum("cti,ctj->cij", x, x, optimize=True) / draws - truth
        return float((found**2).sum(axis=(1, 2)).mean() / np.linalg.norm(truth, 2) ** 2)
    rates, basis = np.linalg.eigh(A)
    found = np.einsum("cti,ctj->cij", x[:, LAG:], x[:, :-LAG], optimize=True) / (draws - LAG)
    return float(((found - (basis * np.exp(-rates * LAG * step)) @ basis.T) ** 2).sum(axis=(1, 2)).mean() / d)


def squared_errors(task: str, damping: str, d: int, kappa: float, chains: int) -> tuple[Any, Any]:
    """Times of averaging and squared errors after them: of the first part of long runs, and of all."""
    A = soft(d, kappa)
    if task == "determinant":
        return _of_a_path(A, damping, chains)
    noise = {"exponential": A, "lyapunov": uneven(d)}.get(task)
    x, step = draws(A, damping, chains, seed=d + int(kappa), noise=noise)
    lengths = [round(share * x.shape[1]) for share in PARTS]
    found = [squared_error(task, damping, A, noise, x[:, :length], step) for length in lengths]
    return np.array(lengths) * step, np.array(found)


def _of_a_path(A: np.ndarray, damping: str, chains: int) -> tuple[Any, Any]:
    """Thermodynamic integration from 1 to A in stops that are read for times in proportion to their scatter."""
    kappa = 1 / float(np.linalg.eigvalsh(A)[0])
    shares = (1 - np.geomspace(1, 1 / kappa, 9)) / (1 - 1 / kappa)
    slope = A - np.eye(len(A))
    scatters = np.empty((len(shares), len(PARTS)))
    for number, share in enumerate(shares):
        held = np.eye(len(A)) + share * slope
        x, step = draws(held, damping, chains, seed=1000 + number)
        works = 0.5 * np.einsum("cti,cti->ct", x @ slope, x)
        for column, part in enumerate(PARTS):
            length = round(part * x.shape[1])
            scatters[number, column] = works[:, :length].mean(axis=1).var(ddof=1) * length * step
    # Of ln det = 2ΔF, were the path gone in a time of 1 for the shortest part, and longer for the others.
    squares = 4 * np.trapezoid(np.sqrt(scatters), shares, axis=0) ** 2
    times = np.array(PARTS) / PARTS[0]
    return times, squares / times


def exponents(task: str, damping: str, chains: int) -> dict[str, tuple[float, float]]:
    """Exponents of d, κ and ε in the time for an error, with the half-widths of their 95 % intervals."""
    rows, logs, slopes = [], [], []
    for d in DIMENSIONS:
        for kappa in CONDITIONS:
            times, squares = squared_errors(task, damping, d, kappa, chains)
            rows.append([1.0, np.log(d), np.log(kappa)])
            logs.append(np.log(squares[-1] * times[-1]))
            slopes.append(np.polyfit(0.5 * np.log(squares), np.log(times), 1)[0])
    design, wanted = np.array(rows), np.array(logs)
    fitted, *_ = np.linalg.lstsq(design, wanted, rcond=None)
    free = len(wanted) - design.shape[1]
    spread = ((wanted - design @ fitted) ** 2).sum() / free * np.linalg.inv(design.T @ design)
    wide = stats.t.ppf(0.975, free) * np.sqrt(np.diag(spread))
    of_error = stats.t.ppf(0.975, len(slopes) - 1) * np.std(slopes, ddof=1) / np.sqrt(len(slopes))
    return {"d": (fitted[1], wide[1]), "κ": (fitted[2], wide[2]), "ε": (float(np.mean(slopes)), of_error)}


def seconds(work: Callable[[], Any], repeat: int) -> float:
    work()
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def spread_rates(d: int, kappa: float) -> np.ndarray:
    """Eigenvalues spread evenly in their logarithm, from 1/κ to 1."""
    return np.geomspace(1 / kappa, 1, d)


def digital(task: str, d: int, kappa: float, accuracy: float, repeat: int) -> dict[str, float]:
    """Seconds of NumPy's direct method, and of conjugate gradients to a residual of that size, measured here."""
    rng = np.random.default_rng(d)
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    A = (basis * spread_rates(d, kappa)) @ basis.T
    b = rng.normal(size=d)
    if task == "inverse":
        return {"NumPy, inverse": seconds(lambda: np.linalg.inv(A), repeat)}
    if task == "determinant":
        return {"NumPy, slogdet": seconds(lambda: np.linalg.slogdet(A), repeat)}
    if task == "exponential":
        return {"SciPy, expm": seconds(lambda: expm(-A), repeat)}
    return {
        "SciPy, Cholesky": seconds(lambda: cho_solve(cho_factor(A, check_finite=False), b, check_finite=False), repeat),
        "SciPy, conjugate gradients": seconds(lambda: cg(A, b, rtol=accuracy), repeat),
    }


def analog(task: Task, d: int, kappa: float, accuracy: float, amplifiers: int | None = None) -> Budget:
    """The circuit of the catalogue, with as many cells as it takes."""
    asked = demand(task, spread_rates(min(d, LARGEST), kappa), accuracy)
    if d > LARGEST:
        # From here on the spectrum is a continuum, and sums over it grow as d; a solve is averaged by all together.
        more = d / LARGEST
        longer = 1.0 if task == "solve" else more
        stages = asked.programmings if task != "determinant" else round(asked.programmings * math.sqrt(more))
        asked = replace(
            asked, n=d, average=asked.average * longer, frames=math.ceil(asked.frames * longer), programmings=stages
        )
    return _priced(asked, amplifiers)


def settled(d: int, kappa: float, accuracy: float) -> Budget:
    """The same circuit without noise, which is programmed, settles and is read once: what noise must be measured by."""
    wait = settling(spread_rates(min(d, LARGEST), kappa), accuracy)
    return _priced(Demand(n=d, programmings=1, settle=wait, average=0.0, frames=1))


def _priced(asked: Demand, amplifiers: int | None = None) -> Budget:
    circuit = load(CIRCUIT)
    assert circuit.spec is not None
    assert circuit.prices is not None
    figure = circuit.spec.figure
    tau = figure("resistance", "ohm") * figure("capacitance", "F")
    return budget(
        asked,
        tau_s=tau,
        word_s=figure("word_time", "s"),
        adc_s=figure("adc_time", "s"),
        prices=circuit.prices,
        amplifiers=amplifiers,
    )


def crossover(sizes: list[int], ours: list[float], theirs: list[float]) -> float | None:
    """The dimension from which ours is less, on straight lines in logarithms; None for never."""
    lead = np.log(np.array(ours) / np.array(theirs))
    place = np.log(np.array(sizes, dtype=float))
    last = np.flatnonzero(lead >= 0)
    if not len(last):
        return float(sizes[0])
    k = int(last[-1]) + 1
    if k == len(sizes):
        return None
    share = lead[k - 1] / (lead[k - 1] - lead[k])
    return float(np.exp(place[k - 1] + share * (place[k] - place[k - 1])))


@dataclass(frozen=True, kw_only=True)
class Rival:
    """What the circuit is compared with: seconds, and joules where they are known, at each size."""

    name: str
    seconds: list[float]
    joules: list[float] | None = None


def rivals(task: str, sizes: list[int], far: list[int], kappa: float, accuracy: float, repeat: int) -> list[Rival]:
    """Measured here up to the largest of `sizes`; beyond, by d² for conjugate gradients and d³ for the rest."""
    measured = [digital(task, d, kappa, accuracy, repeat) for d in sizes]
    found = []
    for name in measured[0]:
        taken = [row[name] for row in measured]
        order = 2 if "conjugate" in name else 3
        found.append(Rival(name=name, seconds=taken + [taken[-1] * (d / sizes[-1]) ** order for d in far]))
    for name in GPUS:
        peak, watts = (_figure(name, key, unit) for key, unit in (("peak_flops", "FLOP/s"), ("tdp", "W")))
        taken = [DIRECT[task] * d**3 / peak for d in sizes + far]
        found.append(Rival(name=f"{name} at its peak", seconds=taken, joules=[watts * one for one in taken]))
    return found


def report(sizes: list[int], kappa: float, accuracy: float, repeat: int, plot: Path | None) -> None:
    tasks: tuple[Task, ...] = ("solve", "inverse", "determinant", "exponential")
    picture = Picture(figsize=(15, 7.4), layout="constrained")
    panels = picture.subplots(2, len(tasks), sharex=True, sharey="row")
    far = [sizes[-1] * 2**k for k in range(1, 1 + math.ceil(math.log2(FARTHEST / sizes[-1])))]
    everywhere = sizes + far
    for column, task in enumerate(tasks):
        print(f"\n{task}: κ = {kappa:g}, error {accuracy:g}")
        ours = {"circuit": [analog(task, d, kappa, accuracy) for d in everywhere]}
        if task == "solve":
            ours["circuit without noise"] = [settled(d, kappa, accuracy) for d in everywhere]
        passive = [analog(task, d, kappa, accuracy, amplifiers=0) for d in everywhere]
        others = rivals(task, sizes, far, kappa, accuracy, repeat)
        for row, (quantity, unit) in enumerate((("seconds", "s"), ("joules", "J"))):
            panel = panels[row, column]
            shown = ours if unit == "s" else ours | {"circuit of passive couplings": passive}
            for name, budgets in shown.items():
                colour = COLOURS[CIRCUITS.index(name)]
                figures = [one.device_time_s if unit == "s" else one.total_joules for one in budgets]
                values, lows, highs = ([getattr(f, end) for f in figures] for end in ("value", "low", "high"))
                panel.fill_between(everywhere, lows, highs, alpha=0.2, color=colour, lw=0)
                panel.plot(everywhere, values, color=colour, lw=2, label=name)
                print(f"  {name}: " + ", ".join(f"{v:.2g} {unit} at d = {d}" for d, v in zip(sizes, values)))
                for rival in others:
                    theirs = getattr(rival, quantity)
                    if theirs is not None:
                        low, value, high = (_told(crossover(everywhere, end, theirs)) for end in (lows, values, highs))
                        print(f"    fewer {quantity} than {rival.name} from d = {value} ({low} to {high})")
            for number, rival in enumerate(others):
                theirs = getattr(rival, quantity)
                if theirs is None:
                    continue
                gpu = rival.joules is not None
                colour = COLOURS[4 + GPUS.index(rival.name.split()[0]) if gpu else 3]
                if not gpu:
                    panel.plot(sizes, theirs[: len(sizes)], "o" if number == 0 else "^", ms=4, color=colour)
                panel.plot(everywhere, theirs, "--", lw=1, color=colour, label=rival.name)
            panel.set(xscale="log", yscale="log", ylabel=quantity if column == 0 else "")
            panel.grid(alpha=0.3)
        panels[0, column].set_title(f"{task}, κ = {kappa:g}, error {accuracy:g}")
        for row in panels[:, column]:
            row.legend(fontsize=6)
        panels[1, column].set_xlabel("dimension; measured where there are dots")
    if plot is not None:
        picture.savefig(plot, dpi=60)


def _told(dimension: float | None) -> str:
    return "beyond a million" if dimension is None else f"{dimension:,.0f}" if dimension < 1e4 else f"{dimension:.1e}"


def _figure(name: str, key: str, unit: str) -> float:
    spec = load(name).spec
    assert spec is not None
    value = spec.figure(key, unit).value
    assert value is not None, f"{name} states its {key}"
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=24)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256, 512, 1024, 2048])
    parser.add_argument("--kappa", type=float, default=100.0)
    parser.add_argument("--accuracy", type=float, default=0.1)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    print("T ∝ dᵃ κᵇ εᶜ, fitted to measured errors; published (from memory)")
    for (task, damping), (published, norm) in LAWS.items():
        found = exponents(task, damping, chosen.chains)
        told = "  ".join(f"{name}: {value:.2f} ± {wide:.2f}" for name, (value, wide) in found.items())
        print(f"  {task:12s} {damping:12s} {told}   published {published}; error {norm}", flush=True)
    report(chosen.sizes, chosen.kappa, chosen.accuracy, chosen.repeat, chosen.plot)


if __name__ == "__main__":
    main()
