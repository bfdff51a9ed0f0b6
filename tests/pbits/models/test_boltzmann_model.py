"""Boltzmann machines as something to be learned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.models import BoltzmannModel, CategoricalBoltzmannModel


def spins(rng, *shape):
    return 2 * rng.integers(0, 2, shape) - 1


@pytest.mark.parametrize(
    "machine",
    [
        BoltzmannModel.restricted(5, 3, classes=2, copies=2, spread=0.5),
        BoltzmannModel.deep(4, [3, 2], classes=3, spread=0.5),
        BoltzmannModel.general(4, 2, spread=0.5),
        BoltzmannModel.on_graph(60, pbits.mapping.Chimera(2, 4).edges()[:70], visible=8, classes=2, spread=1.0),
    ],
    ids=["restricted", "deep", "general", "sparse"],
)  # fmt: skip
def test_the_energy_is_minus_theta_times_the_statistics(machine):
    rng = np.random.default_rng(1)
    machine = machine.with_parameters(rng.normal(size=len(machine.parameters)))
    states = spins(rng, 20, machine.n)
    energies = machine.to_model().energy(states)
    by_hand = [-machine.parameters @ machine.statistics(row[None]) for row in states]
    np.testing.assert_allclose(energies, by_hand, atol=1e-12)
    # Both ways of taking products, and means of spins.
    np.testing.assert_allclose(
        machine.statistics(states), np.mean([machine.statistics(row[None]) for row in states], axis=0), atol=1e-12
    )
    np.testing.assert_allclose(machine.statistics(states.astype(float)), machine.statistics(states), atol=1e-12)


def test_the_energy_of_categories_is_minus_theta_times_the_statistics():
    rng = np.random.default_rng(1)
    machine = CategoricalBoltzmannModel.restricted([2, 3, 4], 2, hidden_states=3, classes=3, copies=2)
    machine = machine.with_parameters(rng.normal(size=len(machine.parameters)))
    states = np.floor(rng.random((20, machine.n)) * machine.n_states).astype(np.int16)
    by_hand = [-machine.parameters @ machine.statistics(row[None]) for row in states]
    np.testing.assert_allclose(machine.to_model().energy(states), by_hand, atol=1e-12)


def test_sites_and_wires_of_layers():
    deep = BoltzmannModel.deep(2, [3, 2], classes=2)
    assert deep.n == 9
    assert deep.hidden.tolist() == [4, 5, 6, 7, 8]
    pairs = set(map(tuple, deep.edges.tolist()))
    assert {(0, 4), (1, 6), (4, 7), (6, 8), (2, 7), (3, 8)} <= pairs
    assert len(pairs) == 2 * 3 + 3 * 2 + 2 * 2
    assert not deep.is_restricted
    assert BoltzmannModel.restricted(2, 3, classes=2).is_restricted
    assert not BoltzmannModel.general(2, 1).is_restricted


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.sampled_from([0, 2, 3]), st.integers(0, 99))
def test_weights_go_there_and_back(visible, hidden, classes, seed):
    machine = BoltzmannModel.restricted(visible, hidden, classes=classes, spread=1.0, seed=seed)
    W = machine.weights
    assert W.shape == (visible + classes, hidden)
    b, c = machine.fields[machine.seen], machine.fields[machine.hidden]
    again = machine.with_weights(W, b, c)
    np.testing.assert_array_equal(again.couplings, machine.couplings)
    state = spins(np.random.default_rng(seed), machine.n)
    expected = -(state[machine.seen] @ W @ state[machine.hidden])
    assert machine.to_model().energy(state) == pytest.approx(expected)
    np.testing.assert_array_equal(machine.wired, np.ones_like(W))
    doubled = machine.with_weights(2 * W, b, c)
    np.testing.assert_array_equal(doubled.weights, 2 * W)


def test_a_machine_whose_hidden_sites_come_first_has_the_same_weights():
    rng = np.random.default_rng(0)
    # Sites 0 and 1 are hidden, and visible sites are named out of order.
    edges = [(0, 4), (0, 2), (1, 2), (3, 1), (3, 0), (4, 1)]
    machine = BoltzmannModel.on_graph(5, edges, visible=[4, 2, 3], spread=1.0)
    state = spins(rng, 5)
    assert machine.is_restricted
    assert machine.to_model().energy(state) == pytest.approx(-(state[[4, 2, 3]] @ machine.weights @ state[:2]))


def test_a_restricted_machine_may_lack_edges():
    machine = BoltzmannModel.on_graph(5, [(0, 3), (1, 3), (1, 4)], visible=[0, 1, 2], spread=1.0)
    assert machine.is_restricted
    assert machine.wired.tolist() == [[1, 0], [1, 1], [0, 0]]
    again = machine.with_weights(machine.weights + 7 * (1 - machine.wired), np.zeros(3), np.ones(2))
    np.testing.assert_array_equal(again.couplings, machine.couplings)
    assert again.fields.tolist() == [0, 0, 0, 1, 1]


def test_a_machine_of_bits_has_the_same_law():
    rng = np.random.default_rng(4)
    W, b, c = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=2)
    law = pbits.exact(BoltzmannModel.from_bits(W, b, c).to_model())
    bits = (law.states + 1) / 2
    x, z = bits[:, :3], bits[:, 3:]
    weights = np.exp(np.einsum("ki,ij,kj->k", x, W, z) + x @ b + z @ c)
    np.testing.assert_allclose(law.probabilities, weights / weights.sum(), atol=1e-12)
    with pytest.raises(ValueError, match="fields have shapes"):
        BoltzmannModel.from_bits(W, c, b)


def test_data_fields_have_the_means_of_the_data():
    rng = np.random.default_rng(2)
    data, labels = np.where(rng.random((4000, 3)) < [0.2, 0.5, 0.9], 1, -1), rng.integers(0, 2, 4000)
    machine = BoltzmannModel.restricted(3, 2, classes=2, spread=0.0).with_data_fields(data, labels)
    law = pbits.exact(machine.to_model())
    np.testing.assert_allclose(law.mean[:3], data.mean(axis=0), atol=2e-3)
    assert np.isfinite(machine.with_data_fields(np.ones((5, 3)), np.zeros(5, dtype=int)).fields).all()


def test_clamps_hold_data_and_labels():
    machine = BoltzmannModel.restricted(2, 1, classes=2, copies=2)
    held = machine.clamp([[1, -1], [-1, -1]], [0, 1])
    assert {site: values.tolist() for site, values in held.items()} == {
        0: [1, -1], 1: [-1, -1], 2: [1, -1], 3: [1, -1], 4: [-1, 1], 5: [-1, 1],
    }  # fmt: skip
    np.testing.assert_array_equal(machine.votes([[1, 1, 1, 1, 1, -1, 1]]), [[1.0, 0.0]])
    categories = CategoricalBoltzmannModel.restricted([3], 1, classes=4, copies=2)
    assert {site: values.tolist() for site, values in categories.clamp([[2]], [3]).items()} == {0: [2], 1: [3], 2: [3]}
    np.testing.assert_array_equal(categories.votes([[2, 3, 1, 0]]), [[0, 0.5, 0, 0.5]])


@pytest.mark.parametrize(
    "machine",
    [
        BoltzmannModel.deep(4, [3, 2], classes=3, spread=0.5),
        CategoricalBoltzmannModel.restricted([2, 3], 2, classes=3),
    ],
)
def test_a_machine_is_stored_whole(machine, tmp_path):
    again = type(machine).load(machine.save(tmp_path / "machine.npz"))
    assert again.to_model().fingerprint() == machine.to_model().fingerprint()
    for name, values in machine.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], values)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "machine.npz").read_bytes()[:200])
    with pytest.raises(ValueError, match="holds no"):
        type(machine).load(tmp_path / "cut.npz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[0, 1]], "data.0, 0. is 0; this machine holds spins"),
        ([[1.0, np.nan]], "data.0, 1. is nan"),
        ([[1, 1, 1]], "rows of 2 spins"),
        (np.zeros((0, 2)), "at least one"),
        ([1, 1], "rows of 2 spins"),
    ],
)
def test_data_that_are_no_spins_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        BoltzmannModel.restricted(2, 1).clamp(data)


def test_other_bad_input_is_refused():
    machine = BoltzmannModel.restricted(2, 1, classes=3)
    with pytest.raises(ValueError, match="label units for 3 classes, and labels hold 0, 3"):
        machine.clamp([[1, 1], [1, -1]], [0, 3])
    with pytest.raises(ValueError, match="one class for each of 1 data"):
        machine.clamp([[1, 1]], [0, 1])
    with pytest.raises(ValueError, match="no label units"):
        BoltzmannModel.restricted(2, 1).clamp([[1, 1]], [0])
    with pytest.raises(ValueError, match="holds the whole numbers 0 to 2"):
        CategoricalBoltzmannModel.restricted([2, 3], 1).clamp([[1, 3]])
    with pytest.raises(ValueError, match="edge is named twice"):
        BoltzmannModel.on_graph(3, [(0, 1), (1, 0)], visible=[0])
    with pytest.raises(ValueError, match="to itself"):
        BoltzmannModel.on_graph(3, [(1, 1)], visible=[0])
    with pytest.raises(ValueError, match="outside 0 to 2"):
        BoltzmannModel.on_graph(3, [(0, 3)], visible=[0])
    with pytest.raises(ValueError, match="no site may be visible or a label twice"):
        BoltzmannModel.on_graph(3, [(0, 1)], visible=[0, 0])
    with pytest.raises(ValueError, match="one class tells nothing"):
        BoltzmannModel.restricted(2, 1, classes=1)
    with pytest.raises(ValueError, match="of 4 sites in all"):
        BoltzmannModel.on_graph(4, [(0, 1)], visible=3, classes=2)
    with pytest.raises(ValueError, match="at least one hidden layer"):
        BoltzmannModel.deep(4, [])
    with pytest.raises(ValueError, match="is not restricted"):
        _ = BoltzmannModel.deep(2, [2, 2]).weights
    with pytest.raises(ValueError, match="must be finite"):
        machine.with_parameters(np.full(len(machine.parameters), np.nan))
    with pytest.raises(ValueError, match="shape"):
        machine.with_parameters(np.zeros(3))
