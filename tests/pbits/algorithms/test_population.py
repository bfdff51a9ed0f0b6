"""Population annealing: the law at the end, log Z, and resampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import pbits
from pbits.algorithms import anneal_population, population
from pbits.algorithms.population import _offspring, _stay

SITES = 6


def frustrated(seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(SITES, SITES)), 1)
    return pbits.IsingModel(J + J.T, 0.3 * rng.normal(size=SITES), offset=1.5)


MODEL = frustrated()


def errors(seeds=range(6), **options):
    """Estimates of log Z less the truth, (seeds, levels − 1), at β beyond 0."""
    found = [
        anneal_population(MODEL, beta_stop=1.0, levels=9, sweeps=2, population=2000, seed=seed, **options)
        for seed in seeds
    ]
    truth = [pbits.exact(MODEL, float(beta)).log_z for beta in found[0].betas[1:]]
    return np.array([one.log_z[1:] for one in found]) - truth


def test_log_z_is_that_of_the_exact_law():
    off = errors()
    # The spread over seeds is the standard error of one; six estimates: 5 standard errors of their mean.
    assert (np.abs(off.mean(axis=0)) < 5 * off.std(axis=0, ddof=1) / np.sqrt(len(off)) + 1e-3).all()
    assert np.abs(off).max() < 0.1


def test_weights_of_the_wrong_step_are_caught(monkeypatch):
    right = population._Resampling.__call__

    def wrong(self, now):
        now.energies = 1.15 * now.energies
        return right(self, now)

    monkeypatch.setattr(population._Resampling, "__call__", wrong)
    off = errors()
    assert np.abs(off.mean(axis=0)).max() > 5 * off.std(axis=0, ddof=1).max() / np.sqrt(len(off)) + 1e-3


def test_the_last_states_have_the_law_of_the_last_beta():
    found = anneal_population(MODEL, beta_stop=1.0, levels=9, sweeps=10, population=8000, seed=3)
    law = pbits.exact(MODEL, 1.0)
    drawn = np.bincount(law.index(found.run.states[:, -1]), minlength=2**SITES)
    # False alarm 10⁻⁴; ten sweeps after the last resampling have parted the copies.
    assert chisquare(drawn, 8000 * law.probabilities).pvalue > 1e-4
    assert 100 < found.families <= 8000
    assert found.free_energies == pytest.approx(-found.log_z[1:] / found.betas[1:])


def test_copies_alone_are_written():
    found = anneal_population(MODEL, levels=5, sweeps=2, population=500, seed=1)
    steering = found.run.record["notes"]["steering"]
    assert 0 < steering["states_replaced"] < 4 * 500 / 2
    assert steering["chains_swapped"] == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30), st.floats(0, 1, exclude_max=True))
def test_offspring_are_the_weights_to_within_one_and_parents_stay(weights, u):
    weights = np.array(weights)
    offspring = _offspring(weights, u)
    assert offspring.sum() == len(weights)
    assert (np.abs(offspring - len(weights) * weights / weights.sum()) < 1 + 1e-9).all()
    parents = _stay(offspring)
    assert np.array_equal(np.bincount(parents, minlength=len(weights)), offspring)
    assert (parents[offspring > 0] == np.flatnonzero(offspring > 0)).all()


def test_one_level_is_no_anneal():
    with pytest.raises(ValueError, match="levels is 1"):
        anneal_population(MODEL, levels=1)
