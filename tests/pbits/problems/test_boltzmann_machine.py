"""Boltzmann machines: the free energy against enumeration, and what is clamped."""

import numpy as np
import pytest

from pbits.models import IsingModel
from pbits.problems import BoltzmannMachine

RNG = np.random.default_rng(4)
W, B, C = RNG.normal(size=(4, 3)), RNG.normal(size=4), RNG.normal(size=3)


def spins(n):
    return 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1


def random_model(n, seed):
    J = np.triu(np.random.default_rng(seed).normal(size=(n, n)), 1)
    return IsingModel(J + J.T, np.random.default_rng(seed + 1).normal(size=n), offset=0.7)


def test_the_restricted_machine_has_its_written_energy():
    machine = BoltzmannMachine.restricted(W, B, C)
    for v in spins(4):
        for u in spins(3):
            expected = -v @ W @ u - B @ v - C @ u
            assert float(machine.to_model().energy([*v, *u])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "machine",
    [
        BoltzmannMachine.restricted(W, B, C),
        BoltzmannMachine(random_model(6, 1), visible=[4, 0, 2]),
        BoltzmannMachine(random_model(5, 2), visible=[3, 1, 0, 4, 2]),
    ],
    ids=["restricted", "coupled hidden", "all visible"],
)
def test_the_free_energy_is_the_sum_over_the_hidden_spins(machine):
    states = spins(machine.to_model().n)
    weight = np.exp(-machine.to_model().energy(states))
    for v in spins(len(machine.visible)):
        marginal = weight[(states[:, machine.visible] == v).all(axis=1)].sum()
        assert machine.free_energy(v) == pytest.approx(-np.log(marginal), abs=1e-10)


def test_the_closed_form_does_not_overflow():
    machine = BoltzmannMachine.restricted([[2000.0]], [0.0], [0.0])
    assert machine.free_energy([1]) == -2000.0


def test_decoding_follows_the_order_of_the_visible_sites():
    machine = BoltzmannMachine(random_model(4, 1), visible=[3, 0])
    assert machine.hidden.tolist() == [1, 2]
    assert machine.decode([1, 1, 1, -1]).tolist() == [-1, 1]


def test_clamping_holds_visible_sites():
    machine = BoltzmannMachine(random_model(4, 1), visible=[3, 0])
    assert machine.clamp() == {}
    assert machine.clamped([-1, 1]).clamp() == {3: -1, 0: 1}
    assert machine.clamped({3: 1}).clamp() == {3: 1}
    assert machine.clamped([-1, 1]).to_model() is machine.to_model()
    with pytest.raises(ValueError, match="site 1 is hidden"):
        machine.clamped({1: 1})
    with pytest.raises(ValueError, match=r"expected \(2,\)"):
        machine.clamped([1, 1, 1])
    with pytest.raises(ValueError, match=r"site 3 to 0\.5"):
        machine.clamped({3: 0.5})


def test_the_solution_is_the_lowest_energy_state():
    machine = BoltzmannMachine(random_model(5, 3), visible=[0, 1])
    states = spins(5)
    energies = machine.to_model().energy(states)
    found = machine.solution(states, energies)
    ground = states[energies.argmin()]
    assert found.value.tolist() == ground[:2].tolist()
    # The law is the answer: no free energy is offered as a score, and no share of feasible states is claimed.
    assert (found.objective, found.gap, found.feasible) == (None, None, True)
    assert str(found) == f"seen at the lowest energy: {''.join('+' if s > 0 else '−' for s in ground[:2])}"


def test_many_visible_spins_are_cut():
    machine = BoltzmannMachine(IsingModel(np.zeros((40, 40))), visible=range(40))
    text = str(machine.solution(np.ones((1, 40)), [0.0]))
    assert text == f"seen at the lowest energy: {'+' * 32}… (40 spins)"


def test_a_free_energy_out_of_reach_is_refused():
    machine = BoltzmannMachine(random_model(18, 3), visible=[0])
    with pytest.raises(ValueError, match=r"2\^17 states of coupled hidden sites; at most 16"):
        machine.free_energy([1])


@pytest.mark.parametrize(
    ("visible", "hidden"), [([], None), ([0, 0], None), ([4], None), ([0, 1], [1, 2, 3]), ([0], [1])]
)
def test_the_sites_must_be_divided(visible, hidden):
    with pytest.raises(ValueError, match="each of the sites 0 to 3 once"):
        BoltzmannMachine(random_model(4, 1), visible, hidden)


def test_restricted_shapes():
    with pytest.raises(ValueError, match="n_visible, n_hidden"):
        BoltzmannMachine.restricted([1.0, 2.0], [0.0], [0.0])
    with pytest.raises(ValueError, match=r"c has shape \(4,\); expected \(3,\)"):
        BoltzmannMachine.restricted(W, B, B)
