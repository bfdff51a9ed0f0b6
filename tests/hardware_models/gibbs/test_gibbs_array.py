import math
import resource
import time

import numpy as np
import pytest

import pbits
from hardware_models import effects
from hardware_models.gibbs import Array
from pbits.algorithms import temper
from pbits.diagnostics import tau_int
from pbits.harm import HarmWarning
from pbits.mapping import Grid, colour_classes
from pbits.models import DirectedModel
from pbits.parameters import CatalogueError
from pbits.reference import exact_tau_int, stationary, stationary_of, total_variation, transition
from pbits.reference.unsettled import unsettled_law
from pbits.testing import CHECKS, MARGIN, measure_law

RING = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0.6, 0.6, 0.6, -0.6], [0.2, 0, 0, 0.1])
SCHEDULE = pbits.Schedule(n_samples=10, n_warmup=0, chains=2)


def small(**options):
    return Array(rules="G4", rows=4, columns=4, **options)


# A lazy cell


@pytest.mark.parametrize("phases_per_tau", [0.1, 1.0, 5.0])
def test_a_lazy_cell_slows_mixing_and_leaves_the_law(phases_per_tau):
    machine = small(phase_s=phases_per_tau * 1e-8, tau_s=1e-8)
    report = measure_law(machine, RING, draws=100_000)
    assert report.kind == "boltzmann"
    # 2.5 times what chance gives over 16 states: a true law fails less than once in 10⁴ seeds.
    assert report.distance <= report.allowed * 2.5 / MARGIN

    T = transition(RING, "chromatic", phases=colour_classes(RING), persistence=math.exp(-phases_per_tau))
    law = stationary(T)
    np.testing.assert_allclose(law, pbits.exact(RING).probabilities, atol=1e-12)
    expected = exact_tau_int(T, law, pbits.exact(RING).states[:, 0])
    schedule = pbits.Schedule(n_samples=2000, n_warmup=400, chains=500)
    run = pbits.run(RING, machine, schedule, seed=6)
    found = tau_int(run.states[..., 0])
    # A window of 5τ lags leaves a relative error of √(20τ/N), and cuts off 1 % of an exponential. Four and a
    # half of them: one false alarm in 10^5.
    assert abs(found / expected - 1) < 0.01 + 4.5 * math.sqrt(20 * expected / run.n_samples)


def test_laziness_is_felt():
    tau = {}
    for ratio in (0.1, 1.0, 5.0):
        T = transition(RING, "chromatic", phases=colour_classes(RING), persistence=math.exp(-ratio))
        tau[ratio] = exact_tau_int(T, stationary(T), pbits.exact(RING).states[:, 0])
    assert tau[0.1] > 5 * tau[1.0] > 5 * tau[5.0]


def test_a_relaxation_time_that_is_not_stated_is_a_fresh_draw_and_said_so():
    fresh = small(phase_s=1e-8)
    assert any("fresh draw is assumed" in text for text in fresh.capabilities.unchecked)
    run = pbits.run(RING, fresh, SCHEDULE, seed=1)
    assert run.record["notes"]["persistence"] == 0.0
    assert run.record["machine"]["unchecked"] == list(fresh.capabilities.unchecked)
    stated = small(phase_s=1e-8, tau_s=1e-8, max_coupling=6.0).capabilities.unchecked
    assert [text.split(":")[0] for text in stated] == [
        "row-sum bound Σ 4β|J| + 4β|h| ≤ V_dd/V_s", "rate of programmings", "time constant of the bias voltages"
    ]  # fmt: skip
    options = {"phase_s": 1e-8, "tau_s": 1e-8, "tau_bias_s": 1e-9, "max_coupling": 6.0, "supply_swing": 4.0}
    assert small(**options, max_reflash_hz=1.0, program_s=1.0).capabilities.unchecked == ()
    (left,) = small(**options, max_reflash_hz=1.0).capabilities.unchecked
    assert "the time of a phase or of a programming is not stated" in left


def test_an_offset_is_in_units_of_the_input():
    free = pbits.IsingModel.from_edges(4, [(0, 1)], 0.0)
    machine = small(offset_sigma_d2d=0.3)

    def mean(beta, chip_seed=0):
        program = machine.compile(free, SCHEDULE, chip_seed=chip_seed)
        return pbits.exact(program.realised(beta), beta).mean

    np.testing.assert_allclose(mean(0.2), mean(3.0), rtol=1e-12)
    assert not np.isclose(mean(1.0), mean(1.0, chip_seed=1)).any()


# Inputs that settle

CHAIN = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], [0.9, -0.7], [0.2, 0, 0.1])


def unsettled(memory, phase_s=1e-8, **options):
    return small(phase_s=phase_s, tau_bias_s=-phase_s / math.log(memory), **options)


