"""Number partition: energies are squares of differences, and perfect partitions are counted."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.problems import NumberPartition


def states(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=9))
def test_the_energy_of_a_partition_is_the_square_of_its_difference(numbers):
    problem = NumberPartition(numbers)
    differences = np.abs(states(len(numbers)) @ np.array(numbers))
    np.testing.assert_allclose(problem.to_model().energy(states(len(numbers))), differences**2, rtol=0, atol=1e-9)
    scores = [problem.score(problem.decode(state)) for state in states(len(numbers))]
    np.testing.assert_array_equal(scores, differences)
    assert problem.goal == sum(numbers) % 2


def test_perfect_partitions_are_counted():
    # Of 1 … 11 and of 1 … 12, as the coefficients of Π (x^k + x^−k) at 1/x^0 tell (OEIS A063865: 70 and 124).
    for n, count in ((11, 70), (12, 124)):
        polynomial = {0: 1}
        for k in range(1, n + 1):
            grown = {}
            for total, ways in polynomial.items():
                for step in (-k, k):
                    grown[total + step] = grown.get(total + step, 0) + ways
            polynomial = grown
        energies = pbits.exact(NumberPartition(range(1, n + 1)).to_model()).energies
        assert (np.abs(energies) < 1e-9).sum() == polynomial[0] == count


@pytest.mark.parametrize(
    ("numbers", "message"), [([3], "at least 2"), ([1, -2], r"numbers\[1\] is -2"), ([1, np.inf], "finite")]
)
def test_numbers_that_cannot_be_shared_out_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        NumberPartition(numbers)


def test_numbers_beyond_whole_floats_are_refused():
    with pytest.raises(ValueError, match=r"add up to 2e\+18; sums are exact up to 2⁵³"):
        NumberPartition([10**18, 10**18 - 1, 7])
