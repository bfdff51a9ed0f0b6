"""The one seam between problems and machines: a `Substrate` compiles a model to a `Program`, which executes.

A machine tells what it can hold (`limits`), what it will hold (`Program.realised`), by which law it will sample
(`Program.law`), and, after a run, what happened (`Execution`: operation counts and device time). It never computes
an energy, a score or a joule: the core does, from the model as posed.
"""

from __future__ import annotations

import difflib
import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pbits.mapping import Complete, Grid, Topology
from pbits.models import Clamp, DirectedModel, Domain, EnergyModel, GaussianModel, IsingModel
from pbits.models.base import held_sites
from pbits.parameters import Figure, MachineSpec, PriceTable, Source, Uplift, read_machine, read_sources, read_uplifts
from pbits.schedule import Schedule
from pbits.steering import Policy
from pbits.streams import Streams

ENTRY_POINTS = "pbits.substrates"

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean (n,) and covariance (n, n) of a law over reals."""

Observer = Callable[[int, NDArray], bool]
"""observe(step, states): states (chains, n) of the posed model after a step; True asks to stop.

It may carry `layout`, `threshold_bits` and `laid_out`, as a `BulkObserver` does.
"""


class BulkObserver(ABC):
    """An observer that need not see every state: machines made of `pbits.sweeps` note for it what it wants.

    Attributes
    ----------
    model : EnergyModel
        As posed; its energies are noted.
    layout : str
        The layout asked for, or "auto".
    threshold_bits : int, optional
        The resolution of decisions asked for in the bit-parallel layouts.
    steer : Policy, optional
        What steers the run between steps.
    """

    model: EnergyModel
    layout: str
    threshold_bits: int | None
    steer: Policy | None = None

    @abstractmethod
    def __call__(self, step: int, states: NDArray) -> bool:
        """As any observer, for machines that hand over their states."""

    @abstractmethod
    def laid_out(self, layout: dict[str, Any]) -> None:
        """Which layout sweeps, why, and how accurate it is."""

    @abstractmethod
    def draws(self, first: int, count: int) -> NDArray | None:
        """Where to put the states (chains, count, n) of looks `first` … `first + count − 1`, or None."""

    @abstractmethod
    def sums(self) -> dict[str, NDArray[np.int64]]:
        """New zeros under "site_sums" (n,) and "edge_sums", where running sums are wanted."""

    @abstractmethod
    def take(
        self, step: int, every: int, energies: NDArray[np.float64], best_energy: float, best_state: NDArray
    ) -> bool:
        """Energies (chains, looks) of looks `every` steps apart, the last at `step`; True asks to stop."""

    @abstractmethod
    def finish(self, states: NDArray, sums: list[dict[str, NDArray[np.int64]]]) -> None:
        """The last states (chains, n), and the running sums of each block of chains."""


class NotMappable(ValueError):
    """A model does not fit a machine.

    Attributes
    ----------
    machine : str
    reasons : tuple of str
        All of them at once.
    """

    def __init__(self, machine: str, reasons: list[str]):
        self.machine = machine
        self.reasons = tuple(reasons)
        super().__init__(machine, reasons)  # the arguments, so that it can be pickled by a pool of workers

    def __str__(self) -> str:
        return f"{self.machine} cannot hold this model: " + "; ".join(self.reasons)


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a machine can hold and do.

    Attributes
    ----------
    domains : frozenset
        Kinds of site: "spin", "category", "permutation", "real", and "mixed" for models that have categories and reals.
    models : tuple of type
        Kinds of model it holds.
    topology : Topology, optional
        Its wiring; None for no restriction at all.
    clamp : bool
        Whether sites can be held fixed.
    stores_beta : bool
        Whether βJ is what is stored, so that every change of β is a programming.
    max_coupling : float, optional
        Cap on β|J|.
    rules : frozenset
        Update rules it obeys: "heat-bath", and "metropolis" where there is no hardware to be true to.
    steers : bool
        Whether each chain can have a β of its own, and a policy can move and replace states between steps. Never
        asked of machines whose sites hold reals.
    reach : int, optional
        Of permutations: its longest wire, in slots; None for any.
    unchecked : tuple of str
        Limits that exist but whose value is not stated, so that nothing could be checked.
    """

    domains: frozenset[Domain]
    models: tuple[type[EnergyModel], ...] = (IsingModel, GaussianModel)
    topology: Topology | None = None
    clamp: bool = True
    stores_beta: bool = False
    max_coupling: float | None = None
    rules: frozenset[str] = frozenset({"heat-bath"})
    steers: bool = True
    reach: int | None = None
    unchecked: tuple[str, ...] = ()

    @property
    def moves(self) -> frozenset[str]:
        """How states change: "flip" of spins, "category", "permutation" and "flow" of reals."""
        kinds = {"spin": {"flip"}, "category": {"category"}, "permutation": {"permutation"}, "real": {"flow"}}
        return frozenset().union(*(kinds.get(domain, {"category", "flow"}) for domain in self.domains))


