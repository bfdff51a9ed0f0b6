"""The residual energy of adaptive parallel tempering on 3D spin glasses, beside the published curve.

    python -m benchmarks.residual [--side 8] [--instances 40] [--runs 1] [--sweeps 10000]
                                  [--json records/] [--plot out.png]

The instances, their putative ground energies and the curve lie in the folder ``ea3d`` of the one named by PBITS_DATA;
they are those of S. Chowdhury et al. (2025), "Pushing the boundary of quantum advantage in hard combinatorial
optimization with probabilistic computers" (github.com/OPUSLab/3DSpinGlassWithPbits, MIT licence).

Fixed before any comparison, as the paper's program has it:

- ρ(t) = (E(t) − E₀)/n with E(t) the lowest energy that any replica has after the t-th round, and not the lowest seen
  until then;
- a round is one sweep of every replica, cluster moves (of sites that differ) between two random pairs of the four
  replicas at each β, and swaps of neighbouring β, odd and even pairs in turn; t counts the sweeps of one replica;
- a ladder for each instance by β + 1.25/σ_E from β = 0.5, whose last β is the first with σ_E < 0.5. (The paper's
  program reads its ladders from files; every one that was looked at, twelve of side 8 and twelve of side 12, ends so.)

The interval of ρ is 1.96 standard errors over instances, and the published one the half-widths of the file. Both are
means over the same kind of instances, so where few of ours have any residue left, and their own spread says little,
the spread between the 300 published instances is taken if it is larger. A point counts as inside when the two differ
by no more than both half-widths added in squares.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pbits
from benchmarks import records
from pbits.algorithms import adaptive_ladder, temper
from pbits.algorithms.tempering import CLUSTERS, Clusters

ALPHA, BETA_START, LEAST_SPREAD, COPIES = 1.25, 0.5, 0.5, 4
PUBLISHED_INSTANCES = 300
FROM_SWEEPS = 10
WANTED = 0.8


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Mean residual energies per spin, and half-widths of their 95 % intervals, by sweeps."""

    sweeps: NDArray[np.int64]
    mean: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]


def folder() -> Path:
    """Where the instances lie."""
    if "PBITS_DATA" not in os.environ:
        sys.exit("PBITS_DATA is not set; it names the folder that holds ea3d/ with L08_0000.txt and its like")
    return Path(os.environ["PBITS_DATA"]) / "ea3d"


def instance(path: Path) -> pbits.IsingModel:
    """The model of a file ``n m``, then ``i j J`` numbered from 1, E = −Σ J s s."""
    with path.open(encoding="utf-8") as lines:
        n = int(next(lines).split()[0])
        rows = np.loadtxt(lines)
    return pbits.IsingModel.from_edges(n, rows[:, :2].astype(np.int64) - 1, rows[:, 2])


def ground_energies(place: Path) -> dict[str, float]:
    lines = (place / "ground_energies.txt").read_text("utf-8").splitlines()
    return {words[0]: float(words[3]) for line in lines if not line.startswith("#") and (words := line.split())}


def published(place: Path, side: int) -> Curve:
    sweeps, mean, below, above = np.loadtxt(place / f"residual_apt_icm_L{side:02d}.txt").T
    return Curve(sweeps=sweeps.astype(np.int64), mean=mean, below=below, above=above)


def measure(
    path: Path, ground: float, looks: NDArray[np.int64], runs: int, clusters: Clusters, seed: int
) -> dict[str, Any]:
    """The residual energies of one instance, (runs, looks)."""
    model = instance(path)
    ladder = adaptive_ladder(
        model, BETA_START, ALPHA, least_spread=LEAST_SPREAD, chains=100, sweeps=1000, n_samples=100, seed=seed
    )
    lowest = np.array(
        [
            temper(
                model,
                betas=ladder.betas,
                sweeps=int(looks[-1]),
                n_samples=1,
                copies=COPIES,
                icm=clusters,
                seed=seed + run,
            ).lowest
            for run in range(1, runs + 1)
        ]
    )
    return {
        "instance": path.name,
        "seed": seed,
        "betas": ladder.betas.tolist(),
        "spreads": ladder.spreads.tolist(),
        "residual": ((lowest[:, looks - 1] - ground) / model.n).tolist(),
        "lowest_seen": float(lowest.min() - ground),
    }


