"""Runs that a policy steers: a look at all chains every few steps, and what it asks for carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pbits.models import EnergyModel, IsingModel
from pbits.schedule import Schedule
from pbits.steering import Move, Policy, Round, Steered, is_permutation
from pbits.substrate import BulkObserver

if TYPE_CHECKING:
    from pbits.sweeps.chains import Chains

Reprogram = Callable[[EnergyModel], Callable[[float], EnergyModel]]


class SteeredRun:
    """Chains between their observer and their policy.

    Parameters
    ----------
    chains : Chains
    policy : Policy
    bulk : BulkObserver
    schedule : Schedule
    reprogram : callable
        What a machine holds at each β when it is asked to hold a model.
    """

    def __init__(self, chains: Chains, policy: Policy, bulk: BulkObserver, schedule: Schedule, reprogram: Reprogram):
        self.steered = Steered(every=policy.every, looks=policy.looks)
        self._chains = chains
        self._policy = policy
        self._bulk = bulk
        self._schedule = schedule
        self._reprogram = reprogram
        self._betas = schedule.betas()
        self._noted = np.empty((schedule.chains, 1))
        self._records = chains.records(bulk, self._noted, [{}])
        self._best_energy = np.inf
        self._best_state = self._records[0].best_state.copy()
        # Energies by position; None where states were replaced since they were noted.
        self._energies: NDArray[np.float64] | None = None

    def serve(self) -> int:
        """Run; returns the steps done."""
        bulk, every, done = self._bulk, self._policy.every, 0
        for number, look in enumerate(self._schedule.observed_steps().tolist()):
            while done < look:
                stop = min(look, (done // every + 1) * every)
                self._sweep(done, stop)
                done = stop
                if done % every == 0:
                    self._consult(done)
            draws = bulk.draws(number, 1)
            states = None
            if draws is not None:
                states = self._chains.states()
                draws[:, 0] = states
            energies = self._present(states)
            spacing = 1 if self._schedule.kind == "anneal" else self._schedule.steps_per_sample
            if bulk.take(look, spacing, energies[:, None], self._best_energy, self._best_state):
                break
        bulk.finish(self._chains.states(), [])
        return done

    def _sweep(self, start: int, stop: int) -> None:
        chains = self._chains
        chains.look(start, stop - start, 1, self._records)
        self._energies = chains.by_position(self._noted)[:, 0].copy()
        engine, best = min(zip(chains.engines, self._records), key=lambda pair: pair[1].best_energy)
        if best.best_energy < self._best_energy:
            engine.settle(best)
            self._best_energy = best.best_energy
            self._best_state[:] = best.best_state

    def _present(self, states: NDArray | None) -> NDArray[np.float64]:
        """Energies by position, after what the policy did."""
        if self._energies is None:
            states = self._chains.states() if states is None else states
            self._energies = self._bulk.model.energy(states)
            best = int(self._energies.argmin())
            if self._energies[best] < self._best_energy:
                self._best_energy = float(self._energies[best])
                self._best_state[:] = states[best]
        return self._energies

    def _consult(self, step: int) -> None:
        assert self._energies is not None, "a round follows a sweep"
        betas = self._schedule.chain_betas(float(self._betas[step - 1]))
        now = Round(step, self._energies.copy(), betas, self._chains.states)
        move = self._policy(now)
        self.steered.rounds += 1
        if move is None:
            return
        move.check(self._schedule.chains, self._bulk.model.n)
        self.steered.count(move, self._schedule.chains)
        self._place(move)
        if move.model is not None:
            self._hold(move.model, step)

    def _place(self, move: Move) -> None:
        chains, parents = self._chains, move.parents
        copies = parents is not None and not is_permutation(parents)
        if (move.chains is not None and len(move.chains)) or copies:
            states = chains.states()
            if move.chains is not None:
                states[move.chains] = move.states
            chains.load(states if parents is None else states[parents])
            self._energies = None
        elif parents is not None:
            assert self._energies is not None
            chains.exchange(parents)
            self._energies = self._energies[parents]

    def _hold(self, model: EnergyModel, step: int) -> None:
        posed = self._bulk.model
        if not isinstance(model, IsingModel) or not isinstance(posed, IsingModel) or not _within(model, posed):
            raise ValueError(
                "a policy asked for a model that the machine was not compiled for: it may only change the strengths "
                "of the couplings and fields of an IsingModel"
            )
        realised = self._reprogram(model)
        highest = self._schedule.max_beta
        self._chains.check(realised(highest), highest)
        self._chains.program(realised, step)


def _within(model: IsingModel, posed: IsingModel) -> bool:
    """Whether a model has the sites of another one, and no coupling where that has none."""
    if model.n != posed.n:
        return False
    if np.array_equal(model.csr.indptr, posed.csr.indptr) and np.array_equal(model.csr.indices, posed.csr.indices):
        return True
    return abs(model.csr).multiply(abs(posed.csr).sign()).nnz == model.csr.nnz
