"""What components are in truth: spread, rounded, leaky and wandering."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.effects.balance import Balance, Change
from hardware_models.langevin.effects.base import (
    NO_UNITS,
    SECONDS,
    Built,
    Units,
    check_positive,
    check_spread,
    check_whole,
)
from hardware_models.langevin.parts import Parts
from pbits.streams import Stream, Streams

Array = NDArray[np.float64]

# Fields of `Parts` by the name of their tolerance, and the streams of their draws.
_KINDS = {
    "transconductors": ("transconductance_s", "ComponentTolerance"),
    "resistors": ("conductance_s", "ComponentTolerance"),
    "capacitors": ("capacitance_f", "CapacitorTolerance"),
    "inductors": ("inductance_h", "InductorTolerance"),
}


def mutual_factors(n: int, sigma: float, chip: Streams, name: str) -> Array:
    """Factors max(1 + σz, 0), (n, n) and symmetric, on the components between the cells of a chip.

    The draws are numbered row by row through the lower triangle, so a larger machine on the same chip finds the same
    components where a smaller one lay. No factor changes a sign.
    """
    rows, columns = np.tril_indices(n)
    draws = chip.generator(Stream.CHIP, name).standard_normal(len(rows))
    factors = np.empty((n, n))
    factors[rows, columns] = factors[columns, rows] = np.maximum(1 + sigma * draws, 0)
    return factors


def rounded(values: Array, levels: int, shift: Array | None = None) -> tuple[Array, float]:
    """The nearest multiples of a step, (largest magnitude)/levels, and the step.

    With a shift, floor(value/step + shift) of them.
    """
    step = float(np.abs(values).max()) / levels
    if step == 0:
        return values, 0.0
    if shift is None:
        return np.round(values / step) * step, step
    # Values on a step stay there in spite of the rounding of the division.
    return np.floor(np.round(values / step, 9) + shift) * step, step


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Components differ from their nominal values: x → x·max(1 + σz, 0), z normal, drawn once for a chip.

    A pair of cells shares one component, so what was symmetric stays so. To first order a conductance matrix K = A
    in units where Σ = A⁻¹ moves the law by δΣ = −Σ δA Σ; in general, and for capacitors and inductors, by the equation
    of `Balance`. The mean over chips is off by the second order, E[δΣ] = ΣE[δA Σ δA]Σ.

    Parameters
    ----------
    transconductors, resistors, capacitors, inductors : float
        Relative standard deviation σ of each kind.

    Raises
    ------
    ValueError
        For a spread below 0 or not finite.
    """

    transconductors: float = 0.0
    resistors: float = 0.0
    capacitors: float = 0.0
    inductors: float = 0.0
    needs: ClassVar[Units] = NO_UNITS

    def __post_init__(self) -> None:
        for kind in _KINDS:
            check_spread(kind, getattr(self, kind))

    def build(self, parts: Parts, chip: Streams) -> Built:
        changed, errors = {}, {}
        for kind, (name, stream) in _KINDS.items():
            values, sigma = getattr(parts, name), getattr(self, kind)
            if values is None or not sigma:
                continue
            factors = mutual_factors(parts.n, sigma, chip, stream)
            if name == "transconductance_s":
                # Where a resistor lies beside it, a transconductor is a second component.
                second = mutual_factors(parts.n, sigma, chip, "SecondTolerance")
                factors = np.where(parts.conductance_s > 0, second, factors)
            if values.ndim == 1:
                factors = np.diag(factors)
            changed[name] = values * factors
            errors[kind] = float(np.abs(factors[values != 0] - 1).max(initial=0.0))
        return replace(parts, **changed), {"tolerance": errors}

    def predict(self, parts: Parts) -> Change:
        """Spread to first order, mean to second."""
        each = [
            {name: getattr(self, kind) * component}
            for kind, (name, _) in _KINDS.items()
            if getattr(self, kind)
            for component in _each(getattr(parts, name))
        ]
        return Balance(parts).scattered(each)


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """Components are those of programmable banks of `bits` bits: the nearest multiple of (largest component)/K.

    K = 2^bits − 1 for resistors and capacitors, and 2^(bits−1) − 1 for transconductors, which have a sign. The error
    ε of a component moves the law by −Σ δA Σ, in proportion to ε.

    An ensemble of `devices` rounds each component down on some and up on others, in proportion to what lies between:
    floor(x/step + u), u = (π(device) + ½)/devices, with a permutation π drawn for each component. Their mean is A to
    step/(2·devices), so the mean of their laws is off by terms of ε/devices and of ε² (the idea of arXiv:2401.16231,
    of which the abstract was read).

    Parameters
    ----------
    bits : int
        2 to 32.
    resistors, transconductors, capacitors : bool
        Which banks are programmable.
    devices : int
        1 for rounding to the nearest.
    device : int
        Which of them this one is.
    seed : int
        Of the permutations; one for all devices of an ensemble.

    Raises
    ------
    ValueError
        For bits that are no whole number from 2 to 32, or a device that the ensemble has not.
    """

    bits: int
    resistors: bool = True
    transconductors: bool = True
    capacitors: bool = True
    devices: int = 1
    device: int = 0
    seed: int = 0
    needs: ClassVar[Units] = NO_UNITS

    def __post_init__(self) -> None:
        check_whole("bits", self.bits, 2, 32)
        if not 0 <= self.device < self.devices:
            raise ValueError(f"device {self.device} of {self.devices}; devices count from 0, and there is at least one")

    @classmethod
    def ensemble(cls, bits: int, devices: int, seed: int = 0, **banks: bool) -> tuple[Rounding, ...]:
        """The effects of all devices of an ensemble, one for each run; average what they give."""
        return tuple(cls(bits=bits, devices=devices, device=k, seed=seed, **banks) for k in range(devices))

    def build(self, parts: Parts, chip: Streams) -> Built:
        changed, report = {}, {}
        for kind in ("resistors", "transconductors", "capacitors"):
            name = _KINDS[kind][0]
            values = getattr(parts, name)
            if values is None or not getattr(self, kind):
                continue
            changed[name], step = self._programmed(values, kind)
            report[kind] = {"step": step, "largest_error": float(np.abs(changed[name] - values).max())}
        return replace(parts, **changed), {"rounding": report}

    def predict(self, parts: Parts) -> Change:
        """Of this device, to second order."""
        changed, _ = self.build(parts, Streams(seed=0))
        names = [_KINDS[kind][0] for kind in ("resistors", "transconductors", "capacitors")]
        return to_second_order(
            parts, {name: getattr(changed, name) - getattr(parts, name) for name in names if _there(parts, name)}
        )

    def _programmed(self, values: Array, kind: str) -> tuple[Array, float]:
        levels = 2 ** (self.bits - 1) - 1 if kind == "transconductors" else 2**self.bits - 1
        if self.devices == 1:
            return rounded(values, levels)
        n = len(values)
        rows, columns = np.tril_indices(n)
        rng = Streams(seed=0, chip_seed=self.seed).generator(Stream.CHIP, f"Rounding {kind}")
        turn = rng.random((len(rows), self.devices)).argsort(axis=1)[:, self.device]
        shift = np.empty((n, n))
        shift[rows, columns] = shift[columns, rows] = (turn + 0.5) / self.devices
        return rounded(values, levels, shift)


