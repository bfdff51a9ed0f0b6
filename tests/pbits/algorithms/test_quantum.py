"""Trotter replicas against the exact thermal state of the transverse-field Ising Hamiltonian."""

from functools import reduce

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from hardware_models import pbit
from pbits.algorithms import simulated_quantum_annealing, trotter_model
from pbits.mapping import Complete

CLASSICAL = pbits.IsingModel(
    [[0, 0.8, -0.5], [0.8, 0, 0.6], [-0.5, 0.6, 0]], h=[0.3, -0.2, 0.1], offset=0.4
)  # fmt: skip
BETA, GAMMA = 0.9, 0.7


def thermal(model, beta, gamma):
    """log Tr e^(−βH), ⟨E⟩ and ⟨σ_0 σ_1⟩ of H = E(σᶻ) − Γ Σ σˣ, by diagonalisation."""
    one = np.eye(2)
    up, flip = np.diag([-1.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])

    def at(site, operator):
        return reduce(np.kron, [operator if k == site else one for k in range(model.n)])

    law = pbits.exact(model, 1.0)
    diagonal = model.energy(law.states)
    H = np.diag(diagonal) - gamma * sum(at(site, flip) for site in range(model.n))
    levels, vectors = np.linalg.eigh(H)
    weights = np.exp(-beta * (levels - levels[0]))
    rho = (vectors * (weights / weights.sum())) @ vectors.T
    pair = np.diag(at(0, up) @ at(1, up))
    return np.log(weights.sum()) - beta * levels[0], np.diag(rho) @ diagonal, np.diag(rho) @ pair


def replicated(replicas, **options):
    """The same three numbers from the exact law of the replicas."""
    model = trotter_model(CLASSICAL, replicas=replicas, beta=BETA, gamma=GAMMA, **options)
    law = pbits.exact(model, BETA)
    first = law.states[:, : CLASSICAL.n]
    return (
        law.log_z,
        law.probabilities @ CLASSICAL.energy(first),
        law.probabilities @ (first[:, 0] * first[:, 1]),
    )


def test_the_replicas_tend_to_the_quantum_state_as_one_over_their_square():
    truth = np.array(thermal(CLASSICAL, BETA, GAMMA))
    off = {R: np.abs(np.array(replicated(R)) - truth) for R in (2, 3, 4, 6)}
    assert (off[6] < 0.02).all()
    for few, many in ((2, 4), (3, 6)):
        # Twice the replicas, a quarter of the error, up to the next order.
        assert off[few] / off[many] == pytest.approx(np.full(3, 4.0), rel=0.2)


def test_the_doubled_weight_is_another_state():
    truth = np.array(thermal(CLASSICAL, BETA, GAMMA))
    assert np.abs(np.array(replicated(6, weight="doubled")) - truth)[1] > 0.05


def test_doubling_doubles_the_couplings_along_time_alone():
    plain, doubled = (
        trotter_model(CLASSICAL, replicas=5, beta=BETA, gamma=GAMMA, weight=weight)
        for weight in ("textbook", "doubled")
    )
    extra = (doubled.csr - plain.csr).toarray()
    along_time = -0.5 * np.log(np.tanh(BETA * GAMMA / 5)) / BETA
    assert extra[0, 3] == pytest.approx(along_time)
    assert set(np.round(extra.ravel(), 12)) == {0.0, round(along_time, 12)}
    assert np.array_equal(plain.h, doubled.h)


def test_a_machine_samples_the_replicas():
    model = trotter_model(CLASSICAL, replicas=3, beta=BETA, gamma=GAMMA)
    law = pbits.exact(model, BETA)
    run = pbits.run(model, "ideal", pbits.Schedule(n_samples=1, n_warmup=80, beta=BETA, chains=20_000), seed=6)
    drawn = np.bincount(law.index(run.states[:, 0]), minlength=2**model.n)
    kept = 20_000 * law.probabilities > 5
    expected = 20_000 * law.probabilities
    counts = np.append(drawn[kept], drawn[~kept].sum())
    assert chisquare(counts, np.append(expected[kept], expected[~kept].sum())).pvalue > 1e-4


@pytest.mark.parametrize("weight", ["textbook", "doubled"])
def test_the_replicas_follow_gamma_and_find_the_ground_state(weight):
    found = simulated_quantum_annealing(
        CLASSICAL, beta=6.0, replicas=6, sweeps=300, levels=30, chains=8, weight=weight, seed=2
    )
    ground = CLASSICAL.energy(pbits.exact(CLASSICAL, 1.0).states).min()
    assert found.best_energy == pytest.approx(ground)
    assert CLASSICAL.energy(found.best_state) == pytest.approx(ground)
    # At the last Γ the replicas of a chain are all but one state.
    assert (found.states == found.states[:, :1]).mean() > 0.95
    assert found.energies == pytest.approx(CLASSICAL.energy(found.states))
    assert found.run.record["notes"]["steering"]["models_programmed"] == 29


def test_every_gamma_is_a_programming_that_takes_time():
    machine = pbit.Array(topology=Complete(18), phase_s=1e-9, program_s=1e-3, read_s=1e-6)
    found = simulated_quantum_annealing(CLASSICAL, machine, beta=4.0, replicas=6, sweeps=40, levels=4, chains=2, seed=1)
    assert found.run.phases["programming"] == pytest.approx(4 * 2 * 1e-3)  # two chains, one after the other
    assert found.run.counts["write"] == 4 * 2 * 18
    assert found.run.counts["read"] == 2 * 18


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicas": 1}, "replicas is 1"),
        ({"gamma_stop": 0.0}, "both must be positive"),
        ({"beta": 0.0}, "beta is 0.0"),
        ({"weight": "triple"}, "weight is 'triple'"),
        ({"levels": 0}, "levels is 0"),
        ({"levels": 11, "sweeps": 10}, "at least one sweep"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        simulated_quantum_annealing(CLASSICAL, **{"beta": 1.0, "seed": 1} | options)


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="spins of an IsingModel"):
        simulated_quantum_annealing(pbits.PolynomialModel(3, {(0, 1, 2): 1.0}), beta=1.0)
    with pytest.raises(pbits.NotMappable, match="has 48 sites"):
        simulated_quantum_annealing(CLASSICAL, pbit.Array(topology=Complete(40)), beta=1.0)


def test_clamps_of_a_problem_hold_in_every_replica():
    circuit = pbits.problems.Circuit()
    circuit.add(pbits.problems.gates.AND, a="a", b="b", out="c")
    found = simulated_quantum_annealing(circuit.problem(clamp={"c": 1}), beta=4.0, replicas=4, sweeps=100, seed=2)
    assert (found.best_state == 1).all()
