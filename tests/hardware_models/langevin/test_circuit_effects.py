"""Effects of analog circuits: closed forms against Lyapunov equations written out here, and against many chips.

Statistical tests have fixed seeds and bounds of 5 standard errors, which one entry in 1.7 million exceeds by chance;
about 150 entries are compared, so one seed in some 11,000 would raise a false alarm.
"""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.constants import Boltzmann
from scipy.linalg import solve_continuous_lyapunov
from scipy.sparse import csr_array, vstack
from scipy.sparse.linalg import spsolve
from scipy.special import polygamma

import pbits
from hardware_models.langevin import Circuit
from hardware_models.langevin.effects import (
    Balance,
    ComponentDrift,
    FiniteGain,
    GainBandwidth,
    InductorLoss,
    JohnsonNoise,
    LeakyCapacitors,
    NoiseBandwidth,
    NoiseMismatch,
    Offset,
    Rounding,
    Saturation,
    Tolerance,
)
from hardware_models.langevin.noise import Filtered
from hardware_models.langevin.parts import Parts, to_ground
from pbits.reference.langevin import saturated_path
from pbits.streams import Stream, Streams
from pbits.testing import check_law, check_reproducible

G, C, SIGMA2 = 1e-3, 1e-9, 2e-14  # 1 kΩ, 1 nF, and noise for 0.1 V on such a cell
STILL = Streams(seed=0)

PASSIVE = Parts(
    capacitance_f=C * np.array([[1.0, 0.2, 0.0], [0.2, 1.5, 0.1], [0.0, 0.1, 0.8]]),
    conductance_s=G * np.array([[1.0, 0.5, 0.0], [0.5, 0.6, 0.4], [0.0, 0.4, 1.2]]),
    drive_a=[1e-4, -5e-5, 2e-5],
    noise_a2_per_hz=SIGMA2 * np.array([[1.0, 0.1, 0.0], [0.1, 1.3, 0.0], [0.0, 0.0, 0.7]]),
)
ACTIVE = Parts(
    capacitance_f=C * np.eye(3),
    conductance_s=G * np.diag([0.2, 0.0, 0.1]),
    transconductance_s=G * np.array([[1.0, 0.4, -0.2], [0.4, 1.2, 0.3], [-0.2, 0.3, 0.9]]),
    drive_a=[1e-4, -5e-5, 2e-5],
    noise_a2_per_hz=SIGMA2 * np.eye(3),
)
SKEW = replace(ACTIVE, transconductance_s=ACTIVE.transconductance_s + G * np.triu(np.full((3, 3), 0.3), 1))
RESONANT = replace(PASSIVE, inductance_h=[1e-4, 2e-4, 1e-4], inductor_ohm=[20.0, 0.0, 10.0])


def one(**changes):
    cell = Parts(capacitance_f=[[C]], conductance_s=[[G]], drive_a=[1e-4], noise_a2_per_hz=[[SIGMA2]])
    return replace(cell, **changes)


def law(parts):
    """Mean and covariance of the cells, from state equations that are written out for each kind of circuit."""
    n, kelvin = parts.n, 2 * Boltzmann * parts.temperature_k
    C_inv, conductors = np.linalg.inv(to_ground(parts.capacitance_f)), to_ground(parts.conductance_s)
    own = np.zeros((n, n)) if parts.transconductance_s is None else parts.transconductance_s
    blocks = {"v": n}
    if parts.inductance_h is not None:
        blocks["i"] = n
    if parts.amplifier_pole_hz is not None:
        blocks["y"] = n
    if isinstance(parts.spectrum, Filtered):
        blocks["noise"] = n
    ends = np.cumsum([0, *blocks.values()])
    at = {name: slice(first, last) for name, first, last in zip(blocks, ends, ends[1:])}
    A, N, drive = np.zeros((ends[-1], ends[-1])), np.zeros((ends[-1], ends[-1])), np.zeros(ends[-1])
    A[at["v"], at["v"]] = C_inv @ conductors
    A[at["v"], at["y" if "y" in at else "v"]] += C_inv @ own
    N[at["v"], at["v"]] = C_inv @ (kelvin * conductors) @ C_inv
    drive[at["v"]] = C_inv @ parts.drive_a
    if "y" in at:
        pole = 2 * np.pi * parts.amplifier_pole_hz
        A[at["y"], at["v"]], A[at["y"], at["y"]] = -pole * np.eye(n), pole * np.eye(n)
    if "i" in at:
        ohm = np.zeros(n) if parts.inductor_ohm is None else parts.inductor_ohm
        A[at["v"], at["i"]], A[at["i"], at["v"]] = C_inv, -np.diag(1 / parts.inductance_h)
        A[at["i"], at["i"]] = np.diag(ohm / parts.inductance_h)
        N[at["i"], at["i"]] = np.diag(kelvin * ohm / parts.inductance_h**2)
    if "noise" in at:
        rate = 1 / parts.spectrum.correlation_s
        A[at["v"], at["noise"]], A[at["noise"], at["noise"]] = -C_inv, rate * np.eye(n)
        N[at["noise"], at["noise"]] = rate**2 * parts.noise_a2_per_hz
    else:
        N[at["v"], at["v"]] += C_inv @ parts.noise_a2_per_hz @ C_inv
    # Volts, amperes and noise currents differ by orders of magnitude; equal units keep the digits.
    units = np.concatenate([np.full(size, {"v": 1.0, "y": 1.0}.get(name, G)) for name, size in blocks.items()])
    A, N = A * units / units[:, None], N / np.outer(units, units)
    sigma = solve_continuous_lyapunov(A, N)
    return np.linalg.solve(A, drive / units)[:n], sigma[:n, :n]


def moved(effect, parts, chip=STILL):
    """What an effect does in truth: law of the built parts less that of the parts."""
    built, _ = effect.build(parts, chip)
    (mean, sigma), (mean0, sigma0) = law(built), law(parts)
    return mean - mean0, sigma - sigma0


def relative(found, expected):
    return np.linalg.norm(np.subtract(found, expected)) / np.linalg.norm(expected)


def over_chips(effect, parts, chips):
    moves = [moved(effect, parts, Streams(seed=0, chip_seed=chip)) for chip in range(chips)]
    return np.array([m for m, _ in moves]), np.array([s for _, s in moves])


