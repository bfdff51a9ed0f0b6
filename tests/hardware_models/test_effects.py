from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import pbits
from hardware_models.effects import (
    FixedPointCouplings,
    LeakMismatch,
    LimitedDac,
    OffsetMismatch,
    OffsetNoise,
    SlopeMismatch,
    StuckCells,
    SupplyDroop,
    TemperatureDrift,
)
from hardware_models.pbit import Array
from pbits.errors import law_table
from pbits.mapping import FixedPoint
from pbits.reference import stationary, total_variation, transition_of
from pbits.streams import Streams

pytestmark = pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")

CHIP = Streams(seed=0, chip_seed=3)
CELLS = np.arange(3)
TRIANGLE = pbits.IsingModel.from_edges(3, [(0, 1), (0, 2), (1, 2)], [0.3, -0.8, 9.0], [0.1, -0.26, 0.0], 2.5)


def offsets(n, chip_seed=3, sigma=0.4, cells=None, beta=1.0):
    """δ of the cells, as the effect shows it on n free p-bits."""
    model = pbits.IsingModel.from_edges(n, np.empty((0, 2), dtype=int), [])
    cells = np.arange(n) if cells is None else np.array(cells)
    held, _ = OffsetMismatch(sigma_d2d=sigma).realise(model, beta, cells, Streams(seed=0, chip_seed=chip_seed))
    return beta * held.h


def test_fixed_point_rounds_beta_j_by_hand():
    # Four bits, one behind the point: βJ and βh in −4, −3.5 … 3.5. At β = 2, βJ = 0.6, −1.6, 18 and
    # βh = 0.2, −0.52, 0.
    effect = FixedPointCouplings(number=FixedPoint(total_bits=4, fraction_bits=1))
    held, notes = effect.realise(TRIANGLE, 2.0, CELLS, CHIP)
    np.testing.assert_allclose(held.edges()[2], [0.25, -0.75, 1.75], rtol=1e-15)
    np.testing.assert_allclose(held.h, [0.0, -0.25, 0.0], rtol=1e-15)
    assert held.offset == 2.5
    found = notes["fixed_point"]
    assert (found["numbers"], found["saturated"], found["rounded_to_zero"]) == (6, 1, 1)
    assert found["largest_error_in_beta_j"] == pytest.approx(14.5)
    assert found["step_in_beta_j"] == 0.5


def test_a_coupling_that_rounds_to_nothing_is_no_coupling():
    effect = FixedPointCouplings(number=FixedPoint(fraction_bits=0))
    held, notes = effect.realise(TRIANGLE, 0.5, CELLS, CHIP)
    assert held.n_couplings == 1
    assert notes["fixed_point"]["rounded_to_zero"] == 4


def test_at_beta_zero_nothing_is_left_to_round():
    effect = FixedPointCouplings(number=FixedPoint(total_bits=2, fraction_bits=0))
    assert effect.realise(TRIANGLE, 0.0, CELLS, CHIP)[0] is TRIANGLE


@given(beta=st.floats(0.01, 20), bits=st.integers(0, 12), seed=st.integers(0, 99))
def test_without_saturation_no_number_is_off_by_more_than_half_a_step(beta, bits, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(4, 4)), 1)
    model = pbits.IsingModel(J + J.T, rng.normal(size=4))
    held, notes = FixedPointCouplings(number=FixedPoint(fraction_bits=bits)).realise(model, beta, np.arange(4), CHIP)
    error = beta * np.abs(held.csr.toarray() - model.J)
    half = 0.5 * 2.0**-bits * (1 + 1e-9) + 1e-12
    assert error.max() <= half
    assert beta * np.abs(held.h - model.h).max() <= half
    assert notes["fixed_point"]["saturated"] == 0


def test_an_offset_is_an_error_of_the_input_whatever_beta_is():
    np.testing.assert_allclose(offsets(5, beta=0.1), offsets(5, beta=4.0), rtol=1e-12)
    held, notes = OffsetMismatch(sigma_d2d=0.4).realise(TRIANGLE, 2.0, CELLS, CHIP)
    np.testing.assert_allclose(held.h, TRIANGLE.h + offsets(3) / 2, rtol=1e-14)
    assert (held.J != TRIANGLE.J).nnz == 0
    assert notes == {}


