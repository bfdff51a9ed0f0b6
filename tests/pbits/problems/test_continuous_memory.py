"""The continuous memory: energy, gradient and update against each other, and recall by a circuit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

import pbits
from hardware_models import langevin
from pbits.problems import ContinuousMemory


def memory_of(seed, p=4, n=6, sharpness=1.5):
    return ContinuousMemory(np.random.default_rng(seed).standard_normal((p, n)), sharpness)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.integers(1, 5), n=st.integers(1, 6), sharpness=st.floats(0.01, 1000))
def test_energy_and_gradient_are_those_of_the_formula(seed, p, n, sharpness):
    memory = memory_of(seed, p, n, sharpness)
    model, X = memory.to_model(), memory.patterns
    x = 3 * np.random.default_rng(seed + 1).standard_normal((5, n))
    overlaps = sharpness * x @ X.T
    expected = 0.5 * (x**2).sum(-1) - logsumexp(overlaps, axis=-1) / sharpness
    expected += np.log(p) / sharpness + 0.5 * (X**2).sum(1).max()
    np.testing.assert_allclose(model.energy(x), expected, rtol=1e-10, atol=1e-9)
    assert model.energy(x).min() >= -1e-9
    np.testing.assert_allclose(model.gradient(x), x - softmax(overlaps, axis=-1) @ X, rtol=1e-9, atol=1e-9)


def test_the_gradient_is_the_slope():
    model = memory_of(1).to_model()
    x = np.random.default_rng(2).standard_normal(6)
    slope = [(model.energy(x + 1e-5 * axis) - model.energy(x - 1e-5 * axis)) / 2e-5 for axis in np.eye(6)]
    np.testing.assert_allclose(model.gradient(x), slope, atol=1e-8)


def test_an_update_never_raises_the_energy():
    memory = memory_of(3, p=8, n=4)
    x = 2 * np.random.default_rng(4).standard_normal((200, 4))
    after = memory.update(x)
    assert (memory.to_model().energy(after) <= memory.to_model().energy(x) + 1e-12).all()


def test_sharp_memories_return_a_pattern_and_blunt_ones_the_mean():
    images = ContinuousMemory.from_digits(10, each=5)
    assert np.linalg.norm(images.patterns, axis=1) == pytest.approx(8.0)
    sharp = ContinuousMemory(images.patterns, sharpness=20.0)
    cue = sharp.corrupt(17, 0.3, seed=1)
    np.testing.assert_allclose(sharp.update(cue), images.patterns[17], atol=1e-6)
    blunt = ContinuousMemory(images.patterns, sharpness=1e-9)
    np.testing.assert_allclose(blunt.update(cue), images.patterns.mean(axis=0), atol=1e-6)


def test_cells_recall_an_image_from_its_upper_half():
    memory = ContinuousMemory.from_digits(3)
    cue = np.where(np.arange(64) < 32, memory.patterns[2], 0.0)
    posed = memory.recall(cue, target=2)
    schedule = pbits.Schedule.anneal(sweeps=10, beta_start=100.0, beta_stop=100.0, levels=1, chains=2)
    run = pbits.run(posed, langevin.Potentials(accuracy=0.1), schedule, seed=1)
    assert posed.score(posed.decode(cue)) < 0.9
    assert (run.solution.value.pattern, run.solution.unit) == (2, "overlap")
    # Noise of 1/β on 64 sites of mean square 1 leaves a cosine of (1 + 1/β)^−½ = 0.995, with little scatter.
    assert run.solution.objective == pytest.approx(0.995, abs=0.005)
    assert posed.picture(run.solution)["panels"][0]["label"] == "stored"


def test_the_sign_of_an_overlap_counts():
    memory = memory_of(5)
    answer = memory.decode(-memory.patterns[1])
    assert answer.overlap == pytest.approx(memory.overlap(-memory.patterns[1]).max())
    assert memory.recall(memory.patterns[1], target=1).score(answer) == pytest.approx(-1)
    assert (memory.overlap(np.zeros(6)) == 0).all()


def test_noise_of_a_cue_is_drawn_by_its_seed():
    memory = memory_of(6, n=400)
    assert (memory.corrupt(0, 0.5, 1) == memory.corrupt(0, 0.5, 1)).all()
    # 400 normal numbers: a standard error of 0.018.
    assert (memory.corrupt(0, 0.5, 1) - memory.patterns[0]).std() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("given_patterns", "options", "message"),
    [
        ([1.0, 2.0], {}, r"expected \(p, n\)"),
        ([[1.0, np.inf]], {}, "not finite"),
        ([[1.0, 2.0], [0.0, 0.0]], {}, "pattern 1 is 0 everywhere"),
        ([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]], {}, "pattern 2 is given twice"),
        ([[1.0, 2.0]], {"sharpness": 0.0}, "sharpness is 0.0"),
        ([[1.0, 2.0]], {"shape": (2, 2)}, "holds 4 sites"),
        ([[1.0, 2.0]], {"cue": [1.0]}, r"expected \(2,\)"),
        ([[1.0, 2.0]], {"target": 1}, "no pattern 1"),
    ],
)
def test_what_cannot_be_stored_is_refused(given_patterns, options, message):
    with pytest.raises(ValueError, match=message):
        ContinuousMemory(given_patterns, **options)
