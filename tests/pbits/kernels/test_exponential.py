"""2^x against NumPy's, over the whole range and beyond it."""

import numba
import numpy as np

from pbits.kernels.exponential import LOG2_E, exp2


@numba.njit
def _powers(x):
    return np.array([exp2(value) for value in x])


def test_powers_of_two_are_right_to_1e_10_everywhere():
    x = np.concatenate([np.linspace(-1000, 1000, 200_001), np.linspace(-2, 2, 200_001), [0.5, -0.5, 1e-300]])
    assert np.abs(_powers(x) / np.exp2(x) - 1).max() < 1e-10


def test_far_out_it_saturates():
    assert (
        _powers(np.array([-np.inf, -1e6, 1e6, np.inf])).tolist() == _powers(np.array([-1e3, -1e3, 1e3, 1e3])).tolist()
    )
    assert np.isfinite(_powers(np.array([1e308]))).all()


def test_the_unit_is_the_binary_logarithm_of_e():
    assert LOG2_E == 1 / np.log(2) == np.log2(np.e)
