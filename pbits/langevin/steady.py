"""The steady state of a linear process that need not be in equilibrium: what circulates, and the entropy it gives off.

A law of Boltzmann's form says nothing of currents. With unequal temperatures, or couplings that are not mutual, x goes
round in circles under a Gaussian law that stands still, at a cost in entropy; in equilibrium paths look alike forwards
and backwards, and it costs nothing.

H. Risken, "The Fokker–Planck Equation", 1989, and R. Spinney, I. Ford, Phys. Rev. E 85, 051113 (2012), on reversible
and irreversible drifts (both from memory: the rate is tested against the likelihoods of paths and their reverses).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.langevin.linear import OrnsteinUhlenbeck
from pbits.models.base import read_only, real_array

# Drifts that noise does not reach are rounding below this share of their terms.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class SteadyState:
    """Currents and entropy production of the stationary law of an `OrnsteinUhlenbeck` process.

    Attributes
    ----------
    covariance : (n, n) array
        Σ.
    circulation : (n, n) array
        Q = AΣ − D, antisymmetric: the probability at x moves with the velocity −QΣ⁻¹(x − m), along lines of equal
        probability, and (x_i, x_j) sweeps over the area Q_ij in a unit of time, anticlockwise, on average.
    reversible, irreversible : (n, n) array
        The parts of A whose drift, under reversal of time, is that of the reversed path, and the opposite of it: A is
        their sum. Without odd coordinates all of A is irreversible.
    entropy_rate : float
        Nats per unit of time, tr(NΣ⁻¹Nᵀ D⁻¹) with N = A_irr Σ − D: 0 in equilibrium, and only there. Infinite where an
        irreversible drift has no noise beside it (a resistor that is silent), or noise joins even and odd coordinates.
        It is that of fluctuations about m: what a constant current through a resistor gives off comes on top.
    """

    covariance: NDArray[np.float64]
    circulation: NDArray[np.float64]
    reversible: NDArray[np.float64]
    irreversible: NDArray[np.float64]
    entropy_rate: float

    def velocity(self, deviations: ArrayLike) -> NDArray[np.float64]:
        """Velocity of the probability at deviations x − m, (..., n): −QΣ⁻¹(x − m)."""
        points = real_array(deviations, "deviations")
        return -points @ np.linalg.solve(self.covariance, self.circulation.T)


def steady_state(process: OrnsteinUhlenbeck, parity: ArrayLike | None = None) -> SteadyState:
    """The currents of the stationary law, and the entropy that it gives off.

    Parameters
    ----------
    process : OrnsteinUhlenbeck
    parity : (n,) array, optional
        What reversing time makes of each coordinate: +1 leaves it (voltages, charges, positions), −1 turns it round
        (currents of inductors, velocities). All even when absent.

    Raises
    ------
    ValueError
        Where A is not stable, noise leaves a direction without any spread, or a parity is not ±1.

    Examples
    --------
    Two cells that heat each other, at temperatures 1 and 2:

    >>> from pbits.langevin import OrnsteinUhlenbeck, steady_state
    >>> import numpy as np
    >>> coupled = [[2.0, -1.0], [-1.0, 2.0]]
    >>> round(steady_state(OrnsteinUhlenbeck(coupled, np.diag([1.0, 2.0]))).entropy_rate, 6)
    0.125
    >>> bool(steady_state(OrnsteinUhlenbeck(coupled)).entropy_rate < 1e-15)
    True
    """
    n, sigma, A, D = process.n, process.covariance, process.A, process.diffusion
    signs = np.ones(n) if parity is None else real_array(parity, "parity")
    if signs.shape != (n,) or (np.abs(signs) != 1).any():
        raise ValueError(f"parity has to be {n} numbers +1 (voltages) or -1 (currents), one a coordinate")
    spread = np.sqrt(np.diag(sigma))
    if (spread == 0).any() or np.linalg.cond(sigma / np.outer(spread, spread)) > 1 / (16 * n * np.finfo(float).eps):
        raise ValueError("noise leaves a direction without any spread, so the law has no density; give it noise")
    same = np.equal.outer(signs, signs)
    reversible, irreversible = np.where(same, 0, A), np.where(same, A, 0)
    circulation = A @ sigma - D
    return SteadyState(
        covariance=sigma,
        circulation=read_only((circulation - circulation.T) / 2),
        reversible=read_only(reversible),
        irreversible=read_only(irreversible),
        entropy_rate=_entropy_rate(sigma, irreversible, D, same, spread),
    )


def _entropy_rate(
    sigma: NDArray[np.float64],
    irreversible: NDArray[np.float64],
    D: NDArray[np.float64],
    same: NDArray[np.bool_],
    spread: NDArray[np.float64],
) -> float:
    """tr(NΣ⁻¹Nᵀ D⁻¹), N = A_irr Σ − D, each coordinate in units of its own noise or spread."""
    strength = np.sqrt(np.diag(D))
    strength = np.where(strength > 0, strength, spread)
    noise, law = D / np.outer(strength, strength), sigma / np.outer(spread, spread)
    if np.abs(noise[~same]).max(initial=0) > _ROUNDING:
        return math.inf
    units = np.outer(strength, spread)
    lost, size = (irreversible @ sigma - D) / units, (np.abs(irreversible) @ np.abs(sigma) + np.abs(D)) / units
    variances, axes = np.linalg.eigh(noise)
    driven = variances > 16 * len(D) * np.finfo(float).eps * variances[-1]
    idle = axes[:, ~driven].T
    if (np.abs(idle @ lost) > _ROUNDING * (np.abs(idle) @ size)).any():
        return math.inf
    found = axes[:, driven].T @ lost
    return float((found * np.linalg.solve(law, found.T).T / variances[driven, None]).sum())
