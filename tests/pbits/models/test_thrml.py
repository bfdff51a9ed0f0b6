"""thrml's models read and written, against stand-ins with the same parts, and against thrml where it is installed."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import pbits
from pbits import IsingModel
from pbits.mapping import colour_classes
from pbits.models.ebm import clamp_of

FALSE_ALARM = 1e-4  # of each chi-square test; seeds are fixed, so each has passed once for all
FAR_APART = pbits.Schedule(n_samples=150, n_warmup=50, steps_per_sample=20, chains=64)


class Node:
    """Known by identity, as thrml's nodes are."""


class CategoricalNode(Node):
    """As thrml calls it."""


def stand_in(n=4, seed=0, beta=0.7, **parts):
    rng = np.random.default_rng(seed)
    nodes = [Node() for _ in range(n)]
    edges = [pair for pair in itertools.combinations(nodes, 2) if rng.random() < 0.7]
    ebm = {
        "nodes": nodes, "edges": edges, "biases": rng.normal(size=n), "weights": rng.normal(size=len(edges)),
        "beta": np.array(beta, dtype=np.float32),
    }  # fmt: skip
    return SimpleNamespace(**(ebm | parts))


def energy(ebm, spins):
    """By thrml's own formula: −γ(Σ b s + Σ w s s)."""
    of = dict(zip(ebm.nodes, spins))
    pairs = sum(w * of[a] * of[b] for (a, b), w in zip(ebm.edges, np.asarray(ebm.weights)))
    return -float(ebm.beta) * (sum(b * of[node] for node, b in zip(ebm.nodes, np.asarray(ebm.biases))) + pairs)


@given(st.integers(1, 6), st.integers(0, 1000), st.floats(0.1, 3))
def test_the_energies_of_thrml_are_those_of_the_model(n, seed, beta):
    ebm = stand_in(n, seed, beta)
    model = IsingModel.from_thrml(ebm)
    for spins in itertools.product((-1, 1), repeat=n):
        assert model.energy(spins) == pytest.approx(energy(ebm, spins), abs=1e-9)


def test_the_law_at_beta_1_is_that_of_thrml():
    ebm = stand_in(5, 3)
    law = pbits.exact(IsingModel.from_thrml(ebm))
    weights = np.exp([-energy(ebm, spins) for spins in law.states])
    assert np.allclose(law.probabilities, weights / weights.sum(), atol=1e-12)
    # The planted fault: γ folded in twice, or not at all.
    for wrong in (float(ebm.beta), 1 / float(ebm.beta)):
        assert np.abs(pbits.exact(IsingModel.from_thrml(ebm), wrong).probabilities - law.probabilities).sum() > 0.01


def test_nodes_may_be_anything_that_can_be_told_apart_and_edges_add_up():
    ebm = SimpleNamespace(nodes="ab", edges=["ab", "ba"], biases=[0, 0], weights=[1.0, 0.5], beta=2.0)
    assert IsingModel.from_thrml(ebm).J.toarray().tolist() == [[0, 3], [3, 0]]


def test_a_model_without_edges():
    ebm = SimpleNamespace(nodes="ab", edges=[], biases=[1, -1], weights=[], beta=0.5)
    assert IsingModel.from_thrml(ebm).h.tolist() == [0.5, -0.5]


def with_edge(*names):
    ebm = stand_in()
    known = {"first": ebm.nodes[0], "second": ebm.nodes[1], "unknown": Node()}
    ebm.edges[2] = tuple(known[name] for name in names)
    return ebm


def renamed(ebm):
    ebm.nodes[1] = ebm.nodes[0]
    return ebm


