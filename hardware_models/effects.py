"""Small non-idealities of spin machines, one class each: what a chip makes of the network it is given.

Of a p-bit with slope α_i and offset ΔV_i, P(s_i = +1) = ½[1 + tanh α_i(βI_i + ΔV_i)], `OffsetMismatch` is ΔV and
`SlopeMismatch`, after it, α. What a chip loses without saying so (numbers clipped or rounded away, couplings that are
no longer mutual, p-bits that are stuck) is listed under ``harms`` in the notes, which `pbits.run` warns of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pbits.kernels.philox import uniforms
from pbits.mapping import FixedPoint, Rounding
from pbits.mapping.compensation import with_fields, with_gains
from pbits.models import DirectedModel, IsingModel
from pbits.streams import Stream, Streams
from pbits.substrate import Observer

Network = IsingModel | DirectedModel
Cells = NDArray[np.int64]
Made = tuple[Network, dict[str, Any]]
Wandered = Callable[[Network, float, int], Network]

# σ(2·40) is 1 to 34 digits: a field that no update contradicts.
_STUCK = 40.0


class Effect(Protocol):
    """A non-ideality: model in, model out, and what it did."""

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        """The model a chip holds at β with its sites on `cells`, and notes for the record.

        Device-to-device draws come from CHIP and belong to cells: one chip is one chip for every model.
        """
        ...


@runtime_checkable
class Wandering(Protocol):
    """An effect that moves on while the machine runs; what `realise` says is where it starts, or its mean.

    Attributes
    ----------
    every : int or None
        Steps for which what is held stands still; None where it always does.
    alike : bool
        Whether it moves alike in all chains. They run one after another, or on other p-bits, so noise does not.
    """

    alike: ClassVar[bool]

    @property
    def every(self) -> int | None: ...

    def wander(self, streams: Streams, chain: int) -> Wandered:
        """held(model, beta, step): the model at a step, given the one that all effects' `realise` left.

        Steps are asked for in rising order.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FixedPointCouplings:
    """βJ and βh are stored as fixed-point numbers.

    realised J = round(βJ)/β and realised h = round(βh)/β, with saturation. At β = 0 nothing is left to round.
    """

    number: FixedPoint

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        held, report, harms = _stored(model, beta, self.number.round)
        if report is None:
            return held, {}
        return held, {
            "fixed_point": {
                "numbers": report.total,
                "saturated": report.saturated,
                "rounded_to_zero": report.vanished,
                "largest_error_in_beta_j": report.largest_error,
                "step_in_beta_j": self.number.step,
            },
            "harms": harms,
        }


@dataclass(frozen=True, kw_only=True)
class LimitedDac:
    """βJ and βh are currents of converters with few bits: codes k = −K … K, K = 2^(bits−1) − 1, of full_scale/K each.

    What lies beyond the full scale saturates. A chip whose reference is off by a factor g delivers g times what was
    asked for: realised J = g·code·full_scale/(Kβ).

    Parameters
    ----------
    bits : int
        With the sign, 2 to 52.
    full_scale : float
        The largest β|J| and β|h|.
    full_scale_sigma_d2d : float
        Spread of ln g from chip to chip.

    Raises
    ------
    ValueError
    """

    bits: int
    full_scale: float
    full_scale_sigma_d2d: float = 0.0

    def __post_init__(self) -> None:
        if not (isinstance(self.bits, int | np.integer) and 2 <= self.bits <= 52):
            raise ValueError(f"bits is {self.bits!r}; a converter with a sign has 2 to 52")
        if not (np.isfinite(self.full_scale) and self.full_scale > 0):
            raise ValueError(f"full_scale is {self.full_scale}; it must be a positive, finite β|J|")
        _check_spread("full_scale_sigma_d2d", self.full_scale_sigma_d2d)

    @property
    def step(self) -> float:
        """βJ of one code."""
        return self.full_scale / (2 ** (self.bits - 1) - 1)

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        held, report, harms = _stored(model, beta, self._convert)
        gain = float(np.exp(self.full_scale_sigma_d2d * streams.generator(Stream.CHIP, "LimitedDac").standard_normal()))
        if gain != 1:
            held = _scaled(held, gain)
        if report is None:
            return held, {}
        return held, {
            "dac": {
                "numbers": report.total,
                "saturated": report.saturated,
                "rounded_to_zero": report.vanished,
                "largest_error_in_beta_j": report.largest_error,
                "step_in_beta_j": self.step,
                "gain_of_this_chip": gain,
            },
            "harms": harms,
        }

    def _convert(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], Rounding]:
        nearest = self.step * np.round(values / self.step)
        delivered = np.clip(nearest, -self.full_scale, self.full_scale)
        return delivered, Rounding(
            total=values.size,
            # Half a step beyond the last code is still rounding.
            saturated=int((np.abs(values) > self.full_scale + self.step / 2).sum()),
            vanished=int(((delivered == 0) & (values != 0)).sum()),
            largest_error=float(np.abs(delivered - values).max(initial=0.0)),
        )


