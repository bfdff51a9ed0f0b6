"""Plain twins of the moves of permutations: new states are written out, and their energies taken from the model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import PermutationModel
from pbits.moves import Moves
from pbits.reference.categorical import by_chain
from pbits.reference.twins import Key, philox

_HALF = 0.5


def proposals(model: PermutationModel, state: Sequence[int], moves: Moves) -> list[list[int]]:
    """The states that the symmetric proposals of one decision lead to, each as often as it is proposed, by kind.

    Without tiles: a place, and how far the move reaches, all equally likely, for each kind; kinds that have fewer of
    these are repeated, so that each has the same share.
    """
    n = model.n
    kinds = moves.kinds or (("swap",) if model.kind == "assignment" else ("reverse", "insert"))
    found: list[list[list[int]]] = []
    for kind in kinds:
        ways = (1, -1) if kind == "insert" else (1,)
        found.append(
            [
                _moved(list(state), kind, i, o, way)
                for i in range(n)
                for o in range(1, _farthest(kind, n, moves.reach) + 1)
                for way in ways
            ]
        )
    share = math.lcm(*(len(part) for part in found))
    return [state for part in found for state in part * (share // len(part))]


def _farthest(kind: str, n: int, reach: int | None) -> int:
    most = max(1, n - 3) if kind == "reverse" else max(1, n // 2)
    return most if reach is None else min(reach, most)


def _moved(state: list[int], kind: str, i: int, o: int, ahead: int) -> list[int]:
    n, new = len(state), list(state)
    if kind == "swap":
        j = (i + o) % n
        new[i], new[j] = state[j], state[i]
    elif kind == "insert":
        for slot in range(o):
            new[(i + ahead * slot) % n] = state[(i + ahead * (slot + 1)) % n]
        new[(i + ahead * o) % n] = state[i]
    else:
        first, size = i, o + 1
        if 2 * size > n + 1:
            first, size = (i + size) % n, n - size
        new = _written(state, first, [state[(first + size - 1 - slot) % n] for slot in range(size)])
    return new


def _written(state: list[int], first: int, items: Sequence[int]) -> list[int]:
    new = list(state)
    for slot, item in enumerate(items):
        new[(first + slot) % len(state)] = item
    return new


def sample(
    states: NDArray[np.int32],
    model: PermutationModel,
    moves: Moves,
    betas: ArrayLike,
    key: Key,
    *,
    rule: str = "heat-bath",
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of the moves that keep the law; changes `states` (chains, n), returns the accepted moves."""
    n = model.n
    kinds = moves.kinds or (("swap",) if model.kind == "assignment" else ("reverse", "insert"))
    accepted = 0
    for t, row in enumerate(by_chain(betas, len(states))):
        for chain, beta in enumerate(row):
            state = states[chain].tolist()
            offset = _offset(key, step0 + t, chain0 + chain, n, moves.tile)
            for decision in range(n):
                words = philox((decision, step0 + t, chain0 + chain, 0), key)
                kind = kinds[_below(words[3], len(kinds))]
                i, o = _below(words[0], n), 1 + _below(words[1], _farthest(kind, n, moves.reach))
                new = _moved(state, kind, i, o, 1 if words[3] & 1 else -1)
                if not _inside(state, kind, i, o, 1 if words[3] & 1 else -1, offset, moves.tile):
                    continue
                if _accepts(model, state, new, beta, words[2], rule):
                    state, accepted = new, accepted + 1
            states[chain] = state
    return accepted


def _inside(state: list[int], kind: str, i: int, o: int, ahead: int, offset: int, tile: int | None) -> bool:
    """Whether the slots that a move rewrites, and one beside them on either side, lie in one tile."""
    n = len(state)
    first, size = (i, o + 1) if kind != "insert" or ahead == 1 else ((i - o) % n, o + 1)
    if kind == "reverse" and 2 * size > n + 1:
        first, size = (i + size) % n, n - size
    return _within(first, size, offset, tile, n)