def assert_spread(values, mean, spread, slack):
    """Mean and standard deviation over chips, within 5 standard errors and `slack` of the spread for higher orders."""
    chips = len(values)
    assert (np.abs(values.mean(axis=0) - mean) <= (5 / np.sqrt(chips) + slack) * spread + 1e-15).all()
    squares = (values - values.mean(axis=0)) ** 2
    kurtosis = (squares**2).mean(axis=0) / np.maximum(squares.mean(axis=0) ** 2, 1e-300)
    error = 5 * np.sqrt(np.maximum(kurtosis - 1, 1) / (4 * chips))
    assert (np.abs(values.std(axis=0) - spread) <= (error + slack) * spread + 1e-15).all()


# --- the balance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [PASSIVE, ACTIVE, RESONANT, replace(PASSIVE, temperature_k=1e11)])
def test_a_balance_has_the_law_of_the_circuit(parts):
    mean, sigma = law(parts)
    balance = Balance(parts)
    np.testing.assert_allclose(balance.mean[:3], mean, rtol=1e-9)
    np.testing.assert_allclose(balance.covariance[:3, :3], sigma, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("parts", [PASSIVE, ACTIVE, RESONANT, replace(PASSIVE, temperature_k=1e11)])
@pytest.mark.parametrize("name", ["capacitance_f", "conductance_s", "inductance_h", "drive_a", "noise_a2_per_hz"])
def test_its_derivatives_leave_an_error_of_the_third_order(parts, name):
    values = getattr(parts, name)
    if values is None:
        return
    rng = np.random.default_rng(3)
    change = values * rng.normal(size=values.shape)
    change = change if values.ndim == 1 else change + change.T
    balance, (mean0, sigma0) = Balance(parts), law(parts)
    found = balance.along(**{name: change})
    gaps = []
    for e in (0.02, 0.01):
        mean, sigma = law(replace(parts, **{name: values + e * change}))
        gap_mean = mean - mean0 - (e * found.mean + e**2 * found.mean2)[:3]
        gap = sigma - sigma0 - (e * found.covariance + e**2 * found.covariance2)[:3, :3]
        gaps.append((np.abs(gap_mean).max() / np.abs(mean0).max(), np.abs(gap).max() / np.abs(sigma0).max()))
    for coarse, fine in zip(*gaps):
        assert fine < 1e-9 or 6 < coarse / fine < 10


def test_a_symmetric_circuit_moves_as_the_textbook_says():
    """Σ₁ = −Σ δA Σ, in units where Σ = A⁻¹."""
    A = ACTIVE.transconductance_s / G + np.diag([0.2, 0.0, 0.1])
    dA = np.array([[0.3, -0.1, 0.0], [-0.1, 0.2, 0.5], [0.0, 0.5, 0.1]])
    unit = SIGMA2 / (2 * G * C)
    found = Balance(ACTIVE).along(transconductance_s=G * dA).covariance / unit
    np.testing.assert_allclose(found, -np.linalg.inv(A) @ dA @ np.linalg.inv(A), rtol=1e-9)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (replace(PASSIVE, spectrum=Filtered(correlation_s=1e-7)), "coloured noise or amplifiers with a pole"),
        (replace(ACTIVE, amplifier_pole_hz=1e6), "coloured noise or amplifiers with a pole"),
        (replace(ACTIVE, transconductance_s=-2 * ACTIVE.transconductance_s), "grows at a rate of .*conductances"),
        (replace(PASSIVE, capacitance_f=np.diag([1e-9, 0.0, 1e-9])), "no capacitor.*give it one"),
    ],
)
def test_a_balance_says_what_it_cannot_tell(parts, words):
    with pytest.raises(ValueError, match=words):
        Balance(parts)


# --- components -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "parts"),
    [
        (Tolerance(resistors=0.02), PASSIVE),
        (Tolerance(capacitors=0.03), PASSIVE),
        (Tolerance(transconductors=0.02), ACTIVE),
        (Tolerance(resistors=0.02, capacitors=0.02, inductors=0.02), RESONANT),
    ],
)
def test_tolerance_spreads_the_law_as_predicted(effect, parts):
    means, covariances = over_chips(effect, parts, 1500)
    found = effect.predict(parts)
    assert_spread(covariances, found.covariance, found.covariance_spread, 0.02)
    assert_spread(means, found.mean, found.mean_spread, 0.02)


def test_the_mean_over_chips_is_off_by_the_second_order():
    """Large enough a spread to see it: the predicted mean is 6 standard errors from zero."""
    cell, effect = one(), Tolerance(resistors=0.1)
    _, covariances = over_chips(effect, cell, 4000)
    found = effect.predict(cell)
    error = covariances.std() / np.sqrt(4000)
    assert found.covariance[0, 0] > 6 * error
    # What remains is of the fourth order, 3σ⁴ of the variance.
    assert abs(covariances.mean() - found.covariance[0, 0]) < 5 * error + 3 * 0.1**4 * 0.01


@pytest.mark.parametrize(
    ("kind", "parts"), [("resistors", PASSIVE), ("transconductors", ACTIVE), ("inductors", RESONANT)]
)
def test_the_spread_is_that_of_all_components_together(kind, parts):
    """By finite differences of the law, component by component."""
    name = {"resistors": "conductance_s", "transconductors": "transconductance_s", "inductors": "inductance_h"}[kind]
    values, squares = getattr(parts, name), np.zeros((3, 3))
    places = zip(*np.nonzero(np.tril(values) if values.ndim == 2 else values))
    for place in places:
        ends = []
        for sign in (1, -1):
            changed = values.copy()
            changed[place] = changed[place[::-1]] = values[place] * (1 + sign * 1e-4)
            ends.append(law(replace(parts, **{name: changed}))[1])
        squares += ((ends[0] - ends[1]) / 2e-4) ** 2
    found = Tolerance(**{kind: 0.01}).predict(parts).covariance_spread
    np.testing.assert_allclose(found, 0.01 * np.sqrt(squares), rtol=1e-5, atol=1e-4 * found.max())


