"""The three errors: exact where they are exact, blind to nothing, and a verdict that bad mixing cannot buy."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest

import pbits
from hardware_models import pbit, processor
from hardware_models.processor.processor import CholeskyProgram
from pbits.errors import Errors, standardised, three_errors, within_reach
from pbits.reference import total_variation
from pbits.substrate import Law


def errors(**changes):
    good = {"mapping": 0.0, "clock": 0.0, "sampling": 0.02, "total": 0.02, "floor": 0.02, "allowed": 0.03}
    good |= {"converged": True}
    return Errors(**{"measure": "total variation", **good, **changes})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, True),
        ({"total": 0.0301}, False),
        ({"converged": False}, None),
        ({"mapping": 0.011}, False),
        ({"mapping": 0.006, "clock": 0.006}, False),
        ({"mapping": 0.006}, True),
        # What is known exactly needs no draws.
        ({"clock": 0.3, "converged": False}, False),
        # Few effective samples raise the floor; they buy nothing.
        ({"clock": 0.3, "floor": 0.6, "allowed": 0.9, "total": 0.35}, False),
        ({"total": 0.9, "floor": 0.7, "allowed": 1.05}, None),
    ],
)
def test_faithful_is_a_verdict_or_none(changes, verdict):
    assert errors(**changes).faithful is verdict


def test_errors_survive_json():
    one = errors()
    assert Errors(**json.loads(json.dumps(asdict(one)))) == one


def test_few_states_scatter_and_are_allowed_to():
    # An exact sampler of one spin: 1.5 times the floor alone would call one run of four unfaithful.
    lone, schedule = pbits.IsingModel([[0.0]], h=[0.2]), pbits.Schedule(n_samples=300, chains=8)
    runs = [pbits.run(lone, pbit.Array(), schedule, seed=seed, layout="counter") for seed in range(40)]
    judged = [one.errors.faithful for one in runs if one.errors.converged]
    assert all(judged)
    assert any(one.errors.total > 1.5 * one.errors.floor for one in runs)


def pair(strength=0.7):
    return pbits.IsingModel([[0, strength], [strength, 0]], h=[0.3, -0.1])


def test_a_run_says_whether_it_converged(tmp_path):
    machine = pbit.Array(update="sequential")
    long = pbits.run(pair(), machine, pbits.Schedule(n_samples=2000, chains=8), seed=1)
    assert long.errors.converged
    assert long.errors.faithful is True
    stiff = pbits.IsingModel([[0, 4.0], [4.0, 0]])
    stuck = pbits.run(stiff, machine, pbits.Schedule(n_samples=60, n_warmup=0, chains=4), seed=1, layout="counter")
    assert not pbits.diagnose(stuck).converged
    assert stuck.errors.faithful is None
    assert pbits.Run.load(stuck.save(tmp_path / "stuck")).errors == stuck.errors


def test_spins_have_exact_mapping_and_clock_errors():
    """Against the law of two spins that answer at once, from its four-state matrix."""
    model = pair()
    run = pbits.run(model, pbit.Array(update="synchronous"), pbits.Schedule(n_samples=2000, chains=8), seed=1)
    states = pbits.exact(model).states.astype(float)
    up = 1 / (1 + np.exp(-2 * (states @ model.csr.toarray() + model.h)))
    matrix = np.prod(np.where(states[None] > 0, up[:, None], 1 - up[:, None]), axis=2)
    law = np.linalg.matrix_power(matrix, 2000)[0]
    assert run.errors.mapping == 0
    assert run.errors.clock == pytest.approx(total_variation(law, pbits.exact(model).probabilities), abs=1e-9)
    assert run.errors.clock > 0.1
    assert run.errors.faithful is False


def gaussian():
    return pbits.GaussianModel([[2.0, -0.5, 0.0], [-0.5, 1.5, 0.4], [0.0, 0.4, 1.0]], [0.3, -0.2, 0.1])


def boltzmann(model, beta=1.0, **changes):
    return Law(kind="boltzmann", model=model, beta=beta, **changes)


def draws(model, count, beta=1.0, seed=0):
    law = pbits.exact(model, beta)
    return np.random.default_rng(seed).multivariate_normal(law.mean, law.covariance, size=(4, count // 4))


def of_reals(posed, realised, law, states, clamp=None):
    return three_errors(posed, realised, law, clamp or {}, states, states.shape[0] * states.shape[1], True)


def test_reals_are_compared_by_both_moments():
    """By hand, entry by entry: three means and six covariances."""
    model, count = gaussian(), 4000
    other = pbits.GaussianModel(1.1 * model.A, model.b)
    found = of_reals(model, other, boltzmann(other), draws(other, count))
    wanted, held = pbits.exact(model), pbits.exact(other)
    squares = [(held.mean[i] - wanted.mean[i]) ** 2 / wanted.covariance[i, i] for i in range(3)]
    for i in range(3):
        for j in range(i, 3):
            s = wanted.covariance
            off = held.covariance[i, j] - s[i, j]
            squares.append(off**2 / (s[i, i] * s[j, j] + s[i, j] ** 2))
    assert len(squares) == 9
    assert found.mapping == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-12)
    assert found.clock == 0
    assert found.floor == pytest.approx(1 / np.sqrt(count))
    assert found.faithful is False


def test_a_standard_error_of_one_draw_is_the_unit():
    """Each of the nine deviations has variance 1/N: 400 repeats, each within 5 standard errors (alarm 5·10⁻⁶)."""
    law = pbits.exact(gaussian())
    repeats, count = 400, 250
    rows = []
    for seed in range(repeats):
        x = np.random.default_rng(seed).multivariate_normal(law.mean, law.covariance, size=count)
        rows.append(standardised((x.mean(axis=0), np.cov(x, rowvar=False)), (law.mean, law.covariance)))
    variances = count * np.var(rows, axis=0)
    assert variances.shape == (9,)
    np.testing.assert_allclose(variances, 1, atol=5 * np.sqrt(2.5 / repeats))


def test_the_clock_error_of_reals_is_derived_from_the_law():
    """A circuit with the wrong noise holds the model and moves at another β: all clock error, no mapping error."""
    model = gaussian()
    wrong = pbits.GaussianModel(2 * model.A, 2 * model.b)
    found = of_reals(model, model, boltzmann(wrong), draws(wrong, 4000))
    truth = of_reals(model, wrong, boltzmann(wrong), draws(wrong, 4000))
    assert found.mapping == 0
    assert found.clock == pytest.approx(truth.mapping)
    assert found.clock > 0.2
    assert found.sampling < 1.5 * found.floor
    assert found.faithful is False


def test_twice_beta_is_not_faithful_though_the_means_are_right(monkeypatch):
    machine = processor.Processor(flop_per_s=20e12, byte_per_s=2e12, phase_s=1e-6)
    schedule = pbits.Schedule(n_samples=1000, chains=4)
    honest = pbits.run(gaussian(), machine, schedule, seed=3).errors
    assert honest.faithful is True
    assert (honest.mapping, honest.clock) == (0, 0)
    execute = CholeskyProgram.execute

    def colder(self, schedule, *arguments):
        return execute(self, replace(schedule, beta=2 * schedule.beta), *arguments)

    monkeypatch.setattr(CholeskyProgram, "execute", colder)
    found = pbits.run(gaussian(), machine, schedule, seed=3).errors
    assert found.faithful is False
    assert found.sampling == found.total > 5 * found.floor


@pytest.mark.parametrize("held", [{0: 2.0}, {0: 2.0, 1: -1.0}])
def test_clamped_reals_are_left_out(held):
    machine = processor.Processor(flop_per_s=20e12, byte_per_s=2e12, phase_s=1e-6)
    found = pbits.run(gaussian(), machine, pbits.Schedule(n_samples=1000, chains=4), seed=3, clamp=held).errors
    assert (found.mapping, found.clock) == (0, 0)
    law = pbits.exact(gaussian(), clamp=held)
    free = [site for site in range(3) if site not in held]
    states = pbits.run(gaussian(), machine, pbits.Schedule(n_samples=1000, chains=4), seed=3, clamp=held).states
    x = states.reshape(-1, 3)[:, free]
    by_hand = [(x.mean(axis=0) - law.mean[free]) / np.sqrt(np.diag(law.covariance)[free])]
    spread = np.atleast_2d(np.cov(x, rowvar=False))
    for a, i in enumerate(free):
        for b, j in list(enumerate(free))[a:]:
            s = law.covariance
            by_hand.append([(spread[a, b] - s[i, j]) / np.sqrt(s[i, i] * s[j, j] + s[i, j] ** 2)])
    assert found.total == pytest.approx(np.sqrt(np.mean(np.concatenate(by_hand) ** 2)), rel=1e-9)


def test_only_laws_that_can_be_written_down_are_within_reach():
    small, large = pair(), pbits.IsingModel(np.zeros((15, 15)))
    real = gaussian()
    assert within_reach(small, small, boltzmann(small))
    assert not within_reach(large, large, boltzmann(large))
    assert not within_reach(small, small, Law(kind="unknown", model=None, beta=1.0))
    assert within_reach(real, real, boltzmann(real))
    assert not within_reach(real, real, boltzmann(small))
    assert not within_reach(real, real, boltzmann(real, readout=lambda states: states))
    # A machine that holds a model of other sites than its law is stated of.
    assert not within_reach(small, large, boltzmann(small))
    assert not within_reach(small, SimpleNamespace(n=2), boltzmann(small))