@dataclass(frozen=True, kw_only=True)
class OffsetMismatch:
    """Each p-bit's input has a fixed error: P(s_i = +1) = σ(2(βI_i + ΔV_i)), ΔV_i ~ N(0, sigma_d2d²) per chip.

    A chip does not know β, so ΔV is in units of βI, the argument of the tanh, and realised
    h = h + ΔV/β: the hotter the model, the more the offset weighs in it. The law moves and stays Boltzmann.

    Parameters
    ----------
    sigma_d2d : float
    offsets : sequence of float, optional
        Known ΔV of the machine's cells, to which the drawn ones are added.

    Raises
    ------
    ValueError
        For a spread below 0 or not finite; at β = 0, where no model says what a p-bit with an offset does.
    """

    sigma_d2d: float = 0.0
    offsets: Sequence[float] | None = None

    def __post_init__(self) -> None:
        _check_spread("sigma_d2d", self.sigma_d2d)
        _keep_row(self, "offsets")

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        offsets = self.sigma_d2d * _normal(streams, "OffsetMismatch", cells)
        if self.offsets is not None:
            offsets += _known(self.offsets, "offsets", cells)
        return _offset(model, beta, offsets), {}


@dataclass(frozen=True, kw_only=True)
class SlopeMismatch:
    """Each p-bit's tanh has a slope of its own: P(s_i = +1) = σ(2α_iβI_i), ln α_i ~ N(0, sigma_d2d²) per chip.

    realised J_ij = α_i J_ij and h_i = α_i h_i: a p-bit that hears more of its neighbours than they of it. Such a
    `DirectedModel` has no Boltzmann law; that of its clock moves in the first order of the spread.

    Parameters
    ----------
    sigma_d2d : float
    alphas : sequence of float, optional
        Known slopes of the machine's cells, above 0, by which the drawn ones are multiplied.

    Raises
    ------
    ValueError
        For a spread below 0 or not finite, or a slope that is not positive.
    """

    sigma_d2d: float = 0.0
    alphas: Sequence[float] | None = None

    def __post_init__(self) -> None:
        _check_spread("sigma_d2d", self.sigma_d2d)
        _keep_row(self, "alphas")
        if self.alphas is not None and not min(self.alphas) > 0:
            raise ValueError(f"a slope is {min(self.alphas)}; it must be above 0: a p-bit of no slope is a stuck one")

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        alphas = np.exp(self.sigma_d2d * _normal(streams, "SlopeMismatch", cells))
        if self.alphas is not None:
            alphas *= _known(self.alphas, "alphas", cells)
        held = with_gains(model, alphas)
        spread = float(np.std(np.log(alphas)))
        return held, {"slopes": {"log_spread": spread}, "harms": _no_longer_mutual(model, held, spread)}


