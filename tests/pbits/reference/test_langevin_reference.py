import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad_vec
from scipy.linalg import expm

from pbits.reference.langevin import ou_transition


def random_precision(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    return root @ root.T / n + 0.3 * np.eye(n)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(0, 50), st.floats(0.05, 3.0), st.floats(0.2, 5.0))
def test_two_steps_are_one_step_of_twice_the_duration(n, seed, duration, beta):
    A = random_precision(n, seed)
    phi, chol = ou_transition(A, beta, duration)
    phi2, chol2 = ou_transition(A, beta, 2 * duration)
    np.testing.assert_allclose(phi2, phi @ phi, atol=1e-12)
    one = chol @ chol.T
    np.testing.assert_allclose(chol2 @ chol2.T, one + phi @ one @ phi.T, atol=1e-11)
    assert (np.triu(chol, 1) == 0).all()


def test_the_noise_is_the_integral_that_defines_it_also_for_a_matrix_that_is_not_symmetric():
    A, beta, duration = np.array([[1.0, 5.0], [0.0, 2.0]]), 0.7, 1.0
    integral, _ = quad_vec(lambda t: 2 / beta * expm(-A * t) @ expm(-A.T * t), 0, duration)
    _, chol = ou_transition(A, beta, duration)
    np.testing.assert_allclose(chol @ chol.T, integral, rtol=1e-9)


def test_after_a_long_time_the_law_is_that_of_the_model():
    A = random_precision(4, 3)
    phi, chol = ou_transition(A, beta=2.0, duration=200.0)
    np.testing.assert_allclose(phi, 0, atol=1e-12)
    np.testing.assert_allclose(chol @ chol.T, np.linalg.inv(A) / 2, rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2.0], [2.0, 1.0]], 1.0, 1.0), "eigenvalue of real part -1"),
        (([[1.0]], 0.0, 1.0), "beta is 0.0"),
        (([[1.0]], 1.0, 0.0), "duration is 0.0"),
    ],
)
def test_what_has_no_stationary_law_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ou_transition(*arguments)
