"""Passes of a small array: every site once a sweep, no two neighbours at once, and what that counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.mapping import colour_classes, multiplex


@given(n=st.integers(1, 30), density=st.floats(0, 1), cells=st.integers(1, 40), seed=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_passes_are_exact_chromatic_sweeps(n, density, cells, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < density), 1)
    model = pbits.IsingModel(J + J.T)
    shared = multiplex(model, cells)
    assert sorted(np.concatenate(shared.passes).tolist()) == list(range(n))
    for sites in shared.passes:
        assert len(sites) <= cells
        assert not model.J[np.ix_(sites, sites)].any()
    assert len(shared.passes) == sum(-(-len(sites) // cells) for sites in colour_classes(model))
    assert shared.reads == np.count_nonzero(model.J)
    assert shared.writes == (0 if len(shared.passes) == 1 else shared.reads + n)
    assert shared.utilisation == pytest.approx(n / (cells * len(shared.passes)))


def test_passes_keep_the_boltzmann_law():
    """The transition of one sweep, pass by pass, has the Boltzmann law as its fixed point: by enumeration."""
    rng = np.random.default_rng(2)
    J = np.triu(rng.normal(size=(5, 5)), 1) * (rng.random((5, 5)) < 0.6)
    model = pbits.IsingModel(J + J.T, rng.normal(size=5))
    law = pbits.exact(model)
    weights = law.probabilities.reshape((2,) * 5)
    moved = weights
    for sites in multiplex(model, 2).passes:
        rest = [site for site in range(5) if site not in sites]
        kept = moved.sum(axis=tuple(sites), keepdims=True)
        decided = weights / weights.sum(axis=tuple(sites), keepdims=True)
        moved = kept * decided
        assert len(rest) + len(sites) == 5
    np.testing.assert_allclose(moved, weights, atol=1e-12)


def test_an_array_without_cells_is_refused():
    with pytest.raises(ValueError, match="cells is 0"):
        multiplex(pbits.IsingModel([[0.0]]), 0)
