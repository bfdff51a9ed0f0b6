"""Studies of what faults cost: against enumeration of what a chip holds, and intervals against their formulae."""

import numpy as np
import pytest
from scipy import stats

import pbits
from hardware_models import pbit
from hardware_models.effects import OffsetMismatch, SlopeMismatch
from pbits.learning import LearningPlan, Study, StudyRow, exact_log_likelihood, realised_log_likelihood, study
from pbits.learning.study import Mean
from pbits.models import BoltzmannModel

DATA = np.repeat([[1, 1, -1], [-1, -1, 1]], 20, axis=0)
LABELS = np.repeat([0, 1], 20)


@pytest.fixture
def model():
    start = BoltzmannModel.restricted(3, 2, classes=2, spread=0.3, seed=1)
    weights = np.array([1.0, 1.0, -1.0, 1.0, -1.0])
    return start.with_weights(np.outer(weights, [1.0, 0.8]), np.zeros(5), np.zeros(2))


def machine(sigma):
    return pbit.Array(effects=[OffsetMismatch(sigma_d2d=sigma)])


def rows(accuracies, trained=None, ideal=0.9):
    return tuple(
        StudyRow(
            value=1.0, chip=k + 1, accuracy=a, ideal=ideal, trained=None if trained is None else trained[k],
            likelihood=None, trained_likelihood=None, joules=None,
        )
        for k, a in enumerate(accuracies)
    )  # fmt: skip


def test_the_likelihood_is_of_what_the_chip_holds(model):
    chip = machine(0.7)
    held = chip.compile(model.to_model(), pbits.Schedule(), chip_seed=3).realised(1.0)
    law = pbits.exact(held)
    seen = np.concatenate([model.visible, model.labels.ravel()])
    rows = np.column_stack([DATA, np.where(LABELS[:, None] == [0, 1], 1, -1)])
    by_hand = [np.log(law.probabilities[(law.states[:, seen] == row).all(axis=1)].sum()) for row in rows]
    found = realised_log_likelihood(model, DATA, LABELS, chip, 3)
    assert found == pytest.approx(np.mean(by_hand), abs=1e-10)
    assert found != pytest.approx(exact_log_likelihood(model, DATA, LABELS).mean, abs=1e-3)


def test_a_chip_without_a_boltzmann_law_has_no_likelihood(model):
    assert realised_log_likelihood(model, DATA, LABELS, pbit.Array(effects=[SlopeMismatch(sigma_d2d=0.3)]), 1) is None


def test_machines_too_large_to_sum_have_none():
    large = BoltzmannModel.restricted(40, 40, classes=2, spread=0.1)
    assert realised_log_likelihood(large, np.ones((2, 40)), np.array([0, 1]), machine(0.1), 1) is None


def test_without_a_fault_the_chip_is_the_ideal_machine(model):
    found = study(model, DATA, LABELS, machines={0.0: machine(0.0)}, chips=2, sweeps=10, draws=5, seed=4)
    assert all(row.accuracy == row.ideal for row in found.rows)
    assert found.mean(0.0, "gap") == Mean(mean=0.0, interval=(0.0, 0.0))
    assert found.recovered(0.0) is None


def test_each_chip_trains_itself(model):
    plan = LearningPlan(method="cd", positive="sampled", epochs=3, batch=10, rate=0.05, monitor="none")
    found = study(
        model, DATA, LABELS, machines=machine, values=[0.5], chips=2, sweeps=10, draws=5,
        fine_tune=plan, training=(DATA, LABELS),
    )  # fmt: skip
    assert len({row.trained_likelihood for row in found.rows}) == 2
    assert all(row.trained_likelihood != row.likelihood for row in found.rows)


def test_means_and_intervals_over_chips():
    accuracies = np.array([0.5, 0.6, 0.7, 0.55])
    found = Study(knob="σ", rows=rows(accuracies)).mean(1.0, "accuracy")
    assert found.interval == pytest.approx(stats.t.interval(0.95, 3, accuracies.mean(), stats.sem(accuracies)))


def test_the_share_recovered_is_a_ratio_of_sums():
    found = Study(knob="σ", rows=rows([0.5, 0.7, 0.6], trained=[0.7, 0.8, 0.75])).recovered(1.0)
    assert found.mean == pytest.approx(0.45 / 0.9)
    assert found.interval == pytest.approx((0.5, 0.5))


def test_nothing_is_recovered_of_no_clear_gap():
    assert Study(knob="σ", rows=rows([0.85, 0.95, 0.9], trained=[0.9, 0.9, 0.9])).recovered(1.0) is None


def test_tables_and_plots(model):
    found = study(
        model, DATA, LABELS, machines=machine, values=[0.0, 0.5], knob="offset mismatch", chips=2, sweeps=10, draws=5
    )
    assert str(found).splitlines()[0].startswith("offset mismatch  chips  accuracy")
    assert found.to_markdown().count("\n") == 3
    assert found.to_csv().splitlines()[0].startswith("value,chip,accuracy")
    assert found.to_csv().count("\n") == 5
    left, right = found.plot().axes
    assert left.get_ylabel() == "accuracy"
    assert right.get_ylabel() == "log-likelihood / nats"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"machines": {}}, "no values"),
        ({"machines": {0.0: "ideal"}, "chips": 0}, "chips is 0"),
        ({"machines": {0.0: "ideal"}, "fine_tune": LearningPlan()}, "needs both"),
    ],
)
def test_bad_input(model, given, message):
    with pytest.raises(ValueError, match=message):
        study(model, DATA, LABELS, **given)
