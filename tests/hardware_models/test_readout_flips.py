"""Spins that are read wrong: the law of what is read, and a machine that goes on from the truth."""

from itertools import product

import numpy as np
import pytest

import pbits
from hardware_models import gibbs, pbit
from hardware_models.effects import ReadoutFlips
from pbits.errors import law_table
from pbits.reference import total_variation
from pbits.substrate import NotMappable

MODEL = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [0.9, -0.7], [0.4, 0.0, -0.3])
SCHEDULE = pbits.Schedule(n_samples=2000, n_warmup=50, steps_per_sample=3, chains=64)


def machine(rate, **options):
    return pbit.Array(effects=(ReadoutFlips(rate=rate),), **options)


@pytest.mark.parametrize("update", ["chromatic", "synchronous", "poisson"])
def test_the_law_is_sent_through_a_binary_symmetric_channel(update):
    run = pbits.run(MODEL, machine(0.1, update=update), SCHEDULE, seed=2)
    # `faithful` holds the draws against Boltzmann's law, the sampling error against the machine's own.
    assert run.errors.faithful is False
    assert run.errors.reading > 0.09
    # What is read wrong is no fault of the clock.
    plain = pbits.run(MODEL, pbit.Array(update=update), SCHEDULE, seed=2).errors
    assert run.errors.clock == pytest.approx(plain.clock, abs=1e-12)
    # 42,667 or more effective draws of eight states: chance gives 0.004, and 0.012 in less than one run of a million.
    assert run.errors.sampling < 0.012
    true = pbits.run(MODEL, pbit.Array(update=update), SCHEDULE, seed=2)
    # The machine goes on from the true states, so the same seed gives the same run, read with errors.
    share = (run.states != true.states).mean(axis=(0, 1))
    # 128,000 reads of each site: five and a half standard deviations of a binomial number, 1 in 10^7.
    np.testing.assert_allclose(share, 0.1, atol=5.5 * np.sqrt(0.09 / 128_000))


def test_the_channel_is_the_product_over_sites():
    law = machine(0.2).compile(MODEL, SCHEDULE).law(1.0)
    p = np.asarray(pbits.exact(MODEL).probabilities)
    spins = list(product((-1, 1), repeat=3))
    channel = np.array([[np.prod([0.2 if a != b else 0.8 for a, b in zip(s, t)]) for s in spins] for t in spins])
    np.testing.assert_allclose(law_table(law, 3), channel @ p, atol=1e-14)
    held = machine(0.2).compile(MODEL, SCHEDULE, clamp={1: 1}).law(1.0)
    # What is clamped is known.
    assert law_table(held, 3).reshape(2, 2, 2)[:, 0].sum() == 0


@pytest.mark.parametrize("update", ["chromatic", "poisson"])
@pytest.mark.parametrize("held", [{1: 1}, {0: [1, -1, -1], 2: 1}], ids=["alike", "by chain"])
def test_what_is_clamped_is_never_read_wrong(update, held):
    schedule = pbits.Schedule(n_samples=50, n_warmup=0, chains=3)
    run, true = (
        pbits.run(MODEL, pbit.Array(update=update, effects=effects), schedule, seed=2, clamp=held)
        for effects in ((ReadoutFlips(rate=0.4),), ())
    )
    wrong = (run.states != true.states).any(axis=(0, 1))
    assert wrong.tolist() == [site not in held for site in range(3)]


def test_a_rate_that_is_off_by_a_tenth_is_noticed():
    """The check that the others rest on would see a fault."""
    run = pbits.run(MODEL, machine(0.11), SCHEDULE, seed=2)
    declared = law_table(machine(0.1).compile(MODEL, SCHEDULE).law(1.0), 3)
    drawn = np.bincount((run.states.reshape(-1, 3) > 0) @ [4, 2, 1], minlength=8) / run.states[..., 0].size
    assert total_variation(drawn, declared) > 0.008


def test_energies_are_those_of_what_is_read():
    run = pbits.run(MODEL, machine(0.3), SCHEDULE, seed=2)
    np.testing.assert_allclose(run.energies, MODEL.energy(run.states))


def test_an_embedding_votes_over_misread_cells():
    clique = pbits.IsingModel(0.3 * (np.ones((3, 3)) - np.eye(3)))
    wires = gibbs.Array(rules="G8", rows=11, columns=10).capabilities.topology
    grid = pbits.Embedded(pbit.Array(topology=wires, effects=(ReadoutFlips(rate=0.1),)))
    assert grid.compile(clique, SCHEDULE).law(1.0).misread == 0.1


@pytest.mark.parametrize("rate", [-0.1, 0.5, float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="one half"):
        ReadoutFlips(rate=rate)


def test_what_is_misread_steers_nothing():
    ladder = pbits.Schedule(n_samples=10, chains=2, ladder=(0.5, 1.0))
    with pytest.raises(NotMappable, match="states and β of single chains"):
        pbits.run(MODEL, machine(0.1), ladder, seed=1)
    with pytest.raises(ValueError, match="two ReadoutFlips"):
        pbits.run(MODEL, pbit.Array(effects=(ReadoutFlips(rate=0.1), ReadoutFlips(rate=0.2))), SCHEDULE, seed=1)
