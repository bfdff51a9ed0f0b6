"""Bayesian regression, linear and logistic: the posterior is the law that a machine samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from pbits.models import GaussianModel, PotentialModel
from pbits.models.base import finite_vector, read_only, real_array
from pbits.problems.base import Solution
from pbits.problems.estimates import MeanAndCovariance, Method, MomentsOfStates, deviation

# Steps of Newton's method, of which some ten do.
_NEWTON = 500


class _Posterior(MomentsOfStates):
    """The law of weights w given observations (X, y); the answer is its mean and covariance, at β = 1.

    The score is the distance of the sampled mean from the exact one, in posterior standard deviations, root mean square
    over the weights.
    """

    unit = "posterior sd"

    def __init__(self, X: ArrayLike, prior_sd: float, names: tuple[str, ...] | None):
        self.X = read_only(real_array(X, "X"))
        if self.X.ndim != 2 or not self.X.size or not np.isfinite(self.X).all():
            raise ValueError(f"X has shape {self.X.shape}; expected finite numbers (m, n)")
        self.prior_sd = _positive("prior_sd", prior_sd)
        self._n = self.X.shape[1]
        if names is not None and len(names) != self._n:
            raise ValueError(f"names has {len(names)} entries; expected {self._n}, one per weight")
        self.names = names

    def score(self, answer: MeanAndCovariance | ArrayLike) -> float:
        """Of the mean, with or without its covariance; nan where the exact one is not known."""
        mean = answer.mean if isinstance(answer, MeanAndCovariance) else finite_vector(answer, self._n, "the mean")
        exact = self._known()
        return math.nan if exact is None else float(np.sqrt((((mean - exact.mean) / exact.sd) ** 2).mean()))

    def distance(self, answer: MeanAndCovariance) -> float:
        """Of mean and covariance; nan where the exact ones are not known."""
        exact = self._known()
        return math.nan if exact is None else deviation(answer, exact)

    def _known(self) -> MeanAndCovariance | None:
        try:
            return self.exact()
        except ValueError:
            return None

    def picture(self, solution: Solution) -> dict[str, Any] | None:
        found, exact = solution.value, self._known()
        return {
            "kind": "estimate",
            "labels": [f"x{k}" for k in range(self._n)] if self.names is None else list(self.names),
            "mean": found.mean.tolist(),
            "sd": found.sd.tolist(),
            "exact_mean": None if exact is None else exact.mean.tolist(),
            "exact_sd": None if exact is None else exact.sd.tolist(),
        }


class GaussianPosterior(_Posterior):
    """Bayesian linear regression: y = Xw + noise, with w ~ N(0, prior_sd²) and noise ~ N(0, noise_sd²).

    The posterior is N(A⁻¹b, A⁻¹) with A = XᵀX/noise_sd² + I/prior_sd² and b = Xᵀy/noise_sd², which is the
    model's law at β = 1; the answer is its mean and covariance. The score is the distance of the sampled mean from the
    exact one, in posterior standard deviations, root mean square over the weights.

    Parameters
    ----------
    X : (m, n) array
        One row per observation.
    y : (m,) array
    noise_sd, prior_sd : float
        Positive.
    names : tuple of n str, optional
        Of the weights.

    Raises
    ------
    ValueError
        For arrays of other shapes, numbers that are not finite, or a standard deviation that is not positive.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> from pbits.problems import GaussianPosterior
    >>> task = GaussianPosterior([[1.0], [1.0], [1.0]], [2.0, 2.0, 2.0], noise_sd=1.0, prior_sd=1.0)
    >>> task.exact().mean, task.exact().sd
    (array([1.5]), array([0.5]))
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        noise_sd: float,
        prior_sd: float,
        names: tuple[str, ...] | None = None,
        name: str | None = None,
    ):
        super().__init__(X, prior_sd, names)
        self.y = finite_vector(y, len(self.X), "y")
        self.noise_sd = _positive("noise_sd", noise_sd)
        self.name = name or f"Bayesian regression, {self._n} weights, {len(self.X)} observations"

    @classmethod
    def from_diabetes(cls, prior_sd: float = 1.0, noise_sd: float | None = None) -> GaussianPosterior:
        """The ten weights of scikit-learn's diabetes data, all columns scaled to mean 0 and sd 1.

        `noise_sd` is the residual standard deviation of the least-squares fit where not given.
        """
        try:
            from sklearn.datasets import load_diabetes
        except ImportError as error:
            raise ImportError("from_diabetes needs scikit-learn: pip install 'pbits[examples]'") from error
        data: Any = load_diabetes()
        X, y = _standardised(data.data), _standardised(data.target)
        if noise_sd is None:
            residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
            noise_sd = float(np.sqrt(residual @ residual / (len(y) - X.shape[1])))
        return cls(X, y, noise_sd, prior_sd, tuple(data.feature_names), "Bayesian regression, diabetes data")

    def build_model(self) -> GaussianModel:
        precision = self.X.T @ self.X / self.noise_sd**2 + np.eye(self._n) / self.prior_sd**2
        return GaussianModel((precision + precision.T) / 2, self.X.T @ self.y / self.noise_sd**2)

    def exact(self) -> MeanAndCovariance:
        return self._moments

    @cached_property
    def _moments(self) -> MeanAndCovariance:
        model: Any = self.to_model()
        return MeanAndCovariance(mean=model.mean, covariance=np.linalg.inv(model.A))

    def methods(self) -> Mapping[str, Method]:
        return {"cholesky": self._cholesky}

    def _cholesky(self) -> tuple[MeanAndCovariance, float, int]:
        """A and b from the data, a factorisation, and the inverse for the standard deviations."""
        (m, n), model = self.X.shape, self.build_model()
        factor = cho_factor(model.A)
        value = MeanAndCovariance(mean=cho_solve(factor, model.b), covariance=cho_solve(factor, np.eye(n)))
        return value, m * n**2 + 2 * m * n + n**3 + 2 * n**2, 1


