"""The law of a linear circuit, and how it moves when its components do.

A circuit M u̇ + K u = I + ξ with noise of density S settles to the mean m = K⁻¹I and the covariance of

    KΣMᵀ + MΣKᵀ = S

in which M holds what stores (capacitors, inductors), K what conducts, and u the voltages of the cells and the currents
of their inductors. No symmetry is asked for. With M + εM₁, K + εK₁, S + εS₁ and I + εI₁ the first terms of
m + εm₁ + ε²m₂ and Σ + εΣ₁ + ε²Σ₂ come from the same equation with other right-hand sides,

    Km₁ = I₁ − K₁m                 L(Σ₁) = S₁ − ⟨K₁ΣMᵀ + KΣM₁ᵀ⟩
    Km₂ = −K₁m₁                    L(Σ₂) = −⟨K₁Σ₁Mᵀ + KΣ₁M₁ᵀ + K₁ΣM₁ᵀ⟩

where L(X) = ⟨KXMᵀ⟩ and ⟨X⟩ = X + Xᵀ. For symmetric K, M = c·1 and equal noise, Σ = κK⁻¹ and Σ₁ = −ΣK₁Σ/κ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.constants import Boltzmann
from scipy.linalg import block_diag, get_lapack_funcs, schur

from hardware_models.langevin.noise import White
from hardware_models.langevin.parts import Parts, to_ground

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What an effect does to the law of the cells' voltages: its mean over chips, and its spread from chip to chip.

    Attributes
    ----------
    mean : (n,) array
        Volts.
    covariance : (n, n) array
        Volts².
    mean_spread, covariance_spread : arrays of the same shapes
        Standard deviations from chip to chip; 0 where all chips are alike.
    """

    mean: Array
    covariance: Array
    mean_spread: Array
    covariance_spread: Array

    def relative(self, covariance: Array) -> float:
        """Root mean square over chips of ‖δΣ‖/‖Σ‖ (Frobenius), for the covariance Σ without the effect."""
        return float(np.sqrt((self.covariance**2 + self.covariance_spread**2).sum()) / np.linalg.norm(covariance))


@dataclass(frozen=True, kw_only=True, eq=False)
class Moved:
    """m₁, Σ₁, m₂ and Σ₂ of all states."""

    mean: Array
    covariance: Array
    mean2: Array
    covariance2: Array


