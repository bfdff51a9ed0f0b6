"""Run the chains of a schedule, in blocks, one thread a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.kernels.philox import random_spins, uniforms
from pbits.models import EnergyModel
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import BulkObserver, Observer
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.layouts import Work, choose, states_dtype
from pbits.sweeps.scan import Scan

RANDOM_BITS_PER_UPDATE = 32
# Handing work to a thread costs as much as some ten thousand updates.
WORTH_A_THREAD = 20_000
# A stretch of looks is this many updates long: some ten milliseconds of the fastest layout, a second of the slowest.
STRETCH_UPDATES = 100_000_000
STRETCH_NUMBERS = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the chains did, over all chains.

    Attributes
    ----------
    steps, updates, toggles : int
    layout : str
        Name of the layout that ran.
    """

    steps: int
    updates: int
    toggles: int
    layout: str


def initial_states(
    model: EnergyModel,
    block: slice,
    streams: Streams,
    initial: NDArray | None,
    clamp: Mapping[int, float],
) -> NDArray:
    """Start states (n, chains of the block): as given, or uniform from the INITIAL stream; clamped sites set."""
    chains = block.stop - block.start
    states = np.empty((model.n, chains), dtype=states_dtype(model))
    if initial is not None:
        states[:] = initial[:, None] if initial.ndim == 1 else initial[block].T
    elif model.domain == "spin":
        random_spins(states, *streams.key(Stream.INITIAL), block.start, 0, 0)
    else:
        u = np.empty(states.shape)
        uniforms(u, *streams.key(Stream.INITIAL), block.start, 0, 0)
        counts = np.array([len(model.values(site)) for site in range(model.n)])
        states[:] = u * counts[:, None]
    for site, value in clamp.items():
        states[site] = value
    return states


