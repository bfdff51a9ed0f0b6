"""The exact law of stale boundaries, against a chain written out state by state and against its limits."""

import numpy as np
import pytest

import pbits
from pbits.mapping import colour_classes
from pbits.reference import stationary, total_variation, transition
from pbits.reference.chips import law

RING = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (0, 3)], [1.0, -0.7, 0.8, 0.5], [0.1, 0, -0.2, 0.3])
COLOURS = [phase.tolist() for phase in colour_classes(RING)]


def walked(model, beta, parts, phases, lag, looks):
    """The same law by brute force: the joint law of live spins, what is seen and what was sent, edge by edge."""
    J, n, m = model.csr.toarray(), model.n, 2**model.n
    spins = 2 * (np.arange(m)[:, None] >> np.arange(n)[::-1] & 1) - 1
    same = np.equal.outer(parts, parts)
    joint = np.full((m, m, m), 1 / m**3)  # live, seen, sent
    found = []
    for edge in range(looks[-1] * len(phases)):
        if edge % lag == 0:
            fresh = np.zeros_like(joint)
            for sent in range(m):
                fresh[:, sent, sent] = joint[:, :, sent].sum(axis=1)
            joint = fresh
        moved = np.zeros_like(joint)
        for seen in range(m):
            inputs = spins @ (J * same) + (J * ~same) @ spins[seen] + model.h
            up = 1 / (1 + np.exp(-2 * beta * inputs))
            step = np.ones((m, m))
            for site in range(n):
                p = up[:, site, None]
                keep = spins[:, None, site] == spins[None, :, site]
                step *= np.where(spins[None, :, site] > 0, p, 1 - p) if site in phases[edge % len(phases)] else keep
            moved[:, seen] = step.T @ joint[:, seen]
        joint = moved
        if edge % lag == 0:
            live = joint.sum(axis=2)
            joint = np.einsum("xz,xa->xza", live, np.eye(m))
        if (edge + 1) % len(phases) == 0 and (edge + 1) // len(phases) in looks:
            found.append(joint.sum(axis=(1, 2)))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("lag", [2, 3, 5])
@pytest.mark.parametrize(("first", "every"), [(0, 1), (1, 3)])
def test_the_law_is_that_of_the_chain_written_out(lag, first, every):
    pair = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [0.9, -0.6], [0.2, 0.0, -0.4])
    phases = [phase.tolist() for phase in colour_classes(pair)]
    looks = [first + every * look for look in range(60, 60 + 2 * lag)]
    expected = walked(pair, 0.7, [0, 0, 1], phases, lag, looks)
    np.testing.assert_allclose(law(pair, 0.7, [0, 0, 1], phases, lag, first=first, every=every), expected, atol=1e-10)


def test_an_exchange_at_every_edge_is_boltzmann():
    boltzmann = pbits.exact(RING, 0.8).probabilities
    assert total_variation(law(RING, 0.8, [0, 1, 2, 3], COLOURS, 1), boltzmann) < 1e-13


@pytest.mark.parametrize("lag", [2, 3, 7])
def test_without_cut_couplings_no_exchange_matters(lag):
    boltzmann = pbits.exact(RING, 0.8).probabilities
    assert total_variation(law(RING, 0.8, [0, 0, 0, 0], COLOURS, lag), boltzmann) < 1e-13


def test_all_at_once_and_all_apart_is_the_synchronous_law():
    found = law(RING, 0.8, [0, 1, 2, 3], [[0, 1, 2, 3]], 1)
    np.testing.assert_allclose(found, stationary(transition(RING, "synchronous", 0.8)), atol=1e-13)


def test_older_copies_are_farther_from_boltzmann():
    boltzmann = pbits.exact(RING, 0.8).probabilities
    distances = [total_variation(law(RING, 0.8, [0, 0, 1, 1], COLOURS, lag), boltzmann) for lag in (1, 2, 4, 8)]
    assert np.all(np.diff(distances) > 0.009)


def test_too_many_p_bits_are_refused():
    with pytest.raises(ValueError, match="takes up to 5"):
        law(pbits.IsingModel(np.zeros((6, 6))), 1.0, [0] * 6, [list(range(6))], 2)
