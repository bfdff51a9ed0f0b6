"""Chains that hold different values: each samples its own conditional law."""

import numpy as np
import pytest

import pbits
from hardware_models import gibbs, pbit
from hardware_models.effects import OffsetMismatch, StuckCells
from pbits import HarmWarning
from pbits.errors import histogram
from pbits.reference import total_variation
from pbits.steering import Policy
from pbits.substrate import NotMappable

RING = [(0, 1), (0, 2), (1, 3), (2, 3)]
# Four cells of a grid, and two inputs beside it: site 4 of cells 0 and 3, site 5 of cell 1.
MODEL = pbits.IsingModel.from_edges(
    6, [*RING, (4, 0), (4, 3), (5, 1)], [0.6, -0.4, 0.5, 0.7, 0.8, -0.5, 0.9], [0.1, 0, -0.2, 0, 0.3, 0]
)
CHAINS = 512
INPUTS = np.where(np.arange(CHAINS) % 2, 1, -1), np.where(np.arange(CHAINS) // 2 % 2, 1, -1)
CLAMP = dict(zip((4, 5), INPUTS))
SCHEDULE = pbits.Schedule(n_samples=100, n_warmup=50, steps_per_sample=8, chains=CHAINS)
GRID = gibbs.Array(rules="G4", rows=2, columns=2)


@pytest.mark.parametrize("machine", ["ideal", GRID, pbit.Array(update="poisson"), pbit.Array(update="sequential")])
def test_each_chain_samples_its_own_conditional_law(machine):
    run = pbits.run(MODEL, machine, SCHEDULE, seed=3, clamp=CLAMP)
    for site, values in CLAMP.items():
        assert (run.states[:, :, site] == values[:, None]).all()
    for first in (-1, 1):
        for second in (-1, 1):
            of = (INPUTS[0] == first) & (INPUTS[1] == second)
            law = pbits.exact(MODEL, 1.0, {4: first, 5: second})
            drawn = histogram(run.states[of][..., :4])
            # 12,800 draws of 16 states, eight sweeps apart: the expected total variation is at most ½√(16/N) = 0.018,
            # and one above 0.035 is seen in less than one run of a million.
            assert total_variation(drawn, np.asarray(law.probabilities)) < 0.035
    # One law for all chains is another one.
    together = pbits.exact(MODEL, 1.0, {4: 1, 5: 1})
    assert total_variation(histogram(run.states[..., :4]), np.asarray(together.probabilities)) > 0.2
    assert run.errors is None
    assert run.record["clamped_by_chain"] == [4, 5]
    # The same inputs decide, whichever chains are asked.
    assert run.conditionals is not None
    assert abs(run.conditionals.slope - 1) < 0.02


def test_a_clamped_site_without_wires_is_a_bias():
    run = pbits.run(MODEL, GRID, SCHEDULE, seed=3, clamp=CLAMP)
    # Four cells are read, and each chain but the first is told the fields of three of them beside what is programmed.
    assert run.counts["read"] == 4 * CHAINS * 100
    fixed = pbits.run(MODEL, GRID, SCHEDULE, seed=3, clamp={4: 1, 5: -1})
    assert fixed.counts["write"] == 4
    assert run.counts["write"] == 4 + 3 * (CHAINS - 1)
    with pytest.raises(NotMappable, match="6 sites and the machine 4"):
        pbits.run(MODEL, GRID, SCHEDULE, seed=3)
    with pytest.raises(NotMappable, match="5 sites"):
        pbits.run(MODEL, GRID, SCHEDULE, seed=3, clamp={4: 1})


def test_a_bias_costs_what_a_field_costs():
    """It takes no cell, no phase, no wire and no read; a triangle would need three colours."""
    triangle = pbits.IsingModel.from_edges(3, [(0, 1), (0, 2), (1, 2)], [0.3, 0.2, 0.2])
    fields = pbits.IsingModel.from_edges(2, [(0, 1)], [0.3], [0.2, 0.2])
    chip = gibbs.Array(rules="G4", rows=4, phase_s=1e-6, program_s=1e-3, read_s=1e-4)
    known = gibbs.Array(
        rules="G4", rows=4, phase_s=1e-6, effects=[OffsetMismatch(offsets=[0.1] * 16), StuckCells(share=0.99)]
    )
    schedule = pbits.Schedule(n_samples=10, n_warmup=90, chains=4)
    biased, told = (pbits.run(m, chip, schedule, seed=1, clamp=c) for m, c in ((triangle, {2: 1}), (fields, None)))
    assert biased.counts["write"] == told.counts["write"]
    assert {k: v for k, v in biased.counts.items() if k != "toggle"} == {
        k: v for k, v in told.counts.items() if k != "toggle"
    }
    assert biased.device_time_s == told.device_time_s
    for update in ("sequential", "random", "chromatic"):
        array = pbit.Array(update=update, topology=chip.capabilities.topology, phase_s=1e-6)
        one, other = (pbits.run(m, array, schedule, seed=1, clamp=c) for m, c in ((triangle, {2: 1}), (fields, None)))
        assert one.device_time_s == other.device_time_s
        assert one.counts["weight_read"] == other.counts["weight_read"]
    with pytest.warns(HarmWarning, match="2 of 3 p-bits are stuck"):
        pbits.run(triangle, known, schedule, seed=1, clamp={2: 1})


def test_values_of_each_chain_are_told_in_time():
    chip = gibbs.Array(rules="G4", rows=2, phase_s=1e-6, program_s=1e-3, read_s=1e-4)
    ring = pbits.IsingModel.from_edges(4, RING, [0.4, -0.3, 0.2, 0.5])
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, chains=4)
    alike, own = (pbits.run(ring, chip, schedule, seed=1, clamp={0: v}) for v in (1, [1, -1, 1, -1]))
    # A frame for each batch, and a word for each chain.
    assert own.device_time_s == pytest.approx(alike.device_time_s + 4 * 1e-4)
    assert own.counts["write"] == alike.counts["write"] + 4


def test_chains_that_hold_different_values_cannot_be_steered():
    class Nothing(Policy):
        every = 1
        looks = False
        reprograms = False

        def __call__(self, now):
            return None

    with pytest.raises(ValueError, match="cannot be steered"):
        pbits.run(MODEL, "ideal", SCHEDULE, seed=3, clamp=CLAMP, steer=Nothing())


def test_running_moments_are_those_of_the_draws():
    kept = pbits.run(MODEL, "ideal", SCHEDULE, seed=3, clamp=CLAMP)
    summed = pbits.run(MODEL, "ideal", SCHEDULE, seed=3, clamp=CLAMP, keep="last")
    np.testing.assert_allclose(summed.moments.mean, kept.states.mean((0, 1)), atol=1e-12)
    loaded = kept.states[:, -1]
    assert (summed.states[:, -1] == loaded).all()
