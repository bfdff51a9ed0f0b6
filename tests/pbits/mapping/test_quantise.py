"""What rounding does to a model, against enumeration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.mapping import FixedPoint, fixed_point_for, rounding_effect


def network(n, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n), 0.5)


@given(n=st.integers(1, 7), seed=st.integers(0, 1000), bits=st.integers(0, 5), beta=st.sampled_from([0.3, 1.0, 2.0]))
@settings(max_examples=60, deadline=None)
def test_errors_and_ground_states(n, seed, bits, beta):
    model = network(n, seed)
    effect = rounding_effect(model, FixedPoint(total_bits=12, fraction_bits=bits), beta)
    states = (2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)
    posed, held = model.energy(states), effect.model.energy(states)
    assert beta * np.abs(held - posed).max() <= effect.energy_error + 1e-9
    assert effect.largest_error <= 2.0 ** -(bits + 1) + 1e-12
    assert effect.rms_error <= effect.largest_error + 1e-15
    worst = posed[np.isclose(held, held.min(), rtol=0, atol=1e-9)].max()
    assert effect.excess_energy == pytest.approx(worst - posed.min(), abs=1e-9)
    assert effect.ground_states_kept == bool(np.isclose(worst, posed.min(), rtol=0, atol=1e-10))


def test_saturation_counts_as_error():
    pair = pbits.IsingModel([[0, 10.0], [10.0, 0]])
    effect = rounding_effect(pair, FixedPoint(total_bits=4, fraction_bits=1))
    assert effect.rounding.saturated == 1
    assert effect.largest_error == 6.5


def test_large_models_are_not_enumerated():
    effect = rounding_effect(network(19, 0), FixedPoint(total_bits=8, fraction_bits=3))
    assert effect.excess_energy is None
    assert effect.ground_states_kept is None


@given(seed=st.integers(0, 1000), accuracy=st.floats(1e-6, 0.4), beta=st.floats(0.1, 5))
@settings(max_examples=60, deadline=None)
def test_the_bits_asked_for_are_the_fewest(seed, accuracy, beta):
    model = network(5, seed)
    numbers = fixed_point_for(model, accuracy, beta)
    assert rounding_effect(model, numbers, beta).largest_error <= accuracy
    if numbers.total_bits > 1:
        shorter = FixedPoint(total_bits=numbers.total_bits - 1, fraction_bits=numbers.fraction_bits)
        assert rounding_effect(model, shorter, beta).largest_error > accuracy
    assert numbers.step <= 2 * accuracy < 2 * numbers.step or numbers.fraction_bits == 0


def test_malformed_requests():
    with pytest.raises(ValueError, match="beta is 0"):
        rounding_effect(network(2, 0), FixedPoint(fraction_bits=2), 0)
    with pytest.raises(ValueError, match="accuracy is -1"):
        fixed_point_for(network(2, 0), -1)
    with pytest.raises(ValueError, match="takes more than 52 bits"):
        fixed_point_for(network(2, 0), 1e-17)