def law_of(machine, model=CHAIN, **placed):
    return machine.compile(model, SCHEDULE, **placed).law(1.0)


def means(run, weights):
    """The mean over draws of a number of each state, and its standard error, from chains that are independent."""
    each = weights[pbits.exact(run.model).index(run.states)].mean(axis=1)
    return each.mean(), each.std() / math.sqrt(len(each))


@pytest.mark.parametrize(
    "lazy", [{}, {"tau_s": 5e-9}, {"tau_s": 5e-9, "tau_sigma_d2d": 0.5}], ids=["fresh", "lazy", "spread"]
)
@pytest.mark.parametrize("memory", [0.05, 0.2, 0.5])
def test_what_inputs_remember_biases_the_law_as_predicted(memory, lazy):
    machine = unsettled(memory, **lazy)
    schedule = pbits.Schedule(n_samples=150, n_warmup=60, steps_per_sample=2, chains=2000)
    run = pbits.run(CHAIN, machine, schedule, seed=8)
    law = law_of(machine)
    assert law.kind == "stationary"
    assert law.rule["memory"] == pytest.approx(memory, rel=1e-12)
    truth = stationary_of(CHAIN, 1.0, law.rule)
    boltzmann = pbits.exact(CHAIN).probabilities
    # The number of each state that tells the two laws apart best.
    tells = truth.probabilities / boltzmann - 1
    mean, error = means(run, tells)
    # Four and a half standard errors: one false alarm in 10⁵.
    assert abs(mean - truth.probabilities @ tells) < 4.5 * error
    assert abs(mean - boltzmann @ tells) > 6 * error
    assert run.errors.clock == pytest.approx(total_variation(truth.probabilities, boltzmann), rel=1e-9)
    assert 0 < run.errors.clock_known_to == truth.error < 2e-5
    assert run.record["layout"]["name"] == "cells"
    assert run.record["notes"]["memory"] == law.rule["memory"]
    if memory < 0.2 or lazy:
        return
    # A planted fault: a memory off by a tenth.
    other = stationary_of(CHAIN, 1.0, dict(law.rule, memory=1.1 * memory)).probabilities
    tells = other / truth.probabilities - 1
    mean, error = means(run, tells)
    assert abs(mean - truth.probabilities @ tells) < 4.5 * error
    assert abs(mean - other @ tells) > 5 * error


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_array_of_unlike_cells_that_settle_conforms(check):
    check(unsettled(0.3, tau_s=5e-9, tau_sigma_d2d=0.3, offset_sigma_d2d=0.1))


def test_inputs_that_settle_are_exact_gibbs():
    settled, unsure = small(phase_s=1e-8, tau_bias_s=1e-10), small(phase_s=1e-8)
    law = law_of(settled)
    found = stationary_of(CHAIN, 1.0, law.rule).probabilities
    np.testing.assert_allclose(found, pbits.exact(CHAIN).probabilities, atol=1e-12)
    assert law_of(unsure).kind == "boltzmann"
    runs = [pbits.run(CHAIN, machine, SCHEDULE, seed=3, layout=layout).states
            for machine, layout in ((settled, "cells"), (unsure, "counter"))]  # fmt: skip
    assert np.array_equal(*runs)


def test_cells_move_by_the_colour_of_their_place_on_the_chip():
    """The colour that moves last has the freshest past: where a model lies decides which that is."""
    pair, machine = pbits.IsingModel([[0, 0.8], [0.8, 0]], [0.3, 0]), unsettled(0.4)
    rules = [law_of(machine, pair, cells=np.array(cells)).rule for cells in ([0, 1], [1, 2])]
    assert [rule["phases"] for rule in rules] == [[[0], [1]], [[1], [0]]]
    first, second = (stationary_of(pair, 1.0, rule).probabilities for rule in rules)
    assert total_variation(first, second) > 1e-6


def test_a_held_colour_leaves_its_phase_to_settle_in():
    machine = unsettled(0.3)
    assert law_of(machine, clamp={1: -1}).rule["phases"] == [[0, 1], []]
    schedule = pbits.Schedule(n_samples=40, n_warmup=40, steps_per_sample=3, chains=2000)
    run = pbits.run(CHAIN, machine, schedule, seed=5, clamp={0: 1})
    assert law_of(machine, clamp={0: 1}).rule["phases"] == [[1], [0]]
    assert run.errors.sampling < run.errors.allowed < run.errors.clock


def test_an_array_that_settles_slowly_can_be_tempered_and_steered():
    ladder = (0.5, 1.0)
    run = pbits.run(CHAIN, unsettled(0.3), pbits.Schedule(n_samples=10, chains=2, ladder=ladder), seed=1)
    assert run.record["layout"]["name"] == "cells"