def test_a_spread_scales_one_chip():
    np.testing.assert_allclose(offsets(6, sigma=0.8), 2 * offsets(6, sigma=0.4), rtol=1e-15)


def test_offsets_have_the_spread_that_was_asked_for():
    # 40,000 draws: the standard deviation is known to 0.35 %, the mean to 0.002; five of each.
    found = offsets(40_000, sigma=0.4)
    assert abs(found.std() / 0.4 - 1) < 5 / np.sqrt(80_000)
    assert abs(found.mean()) < 5 * 0.4 / 200


def test_offsets_belong_to_the_cells_of_a_chip():
    chip = offsets(10)
    np.testing.assert_array_equal(offsets(10), chip)
    assert not np.isclose(offsets(10, chip_seed=4), chip).any()
    np.testing.assert_array_equal(offsets(3), chip[:3])
    np.testing.assert_array_equal(offsets(3, cells=[7, 2, 9]), chip[[7, 2, 9]])


def test_offsets_at_beta_zero_are_refused():
    with pytest.raises(ValueError, match="take a small β"):
        OffsetMismatch(sigma_d2d=0.1).realise(TRIANGLE, 0.0, CELLS, CHIP)


@pytest.mark.parametrize("sigma", [-0.1, np.nan, np.inf])
def test_a_spread_that_cannot_be_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma_d2d"):
        OffsetMismatch(sigma_d2d=sigma)


# ---- networks of p-bits: each effect moves the law by what it says ----

BETA = 0.8
NET = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 2), (2, 3)], [0.9, -0.6, 0.5, 0.7], [0.3, -0.2, 0.0, 0.4])
ALPHAS, DELTAS = np.array([1.5, 0.6, 1.2, 0.8]), np.array([0.3, -0.5, 0.2, 0.4])
STATES = pbits.exact(NET).states
INPUTS = STATES @ NET.csr.toarray() + NET.h


def clocked(up):
    """The law of p-bits that move in turn, given P(s_i = +1 | s)."""
    return stationary(transition_of(up, "sequential"))


def boltzmann(model=NET, beta=BETA, clamp=None):
    """In the order of all 16 states."""
    law = pbits.exact(model, beta, clamp)
    shares = np.zeros(len(STATES))
    shares[(law.states > 0) @ [8, 4, 2, 1]] = law.probabilities
    return shares


def dac_by_hand():
    # Three codes each way, 0.2 of βJ apart: βJ = 0.72, −0.48, 0.4, 0.56 and βh = 0.24, −0.16, 0, 0.32.
    couplings, fields = np.array([0.6, -0.4, 0.4, 0.6]), np.array([0.2, -0.2, 0.0, 0.4])
    return boltzmann(pbits.IsingModel.from_edges(4, EDGES, couplings, fields), 1.0)


def cells_by_hand(reference=2.0, supply=4.0, leaks=(0, 0, 0, 0)):
    """The law of cells whose reference φ is given, of a supply and leaks: V_b from the resistors, then σ(V_b/V_s − φ).

    The legs were set for a supply of 4 V_s.
    """
    gamma = 0.5 + 2 * BETA * INPUTS / 4
    return clocked(1 / (1 + np.exp(reference - supply * gamma / (1 + np.array(leaks)))))


LEAKS, DROOPS = [0.0, 0.2, 0.05, 0.1], [0.1, 0.0, 0.15, 0.05]
EDGES = np.column_stack(NET.edges()[:2])
CASES = {
    "offsets": ((OffsetMismatch(offsets=DELTAS),), clocked(0.5 * (1 + np.tanh(BETA * INPUTS + DELTAS)))),
    "slopes": ((SlopeMismatch(alphas=ALPHAS),), clocked(0.5 * (1 + np.tanh(ALPHAS * BETA * INPUTS)))),
    "both": (
        (OffsetMismatch(offsets=DELTAS), SlopeMismatch(alphas=ALPHAS)),
        clocked(0.5 * (1 + np.tanh(ALPHAS * (BETA * INPUTS + DELTAS)))),
    ),
    "leaks": ((LeakMismatch(swing=4, leaks=LEAKS),), cells_by_hand(leaks=LEAKS)),
    "droop": ((SupplyDroop(swing=4, share=0.1),), cells_by_hand(supply=3.6)),
    "droops": ((SupplyDroop(swing=4, share=0.05, shares=DROOPS),), cells_by_hand(supply=3.8 - 4 * np.array(DROOPS))),
    "tracked": ((SupplyDroop(swing=4, share=0.3, tracks=True),), cells_by_hand(reference=1.4, supply=2.8)),
    "dac": ((LimitedDac(bits=3, full_scale=0.6),), dac_by_hand()),
    "stuck": ((StuckCells(cells={1: -1, 3: 1}),), boltzmann(clamp={1: -1, 3: 1})),
    "temperature": ((TemperatureDrift(programmed_k=300, offset_k=200),), boltzmann(beta=BETA * 0.6)),
}