@dataclass(frozen=True, kw_only=True)
class Law:
    """The stationary law of a machine's own dynamics.

    Attributes
    ----------
    kind : {"boltzmann", "stationary", "unknown"}
        Boltzmann: P ∝ exp(−βE) of `model`. Stationary: the fixed point of `rule` on `model`, as
        `pbits.reference.transition` computes it; of reals, what has the `moments`. Unknown: not known in closed or
        enumerable form.
    model : EnergyModel, optional
        On the machine's own sites.
    beta : float
    rule : mapping
        Arguments of `pbits.reference.transition` beside the model and β.
    clamp : mapping
        Machine sites held fixed.
    readout : callable, optional
        Machine states (m, sites) to states of the posed model (m, n); identity when absent.
    misread : float
        Chance that a free site's spin is read wrong, each by itself, before `readout`.
    moments : (mean, covariance), optional
        Of reals whose law is stationary and not Boltzmann's: (n,) and (n, n), on the sites of the posed model.
    read : (mean, covariance), optional
        Of what converters read, where that is not what there is.
    note : str
    """

    kind: Literal["boltzmann", "stationary", "unknown"]
    model: EnergyModel | None
    beta: float
    rule: Mapping[str, Any] = field(default_factory=dict)
    clamp: Mapping[int, float] = field(default_factory=dict)
    readout: Callable[[NDArray], NDArray] | None = None
    misread: float = 0.0
    moments: Moments | None = None
    read: Moments | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Programming:
    """What putting the model into the machine took: later runs of the same model find it there.

    Attributes
    ----------
    counts : mapping
        Of `Execution.counts`, those of the programming.
    seconds : Figure
        Of the device time.
    state : str
        The power state in which these seconds are counted.
    """

    counts: Mapping[str, float]
    seconds: Figure
    state: str = "idle"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal one."""
        return {"counts": dict(self.counts), "seconds": self.seconds.to_dict(), "state": self.state}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Programming:
        return cls(**{**values, "seconds": Figure.from_dict(values["seconds"])})


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What a machine did.

    Attributes
    ----------
    counts : mapping
        Counted operations by name ("update", "toggle", "random_bit", "read", "write", …).
    seconds : mapping
        Device seconds by power state: a `Figure` where the range is known; None where a needed time is not
        stated.
    device_time_s : Figure or float, optional
        None where the machine has no clock, or a time it needs is not stated.
    phases : mapping
        Device seconds by phase of work (programming, sweeping, read-out, …). Where a machine does two things at once
        they are more together than the device time.
    notes : mapping
        What a reader of the record should know: placement, chain breaks, rounding, assumptions.
    full_batch_s : Figure or float, optional
        For a machine that many runs can share (a processor, an array that holds many copies): the device seconds
        that this work would take as its share of a batch large enough to fill the machine. None where the machine
        has nothing to share.
    timeline : mapping, optional
        What was done when, as `hardware_models.timeline.Timeline.to_dict` tells it.
    programming : Programming, optional
        What the next run of the same model would not take again. None where the model or β is set more than once, so
        that a run does not leave behind what the next one starts with.
    """

    counts: Mapping[str, float]
    seconds: Mapping[str, Figure | float | None]
    device_time_s: Figure | float | None
    phases: Mapping[str, float | None]
    notes: Mapping[str, Any]
    full_batch_s: Figure | float | None = None
    timeline: Mapping[str, Any] | None = None
    programming: Programming | None = None


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a model goes: machine sites, the chip in the socket, and the sites held fixed.

    Attributes
    ----------
    cells : (n,) int64
        Machine site of each model site; −1 for a held site that has no wires to where it is coupled: it takes no cell,
        and is a bias of its neighbours.
    chip_seed : int
    clamp : dict
        Model sites held fixed, and at what: a number, or an array (chains,).
    """

    cells: NDArray[np.int64]
    chip_seed: int
    clamp: dict[int, Any]

    @property
    def seated(self) -> NDArray[np.int64]:
        """Model sites that have a cell."""
        return np.flatnonzero(self.cells >= 0)

    @property
    def biases(self) -> NDArray[np.int64]:
        """Held sites that have none."""
        return np.flatnonzero(self.cells < 0)

    def told(self, model: EnergyModel) -> tuple[int, int]:
        """Words that a chain is told of values of its own: cells that are set, and fields of the biases' neighbours."""
        own = np.array([site for site, value in self.clamp.items() if np.ndim(value)], dtype=np.int64)
        biases = own[self.cells[own] < 0]
        if not len(biases):
            return len(own), 0
        assert isinstance(model, IsingModel | DirectedModel), "only networks of spins lie on wires"
        moved = np.unique(model.csr[:, biases].nonzero()[0])
        return len(own) - len(biases), len(np.setdiff1d(moved, list(self.clamp)))