# Proposals of the reference, how many effective ones make it one, and degrees of freedom of their law.
_PROPOSALS = 40_000
_LEAST_EFFECTIVE = 2_000
_FREEDOM = 20


class LogisticPosterior(_Posterior):
    """Bayesian logistic regression: P(y = 1) = 1/(1 + e^(−xᵀw)), with w ~ N(0, prior_sd²).

    E(w) = Σ_i ln(1 + exp(−y_i x_iᵀw)) + |w|²/(2 prior_sd²) for labels y_i = ±1: a convex potential without a
    closed-form law, which `PotentialModel` holds. Its gradient is two matrix products by BLAS.

    Parameters
    ----------
    X : (m, n) array
        One row per observation; give it a column of ones for an intercept.
    labels : (m,) array
        0 and 1, or −1 and +1.
    prior_sd : float
        Positive.
    names : tuple of n str, optional
        Of the weights.

    Raises
    ------
    ValueError
        For arrays of other shapes, other labels, or a standard deviation that is not positive.
    TypeError
        For entries that are no real numbers.

    Examples
    --------
    >>> from pbits.problems import LogisticPosterior
    >>> task = LogisticPosterior([[1.0], [2.0], [-1.0]], [1, 1, 0], prior_sd=1.0)
    >>> task.mode().round(2), task.exact().mean.round(2)
    (array([0.88]), array([0.98]))
    """

    def __init__(
        self,
        X: ArrayLike,
        labels: ArrayLike,
        prior_sd: float,
        names: tuple[str, ...] | None = None,
        name: str | None = None,
    ):
        super().__init__(X, prior_sd, names)
        given = finite_vector(labels, len(self.X), "labels", per="row of X")
        if not (np.isin(given, (0, 1)).all() or np.isin(given, (-1, 1)).all()):
            raise ValueError("labels must be 0 and 1, or −1 and +1")
        self.labels = read_only(np.where(given > 0, 1.0, -1.0))
        self._signed = self.labels[:, None] * self.X
        self.name = name or f"logistic regression, {self._n} weights, {len(self.X)} observations"

    @classmethod
    def from_breast_cancer(cls, prior_sd: float = 1.0) -> LogisticPosterior:
        """Benign or not by the ten mean features of scikit-learn's breast cancer data, scaled to mean 0 and sd 1.

        With the intercept they are eleven weights.
        """
        try:
            from sklearn.datasets import load_breast_cancer
        except ImportError as error:
            raise ImportError("from_breast_cancer needs scikit-learn: pip install 'pbits[examples]'") from error
        data: Any = load_breast_cancer()
        X = np.column_stack([np.ones(len(data.data)), _standardised(data.data[:, :10])])
        names = ("intercept", *(name.removeprefix("mean ") for name in data.feature_names[:10]))
        return cls(X, data.target, prior_sd, names, "logistic regression, breast cancer data")

    def build_model(self) -> PotentialModel:
        m, n = self.X.shape
        # Two products, a logistic function (10) an observation, and the prior.
        return PotentialModel(n, self._energy, self._gradient, gradient_flops=4 * m * n + 10 * m + 2 * n)

    def _energy(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.logaddexp(0, -w @ self._signed.T).sum(axis=-1) + 0.5 * (w**2).sum(axis=-1) / self.prior_sd**2

    def _gradient(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        return w / self.prior_sd**2 - expit(-w @ self._signed.T) @ self._signed

    def _hessian(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        p = expit(self._signed @ w)
        return (self._signed.T * (p * (1 - p))) @ self._signed + np.eye(self._n) / self.prior_sd**2

    def mode(self) -> NDArray[np.float64]:
        """The weights of highest posterior density, by Newton's method, (n,)."""
        return self._newton()[0]

    def estimate(
        self, states: NDArray[np.float64], beta: float, step_tau: float | None
    ) -> tuple[MeanAndCovariance, MeanAndCovariance | None, float | None]:
        if beta != 1:
            raise ValueError(
                f"the run is at β = {beta:g}; a posterior that is not normal does not follow from draws at another β "
                "than 1: take Schedule(beta=1.0)"
            )
        return super().estimate(states, beta, step_tau)

    def _newton(self) -> tuple[NDArray[np.float64], int]:
        w = np.zeros(self._n)
        for iterations in range(1, _NEWTON + 1):
            slope = self._gradient(w)
            step = np.linalg.solve(self._hessian(w), slope)
            # Halved until the energy falls by a part of what the slope promises; close to the mode by rounding only.
            promised, length = float(slope @ step), 1.0
            if promised < 1e-20 * (1 + abs(float(self._energy(w)))):
                return w - step, iterations
            while self._energy(w - length * step) > self._energy(w) - 0.25 * length * promised and length > 1e-9:
                length /= 2
            w = w - length * step
        raise ValueError(
            f"Newton's method finds no mode within {_NEWTON} steps; scale the columns of X to a standard deviation of "
            "about 1, and take a smaller prior_sd where the classes can be told apart without error"
        )

    def exact(self) -> MeanAndCovariance:
        """By importance sampling with 40,000 fixed proposals around the mode: to about 1 % of a standard deviation.

        Raises
        ------
        ValueError
            Where the posterior is so far from normal that fewer than 2000 proposals count.
        """
        return self._reference

    @cached_property
    def _reference(self) -> MeanAndCovariance:
        return self._importance()[0]

    def methods(self) -> Mapping[str, Method]:
        return {"importance": self._importance, "laplace": self._laplace}

    def _laplace(self) -> tuple[MeanAndCovariance, float, int]:
        """The normal law at the mode: no exact answer, but what is usual."""
        mode, iterations = self._newton()
        covariance = np.asarray(np.linalg.inv(self._hessian(mode)), dtype=np.float64)
        value = MeanAndCovariance(mean=mode, covariance=covariance)
        return value, self._newton_flops(iterations) + 2 * self._n**3, iterations

    def _newton_flops(self, iterations: int) -> float:
        """Gradient, Hessian and system of each iteration; a logistic function counts as 10 operations."""
        m, n = self.X.shape
        return iterations * (4 * m * n + 10 * m + 2 * m * n**2 + m * n + 2 * n**3 / 3)

    def _importance(self) -> tuple[MeanAndCovariance, float, int]:
        mode, iterations = self._newton()
        (m, n), random = self.X.shape, np.random.Generator(np.random.Philox(0))
        root = np.linalg.cholesky(np.linalg.inv(self._hessian(mode)))
        heavy = np.sqrt(random.chisquare(_FREEDOM, _PROPOSALS) / _FREEDOM)
        offsets = random.standard_normal((_PROPOSALS, n)) / heavy[:, None]
        states = mode + offsets @ root.T
        log_proposed = -(_FREEDOM + n) / 2 * np.log1p((offsets**2).sum(axis=1) / _FREEDOM)
        log_weights = -self._energy(states) - log_proposed
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        effective = 1 / float((weights**2).sum())
        if effective < _LEAST_EFFECTIVE:
            raise ValueError(
                f"only {effective:.3g} of {_PROPOSALS:,} proposals count: the posterior is far from normal, and its "
                "exact moments are not known here; take a smaller prior_sd or fewer weights"
            )
        mean = weights @ states
        deviations = states - mean
        value = MeanAndCovariance(mean=mean, covariance=(weights[:, None] * deviations).T @ deviations)
        each = 2 * m * n + 20 * m + 2 * n**2
        return value, self._newton_flops(iterations) + _PROPOSALS * each, iterations


def _standardised(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}; it must be positive and finite")
    return float(value)
