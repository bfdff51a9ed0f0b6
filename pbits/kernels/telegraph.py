"""Two-state junctions in continuous time: dwells are exponential, and nothing is rounded to a grid.

A junction waits until its rate of leaving, integrated over time, exceeds a standard exponential number; so the rates
may change between two looks. The number of dwell k of junction j is word 0 of the Philox counter
(j, k mod 2³², k // 2³², 0): draws do not depend on how a run is cut into calls or junctions into blocks.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import inlined, kernel
from pbits.kernels.philox import minus_two_log, philox4x32

_LOW = np.int64(0xFFFFFFFF)


@inlined
def _exponential(junction, dwell, k0, k1):
    """The standard exponential number of a dwell."""
    word, _, _, _ = philox4x32(
        np.uint64(junction), np.uint64(dwell & _LOW), np.uint64(dwell >> 32), np.uint64(0), k0, k1
    )
    return 0.5 * minus_two_log(np.float64(word))


@kernel
def start(left, dwell, key0, key1, junction0):
    """Fill `left` (junctions,) with the numbers of the dwells that junctions are in."""
    for j in range(len(left)):
        left[j] = _exponential(junction0 + j, dwell[j], np.uint64(key0), np.uint64(key1))


@kernel
def telegraph(seen, state, dwell, left, leave_plus, leave_minus, key0, key1, junction0):
    """Follow junctions from look to look.

    Parameters
    ----------
    seen : (junctions, looks) int8
        Filled with the states −1 and +1 at the end of each interval between looks.
    state : (junctions,) int8, changed in place
    dwell : (junctions,) int64, changed in place
        Number of the dwell a junction is in; its increase counts the switchings.
    left : (junctions,) float64, changed in place
        What the rate of leaving, integrated, still has to reach; see `start`.
    leave_plus, leave_minus : (junctions, rows) float64
        Rates of leaving +1 and −1 per interval, with one row for all intervals or one for each.
    key0, key1 : uint32
    junction0 : int
        Absolute number of the first junction.
    """
    k0 = np.uint64(key0)
    k1 = np.uint64(key1)
    each = 1 if leave_plus.shape[1] > 1 else 0
    for j in range(seen.shape[0]):
        s = state[j]
        wait = left[j]
        for look in range(seen.shape[1]):
            plus = leave_plus[j, each * look]
            minus = leave_minus[j, each * look]
            interval = 1.0
            rate = plus if s > 0 else minus
            while wait <= rate * interval:
                interval -= wait / rate
                s = -s
                dwell[j] += 1
                wait = _exponential(junction0 + j, dwell[j], k0, k1)
                rate = plus if s > 0 else minus
            wait -= rate * interval
            seen[j, look] = s
        state[j] = s
        left[j] = wait


@kernel
def dwell_times(out, state, leave_plus, leave_minus, key0, key1, junction0, dwell0):
    """Fill `out` (junctions, dwells) with the lengths of dwells `dwell0` and on, in units of 1/rate.

    Parameters
    ----------
    state : (junctions,) int8
        The state in dwell `dwell0`; dwells alternate.
    leave_plus, leave_minus : (junctions,) float64
        Constant rates.
    """
    for j in range(out.shape[0]):
        s = state[j]
        for k in range(out.shape[1]):
            number = _exponential(junction0 + j, dwell0 + k, np.uint64(key0), np.uint64(key1))
            out[j, k] = number / (leave_plus[j] if s > 0 else leave_minus[j])
            s = -s
