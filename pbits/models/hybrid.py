"""The hybrid model: sites that hold categories and modes that hold reals, such as mixtures of Gaussians."""

from __future__ import annotations

import operator
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import EnergyModel, check_finite, read_only, real_array, site_states
from pbits.models.categorical import CategoricalModel
from pbits.models.gaussian import GaussianModel


class HybridModel(EnergyModel):
    """E(c, x) = E_d(c) + ½ xᵀAx − (b + Σ_i B_i[c_i])ᵀx over categories c and real modes x ∈ ℝᵐ.

    The categories choose where the modes settle, x | c ~ N(A⁻¹(b + Σ_i B_i[c_i]), A⁻¹/β), and the modes lower the
    energy of category a of site i by B_i[a]ᵀx. One site and some modes are a mixture of Gaussians (`mixture`); several
    sites that are coupled, or modes that are, make a mixture of many more.

    Parameters
    ----------
    discrete : CategoricalModel
        E_d. A site of two categories is a p-bit: `CategoricalModel.from_ising` turns spins into such sites.
    A : (m, m) array
        Symmetric and positive definite, as in a `GaussianModel`.
    b : (m,) array, optional
        Zero when absent.
    drives : mapping {site: (q_i, m) array}
        B_i: row a is what category a of the site drives the modes with; zero for a site that is absent.

    Attributes
    ----------
    discrete : CategoricalModel
    modes : GaussianModel
        ½ xᵀAx − bᵀx.
    drives_flat : (Σ q_i, m) float64 array
        B_i begins at row ``discrete.unary_starts[i]``.

    Raises
    ------
    ValueError
        As a `GaussianModel`; for a site outside the discrete part, or a drive of another shape, not finite or above
        1e150 in magnitude.
    TypeError
        For a discrete part that is no `CategoricalModel`, a site that is no whole number, or entries that are no real
        numbers.

    Notes
    -----
    States are float64 of shape (..., n): the categories first, as whole numbers, then the modes. The offset is that of
    the discrete part.

    Examples
    --------
    A p-bit that pushes a mode to −1 or +1:

    >>> import pbits
    >>> pair = pbits.HybridModel(pbits.CategoricalModel([2]), [[1.0]], drives={0: [[-1.0], [1.0]]})
    >>> pair.energy([[0, -1.0], [1, -1.0]])
    array([-0.5,  1.5])
    """

    domain = "mixed"

    def __init__(
        self,
        discrete: CategoricalModel,
        A: ArrayLike,
        b: ArrayLike | None = None,
        drives: Mapping[int, ArrayLike] | None = None,
    ):
        if not isinstance(discrete, CategoricalModel):
            raise TypeError(
                f"discrete is a {type(discrete).__name__}; give a CategoricalModel, or GaussianModel(A, b) without one "
                "(CategoricalModel.from_ising(model) takes spins as sites of two categories)"
            )
        self.discrete = discrete
        self.modes = GaussianModel(A, b)
        self.n = discrete.n + self.modes.n
        self.offset = discrete.offset
        flat = np.zeros((int(discrete.n_states.sum()), self.modes.n))
        for given, rows in (drives or {}).items():
            site = self._site(given)
            name = f"drives[{site}]"
            drive = real_array(rows, name, "drives")
            expected = (int(discrete.n_states[site]), self.modes.n)
            if drive.shape != expected:
                raise ValueError(
                    f"{name} has shape {drive.shape}; expected {expected}, a row per category and a column per mode"
                )
            check_finite(drive, name)
            flat[discrete.unary_starts[site] : discrete.unary_starts[site + 1]] = drive
        self.drives_flat = read_only(flat)

    @classmethod
    def mixture(cls, weights: ArrayLike, means: ArrayLike, A: ArrayLike) -> HybridModel:
        """Σ_a w_a N(x; μ_a, A⁻¹) at β = 1: one site whose category is the component, and modes.

        Parameters
        ----------
        weights : (k,) array
            w_a > 0, two at least; divided by their sum.
        means : (k, m) array
            μ_a.
        A : (m, m) array
            The precision that all components share.

        Raises
        ------
        ValueError
            For weights that are not positive, fewer than two of them, or means of another shape.

        Examples
        --------
        >>> import pbits
        >>> wells = pbits.HybridModel.mixture([1, 3], [[-2.0], [2.0]], [[1.0]])
        >>> pbits.exact(wells).probabilities
        array([0.25, 0.75])
        """
        modes = GaussianModel(A)
        w, mu = real_array(weights, "weights"), real_array(means, "means")
        if w.ndim != 1 or len(w) < 2 or not ((w > 0) & np.isfinite(w)).all():
            raise ValueError(f"weights are {weights!r}; a mixture needs at least two, positive and finite")
        if mu.shape != (len(w), modes.n):
            raise ValueError(f"means have shape {mu.shape}; expected {(len(w), modes.n)}, a row per component")
        check_finite(mu, "means")
        drives = mu @ modes.A
        # The integral over the modes lowers component a by half μᵀAμ.
        unary = 0.5 * np.einsum("am,am->a", mu, drives) - np.log(w / w.sum())
        return cls(CategoricalModel([len(w)], [unary]), modes.A, drives={0: drives})

    def _site(self, given: int) -> int:
        try:
            site = operator.index(given)
        except TypeError:
            raise TypeError(
                f"drives names site {given!r}; sites are the whole numbers 0 to {self.discrete.n - 1}"
            ) from None
        if not 0 <= site < self.discrete.n:
            raise ValueError(f"drives names site {site}; the discrete part has sites 0 to {self.discrete.n - 1}")
        return site

    def __repr__(self) -> str:
        return f"HybridModel(categories={self.discrete.n}, modes={self.modes.n})"

    def drive(self, categories: ArrayLike) -> NDArray[np.float64]:
        """b + Σ_i B_i[c_i], shape (..., m), of categories of shape (..., n_discrete)."""
        c = site_states(categories, self.discrete.n).astype(np.int64)
        if ((c < 0) | (c >= self.discrete.n_states)).any():
            raise ValueError("a site holds a category that it does not have")
        total = np.tile(self.modes.b, (*c.shape[:-1], 1))
        for site, begin in enumerate(self.discrete.unary_starts[:-1]):
            total += self.drives_flat[begin + c[..., site]]
        return total

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(c, x) of states of shape (..., n), the categories first; the result has shape (...)."""
        state = site_states(states, self.n).astype(np.float64)
        c, x = state[..., : self.discrete.n], state[..., self.discrete.n :]
        # The drives hold b, so of the modes only the quadratic part is left to add.
        squares = self.modes.energy(x) + (x * self.modes.b).sum(axis=-1)
        return self.discrete.energy(c) + squares - (x * self.drive(c)).sum(axis=-1)

    def lists(self, site: int) -> bool:
        return site < self.discrete.n

    def values(self, site: int) -> NDArray:
        return self.discrete.values(site) if self.lists(site) else super().values(site)

    def arrays(self) -> dict[str, NDArray]:
        discrete = {f"discrete_{name}": array for name, array in self.discrete.arrays().items()}
        return {**discrete, "A": self.modes.A, "b": self.modes.b, "drives": self.drives_flat}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> HybridModel:
        prefix = "discrete_"
        parts = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        discrete = CategoricalModel.from_arrays(parts)
        rows = np.split(arrays["drives"], discrete.unary_starts[1:-1])
        return cls(discrete, arrays["A"], arrays["b"], dict(enumerate(rows)))
