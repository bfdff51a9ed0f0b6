"""Other simulators, each behind the same face. Nothing is imported before it is used.

Signs: the project's energy is offset − ½ sᵀJs − hᵀs. dimod, OpenJij and PySA add their couplings, so theirs are −J
and −h; peapods, THRML and simulated-bifurcation subtract theirs, so theirs are J.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.instances import Instance
from benchmarks.tools import Outcome, Tool, Work, betas
from pbits.mapping import colour_classes
from pbits.models import IsingModel


class DWave(Tool):
    """dwave-samplers: Metropolis, site after site, chains one after another."""

    name = "dwave-metropolis"
    module = "dwave.samplers"
    install = "pip install dwave-samplers"
    largest_n = 2e6
    threads = 2
    criterion = "Metropolis"

    def __init__(self, instance: Instance):
        super().__init__(instance)
        import dimod
        from dwave.samplers import SimulatedAnnealingSampler

        model = _ising(instance)
        i, j, w = model.edges()
        self._bqm = dimod.BinaryQuadraticModel.from_numpy_vectors(
            -model.h, (i, j, -w), model.offset, "SPIN", variable_order=range(model.n)
        )
        self._sampler = SimulatedAnnealingSampler()

    def run(self, work: Work, seed: int) -> Outcome:
        shares = [len(part) for part in np.array_split(np.arange(work.chains), work.threads) if len(part)]
        if len(shares) == 1:
            energies = self._sample(work, work.chains, seed)
        else:
            # It has no option for threads, but works without the interpreter's lock.
            with ThreadPoolExecutor(len(shares)) as pool:
                parts = pool.map(lambda k: self._sample(work, shares[k], seed + k), range(len(shares)))
                energies = np.concatenate(list(parts))
        return Outcome(updates=_updates(self.instance, work), energies=energies)

    def _sample(self, work: Work, chains: int, seed: int) -> Any:
        found = self._sampler.sample(
            self._bqm,
            num_reads=chains,
            num_sweeps=work.sweeps,
            beta_schedule_type="custom",
            beta_schedule=betas(self.instance, work),
            seed=1 + seed % (2**31 - 1),
            proposal_acceptance_criteria=self.criterion,
        )
        return found.record.energy


class DWaveGibbs(DWave):
    """dwave-samplers with heat bath."""

    name = "dwave-gibbs"
    rule = "heat-bath"
    criterion = "Gibbs"


class OpenJij(Tool):
    """OpenJij's annealer: Metropolis.

    It gets no seed: with one, every read of a call starts from the same state and draws the same numbers.
    """

    name = "openjij"
    module = "openjij"
    install = "pip install openjij"
    largest_n = 3e5

    def __init__(self, instance: Instance):
        super().__init__(instance)
        import openjij

        model = _ising(instance)
        if instance.kind == "dense":
            # It reads both triangles, and adds them up.
            matrix = -np.triu(np.asarray(model.csr.todense()))
            np.fill_diagonal(matrix, -model.h)
            self._bqm = openjij.BinaryQuadraticModel.from_numpy_matrix(
                matrix, list(range(model.n)), model.offset, "SPIN", sparse=False
            )
        else:
            i, j, w = (column.tolist() for column in model.edges())
            self._bqm = openjij.BinaryQuadraticModel(
                dict(enumerate((-model.h).tolist())),
                {(a, b): -c for a, b, c in zip(i, j, w)},
                model.offset,
                "SPIN",
                sparse=True,
            )
        self._sampler = openjij.SASampler()

    def run(self, work: Work, seed: int) -> Outcome:
        found = self._sampler.sample(
            self._bqm,
            num_reads=work.chains,
            schedule=[(float(beta), 1) for beta in betas(self.instance, work)],
            sparse=self.instance.kind != "dense",
        )
        return Outcome(updates=_updates(self.instance, work), energies=np.asarray(found.energies, dtype=np.float64))


class Peapods(Tool):
    """peapods: periodic lattices, Metropolis at one β. It reports the mean energy over the second half."""

    name = "peapods-metropolis"
    module = "peapods"
    install = "pip install peapods"
    schedules = ("fixed",)
    mode = "metropolis"

    @classmethod
    def refusal(cls, instance: Instance) -> str | None:
        return None if instance.lattice is not None else "periodic lattices only"

    def __init__(self, instance: Instance):
        super().__init__(instance)
        import peapods

        assert instance.lattice is not None
        self._make = lambda chains: peapods.Ising(
            instance.lattice.shape[:-1],
            couplings=instance.lattice,
            temperatures=np.array([1 / instance.beta]),
            n_replicas=chains,
        )
        self._held: dict[int, Any] = {}

    def run(self, work: Work, seed: int) -> Outcome:
        if work.chains not in self._held:
            self._held[work.chains] = self._make(work.chains)
        lattice = self._held[work.chains]
        lattice.reset()
        # Its moments of a single sweep are 0/0.
        with np.errstate(invalid="ignore", divide="ignore"):
            found = lattice.sample(work.sweeps, sweep_mode=self.mode, warmup_ratio=0.5)
        # Its energies are Σ Jss per site.
        return Outcome(
            updates=_updates(self.instance, work), energies=-self.instance.model.n * np.asarray(found["energies"])
        )


class PeapodsGibbs(Peapods):
    """peapods with heat bath."""

    name = "peapods-gibbs"
    rule = "heat-bath"
    mode = "gibbs"


class PySA(Tool):
    """NASA's PySA: Metropolis on a dense matrix, at one β; annealing is not offered, tempering is."""

    name = "pysa"
    module = "pysa.sa"
    install = "get github.com/nasa/PySA and put it on PYTHONPATH (the PyPI package of that name is another)"
    schedules = ("fixed",)
    dense = True

    def __init__(self, instance: Instance):
        super().__init__(instance)
        from pysa.sa import Solver

        model = _ising(instance)
        matrix = -np.asarray(model.csr.todense())
        np.fill_diagonal(matrix, -model.h)
        self._solver = Solver(problem=matrix, problem_type="ising", float_type="float32")

    def run(self, work: Work, seed: int) -> Outcome:
        found = self._solver.metropolis_update(
            num_sweeps=work.sweeps,
            num_reads=work.chains,
            temps=np.array([1 / self.instance.beta]),
            update_strategy="sequential",
            parallel=False,
            use_pt=False,
            return_dataframe=False,
        )
        energies = np.array([float(read["energies"][0]) for read in found])
        return Outcome(updates=_updates(self.instance, work), energies=energies + _ising(self.instance).offset)


