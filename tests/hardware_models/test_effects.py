import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from hardware_models.effects import FixedPointCouplings, OffsetMismatch
from pbits.mapping import FixedPoint
from pbits.streams import Streams

CHIP = Streams(seed=0, chip_seed=3)
CELLS = np.arange(3)
TRIANGLE = pbits.IsingModel.from_edges(3, [(0, 1), (0, 2), (1, 2)], [0.3, -0.8, 9.0], [0.1, -0.26, 0.0], 2.5)


def offsets(n, chip_seed=3, sigma=0.4, cells=None, beta=1.0):
    """δ of the cells, as the effect shows it on n free p-bits."""
    model = pbits.IsingModel.from_edges(n, np.empty((0, 2), dtype=int), [])
    cells = np.arange(n) if cells is None else np.array(cells)
    held, _ = OffsetMismatch(sigma_d2d=sigma).realise(model, beta, cells, Streams(seed=0, chip_seed=chip_seed))
    return beta * held.h


def test_fixed_point_rounds_beta_j_by_hand():
    # Four bits, one behind the point: βJ and βh in −4, −3.5 … 3.5. At β = 2, βJ = 0.6, −1.6, 18 and
    # βh = 0.2, −0.52, 0.
    effect = FixedPointCouplings(number=FixedPoint(total_bits=4, fraction_bits=1))
    held, notes = effect.realise(TRIANGLE, 2.0, CELLS, CHIP)
    np.testing.assert_allclose(held.edges()[2], [0.25, -0.75, 1.75], rtol=1e-15)
    np.testing.assert_allclose(held.h, [0.0, -0.25, 0.0], rtol=1e-15)
    assert held.offset == 2.5
    found = notes["fixed_point"]
    assert (found["numbers"], found["saturated"], found["rounded_to_zero"]) == (6, 1, 1)
    assert found["largest_error_in_beta_j"] == pytest.approx(14.5)
    assert found["step_in_beta_j"] == 0.5


def test_a_coupling_that_rounds_to_nothing_is_no_coupling():
    effect = FixedPointCouplings(number=FixedPoint(fraction_bits=0))
    held, notes = effect.realise(TRIANGLE, 0.5, CELLS, CHIP)
    assert held.n_couplings == 1
    assert notes["fixed_point"]["rounded_to_zero"] == 4


def test_at_beta_zero_nothing_is_left_to_round():
    effect = FixedPointCouplings(number=FixedPoint(total_bits=2, fraction_bits=0))
    assert effect.realise(TRIANGLE, 0.0, CELLS, CHIP)[0] is TRIANGLE


@given(beta=st.floats(0.01, 20), bits=st.integers(0, 12), seed=st.integers(0, 99))
def test_without_saturation_no_number_is_off_by_more_than_half_a_step(beta, bits, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(4, 4)), 1)
    model = pbits.IsingModel(J + J.T, rng.normal(size=4))
    held, notes = FixedPointCouplings(number=FixedPoint(fraction_bits=bits)).realise(model, beta, np.arange(4), CHIP)
    error = beta * np.abs(held.csr.toarray() - model.J)
    half = 0.5 * 2.0**-bits * (1 + 1e-9) + 1e-12
    assert error.max() <= half
    assert beta * np.abs(held.h - model.h).max() <= half
    assert notes["fixed_point"]["saturated"] == 0


def test_an_offset_is_an_error_of_the_input_whatever_beta_is():
    np.testing.assert_allclose(offsets(5, beta=0.1), offsets(5, beta=4.0), rtol=1e-12)
    held, notes = OffsetMismatch(sigma_d2d=0.4).realise(TRIANGLE, 2.0, CELLS, CHIP)
    np.testing.assert_allclose(held.h, TRIANGLE.h + offsets(3) / 2, rtol=1e-14)
    assert (held.J != TRIANGLE.J).nnz == 0
    assert notes == {}


def test_a_spread_scales_one_chip():
    np.testing.assert_allclose(offsets(6, sigma=0.8), 2 * offsets(6, sigma=0.4), rtol=1e-15)


def test_offsets_have_the_spread_that_was_asked_for():
    # 40,000 draws: the standard deviation is known to 0.35 %, the mean to 0.002; five of each.
    found = offsets(40_000, sigma=0.4)
    assert abs(found.std() / 0.4 - 1) < 5 / np.sqrt(80_000)
    assert abs(found.mean()) < 5 * 0.4 / 200


def test_offsets_belong_to_the_cells_of_a_chip():
    chip = offsets(10)
    np.testing.assert_array_equal(offsets(10), chip)
    assert not np.isclose(offsets(10, chip_seed=4), chip).any()
    np.testing.assert_array_equal(offsets(3), chip[:3])
    np.testing.assert_array_equal(offsets(3, cells=[7, 2, 9]), chip[[7, 2, 9]])


def test_offsets_at_beta_zero_are_refused():
    with pytest.raises(ValueError, match="take a small β"):
        OffsetMismatch(sigma_d2d=0.1).realise(TRIANGLE, 0.0, CELLS, CHIP)


@pytest.mark.parametrize("sigma", [-0.1, np.nan, np.inf])
def test_a_spread_that_cannot_be_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma_d2d"):
        OffsetMismatch(sigma_d2d=sigma)
