"""What late news from other chips does to an anneal: residual energy against sweeps, for links of several widths.

    python -m benchmarks.chips [--side 10] [--instances 16] [--chips 5] [--chains 8]
    python -m benchmarks.chips --million

Edwards–Anderson glasses on periodic cubic lattices, couplings ±1 drawn from seeds, are annealed from β = 0.1 to 3,
linearly, in t sweeps. ρ(t) is the mean over chains and instances of (E − E₀)/n after the last sweep, with E₀ the lowest
energy that parallel tempering with cluster moves, or any anneal here, has seen. κ is minus the slope of ln ρ against
ln t from 100 sweeps on, where these hold at least 20 exchanges. Its interval, and that of its difference to one chip,
is the central 95 % of 2000 resamplings of instances.

The chips are slabs in a ring, and all differ only in the wires of their links: each chip sends a face of spins to each
of two neighbours, at one clock of the links to one clock of the p-bits.

``--million`` anneals a glass of side 100 on 18 chips instead, and prints the processor time of an update on one thread,
with and without a look after every sweep, and the most memory that the process held.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import pbits
from hardware_models.pbit.chips import Chips
from pbits.algorithms import temper

SWEEPS = (10, 30, 100, 300, 1000, 3000)
FROM_SWEEPS, LEAST_EXCHANGES = 100, 20
CLOCKS = (1, 2, 4, 10, 20, 50)
"""Clocks that an exchange takes."""
PHASE_S = 1e-8
RESAMPLED = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Residual energies of one machine.

    Attributes
    ----------
    eta : float, optional
        None for one chip.
    residual : (instances, sweeps) array
    """

    eta: float | None
    residual: NDArray[np.float64]

    @property
    def label(self) -> str:
        return "one chip" if self.eta is None else f"η = {self.eta:.3g}"

    @property
    def fitted(self) -> bool:
        """Whether the anneals that κ is fitted to hold enough exchanges."""
        # η is a quotient of times, so that 20 exchanges may be 19.999….
        return self.eta is None or self.eta * FROM_SWEEPS > LEAST_EXCHANGES - 0.5


def glass(side: int, seed: int) -> pbits.IsingModel:
    """A periodic cubic lattice with couplings ±1."""
    sites = np.arange(side**3).reshape(side, side, side)
    edges = np.concatenate([np.column_stack([sites.ravel(), np.roll(sites, -1, axis).ravel()]) for axis in range(3)])
    couplings = np.random.default_rng(seed).choice([-1.0, 1.0], len(edges))
    return pbits.IsingModel.from_edges(side**3, edges, couplings)


