"""The linear Langevin equation, solved exactly in steps of any length.

Numbers are drawn from the THERMAL stream by (chain, step, site), so that a path does not depend on how a run is cut
into calls or blocks, nor on threads: it agrees to 1e-10 (BLAS reorders sums).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, matrix_balance, solve_continuous_lyapunov
from scipy.special import exprel

from pbits.kernels import langevin as kernels
from pbits.kernels.philox import normal_paths
from pbits.models.base import check_finite, finite_vector, is_symmetric, read_only, real_array
from pbits.streams import Stream, Streams

Root = Literal["symmetric", "cholesky"]
Method = Literal["symmetric", "eigenbasis", "direct"]

# Largest condition of an eigenbasis that is trusted: rounding grows by it, and 1e-10 is promised.
_CONDITION = 1e5
# Exponent of the largest growth within a step: its square must stay finite.
_GROWTH = 300.0
# Rounding of a path, relative to its size, where noise does not reach.
_SLACK = 1e-9
# Smallest standard deviation of a step's noise, relative to the largest, that an eigendecomposition of it keeps.
_GRADED = 1e-3
# Terms of the power series of a step's noise: the last is below 1/20! of the first.
_TERMS = 21
# Numbers of noise held at once, which the cache should hold; but rows enough for a matrix product at full speed.
_NUMBERS = 1 << 16
_ROWS = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Modes:
    """Coordinates y = W⁻¹(x − m) in which A is diagonal, but for pairs that rotate.

    Attributes
    ----------
    vectors, inverse : (n, n) array
        W and W⁻¹. Columns k and k + p of W, k < p, are the real and imaginary part of the eigenvector of
        λ_k + iω_k; columns from 2p on are real eigenvectors.
    rates : (n,) array
        λ of each coordinate.
    frequencies : (p,) array
        ω of each pair.
    """

    vectors: NDArray[np.float64]
    inverse: NDArray[np.float64]
    rates: NDArray[np.float64]
    frequencies: NDArray[np.float64]

    def over(self, durations: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is left of each coordinate, (steps, n), and what each pair exchanges, (steps, p)."""
        pairs = len(self.frequencies)
        decay = np.exp(-np.outer(durations, self.rates))
        angle = np.outer(durations, self.frequencies)
        turn = decay[:, :pairs] * np.sin(angle)
        decay[:, :pairs] *= np.cos(angle)
        decay[:, pairs : 2 * pairs] *= np.cos(angle)
        return read_only(decay), read_only(turn)