def test_two_cells_and_their_tolerance():
    """A = [[1, a], [a, 1]]: E‖δΣ‖² = s²Σ_k x_k²‖ΣE_kΣ‖², three components."""
    A = np.array([[1.0, -0.5], [-0.5, 1.0]])
    cells = Parts(
        capacitance_f=C * np.eye(2), conductance_s=np.zeros((2, 2)), transconductance_s=G * A, drive_a=[0.0, 0.0],
        noise_a2_per_hz=SIGMA2 * np.eye(2),
    )  # fmt: skip
    S = np.linalg.inv(A)
    each = [np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), np.array([[0.0, -0.5], [-0.5, 0.0]])]
    expected = np.sqrt(sum(np.linalg.norm(S @ E @ S) ** 2 for E in each)) / np.linalg.norm(S)
    found = Tolerance(transconductors=1e-6).predict(cells).relative(Balance(cells).covariance)
    assert found == pytest.approx(1e-6 * expected, rel=1e-4)


def test_two_resistive_cells_and_their_tolerance():
    """A = [[1, −0.3], [−0.3, 1]] of three resistors spreads by 0.83 of their tolerance."""
    cells = Parts(
        capacitance_f=C * np.eye(2), conductance_s=G * np.array([[0.7, 0.3], [0.3, 0.7]]), drive_a=[0.0, 0.0],
        noise_a2_per_hz=SIGMA2 * np.eye(2),
    )  # fmt: skip
    found = Tolerance(resistors=1e-6).predict(cells).relative(Balance(cells).covariance)
    assert found == pytest.approx(0.832e-6, rel=1e-3)


def test_tolerance_belongs_to_places_of_the_chip():
    def built(n, chip):
        parts = Parts(
            capacitance_f=np.ones((n, n)), conductance_s=np.ones((n, n)), transconductance_s=np.ones((n, n)),
            inductance_h=np.ones(n), drive_a=np.zeros(n), noise_a2_per_hz=np.eye(n),
        )  # fmt: skip
        effect = Tolerance(transconductors=0.1, resistors=0.1, capacitors=0.1, inductors=0.1)
        return effect.build(parts, Streams(seed=0, chip_seed=chip))[0]

    large, small = built(6, 1), built(4, 1)
    names = ("transconductance_s", "conductance_s", "capacitance_f")
    for name in names:
        np.testing.assert_array_equal(getattr(large, name)[:4, :4], getattr(small, name))
        assert (getattr(large, name) != getattr(built(6, 2), name)).all()
    np.testing.assert_array_equal(large.inductance_h[:4], small.inductance_h)
    kinds = [getattr(large, name)[np.tril_indices(6)] for name in names]
    assert np.abs(np.corrcoef(kinds) - np.eye(3)).max() < 0.7
    rows = Streams(seed=0, chip_seed=1).generator(Stream.CHIP, "ComponentTolerance").standard_normal(10)
    np.testing.assert_allclose(small.conductance_s[np.tril_indices(4)], 1 + 0.1 * rows, rtol=1e-14)


def test_a_component_of_a_wild_chip_keeps_its_sign():
    built, _ = Tolerance(transconductors=3.0).build(ACTIVE, STILL)
    assert (built.transconductance_s * ACTIVE.transconductance_s >= 0).all()


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_banks_round_to_the_nearest(bits, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, 4))
    values = values + values.T
    parts = Parts(
        capacitance_f=np.abs(values), conductance_s=np.abs(values), transconductance_s=values, drive_a=np.zeros(4),
        noise_a2_per_hz=np.eye(4),
    )  # fmt: skip
    built, notes = Rounding(bits=bits).build(parts, STILL)
    for name, kind, levels in [
        ("conductance_s", "resistors", 2**bits - 1),
        ("capacitance_f", "capacitors", 2**bits - 1),
        ("transconductance_s", "transconductors", 2 ** (bits - 1) - 1),
    ]:
        step, found, meant = notes["rounding"][kind]["step"], getattr(built, name), getattr(parts, name)
        assert step == pytest.approx(np.abs(values).max() / levels, rel=1e-12)
        np.testing.assert_allclose(found / step, np.round(found / step), atol=1e-6)
        assert np.abs(found - meant).max() <= step / 2 * (1 + 1e-9)
        assert np.abs(found).max() == pytest.approx(np.abs(values).max(), rel=1e-12)


def test_rounding_is_predicted_to_second_order():
    for parts in (PASSIVE, ACTIVE, RESONANT):
        effect = Rounding(bits=7)
        mean, sigma = moved(effect, parts)
        found = effect.predict(parts)
        assert relative(found.covariance, sigma) < 0.03
        assert np.abs(found.mean - mean).max() < 0.03 * np.abs(mean).max() + 1e-15


def slope_of_error(parts, effects_of, all_bits):
    """Exponent of the law's error in the step of the banks."""
    sigma0 = law(parts)[1]
    errors, steps = [], []
    for bits in all_bits:
        effects = effects_of(bits)
        sigma = np.mean([law(effect.build(parts, STILL)[0])[1] for effect in effects], axis=0)
        errors.append(relative(sigma, sigma0))
        steps.append(1 / (2**bits - 1))
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


def test_an_ensemble_of_rounded_devices_turns_a_linear_error_into_a_quadratic_one():
    n = 8
    rng = np.random.default_rng(2)
    between = rng.random((n, n))
    between = between + between.T
    parts = Parts(
        capacitance_f=C * np.eye(n), conductance_s=G * between, drive_a=np.zeros(n), noise_a2_per_hz=SIGMA2 * np.eye(n)
    )
    bits = range(4, 9)
    alone = slope_of_error(parts, lambda b: [Rounding(bits=b, capacitors=False)], bits)
    together = slope_of_error(parts, lambda b: Rounding.ensemble(b, 2**b, seed=3, capacitors=False), bits)
    assert 0.8 < alone < 1.2
    assert 1.8 < together < 2.2


@pytest.mark.parametrize("devices", [2, 7, 32])
def test_the_mean_of_an_ensemble_is_the_matrix_to_a_share_of_a_step(devices):
    effects = Rounding.ensemble(3, devices, seed=1)
    built = [effect.build(ACTIVE, STILL) for effect in effects]
    step = built[0][1]["rounding"]["transconductors"]["step"]
    found = np.array([parts.transconductance_s for parts, _ in built])
    assert np.abs(found.mean(axis=0) - ACTIVE.transconductance_s).max() <= step / (2 * devices) * (1 + 1e-6)
    assert (found == found.transpose(0, 2, 1)).all()
    assert np.abs(found - ACTIVE.transconductance_s).max() < step
    assert len({parts.tobytes() for parts in found}) > 1
    other = np.array([effect.build(ACTIVE, STILL)[0].transconductance_s for effect in Rounding.ensemble(3, devices, 2)])
    assert (found != other).any()