@dataclass(frozen=True, kw_only=True)
class LeakMismatch:
    """A leak from each bias node to ground: γ' = γ/(1 + λ_i), λ_i = G_leak/G_Σ, so a cell hears less and leans to −1.

    A cell of a Gibbs array draws P(s_i = +1) = σ(θ), θ = 2βI_i = V_b/V_s − φ with V_b = γV_dd and φ = V_dd/2V_s. So
    θ' = (θ − λ_i V_dd/2V_s)/(1 + λ_i): slope and offset err together, in units of βI

        βI'_i = (βI_i − λ_i swing/4)/(1 + λ_i)

    Cells with unequal leaks hear each other unequally, as with `SlopeMismatch`.

    Parameters
    ----------
    swing : float
        V_dd/V_s, see `hardware_models.gibbs.cell.Cell.swing`.
    median : float
        Of the leaks that are drawn for each chip, λ = median · exp(sigma_d2d · N(0, 1)).
    sigma_d2d : float
        Spread of ln λ.
    leaks : sequence of float, optional
        Known λ of the machine's cells, at least 0, to which the drawn ones are added.

    Raises
    ------
    ValueError
        For a swing that is not positive, a leak or spread below 0; at β = 0, as of an `OffsetMismatch`.
    """

    swing: float
    median: float = 0.0
    sigma_d2d: float = 0.0
    leaks: Sequence[float] | None = None

    def __post_init__(self) -> None:
        _check_swing(self.swing)
        _check_spread("sigma_d2d", self.sigma_d2d)
        if not (np.isfinite(self.median) and self.median >= 0):
            raise ValueError(f"median is {self.median}; a leak is a share of G_Σ, finite and at least 0")
        _keep_row(self, "leaks")
        if self.leaks is not None and min(self.leaks) < 0:
            raise ValueError(f"a leak is {min(self.leaks)}; it must be at least 0")

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        leaks = self.median * np.exp(self.sigma_d2d * _normal(streams, "LeakMismatch", cells))
        if self.leaks is not None:
            leaks += _known(self.leaks, "leaks", cells)
        held, harms = _sagged(model, beta, leaks / (1 + leaks), self.swing)
        return held, {"leaks": {"mean": float(leaks.mean()), "largest": float(leaks.max())}, "harms": harms}


@dataclass(frozen=True, kw_only=True)
class SupplyDroop:
    """The supply of a cell falls by a share δ_i, as resistive supply rails have it: V_dd' = (1 − δ_i)V_dd.

    In the terms of `LeakMismatch`, where the reference φ of the sigmoid stays, θ' = (1 − δ_i)θ − δ_i V_dd/2V_s and

        βI'_i = (1 − δ_i)βI_i − δ_i swing/4

    Where the reference tracks the supply only the slope is lost, βI'_i = (1 − δ_i)βI_i.

    Parameters
    ----------
    swing : float
        V_dd/V_s of the supply as it should be.
    share : float
        δ of all cells.
    shares : sequence of float, optional
        Further δ of the machine's cells, added to `share`.
    tracks : bool
        Whether φ follows the supply.

    Raises
    ------
    ValueError
        For a swing that is not positive, a δ outside [0, 1); at β = 0 unless the reference tracks.
    """

    swing: float
    share: float = 0.0
    shares: Sequence[float] | None = None
    tracks: bool = False

    def __post_init__(self) -> None:
        _check_swing(self.swing)
        _keep_row(self, "shares")
        row = [0.0] if self.shares is None else self.shares
        if not (self.share >= 0 and min(row) >= 0 and self.share + max(row) < 1):
            raise ValueError(
                f"supplies droop by {self.share + min(row):g} to {self.share + max(row):g}; a share lies from 0 to "
                "below 1, also where two are added"
            )

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        shares = np.full(len(cells), self.share)
        if self.shares is not None:
            shares += _known(self.shares, "shares", cells)
        held, harms = _sagged(model, beta, shares, 0.0 if self.tracks else self.swing)
        return held, {"droop": {"mean": float(shares.mean()), "largest": float(shares.max())}, "harms": harms}


