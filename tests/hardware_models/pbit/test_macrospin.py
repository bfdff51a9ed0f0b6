"""Single-domain magnets against the Boltzmann integral and the Fokker–Planck equation.

Magnets are independent, so the mean over magnets of what each one shows has a standard error that they tell
themselves; the limit of five of them gives a false alarm in 2e-6 of the comparisons, and seeds are fixed. Steps are
short enough for their error to stay below half of that.
"""

import numpy as np
import pytest

from hardware_models.pbit.macrospin import CONSTANTS, VACUUM_T_M_PER_A, Macrospin
from pbits.parameters import Evidence
from pbits.reference.fokker_planck import axial_mean, axial_spectrum, sphere_moments, switching_rate

LIMIT = 5.0
# Strong damping forgets in few steps; the laws do not depend on it.
DAMPING = 1.0
MAGNETS = 2048


def deviation(values, exact):
    """By how many standard errors the mean of independent values misses; (magnets, …) or (magnets,)."""
    return np.abs(values.mean(axis=0) - exact) / (values.std(axis=0) / np.sqrt(len(values)))


def settle(magnet, durations=12.0, finer=2, seed=1, samples=60, **how):
    """Directions (samples, magnets, 3) over so many 1/D_r."""
    dt = durations / samples / magnet.diffusion_per_s
    steps = finer * int(np.ceil(dt / magnet.step_s()))
    return magnet.path(samples, dt, seed=seed, steps_per_sample=steps, **how)


def many(**vectors):
    return {"stiffness_t": np.zeros((MAGNETS, 3))} | {k: np.tile(v, (MAGNETS, 1)) for k, v in vectors.items()}


# ---- relaxation ----


def relaxed(factor=1.0):
    """How far ⟨m_z(t)⟩ of free magnets is from −e^(−t/τ), τ = (1 + α²)µ/(2αγkT), at most, in standard errors."""
    alpha = 0.2
    noisy = Macrospin(damping=alpha, temperature_k=300.0 * factor, **many())
    cold = Macrospin(damping=alpha)
    tau = (1 + alpha**2) / (2 * alpha * cold.gyromagnetic_rad_per_s_t * cold.thermal_field_t)
    seen = noisy.path(20, tau / 10, seed=2, steps_per_sample=20, initial=(0, 0, -1))[:, :, 2]
    return deviation(seen.T, -np.exp(-np.arange(1, 21) / 10)).max()


def test_free_magnets_relax_as_they_should():
    assert relaxed() < LIMIT


@pytest.mark.parametrize("factor", [2.0, np.sqrt(2)])
def test_the_check_sees_noise_that_is_wrong(factor):
    """By √2 in the field, and by √2 in its variance."""
    assert relaxed(factor) > 2 * LIMIT


def diffused(drift):
    """The same check on du = −drift·u D_r dt + √(2D_r(1 − u²)) dW, by Euler's method."""
    rng, u, h = np.random.default_rng(3), np.full(MAGNETS, -1.0), 0.0025
    seen = []
    for t in range(1, 401):
        u = np.clip(u - drift * u * h + np.sqrt(2 * h * (1 - u**2)) * rng.standard_normal(MAGNETS), -1, 1)
        if t % 20 == 0:
            seen.append(u)
    return deviation(np.array(seen).T, -np.exp(-2 * h * 20 * np.arange(1, 21))).max()


def test_the_check_sees_the_drift_of_the_other_calculus():
    """Itô's drift of m_z is −2D_r m_z; half of it is what Stratonovich's equation shows."""
    assert diffused(2.0) < LIMIT
    assert diffused(1.0) > 2 * LIMIT


# ---- equilibrium ----


def test_a_field_alone_makes_the_langevin_function():
    xi = 2.0
    field = (0.0, 0.0, xi * Macrospin().thermal_field_t)
    seen = settle(Macrospin(damping=DAMPING, **many(field_t=field)))
    assert deviation(seen[:, :, 2].mean(axis=0), 1 / np.tanh(xi) - 1 / xi) < LIMIT
    assert deviation(seen[:, :, 0].mean(axis=0), 0) < LIMIT