def test_the_law_of_an_ensemble_is_predicted():
    effects = Rounding.ensemble(6, 16, seed=1)
    truth = np.mean([moved(effect, ACTIVE)[1] for effect in effects], axis=0)
    found = np.mean([effect.predict(ACTIVE).covariance for effect in effects], axis=0)
    assert relative(found, truth) < 0.1


def test_leaky_capacitors():
    effect = LeakyCapacitors(time_constant_s=50e-6)
    mean, sigma = moved(effect, one())
    factor = 1 / (1 + C / G / 50e-6)
    assert sigma[0, 0] == pytest.approx((factor - 1) * 0.01, rel=1e-9)
    assert mean[0] == pytest.approx((factor - 1) * 0.1, rel=1e-9)
    for parts in (PASSIVE, ACTIVE, RESONANT, replace(PASSIVE, temperature_k=1e11)):
        found, (mean, sigma) = effect.predict(parts), moved(effect, parts)
        assert relative(found.covariance, sigma) < 3e-3
        assert np.abs(found.mean - mean).max() < 3e-3 * np.abs(mean).max() + 1e-15


def test_a_leak_adds_its_inverse_time_to_every_rate():
    built, _ = LeakyCapacitors(time_constant_s=3e-6).build(PASSIVE, STILL)
    before, after = (np.linalg.eigvals(np.linalg.solve(b.M, b.K)) for b in (Balance(PASSIVE), Balance(built)))
    np.testing.assert_allclose(np.sort(after), np.sort(before) + 1 / 3e-6, rtol=1e-9)


@pytest.mark.parametrize("ohm", [1.0, 300.0, 1e5])
def test_a_lossy_inductor_in_one_cell(ohm):
    cell = one(inductance_h=[1e-4])
    mean, sigma = law(InductorLoss(ohm=ohm).build(cell, STILL)[0])
    factor = 1 / (1 + ohm / G / (ohm**2 + 1e-4 / C * (1 + ohm * G)))
    assert sigma[0, 0] == pytest.approx(factor * SIGMA2 / (2 * G * C), rel=1e-9)
    assert mean[0] == pytest.approx(1e-4 * ohm / G / (ohm + 1 / G), rel=1e-9)


def test_lossy_inductors():
    ideal = replace(RESONANT, inductor_ohm=None)
    for parts in (ideal, RESONANT, replace(ideal, temperature_k=1e11)):
        effect = InductorLoss(ohm=1.0)
        found, (mean, sigma) = effect.predict(parts), moved(effect, parts)
        assert relative(found.covariance, sigma) < 1e-3
        assert relative(found.mean, mean) < 1e-3


def test_losses_at_a_temperature_leave_equipartition():
    warm = replace(RESONANT, noise_a2_per_hz=np.zeros((3, 3)), temperature_k=300.0, inductor_ohm=None)
    _, sigma = law(InductorLoss(ohm=40.0).build(warm, STILL)[0])
    np.testing.assert_allclose(sigma, Boltzmann * 300 * np.linalg.inv(to_ground(warm.capacitance_f)), rtol=1e-8)


# --- noise ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [PASSIVE, ACTIVE, RESONANT, replace(PASSIVE, temperature_k=1e11)])
def test_noise_of_finite_bandwidth_is_predicted_exactly(parts):
    effect = NoiseBandwidth(correlation_s=3e-7)
    np.testing.assert_allclose(effect.predict(parts).covariance, moved(effect, parts)[1], rtol=1e-7, atol=1e-10)
    assert (effect.predict(parts).mean == 0).all()


def test_noise_of_finite_bandwidth_in_one_cell():
    found = NoiseBandwidth(correlation_s=2e-7).predict(one()).covariance[0, 0]
    assert found == pytest.approx((1 / 1.2 - 1) * 0.01, rel=1e-9)


@pytest.mark.parametrize("parts", [ACTIVE, RESONANT])
def test_unequal_noise_spreads_the_law_as_predicted(parts):
    effect = NoiseMismatch(sigma=0.05)
    _, covariances = over_chips(effect, parts, 2000)
    found = effect.predict(parts)
    assert_spread(covariances, found.covariance, found.covariance_spread, 0.02)


def test_unequal_noise_makes_a_current_that_circulates():
    def circulation(parts):
        balance = Balance(parts)
        A = np.linalg.solve(balance.M, balance.K)
        flow = A @ balance.covariance
        return np.abs(flow - flow.T).max() / np.abs(flow).max()

    assert circulation(ACTIVE) < 1e-12
    assert circulation(NoiseMismatch(sigma=0.1).build(ACTIVE, STILL)[0]) > 1e-3


@pytest.mark.parametrize("parts", [PASSIVE, ACTIVE, RESONANT])
def test_johnson_noise_adds_what_it_should(parts):
    effect = JohnsonNoise(temperature_k=1e11)
    np.testing.assert_allclose(effect.predict(parts).covariance, moved(effect, parts)[1], rtol=1e-7, atol=1e-10)


def test_johnson_noise_of_passive_cells_is_equipartition():
    found = JohnsonNoise(temperature_k=300.0).predict(PASSIVE).covariance
    np.testing.assert_allclose(found, Boltzmann * 300 * np.linalg.inv(to_ground(PASSIVE.capacitance_f)), rtol=1e-9)


# --- amplifiers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leak", [0.0, 0.7])
def test_a_slow_amplifier_in_one_cell(leak):
    cell = one(conductance_s=[[leak * G]], transconductance_s=[[G]])
    effect = GainBandwidth(pole_hz=1e6)
    rate, pole = G / C, 2 * np.pi * 1e6
    sigma0 = SIGMA2 / (2 * G * (1 + leak) * C)
    assert moved(effect, cell)[1][0, 0] == pytest.approx(sigma0 * rate / (leak * rate + pole), rel=1e-9)
    assert effect.predict(cell).covariance[0, 0] == pytest.approx(moved(effect, cell)[1][0, 0], rel=1e-9)


def test_slow_amplifiers_are_predicted_to_first_order():
    for parts in (ACTIVE, SKEW, replace(ACTIVE, inductance_h=[1e-4, 2e-4, 3e-4])):
        gaps = []
        for pole_hz in (1e7, 2e7):
            effect = GainBandwidth(pole_hz=pole_hz)
            gaps.append(relative(effect.predict(parts).covariance, moved(effect, parts)[1]))
        assert gaps[0] < 0.1
        assert gaps[1] < 0.6 * gaps[0]


