"""From a device to a network: what a trace says of a p-bit's slope, offset and speed, and how surely."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.pbit.trace import Trace
from pbits.models.base import read_only
from pbits.plain import plain

_NEWTON_STEPS = 60
_SMALL_STEP = 1e-6


class Device(Protocol):
    """What can be driven and looked at: `Telegraph`, `Macrospin`, or one's own."""

    def trace(self, n_samples: int, dt_s: float, *, drive: float, seed: int) -> Trace: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """A number, or an array of them, with the ends of its confidence interval; NaN where the data do not tell.

    Attributes
    ----------
    value, low, high : float or array
    """

    value: Any
    low: Any
    high: Any

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            object.__setattr__(self, name, read_only(np.array(number)) if np.ndim(number) else float(number))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None stands for NaN and for an end at infinity."""
        return plain({"value": self.value, "low": self.low, "high": self.high})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Characterisation:
    """What was learned of devices of one kind.

    P(+) = ½[1 + tanh α(x + ΔV)] is fitted to each device, x being its drive.

    A network of such p-bits is driven with x = βI/α₀ − ΔV₀, I_i = Σ_j J_ij s_j + h_i, where α₀ = `slope.value` and
    ΔV₀ = `offset.value`, so that the mean device is an ideal p-bit. Device i then has
    P(+) = ½[1 + tanh a_i(βI_i + δ_i)] with ln a_i ~ N(0, `relative_slope_sigma_d2d`²) and
    δ_i ~ N(0, `input_offset_sigma_d2d`²), and draws a new state at the rate 1/τ_i, ln τ_i ~ N(ln `tau_s.value`,
    `log_rate_sigma_d2d.value`²): a telegraph signal that relaxes with τ_c towards P(+) is a p-bit that draws one every
    τ_c on average.

    Attributes
    ----------
    devices : int
    drives : (drives,) array
        Rising.
    confidence : float
        Of every interval.
    threshold : (low, high)
        Between which values a device was taken to stay in the state it was in.
    probability : Estimate of (drives, devices) arrays
        P(+); Wilson's interval with as many draws as the samples are worth.
    correlation_time_s, dwell_plus_s, dwell_minus_s : Estimate of (drives, devices) arrays
        τ_c, τ₊ and τ₋ of the telegraph signal that most likely gave these samples. Switchings between two samples are
        allowed for. NaN where a device never switched, or where neighbouring samples have nothing in common.
    slopes, offsets : Estimate of (devices,) arrays
        α and ΔV of each device, in units of the drive; NaN with one drive, or where no drive leaves doubt.
    slope, offset, tau_s : Estimate
        Means over the devices; τ_c at the drive where P(+) is nearest ½ is averaged in its logarithm. The interval of
        one device's fit where there is one device.
    slope_sigma_d2d, offset_sigma_d2d, log_rate_sigma_d2d : Estimate or None
        Standard deviations of α, ΔV and ln τ_c from device to device, with the uncertainty of each device taken out;
        None of one device.
    misfit : float or None
        χ² per degree of freedom of the tanh. Well above 1, the device has another sigmoid, and the intervals of slope
        and offset do not hold.
    undecided : int
        Devices left out of the means, since the data do not tell their slope or their τ_c.
    """

    devices: int
    drives: NDArray[np.float64]
    confidence: float
    threshold: tuple[float, float]
    probability: Estimate
    correlation_time_s: Estimate
    dwell_plus_s: Estimate
    dwell_minus_s: Estimate
    slopes: Estimate
    offsets: Estimate
    slope: Estimate
    offset: Estimate
    tau_s: Estimate
    slope_sigma_d2d: Estimate | None
    offset_sigma_d2d: Estimate | None
    log_rate_sigma_d2d: Estimate | None
    misfit: float | None
    undecided: int

    def __repr__(self) -> str:
        return (
            f"Characterisation(devices={self.devices}, drives={len(self.drives)}, slope={self.slope.value:.3g}, "
            f"offset={self.offset.value:.3g}, tau_s={self.tau_s.value:.3g})"
        )

    @property
    def relative_slope_sigma_d2d(self) -> float | None:
        """Spread of a_i = α_i/α₀."""
        return None if self.slope_sigma_d2d is None else self.slope_sigma_d2d.value / self.slope.value

    @property
    def input_offset_sigma_d2d(self) -> float | None:
        """Spread of δ_i = α₀(ΔV_i − ΔV₀), in units of βI."""
        return None if self.offset_sigma_d2d is None else self.offset_sigma_d2d.value * self.slope.value

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return plain({k: v.to_dict() if isinstance(v, Estimate) else v for k, v in values.items()})


def characterise(
    source: Trace | Sequence[Trace] | str | os.PathLike[str] | Device,
    *,
    drives: ArrayLike | None = None,
    n_samples: int | None = None,
    dt_s: float | None = None,
    seed: int | None = None,
    threshold: float | tuple[float, float] | None = None,
    confidence: float = 0.95,
) -> Characterisation:
    """Fit dwell times, P(+), slope, offset and spreads to what devices did.

    Parameters
    ----------
    source : Trace, sequence of Trace, path of a CSV file, or device
        Stretches of one drive, in whichever trace, are taken together. A file holds one device; see `Trace.from_csv`.
        A device has a method ``trace(n_samples, dt_s, drive=, seed=)``.
    drives, n_samples, dt_s, seed
        Of a device, which is run at each of the drives; for nothing else.
    threshold : float or (low, high), optional
        A value above it is +1. With two numbers, a device that lies between them stays in the state it was in, so
        that noise about one threshold is not counted as switching. When absent: half way between the means of the
        values above and below it.
    confidence : float

    Raises
    ------
    ValueError
        For a file or trace that cannot be used, values that are all the same, traces of several time steps or numbers
        of devices, or a device without the four arguments that run it.

    Notes
    -----
    A stationary two-state process that is looked at every dt is a Markov chain with the probabilities
    p₊₋ = (1 − P)q and p₋₊ = Pq of a change, q = 1 − e^(−dt/τ_c). Its likelihood has its maximum where they are the
    shares of changes counted, from which P and τ_c follow, with errors to first order. N samples are worth
    N q/(2 − q) independent ones, with which the tanh is fitted by maximum likelihood.

    A magnet without a barrier is no two-state process: P, slope and offset still hold, and τ_c is the time over which
    the sign of neighbouring samples is lost, which depends on dt.

    Examples
    --------
    >>> from hardware_models.pbit.telegraph import Telegraph
    >>> junction = Telegraph(tau0_s=1e-9, barrier=3.0)
    >>> found = characterise(junction, drives=[-0.2, 0.0, 0.2], n_samples=20_000, dt_s=5e-9, seed=2)
    >>> found.slope.low < 2 * 3.0 < found.slope.high
    True
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")
    traces = _traces(source, drives, n_samples, dt_s, seed)
    step, devices = traces[0].dt_s, traces[0].devices
    for trace in traces:
        if trace.devices != devices or abs(trace.dt_s - step) > 1e-6 * step:
            raise ValueError(
                f"one trace has {devices} devices and dt_s {step:g}, another {trace.devices} and {trace.dt_s:g}; "
                "all must have the same"
            )
    pieces = [piece for trace in traces for piece in trace.pieces()]
    levels = _levels([values for _, values in pieces], threshold)
    x = np.unique([drive for drive, _ in pieces])
    stays, changes = np.zeros((2, len(x), devices)), np.zeros((2, len(x), devices))
    for drive, values in pieces:
        _count(_states(values, levels), stays[:, np.searchsorted(x, drive)], changes[:, np.searchsorted(x, drive)])
    pairs = (stays + changes).sum(axis=0).min(axis=1)
    if not pairs.all():
        raise ValueError(
            f"at drive {x[pairs.argmin()]:g} no two samples in a row tell a state; hold each drive for longer, or "
            "bring the two thresholds closer together"
        )
    return _fitted(x, stays, changes, step, levels, confidence)


