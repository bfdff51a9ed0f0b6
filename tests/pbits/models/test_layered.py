import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import pbits
from pbits.mapping import Grid
from pbits.models import DenoisingModel, ForwardProcess
from pbits.reference.denoising import generated_law, reverse_law


def tiny(layers=2, seed=0, spread=0.6, **more):
    """Three data cells, a label cell and two hidden ones, all coupled through the hidden."""
    rng = np.random.default_rng(seed)
    edges = [(i, j) for i in range(4) for j in (4, 5)]
    return DenoisingModel(
        n_cells=6,
        edges=edges,
        data_cells=[0, 2, 3],
        label_cells=[[1]],
        couplings=rng.normal(0, spread, (layers, len(edges))),
        fields=rng.normal(0, spread, (layers, 6)),
        process=ForwardProcess.linear(layers, **more),
    )


@given(st.integers(2, 5), st.floats(0.1, 3), st.integers(1, 5))
def test_a_step_is_a_jump_process(n_states, rate, layers):
    process = ForwardProcess.linear(layers, rate=rate, n_states=n_states)
    generator = np.full((n_states, n_states), rate / n_states) - rate * np.eye(n_states)
    start = 0.0
    for k, end in enumerate(process.times):
        # The matrix exponential, by the spectrum of the symmetric generator.
        values, vectors = np.linalg.eigh(generator)
        step = (vectors * np.exp(values * min(end - start, 1e6))) @ vectors.T
        assert process.keep[k] == pytest.approx(step[0, 0])
        start = end


@given(st.integers(2, 5), st.floats(0.2, 3))
def test_gamma_is_the_log_odds_of_the_step(n_states, rate):
    process = ForwardProcess(times=(0.3, 1.0), rate=rate, n_states=n_states)
    other = (1 - process.keep) / (n_states - 1)
    assert process.gammas == pytest.approx(np.log(process.keep / other))
    spins = ForwardProcess(times=(0.3, 1.0), rate=rate)
    assert spins.weights == pytest.approx(-0.5 * np.log(np.tanh(rate * np.array([0.3, 0.7]) / 2)))


def test_noise_forgets_as_much_as_it_says_and_steps_compose():
    # 40 000 sites a share; five standard errors each: a false alarm in 10⁵.
    rng = np.random.default_rng(1)
    for n_states in (2, 4):
        process = ForwardProcess.linear(4, rate=1.3, n_states=n_states)
        clean = np.ones(40_000, dtype=np.int8)
        path = process.trajectory(clean, rng)
        once = process.noised(clean, rng, start=0, stop=2)
        assert once.dtype == np.int8
        assert set(np.unique(once)) == ({-1, 1} if n_states == 2 else {0, 1, 2, 3})
        kept = 1 - process.forgotten * (1 - 1 / n_states)
        for k in range(4):
            assert abs((path[k + 1] == clean).mean() - kept[k]) < 5 * 0.5 / 200
        assert abs((once == clean).mean() - kept[1]) < 5 * 0.5 / 200


def test_a_free_layer_undoes_a_step_as_bayes_says():
    # Without energies of its own, the layer's P(x^(t−1)|x^t) must be Bayes' rule with a uniform prior.
    process = ForwardProcess(times=(0.4, 1.1), rate=0.8)
    free = DenoisingModel(
        n_cells=2,
        edges=[(0, 1)],
        data_cells=[0, 1],
        couplings=np.zeros((2, 1)),
        fields=np.zeros((2, 2)),
        process=process,
    )
    for t in (1, 2):
        keep = process.keep[t - 1]
        step = np.array([[keep, 1 - keep], [1 - keep, keep]])
        assert reverse_law(free, t) == pytest.approx(np.kron(step, step))
    assert generated_law(free) == pytest.approx(np.full(4, 0.25))


def test_a_layer_with_the_right_prior_undoes_a_step_exactly():
    # Two coupled data cells: with E = −J s₁s₂ in the layer, P(x⁰|x¹) is Bayes' rule with the prior e^(Js₁s₂).
    process, J = ForwardProcess(times=(0.5,), rate=1.0), 0.7
    model = DenoisingModel(
        n_cells=2, edges=[(0, 1)], data_cells=[0, 1], couplings=[[J]], fields=np.zeros((1, 2)), process=process
    )
    keep = process.keep[0]
    step = np.array([[keep, 1 - keep], [1 - keep, keep]])
    forward = np.kron(step, step)
    prior = np.exp(J * np.array([1, -1, -1, 1]))
    joint = prior[None, :] * forward.T
    assert reverse_law(model, 1) == pytest.approx(joint / joint.sum(axis=1, keepdims=True))


def test_the_stack_of_exact_layers_generates_the_data():
    # The prior of each layer is the law of x^(t−1): then the chain of reverse steps ends at the law of the data. With
    # two cells that law keeps the form e^(Js₁s₂) at all times, with tanh J falling by the correlation of both sites.
    process, J = ForwardProcess.linear(3, rate=1.0), 1.1
    left = 1 - np.concatenate([[0.0], process.forgotten])
    couplings = np.arctanh(np.tanh(J) * left[:-1] ** 2)[:, None]
    model = DenoisingModel(
        n_cells=2, edges=[(0, 1)], data_cells=[0, 1], couplings=couplings, fields=np.zeros((3, 2)), process=process
    )
    wanted = np.exp(J * np.array([1, -1, -1, 1]))
    assert generated_law(model) == pytest.approx(wanted / wanted.sum())


