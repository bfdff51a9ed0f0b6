"""scikit-learn estimators: its own checks, and exactness against the machines inside."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import pbits
from pbits.learning import RBM, BoltzmannMachine, ThermodynamicClassifier, class_probabilities

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 300)
X = np.where(RNG.random((300, 6)) < 0.1, 1, 0) ^ np.repeat(np.eye(3, dtype=int), 2, axis=1)[LABELS]
NAMES = np.array(["ash", "birch", "cedar"])[LABELS]

TOO_COARSE = "the check has two features, and one bit of each does not tell three clusters apart"


def excused(estimator):
    return {"check_classifiers_train": TOO_COARSE} if isinstance(estimator, ThermodynamicClassifier) else {}


@parametrize_with_checks(
    [
        RBM(4, threshold=0.5, n_iter=5, random_state=0),
        BoltzmannMachine((3, 2), threshold=0.5, n_iter=2, random_state=0),
        ThermodynamicClassifier(8, threshold=0.5, n_iter=5, random_state=0),
    ],
    expected_failed_checks=excused,
)
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rbm():
    return RBM(3, learning_rate=0.05, n_iter=40, random_state=1).fit(X)


@pytest.fixture(scope="module")
def classifier():
    return ThermodynamicClassifier(6, learning_rate=0.05, n_iter=30, random_state=1).fit(X, NAMES)


def test_likelihoods_are_those_of_enumeration(rbm):
    law = pbits.exact(rbm.model_.to_model())
    rows = X[:10]
    expected = [np.log(law.probabilities[(law.states[:, :6] == row).all(axis=1)].sum()) for row in 2 * rows - 1]
    np.testing.assert_allclose(rbm.score_samples(rows), expected, atol=1e-8)
    assert rbm.likelihood_exact_
    assert rbm.score(X) == pytest.approx(rbm.score_samples(X).mean())


def test_attributes_are_those_of_bits(rbm):
    W, b, c = rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_
    np.testing.assert_allclose(rbm.transform(X), 1 / (1 + np.exp(-(X @ W + c))), atol=1e-9)
    again = pbits.models.BoltzmannModel.from_bits(W, b, c)
    np.testing.assert_allclose(again.parameters, rbm.model_.parameters, atol=1e-12)
    assert rbm.get_feature_names_out().tolist() == ["rbm0", "rbm1", "rbm2"]


def test_likelihoods_that_are_estimates_say_so():
    wide = RBM(24, n_iter=2, random_state=1).fit(np.tile(X, (1, 4)))
    scores = wide.score_samples(np.tile(X, (1, 4))[:5])
    assert not wide.likelihood_exact_
    assert not wide.log_z_estimate_.exact
    assert np.isfinite(scores).all()
    deep = BoltzmannMachine((24, 20), n_iter=1, random_state=1).fit(np.tile(X, (1, 4)))
    with pytest.raises(ValueError, match="coupled to one another"):
        deep.score_samples(np.tile(X, (1, 4)))


def test_it_learns(rbm):
    apart = RBM(1, learning_rate=1e-6, n_iter=1, random_state=1).fit(X)
    assert rbm.score(X) > apart.score(X) + 0.7
    made = rbm.sample(300, sweeps=50)
    assert set(np.unique(made)) <= {0, 1}
    turned = (made[:, None, :] != np.repeat(np.eye(3, dtype=int), 2, axis=1)).sum(axis=2).min(axis=1)
    assert (turned <= 1).mean() > 0.7
    assert rbm.gibbs(X).shape == X.shape


def test_classes_of_any_kind(classifier):
    assert classifier.classes_.tolist() == ["ash", "birch", "cedar"]
    assert classifier.score(X, NAMES) > 0.9
    np.testing.assert_allclose(classifier.predict_proba(X), class_probabilities(classifier.model_, 2 * X - 1))
    conditional = ThermodynamicClassifier(6, objective="conditional", learning_rate=0.1, n_iter=30, random_state=1)
    assert conditional.fit(X, LABELS).score(X, LABELS) > 0.9


def test_on_a_machine_label_p_bits_vote(classifier):
    chip = clone(classifier).set_params(machine="fpga-all-to-all", n_iter=2, votes=40).fit(X, NAMES)
    chip.model_ = classifier.model_
    assert (chip.predict(X) == NAMES).mean() > 0.85
    told = chip.infer(X[:5])
    assert told.joules_per_row > 0
    np.testing.assert_allclose(chip.predict_proba(X[:5]).sum(axis=1), 1)


def test_they_work_with_the_rest_of_scikit_learn(rbm):
    steps = make_pipeline(RBM(4, n_iter=5, random_state=0), LogisticRegression())
    assert steps.fit(X, LABELS).score(X, LABELS) > 0.6
    search = GridSearchCV(RBM(2, n_iter=3, random_state=0), {"n_components": [1, 3]}, cv=2).fit(X)
    assert search.best_params_["n_components"] in (1, 3)
    again = pickle.loads(pickle.dumps(rbm))
    np.testing.assert_array_equal(again.transform(X), rbm.transform(X))
    np.testing.assert_array_equal(clone(rbm).fit(X).transform(X), rbm.transform(X))


def test_partial_fits_go_on():
    machine = ThermodynamicClassifier(4, learning_rate=0.1, random_state=2)
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        machine.partial_fit(X, NAMES)
    scores = []
    for _ in range(15):
        machine.partial_fit(X, NAMES, classes=["cedar", "ash", "birch"])
        scores.append(machine.score(X, NAMES))
    assert machine.n_iter_ == 15
    assert scores[-1] > 0.85
    some = NAMES != "ash"
    machine.partial_fit(X[some], NAMES[some])
    with pytest.raises(ValueError, match="holds 'oak', and the machine has label units for 3 classes"):
        machine.partial_fit(X, np.where(some, NAMES, "oak"))
    with pytest.raises(ValueError, match="the first call named"):
        machine.partial_fit(X, NAMES, classes=["ash", "oak"])


def test_pictures_by_one_call(rbm):
    assert len(rbm.plot_learning_curve().axes) == 1
    assert len(rbm.plot_receptive_fields((2, 3)).axes) >= 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (X * 0.5, "0.5, and a machine of bits holds 0 or 1; give bits, or a threshold"),
        (np.where(X, np.nan, 0), "NaN"),
        (-X, "-1, and a machine of bits"),
    ],
)
def test_what_is_no_bit_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        RBM(2, n_iter=1).fit(given)


def test_a_threshold_makes_bits():
    grey = np.clip(X + RNG.uniform(-0.4, 0.4, X.shape), -0.4, 1.4)
    one, two = (RBM(2, n_iter=3, threshold=t, random_state=0).fit(x) for t, x in ((0.5, grey), (None, X)))
    np.testing.assert_array_equal(one.model_.parameters, two.model_.parameters)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="wiring is 'ring'"):
        BoltzmannMachine((2,), wiring="ring").fit(X)
    with pytest.raises(ValueError, match="one of cd, pcd"):
        RBM(2, method="gibbs").fit(X)
    assert BoltzmannMachine((2,), wiring="general", n_iter=1, random_state=0).fit(X).model_.n_hidden == 2
