"""Boltzmann machines as scikit-learn estimators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.preprocessing import LabelEncoder
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("the estimators need scikit-learn: pip install 'pbits[examples]'") from error

from pbits.learning.inference import Inference, class_probabilities, classify, generate_samples, pseudo_possible
from pbits.learning.likelihood import exact_log_likelihood, units_to_enumerate
from pbits.learning.log_z import LogZEstimate, ais, estimated_log_likelihood
from pbits.learning.mean_field import mean_field
from pbits.learning.plan import LearningPlan, Rate
from pbits.learning.training import Trained, train
from pbits.models import BoltzmannModel
from pbits.streams import derived_seed
from pbits.substrate import Substrate, load

# Sites that are enumerated for an exact likelihood; beyond, it is estimated.
EXACT_UNITS = 18
WIRINGS = ("deep", "general")


class _Base(TransformerMixin, BaseEstimator):
    """What the estimators share: bits in, a trained machine inside."""

    # Set by the subclasses.
    method: str
    sweeps: int
    learning_rate: float
    batch_size: int
    n_iter: int
    momentum: float
    weight_decay: float
    weight_bits: int | None
    threshold: float | None
    machine: str | Path | Substrate
    chip_seed: int
    random_state: Any
    verbose: int
    model_: BoltzmannModel
    seed_: int
    n_iter_: int

    def _start(self, features: int, classes: int, seed: int) -> BoltzmannModel:
        raise NotImplementedError

    def _objective(self) -> str:
        return "joint"

    def _bits(self, X: ArrayLike, *, reset: bool) -> NDArray[np.int8]:
        """Spins of bits, or of what lies above the threshold."""
        # scikit-learn comes without types.
        check: Any = validate_data
        values: NDArray[Any] = check(self, X, reset=reset, dtype=(np.float64, np.float32))
        if self.threshold is not None:
            return np.where(values > self.threshold, 1, -1).astype(np.int8)
        wrong = (values != 0) & (values != 1)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"X[{row}, {column}] is {values[row, column]:g}, and a machine of bits holds 0 or 1; give bits, or a "
                "threshold above which a value counts as 1"
            )
        return np.where(values == 1, 1, -1).astype(np.int8)

    def _plan(self, epochs: int, rows: int, last: float) -> LearningPlan:
        return LearningPlan(
            method=self.method,  # type: ignore[arg-type]
            sweeps=self.sweeps,
            epochs=epochs,
            batch=min(self.batch_size, rows),
            rate=Rate(first=self.learning_rate, last=last),
            momentum=self.momentum,
            decay=self.weight_decay,
            weight_bits=self.weight_bits,
            objective=self._objective(),  # type: ignore[arg-type]
            monitor="auto" if self._objective() == "joint" else "none",
        )

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _learn(self, spins: NDArray[np.int8], labels: NDArray[np.int64] | None, classes: int) -> None:
        self.seed_ = self._seed()
        start = self._start(spins.shape[1], classes, self.seed_).with_data_fields(spins, labels)
        self.training_: Trained[BoltzmannModel] = train(
            start, spins, labels, plan=self._plan(self.n_iter, len(spins), 0.0), machine=self.machine,
            seed=self.seed_, chip_seed=self.chip_seed, progress=bool(self.verbose),
        )  # fmt: skip
        self.model_ = self.training_.model
        self.n_iter_ = self.n_iter
        self._log_z: LogZEstimate | None = None

    def _learn_on(self, spins: NDArray[np.int8], labels: NDArray[np.int64] | None, classes: int) -> None:
        """One more pass, at the first rate."""
        if not hasattr(self, "model_"):
            self.seed_, self.n_iter_ = self._seed(), 0
            self.model_ = self._start(spins.shape[1], classes, self.seed_).with_data_fields(spins, labels)
        plan = self._plan(1, len(spins), self.learning_rate)
        self.training_ = train(
            self.model_, spins, labels, plan=plan, machine=self.machine,
            seed=derived_seed(self.seed_, 1 + self.n_iter_), chip_seed=self.chip_seed,
        )  # fmt: skip
        self.model_ = self.training_.model
        self.n_iter_ += 1
        self._log_z = None

    @property
    def _n_features_out(self) -> int:
        return self.model_.n_hidden

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """P(h = 1 | v) of each hidden unit, (m, hidden): exact where these are not coupled, else by a mean field."""
        check_is_fitted(self, "model_")
        spins = self._bits(X, reset=False)
        means = mean_field(self.model_.to_model(), self.model_.clamp(spins), len(spins))
        return (1 + means[:, self.model_.hidden]) / 2

    def plot_learning_curve(self) -> Any:
        """A matplotlib figure of the last training."""
        from pbits.report import learning_curves

        check_is_fitted(self, "model_")
        return learning_curves(self.training_.to_dict())

    def plot_receptive_fields(self, shape: tuple[int, int], count: int = 64) -> Any:
        """A matplotlib figure of what hidden units look at in images of a shape."""
        from pbits.report import receptive_fields

        check_is_fitted(self, "model_")
        coupling = self.model_.to_model().csr[self.model_.visible][:, self.model_.hidden].toarray()
        return receptive_fields(coupling, shape, count)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags


class BoltzmannMachine(ClassNamePrefixFeaturesOutMixin, _Base):
    """A Boltzmann machine of bits, deep or wired all to all, that learns the law of its data.

    Parameters
    ----------
    hidden : tuple of int
        Hidden units of each layer; of a general machine their sum counts.
    wiring : {"deep", "general"}
        "deep": each layer coupled to the next. "general": all to all.
    method : {"cd", "pcd", "fresh", "tempered"}
        Where chains of the negative phase start (see `LearningPlan`).
    sweeps : int
        Of a phase.
    learning_rate : float
        Falls to 0 over `fit`.
    batch_size, n_iter : int
    momentum, weight_decay : float
    weight_bits : int, optional
    threshold : float, optional
        What lies above it counts as 1. Without one anything but 0 and 1 is refused.
    machine : str, path or Substrate
        What samples, in training and afterwards.
    chip_seed : int
    random_state : int, RandomState or None
    verbose : int
        1 shows a progress bar.

    Attributes
    ----------
    model_ : BoltzmannModel
        Of spins, s = 2x − 1.
    training_ : Trained
    seed_, n_iter_, n_features_in_ : int
    likelihood_exact_ : bool
        Whether the last `score_samples` was exact, or rests on an estimate of log Z.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.learning import BoltzmannMachine
    >>> X = np.repeat([[1, 1, 0], [0, 0, 1]], 50, axis=0)
    >>> machine = BoltzmannMachine(hidden=(2,), learning_rate=0.05, n_iter=100, random_state=0).fit(X)
    >>> bool(machine.score(X) > -1.2), machine.sample(5).shape
    (True, (5, 3))
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (64,),
        *,
        wiring: str = "deep",
        method: str = "pcd",
        sweeps: int = 1,
        learning_rate: float = 0.01,
        batch_size: int = 20,
        n_iter: int = 50,
        momentum: float = 0.5,
        weight_decay: float = 0.0,
        weight_bits: int | None = None,
        threshold: float | None = None,
        machine: str | Path | Substrate = "ideal",
        chip_seed: int = 0,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.hidden = hidden
        self.wiring = wiring
        self.method = method
        self.sweeps = sweeps
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.weight_bits = weight_bits
        self.threshold = threshold
        self.machine = machine
        self.chip_seed = chip_seed
        self.random_state = random_state
        self.verbose = verbose

    def _start(self, features: int, classes: int, seed: int) -> BoltzmannModel:
        if self.wiring not in WIRINGS:
            raise ValueError(f"wiring is {self.wiring!r}; it must be one of {', '.join(WIRINGS)}")
        if self.wiring == "general":
            return BoltzmannModel.general(features, sum(self.hidden), seed=seed)
        return BoltzmannModel.deep(features, list(self.hidden), seed=seed)

    def fit(self, X: ArrayLike, y: object = None) -> Any:
        """Learn from bits X (m, features)."""
        self._learn(self._bits(X, reset=True), None, 0)
        return self

    def partial_fit(self, X: ArrayLike, y: object = None) -> Any:
        """One pass over some more data, at the first learning rate."""
        self._learn_on(self._bits(X, reset=not hasattr(self, "model_")), None, 0)
        return self

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """ln P(v) of each row, nats: exact where it can be summed, else with an estimate of log Z, `log_z_estimate_`.

        Raises
        ------
        ValueError
            Where hidden units are coupled to one another and too many to be summed.
        """
        check_is_fitted(self, "model_")
        spins = self._bits(X, reset=False)
        self.likelihood_exact_ = units_to_enumerate(self.model_.to_model()) <= EXACT_UNITS
        if self.likelihood_exact_:
            return np.array(exact_log_likelihood(self.model_, spins).rows)
        if not pseudo_possible(self.model_):
            raise ValueError(
                "hidden units are coupled to one another, and too many to be summed: P(v) cannot be had; take one "
                "layer, or ask pbits.learning.ais for log Z alone"
            )
        if self._log_z is None:
            self._log_z = ais(self.model_, seed=self.seed_)
        self.log_z_estimate_ = self._log_z
        return np.array(estimated_log_likelihood(self.model_, spins, self._log_z).rows)

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, *, sweeps: int = 1000, random_state: Any = None) -> NDArray[np.int8]:
        """Bits (n_samples, features), each from a chain of its own on the machine."""
        check_is_fitted(self, "model_")
        seed = self.seed_ if random_state is None else int(check_random_state(random_state).randint(2**31 - 1))
        found = generate_samples(
            self.model_, n_samples, machine=self.machine, sweeps=sweeps, seed=derived_seed(seed, 0),
            chip_seed=self.chip_seed,
        )  # fmt: skip
        return ((1 + found.data) // 2).astype(np.int8)


class RBM(BoltzmannMachine):
    """A restricted Boltzmann machine of bits: scikit-learn's `BernoulliRBM`, with likelihoods, and on any machine.

    Parameters
    ----------
    n_components : int
        Hidden units.
    method, sweeps, learning_rate, batch_size, n_iter, momentum, weight_decay, weight_bits, threshold, machine,
    chip_seed, random_state, verbose
        As of `BoltzmannMachine`.

    Attributes
    ----------
    components_ : (n_components, features) array
        Weights of bits, W in E(x, z) = −xᵀWz − bᵀx − cᵀz.
    intercept_visible_, intercept_hidden_ : arrays
        b and c.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.learning import RBM
    >>> X = np.repeat([[1, 1, 0], [0, 0, 1]], 50, axis=0)
    >>> rbm = RBM(n_components=2, learning_rate=0.05, n_iter=100, random_state=0).fit(X)
    >>> rbm.transform(X).shape, bool(rbm.score(X) > -1.2)
    ((100, 2), True)
    """

    def __init__(
        self,
        n_components: int = 128,
        *,
        method: str = "pcd",
        sweeps: int = 1,
        learning_rate: float = 0.01,
        batch_size: int = 20,
        n_iter: int = 50,
        momentum: float = 0.5,
        weight_decay: float = 0.0,
        weight_bits: int | None = None,
        threshold: float | None = None,
        machine: str | Path | Substrate = "ideal",
        chip_seed: int = 0,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.n_components = n_components
        self.method = method
        self.sweeps = sweeps
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.weight_bits = weight_bits
        self.threshold = threshold
        self.machine = machine
        self.chip_seed = chip_seed
        self.random_state = random_state
        self.verbose = verbose

    def _start(self, features: int, classes: int, seed: int) -> BoltzmannModel:
        return BoltzmannModel.restricted(features, self.n_components, seed=seed)

    @property
    def components_(self) -> NDArray[np.float64]:
        check_is_fitted(self, "model_")
        return 4 * self.model_.weights.T

    @property
    def intercept_visible_(self) -> NDArray[np.float64]:
        check_is_fitted(self, "model_")
        return 2 * (self.model_.fields[self.model_.seen] - self.model_.weights.sum(axis=1))

    @property
    def intercept_hidden_(self) -> NDArray[np.float64]:
        check_is_fitted(self, "model_")
        return 2 * (self.model_.fields[self.model_.hidden] - self.model_.weights.sum(axis=0))

    def gibbs(self, v: ArrayLike) -> NDArray[np.int8]:
        """One step of Gibbs sampling from bits v (m, features): hidden units, then visible ones."""
        check_is_fitted(self, "model_")
        spins = self._bits(v, reset=False)
        rng = np.random.Generator(np.random.Philox(derived_seed(self.seed_, 1)))
        W, fields = self.model_.weights, self.model_.fields

        def drawn(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.where(rng.random(inputs.shape) < (1 + np.tanh(inputs)) / 2, 1.0, -1.0)

        hidden = drawn(spins @ W + fields[self.model_.hidden])
        return ((1 + drawn(hidden @ W.T + fields[self.model_.seen])) // 2).astype(np.int8)


class ThermodynamicClassifier(ClassifierMixin, ClassNamePrefixFeaturesOutMixin, _Base):
    """Classes by a Boltzmann machine with label units.

    On "ideal" classes are told by free energy, in closed form; on any other machine data are clamped, and the label
    p-bits vote.

    Parameters
    ----------
    n_components : int
        Hidden units of the restricted machine.
    objective : {"joint", "conditional"}
        P(v, y), or P(y | v): the first also generates, and suffers less from few data.
    copies : int
        Label units of each class.
    votes : int
        Sweeps of a chain that is asked on a machine; the second half votes.
    method, sweeps, learning_rate, batch_size, n_iter, momentum, weight_decay, weight_bits, threshold, machine,
    chip_seed, random_state, verbose
        As of `BoltzmannMachine`. Of the conditional objective, "cd" or "fresh".

    Attributes
    ----------
    classes_ : array
    model_, training_, seed_, n_iter_, n_features_in_
        As of `BoltzmannMachine`.

    Examples
    --------
    >>> import numpy as np
    >>> from pbits.learning import ThermodynamicClassifier
    >>> X, y = np.repeat([[1, 1, 0], [0, 0, 1]], 50, axis=0), np.repeat(["up", "down"], 50)
    >>> machine = ThermodynamicClassifier(4, learning_rate=0.05, random_state=0).fit(X, y)
    >>> machine.predict([[1, 1, 0]]).tolist(), machine.score(X, y)
    (['up'], 1.0)
    """

    classes_: Any

    def __init__(
        self,
        n_components: int = 128,
        *,
        objective: str = "joint",
        copies: int = 1,
        votes: int = 200,
        method: str = "cd",
        sweeps: int = 5,
        learning_rate: float = 0.01,
        batch_size: int = 20,
        n_iter: int = 100,
        momentum: float = 0.5,
        weight_decay: float = 0.0,
        weight_bits: int | None = None,
        threshold: float | None = None,
        machine: str | Path | Substrate = "ideal",
        chip_seed: int = 0,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.n_components = n_components
        self.objective = objective
        self.copies = copies
        self.votes = votes
        self.method = method
        self.sweeps = sweeps
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.weight_bits = weight_bits
        self.threshold = threshold
        self.machine = machine
        self.chip_seed = chip_seed
        self.random_state = random_state
        self.verbose = verbose

    def _start(self, features: int, classes: int, seed: int) -> BoltzmannModel:
        return BoltzmannModel.restricted(
            features, self.n_components, classes=classes, copies=self.copies, seed=seed
        )  # fmt: skip

    def _objective(self) -> str:
        return self.objective

    def _encoded(self, X: ArrayLike, y: Any, *, reset: bool) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        spins = self._bits(X, reset=reset)
        if y is None:
            raise ValueError(
                "requires y to be passed, but the target y is None; a classifier needs a class of each row"
            )
        given = np.asarray(y)
        if given.ndim == 2 and given.shape[1] == 1:
            from sklearn.utils.validation import column_or_1d

            given = column_or_1d(given, warn=True)
        if given.dtype.kind == "f" and not np.isfinite(given).all():
            raise ValueError("y contains NaN or infinity")
        check_classification_targets(given)
        if len(given) != len(spins):
            raise ValueError(f"X has {len(spins)} rows and y has {len(given)}; give one class for each row")
        return spins, given

    def fit(self, X: ArrayLike, y: ArrayLike) -> Any:
        """Learn from bits X (m, features) and their classes y (m,), of any kind."""
        spins, given = self._encoded(X, y, reset=True)
        encoder: Any = LabelEncoder().fit(given)
        if len(encoder.classes_) < 2:
            raise ValueError(
                f"y holds 1 class, {encoder.classes_[0]!r}; a classifier needs at least 2 different classes"
            )
        self.classes_ = encoder.classes_
        self._learn(spins, encoder.transform(given), len(self.classes_))
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Any:
        """One pass over some more data; the first call names all classes, and later ones may hold some."""
        first = not hasattr(self, "classes_")
        if first and classes is None:
            raise ValueError("the first call of partial_fit needs classes=…, all that there will be")
        spins, given = self._encoded(X, y, reset=first)
        known = np.unique(np.asarray(classes)) if first else self.classes_
        if classes is not None and not np.array_equal(np.unique(np.asarray(classes)), known):
            raise ValueError(f"classes are {list(np.unique(np.asarray(classes)))}; the first call named {list(known)}")
        if strange := sorted(set(given.tolist()) - set(known.tolist())):
            raise ValueError(
                f"y holds {strange[0]!r}, and the machine has label units for {len(known)} classes, {list(known)}; "
                "name all of them in the first call"
            )
        self.classes_ = known
        self._learn_on(spins, np.searchsorted(known, given), len(known))
        return self

    def infer(self, X: ArrayLike) -> Inference:
        """The votes of the label p-bits on the machine, with the run, its seconds and its joules."""
        check_is_fitted(self, "model_")
        return classify(
            self.model_, self._bits(X, reset=False), machine=self.machine, sweeps=self.votes,
            draws=max(1, self.votes // 2), seed=derived_seed(self.seed_, 2), chip_seed=self.chip_seed,
        )  # fmt: skip

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """P(class | row), (m, classes): by free energy on "ideal", elsewhere shares of the votes, (1 + mean spin)/2,
        that add up to 1.
        """
        check_is_fitted(self, "model_")
        spins = self._bits(X, reset=False)
        substrate = self.machine if isinstance(self.machine, Substrate) else load(self.machine)
        if substrate.name == "ideal":
            return class_probabilities(self.model_, spins)
        shares = (1 + self.infer(X).votes) / 2 + 1e-12
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest class of each row."""
        check_is_fitted(self, "model_")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
