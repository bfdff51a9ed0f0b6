"""Sampling of potentials: double wells, polynomials, networks of quartic units, any E with a gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbits.langevin.integrators import Integrator
from pbits.langevin.scales import halved
from pbits.models import PotentialModel, QuarticModel
from pbits.problems.estimates import MeanAndCovariance, Method, MomentsOfStates, deviation
from pbits.reference.potential import integrals
from pbits.streams import Streams

# Of the digital method, side by side.
_CHAINS = 64


class PotentialSampling(MomentsOfStates):
    """Draw from P ∝ exp(−βE) of a potential; the answer is the mean and covariance of what was drawn.

    The score is their distance from the exact ones, in what a single draw knows (see `pbits.errors.Errors.measure`).
    There is none where the law is not known: by quadrature it is for one or two sites, and for uncoupled ones of a
    `QuarticModel`.

    Parameters
    ----------
    model : QuarticModel or PotentialModel
    beta : float
        Of the law, and of the runs that answer: it cannot be scaled afterwards.

    Raises
    ------
    TypeError
        For another model.
    ValueError
        For β that is not positive, and of a run at another β.

    Examples
    --------
    >>> import pbits
    >>> from pbits.problems import PotentialSampling
    >>> PotentialSampling(pbits.QuarticModel([1.0], [1.0]), beta=5.0).exact().sd.round(3)
    array([0.912])
    """

    unit = "of one draw"

    def __init__(self, model: QuarticModel | PotentialModel, beta: float = 1.0, name: str | None = None):
        if not isinstance(model, QuarticModel | PotentialModel):
            raise TypeError(f"model is a {type(model).__name__}; give a QuarticModel or a PotentialModel")
        if not (math.isfinite(beta) and beta > 0):
            raise ValueError(f"beta is {beta}; it must be positive and finite")
        self._posed, self.beta = model, float(beta)
        self.name = name or f"sampling of a potential, {model.n} sites"

    def build_model(self) -> QuarticModel | PotentialModel:
        return self._posed

    def estimate(
        self, states: NDArray[np.float64], beta: float, step_tau: float | None
    ) -> tuple[MeanAndCovariance, MeanAndCovariance | None, float | None]:
        if beta != self.beta:
            raise ValueError(
                f"the run is at β = {beta:g} and the problem asks for the law at {self.beta:g}; of a potential that is "
                f"no parabola one does not follow from the other: take Schedule(beta={self.beta:g})"
            )
        return super().estimate(states, 1.0, step_tau)

    def of_moments(self, mean: NDArray[np.float64], covariance: NDArray[np.float64], beta: float) -> MeanAndCovariance:
        return super().of_moments(mean, covariance, 1.0)

    @cached_property
    def _known(self) -> MeanAndCovariance | None:
        try:
            found = integrals(self._posed, self.beta)
        except ValueError:
            return None
        return MeanAndCovariance(mean=found.mean, covariance=found.covariance)

    def exact(self) -> MeanAndCovariance:
        """By quadrature.

        Raises
        ------
        ValueError
            Where more than two sites are coupled.
        """
        if self._known is None:
            integrals(self._posed, self.beta)
        assert self._known is not None
        return self._known

    def distance(self, answer: MeanAndCovariance) -> float:
        return math.nan if self._known is None else deviation(answer, self._known)

    def score(self, answer: MeanAndCovariance) -> float:
        return self.distance(answer)

    def methods(self) -> Mapping[str, Method]:
        sampled: dict[str, Method] = {"leimkuhler-matthews": self._sampled}
        return sampled if self._known is None else {"quadrature": self._quadrature, **sampled}

    def _quadrature(self) -> tuple[Any, float | None, int]:
        found = integrals(self._posed, self.beta)
        return MeanAndCovariance(mean=found.mean, covariance=found.covariance), None, 1

    def _sampled(self, draws: int = 1000, seed: int = 0) -> tuple[Any, float | None, int]:
        """Moments of draws of an integrator on 64 chains, ten steps apart, the first fifth thrown away."""
        step, _ = halved(self._posed, self.beta)
        moves = Integrator(scheme="leimkuhler-matthews", step=step)
        samples = math.ceil(1.25 * draws / _CHAINS)
        path = moves.sample(
            self._posed,
            np.zeros((_CHAINS, self._posed.n)),
            Streams(seed=seed),
            beta=self.beta,
            samples=samples,
            steps_per_sample=10,
        )
        kept = path.x[:, samples // 5 :].reshape(-1, self._posed.n)
        moments = MeanAndCovariance(mean=kept.mean(axis=0), covariance=np.atleast_2d(np.cov(kept, rowvar=False)))
        return moments, None, 10 * samples
