"""Training of Boltzmann machines: slopes against exact ones, and training that goes on where it was."""

import numpy as np
import pytest

import pbits
from hardware_models import pbit
from hardware_models.effects import OffsetMismatch
from pbits.learning import (
    LearningPlan,
    Rate,
    class_probabilities,
    exact_log_likelihood,
    mean_field,
    quantised,
    train,
)
from pbits.learning.epochs import evened
from pbits.models import BoltzmannModel, CategoricalBoltzmannModel

RNG = np.random.default_rng(0)
PATTERNS = np.array([[1, 1, -1, -1], [-1, -1, 1, 1], [1, -1, 1, -1]])
LABELS = RNG.integers(0, 3, 600)
DATA = np.where(RNG.random((600, 4)) < 0.1, -1, 1) * PATTERNS[LABELS]


def exact_slope(machine, data, labels=None, conditional=False):
    """⟨φ⟩ with the data held, minus without (or without their labels), enumerated."""
    model = machine.to_model()
    positive = np.mean([enumerated(machine, model, machine.clamp(data, labels), k) for k in range(len(data))], axis=0)
    if conditional:
        negative = np.mean([enumerated(machine, model, machine.clamp(data), k) for k in range(len(data))], axis=0)
    else:
        negative = enumerated(machine, model, {}, 0)
    return positive - negative


def enumerated(machine, model, held, k):
    law = pbits.exact(model, 1.0, clamp={site: values[k] for site, values in held.items()})
    return sum(p * machine.statistics(s[None]) for s, p in zip(law.states, law.probabilities))


def centred(machine, slope, mu):
    """Without what merely moves means, as the plan says."""
    m = machine.n_couplings
    couplings, fields = slope[:m].copy(), slope[m:].copy()
    for e, (i, j) in enumerate(machine.edges):
        couplings[e] -= mu[i] * slope[m + j] + slope[m + i] * mu[j]
    for e, (i, j) in enumerate(machine.edges):
        fields[i] -= couplings[e] * mu[j]
        fields[j] -= couplings[e] * mu[i]
    return np.concatenate([couplings, fields])


def moved(machine, data, labels=None, on="ideal", steps=1, **plan):
    """Mean change of the parameters of a step, over its rate, of many steps from one place."""
    settings = {"epochs": 1, "batch": len(data), "rate": 1e-7, "momentum": 0.0, "monitor": "none"} | plan
    found = [
        train(machine, data, labels, plan=LearningPlan(**settings), machine=on, seed=seed).model.parameters
        for seed in range(steps)
    ]
    changes = (np.array(found) - machine.parameters) / 1e-7
    return changes.mean(axis=0), changes.std(axis=0, ddof=1) / np.sqrt(steps)


# Some ten to twenty numbers in each of a dozen cases, within 4.8 standard errors each: false alarm below 5e-4 in all.
@pytest.mark.parametrize("method", ["cd", "fresh", "pcd", "tempered"])
@pytest.mark.parametrize("positive", ["auto", "sampled"])
def test_slopes_of_a_restricted_machine_are_the_exact_ones(method, positive):
    machine = BoltzmannModel.restricted(4, 2, spread=0.5, seed=2)
    rows = DATA[:40]
    expected = exact_slope(machine, rows)
    found, error = moved(
        machine, rows, steps=40, method=method, positive=positive, sweeps=30, chains=None if method == "cd" else 200,
        centred=False, levels=4,
    )  # fmt: skip
    assert (np.abs(found - expected) < 4.8 * error + 1e-7).all()
    assert np.abs(expected).max() > 8 * error.max()