# Cells of one colour that are wired

TRIANGLE = pbits.IsingModel.from_edges(3, [(0, 1), (0, 2), (1, 2)], [0.6, -0.5, 0.7], [0.2, 0, 0.1])
KINGS = ((0, 1), (1, 1))


def test_a_grid_without_a_checkerboard_is_refused_with_every_reason():
    with pytest.raises(ValueError, match="cannot be built") as refused:
        Array(rules=((0, 1), (1, 1), (2, 4)), rows=3, torus=True)
    text = str(refused.value)
    assert "a + b odd, unlike (1, 1), (2, 4)" in text
    assert "4 rows instead of 3 and 4 columns instead of 3 would fit" in text
    assert "sides of 10 would fit" in text


@pytest.mark.parametrize("memory", [None, 0.3])
def test_a_forced_checkerboard_moves_neighbours_at_once(memory):
    pace = {} if memory is None else {"phase_s": 1e-8, "tau_bias_s": -1e-8 / math.log(memory)}
    machine = Array(rules=KINGS, rows=4, columns=4, colouring="forced", **pace)
    schedule = pbits.Schedule(n_samples=150, n_warmup=50, steps_per_sample=2, chains=2000)
    with pytest.warns(HarmWarning, match="1 coupling joins cells of one colour, which move at once; .* by the clock 0"):
        run = pbits.run(TRIANGLE, machine, schedule, seed=2)
    phases = [[0], [1, 2]]
    truth = stationary(transition(TRIANGLE, "phases", phases=phases))
    if memory is not None:
        truth, _ = unsettled_law(TRIANGLE, 1.0, phases=phases, memory=memory)
    boltzmann = pbits.exact(TRIANGLE).probabilities
    assert run.errors.clock == pytest.approx(total_variation(truth, boltzmann), rel=1e-6)
    assert run.errors.faithful is False
    tells = truth / boltzmann - 1
    mean, error = means(run, tells)
    assert abs(mean - truth @ tells) < 4.5 * error
    assert abs(mean - boltzmann @ tells) > 20 * error


def test_what_is_forced_on_a_large_model_is_warned_of_without_a_size():
    machine = Array(rules=KINGS, rows=6, columns=6, colouring="forced")
    grid = machine.capabilities.topology
    model = pbits.IsingModel.from_edges(36, grid.edges(), 0.1)
    with pytest.warns(HarmWarning, match="50 couplings join cells .* how much this moves the law is not known"):
        pbits.run(model, machine, SCHEDULE, seed=1)


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
def test_an_odd_torus_can_be_forced():
    grid = Grid.named("G4", 3, 3, True)
    around = pbits.IsingModel.from_edges(9, grid.edges(), 0.4, np.full(9, 0.1))
    machine = Array(rules="G4", rows=3, columns=3, torus=True, colouring="forced")
    report = measure_law(machine, around, draws=200_000)
    assert report.kind == "stationary"
    assert report.distance <= report.allowed
    law = stationary(transition(around, "phases", phases=[[0, 2, 4, 6, 8], [1, 3, 5, 7]]))
    assert total_variation(law, pbits.exact(around).probabilities) > 5 * report.allowed


def test_what_is_forced_and_needs_not_be_is_boltzmann():
    machine = Array(rules=KINGS, rows=4, columns=4, colouring="forced")
    program = machine.compile(RING, SCHEDULE)
    assert program.law(1.0).kind == "boltzmann"
    assert "harms" not in pbits.run(RING, machine, SCHEDULE, seed=1).record["notes"]
    # A coupling to a cell that is held joins nothing that moves.
    held = pbits.run(TRIANGLE, machine, SCHEDULE, seed=1, clamp={1: -1})
    assert "harms" not in held.record["notes"]


# Cells that differ