@dataclass(frozen=True, kw_only=True)
class LeakyCapacitors:
    """Each capacitor loses its charge with a time constant τ_leak of its own, as if C/τ_leak lay beside it.

    K → K + M/τ_leak: every rate of the circuit rises by 1/τ_leak. One RC cell keeps 1/(1 + RC/τ_leak) of its variance
    and of its mean. The leaks are resistors, so at a temperature they are noisy.

    Parameters
    ----------
    time_constant_s : float
        τ_leak.

    Raises
    ------
    ValueError
        For a time constant that is not positive.
    """

    time_constant_s: float
    needs: ClassVar[Units] = SECONDS

    def __post_init__(self) -> None:
        check_positive("time_constant_s", self.time_constant_s, "a time constant")

    def build(self, parts: Parts, chip: Streams) -> Built:
        leaks = parts.capacitance_f / self.time_constant_s
        return replace(parts, conductance_s=parts.conductance_s + leaks), {
            "leaky_capacitors": {"time_constant_s": self.time_constant_s}
        }

    def predict(self, parts: Parts) -> Change:
        """To second order."""
        return to_second_order(parts, {"conductance_s": parts.capacitance_f / self.time_constant_s})


@dataclass(frozen=True, kw_only=True)
class InductorLoss:
    """Inductors have a series resistance r, which takes energy from the cells: v leaves its Boltzmann law.

    With injected noise, silent resistors and one cell of R, L, C, the variance σ²R/(2C) of v is multiplied by

        1/(1 + rR/(r² + (L/C)(1 + r/R)))

    and a drive current I, which an ideal inductor shorts, leaves the mean I·rR/(r + R). At a temperature r is noisy
    too, and where nothing but that noise is there, the variance stays kT/C.

    Parameters
    ----------
    ohm : float
        r.

    Raises
    ------
    ValueError
        For a resistance below 0; in a circuit without inductors.
    """

    ohm: float
    needs: ClassVar[Units] = SECONDS

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ohm) and self.ohm >= 0):
            raise ValueError(f"ohm is {self.ohm}; a resistance is finite and at least 0")

    def build(self, parts: Parts, chip: Streams) -> Built:
        return replace(parts, inductor_ohm=self._added(parts) + _known(parts.inductor_ohm)), {
            "inductor_loss": {"ohm": self.ohm}
        }

    def predict(self, parts: Parts) -> Change:
        """To second order."""
        return to_second_order(parts, {"inductor_ohm": self._added(parts)})

    def _added(self, parts: Parts) -> Array:
        if parts.inductance_h is None:
            raise ValueError("the cells have no inductors to lose energy in; leave InductorLoss out")
        return np.full(parts.n, self.ohm)


