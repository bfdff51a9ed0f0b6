"""The sum over a cover in Gray code, against the same sum in plain Python."""

import numpy as np
import pytest
from scipy.special import logsumexp

from pbits.kernels.partition_sum import log_partition_block


def plain(cover, cover_fields, across, fields, start, count):
    """ln Σ e^(−E), each state from nothing."""
    exponents = []
    for number in range(start, start + count):
        code = number ^ (number >> 1)
        spins = np.array([1.0 if (code >> i) & 1 else -1.0 for i in range(len(cover))])
        inputs = fields + spins @ across
        exponents.append(0.5 * spins @ cover @ spins + cover_fields @ spins + np.logaddexp(inputs, -inputs).sum())
    return logsumexp(exponents)


# Others that fill one product of factors, part of the next, or no product at all.
@pytest.mark.parametrize("others", [0, 1, 3, 5, 512, 513, 1030])
@pytest.mark.parametrize("width", [1e-3, 1.0, 40.0])
def test_equals_its_plain_twin(others, width):
    rng = np.random.default_rng(others)
    k = 5
    cover = np.triu(rng.normal(0, width, (k, k)), 1)
    given = (cover + cover.T, rng.normal(size=k), rng.normal(0, width, (k, others)), rng.normal(0, width, others))
    for start, count in ((0, 32), (0, 1), (7, 11), (31, 1)):
        largest, total = log_partition_block(*given, start, count)
        # The polynomial in exp2 leaves each factor 1 + e^(−2|I|) wrong by up to 3e-11 of itself.
        near = 1e-12 + 3e-11 * others
        assert largest + np.log(total) == pytest.approx(plain(*given, start, count), rel=1e-12, abs=near)


def test_no_cover_is_one_state():
    empty = np.zeros((0, 0)), np.zeros(0), np.zeros((0, 3)), np.array([0.5, -1.0, 0.0])
    largest, total = log_partition_block(*empty, 0, 1)
    assert largest + np.log(total) == pytest.approx(np.log(2 * np.cosh(empty[3])).sum())