def test_amplifiers_of_finite_gain():
    cell = one(conductance_s=[[0.0]], transconductance_s=[[G]])
    mean, sigma = law(FiniteGain(dc_gain=50.0).build(cell, STILL)[0])
    assert sigma[0, 0] == pytest.approx(SIGMA2 / (2 * G * C) / 1.02**2, rel=1e-9)
    assert mean[0] == pytest.approx(0.1 / 1.02, rel=1e-9)
    effect = FiniteGain(dc_gain=300.0)
    found, (mean, sigma) = effect.predict(ACTIVE), moved(effect, ACTIVE)
    assert relative(found.covariance, sigma) < 1e-3
    assert relative(found.mean, mean) < 1e-3


def test_the_leak_of_an_amplifier_is_that_of_its_circuit():
    """Nodal equations of an inverting integrator whose input sits at −V/A₀, written out for two cells."""
    g, gain = np.array([[1.0, -0.3], [0.2, 0.8]]) * G, 40.0
    cells = Parts(
        capacitance_f=C * np.eye(2), conductance_s=np.zeros((2, 2)), transconductance_s=g, drive_a=[0.0, 0.0],
        noise_a2_per_hz=SIGMA2 * np.eye(2),
    )  # fmt: skip
    balance = Balance(FiniteGain(dc_gain=gain).build(cells, STILL)[0])
    # Σ_j |g_ij|(±V_j − V⁻_i) = C d(V⁻_i − V_i)/dt with V⁻ = −V/A₀; a negative coupling comes from an inverted output.
    rates = np.linalg.solve((1 + 1 / gain) * C * np.eye(2), g + np.diag(np.abs(g).sum(axis=1)) / gain)
    np.testing.assert_allclose(np.linalg.solve(balance.M, balance.K), rates, rtol=1e-12)


@pytest.mark.parametrize("parts", [PASSIVE, SKEW, RESONANT])
def test_offsets_move_the_mean_and_nothing_else(parts):
    effect = Offset(sigma_a=1e-6)
    means, covariances = over_chips(effect, parts, 1500)
    found = effect.predict(parts)
    assert (covariances == 0).all()
    assert_spread(means, found.mean, found.mean_spread, 0.0)
    products = np.einsum("ci,cj->cij", means, means)
    error = 5 * products.std(axis=0) / np.sqrt(len(means))
    assert (np.abs(products.mean(axis=0) - effect.bias(parts)) < error + 1e-30).all()


def test_the_bias_of_offsets_is_that_of_each_current():
    resting = law(SKEW)[0]
    total = np.zeros((3, 3))
    for current in 1e-6 * np.eye(3):
        shift = law(replace(SKEW, drive_a=SKEW.drive_a + current))[0] - resting
        total += np.outer(shift, shift)
    np.testing.assert_allclose(Offset(sigma_a=1e-6).bias(SKEW), total, rtol=1e-7)


# --- drift ------------------------------------------------------------------------------------------------------------


def averaged(effect, parts, count, seed):
    laws = [law(piece) for piece in islice(effect.pieces(parts, Streams(seed=seed)), count)]
    (mean0, sigma0) = law(parts)
    return np.mean([m for m, _ in laws], axis=0) - mean0, np.mean([s for _, s in laws], axis=0) - sigma0


@pytest.mark.parametrize("parts", [PASSIVE, ACTIVE])
def test_wandering_components_are_predicted(parts):
    effect = ComponentDrift(sigma=0.03, correlation_s=2e-3, every_s=1e-3)
    runs = [averaged(effect, parts, 8, seed) for seed in range(300)]
    found = effect.predict(parts, duration_s=8e-3)
    assert_spread(np.array([s for _, s in runs]), found.covariance, found.covariance_spread, 0.03)
    assert_spread(np.array([m for m, _ in runs]), found.mean, found.mean_spread, 0.03)


def test_components_wander_as_they_should():
    """40 pieces of 465 components: variance 1 and a lagged correlation of e^(−½), from the first piece on."""
    n = 30
    parts = Parts(
        capacitance_f=np.eye(n), conductance_s=np.ones((n, n)), drive_a=np.zeros(n), noise_a2_per_hz=np.eye(n)
    )
    effect = ComponentDrift(sigma=0.02, correlation_s=2.0, every_s=1.0)
    pieces = [piece.conductance_s for piece in islice(effect.pieces(parts, Streams(seed=3)), 40)]
    assert all((piece == piece.T).all() for piece in pieces)
    z = (np.array(pieces)[:, *np.tril_indices(n)] - 1) / 0.02
    kept = np.exp(-0.5)
    # A sum over pieces of squares counts for (1 − kept²)/(1 + kept²) as many; products of neighbours for no fewer.
    for some, share in ((z[:1], 1), (z, (1 - kept**2) / (1 + kept**2))):
        assert abs((some**2).mean() - 1) < 5 * np.sqrt(2 / (some.size * share))
    assert abs((z[1:] * z[:-1]).mean() - kept) < 5 * np.sqrt(2 / (z.size * (1 - kept**2) / (1 + kept**2)))


def test_what_wanders_together_averages_out_slowly():
    effect = ComponentDrift(sigma=0.03, correlation_s=2e-3, every_s=1e-3)
    pieces = np.arange(8)
    together = np.exp(-0.5 * np.abs(pieces[:, None] - pieces)).mean()
    single, whole = (effect.predict(PASSIVE, duration_s=seconds).covariance_spread for seconds in (1e-3, 8e-3))
    np.testing.assert_allclose(whole, np.sqrt(together) * single, rtol=1e-12)


def test_a_ramp_is_predicted():
    effect = ComponentDrift(ramp_per_s=4.0, every_s=1e-3)
    mean, sigma = averaged(effect, ACTIVE, 20, 0)
    found = effect.predict(ACTIVE, duration_s=20e-3)
    # All conductances alike: Σ and the mean are as 1/(1 + 4t), of which two terms are taken.
    _, sigma0 = law(ACTIVE)
    t = 1e-3 * np.arange(20)
    np.testing.assert_allclose(sigma, (1 / (1 + 4 * t) - 1).mean() * sigma0, rtol=1e-9)
    np.testing.assert_allclose(found.covariance, (-4 * t + 16 * t**2).mean() * sigma0, rtol=1e-9)
    assert relative(found.mean, mean) < 0.02


