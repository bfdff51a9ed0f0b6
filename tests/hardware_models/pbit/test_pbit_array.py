"""Laws of p-bit arrays against enumeration and transition matrices.

Over the 8 or 16 states of these models the total variation of a true law scatters by a quarter of its
expectation, so it is allowed 2.5 times that (the suite's own 1.5 is for 1024 states): a false alarm in 10⁴
seeds at most.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from hardware_models.pbit import Array, Telegraph, characterise, from_spec
from pbits.mapping import Complete, FixedPoint, Grid
from pbits.parameters import CatalogueError, MachineSpec
from pbits.reference import stationary, total_variation, transition
from pbits.testing import MARGIN, measure_law

TRIANGLE = pbits.IsingModel.from_edges(3, [(0, 1), (0, 2), (1, 2)], -0.6, [0.1, 0.2, -0.3])
RING = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0.6, 0.6, 0.6, -0.6], [0.2, 0, 0, 0.1])
SCHEDULE = pbits.Schedule(n_samples=10, n_warmup=0, chains=2)


def program(machine, model, **options):
    return machine.compile(model, SCHEDULE, **options)


def mean_of(machine, model, beta=1.0, **options):
    return pbits.exact(program(machine, model, **options).realised(beta), beta).mean


def measured(machine, model):
    """Total variation to the declared law, the most that chance allows, and the kind of law."""
    report = measure_law(machine, model, draws=200_000)
    return report.distance, report.allowed * 2.5 / MARGIN, report.kind


def law_of(machine, model):
    law = program(machine, model).law(1.0)
    assert law.kind == "stationary"
    return stationary(transition(law.model, beta=law.beta, **law.rule))


# Laws


@pytest.mark.parametrize("model", [TRIANGLE, RING], ids=["triangle", "ring"])
def test_synchronous_updates_have_a_law_of_their_own(model):
    machine = Array(update="synchronous")
    law = law_of(machine, model)
    np.testing.assert_allclose(law, stationary(transition(model, "synchronous")), atol=1e-14)
    distance, allowed, kind = measured(machine, model)
    assert kind == "stationary"
    assert distance <= allowed
    # The Boltzmann law is many times farther away than chance allows.
    assert total_variation(law, pbits.exact(model).probabilities) > 10 * allowed


@pytest.mark.parametrize("update", ["sequential", "random", "chromatic"])
def test_one_at_a_time_updates_have_the_boltzmann_law(update):
    distance, allowed, kind = measured(Array(update=update), TRIANGLE)
    assert kind == "boltzmann"
    assert distance <= allowed


def test_a_synchronous_pair_follows_its_hand_worked_law():
    # Each p-bit looks at the other's last state only, so a pair is two interleaved chains that never meet:
    # without fields the spins are independent in the long run, whatever J is.
    pair = pbits.IsingModel([[0, 1.5], [1.5, 0]])
    np.testing.assert_allclose(law_of(Array(update="synchronous"), pair), 0.25, atol=1e-14)


def test_a_clamped_chain_follows_the_conditional_law():
    schedule = pbits.Schedule(n_samples=1, n_warmup=60, chains=20_000)
    run = pbits.run(RING, Array(), schedule, seed=3, clamp={1: -1})
    law = pbits.exact(RING, clamp={1: -1})
    assert program(Array(), RING, clamp={1: -1}).law(1.0).clamp == {1: -1}
    expected = 20_000 * law.probabilities
    counts = np.bincount(law.index(run.states[:, 0]), minlength=len(expected))
    # χ² with 7 degrees of freedom exceeds 40 once in 10^6.
    assert ((counts - expected) ** 2 / expected).sum() < 40


# Models of more than pairs of spins

P_DITS = pbits.CategoricalModel(
    [3, 2, 4],
    [[0.1, -0.4, 0.3], [0.0, 0.5], [0.2, 0.0, -0.2, 0.1]],
    {(0, 1): [[0.5, -0.2], [0.1, 0.7], [-0.6, 0.0]], (1, 2): np.eye(2, 4), (0, 2): -0.7 * np.eye(3, 4)},
)
MANY_BODY = pbits.PolynomialModel(4, {(0, 1, 2): 0.8, (0, 3): -0.5, (1, 2, 3): 0.4, (2,): 0.3})


@pytest.mark.parametrize("clamp", [None, {1: 1}], ids=["free", "clamped"])
@pytest.mark.parametrize("update", ["sequential", "random", "chromatic"])
@pytest.mark.parametrize("model", [P_DITS, MANY_BODY], ids=["p-dits", "many-body"])
def test_p_dits_and_many_body_inputs_have_the_boltzmann_law(model, update, clamp):
    machine = Array(update=update)
    schedule = pbits.Schedule(n_samples=1, n_warmup=40, chains=20_000)
    run = pbits.run(model, machine, schedule, seed=6, clamp=clamp)
    assert program(machine, model).law(1.0).kind == "boltzmann"
    law = pbits.exact(model, clamp=clamp)
    counts = np.bincount(law.index(run.states[:, 0]), minlength=len(law.probabilities))
    # False alarm of each of these twelve: 10^-4.
    assert chisquare(counts, 20_000 * law.probabilities).pvalue > 1e-4
    np.testing.assert_allclose(run.energies, model.energy(run.states), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("model", [P_DITS, MANY_BODY], ids=["p-dits", "many-body"])
@pytest.mark.parametrize(
    "machine",
    [
        Array(update="synchronous"),
        Array(topology=Complete(9)),
        Array(number=FixedPoint(fraction_bits=4)),
        Array(offset_sigma_d2d=0.1),
    ],
    ids=["synchronous", "wired", "rounded", "mismatched"],
)
def test_only_an_ideal_array_holds_more_than_pairs_of_spins(machine, model):
    (reason,) = machine.limits(model)
    assert "categor" in reason or "PolynomialModel" in reason


def test_metropolis_is_for_arrays_that_are_no_hardware():
    anneal = pbits.Schedule.anneal(sweeps=200, chains=4, beta_stop=5.0, rule="metropolis")
    assert Array().limits(RING, anneal) == []
    best = pbits.run(MANY_BODY, Array(), anneal, seed=1).best_energy
    assert best == pytest.approx(pbits.exact(MANY_BODY).energies.min())
    for hardware in (Array(phase_s=1e-9), Array(topology=Complete(9)), Array(update="synchronous")):
        assert "metropolis" in hardware.limits(RING, anneal)[0]


# Fixed point


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_the_array_holds_the_rounded_model_and_samples_it():
    machine = Array(number=FixedPoint(total_bits=4, fraction_bits=1))
    held = program(machine, TRIANGLE).realised(1.0)
    # βJ = −0.6 → −0.5; βh = 0.1, 0.2, −0.3 → 0, 0, −0.5.
    np.testing.assert_allclose(held.edges()[2], -0.5)
    np.testing.assert_allclose(held.h, [0, 0, -0.5])
    distance, allowed, kind = measured(machine, TRIANGLE)
    assert kind == "boltzmann"
    assert distance <= allowed
    off = total_variation(pbits.exact(held).probabilities, pbits.exact(TRIANGLE).probabilities)
    assert off > 5 * allowed


def test_what_is_held_depends_on_beta_and_a_step_is_a_step_of_beta_j():
    at = program(Array(number=FixedPoint(fraction_bits=1)), TRIANGLE)
    np.testing.assert_allclose(at.realised(4.0).edges()[2], -2.5 / 4)  # −2.4 → −2.5
    np.testing.assert_allclose(at.realised(1.0).edges()[2], -0.5)  # and back: −0.6 → −0.5
    assert at.law(2.0).model.fingerprint() == at.realised(2.0).fingerprint()


def test_the_mapping_error_shrinks_with_the_bits():
    posed = pbits.exact(RING, 1.3).probabilities
    distances = [
        total_variation(
            pbits.exact(program(Array(number=FixedPoint(fraction_bits=bits)), RING).realised(1.3), 1.3).probabilities,
            posed,
        )
        for bits in (1, 4, 8, 12, 16)
    ]
    assert all(fine < 0.5 * coarse for coarse, fine in pairwise(distances))
    assert distances[-1] < 1e-5


def test_saturation_is_in_the_record():
    strong = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [9.0, -0.1], [0.0, 5.0, 0.0])
    with pytest.warns(pbits.HarmWarning, match="saturate.*round to zero.*total variation to the posed model 0"):
        run = pbits.run(strong, Array(number=FixedPoint(total_bits=4, fraction_bits=1)), SCHEDULE, seed=1)
    found = run.record["notes"]["fixed_point"]
    assert (found["saturated"], found["rounded_to_zero"], found["numbers"]) == (2, 1, 5)
    assert found["largest_error_in_beta_j"] == pytest.approx(9.0 - 3.5)


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_the_energies_of_a_run_are_those_of_the_model_as_posed():
    run = pbits.run(TRIANGLE, Array(number=FixedPoint(fraction_bits=0)), SCHEDULE, seed=1)
    np.testing.assert_allclose(run.energies, TRIANGLE.energy(run.states), rtol=1e-12, atol=1e-12)
    assert run.realised.fingerprint() != TRIANGLE.fingerprint()


# Mismatch between devices


@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_an_offset_moves_the_mean_by_the_stated_amount(beta):
    free = pbits.IsingModel(np.zeros((6, 6)))
    offsets = np.arctanh(mean_of(Array(offset_sigma_d2d=0.5), free, beta))
    # <s> = tanh(βh + δ): the offset does not know β, and linear in h it moves βh by δ.
    posed = pbits.IsingModel(np.zeros((6, 6)), 0.4 * np.ones(6))
    np.testing.assert_allclose(
        mean_of(Array(offset_sigma_d2d=0.5), posed, beta), np.tanh(0.4 * beta + offsets), rtol=1e-12
    )
    other_beta = np.arctanh(mean_of(Array(offset_sigma_d2d=0.5), free, 1.0))
    np.testing.assert_allclose(offsets, other_beta, rtol=1e-12)
    half = np.arctanh(mean_of(Array(offset_sigma_d2d=0.25), free, beta))
    np.testing.assert_allclose(half, offsets / 2, rtol=1e-10)


def test_a_mismatched_array_samples_the_law_of_its_own_chip():
    machine = Array(offset_sigma_d2d=0.5)
    distance, allowed, kind = measured(machine, TRIANGLE)
    assert kind == "boltzmann"
    assert distance <= allowed
    held = program(machine, TRIANGLE).realised(1.0)
    off = total_variation(pbits.exact(held).probabilities, pbits.exact(TRIANGLE).probabilities)
    assert off > 5 * allowed


def test_a_chip_seed_is_a_chip():
    machine = Array(offset_sigma_d2d=0.5)
    same = [program(machine, RING, chip_seed=8).realised(1.0).fingerprint() for _ in range(2)]
    assert same[0] == same[1]
    assert program(machine, RING, chip_seed=9).realised(1.0).fingerprint() != same[0]
    # The seed of a run is not the seed of its chip.
    first, second = (pbits.run(RING, machine, SCHEDULE, seed=seed, chip_seed=8) for seed in (1, 2))
    assert first.realised.fingerprint() == second.realised.fingerprint() == same[0]
    assert not np.array_equal(first.states, second.states)


def test_a_model_of_other_cells_sees_their_offsets():
    grid = Grid.named("G4", 4, 4)
    machine = Array(topology=grid, offset_sigma_d2d=0.5)
    cells = np.array([5, 6, 9, 10])
    moved = program(machine, RING, cells=cells).realised(1.0).h - RING.h
    everywhere = program(machine, pbits.IsingModel.from_edges(16, grid.edges(), 1.0)).realised(1.0).h
    np.testing.assert_allclose(moved, everywhere[cells], rtol=1e-12)


def test_one_effect_moves_no_draw_of_another():
    alone = program(Array(offset_sigma_d2d=0.5), RING).realised(1.0)
    fine = program(Array(offset_sigma_d2d=0.5, number=FixedPoint(fraction_bits=40)), RING).realised(1.0)
    np.testing.assert_allclose(fine.h, alone.h, atol=1e-12)
    # A mismatch does not change the noise either: with a vanishing one the run is the same, spin for spin.
    plain = pbits.run(RING, Array(), SCHEDULE, seed=5).states
    nearly = pbits.run(RING, Array(offset_sigma_d2d=1e-12), SCHEDULE, seed=5).states
    np.testing.assert_array_equal(plain, nearly)


def test_offsets_are_not_rounded_with_the_numbers():
    # Half a step would vanish if the offset were stored; it sits behind the store and stays.
    machine = Array(offset_sigma_d2d=0.2, number=FixedPoint(fraction_bits=0))
    held = program(machine, pbits.IsingModel(np.zeros((5, 5)))).realised(1.0)
    exactly = program(Array(offset_sigma_d2d=0.2), pbits.IsingModel(np.zeros((5, 5)))).realised(1.0)
    np.testing.assert_array_equal(held.h, exactly.h)
    assert (held.h != np.round(held.h)).all()


# Limits and construction


def test_what_does_not_fit_is_refused_with_numbers():
    with pytest.raises(pbits.NotMappable, match=r"4 sites and the machine 3"):
        program(Array(topology=Complete(3)), RING)
    star = pbits.IsingModel.from_edges(6, [(0, k) for k in range(1, 6)], 1.0)
    with pytest.raises(pbits.NotMappable, match=r"5 neighbours and the machine wires 4"):
        program(Array(topology=Grid.named("G4", 5, 5)), star)
    with pytest.raises(pbits.NotMappable, match="do not lie on the machine's wires"):
        program(Array(topology=Grid.named("G4", 5, 5)), TRIANGLE)


def test_constructor_errors():
    with pytest.raises(ValueError, match="sequential, random, chromatic, synchronous"):
        Array(update="parallel")
    with pytest.raises(ValueError, match="sigma_d2d"):
        Array(offset_sigma_d2d=-1.0)
    for name in ("phase_s", "program_s", "read_s"):
        with pytest.raises(ValueError, match=name):
            Array(**{name: -1.0})


def test_beta_zero_on_a_mismatched_array_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="small β"):
        pbits.run(RING, Array(offset_sigma_d2d=0.1), pbits.Schedule(n_samples=1, beta=0.0), seed=1)


def spec(**parameters):
    return MachineSpec(
        name="mine", title="Mine", physics="pbit", date="2026-01-01", description="", parameters=parameters,
        prices=None, sources={}, path="mine.toml",
    )  # fmt: skip


def number(value):
    return {"value": value, "evidence": "assumed", "note": "test"}


def test_a_file_builds_the_array_it_describes():
    machine = from_spec(
        spec(
            update="chromatic",
            topology="grid",
            rules="G4",
            rows=number(3),
            columns=number(5),
            torus=False,
            total_bits=number(8),
            fraction_bits=number(3),
            clock=number("50 MHz"),
            cycles_per_phase=number(2),
            offset_sigma_d2d=number(0.1),
            read_time=number("2 µs"),
        )
    )
    assert machine.capabilities.topology == Grid.named("G4", 3, 5)
    assert machine.capabilities.stores_beta
    run = pbits.run(RING, machine, SCHEDULE, seed=1)
    # Two 2 × 2 windows lie in 3 × 5 cells: both chains at once, 10 sweeps of two phases of 40 ns.
    assert run.phases["sweeping"] == pytest.approx(10 * 2 * 40e-9, rel=1e-12)
    assert run.phases["programming"] is None
    assert run.record["notes"]["fixed_point"]["step_in_beta_j"] == 0.125


def test_a_word_length_without_its_point_is_refused():
    with pytest.raises(CatalogueError, match="fraction_bits"):
        from_spec(spec(update="chromatic", total_bits=number(8)))


def test_a_misspelt_key_is_refused():
    with pytest.raises(CatalogueError, match="clock"):
        from_spec(spec(update="chromatic", clok=number("50 MHz")))


def test_a_characterised_device_makes_an_array_of_its_like():
    """Of 60 simulated junctions with slopes and speeds of their own, an array takes over spread and time."""
    rng = np.random.default_rng(3)
    junctions = Telegraph(tau0_s=1e-9 * np.exp(0.3 * rng.standard_normal(60)), barrier=2.0 + 0.2 * rng.random(60))
    learned = characterise(junctions, drives=[-0.3, -0.1, 0.0, 0.1, 0.3], n_samples=4000, dt_s=2e-9, seed=1)
    machine = Array(update="poisson", device=learned)
    compiled = program(machine, TRIANGLE, chip_seed=1)
    assert isinstance(compiled.realised(1.0), pbits.DirectedModel)
    rates = compiled.law(1.0).rule["rates"]
    assert np.std(np.log(rates)) > 0
    with pytest.warns(pbits.HarmWarning, match="slopes"):
        run = pbits.run(TRIANGLE, machine, SCHEDULE, seed=1, chip_seed=1)
    assert run.phases["sweeping"] == pytest.approx(10 * 2 * learned.tau_s.value)


def test_the_ideal_machine_draws_gaussian_models_independently_and_a_clocked_array_holds_none():
    model = pbits.GaussianModel([[2.0, -0.8], [-0.8, 1.0]], [1.0, -1.0])
    schedule = pbits.Schedule(n_samples=4, n_warmup=0, chains=20_000, beta=2.0)
    run = pbits.run(model, "ideal", schedule, seed=1)
    assert run.errors.total < run.errors.allowed
    # Neighbouring draws are uncorrelated, within four standard errors: 1e-4 for four numbers.
    first, second = (run.states[:, draw] - model.mean for draw in (0, 1))
    assert np.abs(first.T @ second / 20_000).max() < 4 * 0.5 * np.diag(np.linalg.inv(model.A)).max() / np.sqrt(20_000)
    with pytest.raises(pbits.NotMappable, match="sites hold real values"):
        pbits.run(model, Array(phase_s=1e-9), schedule)
    with pytest.raises(pbits.NotMappable, match="β = 0"):
        pbits.run(model, "ideal", pbits.Schedule(beta=0.0))
    with pytest.raises(pbits.NotMappable, match="leave step_tau out"):
        pbits.run(pbits.IsingModel([[0.0]]), "ideal", pbits.Schedule(step_tau=1.0))


@pytest.mark.parametrize("given", [{"step_s": 1e-6}, {"step_tau": 0.1}])
def test_the_ideal_machine_has_no_time_between_draws_of_reals(given):
    with pytest.raises(pbits.NotMappable, match=f"leave {next(iter(given))} out"):
        pbits.run(pbits.GaussianModel([[1.0]]), "ideal", pbits.Schedule(n_samples=5, **given), seed=1)