class PySATempering(PySA):
    """PySA's parallel tempering between the ends of the anneal, four replicas as by default; best energies."""

    name = "pysa-tempering"
    schedules = ("anneal",)
    counted = False
    replicas = 4

    def run(self, work: Work, seed: int) -> Outcome:
        found = self._solver.metropolis_update(
            num_sweeps=work.sweeps,
            num_reads=work.chains,
            num_replicas=self.replicas,
            min_temp=1 / self.instance.beta_stop,
            max_temp=1 / self.instance.beta_start,
            update_strategy="sequential",
            parallel=False,
            return_dataframe=False,
        )
        energies = np.array([float(read["best_energy"]) for read in found])
        return Outcome(
            updates=self.replicas * _updates(self.instance, work), energies=energies + _ising(self.instance).offset
        )


class SimulatedBifurcation(Tool):
    """simulated-bifurcation: n positions move a step for each agent, by a dense product. No spin updates."""

    name = "sb-ballistic"
    module = "simulated_bifurcation"
    install = "pip install simulated-bifurcation torch"
    schedules = ("anneal",)
    rule = "bifurcation"
    counted = False
    dense = True
    chains = 128
    mode = "ballistic"

    def __init__(self, instance: Instance):
        super().__init__(instance)
        import torch
        from simulated_bifurcation.core import Ising

        model = _ising(instance)
        self._ising = Ising(
            torch.from_numpy(np.asarray(model.csr.todense())).to(torch.float32),
            torch.from_numpy(-model.h).to(torch.float32) if model.h.any() else None,
            dtype=torch.float32,
        )

    def run(self, work: Work, seed: int) -> Outcome:
        import torch

        torch.manual_seed(seed)
        torch.set_num_threads(work.threads)
        found = self._ising.minimize(
            agents=work.chains, max_steps=work.sweeps, mode=self.mode, early_stopping=False, verbose=False
        )
        states = found.detach().numpy().reshape(self.instance.model.n, -1).T
        return Outcome(updates=_updates(self.instance, work), energies=self.instance.model.energy(states))


