"""The GPU layout on a square lattice: ``python -m benchmarks.gpu``.

Updates per nanosecond of the bit-parallel kernel and of the two that hold an int8 a spin, beside THRML on the same
GPU, as a share of the bandwidth that a copy reaches and of the published multi-spin record. Without a GPU it says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Annotated, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.instances import build
from benchmarks.peers import Thrml
from benchmarks.tools import Work
from hardware_models import CATALOGUE
from pbits.mapping import colour_classes
from pbits.models import IsingModel
from pbits.parameters import read_machine
from pbits.streams import Stream, Streams
from pbits.sweeps import cuda
from pbits.sweeps.engine import Key, Options
from pbits.sweeps.scan import Scan

ROUNDS = 5
COPY_BYTES = 1 << 30
THRML_CHAINS = (1, 16, 64)
# Cards whose multi-spin rate is published: one ferromagnetic coupling for all bonds, read from no memory.
RECORDS = {"V100": "gpu-v100-sxm2", "A100": "gpu-a100-sxm", "H100": "gpu-h100-sxm"}
# Not published itself, and of the same generation.
SAME_GENERATION = {"H200": "H100"}


class Case(NamedTuple):
    """A kernel on the lattice.

    Attributes
    ----------
    name : str
    model : IsingModel
    chains, bits : int
    per_word : int
        Chains to a word of four bytes.
    bond_bytes, site_bytes : int
        Read once for each coupling and each site, whatever the number of chains.
    """

    name: str
    model: IsingModel
    chains: int
    bits: int
    per_word: int
    bond_bytes: int
    site_bytes: int

    @property
    def bytes_per_update(self) -> float:
        """What must move at least once a phase: the other colour read, this one read and written, its couplings."""
        words = -(-self.chains // self.per_word)
        return (12 * words + self.bond_bytes * self.model.degrees.mean() + self.site_bytes) / self.chains


class Rate(NamedTuple):
    """Of the sweeps alone, from two lengths; joules are the board's."""

    updates_per_ns: float
    joules_per_update: float | None


def measured(sweep: Callable[[int], float], sweeps: int, joules: Callable[[], float] | None) -> Rate:
    """Time `sweep`, which takes a number of sweeps, waits for them and returns the updates done."""
    lengths = (sweeps, 5 * sweeps)
    updates = [sweep(length) for length in lengths]
    seconds, spent = [], []
    for _ in range(ROUNDS):
        clock, meter = [], []
        for length in lengths:
            start, before = time.perf_counter(), joules() if joules else 0.0
            sweep(length)
            clock.append(time.perf_counter() - start)
            meter.append((joules() if joules else 0.0) - before)
        seconds.append(clock[1] - clock[0])
        spent.append(meter[1] - meter[0])
    more = updates[1] - updates[0]
    return Rate(more / float(np.median(seconds)) / 1e9, float(np.median(spent)) / more if joules else None)


