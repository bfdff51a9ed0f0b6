"""Tours and assignments: energies, laws and refusals."""

import itertools

import numpy as np
import pytest

import pbits
from pbits.models import Distances, PermutationModel

RNG = np.random.default_rng(6)
D, F, C = RNG.random((4, 4)), RNG.random((4, 4)), RNG.random((4, 4))


def test_energies_are_sums_over_steps_and_flows():
    symmetric = D + D.T
    tour = PermutationModel(symmetric, offset=2.0)
    state = [2, 0, 3, 1]
    assert tour.energy(state) == pytest.approx(
        2 + symmetric[2, 0] + symmetric[0, 3] + symmetric[3, 1] + symmetric[1, 2]
    )
    held = sum(F[t, u] * D[state[t], state[u]] for t, u in itertools.permutations(range(4), 2))
    placed = sum(C[t, state[t]] for t in range(4))
    assert PermutationModel(D, F, C).energy(state) == pytest.approx(held + placed)
    # One that moves along the ring is a tour.
    ring = np.roll(np.eye(4), 1, axis=1)
    assert PermutationModel(symmetric, ring).energy(state) == pytest.approx(float(tour.energy(state)) - 2)


def test_energies_keep_the_shape_of_many_states():
    tour = PermutationModel(D + D.T)
    states = np.array(list(itertools.permutations(range(4)))).reshape(2, 12, 4)
    assert tour.energy(states).shape == (2, 12)
    assert len(set(tour.energy(states).ravel().round(12))) == 3


def test_the_exact_law_lists_every_permutation():
    law = pbits.exact(PermutationModel(D, F, C), 1.5)
    assert len(law.states) == 24
    np.testing.assert_array_equal(law.index(law.states), np.arange(24))
    weights = np.exp(-1.5 * law.energies)
    np.testing.assert_allclose(law.probabilities, weights / weights.sum())
    given = pbits.exact(PermutationModel(D, F, C), 1.5, clamp={1: 3})
    assert len(given.states) == 6
    assert given.log_z < law.log_z
    with pytest.raises(ValueError, match="under this law it holds"):
        given.index([0, 1, 2, 3])
    with pytest.raises(ValueError, match="is no permutation"):
        law.index([0, 0, 1, 2])


def test_laws_end_at_nine_slots():
    assert len(pbits.exact(PermutationModel(Distances(coordinates=RNG.random((9, 2))))).states) == 362_880
    with pytest.raises(ValueError, match=r"10 slots have 3\.63e\+06 permutations.*up to 9 slots"):
        pbits.exact(PermutationModel(Distances(coordinates=RNG.random((10, 2)))))
    with pytest.raises(ValueError, match="one item in two slots"):
        pbits.exact(PermutationModel(D, F), clamp={0: 1, 1: 1})


@pytest.mark.parametrize("kind", ["tour", "assignment"])
def test_arrays_make_it_again(kind):
    model = PermutationModel(Distances(coordinates=D[:, :2]), offset=1.0) if kind == "tour" else PermutationModel(D, F)
    again = PermutationModel.from_arrays(model.arrays())
    assert (again.kind, again.fingerprint()) == (kind, model.fingerprint())
    assert again.energy([3, 1, 0, 2]) == model.energy([3, 1, 0, 2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((D,), r"not symmetric: .* first be doubled"),
        ((np.zeros((2, 2)),), "a tour needs at least 3"),
        ((np.zeros((1, 1)), np.zeros((1, 1))), "an assignment needs at least 2"),
        ((D, np.zeros((3, 3))), r"flows have shape \(3, 3\); expected \(4, 4\)"),
        ((D, F, np.full((4, 4), np.nan)), r"costs\[0, 0\] is nan"),
    ],
)
def test_malformed_models_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PermutationModel(*arguments)


@pytest.mark.parametrize("state", [[0, 1, 2, 2], [0, 1, 2, 4], [0.5, 1, 2, 3], [-1, 1, 2, 3], [np.nan, 1, 2, 3]])
def test_what_is_no_permutation_has_no_energy(state):
    with pytest.raises(ValueError, match="is no permutation"):
        PermutationModel(D + D.T).energy(state)