def _traces(source: Any, drives: Any, n_samples: Any, dt_s: Any, seed: Any) -> list[Trace]:
    asked = {"drives": drives, "n_samples": n_samples, "dt_s": dt_s, "seed": seed}
    if hasattr(source, "trace"):
        missing = [name for name, value in asked.items() if value is None]
        if missing:
            raise ValueError(f"a device is run to be characterised; give {', '.join(missing)}")
        values = np.unique(np.asarray(drives, dtype=np.float64))
        # Seeds of their own: with one for all, the noise of every drive would be the same.
        seeds = np.random.SeedSequence(seed).generate_state(len(values))
        return [source.trace(n_samples, dt_s, drive=float(d), seed=int(s)) for d, s in zip(values, seeds)]
    given = [name for name, value in asked.items() if value is not None]
    if given:
        raise ValueError(f"{', '.join(given)} would run a device; a trace has been run already")
    if isinstance(source, str | os.PathLike):
        return [Trace.from_csv(source)]
    traces = [source] if isinstance(source, Trace) else list(source) if isinstance(source, Iterable) else []
    if not traces or not all(isinstance(trace, Trace) for trace in traces):
        raise TypeError(f"expected a Trace, several, the path of a CSV file, or a device; found {source!r}")
    return traces


def _levels(values: list[NDArray], threshold: float | tuple[float, float] | None) -> tuple[float, float]:
    """The threshold as two levels, found where it is not given."""
    if threshold is not None:
        low, high = (float(level) for level in np.broadcast_to(threshold, (2,)))
        if not low <= high:
            raise ValueError(f"threshold is {threshold}; it must be one number, or two of which the first is lower")
        return low, high
    lowest, highest = (float(f([f(part) for part in values])) for f in (np.min, np.max))
    if lowest == highest:
        raise ValueError(
            f"every value is {lowest:g}: nothing switches, and no threshold can be told; record for longer, or at "
            "another drive"
        )
    level, before = (lowest + highest) / 2, np.inf
    while abs(level - before) > 1e-9 * (highest - lowest):
        before = level
        above, below = ([part[part > level] for part in values], [part[part <= level] for part in values])
        level = sum(sum(map(np.sum, side)) / sum(map(np.size, side)) for side in (above, below)) / 2
    return float(level), float(level)


