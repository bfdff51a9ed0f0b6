"""In which order sites move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbits.models.base import read_only


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
    persistence : float
        ρ = e^(−Δt/τ) of a lazy two-state cell; 0 is plain heat bath, and all that a random scan knows.
    gains : (n,) array, optional
        A factor on the input of each site, so that P(s_i = +1) = σ(2β g_i I_i): per-site β. Unequal gains break
        the symmetry of the couplings, and with it the Boltzmann law.
    independent : bool
        Whether no two sites of a phase are coupled, so that a phase may as well be swept site by site.

    Raises
    ------
    ValueError
        For a persistence outside [0, 1), or one of a random scan.
    """

    sites: NDArray[np.int64]
    ends: NDArray[np.int64] | None
    persistence: float = 0.0
    gains: NDArray[np.float64] | None = None
    independent: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.persistence < 1:
            raise ValueError(f"persistence is {self.persistence}; it must be at least 0 and below 1")
        if self.ends is None and self.persistence:
            raise ValueError("a random scan knows no persistence; give the phases in which cells move")

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
        """The same scan with the clamped sites, and the phases left empty, taken out."""
        if len(clamped) == 0:
            return self
        free = ~np.isin(self.sites, clamped)
        ends = None
        if self.ends is not None:
            ends = read_only(np.unique(np.concatenate([[0], np.cumsum(free)])[self.ends]).astype(np.int64))
        return Scan(
            sites=read_only(self.sites[free]), ends=ends, persistence=self.persistence, gains=self.gains,
            independent=self.independent,
        )  # fmt: skip
