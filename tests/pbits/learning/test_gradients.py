import numpy as np
import pytest

import pbits
from pbits.learning.descent import Adam
from pbits.learning.gradients import correlation_gradient, likelihood_gradient, sample_phase

# Sites 0 and 1 are data, 2 and 3 hidden, 4 is a condition that differs from chain to chain.
EDGES = np.array([(0, 2), (0, 3), (1, 2), (1, 3), (2, 4), (0, 4), (0, 1)])
WEIGHTS = np.array([0.5, -0.4, 0.3, 0.6, 0.4, -0.5, 0.0])
FIELDS = np.array([0.2, -0.1, 0.3, 0.0, 0.0])
BETA = 0.8
DATA = np.array([(1, 1), (1, -1), (-1, 1), (1, 1)])
CONDITIONS = np.array([1, -1, 1, 1])


def model_of(weights, fields):
    return pbits.IsingModel.from_edges(5, EDGES, weights, fields)


def loss(weights, fields):
    """Minus the mean log-likelihood of the data given their conditions, by enumeration."""
    model, total = model_of(weights, fields), 0.0
    for (a, b), c in zip(DATA.tolist(), CONDITIONS.tolist()):
        clamped = pbits.exact(model, BETA, {0: a, 1: b, 4: c}).log_z
        total -= clamped - pbits.exact(model, BETA, {4: c}).log_z
    return total / len(DATA)


def factorised_loss(weights, fields, means):
    """D(∏ P(s_i|c) ‖ P(s|c)) averaged over conditions, with the product taken as given, up to a constant."""
    model, total = model_of(weights, fields), 0.0
    for c, m in zip(CONDITIONS.tolist(), means):
        law = pbits.exact(model, BETA, {4: c})
        product = np.prod((1 + law.states[:, :4] * m[:4]) / 2, axis=1)
        total -= product @ np.log(law.probabilities)
    return total / len(CONDITIONS)


def slope(function, at, step=1e-5):
    unit = np.eye(len(at)) * step
    return np.array([(function(at + e) - function(at - e)) / (2 * step) for e in unit])


def phases(repeats=512, draws=12, chains=2):
    schedule = pbits.Schedule(n_samples=draws, n_warmup=20, steps_per_sample=2, beta=BETA, chains=4 * repeats)
    order = np.tile(np.arange(4), repeats)
    clamp = {0: DATA[order, 0], 1: DATA[order, 1], 4: CONDITIONS[order]}
    positive = sample_phase(model_of(WEIGHTS, FIELDS), "ideal", schedule, edges=EDGES, clamp=clamp, seed=1)
    schedule = pbits.Schedule(n_samples=draws, n_warmup=20, steps_per_sample=2, beta=BETA, chains=4 * repeats * chains)
    both = np.repeat(CONDITIONS[order], chains)
    negative = sample_phase(
        model_of(WEIGHTS, FIELDS), "ideal", schedule, edges=EDGES, clamp={4: both}, chains_per_condition=chains, seed=2
    )
    return positive, negative


def test_the_gradient_is_the_slope_of_the_exact_likelihood():
    # 12 slopes at 4.5 standard errors: a false alarm in 10⁴. The condition itself has no slope.
    found = likelihood_gradient(*phases(), beta=BETA)
    for got, error, exact in (
        (found.couplings, found.coupling_errors, slope(lambda w: loss(w, FIELDS), WEIGHTS)),
        (found.fields, found.field_errors, slope(lambda h: loss(WEIGHTS, h), FIELDS)),
    ):
        assert (np.abs(got - exact) <= 4.5 * error + 1e-9).all()
        assert np.abs(exact).max() > 10 * error.max()
    assert found.fields[4] == pytest.approx(0, abs=1e-12)


def test_the_errors_are_those_of_repeated_runs():
    # 40 runs: their scatter is within a half of the error told, five standard deviations of such an estimate.
    got, told = [], []
    for seed in range(40):
        schedule = pbits.Schedule(n_samples=6, n_warmup=10, beta=BETA, chains=96)
        phase = sample_phase(
            model_of(WEIGHTS, FIELDS), "ideal", schedule, edges=EDGES, chains_per_condition=2, seed=seed
        )  # fmt: skip
        got.append(np.concatenate([phase.means, phase.correlations]))
        told.append(np.concatenate([phase.mean_errors, phase.correlation_errors]))
    ratio = np.std(got, axis=0, ddof=1) / np.mean(told, axis=0)
    assert ((ratio > 0.5) & (ratio < 1.5)).all()