def _states(values: NDArray, levels: tuple[float, float]) -> NDArray[np.int8]:
    """±1, and 0 until a device has first left the band between the levels."""
    states = (values > levels[1]).astype(np.int8) - (values <= levels[0]).astype(np.int8)
    if levels[0] == levels[1]:
        return states
    last = np.maximum.accumulate(np.where(states != 0, np.arange(states.shape[1]), 0), axis=1)
    return np.take_along_axis(states, last, axis=1)


def _count(states: NDArray[np.int8], stays: NDArray[np.float64], changes: NDArray[np.float64]) -> None:
    """Add to stays and changes (2, devices) from +1 (row 0) and from −1 (row 1)."""
    before, after = states[:, :-1], states[:, 1:]
    for row, sign in enumerate((1, -1)):
        stays[row] += ((before == sign) & (after == sign)).sum(axis=1)
        changes[row] += ((before == sign) & (after == -sign)).sum(axis=1)


def _fitted(
    x: NDArray[np.float64],
    stays: NDArray[np.float64],
    changes: NDArray[np.float64],
    dt_s: float,
    levels: tuple[float, float],
    confidence: float,
) -> Characterisation:
    from scipy.stats import norm

    z = float(norm.ppf((1 + confidence) / 2))
    visits = stays + changes
    n = visits.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = changes / visits
        q = p.sum(axis=0)
        switched = (changes > 0).all(axis=0)
        P = np.where(switched, p[1] / q, visits[0] / n)
        worth = np.where(switched, np.maximum(1.0, n * q / (2 - q)), 1.0)
        told = switched & (q < 1)
        tau = np.where(told, -dt_s / np.log1p(-q), np.nan)
        # d ln τ_c/dp is the same for both p; and τ_± = τ_c q/p_±.
        bend = tau / (dt_s * (1 - q))
        noise = p * (1 - p) / visits
        of_tau = bend**2 * noise.sum(axis=0)
        dwells = []
        for own in (0, 1):
            slope_own, slope_other = -bend + 1 / q - 1 / p[own], -bend + 1 / q
            dwells.append(_of_log(tau * q / p[own], slope_own**2 * noise[own] + slope_other**2 * noise[1 - own], z))
    slopes, offsets, variances, misfit = _sigmoid(x, P, worth)
    centre = int(np.abs(P.mean(axis=1) - 0.5).argmin())
    several = len(x) > 1
    decided = np.isfinite(tau[centre]) & (np.isfinite(slopes) if several else True)
    slope, slope_sigma = _population(slopes[decided], variances[0][decided], z, confidence)
    offset, offset_sigma = _population(offsets[decided], variances[1][decided], z, confidence)
    rate, rate_sigma = _population(np.log(tau[centre][decided]), of_tau[centre][decided], z, confidence)
    return Characterisation(
        devices=len(slopes),
        drives=read_only(x),
        confidence=confidence,
        threshold=levels,
        probability=_wilson(P, worth, z),
        correlation_time_s=_of_log(tau, of_tau, z),
        dwell_plus_s=dwells[0],
        dwell_minus_s=dwells[1],
        slopes=_normal(slopes, variances[0], z),
        offsets=_normal(offsets, variances[1], z),
        slope=slope,
        offset=offset,
        tau_s=Estimate(value=np.exp(rate.value), low=np.exp(rate.low), high=np.exp(rate.high)),
        slope_sigma_d2d=slope_sigma if several else None,
        offset_sigma_d2d=offset_sigma if several else None,
        log_rate_sigma_d2d=rate_sigma,
        misfit=misfit,
        undecided=int((~decided).sum()),
    )


