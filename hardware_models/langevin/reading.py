"""What converters and rails make of normal voltages: the exact mean and covariance of what is read.

A function f of a normal z with steps of height q at the edges e has the Hermite coefficients
c_k = ⟨f(z) He_k(z)⟩/√k! = q Σ_e h_(k−1)(e) φ(e)/√k, h_k = He_k/√k!, and two such readings of correlation ρ the
covariance Σ_(k≥1) ρ^k c_k c'_k (Mehler's formula).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

# Terms of Mehler's series; what is left out of a covariance is below |ρ|^64 q²/12.
_ORDERS = 64
# A converter of more steps than these is read as rails and a uniform rounding error, right to 1e-7 of a variance.
_EDGES = 1 << 12


def read_moments(
    mean: ArrayLike, covariance: ArrayLike, full_scale: float, bits: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of normal voltages as they are read.

    Parameters
    ----------
    mean : (n,) array
    covariance : (n, n) array
    full_scale : float
        Readings lie within ±full_scale.
    bits : int, optional
        Of a converter of 2^bits equal steps q, each read as its middle. None for rails alone, which clip.

    Returns
    -------
    mean : (n,) array
    covariance : (n, n) array

    Raises
    ------
    ValueError
        For a full scale that is not positive, fewer than one bit, a variance that is not positive, or shapes that do
        not fit.

    Notes
    -----
    Within the rails rounding adds q²/12 to a variance to a few per cent as long as q is below about 2.1 standard
    deviations, and takes nothing from a covariance; the reading of a coarser step depends on where its edges lie.

    Examples
    --------
    >>> mean, covariance = read_moments([0.0], [[0.16]], full_scale=4.0, bits=3)
    >>> round(float(covariance[0, 0]) / 0.16, 3)
    1.718
    """
    centre, sigma = np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if centre.ndim != 1 or sigma.shape != 2 * centre.shape:
        raise ValueError(f"mean {centre.shape} and covariance {sigma.shape} do not fit; expected (n,) and (n, n)")
    if not (math.isfinite(full_scale) and full_scale > 0):
        raise ValueError(f"full_scale is {full_scale}; it must be positive and finite")
    if bits is not None and bits < 1:
        raise ValueError(f"bits is {bits}; a converter has at least one, or None for rails alone")
    variances = np.diag(sigma)
    if not (variances > 0).all():
        raise ValueError(f"a variance is {variances.min()}; what is read must have some spread")
    spread = np.sqrt(variances)
    if bits is None:
        means, seconds, terms = _clipped(centre, spread, full_scale)
    elif 2**bits > _EDGES:
        # The last readings are the middles of the last steps.
        half_step = full_scale / 2**bits
        means, seconds, terms = _clipped(centre, spread, full_scale - half_step)
        seconds = seconds + half_step**2 / 3 * terms[0] / spread
    else:
        means, seconds, terms = _stepped(centre, spread, full_scale, bits)
    correlation = np.clip(sigma / np.outer(spread, spread), -1, 1)
    found = np.zeros_like(sigma)
    # Horner's rule from the highest order down.
    for term in terms[::-1]:
        found = correlation * (np.outer(term, term) + found)
    np.fill_diagonal(found, seconds - means**2)
    return means, found


def _stepped(
    mean: NDArray[np.float64], spread: NDArray[np.float64], full_scale: float, bits: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """⟨f⟩, ⟨f²⟩ and the coefficients c_1, c_2, … (orders, n) of a converter."""
    step = 2 * full_scale / 2**bits
    levels = (np.arange(2**bits) + 0.5) * step - full_scale
    edges = (np.arange(1, 2**bits) * step - full_scale - mean[:, None]) / spread[:, None]
    above = ndtr(-edges)
    means = levels[0] + step * above.sum(axis=1)
    # f² rises from one level to the next by the difference of their squares.
    seconds = levels[0] ** 2 + above @ np.diff(levels**2)
    return means, seconds, step * _terms(edges, np.ones_like(edges))


def _clipped(
    mean: NDArray[np.float64], spread: NDArray[np.float64], full_scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """⟨f⟩, ⟨f²⟩ and the coefficients of rails: f' is 1 between them, f'' a peak at each."""
    rails = np.array([-full_scale, full_scale])
    ends = (rails - mean[:, None]) / spread[:, None]
    density = np.exp(-0.5 * ends**2) / math.sqrt(2 * math.pi)
    below, above = ndtr(ends[:, 0]), ndtr(-ends[:, 1])
    inside = 1 - below - above
    first = density[:, 0] - density[:, 1]
    means = mean * inside + spread * first + full_scale * (above - below)
    second = inside + ends[:, 0] * density[:, 0] - ends[:, 1] * density[:, 1]
    seconds = mean**2 * inside + 2 * mean * spread * first + spread**2 * second + full_scale**2 * (above + below)
    peaks = _terms(ends, np.array([[1.0, -1.0]]))[:-1]
    orders = np.arange(2, _ORDERS + 1)[:, None]
    # One order less than a step, as the peaks are of the second derivative.
    return means, seconds, spread * np.concatenate([inside[None], peaks / np.sqrt(orders)])


def _terms(edges: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ_e height h_(k−1)(e) φ(e)/√k for k = 1, 2, …; (orders, n)."""
    before, now = np.zeros_like(edges), heights * np.exp(-0.5 * edges**2) / math.sqrt(2 * math.pi)
    rows = []
    for k in range(1, _ORDERS + 1):
        rows.append(now.sum(axis=1) / math.sqrt(k))
        before, now = now, (edges * now - math.sqrt(k - 1) * before) / math.sqrt(k)
    return np.array(rows)