def test_the_compiled_loop_goes_along_the_centred_slope():
    machine = BoltzmannModel.restricted(4, 2, spread=0.5, seed=2)
    rows = DATA[LABELS == 0][:40]
    positive = np.mean([enumerated(machine, machine.to_model(), machine.clamp(rows), k) for k in range(40)], axis=0)
    negative = enumerated(machine, machine.to_model(), {}, 0)
    # μ drifts by a twentieth of both phases' means before it is used, here of the exact ones and not of those drawn.
    mu = np.concatenate([rows.mean(axis=0), np.zeros(2)])
    mu += 0.05 * ((positive + negative)[-6:] / 2 - mu)
    found, error = moved(machine, rows, steps=200, method="cd", sweeps=30)
    expected = centred(machine, positive - negative, mu)
    assert (np.abs(found - expected) < 4.8 * error + 0.01).all()
    assert np.abs(positive - negative - expected).max() > 0.1


@pytest.mark.parametrize(
    "machine",
    [BoltzmannModel.deep(4, [2, 2], spread=0.6, seed=1), BoltzmannModel.general(4, 1, spread=0.6, seed=1)],
    ids=["deep", "general"],
)
def test_slopes_of_other_machines_are_the_exact_ones(machine):
    rows = DATA[:30]
    found, error = moved(machine, rows, steps=40, method="fresh", sweeps=30, chains=200, centred=False)
    expected = exact_slope(machine, rows)
    assert (np.abs(found - expected) < 4.8 * error + 1e-7).all()


def test_slopes_of_categories_are_the_exact_ones():
    machine = CategoricalBoltzmannModel.restricted([3, 2], 1, hidden_states=3, classes=2, spread=0.8, seed=1)
    rng = np.random.default_rng(3)
    rows, labels = np.column_stack([rng.integers(0, 3, 30), rng.integers(0, 2, 30)]), rng.integers(0, 2, 30)
    found, error = moved(machine, rows, labels, steps=40, method="fresh", sweeps=30, chains=200)
    assert (np.abs(found - exact_slope(machine, rows, labels)) < 4.8 * error + 1e-7).all()


def test_the_sampled_conditional_objective_goes_along_its_own_slope():
    machine = BoltzmannModel.restricted(4, 2, classes=3, spread=0.5, seed=2)
    rows, labels = DATA[:40], LABELS[:40]
    expected = exact_slope(machine, rows, labels, conditional=True)
    plan = {"objective": "conditional", "method": "cd", "sweeps": 30, "centred": False, "positive": "sampled"}
    found, error = moved(machine, rows, labels, steps=40, **plan)
    assert (np.abs(found - expected) < 4.8 * error + 1e-6).all()
    assert np.abs(expected).max() > 8 * error.max()


def test_the_conditional_objective_in_closed_form_is_among_the_classes():
    machine = BoltzmannModel.restricted(4, 2, classes=3, copies=2, spread=0.5, seed=2)
    model, rows, labels = machine.to_model(), DATA[:10], LABELS[:10]
    chances = class_probabilities(machine, rows)
    of_class = [machine.clamp(rows, np.full(10, label)) for label in range(3)]
    negative = np.mean(
        [
            sum(chances[k, label] * enumerated(machine, model, of_class[label], k) for label in range(3))
            for k in range(10)
        ],
        axis=0,
    )
    positive = np.mean([enumerated(machine, model, machine.clamp(rows, labels), k) for k in range(10)], axis=0)
    found, _ = moved(machine, rows, labels, steps=2, objective="conditional", method="cd", centred=False)
    np.testing.assert_allclose(found, positive - negative, atol=1e-6)
    assert np.abs(found).max() > 0.1


def test_the_mean_field_is_exact_where_nothing_free_is_coupled():
    machine = BoltzmannModel.restricted(4, 3, spread=0.7, seed=4)
    held = machine.clamp(DATA[:5])
    means = mean_field(machine.to_model(), held, 5)
    for row in range(5):
        law = pbits.exact(machine.to_model(), 1.0, clamp={site: values[row] for site, values in held.items()})
        np.testing.assert_allclose(means[row], law.mean, atol=1e-12)
    deep = BoltzmannModel.deep(4, [3, 2], spread=0.3, seed=4)
    means = mean_field(deep.to_model(), deep.clamp(DATA[:5]), 5)
    inputs = means @ deep.to_model().csr.toarray() + deep.fields
    np.testing.assert_allclose(means[:, deep.hidden], np.tanh(inputs)[:, deep.hidden], atol=1e-5)


