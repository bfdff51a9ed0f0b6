import numpy as np
import pytest

import pbits
from hardware_models.effects import OffsetMismatch, SlopeMismatch
from hardware_models.pbit import Array
from pbits.learning import relearn
from pbits.learning.relearning import _Learner
from pbits.reference import total_variation

pytestmark = pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")

RNG = np.random.default_rng(0)
EDGES = [(i, j) for i in range(10) for j in range(i) if RNG.random() < 0.35]
MODEL = pbits.IsingModel.from_edges(10, EDGES, 0.6 * RNG.normal(size=len(EDGES)), 0.3 * RNG.normal(size=10))
CHIP = Array(
    update="sequential",
    effects=[OffsetMismatch(sigma_d2d=0.2), SlopeMismatch(sigma_d2d=0.2)],
    phase_s=1e-9,
    read_s=1e-7,
    program_s=1e-6,
)


def swept(model, sweeps=300):
    """The law of p-bits that move in turn, by carrying all 2ⁿ probabilities through sweeps."""
    states = pbits.exact(pbits.IsingModel(np.zeros((model.n, model.n)))).states
    up = 0.5 * (1 + np.tanh(states @ model.csr.toarray().T + model.h))
    law = np.full(len(states), 1 / len(states))
    rows = np.arange(len(states))
    for _ in range(sweeps):
        for site in range(model.n):
            both = law + law[rows ^ (1 << (model.n - 1 - site))]
            law = both * np.where(states[:, site] > 0, up[:, site], 1 - up[:, site])
    return law


def distance(program, chip_seed=2):
    held = CHIP.compile(program, pbits.Schedule(), chip_seed=chip_seed).realised(1.0)
    return total_variation(swept(held), pbits.exact(MODEL).probabilities)


def test_relearning_brings_the_law_back_and_stays():
    found = relearn(MODEL, CHIP, chip_seed=2, seed=1)
    assert found.converged
    assert found.error <= 0.003
    assert distance(MODEL) > 0.2
    assert distance(found.program) < distance(MODEL) / 8
    again = relearn(MODEL, CHIP, chip_seed=2, seed=2, start=found.program)
    assert again.converged
    assert distance(again.program) < distance(MODEL) / 8
    # The program was learned on this chip, and serves no other.
    assert distance(found.program, chip_seed=5) > 0.1


def test_a_fault_of_the_moments_would_be_seen(monkeypatch):
    target = _Learner._target
    monkeypatch.setattr(_Learner, "_target", lambda *given: 0.8 * target(*given))
    assert distance(relearn(MODEL, CHIP, chip_seed=2, seed=1).program) > distance(MODEL) / 8


def test_the_cost_and_the_history_are_kept():
    calls = []
    found = relearn(
        MODEL, CHIP, chip_seed=2, seed=1, iterations=20, chains=64, sweeps=3, tolerance=1e-9,
        progress=lambda done, of: calls.append((done, of)),
    )  # fmt: skip
    assert (found.cost.runs, len(found.errors), found.converged) == (20, 20, False)
    assert found.cost.counts["update"] == 20 * 64 * 3 * 10
    # Of 20 iterations: a programming; of each chain three sweeps of ten phases and a look; after the first, its start.
    assert found.cost.device_time_s == pytest.approx(20 * (1e-6 + 64 * (30e-9 + 1e-7)) + 19 * 64 * 1e-7)
    assert calls[-1] == (20, 20)
    assert found.errors[0] > found.errors[-5:].mean()
    np.testing.assert_array_equal(
        relearn(MODEL, CHIP, chip_seed=2, seed=1, iterations=20, chains=64, sweeps=3, tolerance=1e-9).errors,
        found.errors,
    )


def test_moments_beyond_enumeration_are_drawn(monkeypatch):
    monkeypatch.setattr("pbits.learning.relearning.MAX_EXACT", 4)
    drawn = _Learner(MODEL, 1.0, MODEL, 3)._wanted
    monkeypatch.undo()
    # A million draws, of which chains remember some tens of sweeps: a few thousandths.
    np.testing.assert_allclose(drawn, _Learner(MODEL, 1.0, MODEL, 3)._wanted, atol=0.01)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"rate": 0}, ValueError, "rate"),
        ({"tolerance": -1}, ValueError, "tolerance"),
        ({"iterations": 0}, ValueError, "iterations"),
        ({"start": pbits.IsingModel([[0]])}, ValueError, "1 p-bits"),
    ],
)
def test_what_cannot_be_learned_is_refused(options, error, match):
    with pytest.raises(error, match=match):
        relearn(MODEL, "ideal", **options)


def test_a_directed_model_has_no_moments_to_learn_alone():
    with pytest.raises(TypeError, match="IsingModel"):
        relearn(pbits.DirectedModel([[0, 0], [1, 0]]), "ideal")
