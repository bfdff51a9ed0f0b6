import itertools
import sys

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pbits.models import IsingModel

numbers = st.floats(-10, 10, allow_nan=False)


def all_spins(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)), dtype=np.int8)


def random_model(n, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return IsingModel(J + J.T, rng.normal(size=n), rng.normal())


@st.composite
def matrices(draw):
    n = draw(st.integers(1, 5))
    return draw(arrays(np.float64, (n, n), elements=numbers))


@st.composite
def edge_lists(draw):
    n = draw(st.integers(2, 6))
    pair = st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True)
    edges = draw(st.lists(pair, max_size=12))
    weights = draw(st.lists(numbers, min_size=len(edges), max_size=len(edges)))
    fields = draw(st.lists(numbers, min_size=n, max_size=n))
    return n, edges, weights, fields


def test_energy_is_the_declared_formula():
    model = random_model(5, 1)
    for s in all_spins(5):
        by_hand = model.offset - sum(model.h[i] * s[i] for i in range(5))
        by_hand -= sum(model.J[i, j] * s[i] * s[j] for i in range(5) for j in range(i))
        assert model.energy(s) == pytest.approx(by_hand, abs=1e-12)


def test_energy_keeps_leading_axes():
    model = random_model(4, 2)
    states = np.random.default_rng(3).choice([-1, 1], size=(2, 3, 4))
    energies = model.energy(states)
    assert energies.shape == (2, 3)
    assert energies[1, 2] == pytest.approx(model.energy(states[1, 2]), abs=1e-12)
    assert model.energy(states[0, 0]).shape == ()


@given(matrices(), numbers)
def test_from_qubo_has_the_energies_of_the_qubo(Q, offset):
    spins = all_spins(len(Q))
    bits = (1 + spins.astype(float)) / 2
    expected = np.einsum("ki,ij,kj->k", bits, Q, bits) + offset
    as_dict = {(i, j): Q[i, j] for i in range(len(Q)) for j in range(len(Q))}
    for form in (Q, sp.csr_array(Q), as_dict):
        model = IsingModel.from_qubo(form, offset)
        np.testing.assert_allclose(model.energy(spins), expected, atol=1e-10)


@given(edge_lists(), numbers)
def test_from_edges_adds_duplicates(graph, offset):
    n, edges, weights, fields = graph
    spins = all_spins(n).astype(float)
    expected = offset - spins @ np.array(fields)
    for (i, j), w in zip(edges, weights):
        expected = expected - w * spins[:, i] * spins[:, j]
    model = IsingModel.from_edges(n, edges, weights, fields, offset)
    np.testing.assert_allclose(model.energy(spins), expected, atol=1e-10)


@given(edge_lists(), numbers)
def test_from_ising_dimod_turns_the_signs(graph, offset):
    n, edges, weights, fields = graph
    J: dict = {}
    for (i, j), w in zip(edges, weights):
        J[i, j] = w
    spins = all_spins(n).astype(float)
    expected = offset + spins @ np.array(fields)
    for (i, j), w in J.items():
        expected = expected + w * spins[:, i] * spins[:, j]
    for h in (fields, dict(enumerate(fields))):
        model = IsingModel.from_ising_dimod(h, J, offset)
        np.testing.assert_allclose(model.energy(spins), expected, atol=1e-10)


def test_from_ising_dimod_numbers_labels_as_they_come():
    model = IsingModel.from_ising_dimod({"b": 1.0}, {("a", "b"): 2.0})
    np.testing.assert_array_equal(model.h, [-1, 0])
    assert model.csr[0, 1] == -2


class FakeBqm:
    """The two members of a dimod binary quadratic model that from_bqm reads."""

    variables = ("x", "y", "z")

    def to_ising(self):
        return {"z": 3.0, "x": 1.0}, {("z", "y"): -2.0}, 0.5


