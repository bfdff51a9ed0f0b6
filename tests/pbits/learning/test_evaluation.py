import numpy as np
import pytest
from scipy.linalg import sqrtm

from pbits.learning.evaluation import frechet_distance, nearest


def test_the_distance_is_that_of_the_matrix_square_root():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)), rng.normal(1.0, 2.0, size=(80, 4))
    a, b = np.cov(first.T), np.cov(second.T)
    shift = first.mean(axis=0) - second.mean(axis=0)
    wanted = shift @ shift + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet_distance(first, second) == pytest.approx(wanted)
    assert frechet_distance(second, first) == pytest.approx(wanted)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_one_feature_has_the_distance_of_two_normal_numbers():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(30, 1)), rng.normal(3.0, 2.0, size=(40, 1))
    wanted = (first.mean() - second.mean()) ** 2 + (first.std(ddof=1) - second.std(ddof=1)) ** 2
    assert frechet_distance(first, second) == pytest.approx(wanted)


def test_features_without_spread_have_a_distance():
    assert frechet_distance(np.ones((5, 3)), np.zeros((4, 3))) == pytest.approx(3)


@pytest.mark.parametrize("second", [np.zeros((3, 2)), np.zeros((1, 3)), np.zeros(3)])
def test_features_that_do_not_match_are_refused(second):
    with pytest.raises(ValueError, match="at least two rows"):
        frechet_distance(np.zeros((3, 3)), second)


def test_the_nearest_image_is_that_of_fewest_differences():
    rng = np.random.default_rng(3)
    samples, images = (rng.choice([-1, 1], (m, 12)).astype(np.int8) for m in (20, 30))
    table = (samples[:, None] != images).sum(axis=2)
    found, differing = nearest(samples, images)
    assert np.array_equal(differing, table.min(axis=1))
    assert np.array_equal(table[np.arange(20), found], differing)
