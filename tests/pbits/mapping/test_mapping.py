"""Colouring, fixed point, embedding: what they promise, on random models."""

import networkx as nx
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


@given(n=st.integers(2, 20), terms=st.integers(0, 12), order=st.integers(1, 5), seed=st.integers(0, 100))
def test_no_two_sites_of_a_class_share_a_term_or_a_table(n, terms, order, seed):
    rng = np.random.default_rng(seed)
    groups = [tuple(rng.permutation(n)[: min(n, order)].tolist()) for _ in range(terms)]
    tables = {(i, j): np.eye(3) for i, j in {tuple(sorted(group[:2])) for group in groups if len(group) > 1}}
    for model, coupled in (
        (pbits.PolynomialModel(n, dict.fromkeys(map(tuple, map(sorted, groups)), 1.0)), groups),
        (pbits.CategoricalModel([3] * n, pairwise=tables), list(tables)),
    ):
        classes = colour_classes(model)
        assert sorted(np.concatenate(classes).tolist()) == list(range(n))
        colour = np.empty(n, dtype=int)
        for number, sites in enumerate(classes):
            colour[sites] = number
        assert all(len(set(colour[list(group)])) == len(group) for group in coupled)


def test_a_model_without_a_graph_is_not_coloured():
    with pytest.raises(TypeError, match="GaussianModel has no interaction graph"):
        colour_classes(pbits.GaussianModel([[1.0]]))


def test_the_plain_colourings_are_reproduced():
    # Breadth-first search by the lowest site, or greedy by falling degree, as networkx colours; or fewer colours.
    for seed in range(20):
        model = random_model(15, 0.2, seed)
        graph = nx.Graph(list(zip(*(ends.tolist() for ends in model.edges()[:2]))))
        graph.add_nodes_from(range(15))
        order = np.argsort(-model.degrees, kind="stable").tolist()
        if nx.is_bipartite(graph):
            colour = dict.fromkeys(range(15), 0)
            for part in nx.connected_components(graph):
                depth = nx.single_source_shortest_path_length(graph, min(part))
                colour |= {site: far % 2 for site, far in depth.items()}
        else:
            colour = nx.greedy_color(graph, strategy=lambda *_, order=order: order)
            if len(colour_classes(model)) <= max(colour.values()):
                continue
        expected = [[s for s in range(15) if colour[s] == c] for c in range(max(colour.values()) + 1)]
        expected.sort(key=lambda sites: (-len(sites), sites[0]))
        assert [sites.tolist() for sites in colour_classes(model)] == expected


def test_colours_are_few():
    # Of random graphs no more in all than networkx needs with the smallest degree last, whose ties fall otherwise; of a
    # triangular lattice, where falling degree alone takes four, three.
    ours = theirs = 0
    for seed in range(10):
        for graph in (nx.random_regular_graph(3, 300, seed=seed), nx.barabasi_albert_graph(300, 4, seed=seed)):
            ours += len(colour_classes(pbits.IsingModel.from_networkx(graph)))
            theirs += max(nx.greedy_color(graph, strategy="smallest_last").values()) + 1
    assert ours <= theirs
    triangles = pbits.IsingModel.from_networkx(nx.triangular_lattice_graph(12, 24))
    assert len(colour_classes(triangles)) == 3


@given(n=st.integers(1, 40), density=st.floats(0, 1), seed=st.integers(0, 1000))
def test_there_is_at_most_one_colour_more_than_the_degeneracy(n, density, seed):
    graph = nx.gnp_random_graph(n, density, seed=seed)
    cores = max(nx.core_number(graph).values())
    assert len(colour_classes(pbits.IsingModel.from_networkx(graph))) <= cores + 1


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