@pytest.mark.parametrize("barrier", [0.5, 2.0, 5.0])
def test_uniaxial_magnets_have_the_moments_and_correlations_of_their_law(barrier):
    seen = settle(Macrospin.uniaxial(np.full(MAGNETS, barrier), damping=DAMPING))[:, :, 2]
    potential = (0.0, 0.0, -barrier)
    assert deviation((seen**2).mean(axis=0), axial_mean(lambda u: u**2, potential)) < LIMIT
    rates, weights = axial_spectrum(potential)
    for lag in (1, 4, 20):
        exact = (weights * np.exp(-rates * 0.2 * lag)).sum()
        assert deviation((seen[lag:] * seen[:-lag]).mean(axis=0), exact) < LIMIT


def test_the_check_sees_noise_of_twice_the_power():
    barrier = 2.0
    hot = Macrospin.uniaxial(np.full(MAGNETS, barrier / 2), damping=DAMPING)
    seen = settle(hot)[:, :, 2]
    assert deviation((seen**2).mean(axis=0), axial_mean(lambda u: u**2, (0, 0, -barrier))) > 2 * LIMIT


def test_in_plane_magnets_have_the_moments_of_their_law():
    cool = {"saturation_a_per_m": 3e5, "damping": 0.5}
    normal = -VACUUM_T_M_PER_A * 3e5
    thermal = Macrospin(**cool).thermal_field_t
    easy, field = 2.0 * thermal, (0.5 * thermal, 0.3 * thermal, 0.2 * thermal)
    assert Macrospin.in_plane(easy, **cool).stiffness_t[0] == pytest.approx([easy, 0, normal])
    seen = settle(Macrospin(**many(stiffness_t=(easy, 0, normal), field_t=field), **cool))
    one = Macrospin(stiffness_t=(easy, 0, normal), field_t=field, **cool)
    mean, second = sphere_moments(lambda m: one.energy_kt(m[..., None, :])[..., 0])
    for axis in range(3):
        assert deviation(seen[:, :, axis].mean(axis=0), mean[axis]) < LIMIT
        assert deviation((seen[:, :, axis] ** 2).mean(axis=0), second[axis, axis]) < LIMIT


def test_perpendicular_films_are_easy_along_their_normal_only_beyond_the_demagnetising_field():
    flat = VACUUM_T_M_PER_A * 8e5
    assert Macrospin.perpendicular(flat + 0.3).stiffness_t[0] == pytest.approx([0, 0, 0.3])
    assert Macrospin.perpendicular(0.0).stiffness_t[0, 2] == -flat


def test_magnets_start_in_their_law():
    barrier = 4.0
    magnet = Macrospin.uniaxial(np.full(20_000, barrier))
    first = magnet.path(1, 1e-15, seed=3)[0]
    exact = axial_mean(lambda u: u**2, (0, 0, -barrier))
    assert deviation(first[:, 2] ** 2, exact) < LIMIT
    assert deviation(first[:, 2], 0) < LIMIT
    assert deviation(first[:, 0], 0) < LIMIT


# ---- switching ----


@pytest.mark.parametrize(("barrier", "durations"), [(3.0, 3.0), (6.0, 20.0)])
def test_the_switching_rate_is_the_smallest_eigenvalue(barrier, durations):
    """⟨m_z(t)⟩ of magnets that started up decays by it, once the faster modes are gone."""
    magnet = Macrospin.uniaxial(np.full(MAGNETS, barrier), damping=DAMPING)
    seen = settle(magnet, durations, finer=1, samples=20, initial=(0, 0, 1))[:, :, 2]
    lost = switching_rate((0, 0, -barrier)) * durations * 11 / 20
    assert deviation(seen[19] - seen[8] * np.exp(-lost), 0) < LIMIT
    assert deviation(seen[19] - seen[8] * np.exp(-2 * lost), 0) > LIMIT


