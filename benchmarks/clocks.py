"""What a clock does to the law that p-bits sample: ``python -m benchmarks.clocks``.

The first table has the total variation between the Boltzmann law and the stationary law of a network under each update
discipline. Laws are solved, with an error where synapses are slow; that of the full adder with RC synapses, five
p-bits, is sampled. The second table has ⟨s₁s₂⟩ of two p-bits whose synapse is slow: in closed form, as
`stationary_law` solves it, and as the machine samples it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import pbits
from hardware_models import pbit
from pbits.errors import histogram
from pbits.reference import total_variation, tv_noise_floor

BETA = 0.8
# E = ½(a + b + c − sum − 2 carry)² less its constant: 0 of the square in the eight rows of the truth table alone.
_ADDS = np.array([1, 1, 1, -1, -2])
NETWORKS = {
    "full adder": pbits.IsingModel(np.diag(_ADDS**2) - np.outer(_ADDS, _ADDS)),
    "frustrated 4-ring": pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (0, 3)], [1, 1, 1, -1]),
}
PAIR = pbits.IsingModel([[0, 1], [1, 0]])
CLOCKS: dict[str, dict[str, Any]] = {
    "sequential": {"update": "sequential"},
    "random": {"update": "random"},
    "chromatic": {"update": "chromatic"},
    **{f"partial, q = {q:g}": {"update": "partial", "q": q} for q in (0.01, 0.1, 0.5)},
    "synchronous": {"update": "synchronous"},
    **{f"discrete, Δt = {step:g} τ_N": {"update": "discrete", "time_step": step} for step in (0.01, 0.1, 1.0)},
    "Poisson": {"update": "poisson"},
    **{f"Poisson, delay s = {s:g}": {"update": "poisson", "synapse": "delay", "s": s} for s in (0.01, 0.1, 1.0)},
    **{f"Poisson, RC s = {s:g}": {"update": "poisson", "synapse": "rc", "s": s} for s in (0.01, 0.1, 1.0)},
}
DELAYS = (0.0, 0.1, 0.3, 1.0, 2.0, 3.0)


class Distance(NamedTuple):
    """A total variation to Boltzmann's law: solved, to an error, or sampled, with what perfect draws would show."""

    value: float
    error: float
    sampled: bool


def distance(model: pbits.IsingModel, options: Mapping[str, Any], seconds: float = 1.0) -> Distance:
    """Of a discipline at β = 0.8; solved where that is possible, else sampled for about as long as said."""
    try:
        law = pbit.stationary_law(model, beta=BETA, **options)
    except ValueError:
        chains, draws = 1000, max(1, int(100 * seconds))
        schedule = pbits.Schedule(n_samples=draws, n_warmup=5, steps_per_sample=20, beta=BETA, chains=chains)
        run = pbits.run(model, pbit.Array(**options), schedule, seed=1)
        boltzmann = pbits.exact(model, BETA).probabilities
        assert boltzmann is not None
        floor = float(tv_noise_floor(boltzmann, chains * draws))
        return Distance(float(total_variation(boltzmann, histogram(run.states))), floor, True)
    assert law.distance is not None
    return Distance(law.distance, law.error, False)


def closed_form(s: float, a: float = float(np.tanh(1.0))) -> float:
    """⟨s₁s₂⟩ of two p-bits with mutual coupling, a = tanh βJ, that hear each other s τ_N late.

    Derived for this project. Each p-bit fires at rate λ = 1/τ_N. With κ = √(1 − a²) and
    g(a) = cosh κs + sinh κs (a cosh κs − 1)/(κ − a sinh κs), it is a[g(a) + g(−a)]/2 / {1 − a[g(a) − g(−a)]/2}.
    """
    kappa = np.sqrt(1 - a * a)
    c, d = np.cosh(kappa * s), np.sinh(kappa * s)
    plus, minus = (c + d * (x * c - 1) / (kappa - x * d) for x in (a, -a))
    return float(a * (plus + minus) / 2 / (1 - a * (plus - minus) / 2))


def sampled(synapse: str, s: float, seconds: float = 1.0) -> tuple[float, float]:
    """⟨s₁s₂⟩ of a run of the pair at β = 1, and its standard error from independent chains."""
    slow = {"synapse": synapse, "s": s} if s else {}
    schedule = pbits.Schedule(n_samples=max(1, int(200 * seconds)), n_warmup=20, steps_per_sample=4, chains=1000)
    run = pbits.run(PAIR, pbit.Array(update="poisson", **slow), schedule, seed=1)
    per_chain = run.states.prod(axis=-1, dtype=np.float64).mean(axis=1)
    return float(per_chain.mean()), float(per_chain.std(ddof=1) / np.sqrt(len(per_chain)))


def solved(synapse: str, s: float) -> float:
    """⟨s₁s₂⟩ of the law of the pair at β = 1."""
    slow = {"synapse": synapse, "s": s} if s else {}
    return float(pbit.stationary_law(PAIR, "poisson", **slow).correlation[0, 1])


def shown(found: Distance) -> str:
    if found.sampled:
        return f"{found.value:.3f}, sampled; {found.error:.3f} is noise"
    return f"{found.value:.4f} ± {found.error:.0e}" if found.error else f"{found.value:.4f}"


def main(
    networks: Annotated[str, typer.Option(help="Which networks, with commas.")] = ",".join(NETWORKS),
    seconds: Annotated[float, typer.Option(help="How long to sample, about, where laws are sampled.")] = 2.0,
) -> None:
    """Print both tables."""
    names = networks.split(",")
    laws = Table("clock", *names, title=f"total variation to Boltzmann's law, β = {BETA:g}")
    for label, options in CLOCKS.items():
        laws.add_row(label, *(shown(distance(NETWORKS[name], options, seconds)) for name in names))
    pair = Table("s", "delay: closed form", "solved", "sampled", "RC: solved", "sampled", title="⟨s₁s₂⟩, βJ = 1")
    for s in DELAYS:
        cells = [f"{closed_form(s):.6f}"]
        for synapse in ("delay", "rc"):
            cells += [f"{solved(synapse, s):.6f}", "{:.4f} ± {:.4f}".format(*sampled(synapse, s, seconds))]
        pair.add_row(f"{s:g}", *cells)
    for table in (laws, pair):
        Console().print(table)


if __name__ == "__main__":
    typer.run(main)