@dataclass(frozen=True, kw_only=True, eq=False)
class Transition(ABC):
    """Steps x' = m + Φ(x − m) + Rξ of an `OrnsteinUhlenbeck` process, ready to be sampled.

    Attributes
    ----------
    mean : (n,) array
    into : (n, n) array
        Turns a row of noise ξ into one of the coordinates in which steps are made.
    """

    mean: NDArray[np.float64]
    into: NDArray[np.float64]

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
        """The states after each of the next steps.

        Parameters
        ----------
        x0 : (n,) or (chains, n) array
        steps : int
        streams : Streams
        amplitudes : (steps,) array, optional
            Factors on R, one a step: 1/√β of an anneal.
        chain0, step0 : int
            Absolute number of the first chain (even) and of the first step.

        Returns
        -------
        (chains, steps, n) array
        """
        n = len(self.mean)
        state = self._enter(start_states(x0, n) - self.mean)
        key = streams.key(Stream.THERMAL)
        factors = None if amplitudes is None else finite_vector(amplitudes, steps, "amplitudes", per="step")
        path = np.empty((len(state), steps, n))
        length = max(1, _NUMBERS // state.size, _ROWS // len(state))
        for first in range(0, steps, length):
            some = slice(first, min(first + length, steps))
            noise = np.empty((len(state), some.stop - first, n))
            normal_paths(noise, *key, chain0, step0 + first, 0)
            if factors is not None:
                noise *= factors[some, None]
            np.add(self._move(_rows(noise, self.into), state, some), self.mean, out=path[:, some])
        return path

    @abstractmethod
    def _enter(self, deviation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The coordinates of deviations from the mean, (chains, n)."""

    @abstractmethod
    def _move(self, noise: NDArray[np.float64], state: NDArray[np.float64], some: slice) -> NDArray[np.float64]:
        """The deviations after some of the steps, (chains, steps, n); moves `state` on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _ModalTransition(Transition):
    """Steps of modes, one by one; `decay`, `turn` and `spread` as in the kernel `relax`."""

    modes: Modes
    decay: NDArray[np.float64]
    turn: NDArray[np.float64]
    spread: NDArray[np.float64]

    def _enter(self, deviation: NDArray[np.float64]) -> NDArray[np.float64]:
        return deviation @ self.modes.inverse.T

    def _move(self, noise: NDArray[np.float64], state: NDArray[np.float64], some: slice) -> NDArray[np.float64]:
        rows = some if len(self.decay) > 1 else slice(None)
        kernels.relax(noise, state, self.decay[rows], self.turn[rows], self.spread[rows])
        return _rows(noise, self.modes.vectors.T)


@dataclass(frozen=True, kw_only=True, eq=False)
class _DirectTransition(Transition):
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


class OrnsteinUhlenbeck:
    """dx = −A(x − m) dt + noise of covariance 2D dt, solved exactly; stationary covariance Σ: AΣ + ΣAᵀ = 2D.

    Parameters
    ----------
    A : (n, n) array
        Rates. It need not be symmetric, nor let x settle: an integrator (A = 0) and what runs away have exact
        transitions too, but no stationary law.
    diffusion : float or (n, n) array
        D, symmetric and positive semi-definite; a number d stands for d·1. 1/β gives the law N(m, A⁻¹/β) where
        A is symmetric and positive definite.
    mean : (n,) array, optional
        m; zero when absent. Where A is singular, a constant drive needs a site of its own, which holds it.
    root : {"symmetric", "cholesky"}
        Which R of x' = m + Φ(x − m) + Rξ: the symmetric root of its covariance, which always exists, or the
        Cholesky factor, which wants the covariance of a step to be positive definite. Both are unique, so draws
        depend on the process alone, and not on a library's choice of eigenvectors.

    Attributes
    ----------
    method : {"symmetric", "eigenbasis", "direct"}
        "symmetric" (A symmetric and D ∝ 1): modes of the eigenbasis of A, every length of step at no extra cost.
        "eigenbasis": real modes and rotating pairs of any other A or D, if the eigenvectors are well-conditioned; the
        length of a step costs a preparation of order n³. "direct", where they are not (a critically damped
        circuit, say): one product with Φ a step.
    condition : float
        ‖W‖‖W⁻¹‖ of the eigenvectors W in the Frobenius norm, in units of x that balance A, n where A is symmetric;
        above 1e5 the method is "direct".
    rates : (n,) array
        Real parts of the eigenvalues of A, rising.
    stable : bool
        Whether all rates are positive, beyond rounding, so that x forgets its start and has a stationary law.

    Raises
    ------
    ValueError
        When A is not square, or D is not symmetric and positive semi-definite; and by whatever needs a stationary
        law where there is none.

    Notes
    -----
    A path of T steps of many chains is two products with (n, n) matrices and work of order n a step: noise is
    turned into modes, modes relax one by one, and the path is turned back. Where A or D is not the symmetric
    case, Φ and the covariance ∫₀^Δt e^(−As) 2D e^(−Aᵀs) ds come from a power series over Δt/2ᵏ and k doublings
    C ← C + ΦCΦᵀ, Φ ← Φ², which add positive matrices only and lose nothing for short steps. Rounding is that of A
    itself: a relative error of 10⁻¹⁶ times ‖A‖Δt in units that balance A, 10⁻⁷ where rates differ by 10⁹.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.langevin import OrnsteinUhlenbeck
    >>> from pbits.streams import Streams
    >>> process = OrnsteinUhlenbeck([[2.0, 1.0], [0.0, 1.0]])
    >>> process.sample([1.0, 0.0], np.full(5, 0.1), Streams(seed=1)).shape
    (1, 5, 2)
    >>> process.covariance.round(3)
    array([[ 0.667, -0.333],
           [-0.333,  1.   ]])

    Free diffusion spreads as 2t, and does not settle:

    >>> free = OrnsteinUhlenbeck([[0.0]])
    >>> free.stable, free.moments([0.0], [1.0, 3.0])[1].ravel().round(12).tolist()
    (False, [2.0, 6.0])
    """

    def __init__(
        self, A: ArrayLike, diffusion: ArrayLike = 1.0, mean: ArrayLike | None = None, *, root: Root = "symmetric"
    ):
        matrix = real_array(A, "A", "rates")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise ValueError(f"A has shape {matrix.shape}; expected a square matrix (n, n)")
        check_finite(matrix, "A")
        if root not in get_args(Root):
            raise ValueError(f"root is {root!r}; it must be one of {', '.join(get_args(Root))}")
        self.n = len(matrix)
        self.mean = finite_vector(mean, self.n, "mean")
        self.diffusion, strength = _diffusion(diffusion, self.n)
        self.root = root
        self._strength = strength
        symmetric = is_symmetric(float(np.abs(matrix - matrix.T).max()), float(np.abs(matrix).max()))
        if symmetric:
            matrix = (matrix + matrix.T) / 2
            values, vectors = np.linalg.eigh(matrix)
            modes = Modes(vectors=vectors, inverse=vectors.T, rates=values, frequencies=np.empty(0))
            self.condition = float(self.n)
            self._balanced = _Balanced(units=np.ones(self.n), A=matrix, D=self.diffusion)
        else:
            self._balanced = _balance(matrix, self.diffusion)
            values, modes, self.condition = _eigenbasis(self._balanced)
        self.A = read_only(matrix)
        self.rates = read_only(np.sort(np.real(values)))
        self.stable = bool(self.rates[0] > self.n * np.finfo(float).eps * np.abs(values).max())
        self._modes = modes if self.condition <= _CONDITION else None
        self.method: Method = "direct"
        if self._modes is not None:
            self.method = "symmetric" if symmetric and strength is not None else "eigenbasis"

    def __repr__(self) -> str:
        return f"OrnsteinUhlenbeck(n={self.n}, method={self.method!r})"

    def check_stable(self) -> None:
        """Refuse a process without a stationary law, by a ValueError."""
        if not self.stable:
            raise ValueError(
                f"A has an eigenvalue of real part {self.rates[0]:.3g}; it must be positive, or no law is stationary: "
                "moments(x0, elapsed) has the law at any later time"
            )

    @cached_property
    def covariance(self) -> NDArray[np.float64]:
        """The stationary covariance Σ, (n, n).

        Raises
        ------
        ValueError
            Where A is not stable.
        """
        self.check_stable()
        if self.method == "symmetric":
            assert self._modes is not None
            assert self._strength is not None
            vectors = self._modes.vectors
            return read_only((vectors * (self._strength / self._modes.rates)) @ vectors.T)
        units = self._balanced.units
        sigma = np.asarray(solve_continuous_lyapunov(self._balanced.A, 2 * self._balanced.D))
        return read_only((sigma + sigma.T) / 2 * np.outer(units, units))

    @property
    def modes(self) -> Modes | None:
        """Coordinates in which A is diagonal but for rotating pairs; None where the method is "direct"."""
        return self._modes

    def matrices(self, duration: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Φ and R of one step x' = m + Φ(x − m) + Rξ, both (n, n).

        Raises
        ------
        ValueError
            For a duration that is not positive, or in which x grows e³⁰⁰-fold, or a covariance of the step that has
            no Cholesky factor.
        """
        if self.method == "symmetric" and self.root == "symmetric":
            assert self._modes is not None
            lengths = self._durations([duration])
            vectors = self._modes.vectors
            return self.propagator(duration), (vectors * self._spread(lengths)[0]) @ vectors.T
        phi, noise = self.step(duration)
        return phi, _cholesky(noise, duration) if self.root == "cholesky" else _symmetric_root(noise)

    def step(self, duration: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Φ and the covariance C = ∫ e^(−As) 2D e^(−Aᵀs) ds of a step, both (n, n). Raises as `matrices`."""
        lengths = self._durations([duration])
        if self.method == "symmetric":
            assert self._modes is not None
            vectors, spread = self._modes.vectors, self._spread(lengths)[0]
            return self.propagator(duration), (vectors * spread**2) @ vectors.T
        units = self._balanced.units
        phi, noise = _step(self._balanced.A, self._balanced.D, duration)
        return phi * np.divide.outer(units, units), noise * np.outer(units, units)

    def transition(self, duration: float) -> Transition:
        """The step over a duration, in units of 1/A. Raises as `matrices`."""
        lengths = self._durations([duration])
        if self.method == "symmetric" and self.root == "symmetric":
            return self._in_modes(lengths)
        phi, root = self.matrices(duration)
        if self._modes is None:
            return _DirectTransition(mean=self.mean, into=root.T, phi=phi)
        decay, turn = self._modes.over(lengths)
        into = root.T @ self._modes.inverse.T
        ones = read_only(np.ones((1, self.n)))
        return _ModalTransition(mean=self.mean, into=into, modes=self._modes, decay=decay, turn=turn, spread=ones)

    def sample(
        self, x0: ArrayLike, durations: ArrayLike, streams: Streams, *, chain0: int = 0, step0: int = 0
    ) -> NDArray[np.float64]:
        """The states after each duration.

        Parameters
        ----------
        x0 : (n,) or (chains, n) array
        durations : (steps,) array
            How much later each state is than the one before it: ``np.diff(times)``, where x0 belongs to times[0].
        streams : Streams
        chain0, step0 : int
            Absolute number of the first chain (even) and of the first step.

        Returns
        -------
        (chains, steps, n) array

        Notes
        -----
        Durations that differ by no more than the rounding of their sum are one duration, which is prepared once.
        The symmetric method with the symmetric root takes any others at little cost; otherwise every change of
        the duration is prepared anew.

        Raises
        ------
        ValueError
            For a duration that is not positive; as `matrices`.
        """
        lengths = _as_one(self._durations(durations))
        if self.method == "symmetric" and self.root == "symmetric":
            each = lengths if np.ptp(lengths) else lengths[:1]
            return self._in_modes(each).path(x0, len(lengths), streams, chain0=chain0, step0=step0)
        state = start_states(x0, self.n)
        path = np.empty((len(state), len(lengths), self.n))
        changes = (np.flatnonzero(np.diff(lengths)) + 1).tolist()
        for first, last in zip([0, *changes], [*changes, len(lengths)]):
            step = self.transition(float(lengths[first]))
            path[:, first:last] = step.path(state, last - first, streams, chain0=chain0, step0=step0 + first)
            state = path[:, last - 1]
        return path

    def moments(self, x0: ArrayLike, elapsed: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and covariance of x at later times, given where it is now.

        Parameters
        ----------
        x0 : (n,) or (chains, n) array
        elapsed : (times,) array
            How much later than x0 each time is.

        Returns
        -------
        mean : (chains, times, n) array
            m + Φ(t)(x0 − m).
        covariance : (times, n, n) array
            C(t), the same for all chains; C(t) → Σ as t grows, where A is stable.

        Raises
        ------
        ValueError
            As `matrices`.
        """
        deviation = start_states(x0, self.n) - self.mean
        times = self._durations(elapsed, "elapsed")
        steps = [self.step(float(t)) for t in times]
        means = np.stack([deviation @ phi.T for phi, _ in steps], axis=1)
        return self.mean + means, np.stack([noise for _, noise in steps])

    def between(
        self, x0: ArrayLike, x1: ArrayLike, duration: float, elapsed: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and covariance of x at times between two at which it is known: a bridge.

        Parameters
        ----------
        x0, x1 : (n,) or (chains, n) array
            Where x is first, and a `duration` later.
        duration : float
        elapsed : (times,) array
            How much later than x0 each time is, less than `duration`.

        Returns
        -------
        mean : (chains, times, n) array
        covariance : (times, n, n) array

        Raises
        ------
        ValueError
            For times that are not between, or an x1 that noise cannot bring about; as `matrices`.
        """
        first, last = start_states(x0, self.n) - self.mean, start_states(x1, self.n) - self.mean
        times = self._durations(elapsed, "elapsed")
        if times.max() >= duration:
            raise ValueError(f"a time is {times.max():g} after x0; it must be before x1, {duration:g} after it")
        phi, noise = self.step(duration)
        spread = _Spread.of(noise)
        residual = last - first @ phi.T
        if spread.leaves(residual, np.abs(first) @ np.abs(phi).T + np.abs(last)).any():
            raise ValueError("x1 lies where noise does not lead from x0; the bridge does not exist")
        means, covariances = [], []
        for t in times:
            before, early = self.step(float(t))
            after, late = self.step(float(duration - t))
            gain = early @ after.T @ spread.inverse()
            kept = np.eye(self.n) - gain @ after
            means.append(first @ before.T + residual @ gain.T)
            # Two positive terms: early − gain·after·early would cancel near x1.
            covariances.append(kept @ early @ kept.T + gain @ late @ gain.T)
        return self.mean + np.stack(means, axis=1), np.stack(covariances)

    def autocovariance(self, lags: ArrayLike) -> NDArray[np.float64]:
        """⟨δx(s + t) δx(s)ᵀ⟩ of the stationary law at each lag t: Φ(t)Σ, and its transpose at −t.

        Parameters
        ----------
        lags : (k,) array

        Returns
        -------
        (k, n, n) array

        Raises
        ------
        ValueError
            Where A is not stable.
        """
        given = real_array(lags, "lags")
        if given.ndim != 1:
            raise ValueError(f"lags have shape {given.shape}; expected (k,)")
        check_finite(given, "lags")
        found = np.empty((len(given), self.n, self.n))
        for k, lag in enumerate(given):
            late = self.propagator(abs(float(lag))) @ self.covariance
            found[k] = late if lag >= 0 else late.T
        return found

    def log_likelihood(self, states: ArrayLike, durations: ArrayLike) -> NDArray[np.float64]:
        """ln p(x_1 … x_T | x_0) of paths, in nats: a density of the T later states.

        Parameters
        ----------
        states : (..., T + 1, n) array
        durations : (T,) array
            How much later each state is than the one before it.

        Returns
        -------
        (...) array
            Where noise does not reach some direction of x in a step, the density is that over the directions it does
            reach, and −∞ for a path that moves otherwise (by more than 1e-9 of its size).

        Raises
        ------
        ValueError
            For other shapes; as `matrices`.
        """
        lengths = _as_one(self._durations(durations))
        paths = real_array(states, "states")
        if paths.ndim < 2 or paths.shape[-2:] != (len(lengths) + 1, self.n):
            raise ValueError(
                f"states have shape {paths.shape}; expected (..., {len(lengths) + 1}, {self.n}): one state more than "
                "durations"
            )
        check_finite(paths, "states")
        deviation = paths - self.mean
        total = np.zeros(paths.shape[:-2])
        for length in np.unique(lengths):
            these = lengths == length
            phi, noise = self.step(float(length))
            before, after = deviation[..., :-1, :][..., these, :], deviation[..., 1:, :][..., these, :]
            size = np.abs(before) @ np.abs(phi).T + np.abs(after)
            total += _Spread.of(noise).log_density(after - before @ phi.T, size).sum(axis=-1)
        return total

    def _durations(self, durations: ArrayLike, name: str = "durations") -> NDArray[np.float64]:
        lengths = real_array(durations, name)
        if lengths.ndim != 1 or not lengths.size:
            raise ValueError(f"{name} have shape {lengths.shape}; expected (steps,), with at least one step")
        check_finite(lengths, name)
        if lengths.min() <= 0:
            raise ValueError(f"a duration is {lengths.min()}; it must be positive")
        if -self.rates[0] * lengths.max() > _GROWTH:
            raise ValueError(
                f"x grows at a rate of {-self.rates[0]:.3g}, by more than e^{_GROWTH:g} in {lengths.max():.3g}; take a "
                "shorter time"
            )
        return lengths

    def propagator(self, duration: float) -> NDArray[np.float64]:
        """Φ = e^(−A·duration): what is left of x − m later, on average; (n, n)."""
        if self.method == "symmetric":
            assert self._modes is not None
            vectors = self._modes.vectors
            return (vectors * np.exp(-self._modes.rates * duration)) @ vectors.T
        units = self._balanced.units
        phi = np.asarray(expm(-self._balanced.A * duration), dtype=np.float64)
        return phi * np.divide.outer(units, units)

    def _spread(self, durations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation of the noise of each mode, (steps, n), in the symmetric case."""
        assert self._modes is not None
        assert self._strength is not None
        lost = exprel(-2 * np.outer(durations, self._modes.rates))
        return np.sqrt(2 * self._strength * durations[:, None] * lost)

    def _in_modes(self, durations: NDArray[np.float64]) -> Transition:
        """Steps of the symmetric case with the symmetric root, one for each duration."""
        assert self._modes is not None
        decay, turn = self._modes.over(durations)
        spread = read_only(self._spread(durations))
        modes = self._modes
        return _ModalTransition(mean=self.mean, into=modes.vectors, modes=modes, decay=decay, turn=turn, spread=spread)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Balanced:
    """A and D in units of x, powers of two, in which rows and columns of A are alike: volts beside amperes."""

    units: NDArray[np.float64]
    A: NDArray[np.float64]
    D: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Spread:
    """A covariance by the axes that it reaches and those that it misses, in units of its standard deviations.

    The units keep what is small in volts or amperes apart from what is missing.
    """

    deviations: NDArray[np.float64]
    reached: NDArray[np.float64]
    variances: NDArray[np.float64]
    missed: NDArray[np.float64]

    @classmethod
    def of(cls, covariance: NDArray[np.float64]) -> _Spread:
        deviations = np.sqrt(np.diag(covariance))
        deviations[deviations == 0] = 1.0
        variances, axes = np.linalg.eigh(covariance / np.outer(deviations, deviations))
        there = variances > 16 * len(variances) * np.finfo(float).eps
        return cls(
            deviations=deviations, reached=axes[:, there], variances=variances[there], missed=axes[:, ~there]
        )  # fmt: skip

    def inverse(self) -> NDArray[np.float64]:
        """A matrix that undoes the covariance on what it reaches."""
        whitened = self.reached / (np.sqrt(self.variances) * self.deviations[:, None])
        return whitened @ whitened.T

    def leaves(self, residuals: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether residuals (..., n) lie off what is reached, beyond the rounding of numbers of these sizes."""
        off = np.abs(residuals / self.deviations @ self.missed)
        allowed = _SLACK * (sizes / self.deviations @ np.abs(self.missed))
        return np.asarray((off > allowed).any(axis=-1))

    def log_density(self, residuals: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each of the residuals (..., n), over the directions that are reached."""
        scores = residuals / self.deviations @ self.reached
        # The product of the variances that are not 0, which units stretch less where axes are missed.
        missed = self.missed / self.deviations[:, None]
        volume = (
            np.log(self.variances).sum() + 2 * np.log(self.deviations).sum() + np.linalg.slogdet(missed.T @ missed)[1]
        )
        density = (
            -((scores**2 / self.variances).sum(axis=-1) + volume + len(self.variances) * math.log(2 * math.pi)) / 2
        )
        return np.where(self.leaves(residuals, sizes), -np.inf, density)


def start_states(x0: ArrayLike, n: int) -> NDArray[np.float64]:
    start = np.atleast_2d(real_array(x0, "x0"))
    if start.ndim != 2 or start.shape[1] != n:
        raise ValueError(f"x0 has shape {start.shape}; expected ({n},) or (chains, {n})")
    check_finite(start, "x0")
    return start


def _as_one(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths that differ by no more than the rounding of their sum, made equal."""
    if np.ptp(lengths) <= 4 * np.finfo(float).eps * lengths.sum():
        return np.full(len(lengths), lengths.mean())
    return lengths


def _rows(block: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every row of a (chains, steps, n) block times a matrix, as one product."""
    return (block.reshape(-1, block.shape[2]) @ matrix).reshape(block.shape)


def _diffusion(given: ArrayLike, n: int) -> tuple[NDArray[np.float64], float | None]:
    """D, and d where it is d·1."""
    array = real_array(given, "diffusion")
    check_finite(array, "diffusion")
    D = array * np.eye(n) if array.ndim == 0 else array
    if D.shape != (n, n):
        raise ValueError(f"diffusion has shape {D.shape}; expected one number or ({n}, {n})")
    gap = float(np.abs(D - D.T).max())
    largest = float(np.abs(D).max())
    if not is_symmetric(gap, largest):
        raise ValueError(f"diffusion is not symmetric: mirrored entries differ by up to {gap:.3g}")
    D = (D + D.T) / 2
    if (D[0, 0] * np.eye(n) == D).all() and D[0, 0] >= 0:
        return read_only(D), float(D[0, 0])
    lowest = float(np.linalg.eigvalsh(D)[0])
    if lowest < -1e-12 * largest:
        raise ValueError(f"diffusion has the eigenvalue {lowest:.3g}; a covariance has none below 0")
    return read_only(D), None


def _balance(A: NDArray[np.float64], D: NDArray[np.float64]) -> _Balanced:
    balanced, (units, _) = matrix_balance(A, permute=False, separate=True)
    return _Balanced(units=units, A=np.asarray(balanced), D=D / np.outer(units, units))


def _eigenbasis(balanced: _Balanced) -> tuple[NDArray[np.complex128], Modes | None, float]:
    """The eigenvalues, the modes (none where there is no basis) and their condition."""
    values, vectors = (np.asarray(part, dtype=np.complex128) for part in np.linalg.eig(balanced.A))
    paired, alone = values.imag > 0, values.imag == 0
    columns = [vectors[:, paired].real, vectors[:, paired].imag, vectors[:, alone].real]
    basis = np.concatenate(columns, axis=1)
    rates = np.concatenate([values[paired].real, values[paired].real, values[alone].real])
    try:
        inverse = np.asarray(np.linalg.inv(basis), dtype=np.float64)
    except np.linalg.LinAlgError:
        return values, None, math.inf
    # Of a basis that is nearly none, the norm of the inverse may pass all bounds.
    with np.errstate(over="ignore"):
        condition = float(np.linalg.norm(basis) * np.linalg.norm(inverse))
    modes = Modes(
        vectors=balanced.units[:, None] * basis,
        inverse=inverse / balanced.units,
        rates=rates,
        frequencies=values[paired].imag,
    )
    return values, modes, condition


def _step(
    A: NDArray[np.float64], D: NDArray[np.float64], duration: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Φ and the covariance of the noise of one step, for any A and D."""
    size = float(np.linalg.norm(A, 1)) * duration
    doublings = math.ceil(math.log2(2 * size)) if size > 0.5 else 0
    short = duration / 2**doublings
    phi = np.asarray(expm(-A * short), dtype=np.float64)
    term = 2 * short * D
    noise = term.copy()
    # C(t) = Σ_k tᵏ⁺¹/(k+1)! M_k with M_0 = 2D and M_k+1 = −(AM_k + M_kAᵀ); terms fall as 1/(k+1)! or faster.
    for k in range(2, _TERMS):
        term = A @ term
        term = (term + term.T) * (-short / k)
        noise += term
    for _ in range(doublings):
        noise = noise + phi @ noise @ phi.T
        phi = phi @ phi
    return phi, (noise + noise.T) / 2


def _cholesky(noise: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    try:
        return np.asarray(np.linalg.cholesky((noise + noise.T) / 2), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"the noise of a step of {duration:g} has a covariance that is not positive definite; take "
            "root='symmetric', which needs no Cholesky factor"
        ) from None


def _symmetric_root(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    deviations = np.sqrt(np.diag(noise))
    if deviations.min() > _GRADED * deviations.max():
        variances, axes = np.linalg.eigh(noise)
        return (axes * np.sqrt(np.maximum(variances, 0))) @ axes.T
    # Of volts beside microamperes eigh would keep the digits of the volts: a factor keeps twice as many.
    spread = _Spread.of(noise)
    factor = spread.deviations[:, None] * spread.reached * np.sqrt(spread.variances)
    axes, roots, _ = np.linalg.svd(factor, full_matrices=False)
    return (axes * roots) @ axes.T
