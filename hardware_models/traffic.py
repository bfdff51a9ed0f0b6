"""What goes in and out of an array that holds some copies of a model, for a run of any number of chains.

Chains that find no copy free run after the others, batch by batch. Without steering a batch runs from its start to its
end. A steered run comes to a round every few sweeps, where the host reads every state, since the array has no unit for
energies, and may move or replace states. Chains of one batch then wait for the others, so with more than one batch all
states are taken out and put back in each round.

An array that stores βJ holds one β in each copy. Where two chains swap, either their copies swap states or their copies
are programmed with the other's βJ, whichever takes less time; each way every word of both is written. Where no time
says which, states are swapped. Of several batches each is programmed for its own β in every round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pbits.parameters import Figure
from pbits.schedule import Schedule
from pbits.substrate import Programming
from pbits.sweeps import Tally

_BY_THE_HOST = "by the host, from states read out in every round; the host's time and joules are not counted"


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Frames and programmings of a run.

    Attributes
    ----------
    batches : int
    settings : int
        How often what a batch holds is set, the first time included.
    programmings, copies_programmed : int
        Programmings of the array, and copies written in them.
    written_frames, states_written : int
        Frames of states put into the array, and states of single chains in them.
    words_told : int
        Written of values that are each chain's own, beside whole states: cells that are held, and fields of cells that
        are told by a bias. Copies that are programmed for the first time have those fields with the rest.
    read_frames : int
        Read of each chain.
    notes : dict
        For the record of a steered run.
    """

    batches: int
    settings: int
    programmings: int
    copies_programmed: int
    written_frames: int
    states_written: int
    words_told: int
    read_frames: int
    notes: dict[str, Any]

    def programming(self, words: int, program_s: Figure) -> Programming | None:
        """What the next run of the same model would find done, of copies of so many words: the one programming."""
        if self.programmings != 1:
            return None
        return Programming(counts={"write": words * self.copies_programmed}, seconds=program_s)


def traffic(
    schedule: Schedule,
    tally: Tally,
    *,
    copies: int,
    stores_beta: bool,
    preset: bool,
    program_s: Figure,
    start_s: Figure,
    told: tuple[int, int] = (0, 0),
    may_program: bool = True,
) -> Traffic:
    """The traffic of a run.

    Parameters
    ----------
    copies : int
        That the array holds side by side.
    stores_beta : bool
        Whether βJ is what is stored.
    preset : bool
        Whether the run was given start states.
    program_s, start_s : Figure
        Seconds of a programming and of a frame of states.
    told : (int, int)
        Words that a chain is told of values of its own, see `Placement.told`; a frame a batch.
    may_program : bool
        Whether copies may be programmed to swap chains.
    """
    chains, steered = schedule.chains, tally.steered
    batches = -(-chains // copies)
    own_beta = stores_beta and schedule.ladder is not None and len(set(schedule.ladder)) > 1
    changes = int(np.count_nonzero(np.diff(schedule.betas()[: tally.steps]))) if stores_beta else 0
    settings = 1 + changes
    written_frames, states_written = (batches if preset or any(told) else 0), (chains if preset else 0)
    reprogrammed_rounds = reprogrammed_copies = 0
    notes: dict[str, Any] = {}
    if steered is not None:
        visits = -(-tally.steps // steered.every)
        settings += steered.programmings
        swaps_by = "no β is stored: the host renames chains"
        if not steered.looks:
            swaps_by = "none: the policy goes by the clock alone"
        elif batches > 1:
            settings += visits - 1 if own_beta else 0
            written_frames += batches * (visits - 1)
            states_written += chains * (visits - 1)
            swaps_by = "states are taken out and put back in every round"
        else:
            written_frames += steered.writing_rounds
            states_written += steered.written
            if own_beta:
                more_frames = steered.changing_rounds - steered.writing_rounds
                by_programming, by_states = steered.moving_rounds * program_s, more_frames * start_s
                if may_program and _less(by_programming, by_states):
                    reprogrammed_rounds, reprogrammed_copies = steered.moving_rounds, steered.moved
                    swaps_by = "copies are programmed with the other's βJ, which is faster than to swap states"
                else:
                    written_frames += more_frames
                    states_written += steered.moved
                    swaps_by = "states are swapped between copies"
        notes["steering"] = {
            "rounds": steered.rounds,
            "chains_swapped": steered.moved,
            "states_replaced": steered.written,
            "models_programmed": steered.programmings,
            "swaps": swaps_by,
            "energies": _BY_THE_HOST if steered.looks else "not asked for",
        }
    rewrites = settings > 1 or (own_beta and batches > 1)
    return Traffic(
        batches=batches,
        settings=settings,
        programmings=settings * (batches if rewrites else 1) + reprogrammed_rounds,
        copies_programmed=settings * (chains if rewrites else min(copies, chains)) + reprogrammed_copies,
        written_frames=written_frames,
        states_written=states_written,
        words_told=words_told(told, chains, copies),
        read_frames=schedule.frames(tally.steps, None if steered is None or not steered.looks else steered.every),
        notes=notes,
    )


def words_told(told: tuple[int, int], chains: int, copies: int) -> int:
    """See `Traffic.words_told`."""
    cells, fields = told
    return cells * chains + fields * (chains - min(copies, chains))


def _less(a: Figure, b: Figure) -> bool:
    return a.value is not None and b.value is not None and a.value < b.value
