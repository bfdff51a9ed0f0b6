from dataclasses import replace

import numpy as np
import pytest

import pbits
from pbits.learning.denoising import (
    CorrelationControl,
    TrainingPlan,
    autocorrelation,
    generate,
    train_denoiser,
)
from pbits.learning.descent import Adam
from pbits.mapping import Grid
from pbits.models import DenoisingModel, ForwardProcess
from pbits.reference.denoising import generated_law

# Two classes of four pixels, each of two images with and without one wrong pixel; those of the first class are of
# unequal frequency.
CLEAN = np.array([(1, 1, -1, -1)] * 3 + [(-1, -1, 1, 1)] + [(1, -1, 1, -1)] * 2 + [(-1, 1, -1, 1)] * 2)
IMAGES = np.concatenate([CLEAN, CLEAN, *(CLEAN * (1 - 2 * np.eye(4, dtype=int)[pixel]) for pixel in range(4))])
LABELS = np.tile([0] * 4 + [1] * 4, 6)
PLAN = TrainingPlan(
    epochs=3, batch=64, sweeps=16, draws=4, steps_per_draw=2, adam=Adam(rate=0.1, last_rate=0.02)
)  # fmt: skip


def stack(layers=2, seed=0, hidden=4):
    """Four data cells and two label cells, each coupled to all hidden cells."""
    edges = [(i, j) for i in range(6) for j in range(6, 6 + hidden)]
    rng = np.random.default_rng(seed)
    return DenoisingModel(
        n_cells=6 + hidden,
        edges=edges,
        data_cells=[5, 1, 4, 2],
        label_cells=[[0], [3]],
        couplings=rng.normal(0, 0.1, (layers, len(edges))),
        fields=np.zeros((layers, 6 + hidden)),
        process=ForwardProcess.linear(layers),
    )


def data_law(label):
    codes = (IMAGES[label == LABELS] > 0) @ [8, 4, 2, 1]
    return np.bincount(codes, minlength=16) / len(codes)


def train(plan=PLAN, layers=2, **more):
    images, labels = np.tile(IMAGES, (6, 1)), np.tile(LABELS, 6)
    return train_denoiser(stack(layers), images, labels, **({"plan": plan, "seed": 3} | more))


def test_training_comes_near_the_law_of_the_data():
    start = stack(hidden=8)
    trained = train_denoiser(
        start, np.tile(IMAGES, (6, 1)), np.tile(LABELS, 6), plan=replace(PLAN, epochs=40, sweeps=24), seed=3
    )
    for label in (0, 1):
        before = 0.5 * np.abs(generated_law(start, label) - data_law(label)).sum()
        after = 0.5 * np.abs(generated_law(trained.model, label) - data_law(label)).sum()
        assert after < 0.2 < 0.35 < before


def test_what_is_generated_has_the_law_of_the_stack():
    # 4096 independent samples of two classes: the noise floor, and a false-alarm rate of 10⁻³ each. Sixty sweeps are
    # ample for a stack of couplings that small.
    model = stack(seed=5).with_parameters(
        *(3 * part for part in (stack(seed=5).couplings, stack(seed=6).couplings[:, :10]))
    )
    asked = np.repeat([0, 1], 4096)
    made = generate(model, labels=asked, sweeps=60, seed=7)
    assert made.steps.shape == (3, 8192, 4)
    assert np.array_equal(made.steps[-1], made.samples)
    for label in (0, 1):
        codes = (made.samples[asked == label] > 0) @ [8, 4, 2, 1]
        distance = 0.5 * np.abs(np.bincount(codes, minlength=16) / 4096 - generated_law(model, label)).sum()
        assert distance < 0.5 * np.sqrt(16 / 4096) + np.sqrt(np.log(1e3) / (2 * 4096))


def test_training_that_was_broken_off_goes_on_bit_for_bit(tmp_path):
    class Broken(Exception):
        pass

    def stop(epoch, model):
        if epoch == 2:
            raise Broken

    plan = replace(PLAN, penalty=CorrelationControl(target=0.5, least=0.01))
    whole = train(plan)
    with pytest.raises(Broken):
        train(plan, checkpoint=tmp_path / "c.npz", after_epoch=stop)
    resumed = train(plan, checkpoint=tmp_path / "c.npz")
    assert np.array_equal(resumed.model.couplings, whole.model.couplings)
    assert np.array_equal(resumed.model.fields, whole.model.fields)
    assert np.array_equal(resumed.autocorrelations, whole.autocorrelations)
    assert np.array_equal(resumed.penalties, whole.penalties)
    assert resumed.cost.runs < whole.cost.runs
    with pytest.raises(ValueError, match="of other training"):
        train(replace(plan, batch=32), checkpoint=tmp_path / "c.npz")
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no checkpoint"):
        train(plan, checkpoint=tmp_path / "no.npz")


def test_layers_do_not_depend_on_one_another():
    both = train(replace(PLAN, epochs=1)).model
    images, labels = np.tile(IMAGES, (6, 1)), np.tile(LABELS, 6)
    other = stack()
    other = other.with_parameters(other.couplings * np.array([[1.0], [5.0]]), other.fields)
    changed = train_denoiser(other, images, labels, plan=replace(PLAN, epochs=1), seed=3).model
    assert np.array_equal(both.couplings[0], changed.couplings[0])
    assert not np.array_equal(both.couplings[1], changed.couplings[1])


