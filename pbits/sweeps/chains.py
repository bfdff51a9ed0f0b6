"""Run the chains of a schedule, in blocks, one thread a block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.kernels.philox import random_spins, uniforms
from pbits.models import EnergyModel
from pbits.schedule import Schedule
from pbits.steering import Steered
from pbits.streams import Stream, Streams
from pbits.substrate import BulkObserver, Observer
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.layouts import Work, choose, states_dtype
from pbits.sweeps.scan import Scan
from pbits.sweeps.steered import SteeredRun

RANDOM_BITS_PER_UPDATE = 32
# Handing work to a thread costs as much as some ten thousand updates.
WORTH_A_THREAD = 20_000
# A stretch of looks is this many updates long: some ten milliseconds of the fastest layout, a second of the slowest.
STRETCH_UPDATES = 100_000_000
STRETCH_NUMBERS = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Wander:
    """What is held moves on while chains run.

    Attributes
    ----------
    every : int
        Steps for which it stands still.
    start : callable
        start(chain) gives held(model, β, step): what becomes of what `realised` says, asked in rising order of steps.
    alike : bool
        Whether it is the same for all chains; else each is swept by itself.
    """

    every: int
    start: Callable[[int], Callable[[EnergyModel, float, int], EnergyModel]]
    alike: bool


@dataclass(frozen=True, kw_only=True)
class Watch:
    """States shown on the way, to whoever counts what depends on them.

    Attributes
    ----------
    every : int
        Steps between two looks, at least; a steered run is looked at once, at its end.
    see : callable
        see(first, last, states): states (chains, n) after step `last`, and the last look was after step `first`.
    """

    every: int
    see: Callable[[int, int, NDArray], None]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the chains did, over all chains.

    Attributes
    ----------
    steps, updates, toggles : int
    layout : str
        Name of the layout that ran.
    steered : Steered, optional
        What a policy did on the way.
    counted : mapping
        What else engines counted, by name.
    """

    steps: int
    updates: int
    toggles: int
    layout: str
    steered: Steered | None = None
    counted: Mapping[str, int] = field(default_factory=dict)


def initial_states(
    model: EnergyModel,
    block: slice,
    streams: Streams,
    initial: NDArray | None,
    clamp: Mapping[int, Any],
) -> NDArray:
    """Start states (n, chains of the block): as given, or uniform from the INITIAL stream; clamped sites set.

    Reals start at 0.
    """
    chains = block.stop - block.start
    states = np.empty((model.n, chains), dtype=states_dtype(model))
    if initial is not None:
        states[:] = initial[:, None] if initial.ndim == 1 else initial[block].T
    elif model.domain == "permutation":
        u = np.empty((model.n, chains))
        uniforms(u, *streams.key(Stream.INITIAL), block.start, 0, 0)
        states[:] = u.argsort(axis=0, kind="stable")
    elif model.domain == "spin":
        random_spins(states, *streams.key(Stream.INITIAL), block.start, 0, 0)
    else:
        counts = np.array([len(model.values(site)) for site in range(model.n) if model.lists(site)])
        u = np.empty((len(counts), chains))
        uniforms(u, *streams.key(Stream.INITIAL), block.start, 0, 0)
        states[:] = 0
        states[: len(counts)] = np.floor(u * counts[:, None])
    for site, value in clamp.items():
        states[site] = value if np.ndim(value) == 0 else value[block]
    return states