@dataclass(frozen=True, kw_only=True)
class StuckCells:
    """Some p-bits do not move: the law of the others is that of the model with these held at +1 or −1.

    A stuck p-bit is realised by a field of ±(Σ_j |J_ij| + 40/β), against which no update in 10³⁴ goes.

    Parameters
    ----------
    share : float
        Of the machine's cells, drawn for each chip; half of them at each value.
    cells : mapping {cell: ±1}, optional
        Cells that are known to be stuck.

    Raises
    ------
    ValueError
        For a share outside [0, 1], a value that is no spin; at β = 0, where no field holds a p-bit.
    """

    share: float = 0.0
    cells: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share is {self.share}; it must lie between 0 and 1")
        known = dict(self.cells or {})
        if wrong := [cell for cell, value in known.items() if value not in (-1, 1) or cell < 0]:
            raise ValueError(f"cell {wrong[0]} is stuck at {known[wrong[0]]}; cells count from 0 and stick at −1 or +1")
        object.__setattr__(self, "cells", MappingProxyType(known))

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        assert self.cells is not None
        chance, sign = _of_chip(streams, "StuckCells", cells, lambda rng, count: rng.random((count, 2))).T
        values = np.where(chance < self.share, np.where(sign < 0.5, -1, 1), 0)
        for cell, value in self.cells.items():
            values[cells == cell] = value
        # What is a bias has no cell to be stuck.
        values[cells < 0] = 0
        stuck = np.flatnonzero(values)
        if not len(stuck):
            return model, {"harms": []}
        if beta == 0:
            raise ValueError("at β = 0 no field holds a p-bit, and these are stuck; take a small β instead")
        pull = np.asarray(abs(model.csr).sum(axis=1)).ravel()
        h = np.where(values == 0, model.h, values * (pull + _STUCK / beta))
        held = with_fields(model, h - model.h)
        return held, {
            "stuck": {str(site): int(values[site]) for site in stuck},
            "harms": [f"{len(stuck)} of {model.n} p-bits are stuck"],
        }


@dataclass(frozen=True, kw_only=True)
class TemperatureDrift:
    """The p-bits are at another temperature than the one they were programmed for: β_eff = β T₀/T.

    T = T₀ + offset_k + drift_k_per_step · step. Whatever acts before this effect is scaled with it.

    Parameters
    ----------
    programmed_k : float
        T₀ in kelvin.
    offset_k : float
    drift_k_per_step : float
    hold : int
        Steps after which a drifting temperature is looked at again.

    Raises
    ------
    ValueError
        For a temperature that is not positive, also when the drift reaches it.
    """

    programmed_k: float = 300.0
    offset_k: float = 0.0
    drift_k_per_step: float = 0.0
    hold: int = 10
    alike: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("programmed_k", "offset_k", "drift_k_per_step"):
            if not np.isfinite(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)}; it must be finite")
        if not self.programmed_k > 0:
            raise ValueError(f"programmed_k is {self.programmed_k}; a temperature in kelvin is above 0")
        _check_hold("hold", self.hold)
        self.temperature_k(0)

    @property
    def every(self) -> int | None:
        return self.hold if self.drift_k_per_step else None

    def temperature_k(self, step: int) -> float:
        """T at a step."""
        kelvin = self.programmed_k + self.offset_k + self.drift_k_per_step * step
        if not kelvin > 0:
            raise ValueError(f"at step {step} the p-bits would be at {kelvin:g} K; the temperature must stay above 0")
        return kelvin

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        start = self.temperature_k(0)
        return _scaled(model, self.programmed_k / start), {
            "temperature": {
                "programmed_k": self.programmed_k,
                "at_start_k": start,
                "drift_k_per_step": self.drift_k_per_step,
            }
        }

    def wander(self, streams: Streams, chain: int) -> Wandered:
        start = self.temperature_k(0)
        return lambda model, beta, step: _scaled(model, start / self.temperature_k(step))


