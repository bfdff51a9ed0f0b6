import numpy as np
import pytest

import pbits
from hardware_models.effects import LimitedDac, OffsetMismatch
from hardware_models.pbit import Array
from pbits.harm import HarmWarning, odds_moved, warn_of_harm

NET = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3)], [1.0, 0.2, -0.3], [0.2, 0, 0, 0])
CLIPPED = Array(effects=[LimitedDac(bits=6, full_scale=0.5)], name="my chip")


def made(model, machine):
    """A run, without the warning that comes with it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HarmWarning)
        return pbits.run(model, machine, pbits.Schedule(n_samples=50, chains=8), seed=1)


def test_a_harm_is_told_with_the_distance_it_moves_the_law():
    run = made(NET, CLIPPED)
    size = pbits.exact(NET).total_variation(pbits.exact(run.realised).probabilities)
    assert size > 0.05
    with pytest.warns(HarmWarning, match=f"my chip: 1 of 3 couplings saturate; total variation to .* {size:.2g}"):
        warn_of_harm(run)


def test_where_no_law_can_be_written_down_the_odds_of_an_update_are_compared():
    chain = pbits.IsingModel.from_edges(40, [(i, i + 1) for i in range(39)], 1.0)
    run = made(chain, CLIPPED)
    assert run.errors is None
    with pytest.warns(HarmWarning, match="39 of 39 couplings saturate; an update goes otherwise .* probability 0"):
        warn_of_harm(run)


def test_the_odds_that_moved_are_those_of_free_p_bits():
    free = pbits.IsingModel(np.zeros((3, 3)), [0.5, 0, 0])
    held = pbits.IsingModel(np.zeros((3, 3)), [0.5, 1.0, 0])
    moved = odds_moved(free, held, 2.0, np.ones((2, 5, 3)))
    assert moved == pytest.approx((np.tanh(2.0) / 2) / 3)
    assert odds_moved(free, free, 2.0, np.ones((2, 5, 3))) == 0
    assert odds_moved(free, pbits.IsingModel([[0]]), 2.0, np.ones((2, 5, 3))) is None


def test_no_harm_no_warning():
    warn_of_harm(pbits.run(NET, Array(effects=[OffsetMismatch(sigma_d2d=0.1)]), seed=1))