def test_relaxation_times_of_a_chip_slow_mixing_cell_by_cell_and_leave_the_law():
    machine = small(phase_s=5e-9, tau_s=1e-8, tau_sigma_d2d=0.8)
    report = measure_law(machine, RING, draws=100_000)
    assert report.kind == "boltzmann"
    assert report.distance <= report.allowed * 2.5 / MARGIN
    schedule = pbits.Schedule(n_samples=1000, n_warmup=200, chains=400)
    run = pbits.run(RING, machine, schedule, seed=6, chip_seed=3)
    z = np.log(np.log(np.array(cells_of(machine, chip_seed=3))) / -0.5) / -0.8
    told = run.record["notes"]["persistence_of_cells"]
    assert told == {"lowest": pytest.approx(min(np.exp(-0.5 * np.exp(-0.8 * z)))), "highest": pytest.approx(
        max(np.exp(-0.5 * np.exp(-0.8 * z))))}  # fmt: skip
    T = transition(RING, "phases", phases=colour_classes(RING), persistence=cells_of(machine, chip_seed=3))
    law = stationary(T)
    np.testing.assert_allclose(law, pbits.exact(RING).probabilities, atol=1e-12)
    alike = transition(RING, "phases", phases=colour_classes(RING), persistence=math.exp(-0.5))
    for site in range(4):
        spins = pbits.exact(RING).states[:, site]
        expected = exact_tau_int(T, law, spins)
        found = tau_int(run.states[..., site])
        # As above; four sites, one false alarm in 10⁴.
        assert abs(found / expected - 1) < 0.01 + 4.5 * math.sqrt(20 * expected / run.n_samples)
    # The slowest cell alone decides what the array of equal cells would not show.
    slowest = int(np.argmax(cells_of(machine, chip_seed=3)))
    spins = pbits.exact(RING).states[:, slowest]
    assert exact_tau_int(T, law, spins) > 1.3 * exact_tau_int(alike, law, spins)


def cells_of(machine, chip_seed):
    program = machine.compile(RING, SCHEDULE, chip_seed=chip_seed)
    return list(program._scan.persistence)


def test_one_chip_is_one_chip_wherever_a_model_lies():
    machine = small(phase_s=5e-9, tau_s=1e-8, tau_sigma_d2d=0.5)
    assert cells_of(machine, 1) == cells_of(machine, 1) != cells_of(machine, 2)
    pair = pbits.IsingModel([[0, 1], [1, 0]])
    placed = machine.compile(pair, SCHEDULE, chip_seed=1, cells=np.array([1, 0]))
    assert list(placed._scan.persistence) == cells_of(machine, 1)[1::-1]


MISMATCHED = {
    "offset": ({"offset_sigma_d2d": 0.3}, True),
    "slope": ({"slope_sigma_d2d": 0.3}, True),
    "leak": ({"effects": [effects.LeakMismatch(swing=12.0, median=0.1, sigma_d2d=0.5)], "supply_swing": 12.0}, True),
    "reference": ({"effects": [effects.LimitedDac(bits=5, full_scale=1.0, full_scale_sigma_d2d=0.1)]}, True),
    "stuck": ({"effects": [effects.StuckCells(share=0.7)]}, True),
    "weight bits": ({"weight_bits": 3, "full_scale": 0.7}, False),
    "droop": ({"effects": [effects.SupplyDroop(swing=4.0, share=0.1)]}, False),
    "temperature": ({"effects": [effects.TemperatureDrift(offset_k=30.0)]}, False),
}


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
@pytest.mark.parametrize(("options", "of_chip"), MISMATCHED.values(), ids=MISMATCHED)
def test_an_effect_moves_what_is_held_and_a_chip_keeps_it(options, of_chip):
    machine = small(**options)
    held = {seed: machine.compile(RING, SCHEDULE, chip_seed=seed).realised(1.0).fingerprint() for seed in range(4)}
    again = machine.compile(RING, SCHEDULE, chip_seed=2).realised(1.0).fingerprint()
    assert again == held[2]
    assert (len(set(held.values())) > 1) == of_chip
    assert RING.fingerprint() not in held.values()
    schedule = pbits.Schedule(n_samples=300, n_warmup=50, steps_per_sample=3, chains=300)
    run = pbits.run(RING, machine, schedule, seed=1, chip_seed=2)
    assert run.realised.fingerprint() == again
    assert run.errors.mapping > 0.005
    assert run.errors.sampling < run.errors.allowed


def test_unequal_slopes_and_unsettled_inputs_have_a_law_together():
    machine = unsettled(0.3, slope_sigma_d2d=0.4)
    schedule = pbits.Schedule(n_samples=150, n_warmup=50, steps_per_sample=2, chains=2000)
    with pytest.warns(HarmWarning, match="no longer mutual"):
        run = pbits.run(CHAIN, machine, schedule, seed=4)
    assert isinstance(run.realised, DirectedModel)
    truth = stationary_of(run.realised, 1.0, law_of(machine).rule).probabilities
    tells = truth / pbits.exact(CHAIN).probabilities - 1
    mean, error = means(run, tells)
    assert abs(mean - truth @ tells) < 4.5 * error