def p_value(states, law):
    """Of independent draws from a law, by chi-square over the states it does not all but exclude."""
    counts = np.bincount((states > 0) @ [8, 4, 2, 1], minlength=16)
    likely = law * len(states) > 5
    if counts[~likely].sum() > 20 + 5 * law[~likely].sum() * len(states):
        return 0.0
    return chisquare(counts[likely], law[likely] / law[likely].sum() * counts[likely].sum()).pvalue


@pytest.mark.parametrize("name", CASES)
def test_the_law_moves_by_the_stated_amount(name):
    effects, law = CASES[name]
    machine = Array(update="sequential", effects=effects)
    program = machine.compile(NET, pbits.Schedule(beta=BETA))
    of_program = program.law(BETA)
    np.testing.assert_allclose(law_table(of_program, 4), law, rtol=0, atol=1e-12)
    assert of_program.kind == ("stationary" if name in ("slopes", "both", "leaks", "droops") else "boltzmann")
    # 20,000 chains, each read once: independent draws. A false alarm in a million.
    schedule = pbits.Schedule.anneal(sweeps=30, beta_start=BETA, beta_stop=BETA, levels=1, chains=20_000)
    states = pbits.run(NET, machine, schedule, seed=5).states[:, 0]
    assert p_value(states, law) > 1e-6
    assert p_value(states, boltzmann()) < 1e-6
    assert total_variation(law, boltzmann()) > 0.05


def test_slopes_alike_are_another_temperature_and_stay_boltzmann():
    held, notes = SlopeMismatch(alphas=[0.5] * 4).realise(NET, BETA, np.arange(4), CHIP)
    assert isinstance(held, pbits.IsingModel)
    np.testing.assert_allclose(held.J.toarray(), 0.5 * NET.J.toarray())
    assert notes["harms"] == []


def test_slopes_have_the_spread_that_was_asked_for():
    # 20,000 draws: the spread is known to 0.5 %, the median to 0.7 % of it; five of each.
    free = pbits.IsingModel.from_edges(20_000, np.empty((0, 2), dtype=int), [], np.ones(20_000))
    found = np.log(SlopeMismatch(sigma_d2d=0.3).realise(free, 1.0, np.arange(20_000), CHIP)[0].h)
    assert abs(found.std() / 0.3 - 1) < 5 / np.sqrt(40_000)
    assert abs(found.mean()) < 5 * 0.3 / np.sqrt(20_000)


def test_leaks_are_lognormal_and_belong_to_the_cells_of_a_chip():
    # βI = 0, so βI' = −λ/(1 + λ) · swing/4. 20,000 draws: the spread is known to 0.5 %, the median to 0.7 % of it; five
    # of each.
    free = pbits.IsingModel.from_edges(20_000, np.empty((0, 2), dtype=int), [])

    def leaks(cells, chip_seed=3):
        effect = LeakMismatch(swing=8, median=0.02, sigma_d2d=0.5, leaks=np.full(20_000, 0.001))
        streams = Streams(seed=0, chip_seed=chip_seed)
        model = pbits.IsingModel.from_edges(len(cells), np.empty((0, 2), dtype=int), [])
        delta = -effect.realise(model, 1.0, cells, streams)[0].h / 2
        return delta / (1 - delta)

    chip = leaks(np.arange(free.n))
    drawn = np.log((chip - 0.001) / 0.02)
    assert abs(drawn.std() / 0.5 - 1) < 5 / np.sqrt(40_000)
    assert abs(drawn.mean()) < 5 * 0.5 / np.sqrt(20_000)
    some = np.array([7, 2, 9])
    np.testing.assert_allclose(leaks(some), chip[some], rtol=1e-12)
    assert not np.isclose(leaks(some, chip_seed=4), chip[some]).any()


