"""In which order sites move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pbits.models.base import read_only


@dataclass(frozen=True, kw_only=True)
class Settling:
    """How real modes move in their phase: dx = −(Ax − b) dt/τ + √(2T/(βτ)) dW, solved exactly.

    Attributes
    ----------
    duration : float
        Δt/τ; infinite for a fresh draw.
    temperatures : (modes,) array, optional
        T of each mode, in units of 1/β; 1 when absent. Unequal ones make another law than Boltzmann's: the covariance
        Σ of modes that are driven by constants solves AΣ + ΣA = 2 diag(T)/β.

    Raises
    ------
    ValueError
        For a duration or a temperature that is not positive.
    """

    duration: float = math.inf
    temperatures: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not self.duration > 0:
            raise ValueError(f"duration is {self.duration}; modes need a positive time to move, in units of τ")
        if (
            self.temperatures is not None
            and not (np.isfinite(self.temperatures) & (np.asarray(self.temperatures) > 0)).all()
        ):
            raise ValueError(f"temperatures are {self.temperatures}; they must be positive and finite")


@dataclass(frozen=True, kw_only=True)
class Scan:
    """In which order sites move, and by which rule beside the heat bath's own.

    Build one with `Scan.of`, `Scan.sequential` or `Scan.random`.

    Attributes
    ----------
    sites : (m,) int64
        The sites that move, phase after phase.
    ends : (phases + 1,) int64, or None
        Phase p moves ``sites[ends[p]:ends[p + 1]]``, and all of them see the state before it. None is a random
        scan: m updates a step, each at one of `sites` drawn uniformly.
    persistence : float or (n,) array
        ρ = e^(−Δt/τ) of a lazy two-state cell, of all sites or of each; 0 is plain heat bath, and all that a random
        scan knows.
    memory : float
        m = e^(−Δt/τ_bias), 0 where inputs settle at once. In each phase the input V_i of every site, whether it moves
        or not, goes from where it was towards βI_i of the state before: V_i = βI_i + (V_i − βI_i)m. The sites that
        move then do so by P(s_i = +1) = σ(2V_i).
    gains : (n,) array, optional
        A factor on the input of each site, so that P(s_i = +1) = σ(2β g_i I_i): per-site β. Unequal gains break
        the symmetry of the couplings, and with it the Boltzmann law.
    relaxation : int or (n,) array of int, optional
        D, of all sites or of each, categories alone: an update is D draws of a p-cell, each between the present
        category and one of the others, picked uniformly. Absent: one draw from all categories at once.
    settling : Settling, optional
        Of real modes; a fresh draw when absent.
    independent : bool
        Whether no two sites of a phase are coupled, so that a phase may as well be swept site by site.

    Raises
    ------
    ValueError
        For a persistence or memory outside [0, 1), or one of a random scan, or a relaxation of fewer than one draw.
    """

    sites: NDArray[np.int64]
    ends: NDArray[np.int64] | None
    persistence: NDArray[np.float64] | float = 0.0
    memory: float = 0.0
    gains: NDArray[np.float64] | None = None
    relaxation: NDArray[np.int64] | int | None = None
    settling: Settling | None = None
    independent: bool = True

    def __post_init__(self) -> None:
        for name in ("persistence", "memory"):
            given = np.asarray(getattr(self, name))
            if not ((given >= 0) & (given < 1)).all():
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")
            if self.ends is None and given.any():
                raise ValueError(f"a random scan knows no {name}; give the phases in which cells move")
        if self.relaxation is not None and np.min(self.relaxation) < 1:
            raise ValueError(f"relaxation is {self.relaxation}; an update takes at least one draw of a p-cell")

    @classmethod
    def of(cls, phases: Sequence[Sequence[int] | NDArray], *, independent: bool = True, **rule) -> Scan:
        """A scan of the given phases."""
        sites = np.concatenate([*(np.asarray(phase) for phase in phases), np.empty(0)]).astype(np.int64)
        ends = np.cumsum([0, *(len(phase) for phase in phases)]).astype(np.int64)
        return cls(sites=read_only(sites), ends=read_only(ends), independent=independent, **rule)

    @classmethod
    def sequential(cls, n: int, **rule) -> Scan:
        """Site 0 to n − 1, one at a time."""
        return cls(sites=read_only(np.arange(n)), ends=read_only(np.arange(n + 1)), **rule)

    @classmethod
    def random(cls, n: int, **rule) -> Scan:
        """As many updates a step as there are sites, each at a site drawn uniformly."""
        return cls(sites=read_only(np.arange(n)), ends=None, **rule)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Sites of each phase; empty for a random scan."""
        return np.diff(self.ends) if self.ends is not None else np.empty(0, dtype=np.int64)

    def without(self, clamped: NDArray[np.int64]) -> Scan:
        """The same scan with the clamped sites taken out, and the phases left empty, unless inputs settle in them."""
        if len(clamped) == 0:
            return self
        free = ~np.isin(self.sites, clamped)
        ends = None
        if self.ends is not None:
            ends = np.concatenate([[0], np.cumsum(free)])[self.ends]
            ends = read_only((ends if self.memory else np.unique(ends)).astype(np.int64))
        return replace(self, sites=read_only(self.sites[free]), ends=ends)
