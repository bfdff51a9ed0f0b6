"""The GPU layout against its twins; run by test_cuda.py in numba's simulator, and on a GPU where there is one."""

import os

import numpy as np
import pytest

import pbits
from pbits.kernels import cuda as kernels
from pbits.mapping import colour_classes
from pbits.reference import cuda as bit_twin
from pbits.reference import twins
from pbits.sweeps import cuda
from pbits.sweeps.engine import Key, Options, Record
from pbits.sweeps.scan import Scan

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
KEY = Key(thermal=(np.uint32(1234), np.uint32(5678)), site=(np.uint32(9), np.uint32(7)))
BETAS = np.linspace(0.2, 1.3, 3)
# As launches of a few threads are here: numba says that they do not fill a GPU.
pytestmark = pytest.mark.filterwarnings("ignore:Grid size")


def graph(n, weight, seed=0, density=0.5, fields=True):
    rng = np.random.default_rng(seed)
    J = np.triu(weight(rng, (n, n)) * (rng.random((n, n)) < density), 1)
    return pbits.IsingModel(J + J.T, weight(rng, n) if fields else None, offset=1.5)


def signs(rng, size):
    return rng.choice([-0.5, 0.5], size)


def large(rng, size):
    return rng.integers(-20, 21, size) * 0.125


def real(rng, size):
    return rng.normal(size=size)


MODELS = {
    "few bonds": graph(7, signs, density=0.3),
    "many bonds": graph(10, signs, seed=3, density=0.9),
    "whole numbers": graph(8, large),
    "reals": graph(7, real),
    "no couplings": pbits.IsingModel(np.zeros((3, 3))),
}


def start(model, chains):
    return np.random.default_rng(1).choice(np.array([-1, 1], dtype=np.int8), size=(model.n, chains))


def engine(model, spins, chain0=0, bits=16):
    scan = Scan.of(colour_classes(model))
    return cuda.CudaEngine(model, scan, spins.copy(), KEY, chain0, Options(threshold_bits=bits))


def of_twin(model, spins, betas=BETAS, chain0=0, step0=0, bits=16):
    """States and toggles of the twin that the model's layout has."""
    slow = spins.copy()
    whole = cuda.units(model)
    phases = colour_classes(model)
    if whole is not None and whole.most <= cuda.MOST_BITS:
        toggles = bit_twin.sweep_bits(slow, model, phases, betas, KEY.thermal, bits=bits, chain0=chain0, step0=step0)
    else:
        toggles = twins.sweep_phases(slow, model, phases, betas, KEY.thermal, chain0=chain0, step0=step0)
    return slow.T, toggles


def test_the_models_take_all_kernels():
    taken = {name: engine(model, start(model, 1))._form.kernel for name, model in MODELS.items()}
    assert taken["few bonds"] is kernels.sweep_bits_few
    assert taken["many bonds"] is kernels.sweep_bits
    assert taken["whole numbers"] is kernels.sweep_integers
    assert taken["reals"] is kernels.sweep_reals


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_sweeps_equal_the_twin(model):
    # 38 chains: the last word of either layout is not full.
    spins = start(model, 38)
    chains = engine(model, spins, chain0=2048)
    toggles = chains.advance(BETAS, 5)
    states, expected = of_twin(model, spins, chain0=2048, step0=5)
    assert np.array_equal(chains.states(), states)
    assert toggles == expected


@pytest.mark.parametrize("bits", [24, 32])
def test_finer_decisions_equal_the_twin(bits):
    model = MODELS["few bonds"]
    spins = start(model, 32)
    chains = engine(model, spins, bits=bits)
    # Cold, so that a decision hangs on the last planes.
    betas = np.full(3, 4.0)
    toggles = chains.advance(betas, 0)
    states, expected = of_twin(model, spins, betas, bits=bits)
    assert np.array_equal(chains.states(), states)
    assert toggles == expected