def test_misread_states_steer_nothing_and_noise_has_no_law():
    assert not small(effects=[effects.ReadoutFlips(rate=0.1)]).capabilities.steers
    noisy = unsettled(0.3, effects=[effects.OffsetNoise(sigma=0.2, low=0.01, high=0.1)])
    assert noisy.compile(RING, SCHEDULE).law(1.0).kind == "unknown"
    assert pbits.run(RING, noisy, SCHEDULE, seed=1).states.shape == (2, 10, 4)


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (effects.OffsetMismatch(offsets=[0.1] * 9), "offsets of OffsetMismatch tell of 9 cells and the array has 16"),
        (effects.SlopeMismatch(alphas=[1.0] * 17), "alphas of SlopeMismatch tell of 17 cells"),
        (effects.StuckCells(cells={16: 1}), "StuckCells names cell 16 and the array has 16 from 0"),
    ],
)
def test_an_effect_of_another_array_is_refused(effect, message):
    with pytest.raises(ValueError, match=message):
        small(effects=[effect])


def test_effects_agree_with_the_array_on_its_voltages():
    leaky = effects.LeakMismatch(swing=4.0, median=0.1)
    with pytest.raises(ValueError, match="LeakMismatch has a swing of 4 and the array a supply_swing of 12"):
        small(effects=[leaky], supply_swing=12.0)
    with pytest.raises(TypeError, match="effects hold 0.3"):
        small(effects=[0.3])


# Limits


def test_the_cap_names_the_beta_that_fits():
    machine = small(max_coupling=1.5)
    with pytest.raises(pbits.NotMappable, match=r"β\|J\| reaches 1.8 .* at most 1.5; β ≤ 2.5 would fit"):
        machine.compile(RING, pbits.Schedule(beta=3.0))
    machine.compile(RING, pbits.Schedule(beta=2.5))
    with pytest.raises(pbits.NotMappable, match=r"β ≤ 2\.5 would fit"):
        machine.compile(RING, pbits.Schedule.anneal(beta_start=0.1, beta_stop=2.6))


def test_the_legs_of_a_cell_name_the_beta_that_fits():
    machine = small(supply_swing=6.0)
    # Site 0: 4 (0.6 + 0.6 + 0.2) = 5.6 at β = 1.
    assert machine.limits(RING, pbits.Schedule(beta=6.0 / 5.6)) == []
    (reason,) = machine.limits(RING, pbits.Schedule(beta=1.2))
    assert reason == "Σ 4β|J| + 4β|h| of a site reaches 6.72 and V_dd/V_s is 6; β ≤ 1.07 would fit"
    # A held neighbour without a wire is a bias, and pulls too.
    far = pbits.IsingModel.from_edges(5, [(0, 1), (4, 0), (4, 3), (4, 1), (4, 2)], [0.5, 1.1, 1.1, 1.1, 1.1])
    with pytest.raises(pbits.NotMappable, match="reaches 6.4 and"):
        machine.compile(far, SCHEDULE, clamp={4: 1})
    with pytest.raises(pbits.NotMappable, match="β ≤ 1.07 would fit"):
        machine.compile(RING, pbits.Schedule(chains=2, ladder=(1.0, 1.3)))


def test_more_sizes_of_couplings_than_parameters_cannot_be_shared():
    chain = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0.6, -0.6, 0.3, 0.31])
    assert small(coupling_parameters=3).limits(chain, SCHEDULE) == []
    (reason,) = small(coupling_parameters=2).limits(chain, SCHEDULE)
    assert "its couplings have 3 sizes and the number of coupling parameters is 2" in reason
    # Four bits make 0.3 and 0.31 one code of 0.1.
    assert small(coupling_parameters=2, weight_bits=4, full_scale=0.7).limits(chain, SCHEDULE) == []
    assert (
        small(coupling_parameters=2, effects=[effects.LimitedDac(bits=4, full_scale=0.7)]).limits(chain, SCHEDULE) == []
    )


def test_programmings_are_refused_that_come_too_soon():
    machine = small(phase_s=1e-6, program_s=1e-3, max_reflash_hz=100.0)
    # A programming can be had every 10 ms: 1 ms of programming and 4500 sweeps of 2 µs.
    assert machine.limits(RING, pbits.Schedule(n_samples=5)) == []
    anneal = pbits.Schedule.anneal(sweeps=18_000, levels=4, chains=2)
    assert machine.limits(RING, anneal) == []
    (reason,) = machine.limits(RING, pbits.Schedule.anneal(sweeps=18_000, levels=5, chains=2))
    assert reason == (
        "β changes every 3,600 sweeps, after 0.0082 s with the programming, and the chip can be programmed once in "
        "0.01 s; 4,500 sweeps between would fit, or 4 levels in these 18,000 sweeps"
    )
    (reason,) = machine.limits(RING, pbits.Schedule.anneal(sweeps=100, chains=2))
    assert "every 1 sweep," in reason
    assert reason.endswith("or 1 level in these 100 sweeps")
    # A machine that takes as long to be programmed as it must rest waits, and refuses nothing.
    paced = small(phase_s=1e-6, program_s=1.0, max_reflash_hz=1.0)
    assert paced.limits(RING, pbits.Schedule.anneal(sweeps=100, chains=2)) == []


