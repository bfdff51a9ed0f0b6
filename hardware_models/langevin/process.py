"""What a linear circuit does: its law, and its exact steps under white, filtered and clocked noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, matrix_balance

from hardware_models.langevin.noise import Held, Interpolated, Phase, share
from pbits.kernels.philox import normal_paths, random_spins
from pbits.langevin import OrnsteinUhlenbeck, Transition
from pbits.langevin.linear import start_states
from pbits.models.base import finite_vector, read_only
from pbits.streams import Stream, Streams
from pbits.substrate import Moments

# Numbers of noise held at once.
_NUMBERS = 1 << 18
# Share of a clock period by which a duration may miss a whole number of them: rounding.
_OFF_GRID = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Clocked noise: independent values of variance 1/h every h, held or joined by lines, that move states by `gain`.

    Attributes
    ----------
    gain : (k, m) array
        What each of m values does to du/dt; gain·gainᵀ is the covariance of white noise of equal density.
    kind : Held or Interpolated
        Its own `step_s` stays in seconds.
    period : float
        h in the circuit's unit of time.
    """

    gain: NDArray[np.float64]
    kind: Held | Interpolated
    period: float

    @property
    def joined(self) -> bool:
        """Whether values are joined by lines, so that a period depends on two of them."""
        return isinstance(self.kind, Interpolated)

    @property
    def binary(self) -> bool:
        """Whether values are ±1, and not normal."""
        return isinstance(self.kind, Held) and self.kind.values == "binary"

    def ticks(self, duration: float) -> int:
        """How many periods a duration is.

        Raises
        ------
        ValueError
            Where it is no whole number of them.
        """
        periods = duration / self.period
        whole = max(1, round(periods))
        if abs(periods - whole) > _OFF_GRID * whole:
            raise ValueError(
                f"a step of {periods:g} periods of the noise clock; steps are exact over whole periods: take "
                f"{whole * self.period:g} ({whole} of them) instead of {duration:g}"
            )
        return whole

    def covariance(self, drift: NDArray[np.float64], phase: Phase) -> NDArray[np.float64]:
        """Stationary covariance of the states under this noise alone, at a share of the period or averaged over it."""
        k, m = self.gain.shape
        over = self._flow(drift, 1.0)
        fresh = np.zeros((len(over), m))
        fresh[-m:] = np.eye(m)
        # When values change, a held one is forgotten, and a line starts from the value that the last one came to.
        over[-m:] = -over[k : k + m] if self.joined else 0
        after = _forever(over, fresh @ fresh.T)
        if phase == "mean":
            # ∫Φ(s)PΦ(s)ᵀds is what white noise of covariance P adds in one period.
            _, added = OrnsteinUhlenbeck(self._rates(drift), after / 2).step(self.period)
            return added[:k, :k] / self.period
        now = self._flow(drift, share(phase))[:k]
        return now @ after @ now.T

    def kicks(self, drift: NDArray[np.float64], ticks: int) -> NDArray[np.float64]:
        """Where each value of a step moves the states at its end, (values, m, k); lines need the value at both ends."""
        k, m = self.gain.shape
        over = self._flow(drift, 1.0)
        decay, both = over[:k, :k], over[:k, k : k + m]
        ahead = over[:k, k + m :] if self.joined else np.zeros((k, m))
        behind = both - ahead
        moved = np.zeros((ticks + self.joined, k, m))
        for tick in range(ticks)[::-1]:
            moved[tick] += behind
            if self.joined:
                moved[tick + 1] += ahead
            behind, ahead = decay @ behind, decay @ ahead
        return moved.transpose(0, 2, 1)

    def added(self, drift: NDArray[np.float64], ticks: int) -> NDArray[np.float64]:
        """Covariance of what held values add in a step."""
        k = len(self.gain)
        over = self._flow(drift, 1.0)
        return _repeated(over[:k, :k], over[:k, k:] @ over[:k, k:].T, ticks)

    def values(
        self, streams: Streams, draw: int, chains: int, chain0: int, first: int, count: int
    ) -> NDArray[np.float64]:
        """Values from tick `first` on, (chains, count, m)."""
        key, m = streams.key(Stream.THERMAL), self.gain.shape[1]
        found = np.empty((chains, count, m))
        if not self.binary:
            normal_paths(found, *key, chain0, first, draw)
            return found
        spins = np.empty((m, chains), dtype=np.int8)
        for tick in range(count):
            random_spins(spins, *key, chain0, first + tick, draw)
            found[:, tick] = spins.T
        return found

    def _rates(self, drift: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of (u, value), or of (u, value, rise over the period), between two changes."""
        k, m = self.gain.shape
        size = k + (2 * m if self.joined else m)
        rates = np.zeros((size, size))
        rates[:k, :k] = drift
        rates[:k, k : k + m] = -self.gain / math.sqrt(self.period)
        if self.joined:
            rates[k : k + m, k + m :] = -np.eye(m) / self.period
        return rates

    def _flow(self, drift: NDArray[np.float64], part: float) -> NDArray[np.float64]:
        return np.asarray(expm(-self._rates(drift) * (part * self.period)), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearCircuit:
    """du = (−A u + drive) dt + noise of covariance 2D dt + clocked noise; voltages are output·u + shift.

    Attributes
    ----------
    drift : (k, k) array
        A.
    diffusion : (k, k) array
        D, symmetric and positive semi-definite.
    drive : (k,) array
    output : (n, k) array
    shift : (n,) array
    labels : tuple of str
        What each state is: "v(a)", "i(a,b)" and so on.
    nodes : tuple of str
        What is observed.
    sources : tuple of Source
        Noise that a clock makes, which is not white.
    unit_s : float
        Seconds per unit of time.
    units : (k,) array
        Volts, or amperes, per unit of each state.
    """

    drift: NDArray[np.float64]
    diffusion: NDArray[np.float64]
    drive: NDArray[np.float64]
    output: NDArray[np.float64]
    shift: NDArray[np.float64]
    labels: tuple[str, ...]
    nodes: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    unit_s: float = 1.0
    units: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("drift", "diffusion", "drive", "output", "shift", "units"):
            read_only(getattr(self, name))

    @property
    def n(self) -> int:
        """Number of observed voltages."""
        return len(self.output)

    @cached_property
    def rates(self) -> NDArray[np.complex128]:
        """Eigenvalues of A by rising real part: a circuit settles where all are positive."""
        symmetric = bool((self.drift == self.drift.T).all())
        found = np.linalg.eigvalsh(self.drift) if symmetric else np.linalg.eigvals(self.drift)
        return read_only(np.sort_complex(np.asarray(found, dtype=np.complex128)))

    def scaled(self, time_s: float, scales: ArrayLike) -> LinearCircuit:
        """The same circuit with u = scales·z and t = time_s·s, in z and s.

        Parameters
        ----------
        time_s : float
            The new unit of time, in units of the old one.
        scales : float or (k,) array
            New units of the states, in units of the old ones.
        """
        size = np.array(np.broadcast_to(np.asarray(scales, dtype=np.float64), self.drive.shape))
        for name, values in (("time_s", np.array([time_s])), ("scales", size)):
            wrong = values[~(np.isfinite(values) & (values > 0))]
            if wrong.size:
                raise ValueError(f"{name} is {wrong[0]}; units are positive and finite")
        return replace(
            self,
            drift=self.drift * (time_s * size / size[:, None]),
            diffusion=self.diffusion * (time_s / np.outer(size, size)),
            drive=self.drive * (time_s / size),
            output=self.output * size,
            sources=tuple(
                replace(source, gain=source.gain * (math.sqrt(time_s) / size[:, None]), period=source.period / time_s)
                for source in self.sources
            ),
            unit_s=self.unit_s * time_s,
            units=self.units * size,
        )

    def balanced(self) -> LinearCircuit:
        """The same circuit in units in which rates are near 1, and volts and amperes of one size."""
        _, (scales, _) = matrix_balance(self.drift, permute=False, separate=True)
        fastest = np.abs(self.drift * (scales / scales[:, None])).max()
        return self.scaled(1 / fastest if fastest else 1.0, scales)

    def settles(self) -> None:
        """Refuse a circuit without a stationary law.

        Raises
        ------
        ValueError
            With the eigenvalue that grows or stands still, its time constant, and where it is seen most.
        """
        limit = len(self.rates) * np.finfo(float).eps * np.abs(self.rates).max()
        if np.real(self.rates).min() > limit:
            return
        values, vectors = np.linalg.eig(self.drift)
        worst = int(np.real(values).argmin())
        most = self.labels[int(np.abs(vectors[:, worst] * self.units).argmax())]
        rate = -float(np.real(values[worst])) / self.unit_s
        how = "has a mode that nothing draws back, so that it wanders without bound"
        if rate * self.unit_s > limit:
            how = f"is unstable: it has the eigenvalue {rate:+.3g}/s, which grows e-fold every {1 / rate:.3g} s"
        raise ValueError(f"the circuit {how}, most of it in {most}; give that node a path to ground, or couple it less")

    @property
    def mean(self) -> NDArray[np.float64]:
        """Stationary mean A⁻¹·drive of the states, (k,). Raises as `settles` where there is none."""
        try:
            return np.asarray(np.linalg.solve(self.drift, self.drive), dtype=np.float64)
        except np.linalg.LinAlgError:
            self.settles()
            raise

    def stationary(self, phase: Phase = 0.0) -> Moments:
        """Mean (n,) and covariance (n, n) of the observed voltages, once settled.

        Parameters
        ----------
        phase : float or "mean"
            With clocked noise, when in the period of the clock: 0 is where values change, which is when steps of whole
            periods are looked at; "mean" is the average over the period. It changes nothing without a clock.

        Raises
        ------
        ValueError
            As `settles`.
        """
        self.settles()
        own = self.balanced()
        covariance = OrnsteinUhlenbeck(own.drift, own.diffusion).covariance
        for source in own.sources:
            covariance = covariance + source.covariance(own.drift, phase)
        return own.output @ own.mean + own.shift, own.output @ covariance @ own.output.T


@dataclass(frozen=True, kw_only=True, eq=False)
class _Direct(Transition):
    """Steps by Φ itself."""

    phi: NDArray[np.float64]

    def _enter(self, deviation: NDArray[np.float64]) -> NDArray[np.float64]:
        return deviation

    def _move(self, noise: NDArray[np.float64], state: NDArray[np.float64], some: slice) -> NDArray[np.float64]:
        before = state
        for t in range(noise.shape[1]):
            noise[:, t] += before @ self.phi.T
            before = noise[:, t]
        state[:] = before
        return noise


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ticked(_Direct):
    """Steps whose noise is also made of values that a clock numbers: tick t of step s has the number s·ticks + t."""

    sources: tuple[tuple[Source, NDArray[np.float64]], ...]

    def path(
        self,
        x0: ArrayLike,
        steps: int,
        streams: Streams,
        *,
        amplitudes: ArrayLike | None = None,
        chain0: int = 0,
        step0: int = 0,
    ) -> NDArray[np.float64]:
        n = len(self.mean)
        state = start_states(x0, n) - self.mean
        factors = np.ones(steps) if amplitudes is None else finite_vector(amplitudes, steps, "amplitudes", per="step")
        path = np.empty((len(state), steps, n))
        size = len(state) * max(n, *(kicks[:, :, 0].size for _, kicks in self.sources))
        length = max(1, _NUMBERS // size)
        for first in range(0, steps, length):
            some = slice(first, min(first + length, steps))
            noise = self._noise(streams, len(state), chain0, step0 + first, some.stop - first)
            noise *= factors[some, None]
            np.add(self._move(noise, state, some), self.mean, out=path[:, some])
        return path

    def _noise(self, streams: Streams, chains: int, chain0: int, step: int, steps: int) -> NDArray[np.float64]:
        total = np.zeros((chains, steps, len(self.mean)))
        if self.into.any():
            normal_paths(total, *streams.key(Stream.THERMAL), chain0, step, 0)
            total = total @ self.into
        for draw, (source, kicks) in enumerate(self.sources, start=1):
            ticks = len(kicks) - source.joined
            values = source.values(streams, draw, chains, chain0, step * ticks, steps * ticks + source.joined)
            for tick, kick in enumerate(kicks):
                total += values[:, tick : tick + (steps - 1) * ticks + 1 : ticks] @ kick
        return total


def transition(linear: LinearCircuit, duration: float) -> Transition:
    """The exact step of the states of a circuit over a duration, in its unit of time.

    White and filtered noise, and normal values that are held over whole periods, make one Gaussian step. Of other
    clocked noise every value is drawn: x' = m + Φ(x − m) + Σ_t K_t w_t. Steps start where values change. An amplitude
    multiplies all that the noise does within its step.

    Raises
    ------
    ValueError
        For a duration that is not positive, or no whole number of periods of the noise clock.
    """
    process = OrnsteinUhlenbeck(linear.drift, linear.diffusion, linear.mean)
    if not linear.sources:
        return process.transition(duration)
    own = linear.balanced()
    size, lasting = own.units / linear.units, duration * linear.unit_s / own.unit_s
    phi, covariance = OrnsteinUhlenbeck(own.drift, own.diffusion).step(lasting)
    ticked = []
    for source, given in zip(own.sources, linear.sources):
        ticks = given.ticks(duration)
        if source.joined or source.binary:
            ticked.append((source, source.kicks(own.drift, ticks) * size))
        else:
            covariance = covariance + source.added(own.drift, ticks)
    variances, axes = np.linalg.eigh(covariance)
    root = (axes * np.sqrt(np.maximum(variances, 0))) @ axes.T
    into, whole = root * size, phi * np.divide.outer(size, size)
    if ticked:
        return _Ticked(mean=linear.mean, into=into, phi=whole, sources=tuple(ticked))
    return _Direct(mean=linear.mean, into=into, phi=whole)


def _forever(over: NDArray[np.float64], added: NDArray[np.float64]) -> NDArray[np.float64]:
    """P = over P overᵀ + added, summed by doubling: Σ_j overʲ added (overᵀ)ʲ."""
    total = added
    while np.abs(over).max() > np.finfo(float).eps:
        total = total + over @ total @ over.T
        over = over @ over
    return total


def _repeated(over: NDArray[np.float64], added: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """Σ_{j<times} overʲ added (overᵀ)ʲ, by doubling."""
    total = np.zeros_like(added)
    while times:
        if times % 2:
            total = added + over @ total @ over.T
        added = added + over @ added @ over.T
        over = over @ over
        times //= 2
    return total