def test_the_penalty_is_the_slope_of_the_exact_distance_from_the_product():
    means = [pbits.exact(model_of(WEIGHTS, FIELDS), BETA, {4: c}).mean for c in CONDITIONS.tolist()]
    exact = slope(lambda w: factorised_loss(w, FIELDS, means), WEIGHTS)
    assert slope(lambda h: factorised_loss(WEIGHTS, h, means), FIELDS)[:4] == pytest.approx(0, abs=1e-8)
    _, negative = phases(repeats=4096, draws=4)
    got = correlation_gradient(negative, beta=BETA)
    assert got == pytest.approx(exact, abs=0.02)
    # Means averaged over conditions before the product are those of another loss.
    i, j = EDGES.T
    pooled = -BETA * (negative.means[i] * negative.means[j] - negative.correlations)
    assert np.abs(pooled - exact).max() > 0.1
    # Means of one and the same chain make the product too large.
    own = negative.chain_means
    same = -BETA * ((own[:, i] * own[:, j]).mean(axis=0) - negative.correlations)
    assert np.abs(same - exact).max() > 0.05


def test_a_coupling_to_what_is_clamped_is_not_penalised():
    _, negative = phases(repeats=64)
    got = correlation_gradient(negative)
    assert got[[4, 5]] == pytest.approx(0, abs=0.1)
    assert negative.chain_means[:, 4] ** 2 == pytest.approx(1)


def test_chains_go_on_from_where_they_were():
    model = model_of(WEIGHTS, FIELDS)
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, chains=32)
    frozen = pbits.IsingModel(np.zeros((5, 5)), np.full(5, 50.0))
    first = sample_phase(frozen, "ideal", schedule, seed=3)
    assert (first.states == 1).all()
    kept = sample_phase(model, "ideal", schedule, initial=first.states, clamp={0: 1}, seed=4)
    other = sample_phase(model, "ideal", schedule, initial=-first.states, clamp={0: 1}, seed=4)
    assert kept.means.sum() > other.means.sum()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schedule": pbits.Schedule.anneal(sweeps=5)}, "no anneal"),
        ({"chains_per_condition": 3}, "do not make conditions"),
        ({"chains_per_condition": 0}, "do not make conditions"),
    ],
)
def test_phases_that_cannot_be_are_refused(change, words):
    given = {"schedule": pbits.Schedule(n_samples=2, chains=4)} | change
    with pytest.raises(ValueError, match=words):
        sample_phase(model_of(WEIGHTS, FIELDS), "ideal", **given)


def test_phases_of_other_edges_and_single_chains_are_refused():
    positive, _ = phases(repeats=2, draws=2)
    schedule = pbits.Schedule(n_samples=2, chains=4)
    with pytest.raises(ValueError, match="different edges"):
        likelihood_gradient(positive, sample_phase(model_of(WEIGHTS, FIELDS), "ideal", schedule))
    with pytest.raises(ValueError, match="at least two chains"):
        correlation_gradient(positive)


def test_adam_is_the_published_rule_at_its_first_steps():
    adam, memory = Adam(rate=0.5, last_rate=0.5), np.zeros((2, 2))
    values, memory = adam.step(np.zeros(2), memory, np.array([3.0, -0.01]), 0, 10)
    assert values == pytest.approx([-0.5, 0.5], rel=1e-5)
    values, _ = adam.step(values, memory, np.array([0.0, 0.0]), 1, 10)
    mean, square = 0.9 * 0.1 * 3 / (1 - 0.81), 0.999 * 0.001 * 9 / (1 - 0.999**2)
    assert values[0] == pytest.approx(-0.5 - 0.5 * mean / np.sqrt(square))


def test_the_rate_falls_along_half_a_cosine():
    adam = Adam(rate=1.0, last_rate=0.2)
    moved = [-adam.step(np.zeros(1), np.zeros((2, 1)), np.ones(1), 0, 4)[0][0]]
    for k in (2, 4):
        # With the memory of a slope that was always 1, a step is the rate itself.
        memory = np.array([[1 - 0.9**k], [1 - 0.999**k]])
        moved.append(-adam.step(np.zeros(1), memory, np.ones(1), k, 4)[0][0])
    assert moved == pytest.approx([1.0, 0.6, 0.2], rel=1e-6)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"last_rate": 1.0}, {"decays": (1.0, 0.9)}])
def test_descent_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        Adam(**wrong)
