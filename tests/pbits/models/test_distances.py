"""Distances from a matrix and from coordinates."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbits.models import Distances
from pbits.models.distances import METRICS

POINTS = np.random.default_rng(3).random((30, 2)) * 80


@pytest.mark.parametrize("metric", METRICS[1:])
def test_a_matrix_of_coordinates_says_the_same(metric):
    of_points = Distances(coordinates=POINTS, metric=metric)
    matrix = of_points.to_matrix()
    assert (np.diag(matrix) == 0).all()
    np.testing.assert_array_equal(matrix, matrix.T)
    of_matrix = Distances(matrix)
    tours = np.array([np.random.default_rng(k).permutation(30) for k in range(5)])
    np.testing.assert_array_equal(of_points.length(tours), of_matrix.length(tours))
    assert of_points.symmetric
    assert of_matrix.symmetric


def test_a_matrix_is_built_without_much_more_memory_than_it_takes():
    n = 2000
    places = Distances(coordinates=np.random.default_rng(3).uniform(-80, 80, (n, 2)), metric="GEO")
    tracemalloc.start()
    matrix = places.to_matrix()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(matrix[[0, 1234, n - 1]], [places.between(i, np.arange(n)) for i in (0, 1234, n - 1)])
    assert peak < 8 * n**2 + 3e8


def test_lengths_by_hand():
    square = Distances(coordinates=[[0, 0], [3, 4], [3, 0]])
    assert square.length([0, 1, 2]) == 12
    assert Distances(coordinates=[[0, 0], [1, 1]], metric="EUC_2D").between(0, 1) == 1
    assert Distances(coordinates=[[0, 0], [1, 1]], metric="CEIL_2D").between(0, 1) == 2
    # √(200/10) is 4.47…, which ATT rounds up.
    assert Distances(coordinates=[[0, 0], [10, 10]], metric="ATT").between(0, 1) == 5


@pytest.mark.parametrize("metric", ["EUCLIDEAN", "GEO"])
def test_neighbours_are_the_nearest(metric):
    near = Distances(coordinates=POINTS, metric=metric).neighbours(7)
    matrix = Distances(coordinates=POINTS, metric=metric).to_matrix() + np.diag(np.full(30, np.inf))
    found = np.take_along_axis(matrix, near, axis=1)
    # Rounded to whole kilometres, places are alike that are not quite.
    np.testing.assert_allclose(found, np.sort(matrix, axis=1)[:, :7], atol=1.0 if metric == "GEO" else 0)
    assert (np.diff(found, axis=1) >= (-1 if metric == "GEO" else 0)).all()


@given(st.integers(2, 12), st.integers(1, 15), st.integers(0, 1000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_neighbours_are_others_each_named_once(n, k, seed, coincide):
    points = np.random.default_rng(seed).integers(0, 2 if coincide else 50, size=(n, 2))
    near = Distances(coordinates=points).neighbours(k)
    assert near.shape == (n, min(k, n - 1))
    for place, row in enumerate(near.tolist()):
        assert place not in row
        assert len(set(row)) == len(row)


def test_neighbours_of_a_matrix():
    matrix = [[0, 3, 1, 1], [3, 0, 2, 5], [1, 2, 0, 4], [1, 5, 4, 0]]
    assert Distances(matrix).neighbours(2).tolist() == [[2, 3], [2, 0], [0, 1], [0, 2]]


def test_arrays_make_them_again():
    for places in (Distances(coordinates=POINTS, metric="GEO"), Distances(POINTS[:2, :2])):
        again = Distances.from_arrays(places.arrays())
        assert again.metric == places.metric
        assert again.between(0, 1) == places.between(0, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of them"),
        ({"matrix": np.zeros((2, 3))}, r"expected a square matrix"),
        ({"matrix": [[0, -1], [1, 0]]}, r"distances\[0, 1\] is -1"),
        ({"matrix": [[0, np.nan], [1, 0]]}, r"distances\[0, 1\] is nan"),
        ({"coordinates": [[0, 1, 2]]}, r"expected \(n, 2\)"),
        ({"coordinates": [[0, np.inf]]}, "must be finite"),
        ({"coordinates": POINTS, "metric": "MAN_2D"}, "must be one of EUCLIDEAN"),
    ],
)
def test_malformed_distances_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Distances(**arguments)


def test_a_matrix_that_would_fill_the_memory_is_refused_with_its_size():
    many = Distances(coordinates=np.zeros((85_900, 2)))
    with pytest.raises(ValueError, match=r"85,900 places would take 59 GB"):
        many.to_matrix()