def test_from_bqm_follows_the_variables():
    model = IsingModel.from_bqm(FakeBqm())
    np.testing.assert_array_equal(model.h, [-1, 0, -3])
    np.testing.assert_array_equal(model.csr.toarray(), [[0, 0, 0], [0, 0, 2], [0, 2, 0]])
    assert model.offset == 0.5


def test_bqm_round_trip():
    dimod = pytest.importorskip("dimod")
    model = random_model(5, 4)
    bqm = model.to_bqm()
    spins = all_spins(5)
    np.testing.assert_allclose(bqm.energies((spins, range(5))), model.energy(spins), atol=1e-12)
    np.testing.assert_allclose(IsingModel.from_bqm(bqm).energy(spins), model.energy(spins), atol=1e-12)

    bits = dimod.BinaryQuadraticModel({"a": 1.0, "b": -3.0}, {("a", "b"): 2.0}, 0.25, "BINARY")
    expected = bits.energies(((1 + all_spins(2)) // 2, ["a", "b"]))
    np.testing.assert_allclose(IsingModel.from_bqm(bits).energy(all_spins(2)), expected, atol=1e-12)


def test_to_bqm_without_dimod_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dimod", None)
    with pytest.raises(ImportError, match=r"pip install 'pbits\[dimod\]'"):
        random_model(2, 0).to_bqm()


@given(edge_lists())
def test_from_networkx_takes_edge_weights_as_couplings(graph):
    n, edges, weights, _ = graph
    g = nx.Graph()
    g.add_nodes_from(reversed(range(n)))
    g.add_weighted_edges_from((i, j, w) for (i, j), w in zip(edges, weights))
    spins = all_spins(n).astype(float)
    column = {node: site for site, node in enumerate(g.nodes)}
    expected = np.zeros(len(spins))
    for u, v, w in g.edges(data="weight"):
        expected -= w * spins[:, column[u]] * spins[:, column[v]]
    np.testing.assert_allclose(IsingModel.from_networkx(g).energy(spins), expected, atol=1e-10)


def test_from_networkx_names_of_weights_and_directed_graphs():
    path = nx.path_graph(3)
    assert IsingModel.from_networkx(path).energy([1, 1, 1]) == -2
    path[0][1]["J"] = -4.0
    assert IsingModel.from_networkx(path, weight="J").energy([1, 1, 1]) == 3
    with pytest.raises(ValueError, match="directed"):
        IsingModel.from_networkx(nx.DiGraph([(0, 1)]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0],), "square"),
        ((np.zeros((2, 3)),), "square"),
        ((np.zeros((0, 0)),), "at least one site"),
        (([[0, np.nan], [np.nan, 0]],), "finite"),
        (([[0, 1], [2, 0]],), r"not symmetric.*\(J \+ Jᵀ\)/2"),
        (([[1, 0], [0, 0]],), "diagonal must be zero.*offset"),
        (([[0, 1], [1, 0]], [1.0]), r"h has shape \(1,\)"),
        (([[0, 1], [1, 0]], [1.0, np.inf]), r"h\[1\] is inf"),
        (([[0, 1], [1, 0]], None, np.nan), "offset"),
    ],
)
@pytest.mark.parametrize("sparse", [False, True])
def test_bad_models_are_refused(arguments, message, sparse):
    J, *rest = arguments
    if sparse:
        if np.ndim(J) != 2:
            pytest.skip("a sparse matrix has two axes")
        J = sp.csr_array(np.asarray(J, dtype=float))
    with pytest.raises(ValueError, match=message):
        IsingModel(J, *rest)


@pytest.mark.parametrize(
    ("edges", "message"),
    [([(0, 0)], "couples a site to itself"), ([(0, 3)], "outside 0 to 2"), ([(-1, 0)], "outside 0 to 2")],
)
def test_bad_edges_are_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        IsingModel.from_edges(3, edges, 1.0)


