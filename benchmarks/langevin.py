"""Langevin equations against thermox, and the speed of the integrators.

    python -m benchmarks.langevin [--sizes 64 256 1024] [--points 1000] [--repeat 5]

Both sample one path of an Ornstein–Uhlenbeck process at equally spaced times, A B A B … in one process. thermox
runs under `jax.jit`, warm, in whichever of its two forms (associative scan, scan) is faster here, at float64, as
this project is, and at its default float32. Its law is exact for a symmetric A with D ∝ 1 and wrong by some per
cent for a general A, where only the speeds are compared.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pbits.kernels.philox import normal_paths
from pbits.langevin import Integrator, OrnsteinUhlenbeck
from pbits.models.potential import QuarticModel
from pbits.streams import Streams

STREAMS = Streams(seed=1)
SPACING = 0.1
CHAINS, STEPS = 512, 200

Work = Callable[[], Any]


def seconds(work: Work) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def pair(ours: Work, theirs: Work, repeat: int) -> dict[str, float]:
    """Medians of alternating calls, and of their ratios."""
    rows = [(*seconds(ours), *seconds(theirs)) for _ in range(repeat)]
    wall, cpu, peer_wall, peer_cpu = (statistics.median(column) for column in zip(*rows))
    return {
        "ours": wall,
        "peer": peer_wall,
        "ratio": statistics.median(row[2] / row[0] for row in rows),
        "cpu_ratio": statistics.median(row[3] / row[1] for row in rows),
        "busy": cpu / wall,
        "peer_busy": peer_cpu / peer_wall,
    }


def problem(n: int, symmetric: bool) -> np.ndarray:
    """A well-conditioned matrix of rates."""
    rng = np.random.default_rng(n)
    root = rng.normal(size=(n, 2 * n))
    A = root @ root.T / (2 * n) + 0.1 * np.eye(n)
    return A if symmetric else A + 0.3 * rng.normal(size=(n, n)) / np.sqrt(n)


class Thermox:
    """The peer's calls on one problem, compiled; `bits` is the precision it computes at."""

    def __init__(self, A: np.ndarray, points: int, bits: int):
        import jax
        import jax.numpy as jnp
        import thermox

        jax.config.update("jax_enable_x64", bits == 64)
        self._jax = jax
        n = len(A)
        self._key = jax.random.PRNGKey(0)
        self._times = jnp.arange(points) * SPACING
        self._zero = jnp.zeros(n)
        self._matrices = jnp.array(A), 2 * jnp.eye(n)
        self._prepare = jax.jit(thermox.preprocess)
        self._sample = jax.jit(thermox.sample, static_argnames="associative_scan")
        self._prepared = jax.block_until_ready(self._prepare(*self._matrices))
        self.associative = True
        timed = {}
        for form in (True, False):
            self.associative = form
            self.sample()
            timed[form] = seconds(self.sample)[0]
        self.associative = timed[True] <= timed[False]
        self.whole()

    def _run(self, matrices: Any) -> None:
        drift, diffusion = matrices
        path = self._sample(
            self._key, self._times, self._zero, drift, self._zero, diffusion, associative_scan=self.associative
        )
        self._jax.block_until_ready(path)

    def prepare(self) -> None:
        self._jax.block_until_ready(self._prepare(*self._matrices))

    def sample(self) -> None:
        self._run(self._prepared)

    def whole(self) -> None:
        self._run(self._matrices)


def ours(A: np.ndarray, points: int) -> dict[str, Work]:
    """This project's calls on one problem."""
    start, durations = np.zeros(len(A)), np.full(points - 1, SPACING)
    step = OrnsteinUhlenbeck(A).transition(SPACING)
    return {
        "whole": lambda: OrnsteinUhlenbeck(A).sample(start, durations, STREAMS),
        "prepare": lambda: OrnsteinUhlenbeck(A).transition(SPACING),
        "sample": lambda: step.path(start, points - 1, STREAMS),
    }


def against_thermox(sizes: list[int], points: int, repeat: int) -> None:
    compared = all(importlib.util.find_spec(name) for name in ("thermox", "jax"))
    if not compared:
        print("thermox is not installed, so there is no comparison: pip install thermox jax jaxlib")
    print(f"{points} points, one chain; seconds. busy: CPU over wall seconds, ours and theirs")
    for n in sizes:
        for symmetric, parts in ((True, ("whole", "sample")), (False, ("prepare", "sample"))):
            A = problem(n, symmetric)
            mine = ours(A, points)
            for part in parts:
                mine[part]()
                name = f"d = {n:5d}  {'symmetric' if symmetric else 'general  '}  {part:8s}"
                if not compared:
                    print(f"{name} {statistics.median(seconds(mine[part])[0] for _ in range(repeat)):.5f}")
                    continue
                for bits in (64, 32):
                    peer = Thermox(A, points, bits)
                    row = pair(mine[part], getattr(peer, part), repeat)
                    print(
                        f"{name} ours {row['ours']:.5f}  thermox float{bits} {row['peer']:.5f} "
                        f"({'associative' if peer.associative else 'scan'})  ratio {row['ratio']:6.1f}  "
                        f"CPU ratio {row['cpu_ratio']:6.1f}  busy {row['busy']:.2f} {row['peer_busy']:.2f}",
                        flush=True,
                    )


def integrators(repeat: int) -> None:
    """Site updates per nanosecond of CPU time in a chain of coupled double wells, beside the normals alone."""
    normals = np.empty((CHAINS, STEPS, 64))
    normal_paths(normals, 1, 2, 0, 0, 0)
    best = min(seconds(lambda: normal_paths(normals, 1, 2, 0, 0, 0))[1] for _ in range(repeat))
    print(f"normals                      {normals.size / best / 1e9:.3f} a nanosecond")
    for n in (1, 64):
        chain = np.diag(np.full(n - 1, 0.3), 1)
        wells = QuarticModel(np.ones(n), np.ones(n), chain + chain.T)
        for scheme in ("euler-maruyama", "leimkuhler-matthews", "baoab"):
            moves = Integrator(scheme=scheme, step=0.05)

            def run(moves: Integrator = moves, wells: QuarticModel = wells) -> None:
                moves.sample(wells, np.zeros((CHAINS, wells.n)), STREAMS, samples=1, steps_per_sample=STEPS)

            run()
            best = min(seconds(run)[1] for _ in range(repeat))
            rate = n * CHAINS * STEPS / best / 1e9
            print(f"{scheme:20s} n = {n:3d}  {rate:.3f} site updates a nanosecond")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    against_thermox(chosen.sizes, chosen.points, chosen.repeat)
    integrators(chosen.repeat)


if __name__ == "__main__":
    main()