@pytest.mark.parametrize("name", ["leaks", "droop", "tracked"])
def test_what_a_cell_loses_is_an_error_of_its_voltage_whatever_beta_is(name):
    (effect,) = CASES[name][0]
    hot, cold = (beta * effect.realise(NET, beta, np.arange(4), CHIP)[0].h for beta in (1e-9, 2e-9))
    if name == "tracked":
        np.testing.assert_allclose(cold, 2 * hot)
    else:
        np.testing.assert_allclose(cold, hot, atol=1e-8)
        assert hot.min() < -0.08


def test_a_leak_harms_as_unequal_slopes_do_and_a_common_droop_does_not():
    _, notes = LeakMismatch(swing=4, leaks=LEAKS).realise(NET, BETA, np.arange(4), CHIP)
    assert "no longer mutual" in notes["harms"][0]
    assert notes["leaks"] == {"mean": pytest.approx(0.0875), "largest": 0.2}
    held, notes = SupplyDroop(swing=4, share=0.1).realise(NET, BETA, np.arange(4), CHIP)
    assert isinstance(held, pbits.IsingModel)
    assert notes["harms"] == []
    assert SupplyDroop(swing=4, share=0.1, tracks=True).realise(NET, 0.0, np.arange(4), CHIP)[1]["harms"] == []


@pytest.mark.parametrize(
    "effect",
    [
        LeakMismatch(swing=4, median=0.1, sigma_d2d=0.5),
        SupplyDroop(swing=4, share=0.1),
        FixedPointCouplings(number=FixedPoint(fraction_bits=2)),
        LimitedDac(bits=4, full_scale=1.0, full_scale_sigma_d2d=0.1),
        OffsetMismatch(sigma_d2d=0.2),
        SlopeMismatch(sigma_d2d=0.2),
        StuckCells(share=0.5),
        TemperatureDrift(offset_k=30),
    ],
    ids=lambda effect: type(effect).__name__,
)
def test_a_directed_network_is_realised_row_by_row_like_a_mutual_one(effect):
    directed = pbits.DirectedModel(np.triu(NET.csr.toarray()), NET.h, 1.5)
    held, _ = effect.realise(directed, BETA, np.arange(4), CHIP)
    again, _ = effect.realise(directed, BETA, np.arange(4), CHIP)
    assert isinstance(held, pbits.DirectedModel)
    assert held.fingerprint() == again.fingerprint() != directed.fingerprint()
    assert held.offset == 1.5


def test_harms_are_counted():
    _, notes = LimitedDac(bits=3, full_scale=0.6).realise(NET, 2.0, np.arange(4), CHIP)
    # βJ = 1.8, −1.2, 1, 1.4 and βh = 0.6, −0.4, 0, 0.8, of which 0.8 lies a whole step beyond the full scale.
    assert notes["harms"] == ["4 of 4 couplings saturate", "1 of 4 fields saturate"]
    assert notes["dac"]["saturated"] == 5
    _, notes = FixedPointCouplings(number=FixedPoint(fraction_bits=0)).realise(NET, 0.8, np.arange(4), CHIP)
    assert notes["harms"] == ["2 of 4 couplings round to zero", "3 of 4 fields round to zero"]
    assert StuckCells(cells={2: 1}).realise(NET, 1.0, np.arange(4), CHIP)[1]["harms"] == ["1 of 4 p-bits are stuck"]
    assert "no longer mutual" in SlopeMismatch(sigma_d2d=0.1).realise(NET, 1.0, np.arange(4), CHIP)[1]["harms"][0]
    run = pbits.run(NET, Array(effects=[SlopeMismatch(sigma_d2d=0.1), StuckCells(cells={2: 1})]), seed=1)
    assert len(run.record["notes"]["harms"]) == 2


def test_one_chip_has_one_reference():
    gains = [
        LimitedDac(bits=8, full_scale=1.0, full_scale_sigma_d2d=0.1).realise(
            NET, BETA, np.arange(4), Streams(seed=0, chip_seed=chip)
        )[1]["dac"]["gain_of_this_chip"]
        for chip in (1, 1, 2)
    ]
    assert gains[0] == gains[1] != gains[2]


