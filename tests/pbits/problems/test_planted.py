"""Planted glasses: the planted energy is the lowest, by enumeration of every state."""

import numpy as np
import pytest

import pbits
from pbits.problems import PlantedGlass


@pytest.mark.parametrize("shares", [(1, 0, 0, 0), (0, 1, 1, 0), (0, 0, 0, 1)])
def test_no_state_of_tiles_is_below_the_planted_one(shares):
    for seed in range(3):
        glass = PlantedGlass.tiles(4, seed=seed, shares=shares)
        energies = pbits.exact(glass.to_model()).energies
        assert energies.min() == pytest.approx(glass.optimum)
        assert glass.to_model().degrees.tolist() == [4] * 16
        assert glass.score(glass.decode(glass.planted)) == glass.optimum
    # Each of the 8 squares breaks its weakest coupling, of size 1, and holds three others.
    weak = np.arange(1, 5) @ np.array(shares) / sum(shares)
    if max(shares) == sum(shares):
        assert glass.optimum == -8 * ((weak - 1) + 2 * (4 - weak) - 1)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_no_state_of_a_wishart_glass_is_below_the_planted_one(alpha):
    for seed in range(3):
        glass = PlantedGlass.wishart(14, alpha, seed=seed)
        energies = pbits.exact(glass.to_model()).energies
        assert energies.min() == pytest.approx(glass.optimum, abs=1e-12)
        # The planted state and its negative, and no other.
        assert (energies < glass.optimum + 1e-9).sum() == 2


def test_an_anneal_reaches_the_planted_energy():
    glass = PlantedGlass.tiles(8, seed=2, shares=(0, 0, 0, 1))
    start, stop = glass.beta_range()
    schedule = pbits.Schedule.anneal(sweeps=1000, beta_start=start, beta_stop=stop, chains=32)
    found = pbits.run(glass, "ideal", schedule, seed=1).solution
    assert (found.objective, found.gap) == (glass.optimum, 0.0)


def test_a_state_that_a_flip_improves_is_no_ground_state():
    pair = pbits.IsingModel([[0, 1], [1, 0]])
    assert PlantedGlass(pair, [1, 1]).optimum == -1
    with pytest.raises(ValueError, match="flipping site 0 lowers the energy by 2"):
        PlantedGlass(pair, [1, -1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PlantedGlass.tiles(5, seed=0), "L is 5"),
        (lambda: PlantedGlass.tiles(2, seed=0), "L is 2"),
        (lambda: PlantedGlass.tiles(4, seed=0, shares=(1, 0, 0)), "expected four"),
        (lambda: PlantedGlass.tiles(4, seed=0, shares=(0, 0, 0, 0)), "not all 0"),
        (lambda: PlantedGlass.wishart(8, 0.01, seed=0), "1 column"),
    ],
)
def test_what_cannot_be_planted_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
