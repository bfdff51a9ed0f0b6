"""The Langevin equation as a lattice random walk: every site steps up, steps down or stays, and no normal is drawn.

dx = f(x) dt + σ dW becomes x' = x ± δx with chances p± = ½(σ²δt/δx² ± f δt/δx), else x' = x, so that the mean and the
mean square of a step are those of the equation (S. Duffield, M. Aifer, D. Melanson, Z. Belateche, P. J. Coles, "Lattice
random walk discretisations of stochastic differential equations", arXiv:2508.20883). x = k δx is a whole number in a
register, and a decision one comparison of a random number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_discrete_lyapunov
from scipy.sparse.linalg import LinearOperator, gmres

from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.kernels.walk import decide, walk
from pbits.models import DiffusionModel, GaussianModel
from pbits.models.base import check_finite, read_only, real_array
from pbits.models.potential import PotentialModel, QuarticModel
from pbits.reference.walk import birth_death, step_chances, walk_rates
from pbits.streams import Stream, Streams

Held = GaussianModel | DiffusionModel | QuarticModel | PotentialModel

# Chains that step together: a multiple of 4, which share their random words.
_BLOCK = 256
# To which the moments obey their equation.
_SETTLED = 1e-13
# Places on either side of the first guess at where the law of one site lies, and what is left out at its ends.
_REACH, _TAIL = 256, 1e-16


@dataclass(frozen=True, kw_only=True)
class WalkPath:
    """Registers of a walk, (chains, samples, n) int32, and what happened on the way.

    Attributes
    ----------
    k : array
        x is k times the lattice spacing.
    clipped : int
        Decisions one of whose chances would have been below 0 or above 1.
    blocked : int
        Moves not made as a register was at its end.
    moved : int
        Moves made.
    """

    k: NDArray[np.int32]
    clipped: int
    blocked: int
    moved: int


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Ternary steps of dx = f(x) dt + √(2/β) D^½ dW, with one noise source for each site.

    Parameters
    ----------
    lattice : float
        δx, the length of a step, in the unit of x.
    step : float
        δt of an update, in the unit of time of the model.
    in_turn : bool
        Whether sites are updated one after another, each seeing what those before it did, or all at once.
    random_bits : int
        Of the random number of a decision: chances are rounded to the nearest multiple of 2^−bits.
    weight_bits : int, optional
        Of the coefficients of f, a sign among them; exact when absent. The linear ones and the constants share one
        step, the cubic ones of a `QuarticModel` have another.
    register_bits : int
        Registers hold −2^(bits−1) … 2^(bits−1) − 1; a step beyond is not made.

    Raises
    ------
    ValueError
        For a spacing or step that is not positive, or numbers of bits that are not whole or out of range.

    Notes
    -----
    With a linear drift the mean of every site, and the variance of a lone one, are exact at any δx and δt. So are, in
    turn, all covariances of a `GaussianModel`: an update of one site leaves ⟨x_i x_j⟩ as it is, since (AΣ)_ij is 0 off
    the diagonal. Updated at once, sites have the Σ of AΣ + ΣAᵀ − δt·offdiag(AΣAᵀ) = 2D/β (`moments`), off by O(δt). One
    site in any potential has π(k+1)/π(k) = p₊(k)/p₋(k+1), in which δt cancels: its law is off by O(δx²) alone (`law`).
    Chances below 0, where |f|δx > σ², are clipped: the drift is then too weak.

    Examples
    --------
    >>> import pbits
    >>> from pbits.langevin import Walk
    >>> well = pbits.GaussianModel([[2.0]])
    >>> coarse = Walk(lattice=0.4, step=0.02)
    >>> mean, covariance = coarse.moments(well)
    >>> round(float(covariance[0, 0]), 12)
    0.5
    """

    lattice: float
    step: float
    in_turn: bool = False
    random_bits: int = 32
    weight_bits: int | None = None
    register_bits: int = 32

    def __post_init__(self) -> None:
        for name in ("lattice", "step"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be positive and finite")
        for name in ("random_bits", "weight_bits", "register_bits"):
            bits = getattr(self, name)
            if bits is not None and not (isinstance(bits, int | np.integer) and 2 <= bits <= 32):
                raise ValueError(f"{name} is {bits}; it must be a whole number between 2 and 32")

    @property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest number a register holds."""
        return -(2 ** (self.register_bits - 1)), 2 ** (self.register_bits - 1) - 1

    def spread(self, model: Held, beta: float) -> NDArray[np.float64]:
        """σ²δt/δx² of every site, (n,): the chance that it moves in an update; a walk needs it to be at most 1.

        Raises
        ------
        ValueError
            For noise that is correlated between sites, or lacking at one.
        """
        return 2 * noise_sources(model) / beta * self.step / self.lattice**2

    def held(self, model: Held) -> Held:
        """The model whose drift the rounded weights are; a potential that is a function is taken as it is.

        Raises
        ------
        ValueError
            When the rounded weights are no model of this kind, and x has no law.
        """
        if self.weight_bits is None or isinstance(model, PotentialModel):
            return model
        scale, linear, constant, cubic = self._weights(model)
        drift = scale / self.step * linear
        pull = scale * self.lattice / self.step * constant
        if isinstance(model, QuarticModel):
            couplings = sp.csr_array(drift - sp.diags_array(drift.diagonal()))
            couplings.eliminate_zeros()
            quartic = cubic / (self.step * self.lattice**2)
            return QuarticModel(quartic, drift.diagonal(), couplings, pull, model.offset)
        A = -drift.toarray()
        if isinstance(model, GaussianModel):
            return GaussianModel(A, pull, model.offset)
        return DiffusionModel(A, pull, model.D, model.offset)

    def sample(
        self,
        model: Held,
        k0: ArrayLike,
        streams: Streams,
        *,
        beta: ArrayLike = 1.0,
        samples: int,
        updates_per_sample: int = 1,
        chain0: int = 0,
        update0: int = 0,
    ) -> WalkPath:
        """Registers after every `updates_per_sample` updates.

        Parameters
        ----------
        model : GaussianModel, DiffusionModel, QuarticModel or PotentialModel
            The gradient of a `PotentialModel` is asked for by Python in every update.
        k0 : (chains, n) array of whole numbers
        streams : Streams
        beta : float or (samples × updates_per_sample,) array
            β of all updates, or of each.
        samples, updates_per_sample : int
        chain0, update0 : int
            Absolute number of the first chain (a multiple of 4) and of the first update.

        Raises
        ------
        ValueError
            For a β that is not positive, fewer than one sample or update, start registers that do not exist, a chance
            to move above 1, or a `PotentialModel` in turn.
        """
        if samples < 1 or updates_per_sample < 1:
            raise ValueError(f"{samples} samples of {updates_per_sample} updates; both must be at least 1")
        updates = samples * updates_per_sample
        betas = np.array(np.broadcast_to(real_array(beta, "beta"), (updates,)))
        check_finite(betas, "beta")
        if betas.min() <= 0:
            raise ValueError(f"β is {betas.min()}; it must be positive, as the noise grows as 1/√β")
        spread = self.spread(model, 1.0)
        largest = float(spread.max() / betas.min())
        # A spacing chosen for a chance of 1 may overshoot it by a rounding.
        if largest > 1 + 1e-12:
            raise ValueError(
                f"a site would move with chance σ²δt/δx² = {largest:.4g}; at most 1 is possible: take a step of at "
                f"most {self.step / largest:.4g}, or a lattice of at least {self.lattice * math.sqrt(largest):.4g}"
            )
        start = np.asarray(k0)
        low, high = self.ends
        if start.ndim != 2 or start.shape[1] != model.n or (start < low).any() or (start > high).any():
            raise ValueError(
                f"k0 of shape {start.shape}; expected (chains, {model.n}) whole numbers from {low:,} to {high:,}"
            )
        key = streams.key(Stream.THERMAL)
        blocks = chain_blocks(len(start), _BLOCK)
        seen = np.empty((samples, model.n, len(start)), dtype=np.int32)
        tallies = np.zeros((len(blocks), 3), dtype=np.int64)
        advance = self._advance(model, spread, 1 / betas, updates_per_sample)

        def run(number: int) -> None:
            block = blocks[number]
            k = np.array(start[block].T, dtype=np.int32, order="C")
            part = np.empty((samples, *k.shape), dtype=np.int32)
            advance(k, part, tallies[number], *key, chain0 + block.start, update0)
            seen[..., block] = part

        with Pool(threads()) as pool:
            pool.map(run, len(blocks))
        clipped, blocked, moved = tallies.sum(axis=0).tolist()
        return WalkPath(k=read_only(seen.transpose(2, 0, 1)), clipped=clipped, blocked=blocked, moved=moved)

    def _advance(self, model: Held, spread: NDArray[np.float64], heats: NDArray[np.float64], every: int):
        low, high = self.ends
        levels = 2.0**self.random_bits
        if not isinstance(model, PotentialModel):
            scale, linear, constant, cubic = self._weights(model)
            terms = scale, linear.indptr, linear.indices, linear.data, constant, cubic, spread, heats, self.in_turn

            def compiled(k, seen, tally, *counters):
                walk(k, seen, *terms, low, high, levels, tally, *counters)

            return compiled
        if self.in_turn:
            raise ValueError("a PotentialModel gives the drift of all sites at once; take in_turn=False")

        def hosted(k, seen, tally, key0, key1, chain0, update0):
            for t, heat in enumerate(heats):
                drift = np.ascontiguousarray(-self.step / self.lattice * model.gradient(self.lattice * k.T).T)
                decide(k, drift, spread * heat, low, high, levels, tally, key0, key1, chain0, update0 + t)
                if (t + 1) % every == 0:
                    seen[t // every] = k

        return hosted

    def moments(self, model: GaussianModel | DiffusionModel, beta: float = 1.0) -> tuple[NDArray, NDArray]:
        """Mean (n,) and covariance (n, n) of the stationary law of the walk, from its moment equation.

        Exact as long as no chance is clipped, no register ends and chances are not rounded.

        Raises
        ------
        ValueError
            When the step is so long that the walk has no stationary law.
        """
        held, variances = self.held(model), 2 * noise_sources(model) / beta
        assert isinstance(held, GaussianModel | DiffusionModel)
        self.check_stable(held)
        A, mean = held.A, held.mean
        if self.in_turn and isinstance(held, GaussianModel):
            return mean, np.linalg.inv(A) / beta
        turn, into = self._pass(A)
        settle = _settled(turn)

        def squares_of(noise: NDArray[np.float64]) -> NDArray[np.float64]:
            return self._drift_squares(A, settle((into * noise) @ into.T), noise)

        # The noise of a decision is what the drift leaves of its mean square, σ²δt − ⟨f²⟩δt², and makes that drift.
        operator: Any = LinearOperator
        left = operator(A.shape, matvec=lambda noise: noise + self.step**2 * squares_of(np.ravel(noise)))
        noise, failed = gmres(left, self.step * variances, rtol=_SETTLED, atol=0.0, restart=len(A))
        if failed or noise.min() <= 0:
            raise ValueError(f"with a step of {self.step:g} the spread of the walk does not settle; take a shorter one")
        sigma = settle((into * noise) @ into.T)
        return mean, (sigma + sigma.T) / 2

    def check_stable(self, held: GaussianModel | DiffusionModel) -> None:
        """Refuse steps so long that a linear drift throws x beyond where it came from, farther each time."""
        if isinstance(held, GaussianModel):
            # In turn every site moves down its own parabola, and no farther than as high on its other side.
            stiffest = held.A.diagonal().max() if self.in_turn else np.linalg.eigvalsh(held.A)[-1]
            stable = self.step * stiffest < 2
        else:
            turn, _ = self._pass(held.A)
            stable = np.abs(np.linalg.eigvals(turn)).max() < 1
        if not stable:
            raise ValueError(
                f"with updates of {self.step:.3g} the walk overshoots and runs away; take a shorter step, or sites in "
                "turn"
            )

    def _pass(self, A: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x' = turn·x + into·ξ of an update of all sites, ξ the noise of each."""
        turn, into = np.eye(len(A)), np.eye(len(A))
        if not self.in_turn:
            return turn - self.step * A, into
        for i, row in enumerate(A):
            turn[i] -= self.step * row @ turn
            # The noise of sites that are yet to come has not been made.
            into[i, :i] -= self.step * row @ into[:, :i]
        return turn, into

    def _drift_squares(
        self, A: NDArray[np.float64], sigma: NDArray[np.float64], noise: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """⟨f_i²⟩ when site i decides, (n,)."""
        if not self.in_turn:
            return np.einsum("ij,jk,ik->i", A, sigma, A)
        found, moved = np.empty(len(A)), sigma.copy()
        for i, row in enumerate(A):
            found[i] = row @ moved @ row
            moved[i] -= self.step * row @ moved
            moved[:, i] -= self.step * moved @ row
            moved[i, i] += noise[i]
        return found

    def law(self, model: Held, beta: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places x (m,) and their probabilities (m,): the exact stationary law of one site, in any potential.

        Clipped and rounded chances, rounded weights and the ends of the register are all in it.

        Raises
        ------
        ValueError
            For more than one site, a law too wide to be listed, or chances so rounded that places fall apart.
        """
        places, up, down = self._line(model, beta)
        return self.lattice * places.astype(np.float64), birth_death(up, down)

    def rates(self, model: Held, beta: float = 1.0, count: int = 2) -> NDArray[np.float64]:
        """The slowest rates of decay of the walk of one site, rising from 0, in the inverse unit of time of the model.

        The second is the rate at which a double well forgets on which side it is: twice the rate of escape where the
        wells are alike.
        """
        _, up, down = self._line(model, beta)
        return walk_rates(up, down, count) / self.step

    def _line(self, model: Held, beta: float) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Places k around where the law of one site lies, and the chances to leave them."""
        if model.n != 1:
            raise ValueError(f"the model has {model.n} sites; the law is listed of a lone one")
        held, spread, (low, high) = self.held(model), float(self.spread(model, beta)[0]), self.ends
        reach = _REACH
        while reach <= 1 << 22:
            places = np.arange(max(low, -reach), min(high, reach) + 1)
            drift = self.step / self.lattice * _force(held, self.lattice * places[:, None].astype(np.float64))[:, 0]
            up, down = step_chances(drift, spread, self.random_bits)
            law = birth_death(up, down)
            inside = (law[0] <= _TAIL or places[0] == low) and (law[-1] <= _TAIL or places[-1] == high)
            if inside:
                return places, up, down
            reach *= 4
        raise ValueError(f"the law of the walk is wider than {2 * reach:,} places; take a wider lattice")

    def _weights(
        self, model: GaussianModel | DiffusionModel | QuarticModel
    ) -> tuple[float, sp.csr_array, NDArray[np.float64], NDArray[np.float64]]:
        """Scale, linear part (n, n), constants and cubic part of the drift in lattice spacings an update."""
        if isinstance(model, QuarticModel):
            linear: Any = self.step * sp.csr_array(model.couplings.csr + sp.diags_array(model.b))
            pull, cubic = model.couplings.h, self.step * self.lattice**2 * model.a
        else:
            linear, pull, cubic = sp.csr_array(-self.step * model.A), model.b, np.zeros(model.n)
        constant = self.step / self.lattice * pull
        if self.weight_bits is None:
            return 1.0, linear, constant, cubic
        top = 2 ** (self.weight_bits - 1) - 1
        largest = float(np.abs(linear.data).max(initial=0.0)) or float(np.abs(constant).max())
        scale = largest / top or 1.0
        unit = float(cubic.max()) / top or 1.0
        linear.data[:] = np.round(linear.data / scale)
        return scale, linear, np.round(constant / scale), np.round(cubic / unit) * unit


def noise_sources(model: Held) -> NDArray[np.float64]:
    """D of every site, (n,): 1 but for a `DiffusionModel`.

    Raises
    ------
    ValueError
        For a D that is not diagonal, or not positive at every site.
    """
    if not isinstance(model, DiffusionModel):
        return np.ones(model.n)
    own = np.diag(model.D)
    if np.abs(model.D - np.diag(own)).max() > 0:
        raise ValueError(
            "the noise of its sites is correlated (D is not diagonal); a walk draws that of each by itself"
        )
    if own.min() <= 0:
        raise ValueError(f"site {own.argmin()} has no noise (D = {own.min():g}); a walk moves by chance alone")
    return own


def _settled(turn: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """The Σ of Σ = MΣMᵀ + N as a function of N; a symmetric M is turned to its modes once."""
    if (turn != turn.T).any():
        return lambda noise: np.asarray(solve_discrete_lyapunov(turn, noise))
    kept, modes = np.linalg.eigh(turn)
    return lambda noise: modes @ ((modes.T @ noise @ modes) / (1 - np.outer(kept, kept))) @ modes.T


def _force(model: Held, states: NDArray[np.float64]) -> NDArray[np.float64]:
    """The drift of states (m, n)."""
    if isinstance(model, GaussianModel | DiffusionModel):
        return model.b - states @ model.A.T
    return -model.gradient(states)