def test_a_penalty_weakens_what_ties_cells_together():
    free = train(replace(PLAN, epochs=10)).model
    pressed = train(replace(PLAN, epochs=10, penalty=2.0))
    assert np.abs(pressed.model.couplings).mean() < 0.7 * np.abs(free.couplings).mean()
    assert (pressed.penalties == 2.0).all()


def test_memory_is_told_exactly_for_one_cell():
    # A lazy cell keeps its value with chance ρ = 0.8 at each sweep, so ρ⁸ is left after 8 sweeps. 48·8 chains of
    # 16 looks: the scatter was 0.012 over 20 seeds.
    from hardware_models import gibbs

    model = DenoisingModel(
        n_cells=2, edges=[(0, 1)], data_cells=[1], couplings=np.zeros((1, 1)), fields=np.array([[0.0, 0.3]]),
        process=ForwardProcess.linear(1),
    )  # fmt: skip
    lazy = gibbs.Array(rules="G8", rows=4, cols=4, phase_s=1.0, tau_s=-1 / np.log(0.8))
    noisy = np.repeat([[1], [-1]], 40, axis=0)
    assert autocorrelation(model, 1, noisy, sweeps=8, machine=lazy, seed=2) == pytest.approx(0.8**8, abs=0.06)
    assert autocorrelation(model, 1, noisy, sweeps=8, seed=2) == pytest.approx(0, abs=0.06)


def test_chains_that_are_stuck_are_memory():
    model = DenoisingModel(
        n_cells=2, edges=[(0, 1)], data_cells=[1], couplings=np.full((1, 1), 12.0), fields=np.zeros((1, 2)),
        process=ForwardProcess.linear(1),
    )  # fmt: skip
    assert autocorrelation(model, 1, np.ones((48, 1)), sweeps=8, seed=2) == pytest.approx(1, abs=0.05)


def test_controls_follow_their_rules():
    paper = CorrelationControl(target=0.1, change=0.2, least=0.01)
    assert paper.next(0.0, 0.5, np.inf) == pytest.approx(0.01)
    assert paper.next(0.1, 0.5, 0.4) == pytest.approx(0.12)
    assert paper.next(0.1, 0.5, 0.6) == pytest.approx(0.1)
    assert paper.next(0.1, 0.05, 0.6) == pytest.approx(0.08)
    assert paper.next(0.0, 0.05, 0.6) == 0.0
    other = replace(paper, rule="replication")
    assert other.next(0.1, 0.05, 0.04) == pytest.approx(0.07)
    assert other.next(0.1, 0.15, 0.12) == pytest.approx(0.12)
    assert other.next(0.1, 0.19, 0.12) == pytest.approx(0.15)
    assert other.next(0.1, 0.15, 0.2) == pytest.approx(0.095)


def test_a_stack_runs_on_an_array_and_is_priced():
    grid = Grid.named("G8", 6, 6)
    model = DenoisingModel.on_grid(grid, data=6, classes=2, process=ForwardProcess.linear(2), seed=1)
    labels = [0, 1, 1]
    made = generate(model, labels=labels, sweeps=5, machine="extropic-dtca-g12-2fj", seed=2)
    # Two layers of five sweeps of all cells but the two of the labels.
    assert made.cost.counts["update"] == 2 * 5 * 3 * 34
    # Reading and writing are not priced.
    assert made.joules is None
    assert made.joules_per_sample is None
    assert made.lower_bound > 0
    ideal = generate(model, labels=labels, sweeps=5, machine="ideal", seed=2)
    assert ideal.cost.counts["update"] == made.cost.counts["update"]
    assert ideal.device_time_per_sample_s is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: TrainingPlan(epochs=0), "at least 1"),
        (lambda: TrainingPlan(sweeps=20), "do not fit in 20"),
        (lambda: TrainingPlan(penalty=-1.0), "at least 0"),
        (lambda: TrainingPlan(penalty=0.1, chains_per_image=1), "at least 2"),
        (lambda: CorrelationControl(rule="mine"), "one of paper, replication"),
        (lambda: CorrelationControl(target=1.0), "between 0 and 1"),
        (lambda: train_denoiser(stack(), np.zeros((64, 4)), LABELS), "turn bits x into 2"),
        (lambda: train_denoiser(stack(), IMAGES, LABELS), "fewer than a batch"),
        (lambda: generate(stack()), "how many samples"),
        (lambda: generate(stack(), 3), "labels are missing"),
    ],
)
def test_what_cannot_be_trained_or_generated_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_no_seed_is_needed():
    assert pbits.learning.denoising.generate(stack(1), labels=[0, 1], sweeps=2).samples.shape == (2, 4)


def test_runs_of_learning_are_not_judged():
    pair = pbits.IsingModel([[0, 1], [1, 0]])
    schedule = pbits.Schedule(n_samples=200, chains=4)
    judged, quick = (pbits.run(pair, "ideal", schedule, seed=1, judge=judge) for judge in (True, False))
    assert judged.errors is not None
    assert judged.conditionals is not None
    assert quick.errors is None
    assert quick.conditionals is None
    assert np.array_equal(judged.states, quick.states)