def test_a_drift_that_reaches_zero_is_refused():
    effect = ComponentDrift(ramp_per_s=-100.0, every_s=1e-3)
    with pytest.raises(ValueError, match=r"after 0\.01 s of drift a conductance would be 0 .*smaller sigma or ramp"):
        list(islice(effect.pieces(PASSIVE, STILL), 12))


def test_drift_comes_from_the_seed_of_a_run():
    effect = ComponentDrift(sigma=0.1, correlation_s=1e-3, every_s=1e-3)

    def third(seed):
        return list(islice(effect.pieces(PASSIVE, Streams(seed=seed)), 3))[2].conductance_s

    assert (third(1) == third(1)).all()
    assert (third(1) != third(2)).any()


# --- saturation -------------------------------------------------------------------------------------------------------

SATURATED = one(conductance_s=[[0.0]], transconductance_s=[[G]])


@pytest.mark.parametrize(("drive", "volts"), [(0.0, 0.15), (4e-5, 0.15), (0.0, 0.4)])
def test_the_law_of_one_saturating_cell_is_its_integral(drive, volts):
    cell = replace(SATURATED, drive_a=[drive])
    x = np.linspace(-20, 20, 200_001)
    log_p = 2 * C / SIGMA2 * (drive * x * volts - G * volts**2 * np.logaddexp(x, -x))
    p = np.exp(log_p - log_p.max())
    mean = volts * (x * p).sum() / p.sum()
    variance = volts**2 * (x**2 * p).sum() / p.sum() - mean**2
    found = Saturation(volts=volts).predict(cell)
    assert found.mean[0] == pytest.approx(mean - drive / G, abs=1e-9)
    assert found.covariance[0, 0] == pytest.approx(variance - 0.01, rel=1e-6)


def test_without_a_drive_the_variance_is_a_trigamma():
    assert Saturation(volts=0.2).predict(replace(SATURATED, drive_a=[0.0])).covariance[0, 0] + 0.01 == pytest.approx(
        0.02 * float(polygamma(1, 2.0)), rel=1e-9
    )


def sampled(parts, volts, chains=20_000, steps=20, substeps=None):
    """Mean and covariance over chains, long after the start."""
    transition = Saturation(volts=volts).transition(parts, 1e-6, substeps=substeps)
    x = transition.path(np.zeros((chains, parts.n)), steps, Streams(seed=4))[:, -1]
    return x.mean(axis=0), np.cov(x.T).reshape(parts.n, parts.n)


@pytest.mark.parametrize("drive", [0.0, 4e-5])
def test_a_saturating_cell_has_its_law(drive):
    cell = replace(SATURATED, drive_a=[drive])
    mean, sigma = sampled(cell, 0.15)
    found = Saturation(volts=0.15).predict(cell)
    variance = 0.01 + found.covariance[0, 0]
    assert abs(mean[0] - drive / G - found.mean[0]) < 5 * np.sqrt(variance / 20_000)
    # The tails are heavier than a normal's; 4 is above the excess kurtosis of either law.
    assert abs(sigma[0, 0] - variance) < 5 * variance * np.sqrt((2 + 4) / 20_000)


PAIR = Parts(
    capacitance_f=C * np.eye(2),
    conductance_s=G * np.diag([0.2, 0.1]),
    transconductance_s=G * np.array([[1.0, 0.6], [-0.3, 0.8]]),
    drive_a=[3e-5, 0.0],
    noise_a2_per_hz=SIGMA2 * np.diag([1.0, 0.8]),
)


def fokker_planck(parts, volts, reach=0.8, cells=101):
    """Moments of the stationary density of two cells on a grid of ±reach volts, by finite volumes whose fluxes are
    exact for a constant drift (Scharfetter and Gummel).
    """
    x = np.linspace(-reach, reach, cells)
    h, count = x[1] - x[0], cells**2
    V = np.stack(np.meshgrid(x, x, indexing="ij"))
    generator = csr_array((count, count))
    number = np.arange(count).reshape(cells, cells)
    for axis in (0, 1):
        lower = np.take(number, np.arange(cells - 1), axis).ravel()
        upper = np.take(number, np.arange(1, cells), axis).ravel()
        middle = (V.reshape(2, -1)[:, lower] + V.reshape(2, -1)[:, upper]) / 2
        own = parts.transconductance_s @ (volts * np.tanh(middle / volts))
        drift = (parts.drive_a[:, None] - parts.conductance_s @ middle - own)[axis] / C
        diffusion = parts.noise_a2_per_hz[axis, axis] / (2 * C**2)
        peclet = drift * h / diffusion
        up, down = (sign * peclet / -np.expm1(-sign * peclet) * diffusion / h**2 for sign in (1, -1))
        for source, target, rate in ((lower, upper, up), (upper, lower, down)):
            generator = generator + csr_array((rate, (target, source)), shape=(count, count))
            generator = generator - csr_array((rate, (source, source)), shape=(count, count))
    # One equation says what the others do, and makes room for the sum of 1.
    system = vstack([generator[:-1], csr_array(np.ones((1, count)))]).tocsc()
    p = spsolve(system, np.eye(1, count, count - 1)[0])
    points = V.reshape(2, -1)
    mean = points @ p
    return mean, (points - mean[:, None]) * p @ (points - mean[:, None]).T


def test_saturating_cells_are_predicted_to_first_order():
    """The grid's own error cancels in the difference to cells that hardly saturate."""
    mean0, sigma0 = fokker_planck(PAIR, 100.0)
    gaps = []
    for volts in (0.5, 1.0):
        mean, sigma = fokker_planck(PAIR, volts)
        found = Saturation(volts=volts).predict(PAIR)
        gaps.append([relative(found.mean, mean - mean0), relative(found.covariance, sigma - sigma0)])
    assert (np.array(gaps[0]) < 0.3).all()
    assert (np.array(gaps[1]) < 0.4 * np.array(gaps[0])).all()


