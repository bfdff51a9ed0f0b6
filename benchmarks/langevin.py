"""Langevin equations against thermox: how exact, how fast; and the speed of the integrators.

    python -m benchmarks.langevin [--sizes 64 256 1024] [--points 1000] [--repeat 5] [--reads 1000000]

Accuracy: the covariance of one step, at float64, against the integral that defines it, by quadrature. thermox takes
it from the symmetric part of A in units of its noise, which is exact where A is normal in them, as a symmetric A with
D ∝ 1 is.

Speed: both sample one path of an Ornstein–Uhlenbeck process at equally spaced times, A B A B … in one process. thermox
runs under `jax.jit`, warm, in whichever of its two forms (associative scan, scan) is faster here, at float64, as
this project is, and at its default float32. For a general A only the speeds are compared.

Circuits: one chain of eight RLC cells of the catalogue, read a million times through its converter.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pbits
from pbits.kernels.philox import normal_paths
from pbits.langevin import Integrator, OrnsteinUhlenbeck
from pbits.models.potential import QuarticModel
from pbits.reference.langevin import ou_noise
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


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A and D of the equation with noise of covariance 2D dt, by name."""
    rng = np.random.default_rng(20)
    return {
        "symmetric, equal noise": (problem(8, True), np.eye(8)),
        "symmetric, unequal noise": (np.array([[2.0, 1.0], [1.0, 2.0]]), np.diag([0.5, 2.0])),
        "of thermox's own tests": (np.array([[3.0, 2.5], [2.0, 4.0]]), np.eye(2)),
        "far from normal": (np.array([[1.0, 5.0], [0.0, 2.0]]), np.eye(2)),
        "not symmetric, d = 20": (np.eye(20) + 0.5 * rng.normal(size=(20, 20)) / np.sqrt(20), np.eye(20)),
        "RLC cell, critically damped": (np.array([[0.0, -1.0], [1.0, 2.0]]), np.diag([0.0, 1.0])),
        "coil losses alone, Q = 8": (np.array([[0.0, -8.0], [8.0, 1.0]]), np.diag([0.0, 1.0])),
    }


def accuracy(compared: bool) -> None:
    """Relative error (Frobenius) of the covariance of a step, after a time of 1 and of 10."""
    print("relative error of the covariance of a step, t = 1 and t = 10")
    for name, (A, D) in cases().items():
        process = OrnsteinUhlenbeck(A, D)
        row = [f"{name:28s}"]
        for t in (1.0, 10.0):
            exact = ou_noise(A, D, t)
            row.append(f"ours {np.linalg.norm(process.step(t)[1] - exact) / np.linalg.norm(exact):.1e}")
            if compared:
                row.append(f"thermox {np.linalg.norm(thermox_noise(A, D, t) - exact) / np.linalg.norm(exact):.1e}")
        print("  ".join(row))


def shortcut(A: np.ndarray, D: np.ndarray, t: float) -> np.ndarray:
    """Covariance of a step as thermox has it: e^(−As)e^(−Aᵀs) replaced by e^(−(A + Aᵀ)s), in units of the noise."""
    root = np.linalg.cholesky(2 * np.asarray(D))
    inner = np.linalg.solve(root, np.asarray(A) @ root)
    rates, axes = np.linalg.eigh((inner + inner.T) / 2)
    return root @ (axes * -np.expm1(-2 * rates * t) / (2 * rates)) @ axes.T @ root.T


def thermox_noise(A: np.ndarray, D: np.ndarray, t: float) -> np.ndarray:
    import jax
    import jax.numpy as jnp
    import thermox

    jax.config.update("jax_enable_x64", True)
    return np.asarray(thermox.conditional.covariance(t, jnp.array(A), jnp.array(2 * D)))


def against_thermox(sizes: list[int], points: int, repeat: int, compared: bool) -> None:
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


def read_outs(reads: int, repeat: int) -> None:
    """Seconds of the emulation alone, of a run, and of a run that is judged."""
    links = np.triu(np.random.default_rng(1).random((8, 8)), 1)
    A = -(links + links.T)
    np.fill_diagonal(A, 1 - A.sum(axis=1))
    model, machine = pbits.GaussianModel(A), pbits.load("normal-spu-illustrative")
    schedule = pbits.Schedule(n_samples=reads, n_warmup=0, chains=1)
    pbits.run(model, machine, pbits.Schedule(n_samples=10), seed=1)
    rows = []
    for _ in range(repeat):
        took = {}
        for judge in (False, True):
            began = time.perf_counter()
            run = pbits.run(model, machine, schedule, seed=1, judge=judge)
            took[judge] = time.perf_counter() - began
        rows.append((run.wall_time_s, took[False], took[True]))
    alone, whole, judged = (statistics.median(column) for column in zip(*rows))
    print(f"{reads:,} read-outs of 8 RLC cells: {alone:.2f} s; whole call {whole:.2f} s, judged {judged:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--reads", type=int, default=1_000_000)
    chosen = parser.parse_args()
    compared = all(importlib.util.find_spec(name) for name in ("thermox", "jax"))
    if not compared:
        print("thermox is not installed, so there is no comparison: pip install thermox jax jaxlib")
    accuracy(compared)
    against_thermox(chosen.sizes, chosen.points, chosen.repeat, compared)
    integrators(chosen.repeat)
    read_outs(chosen.reads, chosen.repeat)


if __name__ == "__main__":
    main()