def test_sampled_layers_have_the_exact_law():
    # 4096 independent chains: distances of up to the noise floor at a false-alarm rate of 10⁻³.
    model = tiny(seed=3)
    noisy = np.tile([1, -1, 1], (4096, 1))
    run = pbits.run(
        model.layer(1), "ideal", pbits.Schedule(n_samples=1, n_warmup=60, chains=4096), seed=5,
        clamp=model.clamp(1, noisy=noisy, labels=np.zeros(4096, dtype=int)),
    )  # fmt: skip
    codes = (run.states[:, 0, model.data_cells] > 0) @ [4, 2, 1]
    law = reverse_law(model, 1, 0)[0b101]
    distance = 0.5 * np.abs(np.bincount(codes, minlength=8) / 4096 - law).sum()
    assert distance < 0.5 * np.sqrt(8 / 4096) + np.sqrt(np.log(1e3) / (2 * 4096))


def test_the_last_layer_starts_from_nothing():
    model = tiny()
    last = model.layer(2)
    assert last.n == 6
    assert model.clamp(2, noisy=np.ones((1, 3)), labels=[0]) == {1: [1]}
    law = reverse_law(model, 2, 0)
    assert law == pytest.approx(np.tile(law[0], (8, 1)))


def test_a_stack_is_saved_and_loaded_whole(tmp_path):
    model = tiny(layers=3, rate=0.7)
    again = DenoisingModel.load(model.save(tmp_path / "stack.npz"))
    assert {k: v.tolist() for k, v in again.arrays().items()} == {k: v.tolist() for k, v in model.arrays().items()}
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="holds no denoising model"):
        DenoisingModel.load(tmp_path / "no.npz")


@pytest.mark.parametrize("rules", ["G8", "G12", "Z1"])
def test_on_a_grid_data_and_labels_have_one_colour_and_the_copies_come_last(rules):
    grid = Grid.named(rules, 12, 12)
    model = DenoisingModel.on_grid(grid, data=30, classes=3, label_copies=2, process=ForwardProcess.linear(2), seed=4)
    held = np.concatenate([model.data_cells, model.label_cells.ravel()])
    assert len(set(held.tolist())) == 36
    assert len(set(((held // 12 + held % 12) % 2).tolist())) == 1
    assert 143 not in held
    assert model.layer(1).n == 144 + 30
    other = DenoisingModel.on_grid(grid, data=30, process=ForwardProcess.linear(2), seed=5)
    assert set(other.data_cells.tolist()) != set(model.data_cells.tolist())


def test_clamps_name_copies_labels_and_data():
    model = tiny()
    noisy = np.array([[1, 1, -1], [-1, 1, 1]])
    held = model.clamp(1, noisy=noisy, labels=[0, 0], data=-noisy)
    assert {site: value.tolist() for site, value in held.items()} == {
        6: [1, -1], 7: [1, 1], 8: [-1, 1], 0: [-1, 1], 2: [-1, -1], 3: [1, -1], 1: [1, 1]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ForwardProcess(times=()), "t_1 < … < t_T"),
        (lambda: ForwardProcess(times=(1.0, 1.0)), "t_1 < … < t_T"),
        (lambda: ForwardProcess(times=(np.inf, np.inf)), "t_1 < … < t_T"),
        (lambda: ForwardProcess.linear(0), "at least 1"),
        (lambda: ForwardProcess(times=(1.0,), rate=0.0), "positive and finite"),
        (lambda: ForwardProcess(times=(1.0,), n_states=1), "at least 2 values"),
        (lambda: tiny(n_states=3), "cells hold spins"),
        (lambda: tiny().layer(0), "numbered from 1 to 2"),
        (lambda: tiny().with_parameters(np.zeros((2, 7)), np.zeros((2, 6))), r"couplings has shape \(2, 7\)"),
        (lambda: tiny().clamp(1, noisy=np.ones((2, 2)), labels=[0, 0]), "noisy has shape"),
        (lambda: tiny().clamp(1, noisy=np.ones((2, 3))), "labels are missing"),
        (lambda: tiny().clamp(1, noisy=np.ones((2, 3)), labels=[0, 1]), "classes from 0 to 0"),
        (
            lambda: DenoisingModel.on_grid(Grid.named("G8", 6, 6), data=19, process=ForwardProcess.linear(1)),
            "has 18 cells of one colour",
        ),
        (
            lambda: DenoisingModel.on_grid(Grid(6, 6, ((1, 1),)), data=9, process=ForwardProcess.linear(1)),
            "not two-coloured",
        ),
        (
            lambda: DenoisingModel(
                n_cells=2, edges=[(0, 2)], data_cells=[0], couplings=[[0.0]], fields=[[0.0, 0.0]],
                process=ForwardProcess.linear(1),
            ),
            "outside 0 to 1",
        ),
        (
            lambda: DenoisingModel(
                n_cells=2, edges=[(0, 1)], data_cells=[0, 0], couplings=[[0.0]], fields=[[0.0, 0.0]],
                process=ForwardProcess.linear(1),
            ),
            "no cell may hold two things",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