def log_likelihood(machine, data):
    law = pbits.exact(machine.to_model())
    return float((-pbits.learning.free_energy(machine, data)).mean() - law.log_z)


@pytest.mark.parametrize(
    ("method", "plan"),
    [
        ("cd", {"sweeps": 5}),
        ("pcd", {"sweeps": 2, "chains": 50}),
        ("tempered", {"sweeps": 4, "chains": 20, "levels": 4, "epochs": 15}),
        ("fresh", {"sweeps": 10, "chains": 40, "epochs": 15}),
        ("pcd", {"sweeps": 2, "chains": 50, "positive": "mean-field", "epochs": 15}),
        ("pcd", {"sweeps": 2, "chains": 50, "weight_bits": 5}),
    ],
)
def test_training_comes_near_the_best_likelihood(method, plan):
    # What three patterns, of which each pixel is turned over with chance 0.1, can be told by at best.
    turned = (DATA[:, None, :] != PATTERNS).sum(axis=2)
    best = np.log((0.1**turned * 0.9 ** (4 - turned)).mean(axis=1)).mean()
    apart = np.mean([np.log((1 + DATA * DATA.mean(axis=0)) / 2).sum(axis=1)])
    start = BoltzmannModel.restricted(4, 3, seed=1).with_data_fields(DATA)
    settings = {"epochs": 60, "batch": 20, "rate": Rate(first=0.1, last=0.0), "monitor": "none"} | plan
    found = train(start, DATA, plan=LearningPlan(method=method, **settings), seed=5)
    reached = log_likelihood(found.model, DATA)
    assert log_likelihood(start, DATA) == pytest.approx(apart, abs=0.01)
    assert reached > apart + 0.8 * (best - apart)


@pytest.mark.parametrize("positive", ["mean-field", "sampled"])
def test_a_deep_machine_learns(positive):
    start = BoltzmannModel.deep(4, [4, 2], spread=0.1, seed=1).with_data_fields(DATA)
    plan = LearningPlan(
        method="pcd", positive=positive, sweeps=4, chains=60, epochs=25, batch=50, rate=Rate(first=0.15, last=0.0),
        monitor="none",
    )  # fmt: skip
    found = train(start, DATA, plan=plan, seed=5).model
    before, after = (exact_log_likelihood(machine, DATA[:200]).mean for machine in (start, found))
    assert after > before + 0.4


@pytest.mark.parametrize("engine", ["loop", "runs", "conditional", "tempered"])
def test_training_that_was_broken_off_goes_on_bit_for_bit(engine, tmp_path):
    plan = {
        "loop": {"method": "pcd", "momentum": 0.5},
        "runs": {"method": "pcd", "positive": "sampled", "sweeps": 2},
        "conditional": {"method": "cd", "objective": "conditional"},
        "tempered": {"method": "tempered", "levels": 3},
    }[engine]
    labels = LABELS[:100] if engine == "conditional" else None
    machine = BoltzmannModel.restricted(4, 2, classes=3 if engine == "conditional" else 0, seed=1)
    plan = LearningPlan(epochs=6, batch=25, rate=0.05, monitor="none", **plan)
    whole = train(machine, DATA[:100], labels, plan=plan, seed=3)

    def kill(epoch, _):
        if epoch in (2, 3):
            raise KeyboardInterrupt

    file = tmp_path / "training.npz"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(machine, DATA[:100], labels, plan=plan, seed=3, checkpoint=file, after_epoch=kill)
    # The seed is known from the file.
    again = train(machine, DATA[:100], labels, plan=plan, checkpoint=file)
    np.testing.assert_array_equal(again.model.parameters, whole.model.parameters)
    np.testing.assert_array_equal(again.reconstruction, whole.reconstruction)
    np.testing.assert_array_equal(again.acceptance, whole.acceptance)
    assert len(again.reconstruction) == 6
    with pytest.raises(ValueError, match="of other training"):
        train(machine, DATA[1:101], labels, plan=plan, checkpoint=file)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="no checkpoint of training.*delete it"):
        train(machine, DATA[:100], labels, plan=plan, checkpoint=file)