class SimulatedBifurcationDiscrete(SimulatedBifurcation):
    """simulated-bifurcation in its discrete form."""

    name = "sb-discrete"
    mode = "discrete"


class Thrml(Tool):
    """Extropic's THRML on the CPU: heat bath by colours at one β, chains side by side."""

    name = "thrml"
    module = "thrml"
    install = "pip install thrml"
    schedules = ("fixed",)
    rule = "heat-bath"
    largest_n = 1e5
    chains = 32
    compiles_lengths = True

    @classmethod
    def refusal(cls, instance: Instance) -> str | None:
        dense = "as many colours as sites" if instance.kind == "dense" else None
        return super().refusal(instance) or dense

    def __init__(self, instance: Instance):
        super().__init__(instance)
        import jax.numpy as jnp
        from thrml import Block, SpinNode
        from thrml.models import IsingEBM, IsingSamplingProgram

        model = _ising(instance)
        nodes = [SpinNode() for _ in range(model.n)]
        i, j, w = model.edges()
        ebm = IsingEBM(
            nodes,
            [(nodes[a], nodes[b]) for a, b in zip(i.tolist(), j.tolist())],
            jnp.asarray(model.h, dtype=jnp.float32),
            jnp.asarray(w, dtype=jnp.float32),
            jnp.float32(instance.beta),
        )
        self._classes = colour_classes(model)
        blocks = [Block([nodes[site] for site in sites.tolist()]) for sites in self._classes]
        self._blocks = blocks
        self._program = IsingSamplingProgram(ebm, blocks, clamped_blocks=[])
        self._compiled: dict[tuple[int, int], Any] = {}

    def run(self, work: Work, seed: int) -> Outcome:
        import jax
        from thrml import SamplingSchedule, sample_states

        if (work.sweeps, work.chains) not in self._compiled:
            plan = SamplingSchedule(n_warmup=work.sweeps, n_samples=1, steps_per_sample=1)

            def chain(key: Any) -> Any:
                start, rest = jax.random.split(key)
                keys = jax.random.split(start, len(self._blocks))
                state = [jax.random.bernoulli(k, shape=(len(block.nodes),)) for k, block in zip(keys, self._blocks)]
                return sample_states(rest, self._program, plan, state, [], self._blocks)

            self._compiled[work.sweeps, work.chains] = jax.jit(jax.vmap(chain))
        found = self._compiled[work.sweeps, work.chains](jax.random.split(jax.random.key(seed), work.chains))
        states = np.empty((work.chains, self.instance.model.n))
        for sites, bits in zip(self._classes, found):
            states[:, sites] = 2 * np.asarray(bits)[:, 0] - 1
        return Outcome(updates=_updates(self.instance, work), energies=self.instance.model.energy(states))


PEERS: tuple[type[Tool], ...] = (
    DWave, DWaveGibbs, OpenJij, Peapods, PeapodsGibbs, PySA, PySATempering,
    SimulatedBifurcation, SimulatedBifurcationDiscrete, Thrml,
)  # fmt: skip


def chosen(names: str) -> list[type[Tool]]:
    """The peers a comma-separated list means: "all", "none", or beginnings of names.

    Raises
    ------
    ValueError
        For a name that is none.
    """
    if names in ("all", "none"):
        return list(PEERS) if names == "all" else []
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if not any(peer.name.startswith(name) for peer in PEERS):
            raise ValueError(f"{name!r} is no peer; there are {', '.join(peer.name for peer in PEERS)}")
    return [peer for peer in PEERS if any(peer.name.startswith(name) for name in wanted)]


def installed(names: str) -> tuple[list[type[Tool]], list[str]]:
    """The chosen peers that are installed, and how to install the others."""
    peers = chosen(names)
    hints = [hint for peer in peers if (hint := peer.missing())]
    return [peer for peer in peers if not peer.missing()], hints


def _ising(instance: Instance) -> IsingModel:
    assert instance.ising is not None, "refused before"
    return instance.ising


def _updates(instance: Instance, work: Work) -> float:
    return float(instance.model.n) * work.sweeps * work.chains
