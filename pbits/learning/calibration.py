"""Measure the p-bits of a chip, and program around what was found."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits.harm import HarmWarning
from pbits.learning.cost import Cost
from pbits.mapping.compensation import Network, with_fields
from pbits.mapping.compensation import compensate as compensated
from pbits.models import DirectedModel, IsingModel
from pbits.models.base import read_only
from pbits.runner import Progress, run
from pbits.schedule import Schedule
from pbits.streams import fresh_seed
from pbits.substrate import Substrate, load

DRIVES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
# Of a p-bit beside the couplings that a placement needs in order to find its wires.
_FAINT = 1e-9
_NEWTON_STEPS = 40
_SMALL_STEP = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Calibration:
    """What was measured of the p-bits that a model lies on.

    Attributes
    ----------
    alphas, offsets : (n,) array
        Of P(s_i = +1) = ½[1 + tanh α_i(x + ΔV_i)]; 1 and 0 of a p-bit that could not be measured.
    alpha_errors, offset_errors : (n,) array
        Standard errors, widened where the draws scatter more than independent ones about the fit; infinite of a p-bit
        that could not be measured.
    unmeasured : (k,) array
        p-bits that no drive left in doubt: stuck, or with an offset beyond the drives.
    cost : Cost
        Of the measurement, on the device.
    """

    alphas: NDArray[np.float64]
    offsets: NDArray[np.float64]
    alpha_errors: NDArray[np.float64]
    offset_errors: NDArray[np.float64]
    unmeasured: NDArray[np.int64]
    cost: Cost

    def __repr__(self) -> str:
        return f"Calibration(n={len(self.alphas)}, unmeasured={len(self.unmeasured)}, {self.cost})"

    @property
    def residual(self) -> tuple[float, float]:
        """Root mean square of α_i/α̂_i − 1 and of ΔV_i − ΔV̂_i to be expected after compensation."""
        known = np.setdiff1d(np.arange(len(self.alphas)), self.unmeasured)
        slope, offset = self.alpha_errors[known] / self.alphas[known], self.offset_errors[known]
        return float(np.sqrt(np.mean(slope**2))), float(np.sqrt(np.mean(offset**2)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Compensation:
    """A program that makes up for what was measured.

    Attributes
    ----------
    program : IsingModel or DirectedModel
        To be run instead of the model, on this chip and at this β.
    calibration : Calibration
    """

    program: Network
    calibration: Calibration


def calibrate(
    model: Network,
    machine: str | Path | Substrate,
    *,
    chip_seed: int = 0,
    beta: float = 1.0,
    drives: Sequence[float] = DRIVES,
    sweeps: int = 10,
    chains: int = 4000,
    seed: int | None = None,
    progress: Progress = False,
) -> Calibration:
    """Slope and offset of each p-bit that a model lies on, from a sweep of fields without couplings.

    Parameters
    ----------
    model : IsingModel or DirectedModel
        Says which p-bits; its couplings are not programmed.
    machine : str, path or Substrate
    chip_seed : int
    beta : float
    drives : sequence of float
        Values of βI; at least two.
    sweeps, chains : int
        Of the run at each drive, after which each chain is read once. p-bits that move less than once a step need more
        sweeps to forget their start.
    seed, progress
        As `pbits.run` takes them.

    Raises
    ------
    ValueError
        For fewer than two drives, a β that is not positive.
    NotMappable
        When the machine cannot hold the model.

    Notes
    -----
    Maximum likelihood of the shares of +1 at the drives: a logistic regression for each p-bit.
    """
    row = np.unique(np.asarray(drives, dtype=np.float64))
    if row.ndim != 1 or len(row) < 2 or not np.isfinite(row).all():
        raise ValueError(f"drives are {drives!r}; a slope needs at least two different, finite values of βI")
    if not (np.isfinite(beta) and beta > 0):
        raise ValueError(f"beta is {beta}; a field of drive/β needs a positive, finite β")
    substrate = machine if isinstance(machine, Substrate) else load(machine)
    alone = _alone(model, substrate)
    # An anneal at one β: its last states are kept, and not judged against exact laws, which would take longer.
    schedule = Schedule.anneal(sweeps=sweeps, beta_start=beta, beta_stop=beta, levels=1, chains=chains)
    first = fresh_seed() if seed is None else seed
    shares = np.empty((len(row), model.n))
    cost = Cost()
    for k, drive in enumerate(row):
        with warnings.catch_warnings():
            # What is lost here is the couplings that were not wanted.
            warnings.simplefilter("ignore", HarmWarning)
            done = run(
                with_fields(alone, np.full(model.n, drive / beta)), substrate, schedule,
                seed=first + k, chip_seed=chip_seed, progress=progress,
            )  # fmt: skip
        shares[k] = (1 + done.states.mean(axis=(0, 1), dtype=np.float64)) / 2
        cost += Cost.of(done)
    return _fit(row, shares, chains, cost)


def compensate(
    model: Network,
    machine: str | Path | Substrate,
    *,
    chip_seed: int = 0,
    beta: float = 1.0,
    drives: Sequence[float] = DRIVES,
    sweeps: int = 10,
    chains: int = 4000,
    seed: int | None = None,
    progress: Progress = False,
) -> Compensation:
    """Measure a chip, and what to program so that it realises the model at β: arguments as of `calibrate`.

    What is left is what the measurement did not tell, `Calibration.residual`, and what the machine rounds. With known
    slopes and offsets, `pbits.mapping.compensation.compensate` is exact.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2), (2, 0)], [1.0, 1.0, -1.0])
    >>> found = compensate(ring, "ideal", chains=1000, seed=1)
    >>> found.calibration.unmeasured.size, bool(abs(found.calibration.alphas - 1).max() < 0.2)
    (0, True)
    """
    found = calibrate(
        model, machine, chip_seed=chip_seed, beta=beta, drives=drives, sweeps=sweeps, chains=chains,
        seed=seed, progress=progress,
    )  # fmt: skip
    program = compensated(model, alphas=found.alphas, offsets=found.offsets, beta=beta)
    return Compensation(program=program, calibration=found)


def _alone(model: Network, machine: Substrate) -> Network:
    """The p-bits of a model without its couplings, where the model would put them."""
    if machine.capabilities.topology is None:
        return IsingModel.from_edges(model.n, np.empty((0, 2), dtype=np.int64), [])
    csr: Any = model.csr.copy()
    csr.data = np.full(csr.nnz, _FAINT)
    return DirectedModel(csr) if isinstance(model, DirectedModel) else IsingModel(csr)


def _fit(x: NDArray[np.float64], shares: NDArray[np.float64], draws: int, cost: Cost) -> Calibration:
    """Newton's method on the likelihood of b + ax, P = σ(2(b + ax)), all p-bits at once."""
    x = x[:, None]
    a, b = np.zeros((2, shares.shape[1]))
    step = np.full(shares.shape[1], np.inf)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_NEWTON_STEPS):
            fitted, (bb, ab, aa, area) = _curvature(x, a, b, draws)
            pull = 2 * draws * (shares - fitted)
            to_b, to_a = pull.sum(axis=0), (pull * x).sum(axis=0)
            step_b, step_a = (aa * to_b - ab * to_a) / area, (bb * to_a - ab * to_b) / area
            step = np.abs(step_b) + np.abs(step_a)
            # A step of two in the argument of the tanh crosses the whole sigmoid.
            shorter = np.minimum(1, 2 / step)
            a, b = a + shorter * step_a, b + shorter * step_b
        known = (step < _SMALL_STEP) & (a > 0)
        fitted, (bb, ab, aa, area) = _curvature(x, a, b, draws)
        chi2 = (draws * (shares - fitted) ** 2 / (fitted * (1 - fitted)))[:, known].sum()
        freedom = (len(x) - 2) * int(known.sum())
        wider = np.sqrt(max(1.0, chi2 / freedom)) if freedom else 1.0
        offsets = b / a
        alpha_errors = wider * np.sqrt(bb / area)
        offset_errors = wider * np.sqrt((aa + 2 * offsets * ab + offsets**2 * bb) / area) / a
    return Calibration(
        alphas=read_only(np.where(known, a, 1.0)),
        offsets=read_only(np.where(known, offsets, 0.0)),
        alpha_errors=read_only(np.where(known, alpha_errors, np.inf)),
        offset_errors=read_only(np.where(known, offset_errors, np.inf)),
        unmeasured=read_only(np.flatnonzero(~known)),
        cost=cost,
    )


def _curvature(
    x: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], draws: int
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """P, and minus the second derivatives of the likelihood in b and a with their determinant."""
    fitted = 0.5 * (1 + np.tanh(b + a * x))
    mass = 4 * draws * fitted * (1 - fitted)
    bb, ab, aa = mass.sum(axis=0), (mass * x).sum(axis=0), (mass * x**2).sum(axis=0)
    return fitted, (bb, ab, aa, bb * aa - ab**2)
