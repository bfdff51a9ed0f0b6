"""Two-state magnetic tunnel junctions: Néel–Arrhenius dwell times, and the random telegraph signal they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.pbit.trace import Trace
from pbits.kernels import telegraph as kernels
from pbits.models.base import check_finite, read_only, real_array
from pbits.streams import Stream, Streams

EXPONENTS = (1.5, 2.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Telegraph:
    """Junctions that stay in the states ±1 for exponential times of mean τ_± = τ₀ exp(Δ(1 ± x)ⁿ).

    x = drive + drive_offset is the drive in units of the one at which a barrier vanishes (the critical current, or
    the anisotropy field), |x| ≤ 1; a positive one favours +1. Then, with 1/τ_c = 1/τ₊ + 1/τ₋,

    - P(+) = τ₊/(τ₊ + τ₋); with n = 2 this is ½[1 + tanh 2Δx], with n = 3/2 nearly ½[1 + tanh (3/2)Δx];
    - ⟨s(0)s(t)⟩ − ⟨s⟩² = 4P(1 − P) e^(−t/τ_c);
    - the one-sided spectrum is 16P(1 − P)τ_c/[1 + (2πfτ_c)²].

    Parameters
    ----------
    tau0_s : float or (junctions,) array
        τ₀. It is not always a nanosecond: entropy makes it femtoseconds in some junctions, and mean dwells of 2.7 ns
        have been measured (arXiv:2402.03452).
    barrier : float or (junctions,) array
        Δ, the energy barrier at no drive over kT.
    exponent : {2, 1.5}
        n: 2 of a uniaxial magnet (a pitchfork bifurcation), 3/2 of a saddle-node (Nat. Commun. 2022,
        s41467-022-31788-1, where E = E₀(1 ∓ x)ⁿ counts the drive against the state that is left).
    drive_offset : float or (junctions,) array

    Raises
    ------
    ValueError
        For a τ₀ that is not positive, a barrier below 0, another exponent, or arrays of several lengths.

    Examples
    --------
    >>> junction = Telegraph(tau0_s=1e-9, barrier=4.0)
    >>> np.allclose(junction.probability(0.1), 0.5 + 0.5 * np.tanh(2 * 4.0 * 0.1))
    True
    >>> junction.trace(1000, 1e-9, seed=1).values.shape
    (1, 1000)
    """

    tau0_s: ArrayLike
    barrier: ArrayLike
    exponent: float = 2.0
    drive_offset: ArrayLike = 0.0

    def __post_init__(self) -> None:
        if self.exponent not in EXPONENTS:
            raise ValueError(f"exponent is {self.exponent}; it must be 2 (uniaxial) or 1.5 (saddle-node)")
        fields = {name: real_array(getattr(self, name), name) for name in ("tau0_s", "barrier", "drive_offset")}
        lengths = {field.shape for field in fields.values()} - {()}
        if len(lengths) > 1 or any(len(shape) != 1 or not shape[0] for shape in lengths):
            shapes = ", ".join(f"{name} {field.shape}" for name, field in fields.items())
            raise ValueError(f"each field is one number or one for each junction; found the shapes {shapes}")
        shape = next(iter(lengths), (1,))
        for name, field in fields.items():
            check_finite(field, name)
            object.__setattr__(self, name, read_only(np.broadcast_to(field, shape).copy()))
        if not np.min(self.tau0_s) > 0:
            raise ValueError(f"tau0_s is {np.min(self.tau0_s)}; it must be positive")
        if np.min(self.barrier) < 0:
            raise ValueError(f"barrier is {np.min(self.barrier)}; it must be at least 0, in units of kT")

    @property
    def junctions(self) -> int:
        return len(np.asarray(self.tau0_s))

    def dwells_s(self, drive: ArrayLike = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean dwell times τ₊ and τ₋.

        Parameters
        ----------
        drive : float or array (..., 1) or (..., junctions)

        Raises
        ------
        ValueError
            Where |x| > 1: one barrier is gone, and there is no rate over it.
        """
        x = np.asarray(self.drive_offset) + np.asarray(drive, dtype=np.float64)
        if not np.abs(x).max() <= 1:
            raise ValueError(
                f"the drive, with its offset, reaches {x.flat[np.abs(x).argmax()]:.4g}; it must lie within ±1, "
                "where a barrier vanishes"
            )
        log0, barrier = np.log(self.tau0_s), np.asarray(self.barrier)
        plus, minus = (np.exp(log0 + barrier * (1 + sign * x) ** self.exponent) for sign in (1, -1))
        return plus, minus

    def probability(self, drive: ArrayLike = 0.0) -> NDArray[np.float64]:
        """P(+), for drives as in `dwells_s`."""
        plus, minus = self.dwells_s(drive)
        return plus / (plus + minus)

    def correlation_time_s(self, drive: ArrayLike = 0.0) -> NDArray[np.float64]:
        """τ_c, for drives as in `dwells_s`."""
        plus, minus = self.dwells_s(drive)
        return 1 / (1 / plus + 1 / minus)

    def autocovariance(self, lag_s: ArrayLike, drive: float = 0.0) -> NDArray[np.float64]:
        """⟨s(0)s(t)⟩ − ⟨s⟩² at each lag, (junctions, lags)."""
        variance = self._variance(drive)
        return variance * np.exp(-np.abs(np.atleast_1d(lag_s)) / self.correlation_time_s(drive)[:, None])

    def spectrum(self, frequency_hz: ArrayLike, drive: float = 0.0, dt_s: float | None = None) -> NDArray[np.float64]:
        """One-sided power spectral density of s, (junctions, frequencies), in 1/Hz; it integrates to the variance.

        Parameters
        ----------
        frequency_hz : (frequencies,) array
        drive : float
        dt_s : float, optional
            The spectrum of samples that far apart, into which what lies above 1/(2 dt_s) is folded; of the signal
            itself when absent.
        """
        f, tau = np.atleast_1d(frequency_hz), self.correlation_time_s(drive)[:, None]
        if dt_s is None:
            return 4 * self._variance(drive) * tau / (1 + (2 * np.pi * f * tau) ** 2)
        kept, lost = np.exp(-dt_s / tau), -np.expm1(-dt_s / tau)
        # 1 − 2ρ cos θ + ρ² without the loss of digits where ρ is near 1.
        distance = lost**2 + 4 * kept * np.sin(np.pi * f * dt_s) ** 2
        return 2 * self._variance(drive) * dt_s * lost * (1 + kept) / distance

    def _variance(self, drive: float) -> NDArray[np.float64]:
        plus, minus = self.dwells_s(drive)
        return (4 * plus * minus / (plus + minus) ** 2)[:, None]

    def trace(self, n_samples: int, dt_s: float, *, drive: ArrayLike = 0.0, seed: int) -> Trace:
        """States ±1 at equal steps of time, exact at each of them.

        Parameters
        ----------
        n_samples : int
        dt_s : float
        drive : float or (n_samples,) array
            Constant up to each sample from the one before.
        seed : int

        Returns
        -------
        Trace
            Of int8 values; junctions start from their law at the first drive.
        """
        if n_samples < 2:
            raise ValueError(f"n_samples is {n_samples}; a trace has two or more")
        drives = real_array(drive, "drive", "drives")
        if drives.shape not in ((), (n_samples,)):
            raise ValueError(f"drive has shape {drives.shape}; expected one number, or one for each sample")
        plus, minus = (
            np.broadcast_to(tau, (drives.size, self.junctions)).T for tau in self.dwells_s(drives.reshape(-1, 1))
        )
        streams = Streams(seed=seed)
        state = self._start(streams, plus[:, 0] / (plus[:, 0] + minus[:, 0]))
        key = streams.key(Stream.THERMAL)
        dwell, left = np.zeros(self.junctions, dtype=np.int64), np.empty(self.junctions)
        kernels.start(left, dwell, *key, 0)
        seen = np.empty((self.junctions, n_samples), dtype=np.int8)
        kernels.telegraph(
            seen, state, dwell, left, np.ascontiguousarray(dt_s / plus), np.ascontiguousarray(dt_s / minus), *key, 0
        )
        return Trace(dt_s=dt_s, values=seen, drive=drives)

    def dwell_times_s(
        self, n_dwells: int, *, drive: float = 0.0, seed: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Lengths of successive dwells, (junctions, n_dwells), and the states they are spent in.

        They are the ones that `trace` of this seed and drive shows.
        """
        plus, minus = self.dwells_s(drive)
        streams = Streams(seed=seed)
        state = self._start(streams, plus / (plus + minus))
        out = np.empty((self.junctions, n_dwells))
        kernels.dwell_times(out, state, 1 / plus, 1 / minus, *streams.key(Stream.THERMAL), 0, 0)
        return out, np.asarray(state[:, None] * (-1) ** np.arange(n_dwells), dtype=np.int8)

    def _start(self, streams: Streams, probability: NDArray[np.float64]) -> NDArray[np.int8]:
        draws = streams.generator(Stream.INITIAL, "Telegraph").random(self.junctions)
        return np.where(draws < probability, 1, -1).astype(np.int8)
