"""The Langevin equation in any potential, by small steps whose error falls with their length.

Numbers are drawn from the THERMAL stream by (chain, step, site): the same bits, however a run is cut into calls or
blocks, and with any number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.kernels import langevin as kernels
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.langevin.linear import start_states
from pbits.models import EnergyModel
from pbits.models.base import check_finite, read_only, real_array
from pbits.models.potential import PotentialModel, QuarticModel
from pbits.streams import Stream, Streams

Scheme = Literal["euler-maruyama", "leimkuhler-matthews", "baoab"]

# Chains that an integrator moves together, at least, and sites: few enough for the cache, enough for vectors.
_BLOCK = 64
_SITES = 4096


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """States of an integrator, (chains, samples, n): positions, and velocities where the equation has them."""

    x: NDArray[np.float64]
    v: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class Integrator:
    """Small steps of a Langevin equation in any potential U, many chains side by side.

    Parameters
    ----------
    scheme : {"baoab", "leimkuhler-matthews", "euler-maruyama"}
        "baoab" solves the underdamped dx = v dt, dv = −∇U dt − γv dt + √(2γ/β) dW, of unit masses (a mass m is
        x → √m x). The other two solve its overdamped limit γ dx = −∇U dt + √(2γ/β) dW.
    step : float
        h, in the unit of time in which U, γ and masses are given.
    friction : float
        γ.

    Raises
    ------
    ValueError
        For an unknown scheme, or a step or friction that is not positive.

    Notes
    -----
    All have the stationary law exp(−βU) as h → 0. Averages over the stationary law are off by O(h) with
    "euler-maruyama" and O(h²) with the other two. In a harmonic well of curvature k, with a = hk/γ: the variance of x
    is 1/(βk(1 − a/2)) with "euler-maruyama", exactly 1/βk with the others as long as a < 2 or h²k < 4; and the
    kinetic temperature <v²> of "baoab" is (1 − h²k/4)/β. Steps beyond those bounds, or up the wall of a quartic well
    from far outside, run away.

    B. Leimkuhler, C. Matthews, "Rational construction of stochastic numerical methods for molecular sampling",
    Appl. Math. Res. Express 2013 (from memory: the orders are tested here).

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.langevin import Integrator
    >>> from pbits.models.potential import QuarticModel
    >>> from pbits.streams import Streams
    >>> wells = QuarticModel([1.0, 1.0], [1.0, 1.0], [[0.0, 0.3], [0.3, 0.0]])
    >>> moves = Integrator(scheme="baoab", step=0.1)
    >>> path = moves.sample(wells, np.zeros((4, 2)), Streams(seed=1), beta=3.0, samples=10, steps_per_sample=5)
    >>> path.x.shape, path.v.shape
    ((4, 10, 2), (4, 10, 2))
    """

    scheme: Scheme
    step: float
    friction: float = 1.0

    def __post_init__(self) -> None:
        if self.scheme not in get_args(Scheme):
            raise ValueError(f"scheme is {self.scheme!r}; it must be one of {', '.join(get_args(Scheme))}")
        for name in ("step", "friction"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be positive and finite")

    def sample(
        self,
        model: QuarticModel | PotentialModel,
        x0: ArrayLike,
        streams: Streams,
        *,
        beta: ArrayLike = 1.0,
        samples: int,
        steps_per_sample: int = 1,
        v0: ArrayLike | None = None,
        chain0: int = 0,
        step0: int = 0,
    ) -> Trajectory:
        """States after every `steps_per_sample` steps.

        Parameters
        ----------
        model : QuarticModel or PotentialModel
            U is its energy. A quartic model, and a potential with a compiled gradient, run without Python.
        x0 : (n,) or (chains, n) array
        streams : Streams
        beta : float or (samples × steps_per_sample,) array
            β of all steps, or of each.
        samples, steps_per_sample : int
        v0 : (n,) or (chains, n) array, optional
            Velocities to start "baoab" with; at rest when absent.
        chain0, step0 : int
            Absolute number of the first chain (even) and of the first step: a path goes on from its last states
            with ``step0`` the number of steps made.

        Raises
        ------
        ValueError
            For a β that is not positive, fewer than one sample or step, velocities for an overdamped scheme, or
            positions that ran away, which a smaller step cures.
        TypeError
            For another kind of model.
        """
        if samples < 1 or steps_per_sample < 1:
            raise ValueError(f"{samples} samples of {steps_per_sample} steps; both must be at least 1")
        steps = samples * steps_per_sample
        betas = np.array(np.broadcast_to(real_array(beta, "beta"), (steps,)))
        check_finite(betas, "beta")
        if betas.min() <= 0:
            raise ValueError(f"β is {betas.min()}; it must be positive, as the noise grows as 1/√β")
        underdamped = self.scheme == "baoab"
        if v0 is not None and not underdamped:
            raise ValueError(f"v0 is given, but {self.scheme} is overdamped: its equation has no velocities")
        advance, potential = _advance(self.scheme, model)
        start = start_states(x0, model.n)
        chains = len(start)
        speeds = np.zeros_like(start) if v0 is None else np.broadcast_to(start_states(v0, model.n), start.shape)
        key = streams.key(Stream.THERMAL)
        x = np.empty((chains, samples, model.n))
        v = np.empty(x.shape if underdamped else (chains, 0, 0))
        blocks = chain_blocks(chains, max(_BLOCK, _SITES // model.n // 2 * 2))

        def run(number: int) -> None:
            block = blocks[number]
            shape = (samples, model.n, block.stop - block.start)
            seen_x, seen_v = np.empty(shape), np.empty(shape if underdamped else (0, 0, 0))
            advance(
                start[block].T.copy(), speeds[block].T.copy(), seen_x, seen_v, potential, betas, self.step,
                self.friction, *key, chain0 + block.start, step0,
            )  # fmt: skip
            x[block] = seen_x.transpose(2, 0, 1)
            v[block] = seen_v.transpose(2, 0, 1) if underdamped else v[block]

        with Pool(threads()) as pool:
            pool.map(run, len(blocks))
        if not np.isfinite(x[:, -1]).all():
            raise ValueError(f"positions ran away with steps of {self.step}; take a smaller one")
        return Trajectory(x=read_only(x), v=read_only(v) if underdamped else None)


def _advance(scheme: Scheme, model: EnergyModel) -> tuple[Any, Any]:
    """The integrator in the form that suits the model, and the potential as it takes it."""
    if isinstance(model, QuarticModel):
        return kernels.quartic[scheme], model.terms
    if not isinstance(model, PotentialModel):
        raise TypeError(f"a {type(model).__name__} has no gradient; give a QuarticModel or a PotentialModel")
    if model.compiled is not None:
        return kernels.compiled[scheme], model.compiled

    def slope(out: NDArray[np.float64], x: NDArray[np.float64]) -> None:
        out[:] = model.gradient(x.T).T

    return kernels.plain[scheme], slope