@pytest.mark.parametrize("substeps", [None, 16])
def test_saturating_cells_have_the_law_of_their_fokker_planck_equation(substeps):
    expected_mean, expected = fokker_planck(PAIR, 0.2)
    mean, sigma = sampled(PAIR, 0.2, substeps=substeps)
    variances = np.diag(expected)
    # The grid is right to 0.3 %; the excess kurtosis is below 2.
    assert (np.abs(mean - expected_mean) < 5 * np.sqrt(variances / 20_000) + 1e-4).all()
    error = np.sqrt((2 + 2) * np.outer(variances, variances) / 20_000)
    assert (np.abs(sigma - expected) < 5 * error + 0.003 * np.abs(expected)).all()


def test_the_error_of_the_step_is_of_second_order():
    """With the same noise for whole and half steps nothing is random: a path without noise follows its equation."""
    cells = replace(PAIR, noise_a2_per_hz=np.zeros((2, 2)))
    ends = [
        Saturation(volts=0.1).transition(cells, 1e-6, substeps=m).path([0.4, -0.3], 1, STILL)[0, -1]
        for m in (8, 16, 512)
    ]
    coarse, fine = (np.abs(end - ends[2]).max() for end in ends[:2])
    assert 3 < coarse / fine < 5


def test_what_does_not_saturate_moves_exactly():
    transition = Saturation(volts=1e6).transition(ACTIVE, 1e-6, substeps=1)
    path = transition.path(np.zeros((20_000, 3)), 30, Streams(seed=2))[:, -1]
    mean, sigma = law(ACTIVE)
    error = np.sqrt((np.outer(np.diag(sigma), np.diag(sigma)) + sigma**2) / len(path))
    assert (np.abs(np.cov(path.T) - sigma) < 5 * error).all()
    assert (np.abs(path.mean(axis=0) - mean) < 5 * np.sqrt(np.diag(sigma) / len(path))).all()


def test_steps_are_those_of_the_plain_twin():
    transition = Saturation(volts=0.15).transition(ACTIVE, 1e-6, volts=0.1, substeps=5)
    start = np.random.default_rng(1).normal(size=(4, 3))
    factors = np.array([1.0, 0.5, 2.0])
    streams = Streams(seed=8)
    found = transition.path(start, 3, streams, amplitudes=factors, step0=2)
    process = transition.process
    twin = saturated_path(
        start, process.A, process.diffusion, process.mean, transition.active, transition.limit, transition.step,
        np.repeat(factors, 5).tolist(), streams.key(Stream.THERMAL), step0=10,
    )  # fmt: skip
    np.testing.assert_allclose(found, twin[:, 4::5], rtol=1e-10, atol=1e-14)
    halves = [transition.path(start, 1, streams, amplitudes=factors[:1], step0=2)]
    halves.append(transition.path(halves[0][:, -1], 2, streams, amplitudes=factors[1:], step0=3))
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), found)


# --- on a machine -----------------------------------------------------------------------------------------------------

MODEL = pbits.GaussianModel([[2.0, -0.5, 0.3], [-0.5, 1.5, -0.7], [0.3, -0.7, 1.0]], [1.0, -0.5, 0.2])
MUTUAL = pbits.GaussianModel([[2.0, -0.5, 0.0], [-0.5, 1.5, -0.7], [0.0, -0.7, 1.0]], [1.0, -0.5, 0.2])
STATED = {"resistance_ohm": 1e3, "capacitance_f": 1e-9, "noise_voltage_rms_v": 0.1}
LINEAR = [
    Tolerance(transconductors=0.02, capacitors=0.02),
    Rounding(bits=6),
    LeakyCapacitors(time_constant_s=100e-6),
    NoiseBandwidth(correlation_s=2e-8),
    NoiseMismatch(sigma=0.02),
    GainBandwidth(pole_hz=3e7),
    FiniteGain(dc_gain=300.0),
    Offset(sigma_a=2e-6),
    JohnsonNoise(temperature_k=1e10),
]
MOVING = [
    Saturation(volts=0.3),
    ComponentDrift(sigma=0.05, correlation_s=1e-3, every_s=2e-5),
    ComponentDrift(ramp_per_s=10.0, every_s=5e-6),
]


def machine(effect):
    return Circuit(effects=[effect], coupling="passive" if isinstance(effect, JohnsonNoise) else "active", **STATED)


