"""Dense associative memory: patterns as minima of a steeper energy, which many more of them fit into."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import PolynomialModel
from pbits.models.base import site_states
from pbits.problems.memory import SpinMemory, digit_images

_MOST_TERMS = 1_000_000

# Overlaps held at once by `settle`.
_BATCH = 1 << 22

# Patterns that tell how strongly stored spins are held: enough for a mean.
_PROBED = 16


class DenseMemory(SpinMemory):
    """Recall of p patterns ξ^μ ∈ {−1, +1}ⁿ by E(s) = −(n/k) Σ_μ m_μ^k, with the overlaps m_μ = ξ^μ·s/n.

    k = 2 is Hebb's rule but for the constant p/2. With larger k an overlap counts less the smaller it is, so the noise
    from other patterns falls with n^−(k−1) and about as many more of them fit in (see
    `pbits.problems.capacity.crosstalk_errors`). The factor keeps the input that holds a stored spin at about 1.

    D. Krotov, J. J. Hopfield, "Dense associative memory for pattern recognition", NIPS 29 (2016), arXiv:1606.01164,
    with F(x) = x^k/(k n^(k−1)); from memory.

    Parameters
    ----------
    patterns : (p, n) array of ±1
    order : int
        k, 2 to 8. Of odd order a pattern's negative is no memory.
    cue, target, shape
        As in `HopfieldMemory`.

    Raises
    ------
    ValueError
        For an order out of range, patterns as in `HopfieldMemory`; and on `to_model` for more than a million terms.

    Notes
    -----
    The model is the exact expansion into products of different spins: of the sets of j = k, k − 2, … sites each has the
    weight W(k, j) Σ_μ Π_{i∈S} ξ_i^μ / (k n^(k−1)), with W(k, j) the number of words of k sites in which those of S
    come up an odd number of times and all others an even number. A million terms are reached at n = 182 with k = 3,
    and at n = 71 with k = 4. `settle` needs no terms, but is this computer's doing and no machine's.

    Examples
    --------
    >>> memory = DenseMemory([[1, 1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1]], order=3)
    >>> memory.to_model()
    PolynomialModel(n=6, terms=13, order=3)
    >>> memory.settle([[1, 1, 1, 1, -1, 1]])
    array([[ 1,  1,  1,  1, -1, -1]], dtype=int8)
    """

    def __init__(
        self,
        patterns: ArrayLike,
        order: int = 3,
        cue: ArrayLike | None = None,
        target: int | None = None,
        shape: tuple[int, ...] | None = None,
        name: str | None = None,
    ):
        if not (isinstance(order, int | np.integer) and not isinstance(order, bool) and 2 <= order <= 8):
            raise ValueError(f"order is {order!r}; expected a whole number from 2 to 8")
        self.order = int(order)
        self.signed = self.order % 2 == 1
        super().__init__(patterns, cue, target, shape)
        self.name = name or f"dense memory of order {order}, {len(self.patterns)} patterns of {self.n} spins"

    @classmethod
    def from_digits(cls, count: int = 5, each: int = 1, order: int = 3) -> DenseMemory:
        """The first images of each digit 0 … count−1 in scikit-learn's scans; +1 where ink ≥ 8 of 16."""
        ink, _ = digit_images(count, each)
        spins = np.where(ink >= 8, 1, -1)
        return cls(spins, order, shape=(8, 8), name=f"{len(spins)} images of digits, order {order}")

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E of states of shape (..., n) from their overlaps; the result has shape (...)."""
        spins = site_states(states, self.n).astype(np.float64)
        m = spins @ self.patterns.T.astype(np.float64) / self.n
        return -self.n / self.order * (m**self.order).sum(axis=-1)

    def build_model(self) -> PolynomialModel:
        n, k = self.n, self.order
        sizes = range(k % 2 or 2, min(k, n) + 1, 2)
        needed = sum(math.comb(n, size) for size in sizes)
        if needed > _MOST_TERMS:
            raise ValueError(
                f"order {k} of {n} spins needs {needed:,} terms, and at most {_MOST_TERMS:,} are built; take a lower "
                "order or fewer spins, or settle(cues), which needs none"
            )
        # Energies of whole states are n/k times a sum of m^k.
        scale = self.n / k / float(n) ** k
        terms: dict[tuple[int, ...], float] = {}
        for size in sizes:
            sites = np.array(list(itertools.combinations(range(n), size)), dtype=np.int64)
            shared = np.zeros(len(sites), dtype=np.int64)
            for pattern in self.patterns:
                shared += pattern[sites].prod(axis=1, dtype=np.int8)
            weights = scale * _words(n, k, size) * shared
            terms.update(zip(map(tuple, sites.tolist()), weights.tolist()))
        constant = 0.0 if k % 2 else scale * _words(n, k, 0) * len(self.patterns)
        return PolynomialModel(n, terms, offset=-constant)

    def settle(self, cues: ArrayLike, sweeps: int = 100) -> NDArray[np.int8]:
        """Where cues (m, n) end at zero temperature, one spin after another, until nothing moves; (m, n).

        A spin takes the sign of its input, and keeps its own where that is 0. Held are overlaps alone, so time and
        memory are of order n p for a sweep of one cue. Not counted and not priced: no machine does this.
        """
        states = site_states(cues, self.n)
        if states.ndim != 2 or not (np.abs(states) == 1).all():
            raise ValueError(f"cues have shape {states.shape}; expected (m, {self.n}) of −1 or +1")
        block = max(1, _BATCH // len(self.patterns))
        return np.concatenate([self._settled(states[at : at + block], sweeps) for at in range(0, len(states), block)])

    def _settled(self, cues: NDArray, sweeps: int) -> NDArray[np.int8]:
        xi, k = self.patterns.astype(np.float64) / self.n, self.order
        s = cues.astype(np.float64)
        m = s @ xi.T
        for _ in range(sweeps):
            moved = False
            for i in range(self.n):
                rest = m - s[:, i, None] * xi[:, i]
                pull = ((rest + xi[:, i]) ** k - (rest - xi[:, i]) ** k).sum(axis=1)
                turned = pull * s[:, i] < -1e-12
                if turned.any():
                    moved = True
                    s[turned, i] *= -1
                    m[turned] = rest[turned] + s[turned, i, None] * xi[:, i]
            if not moved:
                break
        return s.astype(np.int8)

    def beta_range(self) -> tuple[float, float] | None:
        """β from 4/f to 12/f, with f the mean input that holds a spin of the first patterns, as in `HopfieldMemory`."""
        xi = self.patterns[:_PROBED].astype(np.float64)
        energies = self.energy(xi)
        flipped = xi[:, None, :] * (1 - 2 * np.eye(self.n))
        # A spin that is held by the input f costs 2f to turn over.
        held = float((self.energy(flipped) - energies[:, None]).mean()) / 2
        return (4 / held, 12 / held) if held > 1e-9 else None

    def annealing(self, embedded: bool = False) -> dict[str, Any]:
        """20 sweeps at the highest β from the cue. Without a cue, a usual anneal."""
        span = self.beta_range()
        return {} if self.cue is None or span is None else {"sweeps": 20, "beta_start": span[1], "levels": 1}


@cache
def _words(n: int, length: int, odd: int) -> int:
    """Words of `length` letters out of n in which `odd` given ones come up an odd number of times, all others even.

    Of the walks along the edges of a hypercube of n dimensions these are the ones that end `odd` edges away.
    """
    if length == 0:
        return int(odd == 0)
    ways = (n - odd) * _words(n, length - 1, odd + 1) if odd < n else 0
    return ways + (odd * _words(n, length - 1, odd - 1) if odd else 0)