def test_a_torque_along_the_axis_is_a_field_larger_by_one_over_the_damping():
    barrier, xi, alpha = 2.0, 0.8, 0.5
    thermal = Macrospin().thermal_field_t
    magnet = Macrospin.uniaxial(
        np.full(MAGNETS, barrier), damping=alpha, torque_t=np.tile((0, 0, alpha * xi * thermal), (MAGNETS, 1))
    )
    seen = settle(magnet, durations=20.0)[20:, :, 2]
    potential = (0.0, -xi, -barrier)
    assert deviation(seen.mean(axis=0), axial_mean(lambda u: u, potential)) < LIMIT
    assert deviation((seen**2).mean(axis=0), axial_mean(lambda u: u**2, potential)) < LIMIT
    assert deviation(seen.mean(axis=0), axial_mean(lambda u: u, (0.0, -xi * alpha, -barrier))) > 2 * LIMIT


def test_brown_tells_the_switching_rate_of_high_barriers():
    barrier, x = 12.0, 0.05
    magnet = Macrospin.uniaxial(barrier, damping=0.1)
    drive = x * magnet.stiffness_t[0, 2] * magnet.damping
    plus, minus = magnet.dwells_s(drive)
    exact = switching_rate((0, -2 * barrier * x, -barrier), 240) * magnet.diffusion_per_s
    assert 1 / plus[0] + 1 / minus[0] == pytest.approx(exact * (1 + 1 / barrier), rel=0.03)
    assert np.log(plus / minus)[0] == pytest.approx(4 * barrier * x + np.log((1 - x) / (1 + x)))
    by_field = Macrospin.uniaxial(barrier, damping=0.1, driven_by="field")
    np.testing.assert_allclose(by_field.dwells_s(drive / 0.1), (plus, minus))


@pytest.mark.parametrize(
    "magnet",
    [Macrospin.in_plane(0.1), Macrospin.isotropic(), Macrospin.uniaxial(5.0, field_t=(0.1, 0, 0))],
)
def test_brown_is_asked_of_uniaxial_magnets_alone(magnet):
    with pytest.raises(ValueError, match="easy axis z"):
        magnet.dwells_s()
    with pytest.raises(ValueError, match="one barrier is gone"):
        Macrospin.uniaxial(5.0).dwells_s(1.0)


# ---- the order of the method ----


def test_the_law_errs_in_proportion_to_the_step():
    """At Δ = 3, in steps so long that the error of ⟨m_z²⟩ stands out."""
    barrier = 3.0
    exact = axial_mean(lambda u: u**2, (0, 0, -barrier))
    magnet = Macrospin.uniaxial(np.full(2 * MAGNETS, barrier), damping=DAMPING)
    errors, spread = [], 0.0
    for steps in (2, 4, 8):
        seen = magnet.path(900, 0.08 / magnet.diffusion_per_s, seed=5, steps_per_sample=steps)[20:, :, 2]
        square = (seen**2).mean(axis=0)
        errors.append(square.mean() - exact)
        spread = square.std() / np.sqrt(len(square))
    # Order 1 makes ½ and ¼ of the first error, order ½ would make 0.71 and ½.
    assert errors[0] > 30 * spread
    assert errors[1] < 0.71 * errors[0] - LIMIT * spread
    assert errors[2] < 0.5 * errors[0] - LIMIT * spread


@pytest.mark.slow
@pytest.mark.parametrize("barrier", [8.0, 10.0])
def test_high_barriers_are_crossed_at_the_exact_rate(barrier):
    rate = switching_rate((0, 0, -barrier))
    magnet = Macrospin.uniaxial(np.full(MAGNETS, barrier), damping=DAMPING)
    seen = settle(magnet, 1 / rate, finer=1, samples=20, initial=(0, 0, 1))[:, :, 2]
    assert deviation(seen[19] - seen[4] * np.exp(-0.75), 0) < LIMIT


