"""Chains of cells on every wiring: wires that exist, chains that are trees, energies that agree."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.mapping import Chimera, Complete, Grid, Pegasus, Sparse, find_embedding

WIRINGS = {
    "king": (Grid.named("king", 30, 30), 15),
    "Z1": (Grid.named("Z1", 40, 40), 13),
    "chimera": (Chimera(4, 5), 16),
    "narrow chimera": (Chimera(6, 6, 2), 12),
    "small pegasus": (Pegasus(2), 4),
    "pegasus": (Pegasus(4), 28),
}


def network(n, density=1.0, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < density), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n))


def check(model, wiring, embedding):
    """A minor: disjoint chains, each a tree of wires, a wire for each coupling."""
    cells = np.concatenate(embedding.chains)
    assert len(np.unique(cells)) == len(cells)
    assert wiring.wired(*embedding.links.T).all()
    assert wiring.wired(*embedding.bonds.T).all()
    owner = {int(cell): site for site, chain in enumerate(embedding.chains) for cell in chain}
    i, j, _ = model.edges()
    ends = [sorted((owner[a], owner[b])) for a, b in embedding.links.tolist()]
    assert ends == np.column_stack([i, j]).tolist()
    assert len(embedding.bonds) == len(cells) - model.n
    import networkx as nx

    bonds = nx.Graph(embedding.bonds.tolist())
    bonds.add_nodes_from(cells.tolist())
    parts = {frozenset(part) for part in nx.connected_components(bonds)}
    assert parts == {frozenset(chain.tolist()) for chain in embedding.chains}
    states = np.random.default_rng(1).choice([-1, 1], size=(4, model.n))
    physical = embedding.physical_model(model, 2.5)
    np.testing.assert_allclose(physical.energy(embedding.spread(states)), model.energy(states))


@pytest.mark.parametrize("name", WIRINGS)
def test_the_largest_clique_is_embedded_and_no_larger(name):
    wiring, most = WIRINGS[name]
    check(network(most), wiring, find_embedding(network(most), wiring, "clique"))
    with pytest.raises(ValueError, match=f"holds (about )?{most}( sites)?$"):
        find_embedding(network(most + 1), wiring, "clique")


@given(name=st.sampled_from(sorted(WIRINGS)), density=st.floats(0, 1), seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_any_model_of_that_size_is_embedded(name, density, seed):
    wiring, most = WIRINGS[name]
    model = network(int(np.random.default_rng(seed).integers(1, most + 1)), density, seed)
    check(model, wiring, find_embedding(model, wiring, "clique"))


def test_chains_are_as_long_as_published():
    assert find_embedding(network(16), Chimera(4, 4), "clique").longest_chain == 5
    assert find_embedding(network(52), Pegasus(6), "clique").longest_chain == 7


@pytest.mark.parametrize("name", ["Z1", "chimera", "pegasus"])
def test_the_search(name):
    pytest.importorskip("minorminer")
    wiring, _ = WIRINGS[name]
    model = network(12, 0.3, seed=4)
    found = find_embedding(model, wiring, "minorminer", seed=3)
    check(model, wiring, found)
    again = find_embedding(model, wiring, "minorminer", seed=3)
    assert all((a == b).all() for a, b in zip(found.chains, again.chains))


def test_the_search_takes_over_where_no_crossbar_fits():
    pytest.importorskip("minorminer")
    square = Grid.named("G4", 6, 6)
    triangle = network(3)
    assert find_embedding(triangle, square).method == "minorminer"
    with pytest.raises(ValueError, match="minorminer found no embedding of 9 sites"):
        find_embedding(network(9), square)
    with pytest.raises(ValueError, match="30 sites and 435 couplings are more than"):
        find_embedding(network(30), square)


def test_without_minorminer_the_errors_name_both_ways(monkeypatch):
    monkeypatch.setitem(sys.modules, "minorminer", None)
    with pytest.raises(ImportError, match=r"pip install 'pbits\[embed\]'.*is built in"):
        find_embedding(network(3), Chimera(2, 2), "minorminer")


def test_sparse_wiring_takes_copies():
    model = network(12)
    copies = find_embedding(model, Sparse(40, 5))
    check(model, Sparse(40, 5), copies)
    assert copies.physical_model(model, 1.0).degrees.max() <= 5
    assert find_embedding(model, Complete(12)).longest_chain == 1
    with pytest.raises(ValueError, match="12 sites need 36 copies; the machine is a wiring at will of 20 sites"):
        find_embedding(model, Sparse(20, 5))


def test_what_does_not_suit_is_refused():
    with pytest.raises(ValueError, match="method is 'best'; it must be one of auto, clique"):
        find_embedding(network(3), Chimera(2, 2), "best")
    with pytest.raises(ValueError, match="is 'clique' or 'minorminer', not 'sparsify'"):
        find_embedding(network(3), Chimera(2, 2), "sparsify")
    with pytest.raises(ValueError, match="is 'sparsify', not 'clique'"):
        find_embedding(network(3), Sparse(9, 3), "clique")
    with pytest.raises(TypeError, match=r"mapping\.one_hot first"):
        find_embedding(pbits.CategoricalModel([3, 3]), Chimera(2, 2))


@given(n=st.integers(2, 4), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_pull_that_is_withstood_breaks_no_ground_state(n, seed):
    model, wiring = network(n, seed=seed), Chimera(2, 2, 2)
    embedding = find_embedding(model, wiring, "clique")
    physical = embedding.physical_model(model, 1.0001 * embedding.pull(model))
    states = (2 * (np.arange(2**physical.n)[:, None] >> np.arange(physical.n) & 1) - 1).astype(np.int8)
    lowest = states[physical.energy(states).argmin()]
    spins, broken = embedding.vote(lowest)
    assert not broken.any()
    posed = (2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)
    assert model.energy(spins) == pytest.approx(model.energy(posed).min())
