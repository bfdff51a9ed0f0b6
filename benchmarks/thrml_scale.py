"""A full Z1-size array beside thrml on the same processor: ``python -m benchmarks.thrml_scale``.

Both get the same edges and couplings, and the same number of processors and threads. Everything from there on counts:
building the model, fitting it to the machine, compiling, sweeping, and what a run says of itself afterwards. Tools take
turns, each in a fresh process, so that memory is its own. thrml sweeps fewer times, unless told otherwise: what a sweep
takes follows from two lengths, and its seconds for as many sweeps as the project's are worked out from that.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import records

# Of the couplings: inputs of 16 neighbours are then of the order of 1. Normal ones are rounded, since the wires of the
# chip share their parameters and could not hold two million sizes.
SIGMA, STEP = 0.25, 2.0**-12


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be done: a grid of the Z1's rules, `couplings` "gauss" or "pm", and how much of it."""

    rows: int
    columns: int
    couplings: str
    chains: int
    sweeps: int
    threads: int

    @property
    def n(self) -> int:
        return self.rows * self.columns

    def graph(self) -> tuple[np.ndarray, np.ndarray]:
        from pbits.mapping import Grid

        edges = Grid.named("Z1", self.rows, self.columns).edges()
        rng = np.random.default_rng(1)
        if self.couplings == "pm":
            return edges, SIGMA * rng.choice((-1.0, 1.0), len(edges))
        return edges, STEP * np.rint(SIGMA / STEP * rng.standard_normal(len(edges)))


@dataclass(kw_only=True)
class Timed:
    """Seconds of each stage by two clocks, the peak of memory, and the mean energy of a spin at the end."""

    wall_s: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    peak_gb: float = 0.0
    energy: float = 0.0

    @contextmanager
    def stage(self, name: str):
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s[name], self.cpu_s[name] = time.perf_counter() - wall, time.process_time() - cpu


def of_pbits(job: Job) -> Timed:
    """The project; "compile" is what its kernels take beyond their second use."""
    told = Timed()
    edges, weights = job.graph()
    with told.stage("import"):
        import pbits
        from hardware_models import gibbs
        from pbits import runner  # noqa: F401  the package loads its parts when they are named
    with told.stage("compile"):
        _once(gibbs, pbits)
    with told.stage("build"):
        model = pbits.IsingModel.from_edges(job.n, edges, weights)
    machine: Any = pbits.load("extropic-z1")
    if (job.rows, job.columns) != (468, 576):
        machine = gibbs.Array(rules="Z1", rows=job.rows, cols=job.columns)
    schedule = pbits.Schedule(n_samples=1, n_warmup=job.sweeps - 1, chains=job.chains)
    with told.stage("run"):
        run = pbits.run(model, machine, schedule, seed=1)
    told.energy = float(run.energies.mean()) / job.n
    return told


def _once(gibbs: Any, pbits: Any) -> None:
    """Compile or load all kernels that the run takes, with as good as no work."""
    small = gibbs.Array(rules="Z1", rows=8, cols=8)
    edges = small.capabilities.topology.edges()
    weights = np.random.default_rng(0).standard_normal(len(edges))
    schedule = pbits.Schedule(n_samples=1, n_warmup=1, chains=32)
    pbits.run(pbits.IsingModel.from_edges(64, edges, weights), small, schedule, seed=1, layout="lanes")


def of_thrml(job: Job) -> Timed:
    """thrml: nodes, edges and blocks, one compilation, then the sweeps."""
    told = Timed()
    edges, weights = job.graph()
    with told.stage("import"):
        import jax
        import jax.numpy as jnp
        from thrml import Block, SamplingSchedule, SpinNode, sample_states
        from thrml.models import IsingEBM, IsingSamplingProgram
    with told.stage("build"):
        nodes = [SpinNode() for _ in range(job.n)]
        ebm = IsingEBM(
            nodes,
            [(nodes[a], nodes[b]) for a, b in edges.tolist()],
            jnp.zeros(job.n, dtype=jnp.float32),
            jnp.asarray(weights, dtype=jnp.float32),
            jnp.float32(1.0),
        )
        row, column = np.divmod(np.arange(job.n), job.columns)
        classes = [np.flatnonzero((row + column) % 2 == colour) for colour in (0, 1)]
        blocks = [Block([nodes[site] for site in sites.tolist()]) for sites in classes]
        program = IsingSamplingProgram(ebm, blocks, clamped_blocks=[])
    plan = SamplingSchedule(n_warmup=job.sweeps - 1, n_samples=1, steps_per_sample=1)

    def chain(key: Any) -> Any:
        start, rest = jax.random.split(key)
        keys = jax.random.split(start, len(blocks))
        state = [jax.random.bernoulli(k, shape=(len(sites),)) for k, sites in zip(keys, classes)]
        return sample_states(rest, program, plan, state, [], blocks)

    keys = jax.random.split(jax.random.key(1), job.chains)
    with told.stage("compile"):
        compiled = jax.jit(jax.vmap(chain)).lower(keys).compile()
    with told.stage("run"):
        found = jax.block_until_ready(compiled(keys))
    spins = np.empty((job.chains, job.n), dtype=np.int8)
    for sites, bits in zip(classes, found):
        spins[:, sites] = 2 * np.asarray(bits, dtype=np.int8)[:, 0] - 1
    told.energy = float(np.mean([-(weights * s[edges[:, 0]] * s[edges[:, 1]]).sum() for s in spins])) / job.n
    return told


