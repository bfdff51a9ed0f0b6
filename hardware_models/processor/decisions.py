"""Decisions on moves of permutations on a processor: a chain decides one after another, and chains share the units."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from hardware_models.processor.tiers import NUMBER_BYTES, RNG_FLOPS, Chains, Roofline, Tier, Units, execution
from hardware_models.processor.work import DECISION_FLOPS, steering_notes
from pbits.models import PermutationModel
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Execution, Law, Observer, Program
from pbits.sweeps import Scan, heat_bath

DISTANCE_FLOPS = 8.0
"""Two differences, their squares, a sum, a root and a rounding, and the sum they go into (assumed)."""
WORDS_PER_DECISION = 4
# Of a chain, an item for each slot and a slot for each item.
_SLOT_BYTES = 8


class DecisionProgram(Program):
    """Swaps, reversals and insertions, one decision after another in each chain.

    A decision takes `RNG_FLOPS` for each of four words, `DECISION_FLOPS`, and for each distance `DISTANCE_FLOPS`, or 1
    where it is looked up; a slot that is rewritten takes none. The whole processor on one program gains nothing, since
    a chain's decisions depend on each other: it is given the roofline of all chains, and a synchronisation for each
    decision. In the units, each runs its chains alone.
    """

    def __init__(self, model: PermutationModel, roofline: Roofline, units: Units, notes: dict[str, Any]):
        self._model = model
        self._roofline = roofline
        self._units = units
        self._notes = notes

    def realised(self, beta: float) -> PermutationModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        n, chains = self._model.n, schedule.chains
        tally = heat_bath(self.realised, Scan.random(n), schedule, streams, initial, observe, {})
        steered = tally.steered
        reads, rewritten = tally.counted["weight_read"], tally.counted["reversal_step"]
        frames = schedule.frames(tally.steps)
        looked_up = self._model.distances.matrix is not None
        flops = tally.updates * (WORDS_PER_DECISION * RNG_FLOPS + DECISION_FLOPS)
        flops += reads * (1.0 if looked_up else DISTANCE_FLOPS)
        read_out = NUMBER_BYTES * frames * n * chains
        # Two places for a distance that is computed; a slot is read and written, and its place with it.
        moved = reads * NUMBER_BYTES * (1 if looked_up else 4) + 2 * _SLOT_BYTES * rewritten + read_out
        decisions = tally.steps * n
        if steered is not None:
            moved += _SLOT_BYTES * n * steered.written
            # A policy that goes by energies waits for the chains, and they for it: a dependent step each.
            decisions += steered.rounds if steered.looks else 0
        tiers = {
            "roofline": self._roofline.tier(flops, moved, decisions),
            "apart": self._units.tier(
                Chains(
                    count=chains,
                    steps=decisions,
                    flops=flops,
                    read_out_bytes=read_out,
                    model_bytes=held_bytes(self._model),
                    chain_bytes=_SLOT_BYTES * n,
                ),
                self._roofline,
            ),
            "published": Tier(refused=("published rates are of spin updates",)),
        }
        counts = {
            "update": tally.updates,
            "weight_read": reads,
            "toggle": tally.toggles,
            "random_bit": 32 * WORDS_PER_DECISION * tally.updates,
            "read": frames * n * chains,
            "flop": flops,
            "byte": moved,
        }
        # Part of the power and the bytes of a processor, and no operation with a price of its own.
        notes: dict[str, Any] = {
            "algorithm": "permutation moves, one decision after another",
            "slots_rewritten": rewritten,
        }
        if steered is not None:
            notes["steering"] = steering_notes(steered, "kept up to date by the moves, at no further work")
        return execution(counts, tiers, self._notes | notes)


def held_bytes(model: PermutationModel) -> int:
    """A matrix or coordinates, and flows and costs, in single precision."""
    places = 2 * model.n if model.distances.matrix is None else model.n**2
    return NUMBER_BYTES * (places + (2 * model.n**2 if model.kind == "assignment" else 0))
