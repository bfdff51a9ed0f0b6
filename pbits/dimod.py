"""Every machine as a `dimod.Sampler`; needs ``pip install 'pbits[dimod]'``.

>>> import dimod
>>> from pbits.dimod import Sampler
>>> bqm = dimod.BinaryQuadraticModel({"a": 1.0, "b": -1.5}, {("a", "b"): 2.0}, 0.0, "BINARY")
>>> found = Sampler("ideal").sample(bqm, num_reads=20, num_sweeps=100, seed=1)
>>> found.first.sample, found.first.energy
({'a': np.int8(0), 'b': np.int8(1)}, np.float64(-1.5))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import dimod
import numpy as np

from pbits.ledger import price
from pbits.models import IsingModel
from pbits.runner import run
from pbits.schedule import Schedule, Shape
from pbits.substrate import Substrate, load

_LEVELS = 50
_PARAMETERS = (
    "num_reads", "num_sweeps", "beta_range", "beta_schedule_type", "seed", "initial_states", "initial_states_generator",
)  # fmt: skip


class Sampler(dimod.Sampler, dimod.Initialized):
    """A machine that anneals binary quadratic models.

    Parameters
    ----------
    machine : str, path or Substrate
        As `pbits.run` takes it; "embedded:<name>" for models that do not lie on a machine's wires.
    **options
        Of `pbits.run`, for all samples: chip_seed, layout, threshold_bits, progress.

    Attributes
    ----------
    parameters : mapping
        Keyword arguments of `sample`, each with the properties that concern it (none).
    properties : mapping
        The machine's name, and its wiring in words, or None for no limit.

    Notes
    -----
    Other keywords are refused with a TypeError. A model that does not fit raises `pbits.NotMappable`.
    """

    parameters: Mapping[str, list[str]] = MappingProxyType({name: [] for name in _PARAMETERS})  # pyright: ignore
    properties: Mapping[str, Any] = MappingProxyType({})  # pyright: ignore

    def __init__(self, machine: str | Path | Substrate = "ideal", **options: Any):
        self.machine = machine if isinstance(machine, Substrate) else load(machine)
        self.options = options
        topology = self.machine.capabilities.topology
        self.properties = MappingProxyType(
            {"machine": self.machine.name, "topology": None if topology is None else topology.describe()}
        )

    def sample(
        self,
        bqm: dimod.BinaryQuadraticModel,
        *,
        num_reads: int | None = None,
        num_sweeps: int = 1000,
        beta_range: tuple[float, float] | None = None,
        beta_schedule_type: Shape = "geometric",
        seed: int | None = None,
        initial_states: Any = None,
        initial_states_generator: Literal["none", "tile", "random"] = "random",
    ) -> dimod.SampleSet:
        """Anneal, and hand over the last state of each read.

        Parameters
        ----------
        bqm : dimod.BinaryQuadraticModel
            Of spins or bits, with any labels.
        num_reads : int, optional
            Chains; as many as there are initial states when absent, or 1.
        num_sweeps : int
        beta_range : (float, float), optional
            β at the start and at the end, of P ∝ e^(−βE); equal to sample at one β. When absent from 0.3/r to 6/w: r is
            the root mean square input of a p-bit at random spins, w the mean of all |J| and |h| that are not 0; or to
            what the machine's cap on β|J| allows.
        beta_schedule_type : {"geometric", "linear", "logarithmic"}
            As `pbits.Schedule.anneal` has them; at most 50 levels of β.
        seed : int, optional
        initial_states, initial_states_generator
            As `dimod.Initialized.parse_initial_states` takes them.

        Returns
        -------
        dimod.SampleSet
            Energies are those of the bqm. `info` holds device_time_s, joules (at the chip; each None where it is
            unknown), wall_time_s of the emulation, beta_range, and the record of the run.

        Raises
        ------
        pbits.NotMappable
            When the machine cannot hold the model; all reasons at once.
        ValueError
            For a malformed schedule or initial states.
        """
        start = None
        if initial_states is not None:
            parsed = self.parse_initial_states(bqm, initial_states, initial_states_generator, num_reads, seed)
            num_reads = parsed.num_reads
            start = _spins_of(parsed.initial_states, bqm)
        num_reads = 1 if num_reads is None else num_reads
        if not bqm.num_variables:
            return dimod.SampleSet.from_samples_bqm((np.empty((num_reads, 0), dtype=np.int8), []), bqm)
        model = IsingModel.from_bqm(bqm)
        first, last = self._beta_range(model) if beta_range is None else beta_range
        schedule = Schedule.anneal(
            sweeps=num_sweeps,
            beta_start=first,
            beta_stop=last,
            shape=beta_schedule_type,
            chains=num_reads,
            levels=min(_LEVELS, num_sweeps),
        )
        done = run(model, self.machine, schedule, seed=seed, initial=start, judge=False, **self.options)
        spins = done.states[:, -1]
        values = spins if bqm.vartype is dimod.SPIN else (spins + 1) // 2
        info = {
            "device_time_s": done.device_time_s,
            "joules": price(done).joules,
            "wall_time_s": done.wall_time_s,
            "beta_range": (float(first), float(last)),
            "record": done.record,
        }
        return dimod.SampleSet.from_samples_bqm((values, list(bqm.variables)), bqm, info=info)

    def _beta_range(self, model: IsingModel) -> tuple[float, float]:
        couplings = np.abs(model.edges()[2])
        weights = np.concatenate([couplings, np.abs(model.h)])
        present = weights[weights > 0]
        if not len(present):
            return 1.0, 1.0
        rms = float(np.sqrt(((model.csr.data**2).sum() + (model.h**2).sum()) / model.n))
        first, last = 0.3 / rms, 6 / float(present.mean())
        cap = self.machine.capabilities.max_coupling
        if cap is not None and len(couplings):
            last = min(last, cap / float(couplings.max()))
        return min(first, last), last


def _spins_of(states: dimod.SampleSet, bqm: dimod.BinaryQuadraticModel) -> np.ndarray:
    place = {label: column for column, label in enumerate(states.variables)}
    values = np.asarray(states.record.sample)[:, [place[label] for label in bqm.variables]]
    return values if states.vartype is dimod.SPIN else 2 * values - 1