def test_a_chip_that_trains_learns_around_its_offsets():
    chip = pbit.Array(effects=[OffsetMismatch(sigma_d2d=1.0)])
    plan = {"epochs": 8, "batch": 50, "method": "cd", "sweeps": 3, "positive": "sampled", "monitor": "none"}
    ideal = train(
        BoltzmannModel.restricted(4, 4, classes=3, seed=1), DATA, LABELS, seed=2,
        plan=LearningPlan(rate=Rate(first=0.1, last=0.0), **{**plan, "positive": "auto", "epochs": 60}),
    ).model  # fmt: skip
    learned = train(
        ideal, DATA, LABELS, machine=chip, chip_seed=5, seed=3,
        plan=LearningPlan(rate=Rate(first=0.1, last=0.01), **plan),
    )  # fmt: skip

    def right(model, **where):
        return (pbits.learning.classify(model, DATA[:200], seed=7, **where).labels == LABELS[:200]).mean()

    on = {"machine": chip, "chip_seed": 5}
    before, after = right(ideal, **on), right(learned.model, **on)
    assert after > before + 0.1
    assert learned.cost.runs == 2 * 8 * 12
    assert learned.cost.counts["update"] > 0


def test_weights_stay_within_what_a_machine_holds():
    plan = LearningPlan(
        epochs=3, batch=100, rate=0.5, method="cd", positive="sampled", max_weight=0.05, monitor="none"
    )  # fmt: skip
    found = train(BoltzmannModel.restricted(4, 2, seed=1), DATA, plan=plan, seed=1).model
    assert np.abs(found.couplings).max() == 0.05


def test_patience_ends_training_and_keeps_the_best():
    start = BoltzmannModel.restricted(4, 2, classes=3, seed=1).with_data_fields(DATA, LABELS)
    plan = LearningPlan(
        method="cd", objective="conditional", epochs=200, batch=50, rate=0.5, monitor="accuracy", look_every=2,
        patience=3,
    )  # fmt: skip
    found = train(start, DATA[:300], LABELS[:300], plan=plan, seed=1, validation=(DATA[300:], LABELS[300:]))
    assert found.stopped
    assert len(found.reconstruction) < 200
    assert len(found.scores) == len(found.looked_at) == len(found.reconstruction) // 2
    best = (class_probabilities(found.model, DATA[300:]).argmax(axis=1) == LABELS[300:]).mean()
    assert best == pytest.approx(found.scores.max())


def test_looks_are_exact_or_estimates_of_the_same():
    found = {
        monitor: train(
            BoltzmannModel.restricted(4, 3, seed=1), DATA, seed=2,
            plan=LearningPlan(method="cd", epochs=20, rate=0.05, look_every=5, monitor=monitor),
        )
        for monitor in ("auto", "likelihood", "estimated-likelihood", "pseudo-likelihood")
    }  # fmt: skip
    exact = found["likelihood"]
    assert exact.looked_at.tolist() == [5, 10, 15, 20]
    np.testing.assert_array_equal(found["auto"].scores, exact.scores)
    assert exact.scores[-1] == pytest.approx(log_likelihood(exact.model, DATA))
    # A hundred chains tell log Z of such a machine to some hundredths.
    np.testing.assert_allclose(found["estimated-likelihood"].scores, exact.scores, atol=0.1)
    assert (found["pseudo-likelihood"].scores > exact.scores).all()
    with pytest.raises(ValueError, match="not coupled to one another"):
        train(BoltzmannModel.deep(4, [2, 2]), DATA, plan=LearningPlan(monitor="estimated-likelihood"))