@pytest.mark.parametrize(
    ("ebm", "error", "told"),
    [
        (with_edge("first", "unknown"), ValueError, "edge 2 names a node that is not in nodes; list every node"),
        (with_edge("first", "first"), ValueError, "couples a site to itself"),
        (with_edge("first", "second", "first"), ValueError, "edge 2 names 3 nodes.*PolynomialModel"),
        (renamed(stand_in()), ValueError, "1 of them again; name each once"),
        (stand_in(biases=np.zeros(3)), ValueError, r"biases has shape \(3,\); expected \(4,\), one number per node"),
        (stand_in(weights=np.zeros(9)), ValueError, r"weights has shape \(9,\); expected .* one number per edge"),
        (stand_in(biases=[0, np.nan, 0, 0]), ValueError, r"biases\[1\] is nan"),
        (stand_in(weights=[np.inf, 0, 0, 0]), ValueError, r"weights\[0\] is inf"),
        (stand_in(beta=np.nan), ValueError, "beta is nan"),
        (stand_in(beta=np.ones(2, dtype=np.float32)), TypeError, r"beta has shape \(2,\); expected one number"),
        (stand_in(biases=["a", "b", "c", "d"]), TypeError, "biases holds 'a'"),
        (stand_in(nodes=[CategoricalNode() for _ in range(4)]), TypeError, "CategoricalNode.*pbits.CategoricalModel"),
        (SimpleNamespace(factors=[]), TypeError, "no nodes and no edges.*CategoricalModel.*PolynomialModel"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_ising_model_is_refused(ebm, error, told):
    with pytest.raises(error, match=told):
        IsingModel.from_thrml(ebm)


def test_clamped_blocks_are_clamps_and_give_the_conditional_law():
    ebm = stand_in(5, 1)
    a, _, c, d, _ = ebm.nodes
    clamp = clamp_of(ebm, [[d, a], [c]], [np.array([True, False]), np.array([True])])
    assert clamp == {3: 1, 0: -1, 2: 1}
    law = pbits.exact(IsingModel.from_thrml(ebm), clamp=clamp)
    assert len(law.probabilities) == 4
    weights = np.exp([-energy(ebm, spins) for spins in law.states])
    assert np.allclose(law.probabilities, weights / weights.sum(), atol=1e-12)


def test_clamps_that_do_not_fit_are_refused():
    ebm = stand_in()
    a, b, *_ = ebm.nodes
    up = np.array([True])
    with pytest.raises(ValueError, match="2 blocks are clamped and 1 states"):
        clamp_of(ebm, [[a], [b]], [up])
    with pytest.raises(ValueError, match=r"block 0 has shape \(1,\); expected \(2,\)"):
        clamp_of(ebm, [[a, b]], [up])
    with pytest.raises(TypeError, match="spins of thrml are bool"):
        clamp_of(ebm, [[a]], [[1]])
    with pytest.raises(ValueError, match="not in nodes"):
        clamp_of(ebm, [[Node()]], [up])
    with pytest.raises(ValueError, match="site 0, which is clamped already"):
        clamp_of(ebm, [[a], [a]], [up, up])


def test_to_thrml_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "thrml", None)
    with pytest.raises(ImportError, match=r"pip install 'pbits\[thrml\]'"):
        IsingModel([[0, 1], [1, 0]]).to_thrml()


def ring_with_chord():
    """Six spins, an odd cycle, fields of both signs."""
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (0, 2)]
    return IsingModel.from_edges(6, edges, [0.6, -0.4, 0.5, 0.3, -0.7, 0.4, 0.5], [0.2, -0.1, 0.3, 0.0, -0.4, 0.1])


def p_value(states, law):
    """Of a chi-square test of spins (m, n) against an exact law of all 2ⁿ."""
    codes = (states > 0) @ (1 << np.arange(states.shape[1])[::-1])
    seen = np.bincount(codes, minlength=len(law.probabilities))
    return float(chisquare(seen, law.probabilities * len(states)).pvalue)


def test_there_and_back():
    pytest.importorskip("thrml")
    model = ring_with_chord()
    back = IsingModel.from_thrml(model.to_thrml(beta=0.5))
    assert np.allclose(back.J.toarray(), 0.5 * model.J.toarray(), atol=1e-7)
    assert np.allclose(back.h, 0.5 * model.h, atol=1e-7)


def test_draws_of_a_model_that_was_read_have_the_law_of_thrml():
    posed = ring_with_chord()
    i, j, weights = posed.edges()
    nodes = list("abcdef")
    edges = [(nodes[a], nodes[b]) for a, b in zip(i, j)]
    ebm = SimpleNamespace(nodes=nodes, edges=edges, biases=posed.h, weights=weights, beta=0.8)
    run = pbits.run(IsingModel.from_thrml(ebm), "ideal", FAR_APART, seed=1)
    assert p_value(run.states.reshape(-1, 6), pbits.exact(posed, 0.8)) > FALSE_ALARM
    # The planted fault.
    assert p_value(run.states.reshape(-1, 6), pbits.exact(posed, 0.9)) < FALSE_ALARM


def test_both_agree_with_the_exact_law():
    jax = pytest.importorskip("jax")
    thrml = pytest.importorskip("thrml")
    from thrml.models import IsingSamplingProgram

    ebm = ring_with_chord().to_thrml(beta=0.8)
    model = IsingModel.from_thrml(ebm)
    law = pbits.exact(model)
    classes = colour_classes(model)
    blocks = [thrml.Block([ebm.nodes[site] for site in sites]) for sites in classes]
    program = IsingSamplingProgram(ebm, blocks, clamped_blocks=[])
    plan = thrml.SamplingSchedule(n_warmup=50, n_samples=150, steps_per_sample=20)

    def one(key):
        start = [jax.numpy.zeros(len(sites), dtype=bool) for sites in classes]
        return thrml.sample_states(key, program, plan, start, [], blocks)

    found = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), 64))
    theirs = np.empty((64, 150, 6), dtype=np.int8)
    for sites, bits in zip(classes, found):
        theirs[..., sites] = 2 * np.asarray(bits, dtype=np.int8) - 1
    ours = pbits.run(model, "ideal", FAR_APART, seed=1).states
    for states in (ours, theirs):
        assert p_value(states.reshape(-1, 6), law) > FALSE_ALARM


STUBS = {
    "thrml/__init__.py": "class SpinNode:\n    pass\n",
    "thrml/models.py": """
class IsingEBM:
    def __init__(self, nodes, edges, biases, weights, beta):
        self.nodes, self.edges, self.biases, self.weights, self.beta = nodes, edges, biases, weights, beta
""",
    "jax/__init__.py": "",
    "jax/numpy.py": "from numpy import asarray, zeros\n",
}


def test_the_page_prints_what_stands_on_it(tmp_path):
    for name, code in STUBS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    page = (Path(__file__).parents[3] / "docs/how-to/thrml.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.S | re.M)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert [line for line in done.stdout.splitlines() if line not in page.splitlines()] == []