def _within(first: int, size: int, offset: int, tile: int | None, n: int) -> bool:
    if tile is None:
        return True
    slots = [(first + slot - offset) % n for slot in range(-1, size + 1)]
    together = {slot // tile for slot in slots}
    return len(together) == 1 and slots == sorted(slots)


def anneal(
    states: NDArray[np.int32],
    model: PermutationModel,
    near: NDArray[np.int32],
    moves: Moves,
    betas: ArrayLike,
    key: Key,
    *,
    rule: str = "heat-bath",
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Twin of the moves to near neighbours; changes `states` (chains, n), returns the accepted moves."""
    kinds = moves.kinds or ("reverse", "insert")
    accepted = 0
    for t, row in enumerate(by_chain(betas, len(states))):
        for chain, beta in enumerate(row):
            state = states[chain].tolist()
            offset = _offset(key, step0 + t, chain0 + chain, model.n, moves.tile)
            for decision in range(model.n):
                words = philox((decision, step0 + t, chain0 + chain, 0), key)
                new = _towards(state, near, kinds, words, moves, offset)
                if new is not None and _accepts(model, state, new, beta, words[2], rule):
                    state, accepted = new, accepted + 1
            states[chain] = state
    return accepted


def _towards(
    state: list[int],
    near: NDArray[np.int32],
    kinds: Sequence[str],
    words: Sequence[int],
    moves: Moves,
    offset: int,
) -> list[int] | None:
    n = len(state)
    a = _below(words[0], n)
    choice = _below(words[1], 2 * near.shape[1])
    c, ahead = int(near[a, choice // 2]), 1 if choice % 2 else -1
    pa, pc = state.index(a), state.index(c)
    if kinds[_below(words[3], len(kinds))] == "reverse":
        if state[(pa + ahead) % n] == c or state[(pc + ahead) % n] == a:
            return None
        first, size = ((pa + 1) % n, (pc - pa) % n) if ahead == 1 else (pc, (pa - pc) % n)
        if 2 * size > n:
            first, size = (first + size) % n, n - size
        if _too_far(size, moves) or not _within(first, size, offset, moves.tile, n):
            return None
        return _written(state, first, [state[(first + size - 1 - slot) % n] for slot in range(size)])
    taken = 1 + _below((words[3] & 0xFFFF) << 16, min(3, n - 3))
    between = 1 if (words[3] >> 16) & 1 else -1
    segment = [state[(pa + ahead * step) % n] for step in range(taken)]
    t = state[(pc + between) % n]
    if c in segment or t in segment:
        return None
    # What lies between the segment and the gap moves up by as many slots as were taken, on the shorter way.
    low = pa if ahead == 1 else (pa - taken + 1) % n
    high = (low + taken - 1) % n
    left = pc if between == 1 else state.index(t)
    right = (left + 1) % n
    up, down = (left - high) % n, (low - right) % n
    laid = segment if between == 1 else segment[::-1]
    first, count = (low, up) if up <= down else (right, down)
    if _too_far(count + taken, moves) or not _within(first, count + taken, offset, moves.tile, n):
        return None
    if up <= down:
        return _written(state, low, [state[(high + 1 + slot) % n] for slot in range(up)] + laid)
    return _written(state, right, laid + [state[(right + slot) % n] for slot in range(down)])


def _too_far(size: int, moves: Moves) -> bool:
    return moves.reach is not None and size > moves.reach + 1


def _below(word: int, count: int) -> int:
    return (int(word) * count) >> 32


def _offset(key: Key, step: int, chain: int, n: int, tile: int | None) -> int:
    return 0 if tile is None else _below(philox((0, step, chain, 1), key)[0], n)


def _accepts(model: PermutationModel, state: list[int], new: list[int], beta: float, word: int, rule: str) -> bool:
    before, after = model.energy([state, new])
    return (int(word) + _HALF) / 2**32 < acceptance(float(after - before), beta, rule)


def acceptance(delta: float, beta: float, rule: str = "heat-bath") -> float:
    """σ(−βΔ), or min(1, e^(−βΔ)) by the Metropolis rule."""
    x = beta * delta
    if rule == "metropolis":
        return 1.0 if x <= 0 else math.exp(-x)
    return 1 / (1 + math.exp(x)) if x < 700 else 0.0
