"""States in bits: packed, turned back, and told apart."""

import numpy as np
import pytest

from pbits.kernels import bitplanes

rng = np.random.default_rng(2)


@pytest.mark.parametrize(("n", "chains"), [(1, 1), (10, 512), (64, 64), (130, 511)])
def test_states_come_back_as_they_were(n, chains):
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), size=(n, chains))
    words = bitplanes.pack(spins)
    assert words.shape == (n + 2, 8)
    assert words[n].tolist() == [2**64 - 1] * 8
    assert words[n + 1].tolist() == [0] * 8
    back = np.zeros((chains, 3, n), dtype=np.int8)
    bitplanes.unpack(back, 1, words)
    assert np.array_equal(back[:, 1], spins.T)
    assert not back[:, [0, 2]].any()


def test_a_bit_is_a_chain():
    spins = -np.ones((3, 512), dtype=np.int8)
    spins[1, 64 * 5 + 9] = 1
    words = bitplanes.pack(spins)
    assert words[1].tolist() == [0, 0, 0, 0, 0, 1 << 9, 0, 0]
    assert not words[[0, 2]].any()