@dataclass(frozen=True, kw_only=True)
class OffsetNoise:
    """Each p-bit's offset wanders with a 1/f spectrum between two corners; in units of βI, as an `OffsetMismatch`.

    A sum of Ornstein–Uhlenbeck processes an octave apart, of equal variance σ²/m: one at rate 2πf has the spectrum
    of a Lorentzian with its corner at f, and together they fall as 1/f. Each is stepped exactly. It acts on what
    all other effects leave.

    Where the noise is slower than the run, a chain samples the law of one draw of the offsets; where it is faster
    than a step, each update averages over it. In between the law is neither, and is not stated.

    Parameters
    ----------
    sigma : float
        Standard deviation of an offset.
    low, high : float
        The corners, in cycles per step, 0 < low ≤ high.
    hold : int, optional
        Steps for which the offsets stand still: by default an eighth of a cycle at the high corner, at least 1.

    Raises
    ------
    ValueError
        For an amplitude below 0, corners that are no corners, or at β = 0, as of an `OffsetMismatch`.
    """

    sigma: float
    low: float
    high: float
    hold: int | None = None
    alike: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_spread("sigma", self.sigma)
        if not (0 < self.low <= self.high < np.inf):
            raise ValueError(f"the corners are {self.low} and {self.high} per step; they must be above 0 and rise")
        if self.hold is not None:
            _check_hold("hold", self.hold)

    @property
    def every(self) -> int | None:
        if not self.sigma:
            return None
        return self.hold or max(1, round(1 / (8 * self.high)))

    @property
    def corners(self) -> NDArray[np.float64]:
        """Of the processes, in cycles per step."""
        return np.geomspace(self.low, self.high, 1 + round(np.log2(self.high / self.low)))

    def spectrum(self, f: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of an offset at frequencies f per step, one-sided: Σ_k (σ²/m)(2/πf_k)/(1 + (f/f_k)²)."""
        corners = self.corners[:, None]
        return (self.sigma**2 / len(corners) * 2 / (np.pi * corners) / (1 + (f / corners) ** 2)).sum(axis=0)

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        return model, {"offset_noise": {"sigma": self.sigma, "corners_per_step": [self.low, self.high]}}

    def wander(self, streams: Streams, chain: int) -> Wandered:
        assert self.every is not None
        return _Offsets(self, self.every, streams.generator(Stream.THERMAL, f"OffsetNoise of chain {chain}"))


class _Offsets:
    """The offsets of one chain, stepped on as steps are asked for."""

    def __init__(self, noise: OffsetNoise, every: int, draw: np.random.Generator):
        corners = noise.corners[:, None]
        self._every = every
        self._draw = draw
        self._decay = np.exp(-2 * np.pi * corners * every)
        self._kick = np.sqrt(-np.expm1(-4 * np.pi * corners * every))
        self._amplitude = noise.sigma / np.sqrt(len(corners))
        self._at = 0
        self._parts: NDArray[np.float64] | None = None

    def __call__(self, model: Network, beta: float, step: int) -> Network:
        shape = len(self._decay), model.n
        parts = self._draw.standard_normal(shape) if self._parts is None else self._parts
        for _ in range(self._at, step // self._every):
            parts = self._decay * parts + self._kick * self._draw.standard_normal(shape)
        self._at, self._parts = step // self._every, parts
        return _offset(model, beta, self._amplitude * parts.sum(axis=0))


@dataclass(frozen=True, kw_only=True)
class ReadoutFlips:
    """Each spin is read wrong with a chance of its own at every read-out; the machine goes on from the true one.

    The law of what is read is that of the machine, each spin sent through a binary symmetric channel: a mean is read
    as (1 − 2ε)⟨s_i⟩, a correlation as (1 − 2ε)²⟨s_i s_j⟩. What is clamped is known and is not read.

    Parameters
    ----------
    rate : float
        ε, from 0 to below ½.

    Raises
    ------
    ValueError
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 0.5:
            raise ValueError(f"rate is {self.rate}; a spin is read wrong with a chance from 0 to below one half")

    def realise(self, model: Network, beta: float, cells: Cells, streams: Streams) -> Made:
        return model, {"misread": self.rate}

    def reading(self, observe: Observer, streams: Streams, clamped: Sequence[int]) -> Observer:
        """The observer that is handed what is read."""
        return _Reading(observe, self.rate, streams.key(Stream.READOUT), list(clamped))


def misreads(effects: Sequence[Effect]) -> bool:
    """Whether spins are read wrong."""
    return any(isinstance(effect, ReadoutFlips) and effect.rate for effect in effects)


class _Reading:
    """Hands misread states on. The machines that sweep look for what it carries beside, as in any observer."""

    def __init__(self, observe: Observer, rate: float, key: tuple[np.uint32, np.uint32], clamped: list[int]):
        self._observe = observe
        self._rate = rate
        self._key = key
        self._clamped = clamped
        self.layout = getattr(observe, "layout", "auto")
        self.threshold_bits = getattr(observe, "threshold_bits", None)

    def laid_out(self, layout: dict[str, Any]) -> None:
        if hasattr(self._observe, "laid_out"):
            self._observe.laid_out(layout)  # pyright: ignore[reportFunctionMemberAccess]

    def __call__(self, step: int, states: NDArray) -> bool:
        u = np.empty(states.T.shape)
        uniforms(u, *self._key, 0, step, 0)
        wrong = self._rate > u.T
        wrong[:, self._clamped] = False
        return self._observe(step, np.where(wrong, -states, states))


def _stored(
    model: Network, beta: float, convert: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], Rounding]]
) -> tuple[Network, Rounding | None, list[str]]:
    """βJ and βh as a converter stores them, what that did, and what it lost; nothing at β = 0."""
    if beta == 0:
        return model, None, []
    # Rounding turns neither J_ij = J_ji nor its absence around; of a mutual coupling one number is stored.
    csr: Any = model.csr.copy()
    csr.data, of_couplings = convert(beta * csr.data)
    csr.data /= beta
    if isinstance(model, IsingModel):
        of_couplings = convert(beta * model.edges()[2])[1]
    fields, of_fields = convert(beta * model.h)
    held = type(model)(csr, fields / beta, model.offset)
    harms = [
        f"{count} of {report.total} {numbers} {did}"
        for report, numbers in ((of_couplings, "couplings"), (of_fields, "fields"))
        for count, did in ((report.saturated, "saturate"), (report.vanished, "round to zero"))
        if count
    ]
    return held, of_couplings + of_fields, harms


