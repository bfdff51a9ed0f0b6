"""How stiff a potential is where it is likely to be found, and how short a step of an integrator must be for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pbits.langevin.integrators import Integrator, Scheme
from pbits.models.base import read_only
from pbits.models.potential import PotentialModel, QuarticModel

# Doublings of the first guess at a reach, and halvings of the bracket that they leave.
_DOUBLINGS, _HALVINGS = 200, 40
# Of the pilot of `halved`: chains, relaxation times of the softest site (the first half is warm-up), and steps at most.
_CHAINS, _RELAXATIONS, _STEPS = 512, 20, 2000
# Curvature times the first step that is tried, and how often it is halved.
_FIRST, _TRIES = 0.5, 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Wells:
    """Around one minimum of a potential.

    Attributes
    ----------
    minimum : (n,) array
    reach : (n,) array
        How far a site can be moved by itself until the energy has risen by 1/2β: the standard deviation in a harmonic
        well.
    curvature : (n,) array
        The slope at that distance, over it: the stiffness of the well at the scale of the noise.
    """

    minimum: NDArray[np.float64]
    reach: NDArray[np.float64]
    curvature: NDArray[np.float64]


def wells(model: QuarticModel | PotentialModel, beta: float) -> Wells:
    """A minimum of the potential and its widths at β; of several minima the one that a fixed start leads to.

    Raises
    ------
    ValueError
        When no minimum is found, or energies do not rise around it.

    Examples
    --------
    >>> import pbits
    >>> found = wells(pbits.QuarticModel([1.0], [1.0]), beta=1e6)
    >>> abs(found.minimum).round(4), found.curvature.round(2)
    (array([1.]), array([2.]))
    """
    if isinstance(model, QuarticModel) and not model.a.any():
        stiffness = -np.diag(model.b) - model.couplings.csr.toarray()
        own = np.diag(stiffness)
        return Wells(
            minimum=read_only(np.linalg.solve(stiffness, model.couplings.h)),
            reach=read_only(1 / np.sqrt(beta * own)),
            curvature=read_only(own.copy()),
        )
    # Not at 0, which is the top of the barrier of a symmetric double well.
    start = np.random.Generator(np.random.Philox(0)).standard_normal(model.n)
    found = minimize(lambda x: float(model.energy(x)), start, jac=model.gradient, method="L-BFGS-B", tol=1e-14)
    lowest = float(found.fun)
    if not (np.isfinite(found.x).all() and math.isfinite(lowest)):
        raise ValueError("no minimum of E was found; a potential must rise far out, or x runs away")
    axes = np.eye(model.n)

    def rise(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = distance[:, None] * axes
        return 0.5 * (model.energy(found.x + moved) + model.energy(found.x - moved)) - lowest

    reach = np.full(model.n, 1 / math.sqrt(beta))
    for _ in range(_DOUBLINGS):
        high = rise(reach) >= 0.5 / beta
        if high.all():
            break
        reach = np.where(high, reach, 2 * reach)
    else:
        raise ValueError(
            f"along site {int(rise(reach).argmin())} E does not rise by 1/2β around its minimum; bind it by a prior "
            "or a well"
        )
    low = np.zeros(model.n)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + reach)
        above = rise(middle) >= 0.5 / beta
        low, reach = np.where(above, low, middle), np.where(above, middle, reach)
    moved = reach[:, None] * axes
    slopes = np.diagonal(model.gradient(found.x + moved) - model.gradient(found.x - moved))
    return Wells(minimum=read_only(found.x), reach=read_only(reach), curvature=read_only(slopes / (2 * reach)))


def halved(
    model: QuarticModel | PotentialModel,
    beta: float,
    *,
    scheme: Scheme = "leimkuhler-matthews",
    friction: float = 1.0,
    accuracy: float = 0.01,
) -> tuple[float, float]:
    """A step of an integrator, halved until it makes no more than the wanted error, and that error.

    The error is that of the mean energy, over the ½kT of every site. It is seen by moving the same chains along the
    same noise in steps h and h/2: ⁴⁄₃ of the difference, as both schemes are of order 2, and two standard errors of it.

    Parameters
    ----------
    model : QuarticModel or PotentialModel
    beta : float
    scheme : {"leimkuhler-matthews", "baoab"}
    friction : float
    accuracy : float

    Returns
    -------
    step, error : float

    Raises
    ------
    ValueError
        When twelve halvings do not do.
    """
    around = wells(model, beta)
    stiffest, softest = float(around.curvature.max()), float(around.curvature.min())
    inertial = scheme == "baoab"
    step = _FIRST / math.sqrt(stiffest) if inertial else _FIRST * friction / stiffest
    # An oscillator forgets at γ/2 or, where friction is strong, at K/γ.
    lasting = max(2 / friction, friction / softest) if inertial else friction / softest
    error = math.inf
    for _ in range(_TRIES):
        steps = min(_STEPS, math.ceil(_RELAXATIONS * lasting / step))
        error = _difference(model, around, Integrator(scheme=scheme, step=step, friction=friction), beta, steps)
        if error <= accuracy:
            return step, error
        step /= 2
    raise ValueError(
        f"an error of {accuracy:g} of the mean energy is not reached: with steps of {2 * step:.3g} it is {error:.3g}; "
        "ask for less, or make the walls of the potential less steep"
    )


def halved_over(
    model: QuarticModel | PotentialModel,
    betas: NDArray[np.float64],
    *,
    scheme: Scheme = "leimkuhler-matthews",
    friction: float = 1.0,
    accuracy: float = 0.01,
) -> tuple[float, float]:
    """The shorter of the steps for the hottest and the coldest of some β, and the larger error; else as `halved`."""
    found = [
        halved(model, beta, scheme=scheme, friction=friction, accuracy=accuracy)
        for beta in {float(betas.min()), float(betas.max())}
    ]
    return min(step for step, _ in found), max(error for _, error in found)


def _difference(
    model: QuarticModel | PotentialModel, around: Wells, moves: Integrator, beta: float, steps: int
) -> float:
    rng = np.random.Generator(np.random.Philox(1))
    start = around.minimum + around.reach * rng.standard_normal((_CHAINS, model.n))
    coarse, fine = (_mover(model, moves.scheme, h, moves.friction, beta) for h in (moves.step, moves.step / 2))
    # Noise of the second half of a step has had less time to be forgotten.
    kept = math.exp(-moves.friction * moves.step / 2) if moves.scheme == "baoab" else 1.0
    at, near = (start, np.zeros_like(start)), (start, np.zeros_like(start))
    before = [rng.standard_normal(start.shape)] * 2
    found = np.zeros(_CHAINS)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps):
            first, second = rng.standard_normal((2, *start.shape))
            near = fine(fine(near, before[1], first), first, second)
            joined = (kept * first + second) / math.sqrt(1 + kept**2)
            at = coarse(at, before[0], joined)
            before = [joined, second]
            if 2 * t >= steps:
                found += model.energy(at[0]) - model.energy(near[0])
    found /= steps - math.ceil(steps / 2)
    if not np.isfinite(found).all():
        return math.inf
    off = abs(float(found.mean())) + 2 * float(found.std()) / math.sqrt(_CHAINS)
    return 4 / 3 * off / (0.5 * model.n / beta)


State = tuple[NDArray[np.float64], NDArray[np.float64]]


def _mover(
    model: QuarticModel | PotentialModel, scheme: str, h: float, friction: float, beta: float
) -> Callable[[State, NDArray[np.float64], NDArray[np.float64]], State]:
    """One step of positions and velocities, by the noise of the step before and its own."""

    def overdamped(state: State, before: NDArray[np.float64], noise: NDArray[np.float64]) -> State:
        x, v = state
        amplitude = math.sqrt(h / (2 * beta * friction))
        return x - h / friction * model.gradient(x) + amplitude * (before + noise), v

    def inertial(state: State, _: NDArray[np.float64], noise: NDArray[np.float64]) -> State:
        x, v = state
        kept = math.exp(-friction * h)
        v = v - 0.5 * h * model.gradient(x)
        x = x + 0.5 * h * v
        v = kept * v + math.sqrt((1 - kept**2) / beta) * noise
        x = x + 0.5 * h * v
        return x, v - 0.5 * h * model.gradient(x)

    return inertial if scheme == "baoab" else overdamped