@pytest.mark.parametrize("effect", LINEAR)
def test_a_machine_has_the_law_that_is_predicted(effect):
    model = MUTUAL if isinstance(effect, JohnsonNoise) else MODEL
    program = machine(effect).compile(model, pbits.Schedule(), chip_seed=3)
    told = program.law(1.0)
    mean, covariance = told.moments or (told.model.mean, np.linalg.inv(told.model.A))
    plan = program.plan
    built, _ = effect.build(plan.parts, Streams(seed=0, chip_seed=3))
    found = effect.predict(plan.parts)
    change = (mean - model.mean) * plan.volts, (covariance - np.linalg.inv(model.A)) * plan.volts**2
    if found.covariance_spread.any() or found.mean_spread.any():
        # One chip lies within 4 of its spreads.
        assert (np.abs(change[0] - found.mean) < 4 * found.mean_spread + 1e-9).all()
        assert (np.abs(change[1] - found.covariance) < 4 * found.covariance_spread + 1e-12).all()
    else:
        assert relative(found.covariance, change[1]) < 0.02
        assert np.abs(found.mean - change[0]).max() < 0.02 * np.abs(change[0]).max() + 1e-12
    np.testing.assert_allclose(change[1], law(built)[1] - law(plan.parts)[1], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("effect", [*LINEAR, *MOVING])
def test_a_machine_samples_the_law_it_declares_or_is_its_twin(effect):
    check_law(machine(effect))


@pytest.mark.parametrize("effect", MOVING)
def test_a_moving_machine_repeats_itself(effect):
    check_reproducible(machine(effect))


def test_a_run_of_drifting_components_has_the_mean_law_that_is_predicted():
    """Conductances that rise by a fifth: 20 reads of 4000 chains have the law of no time, but that of the mean."""
    effect = ComponentDrift(ramp_per_s=2e3, every_s=1e-5)
    schedule = pbits.Schedule(n_samples=20, n_warmup=0, chains=4000, step_s=5e-6)
    initial = np.random.default_rng(2).multivariate_normal(MODEL.mean, np.linalg.inv(MODEL.A), size=4000)
    x = pbits.run(MODEL, machine(effect), schedule, seed=6, initial=initial).states
    plan = machine(effect).compile(MODEL, schedule).plan
    found = effect.predict(plan.parts, duration_s=20 * 5e-6).covariance / plan.volts**2
    centred = x - x.mean(axis=0)
    each = np.einsum("cti,ctj->cij", centred, centred) / 20
    error = 5 * each.std(axis=0) / np.sqrt(len(x))
    change = each.mean(axis=0) - np.linalg.inv(MODEL.A)
    assert (np.abs(found) > 1.5 * error)[np.eye(3, dtype=bool)].all()
    # Conductances change by a hundredth in a relaxation time, and the law lags behind.
    assert (np.abs(change - found) < error + 0.08 * np.abs(found).max()).all()


def test_a_saturating_machine_has_the_law_of_its_fokker_planck_equation():
    model = pbits.GaussianModel([[1.0, 0.5], [0.5, 1.2]], [0.3, 0.0])
    circuit = machine(Saturation(volts=0.2))
    schedule = pbits.Schedule(n_samples=30, n_warmup=15, chains=8000, step_tau=4.0)
    x = pbits.run(model, circuit, schedule, seed=3).states.reshape(-1, 2)
    plan = circuit.compile(model, schedule).plan
    mean, covariance = fokker_planck(plan.parts, 0.2)
    volts = x * plan.volts
    variances = np.diag(covariance)
    # Reads that are four relaxation times apart are as good as independent.
    assert (np.abs(volts.mean(axis=0) - mean) < 5 * np.sqrt(variances / len(x)) + 1e-4).all()
    error = np.sqrt((2 + 2) * np.outer(variances, variances) / len(x))
    assert (np.abs(np.cov(volts.T) - covariance) < 5 * error + 0.003 * np.abs(covariance)).all()


def test_a_machine_of_unknown_law_says_why():
    circuit = Circuit(effects=[MOVING[0], MOVING[1]], **STATED)
    told = circuit.compile(MODEL, pbits.Schedule()).law(1.0)
    assert told.kind == "unknown"
    assert "drift" in told.note
    assert "saturate" in told.note
    check_law(circuit)


@pytest.mark.parametrize(
    ("effects", "stated", "words"),
    [
        ([LeakyCapacitors(time_constant_s=1e-4)], {}, "told in seconds, hertz or ohms; give resistance_ohm and"),
        ([Saturation(volts=1.0)], {"resistance_ohm": 1e3, "capacitance_f": 1e-9}, "give noise_voltage_rms_v too"),
    ],
)
def test_an_effect_in_units_that_a_machine_does_not_state(effects, stated, words):
    with pytest.raises(pbits.NotMappable, match=words):
        Circuit(effects=effects, **stated).compile(MODEL, pbits.Schedule())


def test_two_of_what_there_is_one():
    with pytest.raises(ValueError, match="2 effects are a Saturation; one says it all"):
        Circuit(effects=[Saturation(volts=1.0), Saturation(volts=2.0)])


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tolerance(resistors=-0.1), "resistors is -0.1; a relative spread must be finite and at least 0"),
        (lambda: Rounding(bits=1), "bits is 1; it must be a whole number between 2 and 32"),
        (lambda: Rounding(bits=4, devices=3, device=3), "device 3 of 3; devices count from 0"),
        (lambda: LeakyCapacitors(time_constant_s=0.0), "time_constant_s is 0.0; a time constant must be positive"),
        (lambda: InductorLoss(ohm=-1.0), "ohm is -1.0; a resistance is finite and at least 0"),
        (lambda: ComponentDrift(sigma=0.1, every_s=1.0), "without correlation_s; say how fast"),
        (lambda: ComponentDrift(every_s=0.0), "every_s is 0.0; a time must be positive"),
        (lambda: ComponentDrift(ramp_per_s=np.inf, every_s=1.0), "ramp_per_s is inf; it must be finite"),
        (lambda: NoiseBandwidth(correlation_s=-1e-9), "correlation_s is -1e-09; a correlation time must be positive"),
        (lambda: NoiseMismatch(sigma=np.nan), "sigma is nan; a relative spread must be finite"),
        (lambda: JohnsonNoise(temperature_k=0.0), "temperature_k is 0.0; a temperature in kelvin must be positive"),
        (lambda: GainBandwidth(pole_hz=0.0), "pole_hz is 0.0; a frequency must be positive"),
        (lambda: FiniteGain(dc_gain=1.0), "dc_gain is 1.0; an amplifier's gain is finite and above 1"),
        (lambda: Offset(sigma_a=-1.0), "sigma_a is -1.0; a spread of currents"),
        (lambda: Saturation(volts=0.0), "volts is 0.0; a voltage must be positive"),
    ],
)
def test_impossible_effects(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("effect", "parts", "words"),
    [
        (InductorLoss(ohm=1.0), PASSIVE, "no inductors to lose energy in; leave InductorLoss out"),
        (GainBandwidth(pole_hz=1e6), PASSIVE, "couplings are passive; leave GainBandwidth out"),
        (GainBandwidth(pole_hz=1e6), replace(ACTIVE, amplifier_pole_hz=1e7), "pole at 1e.07 Hz already; leave one"),
        (FiniteGain(dc_gain=100.0), PASSIVE, "couplings are passive; leave FiniteGain out"),
        (Saturation(volts=1.0), PASSIVE, "couplings are passive; leave Saturation out"),
        (Saturation(volts=1.0), replace(ACTIVE, inductance_h=np.ones(3)), "without inductors; leave one of them out"),
        (NoiseBandwidth(correlation_s=1e-7), replace(PASSIVE, spectrum=Filtered(correlation_s=1e-6)), "is Filtered"),
        (JohnsonNoise(temperature_k=1.0), replace(ACTIVE, conductance_s=np.zeros((3, 3))), "no resistors to be noisy"),
        (JohnsonNoise(temperature_k=1.0), replace(PASSIVE, temperature_k=300.0), "at 300 K already; leave out"),
    ],
)
def test_effects_that_a_circuit_cannot_have(effect, parts, words):
    with pytest.raises(ValueError, match=words):
        effect.build(parts, STILL)


def test_a_drive_that_a_saturating_cell_cannot_take():
    with pytest.raises(ValueError, match=r"mean of 0.1 V needs more current .*runs away: take a larger volts"):
        Saturation(volts=0.09).predict(SATURATED)
    with pytest.raises(ValueError, match="0 substeps; a step has at least one"):
        Saturation(volts=1.0).transition(ACTIVE, 1e-6, substeps=0)