class Balance:
    """The law of parts with white noise and amplifiers without a pole.

    Parameters
    ----------
    parts : Parts

    Attributes
    ----------
    n : int
        Cells; their voltages are the first n states.
    M, K, S : (states, states) array
    I : (states,) array

    Raises
    ------
    ValueError
        For other noise, an amplifier pole, cells without storage, or a circuit that is not stable.

    Examples
    --------
    >>> import numpy as np
    >>> parts = Parts(capacitance_f=[[1e-9]], conductance_s=[[1e-3]], drive_a=[1e-4], noise_a2_per_hz=[[2e-14]])
    >>> cell = Balance(parts)
    >>> cell.mean.round(6), cell.covariance.round(6)
    (array([0.1]), array([[0.01]]))
    """

    def __init__(self, parts: Parts):
        if not isinstance(parts.spectrum, White) or parts.amplifier_pole_hz is not None:
            raise ValueError(
                "the parts have coloured noise or amplifiers with a pole already; ask for this effect on parts with "
                "white noise and ideal amplifiers, or Netlist.of(parts).linear().stationary() for the law of them all"
            )
        self.n = parts.n
        self._inductors = parts.inductance_h is not None
        self._kelvin = parts.temperature_k
        self.M, self.K, self.S, self.I = self._assembled(
            {name: getattr(parts, name) for name in _FIELDS if getattr(parts, name) is not None}
        )
        if self._inductors:
            self.K = self.K + np.kron([[0, 1], [-1, 0]], np.eye(self.n))
        if np.linalg.cond(self.M / np.abs(self.M).max(axis=1, keepdims=True, initial=1e-300)) > 1e12:
            raise ValueError("a cell has no capacitor, so that white noise makes its voltage infinite; give it one")
        form, self._basis = schur(solved(self.M, self.K), output="real")[:2]
        slowest = float(np.linalg.eigvals(form).real.min())
        if slowest <= 0:
            raise ValueError(
                f"the circuit grows at a rate of {-slowest:.3g}/s and has no law; make conductances to ground larger"
            )
        self._form = form

    def _assembled(self, fields: Mapping[str, Array]) -> tuple[Array, Array, Array, Array]:
        """M, K, S and I, to all of which components contribute in proportion."""
        n = self.n
        table, row = np.zeros((n, n)), np.zeros(n)
        conductors = to_ground(fields.get("conductance_s", table))
        M, K = to_ground(fields.get("capacitance_f", table)), conductors + fields.get("transconductance_s", table)
        kelvin = 2 * Boltzmann * self._kelvin
        S, current = fields.get("noise_a2_per_hz", table) + kelvin * conductors, fields.get("drive_a", row)
        if not self._inductors:
            return M, K, S, current
        ohm = np.diag(fields.get("inductor_ohm", row))
        stored = np.diag(fields.get("inductance_h", row))
        M, K, S = (np.asarray(block_diag(*pair)) for pair in ((M, stored), (K, ohm), (S, kelvin * ohm)))
        return M, K, S, np.concatenate([current, row])

    @cached_property
    def mean(self) -> Array:
        """m of all states."""
        return solved(self.K, self.I)

    @cached_property
    def covariance(self) -> Array:
        """Σ of all states."""
        return self.settled(self.S)

    def settled(self, S: Array) -> Array:
        """The X of KXMᵀ + MXKᵀ = S, for a symmetric S."""
        inward = solved(self.M, solved(self.M, S).T)
        (trsyl,) = get_lapack_funcs(("trsyl",), (self._form, inward))
        found, scale, _ = trsyl(self._form, self._form, self._basis.T @ inward @ self._basis, tranb="T")
        return self._basis @ (found / scale) @ self._basis.T

    def along(self, **components: Array) -> Moved:
        """What a change of components, named as in `Parts`, does to first and second order."""
        M, K, S, current = self._assembled(components)
        return self.moved(M, K, S, current)

    def moved(self, M: Array, K: Array, S: Array, current: Array) -> Moved:
        """What changes M₁, K₁, S₁ and I₁ do."""
        m, sigma = self.mean, self.covariance
        first = solved(self.K, current - K @ m)
        covariance = self.settled(S - _both(K @ sigma @ self.M.T + self.K @ sigma @ M.T))
        rest = K @ covariance @ self.M.T + self.K @ covariance @ M.T + K @ sigma @ M.T
        return Moved(
            mean=first,
            covariance=covariance,
            mean2=-solved(self.K, K @ first),
            covariance2=-self.settled(_both(rest)),
        )

    def change(
        self,
        mean: Array | float = 0.0,
        covariance: Array | float = 0.0,
        mean_variance: Array | float = 0.0,
        covariance_variance: Array | float = 0.0,
    ) -> Change:
        """What was found of all states, of the cells' voltages."""
        n, row, table = self.n, np.zeros_like(self.I), np.zeros_like(self.K)
        return Change(
            mean=(row + mean)[:n],
            covariance=(table + covariance)[:n, :n],
            mean_spread=np.sqrt(row + mean_variance)[:n],
            covariance_spread=np.sqrt(table + covariance_variance)[:n, :n],
        )

    def scattered(self, changes: Iterable[Mapping[str, Array]]) -> Change:
        """What independent changes of mean 0, each of the given standard deviation, do to each chip.

        The spread to first order and the mean to second: Σ_k (m₁ₖ)² and Σ_k m₂ₖ.
        """
        sums: list[Array | float] = [0.0, 0.0, 0.0, 0.0]
        for components in changes:
            moved = self.along(**components)
            terms = (moved.mean2, moved.covariance2, moved.mean**2, moved.covariance**2)
            sums = [total + term for total, term in zip(sums, terms)]
        return self.change(*sums)


_FIELDS = (
    "capacitance_f", "conductance_s", "transconductance_s", "inductance_h", "inductor_ohm", "drive_a",
    "noise_a2_per_hz",
)  # fmt: skip


def solved(matrix: Array, right: Array) -> Array:
    """matrix⁻¹ · right."""
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def _both(matrix: Array) -> Array:
    return matrix + matrix.T