def test_bad_qubo_and_states_are_refused():
    with pytest.raises(ValueError, match="empty"):
        IsingModel.from_qubo({})
    with pytest.raises(ValueError, match="square"):
        IsingModel.from_qubo(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"2\*x − 1"):
        random_model(2, 0).energy([0, 1])
    with pytest.raises(ValueError, match="2 sites"):
        random_model(2, 0).energy([1, 1, 1])
    with pytest.raises(ValueError, match="2 sites"):
        random_model(2, 0).energy(1)


def test_dense_and_sparse_models_are_the_same():
    dense = random_model(6, 5)
    sparse = IsingModel(sp.coo_array(dense.J), dense.h, dense.offset)
    assert sp.issparse(sparse.J)
    assert sparse.fingerprint() == dense.fingerprint()
    np.testing.assert_array_equal(sparse.degrees, [5] * 6)
    assert sparse.n_couplings == 15


def test_model_is_read_only_and_does_not_share_the_callers_arrays():
    J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    model = IsingModel(J, h)
    J[0, 1] = h[0] = 5
    assert model.energy([1, 1]) == -1
    for array in (model.J, model.h, model.csr.data):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("form", [np.array, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_asymmetry_of_rounding_is_averaged_out(form, scale):
    J = scale * np.array([[0, 1, 0.1], [1 + 1e-12, 0, 0], [0.1 - 5e-13, 0, 0]])
    given = form(J)
    model = IsingModel(given)
    couplings = model.csr.toarray()
    np.testing.assert_array_equal(couplings, couplings.T)
    np.testing.assert_allclose(couplings, J, rtol=1e-11)
    np.testing.assert_array_equal(model.J.toarray() if sp.issparse(model.J) else model.J, couplings)
    np.testing.assert_array_equal(given.toarray() if sp.issparse(given) else given, J)
    assert not model.csr.data.flags.writeable


@pytest.mark.parametrize("form", [np.array, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("scale", [1.0, 1e-14])
def test_asymmetry_beyond_rounding_is_refused_with_enough_digits(form, scale):
    J = scale * np.array([[0, 1], [1 + 2e-12, 0]])
    with pytest.raises(ValueError, match="not symmetric") as caught:
        IsingModel(form(J))
    assert str(J[0, 1]) in str(caught.value)
    assert str(J[1, 0]) in str(caught.value)


def test_sparse_couplings_may_not_be_complex():
    with pytest.raises(TypeError, match="J holds complex numbers; couplings are real"):
        IsingModel(sp.csr_array(np.array([[0, 1j], [1j, 0]])))


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ((0.5, 1), TypeError, r"Q is keyed by pairs of whole numbers \(i, j\), not by \(0\.5, 1\)"),
        ("ab", TypeError, "not by 'ab'; number the variables"),
        (("a", "b"), TypeError, "number the variables"),
        ((0, 1, 2), TypeError, r"not by \(0, 1, 2\)"),
        (3, TypeError, "not by 3"),
        ((0, -1), ValueError, r"Q\[0, -1\] names a negative site; sites are numbered from 0"),
    ],
)
def test_qubo_keys_are_pairs_of_sites(key, error, message):
    with pytest.raises(error, match=message):
        IsingModel.from_qubo({key: 1.0})


@pytest.mark.parametrize("wrong", [1j, "1", None])
def test_qubo_and_dimod_entries_are_real_numbers(wrong):
    for build in (
        lambda: IsingModel.from_qubo({(0, 1): wrong}),
        lambda: IsingModel.from_qubo([[0, wrong], [0, 0]]),
        lambda: IsingModel.from_ising_dimod({"a": wrong}, {}),
        lambda: IsingModel.from_ising_dimod({}, {("a", "b"): wrong}),
        lambda: IsingModel.from_edges(2, [(0, 1)], wrong),
    ):
        with pytest.raises(TypeError, match="complex|no number"):
            build()


def test_weights_are_one_per_edge():
    with pytest.raises(ValueError, match=r"weights has shape \(1,\); expected \(2,\), one per edge"):
        IsingModel.from_edges(3, [(0, 1), (1, 2)], [1.0])