class Programs(pbits.steering.Policy):
    reprograms = True

    def __init__(self, every):
        self.every = every

    def __call__(self, now):
        return None


class Looks(Programs):
    reprograms = False


def test_a_policy_that_programs_too_soon_is_refused_before_it_runs():
    machine = small(phase_s=1e-6, program_s=1e-3, max_reflash_hz=400.0)
    schedule = pbits.Schedule(n_samples=1, n_warmup=749, chains=2)
    with pytest.raises(
        pbits.NotMappable, match=r"what is held changes every 749 sweeps, .* 750 sweeps between would fit"
    ):
        pbits.run(RING, machine, schedule, seed=1, steer=Programs(749))
    pbits.run(RING, machine, schedule, seed=1, steer=Programs(750))
    # Four copies of the ring fill the array: a fifth chain takes turns, and each turn has its own β.
    five = pbits.Schedule(n_samples=1, chains=5, ladder=(0.2, 0.4, 0.6, 0.8, 1.0))
    with pytest.raises(pbits.NotMappable, match="every 10 sweeps, .* or at most 4 chains"):
        pbits.run(RING, machine, five, seed=1, steer=Looks(10))
    four = pbits.Schedule(n_samples=1, chains=4, ladder=(0.2, 0.4, 0.6, 0.8))
    pbits.run(RING, machine, four, seed=1, steer=Looks(10))


def test_all_limits_are_told_at_once():
    machine = small(
        phase_s=1e-6, program_s=1e-3, max_reflash_hz=100.0, supply_swing=4.0, max_coupling=1.0, coupling_parameters=1
    )
    posed = pbits.IsingModel.from_edges(16, [(0, 1), (0, 9)], [1.0, 0.5])
    reasons = machine.limits(posed, pbits.Schedule.anneal(sweeps=10, beta_stop=2.0))
    found = ("machine's wires", "β ≤ 1 would", "V_dd/V_s", "2 sizes", "1 level")
    for part in found:
        assert sum(part in reason for reason in reasons) == 1, (part, reasons)


def test_degree_and_cells_are_refused_with_numbers_and_all_at_once():
    z1 = pbits.load("extropic-z1")
    star = pbits.IsingModel.from_edges(18, [(0, k) for k in range(1, 18)], 8.0)
    assert z1.limits(star, SCHEDULE)[0] == "a site has 17 neighbours and the machine wires 16"
    assert any("holds at most 6; β ≤ 0.75 would fit" in text for text in z1.limits(star, SCHEDULE))
    many = pbits.IsingModel.from_edges(269_569, [(0, 1)], 1.0)
    assert "the model has 269,569 sites and the machine 269,568" in z1.limits(many)


def test_a_coupling_off_the_wires_is_refused():
    with pytest.raises(pbits.NotMappable, match="do not lie on the machine's wires") as refused:
        small().compile(pbits.IsingModel.from_edges(3, [(0, 1), (1, 2), (0, 2)], 1.0), SCHEDULE)
    # One rule makes no clique, so there is no embedding to be advised.
    assert "embedded:" not in str(refused.value)
    with pytest.raises(pbits.NotMappable, match="2 couplings of the given placement"):
        small().compile(RING, SCHEDULE, cells=np.array([0, 1, 4, 12]))


