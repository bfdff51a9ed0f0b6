"""Spectra of injected noise. All are told by one two-sided density σ², A²/Hz, at low frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class White:
    """Noise of one density at all frequencies: ⟨i(t)i(t')⟩ = σ² δ(t − t')."""


@dataclass(frozen=True, kw_only=True)
class Filtered:
    """White noise behind one pole: ⟨i(t)i(t')⟩ = σ²/(2τ_c) e^(−|t − t'|/τ_c), an Ornstein–Uhlenbeck process.

    Parameters
    ----------
    correlation_s : float
        τ_c; the corner lies at 1/(2πτ_c).
    """

    correlation_s: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """Independent values of variance σ²/h, each held for h seconds: a DAC, or a shift register.

    Parameters
    ----------
    step_s : float
        h.
    values : {"normal", "binary"}
        What a value is: normal, or ±σ/√h as a shift register gives it.
    """

    step_s: float
    values: Literal["normal", "binary"] = "normal"


@dataclass(frozen=True, kw_only=True)
class Interpolated:
    """Independent normal values of variance σ²/h every h seconds, joined by straight lines, as ngspice's trnoise.

    Parameters
    ----------
    step_s : float
        h.
    """

    step_s: float


Spectrum = White | Filtered | Held | Interpolated