def test_stuck_cells_are_a_share_of_the_machine():
    # 40,000 cells, a tenth stuck: 4000 ± 60, half of them up; five of each.
    free = pbits.IsingModel.from_edges(40_000, np.empty((0, 2), dtype=int), [])
    stuck = StuckCells(share=0.1).realise(free, 1.0, np.arange(40_000), CHIP)[1]["stuck"]
    assert abs(len(stuck) - 4000) < 5 * 60
    assert abs(sum(stuck.values())) < 5 * np.sqrt(4000)


# ---- what moves during a run ----


def test_a_drifting_temperature_is_followed_step_by_step():
    # Chains start at random, and the exact law is carried through 12 sweeps that each are at another temperature.
    effect = TemperatureDrift(programmed_k=300, offset_k=-200, drift_k_per_step=200, hold=2)
    law = np.full(16, 1 / 16)
    for step in range(12):
        beta = BETA * 300 / effect.temperature_k(2 * (step // 2))
        law = law @ transition_of(0.5 * (1 + np.tanh(beta * INPUTS)), "sequential")
    schedule = pbits.Schedule.anneal(sweeps=12, beta_start=BETA, beta_stop=BETA, levels=1, chains=2000)
    machine = Array(update="sequential", effects=[effect])
    states = pbits.run(NET, machine, schedule, seed=3).states[:, 0]
    assert p_value(states, law) > 1e-6
    assert p_value(states, boltzmann(beta=BETA * 3)) < 1e-6
    found = machine.compile(NET, schedule).law(BETA)
    assert (found.kind, "TemperatureDrift" in found.note) == ("unknown", True)


def averaged(chance, sigma, n):
    """The mean of chance(offsets (n,)) over independent normal offsets."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    grid = np.array(list(product(range(15), repeat=n)))
    share = np.prod(weights[grid], axis=1) / weights.sum() ** n
    return sum(w * chance(sigma * nodes[places]) for w, places in zip(share, grid))


PAIR = pbits.IsingModel([[0, 0.5], [0.5, 0]], [0.8, -0.3])
PAIR_INPUTS = pbits.exact(PAIR).states @ PAIR.J + PAIR.h


def pair_p_value(states, law):
    counts = np.bincount((states.reshape(-1, 2) > 0) @ [2, 1], minlength=4)
    return chisquare(counts, law * counts.sum()).pvalue


def test_noise_slower_than_a_run_mixes_the_laws_of_its_offsets():
    machine = Array(update="sequential", effects=[OffsetNoise(sigma=1.0, low=1e-9, high=1e-9)])
    schedule = pbits.Schedule.anneal(sweeps=20, beta_start=1, beta_stop=1, levels=1, chains=3000)
    states = pbits.run(PAIR, machine, schedule, seed=7).states
    mixture = averaged(lambda d: pbits.exact(pbits.IsingModel(PAIR.J, PAIR.h + d)).probabilities, 1.0, 2)
    assert pair_p_value(states, mixture) > 1e-6
    assert pair_p_value(states, pbits.exact(PAIR).probabilities) < 1e-6


def test_noise_faster_than_a_step_averages_each_decision():
    machine = Array(update="sequential", effects=[OffsetNoise(sigma=1.5, low=5.0, high=5.0)])
    schedule = pbits.Schedule(n_samples=1000, n_warmup=10, steps_per_sample=3, chains=3)
    states = pbits.run(PAIR, machine, schedule, seed=7).states
    up = averaged(lambda d: 0.5 * (1 + np.tanh(PAIR_INPUTS + d[0])), 1.5, 1)
    assert pair_p_value(states, clocked(up)) > 1e-6
    assert pair_p_value(states, pbits.exact(PAIR).probabilities) < 1e-6


def test_noise_has_the_memory_of_its_octaves():
    noise = OffsetNoise(sigma=0.7, low=1 / 512, high=1 / 16, hold=2)
    free = pbits.IsingModel.from_edges(20_000, np.empty((0, 2), dtype=int), [])
    held = noise.wander(Streams(seed=4), chain=0)
    lags = [0, 2, 16, 128]
    at = {step: held(free, 1.0, step).h for step in lags}
    np.testing.assert_array_equal(held(free, 1.0, 129).h, at[128])
    for lag in lags:
        expected = 0.49 * np.mean(np.exp(-2 * np.pi * noise.corners * lag))
        # 20,000 products of two normal numbers: five standard errors of at most √2 · 0.49/√20,000.
        assert abs(np.mean(at[0] * at[lag]) - expected) < 5 * np.sqrt(2) * 0.49 / np.sqrt(20_000)


def test_the_spectrum_falls_as_one_over_f_between_the_corners_and_holds_the_variance():
    noise = OffsetNoise(sigma=0.7, low=1e-4, high=1e-1)
    middle = np.geomspace(1e-3, 1e-2, 30)
    slope = np.polyfit(np.log(middle), np.log(noise.spectrum(middle)), 1)[0]
    assert abs(slope + 1) < 0.03
    f = np.geomspace(1e-8, 1e3, 4000)
    assert np.trapezoid(noise.spectrum(f), f) == pytest.approx(0.49, rel=1e-3)
    assert OffsetNoise(sigma=0.1, low=1e-4, high=1e-2).every == 12


def test_noise_does_not_depend_on_how_a_run_is_looked_at():
    machine = Array(update="sequential", effects=[OffsetNoise(sigma=0.5, low=0.01, high=0.1, hold=3)])
    often = pbits.run(NET, machine, pbits.Schedule(n_samples=40, n_warmup=0, chains=3), seed=2)
    seldom = pbits.run(NET, machine, pbits.Schedule(n_samples=8, n_warmup=0, steps_per_sample=5, chains=3), seed=2)
    np.testing.assert_array_equal(often.states[:, 4::5], seldom.states)
    fewer = pbits.run(NET, machine, pbits.Schedule(n_samples=40, n_warmup=0, chains=2), seed=2)
    np.testing.assert_array_equal(often.states[:2], fewer.states)


def test_p_bits_without_a_clock_refuse_what_moves():
    with pytest.raises(ValueError, match="OffsetNoise moves what is held"):
        pbits.run(NET, Array(update="poisson", effects=[OffsetNoise(sigma=0.1, low=0.01, high=0.1)]), seed=1)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: SlopeMismatch(sigma_d2d=-1), "sigma_d2d"),
        (lambda: SlopeMismatch(alphas=[1.0, 0.0]), "above 0"),
        (lambda: SlopeMismatch(alphas=[[1.0]]), "row of finite numbers"),
        (lambda: SlopeMismatch(alphas=[1.0]).realise(NET, 1.0, np.arange(4), CHIP), "tells of 1 cells"),
        (lambda: LeakMismatch(swing=0), "swing"),
        (lambda: LeakMismatch(swing=4, median=-0.1), "median"),
        (lambda: LeakMismatch(swing=4, sigma_d2d=-0.1), "sigma_d2d"),
        (lambda: LeakMismatch(swing=4, leaks=[0.1, -0.1]), "at least 0"),
        (lambda: LeakMismatch(swing=4, median=0.1).realise(NET, 0.0, np.arange(4), CHIP), "take a small β"),
        (lambda: SupplyDroop(swing=4, share=1), "below 1"),
        (lambda: SupplyDroop(swing=4, share=0.6, shares=[0.1, 0.5]), "droop by 0.7 to 1.1"),
        (lambda: SupplyDroop(swing=4, share=0.2, shares=[-0.1, 0.5]), "from 0 to"),
        (lambda: SupplyDroop(swing=np.inf, share=0.1), "swing"),
        (lambda: LimitedDac(bits=1, full_scale=1), "2 to 52"),
        (lambda: LimitedDac(bits=4, full_scale=0), "positive, finite"),
        (lambda: StuckCells(share=1.5), "between 0 and 1"),
        (lambda: StuckCells(cells={0: 2}), "stick at −1 or \\+1"),
        (lambda: StuckCells(cells={0: 1}).realise(NET, 0.0, np.arange(4), CHIP), "take a small β"),
        (lambda: TemperatureDrift(offset_k=-300), "stay above 0"),
        (lambda: TemperatureDrift(drift_k_per_step=-1).temperature_k(400), "at step 400"),
        (lambda: TemperatureDrift(hold=0), "hold"),
        (lambda: OffsetNoise(sigma=0.1, low=0.2, high=0.1), "corners"),
        (lambda: OffsetNoise(sigma=-0.1, low=0.1, high=0.1), "sigma"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()
