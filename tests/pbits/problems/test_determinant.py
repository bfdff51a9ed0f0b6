"""Determinants as free energies: Bennett's acceptance ratio against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models.langevin import Circuit
from pbits.problems import Determinant
from pbits.problems.free_energy import acceptance_ratio, influences

RNG = np.random.default_rng(5)
ROOT = RNG.normal(size=(4, 6))
A = ROOT @ ROOT.T / 6 + 0.3 * np.eye(4)


def gaussian_works(rng, size, change, dissipated):
    """Normal works that obey Crooks' theorem: means ΔF ± w, variance 2w."""
    spread = np.sqrt(2 * dissipated)
    return rng.normal(change + dissipated, spread, size), rng.normal(dissipated - change, spread, size)


def test_the_acceptance_ratio_and_its_error_hold_for_works_of_unequal_number():
    off = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        forward = gaussian_works(rng, 300, 3.0, 2.0)[0]
        reverse = gaussian_works(rng, 900, 3.0, 2.0)[1]
        change = acceptance_ratio(forward, reverse)
        parts = influences(change, forward, reverse)
        off.append((change - 3.0) / np.sqrt(sum(part.var() / part.size for part in parts)))
    # 200 normal numbers: their root mean square is within 0.8 … 1.2 of 1 with a chance of 1 − 1e-4.
    assert 0.8 < np.sqrt(np.mean(np.square(off))) < 1.2
    assert abs(np.mean(off)) < 0.3


@settings(max_examples=50, deadline=None)
@given(shift=st.floats(-500, 500), size=st.integers(1, 20), other=st.integers(1, 20), seed=st.integers(0, 1000))
def test_the_ratio_moves_with_the_zero_of_energy(shift, size, other, seed):
    rng = np.random.default_rng(seed)
    forward, reverse = rng.normal(size=size), rng.normal(size=other)
    change = acceptance_ratio(forward, reverse)
    assert acceptance_ratio(forward + shift, reverse - shift) == pytest.approx(change + shift, abs=1e-6)
    assert acceptance_ratio(reverse, forward) == pytest.approx(-change, abs=1e-6)


@pytest.mark.parametrize("works", [([], [1.0]), ([np.inf], [1.0])])
def test_works_that_tell_nothing_are_refused(works):
    with pytest.raises(ValueError, match="at least one work, all finite"):
        acceptance_ratio(*works)


def test_stages_go_from_sites_alone_to_coupled_ones():
    stages = Determinant(A, stages=5).stages()
    np.testing.assert_array_equal(stages[0].A, np.diag(np.diag(A)))
    np.testing.assert_array_equal(stages[-1].A, Determinant(A).A)
    assert Determinant(A, stages=5).to_model().n == 20
    with pytest.raises(ValueError, match="stages is 1; it takes at least 2"):
        Determinant(A, stages=1)


@pytest.mark.parametrize("beta", [1.0, 5.0])
def test_a_circuit_knows_the_logarithm_at_any_temperature(beta):
    task = Determinant(A, stages=3)
    schedule = pbits.Schedule(n_samples=2000, n_warmup=20, beta=beta)
    found = pbits.run(task, Circuit(), schedule, seed=1, judge=False).solution
    # Four standard errors: 1e-4.
    assert abs(found.value - np.linalg.slogdet(A)[1]) < 4 * found.error
    assert found.error < 0.05
    assert found.objective == pytest.approx(abs(found.value - task.exact()))
    assert task.relative_error(found) == found.error


def test_baselines_know_the_logarithm():
    task = Determinant(A)
    for method in task.methods():
        assert task.baseline(method).value == pytest.approx(task.exact(), abs=1e-12)