def test_a_torus_wires_its_edges_and_an_open_grid_does_not():
    around = pbits.IsingModel.from_edges(16, Grid.named("G4", 4, 4, True).edges(), 1.0)
    machine = small(torus=True)
    assert pbits.run(around, machine, SCHEDULE, seed=1).record["notes"]["phases_per_sweep"] == 2
    with pytest.raises(pbits.NotMappable, match="wires"):
        small().compile(around, SCHEDULE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 4, "cols": 5}, "columns is 4 and cols is 5"),
        ({"phase_s": 0.0}, "phase_s is 0.0"),
        ({"phase_s": math.nan}, "phase_s"),
        ({"phase_s": 1e-9, "tau_s": -1.0}, "tau_s is -1.0"),
        ({"phase_s": 1e-9, "tau_s": math.inf}, "tau_s is inf"),
        ({"phase_s": 1e-30, "tau_s": 1.0}, "no cell would ever move"),
        ({"tau_s": 1e-9}, "tau_s needs phase_s"),
        ({"tau_bias_s": 1e-9}, "tau_bias_s needs phase_s"),
        ({"phase_s": 1e-9, "tau_bias_s": 0.0}, "tau_bias_s is 0.0"),
        ({"phase_s": 1e-30, "tau_bias_s": 1.0}, "short beside tau_bias_s = 1.0 s"),
        ({"phase_s": 1e-9, "tau_sigma_d2d": 0.1}, "tau_sigma_d2d needs tau_s"),
        ({"phase_s": 1e-9, "tau_s": 1e-9, "tau_sigma_d2d": -0.1}, "tau_sigma_d2d is -0.1"),
        ({"supply_swing": 0.0}, "supply_swing is 0.0; V_dd/V_s"),
        ({"coupling_parameters": 0}, "coupling_parameters is 0"),
        ({"max_reflash_hz": math.inf}, "max_reflash_hz is inf"),
        ({"weight_bits": 4}, "weight_bits needs full_scale"),
        ({"weight_bits": 1, "full_scale": 1.0}, "bits is 1"),
        ({"full_scale": 1.0}, "full_scale is that of weight_bits"),
        ({"slope_sigma_d2d": math.nan}, "sigma_d2d is nan"),
        ({"colouring": "none"}, "colouring is 'none'; it must be one of checkerboard, forced"),
        ({"program_s": -1.0}, "program_s is -1.0"),
        ({"read_s": math.inf}, "read_s is inf"),
        ({"max_coupling": -1.0}, "max_coupling is -1.0"),
        ({"max_coupling": math.nan}, "max_coupling is nan"),
        ({"offset_sigma_d2d": -0.1}, "sigma_d2d is -0.1"),
        ({"rules": ((1, 1),)}, "needs a \\+ b odd"),
        ({"rules": "G4", "rows": 5, "columns": 4, "torus": True}, "even sides"),
        ({"rules": "G4", "rows": 4, "columns": 5, "torus": True}, "even sides"),
        ({"rules": "G8", "rows": 2, "torus": True}, "two wires of a cell end in one: sides of 10 would fit"),
        ({"rules": "G4", "rows": 2, "torus": True, "colouring": "forced"}, "sides of 4 would fit"),
        ({"rules": "G13"}, "no grid rules are named 'G13'"),
        ({"rows": 0}, "is empty"),
        ({"rules": ((0, 0),)}, "other than"),
    ],
)
def test_constructor_errors(options, message):
    with pytest.raises(ValueError, match=message):
        Array(**options)


def test_cols_is_columns():
    assert Array(rows=3, cols=9).capabilities.topology == Array(rows=3, columns=9).capabilities.topology


# The whole chip


def wires(grid):
    """`grid.edges()` of an open grid, by slices."""
    cells = np.arange(grid.n_sites).reshape(grid.rows, grid.columns)
    pairs = []
    for a, b in grid.steps:
        if (b, a) > (0, 0):
            here = cells[: grid.rows - b, max(0, -a) : grid.columns - max(0, a)]
            there = cells[b:, max(0, a) : grid.columns + min(0, a)]
            pairs.append(np.column_stack([here.ravel(), there.ravel()]))
    return np.concatenate(pairs)


def peak_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_chip_of_the_size_of_z1_builds_and_sweeps():
    z1 = pbits.load("extropic-z1")
    grid = z1.capabilities.topology
    assert (grid.n_sites, grid.max_degree) == (269_568, 16)
    edges = wires(grid)
    weights = np.random.default_rng(0).choice([-0.2, 0.2], size=len(edges))
    before, began = peak_bytes(), time.perf_counter()
    model = pbits.IsingModel.from_edges(grid.n_sites, edges, weights)
    assert (model.degrees.min(), model.degrees.max()) == (5, 16)
    run = pbits.run(model, z1, pbits.Schedule(n_samples=2, n_warmup=1, chains=2), seed=1)
    # Generous: some seconds on one core, and some hundred bytes a coupling.
    assert time.perf_counter() - began < 60
    assert peak_bytes() - before < 500 * model.n_couplings
    assert run.counts["update"] == 3 * 2 * 269_568
    assert run.counts["weight_read"] == 3 * 2 * 2 * model.n_couplings
    # One copy fills the chip, so two chains are two batches; a sweep is two phases of 10 ns.
    assert run.phases["sweeping"] == pytest.approx(3 * 2 * 2 * 10e-9, rel=1e-12)
    assert run.phases["read-out"] == pytest.approx(2 * 2 * 25e-6, rel=1e-12)
    assert run.phases["programming"] == pytest.approx(1.0)
    assert run.counts["write"] == 269_568


EDGES = {
    "G8": (18_768, 19_600),
    "G12": (26_088, 29_400),
    "G16": (33_412, 39_200),
    "G20": (41_988, 49_000),
    "G24": (51_372, 58_800),
    "Z1": (37_264, 39_200),
}