@dataclass(frozen=True, kw_only=True)
class ComponentDrift:
    """Conductances move while the machine runs, resistors and transconductors alike: g(t) = g(1 + δ(t) + ramp·t).

    Each component's δ wanders as an Ornstein–Uhlenbeck process of standard deviation σ and correlation time τ_d; the
    ramp is common to all. What is held stands still for `every_s` at a time. Where components move slowly against the
    circuit, the mean over a run of length T is, to second order,

        Σ + σ² Σ_k Σ₂ₖ + (ramp T/2) Σ₁ + (ramp² T²/3) Σ₂

    with one term for each component k and the common ones in the ramp; its spread from run to run is
    σ √(2τ_d/T) Σ₁ₖ for T ≫ τ_d.

    All chains of a run meet the same drift.

    Parameters
    ----------
    sigma : float
        σ, relative.
    correlation_s : float, optional
        τ_d; needed where σ is above 0.
    ramp_per_s : float
        Relative change of all conductances in a second.
    every_s : float
        Seconds for which they stand still.

    Raises
    ------
    ValueError
        For a spread below 0, a missing or impossible time, or a ramp that reaches 0.
    """

    sigma: float = 0.0
    correlation_s: float | None = None
    ramp_per_s: float = 0.0
    every_s: float
    needs: ClassVar[Units] = SECONDS

    def __post_init__(self) -> None:
        check_spread("sigma", self.sigma)
        check_positive("every_s", self.every_s, "a time")
        if not math.isfinite(self.ramp_per_s):
            raise ValueError(f"ramp_per_s is {self.ramp_per_s}; it must be finite")
        if self.sigma and self.correlation_s is None:
            raise ValueError("sigma is given without correlation_s; say how fast components wander")
        if self.correlation_s is not None:
            check_positive("correlation_s", self.correlation_s, "a correlation time")

    def build(self, parts: Parts, chip: Streams) -> Built:
        """The parts as they are: components move only when the machine runs, see `pieces`."""
        return parts, {
            "component_drift": {
                "sigma": self.sigma,
                "correlation_s": self.correlation_s,
                "ramp_per_s": self.ramp_per_s,
                "every_s": self.every_s,
            }
        }

    def pieces(self, parts: Parts, streams: Streams) -> Iterator[Parts]:
        """The parts from 0 to every_s, from then to 2·every_s, and so on without end."""
        rows, columns = np.tril_indices(parts.n)
        rng = streams.generator(Stream.THERMAL, "ComponentDrift")
        wander, kept = rng.standard_normal((2, len(rows))), self._kept
        for piece in range(1 << 62):
            moved: dict[str, Any] = {}
            for name, drift in zip(_CONDUCTANCES, wander):
                if not _there(parts, name):
                    continue
                factors = np.empty((parts.n, parts.n))
                factors[rows, columns] = factors[columns, rows] = drift
                factors = 1 + self.sigma * factors + self.ramp_per_s * self.every_s * piece
                if factors.min() <= 0:
                    raise ValueError(
                        f"after {piece * self.every_s:g} s of drift a conductance would be {factors.min():.3g} times "
                        "what it was meant to be; take a smaller sigma or ramp_per_s, or a shorter run"
                    )
                moved[name] = getattr(parts, name) * factors
            yield replace(parts, **moved)
            wander = kept * wander + math.sqrt(1 - kept**2) * rng.standard_normal(wander.shape)

    def predict(self, parts: Parts, duration_s: float | None = None) -> Change:
        """Of the mean over a run of `duration_s`, a single piece by default, to second order; spread to first."""
        balance = Balance(parts)
        count = 1 if duration_s is None else max(1, round(duration_s / self.every_s))
        present = [name for name in _CONDUCTANCES if _there(parts, name)]
        each = [{name: self.sigma * one} for name in present for one in _each(getattr(parts, name))]
        wandering = balance.scattered(each if self.sigma else [])
        ramp = self.ramp_per_s * self.every_s * np.arange(count)
        common = balance.along(**{name: getattr(parts, name) for name in present})
        lags = np.arange(1, count)
        left = (count + 2 * ((count - lags) * self._kept**lags).sum()) / count**2
        slow, square = ramp.mean(), (ramp**2).mean()
        return replace(
            wandering,
            mean=wandering.mean + (slow * common.mean + square * common.mean2)[: parts.n],
            covariance=wandering.covariance
            + (slow * common.covariance + square * common.covariance2)[: parts.n, : parts.n],
            mean_spread=wandering.mean_spread * math.sqrt(left),
            covariance_spread=wandering.covariance_spread * math.sqrt(left),
        )

    @property
    def _kept(self) -> float:
        """The correlation of neighbouring pieces."""
        return 0.0 if self.correlation_s is None else math.exp(-self.every_s / self.correlation_s)


_CONDUCTANCES = ("conductance_s", "transconductance_s")


def to_second_order(parts: Parts, changes: Mapping[str, Array]) -> Change:
    """What a known change of components does."""
    balance = Balance(parts)
    moved = balance.along(**changes)
    return balance.change(moved.mean + moved.mean2, moved.covariance + moved.covariance2)


def _there(parts: Parts, name: str) -> bool:
    values = getattr(parts, name)
    return values is not None and bool(values.any())


def _known(values: Array | None) -> Array | float:
    return 0.0 if values is None else values


def _each(values: Array | None) -> Iterator[Array]:
    """The components one by one: of a matrix, the pairs and the diagonal."""
    if values is None:
        return
    for place in zip(*np.nonzero(np.tril(np.abs(values) + np.abs(values.T)) if values.ndim == 2 else values)):
        one = np.zeros_like(values)
        one[place] = values[place]
        one[place[::-1]] = values[place[::-1]]
        yield one
