import numpy as np
import pytest

import pbits
from hardware_models.effects import OffsetMismatch, SlopeMismatch, StuckCells
from hardware_models.pbit import Array
from pbits.learning import calibrate, compensate
from pbits.mapping import Grid
from pbits.reference import total_variation

pytestmark = pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")


def ring(n):
    return pbits.IsingModel.from_edges(n, [(i, (i + 1) % n) for i in range(n)], 0.8, np.linspace(-0.4, 0.4, n))


def chip(n, seed, **options):
    rng = np.random.default_rng(seed)
    alphas, offsets = np.exp(0.2 * rng.normal(size=n)), 0.3 * rng.normal(size=n)
    effects = [OffsetMismatch(offsets=offsets), SlopeMismatch(alphas=alphas)]
    return Array(update="sequential", effects=effects, **options), alphas, offsets


def test_slopes_and_offsets_are_found_within_their_errors():
    machine, alphas, offsets = chip(400, 1)
    found = calibrate(ring(400), machine, beta=0.7, chains=1000, sweeps=2, seed=3)
    for truth, value, error in (
        (alphas, found.alphas, found.alpha_errors),
        (offsets, found.offsets, found.offset_errors),
    ):
        z = (value - truth) / error
        # 400 standard normal numbers: mean within 0.05, variance within 7 %; five of each.
        assert abs(z.mean()) < 5 / 20
        assert abs(z.var() - 1) < 5 * np.sqrt(2 / 400)
    slope, offset = found.residual
    assert slope == pytest.approx(np.std(found.alphas / alphas - 1), rel=0.25)
    assert offset == pytest.approx(np.std(found.offsets - offsets), rel=0.25)


def test_the_cost_is_counted():
    machine, _, _ = chip(6, 1, phase_s=1e-9, program_s=1e-6, read_s=1e-7)
    found = calibrate(ring(6), machine, drives=[-1, 0, 1], chains=100, sweeps=4, seed=3)
    assert found.cost.runs == 3
    assert found.cost.counts["update"] == 3 * 100 * 4 * 6
    assert found.cost.counts["read"] == 3 * 100 * 6
    # Three programmings, and for each of 300 chains four sweeps of six phases and one look.
    assert found.cost.device_time_s == pytest.approx(3e-6 + 300 * (24e-9 + 1e-7))


def test_a_measured_compensation_brings_the_law_back():
    machine, _, _ = chip(6, 2)
    model = ring(6)
    posed = pbits.exact(model).probabilities
    found = compensate(model, machine, chains=4000, seed=1)
    from pbits.errors import law_table

    def distance(program):
        return total_variation(law_table(machine.compile(program, pbits.Schedule()).law(1.0), 6), posed)

    assert distance(model) > 0.1
    assert distance(found.program) < distance(model) / 8


def test_a_stuck_p_bit_is_named_and_left_as_it_is():
    machine = Array(update="sequential", effects=[StuckCells(cells={2: -1})])
    found = compensate(ring(4), machine, chains=500, seed=1).calibration
    assert found.unmeasured.tolist() == [2]
    assert (found.alphas[2], found.offsets[2], found.alpha_errors[2]) == (1, 0, np.inf)
    assert np.isfinite(found.residual).all()


def test_p_bits_are_measured_where_the_model_lies():
    # A window of 3 × 3 of a grid of 8 × 8: cells 0 to 2, 8 to 10 and 16 to 18.
    edges = [(r * 3 + c, r * 3 + c + 1) for r in range(3) for c in range(2)]
    edges += [(r * 3 + c, r * 3 + c + 3) for r in range(2) for c in range(3)]
    model = pbits.IsingModel.from_edges(9, edges, 0.5)
    offsets = np.zeros(64)
    offsets[9] = 1.0
    machine = Array(topology=Grid.named("G4", 8, 8), effects=[OffsetMismatch(offsets=offsets)])
    found = calibrate(model, machine, chains=1000, seed=1)
    assert found.offsets[4] > 0.8
    assert np.abs(np.delete(found.offsets, 4)).max() < 0.2


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        calibrate(ring(4), "ideal", drives=[1.0, 1.0])
    with pytest.raises(ValueError, match="positive, finite β"):
        calibrate(ring(4), "ideal", beta=0)