@pytest.mark.parametrize("name", ["few bonds", "whole numbers"])
def test_cuts_into_calls_and_blocks_change_nothing(name):
    model = MODELS[name]
    spins = start(model, 40)
    whole = engine(model, spins)
    whole.advance(BETAS, 0)
    part = engine(model, spins[:, 32:], chain0=32)
    part.advance(BETAS[:1], 0)
    part.hold(model)
    part.advance(BETAS[1:], 1)
    assert np.array_equal(part.states(), whole.states()[32:])


def test_more_sites_than_threads(monkeypatch):
    monkeypatch.setattr(kernels, "MAX_BLOCKS", 8)
    monkeypatch.setattr(kernels, "THREADS", 2)
    for model in (MODELS["few bonds"], MODELS["whole numbers"]):
        spins = start(model, 34)
        chains = engine(model, spins)
        toggles = chains.advance(BETAS[:1], 0)
        states, expected = of_twin(model, spins, BETAS[:1])
        assert np.array_equal(chains.states(), states)
        assert toggles == expected
        record = observed(chains, model, 34, looks=1)
        assert np.allclose(record.energies[:, 0], model.energy(chains.states()), rtol=1e-12)


def observed(chains, posed, n_chains, looks=2, **kept):
    record = Record(
        model=posed,
        energies=np.zeros((n_chains, looks)),
        best_energy=np.inf,
        best_state=np.zeros(posed.n, dtype=np.int8),
        **kept,
    )
    chains.sweep(BETAS[:looks], 0, 1, record)
    return record


@pytest.mark.parametrize("held", ["few bonds", "many bonds", "whole numbers", "reals"])
@pytest.mark.parametrize("posed_as_held", [True, False])
def test_energies_and_the_best_are_those_of_the_model_as_posed(held, posed_as_held):
    model = MODELS[held]
    posed = model if posed_as_held else graph(model.n, real, seed=8)
    spins = start(model, 35)
    record = observed(engine(model, spins), posed, 35)
    again = engine(model, spins)
    lowest, states = np.inf, None
    for look in range(2):
        again.advance(BETAS[look : look + 1], look)
        states = again.states()
        expected = posed.energy(states)
        assert np.allclose(record.energies[:, look], expected, rtol=1e-12, atol=1e-12)
        lowest = min(lowest, expected.min())
    assert record.best_energy == pytest.approx(lowest, rel=1e-12)
    assert posed.energy(record.best_state) == pytest.approx(lowest, rel=1e-12)


def test_draws_are_kept_where_asked_for():
    model = MODELS["few bonds"]
    chains = engine(model, start(model, 33))
    record = observed(chains, model, 33, draws=np.zeros((33, 2, model.n), dtype=np.int8))
    assert np.array_equal(record.draws[:, -1], chains.states())
    assert np.array_equal(record.energies, model.energy(record.draws))


# Planted faults: the comparison with the twin sees each of them.


@pytest.mark.parametrize("name", ["few bonds", "whole numbers", "reals"])
def test_a_wrong_threshold_is_caught(name, monkeypatch):
    model = MODELS[name]
    spins = start(model, 38)
    chains = engine(model, spins)
    law = chains._form.law
    monkeypatch.setattr(chains._form, "law", lambda betas: law(betas * 1.05))
    toggles = chains.advance(BETAS, 0)
    states, expected = of_twin(model, spins)
    assert toggles != expected or not np.array_equal(chains.states(), states)


def test_a_random_word_shared_by_all_words_is_caught():
    model = MODELS["few bonds"]
    spins = start(model, 64)
    chains = engine(model, spins[:, 32:], chain0=0)
    chains.advance(BETAS, 0)
    assert not np.array_equal(chains.states(), of_twin(model, spins)[0][32:])


@pytest.mark.skipif(not SIMULATED, reason="on a GPU the kernel is compiled, so that nothing in it can be swapped")
def test_a_wrong_carry_is_caught(monkeypatch):
    def add(count, planes, bits):
        for k in range(planes):
            count[k], bits = count[k] ^ bits, bits & ~count[k]

    model = MODELS["few bonds"]
    spins = start(model, 38)
    monkeypatch.setattr(kernels, "_add", add)
    chains = engine(model, spins)
    chains.advance(BETAS, 0)
    assert not np.array_equal(chains.states(), of_twin(model, spins)[0])
