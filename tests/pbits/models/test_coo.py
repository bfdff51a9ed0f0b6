"""Coordinate files: there and back, dimod's own, and malformed ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits


@given(n=st.integers(1, 8), seed=st.integers(0, 1000), scale=st.sampled_from([1e-30, 1.0, 1e20]))
@settings(max_examples=30, deadline=None)
def test_a_model_comes_back_to_the_last_digit(tmp_path_factory, n, seed, scale):
    rng = np.random.default_rng(seed)
    J = np.triu(scale * rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5), 1)
    model = pbits.IsingModel.from_edges(n, np.argwhere(J), J[J != 0], scale * rng.normal(size=n), scale * rng.normal())
    path = tmp_path_factory.mktemp("coo") / "model.coo"
    model.to_coo(path)
    assert pbits.IsingModel.from_coo(path).fingerprint() == model.fingerprint()


def test_dimod_reads_what_is_written(tmp_path):
    coo = pytest.importorskip("dimod.serialization.coo")
    model = pbits.IsingModel.from_edges(4, [(0, 2), (1, 2)], [1e-7, -2.0], [0.0, 0.5, 0, 0])
    model.to_coo(tmp_path / "model.coo")
    assert coo.loads((tmp_path / "model.coo").read_text()) == model.to_bqm()


def test_what_dimod_writes_is_read(tmp_path):
    dimod = pytest.importorskip("dimod")
    bqm = dimod.BinaryQuadraticModel({0: 1.0, 1: -3.0, 2: 0.0}, {(0, 1): 2.0, (1, 2): -0.25}, 0.0, "BINARY")
    path = tmp_path / "bits.coo"
    path.write_text(dimod.serialization.coo.dumps(bqm, vartype_header=True))
    model = pbits.IsingModel.from_coo(path)
    exact = dimod.ExactSolver().sample(bqm)
    np.testing.assert_allclose(model.energy(2 * np.asarray(exact.record.sample) - 1), exact.record.energy)


def test_terms_named_twice_add_up(tmp_path):
    path = tmp_path / "m.coo"
    path.write_text("# vartype=SPIN\n# offset=0.5\n0 1 1\n1 0 1\n2 2 3\n")
    model = pbits.IsingModel.from_coo(path)
    assert model.energy([1, 1, 1]) == 0.5 + 2 + 3
    assert model.n == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1 1\n", "m.coo does not say what its variables are: found None"),
        ("# vartype=TERNARY\n0 1 1\n", "found TERNARY, expected a line '# vartype=SPIN'"),
        ("# vartype=SPIN\n\n", "m.coo holds no terms"),
        ("# vartype=SPIN\n0 1\n", "m.coo, line 2: found '0 1', expected 'i j w'"),
        ("# vartype=SPIN\n0 -1 2\n", "line 2: found '-1', expected a variable's number"),
        ("# vartype=SPIN\n0 1 nan\n", "line 2: found 'nan', expected a finite number"),
        ("# vartype=SPIN\n0 1 x\n", "line 2: found 'x', expected a finite number"),
    ],
)
def test_malformed_files_say_where(tmp_path, text, message):
    path = tmp_path / "m.coo"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        pbits.IsingModel.from_coo(path)
