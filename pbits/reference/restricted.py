"""An epoch of a restricted Boltzmann machine, as plainly as it can be written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pbits.models.base import read_only


def restricted_epoch(
    data: NDArray,
    batch: int,
    weights: NDArray[np.float64],
    wired: NDArray[np.float64],
    fields: NDArray[np.float64],
    levels: int,
    centre: NDArray[np.float64],
    chains: NDArray[np.float64] | None,
    sweeps: int,
    rates: NDArray[np.float64],
    momentum: float,
    decay: float,
    drift: float,
    uniforms: Callable[[int, int], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (here, there) and fields after a pass over the data (m, here), in their order.

    Parameters
    ----------
    wired : (here, there) array
        1 where there is an edge, and 0 where there is none.
    levels : int
        Chains see numbers rounded to multiples of 1/levels of the largest, where it is not 0.
    centre : (here + there,) array
    chains : (rows, there) spins or None
        Where persistent chains are; None of chains that start from the data.
    uniforms : callable
        uniforms(rows, sites) gives the random numbers of one layer.
    """
    here = len(weights)
    weights, fields, centre = weights.copy(), fields.copy(), centre.copy()
    velocity, field_velocity = np.zeros_like(weights), np.zeros_like(fields)
    for k, rate in enumerate(rates):
        W, c = _rounded(weights, levels), _rounded(fields, levels)
        v = data[k * batch : (k + 1) * batch].astype(np.float64)
        there = np.tanh(v @ W + c[here:])
        hidden = _drawn(v @ W + c[here:], uniforms) if chains is None else chains
        for _ in range(sweeps):
            seen = _drawn(hidden @ W.T + c[:here], uniforms)
            inputs = seen @ W + c[here:]
            hidden = _drawn(inputs, uniforms)
        if chains is not None:
            chains = hidden
        later = np.tanh(inputs)
        now = np.concatenate([v.mean(axis=0), there.mean(axis=0)])
        then = np.concatenate([seen.mean(axis=0), later.mean(axis=0)])
        centre += drift * ((now + then) / 2 - centre)
        mu, nu = centre[:here], centre[here:]
        pull = now - then
        slope = v.T @ there / len(v) - seen.T @ later / len(seen)
        slope -= np.outer(mu, pull[here:]) + np.outer(pull[:here], nu)
        slope *= wired
        field_slope = pull - np.concatenate([slope @ nu, mu @ slope])
        velocity = momentum * velocity + rate * (slope - decay * weights)
        field_velocity = momentum * field_velocity + rate * field_slope
        weights, fields = weights + velocity, fields + field_velocity
    return read_only(weights), read_only(fields)


def _rounded(values: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    largest = np.abs(values).max()
    return values if not levels or not largest else np.rint(values / (largest / levels)) * (largest / levels)


def _drawn(inputs: NDArray[np.float64], uniforms: Callable[[int, int], NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.where(uniforms(*inputs.shape) < 1 / (1 + np.exp(-2 * inputs)), 1.0, -1.0)
