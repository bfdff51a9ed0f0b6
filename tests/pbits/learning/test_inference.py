"""What trained machines are asked, against enumeration."""

import numpy as np
import pytest

import pbits
from pbits.learning import (
    class_probabilities,
    classify,
    complete,
    denoise,
    free_energy,
    generate_samples,
)
from pbits.models import BoltzmannModel, CategoricalBoltzmannModel

RNG = np.random.default_rng(0)


def filled(machine, width=0.7, seed=1):
    return machine.with_parameters(np.random.default_rng(seed).normal(0, width, len(machine.parameters)))


NAMED = filled(BoltzmannModel.restricted(4, 3, classes=3))
PLAIN = filled(BoltzmannModel.restricted(4, 3))
ROWS = 2 * RNG.integers(0, 2, (6, 4)) - 1


def one_hot(label, classes=3):
    return np.where(np.arange(classes) == label, 1, -1)


def test_class_probabilities_are_those_of_enumeration():
    law = pbits.exact(NAMED.to_model())
    for row, found in zip(ROWS, class_probabilities(NAMED, ROWS)):
        here = np.array(
            [
                law.probabilities[(law.states[:, :7] == np.concatenate([row, one_hot(label)])).all(axis=1)].sum()
                for label in range(3)
            ]
        )
        np.testing.assert_allclose(found, here / here.sum(), atol=1e-12)


def test_free_energies_are_minus_log_sums():
    law = pbits.exact(PLAIN.to_model())
    energies = PLAIN.to_model().energy(law.states)
    for row, found in zip(ROWS, free_energy(PLAIN, ROWS)):
        same = (law.states[:, :4] == row).all(axis=1)
        assert found == pytest.approx(-np.logaddexp.reduce(-energies[same]))


# Means of some thousand draws each, of a dozen numbers: within five standard errors, false alarm below 1e-5.
def test_votes_are_means_of_the_label_spins():
    found = classify(NAMED, ROWS, sweeps=200, draws=100, chains_per_row=40, seed=2)
    for row, votes in zip(ROWS, found.votes):
        law = pbits.exact(NAMED.to_model(), clamp=dict(enumerate(row)))
        error = np.sqrt((1 - law.mean[4:7] ** 2) / 1500)
        assert (np.abs(votes - law.mean[4:7]) < 5 * error).all()
    assert found.labels.tolist() == found.votes.argmax(axis=1).tolist()
    assert found.data.shape == (6, 4)
    assert (found.data == ROWS).all()
    assert found.joules is None


def test_what_is_missing_is_sampled_given_what_is_known():
    known = np.array([True, False, True, False])
    many = np.repeat(ROWS[:2], 60, axis=0)
    found = complete(PLAIN, many, known, sweeps=200, draws=100, seed=3)
    assert (found.data[:, known] == many[:, known]).all()
    for k in range(2):
        law = pbits.exact(PLAIN.to_model(), clamp={0: ROWS[k, 0], 2: ROWS[k, 2]})
        means = found.means[60 * k : 60 * (k + 1)].mean(axis=0)
        error = np.sqrt(np.maximum(0, 1 - law.mean[:4] ** 2) / 1500) + 1e-12
        assert (np.abs(means - law.mean[:4]) < 5 * error).all()


def test_noise_is_taken_out_by_bayes():
    flip = 0.2
    law = pbits.exact(PLAIN.to_model())
    many = np.repeat(ROWS[:2], 60, axis=0)
    found = denoise(PLAIN, many, flip, sweeps=200, draws=100, seed=4)
    for k in range(2):
        turned = (law.states[:, :4] != ROWS[k]).sum(axis=1)
        weights = law.probabilities * flip**turned * (1 - flip) ** (4 - turned)
        expected = (weights / weights.sum()) @ law.states[:, :4]
        means = found.means[60 * k : 60 * (k + 1)].mean(axis=0)
        assert (np.abs(means - expected) < 5 * np.sqrt((1 - expected**2) / 1500)).all()


def test_samples_have_the_law_of_the_machine():
    found = generate_samples(PLAIN, 4000, sweeps=50, seed=5)
    law = pbits.exact(PLAIN.to_model())
    assert (np.abs(found.data.mean(axis=0) - law.mean[:4]) < 5 * np.sqrt((1 - law.mean[:4] ** 2) / 4000)).all()
    of_class = generate_samples(NAMED, labels=np.full(4000, 2), sweeps=50, seed=5)
    law = pbits.exact(NAMED.to_model(), clamp={4: -1, 5: -1, 6: 1})
    assert (np.abs(of_class.data.mean(axis=0) - law.mean[:4]) < 5 * np.sqrt((1 - law.mean[:4] ** 2) / 4000)).all()


def test_categories_are_asked_in_the_same_way():
    machine = filled(CategoricalBoltzmannModel.restricted([3, 2], 2, classes=3))
    rows = np.array([[0, 1], [2, 0]])
    found = classify(machine, rows, sweeps=200, draws=100, chains_per_row=40, seed=2)
    for row, votes in zip(rows, found.votes):
        law = pbits.exact(machine.to_model(), clamp=dict(enumerate(row.tolist())))
        shares = [law.probabilities[law.states[:, 2] == label].sum() for label in range(3)]
        np.testing.assert_allclose(votes, shares, atol=0.07)
    assert found.means is None


def test_an_answer_of_a_machine_is_priced():
    found = classify(NAMED, ROWS, machine="fpga-all-to-all", sweeps=20, draws=10, seed=2)
    assert found.joules == pytest.approx(6 * found.joules_per_row)
    assert found.joules == pytest.approx(pbits.price(found.run).joules)
    assert found.device_time_per_row_s > 0
    assert "rows=6" in repr(found)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: classify(PLAIN, ROWS), "no label units"),
        (lambda: class_probabilities(PLAIN, ROWS), "no label units"),
        (lambda: free_energy(NAMED, ROWS), "give labels"),
        (lambda: free_energy(BoltzmannModel.deep(4, [2, 2]), ROWS), "coupled to one another"),
        (lambda: complete(PLAIN, ROWS, [True, False]), "give 4 bools"),
        (lambda: denoise(PLAIN, ROWS, 0.5), "between 0 and 0.5"),
        (lambda: generate_samples(PLAIN), "say how many samples"),
        (lambda: classify(NAMED, ROWS, sweeps=5, draws=6), "as many sweeps as draws"),
        (lambda: classify(NAMED, ROWS * 2), "holds spins"),
        (lambda: generate_samples(NAMED, labels=[3]), "labels hold 3"),
    ],
)
def test_bad_questions_are_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
