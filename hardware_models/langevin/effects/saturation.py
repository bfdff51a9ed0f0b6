"""Couplings that saturate: cells of a non-linear drift, their law and their steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, polygamma

from hardware_models.langevin.effects.amplifiers import active
from hardware_models.langevin.effects.balance import Balance, Change, solved
from hardware_models.langevin.effects.base import VOLTS, Built, Units, check_positive
from hardware_models.langevin.parts import Parts
from pbits.kernels.langevin_cells import saturating_path
from pbits.langevin import OrnsteinUhlenbeck
from pbits.langevin.linear import start_states
from pbits.models.base import finite_vector
from pbits.streams import Stream, Streams

Array = NDArray[np.float64]

# Share of the fastest relaxation time that a step of the integrator takes.
_STEP = 0.25


@dataclass(frozen=True, kw_only=True)
class Saturation:
    """Transconductors deliver no more than a current g·V_s: of a voltage V on their input, g V_s tanh(V/V_s).

    One cell C dV/dt = −gV_s tanh(V/V_s) + I + ξ, without a resistor, has the law cosh(v/V_s)^(−ν) e^(bv/V_s) with
    ν = V_s²/Σ and b = ν m/V_s, where m = I/g and Σ = σ²/2gC are its mean and variance without saturation. So exactly

        ⟨v⟩ = ½V_s[ψ((ν + b)/2) − ψ((ν − b)/2)]       var v = ¼V_s²[ψ'((ν + b)/2) + ψ'((ν − b)/2)]

    with ψ the digamma function; for m = 0 the variance is ½V_s²ψ'(ν/2) = Σ(1 + Σ/V_s² + …), always larger. Coupled
    cells have no Boltzmann law: noise is equal in all, but what saturates is the coupling. To first order in 1/V_s²
    their law is that of transconductances G_m(1 − diag(Σ_jj + m_j²)/V_s²), and their mean is as if currents
    G_m(m_j³/3 + m_jΣ_jj)/V_s² were added.

    Parameters
    ----------
    volts : float
        V_s.

    Raises
    ------
    ValueError
        For a voltage that is not positive; for cells with passive couplings only, inductors, coloured noise, or
        amplifiers with a pole; for a single cell whose drive current the transconductor cannot take.
    """

    volts: float
    needs: ClassVar[Units] = VOLTS

    def __post_init__(self) -> None:
        check_positive("volts", self.volts, "a voltage")

    def build(self, parts: Parts, chip: Streams) -> Built:
        """The parts as they are: what saturates is a step of the machine, see `SaturatedTransition`."""
        active(parts, "Saturation")
        _check_cells(parts)
        return parts, {"saturation": {"volts": self.volts}}

    def predict(self, parts: Parts) -> Change:
        """To first order; exact for a single cell without a resistor."""
        _check_cells(parts)
        balance, own = Balance(parts), active(parts, "Saturation")
        mean, variances = balance.mean, np.diag(balance.covariance)
        if parts.n == 1 and not parts.conductance_s.any():
            new_mean, new_variance = self.one_cell(float(mean[0]), float(variances[0]))
            return balance.change(mean=new_mean - mean, covariance=new_variance - balance.covariance)
        none = np.zeros_like(own)
        weaker = -own * (variances + mean**2) / self.volts**2
        lost = own @ (mean**3 / 3 + mean * variances) / self.volts**2
        return balance.change(
            mean=solved(balance.K, lost),
            covariance=balance.moved(none, weaker, none, 0 * mean).covariance,
        )

    def transition(
        self, parts: Parts, duration_s: float, *, volts: float = 1.0, substeps: int | None = None
    ) -> SaturatedTransition:
        """A step of these cells; states are their voltages in units of `volts`."""
        _check_cells(parts)
        balance = Balance(parts)
        A, own = (solved(balance.M, held) for held in (balance.K, active(parts, "Saturation")))
        noise = solved(balance.M, solved(balance.M, balance.S).T)
        process = OrnsteinUhlenbeck(A, (noise + noise.T) / (4 * volts**2), balance.mean / volts)
        return SaturatedTransition(process, own, self.volts / volts, duration_s, substeps)

    def one_cell(self, mean: float, variance: float) -> tuple[float, float]:
        """Mean and variance of a cell without a resistor, from those it would have without saturation."""
        if abs(mean) >= self.volts:
            raise ValueError(
                f"a mean of {mean:g} V needs more current than a transconductor gives that saturates at "
                f"{self.volts:g} V, and the cell runs away: take a larger volts or a smaller drive"
            )
        power = self.volts**2 / variance
        up, down = (power * (1 + sign * mean / self.volts) / 2 for sign in (1, -1))
        return (
            self.volts / 2 * float(digamma(up) - digamma(down)),
            self.volts**2 / 4 * float(polygamma(1, up) + polygamma(1, down)),
        )


class SaturatedTransition:
    """A step of cells whose transconductors saturate, of the same use as a `pbits.langevin.Transition`.

    Each step is made of substeps: the linear circuit moves exactly, and what the transconductors fall short of,
    active·(x − limit·tanh(x/limit)), kicks it for half a substep before and after. The law is off by the second order
    of the substep, and by nothing where nothing saturates.

    Parameters
    ----------
    process : OrnsteinUhlenbeck
        The cells without saturation.
    active : (n, n) array
        The share of its A that saturates.
    limit : float
        In the unit of x.
    duration : float
        In the unit of time of 1/A.
    substeps : int, optional
        By default substeps of at most a quarter of the fastest relaxation time.

    Attributes
    ----------
    step : float
        Duration of a substep.
    phi, root : (n, n) array
        Of a substep: propagator, and root of the noise's covariance.
    shift : (n,) array
        (1 − Φ) mean.

    Raises
    ------
    ValueError
        For fewer than one substep.
    """

    def __init__(
        self, process: OrnsteinUhlenbeck, active: Array, limit: float, duration: float, substeps: int | None = None
    ):
        if substeps is None:
            fastest = float(np.abs(np.linalg.eigvals(process.A)).max())
            substeps = max(1, math.ceil(duration * fastest / _STEP))
        if substeps < 1:
            raise ValueError(f"{substeps} substeps; a step has at least one")
        self.process, self.active, self.limit, self.substeps = process, active, limit, substeps
        self.step = duration / substeps
        self.phi, self.root = process.matrices(self.step)
        self.shift = process.mean - self.phi @ process.mean

    def path(
        self,
        x0: ArrayLike,
        steps: int,
        streams: Streams,
        *,
        amplitudes: ArrayLike | None = None,
        chain0: int = 0,
        step0: int = 0,
    ) -> Array:
        """The states after each of the next steps, (chains, steps, n); arguments as of `Transition.path`."""
        start = start_states(x0, len(self.phi))
        factors = np.ones(steps) if amplitudes is None else finite_vector(amplitudes, steps, "amplitudes", per="step")
        seen = np.empty((steps, *start.T.shape))
        saturating_path(
            start.T.copy(), seen, self.phi, self.shift, self.root, self.active, self.limit, self.step,
            np.repeat(factors, self.substeps), *streams.key(Stream.THERMAL), chain0, step0 * self.substeps,
        )  # fmt: skip
        if not np.isfinite(seen[-1]).all():
            raise ValueError(f"states ran away with {self.substeps} substeps of {self.step:g}; take more")
        return seen.transpose(2, 0, 1)


def _check_cells(parts: Parts) -> None:
    if parts.inductance_h is not None:
        raise ValueError("saturating transconductors are solved for cells without inductors; leave one of them out")