class Program(ABC):
    """A model compiled for a machine: placed, rounded, with this chip's mismatch."""

    @abstractmethod
    def realised(self, beta: float) -> EnergyModel:
        """What the machine holds at β, on its own sites: the posed model after embedding and rounding."""

    @abstractmethod
    def law(self, beta: float) -> Law:
        """The stationary law of the machine's dynamics at β."""

    @abstractmethod
    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        """Run, handing the states after each of `schedule.observed_steps()` to `observe`."""

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        """The states of `pbits.run` by an independent, slow implementation; only a machine of unknown law needs one."""
        return None


class Substrate(ABC):
    """A machine.

    Attributes
    ----------
    name : str
        Its catalogue name, or what the user calls it.
    capabilities : Capabilities
    prices : PriceTable, optional
        None for a machine that costs nothing because it does not exist (the ideal one).
    spec : MachineSpec, optional
        The catalogue entry it was built from.
    """

    name: str
    capabilities: Capabilities
    prices: PriceTable | None = None
    spec: MachineSpec | None = None

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        """Every reason why the model cannot run here, each with what would fit; empty when it can.

        `cells` says on which machine sites the model's sites lie, where the caller has placed them.
        """
        can = self.capabilities
        if model.domain not in can.domains:
            kinds = " and ".join(sorted(can.domains))
            return [
                f"its sites hold {kinds} values; the model's sites hold {model.domain} values; "
                "`pbits catalogue` lists other machines"
            ]
        if schedule is not None and model.domain in ("spin", "category", "permutation"):
            for name in ("step_s", "step_tau"):
                if getattr(schedule, name) is not None:
                    return [f"{name} is the step of a circuit; this machine's step is one sweep, so leave {name} out"]
        if schedule is not None and schedule.rule not in can.rules:
            obeyed = " or ".join(sorted(can.rules))
            return [f"it obeys the {obeyed} rule and not the {schedule.rule} rule; the ideal machine knows both"]
        if schedule is not None and schedule.rule == "metropolis" and model.domain == "category":
            return [
                "the metropolis rule decides between two states; sites that hold categories know the heat bath alone"
            ]
        if schedule is not None and schedule.moves is not None and model.domain != "permutation":
            return [f"moves are for permutations; the model's sites hold {model.domain} values: leave moves out"]
        if schedule is not None and schedule.ladder is not None and (reason := self.cannot_steer(model)):
            return [f"the schedule has a ladder, and {reason}"]
        if not isinstance(model, can.models):
            held = " or ".join(kind.__name__ for kind in can.models if kind.domain in can.domains)
            return [f"it holds models of kind {held}; this is a {type(model).__name__}"]
        reasons = [] if cells is None else _placement_limits(model.n, can.topology, cells)
        if can.topology is not None and not reasons and isinstance(model, IsingModel | DirectedModel):
            reasons = _wiring_limits(wiring_of(model), can.topology, cells)
        if can.max_coupling is not None and schedule is not None and isinstance(model, IsingModel | DirectedModel):
            largest = float(np.abs(model.csr.data).max(initial=0.0))
            top = schedule.max_beta
            # A β chosen to reach the cap may overshoot it by a rounding.
            if top * largest > can.max_coupling * (1 + 1e-12):
                reasons.append(
                    f"β|J| reaches {top * largest:.3g} and the machine holds at most {can.max_coupling:g}; "
                    f"β ≤ {can.max_coupling / largest:.3g} would fit"
                )
        return reasons

    def cannot_steer(self, model: EnergyModel) -> str | None:
        """Why chains of the model cannot be steered here; None where they can."""
        if model.domain in ("real", "mixed"):
            return "only chains of spins or categories can be tempered or steered; the sites of this model hold reals"
        if isinstance(model, DirectedModel):
            return "chains of a directed network have no energies to be tempered or steered by"
        if not self.capabilities.steers:
            return (
                "states and β of single chains cannot be changed during a run here, as tempering and steering need; "
                "'ideal', the Gibbs arrays, 'fpga-all-to-all' and p-bit arrays with one clock can"
            )
        return None

    def compile(
        self,
        model: EnergyModel,
        schedule: Schedule,
        *,
        chip_seed: int = 0,
        clamp: Clamp | None = None,
        cells: NDArray[np.int64] | None = None,
    ) -> Program:
        """Place (unless `cells` says where), round and check the model.

        Raises
        ------
        NotMappable
            With all reasons at once.
        ValueError
            For a clamp that names a site or value which does not exist, or has another number of values than chains.

        Notes
        -----
        Where a model does not lie on the machine's wires, clamped sites take no cells: those numbered after all free
        ones, if the rest then does, else all of them. They are biases of the cells they are coupled to.
        """
        held = held_sites(model, clamp, schedule.chains)
        cells = None if cells is None else np.asarray(cells)
        # What a machine has no wires for may still enter it as a bias, where it is held fixed.
        biases = self._biases(model, held) if cells is None else []
        posed = without(model, biases) if biases else model
        reasons = self.limits(posed, schedule, cells)
        if held and model.domain == "permutation":
            reasons.append("slots of a permutation cannot be held fixed; leave the clamp out")
        if held and not self.capabilities.clamp:
            reasons.append(f"it cannot hold sites fixed; the run clamps {len(held)}")
        if reasons:
            raise NotMappable(self.name, reasons)
        if cells is None:
            cells = np.arange(model.n)
            if isinstance(posed, IsingModel | DirectedModel) and (topology := self.capabilities.topology) is not None:
                placed = topology.place(wiring_of(posed))
                assert placed is not None, "limits() lets through only what can be placed"
                cells = placed if not biases else _beside(placed, model.n, biases)
        return self._program(model, schedule, Placement(cells=cells, chip_seed=chip_seed, clamp=held))

    def _biases(self, model: EnergyModel, held: Mapping[int, Any]) -> list[int]:
        """Held sites that take no cells."""
        topology = self.capabilities.topology
        if not held or topology is None or not isinstance(model, IsingModel | DirectedModel):
            return []
        free = np.setdiff1d(np.arange(model.n), list(held))
        if not len(free) or topology.place(wiring_of(model)) is not None:
            return []
        last = list(range(int(free[-1]) + 1, model.n))
        beside = last and topology.place(wiring_of(without(model, last))) is not None
        return last if beside else sorted(held)

    @abstractmethod
    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        """Compile a model that is known to fit."""

    def describe(self) -> dict[str, Any]:
        """What the record of a run says about the machine."""
        spec = self.spec
        return {
            "name": self.name,
            "title": spec.title if spec else self.name,
            "physics": spec.physics if spec else type(self).__module__,
            "illustrative": spec.illustrative if spec else False,
            "catalogue_date": spec.date if spec else None,
            "sources": {key: vars(source) for key, source in spec.sources.items()} if spec else {},
            "unchecked": list(self.capabilities.unchecked),
        }


