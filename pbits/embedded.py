"""`Embedded`: any Ising problem on a machine of limited wiring, through chains of cells."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pbits.mapping import Embedding, Topology, find_embedding
from pbits.mapping.embedding import METHODS
from pbits.models import CategoricalModel, EnergyModel, IsingModel, PolynomialModel
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate

_REMEDIES: dict[type[EnergyModel], str] = {
    CategoricalModel: "pbits.mapping.one_hot(model) poses it with spins",
    PolynomialModel: "pbits.mapping.quadratise(model) poses it with pairs",
}


class Embedded(Substrate):
    """A machine behind a minor embedding: each logical spin is a chain of cells, read by majority.

    Parameters
    ----------
    machine : Substrate
        A machine of limited wiring: grids, king's graph, Chimera, Pegasus, or wires at will up to a degree.
    chain_strength : float, optional
        Ferromagnetic coupling inside chains, in units of the model's J. By default the larger of
        ½ (root mean square of J) √(mean degree), which holds a chain against the pull of its neighbours, and
        2/β at the highest β, which holds it against noise; lowered where the machine's cap on β|J| asks for
        it. Stronger chains break less and flip more slowly. `Embedding.pull` tells at which strength no ground state
        breaks one.
    method : {"auto", "clique", "minorminer", "sparsify"}
        How chains are found; see `pbits.mapping.find_embedding`.
    seed : int
        Of a search for chains.

    Notes
    -----
    What the machine samples is the Boltzmann law of the physical model, read out by majority; it is not the law
    of the posed model as long as chains can break. The record of a run says how many cells, how long the
    chains are and how often they broke.

    Raises
    ------
    NotMappable
        When no embedding is found, or the model is none of spins and pairs; the reasons name the remedy.
    """

    def __init__(self, machine: Substrate, chain_strength: float | None = None, *, method: str = "auto", seed: int = 0):
        if machine.capabilities.topology is None:
            raise ValueError(f"{machine.name} has no grid to embed on; run the model on it directly, without Embedded")
        if method not in METHODS:
            raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
        if chain_strength is not None and not (np.isfinite(chain_strength) and chain_strength > 0):
            raise ValueError(f"chain_strength is {chain_strength}; it must be positive")
        self.machine = machine
        self._topology = machine.capabilities.topology
        self.chain_strength = chain_strength
        self.method = method
        self.seed = seed
        # A search takes seconds, and models never change.
        self._found: WeakKeyDictionary[IsingModel, Embedding] = WeakKeyDictionary()
        self.name = f"embedded:{machine.name}"
        self.prices = machine.prices
        self.spec = machine.spec
        inner = machine.capabilities
        self.capabilities = Capabilities(
            domains=frozenset({"spin"}),
            topology=None,
            clamp=inner.clamp,
            stores_beta=inner.stores_beta,
            max_coupling=inner.max_coupling,
            steers=False,
            unchecked=inner.unchecked,
        )

    def embedding(self, model: IsingModel) -> Embedding:
        """The chains of a model; raises as `find_embedding` does."""
        if model not in self._found:
            self._found[model] = find_embedding(model, self._topology, self.method, self.seed)
        return self._found[model]

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        if isinstance(model, CategoricalModel | PolynomialModel):
            return [f"chains of cells carry spins and pairs, not a {type(model).__name__}: {_REMEDIES[type(model)]}"]
        reasons = super().limits(model, schedule)
        if cells is not None:
            reasons.append("an embedding finds its own cells; leave out the placement")
        if isinstance(model, IsingModel):
            try:
                self.embedding(model)
            except (ValueError, ImportError) as error:
                reasons.append(str(error))
        cap = self.capabilities.max_coupling
        if cap is not None and schedule is not None and self.chain_strength is not None:
            top = float(schedule.betas().max())
            if top * self.chain_strength > cap:
                reasons.append(
                    f"β times chain_strength reaches {top * self.chain_strength:.3g} and the machine holds "
                    f"at most {cap:g}; chain_strength ≤ {cap / top:.3g} would fit"
                )
        return reasons

    def _strength(self, model: IsingModel, beta: float) -> float:
        if self.chain_strength is not None:
            return self.chain_strength
        against_noise = 2.0 / beta if beta else 1.0
        mean_square = float((model.csr.data**2).sum()) / model.n  # mean degree × mean square of J
        wanted = max(0.5 * float(np.sqrt(mean_square)), against_noise)
        cap = self.capabilities.max_coupling
        return wanted if cap is None or beta == 0 else min(wanted, cap / beta)

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, IsingModel)
        embedding = self.embedding(model)
        strength = self._strength(model, float(schedule.betas().max()))
        physical = embedding.physical_model(model, strength)
        cells = embedding.cells
        held = {
            int(cell): value
            for site, value in placement.clamp.items()
            for cell in np.searchsorted(cells, embedding.chains[site])
        }
        inner = self.machine.compile(physical, schedule, chip_seed=placement.chip_seed, clamp=held, cells=cells)
        return _EmbeddedProgram(model, embedding, strength, inner, self._topology)


class _EmbeddedProgram(Program):
    def __init__(self, model: IsingModel, embedding: Embedding, strength: float, inner: Program, wiring: Topology):
        self._model = model
        self._embedding = embedding
        self._strength = strength
        self._inner = inner
        self._wiring = wiring

    def realised(self, beta: float) -> EnergyModel:
        return self._inner.realised(beta)

    def law(self, beta: float) -> Law:
        inner = self._inner.law(beta)
        return Law(
            kind=inner.kind,
            model=inner.model,
            beta=beta,
            rule=inner.rule,
            clamp=inner.clamp,
            readout=lambda states: self._embedding.vote(states)[0],
            misread=inner.misread,
            note="; ".join(filter(None, ("majority read-out of chains", inner.note))),
        )

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        embedding = self._embedding
        unembed = _Unembedding(embedding, observe)
        start = None if initial is None else embedding.spread(initial)
        done = self._inner.execute(schedule, streams, start, unembed)
        notes: dict[str, Any] = {
            **done.notes,
            "embedding": {
                "method": embedding.method,
                "machine": self._wiring.describe(),
                "logical_sites": self._model.n,
                "cells_used": len(embedding.cells),
                "longest_chain": embedding.longest_chain,
                "machine_degree": self._wiring.max_degree,
                "model_degree": int(self._model.degrees.max()),
                "chain_strength": self._strength,
                "chain_break_fraction": unembed.broken / unembed.looked if unembed.looked else None,
            },
        }
        return Execution(
            counts=done.counts,
            seconds=done.seconds,
            device_time_s=done.device_time_s,
            phases=done.phases,
            timeline=done.timeline,
            notes=notes,
            full_batch_s=done.full_batch_s,
            programming=done.programming,
        )


class _Unembedding:
    """Majority votes on the way to an observer, and how many chains were broken."""

    def __init__(self, embedding: Embedding, observe: Observer):
        self._embedding = embedding
        self._observe = observe
        self.layout = getattr(observe, "layout", "auto")
        self.threshold_bits = getattr(observe, "threshold_bits", None)
        self.laid_out = getattr(observe, "laid_out", lambda layout: None)
        self.broken = self.looked = 0

    def __call__(self, step: int, states: NDArray) -> bool:
        spins, breaks = self._embedding.vote(states)
        self.broken += int(breaks.sum())
        self.looked += breaks.size
        return self._observe(step, spins)
