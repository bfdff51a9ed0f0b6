"""Plain twin and exact law of p-bits on several chips, whose view of one another is some clock edges old.

Edge k of a run moves colour k mod C. At every edge whose number is a multiple of `lag` an exchange ends and the next
begins: before the colour moves, what was sent becomes what is seen of other chips; after it has moved, the spins are
sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pbits.models import IsingModel
from pbits.reference.chains import stationary, transition_of
from pbits.reference.exact import exact
from pbits.reference.twins import Key, uniform

# Live spins and what was sent of them: a matrix of a million entries.
MAX_SPINS = 5


def split(model: IsingModel, parts: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Couplings within chips and between them, two dense (n, n) arrays."""
    J, on = model.csr.toarray(), np.asarray(parts)
    together = on[:, None] == on
    return J * together, J * ~together


def run(
    model: IsingModel,
    parts: Sequence[int],
    phases: Sequence[Sequence[int]],
    lag: int,
    betas: Sequence[float],
    looks: Sequence[int],
    start: NDArray[np.int8],
    key: Key,
) -> NDArray[np.int8]:
    """Twin of a whole run of `pbits.kernels.chips.sweep`.

    Parameters
    ----------
    model : IsingModel
    parts : chip of each p-bit
    phases : the p-bits that move at each edge of a sweep
    lag : edges from one exchange to the next
    betas : β of every sweep
    looks : numbers of the sweeps, from 1 on, after which the states are kept
    start : (n, chains) int8
    key : of the THERMAL stream

    Returns
    -------
    (chains, looks, n) int8
    """
    within, between = split(model, parts)
    spins, seen, sent = start.copy(), start.copy(), start.copy()
    kept = []
    for step, beta in enumerate(betas):
        for colour, phase in enumerate(phases):
            exchange = (step * len(phases) + colour) % lag == 0
            if exchange:
                seen = sent
            inputs = within @ spins + between @ seen + model.h[:, None]
            for site in phase:
                for chain in range(spins.shape[1]):
                    up = 1 / (1 + math.exp(-2 * beta * inputs[site, chain]))
                    spins[site, chain] = 1 if uniform(key, chain, site, step) < up else -1
            if exchange:
                sent = spins.copy()
        if step + 1 in looks:
            kept.append(spins.T.copy())
    return np.array(kept).transpose(1, 0, 2)


def law(
    model: IsingModel,
    beta: float,
    parts: Sequence[int],
    phases: Sequence[Sequence[int]],
    lag: int,
    *,
    first: int = 0,
    every: int = 1,
) -> NDArray[np.float64]:
    """The law of the spins at looks after `first` + `every`, `first` + 2·`every`, … sweeps of a long run; shape (2ⁿ,).

    Between two exchanges the chips are a Markov chain given what they see. With x the live spins and z what was sent
    when a round begins, the round's edge with the exchange takes x to x′ by P_z, which is sent, and the other edges
    take x′ to x″ by Q_z: (x, z) becomes (x″, x′) with probability P_z(x, x′) Q_z(x′, x″). Colours and exchanges come
    round together after lcm(colours, lag) edges; the law is the mean over the looks in that time.

    Raises
    ------
    ValueError
        For more than 5 p-bits.
    """
    n, m, colours = model.n, 2**model.n, len(phases)
    if n > MAX_SPINS:
        raise ValueError(f"{n} p-bits on chips have a chain of 2^{2 * n} states; this law takes up to {MAX_SPINS}")
    within, between = split(model, parts)
    listed = exact(model, beta).states
    assert listed is not None
    moves = np.empty((colours, m, m, m))  # colour, what is seen, before, after
    for z, seen in enumerate(listed):
        odds = 2 * beta * (listed @ within + between @ seen + model.h)
        up, down = expit(odds), expit(-odds)
        for colour, phase in enumerate(phases):
            moves[colour, z] = transition_of(up, "phases", down=down, phases=[list(phase)]) if len(phase) else np.eye(m)

    def later(edge: int, count: int) -> NDArray[np.float64]:
        """Q_z of the `count` edges after one."""
        found = np.broadcast_to(np.eye(m), (m, m, m))
        for k in range(edge + 1, edge + 1 + count):
            found = found @ moves[k % colours]
        return found

    cycle = math.lcm(colours, lag)
    rounds = [
        np.einsum("zxa,zab->xzba", moves[edge % colours], later(edge, lag - 1)).reshape(m * m, m * m)
        for edge in range(0, cycle, lag)
    ]
    whole = np.eye(m * m)
    for matrix in rounds:
        whole = whole @ matrix
    before = [stationary(whole)]
    for matrix in rounds:
        before.append(before[-1] @ matrix)
    # Looks come round with the cycle after at most `cycle` of them.
    ends = [colours * (first + every * look) % cycle for look in range(1, cycle + 1)]
    total = np.zeros(m)
    for end in ends:
        done, rest = divmod(end, lag)
        given = before[done].reshape(m, m)
        if rest:
            edge = done * lag
            total += np.einsum("xz,zxa,zab->b", given, moves[edge % colours], later(edge, rest - 1))
        else:
            total += given.sum(axis=1)
    return total / len(ends)