TOOLS: dict[str, Callable[[Job], Timed]] = {"pbits": of_pbits, "thrml": of_thrml}


def apart(tool: str, job: Job, cold: bool = False) -> Timed:
    """Do a job in a process of its own, held to as many processors as it has threads."""
    with tempfile.TemporaryDirectory() as empty, get_context("spawn").Pool(1) as pool:
        return pool.apply(_held, (tool, job, empty if cold else None))


def _held(tool: str, job: Job, cache: str | None) -> Timed:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-job.threads :])
    os.environ |= {"PBITS_THREADS": str(job.threads), "OMP_NUM_THREADS": str(job.threads)}
    if cache is not None:
        os.environ["NUMBA_CACHE_DIR"] = cache
    told = TOOLS[tool](job)
    told.peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return told


def whole(shorter: Timed, longer: Timed, lengths: tuple[int, int], sweeps: int, clock: str) -> float:
    """Seconds that a tool takes for all of a job, from two shorter ones."""
    few, more = getattr(shorter, clock), getattr(longer, clock)
    each = (more["run"] - few["run"]) / (lengths[1] - lengths[0])
    return sum(more.values()) + each * (sweeps - lengths[1])


def main(
    rows: Annotated[int, typer.Option()] = 468,
    columns: Annotated[int, typer.Option()] = 576,
    couplings: Annotated[str, typer.Option(help="gauss, pm, or both.")] = "gauss,pm",
    chains: Annotated[int, typer.Option()] = 32,
    sweeps: Annotated[int, typer.Option(min=10)] = 1000,
    threads: Annotated[int, typer.Option(min=1, help="Processors and threads of each tool.")] = 1,
    thrml_sweeps: Annotated[str, typer.Option(help="Two lengths of thrml's, from which its whole is told.")] = "5,25",
    repeat: Annotated[int, typer.Option(min=1)] = 3,
    cold: Annotated[bool, typer.Option(help="Compile the kernels anew, as after an installation.")] = False,
    clock: Annotated[str, typer.Option(help="wall, or cpu where others use the machine.")] = "wall",
    json: Annotated[Path | None, typer.Option(help="Where to write the record: a file, or a folder.")] = None,
) -> None:
    """Time the project and thrml on one large array."""
    console = Console(width=None if Console().is_terminal else 150)
    few, more = (int(part) for part in thrml_sweeps.split(","))
    if not 0 < few < more <= sweeps or clock not in ("wall", "cpu"):
        raise typer.BadParameter("thrml's lengths must rise and be at most --sweeps; clock is wall or cpu")
    record, rounds = records.circumstances(), []
    installed = find_spec("thrml") is not None
    for law in couplings.split(","):
        job = Job(rows=rows, columns=columns, couplings=law, chains=chains, sweeps=sweeps, threads=threads)
        for number in range(repeat):
            told: dict[str, Any] = {"couplings": law, "pbits": apart("pbits", job, cold)}
            if installed:
                lengths = [Job(**(asdict(job) | {"sweeps": length})) for length in (few, more)]
                told["thrml"] = [apart("thrml", length) for length in lengths]
            rounds.append(told)
            _show(console, job, number, told, (few, more), f"{clock}_s")
    if not installed:
        console.print("thrml is not installed: pip install 'pbits[thrml]'", markup=False)
    if json is not None:
        plain = [
            {name: [asdict(t) for t in np.atleast_1d(part)] if name in TOOLS else part for name, part in told.items()}
            for told in rounds
        ]
        options = {"chains": chains, "sweeps": sweeps, "threads": threads, "cold": cold, "clock": clock, "n": job.n}
        console.print(f"record: {records.write(record | {'options': options, 'rounds': plain}, json, 'thrml_scale')}")
    for law in couplings.split(","):
        pairs = [(told["thrml"], told["pbits"]) for told in rounds if told["couplings"] == law and "thrml" in told]
        ratios = [
            whole(*theirs, (few, more), sweeps, f"{clock}_s") / sum(getattr(ours, f"{clock}_s").values())
            for theirs, ours in pairs
        ]
        if ratios:
            console.print(f"{law}: {median(ratios):.1f} × thrml, all included ({min(ratios):.1f} to {max(ratios):.1f})")


def _show(console: Console, job: Job, number: int, told: dict[str, Any], lengths: tuple[int, int], clock: str) -> None:
    table = Table(title=f"{job.n:,} cells, {job.couplings}, {job.chains} chains, {job.threads} threads, round {number}")
    columns = ("tool", "sweeps", "import s", "build s", "compile s", "run s", "updates/ns", "peak GB", "E/n")
    for column in columns:
        table.add_column(column, justify="right")
    rows = [("pbits", job.sweeps, told["pbits"])]
    rows += [("thrml", length, timed) for length, timed in zip(lengths, told.get("thrml", ()))]
    for tool, sweeps, timed in rows:
        seconds = getattr(timed, clock)
        stages = [f"{seconds[stage]:.2f}" for stage in ("import", "build", "compile", "run")]
        rate = job.n * job.chains * sweeps / seconds["run"] / 1e9
        table.add_row(tool, str(sweeps), *stages, f"{rate:.3g}", f"{timed.peak_gb:.2f}", f"{timed.energy:.5f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