def machines(side: int, chips: int) -> list[Chips]:
    """One chip, and several with ever narrower links."""
    widths = [-(-(side**2) // clocks) for clocks in CLOCKS]
    return [
        Chips(chips=parts, phase_s=PHASE_S, link_bits=bits, link_clock_hz=1 / PHASE_S, wiring="ring")
        for parts, bits in [(1, 1), *((chips, bits) for bits in widths)]
    ]


def lowest(model: pbits.IsingModel, seed: int) -> float:
    """The lowest energy that tempering sees."""
    found = temper(
        model, betas=np.geomspace(0.3, 3, 24).tolist(), sweeps=3000, n_samples=1, copies=4, icm=True, seed=seed
    )
    return float(found.lowest.min())


def study(side: int, instances: int, chips: int, chains: int, sweeps: tuple[int, ...] = SWEEPS) -> list[Curve]:
    """The curves of all machines."""
    made = machines(side, chips)
    energies = np.empty((len(made), instances, len(sweeps), chains))
    grounds = np.empty(instances)
    etas = []
    for instance in range(instances):
        model = glass(side, seed=instance)
        for k, machine in enumerate(made):
            for t, length in enumerate(sweeps):
                schedule = pbits.Schedule.anneal(
                    sweeps=length, beta_start=0.1, beta_stop=3, shape="linear", chains=chains
                )
                run = pbits.run(model, machine, schedule, seed=1000 * instance + t)
                energies[k, instance, t] = run.energies[:, -1]
            if instance == 0:
                etas.append(run.record["notes"]["eta"])
        grounds[instance] = min(lowest(model, seed=instance), energies[:, instance].min())
    residual = (energies.mean(axis=-1) - grounds[:, None]) / side**3
    return [Curve(eta=eta, residual=rows) for eta, rows in zip(etas, residual)]


def exponent(residual: NDArray[np.float64], sweeps: tuple[int, ...] = SWEEPS) -> NDArray[np.float64]:
    """κ of mean curves (…, sweeps)."""
    kept = np.asarray(sweeps) >= FROM_SWEEPS
    x = np.log(np.asarray(sweeps)[kept])
    x = x - x.mean()
    return -np.log(residual[..., kept]) @ x / (x @ x)


def resampled(curves: list[Curve], sweeps: tuple[int, ...] = SWEEPS) -> NDArray[np.float64]:
    """κ of every curve for resampled instances, (curves, resamplings); the same instances for all."""
    rows = np.array([curve.residual for curve in curves])
    picks = np.random.default_rng(0).integers(rows.shape[1], size=(RESAMPLED, rows.shape[1]))
    return exponent(rows[:, picks].mean(axis=2), sweeps)


def million(sweeps: int = 100) -> tuple[float, float, float]:
    """Nanoseconds of an update without and with a look after every sweep, and the most memory held, in bytes."""
    model = glass(100, seed=0)
    machine = Chips(chips=18, phase_s=PHASE_S, link_bits=64, link_clock_hz=10 / PHASE_S, wiring="ring")

    def spent(length: int, looks: bool) -> float:
        blind = pbits.Schedule(n_samples=1, n_warmup=0, steps_per_sample=length, chains=1)
        seeing = pbits.Schedule.anneal(sweeps=length, beta_start=1, beta_stop=1, levels=1, chains=1)
        began = time.process_time()
        pbits.run(model, machine, seeing if looks else blind, seed=1)
        return time.process_time() - began

    spent(1, looks=True)
    blind, seeing = ((spent(sweeps + 2, looks) - spent(2, looks)) / sweeps / model.n * 1e9 for looks in (False, True))
    return blind, seeing, 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(
    side: Annotated[int, typer.Option(help="Side of the lattice; even.")] = 10,
    instances: Annotated[int, typer.Option(help="Glasses.")] = 16,
    chips: Annotated[int, typer.Option(help="Chips, in a ring.")] = 5,
    chains: Annotated[int, typer.Option(help="Anneals of each glass.")] = 8,
    large: Annotated[bool, typer.Option("--million", help="Time a million p-bits instead.")] = False,
) -> None:
    """Print residual energies and exponents."""
    if large:
        blind, seeing, held = million()
        print(f"10⁶ p-bits on 18 chips: {blind:.1f} ns an update, {seeing:.1f} ns with looks, {held / 1e9:.2f} GB")
        return
    curves = study(side, instances, chips, chains)
    draws = resampled(curves)
    table = Table(
        title=f"{chips} chips, side {side}, {instances} instances: ρ·10³ by sweeps, and κ from {FROM_SWEEPS} on"
    )
    for column in ("", *map(str, SWEEPS), "κ", "95 %", "κ − κ of one chip", "95 %"):
        table.add_column(column, justify="right")
    for curve, found in zip(curves, draws):
        mean, less = curve.residual.mean(axis=0), found - draws[0]
        own, other = (np.percentile(values, [2.5, 97.5]) for values in (found, less))
        difference = exponent(mean) - exponent(curves[0].residual.mean(axis=0))
        fit = (
            f"{exponent(mean):.3f}", f"{own[0]:.3f} … {own[1]:.3f}", f"{difference:.3f}",
            f"{other[0]:.3f} … {other[1]:.3f}",
        )  # fmt: skip
        table.add_row(curve.label, *(f"{1e3 * rho:.1f}" for rho in mean), *(fit if curve.fitted else "————"))
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)