def heat_bath(
    realised: Callable[[float], EnergyModel],
    scan: Scan,
    schedule: Schedule,
    streams: Streams,
    initial: NDArray | None,
    observe: Observer,
    clamp: Mapping[int, float],
    *,
    ladder: NDArray[np.float64] | None = None,
) -> Tally:
    """Run every chain of a schedule, observing as the schedule says.

    Parameters
    ----------
    realised : callable
        The model held at a β: either one and the same object for every β, or another one for each.
    scan : Scan
    initial : (n,) or (chains, n) array, optional
    observe : callable, or a `BulkObserver`, which is served without handing over every state
    clamp : mapping
        Sites held fixed, and at what.
    ladder : (chains,) array, optional
        A factor on β for each chain, as tempering needs it. What is realised is that of the schedule's β.

    Returns
    -------
    Tally

    Raises
    ------
    ValueError
        When no layout, or not the one asked for, can sweep the model.
    """
    betas = schedule.betas()
    model = realised(float(betas[0]))
    clamped = np.array(sorted(clamp), dtype=np.int64)
    scan = scan.without(clamped)
    bulk = observe if isinstance(observe, BulkObserver) else None
    bits = getattr(observe, "threshold_bits", None)
    options = Options(rule=schedule.rule, **({} if bits is None else {"threshold_bits": bits}))
    hottest, coldest = realised(float(betas.min())), realised(float(betas.max()))
    work = Work(
        model=model,
        scan=scan,
        options=options,
        chains=schedule.chains,
        beta=float(betas.max()) * (1.0 if ladder is None else float(np.max(ladder))),
        coldest=None if coldest is hottest else coldest,
        ladder=ladder is not None,
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
    blocks = chain_blocks(schedule.chains, choice.engine.BLOCK)
    workers = threads() if model.n * schedule.chains * schedule.total_steps >= WORTH_A_THREAD else 1
    with Pool(min(workers, len(blocks))) as pool:

        def start(k: int) -> Engine:
            states = initial_states(model, blocks[k], streams, initial, clamp)
            return choice.engine(model, scan, states, key, blocks[k].start, options)

        engines = pool.map(start, len(blocks))
        chains = _Chains(engines, blocks, pool, realised, betas, ladder, fixed=coldest is hottest)
        done = chains.serve(bulk, schedule) if bulk is not None else chains.show(observe, schedule)
    return Tally(
        steps=done,
        updates=done * len(scan.sites) * schedule.chains,
        toggles=chains.toggles,
        layout=choice.name,
    )


class _Chains:
    """All blocks of a run, advanced together."""

    def __init__(
        self,
        engines: list[Engine],
        blocks: list[slice],
        pool: Pool,
        realised: Callable[[float], EnergyModel],
        betas: NDArray[np.float64],
        ladder: NDArray[np.float64] | None,
        fixed: bool,
    ):
        self._engines = engines
        self._blocks = blocks
        self._pool = pool
        self._realised = realised
        self._betas = betas
        self._ladder = ladder
        self._model = realised(float(betas[0]))
        self._fixed = fixed
        self.toggles = 0

    def show(self, observe: Observer, schedule: Schedule) -> int:
        """Hand every observed state over; returns the steps done."""
        done = 0
        for step in schedule.observed_steps().tolist():
            self._advance(done, step)
            done = step
            if observe(done, self._states()):
                break
        return done

    def serve(self, bulk: BulkObserver, schedule: Schedule) -> int:
        """Let the engines note what the observer wants, many looks at a time; returns the steps done."""
        chains, n = schedule.chains, bulk.model.n
        every = 1 if schedule.kind == "anneal" else schedule.steps_per_sample
        looks = len(schedule.observed_steps())
        stretch = min(STRETCH_UPDATES // (n * chains * every), STRETCH_NUMBERS // chains, looks)
        if schedule.stop_at is not None:
            stretch = 1
        stretch = max(1, stretch)
        energies = np.empty((chains, stretch))
        # One set for each thread, and not for each block: there may be as many blocks as chains.
        sums = [bulk.sums() for _ in range(self._pool.workers)]
        records = [
            Record(
                model=bulk.model,
                energies=energies[block],
                best_energy=np.inf,
                best_state=np.zeros(n, dtype=states_dtype(bulk.model)),
                **sums[k % self._pool.workers],
            )
            for k, block in enumerate(self._blocks)
        ]
        done, breath = schedule.n_warmup, max(1, STRETCH_UPDATES // (n * chains))
        for first in range(0, done, breath):
            self._advance(first, min(first + breath, done))
        for first in range(0, looks, stretch):
            count = min(stretch, looks - first)
            draws = bulk.draws(first, count)
            for record, block in zip(records, self._blocks):
                record.energies = energies[block, :count]
                record.draws = None if draws is None else draws[block]
            self._look(done, every, count, records)
            done += count * every
            best = min(records, key=lambda record: record.best_energy)
            if bulk.take(done, every, energies[:, :count], best.best_energy, best.best_state):
                break
        bulk.finish(self._states(), sums)
        return done

    def _look(self, start: int, every: int, count: int, records: list[Record]) -> None:
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
        """Sweep all stretches of one β but the last; returns where that begins, with its model held."""
        if self._fixed:
            return start
        changes = start + 1 + np.flatnonzero(np.diff(self._betas[start:stop]))
        for begin, end in pairwise([start, *changes.tolist(), stop]):
            model = self._realised(float(self._betas[begin]))
            if model is not self._model:
                self._model = model
                self._pool.map(lambda k, model=model: self._engines[k].hold(model), len(self._engines))
            if end < stop:
                self._sweep(begin, end, 0, None)
        return int(changes[-1]) if len(changes) else start

    def _sweep(self, start: int, stop: int, every: int, records: list[Record] | None) -> None:
        betas = self._betas[start:stop]

        def work(k: int) -> int:
            hot = betas if self._ladder is None else betas[:, None] * self._ladder[self._blocks[k]]
            engine = self._engines[k]
            return engine.advance(hot, start) if records is None else engine.sweep(hot, start, every, records[k])

        self.toggles += sum(self._pool.map(work, len(self._engines)))

    def _states(self) -> NDArray:
        if len(self._engines) == 1:
            return self._engines[0].states()
        return np.concatenate([engine.states() for engine in self._engines])
