"""The dimod sampler: dimod's own kit, labels, starts, and what its info says."""

import unittest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits

dimod = pytest.importorskip("dimod")
Sampler = pytest.importorskip("pbits.dimod").Sampler

QUICK = {"num_sweeps": 50, "seed": 1}


@dimod.testing.load_sampler_bqm_tests(Sampler)
class TestBinaryQuadraticModels(unittest.TestCase):
    """What dimod's kit asks of a sampler."""


@pytest.mark.parametrize("machine", ["ideal", "fpga-all-to-all", "embedded:extropic-z1"])
def test_the_interface_is_dimods(machine):
    sampler = Sampler(machine)
    dimod.testing.assert_sampler_api(sampler)
    bqm = dimod.BinaryQuadraticModel({0: 1.0, "b": -1.5, (2, "c"): 0.5}, {(0, "b"): 2.0, ("b", (2, "c")): -1.0}, "SPIN")
    found = sampler.sample(bqm, num_reads=30, **QUICK)
    dimod.testing.assert_sampleset_energies(found, bqm)
    assert found.first.energy == dimod.ExactSolver().sample(bqm).first.energy
    assert len(found) == 30


@st.composite
def bqms(draw):
    n = draw(st.integers(1, 6))
    value = st.floats(-4, 4).map(lambda w: round(w, 3))
    labels = draw(st.permutations(["a", "b", 3, (0, 1), "é", -2]))[:n]
    pairs = [(u, v) for k, u in enumerate(labels) for v in labels[:k]]
    linear = {label: draw(value) for label in labels}
    quadratic = {pair: draw(value) for pair in pairs if draw(st.booleans())}
    return dimod.BinaryQuadraticModel(linear, quadratic, draw(value), draw(st.sampled_from(["SPIN", "BINARY"])))


@given(bqms())
@settings(max_examples=60, deadline=None)
def test_models_go_there_and_back_with_their_energies(bqm):
    model = pbits.IsingModel.from_bqm(bqm)
    exact = dimod.ExactSolver().sample(bqm)
    values = np.asarray(exact.record.sample)[:, [list(exact.variables).index(label) for label in bqm.variables]]
    spins = values if bqm.vartype is dimod.SPIN else 2 * values - 1
    np.testing.assert_allclose(model.energy(spins), exact.record.energy, atol=1e-9)
    back = model.to_bqm()
    np.testing.assert_allclose(back.energies((spins, range(model.n))), exact.record.energy, atol=1e-9)


@given(bqms())
@settings(max_examples=10, deadline=None)
def test_samples_are_of_the_model_as_given(bqm):
    found = Sampler().sample(bqm, num_reads=3, num_sweeps=5, seed=1)
    assert found.vartype is bqm.vartype
    assert set(found.variables) == set(bqm.variables)
    dimod.testing.assert_sampleset_energies(found, bqm)


def test_one_beta_samples_the_boltzmann_law():
    """4000 reads of two spins: a standard error of 0.006 on 〈ss〉 = tanh 0.5; six of them, 2e-9 of false alarms."""
    bqm = dimod.BinaryQuadraticModel.from_ising({}, {(0, 1): -0.5})
    found = Sampler().sample(bqm, num_reads=4000, num_sweeps=20, beta_range=(1, 1), seed=3)
    product = np.asarray(found.record.sample).prod(axis=1).mean()
    exact = np.tanh(0.5)
    assert abs(product - exact) < 6 * np.sqrt((1 - exact**2) / 4000)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_reads_begin_where_they_are_told(vartype):
    """In a cold ground state nothing moves, whichever of the two it is; labels come in another order."""
    bqm = dimod.BinaryQuadraticModel.from_ising({}, {("b", "a"): 1.0, ("a", "c"): -1.0}).change_vartype(vartype)
    low = {"SPIN": -1, "BINARY": 0}[vartype]
    samples = [{"a": 1, "b": low, "c": 1}, {"a": low, "b": 1, "c": low}]
    starts = dimod.SampleSet.from_samples(samples, energy=[0, 0], vartype=vartype)
    assert list(starts.variables) != list(bqm.variables)
    found = Sampler().sample(bqm, initial_states=starts, beta_range=(60, 60), num_sweeps=3, seed=1)
    assert [dict(sample) for sample in found.samples(sorted_by=None)] == samples


def test_info_tells_time_and_joules():
    bqm = dimod.BinaryQuadraticModel.from_ising({"a": 0.5}, {("a", "b"): 1.0})
    ideal = Sampler().sample(bqm, num_reads=2, **QUICK).info
    assert ideal["joules"] is None
    assert ideal["device_time_s"] is None
    assert ideal["record"]["seed"] == 1
    priced = Sampler("fpga-all-to-all", chip_seed=4).sample(bqm, num_reads=2, **QUICK).info
    assert priced["device_time_s"] > 0
    assert priced["record"]["chip_seed"] == 4
    capped = Sampler("embedded:extropic-z1").sample(bqm, **QUICK).info
    assert capped["beta_range"][1] == 6.0
    assert ideal["beta_range"] == pytest.approx((0.3 / np.sqrt((2 + 0.25) / 2), 6 / 0.75))


def test_what_does_not_fit_or_is_unknown_is_refused():
    clique = dimod.BinaryQuadraticModel.from_ising({}, {(i, j): 1.0 for i in range(30) for j in range(i)})
    with pytest.raises(pbits.NotMappable, match="neighbours"):
        Sampler("extropic-z1").sample(clique)
    with pytest.raises(TypeError, match="num_sweps"):
        Sampler().sample(clique, num_sweps=3)
    with pytest.raises(ValueError, match="chains is 0"):
        Sampler().sample(clique, num_reads=0)


def test_a_pyqubo_model_comes_through_its_dictionary():
    """Labels such as "x[0]" are numbered by the user, as pyqubo's own index_label does."""
    labelled = {("x[0]", "x[0]"): -3.0, ("x[0]", "x[1]"): 4.0, ("x[1]", "x[1]"): -2.0, ("x[2]", "x[1]"): -1.0}
    found = Sampler().sample_qubo(labelled, num_reads=20, **QUICK)
    best = min(sum(w * x[u] * x[v] for (u, v), w in labelled.items()) for x in found.samples())
    assert best == found.first.energy == -3.0
    number = {"x[0]": 0, "x[1]": 1, "x[2]": 2}
    model = pbits.IsingModel.from_qubo({(number[u], number[v]): w for (u, v), w in labelled.items()})
    assert pbits.exact(model, beta=50.0).mean_energy == pytest.approx(-3.0)


def test_pyqubo():
    pyqubo = pytest.importorskip("pyqubo")
    a, b, c = (pyqubo.Spin(name) for name in "abc")
    compiled = ((a + 2 * b + 3 * c) ** 2).compile()
    qubo, offset = compiled.to_qubo(index_label=True)
    model = pbits.IsingModel.from_qubo(qubo, offset)
    assert pbits.exact(model, beta=5.0).mean_energy == pytest.approx(0.0, abs=1e-6)
    found = Sampler().sample(compiled.to_bqm(), num_reads=20, **QUICK)
    assert found.first.energy == pytest.approx(0.0)
    assert compiled.decode_sample(found.first.sample, vartype="BINARY").energy == pytest.approx(0.0)