def _placement_limits(n: int, topology: Topology | None, cells: NDArray[np.int64]) -> list[str]:
    if cells.shape != (n,) or not np.issubdtype(cells.dtype, np.integer):
        return [f"the placement has shape {cells.shape} and type {cells.dtype}; it needs {n} whole numbers"]
    if len(np.unique(cells)) < n:
        return ["the given placement puts two sites on one cell"]
    outside = cells[(cells < 0) | (cells >= (np.inf if topology is None else topology.n_sites))]
    if len(outside) == 0:
        return []
    last = "" if topology is None else f" to {topology.n_sites - 1}"
    return [f"the given placement names cell {outside[0]}; the machine's cells are numbered from 0{last}"]


def without(model: EnergyModel, biases: Sequence[int] | NDArray[np.int64]) -> IsingModel | DirectedModel:
    """The other sites, with as much field as these could ever make: what must fit on wires."""
    assert isinstance(model, IsingModel | DirectedModel), "only networks of spins lie on wires"
    rest = np.setdiff1d(np.arange(model.n), biases)
    pull = np.asarray(abs(model.csr[rest][:, biases]).sum(axis=1)).ravel()
    return type(model)(model.csr[rest][:, rest], model.h[rest] + np.copysign(pull, model.h[rest]), model.offset)


def _beside(placed: NDArray[np.int64], n: int, biases: Sequence[int]) -> NDArray[np.int64]:
    """Cells of the other sites, and −1 for the biases."""
    cells = np.full(n, -1, dtype=np.int64)
    cells[np.setdiff1d(np.arange(n), biases)] = placed
    return cells


