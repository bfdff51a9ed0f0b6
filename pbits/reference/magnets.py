"""Stochastic magnets in plain Python and NumPy: the slow twins of `pbits.kernels.telegraph` and `pbits.kernels.llg`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.reference.twins import Key, normal, philox


def exponential(key: Key, junction: int, dwell: int) -> float:
    """The standard exponential number of a dwell of a junction."""
    word = philox((junction, dwell % 2**32, dwell // 2**32, 0), key)[0]
    return -math.log((word + 0.5) / 2**32)


def telegraph_path(
    state: int, plus_s: float, minus_s: float, looks_s: ArrayLike, key: Key, junction: int
) -> tuple[NDArray[np.int8], int]:
    """Twin of `telegraph` at constant rates: the states of one junction at given times, and how often it switched.

    The times of all switchings are listed first; a look finds as many of them as are past.
    """
    times = np.asarray(looks_s, dtype=np.float64)
    switchings = []
    now, dwell, spin = 0.0, 0, state
    while now <= times[-1]:
        now += exponential(key, junction, dwell) * (plus_s if spin > 0 else minus_s)
        switchings.append(now)
        spin, dwell = -spin, dwell + 1
    past = np.searchsorted(switchings, times, side="right")
    return np.asarray(state * (-1) ** past, dtype=np.int8), int(past[-1])


def heun_path(
    m0: ArrayLike,
    stiffness: ArrayLike,
    field: ArrayLike,
    torque: ArrayLike,
    spread: float,
    alpha: float,
    steps: int,
    key: Key,
    magnet: int,
    step0: int = 0,
) -> NDArray[np.float64]:
    """Twin of `heun` for one magnet: its direction after each step, (steps, 3). Arguments are angles, as there."""
    m = np.array(m0, dtype=np.float64)
    K, F, tau = (np.asarray(vector, dtype=np.float64) for vector in (stiffness, field, torque))
    path = []
    for t in range(step0, step0 + steps):
        b = spread * np.array([normal(key, magnet, axis, t % 2**32, t // 2**32) for axis in range(3)])

        def change(m: NDArray[np.float64], b: NDArray[np.float64] = b) -> NDArray[np.float64]:
            total = F + K * m + b
            precession = np.cross(m, total) + alpha * np.cross(m, np.cross(m, total))
            spin_torque = np.cross(m, np.cross(m, tau)) - alpha * np.cross(m, tau)
            return -precession - spin_torque

        first = change(m)
        m = m + (first + change(m + first)) / 2
        m /= np.linalg.norm(m)
        path.append(m)
    return np.array(path)
