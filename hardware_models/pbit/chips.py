"""One network of p-bits on several chips that tell one another of their boundary spins over links.

Every chip sweeps its own p-bits, colour by colour, at a common clock, and never waits. Meanwhile the boundary spins are
exchanged: at a clock edge all chips send what the others read, as it is once that edge has moved its colour; transfers
go from chip to chip over links (`hardware_models.timeline.exchange`), and once the last has arrived, all copies take
effect together at the next edge, and the next exchange begins with it. One exchange of `seconds` thus takes
``lag = ⌈seconds / phase_s⌉`` edges. A p-bit of another chip is seen as it was 1 edge ago where lag = 1, as a p-bit of
the same chip is, so that many chips are one; and else as it was lag to 2·lag − 1 edges ago.

η = f_comm/f_pbit is the number of exchanges in the time of a sweep, with f_comm = 1/seconds and
f_pbit = 1/(colours·phase_s). The chips are one where η is at least the number of colours. The ratio is that of
N. A. Aadit et al., "Programmable Probabilistic Computer with 1,000,000 p-bits", arXiv:2606.25313 (2026), of which the
abstract was read.

The machine is active while it sweeps, and idle while it is programmed, written and read. Chains run one after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hardware_models.clocked import ClockedProgram, Timing, as_ising, weights_per_update
from hardware_models.effects import Effect, FixedPointCouplings
from hardware_models.timeline import Exchange, Link, Pair, exchange
from hardware_models.traffic import traffic
from pbits.kernels import chips as kernels
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.mapping import FixedPoint
from pbits.mapping.partition import METHODS, Partition, partition
from pbits.models import EnergyModel, IsingModel
from pbits.parameters import CatalogueError, Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import (
    BulkObserver,
    Capabilities,
    Execution,
    Law,
    NotMappable,
    Observer,
    Placement,
    Program,
    Substrate,
)
from pbits.sweeps import RANDOM_BITS_PER_UPDATE, Tally, initial_states
from pbits.sweeps.engine import add_sums

# Of more free p-bits the law of stale boundaries is not written down.
MOST_SPINS = 5
# Below that many exchanges in a run, chips have hardly heard of one another.
FEW_EXCHANGES = 10
WIRINGS = ("all", "ring", "line")
# Handing work to a thread costs as much as some thousand updates.
WORTH_A_THREAD = 20_000
# An exchange that would end with an edge, but for a rounding, ends with it.
_ROUNDING = 1e-9


class Chips(Substrate):
    """Arrays of p-bits on several chips; see `hardware_models.pbit.chips` for how they are timed.

    Parameters
    ----------
    chips : int
    phase_s : Figure or float
        Device seconds from one clock edge to the next; each moves one colour.
    link_bits : int or sequence of int
        Wires of every link in each direction, or of each, in the order of the wiring.
    link_clock_hz : Figure or float
    link_latency_s : Figure or float
    wiring : {"all", "ring", "line"} or sequence of (int, int)
        Which chips have a link: all pairs (0, 1), (0, 2), …; neighbours (0, 1), (1, 2), … with the last and the first,
        or without; or the pairs given.
    method : {"auto", "metis", "bands"}
        How a model is cut; see `pbits.mapping.partition`. Part k lies on chip k.
    p_bits_per_chip : int, optional
        A model lies on no more chips than it needs; without a number, on all of them.
    number : FixedPoint, optional
        How βJ and βh are stored; exact when absent.
    effects : sequence of Effect
        Further non-idealities, applied in order after rounding.
    program_s, read_s : Figure or float, optional
        Device seconds of a programming and of a read-out; None where not stated.
    prices : PriceTable, optional
    name : str

    Raises
    ------
    ValueError
        For links or a clock from which no η follows: no wires, an endless latency, a time that is not stated; or for
        a wiring that names a chip that is not there.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models.pbit.chips import Chips
    >>> ring = pbits.IsingModel.from_edges(6, [(i, (i + 1) % 6) for i in range(6)], 1.0)
    >>> pair = Chips(chips=2, phase_s=1e-8, link_bits=1, link_clock_hz=1e8)
    >>> run = pbits.run(ring, pair, pbits.Schedule(n_samples=10, chains=2), seed=1)
    >>> run.record["notes"]["eta"], run.record["notes"]["edges_per_exchange"]
    (1.0, 2)
    """

    def __init__(
        self,
        *,
        chips: int,
        phase_s: Figure | float,
        link_bits: int | Sequence[int],
        link_clock_hz: Figure | float,
        link_latency_s: Figure | float = 0.0,
        wiring: str | Sequence[Pair] = "all",
        method: str = "auto",
        p_bits_per_chip: int | None = None,
        number: FixedPoint | None = None,
        effects: Sequence[Effect] = (),
        program_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "p-bits on several chips",
        spec: MachineSpec | None = None,
    ):
        if not isinstance(chips, int) or isinstance(chips, bool) or chips < 1:
            raise ValueError(f"chips is {chips!r}; it must be a whole number of at least 1")
        if method not in METHODS:
            raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
        if p_bits_per_chip is not None and p_bits_per_chip < 1:
            raise ValueError(f"p_bits_per_chip is {p_bits_per_chip}; a chip holds at least 1")
        self.name = name
        self.prices = prices
        self.spec = spec
        self.chips = chips
        self.method = method
        self.p_bits_per_chip = p_bits_per_chip
        self.wiring = wiring if isinstance(wiring, str) else "pairs"
        self.timing = Timing(phase_s=phase_s, program_s=program_s, read_s=read_s)
        self.phase_s = _stated("phase_s", phase_s)
        if self.phase_s == 0:
            raise ValueError("phase_s is 0; without a clock no η = f_comm/f_pbit follows")
        self.links = _links(
            _pairs(wiring, chips),
            link_bits,
            clock_hz=_stated("link_clock_hz", link_clock_hz),
            latency_s=_stated("link_latency_s", link_latency_s),
        )
        self.effects = (*([] if number is None else [FixedPointCouplings(number=number)]), *effects)
        self._partitions: WeakKeyDictionary[IsingModel, Partition] = WeakKeyDictionary()
        self.capabilities = Capabilities(
            domains=frozenset({"spin"}), models=(IsingModel,), stores_beta=number is not None, steers=False
        )

    def partition(self, model: IsingModel) -> Partition:
        """Which p-bits of a model lie on which chip."""
        if model not in self._partitions:
            self._partitions[model] = self._cut(model)
        return self._partitions[model]

    def _cut(self, model: IsingModel) -> Partition:
        """On no more chips than the model needs, the first ones; on all of them where any holds any number."""
        most, room = min(self.chips, model.n), self.p_bits_per_chip
        for parts in range(most if room is None else min(most, -(-model.n // room)), most):
            if (cut := partition(model, parts, self.method)).sizes.max() <= (room or model.n):
                return cut
        return partition(model, most, self.method)

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons or not isinstance(model, IsingModel):
            return reasons
        most = self.p_bits_per_chip
        if most is not None and model.n > self.chips * most:
            return [
                f"the model has {model.n:,} p-bits, and {self.chips:,} chips of {most:,} hold {self.chips * most:,}; "
                f"{-(-model.n // most):,} chips would"
            ]
        cut = self.partition(model)
        if most is not None and cut.sizes.max() > most:
            return [
                f"the largest part of the partition ({cut.method}) has {cut.sizes.max():,} p-bits and a chip holds "
                f"{most:,}; method='bands' cuts into parts of {-(-model.n // self.chips):,}"
            ]
        try:
            self.exchange(model)
        except ValueError as error:
            return [str(error)]
        return []

    def exchange(self, model: IsingModel) -> Exchange:
        """One exchange of all boundary spins of a model.

        Raises
        ------
        ValueError
            Where chips that need one another have no way between them.
        """
        boundary = self.partition(model).boundary
        a, b = np.nonzero(boundary)
        return exchange({(int(i), int(j)): int(boundary[i, j]) for i, j in zip(a, b)}, self.links)

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        return ChipsProgram(self, as_ising(model), placement, schedule)


def _stated(name: str, given: Figure | float) -> float:
    value = Figure.of(given).value
    if value is None:
        raise ValueError(f"{name} is not stated, and η = f_comm/f_pbit follows from it; give a number")
    return value


def _pairs(wiring: str | Sequence[Pair], chips: int) -> list[Pair]:
    line = [(k, k + 1) for k in range(chips - 1)]
    if isinstance(wiring, str):
        if wiring not in WIRINGS:
            raise ValueError(f"wiring is {wiring!r}; it must be one of {', '.join(WIRINGS)}, or pairs of chips")
        if wiring == "all":
            return list(combinations(range(chips), 2))
        return line + [(chips - 1, 0)] * (wiring == "ring" and chips > 2)
    pairs = [(int(a), int(b)) for a, b in wiring]
    for a, b in pairs:
        if a == b or not (0 <= a < chips and 0 <= b < chips):
            raise ValueError(f"wiring names a link {(a, b)}; chips are numbered from 0 to {chips - 1}")
    if len({frozenset(pair) for pair in pairs}) < len(pairs):
        raise ValueError("wiring names a link twice; give its wires together, as link_bits")
    return pairs


def _links(pairs: list[Pair], bits: int | Sequence[int], *, clock_hz: float, latency_s: float) -> dict[Pair, Link]:
    # The links of one chip are none, and what is said of them is checked all the same.
    widths = list(bits) if isinstance(bits, Sequence) else [bits] * max(1, len(pairs))
    made = [Link(bits=width, clock_hz=clock_hz, latency_s=latency_s) for width in widths]
    if isinstance(bits, Sequence) and len(made) != len(pairs):
        raise ValueError(f"link_bits has {len(made)} numbers; the wiring has {len(pairs)} links")
    return dict(zip(pairs, made))


@dataclass(frozen=True, kw_only=True, eq=False)
class Boundary:
    """What chips see of one another.

    Attributes
    ----------
    sites : (copies,) int64
        The p-bits that another chip reads.
    assignment : (n,) int64
        The chip of each p-bit.
    """

    sites: NDArray[np.int64]
    assignment: NDArray[np.int64]

    def read(self, csr: Any) -> NDArray[np.uint32]:
        """Where in a chain each entry of CSR couplings is read: at a p-bit of the same chip, or at a copy."""
        n = len(self.assignment)
        copy_of = np.zeros(n, dtype=np.uint32)
        copy_of[self.sites] = n + np.arange(len(self.sites))
        reads = csr.indices.astype(np.uint32)
        if len(self.sites):
            reader = np.repeat(self.assignment, np.diff(csr.indptr))
            across = reader != self.assignment[csr.indices]
            reads[across] = copy_of[reads[across]]
        return reads


class ChipsProgram(ClockedProgram):
    """A model on several chips.

    Attributes
    ----------
    machine : Chips
    cut : Partition
    round : Exchange
        Of all boundary spins.
    phases : tuple of int64
        The p-bits that move at each edge of a sweep, without the clamped ones.
    lag : int
        Clock edges from one exchange to the next.
    """

    def __init__(self, machine: Chips, model: IsingModel, placement: Placement, schedule: Schedule):
        super().__init__(
            model,
            placement,
            update="chromatic",
            timing=machine.timing,
            effects=machine.effects,
            stores_beta=machine.capabilities.stores_beta,
        )
        if self._wandering:
            kind = type(self._wandering[0][1]).__name__
            raise ValueError(f"{kind} moves what is held during a run, which is emulated for one chip; leave it out")
        if self._flips:
            raise ValueError("ReadoutFlips are emulated for one chip alone; leave them out")
        if not isinstance(self.realised(float(schedule.beta)), IsingModel):
            raise NotMappable(machine.name, ["p-bits of unequal slopes are emulated on one chip alone"])
        self.machine = machine
        self.schedule = schedule
        self.cut = machine.partition(model)
        self.round = machine.exchange(model)
        assert self._scan.ends is not None
        held = list(placement.clamp)
        # The clock runs through all colours, also those whose p-bits are clamped.
        self.phases = tuple(np.setdiff1d(phase, held) for phase in np.split(self._scan.sites, self._scan.ends[1:-1]))
        self.lag = max(1, math.ceil(self.round.seconds / machine.phase_s * (1 - _ROUNDING)))
        self._boundary = self._boundary_of(model)
        self._rows_of: tuple[EnergyModel, kernels.Rows] | None = None

    @property
    def eta(self) -> float | None:
        """Exchanges in the time of a sweep; None where chips need nothing of one another."""
        sweep_s = len(self.phases) * self.machine.phase_s
        return sweep_s / self.round.seconds if self.round.seconds else None

    def law(self, beta: float) -> Law:
        held = self.realised(beta)
        if self.lag == 1:
            return Law(kind="boltzmann", model=held, beta=beta, clamp=self._placement.clamp)
        free = np.setdiff1d(np.arange(held.n), list(self._placement.clamp))
        if len(free) <= MOST_SPINS:
            return Law(kind="stationary", model=held, beta=beta, rule=self._stale(free), clamp=self._placement.clamp)
        note = (
            f"boundary spins are {self.lag} to {2 * self.lag - 1} clock edges old, so neighbours move at once; the law "
            f"of up to {MOST_SPINS} p-bits can be written down"
        )
        return Law(kind="unknown", model=held, beta=beta, clamp=self._placement.clamp, note=note)

    def _stale(self, free: NDArray[np.int64]) -> dict[str, Any]:
        """Arguments of `pbits.reference.chips.law` of the free p-bits, as they are looked at."""
        return {
            "rule": "chips",
            "parts": self.cut.assignment[free].tolist(),
            "phases": [np.searchsorted(free, phase).tolist() for phase in self.phases],
            "lag": self.lag,
            "first": self.schedule.n_warmup,
            "every": self.schedule.steps_per_sample,
        }

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        from pbits.reference import chips as plain

        model, streams = as_ising(self.realised(float(schedule.beta))), Streams(seed=seed)
        low, high = streams.key(Stream.THERMAL)
        start = initial_states(model, slice(0, schedule.chains), streams, None, self._placement.clamp)
        return plain.run(
            model, self.cut.assignment.tolist(), [phase.tolist() for phase in self.phases], self.lag,
            schedule.betas().tolist(), schedule.observed_steps().tolist(), start, (int(low), int(high)),
        )  # fmt: skip

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        for name, idle in (("layout", "auto"), ("threshold_bits", None)):
            if (given := getattr(observe, name, idle)) != idle:
                raise ValueError(f"{name} is {given!r}; several chips have one layout of their own: leave {name} out")
        return self._account(schedule, self._run(schedule, streams, initial, observe), initial is not None)

    def _run(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Tally:
        betas = schedule.betas()
        moving = sum(map(len, self.phases))
        workers = threads() if moving * schedule.chains * len(betas) >= WORTH_A_THREAD else 1
        blocks = chain_blocks(schedule.chains, -(-schedule.chains // workers))
        done = 0
        with Pool(min(workers, len(blocks))) as pool:
            chains = pool.map(lambda k: _Chains(self, blocks[k], streams, initial), len(blocks))
            looks = _Looks(observe) if isinstance(observe, BulkObserver) else None
            for step in schedule.observed_steps().tolist():
                # An anneal is looked at after every step, so one β lies between two looks.
                rows = self._rows(self.realised(float(betas[done])))
                pool.map(_advance(chains, rows, betas[done:step], done), len(blocks))
                done = step
                if looks is None:
                    if observe(done, np.concatenate([block.spins for block in chains])):
                        break
                else:
                    energies = pool.map(lambda k: looks.energies(chains[k].spins), len(blocks))
                    if looks.take(done, [block.spins for block in chains], np.concatenate(energies)):
                        break
            if looks is not None:
                looks.finish([block.spins for block in chains])
        return Tally(
            steps=done,
            updates=done * moving * schedule.chains,
            toggles=sum(block.toggles for block in chains),
            layout="chips",
        )

    def _boundary_of(self, model: IsingModel) -> Boundary:
        """Where exchanges are as fast as the clock, a copy shows what the p-bit itself does, and none is kept."""
        assignment = self.cut.assignment
        if self.lag == 1:
            return Boundary(sites=np.empty(0, dtype=np.int64), assignment=np.zeros_like(assignment))
        i, j, _ = model.edges()
        across = assignment[i] != assignment[j]
        return Boundary(sites=np.unique(np.concatenate([i[across], j[across]])), assignment=assignment)

    def _rows(self, held: EnergyModel) -> kernels.Rows:
        """What p-bits read, in the order in which they move."""
        if self._rows_of is None or self._rows_of[0] is not held:
            network = as_ising(held)
            csr, sites = network.csr, np.concatenate(self.phases)
            wide = len(network.h) + len(self._boundary.sites)
            reads = sp.csr_array((csr.data, self._boundary.read(csr), csr.indptr), shape=(network.n, wide))[sites]
            self._rows_of = (
                held,
                kernels.Rows(
                    sites=sites.astype(np.uint32),
                    ends=np.cumsum([0, *map(len, self.phases)]),
                    starts=reads.indptr.astype(np.uint64),
                    reads=reads.indices.astype(np.uint32),
                    weights=_narrow(reads.data),
                    fields=network.h[sites],
                ),
            )
        return self._rows_of[1]

    def _account(self, schedule: Schedule, tally: Tally, started: bool) -> Execution:
        timing, cut, chains, n = self._timing, self.cut, schedule.chains, self._model.n
        moved = traffic(
            schedule,
            tally,
            copies=1,
            stores_beta=self._stores_beta,
            preset=started,
            program_s=Figure.of(timing.program_s),
            start_s=timing.start_s,
            told=self._placement.told(self._model),
        )
        edges = tally.steps * len(self.phases)
        exchanges = -(-edges // self.lag) if self.round.link_bits else 0
        timeline = timing.play(
            schedule, tally.steps, moved, step_s=timing.phase_s, phases=len(self.phases),
            steered=tally.steered is not None,
        )  # fmt: skip
        reads = int(np.delete(weights_per_update(self._model), list(self._placement.clamp)).sum())
        notes: dict[str, Any] = {
            "update": "chromatic",
            "phases_per_sweep": len(self.phases),
            "chips": self.machine.chips,
            "wiring": self.machine.wiring,
            "partition": {
                "method": cut.method,
                "sizes": cut.sizes.tolist(),
                "cut_edges": cut.cut_edges,
                "boundary_spins": cut.boundary.tolist(),
            },
            "exchange_s": self.round.seconds,
            "eta": self.eta,
            "edges_per_exchange": self.lag,
            "exchanges": exchanges * chains,
            "programmings": moved.settings,
            "copies_side_by_side": 1,
            "batches": moved.batches,
            "start_states_written": chains if started else 0,
            **self._realise(float(schedule.beta))[1],
        }
        if self.round.link_bits and exchanges < FEW_EXCHANGES:
            notes["harms"] = [
                *notes.get("harms", []),
                f"boundary spins were exchanged {exchanges} times in {tally.steps} sweeps, so chips ran nearly alone",
            ]
        return Execution(
            counts={
                "update": tally.updates,
                "weight_read": tally.steps * chains * reads,
                "toggle": tally.toggles,
                "random_bit": tally.updates * RANDOM_BITS_PER_UPDATE,
                "link_bit": exchanges * chains * self.round.link_bits,
                "read": moved.read_frames * n * chains,
                "write": n * (moved.copies_programmed + moved.states_written) + moved.words_told,
            },
            seconds={"active": timeline.active, "idle": timeline.idle},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes=notes,
            programming=moved.programming(n, Figure.of(timing.program_s)),
        )


class _Chains:
    """A block of chains.

    Attributes
    ----------
    spins : (chains, n) int8
    toggles : int
    """

    def __init__(self, program: ChipsProgram, block: slice, streams: Streams, initial: NDArray | None):
        start = initial_states(program._model, block, streams, initial, program._placement.clamp).T
        self._boundary = program._boundary.sites.astype(np.uint32)
        self._sent = np.ascontiguousarray(start[:, self._boundary])
        self._all = np.concatenate([start, self._sent], axis=1)
        self._lag = program.lag
        self._key = streams.key(Stream.THERMAL)
        self._chain0 = block.start
        self.spins = self._all[:, : program._model.n]
        self.toggles = 0

    def advance(self, rows: kernels.Rows, betas: NDArray[np.float64], step0: int) -> None:
        """One sweep per β, from step `step0` on."""
        self.toggles += kernels.sweep(
            self._all, self._sent, self._boundary, rows, self._lag, betas, step0, *self._key, self._chain0
        )


def _advance(
    chains: list[_Chains], rows: kernels.Rows, betas: NDArray[np.float64], step0: int
) -> Callable[[int], None]:
    return lambda k: chains[k].advance(rows, betas, step0)


class _Looks:
    """Hands looks to a bulk observer: energies without a copy of the states."""

    def __init__(self, observe: BulkObserver):
        self._observe = observe
        self._model = as_ising(observe.model)
        above: Any = sp.triu(self._model.csr, 1, format="csr")
        self._pairs = above.indptr.astype(np.uint64), above.indices.astype(np.uint32), _narrow(above.data)
        self._sums = observe.sums()
        self._lowest = np.inf
        self._best = np.zeros(self._model.n, dtype=np.int8)
        self._looks = 0

    def energies(self, spins: NDArray[np.int8]) -> NDArray[np.float64]:
        """Of the posed model, (chains,)."""
        return self._model.offset + np.array([kernels.energy(row, *self._pairs, self._model.h) for row in spins])

    def take(self, step: int, blocks: list[NDArray[np.int8]], energies: NDArray[np.float64]) -> bool:
        """One look; True asks to stop."""
        draws = self._observe.draws(self._looks, 1)
        if draws is not None:
            draws[:, 0] = np.concatenate(blocks)
        if self._sums:
            for spins in blocks:
                add_sums(self._model, spins, **self._sums)
        if energies.min() < self._lowest:
            self._lowest = float(energies.min())
            self._best[:] = _row(blocks, int(energies.argmin()))
        self._looks += 1
        return self._observe.take(step, 1, energies[:, None], self._lowest, self._best)

    def finish(self, blocks: list[NDArray[np.int8]]) -> None:
        self._observe.finish(np.concatenate(blocks), [self._sums])


def _row(blocks: list[NDArray[np.int8]], chain: int) -> NDArray[np.int8]:
    for spins in blocks:
        if chain < len(spins):
            return spins[chain]
        chain -= len(spins)
    raise IndexError(chain)


def _narrow(weights: NDArray[np.float64]) -> NDArray:
    """Weights in single precision where that is exact: half the memory that a sweep reads."""
    with np.errstate(over="ignore"):
        single = weights.astype(np.float32)
    return single if (single == weights).all() else weights


_KEYS = (
    "chips", "wiring", "partition", "p_bits_per_chip", "clock", "cycles_per_phase", "link_bits", "link_clock",
    "link_latency", "total_bits", "fraction_bits", "program_time", "read_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Chips:
    """Several chips from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    number = None
    if spec.has("fraction_bits") or spec.has("total_bits"):
        number = FixedPoint(
            total_bits=spec.integer("total_bits", default=None), fraction_bits=spec.integer("fraction_bits")
        )
    try:
        return Chips(
            chips=spec.integer("chips"),
            phase_s=spec.figure("cycles_per_phase", "1") / spec.figure("clock", "Hz"),
            link_bits=spec.integer("link_bits"),
            link_clock_hz=spec.figure("link_clock", "Hz"),
            link_latency_s=spec.figure("link_latency", "s"),
            wiring=spec.text("wiring", choices=WIRINGS),
            method=spec.text("partition", choices=METHODS, default="auto"),
            p_bits_per_chip=spec.integer("p_bits_per_chip", default=None),
            number=number,
            program_s=spec.figure("program_time", "s"),
            read_s=spec.figure("read_time", "s"),
            prices=spec.prices,
            name=spec.name,
            spec=spec,
        )
    except ValueError as error:
        raise CatalogueError(f"{spec.path}: {error}") from error
