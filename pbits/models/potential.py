"""Potentials of any shape over real sites: what circuits of non-linear cells hold."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import EnergyModel, check_finite, finite_vector, real_array, site_states
from pbits.models.ising import IsingModel

# At how many places a potential that is only known as a function is told from another.
_PROBES = 16


class PotentialModel(EnergyModel):
    """E(x) over x ∈ ℝⁿ as two functions; P(x) ∝ exp(−βE), whose integral the caller must know to be finite.

    Parameters
    ----------
    n : int
        Number of sites.
    energy : function
        E of states of shape (..., n), as an array of shape (...).
    gradient : function
        ∇E of states of shape (..., n), of the same shape.
    compiled : function, optional
        The gradient once more as a function compiled by numba (``numba.njit``): ``compiled(slope, x)`` writes
        ∇E(x) into `slope`, both of shape (n, chains). With it integrators run without Python.
    gradient_flops : float, optional
        Operations of the gradient of one state, which a processor is charged for; None where nobody counted.

    Raises
    ------
    ValueError
        When, at the probed states, a function gives another shape than stated or a number that is not finite, or
        the two gradients differ.
    TypeError
        When `energy` or `gradient` is no function.

    Notes
    -----
    Functions cannot be stored with a run, and are known by their values alone: the fingerprint is that of the
    energies at 16 fixed normal states.

    Examples
    --------
    >>> import numpy as np
    >>> import pbits
    >>> well = PotentialModel(1, lambda x: np.cosh(x).sum(-1), lambda x: np.sinh(x))
    >>> well.energy([[0.0], [1.0]]).round(3)
    array([1.   , 1.543])
    >>> well.gradient([0.0])
    array([0.])
    """

    domain = "real"
    offset = 0.0

    def __init__(
        self,
        n: int,
        energy: Callable[[NDArray[np.float64]], ArrayLike],
        gradient: Callable[[NDArray[np.float64]], ArrayLike],
        compiled: Callable[..., None] | None = None,
        gradient_flops: float | None = None,
    ):
        self.n = operator.index(n)
        if self.n < 1:
            raise ValueError(f"n is {n}; a model needs at least one site")
        for name, function in (("energy", energy), ("gradient", gradient), ("compiled", compiled)):
            if not callable(function) and not (name == "compiled" and function is None):
                raise TypeError(f"{name} is a {type(function).__name__}; give a function of states")
        self._energy = energy
        self._gradient = gradient
        self.compiled = compiled
        self.gradient_flops = gradient_flops
        self._probed()
        slopes = self.gradient(self._probes())
        check_finite(slopes, "gradient at normal states")
        if compiled is not None:
            written = np.zeros((self.n, _PROBES))
            compiled(written, np.ascontiguousarray(self._probes().T))
            gap = float(np.abs(written.T - slopes).max())
            if gap > 1e-9 * (1 + float(np.abs(slopes).max())):
                raise ValueError(f"the compiled gradient differs from `gradient` by up to {gap:.3g} at normal states")

    def __repr__(self) -> str:
        return f"PotentialModel(n={self.n})"

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        x = site_states(states, self.n).astype(np.float64)
        return _of_shape(self._energy(x), "energy", x.shape, x.shape[:-1])

    def gradient(self, states: ArrayLike) -> NDArray[np.float64]:
        """∇E of states of shape (..., n); the result has the same shape."""
        x = site_states(states, self.n).astype(np.float64)
        return _of_shape(self._gradient(x), "gradient", x.shape, x.shape)

    def _probes(self) -> NDArray[np.float64]:
        return np.random.Generator(np.random.Philox(0)).standard_normal((_PROBES, self.n))

    def _probed(self) -> NDArray[np.float64]:
        energies = self.energy(self._probes())
        check_finite(energies, "energy at normal states")
        return energies

    def _identity(self) -> dict[str, NDArray]:
        return {"n": np.array(self.n), "probed": self._probed()}

    def arrays(self) -> dict[str, NDArray]:
        raise TypeError(
            "a PotentialModel is two functions, which no file can hold; store run.states and run.energies, or use "
            "a QuarticModel, which is stored whole"
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> PotentialModel:
        raise TypeError("a PotentialModel is two functions, which no file can hold; build it from them again")


class QuarticModel(EnergyModel):
    """E(x) = offset + Σ_i (¼ a_i x_i⁴ − ½ b_i x_i²) − ½ xᵀJx − hᵀx: coupled double wells where b_i > 0.

    A lone site with h = 0 has its minima at x = ±√(b/a), behind a barrier of b²/4a. With a = b → ∞ the sites are
    the spins of an `IsingModel` with the same J and h.

    Parameters
    ----------
    a : (n,) array
        At least 0.
    b : (n,) array
        Of either sign. Where a is 0 it is minus the spring constant of a harmonic well.
    J : (n, n) array or scipy sparse array, optional
        Symmetric couplings with a zero diagonal; none when absent.
    h : (n,) array, optional
        Tilts; zero when absent.
    offset : float
        Constant added to every energy.

    Attributes
    ----------
    couplings : IsingModel
        J, h and the offset.

    Raises
    ------
    ValueError
        For an a_i below 0, or energies without a lower bound: the sites without a quartic term must be bound by
        the quadratic ones, so that diag(−b) − J is positive definite among them. Else as an `IsingModel`.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> import pbits
    >>> wells = QuarticModel([1.0, 1.0], [1.0, 1.0], [[0.0, 0.5], [0.5, 0.0]])
    >>> wells.energy([[1.0, 1.0], [1.0, -1.0]])
    array([-1.,  0.])
    """

    domain = "real"

    def __init__(
        self,
        a: ArrayLike,
        b: ArrayLike,
        J: ArrayLike | sp.sparray | None = None,
        h: ArrayLike | None = None,
        offset: float = 0.0,
    ):
        self.n = len(np.atleast_1d(real_array(a, "a")))
        self.a = finite_vector(a, self.n, "a")
        self.b = finite_vector(b, self.n, "b")
        none: Any = sp.csr_array((self.n, self.n))
        self.couplings = IsingModel(none if J is None else J, h, offset)
        self.offset = self.couplings.offset
        if self.couplings.n != self.n:
            raise ValueError(f"J has shape {self.couplings.J.shape}; expected ({self.n}, {self.n}), as a has {self.n}")
        if self.a.min() < 0:
            raise ValueError(f"a[{self.a.argmin()}] is {self.a.min()}; it must be at least 0, or E has no lower bound")
        bare = np.flatnonzero(self.a == 0)
        if len(bare):
            stiffness = -np.diag(self.b[bare]) - self.couplings.csr[bare][:, bare].toarray()
            lowest = float(np.linalg.eigvalsh(stiffness)[0])
            if lowest <= 0:
                raise ValueError(
                    f"E has no lower bound along the sites with a = 0 (lowest stiffness {lowest:.3g}); make their a "
                    "positive, or lower their b by at least that much"
                )

    @classmethod
    def from_quartic_units(
        cls,
        J2: ArrayLike,
        J4: ArrayLike,
        b: ArrayLike | None = None,
        J: ArrayLike | sp.sparray | None = None,
    ) -> QuarticModel:
        """E(x) = Σ_i (J₂_i x_i² + J₄_i x_i⁴ + b_i x_i) + Σ_(i<j) J_ij x_i x_j: the units of S. Whitelam's networks.

        S. Whitelam, arXiv:2412.17183 (its potential from the project's research notes).

        Parameters
        ----------
        J2, J4 : (n,) array
        b : (n,) array, optional
            Zero when absent.
        J : (n, n) array or scipy sparse array, optional
            Symmetric, with a zero diagonal; each pair is counted once. None when absent.

        Raises
        ------
        ValueError, TypeError
            As for any `QuarticModel`.

        Examples
        --------
        >>> units = QuarticModel.from_quartic_units([1.0, 1.0], [0.5, 0.5], [0.2, 0.0], [[0.0, 0.3], [0.3, 0.0]])
        >>> units.energy([1.0, 2.0])  # 1.5 + 0.2 + 4 + 8 + 0.6
        array(14.3)
        """
        couplings: Any = J if J is None or sp.issparse(J) else real_array(J, "J", "couplings")
        return cls(
            4 * real_array(J4, "J4"),
            -2 * real_array(J2, "J2"),
            None if couplings is None else -couplings,
            None if b is None else -real_array(b, "b"),
        )

    def __repr__(self) -> str:
        return f"QuarticModel(n={self.n}, couplings={self.couplings.n_couplings})"

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        x = site_states(states, self.n).astype(np.float64)
        flat = x.reshape(-1, self.n).T
        squares = flat * flat
        wells = (0.25 * self.a) @ (squares * squares) - (0.5 * self.b) @ squares
        pairs = np.einsum("ik,ik->k", flat, self.couplings.csr @ flat)
        energies = self.offset + wells - 0.5 * pairs - self.couplings.h @ flat
        return energies.reshape(x.shape[:-1])

    def gradient(self, states: ArrayLike) -> NDArray[np.float64]:
        """∇E of states of shape (..., n); the result has the same shape."""
        x = site_states(states, self.n).astype(np.float64)
        flat = x.reshape(-1, self.n)
        slope = (self.a * flat * flat - self.b) * flat - (self.couplings.csr @ flat.T).T - self.couplings.h
        return slope.reshape(x.shape)

    @property
    def terms(self) -> tuple[NDArray, ...]:
        """a, b, h and the CSR couplings (indptr, indices, data): what the kernels take."""
        csr = self.couplings.csr
        return self.a, self.b, self.couplings.h, csr.indptr, csr.indices, csr.data

    def arrays(self) -> dict[str, NDArray]:
        return {"a": self.a, "b": self.b} | self.couplings.arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> QuarticModel:
        pairs = IsingModel.from_arrays(arrays)
        return cls(arrays["a"], arrays["b"], pairs.csr, pairs.h, pairs.offset)


def _of_shape(values: ArrayLike, name: str, given: tuple[int, ...], expected: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != expected:
        raise ValueError(f"{name} of states of shape {given} has shape {array.shape}; expected {expected}")
    return array
