"""Chains whose sites hold categories, reals or both: p-dits that relax, modes that settle, blocks of either kind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbits.kernels.hybrid import hybrid_sweeps
from pbits.models import CategoricalModel, EnergyModel, GaussianModel, HybridModel
from pbits.sweeps.categorical import tabled_neighbours
from pbits.sweeps.columns import LANES, ColumnsEngine
from pbits.sweeps.engine import Engine, Key, Options
from pbits.sweeps.scan import Scan, Settling


class HybridEngine(Engine):
    """Categories site by site, by the heat bath or by draws of p-cells, and then all free modes at once.

    Modes move exactly, over any time: the law of the whole is that of the model as long as the temperatures are equal.
    Every decision is a Philox word of (chain, site, step, draw), so draws depend on neither blocks nor calls.
    """

    BLOCK = 64

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        self._key = key
        self._chain0 = chain0
        self._chains = states.shape[1]
        self._scan = scan
        idle = -self._chains % LANES
        columns = np.concatenate([states, np.repeat(states[:, :1], idle, axis=1)], axis=1)
        self._categories = _categories(model)
        self._states = columns[: self._categories].astype(np.int16)
        self._modes = columns[self._categories :].astype(np.float64)
        self.hold(model)

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        if not isinstance(model, CategoricalModel | GaussianModel | HybridModel):
            return [f"it sweeps categories and modes; this is a {type(model).__name__}"]
        reasons = ColumnsEngine.refused_scans(scan)
        if scan.ends is None:
            return [*reasons, "it knows no random scan"]
        modes = scan.sites >= _categories(model)
        first = len(modes) - np.count_nonzero(modes)
        if modes[:first].any() or ((scan.ends > first) & (scan.ends < len(modes))).any():
            reasons.append("modes move after all categories, and all at once")
        if options.rule != "heat-bath":
            reasons.append("it knows only the heat bath")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return "chains side by side, float64 energies and modes, counter-based 32-bit decisions and normals"

    def hold(self, model: EnergyModel) -> None:
        parts = _parts(model)
        free = self._scan.sites[self._scan.sites >= self._categories] - self._categories
        step = mode_step(parts.A, self._scan.settling or Settling(), free)
        starts = parts.unary_starts
        driving = [site for site in range(self._categories) if parts.drives[starts[site] : starts[site + 1]].any()]
        draws = () if self._scan.relaxation is None else np.broadcast_to(self._scan.relaxation, self._categories)
        self._widest = int(parts.n_states.max(initial=1))
        self._n_states = parts.n_states
        sites = np.array(driving, dtype=np.int64), np.array(draws, dtype=np.int64)
        # Copies, since code is compiled anew for arrays that may not be written to.
        self._held = tuple(
            np.array(array, order="C")
            for array in (
                *parts.neighbours, parts.unary, starts, -parts.drives, parts.drives.T, sites[0], parts.b, sites[1],
                *step,
            )
        )  # fmt: skip

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        sites = self._scan.sites[self._scan.sites < self._categories].copy()
        idle = self._modes.shape[1] - self._chains
        hot = np.array(betas)[:, None] if betas.ndim == 1 else np.pad(betas, ((0, 0), (0, idle)), mode="edge")
        return hybrid_sweeps(
            self._states, self._modes, self._chains, sites, self._n_states, self._widest, *self._held, hot,
            *self._key.thermal, self._chain0, step0,
        )  # fmt: skip

    def states(self) -> NDArray:
        categories = self._states[:, : self._chains].T
        if not len(self._modes):
            return categories.copy()
        return np.concatenate([categories, self._modes[:, : self._chains].T], axis=1)

    def load(self, states: NDArray) -> None:
        self._states[:, : self._chains] = states.T[: self._categories]
        self._modes[:, : self._chains] = states.T[self._categories :]


class ModeStep(NamedTuple):
    """x' = transfer @ x + response @ force + spread @ ξ/√β of modes, all (m, m); force is b + Σ_i B_i[c_i]."""

    transfer: NDArray[np.float64]
    response: NDArray[np.float64]
    spread: NDArray[np.float64]


def mode_step(A: NDArray[np.float64], settling: Settling, free: NDArray[np.int64]) -> ModeStep:
    """The exact step of the free modes; the others stay where they are, and pull.

    In the eigenbasis of A, with rates λ_k, e^(−AΔt/τ) is diagonal and the covariance of the noise is
    2T_kl (1 − e^(−(λ_k + λ_l)Δt/τ))/(λ_k + λ_l), T_kl being diag(T) in that basis. Its symmetric root is unique, so
    draws do not depend on a library's choice of eigenvectors.
    """
    m = len(A)
    inside, fixed = np.ix_(free, free), np.setdiff1d(np.arange(m), free)
    temperatures = np.ones(m) if settling.temperatures is None else np.asarray(settling.temperatures, dtype=np.float64)
    rates, axes = np.linalg.eigh(A[inside])
    left = np.exp(-rates * settling.duration)
    transfer, response, spread = np.eye(m), np.zeros((m, m)), np.zeros((m, m))
    transfer[inside] = (axes * left) @ axes.T
    response[inside] = (axes * ((1 - left) / rates)) @ axes.T
    pairs = rates[:, None] + rates
    noise = 2 * (axes.T * temperatures[free]) @ axes * -np.expm1(-pairs * settling.duration) / pairs
    variances, noise_axes = np.linalg.eigh(axes @ noise @ axes.T)
    spread[inside] = (noise_axes * np.sqrt(np.maximum(variances, 0))) @ noise_axes.T
    transfer[np.ix_(free, fixed)] = -response[inside] @ A[np.ix_(free, fixed)]
    return ModeStep(transfer, response, spread)


class _Parts(NamedTuple):
    """A model as the kernel reads it; without categories, or without modes, the arrays of their kind are empty."""

    n_states: NDArray[np.int64]
    neighbours: tuple[NDArray, ...]
    unary: NDArray[np.float64]
    unary_starts: NDArray[np.int64]
    drives: NDArray[np.float64]
    A: NDArray[np.float64]
    b: NDArray[np.float64]


def _parts(model: EnergyModel) -> _Parts:
    discrete = model.discrete if isinstance(model, HybridModel) else model
    modes = model.modes if isinstance(model, HybridModel) else model
    if isinstance(discrete, CategoricalModel):
        n_states, neighbours = discrete.n_states.copy(), tabled_neighbours(discrete)
        unary, starts = discrete.unary_flat, discrete.unary_starts
    else:
        none, starts = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
        n_states, neighbours, unary = none, (starts, none, none, np.zeros(0)), np.zeros(0)
    A, b = (modes.A, modes.b) if isinstance(modes, GaussianModel) else (np.zeros((0, 0)), np.zeros(0))
    drives = model.drives_flat if isinstance(model, HybridModel) else np.zeros((len(unary), len(b)))
    return _Parts(n_states, neighbours, unary, starts, drives, A, b)


def _categories(model: EnergyModel) -> int:
    """Sites that hold categories; they come first."""
    if isinstance(model, HybridModel):
        return model.discrete.n
    return model.n if isinstance(model, CategoricalModel) else 0