def _sagged(model: Network, beta: float, shares: NDArray[np.float64], swing: float) -> tuple[Network, list[str]]:
    """Each bias voltage lower by a share δ: βI' = (1 − δ)βI − δ swing/4; and what that harmed."""
    if swing:
        model = _offset(model, beta, -shares / (1 - shares) * swing / 4)
    held = with_gains(model, 1 - shares)
    return held, _no_longer_mutual(model, held, float(np.std(np.log1p(-shares))))


def _no_longer_mutual(model: Network, held: Network, log_spread: float) -> list[str]:
    if isinstance(model, IsingModel) and isinstance(held, DirectedModel) and held.csr.nnz:
        return [f"slopes differ by {log_spread:.2g} (rms), so that couplings are no longer mutual"]
    return []


def _scaled(model: Network, factor: float) -> Network:
    return type(model)(model.csr * factor, model.h * factor, model.offset)


def _offset(model: Network, beta: float, offsets: NDArray[np.float64]) -> Network:
    if beta == 0:
        raise ValueError(
            "at β = 0 a p-bit with an input offset is still biased, which no model at β = 0 can say; "
            "take a small β instead"
        )
    return with_fields(model, offsets / beta)


def _of_chip(
    streams: Streams, name: str, cells: Cells, draw: Callable[[np.random.Generator, int], NDArray[np.float64]]
) -> NDArray[np.float64]:
    return draw(streams.generator(Stream.CHIP, name), int(cells.max()) + 1)[cells]


def _normal(streams: Streams, name: str, cells: Cells) -> NDArray[np.float64]:
    return _of_chip(streams, name, cells, lambda rng, count: rng.standard_normal(count))


def _known(values: Sequence[float], name: str, cells: Cells) -> NDArray[np.float64]:
    row = np.array(values)
    if cells.max() >= len(row):
        raise ValueError(f"{name} tells of {len(row)} cells, and the model lies on cell {cells.max()}; give them all")
    return row[cells]


def _keep_row(effect: Any, name: str) -> None:
    given = getattr(effect, name)
    if given is None:
        return
    row = np.asarray(given, dtype=np.float64)
    if row.ndim != 1 or not row.size or not np.isfinite(row).all():
        raise ValueError(f"{name} must be a row of finite numbers, one for each cell of the machine")
    object.__setattr__(effect, name, tuple(row.tolist()))


def _check_swing(value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"swing is {value}; V_dd/V_s must be positive and finite")


def _check_spread(name: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}; a spread must be finite and at least 0")


def _check_hold(name: str, value: int) -> None:
    if not (isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1):
        raise ValueError(f"{name} is {value!r}; it must be a whole number of steps, at least 1")