def wiring_of(model: IsingModel | DirectedModel) -> IsingModel:
    """Which sites a machine must connect."""
    return model.wiring if isinstance(model, DirectedModel) else model


def _wiring_limits(model: IsingModel, topology: Topology, cells: NDArray[np.int64] | None) -> list[str]:
    reasons = []
    degree = int(model.degrees.max())
    if cells is None and model.n > topology.n_sites:
        reasons.append(f"the model has {model.n:,} sites and the machine {topology.n_sites:,}")
    if degree > topology.max_degree:
        reasons.append(f"a site has {degree} neighbours and the machine wires {topology.max_degree}")
    if cells is not None:
        i, j, _ = model.edges()
        off = int((~topology.wired(cells[i], cells[j])).sum())
        return [*reasons, f"{off} couplings of the given placement do not lie on wires"] if off else reasons
    if not reasons and topology.place(model) is None:
        reasons.append(
            f"its couplings do not lie on the machine's wires ({topology.describe()}, sites numbered row by row)"
        )
    if reasons and not isinstance(topology, Complete) and (not isinstance(topology, Grid) or len(topology.rules) > 1):
        reasons.append("wrap the machine in pbits.Embedded(...) or call it 'embedded:<name>'")
    return reasons


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a distribution offers through the entry-point group `pbits.substrates`.

    Attributes
    ----------
    machines : mapping
        Machine name to a function that builds it.
    physics : mapping
        Name of a physics to a function that builds a machine from a `MachineSpec`.
    bibliographies : sequence of Path
        TOML files of sources, which the files of users may cite too.
    uplifts : sequence of Path
        TOML files of uplifts for machines that name none of their own, those of users too.
    """

    machines: Mapping[str, Callable[[], Substrate]]
    physics: Mapping[str, Callable[[MachineSpec], Substrate]]
    bibliographies: Sequence[Path] = ()
    uplifts: Sequence[Path] = ()


@cache
def _listing() -> Listing:
    machines: dict[str, Callable[[], Substrate]] = {}
    physics: dict[str, Callable[[MachineSpec], Substrate]] = {}
    bibliographies: list[Path] = []
    uplifts: list[Path] = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        offered = point.load()()
        for kind, found, new in (
            ("machine", machines, offered.machines),
            ("physics", physics, offered.physics),
        ):
            if twice := sorted(found.keys() & new.keys()):
                raise ValueError(
                    f"{point.value!r} offers the {kind} {twice[0]!r}, which another installed distribution "
                    "offers too; rename or uninstall one of them"
                )
            found |= new
        bibliographies += offered.bibliographies
        uplifts += offered.uplifts
    return Listing(machines=machines, physics=physics, bibliographies=bibliographies, uplifts=uplifts)


def available() -> tuple[str, ...]:
    """The names of all machines found, sorted.

    Examples
    --------
    >>> "ideal" in available()
    True
    """
    return tuple(sorted(_listing().machines))


def load(machine: str | Path) -> Substrate:
    """A machine by its name, by "embedded:<name>", or from a TOML file.

    A file may cite its own sources, those of a sources.toml beside it, and those of installed catalogues, whose
    uplifts it gets where it names none of its own.

    Raises
    ------
    ValueError
        For an unknown name; the message suggests the nearest. Or for a file that cannot be read.
    TypeError
        For what is neither a name nor a path.
    """
    if not isinstance(machine, str | Path):
        raise TypeError(f"a machine is a name, a TOML file or a Substrate object, not {machine!r}")
    text = str(machine)
    if text.startswith("embedded:"):
        from pbits.embedded import Embedded

        return Embedded(load(text.removeprefix("embedded:")))
    if text.endswith(".toml"):
        return build(read_machine(Path(text), *shipped()))
    found = _listing().machines
    if text not in found:
        near = difflib.get_close_matches(text, found, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"no machine is named {text!r}{hint}; known: {', '.join(sorted(found))}")
    return found[text]()


def shipped() -> tuple[dict[str, Source], dict[str, Uplift]]:
    """The sources and the uplifts of the installed catalogues."""
    sources: dict[str, Source] = {}
    uplifts: dict[str, Uplift] = {}
    for path in _listing().bibliographies:
        sources |= read_sources(path)
    for path in _listing().uplifts:
        uplifts |= read_uplifts(path)
    return sources, uplifts


def build(spec: MachineSpec) -> Substrate:
    """The machine a catalogue entry describes."""
    kinds = _listing().physics
    if spec.physics not in kinds:
        raise ValueError(f"{spec.path}: no physics is named {spec.physics!r}; known: {', '.join(sorted(kinds))}")
    return kinds[spec.physics](spec)