def mean_curve(rows: list[dict[str, Any]], theirs: Curve, looks: NDArray[np.int64]) -> Curve:
    """The mean over instances of the mean over runs."""
    each = np.array([np.mean(row["residual"], axis=0) for row in rows])
    own = each.std(axis=0, ddof=1) / np.sqrt(len(each)) * 1.96
    scale = np.sqrt(PUBLISHED_INSTANCES / len(each))
    known = np.isin(theirs.sweeps, looks)
    return Curve(
        sweeps=looks,
        mean=each.mean(axis=0),
        below=np.maximum(own, scale * theirs.below[known]),
        above=np.maximum(own, scale * theirs.above[known]),
    )


def inside(ours: Curve, theirs: Curve) -> NDArray[np.bool_]:
    """Where two curves of the same sweeps coincide."""
    difference = ours.mean - theirs.mean
    towards = np.where(difference > 0, np.hypot(ours.below, theirs.above), np.hypot(ours.above, theirs.below))
    return np.abs(difference) <= towards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=8)
    parser.add_argument("--instances", type=int, default=40)
    parser.add_argument("--runs", type=int, default=1, help="tempering runs of each instance")
    parser.add_argument("--sweeps", type=int, default=10_000, help="looks beyond are left out")
    parser.add_argument("--clusters", choices=CLUSTERS, default="houdayer", help="as `temper` takes them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file or folder for the record")
    parser.add_argument("--plot", type=Path, help="file for the picture")
    chosen = parser.parse_args()
    place = folder()
    whole, grounds = published(place, chosen.side), ground_energies(place)
    kept = whole.sweeps <= chosen.sweeps
    theirs = Curve(sweeps=whole.sweeps[kept], mean=whole.mean[kept], below=whole.below[kept], above=whole.above[kept])
    files = sorted(place.glob(f"L{chosen.side:02d}_*.txt"))[: chosen.instances]
    if not files:
        sys.exit(f"{place} holds no instance L{chosen.side:02d}_*.txt")
    rows = []
    for number, path in enumerate(files):
        rows.append(
            measure(
                path,
                grounds[path.name],
                theirs.sweeps,
                chosen.runs,
                chosen.clusters,
                1000 * chosen.seed + 100_000 * number,
            )
        )
        print(f"{path.name}: {len(rows[-1]['betas'])} β, lowest E − E₀ {rows[-1]['lowest_seen']:g}", flush=True)
    ours = mean_curve(rows, theirs, theirs.sweeps)
    held = inside(ours, theirs)
    print("\n  sweeps   published  − / +                   here  − / +                   inside")
    for k, sweeps in enumerate(theirs.sweeps):
        print(
            f"{sweeps:8d}   {theirs.mean[k]:.6f}  {theirs.below[k]:.6f} {theirs.above[k]:.6f}   {ours.mean[k]:.6f}  "
            f"{ours.below[k]:.6f} {ours.above[k]:.6f}   {'yes' if held[k] else 'no'}"
        )
    counted = theirs.sweeps >= FROM_SWEEPS
    due = int((whole.sweeps >= FROM_SWEEPS).sum())
    found = int(held[counted].sum())
    print(
        f"\n{found} of {counted.sum()} sweep counts of at least {FROM_SWEEPS} inside ({due} are published), "
        f"{len(rows)} instances × {chosen.runs} runs; {WANTED:.0%} of all published are asked for: "
        f"{'met' if found >= WANTED * due else 'not met'}"
    )
    if chosen.json:
        record = records.circumstances() | {
            "side": chosen.side,
            "runs": chosen.runs,
            "clusters": chosen.clusters,
            "rows": rows,
            "sweeps": theirs.sweeps.tolist(),
            "inside": held.tolist(),
            "of": due,
        }
        print(records.write(record, chosen.json, "residual"))
    if chosen.plot:
        draw({f"L = {chosen.side}": (ours, whole)}, chosen.plot)


def draw(curves: dict[str, tuple[Curve, Curve]], path: Path) -> None:
    """Draw our points over the published curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    for (name, (ours, theirs)), colour in zip(curves.items(), ("#0072B2", "#D55E00", "#009E73")):
        axes.fill_between(
            theirs.sweeps, theirs.mean - theirs.below, theirs.mean + theirs.above, color=colour, alpha=0.25, lw=0
        )
        axes.plot(theirs.sweeps, theirs.mean, color=colour, lw=1, label=f"{name}, published")
        # A logarithm has no room for an interval that reaches 0.
        below = np.minimum(ours.below, 0.999 * ours.mean)
        axes.errorbar(
            ours.sweeps, ours.mean, [below, ours.above], fmt="o", ms=3.5, color=colour, lw=1, label=f"{name}, here"
        )
    axes.set(xscale="log", yscale="log", xlabel="sweeps of each replica", ylabel="residual energy per spin, (E − E₀)/n")
    axes.set_ylim(bottom=2e-5)
    axes.grid(color="#d5d9de", lw=0.5)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