def test_weights_of_few_bits():
    machine = BoltzmannModel.restricted(6, 4, spread=1.0, seed=1)
    held = quantised(machine, 3)
    steps = held.couplings / (np.abs(machine.couplings).max() / 3)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-12)
    assert np.abs(held.couplings - machine.couplings).max() <= np.abs(machine.couplings).max() / 6 + 1e-12
    np.testing.assert_array_equal(quantised(machine, 24).couplings.round(5), machine.couplings.round(5))
    with pytest.raises(ValueError, match="at least 2"):
        quantised(machine, 1)


def test_ladders_even_out():
    even = evened(np.array([0.0, 0.1, 1.0]), np.array([1.0, 0.2]))
    assert even[0] == 0
    assert even[-1] == 1
    assert 0.4 < even[1] < 0.6


def test_progress_is_told_in_epochs():
    told = []
    train(
        BoltzmannModel.restricted(4, 2), DATA, plan=LearningPlan(epochs=3, monitor="none"), seed=1,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"method": "cdd"}, "one of cd, pcd, fresh, tempered"),
        ({"sweeps": 0}, "sweeps is 0"),
        ({"draws": 3, "sweeps": 2}, "3 draws need as many sweeps"),
        ({"objective": "conditional", "method": "pcd"}, "take method='cd'"),
        ({"weight_bits": 1}, "at least 2"),
        ({"momentum": 1.0}, "momentum"),
        ({"levels": (0.0, 0.5)}, "rise from at least 0 to 1"),
        ({"max_weight": -1.0}, "positive"),
    ],
)
def test_plans_that_cannot_be_are_refused(plan, message):
    with pytest.raises(ValueError, match=message):
        LearningPlan(**plan)


def test_rates():
    with pytest.raises(ValueError, match="must not rise"):
        Rate(first=0.1, last=0.2)
    with pytest.raises(ValueError, match="geometric"):
        Rate(first=0.1, last=0.0, shape="geometric")
    assert Rate(first=1.0, last=0.0, shape="cosine").over(3).round(3).tolist() == [1.0, 0.5, 0.0]


def test_bad_training_is_refused():
    machine = BoltzmannModel.restricted(4, 2, classes=3)
    with pytest.raises(ValueError, match="labels are missing"):
        train(machine, DATA)
    with pytest.raises(ValueError, match="3 classes, and labels hold 0, 1, 2, 3"):
        train(machine, DATA[:4], [0, 1, 2, 3])
    with pytest.raises(ValueError, match="this machine holds spins"):
        train(machine, (DATA + 1) // 2, LABELS)
    with pytest.raises(TypeError, match="BoltzmannModel"):
        train(machine.to_model(), DATA)
    with pytest.raises(ValueError, match="build the machine with classes"):
        train(
            BoltzmannModel.restricted(4, 2), DATA, plan=LearningPlan(objective="conditional", method="cd")
        )  # fmt: skip
    with pytest.raises(ValueError, match="ran away in epoch"):
        train(machine, DATA, LABELS, plan=LearningPlan(rate=1e6, monitor="none", epochs=20), seed=1)
    with pytest.raises(pbits.NotMappable, match="neighbours"):
        train(machine, DATA, LABELS, machine="fpga-kv260", plan=LearningPlan(monitor="none"), seed=1)


def test_training_on_a_machine_has_its_joules():
    plan = LearningPlan(method="cd", positive="sampled", epochs=2, batch=300, monitor="none")
    cost = train(BoltzmannModel.restricted(4, 2), DATA, machine="fpga-all-to-all", plan=plan, seed=1).cost
    assert cost.runs == 8
    assert cost.joules > 0
    assert cost.device_time_s > 0
    # Not all prices of the junctions are stated.
    assert train(BoltzmannModel.restricted(4, 2), DATA, machine="smtj-projected", plan=plan, seed=1).cost.joules is None
