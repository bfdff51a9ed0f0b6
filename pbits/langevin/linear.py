"""The linear Langevin equation, solved exactly in steps of any length.

Numbers are drawn from the THERMAL stream by (chain, step, site), so that a path does not depend on how a run is cut
into calls or blocks, nor on threads: it agrees to 1e-10 (BLAS reorders sums).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, solve_continuous_lyapunov

from pbits.kernels import langevin as kernels
from pbits.kernels.philox import normal_paths
from pbits.models.base import check_finite, finite_vector, is_symmetric, read_only, real_array
from pbits.streams import Stream, Streams

Root = Literal["symmetric", "cholesky"]
Method = Literal["symmetric", "eigenbasis", "direct"]

# Largest condition of an eigenbasis that is trusted: rounding grows by it, and 1e-10 is promised.
_CONDITION = 1e5
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
        Rates; all eigenvalues have positive real parts. It need not be symmetric.
    diffusion : float or (n, n) array
        D, symmetric and positive semi-definite; a number d stands for d·1. 1/β gives the law N(m, A⁻¹/β) where
        A is symmetric.
    mean : (n,) array, optional
        m; zero when absent.
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
        ‖W‖‖W⁻¹‖ of the eigenvectors W in the Frobenius norm, n where A is symmetric; above 1e5 the method is
        "direct".
    rates : (n,) array
        Real parts of the eigenvalues of A, rising.

    Raises
    ------
    ValueError
        When A is not square or not stable, or D is not symmetric and positive semi-definite.

    Notes
    -----
    A path of T steps of many chains is two products with (n, n) matrices and work of order n a step: noise is
    turned into modes, modes relax one by one, and the path is turned back. Where A or D is not the symmetric
    case, Φ and the covariance ∫₀^Δt e^(−As) 2D e^(−Aᵀs) ds come from a power series over Δt/2ᵏ and k doublings
    C ← C + ΦCΦᵀ, Φ ← Φ², which add positive matrices only and lose nothing for short steps.

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
            rates, vectors = np.linalg.eigh(matrix)
            modes = Modes(vectors=vectors, inverse=vectors.T, rates=rates, frequencies=np.empty(0))
            self.condition = float(self.n)
        else:
            rates, modes, self.condition = _eigenbasis(matrix)
        if rates.min() <= 0:
            raise ValueError(
                f"A has an eigenvalue of real part {rates.min():.3g}; it must be positive, or no law is stationary"
            )
        self.A = read_only(matrix)
        self.rates = read_only(np.sort(rates))
        self._modes = modes if self.condition <= _CONDITION else None
        self.method: Method = "direct"
        if self._modes is not None:
            self.method = "symmetric" if symmetric and strength is not None else "eigenbasis"

    def __repr__(self) -> str:
        return f"OrnsteinUhlenbeck(n={self.n}, method={self.method!r})"

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The stationary covariance Σ, (n, n)."""
        sigma = np.asarray(solve_continuous_lyapunov(self.A, 2 * self.diffusion))
        return (sigma + sigma.T) / 2

    def matrices(self, duration: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Φ and R of one step x' = m + Φ(x − m) + Rξ, both (n, n).

        Raises
        ------
        ValueError
            For a duration that is not positive, or a covariance of the step that has no Cholesky factor.
        """
        lengths = _durations([duration])
        if self.method == "symmetric":
            assert self._modes is not None
            vectors, spread = self._modes.vectors, self._spread(lengths)[0]
            phi = (vectors * np.exp(-self.rates * duration)) @ vectors.T
            if self.root == "symmetric":
                return phi, (vectors * spread) @ vectors.T
            return phi, _cholesky((vectors * spread**2) @ vectors.T, duration)
        phi, noise = _step(self.A, self.diffusion, duration)
        return phi, _cholesky(noise, duration) if self.root == "cholesky" else _symmetric_root(noise)

    def transition(self, duration: float) -> Transition:
        """The step over a duration, in units of 1/A. Raises as `matrices`."""
        lengths = _durations([duration])
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
        lengths = _durations(durations)
        if np.ptp(lengths) <= 4 * np.finfo(float).eps * lengths.sum():
            lengths = np.full(len(lengths), lengths.mean())
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

    def _spread(self, durations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation of the noise of each mode, (steps, n), in the symmetric case."""
        assert self._strength is not None
        return np.sqrt(self._strength * -np.expm1(-2 * np.outer(durations, self.rates)) / self.rates)

    def _in_modes(self, durations: NDArray[np.float64]) -> Transition:
        """Steps of the symmetric case with the symmetric root, one for each duration."""
        assert self._modes is not None
        decay, turn = self._modes.over(durations)
        spread = read_only(self._spread(durations))
        modes = self._modes
        return _ModalTransition(mean=self.mean, into=modes.vectors, modes=modes, decay=decay, turn=turn, spread=spread)


def start_states(x0: ArrayLike, n: int) -> NDArray[np.float64]:
    start = np.atleast_2d(real_array(x0, "x0"))
    if start.ndim != 2 or start.shape[1] != n:
        raise ValueError(f"x0 has shape {start.shape}; expected ({n},) or (chains, {n})")
    check_finite(start, "x0")
    return start


def _durations(durations: ArrayLike) -> NDArray[np.float64]:
    lengths = real_array(durations, "durations")
    if lengths.ndim != 1 or not lengths.size:
        raise ValueError(f"durations have shape {lengths.shape}; expected (steps,), with at least one step")
    check_finite(lengths, "durations")
    if lengths.min() <= 0:
        raise ValueError(f"a duration is {lengths.min()}; it must be positive")
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


def _eigenbasis(A: NDArray[np.float64]) -> tuple[NDArray[np.float64], Modes | None, float]:
    """Real parts of the eigenvalues, the modes (none where there is no basis) and their condition."""
    values, vectors = (np.asarray(part, dtype=np.complex128) for part in np.linalg.eig(A))
    paired, alone = values.imag > 0, values.imag == 0
    columns = [vectors[:, paired].real, vectors[:, paired].imag, vectors[:, alone].real]
    basis = np.concatenate(columns, axis=1)
    rates = np.concatenate([values[paired].real, values[paired].real, values[alone].real])
    try:
        inverse = np.asarray(np.linalg.inv(basis), dtype=np.float64)
    except np.linalg.LinAlgError:
        return rates, None, math.inf
    condition = float(np.linalg.norm(basis) * np.linalg.norm(inverse))
    modes = Modes(vectors=basis, inverse=inverse, rates=rates, frequencies=values[paired].imag)
    return rates, modes, condition


def _step(
    A: NDArray[np.float64], D: NDArray[np.float64], duration: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Φ and the covariance of the noise of one step, for any A and D."""
    size = float(np.linalg.norm(A, 1)) * duration
    doublings = max(0, math.ceil(math.log2(2 * size)))
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
    variances, axes = np.linalg.eigh(noise)
    return (axes * np.sqrt(np.maximum(variances, 0))) @ axes.T