def cases(side: int, chains: int) -> list[Case]:
    """±1 couplings of 32 chains to a word at two resolutions; whole and real ones of four chains to a word."""
    signs: Any = build(f"L2D{side}").model
    reals: Any = build(f"L2D{side}-gauss").model
    # Whole, symmetric as the reals are, and with more units to a site than bits can hold.
    csr = reals.csr
    whole = np.sign(csr.data) * (32 + np.floor(16 * np.minimum(np.abs(csr.data), 2)))
    integers = IsingModel(sp.csr_array((whole / 64, csr.indices, csr.indptr), shape=csr.shape))
    few = max(4, chains // 4)
    return [
        Case("bit-parallel, 16-bit decisions", signs, chains, 16, 32, 4, 8),
        Case("bit-parallel, 32-bit decisions", signs, chains, 32, 32, 4, 8),
        Case("int8, whole couplings", integers, few, 32, 4, 8, 12),
        Case("int8, real couplings", reals, few, 32, 4, 12, 16),
    ]


def of_project(case: Case, beta: float, sweeps: int, joules: Callable[[], float] | None) -> Rate:
    """The layout without looks."""
    streams = Streams(seed=1)
    key = Key(thermal=streams.key(Stream.THERMAL), site=streams.key(Stream.SITE))
    states = np.ones((case.model.n, case.chains), dtype=np.int8)
    scan = Scan.of(colour_classes(case.model))
    engine = cuda.CudaEngine(case.model, scan, states, key, 0, Options(threshold_bits=case.bits))
    done = 0

    def sweep(count: int) -> float:
        nonlocal done
        engine.advance(np.full(count, beta), done)
        done += count
        return float(count) * case.model.n * case.chains

    return measured(sweep, sweeps, joules)


def of_thrml(side: int, sweeps: int, joules: Callable[[], float] | None) -> tuple[int, Rate]:
    """THRML at the number of chains at which it is fastest."""
    tool = Thrml(build(f"L2D{side}"))

    def at(chains: int) -> Rate:
        return measured(
            lambda count: tool.run(Work(schedule="fixed", sweeps=count, chains=chains), 1).updates, sweeps, joules
        )

    return max(((chains, at(chains)) for chains in THRML_CHAINS), key=lambda found: found[1].updates_per_ns)


def copy_bytes_per_ns() -> float:
    """Bytes read and written by a copy within the GPU's memory."""
    device = cuda.kernels.Device()
    source, target = (device.put(np.zeros(COPY_BYTES, dtype=np.uint8)) for _ in range(2))
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        device.copy(source, target)
        seconds.append(time.perf_counter() - start)
    return 2 * COPY_BYTES / min(seconds) / 1e9


def meter() -> Callable[[], float] | None:
    """Joules the board has drawn so far; None where they cannot be read."""
    if find_spec("pynvml") is None:
        return None
    import pynvml

    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        board = pynvml.nvmlDeviceGetHandleByIndex(0)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(board)
        return lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(board) / 1e3
    return None


def record_of(card: str) -> tuple[str, float] | None:
    """The published rate of a card, or of its generation: on which, and updates per nanosecond."""
    for name in (*RECORDS, *SAME_GENERATION):
        if name in card:
            on = SAME_GENERATION.get(name, name)
            published = read_machine(CATALOGUE / f"{RECORDS[on]}.toml").number("published_updates_per_s", "1/s")
            assert published is not None, "RECORDS names cards that have one"
            return on, published / 1e9
    return None


def main(
    side: Annotated[int, typer.Option(help="Side of the lattice.")] = 1024,
    chains: Annotated[int, typer.Option(help="Chains of the bit-parallel kernel; the others take a quarter.")] = 512,
    sweeps: Annotated[int, typer.Option(help="Of the shorter of two runs; the longer has five times as many.")] = 50,
    beta: Annotated[float, typer.Option(help="Inverse temperature.")] = 1.0,
) -> None:
    """Time the GPU layout on a periodic square lattice."""
    console = Console()
    if cuda.kernels is None or not cuda.kernels.is_available():
        needs = "one of NVIDIA's, its driver, and pip install 'pbits[cuda]'"
        console.print(f"No GPU was found: this needs {needs}.", markup=False)
        return
    card, joules = cuda.kernels.name(), meter()
    bandwidth, record = copy_bytes_per_ns(), record_of(card)
    table = Table(title=f"{card}: {side} × {side} sites, β = {beta:g}; a copy moves {bandwidth:,.0f} bytes/ns")
    share = f"of {record[1]:,.0f} on {record[0]}" if record else "of a record"
    for column in ("", "chains", "updates/ns", "of the copy", share, "pJ/update", "× thrml"):
        table.add_column(column, justify="left" if column == "" else "right")
    peer = of_thrml(side, sweeps, joules) if find_spec("thrml") else None
    for case in cases(side, chains):
        rate = of_project(case, beta, sweeps, joules)
        table.add_row(
            case.name,
            f"{case.chains}",
            f"{rate.updates_per_ns:,.1f}",
            f"{rate.updates_per_ns * case.bytes_per_update / bandwidth:.0%}",
            f"{rate.updates_per_ns / record[1]:.0%}" if record else "–",
            _picojoules(rate),
            f"{rate.updates_per_ns / peer[1].updates_per_ns:,.0f}" if peer else "–",
        )
    if peer:
        table.add_row("thrml", f"{peer[0]}", f"{peer[1].updates_per_ns:,.2f}", "–", "–", _picojoules(peer[1]), "1")
    console.print(table)
    if record:
        console.print(
            "The record is of a ferromagnet, whose one coupling is read from no memory "
            "(NVIDIA's ising-gpu, optimized/README.md; arXiv:1906.06297)."
        )
    if not peer:
        console.print(f"{Thrml.install} to have it beside.")


def _picojoules(rate: Rate) -> str:
    return f"{rate.joules_per_update * 1e12:,.1f}" if rate.joules_per_update is not None else "–"


if __name__ == "__main__":
    typer.run(main)