@pytest.mark.slow
def test_the_check_sees_the_factor_of_the_landau_lifshitz_form():
    alpha, n = 0.2, 200_000
    magnet = Macrospin(damping=alpha, stiffness_t=np.zeros((n, 3)))
    tau = (1 + alpha**2) / (2 * alpha * magnet.gyromagnetic_rad_per_s_t * magnet.thermal_field_t)
    last = magnet.path(1, tau, seed=5, steps_per_sample=400, initial=(0, 0, -1))[0, :, 2]
    assert deviation(last, -np.exp(-1)) < LIMIT
    assert deviation(last, -np.exp(-1 - alpha**2)) > LIMIT


# ---- the interface ----


def test_paths_do_not_depend_on_threads_or_on_other_magnets(monkeypatch):
    how = {"seed": 6, "initial": (0, 0, 1), "drive": 1e-3}
    barriers = np.linspace(2, 8, 300)
    monkeypatch.setenv("PBITS_THREADS", "1")
    alone = Macrospin.uniaxial(barriers).path(5, 1e-11, **how)
    monkeypatch.setenv("PBITS_THREADS", "2")
    np.testing.assert_array_equal(Macrospin.uniaxial(barriers).path(5, 1e-11, **how), alone)
    some = Macrospin.uniaxial(np.append(barriers[:150], 8.0)).path(5, 1e-11, **how)
    np.testing.assert_array_equal(some[:, :150], alone[:, :150])
    np.testing.assert_allclose(np.linalg.norm(alone, axis=-1), 1, atol=1e-14)


def test_a_trace_is_the_axis_that_is_read():
    magnet = Macrospin.in_plane()
    path = magnet.path(4, 1e-12, seed=7, drive=1e-3)
    trace = magnet.trace(4, 1e-12, seed=7, drive=1e-3)
    np.testing.assert_array_equal(trace.values, path[:, :, 0].T)
    assert (trace.dt_s, float(trace.drive)) == (1e-12, 1e-3)
    pushed = Macrospin(stiffness_t=magnet.stiffness_t, torque_t=(1e-3, 0, 0), axis=0)
    np.testing.assert_array_equal(pushed.path(4, 1e-12, seed=7), path)


def test_the_torque_of_a_current():
    """1 µA of full polarisation on a moment of 6.28e-20 J/T: ħ/(2e) is 3.29e-16 J/A."""
    magnet = Macrospin()
    assert magnet.moment_j_per_t == pytest.approx(6.283e-20, rel=1e-3)
    assert magnet.torque_of(1e-6, 1.0) == pytest.approx(3.2911e-16 * 1e-6 / 6.2832e-20, rel=1e-4)


def test_constants_say_that_they_are_taken_as_given():
    for parameter in CONSTANTS.values():
        assert parameter.evidence is Evidence.ASSUMED
        assert parameter.source
        assert "no measurement" in parameter.note


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"damping": 0.0}, "damping is 0.0; it must be positive"),
        ({"temperature_k": np.nan}, "temperature_k"),
        ({"axis": 3}, "0, 1 or 2"),
        ({"driven_by": "wind"}, "'torque' or 'field'"),
        ({"field_t": (1.0, 2.0)}, "expected vectors"),
        ({"field_t": np.zeros((2, 3)), "stiffness_t": np.zeros((3, 3))}, "one number of magnets"),
        ({"torque_t": (np.inf, 0, 0)}, "torque_t"),
    ],
)
def test_magnets_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Macrospin(**fields)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"n_samples": 0}, "n_samples is 0"),
        ({"dt_s": 0.0}, "dt_s 0.0"),
        ({"dt_s": 1e-9, "steps_per_sample": 1}, "steps_per_sample of at least"),
        ({"steps_per_sample": 0}, "at least 1"),
        ({"initial": (1, 0)}, "initial has shape"),
        ({"initial": (0, 0, 0)}, "no direction"),
    ],
)
def test_paths_that_cannot_be_followed_are_refused(how, message):
    with pytest.raises(ValueError, match=message):
        Macrospin.uniaxial(20.0).path(**({"n_samples": 2, "dt_s": 1e-12, "seed": 1} | how))
