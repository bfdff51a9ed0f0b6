"""Directed networks: what they read, and the law of a Bayesian net against its product of conditionals.

Chi-square tests are at p > 1e-4 with fixed seeds: one false alarm in ten thousand seeds.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import chisquare

import pbits
from hardware_models.pbit import Array, stationary_law
from pbits.errors import histogram

# Rain (0) and a sprinkler (1) wet the grass (2), which wets the shoes (3); numbered children first on purpose.
NET = pbits.DirectedModel([[0, 0.9, 0, 0], [0, 0, 0.7, 1.1], [0, 0, 0, -0.8], [0, 0, 0, 0]], [0.1, -0.4, 0.0, -0.6])


def joint(net, beta):
    states = (2 * (np.arange(2**net.n)[:, None] >> np.arange(net.n)[::-1] & 1) - 1).astype(float)
    return np.prod(expit(2 * beta * states * net.inputs(states)), axis=1)


def test_it_reads_rows():
    np.testing.assert_allclose(NET.inputs([1, 1, -1, 1]), [0.9 + 0.1, -0.7 + 1.1 - 0.4, -0.8, -0.6])


def test_the_energy_is_that_of_the_symmetric_part():
    states = [[1, -1, 1, 1], [-1, -1, 1, -1]]
    J = NET.csr.toarray()
    np.testing.assert_allclose(NET.energy(states), pbits.IsingModel((J + J.T) / 2, NET.h).energy(states))


def test_parents_come_first():
    assert NET.acyclic
    place = np.argsort(NET.order)
    rows, columns = NET.csr.nonzero()
    assert (place[columns] < place[rows]).all()


def test_a_ring_has_no_parents():
    ring = pbits.DirectedModel([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert not ring.acyclic
    assert ring.order.tolist() == [0, 1, 2]


def test_mutual_couplings_are_an_ising_model():
    J = np.array([[0, 0.5], [0.5, 0]])
    model = pbits.DirectedModel(J, [0.1, 0.2], 3.0).mutual()
    assert model is not None
    assert model.fingerprint() == pbits.IsingModel(sp.csr_array(J), [0.1, 0.2], 3.0).fingerprint()
    assert NET.mutual() is None


@pytest.mark.parametrize("beta", [0.7, 1.0])
def test_a_bayesian_net_is_sampled_by_its_product_of_conditionals(beta):
    run = pbits.run(
        NET, Array(update="sequential"), pbits.Schedule(n_samples=500, n_warmup=1, chains=200, beta=beta), seed=3
    )
    counts = histogram(run.states) * run.energies.size
    assert chisquare(counts, joint(NET, beta) * counts.sum()).pvalue > 1e-4
    # Children first is another law.
    assert chisquare(counts, stationary_law(NET, "random", beta=beta).probabilities * counts.sum()).pvalue < 1e-12


def test_its_law_is_that_product():
    np.testing.assert_allclose(stationary_law(NET, "sequential").probabilities, joint(NET, 1.0), atol=1e-14)


@pytest.mark.parametrize("update", ["random", "chromatic", "synchronous"])
def test_a_network_with_cycles_has_the_law_of_its_clock(update):
    rng = np.random.default_rng(5)
    J = rng.normal(size=(4, 4)) * 0.6
    np.fill_diagonal(J, 0)
    net = pbits.DirectedModel(J, rng.normal(size=4) * 0.2)
    run = pbits.run(
        net, Array(update=update), pbits.Schedule(n_samples=100, n_warmup=50, steps_per_sample=20, chains=1000), seed=3
    )
    counts = histogram(run.states) * run.energies.size
    law = stationary_law(net, update)
    assert law.distance is None
    assert chisquare(counts, law.probabilities * counts.sum()).pvalue > 1e-4
    assert run.errors.clock == pytest.approx(0, abs=1e-12) if update == "random" else run.errors.clock > 0.01


@given(st.integers(0, 10**6))
def test_arrays_and_back(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    J = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5)
    np.fill_diagonal(J, 0)
    model = pbits.DirectedModel(J, rng.normal(size=n), 0.5)
    again = pbits.DirectedModel.from_arrays(model.arrays())
    assert again.fingerprint() == model.fingerprint()
    np.testing.assert_allclose(again.csr.toarray(), J)


def test_a_run_is_saved_and_loaded(tmp_path):
    run = pbits.run(NET, Array(update="random"), pbits.Schedule(n_samples=5, chains=2), seed=1)
    again = pbits.Run.load(run.save(tmp_path / "net.npz"))
    assert again.model.fingerprint() == NET.fingerprint()
    np.testing.assert_array_equal(again.states, run.states)


@pytest.mark.parametrize(
    ("J", "message"),
    [
        ([[0, np.nan], [0, 0]], "must be finite"),
        ([[1, 0], [0, 0]], "reads itself"),
        ([[0, 1, 2]], "square"),
        (np.zeros((0, 0)), "empty"),
    ],
)
def test_what_is_no_network_is_refused(J, message):
    with pytest.raises(ValueError, match=message):
        pbits.DirectedModel(J)


def test_there_is_no_boltzmann_law_to_list():
    with pytest.raises(TypeError, match="stationary_law"):
        pbits.exact(NET)


def test_every_clocked_machine_moves_parents_first():
    """A chain of twelve p-bits, each copying the one before: ⟨s_i s_{i−1}⟩ = tanh 1, to 5 standard errors."""
    J = np.zeros((12, 12))
    J[range(1, 12), range(11)] = 1.0
    run = pbits.run(pbits.DirectedModel(J), "ideal", pbits.Schedule(n_samples=2000, n_warmup=1, chains=8), seed=1)
    states = run.states.reshape(-1, 12).astype(float)
    found = (states[:, 1:] * states[:, :-1]).mean(axis=0)
    np.testing.assert_allclose(found, np.tanh(1.0), atol=5 * 0.65 / np.sqrt(len(states)))
    assert run.conditionals.agrees
