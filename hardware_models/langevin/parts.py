"""The components of a machine of n coupled cells as arrays: what a compiler chooses, and what effects change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.noise import Spectrum, White
from pbits.models.base import read_only

_WHITE = White()


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Components of n cells; SI units.

    The matrices of passive components are symmetric and hold components, not sums: off the diagonal what lies between
    two cells, on the diagonal what lies between a cell and ground.

    Parameters
    ----------
    capacitance_f : (n, n) array
        Capacitors, ≥ 0.
    conductance_s : (n, n) array
        Resistors by their conductance, ≥ 0.
    transconductance_s : (n, n) array, optional
        Active couplings of either sign: the current drawn out of cell i per volt on cell j. None for none.
    inductance_h : (n,) array, optional
        From each cell to ground; None for cells without inductors.
    inductor_ohm : (n,) array, optional
        The inductors' series resistance; none when absent.
    drive_a : (n,) array
        Constant currents into the cells.
    noise_a2_per_hz : (n, n) array
        Two-sided density of the injected noise currents at low frequency, and their cross-densities.
    spectrum : Spectrum
        Of the injected noise.
    temperature_k : float
        Of the resistors, which add Johnson noise of two-sided density 2kT/R each; 0 for silent ones.
    amplifier_pole_hz : float, optional
        Where the active couplings' amplifiers roll off; None for never.

    Raises
    ------
    ValueError
        For components below 0 or not finite, matrices that are not symmetric, or arrays of other shapes.
    """

    capacitance_f: NDArray[np.float64]
    conductance_s: NDArray[np.float64]
    transconductance_s: NDArray[np.float64] | None = None
    inductance_h: NDArray[np.float64] | None = None
    inductor_ohm: NDArray[np.float64] | None = None
    drive_a: NDArray[np.float64]
    noise_a2_per_hz: NDArray[np.float64]
    spectrum: Spectrum = _WHITE
    temperature_k: float = 0.0
    amplifier_pole_hz: float | None = None

    def __post_init__(self) -> None:
        n = self.n
        for name, shape in _SHAPES.items():
            values = getattr(self, name)
            if values is None:
                continue
            array = np.array(values, dtype=np.float64)
            if array.shape != (n,) * shape:
                raise ValueError(f"{name} has shape {array.shape}; expected {(n,) * shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds {array[~np.isfinite(array)].flat[0]}; components are finite")
            if name in _PASSIVE and array.min() < 0:
                raise ValueError(f"{name} holds {array.min():g}; a component that needs no supply is at least 0")
            if name in _MUTUAL and (array != array.T).any():
                raise ValueError(f"{name} is not symmetric; two cells share one component")
            object.__setattr__(self, name, read_only(array))

    @property
    def n(self) -> int:
        """Number of cells."""
        return len(self.capacitance_f)


_SHAPES: dict[str, Any] = {
    **{"capacitance_f": 2, "conductance_s": 2, "transconductance_s": 2, "noise_a2_per_hz": 2},
    **{"inductance_h": 1, "inductor_ohm": 1, "drive_a": 1},
}
_PASSIVE = frozenset({"capacitance_f", "conductance_s", "inductance_h", "inductor_ohm"})
_MUTUAL = frozenset({"capacitance_f", "conductance_s", "noise_a2_per_hz"})


def to_ground(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nodal (Maxwell) matrix of passive components: all that leaves a cell on the diagonal, −(links) off it."""
    nodal = -components
    np.fill_diagonal(nodal, components.sum(axis=1))
    return nodal