def heat_bath(
    realised: Callable[[float], EnergyModel],
    scan: Scan,
    schedule: Schedule,
    streams: Streams,
    initial: NDArray | None,
    observe: Observer,
    clamp: Mapping[int, Any],
    *,
    reprogram: Callable[[EnergyModel], Callable[[float], EnergyModel]] | None = None,
    wander: Wander | None = None,
    watch: Watch | None = None,
) -> Tally:
    """Run every chain of a schedule, observing as the schedule says.

    Parameters
    ----------
    realised : callable
        The model held at a β: either one and the same object for every β, or another one for each. In the second
        case chains of different β hold different models.
    scan : Scan
    initial : (n,) or (chains, n) array, optional
    observe : callable, or a `BulkObserver`, which is served without handing over every state
    clamp : mapping
        Sites held fixed, and at what: a number, or an array (chains,).
    reprogram : callable, optional
        What `realised` becomes when a policy asks for another model; the model itself when absent.
    wander : Wander, optional
        What a machine that does not stand still makes of what is realised.
    watch : Watch, optional

    Returns
    -------
    Tally

    Raises
    ------
    ValueError
        When no layout, or not the one asked for, can sweep the model.
    """
    betas = schedule.betas()
    ladder = schedule.chain_betas(1.0)
    hottest = realised(float(betas.min() * ladder.min()))
    coldest = realised(schedule.max_beta)
    fixed = coldest is hottest and wander is None
    # Chains of one β share what they hold; where β is a matter of sweeping alone, so do all.
    apart = schedule.ladder is not None and not fixed
    model = realised(float(betas[0] * ladder[0]))
    if wander is not None:
        # The layout is chosen for what chains will hold.
        hottest, coldest, model = (
            wander.start(0)(held, beta, 0)
            for held, beta in (
                (hottest, float(betas.min() * ladder.min())),
                (coldest, schedule.max_beta),
                (model, float(betas[0] * ladder[0])),
            )
        )
    clamped = np.array(sorted(clamp), dtype=np.int64)
    scan = scan.without(clamped)
    alone = wander is not None and not wander.alike
    bulk = observe if isinstance(observe, BulkObserver) else None
    policy = None if bulk is None else bulk.steer
    bits = getattr(observe, "threshold_bits", None)
    options = Options(rule=schedule.rule, moves=schedule.moves, **({} if bits is None else {"threshold_bits": bits}))
    work = Work(
        model=model,
        scan=scan,
        options=options,
        chains=1 if alone else schedule.chains,
        beta=schedule.max_beta,
        coldest=None if fixed and not (policy is not None and policy.reprograms) else coldest,
        ladder=schedule.ladder is not None and not apart,
    )
    choice = choose(work, getattr(observe, "layout", "auto"))
    if hasattr(observe, "laid_out"):
        observe.laid_out(
            {
                "name": choice.name,
                "reason": choice.reason,
                "refused": choice.refused,
                "description": choice.engine.describe(options),
                "chains_per_block": choice.engine.BLOCK,
                "rule": options.rule,
            }
        )
    key = Key(thermal=streams.key(Stream.THERMAL), site=streams.key(Stream.SITE))
    rows, blocks = _layout(schedule, 1 if alone else choice.engine.BLOCK, apart)
    workers = threads() if model.n * schedule.chains * schedule.total_steps >= WORTH_A_THREAD else 1
    with Pool(min(workers, len(blocks))) as pool:
        chains = Chains(
            blocks, rows, pool, realised, schedule, scan, options, apart=apart, fixed=fixed, wander=wander
        )  # fmt: skip
        whole = None if rows is None else initial_states(model, slice(0, schedule.chains), streams, initial, clamp)

        def start(k: int) -> Engine:
            block = blocks[k].rows
            if whole is None:
                states = initial_states(model, block, streams, initial, clamp)
            else:
                states = np.ascontiguousarray(whole[:, blocks[k].positions])
            return choice.engine(chains.held(k), scan, states, key, k * choice.engine.BLOCK, options)

        chains.engines = pool.map(start, len(blocks))
        for engine in chains.engines:
            engine.threads = max(1, workers // len(blocks))
        steered = None
        chains.watch = watch
        if bulk is None:
            done = chains.show(observe, schedule)
        elif policy is None:
            done = chains.serve(bulk, schedule)
        else:
            run = SteeredRun(chains, policy, bulk, schedule, reprogram or (lambda model: lambda beta: model))
            done, steered = run.serve(), run.steered
        chains.glance(done, last=True)
    return Tally(
        steps=done,
        updates=done * len(scan.sites) * schedule.chains,
        toggles=chains.toggles,
        layout=choice.name,
        steered=steered,
        counted=sum((Counter(engine.counted) for engine in chains.engines), Counter()),
    )


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Chains that one engine sweeps.

    Attributes
    ----------
    rows : slice
        Their place among the chains of all engines.
    positions : (chains of the block,) int64
        Where they start on the chain axis.
    factor : float
        On β, for what they hold.
    """

    rows: slice
    positions: NDArray[np.int64]
    factor: float


def _layout(schedule: Schedule, size: int, apart: bool) -> tuple[NDArray[np.int64] | None, list[_Block]]:
    """The row of each position, None where that is the position itself, and the blocks.

    With `apart`, chains of one block have one β.
    """
    chains = schedule.chains
    if not apart:
        each = chain_blocks(chains, size)
        return None, [_Block(rows=rows, positions=np.arange(rows.start, rows.stop), factor=1.0) for rows in each]
    ladder = schedule.chain_betas(1.0)
    order = np.argsort(ladder, kind="stable")
    ends = np.flatnonzero(np.diff(ladder[order])) + 1
    blocks = []
    for first, last in pairwise([0, *ends.tolist(), chains]):
        for start in range(first, last, size):
            rows = slice(start, min(start + size, last))
            blocks.append(_Block(rows=rows, positions=order[rows], factor=float(ladder[order[first]])))
    rows_of = np.empty(chains, dtype=np.int64)
    rows_of[order] = np.arange(chains)
    return rows_of, blocks


class Chains:
    """All blocks of a run, advanced together; what goes out is by position, what engines see by row."""

    engines: list[Engine]
    watch: Watch | None = None

    def __init__(
        self,
        blocks: list[_Block],
        rows: NDArray[np.int64] | None,
        pool: Pool,
        realised: Callable[[float], EnergyModel],
        schedule: Schedule,
        scan: Scan,
        options: Options,
        *,
        apart: bool,
        fixed: bool,
        wander: Wander | None = None,
    ):
        self.blocks = blocks
        self.pool = pool
        self.toggles = 0
        self._rows = rows
        self._scan = scan
        self._options = options
        self._realised = realised
        self._betas = schedule.betas()
        self._fixed = fixed
        self._apart = apart
        # Factors on β by row; where what is held depends on β, a block has one, and states move instead.
        self._of_positions = schedule.chain_betas(1.0)
        self._ladder = None if schedule.ladder is None or apart else self._of_positions.copy()
        self._beta = float(self._betas[0])
        self._every = None if wander is None else wander.every
        self._wanders = None if wander is None else [wander.start(block.rows.start) for block in blocks]
        self._step = 0
        self._watched = 0
        self._models = self._held_at(self._beta, 0)

    def held(self, k: int) -> EnergyModel:
        """What block k holds now."""
        return self._models[k]

    def _held_at(self, beta: float, step: int) -> list[EnergyModel]:
        """What each block holds at a step where the schedule's β is `beta`."""
        of = {factor: self._realised(beta * factor) for factor in dict.fromkeys(b.factor for b in self.blocks)}
        models = [of[block.factor] for block in self.blocks]
        if (wanders := self._wanders) is None:
            return models
        return self.pool.map(lambda k: wanders[k](models[k], beta * self.blocks[k].factor, step), len(self.blocks))

    def check(self, model: EnergyModel, beta: float) -> None:
        """Refuse what the layout cannot hold."""
        reasons = self.engines[0].refusals(model, self._scan, self._options, beta)
        if reasons:
            raise ValueError("the layout of this run cannot hold the model asked for: " + "; ".join(reasons))

    def program(self, realised: Callable[[float], EnergyModel], step: int) -> None:
        """Hold something else from a step on."""
        self._realised = realised
        self._program(float(self._betas[min(step, len(self._betas) - 1)]), step)

    def _program(self, beta: float, step: int) -> None:
        before, self._beta, self._step, self._models = self._models, beta, step, self._held_at(beta, step)
        if any(model is not old for model, old in zip(self._models, before)):
            self.pool.map(lambda k: self.engines[k].hold(self.held(k)), len(self.engines))

    def show(self, observe: Observer, schedule: Schedule) -> int:
        """Hand every observed state over; returns the steps done."""
        done = 0
        for step in schedule.observed_steps().tolist():
            self._advance(done, step)
            done = step
            self.glance(done)
            if observe(done, self.states()):
                break
        return done

    def glance(self, step: int, last: bool = False) -> None:
        """Show the states to whoever watches, where it is time, or these are the last."""
        if self.watch is None or step == self._watched or (step - self._watched < self.watch.every and not last):
            return
        self.watch.see(self._watched, step, self.states())
        self._watched = step

    def serve(self, bulk: BulkObserver, schedule: Schedule) -> int:
        """Let the engines note what the observer wants, many looks at a time; returns the steps done."""
        chains, n = schedule.chains, bulk.model.n
        every = 1 if schedule.kind == "anneal" else schedule.steps_per_sample
        looks = len(schedule.observed_steps())
        stretch = min(STRETCH_UPDATES // (n * chains * every), STRETCH_NUMBERS // chains, looks)
        if schedule.stop_at is not None:
            stretch = 1
        if self.watch is not None:
            stretch = min(stretch, self.watch.every // every)
        stretch = max(1, stretch)
        energies = np.empty((chains, stretch))
        # One set for each thread, and not for each block: there may be as many blocks as chains.
        sums = [bulk.sums() for _ in range(self.pool.workers)]
        records = self.records(bulk, energies, sums)
        done, breath = schedule.n_warmup, max(1, STRETCH_UPDATES // (n * chains))
        if self.watch is not None:
            breath = min(breath, self.watch.every)
        for first in range(0, done, breath):
            self._advance(first, min(first + breath, done))
            self.glance(min(first + breath, done))
        for first in range(0, looks, stretch):
            count = min(stretch, looks - first)
            draws = bulk.draws(first, count)
            # Rows that are no positions are put in their places afterwards.
            noted = draws if draws is None or self._rows is None else np.empty_like(draws)
            for record, block in zip(records, self.blocks):
                record.energies = energies[block.rows, :count]
                record.draws = None if noted is None else noted[block.rows]
            self.look(done, every, count, records)
            if draws is not None and noted is not None and noted is not draws:
                draws[:] = self.by_position(noted)
            done += count * every
            self.glance(done)
            engine, best = min(zip(self.engines, records), key=lambda pair: pair[1].best_energy)
            lowest = np.inf
            # To write a large state down may take longer than the sweeps: only where this look may be the last.
            if first + count == looks or schedule.stop_at is not None:
                engine.settle(best)
                lowest = best.best_energy
            if bulk.take(done, every, self.by_position(energies[:, :count]), lowest, best.best_state):
                break
        bulk.finish(self.states(), sums)
        return done

    def records(
        self, bulk: BulkObserver, energies: NDArray[np.float64], sums: list[dict[str, NDArray[np.int64]]]
    ) -> list[Record]:
        """A record for each block, of energies by row."""
        return [
            Record(
                model=bulk.model,
                energies=energies[block.rows],
                best_energy=np.inf,
                best_state=np.zeros(bulk.model.n, dtype=states_dtype(bulk.model)),
                **sums[k % len(sums)],
            )
            for k, block in enumerate(self.blocks)
        ]

    def look(self, start: int, every: int, count: int, records: list[Record]) -> None:
        """Sweep `count` times `every` steps, with a look after each."""
        if self._fixed:
            self._sweep(start, start + count * every, every, records)
            return
        # The machine is programmed anew on the way, so looks are taken one at a time.
        for look in range(count):
            single = [
                replace(
                    record,
                    energies=record.energies[:, look : look + 1],
                    draws=None if record.draws is None else record.draws[:, look : look + 1],
                )
                for record in records
            ]
            begin = start + look * every
            last = self._program_until(begin, begin + every)
            self._sweep(last, begin + every, begin + every - last, single)
            for record, part in zip(records, single):
                record.best_energy = part.best_energy

    def _advance(self, start: int, stop: int) -> None:
        if stop > start:
            self._sweep(self._program_until(start, stop), stop, 0, None)

    def _program_until(self, start: int, stop: int) -> int:
        """Sweep all stretches of one model but the last; returns where that begins, with its model held."""
        if self._fixed:
            return start
        changes = start + 1 + np.flatnonzero(np.diff(self._betas[start:stop]))
        if self._every is not None:
            changes = np.union1d(changes, np.arange((start // self._every + 1) * self._every, stop, self._every))
        for begin, end in pairwise([start, *changes.tolist(), stop]):
            if self._betas[begin] != self._beta or self._moved(begin):
                self._program(float(self._betas[begin]), begin)
            if end < stop:
                self._sweep(begin, end, 0, None)
        return int(changes[-1]) if len(changes) else start

    def _moved(self, step: int) -> bool:
        return self._every is not None and step // self._every != self._step // self._every

    def _sweep(self, start: int, stop: int, every: int, records: list[Record] | None) -> None:
        betas = self._betas[start:stop]

        def work(k: int) -> int:
            block, engine = self.blocks[k], self.engines[k]
            hot = betas * block.factor if self._ladder is None else betas[:, None] * self._ladder[block.rows]
            return engine.advance(hot, start) if records is None else engine.sweep(hot, start, every, records[k])

        self.toggles += sum(self.pool.map(work, len(self.engines)))

    def by_position(self, noted: NDArray) -> NDArray:
        """What was noted by row, by position."""
        return noted if self._rows is None else noted[self._rows]

    def states(self) -> NDArray:
        """By position, (chains, n)."""
        if len(self.engines) == 1:
            return self.by_position(self.engines[0].states())
        return self.by_position(np.concatenate([engine.states() for engine in self.engines]))

    def load(self, states: NDArray) -> None:
        """Replace the states of all positions."""
        by_row = states
        if self._rows is not None:
            by_row = np.empty_like(states)
            by_row[self._rows] = states
        self.pool.map(lambda k: self.engines[k].load(by_row[self.blocks[k].rows]), len(self.engines))

    def exchange(self, parents: NDArray[np.int64]) -> None:
        """Let each position go on from another one's state, each named once."""
        if self._apart:
            self.load(self.states()[parents])
            return
        self._rows = parents.copy() if self._rows is None else self._rows[parents]
        if self._ladder is not None:
            self._ladder[self._rows] = self._of_positions