@pytest.mark.parametrize("torus", [False, True], ids=["open", "torus"])
@pytest.mark.parametrize("rules", EDGES)
def test_every_pattern_is_a_checkerboard_that_sweeps(rules, torus):
    machine = Array(rules=rules, rows=70, torus=torus, phase_s=1e-8, tau_s=1e-8, tau_bias_s=4e-9)
    edges = machine.capabilities.topology.edges()
    assert len(edges) == EDGES[rules][torus]
    model = pbits.IsingModel.from_edges(4900, edges, 0.1)
    run = pbits.run(model, machine, pbits.Schedule(n_samples=2, n_warmup=0, chains=1), seed=1)
    assert run.record["notes"]["phases_per_sweep"] == 2
    assert "harms" not in run.record["notes"]


# A file


def described(tmp_path, **parameters):
    numbers = "".join(
        f"{key} = {value}\n" if key in ("rules", "torus", "colouring")
        else f'{key} = {{ value = {value}, evidence = "assumed", note = "for a test" }}\n'
        for key, value in parameters.items()
    )  # fmt: skip
    path = tmp_path / "an-array.toml"
    text = (
        'schema = 1\nname = "an-array"\ntitle = "An array"\nphysics = "gibbs"\ndate = "2026-11-22"\n'
        f'description = "For a test."\n[parameters]\n{numbers}'
    )
    path.write_text(text, "utf-8")
    return pbits.load(path)


def test_a_file_states_all_of_it(tmp_path):
    machine = described(
        tmp_path, rules='"G8"', rows=8, columns=6, torus="false", colouring='"forced"', phase_time='"10 ns"',
        tau_rng='"20 ns"', tau_sigma_d2d=0.1, tau_bias='"5 ns"', max_coupling=2, supply_swing=40,
        coupling_parameters=9, max_reflash_rate='"2 Hz"', weight_bits=8, full_scale=1.5, offset_sigma_d2d=0.1,
        slope_sigma_d2d=0.1, program_time='"500 ms"', read_time='"25 µs"',
    )  # fmt: skip
    assert [text.split(":")[0] for text in machine.capabilities.unchecked] == [
        "its wires share 9 coupling parameters; which share one is not published"
    ]
    program = machine.compile(RING, SCHEDULE)
    assert program.law(1.0).rule["memory"] == pytest.approx(math.exp(-2))
    assert len(set(program.law(1.0).rule["persistence"])) == 4
    assert machine.compile(RING, pbits.Schedule.anneal(sweeps=10, beta_stop=2.0))
    assert [type(effect).__name__ for effect in machine._effects] == ["LimitedDac", "OffsetMismatch", "SlopeMismatch"]
    with pytest.raises(CatalogueError, match="tau_bais"):
        described(tmp_path, rules='"G8"', rows=8, columns=6, tau_bais='"5 ns"')
    assert len(described(tmp_path, rules='"G8"', rows=8, columns=6).capabilities.unchecked) == 5


def test_copies_are_not_programmed_to_swap_faster_than_the_chip_can():
    """Programming takes less time here than a frame of states, and yet states are swapped."""
    times = {"phase_s": 1e-6, "program_s": 1e-6, "read_s": 1e-4}
    model = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0.2, -0.3, 0.2, 0.2], [0.1, 0, 0, 0])
    swaps = {}
    for limit in (None, 100):
        machine = Array(rules="G4", rows=4, max_reflash_hz=limit, **times)
        done = temper(model, machine, betas=[0.1, 0.5, 0.8, 1.0], sweeps=400, seed=1).run
        swaps[limit] = done.record["notes"]["steering"]["swaps"]
        assert (done.phases["programming"] == pytest.approx(1e-6)) == (limit == 100)
    assert "programmed" in swaps[None]
    assert swaps[100] == "states are swapped between copies"


def test_batches_are_programmed_no_faster_than_the_chip_can():
    machine = Array(rules="G4", rows=2, columns=2, phase_s=1e-6, program_s=1e-3, read_s=1e-4, max_reflash_hz=100)
    ladder = pbits.Schedule(n_samples=1, n_warmup=0, chains=3, ladder=(1, 0.9, 0.8))
    with pytest.raises(pbits.NotMappable, match=r"the batch changes every 1 sweep.*4,500 sweeps between"):
        pbits.run(RING, machine, ladder, seed=1)
    alone = pbits.Schedule(n_samples=1, n_warmup=0, chains=3)
    assert pbits.run(RING, machine, alone, seed=1).phases["programming"] == pytest.approx(1e-3)
    slow = pbits.Schedule(n_samples=1, n_warmup=4500, chains=3, ladder=(1, 0.9, 0.8))
    assert pbits.run(RING, machine, slow, seed=1).phases["programming"] == pytest.approx(3e-3)
