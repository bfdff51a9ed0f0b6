"""Likelihoods that are summed exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.learning import exact_log_likelihood, exact_log_z, pseudo_log_likelihood, units_to_enumerate
from pbits.models import BoltzmannModel


def filled(machine, seed=0, width=0.8):
    rng = np.random.default_rng(seed)
    return machine.with_parameters(rng.normal(0, width, len(machine.parameters)))


RING = [(i, (i + 1) % 7) for i in range(7)]
MACHINES = {
    "restricted": (BoltzmannModel.restricted(6, 4), 4),
    "labels": (BoltzmannModel.restricted(4, 3, classes=2), 3),
    "deep": (BoltzmannModel.deep(5, [4, 3]), 4),
    "general": (BoltzmannModel.general(4, 4), 7),
    "odd ring, pairs and a lone site": (BoltzmannModel.on_graph(12, [*RING, (7, 8), (9, 10)], visible=[0, 7]), 4),
}


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_log_z_is_that_of_enumeration(name, beta):
    machine, units = MACHINES[name]
    model = filled(machine).to_model()
    model = pbits.IsingModel(model.csr, model.h, offset=1.7)
    assert exact_log_z(model, beta) == pytest.approx(float(pbits.exact(model, beta).log_z), abs=1e-9)
    held = {0: 1, 3: -1}
    assert exact_log_z(model, beta, held) == pytest.approx(float(pbits.exact(model, beta, held).log_z), abs=1e-9)
    assert units_to_enumerate(model) == units


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.floats(0.0, 1.0), st.integers(0, 10**6))
def test_any_graph_is_covered(n, density, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < density), 1)
    model = pbits.IsingModel(J + J.T, rng.normal(size=n))
    assert exact_log_z(model) == pytest.approx(float(pbits.exact(model).log_z), abs=1e-9)
    every = dict.fromkeys(range(n), 1)
    assert exact_log_z(model, clamp=every) == pytest.approx(-model.energy(np.ones(n)))


def test_many_blocks_and_threads_give_one_number(monkeypatch):
    model = filled(BoltzmannModel.restricted(20, 17), width=0.4).to_model()
    found = []
    for count in ("1", "2", "3"):
        monkeypatch.setenv("PBITS_THREADS", count)
        found.append(exact_log_z(model))
    assert found[0] == found[1] == found[2]
    # The other layer summed out in closed form instead.
    flipped = np.arange(37)[::-1]
    assert exact_log_z(model, max_units=17) == found[0]
    W = model.csr.toarray()[:20, 20:]
    states = (2 * ((np.arange(1 << 17)[:, None] >> np.arange(17)) & 1) - 1).astype(float)
    inputs = states @ W.T + model.h[:20]
    by_hand = np.logaddexp.reduce(states @ model.h[20:] + np.logaddexp(inputs, -inputs).sum(axis=1))
    assert found[0] == pytest.approx(by_hand, abs=1e-8)
    assert flipped[0] == 36


def test_strong_couplings_do_not_overflow():
    model = filled(BoltzmannModel.restricted(600, 3), width=300.0).to_model()
    assert np.isfinite(exact_log_z(model))


def marginal(machine, rows, labels=None):
    """ln P of what is seen, enumerated."""
    law = pbits.exact(machine.to_model())
    sites = machine.visible if labels is None else machine.seen
    told = (
        rows
        if labels is None
        else np.column_stack([rows, np.where(np.arange(machine.classes) == labels[:, None], 1, -1)])
    )
    return np.array([np.log(law.probabilities[(law.states[:, sites] == row).all(axis=1)].sum()) for row in told])


@pytest.mark.parametrize("name", MACHINES)
def test_likelihoods_are_those_of_enumeration(name):
    machine = filled(MACHINES[name][0], seed=3)
    rng = np.random.default_rng(1)
    rows = 2 * rng.integers(0, 2, (12, machine.n_visible)) - 1
    found = exact_log_likelihood(machine, rows)
    np.testing.assert_allclose(found.rows, marginal(machine, rows), atol=1e-8)
    assert found.exact
    assert found.interval == (found.mean, found.mean)
    if machine.classes:
        labels = rng.integers(0, machine.classes, 12)
        told = exact_log_likelihood(machine, rows, labels)
        np.testing.assert_allclose(told.rows, marginal(machine, rows, labels), atol=1e-8)
        assert (told.rows < found.rows).all()


@pytest.mark.parametrize("name", ["restricted", "labels", "visible only"])
def test_pseudo_likelihoods_are_those_of_enumeration(name):
    machine = filled(BoltzmannModel.general(5) if name == "visible only" else MACHINES[name][0], seed=5)
    rng = np.random.default_rng(1)
    rows = 2 * rng.integers(0, 2, (7, machine.n_visible)) - 1
    labels = rng.integers(0, machine.classes, 7) if machine.classes else None
    seen = np.stack(list(machine.clamp(rows, labels).values()), axis=1)
    law = pbits.exact(machine.to_model())
    expected = np.zeros(7)
    for k, row in enumerate(seen):
        for i in range(len(row)):
            turned = row.copy()
            turned[i] *= -1
            here, there = (
                law.probabilities[(law.states[:, machine.seen] == state).all(axis=1)].sum() for state in (row, turned)
            )
            expected[k] += np.log(here / (here + there))
    np.testing.assert_allclose(pseudo_log_likelihood(machine, rows, labels).rows, expected, atol=1e-9)


def test_too_long_sums_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"25 sites would have to be gone through.*pbits\.learning\.ais"):
        exact_log_z(BoltzmannModel.restricted(30, 25, spread=0.1).to_model())
    with pytest.raises(ValueError, match="coupled to one another"):
        pseudo_log_likelihood(BoltzmannModel.deep(3, [2, 2]), [[1, 1, 1]])
    with pytest.raises(ValueError, match="labels are missing"):
        pseudo_log_likelihood(BoltzmannModel.restricted(3, 2, classes=2), [[1, 1, 1]])
    with pytest.raises(TypeError, match="IsingModel"):
        exact_log_z(pbits.GaussianModel([[1.0]]))
