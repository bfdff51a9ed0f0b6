"""Colouring, fixed point, embedding: what they promise, on random models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.mapping import FixedPoint, Grid, clique_embedding, colour_classes


def random_model(n, density, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < density), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n))


@given(n=st.integers(1, 30), density=st.floats(0, 1), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=60)
def test_colour_classes_are_a_proper_partition(n, density, seed):
    model = random_model(n, density, seed)
    classes = colour_classes(model)
    assert sorted(np.concatenate(classes).tolist()) == list(range(n))
    J = model.csr.toarray()
    for sites in classes:
        assert not J[np.ix_(sites, sites)].any()
    assert len(classes) <= model.degrees.max() + 1


def test_grids_get_two_colours_of_half_the_cells():
    edges = Grid.named("Z1", 20, 20).edges()
    classes = colour_classes(pbits.IsingModel.from_edges(400, edges, 1.0))
    assert [len(sites) for sites in classes] == [200, 200]


@given(
    value=st.floats(-100, 100),
    total=st.integers(2, 20),
    fraction=st.integers(0, 12),
)
def test_fixed_point_rounds_to_the_nearest_or_saturates(value, total, fraction):
    number = FixedPoint(total_bits=total, fraction_bits=fraction)
    rounded, report = number.round([value])
    low, high = number.limits
    assert low <= rounded[0] <= high
    assert rounded[0] / number.step == int(rounded[0] / number.step)
    if report.saturated:
        assert rounded[0] in (low, high)
    else:
        assert abs(rounded[0] - value) <= number.step / 2


def test_fixed_point_reports_what_it_did():
    _, report = FixedPoint(total_bits=5, fraction_bits=1).round([0.1, 0.2, 9.9, -20.0, 1.0])
    assert (report.total, report.saturated, report.vanished) == (5, 2, 2)
    assert report.largest_error == pytest.approx(12.0)


@pytest.mark.parametrize("rules", ["G8", "G12", "Z1"])
@pytest.mark.parametrize("density", [0.15, 1.0])
def test_embedding_lies_on_wires_and_keeps_energies(rules, density):
    grid = Grid.named(rules, 200, 200)
    model = random_model(9, density, 3)
    embedding = clique_embedding(model, grid)
    used = np.concatenate(embedding.chains)
    assert len(set(used.tolist())) == len(used)
    for pairs in (embedding.links, embedding.bonds):
        assert grid.wired(pairs[:, 0], pairs[:, 1]).all()
    owner = {cell: site for site, chain in enumerate(embedding.chains) for cell in chain.tolist()}
    i, j, _ = model.edges()
    assert [tuple(sorted((owner[a], owner[b]))) for a, b in embedding.links.tolist()] == list(
        zip(i.tolist(), j.tolist())
    )
    # Each chain is connected: its bonds form a spanning tree of it.
    assert len(embedding.bonds) == len(used) - model.n
    assert all(owner[a] == owner[b] for a, b in embedding.bonds.tolist())
    spins = np.random.default_rng(0).choice([-1, 1], size=(20, 9))
    physical = embedding.physical_model(model, chain_strength=2.5)
    assert physical.energy(embedding.spread(spins)) == pytest.approx(model.energy(spins))
    voted, broken = embedding.vote(embedding.spread(spins))
    assert np.array_equal(voted, spins)
    assert not broken.any()


def test_a_majority_decides_a_broken_chain():
    model = random_model(4, 1.0, 0)
    embedding = clique_embedding(model, Grid.named("Z1", 60, 60))
    states = embedding.spread(np.ones(4))
    chain = np.searchsorted(embedding.cells, embedding.chains[1])
    states[chain[0]] = -1
    spins, broken = embedding.vote(states)
    assert spins.tolist() == [1, 1, 1, 1]
    assert broken.tolist() == [False, True, False, False]


def test_an_embedding_that_does_not_fit_says_what_would():
    with pytest.raises(ValueError, match=r"needs \d+ × \d+ cells.*holds about \d+ sites"):
        clique_embedding(random_model(30, 1.0, 0), Grid.named("Z1", 40, 40))
    with pytest.raises(ValueError, match="no built-in clique embedding"):
        clique_embedding(random_model(4, 1.0, 0), Grid.named("G4", 40, 40))


def test_the_stated_largest_clique_does_fit():
    grid = Grid.named("Z1", 100, 100)
    with pytest.raises(ValueError) as refusal:
        clique_embedding(random_model(80, 1.0, 0), grid)
    largest = int(str(refusal.value).split("holds about ")[1].split()[0])
    clique_embedding(random_model(largest, 1.0, 0), grid)
    with pytest.raises(ValueError, match="clique embedding"):
        clique_embedding(random_model(largest + 2, 1.0, 0), grid)