def _sigmoid(
    x: NDArray[np.float64], P: NDArray[np.float64], worth: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]], float | None]:
    """α, ΔV and their variances of each device, by Newton's method on the likelihood of b + αx, b = αΔV; and χ²/ν."""
    unknown = np.full(P.shape[1], np.nan)
    if len(x) < 2:
        return unknown, unknown.copy(), (unknown.copy(), unknown.copy()), None
    # Drives in units of their spread, so that a step of Newton's means the same in volts and in teslas.
    middle, width = x.mean(), x.std()
    u = ((x - middle) / width)[:, None]
    b, a = np.zeros(P.shape[1]), np.zeros(P.shape[1])
    step = np.full(P.shape[1], np.inf)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_NEWTON_STEPS):
            fitted = 0.5 * (1 + np.tanh(b + a * u))
            pull = 2 * worth * (P - fitted)
            to_b, to_a = pull.sum(axis=0), (pull * u).sum(axis=0)
            bb, ab, aa, area = _curvature(worth, fitted, u)
            step_b, step_a = (aa * to_b - ab * to_a) / area, (bb * to_a - ab * to_b) / area
            step = np.abs(step_b) + np.abs(step_a)
            # A step of two in the argument of tanh crosses the whole sigmoid.
            shorter = np.minimum(1, 2 / step)
            b, a = b + shorter * step_b, a + shorter * step_a
        # Where no drive leaves doubt, the likelihood rises without end, and the last step is no small one.
        known = (step < _SMALL_STEP) & (a != 0)
        fitted = 0.5 * (1 + np.tanh(b + a * u))
        bb, ab, aa, area = _curvature(worth, fitted, u)
        chi2 = (worth * (P - fitted) ** 2 / (fitted * (1 - fitted)))[:, known].sum()
        lever = b / a
        found = (
            a / width,
            lever * width - middle,
            bb / area / width**2,
            (aa + 2 * lever * ab + lever**2 * bb) / area * (width / a) ** 2,
        )
    alpha, offset, of_alpha, of_offset = (np.where(known, array, np.nan) for array in found)
    freedom = (len(x) - 2) * int(known.sum())
    return alpha, offset, (of_alpha, of_offset), float(chi2) / freedom if freedom else None


def _curvature(worth: NDArray, fitted: NDArray, u: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Minus the second derivatives of the likelihood in b and a, and their determinant."""
    mass = 4 * worth * fitted * (1 - fitted)
    bb, ab, aa = mass.sum(axis=0), (mass * u).sum(axis=0), (mass * u**2).sum(axis=0)
    return bb, ab, aa, bb * aa - ab**2


def _normal(value: Any, variance: Any, z: float) -> Estimate:
    spread = z * np.sqrt(variance)
    return Estimate(value=value, low=value - spread, high=value + spread)


def _of_log(value: NDArray[np.float64], variance: NDArray[np.float64], z: float) -> Estimate:
    """An interval of a positive number whose logarithm has this variance."""
    factor = np.exp(z * np.sqrt(variance))
    return Estimate(value=value, low=value / factor, high=value * factor)


def _wilson(P: NDArray[np.float64], n: NDArray[np.float64], z: float) -> Estimate:
    """Wilson's interval of a probability seen in n draws."""
    centre = (P + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(P * (1 - P) / n + z**2 / (4 * n**2))
    return Estimate(value=P, low=centre - reach, high=centre + reach)


def _population(
    values: NDArray[np.float64], variances: NDArray[np.float64], z: float, confidence: float
) -> tuple[Estimate, Estimate | None]:
    """Mean and standard deviation of what devices have, of which `values` are estimates with errors of their own."""
    from scipy.stats import chi2, t

    count = len(values)
    if not count:
        return Estimate(value=np.nan, low=np.nan, high=np.nan), None
    if count == 1:
        return _normal(float(values[0]), float(variances[0]), z), None
    seen, own = float(values.var(ddof=1)), float(variances.mean())
    reach = t.ppf((1 + confidence) / 2, count - 1) * np.sqrt(seen / count)
    mean = Estimate(value=values.mean(), low=values.mean() - reach, high=values.mean() + reach)
    ends = (count - 1) * seen / chi2.ppf(((1 + confidence) / 2, (1 - confidence) / 2), count - 1)
    value, low, high = (float(np.sqrt(max(0.0, square - own))) for square in (seen, *ends))
    return mean, Estimate(value=value, low=low, high=high)
